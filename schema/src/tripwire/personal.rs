//! What looks like a real person's data: addresses, telephone, account and card numbers. Names have no form and are not
//! found: whether a `Jordan` is a person, a country or a river, only a reader can tell.
//!
//! # Source
//! RFC 2606 and RFC 6761 for reserved names; [`super::numbers`] for numbers.

use std::ops::Range;

use super::numbers::{is_card, is_iban, is_national_test_phone, is_test_phone};
use super::{before, runs};

/// Something that looks like a real person's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Personal {
    /// Where, in bytes of the text.
    pub range: Range<usize>,
    /// What it looks like.
    pub kind: PersonalKind,
}

/// What somebody's data looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PersonalKind {
    /// An e-mail address.
    Email,
    /// A telephone number.
    Phone,
    /// An account number.
    Iban,
    /// A payment card's number.
    Card,
}

impl PersonalKind {
    /// What it is, as a noun.
    pub fn what(self) -> &'static str {
        match self {
            Self::Email => "an e-mail address that is not on a reserved domain",
            Self::Phone => "a telephone number that is not reserved for stories",
            Self::Iban => "an account number (IBAN) with a right checksum",
            Self::Card => "a payment card number with a right checksum",
        }
    }

    /// What to write instead, as a sentence.
    pub fn instead(self) -> &'static str {
        match self {
            Self::Email => {
                "Write an address on example.com, example.org, example.net, or any name below .example, .test or .invalid."
            }
            Self::Phone => {
                "Write a number that belongs to nobody: 555-0100 to 555-0199 in North America, +44 20 7946 0000 to 0999, +49 30 23125 000 to 999, +33 1 99 00 00 00 to 99, +61 491 570 156."
            }
            Self::Iban => {
                "Write a published example, such as DE89 3704 0044 0532 0130 00 or GB29 NWBK 6016 1331 9268 19."
            }
            Self::Card => "Write a published test number, such as 4242 4242 4242 4242 or 5555 5555 5555 4444.",
        }
    }
}

/// Everything in a text that looks like a real person's, in order.
pub fn personal(text: &str) -> Vec<Personal> {
    let found = |kind| move |range| Personal { range, kind };
    let mut all: Vec<Personal> = emails(text).map(found(PersonalKind::Email)).collect();
    all.extend(ibans(text).map(found(PersonalKind::Iban)));
    for (range, digits) in numbers(text) {
        if all.iter().any(|other| other.range.start < range.end && range.start < other.range.end) {
            continue;
        }
        let written = text.get(range.clone()).unwrap_or_default();
        if is_card(&digits) && !written.starts_with('+') {
            all.push(Personal { range, kind: PersonalKind::Card });
        } else if is_phone(written, &digits) {
            all.push(Personal { range, kind: PersonalKind::Phone });
        }
    }
    all.sort_by_key(|one| one.range.start);
    all
}

/// Addresses on domains that somebody may have, in the letters of any script.
fn emails(text: &str) -> impl Iterator<Item = Range<usize>> {
    text.match_indices('@').filter_map(|(at, _)| {
        let local: usize = text.get(..at)?.chars().rev().take_while(|c| is_local(*c)).map(char::len_utf8).sum();
        let start = at.saturating_sub(local);
        let host = at.saturating_add(1);
        let rest = text.get(host..)?;
        let length = rest.find(|c: char| !(c.is_alphanumeric() || matches!(c, '.' | '-'))).unwrap_or(rest.len());
        let domain = in_one_script(rest.get(..length)?).trim_end_matches(['.', '-']);
        let end = host.saturating_add(domain.len());
        (local > 0 && is_domain(domain) && !is_reserved(domain)).then_some(start..end)
    })
}

/// A domain without what is written behind it, where nothing stands between words: its last part is in one script.
fn in_one_script(domain: &str) -> &str {
    let last = domain.rfind('.').map_or(0, |dot| dot.saturating_add(1));
    let part = domain.get(last..).unwrap_or_default();
    let is_ascii = part.starts_with(|c: char| c.is_ascii());
    let length = if is_ascii { part.find(|c: char| !c.is_ascii()) } else { None };
    domain.get(..last.saturating_add(length.unwrap_or(part.len()))).unwrap_or(domain)
}

fn is_local(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '.' | '_' | '%' | '+' | '-' | '\'')
}

/// Whether a name may be a domain: parts, the last of letters alone, or such a one as DNS writes it.
///
/// # Source
/// RFC 5890 section 2.3.2.1 for `xn--`.
fn is_domain(domain: &str) -> bool {
    let last = domain.rsplit('.').next().unwrap_or_default();
    domain.contains('.')
        && domain.split('.').all(|part| !part.is_empty())
        && last.len() >= 2
        && (last.chars().all(char::is_alphabetic) || last.to_ascii_lowercase().starts_with("xn--"))
}

fn is_reserved(domain: &str) -> bool {
    let lower = domain.to_ascii_lowercase();
    let below = |name: &str| lower.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    let last = lower.rsplit('.').next().unwrap_or_default();
    ["example.com", "example.org", "example.net"].into_iter().any(below)
        // The form of key types, `ssh-ed25519@openssh.com`, is not an address.
        || lower == "openssh.com"
        || matches!(last, "example" | "test" | "invalid" | "localhost")
}

fn ibans(text: &str) -> impl Iterator<Item = Range<usize>> {
    runs(text, |byte| byte.is_ascii_uppercase() || byte.is_ascii_digit()).filter_map(|run| {
        if before(text, run.start).is_some_and(|byte| byte.is_ascii_alphanumeric()) {
            return None;
        }
        let whole = text.get(run.clone())?;
        if is_iban(whole) {
            return Some(run);
        }
        // Written in groups of four: as many as belong together.
        let mut compact = whole.to_owned();
        let mut end = run.end;
        while whole.len() == 4 && compact.len() < 34 {
            let group = text.get(end..)?.strip_prefix(' ')?;
            let length = group.bytes().take_while(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit()).count();
            if !(1..=4).contains(&length) {
                return None;
            }
            compact.push_str(group.get(..length)?);
            end = end.saturating_add(1).saturating_add(length);
            if is_iban(&compact) {
                return Some(run.start..end);
            }
        }
        None
    })
}

/// Digits that are written as one number, with blanks, dots, hyphens and brackets among them.
fn numbers(text: &str) -> impl Iterator<Item = (Range<usize>, String)> {
    let part = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'+' | b' ' | b'-' | b'.' | b'(' | b')');
    runs(text, part).filter_map(move |run| {
        let written = text.get(run.clone())?;
        let first = written.find(|c: char| c.is_ascii_digit() || matches!(c, '+' | '('))?;
        let last = written.rfind(|c: char| c.is_ascii_digit())?.saturating_add(1);
        let range = run.start.saturating_add(first)..run.start.saturating_add(last);
        let beside =
            |at: Option<u8>| at.is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'/' | b':'));
        if first >= last || beside(before(text, range.start)) || beside(text.as_bytes().get(range.end).copied()) {
            return None;
        }
        let digits: String = text.get(range.clone())?.chars().filter(char::is_ascii_digit).collect();
        (7..=19).contains(&digits.len()).then_some((range, digits))
    })
}

/// Whether a number is written as telephone numbers are: with a country code, or in groups as a country writes them.
fn is_phone(written: &str, digits: &str) -> bool {
    let groups: Vec<usize> =
        written.split(|c: char| !c.is_ascii_digit()).map(str::len).filter(|length| *length > 0).collect();
    if written.starts_with('+') {
        return (8..=15).contains(&digits.len()) && !is_test_phone(digits);
    }
    let american = match groups.as_slice() {
        [3, 3, 4] => is_american(digits),
        [1, 3, 3, 4] => digits.strip_prefix('1').is_some_and(is_american),
        _ => false,
    };
    // A trunk zero, and groups: `030 1234567`, `01 42 68 53 00`. Decimals, dates and ranges have other forms.
    let trunk = digits.starts_with('0')
        && (9..=12).contains(&digits.len())
        && (2..=6).contains(&groups.len())
        && groups.first().is_some_and(|first| (2..=5).contains(first))
        && groups.iter().skip(1).all(|length| *length >= 2)
        && !written.contains('.');
    (american || trunk) && !is_national_test_phone(digits)
}

/// An area code and an exchange begin with 2 to 9.
fn is_american(national: &str) -> bool {
    let from_two = |at: usize| national.as_bytes().get(at).is_some_and(|byte| (b'2'..=b'9').contains(byte));
    national.len() == 10 && from_two(0) && from_two(3)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<(PersonalKind, &str)> {
        personal(text).into_iter().filter_map(|one| Some((one.kind, text.get(one.range)?))).collect()
    }

    #[test]
    fn what_could_be_somebody_s_is_found() {
        use PersonalKind::{Card, Email, Iban, Phone};
        for (text, kind, what) in [
            ("Write to lena.vogel+shop@gmail.com, please.", Email, "lena.vogel+shop@gmail.com"),
            ("\"email\": \"tom@notexample.com\"", Email, "tom@notexample.com"),
            ("x@example.com.evil.io", Email, "x@example.com.evil.io"),
            ("\"a@bücher.de\"", Email, "a@bücher.de"),
            ("jürgen.groß@müller.co.at,", Email, "jürgen.groß@müller.co.at"),
            ("a@xn--bcher-kva.de", Email, "a@xn--bcher-kva.de"),
            ("иван@почта.рф", Email, "иван@почта.рф"),
            ("lee@mail.xn--p1ai.", Email, "lee@mail.xn--p1ai"),
            ("邮箱：lena@acme.io谢谢", Email, "lena@acme.io"),
            ("Call +49 151 12345678 now", Phone, "+49 151 12345678"),
            ("(212) 736-5000", Phone, "(212) 736-5000"),
            ("1-800-356-9377", Phone, "1-800-356-9377"),
            ("Tel. 030 7654321.", Phone, "030 7654321"),
            ("01 42 68 53 00", Phone, "01 42 68 53 00"),
            ("IBAN DE02 1203 0000 0000 2020 51 of", Iban, "DE02 1203 0000 0000 2020 51"),
            ("GB94BARC10201530093459", Iban, "GB94BARC10201530093459"),
            ("card 4539 5787 6362 1486", Card, "4539 5787 6362 1486"),
        ] {
            assert_eq!(found(text), [(kind, what)], "{text}");
        }
    }

    #[test]
    fn what_is_nobody_s_or_something_else_is_not() {
        for text in [
            "kim@example.com, lee@mail.example.org, ana@shop.example, x@y.test, a@b.invalid",
            "212-555-0143 and +1 (212) 555-0199 and +44 20 7946 0958",
            "4242 4242 4242 4242, 4111111111111111, DE89 3704 0044 0532 0130 00",
            "2026-03-02T09:00:00Z, 2026-03-02, 10.0.0.1, 192.168.100.200, 1.234.567,89",
            "order 8825408195409505, ticket 1017, amount 12900, psp 993617895215577D",
            "0.123456789, 00000000, version 2.13.0, 01-02-2026, 2026 03 02 09 00",
            "sk-ssh-ed25519@openssh.com",
            "a@bücher.example, b@книги.test, c@shop.example.com谢谢, d@例え.invalid",
            "DE75 5121 0800 1245 1261 99, GB29NWBK60161331926819",
            "@acme on social media, a @ b, foo@bar, ${user}@${domain}",
            "ISO/IEC 7812-1, RFC 2606, +1, (3)",
        ] {
            assert_eq!(found(text), [], "{text}");
        }
    }
}
