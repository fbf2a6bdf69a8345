//! The manual queue: work that automation could not finish, each with what was already done.

use maud::html;

use super::decisions::nothing;
use super::marks::{Mark, pill};
use super::{Body, Section};
use crate::console::look::ITEMS_MOST;
use crate::console::viewer::Viewer;
use crate::console::words;
use crate::store::QueueItem;
use crate::world::Wall;

pub(in crate::console) fn page(items: &[QueueItem], viewer: &Viewer, now: Wall) -> Body {
    let main = html! {
        h1 { "Manual queue" }
        div #queue data-part="" {
            @if items.is_empty() { (nothing("Automation finished everything that it began.")) }
            @else { p.lead { (words::count(items.len(), "case is waiting", "cases are waiting")) ", the oldest first." } }
            ul.rows.card {
                @for item in items.iter().take(ITEMS_MOST) {
                    li {
                        div {
                            p.head { a.whole href={ "/runs/" (item.run) } { (item.client) "/" (item.workflow) } (pill("bad", Mark::Bad, &item.why)) }
                            p.facts {
                                span { "queue " (item.queue) }
                                @if let Some(step) = &item.step { span { "at step " code { (step) } @if let Some(key) = &item.item { " of " code { (words::told(key.as_str())) } } } }
                                span { (words::when(now, Wall::from_millis(item.since))) }
                                span { "event " code { (words::told(&item.event)) } }
                            }
                            @if item.done.is_empty() { p.facts { span { "nothing was done outside" } } }
                            @else {
                                ul.done {
                                    @for done in &item.done {
                                        li { @if done.in_doubt { (pill("warn", Mark::Doubt, "in doubt")) } @else { (pill("good", Mark::Good, "done")) } " " code { (done.operation) } " at step " (done.step) }
                                    }
                                }
                            }
                        }
                        div.acts {
                            @if let Some(open) = open(item) { a.button href=(open) rel="noreferrer noopener" target="_blank" { "Open the case" } }
                            a.button href={ "/runs/" (item.run) "#acts" } { @if viewer.may_act(&item.client) { "Continue" } @else { "Look" } span.unseen { " with run " (item.run) } }
                        }
                    }
                }
            }
            @if items.len() > ITEMS_MOST { p.hint { "The oldest " (ITEMS_MOST) " of " (words::grouped(items.len() as u64)) "; " code { "assent-agent queue" } " lists them all." } }
        }
    };
    Body { title: "Manual queue".into(), section: Section::Queue, main, is_live: true }
}

/// The link that people open: to a page of the web, nothing else.
pub(super) fn open(item: &QueueItem) -> Option<&str> {
    item.open.as_deref().filter(|open| open.starts_with("https://") || open.starts_with("http://"))
}
