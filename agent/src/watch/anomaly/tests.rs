//! Generated histories, and how often each is told of wrongly or missed. `UPDATE=1` writes `docs/anomalies.md`.

use std::fmt::Write as _;
use std::path::Path;

use super::*;
use crate::store::Ending;

/// Weeks of a history before anything is judged, and weeks that are.
const LEARNT: i64 = 6;
const JUDGED: i64 = 2;
/// Histories of each kind.
const SERIES: u64 = 2;
/// The hour in which what is to be found begins: Wednesday at ten of the first week that is judged.
const BEGINS: i64 = LEARNT * WEEK_HOURS + 2 * DAY_HOURS + 10;

/// Numbers that look like chance and are the same each time.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        f64::from(u32::try_from(self.0 >> 32).unwrap()) / f64::from(u32::MAX)
    }

    fn normal(&mut self) -> f64 {
        let (a, b) = (self.next().max(1e-9), self.next());
        (-2.0 * a.ln()).sqrt() * (std::f64::consts::TAU * b).cos()
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts of a test, small and positive")]
    fn poisson(&mut self, mean: f64) -> u32 {
        if mean > 50.0 {
            return (mean + mean.sqrt() * self.normal()).round().max(0.0) as u32;
        }
        let (limit, mut product, mut count) = ((-mean).exp(), self.next(), 0);
        while product > limit {
            product *= self.next();
            count += 1;
        }
        count
    }
}

/// What a history does from an hour on: how many events, how long runs take, which share fails.
type Change = fn(i64) -> (f64, f64, f64);

struct Kind {
    name: &'static str,
    /// Whether each day differs from others by more than chance.
    wild: bool,
    change: Change,
    /// Days that the calendar lists as closed.
    closed: fn(i64) -> bool,
    /// What must be found after [`BEGINS`]; nothing must be where it is empty.
    wanted: &'static [Anomaly],
}

const SAME: (f64, f64, f64) = (1.0, 1.0, 0.01);

fn never(_: i64) -> bool {
    false
}

/// The second Monday that is judged.
fn holiday(day: i64) -> bool {
    day == (LEARNT + 1) * 7
}

const KINDS: &[Kind] = &[
    Kind { name: "weekly rhythm, chance alone", wild: false, change: |_| SAME, closed: never, wanted: &[] },
    Kind { name: "weekly rhythm, wild days", wild: true, change: |_| SAME, closed: never, wanted: &[] },
    Kind {
        name: "grows by 5 % a week",
        wild: true,
        change: |h| (weekly(h, 1.05), 1.0, 0.01),
        closed: never,
        wanted: &[],
    },
    Kind {
        name: "shrinks by 5 % a week",
        wild: true,
        change: |h| (weekly(h, 0.95), 1.0, 0.01),
        closed: never,
        wanted: &[],
    },
    Kind {
        name: "a holiday that the calendar lists",
        wild: true,
        change: |h| if holiday(h.div_euclid(DAY_HOURS)) { (0.05, 1.0, 0.01) } else { SAME },
        closed: holiday,
        wanted: &[],
    },
    Kind {
        name: "everybody leaves at ten, until midnight",
        wild: true,
        change: |h| if (BEGINS..BEGINS + 14).contains(&h) { (0.0, 1.0, 0.01) } else { SAME },
        closed: never,
        wanted: &[Anomaly::Silent, Anomaly::Low],
    },
    Kind {
        name: "nothing comes any more",
        wild: true,
        change: |h| if h >= BEGINS { (0.0, 1.0, 0.01) } else { SAME },
        closed: never,
        wanted: &[Anomaly::Silent],
    },
    Kind {
        name: "a fifth of it comes",
        wild: true,
        change: |h| if h >= BEGINS { (0.2, 1.0, 0.01) } else { SAME },
        closed: never,
        wanted: &[Anomaly::Low, Anomaly::Silent],
    },
    Kind {
        name: "five times as much comes",
        wild: true,
        change: |h| if h >= BEGINS { (5.0, 1.0, 0.01) } else { SAME },
        closed: never,
        wanted: &[Anomaly::High],
    },
    Kind {
        name: "a burst: twenty times as much for an hour",
        wild: true,
        change: |h| if h == BEGINS { (20.0, 1.0, 0.01) } else { SAME },
        closed: never,
        wanted: &[Anomaly::High],
    },
    Kind {
        name: "runs take four times as long",
        wild: true,
        change: |h| if h >= BEGINS { (1.0, 4.0, 0.01) } else { SAME },
        closed: never,
        wanted: &[Anomaly::Slow],
    },
    Kind {
        name: "a fifth of the runs fails, before one in a hundred",
        wild: true,
        change: |h| if h >= BEGINS { (1.0, 1.0, 0.2) } else { SAME },
        closed: never,
        wanted: &[Anomaly::Failing],
    },
];

fn weekly(hour: i64, factor: f64) -> f64 {
    let weeks = i32::try_from(hour).unwrap_or(0);
    factor.powf(f64::from(weeks) / 168.0)
}

/// Busy on working days from eight to six, little at night and on weekends.
fn rhythm(hour: i64) -> f64 {
    let (day, of_day) = (hour.div_euclid(DAY_HOURS).rem_euclid(7), hour.rem_euclid(DAY_HOURS));
    let working = if day < 5 { 1.0 } else { 0.15 };
    let busy = match of_day {
        8..=17 => 1.0,
        6 | 7 | 18..=20 => 0.4,
        _ => 0.05,
    };
    working * busy
}

fn history(kind: &Kind, level: f64, seed: u64) -> Past {
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut hours = BTreeMap::new();
    let (mut day, mut of_day) = (-1, 1.0);
    for hour in 0..(LEARNT + JUDGED) * WEEK_HOURS {
        if hour.div_euclid(DAY_HOURS) != day {
            day = hour.div_euclid(DAY_HOURS);
            of_day = if kind.wild { (0.2 * dice.normal()).exp() } else { 1.0 };
        }
        let (volume, time, failing) = (kind.change)(hour);
        let mut one = Hour { accepted: dice.poisson(level * rhythm(hour) * of_day * volume), ..Hour::default() };
        for _ in 0..one.accepted {
            let ending = if dice.next() < failing { Ending::Failed } else { Ending::Done };
            let millis = 2_000.0 * time * (0.6 * dice.normal()).exp();
            #[expect(clippy::cast_possible_truncation, reason = "milliseconds of a test")]
            one.end(ending, Some(millis as i64));
        }
        if one != Hour::default() {
            hours.insert(hour, one);
        }
    }
    let closed = (0..(LEARNT + JUDGED) * WEEK_HOURS).filter(|hour| (kind.closed)(hour.div_euclid(DAY_HOURS))).collect();
    Past::new(hours, closed)
}

/// What was found in one history: wrong alarms (an alarm that stands for hours is one), and how many hours it took to find
/// what was to be found.
fn play(kind: &Kind, level: f64, seed: u64) -> (u32, Option<i64>) {
    let past = history(kind, level, seed);
    let (mut wrong, mut standing, mut after) = (0, BTreeSet::new(), None);
    for hour in LEARNT * WEEK_HOURS..(LEARNT + JUDGED) * WEEK_HOURS {
        if !kind.wanted.is_empty() && (after.is_some() || hour > BEGINS + 48) {
            break;
        }
        // What comes later is not looked at: only hours before this one are asked for.
        let (found, _) = past.judge(hour);
        let begun = hour >= BEGINS && !kind.wanted.is_empty();
        if begun && after.is_none() && found.iter().any(|one| kind.wanted.contains(one)) {
            after = Some(hour - BEGINS);
        }
        // What follows from what was to be found is not wrong.
        if !begun {
            wrong += u32::try_from(found.difference(&standing).count()).unwrap();
        }
        standing = found;
    }
    (wrong, after)
}

/// One row of the table, and whether it is as it must be.
fn row(kind: &Kind, level: f64) -> (String, f64, f64) {
    let played: Vec<_> = (1..=SERIES).map(|seed| play(kind, level, seed)).collect();
    let wrong: u32 = played.iter().map(|(wrong, _)| wrong).sum();
    let weeks = if kind.wanted.is_empty() { SERIES * 2 } else { SERIES * 58 / 168 };
    let a_week = f64::from(wrong) / f64::from(u32::try_from(weeks.max(1)).unwrap());
    let within = |hours: i64| {
        let found = played.iter().filter(|(_, after)| after.is_some_and(|after| after <= hours)).count();
        f64::from(u32::try_from(found).unwrap()) / f64::from(u32::try_from(SERIES).unwrap())
    };
    let mut text = format!("| {} | {level} | {a_week:.2} |", kind.name);
    if kind.wanted.is_empty() {
        text.push_str(" | | | |\n");
    } else {
        let missed = 1.0 - within(48);
        writeln!(
            text,
            " {:.0} % | {:.0} % | {:.0} % | {:.0} % |",
            within(0) * 100.0,
            within(5) * 100.0,
            within(23) * 100.0,
            missed * 100.0
        )
        .unwrap();
    }
    (text, a_week, 1.0 - within(48))
}

const HEAD: &str = "# What is called unlike, and what is not

Written by a test (`agent/src/watch/anomaly/tests.rs`, `UPDATE=1`) from generated histories: six weeks are learnt, two are judged,
two histories of each kind. Levels are events in a busy hour; nights and weekends have a twentieth to a seventh of it. \"Wild\"
days differ from one another by a fifth (standard deviation) beside chance. A false alarm is one that begins where nothing was
to be found, however long it stands. Found within an hour, six and twenty-four means after what was to be found began, on a
Wednesday at ten; missed is what was not found within two days. Where few events come there are floors, below which nothing is
said: a workflow with two events in a busy hour is not watched for bursts, but for silence. Where fewer come, silence is told of
once nothing came for three times as long as ever in the weeks before.

| what happens | level | false alarms a workflow and week | found within 1 h | 6 h | 24 h | missed |
|---|---|---|---|---|---|---|
";

#[test]
#[expect(clippy::disallowed_methods, reason = "the page is written on request")]
fn what_is_unlike_is_found_and_what_is_not_is_left_alone() {
    let (mut page, mut all) = (HEAD.to_owned(), 0.0);
    for kind in KINDS {
        for level in [0.2, 2.0, 20.0, 200.0] {
            let (text, wrong, missed) = row(kind, level);
            page.push_str(&text);
            assert!(wrong <= 0.25, "false alarms: {text}");
            all += wrong;
            if !kind.wanted.is_empty() && level >= 20.0 {
                assert!(missed <= 0.1, "missed: {text}");
            }
        }
    }
    assert!(all <= 1.0, "of all rows together: {all}");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/anomalies.md");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap_or_default(), page, "UPDATE=1 writes it again");
}

#[test]
fn nothing_is_said_before_three_weeks_are_known() {
    let hours = (0..2 * WEEK_HOURS).map(|hour| (hour, Hour { accepted: 50, ..Hour::default() })).collect();
    let (found, usual) = Past::new(hours, BTreeSet::new()).judge(2 * WEEK_HOURS + 5);
    assert_eq!(found, BTreeSet::new());
    assert_eq!(usual.judge(&Hour { accepted: 5_000, ..Hour::default() }), BTreeSet::new());
}

/// A webhook that brings a few events on each working day is gone: no count of what was missed says so for weeks.
#[test]
fn of_few_events_silence_is_told_once_it_is_far_longer_than_ever() {
    let at = |day: i64| day * DAY_HOURS + 10 + day % 5;
    let days = (0..42).filter(|day| day % 7 < 5);
    let hours: BTreeMap<i64, Hour> = days.map(|day| (at(day), Hour { accepted: 1, ..Hour::default() })).collect();
    let came: Vec<i64> = hours.keys().copied().collect();
    let (last, longest) = (*came.last().unwrap(), came.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap());
    let silent = |hours: &BTreeMap<i64, Hour>, closed: &BTreeSet<i64>, hour: i64| {
        Past::new(hours.clone(), closed.clone()).judge(hour).0.contains(&Anomaly::Silent)
    };
    let open = BTreeSet::new();
    let told = (last..last + 10_000).find(|hour| silent(&hours, &open, *hour)).unwrap();
    assert!((3 * longest - 1..=3 * longest + 1).contains(&(told - last)), "{} of {longest}", told - last);
    // Days on which the client is closed are none on which something could have come.
    let closed: BTreeSet<i64> = (last + 24..last + 24 + 7 * DAY_HOURS).collect();
    assert!(!silent(&hours, &closed, told + 24), "a week of holidays");
    // Of three weeks, or of a handful, nobody knows how long silence may be.
    let few: BTreeMap<i64, Hour> = hours.iter().take(8).map(|(at, one)| (*at, one.clone())).collect();
    assert!(!silent(&few, &open, told));
}

#[test]
fn what_comes_in_an_hour_that_is_not_over_is_enough_to_be_too_much() {
    let kind = &KINDS[0];
    let past = history(kind, 20.0, 1);
    let (_, usual) = past.judge(BEGINS - 1);
    assert_eq!(usual.judge(&Hour { accepted: 20, ..Hour::default() }), BTreeSet::new());
    assert_eq!(usual.judge(&Hour { accepted: 100, ..Hour::default() }), [Anomaly::High].into());
}
