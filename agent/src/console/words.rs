//! How values are shown to people: times, amounts, texts that outsiders wrote. Pure.

use assent_schema::canon::Digest;
use assent_schema::hidden::walk;
use assent_schema::time::Moment;
use maud::{Markup, html};
use serde_json::Value;

use crate::people::told::amount;
pub(super) use crate::people::told::{grouped, money};
use crate::store::Entry;
use crate::world::Wall;

/// How long ago: `just now`, `4 min ago`; or how long until.
pub(super) fn ago(now: Wall, at: Wall) -> String {
    let (seconds, is_past) = if at <= now { (now.since(at).as_secs(), true) } else { (at.since(now).as_secs(), false) };
    // Whoever has three and a half hours left does not have four.
    let half = |unit: u64| if is_past { unit / 2 } else { 0 };
    let length = match seconds {
        0..10 => return if is_past { "just now".into() } else { "now".into() },
        10..90 => format!("{seconds} s"),
        90..5_400 => format!("{} min", (seconds + half(60)) / 60),
        // Whoever has to answer today plans by the minute.
        5_400..43_200 if !is_past && seconds % 3_600 >= 60 => {
            format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60)
        }
        5_400..129_600 => format!("{} h", (seconds + half(3_600)) / 3_600),
        // Rounded down it would be one day.
        129_600..172_800 if !is_past => format!("{} h", seconds / 3_600),
        _ => format!("{} days", (seconds + half(86_400)) / 86_400),
    };
    if is_past { format!("{length} ago") } else { format!("in {length}") }
}

/// A time as one looks at it: how long ago, and exactly when it is pointed at.
pub(super) fn when(now: Wall, at: Wall) -> Markup {
    let exact = at.moment().to_string();
    html! { time datetime=(exact) title=(exact) { (ago(now, at)) } }
}

/// As [`when`], of a moment.
pub(super) fn moment(now: Wall, at: Moment) -> Markup {
    when(now, Wall::from(at))
}

/// A time by which something must be done: how long until, and the time on a clock, which those who cannot point at it read too.
pub(super) fn deadline(now: Wall, at: Moment) -> Markup {
    let text = at.to_string();
    let (day, clock) = text.split_once('T').unwrap_or_default();
    let clock = clock.get(..5).unwrap_or(clock);
    let today = now.moment().day() == at.day();
    html! { (ago(now, at.into())) ", by " time datetime=(text) { @if !today { (day) " " } (clock) " UTC" } }
}

/// A time to the millisecond, with its zone: `2026-03-02 09:14:05.123 UTC`.
pub(super) fn precise(at: Wall) -> Markup {
    let text = at.moment().to_string();
    let shown = text.replace('T', " ").replace('Z', "");
    html! { time datetime=(text) { (shown) "." (format!("{:03}", at.millis().rem_euclid(1_000))) " UTC" } }
}

/// A sentence of ours with its code between backticks.
pub(super) fn sentences(text: &str) -> Markup {
    html! {
        @for (place, part) in text.split('`').enumerate() {
            @if place % 2 == 1 { code { (told(part)) } } @else { (told(part)) }
        }
    }
}

/// The exact time of a day: `2026-03-02 09:14:05`, in UTC.
pub(super) fn exact(at: Wall) -> Markup {
    let text = at.moment().to_string();
    let shown = text.replace('T', " ").replace('Z', "");
    html! { time datetime=(text) { (shown) } }
}

/// How long something took of which only whole seconds are known: `under 1 s`, `12 s`, `4 min`.
pub(super) fn took_about(from: Moment, to: Moment) -> String {
    match to.seconds().saturating_sub(from.seconds()) {
        ..1 => "under 1 s".to_owned(),
        seconds @ 1..90 => format!("{seconds} s"),
        _ => took(from.into(), to.into()),
    }
}

/// How long something took: `340 ms`, `2.1 s`, `4 min`.
pub(super) fn took(from: Wall, to: Wall) -> String {
    let millis = to.since(from).as_millis();
    match millis {
        0..1_000 => format!("{millis} ms"),
        1_000..90_000 => format!("{}.{} s", millis / 1_000, millis % 1_000 / 100),
        90_000..5_400_000 => format!("{} min", (millis + 30_000) / 60_000),
        5_400_000..129_600_000 => format!("{} h", (millis + 1_800_000) / 3_600_000),
        _ => format!("{} days", (millis + 43_200_000) / 86_400_000),
    }
}

/// The first digits of a digest; all of it when it is pointed at.
pub(super) fn digest(digest: &Digest) -> Markup {
    let text = digest.to_string();
    let short: String = text.chars().take(12).collect();
    html! { code title=(text) { (short) } }
}

/// A text that an outsider may have written, whole: what does not show is made visible.
pub(super) fn told(text: &str) -> Markup {
    let mut parts = Vec::new();
    let mut plain = String::new();
    for met in walk(text) {
        if met.c == '\t' || met.misleads() {
            parts.push((std::mem::take(&mut plain), Some(format!("U+{:04X}", u32::from(met.c)))));
        } else {
            plain.push(met.c);
        }
    }
    html! {
        @for (before, odd) in &parts {
            (before)
            @if let Some(odd) = odd { span.odd title="a character that does not show" { (odd) } }
        }
        (plain)
    }
}

/// A shown value, whole.
pub(super) fn value(value: &Value) -> Markup {
    match value {
        Value::Null => html! { span.none { "nothing" } },
        Value::Bool(truth) => html! { @if *truth { "yes" } @else { "no" } },
        Value::Number(number) => html! { (number) },
        Value::String(text) => html! { span.text dir="auto" { (told(text)) } },
        Value::Array(items) if items.is_empty() => html! { span.none { "an empty list" } },
        Value::Array(items) => html! { ol.values { @for item in items { li { (self::value(item)) } } } },
        Value::Object(fields) => {
            html! {
                @if let Some((minor, currency)) = amount(value) { strong.money { (money(minor, currency)) } }
                @else { dl.values { @for (name, field) in fields { dt { (told(name)) } dd { (self::value(field)) } } } }
            }
        }
    }
}

/// How often something is: `1 run`, `3 runs`.
pub(super) fn count(number: usize, one: &str, many: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{} {many}", grouped(number as u64)) }
}

/// One line of a run's journal.
pub(super) fn sentence(entry: &Entry) -> String {
    crate::control::stored::sentence(entry)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_amounts_are_what_people_say() {
        let at = Wall::from_millis;
        for (now, then, said) in [
            (5_000, 0, "just now"),
            (30_000, 0, "30 s ago"),
            (600_000, 0, "10 min ago"),
            (7_200_000, 0, "2 h ago"),
            (864_000_000, 0, "10 days ago"),
            (0, 3_600_000, "in 60 min"),
            (0, 12_660_000, "in 3 h 31 min"),
            (0, 10_800_000, "in 3 h"),
            (0, 50_000_000, "in 13 h"),
            (0, 170_000_000, "in 47 h"),
            (170_000_000, 0, "2 days ago"),
            (12_660_000, 0, "4 h ago"),
        ] {
            assert_eq!(ago(at(now), at(then)), said);
        }
        let deadline =
            |now: &str, until: &str| deadline(Wall::from(now.parse::<Moment>().unwrap()), until.parse().unwrap());
        let today = deadline("2026-03-02T09:14:00Z", "2026-03-02T13:04:00Z").into_string();
        assert!(today.starts_with("in 3 h 50 min, by <time") && today.ends_with(">13:04 UTC</time>"), "{today}");
        let later = deadline("2026-03-02T09:14:00Z", "2026-03-04T13:04:00Z").into_string();
        assert!(later.ends_with(">2026-03-04 13:04 UTC</time>"), "{later}");
        assert!(precise(at(61_007)).into_string().contains(">1970-01-01 00:01:01.007 UTC<"));
        assert_eq!((took(at(0), at(340)), took(at(0), at(2_140))), ("340 ms".into(), "2.1 s".into()));
        assert_eq!(money(-123_456, "EUR"), "-1\u{202f}234.56 EUR");
        assert_eq!(
            (money(5, "JPY"), money(5, "KWD"), money(5, "USD")),
            ("5 JPY".into(), "0.005 KWD".into(), "0.05 USD".into())
        );
        assert_eq!((grouped(1_000_000), grouped(12)), ("1\u{202f}000\u{202f}000".into(), "12".into()));
    }

    #[test]
    fn what_does_not_show_is_shown_and_markup_is_text() {
        let shown = told("pay \u{202e}001\u{200b}\u{e0141}a\u{fe0f}<script>alert(1)</script>\nnow").into_string();
        assert!(
            shown.contains("U+202E")
                && shown.contains("U+200B")
                && shown.contains("U+E0141")
                && shown.contains("U+FE0F")
                && shown.contains("\nnow"),
            "{shown}"
        );
        assert!(!shown.contains("<script") && shown.contains("&lt;script&gt;"), "{shown}");
        let money = value(&serde_json::json!({"currency": "EUR", "minor": 1_200})).into_string();
        assert!(money.contains("12.00 EUR"), "{money}");
        let named = value(&serde_json::json!({"<b>": ["\u{7}"]})).into_string();
        assert!(named.contains("&lt;b&gt;") && named.contains("U+0007"), "{named}");
    }
}
