//! What the running agent answers to local commands.

use std::sync::Arc;

use super::agent::{Agent, lock};
use crate::control::books::LedgerBroken;
use crate::control::server::Answers;
use crate::control::{Answer, Question, RolledBack, answer};
use crate::deploy::{NoRollback, Place};
use crate::store::StoreError;
use crate::vault::FileVault;

/// Answers for an agent.
pub(super) struct Clerk(pub(super) Arc<Agent>);

impl Answers for Clerk {
    async fn answer(&self, question: Question) -> Answer {
        self.say(question).await.unwrap_or_else(|error| Answer::Refused {
            what: error.to_string(),
            help: "The agent's log says more.".into(),
        })
    }
}

impl Clerk {
    async fn say(&self, question: Question) -> Result<Answer, StoreError> {
        let agent = &self.0;
        match question {
            Question::Status => agent.status().await.map(|status| Answer::Status(Box::new(status))),
            Question::Runs { client, most } => answer::runs(&*agent.store, client, most),
            Question::Run { run } => answer::run(&*agent.store, run),
            Question::Queue => answer::queue(&*agent.store),
            Question::RollBack { place } => self.roll_back(place).await,
            Question::Pull => {
                agent.pull_wanted().notify_one();
                Ok(Answer::Done)
            }
            Question::Ledger(question) => {
                let agent = Arc::clone(agent);
                // Whole logs are read: not on the thread that runs are driven on.
                let work = tokio::task::spawn_blocking(move || lock(&agent.ledger).answer(&*agent.store, &question));
                Ok(match work.await {
                    Ok(Ok(answer)) => Answer::Ledger(answer),
                    Ok(Err(LedgerBroken(what))) => Answer::Refused { what, help: "Look at the agent's log.".into() },
                    Err(_) => return Err(StoreError::Broken),
                })
            }
            Question::OpenVault => Ok(self.open_vault()),
        }
    }

    fn open_vault(&self) -> Answer {
        match FileVault::open(Arc::clone(&self.0.disk), Arc::clone(&self.0.identity.host)) {
            Ok(vault) => {
                self.0.field.replace_vault(vault);
                // What opens the repository may be among it.
                self.0.pull_wanted().notify_one();
                Answer::Done
            }
            Err(error) => Answer::Refused { what: error.to_string(), help: "The old secrets are still in use.".into() },
        }
    }

    /// Each workflow by itself: one that cannot go back keeps no other from it.
    async fn roll_back(&self, place: Option<Place>) -> Result<Answer, StoreError> {
        let places = match place {
            Some(place) => vec![place],
            None => self.0.places().await,
        };
        let mut all = Vec::new();
        for place in places {
            all.push(self.roll_one_back(place).await?);
        }
        Ok(Answer::RolledBack(all))
    }

    async fn roll_one_back(&self, place: Place) -> Result<RolledBack, StoreError> {
        let (client, workflow) = place.clone();
        let done = RolledBack { client, workflow, from: None, to: None, why_not: None };
        Ok(match self.0.roll_back(&place).await? {
            Ok((from, to)) => RolledBack { from: Some(from), to: Some(to), ..done },
            Err(NoRollback::NothingRuns) => RolledBack { why_not: Some("nothing runs".into()), ..done },
            Err(NoRollback::NoHealthyPlan) => {
                let why = "no other plan ran healthily here and is permitted now";
                RolledBack { why_not: Some(why.into()), ..done }
            }
        })
    }
}
