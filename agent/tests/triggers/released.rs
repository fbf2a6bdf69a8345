//! Lists across a release that reads another one, and the rollback from it: nothing is passed over and nothing runs twice.

use super::*;

/// The plan of a trigger that reads its list by another operation, with another lag.
#[expect(clippy::indexing_slicing, reason = "a plan has these members")]
fn reading(trigger: &Value, read: &str, path: &str, lag: &str) -> Arc<Compiled> {
    let mut whole = serde_json::to_value(plan(trigger)).expect("JSON");
    let operations = whole["operations"].as_object_mut().expect("an object");
    let mut operation = operations.remove("shop.list").expect("an operation");
    operation["path"] = json!(path);
    operations.insert(read.to_owned(), operation);
    whole["connections"]["store"] = json!({"integration": "shop"});
    let poll = if trigger["kind"] == "poll" { "poll" } else { "reconcile" };
    whole["trigger"][poll]["read"] = json!(read);
    whole["trigger"][poll]["lag"] = json!(lag);
    compiled(serde_json::from_value(whole).expect("a plan"))
}

fn poll_trigger() -> Value {
    json!({"kind": "poll", "poll": poll(), "record": "item", "fields": item_fields()})
}

fn hook_trigger() -> Value {
    json!({"kind": "webhook", "connection": "shop", "event": "item.new", "dialect": "standard-webhooks",
        "matches": {"topic": "item.new"}, "record": "item", "fields": item_fields(), "once": "id", "reconcile": poll()})
}

#[tokio::test]
async fn a_release_with_another_list_and_the_rollback_from_it_neither_skip_nor_repeat() {
    let lists = [("shop.list_two", "/v2/items"), ("store.list", "/items")];
    let lags = ["1m", "10s", "1h"];
    let all =
        [poll_trigger(), hook_trigger()].into_iter().flat_map(|trigger| lists.map(|list| (trigger.clone(), list)));
    for ((trigger, (read, path)), lag, restarts) in all
        .flat_map(|one| lags.map(|lag| (one.clone(), lag)))
        .flat_map(|(one, lag)| [true, false].map(|r| (one.clone(), lag, r)))
    {
        let mut host = Host::new(&trigger);
        let before = Arc::clone(&host.compiled);
        let after = reading(&trigger, read, path, lag);
        let mut desk = host.boot().await;
        let told = format!("{} {read} {lag} {restarts}", trigger["kind"]);
        host.looks_by(&mut desk, restarts).await;
        host.appears("a", 10);
        host.pass(30);
        host.looks_by(&mut desk, restarts).await;
        // It changes after the last look of the plan before.
        host.appears("between", 35);
        host.pass(10);
        host.deploy(&after);
        host.looks_by(&mut desk, restarts).await;
        assert_eq!(host.events(), ["a", "between"], "{told}");
        host.appears("b", 50);
        host.pass(20);
        host.looks_by(&mut desk, restarts).await;
        host.appears("c", 65);
        host.pass(10);
        host.deploy(&before);
        host.looks_by(&mut desk, restarts).await;
        assert_eq!(host.events(), ["a", "between", "b", "c"], "{told}");
        // It changed while the other plan ran, and appears within the lag.
        host.appears("late", 45);
        host.pass(10);
        host.looks_by(&mut desk, restarts).await;
        host.deploy(&after);
        host.looks_by(&mut desk, restarts).await;
        assert_eq!(host.events(), ["a", "between", "b", "c", "late"], "{told}");
    }
}

impl Host {
    /// A look by the process that runs, or by a new one.
    async fn looks_by(&self, desk: &mut Door, restarts: bool) {
        if restarts {
            *desk = self.boot().await;
        }
        desk.look_at_poll(&self.compiled).await.expect("a look");
    }

    /// What stands in the store under names that begin so.
    fn kept(&self, prefix: &str) -> Vec<String> {
        self.store().states(prefix).expect("states").into_iter().map(|(name, _)| name).collect()
    }

    async fn keep(&self, writes: impl IntoIterator<Item = Write>) {
        let mut transaction = Transaction::new(self.world.now());
        transaction.writes.extend(writes);
        self.store().commit(transaction).await.expect("a commit");
    }
}

#[tokio::test]
async fn a_crash_at_any_commit_of_a_release_and_a_rollback_neither_skips_nor_repeats() {
    for after in [false, true] {
        for at in 0.. {
            let mut host = polled();
            let plans = [Arc::clone(&host.compiled), reading(&poll_trigger(), "shop.list_two", "/v2/items", "1m")];
            host.looks().await;
            let death = Arc::new(Death { at, after, commits: AtomicUsize::new(0), told: Notify::new() });
            host.death = Some(Arc::clone(&death));
            for (round, plan) in [0, 1, 0, 1].into_iter().enumerate() {
                let order = 10 * i64::try_from(round).expect("a number");
                host.appears(&format!("a{round}"), order + 1);
                host.appears_bad(&format!("bad{round}"), order + 2);
                host.appears(&format!("c{round}"), order + 3);
                host.pass(10);
                host.deploy(&plans[plan]);
                let looks = async {
                    let desk = host.boot().await;
                    desk.look_at_poll(&host.compiled).await
                };
                tokio::select! {
                    _ = looks => {}
                    () = death.told.notified() => host.death = None,
                }
            }
            let died = host.death.take().is_none();
            host.looks().await;
            let mut events = host.events();
            events.sort();
            let mut expected: Vec<String> =
                (0..4).flat_map(|i| ["a", "bad", "c"].map(|id| format!("{id}{i}"))).collect();
            expected.sort();
            assert_eq!((events, host.queue().len()), (expected, 4), "{at} {after}");
            if !died {
                assert!(at > 8, "there is something to die at");
                break;
            }
        }
    }
}

/// Keys as an agent made them while they were of a list, of items that change so many seconds after the start.
const A_AT_10_OF_LIST: &str = "1e8993661614819295ea58cb11d2be32";
const B_AT_20_OF_LIST_TWO: &str = "6599872b22d902c3983a3e09aabc906f";
const BAD_AT_15_OF_LIST: &str = "e9d42660ae05133a397f76cf0c7b2100";

fn delivered(key: &str, run: u8) -> Write {
    let mut bytes = [0; 16];
    for (slot, digits) in bytes.iter_mut().zip(key.as_bytes().chunks(2)) {
        *slot = u8::from_str_radix(std::str::from_utf8(digits).expect("digits"), 16).expect("a number");
    }
    Write::Deliver { key: bytes, run: RunId::from_bytes([run; 16]) }
}

fn state(name: &str, value: &Value) -> Write {
    Write::State { name: name.to_owned(), value: Some(value.to_string().into_bytes()) }
}

/// An agent that went on under a cursor for each list: the first alone, or a second since a release.
async fn of_an_older_version(second: bool) -> Host {
    let host = polled();
    let started = "2026-03-02T09:00:00Z";
    let last = json!({"order": "2026-03-02T09:00:15Z", "id": "bad"});
    let waits = json!({"run": RunId::from_bytes([2; 16]), "client": "acme", "workflow": "news", "queue": "leads", "why": "bad_item",
        "event": "bad", "since": 0});
    host.keep([
        state("poll/acme/news/shop.list", &json!({"floor": started, "last": last})),
        delivered(A_AT_10_OF_LIST, 1),
        delivered(BAD_AT_15_OF_LIST, 2),
        Write::Queue(Box::new(serde_json::from_value(waits).expect("an item of the queue"))),
        state(
            "aside/poll/acme/news/shop.list",
            &json!({"from": "2026-03-02T09:00:15Z", "plan": "0".repeat(64), "looked": started}),
        ),
    ])
    .await;
    if second {
        let last = json!({"order": "2026-03-02T09:00:20Z", "id": "b"});
        let cursor = json!({"floor": "2026-03-02T09:00:18Z", "last": last});
        host.keep([state("poll/acme/news/shop.list_two", &cursor), delivered(B_AT_20_OF_LIST_TWO, 3)]).await;
    }
    host.appears("a", 10);
    host.appears_bad("bad", 15);
    // After the last look of the first list, before the first of the second.
    host.appears("between", 17);
    host.appears("b", 20);
    host.appears("new", 25);
    host.pass(30);
    host
}

#[tokio::test]
async fn what_an_older_version_kept_for_each_list_goes_on() {
    // The plan before still runs; the first release after the update reads another list.
    for released in [false, true] {
        let mut host = of_an_older_version(false).await;
        if released {
            host.deploy(&reading(&poll_trigger(), "shop.list_two", "/v2/items", "1m"));
        }
        host.looks().await;
        host.looks().await;
        assert_eq!(host.events(), ["between", "b", "new"], "{released}");
        assert_eq!(host.kept("poll/"), ["poll/acme/news"]);
        assert_eq!((host.kept("aside/"), host.queue().len()), (vec!["aside/poll/acme/news".into()], 1));
        // Behind the lag, and by the key of the list: it comes back once it can be read.
        host.mends("bad");
        host.pass(7_200);
        host.looks().await;
        host.looks().await;
        assert_eq!((host.events().last().map(String::as_str), host.queue().len()), (Some("bad"), 0), "{released}");
        assert!(host.kept("aside/").is_empty());
    }
}

#[tokio::test]
async fn a_rollback_after_an_update_repeats_nothing_that_ran_before_it() {
    // Rolled back to the first list: it goes on where that stood, and what the second began is known.
    let host = of_an_older_version(true).await;
    host.looks().await;
    host.looks().await;
    assert_eq!(host.events(), ["between", "new"]);
    // Still on the second.
    let mut host = of_an_older_version(true).await;
    host.deploy(&reading(&poll_trigger(), "shop.list_two", "/v2/items", "1m"));
    host.looks().await;
    host.looks().await;
    assert_eq!(host.events(), ["new"]);
}

#[tokio::test]
async fn an_event_that_was_polled_is_not_reconciled() {
    let mut host = polled();
    host.looks().await;
    host.appears("a", 10);
    host.pass(30);
    host.looks().await;
    host.deploy(&compiled(plan(&hook_trigger())));
    host.appears("b", 40);
    host.pass(30);
    host.looks().await;
    assert_eq!(host.runs(), [(TriggerKind::Poll, "a".to_owned()), (TriggerKind::Reconcile, "b".to_owned())]);
}

#[tokio::test]
async fn what_one_list_could_not_give_is_looked_for_in_another_and_again_in_the_first() {
    let other = || reading(&poll_trigger(), "shop.list_two", "/v2/changes", "1m");
    for in_both in [true, false] {
        let mut host = polled();
        let first = Arc::clone(&host.compiled);
        host.looks().await;
        host.appears_bad("bad", 10);
        host.appears("a", 20);
        if !in_both {
            host.world.list.lock().expect("a lock")[0]["in"] = json!("/items");
        }
        host.pass(30);
        host.looks().await;
        // Long after the lag a plan comes that reads another list; it has it, or not.
        host.pass(7_200);
        host.deploy(&other());
        host.mends("bad");
        host.looks().await;
        assert_eq!(host.queue().len(), usize::from(!in_both));
        host.pass(7_200);
        host.looks().await;
        host.pass(60);
        host.deploy(&first);
        host.looks().await;
        assert_eq!((host.events(), host.queue().len()), (vec!["bad".into(), "a".into(), "bad".into()], 0), "{in_both}");
        // Nothing is looked for any more.
        host.pass(3_600);
        host.looks().await;
        assert!(host.kept("aside/").is_empty(), "{in_both}");
    }
}
