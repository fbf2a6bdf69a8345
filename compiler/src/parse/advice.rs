//! What to do about a value that does not fit its key, and about quotes that are missing or too many.

use std::ops::Range;

use super::tree::Written;

/// What to write, where the finding says what the value is not.
pub(super) fn write(what: &str) -> Option<String> {
    if what.starts_with("has a path ") || what.starts_with("has no host ") {
        return Some("Write scheme, host and path alone, like `https://api.example.com/v1`.".to_owned());
    }
    if what.starts_with("is `http` ") {
        return Some("Write `https://` before the host.".to_owned());
    }
    let wanted = ["is not within ", "is none of ", "is not ", "is no "];
    let (said, rest) = wanted.iter().find_map(|said| Some((*said, what.strip_prefix(*said)?)))?;
    Some(match said {
        "is not within " => format!("Write a value within {rest}."),
        "is none of " => format!("Write one of {rest}."),
        _ => format!("Write {rest}."),
    })
}

/// What to write instead of a value of another TOML type; mostly quotes or brackets are missing, or too many.
///
/// Where values are messages, as in scenarios, advice repeats none.
pub(super) fn quotes(found: &Written<'_>, wanted: &str, may_repeat: bool) -> String {
    if !may_repeat {
        return format!("Write {}.", wanted.trim_end_matches(','));
    }
    let as_text = |text: &str| format!("Put it in quotes: `\"{}\"`.", text.escape_debug());
    match found {
        Written::Integer(digits) if wanted.contains("text") || wanted.contains("decimal") => as_text(digits.as_str()),
        Written::Float(digits) if wanted.contains("text") || wanted.contains("decimal") => as_text(digits),
        Written::Boolean(flag) if wanted.contains("text") => as_text(if *flag { "true" } else { "false" }),
        Written::Float(_) if wanted.contains("integer") => {
            "Write a whole number; amounts of money are in minor units, like `4990` for 49.90.".to_owned()
        }
        Written::Float(_) | Written::Datetime(_) => {
            "Write dates and decimals as text, in quotes: they keep their exact form then.".to_owned()
        }
        Written::String(text) if is_bare(text) && !wanted.contains("text") && !wanted.contains("quotes") => {
            format!("Write it without quotes: `{text}`.")
        }
        Written::String(text) if wanted == "a list" && text.len() <= SHOWN_MOST_BYTES => {
            format!("Put it in brackets: `[\"{}\"]`.", text.escape_debug())
        }
        _ => format!("Write {}.", wanted.trim_end_matches(',')),
    }
}

/// The longest value that advice repeats, in bytes.
const SHOWN_MOST_BYTES: usize = 40;

/// Whether a text is a value that TOML writes without quotes.
fn is_bare(text: &str) -> bool {
    matches!(text, "true" | "false") || (!text.is_empty() && text.len() <= 16 && text.parse::<i64>().is_ok())
}

/// What to do about a place that is not TOML, where quotes are the reason; `at` is where the parser stopped. As in [`quotes`],
/// a value is repeated where it may be.
pub(super) fn of_syntax(text: &str, at: &Range<usize>, message: &str, may_repeat: bool) -> Option<String> {
    let help = of_line(text, at, message)?;
    if may_repeat {
        return Some(help);
    }
    // What follows the colon shows what to write.
    help.split(": ").next().map(|said| format!("{}.", said.trim_end_matches('.')))
}

fn of_line(text: &str, at: &Range<usize>, message: &str) -> Option<String> {
    let line_start = text.get(..at.start)?.rfind('\n').map_or(0, |newline| newline.saturating_add(1));
    let line = text.get(line_start..)?.lines().next().unwrap_or_default();
    if message.contains("duplicate key") && line.starts_with('[') && !line.starts_with("[[") {
        let name = line.trim().trim_matches(['[', ']']);
        return Some(format!("A table that stands there several times is written with two brackets: `[[{name}]]`."));
    }
    let (key, value) = line.split_once('=').map(|(key, value)| (key.trim(), value.trim()))?;
    if key.is_empty() || key.contains(['"', '\'', '[', '{']) {
        return None;
    }
    let quotes = value.matches('"').count();
    if value.starts_with('"') && !value.starts_with("\"\"\"") && !value.contains('\\') {
        return Some(if quotes == 1 {
            format!("The text of `{key}` has no closing quote: end it with `\"`.")
        } else {
            format!("The text of `{key}` ends at its second `\"`; inside it write single quotes, like `\"a == 'b'\"`.")
        });
    }
    let is_word = value.starts_with(|c: char| c.is_alphabetic()) && value.len() <= SHOWN_MOST_BYTES;
    if is_word && !matches!(value, "true" | "false") && quotes == 0 && !value.contains(['{', '[', '#']) {
        return Some(format!("A text stands in quotes: `{key} = \"{value}\"`."));
    }
    if is_word && quotes == 1 && value.ends_with('"') {
        return Some(format!("The text of `{key}` has no opening quote: begin it with `\"`."));
    }
    // Periods and dates begin with a digit and are texts all the same.
    let is_period = value.starts_with(|c: char| c.is_ascii_digit()) && value.ends_with(['s', 'm', 'h', 'd']);
    (is_period && message.len() < 500 && value.len() <= SHOWN_MOST_BYTES)
        .then(|| format!("A period stands in quotes: `{key} = \"{value}\"`."))
}

#[cfg(test)]
mod tests {
    use toml::de::DeTable;

    use super::*;

    /// What is advised about the first place that is not TOML.
    fn check(text: &str, wanted: Option<&str>) {
        let error = DeTable::parse(text).expect_err(text);
        let at = error.span().unwrap_or(text.len()..text.len());
        let help = of_syntax(text, &at, error.message(), true);
        match wanted {
            None => assert_eq!(help, None, "{text}"),
            Some(wanted) => assert!(help.as_deref().is_some_and(|help| help.contains(wanted)), "{text}: {help:?}"),
        }
    }

    #[test]
    fn quotes_that_are_missing_or_too_many_are_told() {
        check("name = acme\n", Some("`name = \"acme\"`"));
        check("a = 1\nsummary = \"Acme\nplan = \"x\"\n", Some("`summary` has no closing quote"));
        check("summary = Acme\"\n", Some("no opening quote"));
        check("when = \"a == \"b\"\"\n", Some("single quotes"));
        check("timeout = 10m\n", Some("`timeout = \"10m\"`"));
        check("[limits\n", None);
        check("a = [1, 2\n", None);
    }

    #[test]
    fn what_a_value_is_not_says_what_to_write() {
        assert_eq!(write("is not within 1 to 20").as_deref(), Some("Write a value within 1 to 20."));
        assert_eq!(write("is none of `a`, `b`").as_deref(), Some("Write one of `a`, `b`."));
        assert_eq!(write("is not a day like `2026-12-25`").as_deref(), Some("Write a day like `2026-12-25`."));
        assert_eq!(write("has nobody in it"), None);
    }
}
