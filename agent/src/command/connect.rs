//! `assent-agent vault connect`: a person lets the agent act at an API. The person opens an address in a browser and agrees
//! there; what comes back to loopback is turned into the record that the connection's tokens are asked for with.
//!
//! # Source
//! RFC 8252 (an app's own browser is not used, the redirect is to loopback); `request::consent` has the rest.

use std::collections::BTreeSet;
use std::io::{self, BufRead as _, Read as _, Write};
use std::net::Ipv4Addr;
use std::time::Duration;

use assent_schema::client::{Auth, ConnectionFacts, Endpoint};
use assent_schema::id::{ClientId, ConnectionId};
use assent_schema::time::Period;
use serde::Serialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use zeroize::Zeroizing;

use super::ask::{ask, unexpected};
use super::{Call, Output, Show};
use crate::control::{Answer, Question, Said, client};
use crate::daemon::vaults::TheVault;
use crate::error::{Context as _, Error};
use crate::real::{Egress, RealDice, RealNet, tls};
use crate::request::Failed;
use crate::request::consent::{Code, Consent, Granted, Heard, granted};
use crate::request::oauth;
use crate::request::url::Base;
use crate::vault::{Secret, SlotPath, Vault as _};
use crate::world::{Dice as _, Net as _};

/// The largest head of a request to loopback, in bytes.
const HEAD_MOST_BYTES: usize = 32 * 1024;
/// The longest time for one request to loopback: who opens a connection and says nothing keeps nobody waiting.
const HEAD_MOST: Duration = Duration::from_secs(5);
/// What comes to loopback and is no answer, at most; then somebody plays.
const OTHERS_MOST: u32 = 100;

/// Arguments of `vault connect`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The connection. Its slot must hold the client's id and secret: `{"client_id":"…","client_secret":"…"}`.
    #[arg(value_name = "CLIENT/CONNECTION", value_parser = place)]
    at: (ClientId, ConnectionId),
    /// The port of loopback that the answer comes to, where the API wants to know it beforehand.
    #[arg(long, default_value_t = 0, value_name = "PORT")]
    port: u16,
    /// Reads the address at which the browser ended from standard input, for a host that no browser can reach.
    #[arg(long)]
    paste: bool,
    /// How long the answer is waited for.
    #[arg(long, default_value = "10m", value_name = "PERIOD")]
    within: Period,
}

fn place(text: &str) -> Result<(ClientId, ConnectionId), String> {
    let parts = text.split_once('/').and_then(|(client, name)| Some((client.parse().ok()?, name.parse().ok()?)));
    parts.ok_or_else(|| "is not a connection: `client/connection`".to_owned())
}

#[derive(Serialize)]
struct Opens {
    open: String,
    within: Period,
    #[serde(skip)]
    paste: bool,
}

impl Show for Opens {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "Open this address, and agree there:\n\n{}\n", self.open)?;
        if self.paste {
            writeln!(out, "The browser then ends at a page that it cannot open. Paste its address here:")
        } else {
            writeln!(out, "Waiting for at most {}.", self.within)
        }
    }
}

#[derive(Serialize)]
struct Connected {
    #[serde(rename = "connected")]
    at: String,
    scopes: BTreeSet<String>,
    more_than_needed: BTreeSet<String>,
    in_use: bool,
}

impl Show for Connected {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        let joined = |scopes: &BTreeSet<String>| scopes.iter().map(String::as_str).collect::<Vec<_>>().join(" ");
        writeln!(out, "{} is connected. Granted: {}", self.at, joined(&self.scopes))?;
        if !self.more_than_needed.is_empty() {
            writeln!(
                out,
                "That is more than the workflows need ({}); this API gives no less, as its catalog file says.",
                joined(&self.more_than_needed)
            )?;
        }
        let when = if self.in_use { "the running agent uses it now" } else { "the agent will use it when it starts" };
        writeln!(out, "{when}")
    }
}

pub(super) fn run(args: &Args, call: &Call, vault: &TheVault, out: &mut Output<'_>) -> Result<(), Error> {
    let (client, name) = &args.at;
    let question = Question::Connection { client: client.clone(), connection: name.clone() };
    let Answer::Connection(known) = ask(call, &question)? else { return Err(unexpected()) };
    let (connection, endpoint) = *known;
    let Auth::Oauth2Refresh { slot, authorize: Some(_), grants_all, .. } = &connection.auth else {
        return Err(Error::environment(format!("nobody can consent for {client}/{name}"))
            .help("Its integration must say `kind = \"oauth2-refresh\"` and `authorize` in `[auth]`."));
    };
    let path = SlotPath::new(client.clone(), name.clone(), slot.clone());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.tried(|| "cannot start".into())?;
    let connected = runtime.block_on(async {
        let record = vault.read(&path).await.tried(|| format!("cannot read {path}")).map_err(|e| {
            e.help(format!(
                "Put the client there first: `assent-agent vault set {path}` with `client_id` and `client_secret`."
            ))
        })?;
        let asked = Asked { args, connection: &connection, endpoint: &endpoint };
        let (record, found) = asked.connect(&record, out).await?;
        judge(&found, *grants_all)?;
        vault.set(&path, record).await.tried(|| format!("cannot set {path}"))?;
        Ok::<_, Error>(found)
    })?;
    let told = client::ask(&call.config()?.state.socket(), &Said::Question(Question::OpenVault))?;
    out.show(&Connected {
        at: format!("{client}/{name}"),
        scopes: connected.scopes,
        more_than_needed: connected.more,
        in_use: told.is_some(),
    })
}

/// Nothing is kept of a consent that is not what the workflows need.
fn judge(found: &Granted, grants_all: bool) -> Result<(), Error> {
    let listed = |scopes: &BTreeSet<String>| scopes.iter().map(String::as_str).collect::<Vec<_>>().join(" ");
    if !found.fewer.is_empty() {
        return Err(Error::refused(format!("the consent lacks what the workflows need: {}", listed(&found.fewer)))
            .help("Ask again, and let the person agree to all of it. Nothing was kept."));
    }
    if !found.more.is_empty() && !grants_all {
        return Err(Error::refused(format!("the API granted more than the workflows need: {}", listed(&found.more)))
            .help(
                "Nothing was kept; let the person take the consent back at the API. Where it gives no less, say \
                 `grants_all = true` in `[auth]` of the integration.",
            ));
    }
    Ok(())
}

/// What is asked for.
struct Asked<'a> {
    args: &'a Args,
    connection: &'a ConnectionFacts,
    endpoint: &'a Endpoint,
}

impl Asked<'_> {
    /// Asks, waits, and turns the code into a record.
    async fn connect(&self, record: &Secret, out: &mut Output<'_>) -> Result<(Secret, Granted), Error> {
        let (client, name) = &self.args.at;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, self.args.port)).await;
        let listener = listener.tried(|| format!("cannot listen at port {} of loopback", self.args.port))?;
        let port = listener.local_addr().tried(|| "cannot listen at loopback".into())?.port();
        let record = oauth::without_consent(record.reveal()).ok_or_else(|| {
            Error::environment("the slot does not hold `{\"client_id\":\"…\",\"client_secret\":\"…\"}`")
        })?;
        let consent = Consent {
            client,
            name,
            connection: self.connection,
            endpoint: self.endpoint.token_url(),
            record: record.reveal(),
            port,
            state: Zeroizing::new(RealDice.bytes()),
            proof: Zeroizing::new(RealDice.bytes()),
        };
        let url = consent.url().map_err(|wrong| Error::environment(format!("cannot ask: {}", wrong.kind.code())))?;
        out.show(&Opens { open: url, within: self.args.within, paste: self.args.paste })?;
        let code = if self.args.paste {
            from_input(&consent)?
        } else {
            let heard = tokio::time::timeout(self.args.within.duration(), answer(&listener, &consent)).await;
            heard.map_err(|_late| {
                Error::refused(format!("nobody agreed within {}", self.args.within))
                    .help("Ask again when the person is there.")
            })??
        };
        drop(listener);
        self.exchange(&consent, &code).await
    }

    async fn exchange(&self, consent: &Consent<'_>, code: &Code) -> Result<(Secret, Granted), Error> {
        let cannot = |code: &str| Error::refused(format!("the API gave no token for the consent: {code}"));
        let request = consent.exchange(code).map_err(|wrong| cannot(wrong.kind.code()))?;
        let base = Base::parse(self.endpoint.token_url()).ok_or_else(|| cannot("endpoint_refused"))?;
        let net = RealNet::new(tls::connector(&[]).tried(|| "cannot set up TLS".into())?);
        let mut egress = Egress::default();
        egress.allow(consent.client, consent.name, base.host(), base.port());
        net.permit(egress);
        let answered = net.exchange(request).await.map_err(|failure| cannot(Failed::of_net(failure).code.as_str()))?;
        let token = oauth::read(&consent.grant(), &answered).map_err(|failed| cannot(&failed.code))?;
        let found = granted(self.connection, token.scope.as_deref());
        let next = token.next.ok_or_else(|| {
            Error::refused("the API gave a token that cannot be renewed").help(
                "Some APIs want to be asked for it: add what they want to `authorize` of the integration, like \
                 `?access_type=offline&prompt=consent`.",
            )
        })?;
        let record = Secret::new(next.into_inner()).tried(|| "cannot keep what the API gave".into())?;
        Ok((record, found))
    }
}

/// What the page says once the code is there. Whether it was enough is known only after it was exchanged, when the page is long shown.
const ARRIVED: &str =
    "Your answer has arrived. Whether it is enough stands in the terminal where this began. You can close this page.";

/// Waits for the answer. What is none is told so, and waited on.
async fn answer(listener: &TcpListener, consent: &Consent<'_>) -> Result<Code, Error> {
    for _ in 0..OTHERS_MOST {
        let (mut stream, _) = listener.accept().await.tried(|| "cannot hear at loopback".into())?;
        let Ok(Some(head)) = tokio::time::timeout(HEAD_MOST, head(&mut stream)).await else { continue };
        let text = String::from_utf8_lossy(&head);
        let mut lines = text.split("\r\n");
        let mut words = lines.next().unwrap_or_default().split(' ');
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let mut hosts = lines.filter_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("host").then(|| value.trim())
        });
        let host = hosts.next().filter(|_| hosts.next().is_none());
        match consent.heard(method, host, target) {
            Heard::Code(code) => {
                say(&mut stream, 200, ARRIVED).await;
                return Ok(code);
            }
            Heard::Denied(code) => {
                say(&mut stream, 200, "Nothing was agreed to. You can close this page.").await;
                return Err(denied(code));
            }
            Heard::Other(status) => say(&mut stream, status, "This is not an answer to what the agent asked.").await,
        }
    }
    Err(Error::refused("too many requests on loopback were not the answer")
        .help("See which program is sending them, then run the command again."))
}

fn denied(code: &str) -> Error {
    Error::refused(format!("nothing was agreed to: {code}")).help("Ask again when the person wants to agree.")
}

/// The head of one request.
async fn head(stream: &mut TcpStream) -> Option<Zeroizing<Vec<u8>>> {
    let mut head = Zeroizing::new(Vec::with_capacity(HEAD_MOST_BYTES));
    let mut part = Zeroizing::new([0; 1024]);
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let read = stream.read(&mut *part).await.ok().filter(|read| *read > 0)?;
        if head.len().saturating_add(read) > HEAD_MOST_BYTES {
            return None;
        }
        head.extend_from_slice(part.get(..read)?);
    }
    Some(head)
}

/// Answers with a page that holds nothing and leads nowhere; the code in its address is not told to anybody.
async fn say(stream: &mut TcpStream, status: u16, text: &str) {
    let answer = format!(
        "HTTP/1.1 {status} -\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\nCache-Control: no-store\r\n\
         Referrer-Policy: no-referrer\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n{text}",
        text.len()
    );
    // Whoever went away does not need it.
    let _gone = stream.write_all(answer.as_bytes()).await;
    let _gone = stream.shutdown().await;
}

/// Reads the address that a person pasted.
fn from_input(consent: &Consent<'_>) -> Result<Code, Error> {
    let mut line = Zeroizing::new(String::with_capacity(HEAD_MOST_BYTES));
    let most = HEAD_MOST_BYTES as u64;
    io::stdin().lock().take(most).read_line(&mut line).tried(|| "cannot read the address".into())?;
    match consent.pasted(&line) {
        Heard::Code(code) => Ok(code),
        Heard::Denied(code) => Err(denied(code)),
        Heard::Other(_) => {
            Err(Error::refused("that is not the address at which the browser ended after this question")
                .help(format!("It begins with `{}`; ask again, and paste all of it.", consent.redirect())))
        }
    }
}
