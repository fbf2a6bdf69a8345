use std::sync::{Arc, Mutex};

use assent_schema::client::Endpoints;
use serde_json::{Value, json};

use super::*;
use crate::ledger::Ledgers;
use crate::sim::{Crash, Host, Reply, SimWorld, Spawner, Stop, Strike, run};
use crate::store::{Alert, LedgerRows, RunId};
use crate::vault::HostKey;
use crate::world::{HttpResponse, NetFailure};

/// What the route received, and what it answers next.
#[derive(Default)]
struct Route {
    got: Vec<(String, Value)>,
    answers: Vec<Result<u16, NetFailure>>,
}

fn facts(name: &str) -> assent_schema::client::ClientFacts {
    let facts = json!({
        "type": "client", "schema": 1, "client": name, "plan": "growth", "region": "eu", "zone": "Europe/Berlin",
        "calendar": {"hours": {"1": "09:00-17:00"}}, "retention": "90d", "stale_limit": "72h", "deciders": {},
        "people": {}, "connections": {}, "limits": {"running": 1, "waiting": 1}, "routes": [
            {"carries": "alerts", "via": "webhook", "endpoint": "ops"},
            {"carries": "incidents", "via": "webhook", "endpoint": "pager"},
        ],
    });
    serde_json::from_value(facts).unwrap()
}

fn endpoints() -> Endpoints {
    let ops = json!({"url": "https://alerts.example.com/hook", "region": "eu"});
    let pager = json!({"url": "https://pager.example.com", "region": "us"});
    let routes = json!({"ops": ops, "pager": pager});
    let clients = json!({"acme": routes, "birch": routes});
    let endpoints =
        json!({"type": "endpoints", "schema": 1, "environment": "production", "region": "eu", "clients": clients});
    serde_json::from_value(endpoints).unwrap()
}

fn alert(client: Option<&str>, incident: bool) -> Alert {
    Alert {
        rule: "run-failed".into(),
        client: client.map(|c| c.parse().unwrap()),
        workflow: client.map(|_| "refund".parse().unwrap()),
        connection: Some("helpdesk".parse().unwrap()),
        code: "http_503".into(),
        run: Some(RunId::from_bytes([1; 16])),
        incident,
        by: None,
    }
}

struct Place {
    host: Host,
    key: Arc<HostKey>,
    route: Arc<Mutex<Route>>,
}

impl Place {
    fn new(answers: Vec<Result<u16, NetFailure>>) -> Self {
        let route = Arc::new(Mutex::new(Route { got: Vec::new(), answers }));
        let behind = Arc::clone(&route);
        let service = move |_: Wall, request: HttpRequest| {
            let mut route = behind.lock().unwrap();
            let body = serde_json::from_slice(request.body.reveal()).unwrap();
            route.got.push((format!("{}{}", request.host, request.target.reveal()), body));
            let next = if route.answers.is_empty() { Ok(204) } else { route.answers.remove(0) };
            let result =
                next.map(|status| HttpResponse { status, headers: Vec::new(), body: Content::new(Vec::new()) });
            Reply { result, after: Duration::from_millis(20) }
        };
        let host = Host::new(1, "2026-03-02T09:00:00Z".parse().unwrap(), service);
        Self { host, key: Arc::new(HostKey::generate()), route }
    }

    /// Runs one process: raises alerts, then delivers for so many rounds of five seconds.
    fn live(&self, raise: Vec<Alert>, rounds: usize) -> Stop {
        let world = self.host.boot();
        let spawner = Spawner::default();
        let store = world.store(|rows: &dyn LedgerRows| {
            let outside = (Arc::new(world.clone()), Arc::new(world.clone()), Arc::clone(&self.key));
            Ok(Box::new(Ledgers::load("harbor".parse().unwrap(), "eu-1".parse().unwrap(), outside, rows)?))
        });
        let (store, inside): (_, SimWorld) = (store.unwrap(), world.clone());
        run(&world, &spawner, async move {
            let routes = Routes::new([&facts("acme"), &facts("birch")], &endpoints()).unwrap();
            for alert in raise {
                let transaction = Transaction::new(inside.clock().now()).with(Write::Alert(alert));
                drop(store.commit(transaction).await);
            }
            for _ in 0..rounds {
                drop(deliver_due(&inside, &store, &routes, &"eu-1".parse().unwrap()).await);
                inside.clock().sleep(Duration::from_secs(5)).await;
            }
        })
    }

    fn got(&self) -> Vec<(String, Value)> {
        self.route.lock().unwrap().got.clone()
    }
}

#[test]
fn one_cause_is_one_message_that_says_what_to_do() {
    let place = Place::new(vec![]);
    place.live(vec![alert(Some("acme"), false); 30], 3);
    let got = place.got();
    assert_eq!(got.len(), 1);
    let (to, message) = &got[0];
    assert_eq!(to, "alerts.example.com/hook");
    assert_eq!(message["client"], "acme");
    assert_eq!(message["count"], 30);
    assert_eq!(message["since"], "2026-03-02T09:00:00Z");
    assert_eq!(message["waiting"], 0);
    let commands = json!([
        "assent-agent runs show 01010101010101010101010101010101",
        "assent-agent queue",
        "assent-agent rollback acme/refund",
    ]);
    assert_eq!(message["commands"], commands);
    assert!(message.get("respond_by").is_none());
}

#[test]
fn an_incident_also_goes_to_its_own_route_which_abroad_is_told_less() {
    let place = Place::new(vec![]);
    place.live(vec![alert(Some("acme"), true)], 1);
    let got = place.got();
    assert_eq!(
        got.iter().map(|(to, _)| to.as_str()).collect::<Vec<_>>(),
        ["alerts.example.com/hook", "pager.example.com/"]
    );
    assert_eq!(got[0].1["respond_by"], "2026-03-02T13:00:00Z");
    let keys: Vec<_> = got[1].1.as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys, ["client", "code", "dedup", "run", "schema", "type", "workflow"]);
    assert_eq!(got[0].1["dedup"], got[1].1["dedup"]);
}

#[test]
fn an_alert_about_the_agent_reaches_every_route_once() {
    let place = Place::new(vec![]);
    place.live(vec![alert(None, true)], 1);
    assert_eq!(place.got().len(), 2);
}

#[test]
fn a_route_that_fails_is_tried_until_it_answers() {
    let answers = vec![Ok(500), Err(NetFailure::TimedOut), Ok(301), Err(NetFailure::NeverConnected), Ok(200), Ok(200)];
    let place = Place::new(answers);
    place.live(vec![alert(Some("acme"), false)], 60);
    let got = place.got();
    assert_eq!(got.len(), 5);
    assert!(got.iter().all(|(_, message)| message["dedup"] == got[0].1["dedup"]));
}

#[test]
fn an_alert_is_never_lost_however_the_agent_dies() {
    let calm = Place::new(vec![]);
    calm.live(vec![alert(Some("acme"), true)], 1);
    for at in 0..calm.host.points().len() {
        for strike in [Strike::Before, Strike::After] {
            let place = Place::new(vec![]);
            place.host.crash_at(Some(Crash { at: u64::try_from(at).unwrap(), strike }));
            place.live(vec![alert(Some("acme"), true)], 2);
            place.host.crash_at(None);
            // What was not durable is raised again by whoever found it.
            place.live(vec![alert(Some("acme"), true)], 60);
            let got = place.got();
            assert!(got.iter().any(|(to, _)| to.starts_with("alerts")), "crash at {at}");
            assert!(got.iter().any(|(to, _)| to.starts_with("pager")), "crash at {at}");
        }
    }
}
