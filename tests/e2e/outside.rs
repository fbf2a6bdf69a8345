//! Programs that share no code with us come to the same verdict: OpenSSH, OpenSSL, and a checker in plain Python.

use std::path::{Path, PathBuf};

use assent_compiler::command::demo::agency::Agency;
use assent_compiler::command::demo::source::{Lead, put};
use assent_compiler::command::demo::stage::{self, PRODUCTION_RELEASE, STAGING_RELEASE, Stage};
use assent_tests::{command, have, run, run_with_input, succeed};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

fn line(args: &[&str]) -> Vec<String> {
    args.iter().map(|arg| (*arg).to_owned()).collect()
}

/// Everything that the production agent has recorded for `acme`, exported.
fn export(stage: &Stage) -> PathBuf {
    let file = stage.folder.join("acme.ledger");
    stage.production.call(&["ledger", "export", "acme", "--output", &file.display().to_string()]).expect("an export");
    file
}

#[test]
fn ssh_keygen_verifies_every_signature_of_both_releases() {
    if !have("ssh-keygen") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let stage = assent_tests::stage::working(folder.path());
    let allowed = stage.allowed_signers().expect("allowed signers");
    let mut verified = 0;
    for name in [STAGING_RELEASE, PRODUCTION_RELEASE] {
        let files = stage.released(name).expect("a release");
        for (path, armour) in &files {
            let Some((file, who, namespace)) = stage::signature_of(path, &files) else {
                assert!(path.strip_suffix(".sig").is_none(), "{name}: nobody knows whose signature {path} is");
                continue;
            };
            let signature = folder.path().join("signature");
            put(&signature, armour).expect("a file");
            let ask = |bytes: &[u8]| {
                let mut keygen = command("ssh-keygen", folder.path());
                keygen
                    .args(["-Y", "verify", "-I", &who, "-n", namespace, "-f"])
                    .arg(&allowed)
                    .arg("-s")
                    .arg(&signature);
                run_with_input(&mut keygen, bytes).status.success()
            };
            let signed = files.get(&file).expect("the signed file");
            assert!(ask(signed), "{name}: {path} by {who} for {namespace}");
            assert!(!ask(&[signed.as_slice(), b" "].concat()), "{name}: {path} verifies other bytes too");
            verified += 1;
        }
    }
    assert!(verified > 20, "only {verified} signatures");
}

#[test]
fn git_says_who_signed_each_commit() {
    if !have("git") || !have("ssh-keygen") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let now = "2026-06-01T09:00:00Z".parse().expect("an instant");
    let agency = Agency::found(folder.path(), Lead::AsWritten, now).expect("an agency");
    agency.establish(&[], &[]).expect("signed trust");
    let signers = folder.path().join("signers");
    let lines = agency.assent(&line(&["trust", "allowed-signers"])).expect("allowed signers");
    put(&signers, lines.as_bytes()).expect("a file");
    let mut git = command("git", folder.path());
    git.args(["-c", &format!("gpg.ssh.allowedSignersFile={}", signers.display())]);
    git.arg("-C").arg(&agency.source).args(["log", "--format=%G? %GS"]);
    let who = ["chen", "bruno", "alice", "alice", "alice"].map(|person| format!("G {person}@harbor\n"));
    assert_eq!(succeed(&mut git), who.concat());
}

/// What somebody signed before they left stays signed.
#[test]
fn git_says_who_signed_also_of_people_who_left() {
    if !have("git") || !have("ssh-keygen") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let now = "2026-06-01T09:00:00Z".parse().expect("an instant");
    let agency = Agency::found(folder.path(), Lead::AsWritten, now).expect("an agency");
    agency.establish(&[], &[]).expect("signed trust");
    let say = |words: &[&str]| agency.assent(&line(words)).expect("it is said");
    say(&["trust", "root", "--drop-person", "chen", "--role", "root=2:alice,bruno"]);
    agency.sign("trust/root/3.toml", &["alice", "bruno"]).expect("signed");
    say(&["trust", "teams", "borealis=bruno", "cedar=bruno"]);
    agency.sign("trust/teams.toml", &["alice"]).expect("signed");
    agency.commit_as("alice", "Chen leaves", &["trust"]).expect("a commit");
    let who = |words: &[&str]| {
        let signers = folder.path().join("signers");
        put(&signers, say(words).as_bytes()).expect("a file");
        let mut git = command("git", folder.path());
        git.args(["-c", &format!("gpg.ssh.allowedSignersFile={}", signers.display())]);
        git.arg("-C").arg(&agency.source).args(["log", "-2", "--format=%G? %GS"]);
        succeed(&mut git)
    };
    assert_eq!(who(&["trust", "allowed-signers"]), "G alice@harbor\nU \n", "a key that nobody holds now");
    assert_eq!(who(&["trust", "allowed-signers", "--ever"]), "G alice@harbor\nG chen@harbor\n");
    // A version that nobody signed vouches for no key.
    let root = std::fs::read_to_string(agency.source.join("trust/root/3.toml")).expect("a root");
    let forged = root.replacen("version = 3", "version = 4", 1);
    put(&agency.source.join("trust/root/4.toml"), forged.as_bytes()).expect("a file");
    assert!(agency.assent(&line(&["trust", "allowed-signers", "--ever"])).is_err());
}

#[test]
fn openssl_and_python_verify_the_exported_ledger() {
    if !have("openssl") || !have("python3") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let stage = assent_tests::stage::working(folder.path());
    let text = std::fs::read_to_string(export(&stage)).expect("an export");
    let (entries, note) = text.split_once("\n\n").expect("a checkpoint");
    assert!(entries.lines().count() > 1, "an empty ledger shows nothing");
    assert!(openssl(folder.path(), note, &stage), "openssl refuses the checkpoint");
    let size = note.lines().nth(1).expect("a size");
    let other = note.replacen(&format!("\n{size}\n"), &format!("\n{size}0\n"), 1);
    assert!(!openssl(folder.path(), &other, &stage), "openssl takes another size too");

    let keys = stage.agency.assent(&line(&["trust", "ledger-keys"])).expect("ledger keys");
    let key =
        keys.lines().find(|key| key.starts_with("assent/harbor/eu-production-1/acme+")).expect("a key of this log");
    let checker = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/check.py");
    let python = |ledger: &Path| {
        let mut python = command("python3", folder.path());
        python.arg(&checker).arg("export").arg(ledger).arg(key);
        python
    };
    succeed(&mut python(&stage.folder.join("acme.ledger")));
    let changed = folder.path().join("changed.ledger");
    put(&changed, entries_without_last(entries, note).as_bytes()).expect("a file");
    assert!(!run(&mut python(&changed)).status.success(), "the checker takes a shorter ledger too");
}

fn entries_without_last(entries: &str, note: &str) -> String {
    let (shorter, _) = entries.rsplit_once('\n').expect("two entries");
    format!("{shorter}\n\n{note}")
}

/// Whether OpenSSL verifies the first signature of a checkpoint with the log's key.
///
/// # Source
/// C2SP signed-note: the text up to the blank line is signed; a line holds four bytes of key id, then 64 of Ed25519.
fn openssl(folder: &Path, note: &str, stage: &Stage) -> bool {
    let (text, signatures) = note.split_once("\n\n").expect("a signed note");
    let encoded = signatures.lines().next().and_then(|line| line.rsplit(' ').next()).expect("a signature line");
    let signature = STANDARD.decode(encoded).expect("base64");
    let pem = stage.ledger_key().expect("a key");
    for (name, bytes) in [
        ("text", format!("{text}\n").as_bytes()),
        ("sig", signature.get(4..).expect("a key id first")),
        ("key.pem", pem.as_bytes()),
    ] {
        put(&folder.join(name), bytes).expect("a file");
    }
    let mut openssl = command("openssl", folder);
    openssl.current_dir(folder).args(["pkeyutl", "-verify", "-pubin", "-inkey", "key.pem", "-rawin", "-in", "text"]);
    run(openssl.args(["-sigfile", "sig"])).status.success()
}
