//! Whether a text stands at a place of a message: a member of its body, or a header, where some senders say what happened and
//! nowhere else. Pure.
//!
//! # Source
//! language.md section 2.

use super::json::Json;

/// How a catalog names a header.
pub const HEADER: &str = "header:";

/// Whether a text stands at a place. A header is not signed: it only narrows what a genuine event may be.
pub fn stands(headers: &[(String, Vec<u8>)], json: &Json, at: &str, wanted: &str) -> bool {
    match at.strip_prefix(HEADER) {
        Some(name) => has_header(headers, name, wanted),
        None => json.text_at(at) == Some(wanted),
    }
}

/// Whether a header stands there once and says this.
fn has_header(headers: &[(String, Vec<u8>)], name: &str, wanted: &str) -> bool {
    let mut values = headers.iter().filter(|(there, _)| there.eq_ignore_ascii_case(name));
    values.next().is_some_and(|(_, value)| value == wanted.as_bytes()) && values.next().is_none()
}
