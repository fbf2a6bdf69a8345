//! What waits for people to decide.

use maud::{Markup, html};

use super::marks::{Mark, pill};
use super::{Body, Section};
use crate::console::words;
use crate::people::wire::Shown;
use crate::store::{RunName, Waiting};
use crate::world::Wall;

/// A question as the list of whoever decides names it.
pub(in crate::console) struct Asked<'a> {
    pub(in crate::console) shown: &'a Shown,
    /// What the plan says that it does.
    pub(in crate::console) summary: Option<String>,
    /// When it was asked.
    pub(in crate::console) since: Option<Wall>,
    /// The run's name.
    pub(in crate::console) name: Option<RunName>,
    /// The id of what began it, where the plan shows it to them: else it is none of what the client signed for this person.
    pub(in crate::console) event: Option<String>,
}

/// What waits for the person who looks.
pub(in crate::console) fn own(questions: &[Asked<'_>], now: Wall) -> Body {
    let main = html! {
        h1 { "Decisions" }
        div #questions data-part="" {
            @if questions.is_empty() { (nothing("Nothing is waiting for you.")) }
            @else { p.lead { (words::count(questions.len(), "decision is waiting", "decisions are waiting")) " for you, the oldest first." } }
            ul.rows.card {
                @for Asked { shown, summary, since, name, event } in questions {
                    li.question {
                        div {
                            p.head {
                                a.whole href={ "/decisions/" (shown.nonce) } { (summary.as_deref().unwrap_or(shown.workflow.as_str())) }
                                @if shown.guardrail { (pill("warn", Mark::Warn, "above a limit")) }
                                @if shown.signature { (pill("calm", Mark::Decisions, "needs a signature")) }
                            }
                            p.facts {
                                span { (shown.workflow) } @if let Some(name) = name { span { "run " (name) } }
                                @if let Some(item) = &shown.item { span { "item " code { (words::told(item.as_str())) } } }
                                @if let Some(event) = event { span { "event " code { (words::told(event)) } } }
                                @if let Some(since) = since { span { "asked " (words::when(now, *since)) } }
                                span { "group " (shown.by) }
                                span { "counts as no " (words::deadline(now, shown.until)) }
                            }
                        }
                    }
                }
            }
        }
    };
    Body { title: "Decisions".into(), section: Section::Decisions, main, is_live: true }
}

/// What waits for others, without what they are shown.
pub(in crate::console) fn watched(waiting: &[Waiting], now: Wall) -> Body {
    let main = html! {
        h1 { "Decisions" }
        div #questions data-part="" {
            @if waiting.is_empty() { (nothing("No decision is waiting for anybody.")) }
            @else { p.lead { (words::count(waiting.len(), "decision is waiting", "decisions are waiting")) ". What is asked is shown to who decides, and to nobody else." } }
            ul.rows.card {
                @for one in waiting.iter().take(crate::console::look::ITEMS_MOST) {
                    li {
                        div {
                            p.head {
                                a.whole href={ "/runs/" (one.run) } { (one.client) "/" (one.workflow) }
                                (pill("ask", Mark::Wait, "waiting"))
                                @if one.guardrail { (pill("warn", Mark::Warn, "above a limit")) }
                            }
                            p.facts {
                                span { "step " code { (one.step) } } span { "group " (one.by) }
                                span { "asked " (words::when(now, Wall::from_millis(one.since))) }
                                span { "counts as no " (words::deadline(now, Wall::from_millis(one.until).moment())) }
                            }
                        }
                    }
                }
            }
        }
    };
    Body { title: "Decisions".into(), section: Section::Decisions, main, is_live: true }
}

/// An empty list says what it would hold.
pub(super) fn nothing(text: &str) -> Markup {
    html! { p.empty { (super::mark(Mark::Good)) (text) } }
}
