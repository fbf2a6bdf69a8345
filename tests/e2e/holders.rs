//! A client that holds checkpoints of its own ledger: on a git branch of its own server, cosigned by witnesses that are other
//! processes. It checks them with git and openssl.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use assent_compiler::command::demo::agency::Agency;
use assent_compiler::command::demo::agents::{Agent, Post};
use assent_compiler::command::demo::outside::Outside;
use assent_compiler::command::demo::source::{Lead, put};
use assent_compiler::command::demo::stage::clock;
use assent_compiler::error::Error;
use assent_compiler::publish::branch;
use assent_schema::canon::Digest;
use assent_schema::ledger::LogKey;
use assent_tests::servers::{Nginx, PASSWORD, Sshd, USER, free_address, write};
use assent_tests::until::{LOOKED, until};
use assent_tests::{Running, command, have, run, succeed};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

const NAME: &str = "eu-staging-1";
const BRANCH: &str = "held/eu-staging-1";
const WITNESS: &str = "witness.acme.example/1";

/// An agency with one agent, and a client with a repository of its own.
pub(crate) struct Scene {
    pub(crate) folder: PathBuf,
    pub(crate) agency: Agency,
    pub(crate) agent: Agent,
    pub(crate) outside: Outside,
}

impl Scene {
    pub(crate) fn set(folder: &Path) -> Self {
        let outside = Outside::start().expect("the clients' systems");
        let host = outside.address().to_string();
        let agency = Agency::found(folder, Lead::Loopback(&host), clock().expect("a clock")).expect("an agency");
        let root = Digest::of_file(&std::fs::read(agency.source.join("trust/root/1.toml")).expect("a root"));
        let repository = agency.remote.display().to_string();
        let post = Post { environment: "staging", region: "eu", repository: &repository };
        let mut agent =
            Agent::enrol(&assent_tests::assent(), &folder.join("agents"), NAME, &post, root).expect("an agent");
        agent.asked_by(agency.private("bruno").expect("a key"));
        git2::Repository::init_bare(folder.join("client.git")).expect("the client's repository");
        Self { folder: folder.to_path_buf(), agency, agent, outside }
    }

    /// The client says who holds its checkpoints; everything is signed, released and at work.
    pub(crate) fn begin(&mut self, holders: &str, credential: &str) {
        let path = self.agency.source.join("clients/acme/client.toml");
        let mut text = std::fs::read_to_string(&path).expect("a client");
        text.push_str(holders);
        put(&path, text.as_bytes()).expect("a client");
        self.work_after(|_| {});
        self.agent.set_secret("acme/ledger/branch", credential).expect("a secret");
        self.agent.start().expect("an agent that starts");
    }

    /// Everything is signed, with something changed in the source before the clients agreed to it, and released.
    pub(crate) fn work_after(&mut self, change: impl FnOnce(&Agency)) {
        self.agency.establish(&[self.agent.enrolled()], &[NAME.parse().expect("an id")]).expect("signed trust");
        change(&self.agency);
        self.agency.approve_all().expect("approvals");
        let (key, timer) = (self.agency.private("alice").expect("a key"), self.agency.private("timer").expect("a key"));
        let remote = self.agency.remote.display().to_string();
        let target = ["release", "--environment", "staging", "--region", "eu", "--remote", &remote];
        let signers = ["--key", &key, "--freshness-key", &timer];
        let line: Vec<String> = target.iter().chain(&signers).map(|word| (*word).to_owned()).collect();
        self.agency.assent(&line).expect("a release");
    }

    pub(crate) fn vkey(&self) -> LogKey {
        let enrolled = std::fs::read(self.agent.enrolled()).expect("what enrolment says");
        let enrolled: Value = serde_json::from_slice(&enrolled).expect("JSON");
        let key = STANDARD.decode(enrolled.get("ledger_key").and_then(Value::as_str).expect("a key")).expect("base64");
        let origin = format!("assent/harbor/{NAME}/acme").parse().expect("an origin");
        LogKey::of_log(&origin, &key.try_into().expect("32 bytes")).expect("a key")
    }

    /// What the file on the client's branch says, once it is as wanted.
    pub(crate) fn held(&mut self, wanted: impl Fn(&str) -> bool) -> String {
        let repository = branch::open(&self.folder.join("client.git")).expect("the client's repository");
        let look = || -> Result<Option<String>, Error> {
            let Some(tip) = branch::tip(&repository, BRANCH)? else { return Ok(None) };
            let files = branch::read(&repository, tip)?;
            assert_eq!(files.keys().map(String::as_str).collect::<Vec<_>>(), ["checkpoint"], "it holds that alone");
            let note = String::from_utf8(files.get("checkpoint").expect("a checkpoint").clone()).expect("text");
            Ok(Some(note).filter(|note| wanted(note)))
        };
        self.agent.wait_within(LOOKED, look).expect("a checkpoint on the client's branch")
    }

    /// Waits until on-call is told of something, by one of these codes.
    fn alerted(&mut self, rule: &str, codes: &[&str]) {
        let (config, key) = (self.agent.config(), self.agency.private("bruno").expect("a key"));
        let look = || -> Result<Option<()>, Error> {
            let mut asked = command(assent_tests::assent(), Path::new("/nonexistent"));
            asked.args(["agent", "incidents", "--format", "json", "--key", &key, "--config"]).arg(&config);
            let said = String::from_utf8_lossy(&run(&mut asked).stdout).into_owned();
            let coded = codes.iter().any(|code| said.contains(&format!("\"{code}\"")));
            Ok((said.contains(&format!("\"{rule}\"")) && coded).then_some(()))
        };
        self.agent.wait_within(LOOKED, look).unwrap_or_else(|e| panic!("{rule} {codes:?} is not told: {e}"));
        let heard = self.heard(rule);
        assert!(
            heard.get("code").is_some_and(|heard| codes.iter().any(|code| heard == code)),
            "{rule} {codes:?} does not leave: {heard}"
        );
    }

    /// What the route of alerts was told by a rule, once it was.
    pub(crate) fn heard(&self, rule: &str) -> Value {
        let told = || self.outside.look(|seen| seen.told.iter().rev().find(|told| told["rule"] == rule).cloned());
        // Decisions are told at half of their time, lists are read each minute, what stands is looked at twice a minute.
        until(&format!("an alert of {rule}"), LOOKED, told)
    }
}

fn size_of(note: &str) -> u64 {
    note.lines().nth(1).and_then(|size| size.parse().ok()).expect("a size")
}

/// A witness in a process of its own.
pub(crate) struct Witness {
    folder: PathBuf,
    log: String,
    key: LogKey,
    url: String,
    address: String,
    pub(crate) running: Option<Running>,
}

impl Witness {
    pub(crate) fn start(folder: &Path, log: &LogKey) -> Self {
        let (folder, log) = (folder.join("watch"), log.to_vkey());
        let said: Value = serde_json::from_str(&succeed(&mut Self::command(&folder, &log))).expect("JSON");
        let key = LogKey::from_vkey(said.get("witness").and_then(Value::as_str).expect("a key")).expect("a key");
        let address = free_address().to_string();
        let mut witness = Self { folder, log, key, url: format!("http://{address}"), address, running: None };
        witness.again();
        witness
    }

    fn command(folder: &Path, log: &str) -> Command {
        let mut command = command(assent_tests::assent(), Path::new("/nonexistent"));
        command.args(["agent", "ledger", "witness", "--format", "json", "--name", WITNESS, "--log", log, "--folder"]);
        command.arg(folder);
        command
    }

    pub(crate) fn again(&mut self) {
        let mut command = Self::command(&self.folder, &self.log);
        command.args(["--listen", &self.address]);
        self.running = Some(Running::start(&mut command, |line| line.contains("listens")));
    }

    pub(crate) fn toml(&self) -> String {
        format!(
            "[[ledger.staging.witness]]\nurl = \"{}\"\nkey = \"{}\"\nregion = \"eu\"\n",
            self.url,
            self.key.to_vkey()
        )
    }

    /// The size that it cosigned last, as its folder says; nothing before the first.
    fn cosigned(&self) -> Option<u64> {
        let file = format!("assent_harbor_{NAME}_acme");
        std::fs::read_to_string(self.folder.join("cosigned").join(file)).ok().map(|note| size_of(&note))
    }
}

/// Asks openssl whether a line of a note is by a key; `prefix` stands before the text that is signed.
fn openssl(folder: &Path, note: &str, key: &LogKey, skip: usize, prefix: impl Fn(&[u8]) -> String) -> bool {
    let (text, lines) = note.split_once("\n\n").expect("a note");
    let line = lines.lines().find(|line| line.contains(&format!(" {} ", key.name()))).expect("a line by the key");
    let data = STANDARD.decode(line.rsplit(' ').next().expect("data")).expect("base64");
    write(&folder.join("signed"), &format!("{}{text}\n", prefix(&data)));
    put(&folder.join("signature"), data.get(skip..).expect("a signature")).expect("a file");
    write(&folder.join("key.pem"), &key.to_pem());
    let mut openssl = command("openssl", folder);
    openssl.current_dir(folder).args(["pkeyutl", "-verify", "-pubin", "-inkey", "key.pem", "-rawin"]);
    run(openssl.args(["-in", "signed", "-sigfile", "signature"])).status.success()
}

fn by_log(folder: &Path, note: &str, key: &LogKey) -> bool {
    openssl(folder, note, key, 4, |_| String::new())
}

/// C2SP `tlog-cosignature`: four bytes of key id, eight of time, 64 of signature.
fn by_witness(folder: &Path, note: &str, key: &LogKey) -> bool {
    let time =
        |data: &[u8]| u64::from_be_bytes(data.get(4..12).and_then(|time| time.try_into().ok()).expect("eight bytes"));
    openssl(folder, note, key, 12, |data| format!("cosignature/v1\ntime {}\n", time(data)))
}

#[test]
fn a_client_clones_its_branch_and_checks_it_with_stock_tools() {
    let folder = tempfile::tempdir().expect("a folder");
    if !have("openssl") {
        return;
    }
    let Some(sshd) = Sshd::start(folder.path()) else { return };
    let mut scene = Scene::set(folder.path());
    let witness = Witness::start(folder.path(), &scene.vkey());
    let url = sshd.url(&folder.path().join("client.git"));
    let branch = format!(
        "\n[ledger.staging.branch]\nrepository = \"{url}\"\nname = \"held\"\nhost_key = \"{}\"\nregion = \"eu\"\n",
        sshd.host_key
    );
    let credential = std::fs::read_to_string(&sshd.key).expect("a key");
    scene.begin(&(branch + &witness.toml()), &credential);
    let signed_by = format!("\u{2014} {WITNESS} ");
    scene.held(|note| note.contains(&signed_by));

    // What a client does who has git and openssl, its vkey, and nothing of ours.
    let clone = folder.path().join("clone");
    let mut git = command("git", folder.path());
    succeed(git.args(["clone", "-q", "-b", BRANCH]).arg(folder.path().join("client.git")).arg(&clone));
    let note = std::fs::read_to_string(clone.join("checkpoint")).expect("a checkpoint");
    let key = scene.vkey();
    assert!(by_log(folder.path(), &note, &key) && by_witness(folder.path(), &note, &witness.key));
    let bent = note.replacen(&format!("\n{}\n", size_of(&note)), &format!("\n{}\n", size_of(&note) + 1), 1);
    assert!(!by_log(folder.path(), &bent, &key) && !by_witness(folder.path(), &bent, &witness.key));

    // The agent's own word for it, and its refusal where a witness did not sign.
    let kept = clone.join("checkpoint").display().to_string();
    let vkey = witness.key.to_vkey();
    let said = scene.agent.call(&["ledger", "verify", "acme", "--since", &kept, "--witness", &vkey]);
    assert!(said.as_ref().is_ok_and(|said| said.contains(WITNESS)), "{said:?}");
    let stranger = LogKey::of_witness("stranger", &key_bytes(&key)).expect("a key");
    let refused = scene.agent.call(&["ledger", "verify", "acme", "--witness", &stranger.to_vkey()]);
    assert!(refused.as_ref().is_err_and(|e| e.to_string().contains("not-witnessed")), "{refused:?}");
    let both = ["ledger", "verify", "acme", "--witness", &vkey, "--witness", &stranger.to_vkey(), "--threshold", "1"];
    assert!(scene.agent.call(&both).is_ok(), "one of two is enough where that is said");

    // Somebody else writes to the branch: it is left as it is, and on-call is told.
    scene.agent.stop().expect("an agent that stops");
    let theirs: BTreeMap<String, Vec<u8>> = [("checkpoint".to_owned(), b"hello\n".to_vec())].into();
    let now = clock().expect("a clock");
    assent_agent::pull::push::commit(&folder.path().join("client.git"), BRANCH, &theirs, now).expect("a commit");
    scene.agent.start().expect("an agent that starts");
    scene.alerted("ledger-branch", &["branch-not-ours"]);
    scene.held(|note| note == "hello\n");
    // The client puts things right, by deleting the branch; what was signed meanwhile follows.
    scene.agent.stop().expect("an agent that stops");
    let client = git2::Repository::open_bare(folder.path().join("client.git")).expect("a repository");
    client.find_reference(&format!("refs/heads/{BRANCH}")).and_then(|mut it| it.delete()).expect("a branch that goes");
    scene.agent.start().expect("an agent that starts");
    let newer = scene.held(|note| note.contains(&signed_by));
    assert!(size_of(&newer) > size_of(&note));
    scene.agent.stop().expect("an agent that stops");
    super::servers::nowhere(&folder.path().join("agents"), super::servers::line_of(credential.as_bytes()));
}

/// The 32 bytes of a key.
fn key_bytes(key: &LogKey) -> [u8; 32] {
    let vkey = key.to_vkey();
    // Base64 itself may hold a plus.
    let data = STANDARD.decode(vkey.splitn(3, '+').nth(2).expect("data"));
    data.expect("base64").get(1..).and_then(|key| key.try_into().ok()).expect("32 bytes")
}

#[test]
fn outages_and_a_witness_that_stalls_stop_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(mut nginx) = Nginx::start(folder.path(), folder.path()) else { return };
    let mut scene = Scene::set(folder.path());
    let mut witness = Witness::start(folder.path(), &scene.vkey());
    // It takes connections and never answers.
    let stalled = TcpListener::bind("127.0.0.1:0").expect("a port");
    let stalls = format!(
        "[[ledger.staging.witness]]\nurl = \"http://{}\"\nkey = \"{}\"\nregion = \"eu\"\n",
        stalled.local_addr().expect("an address"),
        LogKey::of_witness("stalls.example/1", &key_bytes(&witness.key)).expect("a key").to_vkey()
    );
    let ca = std::fs::read_to_string(&nginx.authority.certificate).expect("a certificate");
    let branch = format!(
        "\n[ledger.staging.branch]\nrepository = \"{}\"\nname = \"held\"\nca = \"\"\"\n{ca}\"\"\"\nregion = \"eu\"\n",
        nginx.url("git/client.git")
    );
    scene.begin(&(branch + &stalls + &witness.toml()), &format!("{USER}:{PASSWORD}"));
    let signed_by = format!("\u{2014} {WITNESS} ");
    let first = scene.held(|note| note.contains(&signed_by));
    assert!(!first.contains("stalls.example"));

    // Server and witness are away: the agent stops and starts as ever, its own branch goes on.
    let away = std::mem::replace(
        &mut nginx.running,
        [Running::begin(&mut command("true", folder.path())), Running::begin(&mut command("true", folder.path()))],
    );
    drop(away);
    witness.running = None;
    scene.agent.stop().expect("an agent that stops");
    scene.agent.start().expect("an agent that starts");
    let own = branch::open(&scene.agency.remote).expect("the agency's repository");
    let published = || -> Result<Option<()>, Error> {
        let Some(tip) = branch::tip(&own, &format!("status/staging/eu/{NAME}"))? else { return Ok(None) };
        let note = branch::read(&own, tip)?.remove("checkpoints/acme/checkpoint").unwrap_or_default();
        let size = String::from_utf8(note).ok().map_or(0, |note| size_of(&note));
        Ok((size > size_of(&first)).then_some(()))
    };
    scene.agent.wait_within(LOOKED, published).expect("the agent's own branch");
    assert!(scene.agent.call(&["ledger", "verify", "acme"]).is_ok());

    // They come back: what was signed meanwhile follows at the next start, from where the witness was.
    let before = witness.cosigned().unwrap_or_default();
    witness.again();
    scene.agent.stop().expect("an agent that stops");
    scene.agent.start().expect("an agent that starts");
    let look = || -> Result<Option<()>, Error> { Ok(witness.cosigned().filter(|size| *size > before).map(drop)) };
    scene.agent.wait_within(LOOKED, look).expect("the witness signs on");
    let vkey = witness.key.to_vkey();
    let look = || -> Result<Option<()>, Error> {
        let mut asked = command(assent_tests::assent(), Path::new("/nonexistent"));
        asked.args(["agent", "ledger", "verify", "acme", "--witness", &vkey, "--format", "json", "--config"]);
        let said = run(asked.arg(folder.path().join("agents").join(NAME).join("agent.toml"))).stdout;
        let said: Value = serde_json::from_slice(&said).unwrap_or_default();
        Ok((said["witnessed"][0]["size"].as_u64() > Some(before)).then_some(()))
    };
    scene.agent.wait_within(LOOKED, look).expect("the agent keeps what the witness signed");
    super::servers::nowhere(&folder.path().join("agents"), PASSWORD.as_bytes());
}

#[test]
fn a_second_history_under_one_name_gets_no_line_of_the_witness() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut scene = Scene::set(folder.path());
    let witness = Witness::start(folder.path(), &scene.vkey());
    scene.begin(&format!("\n{}", witness.toml()), "unused");
    let signs = |scene: &mut Scene, most: u64| {
        let look = || -> Result<Option<u64>, Error> { Ok(witness.cosigned().filter(|size| *size > most)) };
        scene.agent.wait_within(LOOKED, look).expect("a cosigned checkpoint")
    };
    let first = signs(&mut scene, 0);
    scene.agent.stop().expect("an agent that stops");
    // A copy of the state folder, and everything that the agency's server knows of what came after it.
    let (state, twin) = (scene.agent.state(), folder.path().join("twin"));
    succeed(command("cp", folder.path()).arg("-a").arg(&state).arg(&twin));
    scene.agent.start().expect("an agent that starts");
    let second = signs(&mut scene, first);
    scene.agent.stop().expect("an agent that stops");
    std::fs::remove_dir_all(&state).expect("the state folder goes");
    std::fs::rename(&twin, &state).expect("the copy comes in its place");
    // What the agent pushed last may still hold the branch's lock: git waits for it.
    let branch = format!("refs/heads/status/staging/eu/{NAME}");
    let mut gone = command("git", folder.path());
    gone.arg("--git-dir").arg(&scene.agency.remote).args(["-c", "core.filesRefLockTimeout=20000"]);
    succeed(gone.args(["update-ref", "-d", &branch]));
    // Nothing else knows of the other history: the witness does.
    scene.agent.start().expect("an agent that starts");
    scene.alerted("witness", &["ahead", "other-history"]);
    assert_eq!(witness.cosigned(), Some(second), "it signed nothing of the other history");
}
