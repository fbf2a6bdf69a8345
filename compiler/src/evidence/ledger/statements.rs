//! Whether each statement that was taken up is there for all to read, and none that a release brought was passed over.
//!
//! # Source
//! trust.md section 3; formats.md section 3. Promise P25.

use std::collections::BTreeSet;

use assent_schema::canon::Digest;
use assent_schema::id::ClientId;
use assent_schema::ledger::{Entry, Kind, Origin};
use assent_schema::time::{Moment, Period};

use super::places::is_gap;
use super::{Notes, Seen, Verified, history};
use crate::publish::history::{History, Said};

/// How long a withdrawal that was handed to an agent directly may take until source and releases have it.
const ON_ITS_WAY: Period = Period::days(1);

/// What became of an entry's statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    /// It is there, and says that.
    There,
    /// It is there, and says something else, or for somebody else.
    Other,
    /// It may be on its way here, or not all was looked at.
    Open,
    /// It is nowhere.
    Nowhere,
}

/// Looks at each statement.
pub(super) fn look(verified: &Verified, seen: &Seen<'_>, notes: &mut Notes) {
    let origin = &verified.origin;
    let Some(client) = &origin.client else { return };
    let history = history(origin, seen);
    let there = |digest: &Digest| said(client, digest, history, seen);
    resets(verified, client, seen, notes);
    let is_whole = history.is_some_and(|history| history.is_whole);
    let mut count = 0_u64;
    for entry in &verified.entries {
        let Kind::Statement(statement) = &entry.kind else { continue };
        let (digest, decision, time) = (&statement.digest, statement.decision.as_str(), entry.time);
        let said = format!("{origin}: the statement {digest} ({decision}) was taken up at {time}");
        match found(there(digest).as_ref(), client, (decision, time), (is_whole, seen.at)) {
            Found::There => count += 1,
            Found::Other => notes.object("P25", format!("{said}, and the file of that digest says something else.")),
            Found::Open => notes.see("P25", format!("{said}, and was not found in the source or a release yet.")),
            Found::Nowhere => notes.object("P25", format!("{said}, and neither the source nor a release holds it.")),
        }
    }
    notes.see(
        "P25",
        format!("{origin}: {count} statements were taken up, each of which the source or a release holds."),
    );
    if let Some(history) = history.filter(|_| origin.is_first()) {
        passed_over(client, verified, history, notes);
    }
}

/// Each reset of the client's approvers is one that the root wrote, and each root that was taken up is one of the source.
fn resets(verified: &Verified, client: &ClientId, seen: &Seen<'_>, notes: &mut Notes) {
    let Some(roots) = seen.survey.trusted.roots.as_deref() else { return };
    let origin = &verified.origin;
    let written = roots.newest().clients.get(client).map(|entry| entry.resets.as_slice()).unwrap_or_default();
    for entry in &verified.entries {
        match &entry.kind {
            Kind::ApproversReset(reset) if !written.iter().any(|one| one.approvers == reset.approvers) => {
                let (approvers, time) = (&reset.approvers, entry.time);
                let said = format!(
                    "{origin}: at {time} the approvers were reset to {approvers}, which no root of the source says."
                );
                notes.object("P25", said);
            }
            Kind::Root(root) if root.version > roots.newest().version => {
                let (version, time) = (root.version, entry.time);
                let said =
                    format!("{origin}: took up version {version} of the root at {time}, which the source has not.");
                notes.object("P25", said);
            }
            _ => {}
        }
    }
}

/// What a digest stands for: by the releases, or by the source.
fn said(client: &ClientId, digest: &Digest, history: Option<&History>, seen: &Seen<'_>) -> Option<Said> {
    let released = history.and_then(|history| history.statements.get(digest).cloned());
    released.or_else(|| {
        let held = seen.survey.trusted.statements.get(client)?.held().get(digest)?;
        Some(Said { client: held.statement.client.clone(), decision: held.statement.says.as_str() })
    })
}

fn found(
    there: Option<&Said>,
    client: &ClientId,
    (decision, time): (&str, Moment),
    (is_whole, at): (bool, Moment),
) -> Found {
    match there {
        Some(said) if said.client == *client && said.decision == decision => Found::There,
        Some(_) => Found::Other,
        None if !is_whole => Found::Open,
        // What permits something is nothing that nobody can show. What ends a permission may come by itself first.
        None if decision == "approve" || at > time.plus(ON_ITS_WAY) => Found::Nowhere,
        None => Found::Open,
    }
}

/// Whatever a release holds of the client was taken up with it, or before.
fn passed_over(client: &ClientId, verified: &Verified, history: &History, notes: &mut Notes) {
    let (origin, entries) = (&verified.origin, &verified.entries);
    let mut taken: BTreeSet<&Digest> = BTreeSet::new();
    for entry in entries {
        match &entry.kind {
            Kind::Statement(statement) => drop(taken.insert(&statement.digest)),
            Kind::Released(release) if !is_gap(entries, 0, entry.index) => {
                let Some(past) = history.release(&release.manifest) else { continue };
                for digest in past.statements().filter(|digest| !taken.contains(digest)) {
                    let Some(said) = history.statements.get(&digest).filter(|said| said.client == *client) else {
                        continue;
                    };
                    notes.object("P25", passed(origin, entry, (release.sequence, &digest, said.decision)));
                }
            }
            _ => {}
        }
    }
}

fn passed(origin: &Origin, entry: &Entry, (sequence, digest, decision): (u64, &Digest, &str)) -> String {
    let time = entry.time;
    format!(
        "{origin}: release {sequence}, taken up at {time}, holds the statement {digest} ({decision}), and no entry says that it \
         was taken up."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_permits_must_be_there_and_what_ends_a_permission_may_come_later() {
        let (acme, cedar): (ClientId, ClientId) = ("acme".parse().unwrap(), "cedar".parse().unwrap());
        let given: Moment = "2026-05-20T10:00:00Z".parse().unwrap();
        let said = |client: &ClientId, decision| Said { client: client.clone(), decision };
        let at = |there: Option<&Said>, decision, later, is_whole| {
            found(there, &acme, (decision, given), (is_whole, given.plus(later)))
        };
        let (soon, later) = (Period::hours(1), Period::days(2));
        assert_eq!(at(Some(&said(&acme, "approve")), "approve", later, true), Found::There);
        assert_eq!(at(Some(&said(&acme, "withdraw")), "approve", later, true), Found::Other);
        assert_eq!(at(Some(&said(&cedar, "approve")), "approve", later, true), Found::Other);
        assert_eq!(at(None, "approve", soon, true), Found::Nowhere);
        assert_eq!(at(None, "withdraw", soon, true), Found::Open);
        assert_eq!(at(None, "withdraw", later, true), Found::Nowhere);
        assert_eq!(at(None, "approve", later, false), Found::Open);
    }
}
