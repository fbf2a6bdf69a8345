//! `assent-agent incidents`: what on-call must answer, explain in writing, share and close.

use std::io::{self, Write};
use std::path::PathBuf;

use assent_schema::id::{ClientId, WorkflowId};
use assent_schema::ledger::Token;
use assent_schema::named::Kind;
use serde::Serialize;

use super::ask::unexpected;
use super::hold::target;
use super::key::Who;
use super::{Call, Output, Show};
use crate::control::incidents::{IncidentAnswer, IncidentQuestion, IncidentRow};
use crate::control::{Answer, Question};
use crate::error::{Context as _, Error};
use crate::incident::Act;
use crate::named;
use crate::store::{IncidentNo, Severity};

/// Arguments of `incidents`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    what: Option<What>,
    /// Of this client only.
    #[arg(long, value_name = "CLIENT")]
    client: Option<ClientId>,
    /// Also those that are closed.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    who: Who,
}

/// Which incident.
#[derive(Debug, clap::Args)]
struct Step {
    /// The incident, as lists show it.
    #[arg(value_name = "INCIDENT")]
    incident: IncidentNo,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// One incident.
    Show {
        /// The incident, as lists show it.
        #[arg(value_name = "INCIDENT")]
        incident: IncidentNo,
    },
    /// Opens one that no rule found.
    Open {
        /// Whose, and which workflow it is about; the agent's own when absent.
        #[arg(value_name = "CLIENT[/WORKFLOW]", value_parser = target)]
        target: Option<(ClientId, Option<WorkflowId>)>,
        /// What it is, as a code or ticket id: the client can read it in its ledger.
        #[arg(long, value_name = "CODE")]
        code: Token,
        /// How bad it is: it decides how soon somebody must answer.
        #[arg(long, value_enum, default_value = "critical", value_name = "SEVERITY")]
        severity: Bad,
    },
    /// Takes care of it: the response clock stands.
    Acknowledge(Step),
    /// Says that its cause is gone; the next of its kind is another incident.
    Resolve(Step),
    /// Drafts its post-mortem from the ledger, in Markdown: a person writes root cause and prevention.
    Draft {
        /// The incident, as lists show it.
        #[arg(value_name = "INCIDENT")]
        incident: IncidentNo,
        /// Where it goes; standard output when absent. A file that is there is not replaced.
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Sends its post-mortem to the client's contacts.
    Share {
        #[command(flatten)]
        step: Step,
        /// The post-mortem.
        #[arg(long, value_name = "FILE")]
        file: PathBuf,
    },
    /// Says that nothing is left to do; not before its post-mortem was shared.
    Close(Step),
}

/// How bad an incident is.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Bad {
    /// Work was left undone, or the agent cannot be relied on.
    Critical,
    /// Anything else.
    Normal,
}

#[derive(Serialize)]
struct List {
    incidents: Vec<IncidentRow>,
}

#[derive(Serialize)]
struct One {
    incident: IncidentRow,
}

#[derive(Serialize)]
struct Draft {
    draft: String,
}

#[derive(Serialize)]
struct Written {
    written: PathBuf,
}

impl Show for List {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.incidents.is_empty() {
            return writeln!(out, "No incident is open.");
        }
        self.incidents.iter().try_for_each(|row| line(row, out))
    }
}

impl Show for One {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        let row = &self.incident;
        line(row, out)?;
        let mut act = |what: &str, act: &Option<Act>| match act {
            Some(Act { by, at }) => writeln!(out, "    {what} {at} by {by}"),
            None => Ok(()),
        };
        act("acknowledged", &row.done.acknowledged)?;
        act("resolved", &row.done.resolved)?;
        act("shared", &row.done.shared)?;
        act("written", &row.done.written)?;
        act("closed", &row.done.closed)?;
        if !row.done.took.is_empty() {
            let took: Vec<String> = row.done.took.iter().map(ToString::to_string).collect();
            writeln!(out, "    taken by {}", took.join(", "))?;
        }
        if row.done.acknowledged.is_none()
            && let Some(until) = row.answer_by
        {
            writeln!(out, "    to be answered by {until}: assent-agent incidents acknowledge {}", row.id)?;
        }
        if row.done.shared.is_none() && row.done.written.is_none() {
            writeln!(out, "    post-mortem to be shared by {}: assent-agent incidents draft {}", row.share_by, row.id)?;
        }
        Ok(())
    }
}

impl Show for Draft {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(self.draft.as_bytes())
    }
}

impl Show for Written {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{} is drafted: write root cause and prevention, then share it.", self.written.display())
    }
}

fn line(row: &IncidentRow, out: &mut dyn Write) -> io::Result<()> {
    let own = || "the agent itself".to_owned();
    let client = row.client.as_ref().map_or_else(own, ToString::to_string);
    let workflow = row.workflow.as_ref().map(|workflow| format!("/{workflow}")).unwrap_or_default();
    let IncidentRow { id, state, began, rule, code, count, severity, .. } = row;
    let (state, severity) = (state.as_str(), severity.as_str());
    writeln!(out, "{id}  {state}  {client}{workflow}  {severity}  {rule} ({code}), {count} times since {began}")
}

pub(super) fn run(args: &Args, call: &Call, out: &mut Output<'_>) -> Result<(), Error> {
    let question = match &args.what {
        None => IncidentQuestion::List { client: args.client.clone(), closed: args.all },
        Some(What::Show { .. }) => IncidentQuestion::List { client: None, closed: true },
        Some(What::Open { target, code, severity }) => {
            let (client, workflow) = target.clone().map_or((None, None), |(client, workflow)| (Some(client), workflow));
            let severity = match severity {
                Bad::Critical => Severity::Critical,
                Bad::Normal => Severity::Normal,
            };
            IncidentQuestion::Open { client, workflow, code: code.clone(), severity }
        }
        Some(What::Acknowledge(step)) => IncidentQuestion::Acknowledge { no: step.incident.get() },
        Some(What::Resolve(step)) => IncidentQuestion::Resolve { no: step.incident.get() },
        Some(What::Close(step)) => IncidentQuestion::Close { no: step.incident.get() },
        Some(What::Draft { incident, .. }) => IncidentQuestion::Draft { no: incident.get() },
        Some(What::Share { step, file }) => IncidentQuestion::Share { no: step.incident.get(), text: read(file)? },
    };
    match (args.who.ask(call, &Question::Incidents(question))?, &args.what) {
        (Answer::Incidents(IncidentAnswer::List(incidents)), Some(What::Show { incident })) => {
            let id = incident.to_string();
            let found = incidents.into_iter().find(|row| row.id == id);
            let incident = found.ok_or_else(|| {
                Error::refused(format!("there is no incident `{id}` here"))
                    .help("`assent-agent incidents --all` lists them.")
            })?;
            out.show(&One { incident })
        }
        (Answer::Incidents(IncidentAnswer::List(incidents)), _) => out.show(&List { incidents }),
        (Answer::Incidents(IncidentAnswer::One(incident)), _) => out.show(&One { incident: *incident }),
        (Answer::Incidents(IncidentAnswer::Draft(draft)), Some(What::Draft { output: Some(path), .. })) => {
            let cannot = || format!("cannot write `{}`", path.display());
            crate::durable::make(path, draft.as_bytes()).tried(cannot)?;
            out.show(&Written { written: path.clone() })
        }
        (Answer::Incidents(IncidentAnswer::Draft(draft)), _) => out.show(&Draft { draft }),
        _ => Err(unexpected()),
    }
}

fn read(path: &std::path::Path) -> Result<String, Error> {
    named::text(path, Kind::PostMortem).tried(|| format!("cannot read the post-mortem `{}`", path.display()))
}
