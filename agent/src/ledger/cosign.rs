//! Asks witnesses for their line under a checkpoint, and keeps what they signed: each one's newest, durable before it goes on.
//!
//! # Source
//! C2SP `tlog-witness` v1.0.0 (`add-checkpoint`); engine.md section 5.

use std::time::Duration;

use assent_schema::client::{BadHolders, LEDGER, Witness};
use assent_schema::id::{ClientId, ConnectionId, Name, OperationRef};
use assent_schema::ledger::proof::Consistency;
use assent_schema::ledger::{Checkpoint, LogKey};
use assent_schema::plan::Method;

use super::answer::consistency;
use crate::content::Content;
use crate::request::url::Base;
use crate::store::{Log, Store};
use crate::world::{Disk, HttpRequest, HttpResponse, Net as _, NetFailure, World};

/// The longest time for one question: a witness that stalls holds up nothing but itself.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The largest answer, in bytes.
const ANSWER_MOST_BYTES: u64 = 64 << 10;
/// How often a witness is asked about one checkpoint: once more when it says at which size it is.
const ASKED_MOST: u8 = 2;

/// A witness that can be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Where it is.
    pub base: Base,
    /// By which key it signs.
    pub key: LogKey,
}

impl Asked {
    /// What a release says of a witness.
    ///
    /// # Errors
    /// When its key or URL is none.
    pub fn new(witness: &Witness) -> Result<Self, BadHolders> {
        let base = Base::parse(&witness.url).ok_or(BadHolders::Key)?;
        Ok(Self { base, key: witness.key()? })
    }
}

/// Why a witness did not sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It was not reached.
    Net(NetFailure),
    /// It answered with a status that means nothing here.
    Status(u16),
    /// It does not know the log.
    LogUnknown,
    /// It knows another key of the log.
    KeyUnknown,
    /// It cosigned a larger checkpoint than there is: another instance has this name, or the state folder is an older copy.
    Ahead,
    /// It cosigned another history.
    OtherHistory,
    /// Its answer is no line of its own that holds.
    BadLine,
    /// The proof could not be made, or what it signed could not be kept.
    Here,
}

impl Trouble {
    /// Its code in alerts and logs.
    pub fn code(self) -> String {
        match self {
            Self::Net(failure) => failure.code().to_owned(),
            Self::Status(status) => format!("http_{status}"),
            Self::LogUnknown => "log-unknown".to_owned(),
            Self::KeyUnknown => "key-unknown".to_owned(),
            Self::Ahead => "ahead".to_owned(),
            Self::OtherHistory => "other-history".to_owned(),
            Self::BadLine => "bad-line".to_owned(),
            Self::Here => "not-kept".to_owned(),
        }
    }

    /// Whether it is more than an outage: somebody must look at once.
    pub fn is_grave(self) -> bool {
        match self {
            Self::Ahead | Self::OtherHistory | Self::BadLine | Self::LogUnknown | Self::KeyUnknown => true,
            Self::Net(_) | Self::Status(_) | Self::Here => false,
        }
    }
}

/// The checkpoint of a log that a witness cosigned last, as it was kept; nothing where it signed none, or another key did.
pub fn kept(disk: &impl Disk, log: &Log, key: &LogKey, witness: &LogKey) -> Option<Checkpoint> {
    let note = String::from_utf8(disk.read(&path_of(log, witness)).ok()??).ok()?;
    let read = Checkpoint::verify(&note, key, std::slice::from_ref(witness)).ok()?;
    Some(read).filter(|read| !read.witnessed().is_empty())
}

fn path_of(log: &Log, witness: &LogKey) -> String {
    let id = u32::from_be_bytes(witness.id());
    format!("cosigned/{}/{id:08x}", log.as_str())
}

/// A checkpoint with the lines of those witnesses that signed it, and why the others did not.
///
/// # Crash
/// A line is durable before it is given on. What a witness signed is always a checkpoint that was durable here before it was
/// asked, so none of them is ever ahead of a state folder that nobody put back.
pub async fn cosign<W: World, S: Store>(
    (world, store): (&W, &S),
    (log, key): (&Log, &LogKey),
    client: &ClientId,
    witnesses: &[Asked],
    mut checkpoint: Checkpoint,
) -> (Checkpoint, Vec<(String, Trouble)>) {
    let mut troubles = Vec::new();
    for witness in witnesses {
        let before = kept(world.disk(), log, key, &witness.key);
        let line = match before {
            Some(before) if before.head() == checkpoint.head() => Ok(before),
            before => {
                let known = before.map_or(0, |before| before.head().size);
                let question = Question { client, witness, checkpoint: &checkpoint };
                question.ask(world, known, |old| consistency(store, log, old, &checkpoint).ok()).await
            }
        };
        let taken = line.and_then(|signed| {
            let path = path_of(log, &witness.key);
            // The same bytes again are no write.
            let same = world.disk().read(&path).is_ok_and(|kept| kept.as_deref() == Some(signed.note().as_bytes()));
            if !same {
                world.disk().write(&path, signed.note().as_bytes()).or(Err(Trouble::Here))?;
            }
            let lines = signed.note().rsplit_once("\n\n").map_or("", |(_, lines)| lines);
            checkpoint.take_lines(lines, &witness.key).or(Err(Trouble::BadLine))
        });
        match taken {
            Ok(with) => checkpoint = with,
            Err(trouble) => troubles.push((witness.key.name().to_owned(), trouble)),
        }
    }
    (checkpoint, troubles)
}

struct Question<'a> {
    client: &'a ClientId,
    witness: &'a Asked,
    checkpoint: &'a Checkpoint,
}

impl Question<'_> {
    /// Asks from the size at which the witness should be; once more from where it says that it is.
    async fn ask<W: World>(
        &self,
        world: &W,
        known: u64,
        prove: impl Fn(u64) -> Option<Consistency>,
    ) -> Result<Checkpoint, Trouble> {
        let size = self.checkpoint.head().size;
        let mut old = known.min(size);
        for _ in 0..ASKED_MOST {
            let proof = prove(old).ok_or(Trouble::Here)?;
            let request = self.request(proof.to_text().into_bytes()).ok_or(Trouble::Here)?;
            let answer = world.net().exchange(request).await.map_err(Trouble::Net)?;
            match read(&answer) {
                Read::Lines(lines) => {
                    return self.checkpoint.take_lines(lines, &self.witness.key).or(Err(Trouble::BadLine));
                }
                Read::OldSize(at) if at > size => return Err(Trouble::Ahead),
                // From where it says that it is: then it has another checkpoint of that size.
                Read::OldSize(at) if at == old => return Err(Trouble::OtherHistory),
                Read::OldSize(at) => old = at,
                Read::No(trouble) => return Err(trouble),
            }
        }
        Err(Trouble::Status(409))
    }

    fn request(&self, body: Vec<u8>) -> Option<HttpRequest> {
        let base = &self.witness.base;
        let connection: ConnectionId = LEDGER.parse().ok()?;
        Some(HttpRequest {
            client: self.client.clone(),
            operation: OperationRef { connection, operation: Name::new("add_checkpoint").ok()? },
            method: Method::Post,
            tls: base.tls(),
            host: base.host().to_owned(),
            port: base.port(),
            target: Content::new(format!("{}/add-checkpoint", base.path())),
            headers: vec![("content-type".to_owned(), Content::new(b"text/plain; charset=utf-8".to_vec()))],
            body: Content::new(body),
            timeout: TIMEOUT,
            most_bytes: ANSWER_MOST_BYTES,
            // Without TLS a URL leads to a private address or nowhere.
            private_addresses: !base.tls(),
        })
    }
}

/// What a witness said.
enum Read<'a> {
    Lines(&'a str),
    OldSize(u64),
    No(Trouble),
}

fn read(answer: &HttpResponse) -> Read<'_> {
    let text = std::str::from_utf8(answer.body.reveal());
    match (answer.status, text) {
        (200, Ok(lines)) => Read::Lines(lines),
        (200, Err(_)) => Read::No(Trouble::BadLine),
        (403, _) => Read::No(Trouble::KeyUnknown),
        (404, _) => Read::No(Trouble::LogUnknown),
        (409, Ok(size)) => {
            let size = size.strip_suffix('\n').and_then(|size| size.parse().ok());
            size.map_or(Read::No(Trouble::OtherHistory), Read::OldSize)
        }
        (422, _) => Read::No(Trouble::OtherHistory),
        (status, _) => Read::No(Trouble::Status(status)),
    }
}
