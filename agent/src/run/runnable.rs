//! Plans are made ready to run when somebody asks for them, and stay so while somebody holds them or used them lately.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, Weak};

use super::compiled::{Compiled, NotRunnable};
use super::lock;
use crate::kept::KeptPlan;

/// The bytes of the plans that stay ready although nobody holds them. What is made of them takes some twenty times as much.
const RECENT_BYTES: usize = 256 << 10;

/// A plan of which it is known that it can run.
pub struct Runnable {
    kept: Arc<KeptPlan>,
    ready: Mutex<Weak<Compiled>>,
}

impl Runnable {
    /// Makes the plan ready once, to know that it can run.
    ///
    /// # Errors
    /// As [`Compiled::new`].
    pub fn new(kept: Arc<KeptPlan>) -> Result<Self, NotRunnable> {
        compile(&kept)?;
        Ok(Self { kept, ready: Mutex::default() })
    }

    /// The plan as it is kept.
    pub fn kept(&self) -> &Arc<KeptPlan> {
        &self.kept
    }

    /// The plan, ready to run. Nothing when its bytes are no longer those that were verified.
    pub fn ready(&self, recent: &Recent) -> Option<Arc<Compiled>> {
        let mut ready = lock(&self.ready);
        if let Some(there) = ready.upgrade() {
            return Some(there);
        }
        let made = Arc::new(compile(&self.kept).ok()?);
        *ready = Arc::downgrade(&made);
        recent.hold(Arc::clone(&made), self.kept.size());
        Some(made)
    }
}

fn compile(kept: &KeptPlan) -> Result<Compiled, NotRunnable> {
    Compiled::new(Arc::new(kept.read().ok_or(NotRunnable)?), kept.digest)
}

/// The plans that were made ready last: for the next events, which come soon or not at all.
#[derive(Default)]
pub struct Recent(Mutex<Held>);

#[derive(Default)]
struct Held {
    plans: VecDeque<(Arc<Compiled>, usize)>,
    bytes: usize,
}

impl Recent {
    fn hold(&self, plan: Arc<Compiled>, size: usize) {
        let mut held = lock(&self.0);
        held.plans.push_back((plan, size));
        held.bytes = held.bytes.saturating_add(size);
        while held.bytes > RECENT_BYTES && held.plans.len() > 1 {
            let Some((_, size)) = held.plans.pop_front() else { return };
            held.bytes = held.bytes.saturating_sub(size);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runnable() -> Runnable {
        let plan: assent_schema::plan::Plan =
            serde_json::from_slice(include_bytes!("../../tests/plans/acme.refund.plan.json")).unwrap();
        Runnable::new(Arc::new(KeptPlan::of(&plan).unwrap())).unwrap_or_else(|_| panic!("a plan that runs"))
    }

    #[test]
    fn a_plan_is_made_once_while_it_is_held_or_recent() {
        let (recent, plan) = (Recent::default(), runnable());
        let first = Arc::downgrade(&plan.ready(&recent).unwrap());
        assert!(Arc::ptr_eq(&first.upgrade().unwrap(), &plan.ready(&recent).unwrap()), "recent");
        let other = Recent::default();
        drop(recent);
        assert!(first.upgrade().is_none(), "nobody holds it");
        let held = plan.ready(&other).unwrap();
        drop(other);
        assert!(Arc::ptr_eq(&held, &plan.ready(&Recent::default()).unwrap()), "held");
    }

    #[test]
    fn only_so_many_bytes_of_plans_stay() {
        let recent = Recent::default();
        let size = runnable().kept.size();
        let made: Vec<_> = (0..RECENT_BYTES / size + 9).map(|_| runnable()).collect();
        let weak: Vec<_> = made.iter().map(|plan| Arc::downgrade(&plan.ready(&recent).unwrap())).collect();
        let there = weak.iter().filter(|plan| plan.upgrade().is_some()).count();
        assert_eq!(there, RECENT_BYTES / size);
        assert!(weak.last().unwrap().upgrade().is_some() && weak[0].upgrade().is_none());
    }
}
