//! Which file an approval stands in: asked for where something is said of the approval, and not known before.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use assent_schema::canon::Digest;
use assent_schema::id::ClientId;

use crate::source::{Place, Source};

/// The files of a client's approvals.
#[derive(Clone, Debug, Default)]
pub struct ApprovalFiles {
    given: Vec<(Arc<str>, Arc<[u8]>)>,
    /// By the digest of each, once somebody asks: an approval may be a megabyte.
    named: OnceLock<BTreeMap<Digest, Arc<str>>>,
}

impl ApprovalFiles {
    /// Those of a client in a source.
    pub(super) fn of(source: &Source, client: &ClientId) -> Self {
        let files = source.files.iter().filter(|(_, file)| matches!(&file.place, Place::Approval(of) if of == client));
        let given = files.map(|(path, file)| (Arc::clone(path), Arc::clone(&file.bytes))).collect();
        Self { given, named: OnceLock::new() }
    }

    /// The file of the approval with this digest.
    pub(super) fn get(&self, digest: &Digest) -> Option<&str> {
        let all = || self.given.iter().map(|(path, bytes)| (Digest::of_file(bytes), Arc::clone(path))).collect();
        self.named.get_or_init(all).get(digest).map(|path| &**path)
    }
}
