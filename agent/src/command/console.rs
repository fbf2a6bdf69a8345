//! `assent-agent console`: signs a challenge of the console with an SSH key and prints a link that opens it, once.

use std::io::{self, Read as _, Write};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use assent_schema::canon;
use assent_schema::id::ClientId;
use assent_schema::trust::Namespace;
use serde::Serialize;

use super::key::Who;
use super::{Call, Output, Show};
use crate::error::{Context as _, Error};
use crate::people::wire::{Challenge, Introduction, SignedIn};

/// The longest time for one exchange.
const EXCHANGE_MOST: Duration = Duration::from_secs(30);
/// The largest answer, in bytes.
const ANSWER_MOST_BYTES: u64 = 64 * 1024;

/// Arguments of `console`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// At which client, if you decide for one.
    #[arg(long, value_name = "CLIENT")]
    client: Option<ClientId>,
    #[command(flatten)]
    who: Who,
    /// Where the console is, as `http://host:port`: by default where the configuration says. Beyond this machine, put an
    /// SSH tunnel between.
    #[arg(long, value_name = "URL")]
    at: Option<String>,
}

#[derive(Serialize)]
struct Link {
    link: String,
}

impl Show for Link {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}\n    It signs you in once, within two minutes.", self.link)
    }
}

pub(super) fn run(args: &Args, call: &Call, out: &mut Output<'_>) -> Result<(), Error> {
    let at = args.at.clone().map_or_else(|| configured(call), Ok)?;
    let host = at.strip_prefix("http://").map(|host| host.trim_end_matches('/'));
    let is_plain =
        |host: &&str| !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b".-:[]".contains(&b));
    let host = host.filter(is_plain).ok_or_else(|| Error::environment(format!("`{at}` is not http://host:port")))?;
    let key = args.who.key()?;
    let who = Introduction { client: args.client.clone(), person: key.person.clone() };
    let challenge = post(host, "/sign-in/challenge", &who)?;
    let given: Challenge = canon::from_bytes(challenge.as_bytes())
        .or(Err(Error::environment("the console sent a malformed challenge")))?;
    if given.client != who.client || given.person != who.person {
        return Err(Error::refused("the console's challenge is for somebody else; nothing was signed"));
    }
    let signature = key.sign(Namespace::Console, challenge.as_bytes())?;
    let answer = post(host, "/sign-in/links", &SignedIn { challenge, signature: signature.into(), run: None })?;
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap_or_default();
    let link = answer.get("link").and_then(serde_json::Value::as_str);
    let link = link.ok_or_else(|| Error::environment("the console sent a malformed answer"))?;
    out.show(&Link { link: format!("http://{host}{link}") })
}

fn configured(call: &Call) -> Result<String, Error> {
    let console = call.config()?.console.ok_or_else(|| {
        Error::environment("this agent has no console")
            .help("Say where in agent.toml: `console = \"127.0.0.1:8081\"`, and start it again.")
    })?;
    Ok(format!("http://{console}"))
}

/// HTTP/1.0, so that the answer ends where the connection does.
fn post(host: &str, path: &str, body: &impl Serialize) -> Result<String, Error> {
    let cannot = || format!("cannot talk to the console at http://{host}");
    let body = serde_json::to_string(body).tried(cannot)?;
    let address = host.to_socket_addrs().tried(cannot)?.next();
    let address = address.ok_or_else(|| Error::environment(format!("http://{host} has no address")))?;
    let mut stream = TcpStream::connect_timeout(&address, EXCHANGE_MOST).tried(cannot)?;
    stream.set_read_timeout(Some(EXCHANGE_MOST)).tried(cannot)?;
    stream.set_write_timeout(Some(EXCHANGE_MOST)).tried(cannot)?;
    let length = body.len();
    let head =
        format!("POST {path} HTTP/1.0\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {length}");
    write!(stream, "{head}\r\n\r\n{body}").tried(cannot)?;
    let mut answer = String::new();
    stream.take(ANSWER_MOST_BYTES).read_to_string(&mut answer).tried(cannot)?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
    match head.split(' ').nth(1).and_then(|status| status.parse::<u16>().ok()) {
        Some(200) => Ok(body.to_owned()),
        Some(401) => Err(Error::refused("the console knows no such person with this client and key")
            .help("See who stands in trust/root and in the client's `client.toml`, and with which key.")),
        Some(status) => Err(Error::refused(format!("the console says {status}"))),
        None => Err(Error::environment(format!("what is at http://{host} is not a console"))),
    }
}
