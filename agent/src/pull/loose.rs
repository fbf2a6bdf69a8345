//! Objects of a repository that lie in a file each and break off: looked for before anything is asked for, which would not end.
//!
//! # Source
//! See `assent_schema::loose`.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use assent_schema::loose::{Inflater, MOST_BYTES, folders, names_object};

use super::PullFailure;

/// Looks at the objects of another repository on this machine.
///
/// # Errors
/// [`PullFailure::Garbled`] when one breaks off, [`PullFailure::TooLarge`] when they come to too much, and
/// [`PullFailure::Unreachable`] when one cannot be read.
pub(super) fn look(objects: &Path) -> Result<(), PullFailure> {
    let (mut left, mut inflater) = (MOST_BYTES, Inflater::default());
    for file in files(objects).or(Err(PullFailure::Unreachable))? {
        match size(&file, left, &mut inflater) {
            Ok(Some(size)) => left = left.checked_sub(size).filter(|left| *left > 0).ok_or(PullFailure::TooLarge)?,
            Ok(None) => return Err(PullFailure::Garbled),
            // Somebody packs meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(_) => return Err(PullFailure::Unreachable),
        }
    }
    Ok(())
}

/// Takes every object away that breaks off, of a repository that nobody else writes to. It is then missing, which whoever reads it is
/// told.
///
/// # Errors
/// When a folder or file cannot be read, or a file not be removed.
pub fn take_away(repository: &Path) -> io::Result<()> {
    let mut inflater = Inflater::default();
    for file in files(&repository.join("objects"))? {
        if size(&file, MOST_BYTES, &mut inflater)?.is_none() {
            tracing::warn!(file = %file.display(), "an object broke off and was taken away");
            std::fs::remove_file(&file)?;
        }
    }
    Ok(())
}

fn size(file: &Path, most: u64, inflater: &mut Inflater) -> io::Result<Option<u64>> {
    // Opening a pipe waits for whoever writes into it.
    if std::fs::symlink_metadata(file)?.is_file() { inflater.size(File::open(file)?, most) } else { Ok(None) }
}

fn files(objects: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for folder in folders().map(|name| objects.join(name)).filter(|folder| folder.is_dir()) {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            found.extend(entry.file_name().to_str().is_some_and(names_object).then(|| entry.path()));
        }
    }
    Ok(found)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the test cuts a file off as a power cut does")]
mod tests {
    use git2::{ObjectType, Repository};

    use super::*;

    #[test]
    fn what_breaks_off_is_told_and_taken_away_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let objects = folder.path().join("objects");
        let repository = Repository::init_bare(folder.path()).unwrap();
        let odb = repository.odb().unwrap();
        let file = |bytes: &[u8]| {
            let id = odb.write(ObjectType::Blob, bytes).unwrap().to_string();
            let (folder, name) = id.split_at(2);
            objects.join(folder).join(name)
        };
        let (one, other) = (file(b"one"), file(&[7; 10_000]));
        for (place, text) in [("00/tmp_obj_abc", "half"), ("pack/pack-1.pack", "half")] {
            std::fs::create_dir_all(objects.join(place).parent().unwrap()).unwrap();
            std::fs::write(objects.join(place), text).unwrap();
        }
        assert_eq!(look(&objects), Ok(()));
        let whole = std::fs::read(&other).unwrap();
        std::fs::remove_file(&other).unwrap();
        std::fs::write(&other, whole.split_at(whole.len() / 2).0).unwrap();
        assert_eq!(look(&objects), Err(PullFailure::Garbled));
        take_away(folder.path()).unwrap();
        assert!(one.exists() && !other.exists() && objects.join("00/tmp_obj_abc").exists());
        assert_eq!(look(&objects), Ok(()));
    }
}
