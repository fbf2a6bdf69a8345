//! Where the parts of a request go: each to a place of its own, and none to one that is the agent's. What the engine would
//! refuse in each run is told here.

use std::collections::{BTreeMap, BTreeSet};

use assent_schema::client::Auth;
use assent_schema::code::Code;
use assent_schema::plan::{Encoding, KEPT_HEADERS, Method, Place};
use assent_schema::shape::{CurrencyWire, Shape};
use assent_schema::spec::{Integration, Operation, Unit};

use crate::resolve::names::Report;

/// How a constant names a header.
const HEADER: &str = "header:";

/// Something that an operation sends, and where.
struct Sent {
    /// What it is, as a sentence names it.
    what: String,
    place: Place,
    at: String,
    /// Where the source says it.
    span: std::ops::Range<usize>,
}

/// Reports each part of a request that goes where another one does, and each that is a header of the agent's own.
pub(super) fn check(unit: &Unit<Integration>, operation: &Operation, report: &mut Report<'_>) {
    let sent = sent(operation);
    for (position, one) in sent.iter().enumerate() {
        if one.place == Place::Header && is_kept(&unit.spec.auth.value, &one.at) {
            let message = format!("{} goes into `{}`, a header that the agent sets itself.", one.what, one.at);
            let help = match one.at.to_ascii_lowercase().as_str() {
                "accept" | "content-type" => {
                    "Remove it. What an API calls its JSON stands in `media`, like `media = \"application/vnd.api+json\"`."
                }
                _ => "Remove it. What authorises a request stands in `auth`; how it is framed is the agent's.",
            };
            report.add_with_help(Code::BadValue, &one.span, message, help.to_owned());
        }
        let before = sent.get(..position).unwrap_or_default();
        if let Some(other) = before.iter().find(|other| other.what != one.what && meets(operation, one, other)) {
            let message = format!("{} and {} go to the same place, {}.", one.what, other.what, named(one));
            report.add(Code::BadValue, &one.span, message);
        }
    }
    if matches!(operation.encoding, Encoding::Json | Encoding::Graphql) {
        check_lists(&sent, report);
    }
}

/// Reports numbers in paths of a body that make a list with places which nothing fills, or that stand beside names.
fn check_lists(sent: &[Sent], report: &mut Report<'_>) {
    let mut lists: BTreeMap<Vec<&str>, (BTreeSet<Option<usize>>, &Sent)> = BTreeMap::new();
    for one in sent.iter().filter(|one| one.place == Place::Body) {
        let parts: Vec<&str> = one.at.split('.').collect();
        // What stands at the top are members always.
        for place in 1..parts.len() {
            let (above, part) = (parts.get(..place).unwrap_or_default(), parts.get(place));
            let number = part.and_then(|part| part.parse().ok());
            lists.entry(above.to_vec()).or_insert_with(|| (BTreeSet::new(), one)).0.insert(number);
        }
    }
    for (above, (places, one)) in lists.iter().filter(|(_, (places, _))| places.iter().any(Option::is_some)) {
        if !places.iter().copied().eq((0..places.len()).map(Some)) {
            let list = above.join(".");
            let message = format!("The places of the list `{list}` in the body are not 0, 1 and so on without a gap.");
            report.add(Code::BadValue, &one.span, message);
        }
    }
}

fn is_kept(auth: &Auth, header: &str) -> bool {
    let name = header.to_ascii_lowercase();
    KEPT_HEADERS.contains(&name.as_str()) || auth.header_name().is_some_and(|own| own == name)
}

/// Whether one place holds another: a member of a body is no place for a value and for members below it.
fn meets(operation: &Operation, one: &Sent, other: &Sent) -> bool {
    if one.place != other.place {
        return false;
    }
    match one.place {
        Place::Path | Place::None => false,
        Place::Header => one.at.eq_ignore_ascii_case(&other.at),
        Place::Query => one.at == other.at,
        Place::Body if matches!(operation.encoding, Encoding::Form | Encoding::Multipart) => one.at == other.at,
        Place::Body => is_below(&one.at, &other.at) || is_below(&other.at, &one.at),
    }
}

fn is_below(path: &str, above: &str) -> bool {
    path.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn named(sent: &Sent) -> String {
    match sent.place {
        Place::Path => "the path".to_owned(),
        Place::None => "nowhere".to_owned(),
        Place::Query => format!("`{}` of the query", sent.at),
        Place::Header => format!("the header `{}`", sent.at),
        Place::Body => format!("`{}` of the body", sent.at),
    }
}

/// Everything that an operation sends besides its path and its secret.
fn sent(operation: &Operation) -> Vec<Sent> {
    let mut sent = Vec::new();
    for (name, param) in operation.params.iter().filter(|(_, param)| param.place != Place::None) {
        let what = format!("`{}`", name.value);
        let mut add = |at: String| {
            sent.push(Sent { what: what.clone(), place: param.place, at, span: name.span.clone() });
        };
        leaves(&param.shape, param.place, &param.at, &mut add);
    }
    if let Some(key) = &operation.idempotency {
        let what = "The idempotency key".to_owned();
        sent.push(Sent { what, place: key.place, at: key.at.clone(), span: key.span.clone() });
    }
    if let Some(pages) = &operation.pages {
        let what = "The cursor of `pages`".to_owned();
        sent.push(Sent { what, place: pages.place, at: pages.param.clone(), span: pages.span.clone() });
    }
    let constants = operation.constants.keys().map(|at| {
        let span = operation.constants_at.get(at).unwrap_or(&operation.path.span).clone();
        let (place, name) = match at.strip_prefix(HEADER) {
            Some(name) => (Place::Header, name),
            None if operation.method == Method::Get => (Place::Query, at.as_str()),
            None => (Place::Body, at.as_str()),
        };
        let what = format!("The constant `{at}`");
        Sent { what, place, at: name.to_owned(), span }
    });
    constants.chain(sent).collect()
}

/// The places of a value: an amount has one for its number and may have one for its currency; a record that is all of the
/// body has one for each member.
fn leaves(shape: &Shape, place: Place, at: &str, add: &mut impl FnMut(String)) {
    let below = |part: &str| match (at, part) {
        ("", part) => part.to_owned(),
        (at, "") => at.to_owned(),
        (at, part) => format!("{at}.{part}"),
    };
    match shape {
        Shape::Money { wire } => {
            // In the query the parts stand side by side under names of their own.
            let part =
                |part: &str| if place == Place::Query && !part.is_empty() { part.to_owned() } else { below(part) };
            add(part(&wire.value));
            if let CurrencyWire::At(path) = &wire.currency {
                add(part(path));
            }
        }
        Shape::Record { fields } if at.is_empty() => fields.values().for_each(|field| add(field.at.clone())),
        Shape::Record { .. }
        | Shape::List { .. }
        | Shape::Text { .. }
        | Shape::Token {}
        | Shape::Uuid {}
        | Shape::Integer {}
        | Shape::Decimal {}
        | Shape::Boolean {}
        | Shape::Instant { .. }
        | Shape::OneOf { .. } => add(at.to_owned()),
    }
}
