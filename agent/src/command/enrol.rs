//! `assent-agent enrol`: makes the keys of a new agent, pins the project's first root, prints the agent's table for root.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use assent_schema::canon::Digest;
use assent_schema::id::{AgentId, Environment, ProjectName, Region};
use assent_schema::trust::words;
use serde::Serialize;

use super::vault::{from_input, opens, wait};
use super::{Call, Output, Show};
use crate::config::{Config, VaultConfig};
use crate::content::Content;
use crate::daemon::{host, vaults};
use crate::durable;
use crate::error::{Context as _, Error};
use crate::identity::{Identity, IdentityFailure};
use crate::pin::Pin;
use crate::pull::fetch::{Credential, Transfers};
use crate::pull::{PullFailure, read};
use crate::real::{RealDice, RealDisk};
use crate::vault::{HostKey, Secret, SlotPath, Vault as _};

/// Where root version 1 stands in release branches and in the source alike.
const FIRST_ROOT: &str = "trust/root/1.toml";
/// Branches that are asked for it when there is no release yet.
const SOURCE_BRANCHES: [&str; 2] = ["main", "master"];
/// The state folder, beside the configuration, unless another one is said.
const STATE: &str = "state";
const QUARANTINE: &str = "refs/quarantine/enrol";

/// Arguments of `enrol`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// SHA-256 of root version 1, or its eight words, as somebody you trust read them to you.
    #[arg(long, required = true, num_args = 1..=8, value_name = "DIGEST|WORDS")]
    root: Vec<String>,
    /// The lowest root version that may ever be accepted.
    #[arg(long, default_value_t = 1, value_name = "N")]
    lowest_root: u32,
    /// The lowest generation that may ever be accepted.
    #[arg(long, default_value_t = 0, value_name = "N")]
    lowest_generation: u32,
    /// The lowest sequence that may ever be accepted.
    #[arg(long, default_value_t = 0, value_name = "N")]
    lowest_sequence: u64,
    /// Takes what opens the repository from standard input and keeps it in the vault, as `vault set agent/repository`
    /// does.
    #[arg(long)]
    credential: bool,
    #[command(flatten)]
    fresh: Fresh,
}

/// What a new configuration is written from. Paths are of the folder in which the command is given.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "To write the configuration, where it is not there yet")]
struct Fresh {
    /// The project's name.
    #[arg(long, value_name = "NAME")]
    project: Option<ProjectName>,
    /// The name by which root will know the agent.
    #[arg(long, value_name = "ID")]
    agent: Option<AgentId>,
    /// The environment whose releases it runs.
    #[arg(long, value_name = "NAME")]
    environment: Option<Environment>,
    /// The region whose releases it runs.
    #[arg(long, value_name = "NAME")]
    region: Option<Region>,
    /// The git repository with the release branches: a path, or a URL of `https://`, `ssh://`, `git://` or `file://`.
    #[arg(long, value_name = "PATH|URL")]
    repository: Option<String>,
    /// The host's key, for a repository that is reached by SSH.
    #[arg(long, value_name = "KEY")]
    host_key: Option<String>,
    /// A PEM file: whose certificates the server of the repository must show, instead of the public ones.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// The folder of everything that the agent keeps; `state` beside the configuration unless it is said.
    #[arg(long, value_name = "PATH")]
    state: Option<PathBuf>,
    /// Where the listener is bound.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: std::net::SocketAddr,
    /// Where the console is bound; there is none unless it is said.
    #[arg(long, value_name = "ADDRESS")]
    console: Option<std::net::SocketAddr>,
}

impl Fresh {
    /// The same with paths that mean from the configuration's folder what they mean here, where the command is given.
    fn seen_from(&self, config: &Path) -> Result<Self, Error> {
        let absolute = |path: &Path| std::path::absolute(path).tried(|| "cannot read the current directory".into());
        let (here, there) = (absolute(Path::new("."))?, absolute(config)?);
        if there.parent() == Some(&here) {
            return Ok(self.clone());
        }
        let from_here = |path: &PathBuf| if path.is_relative() { absolute(path) } else { Ok(path.clone()) };
        let repository = self.repository.as_ref().map(|text| match text.strip_prefix("file://") {
            None if text.contains(':') => Ok(text.clone()),
            path => from_here(&PathBuf::from(path.unwrap_or(text))).map(|path| path.display().to_string()),
        });
        Ok(Self {
            repository: repository.transpose()?,
            ca: self.ca.as_ref().map(from_here).transpose()?,
            state: self.state.as_ref().map(from_here).transpose()?,
            ..self.clone()
        })
    }

    /// Whether the configuration says what the flags say, as far as they say anything.
    fn agrees(&self, config: &Config, path: &Path) -> Result<(), Error> {
        // A path means what it means from the configuration's folder, so it is read as it would be there.
        let whole = configuration(path, self).ok().and_then(|text| crate::config::read(&text, path, None).ok());
        let pairs = [
            ("project", self.project.as_ref().map(ToString::to_string), config.project.to_string()),
            ("agent", self.agent.as_ref().map(ToString::to_string), config.agent.to_string()),
            ("environment", self.environment.as_ref().map(ToString::to_string), config.environment.to_string()),
            ("region", self.region.as_ref().map(ToString::to_string), config.region.to_string()),
            ("repository", whole.map(|whole| whole.repository.to_string()), config.repository.to_string()),
        ];
        for (key, wanted, is) in pairs {
            if let Some(wanted) = wanted.filter(|wanted| *wanted != is) {
                let what = format!("`{}` says `{key} = \"{is}\"`, and `--{key}` says `{wanted}`", path.display());
                return Err(Error::environment(what).help("Leave the flag out, or name another file with `--config`."));
            }
        }
        Ok(())
    }
}

/// What root must say about the agent.
#[derive(Serialize)]
struct Enrolled {
    agent: AgentId,
    region: Region,
    environment: Environment,
    key: String,
    ledger_key: String,
    project: Digest,
}

impl Show for Enrolled {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "# Pinned root version 1: {}", self.project)?;
        writeln!(out, "# Put this table into the next version of trust/root, then sign it with `assent trust sign`.")?;
        writeln!(out, "[agents.{}]", self.agent)?;
        writeln!(out, "region = \"{}\"", self.region)?;
        writeln!(out, "environment = \"{}\"", self.environment)?;
        writeln!(out, "key = \"{}\"", self.key)?;
        writeln!(out, "ledger_key = \"{}\"", self.ledger_key)?;
        writeln!(out, "# rehearses = true       # where it is to run and sign the scenarios of every new plan")
    }
}

pub(super) fn run(args: &Args, call: &Call, out: &mut Output<'_>) -> Result<(), Error> {
    let path = call.config_path();
    let fresh = args.fresh.seen_from(path)?;
    let to_write = (!path.exists()).then(|| configuration(path, &fresh)).transpose()?;
    let config = match &to_write {
        Some(text) => call.config_to_be(text)?,
        None => call.config()?,
    };
    fresh.agrees(&config, path)?;
    make_folder(config.state.folder())?;
    host::close(config.state.folder())?;
    let disk = RealDisk::open(config.state.folder()).tried(|| "cannot open the state folder".into())?;
    let given = args.credential.then(from_input).transpose()?;
    given.as_ref().map_or(Ok(()), |secret| opens(&config.repository, secret))?;
    let project = find_root(&config, &wanted(&args.root)?, given.clone().or_else(|| kept(&config)))?;
    let pin =
        Pin { project, root: args.lowest_root, generation: args.lowest_generation, sequence: args.lowest_sequence };
    pin_once(&disk, &pin)?;
    let identity = match Identity::make(&disk, &RealDice, config.agent.as_str()) {
        // Asked again, it says again what root must say.
        Err(IdentityFailure::AlreadyThere) => Identity::load(&disk),
        made => made,
    };
    let identity = identity.tried(|| "cannot make the agent's keys".into())?;
    if let Some(secret) = given {
        let cannot = || "cannot keep the credential".to_owned();
        let vault = vaults::open(&config.vault, Arc::new(disk), Arc::clone(&identity.host))?;
        wait(vault.set(&SlotPath::Repository, secret))?.tried(cannot)?;
    }
    // Last: what failed before leaves nothing that the next try would go by.
    to_write.map_or(Ok(()), |text| write_config(path, &text))?;
    out.show(&Enrolled {
        key: identity.signing_public(),
        ledger_key: identity.ledger_public(),
        agent: config.agent,
        region: config.region,
        environment: config.environment,
        project,
    })
}

/// What the vault already holds for the repository, when the agent was enrolled before.
fn kept(config: &Config) -> Option<Secret> {
    let disk = RealDisk::open(config.state.folder()).ok()?;
    let host = match (Identity::load(&disk), &config.vault) {
        (Ok(identity), _) => identity.host,
        (Err(_), VaultConfig::File) => return None,
        // Nothing of theirs is sealed to this host yet.
        (Err(_), VaultConfig::Systemd(_) | VaultConfig::Kv2(_)) => Arc::new(HostKey::generate()),
    };
    let vault = vaults::open(&config.vault, Arc::new(disk), host).ok()?;
    wait(vault.read(&SlotPath::Repository)).ok()?.ok()
}

/// What the operator compared: a whole digest, or the words that stand for its first part.
enum Wanted {
    Digest(Digest),
    Words(String),
}

impl Wanted {
    fn is(&self, digest: Digest) -> bool {
        match self {
            Self::Digest(wanted) => *wanted == digest,
            Self::Words(wanted) => *wanted == words(&digest),
        }
    }
}

fn wanted(parts: &[String]) -> Result<Wanted, Error> {
    let text = parts.join(" ").to_lowercase();
    if let Ok(digest) = text.parse() {
        return Ok(Wanted::Digest(digest));
    }
    let spoken: Vec<&str> = text.split_whitespace().collect();
    if spoken.len() == 8 {
        return Ok(Wanted::Words(spoken.join(" ")));
    }
    Err(Error::environment("`--root` is neither a digest of 64 hex digits nor eight words")
        .help("Ask somebody who holds a root key for the digest of trust/root/1.toml."))
}

/// Keeps the pin; one that is there already must say the same.
fn pin_once(disk: &RealDisk, pin: &Pin) -> Result<(), Error> {
    match Pin::read(disk).tried(|| "cannot read what is pinned".into())? {
        Some(old) if old == *pin => Ok(()),
        Some(old) => Err(Error::refused(format!("this state folder is pinned to another root, {}", old.project))
            .help("Use an empty state folder: an agent never changes its project.")),
        None => pin.write(disk).tried(|| "cannot pin the root".into()),
    }
}

/// The configuration that is written where there is none.
fn configuration(path: &Path, fresh: &Fresh) -> Result<String, Error> {
    let (Some(project), Some(agent), Some(environment), Some(region), Some(repository)) =
        (&fresh.project, &fresh.agent, &fresh.environment, &fresh.region, &fresh.repository)
    else {
        return Err(Error::environment(format!("there is no configuration `{}`", path.display())).help(
            "Write one, or give --project, --agent, --environment, --region and --repository and it is written for you.",
        ));
    };
    // Every JSON string is a TOML string with the same meaning.
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let mut text = String::new();
    for (key, value) in [
        ("project", project.as_str()),
        ("agent", agent.as_str()),
        ("environment", environment.as_str()),
        ("region", region.as_str()),
        ("repository", repository.as_str()),
        ("host_key", fresh.host_key.as_deref().unwrap_or_default()),
        ("ca", fresh.ca.as_deref().and_then(Path::to_str).unwrap_or_default()),
        ("state", &fresh.state.as_deref().unwrap_or(Path::new(STATE)).display().to_string()),
        ("listen", &fresh.listen.to_string()),
        ("console", &fresh.console.map(|console| console.to_string()).unwrap_or_default()),
    ]
    .into_iter()
    .filter(|(_, value)| !value.is_empty())
    {
        // Writing to a text never fails.
        writeln!(text, "{key} = {}", quoted(value)).tried(|| "cannot write the configuration".into())?;
    }
    Ok(text)
}

fn write_config(path: &Path, text: &str) -> Result<(), Error> {
    durable::put(path, text.as_bytes()).tried(|| format!("cannot write the configuration `{}`", path.display()))
}

fn make_folder(path: &Path) -> Result<(), Error> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .tried(|| format!("cannot make the state folder `{}`", path.display()))
}

/// Looks for root version 1 in the repository and compares it with what the operator knows.
fn find_root(config: &Config, wanted: &Wanted, secret: Option<Secret>) -> Result<Digest, Error> {
    read::prepare(&config.state.repository()).tried(|| "cannot make the agent's repository".into())?;
    let program = std::env::current_exe().tried(|| "cannot find this program".into())?;
    let credential: Credential = Arc::new(move || {
        let secret = secret.as_ref().map(|secret| Content::new(secret.reveal().to_vec()));
        Box::pin(std::future::ready(secret))
    });
    let transfers = Transfers::new(program, config, credential);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.tried(|| "cannot start".into())?;
    let release = format!("release/{}/{}", config.environment, config.region);
    let mut seen = None;
    for branch in SOURCE_BRANCHES.into_iter().chain([release.as_str()]) {
        let bytes = match runtime.block_on(transfers.fetch(branch, QUARANTINE, None)) {
            Ok(commit) => read::read_one(&config.state.repository(), &commit, FIRST_ROOT),
            Err(PullFailure::NoBranch) => continue,
            Err(failure) => Err(failure),
        };
        let cannot = || format!("cannot read branch {branch} of `{}`", config.repository);
        let remedy = bytes.as_ref().err().and_then(|failure| failure.remedy());
        let bytes = bytes.tried(cannot).map_err(|error| match remedy {
            Some(remedy) => error.help(remedy),
            None => error,
        });
        let Some(bytes) = bytes? else { continue };
        let digest = Digest::of_file(&bytes);
        if wanted.is(digest) {
            return Ok(digest);
        }
        seen = Some((branch, digest));
    }
    Err(match seen {
        Some((branch, digest)) => {
            Error::refused(format!("root version 1 on branch {branch} is {digest}, not the one named"))
                .help("Compare again with somebody who holds a root key. Do not go on with this repository.")
        }
        None => Error::environment(format!("`{}` has no {FIRST_ROOT} on main or {release}", config.repository))
            .help("Push the source repository first, or name another one."),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fresh(agent: Option<&str>, repository: &str) -> Fresh {
        Fresh {
            project: Some("harbor".parse().unwrap()),
            agent: agent.map(|agent| agent.parse().unwrap()),
            environment: Some("production".parse().unwrap()),
            region: Some("eu".parse().unwrap()),
            repository: Some(repository.into()),
            host_key: None,
            ca: None,
            state: None,
            listen: "127.0.0.1:0".parse().unwrap(),
            console: None,
        }
    }

    #[test]
    fn a_flag_that_says_otherwise_than_the_configuration_is_refused() {
        let path = Path::new("/nowhere/agent.toml");
        let text = configuration(path, &fresh(Some("x-1"), "agency.git")).unwrap();
        let config = crate::config::read(&text, path, None).unwrap();
        let says = |fresh: Fresh| fresh.agrees(&config, path).map_err(|error| error.what().to_owned());
        assert_eq!(says(fresh(Some("x-1"), "agency.git")), Ok(()));
        assert_eq!(says(fresh(None, "agency.git")), Ok(()));
        let other = "`/nowhere/agent.toml` says `agent = \"x-1\"`, and `--agent` says `y-2`";
        assert_eq!(says(fresh(Some("y-2"), "agency.git")), Err(other.to_owned()));
        let error = says(fresh(Some("x-1"), "/srv/other.git")).unwrap_err();
        assert!(error.ends_with("`--repository` says `/srv/other.git`"), "{error}");
        assert!(configuration(path, &fresh(None, "agency.git")).is_err());
    }

    #[test]
    fn a_path_means_what_it_means_where_the_command_is_given() {
        let given = Fresh { state: Some("kept".into()), ca: Some("/etc/ca.pem".into()), ..fresh(None, "agency.git") };
        let here = std::path::absolute(".").unwrap();
        let beside = given.seen_from(Path::new("agent.toml")).unwrap();
        assert_eq!((beside.repository.as_deref(), beside.state), (Some("agency.git"), Some("kept".into())));
        let there = given.seen_from(Path::new("/nowhere/agent.toml")).unwrap();
        assert_eq!(there.repository, Some(here.join("agency.git").display().to_string()));
        assert_eq!((there.state, there.ca), (Some(here.join("kept")), Some("/etc/ca.pem".into())));
        for url in ["https://git.example/agency.git", "ssh://git@git.example/agency.git", "git@git.example:agency.git"]
        {
            let url = fresh(None, url);
            assert_eq!(url.seen_from(Path::new("/nowhere/agent.toml")).unwrap().repository, url.repository);
        }
        // Unsaid, the state folder stands beside the configuration.
        let text = configuration(Path::new("/nowhere/agent.toml"), &fresh(Some("x-1"), "/srv/a.git")).unwrap();
        assert!(text.contains("state = \"state\""), "{text}");
    }
}
