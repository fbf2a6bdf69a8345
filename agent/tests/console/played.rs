//! A console before a played agent: two clients, their people, runs of every kind. Served for real on loopback.

#[path = "played/filling.rs"]
mod filling;
#[path = "../support/noted.rs"]
mod noted;
#[path = "played/place.rs"]
mod place;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use assent_agent::console::{Done, Known, Logged, Office, Refused, Signed, Standing, Viewer, Who, Written};
use assent_agent::control::incidents::IncidentRow;
use assent_agent::control::{ReadAgain, Verb};
use assent_agent::desk::no_longer;
use assent_agent::incident::{Act, Case, Facts, PREFIX, Step, check as check_post_mortem, draft};
use assent_agent::ledger::{Page, Sought};
use assent_agent::people::proof::{check, counted};
use assent_agent::people::wire::{NoLonger, Shown, SignedDecision};
use assent_agent::people::{Itself, Keys, NotTaken};
use assent_agent::store::{Books, Log, Memory, Note, RunId, Store as _, StoreError, Transaction, Waiting, Write};
use assent_agent::watch::ACKNOWLEDGED;
use assent_agent::world::Wall;
use assent_schema::canon::Digest;
use assent_schema::client::ClientFacts;
use assent_schema::id::{ClientId, Environment, PersonId, Region, WorkflowId};
use assent_schema::ledger::{HeldWhat, Token};
use assent_schema::passkey::Passkey;
use assent_schema::plan::{Handover, Kpi, Plan};
use assent_schema::release::Choice;
use assent_schema::status::{Hold, Status};
use assent_schema::time::{Moment, Period};
use assent_schema::trust::{Namespace, Signer, sign};
use noted::noted;
use serde_json::{Value, json};

/// When all of it happens.
pub(crate) const NOW: &str = "2026-03-02T09:14:00Z";
/// What somebody wrote who would rather be markup.
pub(crate) const SCRIPT: &str = "<script>document.title='owned'</script>\"'><img src=x onerror=alert(1)>\u{202e}evil";
/// Everybody's key, by seed.
pub(crate) const PEOPLE: [(&str, Option<&str>, u8); 5] = [
    ("alice", None, 1),
    ("bob", None, 2),
    ("lena", Some("acme"), 3),
    ("otto", Some("acme"), 4),
    ("zoe", Some("zenith"), 5),
];

/// What the played agent was asked to do.
pub(crate) type Deeds = Arc<Mutex<Vec<String>>>;

/// Whose passkeys are listed.
type Passkeys = Arc<Mutex<BTreeMap<String, BTreeSet<Passkey>>>>;

/// Books that remember who did what.
fn noting(said: &Deeds) -> Box<dyn Books> {
    let said = Arc::clone(said);
    noted(move |note| {
        let actor = note.actor.as_ref().map_or("-", PersonId::as_str);
        let what = ["what", "code", "state"].iter().find_map(|name| note.data.get(*name)).and_then(Value::as_str);
        let line = format!("{} {} {actor} {}", note.log.as_str(), note.kind, what.unwrap_or("-"));
        said.lock().expect("a lock").push(line);
    })
}

/// The played agent.
pub(crate) struct Played {
    store: Arc<Memory>,
    itself: Itself,
    plans: BTreeMap<Digest, Arc<Plan>>,
    facts: BTreeMap<ClientId, Arc<ClientFacts>>,
    questions: Mutex<Vec<(PersonId, Shown)>>,
    holds: Mutex<Vec<Hold>>,
    standing: Arc<Mutex<Standing>>,
    boot: Arc<AtomicU64>,
    dice: AtomicU64,
    deeds: Deeds,
    passkeys: Passkeys,
}

impl Played {
    fn did(&self, what: String) {
        self.deeds.lock().expect("a lock").push(what);
    }

    /// Takes a step in an incident, and remembers which routes took its post-mortem.
    fn take(&self, incident: i64, step: Step, by: PersonId, took: &[&str]) {
        let row = self.store.incidents().expect("rows").into_iter().find(|row| row.no == incident).expect("a row");
        let done = self.store.state(&format!("{PREFIX}{incident}")).expect("a state");
        let mut case = Case::read(row, done.as_deref()).expect("a case");
        if !took.is_empty() {
            case = case.taken_by(took.iter().map(|route| id(route)).collect());
        }
        let (_, writes) = case.after(step, &Act { by, at: id(NOW) }).expect("a step");
        self.store.commit_now(Transaction { at: before(0), writes }).expect("a commit");
    }
}

/// The key of a seed.
pub(crate) fn signer(seed: u8) -> Signer {
    Signer::from_seed(&[seed; 32]).expect("a key")
}

fn id<T: std::str::FromStr>(text: &str) -> T {
    text.parse().unwrap_or_else(|_| panic!("{text} is an id"))
}

/// The plan of a workflow of the example agency.
pub(crate) fn plan(name: &str) -> Plan {
    let text = match name {
        "refund" => include_str!("../plans/acme.refund.plan.json"),
        _ => include_str!("../plans/acme.reply.plan.json"),
    };
    serde_json::from_str(text).expect("a plan")
}

use plan as named;

fn digest(plan: &Plan) -> Digest {
    plan.to_bytes().expect("bytes").1
}

/// The instant, so many seconds earlier.
pub(crate) fn before(seconds: i64) -> Wall {
    let now: Moment = id(NOW);
    Wall::from(Moment::from_seconds(now.seconds() - seconds))
}

impl Office for Played {
    type Store = Memory;

    fn store(&self) -> &Memory {
        &self.store
    }

    fn itself(&self) -> &Itself {
        &self.itself
    }

    fn is_halted(&self) -> bool {
        false
    }

    fn place(&self) -> (Environment, Region) {
        (id("production"), id("eu"))
    }

    fn clock(&self) -> (Wall, Duration) {
        (before(0), Duration::from_secs(self.boot.load(Ordering::SeqCst)))
    }

    fn dice(&self) -> [u8; 32] {
        *Digest::of_file(&self.dice.fetch_add(1, Ordering::SeqCst).to_be_bytes()).as_bytes()
    }

    fn known(&self, who: &Who) -> Option<Known> {
        let client = who.client.as_ref().map(ClientId::as_str);
        let (name, _, seed) = PEOPLE.into_iter().find(|(name, at, _)| *name == who.person.as_str() && *at == client)?;
        let clients: BTreeSet<ClientId> = match name {
            "alice" => [id("acme")].into(),
            "bob" => [id("zenith")].into(),
            _ => BTreeSet::new(),
        };
        let viewer = Viewer { who: who.clone(), clients, oncall: name == "alice" };
        let passkeys = self.passkeys.lock().expect("a lock").get(name).cloned().unwrap_or_default();
        Some(Known { keys: Keys { ssh: [signer(seed).public().clone()].into(), passkeys }, viewer })
    }

    async fn status(&self) -> Result<Status, StoreError> {
        let plan = |name: &str| digest(&named(name));
        let status = json!({
            "type": "status", "schema": 1, "project": self.itself.project, "environment": "production", "region": "eu",
            "agent": self.itself.agent, "time": NOW, "version": "0.1.0",
            "release": {"root": 2, "generation": 1, "sequence": 128, "manifest": "ab".repeat(32), "commit": "4f1c9e2ad0".repeat(4), "fresh": "2026-03-02T09:00:00Z"},
            "workflows": {
                "acme": {
                    "refund": {"stage": "committed", "plan": plan("refund"), "named": plan("refund")},
                    "reply": {"stage": "trial", "plan": plan("reply"), "named": plan("reply"),
                        "trial": {"plan": plan("reply"), "since": "2026-03-02T08:20:00Z", "runs": 7, "failed": 0}},
                    "restock": {"stage": "returned", "plan": "cd".repeat(32), "named": "ce".repeat(32), "why": "failed_runs",
                        "refused": {"ce".repeat(32): "failed_runs"}}
                },
                "zenith": {"dunning": {"stage": "off", "why": "unapproved", "stale": true}}
            },
        });
        let mut status: Status = serde_json::from_value(status).expect("a status");
        status.holds = self.standing()?.holds;
        Ok(status)
    }

    fn standing(&self) -> Result<Standing, StoreError> {
        let standing = self.standing.lock().expect("a lock").clone();
        let holds = [standing.holds, self.holds.lock().expect("a lock").clone()].concat();
        Ok(Standing { holds, ..standing })
    }

    fn plan(&self, digest: &Digest) -> Option<Arc<Plan>> {
        self.plans.get(digest).cloned()
    }

    fn kpis(&self, client: &ClientId) -> Vec<(WorkflowId, Kpi)> {
        // Of the workflow that the pages only know by what it counted.
        let triage = json!({"name": "sorted", "by": ["topic.team"]});
        let kpi = || serde_json::from_value(triage.clone()).expect("a KPI");
        let plans = self.plans.values().filter(|plan| plan.client == *client);
        let of =
            |plan: &Arc<Plan>| plan.kpis.iter().map(|kpi| (plan.workflow.clone(), kpi.clone())).collect::<Vec<_>>();
        let triage = (client.as_str() == "acme").then(|| (id("triage"), kpi()));
        plans.flat_map(of).chain(triage).collect()
    }

    fn written(&self, client: &ClientId, plan: &Digest) -> Option<Written> {
        let plan = self.plans.get(plan)?;
        let lines = plan
            .every_step()
            .enumerate()
            .map(|(place, step)| (step.id.clone(), 14 + 9 * u32::try_from(place).unwrap_or(0)));
        let file = format!("clients/{client}/workflows/{}.toml", plan.workflow);
        Some(Written { file, lines: lines.collect(), commit: "4f1c9e2ad0".repeat(4) })
    }

    fn client(&self, client: &ClientId) -> Option<Arc<ClientFacts>> {
        self.facts.get(client).cloned()
    }

    fn questions(&self, client: &ClientId, person: &PersonId) -> Vec<Shown> {
        let questions = self.questions.lock().expect("a lock");
        let theirs = questions.iter().filter(|(to, shown)| to == person && shown.client == *client);
        theirs.map(|(_, shown)| again(shown)).collect()
    }

    fn no_longer(
        &self,
        client: &ClientId,
        person: &PersonId,
        nonce: &Digest,
    ) -> Result<Option<(Waiting, NoLonger)>, StoreError> {
        let facts = self.facts.get(client);
        facts.map_or(Ok(None), |facts| no_longer::of_question(&*self.store, (facts, person), nonce))
    }

    async fn decide(
        &self,
        question: &Shown,
        person: &PersonId,
        choice: Choice,
        edits: BTreeMap<String, String>,
    ) -> Result<(), NotTaken> {
        if question.signature {
            return Err(NotTaken::TooWeak);
        }
        self.questions.lock().expect("a lock").retain(|(_, shown)| shown.nonce != question.nonce);
        self.did(format!("{person} {choice:?} {edits:?}"));
        Ok(())
    }

    async fn decide_signed(&self, signed: SignedDecision, origin: Option<&str>) -> Result<(), NotTaken> {
        let decision = assent_agent::people::judge::read(&signed)?;
        let who = Who { client: Some(decision.client.clone()), person: decision.person.clone() };
        let keys = self.known(&who).ok_or(NotTaken::BadSignature)?.keys;
        let used = check(&signed.decision, &signed.signature, Namespace::Decision, origin, &keys)?;
        if let Some(count) = counted(&*self.store, used.as_ref())? {
            self.store.commit_now(Transaction::new(before(0)).with(count)).expect("a commit");
        }
        self.questions.lock().expect("a lock").retain(|(_, shown)| shown.nonce != decision.nonce);
        let how = if used.is_some() { "signed by passkey" } else { "signed" };
        self.did(format!("{} {how} {:?}", decision.person, decision.choice));
        Ok(())
    }

    fn incidents(&self) -> Result<Vec<IncidentRow>, StoreError> {
        let done: BTreeMap<_, _> = self.store.states(PREFIX)?.into_iter().collect();
        let mut rows = Vec::new();
        for row in self.store.incidents()? {
            let case = Case::read(row.clone(), done.get(&format!("{PREFIX}{}", row.no)).map(Vec::as_slice))?;
            rows.push(IncidentRow::of(&case, Some(case.opened().plus(Period::hours(1)))));
        }
        Ok(rows)
    }

    async fn draft(&self, incident: i64) -> Done<String> {
        let Some(row) = self.store.incidents().expect("rows").into_iter().find(|row| row.no == incident) else {
            return Err(Refused { what: "there is no such incident".into(), help: "Look at the list.".into() });
        };
        let done = self.store.state(&format!("{PREFIX}{incident}")).expect("a state");
        let case = Case::read(row, done.as_deref()).expect("a case");
        let entries: Vec<_> = entries().into_iter().rev().collect();
        Ok(draft(&Facts {
            case: &case,
            respond_by: None,
            entries: &entries,
            queue: &[],
            plans: &BTreeMap::new(),
            life: 1,
        }))
    }

    async fn share(&self, incident: i64, text: String, by: PersonId) -> Done<()> {
        let lacks = check_post_mortem(text.as_bytes(), &format!("i-{incident}"), |_| false);
        if let Some(lack) = lacks.first() {
            return Err(Refused { what: lack.to_string(), help: "Write what only a person knows.".into() });
        }
        self.did(format!("{by} shares {}", text.lines().last().unwrap_or_default()));
        self.take(incident, Step::Share(Digest::of_file(text.as_bytes())), by, &["ops", "mail"]);
        Ok(())
    }

    fn logged(&self, log: &Log, sought: &Sought) -> Done<Logged> {
        let fits = |entry: &assent_schema::ledger::Entry| {
            sought.before.is_none_or(|before| entry.index < before)
                && sought.kind.as_deref().is_none_or(|kind| kind == entry.kind.name())
                && sought.run.is_none_or(|run| entry.run == Some(run))
                && !(sought.but_looks && entry.kind.name() == "viewed")
                && sought.day.as_ref().is_none_or(|day| *day == entry.time.day())
        };
        let entries: Vec<_> = entries().into_iter().filter(fits).take(10).collect();
        let older = entries.last().map(|entry| entry.index).filter(|index| *index > 0);
        let page = Page { looked: entries.len(), entries, gone: 0, older };
        let note = format!("assent/harbor/eu-production-1/{}\n18431\n", log.as_str());
        let signed = Signed {
            origin: format!("assent/harbor/eu-production-1/{}", log.as_str()),
            size: 18_431,
            root: Digest::from_bytes([7; 32]),
            note,
            key: "assent/harbor/eu-production-1/acme+12345678+AR4gEIxvmOC63h5qT2PhrPjLLMCr0F".to_owned(),
        };
        Ok(Logged { page, checkpoint: Some(signed) })
    }

    fn proof(&self, log: &Log, index: u64) -> Done<Option<String>> {
        Ok((index < 18_431).then(|| format!("c2sp.org/tlog-proof@v1\n{} {index}\n", log.as_str())))
    }

    fn delivered(&self, client: &ClientId, event: &str) -> Result<Option<RunId>, StoreError> {
        Ok((client.as_str() == "acme" && event == "evt-18424").then(|| run(FAILED.0, FAILED.1)))
    }

    async fn step(&self, incident: i64, step: Step, by: PersonId) -> Done<()> {
        self.take(incident, step, by, &[]);
        Ok(())
    }

    async fn acknowledge(&self, alert: i64, by: PersonId) -> Done<()> {
        self.did(format!("{by} takes care of a-{alert}"));
        let act = serde_json::to_vec(&Act { by, at: id(NOW) }).expect("json");
        let write = Write::State { name: format!("{ACKNOWLEDGED}{alert}"), value: Some(act) };
        self.store.commit_now(Transaction::new(before(0)).with(write)).expect("a commit");
        Ok(())
    }

    async fn hold(&self, (client, what): (ClientId, HeldWhat), by: PersonId, why: Token, lasts: Period) -> Done<()> {
        self.did(format!("{by} holds {client}"));
        let (since, id) = (id::<Moment>(NOW), Token::new("h-1").expect("a token"));
        let hold = Hold { id, client, what, why, by, since, until: since.plus(lasts) };
        self.holds.lock().expect("a lock").push(hold);
        Ok(())
    }

    async fn resume(&self, (client, what): (ClientId, HeldWhat), by: PersonId) -> Done<()> {
        self.did(format!("{by} resumes {client}"));
        self.holds.lock().expect("a lock").retain(|hold| hold.client != client || hold.what != what);
        Ok(())
    }

    async fn roll_back(&self, (client, workflow): (ClientId, WorkflowId), by: PersonId) -> Done<Option<Handover>> {
        self.did(format!("{by} rolls {client}/{workflow} back"));
        Err(Refused { what: "no other plan ran healthily here".into(), help: "Nothing was changed.".into() })
    }

    async fn reread(&self, at: (RunId, ClientId, Digest), by: &PersonId, why: &Token) -> Done<Vec<ReadAgain>> {
        self.did(format!("{by} rereads because of {why}"));
        let note = Note::new(Log::Client(at.1), "viewed").fact("what", "content").fact("why", why.to_string());
        let note = Note { run: Some(at.0), actor: Some(by.clone()), ..note };
        self.store.commit_now(Transaction::new(before(0)).with(Write::Note(Box::new(note)))).expect("a commit");
        let values = json!({"subject": SCRIPT, "total": {"currency": "EUR", "minor": 1_299}}).as_object().cloned();
        Ok(vec![ReadAgain { step: id("ticket"), operation: id("helpdesk.get_ticket"), values, code: None }])
    }

    async fn handle(&self, run: RunId, verb: Verb, by: PersonId, why: Token) -> Done<Option<RunId>> {
        self.did(format!("{by} {} because of {why}", verb.kind().as_str()));
        let now = Transaction::new(before(0)).with(Write::Unqueue { run });
        self.store.commit_now(now).expect("a commit");
        Ok(None)
    }
}

/// A question holds content and has no copy of its own making.
fn again(shown: &Shown) -> Shown {
    serde_json::from_value(serde_json::to_value(shown).expect("json")).expect("a question")
}

pub(crate) use filling::*;
pub(crate) use place::Place;

/// A signed challenge.
pub(crate) fn signature(seed: u8, challenge: &str) -> String {
    sign(&signer(seed), Namespace::Console, challenge.as_bytes())
}

/// A signed decision.
pub(crate) fn decided(seed: u8, decision: &str) -> String {
    sign(&signer(seed), Namespace::Decision, decision.as_bytes())
}
