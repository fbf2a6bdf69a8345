//! What keeps a post-mortem from being shared: what it lacks, what it tells and must not, what is not so any more. Pure.

use std::fmt;

use assent_schema::tripwire;

use super::postmortem::{BY_A_PERSON, title};

/// The most bytes of a post-mortem.
const FILE_MOST_BYTES: usize = 256 << 10;
/// The sections of a post-mortem, in order.
const SECTIONS: [&str; 6] = ["Impact", "Timeline", "Detection", "Trigger", "Root cause", "Prevention"];
/// How few letters are no explanation.
const EXPLAINS_LEAST: usize = 40;

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
    /// Its table lacks a row that the ledger has, or has another.
    NotSo(String),
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
            Self::NotSo(row) => write!(f, "its table must say `{row}`, as the ledger does now"),
        }
    }
}

/// The rows of the table at the top, by their cells: editors align them.
fn table(text: &str) -> Vec<Vec<&str>> {
    let head = text.lines().take_while(|line| !line.starts_with("## ")).map(str::trim);
    let rows = head.filter_map(|line| line.strip_prefix('|')).map(|line| line.strip_suffix('|').unwrap_or(line));
    let cells = rows.map(|row| row.split('|').map(str::trim).collect::<Vec<_>>());
    // Neither the empty head nor the line below it says anything.
    cells.filter(|cells| !cells.iter().all(|cell| cell.chars().all(|c| matches!(c, '-' | ':')))).collect()
}

/// What the table at the top of a post-mortem says otherwise than a draft of now: whoever resolved the incident after drafting
/// would tell the client that it is open.
pub fn not_so(text: &str, draft: &str) -> Vec<Lack> {
    let (told, is) = (table(text), table(draft));
    if told == is {
        return Vec::new();
    }
    let lacks: Vec<_> = is.iter().filter(|row| !told.contains(row)).collect();
    // Rows of its own, or twice the same: then the whole is named.
    let rows = if lacks.is_empty() { is.iter().collect() } else { lacks };
    rows.into_iter().map(|row| Lack::NotSo(format!("| {} |", row.join(" | ")))).collect()
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
