//! By whose clock days and local times of a workflow are read: the catalog leaves it to the client where it names no zone.

use std::collections::BTreeMap;

use assent_schema::id::Name;
use assent_schema::plan::{Action, Argument, Operation, Plan, Step, Until};
use assent_schema::shape::{Clock, Field, Shape};

/// Says of everything in a plan that it is the client's clock, where nobody said whose it is. Of its operations it was said when
/// they were made.
pub(super) fn settle(plan: &mut Plan, client: &Clock) {
    plan.trigger.fields_mut().into_iter().for_each(|declared| fields(declared, client));
    plan.cancels.iter_mut().for_each(|cancel| fields(&mut cancel.on.fields, client));
    plan.steps.iter_mut().for_each(|one| step(one, client));
}

/// The same of an operation.
pub(super) fn settle_operation(operation: &mut Operation, client: &Clock) {
    operation.params.values_mut().for_each(|param| shape(&mut param.shape, client));
    fields(&mut operation.response, client);
}

fn step(step: &mut Step, client: &Clock) {
    match &mut step.action {
        Action::Call { with, .. } | Action::Ask { with, .. } | Action::Set { values: with } => {
            for given in with.values_mut() {
                argument(given, client);
            }
        }
        Action::Each(each) => each.steps.iter_mut().for_each(|inner| self::step(inner, client)),
        Action::Wait { until: Until::Event(awaited) } => fields(&mut awaited.on.fields, client),
        Action::Wait { .. } | Action::Decide { .. } | Action::Stop { .. } => {}
    }
}

fn argument(given: &mut Argument, client: &Clock) {
    match given {
        Argument::Boolean(_) | Argument::Integer(_) | Argument::Template(_) => {}
        Argument::List(items) => items.iter_mut().for_each(|item| argument(item, client)),
        Argument::Text(text) => text.text.holes.values_mut().for_each(|hole| shape(&mut hole.shape, client)),
        Argument::Record(members) => members.values_mut().for_each(|member| argument(member, client)),
    }
}

fn fields(fields: &mut BTreeMap<Name, Field>, client: &Clock) {
    for field in fields.values_mut() {
        shape(&mut field.shape, client);
    }
}

fn shape(of: &mut Shape, client: &Clock) {
    match of {
        Shape::Instant { wire } => wire.settle(client),
        Shape::List { most: _, of } => shape(&mut of.shape, client),
        Shape::Record { fields: members } => fields(members, client),
        Shape::Text { .. }
        | Shape::Token {}
        | Shape::Uuid {}
        | Shape::Integer {}
        | Shape::Decimal {}
        | Shape::Boolean {}
        | Shape::Money { .. }
        | Shape::OneOf { .. } => {}
    }
}
