//! People who sign in and see what is theirs, and callers that go away.

use super::*;

/// A gate at which commits wait while it is closed, and that says when one came.
struct Barrier {
    closed: watch::Receiver<bool>,
    came: mpsc::Sender<()>,
}

impl Gate for Barrier {
    fn before(&self) -> Pin<Box<dyn Future<Output = bool> + Send + '_>> {
        let mut closed = self.closed.clone();
        Box::pin(async move {
            if *closed.borrow() {
                self.came.send(()).expect("a test");
            }
            closed.wait_for(|closed| !*closed).await.expect("a test");
            false
        })
    }

    fn after(&self, _: bool) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {})
    }
}

#[test]
fn a_caller_that_goes_away_changes_nothing_in_its_run() {
    let (store, kinds) = noting();
    let (close, closed) = watch::channel(false);
    let (came, comes) = mpsc::channel();
    let store = Arc::new(store.guarded(Arc::new(Barrier { closed, came })));
    let place = Place::over(Arc::clone(&store), kinds);
    close.send_replace(true);
    let at = now();
    let signed = webhook::sign(SECRET, "msg_1", at, BODY.as_bytes()).unwrap_or_default();
    let mut caller = TcpStream::connect(place.address).expect("a connection");
    caller.write_all(&request(place.address, "/hooks/acme/refund", &signed, BODY.as_bytes())).expect("sent");
    comes.recv().expect("the run is about to become durable");
    // Closed with a reset: nothing is left that could be answered.
    caller.shutdown(std::net::Shutdown::Both).expect("closed");
    drop(caller);
    // The one thread that serves has seen it by the time that it answers somebody who came later.
    let health = format!("GET /healthz HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", place.address);
    assert_eq!(place.raw(health.as_bytes()).0, 200);
    assert!(place.noted().is_empty());
    close.send_replace(false);
    let question = loop {
        // Asking goes through the same thread, after the run.
        let (status, answer) = place.decisions("lena", 1);
        assert_eq!(status, 200, "{answer}");
        if let Some(question) = answer["decisions"].get(0) {
            break question.clone();
        }
    };
    assert_eq!(place.ask("/v1/decide", &decision(&question, "lena", 1)).0, 200);
    let again = place.hook("msg_1", at, BODY);
    assert_eq!((again.0, again.1.contains(question["run"].as_str().expect("an id"))), (200, true), "the same run");
    assert_eq!(store.runs(&RunFilter { most: 10, ..RunFilter::default() }).expect("read").len(), 1);
}

#[test]
fn a_person_signs_in_sees_and_decides_once() {
    let place = Place::new();
    assert_eq!(place.hook("msg_1", now(), BODY).0, 202);
    let (status, answer) = place.decisions("lena", 1);
    assert_eq!(status, 200, "{answer}");
    let question = answer["decisions"][0].clone();
    assert_eq!(question["values"], json!({"trigger.ticket_id": "T-1"}));
    assert_eq!(question["step"], "agree");
    // What was shown can be checked by who signs.
    let salt: Digest = question["salt"].as_str().expect("a salt").parse().expect("a digest");
    let shown = [salt.as_bytes().as_slice(), &canon::to_bytes(&question["values"]).expect("canonical")].concat();
    assert_eq!(question["shown"], Digest::tagged("assent-shown/v1", &shown).to_string());
    // The entry comes before the answer.
    assert_eq!(place.noted().iter().filter(|kind| *kind == "viewed lena").count(), 2);

    assert_eq!(place.ask("/v1/decide", &decision(&question, "otto", 3)).0, 403, "not of the group");
    assert!(place.noted().contains(&"refused otto".to_owned()));
    assert_eq!(place.ask("/v1/decide", &decision(&question, "lena", 3)).0, 401, "somebody else's key");
    let mut other = question.clone();
    other["nonce"] = json!(Digest::from_bytes([0; 32]).to_string());
    assert_eq!(place.ask("/v1/decide", &decision(&other, "lena", 1)).0, 409);
    assert_eq!(place.ask("/v1/decide", &decision(&question, "lena", 1)), (200, json!({"code": "decided"})));
    assert_eq!(place.ask("/v1/decide", &decision(&question, "lena", 1)).0, 404, "decided already");
    assert!(place.noted().contains(&"decided lena".to_owned()));
}

#[test]
fn nobody_sees_what_is_addressed_to_others() {
    let place = Place::new();
    assert_eq!(place.hook("msg_1", now(), BODY).0, 202);
    let (status, answer) = place.decisions("otto", 3);
    assert_eq!((status, answer), (200, json!({"decisions": []})));
    assert_eq!(place.decisions("lena", 3).0, 401);
    assert_eq!(place.decisions("nobody", 9).0, 401);
    for body in [
        json!({}),
        json!({"challenge": "{}", "signature": ""}),
        json!([]),
        json!({"challenge": "x", "signature": "y", "more": 1}),
    ] {
        assert_eq!(place.ask("/v1/decisions", &body).0, 400, "{body}");
    }
    assert_eq!(place.ask("/v1/start/acme/refund", &json!({"start": "{}", "signature": ""})).0, 400);
    assert!(!place.noted().contains(&"viewed lena".to_owned()));
}
