//! The lines at the top of every page that say what stands wrong.

use maud::{Markup, html};

use super::marks::{Mark, mark};
use crate::console::troubles::{Line, Tone};
use crate::console::words;
use crate::world::Wall;

/// How many stand there at once. The rest is unfolded, so that a page is still seen below them.
const AT_ONCE: usize = 3;

/// All of them; an empty part where nothing stands wrong, which fills when something does.
pub(super) fn troubles(lines: &[Line], now: Wall) -> Markup {
    let (first, rest) = lines.split_at_checked(AT_ONCE).unwrap_or((lines, &[]));
    html! {
        div #troubles data-part="" {
            @if !first.is_empty() { (list(first, "What stands wrong", now)) }
            @if !rest.is_empty() {
                details #more-troubles {
                    summary { (rest.len()) " more" span.unseen { " that stand wrong" } }
                    (list(rest, "What else stands wrong", now))
                }
            }
        }
    }
}

fn list(lines: &[Line], label: &str, now: Wall) -> Markup {
    html! {
        ul.troubles aria-label=(label) { @for one in lines { (line(one, now)) } }
    }
}

fn line(line: &Line, now: Wall) -> Markup {
    let (tone, picture, word) = match line.tone {
        Tone::Bad => ("bad", Mark::Bad, "Serious: "),
        Tone::Warn => ("warn", Mark::Warn, "Warning: "),
    };
    html! {
        li.(tone) {
            (mark(picture))
            span.unseen { (word) }
            strong { @match &line.page { Some(page) => a href=(page) { (line.what) }, None => (line.what) } }
            @if let Some(code) = &line.code { code { (code) } }
            @if let Some(since) = line.since { span { "since " (words::moment(now, since)) } }
            @if let Some(until) = line.until { span { "ends " (words::deadline(now, until)) } }
            @if let Some(command) = &line.command { code.run { (command) } }
        }
    }
}
