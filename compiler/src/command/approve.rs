//! `assent approve`: a client's approver reads a statement in plain words, signs it, and learns where to send it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use assent_schema::trust::{Decision, Namespace, Statement, TOML_MOST_BYTES, verify};

use super::{Context, Outcome};
use crate::error::Error;
use crate::publish::sign::{KeyFile, sign_beside};
use crate::sentence::sentence;

/// Shows what an approval allows, signs it, and checks the signature. The same as
/// `ssh-keygen -Y sign -f KEY -n approval@assent FILE`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The approval, as `assent plan` drafted it.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Who signs, and with which private key. Without it the text is shown and nothing is signed.
    #[arg(long, value_name = "PERSON=KEY")]
    key: Option<KeyFile>,
}

/// Runs the command.
///
/// # Errors
/// When the file is not a statement, or the key cannot sign.
pub(super) fn run(args: &Args, context: &mut Context<'_>) -> Result<Outcome, Error> {
    let statement = read(&args.file)?;
    context.print(&words(&statement))?;
    if let Some(key) = &args.key {
        sign(&args.file, key, context)?;
    } else {
        let file = args.file.display();
        context.print(&format!(
            "\nTo sign it: assent approve {file} --key YOU=KEY\n        or: ssh-keygen -Y sign -f KEY -n approval@assent {file}\n            and rename {file}.sig to {file}.YOU.sig\n"
        ))?;
    }
    Ok(Outcome::Fine)
}

/// Reads a statement file.
///
/// # Errors
/// When it is not one.
fn read(file: &Path) -> Result<Statement, Error> {
    let tried = |e| Error::io(format!("read {}", file.display()), e);
    if std::fs::metadata(file).map_err(tried)?.len() > TOML_MOST_BYTES as u64 {
        return Err(Error::input(format!("{} is larger than {TOML_MOST_BYTES} bytes", file.display())));
    }
    let bytes = std::fs::read(file).map_err(tried)?;
    Statement::parse(&file.display().to_string(), &bytes).map_err(|e| Error::input(e.to_string()))
}

/// Signs a statement, checks the signature with the key's public half, and says where both files go.
///
/// # Errors
/// When the key cannot be read or the signature cannot be written.
pub(super) fn sign(file: &Path, key: &KeyFile, context: &mut Context<'_>) -> Result<(), Error> {
    let beside = sign_beside(file, Namespace::Approval, key)?;
    let read = |path: &Path| std::fs::read(path).map_err(|e| Error::io(format!("read {}", path.display()), e));
    let keys = [key.read()?.public().clone()].into();
    verify(&read(file)?, &read(&beside)?, Namespace::Approval, &keys)
        .map_err(|e| Error::input(format!("the signature just made {e}")))?;
    context.print(&format!(
        "\nsigned by {}: {}\nSend both files to the agency, or commit them beside each other; changing one byte ends the signature.\n",
        key.person,
        beside.display()
    ))
}

/// What a statement says, for the person who signs it.
pub(super) fn words(statement: &Statement) -> String {
    let mut text = String::new();
    // Writing to a text never fails.
    let mut line = |sentence: std::fmt::Arguments<'_>| text.write_fmt(sentence).unwrap_or_default();
    let Statement { client, serial, given, .. } = statement;
    match &statement.says {
        Decision::Approve(approval) => {
            line(format_args!("Approval {serial} of {client}, given {given}, ends {}.\n", approval.expires));
            line(format_args!("Who signs this allows, and nothing else is allowed by it:\n"));
            let mut workflow = None;
            for used in &approval.uses {
                if workflow != Some(&used.workflow) {
                    match &used.workflow {
                        Some(name) => line(format_args!("\n  The workflow `{name}`:\n")),
                        None => line(format_args!("\n  All workflows:\n")),
                    }
                    workflow = Some(&used.workflow);
                }
                line(format_args!("    - {}\n", sentence(used)));
            }
        }
        Decision::Reject(_) | Decision::Withdraw(_) => {
            let verb = if matches!(statement.says, Decision::Reject(_)) { "Rejection" } else { "Withdrawal" };
            line(format_args!("{verb} {serial} of {client}, given {given}. It ends, from now on:\n"));
            for cancelled in statement.cancels() {
                line(format_args!("    - {}\n", super::withdraw::named(cancelled)));
            }
        }
    }
    text
}
