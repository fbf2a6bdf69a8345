//! How requests of a connection are authorised.

use serde::{Deserialize, Serialize};

use crate::id::{Name, SlotId};
use crate::shape::is_false;

/// How requests of a connection are authorised.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Auth {
    /// A header: an optional word, then the secret.
    Header {
        /// The header's name.
        name: String,
        /// The word before the secret: `Bearer`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        prefix: Option<String>,
        /// Where the secret is.
        slot: SlotId,
        /// The read that tells whether the API takes a secret.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        test: Option<Name>,
    },
    /// HTTP basic authentication.
    Basic {
        /// The user's name; no secret. Where it is none, the slot holds `user:password`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        user: Option<String>,
        /// Where the password is.
        slot: SlotId,
        /// The read that tells whether the API takes a secret.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        test: Option<Name>,
    },
    /// A bearer token that the agent asks for in its own name.
    ///
    /// # Source
    /// RFC 6749 section 4.4.
    Oauth2Client {
        /// Where tokens are asked for: a path below the base URL for tokens.
        token: String,
        /// How the agent says who it is there.
        #[serde(default, skip_serializing_if = "ClientAuth::is_header")]
        send: ClientAuth,
        /// Where the client's id and secret are.
        slot: SlotId,
        /// Where it is asked what a token may do: a path below the base URL for tokens.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        introspect: Option<String>,
    },
    /// A bearer token that the agent asks for with a refresh token, which may be replaced each time.
    ///
    /// # Source
    /// RFC 6749 section 6.
    Oauth2Refresh {
        /// Where tokens are asked for: a path below the base URL for tokens.
        token: String,
        /// How the agent says who it is there.
        #[serde(default, skip_serializing_if = "ClientAuth::is_header")]
        send: ClientAuth,
        /// Where the client's id and secret and the refresh token are, as one record.
        slot: SlotId,
        /// Where it is asked what a token may do: a path below the base URL for tokens.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        introspect: Option<String>,
        /// Where a person consents: a path below the base URL for tokens, or an address that only the person's browser opens.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        authorize: Option<String>,
        /// Who answers there; every answer then says so.
        ///
        /// # Source
        /// RFC 9207.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        issuer: Option<String>,
        /// Whether a consent cannot be had for less than the API gives.
        #[serde(default, skip_serializing_if = "is_false")]
        grants_all: bool,
    },
    /// Nothing: for tests and open endpoints.
    None {},
}

impl Auth {
    /// The slot whose secret authorises requests; nothing when none is needed.
    pub fn slot(&self) -> Option<&SlotId> {
        match self {
            Self::Header { slot, .. }
            | Self::Basic { slot, .. }
            | Self::Oauth2Client { slot, .. }
            | Self::Oauth2Refresh { slot, .. } => Some(slot),
            Self::None {} => None,
        }
    }

    /// The header that authorises a request, in small letters; nothing when none does.
    pub fn header_name(&self) -> Option<String> {
        match self {
            Self::Header { name, .. } => Some(name.to_ascii_lowercase()),
            Self::Basic { .. } | Self::Oauth2Client { .. } | Self::Oauth2Refresh { .. } => {
                Some("authorization".to_owned())
            }
            Self::None {} => None,
        }
    }

    /// The path where access tokens are asked for; nothing when none are.
    pub fn token(&self) -> Option<&str> {
        match self {
            Self::Oauth2Client { token, .. } | Self::Oauth2Refresh { token, .. } => Some(token),
            Self::Header { .. } | Self::Basic { .. } | Self::None {} => None,
        }
    }

    /// The read that tells whether the API takes a secret, where one is named.
    pub fn test(&self) -> Option<&Name> {
        match self {
            Self::Header { test, .. } | Self::Basic { test, .. } => test.as_ref(),
            Self::Oauth2Client { .. } | Self::Oauth2Refresh { .. } | Self::None {} => None,
        }
    }

    /// Where it is asked what a token may do, where the API tells.
    pub fn introspect(&self) -> Option<&str> {
        match self {
            Self::Oauth2Client { introspect, .. } | Self::Oauth2Refresh { introspect, .. } => introspect.as_deref(),
            Self::Header { .. } | Self::Basic { .. } | Self::None {} => None,
        }
    }
}

/// How an OAuth client says who it is at the token endpoint.
///
/// # Source
/// RFC 6749 section 2.3.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClientAuth {
    /// By basic authentication.
    #[default]
    Header,
    /// In the body.
    Body,
}

impl ClientAuth {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
    fn is_header(&self) -> bool {
        *self == Self::Header
    }
}
