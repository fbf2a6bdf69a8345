//! What a pull request changes, as text for people, as Markdown for forges, and as JSON.

use std::fmt::Write as _;

use assent_schema::uses::DataUse;
use serde_json::{Value, json};

use crate::compare::{ClientChange, Difference, What, WorkflowChange};
use crate::sentence::sentence;

/// The changes as plain text.
pub fn human(changes: &[ClientChange]) -> String {
    let mut out = String::new();
    for change in changes {
        writeln!(out, "{}", change.client).unwrap_or_default();
        for workflow in &change.workflows {
            writeln!(out, "  {}", behaviour(workflow)).unwrap_or_default();
        }
        for (title, mark, lines) in parts(change) {
            writeln!(out, "\n  {title}").unwrap_or_default();
            for line in lines {
                writeln!(out, "  {mark} {line}").unwrap_or_default();
            }
        }
        out.push('\n');
    }
    out.push_str(&summary(changes));
    out
}

/// The changes as Markdown, for a comment on a pull request.
pub fn markdown(changes: &[ClientChange]) -> String {
    let mut out = String::new();
    for change in changes {
        writeln!(out, "### {}\n", change.client).unwrap_or_default();
        for workflow in &change.workflows {
            writeln!(out, "- {}", behaviour(workflow)).unwrap_or_default();
        }
        for (title, _, lines) in parts(change) {
            writeln!(out, "\n**{title}**\n").unwrap_or_default();
            for line in lines {
                writeln!(out, "- {line}").unwrap_or_default();
            }
        }
        out.push('\n');
    }
    out.push_str(&summary(changes));
    out
}

/// The changes as JSON: data uses in full and in words.
pub fn json(changes: &[ClientChange]) -> Value {
    let all = changes.iter().map(|change| {
        let uses = |uses: &[DataUse]| -> Value {
            uses.iter().map(|data_use| json!({ "use": data_use, "words": line(data_use) })).collect()
        };
        let workflows: Vec<_> = change.workflows.iter().map(workflow_json).collect();
        json!({
            "client": change.client,
            "workflows": workflows,
            "added": uses(&change.added),
            "dropped": uses(&change.dropped),
            "missing": uses(&change.missing),
        })
    });
    json!({ "clients": all.collect::<Vec<_>>() })
}

/// What changes, part by part; parts in which nothing stands are left out. A new use that nobody approved is said once.
fn parts(change: &ClientChange) -> Vec<(&'static str, char, Vec<String>)> {
    let missing = |data_use: &&DataUse| change.missing.contains(data_use);
    let (unapproved, approved): (Vec<_>, Vec<_>) = change.added.iter().partition(missing);
    let old: Vec<_> = change.missing.iter().filter(|data_use| !change.added.contains(data_use)).collect();
    let parts = [
        ("New uses of client data, not approved by the client yet:", '!', lines(unapproved)),
        ("New uses of client data, approved:", '+', lines(approved)),
        ("Uses that end:", '-', lines(change.dropped.iter().collect())),
        ("Not new, and not approved:", '!', lines(old)),
    ];
    parts.into_iter().filter(|(_, _, lines)| !lines.is_empty()).collect()
}

/// Data uses as people look for them: workflow by workflow, what is read before what is done.
fn lines(mut uses: Vec<&DataUse>) -> Vec<String> {
    uses.sort_by(|a, b| (&a.workflow, a.kind).cmp(&(&b.workflow, b.kind)));
    uses.into_iter().map(line).collect()
}

/// One data use with the workflow that it belongs to.
fn line(data_use: &DataUse) -> String {
    match &data_use.workflow {
        Some(workflow) => format!("`{workflow}` {}", sentence(data_use)),
        None => format!("for all workflows: {}", sentence(data_use)),
    }
}

fn summary(changes: &[ClientChange]) -> String {
    let (added, dropped, missing) = changes.iter().fold((0, 0, 0), |(added, dropped, missing), change| {
        (added + change.added.len(), dropped + change.dropped.len(), missing + change.missing.len())
    });
    if changes.is_empty() {
        return "Nothing changes for any client.\n".to_owned();
    }
    let clients: Vec<_> = changes.iter().map(|change| format!("`{}`", change.client)).collect();
    let signs = match missing {
        0 => "No approval is missing.".to_owned(),
        1 => "1 data use still needs its client's approval.".to_owned(),
        many => format!("{many} data uses still need their client's approval."),
    };
    format!("Touches {}: {added} new data uses, {dropped} that end. {signs}\n", clients.join(", "))
}

fn behaviour(change: &WorkflowChange) -> String {
    let what = match &change.what {
        What::Added => "is new".to_owned(),
        What::Dropped => "is removed".to_owned(),
        What::Changed(differences) => differences.iter().map(difference).collect::<Vec<_>>().join("; "),
    };
    format!("`{}`: {what}", change.workflow)
}

fn difference(difference: &Difference) -> String {
    match difference {
        Difference::StepAdded(step) => format!("step `{step}` is new"),
        Difference::StepDropped(step) => format!("step `{step}` is removed"),
        Difference::StepChanged(step) => format!("step `{step}` changes"),
        Difference::PromptChanged(step) => format!("the prompt of `{step}` reads otherwise"),
        Difference::Reordered => "steps come in another order".to_owned(),
        Difference::Trigger => "what starts it changes".to_owned(),
        Difference::Limits => "its limits change".to_owned(),
        Difference::Kpis => "what it counts changes".to_owned(),
        Difference::Fallback => "where unfinished work goes changes".to_owned(),
        Difference::Operation(operation) => format!("the catalog says something else of `{operation}`"),
        Difference::About => "its summary, purpose or mode changes".to_owned(),
    }
}

fn workflow_json(change: &WorkflowChange) -> Value {
    let (what, details) = match &change.what {
        What::Added => ("added", Vec::new()),
        What::Dropped => ("dropped", Vec::new()),
        What::Changed(differences) => ("changed", differences.iter().map(difference).collect()),
    };
    json!({ "workflow": change.workflow, "change": what, "details": details })
}
