//! Lists at the front desk: what is new begins a run once, whenever the process stops in between.

use super::*;

#[tokio::test]
async fn a_list_begins_now_and_each_item_runs_once_also_when_it_comes_late() {
    let host = polled();
    let desk = host.boot().await;
    host.appears("before", -500);
    desk.look_at_poll(&host.compiled).await.expect("a look");
    assert!(host.events().is_empty());
    host.appears("a", 10);
    host.appears("b", 20);
    host.pass(30);
    desk.look_at_poll(&host.compiled).await.expect("a look");
    desk.look_at_poll(&host.compiled).await.expect("a look");
    assert_eq!(host.events(), ["a", "b"]);
    // Late, and behind the cursor by less than the lag; then, after a restart, one more.
    host.appears("late", 15);
    host.pass(30);
    let desk = host.boot().await;
    desk.look_at_poll(&host.compiled).await.expect("a look");
    host.appears("c", 61);
    desk.look_at_poll(&host.compiled).await.expect("a look");
    assert_eq!(host.events(), ["a", "b", "late", "c"]);
}

#[tokio::test]
async fn an_item_from_the_future_is_taken_and_told_and_nothing_behind_it_is_passed_over() {
    let host = polled();
    let desk = host.boot().await;
    desk.look_at_poll(&host.compiled).await.expect("a look");
    host.appears("a", 10);
    host.appears("future", 2_000_000_000);
    host.pass(30);
    assert_eq!(desk.look_at_poll(&host.compiled).await, Ok(desk::Seen::Future));
    let told =
        || -> Vec<String> { host.store().alerts().expect("alerts").into_iter().map(|row| row.alert.code).collect() };
    assert_eq!((host.events(), told()), (vec!["a".into(), "future".into()], vec!["from_the_future".into()]));
    // It stands there, and is one run; then it is gone again.
    for i in 0..4 {
        host.appears(&format!("b{i}"), 40 + i);
    }
    host.pass(30);
    assert_eq!(desk.look_at_poll(&host.compiled).await, Ok(desk::Seen::Future));
    host.world.list.lock().expect("a lock").retain(|item| item["id"] != "future");
    host.appears("c", 70);
    host.pass(30);
    let desk = host.boot().await;
    assert_eq!(desk.look_at_poll(&host.compiled).await, Ok(desk::Seen::Past));
    assert_eq!(host.events(), ["a", "future", "b0", "b1", "b2", "b3", "c"]);
}

#[tokio::test]
async fn a_list_longer_than_one_read_is_walked_and_our_own_items_are_passed_over() {
    let host = polled();
    let desk = host.boot().await;
    desk.look_at_poll(&host.compiled).await.expect("a look");
    for i in 0..8 {
        host.appears(&format!("i{i}"), i);
    }
    host.world.list.lock().expect("a lock").push(json!({"id": "own", "at": START + 9, "by": "bot"}));
    host.pass(20);
    desk.look_at_poll(&host.compiled).await.expect("a look");
    assert_eq!(host.events().len(), 8);
}

#[tokio::test]
async fn items_wait_in_their_list_while_what_is_left_of_the_disk_is_for_runs_that_are_known() {
    let mut host = polled();
    let desk = host.boot().await;
    desk.look_at_poll(&host.compiled).await.expect("a look");
    host.appears("a", 1);
    host.pass(10);
    host.full = true;
    let desk = host.boot().await;
    // It may say that it could not; nothing is lost, and nothing begins.
    drop(desk.look_at_poll(&host.compiled).await);
    assert!(host.events().is_empty());
    host.full = false;
    let desk = host.boot().await;
    host.pass(60);
    desk.look_at_poll(&host.compiled).await.expect("a look");
    assert_eq!(host.events(), ["a"]);
}

#[tokio::test]
async fn items_wait_in_their_list_while_the_client_has_too_much() {
    let mut host = polled();
    host.waiting = 0;
    let desk = host.boot().await;
    desk.look_at_poll(&host.compiled).await.expect("a look");
    host.appears("a", 1);
    host.pass(5);
    desk.look_at_poll(&host.compiled).await.expect("a look");
    assert!(host.events().is_empty());
    host.waiting = 10;
    let desk = host.boot().await;
    desk.look_at_poll(&host.compiled).await.expect("a look");
    assert_eq!(host.events(), ["a"]);
}

#[tokio::test]
async fn a_list_that_cannot_be_read_or_walked_is_told_and_nothing_is_lost() {
    let host = polled();
    let desk = host.boot().await;
    desk.look_at_poll(&host.compiled).await.expect("a look");
    *host.world.status.lock().expect("a lock") = 403;
    host.appears("a", 1);
    host.pass(5);
    desk.look_at_poll(&host.compiled).await.expect_err("forbidden");
    *host.world.status.lock().expect("a lock") = 200;
    for i in 0..4 {
        host.appears(&format!("same{i}"), 3);
    }
    desk.look_at_poll(&host.compiled).await.expect_err("more at one instant than one read gives");
    assert!(host.events().contains(&"a".to_owned()));
    let told = desk.counted().looks().samples("connection").into_iter();
    let told: BTreeMap<String, f64> = told
        .map(|(labels, count)| (labels.into_iter().map(|(_, value)| value).collect::<Vec<_>>().join(" "), count))
        .collect();
    assert_eq!(told.keys().collect::<Vec<_>>(), ["acme shop forbidden", "acme shop ok"], "{told:?}");
}

#[tokio::test]
async fn a_list_is_left_alone_for_as_long_as_its_api_asks() {
    let host = polled();
    *host.world.status.lock().expect("a lock") = 429;
    *host.world.retry_after.lock().expect("a lock") = Some(300);
    let desk = host.boot().await;
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let polls = tokio::spawn(Arc::clone(&desk).keep_polls(stopped));
    let mut asked = Vec::new();
    for minute in 0..7 {
        for _ in 0..200 {
            tokio::task::yield_now().await;
        }
        asked.push(host.world.asked.load(Ordering::SeqCst));
        if minute == 5 {
            *host.world.status.lock().expect("a lock") = 200;
            *host.world.retry_after.lock().expect("a lock") = None;
        }
        host.pass(60);
    }
    stop.send(true).expect("it listens");
    polls.await.expect("it stops");
    assert_eq!(asked, [1, 1, 1, 1, 1, 2, 2], "every minute, but not within the five that it asks for");
}
