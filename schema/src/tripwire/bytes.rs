//! What looks like a secret in bytes of any kind and size: other encodings, binary files, files that are too large to be one text.

use std::borrow::Cow;

use super::patterns;

/// How much of a large file is looked at at once. What a search takes grows faster than the text, so that pieces of one size
/// keep it in proportion to the file. Even, so that no piece begins inside of a character of UTF-16.
const PIECE_BYTES: usize = 64 << 10;
/// What is looked at beside each piece, since keys and the names before them stand across its ends.
const BESIDE_BYTES: usize = 8 << 10;
/// The most that is told of one file.
const FOUND_MOST: usize = 100;

/// Something in a large file that looks like a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located {
    /// The line, from 1.
    pub line: usize,
    /// What it looks like, as a noun.
    pub what: &'static str,
}

/// What was found in a large file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Searched {
    /// Each, in order.
    pub found: Vec<Located>,
    /// The line from which on nothing was looked at any more, since enough was found.
    pub until: Option<usize>,
}

/// Bytes as a text: as they are where they are UTF-8, without the zeros of UTF-16, with U+FFFD for what is no character. Lines
/// stay lines.
pub fn readable(bytes: &[u8]) -> Cow<'_, str> {
    if !bytes.contains(&0) {
        return String::from_utf8_lossy(bytes);
    }
    let is_zero = |at: Option<usize>| at.and_then(|at| bytes.get(at)) == Some(&0);
    // Every other byte of UTF-16 is zero, as long as it says ASCII. A zero that stands alone ends a word.
    let of_utf16 = |at: usize| {
        is_zero(Some(at)) && (is_zero(at.checked_sub(2)) || is_zero(at.checked_add(2))) && {
            !is_zero(at.checked_sub(1)) && !is_zero(at.checked_add(1))
        }
    };
    let kept: Vec<u8> = bytes.iter().enumerate().filter(|(at, _)| !of_utf16(*at)).map(|(_, byte)| *byte).collect();
    Cow::Owned(String::from_utf8_lossy(&kept).into_owned())
}

/// Whether no person wrote what [`readable`] made a text: control characters stand among bytes that are no text, in more places
/// than by a slip. What is random there is data, and only known forms of secrets tell anything.
pub fn is_binary(text: &str) -> bool {
    let is_odd = |byte: &u8| byte.is_ascii_control() && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c | 0x1b);
    let odd = text.bytes().filter(is_odd).count();
    odd > 4_usize.saturating_add(text.len() / 256) && text.contains(char::REPLACEMENT_CHARACTER)
}

/// Looks for known forms of secrets in bytes of any size, a piece after the other: time in proportion to their size, and the room of one piece.
pub fn search(bytes: &[u8]) -> Searched {
    let mut searched = Searched::default();
    let (mut start, mut line) = (0_usize, 1_usize);
    while start < bytes.len() {
        let end = start.saturating_add(PIECE_BYTES).min(bytes.len());
        let part = |from: usize, to: usize| bytes.get(from..to.min(bytes.len())).unwrap_or_default();
        let own = part(start, end);
        let before = readable(part(start.saturating_sub(BESIDE_BYTES), start));
        let (piece, after) = (readable(own), readable(part(end, end.saturating_add(BESIDE_BYTES))));
        let text = [&*before, &*piece, &*after].concat();
        // What begins in another piece is told with that one.
        let here = before.len()..before.len().saturating_add(piece.len());
        for secret in patterns(&text).into_iter().filter(|secret| here.contains(&secret.range.start)) {
            let lines = lines_of(text.as_bytes().get(here.start..secret.range.start).unwrap_or_default());
            let line = line.saturating_add(lines);
            if searched.found.len() >= FOUND_MOST {
                searched.until = Some(line);
                return searched;
            }
            searched.found.push(Located { line, what: secret.what });
        }
        line = line.saturating_add(lines_of(own));
        start = end;
    }
    searched
}

fn lines_of(bytes: &[u8]) -> usize {
    bytes.iter().copied().filter(|byte| *byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::super::secrets;
    use super::*;

    /// Put together here, so that no scanner takes this file for a leak.
    fn token() -> String {
        ["ghp", "_16C7e42F292c6912E7710c838347Ae178B4a"].concat()
    }

    fn found(bytes: &[u8]) -> Vec<&'static str> {
        let text = readable(bytes);
        let found = if is_binary(&text) { patterns(&text) } else { secrets(&text) };
        found.into_iter().map(|secret| secret.what).collect()
    }

    #[test]
    fn every_encoding_is_read() {
        let text = format!("Schlüssel für Git:\n{}\nfertig\n", token());
        let latin: Vec<u8> = text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
        let little: Vec<u8> = [0xfeff].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        let zero = [b"\0", text.as_bytes()].concat();
        for (name, bytes) in [("latin", latin), ("little", little), ("big", big), ("zero", zero)] {
            assert_eq!(found(&bytes), ["a GitHub token"], "{name}");
            let read = readable(&bytes);
            let at = read.find("ghp").unwrap();
            assert_eq!(lines_of(&read.as_bytes()[..at]), 1, "{name}");
        }
        let binary =
            [b"\x7fELF\xff\x01\x02\x03\x04\x05\x06\0", token().as_bytes(), b"\0Zk3vQ9xT7bL2mN8pR4sW\0"].concat();
        assert_eq!(found(&binary), ["a GitHub token"]);
        assert_eq!(found(b"caf\xe9 = Zk3vQ9xT7bL2mN8pR4sW"), ["a key: its characters are random"]);
    }

    /// Wherever the ends of pieces fall, a secret is found once, with its line.
    #[test]
    fn a_large_file_is_looked_through_to_its_end() {
        for shift in (0..60).step_by(4).chain([4_000]) {
            let line = "2026-01-02 plain words of a log\n";
            let lines = (PIECE_BYTES * 2 - shift) / line.len();
            let mut text = line.repeat(lines);
            let pad = "x ".repeat((PIECE_BYTES * 2 - shift - text.len()) / 2);
            text.push_str(&pad);
            text.extend([&*token(), "\n", line]);
            let wanted = [Located { line: lines + 1, what: "a GitHub token" }];
            assert_eq!(search(text.as_bytes()).found, wanted, "{shift}");
            let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
            assert_eq!(search(&wide).found, wanted, "{shift}");
        }
        assert_eq!(search(b""), Searched::default());
    }

    #[test]
    fn what_is_too_much_is_told() {
        let searched = search(format!("{}\n", token()).repeat(250).as_bytes());
        assert_eq!((searched.found.len(), searched.until), (FOUND_MOST, Some(FOUND_MOST + 1)));
    }

    /// What takes long in one text: a word without end, of many keys.
    #[test]
    fn a_file_without_white_space_ends() {
        let word = format!("sha256-{}.", "a1B2".repeat(8));
        let searched = search(word.repeat((2 << 20) / word.len()).as_bytes());
        assert_eq!(searched, Searched::default());
    }
}
