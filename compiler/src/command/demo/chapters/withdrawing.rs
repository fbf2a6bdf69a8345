//! A client takes an approval back while a run waits for a person.

use crate::command::Outcome;
use crate::command::demo::agents::now;
use crate::command::demo::stage::{Stage, WEBHOOK_SECRET, clock, line, refund, run_id, webhook};
use crate::command::demo::story::Story;
use crate::error::Error;

pub(super) fn withdraw(stage: &mut Stage, story: &mut Story<'_, '_>) -> Result<(), Error> {
    story.chapter("The client changes its mind")?;
    let began = now();
    let refunds = stage.outside.look(|seen| seen.refunds.len());
    let taken = webhook(&stage.production, "evt-2", "43", &WEBHOOK_SECRET, clock()?)?;
    let run = run_id(&taken.1)?;
    stage.wait_decision(&run)?;
    let (key, url) = (stage.agency.private("dana")?, stage.production.url());
    let args = ["withdraw", "acme", "--workflow", "refund", "--key", &key, "--to", &url];
    let (outcome, _) = stage.agency.try_assent(&line(&args))?;
    let (_, took) = stage.production.wait_status(|status| refund(status).is_none())?;
    story.tell(
        outcome == Outcome::Fine,
        &format!(
            "Another refund waits for a person. One approver of the client withdraws and hands it to the agent: refunds are \
             off after {} ms.",
            took.as_millis()
        ),
        &["P25"],
        began.elapsed(),
    )?;

    let began = now();
    stage.decide(&run)?;
    let outcome = stage.wait_run_end(&run)?;
    let waits = stage.production.call(&["queue"])?;
    story.tell(
        outcome == "stopped" && waits.contains(&run) && stage.outside.look(|seen| seen.refunds.len()) == refunds,
        "Lena agrees all the same: the run ends `stopped`, no money moves, and its work waits in the manual queue.",
        &["P11", "P25"],
        began.elapsed(),
    )
}
