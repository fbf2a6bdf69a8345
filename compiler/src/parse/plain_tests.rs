//! Whatever is read plainly means what it means in TOML, and stands where it stands there.

use std::path::Path;

use proptest::prelude::*;
use toml::de::DeTable;

use super::super::tree::Members;
use super::read;

const FILE: &str = r#"# A workflow.
name = "refund" # why
limits.most = 8
limits."for each" = -1.50
off = [ ]
[trigger.webhook]
connection = 'helpdesk'

[trigger.other]
[[step]]
id = "ticket"
answer.intent = { one_of = ["refund", "Größe"], between = [0, 1.5], deep = { a.b = true, a.c = {} } }
via = [
  "cli", # a comment
  "slack",
]
[[step]]
id = "pay"
  [[step.step]]
  id = "inner"
  [step.step.retry]
  first = "1s"
  [[step.step]]
	id = "second"
[kpi]
"#;

/// Whether a file was read plainly; then it is the same to both readers, places and all.
fn agrees(text: &str) -> bool {
    let plain = read(text);
    if let Some(plain) = &plain {
        let whole = DeTable::parse(text).unwrap_or_else(|error| panic!("{text:?} is no TOML: {error}"));
        let whole: Members<'_> = whole.into_inner().into();
        assert_eq!(format!("{plain:#?}"), format!("{whole:#?}"), "{text:?}");
    }
    plain.is_some()
}

#[test]
fn what_people_write_is_read_plainly() {
    assert!(agrees(FILE));
    assert!(agrees("") && agrees("a = 1") && agrees("\n\n") && agrees("#") && agrees("[a]") && agrees("a = 0.0\n"));
    assert!(agrees("[a]\n[a.b]\n[a.b.c]\n") && agrees("[[a]]\n[[a]]\n[a.b]\n[[a]]\n[a.b]\n") && agrees("a = []#\n"));
}

#[test]
fn whatever_is_written_otherwise_is_left_to_the_other_reader() {
    for text in [
        "a = 1\na = 2\n",
        "a = 1\r\n",
        "a = 01\n",
        "a = -0.\n",
        "a = +1\n",
        "a = 1_000\n",
        "a = 0x1\n",
        "a = 1e3\n",
        "a = 9223372036854775808\n",
        "a = 2026-01-01\n",
        "a = 07:32:00\n",
        "a = \"\"\"b\"\"\"\n",
        "a = \"\"\"\n",
        "a = '''b'''\n",
        "a = \"\\n\"\n",
        "a = 'b\\n'\n",
        "a = \"b\u{7f}\"\n",
        "# \u{1}\n",
        "a . b = 1\n",
        "a.b = 1\na = 2\n",
        "a = {}\na.b = 1\n",
        "a = { b = 1 }\n[a]\n",
        "a = { b = 1 }\n[a.c]\n",
        "a.b = 1\n[a]\n",
        "a.b = 1\n[a.c]\n",
        "[a]\n[a]\n",
        "[a.b]\n[a]\n",
        "[a]\nb = 1\n[a.b]\n",
        "[a]\nb = 1\n[a.b.c]\n",
        "[a.b]\nc = 1\n[[a]]\n",
        "a = []\n[[a]]\n",
        "a = [{}]\n[[a]]\n",
        "a = [{}]\n[a.b]\n",
        "a = 1\n[[a]]\n",
        "[[a]]\n[a]\n",
        "a = { b = 1, b = 2 }\n",
        "a = { b.c = 1, b = 2 }\n",
        "a = { b = {}, b.c = 2 }\n",
        "a = { b = 1, }\n",
        "a = {\nb = 1 }\n",
        "a = [1 2]\n",
        "a = [,]\n",
        "a = [1,,]\n",
        "a = [\n",
        "a = \"b\n\"\n",
        "a = \"b\" c\n",
        "a = truer\n",
        "a = 1 b = 2\n",
        "a =\n",
        "= 1\n",
        "a\n",
        "[ a ]\n",
        "[a] b = 1\n",
        "[[a]\n",
        "[a]]\n",
        "[]\n",
        "\u{feff}a = 1\n",
    ] {
        assert!(!agrees(text), "{text:?}");
    }
    for (from, to) in [("[", "]"), ("{ a = ", "}")] {
        assert!(!agrees(&format!("a = {}1{}\n", from.repeat(100_000), to.repeat(100_000))));
    }
    let path = "a.".repeat(100_000);
    assert!(
        !agrees(&format!("{path}a = 1\n")) && !agrees(&format!("[{path}a]\n")) && !agrees(&format!("[[{path}a]]\n"))
    );
    let many = (0..100).fold(String::new(), |many, number| many + &format!("k{number} = 1\n"));
    assert!(!agrees(&many));
}

/// The example and the base of the fixtures, as people write them.
#[test]
fn both_readers_agree_on_every_file() {
    let mut folders = ["../examples", "tests/findings/base"]
        .map(|folder| Path::new(env!("CARGO_MANIFEST_DIR")).join(folder))
        .to_vec();
    let (mut files, mut read) = (0, 0);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "toml") {
                files += 1;
                read += usize::from(agrees(&std::fs::read_to_string(&path).expect("text")));
            }
        }
    }
    // Most of what people write is what this reader is for.
    assert!(files > 30 && read * 10 > files * 8, "{read} of {files}");
}

proptest! {
    /// A few changes of a file: still plain or not, it means the same to both readers.
    #[test]
    fn both_readers_agree(changes in proptest::collection::vec((0_usize..FILE.len(), "[ -~\n\té]{0,3}", 0_usize..4), 1..4)) {
        let mut text = FILE.to_owned();
        for (at, new, old) in changes {
            let boundary = |at: usize| (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            let (at, end) = (boundary(at), boundary(at.saturating_add(old)));
            text.replace_range(at..end, &new);
        }
        agrees(&text);
    }

    /// Little files of what such files are made of.
    #[test]
    fn both_readers_agree_on_little_files(parts in proptest::collection::vec(
        prop_oneof![
            Just("a"), Just("b"), Just("."), Just(" = "), Just("="), Just("1"), Just("-1.5"), Just("\"x\""), Just("''"),
            Just("\n"), Just("[[a]]"), Just("[b]"), Just("["), Just("]"), Just(", "), Just("{ "), Just(" }"), Just("{}"),
            Just("true"), Just("-"), Just(" "), Just("#"), Just("\n[[a]]\n"), Just("\n[a.b]\n"), Just("\n[a]\n"),
            Just("\n[[a.b]]\n"), Just("a = 1\n"), Just("a.b = 1\n"), Just("b = { a = 1, a.b = 2 }\n"), Just("a = [\"x\",\n]\n"),
            Just("b.a = {}\n"), Just("a = [{}]\n"),
        ], 0..14)) {
        agrees(&parts.concat());
    }
}
