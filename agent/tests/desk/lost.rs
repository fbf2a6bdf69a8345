//! Genuine events that nobody can use.

use super::*;

#[test]
fn a_genuine_event_that_is_refused_for_good_is_told_to_on_call() {
    let kinds = Arc::new(Mutex::new(Vec::new()));
    let books = Noted { books: NoBooks::default(), kinds: Arc::clone(&kinds) };
    let store = Arc::new(Memory::open(Arc::default(), Box::new(books)));
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
