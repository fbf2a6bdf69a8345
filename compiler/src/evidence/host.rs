//! What the host of an agent shows while it runs: the agent's log line by line, and the keys that its kernel holds. Whoever works
//! there hands them over; the agent's own word is not what counts.
//!
//! # Source
//! engine.md sections 1 and 4; promises.md, P02, P05, P07.

use std::collections::BTreeMap;
use std::net::IpAddr;

use assent_schema::id::{ClientId, ConnectionId};
use assent_schema::time::Moment;
use assent_schema::tripwire::patterns;
use serde::Deserialize;

use super::{Notes, Seen};

/// What the log says where the agent opens a connection.
const CONNECTS: &str = "connects";
/// The code of the line that takes the place of one that held a secret.
const CAUGHT: &str = "secret_in_log";
/// How the name of a key of ours begins, before the agent's.
const KEYS: &str = "assent:";

/// What was handed over of hosts, each by the name of its file.
#[derive(Clone, Debug, Default)]
pub struct Host {
    /// Logs of agents.
    pub logs: Vec<(String, Vec<u8>)>,
    /// Copies of `/proc/keys`.
    pub keys: Vec<(String, Vec<u8>)>,
}

/// Looks at what hosts show.
pub(super) fn look(seen: &Seen<'_>, notes: &mut Notes) {
    for (file, bytes) in &seen.host.keys {
        keys(file, &String::from_utf8_lossy(bytes), notes);
    }
    for (file, bytes) in &seen.host.logs {
        let text = String::from_utf8_lossy(bytes);
        secrets(file, &text, notes);
        reached(file, &text, seen, notes);
    }
}

/// Each key of an agent ends by the kernel within a day.
fn keys(file: &str, text: &str, notes: &mut Notes) {
    let mut count = 0_usize;
    for line in text.lines() {
        // Serial, flags, usage, the time that is left, permissions, owner, group, type, name.
        let words: Vec<&str> = line.split_whitespace().collect();
        let (Some(left), Some(name)) = (words.get(3), words.get(8).filter(|name| name.starts_with(KEYS))) else {
            continue;
        };
        count = count.saturating_add(1);
        if !is_within_a_day(left) {
            let name = name.trim_end_matches(':');
            notes.object("P02", format!("{file}: the kernel keeps the key {name} for longer than a day ({left})."));
        }
    }
    notes.see("P02", format!("{file}: the kernel holds {count} keys of agents."));
}

/// Whether the kernel says so: seconds, minutes or hours that are left, or that it has ended.
///
/// # Source
/// Linux `security/keys/proc.c`: `expd`, `perm`, or a number with `s`, `m`, `h`, `d` or `w`.
fn is_within_a_day(left: &str) -> bool {
    let number = left.strip_suffix(['s', 'm', 'h']);
    left == "expd" || number.is_some_and(|number| number.parse::<u64>().is_ok())
}

/// No line holds what looks like a secret. How many were caught is said: nothing of those was written.
fn secrets(file: &str, text: &str, notes: &mut Notes) {
    for (number, line) in (1_usize..).zip(text.lines()) {
        for found in patterns(line) {
            notes.object("P07", format!("{file}: line {number} holds {}.", found.what));
        }
    }
    let caught = text.lines().filter(|line| line.contains(CAUGHT)).count();
    if caught > 0 {
        notes.see("P07", format!("{file}: {caught} lines would have held a secret, and were not written."));
    }
    notes.see("P07", format!("{file}: {} lines were looked through for secrets.", text.lines().count()));
}

/// A line that says which address is reached, for whom.
#[derive(Deserialize)]
struct Line {
    message: Option<String>,
    timestamp: Option<String>,
    client: Option<ClientId>,
    connection: Option<ConnectionId>,
    address: Option<String>,
}

/// Each connection that the agent opened for a client leads where an endpoint of the client leads.
fn reached(file: &str, text: &str, seen: &Seen<'_>, notes: &mut Notes) {
    let clients: BTreeMap<_, _> = seen.clients().collect();
    // What was reached under an older release is held against that, which does not say where it was.
    let newest =
        seen.regions.iter().filter_map(|region| region.history.releases.first()).map(|past| past.manifest.at).max();
    let mut count = 0_usize;
    for line in text.lines().filter(|line| line.contains(CONNECTS)) {
        let Ok(Line { message, timestamp, client, connection, address }) = serde_json::from_str(line) else { continue };
        let (Some(client), Some(connection), Some(address)) = (client, connection, address) else { continue };
        let Some((client, known)) = clients.get_key_value(&client).filter(|_| message.as_deref() == Some(CONNECTS))
        else {
            continue;
        };
        count = count.saturating_add(1);
        let urls: Vec<&str> = known
            .endpoints
            .values()
            .filter_map(|endpoints| endpoints.get(&connection))
            .flat_map(|endpoint| [endpoint.url.as_str(), endpoint.token_url()])
            .collect();
        let was_known = || {
            let mut past = seen.regions.iter().flat_map(|region| &region.history.releases);
            past.any(|past| past.clients.get(*client).is_some_and(|facts| facts.connections.contains_key(&connection)))
        };
        let at = timestamp.as_deref().and_then(moment);
        let is_older = at.zip(newest).is_some_and(|(at, newest)| at < newest);
        let fits = urls.iter().any(|url| leads(url, &address));
        if fits || (is_older && (was_known() || !urls.is_empty())) {
            continue;
        }
        let why = if urls.is_empty() { "which is no connection of theirs" } else { "and its endpoints lead elsewhere" };
        notes.object("P05", format!("{file}: for {client}, the agent reached {address} as {connection}, {why}."));
    }
    notes.see("P05", format!("{file}: {count} connections were opened for these clients."));
}

/// A moment with fractions, as logs have it.
fn moment(text: &str) -> Option<Moment> {
    text.parse::<jiff::Timestamp>().ok().map(Moment::from)
}

/// Whether an address may be that of a URL: of one that names an address, that very one; of a name, its port.
fn leads(url: &str, address: &str) -> bool {
    let Some((scheme, rest)) = url.split_once("://") else { return false };
    let authority = rest.split('/').next().unwrap_or_default();
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => (host, port),
        _ => (authority, default_port(scheme)),
    };
    let Some((ip, reached)) = address.rsplit_once(':') else { return false };
    let bare = |text: &str| text.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().ok();
    let same = match bare(host) {
        Some(host) => bare(ip) == Some(host),
        None => true,
    };
    same && reached == port
}

fn default_port(scheme: &str) -> &'static str {
    match scheme {
        "https" => "443",
        "smtps" => "465",
        "smtp" => "587",
        _ => "80",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_that_of_a_url_or_is_not() {
        for (url, address, fits) in [
            ("https://shop.example/v1", "203.0.113.9:443", true),
            ("https://shop.example:8443", "203.0.113.9:443", false),
            ("http://127.0.0.1:4010/shop", "127.0.0.1:4010", true),
            ("http://127.0.0.1:4010/shop", "127.0.0.2:4010", false),
            ("https://[2001:db8::1]/v1", "[2001:db8::1]:443", true),
            ("https://[2001:db8::1]/v1", "[2001:db8::2]:443", false),
            ("smtps://mail.example", "203.0.113.9:465", true),
            ("shop.example", "203.0.113.9:443", false),
        ] {
            assert_eq!(leads(url, address), fits, "{url} {address}");
        }
    }

    #[test]
    fn a_key_that_outlives_a_day_speaks_against_the_cache() {
        let line = |left: &str| {
            format!("1c2d3e4f I--Q---     1 {left:>4} 3f010000     0     0 user      assent:eu-1:epoch/1: 32\n")
        };
        for (left, against) in [("22h", 0), ("59m", 0), ("expd", 0), ("perm", 1), ("1d", 1), ("2w", 1)] {
            let mut notes = Notes::default();
            keys("keys", &line(left), &mut notes);
            assert_eq!(notes.against.get("P02").map_or(0, std::collections::BTreeSet::len), against, "{left}");
        }
        let mut notes = Notes::default();
        keys("keys", &line("perm").replace("assent:", "other:"), &mut notes);
        assert!(notes.against.is_empty(), "somebody else's");
    }
}
