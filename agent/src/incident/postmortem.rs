//! The post-mortem: drafted from the ledger, finished by a person, checked before it is shared.
//!
//! # Source
//! engine.md section 7. Promises P21, P22.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use assent_schema::canon::Digest;
use assent_schema::id::WorkflowId;
use assent_schema::ledger::{Entry, Kind};
use assent_schema::time::{Moment, Period};
use serde_json::Value;

use super::case::{Act, Case};
use super::concerned::{Concerned, changes};
use crate::store::outcome::is_fine;
use crate::store::{QueueItem, RunName};

/// The most lines of a drafted timeline; a person cuts it anyway.
pub const DRAFT_MOST_LINES: usize = 200;
/// How many of them are the first.
const DRAFT_FIRST_LINES: usize = 50;
/// How far back the draft looks for what changed before the incident.
const LOOKS_BACK: Period = Period::hours(24);
/// From how long before it began on a timeline tells of runs: rules that count failures begin after the first of them.
const LEADS_UP: Period = Period::hours(1);
/// The sections that only a person can write.
pub(super) const BY_A_PERSON: [&str; 2] = ["Root cause", "Prevention"];

/// What a draft is made of.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// The incident.
    pub case: &'a Case,
    /// By when somebody had to answer.
    pub respond_by: Option<Moment>,
    /// Entries of its log, from [`Facts::from`] to its end or now, in order.
    pub entries: &'a [Entry],
    /// What still waits in the manual queue.
    pub queue: &'a [QueueItem],
    /// Of which workflow a plan is, as far as it is kept here.
    pub plans: &'a BTreeMap<Digest, WorkflowId>,
    /// Which of the agent's lives wrote its log, for the names of runs.
    pub life: u32,
}

impl Facts<'_> {
    /// From when on entries are looked at.
    pub fn from(case: &Case) -> Moment {
        case.opened().minus(LOOKS_BACK)
    }
}

pub(super) fn title(id: &str) -> String {
    format!("# Post-mortem {id}")
}

/// What only a person knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Why it could happen.
    pub cause: String,
    /// What is changed so that it stays away.
    pub prevention: String,
}

impl Written {
    /// A draft with these two sections. A line that would begin another section is indented: nobody writes over what the
    /// ledger tells.
    pub fn filled(&self, draft: &str) -> String {
        let plain = |text: &str| -> String {
            let line = |line: &str| if line.starts_with('#') { format!(" {line}") } else { line.to_owned() };
            text.replace("\r\n", "\n").trim().lines().map(|text| line(text) + "\n").collect()
        };
        let [cause, prevention] = BY_A_PERSON;
        let facts = draft.split_once(&format!("## {cause}\n")).map_or(draft, |(facts, _)| facts);
        let (why, what) = (plain(&self.cause), plain(&self.prevention));
        format!("{}\n\n## {cause}\n\n{why}\n## {prevention}\n\n{what}", facts.trim_end())
    }
}

/// Drafts a post-mortem in Markdown: facts alone, and two sections for a person to write.
pub fn draft(facts: &Facts<'_>) -> String {
    let mut out = String::new();
    match write_draft(&mut out, facts) {
        Ok(()) => out,
        // A String takes everything.
        Err(fmt::Error) => String::new(),
    }
}

fn write_draft(out: &mut String, facts: &Facts<'_>) -> fmt::Result {
    let case = facts.case;
    let alert = &case.row.alert;
    let own = "the agent itself".to_owned();
    writeln!(out, "{}\n", title(&case.id()))?;
    writeln!(out, "| | |\n| --- | --- |")?;
    writeln!(out, "| Client | {} |", alert.client.as_ref().map_or(own, ToString::to_string))?;
    if let Some(workflow) = &alert.workflow {
        writeln!(out, "| Workflow | {workflow} |")?;
    }
    if let Some(connection) = &alert.connection {
        writeln!(out, "| Connection | {connection} |")?;
    }
    writeln!(out, "| Severity | {} |", case.severity().as_str())?;
    writeln!(out, "| Began | {} |", case.opened())?;
    writeln!(out, "| Answered | {} |", answered(case, facts.respond_by))?;
    writeln!(out, "| Resolved | {} |", done(case.done.resolved.as_ref()))?;
    writeln!(out, "| To be shared by | {} |\n", case.share_by())?;

    writeln!(out, "## Impact\n")?;
    impact(out, facts)?;
    writeln!(out, "\n## Timeline\n\nFrom the ledger; times are UTC.\n")?;
    timeline(out, facts)?;
    writeln!(out, "\n## Detection\n\n{}\n", detection(facts))?;
    writeln!(out, "## Trigger\n")?;
    trigger(out, facts)?;
    writeln!(out, "\n## Root cause\n\n<!-- A person writes here why it could happen. -->\n")?;
    writeln!(
        out,
        "## Prevention\n\n<!-- A person writes here what is changed, by whom and by when, so that it stays away. -->"
    )
}

fn done(act: Option<&Act>) -> String {
    act.map_or_else(|| "not yet".to_owned(), |act| format!("{} by {}", act.at, act.by))
}

fn answered(case: &Case, until: Option<Moment>) -> String {
    let Some(until) = until else { return done(case.done.acknowledged.as_ref()) };
    let late = case.done.acknowledged.as_ref().is_some_and(|act| act.at > until);
    let how = if late { "late: " } else { "" };
    format!("{}, {how}promised by {until}", done(case.done.acknowledged.as_ref()))
}

fn impact(out: &mut String, facts: &Facts<'_>) -> fmt::Result {
    if facts.case.row.alert.client.is_none() {
        // No run stands in its log, and one text goes to all clients: what is one client's is not told to the others.
        return writeln!(
            out,
            "- It befell the agent itself. Which runs and effects it touched stands in each client's own ledger."
        );
    }
    let began = facts.case.opened();
    let concerned = Concerned::of(facts);
    let mut ends: BTreeMap<String, u64> = BTreeMap::new();
    let (mut doubt, mut accepted) = (0_u64, 0_u64);
    for entry in facts.entries.iter().filter(|entry| entry.time >= began && concerned.has(entry)) {
        match &entry.kind {
            Kind::Accepted(_) => accepted += 1,
            Kind::Ended(ended) => {
                let why = ended.name.as_ref().map(|name| format!(" ({})", name.as_str())).unwrap_or_default();
                *ends.entry(format!("{}{why}", ended.outcome.as_str())).or_default() += 1;
            }
            Kind::Outcome(outcome) if outcome.code.as_str() == "in_doubt" => doubt += 1,
            _ => {}
        }
    }
    writeln!(out, "- Runs accepted meanwhile: {accepted}")?;
    for (how, count) in &ends {
        writeln!(out, "- Runs ended {how}: {count}")?;
    }
    let others: Vec<String> = concerned.others().into_iter().map(ToString::to_string).collect();
    if !others.is_empty() {
        writeln!(out, "- Other workflows that it befell: {}", others.join(", "))?;
    }
    let alert = &facts.case.row.alert;
    let waits = |item: &&QueueItem| {
        alert.client.as_ref() == Some(&item.client)
            && (alert.workflow.as_ref().is_none_or(|one| *one == item.workflow) || concerned.runs_with(item))
    };
    let waits: Vec<&QueueItem> = facts.queue.iter().filter(waits).collect();
    writeln!(out, "- Effects that nobody knows to have happened: {}", doubt.max(left_in_doubt(&waits)))?;
    writeln!(out, "- Items in the manual queue now: {}", waits.len())
}

/// How many effects the items of the queue call perhaps done. Those of runs from before a recovery stand in no log that is read
/// here, and those of others stand in both.
fn left_in_doubt(waits: &[&QueueItem]) -> u64 {
    let effects = waits.iter().flat_map(|item| &item.done).filter(|effect| effect.in_doubt);
    u64::try_from(effects.count()).unwrap_or(u64::MAX)
}

/// What belongs into a timeline: everything but the everyday work of runs and the signs of life.
fn tells(entry: &Entry) -> bool {
    match &entry.kind {
        Kind::Tick(_) | Kind::Accepted(_) | Kind::Intent(_) | Kind::Decided(_) | Kind::Viewed(_) | Kind::Used(_) => {
            false
        }
        // Who wanted to see what is not theirs: it stands in the ledger, and has no part in this.
        Kind::Refused(_) => entry.actor.is_none(),
        Kind::Outcome(outcome) => !is_fine(outcome.code.as_str()),
        Kind::Ended(ended) => ended.outcome.as_str() != "done",
        _ => true,
    }
}

fn timeline(out: &mut String, facts: &Facts<'_>) -> fmt::Result {
    let (from, concerned) = (facts.case.opened().minus(LEADS_UP), Concerned::of(facts));
    let belongs = |entry: &&Entry| {
        let before = entry.time < from && !concerned.goes_on(entry) && !changes(entry);
        tells(entry) && !before && concerned.has(entry)
    };
    let told: Vec<&Entry> = facts.entries.iter().filter(belongs).collect();
    // How it began and how it ended matter most; what lies between is much of the same.
    let left_out = told.len().saturating_sub(DRAFT_MOST_LINES);
    for (place, entry) in told.iter().enumerate() {
        if left_out > 0 && place == DRAFT_FIRST_LINES {
            writeln!(out, "- ({left_out} entries left out)")?;
        }
        if left_out > 0 && (DRAFT_FIRST_LINES..DRAFT_FIRST_LINES.saturating_add(left_out)).contains(&place) {
            continue;
        }
        write!(out, "- {} `{}`", entry.time, entry.kind.name())?;
        match (entry.run, &facts.case.row.alert.client) {
            (Some(run), Some(client)) => write!(out, ", run {}", RunName::new(client.clone(), facts.life, run))?,
            (Some(run), None) => write!(out, ", run {run}")?,
            (None, _) => {}
        }
        if let Some(step) = &entry.step {
            write!(out, ", step {step}")?;
        }
        if let Some(actor) = &entry.actor {
            write!(out, ", by {actor}")?;
        }
        for (name, value) in short_facts(&entry.kind) {
            write!(out, ", {name} {value}")?;
        }
        writeln!(out, " (entry {})", entry.index)?;
    }
    if told.is_empty() {
        writeln!(out, "- The ledger has no entry that tells something.")?;
    }
    Ok(())
}

/// The facts of an entry that fit a line.
fn short_facts(kind: &Kind) -> Vec<(String, String)> {
    let Ok(Value::Object(data)) = serde_json::to_value(kind) else { return Vec::new() };
    let short = |(name, value): (String, Value)| match value {
        // The ledger has it whole.
        Value::String(text) if text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            Some((name, format!("{}…", text.get(..12).unwrap_or_default())))
        }
        Value::String(text) if text.len() <= 80 && !text.contains('\n') => Some((name, text)),
        Value::Number(number) => Some((name, number.to_string())),
        Value::Bool(flag) => Some((name, flag.to_string())),
        _ => None,
    };
    data.into_iter().filter_map(short).collect()
}

fn detection(facts: &Facts<'_>) -> String {
    let alert = &facts.case.row.alert;
    if let Some(by) = &alert.by {
        return format!("Found by a person, {by}, who opened the incident at {}.", facts.case.opened());
    }
    let began = facts.case.opened();
    let told = facts.entries.iter().filter(|entry| entry.time >= began).find_map(|entry| match &entry.kind {
        Kind::Alerted(alerted) if facts.case.is_told_by(alerted) => Some(alerted.delay),
        _ => None,
    });
    let found = format!("Found by the rule `{}` at {began}", alert.rule);
    match told {
        Some(delay) => format!("{found}; on-call was told {delay} s later."),
        None => format!("{found}; the ledger does not say that on-call was told."),
    }
}

fn trigger(out: &mut String, facts: &Facts<'_>) -> fmt::Result {
    writeln!(out, "The first failure had the code `{}`.", facts.case.row.alert.code)?;
    let (began, concerned) = (facts.case.opened(), Concerned::of(facts));
    let change = |entry: &&Entry| changes(entry) && entry.time <= began && concerned.has(entry);
    let changes: Vec<&Entry> = facts.entries.iter().filter(change).collect();
    if changes.is_empty() {
        return writeln!(out, "Nothing changed here in the {LOOKS_BACK} before.");
    }
    writeln!(out, "What changed here in the {LOOKS_BACK} before:\n")?;
    for entry in changes.iter().rev().take(10).rev() {
        let facts = short_facts(&entry.kind).into_iter().map(|(name, value)| format!("{name} {value}"));
        let facts: Vec<String> = facts.collect();
        writeln!(out, "- {} `{}` {} (entry {})", entry.time, entry.kind.name(), facts.join(", "), entry.index)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
