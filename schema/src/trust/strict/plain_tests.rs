//! Plain files mean to this reader what they mean in TOML.

use proptest::prelude::*;
use toml::de::{DeTable, DeValue};

use super::*;

const FILE: &str = "# An approval.\ntype = \"approval\"\nschema = 1\nexpires = \"2027-03-01T00:00:00Z\"\n\n[[use]]\nkind = \"ask\"\nfrom = { connection = \"helpdesk\", hosts = [\"a.example\", \"b.example\"] }\nfields = { \"ticket.body\" = \"content\", \"ticket.id\" = \"reference\" }\nscopes = []\nempty = {}\nnumber = -12\n\n[[use]]\nkind = \"read\"\nunattended = true\nreleases = [\"one, and [two]\", \"{ a = 1 }\", \"total {\\\"at\\\":\\\"a\\\\\\\\b\\\"}\"]\n";

/// The same of all of TOML; nothing where that has values which a plain file does not hold.
fn general(table: &DeTable<'_>) -> Option<Vec<(String, String)>> {
    let mut members = table.iter().map(|(key, value)| Some((key.get_ref().to_string(), shown(value.get_ref())?)));
    let mut members = members.by_ref().collect::<Option<Vec<_>>>()?;
    members.sort();
    Some(members)
}

fn shown(value: &DeValue<'_>) -> Option<String> {
    Some(match value {
        DeValue::String(text) => format!("{text:?}"),
        DeValue::Boolean(yes) => yes.to_string(),
        DeValue::Integer(digits) => digits.as_str().parse::<i64>().ok()?.to_string(),
        DeValue::Float(_) | DeValue::Datetime(_) => return None,
        DeValue::Array(items) => {
            format!("{:?}", items.iter().map(|item| shown(item.get_ref())).collect::<Option<Vec<_>>>()?)
        }
        DeValue::Table(table) => format!("{:?}", general(table)?),
    })
}

fn plain(members: &Members<'_>) -> Vec<(String, String)> {
    let mut all: Vec<_> = members.iter().map(|(key, value)| ((*key).to_owned(), plain_value(value))).collect();
    all.sort();
    all
}

fn plain_value(value: &Plain<'_>) -> String {
    match value {
        Plain::Text(text) => format!("{text:?}"),
        Plain::Boolean(yes) => yes.to_string(),
        Plain::Integer(number) => number.to_string(),
        Plain::List(items) => format!("{:?}", items.iter().map(plain_value).collect::<Vec<_>>()),
        Plain::Table(members) => format!("{:?}", plain(members)),
    }
}

/// What is read plainly is what all of TOML means by it; whether it was read plainly.
fn agrees(text: &str) -> bool {
    let read = parse(text);
    if let Some(members) = &read {
        let table = DeTable::parse(text).unwrap_or_else(|error| panic!("{text:?} is no TOML: {error}"));
        assert_eq!(Some(plain(members)), general(table.get_ref()), "{text:?}");
    }
    read.is_some()
}

#[test]
fn what_we_write_is_read_plainly() {
    assert!(agrees(FILE));
    let members = parse(FILE).expect("plain");
    assert_eq!(members.iter().map(|(key, _)| *key).collect::<Vec<_>>(), ["type", "schema", "expires", "use"]);
}

#[test]
fn whatever_is_written_otherwise_is_left_to_the_other_reader() {
    for text in [
        "a = 1\na = 2\n",
        "a = 1 # why\n",
        "a=1\n",
        " a = 1\n",
        "a = 01\n",
        "a = -0\n",
        "a = 1_000\n",
        "a = 0x1\n",
        "a = 1.5\n",
        "a = 9007199254740992\n",
        "a = 2026-01-01\n",
        "a = \"\"\"b\"\"\"\n",
        "a = \"\"\"\n",
        "a = 'b'\n",
        "a = \"\\n\"\n",
        "a = \"\\u0041\"\n",
        "a = \"\\\"\n",
        "a = \"b\\",
        "\"a\\\"\" = 1\n",
        "a.b = 1\n",
        "\"\" = 1\n",
        "[a]\nb = 1\n",
        "[[a]]\nb = 1\nb = 2\n",
        "[[a]]\n[[b]]\n[[a]]\n",
        "a = []\n[[a]]\n",
        "a = 1\n[[a]]\n",
        "a = { b = 1, b = 2 }\n",
        "a = { b = 1 , c = 2 }\n",
        "a = {b = 1}\n",
        "a = { b = 1, }\n",
        "a = [1, ]\n",
        "a = [1,2]\n",
        "a = [ 1 ]\n",
        "a = [\n1]\n",
        "a = \"b\" \n",
        "a = \"b\n",
        "a = truer\n",
        "a =\n",
        "= 1\n",
        "a\n",
        "[[a.b]]\n",
        "[[ a ]]\n",
        "[[a]] \n",
    ] {
        assert_eq!(parse(text), None, "{text:?}");
    }
    let deep = format!("a = {}{}\n", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(parse(&deep), None);
    // Each head is a table, also one below which nothing stands.
    assert!(agrees("[[a]]\n[[a]]\nb = 1\n[[c]]\n") && agrees("") && agrees("a = \"\"\nb = [\"\", []]"));
    assert!(agrees("[[a]]\n[[b]]\n"));
}

proptest! {
    /// A few changes of bytes: still plain or not, it means the same to both readers.
    #[test]
    fn both_readers_agree(changes in proptest::collection::vec((0_usize..FILE.len(), "[ -~\n]{0,3}", 0_usize..4), 1..4)) {
        let mut text = FILE.to_owned();
        for (at, new, old) in changes {
            let at = at.min(text.len());
            let end = at.saturating_add(old).min(text.len());
            text.replace_range(at..end, &new);
        }
        agrees(&text);
    }

    /// Little files of what such files are made of.
    #[test]
    fn both_readers_agree_on_little_files(parts in proptest::collection::vec(
        prop_oneof![
            Just("a"), Just("b"), Just(" = "), Just("="), Just("1"), Just("\"x\""), Just("\"\""), Just("\n"), Just("[[a]]"),
            Just("[[b]]"), Just("["), Just("]"), Just(", "), Just("{ "), Just(" }"), Just("{}"), Just("true"), Just("-"), Just("\\"), Just("\\\""), Just("\"x\\\\\""), Just("\""),
            Just("."), Just("\n[[a]]\n"), Just("a = 1\n"), Just("b = { a = 1 }\n"), Just("a = [\"x\"]\n"), Just("#"),
        ], 0..14)) {
        agrees(&parts.concat());
    }
}
