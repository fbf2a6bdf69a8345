//! What the running agent answers to local commands.

use std::sync::{Arc, Mutex};

use assent_schema::id::{ClientId, ConnectionId, PersonId};
use assent_schema::plan::Handover;
use assent_schema::status::Hold;

use super::agent::Agent;
use super::halt::{NotRecovered, Signed};
use super::hold::{LASTS_MOST, NotHeld};
use super::pruning::NotErased;
use super::secrets::NotDone;
use super::vaults;
use crate::console::Viewer;
use crate::control::ledger::LedgerQuestion;
use crate::control::ledger_desk::LedgerBroken;
use crate::control::server::Answers;
use crate::control::{Answer, Question, RolledBack, RotationSaid, Said};
use crate::deploy::{NoRollback, Place};
use crate::people::{Challenges, Itself};
use crate::run::{Act, Rotation, Task};
use crate::store::StoreError;
use crate::vault::SlotPath;
use crate::world::Dice as _;

/// Answers for an agent.
pub(super) struct Clerk {
    pub(super) agent: Arc<Agent>,
    /// Who the agent is, for what people sign.
    pub(super) itself: Itself,
    pub(super) challenges: Mutex<Challenges>,
    start: Box<dyn Fn(Task) + Send + Sync>,
}

impl Answers for Clerk {
    async fn answer(&self, said: Said) -> Answer {
        let answer = match said {
            Said::Introduction(who) => Ok(self.challenge(&who)),
            Said::Question(question) => self.open(question).await,
            Said::Command(signed) => match self.signed(&signed).await {
                Ok(Ok((viewer, question))) => self.say(question, &viewer).await,
                Ok(Err(no)) => Ok(no),
                Err(error) => Err(error),
            },
        };
        answer.unwrap_or_else(|error| refused(error.to_string(), "The agent's log says more."))
    }
}

impl Clerk {
    /// For an agent; `start` takes up what goes on or begins.
    pub(super) fn new(agent: Arc<Agent>, itself: Itself, start: Box<dyn Fn(Task) + Send + Sync>) -> Self {
        let challenges = Mutex::new(Challenges::new(agent.world.dice.bytes()));
        Self { agent, itself, challenges, start }
    }

    /// What anybody may ask who can open the socket.
    async fn open(&self, question: Question) -> Result<Answer, StoreError> {
        let agent = &self.agent;
        match question {
            Question::Status => agent.status().await.map(|status| Answer::Status(Box::new(status))),
            Question::Standing => agent.standing().map(Answer::Standing),
            // They carry their own signatures, and stand in the next release for everybody to read.
            Question::Statements => Ok(Answer::Statements(agent.handed())),
            Question::Pull => {
                agent.pull_wanted().notify_one();
                Ok(Answer::Done)
            }
            Question::OpenVault => Ok(self.open_vault()),
            Question::Form { slot } => {
                Ok(Answer::Form(SlotPath::parse(&slot).and_then(|path| self.agent.form_of(&path))))
            }
            Question::Connection { client, connection } => Ok(self.connection(&client, &connection)),
            Question::Recover { statement, signatures } => {
                Ok(agent.recover(&Signed { statement, signatures }).map_or_else(not_recovered, |()| Answer::Done))
            }
            Question::Ledger(question) if question.is_open() => self.ledger(question).await,
            _ => Ok(refused("nobody signed this question".to_owned(), "Say who you are: `--key YOU=FILE`.")),
        }
    }

    /// What somebody asks whom the newest release knows.
    async fn say(&self, question: Question, viewer: &Viewer) -> Result<Answer, StoreError> {
        let (agent, by) = (&self.agent, viewer.who.person.clone());
        match question {
            Question::Status
            | Question::Standing
            | Question::Statements
            | Question::Pull
            | Question::OpenVault
            | Question::Form { .. }
            | Question::Connection { .. }
            | Question::Recover { .. } => self.open(question).await,
            Question::MayRotate { client, connection, slot } => {
                let may = agent.may_rotate(&(client, connection, slot), &by);
                Ok(may.map_or_else(not_done, |()| Answer::Done))
            }
            Question::Rotate { client, connection, slot } => {
                let done = agent.rotate(&(client, connection, slot), &by).await;
                Ok(done.map_or_else(not_done, |rotation| Answer::Rotation(said(rotation))))
            }
            Question::SecretEnds { client, connection, slot, at } => {
                let said = agent.say_end(&(client, connection, slot), at, &by).await;
                Ok(said.map_or_else(not_done, |()| Answer::Done))
            }
            Question::Runs { client, most } => self.runs(viewer, client, most).await,
            Question::Run { run } => self.run(viewer, &run).await,
            Question::Reread { run, why } => self.reread(viewer, &run, &why).await,
            Question::Queue => self.queue(viewer).await,
            Question::Ledger(question) => self.books(viewer, question).await,
            Question::Incidents(question) => self.incidents(viewer, question).await,
            Question::Alerts(question) => self.alerts(viewer, question).await,
            Question::RollBack { place } => self.roll_back(place, &by).await,
            Question::Hold { at, why, lasts } => agent.hold(at, by, why, lasts).await.map(held),
            Question::Resume { at } => agent.resume(at, by).await.map(held),
            Question::Handle { verb, chosen, why, mode } => {
                let handled = agent.handle((verb, chosen), Act { by, why }, mode, &*self.start).await?;
                Ok(handled.map_or_else(not_held, Answer::Handled))
            }
            Question::Erase { client, reference, request } => {
                Ok(agent.erase(client, reference, request, by).await?.map_or_else(not_erased, Answer::Erased))
            }
            Question::LegalHold { client, why } => {
                Ok(agent.keep(client, by, why).await?.map_or_else(not_erased, Answer::LegalHold))
            }
            Question::LegalRelease { client } => {
                Ok(agent.release(client, by).await?.map_or_else(not_erased, Answer::LegalHold))
            }
        }
    }

    /// Something about a ledger.
    pub(super) async fn ledger(&self, question: LedgerQuestion) -> Result<Answer, StoreError> {
        let agent = Arc::clone(&self.agent);
        // Whole logs are read: not on the thread that runs are driven on.
        let work = tokio::task::spawn_blocking(move || agent.about_ledger(question));
        Ok(match work.await {
            Ok(Ok(answer)) => Answer::Ledger(answer),
            Ok(Err(LedgerBroken(what))) => refused(what, "Look at the agent's log."),
            Err(_) => return Err(StoreError::Broken),
        })
    }

    /// What a command needs to ask for consent. No secret is among it.
    fn connection(&self, client: &ClientId, connection: &ConnectionId) -> Answer {
        let snapshot = self.agent.field.snapshot();
        let facts = snapshot.clients.get(client).and_then(|facts| facts.connections.get(connection));
        let endpoint = snapshot.endpoints.get(client).and_then(|endpoints| endpoints.get(connection));
        match facts.zip(endpoint) {
            Some((facts, endpoint)) => Answer::Connection(Box::new((facts.clone(), endpoint.clone()))),
            None => refused(
                format!("`{client}` has no connection `{connection}` here"),
                "`assent-agent status` lists what runs here.",
            ),
        }
    }

    fn open_vault(&self) -> Answer {
        let agent = &self.agent;
        match vaults::open(&agent.config.vault, Arc::clone(&agent.disk), Arc::clone(&agent.identity.host)) {
            Ok(vault) => {
                self.agent.field.replace_vault(vault);
                self.agent.secrets_changed();
                // What opens the repository may be among it.
                self.agent.pull_wanted().notify_one();
                Answer::Done
            }
            Err(error) => Answer::Refused { what: error.to_string(), help: "The old secrets are still in use.".into() },
        }
    }

    /// Each workflow by itself: one that cannot go back keeps no other from it.
    async fn roll_back(&self, place: Option<Place>, by: &PersonId) -> Result<Answer, StoreError> {
        if let Err(no) = self.agent.is_oncall(by) {
            return Ok(not_held(no));
        }
        let places = match place {
            Some(place) => vec![place],
            None => self.agent.places().await,
        };
        let mut all = Vec::new();
        for place in places {
            all.push(self.roll_one_back(place, by).await?);
        }
        Ok(Answer::RolledBack(all))
    }

    async fn roll_one_back(&self, place: Place, by: &PersonId) -> Result<RolledBack, StoreError> {
        let (client, workflow) = place.clone();
        let done = RolledBack { client, workflow, from: None, to: None, events: None, why_not: None };
        Ok(match self.agent.roll_back(&place, by).await? {
            Ok((from, to)) => {
                let events = self.agent.handover(&from, &to).map(Handover::says);
                RolledBack { from: Some(from), to: Some(to), events, ..done }
            }
            Err(NoRollback::NothingRuns) => RolledBack { why_not: Some("nothing runs".into()), ..done },
            Err(NoRollback::NoHealthyPlan) => {
                let why = "no other plan ran healthily here and is permitted now";
                RolledBack { why_not: Some(why.into()), ..done }
            }
        })
    }
}

fn said(rotation: Rotation) -> RotationSaid {
    match rotation {
        Rotation::Done => RotationSaid::Done,
        Rotation::Both => RotationSaid::Both,
        Rotation::Refused(code) => RotationSaid::Refused { code },
        Rotation::Waits { until, code } => RotationSaid::Waits { until, code },
        Rotation::None => RotationSaid::Refused { code: "nothing_staged".to_owned() },
    }
}

fn not_done(no: NotDone) -> Answer {
    match no {
        NotDone::Not(no) => not_held(no),
        NotDone::Rotated(no) => {
            let (what, help) = no.sentences();
            refused(what, help)
        }
    }
}

fn held(held: Result<Hold, NotHeld>) -> Answer {
    held.map_or_else(not_held, Answer::Hold)
}

/// The agent says no.
pub(super) fn refused(what: String, help: impl Into<String>) -> Answer {
    Answer::Refused { what, help: help.into() }
}

pub(super) fn not_held(no: NotHeld) -> Answer {
    let (what, help) = match no {
        NotHeld::NotOnCall(people) => {
            let people: Vec<_> = people.iter().map(ToString::to_string).collect();
            let help = format!("Those who are: {}.", people.join(", "));
            ("the root does not list you as on-call".to_owned(), help)
        }
        NotHeld::Unknown(what) => (what, "`assent-agent status` lists what runs here.".to_owned()),
        NotHeld::Length => {
            ("a hold of that length is not possible".to_owned(), format!("Hold for some time, at most {LASTS_MOST}."))
        }
        NotHeld::NothingHeld => {
            ("nothing is held there".to_owned(), "`assent-agent status` lists what is held.".to_owned())
        }
    };
    Answer::Refused { what, help }
}

fn not_erased(no: NotErased) -> Answer {
    let (what, help) = match no {
        NotErased::Not(no) => return not_held(no),
        NotErased::Kept(hold) => (
            format!("a legal hold keeps this ledger: {} by {} since {}", hold.why, hold.by, hold.since),
            "`assent-agent ledger release` ends it.",
        ),
        NotErased::Nothing { open: 0 } => {
            let help = "A reference is a whole value of class `reference`, as `assent-agent runs show --format json` prints it.";
            ("no entry is about that reference".to_owned(), help)
        }
        NotErased::Nothing { open } => (
            format!("{open} runs about that reference are under way, and no other entry is"),
            "Ask again when they ended: `assent-agent runs`.",
        ),
        NotErased::Busy => ("a day of it is being sealed again".to_owned(), "Ask again in a minute."),
        NotErased::Twice => {
            ("nothing changed: it is so already".to_owned(), "`assent-agent ledger verify` says what is.")
        }
    };
    Answer::Refused { what, help: help.to_owned() }
}

fn not_recovered(no: NotRecovered) -> Answer {
    let (what, help) = match no {
        NotRecovered::NotHalted => ("the agent has not stopped".to_owned(), "There is nothing to recover from."),
        NotRecovered::NoRelease => (
            "the agent holds no release that says who is on call".to_owned(),
            "Let it pull one: see what keeps it in `assent-agent status`.",
        ),
        NotRecovered::Behind => (
            "the agent holds an older root or release than it published".to_owned(),
            "Let it pull the newest release first; publish one if that is lost.",
        ),
        NotRecovered::Other => (
            "the statement is about another agent or another stop".to_owned(),
            "Write it again: `assent-agent recover --write FILE`.",
        ),
        NotRecovered::Invalid(what) => (what, "Those whom root lists as on-call sign it under `recover@assent`."),
        NotRecovered::NotDurable => {
            ("the recovery could not be written to the state folder".to_owned(), "See whether its disk is full.")
        }
    };
    Answer::Refused { what, help: help.to_owned() }
}
