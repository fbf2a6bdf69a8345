//! Laws over a small release. Each way to cheat by itself is a row of `tests/attacks`.

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use assent_schema::release::FileName;
use assent_schema::time::Period;

use super::fixture::{Files, acme, at, enrolled, facts, listed, now, place, plan, put_json, release};
use super::*;

fn judge(files: &Files) -> Result<Verified<Bundle>, Refusal> {
    verify(files, &enrolled(), &place(), now())
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

/// A release that comes after another is judged as it would be alone, whatever of it was read before.
#[test]
fn what_did_not_change_is_taken_from_the_release_before() {
    let before = judge(&release(listed())).unwrap();
    let after = |files: &Files, now: Now| verify_after(files, &enrolled(), &place(), now, Some(&before));
    let workflow = |bundle: &Bundle| bundle.workflows.values().next().unwrap().clone();
    let (old, same) = (workflow(&before), workflow(&after(&release(listed()), now()).unwrap()));
    assert!(Arc::ptr_eq(&old.plan, &same.plan) && old.tests.is_none() && same.tests.is_none());
    assert!(Arc::ptr_eq(&old.uses, &same.uses));
    // Other facts: the uses are derived again, and are not what was approved.
    let mut files = listed();
    let mut facts = facts();
    facts.retention = Period::days(91);
    put_json(&mut files, &FileName::Client(acme()), &facts);
    let files = release(files);
    let (alone, bent) = (judge(&files).unwrap(), after(&files, now()).unwrap());
    assert!(!Arc::ptr_eq(&old.uses, &workflow(&bent).uses));
    assert_eq!((off(&bent), off(&alone)), (vec![OffCode::Uncovered], vec![OffCode::Uncovered]));
    // Another time: what was approved then is not any more.
    let late = Now { expiry: at().plus(Period::days(400)), ..now() };
    assert!(after(&release(listed()), late).is_err(), "nothing is known of a window");
    // Another plan of the same name is read, and one without its file is refused.
    let mut files = release(listed());
    let path = FileName::Plan(old.active.plan).to_string();
    files.get_mut(&path).unwrap().push(b' ');
    assert_eq!(after(&files, now()).unwrap_err().code, RefusalCode::FileChanged);
    files.remove(&path);
    assert!(after(&files, now()).is_err());
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
    let amount = |plan: &mut serde_json::Value| {
        let money = serde_json::json!({"type": "money", "wire": {"value": "cents", "currency": {"at": "currency"}, "unit": "minor"}});
        plan["operations"]["shop.get_order"]["params"]["sum"] = serde_json::json!({"place": "query", "at": "sum", "shape": money,
            "class": "reference", "amount": true, "optional": true});
    };
    assert_eq!(refused(&amount), unsound("the amount of shop.get_order"));
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
