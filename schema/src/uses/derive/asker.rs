//! Which part of a plan asks for a use: for who reads that nobody approved it.

use std::collections::BTreeMap;

use super::Derived;
use crate::class::Class;
use crate::client::ClientFacts;
use crate::flow::Flows;
use crate::id::Name;
use crate::plan::Plan;
use crate::uses::DataUse;

/// A part of a plan that asks for a use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asker {
    /// What starts it.
    Trigger,
    /// A `[[cancel]]`, by position.
    Cancel(usize),
    /// A step.
    Step(Name),
}

/// The parts of a plan that ask for a use, each with the fields that it asks for, in the order of the plan. What is derived
/// of the plan as a whole has none: who decides, what the catalog says, released bits.
pub fn askers(
    plan: &Plan,
    client: &ClientFacts,
    flows: &Flows,
    wanted: &DataUse,
) -> Vec<(Asker, BTreeMap<String, Class>)> {
    let derived = || Derived { plan, client, uses: Vec::new() };
    let trigger = {
        let mut found = derived();
        found.trigger();
        asked(found.uses, wanted).map(|fields| (Asker::Trigger, fields))
    };
    let cancels = plan.cancels.iter().enumerate().filter_map(|(place, cancel)| {
        let mut found = derived();
        found.event(&cancel.on);
        Some((Asker::Cancel(place), asked(found.uses, wanted)?))
    });
    let steps = plan.every_step().filter_map(|step| {
        let mut found = derived();
        found.step(step, flows.step(step.id.as_str())?);
        Some((Asker::Step(step.id.clone()), asked(found.uses, wanted)?))
    });
    trigger.into_iter().chain(cancels).chain(steps).collect()
}

/// The fields of those of some uses that are part of another. Uses that differ in nothing but fields are one.
fn asked(uses: Vec<DataUse>, wanted: &DataUse) -> Option<BTreeMap<String, Class>> {
    let same = |one: &DataUse| DataUse { fields: wanted.fields.clone(), ..one.clone() } == *wanted;
    let fields = uses.into_iter().filter(same).map(|one| one.fields);
    fields.reduce(|mut all, more| {
        all.extend(more);
        all
    })
}
