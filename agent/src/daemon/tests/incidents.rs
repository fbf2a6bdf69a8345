//! An incident from its first alert to its end, over a real state folder and a route that answers or does not.

use std::collections::VecDeque;

use assent_schema::client::Tier;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;
use crate::control::Answer;
use crate::control::incidents::{IncidentAnswer, IncidentQuestion, IncidentRow};
use crate::incident::State;
use crate::store::Severity;
use crate::vault::{AnyVault, FileVault, Secret, SlotPath};

/// Takes posts on loopback: each with the next status, then with 204.
pub(super) struct Receiver {
    pub(super) port: u16,
    pub(super) got: Arc<Mutex<Vec<Value>>>,
    /// Requests without a body.
    pub(super) asked: Arc<std::sync::atomic::AtomicU32>,
}

impl Receiver {
    pub(super) async fn new(statuses: &[u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (port, got) = (listener.local_addr().unwrap().port(), Arc::<Mutex<Vec<Value>>>::default());
        let (mut statuses, taken): (VecDeque<u16>, _) = (statuses.iter().copied().collect(), Arc::clone(&got));
        let asked = Arc::<std::sync::atomic::AtomicU32>::default();
        let gets = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut bytes = Vec::new();
                let body = loop {
                    stream.read_buf(&mut bytes).await.unwrap();
                    let text = String::from_utf8_lossy(&bytes).into_owned();
                    if text.starts_with("GET ") && text.ends_with("\r\n\r\n") {
                        gets.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                        break Value::Null;
                    }
                    let whole = text.split_once("\r\n\r\n").and_then(|(_, body)| serde_json::from_str(body).ok());
                    if let Some(body) = whole {
                        break body;
                    }
                };
                if !body.is_null() {
                    taken.lock().unwrap().push(body);
                }
                let status = statuses.pop_front().unwrap_or(204);
                let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        Self { port, got, asked }
    }

    /// A release whose client takes post-mortems here.
    pub(super) fn release(&self, carries: &str) -> Files {
        self.release_to(Tier::Growth, carries, (1, None))
    }

    /// The same for another plan of the client, after another release.
    fn release_to(&self, tier: Tier, carries: &str, after: (u64, Option<&Files>)) -> Files {
        Self::release_by(&[("ops", self.port)], tier, carries, after)
    }

    /// The same by several routes, each to a port.
    fn release_by(
        routes: &[(&str, u16)],
        tier: Tier,
        carries: &str,
        (sequence, previous): (u64, Option<&Files>),
    ) -> Files {
        let mut facts = fixture::facts();
        facts.plan = tier;
        facts.contacts = ["dana".parse().unwrap()].into();
        facts.calendar.hours = [("1".to_owned(), "09:00-17:00".to_owned())].into();
        let mut clients = json!({"acme": {"shop": {"url": "https://shop.example/v1", "region": "eu"}}});
        facts.routes.clear();
        for (name, port) in routes {
            let url = format!("http://127.0.0.1:{port}/hook");
            let route = json!({"carries": carries, "via": "webhook", "endpoint": name, "urls": [url]});
            facts.routes.push(serde_json::from_value(route).unwrap());
            clients["acme"][name] = json!({"url": url, "region": "eu"});
        }
        let endpoints = json!({"type": "endpoints", "schema": 1, "environment": "production", "region": "eu",
            "clients": clients});
        let put = |files: &mut Files| {
            fixture::put_json(files, &FileName::Client(acme()), &facts);
            let given = RealClock.now().moment().minus(Period::days(1));
            fixture::put_statement(files, &fixture::approval_of(&facts, given), &["dana"]);
            fixture::put_json(files, &FileName::Endpoints, &endpoints);
        };
        release_of(&plan("one"), sequence, previous, put, |_| ())
    }
}

fn acme() -> ClientId {
    "acme".parse().unwrap()
}

async fn ask(agent: &Agent, question: IncidentQuestion) -> Result<IncidentAnswer, String> {
    match agent.about_incidents(question, ann()).await.unwrap() {
        Answer::Incidents(answer) => Ok(answer),
        Answer::Refused { what, .. } => Err(what),
        other => panic!("{other:?}"),
    }
}

async fn one(agent: &Agent, question: IncidentQuestion) -> Result<IncidentRow, String> {
    match ask(agent, question).await? {
        IncidentAnswer::One(row) => Ok(*row),
        other => panic!("{other:?}"),
    }
}

fn open(code: &str) -> IncidentQuestion {
    let (client, code) = (Some(acme()), code.parse().unwrap());
    IncidentQuestion::Open { client, workflow: None, code, severity: Severity::Critical }
}

fn ann() -> assent_schema::id::PersonId {
    "ann".parse().unwrap()
}

async fn entries(agent: &Agent) -> Vec<assent_schema::ledger::Entry> {
    let from = "2026-01-01T00:00:00Z".parse().unwrap();
    agent.entries(Log::Client(acme()), from, agent.field.now().plus(Period::hours(1))).await.unwrap()
}

#[tokio::test]
async fn what_was_promised_when_an_incident_opened_stays_promised_when_the_plan_changes() {
    let (site, receiver) = (Site::new(), Receiver::new(&[]).await);
    let (agent, _ended) = site.agent().await;
    let first = receiver.release("post-mortems");
    site.publish(&first);
    agent.pull().await.unwrap();
    let before = one(&agent, open("INC-7")).await.unwrap();
    let four = Some(before.began.plus(Period::hours(4)));
    assert_eq!(before.answer_by, four, "growth");
    site.publish(&receiver.release_to(Tier::Scale, "post-mortems", (2, Some(&first))));
    agent.pull().await.unwrap();
    let after = one(&agent, open("INC-8")).await.unwrap();
    assert_eq!(after.answer_by, Some(after.began.plus(Period::hours(1))), "scale");
    drop(agent);
    let (agent, _ended) = site.agent().await;
    let IncidentAnswer::List(rows) = ask(&agent, IncidentQuestion::List { client: None, closed: true }).await.unwrap()
    else {
        panic!("no list")
    };
    assert_eq!(rows.iter().map(|row| row.answer_by).collect::<Vec<_>>(), [four, after.answer_by]);
    let entries = entries(&agent).await.into_iter().filter_map(|entry| match entry.kind {
        assent_schema::ledger::Kind::Incident(incident) => Some(incident.respond_by),
        _ => None,
    });
    assert_eq!(entries.collect::<Vec<_>>(), [four, after.answer_by], "whoever checks judges by them");
}

#[tokio::test]
async fn an_incident_is_answered_explained_shared_and_closed_by_those_on_call() {
    let (site, receiver) = (Site::new(), Receiver::new(&[500]).await);
    {
        let (agent, _ended) = site.agent().await;
        site.publish(&receiver.release("post-mortems"));
        agent.pull().await.unwrap();
        let stranger = agent.about_incidents(open("INC-7"), "mallory".parse().unwrap()).await.unwrap();
        assert!(matches!(stranger, Answer::Refused { what, .. } if what.contains("on-call")));
        let nowhere = IncidentQuestion::Open {
            client: Some(acme()),
            workflow: Some("nothing".parse().unwrap()),
            code: "INC-7".parse().unwrap(),
            severity: Severity::Critical,
        };
        assert!(one(&agent, nowhere).await.unwrap_err().contains("no workflow `nothing`"));
        let opened = one(&agent, open("INC-7")).await.unwrap();
        assert_eq!((opened.id.as_str(), opened.state), ("i-1", State::Opened));
        assert_eq!(opened.answer_by, Some(opened.began.plus(Period::hours(4))), "growth answers within four hours");
        assert!(one(&agent, open("INC-7")).await.is_err(), "it is open already");

        let step = |no| IncidentQuestion::Close { no };
        assert!(one(&agent, step(1)).await.unwrap_err().contains("not resolved"));
        assert!(one(&agent, step(2)).await.unwrap_err().contains("no incident `i-2`"));
        one(&agent, IncidentQuestion::Acknowledge { no: 1 }).await.unwrap();
        one(&agent, IncidentQuestion::Resolve { no: 1 }).await.unwrap();
        assert!(one(&agent, step(1)).await.unwrap_err().contains("was not shared"));

        let IncidentAnswer::Draft(draft) = ask(&agent, IncidentQuestion::Draft { no: 1 }).await.unwrap() else {
            panic!("no draft")
        };
        assert!(draft.contains("Found by a person, ann"), "{draft}");
        let share = |text: &str| IncidentQuestion::Share { no: 1, text: text.to_owned() };
        assert!(one(&agent, share(&draft)).await.unwrap_err().contains("`## Root cause` says nothing yet"));
        let why = "The price list of the shop was empty for an hour, and nobody had asked whether it may be.";
        let whole = draft.replace("## Root cause\n", &format!("## Root cause\n\n{why}\n"));
        let whole = whole.replace("## Prevention\n", &format!("## Prevention\n\nAn empty list stops the run. {why}\n"));
        let vault = FileVault::open(Arc::clone(&agent.disk), Arc::clone(&agent.identity.host)).ok().unwrap();
        let path = SlotPath::Route("ops".parse().unwrap());
        vault.put(&path, Secret::new(b"canary-of-the-route".to_vec()).ok().unwrap()).unwrap();
        agent.field.replace_vault(AnyVault::File(vault));
        let told = |more: &str| share(&format!("{}\n{more}\n", whole.trim_end()));
        let line = whole.trim_end().lines().count() + 1;
        let refused = one(&agent, told("It was canary-of-the-route.")).await.unwrap_err();
        assert!(refused.contains(&format!("line {line} holds a secret of the vault")), "{refused}");
        let refused = one(&agent, told("Ask anna.schmidt@gmail.com.")).await.unwrap_err();
        assert!(refused.contains(&format!("line {line} holds an e-mail address")), "{refused}");
        let old =
            whole.lines().map(|line| if line.starts_with("| Resolved |") { "| Resolved | not yet |" } else { line });
        let old = old.collect::<Vec<_>>().join("\n") + "\n";
        let refused = one(&agent, share(&old)).await.unwrap_err();
        assert!(
            refused.contains("older than the incident") && refused.contains("must say `| Resolved | 20"),
            "{refused}"
        );
        assert!(receiver.got.lock().unwrap().is_empty());
        let refused = one(&agent, share(&whole)).await.unwrap_err();
        assert_eq!(refused, "the route `ops` of `acme` did not take the post-mortem (http_500)");
        let shared = one(&agent, share(&whole)).await.unwrap();
        assert_eq!((shared.state, shared.done.took), (State::Shared, vec!["ops".parse().unwrap()]));
        assert!(one(&agent, share(&whole)).await.unwrap_err().contains("before"));
        let got = receiver.got.lock().unwrap().clone();
        assert_eq!((got.len(), &got[0]), (2, &got[1]), "the second try says the same");
        assert_eq!((&got[1]["text"], &got[1]["contacts"]), (&json!(whole), &json!(["dana"])));
        assert_eq!(one(&agent, step(1)).await.unwrap().state, State::Closed);

        let states = entries(&agent).await.into_iter().filter_map(|entry| match entry.kind {
            assent_schema::ledger::Kind::Incident(incident) => Some((incident.state.as_str().to_owned(), entry.actor)),
            _ => None,
        });
        let expected = ["opened", "acknowledged", "resolved", "shared", "closed"].map(|s| (s.to_owned(), Some(ann())));
        assert_eq!(states.collect::<Vec<_>>(), expected);
    }
    let (agent, _ended) = site.agent().await;
    let list = |closed| IncidentQuestion::List { client: None, closed };
    let IncidentAnswer::List(open) = ask(&agent, list(false)).await.unwrap() else { panic!("no list") };
    let IncidentAnswer::List(all) = ask(&agent, list(true)).await.unwrap() else { panic!("no list") };
    assert_eq!((open.len(), all.len()), (0, 1));
    assert_eq!(all[0].done.closed.as_ref().map(|act| act.by.clone()), Some(ann()));
}

#[tokio::test]
async fn every_route_is_tried_and_who_refused_is_told_beside_who_took_it() {
    let (site, first, second) = (Site::new(), Receiver::new(&[503]).await, Receiver::new(&[]).await);
    let (agent, _ended) = site.agent().await;
    let routes = [("first", first.port), ("second", second.port)];
    site.publish(&Receiver::release_by(&routes, Tier::Growth, "post-mortems", (1, None)));
    agent.pull().await.unwrap();
    one(&agent, open("INC-7")).await.unwrap();
    let IncidentAnswer::Draft(draft) = ask(&agent, IncidentQuestion::Draft { no: 1 }).await.unwrap() else {
        panic!("no draft")
    };
    let why = "The price list of the shop was empty for an hour, and nobody had asked whether it may be.";
    let whole = draft.replace("## Root cause\n", &format!("## Root cause\n{why}\n"));
    let text = whole.replace("## Prevention\n", &format!("## Prevention\n{why}\n"));
    let share = || IncidentQuestion::Share { no: 1, text: text.clone() };
    let refused = one(&agent, share()).await.unwrap_err();
    assert_eq!(
        refused, "the route `first` of `acme` did not take the post-mortem (http_503); taken by `second`",
        "who can be reached is reached"
    );
    assert_eq!(agent.cases().unwrap()[0].state(), State::Opened, "it is not shared until all have it");
    let took = ["first", "second"].map(|route| route.parse().unwrap());
    assert_eq!(one(&agent, share()).await.unwrap().done.took, took);
    assert_eq!(second.got.lock().unwrap().len(), 2, "with the same `dedup`");
    // It stays known.
    assert_eq!(agent.incident_rows().unwrap()[0].done.took, took);
}

#[tokio::test]
async fn without_a_route_for_them_no_post_mortem_counts_as_shared() {
    let (site, receiver) = (Site::new(), Receiver::new(&[]).await);
    let (agent, _ended) = site.agent().await;
    site.publish(&receiver.release("alerts"));
    agent.pull().await.unwrap();
    one(&agent, open("INC-7")).await.unwrap();
    let IncidentAnswer::Draft(draft) = ask(&agent, IncidentQuestion::Draft { no: 1 }).await.unwrap() else {
        panic!("no draft")
    };
    let why = "The price list of the shop was empty for an hour, and nobody had asked whether it may be.";
    let whole = draft.replace("## Root cause\n", &format!("## Root cause\n{why}\n"));
    let text = whole.replace("## Prevention\n", &format!("## Prevention\n{why}\n"));
    let shared = one(&agent, IncidentQuestion::Share { no: 1, text }).await;
    assert!(shared.unwrap_err().contains("no route of `acme`"));
    assert_eq!(receiver.got.lock().unwrap().len(), 0);
}

#[tokio::test]
async fn a_failure_after_the_incident_was_resolved_is_told_again() {
    let (site, receiver) = (Site::new(), Receiver::new(&[]).await);
    let (agent, _ended) = site.agent().await;
    site.publish(&receiver.release("alerts"));
    agent.pull().await.unwrap();
    let fails = || async {
        let failed = crate::watch::Condition::Secret {
            client: acme(),
            connection: "shop".parse().unwrap(),
            slot: "token".parse().unwrap(),
        };
        let alert = crate::watch::alert(&failed);
        agent.store.commit(Transaction::new(agent.world.clock.now()).with(Write::Alert(alert))).await.unwrap();
    };
    fails().await;
    fails().await;
    assert_eq!(agent.cases().unwrap().iter().map(|case| case.row.count).collect::<Vec<_>>(), [2]);
    one(&agent, IncidentQuestion::Resolve { no: 1 }).await.unwrap();
    fails().await;
    let states: Vec<_> = agent.cases().unwrap().iter().map(|case| (case.id(), case.state())).collect();
    assert_eq!(states, [("i-1".to_owned(), State::Resolved), ("i-2".to_owned(), State::Opened)]);
    assert_eq!(
        agent.store.alerts().unwrap().iter().filter(|row| row.due.is_some()).count(),
        1,
        "it is due for delivery"
    );
}
