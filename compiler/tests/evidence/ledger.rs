//! What ledgers say of the promises: logs that are made up entry by entry, and judged.

use super::*;

/// Whose keys sign decisions.
pub(super) const LENA: [u8; 32] = [9; 32];

/// The example, in which lena's key is one that tests have.
fn deciding() -> Files {
    let old = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHWdvDlfnuKr3kIflybCT5sRfSvELtIdeVordDyBAUkw";
    let new = Signer::from_seed(&LENA).unwrap().public().to_string();
    let dollars = "[[guardrail]]\noperation = \"payments.refund\"\ncurrency = \"USD\"\nper_call = 10000\nper_day = 100000\n\
                   by = \"support-leads\"\n\n[[freeze]]";
    let files = changed(example(), ("clients/acme/client.toml", old, &new));
    changed(files, ("clients/acme/client.toml", "[[freeze]]", dollars))
}

/// What everybody signed, of which tests name digests.
pub(super) static SIGNED: LazyLock<Files> = LazyLock::new(|| signed(deciding()));

pub(super) fn digest(path: &str) -> Digest {
    Digest::of_file(&SIGNED[path])
}

/// The plan by which money moves.
pub(super) fn refund() -> Digest {
    let (folder, head) = committed(&SIGNED, "alice");
    let repository = git2::Repository::open_bare(folder.path()).unwrap();
    let parts = open_commit(&repository, head).unwrap();
    let (survey, _) = examine(&parts, NOW.parse().unwrap(), &Options::default()).unwrap();
    let judged = &survey.judged[&"acme".parse::<ClientId>().unwrap()];
    judged.workflows[&"refund".parse::<WorkflowId>().unwrap()].lowered.plan.to_bytes().unwrap().1
}

/// What the example says of `acme`.
pub(super) fn facts() -> ClientFacts {
    let (folder, head) = committed(&SIGNED, "alice");
    let repository = git2::Repository::open_bare(folder.path()).unwrap();
    let parts = open_commit(&repository, head).unwrap();
    let (survey, _) = examine(&parts, NOW.parse().unwrap(), &Options::default()).unwrap();
    survey.resolved.clients[&"acme".parse::<ClientId>().unwrap()].facts.as_ref().clone()
}

/// The log of `acme`, of one agent that the root knows.
pub(super) struct Ledger {
    pub(super) key: SigningKey,
    pub(super) entries: Vec<(Moment, &'static str, Value)>,
    /// The plan of all entries, for runs.
    pub(super) plan: Option<Digest>,
    /// Places whose body is gone.
    pub(super) gone: Vec<u64>,
    /// Checkpoints that others hold.
    pub(super) notes: Vec<Note>,
    /// Whether it is the agent's own.
    pub(super) of_agent: bool,
}

impl Ledger {
    pub(super) fn new(entries: &[(&str, &'static str, Value)]) -> Self {
        let root = json!({"root": digest("trust/root/1.toml")});
        let opened = ("2026-05-01T00:00:00Z", "opened", root);
        let all = std::iter::once(&opened).chain(entries);
        let entries = all.map(|(time, kind, data)| (time.parse().unwrap(), *kind, data.clone())).collect();
        Self {
            key: SigningKey::from_bytes(&[7; 32]),
            entries,
            plan: None,
            gone: Vec::new(),
            notes: Vec::new(),
            of_agent: false,
        }
    }

    pub(super) fn origin(&self) -> Origin {
        let first = Origin::first("harbor".parse().unwrap(), "eu-production-1".parse().unwrap());
        Origin { client: (!self.of_agent).then(|| "acme".parse().unwrap()), ..first }
    }

    /// In the order of time.
    pub(super) fn sorted(mut self) -> Self {
        self.entries.sort_by_key(|(time, ..)| *time);
        self
    }

    pub(super) fn export(&self) -> Vec<u8> {
        let (mut frontier, mut out) = (Frontier::new(), Vec::new());
        for (index, (time, kind, data)) in self.entries.iter().enumerate() {
            let index = u64::try_from(index).unwrap();
            let mut data = data.as_object().unwrap().clone();
            let step = data.remove("step").map(|step| step.as_str().unwrap().parse().unwrap());
            let run = data.remove("run").and_then(|run| run.as_u64());
            let attempt = data.remove("attempt").and_then(|attempt| attempt.as_u64());
            let attempt = attempt.or((*kind == "intent").then_some(1)).map(|attempt| attempt.try_into().unwrap());
            let plan = data.remove("plan").map(|plan| plan.as_str().unwrap().parse().unwrap());
            let of_a_run = ["accepted", "intent", "decided", "ended"].contains(kind);
            let nobody = data.get("actor").is_some_and(Value::is_null);
            let actor = data
                .remove("actor")
                .map_or_else(|| "alice".to_owned(), |who| who.as_str().unwrap_or_default().to_owned());
            let entry = Entry {
                log: self.origin(),
                index,
                time: *time,
                run: run.or(of_a_run.then_some(1)),
                step,
                item: None,
                attempt,
                actor: (!nobody).then(|| actor.parse().unwrap()),
                plan: plan.or(self.plan.filter(|_| *kind == "accepted")),
                kind: Kind::parse(kind, &data).unwrap(),
            };
            let (salt, body) = ([1; 32], entry.to_bytes().unwrap());
            let committed = commitment(&salt, &body);
            let there = (!self.gone.contains(&index)).then_some((&salt, body.as_slice()));
            out.extend(line(index, &committed, there).unwrap());
            frontier.append(committed.as_bytes());
        }
        let head = Head { origin: self.origin(), size: frontier.size(), root: frontier.root() };
        out.push(b'\n');
        out.extend(Checkpoint::sign(head, &self.key).note().as_bytes());
        out
    }

    pub(super) fn read(&self, change: impl FnOnce(&mut Vec<u8>)) -> impl FnOnce(&Root) -> Log {
        let mut bytes = self.export();
        change(&mut bytes);
        let (key, notes) = (*self.key.verifying_key().as_bytes(), self.notes.clone());
        move |root| {
            let mut root = root.clone();
            let signing = support::signed::public_key();
            let entry = AgentEntry {
                region: "eu".parse().unwrap(),
                environment: "production".parse().unwrap(),
                key: signing,
                ledger_key: base64::Engine::encode(&base64::engine::general_purpose::STANDARD, key),
                rehearses: false,
            };
            root.agents.insert("eu-production-1".parse().unwrap(), entry);
            read("acme.ledger", &bytes, &root.agents, &"harbor".parse().unwrap(), &notes)
        }
    }
}

/// Growth: four hours.
#[expect(clippy::unnecessary_wraps, reason = "a calendar without business days has no clock")]
fn answer_by(_: Tier, _: &str, opened: Moment, _: &BusinessHours) -> Option<Moment> {
    Some(opened.plus(Period::hours(4)))
}

pub(super) fn judged(log: impl FnOnce(&Root) -> Log, postmortems: &BTreeMap<String, Digest>) -> BTreeSet<String> {
    judged_all([log], postmortems)
}

pub(super) fn judged_all<L: FnOnce(&Root) -> Log>(
    logs: impl IntoIterator<Item = L>,
    postmortems: &BTreeMap<String, Digest>,
) -> BTreeSet<String> {
    judged_in(&SIGNED, logs, postmortems)
}

pub(super) fn judged_in<L: FnOnce(&Root) -> Log>(
    files: &Files,
    logs: impl IntoIterator<Item = L>,
    postmortems: &BTreeMap<String, Digest>,
) -> BTreeSet<String> {
    let rows = rows(files, logs, postmortems, None);
    let broken = rows.iter().filter(|row| row.verdict == Verdict::Broken);
    broken.flat_map(|row| row.against.iter().map(|against| format!("{}: {against}", row.promise.id))).collect()
}

pub(super) fn rows<L: FnOnce(&Root) -> Log>(
    files: &Files,
    logs: impl IntoIterator<Item = L>,
    postmortems: &BTreeMap<String, Digest>,
    client: Option<&ClientId>,
) -> Vec<Row> {
    rows_of(files, (logs, &[][..]), postmortems, client)
}

/// The same beside releases.
pub(super) fn rows_of<L: FnOnce(&Root) -> Log>(
    files: &Files,
    (logs, regions): (impl IntoIterator<Item = L>, &[Region]),
    postmortems: &BTreeMap<String, Digest>,
    client: Option<&ClientId>,
) -> Vec<Row> {
    let (folder, head) = committed(files, "alice");
    let repository = git2::Repository::open_bare(folder.path()).unwrap();
    let at: Moment = NOW.parse().unwrap();
    let (survey, findings) = examine(&open_commit(&repository, head).unwrap(), at, &Options::default()).unwrap();
    let root = survey.trusted.roots.as_ref().unwrap().newest();
    let logs: Vec<Log> = logs.into_iter().map(|log| log(root)).collect();
    let findings = findings.sorted();
    let seen = Seen {
        survey: &survey,
        findings: &findings,
        regions,
        logs: &logs,
        postmortems,
        files: 1,
        too_large: 0,
        authors: &Authors::default(),
        kept: &[],
        host: &Host::default(),
        client,
        at,
        answer_by,
    };
    judge(&seen)
}

pub(super) fn incident(state: &str) -> Value {
    json!({"id": "i-7", "state": state, "severity": "critical", "cause": "run-failed"})
}

pub(super) fn shared() -> Value {
    json!({"id": "i-7", "state": "shared", "severity": "critical", "cause": "run-failed", "file": Digest::of_file(b"why")})
}

/// What a judge says: against, and what else was seen.
pub(super) fn said(rows: &[Row]) -> (BTreeSet<String>, BTreeSet<String>) {
    let all = |of: fn(&Row) -> &Vec<String>| {
        rows.iter().flat_map(|row| of(row).iter().map(|said| format!("{}: {said}", row.promise.id))).collect()
    };
    (all(|row| &row.against), all(|row| &row.evidence))
}

#[test]
fn what_no_record_was_looked_at_for_is_not_called_kept() {
    let releases = BTreeSet::from(["P15", "P16", "P17"]);
    let ledgers = BTreeSet::from(["P10", "P11", "P12", "P13", "P14", "P18", "P19", "P20", "P21", "P22"]);
    let all = &releases | &ledgers;
    let acme = "acme".parse().unwrap();
    for (given, client, unseen) in [(false, None, &all), (false, Some(&acme), &all), (true, Some(&acme), &releases)] {
        let ledger = Ledger::new(&[]);
        let rows = rows(&SIGNED, given.then_some(|root: &Root| ledger.read(|_| ())(root)), &BTreeMap::new(), client);
        assert!(rows.iter().all(|row| matches!(row.verdict, Verdict::Kept | Verdict::Unseen)));
        let found = rows.iter().filter(|row| row.verdict == Verdict::Unseen).map(|row| row.promise.id).collect();
        assert_eq!(unseen, &found);
        let says = |row: &Row| row.evidence.iter().any(|what| what.starts_with("No ledger of acme"));
        assert!(rows.iter().all(|row| says(row) == (!given && ledgers.contains(row.promise.id))));
    }
}

#[test]
fn a_ledger_that_shows_an_incident_well_cared_for_speaks_against_nothing() {
    let ledger = Ledger::new(&[
        ("2026-05-20T10:00:00Z", "incident", incident("opened")),
        ("2026-05-20T10:00:05Z", "alerted", json!({"rule": "run-failed", "delay": 5})),
        ("2026-05-20T13:00:00Z", "incident", incident("acknowledged")),
        ("2026-05-22T09:00:00Z", "incident", shared()),
        ("2026-05-22T09:30:00Z", "incident", incident("closed")),
    ]);
    let kept = BTreeMap::from([("clients/acme/incidents/i-7.md".to_owned(), Digest::of_file(b"why"))]);
    assert_eq!(judged(ledger.read(|_| ()), &kept), BTreeSet::new());
}

#[test]
fn each_promise_turns_red_when_a_ledger_speaks_against_it() {
    let kept = BTreeMap::from([("clients/acme/incidents/i-7.md".to_owned(), Digest::of_file(b"why"))]);
    let opened = || ("2026-05-20T10:00:00Z", "incident", incident("opened"));
    let told = || ("2026-05-20T10:00:05Z", "alerted", json!({"rule": "run-failed", "delay": 5}));
    let late = Ledger::new(&[
        opened(),
        told(),
        ("2026-05-20T14:00:01Z", "incident", incident("acknowledged")),
        ("2026-05-22T09:00:00Z", "incident", shared()),
    ]);
    let says =
        |found: &BTreeSet<String>, what: &str| assert!(found.iter().any(|one| one.contains(what)), "{what}: {found:?}");
    let found = judged(late.read(|_| ()), &kept);
    assert_eq!(found.len(), 1);
    says(&found, "P20: assent/harbor/eu-production-1/acme: i-7 was answered 2026-05-20T14:00:01Z");
    says(&judged(late.read(|_| ()), &BTreeMap::new()), "P21: assent/harbor/eu-production-1/acme: i-7: the post-mortem");
    // What was promised when it opened is judged, whatever the plan says now.
    for (until, red) in
        [("2026-05-20T11:00:00Z", true), ("2026-05-20T14:00:01Z", false), ("2026-05-21T16:00:00Z", false)]
    {
        let mut told_by_when = incident("opened");
        told_by_when["respond_by"] = json!(until);
        let ledger = Ledger::new(&[
            ("2026-05-20T10:00:00Z", "incident", told_by_when),
            told(),
            ("2026-05-20T14:00:01Z", "incident", incident("acknowledged")),
            ("2026-05-22T09:00:00Z", "incident", shared()),
        ]);
        let found = judged(ledger.read(|_| ()), &kept);
        assert_eq!(found.iter().any(|one| one.starts_with("P20") && one.contains(until)), red, "{until}: {found:?}");
        assert_eq!(found.is_empty(), !red, "{found:?}");
    }
    let alone = judged(Ledger::new(&[opened()]).read(|_| ()), &kept);
    says(&alone, "i-7 was not answered by 2026-05-20T14:00:00Z");
    says(&alone, "i-7: no post-mortem was shared by 2026-05-22T10:00:00Z");
    let closed = Ledger::new(&[
        opened(),
        told(),
        ("2026-05-20T11:00:00Z", "incident", incident("acknowledged")),
        ("2026-05-21T10:00:00Z", "incident", incident("closed")),
    ]);
    says(&judged(closed.read(|_| ()), &kept), "P21: assent/harbor/eu-production-1/acme: i-7 was closed without");
    let run = json!({"id": "r-1", "trigger": "webhook", "event": "evt-1"});
    let unseen = Ledger::new(&[
        ("2026-05-20T10:00:00Z", "accepted", run),
        ("2026-05-20T10:00:04Z", "ended", json!({"outcome": "failed"})),
    ]);
    says(
        &judged(unseen.read(|_| ()), &BTreeMap::new()),
        "P12: assent/harbor/eu-production-1/acme: 1 run could not be finished, and no rule found it",
    );
    let slow = Ledger::new(&[("2026-05-20T10:00:05Z", "alerted", json!({"rule": "stale", "delay": 301}))]);
    says(
        &judged(slow.read(|_| ()), &kept),
        "P13: assent/harbor/eu-production-1/acme: an alert was delivered only after 301 s",
    );
    let alerted = |rule: &str| ("2026-05-20T10:00:05Z", "alerted", json!({"rule": rule, "delay": 5}));
    let overdue = Ledger::new(&[alerted("rotation-overdue")]);
    says(
        &judged(overdue.read(|_| ()), &kept),
        "P08: assent/harbor/eu-production-1/acme: a secret is overdue since 2026-05-20T10:00:05Z",
    );
    let rotated = ("2026-05-21T10:00:00Z", "rotated", json!({"connection": "shop", "slot": "token"}));
    assert_eq!(judged(Ledger::new(&[alerted("rotation-overdue"), rotated]).read(|_| ()), &kept), BTreeSet::new());
    // Another slot's rotation is none of the one that is overdue.
    let named = |slot: &str| {
        let data = json!({"rule": "rotation-overdue", "delay": 5, "connection": "helpdesk", "slot": slot});
        ("2026-05-20T10:00:05Z", "alerted", data)
    };
    let of = |connection: &str, slot: &str| {
        ("2026-05-21T10:00:00Z", "rotated", json!({"connection": connection, "slot": slot}))
    };
    for (rotated, red) in [
        (of("shop", "token"), true),
        (of("helpdesk", "webhook"), true),
        (of("shop", "webhook"), true),
        (of("helpdesk", "token"), false),
    ] {
        let found = judged(Ledger::new(&[named("token"), rotated.clone()]).read(|_| ()), &kept);
        assert_eq!(!found.is_empty(), red, "{rotated:?}: {found:?}");
    }
    let both = Ledger::new(&[named("token"), named("webhook"), of("helpdesk", "webhook")]);
    says(
        &judged(both.read(|_| ()), &kept),
        "P08: assent/harbor/eu-production-1/acme: the secret of `helpdesk`, slot `token`, is overdue since",
    );
    let wider = Ledger::new(&[alerted("scope-wider")]);
    says(&judged(wider.read(|_| ()), &kept), "P06: assent/harbor/eu-production-1/acme: at 2026-05-20T10:00:05Z");
}

/// What workflow B left undone is no part of A's incident: where no connection is to blame, each has its own.
#[test]
fn the_incident_of_another_workflow_or_cause_excuses_no_run() {
    let plans = ["refund", "reply"].map(|workflow| (workflow, Digest::of_file(workflow.as_bytes())));
    let deployed = plans.map(|(workflow, plan)| {
        ("2026-05-20T09:00:00Z", "deployed", json!({"workflow": workflow, "stage": "committed", "plan": plan}))
    });
    let story = |incident_is: &[(&str, &str)], run_is: &[(&str, &str)], workflow: usize| {
        let about = |base: Value, more: &[(&str, &str)]| {
            let mut data = base;
            for (name, value) in more {
                data[*name] = json!(value);
            }
            data
        };
        let run = |plan: Digest| json!({"id": "r-1", "trigger": "webhook", "event": "e", "plan": plan});
        let opened = about(incident("opened"), incident_is);
        let ended = about(json!({"outcome": "failed", "run": 1}), run_is);
        let rest = [
            ("2026-05-20T10:00:00Z", "incident", opened),
            ("2026-05-20T10:00:05Z", "alerted", json!({"rule": "run-failed", "delay": 5, "incident": "i-7"})),
            ("2026-05-20T10:00:10Z", "accepted", run(plans[workflow].1)),
            ("2026-05-20T10:00:20Z", "ended", ended),
        ];
        let ledger = Ledger::new(&deployed.iter().cloned().chain(rest).collect::<Vec<_>>());
        let said = "run 1 ended failed at 2026-05-20T10:00:20Z, and no incident of that was open";
        let found = judged(ledger.read(|_| ()), &BTreeMap::new());
        ["P12", "P19"].map(|promise| found.iter().any(|one| one.starts_with(promise) && one.contains(said)))
    };
    let (timeout, of_refund) = (("code", "timeout"), ("workflow", "refund"));
    let ended = [("name", "timeout")];
    assert_eq!(story(&[timeout, of_refund], &ended, 0), [false; 2], "its own");
    assert_eq!(story(&[timeout, of_refund], &ended, 1), [true; 2], "another workflow's");
    assert_eq!(story(&[timeout, of_refund], &[("name", "bad_expression")], 0), [true; 2], "another cause");
    // One API that is down is one incident for all that call it, and for nothing else.
    let down = [("code", "http_503"), ("connection", "shop")];
    let fails = |connection| [("name", "http_503"), ("connection", connection)];
    assert_eq!(story(&down, &fails("shop"), 1), [false; 2]);
    assert_eq!(story(&down, &fails("helpdesk"), 1), [true; 2]);
    assert_eq!(story(&down, &[("name", "http_503")], 1), [true; 2]);
    // What an older agent opened says nothing but its rule.
    assert_eq!(story(&[], &ended, 1), [false; 2]);
}

/// An alert of the same rule about something else tells nobody of this incident.
#[test]
fn the_alert_of_another_incident_tells_nobody_of_this_one() {
    let story = |of: Option<&str>, code: bool| {
        let mut opened = incident("opened");
        if code {
            opened["code"] = json!("timeout");
        }
        let mut alerted = json!({"rule": "run-failed", "delay": 5});
        if let Some(of) = of {
            alerted["incident"] = json!(of);
        }
        let ledger = Ledger::new(&[
            ("2026-05-20T10:00:00Z", "incident", opened),
            ("2026-05-20T10:00:05Z", "alerted", alerted),
            ("2026-05-20T13:00:00Z", "incident", incident("acknowledged")),
        ]);
        judged(ledger.read(|_| ()), &BTreeMap::new()).iter().any(|one| one.starts_with("P13: "))
    };
    assert_eq!([story(Some("i-7"), true), story(Some("i-8"), true), story(None, true)], [false, true, true]);
    assert_eq!([story(None, false), story(Some("i-7"), false), story(Some("i-8"), false)], [false, false, true]);
}

#[test]
fn an_incident_that_nobody_was_told_of_and_a_better_post_mortem() {
    let kept = BTreeMap::from([("clients/acme/incidents/i-7.md".to_owned(), Digest::of_file(b"why"))]);
    let story = |told: Option<&str>| {
        let opened = [("2026-05-20T10:00:00Z", "incident", incident("opened"))];
        let told = told.map(|rule| ("2026-05-20T10:00:05Z", "alerted", json!({"rule": rule, "delay": 5})));
        let after = [
            ("2026-05-20T13:00:00Z", "incident", incident("acknowledged")),
            ("2026-05-22T09:00:00Z", "incident", shared()),
            // A better one, after the 48 hours: what was promised was kept.
            ("2026-05-24T09:00:00Z", "incident", shared()),
        ];
        let ledger = Ledger::new(&opened.into_iter().chain(told).chain(after).collect::<Vec<_>>());
        judged(ledger.read(|_| ()), &kept)
    };
    assert_eq!(story(Some("run-failed")), BTreeSet::new());
    for told in [None, Some("stale")] {
        let found = story(told);
        assert!(found.iter().any(|one| one.starts_with("P13: ") && one.contains("i-7 was opened")), "{found:?}");
    }
    // Whatever the entry says of its delay.
    let late = Ledger::new(&[
        ("2026-05-20T10:00:00Z", "incident", incident("opened")),
        ("2026-05-20T10:05:01Z", "alerted", json!({"rule": "run-failed", "delay": 5})),
        ("2026-05-20T13:00:00Z", "incident", incident("acknowledged")),
        ("2026-05-22T09:00:00Z", "incident", shared()),
    ]);
    let found = judged(late.read(|_| ()), &kept);
    let why =
        "i-7 was opened 2026-05-20T10:00:00Z, and the first alert of its rule was delivered 2026-05-20T10:05:01Z.";
    assert!(found.len() == 1 && found.iter().all(|one| one.starts_with("P13: ") && one.ends_with(why)), "{found:?}");
}

/// The client got a first post-mortem in time, and a better one after it: that is the one which the source keeps.
#[test]
fn a_better_post_mortem_takes_the_place_of_the_one_before() {
    let (first, better) = (Digest::of_file(b"first"), Digest::of_file(b"better"));
    let with = |state: &str, file: Digest| {
        let mut told = incident(state);
        told["file"] = json!(file);
        told
    };
    let ledger = Ledger::new(&[
        ("2026-05-20T10:00:00Z", "incident", incident("opened")),
        ("2026-05-20T10:00:05Z", "alerted", json!({"rule": "run-failed", "delay": 5})),
        ("2026-05-20T13:00:00Z", "incident", incident("acknowledged")),
        ("2026-05-22T09:00:00Z", "incident", with("shared", first)),
        ("2026-05-24T09:00:00Z", "incident", with("shared", better)),
        ("2026-05-24T10:00:00Z", "incident", with("closed", better)),
    ]);
    let committed = |file| BTreeMap::from([("clients/acme/incidents/i-7.md".to_owned(), file)]);
    assert_eq!(judged(ledger.read(|_| ()), &committed(better)), BTreeSet::new());
    // What nobody got is none, whatever the close says.
    let found = judged(ledger.read(|_| ()), &committed(first));
    let why = format!("the post-mortem that was shared ({better}) is not in the commit.");
    assert!(found.len() == 1 && found.iter().all(|one| one.starts_with("P21: ") && one.ends_with(&why)), "{found:?}");
    let mut closed = ledger;
    closed.entries.remove(5);
    closed.entries[5].2 = with("closed", better);
    let found = judged(closed.read(|_| ()), &committed(better));
    let why = format!("the post-mortem that was shared ({first}) is not in the commit.");
    assert!(found.len() == 1 && found.iter().all(|one| one.ends_with(&why)), "{found:?}");
}

#[test]
fn what_is_gone_too_early_breaks_the_promise_to_keep_it() {
    let story = |pruned: &str| {
        let looked = json!({"what": "run", "why": "ticket-1"});
        let gone = json!({"ranges": [[2, 2]], "rule": "retention", "reason": "90d"});
        let (before, after) =
            (("2026-05-02T00:00:00Z", "viewed", looked.clone()), ("2026-05-03T00:00:00Z", "viewed", looked));
        let ledger = Ledger { gone: vec![2], ..Ledger::new(&[before, after, (pruned, "pruned", gone)]) };
        judged(ledger.read(|_| ()), &BTreeMap::new())
    };
    assert_eq!(story("2026-11-02T00:00:00Z"), BTreeSet::new());
    // The client signed for 180 days.
    for early in ["2026-05-10T00:00:00Z", "2026-08-02T00:00:00Z"] {
        let found = story(early);
        assert!(found.iter().any(|one| one.starts_with("P14: ") && one.contains("the entries 2 to 2")), "{found:?}");
    }
}

#[test]
fn nothing_goes_while_a_legal_hold_keeps_it() {
    let looked = || ("2026-05-02T00:00:00Z", "viewed", json!({"what": "run", "why": "ticket-1"}));
    let held = || ("2026-05-03T00:00:00Z", "legal-held", json!({"id": "l-1", "why": "case-1"}));
    let released = || ("2026-05-04T00:00:00Z", "legal-released", json!({"id": "l-1"}));
    let erased = || ("2026-05-05T00:00:00Z", "erased", json!({"ranges": [[1, 1]], "request": "r-1"}));
    let story = |entries: &[(&str, &'static str, Value)]| {
        judged(Ledger { gone: vec![1], ..Ledger::new(entries) }.read(|_| ()), &BTreeMap::new())
    };
    assert_eq!(story(&[looked(), held(), released(), erased()]), BTreeSet::new());
    let found = story(&[looked(), held(), erased()]);
    assert!(
        found.iter().any(|one| one.starts_with("P14: ") && one.contains("a legal hold of 2026-05-03")),
        "{found:?}"
    );
}

#[test]
fn what_went_back_stays_back_and_releases_count_up() {
    let (bad, good) = (Digest::of_file(b"bad"), Digest::of_file(b"good"));
    let released =
        |sequence: u64, name: &str| json!({"sequence": sequence, "manifest": Digest::of_file(name.as_bytes())});
    let back = (
        "2026-05-20T10:00:00Z",
        "rolled-back",
        json!({"workflow": "refund", "from": bad, "to": good, "why": "by-hand"}),
    );
    let begun = ("2026-05-20T11:00:00Z", "accepted", json!({"id": "r", "trigger": "webhook", "event": "e"}));
    let readmitted = ("2026-05-20T10:30:00Z", "released", released(2, "two"));
    let judge = |entries: &[(&str, &'static str, Value)], plan: Digest| {
        let ledger = Ledger { plan: Some(plan), ..Ledger::new(entries) };
        judged(ledger.read(|_| ()), &BTreeMap::new())
    };
    assert_eq!(judge(&[back.clone(), begun.clone()], good), BTreeSet::new());
    assert_eq!(judge(&[back.clone(), readmitted.clone(), begun.clone()], bad), BTreeSet::new());
    let again = judge(&[back, begun], bad);
    assert!(again.iter().any(|one| one.starts_with("P17: ") && one.contains("went back and began a run")), "{again:?}");
    for (sequence, name) in [(1, "one"), (2, "another")] {
        let found = judge(&[readmitted.clone(), ("2026-05-21T10:00:00Z", "released", released(sequence, name))], good);
        assert!(found.iter().any(|one| one.starts_with("P16: ")), "{found:?}");
    }
    let found = judge(&[readmitted, ("2026-05-21T10:00:00Z", "released", released(3, "three"))], good);
    assert_eq!(found, BTreeSet::new());
}

#[test]
fn a_ledger_that_somebody_edited_is_no_evidence() {
    let ledger = Ledger::new(&[("2026-05-20T10:00:05Z", "alerted", json!({"rule": "stale", "delay": 5}))]);
    let found = judged(
        ledger.read(|bytes| {
            let place = bytes.windows(4).position(|w| w == b"body").unwrap() + 12;
            bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
        }),
        &BTreeMap::new(),
    );
    for promise in ["P10", "P11", "P14"] {
        let said = format!("{promise}: acme.ledger does not verify");
        assert!(found.iter().any(|one| one.starts_with(&said)), "{found:?}");
    }
    let cut = judged(ledger.read(|bytes| bytes.truncate(20)), &BTreeMap::new());
    assert!(cut.iter().any(|one| one.contains("ends without a checkpoint")), "{cut:?}");
}
