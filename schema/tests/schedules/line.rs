//! Crontab lines out of dice, with the members that a reader of crontab(5) would list: nothing here parses.

use std::fmt;

/// Numbers from a seed.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn below(&mut self, bound: i64) -> i64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i64::try_from(self.0 >> 33).expect("31 bits") % bound
    }

    fn one_of<'a>(&mut self, from: &[&'a str]) -> &'a str {
        let place = self.below(i64::try_from(from.len()).expect("few"));
        from[usize::try_from(place).expect("not negative")]
    }
}

/// One field: its text, and what it stands for.
#[derive(Clone)]
pub(crate) struct Field {
    text: String,
    members: u64,
}

impl Field {
    pub(crate) fn has(&self, member: i64) -> bool {
        self.members >> member & 1 == 1
    }

    pub(crate) fn begins_with_star(&self) -> bool {
        self.text.starts_with('*')
    }

    fn every() -> Self {
        Self { text: "*".into(), members: u64::MAX }
    }
}

/// Bounds and names of a field; the last of the weekdays is Sunday once more.
type Kind = (i64, i64, &'static [&'static str]);

const MINUTE: Kind = (0, 59, &[]);
const HOUR: Kind = (0, 23, &[]);
const DAY: Kind = (1, 31, &[]);
const MONTH: Kind = (1, 12, &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]);
const WEEKDAY: Kind = (0, 7, &["sun", "mon", "tue", "wed", "thu", "fri", "sat"]);

/// A whole line.
#[derive(Clone)]
pub(crate) struct Line {
    pub(crate) minute: Field,
    pub(crate) hour: Field,
    pub(crate) day: Field,
    pub(crate) month: Field,
    pub(crate) weekday: Field,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { minute, hour, day, month, weekday } = self;
        write!(f, "{} {} {} {} {}", minute.text, hour.text, day.text, month.text, weekday.text)
    }
}

impl Line {
    /// Any line at all.
    pub(crate) fn anything(dice: &mut Dice) -> Self {
        Self {
            minute: field(dice, MINUTE),
            hour: field(dice, HOUR),
            day: field(dice, DAY),
            month: if dice.below(3) == 0 { field(dice, MONTH) } else { Field::every() },
            weekday: field(dice, WEEKDAY),
        }
    }

    /// A line that fires at the small hours, where clocks change, on most days.
    pub(crate) fn near_change(dice: &mut Dice) -> Self {
        let hour = match dice.below(4) {
            0 => field(dice, HOUR),
            1 => Field { text: "*".into(), members: u64::MAX },
            _ => {
                let hour = (dice.below(6) + 23) % 24;
                Field { text: hour.to_string(), members: 1 << hour }
            }
        };
        Self { minute: field(dice, MINUTE), hour, day: Field::every(), month: Field::every(), weekday: Field::every() }
    }

    /// A line that fires a few times a day at most, so that ten years are soon walked.
    pub(crate) fn seldom(dice: &mut Dice) -> Self {
        let minute = dice.below(60);
        Self {
            minute: Field { text: format!("{minute:02}"), members: 1 << minute },
            hour: if dice.below(2) == 0 {
                Field { text: format!("*/{}", 6), members: 1 | 1 << 6 | 1 << 12 | 1 << 18 }
            } else {
                let (first, second) = (dice.below(5), 12 + dice.below(12));
                Field { text: format!("{first},{second}"), members: 1 << first | 1 << second }
            },
            day: field(dice, DAY),
            month: field(dice, MONTH),
            weekday: field(dice, WEEKDAY),
        }
    }

    /// Whether `croniter` reads the line as we do: for it a day field is restricted that leaves something out, for
    /// crontab(5) one that does not begin with a star.
    pub(crate) fn is_like_croniter(&self) -> bool {
        let alike = |field: &Field, all: u64| field.begins_with_star() == (field.members & all == all);
        let (days, weekdays) = (0b1111_1111_1111_1111_1111_1111_1111_1110, 0b111_1111);
        let either = self.day.text == "*" || self.weekday.text == "*";
        either || (alike(&self.day, days) && alike(&self.weekday, weekdays))
    }
}

fn field(dice: &mut Dice, kind: Kind) -> Field {
    let (least, most, _) = kind;
    match dice.below(5) {
        0 => Field::every(),
        1 => {
            let step = 1 + dice.below(most);
            // A star is Sunday to Saturday: the second Sunday is not one of its days.
            let last = if most == 7 { 6 } else { most };
            let members = (least..=last).filter(|member| (member - least) % step == 0);
            Field { text: format!("*/{step}"), members: set(members, kind) }
        }
        _ => {
            let items: Vec<Field> = (0..=dice.below(3)).map(|_| item(dice, kind)).collect();
            Field {
                text: items.iter().map(|item| item.text.as_str()).collect::<Vec<_>>().join(","),
                members: items.iter().fold(0, |all, item| all | item.members),
            }
        }
    }
}

/// One item of a list: a value by number or name, a range, a range with a step.
fn item(dice: &mut Dice, kind: Kind) -> Field {
    let (least, most, names) = kind;
    let first = least + dice.below(most - least + 1);
    let last = first + dice.below(most - first + 1);
    match dice.below(4) {
        0 => Field { text: format!("{first}-{last}"), members: set(first..=last, kind) },
        1 => {
            let step = 1 + dice.below(most);
            let members = (first..=last).filter(|member| (member - first) % step == 0);
            Field { text: format!("{first}-{last}/{step}"), members: set(members, kind) }
        }
        2 if !names.is_empty() => {
            let name = dice.one_of(names);
            let place = names.iter().position(|other| *other == name).expect("one of them");
            let member = least + i64::try_from(place).expect("few");
            let text = if dice.below(2) == 0 { name.to_owned() } else { name.to_uppercase() };
            Field { text, members: set(member..=member, kind) }
        }
        _ => Field { text: first.to_string(), members: set(first..=first, kind) },
    }
}

fn set(members: impl Iterator<Item = i64>, (_, most, _): Kind) -> u64 {
    members.fold(0, |all, member| all | 1 << if most == 7 { member % 7 } else { member })
}
