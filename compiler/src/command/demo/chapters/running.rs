//! A ticket comes in, a person agrees, money moves once.

use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use assent_schema::time::Moment;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::Hmac;
use hmac::Mac as _;

use super::Stage;
use super::WEBHOOK_SECRET;
use super::clock;
use super::line;
use crate::command::demo::agents::Agent;
use crate::command::demo::agents::now;
use crate::command::demo::outside::TICKET_TEXT;
use crate::command::demo::story::Story;
use crate::command::http::Answer;
use crate::command::http::Authority;
use crate::error::Error;

pub(super) fn run(stage: &mut Stage, story: &mut Story<'_, '_>) -> Result<(), Error> {
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

/// A ticket event as the helpdesk sends it, signed as the Standard Webhooks specification says.
pub(super) fn webhook(agent: &Agent, id: &str, secret: &[u8], at: Moment) -> Result<Answer, Error> {
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

pub(super) fn run_id(body: &str) -> Result<String, Error> {
    let value: serde_json::Value =
        serde_json::from_str(body).map_err(|e| Error::internal("read the agent's answer", e))?;
    let run = value.get("run").and_then(serde_json::Value::as_str);
    run.map(str::to_owned).ok_or_else(|| Error::input(format!("the agent began no run: {body}")))
}

/// Waits until Lena is asked about a run; what she is shown.
pub(super) fn wait_decision(stage: &mut Stage, run: &str) -> Result<String, Error> {
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

pub(super) fn decide(stage: &Stage, run: &str) -> Result<(), Error> {
    let (url, key) = (stage.production.url(), stage.agency.private("lena")?);
    let args = line(&["decide", run, "--agent", &url, "--client", "acme", "--key", &key, "--approve"]);
    stage.agency.assent(&args).map(drop)
}

/// Waits until a run has ended; how.
pub(super) fn wait_run_end(stage: &mut Stage, run: &str) -> Result<String, Error> {
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
pub(super) fn scan(folder: &Path, texts: &[&str]) -> Result<Vec<PathBuf>, Error> {
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
