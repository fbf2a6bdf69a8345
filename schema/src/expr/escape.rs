//! Escapers: text from outside goes into a format without becoming part of its structure.

use crate::plan::TextFormat;

/// Escapes a text for a format.
pub fn escape(format: TextFormat, text: &str) -> String {
    match format {
        TextFormat::Html => html(text),
        TextFormat::Markdown => markdown(text),
        TextFormat::Url => url(text),
        TextFormat::Json => json(text),
    }
}

/// The most bytes that escaping makes of one byte.
pub(crate) const GROWS_MOST: usize = 6;

/// For element content and quoted attributes.
///
/// # Source
/// OWASP, cross-site scripting prevention, rules 1 and 2.
fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * GROWS_MOST);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '`' => out.push_str("&#96;"),
            c => out.push(c),
        }
    }
    out
}

/// `CommonMark` lets a backslash stand before every ASCII punctuation mark. Line breaks become spaces: a new line could
/// begin a heading, a list or code. Automatic links need `:` or `@`, which are punctuation too.
///
/// # Source
/// `CommonMark` 0.31, section 2.4.
fn markdown(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    for c in text.chars() {
        match c {
            c if c.is_ascii_punctuation() => {
                out.push('\\');
                out.push(c);
            }
            '\n' | '\r' | '\t' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// For one path segment or one query value: everything but unreserved characters is percent-encoded.
///
/// # Source
/// RFC 3986 section 2.3. `.` is unreserved, but `.` and `..` alone would be a path's own, so they are encoded too.
fn url(text: &str) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let dots = matches!(text, "." | "..");
    let mut out = String::with_capacity(text.len() * 3);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'~') || (byte == b'.' && !dots) {
            out.push(char::from(byte));
            continue;
        }
        out.push('%');
        for digit in [byte >> 4, byte & 15] {
            out.push(HEX.get(usize::from(digit)).copied().map_or('0', char::from));
        }
    }
    out
}

/// For the inside of a JSON string. `<`, `>`, `&` and the line separators are escaped too, so that the JSON may stand in
/// a script element.
///
/// # Source
/// RFC 8259 section 7.
fn json(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * GROWS_MOST);
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '<' | '>' | '&' | '\u{7f}' | '\u{2028}' | '\u{2029}' => push_unicode(c, &mut out),
            c if u32::from(c) < 0x20 => push_unicode(c, &mut out),
            c => out.push(c),
        }
    }
    out
}

fn push_unicode(c: char, out: &mut String) {
    out.push_str("\\u");
    for shift in [12, 8, 4, 0] {
        out.push(char::from_digit(u32::from(c) >> shift & 15, 16).unwrap_or('0'));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn structure_stays_text() {
        assert_eq!(html("<a href='x'>&"), "&lt;a href=&#39;x&#39;&gt;&amp;");
        assert_eq!(markdown("# [x](http://e)\n- _y_"), "\\# \\[x\\]\\(http\\:\\/\\/e\\) \\- \\_y\\_");
        assert_eq!(url("../a b?c=ü"), "..%2Fa%20b%3Fc%3D%C3%BC");
        assert_eq!(url(".."), "%2E%2E");
        assert_eq!(json("\"\\\n\u{1}</"), "\\\"\\\\\\n\\u0001\\u003c/");
    }

    proptest! {
        #[test]
        fn json_reads_back_as_the_same_text(text in any::<String>()) {
            let quoted = format!("\"{}\"", json(&text));
            prop_assert_eq!(serde_json::from_str::<String>(&quoted).expect("json"), text);
        }

        #[test]
        fn html_never_opens_an_element_or_closes_an_attribute(text in any::<String>()) {
            let out = html(&text);
            prop_assert!(!out.contains(['<', '>', '"', '\'', '`']));
            let undone = out.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&#39;", "'")
                .replace("&#96;", "`").replace("&amp;", "&");
            prop_assert_eq!(undone, text);
        }

        #[test]
        fn a_url_part_is_one_segment(text in any::<String>()) {
            let out = url(&text);
            prop_assert!(out.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'%' | b'-' | b'_' | b'~' | b'.')));
            prop_assert!(out != "." && out != "..");
        }

        #[test]
        fn every_mark_of_markdown_is_behind_a_backslash(text in any::<String>()) {
            let out = markdown(&text);
            prop_assert!(!out.contains(['\n', '\r']));
            let mut chars = out.chars();
            while let Some(c) = chars.next() {
                if c == '\\' {
                    prop_assert!(chars.next().is_some_and(|c| c.is_ascii_punctuation()));
                } else {
                    prop_assert!(!c.is_ascii_punctuation());
                }
            }
        }
    }
}
