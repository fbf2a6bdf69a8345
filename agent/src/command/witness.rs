//! `assent-agent ledger witness`: what a client or anybody else runs who watches a log. Needs no agent and no configuration.
//!
//! It cosigns a checkpoint only when that continues the last one that it cosigned, which it keeps: whoever shows two histories
//! to two people finds that this witness signs one of them.
//!
//! # Source
//! C2SP `tlog-witness` v1.0.0 (the rules of `add-checkpoint`), `tlog-cosignature` v1.0.1.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use assent_schema::ledger::proof::Consistency;
use assent_schema::ledger::{Checkpoint, LogKey};
use ed25519_dalek::SigningKey;
use serde::Serialize;

use super::{Output, Show};
use crate::error::{Context as _, Error};
use crate::ledger::{signing_key_from_file, signing_key_to_file};
use crate::real::{RealClock, RealDice, RealDisk};
use crate::world::{Clock as _, Dice as _, Disk as _};

/// The file of the witness's key in its folder.
const KEY: &str = "witness.key";

/// Arguments of `ledger witness`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The witness's own folder: its key, made at the first call, and what it cosigned last of each log.
    #[arg(long, value_name = "DIR")]
    folder: PathBuf,
    /// The name under which it signs, for example `witness.acme.example/1`.
    #[arg(long, value_name = "NAME")]
    name: String,
    /// The key of the log, as `assent trust ledger-keys` prints it.
    #[arg(long, value_name = "VKEY")]
    log: String,
    /// What `ledger prove --since` wrote for the checkpoint that was cosigned last; at first, a checkpoint. Without it, the
    /// witness only says its own key.
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Where the cosigned checkpoint goes.
    #[arg(long, short, value_name = "FILE", default_value = "cosigned")]
    output: PathBuf,
}

#[derive(Serialize)]
struct Cosigned {
    /// The witness's key, by which others verify its lines.
    witness: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    written: Option<PathBuf>,
}

impl Show for Cosigned {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        if let (Some(size), Some(file)) = (self.size, &self.written) {
            writeln!(out, "cosigned at {size} entries: {}", file.display())?;
        }
        writeln!(out, "{}", self.witness)
    }
}

pub(super) fn run(args: &Args, out: &mut Output<'_>) -> Result<(), Error> {
    let disk = open(&args.folder)?;
    let key = own_key(&disk)?;
    let public = LogKey::of_witness(&args.name, key.verifying_key().as_bytes());
    let witness = public.map_err(|e| Error::environment(format!("the name of the witness: {e}")))?.to_vkey();
    let Some(file) = &args.file else { return out.show(&Cosigned { witness, size: None, written: None }) };
    let text = std::fs::read_to_string(file).tried(|| format!("cannot read `{}`", file.display()))?;
    let log = LogKey::from_vkey(&args.log).map_err(|e| Error::environment(e.to_string()))?;
    let place = format!("cosigned/{}", log.name().replace('/', "_"));
    let before = disk.read(&place).tried(|| "cannot read what was cosigned before".into())?;
    let before = before.and_then(|bytes| String::from_utf8(bytes).ok());
    let checkpoint = judge(&text, &log, before.as_deref()).map_err(refused)?;
    // Durable first: a witness that forgot what it signed could sign another history.
    let kept = disk.write(&place, checkpoint.note().as_bytes());
    kept.tried(|| "cannot keep what is cosigned".into())?;
    let time = u64::try_from(RealClock.now().moment().seconds()).unwrap_or(0);
    let note = checkpoint.cosign(&args.name, &key, time).map_err(|e| Error::environment(e.to_string()))?;
    write(&args.output, &note)?;
    out.show(&Cosigned { witness, size: Some(checkpoint.head().size), written: Some(args.output.clone()) })
}

/// Why nothing is cosigned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum No {
    /// A checkpoint alone, though there is an older one: what lies between is not proved.
    Unproved,
    /// The proof begins at another checkpoint than the last that was cosigned.
    Elsewhere,
    /// It does not verify.
    Invalid,
}

/// The checkpoint to cosign: the log's own, and the continuation of the last one.
fn judge(text: &str, log: &LogKey, before: Option<&str>) -> Result<Checkpoint, No> {
    let before = before.map(|note| Checkpoint::verify(note, log, &[])).transpose().or(Err(No::Invalid))?;
    match (before, text.starts_with("old ")) {
        (None, false) => Checkpoint::verify(text, log, &[]).or(Err(No::Invalid)),
        (None, true) => Err(No::Elsewhere),
        (Some(before), false) => {
            // The same again is no news, and no other history.
            let same = Checkpoint::verify(text, log, &[]).or(Err(No::Invalid))?;
            if same.head() == before.head() { Ok(same) } else { Err(No::Unproved) }
        }
        (Some(before), true) => {
            let proof = Consistency::parse(text).or(Err(No::Invalid))?;
            if proof.old != before.head().size {
                return Err(No::Elsewhere);
            }
            proof.verify(log, &before).or(Err(No::Invalid))
        }
    }
}

fn refused(no: No) -> Error {
    match no {
        No::Unproved => Error::refused("that checkpoint alone does not prove that it continues the last one")
            .help("Ask for `assent-agent ledger prove --since` with the checkpoint that was cosigned last."),
        No::Elsewhere => Error::refused("the proof does not begin at the checkpoint that was cosigned last")
            .help("Ask for one that does; at first, for a checkpoint alone."),
        No::Invalid => Error::refused("nothing is cosigned: it does not verify")
            .help("If the log's key is right, keep both files: the log shows another history."),
    }
}

fn open(folder: &Path) -> Result<Arc<RealDisk>, Error> {
    let cannot = || format!("cannot open `{}`", folder.display());
    std::fs::create_dir_all(folder).tried(cannot)?;
    RealDisk::open(folder).map(Arc::new).tried(cannot)
}

fn own_key(disk: &RealDisk) -> Result<SigningKey, Error> {
    let cannot = || "cannot read the key of the witness".to_owned();
    if let Some(bytes) = disk.read(KEY).tried(cannot)? {
        return signing_key_from_file(&bytes)
            .ok_or_else(|| Error::environment("the file of the witness's key is damaged"));
    }
    let key = SigningKey::from_bytes(&RealDice.bytes());
    disk.write(KEY, &signing_key_to_file(&key)).tried(cannot)?;
    Ok(key)
}

#[expect(clippy::disallowed_methods, reason = "commands are a shell; the output goes where the caller says")]
fn write(file: &Path, note: &str) -> Result<(), Error> {
    std::fs::write(file, note).tried(|| format!("cannot write `{}`", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use assent_schema::canon::Digest;
    use assent_schema::ledger::{Head, Tree};

    fn log() -> SigningKey {
        SigningKey::from_bytes(&[3; 32])
    }

    fn tree(leaves: &[&str]) -> Tree {
        Tree::new(leaves.iter().map(|leaf| leaf.as_bytes()))
    }

    fn signed(tree: &Tree, size: u64) -> Checkpoint {
        let origin = "assent/harbor/eu-1/acme".parse().unwrap();
        Checkpoint::sign(Head { origin, size, root: tree.root(size).unwrap() }, &log())
    }

    fn proof(tree: &Tree, old: u64, size: u64) -> String {
        let path = tree.consistency(old, size).unwrap();
        Consistency { old, path, checkpoint: signed(tree, size).note().to_owned() }.to_text()
    }

    #[test]
    fn a_witness_signs_one_history_only() {
        let origin = "assent/harbor/eu-1/acme".parse().unwrap();
        let key = LogKey::of_log(&origin, log().verifying_key().as_bytes()).unwrap();
        let (one, other) = (tree(&["a", "b", "c", "d"]), tree(&["a", "x", "c", "d"]));
        let first = judge(signed(&one, 2).note(), &key, None).unwrap();
        let before = Some(first.note());
        assert_eq!(judge(&proof(&one, 2, 4), &key, before).unwrap().head().size, 4);
        assert_eq!(judge(first.note(), &key, before).unwrap(), first, "the same again");
        assert_eq!(judge(&proof(&other, 2, 4), &key, before), Err(No::Invalid));
        assert_eq!(judge(&proof(&one, 1, 4), &key, before), Err(No::Elsewhere));
        assert_eq!(judge(&proof(&one, 0, 4), &key, before), Err(No::Elsewhere));
        assert_eq!(judge(signed(&one, 4).note(), &key, before), Err(No::Unproved));
        assert_eq!(judge(signed(&one, 1).note(), &key, before), Err(No::Unproved), "smaller");
        let forged = proof(&one, 2, 4).replace("assent/harbor/eu-1/acme\n4", "assent/harbor/eu-1/acme\n5");
        assert_eq!(judge(&forged, &key, before), Err(No::Invalid));
        assert_eq!(judge(&proof(&one, 2, 4), &key, None), Err(No::Elsewhere));
    }

    #[test]
    fn a_cosigned_checkpoint_still_verifies_and_names_its_witness() {
        let checkpoint = signed(&tree(&["a"]), 1);
        let witness = SigningKey::from_bytes(&[8; 32]);
        let public = LogKey::of_witness("witness.example/1", witness.verifying_key().as_bytes()).unwrap();
        let key = LogKey::of_log(&checkpoint.head().origin, log().verifying_key().as_bytes()).unwrap();
        let note = checkpoint.cosign("witness.example/1", &witness, 1_772_442_000).unwrap();
        let read = Checkpoint::verify(&note, &key, std::slice::from_ref(&public)).unwrap();
        assert_eq!(read.witnessed(), [("witness.example/1".to_owned(), 1_772_442_000)]);
        let other = note.replacen("\n1\n", "\n2\n", 1);
        assert!(Checkpoint::verify(&other, &key, &[public]).is_err());
        assert!(checkpoint.cosign("a name", &witness, 1).is_err());
        assert_ne!(Digest::of_file(note.as_bytes()), Digest::of_file(checkpoint.note().as_bytes()));
    }
}
