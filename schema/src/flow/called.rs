//! What a `call` and an `ask` are given, what they tell of it, and what is known of their answers.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::argument::{argument, for_param, inner};
use super::error::{Part, PlanErrorKind};
use super::label::{Followed, follow};
use super::nested::RECORD_BITS;
use super::reads::{draws_on_trigger, of_argument};
use super::results::{self, ASK_ENDS};
use super::walk::Walk;
use super::{Flow, StepFlow, bits_of, outcomes};
use crate::class::{Label, Marks};
use crate::expr::{ExprError, ExprErrorKind, Known, Path, Program, Type, check};
use crate::id::{Name, OperationRef};
use crate::plan::{Action, Argument, Belongs, Effect, Expression, Operation, Param, Step, Trigger, unanswered_codes};
use crate::shape::Field;

/// How much longer a text can be inside of a request: `\u0000` for one byte.
const GROWS_MOST: u64 = 6;
/// The largest request that agents build, less what they put around it. A larger one is not sent, which everybody sees.
const REQUEST_MOST_BYTES: u64 = 1024 * 1024 - 64 * 1024;

impl Walk<'_> {
    /// Whether a step asks an operation with content, beyond which record it is about; what effect its answer tells of.
    pub(super) fn asked_with_content(&self, step: &Step, flow: &StepFlow) -> Option<Effect> {
        let Action::Call { operation, .. } = &step.action else { return None };
        let operation = self.plan().operations.get(operation)?;
        let asks = |(name, given): (&Name, &Flow)| {
            // A text may hold anything, whatever it is said to name.
            let is_target = |param: &Param| param.target && param.shape.fits_reference();
            let is_target = operation.params.get(name.as_str()).is_some_and(is_target);
            // What is only compared chooses no record.
            !is_target && !operation.only_compares(name) && !given.label.class.is_fact()
        };
        // What is found by content is like what is read with it.
        let effect = if operation.finds { Effect::None } else { operation.effect };
        flow.with.iter().any(asks).then_some(effect)
    }

    pub(super) fn call(
        &mut self,
        step: &Step,
        reference: &OperationRef,
        with: &BTreeMap<Name, Argument>,
        (attempts, cached): (u32, bool),
        flow: &mut StepFlow,
    ) -> Known {
        let Some(operation) = self.plan().operations.get(reference) else {
            self.error(Part::Operation, PlanErrorKind::UnknownOperation(reference.clone()));
            return Known::new(Type::Record(BTreeMap::new().into()), Label::CONSTANT);
        };
        for (name, param) in &operation.params {
            let part = Part::With(name.clone());
            let Some(given) = with.get(name.as_str()) else {
                if !param.optional {
                    self.error(part, PlanErrorKind::MissingParam(name.clone()));
                }
                continue;
            };
            let checked = for_param(given, param, &self.env, &self.edited());
            if let Some(checked) = self.take(part.clone(), checked) {
                self.released(&part, &format!("{}.{name}", step.id), &checked.followed);
                flow.inner.extend(
                    inner(given, param, &self.env, &self.edited()).into_iter().map(|inner| (name.clone(), inner)),
                );
                flow.with.insert(name.clone(), checked.followed.flow);
            }
        }
        for name in with.keys().filter(|name| !operation.params.contains_key(name.as_str())) {
            self.error(Part::With(name.clone()), PlanErrorKind::UnknownParam(name.clone()));
        }
        if flow.with.values().any(|flow| !flow.label.class.is_fact()) {
            let ways = outcomes::outcomes(operation, attempts, cached);
            self.release(&Part::Operation, format!("{}: how {reference} ended {ways}", step.id), bits_of(ways));
        }
        if let Some(record) = Self::found_by_content(operation, flow) {
            self.release(&Part::Operation, format!("{}: which {record} {reference} found", step.id), RECORD_BITS);
        }
        // A read that was given facts alone still tells whether content of the record is what it was compared with.
        let compares = |belongs: &Belongs| {
            let field = operation.response.get(belongs.field.as_str());
            flow.with.contains_key(belongs.param.as_str()) && field.is_some_and(|field| !field.class.is_fact())
        };
        if flow.with.values().all(|flow| flow.label.class.is_fact()) && operation.belongs.as_ref().is_some_and(compares)
        {
            self.release(&Part::Operation, format!("{}: whether the record is that party's", step.id), 1);
        }
        let chosen = with
            .iter()
            .filter_map(|(name, given)| Some((name.clone(), self.who_chose(given, flow.with.get(name.as_str())?))));
        let signed = !matches!(&self.plan().trigger, Trigger::Webhook { dialect, .. } if !dialect.signs_events());
        let whole = |flow: &Flow| if signed { flow.label.marks } else { flow.any_marks() };
        let named = with.keys().filter_map(|name| Some((name.clone(), whole(flow.with.get(name.as_str())?))));
        let party = operation.belongs.as_ref().and_then(|belongs| with.get(belongs.param.as_str()));
        let own_party = party.is_some_and(|party| draws_on_trigger(self.plan(), party));
        let by = results::Given { chosen: chosen.collect(), named: named.collect(), own_party };
        results::call(operation, &reference.connection, &by)
    }

    /// The record of an operation of which content says which one it is, where facts are answered of it.
    fn found_by_content<'o>(operation: &'o Operation, flow: &StepFlow) -> Option<&'o Name> {
        let chooses = |(name, given): (&Name, &Flow)| {
            let target = operation.params.get(name.as_str()).is_some_and(|param| param.target);
            target && !operation.only_compares(name) && !given.label.class.is_fact()
        };
        let tells = operation.response.values().any(Field::holds_fact);
        (tells && flow.with.iter().any(chooses)).then_some(&operation.record)
    }

    /// Who may have chosen what an operation is asked with. A read confirms what an event of a `token` trigger names, so
    /// only what the catalog says of the event's field counts then. That somebody named it all the same counts for money.
    fn who_chose(&self, given: &Argument, flow: &Flow) -> Marks {
        let fields = match &self.plan().trigger {
            Trigger::Webhook { dialect, fields, .. } if !dialect.signs_events() => fields,
            _ => return flow.label.marks,
        };
        let marks = |path: Path| match path.fields.first().filter(|_| path.root.as_str() == "trigger") {
            Some(field) => fields.get(field.as_str()).map_or(Marks::OUTSIDE, |field| field.label().marks),
            None => self.env.find(&path).map_or(Marks::NONE, |known| known.whole_label().marks),
        };
        of_argument(given).into_iter().map(marks).fold(Marks::NONE, Marks::join)
    }

    pub(super) fn asked(
        &mut self,
        step: &Step,
        answer: &BTreeMap<Name, crate::plan::Answer>,
        tries: u32,
        given: &Flow,
    ) {
        if given.label.class.is_fact() {
            return;
        }
        let ended = match tries {
            0 | 1 => format!("{}: how it ended", step.id),
            tries => format!("{}: how it ended in {tries} tries", step.id),
        };
        self.release(&Part::Operation, ended, bits_of(ask_ends(tries)));
        let failed = format!("{}: by which failure it was not answered", step.id);
        let times = if step.continue_on.is_empty() { self.fails } else { self.times };
        self.release_times(&Part::Operation, failed, failure_bits(tries), times);
        if self.given_at_most(step).saturating_mul(GROWS_MOST) > REQUEST_MOST_BYTES {
            self.release(&Part::Operation, format!("{}: that it was too large to ask", step.id), 1);
        }
        for (name, answer) in answer {
            if let crate::plan::Answer::OneOf(values) = answer {
                let what = format!("{}.{name}: one_of {} ({})", step.id, values.len(), values.join(", "));
                self.release(&Part::Operation, what, bits_of(values.len()));
            }
        }
    }

    /// The bytes that an `ask` can be given of content; as many as there are where that is not known.
    fn given_at_most(&self, step: &Step) -> u64 {
        let Action::Ask { with, sources, .. } = &step.action else { return 0 };
        let edited = self.edited();
        let bytes = |followed: &Followed| match &followed.bulk {
            Some(bulk) => bulk.total(),
            None if followed.flow.label.class.is_fact() => 0,
            None => u64::MAX,
        };
        let given = with.values().filter_map(|given| argument(given, &self.env, &edited, None).ok());
        let listed = sources.iter().filter_map(|sources| Program::parse(&sources.0).ok());
        let listed = listed.map(|program| bytes(&follow(&program, &self.env, &edited)));
        given.map(|checked| bytes(&checked.followed)).chain(listed).fold(0, u64::saturating_add)
    }

    /// Sources are a list of records with `id` and `text`. One that turns out to have no text is none.
    pub(super) fn sources(&mut self, step: &Step, sources: &Expression) -> Option<Flow> {
        let program = self.take(Part::Sources, Program::parse(&sources.0))?;
        let found = self.take(Part::Sources, check(&program, &self.env))?;
        let item = match &found {
            Type::List(of) => Some(of),
            _ => None,
        };
        let field =
            |name: &str, wanted: &Type| item.and_then(|of| of.get(name)).filter(|known| known.kind.fits(wanted));
        let named = field("id", &Type::Token).is_some_and(|id| !id.optional);
        if !(named && field("text", &Type::Text).is_some()) {
            let wanted = "a list of records with `id`, a token that is always there, and `text`".to_owned();
            let kind = ExprErrorKind::Mismatch { wanted, found: found.to_string() };
            self.error(Part::Sources, PlanErrorKind::Expression(ExprError { span: program.root.span.clone(), kind }));
            return None;
        }
        let followed = follow(&program, &self.env, &self.edited());
        self.released(&Part::Sources, &format!("{}.sources", step.id), &followed);
        Some(followed.flow)
    }
}

/// In how many ways an `ask` can end that is tried so often and not failed by its provider, each try being told: an answer of no
/// use, one that is cut and a failure that may pass are followed by another try, and what is answered or refused is the last.
fn ask_ends(tries: u32) -> usize {
    const USELESS: usize = 2;
    let said = |is_last: bool| if is_last { ASK_ENDS.len() } else { ASK_ENDS.len() - USELESS };
    each_try(tries, USELESS + 1, said)
}

/// How many bits tell by which failure an `ask` was not answered, and at which try, beside those that tell how it ended: by one of
/// the codes of failures; or no money or no time was left for another try.
///
/// Where a failure ends the run, it is told once, however many items came before: with `ends` ways of each of `n` items, all ways
/// are `ends^n + failures * (ends^(n-1) + … + 1)`, which is less than `ends^n * (1 + failures / (ends - 1))`.
fn failure_bits(tries: u32) -> u32 {
    const FOLLOWED: usize = 3;
    const BEFORE: usize = 2;
    /// The table of codes is always the same.
    static CODES: LazyLock<usize> = LazyLock::new(|| unanswered_codes().len());
    let failures = each_try(tries, FOLLOWED, |_| *CODES + BEFORE);
    let more = failures.div_ceil(ask_ends(tries).saturating_sub(1));
    bits_of(more.saturating_add(1))
}

/// In how many ways tries can go of which each ended in one of some ways, or in one of others after which another try follows.
fn each_try(tries: u32, followed: usize, ends: impl Fn(bool) -> usize) -> usize {
    let tries = tries.max(1);
    let (mut before, mut ways) = (1_usize, 0_usize);
    for nth in 1..=tries {
        ways = ways.saturating_add(before.saturating_mul(ends(nth == tries)));
        before = before.saturating_mul(followed);
    }
    ways
}

#[cfg(test)]
mod tests {
    use super::{ask_ends, failure_bits};
    use crate::flow::bits_of;
    use crate::plan::unanswered_codes;

    #[test]
    fn each_try_of_an_ask_tells_how_it_ended() {
        assert_eq!([0, 1, 2, 3].map(ask_ends), [4, 4, 2 + 3 * 4, 2 + 3 * 2 + 9 * 4]);
        // Nine codes of statuses, eight of the network, two of providers' own.
        assert_eq!(unanswered_codes().len(), 9 + 8 + 2);
        assert_eq!([0, 1, 2, 3, 10].map(failure_bits), [3; 5]);
    }

    /// What is listed is enough, whether failures end the run or not.
    #[test]
    fn a_failure_is_told_with_the_bits_that_are_listed() {
        for tries in 1..=10_u32 {
            let (ends, failures) = (ask_ends(tries) as u128, 21 * (3_u128.pow(tries) - 1) / 2);
            let listed = u64::from(bits_of(ask_ends(tries)));
            let mut ways = 1_u128;
            for items in 1..=2_u64 {
                // After each item the run goes on, or a failure of the next one ends it.
                ways = if items == 1 { ends + failures } else { ends * ways + failures };
                assert!(ways <= 1 << (listed * items + u64::from(failure_bits(tries))), "{tries} tries, {items} items");
            }
            assert!(ends + failures <= 1 << (listed + u64::from(failure_bits(tries))), "{tries} tries");
        }
    }
}
