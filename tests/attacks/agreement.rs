//! What we accept, `ssh-keygen` accepts too; not the reverse. Held on generated signatures, honest ones and damaged ones.

#[path = "../support/skipped.rs"]
#[expect(unreachable_pub, reason = "the library of tests shows it to others")]
mod skipped;

use std::path::Path;
use std::process::{Command, Stdio};

use assent_schema::trust::{Namespace, verify};

use super::signatures::{self, Parts};
use skipped::skipped;

/// How many signatures are generated, and how many when somebody has the time.
const MANY: usize = 300;
const MANY_MORE: usize = 10_000;
const MESSAGES: [&[u8]; 4] = [b"serial = 7\n", b"", b"a\r\nb\r\n", &[0xff; 4_000]];

/// Numbers out of a seed: the same on every machine.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % most
    }

    /// Mostly the honest thing, sometimes one of the others.
    fn mostly<T: Copy>(&mut self, honest: T, others: &[T]) -> T {
        if self.below(8) > 0 { honest } else { others[self.below(others.len())] }
    }
}

/// A signature and the message that it is shown with.
fn generated(dice: &mut Dice) -> (String, &'static [u8]) {
    let message = MESSAGES[dice.below(MESSAGES.len())];
    let base = if dice.below(3) == 0 { signatures::hardware("ssh:", &[1, 0, 0, 0, 9]) } else { signatures::honest() };
    let parts = Parts {
        version: dice.mostly(1, &[0, 2]),
        namespace: dice.mostly(base.namespace, &["release@assent", "approval"]),
        reserved: dice.mostly(b"", &[b"x"]),
        hash: dice.mostly(b"sha512", &[b"sha256", b"sha256", b"sha1"]),
        extra: dice.mostly(b"", &[&[0]]),
        sign: dice.mostly(base.sign, &[signatures::spelled_otherwise, signatures::without_nonce]),
        message,
        ..base
    };
    let mut blob = parts.blob();
    if dice.below(8) == 0 {
        let at = dice.below(blob.len());
        blob[at] ^= 1 << dice.below(8);
    }
    let text = signatures::armour(&blob, dice.mostly(70, &[76, 76, 64, 75]));
    let text = match dice.below(12) {
        0 => text.trim_end().to_owned(),
        1 => text.replace('\n', "\r\n"),
        2 => format!("{text}\n"),
        3 => format!("junk\n{text}"),
        _ => text,
    };
    (text, dice.mostly(message, &MESSAGES))
}

/// Whether `ssh-keygen -Y verify` accepts it from one of the keys that are listed.
fn accepts(folder: &Path, message: &[u8], armour: &str) -> bool {
    let (message_file, signature) = (folder.join("message"), folder.join("signature"));
    std::fs::write(&message_file, message).unwrap();
    std::fs::write(&signature, armour).unwrap();
    let status = Command::new("ssh-keygen")
        .args(["-Y", "verify", "-I", "dana", "-n", "approval@assent", "-f"])
        .arg(folder.join("signers"))
        .arg("-s")
        .arg(&signature)
        .stdin(std::fs::File::open(&message_file).unwrap())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.unwrap().success()
}

#[test]
fn what_we_accept_ssh_keygen_accepts() {
    if Command::new("ssh-keygen").arg("-?").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err() {
        return skipped("ssh-keygen is not installed (tests/setup installs it)");
    }
    let folder = tempfile::tempdir().unwrap();
    let keys = signatures::listed();
    let lines: Vec<String> = keys.iter().map(|key| format!("dana {key}\n")).collect();
    std::fs::write(folder.path().join("signers"), lines.concat()).unwrap();
    let many = if std::env::var_os("ASSENT_DEEP").is_some() { MANY_MORE } else { MANY };
    let mut dice = Dice(7);
    let (mut both, mut neither, mut laxer) = (0, 0, 0);
    for number in 0..many {
        let (armour, message) = generated(&mut dice);
        let ours = verify(message, armour.as_bytes(), Namespace::Approval, &keys).is_ok();
        let theirs = accepts(folder.path(), message, &armour);
        assert!(theirs || !ours, "signature {number} is accepted here and not by ssh-keygen:\n{armour}");
        match (ours, theirs) {
            (true, _) => both += 1,
            (false, true) => laxer += 1,
            (false, false) => neither += 1,
        }
    }
    println!(
        "{many} signatures: {both} accepted by both, {neither} refused by both, {laxer} accepted by ssh-keygen alone"
    );
    assert!(both > many / 10 && neither > many / 10 && laxer > 0, "{both} accepted, {neither} refused, {laxer} laxer");
}
