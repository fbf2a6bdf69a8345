//! What a pull request changes, as text for people, as Markdown for forges, and as JSON.

mod markdown;
mod words;

use std::fmt::Write as _;

use assent_schema::uses::DataUse;
use serde_json::{Value, json};

use crate::compare::{Absent, ClientChange, Difference, Unjudged, What, WorkflowChange};

pub use markdown::markdown;
use words::{asked, not_compared, not_judged, sections, summary, use_line};

/// What two commits say, and of whom they say nothing.
#[derive(Clone, Copy, Debug)]
pub struct Compared<'c> {
    /// What changes, by client.
    pub changes: &'c [ClientChange],
    /// Clients that are not here.
    pub absent: &'c [Absent],
    /// Clients of whom too much cannot be read.
    pub unjudged: &'c [Unjudged],
}

/// The changes as plain text.
pub fn human(compared: Compared<'_>) -> String {
    let Compared { changes, absent, unjudged } = compared;
    let mut out = String::new();
    for change in changes {
        writeln!(out, "{}", change.client).unwrap_or_default();
        for section in sections(change) {
            writeln!(out, "\n  {}", section.title).unwrap_or_default();
            for line in section.lines {
                writeln!(out, "  {} {}", section.mark, line.text).unwrap_or_default();
                let below = line.details.into_iter().chain(line.difference);
                below.for_each(|detail| writeln!(out, "      {detail}").unwrap_or_default());
            }
        }
        if let Some(asked) = asked(change) {
            writeln!(out, "\n  {asked}").unwrap_or_default();
        }
        out.push('\n');
    }
    for absent in absent {
        writeln!(out, "{}\n", not_compared(absent)).unwrap_or_default();
    }
    for unjudged in unjudged {
        writeln!(out, "{}\n", not_judged(unjudged)).unwrap_or_default();
    }
    out.push_str(&summary(compared));
    out.push('\n');
    out
}

/// The changes as JSON: data uses in full and in words.
pub fn json(compared: Compared<'_>) -> Value {
    let all = compared.changes.iter().map(|change| {
        let uses = |uses: &[DataUse]| -> Value {
            uses.iter()
                .map(|data_use| json!({ "use": data_use, "words": use_line(data_use, &change.categories) }))
                .collect()
        };
        let workflows: Vec<_> = change.workflows.iter().map(workflow_json).collect();
        let bits = change.bits.iter().map(|(name, (was, is))| (name.to_string(), json!({ "was": was, "is": is })));
        json!({
            "client": change.client,
            "lowered": change.lowered,
            "facts": change.facts,
            "workflows": workflows,
            "bits": bits.collect::<serde_json::Map<_, _>>(),
            "texts": change.texts,
            "added": uses(&change.added),
            "dropped": uses(&change.dropped),
            "missing": uses(&change.missing),
            "approvers": change.approvers,
        })
    });
    json!({ "clients": all.collect::<Vec<_>>(), "not_compared": compared.absent, "not_judged": compared.unjudged })
}

fn workflow_json(change: &WorkflowChange) -> Value {
    let (what, differences) = match &change.what {
        What::Added => ("added", Vec::new()),
        What::Dropped => ("dropped", Vec::new()),
        What::Unread => ("unread", Vec::new()),
        What::Changed(differences) => ("changed", differences.iter().map(difference_json).collect()),
    };
    json!({ "workflow": change.workflow, "change": what, "differences": differences })
}

fn difference_json(difference: &Difference) -> Value {
    match difference {
        Difference::Events(handover) => json!({ "what": "events", "says": handover.says() }),
        Difference::StepAdded(step) => json!({ "what": "step-added", "step": step }),
        Difference::StepDropped(step) => json!({ "what": "step-dropped", "step": step }),
        Difference::StepChanged(step, details) => json!({ "what": "step-changed", "step": step, "details": details }),
        Difference::PromptChanged(step, was, is) => {
            json!({ "what": "prompt-changed", "step": step, "was": was, "is": is })
        }
        Difference::Reordered => json!({ "what": "reordered" }),
        Difference::Trigger(details) => json!({ "what": "trigger", "details": details }),
        Difference::Limits(details) => json!({ "what": "limits", "details": details }),
        Difference::Cancels(details) => json!({ "what": "cancels", "details": details }),
        Difference::Kpis(details) => json!({ "what": "kpis", "details": details }),
        Difference::Fallback(details) => json!({ "what": "fallback", "details": details }),
        Difference::Operation(name, details) => json!({ "what": "operation", "operation": name, "details": details }),
        Difference::About(details) => json!({ "what": "about", "details": details }),
    }
}
