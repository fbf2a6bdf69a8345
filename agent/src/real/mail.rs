//! Hands mail to a server that sends it on: SMTP with TLS from the first byte, or by STARTTLS before anything is said.
//!
//! A dialogue of our own on the agent's own connections: the address is checked before it is used, TLS trusts whom all
//! requests trust, and what came before TLS began is never read after it. The `lettre` crate (0.11) keeps it in its buffer,
//! copies the password into texts that nothing wipes, and brings fifteen packages.
//!
//! # Source
//! RFC 5321 (SMTP), RFC 3207 (STARTTLS), RFC 8314 (TLS from the first byte), RFC 4954 and 4616 (AUTH PLAIN).

use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use zeroize::Zeroizing;

use super::address::{Reach, reach};
use super::net::{ADDRESSES_MOST, CONNECT_MOST, never, resolve};
use crate::world::{Mail, MailFailure, NetFailure};

/// The longest line of an answer, in bytes.
const LINE_MOST_BYTES: u64 = 2_048;
/// The most lines of an answer.
const LINES_MOST: usize = 100;

/// What both sides are spoken to over.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// Hands it over. On `Ok` the server said that it took it.
pub(super) async fn hand_over(tls: &TlsConnector, mail: &Mail) -> Result<(), MailFailure> {
    let (stream, address) = connect(mail).await?;
    let own = stream.local_addr().map_err(never)?.ip();
    let hello = if own.is_ipv6() { format!("EHLO [IPv6:{own}]") } else { format!("EHLO [{own}]") };
    let mut talk = if mail.tls { Talk::over(encrypted(tls, &mail.host, stream).await?) } else { Talk::over(stream) };
    talk.expect(220).await?;
    let mut offers = talk.ask(&hello).await?.ok(250)?;
    if !mail.tls {
        if offers.has("STARTTLS") {
            talk.ask("STARTTLS").await?.ok(220)?;
            talk = Talk::over(encrypted(tls, &mail.host, talk.into_stream()?).await?);
            offers = talk.ask(&hello).await?.ok(250)?;
        } else if !address.ip().is_loopback() {
            // Whoever takes the offer away on the way hears nothing.
            return Err(MailFailure::NoTls);
        }
    }
    if let Some(credential) = &mail.credential {
        talk.sign_in(&offers, credential.reveal()).await?;
    }
    talk.deliver(mail).await
}

/// A connection to the first address that answers. A relay may stand on a private network: TLS tells whether it is the one.
async fn connect(mail: &Mail) -> Result<(TcpStream, SocketAddr), MailFailure> {
    let addresses = resolve(&mail.host, mail.port).await?;
    let allowed: Vec<_> =
        addresses.into_iter().filter(|to| reach(to.ip()) != Reach::Never).take(ADDRESSES_MOST).collect();
    if allowed.is_empty() {
        return Err(NetFailure::AddressRefused.into());
    }
    for address in allowed {
        if let Ok(Ok(stream)) = timeout(CONNECT_MOST, TcpStream::connect(address)).await {
            return Ok((stream, address));
        }
    }
    Err(NetFailure::NeverConnected.into())
}

async fn encrypted<S: Stream + 'static>(
    tls: &TlsConnector,
    host: &str,
    stream: S,
) -> Result<Box<dyn Stream>, MailFailure> {
    let name = ServerName::try_from(host.to_owned()).or(Err(MailFailure::NoTls))?;
    Ok(Box::new(tls.connect(name, stream).await.or(Err(MailFailure::NoTls))?))
}

/// A dialogue.
struct Talk(BufReader<Box<dyn Stream>>);

/// What a server answered.
struct Answer {
    code: u16,
    lines: Vec<String>,
}

impl Answer {
    /// The answer, if it has the code that is wanted.
    fn ok(self, wanted: u16) -> Result<Self, MailFailure> {
        match self.code {
            code if code == wanted => Ok(self),
            400..500 => Err(MailFailure::Later),
            500..600 => Err(MailFailure::Refused),
            _ => Err(NetFailure::Malformed.into()),
        }
    }

    /// Whether the server takes a recipient: it knows them, forwards to them, or will try to (RFC 5321, section 4.2.3).
    fn knows(self) -> Result<(), MailFailure> {
        let code = if matches!(self.code, 251 | 252) { self.code } else { 250 };
        self.ok(code).map(drop)
    }

    /// Whether the server offers an extension.
    fn has(&self, extension: &str) -> bool {
        self.lines
            .iter()
            .skip(1)
            .any(|line| line.split(' ').next().is_some_and(|word| word.eq_ignore_ascii_case(extension)))
    }

    /// Whether the server offers a way to sign in.
    fn lets_in_by(&self, mechanism: &str) -> bool {
        self.lines.iter().skip(1).any(|line| {
            let mut words = line.split([' ', '=']);
            words.next().is_some_and(|word| word.eq_ignore_ascii_case("AUTH"))
                && words.any(|word| word.eq_ignore_ascii_case(mechanism))
        })
    }
}

impl Talk {
    fn over(stream: impl Stream + 'static) -> Self {
        Self(BufReader::new(Box::new(stream)))
    }

    /// The stream alone. What the server said before it was asked is no part of what follows.
    fn into_stream(self) -> Result<Box<dyn Stream>, MailFailure> {
        if self.0.buffer().is_empty() { Ok(self.0.into_inner()) } else { Err(NetFailure::Malformed.into()) }
    }

    async fn say(&mut self, line: &[u8]) -> Result<(), MailFailure> {
        let lost = |_| MailFailure::Net(NetFailure::SentNoReply);
        self.0.get_mut().write_all(line).await.map_err(lost)?;
        self.0.get_mut().write_all(b"\r\n").await.map_err(lost)?;
        self.0.get_mut().flush().await.map_err(lost)
    }

    async fn ask(&mut self, line: &str) -> Result<Answer, MailFailure> {
        self.say(line.as_bytes()).await?;
        self.hear().await
    }

    async fn expect(&mut self, code: u16) -> Result<Answer, MailFailure> {
        self.hear().await?.ok(code)
    }

    async fn hear(&mut self) -> Result<Answer, MailFailure> {
        let malformed = || MailFailure::Net(NetFailure::Malformed);
        let mut answer = Answer { code: 0, lines: Vec::new() };
        while answer.lines.len() < LINES_MOST {
            let mut line = Vec::new();
            let read = (&mut self.0).take(LINE_MOST_BYTES).read_until(b'\n', &mut line).await;
            if read.or(Err(NetFailure::SentNoReply))? == 0 {
                return Err(NetFailure::SentNoReply.into());
            }
            let line = String::from_utf8_lossy(line.strip_suffix(b"\n").ok_or_else(malformed)?).into_owned();
            let line = line.trim_end_matches('\r');
            let (code, rest) = line.split_at_checked(3).ok_or_else(malformed)?;
            answer.code = code.parse().or(Err(malformed()))?;
            let more = rest.starts_with('-');
            answer.lines.push(rest.get(1..).unwrap_or_default().to_owned());
            if !more {
                return Ok(answer);
            }
        }
        Err(malformed())
    }

    async fn sign_in(&mut self, offers: &Answer, credential: &[u8]) -> Result<(), MailFailure> {
        let not = |_| MailFailure::NotLetIn;
        let mut parts = credential.splitn(2, |byte| *byte == b':');
        let (user, password) = parts.next().zip(parts.next()).ok_or(MailFailure::NotLetIn)?;
        let coded = |bytes: &[u8]| Zeroizing::new(STANDARD.encode(bytes));
        if offers.lets_in_by("PLAIN") {
            let pair = Zeroizing::new([b"\0", user, b"\0", password].concat());
            let line = Zeroizing::new([b"AUTH PLAIN ", coded(&pair).as_bytes()].concat());
            self.say(&line).await?;
        } else if offers.lets_in_by("LOGIN") {
            self.ask("AUTH LOGIN").await?.ok(334).map_err(not)?;
            self.say(coded(user).as_bytes()).await?;
            self.expect(334).await.map_err(not)?;
            self.say(coded(password).as_bytes()).await?;
        } else {
            return Err(MailFailure::NotLetIn);
        }
        match self.hear().await?.ok(235) {
            Ok(_) => Ok(()),
            Err(MailFailure::Later) => Err(MailFailure::Later),
            Err(_) => Err(MailFailure::NotLetIn),
        }
    }

    /// The mail itself. Who of several is unknown to the server keeps it from no other, unless it is for all or nobody; who is to
    /// be told later is, and the others hear it again under the same `Message-ID`.
    async fn deliver(&mut self, mail: &Mail) -> Result<(), MailFailure> {
        let from = mail.from.as_ref().map_or("", |from| from.as_str());
        self.ask(&format!("MAIL FROM:<{from}>")).await?.ok(250)?;
        let (mut known, mut why, mut later) = (0_usize, MailFailure::Refused, false);
        for to in &mail.to {
            match self.ask(&format!("RCPT TO:<{to}>")).await?.knows() {
                Ok(()) => known = known.saturating_add(1),
                Err(MailFailure::Net(failure)) => return Err(failure.into()),
                Err(failure) => {
                    later |= failure == MailFailure::Later;
                    why = failure;
                }
            }
        }
        let misses = known < mail.to.len();
        if known == 0 || (misses && mail.for_all) {
            return Err(why);
        }
        if misses {
            tracing::warn!(route = %mail.route, known, of = mail.to.len(), "a server knows not all recipients");
        }
        self.ask("DATA").await?.ok(354)?;
        self.say(&dotted(mail.message.reveal())).await?;
        self.ask(".").await?.ok(250)?;
        // It answers for the mail now; whether it says good-bye does not matter.
        self.say(b"QUIT").await.unwrap_or_default();
        if later { Err(MailFailure::Later) } else { Ok(()) }
    }
}

/// A line that begins with a dot gets another one: a dot alone ends the message. The line end of the last line is said with
/// what follows.
fn dotted(message: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut out = Zeroizing::new(Vec::with_capacity(message.len().saturating_add(message.len() / 32)));
    let whole = message.strip_suffix(b"\r\n").unwrap_or(message);
    let mut begins = true;
    for byte in whole {
        if begins && *byte == b'.' {
            out.push(b'.');
        }
        out.push(*byte);
        begins = *byte == b'\n';
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_of_a_message_ends_it() {
        assert_eq!(dotted(b".\r\na\r\n..b\r\n").as_slice(), b"..\r\na\r\n...b");
    }
}
