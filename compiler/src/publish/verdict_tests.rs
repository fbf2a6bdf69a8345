//! What a status must say to be green, and what each thing less makes of it.

use assent_schema::canon;

use super::*;

const NOW: &str = "2026-03-02T10:00:00Z";
const COMMIT: &str = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

fn digest(n: u8) -> Digest {
    Digest::from_bytes([n; 32])
}

fn key() -> Key {
    ("acme".parse().unwrap(), "refund".parse().unwrap())
}

fn released() -> Released {
    Released {
        generation: 1,
        sequence: 3,
        manifest: digest(9),
        plans: [(key(), digest(1))].into(),
        rolled_back: BTreeSet::new(),
        uses: BTreeMap::new(),
    }
}

/// A status in which all is well, with each `from` replaced by its `to`.
fn status(changes: &[(&str, &str)]) -> Evidence {
    let text = format!(
        r#"{{"agent":"eu-1","environment":"production","project":"{project}","region":"eu","release":{{"commit":"{COMMIT}","fresh":"2026-03-02T09:05:00Z","generation":1,"manifest":"{manifest}","root":2,"sequence":3}},"schema":1,"time":"2026-03-02T09:10:00Z","type":"status","version":"0.1.0","workflows":{{"acme":{{"refund":{{"named":"{plan}","plan":"{plan}","stage":"committed"}}}}}}}}"#,
        project = digest(7),
        manifest = digest(9),
        plan = digest(1),
    );
    let text = changes.iter().fold(text, |text, (from, to)| {
        assert!(text.contains(from), "{from} is in {text}");
        text.replace(from, to)
    });
    Evidence::Says(Box::new(canon::from_bytes(text.as_bytes()).unwrap_or_else(|e| panic!("{e}: {text}"))))
}

fn verdict(evidence: Evidence, released: &Released) -> Verdict {
    let agents = [("eu-1".parse().unwrap(), evidence)].into();
    let question = Question { commit: COMMIT, release: Ok(released), agents: &agents, now: NOW.parse().unwrap() };
    judge(&question).finding.verdict
}

#[test]
fn each_thing_that_an_agent_says_has_its_verdict() {
    let plan = |n: u8| format!("\"plan\":\"{}\"", digest(n));
    let (one, two) = (plan(1), plan(2));
    let named = format!("\"named\":\"{}\"", digest(1));
    let other = format!("\"named\":\"{}\"", digest(2));
    let (ours, theirs) = (digest(9).to_string(), digest(8).to_string());
    let committed = "\"stage\":\"committed\"";
    let refused = format!("\"refused\":[{{\"code\":\"outside-window\",\"digest\":\"{ours}\"}}],\"region\"");
    let went_back = format!("\"refused\":{{\"{}\":\"failed\"}},\"stage\"", digest(1));
    let hold = |client: &str, what: &str| {
        format!(
            "\"holds\":[{{\"by\":\"ann\",\"client\":\"{client}\",\"id\":\"h1\",\"since\":\"2026-03-02T09:00:00Z\",\"until\":\"2026-03-02T12:00:00Z\",\"what\":{what},\"why\":\"ticket-1\"}}],\"project\""
        )
    };
    let trial = format!(
        "\"stage\":\"committed\",\"trial\":{{\"failed\":0,\"plan\":\"{}\",\"runs\":3,\"since\":\"2026-03-02T09:00:00Z\"}}",
        digest(2)
    );
    let left_out = format!(",{one}");
    let halted = format!(
        "\"halt\":{{\"nonce\":\"{}\",\"release\":[1,3],\"root\":2,\"since\":\"2026-03-02T09:00:00Z\",\"why\":[\"store-older\"]}},\"project\"",
        digest(5)
    );
    let table: Vec<(Verdict, Vec<(&str, &str)>)> = vec![
        (Verdict::Green, vec![]),
        (Verdict::Trial, vec![(committed, "\"stage\":\"trial\"")]),
        (Verdict::Trial, vec![(committed, "\"stage\":\"unproven\"")]),
        (Verdict::Unknown, vec![(committed, &trial)]),
        (Verdict::Held, vec![(committed, "\"stage\":\"staged\"")]),
        (Verdict::Returned, vec![(committed, "\"stage\":\"returned\""), (&one, &two)]),
        (Verdict::Returned, vec![("\"stage\"", &went_back)]),
        (Verdict::Refused, vec![(committed, "\"stage\":\"not-permitted\""), (&one, &two)]),
        (Verdict::Refused, vec![(committed, "\"stage\":\"off\""), (&left_out, "")]),
        (Verdict::Refused, vec![("\"project\"", &halted)]),
        // It says that it committed, and runs something else.
        (Verdict::Unknown, vec![(&one, &two)]),
        (Verdict::Unknown, vec![(&named, &other)]),
        (Verdict::Unknown, vec![(&named, &other), (&one, &two)]),
        (Verdict::Unknown, vec![("\"refund\"", "\"triage\"")]),
        (Verdict::Unknown, vec![(COMMIT, "0000000000000000000000000000000000000000")]),
        (Verdict::Unknown, vec![("\"sequence\":3", "\"sequence\":4")]),
        (Verdict::Unknown, vec![(&ours, &theirs)]),
        (Verdict::Unknown, vec![(&ours, &theirs), ("\"sequence\":3", "\"sequence\":4")]),
        (Verdict::Behind, vec![(&ours, &theirs), ("\"sequence\":3", "\"sequence\":2")]),
        (Verdict::Refused, vec![(&ours, &theirs), ("\"sequence\":3", "\"sequence\":2"), ("\"region\"", &refused)]),
        (Verdict::Silent, vec![("T09:10:00Z", "T07:29:59Z")]),
        (Verdict::Green, vec![("T09:10:00Z", "T07:30:00Z")]),
        (Verdict::Unknown, vec![("T09:10:00Z", "T10:10:01Z")]),
        (Verdict::Green, vec![("T09:10:00Z", "T10:10:00Z")]),
        (Verdict::Stale, vec![("2026-03-02T09:05:00Z", "2026-03-01T09:59:59Z")]),
        (Verdict::Stale, vec![("\"fresh\":\"2026-03-02T09:05:00Z\",", "")]),
        (Verdict::Stale, vec![(committed, "\"stage\":\"committed\",\"stale\":true")]),
    ];
    for (wanted, changes) in table {
        assert_eq!(verdict(status(&changes), &released()), wanted, "{changes:?}");
    }
    for (wanted, held) in [
        (Verdict::Held, hold("acme", "\"client\"")),
        (Verdict::Held, hold("acme", "{\"workflow\":\"refund\"}")),
        (Verdict::Held, hold("acme", "{\"connection\":\"shop\"}")),
        (Verdict::Green, hold("acme", "{\"workflow\":\"triage\"}")),
        (Verdict::Green, hold("cedar", "\"client\"")),
    ] {
        assert_eq!(verdict(status(&[("\"project\"", &held)]), &released()), wanted, "{held}");
    }
}

#[test]
fn who_is_missing_or_lies_is_never_green() {
    assert_eq!(verdict(Evidence::Missing, &released()), Verdict::Unknown);
    assert_eq!(verdict(Evidence::Broken("another key".into()), &released()), Verdict::Unknown);
    let none =
        Question { commit: COMMIT, release: Ok(&released()), agents: &BTreeMap::new(), now: NOW.parse().unwrap() };
    assert_eq!(judge(&none).finding.verdict, Verdict::Unknown);
    // One good agent does not speak for another.
    let agents = [("eu-1".parse().unwrap(), status(&[])), ("eu-2".parse().unwrap(), Evidence::Missing)].into();
    let question = Question { agents: &agents, ..none };
    let judged = judge(&question);
    assert_eq!(judged.finding.verdict, Verdict::Unknown);
    assert_eq!(judged.finding.why, "eu-2: it has no status branch");
    let behind = Question { release: Err(Finding::new(Verdict::Behind, "not released")), ..question };
    assert_eq!(judge(&behind).finding.verdict, Verdict::Behind);
}

#[test]
fn a_plan_that_was_rolled_back_is_not_the_commits() {
    let rolled = Released { rolled_back: [key()].into(), ..released() };
    assert_eq!(verdict(status(&[]), &rolled), Verdict::Returned);
    let more = Released {
        plans: [(key(), digest(1)), ((key().0, "triage".parse().unwrap()), digest(3))].into(),
        ..released()
    };
    assert_eq!(verdict(status(&[]), &more), Verdict::Unknown, "of one workflow the agent says nothing");
}

#[test]
fn the_words_are_those_of_the_json() {
    for verdict in Verdict::ALL {
        assert_eq!(serde_json::to_value(verdict).unwrap(), verdict.as_str());
    }
}

#[test]
fn what_an_agent_refused_is_told_with_its_file() {
    let refused = |what: Option<&str>| RefusedStatus {
        code: "file-refused".into(),
        digest: Digest::of_file(b"a commit"),
        what: what.map(str::to_owned),
    };
    let named = said_of_refusal(&refused(Some("`README.md` is no file that a release has")));
    assert_eq!(named, "file-refused (`README.md` is no file that a release has)");
    assert_eq!(said_of_refusal(&refused(None)), "file-refused");
    assert!(!said_of_refusal(&refused(Some("\u{1b}[2J"))).contains('\u{1b}'));
}

/// A connection that is held stops those that use it. Of a plan that cannot be read nobody knows which it uses.
#[test]
fn a_connection_that_is_held_is_named_and_holds_whoever_uses_it() {
    let holds = |what: &str| {
        let hold = format!(
            "\"holds\":[{{\"by\":\"ann\",\"client\":\"acme\",\"id\":\"h1\",\"since\":\"2026-03-02T09:00:00Z\",\"until\":\"2026-03-02T12:00:00Z\",\"what\":{what},\"why\":\"ticket-1\"}}],\"project\""
        );
        status(&[("\"project\"", &hold)])
    };
    let found = |what: &str, uses: Option<&[&str]>| {
        let uses = uses.map(|uses| (digest(1), uses.iter().map(|name| name.parse().unwrap()).collect()));
        let released = Released { uses: uses.into_iter().collect(), ..released() };
        let agents = [("eu-1".parse().unwrap(), holds(what))].into();
        let question = Question { commit: COMMIT, release: Ok(&released), agents: &agents, now: NOW.parse().unwrap() };
        judge(&question).agents.values().next().unwrap().workflows.get(&key()).cloned().unwrap()
    };
    let connection = "{\"connection\":\"shop\"}";
    let held = "held by ann until 2026-03-02T12:00:00Z: ticket-1";
    for (what, uses, verdict, why) in [
        (connection, Some(&["shop", "desk"][..]), Verdict::Held, format!("connection shop is {held}")),
        (connection, Some(&["desk"][..]), Verdict::Green, String::new()),
        (connection, None, Verdict::Held, format!("connection shop is {held}")),
        ("\"client\"", Some(&["desk"][..]), Verdict::Held, format!("the client is {held}")),
        ("{\"workflow\":\"refund\"}", Some(&["desk"][..]), Verdict::Held, held.to_owned()),
    ] {
        let found = found(what, uses);
        assert_eq!((found.verdict, found.why), (verdict, why), "{what} {uses:?}");
    }
}
