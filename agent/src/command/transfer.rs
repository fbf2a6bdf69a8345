//! `assent-agent transfer`: the child process that talks git. One request on standard input, one answer on standard output.

use super::Output;
use crate::error::Error;
use crate::pull::transfer;

/// Takes no arguments: they would be visible to every user of the machine.
#[derive(Debug, clap::Args)]
pub(super) struct Args {}

pub(super) fn run(out: &mut Output<'_>) -> Result<(), Error> {
    transfer::child(&mut std::io::stdin(), out.raw())
        .map_err(|error| Error::environment("cannot talk to the agent that started this").source(error))
}
