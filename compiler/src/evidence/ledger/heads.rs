//! Whether a log is the one whose heads others hold: published by the agent, kept by the client, named by ticks of another log.

use std::collections::{BTreeMap, BTreeSet};

use assent_schema::canon::Digest;
use assent_schema::counted::counted;
use assent_schema::ledger::audit::Fault;
use assent_schema::ledger::export::ExportFault;
use assent_schema::ledger::{Checkpoint, Entry, Frontier, Head, Kind, LogKey, Origin};
use assent_schema::time::{Moment, Period};

use super::{Notes, Seen, Verified, history};

/// How old an export may be: what was published since then, it may lack.
const EXPORT_MOST: Period = Period::days(1);

/// Who holds a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holder {
    /// The branch on which the agent publishes.
    Branch {
        /// Since when it stands there, as the commit says.
        since: Moment,
    },
    /// A file that somebody kept.
    File(String),
}

impl Holder {
    fn of(&self) -> String {
        match self {
            Self::Branch { .. } => "that the agent published".to_owned(),
            Self::File(name) => format!("in {name}"),
        }
    }
}

/// A checkpoint that somebody holds, as it was found.
#[derive(Clone, Debug)]
pub struct Note {
    /// Who.
    pub holder: Holder,
    /// The note, whole. Nothing of it is verified.
    pub text: String,
}

/// What others hold of one log.
#[derive(Clone, Debug, Default)]
pub struct Held {
    heads: Vec<(Head, Holder)>,
    /// Those that the log's key did not sign.
    unsigned: Vec<Holder>,
}

impl Held {
    /// Of all that is held, what says to be of this log.
    pub(super) fn of(origin: &Origin, key: &LogKey, notes: &[Note]) -> Self {
        let mut held = Self::default();
        for note in notes.iter().filter(|note| Checkpoint::peek(&note.text).is_ok_and(|head| head.origin == *origin)) {
            match Checkpoint::verify(&note.text, key, &[]) {
                Ok(checkpoint) => held.heads.push((checkpoint.head().clone(), note.holder.clone())),
                Err(_) => held.unsigned.push(note.holder.clone()),
            }
        }
        held
    }

    /// A root that is another one, at those entries that no head vouches for: from the longest that is of these entries on, to the
    /// first that is not.
    pub(super) fn narrowed(&self, found: ExportFault, commitments: &[Digest]) -> ExportFault {
        let size = u64::try_from(commitments.len()).unwrap_or(u64::MAX);
        let (Fault::WrongRoot, Some(sure)) = (found.fault, found.index) else { return found };
        let roots = roots(commitments, &self.heads.iter().map(|(head, _)| head.size).collect());
        let agrees = |head: &Head| roots.get(&head.size) == Some(&head.root);
        let heads = || self.heads.iter().map(|(head, _)| head).filter(|head| head.size <= size);
        let begin = heads().filter(|head| agrees(head)).map(|head| head.size).max().unwrap_or(sure).max(sure);
        // One before that does not agree is of another log.
        let end = heads().filter(|head| !agrees(head) && head.size > begin).map(|head| head.size).min();
        ExportFault::among(begin, end.unwrap_or(size), found.fault)
    }
}

/// The root over the first entries, for each of some numbers of them that the log has.
fn roots(commitments: &[Digest], sizes: &BTreeSet<u64>) -> BTreeMap<u64, Digest> {
    let (mut frontier, mut roots) = (Frontier::new(), BTreeMap::new());
    for committed in std::iter::once(None).chain(commitments.iter().map(Some)) {
        if let Some(committed) = committed {
            frontier.append(committed.as_bytes());
        }
        if sizes.contains(&frontier.size()) {
            roots.insert(frontier.size(), frontier.root());
        }
    }
    roots
}

/// Two exports of one log that are both signed and do not begin alike: whoever has both has the proof that it was written again.
pub(super) fn contradict(seen: &Seen<'_>, notes: &mut Notes) {
    let all: Vec<(&str, &Verified)> =
        seen.logs.iter().filter_map(|log| Some((log.file.as_str(), log.verified.as_ref().ok()?))).collect();
    for (at, (one, first)) in all.iter().enumerate() {
        let same = |(_, other): &&(&str, &Verified)| other.origin == first.origin;
        for (other, second) in all.iter().skip(at.saturating_add(1)).filter(same) {
            let mut pairs = first.commitments.iter().zip(&second.commitments);
            let Some(differs) = pairs.position(|(one, other)| one != other) else { continue };
            for promise in ["P10", "P11", "P14"] {
                let said = format!(
                    "{}: {one} and {other} are both signed and contradict each other: the first entry that differs is {differs}.",
                    first.origin
                );
                notes.object(promise, said);
            }
        }
    }
}

/// Compares a log with all heads of it that are held, and with those that the ticks of other logs name.
pub(super) fn look(verified: &Verified, seen: &Seen<'_>, notes: &mut Notes) {
    begun(verified, seen, notes);
    let named: Vec<(&Origin, Moment, &Head)> = seen
        .logs
        .iter()
        .filter_map(|log| log.verified.as_ref().ok())
        .flat_map(|other| {
            other.entries.iter().flat_map(move |entry| ticks(entry).map(move |h| (&other.origin, entry.time, h)))
        })
        .filter(|(_, _, head)| head.origin == verified.origin)
        .collect();
    let held = &verified.held.heads;
    let sizes = held.iter().map(|(head, _)| head.size).chain(named.iter().map(|(_, _, head)| head.size)).collect();
    let roots = roots(&verified.commitments, &sizes);
    published(verified, &roots, seen.at, notes);
    unvouched(verified, &roots, seen, notes);
    for (other, time, head) in named {
        tied(verified, &roots, (other, time, head), notes);
    }
}

fn ticks(entry: &Entry) -> impl Iterator<Item = &Head> {
    let heads = match &entry.kind {
        Kind::Tick(tick) => tick.heads.as_slice(),
        _ => &[],
    };
    heads.iter()
}

/// A log begins under a root of the project.
fn begun(verified: &Verified, seen: &Seen<'_>, notes: &mut Notes) {
    let Some(roots) = seen.survey.trusted.roots.as_deref() else { return };
    let Some(Entry { kind: Kind::Opened(opened), .. }) = verified.entries.first() else { return };
    let mut all = (1..=roots.newest().version).filter_map(|version| roots.version(version));
    if !all.any(|root| root.digest() == opened.root) {
        let said = format!(
            "{}: it says that it began under the root {}, which the source has not.",
            verified.origin, opened.root
        );
        notes.object("P11", said);
    }
}

fn published(verified: &Verified, roots: &BTreeMap<u64, Digest>, at: Moment, notes: &mut Notes) {
    let Verified { origin, summary, held, .. } = verified;
    for holder in &held.unsigned {
        notes.object("P11", format!("{origin}: a checkpoint {} is not signed by the log's key.", holder.of()));
    }
    let mut agree: Option<u64> = None;
    let mut others: Vec<(u64, &Holder)> = Vec::new();
    // The longest that was published since, and when the first of them was.
    let mut grown: Option<(u64, Moment)> = None;
    // The longest that it lacks, and how many it lacks: an agent publishes one each minute.
    let mut lacking: Option<(u64, &Holder, usize)> = None;
    for (head, by) in &held.heads {
        let size = head.size;
        match roots.get(&size) {
            Some(root) if *root == head.root => agree = agree.max(Some(size)),
            Some(_) => others.push((size, by)),
            None if let Holder::Branch { since } = by
                && at < since.plus(EXPORT_MOST) =>
            {
                let (longest, first) = grown.unwrap_or((size, *since));
                grown = Some((longest.max(size), first.min(*since)));
            }
            None => {
                let (longest, holder, others) = lacking.map_or((size, by, 0), |(longest, holder, others)| {
                    if size > longest { (size, by, others + 1) } else { (longest, holder, others + 1) }
                });
                lacking = Some((longest, holder, others));
            }
        }
    }
    forked(verified, roots, others, notes);
    if let Some((size, by, others)) = lacking {
        let (has, holder) = (summary.head.size, by.of());
        let more = match others {
            0 => String::new(),
            others => format!(", and than {others} more"),
        };
        notes.object(
            "P11",
            format!(
                "{origin}: this export is older than the checkpoint {holder}{more}: it has {} of {size}.",
                counted(has, "entry")
            ),
        );
    }
    if let Some((size, since)) = grown {
        let has = summary.head.size;
        notes.see(
            "P11",
            format!(
                "{origin}: this export has {}, and since {since} the agent published checkpoints up to {size}.",
                counted(has, "entry")
            ),
        );
    }
    match agree {
        Some(size) => notes.see(
            "P11",
            format!(
                "{origin}: checkpoints that others hold are of this log, the longest of {}.",
                counted(size, "entry")
            ),
        ),
        None if held.heads.is_empty() => {
            notes.see("P11", format!("{origin}: no checkpoint that somebody else holds was looked at."));
        }
        None => {}
    }
}

/// Where a log is another one than that of which others hold checkpoints: said once, between the last that fits and the first that
/// does not.
fn forked(verified: &Verified, roots: &BTreeMap<u64, Digest>, mut others: Vec<(u64, &Holder)>, notes: &mut Notes) {
    others.sort_by_key(|(size, _)| *size);
    let Some((size, by)) = others.first() else { return };
    let fits = |head: &Head| head.size < *size && roots.get(&head.size) == Some(&head.root);
    let heads = verified.held.heads.iter().map(|(head, _)| head);
    let begin = heads.filter(|head| fits(head)).map(|head| head.size).max().unwrap_or(0);
    let last = size.saturating_sub(1);
    let place = if begin == last { format!("at entry {last}") } else { format!("among the entries {begin} to {last}") };
    let more = match others.len().saturating_sub(1) {
        0 => String::new(),
        more => format!("; {more} longer ones are, too"),
    };
    let (origin, holder) = (&verified.origin, by.of());
    for promise in ["P10", "P11", "P14"] {
        let said = format!(
            "{origin}: the checkpoint {holder} over {size} entries is of another log: this one was rewritten {place}{more}."
        );
        notes.object(promise, said);
    }
}

/// An agent that goes on for a day publishes what it wrote before: else whoever holds its key could write that again, unseen.
fn unvouched(verified: &Verified, roots: &BTreeMap<u64, Digest>, seen: &Seen<'_>, notes: &mut Notes) {
    if history(&verified.origin, seen).is_none() {
        return;
    }
    let agrees = |(head, _): &&(Head, Holder)| roots.get(&head.size) == Some(&head.root);
    let vouched = verified.held.heads.iter().filter(agrees).map(|(head, _)| head.size).max().unwrap_or(0);
    if let Some((index, time)) = alone(&verified.entries, vouched) {
        let said = format!(
            "{}: nobody holds a checkpoint over the entries from {index} on, the first of {time}, and the agent went on for more than a \
             day.",
            verified.origin
        );
        notes.object("P11", said);
    }
}

/// The first entry that so many do not hold, if more than a day of the log follows it.
fn alone(entries: &[Entry], vouched: u64) -> Option<(u64, Moment)> {
    let first = entries.iter().find(|entry| entry.index >= vouched)?;
    let last = entries.last()?;
    (last.time > first.time.plus(EXPORT_MOST)).then_some((first.index, first.time))
}

/// What a tick of another log says of this one. A tick that is younger than the export may name more.
fn tied(
    verified: &Verified,
    roots: &BTreeMap<u64, Digest>,
    (other, time, head): (&Origin, Moment, &Head),
    notes: &mut Notes,
) {
    let (origin, size) = (&verified.origin, head.size);
    let said = match roots.get(&size) {
        Some(root) if *root == head.root => return,
        Some(_) => format!("{origin}: the tick of {other} at {time} names another root over {size} entries."),
        None if verified.summary.last.is_some_and(|last| last > time) => {
            format!(
                "{origin}: the tick of {other} at {time} names {size} entries, and not so many were written by then."
            )
        }
        None => return,
    };
    notes.object("P11", said);
}

#[cfg(test)]
mod tests {
    use assent_schema::ledger::kind::Stopped;

    use super::*;

    #[test]
    fn what_nobody_holds_a_day_later_is_told() {
        let origin = Origin::first("harbor".parse().unwrap(), "eu-production-1".parse().unwrap());
        let entry = |index: u64, hours: u64| Entry {
            log: origin.clone(),
            index,
            time: "2026-05-20T10:00:00Z".parse::<Moment>().unwrap().plus(Period::hours(hours)),
            run: None,
            step: None,
            item: None,
            attempt: None,
            actor: None,
            plan: None,
            kind: Stopped {}.into(),
        };
        let entries = [entry(0, 0), entry(1, 2), entry(2, 24), entry(3, 25)];
        assert_eq!(alone(&entries, 0).map(|(index, _)| index), Some(0), "nothing was published at all");
        assert_eq!(alone(&entries, 1), None, "a day is what an agent may take");
        assert_eq!(alone(&entries, 4), None);
        assert_eq!(alone(&[], 0), None);
        let later = [entry(0, 0), entry(1, 2), entry(2, 27)];
        assert_eq!(alone(&later, 1).map(|(index, _)| index), Some(1));
    }
}
