//! Questions that nobody asks any more: who decided what and when, for those whose question it was.

use assent_schema::canon::Digest;
use assent_schema::client::ClientFacts;
use assent_schema::id::PersonId;

use crate::people::wire::NoLonger;
use crate::run::{Answered, acceptance, answered, asked_by};
use crate::store::{RunId, Store, StoreError, Waiting, run_name};

/// The questions of a run that were a person's to answer and are asked no more, as what was asked and what became of it.
///
/// # Errors
/// [`StoreError`].
pub fn of_run<S: Store>(
    store: &S,
    (facts, person): (&ClientFacts, &PersonId),
    run: RunId,
) -> Result<Vec<(Waiting, NoLonger)>, StoreError> {
    let journal = store.journal(run)?;
    if acceptance(&journal).is_none_or(|accepted| accepted.client != facts.client) {
        return Ok(Vec::new());
    }
    let name = run_name(store, run)?;
    let theirs = |one: &Answered| facts.deciders.get(&one.waiting.by).is_some_and(|group| group.contains(person));
    let told = answered(&journal).into_iter().filter(theirs).map(|Answered { waiting, end, by, at }| {
        let (workflow, step, item) = (waiting.workflow.clone(), waiting.step.clone(), waiting.item.clone());
        let no_longer = NoLonger { run, name: name.clone(), workflow, step, item, end, by, at: at.moment() };
        (waiting, no_longer)
    });
    Ok(told.collect())
}

/// The same of one question, by its nonce.
///
/// # Errors
/// [`StoreError`].
pub fn of_question<S: Store>(
    store: &S,
    of: (&ClientFacts, &PersonId),
    nonce: &Digest,
) -> Result<Option<(Waiting, NoLonger)>, StoreError> {
    let Some(run) = asked_by(store, nonce)? else { return Ok(None) };
    Ok(of_run(store, of, run)?.into_iter().find(|(waiting, _)| waiting.nonce == *nonce))
}
