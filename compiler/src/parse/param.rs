//! Parameters of an operation: where each goes, what it may be, and whom it reaches.

use std::collections::{BTreeMap, BTreeSet};

use assent_schema::class::Class;
use assent_schema::code::Code;
use assent_schema::id::Name;
use assent_schema::plan::path::segments;
use assent_schema::plan::{Effect, Param, Place};
use assent_schema::shape::Shape;
use assent_schema::spec::{Operation, Spanned};

use super::field::{PREFIX_OF_TOKENS, has_prefix, prefix, shape, shared_place, shares_place};
use super::integration::header_name;
use super::place::{path, path_or_all};
use super::reader::{Sink, Value};
use super::value::{boolean, word};

pub(super) fn param(value: Value<'_, '_>, param_name: &str) -> Option<Param> {
    let mut table = value.table()?;
    let place = table.need("in", word);
    let at = match place {
        Some(Place::Header) => table.opt("at", header_name),
        Some(Place::Body) => table.opt("at", path_or_all),
        _ => table.opt("at", path),
    };
    let class = table.need("class", |value| value.spanned(word::<Class>));
    let shape = shape(&mut table);
    let param = Param {
        place: place?,
        at: at.unwrap_or_else(|| param_name.to_owned()),
        shape: shape?,
        class: class.as_ref()?.value,
        amount: table.opt("amount", boolean).unwrap_or_default(),
        target: table.opt("target", boolean).unwrap_or_default(),
        optional: table.opt("optional", boolean).unwrap_or_default(),
        prefix: table.opt("prefix", prefix),
        format: table.opt("format", word),
    };
    let in_query = |shape: &Shape| match shape {
        // The same name again and again.
        Shape::List { of, .. } => is_one_value(&of.shape),
        shape => is_one_value(shape) || matches!(shape, Shape::Money { .. }),
    };
    let fits = match param.place {
        Place::Body => true,
        // An amount that the other side knows is counted here and not sent.
        Place::None => is_one_value(&param.shape) || (param.amount && matches!(param.shape, Shape::Money { .. })),
        Place::Query => in_query(&param.shape),
        Place::Path | Place::Header => is_one_value(&param.shape) || matches!(param.shape, Shape::Money { .. }),
    };
    if param.place == Place::None && !fits && matches!(param.shape, Shape::Money { .. }) {
        let help = "Write `amount = true` where it says how much money moves, else say in `in` where it is sent.";
        return table.bad("What is money and not sent is an `amount`.", help);
    }
    if !fits {
        return table.bad(
            "Records, and lists of them, stand in the body alone; other lists in the body or the query.",
            "Use `in = \"body\"`, or parameters of one value each.",
        );
    }
    let has_members = match &param.shape {
        Shape::Money { wire } => !wire.value.is_empty(),
        shape => matches!(shape, Shape::Record { .. }),
    };
    if param.at.is_empty() && !has_members {
        return table.bad(
            "Only a record or an amount can be all of the body: its parts are the members.",
            "Name the member in `at`.",
        );
    }
    // In the query both are values side by side, and what is not sent stands nowhere.
    if !matches!(param.place, Place::Query | Place::None) && shares_place(&param.shape) {
        return shared_place(&table);
    }
    if param.place == Place::Path && param.optional {
        return table.bad_at("optional", "A parameter of the path cannot be left out.", "Remove `optional`.");
    }
    if param.amount && !matches!(param.shape, Shape::Money { .. }) {
        return table.bad_at("amount", "An `amount` is money.", "Use `type = \"money\"`, or remove `amount`.");
    }
    if (param.prefix.is_some() && !matches!(param.shape, Shape::Token {})) || has_prefix(&param.shape) {
        return table.bad_at(
            "prefix",
            PREFIX_OF_TOKENS,
            "Remove `prefix`, or make the `token` a parameter of its own.",
        );
    }
    if param.target && !param.shape.fits_reference() && !is_address(&param.shape) {
        return table.bad_at(
            "target",
            "A `target` is one value that people can be shown, or a list of those.",
            "Use a type like `token` or `text`, or remove `target`.",
        );
    }
    table.done();
    Some(param)
}

/// Whether a value can be where a message goes: a mail address, a phone number, or several.
fn is_address(shape: &Shape) -> bool {
    match shape {
        Shape::Text { .. } => true,
        Shape::List { of, .. } => of.shape.fits_reference() || matches!(of.shape, Shape::Text { .. }),
        Shape::Token {}
        | Shape::Uuid {}
        | Shape::Integer {}
        | Shape::Decimal {}
        | Shape::Boolean {}
        | Shape::Instant { .. }
        | Shape::Money { .. }
        | Shape::OneOf { .. }
        | Shape::Record { .. } => false,
    }
}

/// What a read is asked for by a text is content, and no record that it names.
pub(super) fn check_targets(operation: &Operation, sink: &Sink) {
    if operation.effect.value != Effect::None {
        return;
    }
    let vague = |param: &Spanned<Param>| param.target && !param.shape.fits_reference();
    for (name, _) in operation.params.iter().filter(|(_, param)| vague(param)) {
        let message = format!("`{}` is a `target` of a read, and those are facts of bounded shape.", name.value);
        let help = "Use a type like `token`, or remove `target`: a text finds records, and names none.".to_owned();
        sink.refuse(Code::BadValue, &name.span, message, Some(help));
    }
}

/// Whether a value is one text or number on the wire.
fn is_one_value(shape: &Shape) -> bool {
    !matches!(shape, Shape::List { .. } | Shape::Record { .. } | Shape::Money { .. })
}

/// A path below the endpoint whose `{holes}` are exactly the parameters of the path.
pub(super) fn path_template(value: &Value<'_, '_>, params: &BTreeMap<Spanned<Name>, Spanned<Param>>) -> Option<String> {
    let text = value.text()?;
    if let Err(wrong) = segments(text) {
        return value.bad(&wrong.to_string());
    }
    let mut holes = BTreeSet::new();
    for hole in assent_schema::plan::path::holes(text) {
        if !holes.insert(hole) {
            return value.bad(&format!("has `{{{hole}}}` twice"));
        }
    }
    let in_path = |param: &Param| param.place == Place::Path;
    for hole in &holes {
        if !params.get(*hole).is_some_and(|param| in_path(param)) {
            return value.bad(&format!("has `{{{hole}}}`, and no parameter of that name is `in = \"path\"`"));
        }
    }
    let missing = params.iter().find(|(name, param)| in_path(param) && !holes.contains(name.as_str()));
    match missing {
        Some((name, _)) => value.bad(&format!("has no `{{{}}}` for the parameter of that name", name.value)),
        None => Some(text.to_owned()),
    }
}
