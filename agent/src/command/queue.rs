//! `assent-agent queue`: where work waits that automation could not finish, each item with what was already done.

use std::io::{self, Write};

use assent_schema::id::GroupId;
use serde::Serialize;

use super::ask::unexpected;
use super::key::Who;
use super::{Call, Output, Show, handle};
use crate::control::{Answer, Question, Verb};
use crate::error::Error;
use crate::store::QueueItem;
use crate::world::Wall;

/// Arguments of `queue`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    who: Who,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Lists the items; so does `queue` alone.
    List,
    /// Takes out items whose work somebody did.
    Done(handle::Args),
    /// Hands items on to another group.
    Reassign {
        /// A group of the client's deciders, or the one of the workflow's fallback.
        #[arg(long, value_name = "GROUP")]
        to: GroupId,
        #[command(flatten)]
        which: handle::Args,
    },
}

#[derive(Serialize)]
struct Queue {
    queue: Vec<QueueItem>,
}

impl Show for Queue {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.queue.is_empty() {
            return writeln!(out, "Nothing of your clients waits in the manual queue.");
        }
        for item in &self.queue {
            let since = Wall::from_millis(item.since).moment();
            let QueueItem { client, workflow, queue, why, run, .. } = item;
            writeln!(out, "{client}/{workflow}  for {queue}  since {since}  because {why}  run {run}")?;
            for done in &item.done {
                handle::effect(done, out)?;
            }
            if let Some(open) = &item.open {
                writeln!(out, "    open: {open}")?;
            }
        }
        Ok(())
    }
}

pub(super) fn run(args: &Args, call: &Call, out: &mut Output<'_>) -> Result<(), Error> {
    match &args.what {
        None | Some(What::List) => {}
        Some(What::Done(which)) => return handle::handle(Verb::Done, which, (&args.who, call), out),
        Some(What::Reassign { to, which }) => {
            return handle::handle(Verb::Reassign(to.clone()), which, (&args.who, call), out);
        }
    }
    match args.who.ask(call, &Question::Queue)? {
        Answer::Queue(queue) => out.show(&Queue { queue }),
        _ => Err(unexpected()),
    }
}
