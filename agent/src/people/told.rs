//! Values and texts that others wrote as plain text, made harmless before any receiver's own escaping. Pure.

use assent_schema::hidden::{Hidden, Met, kind, walk};
use assent_schema::shape::currency_digits;
use serde_json::Value;

/// One line: whatever ends lines is a space, whatever is not seen is shown as a mark.
pub(crate) fn line(text: &str) -> String {
    walk(text).map(|met| if ends_line(met.c) || met.c == '\t' { ' ' } else { seen(met) }).collect()
}

/// Several lines, each ended by a line feed alone.
pub(crate) fn lines(text: &str) -> String {
    let whole = text.replace("\r\n", "\n");
    walk(&whole)
        .map(|met| {
            if ends_line(met.c) {
                '\n'
            } else if met.c == '\t' {
                met.c
            } else {
                seen(met)
            }
        })
        .collect()
}

/// At most so many characters; what was longer ends in an ellipsis.
pub(crate) fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

fn ends_line(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}') || kind(c) == Some(Hidden::Line)
}

/// Controls, marks that turn the direction of writing, and what has no width are replaced: what is read is what is there.
fn seen(met: Met) -> char {
    if met.misleads() { char::REPLACEMENT_CHARACTER } else { met.c }
}

/// An amount with its currency: `12.30 EUR`.
pub(crate) fn money(minor: i64, currency: &str) -> String {
    let digits = currency_digits(currency);
    let sign = if minor < 0 { "-" } else { "" };
    let unit = 10_u64.pow(digits);
    let (whole, part) = (minor.unsigned_abs() / unit, minor.unsigned_abs() % unit);
    let whole = grouped(whole);
    match digits {
        0 => format!("{sign}{whole} {currency}"),
        _ => format!("{sign}{whole}.{part:0width$} {currency}", width = digits as usize),
    }
}

/// A number with a thin space between thousands.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}

/// The amount that a shown value is: minor units and their currency.
pub(crate) fn amount(value: &Value) -> Option<(i64, &str)> {
    let fields = value.as_object().filter(|fields| fields.len() == 2)?;
    Some((fields.get("minor")?.as_i64()?, fields.get("currency")?.as_str()?))
}

/// A shown value, whole, in lines.
pub fn value(shown: &Value) -> String {
    match shown {
        Value::Null => "nothing".to_owned(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => lines(text),
        Value::Array(items) if items.is_empty() => "an empty list".to_owned(),
        Value::Array(items) => items.iter().map(|item| format!("- {}", value(item))).collect::<Vec<_>>().join("\n"),
        Value::Object(fields) => {
            if let Some((minor, currency)) = amount(shown) {
                money(minor, &line(currency))
            } else {
                let members = fields.iter().map(|(name, field)| format!("{}: {}", line(name), value(field)));
                members.collect::<Vec<_>>().join("\n")
            }
        }
    }
}

/// A path as people read it: `reply.text` is `reply › text`.
pub(crate) fn path(path: &str) -> String {
    path.split('.').map(|part| part.replace('_', " ")).collect::<Vec<_>>().join(" › ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_misleads_is_a_mark() {
        let written = "pay\u{e0141}\u{3164}\u{200d}❤\u{fe0f}\u{fe0e}\u{2028}1\u{202f}000\u{202e}\u{7}";
        assert_eq!(line(written), "pay���❤\u{fe0f}� 1\u{202f}000��");
        assert_eq!(lines(written), "pay���❤\u{fe0f}�\n1\u{202f}000��");
    }
}
