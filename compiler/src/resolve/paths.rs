//! The paths that an expression spells, found in its text, and the holes of a template.
//!
//! A name bound by a macro counts too: what is found here is never less than what is read, which is what pruning needs.

use std::ops::Range;

/// One `root.field` of an expression, or a `root` alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Path<'a> {
    /// The first name.
    pub(crate) root: &'a str,
    /// The second, when there is one.
    pub(crate) field: Option<&'a str>,
    /// Where both stand, in bytes.
    pub(crate) range: Range<usize>,
}

/// Every path of an expression, in order.
pub(crate) fn paths(text: &str) -> impl Iterator<Item = Path<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        while at < text.len() {
            let start = at;
            match text.as_bytes().get(at)? {
                quote @ (b'\'' | b'"') => at = string_end(text, at, *quote),
                byte if is_start(*byte) => {
                    at = word_end(text, at);
                    if let Some(path) = path(text, start, &mut at) {
                        return Some(path);
                    }
                }
                byte if byte.is_ascii_digit() => at = word_end(text, at),
                _ => at += 1,
            }
        }
        None
    })
}

/// The path that begins with the word at `start..end`, unless that word continues another or is a literal's prefix.
fn path<'a>(text: &'a str, start: usize, end: &mut usize) -> Option<Path<'a>> {
    let continues = text.get(..start)?.trim_end().ends_with('.');
    let root = text.get(start..*end)?;
    if continues || text.as_bytes().get(*end).is_some_and(|b| matches!(b, b'\'' | b'"')) {
        return None;
    }
    let dot = skip_spaces(text, *end);
    let name = skip_spaces(text, dot + 1);
    if text.as_bytes().get(dot) == Some(&b'.') && text.as_bytes().get(name).is_some_and(|b| is_start(*b)) {
        *end = word_end(text, name);
        return Some(Path { root, field: text.get(name..*end), range: start..*end });
    }
    Some(Path { root, field: None, range: start..*end })
}

/// The holes `${…}` of a template, with their delimiters.
pub(crate) fn holes(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(next) = text.get(at..).and_then(|rest| rest.find('$')) {
        let start = at + next;
        let rest = text.get(start..).unwrap_or_default();
        if rest.starts_with("$${") {
            at = start + 3;
        } else if rest.starts_with("${") {
            let end = hole_end(text, start + 2);
            found.extend(end.map(|end| start..end));
            at = end.unwrap_or(text.len());
        } else {
            at = start + 1;
        }
    }
    found
}

/// The byte after the brace that closes a hole; nothing when none does.
fn hole_end(text: &str, from: usize) -> Option<usize> {
    let (mut at, mut depth) = (from, 0_u32);
    while let Some(byte) = text.as_bytes().get(at) {
        match byte {
            b'\'' | b'"' => {
                at = string_end(text, at, *byte);
                continue;
            }
            b'{' => depth += 1,
            b'}' if depth == 0 => return Some(at + 1),
            b'}' => depth -= 1,
            _ => {}
        }
        at += 1;
    }
    None
}

fn string_end(text: &str, open: usize, quote: u8) -> usize {
    let raw = open > 0 && matches!(text.as_bytes().get(open - 1), Some(b'r' | b'R'));
    let mut at = open + 1;
    while let Some(byte) = text.as_bytes().get(at) {
        match byte {
            b'\\' if !raw => at += 2,
            b if *b == quote => return at + 1,
            _ => at += 1,
        }
    }
    text.len()
}

fn is_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_'
}

fn word_end(text: &str, from: usize) -> usize {
    let word = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
    from + text.as_bytes().iter().skip(from).take_while(|b| word(b)).count()
}

fn skip_spaces(text: &str, from: usize) -> usize {
    from + text.as_bytes().iter().skip(from).take_while(|b| b.is_ascii_whitespace()).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, wanted: &[&str]) {
        let found: Vec<_> = paths(text).filter_map(|p| text.get(p.range)).collect();
        assert_eq!(found, wanted, "{text}");
    }

    #[test]
    fn paths_are_found_outside_of_texts() {
        check("has(order.total) && a.b.c == 'x.y'", &["has", "order.total", "a.b"]);
        check("'it\\'s a.b' + c . d", &["c . d"]);
        check("r'\\' + c.d", &["c.d"]);
        check("1.e5 + x[0].y", &["x"]);
        check("'unclosed a.b", &[]);
    }

    #[test]
    fn holes_end_where_they_should() {
        let of = |text: &'static str| holes(text).into_iter().filter_map(|r| text.get(r)).collect::<Vec<_>>();
        assert_eq!(of("a ${b.c} $${d} ${ {'x': '}'} } ${open"), ["${b.c}", "${ {'x': '}'} }"]);
        assert_eq!(of("$${${a}"), ["${a}"]);
        assert_eq!(of("$"), Vec::<&str>::new());
    }
}
