//! Plans, facts and rehearsals: what the keys of the agency and of its machines cannot widen.

use assent_agent::verify::{PinnedTrust, Place, verify};
use assent_schema::canon::Digest;
use assent_schema::client::Decider;
use assent_schema::release::Rehearsal;
use assent_schema::time::Period;
use serde_json::{Value, json};

use super::fixture::{at, bytes, id, key, now, place, read};
use super::table::{Attack, Verdict, attack, because};
use super::world::{World, after, bent, enrolled, judge, judge_at, judge_by, later, verdict};

const WITNESS: &str = "witness.acme.example/1+f0cb0178+BBpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
/// The same key, as one of a log.
const LOG: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

fn branch(region: &str) -> Value {
    json!({"repository": "ssh://assent@git.acme.example/ledger.git", "name": "held", "region": region,
        "host_key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHWdvDlfnuKr3kIflybCT5sRfSvELtIdeVordDyBAUkw"})
}

fn witness(region: &str, key: &str) -> Value {
    json!({"url": "https://witness.acme.example", "key": key, "region": region})
}

fn holders(
    value: &Value,
) -> std::collections::BTreeMap<assent_schema::id::Environment, assent_schema::client::Holders> {
    serde_json::from_value(json!({"production": value})).unwrap()
}

/// A client that signed who holds its ledger.
fn held(value: &Value) -> Verdict {
    bent(|world| {
        world.facts.ledger = holders(value);
        world.statements = vec![(world.approve(1, world.uses()), vec!["dana", "emil"])];
    })
}

/// A release by the release keys alone, over a plan that they changed and a staging agent rehearsed.
fn plan(pointer: &str, value: Value) -> Verdict {
    bent(|world| world.bend_plan(pointer, value))
}

fn facts(pointer: &str, value: Value) -> Verdict {
    bent(|world| world.bend_facts(pointer, value))
}

/// The client signed a limit by customer and one of an effect that moves no money, and then the release says otherwise.
fn signed_with_limits(change: fn(&mut World)) -> Verdict {
    let mut world = World::honest();
    let by_customer = json!({"operation": "payments.refund", "by": "support-leads",
        "per_customer": {"param": "account", "per_day_count": 1}});
    let of_replies = json!({"operation": "helpdesk.reply_ticket", "by": "support-leads", "per_day_count": 5});
    world.facts.guardrails.extend([read(by_customer), read(of_replies)]);
    world.statements = vec![(world.approve(1, world.uses()), vec!["dana", "emil"])];
    change(&mut world);
    judge(&world.release())
}

fn endpoint(name: &str, value: Value) -> Verdict {
    bent(|world| world.endpoints["clients"]["acme"][name] = value)
}

/// Another rehearsal in the place of the honest one.
fn rehearsed(by: &'static str, change: fn(&mut Rehearsal)) -> Verdict {
    bent(|world| {
        change(&mut world.rehearsals[0].0);
        world.rehearsals[0].1 = by;
    })
}

/// Root asks that so many staging agents agree.
fn with_two(change: fn(&mut World)) -> Verdict {
    let mut world = World::honest();
    let mut root = world.next_root();
    root.rehearsals = 2;
    world.roots.push((root, vec!["ann", "ben"]));
    change(&mut world);
    judge(&world.release())
}

const PAY: &str = "/operations/payments.refund";

pub(crate) const ROOM: &[Attack] = &[
    attack("release keys: a plan that nobody rehearsed", "not-rehearsed", || {
        bent(|world| {
            let honest = world.rehearsals.clone();
            world.bend_plan("/summary", "Something else".into());
            world.rehearsals = honest;
        })
    }),
    attack("release keys: other words, rehearsed: no use changes", "accepted", || {
        plan("/summary", "Other words".into())
    }),
    attack("release keys: more is sent to the provider", "off: uncovered", || {
        plan("/steps/1/action/with", json!({"text": "${ticket.body}", "who": "${ticket.requester}"}))
    }),
    attack("release keys: another purpose", "off: uncovered", || {
        plan("/purpose", "essential.service.operations".into())
    }),
    attack("release keys: an operation with one scope more", "off: uncovered", || {
        plan(&format!("{PAY}/scopes"), json!(["checkout:refund", "checkout:pay"]))
    }),
    because("release keys: money without a person's yes", "off: plan-unsound", "", || {
        plan("/steps/4/when", "has(order.total)".into())
    }),
    because(
        "release keys: a decision that does not show the amount",
        "off: plan-unsound",
        "decision-not-shown",
        || plan("/steps/3/action/show", json!(["ticket.subject", "order.id", "order.payment"])),
    ),
    because("release keys: a decision by another group", "off: uncovered", "", || {
        plan("/steps/3/action/by", "support".into())
    }),
    because("release keys: a retry without an end", "off: plan-unsound", "bad-retry", || {
        plan("/steps/4/action/retry/attempts", 21.into())
    }),
    because("release keys: a plan for another client", "plan-invalid", "another workflow or schema", || {
        plan("/client", "cedar".into())
    }),
    because("release keys: a plan under another workflow's name", "plan-invalid", "another workflow or schema", || {
        plan("/workflow", "reply".into())
    }),
    because("release keys: another workflow's scenarios", "plan-invalid", "another workflow or schema", || {
        bent(|world| {
            world.tests.workflow = "reply".parse().unwrap();
            world.rehearsals = vec![(world.rehearsal(), "eu-staging-1")];
        })
    }),
    because("release keys: a plan of a schema of tomorrow", "plan-invalid", "another workflow or schema", || {
        plan("/schema", 2.into())
    }),
    because("release keys: a plan without steps", "plan-invalid", "no steps or no scenarios", || {
        plan("/steps", json!([]))
    }),
    because(
        "release keys: a connection that leads to another integration",
        "plan-invalid",
        "uses the connection",
        || plan("/connections/payments/integration", "shop".into()),
    ),
    because("release keys: scenarios of nothing", "plan-invalid", "no steps or no scenarios", || {
        bent(|world| {
            world.tests.scenarios.clear();
            world.rehearsals = vec![(world.rehearsal(), "eu-staging-1")];
        })
    }),
    because("release keys: the plan's file is missing and unlisted", "plan-invalid", "has no plan file", || {
        let world = World::honest();
        let mut files = world.listed();
        files.retain(|path, _| !path.starts_with("plans/"));
        judge(&world.release_of(files))
    }),
    because("release keys: the scenarios' file is missing and unlisted", "plan-invalid", "has no tests file", || {
        let world = World::honest();
        let mut files = world.listed();
        files.retain(|path, _| !path.starts_with("tests/"));
        judge(&world.release_of(files))
    }),
    because("release keys: a plan with a member that nobody knows", "plan-invalid", "not as it must be", || {
        let world = World::honest();
        let mut files = world.listed();
        let path = format!("plans/{}.json", world.plan_digest());
        let text = String::from_utf8(files.remove(&path).unwrap()).unwrap();
        let text = text.replacen("{\"", "{\"aa\":1,\"", 1);
        let digest = Digest::of_file(text.as_bytes());
        files.insert(format!("plans/{digest}.json"), text.into_bytes());
        let mut manifest = world.manifest(&files);
        manifest.active[0].plan = digest;
        judge(&world.seal(files, &manifest))
    }),
    // What the catalog says of an operation comes with the plan, and who decides comes with the client's file: the client
    // signed both.
    attack(
        "release keys and a staging agent: an operation of the catalog that leads to another path",
        "off: uncovered",
        || plan("/operations/helpdesk.get_ticket/path", "/conversations/{id}".into()),
    ),
    attack("release keys and a staging agent: an operation by another method", "off: uncovered", || {
        plan("/operations/helpdesk.get_ticket/method", "POST".into())
    }),
    attack("release keys and a staging agent: an answer that is read from elsewhere", "off: uncovered", || {
        plan("/operations/shop.get_order/response/total/at", "grand_total".into())
    }),
    attack("release keys and a staging agent: a parameter that goes elsewhere", "off: uncovered", || {
        plan(&format!("{PAY}/params/amount/at"), "tip.value".into())
    }),
    attack("release keys and a staging agent: an operation that is given less time", "accepted", || {
        plan("/operations/helpdesk.get_ticket/timeout", "2s".into())
    }),
    attack("client file: somebody else decides", "off: uncovered", || {
        bent(|world| {
            let keys = json!({"keys": [key("mallory").public().to_string()]});
            world.facts.people.insert("mallory".parse().unwrap(), read(keys));
            world.bend_facts("/deciders/support-leads", json!(["lena", "mallory", "tom"]));
        })
    }),
    attack("client file: a decider with another key", "off: uncovered", || {
        facts("/people/lena/keys", json!([key("mallory").public().to_string()]))
    }),
    attack("client file: a decider with one more key", "off: uncovered", || {
        let known = World::honest().facts.people.first_key_value().unwrap().1.keys.first().unwrap().clone();
        facts("/people/lena/keys", json!([known, key("mallory").public().to_string()]))
    }),
    attack("client file: a decider with an account that the client never saw", "off: uncovered", || {
        let known = World::honest().facts.people.first_key_value().unwrap().1.keys.clone();
        facts("/people/lena", json!({"keys": known, "accounts": {"helpdesk": "agent-7"}}))
    }),
    attack("client file: somebody decides no longer", "accepted", || facts("/deciders/support-leads", json!(["tom"]))),
    attack("client file: a larger guardrail per call", "off: uncovered", || {
        facts("/guardrails/0/per_call", 10_001.into())
    }),
    attack("client file: a larger guardrail per day", "off: uncovered", || {
        facts("/guardrails/0/per_day", 100_001.into())
    }),
    attack("client file: more calls per day", "off: uncovered", || facts("/guardrails/0/per_day_count", 51.into())),
    attack("client file: a limit that is gone", "off: uncovered", || {
        bent(|world| world.facts.guardrails[0].per_day = None)
    }),
    attack("client file: another currency", "off: uncovered", || facts("/guardrails/0/currency", "USD".into())),
    attack("client file: a guardrail that is gone", "off: uncovered", || facts("/guardrails", json!([]))),
    attack("client file: a smaller guardrail", "accepted", || facts("/guardrails/0/per_call", 9_999.into())),
    // What no limit says of itself, and what else comes with the client's file: the client signs that it is so.
    attack("client file: a guardrail of an effect that moves no money is gone", "off: uncovered", || {
        signed_with_limits(|world| drop(world.facts.guardrails.pop()))
    }),
    attack("client file: a limit by customer that takes each order for another customer", "off: uncovered", || {
        signed_with_limits(|world| world.bend_facts("/guardrails/1/per_customer/param", "status".into()))
    }),
    attack("client file: the honest limits beside these", "accepted", || signed_with_limits(|_| ())),
    attack("client file: an alert route that leads elsewhere, and its endpoint", "off: uncovered", || {
        bent(|world| {
            for route in &mut world.facts.routes {
                route.urls = ["https://evil.example/alerts".to_owned()].into();
            }
            world.endpoints["clients"]["acme"]["ops"]["url"] = "https://evil.example/alerts".into();
        })
    }),
    attack("client file: an alert route that is gone", "off: uncovered", || {
        bent(|world| drop(world.facts.routes.pop()))
    }),
    attack("client file: post-mortems for somebody else", "off: uncovered", || facts("/contacts", json!(["mallory"]))),
    attack("client file: a ledger that is held elsewhere too", "off: uncovered", || {
        bent(|world| {
            let branch = json!({"repository": "https://evil.example/x.git", "name": "acme", "region": "eu"});
            let holders = read(json!({"branch": branch}));
            world.facts.ledger.insert("production".parse().unwrap(), holders);
        })
    }),
    attack("client file: another time zone, in which the sums of a day begin anew", "off: uncovered", || {
        facts("/zone", "Asia/Tokyo".into())
    }),
    attack("client file: a yes by chat for more", "off: uncovered", || {
        bent(|world| world.facts.chat_up_to.extend([("EUR".to_owned(), 1_000_000)]))
    }),
    attack("client file: another model of the provider", "off: uncovered", || {
        facts("/connections/assistant/to/provider/model", "cheaper".into())
    }),
    attack("client file: a consent that is asked for elsewhere", "off: uncovered", || {
        facts(
            "/connections/shop/auth",
            json!({"kind": "oauth2-refresh", "token": "/token", "slot": "token", "authorize": "https://evil.example"}),
        )
    }),
    attack("client file: a shorter retention of the ledger", "off: uncovered", || facts("/retention", "90d".into())),
    because("endpoint: an alert route that leads elsewhere", "endpoint-invalid", "the client approves", || {
        bent(|world| world.endpoints["clients"]["acme"]["ops"]["url"] = "https://evil.example/alerts".into())
    }),
    attack("client file: a longer stale limit", "off: uncovered", || facts("/stale_limit", "7d".into())),
    attack("client file: a longer retention", "off: uncovered", || facts("/retention", "365d".into())),
    attack("client file: an agreement that ends later", "off: uncovered", || {
        facts("/connections/assistant/to/provider/agreement/until", "2028-12-31T00:00:00Z".into())
    }),
    because(
        "client file: an agreement that does not forbid training",
        "off: agreement-lapsed, uncovered",
        "assistant",
        || facts("/connections/assistant/to/provider/agreement/forbids_training", false.into()),
    ),
    because("client file: an agreement that is not in force yet", "off: agreement-lapsed", "assistant", || {
        facts("/connections/assistant/to/provider/agreement/from", "2026-06-03T00:00:00Z".into())
    }),
    attack("an agreement that ends while the plan is there", "off: agreement-lapsed", || {
        let mut world = World::honest();
        world.bend_facts("/connections/assistant/to/provider/agreement/until", "2026-06-20T00:00:00Z".into());
        let files = world.release();
        judge_at(&files, &after(&files), later(Period::days(20)))
    }),
    attack("client file: another provider behind the connection", "plan-invalid", || {
        facts("/connections/assistant/to/provider/name", "other-ai".into())
    }),
    attack("client file: another host, and its endpoint", "off: uncovered", || {
        bent(|world| {
            world.bend_facts("/connections/payments/host", "evil.example".into());
            world.endpoints["clients"]["acme"]["payments"]["url"] = "https://evil.example".into();
        })
    }),
    attack("client file: another region of a connection, and its endpoint", "off: uncovered", || {
        bent(|world| {
            world.bend_facts("/connections/payments/region", "us".into());
            world.endpoints["clients"]["acme"]["payments"]["region"] = "us".into();
        })
    }),
    attack("client file: a sandbox that the client never saw", "off: uncovered", || {
        facts("/connections/payments/sandbox_hosts", json!(["evil.example"]))
    }),
    attack("client file: the client moved to another region", "region-wrong", || facts("/region", "us".into())),
    because("client file: of another client", "client-invalid", "another client or schema", || {
        facts("/client", "cedar".into())
    }),
    because("client file: of a schema of tomorrow", "client-invalid", "another client or schema", || {
        facts("/schema", 2.into())
    }),
    because("client file: with a member that nobody knows", "client-invalid", "not as it must be", || {
        let world = World::honest();
        let mut files = world.listed();
        let text = String::from_utf8(files["clients/acme.json"].clone()).unwrap().replacen("{\"", "{\"aa\":1,\"", 1);
        files.insert("clients/acme.json".into(), text.into_bytes());
        judge(&world.release_of(files))
    }),
    because("client file: somebody of the agency decides", "client-invalid", "decide with a key of ann", || {
        let mut world = World::honest();
        let ann = key("ann").public().to_string();
        world.facts.people.values_mut().next().expect("a decider").keys = [ann].into();
        judge(&world.release_of(world.listed()))
    }),
    attack("client file: somebody of the client's team decides", "accepted", || of_the_agency("ann", "ann", None)),
    because(
        "client file: somebody of no team of the client decides",
        "client-invalid",
        "decide with a key of ben",
        || of_the_agency("ben", "ben", None),
    ),
    because(
        "client file: somebody of the team decides by an account",
        "client-invalid",
        "decide with a key of ann",
        || of_the_agency("ann", "ann", Some("U0001")),
    ),
    because(
        "client file: somebody decides under the name of somebody of the team",
        "client-invalid",
        "decide with a key of ben",
        || of_the_agency("ann", "ben", None),
    ),
    because("client file: a machine decides", "client-invalid", "decide with a key of the agent", || {
        let mut world = World::honest();
        let machine = key("eu-production-1").public().to_string();
        world.facts.people.values_mut().next().expect("a decider").keys = [machine].into();
        judge(&world.release_of(world.listed()))
    }),
    attack("client file: left out", "file-unexpected", || {
        let world = World::honest();
        let mut files = world.listed();
        files.remove("clients/acme.json");
        judge(&world.release_of(files))
    }),
    attack("client file: a branch for its ledger and a witness, at home", "accepted", || {
        held(&json!({"branch": branch("eu"), "witnesses": [witness("eu", WITNESS)]}))
    }),
    attack("client file: a branch for its ledger in another region", "region-wrong", || {
        held(&json!({"branch": branch("us")}))
    }),
    attack("client file: a witness in another region", "region-wrong", || {
        held(&json!({"witnesses": [witness("us", WITNESS)]}))
    }),
    because("client file: a witness with the key of a log", "client-invalid", "none of a witness", || {
        held(&json!({"witnesses": [witness("eu", LOG)]}))
    }),
    because("client file: one witness as two", "client-invalid", "one name", || {
        held(&json!({"witnesses": [witness("eu", WITNESS), witness("eu", WITNESS)]}))
    }),
    because("client file: a witness whose URL holds a user", "client-invalid", "cannot be reached", || {
        let mut one = witness("eu", WITNESS);
        one["url"] = "https://user@witness.acme.example".into();
        held(&json!({"witnesses": [one]}))
    }),
    because("client file: a branch for its ledger on a host that nothing pins", "client-invalid", "host_key", || {
        let mut one = branch("eu");
        one.as_object_mut().unwrap().remove("host_key");
        held(&json!({"branch": one}))
    }),
    because(
        "client file: a branch for its ledger pinned to a hardware key",
        "client-invalid",
        "cannot be reached",
        || {
            let mut one = branch("eu");
            one["host_key"] = "sk-ssh-ed25519@openssh.com AAAA".into();
            held(&json!({"branch": one}))
        },
    ),
    because("client file: a branch for its ledger with a password in its URL", "client-invalid", "credentials", || {
        let mut one = branch("eu");
        one["repository"] = "ssh://git:secret@git.acme.example/ledger.git".into();
        held(&json!({"branch": one}))
    }),
    because(
        "client file: a connection by the name of the ledger's holders",
        "client-invalid",
        "a connection is named",
        || {
            bent(|world| {
                world.facts.ledger = holders(&json!({"branch": branch("eu")}));
                let shop = world.facts.connections.values().next().unwrap().clone();
                world.facts.connections.insert("ledger".parse().unwrap(), shop);
            })
        },
    ),
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
    attack("revoked: root revokes the plan", "off: plan-revoked", || {
        let mut world = World::honest();
        let mut root = world.next_root();
        root.revoked_plans.insert(world.plan_digest());
        world.roots.push((root, vec!["ann", "ben"]));
        judge(&world.release())
    }),
    attack("rehearsal: none", "not-rehearsed", || bent(|world| world.rehearsals.clear())),
    attack("rehearsal: by a production agent", "not-rehearsed", || {
        rehearsed("eu-production-1", |one| {
            one.agent = "eu-production-1".parse().unwrap();
            one.environment = "production".parse().unwrap();
        })
    }),
    attack("rehearsal: a staging agent's statement signed by the production agent's key", "not-rehearsed", || {
        let mut world = World::honest();
        world.rehearsals.clear();
        let mut files = world.listed();
        let written = bytes(&world.rehearsal());
        let name = format!("rehearsals/{}.json", Digest::of_file(&written));
        let signer = key("eu-production-1");
        let armour = assent_schema::trust::sign(&signer, assent_schema::trust::Namespace::Rehearsal, &written);
        files.insert(name.clone(), written);
        files.insert(format!("{name}.eu-staging-1.sig"), armour.into_bytes());
        judge(&world.release_of(files))
    }),
    attack("rehearsal: signed for another purpose", "not-rehearsed", || {
        let mut world = World::honest();
        world.rehearsals.clear();
        let mut files = world.listed();
        let written = bytes(&world.rehearsal());
        let name = format!("rehearsals/{}.json", Digest::of_file(&written));
        let signer = key("eu-staging-1");
        let armour = assent_schema::trust::sign(&signer, assent_schema::trust::Namespace::Console, &written);
        files.insert(name.clone(), written);
        files.insert(format!("{name}.eu-staging-1.sig"), armour.into_bytes());
        judge(&world.release_of(files))
    }),
    attack("rehearsal: by a machine that root does not list", "not-rehearsed", || {
        rehearsed("eu-staging-9", |one| one.agent = "eu-staging-9".parse().unwrap())
    }),
    attack("rehearsal: in the name of another machine", "not-rehearsed", || {
        rehearsed("eu-staging-1", |one| one.agent = "eu-staging-2".parse().unwrap())
    }),
    attack("rehearsal: of another plan", "not-rehearsed", || {
        rehearsed("eu-staging-1", |one| one.plan = Digest::of_file(b"other"))
    }),
    attack("rehearsal: over other scenarios", "not-rehearsed", || {
        rehearsed("eu-staging-1", |one| one.tests = Digest::of_file(b"other"))
    }),
    attack("rehearsal: by another major version of the engine", "not-rehearsed", || {
        rehearsed("eu-staging-1", |one| one.engine.version = "1.0.0".into())
    }),
    attack("rehearsal: more than 30 days old", "not-rehearsed", || {
        rehearsed("eu-staging-1", |one| one.time = at().minus(Period::days(30)).minus(Period::seconds(1)))
    }),
    attack("rehearsal: 30 days old", "accepted", || {
        rehearsed("eu-staging-1", |one| one.time = at().minus(Period::days(30)))
    }),
    attack("rehearsal: from a time that has not come", "not-rehearsed", || {
        rehearsed("eu-staging-1", |one| one.time = at().plus(Period::seconds(1)))
    }),
    attack("rehearsal: one scenario failed", "not-rehearsed", || {
        rehearsed("eu-staging-1", |one| one.results.last_mut().unwrap().passed = false)
    }),
    attack("rehearsal: one scenario left out", "not-rehearsed", || {
        rehearsed("eu-staging-1", |one| drop(one.results.pop()))
    }),
    attack("rehearsal: no scenario at all", "not-rehearsed", || rehearsed("eu-staging-1", |one| one.results.clear())),
    attack("rehearsal: of another project", "not-rehearsed", || {
        rehearsed("eu-staging-1", |one| one.project = Digest::of_file(b"other"))
    }),
    attack("rehearsal: from another region than the machine's", "not-rehearsed", || {
        rehearsed("eu-staging-1", |one| one.region = "us".parse().unwrap())
    }),
    attack("rehearsal: changed after it was signed", "not-rehearsed", || {
        let world = World::honest();
        let mut files = world.listed();
        let path = files.keys().find(|path| path.starts_with("rehearsals/")).unwrap().clone();
        let armour = files.remove(&format!("{path}.eu-staging-1.sig")).unwrap();
        let mut written: Rehearsal = serde_json::from_slice(&files.remove(&path).unwrap()).unwrap();
        written.time = at();
        let name = format!("rehearsals/{}.json", Digest::of_file(&bytes(&written)));
        files.insert(name.clone(), bytes(&written));
        files.insert(format!("{name}.eu-staging-1.sig"), armour);
        judge(&world.release_of(files))
    }),
    attack("rehearsal: one where root asks for two", "not-rehearsed", || with_two(|_| ())),
    attack("rehearsal: one agent twice where root asks for two", "not-rehearsed", || {
        with_two(|world| {
            let mut again = world.rehearsals[0].clone();
            again.0.time = at().minus(Period::hours(2));
            world.rehearsals.push(again);
        })
    }),
    attack("rehearsal: two agents where root asks for two", "accepted", || {
        with_two(|world| {
            let mut other = world.rehearsals[0].0.clone();
            other.agent = "eu-staging-2".parse().unwrap();
            world.rehearsals.push((other, "eu-staging-2"));
        })
    }),
    attack("rehearsal: none for a plan that was accepted here before", "accepted", || {
        let mut world = World::honest();
        world.rehearsals.clear();
        let pinned = PinnedTrust { plans: [world.plan_digest()].into(), ..enrolled() };
        judge_by(&world.release(), &pinned)
    }),
    attack("a machine of production that claims to rehearse, so that none is asked for", "not-rehearsed", || {
        // Only root says who rehearses; an agent's own configuration has no say.
        let mut world = World::honest();
        world.rehearsals.clear();
        let there = Place { engine: "9.9.9".into(), ..place() };
        verdict(verify(&world.release(), &enrolled(), &there, now()))
    }),
];

/// A release in which somebody decides by the keys that the root lists for them.
fn of_the_agency(name: &str, who: &str, account: Option<&str>) -> Verdict {
    let mut world = World::honest();
    let accounts = account.map(|account| ("chat".parse().expect("a connection"), account.to_owned()));
    let keys = [key(who).public().to_string()].into();
    world.facts.people.insert(id(name), Decider { keys, accounts: accounts.into_iter().collect() });
    judge(&world.release_of(world.listed()))
}
