//! A release is tampered with; a new version comes and goes back.

use std::time::Duration;

use assent_schema::status::Status;

use crate::command::demo::agents::now;
use crate::command::demo::source::put;
use crate::command::demo::stage::{PRODUCTION_RELEASE, Stage, read, refund};
use crate::command::demo::story::Story;
use crate::error::Error;
use crate::publish::branch;

pub(super) fn tamper(stage: &mut Stage, story: &mut Story<'_, '_>) -> Result<(), Error> {
    story.chapter("Somebody changes one byte")?;
    let began = now();
    let before = stage.production.status()?;
    let remote = branch::open(&stage.agency.remote)?;
    let tip =
        branch::tip(&remote, PRODUCTION_RELEASE)?.ok_or_else(|| Error::input("there is no production release"))?;
    let mut files = branch::read(&remote, tip)?;
    let plan = files.iter_mut().find(|(path, _)| path.starts_with("plans/"));
    if let Some(byte) = plan.and_then(|(_, bytes)| bytes.last_mut()) {
        *byte ^= 1;
    }
    branch::write(&remote, PRODUCTION_RELEASE, &files, "One byte", stage.agency.now)?;
    let (after, took) = stage.production.wait_status(|status| !status.refused.is_empty())?;
    let code = after.refused.iter().next().map(|refused| refused.code.clone()).unwrap_or_default();
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
    let mut reference = remote
        .find_reference(&format!("refs/heads/{PRODUCTION_RELEASE}"))
        .map_err(|e| Error::git("find the branch", e))?;
    reference.set_target(tip, "back").map(drop).map_err(|e| Error::git("set the branch back", e))
}

pub(super) fn roll_back(stage: &mut Stage, story: &mut Story<'_, '_>) -> Result<(), Error> {
    story.chapter("A new version, and back")?;
    let began = now();
    let (old, _) = stage.production.wait_status(|status| refund(status).is_some_and(|r| r.plan.is_some()))?;
    let old = refund(&old).and_then(|refund| refund.plan);
    let prompt = stage.agency.source.join("clients/acme/prompts/intent.md");
    let mut text = read(&prompt)?;
    let ran_before = text.clone();
    text.extend_from_slice(b"\nAnswer in the customer's best interest.\n");
    put(&prompt, &text)?;
    stage.agency.commit("Reword the prompt of the refund workflow")?;
    let released = stage.release("staging")?;
    stage.wait_rehearsals()?;
    let produced = stage.release("production")?;
    let moved = |status: &Status| refund(status).is_some_and(|r| r.plan.is_some() && r.plan != old);
    let (status, _) = stage.production.wait_status(moved)?;
    let new = refund(&status).and_then(|refund| refund.plan);
    story.tell_fine(
        &[released, produced],
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
    )?;
    // No release names again what came back there: the source goes back as well.
    put(&prompt, &ran_before)?;
    stage.agency.commit("Keep the prompt that ran before")
}
