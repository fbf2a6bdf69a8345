//! What the store keeps of releases that were refused.

/// Where it is kept, by digest.
pub(super) const REFUSED: &str = "refused/";
/// The longest sentence that is kept of a refusal, in characters.
const REFUSED_MOST: usize = 400;

/// What the store keeps of a refusal: its code and, in a second line, what exactly.
pub(super) fn refused_state(code: &str, what: &str) -> Vec<u8> {
    let what: String = what.chars().map(|c| if c == '\n' { ' ' } else { c }).take(REFUSED_MOST).collect();
    if what.is_empty() { code.into() } else { format!("{code}\n{what}").into_bytes() }
}

/// Code of a refusal, and what exactly, as [`refused_state`] writes it.
pub(super) fn refused_of(said: &[u8]) -> Option<(String, Option<String>)> {
    let said = std::str::from_utf8(said).ok()?;
    let (code, what) = said.split_once('\n').map_or((said, None), |(code, what)| (code, Some(what.to_owned())));
    Some((code.to_owned(), what))
}
