//! KPIs with their plots.

use std::collections::{BTreeMap, BTreeSet};

use assent_schema::id::ClientId;
use maud::{Markup, html};

use super::plot::bars;
use super::{Body, Section};
use crate::console::numbers::{Cell, Counts, DAYS, LEAST, Now, Series};

/// The numbers of a client.
pub(in crate::console) fn page(
    shown: Option<(&ClientId, &BTreeMap<Series, Counts>)>,
    clients: &BTreeSet<ClientId>,
    now: Now,
) -> Body {
    let main = html! {
        h1 { "KPIs" }
        @match shown {
            None => p.empty { "You are not assigned to any client." }
            Some((client, all)) => {
                nav.tabs aria-label="Clients" { @for one in clients { a href={ "/numbers?client=" (one) } aria-current=[(one == client).then_some("true")] { (one) } } }
                div #numbers data-part="" {
                    @if all.is_empty() { p.empty { "Nothing has been counted for " (client) " yet: KPIs are taken when runs end " code { "done" } "." } }
                    @else { p.lead { "The last " (DAYS) " days, in UTC. Fewer than " (LEAST) " runs are shown as " code { "<" (LEAST) } " and are added to the next hour that has enough. Of the hour that is not over, KPIs that count every finished run show fives, as a lighter bar. Where two KPIs would reveal fewer by their difference, one is withheld. " a href={ "/numbers.csv?client=" (client) } download { "Download as CSV" } } }
                    div.plots {
                        @for (series, counts) in all {
                            figure.card.plot {
                                figcaption { span { (series.workflow) } strong { (series.name.replace('_', " ")) } (sum(series, counts, now)) }
                                (bars(series, counts, now))
                                @if counts.groups.len() > 1 || counts.groups.keys().any(|group| !group.is_empty()) {
                                    table.groups {
                                        caption.unseen { "By label" }
                                        tbody { @for (group, value) in &counts.groups { tr { th scope="row" { (if group.is_empty() { "without label" } else { group.as_str() }) } td.number { (series.shown(*value)) } } } }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    };
    Body { title: "KPIs".into(), section: Section::Numbers, main, is_live: true }
}

/// All that is told beside the name, and over which time.
fn sum(series: &Series, counts: &Counts, now: Now) -> Markup {
    let so_far = series.shown(Cell::Told(counts.so_far));
    let since = format!("so far since {:02}:00", now.open_since());
    html! {
        @if counts.so_far == 0 {
            em { (series.total(counts)) }
            small { @if counts.days.is_empty() { "no full hour yet" } @else { "in " (DAYS) " days" } }
        } @else if counts.days.is_empty() {
            em { (so_far) }
            small { (since) }
        } @else {
            em { (series.total(counts)) }
            small { "in " (DAYS) " days, and " (so_far) " " (since) }
        }
    }
}
