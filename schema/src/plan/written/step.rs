//! Steps: what each may ask for, and whom.

use super::super::bounds;
use super::super::{
    Action, Answer, Argument, AskLimit, Channel, Each, Effect, Operation, Plan, Retry, Step, Target, Until,
};
use super::{Unwritten, event, must, shape, within};
use crate::id::OperationRef;
use crate::shape::{is_decimal, is_listed};
use crate::time::Period;

/// Every step of a plan.
pub(super) fn all(plan: &Plan) -> Result<(), Unwritten> {
    let count = plan.every_step().count();
    must((1..=bounds::STEPS_MOST).contains(&count), || format!("it has {count} steps"))?;
    plan.steps.iter().try_for_each(|step| one(plan, step, true))
}

fn one(plan: &Plan, step: &Step, may_walk: bool) -> Result<(), Unwritten> {
    let part = |what: &str| format!("`{}`: {what}", step.id);
    match &step.action {
        Action::Call { operation, with, retry, parked: _, cache } => {
            let called = plan.operations.get(operation);
            let called = called.ok_or_else(|| Unwritten(part("an operation that is not there")))?;
            arguments(with.values(), &|| part("a hole of its text"))?;
            attempts(retry, &|| part("its `retry`"))?;
            kept(called, cache.as_ref(), &|| part("its `cache`"))
        }
        Action::Ask { connection, prompt: _, with, sources, answer, limit } => {
            must(matches!(plan.connections.get(connection), Some(Target::Provider(_))), || {
                part("it asks a provider that the plan does not name")
            })?;
            arguments(with.values(), &|| part("a hole of its text"))?;
            must(!answer.is_empty() && !answer.contains_key("ended"), || part("its answer is none"))?;
            must(sources.is_some() || !answer.values().any(|one| matches!(one, Answer::Citations { .. })), || {
                part("it cites and is given nothing")
            })?;
            answer.iter().try_for_each(|(name, one)| answered(one, &|| part(&format!("`{name}`"))))?;
            may_use(limit, &|| part("its `limit`"))
        }
        Action::Decide { by: _, show: _, edit: _, within: time, via } => {
            within(&bounds::DECIDE, time, || part("its `within`"))?;
            must(!via.is_empty(), || part("it asks nobody"))?;
            must(via.iter().all(|channel| can_ask(plan, channel)), || part("it asks through a chat that is not there"))
        }
        Action::Set { values } => arguments(values.values(), &|| part("a hole of its text")),
        Action::Each(each) => {
            must(may_walk, || part("an `each` inside an `each`"))?;
            walk(plan, each, &part)
        }
        Action::Wait { until } => match until {
            Until::For(time) | Until::Business(time) => within(&bounds::WAIT, time, || part("its time")),
            Until::At(_) => Ok(()),
            Until::Event(awaited) => {
                within(&bounds::WAIT, &awaited.within, || part("its `within`"))?;
                must(awaited.on.fields.contains_key(&awaited.key), || part("it waits for an event without its key"))?;
                event(plan, &awaited.on)
            }
        },
        Action::Stop { .. } => Ok(()),
    }
}

fn walk(plan: &Plan, each: &Each, part: &dyn Fn(&str) -> String) -> Result<(), Unwritten> {
    within(&bounds::ITEMS, &each.max, || part("its `max`"))?;
    within(&bounds::ITEMS_AT_ONCE, &each.parallel, || part("its `parallel`"))?;
    must(!each.steps.is_empty(), || part("it walks a list and does nothing"))?;
    each.steps.iter().try_for_each(|inner| one(plan, inner, false))
}

/// Attempts that follow one another; too many, or the wrong way round, are `bad-retry`.
pub(super) fn attempts(retry: &Retry, what: &dyn Fn() -> String) -> Result<(), Unwritten> {
    must(retry.attempts > 0, || format!("{} makes no attempt", what()))?;
    [retry.first, retry.most]
        .iter()
        .try_for_each(|delay| within(&bounds::DELAY, delay, || format!("the delay of {}", what())))
}

fn kept(called: &Operation, cache: Option<&Period>, what: &dyn Fn() -> String) -> Result<(), Unwritten> {
    let Some(time) = cache else { return Ok(()) };
    within(&bounds::CACHE, time, what)?;
    must(called.effect == Effect::None, || format!("{} is of an effect", what()))
}

fn answered(answer: &Answer, what: &dyn Fn() -> String) -> Result<(), Unwritten> {
    match answer {
        Answer::OneOf(values) => shape::constants(values, &bounds::CHOICES, what),
        Answer::Number { least, most } => {
            let number = |text: &str| text.parse::<f64>().ok().filter(|_| is_decimal(text));
            must(number(least) < number(most) && number(least).is_some(), || format!("{} lies between nothing", what()))
        }
        Answer::Boolean {} => Ok(()),
        Answer::Text { most_bytes } => within(&bounds::ANSWER_BYTES, most_bytes, || format!("the size of {}", what())),
        Answer::Citations { most } => within(&bounds::CITATIONS, most, || format!("how much {} cites", what())),
    }
}

fn may_use(limit: &AskLimit, what: &dyn Fn() -> String) -> Result<(), Unwritten> {
    within(&bounds::TOKENS, &limit.tokens, || format!("`tokens` of {}", what()))?;
    within(&bounds::TRIES, &limit.tries, || format!("`tries` of {}", what()))?;
    let Some(spend) = &limit.spend else { return Ok(()) };
    within(&bounds::SPEND, &spend.most, || format!("`spend` of {}", what()))?;
    must(is_listed(&spend.currency), || format!("`spend` of {} is in a currency that is none", what()))
}

/// A chat through which the plan says how to ask.
fn can_ask(plan: &Plan, channel: &Channel) -> bool {
    let Some(connection) = channel.connection() else { return true };
    plan.chats.get(connection).is_some_and(|chat| {
        let post = OperationRef { connection: connection.clone(), operation: chat.post().clone() };
        chat.is_of(channel) && plan.operations.contains_key(&post)
    })
}

fn arguments<'a>(given: impl IntoIterator<Item = &'a Argument>, what: &dyn Fn() -> String) -> Result<(), Unwritten> {
    given.into_iter().try_for_each(|argument| match argument {
        Argument::Boolean(_) | Argument::Integer(_) | Argument::Template(_) => Ok(()),
        Argument::List(items) => arguments(items, what),
        Argument::Text(in_locale) => {
            let text = &in_locale.text;
            must(text.locales.contains_key(&text.default), || format!("{} has no default locale", what()))?;
            text.holes.values().try_for_each(|hole| shape::shape(&hole.shape, what))
        }
        Argument::Record(members) => arguments(members.values(), what),
    })
}
