//! The example agency with real keys and signatures, made by the very commands that people type.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use assent_schema::canon::Digest;
use assent_schema::id::{AgentId, ClientId, PersonId};
use assent_schema::time::Moment;
use git2::{Repository, RepositoryInitOptions};

use super::keys::Keys;
use super::source::{self, Lead};
use crate::command::Outcome;
use crate::command::played::{self, Author};
use crate::error::Error;
use crate::publish::{branch, remote};

/// The agency's people; two of the three make a root.
const PEOPLE: [&str; 3] = ["alice", "bruno", "chen"];
/// The machine key that signs freshness from a timer.
const TIMER: &str = "timer";
/// The clients and their approvers; both of a client must agree.
pub const CLIENTS: [(&str, [&str; 2]); 3] =
    [("acme", ["dana", "erik"]), ("borealis", ["ines", "noor"]), ("cedar", ["kei", "ana"])];
/// When the first roots expire, seen from their making, in days.
const ROOT_LASTS: assent_schema::time::Period = assent_schema::time::Period::days(365);

/// A source repository, its keys, and the bare repository that everybody shares.
#[derive(Debug)]
pub struct Agency {
    /// The work tree of the source.
    pub source: PathBuf,
    /// The bare repository with source and release branches.
    pub remote: PathBuf,
    /// Everybody's keys.
    pub keys: Keys,
    /// The instant that commands take for now.
    pub now: Moment,
}

impl Agency {
    /// Writes the example, makes keys, signs the first root, and commits and pushes it.
    ///
    /// # Errors
    /// When a folder cannot be written or a command refuses.
    pub fn found(folder: &Path, lead: Lead<'_>, now: Moment) -> Result<Self, Error> {
        let (source, remote) = (folder.join("source"), folder.join("remote.git"));
        let mut keys = Keys::new(&folder.join("keys"))?;
        source::write(&source, &mut keys, lead)?;
        for person in PEOPLE.into_iter().chain([TIMER]) {
            keys.make(&id(person)?, &format!("{person}@harbor"))?;
        }
        for (client, approvers) in CLIENTS {
            approvers.iter().try_for_each(|p| keys.make(&id(p)?, &format!("{p}@{client}")).map(drop))?;
        }
        let tried = |e| Error::git("make the demo's repositories", e);
        Repository::init_opts(&source, RepositoryInitOptions::new().initial_head("main")).map_err(tried)?;
        Repository::init_opts(&remote, RepositoryInitOptions::new().bare(true).initial_head("main")).map_err(tried)?;
        let agency = Self { source, remote, keys, now };
        agency.first_root()?;
        agency.commit_as("alice", "Begin the project: its first root", &["*", ":!clients"])?;
        Ok(agency)
    }

    fn first_root(&self) -> Result<(), Error> {
        let expires = self.now.plus(ROOT_LASTS).to_string();
        let mut args = vec!["trust".to_owned(), "root".to_owned(), "--expires".to_owned(), expires];
        for person in PEOPLE.into_iter().chain([TIMER]) {
            args.extend(["--person".to_owned(), self.public(person)]);
        }
        for (role, who) in [
            ("root", "2:alice,bruno,chen"),
            ("release", "1:alice,bruno"),
            ("freshness", "1:timer"),
            ("catalog", "1:alice"),
            ("teams", "1:alice"),
            ("oncall", "1:bruno"),
        ] {
            args.extend(["--role".to_owned(), format!("{role}={who}")]);
        }
        self.assent(&args)?;
        self.sign("trust/root/1.toml", &["alice", "bruno"])
    }

    /// Signs everything else: approvers, the second root with clients and agents, teams, the catalog's lock.
    ///
    /// # Errors
    /// When a command refuses.
    pub fn establish(&self, agents: &[PathBuf], rehearsers: &[AgentId]) -> Result<(), Error> {
        for (client, approvers) in CLIENTS {
            let mut args = vec!["trust".to_owned(), "approvers".to_owned(), client.to_owned()];
            args.extend(["--threshold".to_owned(), approvers.len().to_string()]);
            for person in approvers {
                args.extend(["--person".to_owned(), self.public(person)]);
            }
            self.assent(&args)?;
            self.sign(&format!("clients/{client}/approvers/1.toml"), &approvers)?;
        }
        let mut args = vec!["trust".to_owned(), "root".to_owned()];
        for (client, _) in CLIENTS {
            args.extend(["--client".to_owned(), client.to_owned()]);
        }
        for agent in agents {
            args.extend(["--agent".to_owned(), agent.display().to_string()]);
        }
        for agent in rehearsers {
            args.extend(["--rehearser".to_owned(), agent.to_string()]);
        }
        self.assent(&args)?;
        self.sign("trust/root/2.toml", &["alice", "bruno"])?;
        self.assent(
            &["trust", "teams", "acme=alice,bruno", "borealis=bruno,chen", "cedar=bruno,chen"].map(str::to_owned),
        )?;
        self.sign("trust/teams.toml", &["alice"])?;
        self.lock_catalog()?;
        self.commit_as("alice", "Sign clients, agents, teams and catalog", &["trust", "catalog"])?;
        for (client, member) in [("acme", "alice"), ("borealis", "bruno"), ("cedar", "chen")] {
            self.commit_as(member, &format!("Take on {client}"), &[&format!("clients/{client}")])?;
        }
        Ok(())
    }

    /// Writes and signs the catalog's lock anew.
    ///
    /// # Errors
    /// When a command refuses.
    pub fn lock_catalog(&self) -> Result<(), Error> {
        self.assent(&["trust", "catalog"].map(str::to_owned))?;
        self.sign("catalog/catalog.lock", &["alice"])
    }

    /// Has every client approve what its workflows need and no approval covers, and commits the approvals.
    ///
    /// # Errors
    /// When a command refuses.
    pub fn approve_all(&self) -> Result<(), Error> {
        for (client, approvers) in CLIENTS {
            self.approve(&id_of(client)?, &approvers)?;
        }
        self.commit("The clients approve what is done with their data")
    }

    /// As many of a client's approvers as must sign approve what its workflows need and no approval covers.
    ///
    /// # Errors
    /// When a command refuses.
    pub fn approve_again(&self, client: &str) -> Result<PathBuf, Error> {
        let approvers = CLIENTS.iter().find(|(name, _)| *name == client).map(|(_, approvers)| approvers);
        let approvers = approvers.ok_or_else(|| Error::input(format!("there is no client `{client}`")))?;
        self.approve(&id_of(client)?, approvers)
    }

    /// Drafts what a client still has to approve, and has some of its approvers sign it; the file.
    ///
    /// # Errors
    /// When a command refuses.
    pub fn approve(&self, client: &ClientId, approvers: &[&str]) -> Result<PathBuf, Error> {
        let draft = self.assent(&["plan", "--draft", client.as_str()].map(str::to_owned))?;
        let digest = Digest::of_file(draft.as_bytes());
        let file = self.source.join(format!("clients/{client}/approvals/{}.toml", digest.short()));
        source::put(&file, draft.as_bytes())?;
        for person in approvers {
            let file = file.display().to_string();
            self.assent(&["approve".to_owned(), file, "--key".to_owned(), self.private(person)?])?;
        }
        Ok(file)
    }

    /// Signs a file of the source.
    ///
    /// # Errors
    /// When the command refuses.
    pub fn sign(&self, file: &str, people: &[&str]) -> Result<(), Error> {
        let mut args = vec!["trust".to_owned(), "sign".to_owned(), self.source.join(file).display().to_string()];
        for person in people {
            args.extend(["--key".to_owned(), self.private(person)?]);
        }
        self.assent(&args).map(drop)
    }

    /// Commits the whole work tree and pushes it.
    ///
    /// # Errors
    /// When git refuses.
    pub fn commit(&self, message: &str) -> Result<(), Error> {
        self.commit_as("alice", message, &["*"])
    }

    /// Commits some paths, signed by one of the agency's people, and pushes the commit.
    ///
    /// # Errors
    /// When git refuses.
    pub fn commit_as(&self, person: &str, message: &str, paths: &[&str]) -> Result<(), Error> {
        let repository = branch::open(&self.source)?;
        let key = self.keys.private(&id(person)?);
        let author = Author { name: person, email: &format!("{person}@harbor.example"), key: &key, at: self.now };
        played::commit(&repository, &author, message, paths)?;
        remote::push(&repository, &self.remote.display().to_string(), &["main".to_owned()])
    }

    /// Runs one `assent` command line on the source repository; what it printed.
    ///
    /// # Errors
    /// When the command fails or finds something.
    pub fn assent(&self, args: &[String]) -> Result<String, Error> {
        match self.try_assent(args)? {
            (Outcome::Fine, text) => Ok(text),
            (Outcome::Findings, text) => Err(Error::input(format!("assent {} says:\n{text}", args.join(" ")))),
        }
    }

    /// Runs one `assent` command line on the source repository; what came of it and what it printed.
    ///
    /// # Errors
    /// When the command fails.
    pub fn try_assent(&self, args: &[String]) -> Result<(Outcome, String), Error> {
        let mut line: Vec<OsString> = args.iter().map(OsString::from).collect();
        if takes_repository(args) {
            line.extend(["--repo".into(), self.source.clone().into_os_string()]);
        }
        played::perform(line, self.now)
    }

    /// A person and the private key, as commands take them.
    ///
    /// # Errors
    /// When the name is no id.
    pub fn private(&self, person: &str) -> Result<String, Error> {
        Ok(format!("{person}={}", self.keys.private(&id(person)?).display()))
    }

    fn public(&self, person: &str) -> String {
        format!("{person}={}", self.keys.folder().join(format!("{person}.pub")).display())
    }
}

/// Whether a command works on a source repository; the others take files or an agent.
fn takes_repository(args: &[String]) -> bool {
    match args.first().map(String::as_str) {
        Some("approve" | "decide" | "start") => false,
        Some("trust") => !args.get(1).is_some_and(|what| what == "sign" || what == "words"),
        _ => true,
    }
}

fn id(person: &str) -> Result<PersonId, Error> {
    person.parse().map_err(|e| Error::input(format!("`{person}` {e}")))
}

fn id_of(client: &str) -> Result<ClientId, Error> {
    client.parse().map_err(|e| Error::input(format!("`{client}` {e}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agency_is_founded_by_commands_alone() {
        let folder = tempfile::tempdir().unwrap();
        let now = "2026-03-02T09:00:00Z".parse().unwrap();
        let agency = Agency::found(folder.path(), Lead::AsWritten, now).unwrap();
        agency.establish(&[], &[]).unwrap();
        let signers = agency.assent(&["trust", "allowed-signers"].map(str::to_owned)).unwrap();
        assert!(
            signers.contains(
                "alice@harbor namespaces=\"catalog@assent,git,poke@assent,release@assent,teams@assent,trust@assent\" ssh-ed25519 "
            ),
            "{signers}"
        );
        assert!(signers.contains("dana@acme namespaces=\"approval@assent,approvers@assent\" "), "{signers}");
    }
}
