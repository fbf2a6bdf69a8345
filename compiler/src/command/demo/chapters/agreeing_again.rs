//! The client agrees again, and the story ends with a question that waits for whoever looks at the console.

use crate::command::demo::agents::now;
use crate::command::demo::source::put;
use crate::command::demo::stage::{Stage, WEBHOOK_SECRET, clock, read, refund, run_id, webhook};
use crate::command::demo::story::Story;
use crate::error::Error;

pub(super) fn agree_again(stage: &mut Stage, story: &mut Story<'_, '_>) -> Result<(), Error> {
    story.chapter("The client agrees again")?;
    let began = now();
    // What was tried and did not hold goes back to what ran before: plans that were rehearsed.
    for file in ["triage.toml", "triage.test.toml"] {
        let path = stage.agency.source.join("clients/acme/workflows").join(file);
        put(&path, String::from_utf8_lossy(&read(&path)?).replace("7009", "7003").as_bytes())?;
    }
    stage.agency.commit("Keep the withdrawal, and what ran before")?;
    stage.agency.approve_again("acme")?;
    stage.agency.commit("Acme approves refunds again")?;
    // Nothing was wrong with the plan: a permission that is gone is no failure of it, so it need not be let in again.
    let produced = stage.release("production")?;
    let (status, _) =
        stage.production.wait_status(|status| refund(status).is_some_and(|refund| refund.plan.is_some()))?;
    story.tell_fine(
        &[produced],
        "Two approvers of the client sign again. The next release turns refunds on, by the plan that ran before: nothing was \
         wrong with it.",
        &["P25"],
        began.elapsed(),
    )?;

    let began = now();
    let taken = webhook(&stage.production, "evt-3", "45", &WEBHOOK_SECRET, clock()?)?;
    let run = run_id(&taken.1)?;
    stage.wait_decision(&run)?;
    story.tell(
        refund(&status).is_some(),
        "A last refund waits for a person: it is there for you to decide, on the page or with `assent decide`.",
        &["P11"],
        began.elapsed(),
    )
}
