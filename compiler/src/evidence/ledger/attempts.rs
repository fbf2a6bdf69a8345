//! Whether the attempts of a step are as many as its plan allows, and one after the other.
//!
//! # Source
//! engine.md section 3, "Effects" and "Failing". Promise P18.

use std::collections::BTreeMap;

use assent_schema::id::{Name, OperationRef};
use assent_schema::ledger::Entry;
use assent_schema::ledger::kind::Intent;
use assent_schema::plan::{Action, Effect, MESSAGE_TRIES_MOST, Plan, Retry};

/// A token that was not taken costs no attempt, once.
const RENEWED: u32 = 1;

/// What a step asks, for one item.
type Asked = (Name, Option<String>, OperationRef);

/// The attempts of one run.
#[derive(Default)]
pub(super) struct Attempts {
    /// The first that was told of, and the last.
    told: BTreeMap<Asked, (u32, u32)>,
    /// How often the agent came up since the run began: each time, one attempt more may follow.
    restarts: u32,
    /// Whether the run goes on with another, whose attempts count on.
    pub(super) goes_on: bool,
}

impl Attempts {
    /// The agent came up again while the run was under way.
    pub(super) fn restarted(&mut self) {
        self.restarts = self.restarts.saturating_add(1);
    }

    /// Takes the next attempt of a run that is known whole.
    ///
    /// # Errors
    /// Why it could not be, as a part of a sentence.
    pub(super) fn take(&mut self, entry: &Entry, intent: &Intent, plan: &Plan) -> Result<(), String> {
        let Some(step) = &entry.step else { return Ok(()) };
        let Some(action) = plan.step(step.as_str()).map(|step| &step.action) else { return Ok(()) };
        let Some(attempt) = entry.attempt else { return Err("without the number of the attempt".to_owned()) };
        let Of { own, effect, most } = Of::this(action, &intent.operation, plan);
        let asked = (step.clone(), entry.item.as_ref().map(ToString::to_string), intent.operation.clone());
        let told = self.told.get(&asked).copied();
        let (first, last) = told.unwrap_or((attempt, 0));
        let (first, last) = if self.goes_on { (first, last.max(first.saturating_sub(1))) } else { (1, last) };
        self.told.insert(asked, (first, attempt.max(1)));
        // What a run goes on with had its attempts before; one more follows.
        let before = first.saturating_sub(1);
        let most = most.max(before.saturating_add(1)).saturating_add(RENEWED).saturating_add(self.restarts);
        if attempt > most {
            return Err(format!("as attempt {attempt}, and no more than {most} could be"));
        }
        let follows = attempt == last.saturating_add(1);
        match (own, effect, follows) {
            // What is asked besides counts for itself each time.
            (false, ..) | (true, _, true) => Ok(()),
            // A read begins anew when what it read is needed again.
            (true, false, false) if attempt == 1 => Ok(()),
            _ if last == 0 => Err(format!("as attempt {attempt}, and no entry tells of one before")),
            _ => Err(format!("as attempt {attempt}, and the one before was attempt {last}")),
        }
    }
}

/// What is known of an operation at a step.
struct Of {
    /// Whether it is what the step is there for.
    own: bool,
    /// Whether it changes something.
    effect: bool,
    /// The most attempts.
    most: u32,
}

impl Of {
    fn this(action: &Action, wanted: &OperationRef, plan: &Plan) -> Self {
        let called = plan.operations.get(wanted);
        let effect = called.is_some_and(|called| called.effect != Effect::None);
        let aside = called.and_then(|called| called.retry).unwrap_or(Retry::DEFAULT).attempts;
        match action {
            _ if plan.tells(wanted) => Self { own: false, effect, most: MESSAGE_TRIES_MOST.max(aside) },
            Action::Call { operation, retry, .. } if operation == wanted => {
                Self { own: true, effect, most: retry.attempts.max(if effect { 0 } else { aside }) }
            }
            // A job is asked for under the number of the attempt that began it.
            Action::Call { retry, .. } => Self { own: false, effect, most: aside.max(retry.attempts) },
            Action::Ask { connection, limit, .. } if *connection == wanted.connection => {
                Self { own: true, effect: false, most: limit.tries.max(1) }
            }
            _ => Self { own: false, effect, most: aside },
        }
    }
}
