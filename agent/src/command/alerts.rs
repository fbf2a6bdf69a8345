//! `assent-agent alerts`: what stands, and who takes care of what is no incident.

use std::io::{self, Write};

use assent_schema::id::ClientId;
use serde::Serialize;

use super::ask::unexpected;
use super::key::Who;
use super::{Call, Output, Show};
use crate::control::alerts::{AlertLine, AlertQuestion};
use crate::control::{Answer, Question};
use crate::error::Error;

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
        #[arg(value_name = "ALERT", value_parser = number)]
        alert: i64,
    },
}

fn number(text: &str) -> Result<i64, String> {
    let number = text.strip_prefix("a-").and_then(|digits| digits.parse().ok()).filter(|no| *no > 0);
    number.ok_or_else(|| "is not an alert: `a-` and its number; incidents have `assent-agent incidents`".to_owned())
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
        None => AlertQuestion::List { client: args.client.clone() },
        Some(What::Acknowledge { alert }) => AlertQuestion::Acknowledge { no: *alert },
    };
    match args.who.ask(call, &Question::Alerts(question))? {
        Answer::Alerts(alerts) => out.show(&List { alerts }),
        _ => Err(unexpected()),
    }
}
