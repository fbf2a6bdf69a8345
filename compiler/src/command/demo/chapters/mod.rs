//! The chapters of the story, each a few steps that either hold or do not.

mod agreeing;
mod changing;
mod checking;
pub(super) mod epilogue;
mod releasing;
mod running;

use std::path::{Path, PathBuf};

use assent_schema::canon::Digest;
use assent_schema::status::{Stage as PlanStage, Status, WorkflowStatus};
use assent_schema::time::Moment;

use super::agency::Agency;
use super::agents::Agent;
use super::outside::Outside;
use super::source::Lead;
use super::story::Story;
use crate::command::Outcome;
use crate::error::Error;

const STAGING: &str = "eu-staging-1";
const PRODUCTION: &str = "eu-production-1";
/// The release branches of the story.
const RELEASES: [&str; 2] = ["release/staging/eu", "release/production/eu"];
/// What the helpdesk signs its webhooks with.
const WEBHOOK_SECRET: [u8; 32] = [0x5a; 32];
/// Secrets of the played systems, by slot.
const SECRETS: [(&str, &str); 4] = [
    ("acme/helpdesk/token", "demo-helpdesk-token"),
    ("acme/shop/token", "demo-shop-token"),
    ("acme/payments/key", "demo-payments-key"),
    ("acme/assistant/key", "demo-ai-key"),
];

/// Everything that the story plays with.
pub(super) struct Stage {
    folder: PathBuf,
    agency: Agency,
    outside: Outside,
    staging: Agent,
    production: Agent,
    /// Runs the outside; dropped last.
    _runtime: tokio::runtime::Runtime,
}

impl Stage {
    /// Writes the source, makes keys and repositories, starts the client's systems, enrols two agents.
    pub(super) fn set(folder: &Path, at: Moment) -> Result<Self, Error> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(|e| Error::io("start the demo", e))?;
        let outside = runtime.block_on(Outside::start())?;
        let host = outside.address.to_string();
        let agency = Agency::found(folder, Lead::Loopback(&host), at)?;
        let program = std::env::current_exe().map_err(|e| Error::io("find this program", e))?;
        let root = agency.source.join("trust/root/1.toml");
        let root = Digest::of_file(&std::fs::read(&root).map_err(|e| Error::io("read the root", e))?);
        let agents = folder.join("agents");
        let enrol = |name, environment| Agent::enrol(&program, &agents, name, environment, &agency.remote, root);
        let (staging, production) = (enrol(STAGING, "staging")?, enrol(PRODUCTION, "production")?);
        Ok(Self { folder: folder.to_owned(), agency, outside, staging, production, _runtime: runtime })
    }
}

/// The whole story.
pub(super) fn all(stage: &mut Stage, story: &mut Story<'_, '_>) -> Result<(), Error> {
    agreeing::agree(stage, story)?;
    releasing::rehearse(stage, story)?;
    releasing::produce(stage, story)?;
    running::run(stage, story)?;
    checking::check(stage, story)?;
    changing::tamper(stage, story)?;
    changing::roll_back(stage, story)
}

fn line(args: &[&str]) -> Vec<String> {
    args.iter().map(|arg| (*arg).to_owned()).collect()
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(|e| Error::io(format!("read {}", path.display()), e))
}

fn name_of(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn clock() -> Result<Moment, Error> {
    #[expect(clippy::disallowed_methods, reason = "the played helpdesk has a clock of its own")]
    let now = std::time::SystemTime::now();
    let since = now.duration_since(std::time::UNIX_EPOCH).map_err(|e| Error::internal("read the clock", e))?;
    i64::try_from(since.as_secs()).map(Moment::from_seconds).map_err(|e| Error::internal("read the clock", e))
}

fn release(stage: &Stage, environment: &str) -> Result<(Outcome, String), Error> {
    let (key, freshness) = (stage.agency.private("alice")?, stage.agency.private("timer")?);
    let remote = stage.agency.remote.display().to_string();
    let at = clock()?.to_string();
    stage.agency.try_assent(&line(&[
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
    ]))
}

fn refund(status: &Status) -> Option<&WorkflowStatus> {
    let refund = status.workflows.get("acme")?.get("refund")?;
    (refund.stage != PlanStage::Off).then_some(refund)
}
