//! Passkeys in a real browser, before a played agent and a real one, and a stranger who checks what the ledger kept.

use std::path::Path;

use assent_compiler::command::demo::agency::Agency;
use assent_compiler::command::demo::source::put;
use assent_compiler::command::demo::stage;
use assent_tests::browser::Browser;
use assent_tests::{command, have, succeed};
use serde_json::json;

use crate::console::played::Place;
use crate::console::{DESK, sign_in};

/// Makes a passkey on the console's own page; the line for a signed file.
fn make(browser: &Browser, base: &str) -> String {
    browser.click("a[href='/passkey']");
    browser.find_text("The newest release lists none for you");
    browser.click("form[data-passkey=make] button");
    browser.find_text("One more step");
    let line = browser.text("pre code");
    assert!(line.starts_with("passkey localhost "), "{line}");
    assert!(browser.url().starts_with(base));
    line
}

/// Signs in with a touch.
fn touch_in(browser: &Browser, base: &str, person: &str, client: Option<&str>) {
    browser.go(&format!("{base}/sign-in"));
    browser.write("[name=person]", person);
    if let Some(client) = client {
        browser.write("[name=client]", client);
    }
    browser.press(&["Enter"]);
    browser.click("form[data-passkey=sign] button");
    browser.find(".side");
}

/// Lists a passkey for a decider in the client's file.
fn list(agency: &Agency, person: &str, line: &str) {
    let path = agency.source.join("clients/acme/client.toml");
    let text = std::fs::read_to_string(&path).expect("the client's file");
    let key = agency.keys.public(person).expect("a key");
    let old = format!("keys = [\"{key}\"]");
    assert!(text.contains(&old), "the file reads otherwise: {text}");
    put(&path, text.replace(&old, &format!("keys = [\"{key}\", \"{line}\"]")).as_bytes()).expect("a changed file");
    agency.commit("A passkey for Lena").expect("a commit");
}

#[test]
fn a_decider_makes_a_passkey_signs_in_and_signs_with_it() {
    let folder = tempfile::tempdir().expect("a folder");
    if !have("ssh-keygen") {
        return;
    }
    let Some(browser) = Browser::open(folder.path()) else { return };
    browser.fit(DESK);
    let plugged = browser.authenticator();
    let place = Place::new();
    let base = format!("http://localhost:{}", place.address.port());

    // By numbers there are no passkeys, and the page says so.
    let numbers = format!("http://{}", place.address);
    sign_in(&browser, &numbers, "lena", folder.path());
    browser.go(&format!("{numbers}/passkey"));
    browser.find_text("Passkeys need a host name");

    sign_in(&browser, &base, "lena", folder.path());
    let line = make(&browser, &base);
    browser.click(".me button");

    // Not listed yet: it counts for nothing.
    browser.find("[name=person]");
    browser.write("[name=person]", "lena");
    browser.write("[name=client]", "acme");
    browser.press(&["Enter"]);
    browser.click("form[data-passkey=sign] button");
    browser.find_text("not a signature by a key that this name has here");

    place.list("lena", &line);
    touch_in(&browser, &base, "lena", Some("acme"));
    browser.click(&format!("a[href='/decisions/{}']", "07".repeat(32)));
    browser.find_text("129.90 EUR");
    browser.click("button.yes");

    // Whom it does not recognise, it does not sign for.
    let recognised = |yes: bool| {
        let user = json!({"authenticatorId": plugged, "isUserVerified": yes});
        browser.chrome("WebAuthn.setUserVerified", &user);
    };
    recognised(false);
    browser.click("form[data-passkey=sign] button");
    browser.find_text("No passkey was used");
    assert_eq!(place.done(), Vec::<String>::new());
    recognised(true);
    browser.click("form[data-passkey=sign] button");
    browser.find_text("You agreed");
    assert_eq!(place.done(), ["lena signed by passkey Approve"]);

    // A copy that signed less often is noticed.
    let held = browser.chrome("WebAuthn.getCredentials", &json!({"authenticatorId": plugged}));
    let mut credential = held["credentials"][0].clone();
    assert!(credential["signCount"].as_u64().is_some_and(|count| count > 1), "{credential}");
    browser.chrome("WebAuthn.clearCredentials", &json!({"authenticatorId": plugged}));
    credential["signCount"] = json!(0);
    browser.chrome("WebAuthn.addCredential", &json!({"authenticatorId": plugged, "credential": credential}));
    browser.click(".me button");
    browser.find("[name=person]");
    // Not every stranger a minute is worth an entry, and the first was one.
    place.pass(60);
    browser.write("[name=person]", "lena");
    browser.write("[name=client]", "acme");
    browser.press(&["Enter"]);
    browser.click("form[data-passkey=sign] button");
    browser.find_text("there may be a copy of it");
    let noted = place.noted();
    assert!(noted.contains(&"_agent refused - counter_back".to_owned()), "{noted:?}");
}

#[test]
fn a_real_agent_takes_a_passkeys_yes_and_a_stranger_verifies_it_from_the_ledger() {
    let folder = tempfile::tempdir().expect("a folder");
    if !have("ssh-keygen") || !have("openssl") || !have("python3") {
        return;
    }
    let Some(browser) = Browser::open(folder.path()) else { return };
    browser.fit(DESK);
    browser.authenticator();
    // The key is made at a console that is asked by the same name.
    let line = {
        let place = Place::new();
        let base = format!("http://localhost:{}", place.address.port());
        sign_in(&browser, &base, "lena", folder.path());
        make(&browser, &base)
    };
    let mut stage = assent_tests::stage::working_after(folder.path(), |agency| list(agency, "lena", &line));
    let at = stage::clock().expect("a clock");
    let taken = stage::webhook(&stage.production, "evt-1", "42", &stage::WEBHOOK_SECRET, at).expect("an answer");
    let run = stage::run_id(&taken.1).expect("a run");
    stage.wait_decision(&run).expect("a question");
    let port = stage.console.port();

    touch_in(&browser, &format!("http://localhost:{port}"), "lena", Some("acme"));
    browser.click("a.whole");
    browser.find_text("order › total");
    browser.click("button.yes");
    browser.click("form[data-passkey=sign] button");
    browser.find_text("You agreed");
    assert_eq!(stage.wait_run_end(&run).expect("an end"), "done");
    assert_eq!(stage.outside.look(|seen| seen.refunds.len()), 1);

    let export = folder.path().join("acme.ledger");
    stage.production.call(&["ledger", "export", "acme", "--output", &export.display().to_string()]).expect("an export");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("decisions.py");
    let client = stage.agency.source.join("clients/acme/client.toml");
    let verified = |export: &Path| {
        let mut python = command("python3", folder.path());
        python.arg(&script).arg(export).arg(&client);
        python
    };
    let said = succeed(&mut verified(&export));
    assert!(said.contains("lena approves run") && said.contains("by passkey of localhost"), "{said}");

    // The same entry with another choice, and with another person, does not verify.
    let text = std::fs::read_to_string(&export).expect("entries");
    for (old, new) in
        [("\"choice\":\"approve\"", "\"choice\":\"refuse\""), ("\"actor\":\"lena\"", "\"actor\":\"mira\"")]
    {
        let bent = folder.path().join("bent.ledger");
        put(&bent, rewritten(&text, old, new).as_bytes()).expect("a file");
        let output = verified(&bent).output().expect("python");
        assert!(!output.status.success(), "{new}: {}", String::from_utf8_lossy(&output.stdout));
    }
}

/// An export whose decisions read otherwise.
fn rewritten(text: &str, old: &str, new: &str) -> String {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    let change = |line: &str| {
        let mut value: serde_json::Value = serde_json::from_str(line).ok()?;
        let body = String::from_utf8(STANDARD.decode(value.get("body")?.as_str()?).ok()?).ok()?;
        if !body.contains("\"decided\"") {
            return None;
        }
        assert!(body.contains(old), "{body}");
        value.as_object_mut()?.insert("body".to_owned(), STANDARD.encode(body.replacen(old, new, 1)).into());
        Some(value.to_string())
    };
    text.lines().map(|line| change(line).unwrap_or_else(|| line.to_owned()) + "\n").collect()
}
