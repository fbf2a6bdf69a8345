//! What guardrails counted is what the runs' journals say, wherever the machine died: no effect is uncounted, none counts twice.

use std::collections::BTreeMap;

use assent_agent::store::{Aim, Entry, Memory, RunFilter, Store as _};

use crate::story::Story;

impl Story<'_> {
    /// Each effect counts what its last attempt says; the sums are these and no more. What was done is among them.
    pub(crate) fn check_guards(&self, store: &Memory) {
        let mut counted = BTreeMap::new();
        for line in store.runs(&RunFilter { most: 10, ..RunFilter::default() }).expect("read") {
            for row in store.journal(line.run).expect("read") {
                let Entry::Intent(intent) = row.entry else { continue };
                if intent.aim == Aim::Step {
                    counted.insert((line.run, intent.step, intent.item), (intent.operation, intent.counted));
                }
            }
        }
        let mut wanted: BTreeMap<String, i64> = BTreeMap::new();
        for (name, count) in counted.values().flat_map(|(_, counted)| counted) {
            *wanted.entry(name.clone()).or_default() += count;
        }
        let mut sums: BTreeMap<String, i64> = store.sums("guard/").expect("read").into_iter().collect();
        sums.retain(|_, sum| *sum != 0);
        assert_eq!(sums, wanted, "{}: sums of guardrails", self.scenario.name);
        for guardrail in &self.workflow.facts.guardrails {
            let done = self.seen.done().iter().filter(|done| done.operation == guardrail.operation).count();
            let counted = counted.values().filter(|(of, counted)| *of == guardrail.operation && !counted.is_empty());
            let bounds = guardrail.per_day.is_some() || guardrail.per_day_count.is_some();
            assert!(!bounds || done <= counted.count(), "{}: an effect is uncounted", self.scenario.name);
        }
    }
}
