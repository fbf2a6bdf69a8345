//! `unapproved-data-use`: a workflow does something with client data that no one approval covers.

use std::collections::BTreeMap;
use std::sync::Arc;

use assent_schema::code::Code;
use assent_schema::finding::Findings;
use assent_schema::id::{ClientId, OperationRef, PersonId};
use assent_schema::trust::Decision;
use assent_schema::uses::{DataUse, EventUse, Party, RequestUse};

use super::View;
use crate::sentence::{is_of_catalog, sentence, starts};

/// Reports each data use without approval, at the workflow that needs it; a guardrail at the client's file.
///
/// What an approval covers that expired or does not hold is reported there. Nothing is said of a client whose approvers
/// do not hold: nobody could approve anything then.
///
/// # Source
/// language.md section 6. Promise P25.
pub(super) fn check(view: &View<'_>, findings: &mut Findings) {
    for (id, judged) in view.judged {
        let Some(client) = view.resolved.clients.get(id) else { continue };
        if view.trusted.unclear.contains(id) {
            continue;
        }
        let Some(approvals) = view.trusted.approvals.get(id) else { continue };
        // A group that the client does not have was reported where it is named.
        let is_known = |data_use: &&DataUse| match &data_use.to {
            Some(Party::Group(to)) => client.facts.deciders.contains_key(to.group.as_str()),
            _ => true,
        };
        for data_use in judged.missing.iter().filter(|missing| !approvals.told.covers(missing)).filter(is_known) {
            let otherwise = otherwise(view, id, data_use);
            let message = otherwise.unwrap_or_else(|| format!("`{id}` has not approved that {}", said(data_use)));
            let owner = data_use.workflow.as_ref().and_then(|name| client.workflows.get(name));
            let file = view.parsed.clients.get(id).and_then(|files| files.client.as_ref());
            let span = match (owner, file) {
                (Some(workflow), _) => workflow.span(),
                (None, Some(file)) => file.span(&file.spec.name.span),
                (None, None) => continue,
            };
            findings.add_with_help(Code::UnapprovedDataUse, span, message, help(view, id));
        }
    }
}

/// What to write, and who signs it.
fn help(view: &View<'_>, id: &ClientId) -> String {
    let approvers = view.trusted.statements.get(id).map(|known| known.approvers().newest());
    let people: Vec<&str> = approvers.iter().flat_map(|newest| newest.people.keys()).map(PersonId::as_str).collect();
    let who = match (approvers.map(|newest| newest.threshold), people.as_slice()) {
        (Some(threshold), [first, _, ..]) => {
            format!("{threshold} of {} each: `assent approve FILE --key {first}=KEY`", people.join(", "))
        }
        (_, [first]) => format!("{first}: `assent approve FILE --key {first}=KEY`"),
        _ => "its approvers: `assent approve FILE --key PERSON=KEY`".to_owned(),
    };
    format!(
        "Show the client `assent plan`; `assent plan --draft {id} > clients/{id}/approvals/NAME.toml` writes all that is missing, \
         then {who}."
    )
}

/// What a workflow asks for otherwise than its client approved; nothing where none of it was approved before. All that it asks
/// for is one use, and who reads of it wants to know what is new.
fn otherwise(view: &View<'_>, id: &ClientId, needed: &DataUse) -> Option<String> {
    let workflow = needed.workflow.as_ref().filter(|_| is_of_catalog(needed))?;
    let held = view.trusted.statements.get(id)?.held().values().filter_map(|held| match &held.statement.says {
        Decision::Approve(approval) => Some(&approval.uses),
        Decision::Reject(_) | Decision::Withdraw(_) => None,
    });
    let of_it = |used: &&Arc<DataUse>| used.workflow.as_ref() == Some(workflow) && is_of_catalog(used);
    let approved: Vec<&DataUse> = held.flatten().filter(of_it).map(Arc::as_ref).collect();
    let asks = needed.requests.iter().filter_map(|(name, asked)| differs(name, asked, &approved));
    let hears = needed.events.iter().filter_map(|(name, used)| comes_otherwise(name, used, &approved));
    let led = |link: &&String| !approved.iter().any(|used| used.opens.as_ref() == Some(*link));
    let leads = needed.opens.iter().filter(led).map(|link| format!("its link leads people to `{link}`"));
    let news: Vec<String> = asks.chain(hears).chain(leads).collect();
    let known = !approved.is_empty() && !news.is_empty();
    known.then(|| format!("`{id}` has not approved what `{workflow}` asks for or takes now: {}.", news.join("; ")))
}

/// How one request differs from each that was approved.
fn differs(name: &OperationRef, asked: &RequestUse, approved: &[&DataUse]) -> Option<String> {
    let given: Vec<&RequestUse> = approved.iter().filter_map(|used| used.requests.get(name)).collect();
    if given.is_empty() {
        return Some(format!("`{name}` is called, which it was not"));
    }
    let mut same = given.iter().filter(|given| given.digest == asked.digest).peekable();
    if same.peek().is_none() {
        return Some(format!("the catalog describes `{name}` otherwise than it did"));
    }
    let fewest = fewest(&asked.answers, same.map(|given| &given.answers))?;
    Some(format!("{fewest} of what `{name}` answers is read too, or the catalog says otherwise what it is"))
}

/// How one event differs from each that was approved.
fn comes_otherwise(name: &str, used: &EventUse, approved: &[&DataUse]) -> Option<String> {
    let given: Vec<&EventUse> = approved.iter().filter_map(|used| used.events.get(name)).collect();
    if given.is_empty() {
        return Some(format!("`{name}` is taken, which it was not"));
    }
    let known = |given: &&&EventUse| given.digest == used.digest && given.once == used.once;
    let mut same = given.iter().filter(known).peekable();
    if same.peek().is_none() {
        return Some(format!("the catalog says otherwise than it did how `{name}` is known"));
    }
    let mut same = same.filter(|given| given.starts_as_much(used)).peekable();
    if same.peek().is_none() {
        let begins = used.starts.as_ref().map(starts).unwrap_or_default();
        return Some(format!("more of `{name}` begins runs than did: {begins}"));
    }
    let fewest = fewest(&used.fields, same.map(|given| &given.fields))?;
    Some(format!("{fewest} of `{name}` is taken too, or the catalog says otherwise what it is"))
}

type Places = BTreeMap<String, String>;

/// The fields that are not as in one of those that were approved: in the one where they are the fewest.
fn fewest<'a>(fields: &Places, approved: impl Iterator<Item = &'a Places>) -> Option<String> {
    let more = approved.map(|given| {
        let is_new = |(field, at): &(&String, &String)| given.get(*field) != Some(*at);
        fields.iter().filter(is_new).map(|(field, _)| format!("`{field}`")).collect::<Vec<_>>()
    });
    more.min_by_key(Vec::len).filter(|fields| !fields.is_empty()).map(|fields| fields.join(", "))
}

fn said(data_use: &DataUse) -> String {
    match &data_use.workflow {
        Some(workflow) => format!("`{workflow}` {}", sentence(data_use)),
        None => format!("the agent {}", sentence(data_use)),
    }
}
