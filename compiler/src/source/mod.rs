//! A commit, or a work tree, as paths and bytes; what may not be read is a finding. Nothing here knows TOML.
//!
//! A source is read part by part ([`Parts`]): what all clients share, one client, some of its workflows. So a source of
//! any size is compiled in the room that its parts need.
//!
//! # Source
//! language.md section 1, formats.md section 1.

mod advice;
mod collect;
mod commit;
mod commits;
mod git;
mod held;
mod history;
pub mod limits;
mod memory;
mod parts;
mod pinned;
mod place;
mod shared;
mod shelf;
pub mod sound;
mod text;
mod tree;
mod trust_files;
mod weigh;
mod worktree;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use git2::Oid;

use collect::{Collector, Reading};
pub use collect::{report_searched, secret_name};
pub use commit::{read_commit, resolve_commit};
pub use commits::{Change, changes_beside, changes_since};
pub use git::{Commit, open_commit, unhashed};
pub use held::Held;
pub use history::{Old, OldFile, look_through, pinned_by, pins_of};
pub use memory::read_files;
pub use parts::{Folder, Parts, Pending};
pub use pinned::{CLIENTS_LOCK, Pin, PinnedClients, Pins, read_pinned};
pub use place::{Place, place_of};
pub use shared::{Configured, LIBRARY_FOLDER, Library, PROJECT_FILE, Shared, SharedReader};
pub use shelf::Shelf;
pub use text::shown_path;
pub use tree::{TreeEntry, tree_digest, tree_digest_of_commit};
pub use trust_files::{Past, TrustFiles};
pub use weigh::Scales;
pub use worktree::{look_beside, read_worktree, read_worktree_file};

/// The files that the compiler reads, by path.
pub type Files = BTreeMap<Arc<str>, File>;

/// One file.
#[derive(Clone, Debug)]
#[expect(clippy::partial_pub_fields, reason = "the text is made from the bytes, by `new` alone")]
pub struct File {
    /// What kind of file stands at this path.
    pub place: Place,
    /// Its bytes, as stored; those of its text, where it is not one of the source.
    pub bytes: Arc<[u8]>,
    /// The same bytes, not copied, as text; empty when they are none.
    text: Arc<str>,
}

impl File {
    /// A file of a kind.
    pub fn new(place: Place, bytes: &[u8]) -> Self {
        let text: Arc<str> = std::str::from_utf8(bytes).unwrap_or_default().into();
        let is_text = text.len() == bytes.len();
        let bytes = if is_text { Arc::clone(&text).into() } else { bytes.into() };
        Self { place, bytes, text }
    }

    /// The file's text. Every file that is not a part of a passkey signature was checked to be text.
    pub fn text(&self) -> &Arc<str> {
        &self.text
    }
}

/// What the compiler compiles, or a part of it.
#[derive(Clone, Debug, Default)]
#[expect(clippy::partial_pub_fields, reason = "what a part rests on is looked up, never looked through")]
pub struct Source {
    /// The commit; absent for a work tree.
    pub commit: Option<Oid>,
    /// The files that it reads, sorted by path. Files without a place in language.md section 1 are not here.
    pub files: Files,
    /// Files whose characters were refused: kept so that findings about them have lines, never compiled.
    pub refused: Files,
    /// Paths where something stands that is not read at all: links, files that are too large or in no right place.
    pub unread: BTreeSet<Arc<str>>,
    /// The part that this one rests on.
    above: Option<Arc<Source>>,
}

impl Source {
    /// The same part, resting on another: what it does not hold is looked up there.
    #[must_use]
    pub fn below(mut self, above: &Arc<Self>) -> Self {
        self.above = Some(Arc::clone(above));
        self
    }

    /// Takes the files of another part of the same source.
    pub fn absorb(&mut self, other: Self) {
        self.files.extend(other.files);
        self.refused.extend(other.refused);
        self.unread.extend(other.unread);
    }

    /// The size of all files of this part.
    pub(crate) fn size_bytes(&self) -> usize {
        self.files.values().chain(self.refused.values()).map(|file| file.bytes.len()).sum()
    }

    /// A file of this part or of one that it rests on.
    pub fn file(&self, path: &str) -> Option<&File> {
        self.files.get(path).or_else(|| self.above.as_ref()?.file(path))
    }

    /// The paths of every file of this part and of those that it rests on.
    pub fn paths(&self) -> Vec<&Arc<str>> {
        let mut paths: Vec<&Arc<str>> = self.files.keys().collect();
        if let Some(above) = &self.above {
            paths.extend(above.paths());
        }
        paths
    }

    /// The text of a file for people; nothing when it was not read.
    pub fn text(&self, path: &str) -> Option<&str> {
        let own = self.files.get(path).or_else(|| self.refused.get(path));
        match own {
            Some(file) => std::str::from_utf8(&file.bytes).ok(),
            None => self.above.as_ref()?.text(path),
        }
    }
}
