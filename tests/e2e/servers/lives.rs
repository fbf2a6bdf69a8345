//! A whole agent on a server that asks who it is: enrolled, released to by the user's git, told of a wrong credential.

use std::path::Path;

use assent_agent::control::{Question, Said, client};
use assent_compiler::command::demo::agency::Agency;
use assent_compiler::command::demo::agents::{Agent, Post};
use assent_compiler::command::demo::outside::Outside;
use assent_compiler::command::demo::source::Lead;
use assent_compiler::command::demo::stage::clock;
use assent_compiler::publish::branch;
use assent_schema::canon::Digest;
use assent_schema::status::Status;
use assent_schema::time::{Moment, Period};
use assent_tests::servers::{Authority, Nginx, PASSWORD, Sshd, USER, ssh_key, write};
use assent_tests::{command, succeed};

const NAME: &str = "eu-staging-1";

/// An agency and the clients' systems, before there is an agent.
struct Scene<'f> {
    folder: &'f Path,
    agency: Agency,
    root: Digest,
    _outside: Outside,
}

/// A server as an agent is told of it.
struct Told<'t> {
    url: &'t str,
    options: &'t [&'t str],
    credential: &'t [u8],
}

impl<'f> Scene<'f> {
    fn set(folder: &'f Path) -> Self {
        let outside = Outside::start().expect("the clients' systems");
        let host = outside.address().to_string();
        let agency = Agency::found(folder, Lead::Loopback(&host), clock().expect("a clock")).expect("an agency");
        let root = Digest::of_file(&std::fs::read(agency.source.join("trust/root/1.toml")).expect("a root"));
        Self { folder, agency, root, _outside: outside }
    }

    fn enrol(&self, below: &str, told: &Told<'_>) -> Result<Agent, String> {
        let post = Post { environment: "staging", region: "eu", repository: told.url };
        let options: Vec<&str> = told.options.iter().copied().chain(["--credential"]).collect();
        let (program, folder) = (assent_tests::assent(), self.folder.join(below));
        Agent::enrol_with(&program, &folder, NAME, &post, self.root, &options, told.credential)
            .map_err(|error| error.to_string())
    }

    /// The agent works on its server, notices when its credential no longer fits, and takes a new one while it runs.
    fn lives(&self, told: &Told<'_>, wrong: &str) {
        let mut agent = self.enrol("agents", told).expect("an agent");
        self.agency.establish(&[agent.enrolled()], &[NAME.parse().expect("an id")]).expect("signed trust");
        self.agency.approve_all().expect("approvals");
        self.release(told.url);
        agent.start().expect("an agent that starts");
        let works = |status: &Status| status.release.is_some() && status.pull.is_none();
        agent.wait_status(works).expect("a release");
        let remote = branch::open(&self.agency.remote).expect("the server's repository");
        let said = format!("status/staging/eu/{NAME}");
        agent.wait_for(|| branch::tip(&remote, &said)).expect("a status branch");

        let later = clock().expect("a clock").plus(Period::seconds(1));
        self.freshen(told.url, later);
        client::ask(&agent.state().join("control.sock"), &Said::Question(Question::Pull))
            .expect("an agent that answers");
        let fresher = |status: &Status| status.release.as_ref().is_some_and(|release| release.fresh == Some(later));
        agent.wait_status(fresher).expect("the newer freshness statement");

        agent.set_secret("agent/repository", wrong).expect("a secret");
        let refused = |status: &Status| status.pull.as_ref().is_some_and(|pull| pull.code == "credentials-refused");
        let (status, _) = agent.wait_status(refused).expect("an agent that says what is wrong");
        assert!(status.release.is_some(), "it works on");
        let right = std::str::from_utf8(told.credential).expect("text");
        agent.set_secret("agent/repository", right).expect("a secret");
        agent.wait_status(works).expect("an agent that is let in again");
        agent.stop().expect("an agent that stops");
    }

    /// Runs a command as people do: their own git finds the way.
    fn assent(&self, args: &[&str]) {
        let mut assent = command(assent_tests::assent(), self.folder);
        succeed(assent.args(args).arg("--repo").arg(&self.agency.source));
    }

    fn release(&self, url: &str) {
        let (key, timer) = (self.agency.private("alice").expect("a key"), self.agency.private("timer").expect("a key"));
        let keys = ["--key", &key, "--freshness-key", &timer];
        let target = ["release", "--environment", "staging", "--region", "eu", "--remote", url];
        self.assent(&[&target[..], &keys].concat());
    }

    fn freshen(&self, url: &str, at: Moment) {
        let timer = self.agency.private("timer").expect("a key");
        self.assent(&["freshness", "--remote", url, "--key", &timer, "--at", &at.to_string()]);
    }

    /// Nothing that an agent wrote holds a text.
    fn nowhere(&self, canary: &[u8]) {
        super::nowhere(&self.folder.join("agents"), canary);
    }
}

#[test]
fn an_agent_lives_on_a_server_that_asks_for_a_password() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(nginx) = Nginx::start(folder.path(), folder.path()) else { return };
    let scene = Scene::set(folder.path());
    let ca = nginx.authority.certificate.display().to_string();
    let helper = format!("!f() {{ echo username={USER}; echo password={PASSWORD}; }}; f");
    let config = format!("[http]\nsslCAInfo = {ca}\n[credential]\nhelper = \"{helper}\"\n");
    write(&folder.path().join(".gitconfig"), &config);
    let url = nginx.url("git/remote.git");
    let right = format!("{USER}:{PASSWORD}");

    let other = Authority::make(folder.path(), "other").certificate.display().to_string();
    let refused = |below: &str, ca: &str, credential: &str, wanted: &str| {
        let told = Told { url: &url, options: &["--ca", ca], credential: credential.as_bytes() };
        let why = scene.enrol(below, &told).expect_err("a refusal");
        assert!(why.contains(wanted), "{below}: {why}");
        assert!(!why.contains(PASSWORD), "{below}: {why}");
    };
    refused("other-ca", &other, &right, "certificate");
    refused("other-password", &ca, &format!("{USER}:{PASSWORD}?"), "credentials-refused");
    refused("no-password", &ca, PASSWORD, "user:password");

    let told = Told { url: &url, options: &["--ca", &ca], credential: right.as_bytes() };
    scene.lives(&told, &format!("{USER}:{PASSWORD}?"));
    scene.nowhere(PASSWORD.as_bytes());
}

#[test]
fn an_agent_lives_on_a_server_that_asks_for_a_key() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(sshd) = Sshd::start(folder.path()) else { return };
    let scene = Scene::set(folder.path());
    let known = folder.path().join("known");
    let (host, port) = (sshd.address.ip(), sshd.address.port());
    write(&known, &format!("[{host}]:{port} {}\n", sshd.host_key));
    let ssh = format!(
        "ssh -F none -o IdentitiesOnly=yes -i {} -o UserKnownHostsFile={} -o StrictHostKeyChecking=yes",
        sshd.key.display(),
        known.display()
    );
    write(&folder.path().join(".gitconfig"), &format!("[core]\nsshCommand = {ssh}\n"));
    let url = sshd.url(&scene.agency.remote);
    let key = std::fs::read(&sshd.key).expect("a key");
    let stranger = std::fs::read_to_string(ssh_key(folder.path(), "stranger")).expect("a key");
    let public = std::fs::read_to_string(folder.path().join("stranger.pub")).expect("a public key");

    let other = Told { url: &url, options: &["--host-key", public.trim()], credential: &key };
    let why = scene.enrol("other-host", &other).expect_err("a refusal");
    assert!(why.contains("host-key"), "{why}");

    let told = Told { url: &url, options: &["--host-key", &sshd.host_key], credential: &key };
    scene.lives(&told, &stranger);
    scene.nowhere(super::line_of(&key));
}
