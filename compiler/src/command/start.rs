//! `assent start`: a person starts a workflow whose trigger is `manual`.

use std::str::FromStr;

use assent_agent::people::wire::{SignedStart, Start, StartType};
use assent_schema::canon;
use assent_schema::id::{ClientId, Name, WorkflowId};
use assent_schema::trust::Namespace;
use serde_json::Value;

use super::http::{Answer, Authority};
use super::{Context, Format, Outcome, challenge};
use crate::error::Error;
use crate::publish::sign::KeyFile;

/// Starts a workflow whose trigger is `manual`, with what it is to know.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// What to start, as `client/workflow`.
    #[arg(value_name = "CLIENT/WORKFLOW")]
    what: Startable,
    /// The agent that runs it, as `http://host:port`. Beyond this machine, put a TLS proxy or an SSH tunnel between.
    #[arg(long, value_name = "URL")]
    agent: String,
    /// Who you are, and your key: a private one, or the public half of one that `ssh-agent` holds. You are a decider of the
    /// client, or assigned to it; its ledger names you.
    #[arg(long, value_name = "PERSON=KEY")]
    key: KeyFile,
    /// A field that the trigger declares; its shape says how the text is read: `1007`, `true`, `2026-03-02T09:00:00Z`, `49.00 EUR`.
    #[arg(long = "field", value_name = "NAME=VALUE")]
    fields: Vec<Given>,
    /// Output format.
    #[arg(long, default_value = "human")]
    format: Format,
}

/// One workflow of one client, written `client/workflow`.
#[derive(Clone, Debug)]
struct Startable {
    client: ClientId,
    workflow: WorkflowId,
}

impl FromStr for Startable {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (client, workflow) = text.split_once('/').ok_or("write it as client/workflow")?;
        Ok(Self {
            client: client.parse().map_err(|e| format!("`{client}` {e}"))?,
            workflow: workflow.parse().map_err(|e| format!("`{workflow}` {e}"))?,
        })
    }
}

/// A field and its text, written `name=value`.
#[derive(Clone, Debug)]
struct Given {
    name: Name,
    text: String,
}

impl FromStr for Given {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, text) = text.split_once('=').ok_or("write it as name=value")?;
        Ok(Self { name: name.parse().map_err(|e| format!("`{name}` {e}"))?, text: text.to_owned() })
    }
}

/// Runs the command.
///
/// # Errors
/// When a field is given twice, the agent cannot be reached, or it refuses.
pub(super) fn run(args: &Args, context: &mut Context<'_>) -> Result<Outcome, Error> {
    let Startable { client, workflow } = &args.what;
    let fields = fields(&args.fields)?;
    let agent = Authority::new(&args.agent)?;
    let hand = args.key.read()?;
    let (_, asked) = challenge::ask(&agent, client, &args.key.person)?;
    let start = Start {
        kind: StartType::Start,
        schema: 1,
        project: asked.project,
        client: client.clone(),
        agent: asked.agent,
        workflow: workflow.clone(),
        fields,
        nonce: asked.nonce,
        person: args.key.person.clone(),
    };
    let start = canon::to_bytes(&start).map_err(|e| Error::internal("write the start", e))?;
    let signature = hand.sign(Namespace::Console, &start)?;
    let start = String::from_utf8(start).map_err(|e| Error::internal("write the start", e))?;
    let path = format!("/v1/start/{client}/{workflow}");
    let answer = challenge::post(&agent, &path, &SignedStart { start, signature })?;
    let run = answer.member("run").filter(|_| (200..300).contains(&answer.status));
    let run = run.ok_or_else(|| refused(&answer, args))?;
    match args.format {
        Format::Human => context.print(&format!("started: {client}/{workflow} run {run}\n"))?,
        Format::Json => {
            context.print_json(&serde_json::json!({"client": client, "workflow": workflow, "run": run}))?;
        }
    }
    Ok(Outcome::Fine)
}

/// The object of all fields.
fn fields(given: &[Given]) -> Result<Value, Error> {
    let mut fields = serde_json::Map::new();
    for Given { name, text } in given {
        if fields.insert(name.to_string(), Value::from(text.as_str())).is_some() {
            return Err(Error::input(format!("the field `{name}` is given twice")));
        }
    }
    Ok(Value::Object(fields))
}

/// What a refusal says to who wanted to start something.
fn refused(answer: &Answer, args: &Args) -> Error {
    let Startable { client, workflow } = &args.what;
    let of = |name: &str| answer.member(name).unwrap_or_default();
    Error::input(match answer.code().as_str() {
        "unknown" => format!("{client}/{workflow} is not at work at this agent, or no person starts it"),
        "undeclared_field" => format!("{client}/{workflow} takes other fields: look at its `[trigger.manual]`"),
        "bad_field" => {
            format!("{client}/{workflow} needs the field `{}`, and what is given is not what it declares", of("field"))
        }
        "no_key" => format!("the `one_at_a_time` of {client}/{workflow} has no value with these fields"),
        "not_allowed" => format!("{client}/{workflow} may not run now: {}", of("why")),
        "busy" => format!("{client} has as much under way as it may have; try again in a moment"),
        "stopping" => "the agent is going down; try again when it is back".to_owned(),
        _ => return challenge::refused(answer, (client, &args.key.person), "may start anything"),
    })
}
