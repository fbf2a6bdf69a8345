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

/// A list of events as HubSpot sends it: each is one run, whatever happens to the others, and once.
#[tokio::test]
async fn each_event_of_a_list_that_is_delivered_is_one_run() {
    use base64::Engine as _;
    use hmac::Mac as _;
    let host = Host::new(&json!({"kind": "webhook", "connection": "shop", "event": "item.new", "dialect": "hubspot",
        "matches": {"topic": "item.new"}, "record": "item", "fields": item_fields(), "once": "id"}));
    let desk = host.boot().await;
    let item = |id: &str, more: Value| {
        let mut item = json!({"topic": "item.new", "id": id, "at": START});
        item.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        item
    };
    let send = async |items: Value, path: &str| {
        let (body, time) = (items.to_string(), (START * 1_000).to_string());
        let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(SECRET).expect("a key");
        mac.update(format!("POSThttps://agent.example/hooks/acme/news{body}{time}").as_bytes());
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
    };
    let path = "/hooks/acme/news";
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
    let lost = host
        .store()
        .alerts()
        .expect("alerts")
        .into_iter()
        .filter(|row| row.alert.rule == assent_schema::alert::Rule::EventLost)
        .count();
    assert_eq!(lost, 1, "what does not fit is told");
    let elsewhere = send(json!([item("4", json!({}))]), "/hooks/acme/other").await;
    assert!(matches!(elsewhere, Receipt::Refused(_)), "another address was signed");
}
