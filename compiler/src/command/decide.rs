//! `assent decide`: a person sees what waits, and says yes or no with an SSH key.

use std::collections::BTreeMap;

use assent_agent::people::told;
use assent_agent::people::wire::{Shown, SignedDecision, SignedIn, WaitingForMe};
use assent_schema::canon::{self, Digest};
use assent_schema::id::{ClientId, Name};
use assent_schema::release::Choice;
use assent_schema::trust::Namespace;
use serde::Serialize;

use super::http::Authority;
use super::{Context, Format, Outcome, challenge};
use crate::error::Error;
use crate::publish::hand::Hand;
use crate::publish::sign::KeyFile;

/// Shows what waits for you at an agent, or decides it.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The agent, as `http://host:port`. Beyond this machine, put a TLS proxy or an SSH tunnel between.
    #[arg(long, value_name = "URL")]
    agent: String,
    /// Whose decisions.
    #[arg(long, value_name = "CLIENT")]
    client: ClientId,
    /// Who you are, and your key: a private one, or the public half of one that `ssh-agent` holds.
    #[arg(long, value_name = "PERSON=KEY")]
    key: KeyFile,
    /// The run to decide; without it everything that waits for you is shown.
    #[arg(value_name = "RUN", requires = "choice")]
    run: Option<String>,
    /// The step of the run, where several wait.
    #[arg(long, value_name = "STEP")]
    step: Option<Name>,
    /// Yes.
    #[arg(long, group = "choice")]
    approve: bool,
    /// No.
    #[arg(long, group = "choice")]
    refuse: bool,
    /// Output format.
    #[arg(long, default_value = "human")]
    format: Format,
}

/// Runs the command.
///
/// # Errors
/// When the agent cannot be reached, refuses, or nothing like that waits.
pub(super) fn run(args: &Args, context: &mut Context<'_>) -> Result<Outcome, Error> {
    let agent = Authority::new(&args.agent)?;
    let hand = args.key.read()?;
    let waiting = waiting(&agent, args, &hand)?;
    let Some(run) = &args.run else {
        show(&waiting, args.format, context)?;
        return Ok(Outcome::Fine);
    };
    let fits =
        |shown: &&Shown| shown.run.to_string() == *run && args.step.as_ref().is_none_or(|step| shown.step == *step);
    let shown = waiting.decisions.iter().find(fits);
    let shown = shown.ok_or_else(|| Error::input(format!("no decision of run {run} waits for {}", args.key.person)))?;
    let choice = if args.approve { Choice::Approve } else { Choice::Refuse };
    decide(&agent, args, &hand, shown, choice)?;
    let said = if args.approve { "approved" } else { "refused" };
    match args.format {
        Format::Human => context.print(&format!("{said}: {}/{} run {run}\n", shown.client, shown.workflow))?,
        Format::Json => context.print_json(&serde_json::json!({"run": run, "step": shown.step, "choice": choice}))?,
    }
    Ok(Outcome::Fine)
}

/// Shows who one is and asks what waits.
fn waiting(agent: &Authority, args: &Args, hand: &Hand) -> Result<WaitingForMe, Error> {
    let (challenge, _) = challenge::ask(agent, &args.client, &args.key.person)?;
    let signature = hand.sign(Namespace::Console, challenge.as_bytes())?;
    let body = send(agent, args, "/v1/decisions", &SignedIn { challenge, signature: signature.into() })?;
    serde_json::from_str(&body).map_err(|e| Error::input(format!("the agent's answer is malformed: {e}")))
}

fn decide(agent: &Authority, args: &Args, hand: &Hand, shown: &Shown, choice: Choice) -> Result<(), Error> {
    let decision = shown.decision(&args.key.person, choice, None);
    if shown_digest(shown)? != shown.shown {
        return Err(Error::input("the agent's hash is not that of what it shows; nothing was signed"));
    }
    let bytes = canon::to_bytes(&decision).map_err(|e| Error::internal("write the decision", e))?;
    let signature = hand.sign(Namespace::Decision, &bytes)?;
    let decision = String::from_utf8(bytes).map_err(|e| Error::internal("write the decision", e))?;
    let signed = SignedDecision { decision, signature: signature.into(), edits: BTreeMap::new() };
    send(agent, args, "/v1/decide", &signed).map(drop)
}

/// The hash of what is shown, computed here: what is signed is what was seen. Source: formats.md section 2.
fn shown_digest(shown: &Shown) -> Result<Digest, Error> {
    let mut bytes = shown.salt.as_bytes().to_vec();
    bytes.extend(canon::to_bytes(&shown.values).map_err(|e| Error::input(format!("what is shown: {e}")))?);
    Ok(Digest::tagged("assent-shown/v1", &bytes))
}

fn show(waiting: &WaitingForMe, format: Format, context: &mut Context<'_>) -> Result<(), Error> {
    if format == Format::Json {
        return context.print_json(waiting);
    }
    if waiting.decisions.is_empty() {
        return context.print("nothing waits for you\n");
    }
    for shown in &waiting.decisions {
        context.print(&format!(
            "{}/{}  run {}  step {}  until {}\n",
            shown.client, shown.workflow, shown.run, shown.step, shown.until
        ))?;
        for (path, value) in &shown.values {
            // As on the page and in chats: amounts with their unit, nothing that moves the cursor.
            context.print(&format!("    {path}: {}\n", told::value(value).replace('\n', "\n      ")))?;
        }
    }
    Ok(())
}

/// Posts what was signed; the body of a success.
fn send(agent: &Authority, args: &Args, path: &str, body: &impl Serialize) -> Result<String, Error> {
    let answer = challenge::post(agent, path, body)?;
    match answer.status {
        200..=299 => Ok(answer.body),
        _ => Err(challenge::refused(&answer, (&args.client, &args.key.person), "decides")),
    }
}
