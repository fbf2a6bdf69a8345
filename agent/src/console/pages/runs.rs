//! Runs, newest first.

use std::collections::BTreeSet;

use assent_schema::id::ClientId;
use maud::{Markup, html};

use super::marks::state;
use super::{Body, Section};
use crate::console::wanted::Wanted;
use crate::console::words;
use crate::control::{RunRow, RunState};
use crate::store::RunId;
use crate::world::Wall;

/// Where lists are asked for.
const RUNS: &str = "/runs?";

/// A page of the list.
pub(in crate::console) struct List<'a> {
    pub(in crate::console) rows: Vec<RunRow>,
    /// Those of before a recovery, after which numbers began anew.
    pub(in crate::console) old: BTreeSet<RunId>,
    /// Where the next page begins, if there is more.
    pub(in crate::console) older: Option<RunId>,
    /// How many runs were looked through.
    pub(in crate::console) looked: usize,
    pub(in crate::console) wanted: &'a Wanted,
    pub(in crate::console) clients: &'a BTreeSet<ClientId>,
    pub(in crate::console) now: Wall,
}

pub(in crate::console) fn page(list: &List<'_>) -> Body {
    let main = html! {
        h1 { "Runs" }
        (filter(list))
        div #runs data-part="" {
            @if list.rows.is_empty() {
                p.empty { "None of " (words::count(list.looked, "run", "runs")) " that were looked at fits. " a href="/runs" { "Clear the filters" } }
            } @else { (table(list)) }
            @if let Some(older) = list.older { p.more { a.button href=(next(list.wanted, older)) rel="next" { "Older runs" } } }
        }
    };
    Body { title: "Runs".into(), section: Section::Runs, main, is_live: true }
}

fn filter(list: &List<'_>) -> Markup {
    let wanted = list.wanted;
    html! {
        search {
            form.filter method="get" action="/runs" {
                label { "Client" select name="client" {
                    option value="" { "all" }
                    @for client in list.clients { option value=(client) selected[wanted.client.as_ref() == Some(client)] { (client) } }
                } }
                label { "Workflow" input type="text" name="workflow" value=[wanted.workflow.as_ref()] autocomplete="off" autocapitalize="none" spellcheck="false"; }
                label { "State" select name="state" {
                    option value="" { "all" }
                    @for state in RunState::ALL { option value=(state.as_str()) selected[wanted.state == Some(state)] { (state.as_str()) } }
                } }
                label { "Up to (UTC)" input type="datetime-local" name="at" value=(wanted.at_text); }
                label { "Run or event" input type="text" name="q" value=[wanted.event.as_ref()] autocomplete="off" autocapitalize="none" spellcheck="false"; }
                button type="submit" { "Search" }
            }
        }
    }
}

fn table(list: &List<'_>) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label="Runs" {
            table.runs {
                thead { tr { th scope="col" { "Run" } th scope="col" { "Workflow" } th scope="col" { "State" } th scope="col" { "Step" } th scope="col" { "Accepted" } th scope="col" { "Took" } } }
                tbody {
                    @for row in &list.rows {
                        tr {
                            th scope="row" { a href={ "/runs/" (row.run) } { (row.name()) } @if list.old.contains(&row.run) { small { " before the recovery" } } }
                            td { (row.workflow) }
                            td { (state(row.state)) }
                            td { @if let Some(step) = &row.step { code { (step) } } @if let Some(code) = &row.code { " " span.code { (code) } } }
                            td { (words::when(list.now, row.accepted.into())) }
                            td.number { @if !row.state.is_open() { (words::took_about(row.accepted, row.last)) } }
                        }
                    }
                }
            }
        }
    }
}

/// The address of the next page.
fn next(wanted: &Wanted, older: RunId) -> String {
    let mut query = form_urlencoded::Serializer::for_suffix(String::from(RUNS), RUNS.len());
    let mut add = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            query.append_pair(name, &value);
        }
    };
    add("client", wanted.client.as_ref().map(ToString::to_string));
    add("workflow", wanted.workflow.as_ref().map(ToString::to_string));
    add("state", wanted.state.map(|state| state.as_str().to_owned()));
    add("q", wanted.event.clone());
    add("before", Some(older.to_string()));
    query.finish()
}
