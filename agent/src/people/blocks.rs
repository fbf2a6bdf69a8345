//! Blocks of Slack's Block Kit, with every text of ours plain. Pure.
//!
//! # Source
//! Slack, "Block Kit reference" (blocks and text objects, with their limits) and "Formatting text for app surfaces": `&`, `<`
//! and `>` are escaped, after which no mention, link or date can be written.

use serde_json::{Value, json};

use super::told::cut;

/// The longest text of a header.
pub(crate) const HEADER_MOST: usize = 150;
/// The longest text of a section.
pub(crate) const SECTION_MOST: usize = 3_000;

/// `text` is what notifications show: there, too, nothing is linked or mentioned.
pub(crate) fn message(title: &str, blocks: &[Value]) -> Value {
    let text = escape(title, SECTION_MOST);
    json!({"text": text, "mrkdwn": false, "parse": "none", "link_names": false, "unfurl_links": false,
        "unfurl_media": false, "blocks": blocks})
}

/// A title.
pub(crate) fn header(title: &str) -> Value {
    json!({"type": "header", "text": plain(title, HEADER_MOST)})
}

/// A text.
pub(crate) fn section(text: &str) -> Value {
    json!({"type": "section", "text": plain(text, SECTION_MOST)})
}

/// A text object, cut at so many characters.
pub(crate) fn plain(text: &str, most: usize) -> Value {
    json!({"type": "plain_text", "text": escape(text, most), "emoji": false})
}

/// Escapes what Slack reads and cuts what it would refuse. The names that call everybody are kept from being read as such
/// by receivers that link names all the same.
fn escape(text: &str, most: usize) -> String {
    let escaped = |text: &str| {
        text.replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;")
            .replace("@channel", "@ channel")
            .replace("@here", "@ here")
            .replace("@everyone", "@ everyone")
    };
    let whole = escaped(text);
    if whole.chars().count() <= most {
        return whole;
    }
    // An escape is at most five times as long as what it stands for.
    escaped(&cut(text, most / 5))
}

/// Whether a text fits whole where so many characters may stand.
pub(crate) fn fits(text: &str, most: usize) -> bool {
    // Of what is escaped each character counts as what it is written as; an escape has at most five, a name one more.
    let size = |c: char| match c {
        '&' => 5,
        '<' | '>' => 4,
        '@' => 2,
        _ => 1,
    };
    !text.is_empty() && text.chars().map(size).sum::<usize>() <= most
}
