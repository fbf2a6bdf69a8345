//! What an `each` walks, a `wait` waits for, and a `[[cancel]]` listens to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::error::{Part, PlanErrorKind};
use super::label::{follow_node, is_chosen_by_content};
use super::results;
use super::walk::Walk;
use super::{Flow, StepFlow, bits_of};
use crate::class::{Class, Label, Marks};
use crate::expr::ast::{self, Node, NodeKind};
use crate::expr::print::to_text;
use crate::expr::{Known, Program, Type, check, reads};
use crate::id::Name;
use crate::plan::{Each, Event, Expression, OnItemError, Step, Until};

/// What an `each` counts.
pub(super) const COUNTS: [&str; 3] = ["done", "failed", "skipped"];

/// What one record tells that content found: it is taken for one of a million.
pub(super) const RECORD_BITS: u32 = 20;

/// Among what content chose the items of a list.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Chosen {
    /// It chose none of them.
    No,
    /// Among those of a list that is there whatever it says.
    Among,
    /// Among all that the API has.
    Anywhere,
}

/// A list that is walked.
struct Walked {
    item: Known,
    flow: Flow,
    /// Whether content says which items are in it.
    chosen: Chosen,
    /// How many there are at most.
    most: u32,
    /// The expression, as clients read it.
    said: String,
}

impl<'p> Walk<'p> {
    /// Walks the steps inside with one item of the list. Outside, only the counts can be read.
    pub(super) fn each(&mut self, step: &Step, each: &'p Each, flow: &mut StepFlow) -> Known {
        let certain = self.env.facts.clone();
        let walked = self.walked(step, &each.over);
        flow.sources = walked.as_ref().map(|walked| walked.flow.clone());
        let marks = walked.as_ref().map_or(Marks::NONE, |walked| walked.flow.any_marks());
        if let Some(walked) = &walked {
            self.count(step, each, walked);
        }
        self.spelled(&each.item, Part::Item);
        let outside = self.env.clone();
        let (passed, times, ended) = (self.passed, self.times, self.ended);
        let fails = self.fails;
        self.times = each.max;
        self.fails = match each.on_error {
            OnItemError::Stop => each.parallel.clamp(1, each.max.max(1)),
            OnItemError::Collect => each.max,
        };
        // Who chose that the list is longer than it may be ends the run.
        let too_long = walked.as_ref().is_some_and(|walked| walked.most > each.max);
        let mut failing = if too_long { self.failing.join(marks) } else { self.failing };
        if let Some(Walked { item, .. }) = walked {
            let item = results::marked(item, Marks::NONE, marks);
            self.env.names.insert(each.item.clone(), item);
            self.env.facts = certain.clone();
            let told_apart = self.fact_key(&each.key, &Part::Key).any_marks();
            self.tells_apart(each);
            failing = failing.join(self.failing);
            // Who wrote the list or what tells its items apart chose whether two of them have one key.
            if each.on_error == OnItemError::Stop {
                failing = failing.join(marks).join(told_apart);
            }
            // Whether and how often the steps inside run: by the condition, the list, and what makes two items one.
            self.passed = passed.join(flow.control).join(marks).join(told_apart);
            self.ended = Marks::NONE;
            if let Some(nested) = each.steps.iter().find(|step| !step.inner().is_empty()) {
                self.within(&nested.id, |walk| walk.error(Part::Over, PlanErrorKind::Nested));
            } else {
                self.inside = Some(&each.steps);
                self.within(&step.id, |walk| walk.steps(&each.steps, &certain));
                self.inside = None;
            }
        }
        let inside = std::mem::replace(&mut self.env, outside);
        self.flows.known.extend(inside.names);
        // An item that fails ends the run, where it is not only counted.
        if each.on_error == OnItemError::Stop {
            failing = failing.join(self.ended);
        }
        (self.passed, self.times, self.failing, self.ended) = (passed, times, failing, ended);
        self.fails = fails;
        // Each step inside is counted by how it ended.
        let inside = each.steps.iter().filter_map(|step| self.flows.steps.get(step.id.as_str()));
        let mut sources = flow.sources.as_ref().map(|list| list.sources.clone()).unwrap_or_default();
        let mut marks = marks;
        for inner in inside {
            marks = marks.join(inner.control).join(inner.failing);
            sources.join(&inner.when.sources);
        }
        let count = |name: &str| {
            let known = Known::new(Type::Integer, Label::new(Class::Reference, marks));
            let known = Known { sources: sources.clone(), ..known };
            Name::new(name).ok().map(|name| (name, known))
        };
        let counts: BTreeMap<Name, Known> = COUNTS.iter().filter_map(|name| count(name)).collect();
        Known::new(Type::Record(counts.into()), Label::CONSTANT)
    }

    /// A key that reads nothing of the item is the same for all of them.
    fn tells_apart(&mut self, each: &Each) {
        let Ok(program) = Program::parse(&each.key.0) else { return };
        let of_item = reads(&program).iter().any(|read| read.path.root == each.item);
        if !of_item && check(&program, &self.env).is_ok() {
            self.error(Part::Key, PlanErrorKind::SameKey(each.item.clone()));
        }
    }

    /// How many items there are tells something of the list; where content chose them, so does each item that is walked.
    fn count(&mut self, step: &Step, each: &Each, walked: &Walked) {
        if walked.flow.label.class.is_fact() {
            return;
        }
        let most = usize::try_from(each.max).unwrap_or(usize::MAX);
        // None, one and so on; and, where the list may be longer, too many.
        let ways = most.saturating_add(if walked.most > each.max { 2 } else { 1 });
        let list = &walked.said;
        self.release(&Part::Over, format!("{}: how many items of {list}, at most {most}", step.id), bits_of(ways));
        // Of a list that is there each item is in it or not; of more than are walked each is one of them.
        let of = match walked.chosen {
            Chosen::No => return,
            Chosen::Among => walked.most,
            Chosen::Anywhere => u32::MAX,
        };
        let each_one = if of == u32::MAX { RECORD_BITS } else { bits_of(usize::try_from(of).unwrap_or(usize::MAX)) };
        let bits = each.max.saturating_mul(each_one).min(of);
        let among = if of == u32::MAX || of <= each.max { String::new() } else { format!(" of {of}") };
        self.release(&Part::Over, format!("{}: which items of {list}, at most {most}{among}", step.id), bits);
    }

    fn walked(&mut self, step: &Step, over: &Expression) -> Option<Walked> {
        let program = self.take(Part::Over, Program::parse(&over.0))?;
        let found = self.take(Part::Over, check(&program, &self.env))?;
        let Type::List(of) = &found else {
            self.error(Part::Over, PlanErrorKind::NotAList(found.to_string()));
            return None;
        };
        let edited = self.edited();
        let followed = follow_node(&program.root, &self.env, &edited);
        self.released(&Part::Over, step.id.as_str(), &followed);
        let item = self.item(&program.root).unwrap_or_else(|| results::computed(&of.kind, &followed.flow));
        let chosen = match (self.sought(&program.root), is_chosen_by_content(&program.root, &self.env, &edited)) {
            (true, _) => Chosen::Anywhere,
            (false, true) => Chosen::Among,
            (false, false) => Chosen::No,
        };
        let (most, said) = (self.most(&program.root), to_text(&program.root));
        Some(Walked { item, flow: followed.flow, chosen, most, said })
    }

    /// How long a list may be.
    fn most(&self, list: &Node) -> u32 {
        match &list.kind {
            NodeKind::Path(path) => self.env.find(path).map_or(u32::MAX, |known| known.most),
            NodeKind::Each(ast::Each::Filter | ast::Each::Map, of, ..) => self.most(of),
            NodeKind::List(items) => u32::try_from(items.len()).unwrap_or(u32::MAX),
            _ => u32::MAX,
        }
    }

    /// An item of a list that was not computed keeps what is known of its parts; so does one of a part of that list. Where
    /// content chose the items that is counted, and its parts are what the catalog says.
    fn item(&self, list: &Node) -> Option<Known> {
        match &list.kind {
            NodeKind::Path(path) => match &self.answered(path)?.kind {
                Type::List(item) => Some((**item).clone()),
                _ => None,
            },
            NodeKind::Each(ast::Each::Filter, of, ..) => self.item(of),
            _ => None,
        }
    }

    fn answered(&self, path: &ast::Path) -> Option<&Known> {
        match self.answers.get(path.root.as_str()) {
            Some(answer) => path.fields.iter().try_fold(answer, |known, field| known.get(field.as_str())),
            None => self.env.find(path),
        }
    }

    /// Whether the list is the answer of an operation that was asked with content: content then chose what is in it.
    fn sought(&self, list: &Node) -> bool {
        let path = match &list.kind {
            NodeKind::Path(path) => path,
            NodeKind::Each(ast::Each::Filter, of, ..) => return self.sought(of),
            _ => return false,
        };
        self.answers.contains_key(&path.root)
    }

    /// What is known once a `wait` is over.
    pub(super) fn wait(&mut self, step: &Step, until: &Until) -> Known {
        let mut fields: BTreeMap<Name, Known> = BTreeMap::new();
        match until {
            Until::For(_) | Until::Business(_) => {}
            Until::At(at) => self.moment(step, at),
            Until::Event(awaited) => {
                // The event has the very value that it is compared with, and whoever chose that chose whether it comes.
                let key = self.fact_key(&awaited.equals, &Part::Until);
                let matched = key.any_marks();
                if !is_facts(&awaited.on) || !awaited.on.fields.contains_key(awaited.key.as_str()) {
                    self.error(Part::Until, PlanErrorKind::NotAFact);
                }
                let event = results::marked(results::event(&awaited.on), matched, Marks::NONE);
                if let Type::Record(known) = event.kind {
                    let optional = |known: &Known| Known { optional: true, ..known.clone() };
                    fields.extend(known.iter().map(|(name, known)| (name.clone(), optional(known))));
                }
                // Whoever knows the token can send it, and whoever writes the field that is compared chose whether it comes.
                let sender = if awaited.on.dialect.signs_events() { Marks::NONE } else { Marks::OUTSIDE };
                let compared = awaited.on.fields.get(awaited.key.as_str());
                let writer = compared.map_or(Marks::OUTSIDE, |field| field.label().marks);
                let marks = sender.join(writer).join(matched);
                let arrived = Known::new(Type::Boolean, Label::new(Class::Reference, marks));
                let arrived = Known { sources: key.sources, ..arrived };
                fields.extend(Name::new("arrived").ok().map(|name| (name, arrived)));
            }
        }
        Known::new(Type::Record(Arc::new(fields)), Label::CONSTANT)
    }

    /// When a run goes on is seen by everybody: the moment must be a fact.
    fn moment(&mut self, step: &Step, at: &Expression) {
        let Some(program) = self.take(Part::Until, Program::parse(&at.0)) else { return };
        let Some(found) = self.take(Part::Until, check(&program, &self.env)) else { return };
        let followed = follow_node(&program.root, &self.env, &BTreeSet::new());
        self.released(&Part::Until, step.id.as_str(), &followed);
        if found != Type::Instant {
            self.error(Part::Until, PlanErrorKind::NotAMoment(found.to_string()));
        } else if !followed.flow.label.class.is_fact() {
            self.error(Part::Until, PlanErrorKind::NotAFact);
        }
        // A moment that is too far ahead ends the run.
        self.failing = self.failing.join(followed.flow.any_marks());
    }

    /// What a `[[cancel]]` compares is known when the run begins.
    pub(super) fn cancels(&mut self) {
        let plan = self.plan();
        for (place, cancel) in plan.cancels.iter().enumerate() {
            self.fact_key(&cancel.equals, &Part::Cancel(place));
            if !is_facts(&cancel.on) || !cancel.on.fields.contains_key(cancel.key.as_str()) {
                self.error(Part::Cancel(place), PlanErrorKind::NotAFact);
            }
        }
    }
}

/// Events that are not triggers become facts of the journal, so nothing else may come with them.
fn is_facts(event: &Event) -> bool {
    event.fields.values().all(|field| field.class.is_fact() && field.shape.fits_reference())
}
