//! What an expression takes of the values that it names: all of them, or some of their members.

use std::collections::BTreeMap;

use super::ast::{Each, Node, NodeKind, Operator, Path, Program};
use super::functions::Function;
use crate::id::Name;
use crate::shape::Shape;

/// What of a value is taken.
///
/// # Shape
/// Lists are looked through: what is taken of a list is what is taken of each of its items.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// All of it.
    Whole,
    /// Of a record or of a list of records these members; none where only its presence or its length is asked for. A value
    /// that has no members is taken with it.
    Members(BTreeMap<Name, Self>),
}

impl Default for Taken {
    fn default() -> Self {
        Self::Members(BTreeMap::new())
    }
}

impl Taken {
    /// What is taken of a value where this is taken of what stands below it.
    #[must_use]
    pub fn below<'n>(self, fields: impl DoubleEndedIterator<Item = &'n Name>) -> Self {
        fields.rev().fold(self, |taken, field| Self::Members(BTreeMap::from([(field.clone(), taken)])))
    }

    /// What is sent of a value where a shape is declared.
    pub fn by_shape(shape: &Shape) -> Self {
        match shape {
            Shape::List { of, .. } => Self::by_shape(&of.shape),
            Shape::Record { fields } => {
                Self::Members(fields.iter().map(|(name, field)| (name.clone(), Self::by_shape(&field.shape))).collect())
            }
            Shape::Text { .. }
            | Shape::Token {}
            | Shape::Uuid {}
            | Shape::Integer {}
            | Shape::Decimal {}
            | Shape::Boolean {}
            | Shape::Instant { .. }
            | Shape::Money { .. }
            | Shape::OneOf { .. } => Self::Whole,
        }
    }

    /// Takes this too.
    pub fn add(&mut self, more: Self) {
        match (&mut *self, more) {
            (Self::Whole, _) => {}
            (_, Self::Whole) => *self = Self::Whole,
            (Self::Members(members), Self::Members(more)) => {
                for (name, taken) in more {
                    members.entry(name).or_default().add(taken);
                }
            }
        }
    }

    /// What is taken of a member; nothing where it is not taken at all.
    pub fn of(&self, member: &str) -> Option<&Self> {
        match self {
            Self::Whole => Some(self),
            Self::Members(members) => members.get(member),
        }
    }
}

/// What is taken of values, by the first name of their paths.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TakenBy {
    names: BTreeMap<Name, Taken>,
    /// The variables of list functions, the innermost last.
    locals: Vec<(Name, Taken)>,
}

impl TakenBy {
    /// Takes what an expression takes where so much of its own value is.
    pub fn program(&mut self, program: &Program, wanted: &Taken) {
        self.node(&program.root, wanted);
    }

    /// Takes something of a name.
    pub fn add(&mut self, name: &Name, taken: Taken) {
        match self.locals.iter_mut().rev().find(|(local, _)| local == name) {
            Some((_, of)) => of.add(taken),
            None => self.names.entry(name.clone()).or_default().add(taken),
        }
    }

    /// What is taken of a name; nothing where nobody names it.
    pub fn of(&self, name: &str) -> Option<&Taken> {
        self.names.get(name)
    }

    /// The same for a name that stands for something else from here on.
    pub fn forget(&mut self, name: &Name) -> Taken {
        self.names.remove(name).unwrap_or_default()
    }

    fn path(&mut self, path: &Path, wanted: Taken) {
        self.add(&path.root, wanted.below(path.fields.iter()));
    }

    fn node(&mut self, node: &Node, wanted: &Taken) {
        match &node.kind {
            NodeKind::Path(path) => self.path(path, wanted.clone()),
            NodeKind::Has(path) => self.path(path, Taken::default()),
            NodeKind::Field(of, field) => self.node(of, &wanted.clone().below([field].into_iter())),
            NodeKind::Index(of, place) => {
                self.node(of, wanted);
                self.node(place, &Taken::Whole);
            }
            NodeKind::List(items) => items.iter().for_each(|item| self.node(item, wanted)),
            NodeKind::Choose(condition, yes, no) => {
                self.node(condition, &Taken::Whole);
                self.node(yes, wanted);
                self.node(no, wanted);
            }
            // Of lists the items of both.
            NodeKind::Binary(Operator::Plus, one, other) => {
                self.node(one, wanted);
                self.node(other, wanted);
            }
            NodeKind::Call(Function::Size, of) => of.iter().for_each(|of| self.node(of, &Taken::default())),
            NodeKind::Each(each, list, variable, body) => {
                self.locals.push((variable.clone(), Taken::default()));
                self.node(body, if *each == Each::Map { wanted } else { &Taken::Whole });
                let mut item = self.locals.pop().map(|(_, taken)| taken).unwrap_or_default();
                if *each == Each::Filter {
                    item.add(wanted.clone());
                }
                self.node(list, &item);
            }
            NodeKind::Boolean(_)
            | NodeKind::Integer(_)
            | NodeKind::Decimal(_)
            | NodeKind::Text(_)
            | NodeKind::Period(_)
            | NodeKind::Instant(_)
            | NodeKind::Now
            | NodeKind::Not(_)
            | NodeKind::Negate(_)
            | NodeKind::And(_)
            | NodeKind::Or(_)
            | NodeKind::Binary(..)
            | NodeKind::Call(..) => node.children().for_each(|child| self.node(child, &Taken::Whole)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What an expression takes, as paths; `*` behind what is taken whole.
    fn taken(text: &str) -> Vec<String> {
        fn paths(of: &Taken, at: &str, found: &mut Vec<String>) {
            match of {
                Taken::Whole => found.push(format!("{at}*")),
                Taken::Members(members) if members.is_empty() => found.push(at.to_owned()),
                Taken::Members(members) => {
                    for (name, of) in members {
                        paths(of, &format!("{at}.{name}"), found);
                    }
                }
            }
        }
        let mut by = TakenBy::default();
        by.program(&Program::parse(text).unwrap(), &Taken::Whole);
        let mut found = Vec::new();
        for (name, of) in &by.names {
            paths(of, name.as_str(), &mut found);
        }
        found
    }

    #[test]
    fn items_of_lists_are_followed_by_name() {
        for (text, wanted) in [
            ("a.b.c", vec!["a.b.c*"]),
            ("a", vec!["a*"]),
            ("has(a.b) && a.c > 1", vec!["a.b", "a.c*"]),
            ("size(a.list) > 0", vec!["a.list"]),
            ("a.list[0].id", vec!["a.list.id*"]),
            ("a.list.exists(i, i.id == b.id)", vec!["a.list.id*", "b.id*"]),
            ("a.list.filter(i, i.due < now)", vec!["a.list*"]),
            ("a.list.filter(i, i.due < now).map(i, i.id)", vec!["a.list.due*", "a.list.id*"]),
            ("size(a.list.filter(i, has(i.paid)))", vec!["a.list.paid"]),
            ("(a.list + b.list).map(i, i.id)", vec!["a.list.id*", "b.list.id*"]),
            ("(a.yes ? a.list : b.list).map(i, i.id)", vec!["a.list.id*", "a.yes*", "b.list.id*"]),
            // The variable is another thing than the step of its name.
            ("a.list.all(a, a.ok) || a.done", vec!["a.done*", "a.list.ok*"]),
            ("a.list.map(i, i.parts.map(p, p.sku))", vec!["a.list.parts.sku*"]),
        ] {
            assert_eq!(taken(text), wanted, "{text}");
        }
    }

    #[test]
    fn what_is_taken_of_both_is_the_greater() {
        assert_eq!(taken("a.list.map(i, i.id) == a.other && a.list == a.other"), ["a.list*", "a.other*"]);
        let mut some = Taken::default();
        some.add(Taken::Whole);
        assert_eq!(some, Taken::Whole);
    }
}
