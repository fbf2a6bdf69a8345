//! What releases and the agents' signed statuses say.

use super::{Notes, Seen};
use crate::publish::verdict::Verdict;

/// Looks at each environment and region.
pub(super) fn look(seen: &Seen<'_>, notes: &mut Notes) {
    if seen.regions.is_empty() {
        for promise in ["P15", "P16", "P17"] {
            notes.see(promise, "No release was looked at.");
        }
        return;
    }
    let wanted = |region: &assent_schema::id::Region| {
        seen.client.is_none() || seen.clients().any(|(_, client)| client.facts.region == *region)
    };
    for one in seen.regions.iter().filter(|one| wanted(&one.target.region)) {
        let place = format!("{}/{}", one.target.environment, one.target.region);
        let finding = &one.judged.finding;
        match &one.release {
            Some((sequence, digest)) => {
                notes.see("P16", format!("{place}: release {sequence}, manifest {digest}, signatures verified."));
            }
            None => notes.see("P16", format!("{place}: no release whose signatures hold.")),
        }
        let why = if finding.why.is_empty() { String::new() } else { format!(" ({})", finding.why) };
        notes.see("P15", format!("{place}: {}{why}.", finding.verdict.as_str()));
        for (agent, judged) in &one.judged.agents {
            let seen_at = judged.seen.map_or_else(|| "never".to_owned(), |seen| seen.to_string());
            notes.see(
                "P12",
                format!("{place}: agent {agent} last spoke {seen_at}, {}.", judged.finding.verdict.as_str()),
            );
            for ((client, workflow), finding) in &judged.workflows {
                let concerned = seen.client.is_none_or(|wanted| wanted == client);
                if concerned && finding.verdict == Verdict::Returned {
                    notes.see("P17", format!("{place}: {client}/{workflow} was returned on {agent} and stays back."));
                }
            }
        }
        for name in &one.foreign {
            notes.see(
                "P16",
                format!("{place}: the status branch {name} is by no agent of the root and counts for nothing."),
            );
        }
    }
}
