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
    assert_eq!(row.done.acknowledged.map(|act| act.by.to_string()).as_deref(), Some("ann"));
    for other in [Question::Queue, Question::Incidents(IncidentQuestion::Resolve { no: stopped.no })] {
        let answer = say(&agent, &other).await;
        assert!(matches!(&answer, Answer::Refused { what, .. } if what == "the agent has stopped"), "{answer:?}");
    }
}

/// A folder with all that is in it, but sockets.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (kind, to) = (entry.file_type().unwrap(), to.join(entry.file_name()));
        if kind.is_dir() {
            copy(&entry.path(), &to);
        } else if kind.is_file() {
            std::fs::copy(entry.path(), &to).unwrap();
        }
    }
}

/// The alerts that stand about the branch, by code.
fn about_branch(agent: &Agent) -> Vec<String> {
    let open = agent.store.alerts().unwrap().into_iter();
    open.filter(|row| row.alert.rule == Rule::Status).map(|row| row.alert.code).collect()
}

/// What on-call signs for an agent that stopped.
async fn recover(agent: &Agent) {
    let status = agent.status().await.unwrap();
    let recover = assent_schema::status::Recover::of(&status).expect("it stopped");
    let statement = String::from_utf8(canon::to_bytes(&recover).unwrap()).unwrap();
    let signature = sign(&fixture::key("ann"), Namespace::Recover, statement.as_bytes());
    let signed = halt::Signed { statement, signatures: [("ann".parse().unwrap(), signature)].into() };
    assert_eq!(agent.recover(&signed), Ok(()));
}

async fn say_all(agent: &Arc<Agent>) {
    publishing::publish(agent, &mut Said::default()).await.unwrap();
}

/// A reason that somebody signed while the agent stood still counts after the recovery, unless the plan went back again.
#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_a_release_lets_in_while_the_agent_stands_still_does_not_stay_back() {
    let (one, two) = (plan("one"), plan("two"));
    let ann = "ann".parse().unwrap();
    for again in [false, true] {
        let site = Site::new();
        let first = release(&one, 1, None, |_| ());
        let second = release(&two, 2, Some(&first), |_| ());
        let readmitted = Readmitted::now(digest(&two), "the cause was elsewhere".into());
        let third = release(&two, 3, Some(&second), |manifest| manifest.readmitted.push(readmitted));
        let (agent, _ended) = site.agent().await;
        for (files, plan) in [(&first, &one), (&second, &two)] {
            site.publish(files);
            agent.pull().await.unwrap();
            runs(&agent, plan, true, 20).await;
        }
        drop(agent);
        let (state, kept) = (site.config().state.folder().to_owned(), site.folder.path().join("kept"));
        copy(&state, &kept);
        let (agent, _ended) = site.agent().await;
        agent.roll_back(&place(), &ann).await.unwrap().unwrap();
        say_all(&agent).await;
        if again {
            site.publish(&third);
            agent.pull().await.unwrap();
            assert_eq!(active(&agent).await, Some(digest(&two)));
            agent.roll_back(&place(), &ann).await.unwrap().unwrap();
            say_all(&agent).await;
        }
        drop(agent);
        std::fs::remove_dir_all(&state).unwrap();
        copy(&kept, &state);
        let (agent, _ended) = site.agent().await;
        assert!(agent.halted().is_some());
        site.publish(&third);
        agent.pull().await.unwrap();
        recover(&agent).await;
        drop(agent);
        let (agent, _ended) = site.agent().await;
        assert_eq!(agent.halted(), None);
        let status = agent.status().await.unwrap();
        assert_eq!(status.went_back().any(|(_, _, plans)| plans.contains_key(&digest(&two))), again);
        assert_eq!(active(&agent).await, Some(digest(if again { &one } else { &two })), "{again}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_agent_said_before_its_state_was_put_back_is_nobody_elses_after_the_recovery() {
    let site = Site::new();
    let first = release(&plan("one"), 1, None, |_| ());
    site.publish(&first);
    let (agent, _ended) = site.agent().await;
    agent.pull().await.unwrap();
    say_all(&agent).await;
    drop(agent);
    let (state, kept) = (site.config().state.folder().to_owned(), site.folder.path().join("kept"));
    copy(&state, &kept);
    let (agent, _ended) = site.agent().await;
    say_all(&agent).await;
    assert_eq!(about_branch(&agent), Vec::<String>::new());
    drop(agent);
    std::fs::remove_dir_all(&state).unwrap();
    copy(&kept, &state);
    let (agent, _ended) = site.agent().await;
    recover(&agent).await;
    drop(agent);
    // It begins once more before it came to say anything.
    let (agent, _ended) = site.agent().await;
    drop(agent);
    let (agent, _ended) = site.agent().await;
    assert_eq!(agent.halted(), None);
    say_all(&agent).await;
    assert_eq!(about_branch(&agent), Vec::<String>::new(), "it met its own words");
    // From then on whatever else stands there was written by somebody else.
    let theirs = [("note.txt".to_owned(), b"x".to_vec())].into();
    push::commit(&site.repository(), &agent.branch(), &theirs, RealClock.now().moment()).unwrap();
    say_all(&agent).await;
    assert_eq!(about_branch(&agent), ["branch-not-ours"]);
}

/// Two recoveries from the same copy: the second knows of the first only by what was published.
#[tokio::test(flavor = "multi_thread")]
async fn logs_that_begin_anew_have_a_name_that_none_had() {
    let site = Site::new();
    site.publish(&release(&plan("one"), 1, None, |_| ()));
    let (agent, _ended) = site.agent().await;
    agent.pull().await.unwrap();
    say_all(&agent).await;
    drop(agent);
    let (state, kept) = (site.config().state.folder().to_owned(), site.folder.path().join("kept"));
    copy(&state, &kept);
    let (agent, _ended) = site.agent().await;
    say_all(&agent).await;
    drop(agent);
    for life in [2, 3] {
        std::fs::remove_dir_all(&state).unwrap();
        copy(&kept, &state);
        let (agent, _ended) = site.agent().await;
        recover(&agent).await;
        drop(agent);
        let (agent, _ended) = site.agent().await;
        assert_eq!(agent.halted(), None, "recovery {life}");
        assert_eq!(crate::store::life(&*agent.store).unwrap(), life);
        assert!(crate::ledger::ended(&*agent.store).unwrap().iter().all(|log| log.as_str().ends_with(".1")));
        say_all(&agent).await;
        assert_eq!(agent.halted(), None, "recovery {life}");
    }
}
