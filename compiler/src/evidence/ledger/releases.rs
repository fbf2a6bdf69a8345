//! Which releases were taken up, and that what went back stayed back.

use std::collections::BTreeSet;

use assent_schema::canon::Digest;
use assent_schema::ledger::Kind;

use super::{Notes, Seen, Verified};

/// Looks at releases and returns.
pub(super) fn look(verified: &Verified, seen: &Seen<'_>, notes: &mut Notes) {
    newest(verified, seen, notes);
    in_order(verified, notes);
    returns(verified, notes);
}

/// The release that was taken up last is the one that the branch holds under its number.
fn newest(verified: &Verified, seen: &Seen<'_>, notes: &mut Notes) {
    let origin = &verified.origin;
    let released = verified.entries.iter().rev().find_map(|entry| match &entry.kind {
        Kind::Released(release) => Some((release.sequence, release.manifest)),
        _ => None,
    });
    let Some((sequence, manifest)) = released else { return };
    notes.see("P16", format!("{origin}: took up release {sequence}, manifest {manifest}."));
    let roots = seen.survey.trusted.roots.as_deref();
    let branch = roots.and_then(|roots| roots.newest().agents.get(&origin.agent)).and_then(|entry| {
        let same = |one: &&super::super::Region| {
            let target = &one.standing.target;
            target.environment == entry.environment && target.region == entry.region
        };
        seen.regions.iter().find(same)?.standing.release
    });
    let Some((on_branch, digest)) = branch else { return };
    if on_branch == sequence && digest != manifest {
        notes.object(
            "P16",
            format!("{origin}: release {sequence} on the branch is {digest}, the ledger says {manifest}."),
        );
    }
    if on_branch < sequence {
        notes.object("P16", format!("{origin}: took up release {sequence}, and the branch holds release {on_branch}."));
    }
}

/// Each deployment has a number of its own, and none is smaller than the one before: a rollback is a release too.
fn in_order(verified: &Verified, notes: &mut Notes) {
    let origin = &verified.origin;
    let mut last: Option<(u64, Digest)> = None;
    for entry in &verified.entries {
        let Kind::Released(release) = &entry.kind else { continue };
        if let Some((sequence, manifest)) = last
            && (release.sequence < sequence || (release.sequence == sequence && release.manifest != manifest))
        {
            notes.object(
                "P16",
                format!(
                    "{origin}: release {} came after release {sequence}, which is not before it.",
                    release.sequence
                ),
            );
        }
        last = Some((release.sequence, release.manifest));
    }
}

/// A plan that went back begins no run before a release readmits it.
fn returns(verified: &Verified, notes: &mut Notes) {
    let origin = &verified.origin;
    let mut back = BTreeSet::new();
    for entry in &verified.entries {
        match (&entry.kind, entry.plan) {
            (Kind::RolledBack(rolled), _) => {
                back.insert(rolled.from);
                let to = rolled.to.map_or_else(|| "nothing".to_owned(), |plan| plan.short());
                let (workflow, from, why) = (&rolled.workflow, rolled.from.short(), &rolled.why);
                notes.see(
                    "P17",
                    format!("{origin}: {workflow} went back from {from} to {to} at {} ({why}).", entry.time),
                );
            }
            (Kind::Released(_), _) => back.clear(),
            (Kind::Accepted(_), Some(plan)) if back.contains(&plan) => {
                let plan = plan.short();
                notes.object("P17", format!("{origin}: the plan {plan} went back and began a run at {}.", entry.time));
            }
            _ => {}
        }
    }
}
