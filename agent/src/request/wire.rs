//! Values to JSON and back, by the shapes of the catalog. What was not declared is dropped; what does not fit is refused.
//!
//! # Source
//! language.md sections 2 and 5.

use std::collections::BTreeMap;

use assent_schema::canon::INTEGER_MOST;
use assent_schema::expr::{Currency, Decimal, Value};
use assent_schema::id::Name;
use assent_schema::plan::Must;
use assent_schema::shape::{
    CurrencyWire, Field, InstantWire, MoneyUnit, MoneyWire, Shape, is_token, is_uuid, number_of,
};
use assent_schema::time::Moment;

use super::amount;
use super::json::Json;

/// A field that does not fit. Names the declared field, never what stood there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadField {
    /// The outermost declared field.
    pub field: Name,
}

/// Takes the declared fields out of what came in.
///
/// # Shape
/// Optional fields that are missing or null have no member. `cut` is the one list field that is cut at its length instead
/// of being refused, because it is read in pages.
///
/// # Errors
/// [`BadField`] for the first field, in order of names, that is missing or does not fit.
pub fn take(
    json: &Json,
    fields: &BTreeMap<Name, Field>,
    cut: Option<&Name>,
) -> Result<BTreeMap<Name, Value>, BadField> {
    let mut taken = BTreeMap::new();
    for (name, field) in fields {
        let value = take_field(json, field, cut == Some(name)).ok_or_else(|| BadField { field: name.clone() })?;
        if !value.is_absent() {
            drop(taken.insert(name.clone(), value));
        }
    }
    Ok(taken)
}

fn take_field(json: &Json, field: &Field, cut: bool) -> Option<Value> {
    match json.at(&field.at) {
        None | Some(Json::Null) => field.optional.then_some(Value::Absent),
        Some(there) => read(there, &field.shape, cut),
    }
}

/// Whether an answer holds what nothing is taken of.
pub(super) fn holds(json: &Json, must: &Must) -> bool {
    match json.at(&must.at) {
        None | Some(Json::Null) => false,
        Some(there) => must.shape.as_ref().is_none_or(|shape| read(there, shape, false).is_some()),
    }
}

/// One value of a shape; `None` when it does not fit.
pub fn read(json: &Json, shape: &Shape, cut: bool) -> Option<Value> {
    match (shape, json) {
        (Shape::Text { most_bytes }, Json::Text(text)) => {
            (text.len() as u64 <= u64::from(*most_bytes)).then(|| Value::text(text.as_str()))
        }
        (Shape::Token {}, Json::Text(text)) if is_token(text) => Some(Value::text(text.as_str())),
        // An id is a text, however long the number is that it is written as.
        (Shape::Token {}, Json::Number(number)) if is_token(number) && !number.contains(['.', 'e', 'E']) => {
            Some(Value::text(number.as_str()))
        }
        // RFC 9562 writes them small and reads both.
        (Shape::Uuid {}, Json::Text(text)) => {
            let text = text.to_ascii_lowercase();
            is_uuid(&text).then(|| Value::text(text))
        }
        (Shape::Integer {}, Json::Number(number)) => integer(number).map(Value::Integer),
        (Shape::Decimal {}, Json::Number(number) | Json::Text(number)) => {
            Decimal::parse(&without_exponent(number)?).map(Value::Decimal)
        }
        (Shape::Boolean {}, Json::Boolean(truth)) => Some(Value::Boolean(*truth)),
        (Shape::Instant { wire }, json) => read_instant(json, *wire).map(Value::Instant),
        (Shape::Money { wire }, json) => read_money(json, wire),
        (Shape::OneOf { values, numbers }, json) => read_one_of(json, values, numbers),
        (Shape::List { most, of }, Json::List(items)) => {
            let most = usize::try_from(*most).unwrap_or(usize::MAX);
            if items.len() > most && !cut {
                return None;
            }
            items.iter().take(most).map(|item| take_field(item, of, false)).collect::<Option<_>>().map(Value::List)
        }
        (Shape::Record { fields }, json @ Json::Object(_)) => take(json, fields, None).ok().map(Value::Record),
        _ => None,
    }
}

/// A value as a person writes it: `1007`, `true`, `2026-03-02T09:00:00Z`, `49.00 EUR`; `None` when it does not fit its shape.
pub fn said(text: &str, shape: &Shape) -> Option<Value> {
    match shape {
        Shape::Money { wire } => {
            let (number, code) = text.trim().split_once(' ')?;
            let currency = Currency::new(code.trim())?;
            let fits = match &wire.currency {
                CurrencyWire::Fixed(code) => code == currency.as_str(),
                CurrencyWire::At(_) => true,
            };
            amount::read(number, MoneyUnit::Major, currency).filter(|_| fits).map(Value::Money)
        }
        Shape::Integer {} => integer(text).map(Value::Integer),
        Shape::Boolean {} => text.parse().ok().map(Value::Boolean),
        // However machines write it on the wire.
        Shape::Instant { .. } => read_instant(&Json::Text(text.to_owned()), InstantWire::Iso).map(Value::Instant),
        // The word, whatever number stands for it on the wire.
        Shape::OneOf { values, .. } => {
            values.iter().find(|value| *value == text).map(|value| Value::text(value.as_str()))
        }
        Shape::Text { .. }
        | Shape::Token {}
        | Shape::Uuid {}
        | Shape::Decimal {}
        | Shape::List { .. }
        | Shape::Record { .. } => read(&Json::Text(text.to_owned()), shape, false),
    }
}

/// A word that stands on the wire as it is, or as its number.
fn read_one_of(json: &Json, values: &[String], numbers: &[i64]) -> Option<Value> {
    let place = match json {
        Json::Text(text) if numbers.is_empty() => values.iter().position(|value| value == text),
        Json::Number(number) => {
            let number = integer(number)?;
            numbers.iter().position(|known| *known == number)
        }
        _ => None,
    };
    values.get(place?).map(|value| Value::text(value.as_str()))
}

/// An integer without point or exponent, within ±(2^53 − 1).
fn integer(number: &str) -> Option<i64> {
    number.parse().ok().filter(|n: &i64| (-INTEGER_MOST..=INTEGER_MOST).contains(n))
}

/// The longest number after its exponent is written out, in digits.
const PLAIN_MOST_DIGITS: usize = 40;

/// A number with its exponent written out: `1.5e3` is `1500`. Some libraries write large and small amounts so.
pub(super) fn without_exponent(number: &str) -> Option<String> {
    let Some((mantissa, exponent)) = number.split_once(['e', 'E']) else { return Some(number.to_owned()) };
    let exponent: i32 = exponent.parse().ok().filter(|e| (-30..=30).contains(e))?;
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |rest| ("-", rest));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let point = i32::try_from(whole.len()).ok()? + exponent;
    let before = usize::try_from(-point).unwrap_or(0);
    let figures = format!("{}{whole}{fraction}", "0".repeat(before));
    let point = usize::try_from(point).unwrap_or(0);
    let figures = format!("{figures:0<point$}");
    let (whole, fraction) = figures.split_at_checked(point)?;
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    let plain = if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") };
    (plain.len() <= PLAIN_MOST_DIGITS).then_some(plain)
}

fn read_instant(json: &Json, wire: InstantWire) -> Option<Moment> {
    match (wire, json) {
        (InstantWire::Iso, Json::Text(text)) => text.parse::<jiff::Timestamp>().ok().map(Moment::from),
        (InstantWire::Seconds, Json::Number(number)) => integer(number).and_then(moment),
        (InstantWire::Milliseconds, Json::Number(number)) => moment(integer(number)?.div_euclid(1_000)),
        _ => None,
    }
}

/// Instants as exactly as they came, by field: those alone that are told apart by less than a second.
pub type Exact = BTreeMap<Name, String>;

/// The instants of declared fields that have a fraction of a second, which the values do not.
pub fn exact(json: &Json, fields: &BTreeMap<Name, Field>) -> Exact {
    let of = |(name, field): (&Name, &Field)| Some((name.clone(), exact_instant(json.at(&field.at)?, &field.shape)?));
    fields.iter().filter_map(of).collect()
}

/// In one spelling, however it came, so that an instant that is spelled otherwise is the same.
fn exact_instant(json: &Json, shape: &Shape) -> Option<String> {
    let stamp: jiff::Timestamp = match (shape, json) {
        (Shape::Instant { wire: InstantWire::Iso }, Json::Text(text)) => text.parse().ok()?,
        (Shape::Instant { wire: InstantWire::Milliseconds }, Json::Number(number)) => {
            jiff::Timestamp::from_millisecond(integer(number)?).ok()?
        }
        _ => return None,
    };
    (stamp.subsec_nanosecond() != 0).then(|| stamp.to_string())
}

/// The moment so many seconds after 1970, if it lies in the years that there are: what is no time is not taken for the last one.
fn moment(seconds: i64) -> Option<Moment> {
    Some(Moment::from_seconds(seconds)).filter(|moment| moment.seconds() == seconds)
}

fn read_money(json: &Json, wire: &MoneyWire) -> Option<Value> {
    let currency = match &wire.currency {
        CurrencyWire::Fixed(code) => Currency::new(code),
        // Some APIs write currencies small.
        CurrencyWire::At(path) => Currency::new(&json.text_at(path)?.to_ascii_uppercase()),
    };
    let number = match json.at(&wire.value)? {
        Json::Number(number) | Json::Text(number) => without_exponent(number)?,
        _ => return None,
    };
    amount::read(&number, wire.unit, currency?).map(Value::Money)
}

/// A value as JSON, if it fits its shape.
pub fn write(value: &Value, shape: &Shape) -> Option<Json> {
    match (shape, value) {
        (Shape::Text { most_bytes }, Value::Text(text)) => {
            (text.len() as u64 <= u64::from(*most_bytes)).then(|| Json::Text(text.clone()))
        }
        (Shape::Token {} | Shape::Uuid {} | Shape::OneOf { .. } | Shape::Instant { .. }, _) => {
            match scalar(value, shape)? {
                Scalar::Text(text) => Some(Json::Text(text)),
                Scalar::Number(number) => Some(Json::Number(number)),
            }
        }
        (Shape::Integer {} | Shape::Decimal {}, _) => match scalar(value, shape)? {
            Scalar::Text(number) | Scalar::Number(number) => Some(Json::Number(number)),
        },
        (Shape::Boolean {}, Value::Boolean(truth)) => Some(Json::Boolean(*truth)),
        (Shape::Money { wire }, Value::Money(_)) => {
            let mut json = Json::Object(Vec::new());
            for (path, scalar) in money(value, wire)? {
                let leaf = match scalar {
                    Scalar::Text(text) => Json::Text(text),
                    Scalar::Number(number) => Json::Number(number),
                };
                if path.is_empty() {
                    return Some(leaf);
                }
                json.put(&path, leaf).then_some(())?;
            }
            Some(json)
        }
        (Shape::List { most, of }, Value::List(items)) => {
            let fits = items.len() <= usize::try_from(*most).unwrap_or(usize::MAX);
            let items = items.iter().map(|item| write(item, &of.shape)).collect::<Option<Vec<_>>>()?;
            fits.then_some(Json::List(items))
        }
        (Shape::Record { fields }, Value::Record(members)) => write_record(members, fields),
        _ => None,
    }
}

fn write_record(members: &BTreeMap<Name, Value>, fields: &BTreeMap<Name, Field>) -> Option<Json> {
    let mut json = Json::Object(Vec::new());
    for (name, field) in fields {
        match members.get(name) {
            Some(value) if !value.is_absent() => json.put(&field.at, write(value, &field.shape)?).then_some(())?,
            _ => field.optional.then_some(())?,
        }
    }
    members.keys().all(|name| fields.contains_key(name)).then_some(json)
}

/// A value that is one text or number on the wire.
pub enum Scalar {
    /// A text.
    Text(String),
    /// A number.
    Number(String),
}

impl Scalar {
    /// The characters, whichever it is.
    pub fn into_text(self) -> String {
        match self {
            Self::Text(text) | Self::Number(text) => text,
        }
    }
}

/// A value as one text or number, if it fits its shape and its shape is one; amounts are not.
pub fn scalar(value: &Value, shape: &Shape) -> Option<Scalar> {
    match (shape, value) {
        (Shape::Text { most_bytes }, Value::Text(text)) => {
            (text.len() as u64 <= u64::from(*most_bytes)).then(|| Scalar::Text(text.clone()))
        }
        (Shape::Token {}, Value::Text(text)) => is_token(text).then(|| Scalar::Text(text.clone())),
        (Shape::Token {}, Value::Integer(n)) => Some(Scalar::Text(n.to_string())),
        (Shape::Uuid {}, Value::Text(text)) => is_uuid(text).then(|| Scalar::Text(text.clone())),
        (Shape::OneOf { values, numbers }, Value::Text(text)) => match number_of(values, numbers, text) {
            Some(number) => Some(Scalar::Number(number.to_string())),
            None => (numbers.is_empty() && values.contains(text)).then(|| Scalar::Text(text.clone())),
        },
        (Shape::Integer {}, Value::Integer(n)) => {
            (-INTEGER_MOST..=INTEGER_MOST).contains(n).then(|| Scalar::Number(n.to_string()))
        }
        (Shape::Decimal {}, Value::Decimal(decimal)) => Some(Scalar::Number(decimal.to_text())),
        (Shape::Decimal {}, Value::Integer(n)) => Some(Scalar::Number(n.to_string())),
        (Shape::Boolean {}, Value::Boolean(truth)) => Some(Scalar::Text(truth.to_string())),
        (Shape::Instant { wire }, Value::Instant(moment)) => Some(match wire {
            InstantWire::Iso => Scalar::Text(moment.to_string()),
            InstantWire::Seconds => Scalar::Number(moment.seconds().to_string()),
            InstantWire::Milliseconds => Scalar::Number((moment.seconds() * 1_000).to_string()),
        }),
        _ => None,
    }
}

/// An amount as its parts, by path relative to its place; empty for the place itself.
///
/// Major units go out as text: a number would be read as a float by many.
pub fn money(value: &Value, wire: &MoneyWire) -> Option<Vec<(String, Scalar)>> {
    let money = value.as_money()?;
    let number = amount::write(money, wire.unit);
    let number = match wire.unit {
        MoneyUnit::Minor => Scalar::Number(number),
        MoneyUnit::Major => Scalar::Text(number),
    };
    let currency = money.currency.as_str().to_owned();
    match &wire.currency {
        CurrencyWire::Fixed(code) => (*code == currency).then(|| vec![(wire.value.clone(), number)]),
        CurrencyWire::At(path) => Some(vec![(wire.value.clone(), number), (path.clone(), Scalar::Text(currency))]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use assent_schema::class::Class;
    use assent_schema::shape::WrittenBy;

    fn field(at: &str, shape: Shape) -> Field {
        Field {
            at: at.to_owned(),
            shape,
            class: Class::Content,
            written_by: WrittenBy::Anyone,
            optional: false,
            measure: false,
            category: None,
        }
    }

    fn fields(list: Vec<(&str, Field)>) -> BTreeMap<Name, Field> {
        list.into_iter().map(|(name, field)| (Name::new(name).unwrap(), field)).collect()
    }

    fn json(text: &str) -> Json {
        Json::parse(text.as_bytes()).ok().unwrap()
    }

    fn fits(text: &str, shape: &Shape) -> bool {
        read(&json(text), shape, false).is_some()
    }

    fn euros(unit: MoneyUnit) -> Shape {
        Shape::Money { wire: MoneyWire { value: "value".into(), currency: CurrencyWire::At("code".into()), unit } }
    }

    #[test]
    fn only_declared_fields_are_taken() {
        let wanted = fields(vec![
            ("id", field("data.id", Shape::Token {})),
            ("note", Field { optional: true, ..field("note", Shape::Text { most_bytes: 3 }) }),
        ]);
        let taken = take(&json(r#"{"data":{"id":7,"secret":"x"},"note":null,"more":1}"#), &wanted, None).unwrap();
        assert_eq!(taken.len(), 1);
        assert!(taken.get("id") == Some(&Value::text("7")));
        let missing = take(&json(r#"{"data":{}}"#), &wanted, None).err();
        assert_eq!(missing, Some(BadField { field: Name::new("id").unwrap() }));
        let long = take(&json(r#"{"data":{"id":"a"},"note":"long"}"#), &wanted, None).err();
        assert_eq!(long.map(|b| b.field.to_string()), Some("note".to_owned()));
    }

    #[test]
    fn each_shape_takes_its_own_form_only() {
        let one_of = Shape::one_of(vec!["open".into(), "on hold".into()]);
        let numbered = Shape::OneOf { values: vec!["open".into(), "pending".into()], numbers: vec![2, 3] };
        assert!(read(&Json::Number("3".into()), &numbered, false) == Some(Value::text("pending")));
        assert!(write(&Value::text("pending"), &numbered) == Some(Json::Number("3".into())));
        assert!(write(&Value::text("solved"), &numbered).is_none());
        let iso = Shape::Instant { wire: InstantWire::Iso };
        let millis = Shape::Instant { wire: InstantWire::Milliseconds };
        let uuid = Shape::Uuid {};
        for (text, shape, wanted) in [
            ("3", &numbered, true),
            ("4", &numbered, false),
            (r#""3""#, &numbered, false),
            (r#""open""#, &numbered, false),
            (r#""a b""#, &Shape::Token {}, false),
            ("12", &Shape::Token {}, true),
            ("820982911946154508", &Shape::Token {}, true),
            ("1700000000", &Shape::Instant { wire: InstantWire::Seconds }, true),
            ("1700000000123", &Shape::Instant { wire: InstantWire::Seconds }, false),
            ("1700000000123", &Shape::Instant { wire: InstantWire::Milliseconds }, true),
            ("1.5", &Shape::Token {}, false),
            (r#""12""#, &Shape::Integer {}, false),
            ("9007199254740992", &Shape::Integer {}, false),
            ("-3", &Shape::Integer {}, true),
            ("1e2", &Shape::Decimal {}, true),
            (r#""0.50""#, &Shape::Decimal {}, true),
            (r#""x""#, &Shape::Decimal {}, false),
            ("1", &Shape::Boolean {}, false),
            ("false", &Shape::Boolean {}, true),
            (r#""open""#, &one_of, true),
            (r#""shut""#, &one_of, false),
            (r#""2026-03-02T10:00:00.5+01:00""#, &iso, true),
            (r#""yesterday""#, &iso, false),
            ("1", &iso, false),
            ("1772442000000", &millis, true),
            (r#""1772442000000""#, &millis, false),
            (r#""0f8fad5b-d9cb-469f-a165-70867728950e""#, &uuid, true),
            (r#""0F8FAD5B-D9CB-469F-A165-70867728950E""#, &uuid, true),
            (r#"{"value":19.99,"code":"eur"}"#, &euros(MoneyUnit::Major), true),
            (r#"{"value":"19.99","code":"EUR"}"#, &euros(MoneyUnit::Major), true),
            (r#"{"value":19.999,"code":"EUR"}"#, &euros(MoneyUnit::Major), false),
            (r#"{"value":1999}"#, &euros(MoneyUnit::Minor), false),
            (r#"{"value":1999,"code":"euro"}"#, &euros(MoneyUnit::Minor), false),
            ("[]", &Shape::Text { most_bytes: 9 }, false),
        ] {
            assert_eq!(fits(text, shape), wanted, "{text} as {}", shape.as_str());
        }
    }

    #[test]
    fn lists_are_bounded_and_cut_only_when_read_in_pages() {
        let list = Shape::List { most: 2, of: Box::new(field("", Shape::Integer {})) };
        assert!(fits("[1,2]", &list) && !fits("[1,2,3]", &list) && !fits("[1,\"2\"]", &list) && !fits("[null]", &list));
        assert!(read(&json("[1,2,3]"), &list, true) == Some(Value::List(vec![Value::Integer(1), Value::Integer(2)])));
    }

    #[test]
    fn exponents_are_written_out() {
        for (number, wanted) in [
            ("1e3", Some("1000")),
            ("1.5e3", Some("1500")),
            ("1.25e1", Some("12.5")),
            ("12e-1", Some("1.2")),
            ("1.5E-3", Some("0.0015")),
            ("-1e-2", Some("-0.01")),
            ("0e5", Some("0")),
            ("7", Some("7")),
            ("1e31", None),
            ("1e999999999999", None),
            ("1e-31", None),
        ] {
            assert_eq!(without_exponent(number).as_deref(), wanted, "{number}");
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let record = Shape::Record {
            fields: fields(vec![
                ("total", field("price", euros(MoneyUnit::Major))),
                (
                    "tags",
                    field(
                        "meta.tags",
                        Shape::List { most: 3, of: Box::new(field("", Shape::Text { most_bytes: 10 })) },
                    ),
                ),
                ("at", field("meta.at", Shape::Instant { wire: InstantWire::Seconds })),
                ("rate", field("rate", Shape::Decimal {})),
            ]),
        };
        let text =
            r#"{"meta":{"at":1772442000,"tags":["a","\"b\n"]},"rate":0.25,"price":{"value":"19.90","code":"EUR"}}"#;
        let value = read(&json(text), &record, false).unwrap();
        let written = write(&value, &record).unwrap();
        assert!(read(&written, &record, false) == Some(value.clone()));
        assert_eq!(written.text_at("price.value"), Some("19.90"));
        assert_eq!(written.text_at("meta.tags.1"), Some("\"b\n"));
        let Value::Record(members) = &value else { panic!("a record") };
        let mut more = members.clone();
        more.insert(Name::new("stray").unwrap(), Value::Boolean(true));
        assert!(write(&Value::Record(more), &record).is_none(), "nothing undeclared leaves");
    }

    #[test]
    fn an_amount_in_another_currency_does_not_fit() {
        let fixed =
            MoneyWire { value: String::new(), currency: CurrencyWire::Fixed("EUR".into()), unit: MoneyUnit::Minor };
        let yen = amount::read("5", MoneyUnit::Minor, Currency::new("JPY").unwrap()).map(Value::Money).unwrap();
        assert!(money(&yen, &fixed).is_none());
        assert!(write(&yen, &Shape::Money { wire: fixed }).is_none());
    }

    #[test]
    fn what_a_person_writes_is_read_as_its_shape_says() {
        let read = |text: &str, shape: &Shape| said(text, shape);
        let fixed =
            MoneyWire { value: String::new(), currency: CurrencyWire::Fixed("EUR".into()), unit: MoneyUnit::Minor };
        let money = amount::read("4900", MoneyUnit::Minor, Currency::new("EUR").unwrap()).map(Value::Money);
        for (text, shape, wanted) in [
            ("1007", Shape::Token {}, Some(Value::text("1007"))),
            ("two words", Shape::Token {}, None),
            ("1007", Shape::Integer {}, Some(Value::Integer(1007))),
            ("1007.5", Shape::Integer {}, None),
            ("true", Shape::Boolean {}, Some(Value::Boolean(true))),
            ("yes", Shape::Boolean {}, None),
            ("49.00 EUR", Shape::Money { wire: fixed.clone() }, money.clone()),
            ("49.00 EUR", euros(MoneyUnit::Minor), money),
            ("49.00 USD", Shape::Money { wire: fixed.clone() }, None),
            ("49", Shape::Money { wire: fixed }, None),
            ("late", Shape::OneOf { values: vec!["late".to_owned()], numbers: Vec::new() }, Some(Value::text("late"))),
            ("soon", Shape::OneOf { values: vec!["late".to_owned()], numbers: Vec::new() }, None),
        ] {
            assert!(read(text, &shape) == wanted, "{text} as {shape:?}");
        }
        let at = "2026-03-02T09:00:00Z";
        for wire in [InstantWire::Iso, InstantWire::Seconds, InstantWire::Milliseconds] {
            assert!(read(at, &Shape::Instant { wire }) == Some(Value::Instant(at.parse().unwrap())));
        }
    }
}
