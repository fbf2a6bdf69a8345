//! What looks like a secret: the forms that issuers give their keys, what stands behind the name of a key or password, and
//! what is as random as a key.
//!
//! # Source
//! The issuers' own pages on the form of their keys; RFC 7468 and RFC 7519 for PEM and JWT; age-encryption.org for age.

use std::ops::Range;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;
use sha2::{Digest as _, Sha256};
use std::sync::LazyLock;

use super::before;
use super::entropy::long_runs;
use super::named;
use super::values::{keys_in, passwords_in};

/// Something that looks like a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secret {
    /// Where, in bytes of the text.
    pub range: Range<usize>,
    /// What it looks like, as a noun: `a GitHub token`.
    pub what: &'static str,
}

/// How a key begins, of what characters the rest is, and how many of them there are at least.
struct Pattern {
    begins: &'static str,
    rest: fn(u8) -> bool,
    least: usize,
    what: &'static str,
}

const fn pattern(begins: &'static str, rest: fn(u8) -> bool, least: usize, what: &'static str) -> Pattern {
    Pattern { begins, rest, least, what }
}

/// At most 64, so that a set of them is a number.
const PATTERNS: [Pattern; 50] = [
    pattern("AKIA", is_upper_or_digit, 16, "an AWS access key"),
    pattern("ASIA", is_upper_or_digit, 16, "an AWS access key"),
    pattern("sk_live_", is_alphanumeric, 10, "a Stripe secret key"),
    pattern("sk_test_", is_alphanumeric, 10, "a Stripe secret key"),
    pattern("rk_live_", is_alphanumeric, 10, "a Stripe restricted key"),
    pattern("rk_test_", is_alphanumeric, 10, "a Stripe restricted key"),
    pattern("whsec_", is_base64, 16, "a webhook secret"),
    pattern("ghp_", is_alphanumeric, 36, "a GitHub token"),
    pattern("gho_", is_alphanumeric, 36, "a GitHub token"),
    pattern("ghu_", is_alphanumeric, 36, "a GitHub token"),
    pattern("ghs_", is_alphanumeric, 36, "a GitHub token"),
    pattern("ghr_", is_alphanumeric, 36, "a GitHub token"),
    pattern("github_pat_", is_word, 22, "a GitHub token"),
    pattern("glpat-", is_url_base64, 20, "a GitLab token"),
    pattern("gldt-", is_url_base64, 20, "a GitLab token"),
    pattern("glrt-", is_url_base64, 20, "a GitLab token"),
    pattern("xoxb-", is_kebab, 10, "a Slack token"),
    pattern("xoxp-", is_kebab, 10, "a Slack token"),
    pattern("xoxa-", is_kebab, 10, "a Slack token"),
    pattern("xoxr-", is_kebab, 10, "a Slack token"),
    pattern("xoxs-", is_kebab, 10, "a Slack token"),
    pattern("xoxe-", is_kebab, 10, "a Slack token"),
    pattern("xoxe.xox", is_kebab, 10, "a Slack token"),
    pattern("xapp-", is_kebab, 10, "a Slack token"),
    pattern("hooks.slack.com/services/", is_path, 20, "a Slack webhook address"),
    pattern("AIza", is_url_base64, 35, "a Google API key"),
    pattern("GOCSPX-", is_url_base64, 20, "a Google client secret"),
    pattern("ya29.", is_url_base64, 20, "a Google access token"),
    pattern("sk-ant-", is_url_base64, 20, "an Anthropic API key"),
    pattern("sk-proj-", is_url_base64, 20, "an OpenAI API key"),
    pattern("sk-", is_alphanumeric, 32, "an API key"),
    pattern("AGE-SECRET-KEY-1", is_upper_or_digit, 50, "an age secret key"),
    pattern("AGE-PLUGIN-", is_upper_kebab, 20, "an age plugin identity"),
    pattern("SG.", is_dotted_base64, 60, "a SendGrid key"),
    pattern("npm_", is_alphanumeric, 36, "an npm token"),
    pattern("pypi-AgE", is_url_base64, 50, "a PyPI token"),
    pattern("shpat_", is_hex, 32, "a Shopify token"),
    pattern("shpss_", is_hex, 32, "a Shopify secret"),
    pattern("shpca_", is_hex, 32, "a Shopify token"),
    pattern("shppa_", is_hex, 32, "a Shopify token"),
    pattern("hf_", is_alphanumeric, 34, "a Hugging Face token"),
    pattern("hvs.", is_url_base64, 24, "a Vault token"),
    pattern("hvb.", is_url_base64, 24, "a Vault token"),
    pattern("dop_v1_", is_hex, 64, "a DigitalOcean token"),
    pattern("sq0csp-", is_url_base64, 40, "a Square secret"),
    pattern("sq0atp-", is_url_base64, 20, "a Square token"),
    pattern("lin_api_", is_alphanumeric, 40, "a Linear API key"),
    pattern("dckr_pat_", is_url_base64, 27, "a Docker token"),
    pattern("SK", is_lower_hex, 32, "a Twilio key"),
    pattern("eyJ", is_dotted_base64, 30, "a JSON web token"),
];

fn is_alphanumeric(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

fn is_upper_or_digit(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit()
}

fn is_upper_kebab(byte: u8) -> bool {
    is_upper_or_digit(byte) || byte == b'-'
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn is_kebab(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-'
}

fn is_path(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'/'
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}

fn is_url_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

fn is_dotted_base64(byte: u8) -> bool {
    is_url_base64(byte) || byte == b'.'
}

fn is_hex(byte: u8) -> bool {
    byte.is_ascii_hexdigit()
}

fn is_lower_hex(byte: u8) -> bool {
    byte.is_ascii_digit() || matches!(byte, b'a'..=b'f')
}

/// Everything in a text that looks like a secret, in order; what one finding covers is not found again.
pub fn secrets(text: &str) -> Vec<Secret> {
    let mut found = patterns(text);
    let public = public_stretches(text);
    let is_public = |range: &Range<usize>| {
        public.iter().any(|public| overlaps(public, range))
            || is_public_key(text, range)
            || is_verifier_key(text, range)
    };
    // One pass over the text: what is long enough for a named value is looked at as both.
    for word in long_runs(text.as_bytes(), named::LEAST_CHARACTERS, |byte| byte.is_ascii_graphic()) {
        found.extend(keys_in(text, &word).chain(passwords_in(text, &word)).filter(|secret| !is_public(&secret.range)));
    }
    first_of_each(found)
}

/// As [`secrets`], without what is only random: for files that hold digests and public keys.
pub fn patterns(text: &str) -> Vec<Secret> {
    let mut found = private_keys(text);
    found.extend(beginnings(text).flat_map(|(at, patterns)| keys_at(text, at, patterns)));
    found.extend(passwords_in_urls(text));
    let public = public_stretches(text);
    found.retain(|secret| !public.iter().any(|range| overlaps(range, &secret.range)));
    first_of_each(found)
}

/// What is named by its pattern comes before what is only random at the same place.
fn first_of_each(found: Vec<Secret>) -> Vec<Secret> {
    let mut kept: Vec<Secret> = Vec::new();
    for secret in found {
        if !kept.iter().any(|other| overlaps(&other.range, &secret.range)) {
            kept.push(secret);
        }
    }
    kept.sort_by_key(|secret| secret.range.start);
    kept
}

fn overlaps(a: &Range<usize>, b: &Range<usize>) -> bool {
    a.start < b.end && b.start < a.end
}

/// For each of the first three bytes of a key, and each value of that byte, the patterns that it may belong to: a bit each.
static LETTERS: LazyLock<[[u64; 256]; 3]> = LazyLock::new(|| {
    let mut letters = [[0; 256]; 3];
    for (bit, pattern) in (0..).map(|n| 1_u64.rotate_left(n)).zip(&PATTERNS) {
        for (at, table) in letters.iter_mut().enumerate() {
            match pattern.begins.as_bytes().get(at) {
                Some(letter) => table.iter_mut().skip(usize::from(*letter)).take(1).for_each(|set| *set |= bit),
                None => table.iter_mut().for_each(|set| *set |= bit),
            }
        }
    }
    letters
});

/// How long the shortest key is. Whatever stands in one is a sign that is seen, so that nothing shorter between white space need
/// be looked at.
static LEAST: LazyLock<usize> = LazyLock::new(|| {
    PATTERNS.iter().map(|pattern| pattern.begins.len().saturating_add(pattern.least)).min().unwrap_or_default()
});

/// Places where a word begins with three letters of a key, each with the patterns that begin so. One pass over the text,
/// since every file is looked through.
fn beginnings(text: &str) -> impl Iterator<Item = (usize, u64)> {
    let [first, second, third] = &*LETTERS;
    let of = |table: &[u64; 256], byte: u8| table.get(usize::from(byte)).copied().unwrap_or(0);
    let patterns = move |letters: &[u8]| match letters {
        [a, b, c] => of(first, *a) & of(second, *b) & of(third, *c),
        _ => 0,
    };
    let bytes = text.as_bytes();
    let words = long_runs(bytes, *LEAST, |byte| byte.is_ascii_graphic());
    let found = words.flat_map(move |word| {
        let letters = bytes.get(word.clone()).unwrap_or_default().windows(3).map(patterns);
        (word.start..).zip(letters).filter(|(_, patterns)| *patterns != 0)
    });
    found.filter(|(at, _)| !before(text, *at).is_some_and(is_word))
}

/// The keys that begin at a place.
fn keys_at(text: &str, at: usize, patterns: u64) -> impl Iterator<Item = Secret> {
    let candidates = PATTERNS.iter().enumerate().filter(move |(bit, _)| patterns >> bit & 1 == 1);
    candidates.filter_map(move |(_, pattern)| matches(text, at, pattern))
}

fn matches(text: &str, at: usize, pattern: &Pattern) -> Option<Secret> {
    let rest = text.get(at..)?.strip_prefix(pattern.begins)?.as_bytes();
    let length = rest.iter().take_while(|byte| (pattern.rest)(**byte)).count();
    let range = at..at.saturating_add(pattern.begins.len()).saturating_add(length);
    let whole = text.get(range.clone())?;
    // A JSON web token has three parts, of which two are JSON.
    let is_one = pattern.begins != "eyJ" || (whole.split('.').count() == 3 && whole.contains(".eyJ"));
    (length >= pattern.least && is_one).then_some(Secret { range, what: pattern.what })
}

/// PEM blocks of private keys, from the first line to the last.
fn private_keys(text: &str) -> Vec<Secret> {
    let secret = |range: Range<usize>| Secret { range, what: "a private key" };
    blocks(text).filter(|(_, label)| label.contains("PRIVATE KEY")).map(|(range, _)| secret(range)).collect()
}

/// What stands between `-----BEGIN …-----` and its end and is for everybody: certificates, public keys, signatures.
fn public_stretches(text: &str) -> Vec<Range<usize>> {
    blocks(text)
        .filter(|(_, label)| !label.contains("PRIVATE") && !label.contains("SECRET"))
        .map(|(range, _)| range)
        .collect()
}

/// Blocks between `-----BEGIN <label>-----` and `-----END`, to the end of the text where there is none.
fn blocks(text: &str) -> impl Iterator<Item = (Range<usize>, &str)> {
    // Most texts hold none, and `contains` is the faster search.
    let some = if text.contains("-----BEGIN ") { text } else { "" };
    some.match_indices("-----BEGIN ").filter_map(move |(at, begins)| {
        let rest = text.get(at.saturating_add(begins.len())..)?;
        let label = rest.split("-----").next().filter(|label| label.len() < 64 && !label.contains('\n'))?;
        let end = rest.find("-----END ").map(|end| {
            let tail =
                rest.get(end..).and_then(|tail| tail.find('\n')).unwrap_or_else(|| rest.len().saturating_sub(end));
            at.saturating_add(begins.len()).saturating_add(end).saturating_add(tail)
        });
        Some((at..end.unwrap_or(text.len()), label))
    })
}

/// `https://user:password@host`.
fn passwords_in_urls(text: &str) -> impl Iterator<Item = Secret> {
    // A search for one byte is far faster than one for three.
    text.match_indices(':').filter_map(|(at, mark)| {
        let start = at.saturating_add(mark.len()).saturating_add(2);
        let rest = text.get(at..start).filter(|mark| *mark == "://").and_then(|_| text.get(start..))?;
        let authority =
            rest.split(|c: char| c.is_whitespace() || matches!(c, '/' | '"' | '\'' | '`' | '<' | '>' | '?')).next()?;
        let (login, _) = authority.rsplit_once('@')?;
        let (user, password) = login.split_once(':')?;
        let from = start.saturating_add(user.len()).saturating_add(1);
        // A hole that is filled in elsewhere is no password.
        let is_one = password.len() >= 3 && !password.starts_with(['$', '{', '*']);
        is_one.then(|| Secret { range: from..from.saturating_add(password.len()), what: "a password in a URL" })
    })
}

/// The end of a verifier key of C2SP `signed-note`, `name+id+base64`, whose id is that of its name and key: then it is one.
fn is_verifier_key(text: &str, range: &Range<usize>) -> bool {
    let ends = |c: char| c.is_whitespace() || matches!(c, '"' | '\'');
    let Some(before) = text.get(..range.start) else { return false };
    let begins = before.rfind(ends).map_or(0, |at| at.saturating_add(1));
    let Some(whole) = text.get(begins..range.end) else { return false };
    let mut parts = whole.splitn(3, '+');
    let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else { return false };
    let Ok(key) = BASE64.decode(key) else { return false };
    let hash = Sha256::new().chain_update(name).chain_update(b"\n").chain_update(&key).finalize();
    let first = hash.first_chunk().map(|first| format!("{:08x}", u32::from_be_bytes(*first)));
    key.len() == 33 && first.as_deref() == Some(id)
}

/// The base64 of an OpenSSH public key or of the fingerprint of one.
fn is_public_key(text: &str, range: &Range<usize>) -> bool {
    let Some(before) = text.get(..range.start) else { return false };
    let run = text.get(range.clone()).unwrap_or_default();
    let kinds = ["ssh-ed25519 ", "ssh-rsa ", "@openssh.com ", "ecdsa-sha2-nistp256 ", "ecdsa-sha2-nistp384 "];
    let is_key = run.starts_with("AAAA") && kinds.iter().any(|kind| before.ends_with(kind));
    let is_digest = ["SHA256:", "SHA512:", "MD5:", ";base64,"].iter().any(|name| before.ends_with(name))
        || ["sha256-", "sha384-", "sha512-"].iter().any(|name| run.starts_with(name));
    let names_host = || {
        let mut words = before.rsplitn(3, ' ');
        words.next() == Some("") && words.next().is_some() && words.next().is_some_and(|rest| rest.ends_with("passkey"))
    };
    let next = text.get(range.end..).and_then(|after| after.strip_prefix(' '));
    let is_credential = next.is_some_and(|next| PUBLIC_KEYS.iter().any(|head| next.starts_with(head))) && names_host();
    is_key || is_digest || is_credential || PUBLIC_KEYS.iter().any(|head| run.starts_with(head))
}

/// How the base64 of a `SubjectPublicKeyInfo` of P-256 or Ed25519 begins: passkeys are written so.
const PUBLIC_KEYS: [&str; 2] = ["MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE", "MCowBQYDK2VwAyEA"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_stands_in_a_key_is_seen() {
        for Pattern { begins, rest, least, .. } in &PATTERNS {
            assert!(begins.bytes().all(|byte| byte.is_ascii_graphic()) && begins.len() >= 2, "{begins}");
            assert!((0..=u8::MAX).all(|byte| !rest(byte) || byte.is_ascii_graphic()), "{begins}");
            assert!(begins.len() + least >= *LEAST && *LEAST >= 3);
        }
        // The shortest one is found at both ends of a text.
        let Pattern { begins, least, .. } =
            PATTERNS.iter().find(|pattern| pattern.begins.len() + pattern.least == *LEAST).expect("the shortest");
        let key = format!("{begins}{}", "1".repeat(*least));
        assert_eq!(patterns(&key).len(), 1, "{key}");
        assert_eq!(patterns(&format!("a {key}\tb \"{key}\"")).len(), 2, "{key}");
        assert_eq!(patterns(key.split_at(key.len() - 1).0).len(), 0, "{key}");
    }

    fn found(text: &str) -> Vec<&'static str> {
        secrets(text).into_iter().map(|secret| secret.what).collect()
    }

    #[test]
    fn each_issuer_s_form_is_known() {
        // Put together here, so that no scanner takes this file for a leak.
        let samples = [
            (["AKIA", "2E0A8F3B244C9986"], "an AWS access key"),
            (["sk_live", "_4eC39HqLyjWDarjtT1zdp7dc"], "a Stripe secret key"),
            (["whsec", "_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"], "a webhook secret"),
            (["ghp", "_16C7e42F292c6912E7710c838347Ae178B4a"], "a GitHub token"),
            (["glpat", "-h3kd92mfLq81bQzX7vTn"], "a GitLab token"),
            (["xoxb", "-17653672481-19874698323-pdFZKVeTuE8sk7oOcHrzqqgy"], "a Slack token"),
            (["AIza", "SyDaGmWKa4JsXZ-HjGw7ISLn_3namBGewQe"], "a Google API key"),
            (["sk-ant", "-api03-a7dkslw93mxnqpz81jv"], "an Anthropic API key"),
            (["AGE-SECRET-KEY", "-1QQPQZRRRZZZYYYXXXWWWVVVUUUTTTSSSPPPNNNMMMLLLKKKJJJHHHGGGFF"], "an age secret key"),
            (["shpat", "_0123456789abcdef0123456789abcdef"], "a Shopify token"),
            (["SK", "0123456789abcdef0123456789abcdef"], "a Twilio key"),
            (
                ["eyJhbGciOiJIUzI1NiJ9", ".eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"],
                "a JSON web token",
            ),
            (["postgres://app:hun", "ter22@db.example/x"], "a password in a URL"),
        ];
        for (parts, what) in samples {
            assert_eq!(found(&format!("key = \"{}\"\n", parts.concat())), [what], "{what}");
        }
        let block = [
            "-----BEGIN OPENSSH PRIVATE ",
            "KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAE\n-----END OPENSSH PRIVATE KEY-----\n",
        ]
        .concat();
        let secret = secrets(&block);
        assert_eq!(secret.len(), 1);
        assert!(secret.iter().all(|secret| secret.range == (0..block.len() - 1)));
    }

    #[test]
    fn what_is_public_is_not_a_secret() {
        for public in [
            "key = \"PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW\"",
            "keys = [\"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHWdvDlfnuKr3kIflybCT5sRfSvELtIdeVordDyBAUkw lena@acme\"]",
            "-----BEGIN SSH SIGNATURE-----\nU1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgiojj3XQJ8ZX9Uts\n-----END SSH SIGNATURE-----\n",
            "sha256 = \"83c49281432c1f036352f8f6ae1ad5281314b0efbee6acc7120f869f57e1a562\"",
            "SHA256:nThbg6kXUpJWGl7E1IGOCspRomTxdCARLviKw6E5SY8",
            "keys = [\"passkey localhost 4Vx9Qm2fS0kBq1yT8nWvLgR7uZ3e MCowBQYDK2VwAyEAdZ0OV8We4qveQh+Vi5sJPmxFK8S0Qu0h15Wit0PIEBQ=\"]",
            "passkey a.example nThbg6kXUpJWGl7E1IGOCspRomTxdCARLviKw6E5SY8 MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEr2Vb9s1xkQmZ8cT5uN3wLpEoJyGfHdA7iRtKqMvXz0B4nUeWgYhSjOlPaCbDxFvI6kTQmRzLwN2sEuV1o8HyGA==",
            "The key begins with `sk_live_` and has more after that; ghp_ tokens are longer.",
            "https://user:${PASSWORD}@db.example",
            "https://example.com:8443/a@b",
            "digest = \"nThbg6kXUpJWGl7E1IGOCspRomTxdCARLviKw6E5SY8\"",
            "\"public_key\": \"dZ0OV8We4qveQh+Vi5sJPmxFK8S0Qu0h15Wit0PIEBQ=\"",
            "<img src=\"data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAACCAYAAACZgbYnAAAAEklEQVQImWNg\"/>",
        ] {
            assert!(found(public).is_empty(), "{public}: {:?}", found(public));
        }
        let hidden = "passkey a.example nThbg6kXUpJWGl7E1IGOCspRomTxdCARLviKw6E5SY8";
        assert!(!found(hidden).is_empty(), "what no public key follows is not a credential");
    }

    #[test]
    fn prose_of_many_languages_is_no_secret() {
        for prose in [
            "Sag, worum es in der Anfrage geht: Rückerstattung, Versandbestätigung, Datenschutzgrundverordnung.",
            "Répondez en français, poliment; n'inventez pas de numéro de commande. Anticonstitutionnellement.",
            "Vastaa suomeksi. Lentokonesuihkuturbiinimoottoriapumekaanikkoaliupseerioppilas.",
            "Odpowiedz po polsku: zażółć gęślą jaźń. Konstantynopolitańczykowianeczka.",
            "請用中文回答，並且不要編造訂單編號。",
            "Responda em português: otorrinolaringologista, inconstitucionalissimamente.",
            "See https://developers.example.com/docs/references/2.13/rest-api/api.intercom.io/tickets/createTicket for more.",
        ] {
            assert!(found(prose).is_empty(), "{prose}: {:?}", found(prose));
        }
    }
}
