//! What decides whether a step runs, and how it can be turned.

use assent_schema::expr::{Path, Program, reads};
use assent_schema::id::{Name, OperationRef};
use assent_schema::plan::{Action, Step};
use assent_schema::shape::{Field, Shape};

use super::values::{answers, constants, holes, values};
use super::{COMES, Draft, Failing, No, Place, REFUSED, Search, TRIES};

impl<'a> Search<'a> {
    /// Other values for all that decides whether a step runs: its own condition, and those of the steps that end the run or
    /// the item before it.
    pub(super) fn conditions(&self, step: &Step, parent: &Draft) -> Vec<Draft> {
        let mut deciding: Vec<&Step> = vec![step];
        // What stands inside an `each` runs where that does.
        match self.plan.steps.iter().find(|each| each.inner().iter().any(|inner| inner.id == step.id)) {
            Some(each) => {
                deciding.extend(stops_before(each.inner(), &step.id));
                deciding.push(each);
                deciding.extend(stops_before(&self.plan.steps, &each.id));
            }
            None => deciding.extend(stops_before(&self.plan.steps, &step.id)),
        }
        let whens: Vec<&str> = deciding.into_iter().filter_map(|step| Some(step.when.as_ref()?.0.as_str())).collect();
        let mut knobs: Vec<Knob> = Vec::new();
        for when in whens {
            self.knobs(when, &mut knobs, 0);
        }
        let mut ways: Vec<Draft> = vec![Draft { asked: None, ..parent.clone() }];
        // One after the other first, then together.
        let mut single = Vec::new();
        for knob in knobs.iter().take(6) {
            let turned = knob.turns.iter().map(|turn| turn.on(parent));
            single.extend(turned.clone());
            let together: Vec<Draft> =
                ways.iter().flat_map(|way| knob.turns.iter().map(|turn| turn.on(way))).take(TRIES * 2).collect();
            ways.extend(together);
            ways.truncate(TRIES * 3);
        }
        single.into_iter().chain(ways.into_iter().rev()).collect()
    }

    /// What a condition reads, each with the values that may make it another.
    fn knobs(&self, text: &str, knobs: &mut Vec<Knob>, depth: usize) {
        let Ok(program) = Program::parse(text) else { return };
        let constants = constants(text);
        for read in reads(&program) {
            self.knob(&read.path, &constants, knobs, depth);
        }
    }

    fn knob(&self, path: &Path, constants: &[String], knobs: &mut Vec<Knob>, depth: usize) {
        let field = path.fields.first().map_or("", |name| name.as_str());
        let mut turns = Vec::new();
        if path.root.as_str() == "trigger" {
            let shape = self.plan.trigger.fields().and_then(|fields| fields.get(field));
            turns.extend(
                shape
                    .into_iter()
                    .flat_map(|shape| values(shape, constants))
                    .map(|value| Turn::Value(("trigger".to_owned(), field.to_owned()), value)),
            );
        }
        // An item is of the list that its step walks.
        let walked =
            self.plan.steps.iter().find(|step| matches!(&step.action, Action::Each(each) if each.item == path.root));
        if let Some(Action::Each(each)) = walked.map(|step| &step.action)
            && let Ok(program) = Program::parse(&each.over.0)
            && let Some(list) = reads(&program).into_iter().next().map(|read| read.path)
            && let Some((operation, shape)) = self.response(&list)
            && let Shape::List { of, .. } = &shape.shape
            && let Shape::Record { fields } = &of.shape
            && let Some(shape) = fields.get(field)
        {
            let place = (operation.to_string(), format!("item.{field}"));
            turns.extend(values(shape, constants).into_iter().map(|value| Turn::Value(place.clone(), value)));
        }
        if let Some(step) = self.plan.step(path.root.as_str()) {
            match &step.action {
                Action::Call { operation, .. } => {
                    if let Some((_, shape)) = self.response(path) {
                        let place = (operation.to_string(), field.to_owned());
                        turns.extend(
                            values(shape, constants).into_iter().map(|value| Turn::Value(place.clone(), value)),
                        );
                    }
                    turns.extend(
                        [404, 409, 422].map(|status| Turn::Fails(operation.to_string(), Failing::Status(status))),
                    );
                    if depth < 3
                        && let Some(when) = &step.when
                    {
                        self.knobs(&when.0, knobs, depth + 1);
                    }
                }
                Action::Ask { answer, .. } => {
                    let place = (step.id.to_string(), field.to_owned());
                    turns.extend(
                        answer.get(field).into_iter().flat_map(answers).map(|value| Turn::Value(place.clone(), value)),
                    );
                    turns.push(Turn::Fails(step.id.to_string(), REFUSED));
                }
                Action::Decide { .. } => {
                    turns.extend([Some(No), None].map(|choice| Turn::Decides(step.id.clone(), choice)));
                    if depth < 3
                        && let Some(when) = &step.when
                    {
                        self.knobs(&when.0, knobs, depth + 1);
                    }
                }
                Action::Wait { .. } => {
                    turns.push(Turn::Comes(None));
                    turns.extend(COMES.map(|comes| Turn::Comes(Some(comes))));
                }
                Action::Each(_) => turns.extend([0, 2].map(Turn::Items)),
                Action::Set { values } if depth < 3 => {
                    for text in values.get(field).into_iter().flat_map(holes) {
                        self.knobs(&text, knobs, depth + 1);
                    }
                }
                Action::Set { .. } | Action::Stop { .. } => {}
            }
        }
        if !turns.is_empty() {
            knobs.push(Knob { turns });
        }
    }

    fn response(&self, path: &Path) -> Option<(&'a OperationRef, &'a Field)> {
        let Action::Call { operation, .. } = &self.plan.step(path.root.as_str())?.action else { return None };
        let field = self.plan.operations.get(operation)?.response.get(path.fields.first()?.as_str())?;
        Some((operation, field))
    }
}

/// The steps of a level that may end the run or the item before a step.
fn stops_before<'p>(level: &'p [Step], step: &Name) -> Vec<&'p Step> {
    let before = level.iter().take_while(|other| other.id != *step);
    before.filter(|other| matches!(other.action, Action::Stop { .. })).collect()
}

/// Something that can be turned so that a condition becomes another.
struct Knob {
    turns: Vec<Turn>,
}

enum Turn {
    Value(Place, String),
    Fails(String, Failing),
    Decides(Name, Option<No>),
    Comes(Option<&'static str>),
    Items(usize),
}

impl Turn {
    fn on(&self, draft: &Draft) -> Draft {
        let mut draft = Draft { asked: None, ..draft.clone() };
        match self {
            Self::Value(place, value) => drop(draft.values.insert(place.clone(), value.clone())),
            Self::Fails(whose, how) => {
                draft.fails.insert(whose.clone(), (0, *how));
            }
            Self::Decides(step, choice) => {
                draft.decides.insert(step.clone(), *choice);
            }
            Self::Comes(comes) => draft.comes = *comes,
            Self::Items(items) => draft.items = Some(*items),
        }
        draft
    }
}
