//! Mutations of the example, as the demo signs it: each raises the code that it names at the places that it marks, and
//! nothing else.
//!
//! The tables lie in `mutations/`, one for each family of rules. A line is one mutation, under the code that it raises:
//! ```text
//! [over-privileged]
//! clients/acme/client.toml: scopes = ["orders:read"] => scopes = ["orders:read", «"orders:write"»]
//! ```
//! The old text stands once in the file, `\n` is a line end, `«` and `»` stand around each place where the finding must be.
//! Several edits are joined by ` ;; `; `@ path: text` marks a place in a file that is not changed, and
//! `@ path: «»` the beginning of one, where what is wrong is the file or that it is missing. `+ path: text` adds a
//! file, `- path` removes one, and `*` in a path stands for the one name that fits. Everything is signed again before the
//! check, as far as it needs signatures; a line that begins with `unsigned` changes files after that.

#![expect(clippy::unwrap_used, reason = "helpers of tests; what does not fit fails the test")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use assent_compiler::check::Options;
use assent_schema::code::Code;
use assent_schema::finding::{Finding, line_column};
use assent_tests::signed::{Checked, Signed};

/// When everything is signed and checked.
const NOW: &str = "2026-06-01T12:00:00Z";
/// The fewest mutations.
const FEWEST: usize = 100;

const TABLES: [(&str, &str); 3] = [
    ("source", include_str!("mutations/source.txt")),
    ("trust", include_str!("mutations/trust.txt")),
    ("meaning", include_str!("mutations/meaning.txt")),
];

/// One line of a table.
struct Mutation {
    code: Code,
    line: &'static str,
    unsigned: bool,
    edits: Vec<Edit>,
}

enum Edit {
    Replace { path: &'static str, old: String, new: String },
    Mark { path: &'static str, text: String },
    Add { path: &'static str, text: String },
    Remove { path: &'static str },
}

/// Where a finding must be: file, bytes.
type Place = (String, usize, usize);

fn mutations() -> Vec<Mutation> {
    let mut all = Vec::new();
    for (table, text) in TABLES {
        let mut code = None;
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                code = Some(Code::from_name(name).unwrap_or_else(|| panic!("{table}: no code is called {name}")));
                continue;
            }
            let code = code.unwrap_or_else(|| panic!("{table}: no code stands above: {line}"));
            let (unsigned, rest) = line.strip_prefix("unsigned ").map_or((false, line), |rest| (true, rest));
            all.push(Mutation { code, line, unsigned, edits: rest.split(" ;; ").map(edit).collect() });
        }
    }
    all
}

fn edit(text: &'static str) -> Edit {
    let plain = |text: &str| {
        let named = text.replace("\\n", "\n").replace("\\r", "\r");
        // Characters that no editor shows are written as Rust writes them.
        let mut parts = named.split("\\u{");
        let mut whole = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (code, rest) = part.split_once('}').expect("a brace that closes");
            whole.extend(u32::from_str_radix(code, 16).ok().and_then(char::from_u32));
            whole.push_str(rest);
        }
        whole
    };
    if let Some(path) = text.strip_prefix("- ") {
        return Edit::Remove { path };
    }
    let (first, rest) = text.split_once(": ").unwrap_or_else(|| panic!("no `path: `: {text}"));
    if let Some(path) = first.strip_prefix("+ ") {
        return Edit::Add { path, text: plain(rest) };
    }
    if let Some(path) = first.strip_prefix("@ ") {
        return Edit::Mark { path, text: plain(rest) };
    }
    let (old, new) = rest.split_once(" => ").unwrap_or_else(|| panic!("no ` => `: {text}"));
    Edit::Replace { path: first, old: plain(old), new: plain(new) }
}

impl Mutation {
    /// Changes the source; the places where findings must be.
    fn apply(&self, signed: &mut Signed) -> Result<BTreeSet<Place>, String> {
        let mut places = BTreeSet::new();
        for edit in &self.edits {
            match edit {
                Edit::Remove { path } => {
                    let path = find(signed, path)?;
                    signed.files.remove(&path);
                }
                Edit::Add { path, text } => {
                    let (text, marks) = unmarked(text);
                    places.extend(marks.into_iter().map(|(from, to)| ((*path).to_owned(), from, to)));
                    signed.files.insert((*path).to_owned(), text.into_bytes());
                }
                Edit::Replace { path, old, new } => replace(signed, path, old, new, &mut places)?,
                Edit::Mark { path, text } => {
                    let plain = unmarked(text).0;
                    if plain.is_empty() {
                        places.insert((find(signed, path)?, 0, 0));
                        continue;
                    }
                    replace(signed, path, &plain, text, &mut places)?;
                }
            }
        }
        Ok(places)
    }

    /// What is wrong with what was found; nothing when it is what the table says.
    fn judge(&self, base: &Signed) -> Result<(), String> {
        let mut signed = base.clone();
        let places = self.apply(&mut signed)?;
        let checked = if self.unsigned {
            signed.check()
        } else {
            signed.lock_catalog();
            signed.approve_and_check(&Options::default())
        };
        let found: BTreeSet<(Code, Place)> = checked.findings.iter().map(|one| (one.code, place(one))).collect();
        let expected: BTreeSet<(Code, Place)> = places.into_iter().map(|place| (self.code, place)).collect();
        if found == expected && !expected.is_empty() && found.len() == checked.findings.len() {
            return Ok(());
        }
        let shown = |found: &BTreeSet<(Code, Place)>| -> String {
            let lines = found.iter().map(|(code, place)| format!("\n    {code} at {}", shown(&checked, place)));
            lines.collect::<Vec<_>>().concat()
        };
        let said = checked.findings.iter().map(|one| format!("\n    {} ({})", one.message, one.help));
        let said = said.collect::<Vec<_>>().concat();
        Err(format!("expected{}\n  found{}\n  said{said}", shown(&expected), shown(&found)))
    }
}

fn place(finding: &Finding) -> Place {
    (finding.span.file.to_string(), finding.span.start, finding.span.end)
}

fn shown(checked: &Checked, (file, from, to): &Place) -> String {
    let text = checked.source.text(file).unwrap_or_default();
    let (from_place, to_place) = (line_column(text, *from), line_column(text, *to));
    let excerpt: String = text.get(*from..*to).unwrap_or_default().chars().take(60).collect();
    format!("{file}:{}:{}-{}:{} `{excerpt}`", from_place.line, from_place.column, to_place.line, to_place.column)
}

/// The one path that fits, in which `*` is any name.
fn find(signed: &Signed, path: &str) -> Result<String, String> {
    let Some((before, after)) = path.split_once('*') else { return Ok(path.to_owned()) };
    let fits = |have: &&String| {
        have.strip_prefix(before).and_then(|rest| rest.strip_suffix(after)).is_some_and(|name| !name.contains('/'))
    };
    let all: Vec<&String> = signed.files.keys().filter(fits).collect();
    match all.as_slice() {
        [one] => Ok((*one).clone()),
        _ => Err(format!("{path} fits {} files", all.len())),
    }
}

fn replace(signed: &mut Signed, path: &str, old: &str, new: &str, places: &mut BTreeSet<Place>) -> Result<(), String> {
    let path = find(signed, path)?;
    let bytes = signed.files.get(&path).ok_or_else(|| format!("{path} is not there"))?;
    let text = String::from_utf8(bytes.clone()).map_err(|e| e.to_string())?;
    let (new, marks) = unmarked(new);
    if text.matches(old).count() != 1 {
        return Err(format!("`{old}` stands {} times in {path}", text.matches(old).count()));
    }
    let at = text.find(old).unwrap();
    places.extend(marks.into_iter().map(|(from, to)| (path.clone(), at + from, at + to)));
    signed.files.insert(path, text.replacen(old, &new, 1).into_bytes());
    Ok(())
}

/// The text without its marks, and the places between them.
fn unmarked(text: &str) -> (String, Vec<(usize, usize)>) {
    let (mut plain, mut places, mut begun) = (String::new(), Vec::new(), None);
    for c in text.chars() {
        match c {
            '«' => begun = Some(plain.len()),
            '»' => places.push((begun.take().expect("a mark that begins"), plain.len())),
            c => plain.push(c),
        }
    }
    (plain, places)
}

#[test]
fn each_mutation_raises_its_code_at_its_place_and_nothing_else() {
    let base = Signed::example(NOW.parse().unwrap());
    assert_eq!(base.check().findings, [], "the example is fine");
    let mutations = mutations();
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    let work = || {
        while let Some(mutation) = mutations.get(next.fetch_add(1, Ordering::Relaxed)) {
            if let Err(why) = mutation.judge(&base) {
                wrong
                    .lock()
                    .unwrap()
                    .insert(mutation.line, format!("[{}] {}\n  {why}\n", mutation.code, mutation.line));
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(work);
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), mutations.len(), wrong.into_values().collect::<String>());
}

#[test]
fn there_are_many_mutations() {
    let lines: BTreeSet<&str> = mutations().iter().map(|mutation| mutation.line).collect();
    assert!(lines.len() >= FEWEST, "{} mutations", lines.len());
}
