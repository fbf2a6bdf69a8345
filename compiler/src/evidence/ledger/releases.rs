//! Which releases were taken up, and that what went back stayed back.

use std::collections::{BTreeMap, BTreeSet};

use assent_schema::canon::Digest;
use assent_schema::counted::counted;
use assent_schema::ledger::Kind;
use assent_schema::release::Manifest;

use super::places::is_gap;
use super::{Notes, Seen, Verified, force, history};
use crate::publish::history::History;

/// Looks at releases and returns.
pub(super) fn look(verified: &Verified, seen: &Seen<'_>, notes: &mut Notes) {
    newest(verified, notes);
    force::look(verified, seen, notes);
    let history = history(&verified.origin, seen);
    in_order(verified, history, notes);
    returns(verified, history, notes);
}

/// The release that was taken up last; what of it agrees with git is looked at with all others.
fn newest(verified: &Verified, notes: &mut Notes) {
    let origin = &verified.origin;
    let released = verified.entries.iter().rev().find_map(|entry| match &entry.kind {
        Kind::Released(release) => Some((release.sequence, release.manifest)),
        _ => None,
    });
    if let Some((sequence, manifest)) = released {
        notes.see("P16", format!("{origin}: took up release {sequence}, manifest {manifest}."));
    }
}

/// Each deployment has a number of its own, and none is smaller than the one before: a rollback is a release too. Numbers count
/// within a generation of the root.
fn in_order(verified: &Verified, history: Option<&History>, notes: &mut Notes) {
    let origin = &verified.origin;
    let generation =
        |manifest: &Digest| history.and_then(|history| history.release(manifest)).map(|past| past.manifest.generation);
    let mut last: Option<(Option<u32>, u64, Digest)> = None;
    for entry in &verified.entries {
        let Kind::Released(release) = &entry.kind else { continue };
        let of = generation(&release.manifest);
        if let Some((before, sequence, manifest)) = last
            && before >= of
            && (before > of
                || release.sequence < sequence
                || (release.sequence == sequence && release.manifest != manifest))
        {
            notes.object(
                "P16",
                format!(
                    "{origin}: release {} came after release {sequence}, which is not before it.",
                    release.sequence
                ),
            );
        }
        last = Some((of, release.sequence, release.manifest));
    }
}

/// A plan that went back, here or by a release, begins no run before a release readmits it by name. Where it was not looked at, any
/// may have; so may one whose entry is gone.
fn returns(verified: &Verified, history: Option<&History>, notes: &mut Notes) {
    let origin = &verified.origin;
    let (mut back, mut unknown): (BTreeMap<Digest, u64>, BTreeSet<u64>) = (BTreeMap::new(), BTreeSet::new());
    let mut holds = (0, 0);
    for entry in &verified.entries {
        match (&entry.kind, entry.plan) {
            (Kind::RolledBack(rolled), _) => {
                back.insert(rolled.from, entry.index);
                let to = rolled.to.map_or_else(|| "nothing".to_owned(), |plan| plan.short());
                let (workflow, from, why) = (&rolled.workflow, rolled.from.short(), &rolled.why);
                notes.see(
                    "P17",
                    format!("{origin}: {workflow} went back from {from} to {to} at {} ({why}).", entry.time),
                );
            }
            (Kind::Released(release), _) => match history.and_then(|history| history.release(&release.manifest)) {
                Some(past) => {
                    invented(&past.manifest, history, notes);
                    told(&past.manifest, holds, entry.index, &mut back);
                    holds = (past.manifest.generation, past.manifest.sequence);
                }
                None if history.is_none_or(|history| history.may_have_held(release.sequence)) => back.clear(),
                None => {}
            },
            (Kind::Accepted(_), Some(plan)) => match back.get(&plan) {
                Some(since) if is_gap(&verified.entries, *since, entry.index) => drop(unknown.insert(entry.index)),
                Some(_) => {
                    let plan = plan.short();
                    let said = format!("{origin}: the plan {plan} went back and began a run at {}.", entry.time);
                    notes.object("P17", said);
                }
                None => {}
            },
            _ => {}
        }
    }
    if !unknown.is_empty() {
        let count = unknown.len();
        let said = format!(
            "{origin}: {} began with plans that went back, and whether they were let in again cannot be told, for bodies are gone.",
            counted(count, "run")
        );
        notes.see("P17", said);
    }
}

/// A readmission that a release carries on is one that the release before it has.
fn invented(manifest: &Manifest, history: Option<&History>, notes: &mut Notes) {
    let before = manifest.previous.and_then(|previous| history?.release(&previous));
    let wrong = manifest.wrong_readmission().map(|(one, _)| one);
    if let Some(one) = wrong.or_else(|| manifest.invents(&before?.manifest)) {
        let (since, plan, sequence) = (one.first(manifest.sequence), one.plan.short(), manifest.sequence);
        let said =
            format!("release {sequence} says that the plan {plan} was let in by release {since}, which is not so.");
        notes.object("P17", said);
    }
}

/// What a manifest says of plans that went back to whoever holds the release of this number: some come again by name, some stay
/// back from then on.
fn told(manifest: &Manifest, holds: (u32, u64), index: u64, back: &mut BTreeMap<Digest, u64>) {
    for (plan, _) in manifest.lets_in(holds) {
        back.remove(&plan);
    }
    for plan in manifest.stays_back().into_keys() {
        back.entry(plan).or_insert(index);
    }
}

#[cfg(test)]
mod tests {
    use assent_schema::canon;
    use assent_schema::release::Readmitted;

    use super::*;
    use crate::publish::history::Past;

    #[test]
    fn what_a_manifest_took_back_is_back_until_one_readmits_it() {
        let mut manifest: Manifest =
            canon::from_bytes(include_bytes!("../../../../tests/vectors/manifest.json")).unwrap();
        let plan = manifest.returned.first().unwrap().plan;
        let mut back = BTreeMap::new();
        told(&manifest, (0, 0), 4, &mut back);
        assert_eq!(back, [(plan, 4)].into());
        // One that an earlier release let in, of which this agent holds that release: it went back since.
        (manifest.generation, manifest.sequence) = (1, 9);
        manifest.returned.clear();
        manifest.readmitted.push(Readmitted { since: Some(8), ..Readmitted::now(plan, "fixed".to_owned()) });
        told(&manifest, (1, 8), 5, &mut back);
        assert_eq!(back, [(plan, 4)].into());
        let mut missed = back.clone();
        told(&manifest, (1, 7), 5, &mut missed);
        assert_eq!(missed, BTreeMap::new());
        manifest.readmitted = vec![Readmitted::now(plan, "fixed".to_owned())];
        told(&manifest, (1, 8), 6, &mut back);
        assert_eq!(back, BTreeMap::new());
    }
    #[test]
    fn a_readmission_that_the_release_before_does_not_have_is_seen() {
        let before: Manifest = canon::from_bytes(include_bytes!("../../../../tests/vectors/manifest.json")).unwrap();
        let digest = Digest::of_file(b"before");
        let plan = before.active.first().unwrap().plan;
        let now = || Readmitted::now(plan, "fixed".to_owned());
        let objects = |manifest: &Manifest, since: u64| {
            let mut next = Manifest { sequence: 2, previous: Some(digest), returned: Vec::new(), ..before.clone() };
            next.readmitted = vec![Readmitted { since: Some(since), ..now() }];
            let past = Past {
                manifest: manifest.clone(),
                digest,
                clients: BTreeMap::new(),
                teams: None,
                root: None,
                approvers: BTreeMap::new(),
            };
            let history = History { releases: vec![past], ..History::default() };
            let mut notes = Notes::default();
            invented(&next, Some(&history), &mut notes);
            notes.against.contains_key("P17")
        };
        assert!(objects(&before, 1), "the one before says nothing of it");
        let said = Manifest { readmitted: vec![now()], ..before.clone() };
        assert!(!objects(&said, 1));
        assert!(objects(&said, 2), "no release is before itself");
    }
}
