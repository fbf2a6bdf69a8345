//! `assent-agent run`: runs the agent until SIGTERM or SIGINT. Logs are JSON lines on standard output.

use tracing_subscriber::EnvFilter;

use super::{Call, Output};
use crate::daemon::{self, Outside};
use crate::error::{Context as _, Error};
use crate::real::log::Lossy;
use crate::vault::tripwire::Guarded;

/// Arguments of `run`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// What is logged: `error`, `warn`, `info`, `debug`, or a filter of `tracing`.
    #[arg(long, default_value = "info", value_name = "LEVEL")]
    log: String,
}

#[expect(clippy::disallowed_methods, reason = "commands read the environment; here the service manager's socket")]
pub(super) fn run(args: &Args, call: &Call, _: &mut Output<'_>) -> Result<(), Error> {
    let config = call.config()?;
    let filter = EnvFilter::try_new(&args.log).tried(|| format!("cannot log `{}`", args.log))?;
    // A line that cannot be written is lost; by itself the subscriber would say so on standard error, and panic where that
    // cannot be written either.
    let lines = || Guarded(Lossy(std::io::stdout()));
    let log = tracing_subscriber::fmt().json().flatten_event(true).log_internal_errors(false);
    // A second subscriber in one process is refused; then the first one goes on.
    drop(log.with_env_filter(filter).with_writer(lines).try_init());
    let program = std::env::current_exe().tried(|| "cannot find this program".into())?;
    let notify = std::env::var("NOTIFY_SOCKET").ok().map(Into::into);
    daemon::run(&config, &Outside { program, notify })
}
