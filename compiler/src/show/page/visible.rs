//! Text that people agree to: nothing in it is cut, and nothing in it is invisible.

use assent_schema::hidden;
use maud::{Markup, html};

/// A value inside a line: line ends and tabs are shown as well.
pub(in crate::show) fn value(text: &str) -> Markup {
    marked(text, |c| is_hidden(c) || matches!(c, '\n' | '\t'))
}

/// A text of several lines, for where line ends and tabs are kept.
pub(in crate::show) fn lines(text: &str) -> Markup {
    marked(text, is_hidden)
}

/// A sentence of ours, in which names stand between backticks.
pub(in crate::show) fn sentence(text: &str) -> Markup {
    html! {
        @for (place, part) in text.split('`').enumerate() {
            @if place % 2 == 1 { code { (value(part)) } } @else { (value(part)) }
        }
    }
}

fn marked(text: &str, hidden: impl Fn(char) -> bool) -> Markup {
    html! {
        @for run in runs(text, hidden) {
            @match run {
                Ok(plain) => (plain),
                Err(c) => span.mark { "U+" (format!("{:04X}", u32::from(c))) },
            }
        }
    }
}

/// Runs of plain text, and each hidden character by itself.
fn runs(text: &str, hidden: impl Fn(char) -> bool) -> Vec<Result<String, char>> {
    let mut runs: Vec<Result<String, char>> = Vec::new();
    for c in text.chars() {
        match runs.last_mut() {
            _ if hidden(c) => runs.push(Err(c)),
            Some(Ok(run)) => run.push(c),
            _ => runs.push(Ok(c.to_string())),
        }
    }
    runs
}

/// Characters that are not what a reader believes to see, other spaces too.
fn is_hidden(c: char) -> bool {
    hidden::kind(c).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_stays_invisible_and_nothing_becomes_markup() {
        let shown = value("pay\u{202e}<b>\u{200b}\u{7}\n").into_string();
        let mark = |code: &str| format!("<span class=\"mark\">U+{code}</span>");
        let wanted = ["pay".into(), mark("202E"), "&lt;b&gt;".into(), mark("200B"), mark("0007"), mark("000A")];
        assert_eq!(shown, wanted.concat());
        assert_eq!(lines("a\n\tb").into_string(), "a\n\tb");
        assert_eq!(sentence("reads `a` <i>").into_string(), "reads <code>a</code> &lt;i&gt;");
    }

    #[test]
    fn every_character_is_there() {
        let text: String = ('\0'..='\u{2fff}').collect();
        let shown = lines(&text).into_string();
        let seen: String = shown.replace("</span>", "").replace("<span class=\"mark\">", "");
        let marks = seen.matches("U+").count();
        let plain = text.chars().filter(|c| !is_hidden(*c)).count();
        assert_eq!(plain + marks, text.chars().count());
    }
}
