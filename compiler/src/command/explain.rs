//! `assent explain [CODE]`: what a finding code means, why it matters, what to do.

use assent_schema::code::Code;
use serde::Serialize;

use crate::error::Error;
use crate::parse::suggest::closest;
use crate::show::codes;

use super::{Context, Format, Outcome};

/// Explains a finding code, or lists them all.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The code, like unknown-key; all of them unless said.
    #[arg(value_name = "CODE")]
    code: Option<String>,
    /// List all codes.
    #[arg(long, conflicts_with = "code")]
    list: bool,
    /// How the result is printed.
    #[arg(long, default_value = "human")]
    format: Format,
}

#[derive(Serialize)]
struct Explained {
    code: &'static str,
    severity: assent_schema::code::Severity,
    what: &'static str,
    why: &'static str,
    help: &'static str,
    promises: &'static [&'static str],
}

/// Runs the command.
///
/// # Errors
/// When there is no such code.
pub(super) fn run(args: &Args, context: &mut Context<'_>) -> Result<Outcome, Error> {
    let codes = match &args.code {
        Some(name) => vec![Code::from_name(name).ok_or_else(|| no_such_code(name))?],
        None => Code::ALL.to_vec(),
    };
    match (args.format, args.code.is_some()) {
        (Format::Human, true) => codes.iter().try_for_each(|code| context.print(&codes::explained(*code)))?,
        (Format::Human, false) => context.print(&codes::list(&codes))?,
        (Format::Json, _) => context.print_json(&codes.iter().map(|code| explained(*code)).collect::<Vec<_>>())?,
    }
    Ok(Outcome::Fine)
}

fn no_such_code(name: &str) -> Error {
    let names = Code::ALL.iter().map(|code| code.row().name);
    let next = match closest(name, names) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "`assent explain` lists all of them".into(),
    };
    Error::input(format!("there is no code `{}`; {next}", name.escape_debug()))
}

fn explained(code: Code) -> Explained {
    let row = code.row();
    Explained {
        code: row.name,
        severity: row.severity,
        what: row.what,
        why: row.why,
        help: row.help,
        promises: row.promises,
    }
}
