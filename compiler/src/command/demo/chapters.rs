//! The chapters of the story, each a few steps that either hold or do not.

use std::path::{Path, PathBuf};
use std::time::Duration;

use assent_schema::canon::Digest;
use assent_schema::id::{AgentId, ClientId};
use assent_schema::promise;
use assent_schema::status::{Stage as PlanStage, Status, WorkflowStatus};
use assent_schema::time::Moment;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac as _};

use super::agency::Agency;
use super::agents::{Agent, now};
use super::outside::{Outside, TICKET_TEXT};
use super::source::{Lead, put};
use super::story::Story;
use super::witness::{Verdict, openssl, ssh_keygen};
use crate::command::Outcome;
use crate::command::http::{Answer, Authority};
use crate::error::Error;
use crate::publish::branch;

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
    agree(stage, story)?;
    rehearse(stage, story)?;
    produce(stage, story)?;
    run(stage, story)?;
    check(stage, story)?;
    tamper(stage, story)?;
    roll_back(stage, story)
}

fn agree(stage: &mut Stage, story: &mut Story<'_, '_>) -> Result<(), Error> {
    story.chapter("An agency and its clients agree")?;
    let began = now();
    let rehearser: AgentId = STAGING.parse().map_err(|e| Error::internal("name the staging agent", e))?;
    stage.agency.establish(&[stage.staging.enrolled(), stage.production.enrolled()], &[rehearser])?;
    story.holds(
        "A source repository is written and committed: three clients in three regions, signed root, approvers, teams and \
         catalog.",
        &["P09"],
        began.elapsed(),
    )?;

    let began = now();
    let (outcome, said) = stage.agency.try_assent(&line(&["check", "--format", "json"]))?;
    let unapproved = codes(&said, "unapproved-data-use");
    let held = outcome == Outcome::Findings && unapproved > 0 && unapproved == codes(&said, "");
    story.tell(
        held,
        &format!("`assent check` refuses it: {unapproved} data uses that no client has approved, and nothing else."),
        &["P25"],
        began.elapsed(),
    )?;

    let began = now();
    stage.agency.approve_all()?;
    let (allowed, approval) = (allowed_signers(stage)?, first_approval(&stage.agency.source)?);
    let bytes = read(&approval)?;
    let signature = approval.with_file_name(format!("{}.dana.sig", name_of(&approval)));
    let verdict = ssh_keygen(&allowed, "dana@acme", "approval@assent", &signature, &bytes)?;
    told(
        story,
        &verdict,
        "The clients' approvers read the uses in plain words and sign; `ssh-keygen` verifies what they signed.",
        &["P25"],
        began.elapsed(),
    )?;

    let began = now();
    let (outcome, said) = stage.agency.try_assent(&line(&["check", "--format", "json"]))?;
    story.tell(
        outcome == Outcome::Fine && codes(&said, "") == 0,
        "`assent check` passes: regions, scopes, agreements, limits, fallbacks, scenarios and approvals all hold.",
        &["P03", "P05", "P06", "P12", "P18", "P19", "P23", "P24"],
        began.elapsed(),
    )?;

    let began = now();
    let (outcome, _) = stage.agency.try_assent(&line(&["test"]))?;
    story.tell(
        outcome == Outcome::Fine,
        "`assent test` runs every scenario of every workflow on the real engine, in simulated time.",
        &["P15"],
        began.elapsed(),
    )
}

fn rehearse(stage: &mut Stage, story: &mut Story<'_, '_>) -> Result<(), Error> {
    story.chapter("Staging")?;
    let began = now();
    let refused = release(stage, "production")?;
    story.tell(
        refused.0 == Outcome::Findings && refused.1.contains("not-rehearsed"),
        "A production release is refused: nobody has rehearsed these plans.",
        &["P15"],
        began.elapsed(),
    )?;

    let began = now();
    let released = release(stage, "staging")?;
    story.tell(
        released.0 == Outcome::Fine,
        "A staging release is built, signed and pushed to a bare git repository.",
        &["P16"],
        began.elapsed(),
    )?;

    let began = now();
    secrets(&stage.staging)?;
    stage.staging.start()?;
    let plans = plans_of(stage, RELEASES[0])?;
    wait_rehearsals(stage, plans)?;
    story.holds(
        &format!("A staging agent pulls it, verifies it end to end, rehearses {plans} plans and signs each rehearsal."),
        &["P15"],
        began.elapsed(),
    )
}

fn produce(stage: &mut Stage, story: &mut Story<'_, '_>) -> Result<(), Error> {
    story.chapter("Production")?;
    let began = now();
    let released = release(stage, "production")?;
    story.tell(
        released.0 == Outcome::Fine,
        "With those rehearsals the production release is signed and pushed.",
        &["P15", "P16"],
        began.elapsed(),
    )?;

    let began = now();
    secrets(&stage.production)?;
    let ready = stage.production.start()?;
    let runs = |status: &Status| refund(status).is_some_and(|refund| refund.plan.is_some());
    let (status, _) = stage.production.wait_status(runs)?;
    story.holds(
        &format!(
            "The production agent is ready in {} ms, derives every data use again from the plans, and runs release {}; secrets \
             lie in an encrypted vault.",
            ready.as_millis(),
            status.release.map_or(0, |release| release.sequence)
        ),
        &["P05", "P07", "P25"],
        began.elapsed(),
    )
}

fn run(stage: &mut Stage, story: &mut Story<'_, '_>) -> Result<(), Error> {
    story.chapter("A ticket comes in")?;
    let began = now();
    let forged = webhook(&stage.production, "evt-forged", &[0; 32], stage.agency.now)?;
    story.tell(forged.status == 401, "A forged webhook is turned away.", &["P11"], began.elapsed())?;

    let began = now();
    let taken = webhook(&stage.production, "evt-1", &WEBHOOK_SECRET, clock()?)?;
    let again = webhook(&stage.production, "evt-1", &WEBHOOK_SECRET, clock()?)?;
    let run = run_id(&taken.body)?;
    story.tell(
        taken.status == 202 && again.status == 200 && run_id(&again.body)? == run,
        &format!("A signed webhook begins run {run}; sent twice, it is the same run."),
        &["P11"],
        began.elapsed(),
    )?;

    let began = now();
    let shown = wait_decision(stage, &run)?;
    story.tell(
        shown.contains("EUR") && stage.outside.look(|seen| seen.requests.iter().any(|r| r == "ai chat")),
        "The AI provider classifies it under its agreement; a person is shown subject, order and amount.",
        &["P24", "P11"],
        began.elapsed(),
    )?;

    let began = now();
    stage.production.kill();
    stage.production.start()?;
    wait_decision(stage, &run)?;
    story.holds(
        "The agent is killed with SIGKILL while the person thinks; it starts again and the question still stands.",
        &["P11"],
        began.elapsed(),
    )?;

    let began = now();
    decide(stage, &run)?;
    let outcome = wait_run_end(stage, &run)?;
    let (refunds, repeated) = stage.outside.look(|seen| (seen.refunds.len(), seen.repeated));
    story.tell(
        outcome == "done" && refunds == 1 && repeated == 0,
        "Lena agrees with her SSH key; money moves once; the run ends `done`.",
        &["P11", "P18"],
        began.elapsed(),
    )?;

    let began = now();
    let found = scan(&stage.production.folder, &[TICKET_TEXT, "robin@example.com", "demo-payments-key", "555-0142"])?;
    story.tell(
        found.is_empty(),
        "No byte of the ticket, of the customer or of a secret lies on the agent's disk or in its log.",
        &["P01", "P04", "P07"],
        began.elapsed(),
    )?;
    found.iter().try_for_each(|file| story.detail(&file.display().to_string()))
}

fn check(stage: &mut Stage, story: &mut Story<'_, '_>) -> Result<(), Error> {
    story.chapter("Anyone can check")?;
    let began = now();
    let own = stage.production.call(&["ledger", "verify"]);
    let acme = stage.production.call(&["ledger", "verify", "acme"]);
    story.tell(
        own.is_ok() && acme.is_ok(),
        "`assent-agent ledger verify` checks every entry, the tree over them and its signed head.",
        &["P10", "P11"],
        began.elapsed(),
    )?;

    let began = now();
    let exports = stage.folder.join("exports");
    std::fs::create_dir_all(&exports).map_err(|e| Error::io("make a folder for exports", e))?;
    stage.production.call(&["ledger", "export", "--all", &exports.display().to_string()])?;
    let text = String::from_utf8_lossy(&read(&exports.join("acme.ledger"))?).into_owned();
    let (_, note) = text.split_once("\n\n").ok_or_else(|| Error::input("the export has no checkpoint"))?;
    let pem = ledger_key(stage)?;
    let scratch = stage.folder.join("openssl");
    let verdict = openssl(&scratch, note, &pem)?;
    told(
        story,
        &verdict,
        "`openssl` verifies the checkpoint of the exported ledger.",
        &["P11", "P14"],
        began.elapsed(),
    )?;

    let began = now();
    let verdict = verify_signatures(stage)?;
    told(
        story,
        &verdict,
        "`ssh-keygen` verifies every signature on both release branches.",
        &["P16", "P25"],
        began.elapsed(),
    )
}

fn tamper(stage: &mut Stage, story: &mut Story<'_, '_>) -> Result<(), Error> {
    story.chapter("Somebody changes one byte")?;
    let began = now();
    let before = stage.production.status()?;
    let remote = branch::open(&stage.agency.remote)?;
    let tip = branch::tip(&remote, RELEASES[1])?.ok_or_else(|| Error::input("there is no production release"))?;
    let mut files = branch::read(&remote, tip)?;
    let plan = files.iter_mut().find(|(path, _)| path.starts_with("plans/"));
    if let Some(byte) = plan.and_then(|(_, bytes)| bytes.last_mut()) {
        *byte ^= 1;
    }
    branch::write(&remote, RELEASES[1], &files, "One byte", stage.agency.now)?;
    let (after, took) = stage.production.wait_status(|status| !status.refused.is_empty())?;
    let code = after.refused.iter().next().map(|refused| refused.code.to_string()).unwrap_or_default();
    let same = before.release.map(|r| r.manifest) == after.release.as_ref().map(|r| r.manifest);
    story.tell(
        same && refund(&after).is_some_and(|refund| refund.plan.is_some()),
        &format!(
            "One byte of a plan is changed on the release branch: the agent refuses it (`{code}`) after {} ms and runs on.",
            took.as_millis()
        ),
        &["P16", "P17"],
        began.elapsed(),
    )?;
    // Back to what was signed, so that the next release follows it.
    let mut reference =
        remote.find_reference(&format!("refs/heads/{}", RELEASES[1])).map_err(|e| Error::git("find the branch", e))?;
    reference.set_target(tip, "back").map(drop).map_err(|e| Error::git("set the branch back", e))
}

fn roll_back(stage: &mut Stage, story: &mut Story<'_, '_>) -> Result<(), Error> {
    story.chapter("A new version, and back")?;
    let began = now();
    let (old, _) = stage.production.wait_status(|status| refund(status).is_some_and(|r| r.plan.is_some()))?;
    let old = refund(&old).and_then(|refund| refund.plan);
    let prompt = stage.agency.source.join("clients/acme/prompts/intent.md");
    let mut text = read(&prompt)?;
    text.extend_from_slice(b"\nAnswer in the customer's best interest.\n");
    put(&prompt, &text)?;
    stage.agency.commit("Reword the prompt of the refund workflow")?;
    let released = release(stage, "staging")?;
    wait_rehearsals(stage, plans_of(stage, RELEASES[0])?)?;
    let produced = release(stage, "production")?;
    let moved = |status: &Status| refund(status).is_some_and(|r| r.plan.is_some() && r.plan != old);
    let (status, _) = stage.production.wait_status(moved)?;
    let new = refund(&status).and_then(|refund| refund.plan);
    story.tell(
        released.0 == Outcome::Fine && produced.0 == Outcome::Fine,
        "A reworded prompt goes the same way: no new data use, no new signature of the client, a new rehearsal, a new plan.",
        &["P15", "P16", "P25"],
        began.elapsed(),
    )?;

    let began = now();
    stage.production.call(&["rollback", "acme/refund"])?;
    let (status, _) = stage.production.wait_status(|status| refund(status).is_some_and(|r| r.plan == old))?;
    let took = began.elapsed();
    let stays_back = refund(&status).zip(new).is_some_and(|(refund, new)| refund.refused.contains_key(&new));
    story.tell(
        stays_back && took < Duration::from_secs(1),
        &format!(
            "An operator rolls back: the plan before runs again after {} ms, and the new one stays back until a release \
             readmits it.",
            took.as_millis()
        ),
        &["P17"],
        took,
    )
}

/// What nothing shows yet, where everything lies, and what to try next.
pub(super) fn epilogue(stage: &Stage, story: &mut Story<'_, '_>) -> Result<(), Error> {
    story.chapter("Promises that this story does not show")?;
    let missing: Vec<_> = promise::ALL.iter().filter(|p| !story.shown().contains(p.id)).collect();
    for promise in missing {
        story.line(&format!("  {}  {}", promise.id, promise.sentence))?;
        story.detail(&promise.enforced.to_string())?;
    }
    story.chapter("Look closer")?;
    let (folder, config) = (stage.folder.display(), stage.production.config());
    let program = "assent";
    story.line(&format!("  everything      {folder}"))?;
    story.line(&format!("  source          git -C {} log --stat", stage.agency.source.display()))?;
    story.line(&format!("  releases        git -C {} log --oneline --all", stage.agency.remote.display()))?;
    for what in ["status", "runs", "queue", "ledger verify"] {
        story.line(&format!("  agent           {program} agent {what} --config {}", config.display()))?;
    }
    story.line(&format!("  the plan        {program} plan HEAD --repo {}", stage.agency.source.display()))?;
    if story.whole() {
        story.line("\nEvery step held.")
    } else {
        story.line("\nNot every step held: see the lines marked ✗.")
    }
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

/// Tells what an outside program said; one that is not installed neither holds nor breaks.
fn told(
    story: &mut Story<'_, '_>,
    verdict: &Verdict,
    sentence: &str,
    promises: &[&'static str],
    took: Duration,
) -> Result<(), Error> {
    match verdict {
        Verdict::Good => story.holds(sentence, promises, took),
        Verdict::Bad(why) => {
            story.breaks(sentence, promises, took)?;
            story.detail(why)
        }
        Verdict::Absent(program) => {
            story.detail(&format!("skipped: {program} is not installed, so it cannot check: {sentence}"))
        }
    }
}

/// How many findings of a code a JSON report holds; of any code when it is empty.
fn codes(report: &str, code: &str) -> usize {
    let report: serde_json::Value = serde_json::from_str(report).unwrap_or_default();
    let findings = report.get("findings").and_then(serde_json::Value::as_array);
    let of_code =
        |f: &&serde_json::Value| code.is_empty() || f.get("code").and_then(serde_json::Value::as_str) == Some(code);
    findings.map_or(0, |findings| findings.iter().filter(of_code).count())
}

/// Writes what `ssh-keygen` needs to know of everybody's keys.
fn allowed_signers(stage: &Stage) -> Result<PathBuf, Error> {
    let allowed = stage.folder.join("allowed_signers");
    put(&allowed, stage.agency.assent(&line(&["trust", "allowed-signers"]))?.as_bytes())?;
    Ok(allowed)
}

fn first_approval(source: &Path) -> Result<PathBuf, Error> {
    let folder = source.join("clients/acme/approvals");
    let entries = std::fs::read_dir(&folder).map_err(|e| Error::io("read the approvals", e))?;
    let mut files: Vec<PathBuf> = entries.filter_map(|e| Some(e.ok()?.path())).collect();
    files.sort();
    let toml = files.into_iter().find(|path| path.extension().is_some_and(|e| e == "toml"));
    toml.ok_or_else(|| Error::input("acme has approved nothing"))
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

fn secrets(agent: &Agent) -> Result<(), Error> {
    SECRETS.iter().try_for_each(|(slot, secret)| agent.set_secret(slot, secret))?;
    agent.set_secret("acme/helpdesk/webhook", &format!("whsec_{}", STANDARD.encode(WEBHOOK_SECRET)))
}

fn plans_of(stage: &Stage, name: &str) -> Result<usize, Error> {
    let remote = branch::open(&stage.agency.remote)?;
    let tip = branch::tip(&remote, name)?.ok_or_else(|| Error::input(format!("{name} is missing")))?;
    Ok(branch::read(&remote, tip)?.keys().filter(|path| path.starts_with("plans/")).count())
}

/// Waits until the staging agent has pushed a rehearsal of each plan of its newest release.
fn wait_rehearsals(stage: &mut Stage, plans: usize) -> Result<(), Error> {
    let (remote, name) = (stage.agency.remote.clone(), format!("status/staging/eu/{STAGING}"));
    let wanted = {
        let repository = branch::open(&remote)?;
        let tip = branch::tip(&repository, RELEASES[0])?.ok_or_else(|| Error::input("there is no staging release"))?;
        let files = branch::read(&repository, tip)?;
        files
            .keys()
            .filter_map(|p| Some(p.strip_prefix("plans/")?.strip_suffix(".json")?.to_owned()))
            .collect::<Vec<_>>()
    };
    debug_assert_eq!(wanted.len(), plans, "both count the plans of one release");
    stage.staging.wait_for(|| {
        let repository = branch::open(&remote)?;
        let Some(tip) = branch::tip(&repository, &name)? else { return Ok(None) };
        let files = branch::read(&repository, tip)?;
        let rehearsed = |plan: &String| {
            files.iter().any(|(path, bytes)| {
                path.starts_with("rehearsals/")
                    && path.ends_with(".json")
                    && String::from_utf8_lossy(bytes).contains(plan.as_str())
            })
        };
        Ok(wanted.iter().all(rehearsed).then_some(()))
    })
}

fn refund(status: &Status) -> Option<&WorkflowStatus> {
    let refund = status.workflows.get("acme")?.get("refund")?;
    (refund.stage != PlanStage::Off).then_some(refund)
}

/// A ticket event as the helpdesk sends it, signed as the Standard Webhooks specification says.
fn webhook(agent: &Agent, id: &str, secret: &[u8], at: Moment) -> Result<Answer, Error> {
    let created = at.seconds();
    let body = format!(
        "{{\"topic\":\"ticket.created\",\"data\":{{\"item\":{{\"id\":\"42\",\"created_at\":{created},\"author\":{{\"type\":\"user\"}}}}}}}}"
    );
    let timestamp = created.to_string();
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret).map_err(|e| Error::internal("sign a webhook", e))?;
    mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
    let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    let headers = [("webhook-id", id), ("webhook-timestamp", &timestamp), ("webhook-signature", &signature)];
    Authority::new(&agent.url())?.post("/hooks/acme/refund", &headers, &body)
}

fn run_id(body: &str) -> Result<String, Error> {
    let value: serde_json::Value =
        serde_json::from_str(body).map_err(|e| Error::internal("read the agent's answer", e))?;
    let run = value.get("run").and_then(serde_json::Value::as_str);
    run.map(str::to_owned).ok_or_else(|| Error::input(format!("the agent began no run: {body}")))
}

/// Waits until Lena is asked about a run; what she is shown.
fn wait_decision(stage: &mut Stage, run: &str) -> Result<String, Error> {
    let args = line(&[
        "decide",
        "--agent",
        &stage.production.url(),
        "--client",
        "acme",
        "--key",
        &stage.agency.private("lena")?,
    ]);
    let agency = &stage.agency;
    stage.production.wait_for(|| Ok(agency.assent(&args).ok().filter(|shown| shown.contains(run))))
}

fn decide(stage: &Stage, run: &str) -> Result<(), Error> {
    let (url, key) = (stage.production.url(), stage.agency.private("lena")?);
    let args = line(&["decide", run, "--agent", &url, "--client", "acme", "--key", &key, "--approve"]);
    stage.agency.assent(&args).map(drop)
}

/// Waits until a run has ended; how.
fn wait_run_end(stage: &mut Stage, run: &str) -> Result<String, Error> {
    let runs = ["runs", "show", run, "--format", "json"];
    let ended = ["done", "stopped", "failed", "content-lost", "superseded"];
    let agent = &stage.production;
    let look = || {
        let said = agent.call(&runs)?;
        let story: serde_json::Value = serde_json::from_str(&said).map_err(|e| Error::internal("read a run", e))?;
        let state = story.pointer("/run/state").or_else(|| story.get("state")).and_then(serde_json::Value::as_str);
        Ok(state.filter(|state| ended.contains(state)).map(str::to_owned))
    };
    let began = now();
    loop {
        if let Some(state) = look()? {
            return Ok(state);
        }
        if began.elapsed() > Duration::from_secs(30) {
            return Err(Error::input(format!("run {run} does not end")));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The files below a folder that hold one of some texts.
fn scan(folder: &Path, texts: &[&str]) -> Result<Vec<PathBuf>, Error> {
    let tried = |e| Error::io(format!("scan {}", folder.display()), e);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(tried)? {
        let entry = entry.map_err(tried)?;
        let kind = entry.file_type().map_err(tried)?;
        if kind.is_dir() {
            found.extend(scan(&entry.path(), texts)?);
        } else if kind.is_file() {
            let bytes = std::fs::read(entry.path()).map_err(tried)?;
            let holds = |text: &&str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
            if texts.iter().any(|text| holds(text)) {
                found.push(entry.path());
            }
        }
    }
    Ok(found)
}

fn ledger_key(stage: &Stage) -> Result<String, Error> {
    let keys = stage.agency.assent(&line(&["trust", "ledger-keys", "--pem"]))?;
    let wanted = format!("# assent/harbor/{PRODUCTION}/acme\n");
    let (_, rest) =
        keys.split_once(&wanted).ok_or_else(|| Error::input("there is no ledger key of the production agent"))?;
    Ok(rest.split("\n# ").next().unwrap_or_default().to_owned() + "\n")
}

/// Asks `ssh-keygen` about every signature on the release branches.
fn verify_signatures(stage: &Stage) -> Result<Verdict, Error> {
    let allowed = allowed_signers(stage)?;
    let remote = branch::open(&stage.agency.remote)?;
    let scratch = stage.folder.join("signature");
    for name in RELEASES {
        let tip = branch::tip(&remote, name)?.ok_or_else(|| Error::input(format!("{name} is missing")))?;
        let files = branch::read(&remote, tip)?;
        for (path, armour) in files.iter().filter(|(path, _)| path.ends_with(".sig")) {
            let Some((file, who, namespace)) = signature_of(path) else { continue };
            let Some(bytes) = files.get(&file) else { continue };
            put(&scratch, armour)?;
            let who = principal(&file, &who, bytes);
            let verdict = ssh_keygen(&allowed, &who, namespace, &scratch, bytes)?;
            if verdict != Verdict::Good {
                return Ok(match verdict {
                    Verdict::Bad(why) => Verdict::Bad(format!("{name} {path}: {why}")),
                    other => other,
                });
            }
        }
    }
    Ok(Verdict::Good)
}

/// The signed file, who signed it, and for what.
fn signature_of(path: &str) -> Option<(String, String, &'static str)> {
    let (file, who) = path.strip_suffix(".sig")?.rsplit_once('.')?;
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
    Some((file.to_owned(), who.to_owned(), namespace))
}

/// The principal in `allowed_signers`: approvers stand under their client, everybody else under the project.
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
