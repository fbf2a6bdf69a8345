//! The schemas for editors: every good file fits its schema, what the compiler reports for its form does not, and a schema
//! never refuses what the compiler takes.

#![expect(clippy::unwrap_used, reason = "helpers of tests; what does not fit fails the test")]

#[expect(dead_code, reason = "each test binary uses its own part")]
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use assent_compiler::parse::keys::{Holds, KINDS, Kind, kind_of};
use assent_compiler::parse::parse;
use assent_compiler::source::{place_of, read_files};
use assent_schema::trust::{Approvers, CatalogLock, Root, Statement, Teams};
use serde_json::{Map, Value, json};
use support::validate::validate;
use support::{Files, assent, example, fixture, folder};

/// The schemas as the command prints them, by kind.
fn printed() -> BTreeMap<String, Value> {
    let one = |kind: &&Kind| {
        let ran = assent(&["schema", kind.name]);
        assert_eq!((ran.status, ran.err.as_str()), (0, ""), "{}", kind.name);
        (kind.name.to_owned(), serde_json::from_str(&ran.out).unwrap())
    };
    KINDS.iter().map(one).collect()
}

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Sources in which nothing is wrong, by a name for messages.
fn good() -> Vec<(String, Files)> {
    let base = folder(&here().join("tests/findings/base"));
    let fixtures = folder(&here().join("tests/findings"));
    let good = fixtures.iter().filter(|(path, _)| path.contains("/good-") && path.strip_suffix(".repo").is_some());
    let changed =
        good.map(|(path, bytes)| (path.clone(), fixture::changed(&base, std::str::from_utf8(bytes).unwrap()).files));
    let signed = ("the signed base".to_owned(), fixture::apply(&base, "").files);
    let example = ("the example".to_owned(), example());
    let template = ("the template".to_owned(), folder(&here().join("template")));
    [signed, example, template].into_iter().chain(changed).collect()
}

/// A TOML file as JSON.
fn value(bytes: &[u8]) -> Value {
    let table: toml::Table = std::str::from_utf8(bytes).unwrap().parse().unwrap();
    serde_json::to_value(table).unwrap()
}

/// The files of a source that have a schema, texts' heads among them.
fn files_with_schema(files: &Files) -> Vec<(&str, &'static Kind, Value)> {
    let found = files.iter().filter_map(|(path, bytes)| {
        if path.contains("/texts/") {
            let head = std::str::from_utf8(bytes).unwrap().split("+++").nth(1)?;
            let kind = KINDS.iter().find(|kind| kind.name == "text")?;
            return Some((path.as_str(), *kind, value(head.as_bytes())));
        }
        Some((path.as_str(), kind_of(&place_of(path))?, value(bytes)))
    });
    found.collect()
}

#[test]
fn every_good_file_fits_its_schema() {
    let (mut names, mut values) = (Vec::new(), Vec::new());
    let mut seen = BTreeSet::new();
    for (name, files) in good() {
        for (path, kind, value) in files_with_schema(&files) {
            // Most fixtures leave most files as they are.
            if seen.insert((kind.name, value.to_string())) {
                names.push(format!("{name}: {path}"));
                values.push((kind.name.to_owned(), value));
            }
        }
    }
    let kinds: BTreeSet<&str> = values.iter().map(|(kind, _)| kind.as_str()).collect();
    let all: BTreeSet<&str> = KINDS.iter().map(|kind| kind.name).collect();
    assert_eq!(kinds, all, "each kind of file is there at least once");
    let Some(verdicts) = validate(&printed(), &values) else { return };
    let wrong: Vec<_> = names.iter().zip(verdicts).filter(|(_, verdict)| verdict.is_some()).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A value as TOML, in one line.
fn inline(value: &Value) -> String {
    match value {
        Value::Null => unreachable!("TOML has no null"),
        // What JSON escapes, TOML escapes in the same way.
        Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
        Value::Array(items) => format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", ")),
        Value::Object(members) => {
            let members = members.iter().map(|(key, value)| format!("{} = {}", json!(key), inline(value)));
            format!("{{ {} }}", members.collect::<Vec<_>>().join(", "))
        }
    }
}

/// The keys with which signed files begin, in their order.
const FIRST: [&str; 9] =
    ["type", "schema", "project", "client", "approvers", "serial", "number", "version", "decision"];

fn toml(value: &Value) -> String {
    let Value::Object(members) = value else { panic!("a file is a table") };
    let mut keys: Vec<&String> = members.keys().collect();
    keys.sort_by_key(|key| FIRST.iter().position(|first| first == key).unwrap_or(FIRST.len()));
    let lines: Vec<String> = keys.iter().map(|key| format!("{} = {}\n", json!(key), inline(&members[*key]))).collect();
    lines.concat()
}

/// What the compiler says of a file for itself alone; nothing when it takes it.
fn refusals(path: &str, kind: &Kind, value: &Value) -> Vec<String> {
    let text = toml(value);
    let signed = |read: Result<(), assent_schema::trust::TrustError>| {
        read.err().map(|error| error.to_string()).into_iter().collect::<Vec<_>>()
    };
    match kind.name {
        "root" => signed(Root::parse(path, text.as_bytes()).map(drop)),
        "teams" => signed(Teams::parse(path, text.as_bytes()).map(drop)),
        "approvers" => signed(Approvers::parse(path, text.as_bytes()).map(drop)),
        "approval" => signed(Statement::parse(path, text.as_bytes()).map(drop)),
        "catalog-lock" => signed(CatalogLock::parse(path, text.as_bytes()).map(drop)),
        "text" => {
            let whole = format!("+++\n{text}+++ en\nText.\n");
            let (_, findings) = assent_compiler::parse::text::text(&path.into(), &whole);
            findings.sorted().iter().map(|finding| finding.message.clone()).collect()
        }
        _ => {
            let (source, _) = read_files(&BTreeMap::from([(path.to_owned(), text.into_bytes())]));
            let (_, findings) = parse(source);
            let own = findings.sorted().into_iter().filter(|finding| &*finding.span.file == path);
            // A file that stands alone has no client and no workflow beside it.
            let alone = |finding: &assent_schema::finding::Finding| {
                finding.code.row().name == "unknown-name" && !finding.message.contains("Fideslang")
            };
            let own = own.filter(|finding| !alone(finding));
            own.map(|finding| finding.message).collect()
        }
    }
}

/// A change of one place of a file.
struct Mutation {
    /// The kind, the place without names that people chose, and what was done.
    what: String,
    value: Value,
}

/// What can be done to any value: it becomes something else.
fn others() -> [(&'static str, Value); 5] {
    [
        ("a text", json!("zzz zzz!")),
        ("an integer", json!(7)),
        ("a flag", json!(true)),
        ("a list", json!([])),
        ("a table", json!({})),
    ]
}

/// Every value of a file made something else, taken away, or given a key that nobody knows; each kind of place once.
fn mutations(kind: &'static Kind, value: &Value, done: &mut BTreeSet<String>) -> Vec<Mutation> {
    let mut all = Vec::new();
    walk(value, &mut Vec::new(), &mut |path| {
        let place = place(kind, path);
        if !done.insert(format!("{} {place}", kind.name)) {
            return;
        }
        let pointer = format!("/{}", path.join("/"));
        let mut add = |what: &str, change: &dyn Fn(&mut Value) -> Option<()>| {
            let mut changed = value.clone();
            if change(&mut changed).is_some() {
                all.push(Mutation { what: format!("{} {place}: {what}", kind.name), value: changed });
            }
        };
        for (what, put) in others() {
            add(what, &|file| file.pointer_mut(&pointer).map(|here| *here = put.clone()));
        }
        add("taken away", &|file| {
            let (last, above) = path.split_last()?;
            let above = if above.is_empty() { String::new() } else { format!("/{}", above.join("/")) };
            let members = file.pointer_mut(&above)?.as_object_mut()?;
            members.remove(&last.replace("~1", "/").replace("~0", "~")).map(drop)
        });
        add("a key that nobody knows", &|file| {
            file.pointer_mut(&pointer)?.as_object_mut().map(|members| drop(members.insert("zzz".into(), json!(1))))
        });
    });
    all
}

/// A path with `*` for names that people chose, so that one of them stands for all.
fn place(kind: &'static Kind, path: &[String]) -> String {
    let first = |key: &str| kind.table.keys().filter(|known| known.name == key).map(|known| &known.holds).collect();
    let mut here: Option<Vec<&'static Holds>> = None;
    let mut parts = Vec::new();
    for part in path {
        let (named, next): (bool, Vec<&'static Holds>) = match &here {
            None => (false, first(part)),
            Some(here) => {
                let named = here.iter().any(|holds| matches!(holds, Holds::Map(..)));
                (named, here.iter().flat_map(|holds| below(holds, part)).collect())
            }
        };
        here = Some(next.into_iter().flat_map(ways).collect());
        parts.push(if part.parse::<usize>().is_ok() {
            "[]"
        } else if named {
            "*"
        } else {
            part
        });
    }
    parts.join(".")
}

fn ways(holds: &'static Holds) -> Vec<&'static Holds> {
    match holds {
        Holds::Either(all) => all.iter().flat_map(ways).collect(),
        other => vec![other],
    }
}

fn below(holds: &'static Holds, part: &str) -> Vec<&'static Holds> {
    match holds {
        Holds::Table(table) => table.keys().filter(|key| key.name == part).map(|key| &key.holds).collect(),
        Holds::Map(_, inner) | Holds::List(inner) => vec![inner],
        _ => Vec::new(),
    }
}

fn walk(value: &Value, path: &mut Vec<String>, each: &mut impl FnMut(&[String])) {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(members) => {
            members.iter().map(|(key, value)| (key.replace('~', "~0").replace('/', "~1"), value)).collect()
        }
        Value::Array(items) => items.iter().enumerate().map(|(at, item)| (at.to_string(), item)).collect(),
        _ => return,
    };
    for (key, child) in children {
        path.push(key);
        each(path);
        walk(child, path, each);
        path.pop();
    }
}

/// What the compiler says when a value is of another type, when a key is unknown, and when one is missing: the form that
/// schemas are for.
fn is_about_form(message: &str) -> bool {
    message.contains("is needed.") || message.starts_with("There is no key") || message.contains("` is missing.")
}

/// Where a schema takes more than the compiler: what fits hangs on a value elsewhere, and editors would explain it badly.
fn is_coarse(what: &str) -> bool {
    // A name for steps that run together, the number of items at once for an `each`.
    let parallel = what.starts_with("workflow step.[].parallel:");
    // A table with `text` may be a text of a file or a record that has such a member.
    let text = what.starts_with("workflow step.[].with.");
    // What a client may set; beside `use`, what is set.
    let settings = what.starts_with("library settings");
    // Only dialects that sign no delivery id need it.
    let once = what.starts_with("integration event.*.once:");
    parallel || text || settings || once
}

#[test]
fn schema_and_compiler_agree_on_every_change_of_every_value() {
    let (mut seen, mut done, mut all, mut values) = (BTreeSet::new(), BTreeSet::new(), Vec::new(), Vec::new());
    for (_, files) in good() {
        for (path, kind, value) in files_with_schema(&files) {
            // Most fixtures leave most files as they are.
            if !seen.insert((kind.name, value.to_string())) {
                continue;
            }
            for Mutation { what, value } in mutations(kind, &value, &mut done) {
                all.push((what, refusals(path, kind, &value)));
                values.push((kind.name.to_owned(), value));
            }
        }
    }
    let Some(verdicts) = validate(&printed(), &values) else { return };
    let refused = verdicts.iter().flatten().count();
    let wrong = all.iter().zip(verdicts).filter_map(|((what, by_compiler), by_schema)| match by_schema {
        Some(error) if by_compiler.is_empty() => Some(format!("{what}: the schema alone refuses: {error}")),
        None if by_compiler.iter().any(|message| is_about_form(message)) && !is_coarse(what) => {
            Some(format!("{what}: the compiler alone refuses: {by_compiler:?}"))
        }
        _ => None,
    });
    let wrong: Vec<String> = wrong.collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), all.len(), wrong.join("\n"));
    assert!(refused > 500, "only {refused} of {} changes were refused", all.len());
}

#[test]
fn an_unknown_key_and_a_wrong_type_do_not_fit() {
    let good = value(&example()["clients/acme/workflows/refund.toml"]);
    let with = |change: fn(&mut Map<String, Value>)| {
        let mut value = good.clone();
        change(value.as_object_mut().unwrap());
        ("workflow".to_owned(), value)
    };
    let values = [
        with(|_| ()),
        with(|file| drop(file.insert("nmae".into(), json!("refund")))),
        with(|file| drop(file.insert("summary".into(), json!(7)))),
        with(|file| drop(file.insert("mode".into(), json!("ghost")))),
        with(|file| drop(file.remove("purpose"))),
    ];
    let Some(verdicts) = validate(&printed(), &values) else { return };
    let told: Vec<&str> = verdicts.iter().map(|verdict| verdict.as_deref().unwrap_or_default()).collect();
    let [fine, unknown, mistyped, word, missing] = told.as_slice() else { panic!("five verdicts") };
    assert_eq!(*fine, "");
    assert!(unknown.contains("'nmae' was unexpected"), "{unknown}");
    assert!(mistyped.contains("7 is not of type 'string'"), "{mistyped}");
    assert!(word.contains("'ghost' is not one of ['live', 'shadow']"), "{word}");
    assert!(missing.contains("'purpose' is a required property"), "{missing}");
}

#[test]
fn the_kinds_are_listed() {
    let ran = assent(&["schema", "--list"]);
    assert_eq!((ran.status, ran.err.as_str()), (0, ""));
    assert_eq!(ran.out, assent(&["schema"]).out);
    insta::assert_snapshot!("schema-kinds", ran.out);
    let rows: Value = serde_json::from_str(&assent(&["schema", "--format", "json"]).out).unwrap();
    assert_eq!(rows.as_array().unwrap().len(), KINDS.len());
    let wrong = assent(&["schema", "wokflow"]);
    assert_eq!(wrong.status, 2);
    assert!(wrong.err.contains("did you mean `workflow`?"), "{}", wrong.err);
}

/// Whether a path is of a pattern in which `*` stands for anything but a slash.
fn fits(pattern: &str, path: &str) -> bool {
    let (patterns, parts): (Vec<&str>, Vec<&str>) = (pattern.split('/').collect(), path.split('/').collect());
    let part = |(pattern, part): (&&str, &&str)| match pattern.split_once('*') {
        None => pattern == part,
        Some((before, after)) => {
            part.len() >= before.len() + after.len() && part.starts_with(before) && part.ends_with(after)
        }
    };
    patterns.len() == parts.len() && patterns.iter().zip(&parts).all(part)
}

#[test]
fn all_are_written_and_bound_to_their_files() {
    let folder = tempfile::TempDir::new().unwrap();
    let repo = folder.path().to_str().unwrap();
    let ran = assent(&["schema", "--out", repo, "--format", "json"]);
    assert_eq!((ran.status, ran.err.as_str()), (0, ""));
    let written = support::folder(folder.path());
    assert_eq!(written.len(), KINDS.len() + 1);
    let binding = value(&written["taplo.toml"]);
    insta::assert_snapshot!("schema-taplo", std::str::from_utf8(&written["taplo.toml"]).unwrap());
    let list = |rule: &Value, key: &str| -> Vec<String> {
        rule[key].as_array().into_iter().flatten().map(|pattern| pattern.as_str().unwrap().to_owned()).collect()
    };
    for (name, files) in good() {
        for (path, kind, _) in files_with_schema(&files).into_iter().filter(|(_, kind, _)| kind.name != "text") {
            let rules = binding["rule"].as_array().unwrap().iter().filter(|rule| {
                let any = |key: &str| list(rule, key).iter().any(|pattern| fits(pattern, path));
                any("include") && !any("exclude")
            });
            let bound: Vec<&str> = rules.map(|rule| rule["schema"]["path"].as_str().unwrap()).collect();
            assert_eq!(bound, [format!("schema/{}.schema.json", kind.name)], "{name}: {path}");
        }
    }
    // Again over our own file, and never over somebody else's.
    assert_eq!(assent(&["schema", "--out", repo]).err, "");
    #[expect(clippy::disallowed_methods, reason = "this test makes a work tree")]
    std::fs::write(folder.path().join("taplo.toml"), "# mine\n").unwrap();
    let ran = assent(&["schema", "--out", repo]);
    assert!(ran.status == 0 && ran.err.contains("is your own and was left as it is"), "{}", ran.err);
    assert_eq!(support::folder(folder.path())["taplo.toml"], b"# mine\n");
}
