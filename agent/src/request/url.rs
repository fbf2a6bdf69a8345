//! URLs: the endpoint gives scheme, host and base path; a value becomes one segment or one query value, nothing more.
//!
//! # Source
//! engine.md section 3, "Requests"; RFC 3986.

use std::net::{IpAddr, Ipv6Addr};

use assent_schema::plan::path::{self, Piece, has_form, is_sign, is_unreserved, leads_elsewhere, segments};

use super::limits::TARGET_MOST_BYTES;

/// A checked base URL: `https://host[:port][/path]` without a slash at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    tls: bool,
    host: String,
    port: u16,
    path: String,
}

impl Base {
    /// Reads an endpoint's URL. No user, query or fragment; the path holds unreserved characters only.
    pub fn parse(url: &str) -> Option<Self> {
        let (tls, rest) = match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
            (Some(rest), _) => (true, rest),
            (None, Some(rest)) => (false, rest),
            (None, None) => return None,
        };
        let (authority, path) = rest.split_once('/').map_or((rest, None), |(a, p)| (a, Some(p)));
        let segments_fine = path.is_none_or(|p| p.split('/').all(is_plain_segment));
        let (host, port) = split_port(authority)?;
        let port = port.unwrap_or(if tls { 443 } else { 80 });
        let path = path.map(|p| format!("/{p}")).unwrap_or_default();
        (segments_fine && port != 0).then_some(Self { tls, host, port, path })
    }

    /// Reads the place of a server that takes mail: `smtps://host[:port]` with TLS from the first byte, or
    /// `smtp://host[:port]`, where it begins by STARTTLS.
    pub fn parse_mail(url: &str) -> Option<Self> {
        let (tls, rest) = match (url.strip_prefix("smtps://"), url.strip_prefix("smtp://")) {
            (Some(rest), _) => (true, rest),
            (None, Some(rest)) => (false, rest),
            (None, None) => return None,
        };
        let (host, port) = split_port(rest)?;
        // RFC 8314 section 7.3, RFC 6409 section 3.1.
        let port = port.unwrap_or(if tls { 465 } else { 587 });
        (port != 0).then_some(Self { tls, host, port, path: String::new() })
    }

    /// Whether TLS is used; for mail, from the first byte on.
    pub fn tls(&self) -> bool {
        self.tls
    }

    /// The host's name or address, in lower case, without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The path below which operations are; empty for the root.
    pub fn path(&self) -> &str {
        &self.path
    }
}

fn split_port(authority: &str) -> Option<(String, Option<u16>)> {
    let (host, port) = if let Some(rest) = authority.strip_prefix('[') {
        let (host, port) = rest.split_once(']')?;
        let address: Ipv6Addr = host.parse().ok()?;
        (address.to_string(), port.strip_prefix(':').or(if port.is_empty() { None } else { Some("bad") }))
    } else {
        let (host, port) = authority.split_once(':').map_or((authority, None), |(h, p)| (h, Some(p)));
        (host.to_ascii_lowercase(), port)
    };
    let named = host.parse::<IpAddr>().is_ok() || is_host_name(&host);
    let port = match port {
        None => None,
        Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => Some(digits.parse().ok()?),
        Some(_) => return None,
    };
    named.then_some((host, port))
}

fn is_host_name(host: &str) -> bool {
    let label = |l: &str| {
        (1..=63).contains(&l.len())
            && l.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_')
            && !l.starts_with('-')
            && !l.ends_with('-')
    };
    // A last label of digits would be read as an IPv4 address by some resolvers: `127.1`, `0x7f.1`.
    let last_is_name =
        host.rsplit('.').next().is_some_and(|l| !l.bytes().all(|b| b.is_ascii_digit()) && !l.starts_with("0x"));
    host.len() <= 253 && host.split('.').all(label) && last_is_name
}

fn is_plain_segment(segment: &str) -> bool {
    !segment.is_empty() && segment != "." && segment != ".." && segment.bytes().all(is_unreserved)
}

/// Encodes a text so that it is one value in a query or form, or part of one segment: all but unreserved characters.
pub fn encode(text: &str, out: &mut String) {
    for byte in text.bytes() {
        if is_unreserved(byte) {
            out.push(char::from(byte));
        } else {
            const HEX: &[u8; 16] = b"0123456789ABCDEF";
            out.push('%');
            for digit in [byte >> 4, byte & 15] {
                out.push(HEX.get(usize::from(digit)).copied().map_or('0', char::from));
            }
        }
    }
}

/// Why a path cannot be built. Names the parameter, never its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadPath {
    /// The template itself is wrong, or a hole has no value.
    Template,
    /// A value is empty, or its segment would be `.` or `..`.
    Segment,
    /// The finished path does not match the template. Never seen; checked all the same.
    Mismatch,
    /// The path is too long.
    TooLong,
}

/// Fills the `{holes}` of an operation's path; each value becomes part of one segment and of no other, and stays in its hole.
///
/// # Errors
/// [`BadPath`].
pub fn fill<'v>(template: &str, value: impl Fn(&str) -> Option<&'v str>) -> Result<String, BadPath> {
    let segments = segments(template).map_err(|_wrong| BadPath::Template)?;
    let mut path = String::new();
    for pieces in &segments {
        path.push('/');
        let begin = path.len();
        for piece in pieces {
            match piece {
                Piece::Text(text) => path.push_str(text),
                Piece::Hole(name) => {
                    let text = value(name).ok_or(BadPath::Template)?;
                    if !may_fill(text, pieces) {
                        return Err(BadPath::Segment);
                    }
                    encode(text, &mut path);
                }
            }
        }
        if !pieces.is_empty() && path.get(begin..).is_none_or(leads_elsewhere) {
            return Err(BadPath::Segment);
        }
    }
    if path.len() > TARGET_MOST_BYTES {
        return Err(BadPath::TooLong);
    }
    if matches(&segments, &path) { Ok(path) } else { Err(BadPath::Mismatch) }
}

/// Whether a value says something, and nothing of the form that the constants around it give their segment: whoever reads
/// `Orders('…')` decodes it before they look for the quote.
fn may_fill(text: &str, pieces: &[Piece<'_>]) -> bool {
    let forges = has_form(pieces) && text.bytes().any(is_sign);
    !text.is_empty() && !forges
}

/// Whether a value cannot stand in a path, whatever is around it there.
pub(super) fn is_unfit(text: &str) -> bool {
    leads_elsewhere(text) || text.bytes().any(is_sign)
}

/// The names of the holes of a path, in order.
pub fn holes(template: &str) -> Option<Vec<&str>> {
    segments(template).is_ok().then(|| path::holes(template))
}

/// What stands in a path where the template has a hole, as it is encoded. The segments are counted from the end: the path of
/// an endpoint comes first.
pub fn held<'p>(template: &str, path: &'p str, hole: &str) -> Option<&'p str> {
    let segments = segments(template).ok()?;
    let pairs = segments.iter().rev().zip(path.rsplit('/'));
    let held = |(pieces, part): (&Vec<Piece<'_>>, &'p str)| {
        let held = taken_apart(pieces, part)?;
        held.into_iter().find_map(|(name, value)| (name == hole).then_some(value))
    };
    pairs.filter(|(pieces, _)| pieces.contains(&Piece::Hole(hole))).find_map(held)
}

/// What stands in the holes of a finished segment, if it is one of those pieces. What is between two holes is something that
/// no value holds, so there is one way to read it.
fn taken_apart<'t, 'p>(pieces: &[Piece<'t>], part: &'p str) -> Option<Vec<(&'t str, &'p str)>> {
    let (mut rest, mut open, mut held) = (part, None, Vec::new());
    for (at, piece) in pieces.iter().enumerate() {
        let is_last = at.saturating_add(1) == pieces.len();
        match (piece, open.take()) {
            (Piece::Text(text), None) => rest = rest.strip_prefix(text)?,
            (Piece::Text(text), Some(name)) if is_last => {
                held.push((name, rest.strip_suffix(text)?));
                rest = "";
            }
            (Piece::Text(text), Some(name)) => {
                let (value, behind) = rest.split_once(text)?;
                held.push((name, value));
                rest = behind;
            }
            (Piece::Hole(name), None) => open = Some(*name),
            (Piece::Hole(_), Some(_)) => return None,
        }
    }
    if let Some(name) = open {
        held.push((name, rest));
        rest = "";
    }
    let is_value = |value: &str| !value.is_empty() && value.bytes().all(|b| is_unreserved(b) || b == b'%');
    (rest.is_empty() && held.iter().all(|(_, value)| is_value(value))).then_some(held)
}

/// Reads the finished path as a server would and compares it with the template: the same number of segments, the constants
/// unchanged, and in each hole unreserved and encoded characters.
fn matches(segments: &[Vec<Piece<'_>>], path: &str) -> bool {
    let Some(rest) = path.strip_prefix('/') else { return false };
    let parts: Vec<_> = rest.split('/').collect();
    parts.len() == segments.len()
        && parts.iter().zip(segments).all(|(part, pieces)| taken_apart(pieces, part).is_some())
}

/// The pairs of a query or of a form, decoded.
pub fn pairs(text: &str) -> Vec<(String, String)> {
    let pair = |part: &str| part.split_once('=').map(|(k, v)| (decode(k), decode(&v.replace('+', " "))));
    text.split('&').filter_map(pair).collect()
}

/// A text without its percent-encoding.
pub fn decode(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let digits = [bytes.next().unwrap_or(b'0'), bytes.next().unwrap_or(b'0')];
        let code = std::str::from_utf8(&digits).ok().and_then(|d| u8::from_str_radix(d, 16).ok());
        out.push(code.unwrap_or(b'?'));
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_path_has_words_around_its_holes() {
        let made = |template: &str, id: &str| fill(template, |name| (name == "id").then_some(id)).map_err(|_bad| ());
        assert_eq!(made("/orders/{id}.json", "1017"), Ok("/orders/1017.json".to_owned()));
        assert_eq!(made("/v1/messages/{id}:send", "a:b"), Ok("/v1/messages/a%3Ab:send".to_owned()));
        assert_eq!(made("/v1/images:annotate/{id}", "7"), Ok("/v1/images:annotate/7".to_owned()));
        assert!(made("/orders/{id}/..", "7").is_err() && made("/orders//{id}", "7").is_err());
        assert_eq!(made("/api/0/issues/{id}/", "7"), Ok("/api/0/issues/7/".to_owned()));
        assert_eq!(made("/odata/Orders('{id}')/X", "a b"), Ok("/odata/Orders('a%20b')/X".to_owned()));
    }

    #[test]
    fn holes_of_one_segment_are_read_back_as_they_were_written() {
        let template = "/Lines(Order='{order}',No={no}).json/";
        let value = |name: &str| if name == "order" { Some("a-1.b") } else { Some("7") };
        let path = fill(template, value).unwrap();
        assert_eq!(path, "/Lines(Order='a-1.b',No=7).json/");
        let path = format!("/base{path}");
        assert_eq!((held(template, &path, "order"), held(template, &path, "no")), (Some("a-1.b"), Some("7")));
        let point = fill("/points/{lat},{lng}", |name| Some(if name == "lat" { "52.5" } else { "-13.4" }));
        assert_eq!(point.as_deref(), Ok("/points/52.5,-13.4"));
        assert_eq!(held("/a/{b}.json", "/x/a/c.json.json", "b"), Some("c.json"));
        assert_eq!(held("/a/{b}.json", "/x/a/c", "b"), None);
    }

    #[test]
    fn a_hostile_value_stays_in_its_hole() {
        let hostile = ["1')/Items('2", "1,No=2", "a'b", "a;b", "a=b", "(", ")", "*", "a@b", "!", "$", "&", "+"];
        for template in ["/Orders('{id}')", "/Orders({id})/X", "/points/{id},0", "/a/{id};v=1", "/@{id}"] {
            for value in hostile {
                assert_eq!(fill(template, |_| Some(value)), Err(BadPath::Segment), "{template} {value}");
            }
            for value in ["..", ".", "a/b", "a?b", "%27", "a#b", "a\r\nb"] {
                let Ok(path) = fill(template, |_| Some(value)) else { continue };
                assert_eq!(path.split('/').count(), template.split('/').count(), "{template} {value}");
                let part = held(template, &path, "id").unwrap();
                assert_eq!(decode(part), value, "{template}");
            }
        }
        // Some servers cut off what stands behind a semicolon.
        for refused in ["..", "."] {
            assert_eq!(fill("/a/{id};v=1", |_| Some(refused)), Err(BadPath::Segment));
        }
        assert_eq!(fill("/{id}/", |_| Some("..")), Err(BadPath::Segment));
        assert_eq!(fill("/{id}/", |_| Some("")), Err(BadPath::Segment));
    }

    #[test]
    fn endpoints_are_a_scheme_a_host_and_a_plain_path() {
        let base = Base::parse("https://API.example.com:8443/v1/x").unwrap();
        assert_eq!((base.tls(), base.host(), base.port(), base.path()), (true, "api.example.com", 8443, "/v1/x"));
        let base = Base::parse("http://[::1]:80").unwrap();
        assert_eq!((base.tls(), base.host(), base.port(), base.path()), (false, "::1", 80, ""));
        for bad in [
            "",
            "ftp://a.example",
            "https://",
            "https://a.example/",
            "https://u@a.example",
            "https://a.example:99999",
            "https://a.example:0",
            "https://a.example?x=1",
            "https://a.example#f",
            "https://a.example/../b",
            "https://a.example/%2e",
            "https://a b.example",
            "https://a.example\\b",
            "https://[::1",
            "https://[::1]x",
            "https://a..example",
            "https://127.1",
            "https://0x7f.0x1",
            "https://-a.example",
        ] {
            assert!(Base::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_hostile_value_stays_in_its_segment() {
        for hostile in ["../admin", "a/b", "?x=1", "#", "%2e%2e", "a\r\nHost: b", "\0", "@b.example", "ä", "..;", "//"]
        {
            let path = fill("/tickets/{id}/notes", |_| Some(hostile)).unwrap();
            assert_eq!(path.split('/').count(), 4, "{hostile}");
            assert_eq!(decode(path.split('/').nth(2).unwrap()), hostile);
        }
        for refused in ["", ".", ".."] {
            assert_eq!(fill("/tickets/{id}", |_| Some(refused)), Err(BadPath::Segment), "{refused:?}");
        }
        assert_eq!(fill("/tickets/{id}.json", |_| Some("..")).as_deref(), Ok("/tickets/...json"));
        assert_eq!(fill("/a/.{id}", |_| Some(".")), Err(BadPath::Segment));
        assert_eq!(fill("/a/{id}", |_| None), Err(BadPath::Template));
        let long = "ä".repeat(TARGET_MOST_BYTES);
        assert_eq!(fill("/a/{id}", |_| Some(long.as_str())), Err(BadPath::TooLong));
    }

    #[test]
    fn templates_hold_plain_segments_and_whole_holes() {
        assert_eq!(holes("/a/{b}/c/{d}.json"), Some(vec!["b", "d"]));
        for bad in
            ["", "a", "//", "/a//", "/a//b", "/a/..", "/a/{b", "/a/b}", "/a/{}", "/a/{b}{c}", "/a?x={b}", "/%2e/{b}"]
        {
            assert!(holes(bad).is_none(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_value_is_one_segment_and_comes_back(value in ".{0,40}") {
            match fill("/a/{b}/c", |_| Some(value.as_str())) {
                Ok(path) => {
                    let parts: Vec<_> = path.split('/').collect();
                    prop_assert_eq!(parts.len(), 4);
                    prop_assert_eq!(decode(parts[2]), value);
                }
                Err(wrong) => {
                    prop_assert_eq!(wrong, BadPath::Segment);
                    prop_assert!(matches!(value.as_str(), "" | "." | ".."));
                }
            }
        }
    }
}
