//! Fields and their shapes, as the catalog, triggers and parameters write them.

use std::collections::BTreeMap;

use assent_schema::class::Class;
use assent_schema::fides;
use assent_schema::id::Name;
use assent_schema::plan::bounds;
use assent_schema::shape::{Clock, CurrencyWire, Field, InstantWire, MoneyUnit, MoneyWire, Shape, WrittenBy};
use assent_schema::spec::Spanned;
use serde::Deserialize;

use super::client::zone;
use super::place::{answer_place_or_all, json_path, json_path_or_all, path};
use super::reader::{Table, Value};
use super::tree::Written;
use super::units::minor_units;
use super::value::{boolean, currency, integer, not_one_of, plain_line, within, word};

/// The size of a text unless said, in bytes.
const TEXT_DEFAULT_BYTES: u32 = 64 << 10;

pub(super) const SHAPES: [&str; 11] =
    ["text", "token", "uuid", "integer", "decimal", "boolean", "instant", "money", "one_of", "list", "record"];

/// Fields by name; each stands on the wire under its own name unless it says `at`.
pub(super) fn fields(value: Value<'_, '_>) -> Option<BTreeMap<Spanned<Name>, Spanned<Field>>> {
    Some(value.table()?.entries(|value| {
        let name = value.key;
        value.spanned(|value| field(value, name, Says::All))
    }))
}

/// The fields of an answer: as [`fields`], and each may stand in a header.
pub(super) fn answer_fields(value: Value<'_, '_>) -> Option<BTreeMap<Spanned<Name>, Spanned<Field>>> {
    Some(value.table()?.entries(|value| {
        let name = value.key;
        value.spanned(|value| field(value, name, Says::AllOfAnswer))
    }))
}

/// What comes with a file or what a person gives to a `manual` trigger: facts, since nothing else may wait for the run. A
/// workflow says what they look like; that they are facts, and who can write them, is not its to say.
pub(super) fn facts(value: Value<'_, '_>, written_by: WrittenBy) -> Option<BTreeMap<Spanned<Name>, Spanned<Field>>> {
    Some(value.table()?.entries(|value| {
        let name = value.key;
        value.spanned(|value| field(value, name, Says::Looks(written_by)))
    }))
}

/// What a field may say of itself.
#[derive(Clone, Copy)]
enum Says {
    /// Everything: the catalog.
    All,
    /// Everything, and that it stands in a header: the catalog, of an answer.
    AllOfAnswer,
    /// What it looks like: a workflow.
    Looks(WrittenBy),
}

fn field(value: Value<'_, '_>, default_at: &str, says: Says) -> Option<Field> {
    let mut table = value.table()?;
    let at = match says {
        Says::All => table.opt("at", json_path_or_all),
        Says::AllOfAnswer => table.opt("at", answer_place_or_all),
        Says::Looks(_) => table.opt("at", path),
    };
    let at = at.unwrap_or_else(|| default_at.to_owned());
    let class_given = match says {
        Says::All | Says::AllOfAnswer => table.get("class"),
        Says::Looks(_) => None,
    };
    let default_class = match says {
        Says::All | Says::AllOfAnswer => Class::default(),
        Says::Looks(_) => Class::Reference,
    };
    let class = class_given.clone().map_or(Some(default_class), word);
    let written_by = match says {
        Says::All | Says::AllOfAnswer => table.opt("written_by", word).unwrap_or_default(),
        Says::Looks(written_by) => written_by,
    };
    let shape = shape(&mut table);
    let (empty, prefix) = match says {
        Says::All | Says::AllOfAnswer => (table.opt("empty", word), table.opt("prefix", prefix)),
        Says::Looks(_) => (None, None),
    };
    let field = Field {
        at,
        shape: shape?,
        class: class?,
        written_by,
        optional: table.opt("optional", boolean).unwrap_or_default(),
        prefix,
        empty,
        measure: table.opt("measure", boolean).unwrap_or_default(),
        category: table.opt("category", category),
    };
    if field.class.is_fact() && !field.shape.fits_reference() {
        return class_given.as_ref().map_or_else(
            || table.bad("This field is of class `reference`, and its type is not bounded.", FACTS_HELP),
            |class| {
                class.bad_with_help(
                    &format!("is for facts, and `{}` is not bounded", field.shape.as_str()),
                    FACTS_HELP.into(),
                )
            },
        );
    }
    if shares_place(&field.shape) {
        return shared_place(&table);
    }
    if field.at.starts_with("header:") && !fits_header(&field.shape) {
        return table.bad(
            "A header is one line of text, and no value of this type.",
            "Use a type like `text`, `token`, `integer` or an `instant`, or say where in the body it stands.",
        );
    }
    if field.prefix.is_some() && !matches!(field.shape, Shape::Token {}) {
        return table.bad_at("prefix", PREFIX_OF_TOKENS, "Remove `prefix`, or use `type = \"token\"`.");
    }
    if let Some(wrong) = wrong_empty(&field) {
        return table.bad_at("empty", wrong, "Remove `empty`, or fix that.");
    }
    if field.measure && !matches!(field.shape, Shape::Integer {} | Shape::Money { .. }) {
        return table.bad_at("measure", "`measure` is for integers and money.", "Remove `measure`.");
    }
    table.done();
    Some(field)
}

/// A Fideslang data category. One that there is not is reported and does no other harm: it is for people.
fn category(value: Value<'_, '_>) -> Option<String> {
    let text = plain_line(value.clone())?;
    if !fides::is_data_category(&text) {
        value.unknown("data category of Fideslang", &text, fides::nearest(&text, &fides::DATA_CATEGORIES));
    }
    Some(text)
}

const FACTS_HELP: &str = "Facts are `token`, `uuid`, `integer`, `boolean`, `instant`, `money` and `one_of`; else the class is `content` or `personal`.";

/// Reads `type` and the keys that belong to it.
pub(super) fn shape(table: &mut Table<'_, '_>) -> Option<Shape> {
    let kind = table.get("type");
    let Some(kind) = kind else {
        return table.lacks(&["type"], "`type` is missing.", "Add `type`.");
    };
    let text = kind.text()?;
    Some(match text {
        "text" => Shape::Text {
            most_bytes: table.opt("most_bytes", within(bounds::TEXT_BYTES)).unwrap_or(TEXT_DEFAULT_BYTES),
        },
        "token" => Shape::Token {},
        "uuid" => Shape::Uuid {},
        "integer" => Shape::Integer {},
        "decimal" => Shape::Decimal {},
        "boolean" => Shape::Boolean {},
        "instant" => Shape::Instant { wire: instant(table)? },
        "money" => Shape::Money { wire: money(table)? },
        "one_of" => one_of(table)?,
        "list" => Shape::List {
            most: table.need("most", within(bounds::LIST))?,
            of: Box::new(table.need("of", |value| field(value, "", Says::All))?),
        },
        "record" => {
            let fields = table.need("fields", fields)?;
            Shape::Record { fields: fields.into_iter().map(|(name, field)| (name.value, field.value)).collect() }
        }
        other => return not_one_of(&kind, other, &SHAPES),
    })
}

/// The ways to write an instant.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Wire {
    Iso,
    Seconds,
    Milliseconds,
    Date,
    Local,
    Dotnet,
}

/// How an instant is written, and by whose clock where it has no zone.
fn instant(table: &mut Table<'_, '_>) -> Option<InstantWire> {
    let wire = table.opt("wire", word).unwrap_or(Wire::Iso);
    let clock = table.opt("zone", clock);
    if table.has("zone") && !matches!(wire, Wire::Date | Wire::Local) {
        return table.bad_at(
            "zone",
            "`zone` says whose clock a day or a local time is read by, and this is neither.",
            "Remove `zone`, or use `wire = \"date\"` or `wire = \"local\"`.",
        );
    }
    let clock = clock.unwrap_or(Clock::Client);
    Some(match wire {
        Wire::Iso => InstantWire::Iso,
        Wire::Seconds => InstantWire::Seconds,
        Wire::Milliseconds => InstantWire::Milliseconds,
        Wire::Date => InstantWire::Date(clock),
        Wire::Local => InstantWire::Local(clock),
        Wire::Dotnet => InstantWire::Dotnet,
    })
}

fn clock(value: Value<'_, '_>) -> Option<Clock> {
    Clock::of(&zone(value)?)
}

/// Words, each as it stands on the wire or with the number that stands there for it.
fn one_of(table: &mut Table<'_, '_>) -> Option<Shape> {
    let values = table.need("values", |value| {
        let number = value.clone().items()?.find(|item| matches!(item.inner, Written::Integer(_)));
        match number {
            Some(number) => number.bad_with_help(
                "is a number, and the constants are words",
                "Give each number a word, in the same order: `values = [\"open\", \"paid\"], numbers = [2, 3]`.".into(),
            ),
            None => constants(value, bounds::CONSTANTS),
        }
    })?;
    let numbers = table.opt("numbers", |value| numbers(value, values.len())).unwrap_or_default();
    Some(Shape::OneOf { values, numbers })
}

/// A number for each of some constants, each once.
fn numbers(value: Value<'_, '_>, count: usize) -> Option<Vec<i64>> {
    let mut numbers = Vec::new();
    for item in value.items()? {
        let number = integer(item.clone())?;
        if numbers.contains(&number) {
            return item.bad("is there twice");
        }
        numbers.push(number);
    }
    if numbers.len() == count { Some(numbers) } else { value.bad("does not hold one number for each of `values`") }
}

fn money(table: &mut Table<'_, '_>) -> Option<MoneyWire> {
    let value = table.opt("value", json_path).unwrap_or_default();
    let unit: MoneyUnit = table.need("unit", word)?;
    let at = table.opt("currency_at", json_path);
    let fixed = table.opt("currency", currency);
    let currency = match (at, fixed) {
        (Some(at), None) => CurrencyWire::At(at),
        (None, Some(code)) => CurrencyWire::Fixed(code),
        // What could not be read was told.
        (None, None) if table.has("currency") || table.has("currency_at") => return None,
        _ => {
            return table
                .bad("Money has either `currency_at` or `currency`.", "Say where the currency comes from, once.");
        }
    };
    let minor_units = table.opt("minor_units", minor_units).unwrap_or_default();
    Some(MoneyWire { value, currency, unit, minor_units })
}

/// What is wrong with a prefix of something else.
pub(super) const PREFIX_OF_TOKENS: &str = "A `prefix` stands before a `token` alone.";
/// The longest prefix, in bytes.
const PREFIX_MOST_BYTES: usize = 64;

/// What stands before a token on the wire.
pub(super) fn prefix(value: Value<'_, '_>) -> Option<String> {
    let text = value.text()?;
    let plain = text.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'\\'));
    if (1..=PREFIX_MOST_BYTES).contains(&text.len()) && plain {
        Some(text.to_owned())
    } else {
        value.bad("is not 1 to 64 of visible ASCII without quotes")
    }
}

/// Whether a prefix stands somewhere below: what is written so is a parameter of its own.
pub(super) fn has_prefix(shape: &Shape) -> bool {
    match shape {
        Shape::List { of, .. } => of.prefix.is_some() || has_prefix(&of.shape),
        Shape::Record { fields } => fields.values().any(|field| field.prefix.is_some() || has_prefix(&field.shape)),
        Shape::Text { .. }
        | Shape::Token {}
        | Shape::Uuid {}
        | Shape::Integer {}
        | Shape::Decimal {}
        | Shape::Boolean {}
        | Shape::Instant { .. }
        | Shape::Money { .. }
        | Shape::OneOf { .. } => false,
    }
}

/// Whether the text of a header can be a value of this shape.
fn fits_header(shape: &Shape) -> bool {
    match shape {
        Shape::OneOf { numbers, .. } => numbers.is_empty(),
        Shape::Money { .. } | Shape::List { .. } | Shape::Record { .. } => false,
        Shape::Text { .. }
        | Shape::Token {}
        | Shape::Uuid {}
        | Shape::Integer {}
        | Shape::Decimal {}
        | Shape::Boolean {}
        | Shape::Instant { .. } => true,
    }
}

/// Why an empty text cannot mean that a field is absent.
fn wrong_empty(field: &Field) -> Option<&'static str> {
    field.empty?;
    if !field.optional {
        return Some("`empty = \"absent\"` is for fields that may be absent: `optional = true` is missing.");
    }
    let has_text = !matches!(field.shape, Shape::List { .. } | Shape::Record { .. });
    (!has_text).then_some("A list or record is not text, so none is an empty one.")
}

/// Whether an amount would have its currency below its own number.
pub(super) fn shares_place(shape: &Shape) -> bool {
    matches!(shape, Shape::Money { wire } if wire.value.is_empty() && matches!(wire.currency, CurrencyWire::At(_)))
}

/// Reports an amount that has its currency below its own number.
pub(super) fn shared_place<T>(table: &Table<'_, '_>) -> Option<T> {
    table.bad(
        "The currency would stand below the number, and a number has nothing below it.",
        "Say with `value` where the number stands; where both stand side by side in the message itself, `at = \"\"`.",
    )
}

/// Constants, each once and 1 to 64 characters.
pub(super) fn constants(value: Value<'_, '_>, count: std::ops::RangeInclusive<usize>) -> Option<Vec<String>> {
    let mut constants = Vec::new();
    for item in value.items()? {
        let text = item.text()?;
        if !bounds::CONSTANT.contains(&text.chars().count()) {
            return item.bad("has a constant that is not 1 to 64 characters");
        }
        if constants.iter().any(|known| known == text) {
            return item.bad("has a constant twice");
        }
        if constants.len() >= *count.end() {
            return value.bad(&format!("has more than {} constants", count.end()));
        }
        constants.push(text.to_owned());
    }
    if count.contains(&constants.len()) {
        Some(constants)
    } else {
        value.bad(&format!("has fewer than {} constants", count.start()))
    }
}
