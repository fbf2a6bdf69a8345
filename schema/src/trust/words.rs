//! A digest as eight words, to be compared over the phone.
//!
//! # Source
//! formats.md section 1: the first 88 bits, most significant first, eleven a word, BIP-39 English list, no checksum.

use bip39::Language;

use crate::canon::Digest;

/// The eight words of a digest, separated by spaces.
pub fn words(digest: &Digest) -> String {
    let list = Language::English.word_list();
    let head = digest.as_bytes().iter().take(11).fold(0_u128, |bits, byte| bits << 8 | u128::from(*byte));
    let indices = (0..8_u32).rev().map(|word| usize::try_from(head >> (11 * word) & 0x7ff).unwrap_or_default());
    indices.filter_map(|index| list.get(index).copied()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eleven_bits_are_a_word() {
        assert_eq!(words(&Digest::from_bytes([0; 32])), ["abandon"; 8].join(" "));
        assert_eq!(words(&Digest::from_bytes([0xff; 32])), ["zoo"; 8].join(" "));
        let mut bytes = [0; 32];
        // 0b00000000001_00000000010_000…: the words at 1 and 2, then zeros.
        (bytes[1], bytes[2]) = (0b0010_0000, 0b0000_1000);
        assert_eq!(words(&Digest::from_bytes(bytes)), format!("ability able {}", ["abandon"; 6].join(" ")));
    }
}
