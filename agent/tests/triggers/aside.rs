//! Items of a list that cannot be read: they are put aside, and stop no other.

use super::*;

#[tokio::test]
async fn an_item_that_cannot_be_read_is_put_aside_and_the_list_goes_on() {
    let host = polled();
    host.looks().await;
    host.appears("a", 10);
    host.appears_bad("bad", 20);
    for i in 0..6 {
        host.appears(&format!("c{i}"), 30 + i);
    }
    host.pass(60);
    host.looks().await;
    let all = ["a", "bad", "c0", "c1", "c2", "c3", "c4", "c5"];
    assert_eq!(host.events(), all);
    assert_eq!(host.queue(), [("bad".to_owned(), "bad_item".to_owned())]);
    let told: Vec<_> = host.store().alerts().expect("alerts").into_iter().map(|row| row.alert.key()).collect();
    assert_eq!(told, ["run-content-lost/acme/shop/bad_item"], "of this connection's list");
    // It stays there, and is told once.
    for _ in 0..3 {
        host.pass(1_900);
        host.looks().await;
    }
    assert_eq!((host.events(), host.queue().len()), (all.map(str::to_owned).to_vec(), 1));
}

#[tokio::test]
async fn what_was_put_aside_comes_back_once_it_can_be_read() {
    for wait in [5, 3_600] {
        let host = polled();
        host.looks().await;
        host.appears_bad("bad", 10);
        host.appears("a", 20);
        host.pass(30);
        host.looks().await;
        assert_eq!(host.events(), ["bad", "a"]);
        // Within the lag at once, behind it when it is looked for.
        host.mends("bad");
        host.pass(wait);
        host.looks().await;
        host.looks().await;
        assert_eq!((host.events(), host.queue().len()), (vec!["bad".into(), "a".into(), "bad".into()], 0), "{wait}");
    }
}

#[tokio::test]
async fn what_a_person_handled_does_not_come_back() {
    let host = polled();
    host.looks().await;
    host.appears_bad("bad", 10);
    host.appears("a", 20);
    host.pass(30);
    host.looks().await;
    let run = host.store().queue().expect("a queue").first().expect("an item").run;
    let now = host.world.now();
    host.store().commit(Transaction::new(now).with(Write::Unqueue { run })).await.expect("a commit");
    host.mends("bad");
    for wait in [5, 3_600, 3_600] {
        host.pass(wait);
        host.looks().await;
    }
    assert_eq!(host.events(), ["bad", "a"]);
}

#[tokio::test]
async fn a_list_of_which_nothing_can_be_read_stands_still_and_keeps_all() {
    let host = polled();
    host.looks().await;
    host.appears_bad("b0", 10);
    host.appears_bad("b1", 11);
    host.pass(30);
    let desk = host.boot().await;
    desk.look_at_poll(&host.compiled).await.expect_err("another form than the catalog says");
    assert!(host.events().is_empty() && host.queue().is_empty());
    // The catalog is mended, or the API: nothing was lost. Else what follows is not stopped.
    host.mends("b0");
    host.looks().await;
    assert_eq!((host.events(), host.queue().len()), (vec!["b0".into(), "b1".into()], 1));
    // What is known does not make a list one that cannot be read.
    host.world.list.lock().expect("a lock").retain(|item| item["id"] == "b1");
    host.looks().await;
}

#[tokio::test]
async fn an_item_without_id_or_instant_is_put_aside_too() {
    let host = polled();
    host.looks().await;
    host.appears("a", 10);
    for item in [json!({"at": START + 12, "by": "lena"}), json!({"id": "b", "at": "soon"}), json!("odd")] {
        host.world.list.lock().expect("a lock").push(item);
        host.looks().await;
        host.pass(10);
        host.looks().await;
        host.world.list.lock().expect("a lock").truncate(1);
    }
    host.appears("c", 31);
    host.pass(30);
    host.looks().await;
    let (events, queue) = (host.events(), host.queue());
    assert_eq!((events.len(), queue.len()), (5, 3), "{events:?} {queue:?}");
    assert!(queue.iter().all(|(event, why)| event.starts_with("unread-") && why == "bad_item"), "{queue:?}");
    assert!(events.contains(&"a".to_owned()) && events.last() == Some(&"c".to_owned()), "{events:?}");
}

#[tokio::test]
async fn a_crash_at_any_commit_neither_loses_nor_repeats_an_item_that_cannot_be_read() {
    for after in [false, true] {
        for at in 0.. {
            let mut host = polled();
            host.looks().await;
            host.appears("a", 10);
            host.appears_bad("bad", 20);
            host.appears("c", 30);
            host.world.list.lock().expect("a lock").push(json!({"at": START + 31}));
            host.pass(40);
            let death = Arc::new(Death { at, after, commits: AtomicUsize::new(0), told: Notify::new() });
            host.death = Some(Arc::clone(&death));
            for mended in [false, true] {
                if mended {
                    host.mends("bad");
                }
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
            host.looks().await;
            let mut events = host.events();
            events.sort();
            let put_aside = events.iter().filter(|event| *event == "bad").count();
            // Whether it was seen before it was mended depends on when the process died.
            assert!((1..=2).contains(&put_aside), "{at} {events:?}");
            events.retain(|event| event != "bad");
            assert!(
                matches!(events.as_slice(), [a, c, odd] if a == "a" && c == "c" && odd.starts_with("unread-")),
                "{at} {events:?}"
            );
            let queue = host.queue();
            assert!(matches!(queue.as_slice(), [(odd, _)] if odd.starts_with("unread-")), "{at} {queue:?}");
            if !died {
                assert!(at > 3, "there is something to die at");
                break;
            }
        }
    }
}
