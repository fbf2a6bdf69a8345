//! Readers of URLs: where an endpoint is, and a server of mail.

use assent_schema::spec::Spanned;

use super::reader::Value;

/// The base URL of an endpoint: `https://host[:port][/path]`, no slash at its end, nothing else.
pub(super) fn base_url(value: Value<'_, '_>) -> Option<Spanned<String>> {
    value.spanned(|value| {
        let text = value.text()?;
        match why_no_base_url(text) {
            None => Some(text.to_owned()),
            Some(why) => value.bad(why),
        }
    })
}

/// The place of a server that takes mail: `smtps://host[:port]`, or `smtp://` where TLS begins by STARTTLS.
pub(super) fn mail_url(value: Value<'_, '_>) -> Option<Spanned<String>> {
    value.spanned(|value| {
        let text = value.text()?;
        let rest = text.strip_prefix("smtps://").or_else(|| text.strip_prefix("smtp://"));
        match rest.map(|rest| (rest.contains('/'), why_no_base_url(&format!("https://{rest}")))) {
            Some((false, None)) => Some(text.to_owned()),
            Some((false, Some(why))) => value.bad(why),
            Some((true, _)) => value.bad("has a path, which no server of mail has"),
            None => value.bad("is not a place for mail like `smtps://mail.example.com`"),
        }
    })
}

fn why_no_base_url(text: &str) -> Option<&'static str> {
    let (rest, plain) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
        (Some(rest), _) => (rest, false),
        (None, Some(rest)) => (rest, true),
        (None, None) => return Some("is not a URL like `https://api.example.com/v1`"),
    };
    let (authority, path) = rest.split_once('/').map_or((rest, None), |(a, p)| (a, Some(p)));
    let (host, port) = match authority.strip_prefix('[').and_then(|a| a.split_once(']')) {
        Some((host, rest)) => (host, rest.strip_prefix(':')),
        None => authority.split_once(':').map_or((authority, None), |(h, p)| (h, Some(p))),
    };
    let address = host.parse::<std::net::IpAddr>().ok();
    let label = |l: &str| {
        (1..=63).contains(&l.len())
            && !l.starts_with('-')
            && !l.ends_with('-')
            && l.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    if address.is_none() && !(host.len() <= 253 && host.split('.').all(label)) {
        return Some("has no host that is a lower-case name or an address");
    }
    if port.is_some_and(|p| p.starts_with('0') || p.parse::<u16>().is_err()) {
        return Some("has a port that is not a number within 1 to 65535");
    }
    let plain_path = |p: &str| {
        p.split('/').all(|part| {
            !matches!(part, "" | "." | "..")
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~'))
        })
    };
    if path.is_some_and(|p| !plain_path(p)) {
        return Some("has a path with a slash at its end, a query, or other characters than `A-Z a-z 0-9 - _ . ~`");
    }
    let private = host == "localhost"
        || address.is_some_and(|a| match a {
            std::net::IpAddr::V4(a) => a.is_loopback() || a.is_private() || a.is_link_local(),
            std::net::IpAddr::V6(a) => a.is_loopback() || a.is_unique_local(),
        });
    (plain && !private).then_some("is `http` to a host that is not private; use `https`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_has_a_scheme_a_host_and_perhaps_a_path() {
        for good in [
            "https://api.eu.helpdesk.example",
            "https://checkout.eu.payments.example/v72",
            "https://a.example:8443/x/y",
            "http://127.0.0.1:4567",
            "http://localhost:1/a",
            "https://[2001:db8::1]:443",
        ] {
            assert_eq!(why_no_base_url(good), None, "{good}");
        }
        for bad in [
            "",
            "ftp://a.example",
            "https://",
            "https://a.example/",
            "https://u:p@a.example",
            "https://a.example?x",
            "https://a.example/x?y",
            "https://a.example#x",
            "https://A.example",
            "https://a..example",
            "https://a.example:0",
            "https://a.example:99999",
            "https://a.example/..",
            "https://a.example/%2e",
            "http://a.example",
            "http://8.8.8.8",
        ] {
            assert!(why_no_base_url(bad).is_some(), "{bad}");
        }
    }
}
