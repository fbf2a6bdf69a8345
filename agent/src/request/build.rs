//! A request from an operation, its arguments and a connection. Everything that leaves is put together here.
//!
//! # Source
//! engine.md section 3, "Requests".

use std::collections::{BTreeMap, BTreeSet};

use assent_schema::canon::Digest;
use assent_schema::client::ConnectionFacts;
use assent_schema::expr::Value;
use assent_schema::id::{ClientId, Name, OperationRef};
use assent_schema::plan::{
    Constant, Encoding, JSON_MEDIA, KEPT_HEADERS, Method, Operation, Pages, Param, Place, is_json_media,
};
use assent_schema::shape::Shape;
use zeroize::Zeroizing;

use super::auth;
use super::body::Body;
use super::keyed::{Purpose, keyed};
use super::limits::{CURSOR_MOST_BYTES, HEADER_MOST_BYTES, TARGET_MOST_BYTES};
use super::place::HEADER;
use super::url::{self, BadPath, Base, encode};
use super::wire::{self, Scalar};
use super::wrong::{Wrong, WrongKind};
use crate::content::Content;
use crate::world::HttpRequest;

/// A header: its name in lower case and its value.
pub(super) type Header = (String, Content<Vec<u8>>);

/// What a request is made of.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    /// On whose behalf.
    pub client: &'a ClientId,
    /// Which operation.
    pub reference: &'a OperationRef,
    /// Its catalog facts, from the plan.
    pub operation: &'a Operation,
    /// The connection's base URL, from `endpoints.json`.
    pub endpoint: &'a str,
    /// The connection, from the client's facts.
    pub connection: &'a ConnectionFacts,
    /// The arguments by parameter.
    pub arguments: &'a BTreeMap<Name, Value>,
    /// What authorises it: the secret of the slot that the connection names, or the token that was asked for.
    pub secret: Option<&'a [u8]>,
    /// The idempotency key, for operations that take one.
    pub idempotency: Option<&'a str>,
    /// Where the next page begins.
    pub cursor: Option<&'a str>,
}

/// A request that is ready to leave, and the bytes by which a later one is told to be the same.
pub struct Built {
    /// The request, its secret in place.
    pub request: HttpRequest,
    /// What the keyed hash is of.
    pub same: Content<Vec<u8>>,
}

impl Built {
    /// The keyed hash of the request: method, place, headers and body, without the secret, which may be rotated meanwhile.
    ///
    /// # Source
    /// formats.md section 2, "Keyed hashes".
    pub fn keyed(&self, key: &[u8; 32]) -> Digest {
        keyed(key, Purpose::Request, self.same.reveal())
    }

    pub(super) fn new(mut request: HttpRequest, secret: Option<Header>) -> Self {
        let same = fingerprint(&request);
        request.headers.extend(secret);
        Self { request, same }
    }
}

/// Builds the request of a call.
///
/// # Errors
/// [`Wrong`]; nothing can have been sent.
pub fn build(call: &Call<'_>) -> Result<Built, Wrong> {
    let base = Base::parse(call.endpoint).ok_or(WrongKind::EndpointRefused)?;
    let operation = call.operation;
    if let Some(unknown) = call.arguments.keys().find(|name| !operation.params.contains_key(*name)) {
        return Err(WrongKind::ArgumentUnknown.of(unknown));
    }
    let mut parts = Parts::new(operation, call.connection, call.cursor);
    for (name, param) in &operation.params {
        match call.arguments.get(name).filter(|value| !value.is_absent()) {
            Some(value) => parts.place(name, param, value).map_err(|kind| kind.of(name))?,
            None if param.optional => {}
            None => return Err(WrongKind::ArgumentMissing.of(name)),
        }
    }
    parts.place_ours(call)?;
    let target = parts.target(&base, &operation.path)?;
    let (headers, body) = parts.finish(operation.method)?;
    let request = HttpRequest {
        client: call.client.clone(),
        operation: call.reference.clone(),
        method: operation.method,
        tls: base.tls(),
        host: base.host().to_owned(),
        port: base.port(),
        target: Content::new(target),
        headers,
        body,
        timeout: operation.timeout.duration(),
        most_bytes: operation.most_bytes,
        private_addresses: call.connection.private_addresses,
    };
    Ok(Built::new(request, auth::header(&call.connection.auth, call.secret)?))
}

struct Parts {
    segments: BTreeMap<Name, Zeroizing<String>>,
    query: Zeroizing<String>,
    headers: Vec<Header>,
    body: Body,
    has_body: bool,
    secret_header: Option<String>,
    /// What the API calls its JSON.
    media: Option<String>,
    /// What the query may hold beside the cursor; all where it is nothing.
    keep: Option<BTreeSet<String>>,
}

impl Parts {
    fn new(operation: &Operation, connection: &ConnectionFacts, cursor: Option<&str>) -> Self {
        Self {
            keep: cursor.and(operation.pages.as_ref()).and_then(|pages| pages.keep.clone()),
            segments: BTreeMap::new(),
            query: Zeroizing::default(),
            headers: Vec::new(),
            body: Body::new(operation),
            media: operation.media.clone().filter(|media| is_json_media(media)),
            has_body: operation.encoding == Encoding::Graphql
                || operation.params.values().any(|param| param.place == Place::Body),
            secret_header: connection.auth.header_name(),
        }
    }

    fn place(&mut self, name: &Name, param: &Param, value: &Value) -> Result<(), WrongKind> {
        let Some(prefix) = &param.prefix else { return self.put(name, param, value, &param.shape) };
        let text = Zeroizing::new([prefix.as_str(), text_of(value, &param.shape)?.as_str()].concat());
        let shape = Shape::Text { most_bytes: u32::MAX };
        self.put(name, param, &Value::text(text.as_str()), &shape)
    }

    fn put(&mut self, name: &Name, param: &Param, value: &Value, shape: &Shape) -> Result<(), WrongKind> {
        match param.place {
            Place::Path => {
                let text = text_of(value, shape)?;
                drop(self.segments.insert(name.clone(), text));
                Ok(())
            }
            Place::Query => self.place_query(&param.at, value, shape),
            Place::Header => {
                let text = text_of(value, shape)?;
                self.header(&param.at, &text)
            }
            Place::Body => self.body.put(&param.at, value, shape),
            // An amount that is counted and not sent is one that could be.
            Place::None => match shape {
                Shape::Money { wire } => wire::money(value, wire).map(drop).ok_or(WrongKind::ArgumentMisfit),
                _ => Ok(()),
            },
        }
    }

    /// A list is the same name again and again; an amount with its currency is two values.
    fn place_query(&mut self, at: &str, value: &Value, shape: &Shape) -> Result<(), WrongKind> {
        match (shape, value) {
            (Shape::List { most, of }, Value::List(items)) if items.len() as u64 <= u64::from(*most) => {
                items.iter().try_for_each(|item| text_of(item, &of.shape).map(|text| self.query(at, &text)))
            }
            (Shape::Money { wire }, _) => {
                for (part, scalar) in wire::money(value, wire).ok_or(WrongKind::ArgumentMisfit)? {
                    let name = if part.is_empty() { at } else { part.as_str() };
                    self.query(name, &Zeroizing::new(scalar.into_text()));
                }
                Ok(())
            }
            _ => text_of(value, shape).map(|text| self.query(at, &text)),
        }
    }

    /// What is not the workflow's to give: constants of the catalog, the idempotency key, the cursor.
    fn place_ours(&mut self, call: &Call<'_>) -> Result<(), Wrong> {
        for (path, constant) in &call.operation.constants {
            if let Some(name) = path.strip_prefix(HEADER) {
                self.header(name, &constant.to_string())?;
                continue;
            }
            // A request without a body has them in its query.
            if call.operation.method == Method::Get {
                self.query(path, &constant.to_string());
            } else {
                self.has_body = true;
                self.body.put_constant(path, constant)?;
            }
        }
        if let (Some(idempotency), Some(key)) = (&call.operation.idempotency, call.idempotency) {
            match idempotency.place {
                Place::Header => self.header(&idempotency.at, key)?,
                Place::Query => self.query(&idempotency.at, key),
                Place::Body => {
                    self.has_body = true;
                    self.body.put_constant(&idempotency.at, &Constant::Text(key.to_owned()))?;
                }
                Place::Path | Place::None => return Err(WrongKind::EndpointRefused.into()),
            }
        }
        if let (Some(pages), Some(cursor)) = (&call.operation.pages, call.cursor) {
            if cursor.len() > CURSOR_MOST_BYTES {
                return Err(WrongKind::TooLarge.into());
            }
            match pages.place {
                Place::Query if !pages.also.is_empty() => {
                    for (name, value) in &url::pairs(cursor) {
                        self.append(name, value);
                    }
                }
                Place::Query => self.append(&pages.param, cursor),
                Place::Body => {
                    self.has_body = true;
                    self.body.put_constant(&pages.param, &page_place(pages, cursor))?;
                }
                Place::Path | Place::Header | Place::None => return Err(WrongKind::EndpointRefused.into()),
            }
        }
        Ok(())
    }

    fn query(&mut self, name: &str, text: &str) {
        if self.keep.as_ref().is_none_or(|keep| keep.contains(name)) {
            self.append(name, text);
        }
    }

    fn append(&mut self, name: &str, text: &str) {
        let joint = if self.query.is_empty() { '?' } else { '&' };
        self.query.push(joint);
        encode(name, &mut self.query);
        self.query.push('=');
        encode(text, &mut self.query);
    }

    /// Visible ASCII, with single spaces inside: CR, LF and NUL would begin another header, and what is not ASCII is read
    /// differently by different servers.
    fn header(&mut self, name: &str, text: &str) -> Result<(), WrongKind> {
        let name = name.to_ascii_lowercase();
        let token = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
        let fine = (1..=HEADER_MOST_BYTES).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_graphic() || b == b' ')
            && text.trim() == text;
        if !token || !fine || KEPT_HEADERS.contains(&name.as_str()) || self.secret_header.as_ref() == Some(&name) {
            return Err(WrongKind::HeaderRefused);
        }
        if self.headers.iter().any(|(there, _)| *there == name) {
            return Err(WrongKind::PlaceTaken);
        }
        self.headers.push((name, Content::new(text.as_bytes().to_vec())));
        Ok(())
    }

    /// Path and query. [`url::fill`] compares the finished path with the template.
    fn target(&self, base: &Base, template: &str) -> Result<String, Wrong> {
        let of = |name: &str| self.segments.iter().find(|(there, _)| there.as_str() == name);
        let path = url::fill(template, |name| of(name).map(|(_, text)| text.as_str())).map_err(|bad| match bad {
            BadPath::Segment => {
                let param = self.segments.iter().find(|(_, text)| url::is_unfit(text)).map(|(name, _)| name.clone());
                Wrong { kind: WrongKind::SegmentRefused, param }
            }
            BadPath::TooLong => WrongKind::TooLarge.into(),
            BadPath::Template | BadPath::Mismatch => WrongKind::EndpointRefused.into(),
        })?;
        // A path parameter without its hole would silently not be sent.
        let holes = url::holes(template).ok_or(WrongKind::EndpointRefused)?;
        if self.segments.keys().any(|name| !holes.contains(&name.as_str())) {
            return Err(WrongKind::EndpointRefused.into());
        }
        let target = [base.path(), &path, &self.query].concat();
        if target.len() > TARGET_MOST_BYTES { Err(WrongKind::TooLarge.into()) } else { Ok(target) }
    }

    fn finish(self, method: Method) -> Result<(Vec<Header>, Content<Vec<u8>>), Wrong> {
        let mut headers = self.headers;
        headers.extend(headers_of(self.media.as_deref()));
        if !self.has_body {
            return Ok((headers, Content::default()));
        }
        if method == Method::Get {
            return Err(WrongKind::EndpointRefused.into());
        }
        let kind = self.media.unwrap_or_else(|| self.body.content_type());
        headers.push(header("content-type", &kind));
        Ok((headers, self.body.write()?))
    }
}

/// Where a page begins, as its API reads it: a count is a number, all else a text.
fn page_place(pages: &Pages, cursor: &str) -> Constant {
    match cursor.parse() {
        Ok(count) if pages.by.is_counted() => Constant::Integer(count),
        _ => Constant::Text(cursor.to_owned()),
    }
}

/// What every request says.
pub(super) fn common_headers() -> [Header; 3] {
    headers_of(None)
}

/// What every request of an operation says. An API that calls its JSON otherwise may still tell of an error in plain JSON.
fn headers_of(media: Option<&str>) -> [Header; 3] {
    let agent = concat!("assent-agent/", env!("CARGO_PKG_VERSION"));
    let accept = media.map(|media| format!("{media}, {JSON_MEDIA};q=0.9"));
    let accept = header("accept", accept.as_deref().unwrap_or(JSON_MEDIA));
    [accept, header("accept-encoding", "identity"), header("user-agent", agent)]
}

pub(super) fn header(name: &str, value: &str) -> Header {
    (name.to_owned(), Content::new(value.as_bytes().to_vec()))
}

fn text_of(value: &Value, shape: &Shape) -> Result<Zeroizing<String>, WrongKind> {
    if let Shape::Money { wire } = shape {
        let mut parts = wire::money(value, wire).ok_or(WrongKind::ArgumentMisfit)?;
        return match (parts.pop(), parts.is_empty()) {
            (Some((_, scalar)), true) => Ok(Zeroizing::new(scalar.into_text())),
            _ => Err(WrongKind::ArgumentMisfit),
        };
    }
    wire::scalar(value, shape).map(Scalar::into_text).map(Zeroizing::new).ok_or(WrongKind::ArgumentMisfit)
}

/// All that makes a request this one, each part after its length so that no two requests give the same bytes.
fn fingerprint(request: &HttpRequest) -> Content<Vec<u8>> {
    let mut out = Content::new(Vec::with_capacity(512 + request.body.reveal().len()));
    let mut part = |bytes: &[u8]| {
        out.reveal_mut().extend_from_slice(&(bytes.len() as u64).to_be_bytes());
        out.reveal_mut().extend_from_slice(bytes);
    };
    part(match request.method {
        Method::Get => b"GET",
        Method::Post => b"POST",
        Method::Put => b"PUT",
        Method::Patch => b"PATCH",
        Method::Delete => b"DELETE",
    });
    part(if request.tls { b"https" } else { b"http" });
    part(request.host.as_bytes());
    part(&request.port.to_be_bytes());
    part(request.target.reveal().as_bytes());
    for (name, value) in request.headers.iter().filter(|(name, _)| name != "user-agent") {
        part(name.as_bytes());
        part(value.reveal());
    }
    part(b"");
    part(request.body.reveal());
    out
}
