//! `assent approve`: a client's approver reads a statement in plain words, signs it, and learns where to send it.

mod page;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use assent_schema::id::PersonId;
use assent_schema::named::Kind;
use assent_schema::trust::{Decision, Namespace, Statement, verify};
use assent_schema::uses::DataUse;
use serde::Serialize;
use serde_json::{Value, json};

use super::{Context, Format, Outcome};
use crate::error::Error;
use crate::named::{read_named, text_named};
use crate::publish::hand::{by_hand, quoted};
use crate::publish::sign::{KeyFile, NOT_CHECKED, Pen};
use crate::sentence::sentence;

/// Shows what an approval allows, signs it, and checks the signature. The same as
/// `ssh-keygen -Y sign -f KEY -n approval@assent FILE`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The approval, as `assent plan` drafted it.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Who signs, and with which key: a private one, or the public half of one that `ssh-agent` holds. Without it the text is
    /// shown and nothing is signed.
    #[arg(long, value_name = "PERSON=KEY")]
    key: Option<KeyFile>,
    #[command(flatten)]
    page: page::PageArgs,
    /// Output format.
    #[arg(long, default_value = "human")]
    format: Format,
}

/// Runs the command.
///
/// # Errors
/// When the file is not a statement, or the key cannot sign.
pub(super) fn run(args: &Args, context: &mut Context<'_>) -> Result<Outcome, Error> {
    let (statement, bytes) = read(&args.file)?;
    let page = args.page.write(&args.file, &bytes, &statement, context)?;
    let mut text = format!("{}\n", words(&statement));
    let signed = match &args.key {
        None => None,
        Some(key) => {
            Some(sign(&args.file, &bytes, key, || context.show_first(args.format, &std::mem::take(&mut text)))?)
        }
    };
    let next = signed.as_ref().map_or_else(|| how_to_sign(&args.file), Signed::sentence);
    if let Some(page) = &page {
        // Writing to a text never fails.
        let _written = writeln!(text, "The page for those who sign: {}", page.display());
    }
    text.push_str(&next);
    let mut told = told(&args.file, &statement, signed.as_ref());
    if let (Some(told), Some(page)) = (told.as_object_mut(), page) {
        told.insert("page".to_owned(), page.display().to_string().into());
    }
    context.print_as(args.format, &text, &told)?;
    Ok(Outcome::Fine)
}

/// How somebody signs a statement that lies here.
pub(super) fn how_to_sign(file: &Path) -> String {
    let shown = file.display().to_string();
    format!(
        "To sign it: assent approve {} --key YOU=KEY\n        or: {}\n",
        quoted(&shown),
        by_hand(file, Namespace::Approval, "KEY", "YOU")
    )
}

/// Reads a statement file: what it says, and its bytes.
///
/// # Errors
/// When it is not one.
pub(super) fn read(file: &Path) -> Result<(Statement, Vec<u8>), Error> {
    let bytes = read_named(file, Kind::SignedToml)?;
    let statement = Statement::parse(&file.display().to_string(), &bytes).map_err(|e| Error::input(e.to_string()))?;
    Ok((statement, bytes))
}

/// A signature that was made.
#[derive(Serialize)]
pub(super) struct Signed {
    person: PersonId,
    signature: String,
    /// Whether the client's approvers stand here and list the key.
    #[serde(skip)]
    is_checked: bool,
}

impl Signed {
    /// The signature.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn armour(&self) -> Result<String, Error> {
        text_named(Path::new(&self.signature), Kind::Signature)
    }

    /// Where both files go.
    pub(super) fn sentence(&self) -> String {
        let Self { person, signature, is_checked } = self;
        let note = if *is_checked { "" } else { NOT_CHECKED };
        format!(
            "signed by {person}: {signature}{note}\nSend both files to the agency, or commit them beside each other; changing one byte ends the signature.\n"
        )
    }
}

/// Signs the bytes of a statement, if it is by a key of that approver as far as can be told here, and checks what was written.
/// `show` shows what they say: before the key asks for anything, and only if it may sign.
///
/// # Errors
/// When the key cannot be read, the file holds something else, or the signature cannot be written.
pub(super) fn sign(
    file: &Path,
    bytes: &[u8],
    key: &KeyFile,
    show: impl FnOnce() -> Result<(), Error>,
) -> Result<Signed, Error> {
    let pen = Pen::ready(file, bytes, Namespace::Approval, key)?;
    show()?;
    let beside = pen.sign()?;
    let keys = [key.read()?.public().clone()].into();
    let armour = read_named(&beside.path, Kind::Signature)?;
    verify(bytes, &armour, Namespace::Approval, &keys)
        .map_err(|e| Error::input(format!("the signature just made {e}")))?;
    let (signature, is_checked) = (beside.path.display().to_string(), beside.is_checked);
    Ok(Signed { person: key.person.clone(), signature, is_checked })
}

/// A statement as JSON: what it says in full, and in the words that people read.
pub(super) fn told(file: &Path, statement: &Statement, signed: Option<&Signed>) -> Value {
    let row = |used: &Arc<DataUse>| json!({ "use": **used, "sentence": sentence(used) });
    let (expires, uses) = match &statement.says {
        Decision::Approve(approval) => (Some(approval.expires), approval.uses.iter().map(row).collect()),
        Decision::Reject(_) | Decision::Withdraw(_) => (None, Vec::new()),
    };
    let ends: Vec<String> = statement.cancels().iter().map(super::withdraw::named).collect();
    json!({
        "file": file.display().to_string(),
        "decision": statement.says.as_str(),
        "client": statement.client,
        "serial": statement.serial,
        "given": statement.given,
        "expires": expires,
        "uses": uses,
        "ends": ends,
        "signed": signed,
    })
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
