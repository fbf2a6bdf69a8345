//! The agent's transfers against real git servers, and against hosts that lie, stall or send without end.

mod hostile;
mod https;
mod lives;
mod plain;
mod ssh;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use assent_agent::config;
use assent_agent::content::Content;
use assent_agent::pull::fetch::{Credential, Transfers};
use assent_agent::pull::{PullFailure, push, read};
use assent_schema::time::Moment;
use assent_tests::servers::write;
use git2::Repository;

/// The branch that is fetched.
const RELEASE: &str = "release/staging/eu";
/// The branch that is pushed.
const STATUS: &str = "status/staging/eu/eu-1";
/// Where fetches put it.
const INTO: &str = "refs/quarantine/release";

/// Two repositories: the server's with a release, and the agent's, empty.
struct Room {
    folder: tempfile::TempDir,
    runtime: tokio::runtime::Runtime,
}

impl Room {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let room = Self { folder, runtime };
        Repository::init_bare(room.theirs()).expect("a repository");
        room.release("1");
        room
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The folder of the server's repositories.
    fn root(&self) -> PathBuf {
        self.path().join("served")
    }

    fn theirs(&self) -> PathBuf {
        self.root().join("agency.git")
    }

    fn ours(&self) -> PathBuf {
        self.path().join("state/repo.git")
    }

    /// Puts a release on the server's branch; its commit.
    fn release(&self, text: &str) -> String {
        put(&self.theirs(), RELEASE, text)
    }

    /// What an agent does whose configuration says this of the repository.
    fn transfers(&self, repository: &str, credential: Option<&[u8]>) -> Transfers {
        self.limited(repository, credential, "fetch_time = \"1m\"\n")
    }

    fn limited(&self, repository: &str, credential: Option<&[u8]>, limits: &str) -> Transfers {
        let file = self.path().join("agent.toml");
        let config = format!(
            "project = \"harbor\"\nagent = \"eu-1\"\nenvironment = \"staging\"\nregion = \"eu\"\nstate = \"state\"\n\
             listen = \"127.0.0.1:8080\"\n{repository}\n[limits]\n{limits}"
        );
        write(&file, &config);
        let config = config::load(&file, None).unwrap_or_else(|e| panic!("{config}\n{e}"));
        read::prepare(&config.state.repository()).expect("the agent's repository");
        let credential = credential.map(<[u8]>::to_vec);
        let given: Credential = Arc::new(move || Box::pin(std::future::ready(credential.clone().map(Content::new))));
        Transfers::new(assent_tests::assent(), &config, given)
    }

    fn fetch(&self, transfers: &Transfers) -> Result<String, PullFailure> {
        self.runtime.block_on(transfers.fetch(RELEASE, INTO, None))
    }

    fn push(&self, transfers: &Transfers) -> Result<String, PullFailure> {
        self.runtime.block_on(transfers.push(STATUS))
    }

    /// Everything that goes right between an agent and a server.
    fn goes_right(&self, transfers: &Transfers) {
        let first = self.fetch(transfers).expect("a release");
        assert_eq!(files(&self.ours(), &first), files(&self.theirs(), &first));
        assert_eq!(self.fetch(transfers).as_ref(), Ok(&first), "nothing new");
        // On top of what is here, then back to what was here, then another history altogether.
        let second = self.release("2");
        assert_eq!(self.fetch(transfers).as_ref(), Ok(&second));
        let [_, fourth] = ["3", "4"].map(|text| self.release(text));
        assert_eq!(self.fetch(transfers), Ok(fourth), "several commits at once, on top of several");
        reset(&self.theirs(), &first);
        assert_eq!(self.fetch(transfers).as_ref(), Ok(&first));
        assert_eq!(stands(&self.ours(), INTO), first);
        forget(&self.theirs());
        assert_eq!(self.fetch(transfers), Err(PullFailure::NoBranch));
        let anew = self.release("5");
        assert_eq!(self.fetch(transfers), Ok(anew));

        for text in ["a", "b"] {
            let said = put(&self.ours(), STATUS, text);
            assert_eq!(self.push(transfers).as_ref(), Ok(&said));
            assert_eq!(stands(&self.theirs(), &format!("refs/heads/{STATUS}")), said);
            assert_eq!(self.push(transfers), Ok(said), "pushed again");
        }
        // Somebody else's commits are never overwritten.
        let elsewhere = put(&self.theirs(), STATUS, "another instance");
        put(&self.ours(), STATUS, "c");
        assert_eq!(self.push(transfers), Err(PullFailure::PushRefused));
        assert_eq!(stands(&self.theirs(), &format!("refs/heads/{STATUS}")), elsewhere);
    }
}

/// No file below a folder holds a text.
pub(super) fn nowhere(folder: &Path, canary: &[u8]) {
    let mut todo = vec![folder.to_owned()];
    let mut seen = 0;
    while let Some(folder) = todo.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                todo.push(path);
            } else if path.is_file() {
                let bytes = std::fs::read(&path).expect("a file");
                assert!(!bytes.windows(canary.len()).any(|part| part == canary), "{}", path.display());
                seen += 1;
            }
        }
    }
    assert!(seen > 0, "there was nothing to look at");
}

/// A line of a private key's file, as it would stand wherever the key was written to.
pub(super) fn line_of(key: &[u8]) -> &[u8] {
    key.split(|byte| *byte == b'\n').nth(2).expect("a private key")
}

fn put(repository: &Path, branch: &str, text: &str) -> String {
    let files: BTreeMap<String, Vec<u8>> = ["manifest.json", "plans/a.json", "clients/b/c.json"]
        .map(|path| (path.to_owned(), format!("{path} {text}").into_bytes()))
        .into();
    push::commit(repository, branch, &files, Moment::from_seconds(1_800_000_000)).expect("a commit");
    stands(repository, &format!("refs/heads/{branch}"))
}

fn stands(repository: &Path, reference: &str) -> String {
    let repository = Repository::open_bare(repository).expect("a repository");
    repository.refname_to_id(reference).expect("a reference").to_string()
}

fn reset(repository: &Path, commit: &str) {
    let repository = Repository::open_bare(repository).expect("a repository");
    let id = commit.parse().expect("an id");
    repository.reference(&format!("refs/heads/{RELEASE}"), id, true, "reset").expect("a reference");
}

fn forget(repository: &Path) {
    let repository = Repository::open_bare(repository).expect("a repository");
    let mut reference = repository.find_reference(&format!("refs/heads/{RELEASE}")).expect("a branch");
    reference.delete().expect("a branch that goes");
}

fn files(repository: &Path, commit: &str) -> Vec<Option<Vec<u8>>> {
    ["manifest.json", "plans/a.json", "clients/b/c.json"]
        .map(|path| read::read_one(repository, commit, path).expect("a repository"))
        .into()
}
