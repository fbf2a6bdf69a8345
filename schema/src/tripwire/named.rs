//! What stands behind the name of a key or password: a key of hexadecimal digits is no more random than a digest, so the name
//! must tell.

use std::ops::Range;

use super::entropy::is_like_a_secret;

/// The fewest characters of a value.
pub(super) const LEAST_CHARACTERS: usize = 16;
/// The fewest digits of one, those of algorithms left out: names in programs have one here and there.
const LEAST_DIGITS: usize = 2;
/// The fewest characters that differ: placeholders repeat one or two.
const LEAST_DIFFERENT: usize = 6;

/// The last words of a name that holds a secret; words of two parts may be written in one, or with one sign between.
const NAMES: [(&str, &str); 15] = [
    ("api", "key"),
    ("api", "token"),
    ("private", "token"),
    ("personal", "token"),
    ("session", "token"),
    ("license", "key"),
    ("subscription", "key"),
    ("user", "key"),
    ("auth", "token"),
    ("access", "token"),
    ("private", "key"),
    ("", "secret"),
    ("", "password"),
    ("", "passwd"),
    ("secret", "key"),
];
/// The last words of a name that holds what is for everybody, in the same form.
const OPEN_NAMES: [(&str, &str); 14] = [
    ("", "digest"),
    ("", "checksum"),
    ("", "fingerprint"),
    ("", "integrity"),
    ("", "signature"),
    ("", "hash"),
    ("", "md5"),
    ("", "sha1"),
    ("", "sha256"),
    ("", "sha384"),
    ("", "sha512"),
    ("public", "key"),
    ("verifying", "key"),
    ("host", "key"),
];
/// Names of algorithms and forms, whose digits say nothing.
const ALGORITHMS: [&str; 10] =
    ["sha256", "sha384", "sha512", "ed25519", "x25519", "base64", "base32", "oauth2", "pkcs8", "utf8"];
/// What stands in a placeholder.
const PLACEHOLDERS: [&str; 9] =
    ["example", "placeholder", "changeme", "change-me", "change_me", "your", "dummy", "redacted", "insert"];

/// The part of a stretch of characters of keys that is the value of a name that holds a secret. The stretch may hold the name
/// too: `api_key=…`.
pub(super) fn value(text: &str, run: &Range<usize>) -> Option<Range<usize>> {
    let whole = text.get(run.clone())?;
    let name = whole.trim_end_matches('=').rfind('=').map_or(0, |at| at.saturating_add(1));
    let range = run.start.saturating_add(name)..run.end;
    // The name first: it is the cheaper question, and few stretches have one.
    let is_one = is_named(text.get(..range.start)?, &NAMES) && is_key(text.get(range.clone())?);
    is_one.then_some(range)
}

/// Whether a value with other characters than those of keys stands behind the name of a secret, and is like one.
pub(super) fn is_password(text: &str, range: &Range<usize>) -> bool {
    let Some((before, value)) = text.get(..range.start).zip(text.get(range.clone())) else { return false };
    is_named(before, &NAMES)
        && !value.starts_with(['$', '%', '{', '<', '[', '*'])
        && is_key(value)
        && is_like_a_secret(value)
}

/// Whether a value stands behind a name that says that everybody may know it: a digest, a public key.
pub(super) fn is_for_everybody(text: &str, range: &Range<usize>) -> bool {
    text.get(..range.start).is_some_and(|before| is_named(before, &OPEN_NAMES))
}

/// Whether a text ends in one of some names and what joins a name and its value.
fn is_named(text: &str, names: &[(&str, &str)]) -> bool {
    let joint = |c: char| matches!(c, ' ' | '\t' | '"' | '\'' | '`' | '=' | ':');
    let joined = text.trim_end_matches(joint);
    if joined.len() == text.len() {
        return false;
    }
    let name = joined
        .strip_suffix("is")
        .filter(|name| name.ends_with(joint))
        .map_or(joined, |name| name.trim_end_matches(joint));
    names.iter().any(|(first, last)| {
        let Some(name) = without(name, last) else { return false };
        first.is_empty() || without(name.strip_suffix(['_', '-', ' ', '.']).unwrap_or(name), first).is_some()
    })
}

/// A text without a word at its end, in whatever case it is.
fn without<'t>(text: &'t str, word: &str) -> Option<&'t str> {
    let (rest, end) = text.split_at_checked(text.len().checked_sub(word.len())?)?;
    end.eq_ignore_ascii_case(word).then_some(rest)
}

/// Whether a value may be a key: letters and digits, and no name, path or placeholder.
fn is_key(value: &str) -> bool {
    if value.len() < LEAST_CHARACTERS || value.contains('/') || !value.bytes().any(|byte| byte.is_ascii_alphabetic()) {
        return false;
    }
    let lower = value.to_ascii_lowercase();
    let bare = ALGORITHMS.iter().fold(lower.clone(), |text, word| text.replace(word, ""));
    let digits = bare.bytes().filter(u8::is_ascii_digit).count();
    let mut different: Vec<u8> = lower.bytes().collect();
    different.sort_unstable();
    different.dedup();
    digits >= LEAST_DIGITS
        && different.len() >= LEAST_DIFFERENT
        && !is_name(&bare)
        && !PLACEHOLDERS.iter().any(|word| lower.contains(word))
}

/// Whether a value is words and numbers that are joined: `shop-token-2026`.
fn is_name(value: &str) -> bool {
    let alike = |part: &str| {
        part.bytes().all(|byte| byte.is_ascii_alphabetic()) || part.bytes().all(|byte| byte.is_ascii_digit())
    };
    value.contains(['-', '_']) && value.split(['-', '_']).all(alike)
}

#[cfg(test)]
mod tests {
    use crate::tripwire::secrets;

    fn found(text: &str) -> Vec<&str> {
        secrets(text).into_iter().map(|secret| text.get(secret.range).unwrap_or_default()).collect()
    }

    /// In digits of a hexadecimal key, and put together here, so that no scanner takes this file for a leak.
    fn key() -> String {
        ["9f86d081884c7d65", "9a2feaa0c55ad015"].concat()
    }

    #[test]
    fn what_stands_behind_the_name_of_a_key_is_a_secret() {
        let key = key();
        for text in [
            format!("api_key = \"{key}\""),
            format!("constants = {{ api_key = \"{key}\" }}"),
            format!("Our Twilio auth token is {key}, do not tell."),
            format!("{{\"apiKey\":\"{key}\"}}"),
            format!("X-API-KEY: {key}"),
            format!("export SHOP_CLIENT_SECRET={key}"),
            format!("https://api.example/v1?api_key={key}&page=2"),
            format!("the private key is: `{key}`"),
            format!("DATADOG_APIKEY='{key}'"),
            format!("passwd:\t{key}"),
            format!("X-Api-Token: {key}"),
            format!("Private-Token={key}"),
            format!("Ocp-Apim-Subscription-Key: {key}"),
            format!("access-token\n= x\naccess-token = {key}."),
        ] {
            assert_eq!(found(&text), [key.as_str()], "{text}");
        }
        let word = ["hunter2", "hunter2", "hunter2"].concat();
        assert_eq!(found(&format!("password: {word}")), [word.as_str()]);
        let word = ["Tr0ub4dor&3", "xK!9qZ%w"].concat();
        assert_eq!(found(&format!("password = \"{word}\"")), [word.as_str()]);
        assert_eq!(found(&format!("SHOP_PASSWORD={word}")), [word.as_str()]);
        let uuid = ["550e8400-e29b-41d4", "-a716-446655440000"].concat();
        assert_eq!(found(&format!("client_secret = \"{uuid}\"")), [uuid.as_str()]);
    }

    #[test]
    fn names_digests_and_holes_behind_such_a_name_are_none() {
        let key = key();
        for text in [
            format!("key = \"{key}\""),
            format!("secret_sha256 = \"{key}\""),
            format!("secret = \"sha256:{key}\""),
            format!("commit {key}"),
            format!("password\n{key}"),
            format!("secretary: {key}"),
            "api_key = \"${settings.the_api_key_2_of_shop_14}\"".to_owned(),
            "api_key = \"<32 hexadecimal digits 0-9a-f>\"".to_owned(),
            "client_secret = \"acme/shop/token-2026-11\"".to_owned(),
            "secret = \"shop-token-of-2026-11\"".to_owned(),
            "password: your-16-letter-password-1a2b".to_owned(),
            "api_key = \"xxxxxxxx11111111xxxxxxxx\"".to_owned(),
            "secret: hmacSha256OfTheWholeBody(secret, ed25519KeyOfTheClient)".to_owned(),
            "The private key is in /etc/assent/keys/ed25519-2026-11.".to_owned(),
            "password = correcthorsebatterystaple".to_owned(),
            "password = \"$SHOP_Password_2_of_14\"".to_owned(),
            "secret = \"Vault:kv2.Shop/token@2026-11\"".to_owned(),
            "client_secret: process.env[SHOP_Secret_14]".to_owned(),
        ] {
            assert!(found(&text).is_empty(), "{text}: {:?}", found(&text));
        }
    }
}
