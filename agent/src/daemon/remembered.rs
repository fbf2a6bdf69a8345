//! What may never be forgotten of accepted releases, as the store keeps it.

use std::collections::BTreeMap;

use assent_schema::canon::{self, Digest};
use assent_schema::id::{ClientId, PersonId};
use assent_schema::time::Moment;
use assent_schema::trust::SignedFile;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::pin::Pin;
use crate::store::{Store, StoreError, Write};
use crate::verify::PinnedTrust;

/// Where the store keeps what may never be forgotten.
const PINNED: &str = "trust/pinned";
/// Where the store keeps statements: `trust/statements/<client>/<sha256>`.
const STATEMENTS: &str = "trust/statements/";
/// Where the store keeps the plans that were accepted here before.
const PLANS: &str = "trust/plans/";

/// Writes down what a release pins; of plans and statements those alone that were not known `before`.
///
/// # Errors
/// [`StoreError::Damaged`] when it has no canonical form, which it has.
pub(super) fn writes(
    pinned: &PinnedTrust,
    before: &PinnedTrust,
    fresh: Option<Moment>,
) -> Result<Vec<Write>, StoreError> {
    let damaged = |_| StoreError::Damaged("a statement without canonical form");
    let state = |name: String, value: Vec<u8>| Write::State { name, value: Some(value) };
    let known = Remembered {
        root: pinned.root.0,
        root_digest: pinned.root.1,
        generation: pinned.sequence.0,
        sequence: pinned.sequence.1,
        manifest: pinned.manifest,
        teams: pinned.numbers.0,
        catalog: pinned.numbers.1,
        approvers: pinned.approvers.clone(),
        resets: pinned.resets.clone(),
        fresh,
    };
    let mut writes = vec![state(PINNED.to_owned(), canon::to_bytes(&known).map_err(damaged)?)];
    let new = pinned.plans.difference(&before.plans);
    writes.extend(new.map(|plan| state(format!("{PLANS}{plan}"), Vec::new())));
    for (client, statements) in &pinned.statements {
        let known = before.statements.get(client).map_or(&[][..], Vec::as_slice);
        for signed in statements.iter().filter(|signed| !known.contains(signed)) {
            writes.push(keep_statement(client, signed)?);
        }
    }
    Ok(writes)
}

/// Keeps a statement for ever.
///
/// # Errors
/// [`StoreError::Damaged`] when it has no canonical form, which it has.
pub(super) fn keep_statement(client: &ClientId, signed: &SignedFile) -> Result<Write, StoreError> {
    let name = format!("{STATEMENTS}{client}/{}", Digest::of_file(&signed.bytes));
    let value = canon::to_bytes(&Stored::of(signed));
    let value = value.or(Err(StoreError::Damaged("a statement without canonical form")))?;
    Ok(Write::State { name, value: Some(value) })
}

/// The numbers and digests that may never be forgotten.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Remembered {
    root: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    root_digest: Option<Digest>,
    generation: u32,
    sequence: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    manifest: Option<Digest>,
    /// Zero in what was remembered before teams and catalog were.
    #[serde(default)]
    teams: u64,
    #[serde(default)]
    catalog: u64,
    approvers: BTreeMap<ClientId, (u32, Digest)>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    resets: BTreeMap<Digest, Moment>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fresh: Option<Moment>,
}

/// A statement with its signatures, in base64.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    bytes: String,
    signatures: BTreeMap<PersonId, String>,
}

impl Stored {
    fn of(signed: &SignedFile) -> Self {
        let signatures = signed.signatures.iter().map(|(who, bytes)| (who.clone(), STANDARD.encode(bytes))).collect();
        Self { bytes: STANDARD.encode(&signed.bytes), signatures }
    }

    fn into_signed(self) -> Option<SignedFile> {
        let bytes = STANDARD.decode(self.bytes).ok()?;
        let decode = |(who, text): (PersonId, String)| Some((who, STANDARD.decode(text).ok()?));
        Some(SignedFile { bytes, signatures: self.signatures.into_iter().map(decode).collect::<Option<_>>()? })
    }
}

/// The version of root that was accepted last; nothing before the first release.
///
/// # Errors
/// When the store cannot be read or holds something else.
pub(super) fn known_root(store: &impl Store) -> Result<Option<u32>, StoreError> {
    let Some(bytes) = store.state(PINNED)? else { return Ok(None) };
    let known: Remembered =
        canon::from_bytes(&bytes).or(Err(StoreError::Damaged("what is remembered of accepted releases")))?;
    Ok(Some(known.root))
}

/// What the agent remembers: the pin of its enrolment, moved on by every release that it accepted.
///
/// # Errors
/// When the store cannot be read or holds something else.
pub(super) fn remembered(store: &impl Store, pin: &Pin) -> Result<(PinnedTrust, Option<Moment>), StoreError> {
    let damaged = || StoreError::Damaged("what is remembered of accepted releases");
    let mut pinned = PinnedTrust {
        project: Some(pin.project),
        root: (pin.root, None),
        sequence: (pin.generation, pin.sequence),
        ..PinnedTrust::default()
    };
    let Some(bytes) = store.state(PINNED)? else { return Ok((pinned, None)) };
    let known: Remembered = canon::from_bytes(&bytes).or(Err(damaged()))?;
    pinned.root = (known.root, known.root_digest);
    pinned.sequence = (known.generation, known.sequence);
    pinned.manifest = known.manifest;
    pinned.numbers = (known.teams, known.catalog);
    pinned.approvers = known.approvers;
    pinned.resets = known.resets;
    for (name, _) in store.states(PLANS)? {
        pinned.plans.insert(name.strip_prefix(PLANS).and_then(|text| text.parse().ok()).ok_or_else(damaged)?);
    }
    for (name, bytes) in store.states(STATEMENTS)? {
        let client = name.strip_prefix(STATEMENTS).and_then(|rest| rest.split_once('/')).map(|(client, _)| client);
        let client = client.and_then(|client| ClientId::new(client).ok()).ok_or_else(damaged)?;
        let stored: Stored = canon::from_bytes(&bytes).or(Err(damaged()))?;
        pinned.statements.entry(client).or_default().push(stored.into_signed().ok_or_else(damaged)?);
    }
    Ok((pinned, known.fresh))
}
