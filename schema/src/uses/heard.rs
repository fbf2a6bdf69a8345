//! What the catalog says of an event, or a workflow of the files that it takes: how it is known, and where each field stands.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{read_at, spelled};
use crate::canon::{self, CanonError, Digest};
use crate::id::Name;
use crate::plan::{AfterFile, Argument, Dialect, Event, Hmac, Once, OwnEvent, Poll, Trigger};
use crate::shape::Field;

/// How an event is known and read, as the client signs it. Which fields come, and how private they are, the reads say.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventUse {
    /// SHA-256 over `"assent-event/v1\0"` and the canonical JSON of how it is signed and told from others.
    pub digest: Digest,
    /// The fields by which an event is accepted once, where it starts runs and its sender signs no id of the delivery.
    #[serde(default, deserialize_with = "spelled::listed", skip_serializing_if = "Vec::is_empty")]
    pub once: Vec<Name>,
    /// Where each field that the workflow takes stands on the wire, as in the answers of operations.
    #[serde(default, deserialize_with = "spelled::some", skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, String>,
    /// The fields that must have these values, as text, for it to begin a run: no field where each one does. Absent where none
    /// does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts: Option<BTreeMap<Name, String>>,
}

/// How a signed event is known.
#[derive(Serialize)]
struct Known<'e> {
    dialect: Dialect,
    #[serde(skip_serializing_if = "Option::is_none")]
    header: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hmac: Option<&'e Hmac>,
    matches: &'e BTreeMap<String, String>,
    #[serde(rename = "self", skip_serializing_if = "Option::is_none")]
    own: Option<&'e OwnEvent>,
}

/// How the items of a list are known.
#[derive(Serialize)]
struct Listed<'e> {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    with: &'e BTreeMap<Name, Argument>,
    items: &'e Name,
    order: &'e Name,
    id: &'e Name,
    since: &'e Name,
    #[serde(rename = "self", skip_serializing_if = "Option::is_none")]
    own: Option<&'e OwnEvent>,
}

/// How a file is known.
#[derive(Serialize)]
struct Taken<'e> {
    pattern: &'e str,
    after: AfterFile,
}

impl EventUse {
    /// What a trigger takes, by the name that data uses have for it: `<connection>.<event>`, `folder/<folder>`,
    /// `list/<operation>`, or `manual`. Nothing for a schedule, with which nothing comes.
    pub(super) fn of_trigger(trigger: &Trigger) -> Result<Option<(String, Self)>, CanonError> {
        let starts = Some(trigger.only().cloned().unwrap_or_default());
        Ok(Self::taken_by(trigger)?.map(|(name, taken)| (name, Self { starts, ..taken })))
    }

    fn taken_by(trigger: &Trigger) -> Result<Option<(String, Self)>, CanonError> {
        match trigger {
            Trigger::Webhook { connection, event, dialect, header, hmac, matches, once, own, fields, .. } => {
                let (header, hmac) = (header.as_deref(), hmac.as_deref());
                let known = Known { dialect: *dialect, header, hmac, matches, own: own.as_ref() };
                let once = once.iter().flat_map(Once::names).cloned().collect();
                Ok(Some((format!("{connection}.{event}"), Self { once, ..Self::with(&known, fields)? })))
            }
            Trigger::Inbox { folder, pattern, after, fields, .. } => {
                let taken = Self::with(&Taken { pattern, after: *after }, fields)?;
                Ok(Some((format!("folder/{folder}"), taken)))
            }
            Trigger::Poll { poll, fields, .. } => {
                let Poll { read, with, every: _, lag: _, items, order, id, since, own } = poll.as_ref();
                let listed = Listed { with, items, order, id, since, own: own.as_ref() };
                Ok(Some((format!("list/{read}"), Self::with(&listed, fields)?)))
            }
            Trigger::Manual { fields } if !fields.is_empty() => {
                Ok(Some(("manual".to_owned(), Self::with(&BTreeMap::<String, String>::new(), fields)?)))
            }
            Trigger::Schedule { .. } | Trigger::Manual { .. } => Ok(None),
        }
    }

    /// The same of an event that is no trigger.
    pub(super) fn of_event(of: &Event) -> Result<(String, Self), CanonError> {
        let Event { connection, event, dialect, header, hmac, matches, record: _, fields, own } = of;
        let (header, hmac) = (header.as_deref(), hmac.as_deref());
        let known = Known { dialect: *dialect, header, hmac, matches, own: own.as_ref() };
        Ok((format!("{connection}.{event}"), Self::with(&known, fields)?))
    }

    fn with(known: &impl Serialize, taken: &BTreeMap<Name, Field>) -> Result<Self, CanonError> {
        let digest = Digest::tagged("assent-event/v1", &canon::to_bytes(known)?);
        let mut fields = BTreeMap::new();
        for (name, field) in taken {
            read_at(name.as_str(), field, &mut fields)?;
        }
        Ok(Self { digest, once: Vec::new(), fields, starts: None })
    }

    /// The same event, taken at another place of a workflow too. What a catalog never says of one event, that it is known or
    /// read in two ways, is covered by nothing.
    pub(super) fn join(&mut self, other: Self) {
        let Self { digest, once, fields, starts } = other;
        if self.digest != digest {
            let both = [self.digest.to_string(), digest.to_string()].concat();
            self.digest = Digest::tagged("assent-event/v1", both.as_bytes());
        }
        if self.once.is_empty() {
            self.once = once;
        } else if !once.is_empty() && self.once != once {
            self.once.extend(once);
        }
        // One trigger alone begins runs.
        self.starts = self.starts.take().or(starts);
        for (name, at) in fields {
            let known = self.fields.entry(name).or_insert_with(|| at.clone());
            if *known != at {
                known.push_str(" and ");
                known.push_str(&at);
            }
        }
    }

    /// Whether one that was approved is known in the same way, read at least as far, and begins at least as many runs.
    pub fn covers(&self, derived: &Self) -> bool {
        let Self { digest, once, fields, starts: _ } = derived;
        let read = |(name, at): (&String, &String)| self.fields.get(name) == Some(at);
        self.digest == *digest && self.once == *once && fields.iter().all(read) && self.starts_as_much(derived)
    }

    /// Whether each event by which the other begins a run may begin one by this: what was approved has no condition that the
    /// other lacks.
    pub fn starts_as_much(&self, other: &Self) -> bool {
        let Some(begins) = &other.starts else { return true };
        let holds = |(name, value): (&Name, &String)| begins.get(name) == Some(value);
        self.starts.as_ref().is_some_and(|approved| approved.iter().all(holds))
    }
}
