//! What is wrong in a schedule, and what to write instead: for people.

use std::ops::Range;

use super::{BadSchedule, CronField, Crontab, parse_value};

/// What many programs take for a schedule, and how five fields say it.
const NICKNAMES: [(&str, &str); 7] = [
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@monthly", "0 0 1 * *"),
    ("@weekly", "0 0 * * 0"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@hourly", "0 * * * *"),
];

impl BadSchedule {
    /// The part of the text that is wrong, in bytes: one field, or all of it.
    pub fn part(&self, text: &str) -> Range<usize> {
        match self {
            Self::NotFiveFields | Self::Never => 0..text.len(),
            Self::Field { field, .. } => place(text, *field).unwrap_or(0..text.len()),
        }
    }

    /// What to write instead, as a sentence; nothing where the list of what a field takes says it.
    pub fn instead(&self, text: &str) -> Option<String> {
        match self {
            Self::NotFiveFields => not_five(text.trim()),
            Self::Field { field, .. } => {
                let part = place(text, *field)?;
                text.get(part)?.split(',').find_map(|item| item_instead(item, *field))
            }
            Self::Never => Some("Name a day that the month has; `28` is in every month.".to_owned()),
        }
    }
}

fn place(text: &str, field: CronField) -> Option<Range<usize>> {
    let number = CronField::ALL.iter().position(|one| *one == field)?;
    let blank = |c: char| c == ' ' || c == '\t';
    let mut at = 0_usize;
    let mut seen = 0_usize;
    for part in text.split(blank) {
        let range = at..at.saturating_add(part.len());
        at = range.end.saturating_add(1);
        if part.is_empty() {
            continue;
        }
        if seen == number {
            return Some(range);
        }
        seen = seen.saturating_add(1);
    }
    None
}

fn not_five(text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    if let Some((_, line)) = NICKNAMES.iter().find(|(name, _)| *name == lower) {
        return Some(format!("Write `{line}`, or the days and the hour that are meant, like `30 8 * * 1-5`."));
    }
    if lower.starts_with("@reboot") {
        return Some("Workflows do not start with the host; use a `manual` trigger, or times of the day.".to_owned());
    }
    if lower.starts_with('@') {
        return Some("Write the times as five fields; `*/15 * * * *` is every quarter of an hour.".to_owned());
    }
    let fields: Vec<&str> = text.split_ascii_whitespace().collect();
    let five = |fields: &[&str]| {
        let line = fields.join(" ");
        line.parse::<Crontab>().is_ok().then(|| format!("Write `{line}`: there is no field for seconds or years."))
    };
    // Six fields begin with seconds in some programs and end with a year in others.
    let without = [fields.split_first().map(|(_, rest)| rest), fields.split_last().map(|(_, rest)| rest)];
    if fields.len() == 6 { without.into_iter().flatten().find_map(five) } else { None }
}

/// What to write instead of one item of a list.
fn item_instead(item: &str, field: CronField) -> Option<String> {
    let (least, most) = field.bounds();
    let upper = item.to_ascii_uppercase();
    if item == "?" {
        return Some("Write `*`: where one of both day fields is `*`, only the other counts.".to_owned());
    }
    if let Some((day, _)) = item.split_once('#') {
        return Some(format!(
            "Write the weekday alone, `{day}`, and let the first step `stop` when the date is in another week of the month."
        ));
    }
    if field == CronField::Day && (upper == "L" || upper == "LW" || upper.starts_with("L-")) {
        return Some(
            "Write `28-31`, and let the first step `stop` when tomorrow is still in the same month.".to_owned(),
        );
    }
    if field == CronField::Weekday && upper.len() > 1 && upper.ends_with('L') {
        return Some(
            "Write the weekday alone, and let the first step `stop` when it comes again this month.".to_owned(),
        );
    }
    if field == CronField::Day && upper.ends_with('W') {
        return Some(
            "Name the weekdays in the last field, and let the first step `stop` on the other days.".to_owned(),
        );
    }
    if let Some((first, step)) = item.split_once('/').filter(|(first, _)| *first != "*" && !first.contains('-')) {
        parse_value(first, field).ok()?;
        return Some(format!("Write `{first}-{}/{step}`.", if field == CronField::Weekday { 6 } else { most }));
    }
    let (first, last) = item.split_once('-')?;
    let (from, until) = (parse_value(first, field).ok()?, parse_value(last, field).ok()?);
    if from <= until {
        return None;
    }
    // Sunday is 0 and 7: a range up to it runs forward when it is written as 7.
    Some(match field {
        CronField::Weekday if until == 0 => format!("Write `{first}-7`: 7 is Sunday too."),
        _ => format!("Write two ranges, `{first}-{most},{least}-{last}`."),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instead(text: &str) -> Option<String> {
        text.parse::<Crontab>().err()?.instead(text)
    }

    #[test]
    fn what_is_proposed_is_a_schedule() {
        let proposals = [
            ("@daily", "Write `0 0 * * *`, or the days and the hour that are meant, like `30 8 * * 1-5`."),
            ("@Hourly", "Write `0 * * * *`, or the days and the hour that are meant, like `30 8 * * 1-5`."),
            ("0 30 9 * * 1-5", "Write `30 9 * * 1-5`: there is no field for seconds or years."),
            ("5/15 * * * *", "Write `5-59/15`."),
            ("0 22-6 * * *", "Write two ranges, `22-23,0-6`."),
            ("0 9 * * sat-sun", "Write `sat-7`: 7 is Sunday too."),
            ("0 9 * * fri-mon", "Write two ranges, `fri-7,0-mon`."),
        ];
        for (text, said) in proposals {
            assert_eq!(instead(text).as_deref(), Some(said), "{text}");
        }
        for good in ["0 0 * * *", "5-59/15 * * * *", "0 22-23,0-6 * * *", "0 9 * * sat-7", "0 9 * * fri-7,0-mon"] {
            assert!(good.parse::<Crontab>().is_ok(), "{good}");
        }
    }

    #[test]
    fn extensions_of_other_programs_are_named_for_what_they_are() {
        for text in ["0 0 L * *", "0 0 15W * *", "0 0 ? * 1", "0 0 * * 5#2", "0 0 * * 5L", "0 0 30 2 *", "@reboot"] {
            assert!(instead(text).is_some(), "{text}");
        }
        assert_eq!(instead("61 * * * *"), None);
    }

    #[test]
    fn the_place_is_the_field() {
        let part = |text: &str| {
            let bad = text.parse::<Crontab>().expect_err("a bad schedule");
            text.get(bad.part(text)).map(str::to_owned)
        };
        assert_eq!(part("0  9 31-1 * *").as_deref(), Some("31-1"));
        assert_eq!(part("99 * * * *").as_deref(), Some("99"));
        assert_eq!(part("@daily").as_deref(), Some("@daily"));
    }
}
