//! What a run read, read again: for this one look.

use maud::html;

use super::{Body, Section};
use crate::console::words;
use crate::control::ReadAgain;
use crate::people::told;
use crate::store::RunId;

pub(in crate::console) fn page(run: RunId, reads: &[ReadAgain]) -> Body {
    let main = html! {
        p.crumbs { a href={ "/runs/" (run) } { "Back to the run" } }
        h1 { "Current content" }
        p.lead { "Read from the client's systems for you, this once. The agent keeps nothing of it; that you looked, and why, is recorded in the client's ledger." }
        @if reads.is_empty() { p.empty { "Nothing of this run can be read again: its catalog allows it for none of its reads, or none of them was done." } }
        @for read in reads {
            section.card {
                header { h2 { (read.step) } code { (read.operation) } }
                @if let Some(code) = &read.code { p.empty { "Could not be read: " code { (code) } } }
                @if let Some(values) = &read.values {
                    dl.shown { @for (name, value) in values { div { dt { (told::path(name)) } dd { (words::value(value)) } } } }
                }
            }
        }
    };
    Body { title: "Content".into(), section: Section::Runs, main, is_live: false }
}
