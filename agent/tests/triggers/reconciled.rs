//! Events that are delivered, and those that are found because they were not.

use super::*;

fn reconciled() -> Host {
    Host::new(&json!({"kind": "webhook", "connection": "shop", "event": "item.new", "dialect": "standard-webhooks",
        "matches": {"topic": "item.new"}, "record": "item", "fields": item_fields(), "once": "id", "reconcile": poll()}))
}

async fn deliver(desk: &Door, host: &Host, delivery: &str, id: &str) -> Receipt {
    let body = json!({"topic": "item.new", "id": id, "at": START + 5}).to_string().into_bytes();
    let headers = webhook::sign(SECRET, delivery, host.world.now().moment(), &body).expect("signed");
    let (client, workflow) = (ClientId::new("acme").expect("an id"), WorkflowId::new("news").expect("an id"));
    desk.deliver(Event { client, workflow, headers, body: Content::new(body) }).await
}

#[tokio::test]
async fn what_was_never_delivered_is_found_and_what_was_is_not_run_again() {
    let host = reconciled();
    let desk = host.boot().await;
    desk.look_at_poll(&host.compiled).await.expect("a look");
    host.pass(10);
    assert!(matches!(deliver(&desk, &host, "d1", "7").await, Receipt::Accepted(_)));
    host.appears("7", 5);
    host.appears("8", 6);
    desk.look_at_poll(&host.compiled).await.expect("a look");
    let expected = [(TriggerKind::Webhook, "7".to_owned()), (TriggerKind::Reconcile, "8".to_owned())];
    assert_eq!(host.runs(), expected);
    // Delivered after all, and once more under another delivery id, after a restart.
    let desk = host.boot().await;
    assert!(matches!(deliver(&desk, &host, "d2", "8").await, Receipt::Duplicate(_)));
    assert!(matches!(deliver(&desk, &host, "d3", "7").await, Receipt::Duplicate(_)));
    assert_eq!(host.runs().len(), 2);
}

/// What on-call is told of webhooks now: which connection, and how.
async fn drift(desk: &Door, host: &Host) -> Vec<String> {
    desk.look_at_subscriptions().await.expect("a look");
    let rows = host.store().alerts().expect("alerts");
    let webhooks = rows.iter().filter(|row| row.alert.rule == assent_schema::alert::Rule::Webhook);
    webhooks.map(|row| row.alert.key()).collect()
}

#[tokio::test]
async fn on_call_hears_of_a_subscription_that_delivers_nothing_any_more() {
    let host = reconciled();
    let desk = host.boot().await;
    desk.look_at_poll(&host.compiled).await.expect("a look");
    host.pass(10);
    assert!(matches!(deliver(&desk, &host, "d1", "0").await, Receipt::Accepted(_)));
    let none: [&str; 0] = [];
    for (minute, id) in ["1", "2", "3"].into_iter().enumerate() {
        host.pass(60);
        host.appears(id, 60 * (i64::try_from(minute).expect("a number") + 1));
        desk.look_at_poll(&host.compiled).await.expect("a look");
    }
    assert_eq!(drift(&desk, &host).await, none, "they may be late");
    host.pass(14 * 60);
    let told = ["webhook/acme/shop/undelivered"];
    assert_eq!(drift(&desk, &host).await, told);
    // A restart knows nothing of it, and mends nothing.
    let desk = host.boot().await;
    assert_eq!(drift(&desk, &host).await, told);
    assert!(matches!(deliver(&desk, &host, "d2", "3").await, Receipt::Duplicate(_)));
    assert_eq!(drift(&desk, &host).await, none, "the sender sends again");
}

#[tokio::test]
async fn what_was_missed_because_nobody_listened_says_nothing_of_the_subscription() {
    let host = reconciled();
    let desk = host.boot().await;
    desk.look_at_poll(&host.compiled).await.expect("a look");
    drop(desk);
    for id in 1..=4 {
        host.appears(&id.to_string(), id);
    }
    host.pass(3_600);
    let desk = host.boot().await;
    desk.look_at_poll(&host.compiled).await.expect("a look");
    assert_eq!(host.runs().len(), 4);
    host.pass(3_600);
    assert_eq!(drift(&desk, &host).await, Vec::<String>::new());
}

#[tokio::test]
async fn on_call_hears_of_deliveries_that_another_secret_signed() {
    let host = reconciled();
    let desk = host.boot().await;
    let forged = async |delivery: &str| {
        let body = json!({"topic": "item.new", "id": "9", "at": START}).to_string().into_bytes();
        let other = b"whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX";
        let headers = webhook::sign(other, delivery, host.world.now().moment(), &body).expect("signed");
        let (client, workflow) = (ClientId::new("acme").expect("an id"), WorkflowId::new("news").expect("an id"));
        desk.deliver(Event { client, workflow, headers, body: Content::new(body) }).await
    };
    let none: [&str; 0] = [];
    for delivery in ["d1", "d2"] {
        assert!(matches!(forged(delivery).await, Receipt::Refused(_)));
        host.pass(600);
    }
    assert_eq!(drift(&desk, &host).await, none, "anybody may send two");
    assert!(matches!(forged("d3").await, Receipt::Refused(_)));
    assert_eq!(drift(&desk, &host).await, ["webhook/acme/shop/refused"]);
    assert!(matches!(deliver(&desk, &host, "d4", "7").await, Receipt::Accepted(_)));
    assert_eq!(drift(&desk, &host).await, none, "one that verifies shows that the secret is right");
    for delivery in ["d5", "d6", "d7"] {
        assert!(matches!(forged(delivery).await, Receipt::Refused(_)));
        host.pass(600);
    }
    assert_eq!(drift(&desk, &host).await, ["webhook/acme/shop/refused"]);
    host.pass(25 * 3_600);
    assert_eq!(drift(&desk, &host).await, none, "whoever it was went away");
}

/// A trigger whose sender signs as HubSpot does, several events at once.
fn lists() -> Value {
    json!({"kind": "webhook", "connection": "shop", "event": "item.new", "dialect": "hubspot",
        "matches": {"topic": "item.new"}, "record": "item", "fields": item_fields(), "once": "id"})
}

const PATH: &str = "/hooks/acme/news";

async fn send(desk: &Door, items: Value, path: &str) -> Receipt {
    use base64::Engine as _;
    use hmac::Mac as _;
    let (body, time) = (items.to_string(), (START * 1_000).to_string());
    let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(SECRET).expect("a key");
    mac.update(format!("POSThttps://agent.example{PATH}{body}{time}").as_bytes());
    let proof = base64::engine::general_purpose::STANDARD.encode(mac.finalize().into_bytes());
    let headers = [
        ("host", "agent.example"),
        ("x-hubspot-signature-v3", &proof),
        (":path", path),
        ("x-hubspot-request-timestamp", &time),
    ];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())).into();
    let (client, workflow) = (ClientId::new("acme").expect("an id"), WorkflowId::new("news").expect("an id"));
    desk.deliver(Event { client, workflow, headers, body: Content::new(body.into_bytes()) }).await
}

/// How often an event was told as lost.
fn lost(host: &Host) -> i64 {
    let of = |row: &AlertRow| row.alert.rule == assent_schema::alert::Rule::EventLost;
    host.store().alerts().expect("alerts").iter().filter(|row| of(row)).map(|row| row.count).sum()
}

/// A list of events as HubSpot sends it: each is one run, whatever happens to the others, and once.
#[tokio::test]
async fn each_event_of_a_list_that_is_delivered_is_one_run() {
    let host = Host::new(&lists());
    let desk = host.boot().await;
    let item = |id: &str, more: Value| {
        let mut item = json!({"topic": "item.new", "id": id, "at": START});
        item.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        item
    };
    let (path, send) = (PATH, async |items: Value, path: &str| send(&desk, items, path).await);
    let odd = item("odd", json!({"by": {}}));
    let other = item("other", json!({"topic": "item.gone"}));
    let list = json!([item("1", json!({})), odd, other, item("2", json!({}))]);
    assert!(matches!(send(list.clone(), path).await, Receipt::Accepted(_)));
    assert_eq!(host.events(), ["1", "2"]);
    // The sender tries again, and says so in the list; one is new.
    let again = json!([item("1", json!({"attempt": 1})), item("2", json!({"attempt": 1})), item("3", json!({}))]);
    assert!(matches!(send(again, path).await, Receipt::Accepted(_)));
    assert_eq!(host.events(), ["1", "2", "3"]);
    assert!(matches!(send(list, path).await, Receipt::Duplicate(_)));
    assert_eq!(lost(&host), 2, "what does not fit is told, each time that it comes");
    let elsewhere = send(json!([item("4", json!({}))]), "/hooks/acme/other").await;
    assert!(matches!(elsewhere, Receipt::Refused(_)), "another address was signed");
}

/// The same trigger, for runs that wait for an answer about their item and end when it is gone.
#[expect(clippy::indexing_slicing, reason = "a plan that does not have these fails the test")]
fn waiting() -> Host {
    let on = |event: &str| {
        json!({"connection": "shop", "event": event, "dialect": "hubspot", "matches": {"topic": event}, "record": "item",
            "fields": {"id": item_fields()["id"]}})
    };
    let mut waiting = serde_json::to_value(plan(&lists())).expect("json");
    waiting["cancels"] = json!([{"on": on("item.gone"), "key": "id", "match": "trigger.id"}]);
    let event = json!({"on": on("item.answered"), "key": "id", "match": "trigger.id", "within": "2d"});
    waiting["steps"] = json!([{"id": "answer", "action": {"kind": "wait", "until": {"event": event}}}]);
    let compiled = compiled(serde_json::from_value(waiting).expect("a plan"));
    let host = Host::new(&lists());
    Host { plans: only(Arc::clone(&compiled)), compiled, ..host }
}

fn event(topic: &str, id: &str) -> Value {
    json!({"topic": topic, "id": id, "at": START})
}

/// The runs that are over once everything that is to happen has, by their events, with the code with which they ended.
async fn over(host: &Host) -> Vec<(String, Option<String>)> {
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
    let ended = |line: RunLine| match line.last.entry {
        Entry::Ended { code, .. } => Some((line.accepted.event, code)),
        _ => None,
    };
    let lines = host.store().runs(&RunFilter { most: 100, ..RunFilter::default() }).expect("runs");
    lines.into_iter().filter_map(ended).collect()
}

#[tokio::test]
async fn an_event_that_does_not_fit_is_told_whatever_the_others_of_its_delivery_concern() {
    let host = waiting();
    let desk = host.boot().await;
    assert!(matches!(send(&desk, json!([event("item.new", "46")]), PATH).await, Receipt::Accepted(_)));
    let odd = json!({"topic": "item.new", "id": "47", "at": START, "by": {}});
    let told = send(&desk, json!([odd, event("item.gone", "46")]), PATH).await;
    assert!(matches!(told, Receipt::Heard), "{told:?}");
    assert_eq!(over(&host).await, [("46".to_owned(), Some("cancelled".to_owned()))]);
    assert_eq!(lost(&host), 1, "the other one");
}

#[tokio::test]
async fn a_run_hears_what_stands_behind_its_event_in_the_same_delivery() {
    let host = waiting();
    let desk = host.boot().await;
    let list =
        json!([event("item.gone", "2"), event("item.new", "1"), event("item.gone", "1"), event("item.new", "2")]);
    let told = send(&desk, list.clone(), PATH).await;
    assert!(matches!(told, Receipt::Accepted(_)), "{told:?}");
    assert_eq!(host.events(), ["1", "2"]);
    let ended = [("1".to_owned(), Some("cancelled".to_owned()))];
    assert_eq!(over(&host).await, ended, "what came before its event ends no run");
    // It comes again as it was.
    let told = send(&desk, json!([event("item.answered", "2")]), PATH).await;
    assert!(matches!(told, Receipt::Heard), "{told:?}");
    assert_eq!(over(&host).await.len(), 2);
    assert!(matches!(send(&desk, list, PATH).await, Receipt::Duplicate(_)));
    assert_eq!((host.events().len(), lost(&host)), (2, 0));
}
