//! The client is shown every promise beside what is so.

use crate::command::Outcome;
use crate::command::demo::agents::now;
use crate::command::demo::stage::{Stage, clock};
use crate::command::demo::story::Story;
use crate::error::Error;

/// Exports the ledgers as they are now, and has the report written.
pub(super) fn report(stage: &Stage, story: &mut Story<'_, '_>) -> Result<(), Error> {
    story.chapter("What the client is shown")?;
    let began = now();
    let folder = stage.folder.join("report");
    std::fs::create_dir_all(&folder).map_err(|e| Error::io("make a folder for the report", e))?;
    let at = |name: &str| folder.join(name).display().to_string();
    stage.production.call(&["ledger", "export", "--all", &folder.display().to_string()])?;
    let (remote, moment) = (stage.agency.remote.display().to_string(), clock()?.to_string());
    let (acme, agent, page) = (at("acme.ledger"), at("agent.ledger"), at("acme.html"));
    let line = ["report", "acme", "--at", &moment, "--remote", &remote, "--ledger", &acme, "--ledger", &agent];
    let line: Vec<String> = line.iter().chain(&["--output", &page]).map(|part| (*part).to_owned()).collect();
    let (outcome, text) = stage.agency.try_assent(&line)?;
    story.tell(
        outcome == Outcome::Fine,
        "`assent report acme` verifies signatures, releases, statuses and ledgers again, and writes one page with every promise, \
         what enforces it, what was seen, and what software cannot enforce.",
        &["P26"],
        began.elapsed(),
    )?;
    story.detail(text.trim_end())
}
