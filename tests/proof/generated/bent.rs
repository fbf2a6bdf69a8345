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

const BENDS: [Bend; 41] = [
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
            "[calendar]\nhours = { mon = \"09:00-17:00\", tue = \"09:00-17:00\", wed = \"09:00-17:00\", thu = \"09:00-17:00\", fri = \"09:00-15:00\", sat = \"10:00-12:00\", sun = \"10:00-11:00\" }",
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
    (
        "money-needs-decision",
        &[(
            "id = \"tip1\"\nwhen = \"nod1.approved\"\ncall = \"mill1.pay_tip\"",
            "id = \"tip1\"\ncall = «\"mill1.pay_tip\"»",
        )],
    ),
    (
        "decision-not-shown",
        &[
            (
                "show = [\"batch1.lot\", \"batch1.price\"], within = \"1h\", via = [\"cli\"]",
                "show = [\"batch1.lot\"], within = \"1h\", via = [\"cli\"]",
            ),
            (
                "id = \"tip1\"\nwhen = \"nod1.approved\"\ncall = \"mill1.pay_tip\"\nwith = { batch = \"${batch1.lot}\", amount = \"${batch1.price}\" }",
                "id = \"tip1\"\nwhen = \"nod1.approved\"\ncall = \"mill1.pay_tip\"\nwith = { batch = \"${batch1.lot}\", amount = «\"${batch1.price}\"» }",
            ),
        ],
    ),
    (
        "model-decides-money",
        &[(
            "id = \"refund1\"\nwhen = \"has(own1.total) && agree1.approved\"",
            "id = \"refund1\"\nwhen = «\"has(own1.total)\"»",
        )],
    ),
    (
        "marked-target",
        &[
            ("id = \"topic1\"\nask", "id = \"topic1\"\nask"),
            ("call = \"desk1.assign_ticket\"", "call = \"desk1.assign_ticket\""),
            (
                "[[kpi]]\nname = \"kpi1\"",
                "[[step]]\nid = \"marked\"\ncall = \"desk1.assign_ticket\"\nwith = { id = \"${trigger.ticket_id}\", by = \"5001\", team = «\"${topic1.about}\"» }\n\n[[kpi]]\nname = \"kpi1\"",
            ),
        ],
    ),
    (
        "unsafe-retry",
        &[(
            "call = \"mill1.discard\"\nwith = { batch = \"${batch1.lot}\" }",
            "call = \"mill1.discard\"\nwith = { batch = \"${batch1.lot}\" }\nretry = «{ attempts = 3, first = \"1s\", most = \"1m\" }»",
        )],
    ),
    (
        "not-resumable",
        &[
            ("id = \"pages1\"\ncall = \"mill1.list_stones\"", "id = \"pages1\"\ncall = \"mill1.list_stones\""),
            ("call = \"chat1.post\"", "call = \"chat1.post\""),
            (
                "[[kpi]]\nname = \"kpi1\"",
                "[[step]]\nid = \"long\"\nwait = { for = \"3d\" }\n\n[[step]]\nid = \"after\"\ncall = \"chat1.post\"\nwith = { channel = \"C0155501\", text = «\"So many: ${size(pages1.items)}\"» }\n\n[[kpi]]\nname = \"kpi1\"",
            ),
        ],
    ),
    (
        "unconfirmed-trigger",
        &[
            ("event = \"order.rung\"", "event = \"order.rung\""),
            ("call = \"chat1.post\"", "call = \"chat1.post\""),
            (
                "[[step]]\nid = \"order1\"\ncall = \"shop1.read_order\"",
                "[[step]]\nid = \"early\"\ncall = «\"chat1.post\"»\nwith = { channel = \"C0155501\", text = \"It rang.\" }\n\n[[step]]\nid = \"order1\"\ncall = \"shop1.read_order\"",
            ),
        ],
    ),
    (
        "unused-personal",
        &[
            ("id = \"ticket1\"", "id = \"ticket1\""),
            ("call = \"desk1.get_contact\"", "call = \"desk1.get_contact\""),
            (
                "[[kpi]]\nname = \"kpi1\"",
                "[[step]]\nid = \"person\"\ncall = «\"desk1.get_contact\"»\nwith = { id = \"${ticket1.requester}\" }\n\n[[kpi]]\nname = \"kpi1\"",
            ),
        ],
    ),
    (
        "region-mismatch",
        &[(
            "url = \"https://sandbox.shop1.client0.example\"\nregion = \"eu\"",
            "url = \"https://sandbox.shop1.client0.example\"\nregion = «\"us\"»",
        )],
    ),
    ("no-limits", &[("name = \"flow0\"", "name = «\"flow0\"»"), ("concurrency = 8\n", "")]),
    ("library-cycle", &[("use = \"shared0\"", "use = «\"again0\"»")]),
];

/// Codes that no bend raises, and why.
const NOT_BENT: [(&str, &str); 12] = [
    ("approval-expired", "what is made is unsigned: `tests/attacks` and the example's mutations change statements"),
    ("approval-invalid", "as above"),
    ("not-rehearsed", "as above"),
    ("trust-invalid", "as above"),
    ("unapproved-data-use", "as above"),
    ("unassigned-author", "as above"),
    ("unused-value", "what is made computes much that nothing uses; the example's mutations raise it"),
    ("no-scenario", "a file that is missing is no change of one"),
    ("untested-step", "scenarios are run by `scenarios_reach_every_branch_of_what_is_made`"),
    ("no-decider", "the file that is bent is another than the one that is told of; the example's mutations raise it"),
    ("provider-agreement", "as above"),
    ("under-privileged", "as above"),
];

/// More than a run may tell of what people wrote: thirteen times 5 bits.
fn over_budget() -> (String, String) {
    let bounds = (1..32).map(|n| n.to_string()).collect::<Vec<_>>().join(", ");
    let values = (0..13).map(|n| format!("n{n} = \"${{bucket(size(ticket1.body), [{bounds}])}}\""));
    let values = values.collect::<Vec<_>>().join("\nset.");
    let step = format!("[[step]]\nid = \"tells\"\nset.{values}\n\n[[kpi]]\nname = \"kpi1\"");
    ("[[kpi]]\nname = \"kpi1\"".to_owned(), step)
}

/// Where findings must be: file, bytes.
type Places = BTreeSet<(String, usize, usize)>;

/// The files with the first one changed that has all the old texts; and the places of what must be found in it.
fn bend(files: &Files, edits: &[(&str, &str)]) -> Option<(Files, Places)> {
    // Clients first: what they have in common with the catalog is meant of them.
    let of_a_client = |path: &&String| path.starts_with("clients/");
    let others = files.keys().filter(|path| !of_a_client(path));
    let path = files.keys().filter(of_a_client).chain(others).find(|path| {
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
        (0..8 * SEEDS).map(|seed| repository(seed, Size { clients: 2, ..Size::SMALL }, Names::Plain)).collect();
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

/// The step that tells the most is the one that is told of, with nothing else: so its place is not said here.
#[test]
fn a_step_that_tells_too_much_is_over_the_budget() {
    let (old, new) = over_budget();
    let mut tried = 0;
    for seed in 0..3 * SEEDS {
        let files = repository(seed, Size { clients: 2, ..Size::SMALL }, Names::Plain);
        let edits = [("id = \"ticket1\"", "id = \"ticket1\""), (&*old, &*new)];
        let Some((files, _)) = bend(&files, &edits).filter(|_| tried < EACH) else { continue };
        tried += 1;
        let checked = checked(files);
        let codes: BTreeSet<_> = checked.findings.iter().map(|one| one.code).collect();
        assert_eq!(codes, [Code::ReleaseBudget].into(), "{}", said(&checked));
    }
    assert_eq!(tried, EACH);
}

#[test]
fn each_code_is_raised_by_a_bend_or_it_is_said_why_not() {
    let bent: BTreeSet<&str> = BENDS.iter().map(|(name, _)| *name).chain(["release-budget"]).collect();
    let not_bent: BTreeSet<&str> = NOT_BENT.iter().map(|(name, _)| *name).collect();
    let all: BTreeSet<&str> = Code::ALL.iter().map(|code| code.row().name).collect();
    assert_eq!(bent.union(&not_bent).copied().collect::<BTreeSet<_>>(), all);
    assert!(bent.is_disjoint(&not_bent));
}
