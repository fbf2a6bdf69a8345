//! What nothing shows yet, where everything lies, and what to try next.

use assent_schema::promise;

use crate::command::demo::stage::Stage;
use crate::command::demo::story::Story;
use crate::error::Error;

/// What nothing shows yet, where everything lies, and what to try next.
pub(in super::super) fn epilogue(stage: &Stage, story: &mut Story<'_, '_>) -> Result<(), Error> {
    story.chapter("Promises that this story does not show")?;
    let missing: Vec<_> = promise::ALL.iter().filter(|p| !story.shown().contains(p.id)).collect();
    for promise in missing {
        story.line(&format!("  {}  {}", promise.id, promise.sentence))?;
        story.detail(promise.how)?;
    }
    story.chapter("Look closer")?;
    let (folder, config) = (stage.folder.display(), stage.production.config());
    let program = std::env::current_exe().map_err(|e| Error::io("find this program", e))?;
    let program = program.display();
    story.line(&format!("  everything      {folder}"))?;
    story.line(&format!("  source          git -C {} log --stat", stage.agency.source.display()))?;
    story.line(&format!("  releases        git -C {} log --oneline --all", stage.agency.remote.display()))?;
    for what in ["status", "ledger verify"] {
        story.line(&format!("  agent           {program} agent {what} --config {}", config.display()))?;
    }
    let key = |person: &str| stage.agency.private(person);
    for what in ["runs", "queue"] {
        story.line(&format!(
            "  on-call         {program} agent {what} --config {} --key {}",
            config.display(),
            key("bruno")?
        ))?;
    }
    let console = format!("{program} agent console --config {}", config.display());
    story.line(&format!("  the console     http://{}: each of these prints a link that signs in", stage.console))?;
    story.line(&format!("    on-call       {console} --key {}", key("bruno")?))?;
    story.line(&format!("    who decides   {console} --client acme --key {}", key("lena")?))?;
    story.line(
        "                  on-call finds the incident with its post-mortem there, the ledger, and the KPIs: a bar",
    )?;
    story.line(
        "                  for the tickets that were sorted this hour (what has a condition comes after the hour);",
    )?;
    story.line("                  who decides finds a refund that waits for a yes or a no")?;
    story.line(&format!("  the report      {}", stage.folder.join("report/acme.html").display()))?;
    story.line(&format!("  the plan        {program} plan HEAD --repo {}", stage.agency.source.display()))?;
    if story.whole() {
        story.line("\nEvery step held.")
    } else {
        story.line("\nNot every step held: see the lines marked ✗.")
    }
}
