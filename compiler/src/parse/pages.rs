//! Reads how the lists of an operation are read in pages, and how they are watched.

use std::collections::BTreeSet;

use assent_schema::code::Code;
use assent_schema::plan::{FirstPage, Method, Pages, PagesBy, Param, Place, bounds};
use assent_schema::shape::{CurrencyWire, InstantWire, Shape};
use assent_schema::spec::{Operation, Polled, Spanned};
use serde::Deserialize;

use super::integration::own_event;
use super::operation::one_of;
use super::place::{answer_place, json_path, path};
use super::reader::{Sink, Value};
use super::value::{boolean, parsed, within, word};

/// Reads how a list is walked by those who wait for news in it.
pub(super) fn polled(value: Value<'_, '_>) -> Option<Polled> {
    let mut table = value.table()?;
    let items = table.need("items", parsed);
    let order = table.need("order", parsed);
    let id = table.need("id", parsed);
    let since = table.need("since", parsed);
    let own = table.opt("self", own_event);
    table.done();
    Some(Polled { items: items?, order: order?, id: id?, since: since?, own })
}

/// What `poll` names is there, and is what it must be.
pub(super) fn check_polled(polled: &Spanned<Polled>, operation: &Operation, sink: &Sink) {
    let list = operation.response.get(polled.items.as_str());
    let item = list.and_then(|field| match &field.shape {
        Shape::List { of, .. } => Some(&of.shape),
        _ => None,
    });
    let field = |name: &str| match item {
        Some(Shape::Record { fields }) => fields.get(name).filter(|field| !field.optional && field.class.is_fact()),
        _ => None,
    };
    let instant = |shape: &Shape| matches!(shape, Shape::Instant { wire } if wire.tells_apart());
    // A day begins before all that is of it.
    let since_when = |shape: &Shape| instant(shape) || matches!(shape, Shape::Instant { wire: InstantWire::Date(_) });
    let named = |shape: &Shape| matches!(shape, Shape::Token {} | Shape::Uuid {} | Shape::Integer {});
    let since = operation.params.get(polled.since.as_str());
    let wrong = if !matches!(item, Some(Shape::Record { .. })) {
        Some("`items` names no list of records")
    } else if !field(polled.order.as_str()).is_some_and(|order| instant(&order.shape)) {
        Some(
            "`order` names no `instant` of class `reference` that every item has: one that tells items of a day apart, and no hour twice (`local` with `zone = \"UTC\"` does)",
        )
    } else if !field(polled.id.as_str()).is_some_and(|id| named(&id.shape)) {
        Some("`id` names no `token`, `uuid` or `integer` of class `reference` that every item has")
    } else if !since.is_some_and(|since| since_when(&since.shape)) {
        Some("`since` names no parameter of type `instant`")
    } else if polled.own.as_ref().is_some_and(|own| field(&own.at).is_none()) {
        Some("`self` names no field of class `reference` that every item has")
    } else {
        None
    };
    if let Some(wrong) = wrong {
        sink.refuse(Code::BadValue, &polled.span, format!("`poll`: {wrong}."), None);
    }
}

/// What the agent counts where an API hands out no place of the next page.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Counted {
    /// The items that came.
    Items,
    /// The pages that came.
    Pages,
}

impl From<Counted> for PagesBy {
    fn from(counted: Counted) -> Self {
        match counted {
            Counted::Items => Self::Offset,
            Counted::Pages => Self::Page,
        }
    }
}

/// Reads how long lists are read.
pub(super) fn pages(value: Value<'_, '_>) -> Option<Pages> {
    let mut table = value.table()?;
    let cursor_at = table.opt("cursor_at", answer_place);
    let link_at = table.opt("link_at", answer_place);
    let count: Option<Counted> = table.opt("count", word);
    let ways = ["cursor_at", "link_at", "count"];
    let by = match ways.map(|way| table.has(way)) {
        [true, false, false] => cursor_at.map(|at| (PagesBy::Cursor, at)),
        [false, true, false] => link_at.map(|at| (PagesBy::Link, at)),
        [false, false, true] => count.map(|counted| (counted.into(), String::new())),
        [false, false, false] => table.lacks(
            &ways,
            "How the next page is asked for is missing.",
            "Add `cursor_at`, `link_at` or `count = \"items\"` or `\"pages\"`, as the API has it.",
        ),
        _ => table.bad(
            "`cursor_at`, `link_at` and `count` are three ways to ask for the next page, and one is needed.",
            "Keep the one that the API has.",
        ),
    };
    let first = table.opt("first", first_page);
    if matches!(count, Some(Counted::Pages)) && !table.has("first") {
        let help = "Write `first = 0` or `first = 1`, as the API's description has it: with `first = 0` its second page is 1, \
                    with `first = 1` it is 2. Taken for the other one, a page would be left out, and nothing would tell.";
        table.lacks::<()>(&["first"], "The number of the first page is missing.", help);
    }
    // A word that is none was told.
    let misread = table.has("count") && count.is_none();
    if !misread && !matches!(count, Some(Counted::Pages)) && table.has("first") {
        return table.bad("`first` is the number of the first page, and no pages are counted here.", "Remove `first`.");
    }
    let more_at = table.opt("more_at", json_path);
    let param = table.need("param", path);
    let place = table.opt("in", |value| one_of(value, [Place::Query, Place::Body], "is none of `query`, `body`"));
    let collect = table.need("collect", parsed);
    let most = table.need("most", within(bounds::PAGES));
    let keep = table.opt("keep", kept);
    let also = table.opt("also", kept).unwrap_or_default();
    if !also.is_empty() && (!table.has("link_at") || place == Some(Place::Body)) {
        let help = "Use `link_at` with `in = \"query\"`, or remove `also`.";
        return table.bad("`also` is for what a link says in its query beside `param`.", help);
    }
    if param.as_ref().is_some_and(|param| also.contains(param)) {
        return table.bad("`also` names what `param` names.", "Remove it from `also`.");
    }
    let cut = table.opt("cut", boolean).unwrap_or_default();
    table.done();
    let (by, cursor_at) = by?;
    Some(Pages {
        by,
        first: first.unwrap_or_default(),
        cursor_at,
        more_at,
        param: param?,
        also,
        place: place.unwrap_or(Place::Query),
        collect: collect?,
        most: most?,
        keep,
        cut,
    })
}

fn first_page(value: Value<'_, '_>) -> Option<FirstPage> {
    FirstPage::try_from(within(0..=1_u8)(value)?).ok()
}

/// The names of the query that further pages are asked for with; none of them is something to say, too.
fn kept(value: Value<'_, '_>) -> Option<BTreeSet<String>> {
    value.items()?.map(path).collect()
}

/// What further pages keep is something that the first one is asked for with, in its query.
pub(super) fn check_kept(pages: &Spanned<Pages>, operation: &Operation, sink: &Sink) {
    let in_query = operation.params.values().filter(|param| param.place == Place::Query).flat_map(query_names);
    let mut there: BTreeSet<&str> = in_query.collect();
    if operation.method == Method::Get {
        there.extend(operation.constants.keys().map(String::as_str));
    }
    let strange = pages.keep.iter().flatten().find(|name| !there.contains(name.as_str()));
    if let Some(name) = strange {
        let message = format!("`keep` names `{}`, and nothing of that name stands in the query.", name.escape_debug());
        let help =
            "Name what further pages are asked for with beside `param`, as it stands in the query; `[]` for nothing.";
        sink.refuse(Code::BadValue, &pages.span, message, Some(help.to_owned()));
    }
}

/// The names under which a parameter stands in the query: an amount with its currency has two.
fn query_names(param: &Spanned<Param>) -> Vec<&str> {
    match &param.shape {
        Shape::Money { wire } => {
            let number = if wire.value.is_empty() { param.at.as_str() } else { wire.value.as_str() };
            let currency = match &wire.currency {
                CurrencyWire::At(at) => Some(at.as_str()),
                CurrencyWire::Fixed(_) => None,
            };
            std::iter::once(number).chain(currency).collect()
        }
        _ => vec![param.at.as_str()],
    }
}
