//! Mail as bytes. Every header is made of names, digests and times that cannot hold a line end; the body is encoded.
//!
//! # Source
//! RFC 5322 (format, `Message-ID`, `References`), RFC 2045 section 6.7 (quoted-printable), RFC 3834 (`Auto-Submitted`).

use assent_schema::canon::Digest;
use assent_schema::id::MailAddress;
use assent_schema::time::Moment;

use super::{Stage, Telling, facts, title};
use crate::people::told::{cut, line, lines};

/// The longest subject: with its name it stays on one line.
const SUBJECT_MOST: usize = 60;
/// The longest line of an encoded body.
const LINE_MOST: usize = 76;

/// Mail about one thing.
pub(in crate::watch) struct Letter<'a> {
    /// Who writes.
    pub(in crate::watch) from: &'a MailAddress,
    /// To whom.
    pub(in crate::watch) to: &'a [MailAddress],
    /// What it is about.
    pub(in crate::watch) subject: &'a str,
    /// What programs that read mail put together by.
    pub(in crate::watch) thread: Digest,
    /// Which letter of the thread it is; the first when absent.
    pub(in crate::watch) part: Option<&'static str>,
    /// When it is written.
    pub(in crate::watch) at: Moment,
    /// Its text.
    pub(in crate::watch) text: &'a str,
}

/// Mail about an alert.
pub(in crate::watch) fn letter(telling: &Telling<'_>, from: &MailAddress, to: &[MailAddress]) -> Vec<u8> {
    let subject = title(&Telling { stage: Stage::Raised, ..telling.clone() });
    let mut text = format!("{}\n\n", title(telling));
    let rule = telling.message.rule.as_ref().map(|rule| rule.row());
    if let Some(row) = rule {
        text.extend([row.what, "\n\n"]);
    }
    for (name, value) in facts(telling) {
        text.extend([name, ": ", &value, "\n"]);
    }
    if !telling.message.commands.is_empty() {
        text.push_str("\nOn the agent's host, as yourself (ASSENT_KEY, or --key YOU=FILE):\n\n");
        for command in &telling.message.commands {
            text.extend(["  ", command, "\n"]);
        }
    }
    if let Some(row) = rule.filter(|_| telling.stage == Stage::Raised) {
        text.extend(["\nWhat to do: ", row.help, "\n"]);
    }
    if let Some(link) = &telling.message.link {
        text.extend(["\n", link, "\n"]);
    }
    let part = match telling.stage {
        Stage::Raised => None,
        Stage::Acknowledged | Stage::Over => Some(telling.stage.as_str()),
    };
    let letter =
        Letter { from, to, subject: &subject, thread: telling.message.dedup, part, at: telling.now, text: &text };
    letter.bytes()
}

impl Letter<'_> {
    /// The whole message, every line ended by CR and LF.
    pub(in crate::watch) fn bytes(&self) -> Vec<u8> {
        let host = self.from.as_str().rsplit('@').next().unwrap_or("localhost");
        let root = format!("<{}@{host}>", self.thread);
        let to: Vec<&str> = self.to.iter().map(MailAddress::as_str).collect();
        let mut head = String::new();
        let mut header = |name: &str, value: &str| head.extend([name, ": ", value, "\r\n"]);
        header("Date", &date(self.at));
        header("From", &format!("Assent <{}>", self.from));
        header("To", &to.join(",\r\n "));
        header("Subject", &subject(self.subject, self.part.is_some()));
        match self.part {
            None => header("Message-ID", &root),
            Some(part) => {
                header("Message-ID", &format!("<{}.{part}@{host}>", self.thread));
                header("In-Reply-To", &root);
                header("References", &root);
            }
        }
        header("Auto-Submitted", "auto-generated");
        header("MIME-Version", "1.0");
        header("Content-Type", "text/plain; charset=utf-8");
        header("Content-Transfer-Encoding", "quoted-printable");
        let mut bytes = head.into_bytes();
        bytes.extend(b"\r\n");
        bytes.extend(quoted_printable(&lines(self.text)).into_bytes());
        bytes
    }
}

/// Printable ASCII alone, on one line: what else a text holds is a question mark. Programs thread by references, not by this.
fn subject(text: &str, reply: bool) -> String {
    let plain: String = line(text).chars().map(|c| if c == ' ' || c.is_ascii_graphic() { c } else { '?' }).collect();
    // `cut` would end it in a letter beyond ASCII.
    let short = if plain.len() > SUBJECT_MOST { cut(&plain, SUBJECT_MOST).replace('…', "~") } else { plain };
    if reply { format!("Re: {short}") } else { short }
}

/// RFC 5322 section 3.3, in UTC.
fn date(at: Moment) -> String {
    at.timestamp().strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()
}

fn quoted_printable(text: &str) -> String {
    let mut out = String::new();
    for line in text.strip_suffix('\n').unwrap_or(text).split('\n') {
        let mut width = 0;
        let bytes = line.as_bytes();
        for (at, byte) in bytes.iter().enumerate() {
            let last = at.saturating_add(1) == bytes.len();
            let plain = (byte.is_ascii_graphic() && *byte != b'=') || (matches!(byte, b' ' | b'\t') && !last);
            // A line that is a dot alone, or begins so, means something to servers that forget to double it.
            let plain = plain && !(*byte == b'.' && width == 0);
            let piece = if plain { char::from(*byte).to_string() } else { format!("={byte:02X}") };
            if width + piece.len() > LINE_MOST - 1 {
                out.push_str("=\r\n");
                width = 0;
            }
            width += piece.len();
            out.push_str(&piece);
        }
        out.push_str("\r\n");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_ascii_in_short_lines_and_means_the_same() {
        let text = format!("Ünïcode = {}\n.\n trailing \n{}\n", "x".repeat(200), "ä".repeat(100));
        let encoded = quoted_printable(&text);
        assert!(encoded.is_ascii() && encoded.split("\r\n").all(|line| line.len() <= LINE_MOST));
        assert!(encoded.contains("\r\n=2E\r\n") && encoded.contains("trailing=20\r\n"));
        let mut bytes = Vec::new();
        let joined = encoded.replace("=\r\n", "").replace("\r\n", "\n");
        let mut rest = joined.as_bytes();
        while let Some((first, after)) = rest.split_first() {
            rest = after;
            if *first == b'=' {
                bytes.push(u8::from_str_radix(std::str::from_utf8(&after[..2]).unwrap(), 16).unwrap());
                rest = &after[2..];
            } else {
                bytes.push(*first);
            }
        }
        assert_eq!(String::from_utf8(bytes).unwrap(), text);
    }

    #[test]
    fn a_date_is_that_of_the_standard() {
        assert_eq!(date("2026-03-02T09:04:05Z".parse().unwrap()), "Mon, 02 Mar 2026 09:04:05 +0000");
    }
}
