//! Signatures against the real `ssh-keygen`: what it makes is accepted here, what is made here it accepts, and what is
//! refused here although it would accept it is refused for a reason.

#![expect(clippy::disallowed_methods, reason = "this test starts the real program")]

#[path = "../../tests/support/skipped.rs"]
#[expect(unreachable_pub, reason = "the library of tests shows it to others")]
mod skipped;

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use assent_schema::trust::{BadPrivateKey, Namespace, PublicKey, SignatureError, Signer, sign, verify};

const MESSAGE: &[u8] = b"type = \"approval\"\nschema = 1\n";

/// A folder with a key pair that `ssh-keygen` made; nothing when the program is not there, which CI does not forgive.
fn folder_with_key(kind: &str, passphrase: &str) -> Option<(tempfile::TempDir, PathBuf)> {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("key");
    let made = keygen(&["-q", "-t", kind, "-N", passphrase, "-C", "dana@acme", "-f", &path(&file)], &[]);
    if made.is_none() {
        skipped::skipped("ssh-keygen is not installed (tests/setup installs it)");
    }
    assert!(made?.status.success(), "ssh-keygen makes a key");
    Some((folder, file))
}

fn path(file: &Path) -> String {
    file.display().to_string()
}

fn keygen(arguments: &[&str], input: &[u8]) -> Option<Output> {
    let mut command = Command::new("ssh-keygen");
    let pipes = command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = pipes.spawn().ok()?;
    child.stdin.take().expect("standard input is piped").write_all(input).ok()?;
    child.wait_with_output().ok()
}

fn public(file: &Path) -> PublicKey {
    let line = std::fs::read_to_string(file.with_extension("pub")).expect("a public key");
    line.trim_end().parse().expect("a key of a kind that may sign")
}

/// Whether `ssh-keygen -Y verify` accepts a signature.
fn accepts(folder: &Path, key: &PublicKey, message: &[u8], armour: &[u8]) -> bool {
    let (signers, signature) = (folder.join("allowed_signers"), folder.join("m.sig"));
    std::fs::write(&signers, format!("dana@acme namespaces=\"approval@assent\" {key}\n")).expect("a file");
    std::fs::write(&signature, armour).expect("a file");
    let (signers, signature) = (path(&signers), path(&signature));
    let arguments = ["-Y", "verify", "-f", &signers, "-I", "dana@acme", "-n", "approval@assent", "-s", &signature];
    keygen(&arguments, message).is_some_and(|output| output.status.success())
}

fn made_by_keygen(file: &Path, message: &[u8], hash: &str) -> Vec<u8> {
    let option = format!("hashalg={hash}");
    let key = path(file);
    let output = keygen(&["-Y", "sign", "-q", "-f", &key, "-n", "approval@assent", "-O", &option], message);
    let output = output.expect("ssh-keygen runs");
    assert!(output.status.success(), "ssh-keygen signs: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn judge(key: &PublicKey, message: &[u8], armour: &[u8]) -> Result<PublicKey, SignatureError> {
    verify(message, armour, Namespace::Approval, &BTreeSet::from([key.clone()]))
}

#[test]
fn what_ssh_keygen_signs_is_accepted_here() {
    let Some((_folder, file)) = folder_with_key("ed25519", "") else { return };
    let key = public(&file);
    for hash in ["sha512", "sha256"] {
        let armour = made_by_keygen(&file, MESSAGE, hash);
        assert_eq!(judge(&key, MESSAGE, &armour), Ok(key.clone()), "{hash}");
        assert_eq!(judge(&key, b"other\n", &armour), Err(SignatureError::Mismatch));
        let crlf = String::from_utf8_lossy(MESSAGE).replace('\n', "\r\n");
        assert_eq!(judge(&key, crlf.as_bytes(), &armour), Err(SignatureError::LineEnds));
    }
}

#[test]
fn what_is_signed_here_ssh_keygen_accepts() {
    let Some((folder, file)) = folder_with_key("ed25519", "") else { return };
    let signer = Signer::from_openssh(&std::fs::read(&file).expect("the key file")).expect("a plain key");
    assert_eq!(signer.public(), &public(&file));
    let armour = sign(&signer, Namespace::Approval, MESSAGE);
    assert!(accepts(folder.path(), signer.public(), MESSAGE, armour.as_bytes()));
    assert!(!accepts(folder.path(), signer.public(), b"other\n", armour.as_bytes()));
    let foreign = sign(&signer, Namespace::Release, MESSAGE);
    assert!(!accepts(folder.path(), signer.public(), MESSAGE, foreign.as_bytes()));
    // Ed25519 is deterministic: both make the same bytes.
    assert_eq!(armour.as_bytes(), made_by_keygen(&file, MESSAGE, "sha512"));
}

/// Every signed file of the published vectors, each kind of statement among them.
#[test]
fn what_is_published_ssh_keygen_accepts() {
    let Some((folder, _)) = folder_with_key("ed25519", "") else { return };
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors");
    let list = std::fs::read(vectors.join("signed.json")).expect("the list of signed files");
    let signed: Vec<std::collections::BTreeMap<String, String>> = serde_json::from_slice(&list).expect("a list");
    let mut namespaces = BTreeSet::new();
    for one in &signed {
        let text = |name: &str| one.get(name).expect("a member").clone();
        let (file, signer, namespace) = (text("file"), text("signer"), text("namespace"));
        let signers = folder.path().join("allowed_signers");
        std::fs::write(&signers, format!("{signer} {}\n", text("key"))).expect("a file");
        let message = std::fs::read(vectors.join(&file)).expect("a signed file");
        let (signers, signature) = (path(&signers), path(&vectors.join(format!("{file}.{signer}.sig"))));
        let arguments = ["-Y", "verify", "-f", &signers, "-I", &signer, "-n", &namespace, "-s", &signature];
        let accepts = |message: &[u8]| keygen(&arguments, message).is_some_and(|output| output.status.success());
        assert!(accepts(&message), "{file} by {signer}");
        assert!(!accepts(&[&message[..], b" "].concat()), "{file} by {signer}, with one byte more");
        namespaces.insert(namespace);
    }
    for kind in [Namespace::Recover, Namespace::Poke, Namespace::Decision, Namespace::Rehearsal, Namespace::Approvers] {
        assert!(namespaces.contains(kind.as_str()), "no vector of {}", kind.as_str());
    }
}

#[test]
fn a_key_that_is_written_here_ssh_keygen_reads() {
    let Some((folder, _)) = folder_with_key("ed25519", "") else { return };
    let signer = Signer::from_seed(&[3; 32]).expect("a key");
    let file = folder.path().join("written");
    std::fs::write(&file, signer.to_openssh("eve@acme").expect("a text").as_bytes()).expect("a file");
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("a mode");
    let output = keygen(&["-y", "-f", &path(&file)], &[]).expect("ssh-keygen runs");
    let line = String::from_utf8(output.stdout).expect("text");
    assert_eq!(line.trim_end().parse::<PublicKey>().as_ref(), Ok(signer.public()), "{line}");
    assert_eq!(judge(signer.public(), MESSAGE, &made_by_keygen(&file, MESSAGE, "sha512")), Ok(signer.public().clone()));
}

#[test]
fn keys_that_cannot_sign_here_say_why() {
    let Some((_folder, locked)) = folder_with_key("ed25519", "secret words") else { return };
    let read = |file: &Path| Signer::from_openssh(&std::fs::read(file).expect("the key file")).map(drop);
    assert_eq!(read(&locked), Err(BadPrivateKey::Encrypted));
    let Some((_folder, other)) = folder_with_key("ecdsa", "") else { return };
    assert!(read(&other).is_err());
    let line = std::fs::read_to_string(other.with_extension("pub")).expect("a public key");
    assert!(line.trim_end().parse::<PublicKey>().is_err());
    assert_eq!(Signer::from_openssh(b"-----BEGIN NONSENSE-----").map(drop), Err(BadPrivateKey::Form));
}

#[test]
fn ssh_keygen_is_laxer_and_that_is_why_we_look_ourselves() {
    let Some((folder, file)) = folder_with_key("ed25519", "") else { return };
    let key = public(&file);
    let good = String::from_utf8(made_by_keygen(&file, MESSAGE, "sha512")).expect("text");
    let body: String = good.lines().filter(|line| !line.starts_with("-----")).collect();
    let narrow: Vec<&str> = body.as_bytes().chunks(40).map(|line| std::str::from_utf8(line).expect("text")).collect();
    let narrow = format!("-----BEGIN SSH SIGNATURE-----\n{}\n-----END SSH SIGNATURE-----\n", narrow.join("\n"));
    for lax in [narrow, format!("{good}{good}"), format!("{good}\n\n")] {
        assert!(accepts(folder.path(), &key, MESSAGE, lax.as_bytes()), "{lax}");
        assert_eq!(judge(&key, MESSAGE, lax.as_bytes()), Err(SignatureError::Armour), "{lax}");
    }
}
