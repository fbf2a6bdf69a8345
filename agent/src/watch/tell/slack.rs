//! Messages of Slack's incoming webhooks: Block Kit, with every text of ours plain.
//!
//! # Source
//! Slack, "Block Kit reference" (blocks and text objects, with their limits) and "Formatting text for app surfaces": `&`, `<`
//! and `>` are escaped, after which no mention, link or date can be written.

use serde_json::{Value, json};

use super::text::{cut, line, lines};
use super::{Telling, facts, title};

/// The longest text of a header.
const HEADER_MOST: usize = 150;
/// The longest text of a section.
const SECTION_MOST: usize = 3_000;
/// The longest field of a section.
const FIELD_MOST: usize = 2_000;
/// The most fields of a section.
const FIELDS_MOST: usize = 10;
/// The most sections of one message of ours; 50 blocks are allowed.
const SECTIONS_MOST: usize = 40;

/// A message about an alert.
pub(super) fn alert(telling: &Telling<'_>) -> Value {
    let title = title(telling);
    let mut blocks = vec![header(&title)];
    let fields: Vec<Value> =
        facts(telling).into_iter().map(|(name, value)| plain(&format!("{name}: {value}"), FIELD_MOST)).collect();
    blocks.extend(fields.chunks(FIELDS_MOST).map(|fields| json!({"type": "section", "fields": fields})));
    if !telling.message.commands.is_empty() {
        blocks.push(section(&telling.message.commands.join("\n")));
    }
    if let Some(console) = telling.console {
        blocks.push(section(console));
    }
    message(&title, &blocks)
}

/// A text for people, in as many messages as it needs.
pub(super) fn texts(title: &str, text: &str) -> Vec<Value> {
    let title = line(title);
    let parts = pieces(&lines(text));
    parts
        .chunks(SECTIONS_MOST)
        .map(|parts| {
            let sections = parts.iter().map(|part| section(part));
            message(&title, &std::iter::once(header(&title)).chain(sections).collect::<Vec<_>>())
        })
        .collect()
}

/// `text` is what notifications show: there, too, nothing is linked or mentioned.
fn message(title: &str, blocks: &[Value]) -> Value {
    let text = escape(title, SECTION_MOST);
    json!({"text": text, "mrkdwn": false, "parse": "none", "link_names": false, "unfurl_links": false,
        "unfurl_media": false, "blocks": blocks})
}

fn header(title: &str) -> Value {
    json!({"type": "header", "text": plain(title, HEADER_MOST)})
}

fn section(text: &str) -> Value {
    json!({"type": "section", "text": plain(text, SECTION_MOST)})
}

fn plain(text: &str, most: usize) -> Value {
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

/// Pieces that fit into a section however much of them is escaped, cut at line ends where that is possible.
fn pieces(text: &str) -> Vec<String> {
    let most = SECTION_MOST / 5;
    let (mut pieces, mut piece, mut size) = (Vec::new(), String::new(), 0_usize);
    for c in text.chars() {
        let full = size >= most || (c == '\n' && size >= most / 2);
        if full {
            pieces.push(std::mem::take(&mut piece));
            size = 0;
        }
        if !(full && c == '\n') {
            piece.push(c);
            size = size.saturating_add(1);
        }
    }
    pieces.push(piece);
    // An empty text is no text object.
    pieces.retain(|piece| !piece.trim().is_empty());
    pieces
}
