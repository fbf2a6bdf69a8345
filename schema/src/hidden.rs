//! Characters that nobody sees, in what people sign or are shown.

/// Characters that make a text read otherwise than it looks: controls but for tabs and new lines, byte order mark, direction
/// marks, zero widths.
pub fn is_hidden(c: char) -> bool {
    let plain = c == '\n' || c == '\t';
    let marks = matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    marks || (c.is_control() && !plain)
}
