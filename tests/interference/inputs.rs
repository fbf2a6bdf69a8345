//! What comes from outside in one run: facts by one seed, content by a seed for each field that it is drawn from.
//!
//! Two runs have the same facts. Their content is the same but for the fields that the second one varies. So systems are
//! taken at their word: what the catalog calls a fact depends on no content.

use std::collections::{BTreeMap, BTreeSet};

use assent_schema::class::Class;
use assent_schema::expr::{Origin, Source};
use assent_schema::id::Name;
use assent_schema::shape::{Field, InstantWire, Shape, as_dotnet};
use assent_schema::time::Moment;
use assent_tests::generate::Dice;
use assent_tests::scenarios::values::{money, put};
use serde_json::{Map, Value};

/// What people write: short and long, with what escapers look for, and what expressions compare with.
const TEXTS: [&str; 8] = [
    "",
    "refund",
    "a",
    "Please <b>refund</b> & \"quote\" me, it is late",
    "12",
    "other words, other length: `x` [y](z) \\ %20 ä ß",
    "refund a refund",
    "The parcel came open and I want my money back before Friday.",
];

/// When facts were written, in seconds since 1970.
const THEN: i64 = 1_772_440_000;

/// A field or ending that content comes from, by a name that data uses give it.
pub(crate) fn name_of(source: &Source) -> String {
    let path = source.path.strip_prefix("pseudonymise(").and_then(|path| path.strip_suffix(')'));
    named(&source.origin, path.unwrap_or(&source.path))
}

/// The same of an origin and a path.
pub(crate) fn named(origin: &Origin, path: &str) -> String {
    match origin {
        Origin::Connection(connection) => format!("{connection}/{path}"),
        Origin::Agent => format!("agent/{path}"),
    }
}

/// The seeds of one run.
#[derive(Clone, Debug)]
pub(crate) struct Inputs {
    /// The seed of facts.
    pub(crate) facts: u64,
    /// The seed of content.
    pub(crate) content: u64,
    /// Another seed, and the fields whose content it gives.
    pub(crate) varied: (u64, BTreeSet<String>),
    /// By which of `tries::ENDS` a provider ends each try of an `ask`, where that is not left to the dice.
    pub(crate) ends: Vec<usize>,
}

/// Where a value stands: in the so-many-eth answer, and in which item of a list.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spot {
    pub(crate) answer: usize,
    pub(crate) item: Option<usize>,
}

impl Inputs {
    /// The dice for one thing.
    pub(crate) fn dice(&self, source: &str, is_fact: bool, spot: &Spot) -> Dice {
        let seed = match (is_fact, self.varied.1.contains(source)) {
            (true, _) => self.facts,
            (false, true) => self.varied.0,
            (false, false) => self.content,
        };
        let item = spot.item.map_or_else(String::new, |item| item.to_string());
        let mut dice = Dice::of(seed, &[source, &spot.answer.to_string(), &item]);
        dice.below(2);
        dice
    }

    /// Declared fields as JSON.
    pub(crate) fn record(&self, fields: &BTreeMap<Name, Field>, origin: &Origin, path: &str, spot: &Spot) -> Value {
        let mut json = Value::Object(Map::new());
        for (name, field) in fields {
            if let Some(value) = self.field(field, origin, &format!("{path}.{name}"), spot) {
                put(&mut json, &field.at, value);
            }
        }
        json
    }

    fn field(&self, field: &Field, origin: &Origin, path: &str, spot: &Spot) -> Option<Value> {
        let mut dice = self.dice(&named(origin, path), field.class.is_fact(), spot);
        if field.optional && dice.one_in(5) {
            return None;
        }
        Some(self.value(&field.shape, field.class, &mut dice, (origin, path), spot))
    }

    fn value(
        &self,
        shape: &Shape,
        class: Class,
        dice: &mut Dice,
        (origin, path): (&Origin, &str),
        spot: &Spot,
    ) -> Value {
        let number = |dice: &mut Dice, most: usize| i64::try_from(dice.below(most)).unwrap();
        match shape {
            Shape::Text { most_bytes } => Value::from(text(dice, *most_bytes)),
            // Ids are the same everywhere, so that records belong together; in lists each has its own.
            Shape::Token {} if class.is_fact() => Value::from((4_100 + spot.item.unwrap_or(0)).to_string()),
            Shape::Token {} => Value::from((5_000 + dice.below(3)).to_string()),
            Shape::Uuid {} => {
                let last = if class.is_fact() { spot.item.unwrap_or(0) } else { dice.below(900) };
                Value::from(format!("0f8fad5b-d9cb-469f-a165-708677289{last:03}"))
            }
            Shape::Integer {} => Value::from(number(dice, 40)),
            Shape::Decimal {} => Value::from(format!("{}.5", number(dice, 40))),
            Shape::Boolean {} => Value::from(dice.one_in(2)),
            Shape::Instant { wire } => instant(THEN + 3_600 * number(dice, 48), wire),
            Shape::Money { wire } => money(500 + number(dice, 20_000), wire),
            Shape::OneOf { values, .. } => Value::from(dice.pick(values).unwrap().as_str()),
            Shape::List { most, of } => {
                let most = usize::try_from(*most).unwrap().min(4) + 1;
                // Mostly as long as in every other run: what a walk does is compared only where it is.
                let long = self.dice(&named(origin, path), true, spot).below(most);
                let many = if dice.one_in(4) { dice.below(most) } else { long };
                let item = |at: usize| {
                    let spot = Spot { item: Some(at), ..spot.clone() };
                    let mut place = Value::Null;
                    let field = Field { optional: false, ..(**of).clone() };
                    put(&mut place, &of.at, self.field(&field, origin, path, &spot).unwrap());
                    place
                };
                Value::Array((0..many).map(item).collect())
            }
            Shape::Record { fields } => self.record(fields, origin, path, spot),
        }
    }
}

/// A text that somebody may have written.
pub(crate) fn text(dice: &mut Dice, most_bytes: u32) -> String {
    let text = *dice.pick(&TEXTS).unwrap();
    let most = usize::try_from(most_bytes).unwrap();
    text.char_indices().take_while(|(at, one)| at + one.len_utf8() <= most).map(|(_, one)| one).collect()
}

fn instant(seconds: i64, wire: &InstantWire) -> Value {
    match wire {
        InstantWire::Iso => Value::from(jiff::Timestamp::from_second(seconds).unwrap().to_string()),
        InstantWire::Seconds => Value::from(seconds),
        InstantWire::Milliseconds => Value::from(seconds * 1_000),
        InstantWire::Date(clock) => Value::from(clock.day(Moment::from_seconds(seconds))),
        InstantWire::Local(clock) => Value::from(clock.time(Moment::from_seconds(seconds))),
        InstantWire::Dotnet => Value::from(as_dotnet(seconds)),
    }
}
