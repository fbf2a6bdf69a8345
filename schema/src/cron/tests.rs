use super::*;
use crate::calendar::zone;

fn crontab(text: &str) -> Crontab {
    text.parse().unwrap_or_else(|e| panic!("{text}: {e}"))
}

fn times(text: &str, name: &str, from: &str, most: usize) -> Vec<String> {
    let (line, zone) = (crontab(text), zone(name).unwrap());
    let from = from.parse().unwrap();
    let next = |at: &Moment| line.next_after(*at, &zone);
    std::iter::successors(next(&from), next).take(most).map(|at| at.to_string()).collect()
}

#[test]
fn what_is_not_five_plain_fields_is_refused() {
    for bad in [
        "",
        "@daily",
        "* * * *",
        "* * * * * *",
        "5/15 * * * *",
        "* 5/2 * * *",
        "30-10 * * * *",
        "* * * * sat-sun",
        "* * L * *",
        "* * 15W * *",
        "* * * * 5#2",
        "* * ? * *",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * 32 * *",
        "* * * 0 *",
        "* * * 13 *",
        "* * * * 8",
        "*/0 * * * *",
        "*/60 * * * *",
        "-1 * * * *",
        "+1 * * * *",
        "1, * * * *",
        ",1 * * * *",
        "1--2 * * * *",
        "1-2-3 * * * *",
        "1/2/3 * * * *",
        "** * * * *",
        "mon * * * *",
        "* * * * jan",
        "* * * monday *",
        "0 0 30 2 *",
        "0 0 31 4,6,9,11 *",
        "0x1 * * * *",
        "١ * * * *",
        "* * * * *\n",
        "* *\u{a0}* * *",
        "001 * * * *",
        "1.5 * * * *",
    ] {
        assert!(bad.parse::<Crontab>().is_err(), "{bad}");
    }
    let long = format!("{} * * * *", "1,".repeat(200).trim_end_matches(','));
    assert!(long.parse::<Crontab>().is_err());
}

#[test]
fn equal_schedules_may_be_written_in_several_ways() {
    for (a, b) in [
        ("0 9 * * mon", "00 09 * * 1"),
        ("0 9 * * 0", "0 9 * * 7"),
        ("0 9 * * SUN", "0\t9  * * 7"),
        ("0 9 * * 5-7", "0 9 * * 5,6,sun"),
        ("0 9 * jan-mar *", "0 9 * 1,2,3 *"),
        ("0,15,30,45 9 * * *", "0-59/15 9 * * *"),
        ("0 9 * * 1-5/2", "0 9 * * 1,3,5"),
        ("* * * * *", "*/1 * * * */1"),
    ] {
        assert_eq!(crontab(a), crontab(b), "{a} and {b}");
    }
}

#[test]
fn either_day_suffices_when_both_are_restricted() {
    let days = |text: &str| {
        let all = times(text, "UTC", "2026-03-01T00:00:00Z", 6);
        all.into_iter().map(|at| at.get(8..10).unwrap().parse::<u32>().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(days("0 9 13 * fri"), [6, 13, 20, 27, 3, 10]);
    assert_eq!(days("0 9 13 * *"), [13, 13, 13, 13, 13, 13]);
    // A field that begins with a star is unrestricted: here both must match.
    assert_eq!(days("0 9 */2 * sun"), [1, 15, 29, 5, 19, 3]);
    assert_eq!(days("0 9 1-7 * */7"), [1, 5, 3, 7, 5, 2]);
}

#[test]
fn spring_forward_in_berlin() {
    // 2026-03-29: 02:00 becomes 03:00, which is 01:00Z.
    let from = "2026-03-28T12:00:00Z";
    assert_eq!(times("30 2 * * *", "Europe/Berlin", from, 2), ["2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"]);
    assert_eq!(times("0,15,30 2 * * *", "Europe/Berlin", from, 2), ["2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z"]);
    assert_eq!(times("0 2,3 * * *", "Europe/Berlin", from, 2), ["2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z"]);
    // Begins with a star: the removed hour is not made up for.
    assert_eq!(times("*/30 2 * * *", "Europe/Berlin", from, 2), ["2026-03-30T00:00:00Z", "2026-03-30T00:30:00Z"]);
}

#[test]
fn fall_back_in_berlin() {
    // 2026-10-25: 03:00 becomes 02:00, at 01:00Z.
    let from = "2026-10-24T12:00:00Z";
    assert_eq!(times("30 2 * * *", "Europe/Berlin", from, 2), ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]);
    let twice = ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-26T01:30:00Z"];
    assert_eq!(times("30 */2 * 10 *", "Europe/Berlin", "2026-10-25T00:00:00Z", 2), twice[..2]);
    assert_eq!(
        times("*/30 2 25-26 10 *", "Europe/Berlin", from, 3),
        ["2026-10-25T00:00:00Z", "2026-10-25T00:30:00Z", "2026-10-25T01:00:00Z"]
    );
}

#[test]
fn rare_days_are_found() {
    assert_eq!(times("0 0 29 2 *", "UTC", "2096-03-01T00:00:00Z", 1), ["2104-02-29T00:00:00Z"]);
    assert_eq!(
        times("0 0 29 2 */6", "UTC", "2072-03-01T00:00:00Z", 2),
        ["2076-02-29T00:00:00Z", "2088-02-29T00:00:00Z"]
    );
    let last = Moment::from_seconds(i64::MAX);
    assert_eq!(crontab("0 0 1 1 *").next_after(last, &TimeZone::UTC), None);
    assert_eq!(crontab("* * * * *").next_after(last, &TimeZone::UTC), None);
}

/// A field as text, with the members that a reader of crontab(5) would list.
struct Field {
    text: String,
    members: Vec<i64>,
}

struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: i64) -> i64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i64::try_from(self.0 >> 33).unwrap() % bound
    }

    fn field(&mut self, least: i64, most: i64) -> Field {
        let width = most - least + 1;
        match self.below(6) {
            0 | 1 => Field { text: "*".into(), members: (least..=most).collect() },
            2 => {
                let step = 1 + self.below(most);
                Field {
                    text: format!("*/{step}"),
                    members: (least..=most).filter(|m| (m - least) % step == 0).collect(),
                }
            }
            3 => {
                let (first, step) = (least + self.below(width), 1 + self.below(most));
                let last = first + self.below(most - first + 1);
                let members = (first..=last).filter(|m| (m - first) % step == 0).collect();
                Field { text: format!("{first}-{last}/{step}"), members }
            }
            _ => {
                let members: Vec<_> = (0..=self.below(3)).map(|_| least + self.below(width)).collect();
                let text = members.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
                Field { text, members }
            }
        }
    }
}

/// Written from the rules alone: walks every minute and shares nothing with the code but the time zone.
struct Oracle {
    fields: [Field; 5],
}

impl Oracle {
    fn new(dice: &mut Dice) -> Self {
        let bounds = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 6)];
        Self { fields: bounds.map(|(least, most)| dice.field(least, most)) }
    }

    fn text(&self) -> String {
        self.fields.iter().map(|f| f.text.as_str()).collect::<Vec<_>>().join(" ")
    }

    fn matches(&self, local: jiff::civil::DateTime) -> bool {
        let [minute, hour, day, month, weekday] = &self.fields;
        let d = day.members.contains(&i64::from(local.day()));
        let w = weekday.members.contains(&i64::from(local.weekday().to_sunday_zero_offset()));
        let both = !day.text.starts_with('*') && !weekday.text.starts_with('*');
        minute.members.contains(&i64::from(local.minute()))
            && hour.members.contains(&i64::from(local.hour()))
            && month.members.contains(&i64::from(local.month()))
            && if both { d || w } else { d && w }
    }

    fn fires(&self, locals: &[(Timestamp, jiff::civil::DateTime)]) -> Vec<Moment> {
        let each = self.fields[0].text.starts_with('*') || self.fields[1].text.starts_with('*');
        let mut fires = Vec::new();
        let mut highest = locals[0].1;
        for pair in locals.windows(2) {
            let ((_, before), (at, local)) = (pair[0], pair[1]);
            let mut due = self.matches(local) && (each || local > highest);
            let mut removed = before.checked_add(SignedDuration::from_mins(1)).unwrap();
            while !each && removed < local {
                due |= removed > highest && self.matches(removed);
                removed = removed.checked_add(SignedDuration::from_mins(1)).unwrap();
            }
            highest = highest.max(local);
            if due {
                fires.push(Moment::from(at));
            }
        }
        fires
    }
}

#[test]
fn schedules_fire_as_the_rules_say_around_every_kind_of_clock_change() {
    let windows = [
        ("Europe/Berlin", "2026-03-27T00:00:00Z"),
        ("Europe/Berlin", "2026-10-23T00:00:00Z"),
        ("America/New_York", "2026-03-06T00:00:00Z"),
        ("America/New_York", "2026-10-30T00:00:00Z"),
        ("Australia/Lord_Howe", "2026-04-03T00:00:00Z"),
        ("Australia/Lord_Howe", "2026-10-02T00:00:00Z"),
        ("America/St_Johns", "2010-03-12T00:00:00Z"),
        ("America/St_Johns", "2010-11-05T00:00:00Z"),
        ("America/Sao_Paulo", "2017-10-13T00:00:00Z"),
        ("America/Sao_Paulo", "2018-02-16T00:00:00Z"),
        ("Pacific/Apia", "2011-12-28T00:00:00Z"),
        ("Antarctica/Troll", "2026-03-27T00:00:00Z"),
        ("Antarctica/Troll", "2026-10-23T00:00:00Z"),
        ("Africa/Casablanca", "2026-02-13T00:00:00Z"),
        ("Africa/Casablanca", "2026-03-20T00:00:00Z"),
        ("Asia/Kathmandu", "2026-06-01T00:00:00Z"),
        ("Asia/Kolkata", "2026-12-29T00:00:00Z"),
    ];
    let mut dice = Dice(20_261_123);
    for (name, from) in windows {
        let zone = zone(name).unwrap();
        agree(&mut dice, &zone, name, from.parse().unwrap(), 5 * 1_440, 40);
    }
}

#[test]
fn schedules_fire_as_the_rules_say_through_years() {
    let mut dice = Dice(7);
    for (name, from) in [("Europe/Dublin", "2025-12-30T00:00:00Z"), ("America/Havana", "2026-01-01T00:00:00Z")] {
        let zone = zone(name).unwrap();
        agree(&mut dice, &zone, name, from.parse().unwrap(), 366 * 1_440, 2);
    }
}

fn agree(dice: &mut Dice, zone: &TimeZone, name: &str, from: Moment, minutes: i64, schedules: usize) {
    let minute = |n: i64| Timestamp::from_second(from.seconds() + n * 60).unwrap();
    let locals: Vec<_> = (0..=minutes).map(minute).map(|at| (at, zone.to_datetime(at))).collect();
    let until = Moment::from(locals[locals.len() - 1].0);
    for _ in 0..schedules {
        let oracle = Oracle::new(dice);
        let text = oracle.text();
        let Ok(line) = text.parse::<Crontab>() else {
            assert_eq!(text.parse::<Crontab>(), Err(BadSchedule::Never), "{text}");
            continue;
        };
        let next = |at: &Moment| line.next_after(*at, zone).filter(|next| *next <= until);
        let fires: Vec<_> = std::iter::successors(next(&from), next).collect();
        assert_eq!(fires, oracle.fires(&locals), "{text} in {name} from {from}");
    }
}
