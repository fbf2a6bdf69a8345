//! A ticket comes in, a person agrees, money moves once.

use std::path::{Path, PathBuf};

use crate::command::demo::agents::now;
use crate::command::demo::outside::TICKET_TEXT;
use crate::command::demo::stage::{Stage, WEBHOOK_SECRET, clock, run_id, webhook};
use crate::command::demo::story::Story;
use crate::error::Error;

pub(super) fn run(stage: &mut Stage, story: &mut Story<'_, '_>) -> Result<(), Error> {
    story.chapter("A ticket comes in")?;
    let began = now();
    let forged = webhook(&stage.production, "evt-forged", "42", &[0; 32], stage.agency.now)?;
    story.tell(forged.0 == 401, "A forged webhook is turned away.", &["P11"], began.elapsed())?;

    let began = now();
    let taken = webhook(&stage.production, "evt-1", "42", &WEBHOOK_SECRET, clock()?)?;
    let again = webhook(&stage.production, "evt-1", "42", &WEBHOOK_SECRET, clock()?)?;
    let run = run_id(&taken.1)?;
    story.tell(
        taken.0 == 202 && again.0 == 200 && run_id(&again.1)? == run,
        &format!("A signed webhook begins run {run}; sent twice, it is the same run."),
        &["P11"],
        began.elapsed(),
    )?;

    let began = now();
    let shown = stage.wait_decision(&run)?;
    story.tell(
        shown.contains("EUR") && stage.outside.look(|seen| seen.requests.iter().any(|r| r == "ai chat")),
        "The AI provider classifies it under its agreement; a person is shown subject, order and amount.",
        &["P24", "P11"],
        began.elapsed(),
    )?;

    let began = now();
    stage.production.kill();
    stage.production.start()?;
    stage.wait_decision(&run)?;
    story.holds(
        "The agent is killed with SIGKILL while the person thinks; it starts again and the question still stands.",
        &["P11"],
        began.elapsed(),
    )?;

    let began = now();
    stage.decide(&run)?;
    let outcome = stage.wait_run_end(&run)?;
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
            if texts.iter().any(holds) {
                found.push(entry.path());
            }
        }
    }
    Ok(found)
}
