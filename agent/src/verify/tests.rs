//! Small releases, honest and forged: each way to cheat has its code.

use assent_schema::release::FileName;
use assent_schema::time::Period;
use assent_schema::trust::{Cancelled, Decision, Namespace};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::fixture::{
    Files, acme, approval, approvers, at, bytes, enrolled, facts, first_root, freshen, key, listed, manifest, moment,
    now, place, plan, project, put, put_json, put_rehearsal, put_statement, rehearsal, release, seal, second_root,
    statement,
};
use super::*;

fn judge(files: &Files) -> Result<Verified<Bundle>, Refusal> {
    verify(files, &enrolled(), &place(), now())
}

fn code(judged: Result<Verified<Bundle>, Refusal>) -> Option<RefusalCode> {
    judged.err().map(|refusal| refusal.code)
}

/// Why a release is refused whose listed files were changed before it was honestly sealed.
fn with(change: impl FnOnce(&mut Files)) -> Option<RefusalCode> {
    let mut files = listed();
    change(&mut files);
    code(judge(&release(files)))
}

fn without(files: &mut Files, prefix: &str) {
    let count = files.len();
    files.retain(|path, _| !path.starts_with(prefix));
    assert!(files.len() < count, "{prefix}");
}

fn off(judged: &Bundle) -> Vec<OffCode> {
    judged.workflows.values().flat_map(|workflow| &workflow.off).map(|off| off.code).collect()
}

#[test]
fn an_honest_release_is_accepted_and_says_what_it_holds() {
    let bundle = judge(&release(listed())).unwrap();
    assert_eq!(off(&bundle), []);
    assert_eq!(bundle.workflows.len(), 1);
    assert_eq!(bundle.clients[&acme()].statements.serial(), 1);
    assert!(bundle.freshness.is_some());
    let pinned = bundle.pin(&enrolled());
    assert_eq!((pinned.root.0, pinned.sequence, pinned.plans.len()), (2, (1, 1), 1));
    assert!(verify(&release(listed()), &pinned, &place(), now()).is_ok(), "the same release comes again");
}

/// What the compiler would have refused, the agent refuses too, whoever signed it.
#[test]
fn a_plan_that_may_not_do_what_it_does_is_unsound() {
    let refused = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut json = serde_json::to_value(plan()).unwrap();
        change(&mut json);
        let bent = serde_json::from_value(json).unwrap();
        uses_of(&bent, &facts()).err().map(|off| (off.code, off.detail))
    };
    assert_eq!(refused(&|_| ()), None);
    let unsound = |detail: &str| Some((OffCode::PlanUnsound, detail.to_owned()));
    let retry = "/steps/0/action/retry/attempts";
    assert_eq!(refused(&|plan| *plan.pointer_mut(retry).unwrap() = 21.into()), unsound("bad-retry at `order`"));
    let money =
        |plan: &mut serde_json::Value| *plan.pointer_mut("/operations/shop.get_order/effect").unwrap() = "money".into();
    assert_eq!(refused(&money), unsound("money-needs-decision at `order`"));
    let never = |plan: &mut serde_json::Value| plan["steps"][0]["when"] = "false".into();
    assert_eq!(refused(&never), unsound("unreachable-step at `order`"));
    let odd = |plan: &mut serde_json::Value| {
        plan["kpis"] = serde_json::json!([{"name": "states", "by": ["order.state"]}]);
    };
    assert_eq!(refused(&odd), unsound("kpi-too-fine"));
}

#[test]
fn any_changed_byte_is_refused() {
    let files = release(listed());
    let paths: Vec<String> = files.keys().cloned().collect();
    let places = (0..paths.len(), any::<prop::sample::Index>(), 1_u8..=255);
    let cases = if std::env::var_os("CI").is_some() { 4_096 } else { 512 };
    let mut runner = TestRunner::new(ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() });
    runner
        .run(&places, |(path, place, flip)| {
            let mut forged = files.clone();
            let bytes = forged.get_mut(&paths[path]).unwrap();
            let at = place.index(bytes.len());
            bytes[at] ^= flip;
            prop_assert!(judge(&forged).is_err(), "{} byte {at} flipped by {flip}", paths[path]);
            Ok(())
        })
        .unwrap();
}

#[test]
fn every_missing_or_added_file_is_refused() {
    let files = release(listed());
    for path in files.keys() {
        let mut forged = files.clone();
        forged.remove(path);
        // Freshness is told apart by its age, not by its being there.
        let freshness = path == "freshness.json";
        if freshness {
            forged.retain(|path, _| !path.starts_with("freshness"));
            assert!(judge(&forged).unwrap().freshness.is_none());
        } else {
            assert!(judge(&forged).is_err(), "{path}");
        }
    }
    for extra in
        ["README.md", "clients/cedar.json", "trust/root/3.toml", "plans/x.json", "manifest.json.eve.sig", "../x"]
    {
        let mut forged = files.clone();
        forged.insert(extra.to_owned(), b"{}".to_vec());
        assert!(judge(&forged).is_err(), "{extra}");
    }
}

#[test]
fn another_project_place_or_agent_is_refused() {
    let files = release(listed());
    let stranger = PinnedTrust { project: Some(Digest::of_file(b"other")), ..enrolled() };
    assert_eq!(code(verify(&files, &stranger, &place(), now())), Some(RefusalCode::ProjectForeign));
    assert_eq!(code(verify(&files, &PinnedTrust::default(), &place(), now())), Some(RefusalCode::ProjectForeign));
    let us = Place { region: "us".parse().unwrap(), ..place() };
    assert_eq!(code(verify(&files, &enrolled(), &us, now())), Some(RefusalCode::AgentUnknown));
    let staging = Place { environment: "staging".parse().unwrap(), agent: "eu-staging-1".parse().unwrap(), ..place() };
    assert_eq!(code(verify(&files, &enrolled(), &staging, now())), Some(RefusalCode::ManifestInvalid));
}

#[test]
fn time_is_held() {
    let files = release(listed());
    let at = |text: &str| {
        let moment = moment(text);
        code(verify(&files, &enrolled(), &place(), Now { expiry: moment, clock: moment }))
    };
    assert_eq!(at("2026-05-31T23:59:59Z"), Some(RefusalCode::OutsideWindow));
    assert_eq!(at("2026-07-01T00:00:00Z"), Some(RefusalCode::OutsideWindow));
    assert_eq!(at("2027-01-01T00:00:00Z"), Some(RefusalCode::RootExpired));
    let behind = Now { expiry: now().expiry, clock: moment("2026-06-01T22:49:59Z") };
    assert_eq!(code(verify(&files, &enrolled(), &place(), behind)), Some(RefusalCode::FreshnessAhead));
    // What was accepted may start again after its window, and is then judged by approvals alone.
    let pinned = judge(&files).unwrap().pin(&enrolled());
    let later = moment("2026-12-01T00:00:00Z");
    assert!(verify(&files, &pinned, &place(), Now { expiry: later, clock: later }).is_ok());
}

#[test]
fn sequences_only_rise() {
    let next = |sequence, previous| {
        let files = listed();
        let manifest = manifest(&files, sequence, previous);
        freshen(seal(files, &manifest), |_| ())
    };
    let first = next(1, None);
    let pinned = judge(&first).unwrap().pin(&enrolled());
    let digest = pinned.manifest;
    let judged = |files: &Files, pinned: &PinnedTrust| code(verify(files, pinned, &place(), now()));
    let second = next(2, digest);
    assert_eq!(judged(&second, &pinned), None);
    assert_eq!(judged(&next(2, Some(Digest::of_file(b"other"))), &pinned), Some(RefusalCode::PreviousWrong));
    assert_eq!(judged(&next(2, None), &pinned), Some(RefusalCode::PreviousWrong));
    assert_eq!(judged(&next(1, digest), &pinned), Some(RefusalCode::PreviousWrong));
    assert_eq!(judged(&next(9, Some(Digest::of_file(b"unseen"))), &pinned), None, "releases in between were missed");
    assert_eq!(judged(&next(1_002, digest), &pinned), Some(RefusalCode::SequenceTooFar));
    let later = verify(&second, &pinned, &place(), now()).unwrap().pin(&pinned);
    assert_eq!(judged(&first, &later), Some(RefusalCode::SequenceOlder));
    assert_eq!(judged(&next(2, Some(Digest::of_file(b"other"))), &later), Some(RefusalCode::SequenceReused));
    let lowest = PinnedTrust { sequence: (1, 5), ..enrolled() };
    assert_eq!(judged(&first, &lowest), Some(RefusalCode::SequenceOlder));
    let generation = PinnedTrust { sequence: (2, 1), ..enrolled() };
    assert_eq!(judged(&first, &generation), Some(RefusalCode::GenerationWrong));
}

#[test]
fn known_trust_does_not_grow_younger() {
    let files = release(listed());
    let pinned = judge(&files).unwrap().pin(&enrolled());
    let older = |root| code(verify(&files, &PinnedTrust { root, ..pinned.clone() }, &place(), now()));
    assert_eq!(older((3, None)), Some(RefusalCode::RootOlder));
    assert_eq!(older((2, Some(Digest::of_file(b"other")))), Some(RefusalCode::RootOlder));
    let mut other = pinned.clone();
    other.approvers.insert(acme(), (2, Digest::of_file(b"second")));
    assert_eq!(code(verify(&files, &other, &place(), now())), Some(RefusalCode::ApproversOlder));
}

#[test]
fn a_withdrawal_that_is_left_out_still_counts() {
    let mut files = listed();
    put_statement(&mut files, &statement(1, Decision::Withdraw(vec![Cancelled::All])), &["dana"]);
    let stopped = judge(&release(files)).unwrap();
    assert_eq!(off(&stopped).first(), Some(&OffCode::Uncovered));
    let pinned = stopped.pin(&enrolled());
    let files = listed();
    let second = manifest(&files, 2, pinned.manifest);
    let without = freshen(seal(files, &second), |_| ());
    assert!(verify(&without, &enrolled(), &place(), now()).is_ok_and(|bundle| off(&bundle).is_empty()));
    let bundle = verify(&without, &pinned, &place(), now()).unwrap();
    assert_eq!(off(&bundle).first(), Some(&OffCode::Uncovered));
    assert_eq!(bundle.clients[&acme()].statements.held().len(), 2);
}

#[test]
fn what_no_approval_covers_is_off_and_nothing_else() {
    let unapproved = judge(&{
        let mut files = listed();
        without(&mut files, "statements/");
        release(files)
    });
    assert!(off(&unapproved.unwrap()).contains(&OffCode::Uncovered));
    let expired = Now { expiry: moment("2026-06-15T00:00:00Z"), clock: at() };
    let short = approval().replace("2027-03-01", "2026-06-10");
    let mut files = listed();
    without(&mut files, "statements/");
    put_statement(&mut files, &short, &["dana"]);
    let files = release(files);
    assert_eq!(off(&judge(&files).unwrap()), []);
    assert!(off(&verify(&files, &enrolled(), &place(), expired).unwrap()).contains(&OffCode::Uncovered));
}

#[test]
fn statements_of_strangers_refuse_the_release() {
    let refused = Some(RefusalCode::StatementInvalid);
    let second = approval().replace("serial = 1", "serial = 2");
    assert_eq!(with(|files| put_statement(files, &second, &["ann"])), refused);
    assert_eq!(with(|files| put_statement(files, &second, &[])), refused);
    assert_eq!(with(|files| put_statement(files, &second.replace("\"acme\"", "\"cedar\""), &["dana"])), refused);
    assert_eq!(with(|files| put_statement(files, &second.replace("serial = 2", "serial = 2000"), &["dana"])), refused);
    assert_eq!(with(|files| put_statement(files, "x = 1\n", &["dana"])), refused);
    assert_eq!(with(|files| put_statement(files, &second, &["dana"])), None);
}

#[test]
fn a_plan_needs_rehearsals_that_count() {
    let instead = |change: &dyn Fn(&mut assent_schema::release::Rehearsal), by: &str| {
        with(|files| {
            without(files, "rehearsals/");
            let mut other = rehearsal();
            change(&mut other);
            put_rehearsal(files, &other, by);
        })
    };
    let refused = Some(RefusalCode::NotRehearsed);
    assert_eq!(instead(&|_| (), "eu-staging-1"), None);
    assert_eq!(with(|files| without(files, "rehearsals/")), refused);
    assert_eq!(instead(&|_| (), "eu-production-1"), refused, "its rehearsals do not count");
    assert_eq!(instead(&|r| r.agent = "eu-production-1".parse().unwrap(), "eu-production-1"), refused);
    assert_eq!(instead(&|r| r.time = at().minus(Period::days(31)), "eu-staging-1"), refused);
    assert_eq!(instead(&|r| r.time = at().plus(Period::seconds(1)), "eu-staging-1"), refused);
    assert_eq!(instead(&|r| r.engine.version = "1.0.0".into(), "eu-staging-1"), refused);
    assert_eq!(instead(&|r| r.results.clear(), "eu-staging-1"), refused);
    assert_eq!(instead(&|r| r.results.iter_mut().for_each(|result| result.passed = false), "eu-staging-1"), refused);
    assert_eq!(instead(&|r| r.plan = Digest::of_file(b"other"), "eu-staging-1"), refused);
    assert_eq!(instead(&|r| r.tests = Digest::of_file(b"other"), "eu-staging-1"), refused);
    assert_eq!(instead(&|r| r.project = Digest::of_file(b"other"), "eu-staging-1"), refused);
    assert_eq!(instead(&|r| r.region = "us".parse().unwrap(), "eu-staging-1"), refused);
    // What was accepted once is not asked again.
    let mut files = listed();
    without(&mut files, "rehearsals/");
    let pinned = PinnedTrust { plans: [Digest::of_file(&bytes(&plan()))].into(), ..enrolled() };
    assert!(verify(&release(files), &pinned, &place(), now()).is_ok());
}

#[test]
fn the_root_says_who_signs_and_what_never_runs() {
    let mut three = second_root().next(project());
    three.revoked_plans.insert(Digest::of_file(&bytes(&plan())));
    let put_root = |files: &mut Files, by: &[&str]| {
        put(files, &FileName::Root(3), three.to_toml().unwrap().as_bytes(), Namespace::Trust, by);
    };
    assert_eq!(with(|files| put_root(files, &["ann"])), Some(RefusalCode::RootInvalid));
    let mut files = listed();
    put_root(&mut files, &["ann", "ben"]);
    let manifest = manifest(&files, 1, None);
    let revoked = judge(&freshen(seal(files, &manifest), |freshness| freshness.root = 3)).unwrap();
    assert_eq!(off(&revoked), [OffCode::PlanRevoked]);
    assert_eq!(with(|files| without(files, "trust/root/2")), Some(RefusalCode::AgentUnknown));
    let mut forged = release(listed());
    put(&mut forged, &FileName::Root(1), first_root().to_toml().unwrap().as_bytes(), Namespace::Release, &["ann"]);
    assert_eq!(code(judge(&forged)), Some(RefusalCode::RootInvalid));
}

#[test]
fn roles_do_not_stand_in_for_one_another() {
    let sealed_by = |by: &str, namespace| {
        let files = listed();
        let manifest = bytes(&manifest(&files, 1, None));
        let mut files = files;
        files.insert("manifest.json".into(), manifest.clone());
        let signature = assent_schema::trust::sign(&key(by), namespace, &manifest);
        files.insert(format!("manifest.json.{by}.sig"), signature.into_bytes());
        code(judge(&files))
    };
    assert_eq!(sealed_by("ann", Namespace::Release), None);
    for (by, namespace) in [("dana", Namespace::Release), ("eve", Namespace::Release), ("ann", Namespace::Freshness)] {
        assert_eq!(sealed_by(by, namespace), Some(RefusalCode::ManifestInvalid), "{by} {namespace}");
    }
    let trust = |name: &FileName, namespace, by: &str| {
        with(|files| {
            let held = files[&name.to_string()].clone();
            without(files, &format!("{name}."));
            put(files, name, &held, namespace, &[by]);
        })
    };
    assert_eq!(trust(&FileName::Teams, Namespace::Catalog, "ann"), Some(RefusalCode::TeamsInvalid));
    assert_eq!(trust(&FileName::CatalogLock, Namespace::Catalog, "dana"), Some(RefusalCode::CatalogInvalid));
    assert_eq!(
        trust(&FileName::Approvers(acme(), 1), Namespace::Approvers, "ann"),
        Some(RefusalCode::ApproversInvalid)
    );
}

#[test]
fn freshness_speaks_of_this_release_alone() {
    let stale = |change: fn(&mut Freshness)| {
        let files = listed();
        let manifest = manifest(&files, 1, None);
        code(judge(&freshen(seal(files, &manifest), change)))
    };
    let foreign = Some(RefusalCode::FreshnessForeign);
    assert_eq!(stale(|_| ()), None);
    assert_eq!(stale(|f| f.manifest = Digest::of_file(b"other")), foreign);
    assert_eq!(stale(|f| f.sequence = 2), foreign);
    assert_eq!(stale(|f| f.root = 1), foreign);
    assert_eq!(stale(|f| f.statements.clear()), foreign);
    assert_eq!(stale(|f| f.statements.values_mut().for_each(|s| s.extend([Digest::of_file(b"withheld")]))), foreign);
    assert_eq!(stale(|f| f.region = "us".parse().unwrap()), Some(RefusalCode::FreshnessInvalid));
}

#[test]
fn clients_endpoints_and_plans_fit_one_another() {
    let endpoint = |url: &str, region: &str, sandbox: bool| {
        let shop = serde_json::json!({"url": url, "region": region, "sandbox": sandbox});
        let shop = if sandbox { shop } else { serde_json::json!({"url": url, "region": region}) };
        with(|files| {
            let endpoints = serde_json::json!({"type": "endpoints", "schema": 1, "environment": "production",
                "region": "eu", "clients": {"acme": {"shop": shop}}});
            put_json(files, &FileName::Endpoints, &endpoints);
        })
    };
    assert_eq!(endpoint("https://shop.example/v2", "eu", false), None);
    assert_eq!(endpoint("https://evil.example/v1", "eu", false), Some(RefusalCode::EndpointInvalid));
    assert_eq!(endpoint("https://shop.example:444/v1", "eu", false), Some(RefusalCode::EndpointInvalid));
    assert_eq!(endpoint("https://shop.example@evil.example/", "eu", false), Some(RefusalCode::EndpointInvalid));
    assert_eq!(endpoint("https://shop.example/v1", "eu", true), Some(RefusalCode::EndpointInvalid));
    assert_eq!(endpoint("https://shop.example/v1", "us", false), Some(RefusalCode::RegionWrong));
    let other_facts = |change: fn(&mut ClientFacts)| {
        let mut other = facts();
        change(&mut other);
        with(|files| put_json(files, &FileName::Client(acme()), &other))
    };
    assert_eq!(other_facts(|f| f.region = "us".parse().unwrap()), Some(RefusalCode::RegionWrong));
    assert_eq!(other_facts(|f| f.client = "cedar".parse().unwrap()), Some(RefusalCode::ClientInvalid));
    assert_eq!(other_facts(|f| f.connections.clear()), Some(RefusalCode::EndpointInvalid));
    assert_eq!(
        with(|files| drop(files.insert(format!("plans/{}.json", Digest::of_file(b"{}")), b"{}".to_vec()))),
        Some(RefusalCode::FileUnexpected)
    );
    assert_eq!(with(|files| without(files, "plans/")), Some(RefusalCode::PlanInvalid));
    assert_eq!(with(|files| without(files, "tests/")), Some(RefusalCode::PlanInvalid));
    assert_eq!(with(|files| without(files, "clients/")), Some(RefusalCode::FileUnexpected));
    assert_eq!(with(|files| without(files, "trust/approvers/")), Some(RefusalCode::ApproversInvalid));
}

#[test]
fn wider_facts_than_the_client_signed_turn_its_workflows_off() {
    let mut wide = facts();
    wide.stale_limit = Period::days(7);
    let mut files = listed();
    put_json(&mut files, &FileName::Client(acme()), &wide);
    assert!(off(&judge(&release(files)).unwrap()).contains(&OffCode::Uncovered));
    assert_eq!(approvers().threshold, 1);
}
