//! Clients' files: what a release says of a client and the client did not sign.

use assent_schema::client::Decider;
use assent_schema::time::Period;
use serde_json::{Value, json};

use super::fixture::{id, key, read};
use super::table::{Attack, Verdict, attack, because};
use super::world::{World, after, bent, judge, judge_at, later};

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

pub(crate) const ROOM: &[Attack] = &[
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
    attack("client file: another time zone, in which the sums of a day begin again", "off: uncovered", || {
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
    because("client file: two people decide with one key", "client-invalid", "decide with a key of", || {
        let mut world = World::honest();
        let twin = world.facts.people.values().next().expect("a decider").clone();
        world.facts.people.insert("twin".parse().unwrap(), twin);
        judge(&world.release_of(world.listed()))
    }),
    because("client file: two people decide with one account", "client-invalid", "decide with an account of", || {
        let mut world = World::honest();
        let twin = |name: &str| Decider {
            keys: [key(name).public().to_string()].into(),
            accounts: [("helpdesk".parse().unwrap(), "U0001".into())].into(),
        };
        world.facts.people.extend(["una", "ute"].map(|name| (name.parse().unwrap(), twin(name))));
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
];

/// A release in which somebody decides by the keys that the root lists for them.
fn of_the_agency(name: &str, who: &str, account: Option<&str>) -> Verdict {
    let mut world = World::honest();
    let accounts = account.map(|account| ("chat".parse().expect("a connection"), account.to_owned()));
    let keys = [key(who).public().to_string()].into();
    world.facts.people.insert(id(name), Decider { keys, accounts: accounts.into_iter().collect() });
    judge(&world.release_of(world.listed()))
}
