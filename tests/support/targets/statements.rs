//! Signed files, signatures, notes and proofs.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use assent_schema::ledger::proof::{Consistency, Inclusion};
use assent_schema::ledger::{Checkpoint, LogKey, Origin, export};
use assent_schema::trust::{
    Approvers, CatalogLock, Decision, Namespace, PublicKey, Root, Signer, Statement, Teams, verify,
};

/// Every kind of signed TOML is refused or written again as something that says the same.
pub(super) fn toml(bytes: &[u8]) {
    if let Ok(read) = Statement::parse("a.toml", bytes) {
        let text = read.to_toml().expect("what was read can be written");
        let again = Statement::parse("a.toml", text.as_bytes());
        assert!(again.is_ok_and(|again| in_order(again) == in_order(read)), "a statement stays itself");
    }
    if let Ok(read) = Root::parse("1.toml", bytes) {
        let text = read.to_toml().expect("what was read can be written");
        assert!(Root::parse("1.toml", text.as_bytes()).is_ok_and(|again| again == read), "a root stays itself");
    }
    if let Ok(read) = Teams::parse("teams.toml", bytes) {
        let text = read.to_toml().expect("what was read can be written");
        assert!(Teams::parse("teams.toml", text.as_bytes()).is_ok_and(|again| again == read), "teams stay themselves");
    }
    if let Ok(read) = Approvers::parse("1.toml", bytes) {
        let text = read.to_toml().expect("what was read can be written");
        let again = Approvers::parse("1.toml", text.as_bytes());
        assert!(again.is_ok_and(|again| again == read), "approvers stay themselves");
    }
    if let Ok(read) = CatalogLock::parse("catalog.lock", bytes) {
        let text = read.to_toml().expect("what was read can be written");
        let again = CatalogLock::parse("catalog.lock", text.as_bytes());
        assert!(again.is_ok_and(|again| again == read), "a lock stays itself");
    }
}

/// A statement with its uses sorted: they are written so, and read in any order.
fn in_order(mut statement: Statement) -> Statement {
    if let Decision::Approve(approval) = &mut statement.says {
        approval.uses.sort();
    }
    statement
}

/// What the corpus's signatures are over, and by which key.
const MESSAGE: &[u8] = b"type = \"approval\"\nschema = 1\n";

fn signer() -> &'static Signer {
    static SIGNER: OnceLock<Signer> = OnceLock::new();
    SIGNER.get_or_init(|| Signer::from_seed(&[7; 32]).expect("a key"))
}

/// An armoured signature is refused, or is over exactly one message for exactly one purpose.
pub(super) fn signature(bytes: &[u8]) {
    let keys = BTreeSet::from([signer().public().clone()]);
    if verify(MESSAGE, bytes, Namespace::Approval, &keys).is_ok() {
        assert!(verify(MESSAGE, bytes, Namespace::Release, &keys).is_err(), "a signature has one purpose");
        let other = [MESSAGE, b"#"].concat();
        assert!(verify(&other, bytes, Namespace::Approval, &keys).is_err(), "a signature is over one message");
        assert!(verify(MESSAGE, bytes, Namespace::Approval, &BTreeSet::new()).is_err(), "a signature is by one key");
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        if let Ok(key) = text.parse::<PublicKey>() {
            assert_eq!(key.to_string().parse(), Ok(key), "a key stays itself");
        }
        drop(Signer::from_openssh(bytes));
    }
}

fn log_key() -> &'static LogKey {
    static KEY: OnceLock<LogKey> = OnceLock::new();
    KEY.get_or_init(|| {
        let origin: Origin = "assent/harbor/eu-production-1/acme".parse().expect("an origin");
        LogKey::of_log(&origin, signer().public().point()).expect("a key")
    })
}

/// Checkpoints, proofs and exports are refused, or are what they were.
pub(super) fn notes(bytes: &[u8]) {
    drop(export::verify(bytes, log_key(), &[]));
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(checkpoint) = Checkpoint::verify(text, log_key(), &[]) {
        assert_eq!(checkpoint.note(), text, "a checkpoint is kept as it is");
    }
    drop(Checkpoint::peek(text));
    if let Ok(key) = LogKey::from_vkey(text) {
        assert_eq!(key.to_vkey(), text.trim_end(), "a key stays itself");
    }
    if let Ok(proof) = Inclusion::parse(text) {
        assert_eq!(proof.to_text(), text, "a proof has one spelling");
        drop(proof.verify(log_key(), None));
    }
    if let Ok(proof) = Consistency::parse(text) {
        assert_eq!(proof.to_text(), text, "a proof has one spelling");
    }
}
