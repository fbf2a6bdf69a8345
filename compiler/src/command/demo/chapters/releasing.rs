//! Staging rehearses, production follows.

use assent_schema::status::Status;

use super::freezing;
use crate::command::Outcome;
use crate::command::demo::agents::now;
use crate::command::demo::stage::{STAGING_RELEASE, Stage, refund, secrets};
use crate::command::demo::story::Story;
use crate::error::Error;

pub(super) fn rehearse(stage: &mut Stage, story: &mut Story<'_, '_>) -> Result<(), Error> {
    story.chapter("Staging")?;
    let began = now();
    let refused = stage.release("production")?;
    story.tell(
        refused.0 == Outcome::Findings && refused.1.contains("not-rehearsed"),
        "A production release is refused: nobody has rehearsed these plans.",
        &["P15"],
        began.elapsed(),
    )?;

    let began = now();
    let released = stage.release("staging")?;
    story.tell_fine(
        &[released],
        "A staging release is built, signed and pushed to a bare git repository.",
        &["P16"],
        began.elapsed(),
    )?;

    let began = now();
    secrets(&stage.staging)?;
    stage.staging.start()?;
    let plans = stage.plans_of(STAGING_RELEASE)?;
    stage.wait_rehearsals()?;
    story.holds(
        &format!("A staging agent pulls it, verifies it end to end, rehearses {plans} plans and signs each rehearsal."),
        &["P15"],
        began.elapsed(),
    )
}

pub(super) fn produce(stage: &mut Stage, story: &mut Story<'_, '_>) -> Result<(), Error> {
    story.chapter("Production")?;
    let began = now();
    let released = stage.release("production")?;
    story.tell_fine(
        &[released],
        "With those rehearsals the production release is signed and pushed.",
        &["P15", "P16"],
        began.elapsed(),
    )?;

    freezing::freeze(stage, story)?;
    story.chapter("Production works")?;
    let began = now();
    stage.production.stop()?;
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
