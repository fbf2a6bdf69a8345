//! The agency signs, the clients approve, the compiler proves.

use std::path::{Path, PathBuf};

use super::checking::told;
use super::name_of;
use crate::command::Outcome;
use crate::command::demo::agents::now;
use crate::command::demo::stage::{Stage, line, read};
use crate::command::demo::story::Story;
use crate::command::demo::witness::ssh_keygen;
use crate::error::Error;

pub(super) fn agree(stage: &mut Stage, story: &mut Story<'_, '_>) -> Result<(), Error> {
    story.chapter("An agency and its clients agree")?;
    let began = now();
    stage.establish()?;
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
    let (allowed, approval) = (stage.allowed_signers()?, first_approval(&stage.agency.source)?);
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
        &["P03", "P05", "P06", "P12", "P19", "P23", "P24"],
        began.elapsed(),
    )?;

    let began = now();
    let (outcome, _) = stage.agency.try_assent(&line(&["test"]))?;
    story.tell(
        outcome == Outcome::Fine,
        "`assent test` runs every scenario of every workflow on the real engine, in simulated time: failures, retries, \
         refusals and effects in doubt among them.",
        &["P15", "P18", "P19"],
        began.elapsed(),
    )
}

pub(super) fn first_approval(source: &Path) -> Result<PathBuf, Error> {
    let folder = source.join("clients/acme/approvals");
    let entries = std::fs::read_dir(&folder).map_err(|e| Error::io("read the approvals", e))?;
    let mut files: Vec<PathBuf> = entries.filter_map(|e| Some(e.ok()?.path())).collect();
    files.sort();
    let toml = files.into_iter().find(|path| path.extension().is_some_and(|e| e == "toml"));
    toml.ok_or_else(|| Error::input("acme has approved nothing"))
}

/// How many findings of a code a JSON report holds; of any code when it is empty.
pub(super) fn codes(report: &str, code: &str) -> usize {
    let report: serde_json::Value = serde_json::from_str(report).unwrap_or_default();
    let findings = report.get("findings").and_then(serde_json::Value::as_array);
    let of_code =
        |f: &&serde_json::Value| code.is_empty() || f.get("code").and_then(serde_json::Value::as_str) == Some(code);
    findings.map_or(0, |findings| findings.iter().filter(of_code).count())
}
