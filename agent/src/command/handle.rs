//! What on-call does with runs: one by its id, or all that fit, of which the count comes first.
//!
//! Shared by `runs` and `queue`.

use std::io::{self, Write};

use assent_schema::counted::counted;
use assent_schema::id::{ClientId, Name, WorkflowId};
use assent_schema::ledger::Token;
use assent_schema::time::Moment;

use super::ask::unexpected;
use super::key::Who;
use super::{Call, Output, Show};
use crate::control::{Answer, Chosen, HandledRun, Handling, Mode, Question, RunState, Verb, Which};
use crate::error::Error;
use crate::store::{EffectDone, RunRef};

/// Which runs, and why.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// One run, by its id or its name, `acme-12`; without it, all that fit what follows.
    run: Option<RunRef>,
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
        match (self.run.clone(), which == Which::default()) {
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
        match (self.mode, acted) {
            (Mode::Do, _) => writeln!(out, "{verb}: {acted} of {}{more}.", counted(count, "run"))?,
            (Mode::Count, 0) if count > 0 => {
                writeln!(out, "{verb} would be for none of {}{more}.", counted(count, "run"))?;
            }
            (Mode::Count, _) => {
                let of = if acted < count { format!("{acted} of ") } else { String::new() };
                let runs = counted(count, "run");
                writeln!(out, "{verb} would be for {of}{runs}{more}. Nothing was done; add `--yes` to do it.")?;
            }
        }
        self.runs.iter().try_for_each(|run| line(run, self.mode, out))
    }
}

fn line(handled: &HandledRun, mode: Mode, out: &mut dyn Write) -> io::Result<()> {
    let HandledRun { run, done, next, why_not } = handled;
    super::runs::line(run, out)?;
    done.iter().try_for_each(|done| effect(done, out))?;
    next.iter().try_for_each(|next| writeln!(out, "    goes on as run {next}"))?;
    let nothing = match mode {
        Mode::Do => "nothing was done",
        Mode::Count => "nothing would be done",
    };
    why_not.iter().try_for_each(|why| writeln!(out, "    {nothing}: {why}"))
}

/// Asks the agent to do it.
///
/// # Errors
/// When the agent says no, or when nothing could be done with the one run that was named. Exit status 1, too, where nothing could be
/// done with any that fits.
pub(super) fn handle(verb: Verb, args: &Args, (who, call): (&Who, &Call), out: &mut Output<'_>) -> Result<(), Error> {
    let chosen = args.chosen()?;
    let one = matches!(chosen, Chosen::One(_));
    let question = Question::Handle { verb, chosen, why: args.why.clone(), mode: Mode::from(args.yes || one) };
    let Answer::Handled(handled) = who.ask(call, &question)? else { return Err(unexpected()) };
    let why_not = handled.runs.first().and_then(|run| run.why_not.clone()).filter(|_| one);
    if let Some(why) = why_not {
        return Err(Error::refused(why).help("`assent-agent runs show RUN` tells what it did."));
    }
    if !handled.runs.is_empty() && handled.runs.iter().all(|run| run.why_not.is_some()) {
        out.refuse();
    }
    out.show(&handled)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(really: bool, why_not: &[Option<&str>]) -> String {
        let row = serde_json::json!({"run": "01a22b159522f508f2724b184ceecdf1", "client": "acme", "workflow": "refund",
            "plan": "ab".repeat(32), "number": 1, "trigger": "webhook", "accepted": "2026-06-01T10:00:00Z",
            "last": "2026-06-01T10:00:00Z", "state": "failed"});
        let runs = why_not.iter().map(|why| serde_json::json!({"run": row, "why_not": why}));
        let runs: Vec<_> = runs
            .map(|mut run| {
                run.as_object_mut().unwrap().retain(|_, value| !value.is_null());
                run
            })
            .collect();
        let handling = serde_json::json!({"verb": "retry", "really": really, "runs": runs, "more": false});
        let handling: Handling = serde_json::from_value(handling).unwrap();
        let mut out = Vec::new();
        handling.human(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_count_is_of_runs_with_which_it_could_be_done() {
        let back = Some("it may not run now: failure-rate: `runs rerun` uses the plan that runs now");
        assert!(told(false, &[None, None]).starts_with("retry would be for 2 runs. Nothing was done; add `--yes`"));
        let some = told(false, &[None, back]);
        assert!(some.starts_with("retry would be for 1 of 2 runs. Nothing was done; add `--yes`"), "{some}");
        assert!(some.contains("    nothing would be done: it may not run now: failure-rate: `runs rerun`"), "{some}");
        assert!(told(false, &[back]).starts_with("retry would be for none of 1 run.\n"));
        assert!(told(true, &[back]).starts_with("retry: 0 of 1 run.\n"));
    }
}
