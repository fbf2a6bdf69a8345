//! `assent-agent run`: runs the agent until SIGTERM or SIGINT. Logs are JSON lines on standard output.

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::{Call, Output};
use crate::daemon::{self, Outside};
use crate::error::{Context as _, Error};
use crate::real::log::Lossy;
use crate::vault::tripwire::Guarded;

/// Arguments of `run`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// What is logged: this level and all that are more serious
    #[arg(long, value_enum, default_value_t = Level::Info, value_name = "LEVEL")]
    log: Level,
}

/// How serious a line of the log is at least.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Level {
    Error,
    Warn,
    Info,
    Debug,
}

impl Level {
    /// Lines of our own code alone: what a library would say, nobody here has read for content.
    fn filter(self) -> Targets {
        let level = match self {
            Self::Error => LevelFilter::ERROR,
            Self::Warn => LevelFilter::WARN,
            Self::Info => LevelFilter::INFO,
            Self::Debug => LevelFilter::DEBUG,
        };
        Targets::new().with_target(env!("CARGO_CRATE_NAME"), level)
    }
}

#[expect(clippy::disallowed_methods, reason = "commands read the environment; here the service manager's socket")]
pub(super) fn run(args: &Args, call: &Call, _: &mut Output<'_>) -> Result<(), Error> {
    let config = call.config()?;
    // A line that cannot be written is lost; by itself the subscriber would say so on standard error, and panic where that
    // cannot be written either.
    let lines = || Guarded(Lossy(std::io::stdout()));
    let log = tracing_subscriber::fmt::layer().json().flatten_event(true).log_internal_errors(false);
    // A second subscriber in one process is refused; then the first one goes on.
    drop(tracing_subscriber::registry().with(args.log.filter()).with(log.with_writer(lines)).try_init());
    let program = std::env::current_exe().tried(|| "cannot find this program".into())?;
    let notify = std::env::var("NOTIFY_SOCKET").ok().map(Into::into);
    daemon::run(&config, &Outside { program, notify })
}
