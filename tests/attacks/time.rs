//! Time: clocks that are set forward, back or stopped, and knowledge that somebody keeps old.

use std::collections::BTreeMap;
use std::time::Duration;

use assent_agent::deploy::fresh::{Freshness, judge as judge_age};
use assent_agent::verify::{Now, verify};
use assent_schema::time::{Moment, Period};
use assent_schema::trust::{ClockWatch, TrustedTime};

use super::fixture::{at, moment, now, place};
use super::table::{Attack, Verdict, attack};
use super::world::{World, after, enrolled, judge_at, verdict};

/// What a client's workflows may do when the newest freshness statement is so old.
fn age(age: Period, stale_limit: Period) -> Verdict {
    of(judge_age(Some(at()), at().plus(age), stale_limit))
}

fn of(freshness: Freshness) -> Verdict {
    match freshness {
        Freshness::Current => Verdict::accepted(),
        Freshness::Late => Verdict::new("late", ""),
        Freshness::Stale => Verdict::new("stale", ""),
    }
}

const DAY: Period = Period::days(1);

/// The instant by which expiry is judged, after a statement of `at()` was learnt and so much time passed since boot.
fn trusted(passed: Duration, system: Moment) -> Moment {
    let time = TrustedTime::start(moment("2026-01-01T00:00:00Z"), Duration::ZERO).learn(at(), Duration::ZERO);
    time.for_expiry(passed, system)
}

/// A root that expires in half a year, judged at an instant.
fn root_at(instant: Moment) -> Verdict {
    let files = World::honest().release();
    judge_at(&files, &after(&files), Now { expiry: instant, ..now() })
}

/// What is said of a clock that moved by `moved` while the boot clock moved by `passed`; `unknown` of the time before the start is
/// known to nobody here.
fn hour(unknown: Duration, passed: Duration, moved: Period) -> bool {
    let mut watch = ClockWatch::default();
    let stored = TrustedTime::start(at().minus(Period::seconds(unknown.as_secs())), Duration::ZERO);
    assert!(!watch.is_wrong(stored.now(Duration::ZERO), at(), Duration::ZERO));
    watch.learn(at().minus(Period::hours(5)), None, Duration::ZERO);
    watch.is_wrong(stored.now(passed), at().plus(moved), passed)
}

fn told(wrong: bool) -> Verdict {
    if wrong { Verdict::new("clock", "people are told") } else { Verdict::accepted() }
}

pub(crate) const ROOM: &[Attack] = &[
    attack("freeze: freshness of an hour ago", "accepted", || age(Period::hours(1), Period::hours(72))),
    attack("freeze: freshness withheld for a day, of which people are told", "late", || age(DAY, Period::hours(72))),
    attack("freeze: freshness withheld until the client's limit", "stale", || {
        age(Period::hours(72), Period::hours(72))
    }),
    attack("freeze: a limit of a month in the client's file", "stale", || age(Period::days(7), Period::days(30))),
    attack("freeze: no freshness that was ever accepted", "stale", || of(judge_age(None, at(), Period::days(7)))),
    attack("freeze: freshness left out of a release, whose age then decides", "accepted", || {
        let world = World::honest();
        let files = world.listed();
        let manifest = world.manifest(&files);
        verdict(verify(&world.seal(files, &manifest), &enrolled(), &place(), now()))
    }),
    attack("clock forward: what has expired by it stays off", "root-expired", || {
        root_at(trusted(Duration::ZERO, moment("2027-06-01T00:00:00Z")))
    }),
    attack("clock forward: nothing of it is remembered when it is put right", "accepted", || {
        let time = TrustedTime::start(at(), Duration::ZERO);
        drop(root_at(time.for_expiry(Duration::ZERO, moment("2027-06-01T00:00:00Z"))));
        root_at(time.for_expiry(Duration::from_mins(1), at()))
    }),
    attack("clock back: what has expired stays so", "root-expired", || {
        let time = TrustedTime::start(moment("2027-02-01T00:00:00Z"), Duration::ZERO);
        root_at(time.for_expiry(Duration::ZERO, moment("2026-06-02T00:00:00Z")))
    }),
    attack("clock back across a restart: the stored time holds", "root-expired", || {
        let stored = TrustedTime::start(at(), Duration::ZERO).learn(moment("2027-02-01T00:00:00Z"), Duration::ZERO);
        let again = TrustedTime::start(stored.now(Duration::from_secs(5)), Duration::ZERO);
        root_at(again.for_expiry(Duration::ZERO, moment("2020-01-01T00:00:00Z")))
    }),
    attack("clock stopped: the time since boot goes on", "root-expired", || {
        root_at(trusted(Duration::from_hours(300 * 24), at()))
    }),
    attack("clock back: an honest freshness statement is ahead of it", "freshness-ahead", || {
        let behind = Now { clock: moment("2026-06-01T22:49:59Z"), ..now() };
        judge_at(&World::honest().release(), &enrolled(), behind)
    }),
    attack("a signed time of the past moves nothing back", "accepted", || {
        let time = TrustedTime::start(at(), Duration::ZERO);
        let back = time.learn(moment("2020-01-01T00:00:00Z"), Duration::ZERO);
        if back.now(Duration::ZERO) == at() { Verdict::accepted() } else { Verdict::new("moved", "") }
    }),
    attack("a boot clock that goes back moves nothing", "accepted", || {
        let time = TrustedTime::start(at(), Duration::from_secs(100));
        if time.now(Duration::ZERO) == at() { Verdict::accepted() } else { Verdict::new("moved", "") }
    }),
    attack("a clock eleven minutes ahead of what was signed just now", "clock", || {
        let mut watch = ClockWatch::default();
        watch.learn(at(), Some(Duration::from_mins(1)), Duration::from_secs(90));
        told(watch.is_wrong(at(), at().plus(Period::minutes(11)), Duration::from_secs(90)))
    }),
    attack("a clock eleven minutes behind what was signed", "clock", || {
        told(ClockWatch::default().is_wrong(at(), at().minus(Period::minutes(11)), Duration::ZERO))
    }),
    attack("a clock ten minutes off", "accepted", || {
        let mut watch = ClockWatch::default();
        watch.learn(at(), Some(Duration::ZERO), Duration::ZERO);
        let (ahead, behind) = (at().plus(Period::minutes(10)), at().minus(Period::minutes(10)));
        told([ahead, behind].into_iter().any(|system| watch.is_wrong(at(), system, Duration::ZERO)))
    }),
    attack("a clock put forward by eleven minutes while the agent runs", "clock", || {
        let passed = Duration::from_hours(1);
        told(hour(Duration::ZERO, passed, Period::minutes(71)))
    }),
    attack("a clock put forward by an hour that stays so while the host sleeps", "clock", || {
        told(hour(Duration::ZERO, Duration::from_hours(10), Period::hours(11)))
    }),
    attack("a host that slept for an hour, whose clock is right", "accepted", || {
        told(hour(Duration::ZERO, Duration::from_hours(1), Period::hours(1)))
    }),
    attack("an agent that was stopped for an hour, on a host whose clock is right", "accepted", || {
        // What was stored lacks the hour, and the newest that is there was signed before it.
        told(hour(Duration::from_hours(1), Duration::from_hours(1), Period::hours(1)))
    }),
    attack(
        "a clock put forward by an hour while the agent was stopped, and signed time that tells it",
        "clock",
        || {
            let mut watch = ClockWatch::default();
            let system = at().plus(Period::hours(1));
            assert!(!watch.is_wrong(at(), system, Duration::ZERO), "nobody here can know");
            let boot = Duration::from_mins(2);
            watch.learn(at().plus(Period::minutes(1)), Some(Duration::from_mins(1)), boot);
            told(watch.is_wrong(at().plus(Period::minutes(1)), system.plus(Period::minutes(2)), boot))
        },
    ),
    attack("the approval runs out while the plan runs", "off: uncovered", || {
        // The root outlives it here, so that nothing else ends first.
        let mut world = World::honest();
        let mut root = world.next_root();
        root.expires = moment("2029-01-01T00:00:00Z");
        world.roots.push((root, vec!["ann", "ben"]));
        let files = world.release();
        let then = moment("2027-03-01T00:00:00Z");
        judge_at(&files, &after(&files), Now { expiry: then, clock: then, trusted: then })
    }),
    attack("statements of clients that the release has not, which are kept", "accepted", || {
        let world = World::honest();
        let mut pinned = after(&world.release());
        pinned.statements = BTreeMap::from([("cedar".parse().unwrap(), Vec::new())]);
        let again = verify(&world.release(), &pinned, &place(), now()).unwrap().pin(&pinned);
        if again.statements.len() == 2 { Verdict::accepted() } else { Verdict::new("forgotten", "") }
    }),
];
