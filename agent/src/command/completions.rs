//! `assent-agent completions`: what a shell must know to complete command lines of `assent-agent`.

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::{Arguments, Call, Output};
use crate::error::Error;

/// Arguments of `completions`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The shell.
    shell: Shell,
}

pub(super) fn run(args: &Args, _: &Call, out: &mut Output<'_>) -> Result<(), Error> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Arguments::command(), "assent-agent", &mut script);
    out.print(&script)
}
