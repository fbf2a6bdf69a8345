//! Connections that are kept for the next request. Each client's connection has its own; none is ever shared.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use assent_schema::id::{ClientId, ConnectionId};
use assent_schema::plan::Method;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::client::conn::http1::SendRequest;
use tokio::time::Instant;

use crate::sync::lock;
use crate::world::HttpRequest;

/// The sending end of one connection.
pub(super) type Sender = SendRequest<Full<Bytes>>;

/// The most connections that are kept for one place.
const KEPT_MOST: usize = 64;
/// The most places for which connections are kept.
const PLACES_MOST: usize = 1_024;
/// How long a connection is kept.
const KEPT_FOR: Duration = Duration::from_secs(30);
/// How long after its last use a connection may carry a request that changes something. Servers close idle connections
/// without a word, often after five seconds; a request that crosses that would be in doubt for nothing.
const FRESH_FOR: Duration = Duration::from_secs(2);

/// Where a connection leads, and on whose behalf.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    client: ClientId,
    connection: ConnectionId,
    host: String,
    port: u16,
    tls: bool,
    private_addresses: bool,
}

impl Place {
    pub(super) fn of(request: &HttpRequest) -> Self {
        Self {
            client: request.client.clone(),
            connection: request.operation.connection.clone(),
            host: request.host.clone(),
            port: request.port,
            tls: request.tls,
            private_addresses: request.private_addresses,
        }
    }
}

struct Kept {
    sender: Sender,
    since: Instant,
}

/// The connections that wait for their next request.
#[derive(Default)]
pub(super) struct Pool(Mutex<BTreeMap<Place, Vec<Kept>>>);

impl Pool {
    /// Takes the connection that was used last, if it may carry a request of this method.
    pub(super) fn take(&self, place: &Place, method: Method) -> Option<Sender> {
        let fresh = if method == Method::Get { KEPT_FOR } else { FRESH_FOR };
        let mut places = lock(&self.0);
        let kept = places.get_mut(place)?;
        while let Some(last) = kept.pop() {
            if last.since.elapsed() > fresh {
                // The others are older still, but a read may use them.
                if last.since.elapsed() <= KEPT_FOR {
                    kept.push(last);
                }
                return None;
            }
            if !last.sender.is_closed() {
                return Some(last.sender);
            }
        }
        None
    }

    /// Keeps a connection whose answer has been read to its end.
    pub(super) fn keep(&self, place: Place, sender: Sender) {
        if sender.is_closed() {
            return;
        }
        let mut places = lock(&self.0);
        if !places.contains_key(&place) && places.len() >= PLACES_MOST {
            places.retain(|_, kept| drop_old(kept));
        }
        if places.len() < PLACES_MOST || places.contains_key(&place) {
            let kept = places.entry(place).or_default();
            if kept.len() >= KEPT_MOST {
                drop_old(kept);
            }
            if kept.len() < KEPT_MOST {
                kept.push(Kept { sender, since: Instant::now() });
            }
        }
    }

    /// Closes what was kept too long.
    pub(super) fn sweep(&self) {
        lock(&self.0).retain(|_, kept| drop_old(kept));
    }
}

/// Drops connections that are closed or too old; tells whether one is left.
fn drop_old(kept: &mut Vec<Kept>) -> bool {
    kept.retain(|one| !one.sender.is_closed() && one.since.elapsed() <= KEPT_FOR);
    !kept.is_empty()
}
