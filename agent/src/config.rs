//! `agent.toml`: the few things that do not come with a release, read strictly, and the places in the state folder.

mod repository;
mod state;
mod vault;

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use assent_schema::id::{AgentId, Environment, ProjectName, Region};
use assent_schema::named::{Kind, Unread};
use assent_schema::time::Period;
use serde::Deserialize;

use crate::error::Error;
use crate::named;

pub use repository::{Account, Place, Repository, Roots};
pub use state::State;
pub use vault::{Kv2, Login, VaultConfig};

/// Where the configuration stands on a host that an agent was installed on.
pub const INSTALLED: &str = "/etc/assent/agent.toml";
/// The shortest and the longest time between two polls.
const POLL_RANGE: (Period, Period) = (Period::seconds(1), Period::hours(1));
/// The shortest and the longest time between two pings.
const BEAT_RANGE: std::ops::RangeInclusive<Period> = Period::seconds(10)..=Period::days(1);
/// How often the repository is asked unless the file says otherwise.
const POLL_DEFAULT: Period = Period::seconds(30);

/// What an operator says about one agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The file itself.
    pub file: PathBuf,
    /// The project's name, a part of every ledger origin.
    pub project: ProjectName,
    /// The name by which root knows this agent.
    pub agent: AgentId,
    /// The environment whose releases it runs.
    pub environment: Environment,
    /// The region whose releases it runs.
    pub region: Region,
    /// The git repository that holds the release branches and takes the status branch.
    pub repository: Repository,
    /// Where listeners are bound.
    pub listen: SocketAddr,
    /// The names by which others reach the listener, besides its address and `localhost`.
    pub hosts: Vec<String>,
    /// Where the console is; there is none when absent.
    pub console: Option<SocketAddr>,
    /// Where metrics are told; nowhere when absent.
    pub metrics: Option<SocketAddr>,
    /// The dead-man's ping; there is none when absent.
    pub heartbeat: Option<Heartbeat>,
    /// Who takes traces; nobody when absent.
    pub traces: Option<Traces>,
    /// Whether a proxy with TLS stands before the agent.
    pub behind_proxy: bool,
    /// The addresses from which proxies connect: nobody else may. Anybody may where there are none.
    pub proxies: Vec<IpAddr>,
    /// The certificate of the listeners, if they speak TLS themselves.
    pub tls: Option<TlsFiles>,
    /// How often the repository is asked.
    pub poll: Period,
    /// The folder of everything that the agent keeps.
    pub state: State,
    /// The folder below which other systems put files: `<client>/<folder>`; absent where none do.
    pub inboxes: Option<PathBuf>,
    /// Where secrets are kept.
    pub vault: VaultConfig,
    /// What bounds the agent.
    pub limits: Limits,
}

impl Config {
    /// What commands must say to find it wherever they are pasted, as a shell reads it: in a folder that has another configuration
    /// they would act on that agent. Nothing for a path that is no text.
    pub fn flag(&self) -> Option<String> {
        let path = self.file.to_str()?;
        let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@%:,=".contains(c);
        let quoted =
            if path.chars().all(plain) { path.to_owned() } else { format!("'{}'", path.replace('\'', r"'\''")) };
        Some(format!("--config {quoted}"))
    }

    /// Where people's browsers find the console: by its name where a proxy stands before it, else on this machine.
    pub fn console_url(&self) -> Option<String> {
        let address = self.console?;
        match self.hosts.first() {
            Some(host) if self.behind_proxy => Some(format!("https://{host}/")),
            Some(host) if self.tls.is_some() => Some(format!("https://{host}:{}/", address.port())),
            None if self.tls.is_some() => Some(format!("https://{address}/")),
            Some(_) | None => address.ip().is_loopback().then(|| format!("http://{address}/")),
        }
    }

    /// Whether browsers reach the console by TLS.
    pub fn is_secure(&self) -> bool {
        self.behind_proxy || self.tls.is_some()
    }
}

/// The two files of a certificate, in PEM. They are read again when they change.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsFiles {
    /// The certificate, and behind it those that signed it.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

/// The dead-man's ping: whoever expects it alerts when it stays away.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Heartbeat {
    /// What is asked for.
    pub url: String,
    /// How often.
    #[serde(default = "beat_default")]
    pub every: Period,
}

fn beat_default() -> Period {
    Period::minutes(1)
}

/// Who takes traces: OTLP over HTTP.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Traces {
    /// The base URL; spans go to `/v1/traces` below it.
    pub url: String,
}

/// What bounds the agent.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// The longest time for one fetch or push.
    pub fetch_time: Period,
    /// The most bytes that one fetch may receive.
    pub fetch_bytes: u64,
    /// The most memory that one fetch may take, in bytes of address space.
    pub fetch_memory_bytes: u64,
    /// The longest time that a stop may take.
    pub stop_time: Period,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            fetch_time: Period::minutes(2),
            fetch_bytes: 256 * 1024 * 1024,
            fetch_memory_bytes: 2 * 1024 * 1024 * 1024,
            stop_time: Period::seconds(30),
        }
    }
}

/// The file as people write it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    project: ProjectName,
    agent: AgentId,
    environment: Environment,
    region: Region,
    repository: String,
    #[serde(default)]
    host_key: Option<String>,
    #[serde(default)]
    ca: Option<PathBuf>,
    state: PathBuf,
    listen: SocketAddr,
    #[serde(default)]
    hosts: Vec<String>,
    #[serde(default)]
    console: Option<SocketAddr>,
    #[serde(default)]
    metrics: Option<SocketAddr>,
    #[serde(default)]
    heartbeat: Option<Heartbeat>,
    #[serde(default)]
    traces: Option<Traces>,
    #[serde(default)]
    behind_proxy: bool,
    #[serde(default)]
    proxies: Vec<IpAddr>,
    #[serde(default)]
    tls: Option<TlsFiles>,
    #[serde(default = "poll_default")]
    poll: Period,
    #[serde(default)]
    inboxes: Option<PathBuf>,
    #[serde(default)]
    vault: Option<vault::Written>,
    #[serde(default)]
    limits: Limits,
}

fn poll_default() -> Period {
    POLL_DEFAULT
}

/// Reads `agent.toml`. Paths in it are relative to its folder; `credentials` is the folder of what systemd decrypted for this
/// process.
///
/// # Errors
/// When it cannot be read, holds an unknown key or a value that cannot be used; the sentence names file, line and key.
pub fn load(path: &Path, credentials: Option<&Path>) -> Result<Config, Error> {
    let cannot = || format!("cannot read the configuration `{}`", path.display());
    let text = named::text(path, Kind::Configuration).map_err(|why| match why {
        Unread::Failed(_) | Unread::NoFile(_) => Error::environment(format!("{}: {why}", cannot()))
            .help("Name the file with `--config` or ASSENT_CONFIG, or write one with `assent-agent enrol`."),
        Unread::TooLarge(_) | Unread::NoText => Error::environment(format!("{}: {why}", cannot())),
    })?;
    read(&text, path, credentials)
}

/// Reads what stands, or shall stand, in `agent.toml`; as [`load`] otherwise.
///
/// # Errors
/// As [`load`].
pub fn read(text: &str, path: &Path, credentials: Option<&Path>) -> Result<Config, Error> {
    parse(text, path, credentials)
        .map_err(|(what, help)| Error::environment(format!("`{}` {what}", path.display())).help(help))
}

type Complaint = (String, String);

fn parse(text: &str, path: &Path, credentials: Option<&Path>) -> Result<Config, Complaint> {
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    let written: Written = toml::from_str(text).map_err(|error| {
        let line = error.span().map_or(1, |span| 1 + text.bytes().take(span.start).filter(|b| *b == b'\n').count());
        (
            format!("line {line}: {}", error.message()),
            "Fix this line; no other keys are known than those in the docs.".into(),
        )
    })?;
    let (least, most) = POLL_RANGE;
    if written.poll < least || written.poll > most {
        return Err((format!("says `poll = \"{}\"`", written.poll), format!("Choose a time from {least} to {most}.")));
    }
    let limits = &written.limits;
    let spans = [("fetch_time", limits.fetch_time), ("stop_time", limits.stop_time)];
    let sizes = [("fetch_bytes", limits.fetch_bytes), ("fetch_memory_bytes", limits.fetch_memory_bytes)];
    let nothing = spans.iter().find(|(_, span)| span.as_seconds() == 0).map(|(key, _)| *key);
    if let Some(key) = nothing.or_else(|| sizes.iter().find(|(_, size)| *size == 0).map(|(key, _)| *key)) {
        let help = "Leave it out, or choose one with which work can be done.";
        return Err((format!("says `{key}` of nothing in [limits]"), help.into()));
    }
    if written.hosts.iter().any(String::is_empty) {
        return Err(("has an empty name in `hosts`".into(), "Write the names by which others reach the agent.".into()));
    }
    if let Some(every) = written.heartbeat.as_ref().map(|beat| beat.every).filter(|every| !BEAT_RANGE.contains(every)) {
        let (least, most) = (BEAT_RANGE.start(), BEAT_RANGE.end());
        return Err((format!("says `every = \"{every}\"`"), format!("Choose a time from {least} to {most}.")));
    }
    let bound = [("listen", Some(written.listen)), ("console", written.console), ("metrics", written.metrics)];
    for (key, address) in bound.into_iter().filter_map(|(key, address)| Some((key, address?))) {
        if !address.ip().is_loopback() && written.proxies.is_empty() && written.tls.is_none() {
            return Err((
                format!("binds `{key}` to {}, which others reach without TLS", address.ip()),
                "Listen on loopback, name a certificate (`tls`), or the addresses of the proxy with TLS (`proxies`)."
                    .into(),
            ));
        }
    }
    let shown = repository::Shown { host_key: written.host_key.as_deref(), ca: written.ca.as_deref() };
    Ok(Config {
        file: absolute(path.to_owned()),
        project: written.project,
        agent: written.agent,
        environment: written.environment,
        region: written.region,
        repository: repository::parse(&written.repository, &shown, folder)?,
        listen: written.listen,
        hosts: written.hosts,
        console: written.console,
        metrics: written.metrics,
        heartbeat: written.heartbeat,
        traces: written.traces,
        behind_proxy: written.behind_proxy || !written.proxies.is_empty(),
        proxies: written.proxies,
        tls: written.tls.map(|TlsFiles { certificate, key }| TlsFiles {
            certificate: absolute(folder.join(certificate)),
            key: absolute(folder.join(key)),
        }),
        poll: written.poll,
        state: State::at(absolute(folder.join(written.state))),
        inboxes: written.inboxes.map(|inboxes| absolute(folder.join(inboxes))),
        vault: vault::parse(written.vault, folder, credentials)?,
        limits: written.limits,
    })
}

/// Makes a path independent of the folder in which a child process runs.
fn absolute(path: PathBuf) -> PathBuf {
    std::path::absolute(&path).unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "project = \"harbor\"\nagent = \"eu-1\"\nenvironment = \"production\"\nregion = \"eu\"\nrepository = \"../agency.git\"\nstate = \"state\"\nlisten = \"127.0.0.1:8080\"\n";

    #[test]
    fn a_configuration_without_an_end_is_not_read_to_it() {
        let told = |path: &str| load(Path::new(path), None).map(drop).unwrap_err();
        assert!(told("/dev/zero").to_string().ends_with("it is a device, not a file"));
        assert!(told("/nowhere/agent.toml").advice().is_some_and(|help| help.contains("--config")));
        assert!(told("/").to_string().contains("cannot read the configuration `/`"));
    }

    fn check(text: &str) -> Result<Config, String> {
        parse(text, Path::new(INSTALLED), None).map_err(|(what, _)| what)
    }

    #[test]
    fn a_small_file_is_enough() {
        let config = check(GOOD).unwrap();
        assert_eq!(config.poll, POLL_DEFAULT);
        assert_eq!(config.state.database(), Path::new("/etc/assent/state/agent.db"));
        assert_eq!(config.repository.to_string(), "/etc/assent/../agency.git");
    }

    /// What an alert says to run finds the configuration wherever it is pasted.
    #[test]
    fn commands_name_the_file_of_their_agent() {
        let flag = |path: &str| parse(GOOD, Path::new(path), None).unwrap().flag();
        assert_eq!(flag(INSTALLED).as_deref(), Some("--config /etc/assent/agent.toml"), "`agent.toml` here goes first");
        assert_eq!(flag("/srv/eu-1/agent.toml").as_deref(), Some("--config /srv/eu-1/agent.toml"));
        assert_eq!(flag("/srv/o'r $x/a.toml").as_deref(), Some(r"--config '/srv/o'\''r $x/a.toml'"));
        assert!(flag("agent.toml").unwrap().starts_with("--config /"), "commands are pasted in another folder");
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line() {
        let error = check(&format!("{GOOD}colour = \"red\"\n")).unwrap_err();
        assert!(error.starts_with("line 8: unknown field `colour`"), "{error}");
    }

    #[test]
    fn what_no_agent_can_work_with_is_refused() {
        for limit in ["stop_time = \"0s\"", "fetch_bytes = 0"] {
            assert!(check(&format!("{GOOD}[limits]\n{limit}\n")).unwrap_err().contains("of nothing"), "{limit}");
        }
        assert!(check(&format!("{GOOD}hosts = [\"\"]\n")).unwrap_err().contains("hosts"));
    }

    #[test]
    fn an_open_listener_needs_a_certificate_or_a_proxy_whose_address_is_listed() {
        let open = GOOD.replace("127.0.0.1", "0.0.0.0");
        for lacks in ["", "behind_proxy = true\n", "proxies = []\n"] {
            assert!(check(&format!("{open}{lacks}")).unwrap_err().contains("without TLS"), "{lacks}");
        }
        let config = check(&format!("{open}proxies = [\"10.0.0.5\"]\n")).unwrap();
        assert!(config.is_secure() && config.behind_proxy);
        let config = check(&format!("{open}tls = {{ certificate = \"c.pem\", key = \"k.pem\" }}\n")).unwrap();
        assert!(config.is_secure() && !config.behind_proxy);
        assert_eq!(config.tls.unwrap().key, Path::new("/etc/assent/k.pem"));
        assert!(check(&format!("{open}proxies = [\"proxy.example\"]\n")).is_err(), "a name is not an address");
    }

    #[test]
    fn what_watches_the_agent_is_said_in_a_few_lines() {
        let watched = "metrics = \"127.0.0.1:9464\"\n[heartbeat]\nurl = \"https://hc.example/p\"\n[traces]\nurl = \"http://127.0.0.1:4318\"\n";
        let config = check(&format!("{GOOD}{watched}")).unwrap();
        assert_eq!(config.heartbeat.unwrap().every, Period::minutes(1));
        assert!(
            check(&format!("{GOOD}{}", watched.replace("127.0.0.1:9464", "0.0.0.0:9464"))).unwrap_err().contains("TLS")
        );
        let often = watched.replace("/p\"", "/p\"\nevery = \"1s\"");
        assert!(check(&format!("{GOOD}{often}")).unwrap_err().contains("every"));
    }

    #[test]
    fn what_this_version_does_not_speak_is_refused() {
        assert!(check(&GOOD.replace("../agency.git", "http://git.example/a.git")).unwrap_err().contains("http"));
        assert!(check(&GOOD.replace("../agency.git", "https://git.example/a.git")).is_ok());
        assert!(check(&format!("{GOOD}poll = \"2h\"\n")).unwrap_err().contains("poll"));
        assert!(check(&GOOD.replace("eu-1", "EU 1")).is_err());
    }
}
