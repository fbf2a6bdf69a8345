//! Arguments to exit status: one file per subcommand. The only room that imports the agent; nobody imports it.
//!
//! A new subcommand is a file with `Args` and `run(&Args, &mut Context) -> Result<Outcome, Error>`, a line in [`Command`]
//! and one in [`dispatch`].

mod approve;
mod build;
mod challenge;
mod check;
mod compiled;
mod completions;
mod context;
mod decide;
pub mod demo;
mod elsewhere;
mod explain;
mod freshness;
mod from_run;
mod http;
mod init;
mod plan;
mod played;
mod poke;
mod promises;
pub mod rehearsing;
mod release;
mod report;
pub mod repository;
mod rollback;
mod schema;
mod start;
mod status;
mod test;
mod trust;
mod who_signed;
mod withdraw;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

use crate::error::Error;
use crate::publish::unlocked::OneCommand;

pub use context::{Context, Outcome, Outside};

/// Proves that workflows keep the promises made about clients' data, and lowers them to signed bundles.
#[derive(Debug, Parser)]
#[command(name = "assent", version, max_term_width = 100)]
struct Arguments {
    /// What to do.
    #[command(subcommand)]
    command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
enum Command {
    Approve(approve::Args),
    Check(check::Args),
    Explain(explain::Args),
    Schema(schema::Args),
    Init(init::Args),
    Plan(plan::Args),
    Test(test::Args),
    /// Refuses uses of a client's data, approved ones too; one approver is enough. For a proposal alone: `--use DIGEST`
    Reject(withdraw::Args),
    Trust(trust::Args),
    /// Ends approved uses of a client's data; one approver is enough.
    Withdraw(withdraw::Args),
    Build(build::Args),
    Release(release::Args),
    Freshness(freshness::Args),
    Rollback(rollback::Args),
    Status(status::Args),
    Promises(promises::Args),
    Report(report::Args),
    Decide(decide::Args),
    Start(start::Args),
    Demo(demo::Args),
    Completions(completions::Args),
}

fn dispatch(command: &Command, context: &mut Context<'_>) -> Result<Outcome, Error> {
    match command {
        Command::Demo(args) => demo::run(args, context),
        Command::Completions(args) => completions::run(args, context),
        Command::Decide(args) => decide::run(args, context),
        Command::Start(args) => start::run(args, context),
        Command::Build(args) => build::run(args, context),
        Command::Release(args) => release::run(args, context),
        Command::Freshness(args) => freshness::run(args, context),
        Command::Rollback(args) => rollback::run(args, context),
        Command::Promises(args) => promises::run(args, context),
        Command::Report(args) => report::run(args, context),
        Command::Status(args) => status::run(args, context),
        Command::Approve(args) => approve::run(args, context),
        Command::Reject(args) => withdraw::reject(args, context),
        Command::Trust(args) => trust::run(args, context),
        Command::Withdraw(args) => withdraw::run(args, context),
        Command::Check(args) => check::run(args, context),
        Command::Init(args) => init::run(args, context),
        Command::Explain(args) => explain::run(args, context),
        Command::Schema(args) => schema::run(args, context),
        Command::Plan(args) => plan::run(args, context),
        Command::Test(args) => test::run(args, context),
    }
}

/// Output format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Text.
    Human,
    /// One JSON value.
    Json,
}

/// Runs one command line for another part of this program; errors stay errors.
///
/// # Errors
/// When the line is not understood, or as the command says.
pub fn perform(
    arguments: impl IntoIterator<Item = OsString>,
    outside: Outside,
    stdout: &mut dyn Write,
    stderr: &mut dyn Write,
) -> Result<Outcome, Error> {
    let arguments = Arguments::try_parse_from(arguments).map_err(|usage| Error::input(usage.to_string()))?;
    dispatch(&arguments.command, &mut Context::new(outside, stdout, stderr))
}

/// Runs one command line. The only place where errors become text and exit status.
pub fn main(
    arguments: impl IntoIterator<Item = OsString>,
    outside: Outside,
    stdout: &mut dyn Write,
    stderr: &mut dyn Write,
) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(usage) => {
            // Help and version are asked for and go to standard output; clap knows which is which.
            let (to, status): (&mut dyn Write, u8) = if usage.use_stderr() { (stderr, 2) } else { (stdout, 0) };
            let written = write!(to, "{}", usage.render());
            return ExitCode::from(if written.is_ok() { status } else { 2 });
        }
    };
    let _opened = OneCommand::begins();
    match dispatch(&arguments.command, &mut Context::new(outside, stdout, stderr)) {
        Ok(Outcome::Fine) => ExitCode::SUCCESS,
        Ok(Outcome::Findings) => ExitCode::from(1),
        Err(error) => {
            // `assent check | head` is nobody's mistake; and when standard error is closed nobody is left to tell.
            if !error.is_closed_pipe() {
                drop(writeln!(stderr, "assent: {error}"));
            }
            ExitCode::from(2)
        }
    }
}
