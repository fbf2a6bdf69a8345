//! A real Prometheus scrapes a real agent process, and its own tools find nothing wrong with what is told or with the rules
//! that the docs give.

#![expect(clippy::disallowed_methods, reason = "this test starts real programs and writes their configuration")]

#[path = "../../tests/support/skipped.rs"]
#[expect(unreachable_pub, reason = "the library of tests shows it to others")]
mod skipped;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use assent_agent::identity::Identity;
use assent_agent::pin::Pin;
use assent_agent::real::{RealDice, RealDisk};
use assent_schema::canon::Digest;

/// How long a scrape is waited for.
const WAITED_MOST: Duration = Duration::from_mins(1);

/// Whether a program is installed; fails in CI where it is not.
fn have(program: &str) -> bool {
    let found = std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(program).is_file()));
    if !found {
        skipped::skipped(&format!("{program} is not installed (tests/setup installs it)"));
    }
    found
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port")
}

/// A process that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        if self.0.kill().is_ok() {
            drop(self.0.wait());
        }
    }
}

/// Takes requests on loopback and keeps their first lines.
fn receiver() -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let (address, got) = (listener.local_addr().expect("an address"), Arc::<Mutex<Vec<String>>>::default());
    let keep = Arc::clone(&got);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut line = String::new();
            if BufReader::new(&stream).read_line(&mut line).is_ok() {
                keep.lock().expect("no panic").push(line);
            }
            drop(stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"));
        }
    });
    (address, got)
}

/// An agent that is enrolled and has no release yet.
fn enrolled(folder: &Path, more: &str) {
    let state = folder.join("state");
    std::fs::create_dir(&state).expect("a folder");
    git2::Repository::init_bare(folder.join("agency.git")).expect("a repository");
    let text = format!(
        "project = \"harbor\"\nagent = \"eu-1\"\nenvironment = \"staging\"\nregion = \"eu\"\nrepository = \"agency.git\"\n\
         state = \"state\"\nlisten = \"127.0.0.1:0\"\n{more}"
    );
    std::fs::write(folder.join("agent.toml"), text).expect("a file");
    let disk = RealDisk::open(&state).expect("a folder");
    drop(Identity::make(&disk, &RealDice, "eu-1").unwrap_or_else(|_| panic!("an identity")));
    Pin { project: Digest::of_file(b"root"), root: 1, generation: 1, sequence: 0 }.write(&disk).expect("a pin");
}

/// Starts the agent and reads what it says until a line holds a word.
fn agent(folder: &Path, word: &str) -> Running {
    let mut command = Command::new(env!("CARGO_BIN_EXE_assent-agent"));
    command.args(["run", "--config"]).arg(folder.join("agent.toml")).stdout(Stdio::piped()).stderr(Stdio::inherit());
    let mut child = command.spawn().expect("the agent");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines().map_while(Result::ok);
    let running = Running(child);
    assert!(lines.by_ref().any(|line| line.contains(word)), "the agent ended before it said {word}");
    std::thread::spawn(move || lines.for_each(drop));
    running
}

fn get(address: SocketAddr, path: &str, host: &str, accept: &str) -> Option<(String, String)> {
    let mut stream = TcpStream::connect(address).ok()?;
    let head = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\naccept: {accept}\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    answer.split_once("\r\n\r\n").map(|(head, body)| (head.to_owned(), body.to_owned()))
}

/// Stands between a scraper and an agent, and tells of each scrape that was answered.
fn relay(agent: SocketAddr) -> (SocketAddr, Receiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let (told, scrapes) = channel();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let accept = BufReader::new(&stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty());
            let accept = accept.filter(|line| line.to_ascii_lowercase().starts_with("accept:")).last();
            let accept = accept.as_ref().and_then(|line| line.split_once(": ")).map_or("*/*", |(_, accept)| accept);
            let Some((head, body)) = get(agent, "/metrics", &agent.to_string(), accept) else { continue };
            // Whoever asked may be gone, and whoever is told too.
            drop(stream.write_all(format!("{head}\r\n\r\n{body}").as_bytes()));
            if told.send(()).is_err() {
                return;
            }
        }
    });
    (address, scrapes)
}

fn promtool(arguments: &[&str], input: Option<&str>) -> String {
    let mut child = Command::new("promtool")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool");
    let mut given = child.stdin.take().expect("a pipe");
    given.write_all(input.unwrap_or_default().as_bytes()).expect("written");
    drop(given);
    let output = child.wait_with_output().expect("an end");
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}");
    said
}

#[test]
fn a_real_prometheus_scrapes_a_real_agent() {
    let folder = tempfile::tempdir().expect("a folder");
    let metrics = free_address();
    enrolled(folder.path(), &format!("metrics = \"{metrics}\"\n"));
    let _agent = agent(folder.path(), "\"ready\"");
    let host = metrics.to_string();
    let (head, text) = get(metrics, "/metrics", &host, "text/plain").expect("metrics");
    assert!(
        head.contains("text/plain; version=0.0.4") && text.contains("assent_ledger_entries{log=\"_agent\"}"),
        "{text}"
    );
    let (head, open) = get(metrics, "/metrics", &host, "application/openmetrics-text; version=1.0.0").expect("metrics");
    assert!(head.contains("application/openmetrics-text") && open.ends_with("# EOF\n"));
    assert!(get(metrics, "/metrics", "evil.example", "*/*").expect("an answer").0.starts_with("HTTP/1.1 421"));
    assert!(get(metrics, "/", &host, "*/*").expect("an answer").0.starts_with("HTTP/1.1 404"));
    the_page_lists_what_is_told(&text);

    if !have("promtool") || !have("prometheus") {
        return;
    }
    assert_eq!(promtool(&["check", "metrics"], Some(&text)), "", "promtool has nothing to say");
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/alerts.rules.yml");
    promtool(&["check", "rules", &rules.display().to_string()], None);
    // Every name that the rules ask for is told.
    let asked = std::fs::read_to_string(&rules).expect("the rules");
    let names =
        asked.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).filter(|word| word.starts_with("assent_"));
    for name in names {
        assert!(
            text.contains(&format!("# TYPE {} ", name.trim_end_matches("_bucket"))),
            "{name} is in the rules alone"
        );
    }

    let (web, (relayed, scrapes)) = (free_address(), relay(metrics));
    let configuration = format!(
        "global:\n  scrape_interval: 1s\nrule_files:\n- {}\nscrape_configs:\n- job_name: assent\n  static_configs:\n  - targets: ['{relayed}']\n",
        rules.canonicalize().expect("a path").display()
    );
    let file = folder.path().join("prometheus.yml");
    std::fs::write(&file, configuration).expect("a file");
    let mut command = Command::new("prometheus");
    command.arg(format!("--config.file={}", file.display())).arg(format!("--web.listen-address={web}"));
    command.arg(format!("--storage.tsdb.path={}", folder.path().join("tsdb").display()));
    let _prometheus = Running(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("Prometheus"));
    let host = web.to_string();
    let query = |query: &str| {
        let (_, body) = get(web, &format!("/api/v1/query?query={query}"), &host, "*/*")?;
        body.contains("\"value\":").then_some(body)
    };
    // One scrape after the other: when the third comes, the first two stand in its database.
    for _ in 0..3 {
        scrapes.recv_timeout(WAITED_MOST).expect("a scrape");
    }
    let up = query("up").expect("an answer");
    assert!(up.contains("\"1\"]") && up.contains(&relayed.to_string()), "{up}");
    for name in ["assent_agent_info", "assent_commit_duration_seconds_bucket"] {
        assert!(query(name).is_some(), "{name} is not there");
    }
}

/// Each name that is told has its row in the docs, with its labels, and each row a name that is told.
fn the_page_lists_what_is_told(text: &str) {
    let page = include_str!("../../docs/agent.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `assent_")?.split_once("` | "));
    let rows: BTreeMap<String, Vec<&str>> = rows
        .map(|(name, rest)| {
            let labels = rest.split_once('|').map_or("", |(labels, _)| labels);
            (format!("assent_{name}"), labels.split(',').map(str::trim).filter(|label| !label.is_empty()).collect())
        })
        .collect();
    let told: BTreeSet<&str> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    assert_eq!(rows.keys().map(String::as_str).collect::<BTreeSet<_>>(), told);
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let name: String = line.chars().take_while(|c| !['{', ' '].contains(c)).collect();
        let family = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(&name);
        let labels = line.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map_or("", |(labels, _)| labels);
        let labels = labels.split("\",").filter_map(|label| Some(label.split_once('=')?.0));
        let documented = rows.get(&name).or_else(|| rows.get(family)).expect("a row");
        assert!(labels.clone().all(|label| documented.contains(&label)), "{line}: {documented:?}");
    }
}

#[test]
fn no_ping_comes_from_an_agent_that_cannot_look_at_its_repository() {
    let folder = tempfile::tempdir().expect("a folder");
    let (address, got) = receiver();
    let more = format!("poll = \"1s\"\n[heartbeat]\nurl = \"http://{address}/ping\"\nevery = \"10s\"\n");
    enrolled(folder.path(), &more);
    // The repository has no release: it was never read with success.
    let _agent = agent(folder.path(), "no dead-man's ping: the agent is not well");
    assert_eq!(*got.lock().expect("no panic"), Vec::<String>::new());
}
