//! `unknown-name` of a rejection or withdrawal: what names no use of the client's data ends nothing, and whoever signed it
//! believes that it does.

use std::collections::BTreeSet;
use std::sync::Arc;

use assent_schema::canon::Digest;
use assent_schema::code::Code;
use assent_schema::finding::{Findings, Span, there_are};
use assent_schema::nearest::nearest;
use assent_schema::trust::{Cancelled, Decision, Held, KnownStatements, Statement};
use assent_schema::uses::DataUse;

use super::approval_invalid::file_of;
use super::{Needs, View};
use crate::parse::{anchor, item_place};
use crate::source::Place;

/// What rejections and withdrawals of one client may name.
#[derive(Clone, Debug, Default)]
pub struct Nameable {
    workflows: BTreeSet<String>,
    uses: BTreeSet<String>,
}

/// A name that leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lacking {
    /// The workflow or data use that there is not: `` workflow `refnud` ``.
    pub what: String,
    /// The one that was meant, if it is nearly one.
    pub near: Option<String>,
    /// Which there are, as a sentence; nothing where there are none, and of uses their number.
    pub others: Option<String>,
}

impl Lacking {
    /// What may have been meant.
    pub fn advice(&self) -> String {
        let meant = self.near.as_ref().map(|near| format!("Did you mean `{near}`?"));
        meant.or_else(|| self.others.clone()).unwrap_or_else(|| "There is none.".to_owned())
    }
}

impl Nameable {
    /// What an approval approves may be named, whether it holds or not.
    pub fn take(&mut self, statement: &Statement) {
        if let Decision::Approve(approval) = &statement.says {
            approval.uses.iter().for_each(|used| self.take_use(used));
        }
    }

    /// So may a use that a workflow needs.
    pub fn take_use(&mut self, used: &DataUse) {
        self.uses.extend(used.digest().ok().map(|digest| digest.to_string()));
        self.workflows.extend(used.workflow.as_ref().map(ToString::to_string));
    }

    /// So may a workflow.
    pub fn take_workflow(&mut self, name: &str) {
        self.workflows.insert(name.to_owned());
    }

    /// What is named and is not there.
    pub fn lacks(&self, named: &Cancelled) -> Option<Lacking> {
        let lacking = |what: &str, name: &str, known: &BTreeSet<String>| Lacking {
            what: format!("{what} `{name}`"),
            near: nearest(name, known.iter().map(String::as_str)).map(str::to_owned),
            others: None,
        };
        match named {
            Cancelled::Workflow(name) if !self.workflows.contains(name.as_str()) => {
                let others = there_are(self.workflows.iter().map(String::as_str));
                Some(Lacking { others, ..lacking("workflow", name.as_str(), &self.workflows) })
            }
            Cancelled::Digest(digest) if !self.uses.contains(&digest.to_string()) => {
                let count = self.uses.len();
                let others =
                    (count > 0).then(|| format!("There are {count} others; name their workflow, or all of them."));
                Some(Lacking { others, ..lacking("data use", &digest.to_string(), &self.uses) })
            }
            Cancelled::Workflow(_) | Cancelled::Digest(_) | Cancelled::All | Cancelled::Reset(_) => None,
        }
    }
}

/// Reports each workflow and use that a withdrawal names and that neither an approval nor the source has; of a rejection only
/// one that is nearly spelled like one that there is: a proposal that was rejected may be gone.
///
/// # Source
/// trust.md section 3. Promise P25.
pub(super) fn check(view: &View<'_>, needs: &Needs, findings: &mut Findings) {
    for (id, known) in &view.trusted.statements {
        let held = || known.held().iter();
        if held().all(|(_, held)| held.statement.cancels().is_empty()) {
            continue;
        }
        let files = view.parsed.source.files.values();
        let mut statements = files.filter(|file| matches!(&file.place, Place::Approval(of) if of == id));
        // What a statement says that does not hold is not known; that was reported.
        if !statements.all(|file| known.held().contains_key(&Digest::of_file(&file.bytes))) {
            continue;
        }
        let mut nameable = Nameable::default();
        needs.names.iter().for_each(|label| nameable.take_workflow(&label.name));
        held().for_each(|(_, held)| nameable.take(&held.statement));
        for (digest, held) in held() {
            let (is_rejection, verb) = match &held.statement.says {
                Decision::Approve(_) => continue,
                Decision::Reject(_) => (true, "reject"),
                Decision::Withdraw(_) => (false, "withdraw"),
            };
            for named in held.statement.cancels() {
                if let Cancelled::Reset(approvers) = named {
                    if let Some((message, help)) = vetoes_nothing(known, held, *approvers)
                        && let Some((path, file)) = file_of(view, id, digest)
                    {
                        let text: &Arc<str> = file.text();
                        let place =
                            item_place(text, "use", "reset", &approvers.to_string()).unwrap_or_else(|| anchor(text));
                        findings.add_with_help(Code::UnknownName, Span::new(path, place), message, help);
                    }
                    continue;
                }
                let Some(lacking) = nameable.lacks(named) else { continue };
                let (key, option, value) = match named {
                    Cancelled::Workflow(name) => ("workflow", "--workflow", name.to_string()),
                    Cancelled::Digest(digest) => ("digest", "--use", digest.to_string()),
                    Cancelled::All | Cancelled::Reset(_) => continue,
                };
                if (is_rejection && lacking.near.is_none()) || (key == "workflow" && !needs.is_whole()) {
                    continue;
                }
                let Some((path, file)) = file_of(view, id, digest) else { continue };
                let text: &Arc<str> = file.text();
                let place = item_place(text, "use", key, &value).unwrap_or_else(|| anchor(text));
                let noun = if is_rejection { "rejection" } else { "withdrawal" };
                let message =
                    format!("This {noun} names the {} of `{id}`, which there is not: it ends nothing.", lacking.what);
                let help = format!(
                    "{} What is meant is signed again (`assent {verb} {id} {option} …`), and this file is taken out.",
                    lacking.advice()
                );
                findings.add_with_help(Code::UnknownName, Span::new(path, place), message, help);
            }
        }
    }
}

/// Why a veto of a reset ends nothing, and what to do; nothing where it ends one.
fn vetoes_nothing(known: &KnownStatements, held: &Held, approvers: Digest) -> Option<(String, String)> {
    let (chain, verb) = (known.approvers(), held.statement.says.as_str());
    let client = chain.client();
    let again = format!("Have it signed again: `assent {verb} {client} --reset`, and take this file out.");
    let Some(reset) = chain.resets().iter().find(|reset| reset.approvers == approvers) else {
        let there: Vec<String> = chain
            .resets()
            .iter()
            .map(|reset| format!("`clients/{client}/approvers/{}.toml` ({})", reset.number, reset.approvers))
            .collect();
        let there = if there.is_empty() { "none".to_owned() } else { there.join(", ") };
        let message = format!(
            "This names a reset of the approvers of `{client}` that root does not have: it ends nothing. Root resets them by {there}."
        );
        return Some((message, again));
    };
    if known.may_veto(held, reset) {
        return None;
    }
    let before = reset.number.saturating_sub(1);
    let people = chain.version(before).map(|file| file.people.keys().map(ToString::to_string).collect::<Vec<_>>());
    let message = format!(
        "Nobody who signed this was an approver of `{client}` just before the reset, by `clients/{client}/approvers/{before}.toml`: it ends \
         nothing. They were: {}.",
        people.unwrap_or_default().join(", ")
    );
    Some((message, again))
}
