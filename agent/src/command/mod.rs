//! Arguments to exit status: one file per subcommand. The only room, with `daemon`, that knows all others.
//!
//! A new subcommand is a file with `Args` and `run(&Args, &Call, &mut Output)`, a line in [`Command`] and one in [`dispatch`].

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{self, Config};
use crate::error::Error;
use crate::pull::fetch::CHILD_COMMAND;

/// The configuration in the folder in which a command is given.
const HERE: &str = "agent.toml";

mod alerts;
mod ask;
mod completions;
mod connect;
mod console;
mod enrol;
mod handle;
mod hold;
mod incidents;
mod key;
mod ledger;
mod output;
mod queue;
mod recover;
mod rollback;
mod run;
mod runs;
mod statements;
mod status;
mod transfer;
mod vault;
mod witness;

pub use output::{Format, Output, Show};

/// Runs an agent of Assent: pulls releases, verifies them end to end, runs them, keeps the ledger.
#[derive(Debug, Parser)]
#[command(name = "assent-agent", version, max_term_width = 100)]
struct Arguments {
    /// What to do.
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    call: Call,
}

/// What every subcommand takes.
#[derive(Clone, Debug, clap::Args)]
pub struct Call {
    /// The agent's configuration. Unless it is said: the file that `ASSENT_CONFIG` names, else `agent.toml` here, and
    /// where there is none `/etc/assent/agent.toml`.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Output format.
    #[arg(long, global = true, default_value = "human")]
    format: Format,
}

impl Call {
    /// The path of a configuration that may not be written yet.
    pub fn config_path(&self) -> &Path {
        self.config.as_deref().unwrap_or(Path::new(HERE))
    }

    /// Reads the agent's configuration.
    ///
    /// # Errors
    /// As [`config::load`].
    pub fn config(&self) -> Result<Config, Error> {
        let path = found(self.config.as_deref(), Path::exists);
        config::load(path, credentials().as_deref())
    }

    /// What the agent's configuration is once this text stands there.
    ///
    /// # Errors
    /// As [`config::load`].
    pub fn config_to_be(&self, text: &str) -> Result<Config, Error> {
        config::read(text, self.config_path(), credentials().as_deref())
    }
}

/// The configuration that is meant: the one that is named, else the one here, else that of the agent which was installed.
fn found(named: Option<&Path>, is_there: impl Fn(&Path) -> bool) -> &Path {
    let (here, installed) = (Path::new(HERE), Path::new(config::INSTALLED));
    named.unwrap_or(if !is_there(here) && is_there(installed) { installed } else { here })
}

/// The configuration that was named: in the call, else in the environment. An empty variable names none: it is how compose files and
/// CI leave one unset.
fn named(said: Option<PathBuf>, variable: Option<OsString>) -> Option<PathBuf> {
    said.or_else(|| variable.filter(|path| !path.is_empty()).map(PathBuf::from))
}

#[expect(clippy::disallowed_methods, reason = "commands read the environment; here what systemd decrypted for them")]
fn credentials() -> Option<PathBuf> {
    std::env::var("CREDENTIALS_DIRECTORY").ok().map(PathBuf::from)
}

fn configured() -> Option<OsString> {
    std::env::var_os("ASSENT_CONFIG")
}

/// The subcommands.
#[derive(Debug, Subcommand)]
enum Command {
    /// Makes the keys of a new agent and pins the project's first root.
    Enrol(enrol::Args),
    /// Runs the agent until it is told to stop.
    Run(run::Args),
    /// Shows how the agent and its workflows stand.
    Status(status::Args),
    /// Prints the statements that clients handed to the agent and no release holds, to be committed.
    Statements(statements::Args),
    /// Lists runs, shows one with its journal, lets some go on or ends them.
    Runs(runs::Args),
    /// Lists the work that automation could not finish, takes it out or hands it on.
    Queue(queue::Args),
    /// Lists incidents; acknowledges, resolves, explains, shares and closes one.
    Incidents(incidents::Args),
    /// Lists alerts that stand; acknowledges one that is no incident.
    Alerts(alerts::Args),
    /// Stops a client, a workflow or a connection for a while: triggers are kept, runs wait.
    Hold(hold::HoldArgs),
    /// Lets go on what was held.
    Resume(hold::ResumeArgs),
    /// Goes back to the plan before, at once.
    Rollback(rollback::Args),
    /// Lets an agent go on that stopped for an older store or another instance of itself; signed by on-call.
    Recover(recover::Args),
    /// Verifies, exports and proves what happened.
    Ledger(ledger::Args),
    /// Gives a link that signs you in to the console.
    Console(console::Args),
    /// Puts secrets into their slots.
    Vault(vault::Args),
    /// The child process that talks git; started by `run`, not by people.
    #[command(hide = true)]
    Transfer(transfer::Args),
    /// Prints completions for a shell.
    Completions(completions::Args),
}

fn dispatch(command: &Command, call: &Call, out: &mut Output<'_>) -> Result<(), Error> {
    match command {
        Command::Enrol(args) => enrol::run(args, call, out),
        Command::Run(args) => run::run(args, call, out),
        Command::Status(args) => status::run(args, call, out),
        Command::Statements(args) => statements::run(args, call, out),
        Command::Runs(args) => runs::run(args, call, out),
        Command::Queue(args) => queue::run(args, call, out),
        Command::Incidents(args) => incidents::run(args, call, out),
        Command::Alerts(args) => alerts::run(args, call, out),
        Command::Hold(args) => hold::hold(args, call, out),
        Command::Resume(args) => hold::resume(args, call, out),
        Command::Rollback(args) => rollback::run(args, call, out),
        Command::Recover(args) => recover::run(args, call, out),
        Command::Ledger(args) => ledger::run(args, call, out),
        Command::Console(args) => console::run(args, call, out),
        Command::Vault(args) => vault::run(args, call, out),
        Command::Transfer(_) => transfer::run(out),
        Command::Completions(args) => completions::run(args, call, out),
    }
}

/// Runs one command line. The only place where errors become text and exit status.
pub fn main(arguments: impl IntoIterator<Item = OsString>, stdout: &mut dyn Write, stderr: &mut dyn Write) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    // Each look for news starts this child. It takes no arguments, and making our command line costs more than the look.
    if let [_, only] = arguments.as_slice()
        && only == CHILD_COMMAND
    {
        let mut out = Output::new(Format::Human, stdout);
        let done = transfer::run(&mut out);
        return end(done, &out, Format::Human, stderr);
    }
    let mut arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(usage) => {
            // Help and version are asked for and go to standard output; clap knows which is which.
            let to: &mut dyn Write = if usage.use_stderr() { stderr } else { stdout };
            let written = writeln!(to, "{}", usage.render().to_string().trim_end());
            return if written.is_ok() && !usage.use_stderr() { ExitCode::SUCCESS } else { ExitCode::from(2) };
        }
    };
    arguments.call.config = named(arguments.call.config.take(), configured());
    let format = arguments.call.format;
    let mut out = Output::new(format, stdout);
    let done = dispatch(&arguments.command, &arguments.call, &mut out);
    end(done, &out, format, stderr)
}

/// The exit status of what was done.
fn end(done: Result<(), Error>, out: &Output<'_>, format: Format, stderr: &mut dyn Write) -> ExitCode {
    match done {
        Ok(()) => out.exit(),
        Err(error) => {
            let exit = error.exit();
            // `assent-agent completions bash | head` is nobody's mistake; and nobody is left to tell when standard error is closed.
            if !error.is_closed_pipe() {
                drop(output::complain(&error, format, stderr));
            }
            exit
        }
    }
}

#[cfg(test)]
mod tests {
    use assent_schema::ledger::HeldWhat;
    use assent_schema::time::Moment;

    use super::*;
    use crate::store::{Alert, AlertRow, IncidentNo};
    use crate::vault::ends::{Ending, Left};
    use crate::watch::{Around, Condition, Routes, alert, message};
    use crate::world::Wall;

    /// What on-call is told to run of an alert that came at the beginning of time.
    pub(super) fn commands(alert: Alert, goes_back: Option<Moment>) -> Vec<String> {
        told(alert, (goes_back, true), None)
    }

    /// The same where another try of its run could do no more.
    pub(super) fn commands_in_doubt(alert: Alert) -> Vec<String> {
        told(alert, (None, false), None)
    }

    fn told(alert: Alert, (goes_back, may_retry): (Option<Moment>, bool), config: Option<&str>) -> Vec<String> {
        let row = AlertRow::once(7, alert, Wall::from_millis(0));
        let (agent, routes) = ("eu-1".parse().unwrap(), Routes::default());
        let around = Around {
            agent: &agent,
            routes: &routes,
            queue: &[],
            about: None,
            goes_back,
            may_retry,
            config,
            console: None,
            run: None,
        };
        message(&row, &around).commands
    }

    #[test]
    fn every_command_of_an_alert_names_the_configuration_that_others_do_not_find() {
        let commands = told(alert(&Condition::Clock), (None, true), Some("--config /srv/eu-1/agent.toml"));
        assert_eq!(commands.len(), 3);
        for line in commands {
            let parsed = Arguments::try_parse_from(line.split(' ')).unwrap();
            assert_eq!(parsed.call.config.as_deref(), Some(Path::new("/srv/eu-1/agent.toml")), "{line}");
        }
    }

    #[test]
    fn commands_find_the_configuration_of_an_agent_that_was_installed() {
        let (here, there) = (Path::new("agent.toml"), Path::new("/etc/assent/agent.toml"));
        assert_eq!(found(None, |path| path == there), there);
        assert_eq!(found(None, |_| true), here, "the one that stands here is meant");
        assert_eq!(found(None, |_| false), here, "it is the one that is written");
        assert_eq!(found(Some(Path::new("b.toml")), |_| true), Path::new("b.toml"));
    }

    #[test]
    fn an_empty_variable_names_no_configuration() {
        let path = |text: &str| Some(PathBuf::from(text));
        assert_eq!(named(None, Some(OsString::new())), None);
        assert_eq!(named(None, Some("a.toml".into())), path("a.toml"));
        assert_eq!(named(path("b.toml"), Some("a.toml".into())), path("b.toml"));
        let said = ["assent-agent", "status", "--config", ""];
        assert!(Arguments::try_parse_from(said).is_err(), "whoever writes it means one");
    }

    /// Whoever reads the first line of a long output and goes away has what they wanted.
    #[test]
    fn a_reader_that_went_away_is_told_nothing() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
                Err(std::io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        for shell in ["bash", "zsh", "fish"] {
            let mut said = Vec::new();
            let line = ["assent-agent", "completions", shell].map(OsString::from);
            assert_eq!(main(line, &mut Closed, &mut said), ExitCode::from(2));
            assert_eq!(String::from_utf8(said).unwrap(), "", "{shell}");
        }
    }

    /// What an alert has on-call copy is a command line of this very program, about what the alert is about.
    #[test]
    fn the_commands_of_every_alert_can_be_run_as_they_stand() {
        let (client, connection) = (|| "acme".parse().unwrap(), || "shop".parse().unwrap());
        let workflow = || "refund".parse().unwrap();
        let incident = IncidentNo::new(29);
        let ends = |what| Condition::CredentialEnds {
            client: client(),
            connection: connection(),
            slot: "api-key".parse().unwrap(),
            what,
            left: Left::Week,
        };
        let conditions = [
            (Condition::ResponseDue { client: Some(client()), incident }, "incidents acknowledge i-29"),
            (Condition::ResponseLate { client: None, incident }, "incidents acknowledge i-29"),
            (Condition::PostMortemDue { client: Some(client()), incident, left: "1d" }, "incidents draft i-29"),
            (Condition::PostMortemLate { client: Some(client()), incident }, "incidents draft i-29"),
            (Condition::ReleaseRefused { code: "x".into() }, "status"),
            (Condition::StaleStopped { client: client() }, "incidents acknowledge i-7"),
            (Condition::ApprovalEnds { client: client(), days: 7 }, "runs --client acme"),
            (Condition::RootEnds { days: 7 }, "status"),
            (Condition::CertificateEnds { code: "7d".into() }, "status"),
            (
                Condition::RotationOverdue { client: client(), connection: connection(), slot: "key".parse().unwrap() },
                "vault rotate acme/shop/key --set",
            ),
            (Condition::RotationFailed { client: client(), connection: connection(), code: "x".into() }, "vault list"),
            (Condition::ConsentNeeded { client: client(), connection: connection() }, "vault connect acme/shop"),
            (Condition::ConsentNeeded { client: client(), connection: connection() }, "incidents acknowledge i-7"),
            (ends(Ending::Secret), "vault rotate acme/shop/api-key --set"),
            (ends(Ending::Consent), "vault connect acme/shop"),
            (
                Condition::Webhook {
                    client: client(),
                    workflow: workflow(),
                    connection: connection(),
                    code: "undelivered",
                },
                "vault list",
            ),
            (Condition::Vault { code: "x".into() }, "vault list"),
            (Condition::DecisionWaits { client: client(), workflow: workflow() }, "console"),
            (
                Condition::HoldLapsed { client: client(), what: HeldWhat::Workflow(workflow()) },
                "hold acme/refund --why lapsed --for 4h",
            ),
            (
                Condition::HoldLapsed { client: client(), what: HeldWhat::Connection(connection()) },
                "hold acme --connection shop --why lapsed --for 4h",
            ),
            (Condition::Clock, "status"),
            (Condition::Disk { code: "disk_full".into() }, "incidents acknowledge i-7"),
            (Condition::Halted { code: "x".into() }, "ledger verify"),
            (Condition::Halted { code: "x".into() }, "recover"),
            (Condition::RouteFails { route: connection(), code: "x".into() }, "vault list"),
            (Condition::RouteFails { route: connection(), code: "x".into() }, "alerts acknowledge a-7"),
            (Condition::PingFails { code: "x".into() }, "alerts explain heartbeat"),
        ];
        for (condition, wanted) in conditions {
            let told = commands(alert(&condition), None);
            assert!(
                told.iter().any(|line| line.strip_prefix("assent-agent ") == Some(wanted)),
                "{condition:?}: {told:?}"
            );
            assert!(told.len() <= 3, "{told:?}");
            for line in &told {
                let parsed = Arguments::try_parse_from(line.split(' '));
                assert!(parsed.is_ok(), "{line}: {}", parsed.err().map(|error| error.to_string()).unwrap_or_default());
            }
        }
    }
}
