//! `assent-agent hold` and `resume`: a stop for a while. Triggers are kept, runs wait before their next step.

use std::io::{self, Write};

use assent_schema::id::{ClientId, ConnectionId, WorkflowId};
use assent_schema::ledger::{HeldWhat, Token};
use assent_schema::status::Hold;
use assent_schema::time::Period;
use serde::Serialize;

use super::ask::unexpected;
use super::key::Who;
use super::{Call, Output, Show};
use crate::control::{Answer, HoldAt, Question};
use crate::error::Error;

/// What is held, and who says so.
#[derive(Debug, clap::Args)]
struct What {
    /// A client with everything of it, or one workflow of it.
    #[arg(value_name = "CLIENT[/WORKFLOW]", value_parser = target)]
    target: (ClientId, Option<WorkflowId>),
    /// Only steps that use this connection of the client.
    #[arg(long, value_name = "CONNECTION")]
    connection: Option<ConnectionId>,
    #[command(flatten)]
    who: Who,
}

/// Arguments of `hold`.
#[derive(Debug, clap::Args)]
pub(super) struct HoldArgs {
    #[command(flatten)]
    what: What,
    /// The reason, as a code or ticket id: the client can read it in its ledger.
    #[arg(long, value_name = "REASON")]
    why: Token,
    /// For how long, at most; then it lapses, and on-call is told.
    #[arg(long = "for", value_name = "PERIOD")]
    lasts: Period,
}

/// Arguments of `resume`.
#[derive(Debug, clap::Args)]
pub(super) struct ResumeArgs {
    #[command(flatten)]
    what: What,
}

pub(super) fn target(text: &str) -> Result<(ClientId, Option<WorkflowId>), String> {
    let (client, workflow) = text.split_once('/').map_or((text, None), |(client, workflow)| (client, Some(workflow)));
    let workflow = workflow.map(WorkflowId::new).transpose();
    let named = ClientId::new(client).ok().zip(workflow.ok());
    named.ok_or_else(|| "is neither a client nor a workflow: `client` or `client/workflow`".to_owned())
}

impl What {
    fn at(&self) -> Result<HoldAt, Error> {
        let (client, workflow) = self.target.clone();
        let what = match (workflow, self.connection.clone()) {
            (None, None) => HeldWhat::Client,
            (Some(workflow), None) => HeldWhat::Workflow(workflow),
            (None, Some(connection)) => HeldWhat::Connection(connection),
            (Some(_), Some(_)) => {
                let error = Error::environment("a hold is on a workflow or on a connection, not on both");
                return Err(error.help("Name the client alone with `--connection`."));
            }
        };
        Ok((client, what))
    }
}

/// How people read what a hold is about: `acme`, `acme/refund`, `acme, connection shop`.
pub(super) fn named(hold: &Hold) -> String {
    match &hold.what {
        HeldWhat::Client => hold.client.to_string(),
        HeldWhat::Workflow(workflow) => format!("{}/{workflow}", hold.client),
        HeldWhat::Connection(connection) => format!("{}, connection {connection}", hold.client),
    }
}

#[derive(Serialize)]
struct Held {
    held: Hold,
}

impl Show for Held {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        let Hold { until, .. } = &self.held;
        writeln!(out, "{} is held until {until}: triggers are kept, runs wait.", named(&self.held))
    }
}

#[derive(Serialize)]
struct Resumed {
    resumed: Hold,
}

impl Show for Resumed {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{} goes on. Runs that waited go on one after the other.", named(&self.resumed))
    }
}

pub(super) fn hold(args: &HoldArgs, call: &Call, out: &mut Output<'_>) -> Result<(), Error> {
    let question = Question::Hold { at: args.what.at()?, why: args.why.clone(), lasts: args.lasts };
    match args.what.who.ask(call, &question)? {
        Answer::Hold(held) => out.show(&Held { held }),
        _ => Err(unexpected()),
    }
}

pub(super) fn resume(args: &ResumeArgs, call: &Call, out: &mut Output<'_>) -> Result<(), Error> {
    match args.what.who.ask(call, &Question::Resume { at: args.what.at()? })? {
        Answer::Hold(resumed) => out.show(&Resumed { resumed }),
        _ => Err(unexpected()),
    }
}
