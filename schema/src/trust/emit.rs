//! Writes signed TOML files, so that what we write is what we accept.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::{Map, Value};

/// A TOML text that grows line by line.
pub(super) struct Toml(String);

impl Toml {
    pub(super) fn new() -> Self {
        Self(String::new())
    }

    /// A key and its value. Values that do not exist are left out.
    pub(super) fn put<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) {
        // Only types whose serialization cannot fail are written here; null stands for what is absent.
        match serde_json::to_value(value).unwrap_or_default() {
            Value::Null => {}
            value => {
                key(&mut self.0, name);
                self.0.push_str(" = ");
                inline(&mut self.0, &value);
                self.0.push('\n');
            }
        }
    }

    /// A table with a heading of its own.
    pub(super) fn table(&mut self, names: &[&str]) {
        self.heading("[", names, "]");
    }

    /// One more table of a list.
    pub(super) fn item(&mut self, name: &str) {
        self.heading("[[", &[name], "]]");
    }

    /// A record's members: those named in `order` first, then all others.
    pub(super) fn members(&mut self, record: &Map<String, Value>, order: &[&str]) {
        let named = order.iter().filter_map(|name| Some((*name, record.get(*name)?)));
        let others = record.iter().map(|(name, value)| (name.as_str(), value)).filter(|(n, _)| !order.contains(n));
        for (name, value) in named.chain(others) {
            self.put(name, value);
        }
    }

    pub(super) fn finish(self) -> String {
        self.0
    }

    fn heading(&mut self, open: &str, names: &[&str], close: &str) {
        self.0.push('\n');
        self.0.push_str(open);
        for (at, name) in names.iter().enumerate() {
            if at > 0 {
                self.0.push('.');
            }
            key(&mut self.0, name);
        }
        self.0.push_str(close);
        self.0.push('\n');
    }
}

fn key(out: &mut String, name: &str) {
    let bare = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if bare { out.push_str(name) } else { text(out, name) }
}

fn inline(out: &mut String, value: &Value) {
    match value {
        Value::Null => {}
        Value::Bool(yes) => out.push_str(if *yes { "true" } else { "false" }),
        Value::Number(number) => {
            // Writing to a text cannot fail.
            let _infallible = write!(out, "{number}");
        }
        Value::String(string) => text(out, string),
        Value::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push_str(", ");
                }
                inline(out, item);
            }
            out.push(']');
        }
        Value::Object(record) => {
            out.push_str(if record.is_empty() { "{" } else { "{ " });
            for (at, (name, item)) in record.iter().enumerate() {
                if at > 0 {
                    out.push_str(", ");
                }
                key(out, name);
                out.push_str(" = ");
                inline(out, item);
            }
            out.push_str(if record.is_empty() { "}" } else { " }" });
        }
    }
}

fn text(out: &mut String, string: &str) {
    out.push('"');
    for c in string.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => {
                let _infallible = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_as_the_same() {
        let value = serde_json::json!({"a": {"b.c": ["x\"\\\n\t\u{1}ü", 1, true, {}], "d": -3}, "": "e"});
        let mut toml = Toml::new();
        toml.members(value.as_object().unwrap(), &["a"]);
        let text = toml.finish();
        let read: toml::Table = text.parse().unwrap();
        assert_eq!(serde_json::to_value(read).unwrap(), value, "{text}");
    }
}
