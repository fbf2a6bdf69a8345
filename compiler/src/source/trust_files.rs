//! Roots and teams of a commit, and all that stood before it.

use std::collections::BTreeMap;
use std::sync::Arc;

use assent_schema::id::PersonId;
use assent_schema::trust::SignedFile;

use super::place::{Place, place_of};

/// Trust files that stood in some commits, each once.
pub type Past = Arc<Vec<Arc<TrustFiles>>>;

/// All that stood in any of some pasts.
pub(super) fn joined(pasts: impl IntoIterator<Item = Past>) -> Past {
    let mut pasts = pasts.into_iter();
    let mut all = pasts.next().unwrap_or_default();
    for past in pasts.filter(|past| !past.is_empty()) {
        // Nearly all commits have the same.
        if !Arc::ptr_eq(&all, &past) {
            past.iter().for_each(|trust| all = with(&all, trust));
        }
    }
    all
}

pub(super) fn with(past: &Past, trust: &Arc<TrustFiles>) -> Past {
    if past.iter().any(|known| Arc::ptr_eq(known, trust)) {
        return Arc::clone(past);
    }
    Arc::new(past.iter().chain([trust]).map(Arc::clone).collect())
}

/// Roots and teams of a commit, nothing of them checked.
#[derive(Clone, Debug, Default)]
pub struct TrustFiles {
    /// `trust/root/<version>.toml`.
    pub roots: BTreeMap<u32, SignedFile>,
    /// `trust/teams.toml`.
    pub teams: Option<SignedFile>,
}

/// Files of the trust folder by what they are, each with its signatures.
pub(super) fn sorted_out(files: BTreeMap<String, Vec<u8>>) -> TrustFiles {
    let mut trust = TrustFiles::default();
    let mut signatures: BTreeMap<String, BTreeMap<PersonId, Vec<u8>>> = BTreeMap::new();
    for (path, bytes) in &files {
        if let Place::Signature(of, person) = place_of(path) {
            signatures.entry(of.to_string()).or_default().insert(person, bytes.clone());
        }
    }
    for (path, bytes) in files {
        let place = place_of(&path);
        if !matches!(place, Place::Root(_) | Place::Teams) {
            continue;
        }
        let signed = SignedFile { bytes, signatures: signatures.remove(&path).unwrap_or_default() };
        if let Place::Root(number) = place {
            trust.roots.insert(u32::try_from(number).unwrap_or(u32::MAX), signed);
        } else {
            trust.teams = Some(signed);
        }
    }
    trust
}
