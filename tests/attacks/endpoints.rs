//! Endpoints: where a release leads connections that the client approved.

use serde_json::{Value, json};

use super::table::{Attack, Verdict, attack, because};
use super::world::bent;

fn endpoint(name: &str, value: Value) -> Verdict {
    bent(|world| world.endpoints["clients"]["acme"][name] = value)
}

pub(crate) const ROOM: &[Attack] = &[
    attack("endpoints: what the client approved", "accepted", || {
        endpoint("payments", json!({"url": "https://checkout.eu.payments.example/v72", "region": "eu"}))
    }),
    attack("endpoints: another path on the approved host", "endpoint-invalid", || {
        endpoint("payments", json!({"url": "https://checkout.eu.payments.example/v72/tenants/evil", "region": "eu"}))
    }),
    attack("endpoints: the approved host without its path", "endpoint-invalid", || {
        endpoint("payments", json!({"url": "https://checkout.eu.payments.example", "region": "eu"}))
    }),
    attack("endpoints: the approved path and a way out of it", "endpoint-invalid", || {
        endpoint("payments", json!({"url": "https://checkout.eu.payments.example/v72/../v73", "region": "eu"}))
    }),
    attack("endpoints: the approved path and a query", "endpoint-invalid", || {
        endpoint("payments", json!({"url": "https://checkout.eu.payments.example/v72?tenant=evil", "region": "eu"}))
    }),
    attack("endpoints: another host", "endpoint-invalid", || {
        endpoint("payments", json!({"url": "https://evil.example", "region": "eu"}))
    }),
    attack("endpoints: the host as a part of another", "endpoint-invalid", || {
        endpoint("payments", json!({"url": "https://checkout.eu.payments.example.evil.example/v72", "region": "eu"}))
    }),
    attack("endpoints: the host as a user's name", "endpoint-invalid", || {
        endpoint("payments", json!({"url": "https://checkout.eu.payments.example@evil.example/v72", "region": "eu"}))
    }),
    attack("endpoints: another port", "endpoint-invalid", || {
        endpoint("payments", json!({"url": "https://checkout.eu.payments.example:444/v72", "region": "eu"}))
    }),
    attack("endpoints: without TLS, spelled as a file", "endpoint-invalid", || {
        endpoint("payments", json!({"url": "file:///checkout.eu.payments.example", "region": "eu"}))
    }),
    attack("endpoints: another region", "region-wrong", || {
        endpoint("payments", json!({"url": "https://checkout.eu.payments.example/v72", "region": "us"}))
    }),
    attack("endpoints: the sandbox in production", "endpoint-invalid", || {
        endpoint(
            "payments",
            json!({"url": "https://sandbox.checkout.eu.payments.example", "region": "eu", "sandbox": true}),
        )
    }),
    because(
        "endpoints: a sandbox that the client knows, in production",
        "endpoint-invalid",
        "payments of acme",
        || {
            bent(|world| {
                let sandbox = "sandbox.payments.example";
                world.bend_facts("/connections/payments/sandbox_hosts", json!([sandbox]));
                world.endpoints["clients"]["acme"]["payments"] =
                    json!({"url": format!("https://{sandbox}"), "region": "eu", "sandbox": true});
            })
        },
    ),
    because("endpoints: one that belongs to nothing", "endpoint-invalid", "belongs to nothing", || {
        endpoint("evil", json!({"url": "https://evil.example", "region": "eu"}))
    }),
    because("endpoints: one that is missing", "endpoint-invalid", "has no endpoint for payments", || {
        bent(|world| drop(world.endpoints["clients"]["acme"].as_object_mut().unwrap().remove("payments")))
    }),
    because("endpoints: an alert route that is missing", "endpoint-invalid", "has no endpoint for ops", || {
        bent(|world| drop(world.endpoints["clients"]["acme"].as_object_mut().unwrap().remove("ops")))
    }),
    because("endpoints: of a client that is not there", "endpoint-invalid", "names cedar", || {
        bent(|world| world.endpoints["clients"]["cedar"] = json!({}))
    }),
    because("endpoints: of another environment", "endpoint-invalid", "another schema, environment or region", || {
        bent(|world| world.endpoints["environment"] = "staging".into())
    }),
    because(
        "endpoints: of another region altogether",
        "endpoint-invalid",
        "another schema, environment or region",
        || bent(|world| world.endpoints["region"] = "us".into()),
    ),
];
