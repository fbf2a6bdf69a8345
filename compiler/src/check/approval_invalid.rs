//! `approval-invalid` of an approval that holds as a file, and which too few of today's approvers signed.
//!
//! Files that do not hold are found where signed files are verified, in `trust.rs`.

use std::collections::BTreeMap;
use std::sync::Arc;

use assent_schema::canon::Digest;
use assent_schema::code::Code;
use assent_schema::counted::counted;
use assent_schema::finding::{Findings, Span};
use assent_schema::id::{ClientId, PersonId};
use assent_schema::trust::{Decision, Held, KnownStatements};

use super::{Needs, View};
use crate::parse::{anchor, value_place};
use crate::source::{File, Place};

/// Reports each such approval that would cover a data use that now nothing covers, at its file, once, with what rests on it.
///
/// One whose uses are all approved anew is history: whoever signed it may have left, and what was signed stays.
///
/// # Source
/// trust.md section 3. Promise P25.
pub(super) fn check(view: &View<'_>, needs: &Needs, findings: &mut Findings) {
    for (id, approvals) in &view.trusted.approvals {
        let Some(known) = view.trusted.statements.get(id) else { continue };
        for digest in &approvals.below {
            let Some((owners, (path, file))) = needs.lapsed.get(digest).zip(file_of(view, id, digest)) else {
                continue;
            };
            let Some(held) = known.held().get(digest) else { continue };
            let signed = signed(known, held);
            let message = format!("This approval of `{id}` is signed by {signed}, and {} on it.", resting(owners));
            let help =
                format!("Have that approved again: `assent plan --draft {id}` writes what to sign. This file stays.");
            let place = value_place(file.text(), &["serial"]).unwrap_or_else(|| anchor(file.text()));
            findings.add_with_help(Code::ApprovalInvalid, Span::new(path, place), message, help);
        }
    }
}

/// Reports each approval that has the serial of another one and other content: which of the two is meant, a serial should tell.
///
/// # Source
/// trust.md section 3.
pub(super) fn check_serials(view: &View<'_>, findings: &mut Findings) {
    for (id, known) in &view.trusted.statements {
        let held = known.held().iter().filter(|(_, held)| matches!(held.statement.says, Decision::Approve(_)));
        let mut approvals: Vec<_> =
            held.filter_map(|(digest, held)| Some((file_of(view, id, digest)?, held.statement.serial))).collect();
        approvals.sort_by_key(|((path, _), _)| *path);
        let mut seen: BTreeMap<u64, &Arc<str>> = BTreeMap::new();
        for ((path, file), serial) in approvals {
            let Some(beside) = seen.insert(serial, path) else { continue };
            let message =
                format!("`{beside}` is an approval of `{id}` with the serial {serial}, too, and says something else.");
            let help = format!(
                "Both count. Draft what is meant with the next serial (`assent plan --draft {id}`), have that signed, and take \
                 these two out."
            );
            let place = value_place(file.text(), &["serial"]).unwrap_or_else(|| anchor(file.text()));
            findings.add_with_help(Code::ApprovalInvalid, Span::new(path, place), message, help);
        }
    }
}

/// Whose signatures count, whose count no longer, and who could sign.
fn signed(known: &KnownStatements, held: &Held) -> String {
    let today = known.approvers().newest();
    let names = |people: Vec<&PersonId>| people.into_iter().map(PersonId::as_str).collect::<Vec<_>>().join(", ");
    let within = |people: String| if people.is_empty() { people } else { format!(" ({people})") };
    let others = today.people.keys().filter(|person| !held.signers.contains(*person)).collect();
    let gone: Vec<_> = held.signed.signatures.keys().filter(|person| !held.signers.contains(*person)).collect();
    let gone = if gone.is_empty() { String::new() } else { format!("; {} counts no longer", names(gone)) };
    format!(
        "{} of the {} needed{}; the others are {}{gone}",
        held.signers.len(),
        counted(today.threshold, "person"),
        within(names(held.signers.iter().collect())),
        names(others),
    )
}

fn resting(owners: &BTreeMap<String, usize>) -> String {
    let named = owners.iter().map(|(owner, uses)| match owner.as_str() {
        "" => format!("{uses} of the client itself"),
        owner => format!("{uses} of `{owner}`"),
    });
    let (named, sum): (Vec<_>, usize) = (named.collect(), owners.values().sum());
    let (uses, rest) = if sum == 1 { ("data use", "rests") } else { ("data uses", "rest") };
    format!("{sum} {uses} {rest} ({})", named.join(", "))
}

/// The approval of a client that has a digest.
pub(super) fn file_of<'v>(view: &View<'v>, id: &ClientId, digest: &Digest) -> Option<(&'v Arc<str>, &'v File)> {
    let mut files = view.parsed.source.files.iter();
    files.find(|(_, file)| {
        matches!(&file.place, Place::Approval(client) if client == id) && Digest::of_file(&file.bytes) == *digest
    })
}
