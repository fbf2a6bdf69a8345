//! What a client is shown of its workflows holds nothing of what they handled.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use assent_compiler::command::Outcome;
use assent_compiler::command::demo::stage::{Stage, WEBHOOK_SECRET, clock, run_id, webhook};

/// What stands in the ticket and the order that the run reads, and in what the AI drafts.
const CANARIES: [&str; 5] = ["Leaking tent", "CANARY-7f3a", "Robin Example", "555-0142", "we look into it"];

/// The console of the production agent, as a browser without scripts speaks with it.
struct Console {
    address: SocketAddr,
    cookie: String,
}

impl Console {
    /// Signs somebody in by a link of the agent's command.
    fn enter(stage: &Stage, person: &str) -> Self {
        let key = stage.agency.private(person).expect("a key");
        let said = stage.production.call(&["console", "--key", &key]).expect("a link");
        let start = format!("http://{}", stage.console);
        let link = said.lines().next().and_then(|link| link.strip_prefix(&start)).expect("a link");
        let mut console = Self { address: stage.console, cookie: String::new() };
        let (status, head) = console.ask("POST", link);
        assert_eq!(status, 303, "{head}");
        console
    }

    /// The status and what came with it; a cookie is kept.
    fn ask(&mut self, method: &str, path: &str) -> (u16, String) {
        let Self { address, cookie } = &*self;
        let mut stream = TcpStream::connect(address).expect("a console");
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\nOrigin: http://{address}\r\nCookie: {cookie}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )
        .expect("it is asked");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("an answer");
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let set = answer.lines().find_map(|line| line.strip_prefix("set-cookie: "));
        if let Some(set) = set.and_then(|set| set.split(';').next()) {
            set.clone_into(&mut self.cookie);
        }
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        (status, answer)
    }
}

#[test]
fn the_report_the_ledgers_and_the_console_show_nothing_of_what_runs_handled() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut stage = assent_tests::stage::working(folder.path());
    let now = clock().expect("a clock");
    let (status, body) = webhook(&stage.production, "evt-told", "5003", &WEBHOOK_SECRET, now).expect("an answer");
    assert_eq!(status, 202, "{body}");
    let run = run_id(&body).expect("a run");
    stage.wait_decision(&run).expect("a question");
    stage.decide(&run).expect("a decision");
    assert_eq!(stage.wait_run_end(&run).expect("an end"), "done");
    let read = |what: &str| stage.outside.look(|seen| seen.requests.iter().any(|request| request == what));
    assert!(read("helpdesk get_ticket 5003") && read("ai chat"), "there was something to tell");

    let exports = folder.path().join("exports");
    std::fs::create_dir_all(&exports).expect("a folder");
    let at = |name: &str| exports.join(name).display().to_string();
    stage.production.call(&["ledger", "export", "--all", &exports.display().to_string()]).expect("ledgers");
    let (remote, moment) = (stage.agency.remote.display().to_string(), clock().expect("a clock").to_string());
    let (acme, agent, page) = (at("acme.ledger"), at("agent.ledger"), at("acme.html"));
    let line = ["report", "acme", "--at", &moment, "--remote", &remote, "--ledger", &acme, "--ledger", &agent];
    let mut told = Vec::new();
    for more in [["--output", &page], ["--format", "json"]] {
        let line: Vec<String> = line.iter().chain(&more).map(|part| (*part).to_owned()).collect();
        let (outcome, text) = stage.agency.try_assent(&line).expect("a command that runs");
        assert_eq!(outcome, Outcome::Fine, "{text}");
        told.push((line.join(" "), text));
    }
    told.extend([acme, agent, page].map(|file| {
        let text = String::from_utf8_lossy(&std::fs::read(&file).expect("a file")).into_owned();
        (file, text)
    }));
    let mut console = Console::enter(&stage, "bruno");
    let run_page = format!("/runs/{run}");
    let pages = ["/", "/runs", &run_page, "/queue", "/numbers", "/numbers.csv", "/incidents", "/holds", "/ledger?all"];
    for page in pages {
        let (status, text) = console.ask("GET", page);
        assert_eq!(status, 200, "{page}: {text}");
        assert!(page != run_page || text.contains("acme"), "the page is of the run: {text}");
        told.push((page.to_owned(), text));
    }
    for (what, text) in told {
        assert!(!text.is_empty(), "{what} says something");
        let shown = CANARIES.iter().find(|canary| text.contains(**canary));
        assert_eq!(shown, None, "{what} shows content");
    }
}
