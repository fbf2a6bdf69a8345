//! Messages of Slack's incoming webhooks: Block Kit, with every text of ours plain.
//!
//! # Source
//! Slack, "Block Kit reference" (blocks and text objects, with their limits) and "Formatting text for app surfaces": `&`, `<`
//! and `>` are escaped, after which no mention, link or date can be written.

use serde_json::{Value, json};

use super::{Telling, facts, title};
use crate::people::blocks::{SECTION_MOST, header, message, plain, section};
use crate::people::told::{line, lines};

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
    if let Some(link) = &telling.message.link {
        blocks.push(section(link));
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
