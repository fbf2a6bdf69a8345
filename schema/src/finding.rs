//! Findings: what is wrong in the source, where, and what to do. Data only; text is made elsewhere.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde::Serialize;

use crate::code::{Code, Severity};

/// A stretch of one source file.
///
/// # Units
/// Byte offsets into the file, end exclusive.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The path inside the commit.
    pub file: std::sync::Arc<str>,
    /// The first byte.
    pub start: usize,
    /// The byte after the last.
    pub end: usize,
}

impl Span {
    /// A stretch of a file.
    pub fn new(file: &std::sync::Arc<str>, range: std::ops::Range<usize>) -> Self {
        Self { file: std::sync::Arc::clone(file), start: range.start, end: range.end }
    }
}

/// One thing that is wrong in the source.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// Where.
    pub span: Span,
    /// Which rule.
    pub code: Code,
    /// What is wrong, as one sentence. Never a value of class content or personal.
    pub message: String,
    /// What to do, as one sentence.
    pub help: Cow<'static, str>,
    /// The way there, for flows: places and what happens at each, in order.
    pub path: Vec<(Span, String)>,
    /// The message with its long lists cut, for people; absent where it has none. Programs get the whole of it.
    pub brief: Option<String>,
}

impl Finding {
    /// What people read.
    pub fn for_people(&self) -> &str {
        self.brief.as_deref().unwrap_or(&self.message)
    }
}

/// Everything that was found, in one stable order.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    found: Vec<Finding>,
    hidden: BTreeSet<String>,
    left_out: BTreeSet<String>,
}

impl Findings {
    /// Nothing found yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a finding with the advice of its code.
    pub fn add(&mut self, code: Code, span: Span, message: impl Into<String>) {
        self.add_with_help(code, span, message, code.row().help);
    }

    /// Adds a finding with advice of its own.
    pub fn add_with_help(
        &mut self,
        code: Code,
        span: Span,
        message: impl Into<String>,
        help: impl Into<Cow<'static, str>>,
    ) {
        let (message, help) = (message.into(), help.into());
        self.found.push(Finding { span, code, message, help, path: Vec::new(), brief: None });
    }

    /// Adds a finding that somebody else put together.
    pub fn push(&mut self, finding: Finding) {
        self.found.push(finding);
    }

    /// Says that something was not looked at because of what was found: `the scenarios of …`.
    pub fn hide(&mut self, what: String) {
        self.hidden.insert(what);
    }

    /// What was not looked at because of what was found.
    pub fn hidden(&self) -> &BTreeSet<String> {
        &self.hidden
    }

    /// Says that something was not looked at, whatever was found: `acme, which is pinned and not here`.
    pub fn leave_out(&mut self, what: String) {
        self.left_out.insert(what);
    }

    /// What was not looked at, whatever was found.
    pub fn left_out(&self) -> &BTreeSet<String> {
        &self.left_out
    }

    /// What was found, in the order in which it was.
    pub fn iter(&self) -> impl Iterator<Item = &Finding> {
        self.found.iter()
    }

    /// Drops what rests on something else that was found.
    pub fn retain(&mut self, keep: impl FnMut(&Finding) -> bool) {
        self.found.retain(keep);
    }

    /// Takes over what somebody else found.
    pub fn append(&mut self, other: Self) {
        self.found.extend(other.found);
        self.hidden.extend(other.hidden);
        self.left_out.extend(other.left_out);
    }

    /// Whether nothing was found, warnings included.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Whether an error was found.
    pub fn any_errors(&self) -> bool {
        self.found.iter().any(|f| f.code.row().severity == Severity::Error)
    }

    /// All findings, sorted by file, place and code, each once. Of a file with more than [`OF_A_FILE_MOST`] the last one says
    /// how many are not told: more would help nobody, and each is shown with its lines.
    pub fn sorted(mut self) -> Vec<Finding> {
        self.found.sort();
        self.found.dedup();
        let mut told = Vec::new();
        for of_file in self.found.chunk_by(|one, next| one.span.file == next.span.file) {
            let (first, rest) = of_file.split_at(of_file.len().min(OF_A_FILE_MOST));
            told.extend_from_slice(first);
            told.extend(untold(rest));
        }
        told
    }
}

/// The most findings of one file that are told.
pub const OF_A_FILE_MOST: usize = 200;

/// That there are more: in the name of the first error among them, so that what fails a check is told.
fn untold(rest: &[Finding]) -> Option<Finding> {
    let is_error = |finding: &&Finding| finding.code.row().severity == Severity::Error;
    let one = rest.iter().find(is_error).or_else(|| rest.first())?;
    let message = match rest.len() {
        1 => "1 finding more of this file, this one, is not told.".to_owned(),
        more => format!("{more} findings more of this file, this one among them, are not told."),
    };
    let help = format!("Mend the {OF_A_FILE_MOST} that are told, then check again.");
    Some(Finding { span: one.span.clone(), code: one.code, message, help: help.into(), path: Vec::new(), brief: None })
}

/// The most names that advice lists.
const LISTED_MOST: usize = 8;

/// Names that there are, for who wrote one that there is not: sorted, each once, and no more than a reader takes in.
pub fn some_of<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: BTreeSet<&str> = names.into_iter().collect();
    // One more takes no more room than to say that there is one more.
    let shown = if names.len() <= LISTED_MOST + 1 { names.len() } else { LISTED_MOST };
    let listed: Vec<String> = names.iter().take(shown).map(|name| format!("`{name}`")).collect();
    match names.len().saturating_sub(shown) {
        0 => listed.join(", "),
        more => format!("{}, … and {more} more", listed.join(", ")),
    }
}

/// Line and column of a byte offset, both from 1; columns count characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct LineColumn {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

/// Finds line and column of a byte offset in a text; an offset past the end is the end.
pub fn line_column(text: &str, offset: usize) -> LineColumn {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.bytes().filter(|b| *b == b'\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |last| last.chars().count()) + 1;
    LineColumn { line, column }
}

/// What there is, as advice; nothing where there is none.
pub fn there_are<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let names: BTreeSet<&str> = names.into_iter().collect();
    match names.len() {
        0 => None,
        1 => Some(format!("There is only {}.", some_of(names))),
        _ => Some(format!("There are {}.", some_of(names))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_file_no_more_is_told_than_anybody_reads() {
        let of = |file: &str, count: usize| {
            let mut findings = Findings::new();
            for place in 0..count {
                findings.add(Code::UnknownName, Span::new(&file.into(), place..place), format!("number {place}"));
            }
            findings
        };
        let mut findings = of("b", 3_000);
        findings.append(of("a", OF_A_FILE_MOST));
        findings.append(of("c", OF_A_FILE_MOST + 1));
        let sorted = findings.sorted();
        assert_eq!(sorted.len(), 3 * OF_A_FILE_MOST + 2);
        let last = |file: &str| sorted.iter().rfind(|finding| &*finding.span.file == file).unwrap();
        assert_eq!(last("a").message, "number 199");
        assert!(last("b").message.starts_with("2800 findings more of this file"), "{}", last("b").message);
        assert_eq!((last("b").code, last("b").span.start), (Code::UnknownName, 200));
        assert!(last("c").message.starts_with("1 finding more"));
    }

    #[test]
    fn a_list_of_names_ends_where_a_reader_would() {
        let names: Vec<String> = (0..20).rev().map(|n| format!("n{n:02}")).collect();
        let some = |count: usize| some_of(names.iter().rev().take(count).map(String::as_str));
        assert_eq!(some(2), "`n00`, `n01`");
        assert_eq!(there_are(["a"]).as_deref(), Some("There is only `a`."));
        assert_eq!(there_are(["b", "a"]).as_deref(), Some("There are `a`, `b`."));
        assert_eq!(there_are([]), None);
        assert!(some(9).ends_with("`n08`"));
        assert!(some(20).ends_with("`n07`, … and 12 more"), "{}", some(20));
    }
}
