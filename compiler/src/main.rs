//! The `assent` command.

use std::io::{IsTerminal as _, stderr, stdout};
use std::process::ExitCode;
use std::time::SystemTime;

use assent_compiler::command::{self, Outside, demo};
use assent_schema::time::Moment;

/// A third of a check was spent in the system's allocator: a source is a great many small things on all cores.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The first words by which this binary becomes an agent: `assent agent …`, as the demo starts it, and the child with which
/// an agent talks git.
const AGENT: [&str; 2] = ["agent", assent_agent::pull::fetch::CHILD_COMMAND];

/// Ends this process when whoever started it is gone, however it went: its end of standard input is closed then.
#[expect(clippy::exit, reason = "an agent survives a power cut at any instant; nobody is left to stop it in order")]
fn end_with_parent() {
    std::thread::spawn(|| {
        drop(std::io::copy(&mut std::io::stdin(), &mut std::io::sink()));
        std::process::exit(0)
    });
}

fn main() -> ExitCode {
    if let Some(first) = std::env::args_os().nth(1).filter(|first| AGENT.iter().any(|word| first == word)) {
        if first == "agent" && std::env::var_os(demo::agents::TIED).is_some() {
            end_with_parent();
        }
        let rest = std::env::args_os().skip(if first == "agent" { 2 } else { 1 });
        let line = std::iter::once("assent-agent".into()).chain(rest);
        return assent_agent::command::main(line, &mut stdout(), &mut stderr());
    }
    #[expect(clippy::disallowed_methods, reason = "a command line runs at one moment; here it is taken, once")]
    let now = SystemTime::now();
    let seconds = now.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let outside = Outside {
        now: Moment::from_seconds(i64::try_from(seconds).unwrap_or(i64::MAX)),
        variables: std::env::vars_os().collect(),
        stdout_is_terminal: stdout().is_terminal(),
        stderr_is_terminal: stderr().is_terminal(),
    };
    command::main(std::env::args_os(), outside, &mut stdout(), &mut stderr())
}
