//! What people start: workflows whose trigger is `manual`.
//!
//! # Source
//! language.md section 3; engine.md section 8.

use std::collections::BTreeMap;

use assent_schema::canon;
use assent_schema::expr::Value;
use assent_schema::id::{ClientId, Name, WorkflowId};
use assent_schema::plan::Trigger;

use super::{FrontDesk, Registry};
use crate::accept::event::{self, NotGiven};
use crate::content::Content;
use crate::listen::Reply;
use crate::people::wire::{SignedStart, Start};
use crate::people::{NotTaken, access};
use crate::run::{Deployed, NewRun, NotBegun};
use crate::store::{Log, RunId, Store, Transaction, TriggerKind, Write};
use crate::sync::lock;
use crate::world::{Clock as _, World};

/// Why somebody who showed who they are starts nothing.
enum NotStarted {
    /// The start is not one of this workflow.
    Start(NotTaken),
    /// What was given is not what the trigger declares.
    Fields(NotGiven),
    /// No run begins.
    Run(NotBegun),
}

impl NotStarted {
    /// Its code for people, ledger and logs.
    fn code(&self) -> &'static str {
        match self {
            Self::Start(why) => why.code(),
            Self::Fields(NotGiven::BadForm) => "bad_form",
            Self::Fields(NotGiven::Undeclared) => "undeclared_field",
            Self::Fields(NotGiven::Misfit(_)) | Self::Run(NotBegun::Misfit(_)) => "bad_field",
            Self::Run(NotBegun::Unknown) => "unknown",
            Self::Run(NotBegun::NotAllowed(_)) => "not_allowed",
            Self::Run(NotBegun::Duplicate(_)) => "bad_challenge",
            Self::Run(NotBegun::NoKey) => "no_key",
            Self::Run(NotBegun::TooMany) => "busy",
            Self::Run(NotBegun::Stopping) => "stopping",
            Self::Run(NotBegun::Store(_)) => "not_durable",
        }
    }

    fn status(&self) -> u16 {
        match self {
            Self::Start(why) => why.status(),
            Self::Fields(_) | Self::Run(NotBegun::Misfit(_) | NotBegun::NoKey) => 400,
            Self::Run(NotBegun::Unknown) => 404,
            Self::Run(NotBegun::NotAllowed(_) | NotBegun::Duplicate(_)) => 409,
            Self::Run(NotBegun::TooMany) => 429,
            Self::Run(NotBegun::Stopping | NotBegun::Store(_)) => 503,
        }
    }

    /// What the code is about: a field that the workflow declares, or why nothing may run now.
    fn about(&self) -> Option<(&'static str, &str)> {
        match self {
            Self::Fields(NotGiven::Misfit(field)) | Self::Run(NotBegun::Misfit(field)) => {
                Some(("field", field.as_str()))
            }
            Self::Run(NotBegun::NotAllowed(why)) => Some(("why", why)),
            Self::Start(_) | Self::Fields(_) | Self::Run(_) => None,
        }
    }

    /// Whether the agent could not, for a moment, what it would do otherwise: that is no refusal.
    fn is_passing(&self) -> bool {
        matches!(self, Self::Run(NotBegun::TooMany | NotBegun::Stopping | NotBegun::Store(_)))
    }

    fn reply(&self) -> Reply {
        let Some((name, what)) = self.about() else { return Reply::code(self.status(), self.code()) };
        let body = serde_json::json!({"code": self.code(), name: what}).to_string();
        Reply { status: self.status(), body: Content::new(body.into_bytes()) }
    }
}

impl<W: World, S: Store, D: Deployed, R: Registry> FrontDesk<W, S, D, R> {
    /// Begins a run because somebody signed that it shall: a decider of the client, or somebody assigned to it. What is signed
    /// and starts nothing is an entry of its own; what nobody signed is not, or anybody could fill the ledger.
    pub(super) async fn start(
        &self,
        client: ClientId,
        workflow: WorkflowId,
        signed: &SignedStart,
    ) -> Result<Reply, NotTaken> {
        let boot = self.world.clock().boot();
        let start = lock(&self.challenges).start(&self.itself, signed, boot, |client, person| {
            let mut keys = self.decider(client, person);
            keys.ssh.extend(self.registry.assigned(client).remove(person).into_iter().flatten());
            keys
        })?;
        let same = start.client == client && start.workflow == workflow;
        let started =
            if same { self.begin_by_hand(&start).await } else { Err(NotStarted::Start(NotTaken::OtherQuestion)) };
        match started {
            Ok(run) => Ok(Reply { status: 202, body: Content::new(format!("{{\"run\":\"{run}\"}}").into_bytes()) }),
            Err(why) if why.is_passing() => Ok(why.reply()),
            Err(why) => {
                let what = signed.start.as_bytes();
                let note = access::refused(Log::Client(start.client), Some(&start.person), why.code(), what);
                let transaction = Transaction::new(self.world.clock().now()).with(Write::Note(Box::new(note)));
                self.engine.store().commit(transaction).await.or(Err(NotTaken::NotDurable))?;
                Ok(why.reply())
            }
        }
    }

    async fn begin_by_hand(&self, start: &Start) -> Result<RunId, NotStarted> {
        let Start { client, workflow, .. } = start;
        let Some(compiled) = self.deployed.active(client, workflow) else {
            let expected = self.registry.expects(client, workflow);
            let why = if expected { NotBegun::NotAllowed("off") } else { NotBegun::Unknown };
            return Err(NotStarted::Run(why));
        };
        let Trigger::Manual { fields } = &compiled.plan.trigger else {
            return Err(NotStarted::Start(NotTaken::Unknown));
        };
        let given = canon::to_bytes(&start.fields).or(Err(NotStarted::Start(NotTaken::BadForm)))?;
        let given = Content::new(given);
        let fields: BTreeMap<Name, Value> = event::given(fields, given.reveal()).map_err(NotStarted::Fields)?;
        let mut key = [0; 16];
        key.iter_mut().zip(start.nonce.as_bytes().iter().skip(16)).for_each(|(slot, byte)| *slot = *byte);
        let new = NewRun {
            client: client.clone(),
            workflow: workflow.clone(),
            trigger: TriggerKind::Manual,
            event: start.person.to_string(),
            keys: vec![key],
            fields,
            writes: Vec::new(),
        };
        self.driven(self.engine.begin(new)).await.map_err(NotStarted::Run)
    }
}
