//! Reads JSON by hand: numbers keep their digits, and keys that stand twice are refused.

use super::{BadJson, Json};
use crate::request::limits::{JSON_MOST_DEPTH, JSON_MOST_VALUES, NUMBER_MOST_BYTES};

pub(super) struct Reader<'a> {
    pub(super) text: &'a str,
    pub(super) at: usize,
    pub(super) values: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    pub(super) fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Steps over a text if it is next.
    fn eat(&mut self, text: &str) -> bool {
        let there = self.rest().starts_with(text);
        if there {
            self.at += text.len();
        }
        there
    }

    fn wants(&mut self, text: &str) -> Result<(), BadJson> {
        if self.eat(text) { Ok(()) } else { Err(BadJson) }
    }

    pub(super) fn value(&mut self, depth: usize) -> Result<Json, BadJson> {
        self.values += 1;
        if depth > JSON_MOST_DEPTH || self.values > JSON_MOST_VALUES {
            return Err(BadJson);
        }
        self.space();
        match self.peek().ok_or(BadJson)? {
            b'{' => self.object(depth),
            b'[' => self.list(depth),
            b'"' => self.string().map(Json::Text),
            b't' => self.wants("true").map(|()| Json::Boolean(true)),
            b'f' => self.wants("false").map(|()| Json::Boolean(false)),
            b'n' => self.wants("null").map(|()| Json::Null),
            _ => self.number(),
        }
    }

    fn list(&mut self, depth: usize) -> Result<Json, BadJson> {
        self.wants("[")?;
        let mut items = Vec::new();
        self.space();
        if self.eat("]") {
            return Ok(Json::List(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            self.space();
            if self.eat("]") {
                return Ok(Json::List(items));
            }
            self.wants(",")?;
        }
    }

    fn object(&mut self, depth: usize) -> Result<Json, BadJson> {
        self.wants("{")?;
        let mut members = Vec::new();
        self.space();
        if !self.eat("}") {
            loop {
                self.space();
                let key = self.string()?;
                self.space();
                self.wants(":")?;
                members.push((key, self.value(depth + 1)?));
                self.space();
                if self.eat("}") {
                    break;
                }
                self.wants(",")?;
            }
        }
        if has_twice(&members) { Err(BadJson) } else { Ok(Json::Object(members)) }
    }

    fn number(&mut self) -> Result<Json, BadJson> {
        let length =
            self.rest().bytes().take_while(|b| matches!(b, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E')).count();
        let text = self.rest().get(..length).ok_or(BadJson)?;
        if length > NUMBER_MOST_BYTES || !is_number(text) {
            return Err(BadJson);
        }
        self.at += length;
        Ok(Json::Number(text.to_owned()))
    }

    fn string(&mut self) -> Result<String, BadJson> {
        self.wants("\"")?;
        let mut out = String::new();
        loop {
            let plain = self.rest().bytes().take_while(|b| !matches!(b, b'"' | b'\\' | 0..=0x1f)).count();
            out.push_str(self.rest().get(..plain).ok_or(BadJson)?);
            self.at += plain;
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(out);
                }
                Some(b'\\') => {
                    self.at += 1;
                    out.push(self.escape()?);
                }
                // A raw control character, or the end.
                Some(_) | None => return Err(BadJson),
            }
        }
    }

    fn escape(&mut self) -> Result<char, BadJson> {
        let c = self.peek().ok_or(BadJson)?;
        self.at += 1;
        Ok(match c {
            b'"' | b'\\' | b'/' => char::from(c),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => self.unicode()?,
            _ => return Err(BadJson),
        })
    }

    /// A `\u` escape; two of them for what UTF-16 writes in two. A half alone is refused: it is no character.
    fn unicode(&mut self) -> Result<char, BadJson> {
        let unit = self.unit()?;
        let code = if (0xd800..0xdc00).contains(&unit) {
            self.wants("\\u")?;
            let low = self.unit()?;
            if !(0xdc00..0xe000).contains(&low) {
                return Err(BadJson);
            }
            0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00)
        } else {
            unit
        };
        char::from_u32(code).ok_or(BadJson)
    }

    fn unit(&mut self) -> Result<u32, BadJson> {
        let digits = self.rest().get(..4).filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit())).ok_or(BadJson)?;
        self.at += 4;
        u32::from_str_radix(digits, 16).or(Err(BadJson))
    }
}

/// Sorts references instead of comparing each with each, so that an object with many keys costs no more than its size.
fn has_twice(members: &[(String, Json)]) -> bool {
    let mut keys: Vec<&str> = members.iter().map(|(key, _)| key.as_str()).collect();
    keys.sort_unstable();
    keys.windows(2).any(|pair| matches!(pair, [a, b] if a == b))
}

/// RFC 8259 section 6: `-? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?`.
fn is_number(text: &str) -> bool {
    let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
    let text = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = text.split_once(['e', 'E']).map_or((text, None), |(m, e)| (m, Some(e)));
    let (whole, fraction) = mantissa.split_once('.').map_or((mantissa, None), |(w, f)| (w, Some(f)));
    digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(digits)
        && exponent.is_none_or(|e| digits(e.strip_prefix(['+', '-']).unwrap_or(e)))
}
