//! Requests out: the host is on the list, its address is checked and then used, nothing is followed, everything is bounded.
//!
//! No redirects, no proxies, no compression (so nothing can be inflated), no retries but one: a request that surely was
//! not written, because the kept connection had been closed, is sent once more on a new connection.
//!
//! # Source
//! engine.md section 3, "Requests". Promise P05.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{CONTENT_ENCODING, CONTENT_LENGTH, HOST, HeaderName, HeaderValue};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

use super::address::{Reachable, may_reach};
use super::clock::RealClock;
use super::egress::Egress;
use super::pool::{Place, Pool, Sender};
use crate::content::Content;
use crate::sync;
use crate::world::{Clock as _, HttpRequest, HttpResponse, Mail, MailFailure, Net, NetFailure};
use assent_schema::plan::Method;

/// The longest time for one attempt to reach one address, TLS included.
pub(super) const CONNECT_MOST: Duration = Duration::from_secs(10);
/// The most addresses of a name that are tried.
pub(super) const ADDRESSES_MOST: usize = 4;
/// The largest head of an answer, in bytes.
const HEAD_MOST_BYTES: usize = 64 * 1024;
/// The most headers of an answer.
const HEADERS_MOST: usize = 100;
/// How long a kept connection may take to be ready again before a new one is made.
const READY_MOST: Duration = Duration::from_millis(20);

/// Sends requests over real connections.
pub struct RealNet {
    tls: TlsConnector,
    egress: RwLock<Arc<Egress>>,
    pool: Pool,
}

impl RealNet {
    /// A network that reaches nothing until hosts are listed.
    pub fn new(tls: TlsConnector) -> Self {
        Self { tls, egress: RwLock::default(), pool: Pool::default() }
    }

    /// Replaces the list of hosts that may be reached.
    pub fn permit(&self, egress: Egress) {
        *sync::write(&self.egress) = Arc::new(egress);
    }

    /// Closes connections that were kept too long. Called now and then.
    pub fn sweep(&self) {
        self.pool.sweep();
    }

    fn permits(&self, request: &HttpRequest) -> bool {
        let egress = Arc::clone(&sync::read(&self.egress));
        egress.allows(request)
    }

    async fn attempt(&self, request: HttpRequest, progress: &mut Progress) -> Result<HttpResponse, NetFailure> {
        if !self.permits(&request) {
            return Err(NetFailure::AddressRefused);
        }
        let place = Place::of(&request);
        let most_bytes = request.most_bytes;
        let (mut sender, response) = self.send(&request, &place, progress).await?;
        let response = read(response, most_bytes).await?.came(RealClock.now());
        if timeout(READY_MOST, sender.ready()).await.is_ok_and(|ready| ready.is_ok()) {
            self.pool.keep(place, sender);
        }
        Ok(response)
    }

    /// Writes the request on a kept connection, else on a new one.
    async fn send(
        &self,
        request: &HttpRequest,
        place: &Place,
        progress: &mut Progress,
    ) -> Result<(Sender, Response<Incoming>), NetFailure> {
        let mut message = message(request)?;
        if let Some(mut sender) = self.pool.take(place, request.method) {
            *progress = Progress::Sending;
            match sender.try_send_request(message).await {
                Ok(response) => return Ok((sender, response)),
                Err(mut error) => match error.take_message() {
                    // hyper gives the message back only when none of it was written.
                    Some(unsent) => message = unsent,
                    None => return Err(NetFailure::SentNoReply),
                },
            }
            *progress = Progress::Connecting;
        }
        let mut sender = self.connect(request).await?;
        *progress = Progress::Sending;
        match sender.try_send_request(message).await {
            Ok(response) => Ok((sender, response)),
            Err(mut error) => Err(match error.take_message() {
                Some(_) => NetFailure::NeverConnected,
                None if error.error().is_parse() => NetFailure::Malformed,
                None => NetFailure::SentNoReply,
            }),
        }
    }

    /// Makes a connection to the first address that may be reached and answers.
    async fn connect(&self, request: &HttpRequest) -> Result<Sender, NetFailure> {
        let addresses = resolve(&request.host, request.port).await?;
        let by = Reachable { private_addresses: request.private_addresses, tls: request.tls };
        let allowed: Vec<_> =
            addresses.into_iter().filter(|address| may_reach(address.ip(), by)).take(ADDRESSES_MOST).collect();
        if allowed.is_empty() {
            return Err(NetFailure::AddressRefused);
        }
        for address in allowed {
            // What the wire carries is compared with these lines: each address and port that is reached, and for whom.
            tracing::info!(client = %request.client, connection = %request.operation.connection, %address, "connects");
            if let Ok(Ok(sender)) = timeout(CONNECT_MOST, self.connect_to(address, request)).await {
                return Ok(sender);
            }
        }
        Err(NetFailure::NeverConnected)
    }

    async fn connect_to(&self, address: SocketAddr, request: &HttpRequest) -> Result<Sender, NetFailure> {
        let stream = TcpStream::connect(address).await.map_err(never)?;
        stream.set_nodelay(true).map_err(never)?;
        if request.tls {
            let name = ServerName::try_from(request.host.clone()).map_err(never)?;
            let stream = self.tls.connect(name, stream).await.map_err(never)?;
            speak(TokioIo::new(stream)).await
        } else {
            speak(TokioIo::new(stream)).await
        }
    }
}

/// How far an exchange came, for the meaning of its deadline.
enum Progress {
    /// Nothing can have left.
    Connecting,
    /// The first byte may have left.
    Sending,
}

impl Net for RealNet {
    async fn mail(&self, mail: Mail) -> Result<(), MailFailure> {
        let egress = Arc::clone(&sync::read(&self.egress));
        if !egress.leads_to(&mail.client, &mail.route, &mail.host, mail.port) {
            return Err(NetFailure::AddressRefused.into());
        }
        match timeout(mail.timeout, super::mail::hand_over(&self.tls, &mail)).await {
            Ok(result) => result,
            Err(_) => Err(NetFailure::TimedOut.into()),
        }
    }

    async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, NetFailure> {
        let deadline = request.timeout;
        let mut progress = Progress::Connecting;
        match timeout(deadline, self.attempt(request, &mut progress)).await {
            Ok(result) => result,
            Err(_) => Err(match progress {
                Progress::Connecting => NetFailure::NeverConnected,
                Progress::Sending => NetFailure::TimedOut,
            }),
        }
    }
}

/// For failures whose text is content and stays out.
pub(super) fn never<E>(_: E) -> NetFailure {
    NetFailure::NeverConnected
}

/// The addresses of a host: itself when it is an address, else what the system's resolver says.
pub(super) async fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, NetFailure> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    Ok(tokio::net::lookup_host((host, port)).await.map_err(never)?.collect())
}

/// Begins HTTP/1.1 on a connection and drives it until it is closed.
async fn speak<S>(stream: TokioIo<S>) -> Result<Sender, NetFailure>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection): (SendRequest<Full<Bytes>>, _) = http1::Builder::new()
        .max_buf_size(HEAD_MOST_BYTES)
        .max_headers(HEADERS_MOST)
        .handshake(stream)
        .await
        .map_err(never)?;
    // It ends when the sender is dropped or the other side closes; what went wrong is seen by the sender.
    drop(tokio::spawn(async move { drop(connection.await) }));
    Ok(sender)
}

/// The request as hyper wants it.
fn message(request: &HttpRequest) -> Result<Request<Full<Bytes>>, NetFailure> {
    let default_port = if request.tls { 443 } else { 80 };
    let name = if request.host.contains(':') { format!("[{}]", request.host) } else { request.host.clone() };
    let host = if request.port == default_port { name } else { format!("{name}:{}", request.port) };
    let body = Full::new(Bytes::copy_from_slice(request.body.reveal()));
    let mut message = Request::builder().method(method(request.method)).uri(request.target.reveal());
    if let Some(headers) = message.headers_mut() {
        headers.insert(HOST, HeaderValue::from_str(&host).map_err(never)?);
        for (name, value) in &request.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(never)?;
            let mut value = HeaderValue::from_bytes(value.reveal()).map_err(never)?;
            value.set_sensitive(true);
            headers.append(name, value);
        }
        // Some servers take a request that could have a body, and says nothing of one, for a broken one (RFC 9110, 8.6).
        if request.body.reveal().is_empty() && !matches!(request.method, Method::Get | Method::Delete) {
            headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
    }
    message.body(body).map_err(never)
}

fn method(method: Method) -> hyper::Method {
    match method {
        Method::Get => hyper::Method::GET,
        Method::Post => hyper::Method::POST,
        Method::Put => hyper::Method::PUT,
        Method::Patch => hyper::Method::PATCH,
        Method::Delete => hyper::Method::DELETE,
    }
}

/// Reads an answer to its end, within its limit.
async fn read(response: Response<Incoming>, most_bytes: u64) -> Result<HttpResponse, NetFailure> {
    let status = response.status();
    // Redirects lead to hosts that nobody approved; an upgrade leads out of HTTP.
    if status.is_redirection() || status.is_informational() {
        return Err(NetFailure::Redirected);
    }
    if is_coded(&response) {
        return Err(NetFailure::Compressed);
    }
    let headers = response
        .headers()
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), Content::new(value.as_bytes().to_vec())))
        .collect();
    let mut incoming = response.into_body();
    let announced = incoming.size_hint().lower();
    if announced > most_bytes {
        return Err(NetFailure::TooLarge);
    }
    let mut body = Content::new(Vec::with_capacity(usize::try_from(announced).unwrap_or(0)));
    while let Some(frame) = incoming.frame().await {
        let frame = frame.or(Err(NetFailure::SentNoReply))?;
        let Ok(data) = frame.into_data() else { continue };
        if (body.reveal().len() + data.len()) as u64 > most_bytes {
            return Err(NetFailure::TooLarge);
        }
        body.reveal_mut().extend_from_slice(&data);
    }
    Ok(HttpResponse { status: status.as_u16(), headers, body })
}

/// Whether the body is compressed, which nobody asked for.
fn is_coded(response: &Response<Incoming>) -> bool {
    response
        .headers()
        .get_all(CONTENT_ENCODING)
        .iter()
        .any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"))
}
