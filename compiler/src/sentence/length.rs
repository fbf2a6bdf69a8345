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

/// What one line lists between brackets, cut: `one_of 32 (a0, a1, a2, a3 and 28 more) of ticket.subject`.
pub fn cut(line: &str, length: Length) -> String {
    let Some((before, rest)) = line.split_once('(') else { return line.to_owned() };
    // Behind the list stands of what it is, which may have brackets of its own.
    let (list, of) = rest.split_once(") of ").map_or((rest, None), |(list, of)| (list, Some(of)));
    let (list, after) = match of {
        Some(of) => (list, format!(" of {of}")),
        None => match list.rsplit_once(')') {
            Some((list, after)) => (list, after.to_owned()),
            None => return line.to_owned(),
        },
    };
    format!("{before}({}){after}", listed(list.split(", ").map(str::to_owned), length))
}
