//! The example as the demo signs it, held in memory, and signed again after somebody has changed it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use assent_compiler::check::{Options, Survey, examine, unassigned_author};
use assent_compiler::command::demo::agency::{Agency, CLIENTS};
use assent_compiler::command::demo::source::Lead;
use assent_compiler::lower::Form;
use assent_compiler::source::{Held, Source, changes_since, read_files};
use assent_schema::canon::Digest;
use assent_schema::code::Code;
use assent_schema::finding::{Finding, Findings};
use assent_schema::id::{ClientId, WorkflowId};
use assent_schema::time::{Moment, Period};
use assent_schema::trust::{Approval, CatalogLock, Decision, Namespace, Signer, Statement, sign};
use assent_schema::uses::DataUse;
use git2::{IndexEntry, IndexTime, Oid, Repository, Signature, Time};

/// Files by path.
pub type Files = BTreeMap<String, Vec<u8>>;

/// A source with everybody's keys.
#[derive(Clone, Debug)]
pub struct Signed {
    /// The files, signatures included.
    pub files: Files,
    /// The private key of each person.
    pub keys: Arc<BTreeMap<String, Signer>>,
    /// The digest of the first root.
    pub project: Digest,
    /// When everything is signed and checked.
    pub now: Moment,
}

/// What a check found, in order, and all that it read.
#[derive(Debug)]
pub struct Checked {
    /// Every finding.
    pub findings: Vec<Finding>,
    /// What the source says.
    pub survey: Survey,
    /// The source.
    pub source: Source,
}

impl Checked {
    /// Each workflow's plan and scenarios as agents read them, by client and workflow.
    pub fn forms(&self) -> BTreeMap<(ClientId, WorkflowId), Form> {
        let mut forms = BTreeMap::new();
        for (id, client) in &self.survey.resolved.clients {
            for (name, workflow) in &client.workflows {
                let judged = self.survey.judged.get(id).and_then(|judged| judged.workflows.get(name));
                if let Some(form) = judged.and_then(|judged| judged.lowered.form(workflow).ok()) {
                    forms.insert((id.clone(), name.clone()), form);
                }
            }
        }
        forms
    }

    /// What staging agents rehearse: each plan with its scenarios.
    pub fn pairs(&self) -> BTreeSet<(Digest, Digest)> {
        let forms = self.forms().into_values();
        forms.filter_map(|form| Some((form.digest, form.tests?.digest))).collect()
    }
}

impl Signed {
    /// The example, founded, established and approved by the commands that people type.
    ///
    /// # Panics
    /// When a command refuses.
    pub fn example(now: Moment) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let agency = Agency::found(folder.path(), Lead::AsWritten, now).expect("an agency");
        agency.establish(&[], &[]).expect("signed trust");
        agency.approve_all().expect("approvals");
        let mut files = Files::new();
        read_folder(&agency.source, &agency.source, &mut files);
        let mut keys = BTreeMap::new();
        let mut key_files = Files::new();
        read_folder(agency.keys.folder(), agency.keys.folder(), &mut key_files);
        for (name, text) in key_files.iter().filter(|(name, _)| !name.contains('.')) {
            keys.insert(name.clone(), Signer::from_openssh(text).expect("a private key"));
        }
        let project = Digest::of_file(files.get("trust/root/1.toml").expect("a root"));
        Self { files, keys: keys.into(), project, now }
    }

    /// Files that nobody has signed, and nobody's keys.
    pub fn unsigned(files: Files, now: Moment) -> Self {
        Self { files, keys: Arc::default(), project: Digest::of_file(b""), now }
    }

    /// Writes the catalog's lock anew and has it signed, as its role asks.
    ///
    /// # Panics
    /// Never: the lock of any files can be written.
    pub fn lock_catalog(&mut self) {
        let digests = self.files.iter().filter_map(|(path, bytes)| {
            let path = path.strip_prefix("catalog/").filter(|path| path.contains('/'))?;
            Some((path.to_owned(), Digest::of_file(bytes)))
        });
        let lock = CatalogLock::new(self.project, 1, digests.collect()).to_toml().expect("a lock");
        self.put("catalog/catalog.lock", lock, Namespace::Catalog, &["alice"]);
    }

    /// Signs a file that stands here with the keys of some people, in the place of their earlier signatures.
    ///
    /// # Panics
    /// When the file is not there or a person has no key.
    pub fn sign(&mut self, path: &str, namespace: Namespace, people: &[&str]) {
        for person in people {
            let signer = self.keys.get(*person).expect("a person with a key");
            let signature = sign(signer, namespace, self.files.get(path).expect("a file"));
            self.files.insert(format!("{path}.{person}.sig"), signature.into_bytes());
        }
    }

    /// Signs again what differs from an earlier state, with the keys of those who had signed it.
    ///
    /// # Panics
    /// When somebody signed who has no key here.
    pub fn sign_again(&mut self, before: &Self) {
        let changed = self.files.iter().filter(|(path, bytes)| before.files.get(*path) != Some(*bytes));
        let changed: Vec<(String, Namespace)> =
            changed.filter_map(|(path, _)| Some((path.clone(), namespace(path)?))).collect();
        for (path, namespace) in changed {
            let of =
                |file: &String| file.strip_prefix(&path)?.strip_prefix('.')?.strip_suffix(".sig").map(str::to_owned);
            let people: Vec<String> = self.files.keys().filter_map(of).collect();
            self.sign(&path, namespace, &people.iter().map(String::as_str).collect::<Vec<_>>());
        }
    }

    fn put(&mut self, path: &str, text: String, namespace: Namespace, people: &[&str]) {
        self.files.insert(path.to_owned(), text.into_bytes());
        self.sign(path, namespace, people);
    }

    /// Checks the source as `assent check` does.
    pub fn check(&self) -> Checked {
        self.check_for(&Options::default())
    }

    /// Checks the source as `assent check` does that is asked for more.
    ///
    /// # Panics
    /// Never: nothing is read from outside.
    pub fn check_for(&self, options: &Options) -> Checked {
        let (source, found) = read_files(&self.files);
        let parts = Held::new(source.clone(), found);
        let (survey, findings) = examine(&parts, self.now, options).expect("a source that is held");
        Checked { findings: findings.sorted(), survey, source }
    }

    /// Checks the source as it is committed by somebody after an earlier state, and who may change what.
    ///
    /// # Panics
    /// When the person has no key.
    pub fn check_commit(&self, before: &Self, by: &str) -> Checked {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let repository = Repository::init_bare(folder.path()).expect("a repository");
        let base = before.commit(&repository, None, "alice");
        let tip = self.commit(&repository, Some(base), by);
        let changes = changes_since(&repository, Some(base), tip).expect("the commits that were made");
        let mut checked = self.check();
        let mut found = Findings::new();
        let parts = Held::new(checked.source.clone(), Findings::new());
        let roots = checked.survey.trusted.roots.as_deref();
        drop(
            unassigned_author::judge(&changes, &repository, roots, &parts, &mut found).expect("commits that were made"),
        );
        checked.findings.extend(found.sorted());
        checked
    }

    fn commit(&self, repository: &Repository, parent: Option<Oid>, by: &str) -> Oid {
        let mut index = git2::Index::new().expect("an index");
        for (path, bytes) in &self.files {
            let id = repository.blob(bytes).expect("a blob");
            index.add(&entry(path, id)).expect("a path");
        }
        let tree = index.write_tree_to(repository).expect("a tree");
        let tree = repository.find_tree(tree).expect("the tree");
        let who = Signature::new(by, "who@harbor.example", &Time::new(self.now.seconds(), 0)).expect("a signature");
        let parent = parent.map(|id| repository.find_commit(id).expect("the parent"));
        let parents: Vec<_> = parent.iter().collect();
        let buffer = repository.commit_create_buffer(&who, &who, "A change", &tree, &parents).expect("a commit");
        let armour = sign(self.keys.get(by).expect("a person with a key"), Namespace::Git, &buffer);
        let text = std::str::from_utf8(&buffer).expect("text");
        repository.commit_signed(text, armour.trim_end(), None).expect("a signed commit")
    }

    /// Has the clients approve what no approval covers, and checks; without a need it checks once.
    pub fn approve_and_check(&mut self, options: &Options) -> Checked {
        let checked = self.check_for(options);
        if !checked.findings.iter().any(|finding| finding.code == Code::UnapprovedDataUse) {
            return checked;
        }
        for (client, judged) in checked.survey.judged.iter().filter(|(_, judged)| !judged.missing.is_empty()) {
            self.approve(client, judged.missing.clone());
        }
        self.check_for(options)
    }

    /// Has a client approve data uses, by one more statement.
    ///
    /// # Panics
    /// When the client has no approvers.
    pub fn approve(&mut self, client: &ClientId, uses: Vec<DataUse>) {
        let people = CLIENTS.iter().find(|(id, _)| *id == client.as_str()).map_or(&[][..], |(_, people)| people);
        let approvers = self.files.get(&format!("clients/{client}/approvers/1.toml")).expect("approvers");
        let statement = Statement {
            project: self.project,
            client: client.clone(),
            approvers: Digest::of_file(approvers),
            serial: 2,
            given: self.now,
            says: Decision::Approve(Approval::new(self.now.plus(Period::days(300)), uses)),
        };
        let text = statement.to_toml().expect("an approval");
        self.put(&format!("clients/{client}/approvals/more.toml"), text, Namespace::Approval, people);
    }
}

/// What a signature over a file at this path says to be for.
fn namespace(path: &str) -> Option<Namespace> {
    if path == "catalog/catalog.lock" {
        return Some(Namespace::Catalog);
    }
    let names: Vec<&str> = path.strip_suffix(".toml")?.split('/').collect();
    match names.as_slice() {
        ["trust", "root", _] => Some(Namespace::Trust),
        ["trust", "teams"] => Some(Namespace::Teams),
        ["clients", _, "approvers", _] => Some(Namespace::Approvers),
        ["clients", _, "approvals", _] => Some(Namespace::Approval),
        _ => None,
    }
}

fn entry(path: &str, id: Oid) -> IndexEntry {
    let never = IndexTime::new(0, 0);
    IndexEntry {
        ctime: never,
        mtime: never,
        dev: 0,
        ino: 0,
        mode: 0o100_644,
        uid: 0,
        gid: 0,
        file_size: 0,
        id,
        flags: 0,
        flags_extended: 0,
        path: path.into(),
    }
}

fn read_folder(root: &Path, at: &Path, files: &mut Files) {
    for item in std::fs::read_dir(at).expect("a folder") {
        let path = item.expect("an entry").path();
        let name = path.strip_prefix(root).expect("below the root").to_str().expect("a plain name").to_owned();
        if name == ".git" {
            continue;
        }
        if path.is_dir() {
            read_folder(root, &path, files);
        } else {
            files.insert(name, std::fs::read(&path).expect("a file"));
        }
    }
}
