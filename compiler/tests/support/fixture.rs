//! Fixtures: what one file of `tests/findings/<code>/` changes in the base repository, and what must be found then.
//!
//! ```text
//! # Lines before the first file say what the fixture is about.
//! #- clients/acme/client.toml
//! -region = "eu"
//! +region = "us"
//! #          ^^ region-mismatch
//! ```
//! Lines that begin with `-` stand once in the base file and give way to those with `+`; a file without `-` lines is new
//! or replaced. `#^` lines mark a place in the `+` line above (the first `^` under its first character, since both
//! lines have one more character in front); `|` marks the place before a character. `#@ code` expects a finding about the whole file. `#at before«here»after code` expects one where
//! the file that people signed has that text. `#gone` removes the file,
//! `#- ` sections are what people sign; a `#= ` section changes a file after everybody has signed.
//! `#commit alice` makes the change a commit of its own, signed by that person, after one with the base; `#commit nobody`
//! and `#commit forge` leave the signature out. The check is then asked about commits since the base.
//! `#approves again` is a second approval under the serial of the first; `#rejects` and `#withdraws` name workflows, and uses by
//! digest, in a statement of their own.
//! `#expires` says when the client's approval ends, `#environment` what the check is asked for.
//! `#link` makes it a link, and `#raw` is a `+` line with Rust's escapes and no line end.

#![expect(clippy::string_slice, reason = "helpers of tests; what does not fit fails the test")]

use super::Files;
use super::signed::{approve_again, approve_beside, cancel, follow, sign_all};

/// When approvals end unless a fixture says otherwise.
const EXPIRES: &str = "2027-03-01T00:00:00Z";

/// One fixture.
pub(crate) struct Fixture {
    /// The source after the changes.
    pub(crate) files: Files,
    /// Paths that are links.
    pub(crate) links: Vec<String>,
    /// The environment that the check is asked for.
    pub(crate) environment: Option<String>,
    /// The base, signed, and who signs the change as a commit of its own.
    pub(crate) before: Option<(Files, String)>,
    /// What must be found.
    pub(crate) expected: Vec<Expected>,
}

/// A finding that must be there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Expected {
    /// The file.
    pub(crate) file: String,
    /// The line, from 1.
    pub(crate) line: usize,
    /// The column of the first character, from 1.
    pub(crate) column: usize,
    /// The column after the last character.
    pub(crate) end_column: usize,
    /// The code.
    pub(crate) code: String,
}

/// One run of `-` and `+` lines.
#[derive(Default)]
struct Edit {
    old: Vec<String>,
    new: Vec<String>,
    /// Line in `new`, column, end column, code.
    marks: Vec<(usize, usize, usize, String)>,
}

/// Applies a fixture to the base and leaves out the signatures.
pub(crate) fn changed(base: &Files, text: &str) -> Fixture {
    let mut fixture =
        Fixture { files: base.clone(), links: Vec::new(), environment: None, before: None, expected: Vec::new() };
    apply_sections(&mut fixture, text, "#- ");
    fixture
}

/// Applies a fixture to the base and has it signed.
pub(crate) fn apply(base: &Files, text: &str) -> Fixture {
    let mut fixture = changed(base, text);
    fixture.environment = text.lines().find_map(|line| line.strip_prefix("#environment ")).map(str::to_owned);
    let expires = text.lines().find_map(|line| line.strip_prefix("#expires ")).unwrap_or(EXPIRES);
    sign_all(&mut fixture.files, expires.parse().expect("a moment"));
    if let Some(how) = text.lines().find_map(|line| line.strip_prefix("#approver ")) {
        follow(&mut fixture.files, &"acme".parse().expect("a client"), how == "follows and approves");
    }
    if text.lines().any(|line| line == "#approves again") {
        approve_again(&mut fixture.files, &"acme".parse().expect("a client"));
    }
    for decision in ["reject", "withdraw"] {
        if let Some(named) = text.lines().find_map(|line| line.strip_prefix(&format!("#{decision}s "))) {
            let named: Vec<&str> = named.split(' ').collect();
            cancel(&mut fixture.files, &"acme".parse().expect("a client"), decision, &named);
        }
    }
    if let Some(by) = text.lines().find_map(|line| line.strip_prefix("#commit ")) {
        let mut before = base.clone();
        sign_all(&mut before, expires.parse().expect("a moment"));
        keep_approvals(&mut fixture.files, &before);
        fixture.before = Some((before, by.to_owned()));
    }
    apply_sections(&mut fixture, text, "#= ");
    fixture.expected.sort();
    fixture
}

/// What was approved before stays, and a new approval stands beside it.
fn keep_approvals(files: &mut Files, before: &Files) {
    let first = "/approvals/1.toml";
    let is_other = |path: &&String| files.get(*path).is_some_and(|bytes| before.get(*path) != Some(bytes));
    let changed: Vec<String> = before.keys().filter(|path| path.ends_with(first)).filter(is_other).cloned().collect();
    for approval in changed {
        let given = files.get(&approval).expect("a file").clone();
        let client = approval.split('/').nth(1).expect("a client").parse().expect("a client");
        approve_beside(files, &client, &given, |statement| statement.serial = 2);
        files.extend(
            before
                .iter()
                .filter(|(path, _)| path.starts_with(&approval))
                .map(|(path, bytes)| (path.clone(), bytes.clone())),
        );
    }
}

/// Applies the sections that begin with a mark.
fn apply_sections(fixture: &mut Fixture, text: &str, mark: &str) {
    let starts = |line: &&str| line.starts_with("#- ") || line.starts_with("#= ");
    let lines: Vec<&str> = text.lines().collect();
    let heads: Vec<usize> =
        (0..lines.len()).filter(|n| lines.get(*n).is_some_and(starts)).chain([lines.len()]).collect();
    for (head, next) in heads.iter().zip(heads.iter().skip(1)) {
        if let Some(path) = lines.get(*head).and_then(|line| line.strip_prefix(mark)) {
            apply_file(fixture, path, &lines.get(head + 1..*next).expect("the lines of a section").join("\n"));
        }
    }
}

fn apply_file(fixture: &mut Fixture, path: &str, body: &str) {
    let mut edits = vec![Edit::default()];
    let mut raw = None;
    for line in body.lines() {
        let edit = edits.last_mut().expect("one edit at least");
        if let Some(old) = line.strip_prefix('-') {
            // A `-` after a `+` begins the next place.
            if edit.new.is_empty() {
                edit.old.push(old.to_owned());
            } else {
                edits.push(Edit { old: vec![old.to_owned()], ..Edit::default() });
            }
        } else if let Some(new) = line.strip_prefix('+') {
            edit.new.push(new.to_owned());
        } else if let Some(code) = line.strip_prefix("#@ ") {
            let file = path.to_owned();
            fixture.expected.push(Expected { file, line: 1, column: 1, end_column: 1, code: code.to_owned() });
        } else if let Some(at) = line.strip_prefix("#at ") {
            fixture.expected.push(place_in(path, fixture.files.get(path).expect("a file that is signed"), at));
        } else if let Some(escaped) = line.strip_prefix("#raw ") {
            raw = Some(unescape(escaped));
        } else if line == "#gone" {
            fixture.files.remove(path);
            return;
        } else if line == "#link" {
            fixture.links.push(path.to_owned());
        } else if line.trim_start_matches(['#', ' ']).starts_with(['^', '|']) {
            let column = line.find(['^', '|']).expect("a mark");
            let marked = line.rfind('^').map_or(column, |last| last + 1);
            let code = line.trim_start_matches(['#', ' ', '^', '|']).to_owned();
            edit.marks.push((edit.new.len() - 1, column, marked, code));
        } else {
            assert!(line.is_empty(), "{path}: what is this line? {line}");
        }
    }
    match raw {
        Some(bytes) => drop(fixture.files.insert(path.to_owned(), bytes.into_bytes())),
        None => edits
            .into_iter()
            .filter(|edit| !(edit.old.is_empty() && edit.new.is_empty()))
            .for_each(|edit| change(fixture, path, edit)),
    }
}

/// `before«here»after code`: where a file that is there already has that text.
fn place_in(path: &str, bytes: &[u8], at: &str) -> Expected {
    let (wanted, code) = at.rsplit_once(' ').expect("a text and a code");
    let (before, rest) = wanted.split_once('«').expect("«");
    let (here, after) = rest.split_once('»').expect("»");
    let text = std::str::from_utf8(bytes).expect("text");
    let start = text.find(&format!("{before}{here}{after}")).expect("the text stands there") + before.len();
    let line = text[..start].matches('\n').count() + 1;
    let column = text[..start].rsplit('\n').next().map_or(0, |last| last.chars().count()) + 1;
    let end_column = column + here.chars().count();
    Expected { file: path.to_owned(), line, column, end_column, code: code.to_owned() }
}

fn change(fixture: &mut Fixture, path: &str, edit: Edit) {
    let new: String = edit.new.iter().flat_map(|line| [line, "\n"]).collect();
    let old: String = edit.old.iter().flat_map(|line| [line, "\n"]).collect();
    let before = String::from_utf8(fixture.files.get(path).cloned().unwrap_or_default()).expect("text");
    let (at, after) = if old.is_empty() {
        (0, new)
    } else {
        assert_eq!(before.matches(&old).count(), 1, "{path}: these lines stand there once:\n{old}");
        let at = before.find(&old).expect("counted above");
        (at, before.replacen(&old, &new, 1))
    };
    let first = before[..at].lines().count() + 1;
    for (line, column, end_column, code) in edit.marks {
        fixture.expected.push(Expected { file: path.to_owned(), line: first + line, column, end_column, code });
    }
    fixture.files.insert(path.to_owned(), after.into_bytes());
}

fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((plain, escape)) = rest.split_once('\\') {
        out.push_str(plain);
        let (c, after) = match escape.split_at(1) {
            ("n", after) => ('\n', after),
            ("r", after) => ('\r', after),
            ("u", after) => {
                let (hex, after) = after.strip_prefix('{').and_then(|a| a.split_once('}')).expect("\\u{…}");
                (u32::from_str_radix(hex, 16).ok().and_then(char::from_u32).expect("a character"), after)
            }
            (other, _) => panic!("what is \\{other}?"),
        };
        out.push(c);
        rest = after;
    }
    out + rest
}
