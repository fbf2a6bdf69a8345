//! Every address and port that an agent reaches, seen on the wire of a network that the test has for itself: they are those
//! of the agent's log, and those of the hosts that the release lists. Names that begin to lead elsewhere lead nowhere.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use assent_agent::store::Entry;
use assent_tests::systems::Served;
use assent_tests::{have, run, skipped, succeed};

use super::play::Play;
use super::site::{ACME, Site};

/// Says that the process is in a network of its own.
const INSIDE: &str = "ASSENT_IN_A_NETWORK_OF_ITS_OWN";
/// The played systems and their addresses there.
const SYSTEMS: [(&str, Ipv4Addr); 6] = [
    ("helpdesk", Ipv4Addr::new(10, 77, 0, 11)),
    ("shop", Ipv4Addr::new(10, 77, 0, 12)),
    ("payments", Ipv4Addr::new(10, 77, 0, 13)),
    ("ai", Ipv4Addr::new(10, 77, 0, 14)),
    ("alerts", Ipv4Addr::new(10, 77, 0, 15)),
    ("chat", Ipv4Addr::new(10, 77, 0, 16)),
];
/// The name that the shop is called by.
const NAME: &str = "localhost";
/// Where nobody is; what leads there shows that the capture is not behind.
const MARK: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 200);
/// Where a stray connection leads.
const STRAY: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 99);
/// What clouds hand out credentials at.
const METADATA: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);
/// New connections, and whatever is no connection; replies are not shown.
const FILTER: &str = "(tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn) or udp or ip6 or icmp";
/// How long the capture may say nothing.
const SILENCE_MOST: Duration = Duration::from_secs(10);

/// Everybody whom anybody in the network tried to reach.
struct Capture {
    seen: BTreeSet<SocketAddr>,
    news: Receiver<SocketAddr>,
    marks: u16,
    tcpdump: Child,
}

impl Drop for Capture {
    fn drop(&mut self) {
        if self.tcpdump.kill().is_ok() {
            drop(self.tcpdump.wait());
        }
    }
}

impl Capture {
    fn begin() -> Self {
        let mut tcpdump = Command::new("tcpdump");
        tcpdump.args(["-i", "lo", "-nn", "-l", "--immediate-mode", FILTER]);
        let child = tcpdump.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut tcpdump = child.expect("tcpdump starts");
        let mut said = BufReader::new(tcpdump.stderr.take().expect("a pipe")).lines().map_while(Result::ok);
        assert!(said.any(|line| line.contains("listening on")), "tcpdump listens");
        let lines = BufReader::new(tcpdump.stdout.take().expect("a pipe")).lines().map_while(Result::ok);
        let (sees, news) = channel();
        std::thread::spawn(move || {
            for line in lines {
                let target = target(&line).unwrap_or_else(|| panic!("tcpdump says: {line}"));
                if sees.send(target).is_err() {
                    // The test is over.
                    break;
                }
            }
            drop(said);
        });
        Self { seen: BTreeSet::new(), news, marks: 0, tcpdump }
    }

    /// Everything until now, but for the test's own connections to the agent, and marks.
    fn until_now(&mut self, agent: SocketAddr) -> BTreeSet<SocketAddr> {
        self.marks = self.marks.saturating_add(1);
        let mark = SocketAddr::from((MARK, self.marks));
        reach(mark);
        while !self.seen.contains(&mark) {
            self.seen.insert(self.news.recv_timeout(SILENCE_MOST).expect("the capture stands still"));
        }
        self.seen.iter().copied().filter(|address| address.ip() != MARK && *address != agent).collect()
    }
}

/// `… IP 10.77.0.11.50914 > 10.77.0.12.81: Flags …`: where it leads.
fn target(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once(" > ")?;
    let (address, port) = rest.split_once(": ")?.0.rsplit_once('.')?;
    Some(SocketAddr::new(address.parse().ok()?, port.parse().ok()?))
}

/// Tries to connect; whether it does is of no interest.
fn reach(address: SocketAddr) {
    drop(TcpStream::connect_timeout(&address, Duration::from_millis(300)));
}

/// Addresses that the agent's log says it connected to.
fn logged(site: &Site) -> BTreeSet<SocketAddr> {
    let log = std::fs::read_to_string(site.agent.log()).expect("a log");
    let lines = log.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    lines
        .filter(|line| line.get("message").and_then(serde_json::Value::as_str) == Some("connects"))
        .map(|line| line.get("address").and_then(serde_json::Value::as_str).expect("an address").to_owned())
        .map(|address| address.parse().expect("an address"))
        .collect()
}

/// Leads every endpoint to an address of its own; the shop's to the one name that is no address and may do without TLS.
fn name(source: &Path, port: u16) {
    let of = |file: &Path| file.extension().is_some_and(|ending| ending == "toml");
    let mut folders = vec![source.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if of(&path) {
                let mut text = std::fs::read_to_string(&path).expect("a file");
                for (system, address) in SYSTEMS {
                    let host = if system == "shop" { NAME.to_owned() } else { address.to_string() };
                    let (from, to) = (format!("//0.0.0.0:{port}/{system}"), format!("//{host}:{port}/{system}"));
                    text = text.replace(&from, &to);
                }
                std::fs::write(&path, text).expect("a file");
            }
        }
    }
}

#[test]
fn what_an_agent_reaches_is_what_its_log_and_its_release_say() {
    if !have("tcpdump") || !have("ip") || !have("unshare") {
        return;
    }
    let own = ["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"];
    if !run(Command::new("unshare").args(own).arg("true")).status.success() {
        return skipped("this user may not make a network of its own");
    }
    let test = std::env::current_exe().expect("the test has a path");
    let mut again = Command::new("unshare");
    again.args(own).arg(test).args(["--exact", "wire::inside", "--ignored", "--nocapture"]).env(INSIDE, "1");
    println!("{}", succeed(&mut again));
}

/// What was seen on the wire until now. The agent may tell somebody something while one looks: what it had written down before
/// is there, and nothing that it has not written down after.
fn agreed(capture: &mut Capture, site: &Site, agent: SocketAddr) -> BTreeSet<SocketAddr> {
    let before = logged(site);
    let seen = capture.until_now(agent);
    let after = logged(site);
    assert!(before.is_subset(&seen) && seen.is_subset(&after), "the wire and the log: {before:?} {seen:?} {after:?}");
    seen
}

#[test]
#[ignore = "another test runs it, in a network of its own"]
fn inside() {
    if std::env::var_os(INSIDE).is_none() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    furnish(folder.path());
    let shop = SYSTEMS.iter().find(|(system, _)| *system == "shop").map(|(_, address)| *address).expect("a shop");
    lead(folder.path(), shop);
    let served = Served::open(&ACME.client.parse().expect("an id"), Ipv4Addr::UNSPECIFIED);
    let port = served.address().port();
    let site = Site::ready(folder.path(), &ACME, served.address(), |source| name(source, port));
    let mut capture = Capture::begin();
    let agent = site.agent.url().trim_start_matches("http://").parse().expect("an address");
    let mut play = Play::begin(site, served);
    play.events(2, |_| {});
    play.end(|_| true);

    let listed: BTreeSet<SocketAddr> = SYSTEMS.iter().map(|(_, address)| SocketAddr::from((*address, port))).collect();
    let seen = agreed(&mut capture, &play.site, agent);
    assert!(seen.is_subset(&listed), "{seen:?} is not {listed:?}");
    let used = seen.iter().filter(|address| SYSTEMS.iter().take(4).any(|(_, one)| address.ip() == *one)).count();
    assert_eq!(used, 4, "each system was reached: {seen:?}");

    a_name_that_leads_elsewhere_leads_nowhere(&mut play, folder.path());
    let seen = agreed(&mut capture, &play.site, agent);
    assert!(seen.is_subset(&listed), "{seen:?} is not {listed:?}");

    let stray = SocketAddr::from((STRAY, 4_444));
    reach(stray);
    let strays: Vec<SocketAddr> = capture.until_now(agent).difference(&logged(&play.site)).copied().collect();
    assert_eq!(strays, [stray], "a connection that nobody wrote down is seen");
}

/// The shop's name begins to lead to where clouds hand out credentials.
fn a_name_that_leads_elsewhere_leads_nowhere(play: &mut Play, folder: &Path) {
    let before = play.sent.len();
    lead(folder, METADATA);
    // Connections that were kept lead where they led.
    play.site.kill();
    play.events(2, |_| {});
    play.end(|_| true);
    let refused = |entry: &Entry| matches!(entry, Entry::Outcome(one) if one.code == "address_refused");
    let asked = play.sent.iter().skip(before).filter(|sent| play.site.journal(sent.run).iter().any(refused)).count();
    assert!(asked > 0, "no run was told to go there");
}

/// From now on the name leads to an address.
fn lead(folder: &Path, to: Ipv4Addr) {
    std::fs::write(folder.join("hosts"), format!("{to} {NAME}\n")).expect("a file");
}

/// Addresses, a way out that leads nowhere, and a list of names that is the test's own.
fn furnish(folder: &Path) {
    let ip = |line: &str| succeed(Command::new("ip").args(line.split(' ')));
    ip("link set lo up");
    for (_, address) in SYSTEMS {
        ip(&format!("addr add {address}/32 dev lo"));
    }
    ip("route add default dev lo");
    lead(folder, Ipv4Addr::LOCALHOST);
    succeed(Command::new("mount").arg("--bind").arg(folder.join("hosts")).arg("/etc/hosts"));
}
