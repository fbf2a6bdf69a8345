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
    /// A space that is not U+0020, or as blank as one: a cell of Braille without a dot.
    Space,
}

/// What a character hides; nothing for those that are what they look like.
///
/// # Source
/// Unicode 16: general categories Cc, Cf, Zl, Zp and Zs, `Default_Ignorable_Code_Point`, private use; UAX #9 for the
/// bidirectional controls, UTS #51 for emoji, UAX #31 section 2.3 for joiners.
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
        | '\u{110bd}'
        | '\u{110cd}' => Hidden::Format,
        '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{2800}' | '\u{3000}' => {
            Hidden::Space
        }
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
        | '\u{fff0}'..='\u{fffb}'
        | '\u{13430}'..='\u{1343f}'
        | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}' => Hidden::Invisible,
        c if c.is_control() => Hidden::Control,
        _ => return None,
    })
}

/// A character in its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Met {
    /// Where, in bytes.
    pub at: usize,
    /// Which.
    pub c: char,
    /// What it hides.
    pub hidden: Option<Hidden>,
    /// Whether it does its work for what stands before it. Then there is one, and no text can be made of many.
    pub belongs: bool,
}

impl Met {
    /// Whether it may not stand in what people sign, and is marked in an outsider's text before somebody decides on it:
    /// everything but spaces, and what lets an emoji look as it does.
    pub fn misleads(&self) -> bool {
        match self.hidden {
            None | Some(Hidden::Space) => false,
            Some(Hidden::Presentation) => !self.belongs,
            Some(_) => true,
        }
    }

    /// How a source file calls a character that it may not hold. Emoji, other spaces and other people's alphabets may stand,
    /// with the joiners and selectors that they need.
    pub fn refused_in_files(&self) -> Option<&'static str> {
        match self.hidden? {
            Hidden::Control => Some("a control character"),
            Hidden::ByteOrder => Some("a byte order mark"),
            Hidden::Direction => Some("a bidirectional control character"),
            Hidden::Line => Some("a line separator that editors do not agree on"),
            Hidden::Invisible => Some("an invisible character"),
            Hidden::Joiner if !self.belongs => Some("a joiner that joins nothing"),
            Hidden::Presentation if !self.belongs => Some("a variation selector without an emoji"),
            Hidden::Joiner | Hidden::Presentation | Hidden::Format | Hidden::Private | Hidden::Space => None,
        }
    }
}

/// The characters of a text, each with what it hides.
///
/// A selector belongs to an emoji or the key of a keycap, a joiner to two emoji or to letters of scripts that are written
/// joined. Any other, and each but the first in a row, is refused or marked: two kinds of them are enough to write text that
/// a model reads and nobody sees.
pub fn walk(text: &str) -> impl Iterator<Item = Met> {
    let mut chars = text.char_indices().peekable();
    // What a joiner or selector would belong to, and whether it has its selector already.
    let (mut base, mut is_presented) = (None, false);
    std::iter::from_fn(move || {
        let (at, c) = chars.next()?;
        let hidden = kind(c);
        let next = chars.peek().map(|(_, next)| *next);
        let belongs = match (hidden, base) {
            (Some(Hidden::Presentation), Some(base)) => !is_presented && presents(base, next),
            (Some(Hidden::Joiner), Some(base)) => next.is_some_and(|next| joins(base, c, next)),
            _ => false,
        };
        is_presented = belongs && hidden == Some(Hidden::Presentation);
        if !is_presented {
            base = Some(c);
        }
        Some(Met { at, c, hidden, belongs })
    })
}

fn presents(base: char, next: Option<char>) -> bool {
    is_emoji(base) || (matches!(base, '0'..='9' | '#' | '*') && next == Some('\u{20e3}'))
}

fn joins(base: char, c: char, next: char) -> bool {
    let is_one_picture = c == '\u{200d}' && is_emoji(base) && is_emoji(next);
    is_one_picture || (is_joined(base) && kind(next).is_none() && !next.is_whitespace())
}

/// The blocks that emoji are of.
fn is_emoji(c: char) -> bool {
    matches!(c,
        '\u{a9}' | '\u{ae}' | '\u{203c}' | '\u{2049}' | '\u{2122}' | '\u{2139}' | '\u{2194}'..='\u{21aa}' | '\u{231a}'..='\u{23ff}'
        | '\u{24c2}' | '\u{25aa}'..='\u{25fe}' | '\u{2600}'..='\u{27bf}' | '\u{2934}' | '\u{2935}' | '\u{2b05}'..='\u{2b55}'
        | '\u{3030}' | '\u{303d}' | '\u{3297}' | '\u{3299}' | '\u{1f000}'..='\u{1faff}')
}

/// The blocks of scripts in which letters join: Arabic and Syriac, those of India and their neighbours, Khmer, Mongolian.
fn is_joined(c: char) -> bool {
    matches!(c, '\u{620}'..='\u{109f}' | '\u{1780}'..='\u{18af}') && kind(c).is_none()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use regex_syntax::hir::{Class, HirKind};

    use super::*;

    #[test]
    fn what_files_refuse_nobody_can_sign_or_decide_on_unseen() {
        for c in '\0'..=char::MAX {
            for text in [format!("{c}"), format!("a{c}b"), format!("❤{c}🔥"), format!("م{c}خ")] {
                for met in walk(&text).filter(|met| met.refused_in_files().is_some()) {
                    assert!(met.misleads(), "{c:?} in {text:?}");
                }
            }
        }
    }

    /// All characters of a property, from the tables of Unicode.
    fn all_of(property: &str) -> Vec<char> {
        let parsed = regex_syntax::parse(&format!(r"\p{{{property}}}")).unwrap();
        match parsed.kind() {
            HirKind::Class(Class::Unicode(class)) => {
                class.iter().flat_map(|range| range.start()..=range.end()).collect()
            }
            // A property of one character.
            HirKind::Literal(one) => std::str::from_utf8(&one.0).unwrap().chars().collect(),
            _ => panic!("{property} is a property"),
        }
    }

    #[test]
    fn every_character_that_unicode_says_is_not_seen_has_a_kind_and_no_other() {
        let mut wanted = BTreeSet::from(['\u{2800}']);
        for property in ["Cc", "Cf", "Zl", "Zp", "Zs", "Co", "Default_Ignorable_Code_Point"] {
            wanted.extend(all_of(property));
        }
        wanted.retain(|c| !matches!(c, ' ' | '\n' | '\t'));
        // The ends of planes 15 and 16 are no characters; they count as what stands before them.
        let none = |c: char| u32::from(c) >= 0xf_0000 && u32::from(c) & 0xfffe == 0xfffe;
        let found: BTreeSet<_> = ('\0'..=char::MAX).filter(|c| kind(*c).is_some() && !none(*c)).collect();
        let apart: Vec<_> = wanted.symmetric_difference(&found).map(|c| format!("U+{:04X}", u32::from(*c))).collect();
        assert!(apart.is_empty(), "{apart:?}");
    }

    #[test]
    fn each_kind_is_what_its_property_says() {
        let only = |property: &str, wanted: &[Hidden]| {
            for c in all_of(property).into_iter().filter(|c| !matches!(c, ' ' | '\n' | '\t')) {
                assert!(kind(c).is_some_and(|kind| wanted.contains(&kind)), "{property}: U+{:04X}", u32::from(c));
            }
        };
        only("Cc", &[Hidden::Control]);
        only("Zs", &[Hidden::Space]);
        only("Co", &[Hidden::Private]);
        only("Zl", &[Hidden::Line]);
        only("Zp", &[Hidden::Line]);
        only("Bidi_Control", &[Hidden::Direction]);
        only("Join_Control", &[Hidden::Joiner]);
        only("Variation_Selector", &[Hidden::Invisible, Hidden::Presentation]);
        // Whatever has no shape is refused in files, wherever it has nothing to do.
        for c in all_of("Default_Ignorable_Code_Point") {
            let alone = c.to_string();
            assert!(walk(&alone).all(|met| met.refused_in_files().is_some()), "U+{:04X}", u32::from(c));
        }
    }

    #[test]
    fn a_joiner_or_selector_stands_where_it_does_something_and_once() {
        let refused = |text: &str| walk(text).any(|met| met.refused_in_files().is_some());
        for good in [
            "👩\u{200d}💻",
            "❤\u{fe0f}\u{200d}🔥 ☎\u{fe0e}",
            "1\u{fe0f}\u{20e3}",
            "👍🏽",
            "می\u{200c}خواهم",
            "ක\u{dca}\u{200d}ර",
        ] {
            assert!(!refused(good), "{good:?}");
        }
        for bad in [
            "a\u{200d}b",
            "a\u{200c}b",
            "a\u{fe0f}",
            "\u{fe0f}",
            "\u{200c}",
            "❤\u{fe0f}\u{fe0f}",
            "❤\u{fe0e}\u{fe0f}",
            "👩\u{200d}\u{200d}💻",
            "👩\u{200d}a",
            "👩\u{200c}💻",
            "1\u{fe0f}",
            "می\u{200c}\u{200d}خ",
            "می\u{200c}",
            "می\u{200c} ",
        ] {
            assert!(refused(bad), "{bad:?}");
        }
        let odd = |text: &str| walk(text).filter(Met::misleads).map(|met| met.c).collect::<String>();
        assert_eq!(odd("❤\u{fe0f} 1\u{202f}000\u{a0}€\n"), "");
        assert_eq!(odd("a\u{fe0f}b\u{fe0e}👩\u{200d}💻\u{e000}"), "\u{fe0f}\u{fe0e}\u{200d}\u{e000}");
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
