//! The `assent-agent` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    assent_agent::command::main(std::env::args_os(), &mut std::io::stdout(), &mut std::io::stderr())
}
