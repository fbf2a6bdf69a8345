//! The table of keys and the readers agree: every key that a reader asks for is in the table, and the readers ask for every
//! key of the table. What they ask for is taken down while they read the example and all fixtures.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::path::Path;

use assent_schema::trust::{
    AgentEntry, Approvers, CatalogLock, ClientEntry, Person, Reset, Role, RoleName, Root, Statement, Teams,
};
use assent_schema::uses::{
    AgentParty, AgreementUse, ConnectionParty, DataUse, EventUse, FolderParty, GroupParty, GuardrailUse, PutUse,
    RequestUse,
};
use serde::de::DeserializeOwned;

use super::super::{asked, file, text};
use super::*;
use crate::source::{place_of, read_files};

#[expect(dead_code, reason = "the helpers of the tests beside the crate, of which each test uses its own part")]
#[path = "../../../tests/support/mod.rs"]
mod support;

type Asked = BTreeMap<&'static str, BTreeSet<&'static str>>;

/// Everything that lies in the example, the template of `init`, and the fixtures, file by file.
fn corpus() -> Vec<support::Files> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let base = support::folder(&here.join("tests/findings/base"));
    let fixtures = support::folder(&here.join("tests/findings"));
    let fixtures = fixtures.iter().filter(|(path, _)| path.strip_suffix(".repo").is_some()).map(|(_, bytes)| {
        let text = std::str::from_utf8(bytes).unwrap();
        support::fixture::changed(&base, text).files
    });
    let every = support::Files::from([
        ("catalog/integrations/every.toml".to_owned(), EVERY_SHAPE.as_bytes().to_vec()),
        ("clients/acme/texts/every.md".to_owned(), EVERY_HOLE.as_bytes().to_vec()),
        ("clients/acme/client.toml".to_owned(), RARE_CLIENT.as_bytes().to_vec()),
        ("clients/acme/workflows/rare.toml".to_owned(), RARE_WORKFLOW.as_bytes().to_vec()),
        ("clients/acme/workflows/rare.test.toml".to_owned(), RARE_TESTS.as_bytes().to_vec()),
    ]);
    [every, support::example(), support::folder(&here.join("template"))].into_iter().chain(fixtures).collect()
}

/// Parameters of every shape: few APIs take them all.
const EVERY_SHAPE: &str = r#"
name = "every"
summary = "Every shape"
auth = { kind = "none" }
[webhook]
dialect = "hmac"
slot = "webhook"
header = "X-Signature"
encoding = "hex"
prefix = "v1="
signed = "{time}.{body}"
time_header = "X-Time"
time = "milliseconds"
tolerance = "2m"
[operation.take]
record = "taken"
method = "POST"
path = "/take"
effect = "none"
[operation.take.params]
text = { in = "body", class = "content", type = "text", most_bytes = 10 }
instant = { in = "body", class = "content", type = "instant", wire = "seconds" }
money = { in = "body", class = "content", type = "money", value = "cents", unit = "minor", currency_at = "currency" }
euros = { in = "body", class = "content", type = "money", unit = "minor", currency = "EUR" }
word = { in = "body", class = "content", type = "one_of", values = ["a", "b"], numbers = [2, 3] }
list = { in = "body", class = "content", type = "list", most = 3, of = { type = "token" } }
record = { in = "body", class = "content", type = "record", fields = { one = { type = "token" } } }
[operation.list]
record = "listed"
method = "GET"
path = "/list"
pages = { cursor_at = "next", param = "cursor", collect = "items", most = 3 }
[operation.linked]
record = "listed"
method = "GET"
path = "/linked"
pages = { link_at = "header:Link", param = "page", collect = "items", most = 3 }
[operation.make]
record = "made"
method = "POST"
path = "/make"
media = "application/vnd.api+json"
effect = "write"
idempotency = { in = "header", at = "Idempotency-Key", form = "uuid", lives = "1d" }
[operation.counted]
record = "listed"
method = "GET"
path = "/counted"
pages = { count = "items", param = "offset", collect = "items", most = 3 }
[operation.numbered]
record = "listed"
method = "GET"
path = "/numbered"
pages = { count = "pages", first = 0, param = "page", collect = "items", most = 3 }
"#;

/// A client and a workflow with what is rarely written.
const RARE_CLIENT: &str = r#"
[[guardrail]]
operation = "shop.refund"
per_customer = { param = "customer", per_day_count = 3 }
by = "leads"

[ledger.production.branch]
repository = "ssh://assent@git.acme.example/ledger.git"
name = "assent"
host_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
region = "eu"
[[ledger.production.witness]]
url = "https://witness.acme.example"
key = "witness.acme.example/1+f0cb0178+BBpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
region = "eu"

[limits]
rate = { requests = 100, per = "1s" }
memory_mib = 64
disk_mib = 1024
"#;
const RARE_WORKFLOW: &str = r#"
[trigger.manual.fields]
text = { type = "text", most_bytes = 10, at = "t", optional = true }
instant = { type = "instant", wire = "seconds" }
money = { type = "money", value = "cents", unit = "minor", currency_at = "currency" }
euros = { type = "money", currency = "EUR", unit = "minor", measure = true }
word = { type = "one_of", values = ["a", "b"], numbers = [2, 3], category = "user" }
list = { type = "list", most = 3, of = { type = "token" } }
record = { type = "record", fields = { one = { type = "token" } } }
[[step]]
id = "rest"
wait = { for = "2h" }
"#;

const RARE_TESTS: &str = r#"
[[scenario]]
name = "A list in pages"
[[scenario.reply]]
to = "every.linked"
headers = { Link = "<https://api.example.com/linked?page=2>; rel=\"next\"" }
"#;

/// Holes of every shape; those that do not fit into a line are read before they are refused.
const EVERY_HOLE: &str = r#"+++
default = "en"
[holes]
text = { type = "text", most_bytes = 10 }
instant = { type = "instant", wire = "seconds" }
money = { type = "money", value = "cents", unit = "minor", currency_at = "currency" }
word = { type = "one_of", values = ["a", "b"] }
list = { type = "list", most = 3, of = { type = "token" } }
record = { type = "record", fields = { one = { type = "token" } } }
+++ en
Text.
"#;

/// What stands at a path below something: a table with keys, or one of names.
fn below(holds: &'static Holds, path: &[String]) -> Vec<&'static Holds> {
    match (holds, path) {
        (Holds::Either(ways), _) => ways.iter().flat_map(|way| below(way, path)).collect(),
        (_, []) => vec![holds],
        (Holds::Table(table), [key, rest @ ..]) => {
            table.keys().filter(|known| known.name == key).flat_map(|key| below(&key.holds, rest)).collect()
        }
        (Holds::Map(_, inner), [_, rest @ ..]) => below(inner, rest),
        (Holds::List(inner), [item, rest @ ..]) if item == "[]" => below(inner, rest),
        _ => Vec::new(),
    }
}

/// The bounds of an integer, or of the integers of a list or map, that the table knows.
fn bounds(holds: &'static Holds) -> Vec<asked::Bounds> {
    match holds {
        Holds::Within(least, most) => vec![(*least, *most)],
        Holds::List(inner) | Holds::Map(_, inner) if matches!(inner, Holds::Within(..)) => bounds(inner),
        Holds::Either(ways) => ways.iter().flat_map(bounds).collect(),
        _ => Vec::new(),
    }
}

/// Adds within which bounds integers were read: none that the table does not know.
fn take_bounds(table: &'static Table, seen: &asked::Seen, all: &mut Bounded, wrong: &mut BTreeSet<String>) {
    for (name, found) in &seen.bounds {
        let known = table.keys().find(|key| key.name == name).map(|key| bounds(&key.holds)).unwrap_or_default();
        if known != [*found] {
            wrong.insert(format!("`{}`: `{name}` is within {found:?}, and the table says {known:?}", table.name));
        }
        all.insert((table.name, name.clone()));
    }
}

/// Tables and keys whose bounds were seen.
type Bounded = BTreeSet<(&'static str, String)>;

/// Adds what was asked for while a file of a kind was read.
fn take_down(kind: &'static Kind, all: &mut Asked, bounded: &mut Bounded, wrong: &mut BTreeSet<String>) {
    for seen in asked::seen() {
        let first = seen.path.first();
        let found = match first {
            None => vec![],
            Some(_) => kind
                .table
                .keys()
                .filter(|key| Some(key.name) == first.map(String::as_str))
                .flat_map(|key| below(&key.holds, seen.path.get(1..).unwrap_or_default()))
                .collect(),
        };
        let tables: Vec<&'static Table> = match first {
            None => vec![kind.table],
            Some(_) => found
                .iter()
                .filter_map(|holds| if let Holds::Table(table) = holds { Some(*table) } else { None })
                .collect(),
        };
        let place = format!("{} {}", kind.name, seen.path.join("."));
        if seen.named && !found.iter().any(|holds| matches!(holds, Holds::Map(..))) {
            wrong.insert(format!("{place} has names for keys, and the table of keys does not say so"));
        }
        for holds in found.iter().filter(|holds| matches!(holds, Holds::Map(_, inner) if !bounds(inner).is_empty())) {
            // The keys are names: what holds of one holds of all.
            let strange = seen.bounds.values().any(|found| bounds(holds) != [*found]);
            if strange {
                wrong.insert(format!("{place} is within {:?}, and the table says {:?}", seen.bounds, bounds(holds)));
            }
            bounded.insert((kind.name, seen.path.join(".")));
        }
        if seen.asked.is_empty() {
            continue;
        }
        if let [table] = tables.as_slice() {
            take_bounds(table, &seen, bounded, wrong);
        }
        match tables.as_slice() {
            [table] => all.entry(table.name).or_default().extend(seen.asked),
            _ => drop(wrong.insert(format!("{place} is a table, and the table of keys does not say so"))),
        }
    }
}

/// All tables that a table leads to, itself included, by name.
fn tables(table: &'static Table, all: &mut BTreeMap<&'static str, &'static Table>) {
    if let Some(known) = all.insert(table.name, table) {
        assert!(std::ptr::eq(known, table), "two tables are called `{}`", table.name);
        return;
    }
    table.keys().for_each(|key| inside(&key.holds, all));
}

fn inside(holds: &'static Holds, all: &mut BTreeMap<&'static str, &'static Table>) {
    match holds {
        Holds::Table(table) => tables(table, all),
        Holds::Map(_, inner) | Holds::List(inner) if !matches!(inner, Holds::Either(_)) => inside(inner, all),
        Holds::Map(_, Holds::Either(ways)) | Holds::List(Holds::Either(ways)) | Holds::Either(ways) => {
            // Values of values are of the same kinds again.
            for way in *ways {
                if let Holds::Table(table) = way {
                    tables(table, all);
                }
            }
        }
        _ => {}
    }
}

const SIGNED: [&str; 5] = ["root", "teams", "approvers", "approval", "catalog-lock"];

fn names(table: &'static Table) -> BTreeSet<&'static str> {
    let names: Vec<&str> = table.keys().map(|key| key.name).collect();
    let set: BTreeSet<&str> = names.iter().copied().collect();
    assert_eq!(names.len(), set.len(), "`{}` names a key twice", table.name);
    set
}

#[test]
fn the_table_of_keys_is_what_the_readers_ask_for() {
    let (mut all, mut bounded, mut wrong) = (Asked::new(), Bounded::new(), BTreeSet::new());
    for files in corpus() {
        let (source, _) = read_files(&files);
        for (path, found) in &source.files {
            if path.contains("/texts/") {
                drop(text::text(path, found.text()));
                take_down(KINDS.iter().find(|kind| kind.name == "text").unwrap(), &mut all, &mut bounded, &mut wrong);
            } else if let Some(kind) = kind_of(&place_of(path)).filter(|kind| !SIGNED.contains(&kind.name)) {
                drop(file::read(path, found));
                take_down(kind, &mut all, &mut bounded, &mut wrong);
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let mut known = BTreeMap::new();
    KINDS.iter().filter(|kind| !SIGNED.contains(&kind.name)).for_each(|kind| tables(kind.table, &mut known));
    for (name, table) in &known {
        let (asked, listed) = (all.remove(name).unwrap_or_default(), names(table));
        let missing: Vec<_> = asked.difference(&listed).collect();
        let idle: Vec<_> = listed.difference(&asked).collect();
        if !missing.is_empty() || !idle.is_empty() {
            wrong.insert(format!(
                "`{name}`: the readers ask for {missing:?}, which the table lacks; the table has {idle:?}, which they never ask for"
            ));
        }
    }
    for (name, table) in &known {
        for key in table.keys() {
            let has_bounds = !matches!(key.holds, Holds::Map(..)) && !bounds(&key.holds).is_empty();
            if has_bounds && !bounded.contains(&(*name, key.name.to_owned())) {
                wrong.insert(format!("`{name}`: no reader takes `{}` within the bounds of the table", key.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(all.is_empty(), "tables without a place: {all:?}");
}

/// The names that an error says it expected.
fn expected(error: impl std::fmt::Display) -> BTreeSet<String> {
    let error = error.to_string();
    let listed = error.split_once("expected ").or_else(|| error.split_once("the keys are "));
    let (_, listed) = listed.unwrap_or_else(|| panic!("a list of names: {error}"));
    listed.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The members that a signed record takes.
fn members<T: DeserializeOwned + Debug>() -> BTreeSet<String> {
    expected(serde_json::from_str::<T>(r#"{"zzz": 1}"#).unwrap_err())
}

/// A statement that begins well, then goes on like this.
fn statement(rest: &str) -> BTreeSet<String> {
    let digest = DIGEST.example;
    let text = format!(
        "type = \"approval\"\nschema = 1\nproject = \"{digest}\"\nclient = \"acme\"\napprovers = \"{digest}\"\nserial = 1\n{rest}"
    );
    expected(Statement::parse("a", text.as_bytes()).unwrap_err())
}

#[test]
fn the_table_of_keys_is_what_signed_files_take() {
    let mut known = BTreeMap::new();
    KINDS.iter().filter(|kind| SIGNED.contains(&kind.name)).for_each(|kind| tables(kind.table, &mut known));
    let given = "given = \"2026-03-02T09:00:00Z\"\n";
    let taken: [(&str, BTreeSet<String>); 18] = [
        ("root", members::<Root>()),
        ("roles", RoleName::ALL.iter().map(|role| role.as_str().to_owned()).collect()),
        ("role", members::<Role>()),
        ("person", members::<Person>()),
        ("agent", members::<AgentEntry>()),
        ("root-client", members::<ClientEntry>()),
        ("root-reset", members::<Reset>()),
        ("teams", members::<Teams>()),
        ("approvers", members::<Approvers>()),
        ("catalog-lock", members::<CatalogLock>()),
        ("statement", statement("zzz = 1\n")),
        ("cancelled", statement(&format!("decision = \"withdraw\"\n{given}use = [{{ zzz = 1 }}]\n"))),
        ("data-use", members::<DataUse>()),
        ("connection-party", members::<ConnectionParty>()),
        ("agent-party", members::<AgentParty>()),
        ("group-party", members::<GroupParty>()),
        ("folder-party", members::<FolderParty>()),
        ("guardrail-use", members::<GuardrailUse>()),
    ];
    let mut taken: BTreeMap<&str, BTreeSet<String>> = taken.into();
    taken.insert("agreement-use", members::<AgreementUse>());
    taken.insert("request-use", members::<RequestUse>());
    taken.insert("event-use", members::<EventUse>());
    taken.insert("put-use", members::<PutUse>());
    for (name, table) in &known {
        let listed: BTreeSet<String> = names(table).into_iter().map(str::to_owned).collect();
        assert_eq!(taken.remove(name), Some(listed), "`{name}`");
    }
    assert!(taken.is_empty(), "tables without a place: {taken:?}");
    let decisions = statement(&format!("decision = \"zzz\"\n{given}use = []\n"));
    assert_eq!(decisions, ["approve", "reject", "withdraw"].map(str::to_owned).into());
}

#[test]
fn each_form_has_an_example_that_its_type_takes() {
    use assent_schema::canon::Digest;
    use assent_schema::id::{ClientId, EventName, Name, OperationRef, Scope};
    use assent_schema::time::{Moment, Period};
    assert!(ID.example.parse::<ClientId>().is_ok());
    assert!(NAME.example.parse::<Name>().is_ok());
    assert!(EVENT.example.parse::<EventName>().is_ok());
    assert!(OPERATION.example.parse::<OperationRef>().is_ok());
    assert!(SCOPE.example.parse::<Scope>().is_ok());
    assert!(PERIOD.example.parse::<Period>().is_ok());
    assert!(MOMENT.example.parse::<Moment>().is_ok());
    assert!(DIGEST.example.parse::<Digest>().is_ok());
}
