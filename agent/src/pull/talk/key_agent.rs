//! A key agent with one key, on a socket in the transfer's own folder: so that the key is in no file and no argument.
//!
//! # Source
//! draft-miller-ssh-agent, sections 3 and 5.

use std::io::{self, Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};

use assent_schema::trust::Signer;

use super::super::PullFailure;

/// The socket, in the folder of this transfer.
const SOCKET: &str = "agent.sock";
/// The largest message, in bytes.
const MESSAGE_MOST_BYTES: usize = 16 * 1024;
/// The most messages in one connection, and the most connections.
const MESSAGES_MOST: usize = 64;

const FAILURE: u8 = 5;
const REQUEST_IDENTITIES: u8 = 11;
const IDENTITIES_ANSWER: u8 = 12;
const SIGN_REQUEST: u8 = 13;
const SIGN_RESPONSE: u8 = 14;

/// Answers on the socket until the process ends.
pub(super) fn serve(signer: Signer) -> Result<(), PullFailure> {
    let listener = UnixListener::bind(SOCKET).or(Err(PullFailure::Broken))?;
    std::thread::spawn(move || {
        for stream in listener.incoming().take(MESSAGES_MOST) {
            // `ssh` went away: there is nobody to tell.
            drop(stream.and_then(|stream| converse(stream, &signer)));
        }
    });
    Ok(())
}

fn converse(mut stream: UnixStream, signer: &Signer) -> io::Result<()> {
    for _ in 0..MESSAGES_MOST {
        let mut length = [0; 4];
        stream.read_exact(&mut length)?;
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        if length > MESSAGE_MOST_BYTES {
            return Ok(());
        }
        let mut message = vec![0; length];
        stream.read_exact(&mut message)?;
        let answer = answer(&message, signer).unwrap_or_else(|| vec![FAILURE]);
        let mut framed = Vec::with_capacity(answer.len() + 4);
        put(&mut framed, &answer);
        stream.write_all(&framed)?;
    }
    Ok(())
}

/// The answer to one message; nothing for what is refused.
fn answer(message: &[u8], signer: &Signer) -> Option<Vec<u8>> {
    let public = signer.public().to_blob();
    match message.split_first()? {
        (&REQUEST_IDENTITIES, []) => {
            let mut answer = vec![IDENTITIES_ANSWER, 0, 0, 0, 1];
            put(&mut answer, &public);
            put(&mut answer, b"");
            Some(answer)
        }
        (&SIGN_REQUEST, rest) => {
            let (key, rest) = string(rest)?;
            let (challenge, _flags) = string(rest)?;
            let mut signature = Vec::new();
            put(&mut signature, b"ssh-ed25519");
            put(&mut signature, &signer.log_in(challenge)?);
            let mut answer = vec![SIGN_RESPONSE];
            put(&mut answer, &signature);
            (key == public).then_some(answer)
        }
        _ => None,
    }
}

fn string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)
}

fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    // Everything here is far below 4 GiB.
    out.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(signer: &Signer, key: &[u8], challenge: &[u8]) -> Option<Vec<u8>> {
        let mut message = vec![SIGN_REQUEST];
        put(&mut message, key);
        put(&mut message, challenge);
        message.extend_from_slice(&[0; 4]);
        answer(&message, signer)
    }

    #[test]
    fn it_signs_log_ins_with_its_own_key_alone() {
        let (signer, other) = (Signer::from_seed(&[1; 32]).unwrap(), Signer::from_seed(&[2; 32]).unwrap());
        let own = signer.public().to_blob();
        assert_eq!(answer(&[REQUEST_IDENTITIES], &signer).unwrap().get(1..5), Some([0, 0, 0, 1].as_slice()));
        let log_in = [&[0, 0, 0, 32][..], &[7; 32], &[50]].concat();
        assert_eq!(ask(&signer, &own, &log_in).unwrap().first(), Some(&SIGN_RESPONSE));
        assert_eq!(ask(&signer, &other.public().to_blob(), &log_in), None);
        // What other people would take for a statement is none of its business.
        assert_eq!(ask(&signer, &own, b"SSHSIG\0\0\0\0"), None);
        for bad in [&[][..], &[27], &[SIGN_REQUEST, 0], &[SIGN_REQUEST, 0xff, 0xff, 0xff, 0xff]] {
            assert_eq!(answer(bad, &signer), None);
        }
    }
}
