//! Between a real agent and its APIs stands a proxy that spoils every third exchange; at times the agent is killed. Each
//! event is one run that ends once, each effect is known and happened once at most, and the guardrails counted each refund.
//!
//! `ASSENT_DEEP=1` sends more events.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::Path;

use assent_agent::deploy::gates::TRIAL_RUNS;
use assent_agent::store::{Sqlite, Store as _};
use assent_tests::faulty::{Fault, Faulty};
use assent_tests::generate::Dice;
use assent_tests::systems::{AMOUNT, Served};

use super::play::{Play, SEED};
use super::site::{ACME, BOREALIS, Cast, Site};

/// Events of each workflow.
const EVENTS: usize = 12;
const MANY_EVENTS: usize = 45;
/// Events after which the agent is killed once.
const BETWEEN_KILLS: usize = 15;

/// Lives through it; the agent is stopped, and its database is open.
fn live(folder: &Path, cast: &'static Cast) -> (Play, Sqlite) {
    let served = Served::open(&cast.client.parse().expect("an id"), Ipv4Addr::LOCALHOST);
    // Only payments are at times silent: nothing else is given up as early.
    let proxy = Faulty::before(served.address(), SEED, "/payments/");
    let mut play = Play::begin(Site::ready(folder, cast, proxy.address(), |_| {}), served);
    // A plan in trial goes back when runs fail, rightly; here runs fail because everything outside does.
    play.events(usize::try_from(TRIAL_RUNS).expect("a number"), |_| {});
    play.end(|_| false);
    play.site.wait(|workflow| workflow.trial.is_none());
    proxy.spoil(true);
    let events = if std::env::var_os("ASSENT_DEEP").is_some() { MANY_EVENTS } else { EVENTS };
    play.events(events, |play| {
        if play.sent.len().is_multiple_of(BETWEEN_KILLS) {
            play.site.kill();
        }
    });
    play.end(|event| !Dice::of(SEED, &["agrees", event]).one_in(6));
    for log in [&["ledger", "verify"][..], &["ledger", "verify", cast.client]] {
        play.site.agent.call(log).expect("a ledger that verifies");
    }
    let store = play.site.stopped();
    let (wrong, why) = play.account(&store);
    let counts = proxy.counts();
    #[expect(clippy::use_debug, reason = "the account is what this test is for")]
    {
        println!("{}: {why:?}\n{counts:?}", cast.client);
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert_eq!(play.served.lost(), Vec::<String>::new(), "requests of no operation");
    assert!(counts.keys().filter(|fault| fault.is_some()).count() > Fault::QUICK.len() / 2, "{counts:?}");
    (play, store)
}

/// What the guardrails counted, by name without its day.
fn sums(store: &Sqlite) -> BTreeMap<String, i64> {
    let mut sums = BTreeMap::new();
    for (name, sum) in store.sums("guard/").expect("its sums") {
        let (name, _day) = name.rsplit_once('/').expect("a day");
        *sums.entry(name.to_owned()).or_default() += sum;
    }
    sums
}

#[test]
fn runs_of_acme_end_once_and_are_accounted_for_while_every_third_exchange_is_spoiled() {
    let folder = tempfile::tempdir().expect("a folder");
    let (play, store) = live(folder.path(), &ACME);
    let (refunds, sums) = (i64::try_from(play.called(&store, "payments.refund")).expect("a number"), sums(&store));
    assert!(refunds > 0);
    assert_eq!(sums.get("guard/acme/payments.refund/count"), Some(&refunds), "{sums:?}");
    assert_eq!(sums.get("guard/acme/payments.refund/sum/EUR"), Some(&(refunds * AMOUNT)), "{sums:?}");
    let moved = play.systems.done().iter().filter(|((_, name, _), _)| name.to_string() == "payments.refund").count();
    assert!(moved > 0 && i64::try_from(moved).expect("a number") <= refunds, "{moved} of {refunds}");
}

#[test]
fn runs_of_borealis_end_once_and_are_accounted_for_while_every_third_exchange_is_spoiled() {
    let folder = tempfile::tempdir().expect("a folder");
    let (play, store) = live(folder.path(), &BOREALIS);
    assert!(play.called(&store, "shop.hold_order") > 0 && play.called(&store, "payments.create_link") > 0);
}
