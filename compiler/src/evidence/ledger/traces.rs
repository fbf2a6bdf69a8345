//! What entries show by themselves: that nothing in them is a secret, and through which connections data passed.

use std::collections::BTreeSet;

use assent_schema::id::ConnectionId;
use assent_schema::ledger::Kind;
use assent_schema::tripwire::patterns;

use super::force::Force;
use super::{Notes, Seen, Verified};

/// Looks at each entry that can be read.
pub(super) fn look(verified: &Verified, seen: &Seen<'_>, notes: &mut Notes) {
    let origin = &verified.origin;
    for entry in &verified.entries {
        let text = entry.to_bytes().ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
        for found in patterns(&text) {
            notes.object("P07", format!("{origin}: entry {} holds {}.", entry.index, found.what));
        }
    }
    let count = verified.entries.len();
    notes.see("P07", format!("{origin}: {count} entries were looked through for secrets."));
    if origin.client.is_some() {
        passed(verified, seen, notes);
    }
}

/// Data passes through connections that the client has.
fn passed(verified: &Verified, seen: &Seen<'_>, notes: &mut Notes) {
    let (origin, force) = (&verified.origin, Force::of(verified, seen));
    let history = force.history();
    // An hour is told when it is over: under whichever release that was, another may have been in force in it.
    let releases = history.into_iter().flat_map(|history| &history.releases);
    let of_releases = releases.filter_map(|past| past.clients.get(force.client()?)).map(|facts| &**facts);
    let of_commit = force.client().and_then(|client| seen.survey.resolved.clients.get(client)).map(|of| &*of.facts);
    let known: BTreeSet<_> = of_releases.chain(of_commit).flat_map(|facts| facts.connections.keys()).collect();
    let is_whole = history.is_none_or(|history| history.is_whole);
    let mut through = BTreeSet::new();
    for entry in &verified.entries {
        let Kind::Used(used) = &entry.kind else { continue };
        through.insert(&used.connection);
        if is_whole && !known.contains(&used.connection) {
            let (connection, hour) = (&used.connection, used.hour);
            let said = format!(
                "{origin}: in the hour of {hour} data passed through {connection}, which the client never had."
            );
            notes.object("P05", said);
        }
    }
    if !through.is_empty() {
        let through: Vec<&str> = through.into_iter().map(ConnectionId::as_str).collect();
        notes.see("P05", format!("{origin}: data passed through {}.", through.join(", ")));
    }
}
