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
//! check, as far as it needs signatures, by those who had signed it; what clients have not approved yet, they do.
//!
//! A word before the first path says what else is so: `unsigned`, the files change after everybody has signed;
//! `unapproved`, no client approves anything new; `rehearsed`, the scenarios are run; `production`, the check asks for
//! rehearsals, and the example as it was has been rehearsed; `by <person>`, that person commits it.

#![expect(clippy::unwrap_used, reason = "helpers of tests; what does not fit fails the test")]

mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use assent_compiler::check::Options;
use assent_compiler::command::rehearsing;
use assent_schema::code::Code;
use assent_schema::finding::{Finding, line_column};
use assent_tests::signed::{Checked, Signed};

pub(crate) use table::unmarked;
use table::{Edit, Mutation, Way, mutations};

/// When everything is signed and checked.
const NOW: &str = "2026-06-01T12:00:00Z";
/// The fewest mutations.
const FEWEST: usize = 200;

/// Where a finding must be: file, bytes.
type Place = (String, usize, usize);

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
                    places.extend(marks.into_iter().map(|(from, to)| (path.clone(), from, to)));
                    signed.files.insert(path.clone(), text.into_bytes());
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

    fn check(&self, base: &Signed, mut signed: Signed) -> Checked {
        if !matches!(self.way, Way::Unsigned) {
            signed.sign_again(base);
            signed.lock_catalog();
        }
        match self.way {
            Way::Unsigned | Way::Unapproved => signed.check(),
            Way::Signed => signed.approve_and_check(&Options::default()),
            Way::Rehearsed => {
                signed.approve_and_check(&Options { rehearse: Some(rehearsing::evidence), ..Options::default() })
            }
            Way::Production => {
                let rehearsed = Some(base.check().pairs());
                signed.approve_and_check(&Options { rehearsed, ..Options::default() })
            }
            Way::By(person) => {
                drop(signed.approve_and_check(&Options::default()));
                signed.check_commit(base, person)
            }
        }
    }

    /// What is wrong with what was found; nothing when it is what the table says.
    fn judge(&self, base: &Signed) -> Result<(), String> {
        let mut signed = base.clone();
        let places = self.apply(&mut signed)?;
        let checked = self.check(base, signed);
        let found: BTreeSet<(Code, Place)> = checked.findings.iter().map(|one| (one.code, place(one))).collect();
        let expected: BTreeSet<(Code, Place)> = places.into_iter().map(|place| (self.code, place)).collect();
        // Of one workflow each data use that is not approved is a finding; of all else a place has one.
        let is_once = self.code == Code::UnapprovedDataUse || found.len() == checked.findings.len();
        if found == expected && !expected.is_empty() && is_once {
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

#[test]
fn each_mutation_raises_its_code_at_its_place_and_nothing_else() {
    let base = Signed::example(NOW.parse().unwrap());
    let all = Options { rehearse: Some(rehearsing::evidence), rehearsed: Some(base.check().pairs()), region: None };
    assert_eq!(base.check_for(&all).findings, [], "the example is fine");
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

#[test]
fn each_code_has_a_mutation() {
    let have: BTreeSet<Code> = mutations().iter().map(|mutation| mutation.code).collect();
    let missing: Vec<String> = Code::ALL.iter().filter(|code| !have.contains(code)).map(Code::to_string).collect();
    assert!(missing.is_empty(), "no mutation raises {}", missing.join(", "));
}
