//! Whether a KPI takes the runs of a person, or of a record, that the workflow itself names: groups are counted in runs, and
//! one person may have as many as it takes.

use std::collections::{BTreeMap, BTreeSet};

use super::super::{Breach, Judged};
use crate::class::Class;
use crate::code::Code;
use crate::expr::ast::{self, Node, NodeKind, Operator, Path};
use crate::expr::{Known, Program, Template, Type};
use crate::flow::{Part, Site};
use crate::id::Name;
use crate::plan::{Action, Argument, Kpi, Step, Trigger};
use crate::shape::{Field, Shape};

/// Reports where the runs of a KPI are chosen by a value that says who it is about: in its own condition and labels by any
/// identifier; in the conditions of what it reads, and in those that let a run come to its end, by what the catalog says is a
/// person's.
///
/// # Source
/// language.md section 5, "Sinks". Promise P01.
pub(super) fn check(judged: &Judged<'_>, place: usize, kpi: &Kpi) -> Vec<Breach> {
    let look = Look { judged, persons: persons(judged) };
    let breach = |step: Option<&Step>, part: Part, path: &str| {
        let said = format!(
            "The KPI `{}` takes the runs for which the workflow says what `{path}` is: they may all be one person's.",
            kpi.name
        );
        let help = "Ask with `has` whether it is there, compare two fields, or use a field that the catalog declares as `one_of`.";
        Breach::new(Code::KpiTooFine, Site { step: step.map(|step| step.id.clone()), part }, said).help(help)
    };
    let own = kpi.when.as_ref().and_then(|when| Program::parse(&when.0).ok());
    let labels: Vec<_> = kpi.by.iter().map(|by| Program::parse(by).ok()).collect();
    let mut found = Vec::new();
    let named = own.as_ref().and_then(|when| look.named(&when.root, &mut Vec::new(), &mut Asked::new(true)));
    found.extend(named.map(|path| breach(None, Part::KpiWhen(place), &path)));
    for (position, label) in labels.iter().enumerate() {
        let computed =
            label.as_ref().and_then(Program::as_path).and_then(|path| look.computed(path, &mut Asked::new(true)));
        found.extend(computed.map(|path| breach(None, Part::KpiBy(place, position), &path)));
    }
    // What is read behind a condition is there for some runs alone, and a `stop` lets some come to their end.
    let sum = kpi.sum.as_ref().and_then(|sum| Program::parse(sum).ok());
    let mut roots = BTreeSet::new();
    own.iter().chain(labels.iter().flatten()).chain(&sum).for_each(|program| read(&program.root, &mut roots));
    let stops = judged.plan.steps.iter().filter(|step| matches!(step.action, Action::Stop { .. }));
    roots.extend(stops.map(|step| step.id.clone()));
    for step in look.behind(roots) {
        let when = step.when.as_ref().and_then(|when| Program::parse(&when.0).ok());
        let named = when.and_then(|when| look.named(&when.root, &mut Vec::new(), &mut Asked::new(false)));
        found.extend(named.map(|path| breach(Some(step), Part::When, &path)));
    }
    let wanted = judged.plan.trigger.only().into_iter().flat_map(|only| only.keys());
    let trigger = judged.plan.trigger.fields();
    let mut wanted = wanted.filter(|name| trigger.and_then(|fields| fields.get(name.as_str())).is_some_and(is_person));
    found.extend(wanted.next().map(|name| breach(None, Part::Trigger, &format!("trigger.{name}"))));
    found
}

/// The names that an expression reads or asks for.
fn read(node: &Node, roots: &mut BTreeSet<Name>) {
    if let NodeKind::Path(path) | NodeKind::Has(path) = &node.kind {
        roots.insert(path.root.clone());
    }
    node.children().for_each(|child| read(child, roots));
}

/// The fields of a plan that are about a person, as data uses name them.
fn persons(judged: &Judged<'_>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let operations = judged.plan.operations.values();
    operations.for_each(|operation| gather(&operation.response, operation.record.as_str(), &mut found));
    let record = match &judged.plan.trigger {
        Trigger::Webhook { record, .. } | Trigger::Poll { record, .. } => record.as_str(),
        Trigger::Inbox { folder, .. } => folder.as_str(),
        Trigger::Schedule { .. } | Trigger::Manual { .. } => "trigger",
    };
    judged.plan.trigger.fields().into_iter().for_each(|fields| gather(fields, record, &mut found));
    found
}

fn gather(fields: &BTreeMap<Name, Field>, path: &str, found: &mut BTreeSet<String>) {
    for (name, field) in fields {
        one_field(field, format!("{path}.{name}"), found);
    }
}

fn one_field(field: &Field, path: String, found: &mut BTreeSet<String>) {
    match &field.shape {
        Shape::Record { fields } => gather(fields, &path, found),
        Shape::List { of, .. } => one_field(of, path.clone(), found),
        _ => {}
    }
    if is_person(field) {
        found.insert(path);
    }
}

/// Whether the catalog says that a field is about a person.
fn is_person(field: &Field) -> bool {
    let category = field.category.as_deref().unwrap_or_default();
    field.class == Class::Personal || category == "user" || category.starts_with("user.")
}

/// The variables of list functions around a part, each with what is known of an item.
type Locals<'a> = Vec<(&'a Name, Option<Known>)>;

/// What is asked of an expression.
struct Asked {
    /// Whether any identifier says which one it is, whoever's it is.
    tokens: bool,
    /// What a `set` made and was looked at: once each, in whatever order they are made of one another.
    seen: BTreeSet<String>,
}

impl Asked {
    const fn new(tokens: bool) -> Self {
        Self { tokens, seen: BTreeSet::new() }
    }
}

struct Look<'a> {
    judged: &'a Judged<'a>,
    persons: BTreeSet<String>,
}

impl<'a> Look<'a> {
    /// The first value that says who or which one it is and does more than stand beside another field; `tokens` are such
    /// values too.
    fn named<'n>(&self, node: &'n Node, locals: &mut Locals<'n>, asked: &mut Asked) -> Option<String> {
        match &node.kind {
            NodeKind::Path(path) => self.path(path, locals, asked),
            NodeKind::Binary(operator, one, other)
                if compares(*operator) && self.is_field(one) && self.is_field(other) =>
            {
                None
            }
            NodeKind::Binary(Operator::In, one, list) => {
                let told = self.item(list, locals).is_some_and(|item| self.tells(&item, asked.tokens));
                let whole = match &list.kind {
                    NodeKind::Path(path) if told => Some(path.to_string()),
                    _ => None,
                };
                let parts = || self.named(one, locals, asked).or_else(|| self.named(list, locals, asked));
                whole.or_else(parts)
            }
            NodeKind::Each(_, list, variable, body) => {
                let item = self.item(list, locals);
                self.named(list, locals, asked).or_else(|| {
                    locals.push((variable, item));
                    let found = self.named(body, locals, asked);
                    locals.pop();
                    found
                })
            }
            _ => node.children().find_map(|child| self.named(child, locals, asked)),
        }
    }

    fn path(&self, path: &Path, locals: &Locals<'_>, asked: &mut Asked) -> Option<String> {
        let local = locals.iter().rev().find(|(name, _)| **name == path.root);
        let known = match local {
            Some((_, item)) => item
                .as_ref()
                .and_then(|item| path.fields.iter().try_fold(item, |known, field| known.get(field.as_str()))),
            None if self.set(path).is_some() => return self.computed(path, asked),
            None if self.is_answered(&path.root) => self.judged.flows.find(path),
            // What an AI makes of something, and counts of items, name nobody.
            None => None,
        };
        known.filter(|known| self.tells(known, asked.tokens)).map(|_| path.to_string())
    }

    /// What a value of a `set` says of somebody, or of what it was made from.
    fn computed(&self, path: &Path, asked: &mut Asked) -> Option<String> {
        let said = self.set(path)?;
        if !asked.seen.insert(path.to_string()) {
            return None;
        }
        let template = Template::parse(said).ok()?;
        template.programs().find_map(|program| self.named(&program.root, &mut Vec::new(), asked))
    }

    /// The template of a `set`, where a path leads to one.
    fn set(&self, path: &Path) -> Option<&'a str> {
        let step = self.judged.steps.iter().find(|step| step.id == path.root)?;
        match (&step.action, path.fields.first()) {
            (Action::Set { values }, Some(field)) => match values.get(field.as_str())? {
                Argument::Template(text) => Some(text),
                _ => None,
            },
            _ => None,
        }
    }

    /// Whether a name is of a record that came from outside: the event, an answer of an operation, an event that was waited for.
    fn is_answered(&self, name: &Name) -> bool {
        let mut steps = self.judged.steps.iter();
        let came = |step: &Step| matches!(step.action, Action::Call { .. } | Action::Wait { .. });
        name.as_str() == "trigger" || steps.any(|step| step.id == *name && came(step))
    }

    /// Whether a part is a field as somebody else answered or sent it, and nothing that the workflow wrote.
    fn is_field(&self, node: &Node) -> bool {
        let NodeKind::Path(path) = &node.kind else { return false };
        let mut steps = self.judged.steps.iter();
        let is_set = steps.any(|step| step.id == path.root && matches!(step.action, Action::Set { .. }));
        !is_set && self.judged.flows.find(path).is_some()
    }

    fn item(&self, list: &Node, locals: &Locals<'_>) -> Option<Known> {
        let known = match &list.kind {
            NodeKind::Path(path) if !locals.iter().any(|(name, _)| **name == path.root) => {
                self.judged.flows.find(path)?
            }
            NodeKind::Each(ast::Each::Filter, of, ..) => return self.item(of, locals),
            _ => return None,
        };
        match &known.kind {
            Type::List(item) => Some((**item).clone()),
            _ => None,
        }
    }

    fn tells(&self, known: &Known, tokens: bool) -> bool {
        let scalar = !matches!(known.kind, Type::List(_) | Type::Record(_));
        let of_person = || {
            known.label.class == Class::Personal
                || known.sources.iter().any(|source| self.persons.contains(&*source.path))
        };
        scalar && ((tokens && known.kind == Type::Token) || of_person())
    }

    /// Steps by their names, and those that must have run for them.
    fn behind(&self, mut roots: BTreeSet<Name>) -> Vec<&'a Step> {
        loop {
            let steps: Vec<&'a Step> =
                self.judged.steps.iter().copied().filter(|step| roots.contains(&step.id)).collect();
            let before = roots.len();
            for when in steps.iter().filter_map(|step| Program::parse(&step.when.as_ref()?.0).ok()) {
                roots.extend(when.needs().cloned());
            }
            if roots.len() == before {
                return steps;
            }
        }
    }
}

fn compares(operator: Operator) -> bool {
    matches!(
        operator,
        Operator::Equal
            | Operator::NotEqual
            | Operator::Less
            | Operator::LessOrEqual
            | Operator::Greater
            | Operator::GreaterOrEqual
    )
}
