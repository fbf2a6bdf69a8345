//! `assent-agent recover`: on-call lets an agent go on that found its store older than what it published, or its name used
//! elsewhere.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use assent_schema::canon;
use assent_schema::id::PersonId;
use assent_schema::named::Kind;
use assent_schema::status::{Halt, Recover};
use assent_schema::trust::Namespace;
use serde::Serialize;

use super::ask::{ask, unexpected};
use super::key::Beside;
use super::{Call, Output, Show};
use crate::control::{Answer, Question};
use crate::error::{Context as _, Error};
use crate::named;

/// Arguments of `recover`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Who signs, and with which private key; as many as root asks of those on call.
    #[arg(long = "key", value_name = "PERSON=FILE", conflicts_with_all = ["write", "statement"])]
    keys: Vec<Beside>,
    /// Writes the statement to this file, to be signed with `ssh-keygen -Y sign -n recover@assent`.
    #[arg(long, value_name = "FILE", conflicts_with = "statement")]
    write: Option<PathBuf>,
    /// The statement that was written and signed.
    #[arg(long, value_name = "FILE", requires = "signatures")]
    statement: Option<PathBuf>,
    /// Who signed it, and the signature's file.
    #[arg(long = "signature", value_name = "PERSON=FILE", requires = "statement")]
    signatures: Vec<Beside>,
}

#[derive(Serialize)]
struct Told {
    halt: Halt,
    #[serde(skip_serializing_if = "Option::is_none")]
    written: Option<PathBuf>,
    recovered: bool,
    /// What commands say to find this agent.
    #[serde(skip)]
    flag: Option<String>,
}

impl Show for Told {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.recovered {
            return writeln!(
                out,
                "The agent restarts. Runs that were under way are in the manual queue, their effects in doubt."
            );
        }
        let why: Vec<_> = self.halt.why.iter().map(ToString::to_string).collect();
        writeln!(out, "stopped since {}: {}", self.halt.since, why.join(", "))?;
        if let Some(file) = &self.written {
            let namespace = Namespace::Recover.as_str();
            return writeln!(out, "Sign it: ssh-keygen -Y sign -n {namespace} -f KEY {}", file.display());
        }
        let flag = self.flag.as_ref().map(|flag| format!(" {flag}")).unwrap_or_default();
        let then = format!("assent-agent recover --key PERSON=FILE{flag}");
        writeln!(out, "Make sure that no other instance runs, then: {then}")
    }
}

pub(super) fn run(args: &Args, call: &Call, out: &mut Output<'_>) -> Result<(), Error> {
    let Answer::Status(status) = ask(call, &Question::Status)? else { return Err(unexpected()) };
    let (Some(halt), Some(recover)) = (status.halt.clone(), Recover::of(&status)) else {
        return Err(Error::refused("the agent has not stopped").help("There is nothing to recover from."));
    };
    let flag = call.config()?.flag();
    let bytes = canon::to_bytes(&recover).tried(|| "cannot write the statement".into())?;
    if let Some(file) = &args.write {
        write(file, &bytes)?;
        return out.show(&Told { halt, written: Some(file.clone()), recovered: false, flag });
    }
    let (statement, signatures) = match &args.statement {
        Some(file) => (read(file, Kind::Recovery)?, signatures(&args.signatures)?),
        None if args.keys.is_empty() => return out.show(&Told { halt, written: None, recovered: false, flag }),
        None => {
            let signed = args.keys.iter().map(|key| Ok((key.person.clone(), key.sign(Namespace::Recover, &bytes)?)));
            let signatures = signed.collect::<Result<BTreeMap<_, _>, Error>>()?;
            let text = String::from_utf8(bytes).tried(|| "the statement is not text".into())?;
            (text, signatures)
        }
    };
    match ask(call, &Question::Recover { statement, signatures })? {
        Answer::Done => out.show(&Told { halt, written: None, recovered: true, flag }),
        _ => Err(unexpected()),
    }
}

fn signatures(beside: &[Beside]) -> Result<BTreeMap<PersonId, String>, Error> {
    let read = |one: &Beside| Ok((one.person.clone(), read(&one.file, Kind::Signature)?));
    beside.iter().map(read).collect()
}

fn read(file: &Path, kind: Kind) -> Result<String, Error> {
    named::text(file, kind).tried(|| format!("cannot read `{}`", file.display()))
}

fn write(file: &Path, bytes: &[u8]) -> Result<(), Error> {
    crate::durable::put(file, bytes).tried(|| format!("cannot write `{}`", file.display()))
}
