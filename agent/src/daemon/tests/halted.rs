//! What an agent that stopped still answers, and what it says of its own branch once it was recovered.

use assent_schema::canon;

use super::super::answers::Clerk;
use super::*;
use crate::control::incidents::{IncidentAnswer, IncidentQuestion};
use crate::control::server::Answers as _;
use crate::control::{Answer, Question, Said as Asked};
use crate::deploy::halt::Why;
use crate::people::Itself;
use crate::people::wire::{Command, CommandType, Introduction, SignedCommand};

/// Says something to an agent as ann, who is on call.
async fn say(agent: &Arc<Agent>, question: &Question) -> Answer {
    let itself = Itself { project: agent.pin.project, agent: agent.config.agent.clone() };
    let clerk = Clerk::new(Arc::clone(agent), itself, Box::new(|_| ()));
    let ann: assent_schema::id::PersonId = "ann".parse().unwrap();
    let introduction = Introduction { client: None, person: ann.clone() };
    let Answer::Challenge(challenge) = clerk.answer(Asked::Introduction(introduction)).await else {
        panic!("no challenge")
    };
    let question = serde_json::to_string(question).unwrap();
    let command = Command {
        kind: CommandType::Command,
        schema: 1,
        project: challenge.project,
        agent: agent.config.agent.clone(),
        person: ann,
        nonce: challenge.nonce,
        question: Command::digest(&question),
    };
    let command = canon::to_bytes(&command).unwrap();
    let signature = sign(&fixture::key("ann"), Namespace::Console, &command);
    let command = String::from_utf8(command).unwrap();
    clerk.answer(Asked::Command(SignedCommand { question, command, signature })).await
}

/// The response clock of the stop runs: whoever is paged can say so, before anybody knows why it stopped.
#[tokio::test(flavor = "multi_thread")]
async fn an_incident_is_acknowledged_while_the_agent_is_stopped_and_nothing_else_is_answered() {
    let site = Site::new();
    site.publish(&release(&plan("one"), 1, None, |_| ()));
    let (agent, _ended) = site.agent().await;
    agent.pull().await.unwrap();
    halt::stop_for_ledger(&agent, Why::LedgerForked).await;
    let stopped = agent.store.incidents().unwrap().into_iter().find(|row| row.alert.rule == Rule::Halted).unwrap();
    let answer = say(&agent, &Question::Incidents(IncidentQuestion::Acknowledge { no: stopped.no })).await;
    let Answer::Incidents(IncidentAnswer::One(row)) = answer else { panic!("{answer:?}") };
    assert_eq!(row.acknowledged.map(|act| act.by.to_string()).as_deref(), Some("ann"));
    for other in [Question::Queue, Question::Incidents(IncidentQuestion::Resolve { no: stopped.no })] {
        let answer = say(&agent, &other).await;
        assert!(matches!(&answer, Answer::Refused { what, .. } if what == "the agent has stopped"), "{answer:?}");
    }
}
