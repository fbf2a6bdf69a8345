//! Forged and honest signatures. `schema/tests/ssh_keygen.rs` holds the same against the real program.

use super::*;

fn signer(seed: u8) -> Signer {
    Signer::from_seed(&[seed; 32]).unwrap()
}

fn keys(signers: &[&Signer]) -> BTreeSet<PublicKey> {
    signers.iter().map(|signer| signer.public().clone()).collect()
}

fn blob(version: u32, reserved: &[u8], hash: &[u8], extra: &[u8]) -> Vec<u8> {
    let key = signer(1);
    let mut data = MAGIC.to_vec();
    for field in [b"approval@assent", reserved, hash, &Sha512::digest(b"hello\n")] {
        put_string(&mut data, field);
    }
    let mut inner = Vec::new();
    put_string(&mut inner, b"ssh-ed25519");
    put_string(&mut inner, &key.sign(&data));
    let mut blob = MAGIC.to_vec();
    blob.extend_from_slice(&version.to_be_bytes());
    for field in [&key.public().to_blob(), &b"approval@assent"[..], reserved, hash, &inner] {
        put_string(&mut blob, field);
    }
    blob.extend_from_slice(extra);
    blob
}

fn judged(armour: &str) -> Result<(), SignatureError> {
    verify(b"hello\n", armour.as_bytes(), Namespace::Approval, &keys(&[&signer(1)])).map(drop)
}

#[test]
fn what_is_signed_verifies_and_nothing_else_does() {
    let key = signer(1);
    let text = sign(&key, Namespace::Approval, b"hello\n");
    let all = keys(&[&key, &signer(2)]);
    let check = |message: &[u8], namespace, keys: &_| verify(message, text.as_bytes(), namespace, keys);
    assert_eq!(check(b"hello\n", Namespace::Approval, &all).as_ref(), Ok(key.public()));
    assert_eq!(check(b"hello\n", Namespace::Release, &all), Err(SignatureError::Namespace(Namespace::Release)));
    assert_eq!(check(b"hello\n", Namespace::Approval, &keys(&[&signer(2)])), Err(SignatureError::UnknownKey));
    assert_eq!(check(b"hellO\n", Namespace::Approval, &all), Err(SignatureError::Mismatch));
    assert_eq!(check(b"hello\r\n", Namespace::Approval, &all), Err(SignatureError::LineEnds));
}

#[test]
fn a_signature_over_crlf_says_that_line_ends_changed() {
    let text = sign(&signer(1), Namespace::Approval, b"a\r\nb\r\n");
    let got = verify(b"a\nb\n", text.as_bytes(), Namespace::Approval, &keys(&[&signer(1)]));
    assert_eq!(got, Err(SignatureError::SignedLineEnds));
}

#[test]
fn the_blob_has_one_form() {
    let with = |blob: &[u8]| judged(&armour(blob, 70));
    assert_eq!(with(&blob(1, b"", b"sha512", b"")), Ok(()));
    assert_eq!(with(&blob(0, b"", b"sha512", b"")), Err(SignatureError::Blob));
    assert_eq!(with(&blob(2, b"", b"sha512", b"")), Err(SignatureError::Blob));
    assert_eq!(with(&blob(1, b"x", b"sha512", b"")), Err(SignatureError::Blob));
    assert_eq!(with(&blob(1, b"", b"sha512", b"\0")), Err(SignatureError::Blob));
    assert_eq!(with(&blob(1, b"", b"sha1", b"")), Err(SignatureError::Hash));
    let whole = blob(1, b"", b"sha512", b"");
    for end in 0..whole.len() {
        assert!(with(&whole[..end]).is_err(), "{end} bytes");
    }
}

#[test]
fn the_armour_has_one_form_in_two_widths() {
    let blob = blob(1, b"", b"sha512", b"");
    let good = armour(&blob, 70);
    assert_eq!(judged(&good), Ok(()));
    assert_eq!(judged(&format!("{good}\n")), Ok(()));
    assert_eq!(judged(&armour(&blob, 76)), Ok(()));
    for width in [1, 64, 69, 71, 77, 4_000] {
        assert_eq!(judged(&armour(&blob, width)), Err(SignatureError::Armour), "{width}");
    }
    for bad in [
        format!("{good}\n\n"),
        format!("\n{good}"),
        format!("{good}\n{good}"),
        format!("x\n{good}"),
        format!("{good} "),
        good.replacen("\nU1NI", "\n\nU1NI", 1),
        good.replace("SSH", "PGP"),
        good.replacen('=', "", 1),
        String::new(),
        BEGIN.to_owned() + END,
    ] {
        assert_eq!(judged(&bad), Err(SignatureError::Armour), "{bad}");
    }
    assert_eq!(judged(&good.replace('\n', "\r\n")), Err(SignatureError::ArmourLineEnds));
}

#[test]
fn every_changed_byte_is_refused() {
    let text = sign(&signer(1), Namespace::Approval, b"hello\n");
    for at in 0..text.len() - 1 {
        for bit in 0..8 {
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= 1 << bit;
            let got = verify(b"hello\n", &bytes, Namespace::Approval, &keys(&[&signer(1)]));
            assert!(got.is_err(), "byte {at} bit {bit}");
        }
    }
}

/// A signature as a hardware key makes it.
fn hardware(application: &str, flags: u8, tamper: bool) -> (PublicKey, String) {
    let secret = ed25519_dalek::SigningKey::from_bytes(&[9; 32]);
    let mut key = Vec::new();
    for field in [b"sk-ssh-ed25519@openssh.com", &secret.verifying_key().to_bytes()[..], application.as_bytes()] {
        put_string(&mut key, field);
    }
    let trailer = [flags, 0, 0, 0, 7];
    let data = signed_data(b"approval@assent", Hash::Sha256, b"hello\n");
    let signed = [&Sha256::digest(application)[..], &trailer, &Sha256::digest(data)].concat();
    let mut inner = Vec::new();
    put_string(&mut inner, b"sk-ssh-ed25519@openssh.com");
    put_string(&mut inner, &ed25519_dalek::Signer::sign(&secret, &signed).to_bytes());
    inner.extend_from_slice(&if tamper { [flags, 0, 0, 0, 8] } else { trailer });
    let mut blob = MAGIC.to_vec();
    blob.extend_from_slice(&VERSION.to_be_bytes());
    for field in [&key[..], b"approval@assent", b"", b"sha256", &inner] {
        put_string(&mut blob, field);
    }
    let listed = PublicKey::from_blob(&key).unwrap_or_else(|_| signer(1).public().clone());
    (listed, armour(&blob, 70))
}

#[test]
fn a_hardware_key_must_be_touched_and_made_for_ssh() {
    let check = |(key, text): (PublicKey, String)| {
        verify(b"hello\n", text.as_bytes(), Namespace::Approval, &[key].into()).map(drop)
    };
    assert_eq!(check(hardware("ssh:", 1, false)), Ok(()));
    assert_eq!(check(hardware("ssh:assent", 5, false)), Ok(()));
    assert_eq!(check(hardware("ssh:", 0, false)), Err(SignatureError::UserPresence));
    assert_eq!(check(hardware("ssh:", 4, false)), Err(SignatureError::UserPresence));
    assert_eq!(check(hardware("ssh:", 1, true)), Err(SignatureError::Mismatch));
    assert_eq!(check(hardware("webauthn", 1, false)), Err(SignatureError::Key(BadKey::Application)));
}
