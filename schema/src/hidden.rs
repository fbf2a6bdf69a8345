//! Characters that nobody sees, or that make others read otherwise than they look: one table for all who refuse or mark them.

/// Why a character is not what a reader believes to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hidden {
    /// A control character, but for tabs and new lines.
    Control,
    /// The byte order mark.
    ByteOrder,
    /// It changes the order in which what follows is shown.
    Direction,
    /// A line separator that editors do not agree on.
    Line,
    /// It has no shape at all: zero widths, fillers, tags, variation selectors. A reader does not see it and a model reads it.
    Invisible,
    /// It joins or parts its neighbours, as within an emoji or a word of Persian.
    Joiner,
    /// It chooses how the character before it looks: text or emoji.
    Presentation,
    /// It changes what is around it and has a shape itself.
    Format,
    /// Every font shows something else.
    Private,
    /// A space that is not U+0020.
    Space,
}

/// What a character hides; nothing for those that are what they look like.
///
/// # Source
/// Unicode 16: general categories Cc, Cf, Zl, Zp and Zs, `Default_Ignorable_Code_Point`, private use; UAX #9 for the
/// bidirectional controls.
pub fn kind(c: char) -> Option<Hidden> {
    Some(match c {
        '\n' | '\t' | ' '..='~' => return None,
        '\u{feff}' => Hidden::ByteOrder,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => Hidden::Direction,
        '\u{2028}' | '\u{2029}' => Hidden::Line,
        '\u{200c}' | '\u{200d}' => Hidden::Joiner,
        '\u{fe0e}' | '\u{fe0f}' => Hidden::Presentation,
        '\u{600}'..='\u{605}'
        | '\u{6dd}'
        | '\u{70f}'
        | '\u{890}'
        | '\u{891}'
        | '\u{8e2}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{110bd}'
        | '\u{110cd}'
        | '\u{13430}'..='\u{1343f}' => Hidden::Format,
        '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => Hidden::Space,
        '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{10ffff}' => Hidden::Private,
        '\u{ad}'
        | '\u{34f}'
        | '\u{115f}'
        | '\u{1160}'
        | '\u{17b4}'
        | '\u{17b5}'
        | '\u{180b}'..='\u{180f}'
        | '\u{200b}'
        | '\u{2060}'..='\u{2065}'
        | '\u{206a}'..='\u{206f}'
        | '\u{3164}'
        | '\u{fe00}'..='\u{fe0d}'
        | '\u{ffa0}'
        | '\u{fff0}'..='\u{fff8}'
        | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}' => Hidden::Invisible,
        c if c.is_control() => Hidden::Control,
        _ => return None,
    })
}

/// What may not stand in what people sign, and what is marked in an outsider's text before somebody decides on it: everything
/// but spaces, and what lets emoji look as they do.
pub fn is_hidden(c: char) -> bool {
    kind(c).is_some_and(|kind| !matches!(kind, Hidden::Space | Hidden::Presentation))
}

/// How a source file calls a character that it may not hold. Emoji, joiners, other spaces and other people's alphabets may stand.
pub fn refused_in_files(c: char) -> Option<&'static str> {
    match kind(c)? {
        Hidden::Control => Some("a control character"),
        Hidden::ByteOrder => Some("a byte order mark"),
        Hidden::Direction => Some("a bidirectional control character"),
        Hidden::Line => Some("a line separator that editors do not agree on"),
        Hidden::Invisible => Some("an invisible character"),
        Hidden::Joiner | Hidden::Presentation | Hidden::Format | Hidden::Private | Hidden::Space => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_files_refuse_nobody_can_sign_or_decide_on_unseen() {
        for c in '\0'..=char::MAX {
            if refused_in_files(c).is_some() {
                assert!(is_hidden(c), "{c:?}");
            }
        }
    }

    #[test]
    fn no_control_and_no_space_is_without_a_kind() {
        for c in ('\0'..=char::MAX).filter(|c| c.is_control() || c.is_whitespace()) {
            assert_eq!(kind(c).is_none(), matches!(c, '\n' | '\t' | ' '), "{c:?}");
        }
    }

    #[test]
    fn each_way_to_hide_text_from_a_reader_is_known() {
        for (c, wanted) in [
            ('\u{e0041}', Hidden::Invisible),
            ('\u{e0100}', Hidden::Invisible),
            ('\u{3164}', Hidden::Invisible),
            ('\u{ad}', Hidden::Invisible),
            ('\u{202e}', Hidden::Direction),
            ('\u{7}', Hidden::Control),
            ('\u{200d}', Hidden::Joiner),
            ('\u{fe0f}', Hidden::Presentation),
        ] {
            assert_eq!(kind(c), Some(wanted), "{c:?}");
        }
        for plain in "aZ~ ä漢字👩\n\tש".chars() {
            assert_eq!(kind(plain), None, "{plain:?}");
        }
    }
}
