//! Keys with a passphrase, in `ssh-agent` and in hardware sign with every command, by the real `ssh-keygen`.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::thread::JoinHandle;

use assent_compiler::command::demo::agency::Agency as Demo;
use assent_compiler::command::demo::source::Lead;
use assent_schema::canon::Digest;
use assent_schema::trust::{Namespace, PublicKey, verify};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::shell::{Shell, have_openssh};
use crate::{APPROVERS, Agency, ROOT, read};

/// The public key in a file.
fn public(key: &str) -> PublicKey {
    let line = std::fs::read_to_string(Path::new(key).with_extension("pub")).expect("a public half");
    line.trim_end().parse().expect("a key")
}

/// Asserts that a signature beside a file is one by a key.
fn signed(file: &str, person: &str, namespace: Namespace, key: &PublicKey) {
    let armour = read(&format!("{file}.{person}.sig")).expect("a signature");
    verify(&read(file).expect("a file"), &armour, namespace, &BTreeSet::from([key.clone()])).expect("a good signature");
}

/// Every command that signs a file, with one key of dana and one of alice.
fn signs_files(shell: &Shell, agency: &Agency, (dana, alice): (&str, &str), by: (&PublicKey, &PublicKey)) {
    let repo = agency.path("repo");
    let (dana, alice) = (format!("dana={dana}"), format!("alice={alice}"));
    let (approval, root) = (agency.approval(), agency.path(&format!("repo/{ROOT}")));
    let approvers = agency.path(&format!("repo/{APPROVERS}"));
    for file in [format!("{approval}.dana.sig"), format!("{root}.alice.sig"), format!("{approvers}.dana.sig")] {
        std::fs::remove_file(file).expect("gone");
    }
    let said = shell.assented(&["approve", &approval, "--key", &dana]);
    assert!(!said.contains("not checked"), "{said}");
    signed(&approval, "dana", Namespace::Approval, by.0);
    shell.assented(&["trust", "sign", &root, "--key", &alice]);
    signed(&root, "alice", Namespace::Trust, by.1);
    shell.assented(&["trust", "sign", &approvers, "--key", &dana]);
    signed(&approvers, "dana", Namespace::Approvers, by.0);
    for command in ["withdraw", "reject"] {
        let told = shell.assented(&[command, "acme", "--all", "--key", &dana, "--repo", &repo, "--format", "json"]);
        let told: Value = serde_json::from_str(&told).expect("JSON");
        signed(told.get("file").and_then(Value::as_str).expect("a file"), "dana", Namespace::Approval, by.0);
    }
}

#[test]
fn a_key_with_a_passphrase_signs_once_somebody_types_it() {
    if !have_openssh() {
        return;
    }
    let (agency, typing, mute) = (Agency::new(), Shell::typing(), Shell::mute());
    let (dana, alice) = (agency.path("dana"), agency.path("alice"));
    typing.protect(&dana);
    typing.protect(&alice);
    signs_files(&typing, &agency, (&dana, &alice), (&public(&dana), &public(&alice)));
    // Where nobody does, nothing is signed, what was to be signed stays, and the command for elsewhere is told.
    let approval = agency.approval();
    std::fs::remove_file(format!("{approval}.dana.sig")).expect("gone");
    let key = format!("dana={dana}");
    let said = mute.assent(&["approve", &approval, "--key", &key]);
    assert_eq!(said.status, Some(2), "{}", said.err);
    assert!(said.out.contains(" of acme, given ") && !said.out.contains("signed by"), "{}", said.out);
    let command =
        format!("ssh-keygen -Y sign -f {dana} -n approval@assent {approval} && mv {approval}.sig {approval}.dana.sig");
    assert!(said.err.contains(&command), "{}", said.err);
    typing.succeed("sh", &["-c", &command]);
    signed(&approval, "dana", Namespace::Approval, &public(&dana));
    let said = mute.assent(&["withdraw", "acme", "--all", "--key", &key, "--repo", &agency.path("repo")]);
    assert_eq!(said.status, Some(2), "{}", said.err);
    let command = said.err.lines().find_map(|line| Some(line.split_once("ssh-keygen -Y sign")?.1)).expect("a command");
    let command = format!("ssh-keygen -Y sign{command}");
    typing.succeed("sh", &["-c", &command]);
    let signature = command.rsplit(' ').next().expect("a file");
    signed(signature.strip_suffix(".dana.sig").expect("its name"), "dana", Namespace::Approval, &public(&dana));
    // Nobody is asked for the passphrase of a key that would not count.
    let stranger = agency.path("stranger");
    typing.protect(&stranger);
    let said = mute.assent(&["approve", &approval, "--key", &format!("dana={stranger}")]);
    assert!(said.err.contains("not listed for this person"), "{}", said.err);
}

#[test]
fn a_key_that_an_agent_holds_signs_by_its_public_half() {
    if !have_openssh() {
        return;
    }
    let agency = Agency::new();
    let mut shell = Shell::typing();
    let (dana, alice) = (agency.path("dana"), agency.path("alice"));
    shell.protect(&dana);
    shell.protect(&alice);
    let (by_dana, by_alice) = (public(&dana), public(&alice));
    let mute = Shell::mute();
    let half = format!("dana={dana}.pub");
    std::fs::rename(&dana, format!("{dana}.away")).expect("moved");
    let said = mute.assent(&["approve", &agency.approval(), "--key", &half]);
    assert!(said.status == Some(2) && said.err.contains("ssh-add"), "{}", said.err);
    let _agent = shell.agent(&format!("{dana}.away"));
    shell.succeed("ssh-add", &["-q", &alice]);
    std::fs::remove_file(&alice).expect("gone");
    let halves = (format!("{dana}.pub"), format!("{alice}.pub"));
    signs_files(&shell, &agency, (&halves.0, &halves.1), (&by_dana, &by_alice));
}

#[test]
fn a_security_key_signs() {
    let mut shell = Shell::mute();
    let agency = Agency::new();
    let key = agency.path("sk");
    if !have_openssh() || shell.security_key(&key).is_none() {
        return;
    }
    let alone = agency.path("alone.toml");
    std::fs::copy(agency.approval(), &alone).expect("copied");
    shell.assented(&["approve", &alone, "--key", &format!("dana={key}")]);
    assert!(!public(&key).is_plain());
    signed(&alone, "dana", Namespace::Approval, &public(&key));
    // As of any other key that is not listed.
    let said = shell.assent(&["approve", &agency.approval(), "--key", &format!("dana={key}")]);
    assert!(said.err.contains("not listed for this person"), "{}", said.err);
}

#[test]
fn keys_in_an_agent_release_roll_back_and_say_what_is_newest() {
    if !have_openssh() {
        return;
    }
    let folder = TempDir::new().expect("a folder");
    let now = "2026-06-01T09:00:00Z".parse().expect("a moment");
    let demo = Demo::found(folder.path(), Lead::AsWritten, now).expect("an agency");
    demo.establish(&[], &[]).expect("established");
    demo.approve_all().expect("approved");
    let (bruno, timer) = (demo.private("bruno").expect("a key"), demo.private("timer").expect("a key"));
    let file = |key: &str| key.split_once('=').expect("a file").1.to_owned();
    let mut shell = Shell::typing();
    shell.protect(&file(&bruno));
    shell.protect(&file(&timer));
    let _agent = shell.agent(&file(&timer));
    let repo = demo.source.display().to_string();
    let place = ["--environment", "staging", "--region", "eu", "--local", "--repo", &repo];
    let poked = Served::new("{}");
    // One key by its passphrase, the other by its public half.
    let (timer, url) = (format!("{timer}.pub"), poked.url());
    let keys = ["--key", &bruno, "--freshness-key", &timer, "--at", "2026-06-01T09:00:00Z"];
    shell.asks();
    shell.assented(&[&["release"][..], &place, &keys, &["--poke", &url]].concat());
    assert_eq!(shell.asks(), 1, "one passphrase opens the key for the release and for the poke");
    let asked: Value = serde_json::from_str(&poked.asked()).expect("JSON");
    let poke = asked["poke"].as_str().expect("a poke");
    let armour = asked["signatures"]["bruno"].as_str().expect("a signature");
    let by = BTreeSet::from([public(&file(&bruno))]);
    verify(poke.as_bytes(), armour.as_bytes(), Namespace::Poke, &by).expect("a good signature");
    shell.assented(&["freshness", "--key", &timer, "--local", "--repo", &repo, "--at", "2026-06-01T09:10:00Z"]);
    let prompt = demo.source.join("clients/acme/prompts/intent.md");
    std::fs::write(prompt, "You read one ticket. Choose what it is about.\n").expect("a prompt");
    demo.commit_as("alice", "Reword a prompt", &["*"]).expect("a commit");
    shell.assented(&[&["release"][..], &place, &keys].concat());
    shell.asks();
    shell.assented(&[&["rollback"][..], &place, &keys[..4]].concat());
    assert_eq!(shell.asks(), 1, "and each command asks anew");
}

#[test]
fn deciding_and_starting_take_such_keys_too() {
    if !have_openssh() {
        return;
    }
    let (agency, shell) = (Agency::new(), Shell::typing());
    let dana = agency.path("dana");
    shell.protect(&dana);
    let (key, by) = (format!("dana={dana}"), BTreeSet::from([public(&dana)]));
    let challenge = json!({
        "type": "console", "schema": 1, "project": Digest::of_file(b"root"), "client": "acme", "agent": "eu-1",
        "person": "dana", "nonce": Digest::of_file(b"nonce"), "until": "2026-06-01T12:05:00Z",
    });
    let challenge = String::from_utf8(assent_schema::canon::to_bytes(&challenge).expect("JSON")).expect("text");
    for (line, member) in [
        (vec!["start", "acme/refund", "--key", &key], "start"),
        (vec!["decide", "--client", "acme", "--key", &key], "challenge"),
    ] {
        let agent = Served::new(&challenge);
        let url = agent.url();
        drop(shell.assent(&[line, vec!["--agent", &url]].concat()));
        let asked: Value = serde_json::from_str(&agent.asked()).expect("JSON");
        let message = asked[member].as_str().expect("what was signed");
        let armour = asked["signature"].as_str().expect("a signature");
        verify(message.as_bytes(), armour.as_bytes(), Namespace::Console, &by).expect("a good signature");
    }
}

#[test]
fn a_statement_is_signed_elsewhere_and_handed_over_afterwards() {
    let agency = Agency::new();
    let repo = agency.path("repo");
    let agent = Served::new("{}");
    let url = agent.url();
    let written = crate::support::assent(&["withdraw", "acme", "--all", "--to", &url, "--repo", &repo]);
    assert_eq!(written.status, 0, "{}", written.err);
    let line = |what: &str| {
        let line = written.out.lines().find(|line| line.contains(what)).expect("a command");
        line.split_once(what).expect("a command").1.to_owned()
    };
    let hand_over = line("Then, to hand it over: assent ");
    let words: Vec<&str> = hand_over.split(' ').collect();
    let file = words[3];
    assert_eq!(words, ["withdraw", "acme", "--signed", file, "--to", &url]);
    // Before somebody signs it, and after somebody did who may not.
    let unsigned = crate::support::assent(&words);
    assert!(unsigned.status == 2 && unsigned.err.contains("nobody signed"), "{}", unsigned.err);
    assert!(unsigned.err.contains(&format!("ssh-keygen -Y sign -f KEY -n approval@assent {file} && mv")));
    let alone = agency.path("alone.toml");
    std::fs::copy(file, &alone).expect("copied");
    assert_eq!(agency.sign(&["approve"], &alone, "dana", "stranger").status, 0);
    std::fs::copy(format!("{alone}.dana.sig"), format!("{file}.dana.sig")).expect("copied");
    let forged = crate::support::assent(&words);
    assert!(forged.status == 2 && forged.err.contains("not listed for this person"), "{}", forged.err);
    assert_eq!(agency.sign(&["approve"], file, "dana", "dana").status, 0);
    let other = crate::support::assent(&["reject", "acme", "--signed", file, "--to", &url]);
    assert!(other.status == 2 && other.err.contains("it says `withdraw` of acme"), "{}", other.err);
    let handed = crate::support::assent(&words);
    assert!(handed.status == 0 && handed.out.contains("has it: it counts there"), "{}{}", handed.out, handed.err);
    let asked: Value = serde_json::from_str(&agent.asked()).expect("JSON");
    assert_eq!(asked["statement"].as_str().map(str::as_bytes), read(file).as_deref());
    assert!(asked["signatures"]["dana"].is_string());
}

/// A server that answers the same to everything.
struct Served {
    address: String,
    serving: JoinHandle<String>,
}

impl Served {
    fn new(answer: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let answer = format!("HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n{answer}");
        let serving = std::thread::spawn(move || {
            let mut last = String::new();
            loop {
                let (mut stream, _) = listener.accept().expect("a caller");
                let body = body(&mut stream);
                if body == "enough" {
                    return last;
                }
                last = body;
                stream.write_all(answer.as_bytes()).expect("answered");
            }
        });
        Self { address, serving }
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The last body that somebody posted.
    fn asked(self) -> String {
        let mut stream = std::net::TcpStream::connect(&self.address).expect("the server");
        stream.write_all(b"POST / HTTP/1.0\r\nContent-Length: 6\r\n\r\nenough").expect("told");
        self.serving.join().expect("what was asked")
    }
}

/// The body of a request.
fn body(stream: &mut std::net::TcpStream) -> String {
    let mut text = String::new();
    let mut some = [0; 4096];
    loop {
        let done = text.split_once("\r\n\r\n").and_then(|(head, body)| {
            let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")?.parse().ok());
            (body.len() >= length.unwrap_or(0)).then(|| body.to_owned())
        });
        if let Some(body) = done {
            return body;
        }
        let read = stream.read(&mut some).expect("a request");
        assert!(read > 0, "a request that ends early");
        text.push_str(&String::from_utf8_lossy(some.get(..read).unwrap_or_default()));
    }
}
