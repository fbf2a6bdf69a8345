//! The reference pages are held to the code: what it cites is there, every key and function stands in them, and the examples
//! of `docs/language.md` are one repository that checks.

#[expect(dead_code, reason = "each test binary uses its own part")]
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use assent_agent::verify::{OffCode, RefusalCode};
use assent_compiler::parse::keys::{Holds, KINDS, Table};
use assent_schema::code::Code;
use assent_schema::expr::FUNCTIONS;
use assent_schema::plan::{unanswered, unbuilt};
use assent_schema::time::Moment;
use serde_json::Value;
use support::signed::sign_all;
use support::{Files, NOW, assent, bare, commit, files, folder};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn page(name: &str) -> Option<String> {
    std::fs::read_to_string(root().join("docs").join(name)).ok()
}

/// The numbered sections of a page, whole: `## 3. Title`.
fn sections(page: &str) -> BTreeMap<u32, &str> {
    let numbered = page.split("\n## ").filter_map(|part| Some((part.split_once(". ")?.0.parse::<u32>().ok()?, part)));
    numbered.collect()
}

/// The numbers behind `section` or `sections`: `3`, `3 and 5`, `1 to 3 and 7`.
fn numbers(rest: &str) -> Vec<u32> {
    let mut found: Vec<u32> = Vec::new();
    let mut is_range = false;
    for word in rest.split_whitespace() {
        let plain = word.trim_end_matches([',', '.', ';', ':', ')']);
        match plain.parse::<u32>() {
            Ok(number) => {
                let first = found.last().filter(|_| is_range).map_or(number, |last| last + 1);
                found.extend(first..=number);
                is_range = false;
            }
            Err(_) if matches!(plain, "to" | "and") => is_range = plain == "to",
            Err(_) => break,
        }
        if word.ends_with(['.', ';', ':', ')']) {
            break;
        }
    }
    found
}

/// What a line of a comment cites.
struct Citation<'a> {
    page: String,
    sections: Vec<u32>,
    /// The parts of those sections that stand in quotes behind them.
    quoted: Vec<&'a str>,
}

fn citations(line: &str) -> Vec<Citation<'_>> {
    let parts: Vec<&str> = line.split(".md section").collect();
    let mut found = Vec::new();
    for (before, after) in parts.iter().copied().zip(parts.iter().copied().skip(1)) {
        let name = before.rsplit(|c: char| !c.is_ascii_lowercase() && c != '-').next().unwrap_or_default();
        let page = format!("{name}.md");
        let rest = after.strip_prefix('s').unwrap_or(after);
        // What stands behind a sentence, a colon or a semicolon is about something else.
        let own = rest.split([';', ':']).next().and_then(|rest| rest.split(". ").next()).unwrap_or_default();
        found.push(Citation { page, sections: numbers(rest), quoted: own.split('"').skip(1).step_by(2).collect() });
    }
    found
}

#[test]
fn citations_are_read() {
    let line = "//! language.md sections 1 to 3 and 7, \"Keys\"; engine.md section 5, formats.md section 4. Stripe \"Verify\".";
    let read: Vec<_> = citations(line).into_iter().map(|one| (one.page, one.sections, one.quoted)).collect();
    let wanted: Vec<(String, Vec<u32>, Vec<&str>)> = vec![
        ("language.md".to_owned(), vec![1, 2, 3, 7], vec!["Keys"]),
        ("engine.md".to_owned(), vec![5], vec![]),
        ("formats.md".to_owned(), vec![4], vec![]),
    ];
    assert_eq!(read, wanted);
}

/// What is wrong with one citation.
fn misled(citation: &Citation<'_>) -> Vec<String> {
    let page = page(&citation.page).unwrap_or_default();
    let there = sections(&page);
    let lacking = citation.sections.iter().filter(|number| !there.contains_key(*number));
    let mut wrong: Vec<String> = lacking.map(|number| format!("no section {number}")).collect();
    let cited: Vec<&str> = citation.sections.iter().filter_map(|number| there.get(number).copied()).collect();
    for words in &citation.quoted {
        let heads = [format!("# {words}"), format!("**{words}")];
        if !cited.iter().any(|section| heads.iter().any(|head| section.contains(head.as_str()))) {
            wrong.push(format!("no heading \"{words}\" in the sections {:?}", citation.sections));
        }
    }
    wrong
}

#[test]
fn every_section_that_the_code_cites_is_there() {
    let mut wrong = BTreeSet::new();
    let mut seen = 0_usize;
    for part in ["agent", "compiler", "schema", "tests"] {
        for (path, bytes) in folder(&root().join(part)) {
            let Some(text) = path.strip_suffix(".rs").and_then(|_| String::from_utf8(bytes).ok()) else { continue };
            let comments = text.lines().filter(|line| line.trim_start().starts_with("//"));
            for citation in comments.flat_map(citations) {
                seen += 1;
                let place = |what: String| format!("{part}/{path}: docs/{} has {what}", citation.page);
                wrong.extend(misled(&citation).into_iter().map(place));
            }
        }
    }
    assert!(seen > 100, "only {seen} citations were read");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// All tables that the kinds of files hold, by name.
#[derive(Default)]
struct Tables {
    by_name: BTreeMap<&'static str, &'static Table>,
    seen: BTreeSet<usize>,
}

impl Tables {
    fn add(&mut self, table: &'static Table) {
        if self.by_name.insert(table.name, table).is_none() {
            table.keys().for_each(|key| self.within(&key.holds));
        }
    }

    fn within(&mut self, holds: &'static Holds) {
        // Some hold themselves.
        if !self.seen.insert(std::ptr::from_ref(holds).addr()) {
            return;
        }
        match holds {
            Holds::Table(table) => self.add(table),
            Holds::Map(_, of) | Holds::List(of) => self.within(of),
            Holds::Either(all) => all.iter().for_each(|one| self.within(one)),
            Holds::Text
            | Holds::Form(_)
            | Holds::Word(_)
            | Holds::Words(_)
            | Holds::Integer
            | Holds::Within(..)
            | Holds::Boolean
            | Holds::Decimal
            | Holds::Anything => {}
        }
    }
}

/// The rows of the pages, by table: a head `| key of `table` | …`, then a line for each key.
fn documented(page: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut tables: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut table = None;
    let name = |rest: &str| rest.split('`').next().unwrap_or_default().to_owned();
    for line in page.lines() {
        if let Some(rest) = line.strip_prefix("| key of `") {
            table = Some(name(rest));
        } else if let (Some(table), Some(row)) = (&table, line.strip_prefix("| `")) {
            tables.entry(table.clone()).or_default().insert(name(row));
        } else if !line.starts_with('|') {
            table = None;
        }
    }
    tables
}

#[test]
fn every_key_has_its_row() {
    let mut tables = Tables::default();
    for kind in KINDS {
        tables.add(kind.table);
    }
    let pages = ["language.md", "trust.md"].map(|name| page(name).expect("a page")).concat();
    let documented = documented(&pages);
    let mut wrong = Vec::new();
    for (name, table) in &tables.by_name {
        let rows = documented.get(*name).cloned().unwrap_or_default();
        let lacking = table.keys().filter(|key| !rows.contains(key.name));
        wrong.extend(lacking.map(|key| format!("key of `{name}`: add | `{}` | … | {} |", key.name, key.about)));
        let known: BTreeSet<&str> = table.keys().map(|key| key.name).collect();
        wrong.extend(
            rows.iter()
                .filter(|row| !known.contains(row.as_str()))
                .map(|row| format!("key of `{name}`: there is no `{row}` any more")),
        );
    }
    assert!(wrong.is_empty(), "docs/language.md and docs/trust.md:\n{}", wrong.join("\n"));
}

#[test]
fn every_function_has_its_row() {
    let page = page("language.md").expect("a page");
    let section = sections(&page).remove(&4).expect("the section on expressions");
    let is_told = |name: &str| {
        [format!("`{name}("), format!("`{name}`"), format!(".{name}(")].iter().any(|form| section.contains(form))
    };
    let lacking: Vec<_> = FUNCTIONS.iter().filter(|(name, ..)| !is_told(name)).collect();
    assert!(lacking.is_empty(), "docs/language.md, section 4, lacks {lacking:?}");
}

/// What a section of a page says none of, of all these codes.
fn untold<'c>(name: &str, section: u32, codes: impl IntoIterator<Item = &'c str>) -> Vec<&'c str> {
    let page = page(name).expect("a page");
    let text = sections(&page).remove(&section).expect("a section");
    codes.into_iter().filter(|code| !text.contains(format!("`{code}`").as_str())).collect()
}

#[test]
fn every_code_has_its_place() {
    let findings = Code::ALL.iter().map(|code| code.row().name);
    assert_eq!(untold("design.md", 5, findings), Vec::<&str>::new());
    assert_eq!(untold("trust.md", 4, RefusalCode::ALL.iter().map(|code| code.code())), Vec::<&str>::new());
    assert_eq!(untold("trust.md", 3, OffCode::ALL.iter().map(|code| code.code())), Vec::<&str>::new());
    let of_requests = unbuilt().chain(unanswered().map(|(code, ..)| code));
    assert_eq!(untold("language.md", 2, of_requests), Vec::<&str>::new());
}

/// The files of the examples, each block added to the file that its first line names.
fn examples(page: &str) -> Files {
    let mut all = Files::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let Some(kind) = line.strip_prefix("```").filter(|kind| !kind.is_empty()) else { continue };
        let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        let path = block.first().and_then(|first| first.strip_prefix("# ")).filter(|path| !path.contains(' '));
        assert!(kind != "toml" || path.is_some(), "an example does not say in which file it stands: {block:#?}");
        let Some(path) = path else { continue };
        let file = all.entry(path.to_owned()).or_default();
        block.iter().skip(1).for_each(|line| file.extend(format!("{line}\n").bytes()));
    }
    all
}

#[test]
fn the_examples_of_the_language_are_a_repository_that_checks() {
    let mut all = folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join("template"));
    for (path, bytes) in examples(&page("language.md").expect("a page")) {
        let file = all.entry(path).or_default();
        if !file.is_empty() {
            file.push(b'\n');
        }
        file.extend(bytes);
    }
    sign_all(&mut all, "2027-03-01T00:00:00Z".parse::<Moment>().expect("a moment"));
    let (home, repository) = bare();
    commit(&repository, files(&repository, &all));
    let source = home.path().to_str().expect("a path");
    let ran = assent(&["check", "--repo", source, "--at", NOW, "--no-rehearsal", "--format", "json"]);
    let report: Value = serde_json::from_str(&ran.out).expect("JSON");
    let findings = report["findings"].as_array().expect("a list");
    // Only the worked example has scenarios.
    let wrong: Vec<_> = findings.iter().filter(|one| one["code"] != "no-scenario").collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    let ran = assent(&["test", "--coverage", "--workflow", "late-parcel", "--repo", source, "HEAD"]);
    assert_eq!((ran.status, ran.err.as_str()), (0, ""), "{}", ran.out);
}
