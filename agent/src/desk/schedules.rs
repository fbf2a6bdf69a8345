//! Scheduled times become runs; the cursor moves in the transaction that accepts.

use std::time::Duration;

use assent_schema::alert::Rule;
use assent_schema::canon::Digest;
use assent_schema::id::{ClientId, WorkflowId};
use assent_schema::time::Moment;
use tokio::sync::watch;

use super::{FrontDesk, Registry};
use crate::accept::Schedule;
use crate::accept::schedule::{Start, cursor_name, delivery_key, move_cursor, read_cursor};
use crate::listen::Receipt;
use crate::run::{Deployed, NewRun};
use crate::store::{Alert, Store, StoreError, Transaction, TriggerKind, Write};
use crate::world::{Clock as _, World};

/// The longest time between two looks: releases bring new schedules, and clocks are set.
const LOOK_MOST: Duration = Duration::from_secs(20);

impl<W: World, S: Store, D: Deployed, R: Registry> FrontDesk<W, S, D, R> {
    /// Begins runs as their times come, until `stop` becomes true.
    pub async fn keep_schedules(&self, mut stop: watch::Receiver<bool>) {
        loop {
            let next = self.look_at_schedules().await;
            let now = self.world.clock().now();
            let until = next.map_or(LOOK_MOST, |next| crate::world::Wall::from(next).since(now));
            tokio::select! {
                () = self.world.clock().sleep(until.min(LOOK_MOST)) => {}
                _ = stop.wait_for(|stopped| *stopped) => return,
            }
        }
    }

    /// Looks once at all schedules; when the next time comes.
    pub async fn look_at_schedules(&self) -> Option<Moment> {
        let mut first = None;
        for (client, workflow) in self.registry.active() {
            let looks = self.deployed.looks(&client, &workflow);
            let schedule = looks.and_then(|looks| looks.schedule).as_ref().and_then(Schedule::of);
            let Some(schedule) = schedule else { continue };
            match self.look_at(&client, &workflow, &schedule).await {
                Ok(next) => first = [first, next].into_iter().flatten().min(),
                Err(_) => {
                    tracing::error!(%client, %workflow, code = "not_durable", "schedule not kept; tried again soon");
                }
            }
        }
        first
    }

    async fn look_at(
        &self,
        client: &ClientId,
        workflow: &WorkflowId,
        schedule: &Schedule,
    ) -> Result<Option<Moment>, StoreError> {
        let now = self.world.clock().now().moment();
        let store = self.engine.store();
        let cursor = store.state(&cursor_name(client, workflow))?.as_deref().and_then(read_cursor);
        let line = schedule.line();
        let cursor = match schedule.start(cursor) {
            Start::After(at) => at,
            Start::Unmarked(at) => {
                self.move_to(client, workflow, line, at, None).await?;
                at
            }
            Start::Now => {
                // A new schedule, or another line of one, begins now; nothing before that was missed.
                self.move_to(client, workflow, line, now, None).await?;
                return Ok(schedule.due(now, now).next);
            }
        };
        let due = schedule.due(cursor, now);
        for time in &due.times {
            if !self.run_for(client, workflow, line, *time).await? {
                // Not now, as when the client has too many runs: the cursor stays, and the times wait.
                return Ok(None);
            }
        }
        if due.skipped {
            let alert = Alert::of(Rule::MissedSchedule, Some(client), "skipped").in_workflow(workflow);
            self.move_to(client, workflow, line, now, Some(alert)).await?;
        }
        Ok(due.next)
    }

    async fn move_to(
        &self,
        client: &ClientId,
        workflow: &WorkflowId,
        line: Digest,
        to: Moment,
        alert: Option<Alert>,
    ) -> Result<(), StoreError> {
        let mut transaction = Transaction::new(self.world.clock().now()).with(move_cursor(client, workflow, line, to));
        transaction.writes.extend(alert.map(Write::Alert));
        self.engine.store().commit(transaction).await
    }

    /// Begins the run of one time. False when it cannot begin now.
    async fn run_for(
        &self,
        client: &ClientId,
        workflow: &WorkflowId,
        line: Digest,
        time: Moment,
    ) -> Result<bool, StoreError> {
        let new = NewRun {
            client: client.clone(),
            workflow: workflow.clone(),
            trigger: TriggerKind::Schedule,
            event: time.to_string(),
            keys: vec![delivery_key(client, workflow, time)],
            fields: std::collections::BTreeMap::new(),
            writes: vec![move_cursor(client, workflow, line, time)],
        };
        match self.drive(self.engine.begin(new)).await {
            Receipt::Accepted(_) => Ok(true),
            // Accepted before, as after a crash of another kind, or never to be: the cursor moves on alone.
            Receipt::Duplicate(_)
            | Receipt::Refused(_)
            | Receipt::Ignored
            | Receipt::Heard
            | Receipt::Challenge(_)
            | Receipt::Unknown => {
                self.move_to(client, workflow, line, time, None).await?;
                Ok(true)
            }
            Receipt::Busy { .. } | Receipt::Unavailable => Ok(false),
        }
    }
}
