//! `assent init --practice`: everything that people sign, signed at once by keys that are made for it, so that whoever looks at
//! this for the first time sees every command work. The keys lie outside of the repository, and never get into it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use assent_schema::canon::Digest;
use assent_schema::id::PersonId;
use assent_schema::named::Kind;
use assent_schema::time::{Moment, Period};
use git2::{Repository, RepositoryInitOptions};
use serde_json::{Value, json};

use crate::command::Outcome;
use crate::command::demo::agents::{Agent, Post};
use crate::command::demo::keys::Keys;
use crate::command::played::{self, Author, BRANCH};
use crate::error::Error;
use crate::named::read_named;
use crate::publish::place::put;
use crate::publish::{branch, remote};

/// Who works at the agency, and who approves for the client.
const AGENCY: &str = "you";
const APPROVER: &str = "dana";
/// The client of the template.
const CLIENT: &str = "acme";
/// The agent, and where it works.
const AGENT: &str = "eu-staging-1";
const ENVIRONMENT: &str = "staging";
const REGION: &str = "eu";
/// How long the root holds.
const ROOT_LASTS: Period = Period::days(365);
/// The roles of a root.
const ROLES: [&str; 6] = ["root", "release", "freshness", "catalog", "teams", "oncall"];
/// The folder of the keys in the one beside the repository, and that of the remote.
const KEYS: &str = "keys";
const REMOTE: &str = "remote.git";

/// A repository to practise with, and the folder beside it: keys, remote, agent.
pub(super) struct Practice {
    folder: PathBuf,
    beside: PathBuf,
    now: Moment,
}

impl Practice {
    /// Practice in an empty folder, and beside it.
    ///
    /// # Errors
    /// When there is a repository already, the folder beside it is taken, or it would be a part of a repository.
    pub(super) fn beside(folder: &Path, now: Moment) -> Result<Self, Error> {
        if folder.join(".git").exists() {
            return Err(Error::input(format!(
                "{} is a repository already, and practice makes commits of its own: name a new folder",
                folder.display()
            )));
        }
        let (Some(above), Some(name)) = (folder.parent(), folder.file_name()) else {
            return Err(Error::input(format!("{} has no folder beside it: name a new folder", folder.display())));
        };
        let mut called = name.to_owned();
        called.push("-practice");
        let beside = above.join(called);
        if beside.exists() {
            return Err(Error::input(format!(
                "{} is there already: remove it, or name another folder",
                beside.display()
            )));
        }
        let found = above.ancestors().find(|above| above.exists()).and_then(|above| Repository::discover(above).ok());
        if let Some(repository) = found {
            return Err(Error::input(format!(
                "the keys would lie in the repository {}: name a folder that is in none",
                repository.path().display()
            )));
        }
        Ok(Self { folder: folder.to_owned(), beside, now })
    }

    /// Makes keys, remote and agent; signs and commits everything, as the README has it done by people.
    ///
    /// # Errors
    /// When something cannot be written or a command refuses.
    pub(super) fn play(&self) -> Result<(), Error> {
        let mut keys = Keys::new(&self.beside.join(KEYS))?;
        keys.make(&person(AGENCY)?, AGENCY)?;
        keys.make(&person(APPROVER)?, APPROVER)?;
        let tried = |e| Error::git("make the repositories of a practice", e);
        let there = self.beside.join(REMOTE);
        Repository::init_opts(&there, RepositoryInitOptions::new().bare(true).initial_head(BRANCH)).map_err(tried)?;
        let repository = branch::open(&self.folder)?;
        repository.remote("origin", &there.display().to_string()).map_err(tried)?;
        self.configure(&repository).map_err(tried)?;
        self.first_root()?;
        self.commit(&repository, "Who may do what", &["trust"])?;
        // Who is on a client's team is said before anything of the client is committed.
        self.assent(&["trust", "teams", &format!("{CLIENT}={AGENCY}")])?;
        self.sign("trust/teams.toml", AGENCY)?;
        self.commit(&repository, "Who works for acme", &["trust"])?;
        let agent = self.enrol()?;
        self.client(&agent)?;
        self.commit(&repository, "A first workflow", &["*"])?;
        let draft = self.assent(&["plan", "--draft", CLIENT])?;
        let file = self.folder.join(format!("clients/{CLIENT}/approvals/1.toml"));
        put(&file, draft.as_bytes())?;
        self.said(&["approve", &file.display().to_string(), "--key", &self.key(APPROVER)])?;
        self.commit(&repository, "acme approves", &["*"])
    }

    /// Commits that people make here are signed too.
    fn configure(&self, repository: &Repository) -> Result<(), git2::Error> {
        let mut config = repository.config()?.open_level(git2::ConfigLevel::Local)?;
        config.set_str("user.name", AGENCY)?;
        config.set_str("user.email", &format!("{AGENCY}@agency.example"))?;
        config.set_str("gpg.format", "ssh")?;
        config.set_str("user.signingkey", &self.public(AGENCY))?;
        config.set_bool("commit.gpgsign", true)
    }

    fn first_root(&self) -> Result<(), Error> {
        let expires = self.now.plus(ROOT_LASTS).to_string();
        let who = format!("{AGENCY}={}", self.public(AGENCY));
        let roles = ROLES.map(|role| format!("{role}=1:{AGENCY}"));
        let mut args = vec!["trust", "root", "--expires", &expires, "--person", &who];
        for role in &roles {
            args.extend(["--role", role]);
        }
        self.assent(&args)?;
        self.sign("trust/root/1.toml", AGENCY)
    }

    /// An agent pins the first root, which it looks for in the remote.
    fn enrol(&self) -> Result<Agent, Error> {
        let program = std::env::current_exe().map_err(|e| Error::io("find this program", e))?;
        let first = self.folder.join("trust/root/1.toml");
        let root = read_named(&first, Kind::Signed)?;
        let there = self.beside.join(REMOTE).display().to_string();
        let post = Post { environment: ENVIRONMENT, region: REGION, repository: &there };
        Agent::enrol(&program, &self.beside, AGENT, &post, Digest::of_file(&root))
    }

    /// Who approves for the client, the root that knows them and the agent, the lock of the catalog.
    fn client(&self, agent: &Agent) -> Result<(), Error> {
        let approver = format!("{APPROVER}={}", self.public(APPROVER));
        self.assent(&["trust", "approvers", CLIENT, "--threshold", "1", "--person", &approver])?;
        self.sign(&format!("clients/{CLIENT}/approvers/1.toml"), APPROVER)?;
        let enrolled = agent.enrolled().display().to_string();
        self.assent(&["trust", "root", "--client", CLIENT, "--agent", &enrolled, "--rehearser", AGENT])?;
        self.sign("trust/root/2.toml", AGENCY)?;
        self.assent(&["trust", "catalog"])?;
        self.sign("catalog/catalog.lock", AGENCY)
    }

    fn commit(&self, repository: &Repository, message: &str, paths: &[&str]) -> Result<(), Error> {
        let (key, email) = (self.beside.join(KEYS).join(AGENCY), format!("{AGENCY}@agency.example"));
        let author = Author { name: AGENCY, email: &email, key: &key, at: self.now };
        played::commit(repository, &author, message, paths)?;
        remote::push(repository, &self.beside.join(REMOTE).display().to_string(), &[BRANCH.to_owned()])
    }

    fn sign(&self, file: &str, who: &str) -> Result<(), Error> {
        let file = self.folder.join(file).display().to_string();
        self.said(&["trust", "sign", &file, "--key", &self.key(who)]).map(drop)
    }

    /// What a command line says of this repository.
    fn assent(&self, args: &[&str]) -> Result<String, Error> {
        let folder = self.folder.display().to_string();
        self.said(&[args, &["--repo", &folder]].concat())
    }

    fn said(&self, args: &[&str]) -> Result<String, Error> {
        match played::perform(args.iter().map(OsString::from).collect(), self.now)? {
            (Outcome::Fine, said) => Ok(said),
            (Outcome::Findings, said) => Err(Error::input(format!("assent {} says:\n{said}", args.join(" ")))),
        }
    }

    fn public(&self, who: &str) -> String {
        self.beside.join(KEYS).join(format!("{who}.pub")).display().to_string()
    }

    fn key(&self, who: &str) -> String {
        format!("{who}={}", self.beside.join(KEYS).join(who).display())
    }

    /// Removes everything of a practice that could not be made: there was nothing in either folder before.
    pub(super) fn take_back(&self, was_there: bool) {
        drop(std::fs::remove_dir_all(&self.beside));
        if !was_there {
            drop(std::fs::remove_dir_all(&self.folder));
            return;
        }
        for entry in std::fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            drop(if is_folder { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) });
        }
    }

    /// What to do next, as commands that are given in the repository, each with what it shows.
    fn next(&self) -> [(String, &'static str); 7] {
        let beside = Path::new("..").join(self.beside.file_name().unwrap_or_default());
        let key = format!("{AGENCY}={}", beside.join(KEYS).join(AGENCY).display());
        let config = beside.join(AGENT).join("agent.toml").display().to_string();
        [
            ("assent check --since ROOT".to_owned(), "nothing is wrong, and everybody who signed might"),
            ("assent test --coverage".to_owned(), "the scenarios, on the real engine"),
            ("assent plan HEAD~2..HEAD".to_owned(), "what the last commits mean for the client"),
            (
                format!(
                    "assent release --environment {ENVIRONMENT} --region {REGION} --key {key} --freshness-key {key}"
                ),
                "builds, signs and pushes",
            ),
            (format!("assent agent run --config {config}"), "in another terminal: takes the release, and rehearses it"),
            (format!("assent agent status --config {config}"), "what the agent says, while it runs"),
            ("assent status".to_owned(), "what the agents signed: not green before every plan has proved itself"),
        ]
    }

    /// What people are told.
    pub(super) fn words(&self, folder: &Path) -> String {
        let beside = self.beside.display();
        let mut words = format!(
            "wrote {place}: signed by everybody whom it takes, and committed\n\nTHESE KEYS ARE FOR PRACTICE. They lie without \
             a passphrase in\n  {beside}\nand whoever has that folder is the agency and the client at once. To begin in earnest, \
             throw both folders\naway and run `assent init` without `--practice`: the README.md that it writes says who signs \
             what, each\nwith a key of their own.\n\nNext:\n  cd {place}\n",
            place = folder.display(),
        );
        for (command, what) in self.next() {
            words.extend(["  ", &command, "\n      ", what, "\n"]);
        }
        words.push_str(
            "`assent agent` is `assent-agent`. `assent demo` shows the rest of the way: production, decisions, money, rollback.\n",
        );
        words
    }

    /// The same for programs.
    pub(super) fn json(&self, folder: &Path) -> Value {
        let next: Vec<String> = self.next().map(|(command, _)| command).to_vec();
        json!({ "folder": folder.display().to_string(), "practice": self.beside.display().to_string(), "next": next })
    }
}

fn person(name: &str) -> Result<PersonId, Error> {
    name.parse().map_err(|e| Error::internal(format!("name {name}"), e))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn beside(folder: &Path) -> Result<Practice, String> {
        Practice::beside(folder, Moment::from_seconds(0)).map_err(|e| e.to_string())
    }

    #[test]
    fn keys_get_into_no_repository_and_nothing_is_overwritten() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("workflows");
        assert!(beside(&folder).is_ok());
        std::fs::create_dir(home.path().join("workflows-practice")).unwrap();
        assert!(beside(&folder).err().unwrap().contains("is there already"));
        let own = home.path().join("own");
        Repository::init(&own).unwrap();
        assert!(beside(&own).err().unwrap().contains("is a repository already"));
        assert!(beside(&own.join("inner")).err().unwrap().contains("would lie in the repository"));
    }

    /// What could not be made leaves what was there: an empty folder, or none.
    #[test]
    #[expect(clippy::disallowed_methods, reason = "what was made")]
    fn a_practice_that_failed_can_be_repeated() {
        let home = tempfile::tempdir().unwrap();
        for was_there in [true, false] {
            let folder = home.path().join(format!("source-{was_there}"));
            let practice = beside(&folder).ok().unwrap();
            std::fs::create_dir_all(folder.join("trust/root")).unwrap();
            std::fs::create_dir_all(practice.beside.join(KEYS)).unwrap();
            std::fs::write(folder.join("assent.toml"), "").unwrap();
            practice.take_back(was_there);
            assert_eq!(folder.exists(), was_there);
            assert!(beside(&folder).is_ok());
        }
    }
}
