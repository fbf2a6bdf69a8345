//! `assent-agent status`: how the agent and its workflows stand.

use std::collections::BTreeSet;
use std::io::{self, Write};

use assent_schema::id::Scope;
use assent_schema::status::{Hold, ScopeStatus, SlotStatus, Status, WorkflowStatus};

use super::ask::{ask, unexpected};
use super::hold::named;
use super::{Call, Output, Show};
use crate::control::{Answer, Question};
use crate::error::Error;

/// Arguments of `status`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {}

impl Show for Status {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{} in {} {}, version {}", self.agent, self.environment, self.region, self.version)?;
        match &self.release {
            Some(release) => {
                let manifest = release.manifest.short();
                write!(out, "release {} ({manifest}), ", release.sequence)?;
                match release.fresh {
                    Some(fresh) => writeln!(out, "fresh at {fresh}")?,
                    None => writeln!(out, "no freshness statement")?,
                }
                writeln!(out, "source commit {}, root {}", release.commit, release.root)?;
            }
            None => writeln!(out, "no release yet")?,
        }
        if let Some(pull) = &self.pull {
            writeln!(out, "no release can be pulled since {}: {}", pull.since, pull.code)?;
        }
        if let Some(push) = &self.push {
            writeln!(out, "status and checkpoints cannot be pushed since {}: {}", push.since, push.code)?;
        }
        if let Some(halt) = &self.halt {
            let why: Vec<_> = halt.why.iter().map(ToString::to_string).collect();
            writeln!(out, "STOPPED since {}: {}; nothing starts", halt.since, why.join(", "))?;
            writeln!(out, "    make sure that no other instance runs, then: assent-agent recover --key PERSON=FILE")?;
        }
        for (client, workflows) in &self.workflows {
            for (workflow, status) in workflows {
                write!(out, "{client}/{workflow}  ")?;
                human(status, out)?;
            }
        }
        for hold in &self.holds {
            let Hold { why, by, since, until, .. } = hold;
            writeln!(out, "HELD {} since {since} until {until}, by {by}: {why}", named(hold))?;
        }
        if let Some(code) = &self.vault {
            writeln!(out, "the vault cannot be used: {code}; what needs a secret waits")?;
        }
        for slot in &self.slots {
            secret(slot, out)?;
        }
        for ScopeStatus { client, connection, more, fewer } in &self.scopes {
            let named = |scopes: &BTreeSet<Scope>| scopes.iter().map(Scope::as_str).collect::<Vec<_>>().join(" ");
            writeln!(
                out,
                "SCOPES {client}/{connection}: more than needed [{}], missing [{}]",
                named(more),
                named(fewer)
            )?;
        }
        self.refused.iter().try_for_each(|refused| {
            let what = refused.what.as_ref().map(|what| format!(": {what}")).unwrap_or_default();
            writeln!(out, "refused {}: {}{what}", refused.digest, refused.code)
        })
    }
}

fn secret(slot: &SlotStatus, out: &mut dyn Write) -> io::Result<()> {
    let SlotStatus { client, connection, slot, since, due, rotating, .. } = slot;
    write!(out, "secret {client}/{connection}/{slot}  ")?;
    match (since, due) {
        (Some(since), Some(due)) => write!(out, "since {since}, to be rotated by {due}")?,
        _ => write!(out, "not set, or not read yet")?,
    }
    writeln!(out, "{}", if *rotating { ", a new one is being tested" } else { "" })
}

fn human(status: &WorkflowStatus, out: &mut dyn Write) -> io::Result<()> {
    write!(out, "{}", status.stage.as_str())?;
    if let Some(why) = &status.why {
        write!(out, " ({why})")?;
    }
    if let Some(plan) = status.plan {
        write!(out, "  plan {}", plan.short())?;
    }
    if let Some(trial) = &status.trial {
        write!(out, "  ({} runs, {} failed, since {})", trial.runs, trial.failed, trial.since)?;
    }
    if status.stale {
        write!(out, "  STALE: nothing starts")?;
    }
    writeln!(out)?;
    status.refused.iter().try_for_each(|(plan, why)| writeln!(out, "    {} stays back: {why}", plan.short()))
}

pub(super) fn run(_: &Args, call: &Call, out: &mut Output<'_>) -> Result<(), Error> {
    match ask(call, &Question::Status)? {
        Answer::Status(status) => out.show(&*status),
        _ => Err(unexpected()),
    }
}
