//! Types of expressions. No `dyn`: each part has one type that is known before anything runs.

use std::sync::Arc;

use super::ast::{Each, Node, NodeKind, Operator, Path, Program};
use super::constant::failing;
use super::error::{ExprError, ExprErrorKind};
use super::eval::EvalError;
use super::functions::{CONSTANTS_MOST, Function, bucket_names};
use super::print::to_text;
use super::types::{Env, Facts, Known, Type};
use crate::class::Label;
use crate::id::Name;
use crate::nearest::nearest;

type Checked = Result<Type, ExprError>;

/// Finds the type of an expression.
///
/// # Errors
/// At the first part that names what does not exist, has a wrong type, or may be absent; else at the first that fails whatever
/// a run brings.
pub fn check(program: &Program, env: &Env) -> Checked {
    let found = Checker { env, locals: Vec::new() }.check(&program.root, &env.facts)?;
    match failing(&program.root) {
        Some(EvalError { code, span }) => Err(ExprError { span, kind: ExprErrorKind::AlwaysFails(code) }),
        None => Ok(found),
    }
}

/// What is certain when a part turns out as `truth`.
pub(crate) fn conclude(node: &Node, truth: bool, env: &Env) -> Facts {
    let mut facts = Facts::default();
    match (&node.kind, truth) {
        (NodeKind::Not(of), _) => return conclude(of, !truth, env),
        (NodeKind::And(nodes), true) | (NodeKind::Or(nodes), false) => {
            for part in nodes {
                facts.add(&conclude(part, truth, env));
            }
        }
        (NodeKind::Or(nodes), true) | (NodeKind::And(nodes), false) => {
            let mut each = nodes.iter().map(|part| conclude(part, truth, env));
            let first = each.next().unwrap_or_default();
            return each.fold(first, |common, part| common.common(&part));
        }
        (NodeKind::Has(path), true) => return env.there(path),
        (NodeKind::Path(path), true) if is_approved(path, env) => return env.said_yes(&path.root),
        _ => {}
    }
    facts
}

/// Whether a path is the answer of a `decide`.
pub(crate) fn is_approved(path: &Path, env: &Env) -> bool {
    matches!(path.fields.as_slice(), [field] if field.as_str() == "approved")
        && env.decides.contains(path.root.as_str())
}

struct Checker<'a> {
    env: &'a Env,
    locals: Vec<(Name, Known)>,
}

impl Checker<'_> {
    fn check(&mut self, node: &Node, facts: &Facts) -> Checked {
        Ok(match &node.kind {
            NodeKind::Boolean(_) => Type::Boolean,
            NodeKind::Integer(_) => Type::Integer,
            NodeKind::Decimal(_) => Type::Decimal,
            NodeKind::Text(text) => text_type(text),
            NodeKind::Period(_) => Type::Period,
            NodeKind::Instant(_) | NodeKind::Now => Type::Instant,
            NodeKind::Path(path) => self.path(path, node, facts, true)?,
            NodeKind::Has(path) => {
                self.path(path, node, facts, false)?;
                Type::Boolean
            }
            NodeKind::Field(of, field) => {
                let record = self.check(of, facts)?;
                let kind = field_of(&record, field, node)?;
                match &record {
                    // Nothing asks for the field of an item by its place, so nothing could have.
                    Type::Record(fields) if fields.get(field.as_str()).is_some_and(|known| known.optional) => {
                        let path = format!("{}.{field}", to_text(of));
                        return Err(error(node, ExprErrorKind::ItemMayLack { path }));
                    }
                    _ => kind,
                }
            }
            NodeKind::Index(of, index) => {
                let list = self.check(of, facts)?;
                let item = item_of(&list, of)?;
                self.wants(index, facts, &Type::Integer)?;
                item.kind.clone()
            }
            NodeKind::List(nodes) => self.list(nodes, facts)?,
            NodeKind::Not(of) => self.wants(of, facts, &Type::Boolean)?,
            NodeKind::Negate(of) => match self.check(of, facts)? {
                found @ (Type::Integer | Type::Decimal | Type::Money) => found,
                found => return Err(mismatch(of, "a number", &found)),
            },
            NodeKind::And(nodes) => self.chain(nodes, facts, true)?,
            NodeKind::Or(nodes) => self.chain(nodes, facts, false)?,
            NodeKind::Binary(operator, left, right) => self.binary(*operator, left, right, node, facts)?,
            NodeKind::Choose(condition, yes, no) => self.choose(condition, yes, no, facts)?,
            NodeKind::Call(function, arguments) => self.call(*function, arguments, node, facts)?,
            NodeKind::Each(each, of, variable, body) => self.each(*each, of, variable, body, facts)?,
        })
    }

    fn wants(&mut self, node: &Node, facts: &Facts, wanted: &Type) -> Checked {
        let found = self.check(node, facts)?;
        if found.fits(wanted) { Ok(found) } else { Err(mismatch(node, &wanted.to_string(), &found)) }
    }

    fn path(&self, path: &Path, node: &Node, facts: &Facts, read: bool) -> Checked {
        let local = self.locals.iter().find(|(name, _)| *name == path.root).map(|(_, known)| known);
        if local.is_none() && self.env.is_lost(path) {
            return Err(error(node, ExprErrorKind::ReadsWrong { path: path.to_string() }));
        }
        let root = local.or_else(|| self.env.names.get(path.root.as_str())).ok_or_else(|| self.unknown(path, node))?;
        let mut known = root;
        for field in &path.fields {
            known = match known.get(field.as_str()) {
                Some(below) => below,
                None => {
                    return Err(field_of(&known.kind, field, node).err().unwrap_or_else(|| self.unknown(path, node)));
                }
            };
        }
        let absent = if read && !is_approved(path, self.env) { root.absent(path, facts) } else { None };
        if let Some(path) = absent {
            return Err(error(node, ExprErrorKind::MayBeAbsent { path }));
        }
        Ok(known.kind.clone())
    }

    fn unknown(&self, path: &Path, node: &Node) -> ExprError {
        let names = self.env.names.keys().map(Name::as_str).chain(["now"]);
        error(node, ExprErrorKind::unknown(path.root.as_str(), names))
    }

    /// Each operand is only reached when those before it were true (`&&`) or false (`||`).
    fn chain(&mut self, nodes: &[Node], facts: &Facts, truth: bool) -> Checked {
        let mut facts = facts.clone();
        for part in nodes {
            self.wants(part, &facts, &Type::Boolean)?;
            facts.add(&conclude(part, truth, self.env));
        }
        Ok(Type::Boolean)
    }

    fn choose(&mut self, condition: &Node, yes: &Node, no: &Node, facts: &Facts) -> Checked {
        self.wants(condition, facts, &Type::Boolean)?;
        let mut if_true = facts.clone();
        if_true.add(&conclude(condition, true, self.env));
        let mut if_false = facts.clone();
        if_false.add(&conclude(condition, false, self.env));
        let first = self.check(yes, &if_true)?;
        let second = self.check(no, &if_false)?;
        first.join(&second).ok_or_else(|| mismatch(no, &first.to_string(), &second))
    }

    fn list(&mut self, nodes: &[Node], facts: &Facts) -> Checked {
        let mut of = Type::Nothing;
        for node in nodes {
            let found = self.check(node, facts)?;
            of = of.join(&found).ok_or_else(|| mismatch(node, &of.to_string(), &found))?;
        }
        Ok(Type::List(Arc::new(Known::new(of, Label::CONSTANT))))
    }

    fn each(&mut self, each: Each, of: &Node, variable: &Name, body: &Node, facts: &Facts) -> Checked {
        let list = self.check(of, facts)?;
        let item = item_of(&list, of)?.clone();
        // A variable hides a name of the workflow; nothing that was certain of that name is certain of the item.
        if self.env.names.contains_key(variable.as_str()) || self.locals.iter().any(|(name, _)| name == variable) {
            let free = ExprErrorKind::Expected("a name that nothing else here has");
            return Err(error(body, free));
        }
        self.locals.push((variable.clone(), item));
        let found = match each {
            Each::Exists | Each::All | Each::Filter => self.wants(body, facts, &Type::Boolean),
            Each::Map => self.check(body, facts),
        };
        self.locals.pop();
        let found = found?;
        Ok(match each {
            Each::Exists | Each::All => Type::Boolean,
            Each::Filter => list,
            Each::Map => Type::List(Arc::new(Known::new(found, Label::CONSTANT))),
        })
    }

    fn binary(&mut self, operator: Operator, left: &Node, right: &Node, node: &Node, facts: &Facts) -> Checked {
        use Type::{Boolean, Decimal, Instant, Integer, Money, Period, Text};
        let a = self.check(left, facts)?;
        let b = self.check(right, facts)?;
        let number = |kind: &Type| matches!(kind, Integer | Decimal);
        let wrong = || {
            let (left, right) = (a.to_string(), b.to_string());
            error(node, ExprErrorKind::Operands { operator: operator.as_str(), left, right })
        };
        Ok(match operator {
            Operator::Equal | Operator::NotEqual => {
                never_equal(&a, left, right).or_else(|| never_equal(&b, right, left)).map_or(Ok(()), Err)?;
                let same = comparable(&a, &b) || (number(&a) && number(&b));
                if same { Boolean } else { return Err(wrong()) }
            }
            Operator::Less | Operator::LessOrEqual | Operator::Greater | Operator::GreaterOrEqual => match (&a, &b) {
                (Integer | Decimal, Integer | Decimal) | (Instant, Instant) | (Period, Period) | (Money, Money) => {
                    Boolean
                }
                _ => return Err(wrong()),
            },
            Operator::In => {
                let Type::List(of) = &b else { return Err(wrong()) };
                if let NodeKind::List(constants) = &right.kind {
                    constants.iter().find_map(|constant| never_equal(&a, left, constant)).map_or(Ok(()), Err)?;
                }
                if comparable(&a, &of.kind) { Boolean } else { return Err(wrong()) }
            }
            Operator::Plus => match (&a, &b) {
                (Integer, Integer) => Integer,
                (Decimal, Decimal) => Decimal,
                (Money, Money) => Money,
                (Period, Period) => Period,
                (Instant, Period) => Instant,
                (a, b) if a.is_text() && b.is_text() => Text,
                (Type::List(_), Type::List(_)) => a.join(&b).ok_or_else(wrong)?,
                _ => return Err(wrong()),
            },
            Operator::Minus => match (&a, &b) {
                (Integer, Integer) => Integer,
                (Decimal, Decimal) => Decimal,
                (Money, Money) => Money,
                (Instant, Instant) | (Period, Period) => Period,
                (Instant, Period) => Instant,
                _ => return Err(wrong()),
            },
            Operator::Times => match (&a, &b) {
                (Integer, Integer) => Integer,
                (Decimal, Decimal) => Decimal,
                (Money, Integer) | (Integer, Money) => Money,
                _ => return Err(wrong()),
            },
            Operator::Divide | Operator::Modulo => match (&a, &b) {
                (Integer, Integer) => Integer,
                _ => return Err(wrong()),
            },
        })
    }

    fn call(&mut self, function: Function, arguments: &[Node], node: &Node, facts: &Facts) -> Checked {
        let mut types = Vec::with_capacity(arguments.len());
        for argument in arguments {
            types.push(self.check(argument, facts)?);
        }
        let not_taken = || {
            let found: Vec<String> = types.iter().map(Type::to_string).collect();
            let (usage, takes) = (function.usage(), function.takes_what());
            error(node, ExprErrorKind::NotTaken { usage, found: found.join(" and "), takes })
        };
        result_of(function, &types, arguments).ok_or_else(not_taken)
    }
}

/// The type of a call, when the function takes these arguments.
#[expect(clippy::match_same_arms, reason = "one line for each function, in the order of the list")]
fn result_of(function: Function, types: &[Type], arguments: &[Node]) -> Option<Type> {
    use Type::{Boolean, Decimal, Instant, Integer, List, Money, OneOf, Period, Text, Token};
    let text = Type::is_text;
    let texts = |list: &Known| list.kind.is_text();
    Some(match (function, types) {
        (Function::Size, [List(_)]) => Integer,
        (Function::Size, [a]) if text(a) => Integer,
        (Function::Contains | Function::StartsWith | Function::EndsWith, [a, b]) if text(a) && text(b) => Boolean,
        (Function::LowerAscii | Function::UpperAscii, [Token]) => Token,
        (Function::LowerAscii | Function::UpperAscii | Function::Trim, [a]) if text(a) => Text,
        (Function::Split, [a, b]) if text(a) && text(b) => List(Arc::new(Known::new(Text, Label::CONSTANT))),
        (Function::Join, [List(of), b]) if texts(of) && text(b) => Text,
        (Function::Truncate, [a, Integer]) if text(a) => Text,
        (Function::Text, [Integer | Boolean]) => Token,
        (Function::Text, [a]) if a.is_scalar() => Text,
        (Function::Token, [Integer]) => Token,
        (Function::Token, [a]) if text(a) => Token,
        (Function::Integer, [Decimal | Integer]) => Integer,
        (Function::Integer, [a]) if text(a) => Integer,
        (Function::Decimal, [Integer | Decimal]) => Decimal,
        (Function::Decimal, [a]) if text(a) => Decimal,
        (Function::Round, [Decimal]) => Integer,
        (Function::Least | Function::Greatest, [a @ (Integer | Decimal | Money | Instant | Period), b]) if a == b => {
            a.clone()
        }
        (Function::Money, [Integer, _]) => match arguments {
            [_, Node { kind: NodeKind::Text(code), .. }] if crate::shape::wrong_currency(code).is_none() => Money,
            _ => return None,
        },
        (Function::Minor, [Money]) => Integer,
        (Function::Currency, [Money]) => Token,
        (
            Function::Year | Function::Month | Function::Day | Function::Weekday | Function::Hour | Function::Minute,
            [Instant],
        ) => Integer,
        (Function::Date, [Instant]) => Token,
        (Function::Seconds, [Period]) => Integer,
        (Function::Business, [Instant, Period]) => Instant,
        (Function::Html | Function::Markdown | Function::Url | Function::Json, [a]) if a.is_scalar() => Text,
        (Function::Pseudonymise, [Integer]) => Token,
        (Function::Pseudonymise, [a]) if text(a) => Token,
        (Function::OneOf, [a, List(_)]) if text(a) => OneOf(constants(arguments.get(1)?)?.into()),
        (Function::Bucket, [Integer | Decimal, List(_)]) => OneOf(bucket_names(&bounds(arguments.get(1)?)?).into()),
        _ => return None,
    })
}

/// The constants of `one_of`: 2 to 32 different texts that may be durable.
pub(super) fn constants(list: &Node) -> Option<Vec<String>> {
    let NodeKind::List(nodes) = &list.kind else { return None };
    let texts: Option<Vec<String>> = nodes
        .iter()
        .map(|node| match &node.kind {
            NodeKind::Text(text) if crate::shape::is_token(text) => Some(text.clone()),
            _ => None,
        })
        .collect();
    let texts = texts.filter(|texts| (2..=CONSTANTS_MOST).contains(&texts.len()))?;
    let different: std::collections::BTreeSet<&String> = texts.iter().collect();
    (different.len() == texts.len()).then_some(texts)
}

/// The bounds of `bucket`: 1 to 31 numbers that rise.
pub(super) fn bounds(list: &Node) -> Option<Vec<String>> {
    let NodeKind::List(nodes) = &list.kind else { return None };
    let numbers: Vec<super::Decimal> = nodes.iter().map(number).collect::<Option<_>>()?;
    let rising = numbers.iter().zip(numbers.iter().skip(1)).all(|(a, b)| a < b);
    let wanted = (1..CONSTANTS_MOST).contains(&numbers.len()) && rising;
    wanted.then(|| numbers.into_iter().map(super::Decimal::to_text).collect())
}

/// The number that a part writes out, if it does.
pub(super) fn number(node: &Node) -> Option<super::Decimal> {
    match &node.kind {
        NodeKind::Integer(n) => super::Decimal::from_integer(*n),
        NodeKind::Decimal(d) => Some(*d),
        _ => None,
    }
}

/// A text that is written out is a token when it fits one.
pub(super) fn text_type(text: &str) -> Type {
    if crate::shape::is_token(text) { Type::OneOf([text.to_owned()].into()) } else { Type::Text }
}

fn field_of(of: &Type, field: &Name, node: &Node) -> Checked {
    match of {
        Type::Record(fields) => fields
            .get(field.as_str())
            .map(|known| known.kind.clone())
            .ok_or_else(|| error(node, ExprErrorKind::unknown(field.as_str(), fields.keys().map(Name::as_str)))),
        found => Err(mismatch(node, "a record", found)),
    }
}

fn item_of<'t>(list: &'t Type, node: &Node) -> Result<&'t Known, ExprError> {
    match list {
        Type::List(of) => Ok(of),
        found => Err(mismatch(node, "a list", found)),
    }
}

/// Whether two values can be equal at all, by their types.
fn comparable(a: &Type, b: &Type) -> bool {
    a.is_scalar() && b.is_scalar() && ((a.is_text() && b.is_text()) || a.fits(b) || b.fits(a))
}

/// A constant that one of some constants never is: mostly a misspelling.
fn never_equal(kind: &Type, value: &Node, constant: &Node) -> Option<ExprError> {
    let (Type::OneOf(values), NodeKind::Text(text)) = (kind, &constant.kind) else { return None };
    if matches!(value.kind, NodeKind::Text(_)) || values.contains(text) {
        return None;
    }
    let nearest = nearest(text, values.iter().map(String::as_str)).map(str::to_owned);
    Some(error(constant, ExprErrorKind::NeverEqual { constant: text.clone(), nearest }))
}

fn mismatch(node: &Node, wanted: &str, found: &Type) -> ExprError {
    error(node, ExprErrorKind::Mismatch { wanted: wanted.to_owned(), found: found.to_string() })
}

fn error(node: &Node, kind: ExprErrorKind) -> ExprError {
    ExprError { span: node.span.clone(), kind }
}
