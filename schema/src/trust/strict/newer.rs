//! What TOML 1.1 added to 1.0: a signed file is read by programs that know one of them, and may not be two things.
//!
//! # Source
//! TOML 1.1.0, its changelog: new lines and a last comma in inline tables, `\e` and `\x` in basic strings. Times without seconds
//! are times, which no signed file holds.

use std::ops::Range;

/// Where a reader stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum In {
    Nothing,
    Comment,
    /// A string: its quote, and whether it goes over lines.
    Text(u8, bool),
}

/// The first place that only TOML 1.1 allows, in a text that is TOML 1.1.
#[expect(clippy::match_same_arms, reason = "what goes on inside a comment and inside a text stands with each")]
pub(super) fn find(text: &str) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let (mut place, mut state, mut open, mut comma) = (0, In::Nothing, Vec::new(), None);
    while let Some(&byte) = bytes.get(place) {
        let thrice = |quote: u8| bytes.get(place..place.saturating_add(3)) == Some(&[quote; 3][..]);
        let mut width = 1;
        match state {
            In::Comment if byte == b'\n' => state = In::Nothing,
            In::Comment => {}
            In::Text(b'"', _) if byte == b'\\' => {
                if matches!(bytes.get(place.saturating_add(1)), Some(b'e' | b'x')) {
                    return Some(place..place.saturating_add(2));
                }
                width = 2;
            }
            In::Text(quote, true) if byte == quote && thrice(quote) => {
                // One or two more quotes belong to the string.
                width = bytes.iter().skip(place).take_while(|next| **next == quote).count();
                state = In::Nothing;
            }
            In::Text(quote, false) if byte == quote => state = In::Nothing,
            In::Text(..) => {}
            In::Nothing => {
                let was = comma.take();
                match byte {
                    b'#' => (state, comma) = (In::Comment, was),
                    b'"' | b'\'' if thrice(byte) => (state, width) = (In::Text(byte, true), 3),
                    b'"' | b'\'' => state = In::Text(byte, false),
                    b'{' | b'[' => open.push(byte),
                    b'}' if was.is_some() => return was,
                    b'}' | b']' => drop(open.pop()),
                    b'\n' if open.last() == Some(&b'{') => return Some(place..place.saturating_add(1)),
                    b',' => comma = Some(place..place.saturating_add(1)),
                    b' ' | b'\t' | b'\n' => comma = was,
                    _ => {}
                }
            }
        }
        place = place.saturating_add(width);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_toml_1_0_does_not_have_is_found_and_nothing_else() {
        for (text, found) in [
            ("a = { b = 1, }", Some(",")),
            ("a = { b = 1 , }\n", Some(",")),
            ("a = { b = 1,\n c = 2 }", Some("\n")),
            ("a = [{\n}]", Some("\n")),
            ("a = \"\\x41\"", Some("\\x")),
            ("a = \"\"\"x\n\\e\"\"\"", Some("\\e")),
            ("[[use]]\na = { b = [1, 2,\n], c = \"{,}\" }\n", None),
            ("a = [ # {\n { b = '{\\x' }, # }\n]\nb = '''\n{, }\\e'''\nc = \"\\\\x\\\"\"", None),
            ("a = \"\"\"\"quoted\"\"\"\"\nb = {}\n", None),
        ] {
            assert_eq!(find(text).and_then(|range| text.get(range)), found, "{text}");
        }
    }
}
