//! The console: strangers, other clients' engineers, other groups' deciders, other sites, guessed names, scripts.
//!
//! Each row plays against the real listener over HTTP. What is answered is what the ledger was told, or the HTTP status
//! where nobody is there to be named.

#[expect(dead_code, reason = "the agent's own tests use more of it")]
#[path = "../../agent/tests/console/played.rs"]
pub(crate) mod played;

use played::{FAILED, Place, SCRIPT, THEIRS, run};

use super::table::{Attack, Verdict, attack, because};

pub(crate) const ROOM: &[Attack] = &[
    attack("an engineer looks at a run of their client", "accepted", own_run),
    attack("a stranger looks at every page", "401", stranger),
    attack("a stranger signs in under an engineer's name", "bad_signature", false_name),
    attack("a decider signs in at another client", "bad_signature", false_client),
    attack("a challenge that was used is used again", "bad_challenge", used_challenge),
    attack("an engineer looks at a run of another client", "not_assigned", other_client),
    attack("an engineer opens another client's ledger", "not_assigned", other_ledger),
    attack("an engineer takes a proof of another client's ledger along", "not_assigned", other_proof),
    attack("a decider opens their client's ledger", "not_assigned", deciders_ledger),
    attack("an engineer shares a post-mortem and is not on call", "not_on_call", shared_by_engineer),
    attack("an engineer opens an incident of another client", "not_assigned", other_incident),
    attack("an engineer retries a run of another client", "not_assigned", other_clients_run),
    because(
        "an engineer has the content of a run of their client read again",
        "accepted",
        "because of TICKET-7",
        content,
    ),
    attack("an engineer has the content of another client's run read again", "not_assigned", other_clients_content),
    attack("a decider has the content of a run read again", "not_assigned", deciders_content),
    attack("content is read again without a reason", "400", content_without_reason),
    attack("an engineer looks at another client's KPIs", "not_assigned", other_numbers),
    attack("an engineer opens a question that is put to a decider", "not_assigned", engineers_question),
    attack("a decider opens a question that is put to another group", "not_assigned", other_group),
    attack("a decider answers a question that is put to another group", "not_assigned", other_groups_answer),
    attack("a decider opens a question of another client", "not_assigned", other_clients_question),
    attack("a decider looks at runs", "not_assigned", deciders_runs),
    because("a list holds what belongs to others", "accepted", "nothing of theirs", lists),
    attack("a run's id is guessed", "404", guessed_run),
    attack("an engineer who is not on call holds a workflow", "not_on_call", not_on_call),
    attack("a form is posted from another site", "foreign_form", foreign_form),
    attack("a form is posted from nowhere", "foreign_form", form_from_nowhere),
    attack("a form is posted without its token", "foreign_form", no_token),
    attack("a form is posted with somebody else's token", "foreign_form", other_token),
    attack("a page is asked for under another host's name", "421", other_host),
    because("a preview bot opens a link that signs in", "accepted", "nothing changed", preview),
    attack("a link that signed somebody in is used again", "410", used_link),
    attack("the button of a link is pressed on another site", "foreign_form", foreign_link),
    attack("a yes to another showing than the one that stands", "other_shown", other_shown),
    attack("money is agreed to without a signature", "200", unsigned_money),
    attack("money is agreed to with another person's signature", "bad_signature", other_signature),
    because("a script stands in what outsiders wrote", "accepted", "text", script),
    because("a script stands in an address", "accepted", "text", script_in_address),
    attack("a page goes on bringing itself up to date after a quarter of an hour", "410", old_page),
];

/// What the ledger was told last of somebody who was turned away; else the status.
pub(crate) fn said(place: &Place, status: u16) -> Verdict {
    let deeds = place.done();
    assert!(deeds.is_empty(), "it was done: {deeds:?}");
    let noted = place.noted();
    let refused = noted.iter().rev().find(|line| line.contains(" refused "));
    let code = refused.and_then(|line| line.rsplit(' ').next());
    Verdict::new(code.map_or_else(|| status.to_string(), str::to_owned), noted.join("; "))
}

fn looks(person: &str, path: &str) -> Verdict {
    let place = Place::new();
    let cookie = place.sign_in(person);
    place.noted();
    let seen = place.look(path, &cookie);
    if seen.status == 200 { Verdict::accepted() } else { said(&place, seen.status) }
}

fn acts(person: &str, path: &str, fields: &[(&str, &str)]) -> Verdict {
    let place = Place::new();
    let cookie = place.sign_in(person);
    place.noted();
    let answer = place.act(path, &cookie, fields);
    if answer.status == 303 { Verdict::accepted() } else { said(&place, answer.status) }
}

fn failed() -> String {
    format!("/runs/{}", run(FAILED.0, FAILED.1))
}

fn theirs() -> String {
    format!("/runs/{}", run(THEIRS.0, THEIRS.1))
}

fn content() -> Verdict {
    let place = Place::new();
    let cookie = place.sign_in("alice");
    place.noted();
    let seen = place.act(&format!("{}/content", failed()), &cookie, &[("why", "TICKET-7")]);
    assert!(
        seen.status == 200 && seen.body.contains("12.99 EUR") && !seen.body.contains("<script>document"),
        "{}",
        seen.status
    );
    assert!(seen.head.contains("no-store"), "{}", seen.head);
    assert!(place.noted().iter().any(|line| line.contains("viewed alice content")), "the entry");
    Verdict::new("accepted", place.done().concat())
}

fn other_clients_content() -> Verdict {
    acts("alice", &format!("{}/content", theirs()), &[("why", "TICKET-7")])
}

fn deciders_content() -> Verdict {
    acts("lena", &format!("{}/content", failed()), &[("why", "TICKET-7")])
}

fn content_without_reason() -> Verdict {
    acts("alice", &format!("{}/content", failed()), &[])
}

pub(crate) fn question(nonce: u8) -> String {
    format!("/decisions/{}", format!("{nonce:02x}").repeat(32))
}

fn own_run() -> Verdict {
    looks("alice", &failed())
}

fn stranger() -> Verdict {
    let place = Place::new();
    let pages = [
        "/",
        "/decisions",
        "/runs",
        &failed(),
        &question(7),
        "/queue",
        "/numbers",
        "/numbers.csv",
        "/incidents",
        "/incidents/i-1",
        "/holds",
        "/ledger",
        "/ledger/acme/1.tlog-proof",
        "/ledger/-/checkpoint",
        "/passkey",
    ];
    let seen: Vec<u16> = pages.iter().map(|page| place.look(page, "assent=0").status).collect();
    assert!(seen.iter().all(|status| *status == 401), "{seen:?}");
    said(&place, 401)
}

fn false_name() -> Verdict {
    let place = Place::new();
    let status = place.try_in("alice", None, 3).status;
    said(&place, status)
}

fn false_client() -> Verdict {
    let place = Place::new();
    let status = place.try_in("lena", Some("zenith"), 3).status;
    said(&place, status)
}

fn used_challenge() -> Verdict {
    let place = Place::new();
    let challenge = place.send("/sign-in", "", &[("person", "alice")]).field("challenge");
    let signature = played::signature(1, &challenge);
    let fields = [("challenge", challenge.as_str()), ("signature", signature.as_str())];
    assert_eq!(place.send("/sign-in/proof", "", &fields).status, 303);
    let again = place.send("/sign-in/proof", "", &fields);
    assert!(again.header("set-cookie").is_none());
    said(&place, again.status)
}

fn other_client() -> Verdict {
    looks("alice", &theirs())
}

fn other_clients_run() -> Verdict {
    acts("alice", &theirs(), &[("verb", "rerun"), ("why", "T-1")])
}

fn other_ledger() -> Verdict {
    looks("bob", "/ledger?client=acme&day=2026-03-02")
}

fn other_proof() -> Verdict {
    looks("bob", "/ledger/acme/7.tlog-proof")
}

fn deciders_ledger() -> Verdict {
    looks("lena", "/ledger?client=acme")
}

/// The incident of a client, as its list numbers them.
fn incident(person: &str) -> String {
    let place = Place::new();
    let page = place.look("/incidents", &place.sign_in(person)).body;
    let rows: Vec<_> = page.split("id=\"incident-").skip(1).collect();
    let theirs = |row: &&&str| row.contains(if person == "bob" { "zenith/" } else { "acme/" });
    let id = rows.iter().find(theirs).and_then(|row| row.split('"').next()).expect("an incident").to_owned();
    format!("/incidents/{id}")
}

fn shared_by_engineer() -> Verdict {
    let long = "Because of something that would explain it in more than forty letters.";
    acts("bob", &incident("bob"), &[("cause", long), ("prevention", long)])
}

fn other_incident() -> Verdict {
    looks("bob", &incident("alice"))
}

fn other_numbers() -> Verdict {
    looks("bob", "/numbers?client=acme")
}

fn engineers_question() -> Verdict {
    looks("alice", &question(7))
}

fn other_group() -> Verdict {
    looks("otto", &question(7))
}

fn other_groups_answer() -> Verdict {
    acts("otto", &question(7), &[("shown", &"46".repeat(32)), ("choice", "approve")])
}

fn other_clients_question() -> Verdict {
    looks("zoe", &question(7))
}

fn deciders_runs() -> Verdict {
    looks("lena", "/runs")
}

fn lists() -> Verdict {
    let place = Place::new();
    let cookie = place.sign_in("alice");
    let pages = ["/", "/decisions", "/runs", "/queue", "/numbers", "/numbers.csv"];
    let all: String = pages.map(|page| place.look(page, &cookie).body).concat();
    let found: Vec<_> =
        ["zenith_secret_cause", "evt-z", "zenith_count"].into_iter().filter(|word| all.contains(word)).collect();
    if found.is_empty() {
        Verdict::new("accepted", "nothing of theirs")
    } else {
        Verdict::new("shown", found.join(", "))
    }
}

fn guessed_run() -> Verdict {
    looks("alice", &format!("/runs/{}", run(250, 1)))
}

fn not_on_call() -> Verdict {
    acts("bob", "/hold", &[("client", "zenith"), ("why", "T-1"), ("lasts", "4h")])
}

/// A hold by somebody on call, from a page of another origin, with the form's true token or another.
fn posted(origin: Option<&str>, token: Option<&str>) -> Verdict {
    let place = Place::new();
    let cookie = place.sign_in("alice");
    let (form, ours) = (place.form(&cookie), format!("http://{}", place.address));
    place.noted();
    let mut headers = vec![("Cookie", cookie.as_str()), ("Content-Type", "application/x-www-form-urlencoded")];
    headers.extend(origin.map(|origin| ("Origin", if origin == "ours" { &ours } else { origin })));
    let body = format!("form={}&client=acme&why=T-1&lasts=4h", token.unwrap_or(&form));
    let status = place.ask("POST", "/hold", &headers, &body).status;
    if status == 303 { Verdict::accepted() } else { said(&place, status) }
}

fn foreign_form() -> Verdict {
    assert_eq!(posted_by_us(), Verdict::accepted(), "our own form");
    posted(Some("https://evil.example"), None)
}

fn posted_by_us() -> Verdict {
    let place = Place::new();
    let cookie = place.sign_in("alice");
    let status = place.act("/hold", &cookie, &[("client", "acme"), ("why", "T-1"), ("lasts", "4h")]).status;
    if status == 303 { Verdict::accepted() } else { said(&place, status) }
}

fn form_from_nowhere() -> Verdict {
    posted(None, None)
}

fn no_token() -> Verdict {
    posted(Some("ours"), Some(""))
}

fn other_token() -> Verdict {
    let place = Place::new();
    let (alice, bob) = (place.sign_in("alice"), place.sign_in("bob"));
    let form = place.form(&bob);
    place.noted();
    let fields = [("form", form.as_str()), ("client", "acme"), ("why", "T-1"), ("lasts", "4h")];
    let status = place.send("/hold", &alice, &fields).status;
    said(&place, status)
}

fn other_host() -> Verdict {
    let place = Place::new();
    let cookie = place.sign_in("alice");
    place.noted();
    let request = format!("GET / HTTP/1.1\r\nHost: evil.example\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n");
    let status = place.raw(&request).status;
    said(&place, status)
}

/// A link for Lena.
fn link(place: &Place) -> String {
    let challenge = place.ask("POST", "/sign-in/challenge", &[], r#"{"client":"acme","person":"lena"}"#).body;
    let signed = serde_json::json!({"challenge": challenge, "signature": played::signature(3, &challenge)}).to_string();
    let answer: serde_json::Value =
        serde_json::from_str(&place.ask("POST", "/sign-in/links", &[], &signed).body).expect("json");
    answer["link"].as_str().expect("a link").to_owned()
}

fn preview() -> Verdict {
    let place = Place::new();
    let link = link(&place);
    let seen: Vec<_> = (0..3).map(|_| place.look(&link, "")).collect();
    let changed = seen.iter().any(|seen| seen.status != 200 || seen.header("set-cookie").is_some());
    let works = place.send(&link, "", &[]).status == 303;
    Verdict::new("accepted", if works && !changed { "nothing changed" } else { "something changed" })
}

fn used_link() -> Verdict {
    let place = Place::new();
    let link = link(&place);
    assert_eq!(place.send(&link, "", &[]).status, 303);
    let again = place.send(&link, "", &[]);
    assert!(again.header("set-cookie").is_none());
    said(&place, again.status)
}

fn foreign_link() -> Verdict {
    let place = Place::new();
    let link = link(&place);
    let kind = ("Content-Type", "application/x-www-form-urlencoded");
    let answer = place.ask("POST", &link, &[("Origin", "https://evil.example"), kind], "");
    assert!(answer.header("set-cookie").is_none());
    said(&place, answer.status)
}

fn other_shown() -> Verdict {
    acts("lena", &question(10), &[("shown", &"00".repeat(32)), ("choice", "approve")])
}

fn unsigned_money() -> Verdict {
    acts("lena", &question(7), &[("shown", &"46".repeat(32)), ("choice", "approve")])
}

fn other_signature() -> Verdict {
    let place = Place::new();
    let cookie = place.sign_in("lena");
    let shown = place.look(&question(7), &cookie).field("shown");
    let decision = place.act(&question(7), &cookie, &[("shown", &shown), ("choice", "approve")]).field("decision");
    let signature = played::decided(4, &decision);
    let fields = [("shown", shown.as_str()), ("choice", "approve"), ("decision", &decision), ("signature", &signature)];
    let status = place.act(&question(7), &cookie, &fields).status;
    place.noted();
    said(&place, status)
}

/// Whether something that outsiders wrote stands on a page as anything but text.
fn as_text(bodies: &[String]) -> Verdict {
    let marks = ["<script>", "<img", "href=\"javascript:", SCRIPT];
    let runs = bodies.iter().any(|body| marks.iter().any(|mark| body.contains(mark)));
    Verdict::new("accepted", if runs { "markup" } else { "text" })
}

fn script() -> Verdict {
    let place = Place::new();
    let (alice, lena) = (place.sign_in("alice"), place.sign_in("lena"));
    let odd = format!("/runs/{}", run(9, 5_000));
    let pages = [(odd.as_str(), &alice), ("/queue", &alice), (&question(10), &lena)];
    let bodies = pages.map(|(page, cookie)| place.look(page, cookie).body);
    assert!(bodies.iter().all(|body| body.contains("&lt;script&gt;")), "the page holds nothing of it");
    as_text(&bodies)
}

fn script_in_address() -> Verdict {
    let place = Place::new();
    let alice = place.sign_in("alice");
    let mark = "%22%3E%3Cscript%3Ealert(1)%3C/script%3E";
    let pages = [
        "/runs?workflow=",
        "/runs?at=",
        "/runs?q=",
        "/?said=",
        "/numbers?client=",
        "/ledger?kind=",
        "/ledger?day=",
        "/ledger?run=",
        "/ledger?before=",
    ];
    as_text(&pages.map(|page| place.look(&format!("{page}{mark}"), &alice).body))
}

fn old_page() -> Verdict {
    let place = Place::new();
    let alice = place.sign_in("alice");
    let page = place.look("/runs", &alice).body;
    let live = page.split("data-live=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a live page");
    place.noted();
    let again = || place.ask("GET", "/runs", &[("Cookie", &alice), ("x-assent-live", live)], "").status;
    assert_eq!(again(), 200);
    place.pass(900);
    said(&place, again())
}
