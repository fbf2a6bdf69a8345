//! Expressions that somebody could write at a place: over what is known there, of the type that is wanted.

use std::fmt::Write as _;

use assent_schema::expr::{Env, Known, Type};
use assent_tests::generate::Dice;

/// How deep expressions are.
const DEEP: usize = 3;

/// Something that an expression can read.
#[derive(Clone, Debug)]
pub(crate) struct Pick {
    pub(crate) path: String,
    /// What must hold for it to be there; empty where it always is.
    pub(crate) guard: String,
    pub(crate) kind: Type,
    pub(crate) is_fact: bool,
}

/// All that an expression can read.
pub(crate) fn picks(env: &Env) -> Vec<Pick> {
    let mut found = Vec::new();
    for (name, known) in &env.names {
        add(&mut found, name.as_str(), "", known, 0);
    }
    found
}

fn add(found: &mut Vec<Pick>, path: &str, guard: &str, known: &Known, depth: usize) {
    let mut guard = guard.to_owned();
    if known.optional {
        write!(guard, "{}has({path})", if guard.is_empty() { "" } else { " && " }).unwrap();
    }
    if let Type::Record(fields) = &known.kind {
        if depth < DEEP {
            fields.iter().for_each(|(name, field)| add(found, &format!("{path}.{name}"), &guard, field, depth + 1));
        }
        return;
    }
    let is_fact = known.whole().0.class.is_fact();
    found.push(Pick { path: path.to_owned(), guard, kind: known.kind.clone(), is_fact });
}

/// Makes expressions by dice.
pub(crate) struct Writer<'a> {
    pub(crate) dice: &'a mut Dice,
    pub(crate) picks: Vec<Pick>,
}

impl Writer<'_> {
    /// Something that fits, content more often than facts.
    fn pick(&mut self, fits: impl Fn(&Type) -> bool) -> Option<Pick> {
        let fit: Vec<Pick> = self.picks.iter().filter(|pick| fits(&pick.kind)).cloned().collect();
        let content: Vec<Pick> = fit.iter().filter(|pick| !pick.is_fact).cloned().collect();
        let of = if self.dice.below(4) == 0 { &fit } else { &content };
        self.dice.pick(of).or_else(|| self.dice.clone().pick(&fit)).cloned()
    }

    fn one(&mut self, of: &[&str]) -> String {
        (*self.dice.pick(of).unwrap()).to_owned()
    }

    /// A condition.
    pub(crate) fn condition(&mut self, depth: usize) -> Option<String> {
        if depth > 0 && self.dice.below(3) == 0 {
            let (a, b) = (self.condition(depth - 1)?, self.condition(depth - 1)?);
            return Some(match self.dice.below(4) {
                0 => format!("!({a})"),
                1 => format!("({a}) || ({b})"),
                2 => format!("({a}) && ({b})"),
                _ => format!("({a}) ? ({b}) : !({b})"),
            });
        }
        let pick = self.pick(|kind| !matches!(kind, Type::Nothing | Type::Period))?;
        let p = &pick.path;
        let said = match &pick.kind {
            Type::Boolean => p.clone(),
            Type::Text => {
                let how = self.one(&[
                    "size(@) > 9",
                    "@.contains('refund')",
                    "@ == 'refund'",
                    "@.startsWith('a')",
                    "@.endsWith('.')",
                    "one_of(@, ['refund', 'a', 'other']) == 'refund'",
                    "@.lowerAscii() == 'a'",
                    "size(@.split(' ')) > 2",
                    "@.trim() == ''",
                    "int(@) > 3",
                    "token(@) == 'a'",
                ]);
                how.replace('@', p)
            }
            Type::Token => {
                self.one(&["@ == '5001'", "string(@).contains('1')", "@ != '4100'", "int(@) > 5000"]).replace('@', p)
            }
            Type::OneOf(values) => format!("{p} == '{}'", self.dice.pick(values)?),
            Type::Integer => {
                self.one(&["@ > 9", "bucket(@, [10, 30]) == 'below_10'", "@ % 2 == 0", "@ + 1 > 7"]).replace('@', p)
            }
            Type::Decimal => self.one(&["@ > 9.5", "round(@) > 7", "bucket(@, [10, 30]) != 'from_10'"]).replace('@', p),
            Type::Instant => {
                self.one(&["@ < now", "hour(@) > 12", "now - @ > duration('9h')", "weekday(@) == 1"]).replace('@', p)
            }
            Type::Money => self.one(&["minor(@) > 5000", "currency(@) == 'EUR'"]).replace('@', p),
            Type::List(of) => match self.inner("x", of).condition(0) {
                Some(inner) if self.dice.one_in(2) => {
                    let how = self.one(&["exists", "all"]);
                    format!("{p}.{how}(x, {inner})")
                }
                _ => format!("size({p}) > {}", self.dice.below(3)),
            },
            Type::Period | Type::Record(_) | Type::Nothing => return None,
        };
        // Whether an optional field is there tells something, too.
        let bare = pick.guard.split(" && ").last().filter(|guard| !guard.is_empty() && self.dice.clone().one_in(4));
        Some(match bare {
            Some(_) => pick.guard.clone(),
            None if pick.guard.is_empty() => said,
            None => format!("{} && {said}", pick.guard),
        })
    }

    /// The same over the items of a list.
    fn inner(&mut self, name: &str, of: &Known) -> Writer<'_> {
        let mut picks = Vec::new();
        add(&mut picks, name, "", of, 1);
        Writer { dice: self.dice, picks }
    }

    /// A text of any kind.
    pub(crate) fn text(&mut self) -> Option<String> {
        if self.dice.one_in(4) {
            let condition = self.condition(1)?;
            return Some(format!("({condition}) ? 'yes' : 'no, not now'"));
        }
        let pick = self.pick(|kind| !matches!(kind, Type::Record(_) | Type::Nothing | Type::Period))?;
        let p = &pick.path;
        let said = match &pick.kind {
            kind if kind.is_text() => {
                let how = self.one(&[
                    "@",
                    "@",
                    "@ + ' and more'",
                    "@.truncate(4)",
                    "@.upperAscii()",
                    "pseudonymise(@)",
                    "one_of(@, ['refund', 'a', 'other'])",
                    "string(size(@))",
                ]);
                how.replace('@', p)
            }
            Type::List(of) => match self.inner("x", of).text() {
                Some(inner) => format!("{p}.map(x, {inner}).join(', ')"),
                None => format!("string(size({p}))"),
            },
            Type::Instant => self.one(&["date(@)", "string(@)"]).replace('@', p),
            _ => format!("string({p})"),
        };
        Some(guarded(&pick, said, "'nothing'"))
    }

    /// A token.
    pub(crate) fn token(&mut self) -> Option<String> {
        match self.dice.below(5) {
            0 => {
                let condition = self.condition(1)?;
                Some(format!("({condition}) ? '4100' : '4101'"))
            }
            1 => {
                let pick = self.pick(Type::is_text)?;
                let said = format!("one_of({}, ['refund', 'a', 'other'])", pick.path);
                Some(guarded(&pick, said, "'other'"))
            }
            2 => {
                let pick = self.pick(|kind| matches!(kind, Type::Text))?;
                let said = format!("token({})", pick.path);
                Some(guarded(&pick, said, "'4100'"))
            }
            _ => {
                let pick = self.pick(|kind| matches!(kind, Type::Token))?;
                Some(guarded(&pick, pick.path.clone(), "'4100'"))
            }
        }
    }

    /// An integer.
    pub(crate) fn integer(&mut self) -> Option<String> {
        if self.dice.one_in(3) {
            let condition = self.condition(1)?;
            return Some(format!("({condition}) ? 1 : 2"));
        }
        let pick = self.pick(|kind| !matches!(kind, Type::Record(_) | Type::Nothing | Type::Period | Type::Boolean))?;
        let p = &pick.path;
        let said = match &pick.kind {
            Type::Integer => p.clone(),
            Type::Decimal => format!("round({p})"),
            Type::Money => format!("minor({p})"),
            Type::Instant => format!("hour({p})"),
            Type::Token => format!("int({p})"),
            _ => format!("size({p})"),
        };
        Some(guarded(&pick, said, "0"))
    }

    /// An amount.
    pub(crate) fn money(&mut self) -> Option<String> {
        let pick = self.pick(|kind| matches!(kind, Type::Money))?;
        let said = match self.dice.below(3) {
            0 => format!("({}) ? {} : money(700, 'EUR')", self.condition(1)?, pick.path),
            1 => format!("money({}, 'EUR')", self.integer()?),
            _ => pick.path.clone(),
        };
        Some(guarded(&pick, said, "money(600, 'EUR')"))
    }

    /// Some items of a list.
    pub(crate) fn filtered(&mut self, list: &str, of: &Known) -> Option<String> {
        let around = self.picks.clone();
        let mut inner = self.inner("x", of);
        inner.picks.extend(around);
        let condition = inner.condition(1)?;
        Some(format!("{list}.filter(x, {condition})"))
    }
}

/// The value where it is there, else the other.
fn guarded(pick: &Pick, said: String, other: &str) -> String {
    if pick.guard.is_empty() { said } else { format!("{} ? {said} : {other}", pick.guard) }
}
