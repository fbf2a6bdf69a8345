//! `unapproved-data-use`: a workflow does something with client data that no one approval covers.

mod place;
mod said;

use assent_schema::code::Code;
use assent_schema::finding::{Finding, Findings, Span};
use assent_schema::flow;
use assent_schema::id::{ClientId, PersonId, WorkflowId};
use assent_schema::trust::{Approved, Cancelled, Decision};
use assent_schema::uses::{DataUse, Party};

use super::{Judged, View, trust};
use crate::near::nearest;
use crate::resolve::Client;
use crate::sentence::Length;
use place::Placed;
use said::Said;

/// Reports each data use without approval, at what asks for it; a guardrail in the client's file. Where one was approved that
/// is near, the difference alone is told.
///
/// What an approval covers that expired or does not hold is reported there. Nothing is said of a client whose approvers
/// do not hold: nobody could approve anything then.
///
/// # Source
/// language.md section 6. Promise P25.
pub(super) fn check(view: &View<'_>, findings: &mut Findings) {
    for (id, judged) in view.judged {
        let Some(client) = view.resolved.clients.get(id) else { continue };
        if !view.trusted.unclear.contains(id) {
            let mut missing = missing(view, id, client, judged);
            missing.sort_by(|a, b| a.workflow.cmp(&b.workflow));
            for these in missing.chunk_by(|a, b| a.workflow == b.workflow) {
                of_workflow(view, client, judged, these, findings);
            }
        }
    }
}

/// The uses that nothing covers, and of which nothing was said elsewhere.
fn missing<'a>(view: &View<'_>, id: &ClientId, client: &Client, judged: &'a Judged) -> Vec<&'a DataUse> {
    let Some(approvals) = view.trusted.approvals.get(id) else { return Vec::new() };
    // A group or person that the client does not have was reported where it is named.
    let is_known = |data_use: &&DataUse| match &data_use.to {
        Some(Party::Group(to)) => {
            let mut people = data_use.deciders.keys();
            client.facts.deciders.contains_key(to.group.as_str())
                && people.all(|person| client.facts.people.contains_key(person))
        }
        _ => true,
    };
    judged.missing.iter().filter(|missing| !approvals.told.covers(missing)).filter(is_known).collect()
}

/// Reports the uses of one workflow, or those of the client itself.
fn of_workflow(view: &View<'_>, client: &Client, judged: &Judged, missing: &[&DataUse], findings: &mut Findings) {
    let Some(first) = missing.first() else { return };
    let id = &client.facts.client;
    let standing = standing(view, id, first.workflow.as_ref());
    let owner = first.workflow.as_ref().and_then(|name| client.workflows.get(name));
    let plan = first.workflow.as_ref().and_then(|name| judged.lowered(name)).map(|lowered| &*lowered.plan);
    let flows = plan.and_then(|plan| flow::analyse(plan).ok());
    let file = view.parsed.clients.get(id).and_then(|files| files.client.as_deref());
    let placed = Placed { facts: &client.facts, owner, plan, flows: flows.as_ref(), file };
    let mut told: Vec<Told<'_>> = Vec::new();
    for data_use in missing {
        let near = nearest(data_use, &standing);
        let Some(span) = placed.span(data_use, near.map(|near| &*near.used)) else { continue };
        let [whole, brief] =
            [Length::Whole, Length::Brief].map(|length| said::say(id, view, data_use, (near, &standing), length));
        // What differs in the same way at the same place is one mistake.
        let same = told.iter_mut().find(|known| known.span == span && known.whole.is_same(&whole));
        match same {
            Some(known) => known.uses.push(data_use),
            None => told.push(Told { span, whole, brief, uses: vec![data_use] }),
        }
    }
    for Told { span, whole, brief, uses } in told {
        let ended = uses.first().and_then(|used| ended(view, id, used, standing.is_empty()));
        let said = |words: String| ended.as_ref().map_or_else(|| words.clone(), |ended| format!("{words} {ended}"));
        let message = said(whole.message(id, &uses, Length::Whole));
        let brief = said(brief.message(id, &uses, Length::Brief));
        let brief = (brief != message).then_some(brief);
        let help = help(view, id, !standing.is_empty() || ended.is_some()).into();
        findings.push(Finding { span, code: Code::UnapprovedDataUse, message, help, path: Vec::new(), brief });
    }
}

/// Uses of which the same is said.
struct Told<'a> {
    span: Span,
    whole: Said,
    brief: Said,
    uses: Vec<&'a DataUse>,
}

/// What the client approved of a workflow, or of itself, and what holds now.
fn standing(view: &View<'_>, id: &ClientId, workflow: Option<&WorkflowId>) -> Vec<Approved> {
    let Some(known) = view.trusted.statements.get(id) else { return Vec::new() };
    known.approved_of(workflow, view.at.among(trust::times(known)))
}

/// By what the client ended a use, as a sentence: whoever asks again should know. Of a workflow, or all, only where nothing of it is
/// approved since.
fn ended(view: &View<'_>, id: &ClientId, used: &DataUse, nothing_since: bool) -> Option<String> {
    let known = view.trusted.statements.get(id)?;
    let digest = used.digest().ok()?;
    let of = |named: &Cancelled| match named {
        Cancelled::Digest(named) => (*named == digest).then(|| "this".to_owned()),
        Cancelled::Workflow(named) => (nothing_since && used.workflow.as_ref() == Some(named))
            .then(|| format!("all that is done with its data by `{named}`")),
        Cancelled::All => nothing_since.then(|| "all that is done with its data".to_owned()),
        Cancelled::Reset(_) => None,
    };
    let all = known.held().iter().filter_map(|(digest, held)| {
        Some((held.statement.serial, digest, held, held.statement.cancels().iter().find_map(of)?))
    });
    let (_, digest, held, what) = all.max_by_key(|(serial, ..)| *serial)?;
    let verb = if matches!(held.statement.says, Decision::Reject(_)) { "rejected" } else { "withdrew" };
    let named = view.trusted.approvals.get(id).and_then(|approvals| approvals.files.get(digest));
    let file = named.map(|file| format!(" ({file})")).unwrap_or_default();
    Some(format!("`{id}` {verb} {what} at {}{file}.", held.statement.given))
}

/// What to write, and who signs it. Of what was approved before, most that is not is a slip.
fn help(view: &View<'_>, id: &ClientId, approved_before: bool) -> String {
    let approvers = view.trusted.statements.get(id).map(|known| known.approvers().newest());
    let people: Vec<&str> = approvers.iter().flat_map(|newest| newest.people.keys()).map(PersonId::as_str).collect();
    let who = match (approvers.map(|newest| newest.threshold), people.as_slice()) {
        (Some(threshold), [first, _, ..]) => {
            format!("{threshold} of {} each: `assent approve FILE --key {first}=KEY`", people.join(", "))
        }
        (_, [first]) => format!("{first}: `assent approve FILE --key {first}=KEY`"),
        _ => "its approvers: `assent approve FILE --key PERSON=KEY`".to_owned(),
    };
    let begins = if approved_before { "Take the change back, or, if it is meant, show" } else { "Show" };
    format!(
        "{begins} the client `assent plan`; `assent plan --draft {id} > clients/{id}/approvals/NAME.toml` writes all that is \
         missing, then {who}."
    )
}
