//! What is random enough to be a key or a password, although no pattern names it.
//!
//! More than four bits for each of 20 characters is the rule; hexadecimal digits never have more, so digests are none. Keys in
//! such digits are told by the name before them (`named`). Long names and paths can have as much, so it is also asked what
//! stands beside what: in a key letters, digits and cases take turns, and half of its pairs of letters stand in no word.

use std::ops::{Range, RangeInclusive};

use super::pairs::is_of_words;

/// The fewest characters of a key.
pub(super) const LEAST_CHARACTERS: usize = 20;
/// A text of more bits for each character is no language.
const MOST_BITS: f64 = 4.0;
/// A key that was drawn by lot may measure as little: in 20 characters of 64 a few come twice.
const LEAST_BITS: f64 = 3.6;
/// What speaks for a key must outweigh what speaks for a name by so much.
const LEAST_WEIGHT: i32 = 8;
/// By so much where other signs stand among letters and digits, as they do in passwords.
const LEAST_WEIGHT_SIGNED: i32 = 4;
/// By so much where the bits alone do not tell.
const LEAST_WEIGHT_ALONE: i32 = 20;
/// By so much in a part of a run, where words stand before or behind it.
const LEAST_PART: i32 = 35;
/// The fewest letters of a password, in percent: what has fewer is a number or a drawing.
const LEAST_LETTERS: usize = 30;
/// The longest password.
const MOST_CHARACTERS: usize = 200;
/// How long the names are by which Slack knows workspaces, people and channels, capitals and digits that begin with one of a few.
const CHAT_ID: RangeInclusive<usize> = 9..=11;
/// The fewest characters of a digest or an identifier in hexadecimal digits.
const LEAST_DIGITS: usize = 8;

/// Whether a stretch of characters of keys is as random as a key, or holds a part that is.
pub(super) fn is_like_a_key(run: &str) -> bool {
    if run.len() < LEAST_CHARACTERS {
        return false;
    }
    let bits = bits(run);
    if bits <= LEAST_BITS {
        return false;
    }
    let weight = Weight::of(run);
    if bits > MOST_BITS {
        return is_of_one_case(run) || weight.whole > LEAST_WEIGHT || weight.part > LEAST_PART;
    }
    letters(run).saturating_mul(3) >= run.len() && weight.whole > LEAST_WEIGHT_ALONE
}

/// Whether a value with other characters among them is as random as a password that somebody had generated: letters of both
/// cases, and no URL, markup or class of characters.
pub(super) fn is_like_a_password(value: &str) -> bool {
    if !(LEAST_CHARACTERS..=MOST_CHARACTERS).contains(&value.len()) || !has_both_cases(value) || is_of_code(value) {
        return false;
    }
    let bits = bits(value);
    let lettered = letters(value).saturating_mul(100) >= value.len().saturating_mul(LEAST_LETTERS);
    let least = if bits > MOST_BITS { LEAST_WEIGHT_SIGNED } else { LEAST_WEIGHT_ALONE };
    bits > LEAST_BITS && lettered && with_marks(value) > least
}

/// Whether more speaks for a key than for a name in what stands behind the name of a secret.
pub(super) fn is_like_a_secret(value: &str) -> bool {
    has_both_cases(value) && !is_of_code(value) && with_marks(value) > 0
}

/// Stretches of at least so many bytes of a kind, in order; each as long as it can be.
///
/// Every file is looked through, so most bytes are not: a stretch that begins here holds the byte at its least length,
/// and one that does not begins behind the last byte that is of another kind.
pub(super) fn long_runs(
    bytes: &[u8],
    least_length: usize,
    member: impl Fn(u8) -> bool,
) -> impl Iterator<Item = Range<usize>> {
    let mut start = 0_usize;
    std::iter::from_fn(move || {
        loop {
            let least = bytes.get(start..start.checked_add(least_length)?)?;
            if let Some(at) = least.iter().rposition(|byte| !member(*byte)) {
                start = start.saturating_add(at).saturating_add(1);
                continue;
            }
            let rest = bytes.get(start..)?;
            let length = rest.iter().position(|byte| !member(*byte)).unwrap_or(rest.len());
            let run = start..start.saturating_add(length);
            start = run.end.saturating_add(1);
            return Some(run);
        }
    })
}

/// Whether a byte stands in keys, in base64 of either kind.
pub(super) fn is_key_character(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'_' | b'-')
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

fn letters(run: &str) -> usize {
    run.bytes().filter(u8::is_ascii_alphabetic).count()
}

fn is_of_one_case(run: &str) -> bool {
    run.bytes().all(|byte| byte.is_ascii_lowercase()) || run.bytes().all(|byte| byte.is_ascii_uppercase())
}

fn has_both_cases(value: &str) -> bool {
    value.bytes().any(|byte| byte.is_ascii_lowercase()) && value.bytes().any(|byte| byte.is_ascii_uppercase())
}

/// What no generator of passwords writes but by chance: URLs, holes, ends of tags, and classes of regular expressions.
fn is_of_code(value: &str) -> bool {
    ["://", "${", "{{", "</", "/>", "a-z", "A-Z", "::"].iter().any(|sign| value.contains(sign))
}

/// How much more what stands beside what speaks for a key than for a name.
///
/// # Units
/// Half bits, rounded: the logarithm of how often such a pair stands in generated keys, against how often in long names, paths and
/// words. Counted over 4,800 of those in this repository, two OpenAPI descriptions and forty crates.
#[derive(Clone, Copy, Default)]
struct Weight {
    whole: i32,
    /// Of the part for which most speaks.
    part: i32,
}

impl Weight {
    fn of(run: &str) -> Self {
        Self::of_told(&without_digests(run.as_bytes()))
    }

    fn of_told(told: &[u8]) -> Self {
        let (mut weight, mut here) = (Self::default(), 0_i32);
        for [a, b] in told.windows(2).filter_map(<[u8]>::first_chunk) {
            let pair = of_pair(*a, *b);
            weight.whole = weight.whole.saturating_add(pair);
            here = here.saturating_add(pair).max(0);
            weight.part = weight.part.max(here);
        }
        weight
    }
}

fn with_marks(value: &str) -> i32 {
    let told = without_digests(value.as_bytes());
    Weight::of_told(&told).whole.saturating_add(marks(&told))
}

fn of_pair(a: u8, b: u8) -> i32 {
    const OF_A_KEY: i32 = 5;
    const OF_A_WORD: i32 = -3;
    let is_letter = |byte: u8| byte.is_ascii_alphabetic();
    match (a, b) {
        // A word that ends, and one that begins with a capital: in names between words alone.
        (a, b) if a.is_ascii_lowercase() && b.is_ascii_uppercase() => OF_A_KEY,
        (a, b) if is_letter(a) && is_letter(b) => {
            if is_of_words(a, b) {
                OF_A_WORD
            } else {
                OF_A_KEY
            }
        }
        (a, b) if is_letter(a) && b.is_ascii_digit() || a.is_ascii_digit() && is_letter(b) => OF_A_KEY,
        _ => 0,
    }
}

/// How much signs speak for a password that rarely stand inside of a word.
fn marks(value: &[u8]) -> i32 {
    let is_rare = |byte: u8| matches!(byte, b'!' | b'#' | b'$' | b'%' | b'^' | b'~' | b'@' | b'*' | b'?' | b'|' | b';');
    let beside = |[a, sign, b]: &[u8; 3]| is_rare(*sign) && a.is_ascii_alphanumeric() && b.is_ascii_alphanumeric();
    let inside = value.windows(3).filter_map(<[u8]>::first_chunk).filter(|three| beside(three)).count();
    i32::try_from(inside).unwrap_or(i32::MAX).saturating_mul(2)
}

/// A run with a hyphen for each character of what is a digest, an identifier or an escape: numbers after `0x`, `%C3`, and
/// hexadecimal digits of one case by themselves, with hyphens among them in UUIDs; and the names of security advisories and of who is in a chat.
fn without_digests(run: &[u8]) -> Vec<u8> {
    let mut told = Vec::with_capacity(run.len());
    // Nothing is looked at twice: up to here it is known that no digest begins.
    let (mut known, mut is_inside) = (0, false);
    while let Some((byte, rest)) = run.get(told.len()..).and_then(|rest| Some((rest.first()?, rest))) {
        // An escape may stand inside of a word.
        let looks = *byte == b'%' || (!is_inside && told.len() >= known);
        let (length, is_one) = if looks { digest_at(rest) } else { (0, false) };
        if is_one {
            told.extend(std::iter::repeat_n(b'-', length));
            is_inside = false;
        } else {
            known = known.max(told.len().saturating_add(length));
            is_inside = byte.is_ascii_alphanumeric();
            told.push(*byte);
        }
    }
    told
}

/// How long what begins here is, and whether it is a digest, an identifier or an escape.
fn digest_at(rest: &[u8]) -> (usize, bool) {
    let length = |from: usize, member: fn(u8) -> bool| {
        let members = rest.iter().skip(from).take_while(|byte| member(**byte)).count();
        members.saturating_add(from)
    };
    match rest {
        [b'%', a, b, ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit() => (3, true),
        [b'G', b'H', b'S', b'A', b'-', ..] => (length(0, |byte| byte.is_ascii_alphanumeric() || byte == b'-'), true),
        [b'0', b'x', ..] => (length(2, |byte| byte.is_ascii_hexdigit() || byte == b'_'), true),
        _ => {
            let lower = length(0, |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b'-'));
            let upper = length(0, |byte| matches!(byte, b'0'..=b'9' | b'A'..=b'F' | b'-'));
            let ends = |length: usize| rest.get(length).is_none_or(|next| !next.is_ascii_alphanumeric());
            let has_digit = |length: usize| rest.iter().take(length).any(u8::is_ascii_digit);
            let caps = length(0, |byte| byte.is_ascii_digit() || byte.is_ascii_uppercase());
            let names = matches!(rest.first(), Some(b'C' | b'D' | b'G' | b'T' | b'U' | b'W'));
            if names && CHAT_ID.contains(&caps) && ends(caps) && has_digit(caps) {
                return (caps, true);
            }
            let length = lower.max(upper);
            (length, ends(length) && has_digit(length) && length >= LEAST_DIGITS)
        }
    }
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
                let found: Vec<_> = long_runs(text.as_bytes(), LEAST_CHARACTERS, is_key_character).collect();
                let wanted = if length < LEAST_CHARACTERS { vec![] } else { vec![run(2 * before + 1, length)] };
                assert_eq!(found, wanted, "{text}");
            }
        }
        let two = format!("{}.{}", "k".repeat(20), "m".repeat(30));
        assert_eq!(
            long_runs(two.as_bytes(), LEAST_CHARACTERS, is_key_character).collect::<Vec<_>>(),
            [run(0, 20), run(21, 30)]
        );
        assert_eq!(long_runs(b"", LEAST_CHARACTERS, is_key_character).count(), 0);
    }

    fn keys(text: &str) -> usize {
        let runs = long_runs(text.as_bytes(), LEAST_CHARACTERS, is_key_character);
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
            "zNrr+ZDRmDiw1+wLPpeBjsuWxNutvhciltUjSkxr",
            "kVQbXwzRtYpLmGhsDjKcNvTqFxWzPdHr",
            // In 20 characters that were drawn by lot some come twice: 3.9 bits.
            "DFtKkpCpkpT0JlY4lRgw",
            "clients/acme/hooks/orders/wJalrXUtnFEMIK7MDENGbPxRfiCY",
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
            "/contacts/6762f0df1bb69f9f2193bb84/companies",
            "com/fitzgen/bumpalo/blob/9f47aee8a6839ba65c073b9ad5372aacbbd02352/src/",
            "com/libgit2/libgit2/security/advisories/GHSA-54mf-x2rh-hq9v",
            "com/run-collection/25716737-46ad970e-dc9e-4246-bac2-769c6083e7b5",
            "0x9E3779B97F4A7C15_u64_of_the_golden_ratio",
            "lentokonesuihkuturbiinimoottoriapumekaanikkoaliupseerioppilas",
            "hmacSha256OfTheWholeBody",
            "T05ABC1DEF2/U07GHI3JKL4",
        ] {
            assert_eq!(keys(plain), 0, "{plain}");
        }
    }

    #[test]
    fn passwords_are_random_with_signs_among_them() {
        // Put together here, so that no scanner takes this file for a leak.
        for parts in
            [["recIBLyaURKK", "U&6WAvC&zzBj"], ["7x!Qm#Tz9@Lw", "4$Rb8^Np2*Kd"], ["Vg;8=tR{q?Xw", "3~Lm|Z+p)Yh5"]]
        {
            assert!(is_like_a_password(&parts.concat()), "{parts:?}");
        }
        for plain in [
            "order.total>=4990&&order.state=='Open'",
            "https://shop.example/api/v2?page=2&per=50&From=2026",
            "${ticket.OrderId}${order.id}${trigger.Ticket_id}",
            "[A-Za-z0-9_.:-]{1,64}|[a-z][a-z0-9-]{0,62}",
            "Result<Option<BTreeMap<String,Vec<u8>>>,Error>",
            "Answer(in.German;politely,with-the-Order-Number!)",
            "M10.5,20.3L30,40.7C6.48,2,2,6.48,2,12s4.48Z",
            "Sehr-geehrte/r_Kundin,Ihre.Bestellung:Nr.4711!",
            "key.wrapping_mul(0x9E3779B97F4A7C15).Rotate()",
            "talk:T1DC2JH3J/U2CERLKJA",
            "note%5Btext%5D=a%26b%3Dc%20d%0D%0A%25&Note%5Bkind%5D=internal",
        ] {
            assert!(!is_like_a_password(plain), "{plain}: {}", with_marks(plain));
        }
    }
}
