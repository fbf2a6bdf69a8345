//! The changes as Markdown, for a comment on a pull request.
//!
//! Sentences hold text of the repository, which a stranger may have written: nothing of it becomes HTML, a link, an image
//! or the mention of a person.

use std::fmt::Write as _;

use super::Compared;
use super::words::{Line, Section, asked, not_compared, not_judged, sections, summary};

/// The largest comment, in bytes; GitHub refuses more than 65,536 characters.
const COMMENT_MOST_BYTES: usize = 60_000;

/// The changes as Markdown.
pub fn markdown(compared: Compared<'_>) -> String {
    let mut out = format!("**{}**\n", escaped(&summary(compared)));
    let apart = compared.absent.iter().map(not_compared).chain(compared.unjudged.iter().map(not_judged));
    for apart in apart {
        write!(out, "\n⚠️ {}\n", escaped(&apart)).unwrap_or_default();
    }
    for change in compared.changes {
        let mut part = format!("\n### {}\n", escaped(&format!("`{}`", change.client)));
        if let Some(asked) = asked(change) {
            write!(part, "\n> {}\n", escaped(&asked)).unwrap_or_default();
        }
        for section in sections(change) {
            part.push_str(&written(&section));
        }
        if out.len().saturating_add(part.len()) > COMMENT_MOST_BYTES {
            write!(out, "\nThis is too much for one comment; `assent plan` shows the rest.\n").unwrap_or_default();
            break;
        }
        out.push_str(&part);
    }
    out
}

fn written(section: &Section) -> String {
    let mut out = String::new();
    let title = escaped(section.title.trim_end_matches(':'));
    let warn = if section.mark == '!' { "⚠️ " } else { "" };
    let opened = if section.folded {
        write!(out, "\n<details><summary>{title} ({})</summary>\n\n", section.lines.len())
    } else {
        write!(out, "\n{warn}**{title}**\n\n")
    };
    opened.unwrap_or_default();
    section.lines.iter().for_each(|line| out.push_str(&item(line)));
    if section.folded {
        out.push_str("\n</details>\n");
    }
    out
}

fn item(line: &Line) -> String {
    let mut out = format!("- {}\n", escaped(&line.text));
    for detail in &line.details {
        writeln!(out, "  - {}", escaped(detail)).unwrap_or_default();
    }
    if !line.difference.is_empty() {
        let longest = line.difference.iter().map(|line| longest_run(line)).max().unwrap_or(0);
        let fence = "`".repeat(longest.saturating_add(1).max(3));
        writeln!(out, "\n  {fence}diff").unwrap_or_default();
        line.difference.iter().for_each(|line| writeln!(out, "  {line}").unwrap_or_default());
        write!(out, "  {fence}\n\n").unwrap_or_default();
    }
    out
}

/// The longest run of backticks.
fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

/// A sentence whose names stand between backticks. What a stray backtick turns around is escaped or code all the same.
fn escaped(sentence: &str) -> String {
    let flat = sentence.replace(['\n', '\r'], " ");
    let parts: Vec<&str> = flat.split('`').collect();
    let mut out = String::new();
    for (place, part) in parts.iter().enumerate() {
        let closed = place.saturating_add(1) < parts.len();
        if place % 2 == 1 && closed && !part.trim().is_empty() {
            write!(out, "`{part}`").unwrap_or_default();
        } else {
            part.chars().for_each(|c| plain(c, &mut out));
        }
    }
    out
}

fn plain(c: char, out: &mut String) {
    match c {
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        '&' => out.push_str("&amp;"),
        // A zero-width space: `@name` would call somebody who has nothing to do with it.
        '@' => out.push_str("@\u{200b}"),
        '\\' | '*' | '_' | '[' | ']' | '#' | '|' | '~' | '!' | '$' => {
            out.push('\\');
            out.push(c);
        }
        c => out.push(c),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_the_repository_becomes_markup() {
        assert_eq!(escaped("step `pay` is new"), "step `pay` is new");
        assert_eq!(escaped("<img src=x> @alice ![a](b)"), "&lt;img src=x&gt; @\u{200b}alice \\!\\[a\\](b)");
        assert_eq!(escaped("`a <b>"), "a &lt;b&gt;");
        assert_eq!(escaped("` ` <b>"), "  &lt;b&gt;");
        let line = Line { text: "x".into(), details: Vec::new(), difference: vec!["+````".into(), "+<b>".into()] };
        assert!(item(&line).contains("`````diff\n"), "{}", item(&line));
    }
}
