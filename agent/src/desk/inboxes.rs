//! Files become runs: each folder is looked at again and again, and what was taken is set aside once it is durable.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use assent_schema::alert::Rule;
use assent_schema::canon::Digest;
use assent_schema::id::{ClientId, Name, WorkflowId};
use assent_schema::plan::{AfterFile, Trigger};
use tokio::sync::{Notify, watch};

use super::minds::{ACCEPTED, Aside, Minds, REFUSED, Watcher};
use super::{FrontDesk, Registry};
use crate::accept::event::{self, Taken};
use crate::accept::inbox::{FILE_MOST_BYTES, FILES_MOST, delivery_key, former_key, known_by};
use crate::listen::Receipt;
use crate::run::{Compiled, Deployed, NewRun};
use crate::store::{Alert, Log, Note, Store, StoreError, Transaction, TriggerKind, Write};
use crate::world::{Clock as _, DiskFailure, Inboxes, World};

/// The longest time between two looks; the watch wakes us earlier.
const LOOK_MOST: Duration = Duration::from_secs(10);
/// How soon a file that is being written is looked at again.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// `agent.toml` names no root of inboxes.
const NO_ROOT: &str = "no_root";
/// The folder of a workflow is not there.
const NO_FOLDER: &str = "no_folder";
/// It holds more files than are kept in mind.
const TOO_MANY: &str = "too_many_files";
/// What is so until somebody changes it, other than a file that was refused.
const STANDING: [&str; 6] = [NO_ROOT, NO_FOLDER, TOO_MANY, "bad_path", "disk_broken", "disk_full"];
/// How many digits of a file's digest tell it from another of its name.
const MARK_LENGTH: usize = 16;

/// What became of a file.
enum Took {
    /// It cannot be taken now.
    NotNow,
    /// It stays where it is.
    Stays,
    /// It goes from there.
    Goes(Aside),
}

/// Why a folder could not be looked at.
enum Broken {
    Disk(DiskFailure),
    Store(StoreError),
}

impl Broken {
    fn code(&self) -> &'static str {
        match self {
            Self::Disk(why) => why.code(),
            Self::Store(StoreError::Full) => "disk_full",
            Self::Store(_) => "not_durable",
        }
    }
}

impl<W: World, S: Store, D: Deployed, R: Registry> FrontDesk<W, S, D, R> {
    /// Looks at all folders until `stop` becomes true: every few seconds, and whenever `wake` says that one changed.
    pub async fn keep_inboxes(
        &self,
        inboxes: Option<Arc<impl Inboxes>>,
        wake: Arc<Notify>,
        mut stop: watch::Receiver<bool>,
    ) {
        let mut minds = Minds::new();
        loop {
            let soon = self.look_at_inboxes(inboxes.as_deref(), &mut minds).await;
            let rest = if soon { LOOK_AGAIN } else { LOOK_MOST };
            tokio::select! {
                () = self.world.clock().sleep(rest) => {}
                () = wake.notified() => {}
                _ = stop.wait_for(|stopped| *stopped) => return,
            }
        }
    }

    /// Looks once at all folders. Whether some should be looked at again soon.
    pub async fn look_at_inboxes(&self, inboxes: Option<&impl Inboxes>, minds: &mut Minds) -> bool {
        let (mut soon, mut troubles, mut watchers) = (false, Vec::new(), Vec::new());
        for (client, workflow) in self.registry.active() {
            if !self.deployed.looks(&client, &workflow).is_some_and(|looks| looks.folder) {
                continue;
            }
            let Some(compiled) = self.deployed.active(&client, &workflow) else { continue };
            let Trigger::Inbox { folder, pattern, .. } = &compiled.plan.trigger else { continue };
            let Some(inboxes) = inboxes else {
                troubles.push(alert(&client, &workflow, NO_ROOT));
                continue;
            };
            let watcher = Watcher {
                place: (client.clone(), workflow.clone()),
                folder: format!("{client}/{folder}"),
                pattern: pattern.clone(),
            };
            let looked = self.look_at_inbox(inboxes, &compiled, folder, &watcher, minds).await;
            watchers.push(watcher);
            match looked {
                Ok((again, trouble)) => {
                    soon |= again;
                    troubles.extend(trouble.map(|code| alert(&client, &workflow, code)));
                }
                Err(broken) => troubles.push(alert(&client, &workflow, broken.code())),
            }
        }
        if let Some(inboxes) = inboxes {
            let failed = minds.set_aside(inboxes, &watchers);
            troubles.extend(failed.into_iter().map(|((client, workflow), why)| alert(&client, &workflow, why.code())));
        }
        self.settle_inboxes(troubles).await;
        soon
    }

    /// Looks at one folder. Whether it should be looked at again soon, and what is wrong with it.
    async fn look_at_inbox(
        &self,
        inboxes: &impl Inboxes,
        compiled: &Compiled,
        folder: &Name,
        watcher: &Watcher,
        minds: &mut Minds,
    ) -> Result<(bool, Option<&'static str>), Broken> {
        let Watcher { place, folder: path, pattern } = watcher;
        // The room above what is kept in mind is for names that the pattern passes over.
        let shown = inboxes.shown(path, FILES_MOST.saturating_mul(2)).map_err(Broken::Disk)?;
        let Some(shown) = shown else {
            return Ok((false, Some(NO_FOLDER)));
        };
        let look = minds.of(place).look(pattern, &shown, self.world.clock().boot());
        let trouble = look.overfull.then_some(TOO_MANY);
        for name in &look.ready {
            match self.take_file(inboxes, compiled, folder, path, name).await? {
                Took::NotNow => return Ok((false, trouble)),
                Took::Stays => {}
                Took::Goes(aside) => minds.aside(path, name, aside),
            }
            minds.of(place).done(name);
        }
        Ok((look.unsettled, trouble))
    }

    /// Takes one file. It goes from the folder when everybody who watches that has looked.
    async fn take_file(
        &self,
        inboxes: &impl Inboxes,
        compiled: &Compiled,
        folder: &Name,
        path: &str,
        name: &str,
    ) -> Result<Took, Broken> {
        let plan = &compiled.plan;
        let Trigger::Inbox { after, .. } = &plan.trigger else { return Ok(Took::Stays) };
        let bytes = inboxes.file(path, name, FILE_MOST_BYTES).map_err(Broken::Disk)?;
        let content = bytes.as_deref().unwrap_or(name.as_bytes());
        let digest = known_by(&self.webhook_key(&plan.client, &plan.workflow), folder, name, content);
        let mark: String = digest.to_string().chars().take(MARK_LENGTH).collect();
        let key = delivery_key(&digest);
        let former = former_key(&plan.client, &plan.workflow, folder, name, &Digest::of_file(content));
        if self.engine.store().delivered(&former).map_err(Broken::Store)?.is_some() {
            let aside = Aside { into: ACCEPTED, mark };
            return Ok(if *after == AfterFile::Move { Took::Goes(aside) } else { Took::Stays });
        }
        let taken = bytes.as_deref().ok_or(crate::accept::Refused::TooLarge);
        let into = match taken.and_then(|bytes| event::file(&plan.trigger, bytes)) {
            Ok(Taken::Ours(fields)) => {
                let new = NewRun {
                    client: plan.client.clone(),
                    workflow: plan.workflow.clone(),
                    trigger: TriggerKind::Inbox,
                    // The name may tell more than a fact may: the digest stands for it.
                    event: mark.clone(),
                    keys: vec![key],
                    fields,
                    writes: Vec::new(),
                };
                match self.drive(self.engine.begin(new)).await {
                    Receipt::Accepted(_) | Receipt::Duplicate(_) => ACCEPTED,
                    Receipt::Refused(refused) => {
                        self.refuse_file(compiled, &digest, refused.code()).await?;
                        REFUSED
                    }
                    Receipt::Ignored
                    | Receipt::Heard
                    | Receipt::Challenge(_)
                    | Receipt::Unknown
                    | Receipt::Busy { .. }
                    | Receipt::Unavailable => return Ok(Took::NotNow),
                }
            }
            // Another workflow may want it: it stays where it is.
            Ok(Taken::Other | Taken::Own | Taken::Challenge(_)) => return Ok(Took::Stays),
            Err(refused) => {
                self.refuse_file(compiled, &digest, refused.code()).await?;
                REFUSED
            }
        };
        let aside = Aside { into, mark };
        Ok(if *after == AfterFile::Move { Took::Goes(aside) } else { Took::Stays })
    }

    /// A file that cannot begin a run is told of; it is set aside, not lost.
    async fn refuse_file(&self, compiled: &Compiled, digest: &Digest, code: &'static str) -> Result<(), Broken> {
        let (client, workflow) = (&compiled.plan.client, &compiled.plan.workflow);
        tracing::warn!(%client, %workflow, code, "a file was refused");
        self.counted.refused(client, workflow, code);
        let note =
            Note::new(Log::Client(client.clone()), "refused").fact("code", code).fact("digest", digest.to_string());
        let transaction = Transaction::new(self.world.clock().now())
            .with(Write::Note(Box::new(note)))
            .with(Write::Alert(alert(client, workflow, code)));
        self.engine.store().commit(transaction).await.map_err(Broken::Store)
    }

    /// Tells on-call what is wrong with folders, once, and when it is no more.
    async fn settle_inboxes(&self, troubles: Vec<Alert>) {
        let mut wanted: BTreeMap<String, Alert> = troubles.into_iter().map(|alert| (alert.key(), alert)).collect();
        let mut writes = Vec::new();
        for row in self.engine.store().alerts().unwrap_or_default() {
            let key = row.alert.key();
            let stands = row.alert.rule == Rule::Inbox && STANDING.contains(&row.alert.code.as_str());
            if wanted.remove(&key).is_none() && stands {
                writes.push(Write::AlertOver { key });
            }
        }
        for alert in wanted.into_values() {
            let (client, workflow) = (alert.client.as_ref(), alert.workflow.as_ref());
            let folder = client.map_or("-", ClientId::as_str);
            tracing::warn!(
                folder,
                workflow = workflow.map(WorkflowId::as_str),
                code = alert.code,
                "{}",
                remedy(&alert.code)
            );
            writes.push(Write::Alert(alert));
        }
        if !writes.is_empty()
            && self.engine.store().commit(Transaction { at: self.world.clock().now(), writes }).await.is_err()
        {
            tracing::error!("an alert about a folder is not kept");
        }
    }
}

/// What to do about a folder that cannot be looked at.
fn remedy(code: &str) -> &'static str {
    match code {
        NO_ROOT => "a workflow waits for files; say in agent.toml under `inboxes` below which folder they are",
        NO_FOLDER => {
            "an inbox is not there; make the folder `<client>/<folder>` below `inboxes`, for the agent to read and write"
        }
        TOO_MANY => "an inbox holds more files than are looked at; take away those that no pattern takes",
        _ => "an inbox cannot be looked at; let the agent's user read and write it",
    }
}

fn alert(client: &ClientId, workflow: &WorkflowId, code: &str) -> Alert {
    Alert::of(Rule::Inbox, Some(client), code).in_workflow(workflow)
}
