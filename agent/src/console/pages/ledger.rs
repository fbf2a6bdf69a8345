//! The ledger of a client: its entries by day, newest first, each with a proof to take along.

use std::collections::BTreeSet;

use assent_schema::id::ClientId;
use assent_schema::ledger::{Entry, Kind};
use maud::{Markup, html};
use serde_json::Value;

use super::marks::{Mark, mark};
use super::{Body, Section};
use crate::console::office::Logged;
use crate::console::words;
use crate::ledger::Sought;
use crate::store::RunName;
use crate::world::Wall;

/// Where lists are asked for.
const LEDGER: &str = "/ledger?";
/// How all kinds are asked for, looks too.
pub(in crate::console) const ALL: &str = "all";
/// The most letters of one fact that a list shows; the proof holds the whole entry.
const SHORT: usize = 96;

/// A page of a log.
pub(in crate::console) struct Shown<'a> {
    /// The client's, or the agent's own.
    pub(in crate::console) client: Option<&'a ClientId>,
    pub(in crate::console) clients: &'a BTreeSet<ClientId>,
    pub(in crate::console) logged: &'a Logged,
    pub(in crate::console) sought: &'a Sought,
    /// Which of the agent's lives writes it, for the names of runs.
    pub(in crate::console) life: u32,
    pub(in crate::console) now: Wall,
}

pub(in crate::console) fn page(shown: &Shown<'_>) -> Body {
    let name = name(shown.client);
    let main = html! {
        h1 { "Ledger" }
        nav.tabs aria-label="Ledgers" {
            @for one in shown.clients { a href={ "/ledger?client=" (one) } aria-current=[(Some(one) == shown.client).then_some("true")] { (one) } }
            a href="/ledger?client=-" aria-current=[shown.client.is_none().then_some("true")] { "the agent's own" }
        }
        (checkpoint(shown, name))
        (filter(shown, name))
        div #entries data-part="" {
            @let page = &shown.logged.page;
            @if page.entries.is_empty() {
                p.empty { "None of " (words::count(page.looked, "entry", "entries")) " that were looked at fits. " a href={ "/ledger?client=" (name) } { "Clear the filters" } }
            } @else { (table(shown, name)) }
            @if page.gone > 0 { p.hint { "Of " (words::count(page.gone, "entry", "entries")) " on this page only the hash is left: they were pruned by age, or erased on request. Proofs still hold." } }
            @if let Some(older) = page.older { p.more { a.button href=(address(name, shown.sought, Some(older))) rel="next" { "Older entries" } } }
        }
    };
    Body { title: "Ledger".into(), section: Section::Ledger, main, is_live: shown.sought.before.is_none() }
}

/// How people name a run of the log; the agent's own log has none.
fn run_name(shown: &Shown<'_>, run: u64) -> String {
    shown.client.map_or_else(|| run.to_string(), |client| RunName::new(client.clone(), shown.life, run).to_string())
}

fn name(client: Option<&ClientId>) -> &str {
    client.map_or("-", ClientId::as_str)
}

/// What was signed last, and how somebody else looks whether it is so.
fn checkpoint(shown: &Shown<'_>, name: &str) -> Markup {
    html! {
        @match &shown.logged.checkpoint {
            Some(signed) => {
                dl.pairs.card {
                    div { dt { "origin" } dd { code { (signed.origin) } } }
                    div { dt { "entries signed for" } dd { (words::grouped(signed.size)) } }
                    div { dt { "root of the tree" } dd { (words::digest(&signed.root)) } }
                    div { dt { "checkpoint" } dd { a href={ "/ledger/" (name) "/checkpoint" } download { "Download" } } }
                }
                details.journal { summary { "Check it independently" }
                    p { "Keep the checkpoint. With it you can later prove that nothing before it was changed: "
                        code { "assent-agent ledger verify " (name) " --since FILE" } ". Each proof below verifies with "
                        code { "tests/vectors/check.py proof FILE KEY" } ", which shares no code with the agent. The key of this log:" }
                    figure.command { pre tabindex="0" aria-label="Key" data-copy="" { code { (signed.key) } } }
                }
            }
            None => p.banner.warn { (mark(Mark::Wait)) "No checkpoint has been signed yet; the first comes within a minute." }
        }
    }
}

fn filter(shown: &Shown<'_>, name: &str) -> Markup {
    let sought = shown.sought;
    html! {
        search {
            form.filter method="get" action="/ledger" {
                input type="hidden" name="client" value=(name);
                label { "Day (UTC)" input type="date" name="day" value=[sought.day.as_ref()]; }
                label { "Kind" select name="kind" {
                    option value="" { "all but looks" }
                    option value=(ALL) selected[sought.kind.is_none() && !sought.but_looks] { "all" }
                    @for kind in Kind::NAMES { option value=(kind) selected[sought.kind.as_deref() == Some(*kind)] { (kind) } }
                } }
                label { "Run" input type="text" name="run" value=[sought.run.map(|run| run_name(shown, run))] pattern="\\s*([a-z0-9\\-]+-)?([0-9]+\\.)?[0-9]+\\s*" title="A name like acme-12, or its number" autocomplete="off" autocapitalize="none" spellcheck="false"; }
                button type="submit" { "Search" }
            }
        }
    }
}

fn table(shown: &Shown<'_>, name: &str) -> Markup {
    let page = &shown.logged.page;
    let signed = shown.logged.checkpoint.as_ref().map_or(0, |signed| signed.size);
    html! {
        div.scroll tabindex="0" role="region" aria-label="Entries" {
            table.entries {
                thead { tr { th scope="col" { "Entry" } th scope="col" { "When (UTC)" } th scope="col" { "What" } th scope="col" { "By" } th scope="col" { "Proof" } } }
                tbody {
                    @for entry in &page.entries {
                        tr {
                            th scope="row" { (words::grouped(entry.index)) }
                            td { time datetime=(entry.time) title=(words::ago(shown.now, Wall::from(entry.time))) { (clock(entry)) } }
                            td { (what(entry, shown, name)) }
                            td { @if let Some(actor) = &entry.actor { span.by { (mark(Mark::Person)) (actor) } } }
                            td { @if entry.index < signed { a href={ "/ledger/" (name) "/" (entry.index) ".tlog-proof" } download { "Proof" span.unseen { " of entry " (entry.index) } } } @else { span.none title="A proof is there when the next checkpoint has been signed." { "in 1 min" } } }
                        }
                    }
                }
            }
        }
    }
}

fn clock(entry: &Entry) -> String {
    entry.time.to_string().replace('T', " ").replace('Z', "")
}

fn what(entry: &Entry, shown: &Shown<'_>, name: &str) -> Markup {
    html! {
        strong { (entry.kind.name()) }
        @if let Some(run) = entry.run { " " a href={ "/ledger?client=" (name) "&run=" (run) } { "run " (run_name(shown, run)) } }
        @if let Some(step) = &entry.step { " " code { (step) } }
        @if let Some(item) = &entry.item { " of " code { (words::told(item)) } }
        @if let Some(attempt) = entry.attempt.filter(|attempt| *attempt > 1) { " attempt " (attempt) }
        @for (fact, value, whole) in facts(&entry.kind) { " " span.fact { (fact) " " code title=[whole] { (words::told(&value)) } } }
    }
}

/// The facts of an entry, each on a line's length; of a digest also all of it.
fn facts(kind: &Kind) -> Vec<(String, String, Option<String>)> {
    let Ok(Value::Object(data)) = serde_json::to_value(kind) else { return Vec::new() };
    let is_digest = |text: &str| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let short = |text: String| {
        let cut: String = text.chars().take(SHORT).collect();
        if cut.len() < text.len() { format!("{cut}…") } else { text }
    };
    let fact = |(name, value): (String, Value)| match value {
        // As digests are everywhere here.
        Value::String(text) if is_digest(&text) => {
            (name, format!("{}…", text.get(..12).unwrap_or_default()), Some(text))
        }
        Value::String(text) => (name, short(text), None),
        other => (name, short(other.to_string()), None),
    };
    data.into_iter().map(fact).collect()
}

/// The address of a page of the list.
fn address(name: &str, sought: &Sought, before: Option<u64>) -> String {
    let mut query = form_urlencoded::Serializer::for_suffix(String::from(LEDGER), LEDGER.len());
    query.append_pair("client", name);
    let run = sought.run.map(|run| run.to_string());
    let before = before.map(|before| before.to_string());
    let kind = sought.kind.clone().or_else(|| (!sought.but_looks).then(|| ALL.to_owned()));
    for (name, value) in [("day", &sought.day), ("kind", &kind), ("run", &run), ("before", &before)] {
        if let Some(value) = value {
            query.append_pair(name, value);
        }
    }
    query.finish()
}
