//! `no-decider`: a decision that nobody of its group can answer where it is asked.

use assent_schema::client::ClientFacts;
use assent_schema::code::Code;
use assent_schema::finding::Findings;
use assent_schema::id::GroupId;
use assent_schema::plan::{Action, Channel, Plan, SlackAccount};

use super::View;
use crate::resolve::Site;

/// Reports each channel at which nobody of the group has an account, and each decision on money that only chats ask: above
/// `chat_up_to` none of them counts.
///
/// # Source
/// engine.md section 8. Promise P25.
pub(super) fn check(view: &View<'_>, findings: &mut Findings) {
    for (client, workflow) in view.workflows() {
        for step in workflow.plan.every_step() {
            let Action::Decide { by, via, .. } = &step.action else { continue };
            for (position, channel) in via.iter().enumerate() {
                if let Some(message) = wrong(&workflow.plan, &client.facts, by, via, channel) {
                    let span = workflow.sites.span(&Site::Via(step.id.clone(), position));
                    findings.add(Code::NoDecider, span, message);
                }
            }
        }
    }
}

fn wrong(plan: &Plan, facts: &ClientFacts, by: &GroupId, via: &[Channel], channel: &Channel) -> Option<String> {
    let connection = channel.connection()?;
    let people = facts.deciders.get(by)?.iter().filter_map(|person| facts.people.get(person));
    let mut accounts = people.filter_map(|person| person.accounts.get(connection)).peekable();
    if accounts.peek().is_none() {
        return Some(format!("Nobody of `{by}` has an account at `{connection}`."));
    }
    if matches!(channel, Channel::Slack(_)) && accounts.any(|account| SlackAccount::read(account).is_none()) {
        return Some(format!(
            "An account at `{connection}` is not written as `<workspace>/<user>`, like `T0AB12CD3/U0EF45GH6`."
        ));
    }
    let alone = !via.iter().any(Channel::is_own);
    (alone && plan.moves_money()).then(|| {
        format!("Money moves, and `{connection}` counts up to `chat_up_to` alone: above it nobody could say yes.")
    })
}
