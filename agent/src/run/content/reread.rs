//! What a run read, read again for a person who looks: live, and kept nowhere.
//!
//! Only reads that the catalog says may be done again, of steps that were done; what was read from other content, what an AI
//! answered and what the event brought is gone.
//!
//! # Source
//! engine.md section 8, `--reread`. Promises P01, P10.

use std::collections::BTreeMap;

use assent_schema::canon;
use assent_schema::expr::Value;
use assent_schema::id::{Name, OperationRef};
use assent_schema::plan::Effect;

use crate::content::Content;
use crate::run::compiled::{CompiledAction, CompiledCall, CompiledStep};
use crate::run::content::codec;
use crate::run::content::values::Values;
use crate::run::life::hours::Hours;
use crate::run::life::progress::{Progress, Stand};
use crate::run::life::resume;
use crate::run::request::outside_runs::Beside;
use crate::run::{Compiled, Deployed, Engine, NotLooked};
use crate::store::{Accepted, Entry, Fact, RunId, Store, StoreError};
use crate::world::World;

/// What one step's read says now. Holds content, so it has no `Debug`.
pub struct Reread {
    /// The step.
    pub step: Name,
    /// What was called.
    pub operation: OperationRef,
    /// Canonical JSON of an object from field to value, or why there is none, as a code.
    pub found: Result<Content<Vec<u8>>, String>,
}

impl<W: World, S: Store, D: Deployed> Engine<W, S, D> {
    /// Reads again what a run read, in the order of its steps. Nothing where the run or its plan is not here.
    ///
    /// Who may see it, and that they did, is the caller's to look at first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn reread(&self, run: RunId) -> Result<Option<Vec<Reread>>, StoreError> {
        let rows = self.store.journal(run)?;
        let Some((at, Entry::Accepted(accepted))) = rows.first().map(|row| (row.at, &row.entry)) else {
            return Ok(None);
        };
        let plan = self.deployed.plan(&accepted.plan);
        let (Some(compiled), Some(facts)) = (plan, self.deployed.client(&accepted.client)) else { return Ok(None) };
        let trigger = accepted.fields.iter().map(|(name, fact)| (name.clone(), Value::from(fact))).collect();
        let hours = self.hours_of_then(accepted, &facts).unwrap_or_else(|| Hours::of(&facts));
        let mut values = resume::values(&hours, at, Value::Record(trigger), self.pseudonyms(&accepted.client));
        let progress = Progress::replay(&rows);
        let mut found = Vec::new();
        for step in &compiled.steps {
            let stand = progress.stand(&step.id);
            match (&step.action, stand) {
                (CompiledAction::Call(call), Some(Stand::Done { .. })) if is_read(call) => {
                    let one = self.read_once_more((run, accepted), step, call, &values, &compiled).await;
                    let shown = one.as_ref().map_err(Clone::clone).and_then(|fields| {
                        let json: serde_json::Map<_, _> =
                            fields.iter().map(|(name, value)| (name.to_string(), codec::to_json(value))).collect();
                        canon::to_bytes(&json).map(Content::new).or(Err("cannot_be_shown".to_owned()))
                    });
                    found.push(Reread { step: step.id.clone(), operation: call.name.clone(), found: shown });
                    if let Ok(fields) = one {
                        values.steps.insert(step.id.clone(), Value::Record(fields));
                    }
                }
                // What later reads may go by: the facts that the journal keeps.
                (_, Some(Stand::Done { kept: facts, .. })) => {
                    drop(values.steps.insert(step.id.clone(), Value::Record(known(facts))));
                }
                (_, Some(Stand::Answered { ended, facts })) => {
                    values.steps.insert(step.id.clone(), resume::answer_value(*ended, known(facts)));
                }
                _ => {}
            }
        }
        Ok(Some(found))
    }

    async fn read_once_more(
        &self,
        (run, accepted): (RunId, &Accepted),
        step: &CompiledStep,
        call: &CompiledCall,
        values: &Values,
        compiled: &Compiled,
    ) -> Result<BTreeMap<Name, Value>, String> {
        let arguments = values.parts(&call.with).or(Err("rests_on_what_is_not_kept".to_owned()))?;
        let missing =
            call.operation.params.iter().any(|(name, param)| !param.optional && !arguments.contains_key(name));
        if missing {
            return Err("rests_on_what_is_not_kept".to_owned());
        }
        let about = Beside {
            client: &accepted.client,
            workflow: &accepted.workflow,
            plan: accepted.plan,
            run,
            step: &step.id,
            item: None,
            attempt: 1,
        };
        self.beside(compiled, &call.name, &arguments, about).await.map_err(|why| match why {
            NotLooked::NotNow => "not_permitted_now".to_owned(),
            NotLooked::Resting => "connection_rests".to_owned(),
            NotLooked::Failed { code, .. } => code,
        })
    }
}

fn is_read(call: &CompiledCall) -> bool {
    call.operation.effect == Effect::None && call.operation.reread
}

fn known(facts: &BTreeMap<Name, Fact>) -> BTreeMap<Name, Value> {
    facts.iter().map(|(field, fact)| (field.clone(), Value::from(fact))).collect()
}
