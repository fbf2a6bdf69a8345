//! One entry of a log: its body as bytes, and what it commits to.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::kind::Kind;
use super::origin::Origin;
use crate::canon::{self, Digest};
use crate::id::{Name, PersonId};
use crate::shape::is_token;
use crate::time::Moment;

/// The number of this format.
pub const VERSION: u32 = 1;
/// The member of `data` that names an item. The envelope has no place for it.
const ITEM: &str = "item";
/// The domain string of a commitment, with its zero byte.
const DOMAIN: &[u8] = b"assent-ledger/v1\0";
/// The largest body, in bytes: a tick of an agent with thousands of clients fits.
pub const BODY_MOST_BYTES: usize = 4 << 20;

/// 32 random bytes, fresh for each entry, so that a commitment says nothing about a body that is gone.
pub type Salt = [u8; 32];

/// `SHA256("assent-ledger/v1\0" || salt || body)`: the data of the entry's leaf.
pub fn commitment(salt: &Salt, body: &[u8]) -> Digest {
    Digest::from_bytes(Sha256::new().chain_update(DOMAIN).chain_update(salt).chain_update(body).finalize().into())
}

/// What one entry says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Which log.
    pub log: Origin,
    /// Its place, from 0.
    pub index: u64,
    /// When; never before the entry before.
    pub time: Moment,
    /// The number of the run in this log, from 1.
    pub run: Option<u64>,
    /// The step's id.
    pub step: Option<Name>,
    /// The key of the item, of a step inside an `each`.
    pub item: Option<String>,
    /// Which attempt, from 1.
    pub attempt: Option<u32>,
    /// Who did it, by handle.
    pub actor: Option<PersonId>,
    /// The digest of the plan.
    pub plan: Option<Digest>,
    /// What happened.
    pub kind: Kind,
}

/// Why bytes are not the body of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryError {
    /// Longer than [`BODY_MOST_BYTES`].
    TooLong,
    /// No canonical JSON, unknown or missing fields, or values of another form.
    Form(String),
    /// A format that this version does not know.
    Version(u32),
    /// A run or attempt 0.
    Zero,
}

impl fmt::Display for EntryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(f, "the body is longer than {BODY_MOST_BYTES} bytes"),
            Self::Form(what) => write!(f, "the body has another form: {what}"),
            Self::Version(v) => write!(f, "the body is of format {v}, which this version does not know"),
            Self::Zero => f.write_str("runs and attempts count from 1"),
        }
    }
}

impl std::error::Error for EntryError {}

/// In the order of canonical JSON, so that nothing need be put in order.
#[derive(Serialize)]
struct Written<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: Option<&'a PersonId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempt: Option<u32>,
    data: Data<'a>,
    index: u64,
    kind: &'a str,
    log: &'a Origin,
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<&'a Digest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<&'a Name>,
    time: Moment,
    v: u32,
}

/// What the entry says, with the item that it says it of.
struct Data<'a> {
    kind: &'a Kind,
    item: Option<&'a str>,
}

impl Serialize for Data<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct OfItem<'a> {
            #[serde(flatten)]
            kind: &'a Kind,
            item: &'a str,
        }
        match self.item {
            Some(item) => OfItem { kind: self.kind, item }.serialize(serializer),
            None => self.kind.serialize(serializer),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Read {
    v: u32,
    log: Origin,
    index: u64,
    time: Moment,
    kind: String,
    run: Option<u64>,
    step: Option<Name>,
    attempt: Option<u32>,
    actor: Option<PersonId>,
    plan: Option<Digest>,
    data: Map<String, Value>,
}

impl Entry {
    /// The body as stored and committed to.
    ///
    /// # Errors
    /// When a run or attempt is 0, or a number is beyond 2^53 − 1.
    pub fn to_bytes(&self) -> Result<Vec<u8>, EntryError> {
        self.counted()?;
        let written = Written {
            v: VERSION,
            log: &self.log,
            index: self.index,
            time: self.time,
            kind: self.kind.name(),
            run: self.run,
            step: self.step.as_ref(),
            attempt: self.attempt,
            actor: self.actor.as_ref(),
            plan: self.plan.as_ref(),
            data: Data { kind: &self.kind, item: self.item.as_deref() },
        };
        canon::to_bytes(&written).map_err(|e| EntryError::Form(e.to_string()))
    }

    /// Reads a body strictly.
    ///
    /// # Errors
    /// [`EntryError`] when the bytes are not exactly what [`Entry::to_bytes`] writes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, EntryError> {
        if bytes.len() > BODY_MOST_BYTES {
            return Err(EntryError::TooLong);
        }
        let read: Read = serde_json::from_slice(bytes).map_err(|e| EntryError::Form(e.to_string()))?;
        if read.v != VERSION {
            return Err(EntryError::Version(read.v));
        }
        let Read { log, index, time, kind, run, step, attempt, actor, plan, mut data, .. } = read;
        let item = data.remove(ITEM).map(serde_json::from_value::<String>).transpose();
        let item = item.map_err(|e| EntryError::Form(e.to_string()))?;
        let kind = Kind::parse(&kind, &data).map_err(EntryError::Form)?;
        let entry = Self { log, index, time, run, step, item, attempt, actor, plan, kind };
        // What was read is written again: another spelling, a member twice or one that says nothing has other bytes.
        if entry.to_bytes()? == bytes {
            Ok(entry)
        } else {
            Err(EntryError::Form("the JSON is not in canonical form (RFC 8785)".to_owned()))
        }
    }

    fn counted(&self) -> Result<(), EntryError> {
        if self.item.as_deref().is_some_and(|item| !is_token(item) || self.step.is_none()) {
            return Err(EntryError::Form("`item` is not a token, or of no step".to_owned()));
        }
        if self.run == Some(0) || self.attempt == Some(0) { Err(EntryError::Zero) } else { Ok(()) }
    }
}
