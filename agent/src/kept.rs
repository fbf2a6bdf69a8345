//! Verified plans as they are kept: their bytes, of which a plan is read again, and the little that is asked for all the time.
//!
//! A plan that was read takes some twenty times the memory of its bytes, and nobody asks for most plans most of the time.

use std::collections::BTreeSet;

use assent_schema::canon::{self, CanonError, Digest};
use assent_schema::id::{ClientId, ConnectionId, WorkflowId};
use assent_schema::plan::{Action, Plan, Trigger};
use assent_schema::time::Period;

/// A plan by its bytes.
#[derive(Debug)]
pub struct KeptPlan {
    /// Its name: SHA-256 of the bytes.
    pub digest: Digest,
    /// Whose it is.
    pub client: ClientId,
    /// Which workflow.
    pub workflow: WorkflowId,
    /// The AI models that it asks.
    pub asks: Box<[ConnectionId]>,
    /// What is looked for while nothing of it runs.
    pub looks: Looks,
    /// Its canonical bytes, of which it is read again only while they are those that the name says.
    pub bytes: Box<[u8]>,
}

impl KeptPlan {
    /// Keeps a plan that was read from canonical bytes.
    pub fn new(plan: &Plan, digest: Digest, bytes: &[u8]) -> Self {
        let asks: BTreeSet<&ConnectionId> = plan
            .every_step()
            .filter_map(|step| match &step.action {
                Action::Ask { connection, .. } => Some(connection),
                Action::Call { .. }
                | Action::Decide { .. }
                | Action::Set { .. }
                | Action::Each(_)
                | Action::Wait { .. }
                | Action::Stop { .. } => None,
            })
            .collect();
        Self {
            digest,
            client: plan.client.clone(),
            workflow: plan.workflow.clone(),
            asks: asks.into_iter().cloned().collect(),
            looks: Looks::of(plan),
            bytes: bytes.into(),
        }
    }

    /// Keeps a plan by the bytes that it has itself.
    ///
    /// # Errors
    /// As [`Plan::to_bytes`].
    pub fn of(plan: &Plan) -> Result<Self, CanonError> {
        let (bytes, digest) = plan.to_bytes()?;
        Ok(Self::new(plan, digest, &bytes))
    }

    /// Reads the plan again. Nothing when the bytes are not those that its digest names: memory that broke runs nothing.
    pub fn read(&self) -> Option<Plan> {
        if Digest::of_file(&self.bytes) != self.digest {
            return None;
        }
        canon::from_bytes(&self.bytes).ok()
    }

    /// How many bytes it has.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }
}

/// What the agent looks for by itself, again and again, for a workflow of which nothing runs.
#[derive(Clone, Debug, Default)]
pub struct Looks {
    /// The trigger, if it is a schedule.
    pub schedule: Option<Trigger>,
    /// How often a list is read.
    pub list: Option<Period>,
    /// Whether files are taken from a folder.
    pub folder: bool,
    /// The chats and helpdesks that people are asked through.
    pub chats: Box<[ConnectionId]>,
}

impl Looks {
    /// What is looked for because of a plan.
    pub fn of(plan: &Plan) -> Self {
        Self {
            schedule: matches!(plan.trigger, Trigger::Schedule { .. }).then(|| plan.trigger.clone()),
            list: plan.trigger.poll().map(|poll| poll.every),
            folder: matches!(plan.trigger, Trigger::Inbox { .. }),
            chats: plan.chats.keys().cloned().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_read_again_from_the_bytes_that_its_digest_names_alone() {
        let bytes = include_bytes!("../tests/plans/acme.refund.plan.json");
        let plan: Plan = serde_json::from_slice(bytes).unwrap();
        let (bytes, digest) = plan.to_bytes().unwrap();
        let kept = KeptPlan::of(&plan).unwrap();
        assert_eq!((kept.read(), kept.size()), (Some(plan.clone()), bytes.len()));
        // Another plan that would be read: one letter of its summary is another.
        let at = bytes.windows(10).position(|here| here == b"\"summary\":").unwrap();
        let mut bent = bytes.clone();
        bent[at + 11] = b'X';
        assert!(canon::from_bytes::<Plan>(&bent).is_ok() && bent != bytes);
        assert!(KeptPlan::new(&plan, digest, &bent).read().is_none());
    }
}
