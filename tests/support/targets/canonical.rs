//! Canonical JSON of every kind: what is read is written as the same bytes.

use assent_schema::canon;
use assent_schema::client::{ClientFacts, Endpoints};
use assent_schema::ledger::Entry;
use assent_schema::plan::Plan;
use assent_schema::release::{Decision, Freshness, Manifest, Rehearsal};
use assent_schema::scenario::Tests;
use assent_schema::status::Status;
use assent_schema::uses::DataUse;
use serde::Serialize;
use serde::de::DeserializeOwned;

fn kind<T: Serialize + DeserializeOwned>(bytes: &[u8]) {
    if let Ok(read) = canon::from_bytes::<T>(bytes) {
        let written = canon::to_bytes(&read).expect("what was read can be written");
        let again: T = canon::from_bytes(&written).expect("what was written can be read");
        assert!(canon::to_bytes(&again).is_ok_and(|again| again == written), "canon of canon is canon");
    }
}

/// The bytes are tried as each kind.
pub(super) fn any_kind(bytes: &[u8]) {
    if let Ok(value) = canon::parse(bytes) {
        assert!(canon::to_bytes(&value).is_ok_and(|again| again == bytes), "canonical bytes are written as they are");
    } else {
        assert!(canon::from_bytes::<Manifest>(bytes).is_err(), "what is not canonical is nothing");
    }
    kind::<Manifest>(bytes);
    kind::<Freshness>(bytes);
    kind::<Rehearsal>(bytes);
    kind::<Decision>(bytes);
    kind::<Status>(bytes);
    kind::<Plan>(bytes);
    if let Ok(plan) = Plan::from_bytes(bytes) {
        let (written, _) = plan.to_bytes().expect("a plan that was read can be written");
        assert_eq!(Plan::from_bytes(&written), Ok(plan), "a plan says as much when it is read again");
    }
    kind::<Tests>(bytes);
    kind::<ClientFacts>(bytes);
    kind::<Endpoints>(bytes);
    kind::<DataUse>(bytes);
    if let Ok(entry) = Entry::from_bytes(bytes) {
        assert!(entry.to_bytes().is_ok_and(|again| again == bytes), "an entry has one spelling");
    }
}
