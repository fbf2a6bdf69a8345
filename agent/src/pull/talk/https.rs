//! Git over HTTPS: certificates checked against the roots that the configuration names, nothing followed, nothing inflated.
//!
//! # Source
//! gitprotocol-http(5), "Smart Clients"; RFC 7617 for the credential.

use std::io::{self, Read};
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HOST, HeaderValue, USER_AGENT};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls;
use tokio_rustls::rustls::pki_types::ServerName;
use zeroize::Zeroizing;

use super::super::PullFailure;
use super::{Service, Talk, as_io};
use crate::config::{Place, Roots};
use crate::content::Content;

/// The port of HTTPS.
const PORT: u16 = 443;
/// The largest head of an answer, in bytes.
const HEAD_MOST_BYTES: usize = 64 * 1024;
/// Some forges look for the word `git`.
const SELF: &str = "git/assent-agent";

/// A server that speaks git over HTTPS.
pub(super) struct Https {
    runtime: Runtime,
    tls: TlsConnector,
    place: Place,
    authorization: Option<HeaderValue>,
    service: Service,
}

impl Https {
    pub(super) fn new(
        place: &Place,
        roots: &Roots,
        credential: Option<&Content<Vec<u8>>>,
        service: Service,
    ) -> Result<Self, PullFailure> {
        let runtime = Builder::new_current_thread().enable_all().build().or(Err(PullFailure::Broken))?;
        let authorization = credential.map(authorization).transpose()?;
        Ok(Self { runtime, tls: connector(roots)?, place: place.clone(), authorization, service })
    }

    fn send(&self, method: Method, target: &str, body: Vec<u8>) -> Result<Response<Incoming>, PullFailure> {
        let mut request = Request::builder().method(method).uri(format!("{}{target}", self.place.path));
        let headers = request.headers_mut().ok_or(PullFailure::Broken)?;
        headers.insert(HOST, HeaderValue::from_str(&self.place.authority()).or(Err(PullFailure::Broken))?);
        headers.insert(USER_AGENT, HeaderValue::from_static(SELF));
        if !body.is_empty() {
            let kind = format!("application/x-{}-request", self.service.program());
            headers.insert(CONTENT_TYPE, HeaderValue::from_str(&kind).or(Err(PullFailure::Broken))?);
        }
        if let Some(authorization) = &self.authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        let request = request.body(Full::new(Bytes::from(body))).or(Err(PullFailure::Broken))?;
        self.runtime.block_on(self.exchange(request))
    }

    /// A connection of its own for each of the two requests.
    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, PullFailure> {
        let unreachable = |_| PullFailure::Unreachable;
        let address = (self.place.host.as_str(), self.place.port.unwrap_or(PORT));
        let stream = TcpStream::connect(address).await.map_err(unreachable)?;
        let name = ServerName::try_from(self.place.host.clone()).or(Err(PullFailure::Broken))?;
        let stream = self.tls.connect(name, stream).await.map_err(|error| refusal(&error))?;
        let mut builder = hyper::client::conn::http1::Builder::new();
        let (mut sender, connection) = builder
            .max_buf_size(HEAD_MOST_BYTES)
            .handshake(TokioIo::new(stream))
            .await
            .or(Err(PullFailure::Unreachable))?;
        // It ends with the answer; what goes wrong is seen by who reads that.
        drop(tokio::spawn(async move { drop(connection.await) }));
        sender
            .send_request(request)
            .await
            .map_err(|error| if error.is_parse() { PullFailure::Garbled } else { PullFailure::Unreachable })
    }

    /// Looks at an answer's head before a byte of its body is believed.
    fn body(&self, response: Response<Incoming>, kind: &str) -> Result<Body<'_>, PullFailure> {
        match response.status() {
            StatusCode::OK => {}
            StatusCode::UNAUTHORIZED if self.authorization.is_none() => return Err(PullFailure::NoCredentials),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => return Err(PullFailure::CredentialsRefused),
            StatusCode::NOT_FOUND | StatusCode::GONE => return Err(PullFailure::NoRepository),
            status if status.is_redirection() => return Err(PullFailure::Redirected),
            status if status.is_server_error() => return Err(PullFailure::Unreachable),
            _ => return Err(PullFailure::Garbled),
        }
        let wanted = format!("application/x-{}-{kind}", self.service.program());
        let is_wanted = response.headers().get(CONTENT_TYPE).is_some_and(|said| said.as_bytes() == wanted.as_bytes());
        if !is_wanted || response.headers().contains_key(CONTENT_ENCODING) {
            return Err(PullFailure::Garbled);
        }
        Ok(Body { runtime: &self.runtime, incoming: response.into_body(), rest: Bytes::new() })
    }
}

impl Talk for Https {
    fn hear(&mut self) -> Result<Box<dyn Read + '_>, PullFailure> {
        let target = format!("/info/refs?service={}", self.service.program());
        let mut body = self.body(self.send(Method::GET, &target, Vec::new())?, "advertisement")?;
        // A line of its own says again which service it is; then begins what every transport says.
        let line = format!("# service={}\n", self.service.program());
        let wanted = format!("{:04x}{line}0000", line.len() + 4);
        let mut said = vec![0; wanted.len()];
        body.read_exact(&mut said).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => PullFailure::Garbled,
            _ => super::from_io(&error),
        })?;
        if said == wanted.as_bytes() { Ok(Box::new(body)) } else { Err(PullFailure::Garbled) }
    }

    fn ask(&mut self, question: Vec<u8>) -> Result<Box<dyn Read + '_>, PullFailure> {
        let answer = self.send(Method::POST, &format!("/{}", self.service.program()), question)?;
        Ok(Box::new(self.body(answer, "result")?))
    }
}

/// The body of an answer, frame by frame.
struct Body<'r> {
    runtime: &'r Runtime,
    incoming: Incoming,
    rest: Bytes,
}

impl Read for Body<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.rest.is_empty() {
            match self.runtime.block_on(self.incoming.frame()) {
                None => return Ok(0),
                Some(Ok(frame)) => self.rest = frame.into_data().unwrap_or_default(),
                Some(Err(_)) => return Err(as_io(PullFailure::Unreachable)),
            }
        }
        let taken = self.rest.split_to(self.rest.len().min(buffer.len()));
        if let Some(place) = buffer.get_mut(..taken.len()) {
            place.copy_from_slice(&taken);
        }
        Ok(taken.len())
    }
}

fn connector(roots: &Roots) -> Result<TlsConnector, PullFailure> {
    roots.client().map(|config| TlsConnector::from(Arc::new(config))).or(Err(PullFailure::Certificate))
}

/// Tells a certificate that is not believed from a connection that failed.
fn refusal(error: &io::Error) -> PullFailure {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented) => PullFailure::Certificate,
        _ => PullFailure::Unreachable,
    }
}

/// `user:password` as a header.
fn authorization(credential: &Content<Vec<u8>>) -> Result<HeaderValue, PullFailure> {
    if !credential.reveal().contains(&b':') {
        return Err(PullFailure::CredentialsRefused);
    }
    let text = Zeroizing::new(format!("Basic {}", *Zeroizing::new(BASE64_STANDARD.encode(credential.reveal()))));
    let mut value = HeaderValue::from_str(&text).or(Err(PullFailure::CredentialsRefused))?;
    value.set_sensitive(true);
    Ok(value)
}
