//! Whether a decision is by whom the ledger says: in the group that was asked, and signed over exactly this question.
//!
//! # Source
//! formats.md section 3, "Decision"; engine.md section 8.

use std::collections::BTreeSet;

use assent_schema::canon::{self, Digest};
use assent_schema::choice::QuestionEnd;
use assent_schema::client::ClientFacts;
use assent_schema::id::PersonId;
use assent_schema::ledger::kind::Decided;
use assent_schema::ledger::{Entry, Origin};
use assent_schema::passkey::{Ceremony, Passkey};
use assent_schema::release::{DECISION_SCHEMA, Decision};
use assent_schema::trust::{Namespace, PublicKey, RootChain, verify};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use super::force::{Force, Known};

/// How well somebody showed who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Strength {
    /// By an account of a chat or helpdesk, or by signing in.
    Account,
    /// By a signature over this decision.
    Signature,
}

/// What a decision must fit.
pub(super) struct Around<'a> {
    /// The log.
    pub origin: &'a Origin,
    /// The roots of the source.
    pub roots: Option<&'a RootChain>,
    /// Which releases were in force.
    pub force: &'a Force<'a>,
    /// The random id of the run.
    pub run: Option<&'a str>,
    /// The plan of the run.
    pub plan: Option<Digest>,
    /// Whether the plan moves money.
    pub is_about_money: bool,
}

/// Judges a decision of a person; nothing of one that nobody made.
///
/// # Errors
/// Why it does not hold, as a part of a sentence.
pub(super) fn judge(entry: &Entry, decided: &Decided, around: &Around<'_>) -> Result<Option<Strength>, String> {
    let Some(person) = &entry.actor else {
        let nobody = decided.choice == QuestionEnd::Late;
        return if nobody { Ok(None) } else { Err("it names nobody".to_owned()) };
    };
    let by = decided.by.as_str();
    let is_known = !around.force.is_open(entry.index);
    let member = |known: &Known<'_>| known.facts.deciders.get(by).is_some_and(|group| group.contains(person));
    let mut known = around.force.known(entry.index);
    known.retain(member);
    if known.is_empty() && is_known {
        return Err(format!("{person} was not in the group {by}"));
    }
    // One release is enough in which all of it holds: where bodies are gone, any of several may have been in force.
    let wrote = |known: &Known<'_>| {
        let mut active = known.release.iter().flat_map(|past| &past.manifest.active);
        active.any(|active| Some(active.plan) == around.plan && active.authors.contains(person))
    };
    if around.is_about_money {
        known.retain(|known| !wrote(known));
    }
    if known.is_empty() && is_known {
        return Err(format!("{person} wrote the workflow, which moves money"));
    }
    match (&decided.decision, &decided.signature, &decided.passkey) {
        (None, None, None) => Ok(Some(Strength::Account)),
        (Some(text), Some(_), None) | (Some(text), None, Some(_)) => {
            fits(text, entry, decided, person, around)?;
            // Of a release that is not here nobody knows the keys.
            if !is_known || known.iter().any(|known| is_signed(text, decided, person, known.facts)) {
                Ok(Some(Strength::Signature))
            } else {
                Err(format!("no key of {person} signed it"))
            }
        }
        _ => Err("a part of what was signed is missing".to_owned()),
    }
}

/// Whether what was signed is about this question and says what the entry says.
fn fits(text: &str, entry: &Entry, decided: &Decided, person: &PersonId, around: &Around<'_>) -> Result<(), String> {
    let Ok(signed) = canon::from_bytes::<Decision>(text.as_bytes()) else {
        return Err("what was signed is not a decision".to_owned());
    };
    let Origin { agent, client, .. } = around.origin;
    let root = around.roots.map(|roots| (roots.project(), roots.newest()));
    let approvers = root.as_ref().zip(client.as_ref()).and_then(|((_, root), client)| root.clients.get(client));
    let said = [
        ("form", signed.schema == DECISION_SCHEMA),
        ("project", root.as_ref().is_none_or(|(project, _)| signed.project == *project)),
        ("client", Some(&signed.client) == client.as_ref()),
        ("approvers", approvers.is_none_or(|entry| signed.approvers == entry.approvers)),
        ("agent", signed.agent == *agent),
        ("run", around.run.is_none_or(|run| signed.run == run)),
        ("step", Some(&signed.step) == entry.step.as_ref()),
        ("plan", Some(signed.plan) == entry.plan.or(around.plan)),
        ("choice", decided.choice == QuestionEnd::Decided(signed.choice)),
        ("hash of what was shown", signed.shown == decided.shown),
        ("nonce", Some(signed.nonce) == decided.nonce),
        ("person", signed.person == *person),
    ];
    match said.iter().find(|(_, same)| !same) {
        Some((what, _)) => Err(format!("another {what} was signed")),
        None => Ok(()),
    }
}

/// Whether a key of the person signed it. On which page a passkey did is what the browser says: within its site.
fn is_signed(text: &str, decided: &Decided, person: &PersonId, facts: &ClientFacts) -> bool {
    let Some(keys) = facts.people.get(person).map(|person| &person.keys) else { return false };
    if let Some(armour) = &decided.signature {
        let keys: BTreeSet<PublicKey> = keys.iter().filter_map(|key| key.parse().ok()).collect();
        return verify(text.as_bytes(), armour.as_bytes(), Namespace::Decision, &keys).is_ok();
    }
    let Some(assertion) = &decided.passkey else { return false };
    let keys: BTreeSet<Passkey> = keys.iter().filter_map(|key| key.parse().ok()).collect();
    let client = BASE64_URL_SAFE_NO_PAD.decode(&assertion.client_data).unwrap_or_default();
    let client: serde_json::Value = serde_json::from_slice(&client).unwrap_or_default();
    let origin = client.get("origin").and_then(serde_json::Value::as_str).unwrap_or_default();
    assertion.verify(&keys, &Ceremony { file: text.as_bytes(), origin }).is_ok()
}
