//! Staging rehearses, production follows.

use assent_schema::status::Status;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::RELEASES;
use super::SECRETS;
use super::WEBHOOK_SECRET;
use super::refund;
use super::release;
use super::{STAGING, Stage};
use crate::command::Outcome;
use crate::command::demo::agents::Agent;
use crate::command::demo::agents::now;
use crate::command::demo::story::Story;
use crate::error::Error;
use crate::publish::branch;

pub(super) fn rehearse(stage: &mut Stage, story: &mut Story<'_, '_>) -> Result<(), Error> {
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

pub(super) fn produce(stage: &mut Stage, story: &mut Story<'_, '_>) -> Result<(), Error> {
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

pub(super) fn secrets(agent: &Agent) -> Result<(), Error> {
    SECRETS.iter().try_for_each(|(slot, secret)| agent.set_secret(slot, secret))?;
    agent.set_secret("acme/helpdesk/webhook", &format!("whsec_{}", STANDARD.encode(WEBHOOK_SECRET)))
}

pub(super) fn plans_of(stage: &Stage, name: &str) -> Result<usize, Error> {
    let remote = branch::open(&stage.agency.remote)?;
    let tip = branch::tip(&remote, name)?.ok_or_else(|| Error::input(format!("{name} is missing")))?;
    Ok(branch::read(&remote, tip)?.keys().filter(|path| path.starts_with("plans/")).count())
}

/// Waits until the staging agent has pushed a rehearsal of each plan of its newest release.
pub(super) fn wait_rehearsals(stage: &mut Stage, plans: usize) -> Result<(), Error> {
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
