//! `assent-agent statements`: what clients handed to the agent directly and no release holds, as files to be committed.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use assent_schema::id::ClientId;
use serde::Serialize;

use super::ask::{ask, unexpected};
use super::{Call, Output, Show};
use crate::control::{Answer, HandedRow, Question};
use crate::durable;
use crate::error::{Context as _, Error};

/// Arguments of `statements`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Of this client alone.
    #[arg(long, value_name = "CLIENT")]
    client: Option<ClientId>,
    /// Write each with its signatures into this folder, for example `clients/CLIENT/approvals` of the source.
    #[arg(long, short, value_name = "DIR", requires = "client")]
    output: Option<PathBuf>,
}

/// Statements, printed.
#[derive(Serialize)]
struct Handed {
    statements: Vec<HandedRow>,
}

impl Show for Handed {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        for HandedRow { client, digest, decision, serial, text, signatures } in &self.statements {
            writeln!(out, "# {client}: {decision}, serial {serial}, {digest}")?;
            out.write_all(text.as_bytes())?;
            for (person, armour) in signatures {
                writeln!(out, "# signed by {person}")?;
                out.write_all(armour.as_bytes())?;
            }
        }
        Ok(())
    }
}

/// Files that were written.
#[derive(Serialize)]
struct Files {
    written: Vec<PathBuf>,
}

impl Show for Files {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        self.written.iter().try_for_each(|path| writeln!(out, "{}", path.display()))
    }
}

pub(super) fn run(args: &Args, call: &Call, out: &mut Output<'_>) -> Result<(), Error> {
    let Answer::Statements(mut statements) = ask(call, &Question::Statements)? else { return Err(unexpected()) };
    statements.retain(|one| args.client.as_ref().is_none_or(|client| *client == one.client));
    match &args.output {
        None => out.show(&Handed { statements }),
        Some(folder) => out.show(&Files { written: write(folder, &statements)? }),
    }
}

/// Each file under a name of its own: that of its digest can be no other statement's.
fn write(folder: &Path, statements: &[HandedRow]) -> Result<Vec<PathBuf>, Error> {
    let mut written = Vec::new();
    for HandedRow { digest, serial, text, signatures, .. } in statements {
        let name = format!("{serial}-{}.toml", digest.short());
        let signed = signatures.iter().map(|(person, armour)| (format!("{name}.{person}.sig"), armour));
        for (name, text) in std::iter::once((name.clone(), text)).chain(signed) {
            let path = folder.join(name);
            durable::put(&path, text.as_bytes()).tried(|| format!("cannot write {}", path.display()))?;
            written.push(path);
        }
    }
    Ok(written)
}
