//! Packet lines: four hex digits of length, then so many bytes. Each byte that is read is counted.
//!
//! # Source
//! gitprotocol-common(5), "pkt-line Format".

use std::io::Read;

use super::super::PullFailure;
use super::from_io;

/// The longest packet, with its length.
const PACKET_MOST_BYTES: usize = 65_520;

/// How many bytes may still come.
pub(super) struct Budget(u64);

impl Budget {
    pub(super) fn new(most_bytes: u64) -> Self {
        Self(most_bytes)
    }

    fn take(&mut self, bytes: usize) -> Result<(), PullFailure> {
        self.0 = self.0.checked_sub(bytes as u64).ok_or(PullFailure::TooLarge)?;
        Ok(())
    }
}

/// One packet.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Packet {
    /// The end of a part.
    Flush,
    /// Bytes.
    Data(Vec<u8>),
}

/// Reads packets.
pub(super) struct Packets<'b, R> {
    input: R,
    budget: &'b mut Budget,
}

impl<'b, R: Read> Packets<'b, R> {
    pub(super) fn new(input: R, budget: &'b mut Budget) -> Self {
        Self { input, budget }
    }

    /// The next packet.
    ///
    /// # Errors
    /// [`PullFailure::Garbled`] when there is none, [`PullFailure::TooLarge`] when too much came.
    pub(super) fn next(&mut self) -> Result<Packet, PullFailure> {
        let mut digits = [0; 4];
        self.fill(&mut digits)?;
        let text = std::str::from_utf8(&digits).ok().filter(|text| text.bytes().all(|b| b.is_ascii_hexdigit()));
        let length = text.and_then(|text| usize::from_str_radix(text, 16).ok()).ok_or(PullFailure::Garbled)?;
        match length {
            0 => Ok(Packet::Flush),
            4..=PACKET_MOST_BYTES => {
                let mut data = vec![0; length - 4];
                self.fill(&mut data)?;
                Ok(Packet::Data(data))
            }
            _ => Err(PullFailure::Garbled),
        }
    }

    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), PullFailure> {
        self.budget.take(buffer.len())?;
        self.input.read_exact(buffer).map_err(|error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => PullFailure::Garbled,
            _ => from_io(&error),
        })
    }
}

/// Writes a line as a packet.
pub(super) fn put(out: &mut Vec<u8>, line: &[u8]) {
    out.extend_from_slice(format!("{:04x}", line.len() + 4).as_bytes());
    out.extend_from_slice(line);
}

/// Writes the end of a part.
pub(super) fn put_flush(out: &mut Vec<u8>) {
    out.extend_from_slice(b"0000");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &[u8], most: u64) -> Result<Vec<Packet>, PullFailure> {
        let mut budget = Budget::new(most);
        let mut packets = Packets::new(text, &mut budget);
        let mut found = Vec::new();
        loop {
            let packet = packets.next()?;
            let over = packet == Packet::Flush;
            found.push(packet);
            if over {
                return Ok(found);
            }
        }
    }

    #[test]
    fn what_is_put_is_read_again() {
        let mut out = Vec::new();
        put(&mut out, b"want");
        put(&mut out, b"");
        put_flush(&mut out);
        assert_eq!(out, b"0008want00040000");
        assert_eq!(check(&out, 100).unwrap(), [Packet::Data(b"want".into()), Packet::Data(vec![]), Packet::Flush]);
    }

    #[test]
    fn other_things_are_no_packets() {
        for bad in [b"".as_slice(), b"00", b"0001", b"0003", b"<htm", b"+004", b"fff1", b"0009a"] {
            assert_eq!(check(bad, 1 << 20), Err(PullFailure::Garbled), "{bad:?}");
        }
    }

    #[test]
    fn every_byte_counts() {
        assert!(check(b"0008want0000", 12).is_ok());
        assert_eq!(check(b"0008want0000", 11), Err(PullFailure::TooLarge));
    }
}
