//! What bytes may stand in a file that people review: text that means what it shows.

use std::borrow::Cow;
use std::ops::Range;

use assent_schema::hidden::{Hidden, Met, kind, walk};
use assent_schema::trust::is_plain;

use super::advice;

/// What is wrong with the bytes of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BadText {
    /// Where.
    pub(super) range: Range<usize>,
    /// What, as a sentence.
    pub(super) what: String,
    /// What to do about it.
    pub(super) help: String,
}

/// Finds the first thing that may not stand in a file; `signed` files have LF line ends alone.
pub(super) fn bad_text(bytes: &[u8], signed: bool) -> Option<BadText> {
    // Nearly every file is plain ASCII; one pass settles it.
    if is_plain(bytes) {
        return None;
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(e) => {
            let at = e.valid_up_to();
            let what = format!("The file is not UTF-8 from byte {at} on.");
            return Some(BadText { range: at..at, what, help: "Save the file as UTF-8.".to_owned() });
        }
    };
    let ends_line = |at: usize| text.get(at..).is_some_and(|rest| rest.starts_with("\r\n"));
    walk(text).filter(|met| signed || met.c != '\r' || !ends_line(met.at)).find_map(|met| {
        let what = forbidden(&met, signed)?;
        let help = if signed { SIGNED_HELP.to_owned() } else { help(met.c, text, met.at) };
        Some(BadText { range: met.at..met.at.saturating_add(met.c.len_utf8()), what, help })
    })
}

/// What to do about a character in a signed file.
const SIGNED_HELP: &str = "Signatures are over the bytes, so a file that is fixed is signed again: write it again without that character, like a draft of `assent plan --draft CLIENT`, and have it signed. `* -text` in .gitattributes keeps line ends as they are.";

/// What to do about a character, which nobody sees.
fn help(c: char, text: &str, at: usize) -> String {
    let line = text.get(..at).unwrap_or_default().rsplit('\n').next().unwrap_or_default();
    let column = line.chars().count().saturating_add(1);
    let does = match kind(c) {
        Some(Hidden::Direction) => "it changes the order in which what follows is shown",
        _ => "nobody sees it",
    };
    format!("Delete the character at column {column}: {does}.")
}

/// Why a character may not stand in a file. Agents refuse all that misleads in what is signed, so the compiler does.
fn forbidden(met: &Met, signed: bool) -> Option<String> {
    if met.c == '\r' && signed {
        return Some("A signed file has a carriage return; its line ends are LF alone.".into());
    }
    let kind = met
        .refused_in_files()
        .or_else(|| (signed && met.misleads()).then_some("a character that misleads a reader"))?;
    Some(format!("The file holds {kind}, U+{:04X}.", u32::from(met.c)))
}

/// Why a name in a tree cannot be one of ours, and what to do about it.
pub(super) fn bad_name(name: &str) -> Option<(&'static str, &'static str)> {
    let lower = name.to_ascii_lowercase();
    if matches!(lower.as_str(), "" | "." | ".." | ".git" | "git~1") {
        return Some(("a name that git or the system reserves", advice::RESERVED));
    }
    if name.contains(['/', '\\']) {
        return Some(("a name with a path separator", advice::SEPARATED));
    }
    walk(name)
        .any(|met| matches!(met.c, '\n' | '\t') || met.refused_in_files().is_some())
        .then_some(("a name with invisible characters", advice::UNSEEN))
}

/// A name as a text: as it is where it is UTF-8, escaped where no text could hold it.
pub(super) fn named(name: &[u8]) -> String {
    std::str::from_utf8(name).map_or_else(|_| shown(name), str::to_owned)
}

/// A name in plain ASCII.
pub(super) fn shown(name: &[u8]) -> String {
    name.escape_ascii().to_string()
}

/// A path for people: what nobody sees in it is escaped, all else is as it is.
pub fn shown_path(path: &str) -> Cow<'_, str> {
    let is_odd = |met: &Met| matches!(met.c, '\n' | '\t') || met.refused_in_files().is_some();
    if !walk(path).any(|met| is_odd(&met)) {
        return Cow::Borrowed(path);
    }
    let each = walk(path).map(|met| if is_odd(&met) { met.c.escape_default().to_string() } else { met.c.to_string() });
    Cow::Owned(each.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_means_what_it_shows() {
        for good in ["", "a = 1\n\tb\n", "ä 漢字 👩‍💻\n", "a\r\nb\r\n"] {
            assert_eq!(bad_text(good.as_bytes(), false), None, "{good:?}");
        }
        for bad in [
            "\u{feff}a",
            "a\u{202e}b",
            "a\u{7}b",
            "a\rb",
            "a\u{85}b",
            "a\u{200b}b",
            "a\u{e0041}b",
            "a\u{e0101}",
            "\u{3164}",
            "\u{ad}",
            "a\u{fe0f}\u{fe0e}",
            "a\u{200d}\u{200c}b",
            "\0",
        ] {
            assert!(bad_text(bad.as_bytes(), false).is_some(), "{bad:?}");
        }
        assert!(bad_text(b"a\r\n", true).is_some());
        assert!(bad_text("👩‍💻\n".as_bytes(), true).is_some(), "agents refuse a joiner in what is signed");
        assert!(bad_text(b"a\xff", false).is_some());
        let help = |text: &str, signed| bad_text(text.as_bytes(), signed).map(|bad| bad.help).unwrap_or_default();
        assert!(help("a\nb\u{202e}c", false).contains("column 2: it changes the order"));
        assert!(help("a\r\n", true).contains("signed again"));
    }

    #[test]
    fn paths_for_people_are_as_they_are_but_for_what_nobody_sees() {
        for plain in ["docs/a\\b.txt", "docs/ä 漢字.txt"] {
            assert_eq!(shown_path(plain), plain);
        }
        assert_eq!(shown_path("a\u{202e}b\n"), "a\\u{202e}b\\n");
    }

    #[test]
    fn names_stay_inside_the_tree() {
        for bad in ["", ".", "..", ".git", ".GIT", "git~1", "a/b", "a\\b", "a\nb", "a\u{202e}b"] {
            assert!(bad_name(bad).is_some(), "{bad:?}");
        }
        assert!(bad_name("refund.test.toml").is_none() && bad_name(".gitattributes").is_none());
    }
}
