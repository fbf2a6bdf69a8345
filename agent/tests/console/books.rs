//! The ledger, incidents with their post-mortem, holds, and runs found by their event.

use crate::played::{FAILED, Place, SCRIPT, WAITS, run};

/// The id of an open incident of a client, off the page of somebody who sees it.
fn incident(place: &Place, cookie: &str, client: &str) -> String {
    let page = place.look("/incidents", cookie).body;
    let rows = page.split("id=\"incident-").skip(1);
    let row = rows.into_iter().find(|row| row.contains(&format!("<span>{client}/"))).expect("an incident");
    row.split('"').next().expect("an id").to_owned()
}

#[test]
fn the_ledger_is_shown_by_day_kind_and_run_with_proofs_to_take_along() {
    let place = Place::new();
    let alice = place.sign_in("alice");
    place.noted();
    let page = place.look("/ledger?client=acme&kind=all", &alice);
    assert_eq!(place.noted(), ["acme viewed alice ledger"]);
    for holds in
        ["18\u{202f}431", "Download", "18429.tlog-proof", "rel=\"next\"", "assent/harbor/eu-production-1/acme+12345678"]
    {
        assert!(page.body.contains(holds), "no {holds}: {}", page.body);
    }
    let next = page.body.split("rel=\"next\"").next().and_then(|rest| rest.rsplit("href=\"").next());
    let next = next.and_then(|rest| rest.split('"').next()).expect("a next page").replace("&amp;", "&");
    assert_eq!(next, "/ledger?client=acme&kind=all&before=18420");
    let older = place.look(&next, &alice).body;
    assert!(older.contains("18419.tlog-proof") && !older.contains("18420.tlog-proof"), "{older}");
    let ended = place.look("/ledger?client=acme&kind=ended&run=18404&day=2026-03-02", &alice).body;
    assert!(ended.contains("<strong>ended</strong>") && !ended.contains("<strong>intent</strong>"), "{ended}");
    let bodies: String = (0..3)
        .map(|at| place.look(&format!("/ledger?client=acme&kind=all&before={}", 18_430 - 10 * at), &alice).body)
        .collect();
    assert!(bodies.contains("&lt;script&gt;") && !bodies.contains(SCRIPT) && bodies.contains("U+202E"));
    place.noted();

    let proof = place.look("/ledger/acme/18429.tlog-proof", &alice);
    assert_eq!((proof.status, proof.header("content-type")), (200, Some("text/plain; charset=utf-8")));
    assert_eq!(proof.header("content-disposition"), Some("attachment; filename=\"acme-18429.tlog-proof\""));
    assert!(proof.body.starts_with("c2sp.org/tlog-proof@v1"));
    assert_eq!(place.noted(), ["acme viewed alice proof"]);
    assert!(place.look("/ledger/acme/checkpoint", &alice).body.contains("\n18431\n"));
    assert_eq!(place.look("/ledger/acme/99999.tlog-proof", &alice).status, 404);
    assert_eq!(place.look("/ledger?client=-", &alice).status, 200);

    let (bob, lena) = (place.sign_in("bob"), place.sign_in("lena"));
    place.noted();
    for cookie in [&bob, &lena] {
        for theirs in ["/ledger?client=acme", "/ledger/acme/1.tlog-proof", "/ledger/acme/checkpoint"] {
            assert_eq!(place.look(theirs, cookie).status, 404, "{theirs}");
            let noted = place.noted();
            assert!(noted.len() == 1 && noted.concat().ends_with("not_assigned"), "{theirs}: {noted:?}");
        }
    }
    assert_eq!(place.look("/ledger/acme/1.tlog-proof", "").status, 401);
}

#[test]
fn an_incident_is_answered_explained_shared_and_closed() {
    let place = Place::new();
    let alice = place.sign_in("alice");
    let id = incident(&place, &alice, "acme");
    let at = format!("/incidents/{id}");
    place.noted();
    let page = place.look(&at, &alice);
    assert!(page.status == 200 && page.body.contains("Root cause") && page.body.contains("503"), "{}", page.body);
    assert_eq!(place.noted(), ["acme viewed alice incident"]);
    for step in ["acknowledge", "resolve"] {
        let done = place.act("/incidents", &alice, &[("incident", &id), ("step", step)]);
        assert!(done.status == 303 && done.header("location").is_some_and(|to| to.starts_with(&at)), "{step}");
    }

    // What says too little is not shared, and not lost.
    let (cause, short) = ("<b>the shop's\r\n## Prevention\r\nown words</b>", "later");
    let refused = place.act(&at, &alice, &[("cause", cause), ("prevention", short)]);
    assert_eq!(refused.status, 409);
    assert!(
        refused.body.contains("&lt;b&gt;the shop's") && refused.body.contains("says nothing yet"),
        "{}",
        refused.body
    );
    assert_eq!(place.done(), Vec::<String>::new());
    let prevention = "The shop's client retries with a budget and falls back to a queue; Alice does it by Friday.";
    let cause = format!("{cause}: the shop moved to another host, and its certificate was not renewed in time.");
    let shared = place.act(&at, &alice, &[("cause", &cause), ("prevention", prevention)]);
    assert_eq!((shared.status, shared.header("location")), (303, Some(format!("{at}?said=shared").as_str())));
    assert_eq!(place.done(), [format!("alice shares {prevention}")]);
    assert_eq!(place.act("/incidents", &alice, &[("incident", &id), ("step", "close")]).status, 303);
    let closed = place.look(&at, &alice).body;
    assert!(
        closed.contains("taken by <code>ops</code>, <code>mail</code>. Its SHA-256 is in the ledger")
            && !closed.contains("name=\"cause\""),
        "{closed}"
    );
    assert!(place.look("/incidents", &alice).body.contains("Closed: 1 incident"));
    assert!(!place.look("/", &alice).body.contains(&format!("id=\"incident-{id}\"")));
}

#[test]
fn an_incident_of_others_is_not_there_and_only_on_call_writes() {
    let place = Place::new();
    let (alice, bob, lena) = (place.sign_in("alice"), place.sign_in("bob"), place.sign_in("lena"));
    let (acme, zenith) = (incident(&place, &alice, "acme"), incident(&place, &bob, "zenith"));
    place.noted();
    for (cookie, id, status) in [(&bob, &acme, 404), (&lena, &acme, 404), (&bob, &zenith, 200)] {
        assert_eq!(place.look(&format!("/incidents/{id}"), cookie).status, status, "{id}");
    }
    let words = [("cause", "x"), ("prevention", "y")];
    let wanted =
        [(&bob, &zenith, 403, "not_on_call"), (&bob, &acme, 404, "not_assigned"), (&lena, &acme, 404, "not_assigned")];
    for (cookie, id, status, code) in wanted {
        place.noted();
        assert_eq!(place.act(&format!("/incidents/{id}"), cookie, &words).status, status, "{id}");
        assert!(place.noted().concat().ends_with(code), "{code}");
    }
    assert_eq!(place.look("/incidents/i-999", &alice).status, 404);
    assert_eq!(place.done(), Vec::<String>::new());
}

#[test]
fn holds_are_placed_on_a_client_a_workflow_or_a_connection_by_who_is_on_call() {
    let place = Place::new();
    let (alice, bob) = (place.sign_in("alice"), place.sign_in("bob"));
    let page = place.look("/holds", &alice).body;
    assert!(
        page.contains("value=\"acme:shop\"")
            && page.contains("value=\"acme/refund\"")
            && page.contains("Nothing is held")
    );
    for at in ["acme", "acme/refund", "acme:shop"] {
        let held = place.act("/hold", &alice, &[("at", at), ("why", "T-1"), ("lasts", "1h")]);
        assert_eq!((held.status, held.header("location")), (303, Some("/holds?said=held")), "{at}");
    }
    let page = place.look("/holds", &alice).body;
    assert!(page.contains("acme/refund</strong>") && page.contains("connection shop</strong>"), "{page}");
    assert_eq!(place.act("/resume", &alice, &[("client", "acme"), ("connection", "shop")]).status, 303);
    assert!(!place.look("/holds", &alice).body.contains("connection shop</strong>"));
    for bad in ["", "ACME", "acme/", "acme:a/b", "acme/refund/x"] {
        assert_eq!(place.act("/hold", &alice, &[("at", bad), ("why", "T-1"), ("lasts", "1h")]).status, 400, "{bad}");
    }
    place.done();
    assert!(!place.look("/holds", &bob).body.contains("action=\"/hold\""));
    assert_eq!(place.act("/hold", &bob, &[("at", "zenith"), ("why", "T-1"), ("lasts", "1h")]).status, 403);
    assert_eq!(place.done(), Vec::<String>::new());
}

#[test]
fn a_run_is_found_by_the_event_that_began_it() {
    let place = Place::new();
    let (alice, bob) = (place.sign_in("alice"), place.sign_in("bob"));
    let failed = format!("/runs/{}", run(FAILED.0, FAILED.1));
    let found = place.look("/runs?q=+evt-18424+", &alice);
    assert_eq!((found.status, found.header("location")), (303, Some(failed.as_str())));
    // Not by its delivery key any more: among the runs that are looked through.
    let listed = place.look("/runs?q=evt-18425", &alice).body;
    let waits = format!("/runs/{}", run(WAITS.0, WAITS.1));
    assert!(listed.contains(&waits) && !listed.contains(&failed), "{listed}");
    let theirs = place.look("/runs?q=evt-18424", &bob);
    assert!(theirs.status == 200 && !theirs.body.contains(&failed), "{}", theirs.body);
}
