//! The people of a run: they decide by the command line, or sign as they do on the agent's page and in its console.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use assent_agent::content::Content;
use assent_agent::people::wire::SignedDecision;
use assent_agent::people::{Asked, Itself, NotTaken, edits_digest, judge_signed};
use assent_agent::run::{Engine, Question, Verdict};
use assent_agent::sim::{SimWorld, Stage};
use assent_agent::store::Memory;
use assent_agent::world::{Clock as _, Wall};
use assent_schema::canon::{self, Digest};
use assent_schema::client::{ClientFacts, Decider};
use assent_schema::flow::{Flows, find};
use assent_schema::id::AgentId;
use assent_schema::plan::Plan;
use assent_schema::release::{Choice, DECISION_SCHEMA, Decision, DecisionType, Proof};
use assent_schema::trust::{Namespace, Signer, sign};

use crate::inputs::{Inputs, Spot, name_of, text};

/// How long people take.
const PEOPLE_TIME: Duration = Duration::from_secs(90);

/// Everybody who decides: most agree, some refuse, some say nothing; it depends on no content. What they edit is content.
pub(crate) struct People {
    pub(crate) facts: Arc<ClientFacts>,
    pub(crate) plan: Arc<Plan>,
    pub(crate) flows: Flows,
    pub(crate) inputs: Inputs,
    pub(crate) handled: BTreeSet<String>,
}

impl People {
    pub(crate) async fn answer(mut self, world: &SimWorld, engine: &Arc<Engine<SimWorld, Memory, Stage>>) {
        let mut asked = engine.asked();
        loop {
            asked.mark_unchanged();
            let new = |question: &Question| {
                let waiting = &question.waiting;
                self.handled.insert(format!("{} {} {}", waiting.run, waiting.at(), waiting.guardrail))
            };
            let questions: Vec<Question> = engine.questions().into_iter().filter(new).collect();
            for question in &questions {
                world.sleep(PEOPLE_TIME).await;
                if let Some(verdict) = self.verdict(question, world.now()) {
                    // Too late: what came of the run tells.
                    let _late = engine.decide(question.waiting.run, &question.waiting.step, verdict).await;
                }
            }
            if questions.is_empty() && asked.changed().await.is_err() {
                return;
            }
        }
    }

    fn verdict(&self, question: &Question, now: Wall) -> Option<Verdict> {
        let waiting = &question.waiting;
        let mut dice = self.inputs.dice(&format!("people {}", waiting.at()), true, &Spot::default());
        let choice = match dice.below(9) {
            0 => return None,
            1 => Choice::Refuse,
            _ => Choice::Approve,
        };
        let edited = |path: &String| {
            let source = find(&self.flows, path)?.whole().2.iter().map(name_of).next()?;
            let spot = Spot { answer: 1_000, item: None };
            let edits = self.inputs.dice(&source, true, &spot).one_in(2);
            edits.then(|| (path.clone(), Content::new(text(&mut self.inputs.dice(&source, false, &spot), 200))))
        };
        let edits =
            if choice == Choice::Approve { question.edit.iter().filter_map(edited).collect() } else { BTreeMap::new() };
        let person = self.facts.deciders.get(&waiting.by)?.first()?.clone();
        let (shown, nonce) = (waiting.shown, waiting.nonce);
        let mut verdict = Verdict { choice, person, shown, nonce, edits, signature: None, through: None };
        if dice.one_in(2) {
            verdict.signature = Some(self.signed(question, &verdict, now));
        }
        Some(verdict)
    }

    /// Signs as the page and the console do, and is judged as there. Whether it counts must follow from no content.
    fn signed(&self, question: &Question, verdict: &Verdict, now: Wall) -> (String, Proof) {
        let (waiting, salt) = (&question.waiting, question.salt.reveal());
        let signer = Signer::from_seed(&[7; 32]).unwrap();
        let mut facts = (*self.facts).clone();
        let keys = [signer.public().to_string()].into();
        facts.people.insert(verdict.person.clone(), Decider { keys, accounts: BTreeMap::new() });
        let itself = Itself { project: Digest::of_file(b"root"), agent: AgentId::new("eu-1").unwrap() };
        let approvers = Digest::of_file(b"approvers");
        let edits: BTreeMap<String, String> =
            verdict.edits.iter().map(|(path, text)| (path.clone(), text.reveal().clone())).collect();
        let decision = Decision {
            kind: DecisionType::Decision,
            schema: DECISION_SCHEMA,
            project: itself.project,
            client: waiting.client.clone(),
            approvers,
            agent: itself.agent.clone(),
            run: waiting.run.to_string(),
            step: waiting.step.clone(),
            plan: waiting.plan,
            shown: waiting.shown,
            choice: verdict.choice,
            nonce: waiting.nonce,
            person: verdict.person.clone(),
            edits: edits_digest(salt, &edits).unwrap(),
        };
        let decision = String::from_utf8(canon::to_bytes(&decision).unwrap()).unwrap();
        let signature = Proof::Ssh(sign(&signer, Namespace::Decision, decision.as_bytes()));
        let asked = Asked {
            itself: &itself,
            approvers,
            waiting,
            salt,
            shown: question.shown.reveal(),
            facts: &facts,
            plan: &self.plan,
            authors: &BTreeSet::new(),
        };
        let signed = SignedDecision { decision: decision.clone(), signature: signature.clone(), edits };
        let judged = judge_signed(&asked, &signed, None, now).map(|(_, used)| used.is_some());
        // Only the time that people take may make it late.
        assert!(judged.is_ok() || judged == Err(NotTaken::TooLate), "{judged:?}");
        (decision, signature)
    }
}
