//! What went wrong is explained to the client: an incident that is resolved, with its post-mortem.

use assent_agent::incident::Written;
use serde_json::Value;

use crate::command::demo::agents::now;
use crate::command::demo::source::put;
use crate::command::demo::stage::Stage;
use crate::command::demo::story::Story;
use crate::error::Error;

pub(super) fn leave(stage: &mut Stage, story: &mut Story<'_, '_>) -> Result<(), Error> {
    story.chapter("What went wrong is explained")?;
    explain(stage, story)
}

/// The bad version opened an incident: its cause is gone, and a person writes what no log knows.
fn explain(stage: &mut Stage, story: &mut Story<'_, '_>) -> Result<(), Error> {
    let began = now();
    let opened = stage.production.wait_to_say(&["incidents", "--client", "acme", "--format", "json"], |said| {
        let said: Value = serde_json::from_str(said).map_err(|e| Error::internal("read the incidents", e))?;
        let first = said.pointer("/incidents/0/id").and_then(Value::as_str);
        Ok(first.map(str::to_owned))
    })?;
    for step in ["acknowledge", "resolve"] {
        stage.production.call(&["incidents", step, &opened])?;
    }
    let draft = stage.production.call(&["incidents", "draft", &opened])?;
    let written = Written {
        cause: "The new version named a team by a number that was typed, and the scenarios answered for any number, so that \
                neither the rehearsal nor the review could see that the helpdesk has no such team."
            .to_owned(),
        prevention: "Scenarios answer for the teams that the helpdesk has, and for no other. Alice changes them this week."
            .to_owned(),
    };
    // It belongs into the repository, where everybody finds it again.
    let file = stage.agency.source.join(format!("clients/acme/incidents/{opened}.md"));
    put(&file, written.filled(&draft).as_bytes())?;
    stage.agency.commit_as("alice", "Explain the bad version", &["clients/acme/incidents"])?;
    stage.production.call(&["incidents", "share", &opened, "--file", &file.display().to_string()])?;
    story.holds(
        &format!(
            "The bad version had opened incident {opened}. On-call takes care of it; its post-mortem is drafted from the ledger, \
             says why and what is changed, and goes to acme's contacts."
        ),
        &["P19", "P21", "P22"],
        began.elapsed(),
    )
}
