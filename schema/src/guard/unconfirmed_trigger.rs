//! `unconfirmed-trigger`: an effect on the word of a `token` trigger alone.

use super::{Breach, Called, Judged, at, marked_target};
use crate::code::Code;
use crate::flow::{Part, of_argument};
use crate::plan::{Effect, Trigger};

/// Reports each effect that may come before a read confirmed the event, at what it calls.
///
/// A read confirms the event when it surely ran before, and one of its targets is a field of the trigger and nothing
/// else: the record that the event names is there.
///
/// # Source
/// engine.md section 2: whoever knows the token can write every field of such an event. Promise P25.
pub(super) fn check(judged: &Judged<'_>) -> Vec<Breach> {
    let Trigger::Webhook { connection, dialect, .. } = &judged.plan.trigger else { return Vec::new() };
    if dialect.signs_events() {
        return Vec::new();
    }
    let effects = judged.calls().filter(|called| called.operation.effect != Effect::None);
    let alone = effects.filter(|effect| !judged.calls().any(|read| confirms(judged, &read, effect)));
    alone
        .map(|called| {
            let said = format!(
                "`{}` acts on an event that nothing confirmed: `{connection}` sends it with the dialect `{}`.",
                called.step.id,
                dialect.as_str()
            );
            Breach::new(Code::UnconfirmedTrigger, at(called.step, Part::Operation), said)
        })
        .collect()
}

fn confirms(judged: &Judged<'_>, read: &Called<'_>, effect: &Called<'_>) -> bool {
    let asked = read.operation.params.iter().filter(|(_, param)| param.target).any(|(name, _)| {
        let Some(given) = read.with.get(name.as_str()) else { return false };
        of_argument(given).iter().any(|path| path.root.as_str() == "trigger" && marked_target::is_only(given, path))
    });
    read.operation.effect == Effect::None && asked && judged.is_surely_before(read, effect)
}
