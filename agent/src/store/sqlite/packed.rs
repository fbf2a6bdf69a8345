//! Journal rows as bytes: JSON with its usual words as one byte each and its hex digits as bytes.
//!
//! Every byte of a row is written twice, to the log and to the table, so rows are small. What is packed is JSON, so that a
//! new fact needs nothing here: words that are not in the lists are written out.

use std::fmt::Write as _;

/// Words that stand before a colon, which they include. Only ever added to at the end: rows on disk have the numbers.
const KEYS: &[&str] = &[
    "accepted",
    "client",
    "workflow",
    "plan",
    "number",
    "trigger",
    "event",
    "fields",
    "key",
    "content",
    "when",
    "step",
    "runs",
    "intent",
    "attempt",
    "operation",
    "effect",
    "aim",
    "keyed",
    "key_until",
    "shadow",
    "outcome",
    "code",
    "status",
    "in_doubt",
    "kept",
    "answered",
    "ended",
    "facts",
    "asked",
    "run",
    "guardrail",
    "by",
    "since",
    "until",
    "nonce",
    "shown",
    "decided",
    "choice",
    "edited",
    "passed",
    "ending",
    "stop",
    "text",
    "integer",
    "boolean",
    "money",
    "instant",
    "decimal",
    "id",
    "request",
    "again",
    "counted",
    "confirm",
];
/// Other words. Only ever added to at the end.
const WORDS: &[&str] = &[
    "webhook",
    "schedule",
    "manual",
    "step",
    "confirm",
    "none",
    "draft",
    "write",
    "message",
    "money",
    "ok",
    "done",
    "stopped",
    "failed",
    "content-lost",
    "superseded",
    "answered",
    "refused",
    "invalid",
    "out_of_budget",
    "approve",
    "refuse",
    "late",
    "job",
    "accepted",
];

/// The first byte of a packed row; JSON never begins with it.
const PACKED: u8 = 1;
/// Where the bytes of keys begin.
const KEY_BASE: u8 = 0x80;
/// Where the bytes of words begin.
const WORD_BASE: u8 = 0xd0;
/// Hex digits follow: how many pairs, then the bytes.
const HEX: u8 = 0xff;
/// Fewer digits are not worth two bytes.
const HEX_LEAST: usize = 8;

/// Packs JSON that has no white space outside of its texts.
pub(super) fn pack(json: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(json.len() / 2);
    out.push(PACKED);
    let mut rest = json;
    while let Some((&first, after)) = rest.split_first() {
        let text = if first == b'"' { text_of(after) } else { None };
        let Some((text, after)) = text else {
            out.push(first);
            rest = after;
            continue;
        };
        rest = match after.strip_prefix(b":") {
            Some(after) if word(KEYS, KEY_BASE, text).is_some_and(|byte| push(&mut out, byte)) => after,
            _ => {
                pack_text(text, &mut out);
                after
            }
        };
    }
    out
}

fn push(out: &mut Vec<u8>, byte: u8) -> bool {
    out.push(byte);
    true
}

/// The text up to the closing quote, and what follows that.
fn text_of(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut escaped = false;
    let end = bytes.iter().position(|byte| {
        let is_end = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        is_end
    })?;
    Some((bytes.get(..end)?, bytes.get(end.checked_add(1)?..)?))
}

fn word(list: &[&str], base: u8, text: &[u8]) -> Option<u8> {
    let place = list.iter().position(|word| word.as_bytes() == text)?;
    u8::try_from(place).ok()?.checked_add(base)
}

fn pack_text(text: &[u8], out: &mut Vec<u8>) {
    if let Some(byte) = word(WORDS, WORD_BASE, text) {
        out.push(byte);
        return;
    }
    let pairs = text.len() / 2;
    if let (Ok(count), Some(bytes)) = (u8::try_from(pairs), unhex(text)) {
        out.extend([HEX, count]);
        out.extend(bytes);
        return;
    }
    out.push(b'"');
    out.extend(text);
    out.push(b'"');
}

/// The bytes that lower-case digits spell; nothing for other texts, and for those that would not come back the same.
fn unhex(text: &[u8]) -> Option<Vec<u8>> {
    if text.len() < HEX_LEAST || !text.len().is_multiple_of(2) {
        return None;
    }
    let nibble = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    text.chunks_exact(2)
        .map(|pair| match pair {
            [high, low] => Some(nibble(*high)? << 4 | nibble(*low)?),
            _ => None,
        })
        .collect()
}

/// The JSON that was packed. Rows of older versions are JSON already.
pub(super) fn unpack(row: &[u8]) -> Option<Vec<u8>> {
    let Some((&PACKED, mut rest)) = row.split_first() else { return Some(row.to_vec()) };
    let mut out = String::with_capacity(row.len().saturating_mul(3));
    while let Some((&first, after)) = rest.split_first() {
        rest = match first {
            b'"' => {
                let (text, after) = text_of(after)?;
                write!(out, "\"{}\"", std::str::from_utf8(text).ok()?).ok()?;
                after
            }
            HEX => {
                let (&pairs, after) = after.split_first()?;
                let (bytes, after) = after.split_at_checked(usize::from(pairs))?;
                out.push('"');
                bytes.iter().try_for_each(|byte| write!(out, "{byte:02x}")).ok()?;
                out.push('"');
                after
            }
            WORD_BASE.. => {
                write!(out, "\"{}\"", WORDS.get(usize::from(first - WORD_BASE))?).ok()?;
                after
            }
            KEY_BASE.. => {
                write!(out, "\"{}\":", KEYS.get(usize::from(first - KEY_BASE))?).ok()?;
                after
            }
            _ => {
                out.push(char::from(first));
                after
            }
        };
    }
    Some(out.into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words_and_digits_become_bytes() {
        let json = br#"[{"outcome":{"step":"note","attempt":1,"code":"ok"}}]"#;
        assert_eq!(pack(json), b"\x01[{\x95{\x8b\"note\",\x8e1,\x96\xda}}]");
        assert_eq!(pack(br#""00ff00ff""#), [PACKED, HEX, 4, 0, 255, 0, 255]);
        assert_eq!(unpack(json).unwrap(), json, "rows of before are read");
    }

    #[test]
    fn the_lists_fit_into_their_bytes() {
        assert!(KEYS.len() <= usize::from(WORD_BASE - KEY_BASE) && WORDS.len() <= usize::from(HEX - WORD_BASE));
    }

    fn json() -> impl Strategy<Value = serde_json::Value> {
        let words: Vec<String> = KEYS.iter().chain(WORDS).map(ToString::to_string).collect();
        let text = prop_oneof![any::<String>(), "[0-9a-f]{6,80}", proptest::sample::select(words)];
        let leaf = prop_oneof![
            text.clone().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<bool>().prop_map(Into::into)
        ];
        leaf.prop_recursive(4, 32, 4, move |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
                proptest::collection::vec((text.clone(), inner), 0..4)
                    .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_packed_comes_back(value in json()) {
            let bytes = serde_json::to_vec(&value).unwrap();
            prop_assert_eq!(unpack(&pack(&bytes)).unwrap(), bytes);
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            unpack(&[&[PACKED], bytes.as_slice()].concat());
        }
    }
}
