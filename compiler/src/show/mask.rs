//! What an excerpt never shows: the bodies of scenarios, and whatever a finding calls a secret or somebody's data.
//!
//! Excerpts are lines of the source. Most of it is the agency's own, but scenarios hold messages as customers would write
//! them, and a secret or a customer's address may stand where none should. Each hidden byte becomes a `*`, so that places
//! stay where they are.

use std::borrow::Cow;
use std::ops::Range;

use assent_schema::finding::Finding;
use assent_schema::tripwire::covered;

/// Codes whose very place is what must not be seen.
const TELLING: [&str; 2] = ["inline-secret", "personal-fixture"];
/// Keys of a test file whose values are names, times and words of ours. All other values are hidden.
const PLAIN: [&str; 17] = [
    "name",
    "at",
    "to",
    "status",
    "fault",
    "after",
    "retry_after",
    "step",
    "person",
    "choice",
    "outcome",
    "stop",
    "only",
    "queued",
    "times",
    "operation",
    "via",
];
/// Keys of a test file that hold nothing but tables.
const HOLDERS: [&str; 6] = ["calls", "kpis", "expect", "reply", "decide", "scenario"];
/// Keys of a test file below which everything is a message, whatever its keys are called.
const MESSAGES: [&str; 4] = ["event", "body", "with", "edits"];

/// A text with everything hidden that no excerpt may show.
pub(super) fn mask<'t>(file: &str, text: &'t str, findings: &[Finding]) -> Cow<'t, str> {
    let telling = findings.iter().filter(|finding| TELLING.contains(&finding.code.row().name));
    let here = telling.filter(|finding| &*finding.span.file == file);
    let mut hidden: Vec<Range<usize>> = here.map(|finding| finding.span.start..finding.span.end).collect();
    if file.ends_with(".test.toml") {
        hidden.extend(Scan::messages(text));
    }
    if hidden.is_empty() { Cow::Borrowed(text) } else { Cow::Owned(starred(text, &hidden)) }
}

fn starred(text: &str, hidden: &[Range<usize>]) -> String {
    let mut is_hidden = covered(hidden);
    let mut out = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        if is_hidden(at) && !matches!(c, '\n' | '\r' | '"' | '\'') {
            out.extend(std::iter::repeat_n('*', c.len_utf8()));
        } else {
            out.push(c);
        }
    }
    out
}

/// Walks over TOML, sound or not, and finds the values that are messages.
struct Scan<'t> {
    text: &'t str,
    at: usize,
    /// Whether the table that was opened last is a message.
    table: bool,
    /// For each open brace or bracket, whether what is in it is a message, and whether it only holds tables.
    open: Vec<(bool, bool)>,
    /// Whether the value that comes is one.
    value: bool,
    /// Whether only tables may come: a text in their place may be anything.
    holder: bool,
    /// The key that is being read.
    key: String,
    found: Vec<Range<usize>>,
}

impl<'t> Scan<'t> {
    fn messages(text: &'t str) -> Vec<Range<usize>> {
        let mut scan = Self {
            text,
            at: 0,
            table: false,
            open: Vec::new(),
            value: false,
            holder: false,
            key: String::new(),
            found: Vec::new(),
        };
        while scan.at < text.len() {
            scan.step();
        }
        scan.found
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn skip(&mut self, bytes: usize) {
        self.at = self.at.saturating_add(bytes.max(1));
    }

    fn outer(&self) -> bool {
        self.open.last().map_or(self.table, |(message, _)| *message)
    }

    fn step(&mut self) {
        let rest = self.rest();
        let Some(next) = rest.chars().next() else { return self.skip(1) };
        match next {
            '#' => self.skip(rest.find('\n').unwrap_or(rest.len())),
            '\n' if self.open.is_empty() => {
                self.key.clear();
                self.value = false;
                self.holder = false;
                self.skip(1);
                self.header();
            }
            '"' | '\'' => self.string(next),
            '=' => {
                self.value = self.outer() || !self.is_plain();
                self.holder = HOLDERS.contains(&self.key.as_str());
                self.key.clear();
                self.skip(1);
            }
            '{' | '[' => {
                self.holder &= next == '[';
                self.open.push((self.value, self.holder));
                self.key.clear();
                self.skip(1);
            }
            '}' | ']' => {
                let _closed = self.open.pop();
                self.value = self.outer();
                self.holder = self.open.last().is_some_and(|(_, holder)| *holder);
                self.key.clear();
                self.skip(1);
            }
            ',' => {
                self.key.clear();
                self.skip(1);
            }
            c if c.is_whitespace() => self.skip(c.len_utf8()),
            _ => self.word(),
        }
    }

    /// A header opens a table: `[scenario.event]`, `[[scenario]]`.
    fn header(&mut self) {
        let line = self.rest().lines().next().unwrap_or_default();
        if line.trim_start().starts_with('[') {
            let names = line.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-'));
            self.table = names.into_iter().any(|name| MESSAGES.contains(&name));
            self.skip(line.len());
        }
    }

    /// Everything below a message is one; else a value is shown where its last key is plain and none is a message's. A
    /// table or list without a known key goes on as what it stands in.
    fn is_plain(&self) -> bool {
        let mut names = self.key.split('.');
        let message = names.clone().any(|name| MESSAGES.contains(&name));
        !message
            && (HOLDERS.contains(&self.key.as_str()) || names.next_back().is_some_and(|name| PLAIN.contains(&name)))
    }

    /// A bare key, a number, a word.
    fn word(&mut self) {
        let stops = |c: char| c.is_whitespace() || matches!(c, '=' | ',' | '{' | '}' | '[' | ']' | '#' | '"' | '\'');
        let length = self.rest().find(stops).unwrap_or(self.rest().len());
        let word = self.rest().get(..length).unwrap_or_default();
        let is_key =
            self.rest().get(length..).is_some_and(|after| after.trim_start_matches([' ', '\t']).starts_with('='));
        if (self.value || self.holder) && !is_key {
            self.found.push(self.at..self.at.saturating_add(length));
        }
        self.key.push_str(word);
        self.skip(length);
    }

    fn string(&mut self, quote: char) {
        let triple = if quote == '"' { "\"\"\"" } else { "'''" };
        let is_long = self.rest().starts_with(triple);
        let open = if is_long { 3 } else { 1 };
        let inside = self.at.saturating_add(open);
        let body = self.text.get(inside..).unwrap_or_default();
        let length = if is_long { body.find(triple) } else { closed(body, quote) }.unwrap_or(body.len());
        let after = body.get(length.saturating_add(open)..).unwrap_or_default();
        let is_key = !is_long && after.trim_start_matches([' ', '\t']).starts_with('=');
        if (self.value || self.holder) && !is_key {
            self.found.push(inside..inside.saturating_add(length));
        }
        if is_key {
            self.key.push_str(body.get(..length).unwrap_or_default());
        }
        self.skip(open.saturating_mul(2).saturating_add(length));
    }
}

/// Where a text of one line ends: at its quote that no backslash escapes, or with the line.
fn closed(body: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in body.char_indices() {
        match c {
            '\n' => return Some(at),
            _ if escaped => escaped = false,
            '\\' if quote == '"' => escaped = true,
            c if c == quote => return Some(at),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const TESTS: &str = r#"# A comment stays.
[[scenario]]
name = "a name stays"
at = "2026-03-02T09:00:00Z"
event = { topic = "hidden", id = 42, name = "hidden too" }
[[scenario.reply]]
to = "desk.get_ticket"
status = 200
body = { body = "hidden", list = ["hidden", { at = "hidden" }], """odd""" = true }
[[scenario.decide]]
step = "agree"
edits = { "draft.text" = "hidden" }
[scenario.expect]
outcome = "done"
calls = [{ operation = "desk.note", with = { id = "42" }, times = 2 }]
kpis = { refunds = 1 }
[scenario.event]
topic = "hidden"
data.item = { id = 'hidden' }
text = """
hidden "for" hidden
"""
[[scenario]]
name = "stays"
"#;

    #[test]
    fn messages_are_hidden_and_all_else_stays() {
        let shown = mask("clients/acme/workflows/a.test.toml", TESTS, &[]);
        assert_eq!(shown.len(), TESTS.len());
        assert!(!shown.contains("hidden"), "{shown}");
        for kept in [
            "# A comment stays.",
            "name = \"a name stays\"",
            "at = \"2026-03-02T09:00:00Z\"",
            "to = \"desk.get_ticket\"",
            "status = 200",
            "step = \"agree\"",
            "outcome = \"done\"",
            "operation = \"desk.note\"",
            "times = 2",
            "name = \"stays\"",
        ] {
            assert!(shown.contains(kept), "{kept}\n{shown}");
        }
        assert!(shown.contains("with = { id = \"**\" }"), "{shown}");
        assert!(shown.contains("event = { topic = \"******\", id = **, name = \"**********\" }"), "{shown}");
    }

    #[test]
    fn a_text_where_only_tables_stand_is_hidden() {
        for text in ["calls = \"hidden\"", "calls = [\"hidden\"]", "calls = [{ times = 2 }, \"hidden\", hidden]"] {
            let shown = mask("a.test.toml", text, &[]);
            assert!(!shown.contains("hidden") && shown.contains("calls"), "{shown}");
        }
        let sound = "calls = [{ operation = \"desk.note\", times = 2 }]\nkpis = { refunds = 1 }\n";
        assert!(mask("a.test.toml", sound, &[]).contains("operation = \"desk.note\", times = 2"));
    }

    #[test]
    fn what_is_no_toml_is_hidden_too() {
        let shown = mask("a.test.toml", "event = { topic = \"hidden\nbody = { text = 'hidden, and äöü\n", &[]);
        assert!(!shown.contains("hidden") && !shown.contains('ä'), "{shown}");
        assert_eq!(mask("a.toml", "event = \"plain\"", &[]), "event = \"plain\"");
    }

    #[test]
    fn as_many_messages_as_a_file_holds_are_hidden_in_one_walk() {
        let text = format!("[scenario.event]\n{}", "k = \"x\"\n".repeat(100_000));
        let seen = mask("a.test.toml", &text, &[]);
        assert!(!seen.contains('x') && seen.len() == text.len());
    }
}
