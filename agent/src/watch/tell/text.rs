//! Texts that others wrote, made harmless before any receiver's own escaping.

/// One line: whatever ends lines is a space, whatever is not seen is shown as a mark.
pub(super) fn line(text: &str) -> String {
    text.chars().map(|c| if ends_line(c) || c == '\t' { ' ' } else { seen(c) }).collect()
}

/// Several lines, each ended by a line feed alone.
pub(super) fn lines(text: &str) -> String {
    let whole = text.replace("\r\n", "\n");
    whole
        .chars()
        .map(|c| {
            if ends_line(c) {
                '\n'
            } else if c == '\t' {
                c
            } else {
                seen(c)
            }
        })
        .collect()
}

/// At most so many characters; what was longer ends in an ellipsis.
pub(super) fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

fn ends_line(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Controls, marks that turn the direction of writing, and what has no width are replaced: what is read is what is there.
fn seen(c: char) -> char {
    let hidden = matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}');
    if hidden || c.is_control() { char::REPLACEMENT_CHARACTER } else { c }
}
