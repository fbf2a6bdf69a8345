//! Class and marks of an expression: the join of all that it reads, conditions and lengths included.

use std::collections::BTreeSet;

use super::extent::{Bulk, extent, items};
use super::{Flow, bits_of};
use crate::class::{Class, Label, Marks};
use crate::expr::ast::{Each, Node, NodeKind, Operator, Path};
use crate::expr::functions::Function;
use crate::expr::print::to_text;
use crate::expr::{Env, EvalCode, Known, Program, Source, Type};
use crate::id::Name;

/// What following an expression finds.
pub(super) struct Followed {
    /// Its flow.
    pub(super) flow: Flow,
    /// `one_of` and `bucket` over content, each with its bits.
    pub(super) releases: Vec<(String, u32)>,
    /// By which codes it can fail because of what content says.
    pub(super) fails: BTreeSet<EvalCode>,
    /// Who may have chosen whether it fails.
    pub(super) failing: Marks,
    /// The most that its value can hold, where content is read.
    pub(super) bulk: Option<Bulk>,
}

/// Follows a checked expression. `edited` are the paths that a person who said yes may have written.
pub(super) fn follow(program: &Program, env: &Env, edited: &BTreeSet<String>) -> Followed {
    follow_node(&program.root, env, edited)
}

/// Follows one part of a checked expression.
pub(super) fn follow_node(node: &Node, env: &Env, edited: &BTreeSet<String>) -> Followed {
    let mut labels = Labels::new(env, edited);
    let flow = labels.of(node);
    let Labels { releases, mut fails, mut failing, content, marks, .. } = labels;
    // What is made of facts alone is small.
    let bulk = content.then(|| extent(node, env)).map(|extent| {
        failing = if extent.fails.is_empty() { failing } else { failing.join(marks) };
        fails.extend(extent.fails);
        extent.bulk
    });
    Followed { flow, releases, fails, failing, bulk }
}

/// Whether a condition that reads content chose which items of a list are in it.
pub(super) fn is_chosen_by_content(list: &Node, env: &Env, edited: &BTreeSet<String>) -> bool {
    let NodeKind::Each(Each::Filter, of, variable, condition) = &list.kind else { return false };
    let mut labels = Labels::new(env, edited);
    let all = labels.of(of);
    let item = labels.item(of, &all);
    labels.locals.push((variable, item));
    !labels.of(condition).label.class.is_fact() || is_chosen_by_content(of, env, edited)
}

struct Labels<'a> {
    env: &'a Env,
    edited: &'a BTreeSet<String>,
    locals: Vec<(&'a Name, Known)>,
    /// The lists that are walked around a part, with the name of an item of each.
    around: Vec<(&'a Name, &'a Node)>,
    releases: Vec<(String, u32)>,
    fails: BTreeSet<EvalCode>,
    failing: Marks,
    /// Whether content is read anywhere.
    content: bool,
    /// Who may have chosen anything that is read.
    marks: Marks,
    /// What says whether the part that is followed now is evaluated.
    under: Under,
}

/// What says whether a part of an expression is evaluated at all: who chooses that chooses whether it fails, whatever it reads.
#[derive(Clone, Copy, Default)]
struct Under {
    content: bool,
    marks: Marks,
}

impl Under {
    fn and(self, flow: &Flow) -> Self {
        Self { content: self.content || !flow.label.class.is_fact(), marks: self.marks.join(flow.any_marks()) }
    }
}

impl<'a> Labels<'a> {
    fn new(env: &'a Env, edited: &'a BTreeSet<String>) -> Self {
        Self {
            env,
            edited,
            locals: Vec::new(),
            around: Vec::new(),
            releases: Vec::new(),
            fails: BTreeSet::new(),
            failing: Marks::NONE,
            content: false,
            marks: Marks::NONE,
            under: Under::default(),
        }
    }

    fn of(&mut self, node: &'a Node) -> Flow {
        let flow = match &node.kind {
            NodeKind::Boolean(_)
            | NodeKind::Integer(_)
            | NodeKind::Decimal(_)
            | NodeKind::Text(_)
            | NodeKind::Period(_)
            | NodeKind::Instant(_)
            | NodeKind::Now => Flow::CONSTANT,
            NodeKind::Path(path) => self.path(path),
            NodeKind::Has(path) => self.has(path),
            NodeKind::Choose(condition, yes, no) => {
                // A choice among values has the marks of the values; those of the condition count for money alone.
                let mut condition = self.of(condition);
                let outer = self.under;
                self.under = outer.and(&condition);
                let chosen = self.of(yes).join(self.of(no));
                self.under = outer;
                condition.control = condition.any_marks();
                condition.chosen = condition.control;
                condition.label.marks = Marks::NONE;
                condition.join(chosen)
            }
            NodeKind::And(nodes) | NodeKind::Or(nodes) => {
                let outer = self.under;
                let mut flow = Flow::CONSTANT;
                for node in nodes {
                    let one = self.of(node);
                    self.under = self.under.and(&one);
                    flow = flow.join(one);
                }
                self.under = outer;
                flow.computed()
            }
            NodeKind::Binary(Operator::Plus, one, other) if is_written(one) || is_written(other) => {
                // A choice with a constant beside it is a choice among constants.
                self.of(one).join(self.of(other))
            }
            NodeKind::Call(Function::Pseudonymise, arguments) => {
                let mut flow = arguments.iter().fold(Flow::CONSTANT, |flow, argument| flow.join(self.of(argument)));
                flow.sources = flow.sources.into_iter().map(Source::pseudonym).collect();
                flow
            }
            NodeKind::Call(Function::OneOf | Function::Bucket, arguments) => self.released(node, arguments),
            NodeKind::Each(_, of, variable, body) => {
                let list = self.of(of);
                let item = self.item(of, &list);
                let told = self.releases.len();
                self.locals.push((variable, item));
                self.around.push((variable, of));
                let outer = self.under;
                self.under = outer.and(&list);
                let body = self.of(body);
                self.under = outer;
                self.locals.pop();
                self.around.pop();
                self.repeated(told, of);
                list.join(body).computed()
            }
            _ => node.children().fold(Flow::CONSTANT, |flow, child| flow.join(self.of(child))).computed(),
        };
        self.content |= !flow.label.class.is_fact();
        self.marks = self.marks.join(flow.any_marks());
        let fails = self.failures(node);
        if !fails.is_empty() {
            let Under { content, marks } = self.under.and(&flow);
            if content {
                self.fails.extend(fails);
            }
            self.failing = self.failing.join(marks);
        }
        flow
    }

    fn known(&self, path: &Path) -> Option<&Known> {
        match self.locals.iter().rev().find(|(name, _)| **name == path.root) {
            Some((_, root)) => path.fields.iter().try_fold(root, |known, field| known.get(field.as_str())),
            None => self.env.find(path),
        }
    }

    fn path(&self, path: &Path) -> Flow {
        let Some(known) = self.known(path) else { return Flow::CONSTANT };
        let (mut label, mut control, sources) = known.whole();
        if self.edited.contains(&path.to_string()) {
            label.marks = Marks::NONE;
            control = Marks::NONE;
        }
        Flow { label, control, chosen: known.chosen, sources }
    }

    /// Whether a step ran is a fact. Whether an optional field is there says something of the field.
    fn has(&self, path: &Path) -> Flow {
        let mut so_far = Path { root: path.root.clone(), fields: Vec::new() };
        let Some(root) = self.known(&so_far) else { return Flow::CONSTANT };
        let sources = root.sources.clone();
        let label = Label::new(Class::Reference, Marks::NONE);
        let mut flow = Flow { label, control: root.control, chosen: root.control, sources };
        for field in &path.fields {
            so_far.fields.push(field.clone());
            if let Some(known) = self.known(&so_far).filter(|known| known.optional) {
                flow.label = flow.label.join(known.label);
                flow.sources.join(&known.sources);
            }
        }
        flow
    }

    /// The item of a list that a function walks: what is known of it, and all that chose the list.
    fn item(&self, of: &Node, list: &Flow) -> Known {
        let known = match &of.kind {
            NodeKind::Path(path) => self.known(path).and_then(|known| match &known.kind {
                Type::List(item) => Some((**item).clone()),
                _ => None,
            }),
            // Whoever chose among the items chose none of their parts.
            NodeKind::Each(Each::Filter, of, ..) => {
                let known = self.item(of, list);
                Some(super::results::marked(known, Marks::NONE, list.any_marks()))
            }
            _ => None,
        };
        known.unwrap_or_else(|| {
            let mut item = Known::new(Type::Nothing, list.label);
            item.control = list.control;
            item.chosen = list.chosen;
            item.sources = list.sources.clone();
            item
        })
    }

    /// What is told of one item is told of each.
    fn repeated(&mut self, told: usize, list: &'a Node) {
        if self.releases.len() == told {
            return;
        }
        let most = items(list, &self.around, self.env);
        for (what, bits) in self.releases.iter_mut().skip(told).filter(|_| most > 1) {
            *what = format!("{what}, {most} times");
            *bits = bits.saturating_mul(most);
        }
    }

    fn released(&mut self, node: &Node, arguments: &'a [Node]) -> Flow {
        let mut flow = arguments.iter().fold(Flow::CONSTANT, |flow, argument| flow.join(self.of(argument)));
        if flow.label.class.is_fact() {
            return flow;
        }
        let constants = match arguments.get(1).map(|list| &list.kind) {
            Some(NodeKind::List(constants)) => constants.as_slice(),
            _ => &[],
        };
        let (kind, ways) = match &node.kind {
            NodeKind::Call(Function::Bucket, _) => ("bucket", constants.len() + 1),
            _ => ("one_of", constants.len().max(1)),
        };
        // Which words become facts, and by what of content, is what the client agrees to, not only how many.
        let said: Vec<String> = constants.iter().map(said).collect();
        let of = arguments.first().map(to_text).unwrap_or_default();
        self.releases.push((format!("{kind} {ways} ({}) of {of}", said.join(", ")), bits_of(ways)));
        flow.label.class = Class::Reference;
        flow
    }

    /// By which codes the part itself can fail, by the values that it gets. What only becomes too large is found by
    /// [`extent`].
    fn failures(&self, node: &Node) -> &'static [EvalCode] {
        use EvalCode::{DivisionByZero, NeverOpen, NotConvertible, OtherCurrency, OutOfRange, TooLarge};
        match &node.kind {
            NodeKind::Index(..) | NodeKind::Negate(_) | NodeKind::Binary(Operator::Times, ..) => &[OutOfRange],
            NodeKind::Binary(Operator::Plus, left, right) => match self.sort_of(left).or(self.sort_of(right)) {
                Some(Sort::Text) => &[],
                Some(Sort::Money) => &[OutOfRange, OtherCurrency],
                Some(Sort::List) => &[TooLarge],
                Some(Sort::Other) => &[OutOfRange],
                None => &[OutOfRange, OtherCurrency, TooLarge],
            },
            NodeKind::Binary(Operator::Minus, left, right) => match self.sort_of(left).or(self.sort_of(right)) {
                Some(Sort::Money) | None => &[OutOfRange, OtherCurrency],
                Some(Sort::Text | Sort::List | Sort::Other) => &[OutOfRange],
            },
            NodeKind::Binary(Operator::Divide | Operator::Modulo, ..) => &[DivisionByZero],
            NodeKind::Call(function, _) => match function {
                Function::Token => &[NotConvertible],
                Function::Integer | Function::Decimal | Function::Round => &[NotConvertible, OutOfRange],
                Function::Money | Function::Truncate => &[OutOfRange],
                Function::Split => &[OutOfRange, TooLarge],
                Function::Business => &[NeverOpen],
                _ => &[],
            },
            _ => &[],
        }
    }

    /// What sort of value a part gives, where that is plain to see.
    fn sort_of(&self, node: &Node) -> Option<Sort> {
        match &node.kind {
            NodeKind::Text(_) => Some(Sort::Text),
            NodeKind::Path(path) => match &self.known(path)?.kind {
                // An item of a list that was computed.
                Type::Nothing => None,
                kind if kind.is_text() => Some(Sort::Text),
                Type::Money => Some(Sort::Money),
                Type::List(_) => Some(Sort::List),
                _ => Some(Sort::Other),
            },
            NodeKind::Binary(Operator::Plus | Operator::Minus | Operator::Times, left, right) => {
                // An amount times a number is an amount.
                match (self.sort_of(left), self.sort_of(right)) {
                    (Some(Sort::Other), other) => other,
                    (one, _) => one,
                }
            }
            NodeKind::Negate(of) => self.sort_of(of),
            NodeKind::Choose(_, yes, no) => self.sort_of(yes).or(self.sort_of(no)),
            NodeKind::List(_) | NodeKind::Each(Each::Filter | Each::Map, ..) | NodeKind::Call(Function::Split, _) => {
                Some(Sort::List)
            }
            NodeKind::Call(function, _) if function.gives_text() => Some(Sort::Text),
            NodeKind::Call(Function::Least | Function::Greatest, arguments) => self.sort_of(arguments.first()?),
            NodeKind::Call(Function::Money, _) => Some(Sort::Money),
            NodeKind::Field(..) | NodeKind::Index(..) => None,
            _ => Some(Sort::Other),
        }
    }
}

/// A constant as clients read it: a text without its quotes.
fn said(constant: &Node) -> String {
    match &constant.kind {
        NodeKind::Text(text) => text.clone(),
        _ => to_text(constant),
    }
}

/// What there are different ways to fail with.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sort {
    Text,
    Money,
    List,
    Other,
}

/// Whether a part is written out in the workflow.
fn is_written(node: &Node) -> bool {
    matches!(node.kind, NodeKind::Text(_) | NodeKind::Integer(_) | NodeKind::Decimal(_) | NodeKind::Boolean(_))
}
