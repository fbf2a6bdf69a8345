//! `assent explain [CODE]`: what a finding code means, why it matters, what to do; and by which codes runs fail.

use assent_schema::code::{Code, Severity};
use assent_schema::nearest::nearest;
use assent_schema::plan::{END_CODES, EndCode};
use serde::Serialize;

use crate::error::Error;
use crate::show::codes;

use super::{Context, Format, Outcome};

/// Explains a code of a finding or of a run that failed, or lists them all.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The code, like `unknown-key` or `bad_answer`; all of them unless said.
    #[arg(value_name = "CODE")]
    code: Option<String>,
    /// List all codes.
    #[arg(long, conflicts_with = "code")]
    list: bool,
    /// Output format.
    #[arg(long, default_value = "human")]
    format: Format,
}

#[derive(Serialize)]
struct Explained {
    code: &'static str,
    /// Only findings have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    severity: Option<Severity>,
    what: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'static str>,
    help: &'static str,
    promises: &'static [&'static str],
}

/// Runs the command.
///
/// # Errors
/// When there is no such code.
pub(super) fn run(args: &Args, context: &mut Context<'_>) -> Result<Outcome, Error> {
    let (codes, endings) = match &args.code {
        None => (Code::ALL.to_vec(), END_CODES.to_vec()),
        // A few words are both: what a finding says, an agent that finds it says, too.
        Some(name) => (Code::from_name(name).into_iter().collect(), EndCode::from_name(name).into_iter().collect()),
    };
    match (&args.code, args.format) {
        (Some(name), _) if codes.is_empty() && endings.is_empty() => return Err(no_such_code(name)),
        (Some(_), Format::Human) => {
            let all = codes.iter().map(|code| codes::explained(*code)).chain(endings.iter().map(codes::ending));
            context.print(&all.collect::<Vec<_>>().join("\n"))?;
        }
        (None, Format::Human) => context.print(&codes::list(&codes, &endings))?,
        (_, Format::Json) => {
            let all = codes.iter().map(|code| explained(*code)).chain(endings.iter().map(ending));
            context.print_json(&all.collect::<Vec<_>>())?;
        }
    }
    Ok(Outcome::Fine)
}

fn no_such_code(name: &str) -> Error {
    let names = Code::ALL.iter().map(|code| code.row().name).chain(END_CODES.iter().map(|end| end.name));
    let next = match nearest(name, names) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "`assent explain` lists all of them".into(),
    };
    Error::input(format!("there is no code `{}`; {next}", name.escape_debug()))
}

fn explained(code: Code) -> Explained {
    let row = code.row();
    Explained {
        code: row.name,
        severity: Some(row.severity),
        what: row.what,
        why: Some(row.why),
        help: row.help,
        promises: row.promises,
    }
}

fn ending(end: &EndCode) -> Explained {
    Explained { code: end.name, severity: None, what: end.what, why: None, help: end.help, promises: &[] }
}
