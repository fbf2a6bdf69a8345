//! The console of a real agent whose store has a million runs: how long each page takes, from the request to its last byte.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use assent_agent::sim::NoBooks;
use assent_agent::store::{Alert, QueueItem, RunId, Sqlite, Store as _, Transaction, Write};
use assent_agent::world::Wall;
use assent_schema::canon::Digest;
use assent_schema::time::Moment;
use serde_json::json;

use crate::figures::Times;
use crate::process::{self, Site, free_port};

/// Runs that are written with one commit.
const PAGE: u64 = 2_000;
/// One of so many runs failed, and its work waits in the manual queue.
const FAILS: u64 = 1_000;
/// Alerts that were told and are over.
const ALERTS: u64 = 20_000;
/// How often each page is asked for.
const LOOKS: usize = 20;

/// What one page takes.
pub(crate) struct Page {
    pub(crate) what: String,
    pub(crate) took: Times,
    pub(crate) bytes: usize,
}

/// The instant and id of a run of the past weeks. `now` is one for all of them: otherwise they have other ids each time.
fn run(now: Moment, no: u64, runs: u64) -> (Wall, RunId) {
    let back = i64::try_from(runs - no).unwrap_or(i64::MAX).saturating_mul(1_000);
    let at = Wall::from_millis(now.seconds() * 1_000 - back);
    let mut rest = [0; 10];
    rest.iter_mut().zip(no.to_be_bytes()).for_each(|(slot, byte)| *slot = byte);
    (at, RunId::new(at, rest))
}

/// A journal of so many runs, each with a step, its effect and its end; queue items, and alerts of the past.
fn fill(database: &Path, now: Moment, runs: u64) {
    let store = Sqlite::open(database, |rows| NoBooks::load(rows)).expect("a store");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let plan = Digest::of_file(b"plan");
    for first in (0..runs).step_by(usize::try_from(PAGE).unwrap_or(usize::MAX)) {
        let mut writes = Vec::new();
        for no in first..runs.min(first + PAGE) {
            let (at, run) = run(now, no, runs);
            let fails = no % FAILS == 0;
            let facts = [
                json!({"accepted": {"client": "client-0000", "workflow": "w-0", "plan": plan, "number": no + 1, "trigger": "webhook", "event": format!("evt-{no}")}}),
                json!({"intent": {"step": "note", "attempt": 1, "operation": "helpdesk.note", "effect": "write"}}),
                json!({"outcome": {"step": "note", "attempt": 1, "code": if fails { "unavailable" } else { "ok" }, "status": if fails { 503 } else { 201 }}}),
                if fails {
                    json!({"ended": {"ending": "failed", "step": "note", "code": "unavailable"}})
                } else {
                    json!({"ended": {"ending": "done"}})
                },
            ];
            writes
                .extend(facts.map(|fact| Write::Journal { run, entry: serde_json::from_value(fact).expect("a fact") }));
            if fails {
                let item = json!({"run": run, "client": "client-0000", "workflow": "w-0", "queue": "support", "why": "unavailable",
                    "step": "note", "event": format!("evt-{no}"), "since": at.millis()});
                writes.push(Write::Queue(Box::new(serde_json::from_value::<QueueItem>(item).expect("an item"))));
            }
        }
        let (at, _) = run(now, first, runs);
        runtime.block_on(store.commit(Transaction { at, writes })).expect("a commit");
    }
    for no in 0..ALERTS {
        let alert = json!({"rule": "run-failed", "client": "client-0000", "workflow": "w-0", "code": format!("code-{no}"), "incident": no % 100 == 0});
        let alert: Alert = serde_json::from_value(alert).expect("an alert");
        let over = Write::AlertOver { key: alert.key() };
        let at = run(now, no, runs).0;
        runtime.block_on(store.commit(Transaction { at, writes: vec![Write::Alert(alert), over] })).expect("a commit");
    }
}

/// A browser that keeps one cookie.
struct Browser {
    host: String,
    cookie: String,
}

impl Browser {
    fn ask(&self, head: &str, body: &str) -> (Duration, String) {
        let began = Instant::now();
        let mut stream = TcpStream::connect(&self.host).expect("the console");
        let length = body.len();
        write!(
            stream,
            "{head} HTTP/1.1\r\nHost: {0}\r\nOrigin: http://{0}\r\nCookie: {1}\r\nConnection: close\r\n",
            self.host, self.cookie
        )
        .expect("sent");
        write!(stream, "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n{body}")
            .expect("sent");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("an answer");
        (began.elapsed(), String::from_utf8_lossy(&answer).into_owned())
    }

    /// Follows the link that the command prints.
    fn sign_in(&mut self, link: &str) {
        let path = link.split_once(&self.host).map(|(_, path)| path.trim()).expect("a link of the console");
        let (_, page) = self.ask(&format!("POST {path}"), "");
        let cookie = page.lines().find_map(|line| line.strip_prefix("set-cookie: ")).expect("a cookie");
        cookie.split(';').next().unwrap_or_default().clone_into(&mut self.cookie);
    }
}

/// Each page of a console over so many runs.
pub(crate) fn measure(runs: u64) -> Vec<Page> {
    let host = format!("127.0.0.1:{}", free_port());
    let mut site = Site::enrol(1, 1, false, &format!("console = \"{host}\"\n"));
    let files = site.release.files();
    site.publish(&files);
    let now = process::clock();
    fill(&site.state().join("agent.db"), now, runs);
    site.start();
    site.runs(Instant::now());
    let said = site.call(&["console", "--key", &site.hand()]);
    let mut browser = Browser { host, cookie: String::new() };
    browser.sign_in(said.lines().next().unwrap_or_default());
    let (_, failed) = run(now, 0, runs);
    let (_, newest) = run(now, runs - 1, runs);
    let pages = [
        ("overview", "/".to_owned()),
        ("decisions", "/decisions".to_owned()),
        ("runs, newest", "/runs".to_owned()),
        ("runs, failed ones", "/runs?state=failed".to_owned()),
        ("runs, of a workflow that has none", "/runs?workflow=w-9".to_owned()),
        ("runs, the oldest", format!("/runs?before={}", run(now, 100.min(runs - 1), runs).1)),
        ("the newest run", format!("/runs/{newest}")),
        ("the oldest run", format!("/runs/{failed}")),
        ("by the id of an event that nobody knows", "/runs?q=evt-1".to_owned()),
        ("manual queue", "/queue".to_owned()),
        ("incidents", "/incidents".to_owned()),
        ("holds", "/holds".to_owned()),
        ("ledger", "/ledger".to_owned()),
        ("KPIs", "/numbers".to_owned()),
    ];
    pages
        .into_iter()
        .map(|(what, path)| {
            let mut took = Vec::with_capacity(LOOKS);
            let (mut bytes, mut found) = (0, true);
            for _ in 0..LOOKS {
                let (time, answer) = browser.ask(&format!("GET {path}"), "");
                let status = answer.split(' ').nth(1).unwrap_or_default();
                assert!(status == "200" || status == "404", "{path}: {}", answer.lines().next().unwrap_or_default());
                found = found && status == "200";
                bytes = answer.len();
                took.push(time);
            }
            let what = if found { what.to_owned() } else { format!("{what} (not found)") };
            Page { what, took: Times::new(took), bytes }
        })
        .collect()
}
