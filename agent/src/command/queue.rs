//! `assent-agent queue`: where work waits that automation could not finish, each item with what was already done.

use std::io::{self, Write};

use serde::Serialize;

use super::ask::{ask, unexpected};
use super::{Call, Output, Show};
use crate::control::{Answer, Question};
use crate::error::Error;
use crate::store::QueueItem;
use crate::world::Wall;

/// Arguments of `queue`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {}

#[derive(Serialize)]
struct Queue {
    queue: Vec<QueueItem>,
}

impl Show for Queue {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.queue.is_empty() {
            return writeln!(out, "The manual queue is empty.");
        }
        for item in &self.queue {
            let since = Wall::from_millis(item.since).moment();
            let QueueItem { client, workflow, queue, why, run, .. } = item;
            writeln!(out, "{client}/{workflow}  for {queue}  since {since}  because {why}  run {run}")?;
            for done in &item.done {
                let how = if done.in_doubt { "perhaps done" } else { "done" };
                writeln!(out, "    {how}: {} (step {})", done.operation, done.step)?;
            }
            if let Some(open) = &item.open {
                writeln!(out, "    open: {open}")?;
            }
        }
        Ok(())
    }
}

pub(super) fn run(_: &Args, call: &Call, out: &mut Output<'_>) -> Result<(), Error> {
    match ask(call, &Question::Queue)? {
        Answer::Queue(queue) => out.show(&Queue { queue }),
        _ => Err(unexpected()),
    }
}
