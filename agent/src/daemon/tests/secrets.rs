//! What an agent tells of secrets: how old they are, that the vault is away, that one was caught on its way into the log.

use std::io::Write as _;

use super::*;
use crate::run::OfClient;
use crate::vault::tripwire::Guarded;
use crate::vault::{AnyVault, FileVault, Secret, SlotPath, Vault as _};
use crate::world::Disk as _;

fn slot() -> SlotPath {
    SlotPath::parse("acme/shop/token").unwrap()
}

fn secret(text: &str) -> Secret {
    Secret::new(text.as_bytes().to_vec()).ok().unwrap()
}

/// A release whose client has one secret.
fn with_slot() -> Files {
    let mut facts = fixture::facts();
    let shop = facts.connections.get_mut("shop").unwrap();
    let auth = serde_json::json!({"kind": "header", "name": "x-key", "slot": "token"});
    shop.auth = serde_json::from_value(auth).unwrap();
    let slots = serde_json::json!({"token": {"rotate": "90d"}, "hook": {"rotate": "90d", "webhook": true}});
    shop.slots = serde_json::from_value(slots).unwrap();
    release_of(
        &plan("one"),
        1,
        None,
        |files| fixture::put_json(files, &FileName::Client(facts.client.clone()), &facts),
        |_| (),
    )
}

/// The keys of the alerts that are open.
fn alerts(agent: &Agent) -> Vec<String> {
    let mut keys: Vec<_> = agent.store.alerts().unwrap().iter().map(|row| row.alert.key()).collect();
    // Tests beside this one plant secrets too.
    keys.retain(|key| !key.starts_with("secret-in-log"));
    keys.sort();
    keys
}

/// What a person does with `vault set`, and what the running agent does then.
async fn set(agent: &Agent, text: &str) {
    let vault = FileVault::open(Arc::clone(&agent.disk), Arc::clone(&agent.identity.host)).ok().unwrap();
    vault.put(&slot(), secret(text)).unwrap();
    agent.field.replace_vault(AnyVault::File(vault));
    agent.secrets_changed();
    agent.look_at_secrets().await;
}

/// Makes the secret that counts so many days old.
async fn ages(agent: &Agent, days: u64) {
    let (client, connection, slot) = ("acme".parse().unwrap(), "shop".parse().unwrap(), "token".parse().unwrap());
    let of = OfClient { client: &client, connection: &connection, slot: &slot };
    let mut standing = agent.engine.standing(of).unwrap().unwrap();
    standing.since = RealClock.now().moment().minus(Period::days(days));
    let value = Some(serde_json::to_vec(&standing).unwrap());
    let write = Write::State { name: format!("slot/{}", of.path()), value };
    agent.store.commit(Transaction::new(RealClock.now()).with(write)).await.unwrap();
    agent.look_at_secrets().await;
}

#[tokio::test]
async fn on_call_is_told_of_a_secret_that_grows_old_until_it_is_another() {
    let site = Site::new();
    site.publish(&with_slot());
    let (agent, _ended) = site.agent().await;
    agent.pull().await.unwrap();
    agent.look_at_secrets().await;
    let status = agent.status().await.unwrap();
    assert_eq!(status.slots.iter().map(|slot| slot.since).collect::<Vec<_>>(), [None, None], "the slots are empty");
    set(&agent, "canary-first").await;
    let [_, slot] = agent.status().await.unwrap().slots.try_into().unwrap();
    let every = slot.every;
    assert_eq!(slot.due, slot.since.map(|since| since.plus(every)));
    assert_eq!(alerts(&agent), Vec::<String>::new());
    let days = every.as_seconds() / 86_400;
    ages(&agent, days - 1).await;
    assert_eq!(alerts(&agent), ["rotation-due/acme/shop/token"]);
    ages(&agent, days).await;
    assert_eq!(alerts(&agent), ["rotation-overdue/acme/shop/token"]);
    set(&agent, "canary-second").await;
    assert_eq!(alerts(&agent), Vec::<String>::new());
    // A restart knows it again.
    drop(agent);
    let (agent, _ended) = site.agent().await;
    agent.look_at_secrets().await;
    let slots = agent.status().await.unwrap().slots;
    assert_eq!(slots.iter().map(|slot| slot.since.is_some()).collect::<Vec<_>>(), [false, true]);
    assert_eq!(alerts(&agent), Vec::<String>::new());
}

#[tokio::test]
async fn on_call_is_told_of_a_credential_that_ends_until_it_is_another() {
    let site = Site::new();
    site.publish(&with_slot());
    let (agent, _ended) = site.agent().await;
    agent.pull().await.unwrap();
    set(&agent, "canary-first").await;
    let named = ("acme".parse().unwrap(), "shop".parse().unwrap(), "token".parse().unwrap());
    let now = RealClock.now().moment();
    let within = async |days: u64| {
        let at = Some(now.plus(Period::days(days)).minus(Period::minutes(1)));
        assert!(agent.say_end(&named, at, &"ann".parse().unwrap()).await.is_ok());
        agent.look_at_secrets().await;
        (alerts(&agent), agent.status().await.unwrap().slots.last().unwrap().ends == at)
    };
    let none = Vec::<String>::new();
    assert_eq!(within(20).await, (none.clone(), true));
    for (days, left) in [(14, "14d"), (7, "7d"), (1, "1d")] {
        assert_eq!(within(days).await, (vec![format!("credential-ends/acme/shop/token-{left}")], true));
    }
    assert!(!agent.store.alerts().unwrap().iter().any(|row| row.alert.incident), "so far it is a warning");
    assert_eq!(within(0).await.0, ["credential-ends/acme/shop/token-over"]);
    assert!(agent.store.alerts().unwrap().iter().any(|row| row.alert.incident));
    assert!(agent.say_end(&named, None, &"mallory".parse().unwrap()).await.is_err(), "not on call");
    // What was said is about that secret alone, and a token says it itself.
    set(&agent, "canary-second").await;
    assert_eq!(alerts(&agent), none);
    let claims = format!(r#"{{"exp":{}}}"#, now.plus(Period::days(5)).seconds());
    let claims = base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, claims);
    set(&agent, &format!("eyJhbGciOiJub25lIn0.{claims}.c2lnbmVk")).await;
    assert!(alerts(&agent).contains(&"credential-ends/acme/shop/token-7d".to_owned()), "{:?}", alerts(&agent));
}

#[tokio::test]
async fn who_may_rotate_is_known_before_a_secret_is_put_there() {
    use crate::daemon::secrets::NotDone;
    let site = Site::new();
    site.publish(&with_slot());
    let (agent, _ended) = site.agent().await;
    agent.pull().await.unwrap();
    let of = |slot: &str| ("acme".parse().unwrap(), "shop".parse().unwrap(), slot.parse().unwrap());
    let may = |slot, by: &str| agent.may_rotate(&of(slot), &by.parse().unwrap());
    assert!(matches!(may("token", "mallory"), Err(NotDone::Not(NotHeld::NotOnCall(_)))));
    assert!(matches!(may("nothing", "ann"), Err(NotDone::Rotated(crate::run::NotRotated::Unknown))));
    assert!(matches!(may("token", "ann"), Err(NotDone::Rotated(crate::run::NotRotated::Untestable(None)))));
}

#[tokio::test]
async fn of_a_webhook_both_secrets_count_after_a_rotation_and_no_test_is_asked_for() {
    use crate::run::Rotation;
    let site = Site::new();
    site.publish(&with_slot());
    let (agent, _ended) = site.agent().await;
    agent.pull().await.unwrap();
    let path = |slot: &str| SlotPath::parse(&format!("acme/shop/{slot}")).unwrap();
    let vault = agent.field.vault();
    let holds = async |slot: &str| vault.read(&path(slot)).await.map(|secret| secret.reveal().to_vec()).ok();
    vault.set(&path("hook"), secret("canary-first-of-all")).await.unwrap();
    for (before, after) in [("canary-first-of-all", "canary-second-one"), ("canary-second-one", "canary-third-one")] {
        vault.stage(&path("hook"), secret(after)).await.unwrap();
        let named = ("acme".parse().unwrap(), "shop".parse().unwrap(), "hook".parse().unwrap());
        let rotation = agent.rotate(&named, &"ann".parse().unwrap()).await.ok().unwrap();
        assert_eq!(rotation, Rotation::Both);
        assert_eq!(holds("hook").await.as_deref(), Some(after.as_bytes()));
        assert_eq!(holds("hook-previous").await.as_deref(), Some(before.as_bytes()));
        assert!(vault.staged(&path("hook")).await.is_err(), "nothing is left beside them");
    }
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "the test writes the configuration that an operator writes")]
async fn on_call_is_told_that_the_vault_is_away_and_that_it_is_back() {
    let site = Site::new();
    site.publish(&with_slot());
    let path = site.folder.path().join("kv2.toml");
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    std::fs::write(site.folder.path().join("token"), "canary-token").unwrap();
    site.config();
    let text = std::fs::read_to_string(site.folder.path().join("agent.toml")).unwrap();
    let table = format!("\n[vault]\nkind = \"kv2\"\naddress = \"http://{nobody}\"\ntoken = \"token\"\n");
    std::fs::write(&path, format!("{text}{table}")).unwrap();
    let config = crate::config::load(&path, None).unwrap();
    let (agent, _ended) = build(config, fetch::IN_THIS_PROCESS.into()).await.unwrap();
    start(&agent).await.unwrap();
    agent.pull().await.unwrap();
    agent.look_at_secrets().await;
    assert_eq!(alerts(&agent), ["vault/-/-/vault_unreachable"]);
    assert_eq!(agent.status().await.unwrap().vault.as_deref(), Some("vault_unreachable"));
    set(&agent, "canary-first").await;
    assert_eq!(alerts(&agent), Vec::<String>::new());
    assert_eq!(agent.status().await.unwrap().vault, None);
}

#[tokio::test]
async fn on_call_is_told_that_the_vaults_file_is_gone_or_garbage_while_work_goes_on() {
    let site = Site::new();
    site.publish(&with_slot());
    let (agent, _ended) = site.agent().await;
    agent.pull().await.unwrap();
    agent.look_at_secrets().await;
    assert_eq!(alerts(&agent), Vec::<String>::new(), "nothing was ever put there");
    set(&agent, "canary-first").await;
    assert_eq!(alerts(&agent), Vec::<String>::new());
    let file = agent.disk.read("vault.age").unwrap().unwrap();
    agent.disk.write("vault.age", b"garbage").unwrap();
    agent.look_at_secrets().await;
    assert_eq!(alerts(&agent), ["vault/-/-/vault_cannot_open"]);
    assert!(agent.field.vault().read(&slot()).await.is_ok(), "what was read before counts");
    agent.disk.remove("vault.age").unwrap();
    agent.look_at_secrets().await;
    assert_eq!(alerts(&agent), ["vault/-/-/vault_gone"]);
    // A restart without the file has nothing in memory, and knows that there was something.
    drop(agent);
    let (agent, _ended) = site.agent().await;
    agent.look_at_secrets().await;
    assert_eq!(alerts(&agent), ["vault/-/-/vault_gone"]);
    agent.disk.write("vault.age", &file).unwrap();
    assert!(agent.field.vault().read(&slot()).await.is_err(), "nothing was read");
    agent.look_at_secrets().await;
    assert_eq!(alerts(&agent), Vec::<String>::new(), "it is over when the file is back");
    assert!(agent.field.vault().read(&slot()).await.is_ok(), "and it was read again");
}

#[tokio::test]
async fn on_call_is_told_of_a_secret_that_was_caught_on_its_way_into_the_log() {
    let site = Site::new();
    let (agent, _ended) = site.agent().await;
    let planted = secret("canary-planted-in-a-line");
    Guarded(std::io::sink()).write_all(b"so canary-planted-in-a-line stands here\n").unwrap();
    drop(planted);
    agent.look_at_secrets().await;
    let told = agent.store.alerts().unwrap();
    assert!(told.iter().any(|row| row.alert.key() == "secret-in-log/-/-/secret_in_log" && row.alert.incident));
}

#[tokio::test]
async fn a_secret_that_cannot_be_one_is_known_by_its_slot_and_told() {
    use crate::control::form::Form;
    let site = Site::new();
    site.publish(&with_slot());
    let (agent, _ended) = site.agent().await;
    agent.pull().await.unwrap();
    let form = |path: &str| agent.form_of(&SlotPath::parse(path).unwrap());
    assert!(matches!(form("acme/shop/token"), Some(Form::Auth(_))));
    assert_eq!((form("acme/shop/nothing"), form("acme/none/token"), form("nobody/shop/token")), (None, None, None));
    let judged = form("acme/shop/token").unwrap();
    assert!(judged.judge(b"two words").is_err() && judged.judge(b"one-word").is_ok());
    // Whatever fills the vault otherwise is not asked first.
    set(&agent, "two words").await;
    assert_eq!(alerts(&agent), ["secret/acme/shop/token"], "it names the slot");
    set(&agent, "canary-first").await;
    assert_eq!(alerts(&agent), Vec::<String>::new());
}
