//! `assent report CLIENT`: one page for one client, with every promise and what is so.

use std::path::PathBuf;

use assent_schema::id::ClientId;

use super::promises::{SeenArgs, broken, gather};
use super::repository::SourceArgs;
use super::{Context, Format, Outcome};
use crate::error::Error;
use crate::publish::place::put_named;
use crate::show::promises::{page, text, value};

/// Writes one self-contained page for a client: every promise, what enforces it, the live evidence, and, plainly, what
/// software cannot enforce. Exit status 1 when something speaks against a promise.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The client.
    client: ClientId,
    #[command(flatten)]
    source: SourceArgs,
    #[command(flatten)]
    seen: SeenArgs,
    /// Where the page goes; without it the report is printed as text.
    #[arg(long, value_name = "HTML")]
    output: Option<PathBuf>,
    /// Output format.
    #[arg(long, default_value = "human")]
    format: Format,
}

/// Runs the command.
///
/// # Errors
/// As `assent promises`, and when the page cannot be written.
pub(super) fn run(args: &Args, context: &mut Context<'_>) -> Result<Outcome, Error> {
    let (head, rows) = gather(&args.source, &args.seen, Some(&args.client), context)?;
    let told = match &args.output {
        None => text(&head, &rows),
        Some(path) => {
            put_named(path, page(&head, &rows).as_bytes())?;
            format!("{} promises of {} are in {}\n", rows.len(), args.client, path.display())
        }
    };
    context.print_as(args.format, &told, &value(&head, &rows))?;
    Ok(Outcome::of(broken(&rows)))
}
