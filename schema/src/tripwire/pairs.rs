//! Which letters stand beside one another in words. Of two letters that are drawn by lot half are such a pair; of two in a word
//! or a name nineteen of twenty.
//!
//! # Source
//! Counted over the words of this repository and of forty crates, each once, and over some hundred words each of German, French,
//! Spanish, Portuguese, Italian, Dutch, Polish, Czech, Swedish, Norwegian, Finnish, Hungarian, Turkish and Romanian.

/// The letters that follow each of `a` to `z` in words.
const FOLLOW: [&str; 26] = [
    "abcdefghiklmnoprstuvwxyz",
    "abcdefilorsu",
    "abcdefhiklorstuyz",
    "abcdefilorsuz",
    "abcdefghijklmnopqrstuvwxyz",
    "abcdefilorstuy",
    "aeghilnorsu",
    "aeiortu",
    "abcdefgjklmnoprstvxz",
    "aeko",
    "aeilorstu",
    "acdeiklnostuvy",
    "abeimopsu",
    "acdefgiklmnoprstuvy",
    "abcdefgiklmnoprstuvwxy",
    "aehiloprstu",
    "u",
    "abcdefgiklmnoprstuvyz",
    "acehiklmoprstuwyz",
    "acdefhilmoprstuvwy",
    "abcdefgijlmnprst",
    "aeior",
    "aehinors",
    "aceipt",
    "aeiknps",
    "aceiouwy",
];

/// Whether two letters, in whatever case, stand beside one another in words.
pub(super) fn is_of_words(first: u8, second: u8) -> bool {
    let place = first.to_ascii_lowercase().wrapping_sub(b'a');
    let following = FOLLOW.get(usize::from(place)).copied().unwrap_or_default();
    following.as_bytes().contains(&second.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_of_pairs_that_stand_in_words() {
        for word in ["order", "Customer", "Bestellung", "SCHALL", "szach", "quick", "xenon"] {
            let pairs = word.as_bytes().windows(2);
            assert!(pairs.filter_map(|pair| pair.first_chunk()).all(|[a, b]| is_of_words(*a, *b)), "{word}");
        }
        let strange = ["qz", "JX", "vb", "zq", "wj", "a1", "-a", "--"];
        assert!(strange.iter().filter_map(|pair| pair.as_bytes().first_chunk()).all(|[a, b]| !is_of_words(*a, *b)));
        let all = (b'a'..=b'z').flat_map(|a| (b'a'..=b'z').map(move |b| (a, b)));
        assert_eq!(all.filter(|(a, b)| is_of_words(*a, *b)).count(), 339);
    }
}
