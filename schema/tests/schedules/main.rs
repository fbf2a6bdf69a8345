//! Crontab lines over ten years and every time zone, against two implementations that share no code with ours: a walk over
//! every minute, and `croniter` from Python where clocks do not change.
//!
//! # Source
//! language.md section 3, "Clock changes".

#![expect(clippy::indexing_slicing, reason = "helpers of tests; what does not fit fails the test")]

mod croniter;
mod line;
mod walk;

use std::collections::BTreeMap;

use assent_schema::cron::{BadSchedule, Crontab};
use assent_schema::time::Moment;
use jiff::tz::{TimeZone, db};
use line::{Dice, Line};
use walk::{Walk, Zone};

/// The ten years that are looked at: past rules and those to come.
const DECADE: (&str, &str) = ("2020-01-01T00:00:00Z", "2030-01-01T00:00:00Z");
/// How far around a clock change every minute is walked.
const AROUND_SECONDS: i64 = 27 * 3_600;
/// The most times that one line is asked for, so that lines for every minute end.
const TIMES_MOST: usize = 2_000;

fn seconds(text: &str) -> i64 {
    text.parse::<Moment>().expect("a moment").seconds()
}

fn decade() -> (i64, i64) {
    (seconds(DECADE.0), seconds(DECADE.1))
}

/// Compares the times that our code finds for each line with those of one walk.
fn agree(zone: &Zone, name: &str, (from, until): (i64, i64), lines: &[Line]) {
    let walked = Walk::new(zone, lines).fires(from, until, TIMES_MOST);
    for (line, walked) in lines.iter().zip(walked) {
        let text = line.to_string();
        let crontab = match text.parse::<Crontab>() {
            Ok(crontab) => crontab,
            Err(why) => {
                assert_eq!((why, walked), (BadSchedule::Never, vec![]), "{text}");
                continue;
            }
        };
        let next = |at: i64| crontab.next_after(Moment::from_seconds(at), zone.zone()).map(Moment::seconds);
        let ours = std::iter::successors(next(from), |at| next(*at)).take_while(|at| *at < until).take(TIMES_MOST);
        let ours: Vec<i64> = ours.collect();
        if let Some(at) = (0..ours.len().max(walked.len())).find(|at| ours.get(*at) != walked.get(*at)) {
            let shown = |at: Option<&i64>| at.map(|at| Moment::from_seconds(*at).to_string());
            panic!("`{text}` in {name}: ours {:?}, walked {:?}", shown(ours.get(at)), shown(walked.get(at)));
        }
        // From any moment the next time is the first one after it, not only from one time to the next.
        for pair in walked.windows(2).step_by(97) {
            let middle = pair[0].midpoint(pair[1]);
            assert_eq!((next(middle), next(pair[1] - 1)), (Some(pair[1]), Some(pair[1])), "`{text}` in {name}");
        }
    }
}

/// Zones whose clocks differ within the decade, each by one of its names.
fn distinct_zones() -> Vec<(String, Zone)> {
    let (from, until) = decade();
    let mut distinct: BTreeMap<Vec<(i64, i64)>, (String, Zone)> = BTreeMap::new();
    for name in db().available() {
        let name = name.to_string();
        let zone = Zone::new(TimeZone::get(&name).expect("a zone of the database"), from - AROUND_SECONDS, until);
        distinct.entry(zone.spans().to_vec()).or_insert((name, zone));
    }
    distinct.into_values().collect()
}

#[test]
fn around_every_clock_change_of_every_zone_lines_fire_as_the_rules_say() {
    let mut dice = Dice::new(4);
    let mut changes = 0;
    for (name, zone) in distinct_zones() {
        for (at, _) in zone.spans().iter().skip(1) {
            let line = if changes % 2 == 0 { Line::near_change(&mut dice) } else { Line::anything(&mut dice) };
            agree(&zone, &name, (at - AROUND_SECONDS, at + AROUND_SECONDS), &[line]);
            changes += 1;
        }
    }
    assert!(changes > 500, "the database of zones is there: {changes} changes");
}

fn whole_decade(names: &[&str], seed: u64) {
    let (from, until) = decade();
    let mut dice = Dice::new(seed);
    for name in names {
        let zone = Zone::new(TimeZone::get(name).expect("a zone of the database"), from, until);
        let lines: Vec<Line> = (0..4).map(|_| Line::seldom(&mut dice)).collect();
        agree(&zone, name, (from, until), &lines);
    }
}

#[test]
fn through_ten_years_lines_fire_as_the_rules_say() {
    whole_decade(&["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Auckland"], 10);
}

#[test]
fn through_ten_years_of_strange_clocks_lines_fire_as_the_rules_say() {
    whole_decade(
        &["Australia/Lord_Howe", "Africa/Casablanca", "Antarctica/Troll", "Asia/Gaza", "America/Scoresbysund"],
        11,
    );
}

#[test]
fn a_decade_of_zones_that_lost_and_won_whole_days() {
    // Samoa left out 30 December 2011, Kwajalein 21 August 1993; Alaska came over the date line and lived a day twice.
    for (name, from, until) in [
        ("Pacific/Apia", "2008-01-01T00:00:00Z", "2014-01-01T00:00:00Z"),
        ("Pacific/Kwajalein", "1992-01-01T00:00:00Z", "1995-01-01T00:00:00Z"),
        ("America/Sao_Paulo", "2012-01-01T00:00:00Z", "2020-01-01T00:00:00Z"),
        ("America/Caracas", "2006-01-01T00:00:00Z", "2017-01-01T00:00:00Z"),
    ] {
        let mut dice = Dice::new(12);
        let (from, until) = (seconds(from), seconds(until));
        let zone = Zone::new(TimeZone::get(name).expect("a zone of the database"), from, until);
        let lines: Vec<Line> = (0..4).map(|_| Line::seldom(&mut dice)).collect();
        agree(&zone, name, (from, until), &lines);
    }
}

#[test]
fn croniter_agrees_where_clocks_do_not_change() {
    let (from, until) = decade();
    let mut dice = Dice::new(13);
    let lines: Vec<Line> = std::iter::repeat_with(|| Line::anything(&mut dice))
        .filter(|line| line.is_like_croniter() && line.to_string().parse::<Crontab>().is_ok())
        .take(400)
        .collect();
    let Some(theirs) = croniter::times(&lines, from, until) else { return };
    assert_eq!(theirs.len(), lines.len());
    // It gives up on lines like `0 0 31 4 mon`, which fire on Mondays.
    let answered = lines.iter().zip(theirs).filter_map(|(line, theirs)| Some((line, theirs?)));
    let mut compared = 0;
    for (line, theirs) in answered {
        compared += 1;
        let crontab: Crontab = line.to_string().parse().expect("a line that was tried");
        let next = |at: i64| crontab.next_after(Moment::from_seconds(at), &TimeZone::UTC).map(Moment::seconds);
        let ours: Vec<i64> = std::iter::successors(next(from), |at| next(*at))
            .take_while(|at| *at < until)
            .take(croniter::TIMES)
            .collect();
        assert_eq!(ours, theirs, "`{line}`");
    }
    assert!(compared > 300, "croniter answers: {compared}");
}
