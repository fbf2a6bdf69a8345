//! What is random enough to be a key, although no pattern names it.
//!
//! More than four bits for each of 20 characters is the rule; hexadecimal digits never have more, so digests are none. Keys in
//! such digits are told by the name before them (`named`).
//! Long names and paths can have as much: letters and digits take turns in a key, and in what people name they rarely do.

use std::ops::Range;

/// The fewest characters of a key.
const LEAST_CHARACTERS: usize = 20;
/// A text of more bits for each character is no language.
const MOST_BITS: f64 = 4.0;
/// In this many places, at least, a letter stands beside a digit in a key.
const LEAST_TURNS: usize = 4;
/// Or the kind of character changes at this share of places.
const LEAST_CHANGES: f64 = 0.3;

/// Whether a stretch is as random as a key.
pub(super) fn is_like_a_key(run: &str) -> bool {
    run.len() >= LEAST_CHARACTERS && is_random(run)
}

/// Stretches of at least so many characters of keys, in order; each as long as it can be.
///
/// Every file is looked through, so most bytes are not: a stretch that begins here holds the byte at its least length,
/// and one that does not begins behind the last byte that is no character of a key.
pub(super) fn long_runs(bytes: &[u8], least_length: usize) -> impl Iterator<Item = Range<usize>> {
    let mut start = 0_usize;
    std::iter::from_fn(move || {
        loop {
            let least = bytes.get(start..start.checked_add(least_length)?)?;
            if let Some(at) = least.iter().rposition(|byte| !is_key_character(*byte)) {
                start = start.saturating_add(at).saturating_add(1);
                continue;
            }
            let rest = bytes.get(start..)?;
            let length = rest.iter().position(|byte| !is_key_character(*byte)).unwrap_or(rest.len());
            let run = start..start.saturating_add(length);
            start = run.end.saturating_add(1);
            return Some(run);
        }
    })
}

fn is_key_character(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'_' | b'-')
}

fn is_random(run: &str) -> bool {
    bits(run) > MOST_BITS && !is_uuid(run) && is_mixed(run)
}

/// Shannon entropy for each character.
fn bits(run: &str) -> f64 {
    let mut counts = [0_u32; 128];
    for byte in run.bytes() {
        if let Some(count) = counts.get_mut(usize::from(byte)) {
            *count = count.saturating_add(1);
        }
    }
    let all = f64::from(u32::try_from(run.len()).unwrap_or(u32::MAX));
    let share = |count: u32| f64::from(count) / all;
    counts.into_iter().filter(|count| *count > 0).map(|count| -share(count) * share(count).log2()).sum()
}

/// Whether letters of both cases and digits stand among one another as in a key, not as in names and words.
fn is_mixed(run: &str) -> bool {
    let one_word =
        run.bytes().all(|byte| byte.is_ascii_lowercase()) || run.bytes().all(|byte| byte.is_ascii_uppercase());
    if one_word {
        return true;
    }
    let (mut turns, mut changes, mut kept) = (0_usize, 0_u32, 0_u32);
    for pair in run.as_bytes().windows(2) {
        let [a, b] = pair else { continue };
        match (kind(*a), kind(*b)) {
            (Kind::Joint, _) | (_, Kind::Joint) => {}
            (a, b) if a == b => kept = kept.saturating_add(1),
            // A word that begins with a capital.
            (Kind::Upper, Kind::Lower) => kept = kept.saturating_add(1),
            (a, b) => {
                changes = changes.saturating_add(1);
                if a == Kind::Digit || b == Kind::Digit {
                    turns = turns.saturating_add(1);
                }
            }
        }
    }
    let all = changes.saturating_add(kept).max(1);
    turns >= LEAST_TURNS || f64::from(changes) / f64::from(all) >= LEAST_CHANGES
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Lower,
    Upper,
    Digit,
    Joint,
}

fn kind(byte: u8) -> Kind {
    match byte {
        b'a'..=b'z' => Kind::Lower,
        b'A'..=b'Z' => Kind::Upper,
        b'0'..=b'9' => Kind::Digit,
        _ => Kind::Joint,
    }
}

fn is_uuid(run: &str) -> bool {
    let hex = |part: &str| part.bytes().all(|byte| byte.is_ascii_hexdigit());
    run.len() == 36 && run.split('-').map(str::len).eq([8, 4, 4, 4, 12]) && run.split('-').all(hex)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_stretches_are_found_wherever_they_begin() {
        let run = |at: usize, length: usize| at..at + length;
        for length in [19, 20, 21, 45] {
            for before in 0..25 {
                let text = format!("{} {} end", "a ".repeat(before), "k".repeat(length));
                let found: Vec<_> = long_runs(text.as_bytes(), LEAST_CHARACTERS).collect();
                let wanted = if length < LEAST_CHARACTERS { vec![] } else { vec![run(2 * before + 1, length)] };
                assert_eq!(found, wanted, "{text}");
            }
        }
        let two = format!("{}.{}", "k".repeat(20), "m".repeat(30));
        assert_eq!(long_runs(two.as_bytes(), LEAST_CHARACTERS).collect::<Vec<_>>(), [run(0, 20), run(21, 30)]);
        assert_eq!(long_runs(b"", LEAST_CHARACTERS).count(), 0);
    }

    fn keys(text: &str) -> usize {
        let runs = long_runs(text.as_bytes(), LEAST_CHARACTERS);
        runs.filter(|run| text.get(run.clone()).is_some_and(is_like_a_key)).count()
    }

    #[test]
    fn keys_are_random() {
        for key in [
            "Zk3vQ9xT7bL2mN8pR4sW",
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzzzKEYzz1x",
            "k3jq2h4x7jh5lk9d3v5m1z8w0f6p",
            "QwErTyUiOpAsDfGhJkLzXcVb",
            "abcdefghijklmnopqrst",
            "dGhpcyBpcyBhIHNlY3JldCBrZXkgZm9y",
            "AQEyhmfxKYnIYxZFw0m/n3Q5qf3VaY9UCJ14XWZE03G",
        ] {
            assert_eq!(keys(key), 1, "{key}");
        }
    }

    #[test]
    fn digests_names_and_prose_are_not() {
        for plain in [
            "83c49281432c1f036352f8f6ae1ad5281314b0efbee6acc7120f869f57e1a562",
            "clients/acme/workflows/order-status-for-big-customers",
            "the-quick-brown-fox-jumps-over-the-lazy-dog",
            "example-large-2026-01-v2-turbo-preview-quick",
            "post-payments-paymentPspReference-captures",
            "getCustomerOrderStatusByIdentifierAndZone",
            "123e4567-e89b-12d3-a456-426614174000",
            "Donaudampfschifffahrtsgesellschaftskapitaen",
            "ABCDEFGHIJ_KLMNOPQRSTUVWXYZ_CONSTANT_NAME",
            "========================================",
            "quick/brown/fox/jumps/over/lazy/dogs/2026/01/02",
        ] {
            assert_eq!(keys(plain), 0, "{plain}");
        }
    }
}
