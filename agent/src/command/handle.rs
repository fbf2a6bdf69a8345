//! What on-call does with runs: one by its id, or all that fit, of which the count comes first.
//!
//! Shared by `runs` and `queue`.

use std::io::{self, Write};

use assent_schema::id::{ClientId, Name, WorkflowId};
use assent_schema::ledger::Token;
use assent_schema::time::Moment;

use super::ask::unexpected;
use super::key::Who;
use super::{Call, Output, Show};
use crate::control::{Answer, Chosen, HandledRun, Handling, Mode, Question, RunState, Verb, Which};
use crate::error::Error;
use crate::store::{EffectDone, RunId};

/// Which runs, and why.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// One run; without it, all that fit what follows.
    run: Option<RunId>,
    /// Of this client only.
    #[arg(long, value_name = "CLIENT")]
    client: Option<ClientId>,
    /// Of this workflow only.
    #[arg(long, value_name = "WORKFLOW")]
    workflow: Option<WorkflowId>,
    /// Only those in this state, as lists show it.
    #[arg(long, value_name = "STATE")]
    state: Option<RunState>,
    /// Only those that are at this step or ended there.
    #[arg(long, value_name = "STEP")]
    step: Option<Name>,
    /// Only those that were accepted at this moment or later.
    #[arg(long, value_name = "MOMENT")]
    since: Option<Moment>,
    /// The reason, as a code or ticket id: the client can read it in its ledger.
    #[arg(long, value_name = "REASON")]
    why: Token,
    /// Does it to all that fit; without it they are only counted and listed.
    #[arg(long)]
    yes: bool,
}

impl Args {
    fn chosen(&self) -> Result<Chosen, Error> {
        let which = Which {
            client: self.client.clone(),
            workflow: self.workflow.clone(),
            state: self.state,
            step: self.step.clone(),
            since: self.since,
        };
        match (self.run, which == Which::default()) {
            (Some(run), true) => Ok(Chosen::One(run)),
            (None, false) => Ok(Chosen::Many(which)),
            (Some(_), false) => Err(Error::environment("a run is named by its id or by what fits it, not by both")
                .help("Leave the filters out.")),
            (None, true) => Err(Error::environment("no run is named")
                .help("Name a run, or select runs with `--client`, `--workflow`, `--state`, `--step` or `--since`.")),
        }
    }
}

/// How people read what a run did: `done: shop.refund (step refund)`.
pub(super) fn effect(done: &EffectDone, out: &mut dyn Write) -> io::Result<()> {
    let how = if done.in_doubt { "perhaps done" } else { "done" };
    let item = done.item.as_ref().map(|item| format!(", item {}", item.as_str())).unwrap_or_default();
    writeln!(out, "    {how}: {} (step {}{item})", done.operation, done.step)
}

impl Show for Handling {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        let acted = self.runs.iter().filter(|run| run.why_not.is_none()).count();
        let (verb, count) = (self.verb.as_str(), self.runs.len());
        let more = if self.more { ", and there are more" } else { "" };
        match self.mode {
            Mode::Do => writeln!(out, "{verb}: {acted} of {count} runs{more}.")?,
            Mode::Count => {
                writeln!(out, "{verb} would be for {count} runs{more}. Nothing was done; add `--yes` to do it.")?;
            }
        }
        self.runs.iter().try_for_each(|run| line(run, out))
    }
}

fn line(handled: &HandledRun, out: &mut dyn Write) -> io::Result<()> {
    let HandledRun { run, done, next, why_not } = handled;
    super::runs::line(run, out)?;
    done.iter().try_for_each(|done| effect(done, out))?;
    next.iter().try_for_each(|next| writeln!(out, "    goes on as run {next}"))?;
    why_not.iter().try_for_each(|why| writeln!(out, "    nothing was done: {why}"))
}

/// Asks the agent to do it.
///
/// # Errors
/// When the agent says no, or when nothing could be done with the one run that was named.
pub(super) fn handle(verb: Verb, args: &Args, (who, call): (&Who, &Call), out: &mut Output<'_>) -> Result<(), Error> {
    let chosen = args.chosen()?;
    let one = matches!(chosen, Chosen::One(_));
    let question = Question::Handle { verb, chosen, why: args.why.clone(), mode: Mode::from(args.yes || one) };
    let Answer::Handled(handled) = who.ask(call, &question)? else { return Err(unexpected()) };
    let why_not = handled.runs.first().and_then(|run| run.why_not.clone()).filter(|_| one);
    match why_not {
        Some(why) => Err(Error::refused(why).help("`assent-agent runs show RUN` tells what it did.")),
        None => out.show(&handled),
    }
}
