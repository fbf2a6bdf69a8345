//! The stage: an agency, a client's played systems, a staging and a production agent, and what people do with them.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use assent_agent::people::wire::WaitingForMe;
use assent_schema::canon::Digest;
use assent_schema::id::{AgentId, ClientId};
use assent_schema::plan::Ending;
use assent_schema::status::{Stage as PlanStage, Status, WorkflowStatus};
use assent_schema::time::Moment;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac as _};

use super::agency::Agency;
use super::agents::{Agent, Post, free_address};
use super::outside::Outside;
use super::source::{Lead, put};
use crate::command::Outcome;
use crate::command::http::Authority;
use crate::error::Error;
use crate::publish::branch;

/// The agent that rehearses.
const STAGING: &str = "eu-staging-1";
/// The agent that works.
const PRODUCTION: &str = "eu-production-1";
/// The branch that the staging agent follows.
pub const STAGING_RELEASE: &str = "release/staging/eu";
/// The branch that the production agent follows.
pub const PRODUCTION_RELEASE: &str = "release/production/eu";
/// What the helpdesk signs its webhooks with.
pub const WEBHOOK_SECRET: [u8; 32] = [0x5a; 32];
/// Secrets of the played systems, by slot.
const SECRETS: [(&str, &str); 4] = [
    ("acme/helpdesk/token", "demo-helpdesk-token"),
    ("acme/shop/token", "demo-shop-token"),
    ("acme/payments/key", "demo-payments-key"),
    ("acme/assistant/key", "demo-ai-key"),
];

/// Everything that the story plays with.
#[derive(Debug)]
pub struct Stage {
    /// Where everything lies.
    pub folder: PathBuf,
    /// The source repository, the remote, and everybody's keys.
    pub agency: Agency,
    /// The client's systems.
    pub outside: Outside,
    /// The agent that rehearses.
    pub staging: Agent,
    /// The agent that works.
    pub production: Agent,
    /// Where its console is.
    pub console: SocketAddr,
}

impl Stage {
    /// Writes the source, makes keys and repositories, starts the client's systems, enrols two agents that `program`
    /// (the `assent` command) plays.
    ///
    /// # Errors
    /// When something cannot be written or started.
    pub fn set(folder: &Path, at: Moment, program: &Path) -> Result<Self, Error> {
        let outside = Outside::start()?;
        let host = outside.address().to_string();
        let agency = Agency::found(folder, Lead::Loopback(&host), at)?;
        let root = Digest::of_file(&read(&agency.source.join("trust/root/1.toml"))?);
        let agents = folder.join("agents");
        let repository = agency.remote.display().to_string();
        let enrol = |name, environment, options: &[&str]| {
            let post = Post { environment, region: "eu", repository: &repository };
            Agent::enrol_with(program, &agents, name, &post, root, options, &[])
        };
        let console = free_address()?;
        let staging = enrol(STAGING, "staging", &[])?;
        let mut production = enrol(PRODUCTION, "production", &["--console", &console.to_string()])?;
        production.asked_by(agency.private("bruno")?);
        Ok(Self { folder: folder.to_owned(), agency, outside, staging, production, console })
    }

    /// Signs clients, agents, teams and catalog.
    ///
    /// # Errors
    /// When a command refuses.
    pub fn establish(&self) -> Result<(), Error> {
        let rehearser: AgentId = STAGING.parse().map_err(|e| Error::internal("name the staging agent", e))?;
        self.agency.establish(&[self.staging.enrolled(), self.production.enrolled()], &[rehearser])
    }

    /// Releases the newest commit to an environment; what came of it and what was printed.
    ///
    /// # Errors
    /// When the command fails.
    pub fn release(&self, environment: &str) -> Result<(Outcome, String), Error> {
        let (key, freshness) = (self.agency.private("alice")?, self.agency.private("timer")?);
        let (remote, at) = (self.agency.remote.display().to_string(), clock()?.to_string());
        let args = line(&[
            "release",
            "--environment",
            environment,
            "--region",
            "eu",
            "--key",
            &key,
            "--freshness-key",
            &freshness,
            "--remote",
            &remote,
            "--at",
            &at,
        ]);
        self.agency.try_assent(&args)
    }

    /// Signs which release is the newest, as of an instant, and pushes it.
    ///
    /// # Errors
    /// When the command fails.
    pub fn freshen(&self, at: Moment) -> Result<(), Error> {
        let (key, at) = (self.agency.private("timer")?, at.to_string());
        let remote = self.agency.remote.display().to_string();
        self.agency.assent(&line(&["freshness", "--key", &key, "--remote", &remote, "--at", &at])).map(drop)
    }

    /// The files of a release branch.
    ///
    /// # Errors
    /// When there is no such branch.
    pub fn released(&self, name: &str) -> Result<branch::Files, Error> {
        let remote = branch::open(&self.agency.remote)?;
        let tip = branch::tip(&remote, name)?.ok_or_else(|| Error::input(format!("{name} is missing")))?;
        branch::read(&remote, tip)
    }

    /// How many plans a release branch holds.
    ///
    /// # Errors
    /// When there is no such branch.
    pub fn plans_of(&self, name: &str) -> Result<usize, Error> {
        Ok(self.released(name)?.keys().filter(|path| path.starts_with("plans/")).count())
    }

    /// Waits until the staging agent has pushed a rehearsal of each plan of its newest release.
    ///
    /// # Errors
    /// When it does not within the time.
    pub fn wait_rehearsals(&mut self) -> Result<(), Error> {
        let (remote, name) = (self.agency.remote.clone(), format!("status/staging/eu/{STAGING}"));
        let released = self.released(STAGING_RELEASE)?;
        let plan = |path: &String| Some(path.strip_prefix("plans/")?.strip_suffix(".json")?.to_owned());
        let wanted: Vec<String> = released.keys().filter_map(plan).collect();
        self.staging.wait_for(|| {
            let repository = branch::open(&remote)?;
            let Some(tip) = branch::tip(&repository, &name)? else { return Ok(None) };
            let files = branch::read(&repository, tip)?;
            let rehearsed = |plan: &String| {
                files.iter().any(|(path, bytes)| {
                    path.starts_with("rehearsals/")
                        && path.strip_suffix(".json").is_some()
                        && String::from_utf8_lossy(bytes).contains(plan.as_str())
                })
            };
            Ok(wanted.iter().all(rehearsed).then_some(()))
        })
    }

    /// Waits until Lena is asked about a run; what she is shown.
    ///
    /// # Errors
    /// When she is not within the time.
    pub fn wait_decision(&mut self, run: &str) -> Result<String, Error> {
        let (url, key) = (self.production.url(), self.agency.private("lena")?);
        let args = line(&["decide", "--agent", &url, "--client", "acme", "--key", &key]);
        let agency = &self.agency;
        self.production.wait_for(|| Ok(agency.assent(&args).ok().filter(|shown| shown.contains(run))))
    }

    /// Lena agrees to what a run asks.
    ///
    /// # Errors
    /// When the agent refuses.
    pub fn decide(&self, run: &str) -> Result<(), Error> {
        let (url, key) = (self.production.url(), self.agency.private("lena")?);
        let at = ["--agent", &url, "--client", "acme", "--key", &key];
        let asks = self.agency.assent(&line(&[&["decide", "--format", "json"][..], &at].concat()))?;
        let asks: WaitingForMe = serde_json::from_str(&asks).map_err(|e| Error::internal("read what waits", e))?;
        let asked = asks.decisions.iter().find(|asked| asked.run.to_string() == run);
        let asked = asked.ok_or_else(|| Error::input(format!("run {run} asks nothing")))?;
        let which = ["decide", run, "--step", asked.step.as_str(), "--approve"];
        self.agency.assent(&line(&[&which[..], &at].concat())).map(drop)
    }

    /// Waits until a run has ended; how.
    ///
    /// # Errors
    /// When it does not end within the time.
    pub fn wait_run_end(&mut self, run: &str) -> Result<String, Error> {
        let (production, config) = (&mut self.production, ["runs", "show", run, "--format", "json"]);
        production.wait_to_say(&config, |said| {
            let story: serde_json::Value = serde_json::from_str(said).map_err(|e| Error::internal("read a run", e))?;
            let state = story.pointer("/run/state").or_else(|| story.get("state")).and_then(serde_json::Value::as_str);
            Ok(state.filter(|state| state.parse::<Ending>().is_ok()).map(str::to_owned))
        })
    }

    /// Writes what `ssh-keygen` needs to know of everybody's keys.
    ///
    /// # Errors
    /// When the command refuses.
    pub fn allowed_signers(&self) -> Result<PathBuf, Error> {
        let allowed = self.folder.join("allowed_signers");
        put(&allowed, self.agency.assent(&line(&["trust", "allowed-signers"]))?.as_bytes())?;
        Ok(allowed)
    }

    /// The key of the production agent's log of `acme`, as PEM.
    ///
    /// # Errors
    /// When root names none.
    pub fn ledger_key(&self) -> Result<String, Error> {
        let keys = self.agency.assent(&line(&["trust", "ledger-keys", "--pem"]))?;
        let wanted = format!("# assent/harbor/{PRODUCTION}/acme\n");
        let (_, rest) =
            keys.split_once(&wanted).ok_or_else(|| Error::input("there is no ledger key of the production agent"))?;
        Ok(rest.split("\n# ").next().unwrap_or_default().to_owned() + "\n")
    }
}

/// The clock of the played systems.
///
/// # Errors
/// When the machine's clock stands before 1970.
pub fn clock() -> Result<Moment, Error> {
    #[expect(clippy::disallowed_methods, reason = "the played helpdesk has a clock of its own")]
    let now = std::time::SystemTime::now();
    let since = now.duration_since(std::time::UNIX_EPOCH).map_err(|e| Error::internal("read the clock", e))?;
    i64::try_from(since.as_secs()).map(Moment::from_seconds).map_err(|e| Error::internal("read the clock", e))
}

/// Puts the secrets of the played systems into an agent's vault.
///
/// # Errors
/// When the agent's command refuses.
pub fn secrets(agent: &Agent) -> Result<(), Error> {
    SECRETS.iter().try_for_each(|(slot, secret)| agent.set_secret(slot, secret))?;
    agent.set_secret("acme/helpdesk/webhook", &format!("whsec_{}", STANDARD.encode(WEBHOOK_SECRET)))
}

/// Acme's workflow `refund`, unless it is off.
pub fn refund(status: &Status) -> Option<&WorkflowStatus> {
    let refund = status.workflows.get("acme")?.get("refund")?;
    (refund.stage != PlanStage::Off).then_some(refund)
}

/// Acme's workflow `triage`, unless it is off.
pub fn triage(status: &Status) -> Option<&WorkflowStatus> {
    let triage = status.workflows.get("acme")?.get("triage")?;
    (triage.stage != PlanStage::Off).then_some(triage)
}

/// Sends a ticket event for refunds.
///
/// # Errors
/// As [`webhook_to`].
pub fn webhook(agent: &Agent, id: &str, ticket: &str, secret: &[u8], at: Moment) -> Result<(u16, String), Error> {
    webhook_to(agent, "refund", id, ticket, secret, at)
}

/// Sends a ticket event as the helpdesk does, signed as the Standard Webhooks specification says; status and body.
///
/// # Errors
/// When the agent does not answer.
pub fn webhook_to(
    agent: &Agent,
    workflow: &str,
    id: &str,
    ticket: &str,
    secret: &[u8],
    at: Moment,
) -> Result<(u16, String), Error> {
    let created = at.seconds();
    let body = format!(
        "{{\"topic\":\"ticket.created\",\"data\":{{\"item\":{{\"id\":\"{ticket}\",\"created_at\":{created},\"author\":{{\"type\":\"user\"}}}}}}}}"
    );
    let timestamp = created.to_string();
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret).map_err(|e| Error::internal("sign a webhook", e))?;
    mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
    let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    let headers = [("webhook-id", id), ("webhook-timestamp", &timestamp), ("webhook-signature", &signature)];
    let answer = Authority::new(&agent.url())?.post(&format!("/hooks/acme/{workflow}"), &headers, &body)?;
    Ok((answer.status, answer.body))
}

/// The run that an accepted webhook began.
///
/// # Errors
/// When it began none.
pub fn run_id(body: &str) -> Result<String, Error> {
    let value: serde_json::Value =
        serde_json::from_str(body).map_err(|e| Error::internal("read the agent's answer", e))?;
    let run = value.get("run").and_then(serde_json::Value::as_str);
    run.map(str::to_owned).ok_or_else(|| Error::input(format!("the agent began no run: {body}")))
}

/// The signed file, its signer as `allowed_signers` names it, and the namespace; nothing for what nobody signs by hand.
///
/// Approvers stand under their client, everybody else under the project.
pub fn signature_of(path: &str, files: &branch::Files) -> Option<(String, String, &'static str)> {
    let (file, who) = path.strip_suffix(".sig")?.rsplit_once('.')?;
    let bytes = files.get(file)?;
    let namespace = match file.split('/').next()? {
        "manifest.json" => "release@assent",
        "freshness.json" => "freshness@assent",
        "statements" => "approval@assent",
        "rehearsals" => "rehearsal@assent",
        "trust" => match file.split('/').nth(1)? {
            "root" => "trust@assent",
            "teams.toml" => "teams@assent",
            "catalog.lock" => "catalog@assent",
            _ => "approvers@assent",
        },
        _ => return None,
    };
    Some((file.to_owned(), principal(file, who, bytes), namespace))
}

fn principal(file: &str, who: &str, bytes: &[u8]) -> String {
    let of_client = if file.starts_with("statements/") {
        let text = String::from_utf8_lossy(bytes);
        text.lines().find_map(|line| line.strip_prefix("client = \"")?.strip_suffix('"')).map(str::to_owned)
    } else {
        file.strip_prefix("trust/approvers/").and_then(|rest| rest.split('/').next()).map(str::to_owned)
    };
    let client = of_client.and_then(|client| client.parse::<ClientId>().ok());
    format!("{who}@{}", client.as_ref().map_or("harbor", ClientId::as_str))
}

/// A command line.
pub(super) fn line(args: &[&str]) -> Vec<String> {
    args.iter().map(|arg| (*arg).to_owned()).collect()
}

pub(super) fn read(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(|e| Error::io(format!("read {}", path.display()), e))
}
