//! What a secret of a slot looks like, so that one that cannot be one is refused before it counts. Pure.
//!
//! # Source
//! engine.md section 4.

use std::collections::BTreeSet;

use assent_schema::client::{Auth, RouteKind};
use assent_schema::plan::Dialect;
use serde::{Deserialize, Serialize};

use crate::accept::webhook;
use crate::request::url::Base;
use crate::request::{awaits_consent, is_pair, is_record, is_word};

/// What a slot is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Form {
    /// It authorises requests.
    Auth(Box<Auth>),
    /// Webhooks are verified with it, each of these dialects.
    Webhook(BTreeSet<Dialect>),
    /// An alert route takes alerts for it.
    Route(RouteKind),
    /// The release names it and says nothing of its form.
    Free,
}

/// Why a secret cannot be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// What is wrong, after "the secret".
    pub what: &'static str,
    /// What to do.
    pub help: &'static str,
}

impl Form {
    /// Whether a secret can be one of this slot.
    ///
    /// # Errors
    /// [`Misfit`], which says nothing of the secret itself.
    pub fn judge(&self, secret: &[u8]) -> Result<(), Misfit> {
        let fits = match self {
            Self::Auth(auth) => match &**auth {
                Auth::Basic { user: None, .. } => is_pair(secret),
                Auth::Header { .. } | Auth::Basic { .. } => is_word(secret),
                // Who asks for consent is put there first.
                Auth::Oauth2Client { .. } | Auth::Oauth2Refresh { .. } => {
                    is_record(auth, secret) || awaits_consent(auth, secret)
                }
                Auth::None {} => true,
            },
            Self::Webhook(dialects) => {
                let misfit = dialects.iter().find(|dialect| !webhook::is_secret(**dialect, secret));
                return misfit.map_or(Ok(()), |dialect| Err(of_dialect(*dialect)));
            }
            Self::Route(via) => fits_route(*via, secret),
            Self::Free => true,
        };
        if fits { Ok(()) } else { Err(self.misfit(secret)) }
    }

    /// Whether a person must consent before a secret of this slot is of use.
    pub fn awaits_consent(&self, secret: &[u8]) -> bool {
        matches!(self, Self::Auth(auth) if awaits_consent(auth, secret))
    }

    fn misfit(&self, secret: &[u8]) -> Misfit {
        match self {
            Self::Auth(auth) => of_auth(auth, secret),
            Self::Route(via) => of_route(*via),
            Self::Webhook(_) | Self::Free => Misfit { what: "has another form", help: "" },
        }
    }
}

fn of_auth(auth: &Auth, secret: &[u8]) -> Misfit {
    match auth {
        Auth::Oauth2Refresh { .. } => Misfit {
            what: "is not the record of a consent: JSON with `client_id`, `refresh_token` and perhaps `client_secret`",
            help: "Put the client there: `{\"client_id\": \"…\", \"client_secret\": \"…\"}`; then ask for the consent with \
                   `assent-agent vault connect`, if the integration says `authorize`.",
        },
        Auth::Oauth2Client { .. } => Misfit {
            what: "is not a record of the API's client: JSON with `client_id` and `client_secret`",
            help: "Put both there: `{\"client_id\": \"…\", \"client_secret\": \"…\"}`.",
        },
        Auth::Header { .. } | Auth::Basic { .. } | Auth::None {} if secret.starts_with(b"-----BEGIN") => Misfit {
            what: "is a PEM file, and goes into a header",
            help: "Put the token or password there that the API gave for this.",
        },
        Auth::Basic { user: None, .. } if is_word(secret) => Misfit {
            what: "is not `user:password`, and the catalog names no user",
            help: "Write the user, a colon and the password; where the API has but a key, what it says for the other part.",
        },
        Auth::Header { .. } | Auth::Basic { .. } | Auth::None {} => Misfit {
            what: "holds a space, a line break or a character that no header may hold",
            help: "Put the token or password alone there, without the word before it. One newline at its end is left out.",
        },
    }
}

fn of_dialect(dialect: Dialect) -> Misfit {
    match dialect {
        Dialect::StandardWebhooks => Misfit {
            what: "is none of `standard-webhooks`: `whsec_` and the base64 of 24 to 64 bytes",
            help: "Copy it as the sender shows it.",
        },
        Dialect::Adyen => Misfit {
            what: "is not one of `adyen`: 64 hexadecimal digits",
            help: "Copy the HMAC key as the Customer Area shows it.",
        },
        Dialect::Stripe
        | Dialect::Github
        | Dialect::Shopify
        | Dialect::Zendesk
        | Dialect::Slack
        | Dialect::Intercom
        | Dialect::Front
        | Dialect::Hubspot
        | Dialect::Twilio
        | Dialect::Mailgun
        | Dialect::Hmac
        | Dialect::Token => Misfit {
            what: "is shorter than 8 bytes, or ends with a line break",
            help: "Copy it as the sender shows it; one that can be guessed verifies nothing.",
        },
    }
}

fn fits_route(via: RouteKind, secret: &[u8]) -> bool {
    match via {
        RouteKind::Webhook | RouteKind::Alertmanager | RouteKind::AlertmanagerWebhook | RouteKind::Pagerduty => {
            is_word(secret)
        }
        RouteKind::Slack => std::str::from_utf8(secret).is_ok_and(|url| Base::parse(url).is_some()),
        RouteKind::Smtp => {
            let plain = secret.iter().all(|byte| !byte.is_ascii_control());
            plain && secret.iter().position(|byte| *byte == b':').is_some_and(|at| at > 0)
        }
    }
}

fn of_route(via: RouteKind) -> Misfit {
    match via {
        RouteKind::Slack => {
            Misfit { what: "is not the URL of an incoming webhook", help: "Copy it from Slack, from `https://` on." }
        }
        RouteKind::Smtp => Misfit { what: "is not `user:password`", help: "Write the user, a colon and the password." },
        RouteKind::Webhook | RouteKind::Alertmanager | RouteKind::AlertmanagerWebhook | RouteKind::Pagerduty => {
            Misfit {
                what: "holds a space, a line break or another character that no token holds",
                help: "Put the token or key alone there.",
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn auth(json: serde_json::Value) -> Form {
        Form::Auth(serde_json::from_value(json).unwrap())
    }

    fn webhook(dialect: Dialect) -> Form {
        Form::Webhook([dialect].into())
    }

    fn fits(form: &Form, secret: &str) -> bool {
        form.judge(secret.as_bytes()).is_ok()
    }

    #[test]
    fn what_goes_into_a_header_is_one_word() {
        let header = auth(serde_json::json!({"kind": "header", "name": "x-key", "slot": "token"}));
        let basic = auth(serde_json::json!({"kind": "basic", "user": "assent", "slot": "token"}));
        for form in [header, basic] {
            assert!(fits(&form, "sk_live_1:2"));
            for bad in ["two words", "a\nb", "a\n", "bär"] {
                assert!(!fits(&form, bad), "{bad:?}");
            }
            let pem = form.judge(b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----").unwrap_err();
            assert!(pem.what.contains("PEM"));
        }
    }

    #[test]
    fn a_user_that_the_catalog_does_not_name_stands_in_the_slot() {
        let pair = auth(serde_json::json!({"kind": "basic", "slot": "token"}));
        assert!(fits(&pair, "AC123:s3cret:x") && fits(&pair, "k3y:X"));
        for bad in ["s3cret", ":s3cret", "two words:x"] {
            assert!(!fits(&pair, bad), "{bad}");
        }
    }

    #[test]
    fn what_tokens_are_asked_with_is_a_record() {
        let of = |kind: &str| auth(serde_json::json!({"kind": kind, "token": "/token", "slot": "oauth"}));
        let (client, refresh) = (of("oauth2-client"), of("oauth2-refresh"));
        let pair = r#"{"client_id": "c", "client_secret": "s"}"#;
        let whole = r#"{"client_id": "c", "client_secret": "s", "refresh_token": "r"}"#;
        assert!(fits(&client, pair) && fits(&refresh, whole));
        assert!(!fits(&refresh, pair), "nobody consented, and nobody can");
        let asks = auth(
            serde_json::json!({"kind": "oauth2-refresh", "token": "/token", "authorize": "/auth", "slot": "oauth"}),
        );
        for client in [pair, r#"{"client_id": "c"}"#] {
            assert!(fits(&asks, client) && asks.awaits_consent(client.as_bytes()), "who is to be asked for");
        }
        assert!(fits(&asks, whole) && !asks.awaits_consent(whole.as_bytes()));
        for bad in ["sk_live_1", "{}", r#"{"client_id": ""}"#, r#"{"client_id": "c", "other": "x"}"#] {
            assert!(!fits(&client, bad) && !fits(&refresh, bad) && !fits(&asks, bad), "{bad}");
        }
    }

    #[test]
    fn what_webhooks_are_verified_with_has_the_form_of_their_dialect() {
        let standard = webhook(Dialect::StandardWebhooks);
        assert!(fits(&standard, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"));
        for bad in ["notwhsec", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_AAAA", "whsec_%"] {
            assert!(!fits(&standard, bad), "{bad}");
        }
        let others =
            [Dialect::Stripe, Dialect::Github, Dialect::Shopify, Dialect::Zendesk, Dialect::Slack, Dialect::Token];
        for plain in others {
            let form = webhook(plain);
            assert!(fits(&form, "long enough") && !fits(&form, "short") && !fits(&form, "long enough\n"), "{plain:?}");
        }
        let adyen = webhook(Dialect::Adyen);
        assert!(fits(&adyen, &"0aF9".repeat(16)) && !fits(&adyen, &"0aG9".repeat(16)) && !fits(&adyen, "long enough"));
        let both = Form::Webhook([Dialect::Github, Dialect::StandardWebhooks].into());
        assert!(!fits(&both, "long enough"), "each that uses it must be able to");
    }

    #[test]
    fn what_alert_routes_take_has_the_form_of_their_kind() {
        assert!(fits(&Form::Route(RouteKind::Slack), "https://hooks.slack.com/services/T0/B0/x"));
        assert!(!fits(&Form::Route(RouteKind::Slack), "xoxb-1"));
        assert!(fits(&Form::Route(RouteKind::Smtp), "user:pass word") && !fits(&Form::Route(RouteKind::Smtp), ":x"));
        assert!(
            fits(&Form::Route(RouteKind::Pagerduty), "R0UT1NGK3Y") && !fits(&Form::Route(RouteKind::Webhook), "a b")
        );
    }
}
