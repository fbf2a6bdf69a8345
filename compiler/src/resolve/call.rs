//! A step that calls an operation: its parameters, the failures that it goes on after, and what is parked.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use assent_schema::code::Code;
use assent_schema::expr::Path;
use assent_schema::flow::of_argument;
use assent_schema::id::{ConnectionId, Name, OperationRef};
use assent_schema::nearest::nearest;
use assent_schema::plan::{Action, Argument, Effect, ErrorRule, Failure, Origin, Retry, Step, Target, may_go_on};
use assent_schema::spec::{self, Spanned};
use assent_schema::time::Period;

use super::names::texts;
use super::sites::Site;
use super::workflow::Resolver;

impl Resolver<'_> {
    pub(super) fn call(&mut self, id: &Name, step: &spec::Step, call: &Call<'_>, before: &[&Step]) -> Option<Action> {
        let reference = &call.operation.value;
        let place = &call.operation.span;
        self.places.insert(Site::Operation(id.clone()), place.clone());
        if let Some(retry) = call.retry {
            self.places.insert(Site::Retry(id.clone()), retry.span.clone());
        }
        if let Some(cache) = call.cache {
            self.places.insert(Site::Cache(id.clone()), cache.span.clone());
        }
        let parsed = self.context.parsed;
        let Target::Integration(name) = self.target(&reference.connection, place)? else {
            let message =
                format!("`{}` is a connection to an AI provider; it is asked, not called.", reference.connection);
            self.report.add(Code::BadValue, place, message);
            return None;
        };
        let integration = &parsed.integrations.get(&name)?.spec;
        let Some(operation) = integration.operations.get(reference.operation.as_str()) else {
            let known = texts(integration.operations.keys().map(|name| &name.value));
            self.report.unknown_at("operation", reference.operation.as_str(), place, &known);
            return None;
        };
        self.parameters(reference, operation, call.with, place);
        self.error_codes(step, operation);
        self.needs_operation(&reference.connection, integration, &reference.operation);
        let with = self.arguments_of(id, call.with, |name| operation.params.get(name.as_str())?.format);
        if let Some(parked) = call.parked {
            self.parked(parked, &reference.connection, before, &with);
        }
        if let Some(cache) = call.cache.filter(|_| operation.effect.value != Effect::None) {
            let message = format!(
                "`{reference}` changes something outside, so its answer cannot be served again: `cache` is for reads."
            );
            self.report.add(Code::BadValue, &cache.span, message);
        }
        if let Some(cache) = call.cache.filter(|_| operation.job.is_some()) {
            let message = format!("`{reference}` answers with a job, and its answer cannot be served again.");
            self.report.add(Code::BadValue, &cache.span, message);
        }
        Some(Action::Call {
            operation: reference.clone(),
            with,
            retry: call.retry.map_or_else(|| default_retry(operation), |retry| retry.value),
            parked: call.parked.map(|parked| parked.value.clone()),
            cache: call.cache.map(|cache| cache.value),
        })
    }

    /// Every parameter given exists, and every one that must be given is.
    pub(super) fn parameters(
        &mut self,
        reference: &OperationRef,
        operation: &spec::Operation,
        with: &BTreeMap<Spanned<Name>, Spanned<spec::Argument>>,
        place: &Range<usize>,
    ) {
        let known = texts(operation.params.keys().map(|name| &name.value));
        for name in with.keys().filter(|name| !operation.params.contains_key(*name)) {
            self.report.unknown(&format!("parameter of `{reference}` called"), name, &known);
        }
        // What is only misspelled is there.
        let strange: Vec<_> = with.keys().filter(|name| !operation.params.contains_key(*name)).collect();
        let meant =
            |missing: &str| strange.iter().any(|name| nearest(name.as_str(), known.iter().copied()) == Some(missing));
        let missing = operation
            .params
            .iter()
            .filter(|(name, param)| !param.optional && !with.contains_key(*name) && !meant(name.as_str()));
        let missing: Vec<_> = missing.map(|(name, _)| format!("`{}`", name.value)).collect();
        if !missing.is_empty() {
            let missing = missing.join(", ");
            let message = format!("`{reference}` also needs {missing}.");
            self.report.add_with_help(Code::BadValue, place, message, format!("Add {missing} to `with`."));
        }
    }

    fn error_codes(&mut self, step: &spec::Step, operation: &spec::Operation) {
        if step.continue_on.is_empty() {
            return;
        }
        let of_job = |code: &Name| operation.job.is_some() && may_go_on(Origin::Job).contains(&code.as_str());
        let job = operation.job.iter().flat_map(|_| may_go_on(Origin::Job));
        // What a read ends with by itself leaves nothing open; after an effect it may be that it happened.
        let own = (operation.effect.value == Effect::None).then(|| may_go_on(Origin::Read));
        let known: Vec<_> = operation
            .errors
            .iter()
            .map(|rule| rule.code.as_str())
            .chain(job)
            .chain(own.into_iter().flatten())
            .collect();
        let tells = operation.effect.value == Effect::None || operation.confirm.is_some();
        let says_no = |code: &Name| {
            operation.errors.iter().any(|rule| rule.code == *code && may_say_no(&rule.value, &operation.not_executed))
        };
        for code in &step.continue_on {
            if !known.contains(&code.as_str()) {
                self.report.unknown("error code", code, &known);
            } else if !tells && !says_no(&code.value) {
                let message =
                    format!("After `{}` nobody knows whether it happened, so the run never goes on.", code.value);
                let help = if of_job(&code.value) {
                    "Give the operation a `confirm`: it tells whether a job that failed, or is late, has done it."
                } else {
                    "Give the operation a `confirm`, or list in `not_executed` the statuses that say that nothing was done."
                };
                self.report.add_with_help(Code::BadValue, &code.span, message, help.to_owned());
            }
        }
    }

    /// The step that `parked` names keeps a text of this connection, and that text is what is sent.
    fn parked(
        &mut self,
        parked: &Spanned<Name>,
        connection: &ConnectionId,
        before: &[&Step],
        with: &BTreeMap<Name, Argument>,
    ) {
        let kept = |step: &Step| match &step.action {
            Action::Call { operation, with, .. } if operation.connection == *connection => {
                let park = self.operations.get(operation)?.park.as_ref()?;
                Some((step.id.clone(), with.get(park.text.as_str()).map(of_argument).unwrap_or_default()))
            }
            _ => None,
        };
        let kept: Vec<_> = before.iter().copied().filter_map(kept).collect();
        let Some((_, text)) = kept.iter().find(|(id, _)| *id == parked.value) else {
            let known: Vec<_> = kept.iter().map(|(id, _)| id.as_str()).collect();
            self.report.unknown("earlier step of this connection that keeps a text, called", parked, &known);
            return;
        };
        let sent: Vec<_> = with.values().flat_map(of_argument).collect();
        // A name that leads nowhere is told by itself: perhaps what it should be is what was kept.
        let is_known = |path: &Path| {
            let root = path.root.as_str();
            ["trigger", "settings", "now"].contains(&root) || before.iter().any(|step| step.id.as_str() == root)
        };
        if sent.iter().all(|path| is_known(path) && !text.contains(path)) {
            let message = format!("`{}` keeps a text that this step does not send.", parked.value);
            let help = "Send what it keeps, or remove `parked`.".to_owned();
            self.report.add_with_help(Code::BadValue, &parked.span, message, help);
        }
    }
}

/// The parts of a `call` in the source.
pub(super) struct Call<'a> {
    pub(super) operation: &'a Spanned<OperationRef>,
    pub(super) with: &'a BTreeMap<Spanned<Name>, Spanned<spec::Argument>>,
    pub(super) retry: Option<&'a Spanned<Retry>>,
    pub(super) parked: Option<&'a Spanned<Name>>,
    pub(super) cache: Option<&'a Spanned<Period>>,
}

/// How a step without `retry` is retried.
///
/// # Source
/// language.md section 3: the operation's; else three attempts for reads and idempotent effects, one otherwise.
fn default_retry(operation: &spec::Operation) -> Retry {
    let repeatable = operation.effect.value == Effect::None || operation.idempotency.is_some();
    match &operation.retry {
        Some(retry) => retry.value,
        None if repeatable => Retry::DEFAULT,
        None => Retry::ONCE,
    }
}

/// Whether an answer that a rule is about may tell that an effect was not done.
fn may_say_no(rule: &ErrorRule, not_executed: &BTreeSet<u16>) -> bool {
    let for_good = matches!(rule.kind, Failure::Permanent | Failure::Conflict);
    let any = rule.status.is_empty() && !not_executed.is_empty();
    for_good || any || !rule.status.is_disjoint(not_executed)
}
