//! How large values can get and how much work an expression can be, from what the catalog declares. An expression that may
//! grow beyond a limit fails or not by what content says, which tells of content.

use std::collections::{BTreeMap, BTreeSet};

use crate::expr::ast::{Each, Node, NodeKind, Operator, Path};
use crate::expr::functions::Function;
use crate::expr::{COST_MOST, Env, EvalCode, GROWS_MOST, Known, LIST_MOST, RESULT_MOST_BYTES, Type};
use crate::id::Name;

/// The bytes of a number, moment or amount as text, and more.
const SCALAR_BYTES: u64 = 64;

/// The most that a value can hold.
#[derive(Clone, Debug, Default)]
pub(super) struct Bulk {
    /// Bytes of a text, or of a scalar as text.
    pub(super) bytes: u64,
    /// Items of a list.
    items: u64,
    /// What each item can hold.
    item: Option<Box<Bulk>>,
    /// What each field of a record can hold.
    fields: BTreeMap<Name, Bulk>,
    /// Whether it is an amount.
    money: bool,
}

impl Bulk {
    fn scalar() -> Self {
        Self::text(SCALAR_BYTES)
    }

    fn text(bytes: u64) -> Self {
        Self { bytes, ..Self::default() }
    }

    /// The most bytes or items, as what is known of a value of this type says it.
    pub(super) fn most(&self, kind: &Type) -> u32 {
        let most = if matches!(kind, Type::List(_)) { self.items } else { self.bytes };
        u32::try_from(most).unwrap_or(u32::MAX)
    }

    /// The bytes of all that is in it.
    pub(super) fn total(&self) -> u64 {
        let items = self.item.as_ref().map_or(0, |item| self.items.saturating_mul(item.total()));
        self.fields.values().map(Self::total).fold(self.bytes.saturating_add(items), u64::saturating_add)
    }

    /// What a text with both in it can hold.
    pub(super) fn beside(&self, other: &Self) -> Self {
        Self::text(self.bytes.saturating_add(other.bytes))
    }

    /// Whether it can be too large for a text.
    pub(super) fn is_too_large(&self) -> bool {
        is_too_large(self.bytes)
    }

    fn list(items: u64, item: Self) -> Self {
        Self { items, item: Some(Box::new(item)), ..Self::default() }
    }

    /// What a value of which this is known can hold.
    pub(super) fn of(known: &Known) -> Self {
        match &known.kind {
            Type::Text => Self::text(known.most.into()),
            Type::OneOf(values) => Self::text(values.iter().map(|value| count(value.len())).max().unwrap_or(0)),
            Type::Money => Self { money: true, ..Self::scalar() },
            Type::List(of) => Self::list(known.most.into(), Self::of(of)),
            Type::Record(fields) => {
                let fields = fields.iter().map(|(name, field)| (name.clone(), Self::of(field)));
                Self { fields: fields.collect(), ..Self::default() }
            }
            Type::Boolean
            | Type::Integer
            | Type::Decimal
            | Type::Token
            | Type::Instant
            | Type::Period
            | Type::Nothing => Self::scalar(),
        }
    }

    /// The work of reading it once, as evaluation counts it.
    fn weight(&self) -> u64 {
        let item = self.item.as_ref().map_or(0, |item| item.weight());
        let fields =
            self.fields.values().fold(0, |sum: u64, field| sum.saturating_add(1).saturating_add(field.weight()));
        (self.bytes / 64).saturating_add(self.items.saturating_mul(item.saturating_add(1))).saturating_add(fields)
    }

    /// What either of two values can hold.
    fn max(self, other: Self) -> Self {
        let item = match (self.item, other.item) {
            (Some(a), Some(b)) => Some(Box::new(a.max(*b))),
            (a, b) => a.or(b),
        };
        let mut fields = self.fields;
        for (name, field) in other.fields {
            let joined = fields.remove(&name).unwrap_or_default().max(field);
            fields.insert(name, joined);
        }
        Self {
            bytes: self.bytes.max(other.bytes),
            items: self.items.max(other.items),
            item,
            fields,
            money: self.money || other.money,
        }
    }
}

/// What is found of an expression.
pub(super) struct Extent {
    /// What its value can hold.
    pub(super) bulk: Bulk,
    /// By which codes it can fail because something in it becomes too large, is too much work, or is in another currency.
    pub(super) fails: BTreeSet<EvalCode>,
}

/// How large a checked expression can get.
pub(super) fn extent(node: &Node, env: &Env) -> Extent {
    let mut measure = Measure { env, locals: Vec::new(), fails: BTreeSet::new() };
    let (cost, bulk) = measure.of(node);
    measure.fail_if(cost > COST_MOST.into(), EvalCode::TooCostly);
    Extent { bulk, fails: measure.fails }
}

/// How many items a list can have that is walked inside of others: those `around` it, from outside in, with the name of an item.
pub(super) fn items<'a>(list: &'a Node, around: &[(&'a Name, &'a Node)], env: &'a Env) -> u32 {
    let mut measure = Measure { env, locals: Vec::new(), fails: BTreeSet::new() };
    for (variable, list) in around {
        let (_, held) = measure.of(list);
        measure.locals.push((variable, held.item.map_or_else(Bulk::default, |item| *item)));
    }
    let (_, held) = measure.of(list);
    // Of what is no list as far as is known, nothing says how many.
    held.item.map_or(u32::MAX, |_| u32::try_from(held.items).unwrap_or(u32::MAX))
}

fn is_too_large(bytes: u64) -> bool {
    bytes > count(RESULT_MOST_BYTES)
}

fn count(size: usize) -> u64 {
    u64::try_from(size).unwrap_or(u64::MAX)
}

struct Measure<'a> {
    env: &'a Env,
    locals: Vec<(&'a Name, Bulk)>,
    fails: BTreeSet<EvalCode>,
}

impl<'a> Measure<'a> {
    fn fail_if(&mut self, may: bool, code: EvalCode) {
        self.fails.extend(may.then_some(code));
    }

    /// The most work and the most that it holds.
    fn of(&mut self, node: &'a Node) -> (u64, Bulk) {
        let (cost, bulk) = match &node.kind {
            NodeKind::Boolean(_)
            | NodeKind::Integer(_)
            | NodeKind::Decimal(_)
            | NodeKind::Period(_)
            | NodeKind::Instant(_)
            | NodeKind::Now
            | NodeKind::Has(_) => (0, Bulk::scalar()),
            NodeKind::Text(text) => (0, Bulk::text(count(text.len()))),
            NodeKind::Path(path) => (0, self.path(path)),
            NodeKind::Field(of, field) => {
                let (cost, of) = self.of(of);
                (cost, of.fields.get(field.as_str()).cloned().unwrap_or(of))
            }
            NodeKind::Index(of, index) => {
                let (cost, of) = self.of(of);
                let (more, _) = self.of(index);
                (cost.saturating_add(more), of.item.map_or_else(Bulk::scalar, |item| *item))
            }
            NodeKind::List(nodes) => {
                let (cost, item) = self.all(nodes);
                (cost, Bulk::list(count(nodes.len()), item))
            }
            NodeKind::Not(of) | NodeKind::Negate(of) => self.of(of),
            NodeKind::And(nodes) | NodeKind::Or(nodes) => (self.all(nodes).0, Bulk::scalar()),
            NodeKind::Binary(operator, left, right) => self.binary(*operator, left, right),
            NodeKind::Choose(condition, yes, no) => {
                let (first, _) = self.of(condition);
                let (yes, held) = self.of(yes);
                let (no, other) = self.of(no);
                (first.saturating_add(yes.max(no)), held.max(other))
            }
            NodeKind::Call(function, arguments) => self.call(*function, arguments),
            NodeKind::Each(each, of, variable, body) => self.each(*each, of, variable, body),
        };
        (cost.saturating_add(1), bulk)
    }

    fn all(&mut self, nodes: &'a [Node]) -> (u64, Bulk) {
        nodes.iter().fold((0, Bulk::default()), |(sum, held), node| {
            let (cost, bulk) = self.of(node);
            (sum.saturating_add(cost), held.max(bulk))
        })
    }

    fn path(&self, path: &Path) -> Bulk {
        match self.locals.iter().rev().find(|(name, _)| **name == path.root) {
            Some((_, root)) => {
                let found = path.fields.iter().try_fold(root, |bulk, field| bulk.fields.get(field.as_str()));
                found.unwrap_or(root).clone()
            }
            None => self.env.find(path).map(Bulk::of).unwrap_or_default(),
        }
    }

    fn binary(&mut self, operator: Operator, left: &'a Node, right: &'a Node) -> (u64, Bulk) {
        let (first, left) = self.of(left);
        let (second, right) = self.of(right);
        let cost = first.saturating_add(second).saturating_add(left.weight()).saturating_add(right.weight());
        let money = left.money && right.money;
        match operator {
            Operator::Plus if left.item.is_some() => {
                let items = left.items.saturating_add(right.items);
                self.fail_if(items > count(LIST_MOST), EvalCode::TooLarge);
                (cost, Bulk { items, ..left.max(right) })
            }
            Operator::Plus => {
                let bytes = left.bytes.saturating_add(right.bytes);
                self.fail_if(is_too_large(bytes), EvalCode::TooLarge);
                (cost, Bulk { money: left.money || right.money, ..Bulk::text(bytes) })
            }
            Operator::Minus | Operator::Times => (cost, Bulk { money: left.money || right.money, ..Bulk::scalar() }),
            Operator::Less | Operator::LessOrEqual | Operator::Greater | Operator::GreaterOrEqual => {
                // Two amounts of different currencies have no order.
                self.fail_if(money, EvalCode::OtherCurrency);
                (cost, Bulk::scalar())
            }
            _ => (cost, Bulk::scalar()),
        }
    }

    fn call(&mut self, function: Function, arguments: &'a [Node]) -> (u64, Bulk) {
        let mut cost: u64 = 0;
        let mut held = Vec::with_capacity(arguments.len());
        for argument in arguments {
            let (more, bulk) = self.of(argument);
            cost = cost.saturating_add(more).saturating_add(bulk.weight());
            held.push(bulk);
        }
        let mut held = held.into_iter();
        let first = held.next().unwrap_or_default();
        let second = held.next().unwrap_or_default();
        let bulk = match function {
            Function::LowerAscii | Function::UpperAscii | Function::Trim | Function::Truncate | Function::Text => {
                Bulk::text(first.bytes)
            }
            Function::Split => {
                let most = count(LIST_MOST);
                Bulk::list(first.bytes.saturating_add(1).min(most), Bulk::text(first.bytes))
            }
            Function::Join => {
                let item = first.item.as_ref().map_or(0, |item| item.bytes);
                let bytes = first.items.saturating_mul(item.saturating_add(second.bytes));
                self.fail_if(is_too_large(bytes), EvalCode::TooLarge);
                Bulk::text(bytes)
            }
            Function::Html | Function::Markdown | Function::Url | Function::Json => {
                let bytes = first.bytes.saturating_mul(count(GROWS_MOST));
                self.fail_if(is_too_large(bytes), EvalCode::TooLarge);
                Bulk::text(bytes)
            }
            Function::Least | Function::Greatest => {
                self.fail_if(first.money && second.money, EvalCode::OtherCurrency);
                first.max(second)
            }
            Function::Money => Bulk { money: true, ..Bulk::scalar() },
            Function::OneOf => second.item.map_or_else(Bulk::scalar, |item| *item),
            _ => Bulk::scalar(),
        };
        (cost, bulk)
    }

    fn each(&mut self, each: Each, of: &'a Node, variable: &'a Name, body: &'a Node) -> (u64, Bulk) {
        let (cost, list) = self.of(of);
        let item = list.item.as_deref().cloned().unwrap_or_default();
        self.locals.push((variable, item.clone()));
        let (one, made) = self.of(body);
        self.locals.pop();
        let kept = match each {
            Each::Filter => Some(item),
            Each::Map => Some(made),
            Each::Exists | Each::All => None,
        };
        let one = one.saturating_add(kept.as_ref().map_or(0, Bulk::weight));
        self.fail_if(kept.is_some() && list.items > count(LIST_MOST), EvalCode::TooLarge);
        let cost = cost.saturating_add(list.items.saturating_mul(one));
        (cost, kept.map_or_else(Bulk::scalar, |item| Bulk::list(list.items, item)))
    }
}
