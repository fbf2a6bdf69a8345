//! Objects that git keeps in a file each: how the files are called, and whether all of an object is there. A power cut or a full disk
//! leaves some that break off.
//!
//! libgit2 up to 1.9 inflates such a file for ever, whoever asks for the object (its issue 7342), so nobody may ask before they were
//! looked at. Packs need no look: those that break off are refused.
//!
//! # Source
//! gitformat-loose(5) for folders, names and form; RFC 1950 for where what is compressed ends.

use std::io::{self, ErrorKind, Read};

use flate2::{Decompress, FlushDecompress, Status};

/// How much the objects of a repository that lie in files of their own may come to, in bytes: some seconds of work.
pub const MOST_BYTES: u64 = 1 << 30;
/// How much is read, and made, at once.
const CHUNK_BYTES: usize = 32 << 10;
/// The digits of a name behind those that name its folder.
const NAME_DIGITS: usize = 38;

/// The names of the folders in which they lie.
pub fn folders() -> impl Iterator<Item = String> {
    (0..=u8::MAX).map(|first| format!("{first:02x}"))
}

/// Whether a file in such a folder is one. Whatever else lies there is none of git's.
pub fn names_object(name: &str) -> bool {
    name.len() >= NAME_DIGITS && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Inflates one object after another, with the same room.
#[derive(Debug)]
pub struct Inflater {
    read: Vec<u8>,
    made: Vec<u8>,
    inflate: Decompress,
}

impl Default for Inflater {
    fn default() -> Self {
        Self { read: vec![0; CHUNK_BYTES], made: vec![0; CHUNK_BYTES], inflate: Decompress::new(true) }
    }
}

impl Inflater {
    /// How many bytes an object comes to, at most so many; nothing when it breaks off, or is no object.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn size(&mut self, mut from: impl Read, most: u64) -> io::Result<Option<u64>> {
        let Self { read, made, inflate } = self;
        inflate.reset(true);
        loop {
            let count = match from.read(read) {
                Ok(0) => return Ok(None),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let mut rest = read.get(..count).unwrap_or_default();
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
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::ZlibEncoder;
    use proptest::prelude::*;

    use super::*;

    fn deflated(bytes: &[u8]) -> Vec<u8> {
        let mut to = ZlibEncoder::new(Vec::new(), Compression::default());
        to.write_all(bytes).unwrap();
        to.finish().unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Whatever it holds, and wherever it is cut.
        #[test]
        fn an_object_is_whole_or_it_is_told(bytes in prop::collection::vec(any::<u8>(), 0..100_000), cut: prop::sample::Index, noise: bool) {
            let bytes = if noise { bytes } else { vec![7; bytes.len()] };
            let (whole, mut inflater) = (deflated(&bytes), Inflater::default());
            prop_assert_eq!(inflater.size(&*whole, MOST_BYTES).unwrap(), Some(bytes.len() as u64));
            let (part, _) = whole.split_at(cut.index(whole.len()));
            prop_assert_eq!(inflater.size(part, MOST_BYTES).unwrap(), None);
        }
    }

    #[test]
    fn what_is_small_on_disk_and_large_in_memory_is_not_made_for_ever() {
        let bomb = deflated(&vec![0; 1 << 20]);
        assert_eq!(Inflater::default().size(&*bomb, 100_000).unwrap(), Some(100_000));
        assert_eq!(Inflater::default().size(&b"no zlib"[..], 100_000).unwrap(), None);
    }

    #[test]
    fn files_of_objects_are_told_from_others() {
        assert_eq!((folders().next().as_deref(), folders().last().as_deref()), (Some("00"), Some("ff")));
        assert!(names_object(&"0a".repeat(19)) && names_object(&"0a".repeat(31)));
        for other in ["tmp_obj_abc", "", &"0A".repeat(19), &"0a".repeat(18)] {
            assert!(!names_object(other), "{other}");
        }
    }
}
