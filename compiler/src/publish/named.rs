//! Reads files that somebody named on the command line: of a bounded size, and never a device, which has no end.

use std::io::Read as _;
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;

use crate::error::Error;

/// The bytes of a file or pipe of at most this size.
///
/// # Errors
/// When it cannot be read, is larger, or is a device.
pub fn read_named(path: &Path, most_bytes: u64) -> Result<Vec<u8>, Error> {
    let tried = |e| Error::io(format!("read {}", path.display()), e);
    let kind = std::fs::metadata(path).map_err(tried)?.file_type();
    if kind.is_char_device() || kind.is_block_device() {
        return Err(Error::input(format!("{} is a device, not a file", path.display())));
    }
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(tried)?;
    file.take(most_bytes.saturating_add(1)).read_to_end(&mut bytes).map_err(tried)?;
    if bytes.len() as u64 > most_bytes {
        return Err(Error::input(format!("{} is larger than {most_bytes} bytes", path.display())));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "the file that is named")]
    fn what_has_no_end_is_not_read_to_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "12345").unwrap();
        assert_eq!(read_named(&file, 5).unwrap(), b"12345");
        let refused = |path: &Path| read_named(path, 4).unwrap_err().to_string();
        assert!(refused(&file).ends_with("is larger than 4 bytes"));
        assert_eq!(refused(Path::new("/dev/zero")), "/dev/zero is a device, not a file");
        assert!(refused(folder.path()).contains("could not read"));
    }
}
