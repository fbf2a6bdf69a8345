//! Outside programs that check what Assent claims: `ssh-keygen` and `openssl`. They use none of our code.

use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::agents::tool;
use super::source::put;
use crate::error::Error;

/// What an outside program says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It verifies.
    Good,
    /// It does not.
    Bad(String),
    /// The program is not installed here.
    Absent(&'static str),
}

/// Asks `ssh-keygen -Y verify` about a signature.
pub(super) fn ssh_keygen(
    allowed: &Path,
    who: &str,
    namespace: &str,
    signature: &Path,
    bytes: &[u8],
) -> Result<Verdict, Error> {
    let mut command = tool("ssh-keygen");
    command.args(["-Y", "verify", "-f"]).arg(allowed).args(["-I", who, "-n", namespace, "-s"]).arg(signature);
    ask(command, "ssh-keygen", bytes)
}

/// Asks `openssl` about the log's own signature line of a checkpoint.
///
/// # Source
/// C2SP signed-note: the text up to the blank line is signed; a signature line holds four bytes of key id, then 64 of
/// Ed25519.
pub(super) fn openssl(folder: &Path, note: &str, pem: &str) -> Result<Verdict, Error> {
    let bad = |what: &str| Ok(Verdict::Bad(what.to_owned()));
    let Some((text, signatures)) = note.split_once("\n\n") else { return bad("no blank line in the checkpoint") };
    let line = signatures.lines().next().and_then(|line| line.rsplit(' ').next());
    let Some(bytes) = line.and_then(|encoded| STANDARD.decode(encoded).ok()) else { return bad("no signature line") };
    let Some(signature) = bytes.get(4..) else { return bad("a short signature") };
    put(&folder.join("signed"), format!("{text}\n").as_bytes())?;
    put(&folder.join("signature"), signature)?;
    put(&folder.join("key.pem"), pem.as_bytes())?;
    let mut command = tool("openssl");
    command.current_dir(folder).args([
        "pkeyutl",
        "-verify",
        "-pubin",
        "-inkey",
        "key.pem",
        "-rawin",
        "-in",
        "signed",
        "-sigfile",
        "signature",
    ]);
    ask(command, "openssl", &[])
}

fn ask(mut command: std::process::Command, name: &'static str, input: &[u8]) -> Result<Verdict, Error> {
    let started = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = match started {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Verdict::Absent(name)),
        started => started.map_err(|e| Error::io(format!("start {name}"), e))?,
    };
    if let Some(mut stdin) = child.stdin.take() {
        // A program that has seen enough closes its input early; its verdict counts all the same.
        drop(stdin.write_all(input));
    }
    let output = child.wait_with_output().map_err(|e| Error::io(format!("wait for {name}"), e))?;
    if output.status.success() {
        return Ok(Verdict::Good);
    }
    Ok(Verdict::Bad(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
}
