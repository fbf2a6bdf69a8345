//! `no-rotation`: a secret slot without a time between rotations, or with one above 400 days.

use assent_schema::code::Code;
use assent_schema::finding::Findings;
use assent_schema::spec::ROTATE_MOST;

use super::View;

/// Reports each slot without `rotate`, at the slot, and each `rotate` that is too long.
///
/// # Source
/// Promise P08.
pub(super) fn check(view: &View<'_>, findings: &mut Findings) {
    for unit in view.client_files() {
        for (connection, spec) in &unit.spec.connections {
            for (slot, spec) in &spec.slots {
                let (place, what) = match &spec.rotate {
                    None => (&spec.span, "has no `rotate`, so nobody ever has to change it".to_owned()),
                    Some(rotate) if rotate.value > ROTATE_MOST => {
                        (&rotate.span, format!("is rotated every {}, which is more than {ROTATE_MOST}", rotate.value))
                    }
                    Some(_) => continue,
                };
                let message = format!("The secret `{}` of `{}` {what}.", slot.value, connection.value);
                findings.add(Code::NoRotation, unit.span(place), message);
            }
        }
    }
}
