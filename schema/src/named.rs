//! Files that somebody names to be read: on a command line, in a configuration or in a folder that it names. How large each
//! kind of them may be, and how they are read: no further than that, and only where a file stands, since nothing else has an end.
//!
//! Whoever opens one says what stands there and hands in what it holds: each program in one place.

use std::fmt;
use std::io::{self, Read};

use crate::ledger::NOTE_MOST_BYTES;

/// What a named file is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A private key of OpenSSH; or a public one whose other half an agent holds.
    PrivateKey,
    /// A public key or passkey.
    PublicKey,
    /// What `assent-agent enrol` prints of an agent.
    AgentKeys,
    /// An armoured signature.
    Signature,
    /// A file of TOML that people sign.
    SignedToml,
    /// Any file that is signed, or of which somebody wants the digest.
    Signed,
    /// A file of the catalog.
    Catalog,
    /// A checkpoint, or the proof that leads from one to another.
    Checkpoint,
    /// The export of a ledger.
    Ledger,
    /// The log of an agent.
    AgentLog,
    /// What a kernel says of its keys, as `/proc/keys` lists them.
    KernelKeys,
    /// What a run did, as `runs show --format json` prints it.
    RunStory,
    /// A post-mortem.
    PostMortem,
    /// A statement by which an agent goes on.
    Recovery,
    /// `agent.toml`.
    Configuration,
    /// The configuration of an editor.
    Editor,
    /// Certificates that are trusted.
    Authorities,
    /// Certificates of a host, or their key.
    Certificates,
    /// A token or another secret.
    Secret,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 19] = [
        Self::PrivateKey,
        Self::PublicKey,
        Self::AgentKeys,
        Self::Signature,
        Self::SignedToml,
        Self::Signed,
        Self::Catalog,
        Self::Checkpoint,
        Self::Ledger,
        Self::AgentLog,
        Self::KernelKeys,
        Self::RunStory,
        Self::PostMortem,
        Self::Recovery,
        Self::Configuration,
        Self::Editor,
        Self::Authorities,
        Self::Certificates,
        Self::Secret,
    ];

    /// The most that one may hold.
    ///
    /// # Units
    /// Bytes.
    pub const fn most_bytes(self) -> u64 {
        match self {
            Self::PrivateKey | Self::PublicKey | Self::AgentKeys | Self::Signature | Self::Secret => 16 << 10,
            Self::Recovery | Self::Configuration => 64 << 10,
            Self::Checkpoint => NOTE_MOST_BYTES as u64,
            Self::Authorities => 256 << 10,
            Self::SignedToml
            | Self::Catalog
            | Self::PostMortem
            | Self::Editor
            | Self::Certificates
            | Self::KernelKeys => 1 << 20,
            Self::RunStory => 16 << 20,
            Self::Signed => 64 << 20,
            Self::Ledger | Self::AgentLog => 1 << 30,
        }
    }
}

/// What stands where somebody says that a file does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stands {
    /// A file, of so many bytes as it is now.
    File(u64),
    /// A folder.
    Folder,
    /// A pipe, for whose other end one would wait.
    Pipe,
    /// A socket.
    Socket,
    /// A device, which may have no end.
    Device,
}

/// Why a named file was not read.
#[derive(Debug)]
pub enum Unread {
    /// The system does not let it be read.
    Failed(io::Error),
    /// No file stands there, but this.
    NoFile(&'static str),
    /// It holds more than its kind may.
    TooLarge(Kind),
    /// It is no UTF-8.
    NoText,
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(error) => error.fmt(f),
            Self::NoFile(what) => write!(f, "it is {what}, not a file"),
            Self::TooLarge(kind) => write!(f, "it is larger than {} bytes", kind.most_bytes()),
            Self::NoText => f.write_str("it is no text in UTF-8"),
        }
    }
}

impl std::error::Error for Unread {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Failed(error) => Some(error),
            Self::NoFile(_) | Self::TooLarge(_) | Self::NoText => None,
        }
    }
}

impl From<io::Error> for Unread {
    fn from(error: io::Error) -> Self {
        Self::Failed(error)
    }
}

/// Whether what stands there is a file that may be opened; its size as it is now.
///
/// # Errors
/// [`Unread::NoFile`] when it is something else: opening it might not come back.
pub fn file(stands: Stands, kind: Kind) -> Result<u64, Unread> {
    match stands {
        Stands::File(bytes) if bytes > kind.most_bytes() => Err(Unread::TooLarge(kind)),
        Stands::File(bytes) => Ok(bytes),
        Stands::Folder => Err(Unread::NoFile("a folder")),
        Stands::Pipe => Err(Unread::NoFile("a pipe")),
        Stands::Socket => Err(Unread::NoFile("a socket")),
        Stands::Device => Err(Unread::NoFile("a device")),
    }
}

/// What a file holds that was opened, of the size that it had then. It may grow while it is read.
///
/// # Shape
/// In one piece of memory as long as it does not grow, so that no copy of a secret stays behind.
///
/// # Errors
/// When it cannot be read, or holds more than its kind may.
pub fn bounded(opened: impl Read, bytes: u64, kind: Kind) -> Result<Vec<u8>, Unread> {
    let most = kind.most_bytes();
    // One more, by which the end is seen.
    let room = usize::try_from(bytes.min(most).saturating_add(1)).unwrap_or(0);
    let mut all = Vec::with_capacity(room);
    opened.take(most.saturating_add(1)).read_to_end(&mut all)?;
    if all.len() as u64 > most { Err(Unread::TooLarge(kind)) } else { Ok(all) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_read_further_than_its_kind_may_be() {
        for kind in Kind::ALL.into_iter().filter(|kind| *kind != Kind::Ledger) {
            let most = kind.most_bytes();
            let read = |bytes: u64| bounded(io::repeat(b'a').take(bytes), 0, kind).map(|all| all.len() as u64);
            assert_eq!(read(most).unwrap(), most, "{kind:?}");
            assert!(matches!(read(most + 1), Err(Unread::TooLarge(of)) if of == kind), "{kind:?}");
            assert!(matches!(bounded(io::repeat(b'a'), 0, kind), Err(Unread::TooLarge(_))), "{kind:?}");
            assert!(matches!(file(Stands::File(most + 1), kind), Err(Unread::TooLarge(_))), "{kind:?}");
        }
    }

    #[test]
    fn what_is_no_file_is_not_opened() {
        for stands in [Stands::Folder, Stands::Pipe, Stands::Socket, Stands::Device] {
            assert!(matches!(file(stands, Kind::Signed), Err(Unread::NoFile(_))), "{stands:?}");
        }
    }
}
