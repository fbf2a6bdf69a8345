//! What the store keeps of releases that were refused.

use assent_schema::hidden;

/// Where it is kept, by digest.
pub(super) const REFUSED: &str = "refused/";
/// The longest sentence that is kept of a refusal, in characters.
const REFUSED_MOST: usize = 400;

/// What the store keeps of a refusal: its code and, in a second line, what exactly. Whoever may push chose parts of it: nothing in
/// it acts on a terminal.
pub(super) fn refused_state(code: &str, what: &str) -> Vec<u8> {
    let plain = |c: char| {
        if c.is_control() || hidden::kind(c).is_some() { c.escape_unicode().to_string() } else { c.to_string() }
    };
    let what: String = what.replace('\n', " ").chars().map(plain).collect();
    let what: String = what.chars().take(REFUSED_MOST).collect();
    if what.is_empty() { code.into() } else { format!("{code}\n{what}").into_bytes() }
}

/// Code of a refusal, and what exactly, as [`refused_state`] writes it.
pub(super) fn refused_of(said: &[u8]) -> Option<(String, Option<String>)> {
    let said = std::str::from_utf8(said).ok()?;
    let (code, what) = said.split_once('\n').map_or((said, None), |(code, what)| (code, Some(what.to_owned())));
    Some((code.to_owned(), what))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_told_of_a_refusal_acts_on_a_terminal() {
        let what = "unknown field \u{1b}[2J\u{202e}FINE\r\nat line 1";
        let (code, told) = refused_of(&refused_state("manifest-invalid", what)).unwrap();
        assert_eq!(code, "manifest-invalid");
        assert_eq!(told.unwrap(), "unknown field \\u{1b}[2J\\u{202e}FINE\\u{d} at line 1");
        let long = refused_state("manifest-invalid", &"\u{1b}".repeat(1_000));
        assert_eq!(long.len(), "manifest-invalid\n".len() + REFUSED_MOST);
    }
}
