//! The one place where the agent and its commands read a file that somebody named: bounded, and never what is no file. Each
//! kind has its limit in `assent_schema::named`.

use std::fs::{File, Metadata};
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;

use assent_schema::named::{Kind, Stands, Unread, bounded, file};
use zeroize::Zeroizing;

/// What a named file holds.
///
/// # Errors
/// When it is no file, is larger than its kind may be, or cannot be read.
pub fn read(path: &Path, kind: Kind) -> Result<Vec<u8>, Unread> {
    // Asked before it is opened: opening a pipe waits for whoever writes into it.
    file(stands(&std::fs::metadata(path)?), kind)?;
    let opened = File::open(path)?;
    let bytes = file(stands(&opened.metadata()?), kind)?;
    bounded(opened, bytes, kind)
}

/// As [`read`], of what nobody else may see.
///
/// # Errors
/// As [`read`].
pub fn secret(path: &Path, kind: Kind) -> Result<Zeroizing<Vec<u8>>, Unread> {
    read(path, kind).map(Zeroizing::new)
}

/// As [`read`], of text.
///
/// # Errors
/// As [`read`], and when it is no UTF-8.
pub fn text(path: &Path, kind: Kind) -> Result<String, Unread> {
    String::from_utf8(read(path, kind)?).or(Err(Unread::NoText))
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
