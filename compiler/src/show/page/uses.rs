//! Data uses side by side.

use std::collections::BTreeSet;

use assent_schema::id::WorkflowId;
use assent_schema::trust::{Approved, Decision};
use assent_schema::uses::DataUse;
use maud::{Markup, html};

use super::Page;
use super::rows::{Row, rows};
use super::visible::{sentence as shown, value};
use crate::compare::Beside;
use crate::sentence::{Categories, sentence_with};

/// What is asked, or what ends.
pub(super) fn section(page: &Page<'_>) -> Markup {
    let approves = matches!(page.statement.says, Decision::Approve(_));
    let workflows: BTreeSet<_> = page.beside.iter().map(workflow).collect();
    html! {
        h2 { @if approves { "What is asked" } @else { "What ends" } }
        @if page.beside.is_empty() { p { "Nothing that is approved now." } }
        @for name in workflows {
            section {
                h3 { (heading(name)) }
                @for pair in page.beside.iter().filter(|pair| workflow(pair) == name) { (article(pair, page.categories)) }
            }
        }
    }
}

/// What is approved already and stays so.
pub(super) fn rest(page: &Page<'_>) -> Markup {
    html! {
        h2 { "What stays as it is" }
        @if page.rest.is_empty() {
            p { "Nothing else is approved now." }
        } @else {
            p { "Approved before, not spoken of here, and not changed by this file:" }
            ul {
                @for Approved { used, statement: _, expires } in page.rest {
                    li {
                        @match &used.workflow {
                            Some(name) => { code { (value(name.as_str())) } " " },
                            None => "for all workflows: ",
                        }
                        (shown(&sentence_with(used, page.categories))) " Until " (expires) "."
                    }
                }
            }
        }
    }
}

fn workflow(pair: &Beside) -> Option<&WorkflowId> {
    pair.is.as_ref().or(pair.was.as_ref().map(|was| &was.used)).and_then(|used| used.workflow.as_ref())
}

fn heading(name: Option<&WorkflowId>) -> Markup {
    html! {
        @match name {
            Some(name) => { "The workflow " code { (value(name.as_str())) } },
            None => "All workflows",
        }
    }
}

fn article(pair: &Beside, categories: &Categories) -> Markup {
    let (tag, class) = match (&pair.was, &pair.is) {
        (None, _) => ("new", "new"),
        (Some(_), None) => ("ends", "gone"),
        (Some(was), Some(is)) if was.used == *is => ("approved already", "same"),
        (Some(_), Some(_)) if pair.is_known() => ("within what is approved", "same"),
        (Some(_), Some(_)) => ("wider or other than approved", "new"),
    };
    let said = pair.is.as_deref().or(pair.was.as_ref().map(|was| &*was.used));
    let said = said.map(|used| sentence_with(used, categories));
    html! {
        article {
            h4 { span class={ "tag " (class) } { (tag) } " " (shown(&said.unwrap_or_default())) }
            dl {
                @for (name, was, is) in joined(pair.was.as_ref().map(|was| &*was.used), pair.is.as_deref(), categories) {
                    (row(name, pair, was.as_ref(), is.as_ref()))
                }
                @if let Some(was) = &pair.was {
                    div.row { dt { "Approved until" } dd { (was.expires) } dd {} }
                }
            }
        }
    }
}

/// The rows of both sides, by name, in the order of a use.
type Joined = (&'static str, Option<Vec<String>>, Option<Vec<String>>);

fn joined(was: Option<&DataUse>, is: Option<&DataUse>, categories: &Categories) -> Vec<Joined> {
    let rows = |used| rows(used, categories);
    let (old, new) = (was.map(rows), is.map(rows));
    let find = |side: &Option<Vec<Row>>, name: &str| {
        side.as_ref().map(|all| all.iter().find(|(of, _)| *of == name).map(|(_, v)| v.clone()).unwrap_or_default())
    };
    let mut names: Vec<&'static str> = Vec::new();
    for (name, _) in new.iter().chain(old.iter()).flatten() {
        if !names.contains(name) {
            names.push(name);
        }
    }
    names.into_iter().map(|name| (name, find(&old, name), find(&new, name))).collect()
}

fn row(name: &str, pair: &Beside, was: Option<&Vec<String>>, is: Option<&Vec<String>>) -> Markup {
    html! {
        div.row {
            dt { (name) }
            dd { div.side { "Approved now" } (side(was, is, true)) }
            dd {
                div.side { @if pair.is.is_some() { "With this file" } @else { "After this file" } }
                (side(is, was, false))
            }
        }
    }
}

/// One side of a row. What the other one lacks is marked, not by colour alone: the text says it.
fn side(own: Option<&Vec<String>>, other: Option<&Vec<String>>, old: bool) -> Markup {
    let both = own.is_some() && other.is_some();
    let lacks = |text: &String| both && other.is_some_and(|other| !other.contains(text));
    html! {
        @match own {
            None => { "nothing" },
            Some(values) if values.is_empty() => { "—" },
            Some(values) => ul {
                @for text in values {
                    li {
                        @if lacks(text) {
                            @if old { del { code { (value(text)) } " (before)" } }
                            @else { ins { code { (value(text)) } " (new)" } }
                        } @else {
                            code { (value(text)) }
                        }
                    }
                }
            },
        }
    }
}
