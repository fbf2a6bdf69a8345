//! `assent-agent queue`: where work waits that automation could not finish, each item with what was already done.

use std::io::{self, Write};

use assent_schema::id::GroupId;
use serde::Serialize;

use super::ask::unexpected;
use super::key::Who;
use super::{Call, Output, Show, handle};
use crate::control::{Answer, Question, QueueRow, Verb};
use crate::error::Error;
use crate::store::{QueueItem, RunName};
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
    queue: Vec<Line>,
}

#[derive(Serialize)]
struct Line {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<RunName>,
    #[serde(flatten)]
    item: QueueItem,
}

impl From<QueueRow> for Line {
    fn from(QueueRow { name, item }: QueueRow) -> Self {
        Self { name, item }
    }
}

impl Show for Queue {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.queue.is_empty() {
            return writeln!(out, "Nothing of your clients waits in the manual queue.");
        }
        for Line { name, item } in &self.queue {
            let since = Wall::from_millis(item.since).moment();
            let QueueItem { client, workflow, queue, why, run, .. } = item;
            let run = name.as_ref().map_or_else(|| run.to_string(), |name| format!("{name} ({run})"));
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
        Answer::Queue(queue) => out.show(&Queue { queue: queue.into_iter().map(Line::from).collect() }),
        _ => Err(unexpected()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_names_its_run_as_the_pages_do() {
        let item = serde_json::json!({"run": "01a22b159522f508f2724b184ceecdf1", "client": "acme", "workflow": "refund", "queue": "leads",
            "why": "http_503", "event": "e", "since": 0});
        let told = |name: Option<&str>| {
            let row = serde_json::json!({"name": name, "item": item});
            let queue = Queue { queue: vec![Line::from(serde_json::from_value::<QueueRow>(row).unwrap())] };
            let mut out = Vec::new();
            queue.human(&mut out).unwrap();
            (String::from_utf8(out).unwrap(), serde_json::to_value(&queue).unwrap())
        };
        let (said, value) = told(Some("acme-12"));
        assert!(said.ends_with("because http_503  run acme-12 (01a22b159522f508f2724b184ceecdf1)\n"), "{said}");
        let row = value.pointer("/queue/0").unwrap();
        assert_eq!((row.get("name"), row.get("run")), (Some(&"acme-12".into()), item.get("run")));
        assert!(told(None).0.ends_with("run 01a22b159522f508f2724b184ceecdf1\n"));
    }
}
