//! The one place where the compiler reads a file that somebody named: bounded, and never what is no file. Each kind has its limit
//! in `assent_schema::named`.

use std::fs::Metadata;
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;

use assent_schema::named::{Kind, Stands, Unread, bounded, file};

use crate::error::Error;

/// What a named file holds.
///
/// # Errors
/// When it is no file, is larger than its kind may be, or cannot be read.
pub fn read_named(path: &Path, kind: Kind) -> Result<Vec<u8>, Error> {
    read(path, kind).map_err(|why| match why {
        Unread::Failed(e) => Error::io(format!("read {}", path.display()), e),
        Unread::NoFile(what) => Error::input(format!("{} is {what}, not a file", path.display())),
        Unread::TooLarge(kind) => {
            Error::input(format!("{} is larger than {} bytes", path.display(), kind.most_bytes()))
        }
        Unread::NoText => Error::input(format!("{} is no text in UTF-8", path.display())),
    })
}

/// As [`read_named`]; nothing where nothing stands.
///
/// # Errors
/// As [`read_named`].
pub fn read_if_there(path: &Path, kind: Kind) -> Result<Option<Vec<u8>>, Error> {
    match std::fs::metadata(path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        _ => read_named(path, kind).map(Some),
    }
}

/// As [`read_named`], of text.
///
/// # Errors
/// As [`read_named`], and when it is no UTF-8.
pub fn text_named(path: &Path, kind: Kind) -> Result<String, Error> {
    let no_text = |_| Error::input(format!("{} is no text in UTF-8", path.display()));
    String::from_utf8(read_named(path, kind)?).map_err(no_text)
}

fn read(path: &Path, kind: Kind) -> Result<Vec<u8>, Unread> {
    // Asked before it is opened: opening a pipe waits for whoever writes into it.
    file(stands(&std::fs::metadata(path)?), kind)?;
    let opened = std::fs::File::open(path)?;
    let bytes = file(stands(&opened.metadata()?), kind)?;
    bounded(opened, bytes, kind)
}

fn stands(metadata: &Metadata) -> Stands {
    match metadata.file_type() {
        is if is.is_file() => Stands::File(metadata.len()),
        is if is.is_dir() => Stands::Folder,
        is if is.is_fifo() => Stands::Pipe,
        is if is.is_socket() => Stands::Socket,
        _ => Stands::Device,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "the file that is named")]
    fn what_has_no_end_is_not_read_to_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        let most = usize::try_from(Kind::Signature.most_bytes()).unwrap();
        std::fs::write(&file, vec![b'a'; most]).unwrap();
        assert_eq!(read_named(&file, Kind::Signature).unwrap().len(), most);
        let refused = |path: &Path| read_named(path, Kind::Signature).unwrap_err().to_string();
        std::fs::write(&file, vec![b'a'; most + 1]).unwrap();
        assert!(refused(&file).ends_with("is larger than 16384 bytes"));
        assert_eq!(refused(Path::new("/dev/zero")), "/dev/zero is a device, not a file");
        assert!(refused(folder.path()).ends_with("is a folder, not a file"));
        assert!(refused(&folder.path().join("none")).contains("could not read"));
        assert_eq!(read_if_there(&folder.path().join("none"), Kind::Signature).unwrap(), None);
    }
}
