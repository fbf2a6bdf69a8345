//! Which request goes where. Pure.

use assent_schema::id::{ClientId, ConnectionId, WorkflowId};

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// `POST /hooks/<client>/<workflow>`: a webhook.
    Hook {
        /// Whose.
        client: ClientId,
        /// Which workflow.
        workflow: WorkflowId,
    },
    /// `POST /answers/<client>/<connection>`: what somebody answered in a chat or helpdesk.
    Answer {
        /// Whose connection it is.
        client: ClientId,
        /// Which.
        connection: ConnectionId,
    },
    /// Something that a person asks.
    Person(Ask),
    /// `GET /healthz`.
    Health,
}

/// What a person asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// `POST /v1/challenge`: something to sign, to show who one is.
    Challenge,
    /// `POST /v1/decisions`: what waits for me.
    Decisions,
    /// `POST /v1/decide`: a signed decision.
    Decide,
    /// `POST /statements`: what a client signed, handed over directly.
    Statement,
    /// `POST /poke`: a signed request to look for releases now.
    Poke,
    /// `POST /v1/start/<client>/<workflow>`: a manual trigger.
    Start {
        /// Whose.
        client: ClientId,
        /// Which workflow.
        workflow: WorkflowId,
    },
}

/// Why a request goes nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoRoute {
    /// There is no such place.
    NotFound,
    /// The place takes another method.
    WrongMethod,
}

/// Finds the place of a method and path. Paths are compared as they stand: nothing is decoded, no slash is forgiven.
///
/// # Errors
/// [`NoRoute`].
pub(super) fn route(method: &str, path: &str) -> Result<Route, NoRoute> {
    let parts: Vec<_> = path.split('/').collect();
    let named = |client: &str, workflow: &str| {
        let ids = ClientId::new(client).ok().zip(WorkflowId::new(workflow).ok());
        ids.ok_or(NoRoute::NotFound)
    };
    let (wanted, route) = match parts.as_slice() {
        ["", "healthz"] => ("GET", Route::Health),
        ["", "hooks", client, workflow] => {
            let (client, workflow) = named(client, workflow)?;
            ("POST", Route::Hook { client, workflow })
        }
        ["", "answers", client, connection] => {
            let ids = ClientId::new(client).ok().zip(ConnectionId::new(connection).ok());
            let (client, connection) = ids.ok_or(NoRoute::NotFound)?;
            ("POST", Route::Answer { client, connection })
        }
        ["", "poke"] => ("POST", Route::Person(Ask::Poke)),
        ["", "statements"] => ("POST", Route::Person(Ask::Statement)),
        ["", "v1", "challenge"] => ("POST", Route::Person(Ask::Challenge)),
        ["", "v1", "decisions"] => ("POST", Route::Person(Ask::Decisions)),
        ["", "v1", "decide"] => ("POST", Route::Person(Ask::Decide)),
        ["", "v1", "start", client, workflow] => {
            let (client, workflow) = named(client, workflow)?;
            ("POST", Route::Person(Ask::Start { client, workflow }))
        }
        _ => return Err(NoRoute::NotFound),
    };
    if method == wanted { Ok(route) } else { Err(NoRoute::WrongMethod) }
}

/// Whether a `Host` header, or the authority of a target, names one of ours. Ports are not compared: proxies and tests move
/// them; but nothing else may stand behind the name, and nobody before it.
///
/// A page of another name that resolves to our address (DNS rebinding) sends that other name.
///
/// # Source
/// RFC 3986 section 3.2: a host, and a colon with digits, perhaps none.
pub(super) fn is_ours(host: &str, ours: &[String]) -> bool {
    let (name, port) = match host.strip_prefix('[').map(|rest| rest.split_once(']')) {
        Some(Some((address, rest))) => (address, rest),
        Some(None) => return false,
        None => host.split_at(host.find(':').unwrap_or(host.len())),
    };
    let is_port = |port: &str| port.bytes().all(|b| b.is_ascii_digit());
    (port.is_empty() || port.strip_prefix(':').is_some_and(is_port))
        && ours.iter().any(|one| one.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_place_has_one_method_and_one_spelling() {
        assert_eq!(route("GET", "/healthz"), Ok(Route::Health));
        assert!(matches!(route("POST", "/hooks/acme/refund"), Ok(Route::Hook { .. })));
        assert!(matches!(route("POST", "/v1/start/acme/refund"), Ok(Route::Person(Ask::Start { .. }))));
        for path in [
            "/v1/challenge",
            "/v1/decisions",
            "/v1/decide",
            "/hooks/acme/refund",
            "/answers/acme/acme-slack",
            "/statements",
            "/poke",
        ] {
            assert!(route("POST", path).is_ok(), "{path}");
            assert_eq!(route("GET", path), Err(NoRoute::WrongMethod), "{path}");
        }
        for path in [
            "",
            "/",
            "healthz",
            "/healthz/",
            "//healthz",
            "/hooks/acme",
            "/hooks/acme/",
            "/hooks//refund",
            "/hooks/acme/refund/",
            "/hooks/ACME/refund",
            "/answers/acme",
            "/answers/acme/acme-slack/",
            "/hooks/../refund",
            "/hooks/acme/re%66und",
            "/v1",
            "/v1/decide/x",
            "/statements/",
            "/poke/",
            "/v1/start/acme",
        ] {
            assert_eq!(route("POST", path), Err(NoRoute::NotFound), "{path}");
        }
    }

    #[test]
    fn only_our_names_are_ours() {
        let ours = ["hooks.example.com".to_owned(), "::1".to_owned(), "127.0.0.1".to_owned()];
        for good in ["hooks.example.com", "HOOKS.example.com:443", "[::1]:8080", "[::1]", "127.0.0.1:1", "127.0.0.1:"] {
            assert!(is_ours(good, &ours), "{good}");
        }
        for bad in [
            "",
            "evil.example",
            "hooks.example.com.evil.example",
            "[::1",
            "[::1]evil.example",
            "127.0.0.2",
            "example.com",
            "hooks.example.com:443.evil.example",
            "hooks.example.com:443:80",
            "hooks.example.com:@evil.example",
            "hooks.example.com@evil.example",
            "evil.example@hooks.example.com",
            "hooks.example.com/",
            "hooks.example.com, evil.example",
        ] {
            assert!(!is_ours(bad, &ours), "{bad}");
        }
    }
}
