//! What is known of the names that an expression may read: their types, labels, and where their data comes from.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use super::ast::Path;
use super::{LIST_MOST, RESULT_MOST_BYTES, Sources};
use crate::class::{Class, Label, Marks};
use crate::id::{ConnectionId, Name};
use crate::shape::{Field, Shape};

/// How many characters of a constant a message shows.
const CONSTANT_SHOWN: usize = 32;

/// The type of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    /// True or false.
    Boolean,
    /// An integer within ±(2^53 − 1).
    Integer,
    /// A decimal.
    Decimal,
    /// Any text.
    Text,
    /// A text that fits shape `token` or `uuid`.
    Token,
    /// One of some constants; a text too.
    OneOf(Arc<[String]>),
    /// A moment.
    Instant,
    /// A length of time.
    Period,
    /// An amount with its currency.
    Money,
    /// A list.
    List(Arc<Known>),
    /// Named fields.
    Record(Arc<BTreeMap<Name, Known>>),
    /// The item of an empty list: fits everywhere.
    Nothing,
}

/// What is known of a name or field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Its type.
    pub kind: Type,
    /// Whether it may be absent.
    pub optional: bool,
    /// Class and marks of its value.
    pub label: Label,
    /// Marks of the conditions under which the value was chosen; for money these count too.
    pub control: Marks,
    /// Marks of the conditions that chose the value among others.
    pub chosen: Marks,
    /// The declared fields that the value draws from.
    pub sources: Sources,
    /// Whether the catalog lets it be summed.
    pub measure: bool,
    /// The most bytes of a text or items of a list.
    pub most: u32,
}

/// A declared field that a value draws from, as data uses name it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source {
    /// `<record>.<field>`, or `<step>.<field>` for what an AI answered. Shared: every value that draws on it names it.
    pub path: Arc<str>,
    /// The field's class.
    pub class: Class,
    /// Whose it is.
    pub origin: Origin,
}

impl Known {
    /// Whether the value has no more than so many parts, all that is in it counted.
    pub(crate) fn is_within(&self, most: usize) -> bool {
        fn take(known: &Known, left: &mut usize) -> bool {
            let Some(rest) = left.checked_sub(1) else { return false };
            *left = rest;
            match &known.kind {
                Type::List(of) => take(of, left),
                Type::Record(fields) => fields.values().all(|field| take(field, left)),
                _ => true,
            }
        }
        take(self, &mut { most })
    }
}

impl Source {
    /// The same where only the name that stands for the value is drawn from it.
    pub(crate) fn pseudonym(self) -> Self {
        if pseudonym_of(&self.path).is_some() {
            self
        } else {
            Self { path: format!("pseudonymise({})", self.path).into(), ..self }
        }
    }
}

/// The field whose pseudonym a path of a data use names.
pub(crate) fn pseudonym_of(path: &str) -> Option<&str> {
    path.strip_prefix("pseudonymise(")?.strip_suffix(')')
}

/// Whose a field is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// A connection's: it was read or came with an event.
    Connection(ConnectionId),
    /// The agent's own: it was computed, answered by an AI, or typed by the person who started the run.
    Agent,
}

/// The names that an expression may read.
#[derive(Clone, Debug, Default)]
pub struct Env {
    /// `trigger`, `settings` and the steps before.
    pub names: BTreeMap<Name, Known>,
    /// What is certain where the expression stands.
    pub facts: Facts,
    /// What is certain when a step ran, by step.
    pub implied: BTreeMap<Name, Facts>,
    /// The `decide` steps: their `approved` may always be read.
    pub decides: BTreeSet<Name>,
    /// Names, and fields of names, of which nothing is known because something is wrong where they are made.
    pub lost: BTreeSet<(Name, Option<Name>)>,
}

/// What conditions make certain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Steps that ran and fields that are there, as paths.
    pub present: BTreeSet<String>,
    /// `decide` steps that said yes.
    pub approved: BTreeSet<Name>,
}

impl Facts {
    /// Both.
    pub(crate) fn add(&mut self, other: &Self) {
        self.present.extend(other.present.iter().cloned());
        self.approved.extend(other.approved.iter().cloned());
    }

    /// What is certain either way.
    pub(crate) fn common(&self, other: &Self) -> Self {
        Self {
            present: self.present.intersection(&other.present).cloned().collect(),
            approved: self.approved.intersection(&other.approved).cloned().collect(),
        }
    }
}

impl Known {
    /// Something that is always there, of this type and label, and draws from nothing declared.
    pub fn new(kind: Type, label: Label) -> Self {
        let most = match kind {
            Type::List(_) => LIST_MOST,
            _ => RESULT_MOST_BYTES,
        };
        let most = u32::try_from(most).unwrap_or(u32::MAX);
        let none = Marks::NONE;
        let sources = Sources::NONE;
        Self { kind, optional: false, label, control: none, chosen: none, sources, measure: false, most }
    }

    /// A field of the catalog or a trigger, and all below it.
    pub fn field(field: &Field, path: &str, origin: &Origin) -> Self {
        let mut known = Self::new(Type::of(&field.shape, path, origin), field.label());
        known.optional = field.optional;
        known.measure = field.measure;
        known.most = match field.shape {
            Shape::Text { most_bytes: most } | Shape::List { most, .. } => most,
            _ => known.most,
        };
        known.sources = match known.kind {
            // The parts of a record name themselves.
            Type::Record(_) => Sources::NONE,
            _ => Sources::one(Source { path: path.into(), class: field.class, origin: origin.clone() }),
        };
        known
    }

    /// The fields of an event or answer, as the record of a name.
    pub fn record(fields: &BTreeMap<Name, Field>, path: &str, origin: &Origin) -> Self {
        let known = fields
            .iter()
            .map(|(name, field)| (name.clone(), Self::field(field, &format!("{path}.{name}"), origin)))
            .collect();
        Self::new(Type::Record(Arc::new(known)), Label::CONSTANT)
    }

    /// Label, control and sources of the value with everything in it.
    pub fn whole(&self) -> (Label, Marks, Sources) {
        let mut sum = (self.label, self.control, self.sources.clone());
        for part in self.parts() {
            part.each(&mut |part| {
                sum.0 = sum.0.join(part.label);
                sum.1 = sum.1.join(part.control);
                sum.2.join(&part.sources);
            });
        }
        sum
    }

    /// The label of the value with everything in it.
    pub fn whole_label(&self) -> Label {
        let mut sum = self.label;
        self.each(&mut |part| sum = sum.join(part.label));
        sum
    }

    /// Sees the value and everything in it.
    fn each(&self, see: &mut dyn FnMut(&Self)) {
        see(self);
        self.parts().for_each(|part| part.each(see));
    }

    /// What is directly in it: the item of a list, the fields of a record.
    fn parts(&self) -> impl Iterator<Item = &Self> {
        let (item, fields) = match &self.kind {
            Type::List(of) => (Some(&**of), None),
            Type::Record(fields) => (None, Some(fields.values())),
            _ => (None, None),
        };
        item.into_iter().chain(fields.into_iter().flatten())
    }

    /// The field of a record.
    pub fn get(&self, field: &str) -> Option<&Self> {
        match &self.kind {
            Type::Record(fields) => fields.get(field),
            _ => None,
        }
    }
}

impl Type {
    fn of(shape: &Shape, path: &str, origin: &Origin) -> Self {
        match shape {
            Shape::Text { .. } => Self::Text,
            Shape::Token {} | Shape::Uuid {} => Self::Token,
            Shape::Integer {} => Self::Integer,
            Shape::Decimal {} => Self::Decimal,
            Shape::Boolean {} => Self::Boolean,
            Shape::Instant { .. } => Self::Instant,
            Shape::Money { .. } => Self::Money,
            Shape::OneOf { values, .. } => Self::OneOf(values.clone().into()),
            Shape::List { of, .. } => Self::List(Arc::new(Known::field(of, path, origin))),
            Shape::Record { fields } => Known::record(fields, path, origin).kind,
        }
    }

    /// Whether it is a text of any kind.
    pub fn is_text(&self) -> bool {
        matches!(self, Self::Text | Self::Token | Self::OneOf(_) | Self::Nothing)
    }

    /// Whether one such value can stand inside text.
    pub fn is_scalar(&self) -> bool {
        !matches!(self, Self::List(_) | Self::Record(_))
    }

    /// The type of a value that is of this type or of the other, if one type holds both.
    pub fn join(&self, other: &Self) -> Option<Self> {
        match (self, other) {
            (Type::Nothing, other) | (other, Type::Nothing) => Some(other.clone()),
            (Type::OneOf(x), Type::OneOf(y)) => {
                let mut both = x.to_vec();
                both.extend(y.iter().filter(|value| !x.contains(value)).cloned());
                Some(Type::OneOf(both.into()))
            }
            (Type::Token, Type::OneOf(values)) | (Type::OneOf(values), Type::Token)
                if values.iter().all(|value| crate::shape::is_token(value)) =>
            {
                Some(Type::Token)
            }
            (a, b) if a == b => Some(a.clone()),
            (a, b) if a.is_text() && b.is_text() => Some(Type::Text),
            (Type::List(x), Type::List(y)) => {
                // Without what is known of the items of either.
                x.kind.join(&y.kind).map(|of| Type::List(Arc::new(Known::new(of, Label::CONSTANT))))
            }
            (Type::Record(x), Type::Record(y)) => {
                let names: BTreeSet<&Name> = x.keys().chain(y.keys()).collect();
                let member = |name: &Name| {
                    let (kind, optional) = match (x.get(name), y.get(name)) {
                        (Some(one), Some(other)) => (one.kind.join(&other.kind)?, one.optional || other.optional),
                        // What only one of them has may be absent.
                        (Some(only), None) | (None, Some(only)) => (only.kind.clone(), true),
                        (None, None) => return None,
                    };
                    Some((name.clone(), Known { optional, ..Known::new(kind, Label::CONSTANT) }))
                };
                let members = names.into_iter().map(member).collect::<Option<BTreeMap<_, _>>>()?;
                Some(Type::Record(members.into()))
            }
            (a, b) if a.fits(b) => Some(b.clone()),
            (a, b) if b.fits(a) => Some(a.clone()),
            _ => None,
        }
    }

    /// Whether every value of this type is one of the other, labels aside.
    pub fn fits(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Nothing, _) | (Self::Token | Self::OneOf(_), Self::Text) => true,
            (Self::OneOf(values), Self::OneOf(wanted)) => values.iter().all(|value| wanted.contains(value)),
            (Self::List(of), Self::List(wanted)) => of.kind.fits(&wanted.kind),
            (Self::Record(fields), Self::Record(wanted)) => wanted
                .iter()
                .all(|(name, wanted)| fields.get(name).map_or(wanted.optional, |field| field.kind.fits(&wanted.kind))),
            _ => std::mem::discriminant(self) == std::mem::discriminant(other),
        }
    }

    /// Whether a value of this type may go where a shape is declared. What the types leave open (the size of a text, the
    /// characters of a token) is checked when the value is there.
    #[expect(clippy::match_same_arms, reason = "one line for each kind of shape")]
    pub fn suits(&self, shape: &Shape) -> bool {
        match (self, shape) {
            (Self::Nothing, _) => true,
            (Self::Text | Self::Token | Self::OneOf(_), Shape::Text { .. }) => true,
            (Self::Token | Self::Integer, Shape::Token {}) => true,
            (Self::OneOf(values), Shape::Token {}) => values.iter().all(|value| crate::shape::is_token(value)),
            (Self::OneOf(values), Shape::OneOf { values: wanted, .. }) => values.iter().all(|v| wanted.contains(v)),
            (Self::Token, Shape::Uuid {})
            | (Self::Integer, Shape::Integer {})
            | (Self::Integer | Self::Decimal, Shape::Decimal {})
            | (Self::Boolean, Shape::Boolean {})
            | (Self::Instant, Shape::Instant { .. })
            | (Self::Money, Shape::Money { .. }) => true,
            (Self::List(of), Shape::List { of: wanted, .. }) => of.kind.suits(&wanted.shape),
            (Self::Record(fields), Shape::Record { fields: wanted }) => wanted.iter().all(|(name, wanted)| {
                let fits = |field: &Known| (wanted.optional || !field.optional) && field.kind.suits(&wanted.shape);
                fields.get(name).map_or(wanted.optional, fits)
            }),
            _ => false,
        }
    }

    /// The first part of a value of this type that does not suit a shape: its path, what it is, and what is needed.
    pub(crate) fn misfit(&self, shape: &Shape) -> Option<(String, String, String)> {
        if self.suits(shape) {
            return None;
        }
        let below = |name: &str, part: Option<(String, String, String)>| {
            part.map(|(path, found, wanted)| {
                let joint = if path.is_empty() || path.starts_with('[') { "" } else { "." };
                (format!("{name}{joint}{path}"), found, wanted)
            })
        };
        let deeper = match (self, shape) {
            (Self::List(of), Shape::List { of: wanted, .. }) => below("[]", of.kind.misfit(&wanted.shape)),
            (Self::Record(fields), Shape::Record { fields: wanted }) => wanted.iter().find_map(|(name, wanted)| {
                let needed = named(&wanted.shape);
                match fields.get(name) {
                    None if wanted.optional => None,
                    None => Some((name.to_string(), "missing".to_owned(), needed)),
                    Some(field) if field.optional && !wanted.optional => {
                        Some((name.to_string(), "perhaps missing".to_owned(), needed))
                    }
                    Some(field) => below(name.as_str(), field.kind.misfit(&wanted.shape)),
                }
            }),
            _ => None,
        };
        Some(deeper.unwrap_or_else(|| (String::new(), self.to_string(), named(shape))))
    }

    /// The shape with which a value of this type may be durable, if it has one.
    pub fn reference_shape(&self) -> Option<Shape> {
        use crate::shape::{CurrencyWire, InstantWire, MinorUnits, MoneyUnit, MoneyWire};
        Some(match self {
            Self::Boolean => Shape::Boolean {},
            Self::Integer => Shape::Integer {},
            Self::Token => Shape::Token {},
            Self::OneOf(values) => Shape::one_of(values.to_vec()),
            Self::Instant => Shape::Instant { wire: InstantWire::Iso },
            Self::Money => Shape::Money {
                wire: MoneyWire {
                    value: String::new(),
                    currency: CurrencyWire::At(String::new()),
                    unit: MoneyUnit::Minor,
                    minor_units: MinorUnits::default(),
                },
            },
            Self::Decimal | Self::Text | Self::Period | Self::List(_) | Self::Record(_) | Self::Nothing => return None,
        })
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::OneOf(values) = self {
            return one_of(values, f);
        }
        f.write_str(match self {
            Self::Boolean => "true or false",
            Self::Integer => "an integer",
            Self::Decimal => "a decimal",
            Self::Text => "text",
            Self::Token => "a token",
            Self::OneOf(_) => "one of some constants",
            Self::Instant => "an instant",
            Self::Period => "a period",
            Self::Money => "money",
            Self::List(_) => "a list",
            Self::Record(_) => "a record",
            Self::Nothing => "nothing",
        })
    }
}

/// What a shape wants, as a message says it.
fn named(shape: &Shape) -> String {
    match shape {
        Shape::List { .. } => "a list".to_owned(),
        Shape::Record { .. } => "a record".to_owned(),
        Shape::OneOf { values, .. } => Type::OneOf(values.clone().into()).to_string(),
        other => other.as_str().to_owned(),
    }
}

/// Constants of a workflow or of the catalog, which people wrote and may read.
fn one_of(values: &[String], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let shown = |value: &String| format!("`{}`", value.chars().take(CONSTANT_SHOWN).collect::<String>().escape_debug());
    match values {
        [] => f.write_str("one of no constants"),
        [only] => write!(f, "the text {}", shown(only)),
        [first, .., last] if values.len() <= 4 => {
            let between = values.iter().skip(1).take(values.len().saturating_sub(2));
            write!(f, "one of {}", shown(first))?;
            between.into_iter().try_for_each(|value| write!(f, ", {}", shown(value)))?;
            write!(f, " and {}", shown(last))
        }
        [first, ..] => write!(f, "one of {} constants like {}", values.len(), shown(first)),
    }
}

impl Env {
    /// What is known of a path, when its root and fields exist.
    pub fn find(&self, path: &Path) -> Option<&Known> {
        path.fields.iter().try_fold(self.names.get(path.root.as_str())?, |known, field| known.get(field.as_str()))
    }

    /// Whether a path leads to something that is wrong where it is made, or to what holds that.
    pub(crate) fn is_lost(&self, path: &Path) -> bool {
        self.lost.iter().filter(|(root, _)| *root == path.root).any(|(_, field)| match (field, path.fields.first()) {
            (Some(field), Some(read)) => field == read,
            (None, _) | (_, None) => true,
        })
    }

    /// What is certain once a path is known to be there.
    pub(crate) fn there(&self, path: &Path) -> Facts {
        let mut facts = Facts::default();
        if self.decides.contains(path.root.as_str()) {
            return facts;
        }
        let mut so_far = path.root.as_str().to_owned();
        facts.present.insert(so_far.clone());
        for field in &path.fields {
            so_far.push('.');
            so_far.push_str(field.as_str());
            facts.present.insert(so_far.clone());
        }
        if let Some(implied) = self.implied.get(path.root.as_str()) {
            facts.add(implied);
        }
        facts
    }

    /// What is certain once a `decide` said yes.
    pub(crate) fn said_yes(&self, decide: &Name) -> Facts {
        let mut facts = self.implied.get(decide.as_str()).cloned().unwrap_or_default();
        facts.present.insert(decide.as_str().to_owned());
        facts.approved.insert(decide.clone());
        facts
    }
}

impl Known {
    /// The shortest part of a path that may be absent, if any; this is what its root names.
    pub(crate) fn absent(&self, path: &Path, facts: &Facts) -> Option<String> {
        let mut known = self;
        let mut so_far = path.root.as_str().to_owned();
        let mut fields = path.fields.iter();
        loop {
            if known.optional && !facts.present.contains(&so_far) {
                return Some(so_far);
            }
            let field = fields.next()?;
            known = known.get(field.as_str())?;
            so_far.push('.');
            so_far.push_str(field.as_str());
        }
    }
}
