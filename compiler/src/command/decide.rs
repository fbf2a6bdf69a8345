//! `assent decide`: a person sees what waits, and says yes or no with an SSH key.

use std::io::{Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use assent_agent::people::wire::{Challenge, Introduction, Shown, SignedDecision, SignedIn, WaitingForMe};
use assent_schema::canon;
use assent_schema::id::{ClientId, Name};
use assent_schema::release::{Choice, Decision, DecisionType};
use assent_schema::trust::{Namespace, Signer, sign};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Context, Format, Outcome};
use crate::error::Error;
use crate::publish::sign::KeyFile;

/// The longest time for one exchange with the agent.
const EXCHANGE_MOST: Duration = Duration::from_secs(30);
/// The largest answer of an agent, in bytes.
const ANSWER_MOST_BYTES: u64 = 4 << 20;
const SCHEMA: u32 = 1;

/// Shows what waits for you at an agent, or decides it.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The agent, as `http://host:port`. Beyond this machine, put a TLS proxy or an SSH tunnel between.
    #[arg(long, value_name = "URL")]
    agent: String,
    /// Whose decisions.
    #[arg(long, value_name = "CLIENT")]
    client: ClientId,
    /// Who you are, and your private key.
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
    /// How results are printed.
    #[arg(long, default_value = "human")]
    format: Format,
}

/// Runs the command.
///
/// # Errors
/// When the agent cannot be reached, refuses, or nothing like that waits.
pub(super) fn run(args: &Args, context: &mut Context<'_>) -> Result<Outcome, Error> {
    let agent = Agent::new(&args.agent)?;
    let signer = args.key.read()?;
    let waiting = waiting(&agent, args, &signer)?;
    let Some(run) = &args.run else {
        show(&waiting, args.format, context)?;
        return Ok(Outcome::Fine);
    };
    let fits =
        |shown: &&Shown| shown.run.to_string() == *run && args.step.as_ref().is_none_or(|step| shown.step == *step);
    let shown = waiting.decisions.iter().find(fits);
    let shown = shown.ok_or_else(|| Error::input(format!("no decision of run {run} waits for {}", args.key.person)))?;
    let choice = if args.approve { Choice::Approve } else { Choice::Refuse };
    decide(&agent, args, &signer, shown, choice)?;
    let said = if args.approve { "approved" } else { "refused" };
    match args.format {
        Format::Human => context.print(&format!("{said}: {}/{} run {run}\n", shown.client, shown.workflow))?,
        Format::Json => context.print_json(&serde_json::json!({"run": run, "step": shown.step, "choice": choice}))?,
    }
    Ok(Outcome::Fine)
}

/// Shows who one is and asks what waits.
fn waiting(agent: &Agent, args: &Args, signer: &Signer) -> Result<WaitingForMe, Error> {
    let person = args.key.person.clone();
    let introduction = Introduction { client: args.client.clone(), person: person.clone() };
    let challenge = agent.post("/v1/challenge", &introduction)?;
    let asked: Challenge = canon::from_bytes(challenge.as_bytes())
        .map_err(|e| Error::input(format!("the agent's challenge is not what it must be: {e}")))?;
    if asked.client != args.client || asked.person != person {
        return Err(Error::input("the agent's challenge is for somebody else"));
    }
    let signature = sign(signer, Namespace::Console, challenge.as_bytes());
    read(&agent.post("/v1/decisions", &SignedIn { challenge, signature })?)
}

fn decide(agent: &Agent, args: &Args, signer: &Signer, shown: &Shown, choice: Choice) -> Result<(), Error> {
    let decision = Decision {
        kind: DecisionType::Decision,
        schema: SCHEMA,
        project: shown.project,
        client: shown.client.clone(),
        approvers: shown.approvers,
        agent: shown.agent.clone(),
        run: shown.run.to_string(),
        step: shown.step.clone(),
        plan: shown.plan,
        shown: shown.shown,
        choice,
        nonce: shown.nonce,
        person: args.key.person.clone(),
        edits: None,
    };
    let bytes = canon::to_bytes(&decision).map_err(|e| Error::internal("write the decision", e))?;
    let signature = sign(signer, Namespace::Decision, &bytes);
    let decision = String::from_utf8(bytes).map_err(|e| Error::internal("write the decision", e))?;
    agent
        .post("/v1/decide", &SignedDecision { decision, signature, edits: std::collections::BTreeMap::new() })
        .map(drop)
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
            context.print(&format!("    {path}: {}\n", plain(value)))?;
        }
    }
    Ok(())
}

/// A shown value as people read it; control characters cannot move the cursor.
fn plain(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect(),
        other => other.to_string(),
    }
}

/// An agent on this machine or at the near end of a tunnel.
struct Agent {
    authority: String,
}

impl Agent {
    fn new(url: &str) -> Result<Self, Error> {
        let authority = url.strip_prefix("http://").map(|rest| rest.trim_end_matches('/'));
        let plain = |a: &&str| !a.is_empty() && a.bytes().all(|b| b.is_ascii_alphanumeric() || b".-:[]".contains(&b));
        let authority =
            authority.filter(plain).ok_or_else(|| Error::input(format!("{url} is not http://host:port")))?;
        Ok(Self { authority: authority.to_owned() })
    }

    /// Posts JSON and takes the answer's body. HTTP/1.0, so that the answer ends where the connection does.
    fn post(&self, path: &str, body: &impl Serialize) -> Result<String, Error> {
        let tried = |e| Error::io(format!("talk to the agent at {}", self.authority), e);
        let body = serde_json::to_string(body).map_err(|e| Error::internal("write the request", e))?;
        let mut addresses = self.authority.to_socket_addrs().map_err(tried)?;
        let address = addresses.next().ok_or_else(|| Error::input(format!("{} has no address", self.authority)))?;
        let mut stream = TcpStream::connect_timeout(&address, EXCHANGE_MOST).map_err(tried)?;
        stream.set_read_timeout(Some(EXCHANGE_MOST)).map_err(tried)?;
        stream.set_write_timeout(Some(EXCHANGE_MOST)).map_err(tried)?;
        write!(
            stream,
            "POST {path} HTTP/1.0\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.authority,
            body.len()
        )
        .map_err(tried)?;
        let mut answer = String::new();
        stream.take(ANSWER_MOST_BYTES).read_to_string(&mut answer).map_err(tried)?;
        let (head, body) =
            answer.split_once("\r\n\r\n").ok_or_else(|| Error::input("the agent's answer is no HTTP"))?;
        let status = head.split(' ').nth(1).unwrap_or_default();
        if status == "200" {
            Ok(body.to_owned())
        } else {
            Err(Error::input(format!("the agent says {status}: {}", reason(body))))
        }
    }
}

/// The code in a refusal.
fn reason(body: &str) -> String {
    let value: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
    value.get("code").and_then(serde_json::Value::as_str).unwrap_or("no reason given").to_owned()
}

fn read<T: DeserializeOwned>(body: &str) -> Result<T, Error> {
    serde_json::from_str(body).map_err(|e| Error::input(format!("the agent's answer is not what it must be: {e}")))
}
