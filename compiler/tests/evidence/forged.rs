//! Ledgers that a broken or hostile agent would sign: each turns the right promise red, and says why.

use std::collections::{BTreeMap, BTreeSet};

use assent_compiler::evidence::{Holder, Note};
use assent_schema::canon::{self, Digest};
use assent_schema::trust::{Namespace, Signer, sign};
use ed25519_dalek::SigningKey;
use serde_json::{Value, json};

use super::ledger::{LENA, Ledger, SIGNED, digest, incident, judged, judged_all, judged_in, refund};
use super::support::signed::follow;

/// Why a payment is seen, and what spoils it.
type Spoilt = (&'static str, fn(&mut Paid));

/// An entry of a story.
pub(super) type Told = (&'static str, &'static str, Value);

fn found(ledger: &Ledger) -> BTreeSet<String> {
    judged(ledger.read(|_| ()), &BTreeMap::new())
}

/// That exactly these promises are broken, each for such a reason.
pub(super) fn says(found: &BTreeSet<String>, wanted: &[(&str, &str)]) {
    for (promise, why) in wanted {
        let told = found.iter().any(|one| one.starts_with(&format!("{promise}: ")) && one.contains(why));
        assert!(told, "{promise} {why}: {found:?}");
    }
    let broken: BTreeSet<&str> = found.iter().filter_map(|one| one.split(':').next()).collect();
    assert_eq!(broken, wanted.iter().map(|(promise, _)| *promise).collect(), "{found:?}");
}

fn alerted(rule: &str) -> Told {
    ("2026-05-20T10:00:05Z", "alerted", json!({"rule": rule, "delay": 5}))
}

/// The checkpoint at the end of an export.
fn note(ledger: &Ledger) -> Note {
    let text = String::from_utf8(ledger.export()).unwrap();
    Note {
        holder: Holder::Branch { since: "2026-05-20T10:00:10Z".parse().unwrap() },
        text: text.split_once("\n\n").unwrap().1.to_owned(),
    }
}

#[test]
fn a_ledger_is_held_against_what_was_published_and_kept() {
    let published = Ledger::new(&[alerted("stale"), alerted("stale")]);
    let with = |entries: &[Told], notes: Vec<Note>| found(&Ledger { notes, ..Ledger::new(entries) });
    let grown = [alerted("stale"), alerted("stale"), alerted("lag")];
    says(&with(&grown, vec![note(&published)]), &[]);
    let rewritten = with(&[alerted("lag"), alerted("stale"), alerted("lag")], vec![note(&published)]);
    let why = "the checkpoint that the agent published over 3 entries is of another log: this one was rewritten among the entries 0 \
               to 2.";
    says(&rewritten, &[("P10", why), ("P11", why), ("P14", why)]);
    let older = with(&[alerted("stale")], vec![note(&published)]);
    says(&older, &[("P11", "it has 2 entries of 3")]);
    // An agent publishes one each minute: the longest is told, and how many more there are.
    let many = with(&[], vec![note(&published), note(&Ledger::new(&[alerted("stale")]))]);
    says(&many, &[("P11", "the checkpoint that the agent published, and than 1 more: it has 1 entry of 3")]);
    // What was published within a day before the report, an honest export may lack.
    let lately = Note { holder: Holder::Branch { since: "2026-05-31T13:00:00Z".parse().unwrap() }, ..note(&published) };
    says(&with(&[alerted("stale")], vec![lately]), &[]);
    let kept = Note { holder: Holder::File("mine".into()), ..note(&published) };
    says(&with(&[alerted("stale")], vec![kept]), &[("P11", "older than the checkpoint in mine")]);
    let other = Ledger { key: SigningKey::from_bytes(&[8; 32]), ..Ledger::new(&grown) };
    says(&with(&grown, vec![note(&other)]), &[("P11", "is not signed by the log's key")]);
}

#[test]
fn what_was_written_again_is_between_two_checkpoints() {
    let stories: Vec<Told> = ["stale", "lag", "disk", "clock-off", "stale", "lag"].map(alerted).into();
    let log = |entries: &[Told]| Ledger::new(entries);
    // The checkpoint of all, below entries of which some were written again.
    let with = |changed: usize, notes: &[usize]| {
        let notes = notes.iter().map(|entries| note(&log(&stories[..*entries]))).collect();
        let mut other = stories.clone();
        other[changed].2 = json!({"rule": "stale", "delay": 6});
        let whole = Ledger { notes, ..log(&stories) };
        let (written, head) = (log(&other).export(), whole.export());
        let at = |bytes: &[u8]| bytes.windows(2).position(|pair| pair == b"\n\n").unwrap();
        let made = [&written[..at(&written)], &head[at(&head)..]].concat();
        let found = judged(whole.read(|bytes| *bytes = made), &BTreeMap::new());
        found.iter().find(|one| one.starts_with("P11: ")).unwrap().rsplit(": ").nth(1).unwrap().to_owned()
    };
    // `opened` stands before the stories: so a checkpoint over N of them is one over N + 1 entries.
    assert_eq!(with(2, &[]), "entries 0 to 6");
    assert_eq!(with(2, &[1]), "entries 2 to 6");
    assert_eq!(with(2, &[1, 4]), "entries 2 to 4");
    assert_eq!(with(2, &[1, 2, 3, 5]), "entry 3");
    assert_eq!(with(5, &[1, 4]), "entries 5 to 6");
    assert_eq!(with(0, &[2, 4]), "entries 0 to 2");
}

#[test]
fn a_log_that_began_under_another_root_is_of_another_project() {
    let mut ledger = Ledger::new(&[]);
    ledger.entries[0].2 = json!({"root": Digest::of_file(b"another")});
    says(&found(&ledger), &[("P11", "which the source has not")]);
}

#[test]
fn a_tick_of_one_log_ties_the_other() {
    let own = |rule: &str| {
        let mut ledger = Ledger::new(&[alerted(rule)]);
        ledger.of_agent = true;
        ledger
    };
    let head = |ledger: &Ledger| {
        let text = note(ledger).text;
        let lines: Vec<&str> = text.lines().collect();
        let root = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, lines[2]).unwrap();
        let root = Digest::from_bytes(root.try_into().unwrap());
        json!({"origin": lines[0], "size": lines[1].parse::<u64>().unwrap(), "root": root})
    };
    let story = |named: &Ledger, there: &Ledger| {
        let heads = json!({"accepted": 0, "finished": 0, "heads": [head(named)]});
        let client = Ledger::new(&[("2026-05-20T10:00:06Z", "tick", heads)]);
        judged_all([&client, there].map(|ledger| ledger.read(|_| ())), &BTreeMap::new())
    };
    says(&story(&own("stale"), &own("stale")), &[]);
    says(&story(&own("stale"), &own("lag")), &[("P11", "names another root over 2 entries")]);
}

#[test]
fn each_run_that_failed_has_an_incident_of_its_time() {
    let begun = |run: u64| {
        let id = format!("r-{run}");
        ("2026-05-20T10:00:00Z", "accepted", json!({"run": run, "id": id, "trigger": "webhook", "event": "e"}))
    };
    let ended = |time, run: u64| (time, "ended", json!({"run": run, "outcome": "failed"}));
    let state = |time, state| (time, "incident", incident(state));
    let story = |second| {
        let ledger = Ledger::new(&[
            begun(1),
            begun(2),
            state("2026-05-20T10:00:02Z", "opened"),
            ended("2026-05-20T10:00:02Z", 1),
            ("2026-05-20T10:00:05Z", "alerted", json!({"rule": "run-failed", "delay": 5})),
            state("2026-05-20T10:30:00Z", "acknowledged"),
            ended(second, 2),
            state("2026-05-20T12:00:00Z", "resolved"),
        ]);
        found(&ledger.sorted())
    };
    let of = |found: BTreeSet<String>| -> BTreeSet<String> {
        found.into_iter().filter(|one| one.contains("no incident of that was open")).collect()
    };
    assert_eq!(of(story("2026-05-20T11:00:00Z")), BTreeSet::new());
    let late = of(story("2026-05-20T13:00:00Z"));
    let why = "run 2 ended failed at 2026-05-20T13:00:00Z, and no incident of that was open";
    says(&late, &[("P12", why), ("P19", why)]);
}

/// A run that came to its end with items left undone is told as one that failed is.
#[test]
fn items_that_were_left_to_people_have_an_incident() {
    let at = "2026-05-20T10:00:02Z";
    let story = |left: Option<&str>, incident: bool| {
        let mut end = json!({"run": 1, "outcome": "done"});
        if let Some(left) = left {
            end["left"] = json!(left);
        }
        let begun = json!({"run": 1, "id": "r-1", "trigger": "webhook", "event": "e"});
        let mut all = vec![("2026-05-20T10:00:00Z", "accepted", begun), (at, "ended", end)];
        let opened = json!({"id": "i-7", "state": "opened", "severity": "critical", "cause": "run-done"});
        all.extend(incident.then_some((at, "incident", opened)));
        let found = found(&Ledger::new(&all).sorted());
        found.into_iter().filter(|one| one.contains("no incident of that was open")).collect::<BTreeSet<_>>()
    };
    assert_eq!(story(None, false), BTreeSet::new(), "nothing was left");
    for left in ["items_failed", "in_doubt"] {
        let why = "run 1 ended done at 2026-05-20T10:00:02Z, and no incident of that was open";
        says(&story(Some(left), false), &[("P12", why), ("P19", why)]);
        assert_eq!(story(Some(left), true), BTreeSet::new(), "{left}");
    }
}

/// The statement by which the client approved everything was taken up.
fn approved() -> Told {
    let statement = SIGNED.keys().find(|path| path.starts_with("clients/acme/approvals/") && !path.contains(".sig"));
    let data = json!({"digest": digest(statement.unwrap()), "decision": "approve"});
    ("2026-05-02T00:00:00Z", "statement", data)
}

#[test]
fn what_nobody_had_approved_then_is_seen() {
    let plan = refund();
    let keyed = Digest::of_file(b"keyed");
    let story = |entries: &[Told]| {
        let ledger = Ledger { plan: Some(plan), ..Ledger::new(entries) }.sorted();
        let found = found(&ledger);
        let of = |promise: &str| found.iter().filter(|one| one.starts_with(promise)).cloned().collect::<Vec<_>>();
        (of("P24: "), of("P25: "))
    };
    let accepted = |time| (time, "accepted", json!({"id": "r", "trigger": "webhook", "event": "e"}));
    let read = |time| (time, "intent", json!({"step": "order", "operation": "shop.get_order", "keyed": keyed}));
    let asked = |time| (time, "intent", json!({"step": "intent", "operation": "assistant.ask", "keyed": keyed}));
    let (day, later) = ("2026-05-20T10:00:00Z", "2028-05-20T10:00:00Z");
    assert_eq!(story(&[approved(), accepted(day), read(day), asked(day)]), (vec![], vec![]));
    let why = "and nobody had approved that then, by the statements that it had taken up.";
    for entries in [&[accepted(day), read(day)] as &[Told], &[approved(), accepted(day), read(later)]] {
        let (_, found) = story(entries);
        assert!(found.len() == 1 && found[0].ends_with(why), "{found:?}");
    }
    let (found, _) = story(&[approved(), accepted(day), asked(later)]);
    assert!(found.len() == 1 && found[0].ends_with("and no agreement with that provider held then."), "{found:?}");
    // What is asked besides, such as whether something happened, is done after a withdrawal too.
    let beside = |time| (time, "intent", json!({"step": "pay", "operation": "shop.get_order", "keyed": keyed}));
    assert_eq!(story(&[accepted(day), beside(day)]), (vec![], vec![]));
}

/// Who approved then is no approver any more: what was signed then is worth what it was then, and no more.
#[test]
fn what_was_approved_then_is_judged_by_the_approvers_of_then() {
    let (plan, keyed) = (refund(), Digest::of_file(b"keyed"));
    let mut files = SIGNED.clone();
    follow(&mut files, &"acme".parse().unwrap(), false);
    let story = |entries: &[Told]| {
        let ledger = Ledger { plan: Some(plan), ..Ledger::new(entries) }.sorted();
        let found = judged_in(&files, [ledger.read(|_| ())], &BTreeMap::new());
        let why = "and nobody had approved that then, by the statements that it had taken up.";
        found.iter().filter(|one| one.starts_with("P25: ") && one.ends_with(why)).count()
    };
    let accepted = |time| (time, "accepted", json!({"id": "r", "trigger": "webhook", "event": "e"}));
    let read = |time| (time, "intent", json!({"step": "order", "operation": "shop.get_order", "keyed": keyed}));
    let (day, later) = ("2026-05-20T10:00:00Z", "2028-05-20T10:00:00Z");
    assert_eq!(story(&[approved(), accepted(day), read(day)]), 0);
    assert_eq!(story(&[accepted(day), read(day)]), 1);
    assert_eq!(story(&[approved(), accepted(day), read(later)]), 1);
}

#[test]
fn more_in_a_day_than_the_client_allows_is_seen() {
    let plan = refund();
    let keyed = Digest::of_file(b"keyed");
    // 100,000 a day, of which each call is at most 10,000.
    let found_in = |currency: &dyn Fn(usize) -> &'static str, sent: &[(&'static str, u64, &str)]| {
        let mut all = vec![approved()];
        for (run, (time, minor, code)) in (1..).zip(sent) {
            let begun = json!({"run": run, "id": format!("r-{run}"), "trigger": "webhook", "event": "e"});
            let paid = json!({"run": run, "step": "pay", "operation": "payments.refund", "keyed": keyed,
                "amount": {"currency": currency(run), "minor": minor}});
            let came = json!({"run": run, "step": "pay", "attempt": 1, "code": code});
            all.extend([(*time, "accepted", begun), (*time, "intent", paid), (*time, "outcome", came)]);
        }
        found(&Ledger { plan: Some(plan), ..Ledger::new(&all) })
    };
    let story = |sent: &[(&'static str, u64, &str)]| {
        let found = found_in(&|_| "EUR", sent);
        found.iter().filter(|one| one.contains("above what the client's guardrail allows for a day")).count()
    };
    let (day, next) = ("2026-05-20T10:00:00Z", "2026-05-21T10:00:00Z");
    let ten = vec![(day, 10_000, "ok"); 10];
    let with = |last: (&'static str, u64, &'static str)| [ten.as_slice(), &[last]].concat();
    assert_eq!(story(&ten), 0);
    assert_eq!(story(&with((day, 1, "ok"))), 1);
    assert_eq!(story(&with((next, 10_000, "ok"))), 0);
    // What failed is not counted, and fifty calls are all that a day has.
    let failed: Vec<_> = ten.iter().map(|(day, minor, _)| (*day, *minor, "unavailable")).collect();
    assert_eq!(story(&[failed.as_slice(), &ten].concat()), 0);
    assert_eq!(story(&vec![(day, 1, "ok"); 51]), 1);
    // Each currency has a limit of its own, and none has one for another.
    let of_p25 = |currency: &dyn Fn(usize) -> &'static str, sent| {
        found_in(currency, sent).into_iter().filter(|one| one.starts_with("P25: ")).collect::<Vec<_>>()
    };
    let both = |run: usize| if run.is_multiple_of(2) { "USD" } else { "EUR" };
    let twenty = [ten.clone(), ten.clone()].concat();
    assert_eq!(of_p25(&both, &twenty), Vec::<String>::new());
    let more = [twenty.as_slice(), &[(day, 1, "ok")]].concat();
    let one_more = of_p25(&both, &more);
    assert!(matches!(&one_more[..], [one] if one.contains("run 21 ") && one.contains("for a day")), "{one_more:?}");
    let pounds = of_p25(&|_| "GBP", &[(day, 1, "ok")]);
    assert!(matches!(&pounds[..], [one] if one.contains("over 1 GBP (minor units)")), "{pounds:?}");
}

#[test]
fn a_run_that_is_done_says_what_each_request_came_to() {
    let plan = refund();
    let read = json!({"step": "order", "operation": "shop.get_order", "keyed": Digest::of_file(b"keyed")});
    let story = |between: Option<Told>, outcome: &str| {
        let begun = json!({"id": "r", "trigger": "webhook", "event": "e"});
        let mut all = vec![
            approved(),
            ("2026-05-20T10:00:00Z", "started", json!({"clean": true, "version": "0.1.0"})),
            ("2026-05-20T10:00:01Z", "accepted", begun),
            ("2026-05-20T10:00:02Z", "intent", read.clone()),
        ];
        all.extend(between);
        all.push(("2026-05-20T10:00:04Z", "ended", json!({"outcome": outcome})));
        let found = found(&Ledger { plan: Some(plan), ..Ledger::new(&all) });
        found.into_iter().filter(|one| one.starts_with("P11: ")).collect::<Vec<_>>()
    };
    let silent = story(None, "done");
    let why = "run 1 was done at 2026-05-20T10:00:04Z, and no entry says what shop.get_order at `order` came to.";
    assert!(silent.len() == 1 && silent[0].ends_with(why), "{silent:?}");
    let came = json!({"run": 1, "step": "order", "attempt": 1, "code": "ok"});
    assert_eq!(story(Some(("2026-05-20T10:00:03Z", "outcome", came)), "done"), Vec::<String>::new());
    let again = json!({"clean": false, "version": "0.1.0"});
    assert_eq!(story(Some(("2026-05-20T10:00:03Z", "started", again)), "done"), Vec::<String>::new());
    assert_eq!(story(None, "superseded"), Vec::<String>::new());
}

#[test]
fn roots_and_resets_that_nobody_wrote_are_seen() {
    let reset = json!({"number": 2, "approvers": Digest::of_file(b"mine"), "standing": "counts"});
    let story = |kind, data| found(&Ledger::new(&[("2026-05-20T10:00:00Z", kind, data)]));
    says(&story("approvers-reset", reset), &[("P25", "which no root of the source says")]);
    says(&story("root", json!({"version": 9})), &[("P25", "took up version 9 of the root")]);
    says(&story("root", json!({"version": 2})), &[]);
}

/// A run that pays, with a decision that is signed as it must be.
pub(super) struct Paid {
    /// What was signed.
    signed: Value,
    /// The data of the entry `decided`; nothing where it is left out.
    decided: Option<Value>,
    /// The data of the entry `intent`.
    intent: Value,
    /// By whom.
    seed: [u8; 32],
    /// Whether it ends before.
    ended: bool,
    gone: Vec<u64>,
}

impl Paid {
    pub(super) fn well(plan: Digest) -> Self {
        let (shown, nonce) = (Digest::of_file(b"shown"), Digest::of_file(b"nonce"));
        let approvers = digest("clients/acme/approvers/1.toml");
        let signed = json!({"type": "decision", "schema": 1, "project": digest("trust/root/1.toml"), "client": "acme",
            "approvers": approvers, "agent": "eu-production-1", "run": "r", "step": "agree", "plan": plan, "shown": shown,
            "choice": "approve", "nonce": nonce, "person": "lena"});
        let decided = json!({"step": "agree", "actor": "lena", "choice": "approve", "shown": shown, "nonce": nonce,
            "by": "support-leads"});
        let intent = json!({"step": "pay", "operation": "payments.refund", "keyed": Digest::of_file(b"keyed"),
            "amount": {"currency": "EUR", "minor": 4900}});
        Self { signed, decided: Some(decided), intent, seed: LENA, ended: false, gone: Vec::new() }
    }

    fn found(&self, plan: Digest) -> BTreeSet<String> {
        found(&self.ledger(plan))
    }

    /// The log of it.
    pub(super) fn ledger(&self, plan: Digest) -> Ledger {
        let text = String::from_utf8(canon::to_bytes(&self.signed).unwrap()).unwrap();
        let signature = sign(&Signer::from_seed(&self.seed).unwrap(), Namespace::Decision, text.as_bytes());
        let begun = json!({"id": "r", "trigger": "webhook", "event": "e"});
        let looked = |actor: &str| json!({"run": 1, "actor": actor, "what": "question", "why": "decision"});
        let mut all = vec![
            approved(),
            ("2026-05-20T10:00:00Z", "accepted", begun),
            ("2026-05-20T10:00:01Z", "viewed", looked("lena")),
        ];
        let who = self.decided.as_ref().and_then(|decided| decided["actor"].as_str());
        all.extend(who.map(|who| ("2026-05-20T10:00:01Z", "viewed", looked(who))));
        all.extend(self.decided.clone().map(|mut decided| {
            if decided.get("nonce").is_some() {
                decided["decision"] = text.into();
                decided["signature"] = signature.into();
            }
            ("2026-05-20T10:00:02Z", "decided", decided)
        }));
        all.extend(self.ended.then(|| ("2026-05-20T10:00:03Z", "ended", json!({"outcome": "done"}))));
        all.push(("2026-05-20T10:00:04Z", "intent", self.intent.clone()));
        let last = self.gone.iter().map(|index| json!([index, index])).collect::<Vec<_>>();
        if !last.is_empty() {
            all.push(("2026-05-20T10:00:05Z", "erased", json!({"ranges": last, "request": "r-1"})));
        }
        Ledger { plan: Some(plan), gone: self.gone.clone(), ..Ledger::new(&all) }
    }
}

#[test]
fn money_that_moved_without_a_signed_yes_breaks_the_promise_about_runs() {
    let plan = refund();
    let well = || Paid::well(plan);
    says(&well().found(plan), &[]);
    let nobody = ("P11", "nobody agreed at `agree`");
    let spoilt: [Spoilt; 10] = [
        ("no key of lena signed it", |paid| paid.seed = [5; 32]),
        ("another choice was signed", |paid| paid.signed["choice"] = "refuse".into()),
        ("another person was signed", |paid| paid.signed["person"] = "tom".into()),
        ("another run was signed", |paid| paid.signed["run"] = "another".into()),
        ("another step was signed", |paid| paid.signed["step"] = "pay".into()),
        ("another nonce was signed", |paid| paid.signed["nonce"] = json!(Digest::of_file(b"another"))),
        ("another hash of what was shown", |paid| paid.signed["shown"] = json!(Digest::of_file(b"another"))),
        ("another agent was signed", |paid| paid.signed["agent"] = "us-production-1".into()),
        ("another project was signed", |paid| paid.signed["project"] = json!(Digest::of_file(b"another"))),
        ("mallory was not in the group support-leads", |paid| {
            paid.decided.as_mut().unwrap()["actor"] = "mallory".into();
        }),
    ];
    for (why, spoil) in spoilt {
        let mut paid = well();
        spoil(&mut paid);
        let mut wanted = vec![("P11", why), nobody];
        wanted.extend(
            why.starts_with("mallory").then_some(("P10", "`viewed` of 2026-05-20T10:00:01Z names mallory, whom")),
        );
        says(&paid.found(plan), &wanted);
    }
    says(&Paid { decided: None, ..well() }.found(plan), &[nobody]);
    for choice in ["refuse", "late"] {
        let mut paid = well();
        let decided = paid.decided.as_mut().unwrap();
        decided["choice"] = choice.into();
        decided.as_object_mut().unwrap().remove("nonce");
        says(&paid.found(plan), &[nobody]);
    }
    let mut unsigned = well();
    unsigned.decided.as_mut().unwrap().as_object_mut().unwrap().remove("nonce");
    says(&unsigned.found(plan), &[("P11", "who agreed at `agree` did not sign")]);
}

#[test]
fn a_body_that_is_gone_leaves_the_checks_of_other_runs_as_they_are() {
    let plan = refund();
    // The one before the run tells nothing of it; one within it leaves open what was decided.
    says(&Paid { decided: None, gone: vec![4], ..Paid::well(plan) }.found(plan), &[]);
    let before = Ledger {
        plan: Some(plan),
        gone: vec![2],
        ..Ledger::new(&[
            approved(),
            alerted("stale"),
            ("2026-05-20T10:00:06Z", "accepted", json!({"id": "r", "trigger": "webhook", "event": "e"})),
            ("2026-05-20T10:00:07Z", "intent", Paid::well(plan).intent),
            ("2026-05-20T10:00:08Z", "erased", json!({"ranges": [[2, 2]], "request": "r-1"})),
        ])
    };
    says(&found(&before), &[("P11", "nobody agreed at `agree`")]);
}

#[test]
fn what_runs_did_is_held_against_plan_guardrail_and_end() {
    let plan = refund();
    let well = || Paid::well(plan);
    let mut more = well();
    more.intent["amount"]["minor"] = 99_999_999.into();
    says(
        &more.found(plan),
        &[("P25", "above what the client's guardrail allows for a day, and nobody signed for that")],
    );
    for operation in ["shop.delete_everything", "shop.ask", "shop.get_order"] {
        let mut other = well();
        other.intent["operation"] = operation.into();
        other.intent.as_object_mut().unwrap().remove("amount");
        let found = other.found(plan);
        let is_of_plan = operation == "shop.get_order";
        assert_eq!(
            found.iter().any(|one| one.starts_with("P25: ") && one.contains("which its plan does not say")),
            !is_of_plan,
            "{found:?}"
        );
    }
    says(
        &Paid { ended: true, ..well() }.found(plan),
        &[("P11", "run 1 had ended, and went on at 2026-05-20T10:00:04Z")],
    );
}

/// However many do not fit, it is one thing that happened, at one place.
#[test]
fn a_log_that_was_rewritten_is_said_once_between_the_last_that_fits_and_the_first_that_does_not() {
    let stories: Vec<Told> = ["stale", "lag", "stale", "lag", "stale"].map(alerted).into();
    let note_of = |count: usize| note(&Ledger::new(&stories[..count]));
    let mut changed = stories.clone();
    changed[2] = alerted("disk");
    let held = vec![note_of(2), note_of(4), note_of(1), note_of(5)];
    let why =
        "over 5 entries is of another log: this one was rewritten among the entries 3 to 4; 1 longer ones are, too.";
    let found = found(&Ledger { notes: held, ..Ledger::new(&changed) });
    says(&found, &[("P10", why), ("P11", why), ("P14", why)]);
    assert_eq!(found.len(), 3, "{found:?}");
}

/// No proof of a log that was written again is stronger than two that its own key signed.
#[test]
fn two_signed_exports_that_contradict_each_other_are_held_against_the_log() {
    let one = Ledger::new(&[alerted("stale"), alerted("lag"), alerted("stale")]);
    let grown = Ledger::new(&[alerted("stale"), alerted("lag"), alerted("stale"), alerted("lag")]);
    let other = Ledger::new(&[alerted("stale"), alerted("disk"), alerted("stale"), alerted("lag")]);
    let both = |one: &Ledger, other: &Ledger| judged_all([one, other].map(|log| log.read(|_| ())), &BTreeMap::new());
    says(&both(&one, &grown), &[]);
    let why = "are both signed and contradict each other: the first entry that differs is 2.";
    says(&both(&one, &other), &[("P10", why), ("P11", why), ("P14", why)]);
}
