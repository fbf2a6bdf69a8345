//! `assent-agent ledger`: what happened, verified on the way out. Before it writes something out, the agent signs a checkpoint.

mod shown;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use assent_schema::id::{ClientId, PersonId};
use assent_schema::ledger::{Checkpoint, LogKey, Token};
use assent_schema::named::Kind;
use assent_schema::time::Moment;

use self::shown::{Entries, Files, Kept, Wrong};
use super::ask::{ask, unexpected};
use super::key::Who;
use super::{Call, Output};
use crate::control::ledger::{Demand, LedgerAnswer, LedgerQuestion, OutFile};
use crate::control::{Answer, Question};
use crate::error::{Context as _, Error};
use crate::store::{Log, NotARunName, RunName};
use crate::{durable, named};

/// Arguments of `ledger`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
    #[command(flatten)]
    who: Who,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Verifies every entry, the tree over them, and the newest checkpoint.
    Verify {
        #[command(flatten)]
        read: Read,
        /// A checkpoint that somebody kept: the log must have grown out of it.
        #[arg(long, value_name = "FILE")]
        since: Option<PathBuf>,
        /// The key of a witness that must have cosigned what the log grew out of.
        #[arg(long, value_name = "VKEY")]
        witness: Vec<String>,
        /// How many of these witnesses must have; all when absent.
        #[arg(long, value_name = "N", requires = "witness", value_parser = clap::value_parser!(u64).range(1..))]
        threshold: Option<u64>,
    },
    /// Writes one log as a file that anybody can verify.
    Export {
        #[command(flatten)]
        read: Read,
        /// Where to; standard output when absent.
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
        /// Every log into this folder instead.
        #[arg(long, value_name = "DIR", conflicts_with_all = ["client", "life", "output"])]
        all: Option<PathBuf>,
    },
    /// Shows what entries say, of all logs or some.
    Show {
        /// Of this client's log alone.
        #[arg(long, value_name = "CLIENT", conflicts_with = "own")]
        client: Option<ClientId>,
        /// Of the agent's own log alone.
        #[arg(long)]
        own: bool,
        /// Of what this person did alone.
        #[arg(long, value_name = "PERSON")]
        person: Option<PersonId>,
        /// Of this moment or later.
        #[arg(long, value_name = "MOMENT")]
        since: Option<Moment>,
    },
    /// Cosigns a checkpoint for somebody who watches the log: only one that continues what was cosigned before.
    Witness(super::witness::Args),
    /// Makes the entries of one person's runs unreadable, on request; an entry says which and by whose word.
    Erase {
        /// Whose ledger.
        #[arg(value_name = "CLIENT")]
        client: ClientId,
        /// What the person is known by in the client's systems, for example a customer number.
        #[arg(long, value_name = "VALUE")]
        reference: String,
        /// The id of the request, without anything about the person: the ledger names it.
        #[arg(long, value_name = "ID")]
        request: Token,
    },
    /// Keeps everything of a ledger, whatever its age and whoever asks, until it is released.
    Hold {
        #[command(flatten)]
        which: Which,
        /// The matter, as a code or ticket id: the client can read it in its ledger.
        #[arg(long, value_name = "MATTER")]
        why: Token,
    },
    /// Ends what `ledger hold` began.
    Release {
        #[command(flatten)]
        which: Which,
    },
    /// Writes proofs that entries are in the log.
    Prove {
        #[command(flatten)]
        read: Read,
        /// All entries of this run: its name, `acme-12`, or its number in the log that is named.
        #[arg(long, value_name = "RUN", required_unless_present_any = ["index", "since"])]
        run: Option<RunOfLog>,
        /// The entry at this place.
        #[arg(long, value_name = "I", conflicts_with = "run")]
        index: Option<u64>,
        /// That the log continues this checkpoint.
        #[arg(long, value_name = "FILE", conflicts_with_all = ["run", "index"])]
        since: Option<PathBuf>,
        /// Up to this checkpoint, instead of the newest.
        #[arg(long, value_name = "FILE", requires = "since")]
        until: Option<PathBuf>,
        /// The folder that proofs are written to.
        #[arg(long, short, value_name = "DIR", default_value = ".")]
        output: PathBuf,
    },
}

/// Whose log.
#[derive(Debug, clap::Args)]
struct Which {
    /// The client whose log it is; the agent's own log when absent.
    #[arg(value_name = "CLIENT")]
    client: Option<ClientId>,
}

impl Which {
    fn log(&self) -> Log {
        self.client.clone().map_or(Log::Agent, Log::Client)
    }
}

/// Whose log, and which of those of that name.
#[derive(Debug, clap::Args)]
struct Read {
    #[command(flatten)]
    which: Which,
    /// The log that ended with a recovery: 1 for the first of this name, 2 for the one that followed it.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    life: Option<u32>,
}

impl Read {
    fn log(&self) -> Log {
        let log = self.which.log();
        match self.life {
            Some(life) => log.ended(life),
            None => log,
        }
    }
}

/// A run of a log.
#[derive(Clone, Debug)]
enum RunOfLog {
    /// By its name, which says the log too.
    Name(RunName),
    /// By its number.
    Number(u64),
}

impl FromStr for RunOfLog {
    type Err = NotARunName;

    fn from_str(text: &str) -> Result<Self, NotARunName> {
        text.parse().map(Self::Number).or_else(|_| text.parse().map(Self::Name))
    }
}

impl RunOfLog {
    /// What asks for its entries.
    fn proof(&self, read: &Read) -> Result<LedgerQuestion, Error> {
        let name = match self {
            Self::Number(run) => return Ok(LedgerQuestion::ProveRun { log: read.log(), run: *run }),
            Self::Name(name) => name,
        };
        let other_client = read.which.client.as_ref().is_some_and(|client| client != name.client());
        if other_client || read.life.is_some_and(|life| life != name.life()) {
            return Err(Error::environment(format!("`{name}` is no run of that log"))
                .help("Its name says the log: leave the client and `--life` out."));
        }
        let log = Log::Client(name.client().clone()).ended(name.life());
        Ok(LedgerQuestion::ProveRun { log, run: name.number() })
    }
}

pub(super) fn run(args: &Args, call: &Call, out: &mut Output<'_>) -> Result<(), Error> {
    let who = &args.who;
    match &args.what {
        What::Verify { read, since, witness, threshold } => {
            let since = since.as_deref().map(read_note).transpose()?;
            let demand = demand(witness, *threshold)?;
            match ask(call, &Question::Ledger(LedgerQuestion::Verify { log: read.log(), since, demand }))? {
                Answer::Ledger(answer) => finish(answer, None, out),
                _ => Err(unexpected()),
            }
        }
        What::Export { read, output, all: None } => {
            finish(about(who, call, LedgerQuestion::Export { log: read.log() })?, Some(&To::of(output.as_deref())), out)
        }
        What::Export { all: Some(folder), .. } => {
            let LedgerAnswer::Logs(logs) = about(who, call, LedgerQuestion::Logs)? else { return Err(unexpected()) };
            std::fs::create_dir_all(folder).tried(|| format!("cannot make `{}`", folder.display()))?;
            let to = To::Folder(folder);
            logs.into_iter()
                .try_for_each(|log| finish(about(who, call, LedgerQuestion::Export { log })?, Some(&to), out))
        }
        What::Show { client, own, person, since } => {
            let log = if *own { Some(Log::Agent) } else { client.clone().map(Log::Client) };
            let question = LedgerQuestion::Show { log, person: person.clone(), since: *since };
            finish(about(who, call, question)?, None, out)
        }
        What::Witness(args) => super::witness::run(args, out),
        What::Erase { client, reference, request } => {
            let (client, reference) = (client.clone(), reference.clone());
            match who.ask(call, &Question::Erase { client, reference, request: request.clone() })? {
                Answer::Erased(erased) => out.show(&erased),
                _ => Err(unexpected()),
            }
        }
        What::Hold { which, why } => {
            legal((who, call), &Question::LegalHold { client: which.client.clone(), why: why.clone() }, true, out)
        }
        What::Release { which } => {
            legal((who, call), &Question::LegalRelease { client: which.client.clone() }, false, out)
        }
        What::Prove { read, run, index, since, until, output } => {
            let log = read.log();
            let question = match (run, index, since) {
                (Some(run), _, _) => run.proof(read)?,
                (None, Some(index), _) => LedgerQuestion::ProveIndex { log, index: *index },
                (None, None, Some(since)) => {
                    let until = until.as_deref().map(read_note).transpose()?;
                    LedgerQuestion::ProveSince { log, since: read_note(since)?, until }
                }
                (None, None, None) => return Err(Error::environment("say what is to be proved")),
            };
            finish(about(who, call, question)?, Some(&To::Folder(output)), out)
        }
    }
}

/// What is demanded of witnesses.
fn demand(keys: &[String], threshold: Option<u64>) -> Result<Demand, Error> {
    for key in keys {
        if !LogKey::from_vkey(key).is_ok_and(|key| key.is_of_witness()) {
            return Err(Error::environment(format!("`{key}` is not the key of a witness"))
                .help("Write the line that the witness prints: `name+id+base64`."));
        }
    }
    let threshold = threshold.map_or(keys.len(), |threshold| usize::try_from(threshold).unwrap_or(usize::MAX));
    if threshold > keys.len() {
        return Err(Error::environment(format!("{threshold} of {} witnesses can never have cosigned", keys.len())));
    }
    Ok(Demand { witnesses: keys.to_vec(), threshold })
}

fn legal((who, call): (&Who, &Call), question: &Question, stands: bool, out: &mut Output<'_>) -> Result<(), Error> {
    match who.ask(call, question)? {
        Answer::LegalHold(hold) => out.show(&Kept { stands, hold }),
        _ => Err(unexpected()),
    }
}

fn about(who: &Who, call: &Call, question: LedgerQuestion) -> Result<LedgerAnswer, Error> {
    match who.ask(call, &Question::Ledger(question))? {
        Answer::Ledger(answer) => Ok(answer),
        _ => Err(unexpected()),
    }
}

/// Where output goes.
enum To<'a> {
    Folder(&'a Path),
    File(&'a Path),
    Stream,
}

impl<'a> To<'a> {
    fn of(output: Option<&'a Path>) -> Self {
        output.map_or(Self::Stream, Self::File)
    }
}

fn finish(answer: LedgerAnswer, to: Option<&To<'_>>, out: &mut Output<'_>) -> Result<(), Error> {
    match answer {
        LedgerAnswer::Verified(summary) => out.show(&summary),
        LedgerAnswer::Entries(entries) => out.show(&Entries { entries }),
        LedgerAnswer::Fault { index, until, code } => {
            out.refuse();
            out.show(&Wrong { verifies: false, index, until, code })
        }
        LedgerAnswer::NotThere => Err(Error::refused("the ledger has no such log or entry")
            .help("`assent-agent runs` shows the name of each run.")),
        LedgerAnswer::Unreadable => {
            Err(Error::refused("no entry of that run can be read: bodies of this log are gone")
                .help("`assent-agent ledger verify` says which entries; prove one by its place, `--index`."))
        }
        LedgerAnswer::OtherLog { origin, log } => {
            Err(Error::environment(format!("the checkpoint that was named is of the log {origin}, not of {log}"))
                .help("Name the client that it is of, and `--life` where that log ended with a recovery."))
        }
        LedgerAnswer::Written(files) => to.map_or_else(|| Err(unexpected()), |to| take(&files, to, out)),
        LedgerAnswer::Logs(_) => Err(unexpected()),
    }
}

/// Takes the files out of the state folder, where none stays, whatever comes: they are not sealed any more.
fn take(files: &[OutFile], to: &To<'_>, out: &mut Output<'_>) -> Result<(), Error> {
    let given = give(files, to, out);
    let removed = files
        .iter()
        .map(|OutFile { at, .. }| std::fs::remove_file(at).tried(|| format!("cannot remove {}", at.display())));
    // Each is tried, also where another one cannot be removed.
    let removed: Vec<_> = removed.collect();
    given?;
    removed.into_iter().collect()
}

fn give(files: &[OutFile], to: &To<'_>, out: &mut Output<'_>) -> Result<(), Error> {
    let mut written = Vec::new();
    for OutFile { at, name } in files {
        let into = match to {
            To::Stream => None,
            To::File(path) => Some(path.to_path_buf()),
            To::Folder(folder) => Some(folder.join(name)),
        };
        // Told of the file that somebody named, not of the one that the agent left in its state folder.
        let cannot = || match &into {
            Some(into) => format!("cannot write {}", into.display()),
            None => format!("cannot write {name} to standard output"),
        };
        let mut from = File::open(at).tried(|| format!("cannot read {}, which the agent wrote", at.display()))?;
        match &into {
            None => io::copy(&mut from, &mut out.raw()).and_then(|_| out.raw().flush()).tried(cannot)?,
            Some(into) => copy(&mut from, into).tried(cannot)?,
        }
        written.extend(into);
    }
    // An export on standard output is the whole output.
    if written.is_empty() {
        return Ok(());
    }
    out.show(&Files { written })
}

fn copy(from: &mut File, to: &Path) -> io::Result<()> {
    durable::fill(to, |file| io::copy(from, file).map(drop))
}

fn read_note(path: &Path) -> Result<String, Error> {
    let note = named::text(path, Kind::Checkpoint);
    let note = note.tried(|| format!("cannot read the checkpoint `{}`", path.display()))?;
    match Checkpoint::peek(&note) {
        Ok(_) => Ok(note),
        Err(_) => Err(Error::environment(format!("`{}` is no checkpoint", path.display()))
            .help("A checkpoint is what the agent publishes, what a witness cosigned, or the end of an export.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Format;

    /// What waits in the state folder is not sealed any more.
    #[test]
    #[expect(clippy::disallowed_methods, reason = "the test puts there what the agent does")]
    fn nothing_stays_behind_of_what_could_not_be_given() {
        let folder = tempfile::tempdir().unwrap();
        let files = ["a", "b"].map(|name| OutFile { at: folder.path().join(name), name: name.to_owned() });
        let mut said = Vec::new();
        let mut out = Output::new(Format::Human, &mut said);
        std::fs::create_dir(folder.path().join("given")).unwrap();
        for (place, is_there) in [("nowhere", false), ("given", true)] {
            for file in &files {
                std::fs::write(&file.at, b"an entry").unwrap();
            }
            let given = take(&files, &To::Folder(&folder.path().join(place)), &mut out);
            assert_eq!(given.is_ok(), is_there);
            assert!(files.iter().all(|file| !file.at.exists()));
        }
    }
}
