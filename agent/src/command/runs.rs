//! `assent-agent runs`: what ran and runs, and one run with its journal. Facts only.

use std::io::{self, Write};

use assent_schema::id::ClientId;
use serde::Serialize;

use super::ask::{ask, unexpected};
use super::{Call, Output, Show, handle};
use crate::control::{Answer, Question, RUNS_MOST, RunRow, RunStory, Verb};
use crate::error::Error;
use crate::store::{Entry, RunId};

/// Arguments of `runs`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    what: Option<What>,
    /// Of this client only.
    #[arg(long, value_name = "CLIENT")]
    client: Option<ClientId>,
    /// At most so many.
    #[arg(long, default_value_t = 20, value_name = "N")]
    most: usize,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// One run with its journal.
    Show {
        /// The run's id, as lists show it.
        run: RunId,
    },
    /// Goes on with runs at the step that failed. What is done stays done, what is in doubt is never repeated blindly.
    Retry(handle::Args),
    /// Goes on with runs behind the step that failed; inside an `each`, without the items that failed.
    Skip(handle::Args),
    /// Ends runs at their next step boundary.
    Cancel(handle::Args),
    /// Begins runs anew, with the plan that runs now. What is done stays done.
    Rerun(handle::Args),
}

#[derive(Serialize)]
struct Runs {
    runs: Vec<RunRow>,
}

impl Show for Runs {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.runs.is_empty() {
            return writeln!(out, "No runs yet.");
        }
        self.runs.iter().try_for_each(|run| line(run, out))
    }
}

pub(super) fn line(run: &RunRow, out: &mut dyn Write) -> io::Result<()> {
    let RunRow { run: id, client, workflow, accepted, state, .. } = run;
    write!(out, "{id}  {accepted}  {client}/{workflow}  {state}")?;
    run.step.iter().try_for_each(|step| write!(out, " at {step}"))?;
    run.code.iter().try_for_each(|code| write!(out, " ({code})"))?;
    writeln!(out)
}

impl Show for RunStory {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        line(&self.run, out)?;
        writeln!(out, "    run {} of {}, plan {}", self.run.number, self.run.client, self.run.plan)?;
        self.journal.iter().try_for_each(|row| writeln!(out, "    {}  {}", row.at, sentence(&row.entry)))
    }
}

fn sentence(entry: &Entry) -> String {
    match entry.item() {
        Some(item) => format!("{} | {}", item.as_str(), said(entry)),
        None => said(entry),
    }
}

fn said(entry: &Entry) -> String {
    match entry {
        Entry::Accepted(accepted) => {
            let again = accepted.again.map(|run| format!(", goes on with run {run}")).unwrap_or_default();
            format!("accepted, event {}{again}", accepted.event)
        }
        Entry::Quiet {} => "no newer event of its key came".to_owned(),
        Entry::When { step, runs: true, .. } => format!("{step}: its condition holds"),
        Entry::When { step, runs: false, .. } => format!("{step}: skipped, its condition does not hold"),
        Entry::Intent(intent) if intent.shadow => format!("{}: {} would be called", intent.step, intent.operation),
        Entry::Intent(intent) => format!("{}: calls {}, attempt {}", intent.step, intent.operation, intent.attempt),
        Entry::Outcome(outcome) => {
            let status = outcome.status.map(|status| format!(", status {status}")).unwrap_or_default();
            let doubt = if outcome.in_doubt { ", in doubt" } else { "" };
            format!("{}: {}{status}{doubt}", outcome.step, outcome.code)
        }
        Entry::Answered { step, ended, .. } => format!("{step}: {}", ended.as_str()),
        Entry::Asked(waiting) => format!("{}: asks {}", waiting.step, waiting.by),
        Entry::Decided { step, choice, by, .. } => {
            let who = by.as_ref().map_or_else(|| "nobody in time".to_owned(), ToString::to_string);
            let choice = match choice {
                assent_schema::release::Choice::Approve => "yes",
                assent_schema::release::Choice::Refuse => "no",
            };
            format!("{step}: {choice}, by {who}")
        }
        Entry::Passed { step, code, .. } => format!("{step}: went on after {code}"),
        Entry::Walked { step, items } => format!("{step}: {} items", items.len()),
        Entry::Item { step, item, how, code } => {
            let why = code.as_ref().map(|code| format!(", {code}")).unwrap_or_default();
            format!("{step}: item {} is {}{why}", item.as_str(), how.as_str())
        }
        Entry::Rests { step, until, .. } => {
            format!("{step}: waits until {}", crate::world::Wall::from_millis(*until).moment())
        }
        Entry::Woke { step, arrived: true, .. } => format!("{step}: the event came"),
        Entry::Woke { step, arrived: false, .. } => format!("{step}: the time is over"),
        Entry::Ended { ending, stop, code, .. } => {
            let name = stop.as_ref().map(|stop| format!(" as {stop}")).unwrap_or_default();
            let why = code.as_ref().map(|code| format!(", {code}")).unwrap_or_default();
            format!("ended {}{name}{why}", ending.as_str())
        }
    }
}

pub(super) fn run(args: &Args, call: &Call, out: &mut Output<'_>) -> Result<(), Error> {
    let question = match &args.what {
        Some(What::Show { run }) => Question::Run { run: *run },
        Some(What::Retry(args)) => return handle::handle(Verb::Retry, args, call, out),
        Some(What::Skip(args)) => return handle::handle(Verb::Skip, args, call, out),
        Some(What::Cancel(args)) => return handle::handle(Verb::Cancel, args, call, out),
        Some(What::Rerun(args)) => return handle::handle(Verb::Rerun, args, call, out),
        None => Question::Runs { client: args.client.clone(), most: args.most.min(RUNS_MOST) },
    };
    match ask(call, &question)? {
        Answer::Runs(runs) => out.show(&Runs { runs }),
        Answer::Run(Some(story)) => out.show(&*story),
        Answer::Run(None) => Err(Error::refused("there is no such run here").help("`assent-agent runs` lists them.")),
        _ => Err(unexpected()),
    }
}
