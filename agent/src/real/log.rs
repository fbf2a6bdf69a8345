//! Where the log goes. A line that cannot be written is lost and counted: nobody who logs may fail of it.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};

/// Lines that could not be written.
static LOST: AtomicU64 = AtomicU64::new(0);

/// How many lines of this process's log could not be written.
pub fn lost() -> u64 {
    LOST.load(Ordering::Relaxed)
}

/// Writes lines where that is possible: a full disk, or a reader of a pipe that went away, takes them and no more.
pub struct Lossy<W>(pub W);

impl<W: Write> Write for Lossy<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.0.write_all(line).is_err() {
            LOST.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        // What cannot be flushed was counted, or will be, by the line that meets it.
        drop(self.0.flush());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Full;

    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
    }

    #[test]
    fn nobody_fails_of_a_line_that_cannot_be_written() {
        let before = lost();
        let mut log = Lossy(Full);
        assert!(log.write_all(b"a line\n").is_ok() && log.flush().is_ok());
        assert!(lost() > before, "it is counted");
        let mut out = Vec::new();
        Lossy(&mut out).write_all(b"a line\n").unwrap();
        assert_eq!(out, b"a line\n");
    }
}
