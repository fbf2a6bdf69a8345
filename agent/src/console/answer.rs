//! What browsers get back. Every answer has the same strict headers; nothing is kept by anybody on the way.

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION,
    REFERRER_POLICY, SET_COOKIE, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use hyper::{Response, StatusCode};
use maud::Markup;

use super::route::Asset;
use crate::listen::Reply;

pub(super) type Answer = Response<Full<Bytes>>;

/// Own files only; nothing inline, so that a script in a field that outsiders fill is text even if it slipped through.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// A page.
pub(super) fn page(status: u16, markup: Markup) -> Answer {
    whole(status, "text/html; charset=utf-8", Bytes::from(markup.into_string()))
}

/// On to another page, by reading it.
pub(super) fn see(place: &str) -> Answer {
    let mut answer = whole(303, "text/plain; charset=utf-8", Bytes::new());
    if let Ok(place) = HeaderValue::from_str(place) {
        answer.headers_mut().insert(LOCATION, place);
    }
    answer
}

/// JSON for programs.
pub(super) fn json(reply: &Reply) -> Answer {
    whole(reply.status, "application/json", Bytes::copy_from_slice(reply.body.reveal()))
}

/// A text that is saved as a file. Its name is of letters, digits, `.` and `-`.
pub(super) fn file(name: &str, kind: &'static str, text: String) -> Answer {
    let mut answer = whole(200, kind, Bytes::from(text));
    if let Ok(name) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        answer.headers_mut().insert(CONTENT_DISPOSITION, name);
    }
    answer
}

/// A file of ours.
pub(super) fn asset(asset: Asset) -> Answer {
    let (kind, text) = match asset {
        Asset::Style => ("text/css; charset=utf-8", include_str!("assets/console.css")),
        Asset::Script => ("text/javascript; charset=utf-8", include_str!("assets/console.js")),
        Asset::Passkey => ("text/javascript; charset=utf-8", include_str!("assets/passkey.js")),
        Asset::Icon => ("image/svg+xml", include_str!("assets/icon.svg")),
    };
    let mut answer = whole(200, kind, Bytes::from_static(text.as_bytes()));
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("private, max-age=300"));
    answer
}

/// Adds a cookie.
pub(super) fn with_cookie(mut answer: Answer, cookie: &str) -> Answer {
    if let Ok(cookie) = HeaderValue::from_str(cookie) {
        answer.headers_mut().append(SET_COOKIE, cookie);
    }
    answer
}

fn whole(status: u16, kind: &'static str, body: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(body));
    *answer.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = answer.headers_mut();
    for (name, value) in [
        (CONTENT_TYPE, kind),
        (CACHE_CONTROL, "no-store"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (CONTENT_SECURITY_POLICY, POLICY),
        // With none at all browsers send forms from nowhere, and we could not tell ours.
        (REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    answer
}
