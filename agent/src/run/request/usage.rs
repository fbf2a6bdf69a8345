//! How much passed through each connection: bytes of requests and answers, tokens of models. Told by the hour and rounded up, so
//! that nothing of one request can be told from it.
//!
//! # Source
//! engine.md section 1: token and byte counts only per connection and hour, rounded up to 1,000.

use std::collections::BTreeMap;
use std::sync::Mutex;

use assent_schema::id::{ClientId, ConnectionId};

use crate::run::content::seal;
use crate::run::{Deployed, Engine, lock};
use crate::store::{Log, Note, Store};
use crate::world::{Clock as _, Wall, World};

/// To what counts are rounded up.
const ROUND: u64 = 1_000;

/// What passed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::run) struct Used {
    pub(in crate::run) sent_bytes: u64,
    pub(in crate::run) received_bytes: u64,
    pub(in crate::run) tokens_in: u64,
    pub(in crate::run) tokens_out: u64,
}

/// What passed and was not told yet, by client, connection and hour.
#[derive(Debug, Default)]
pub(in crate::run) struct Uses(Mutex<BTreeMap<(ClientId, ConnectionId, i64), Used>>);

impl Uses {
    fn add(&self, place: (ClientId, ConnectionId, i64), more: Used) {
        let mut uses = lock(&self.0);
        let used = uses.entry(place).or_default();
        used.sent_bytes = used.sent_bytes.saturating_add(more.sent_bytes);
        used.received_bytes = used.received_bytes.saturating_add(more.received_bytes);
        used.tokens_in = used.tokens_in.saturating_add(more.tokens_in);
        used.tokens_out = used.tokens_out.saturating_add(more.tokens_out);
    }

    /// Takes out what passed in hours that are over, or in all of them.
    fn take(&self, before: Option<i64>) -> Vec<((ClientId, ConnectionId, i64), Used)> {
        let mut uses = lock(&self.0);
        let is_over = |hour: &i64| before.is_none_or(|before| *hour < before);
        uses.extract_if(.., |(_, _, hour), _| is_over(hour)).collect()
    }
}

impl<W: World, S: Store, D: Deployed> Engine<W, S, D> {
    /// Something passed through a connection.
    pub(in crate::run) fn uses(&self, client: &ClientId, connection: &ConnectionId, more: Used) {
        let hour = seal::hour_of(self.world.clock().now());
        self.used.add((client.clone(), connection.clone(), hour), more);
    }

    /// The ledger's entries about what passed in hours that are over; in all hours when the agent goes down. Told once: what was
    /// not made durable, and what a crash took along, is told by nobody.
    pub fn take_used(&self, goes_down: bool) -> Vec<Note> {
        let hour = seal::hour_of(self.world.clock().now());
        let told = self.used.take((!goes_down).then_some(hour)).into_iter();
        told.map(|((client, connection, hour), used)| note(client, &connection, hour, used)).collect()
    }
}

fn note(client: ClientId, connection: &ConnectionId, hour: i64, used: Used) -> Note {
    let begins = Wall::from_millis(hour.saturating_mul(3_600_000)).moment();
    let note = Note::new(Log::Client(client), "used")
        .fact("connection", connection.to_string())
        .fact("hour", begins.to_string())
        .fact("sent_bytes", rounded(used.sent_bytes))
        .fact("received_bytes", rounded(used.received_bytes));
    if used.tokens_in == 0 && used.tokens_out == 0 {
        return note;
    }
    note.fact("tokens_in", rounded(used.tokens_in)).fact("tokens_out", rounded(used.tokens_out))
}

fn rounded(count: u64) -> u64 {
    count.div_ceil(ROUND).saturating_mul(ROUND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passed_is_told_once_when_its_hour_is_over_and_rounded_up() {
        let (uses, acme): (_, ClientId) = (Uses::default(), "acme".parse().unwrap());
        let place = |hour| (acme.clone(), "shop".parse().unwrap(), hour);
        let used = |sent_bytes, tokens_in| Used { sent_bytes, tokens_in, ..Used::default() };
        uses.add(place(7), used(900, 0));
        uses.add(place(7), used(200, 5));
        uses.add(place(8), used(1, 0));
        assert_eq!(uses.take(Some(8)), [(place(7), used(1_100, 5))]);
        assert_eq!(uses.take(Some(8)), []);
        assert_eq!(uses.take(None), [(place(8), used(1, 0))], "when the agent goes down");
        assert_eq!([0, 1, 1_000, 1_001].map(rounded), [0, 1_000, 1_000, 2_000]);
        let told =
            |tokens_in| serde_json::to_value(note(acme.clone(), &place(7).1, 7, used(1_100, tokens_in)).data).unwrap();
        let plain = serde_json::json!({
            "connection": "shop", "hour": "1970-01-01T07:00:00Z", "sent_bytes": 2_000, "received_bytes": 0
        });
        assert_eq!(told(0), plain);
        assert_eq!(told(5)["tokens_in"], 1_000);
    }
}
