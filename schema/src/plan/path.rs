//! The path of an operation: constants, and holes that values fill. Compiler and agent read it alike.
//!
//! A value never says more than its hole: it cannot hold what stands between two holes, so that each is read back as it was
//! written, and where constants give a segment a form of its own, as `Orders('{id}')` does, no sign of such a form is taken.
//!
//! # Source
//! RFC 3986 section 3.3.

use std::fmt;

/// A piece of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'t> {
    /// What always stands there; never empty.
    Text(&'t str),
    /// The parameter whose value stands there.
    Hole(&'t str),
}

/// Why a text is no path of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WrongPath {
    /// It begins with something else.
    NoSlash,
    /// A segment says nothing, or leads elsewhere.
    Empty,
    /// A character that stands in no path.
    Character,
    /// Two values that nobody could tell apart.
    Beside,
}

impl fmt::Display for WrongPath {
    /// What completes "`path` …".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoSlash => "does not begin with `/`",
            Self::Empty => "has a segment that is empty, `.` or `..`; one slash may stand at its end",
            Self::Character => {
                "has a segment of something else than `A-Z a-z 0-9 - _ . ~ ! $ & ' ( ) * + , ; = : @` around `{parameters}`"
            }
            Self::Beside => {
                "has two parameters in a segment, and between them nothing that a value cannot hold, like `,` or `:`"
            }
        })
    }
}

/// The segments of a path, each in pieces. The last one is empty where the path ends in a slash.
///
/// # Errors
/// [`WrongPath`].
pub fn segments(path: &str) -> Result<Vec<Vec<Piece<'_>>>, WrongPath> {
    let rest = path.strip_prefix('/').ok_or(WrongPath::NoSlash)?;
    let count = rest.split('/').count();
    rest.split('/').enumerate().map(|(at, text)| segment(text, at.saturating_add(1) == count)).collect()
}

/// The names of a path's holes, in order; nothing of what is no path.
pub fn holes(path: &str) -> Vec<&str> {
    let pieces = segments(path).unwrap_or_default().into_iter().flatten();
    let hole = |piece| match piece {
        Piece::Hole(name) => Some(name),
        Piece::Text(_) => None,
    };
    pieces.filter_map(hole).collect()
}

fn segment(text: &str, is_last: bool) -> Result<Vec<Piece<'_>>, WrongPath> {
    if text.is_empty() && is_last {
        return Ok(Vec::new());
    }
    let (mut pieces, mut rest) = (Vec::new(), text);
    while let Some((before, behind)) = rest.split_once('{') {
        let (name, after) = behind.split_once('}').ok_or(WrongPath::Character)?;
        let apart = before.bytes().any(|byte| !is_unreserved(byte));
        if !pieces.is_empty() && !apart {
            return Err(WrongPath::Beside);
        }
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            return Err(WrongPath::Character);
        }
        pieces.extend((!before.is_empty()).then_some(Piece::Text(before)));
        pieces.push(Piece::Hole(name));
        rest = after;
    }
    pieces.extend((!rest.is_empty()).then_some(Piece::Text(rest)));
    let plain = |piece: &Piece<'_>| match piece {
        Piece::Text(text) => text.bytes().all(|byte| is_unreserved(byte) || is_sign(byte) || byte == b':'),
        Piece::Hole(_) => true,
    };
    if !pieces.iter().all(plain) {
        return Err(WrongPath::Character);
    }
    if leads_elsewhere(text) { Err(WrongPath::Empty) } else { Ok(pieces) }
}

/// Whether a finished segment is read as none, as its own folder or as the one above. Some servers cut off what stands behind
/// a semicolon before they look.
pub fn leads_elsewhere(segment: &str) -> bool {
    segment.is_empty() || matches!(segment.split(';').next(), Some("." | ".."))
}

/// RFC 3986 section 2.3: what stands in a URL as it is, in values too.
pub fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// Signs by which a segment may have a form of its own.
///
/// # Source
/// RFC 3986 section 2.2, `sub-delims`, and `@`. A colon stands before a verb, and is no part of a form.
pub fn is_sign(byte: u8) -> bool {
    b"!$&'()*+,;=@".contains(&byte)
}

/// Whether the constants of a segment give it a form, which a value must not have.
pub fn has_form(pieces: &[Piece<'_>]) -> bool {
    pieces.iter().any(|piece| matches!(piece, Piece::Text(text) if text.bytes().any(is_sign)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_constants_and_holes() {
        for (path, names) in [
            ("/", &[][..]),
            ("/orders/", &[]),
            ("/a/{b}/c/{d}.json", &["b", "d"]),
            ("/v1/messages/{id}:send", &["id"]),
            ("/odata/Orders({id})/Lines", &["id"]),
            ("/odata/Orders('{id}')/X/", &["id"]),
            ("/Lines(Order='{order}',No={no})", &["order", "no"]),
            ("/points/{lat},{lng}", &["lat", "lng"]),
            ("/users/@{name};v=1", &["name"]),
        ] {
            assert!(segments(path).is_ok(), "{path}");
            assert_eq!(holes(path), names, "{path}");
        }
        for (path, wrong) in [
            ("", WrongPath::NoSlash),
            ("a", WrongPath::NoSlash),
            ("//", WrongPath::Empty),
            ("/a//b", WrongPath::Empty),
            ("/a/..", WrongPath::Empty),
            ("/a/./b", WrongPath::Empty),
            ("/a/..;x=1/b", WrongPath::Empty),
            ("/a/{b", WrongPath::Character),
            ("/a/b}", WrongPath::Character),
            ("/a/{}", WrongPath::Character),
            ("/a/{b c}", WrongPath::Character),
            ("/a?x={b}", WrongPath::Character),
            ("/%2e/{b}", WrongPath::Character),
            ("/a b", WrongPath::Character),
            ("/ä", WrongPath::Character),
            ("/a#b", WrongPath::Character),
            ("/a\\b", WrongPath::Character),
            ("/a/{b}{c}", WrongPath::Beside),
            ("/a/{b}-{c}", WrongPath::Beside),
            ("/a/{b}...{c}", WrongPath::Beside),
        ] {
            assert_eq!(segments(path), Err(wrong), "{path}");
        }
    }
}
