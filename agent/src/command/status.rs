//! `assent-agent status`: how the agent and its workflows stand.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::PathBuf;

use assent_schema::alert::Rule;
use assent_schema::counted::counted;
use assent_schema::id::Scope;
use assent_schema::status::{Hold, ScopeStatus, SlotStatus, Status, WorkflowStatus};
use serde::Serialize;

use super::ask::{ask, unexpected};
use super::hold::named;
use super::{Call, Output, Show};
use crate::control::standing::Trouble;
use crate::control::{Answer, Question};
use crate::error::Error;

/// Arguments of `status`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {}

/// As JSON it is the status that the agent publishes; `assent-agent alerts` has what stands.
#[derive(Serialize)]
#[serde(transparent)]
struct Told {
    status: Box<Status>,
    #[serde(skip)]
    standing: Vec<Trouble>,
    #[serde(skip)]
    folder: PathBuf,
    /// What commands say to find this agent.
    #[serde(skip)]
    flag: Option<String>,
}

impl Show for Told {
    /// What is not well comes first: it is why somebody looks.
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        let Status { pull, push, halt, .. } = &*self.status;
        let id = |rule| self.standing.iter().find(|one| one.rule == rule).and_then(|one| one.id.as_deref());
        if let Some(halt) = halt {
            let why: Vec<_> = halt.why.iter().map(ToString::to_string).collect();
            let (why, id) = (why.join(", "), named_as(id(Rule::Halted)));
            writeln!(out, "STOPPED since {}: {why}; nothing starts{id}", halt.since)?;
            let flag = self.flag.as_ref().map(|flag| format!(" {flag}")).unwrap_or_default();
            writeln!(
                out,
                "    make sure that no other instance runs, then: assent-agent recover --key PERSON=FILE{flag}"
            )?;
        }
        let said = |trouble: &&Trouble| match trouble.rule {
            Rule::Halted => halt.is_some(),
            Rule::Pull => pull.is_some(),
            Rule::Status => push.as_ref().is_some_and(|push| push.code == trouble.code),
            _ => false,
        };
        for trouble in self.standing.iter().filter(|trouble| !said(trouble)) {
            writeln!(out, "{}", self.sentence(trouble))?;
        }
        if let Some(pull) = pull {
            writeln!(out, "no release can be pulled since {}: {}{}", pull.since, pull.code, named_as(id(Rule::Pull)))?;
        }
        if let Some(push) = push {
            writeln!(out, "status and checkpoints cannot be pushed since {}: {}", push.since, push.code)?;
        }
        self.status.human(out)
    }
}

impl Told {
    fn sentence(&self, trouble: &Trouble) -> String {
        let Trouble { id, rule, code, connection, since, left, differs } = trouble;
        let since = since.map(|since| format!(" since {since}")).unwrap_or_default();
        let left = left.map(|left| format!("{} MB left in {}", left / 1_000_000, self.folder.display()));
        let left = left.unwrap_or_else(|| self.folder.display().to_string());
        let what = match rule {
            Rule::Disk if code == "disk_full" => format!("NOT ACCEPTING{since}: {code}, {left}"),
            Rule::Disk => format!("little space{since}: {code}, {left}"),
            Rule::Clock => {
                let by = differs.map(|differs| format!(" by {differs}")).unwrap_or_default();
                format!("the host's clock differs{by}{since}: what expires is judged by the later one")
            }
            Rule::Stale => format!("STALE{since}: there is no current freshness statement"),
            Rule::RouteFails => {
                let route = connection.as_ref().map(ToString::to_string).unwrap_or_default();
                format!("route {route} fails{since}: {code}")
            }
            Rule::Lag => format!("late to its own work{since}: {code}"),
            Rule::Heartbeat => format!("nobody takes the dead-man's ping{since}: {code}"),
            _ => format!("{rule} ({code}){since}"),
        };
        format!("{what}{}", named_as(id.as_deref()))
    }
}

fn named_as(id: Option<&str>) -> String {
    id.map(|id| format!(" [{id}]")).unwrap_or_default()
}

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
        for (client, workflows) in &self.workflows {
            for (workflow, status) in workflows {
                write!(out, "{client}/{workflow}  ")?;
                human(status, out)?;
            }
        }
        for said in &self.statements {
            writeln!(
                out,
                "SAID NO {}: a {}, serial {} ({}), ends {}; no release holds it: `assent-agent statements` prints it, to be committed",
                said.client,
                said.noun(),
                said.serial,
                said.digest.short(),
                said.ends()
            )?;
        }
        for hold in &self.holds {
            let Hold { why, by, since, until, .. } = hold;
            writeln!(out, "HELD {} since {since} until {until}, by {by}: {why}", named(hold))?;
        }
        if let Some(code) = &self.vault {
            writeln!(out, "the vault cannot be used: {code}; what needs a secret waits")?;
        }
        if let Some(code) = &self.keyring {
            writeln!(
                out,
                "the kernel takes no keys ({code}): sealed content is kept by this process alone, and a restart loses it"
            )?;
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
    let SlotStatus { client, connection, slot, since, due, ends, rotating, .. } = slot;
    write!(out, "secret {client}/{connection}/{slot}  ")?;
    match (since, due) {
        (Some(since), Some(due)) => write!(out, "since {since}, to be rotated by {due}")?,
        _ => write!(out, "not set, or not read yet")?,
    }
    if let Some(ends) = ends {
        write!(out, ", ends {ends}")?;
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
        write!(out, "  ({}, {} failed, since {})", counted(trial.runs, "run"), trial.failed, trial.since)?;
    }
    if status.stale {
        write!(out, "  STALE: nothing starts")?;
    }
    writeln!(out)?;
    status.refused.iter().try_for_each(|(plan, why)| writeln!(out, "    {} stays back: {why}", plan.short()))
}

pub(super) fn run(_: &Args, call: &Call, out: &mut Output<'_>) -> Result<(), Error> {
    let Answer::Status(status) = ask(call, &Question::Status)? else { return Err(unexpected()) };
    let Answer::Standing(standing) = ask(call, &Question::Standing)? else { return Err(unexpected()) };
    let config = call.config()?;
    out.show(&Told { status, standing, folder: config.state.folder().to_owned(), flag: config.flag() })
}

#[cfg(test)]
mod tests;
