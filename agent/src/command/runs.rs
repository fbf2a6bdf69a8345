//! `assent-agent runs`: what ran and runs, and one run with its journal. Facts only.

use std::io::{self, Write};

use assent_schema::id::ClientId;
use assent_schema::ledger::Token;
use serde::Serialize;

use super::ask::unexpected;
use super::key::Who;
use super::{Call, Output, Show, handle};
use crate::control::stored::sentence;
use crate::control::{Answer, Question, RUNS_MOST, ReadAgain, RunRow, RunStory, Verb};
use crate::error::Error;
use crate::people::told;
use crate::store::RunRef;

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
    #[command(flatten)]
    who: Who,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// One run with its journal.
    Show {
        /// The run: its id or its name, `acme-12`, as lists show them.
        run: RunRef,
        /// Reads again, live, what the run read, and shows it. Nothing of it is kept; that you looked stands in the client's
        /// ledger.
        #[arg(long, requires = "why")]
        reread: bool,
        /// The reason, as a code or ticket id: the client can read it in its ledger.
        #[arg(long, value_name = "REASON", requires = "reread")]
        why: Option<Token>,
    },
    /// Goes on with runs at the step that failed. What is done stays done, what is in doubt is never repeated blindly.
    Retry(handle::Args),
    /// Resumes runs after the step that failed; inside an `each`, without the items that failed.
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
            return writeln!(out, "No runs of your clients yet.");
        }
        self.runs.iter().try_for_each(|run| line(run, out))
    }
}

pub(super) fn line(run: &RunRow, out: &mut dyn Write) -> io::Result<()> {
    let RunRow { run: id, client, workflow, accepted, state, .. } = run;
    write!(out, "{id}  {}  {accepted}  {client}/{workflow}  {}", run.name(), state.as_str())?;
    run.step.iter().try_for_each(|step| write!(out, " at {step}"))?;
    run.code.iter().try_for_each(|code| write!(out, " ({code})"))?;
    writeln!(out)
}

impl Show for RunStory {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        line(&self.run, out)?;
        writeln!(out, "    plan {}", self.run.plan)?;
        self.journal.iter().try_for_each(|row| writeln!(out, "    {}  {}", row.at, sentence(&row.entry)))
    }
}

#[derive(Serialize)]
struct Again {
    reads: Vec<ReadAgain>,
}

impl Show for Again {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.reads.is_empty() {
            return writeln!(out, "Nothing of this run can be read again.");
        }
        for read in &self.reads {
            writeln!(out, "{}  {}", read.step, read.operation)?;
            read.code.iter().try_for_each(|code| writeln!(out, "    not read: {code}"))?;
            for (name, value) in read.values.iter().flatten() {
                let text = told::value(value);
                text.lines().enumerate().try_for_each(|(place, line)| match place {
                    0 => writeln!(out, "    {name}: {line}"),
                    _ => writeln!(out, "        {line}"),
                })?;
            }
        }
        Ok(())
    }
}

pub(super) fn run(args: &Args, call: &Call, out: &mut Output<'_>) -> Result<(), Error> {
    let who = &args.who;
    let question = match &args.what {
        Some(What::Show { run, why: Some(why), .. }) => Question::Reread { run: run.clone(), why: why.clone() },
        Some(What::Show { run, why: None, .. }) => Question::Run { run: run.clone() },
        Some(What::Retry(args)) => return handle::handle(Verb::Retry, args, (who, call), out),
        Some(What::Skip(args)) => return handle::handle(Verb::Skip, args, (who, call), out),
        Some(What::Cancel(args)) => return handle::handle(Verb::Cancel, args, (who, call), out),
        Some(What::Rerun(args)) => return handle::handle(Verb::Rerun, args, (who, call), out),
        None => Question::Runs { client: args.client.clone(), most: args.most.min(RUNS_MOST) },
    };
    match who.ask(call, &question)? {
        Answer::Runs(runs) => out.show(&Runs { runs }),
        Answer::Run(Some(story)) => out.show(&*story),
        Answer::Reread(reads) => out.show(&Again { reads }),
        Answer::Run(None) => Err(Error::refused("there is no such run here").help("`assent-agent runs` lists them.")),
        _ => Err(unexpected()),
    }
}
