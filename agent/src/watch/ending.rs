//! Codes of credentials that end, and what renews them. Pure.

use assent_schema::id::SlotId;

use crate::vault::ends::{Ending, Left};

/// What the code begins with where it is a consent that ends.
const CONSENT: &str = "consent_";
/// The longest code that a ledger takes.
const CODE_MOST: usize = 64;

/// The code of a credential that ends: its slot and how soon; no slot has an underscore. A slot whose name leaves no room is not
/// named.
pub(super) fn ending_code(slot: &SlotId, what: Ending, left: Left) -> String {
    let left = left.code();
    match what {
        Ending::Secret => {
            Some(format!("{slot}-{left}")).filter(|code| code.len() <= CODE_MOST).unwrap_or(left.to_owned())
        }
        Ending::Consent => format!("{CONSENT}{left}"),
    }
}

/// What renews a credential that ends, by the code of its alert and its connection.
pub(super) fn renews(code: &str, at: &str) -> String {
    match code.rsplit_once('-') {
        _ if code.starts_with(CONSENT) => format!("vault connect {at}"),
        Some((slot, _)) => format!("vault rotate {at}/{slot} --set"),
        None => "vault list".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_says_what_renews_the_credential() {
        let at = "acme/shop";
        for (slot, what, code, command) in [
            ("api-key", Ending::Secret, "api-key-7d", "vault rotate acme/shop/api-key --set"),
            ("oauth", Ending::Consent, "consent_7d", "vault connect acme/shop"),
            (&*"a".repeat(62), Ending::Secret, "7d", "vault list"),
        ] {
            let found = ending_code(&slot.parse().unwrap(), what, Left::Week);
            assert_eq!((found.as_str(), renews(&found, at).as_str()), (code, command));
        }
    }
}
