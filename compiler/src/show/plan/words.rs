//! The changes of a client as sentences, in the order in which a reader should see them.

use std::collections::BTreeMap;

use assent_schema::counted::counted;
use assent_schema::id::WorkflowId;
use assent_schema::uses::DataUse;

use super::Compared;
use crate::compare::{
    Absent, Approvers, ClientChange, Detail, Difference, FactChange, Lowered, Unjudged, What, WorkflowChange,
};
use crate::sentence::{Categories, sentence_with};

/// The most lines of a prompt's difference that are shown.
const PROMPT_MOST_LINES: usize = 60;

/// Lines under one title.
pub(super) struct Section {
    /// What they are about.
    pub(super) title: &'static str,
    /// The sign before each.
    pub(super) mark: char,
    /// The sentences.
    pub(super) lines: Vec<Line>,
    /// Whether they may be folded away: long, and not what a reader must see.
    pub(super) folded: bool,
}

/// One sentence, with what stands below it. Names stand between backticks.
pub(super) struct Line {
    pub(super) text: String,
    /// Smaller sentences.
    pub(super) details: Vec<String>,
    /// Lines that were taken away (`-`) and put in (`+`).
    pub(super) difference: Vec<String>,
}

impl From<String> for Line {
    fn from(text: String) -> Self {
        Self { text, details: Vec::new(), difference: Vec::new() }
    }
}

/// What changes, part by part; parts in which nothing stands are left out. A new use that nobody approved is said once.
pub(super) fn sections(change: &ClientChange) -> Vec<Section> {
    let missing = |data_use: &&DataUse| change.missing.contains(data_use);
    let (unapproved, approved): (Vec<_>, Vec<_>) = change.added.iter().partition(missing);
    let old: Vec<_> = change.missing.iter().filter(|data_use| !change.added.contains(data_use)).collect();
    let (weaker, facts): (Vec<_>, Vec<_>) = change.facts.iter().partition(|fact| fact.weakens());
    let warnings = change.lowered.iter().map(lowered).chain(weaker.into_iter().map(fact));
    let uses = |all| uses(all, &change.categories);
    let section = |title, mark, lines: Vec<Line>, folded| Section { title, mark, lines, folded };
    let sections = [
        section("Protection that is taken away:", '!', warnings.map(Line::from).collect(), false),
        section("New uses of client data, not approved by the client yet:", '!', uses(unapproved), false),
        section("Not new, and not approved:", '!', uses(old), false),
        section("New uses of client data, approved:", '+', uses(approved), false),
        section("Uses that end:", '-', uses(change.dropped.iter().collect()), false),
        section("For all workflows:", '*', facts.into_iter().map(fact).map(Line::from).collect(), false),
        section("What a run can make durable about what people wrote:", '*', bits(&change.bits), false),
        section("Events that run again, or wait:", '!', change.workflows.iter().filter_map(events).collect(), false),
        section("How workflows behave:", '*', change.workflows.iter().flat_map(workflow).collect(), true),
        section(
            "Texts:",
            '*',
            change.texts.iter().map(|text| format!("`{}` {}", text.file, came(text.what)).into()).collect(),
            false,
        ),
    ];
    sections.into_iter().filter(|section| !section.lines.is_empty()).collect()
}

/// Who has to approve what is missing, and how to ask them.
pub(super) fn asked(change: &ClientChange) -> Option<String> {
    if change.missing.is_empty() {
        return None;
    }
    let client = &change.client;
    let draft = format!("`assent plan --draft {client}` writes the file that they sign");
    Some(match &change.approvers {
        Some(Approvers { threshold, people }) => {
            let names: Vec<_> = people.iter().map(|person| format!("`{person}`")).collect();
            let of = match (*threshold, names.len()) {
                (_, 1) => format!("the approval of {}", names.join("")),
                (1, _) => format!("the approval of one of {}", names.join(", ")),
                (all, count) if usize::try_from(all) == Ok(count) => format!("the approval of {}", names.join(" and ")),
                (some, _) => format!("the approval of {some} of {}", names.join(", ")),
            };
            format!("Needs {of}; {draft}.")
        }
        None => format!(
            "Needs the approval of the client, whose approvers are not known here yet (see `assent trust approvers {client}`); {draft}."
        ),
    })
}

fn came(what: &str) -> &str {
    match what {
        "added" => "is new",
        "dropped" => "is removed",
        _ => "reads otherwise",
    }
}

/// Data uses as people look for them: workflow by workflow, what is read before what is done.
fn uses(mut uses: Vec<&DataUse>, categories: &Categories) -> Vec<Line> {
    uses.sort_by(|a, b| (&a.workflow, a.kind).cmp(&(&b.workflow, b.kind)));
    uses.into_iter().map(|data_use| use_line(data_use, categories).into()).collect()
}

/// One data use with the workflow that it belongs to.
pub(super) fn use_line(data_use: &DataUse, categories: &Categories) -> String {
    let said = sentence_with(data_use, categories);
    match &data_use.workflow {
        Some(workflow) => format!("`{workflow}` {said}"),
        None => format!("for all workflows: {said}"),
    }
}

fn bits(bits: &BTreeMap<WorkflowId, (u32, u32)>) -> Vec<Line> {
    let line = |(workflow, (was, is)): (&WorkflowId, &(u32, u32))| {
        format!("`{workflow}`: {} a run, {was} before", counted(is, "bit")).into()
    };
    bits.iter().map(line).collect()
}

fn lowered(one: &Lowered) -> String {
    let Lowered { integration, place, what, from, to } = one;
    match *what {
        "class" => format!("the catalog calls `{integration}` `{place}` {to}, and called it {from}"),
        "effect" => format!("the catalog says that `{integration}` `{place}` has the effect `{to}`; it was `{from}`"),
        "written_by" => {
            format!("the catalog says that only the system writes `{integration}` `{place}`; it was anyone")
        }
        "takes" => format!("`{integration}` `{place}` takes values that are {to}; it took at most {from}"),
        "belongs" => format!("`{integration}` `{place}` no longer checks whose record it reads"),
        _ => format!("the catalog no longer calls `{integration}` `{place}` a {what}"),
    }
}

fn fact(change: &FactChange) -> String {
    let limit = |n: &Option<i64>| n.map_or_else(|| "no limit".to_owned(), |n| n.to_string());
    match change {
        FactChange::HostAdded { connection, host, region } => {
            format!("`{connection}` is a new connection, to {host} in {region}")
        }
        FactChange::HostDropped { connection, host, region } => {
            format!("the connection `{connection}` to {host} in {region} is removed")
        }
        FactChange::HostMoved { connection, from, to } => format!("`{connection}` leads to {to}; it led to {from}"),
        FactChange::ScopeAdded { connection, scope } => format!("`{connection}` is granted `{scope}`"),
        FactChange::ScopeDropped { connection, scope } => format!("`{connection}` loses `{scope}`"),
        FactChange::GuardrailAdded { operation } => format!("`{operation}` has a guardrail now"),
        FactChange::GuardrailDropped { operation } => format!("`{operation}` has no guardrail any more"),
        FactChange::GuardrailWidened { operation, limit: name, from, to } => {
            format!("the guardrail of `{operation}` is wider: {name} {}, before {}", limit(to), limit(from))
        }
        FactChange::GuardrailNarrowed { operation, limit: name, from, to } => {
            format!("the guardrail of `{operation}` is narrower: {name} {}, before {}", limit(to), limit(from))
        }
        FactChange::GuardrailAsks { operation, from, to } => {
            format!("above the guardrail of `{operation}` the group `{to}` is asked; it was `{from}`")
        }
        FactChange::Setting { name, from, to } => format!("{name}: {to}, before {from}"),
    }
}

fn workflow(change: &WorkflowChange) -> Vec<Line> {
    let name = &change.workflow;
    match &change.what {
        What::Added => vec![format!("`{name}` is new").into()],
        What::Dropped => vec![format!("`{name}` is removed").into()],
        What::Unread => vec![format!("`{name}` has errors, so that nothing is known of it: see `assent check`").into()],
        What::Changed(differences) => differences.iter().filter_map(|one| difference(name.as_str(), one)).collect(),
    }
}

/// What becomes of a workflow's events, which stands by itself: it is not to be folded away.
fn events(change: &WorkflowChange) -> Option<Line> {
    let What::Changed(differences) = &change.what else { return None };
    differences.iter().find_map(|difference| match difference {
        Difference::Events(handover) => Some(format!("`{}`: {}", change.workflow, handover.says()).into()),
        _ => None,
    })
}

fn difference(workflow: &str, difference: &Difference) -> Option<Line> {
    let (said, details): (String, &[Detail]) = match difference {
        Difference::Events(_) => return None,
        Difference::StepAdded(step) => (format!("step `{step}` is new"), &[]),
        Difference::StepDropped(step) => (format!("step `{step}` is removed"), &[]),
        Difference::StepChanged(step, details) => (format!("step `{step}` changes"), details),
        Difference::PromptChanged(step, ..) => (format!("the prompt of `{step}` reads otherwise"), &[]),
        Difference::Reordered => ("steps come in another order".to_owned(), &[]),
        Difference::Trigger(details) => ("what starts it changes".to_owned(), details),
        Difference::Limits(details) => ("its limits change".to_owned(), details),
        Difference::Cancels(details) => ("which events end its runs changes".to_owned(), details),
        Difference::Kpis(details) => ("what it counts changes".to_owned(), details),
        Difference::Fallback(details) => ("where unfinished work goes changes".to_owned(), details),
        Difference::Operation(operation, details) => {
            (format!("the catalog says something else of `{operation}`"), details)
        }
        Difference::About(details) => ("its summary, purpose or mode changes".to_owned(), details),
    };
    let changed = match difference {
        Difference::PromptChanged(_, was, is) => lines_changed(was, is),
        _ => Vec::new(),
    };
    let details = details.iter().map(detail).collect();
    Some(Line { text: format!("`{workflow}`: {said}"), details, difference: changed })
}

fn detail(detail: &Detail) -> String {
    let code = |text: &String| format!("`{}`", text.replace('`', "'").replace('\n', " "));
    let member = if detail.member.is_empty() { "it".to_owned() } else { code(&detail.member) };
    match (&detail.was, &detail.is) {
        (Some(was), Some(is)) => format!("{member} is {}, was {}", code(is), code(was)),
        (None, Some(is)) => format!("{member} is {}, was not there", code(is)),
        (Some(was), None) => format!("{member} is gone, was {}", code(was)),
        (None, None) => format!("{member} changes"),
    }
}

/// The lines between what both texts begin with and what both end with.
fn lines_changed(was: &str, is: &str) -> Vec<String> {
    let (old, new): (Vec<&str>, Vec<&str>) = (was.lines().collect(), is.lines().collect());
    let same = |(a, b): &(&&str, &&str)| a == b;
    let head = old.iter().zip(&new).take_while(same).count();
    let (old, new) = (old.get(head..).unwrap_or_default(), new.get(head..).unwrap_or_default());
    let tail = old.iter().rev().zip(new.iter().rev()).take_while(same).count();
    let middle = |lines: &[&str], sign: char| -> Vec<String> {
        let keep = lines.len().saturating_sub(tail);
        lines.iter().take(keep).map(|line| format!("{sign}{line}")).collect()
    };
    let mut changed = middle(old, '-');
    changed.extend(middle(new, '+'));
    changed.truncate(PROMPT_MOST_LINES);
    changed
}

/// What is known of a client that was not compared.
pub(super) fn not_compared(absent: &Absent) -> String {
    let short = |commit: &String| commit.chars().take(12).collect::<String>();
    let pin = match (absent.was.as_ref().map(short), absent.is.as_ref().map(short)) {
        (Some(was), Some(is)) if was == is => format!("its pin stays at `{is}`"),
        (Some(was), Some(is)) => format!("its pin moves from `{was}` to `{is}`"),
        (Some(was), None) => format!("its pin at `{was}` goes"),
        (None, Some(is)) => format!("it is pinned at `{is}`"),
        (None, None) => "its pin cannot be read".to_owned(),
    };
    format!("`{}`: pinned, not here, not compared; {pin}.", absent.client)
}

/// What is known of a client of whom too much cannot be read.
pub(super) fn not_judged(unjudged: &Unjudged) -> String {
    let files: Vec<_> = unjudged.files.iter().map(|file| format!("`{file}`")).collect();
    let have = if files.len() == 1 { "has" } else { "have" };
    format!("`{}`: cannot be judged, since {} {have} errors; see `assent check`.", unjudged.client, files.join(", "))
}

/// One line that sums everything up.
pub(super) fn summary(compared: Compared<'_>) -> String {
    let Compared { changes, absent, unjudged } = compared;
    let absent: Vec<_> = absent.iter().map(|absent| format!("`{}`", absent.client)).collect();
    let unjudged: Vec<_> = unjudged.iter().map(|unjudged| format!("`{}`", unjudged.client)).collect();
    let mut said = match (changes.is_empty(), absent.is_empty(), unjudged.is_empty()) {
        (true, _, false) => String::new(),
        (true, false, true) => "Nothing changes for the clients that are here.".to_owned(),
        _ => summary_of(changes),
    };
    for (what, names) in [("Cannot be judged", unjudged), ("Not compared", absent)] {
        if !names.is_empty() {
            said = format!("{said} {what}: {}.", names.join(", "));
        }
    }
    said.trim_start().to_owned()
}

fn summary_of(changes: &[ClientChange]) -> String {
    let (added, dropped, missing) = changes.iter().fold((0, 0, 0), |(added, dropped, missing), change| {
        (added + change.added.len(), dropped + change.dropped.len(), missing + change.missing.len())
    });
    if changes.is_empty() {
        return "Nothing changes for any client.".to_owned();
    }
    let clients: Vec<_> = changes.iter().map(|change| format!("`{}`", change.client)).collect();
    let all = changes.iter().flat_map(|change| &change.workflows);
    let unread = all.filter(|workflow| workflow.what == What::Unread).count();
    let signs = match missing {
        0 if unread > 0 => format!("{unread} with errors cannot be judged."),
        0 => "No approval is missing.".to_owned(),
        1 => "1 data use still needs its client's approval.".to_owned(),
        many => format!("{many} data uses still need their client's approval."),
    };
    let new = if added == 1 { "1 new data use".to_owned() } else { format!("{added} new data uses") };
    let end = if dropped == 1 { "1 that ends".to_owned() } else { format!("{dropped} that end") };
    format!("Touches {}: {new}, {end}. {signs}", clients.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_lines_between_are_told() {
        assert_eq!(lines_changed("a\nb\nc", "a\nx\nc"), ["-b", "+x"]);
        assert_eq!(lines_changed("a", "a\nb"), ["+b"]);
        assert_eq!(lines_changed("a\na", "a"), ["-a"]);
    }
}
