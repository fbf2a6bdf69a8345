//! Mutations of sources that were made: each raises the code that it names at the place that it marks, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use assent_schema::code::Code;
use assent_tests::generate::{Files, Names, Size, repository};

use super::super::mutations::unmarked;
use super::{SEEDS, checked, said};

/// How many sources each mutation is tried on.
const EACH: usize = 2;

/// Code; then old and new text of one file, where `«` and `»` stand around the place of the finding.
type Bend = (&'static str, &'static [(&'static str, &'static str)]);

const BENDS: [Bend; 30] = [
    ("syntax", &[("timeout = \"1h\"", "«timeout = \"1h»")]),
    ("unknown-key", &[("concurrency = 8\n", "concurrency = 8\n«memory» = \"1GB\"\n")]),
    ("unknown-key", &[("stale_limit = \"72h\"\n", "stale_limit = \"72h\"\n«colour» = \"red\"\n")]),
    ("unknown-name", &[("call = \"shop1.list_orders\"", "call = «\"shop1.list_order\"»")]),
    ("duplicate-name", &[("name = \"kpi1\"\n", "name = \"kpi1\"\ncount = true\n[[kpi]]\nname = «\"kpi1\"»\n")]),
    ("lookalike-name", &[("name = \"kpi1\"\n", "name = \"kpi1\"\ncount = true\n[[kpi]]\nname = «\"kpil\"»\n")]),
    ("bad-value", &[("timeout = \"1h\"", "timeout = «\"an hour\"»")]),
    ("bad-value", &[("max = 20", "max = «0»")]),
    ("file-refused", &[("summary = \"Made for tests\"", "summary = \"Made «\u{202e}»for tests\"")]),
    ("bad-expression", &[("now + duration('3h')", "now + «durations»('3h')")]),
    ("type-mismatch", &[("\"${now - duration('7d')}\"", "«\"${duration('7d')}\"»")]),
    ("unescaped", &[("body = \"${html(draft1.text)}\"", "body = \"${«draft1.text»}\"")]),
    (
        "unreachable-step",
        &[(
            "[[kpi]]\nname = \"kpi1\"",
            "[[step]]\nid = \"never\"\nwhen = «\"1 > 2\"»\nset = { x = 1 }\n\n[[kpi]]\nname = \"kpi1\"",
        )],
    ),
    (
        "may-be-skipped",
        &[(
            "when = \"has(ticket1.order_id)\"\ncall = \"shop1.get_order\"\nwith = { id = \"${ticket1.order_id}\"",
            "call = \"shop1.get_order\"\nwith = { id = \"${«ticket1.order_id»}\"",
        )],
    ),
    (
        "flow-denied",
        &[(
            "contact = \"${ticket1.requester}\", by = \"5001\"",
            "contact = \"${ticket1.requester}\", by = «\"${token(ticket1.body)}\"»",
        )],
    ),
    ("kpi-too-fine", &[("sum = \"order1.total\"", "count = true\nby = [«\"order1.id\"»]")]),
    (
        "bad-retry",
        &[(
            "retry = { attempts = 3, first = \"1s\", most = \"1m\" }",
            "retry = «{ attempts = 21, first = \"1s\", most = \"1m\" }»",
        )],
    ),
    ("bad-schedule", &[("cron = \"30 8 * * 1-5\"", "cron = \"30 8 * * «5-1»\"")]),
    ("cache-too-long", &[("cache = \"10m\"", "cache = «\"24h\"»")]),
    ("over-privileged", &[("scopes = [\"chat:write\"]", "scopes = [\"chat:write\", «\"chat:read\"»]")]),
    ("inline-secret", &[("name = \"it runs\"", "name = \"it runs «AKIA2E0A8F3B244C9986»\"")]),
    ("personal-fixture", &[("name = \"it runs\"", "name = \"it runs for «tom@harbor-mail.com»\"")]),
    ("no-rotation", &[("[connections.chat1.slots.token]\nrotate = \"90d\"", "«[connections.chat1.slots.token]»")]),
    ("forbidden-purpose", &[("purpose = \"essential.service.operations\"", "purpose = «\"train_ai_system\"»")]),
    ("retention-too-short", &[("retention = \"90d\"", "retention = «\"89d\"»")]),
    ("retention-exceeds-plan", &[("retention = \"90d\"", "retention = «\"91d\"»")]),
    ("no-fallback", &[("[fallback]\nqueue = \"leads0\"\n", ""), ("name = \"flow0\"", "name = «\"flow0\"»")]),
    ("no-route", &[("routes = [\"ops0\"]", "routes = «[]»")]),
    (
        "no-calendar",
        &[(
            "[calendar]\nhours = { mon = \"09:00-17:00\", tue = \"09:00-17:00\", fri = \"09:00-15:00\" }",
            "«[calendar]»\nhours = {}",
        )],
    ),
    (
        "class-lowered",
        &[
            ("[limits]\n", "[class]\n\"order.id\" = «\"public\"»\n\n[limits]\n"),
            ("call = \"shop1.read_order\"", "call = \"shop1.read_order\""),
        ],
    ),
];

/// Where findings must be: file, bytes.
type Places = BTreeSet<(String, usize, usize)>;

/// The files with the first one changed that has all the old texts; and the places of what must be found in it.
fn bend(files: &Files, edits: &[(&str, &str)]) -> Option<(Files, Places)> {
    let of_a_client = |path: &&String| path.starts_with("clients/");
    let path = files.keys().filter(of_a_client).find(|path| {
        let text = files.get(*path).map(|bytes| String::from_utf8_lossy(bytes)).unwrap_or_default();
        edits.iter().all(|(old, _)| text.contains(old))
    })?;
    let mut text = String::from_utf8(files.get(path)?.clone()).ok()?;
    let mut places = Places::new();
    for (old, new) in edits {
        let (new, marks) = unmarked(new);
        let at = text.find(old)?;
        text.replace_range(at..at + old.len(), &new);
        places.extend(marks.into_iter().map(|(from, to)| (path.clone(), at + from, at + to)));
    }
    let mut files = files.clone();
    files.insert(path.clone(), text.into_bytes());
    Some((files, places))
}

#[test]
fn each_bend_of_a_made_source_raises_its_code_at_its_place_and_nothing_else() {
    let sources: Vec<Files> =
        (0..3 * SEEDS).map(|seed| repository(seed, Size { clients: 2, ..Size::SMALL }, Names::Plain)).collect();
    let mut wrong = BTreeMap::new();
    for (name, edits) in BENDS {
        let code = Code::from_name(name).expect("a code");
        let bent: Vec<_> = sources.iter().filter_map(|files| bend(files, edits)).take(EACH).collect();
        if bent.is_empty() {
            wrong.insert(edits, format!("[{name}] {edits:?}: no source has this\n"));
        }
        for (files, places) in bent {
            let checked = checked(files);
            let found = checked.findings.iter();
            let found: BTreeSet<_> =
                found.map(|one| (one.code, (one.span.file.to_string(), one.span.start, one.span.end))).collect();
            let expected: BTreeSet<_> = places.into_iter().map(|place| (code, place)).collect();
            if found != expected {
                let line = format!("[{name}] {edits:?}: expected {expected:?}, found\n{}", said(&checked));
                wrong.insert(edits, line);
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.into_values().collect::<String>());
}
