//! How long a sentence is: lists of many things are cut for people, and whole for programs.

/// How much of a long list is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// All of it, for programs.
    Whole,
    /// Its beginning and how much more there is, for people.
    Brief,
}

/// The items of a long list that people read.
const LISTED_MOST: usize = 4;

/// Items of a list, with commas.
pub fn listed(items: impl IntoIterator<Item = String>, length: Length) -> String {
    joined(items, ", ", length)
}

/// Items of a list, with something between them.
pub(super) fn joined(items: impl IntoIterator<Item = String>, between: &str, length: Length) -> String {
    let items: Vec<String> = items.into_iter().collect();
    // One more takes no more room than to say that there is one more.
    let fits = length == Length::Whole || items.len() <= LISTED_MOST.saturating_add(1);
    let shown = if fits { items.len() } else { LISTED_MOST };
    let said = items.iter().take(shown).map(String::as_str).collect::<Vec<_>>().join(between);
    match items.len().saturating_sub(shown) {
        0 => said,
        more => format!("{said} and {more} more"),
    }
}

/// What one line lists between brackets, cut: `one_of 32 (a0, a1, a2, a3 and 28 more)`.
pub fn cut(line: &str, length: Length) -> String {
    let inside = line.split_once('(').and_then(|(before, rest)| Some((before, rest.rsplit_once(')')?)));
    match inside {
        Some((before, (list, after))) => {
            format!("{before}({}){after}", listed(list.split(", ").map(str::to_owned), length))
        }
        None => line.to_owned(),
    }
}
