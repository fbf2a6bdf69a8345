use std::sync::{Arc, Mutex};

use assent_schema::client::{ClientFacts, Endpoints};
use serde_json::{Value, json};

use super::*;
use crate::content::Content;
use crate::incident::{Done, Step};
use crate::ledger::Ledgers;
use crate::sim::{Crash, Host, Reply, SimWorld, Spawner, Stop, Strike, run};
use crate::store::{LedgerRows, RunId};
use crate::vault::HostKey;
use crate::watch::{Routes, ToldSecret};
use crate::world::{HttpRequest, HttpResponse, NetFailure};

/// What the route received, and what it answers next.
#[derive(Default)]
struct Route {
    got: Vec<(String, Value)>,
    answers: Vec<Result<u16, NetFailure>>,
    /// A host that takes nothing for so many times.
    refuses: Option<(&'static str, u32)>,
    /// A host that takes its time.
    slow: Option<&'static str>,
}

fn facts(name: &str) -> ClientFacts {
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
        rule: Rule::RunFailed,
        client: client.map(|c| c.parse().unwrap()),
        workflow: client.map(|_| "refund".parse().unwrap()),
        connection: Some("helpdesk".parse().unwrap()),
        code: "http_503".into(),
        run: Some(RunId::from_bytes([1; 16])),
        incident,
        by: None,
        about: None,
    }
}

struct Place {
    host: Host,
    key: Arc<HostKey>,
    route: Arc<Mutex<Route>>,
}

impl Place {
    fn new(answers: Vec<Result<u16, NetFailure>>) -> Self {
        let route = Arc::new(Mutex::new(Route { got: Vec::new(), answers, refuses: None, slow: None }));
        let behind = Arc::clone(&route);
        let service = move |_: Wall, request: HttpRequest| {
            let mut route = behind.lock().unwrap();
            let text = || Value::String(String::from_utf8(request.body.reveal().clone()).unwrap());
            let body = serde_json::from_slice(request.body.reveal()).unwrap_or_else(|_| text());
            route.got.push((format!("{}{}", request.host, request.target.reveal()), body));
            if let Some((host, left)) = &mut route.refuses
                && *host == request.host
                && *left > 0
            {
                *left -= 1;
                return Reply { result: Err(NetFailure::NeverConnected), after: Duration::from_millis(20) };
            }
            let next = if route.answers.is_empty() { Ok(204) } else { route.answers.remove(0) };
            let result =
                next.map(|status| HttpResponse { status, headers: Vec::new(), body: Content::new(Vec::new()) });
            let is_slow = route.slow == Some(request.host.as_str());
            Reply { result, after: if is_slow { Duration::from_secs(9) } else { Duration::from_millis(20) } }
        };
        let host = Host::new(1, "2026-03-02T09:00:00Z".parse().unwrap(), service);
        Self { host, key: Arc::new(HostKey::generate()), route }
    }

    /// Runs one process: raises alerts, then delivers for so many rounds of five seconds.
    fn live(&self, raise: Vec<Alert>, rounds: usize) -> Stop {
        let raise = raise.into_iter().map(|alert| vec![Write::Alert(alert)]).collect();
        self.live_with(&[facts("acme"), facts("birch")], &endpoints(), raise, rounds)
    }

    fn live_with(&self, facts: &[ClientFacts], endpoints: &Endpoints, writes: Vec<Vec<Write>>, rounds: usize) -> Stop {
        let routes = Routes::new(facts, endpoints).unwrap();
        let world = self.host.boot();
        let spawner = Spawner::default();
        let store = world.store(|rows: &dyn LedgerRows| {
            let outside = (Arc::new(world.clone()), Arc::new(world.clone()), Arc::clone(&self.key));
            Ok(Box::new(Ledgers::load("harbor".parse().unwrap(), "eu-1".parse().unwrap(), outside, rows)?))
        });
        let (store, inside): (_, SimWorld) = (store.unwrap(), world.clone());
        run(&world, &spawner, async move {
            for writes in writes {
                let transaction = Transaction { at: inside.clock().now(), writes };
                drop(store.commit(transaction).await);
            }
            for _ in 0..rounds {
                let (agent, secrets) = ("eu-1".parse().unwrap(), secret);
                let teller = Teller::new(&routes, &agent, &secrets);
                drop(deliver_due(&inside, &store, &teller).await);
                inside.clock().sleep(Duration::from_secs(5)).await;
            }
        })
    }

    fn got(&self) -> Vec<(String, Value)> {
        self.route.lock().unwrap().got.clone()
    }
}

#[test]
fn an_alert_that_cannot_be_stored_is_told_from_memory() {
    let place = Place::new(vec![]);
    let (world, routes) = (place.host.boot(), Routes::new(&[facts("acme")], &endpoints()).unwrap());
    let inside = world.clone();
    run(&world, &Spawner::default(), async move {
        let (agent, secrets) = ("eu-1".parse().unwrap(), secret);
        let teller = Teller::new(&routes, &agent, &secrets);
        let full = super::super::alert(&Condition::Disk { code: "disk_full".into() });
        assert_eq!(tell_unstored(&inside, &teller, full).await, 2);
    });
    let got = place.got();
    assert_eq!(
        got.iter().map(|(to, _)| to.as_str()).collect::<Vec<_>>(),
        ["alerts.example.com/hook", "pager.example.com/"]
    );
    assert_eq!((&got[0].1["rule"], &got[0].1["code"]), (&json!("disk"), &json!("disk_full")));
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
        "assent-agent alerts acknowledge a-1",
        "assent-agent runs retry 01010101010101010101010101010101 --why a-1",
    ]);
    assert_eq!(message["commands"], commands);
    assert!(message.get("respond_by").is_none());
}

fn item(client: &str, workflow: &str, run: u8) -> Write {
    let item = json!({
        "run": RunId::from_bytes([run; 16]).to_string(), "client": client, "workflow": workflow, "queue": "support",
        "why": "http_503", "event": "evt", "since": 0,
    });
    Write::Queue(Box::new(serde_json::from_value(item).unwrap()))
}

#[test]
fn an_alert_about_the_clock_of_an_incident_says_of_what_it_is_and_until_when() {
    let place = Place::new(vec![]);
    let late = super::super::alert(&Condition::ResponseLate {
        client: Some("acme".parse().unwrap()),
        incident: IncidentNo::new(1),
    });
    let writes = vec![vec![Write::Alert(alert(Some("acme"), true))], vec![Write::Alert(late)]];
    place.live_with(&[facts("acme")], &endpoints(), writes, 1);
    let got = place.got();
    let of = |rule: &str| got.iter().map(|(_, message)| message).find(|message| message["rule"] == rule).unwrap();
    let (opened, late) = (of("run-failed"), of("response-late"));
    assert_eq!(
        (&late["code"], &late["workflow"], &late["connection"]),
        (&json!("i-1"), &json!("refund"), &json!("helpdesk"))
    );
    let about = json!({"incident": "i-1", "rule": "run-failed", "code": "http_503", "began": "2026-03-02T09:00:00Z"});
    assert_eq!(late["about"], about);
    assert!(opened["respond_by"].is_string());
    assert_eq!(late["respond_by"], opened["respond_by"], "the clock of the incident");
}

#[test]
fn what_waits_is_counted_in_the_workflow_that_an_alert_is_about() {
    let place = Place::new(vec![]);
    let queue = vec![item("acme", "refund", 1), item("acme", "reply", 2), item("birch", "refund", 3)];
    let whole = Alert { workflow: None, code: "other".into(), ..alert(Some("acme"), false) };
    let alerts = [alert(Some("acme"), false), whole].map(Write::Alert).to_vec();
    place.live_with(&[facts("acme")], &endpoints(), vec![queue, alerts], 1);
    let waiting: Vec<_> = place.got().into_iter().map(|(_, message)| message["waiting"].clone()).collect();
    assert_eq!(waiting, [1, 2]);
}

#[test]
fn what_befalls_a_client_that_left_the_release_is_told_by_all_routes_and_to_nobodys_contacts() {
    let place = Place::new(vec![]);
    let mut mail = facts("birch");
    mail.contacts = ["dana".parse().unwrap()].into();
    mail.mail = [("dana".parse().unwrap(), "dana@birch.example".parse().unwrap())].into();
    let route = json!({"carries": "alerts", "via": "smtp", "endpoint": "mail", "mail": {"from": "agent@harbor.example", "to": []}});
    mail.routes = vec![serde_json::from_value(route).unwrap()];
    let mut all = endpoints();
    let server = json!({"url": "smtps://mail.example.com", "region": "eu"});
    let of_birch = all.clients.get_mut("birch").unwrap();
    of_birch.insert("mail".parse().unwrap(), serde_json::from_value(server).unwrap());
    place.live_with(&[facts("acme"), mail], &all, vec![vec![Write::Alert(alert(Some("gone"), true))]], 2);
    let got = place.got();
    let to: Vec<_> = got.iter().map(|(to, _)| to.as_str()).collect();
    assert_eq!(to, ["alerts.example.com/hook", "pager.example.com/"]);
    assert_eq!((&got[0].1["client"], &got[0].1["rule"]), (&json!("gone"), &json!("run-failed")));
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
fn a_slow_route_keeps_no_other_waiting_and_hears_all_in_its_time() {
    let alerts = || (0..6).map(|place| Alert { code: format!("http_50{place}"), ..alert(Some("acme"), true) });
    let heard = |place: &Place, host: &str| place.got().iter().filter(|(to, _)| to.starts_with(host)).count();
    let place = Place::new(vec![]);
    place.route.lock().unwrap().slow = Some("pager.example.com");
    place.live(alerts().collect(), 1);
    assert_eq!((heard(&place, "alerts.example.com"), heard(&place, "pager.example.com")), (6, 1));
    let place = Place::new(vec![]);
    place.route.lock().unwrap().slow = Some("pager.example.com");
    place.live(alerts().collect(), 12);
    assert_eq!((heard(&place, "alerts.example.com"), heard(&place, "pager.example.com")), (6, 6));
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

const KEY: &str = "0123456789abcdef0123456789abcdef";

fn secret<'a>(route: &ConnectionId) -> ToldSecret<'a> {
    let secret = match route.as_str() {
        "page" => Some(KEY),
        "chat" => Some("https://hooks.slack.example/services/T0/B0/xyz"),
        _ => None,
    };
    Box::pin(async move { secret.map(|secret| Content::new(secret.as_bytes().to_vec())) })
}

/// A client with one route of each kind that follows what becomes of an alert.
fn following() -> (Vec<ClientFacts>, Endpoints) {
    let mut facts = facts("acme");
    facts.routes = serde_json::from_value(json!([
        {"carries": "alerts", "via": "pagerduty", "endpoint": "page"},
        {"carries": "alerts", "via": "slack", "endpoint": "chat"},
        {"carries": "alerts", "via": "alertmanager", "endpoint": "prom"},
        {"carries": "alerts", "via": "smtp", "endpoint": "post", "mail": {"from": "alerts@harbor.example"}},
        {"carries": "alerts", "via": "webhook", "endpoint": "ops"},
    ]))
    .unwrap();
    facts.contacts = ["dana".parse().unwrap()].into();
    facts.mail = [("dana".parse().unwrap(), "dana@acme.example".parse().unwrap())].into();
    let at = |url: &str| json!({"url": url, "region": "eu"});
    let clients = json!({"acme": {"page": at("https://events.example.com"), "chat": at("https://hooks.slack.example"),
        "prom": at("https://prom.example.com/am"), "post": at("smtps://mail.example.com"), "ops": at("https://ops.example.com")}});
    let endpoints =
        json!({"type": "endpoints", "schema": 1, "environment": "production", "region": "eu", "clients": clients});
    (vec![facts], serde_json::from_value(endpoints).unwrap())
}

/// What was taken to which host, as far as it says how far the alert came.
fn told(place: &Place) -> Vec<(String, String)> {
    let word = |body: &Value| {
        let action = body["event_action"].as_str().map(str::to_owned);
        let text = body["text"].as_str().or_else(|| body.as_str()?.split("Subject: ").nth(1));
        let short = |text: &str| text.split([' ', ':']).next().unwrap().to_owned();
        action.or_else(|| text.map(short)).unwrap_or_else(|| "told".to_owned())
    };
    let mut told: Vec<_> = place.got().iter().map(|(to, body)| (to.clone(), word(body))).collect();
    told.sort();
    place.route.lock().unwrap().got.clear();
    told
}

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
}

fn step(step: Step) -> Vec<Write> {
    let row = AlertRow {
        no: 1,
        alert: alert(Some("acme"), true),
        since: Wall::default(),
        last: Wall::default(),
        count: 1,
        sent: 1,
        due: None,
        tries: 0,
        over: false,
        respond_by: None,
    };
    let act = Act { by: "omar".parse().unwrap(), at: "2026-03-02T09:05:00Z".parse().unwrap() };
    Case { row, done: Done::default() }.after(step, &act).unwrap().1
}

#[test]
fn who_acknowledges_and_resolves_an_incident_is_heard_by_every_route_that_follows() {
    let (facts, endpoints) = following();
    let place = Place::new(vec![]);
    place.live_with(&facts, &endpoints, vec![vec![Write::Alert(alert(Some("acme"), true))]], 2);
    let raised = [
        ("events.example.com/v2/enqueue", "trigger"),
        ("hooks.slack.example/services/T0/B0/xyz", "acme/refund"),
        ("mail.example.com/", "acme/refund"),
        ("ops.example.com/", "told"),
        ("prom.example.com/am/api/v2/alerts", "told"),
    ];
    assert_eq!(told(&place), pairs(&raised));
    // Another process each time: what each route took is durable.
    place.live_with(&facts, &endpoints, vec![step(Step::Acknowledge)], 2);
    let acknowledged = [
        ("events.example.com/v2/enqueue", "acknowledge"),
        ("hooks.slack.example/services/T0/B0/xyz", "Acknowledged"),
        ("mail.example.com/", "Re"),
    ];
    assert_eq!(told(&place), pairs(&acknowledged));
    place.live_with(&facts, &endpoints, vec![step(Step::Resolve)], 2);
    let over = [
        ("events.example.com/v2/enqueue", "resolve"),
        ("hooks.slack.example/services/T0/B0/xyz", "Over"),
        ("mail.example.com/", "Re"),
        ("prom.example.com/am/api/v2/alerts", "told"),
    ];
    assert_eq!(told(&place), pairs(&over));
    place.live_with(&facts, &endpoints, vec![], 60);
    assert_eq!(told(&place), []);
}

#[test]
fn a_route_that_is_down_makes_no_other_hear_a_thing_twice_and_is_told_of_by_the_others() {
    let (mut facts, endpoints) = following();
    facts[0].routes.retain(|route| ["page", "ops"].contains(&route.endpoint.as_str()));
    // The first that is asked is the first by name: `ops` takes all, `page` nothing for a while.
    let place = Place::new(vec![]);
    let down = Arc::clone(&place.route);
    down.lock().unwrap().refuses = Some(("events.example.com", 4));
    place.live_with(&facts, &endpoints, vec![vec![Write::Alert(alert(Some("acme"), true))]], 60);
    let got = place.got();
    let rules = |host: &str| {
        let at = got.iter().filter(|(to, _)| to.starts_with(host));
        at.map(|(_, body)| body["rule"].as_str().unwrap_or("-").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(rules("ops.example.com"), ["run-failed", "route-fails"]);
    let keys: Vec<_> = got.iter().filter_map(|(_, body)| body["dedup_key"].as_str()).collect();
    assert_eq!(keys.len(), 5);
    assert!(keys.iter().all(|key| *key == keys[0]), "one alert, tried until it was taken");
}

#[test]
fn an_alert_that_came_and_went_while_no_route_heard_of_it_is_not_told_as_over() {
    let (facts, endpoints) = following();
    let place = Place::new(vec![]);
    let key = alert(Some("acme"), false).key();
    let both = vec![vec![Write::Alert(alert(Some("acme"), false))], vec![Write::AlertOver { key }]];
    place.live_with(&facts, &endpoints, both, 10);
    assert_eq!(told(&place), []);
}

#[test]
fn what_follows_reaches_every_route_however_the_agent_dies() {
    let (facts, endpoints) = following();
    let raise = || vec![vec![Write::Alert(alert(Some("acme"), true))]];
    let calm = Place::new(vec![]);
    calm.live_with(&facts, &endpoints, raise(), 1);
    let before = calm.host.points().len();
    calm.live_with(&facts, &endpoints, vec![step(Step::Acknowledge)], 1);
    for at in before..calm.host.points().len() {
        for strike in [Strike::Before, Strike::After] {
            let place = Place::new(vec![]);
            place.live_with(&facts, &endpoints, raise(), 1);
            place.host.crash_at(Some(Crash { at: u64::try_from(at).unwrap(), strike }));
            place.live_with(&facts, &endpoints, vec![step(Step::Acknowledge)], 2);
            place.host.crash_at(None);
            place.live_with(&facts, &endpoints, vec![step(Step::Acknowledge)], 60);
            let told = told(&place);
            for wanted in ["acknowledge", "Acknowledged", "Re"] {
                assert!(told.iter().any(|(_, word)| word == wanted), "{wanted} at {at}: {told:?}");
            }
        }
    }
}
