//! What `[channel]` names: an operation that asks and, of a helpdesk, an event that answers, with the parameters and fields
//! that the agent gives and reads.

use assent_schema::code::Code;
use assent_schema::id::Name;
use assent_schema::plan::{
    Dialect, Effect, HELPDESK_ANSWER, HELPDESK_POST, Param, SLACK_POST, SLACK_POSTED, SLACK_UPDATE,
};
use assent_schema::spec::{ChannelKind, ChannelSpec, Integration, Operation, Spanned, Unit};

use super::names;
use crate::resolve::names::{Report, texts};

/// Reports each name that leads nowhere, and an operation or event of another form than people are asked and answer with.
pub(super) fn check(unit: &Unit<Integration>, report: &mut Report<'_>) {
    let Some(channel) = &unit.spec.channel else { return };
    let ChannelSpec { kind, post, update, event } = &channel.value;
    let (gives, tells): (&[&str], &[&str]) = match kind {
        ChannelKind::Slack => (&SLACK_POST, &SLACK_POSTED),
        ChannelKind::Helpdesk => (&HELPDESK_POST, &[]),
    };
    if let Some(operation) = operation(unit, post, report) {
        form(unit, (post, operation), gives, tells, report);
    }
    if let Some((name, operation)) = update.as_ref().and_then(|name| Some((name, operation(unit, name, report)?))) {
        form(unit, (name, operation), &SLACK_UPDATE, &[], report);
    }
    if let Some(event) = event {
        let Some(found) = unit.spec.events.get(event.value.as_str()) else {
            let known: Vec<_> = unit.spec.events.keys().map(|event| event.value.as_str()).collect();
            report.unknown("event", event, &known);
            return;
        };
        for field in HELPDESK_ANSWER.into_iter().filter(|field| !found.fields.contains_key(*field)) {
            let message = format!("`{}` answers questions and has no field `{field}`.", event.value);
            report.add(Code::BadValue, &event.span, message);
        }
        let facts = found.fields.iter().filter(|(name, _)| name.as_str() != "text");
        if let Some((name, _)) = facts.into_iter().find(|(name, field)| {
            HELPDESK_ANSWER.contains(&name.as_str()) && !(field.class.is_fact() && field.shape.fits_reference())
        }) {
            let message = format!("`{}` of `{}` tells who answers what and is not a fact.", name.value, event.value);
            report.add(Code::BadValue, &event.span, message);
        }
    }
    let signs = unit.spec.webhook.as_ref().map(|webhook| webhook.dialect.value);
    let wrong = match (kind, signs) {
        (_, None) => "Answers come back signed: the integration has no `[webhook]`.",
        (_, Some(dialect)) if !dialect.signs_events() => {
            "Answers come back signed, and its dialect signs nothing of them."
        }
        (_, Some(Dialect::Hubspot | Dialect::Twilio)) => {
            "Its dialect signs the address of a workflow, and answers come back to another."
        }
        (ChannelKind::Slack, Some(dialect)) if dialect != Dialect::Slack => {
            "A press of a button comes back signed as Slack signs: `dialect = \"slack\"`."
        }
        (ChannelKind::Slack | ChannelKind::Helpdesk, Some(_)) => return,
    };
    report.add(Code::BadValue, &channel.span, wrong.to_owned());
}

fn operation<'u>(unit: &'u Unit<Integration>, name: &Spanned<Name>, report: &mut Report<'_>) -> Option<&'u Operation> {
    let found = unit.spec.operations.get(name.value.as_str());
    if found.is_none() {
        let known = texts(unit.spec.operations.keys().map(|name| &name.value));
        report.unknown("operation", name, &known);
    }
    found
}

/// An operation of a channel reaches staff alone, takes exactly what the agent gives, and may hold what may be shown.
fn form(
    unit: &Unit<Integration>,
    (name, operation): (&Spanned<Name>, &Operation),
    gives: &[&str],
    tells: &[&str],
    report: &mut Report<'_>,
) {
    let mut wrong = |message: String| report.add(Code::BadValue, &name.span, message);
    if operation.effect.value != Effect::Draft {
        wrong(format!("`{}` asks people and is no `draft`: only staff may see a question.", name.value));
    }
    let given = names(&operation.params);
    for param in gives.iter().filter(|param| !given.contains(param)) {
        wrong(format!("`{}` asks people and has no parameter `{param}`.", name.value));
    }
    let asks_more =
        |(param, of): &(&Spanned<Name>, &Spanned<Param>)| !of.optional && !gives.contains(&param.value.as_str());
    if let Some((param, _)) = operation.params.iter().find(asks_more) {
        wrong(format!("`{}` asks people and needs `{}`, which nobody gives it.", name.value, param.value));
    }
    let holds = operation.params.iter().filter(|(param, _)| ["text", "blocks"].contains(&param.value.as_str()));
    for (param, of) in holds.filter(|(_, of)| of.class < unit.spec.shows) {
        wrong(format!("`{}` takes at most `{}`, and `shows` says `{}`.", param.value, of.class, unit.spec.shows));
    }
    for field in tells {
        let found = operation.response.get(*field);
        if !found.is_some_and(|found| found.class.is_fact() && found.shape.fits_reference()) {
            wrong(format!("`{}` posts a message and does not answer the fact `{field}`.", name.value));
        }
    }
}
