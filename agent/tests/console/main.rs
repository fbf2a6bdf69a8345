//! The console over real HTTP: everybody who may look and act, and everybody who may not.

#![expect(clippy::expect_used, reason = "tests stop at what is not there")]

#[expect(dead_code, reason = "other tests use more of it")]
mod authenticator;
mod books;
mod needs;
mod passkeys;
#[expect(dead_code, reason = "other tests use more of it")]
mod played;

use assent_agent::people::receipt::Receipt;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use played::{FAILED, PEOPLE, Place, SCRIPT, THEIRS, WAITS, run};

/// The receipt that stands on a page, once.
fn receipt(page: &str) -> Receipt {
    let start = "href=\"data:application/json;base64,";
    let (_, rest) = page.split_once(start).expect("a receipt");
    assert!(!rest.contains(start), "one alone");
    let bytes = STANDARD.decode(rest.split('"').next().expect("a text")).expect("base64");
    serde_json::from_slice(&bytes).expect("a receipt")
}

/// The address of a question by the number in its nonce.
fn question(nonce: u8) -> String {
    format!("/decisions/{}", format!("{nonce:02x}").repeat(32))
}

/// The pages of an engineer: what the ledger is told of each, and what stands on it.
fn pages() -> Vec<(String, &'static str, &'static str)> {
    vec![
        ("/".to_owned(), "acme viewed alice overview", "restock"),
        ("/decisions".to_owned(), "acme viewed alice decisions", "refund"),
        ("/runs".to_owned(), "acme viewed alice runs", "unavailable"),
        (
            "/runs?client=acme&workflow=refund&state=failed&at=2026-03-02T09:13".to_owned(),
            "acme viewed alice runs",
            "failed",
        ),
        (format!("/runs/{}", run(FAILED.0, FAILED.1)), "acme viewed alice run", "refund.toml"),
        (format!("/runs/{}", run(WAITS.0, WAITS.1)), "acme viewed alice run", "waits for a person"),
        ("/queue".to_owned(), "acme viewed alice queue", "Open the case"),
        ("/incidents".to_owned(), "acme viewed alice incidents", "run failed"),
        ("/holds".to_owned(), "acme viewed alice holds", "Nothing is held"),
        ("/ledger".to_owned(), "acme viewed alice ledger", "18\u{202f}431"),
        ("/passkey".to_owned(), "_agent viewed alice passkey", "Passkeys need a host name"),
        ("/numbers".to_owned(), "acme viewed alice numbers", "&lt;5"),
        ("/numbers?client=acme".to_owned(), "acme viewed alice numbers", "so far since 09:00"),
        ("/numbers.csv".to_owned(), "acme viewed alice numbers", "refund,refunded,EUR,2026-03-02"),
    ]
}

#[test]
fn every_page_of_everybody_answers_and_is_written_down_first() {
    let place = Place::new();
    let (alice, lena) = (place.sign_in("alice"), place.sign_in("lena"));
    assert_eq!(place.noted(), ["_agent viewed alice sign-in", "acme viewed lena sign-in"]);
    for (page, note, holds) in pages() {
        let seen = place.look(&page, &alice);
        assert_eq!(seen.status, 200, "{page}: {}", seen.body);
        assert!(seen.body.contains(holds), "{page} says nothing of {holds}: {}", seen.body);
        let noted = place.noted();
        assert!(noted.contains(&note.to_owned()), "{page}: {noted:?}");
        assert!(!seen.body.contains("00form-token00") && seen.header("cache-control") == Some("no-store"), "{page}");
    }
    let (refund, reply) = (question(7), question(10));
    for (page, note) in [("/", "decisions"), ("/decisions", "decisions"), (&refund, "question"), (&reply, "question")] {
        assert_eq!(place.look(page, &lena).status, 200, "{page}");
        assert_eq!(place.noted(), [format!("acme viewed lena {note}")], "{page}");
    }
    let search = place.look(&format!("/runs?q={}", run(FAILED.0, FAILED.1)), &alice);
    let failed = format!("/runs/{}", run(FAILED.0, FAILED.1));
    assert_eq!((search.status, search.header("location")), (303, Some(failed.as_str())));
}

#[test]
fn what_stands_wrong_is_said_on_every_page_to_those_who_may_know() {
    let place = Place::new();
    let [alice, bob, lena, zoe] = ["alice", "bob", "lena", "zoe"].map(|person| place.sign_in(person));
    let before = place.look("/runs", &alice).body;
    assert!(before.contains("<div id=\"troubles\" data-part=\"\"></div>"), "nothing stands wrong: {before}");
    place.trouble();
    let own = [format!("/runs/{}", run(9, 9)), question(7)];
    for page in pages().into_iter().map(|(page, ..)| page).filter(|page| !page.contains(".csv")).chain(own) {
        let body = place.look(&page, &alice).body;
        for (text, many) in
            [("The vault cannot be used", 1), ("The kernel takes no keys", 1), ("assent explain bad-signature", 1)]
        {
            assert_eq!(body.matches(text).count(), many, "{page}, {text}: {body}");
        }
        assert!(body.contains("acme/refund is held") && body.contains("zenith is held"), "{page}: {body}");
        assert!(body.contains("<summary>3 more") && body.contains("href=\"/incidents/i-6\""), "{page}: {body}");
    }
    // An engineer of another client; and people of the clients, who read of their own and of nothing else.
    let bob = place.look("/queue", &bob).body;
    assert!(
        bob.contains("zenith is held") && bob.contains("vault_gone") && !bob.contains("acme/refund is held"),
        "{bob}"
    );
    for (who, theirs) in [(&lena, "Your agency has paused refund"), (&zoe, "Your agency has paused all workflows")] {
        let body = place.look("/decisions", who).body;
        assert!(body.contains(theirs) && body.matches("Your agency has paused").count() == 1, "{body}");
        for word in ["vault", "bruno", "TICKET-9", "bad-signature", "kernel"] {
            assert!(!body.contains(word), "{word}: {body}");
        }
    }
}

#[test]
fn what_cannot_be_written_down_first_is_not_shown() {
    let place = Place::new();
    let (alice, lena) = (place.sign_in("alice"), place.sign_in("lena"));
    let engineers = pages().into_iter().map(|(page, _, holds)| (page, holds, &alice));
    let deciders = [("/decisions".to_owned(), "refund", &lena), (question(7), "129.90", &lena)];
    let all: Vec<_> = engineers.chain(deciders).collect();
    place.noted();
    place.be_full(true);
    let mut said = Vec::new();
    for (page, _, cookie) in &all {
        let seen = place.look(page, cookie);
        assert_eq!(seen.status, 503, "{page}: {}", seen.body);
        said.push(seen.body);
    }
    said.dedup();
    assert!(said.len() == 1 && !said.concat().contains("acme"), "one page for all, which tells nothing: {said:?}");
    assert_eq!(place.noted(), Vec::<String>::new());
    place.be_full(false);
    for (page, holds, cookie) in &all {
        let seen = place.look(page, cookie);
        assert!(seen.status == 200 && seen.body.contains(holds), "{page}: {}", seen.body);
    }
}

#[test]
fn nobody_sees_what_is_not_theirs_and_the_ledger_says_who_tried() {
    let place = Place::new();
    let (alice, bob, lena, otto) =
        (place.sign_in("alice"), place.sign_in("bob"), place.sign_in("lena"), place.sign_in("otto"));
    place.noted();
    let (failed, theirs) = (format!("/runs/{}", run(FAILED.0, FAILED.1)), format!("/runs/{}", run(THEIRS.0, THEIRS.1)));
    let unknown = format!("/runs/{}", run(200, 1));
    let (refund, others, zeniths) = (question(7), question(9), question(8));
    let nothing = place.look(&unknown, &alice).body;
    for (who, page, cookie, note) in [
        ("a run of another client", theirs.as_str(), &alice, "zenith refused alice not_assigned"),
        ("a run of another client", &failed, &bob, "acme refused bob not_assigned"),
        ("numbers of another client", "/numbers?client=acme", &bob, "acme refused bob not_assigned"),
        ("numbers of nobody", "/numbers?client=nobody", &bob, "_agent refused bob not_assigned"),
        ("a decider looks at runs", "/runs", &lena, "acme refused lena not_assigned"),
        ("a decider looks at a run", &failed, &lena, "acme refused lena not_assigned"),
        ("a decider looks at the queue", "/queue", &lena, "acme refused lena not_assigned"),
        ("another group's question", &refund, &otto, "acme refused otto not_assigned"),
        ("another group's question", &others, &lena, "acme refused lena not_assigned"),
        ("another client's question", &zeniths, &lena, "zenith refused lena not_assigned"),
        ("an engineer opens a question", &refund, &alice, "acme refused alice not_assigned"),
    ] {
        let seen = place.look(page, cookie);
        assert_eq!((seen.status, place.noted()), (404, vec![note.to_owned()]), "{who}: {page}");
        // The same page as where nothing is.
        assert_eq!(strip(&seen.body), strip(&nothing).replace("alice", name_of(note)), "{who}: {page}");
    }
    assert_eq!(place.look(&unknown, &alice).status, 404);
    place.answer(WAITS);
    assert_eq!((place.look(&zeniths, &lena).status, place.look(&others, &lena).status), (404, 404));
    let whole: String =
        ["/", "/runs", "/queue", "/numbers", "/decisions"].map(|page| place.look(page, &alice).body).concat();
    assert!(!whole.contains("zenith_secret_cause") && !whole.contains("evt-z") && !whole.contains("zenith_count"));
    let of_bob: String =
        ["/", "/runs", "/queue", "/numbers", "/decisions"].map(|page| place.look(page, &bob).body).concat();
    assert!(!of_bob.contains("refund") && of_bob.contains("zenith_secret_cause"), "{of_bob}");
    let of_lena = place.look("/", &lena).body;
    assert!(!of_lena.contains("otto_only") && !of_lena.contains("/queue"), "{of_lena}");
}

/// The part that says what was found, without tokens and without what tells agency and deciders apart.
fn strip(page: &str) -> String {
    let (_, main) = page.split_once("<main").expect("a page");
    let (_, main) = main.split_once('>').expect("a page");
    main.split("</main>").next().unwrap_or_default().to_owned()
}

fn name_of(note: &str) -> &str {
    note.split(' ').nth(2).unwrap_or_default()
}

#[test]
fn strangers_stay_outside() {
    let place = Place::new();
    for page in ["/", "/decisions", "/runs", "/queue", "/numbers", "/numbers.csv"] {
        for cookie in ["", "assent=", "assent=x", &format!("assent={}", "0".repeat(64))] {
            let seen = place.look(page, cookie);
            assert_eq!(seen.status, 401, "{page} with {cookie}");
            assert!(!seen.body.contains("refund"), "{page}");
        }
    }
    assert_eq!(place.noted(), Vec::<String>::new());
    for (person, client, seed) in [
        ("alice", None, 9),
        ("mallory", None, 9),
        ("lena", Some("acme"), 4),
        ("lena", None, 3),
        ("alice", Some("acme"), 1),
    ] {
        let answer = place.try_in(person, client, seed);
        assert_eq!((answer.status, answer.header("set-cookie")), (401, None), "{person}");
        assert_eq!(place.noted(), ["_agent refused - bad_signature"]);
        place.pass(60);
    }
    // Nobody fills the ledger that way.
    for _ in 0..20 {
        place.try_in("mallory", None, 9);
    }
    assert!(place.noted().len() <= 10);
    // A challenge is good once, for whom it was given, for two minutes.
    let asked = place.send("/sign-in", "", &[("person", "alice")]);
    let challenge = asked.field("challenge");
    let signature = played::signature(1, &challenge);
    let fields = [("challenge", challenge.as_str()), ("signature", signature.as_str())];
    assert_eq!(place.send("/sign-in/proof", "", &fields).status, 303);
    assert_eq!(place.send("/sign-in/proof", "", &fields).status, 401, "twice");
    let asked = place.send("/sign-in", "", &[("person", "alice")]).field("challenge");
    place.pass(121);
    let signature = played::signature(1, &asked);
    assert_eq!(
        place.send("/sign-in/proof", "", &[("challenge", &asked), ("signature", &signature)]).status,
        401,
        "late"
    );
}

#[test]
fn other_sites_and_other_hosts_do_nothing() {
    let place = Place::new();
    let alice = place.sign_in("alice");
    let form = place.form(&alice);
    place.noted();
    let (origin, kind) = (format!("http://{}", place.address), "application/x-www-form-urlencoded");
    let body = format!("form={form}&client=acme&why=TICKET-1&lasts=4h");
    let cookie = ("Cookie", alice.as_str());
    for (what, headers, body) in [
        (
            "another site's form",
            vec![cookie, ("Origin", "https://evil.example"), ("Content-Type", kind)],
            body.as_str(),
        ),
        ("no origin", vec![cookie, ("Content-Type", kind)], &body),
        (
            "two origins",
            vec![cookie, ("Origin", &origin), ("Origin", "https://evil.example"), ("Content-Type", kind)],
            &body,
        ),
        ("from nowhere", vec![cookie, ("Origin", "null"), ("Content-Type", kind)], &body),
        ("another kind of body", vec![cookie, ("Origin", &origin), ("Content-Type", "text/plain")], &body),
        (
            "without the form's token",
            vec![cookie, ("Origin", &origin), ("Content-Type", kind)],
            "client=acme&why=T&lasts=4h",
        ),
        (
            "with another token",
            vec![cookie, ("Origin", &origin), ("Content-Type", kind)],
            "form=x&client=acme&why=T&lasts=4h",
        ),
        ("with the token twice", vec![cookie, ("Origin", &origin), ("Content-Type", kind)], &format!("form=x&{body}")),
    ] {
        let answer = place.ask("POST", "/hold", &headers, body);
        assert_eq!((answer.status, place.noted()), (403, vec!["_agent refused - foreign_form".to_owned()]), "{what}");
        place.pass(60);
    }
    let bobs = place.sign_in("bob");
    let answer = place.send("/hold", &bobs, &[("form", &form), ("client", "acme"), ("why", "T"), ("lasts", "4h")]);
    assert_eq!(answer.status, 403, "somebody else's token");
    assert_eq!(
        place.ask("POST", "/hold", &[("Origin", &origin), ("Content-Type", kind)], &body).status,
        401,
        "no cookie"
    );
    assert_eq!(place.ask("GET", &format!("/hold?{body}"), &[cookie], "").status, 404, "by reading");
    for host in ["evil.example", "127.0.0.1.evil.example", "", "localhost.evil"] {
        let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\nCookie: {alice}\r\nConnection: close\r\n\r\n");
        let answer = place.raw(&request);
        assert!(answer.status == 421 || answer.status == 400, "{host}: {}", answer.status);
        assert!(!answer.body.contains("restock"));
    }
    assert_eq!(place.done(), Vec::<String>::new());
    // A link from another site: the browser sends no cookie with it, and is asked to come again by itself.
    let from_mail = place.ask("GET", "/decisions", &[("Sec-Fetch-Site", "cross-site")], "");
    assert!(from_mail.status == 200 && from_mail.body.contains("http-equiv=\"refresh\""), "{}", from_mail.body);
    let two = format!("{alice}; assent={}", "0".repeat(64));
    assert_eq!(place.look("/", &two).status, 401, "a second cookie of our name");
}

#[test]
fn answers_carry_strict_headers() {
    let place = Place::new();
    let alice = place.sign_in("alice");
    for (page, cookie) in [("/", alice.as_str()), ("/sign-in", ""), ("/console.css", ""), ("/nothing", ""), ("/", "")] {
        let answer = place.look(page, cookie);
        let policy = answer.header("content-security-policy").unwrap_or_default();
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{page}: {policy}");
        assert!(policy.contains("frame-ancestors 'none'") && policy.contains("form-action 'self'"), "{page}");
        for (name, value) in
            [("x-content-type-options", "nosniff"), ("x-frame-options", "DENY"), ("referrer-policy", "same-origin")]
        {
            assert_eq!(answer.header(name), Some(value), "{page}");
        }
        let inline = ["style=", "onclick", "<style", "javascript:", "http://", "https://fonts"];
        assert!(
            inline.iter().all(|one| !answer.body.contains(one)) || page == "/console.css",
            "{page}: {}",
            answer.body
        );
    }
    let signed_in = place.try_in("alice", None, 1);
    let cookie = signed_in.header("set-cookie").unwrap_or_default();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict") && cookie.contains("Path=/"), "{cookie}");
}

#[test]
fn script_in_fields_that_outsiders_fill_is_text() {
    let place = Place::new();
    let (alice, lena) = (place.sign_in("alice"), place.sign_in("lena"));
    let odd = format!("/runs/{}", run(9, 5_000));
    for (page, cookie) in [(odd.as_str(), &alice), ("/queue", &alice), (&question(10), &lena)] {
        let body = place.look(page, cookie).body;
        assert!(body.contains("&lt;script&gt;") && body.contains("U+202E"), "{page}: {body}");
        assert!(!body.contains("<script>") && !body.contains("<img") && !body.contains("javascript:"), "{page}");
        assert!(!body.contains(SCRIPT));
    }
    // What stands in addresses comes back as text or not at all.
    for page in [
        "/runs?workflow=%3Cscript%3E",
        "/runs?at=%22%3E%3Cscript%3E",
        "/?said=%3Cscript%3E",
        "/numbers?client=%3Cscript%3E",
    ] {
        let body = place.look(page, &alice).body;
        assert!(!body.contains("<script>"), "{page}: {body}");
    }
}

#[test]
fn a_decider_answers_what_they_saw_and_edits_what_is_sent() {
    let place = Place::new();
    let lena = place.sign_in("lena");
    let page = place.look(&question(10), &lena);
    assert!(page.body.contains("It rained all week. ".repeat(40).trim()), "nothing is cut short");
    let shown = page.field("shown");
    let text = "Hello Robin,\r\n\r\nwe are sorry about the zip. You can send the jacket back within 30 days.\r\n\r\nYour Acme team";
    let refused = place.act(&question(10), &lena, &[("shown", &"0".repeat(64)), ("choice", "approve")]);
    assert_eq!((refused.status, place.done()), (409, vec![]), "another showing");
    let refused = place.act(&question(10), &lena, &[("shown", &shown), ("choice", "maybe")]);
    assert_eq!((refused.status, place.done()), (400, vec![]));
    let other = format!("{text} <b>");
    let done =
        place.act(&question(10), &lena, &[("shown", &shown), ("choice", "approve"), ("edit.reply.text", &other)]);
    assert_eq!((done.status, done.header("cache-control")), (200, Some("no-store")));
    assert!(done.body.contains("You agreed. The run continues."), "{}", done.body);
    let receipt = receipt(&done.body);
    assert!(receipt.values["reply.text"].as_str().is_some_and(|was| was.contains("the zip")), "what was shown");
    assert!(receipt.edits["reply.text"].contains("<b>") && receipt.decision.is_none(), "what was written instead");
    let deed = place.done().concat();
    assert!(deed.starts_with("lena Approve {\"reply.text\": \"Hello Robin,\\n\\nwe") && deed.contains("<b>"), "{deed}");
    let again = place.act(&question(10), &lena, &[("shown", &shown), ("choice", "approve")]);
    assert_eq!((again.status, place.done()), (404, vec![]), "answered once");

    let place = Place::new();
    let lena = place.sign_in("lena");
    let done = place.act(&question(10), &lena, &[("shown", &shown), ("choice", "approve"), ("edit.reply.text", text)]);
    assert_eq!((done.status, place.done()), (200, vec!["lena Approve {}".to_owned()]), "unchanged is not an edit");
    let otto = place.sign_in("otto");
    place.noted();
    let wrong = place.act(&question(7), &otto, &[("shown", &shown), ("choice", "approve")]);
    let noted = place.noted();
    assert_eq!((wrong.status, place.done()), (404, vec![]), "another group's");
    assert!(noted.contains(&"acme refused otto not_assigned".to_owned()), "{noted:?}");
}

#[test]
fn whoever_comes_too_late_is_told_who_decided_what_and_when() {
    let place = Place::new();
    let (lena, zoe, alice) = (place.sign_in("lena"), place.sign_in("zoe"), place.sign_in("alice"));
    place.noted();
    let page = place.look(&question(11), &lena);
    let said = "otto said no at 2026-03-02T08:05:00Z";
    assert!(page.status == 200 && page.body.contains("Already decided") && page.body.contains(said), "{}", page.body);
    assert!(!page.body.contains("Yes, do it"), "nothing is to be answered");
    assert_eq!(place.noted(), ["acme viewed lena question"]);
    let act = place.act(&question(11), &lena, &[("shown", &"0".repeat(64)), ("choice", "approve")]);
    assert!(act.status == 404 && act.body.contains(said), "{}", act.body);
    assert_eq!(place.done(), Vec::<String>::new());
    // Of another client, of the agency, and of a group that was not asked.
    for other in [&zoe, &alice] {
        let page = place.look(&question(11), other);
        assert!(page.status == 404 && !page.body.contains("otto said"), "{}", page.body);
    }
    assert_eq!(place.look(&question(12), &lena).status, 404, "nobody asked that");
}

#[test]
fn money_is_agreed_to_by_a_signature_over_the_decision() {
    let place = Place::new();
    let lena = place.sign_in("lena");
    let shown = place.look(&question(7), &lena).field("shown");
    let step = place.act(&question(7), &lena, &[("shown", &shown), ("choice", "approve")]);
    assert!(
        step.status == 200
            && step.body.contains("129.90 EUR")
            && step.body.contains("ssh-keygen -Y sign -n decision@assent")
    );
    assert_eq!(place.done(), Vec::<String>::new(), "nothing yet");
    let decision = step.field("decision");
    let send = |choice: &str, seed: u8, decision: &str| {
        let signature = played::decided(seed, decision);
        let fields = [("shown", shown.as_str()), ("choice", choice), ("decision", decision), ("signature", &signature)];
        place.act(&question(7), &lena, &fields)
    };
    assert_eq!(send("approve", 4, &decision).status, 401, "another's key");
    assert_eq!(send("refuse", 3, &decision).status, 409, "signed yes, sent as no");
    assert_eq!(
        send("approve", 4, &decision.replace("\"person\":\"lena\"", "\"person\":\"otto\"")).status,
        409,
        "another person"
    );
    assert_eq!(place.done(), Vec::<String>::new());
    let taken = send("approve", 3, &decision);
    assert_eq!((taken.status, place.done()), (200, vec!["lena signed Approve".to_owned()]));
    let receipt = receipt(&taken.body);
    assert!(receipt.decision.as_ref() == Some(&decision) && receipt.signature.is_some(), "{}", taken.body);
}

#[test]
fn on_call_acts_and_others_are_told_who_may() {
    let place = Place::new();
    let (alice, bob) = (place.sign_in("alice"), place.sign_in("bob"));
    place.noted();
    let hold = [("client", "acme"), ("workflow", "refund"), ("why", "TICKET-1"), ("lasts", "4h")];
    assert_eq!((place.act("/hold", &alice, &hold).status, place.done()), (303, vec!["alice holds acme".to_owned()]));
    let overview = place.look("/?said=held", &alice).body;
    assert!(overview.contains("TICKET-1") && overview.contains("Held: triggers are kept"), "{overview}");
    let resume = [("client", "acme"), ("workflow", "refund")];
    assert_eq!(
        (place.act("/resume", &alice, &resume).status, place.done()),
        (303, vec!["alice resumes acme".to_owned()])
    );
    assert_eq!(place.act("/roll-back", &alice, &resume).status, 409, "the agent says no");
    place.done();
    let wordy = [("client", "acme"), ("why", "two words"), ("lasts", "4h")];
    assert_eq!(place.act("/hold", &alice, &wordy).status, 400);
    place.noted();
    let own = [("client", "zenith"), ("why", "T"), ("lasts", "4h")];
    assert_eq!(place.act("/hold", &bob, &own).status, 403, "assigned, and not on call");
    assert!(place.noted().contains(&"zenith refused bob not_on_call".to_owned()));
    assert_eq!(place.act("/hold", &bob, &wordy[..1].iter().chain(&own[1..]).copied().collect::<Vec<_>>()).status, 404);
    assert!(place.noted().contains(&"acme refused bob not_assigned".to_owned()));

    let incident = place.look("/", &alice).field("incident");
    assert_eq!(place.act("/incidents", &alice, &[("incident", &incident), ("step", "acknowledge")]).status, 303);
    assert!(place.noted().contains(&"acme incident alice acknowledged".to_owned()));
    assert!(place.look("/", &alice).body.contains("alice has acknowledged it"));
    assert_eq!(
        place.act("/incidents", &bob, &[("incident", &incident), ("step", "resolve")]).status,
        404,
        "another client's incident"
    );
    assert_eq!(place.act("/incidents", &alice, &[("incident", "i-999"), ("step", "acknowledge")]).status, 404);

    // An alert that is no incident; bob is not on call, and of another client.
    let alert = place.look("/incidents", &alice).field("alert");
    assert_eq!(place.act("/alerts", &bob, &[("alert", &alert)]).status, 404, "another client's alert");
    assert_eq!(place.act("/alerts", &alice, &[("alert", "a-999")]).status, 404);
    assert_eq!(place.done(), Vec::<String>::new());
    assert_eq!(place.act("/alerts", &alice, &[("alert", &alert)]).status, 303);
    assert_eq!(place.done(), [format!("alice takes care of {alert}")]);
    let page = place.look("/incidents", &alice).body;
    assert!(page.contains("alice has acknowledged it") && !page.contains("action=\"/alerts\""), "{page}");

    let failed = format!("/runs/{}", run(FAILED.0, FAILED.1));
    assert_eq!(place.act(&failed, &alice, &[("verb", "explode"), ("why", "T-1")]).status, 400);
    assert_eq!(place.act(&failed, &bob, &[("verb", "retry"), ("why", "T-1")]).status, 404);
    assert_eq!(place.done(), Vec::<String>::new());
    let retried = place.act(&failed, &alice, &[("verb", "retry"), ("why", "T-1")]);
    assert_eq!((retried.status, place.done()), (303, vec!["alice retry because of T-1".to_owned()]));
}

#[test]
fn a_link_signs_in_on_a_press_alone_and_once() {
    let place = Place::new();
    let challenge = place.ask("POST", "/sign-in/challenge", &[], r#"{"client":"acme","person":"lena"}"#).body;
    let (_, _, seed) = PEOPLE[2];
    let signed =
        serde_json::json!({"challenge": challenge, "signature": played::signature(seed, &challenge)}).to_string();
    let answer = place.ask("POST", "/sign-in/links", &[], &signed);
    let link: serde_json::Value = serde_json::from_str(&answer.body).expect("json");
    let link = link["link"].as_str().expect("a link").to_owned();
    // Whatever looks at links before people do: it changes nothing, however often.
    for _ in 0..3 {
        let preview = place.look(&link, "");
        assert_eq!((preview.status, preview.header("set-cookie")), (200, None));
    }
    assert_eq!(place.ask("POST", &link, &[("Origin", "https://evil.example")], "").status, 403, "pressed elsewhere");
    let pressed = place.send(&link, "", &[]);
    assert!(pressed.status == 303 && pressed.header("set-cookie").is_some(), "{}", pressed.body);
    assert_eq!(place.send(&link, "", &[]).status, 410, "twice");
    let wrong = serde_json::json!({"challenge": challenge, "signature": played::signature(9, &challenge)}).to_string();
    assert_eq!(place.ask("POST", "/sign-in/links", &[], &wrong).status, 401);
}

#[test]
fn pages_come_up_to_date_without_an_entry_each_and_not_for_ever() {
    let place = Place::new();
    let alice = place.sign_in("alice");
    let page = place.look("/runs", &alice);
    let (_, live) = page.body.split_once("data-live=\"").expect("a live page");
    let live = live.split('"').next().unwrap_or_default();
    place.noted();
    let refresh = |path: &str, cookie: &str| place.ask("GET", path, &[("Cookie", cookie), ("x-assent-live", live)], "");
    assert_eq!((refresh("/runs", &alice).status, place.noted()), (200, vec![]));
    assert_eq!((refresh("/queue", &alice).status, place.noted()), (410, vec![]), "another page");
    assert_eq!(refresh("/runs", "").status, 401);
    place.pass(901);
    assert_eq!((refresh("/runs", &alice).status, place.noted()), (410, vec![]), "a quarter of an hour is one look");
    let form = place.form(&alice);
    place.send("/sign-out", &alice, &[("form", &form)]);
    assert_eq!(place.look("/", &alice).status, 401, "signed out");
}
