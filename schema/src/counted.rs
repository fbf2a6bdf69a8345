//! How many there are of something, in words that fit: `1 workflow`, `2 workflows`. The one place that makes plurals.

use std::fmt::Display;

/// A number and what is counted, which is given as one is called.
///
/// # Shape
/// Plurals end in `s`, those of words that end in a consonant and `y` in `ies`; of a person, people.
pub fn counted(count: impl Display, thing: &str) -> String {
    let count = count.to_string();
    let things = named(&count, thing);
    format!("{count} {things}")
}

/// What is counted, without the number: where that stands elsewhere.
pub fn named(count: impl Display, thing: &str) -> String {
    if count.to_string() == "1" {
        return thing.to_owned();
    }
    if thing == "person" {
        return "people".to_owned();
    }
    match thing.strip_suffix('y') {
        Some(word) if !word.ends_with(['a', 'e', 'o', 'u']) => format!("{word}ies"),
        Some(_) | None => format!("{thing}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_called_as_one_and_all_else_as_many() {
        for (count, thing, wanted) in [
            (1, "workflow", "1 workflow"),
            (0, "workflow", "0 workflows"),
            (2, "data use", "2 data uses"),
            (1, "entry", "1 entry"),
            (21, "entry", "21 entries"),
            (3, "day", "3 days"),
            (1, "person", "1 person"),
            (2, "person", "2 people"),
        ] {
            assert_eq!(counted(count, thing), wanted);
        }
        assert_eq!(format!("{} of {}", 1, counted(1_u64, "scenario")), "1 of 1 scenario");
    }
}
