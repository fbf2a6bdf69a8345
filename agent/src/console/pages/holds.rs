//! What is held, and holding more.

use std::collections::BTreeMap;

use assent_schema::id::{ClientId, ConnectionId};
use assent_schema::ledger::HeldWhat;
use assent_schema::status::{Hold, Status};
use maud::{Markup, html};

use super::marks::{Mark, mark, pill};
use super::{Body, Section, form_field};
use crate::console::troubles::name;
use crate::console::viewer::Viewer;
use crate::console::words;
use crate::world::Wall;

/// What somebody sees of it.
pub(in crate::console) struct Held<'a> {
    pub(in crate::console) status: &'a Status,
    /// The clients whose standing they see, each with its connections.
    pub(in crate::console) clients: &'a BTreeMap<ClientId, Vec<ConnectionId>>,
    pub(in crate::console) viewer: &'a Viewer,
    pub(in crate::console) now: Wall,
}

pub(in crate::console) fn page(held: &Held<'_>) -> Body {
    let holds: Vec<_> = held.status.holds.iter().filter(|hold| held.clients.contains_key(&hold.client)).collect();
    let main = html! {
        h1 { "Holds" }
        p.lead { "Triggers are kept and runs pause before their next step. A hold ends by itself." }
        div #held data-part="" {
            @if holds.is_empty() { p.empty { (mark(Mark::Good)) "Nothing is held." } }
            @else { (list(holds.into_iter(), held.viewer, held.now)) }
        }
        @if held.clients.keys().any(|client| held.viewer.may_act(client)) { (form(held)) }
        @else { p.hint { "Only people whom the root lists as on-call can hold and resume." } }
    };
    Body { title: "Holds".into(), section: Section::Holds, main, is_live: true }
}

/// Holds, each with its end and a way to end it before.
pub(super) fn list<'h>(holds: impl Iterator<Item = &'h Hold>, viewer: &Viewer, now: Wall) -> Markup {
    html! {
        section.card #holds {
            header { h2 { "Holds" } }
            ul.rows {
                @for hold in holds {
                    li {
                        div {
                            p.head { (pill("warn", Mark::Pause, "held")) strong { (name(hold)) } }
                            p.facts {
                                span { "by " (hold.by) } span { "because of " code { (hold.why) } }
                                span { "since " (words::moment(now, hold.since)) }
                                span { "lapses " (words::deadline(now, hold.until)) }
                            }
                        }
                        @if viewer.may_act(&hold.client) {
                            form method="post" action="/resume" { (form_field()) (fields(hold)) button type="submit" { "Resume" span.unseen { " " (name(hold)) } } }
                        }
                    }
                }
            }
        }
    }
}

fn fields(hold: &Hold) -> Markup {
    html! {
        input type="hidden" name="client" value=(hold.client);
        @match &hold.what {
            HeldWhat::Client => {}
            HeldWhat::Workflow(workflow) => input type="hidden" name="workflow" value=(workflow);,
            HeldWhat::Connection(connection) => input type="hidden" name="connection" value=(connection);,
        }
    }
}

fn form(held: &Held<'_>) -> Markup {
    html! {
        section.card.do {
            header { h2 { "Hold something" } }
            form.stack method="post" action="/hold" {
                (form_field())
                label { "What" select name="at" required {
                    // Nothing is chosen until somebody chooses: the button stops a client.
                    option value="" disabled selected { "choose" }
                    @for (client, connections) in held.clients.iter().filter(|(client, _)| held.viewer.may_act(client)) {
                        optgroup label=(client) {
                            option value=(client) { "all of " (client) }
                            @for workflow in held.status.workflows.get(client).into_iter().flat_map(BTreeMap::keys) { option value={ (client) "/" (workflow) } { "workflow " (workflow) } }
                            @for connection in connections { option value={ (client) ":" (connection) } { "connection " (connection) } }
                        }
                    }
                } }
                (why_and_how_long())
                button.danger type="submit" { "Hold it" }
            }
        }
    }
}

/// The two fields of every hold.
pub(super) fn why_and_how_long() -> Markup {
    html! {
        label { "Why" small { "One word or ticket id; the client reads it" }
            input type="text" name="why" required maxlength="64" pattern="[A-Za-z0-9._:\\-]+" autocomplete="off"; }
        label { "For" select name="lasts" {
            option value="1h" { "1 hour" } option value="4h" selected { "4 hours" } option value="1d" { "1 day" } option value="7d" { "7 days" }
        } }
    }
}
