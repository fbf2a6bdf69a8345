//! Private notes, and notes that answer them. Pure.

use assent_schema::canon::Digest;
use assent_schema::expr::escape;
use assent_schema::plan::TextFormat;
use assent_schema::release::Choice;

use super::{Card, Ended};
use crate::people::told;

/// How many digits of a question's nonce an answer repeats: 64 bits, which nobody who cannot read the note can guess.
pub const CODE_DIGITS: usize = 16;

/// The text of a note that asks. `page` is where the console shows the question.
pub fn question(card: &Card, page: Option<&str>, format: Option<TextFormat>) -> String {
    let mut lines = vec![
        format!("{} must decide ({}/{}):", card.by, card.client, card.workflow),
        card.summary.clone(),
        String::new(),
    ];
    for (name, value) in &card.values {
        // What somebody else wrote stands behind a mark, so that it cannot pass for a line of the note.
        lines.push(format!("{name}:"));
        lines.extend(value.lines().map(|line| format!("| {line}")));
    }
    lines.push(String::new());
    if card.can_be_answered() {
        let code = code(&card.nonce);
        lines.push(format!("To answer, write a private note here that says nothing but: yes {code}"));
        lines.push(format!("or: no {code}"));
    } else {
        lines.push(card.why_not().to_owned());
        lines.push(match page {
            Some(page) => format!("{page}decisions/{}", card.nonce),
            None => "`assent decide` shows it and signs your answer.".to_owned(),
        });
    }
    lines.push(format!("No answer means no, {}.", card.until));
    written(&lines, format)
}

/// The text of the note that says how a question ended. It repeats nothing of what was asked but the question's word.
pub fn ended(of: (&str, &str), nonce: &Digest, ended: &Ended, format: Option<TextFormat>) -> String {
    let (client, workflow) = of;
    written(&[format!("{client}/{workflow}: {} ({})", ended.sentence(), code(nonce))], format)
}

/// The word by which an answer names its question.
fn code(nonce: &Digest) -> String {
    nonce.to_string().chars().take(CODE_DIGITS).collect()
}

/// What a note says: yes or no and a question's word, and nothing else. Any other note is no answer.
pub fn said(text: &str) -> Option<(Choice, String)> {
    let mut words = text.split_whitespace();
    let (choice, code, end) = (words.next()?, words.next()?, words.next());
    let choice = match choice.to_ascii_lowercase().as_str() {
        "yes" => Choice::Approve,
        "no" => Choice::Refuse,
        _ => return None,
    };
    let fine = code.len() == CODE_DIGITS && code.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'a'..=b'f'));
    (fine && end.is_none()).then(|| (choice, code.to_owned()))
}

/// Lines in the format that the parameter takes.
fn written(lines: &[String], format: Option<TextFormat>) -> String {
    match format {
        None | Some(TextFormat::Json | TextFormat::Url) => lines.join("\n"),
        Some(format) => {
            let between = if format == TextFormat::Html { "<br>" } else { "  \n" };
            let escaped = lines.iter().map(|line| escape(format, &told::line(line)));
            escaped.collect::<Vec<_>>().join(between)
        }
    }
}
