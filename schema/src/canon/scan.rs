//! Whether bytes are canonical JSON, seen by walking over them once: nothing is read and nothing written.
//!
//! A yes is certain. A no is not: keys that are not plain ASCII, and what is nested deep, are left to whoever reads it whole.
//!
//! # Source
//! RFC 8785 section 3.2, restricted as formats.md section 1 says.

use super::INTEGER_MOST;

/// How deep lists and objects stand in each other at most; `serde_json` reads no deeper.
const DEPTH_MOST: usize = 100;

/// Whether bytes are surely canonical JSON.
pub(super) fn is_canonical(bytes: &[u8]) -> bool {
    let mut scan = Scan(bytes);
    std::str::from_utf8(bytes).is_ok() && scan.value(DEPTH_MOST).is_some() && scan.0.is_empty()
}

/// What is left to be seen. Each step answers nothing where it is not certain.
struct Scan<'b>(&'b [u8]);

impl<'b> Scan<'b> {
    fn value(&mut self, depth: usize) -> Option<()> {
        match self.0.first()? {
            b'"' => self.text().map(drop),
            b'{' => self.object(depth.checked_sub(1)?),
            b'[' => self.list(depth.checked_sub(1)?),
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            _ => self.integer(),
        }
    }

    fn word(&mut self, word: &[u8]) -> Option<()> {
        self.0 = self.0.strip_prefix(word)?;
        Some(())
    }

    /// Whether the next byte is this one; then it is passed over.
    fn is_next(&mut self, byte: u8) -> bool {
        match self.0.split_first() {
            Some((first, rest)) if *first == byte => {
                self.0 = rest;
                true
            }
            _ => false,
        }
    }

    fn list(&mut self, depth: usize) -> Option<()> {
        self.word(b"[")?;
        if self.is_next(b']') {
            return Some(());
        }
        loop {
            self.value(depth)?;
            if !self.is_next(b',') {
                return self.word(b"]");
            }
        }
    }

    fn object(&mut self, depth: usize) -> Option<()> {
        self.word(b"{")?;
        if self.is_next(b'}') {
            return Some(());
        }
        let mut before: Option<&[u8]> = None;
        loop {
            let key = self.text()?;
            // Of such keys the order of the bytes is that of the UTF-16 units.
            let plain = key.iter().all(|byte| byte.is_ascii() && *byte != b'\\');
            if !plain || before.is_some_and(|before| before >= key) {
                return None;
            }
            before = Some(key);
            self.word(b":")?;
            self.value(depth)?;
            if !self.is_next(b',') {
                return self.word(b"}");
            }
        }
    }

    /// A text as it stands between its quotes.
    fn text(&mut self) -> Option<&'b [u8]> {
        self.word(b"\"")?;
        let from = self.0;
        loop {
            let plain = self.0.iter().position(|byte| *byte < b' ' || *byte == b'"' || *byte == b'\\')?;
            let (_, rest) = self.0.split_at_checked(plain)?;
            if let Some(rest) = rest.strip_prefix(b"\"") {
                let length = from.len().checked_sub(rest.len())?.checked_sub(1)?;
                self.0 = rest;
                return from.get(..length);
            }
            self.0 = rest.strip_prefix(b"\\")?;
            self.escaped()?;
        }
    }

    /// What may stand behind a backslash: the short escapes, and `u00` with two digits for the other control characters.
    fn escaped(&mut self) -> Option<()> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        match first {
            b'"' | b'\\' | b'b' | b't' | b'n' | b'f' | b'r' => Some(()),
            b'u' => {
                let (code, rest) = self.0.split_at_checked(4)?;
                self.0 = rest;
                let [b'0', b'0', high @ (b'0' | b'1'), low] = code else { return None };
                let short = *high == b'0' && matches!(low, b'8' | b'9' | b'a' | b'c' | b'd');
                (matches!(low, b'0'..=b'9' | b'a'..=b'f') && !short).then_some(())
            }
            _ => None,
        }
    }

    fn integer(&mut self) -> Option<()> {
        let negative = self.is_next(b'-');
        let digits = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = self.0.split_at_checked(digits)?;
        self.0 = rest;
        let number: i64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
        let padded = digits.len() > 1 && digits.first() == Some(&b'0');
        (!padded && number <= INTEGER_MOST && !(negative && number == 0)).then_some(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    /// A tree of what canonical JSON may hold, keys of every kind among it.
    fn trees() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(Value::from),
            (-INTEGER_MOST..=INTEGER_MOST).prop_map(Value::from),
            (-3_i64..3).prop_map(Value::from),
            any::<String>().prop_map(Value::from),
            "[\u{0}-\u{20}\"\\\\/é😀]{0,6}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            let key = prop_oneof!["[a-c\"\\\\é]{0,2}", "[a-z_]{1,4}", any::<String>()];
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(key, inner, 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        /// What is called canonical the strict reader reads, whatever was done to the bytes.
        #[test]
        fn a_yes_is_certain(
            tree in trees(),
            at in any::<prop::sample::Index>(),
            with in prop_oneof![Just(None), prop::sample::select(b" ,:{}[]\"\\01.-eEutn\n\x7f\xc3".to_vec()).prop_map(Some)],
            grow in any::<bool>(),
        ) {
            let mut bytes = crate::canon::to_bytes(&tree).unwrap();
            let at = at.index(bytes.len());
            match with {
                Some(with) if grow => bytes.insert(at, with),
                Some(with) => bytes[at] = with,
                None => drop(bytes.remove(at)),
            }
            prop_assert!(!is_canonical(&bytes) || crate::canon::parse(&bytes).is_ok(), "{}", String::from_utf8_lossy(&bytes));
        }

        /// And the writer's own bytes are called so, but for keys that are not plain.
        #[test]
        fn what_is_written_is_canonical(tree in trees()) {
            fn plain(tree: &Value) -> bool {
                match tree {
                    Value::Array(items) => items.iter().all(plain),
                    Value::Object(members) => members.iter().all(|(key, value)| {
                        key.bytes().all(|byte| (b' '..=b'~').contains(&byte) && !b"\"\\".contains(&byte)) && plain(value)
                    }),
                    _ => true,
                }
            }
            let bytes = crate::canon::to_bytes(&tree).unwrap();
            prop_assert!(is_canonical(&bytes) || !plain(&tree), "{}", String::from_utf8_lossy(&bytes));
        }
    }

    #[test]
    fn another_spelling_is_not_certain() {
        for bad in [
            "",
            "{",
            "{}}",
            "{} ",
            "[1,]",
            "[,1]",
            "{\"a\":1,}",
            "{\"a\"}",
            "{\"b\":1,\"a\":1}",
            "{\"a\":1,\"a\":1}",
            "null",
            "1.0",
            "1e3",
            "-0",
            "01",
            "-",
            "+1",
            "9007199254740992",
            "-9007199254740992",
            "\"\\u0041\"",
            "\"\\u000a\"",
            "\"\\u001F\"",
            "\"\\/\"",
            "\"\n\"",
            "\"",
            "\"\\",
            "tru",
            "truee",
            "99999999999999999999999999",
        ] {
            assert!(!is_canonical(bad.as_bytes()), "{bad}");
        }
        for good in [
            "{}",
            "[]",
            "0",
            "-1",
            "9007199254740991",
            "true",
            "\"\\u001f\\n\u{7f}é\"",
            "{\"a\":[1,{\"b\":false}],\"b\":\"\"}",
        ] {
            assert!(is_canonical(good.as_bytes()), "{good}");
        }
        let deep = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(is_canonical(deep(DEPTH_MOST).as_bytes()) && !is_canonical(deep(DEPTH_MOST + 1).as_bytes()));
    }
}
