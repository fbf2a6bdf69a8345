//! `assent-agent alerts`: what stands, who takes care of what is no incident, what each rule means.

use std::io::{self, Write};

use assent_schema::alert::{Opens, Rule};
use assent_schema::id::ClientId;
use assent_schema::nearest::nearest;
use serde::Serialize;

use super::ask::unexpected;
use super::key::Who;
use super::{Call, Output, Show};
use crate::control::alerts::{AlertLine, AlertQuestion};
use crate::control::{Answer, Question};
use crate::error::Error;
use crate::store::AlertNo;

/// Arguments of `alerts`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    what: Option<What>,
    /// Of this client only.
    #[arg(long, value_name = "CLIENT")]
    client: Option<ClientId>,
    #[command(flatten)]
    who: Who,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Takes care of one that is no incident; routes that follow alerts hear of it.
    Acknowledge {
        /// The alert, as lists show it.
        #[arg(value_name = "ALERT")]
        alert: AlertNo,
    },
    /// Says what a rule means and what to do next; needs no agent.
    Explain {
        /// The rule, like `run-failed`; all of them unless said.
        #[arg(value_name = "RULE")]
        rule: Option<String>,
    },
}

#[derive(Serialize)]
struct List {
    alerts: Vec<AlertLine>,
}

impl Show for List {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.alerts.is_empty() {
            return writeln!(out, "No open alerts.");
        }
        for line in &self.alerts {
            let client = line.client.as_ref().map_or_else(|| "the agent".to_owned(), ToString::to_string);
            let place = line.workflow.as_ref().map_or(client.clone(), |workflow| format!("{client}/{workflow}"));
            let connection = line.connection.as_ref().map(|one| format!(" {one}")).unwrap_or_default();
            let by =
                line.acknowledged.as_ref().map(|act| format!(", {} has acknowledged it", act.by)).unwrap_or_default();
            let told = if line.delivered { "" } else { ", not delivered yet" };
            writeln!(
                out,
                "{}  {} ({}) {place}{connection}: {} times since {}{by}{told}",
                line.id, line.rule, line.code, line.count, line.since
            )?;
        }
        Ok(())
    }
}

pub(super) fn run(args: &Args, call: &Call, out: &mut Output<'_>) -> Result<(), Error> {
    let question = match &args.what {
        Some(What::Explain { rule }) => return out.show(&Explained { rules: explained(rule.as_deref())? }),
        None => AlertQuestion::List { client: args.client.clone() },
        Some(What::Acknowledge { alert }) => AlertQuestion::Acknowledge { no: alert.get() },
    };
    match args.who.ask(call, &Question::Alerts(question))? {
        Answer::Alerts(alerts) => out.show(&List { alerts }),
        _ => Err(unexpected()),
    }
}

#[derive(Serialize)]
struct Explained {
    rules: Vec<RuleLine>,
}

#[derive(Serialize)]
struct RuleLine {
    rule: Rule,
    what: &'static str,
    help: &'static str,
    opens_incident: Opens,
}

impl Show for Explained {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        if let [line] = self.rules.as_slice() {
            let incident = match line.opens_incident {
                Opens::Always => "Opens an incident.",
                Opens::Grave => "Opens an incident when it is grave.",
                Opens::Never => "Opens no incident.",
            };
            return writeln!(out, "{}\n\n{}\n{incident}\n\nWhat to do: {}", line.rule, line.what, line.help);
        }
        let width = self.rules.iter().map(|line| line.rule.as_str().len()).max().unwrap_or(0);
        self.rules.iter().try_for_each(|line| writeln!(out, "{:width$}  {}", line.rule, line.what))
    }
}

fn explained(name: Option<&str>) -> Result<Vec<RuleLine>, Error> {
    let rules = match name {
        None => Rule::ALL.to_vec(),
        Some(name) => vec![Rule::from_name(name).ok_or_else(|| no_such_rule(name))?],
    };
    let line = |rule: Rule| {
        let row = rule.row();
        RuleLine { rule, what: row.what, help: row.help, opens_incident: row.opens_incident }
    };
    Ok(rules.into_iter().map(line).collect())
}

fn no_such_rule(name: &str) -> Error {
    let next = match nearest(name, Rule::ALL.iter().map(|rule| rule.as_str())) {
        Some(near) => format!("Did you mean `{near}`?"),
        None => "`assent-agent alerts explain` lists all of them.".to_owned(),
    };
    Error::environment(format!("there is no rule `{}`", name.escape_debug())).help(next)
}

#[cfg(test)]
mod tests;
