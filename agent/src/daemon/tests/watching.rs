//! What watches a running agent: its ping, its traces, its metrics, and alerts that people take care of.

use serde_json::json;

use super::super::heartbeat::Beat;
use super::incidents::Receiver;
use super::*;
use crate::config::{Heartbeat, Traces};
use crate::control::Answer;
use crate::control::alerts::AlertQuestion;
use crate::store::Alert;
use crate::watch::numbers::Form;

async fn agent_with(site: &Site, change: impl FnOnce(&mut Config)) -> Arc<Agent> {
    let mut config = site.config();
    change(&mut config);
    let (agent, _ended) = build(config, fetch::IN_THIS_PROCESS.into()).await.unwrap();
    start(&agent).await.unwrap();
    agent
}

fn url(receiver: &Receiver) -> String {
    format!("http://127.0.0.1:{}/ping", receiver.port)
}

#[tokio::test]
async fn the_ping_is_asked_for_only_while_the_agent_is_well() {
    let (site, receiver) = (Site::new(), Receiver::new(&[]).await);
    let place = url(&receiver);
    let beat = Heartbeat { url: place.clone(), every: Period::minutes(1) };
    let agent = agent_with(&site, |config| config.heartbeat = Some(beat)).await;
    let asked = || receiver.asked.load(std::sync::atomic::Ordering::SeqCst);
    let boot = || agent.world.clock.boot();
    let turn =
        |ago: Duration| ["alerts", "time", "watch"].map(|name| agent.seen.turned(name, boot().saturating_sub(ago)));

    assert_eq!((agent.ails().await, agent.beat(&place).await), (Some("loops"), Beat::Unwell), "no loop turned yet");
    turn(Duration::ZERO);
    assert_eq!(agent.beat(&place).await, Beat::Unwell, "nobody looked at the repository");
    agent.trouble(None);
    assert_eq!((agent.beat(&place).await, asked()), (Beat::Taken, 1));
    // A loop that stands still, however busy the others are.
    agent.seen.turned("watch", boot().saturating_sub(Duration::from_mins(3)));
    assert_eq!((agent.ails().await, agent.beat(&place).await, asked()), (Some("loops"), Beat::Unwell, 1));
    turn(Duration::ZERO);
    agent.seen.polled(boot().saturating_sub(Duration::from_hours(1)));
    assert_eq!((agent.ails().await, agent.beat(&place).await, asked()), (Some("poll"), Beat::Unwell, 1));
    agent.trouble(None);
    assert_eq!((agent.beat(&place).await, asked()), (Beat::Taken, 2));
}

#[tokio::test]
async fn a_ping_goes_nowhere_that_no_release_lists() {
    let (site, receiver) = (Site::new(), Receiver::new(&[]).await);
    let beat = |url: &str| Some(Heartbeat { url: url.to_owned(), every: Period::minutes(1) });
    let agent = agent_with(&site, |config| config.heartbeat = beat("https://elsewhere.example/ping")).await;
    for name in ["alerts", "time", "watch"] {
        agent.seen.turned(name, agent.world.clock.boot());
    }
    agent.trouble(None);
    let failed = agent.beat("https://elsewhere.example/ping").await;
    assert_eq!(failed, Beat::Failed("address_refused".to_owned()));
    // Another place on this machine than the one that `agent.toml` names is none of its either.
    assert_eq!(agent.beat(&url(&receiver)).await, Beat::Failed("address_refused".to_owned()));
    drop(agent);
    let agent = build(
        {
            let mut config = site.config();
            config.heartbeat = beat("ftp://x");
            config
        },
        "".into(),
    )
    .await;
    assert!(agent.is_err(), "a URL of another form is found before anything begins");
}

/// A run from its acceptance to its end, as the journal has it.
fn ran(run: RunId, plan: Digest) -> Vec<Write> {
    let (client, workflow) = place();
    let accepted = json!({"accepted": {"client": client, "workflow": workflow, "plan": plan, "number": 0,
        "trigger": "webhook", "event": "canary-event"}});
    let intent = json!({"intent": {"step": "look", "attempt": 1, "operation": "shop.get_order", "effect": "none"}});
    let outcome = json!({"outcome": {"step": "look", "attempt": 1, "code": "ok", "status": 200}});
    let ended = json!({"ended": {"ending": "done"}});
    let entry = |entry: serde_json::Value| Write::Journal { run, entry: serde_json::from_value(entry).unwrap() };
    let mut writes = vec![Write::Open { run, sealed: None }];
    writes.extend([accepted, intent, outcome, ended].map(entry));
    writes.push(Write::Close { run });
    writes
}

#[tokio::test]
async fn runs_are_counted_traced_and_told_without_what_they_were_about() {
    let (site, receiver) = (Site::new(), Receiver::new(&[]).await);
    let collector = format!("http://127.0.0.1:{}", receiver.port);
    let traces = Traces { url: collector.clone() };
    let agent = agent_with(&site, |config| config.traces = Some(traces)).await;
    let named = plan("one");
    site.publish(&release(&named, 1, None, |_| ()));
    agent.pull().await.unwrap();
    agent.look(1).await.unwrap();
    for n in 0..3 {
        let at = agent.world.clock.now();
        let run = RunId::new(at, [n; 10]);
        agent.store.commit(Transaction { at, writes: ran(run, digest(&named)) }).await.unwrap();
    }
    // The tenth look also keeps what was counted.
    agent.look(10).await.unwrap();
    agent.look(11).await.unwrap();
    let text = agent.numbers(&crate::desk::Counted::default()).await.unwrap().text(Form::Text);
    for line in [
        "assent_runs_accepted_total{client=\"acme\",workflow=\"look\"} 3",
        "assent_runs_ended_total{client=\"acme\",workflow=\"look\",outcome=\"done\"} 3",
        "assent_release_sequence 1",
        "assent_spans_total{outcome=\"sent\"} 0",
        "# TYPE assent_alerts_open gauge",
    ] {
        assert!(text.lines().any(|one| one.starts_with(line)), "{line}\n{text}");
    }
    assert!(!text.contains("canary"));
    assert_eq!(agent.tell_spans(&collector, Duration::ZERO).await, 6);
    let got = receiver.got.lock().unwrap().clone();
    assert_eq!(got.len(), 1);
    let told = got[0].to_string();
    assert!(told.contains("shop.get_order") && !told.contains("canary"), "{told}");
    let kept = agent.store.states("watch/").unwrap();
    assert!(kept.iter().any(|(name, _)| name.starts_with("watch/hours/acme/look/")));
    assert!(kept.iter().all(|(_, value)| !String::from_utf8_lossy(value).contains("canary")));
}

/// One client approved one connection abroad; what tells of all clients stays in the region.
#[test]
fn traces_go_to_no_host_of_another_region() {
    let endpoint = |url: &str, region: &str| json!({"url": url, "region": region});
    let endpoints = json!({"type": "endpoints", "schema": 1, "environment": "production", "region": "us",
        "clients": {"acme": {"shop": endpoint("https://shop.example", "us"), "ai": endpoint("https://ai.example", "eu")}}});
    let listed = super::super::watching::listed(&serde_json::from_value(endpoints).unwrap(), &"us".parse().unwrap());
    assert_eq!(listed, [("shop.example".to_owned(), 443)].into());
}

#[tokio::test]
async fn spans_that_nobody_takes_cost_no_run_anything_and_are_counted() {
    let site = Site::new();
    let traces = Traces { url: "http://127.0.0.1:9".into() };
    let agent = agent_with(&site, |config| config.traces = Some(traces)).await;
    agent.look(1).await.unwrap();
    let at = agent.world.clock.now();
    agent.store.commit(Transaction { at, writes: ran(RunId::new(at, [1; 10]), digest(&plan("one"))) }).await.unwrap();
    agent.look(2).await.unwrap();
    assert_eq!(agent.tell_spans("http://127.0.0.1:9", Duration::ZERO).await, 2);
    let text = agent.numbers(&crate::desk::Counted::default()).await.unwrap().text(Form::Text);
    assert!(text.contains("assent_spans_total{outcome=\"dropped\"} 2"), "{text}");
}

#[tokio::test]
async fn an_alert_that_is_no_incident_is_acknowledged_once_by_those_on_call() {
    let (site, receiver) = (Site::new(), Receiver::new(&[]).await);
    let (agent, _ended) = site.agent().await;
    site.publish(&receiver.release("alerts"));
    agent.pull().await.unwrap();
    let alert = |incident| Alert {
        rule: if incident { Rule::Disk } else { Rule::AtLimit },
        client: Some(place().0),
        workflow: None,
        connection: None,
        code: "runs".into(),
        run: None,
        incident,
        by: None,
        about: None,
    };
    for incident in [false, true] {
        let write = Write::Alert(alert(incident));
        agent.store.commit(Transaction::new(agent.world.clock.now()).with(write)).await.unwrap();
    }
    let ask = |no, by: &str| {
        let (agent, by) = (Arc::clone(&agent), by.parse().unwrap());
        async move {
            match agent.about_alerts(AlertQuestion::Acknowledge { no }, by).await.unwrap() {
                Answer::Alerts(lines) => Ok(lines),
                Answer::Refused { what, .. } => Err(what),
                other => panic!("{other:?}"),
            }
        }
    };
    assert!(ask(1, "mallory").await.unwrap_err().contains("on-call"));
    assert!(ask(2, "ann").await.unwrap_err().contains("incident `i-2`"));
    assert!(ask(3, "ann").await.unwrap_err().contains("no alert `a-3`"));
    let lines = ask(1, "ann").await.unwrap();
    assert_eq!(lines[0].acknowledged.as_ref().map(|act| act.by.to_string()), Some("ann".to_owned()));
    assert!(ask(1, "ann").await.unwrap_err().contains("acknowledged it at"));
    let from = "2026-01-01T00:00:00Z".parse().unwrap();
    let entries = agent.entries(Log::Client(place().0), from, agent.field.now().plus(Period::hours(1))).await.unwrap();
    let acknowledged = entries.iter().filter_map(|entry| match &entry.kind {
        assent_schema::ledger::Kind::Acknowledged(data) => {
            Some((data.id.to_string(), data.rule.to_string(), entry.actor.clone()))
        }
        _ => None,
    });
    let expected = ("a-1".to_owned(), "at-limit".to_owned(), Some("ann".parse().unwrap()));
    assert_eq!(acknowledged.collect::<Vec<_>>(), [expected]);
    // A row that cannot be read is not as if nobody took care of it.
    let broken = Write::State { name: format!("{}1", crate::watch::ACKNOWLEDGED), value: Some(b"{".to_vec()) };
    agent.store.commit(Transaction::new(agent.world.clock.now()).with(broken)).await.unwrap();
    for question in [AlertQuestion::List { client: None }, AlertQuestion::Acknowledge { no: 1 }] {
        let answer = agent.about_alerts(question, "ann".parse().unwrap()).await;
        assert!(matches!(answer, Err(StoreError::Damaged("an acknowledgement"))), "{answer:?}");
    }
}

/// `assent-agent status` is the first command of most alerts: it says what they are about.
#[tokio::test(flavor = "multi_thread")]
async fn what_stands_of_the_agent_itself_is_told_by_its_status() {
    let site = Site::new();
    let (agent, _ended) = site.agent().await;
    assert_eq!(agent.standing().unwrap(), Vec::new());
    let route = || "am".parse().unwrap();
    let conditions = [
        crate::watch::Condition::Lag { code: "loop" },
        crate::watch::Condition::RouteFails { route: route(), code: "http_500".into() },
        crate::watch::Condition::Disk { code: "disk_low".into() },
        // Not of the agent itself, of an incident, and of something that is over.
        crate::watch::Condition::StaleStopped { client: place().0 },
        crate::watch::Condition::ResponseLate { client: None, incident: crate::store::IncidentNo::new(1) },
        crate::watch::Condition::ReleaseRefused { code: "forked".into() },
    ];
    let writes = conditions.iter().map(|condition| Write::Alert(crate::watch::alert(condition))).collect();
    agent.store.commit(Transaction { at: agent.world.clock.now(), writes }).await.unwrap();
    let standing = agent.standing().unwrap();
    assert_eq!(standing.iter().map(|one| one.rule).collect::<Vec<_>>(), [Rule::Disk, Rule::RouteFails, Rule::Lag]);
    assert!(standing[0].left.is_some() && standing[0].id.as_ref().is_some_and(|id| id.starts_with("i-")));
    assert_eq!((standing[1].connection.clone(), standing[2].left), (Some(route()), None));
    agent.engine.set_full(true);
    let full = agent.standing().unwrap();
    assert!(
        full.iter().any(|one| one.code == "disk_full" && one.id.is_none()),
        "from memory, where it cannot be stored"
    );
}
