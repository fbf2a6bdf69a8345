//! What earlier checks found out, kept in the git directory. It may be deleted at any time; what is there is believed only
//! where it names what it is about, and never for a release.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use assent_schema::canon::Digest;
use git2::Repository;
use tempfile::NamedTempFile;

/// The largest note that is read, in bytes.
const NOTE_MOST_BYTES: u64 = 256 << 20;
/// The number of the notes' form.
const FORM: u32 = 1;

/// A folder of notes that one build of the compiler wrote for itself.
#[derive(Clone, Debug)]
pub struct Shelf {
    folder: PathBuf,
}

impl Shelf {
    /// The notes of this build in a repository; nothing when the build cannot tell itself from others.
    pub fn of(repository: &Repository) -> Option<Self> {
        Some(Self { folder: repository.commondir().join("assent").join(format!("check-{}", build()?)) })
    }

    /// A note, when it is there whole. Damage is the same as absence.
    pub fn get(&self, name: &str) -> Option<Vec<u8>> {
        let file = std::fs::File::open(self.folder.join(name)).ok()?;
        let mut bytes = Vec::new();
        file.take(NOTE_MOST_BYTES).read_to_end(&mut bytes).ok()?;
        let digest: Digest = std::str::from_utf8(bytes.get(..64)?).ok()?.parse().ok()?;
        let note = bytes.split_off(64);
        (Digest::of_file(&note) == digest).then_some(note)
    }

    /// Writes a note, whole or not at all. What cannot be written is found out again the next time.
    pub fn put(&self, name: &str, note: &[u8]) {
        if std::fs::metadata(&self.folder).is_err() {
            self.found();
        }
        // A note is a help and nothing rests on it: a folder that cannot be written is no error.
        drop(self.write(name, note));
    }

    fn write(&self, name: &str, note: &[u8]) -> std::io::Result<()> {
        let mut file = NamedTempFile::new_in(&self.folder)?;
        file.write_all(Digest::of_file(note).to_string().as_bytes())?;
        file.write_all(note)?;
        file.persist(self.folder.join(name))?;
        Ok(())
    }

    /// Makes the folder; those of other builds go, so that they do not pile up.
    fn found(&self) {
        let beside = self.folder.parent().map(Path::to_owned).unwrap_or_default();
        let others = std::fs::read_dir(&beside).into_iter().flatten().flatten();
        for other in others.filter(|entry| entry.file_name().as_encoded_bytes().starts_with(b"check-")) {
            drop(std::fs::remove_dir_all(other.path()));
        }
        drop(std::fs::create_dir_all(&self.folder));
    }
}

/// What tells this build from every other: the version alone does not while the compiler is worked on.
fn build() -> Option<String> {
    let program = std::env::current_exe().ok()?;
    let facts = std::fs::metadata(program).ok()?;
    let changed = facts.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    let named = format!("{FORM} {} {} {}", env!("CARGO_PKG_VERSION"), facts.len(), changed.as_nanos());
    Some(Digest::tagged("assent-build/v1", named.as_bytes()).short())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_whole_or_not_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let shelf = Shelf { folder: folder.path().join("check-1") };
        assert_eq!(shelf.get("acme"), None);
        shelf.put("acme", b"a note");
        assert_eq!(shelf.get("acme").as_deref(), Some(b"a note".as_slice()));
        let path = shelf.folder.join("acme");
        let whole = std::fs::read(&path).expect("the note");
        for at in 0..whole.len() {
            let mut bad = whole.clone();
            bad[at] ^= 1;
            #[expect(clippy::disallowed_methods, reason = "the test damages a note")]
            std::fs::write(&path, &bad).expect("a note that is damaged");
            assert_eq!(shelf.get("acme"), None, "byte {at}");
            #[expect(clippy::disallowed_methods, reason = "the test damages a note")]
            std::fs::write(&path, whole.get(..at).unwrap_or_default()).expect("a note that is cut off");
            assert_eq!(shelf.get("acme"), None, "cut off at {at}");
        }
    }
}
