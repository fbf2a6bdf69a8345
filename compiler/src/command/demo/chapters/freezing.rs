//! Somebody withholds the agency's newest word: the client's limit ends what runs on an old one.

use assent_schema::status::Status;
use assent_schema::time::Period;

use crate::command::demo::agents::now;
use crate::command::demo::stage::{Stage, WEBHOOK_SECRET, clock, refund, secrets, webhook};
use crate::command::demo::story::Story;
use crate::error::Error;

/// How old the word is that the agent is given: an hour more than acme's `stale_limit`.
const WITHHELD: Period = Period::hours(73);

pub(super) fn freeze(stage: &mut Stage, story: &mut Story<'_, '_>) -> Result<(), Error> {
    story.chapter("A freeze, and the limit that the client signed")?;
    let began = now();
    stage.freshen(clock()?.minus(WITHHELD))?;
    secrets(&stage.production)?;
    stage.production.start()?;
    let stale = |status: &Status| refund(status).is_some_and(|refund| refund.stale && refund.plan.is_some());
    let (status, _) = stage.production.wait_status(stale)?;
    let all = status.workflows.values().flat_map(|of| of.values()).all(|workflow| workflow.stale);
    let (code, _) = webhook(&stage.production, "evt-frozen", "41", &WEBHOOK_SECRET, clock()?)?;
    let asked = stage.outside.look(|seen| seen.requests.len());
    story.tell(
        all && code == 503 && asked == 0,
        "Somebody keeps from the agent what the agency signed in the last 73 hours, a withdrawal perhaps. Acme signed for 72: \
         the agent verifies the release, starts nothing of acme, and asks the helpdesk to send again later.",
        &["P25"],
        began.elapsed(),
    )?;

    let began = now();
    stage.freshen(clock()?)?;
    let fresh = |status: &Status| refund(status).is_some_and(|refund| !refund.stale && refund.plan.is_some());
    let (_, took) = stage.production.wait_status(fresh)?;
    story.holds(
        &format!("`assent freshness` gets through: acme's workflows may start again after {} ms.", took.as_millis()),
        &["P25"],
        began.elapsed(),
    )
}
