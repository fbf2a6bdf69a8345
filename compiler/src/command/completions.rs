//! `assent completions`: what a shell must know to complete command lines of `assent`.

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::{Arguments, Context, Outcome};
use crate::error::Error;

/// Prints completions for a shell.
///
/// For bash: assent completions bash > ~/.local/share/bash-completion/completions/assent. For fish: assent completions
/// fish > ~/.config/fish/completions/assent.fish. For zsh: a file `_assent` in a folder of `$fpath`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The shell.
    shell: Shell,
}

/// Runs the command.
///
/// # Errors
/// When standard output is closed or full.
pub(super) fn run(args: &Args, context: &mut Context<'_>) -> Result<Outcome, Error> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Arguments::command(), "assent", &mut script);
    context.print(&String::from_utf8_lossy(&script))?;
    Ok(Outcome::Fine)
}
