//! Where a secret goes: the place that its auth scheme names, and no other.
//!
//! # Source
//! engine.md section 4, language.md section 2 "Auth"; RFC 7617 (basic); RFC 6750 (bearer tokens).

use assent_schema::client::Auth;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::build::Header;
use super::wrong::{Wrong, WrongKind};
use crate::content::Content;

/// Whether a secret can stand in a header. Spaces and control characters are how a pasted secret goes wrong; a space would
/// also end a word of the scheme.
pub fn is_word(secret: &[u8]) -> bool {
    !secret.is_empty() && secret.iter().all(u8::is_ascii_graphic)
}

/// Whether a secret is a user's name and a password, with a colon between: an account that is the client's own.
pub fn is_pair(secret: &[u8]) -> bool {
    is_word(secret) && secret.iter().position(|byte| *byte == b':').is_some_and(|at| at > 0)
}

/// The header that authorises a request.
///
/// # Errors
/// [`WrongKind::SecretMissing`] without a secret, [`WrongKind::SecretRefused`] when it holds what no header may hold.
pub(super) fn header(auth: &Auth, secret: Option<&[u8]>) -> Result<Option<Header>, Wrong> {
    let Some(name) = auth.header_name() else { return Ok(None) };
    let secret = secret.ok_or(WrongKind::SecretMissing)?;
    if !is_word(secret) {
        return Err(WrongKind::SecretRefused.into());
    }
    let value = match auth {
        Auth::Header { prefix: Some(prefix), .. } => [prefix.as_bytes(), b" ", secret].concat(),
        Auth::Header { prefix: None, .. } => secret.to_vec(),
        Auth::Basic { user: Some(user), .. } if user.contains(':') => return Err(WrongKind::SecretRefused.into()),
        Auth::Basic { user: None, .. } if !is_pair(secret) => return Err(WrongKind::SecretRefused.into()),
        Auth::Basic { user, .. } => {
            let pair = match user {
                Some(user) => [user.as_bytes(), b":", secret].concat(),
                None => secret.to_vec(),
            };
            let pair = Zeroizing::new(pair);
            let coded = Zeroizing::new(STANDARD.encode(&*pair));
            [b"Basic ", coded.as_bytes()].concat()
        }
        // The secret is the token that was asked for.
        Auth::Oauth2Client { .. } | Auth::Oauth2Refresh { .. } => [b"Bearer ", secret].concat(),
        Auth::None {} => return Ok(None),
    };
    Ok(Some((name, Content::new(value))))
}
