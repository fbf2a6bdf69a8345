//! `assent trust`: from an empty repository to signed trust, without copying digests by hand.

mod approvers;
mod catalog;
mod people;
mod pin;
mod print;
mod reset;
mod root;
mod sign;
mod teams;

use std::path::{Path, PathBuf};
use std::str::FromStr;

use assent_schema::canon::Digest;
use assent_schema::id::PersonId;
use assent_schema::named::Kind;
use assent_schema::trust::{PublicKey, TrustError};
use serde_json::{Value, json};

use super::{Context, Format, Outcome};
use crate::error::Error;
use crate::named::{read_if_there, read_named};
use crate::publish::opened;

/// Makes roots, approvers, teams and the catalog's lock; signs them; prints what others compare and configure.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The work tree of the source repository.
    #[arg(long, global = true, default_value = ".", value_name = "DIR")]
    repo: PathBuf,
    /// Output format.
    #[arg(long, global = true, default_value = "human")]
    format: Format,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    Root(Box<root::Args>),
    Approvers(approvers::Args),
    Reset(reset::Args),
    Teams(teams::Args),
    Catalog(catalog::Args),
    Pin(pin::Args),
    Sign(sign::Args),
    Words(print::WordsArgs),
    AllowedSigners(print::AllowedSignersArgs),
    LedgerKeys(print::LedgerKeysArgs),
}

pub(super) use approvers::newest as newest_approvers;
pub(super) use reset::{Waiting as WaitingReset, waiting as waiting_reset};
pub(super) use root::newest as newest_root;

/// Runs the command.
///
/// # Errors
/// When a file is missing, is not what it must be, or cannot be written.
pub(super) fn run(args: &Args, context: &mut Context<'_>) -> Result<Outcome, Error> {
    let repo = &opened::top(&args.repo);
    let told = match &args.what {
        What::Root(args) => root::run(repo, args, context.now()),
        What::Approvers(args) => approvers::run(repo, args, context.now()),
        What::Reset(args) => reset::run(repo, args, context.now()),
        What::Teams(args) => teams::run(repo, args),
        What::Catalog(args) => catalog::run(repo, args),
        What::Pin(args) => pin::run(repo, args),
        What::Sign(args) => sign::run(args),
        What::Words(args) => print::words(args),
        What::AllowedSigners(args) => print::allowed_signers(repo, args, context.now()),
        What::LedgerKeys(args) => print::ledger_keys(repo, args),
    }?;
    context.print_as(args.format, &told.text, &told.value)?;
    Ok(Outcome::Fine)
}

/// What a subcommand did, for people and for programs.
struct Told {
    text: String,
    value: Value,
}

impl Told {
    /// A file that was written and that people must sign before it counts.
    fn to_sign(path: &Path, text: &str) -> Self {
        let (file, digest) = (path.display().to_string(), Digest::of_file(text.as_bytes()));
        let words = assent_schema::trust::words(&digest);
        Self {
            text: format!(
                "wrote {file}\nSHA-256 {digest}\nwords   {words}\nHave it signed: assent trust sign {file} --key PERSON=KEY\n"
            ),
            value: json!({ "file": file, "sha256": digest, "words": words }),
        }
    }
}

/// A person and a public key or passkey, given as `person=file` and read at once.
#[derive(Clone, Debug)]
struct PersonKey<K = PublicKey> {
    person: PersonId,
    key: K,
}

impl<K: FromStr<Err: std::fmt::Display>> FromStr for PersonKey<K> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (person, file) = text.split_once('=').ok_or("write it as person=public-key-file")?;
        let person = person.parse().map_err(|e| format!("`{person}` {e}"))?;
        let bytes = read_named(Path::new(file), Kind::PublicKey).map_err(|e| e.to_string())?;
        let line = String::from_utf8_lossy(&bytes);
        let key = line.trim_end().parse().map_err(|e| format!("the key in {file} {e}"))?;
        Ok(Self { person, key })
    }
}

/// Reads a file of the work tree; nothing when it is not there.
fn read_folder_file(repo: &Path, file: &str) -> Result<Option<Vec<u8>>, Error> {
    read_if_there(&repo.join(file), Kind::SignedToml)
}

/// What a signed file is not, as the error of a command.
#[expect(clippy::needless_pass_by_value, reason = "stands where `map_err` gives an error away")]
fn refused(error: TrustError) -> Error {
    Error::input(error.to_string())
}
