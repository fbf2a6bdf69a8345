//! Simulated production: three clients, faults everywhere, two releases, a rollback, a withdrawal, and an agent that is killed
//! three times an hour. In the end every event is accounted for, exactly once, and the account is printed as a table.
//!
//! `ASSENT_DEEP=1` lives two days of a thousand events an hour; without it some hours. The engine, its store's rules, its
//! ledger and its requests are those of production; time, network, disk and kills come from a seed. What a release, a rollback
//! and a withdrawal mean to running work is tried here; how they are verified and switched is tried in `tests/e2e`.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests; what does not fit fails the test")]

mod account;
mod days;
mod deploy;
mod field;
mod outside;
mod store;

use std::sync::Arc;
use std::time::Duration;

use account::account;
use assent_agent::world::Wall;
use assent_tests::systems::{Done, Systems};
use days::{Days, Size};
use field::Field;
use outside::Outside;
use store::Place;

/// When the days begin: a Monday, 06:00 UTC.
const BEGIN: Wall = Wall::from_millis(1_772_431_200_000);
/// When everything was ordered: the day before.
const ORDERED: &str = "2026-03-01T09:00:00Z";
const SEED: u64 = 26;

const HOURS: Size = Size { hours: 4, events_an_hour: 200, kills_an_hour: 3 };
const TWO_HOURS: Size = Size { hours: 2, events_an_hour: 300, kills_an_hour: 6 };
const SOME_HOURS: Size = Size { hours: 6, events_an_hour: 500, kills_an_hour: 3 };
const TWO_DAYS: Size = Size { hours: 48, events_an_hour: 1_000, kills_an_hour: 3 };

#[test]
fn every_event_of_simulated_production_is_accounted_for_exactly_once() {
    live(if is_deep() { TWO_DAYS } else { HOURS }, Place::Memory);
}

#[test]
fn the_same_holds_on_a_real_database() {
    let folder = tempfile::tempdir().unwrap();
    live(if is_deep() { SOME_HOURS } else { TWO_HOURS }, Place::Sqlite(folder.path().join("agent.db")));
}

fn is_deep() -> bool {
    std::env::var_os("ASSENT_DEEP").is_some()
}

#[expect(clippy::print_stdout, clippy::use_debug, reason = "the account is what this test is for")]
fn live(size: Size, place: Place) {
    let field = Arc::new(Field::new(BEGIN, Duration::from_hours(u64::from(size.hours))));
    let plans = field.plans.values().flatten().map(|compiled| Arc::clone(&compiled.plan)).collect();
    let systems = Systems::new(plans, SEED, ORDERED.parse().unwrap());
    let outside = Outside::new(systems.clone(), SEED, BEGIN.plus(field.calm()));
    let faults = Arc::clone(&outside.faults);
    let days = Days::new(SEED, size, field, outside, place);
    days.live();
    let done = systems.done().clone();
    let account = account(&days, &done);
    println!("{account}");
    println!("faults: {:?}", faults.lock().unwrap());
    println!("{:?}", days.counted.lock().unwrap());
    assert_eq!(account.wrong, Vec::<String>::new());
    let counted = days.counted.lock().unwrap();
    assert!(counted.kills >= u64::from(size.hours) && counted.known > 0, "{counted:?}");
    drop(counted);
    if size.hours >= HOURS.hours {
        assert!(account.is_rich(), "something of everything happened");
        assert_eq!(faults.lock().unwrap().len(), 7, "every kind of fault happened");
    }
    what_is_not_so_is_seen(&days, &done);
}

/// The account can fail: an effect too many, effects too few, one of no event, an event without a run.
fn what_is_not_so_is_seen(days: &Days, done: &Done) {
    let wrong = |done: &Done| account(days, done).wrong.len();
    let place = done.keys().next().unwrap().clone();
    let mut twice = done.clone();
    twice.get_mut(&place).unwrap().insert("once more".to_owned());
    assert_eq!(wrong(&twice), 1, "an effect that was done twice");
    assert!(wrong(&Done::new()) > done.len() / 2, "effects that were never done");
    let mut unknown = done.clone();
    unknown.insert((place.0, place.1, "ev-0".to_owned()), ["once".to_owned()].into());
    assert_eq!(wrong(&unknown), 1, "an effect of no event");
    "ev-0".clone_into(&mut days.events.lock().unwrap()[0].name);
    assert!(wrong(done) >= 1, "an event without a run");
}
