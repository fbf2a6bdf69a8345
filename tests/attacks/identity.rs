//! An agent whose store was put back from a copy, was edited, or runs twice: it starts nothing until on-call says so.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use assent_agent::accept::webhook;
use assent_schema::status::{Recover, Status};
use assent_schema::trust::{Namespace, sign};
use rusqlite::Connection;

use super::fixture::key;
use super::site::{Site, clock, site_plan, workflow};
use super::table::{Attack, Verdict, attack};

/// Copies a folder as an operator does who restores one.
fn copy(from: &Path, to: &Path) {
    if to.exists() {
        std::fs::remove_dir_all(to).expect("a folder that goes");
    }
    let done = Command::new("cp").arg("-a").args([from, to]).status().expect("cp");
    assert!(done.success());
}

fn whys(status: &Status) -> String {
    let halt = status.halt.as_ref().expect("it stopped");
    halt.why.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// What an agent says that must have stopped; nothing may run then.
fn stopped(site: &Site) -> Verdict {
    let status = site.wait("it stops", |status| status.halt.is_some());
    Verdict::new(whys(&status), "")
}

/// A site at its second release, of which the state after the first was kept.
fn restored() -> Site {
    let mut site = Site::working();
    site.published(1);
    put_back(&mut site, 2);
    site
}

/// Keeps the state of now, lets the agent take another release, and puts the kept state back.
fn put_back(site: &mut Site, next: u64) {
    site.kill();
    copy(&site.path("state"), &site.path("snapshot"));
    site.start();
    site.release(|world| world.bend_facts("/limits/waiting", 63.into()));
    site.takes(next);
    site.published(next);
    site.kill();
    copy(&site.path("state"), &site.path("later"));
    copy(&site.path("snapshot"), &site.path("state"));
}

/// An API that hears what it is asked and never answers.
struct Deaf {
    address: String,
    heard: Receiver<TcpStream>,
}

impl Deaf {
    fn new() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let (told, heard) = channel();
        // Ends with the process of the tests, or when nobody listens any more.
        std::thread::spawn(move || listener.incoming().flatten().try_for_each(|stream| told.send(stream)));
        Self { address, heard }
    }

    /// Waits until it is asked something; the connection stays open.
    fn asked(&self) -> TcpStream {
        self.heard.recv_timeout(Duration::from_mins(1)).expect("a question")
    }

    /// How often it was asked since the last time.
    fn count(&self) -> usize {
        self.heard.try_iter().count()
    }
}

/// As [`restored`], with a run under way in the copy: its first step asked an API that has not answered.
fn restored_midway(api: &Deaf) -> Site {
    const SECRET: &[u8] = b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let mut site = Site::working();
    site.release(|world| world.lead("helpdesk", &api.address));
    site.takes(2);
    site.fill("acme/helpdesk/webhook", SECRET);
    site.fill("acme/helpdesk/token", b"a-token-of-the-helpdesk");
    let body = br#"{"topic":"ticket.created","data":{"item":{"id":"4201","author":{"type":"user"}}}}"#;
    let headers = webhook::sign(SECRET, "msg-1", clock(), body).unwrap_or_else(|refused| panic!("{}", refused.code()));
    let mut request =
        format!("POST /hooks/acme/refund HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n", body.len())
            .into_bytes();
    for (name, value) in headers {
        request.extend([name.as_bytes(), b": ", &value, b"\r\n"].concat());
    }
    request.extend([b"\r\n", &body[..]].concat());
    let answer = site.send(&request);
    // What is ignored, or was there already, is answered with 200.
    assert!(answer.contains(" 202 "), "{answer}");
    let open = api.asked();
    site.published(2);
    put_back(&mut site, 3);
    drop(open);
    site
}

/// Starts an agent whose database was changed while it was down.
fn edited(sql: &str) -> Site {
    let mut site = Site::working();
    site.published(1);
    site.kill();
    let database = Connection::open(site.path("state/agent.db")).expect("a database");
    database.execute_batch(sql).expect("an edit");
    drop(database);
    site.start();
    site
}

/// What one of the logs does not verify for.
fn body_gone(site: &Site) -> Verdict {
    // While it starts it has the store and does not answer yet.
    site.wait("it answers", |status| status.release.is_some());
    let verify = |log: &[&str]| site.call(&[&["ledger", "verify", "--format", "json"], log].concat());
    let said = verify(&[]).and_then(|_| verify(&["acme"])).map_or_else(|said| said, |_| "accepted".to_owned());
    Verdict::new(if said.contains("body-gone") { "body-gone" } else { "another" }, said)
}

/// The recovery that an agent asks for, signed by some people for some purpose; what the agent says to it.
fn recover(site: &Site, by: &[&str], namespace: Namespace, change: impl FnOnce(&mut Recover)) -> Verdict {
    let mut recover = Recover::of(&site.status()).expect("it stopped");
    change(&mut recover);
    let (statement, bytes) = (site.path("recover.json"), assent_schema::canon::to_bytes(&recover).expect("a form"));
    std::fs::write(&statement, &bytes).expect("a file");
    let mut args = vec!["recover".to_owned(), "--statement".into(), statement.display().to_string()];
    for who in by {
        let file = site.path(&format!("{who}.sig"));
        std::fs::write(&file, sign(&key(who), namespace, &bytes)).expect("a file");
        args.extend(["--signature".to_owned(), format!("{who}={}", file.display())]);
    }
    match site.call(&args.iter().map(String::as_str).collect::<Vec<_>>()) {
        Ok(_) => Verdict::accepted(),
        Err(what) => Verdict::new("refused", what),
    }
}

/// An agent that stopped because its state is from before its second release, at which it is again.
fn halted() -> Site {
    let mut site = restored();
    site.start();
    site.wait("it stops", |status| status.halt.is_some());
    site.takes(2);
    site
}

/// A plan that crashes its agent goes back, which is published; then the state from before that is put back, and goes on.
fn forgetful() -> Verdict {
    let mut site = Site::working();
    site.published(1);
    let plan = site_plan(&site.status()).expect("a plan");
    site.kill();
    copy(&site.path("state"), &site.path("snapshot"));
    site.start();
    // Three unclean stops of a trial without a run are a failure, and two of two send it back.
    for _ in 0..6 {
        site.wait("it is up", |status| status.release.is_some());
        site.kill();
        site.start();
    }
    let went_back = |status: &Status| status.went_back().any(|(_, _, plans)| plans.contains_key(&plan));
    site.wait("the plan goes back", went_back);
    site.wait_for_branch("status.json", |text| went_back(&serde_json::from_str(text).expect("a status")));
    site.kill();
    copy(&site.path("snapshot"), &site.path("state"));
    site.start();
    site.wait("it stops", |status| status.halt.is_some());
    site.takes(1);
    assert_eq!(recover(&site, &["ann", "ben"], Namespace::Recover, |_| ()), Verdict::accepted());
    let status = site.wait("it goes on", |status| status.halt.is_none() && status.release.is_some());
    let stays = went_back(&status) && site_plan(&status).is_none();
    Verdict::new(if stays { "it stays refused" } else { "it runs again" }, "")
}

pub(crate) const ROOM: &[Attack] = &[
    attack("a state folder put back from a copy", "ledger-older, release-older", || {
        let mut site = restored();
        site.start();
        stopped(&site)
    }),
    attack("the same with the repository away at the start", "stops later", || {
        let mut site = restored();
        std::fs::rename(site.path("agency.git"), site.path("away.git")).expect("a folder");
        site.start();
        // It goes on with what is there; the first push that the repository takes tells.
        site.wait("the plan", |status| site_plan(status).is_some());
        std::fs::rename(site.path("away.git"), site.path("agency.git")).expect("a folder");
        // Older or forked: it wrote entries of its own meanwhile.
        assert!(stopped(&site).begins("ledger-"));
        Verdict::new("stops later", "")
    }),
    attack("a database put back from a copy, with the repository gone for good", "ledger-older", || {
        let api = Deaf::new();
        let mut site = restored_midway(&api);
        let kept = site.path("state/checkpoints");
        std::fs::remove_dir_all(site.path("agency.git")).expect("a folder");
        // The folder of checkpoints alone is of now: they are not in the database.
        copy(&site.path("later/checkpoints"), &kept);
        api.count();
        site.start();
        let verdict = stopped(&site);
        // It stopped before it began, and not with the checkpoint that it signs next: neither was the crash that cut its run
        // short counted, nor did that run go on.
        let trial = workflow(&site.status()).and_then(|it| it.trial.clone()).expect("a trial");
        assert_eq!(trial.runs, 0, "a copy counts what happened to it");
        assert_eq!(api.count(), 0, "a run of the copy asked an API");
        verdict
    }),
    attack("a copy of an agent beside it", "ledger-older", || {
        let mut site = Site::working();
        site.published(1);
        site.kill();
        copy(&site.path("state"), &site.path("twin"));
        site.start();
        site.published_by_a_start();
        site.kill();
        copy(&site.path("twin"), &site.path("state"));
        site.start();
        stopped(&site)
    }),
    attack("a row of the ledger that was changed", "ledger-forked", || {
        stopped(&edited("UPDATE ledger SET commitment = zeroblob(32) WHERE id = (SELECT min(id) FROM ledger)"))
    }),
    attack("the last rows of a ledger that were removed", "ledger-older", || {
        stopped(&edited("DELETE FROM ledger WHERE id = (SELECT max(id) FROM ledger)"))
    }),
    attack("a body of the ledger that was removed without an entry", "body-gone", || {
        body_gone(&edited("UPDATE ledger SET sealed = NULL WHERE id = (SELECT min(id) + 2 FROM ledger)"))
    }),
    attack("the same, and the store says that it was announced", "body-gone", || {
        body_gone(&edited(
            "UPDATE ledger SET sealed = NULL WHERE id = (SELECT min(id) + 2 FROM ledger);
             INSERT INTO state(name, value) SELECT 'ledger/gone/' || name, CAST('[[2,2]]' AS BLOB) FROM log",
        ))
    }),
    attack("the number of the newest release that was set back", "release-older", || {
        stopped(&edited(
            "UPDATE state SET value = CAST(replace(CAST(value AS TEXT), '\"sequence\":1', '\"sequence\":0') AS BLOB)
             WHERE name = 'trust/pinned'",
        ))
    }),
    attack("a plan put into the database that no release names", "nothing runs", || {
        let plan = "00".repeat(32);
        let sql = format!(
            "UPDATE state SET value = CAST(replace(CAST(value AS TEXT),
               json_extract(CAST(value AS TEXT), '$.trial.plan'), '{plan}') AS BLOB) WHERE name LIKE 'deploy/%'"
        );
        let site = edited(&sql);
        let status = site.wait("it answers", |status| status.release.is_some());
        let runs = site_plan(&status).is_some_and(|runs| runs.to_string() == plan);
        Verdict::new(if runs { "it runs" } else { "nothing runs" }, "")
    }),
    attack("a newer release on the agent's branch that it did not sign", "it goes on", || {
        let mut site = Site::working();
        site.published(1);
        let mut status = site.status();
        status.release.as_mut().expect("a release").sequence = 99;
        let forged = assent_schema::canon::to_bytes(&status).expect("a form");
        let signature = sign(&key("eve"), Namespace::Console, &forged).into_bytes();
        site.write_to_branch(&[("status.json", &forged), ("status.json.eu-production-1.sig", &signature)]);
        site.release(|world| world.bend_facts("/limits/waiting", 63.into()));
        site.takes(2);
        // Its own branch goes on after what was written there.
        site.published(2);
        assert!(site.status().halt.is_none());
        Verdict::new("it goes on", "")
    }),
    attack("a plan that went back after the copy was made", "it stays refused", forgetful),
    attack("a recovery by nobody", "refused", || recover(&halted(), &[], Namespace::Recover, |_| ())),
    attack("a recovery by a stranger", "refused", || recover(&halted(), &["eve"], Namespace::Recover, |_| ())),
    attack("a recovery signed for another purpose", "refused", || {
        recover(&halted(), &["ann", "ben"], Namespace::Release, |_| ())
    }),
    attack("a recovery of another agent", "refused", || {
        recover(&halted(), &["ann", "ben"], Namespace::Recover, |recover| {
            recover.agent = "eu-production-2".parse().expect("an id");
        })
    }),
    attack("a recovery from another stop", "refused", || {
        recover(&halted(), &["ann", "ben"], Namespace::Recover, |recover| {
            recover.nonce = assent_schema::canon::Digest::of_file(b"before");
        })
    }),
    attack("a recovery while the newest release was not pulled again", "refused", || {
        let mut site = restored();
        std::fs::rename(site.path("agency.git/refs/heads/release"), site.path("release")).expect("a folder");
        site.start();
        site.wait("it stops", |status| status.halt.is_some());
        recover(&site, &["ann", "ben"], Namespace::Recover, |_| ())
    }),
    attack("an honest recovery", "accepted", || recover(&halted(), &["ann", "ben"], Namespace::Recover, |_| ())),
];

#[test]
fn a_recovered_agent_goes_on_and_its_ledger_does_not_fork() {
    let mut site = halted();
    let before = site.branch_file("checkpoints/acme/checkpoint").expect("a checkpoint");
    assert_eq!(site_plan(&site.status()), site_plan(&site.status()));
    assert_eq!(recover(&site, &["ann", "ben"], Namespace::Recover, |_| ()), Verdict::accepted());
    let status = site.wait("it goes on", |status| status.halt.is_none() && site_plan(status).is_some());
    assert_eq!(status.release.expect("a release").sequence, 2);
    for (log, runs) in [(&[][..], "\"runs\":0"), (&["acme"], "\"runs\":0")] {
        let ledger = site.ledger(log);
        let opened = ledger.first().expect("a first entry");
        assert!(opened.contains("\"kind\":\"opened\"") && opened.contains("\"old\":["), "{opened}");
        assert!(opened.contains("eu-production-1.2"), "{opened}");
        let told = ledger.iter().find(|line| line.contains("\"kind\":\"recovered\"")).expect("an entry");
        assert!(told.contains("\"actor\":\"ann\"") && told.contains("ledger-older") && told.contains(runs), "{told}");
        assert!(site.call(&[&["ledger", "verify"], log].concat()).is_ok());
    }
    // What was published stands in the new log, whole, and the branch goes on with the new one.
    let first = site.ledger(&["acme"]).remove(0);
    let size = before.lines().nth(1).expect("a size");
    assert!(first.contains(&format!("assent/harbor/eu-production-1/acme\\n{size}\\n")), "{first}");
    site.wait_for_branch("checkpoints/acme/checkpoint", |note| {
        note.starts_with("assent/harbor/eu-production-1.2/acme\n")
    });
    // A restart finds nothing to recover from, and nothing is done twice.
    let entries = site.ledger(&["acme"]).len();
    site.kill();
    site.start();
    let status = site.wait("it runs", |status| site_plan(status).is_some());
    assert!(status.halt.is_none());
    let ledger = site.ledger(&["acme"]);
    assert!(ledger.len() > entries);
    assert_eq!(ledger.iter().filter(|line| line.contains("\"kind\":\"recovered\"")).count(), 1);
}
