//! Exports that somebody changed, and checkpoints that do not belong to them. The log is that of `tests/vectors`.

use assent_schema::canon::{self, Digest};
use assent_schema::ledger::{Checkpoint, Entry, Frontier, Head, LogKey, Salt, commitment, export};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::SigningKey;
use serde_json::{Value, json};

use super::table::{Attack, Verdict, attack};

const EXPORT: &str = include_str!("../vectors/ledger/acme.ledger");
const OLDER: &str = include_str!("../vectors/ledger/older-checkpoint");
const VKEY: &str = include_str!("../vectors/ledger/vkey");

/// The key of the log, which its vectors are signed with; an agent that was stolen has its own.
fn stolen() -> SigningKey {
    SigningKey::from_bytes(Digest::of_file(b"ledger key").as_bytes())
}

fn parts() -> (Vec<Value>, &'static str) {
    let (entries, note) = EXPORT.split_once("\n\n").expect("a checkpoint");
    (entries.lines().map(|line| serde_json::from_str(line).expect("an entry")).collect(), note)
}

/// What the verifier says to entries under a checkpoint, with an older one that somebody kept.
fn says(entries: &[Value], note: &str, kept: bool) -> Verdict {
    let mut bytes = Vec::new();
    for entry in entries {
        bytes.extend(canon::to_bytes(entry).expect("an entry"));
        bytes.push(b'\n');
    }
    bytes.extend_from_slice(format!("\n{note}").as_bytes());
    verdict(&bytes, kept)
}

fn verdict(bytes: &[u8], kept: bool) -> Verdict {
    let key = LogKey::from_vkey(VKEY.trim_end()).expect("a key");
    let older: Vec<Head> = kept.then(|| Checkpoint::peek(OLDER).expect("a checkpoint")).into_iter().collect();
    match export::verify(bytes, &key, &older) {
        Ok(_) => Verdict::accepted(),
        Err(found) => Verdict::new(found.fault.code(), found.to_string()),
    }
}

fn changed(change: impl FnOnce(&mut Vec<Value>)) -> Verdict {
    let (mut entries, note) = parts();
    change(&mut entries);
    says(&entries, note, false)
}

/// Puts another body into a line, with the commitment that belongs to it.
fn put(line: &mut Value, body: &[u8]) {
    let salt: Salt = [7; 32];
    line["body"] = json!(STANDARD.encode(body));
    line["salt"] = json!(STANDARD.encode(salt));
    line["commitment"] = json!(commitment(&salt, body).to_string());
}

fn body(line: &Value) -> Entry {
    let bytes = STANDARD.decode(line["body"].as_str().expect("a body")).expect("base64");
    Entry::from_bytes(&bytes).expect("an entry")
}

/// Signs a checkpoint over entries with the log's own key, as a thief of it would.
fn signed(entries: &[Value]) -> String {
    let mut frontier = Frontier::new();
    for entry in entries {
        let committed: Digest = entry["commitment"].as_str().expect("hex").parse().expect("a digest");
        frontier.append(committed.as_bytes());
    }
    let origin = Checkpoint::peek(OLDER).expect("a checkpoint").origin;
    Checkpoint::sign(Head { origin, size: frontier.size(), root: frontier.root() }, &stolen()).note().to_owned()
}

/// Another life of the log: the third entry says something else, and everything is signed again.
fn rewritten(kept: bool) -> Verdict {
    let (mut entries, _) = parts();
    let mut other = body(&entries[2]);
    other.actor = Some("mallory".parse().expect("a handle"));
    put(&mut entries[2], &other.to_bytes().expect("a body"));
    says(&entries, &signed(&entries), kept)
}

pub(crate) const ROOM: &[Attack] = &[
    attack("an export without its last entry", "wrong-size", || changed(|entries| drop(entries.pop()))),
    attack("an export that ends in the middle", "no-checkpoint", || {
        verdict(EXPORT.as_bytes().get(..2_000).expect("a long export"), false)
    }),
    attack("an export without an entry in the middle", "bad-index", || changed(|entries| drop(entries.remove(3)))),
    attack("two entries that changed places", "bad-index", || changed(|entries| entries.swap(2, 3))),
    attack("two entries that changed places and numbers", "bad-index", || {
        changed(|entries| {
            entries.swap(2, 3);
            entries[2]["index"] = json!(2);
            entries[3]["index"] = json!(3);
        })
    }),
    attack("two entries without bodies that changed numbers", "bad-index", || {
        changed(|entries| {
            entries[6]["index"] = json!(7);
            entries[7]["index"] = json!(6);
        })
    }),
    attack("an entry that says something else", "bad-commitment", || {
        changed(|entries| {
            let mut other = body(&entries[8]);
            other.actor = Some("mallory".parse().expect("a handle"));
            entries[8]["body"] = json!(STANDARD.encode(other.to_bytes().expect("a body")));
        })
    }),
    attack("an entry that says something else, with another commitment", "wrong-root", || {
        changed(|entries| {
            let mut other = body(&entries[8]);
            other.actor = Some("mallory".parse().expect("a handle"));
            put(&mut entries[8], &other.to_bytes().expect("a body"));
        })
    }),
    attack("a body that is gone and no entry says so", "body-gone", || {
        changed(|entries| {
            let line = entries[9].as_object_mut().expect("an object");
            line.remove("body");
            line.remove("salt");
        })
    }),
    attack("a body that is there although an entry says that it is gone", "body-gone", || {
        let (mut entries, _) = parts();
        let mut other = body(&entries[5]);
        (other.index, other.run) = (6, Some(2));
        put(&mut entries[6], &other.to_bytes().expect("a body"));
        says(&entries, &signed(&entries), false)
    }),
    attack("a checkpoint of fewer entries", "wrong-size", || says(&parts().0, OLDER, false)),
    attack("a log that its own key signed again", "accepted", || rewritten(false)),
    attack("the same, for whoever kept a checkpoint", "not-consistent", || rewritten(true)),
    attack("a log cut short by its own key, for whoever kept a longer one", "not-consistent", || {
        let entries = &parts().0[..4];
        says(entries, &signed(entries), true)
    }),
    attack("a checkpoint by another key", "bad-checkpoint", || {
        let note = EXPORT.split_once("\n\n").expect("a checkpoint").1;
        let head = Checkpoint::peek(note).expect("a checkpoint");
        says(&parts().0, Checkpoint::sign(head, &SigningKey::from_bytes(&[9; 32])).note(), false)
    }),
    attack("an honest export", "accepted", || verdict(EXPORT.as_bytes(), true)),
];
