//! What a source is to a compiler that reads it part by part.

use std::collections::BTreeMap;

use assent_schema::canon::Digest;
use assent_schema::finding::{Finding, Findings};
use assent_schema::id::{ClientId, WorkflowId};
use git2::Oid;

use super::Source;
use crate::error::Error;

/// One workflow of which nothing was read yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// Its name.
    pub name: WorkflowId,
    /// The blob of its file; absent for a source without blobs, or where there is none.
    pub workflow: Option<Oid>,
    /// The blob of its scenarios, as well.
    pub tests: Option<Oid>,
}

/// A client's folder, but for its workflows.
#[derive(Clone, Debug, Default)]
pub struct Folder {
    /// Its files.
    pub source: Source,
    /// What was found while they were read.
    pub findings: Findings,
    /// Its workflows.
    pub pending: Vec<Pending>,
    /// How many files it has in all, read or not.
    pub files: usize,
    /// What names all of it but the workflows; absent for a source without blobs.
    pub mark: Option<Digest>,
}

/// A source whose parts are read when they are wanted, from any thread.
///
/// Every file is in one part. What may not be read is a finding of the part that it would be in.
pub trait Parts: Sync {
    /// The commit; absent for a work tree.
    fn commit(&self) -> Option<Oid>;

    /// The clients that have a folder.
    fn clients(&self) -> Vec<ClientId>;

    /// Clients whose folders are pinned and not here.
    fn away(&self) -> Vec<ClientId> {
        Vec::new()
    }

    /// The commits at which clients are pinned, here or not.
    fn pins(&self) -> BTreeMap<ClientId, Oid> {
        BTreeMap::new()
    }

    /// Everything outside of the clients' folders.
    ///
    /// # Errors
    /// When it cannot be read.
    fn project(&self) -> Result<(Source, Findings), Error>;

    /// Everything in a client's folder but workflows and scenarios, and what there is of those.
    ///
    /// # Errors
    /// As [`Self::project`].
    fn client(&self, client: &ClientId) -> Result<Folder, Error>;

    /// Workflows of a client with their scenarios. `these` are some that [`Self::client`] gave.
    ///
    /// # Errors
    /// As [`Self::project`].
    fn workflows(&self, client: &ClientId, these: &[Pending]) -> Result<(Source, Findings), Error>;

    /// What names everything outside of the clients' folders; absent for a source without blobs.
    fn project_mark(&self) -> Option<Digest> {
        None
    }

    /// What names a client's folder with everything in it.
    fn client_mark(&self, _client: &ClientId) -> Option<Digest> {
        None
    }

    /// Counts a client's files and bytes that need not be read, so that what is too large stays so.
    fn count(&self, _files: usize, _bytes: usize) {}

    /// What is wrong with the source as a whole: it is larger than what is read. Asked for in the end.
    fn too_large(&self) -> Option<Finding> {
        None
    }

    /// The text of a file, for people. It is read once more; the parts of a source need not be kept for it.
    fn text(&self, path: &str) -> Option<String>;
}
