//! Words and signs of an expression, each with its place.

use std::ops::Range;

use super::decimal::Decimal;
use super::error::{ExprError, ExprErrorKind};
use super::money::in_bounds;

/// One word or sign.
#[derive(PartialEq)]
pub(super) enum Lexeme<'t> {
    Word(&'t str),
    Integer(i64),
    Decimal(Decimal),
    Text(String),
    /// An operator or bracket.
    Sign(Sign),
    End,
}

/// An operator or bracket.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    And,
    Or,
    Not,
    Plus,
    Minus,
    Times,
    Divide,
    Modulo,
    Open,
    Close,
    OpenList,
    CloseList,
    Comma,
    Dot,
    Question,
    Colon,
}

impl Sign {
    /// The sign at the beginning of a text and its length in bytes; the longer where two would do.
    fn at_start(rest: &[u8]) -> Option<(Self, usize)> {
        let two = match rest {
            [b'=', b'=', ..] => Self::Equal,
            [b'!', b'=', ..] => Self::NotEqual,
            [b'<', b'=', ..] => Self::LessOrEqual,
            [b'>', b'=', ..] => Self::GreaterOrEqual,
            [b'&', b'&', ..] => Self::And,
            [b'|', b'|', ..] => Self::Or,
            [one, ..] => return Self::of_one(*one).map(|sign| (sign, 1)),
            [] => return None,
        };
        Some((two, 2))
    }

    fn of_one(byte: u8) -> Option<Self> {
        Some(match byte {
            b'<' => Self::Less,
            b'>' => Self::Greater,
            b'!' => Self::Not,
            b'+' => Self::Plus,
            b'-' => Self::Minus,
            b'*' => Self::Times,
            b'/' => Self::Divide,
            b'%' => Self::Modulo,
            b'(' => Self::Open,
            b')' => Self::Close,
            b'[' => Self::OpenList,
            b']' => Self::CloseList,
            b',' => Self::Comma,
            b'.' => Self::Dot,
            b'?' => Self::Question,
            b':' => Self::Colon,
            _ => return None,
        })
    }
}

/// Splits a text into words and signs.
///
/// # Errors
/// On control characters, open strings, bad numbers and characters that no expression holds.
pub(super) fn lex(text: &str) -> Result<Vec<(Lexeme<'_>, Range<usize>)>, ExprError> {
    // Nearly every expression is plain ASCII; one pass over bytes settles it. White space stands between words, as in CEL.
    let is_plain = text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\n' | b'\t'));
    let is_space = |c: char| matches!(c, '\n' | '\r' | '\t');
    let control = || text.char_indices().find(|(_, c)| c.is_control() && !is_space(*c));
    if let Some((at, c)) = (!is_plain).then(control).flatten() {
        return Err(ExprError { span: at..at + c.len_utf8(), kind: ExprErrorKind::ControlCharacter });
    }
    let mut found = Vec::with_capacity(text.len() / 3 + 1);
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let Some(first) = rest.bytes().next() else { break };
        let (lexeme, length) = match first {
            b' ' | b'\n' | b'\r' | b'\t' => {
                at += 1;
                continue;
            }
            b'/' if rest.starts_with("//") => {
                return Err(ExprError {
                    span: at..at + rest.find('\n').unwrap_or(rest.len()),
                    kind: ExprErrorKind::Comment,
                });
            }
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => word(rest),
            b'0'..=b'9' => number(rest, at)?,
            b'"' | b'\'' => string(rest, at)?,
            _ => {
                let Some((sign, length)) = Sign::at_start(rest.as_bytes()) else {
                    let width = rest.chars().next().map_or(1, char::len_utf8);
                    return Err(ExprError { span: at..at + width, kind: ExprErrorKind::Unexpected });
                };
                (Lexeme::Sign(sign), length)
            }
        };
        found.push((lexeme, at..at + length));
        at += length;
    }
    found.push((Lexeme::End, text.len()..text.len()));
    Ok(found)
}

fn word(rest: &str) -> (Lexeme<'_>, usize) {
    let length = rest.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
    (Lexeme::Word(rest.get(..length).unwrap_or_default()), length)
}

/// A number runs on over letters, so that `1e3`, `0x1f` and `1u` are refused instead of read as two words.
fn number(rest: &str, at: usize) -> Result<(Lexeme<'_>, usize), ExprError> {
    let bytes = rest.as_bytes();
    let mut length = bytes.iter().take_while(|b| b.is_ascii_alphanumeric()).count();
    let fraction = bytes.get(length + 1..).unwrap_or_default();
    let decimal = bytes.get(length) == Some(&b'.') && fraction.first().is_some_and(u8::is_ascii_digit);
    if decimal {
        length += 1 + fraction.iter().take_while(|b| b.is_ascii_alphanumeric()).count();
    }
    let text = rest.get(..length).unwrap_or_default();
    let canonical = text == "0" || !text.starts_with('0') || text.starts_with("0.");
    let lexeme = if decimal {
        Decimal::parse(text).map(Lexeme::Decimal)
    } else {
        text.parse().ok().filter(|n| canonical && in_bounds(*n)).map(Lexeme::Integer)
    };
    match lexeme {
        Some(lexeme) => Ok((lexeme, length)),
        None => Err(ExprError { span: at..at + length, kind: ExprErrorKind::BadNumber }),
    }
}

fn string(rest: &str, at: usize) -> Result<(Lexeme<'_>, usize), ExprError> {
    let mut chars = rest.char_indices();
    let quote = chars.next().map_or('"', |(_, c)| c);
    let mut out = String::with_capacity(16);
    while let Some((offset, c)) = chars.next() {
        if c == quote {
            return Ok((Lexeme::Text(out), offset + 1));
        }
        if c.is_control() {
            let start = at + offset;
            return Err(ExprError { span: start..start + c.len_utf8(), kind: ExprErrorKind::ControlCharacter });
        }
        if c != '\\' {
            out.push(c);
            continue;
        }
        let escaped = match chars.next() {
            Some((_, c @ ('\\' | '"' | '\''))) => Some(c),
            Some((_, 'n')) => Some('\n'),
            Some((_, 'r')) => Some('\r'),
            Some((_, 't')) => Some('\t'),
            Some((_, 'u')) => {
                let digits: String = chars.by_ref().take(4).map(|(_, c)| c).collect();
                let hex = digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_hexdigit());
                u32::from_str_radix(&digits, 16).ok().filter(|_| hex).and_then(char::from_u32)
            }
            _ => None,
        };
        let Some(escaped) = escaped else {
            let start = at + offset;
            return Err(ExprError { span: start..start + 1, kind: ExprErrorKind::BadEscape });
        };
        out.push(escaped);
    }
    Err(ExprError { span: at..at + rest.len(), kind: ExprErrorKind::OpenString })
}

/// Where the `}` stands that closes a hole: the first one outside of strings. Expressions hold no braces of their own.
pub(super) fn closing_brace(inside: &str) -> Option<usize> {
    let mut quote = None;
    let mut chars = inside.char_indices();
    while let Some((at, c)) = chars.next() {
        match (quote, c) {
            (None, '}') => return Some(at),
            (None, '\'' | '"') => quote = Some(c),
            (Some(_), '\\') => {
                chars.next();
            }
            (Some(open), c) if c == open => quote = None,
            _ => {}
        }
    }
    None
}
