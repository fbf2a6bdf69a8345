//! Objects that git keeps in a file each, and whether all of each file is there: a power cut or a full disk leaves some that are not.
//!
//! libgit2 up to 1.9 inflates such a file for ever, whoever asks for the object (libgit2 issue 7342), so nobody may ask before this
//! has looked. Packs need no look: it refuses those that break off.
//!
//! # Source
//! gitformat-loose(5) names the folders and the form; RFC 1950 the end of what is compressed.

use std::fs::File;
use std::io::{self, ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use flate2::{Decompress, FlushDecompress, Status};

/// How much all of a repository's come to, in bytes: some seconds of work.
const ALL_MOST_BYTES: u64 = 1 << 30;
/// How far repositories may borrow objects of one another, as git has it.
const BORROWED_MOST: usize = 5;
/// How much is read, and made, at once.
const CHUNK_BYTES: usize = 32 << 10;

/// What is wrong with the objects of a repository that lie in files of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unsound {
    /// The file breaks off before its object ends, or is no object.
    CutOff(PathBuf),
    /// They come to more than is looked at.
    TooMuch,
}

/// Looks at every object of a folder of objects, and of those that it borrows from, that lies in a file of its own.
///
/// # Errors
/// When a folder or file cannot be read. One that goes meanwhile, since somebody packs, is none.
pub fn look(objects: &Path) -> io::Result<Option<Unsound>> {
    look_within(objects, ALL_MOST_BYTES)
}

fn look_within(objects: &Path, most: u64) -> io::Result<Option<Unsound>> {
    let (mut left, mut buffers) = (most, Buffers::default());
    for file in
        lenders(objects, BORROWED_MOST)?.iter().map(|objects| files(objects)).collect::<io::Result<Vec<_>>>()?.concat()
    {
        match made(&file, left, &mut buffers) {
            Ok(Some(made)) if made < left => left = left.saturating_sub(made),
            Ok(Some(_)) => return Ok(Some(Unsound::TooMuch)),
            Ok(None) => return Ok(Some(Unsound::CutOff(file))),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// A folder of objects and those that it borrows from.
fn lenders(objects: &Path, borrowed: usize) -> io::Result<Vec<PathBuf>> {
    let mut all = vec![objects.to_owned()];
    let others = match std::fs::read_to_string(objects.join("info/alternates")) {
        Ok(others) => others,
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error),
    };
    for other in others.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(left) = borrowed.checked_sub(1) {
            all.extend(lenders(&objects.join(other), left)?);
        }
    }
    Ok(all)
}

/// Takes every file away that breaks off, of a repository that nobody else writes to. Its objects are then missing, which whoever reads
/// them is told.
///
/// # Errors
/// As [`look`], and when one cannot be removed.
pub fn take_away(repository: &Path) -> io::Result<()> {
    let mut buffers = Buffers::default();
    for file in files(&repository.join("objects"))? {
        if made(&file, ALL_MOST_BYTES, &mut buffers)?.is_none() {
            tracing::warn!(file = %file.display(), "an object broke off and was taken away");
            std::fs::remove_file(&file)?;
        }
    }
    Ok(())
}

/// The files of objects: two digits name the folder and the others the file. Whatever else lies there is none of git's.
fn files(objects: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for folder in (0..=u8::MAX).map(|first| objects.join(format!("{first:02x}"))) {
        let listed = match std::fs::read_dir(&folder) {
            Ok(listed) => listed,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => continue,
            Err(error) => return Err(error),
        };
        for entry in listed {
            let entry = entry?;
            let is_named = entry.file_name().to_str().is_some_and(|name| {
                name.len() >= 38 && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
            });
            if is_named {
                found.push(entry.path());
            }
        }
    }
    Ok(found)
}

/// Room that is used for one file after another.
struct Buffers {
    read: Vec<u8>,
    made: Vec<u8>,
    inflate: Decompress,
}

impl Default for Buffers {
    fn default() -> Self {
        Self { read: vec![0; CHUNK_BYTES], made: vec![0; CHUNK_BYTES], inflate: Decompress::new(true) }
    }
}

/// How many bytes a file inflates to, but at most so many; nothing when it ends before its object does, or holds something else.
fn made(file: &Path, most: u64, buffers: &mut Buffers) -> io::Result<Option<u64>> {
    let mut file = File::open(file)?;
    let Buffers { read: chunk, made, inflate } = buffers;
    inflate.reset(true);
    loop {
        let count = match file.read(chunk) {
            Ok(0) => return Ok(None),
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let mut rest = chunk.get(..count).unwrap_or_default();
        loop {
            let (taken, given) = (inflate.total_in(), inflate.total_out());
            let status = inflate.decompress(rest, made, FlushDecompress::None);
            let taken = usize::try_from(inflate.total_in().saturating_sub(taken)).unwrap_or(usize::MAX);
            rest = rest.get(taken..).unwrap_or_default();
            match status {
                Ok(Status::StreamEnd) => return Ok(Some(inflate.total_out())),
                Err(_) => return Ok(None),
                Ok(_) if inflate.total_out() >= most => return Ok(Some(most)),
                Ok(_) if taken == 0 && inflate.total_out() == given => break,
                Ok(_) => {}
            }
        }
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the tests cut files off as a power cut does")]
mod tests {
    use git2::{ObjectType, Repository};
    use proptest::prelude::*;

    use super::*;

    fn holding(bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let repository = Repository::init_bare(folder.path()).unwrap();
        let id = repository.odb().unwrap().write(ObjectType::Blob, bytes).unwrap().to_string();
        let file = folder.path().join("objects").join(id.get(..2).unwrap()).join(id.get(2..).unwrap());
        assert!(file.exists());
        (folder, file)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Whatever it holds, and wherever it is cut.
        #[test]
        fn a_file_is_whole_or_it_is_told(bytes in prop::collection::vec(any::<u8>(), 0..100_000), cut in 0.0..1.0_f64, noise: bool) {
            let bytes = if noise { bytes } else { vec![7; bytes.len()] };
            let (folder, file) = holding(&bytes);
            let objects = folder.path().join("objects");
            prop_assert_eq!(look(&objects).unwrap(), None);
            let whole = std::fs::read(&file).unwrap();
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a place in the file")]
            let kept = (whole.len() as f64 * cut) as usize;
            std::fs::remove_file(&file).unwrap();
            std::fs::write(&file, &whole[..kept]).unwrap();
            prop_assert_eq!(look(&objects).unwrap(), Some(Unsound::CutOff(file.clone())));
            take_away(folder.path()).unwrap();
            prop_assert!(!file.exists());
            prop_assert_eq!(look(&objects).unwrap(), None);
        }
    }

    #[test]
    fn what_is_small_on_disk_and_large_in_memory_is_not_made_for_ever() {
        let (folder, _) = holding(&vec![0; 1 << 20]);
        let objects = folder.path().join("objects");
        assert_eq!(look_within(&objects, 1 << 20).unwrap(), Some(Unsound::TooMuch));
        assert_eq!(look_within(&objects, 2 << 20).unwrap(), None);
    }

    #[test]
    fn what_is_borrowed_is_looked_at_as_well() {
        let (lender, file) = holding(b"lent");
        let borrower = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(borrower.path().join("info")).unwrap();
        std::fs::write(borrower.path().join("info/alternates"), lender.path().join("objects").to_str().unwrap())
            .unwrap();
        assert_eq!(look(borrower.path()).unwrap(), None);
        std::fs::remove_file(&file).unwrap();
        std::fs::write(&file, "x").unwrap();
        assert_eq!(look(borrower.path()).unwrap(), Some(Unsound::CutOff(file)));
    }

    #[test]
    fn what_is_not_an_object_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let objects = folder.path().join("objects");
        assert_eq!(look(&objects).unwrap(), None);
        for place in ["00/tmp_obj_abc", "pack/pack-1.pack", "info/packs"] {
            std::fs::create_dir_all(objects.join(place).parent().unwrap()).unwrap();
            std::fs::write(objects.join(place), "half").unwrap();
        }
        assert_eq!(look(&objects).unwrap(), None);
        take_away(folder.path()).unwrap();
        assert!(objects.join("00/tmp_obj_abc").exists());
    }
}
