//! Genuine events that nobody can use, and those signed with a secret that counts no more.

use assent_agent::store::{Transaction, Write};
use assent_schema::time::Period;

use super::*;

#[test]
fn a_genuine_event_that_is_refused_for_good_is_told_to_on_call() {
    let (store, kinds) = noting();
    let store = Arc::new(store);
    let place = Place::over(Arc::clone(&store), kinds);
    let changed = BODY.replace("\"T-1\"", "{\"no\":1}");
    for n in 0..3 {
        assert_eq!(place.hook(&format!("msg_{n}"), now(), &changed).0, 400);
    }
    // What nobody signed tells nobody anything.
    let forged = webhook::sign(b"whsec_AfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_9", now(), changed.as_bytes());
    let forged = forged.unwrap_or_else(|refused| panic!("{}", refused.code()));
    assert_eq!(place.post("/hooks/acme/refund", &forged, changed.as_bytes()).0, 401);
    let told: Vec<_> = store.alerts().expect("read").iter().map(|row| (row.alert.key(), row.count)).collect();
    assert_eq!(told, [("event-lost/acme/helpdesk/bad_body".to_owned(), 3)]);
}

#[test]
fn the_secret_before_counts_for_a_day_after_the_new_one_does() {
    let (store, kinds) = noting();
    let store = Arc::new(store);
    let place = Place::over(Arc::clone(&store), kinds);
    let by = |secret: &[u8], id: &str| {
        let signed = webhook::sign(secret, id, now(), BODY.as_bytes()).unwrap_or_default();
        place.post("/hooks/acme/refund", &signed, BODY.as_bytes()).0
    };
    let since = |hours: u64| {
        let since = now().minus(Period::hours(hours));
        let value = json!({"mark": Digest::from_bytes([0; 32]), "since": since}).to_string().into_bytes();
        let write = Write::State { name: "slot/acme/helpdesk/webhook".to_owned(), value: Some(value) };
        let kept = store.commit(Transaction::new(RealClock.now()).with(write));
        place.runtime.block_on(kept).expect("durable");
    };
    assert_eq!(
        (by(SECRET, "msg_1"), by(BEFORE, "msg_2")),
        (202, 202),
        "nobody knows yet since when the new one counts"
    );
    since(23);
    assert_eq!((by(SECRET, "msg_3"), by(BEFORE, "msg_4")), (202, 202));
    since(24);
    assert_eq!((by(SECRET, "msg_5"), by(BEFORE, "msg_6")), (202, 401), "whoever has the old one is nobody now");
}
