//! The post-mortem: drafted from the ledger, finished by a person, checked before it is shared.
//!
//! # Source
//! engine.md section 7. Promises P21, P22.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use assent_schema::ledger::{Entry, Kind};
use assent_schema::time::{Moment, Period};
use assent_schema::tripwire;
use serde_json::Value;

use super::case::{Act, Case};
use crate::store::QueueItem;
use crate::store::outcome::is_fine;

/// The most lines of a drafted timeline; a person cuts it anyway.
pub const DRAFT_MOST_LINES: usize = 200;
/// How many of them are the first.
const DRAFT_FIRST_LINES: usize = 50;
/// The most bytes of a post-mortem.
const FILE_MOST_BYTES: usize = 256 << 10;
/// How far back the draft looks for what changed before the incident.
const LOOKS_BACK: Period = Period::hours(24);
/// The sections of a post-mortem, in order.
const SECTIONS: [&str; 6] = ["Impact", "Timeline", "Detection", "Trigger", "Root cause", "Prevention"];
/// The sections that only a person can write.
const BY_A_PERSON: [&str; 2] = ["Root cause", "Prevention"];
/// How few letters are no explanation.
const EXPLAINS_LEAST: usize = 40;

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
}

impl Facts<'_> {
    /// From when on entries are looked at.
    pub fn from(case: &Case) -> Moment {
        case.opened().minus(LOOKS_BACK)
    }
}

/// What a post-mortem lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lack {
    /// It is no text, empty or longer than it may be.
    NoText,
    /// Its title does not name the incident.
    Title(String),
    /// A section is missing.
    Section(&'static str),
    /// A section that only a person can write holds no explanation.
    Unwritten(&'static str),
    /// A line holds what must not leave: what it looks like, as a noun.
    Tells(usize, &'static str),
}

impl Lack {
    /// Whether something is too much, not too little.
    pub fn is_told(&self) -> bool {
        matches!(self, Self::Tells(..))
    }
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoText => write!(f, "it is not text of 1 to {FILE_MOST_BYTES} bytes"),
            Self::Title(id) => write!(f, "its first line is not `# Post-mortem {id}`"),
            Self::Section(name) => write!(f, "the section `## {name}` is missing or empty"),
            Self::Unwritten(name) => {
                write!(f, "`## {name}` says nothing yet: a person writes it, in a sentence or more")
            }
            Self::Tells(line, what) => write!(f, "line {line} holds {what}"),
        }
    }
}

fn title(id: &str) -> String {
    format!("# Post-mortem {id}")
}

/// Looks whether a post-mortem can be shared: all that it lacks, and all that it tells and must not. `is_secret` knows the
/// secrets of the vault.
pub fn check(text: &[u8], id: &str, is_secret: fn(&[u8]) -> bool) -> Vec<Lack> {
    let text = std::str::from_utf8(text).unwrap_or_default();
    if text.trim().is_empty() || text.len() > FILE_MOST_BYTES {
        return vec![Lack::NoText];
    }
    let mut lacks = Vec::new();
    if text.lines().next().map(str::trim_end) != Some(title(id).as_str()) {
        lacks.push(Lack::Title(id.to_owned()));
    }
    let written = without_comments(text);
    for name in SECTIONS {
        match section(&written, name) {
            None => lacks.push(Lack::Section(name)),
            Some(body) if BY_A_PERSON.contains(&name) => {
                let letters = body.chars().filter(|c| c.is_alphabetic()).count();
                if letters < EXPLAINS_LEAST {
                    lacks.push(Lack::Unwritten(name));
                }
            }
            // Impact, timeline, detection and trigger are drafted: whoever took them out puts them back.
            Some(body) if body.trim().is_empty() => lacks.push(Lack::Section(name)),
            Some(_) => {}
        }
    }
    lacks.extend(told(text, is_secret));
    lacks
}

/// What must not leave, by line, comments too: they are sent with the rest.
fn told(text: &str, is_secret: fn(&[u8]) -> bool) -> Vec<Lack> {
    let line_of = |at: usize| text.bytes().take(at).filter(|byte| *byte == b'\n').count().saturating_add(1);
    let forms = tripwire::secrets(text).into_iter().map(|found| (line_of(found.range.start), found.what));
    let people = tripwire::personal(text).into_iter().map(|found| (line_of(found.range.start), found.kind.what()));
    let kept = (1..).zip(text.lines()).filter(|(_, line)| is_secret(line.as_bytes()));
    let mut told: Vec<_> = kept.map(|(line, _)| (line, "a secret of the vault")).chain(forms).chain(people).collect();
    told.sort_unstable();
    told.dedup();
    told.into_iter().map(|(line, what)| Lack::Tells(line, what)).collect()
}

/// A comment of Markdown says nothing to who reads the page.
fn without_comments(text: &str) -> String {
    let mut left = text;
    let mut out = String::with_capacity(text.len());
    while let Some((before, rest)) = left.split_once("<!--") {
        out.push_str(before);
        left = rest.split_once("-->").map_or("", |(_, after)| after);
    }
    out.push_str(left);
    out
}

fn section<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let heading = format!("## {name}");
    let mut offset = 0;
    let mut begin = None;
    for line in text.split_inclusive('\n') {
        let is_heading = line.starts_with("## ") || line.starts_with("# ");
        match begin {
            None if line.trim_end() == heading => begin = Some(offset + line.len()),
            Some(from) if is_heading => return text.get(from..offset),
            _ => {}
        }
        offset += line.len();
    }
    begin.and_then(|from| text.get(from..))
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
    let mut ends: BTreeMap<String, u64> = BTreeMap::new();
    let (mut doubt, mut accepted) = (0_u64, 0_u64);
    for entry in facts.entries.iter().filter(|entry| entry.time >= began) {
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
    writeln!(out, "- Effects that nobody knows to have happened: {doubt}")?;
    let client = facts.case.row.alert.client.as_ref();
    let waits = facts.queue.iter().filter(|item| client == Some(&item.client)).count();
    writeln!(out, "- Items in the manual queue now: {waits}")
}

/// What belongs into a timeline: everything but the everyday work of runs and the signs of life.
fn tells(entry: &Entry) -> bool {
    match &entry.kind {
        Kind::Tick(_) | Kind::Accepted(_) | Kind::Intent(_) | Kind::Decided(_) | Kind::Viewed(_) => false,
        Kind::Outcome(outcome) => !is_fine(outcome.code.as_str()),
        Kind::Ended(ended) => ended.outcome.as_str() != "done",
        _ => true,
    }
}

fn timeline(out: &mut String, facts: &Facts<'_>) -> fmt::Result {
    let told: Vec<&Entry> = facts.entries.iter().filter(|entry| tells(entry)).collect();
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
        if let Some(run) = entry.run {
            write!(out, ", run {run}")?;
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
        Kind::Alerted(alerted) if alerted.rule.as_str() == alert.rule.as_str() => Some(alerted.delay),
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
    let began = facts.case.opened();
    let change = |entry: &&Entry| {
        let changes = matches!(
            entry.kind,
            Kind::Released(_)
                | Kind::Deployed(_)
                | Kind::RolledBack(_)
                | Kind::Statement(_)
                | Kind::Root(_)
                | Kind::Rotated(_)
                | Kind::Started(_)
                | Kind::Clock(_)
                | Kind::Resumed(_)
        );
        changes && entry.time <= began
    };
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
