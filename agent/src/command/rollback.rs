//! `assent-agent rollback`: back to the plan before, at once. What went back stays back until a release readmits it.

use std::io::{self, Write};

use serde::Serialize;

use super::ask::unexpected;
use super::key::Who;
use super::{Call, Output, Show};
use crate::control::{Answer, Question, RolledBack};
use crate::deploy::{Place, parse_place};
use crate::error::Error;

/// Arguments of `rollback`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The workflow that goes back.
    #[arg(value_name = "CLIENT/WORKFLOW", value_parser = place, required_unless_present = "all", conflicts_with = "all")]
    workflow: Option<Place>,
    /// All workflows go back.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    who: Who,
}

fn place(text: &str) -> Result<Place, String> {
    parse_place(text).ok_or_else(|| "is not a workflow: `client/workflow`".to_owned())
}

#[derive(Serialize)]
struct Report {
    workflows: Vec<RolledBack>,
}

impl Show for Report {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        for one in &self.workflows {
            let RolledBack { client, workflow, from, to, events, why_not } = one;
            if let (Some(from), Some(to), None) = (from, to, why_not) {
                let (to, from) = (to.short(), from.short());
                writeln!(out, "{client}/{workflow}: {to} runs again; {from} stays back until a release readmits it")?;
                if let Some(events) = events {
                    writeln!(out, "{client}/{workflow}: {events}")?;
                }
            } else {
                let why = why_not.as_deref().unwrap_or("nothing was done");
                writeln!(out, "{client}/{workflow}: not rolled back: {why}")?;
            }
        }
        if self.workflows.is_empty() { writeln!(out, "There is no workflow.") } else { Ok(()) }
    }
}

pub(super) fn run(args: &Args, call: &Call, out: &mut Output<'_>) -> Result<(), Error> {
    match args.who.ask(call, &Question::RollBack { place: args.workflow.clone() })? {
        Answer::RolledBack(workflows) => {
            if workflows.iter().any(|one| one.to.is_none()) {
                out.refuse();
            }
            out.show(&Report { workflows })
        }
        _ => Err(unexpected()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use assent_schema::canon::Digest;

    #[test]
    fn what_becomes_of_events_is_said_below() {
        let (from, to) = (Some(Digest::from_bytes([1; 32])), Some(Digest::from_bytes([2; 32])));
        let (client, workflow) = ("acme".parse().unwrap(), "packing".parse().unwrap());
        let events = Some("it goes on in another list".to_owned());
        let mut out = Vec::new();
        Report { workflows: vec![RolledBack { client, workflow, from, to, events, why_not: None }] }
            .human(&mut out)
            .unwrap();
        let out = String::from_utf8(out).unwrap();
        assert_eq!(out.lines().nth(1), Some("acme/packing: it goes on in another list"), "{out}");
    }
}
