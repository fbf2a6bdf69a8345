//! A workflow whose new version fails goes back by itself, alone.

use assent_schema::canon::Digest;
use assent_schema::status::Status;

use crate::command::demo::agents::now;
use crate::command::demo::source::put;
use crate::command::demo::stage::{Stage, WEBHOOK_SECRET, clock, read, refund, run_id, triage, webhook, webhook_to};
use crate::command::demo::story::Story;
use crate::error::Error;

/// The most tickets that are tried until a version is given up: it fails each of them.
const RUNS: u32 = 5;
/// Tickets that the version before sorts well.
const GOOD: u32 = 2;
/// Tickets that it sorts well when it is back: as many as the KPIs of an hour need, to be told before the hour is over.
const AGAIN: u32 = 5;

pub(super) fn fail(stage: &mut Stage, story: &mut Story<'_, '_>) -> Result<(), Error> {
    story.chapter("A bad version goes back alone")?;
    let began = now();
    for number in 0..GOOD {
        sort_well(stage, &format!("good-{number}"))?;
    }
    let plan = |status: &Status| triage(status).and_then(|triage| triage.plan);
    let before = stage.production.status()?;
    let (old, neighbour) = (plan(&before), refund(&before).and_then(|refund| refund.plan));
    for file in ["triage.toml", "triage.test.toml"] {
        let path = stage.agency.source.join("clients/acme/workflows").join(file);
        let text = String::from_utf8_lossy(&read(&path)?).replace("7003", "7009");
        put(&path, text.as_bytes())?;
    }
    stage.agency.commit("Move products to the new team")?;
    let released = stage.release("staging")?;
    stage.wait_rehearsals()?;
    let produced = stage.release("production")?;
    let (status, _) = stage.production.wait_status(|status| plan(status).is_some() && plan(status) != old)?;
    let bad = plan(&status);
    story.tell_fine(
        &[released, produced],
        "A new version of `triage` names a team that the helpdesk does not have. Its scenarios pass, a staging agent rehearses \
         it, and production tries it.",
        &["P15", "P16"],
        began.elapsed(),
    )?;

    let began = now();
    let mut failed: u32 = 0;
    for number in 0..RUNS {
        // One that is sorted well is sorted by the version before.
        if sort(stage, &format!("bad-{number}"))? != "failed" {
            break;
        }
        failed = failed.saturating_add(1);
    }
    let back = |status: &Status| plan(status) == old && refuses(status, bad);
    let (status, _) = stage.production.wait_status(back)?;
    let took = began.elapsed();
    for number in 0..AGAIN {
        sort_well(stage, &format!("again-{number}"))?;
    }
    story.tell(
        failed > 0 && refund(&status).and_then(|refund| refund.plan) == neighbour,
        &format!(
            "{failed} of its runs fail: the agent puts the version before back by itself, {} ms after the first ticket, and \
             refuses the bad one. `triage` sorts {AGAIN} tickets again.",
            took.as_millis()
        ),
        &["P12", "P17"],
        took,
    )?;

    let began = now();
    let refunds = stage.outside.look(|seen| seen.refunds.len());
    let taken = webhook(&stage.production, "evt-neighbour", "44", &WEBHOOK_SECRET, clock()?)?;
    let run = run_id(&taken.1)?;
    stage.wait_decision(&run)?;
    stage.decide(&run)?;
    let outcome = stage.wait_run_end(&run)?;
    story.tell(
        outcome == "done" && stage.outside.look(|seen| seen.refunds.len()) == refunds.saturating_add(1),
        "Its neighbours never stopped: a refund runs through on the plan that it had.",
        &["P17"],
        began.elapsed(),
    )
}

fn refuses(status: &Status, plan: Option<Digest>) -> bool {
    triage(status).zip(plan).is_some_and(|(triage, plan)| triage.refused.contains_key(&plan))
}

/// Has a ticket sorted, and waits until that ended; how.
fn sort(stage: &mut Stage, event: &str) -> Result<String, Error> {
    let ticket = format!("t-{event}");
    let taken = webhook_to(&stage.production, "triage", event, &ticket, &WEBHOOK_SECRET, clock()?)?;
    stage.wait_run_end(&run_id(&taken.1)?)
}

/// Has a ticket sorted, which must go well.
fn sort_well(stage: &mut Stage, event: &str) -> Result<(), Error> {
    let outcome = sort(stage, event)?;
    if outcome == "done" { Ok(()) } else { Err(Error::input(format!("sorting {event} ended {outcome}"))) }
}
