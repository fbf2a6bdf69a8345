//! Locks of git that a process left behind which died: they are files, and nobody takes them away but whoever knows that it is
//! gone.

use std::io;
use std::path::Path;

/// How deep references lie at most: `refs/heads/status/<environment>/<region>/<agent>`.
const DEPTH_MOST: u32 = 8;
const LOCK: &str = "lock";

/// Takes all locks of a repository away that nobody else writes to, on references and on what stands beside them.
///
/// # Errors
/// When a folder cannot be read or a lock not be removed.
pub fn take_away(repository: &Path) -> io::Result<()> {
    within(repository, false, 0)?;
    within(&repository.join("refs"), true, DEPTH_MOST)
}

/// Takes the lock of one reference away, and nothing where there is none.
pub(super) fn take_away_one(repository: &Path, reference: &str) {
    match std::fs::remove_file(repository.join(format!("{reference}.{LOCK}"))) {
        Ok(()) => tracing::warn!(reference, "a transfer that died had locked this"),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => tracing::warn!(%error, reference, "a lock could not be removed"),
    }
}

fn within(folder: &Path, below: bool, depth: u32) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let (path, kind) = (entry.path(), entry.file_type()?);
        if kind.is_dir() && below && depth > 0 {
            within(&path, below, depth.saturating_sub(1))?;
        } else if kind.is_file() && path.extension().is_some_and(|extension| extension == LOCK) {
            std::fs::remove_file(&path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the test leaves a lock as a process does that dies")]
mod tests {
    use std::collections::BTreeMap;

    use assent_schema::time::Moment;

    use super::super::{push, read};
    use super::*;

    #[test]
    fn a_repository_is_written_to_again_after_a_process_died_in_it() {
        let folder = tempfile::tempdir().unwrap();
        read::prepare(folder.path()).unwrap();
        let put = |text: &str| {
            let files = BTreeMap::from([("status.json".to_owned(), text.as_bytes().to_vec())]);
            push::commit(folder.path(), "status/production/eu/eu-1", &files, Moment::from_seconds(1))
        };
        assert_eq!(put("1"), Ok(true));
        let references =
            ["refs/heads/status/production/eu/eu-1", "refs/quarantine/release", "HEAD", "packed-refs", "config"];
        for reference in references {
            let lock = folder.path().join(format!("{reference}.lock"));
            std::fs::create_dir_all(lock.parent().unwrap()).unwrap();
            std::fs::write(lock, "").unwrap();
        }
        assert!(put("2").is_err(), "somebody holds it");
        take_away_one(folder.path(), "refs/quarantine/release");
        take_away_one(folder.path(), "refs/quarantine/release");
        assert!(!folder.path().join("refs/quarantine/release.lock").exists());
        take_away(folder.path()).unwrap();
        assert_eq!(put("2"), Ok(true));
        assert!(references.iter().all(|reference| !folder.path().join(format!("{reference}.lock")).exists()));
        assert!(folder.path().join("config").exists() && folder.path().join("HEAD").exists());
    }
}
