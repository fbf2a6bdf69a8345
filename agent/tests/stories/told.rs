//! What leaves about runs beside their own requests: alerts by every kind of route, metrics and traces, as bytes.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use assent_agent::content::Content;
use assent_agent::sim::{Host, Reply, Spawner, Stop, run};
use assent_agent::store::Store;
use assent_agent::watch::numbers::{Form, Numbers};
use assent_agent::watch::spans::{Spans, request};
use assent_agent::watch::{Routes, Teller, ToldSecret, Watcher, deliver_due};
use assent_agent::world::{HttpRequest, HttpResponse, Wall};
use assent_schema::client::{ClientFacts, Endpoints};
use assent_schema::id::{AgentId, ConnectionId};
use serde_json::json;

/// Every kind of route, with a URL that it takes.
const KINDS: [(&str, &str); 6] = [
    ("webhook", "https://hook.example.com"),
    ("alertmanager", "https://manager.example.com"),
    ("alertmanager-webhook", "https://as-manager.example.com"),
    ("slack", "https://slack.example.com"),
    ("pagerduty", "https://pager.example.com"),
    ("smtp", "smtps://mail.example.com"),
];

/// The same client with one route of each kind.
fn routed(facts: &ClientFacts) -> (ClientFacts, Endpoints) {
    let route = |(kind, _): &(&str, &str)| {
        let mail = json!({"from": "alerts@harbor.example", "to": ["ops@harbor.example"]});
        let route = json!({"carries": "alerts", "via": kind, "endpoint": kind});
        let mailed = json!({"carries": "alerts", "via": kind, "endpoint": kind, "mail": mail});
        if *kind == "smtp" { mailed } else { route }
    };
    let mut routed = facts.clone();
    routed.routes = KINDS.iter().map(|kind| serde_json::from_value(route(kind)).expect("a route")).collect();
    let endpoint = |(kind, url): &(&str, &str)| ((*kind).to_owned(), json!({"url": url, "region": facts.region}));
    let leads: serde_json::Map<_, _> = KINDS.iter().map(endpoint).collect();
    let endpoints = json!({"type": "endpoints", "schema": 1, "environment": "production", "region": facts.region,
        "clients": {facts.client.as_str(): leads}});
    (routed, serde_json::from_value(endpoints).expect("endpoints"))
}

/// All that is told of what a store holds, in an order that depends on nothing else.
pub(crate) fn told<S: Store>(store: &Arc<S>, facts: &ClientFacts) -> Vec<Vec<u8>> {
    let mut watcher = Watcher::open(&**store, Wall::from_millis(0), Spans::new(true)).expect("a watcher");
    while !watcher.look(&**store).expect("read") {}
    let numbers = Numbers { counts: watcher.counts().clone(), ..Numbers::default() };
    let agent: AgentId = "eu-1".parse().expect("an id");
    let mut all = vec![numbers.text(Form::Text).into_bytes(), numbers.text(Form::OpenMetrics).into_bytes()];
    loop {
        let batch = watcher.spans().batch();
        if batch.is_empty() {
            break;
        }
        all.push(request(&agent, "1", &batch).to_string().into_bytes());
    }
    let sent = Arc::<Mutex<Vec<(String, Vec<u8>)>>>::default();
    let keep = Arc::clone(&sent);
    let service = move |_: Wall, request: HttpRequest| {
        let place = format!("{}{}", request.host, request.target.reveal());
        keep.lock().expect("no panic").push((place, request.body.reveal().clone()));
        let result = Ok(HttpResponse { status: 202, headers: Vec::new(), body: Content::new(Vec::new()) });
        Reply { result, after: Duration::from_millis(1) }
    };
    // Late enough that whatever is due is due.
    let host = Host::new(1, "2036-01-01T00:00:00Z".parse().expect("a moment"), service);
    let (world, spawner, behind) = (host.boot(), Spawner::default(), Arc::clone(store));
    let (inside, (facts, endpoints)) = (world.clone(), routed(facts));
    let stop = run(&world, &spawner, async move {
        let routes = Routes::new([&facts], &endpoints).expect("routes");
        let secrets = |route: &ConnectionId| -> ToldSecret<'_> {
            let secret = match route.as_str() {
                "slack" => Some("https://slack.example.com/services/T0/B0/x"),
                "pagerduty" => Some("0123456789abcdef0123456789abcdef"),
                _ => None,
            };
            Box::pin(async move { secret.map(|secret| Content::new(secret.as_bytes().to_vec())) })
        };
        let teller = Teller::new(&routes, &agent, &secrets);
        deliver_due(&inside, &*behind, &teller).await.expect("a store that works");
    });
    assert!(matches!(stop, Stop::Ended | Stop::Idle), "{stop:?}");
    let mut sent = sent.lock().expect("no panic").clone();
    sent.sort();
    all.extend(sent.into_iter().map(|(_, body)| body));
    all
}
