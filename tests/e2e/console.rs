//! The console in a real browser: a person's whole path, by keyboard, narrow and enlarged, light and dark.

#[expect(dead_code, reason = "the agent's own tests use more of it")]
#[path = "../../agent/tests/console/played.rs"]
pub(crate) mod played;

use std::path::{Path, PathBuf};

use assent_compiler::command::demo::source::put;
use assent_compiler::command::demo::stage::{self, Stage};
use assent_tests::browser::{Browser, Window, axe};
use assent_tests::{command, have, run_with_input};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tempfile::TempDir;

use crate::words::words_in;
use played::{FAILED, PEOPLE, Place, WAITS, run, signer};

pub(crate) const DESK: Window = Window { wide: 1280, high: 900, scale: 1, dark: false };
const PHONE: Window = Window { wide: 360, high: 740, scale: 2, dark: false };
/// What 1280 pixels are at 200 %.
const ENLARGED: Window = Window { wide: 640, high: 450, scale: 2, dark: false };

/// Signs somebody in as people do: the name, the line in a terminal, the signature.
pub(crate) fn sign_in(browser: &Browser, base: &str, person: &str, folder: &Path) {
    let (_, client, seed) = PEOPLE.into_iter().find(|(name, ..)| *name == person).expect("a person");
    browser.go(&format!("{base}/sign-in"));
    browser.write("[name=person]", person);
    if let Some(client) = client {
        browser.write("[name=client]", client);
    }
    browser.press(&["Enter"]);
    let line = browser.text("pre code");
    paste(browser, &line, seed, folder);
    browser.press(&["Tab", "Enter"]);
    browser.find(".side");
}

/// Runs the line that the page shows in a shell, with a key in the place of one's own, and puts what it prints into the field.
fn paste(browser: &Browser, line: &str, seed: u8, folder: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let key = folder.join(format!("key-{seed}"));
    put(&key, signer(seed).to_openssh("test").expect("a key").as_bytes()).expect("a file");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).expect("a mode");
    sign(browser, &line.replace("~/.ssh/id_ed25519", &key.display().to_string()), folder);
}

/// Runs a line in a shell and puts what it prints into the field.
fn sign(browser: &Browser, line: &str, folder: &Path) {
    let mut shell = command("sh", folder);
    let signed = run_with_input(shell.args(["-c", line]), b"");
    let signature = String::from_utf8(signed.stdout).expect("text");
    assert!(
        signature.starts_with("-----BEGIN SSH SIGNATURE-----"),
        "{line}: {}",
        String::from_utf8_lossy(&signed.stderr)
    );
    browser.write("[name=signature]", signature.trim());
}

/// A played agent's console, and the browser before it.
struct Opened {
    browser: Browser,
    place: Place,
    base: String,
    folder: TempDir,
}

impl Opened {
    /// Nothing where the machine has no browser, or nothing that signs.
    fn new() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let browser = have("ssh-keygen").then(|| Browser::open(folder.path()))??;
        let place = Place::new();
        let base = format!("http://{}", place.address);
        Some(Self { browser, place, base, folder })
    }

    fn sign_in(&self, person: &str) {
        sign_in(&self.browser, &self.base, person, self.folder.path());
    }
}

fn pictures() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/pictures");
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}

/// The reply: changed and agreed to, with the keyboard alone.
fn changes_a_reply_and_agrees(opened: &Opened) {
    let Opened { browser, place, .. } = opened;
    browser.find_text("decisions are waiting for you");
    browser.tab_to(&format!("a[href='/decisions/{}']", "0a".repeat(32)));
    browser.press(&["Enter"]);
    browser.find_text("U+202E");
    assert!(browser.title().starts_with("A question"), "a script ran: {}", browser.title());
    browser.tab_to("textarea");
    browser.press(&["Dear "]);
    browser.tab_to("button.yes");
    browser.press(&["Enter"]);
    browser.find_text("You agreed");
    let deed = place.done().concat();
    assert!(deed.starts_with("lena Approve") && deed.contains("Dear "), "{deed}");
    browser.find("a[download^='receipt-'][href^='data:application/json;base64,']");
    browser.click("main a[href='/decisions']");
}

/// The refund: signed.
fn signs_a_refund(opened: &Opened) {
    let Opened { browser, place, folder, .. } = opened;
    browser.click(&format!("a[href='/decisions/{}']", "07".repeat(32)));
    browser.find_text("129.90 EUR");
    browser.click("button.yes");
    let line = browser.text("pre code");
    paste(browser, &line, 3, folder.path());
    browser.click("button.yes");
    // Saving the receipt leads nowhere else.
    browser.find_text("You agreed");
    browser.click("a[download^='receipt-']");
    browser.find_text("You agreed");
    browser.click("main a[href='/decisions']");
    browser.find_text("Nothing is waiting for you");
    assert_eq!(place.done(), ["lena signed Approve"]);
    browser.click(".me button");
    browser.find("[name=person]");
}

/// On-call: finds the run, sees what failed and where it was written, lets it go on, looks after the alert.
fn lets_a_run_go_on(opened: &Opened) {
    let Opened { browser, place, .. } = opened;
    opened.sign_in("alice");
    let failed = run(FAILED.0, FAILED.1).to_string();
    browser.click("nav a[href='/runs']");
    browser.write("[name=q]", &failed);
    browser.press(&["Enter"]);
    browser.find("#step-order");
    assert!(browser.text("#step-order").contains("refund.toml:32"), "{}", browser.text("#step-order"));
    assert!(browser.text("#step-order").contains("failed: unavailable"));
    browser.write("#acts [name=why]", "TICKET-7");
    browser.press(&["Enter"]);
    browser.find_text("The run resumes at the step that failed");
    assert_eq!(place.done(), ["alice retry because of TICKET-7"]);
    browser.click("a.brand");
    browser.click("form[action='/incidents'] button");
    browser.find_text("alice has acknowledged it");
}

/// The post-mortem: what the ledger tells, and the two sections that only a person can write.
fn writes_a_post_mortem(opened: &Opened) {
    let Opened { browser, place, .. } = opened;
    browser.click("form[action='/incidents'] button");
    browser.find_text("A post-mortem is due");
    browser.find_text("The first failure had the code");
    browser.write("#cause", "It was late");
    browser.write("#prevention", "We are careful now.");
    browser.click("form.write button");
    browser.find_text("says nothing yet");
    browser.write("#cause", ", because the shop renewed its certificate by hand and the one who does it was away.");
    browser.write("#prevention", " The certificate renews itself from Friday on; Bruno does it and Alice checks.");
    browser.click("form.write button");
    browser.find_text("was sent to the client");
    let shares = "alice shares We are careful now. The certificate renews itself from Friday on; Bruno does it and Alice checks.";
    assert_eq!(place.done(), [shares]);
    browser.click("form[action='/incidents'] button");
    browser.find_text("Nothing is left to do");
}

/// An alert that is no incident: found with the keyboard alone, and taken care of.
fn takes_care_of_an_alert(opened: &Opened) {
    let Opened { browser, place, base, .. } = opened;
    browser.go(&format!("{base}/incidents"));
    browser.tab_to("form[action='/alerts'] button");
    browser.press(&["Enter"]);
    browser.find_text("The alert stays open");
    assert!(browser.text("#alerts").contains("alice has acknowledged it"), "{}", browser.text("#alerts"));
    assert!(place.done().iter().all(|done| done.starts_with("alice takes care of a-")));
}

/// A hold, and the ledger that tells of all of it.
fn holds_and_reads_the_ledger(opened: &Opened) {
    let Opened { browser, place, .. } = opened;
    browser.click("nav a[href='/holds']");
    browser.click("[name=at] option[value=acme]");
    browser.write("[name=why]", "TICKET-8");
    browser.press(&["Enter"]);
    browser.find_text("Held: triggers are kept");
    browser.click("form[action='/resume'] button");
    browser.find_text("Nothing is held");
    browser.click("nav a[href='/ledger']");
    browser.find_text("18\u{202f}428");
    browser.click("a[rel=next]");
    browser.find_text("18\u{202f}416");
    let noted = place.noted();
    assert!(noted.contains(&"acme incident alice acknowledged".to_owned()), "{noted:?}");
    assert!(noted.contains(&"acme viewed alice run".to_owned()));
}

#[test]
fn a_person_signs_in_decides_looks_retries_and_acknowledges() {
    let Some(opened) = Opened::new() else { return };
    let Opened { browser, place, base, .. } = &opened;
    browser.fit(DESK);

    // A link to a page leads to it, after the way in.
    browser.go(&format!("{base}/decisions"));
    assert!(browser.text("h1").contains("Sign in"));
    opened.sign_in("lena");
    changes_a_reply_and_agrees(&opened);
    signs_a_refund(&opened);
    lets_a_run_go_on(&opened);
    writes_a_post_mortem(&opened);
    takes_care_of_an_alert(&opened);
    holds_and_reads_the_ledger(&opened);

    // What changes comes by itself, without a further entry.
    browser.go(&format!("{base}/decisions"));
    browser.find_text("decisions are waiting");
    place.noted();
    place.answer(WAITS);
    browser.find_text("No decision is waiting for anybody");
    assert_eq!(place.noted(), Vec::<String>::new());
}

#[test]
fn pages_are_easy_to_use_narrow_enlarged_light_and_dark() {
    let Some(opened) = Opened::new() else { return };
    let Opened { browser, place, base, .. } = &opened;
    let axe = axe();
    let pictures = pictures();
    let failed = format!("/runs/{}", run(FAILED.0, FAILED.1));
    let skipped = format!("/runs/{}", run(101, 87_000));
    let (refund, reply) = (format!("/decisions/{}", "07".repeat(32)), format!("/decisions/{}", "0a".repeat(32)));
    let mut wrong = Vec::new();
    let mut look = |name: &str, path: Option<&str>| {
        for (window, kind) in [
            (DESK, "desk"),
            (Window { dark: true, ..DESK }, "desk-dark"),
            (ENLARGED, "enlarged"),
            (PHONE, "phone"),
            (Window { dark: true, ..PHONE }, "phone-dark"),
        ] {
            browser.fit(window);
            if let Some(path) = path {
                browser.go(&format!("{base}{path}"));
            }
            browser.find("main");
            browser.picture(&pictures.join(format!("{name}-{kind}.png")));
            if browser.too_wide() > 0 {
                wrong.push(format!("{name}, {kind}: {} pixels too wide", browser.too_wide()));
            }
            let found = axe.as_deref().map(|axe| browser.hard_to_use(axe)).unwrap_or_default();
            wrong.extend(found.into_iter().map(|line| format!("{name}, {kind}: {line}")));
        }
    };
    look("sign-in", Some("/sign-in"));
    browser.go(&format!("{base}/sign-in"));
    browser.write("[name=person]", "alice");
    browser.press(&["Enter"]);
    browser.find("pre");
    look("prove", None);
    opened.sign_in("lena");
    for (name, path) in [("decisions", "/decisions"), ("question", refund.as_str()), ("question-edit", &reply)] {
        look(name, Some(path));
    }
    browser.go(&format!("{base}{refund}"));
    browser.click("button.yes");
    browser.find("pre");
    look("to-sign", None);
    browser.chrome("Network.clearBrowserCookies", &serde_json::json!({}));
    opened.sign_in("alice");
    browser.go(&format!("{base}/incidents"));
    let incident = format!("/incidents/{}", browser.find_id("li.incident").trim_start_matches("incident-"));
    let alert = format!("/alerts/{}", browser.find_id("li.alert").trim_start_matches("alert-"));
    for (name, path) in [
        ("overview", "/"),
        ("runs", "/runs"),
        ("run-failed", failed.as_str()),
        ("run-skipped", &skipped),
        ("queue", "/queue"),
        ("numbers", "/numbers"),
        ("watched", "/decisions"),
        ("incidents", "/incidents"),
        ("incident", incident.as_str()),
        ("alert", alert.as_str()),
        ("holds", "/holds"),
        ("ledger", "/ledger?client=acme"),
        ("passkey", "/passkey"),
        ("missing", "/nothing"),
    ] {
        look(name, Some(path));
    }
    browser.go(&format!("{base}/"));
    browser.click(".workflows details summary");
    look("menu", None);
    // What others do meanwhile: a post-mortem that two routes took, and a recovery after which numbers begin anew.
    let (alice, id) = (place.sign_in("alice"), incident.trim_start_matches("/incidents/").to_owned());
    for step in ["acknowledge", "resolve"] {
        assert_eq!(place.act("/incidents", &alice, &[("incident", &id), ("step", step)]).status, 303);
    }
    let why = "The shop moved to another host, and its certificate was not renewed in time by the one who does it.";
    assert_eq!(place.act(&incident, &alice, &[("cause", why), ("prevention", why)]).status, 303);
    look("incident-shared", Some(&incident));
    place.recover();
    place.begin(run(50, -5));
    look("runs-recovered", Some("/runs"));
    look("run-recovered", Some(&failed));
    // Much stands wrong: on top of every page, folded and unfolded; a client's people read of their own alone.
    place.trouble();
    for (name, path) in [("overview-troubles", "/"), ("runs-troubles", "/runs"), ("holds-troubles", "/holds")] {
        look(name, Some(path));
    }
    browser.click("#more-troubles summary");
    look("troubles-unfolded", None);
    browser.chrome("Network.clearBrowserCookies", &serde_json::json!({}));
    opened.sign_in("lena");
    look("decisions-troubles", Some("/decisions"));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_page_never_says_now_of_what_was_before() {
    let Some(opened) = Opened::new() else { return };
    let Opened { browser, place, .. } = &opened;
    browser.fit(DESK);
    opened.sign_in("alice");
    let alice = place.sign_in("alice");

    // On a link of the part that changes: it comes up to date, and who was on the link is on it still.
    let tile = "a.tile[href='/decisions']";
    browser.find(&format!("{tile}.ask"));
    browser.script(&format!("document.querySelector({tile:?}).focus()"));
    place.answer(WAITS);
    browser.find(&format!("{tile}.calm"));
    let stays = format!("return document.activeElement.matches({tile:?}) && document.activeElement.isConnected");
    assert_eq!(browser.script(&stays), true, "the focus went away");

    // What was unfolded stays unfolded, and a menu is not taken from under somebody's hands: then the page says so.
    browser.click("#alerts details.help summary");
    browser.click("#client-acme .workflows details.menu summary");
    let hold = [("client", "acme"), ("workflow", "refund"), ("why", "TICKET-1"), ("lasts", "4h")];
    assert_eq!(place.act("/hold", &alice, &hold).status, 303);
    browser.find("#standing #holds");
    browser.find("#alerts details.help[open]");
    // What stands wrong comes by itself.
    browser.find_text("acme/refund is held");
    browser.find_text("Paused since 09:14 UTC");
    browser.find("#client-acme .workflows details.menu[open]");
    browser.press(&["Escape"]);
    browser.find_text("As of 2026-03-02 09:14:00 UTC");
    assert!(browser.text("#client-acme").contains("held"), "{}", browser.text("#client-acme"));
}

#[test]
fn menus_and_names_fit_phones_and_twice_the_size() {
    let Some(opened) = Opened::new() else { return };
    let Opened { browser, place, base, .. } = &opened;
    browser.fit(PHONE);
    opened.sign_in("alice");
    let outside = "return [...document.querySelectorAll('details.menu')].filter(menu => {
        document.querySelectorAll('details.menu').forEach(other => { other.open = false; });
        menu.open = true;
        const form = menu.querySelector('form').getBoundingClientRect();
        return form.left < 0 || form.right > innerWidth;
    }).length";
    browser.find("details.menu");
    assert_eq!(browser.script(outside), 0, "menus that are cut off");
    let top = browser.script("return document.querySelector('h1').getBoundingClientRect().top");
    assert!(top.as_f64().is_some_and(|top| top < 170.0), "the heading begins at {top}");
    // Also with all that can stand wrong the page is seen below it.
    place.trouble();
    browser.go(base);
    browser.find("#troubles li");
    let top = browser.script("return document.querySelector('h1').getBoundingClientRect().top");
    assert!(top.as_f64().is_some_and(|top| top < 440.0), "below what stands wrong the heading begins at {top}");
    // Also where each name has a word beside it.
    place.recover();
    browser.go(&format!("{base}/runs"));
    browser.find("table.runs small");
    let cut = "return [...document.querySelectorAll('table.runs .pill')].filter(one => one.getBoundingClientRect().right > innerWidth - 16).length";
    assert_eq!(browser.script(cut), 0, "states that are cut off");
    browser.fit(ENLARGED);
    browser.go(&format!("{base}/runs"));
    browser.find("table.runs");
    let broken = "return [...document.querySelectorAll('table.runs th a, table.runs td time')].filter(one => one.getClientRects().length > 1).length";
    assert_eq!(browser.script(broken), 0, "numbers that are broken inside");
    assert!(browser.too_wide() <= 0);
}

/// The words of a ticket in the page as the browser has it, seen or not.
fn words(browser: &Browser) -> Vec<&'static str> {
    let whole = browser.script("return document.documentElement.outerHTML");
    words_in(whole.as_str().expect("a page"))
}

/// A link of the agent's command, and the press of its button.
fn enter(browser: &Browser, stage: &Stage, person: &str, client: Option<&str>) {
    let key = stage.agency.private(person).expect("a key");
    let mut line = vec!["console", "--key", &key];
    if let Some(client) = client {
        line.extend(["--client", client]);
    }
    let said = stage.production.call(&line).expect("a link");
    let link = said.lines().next().expect("a link");
    assert!(link.starts_with(&format!("http://{}/sign-in/link/", stage.console)), "{said}");
    browser.go(link);
    assert!(browser.text("h1").contains(person), "{}", browser.text("h1"));
    browser.click("button.main");
    browser.find(".side");
}

/// Takes the proof of Lena's decision off the ledger's page, and has a program check it that is not ours.
fn proof_from_the_page(browser: &Browser, stage: &Stage, folder: &Path) {
    if !have("python3") || !have("openssl") {
        return;
    }
    browser.go(&format!("http://{}/ledger?client=acme&kind=decided", stage.console));
    browser.find_text("lena");
    let key = browser.script("return document.querySelector('figure.command code').textContent");
    let proof = browser.script(
        "const asked = new XMLHttpRequest();
         asked.open('GET', document.querySelector(\"a[href$='.tlog-proof']\").href, false);
         asked.send();
         return asked.responseText",
    );
    let file = folder.join("decided.tlog-proof");
    put(&file, proof.as_str().expect("a proof").as_bytes()).expect("a file");
    let check = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/check.py");
    let mut python = command("python3", folder);
    assent_tests::succeed(python.arg(check).arg("proof").arg(&file).arg(key.as_str().expect("a key")));
}

#[test]
fn a_real_agent_shows_a_refund_takes_the_signed_yes_and_writes_down_who_looked() {
    if !have("ssh-keygen") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let Some(browser) = Browser::open(folder.path()) else { return };
    browser.fit(DESK);
    let mut stage = assent_tests::stage::working(folder.path());
    let at = stage::clock().expect("a clock");
    let taken = stage::webhook(&stage.production, "evt-1", "42", &stage::WEBHOOK_SECRET, at).expect("an answer");
    let run = stage::run_id(&taken.1).expect("a run");
    stage.wait_decision(&run).expect("a question");
    let wrong = stage.production.call(&["console", "--client", "acme", "--key", "lena=/dev/null"]);
    assert!(wrong.is_err(), "a key that is none");

    enter(&browser, &stage, "lena", Some("acme"));
    browser.click("a.whole");
    browser.find_text("order › total");
    assert_eq!(words(&browser), ["Leaking tent"], "who decides sees what there is to decide");
    browser.click("button.yes");
    let line = browser.text("pre code");
    let key = stage.agency.private("lena").expect("a key").split_once('=').expect("a file").1.to_owned();
    sign(&browser, &line.replace("~/.ssh/id_ed25519", &key), folder.path());
    browser.click("button.yes");
    browser.find_text("You agreed");
    assert_eq!(stage.wait_run_end(&run).expect("an end"), "done");
    assert_eq!(stage.outside.look(|seen| seen.refunds.len()), 1);
    browser.click(".me button");
    browser.find("[name=person]");

    // Who is on call and assigned to the client: the run with its source lines.
    enter(&browser, &stage, "bruno", None);
    browser.find_text("refund");
    browser.go(&format!("http://{}/runs/{run}", stage.console));
    browser.find_text("lena said yes");
    let pay = browser.text("#step-pay");
    assert!(pay.contains("refund.toml:") && pay.contains("moves money") && pay.contains("done"), "{pay}");
    browser.go(&format!("http://{}/", stage.console));
    browser.click(".workflows details summary");
    browser.write(".workflows details[open] [name=why]", "TICKET-9");
    browser.press(&["Enter"]);
    browser.find_text("Held: triggers are kept");
    browser.go(&format!("http://{}/runs", stage.console));
    assert!(browser.text("#troubles").contains("acme/refund is held"), "{}", browser.text("#troubles"));
    browser.go(&format!("http://{}/", stage.console));
    browser.click("form[action='/resume'] button");
    browser.find_text("Resumed");

    // Five tickets are sorted: they stand in the plot at once, before the hour is over.
    for number in 0..5 {
        let (ticket, at) = (format!("t-{number}"), stage::clock().expect("a clock"));
        let sorted = stage::webhook_to(&stage.production, "triage", &ticket, &ticket, &stage::WEBHOOK_SECRET, at);
        let run = stage::run_id(&sorted.expect("an answer").1).expect("a run");
        assert_eq!(stage.wait_run_end(&run).expect("an end"), "done");
    }
    browser.go(&format!("http://{}/numbers", stage.console));
    browser.find_text("so far since");
    assert_eq!(browser.script("return document.querySelectorAll('.plots rect.open').length"), 1);

    // Who is on call sees each page, and on none a word of the ticket.
    for page in [
        "",
        &format!("runs/{run}"),
        "runs",
        "queue",
        "numbers",
        "decisions",
        "incidents",
        "holds",
        "ledger?client=acme",
        "passkey",
    ] {
        browser.go(&format!("http://{}/{page}", stage.console));
        browser.find(".side");
        assert_eq!(words(&browser), Vec::<&str>::new(), "/{page}");
    }

    let told = stage.production.call(&["ledger", "verify", "acme"]);
    told.expect("a ledger that verifies");
    proof_from_the_page(&browser, &stage, folder.path());
    let export = folder.path().join("acme.ledger");
    stage.production.call(&["ledger", "export", "acme", "--output", &export.display().to_string()]).expect("an export");
    let text = std::fs::read_to_string(export).expect("entries");
    let body = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).ok()?;
        String::from_utf8(STANDARD.decode(line.get("body")?.as_str()?).ok()?).ok()
    };
    let entries: Vec<String> = text.lines().filter_map(body).collect();
    for (actor, kind, what) in [
        ("lena", "viewed", "question"),
        ("lena", "decided", ""),
        ("bruno", "viewed", "run"),
        ("bruno", "held", "TICKET-9"),
    ] {
        let is_one = |entry: &str| [actor, kind, what].iter().all(|word| entry.contains(word));
        assert!(entries.iter().any(|entry| is_one(entry)), "no entry that {actor} {kind} {what}");
    }
}
