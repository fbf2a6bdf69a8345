//! `assent-agent vault list`: which slots there are, and whether the secret of each can be one. No secret is shown.

use std::collections::BTreeSet;
use std::io::{self, Write};

use serde::Serialize;

use super::super::{Call, Output, Show};
use super::{Known, TheVault, form_here, wait};
use crate::control::{Answer, Question, Said, client};
use crate::error::{Context as _, Error};
use crate::vault::{Secret, SlotPath, Vault as _, VaultError};

/// What is to be said of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    /// Its secret has the form that it must have.
    Good,
    /// There is none.
    Empty,
    /// It cannot be one.
    Bad,
    /// Nothing that runs here says what it must be.
    NotLookedAt,
}

impl State {
    fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Empty => "empty",
            Self::Bad => "bad",
            Self::NotLookedAt => "not looked at",
        }
    }
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct Listed {
    slot: String,
    state: State,
    /// What is wrong, or why nothing can be said.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

#[derive(Serialize)]
struct Slots {
    slots: Vec<Listed>,
}

impl Show for Slots {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.slots.is_empty() {
            return writeln!(out, "No slot holds a secret.");
        }
        let width = self.slots.iter().map(|slot| slot.slot.len()).max().unwrap_or(0);
        for Listed { slot, state, why } in &self.slots {
            let why = why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
            writeln!(out, "{slot:width$}  {}{why}", state.as_str())?;
        }
        Ok(())
    }
}

/// What is said of one slot.
fn judge(path: &SlotPath, secret: Result<Secret, VaultError>, known: &Known) -> Listed {
    let (state, why) = match (secret, known) {
        (Err(VaultError::Missing), _) => (State::Empty, None),
        (Err(VaultError::BadSecret), _) => (State::Bad, Some(VaultError::BadSecret.to_string())),
        (Err(error), _) => (State::NotLookedAt, Some(error.to_string())),
        (Ok(_), Known::NoAgent) => (State::NotLookedAt, Some("no agent runs".to_owned())),
        (Ok(_), Known::Unnamed) => (State::NotLookedAt, Some("no release here names it".to_owned())),
        (Ok(secret), Known::As(form)) => match form.judge(secret.reveal()) {
            Ok(()) => (State::Good, None),
            Err(misfit) => (State::Bad, Some(format!("it {}", misfit.what))),
        },
    };
    Listed { slot: path.to_string(), state, why }
}

/// The slots that the vault has, and those that what runs here names.
fn all(call: &Call, vault: &TheVault) -> Result<BTreeSet<SlotPath>, Error> {
    let mut all: BTreeSet<SlotPath> =
        wait(vault.slots())?.tried(|| "cannot read the vault".into())?.into_iter().collect();
    let question = Said::Question(Question::Status);
    if let Some(Answer::Status(status)) = client::ask(&call.config()?.state.socket(), &question)? {
        all.extend(status.slots.into_iter().map(|slot| SlotPath::new(slot.client, slot.connection, slot.slot)));
    }
    Ok(all)
}

pub(super) fn run(call: &Call, vault: &TheVault, out: &mut Output<'_>) -> Result<(), Error> {
    let slots = all(call, vault)?.into_iter().map(|path| {
        let secret = wait(vault.read(&path))?;
        Ok(judge(&path, secret, &form_here(call, &path)?))
    });
    let slots = slots.collect::<Result<Vec<_>, Error>>()?;
    out.show(&Slots { slots })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Format;
    use crate::control::form::Form;
    use assent_schema::client::RouteKind;

    fn slot(text: &str) -> SlotPath {
        SlotPath::parse(text).unwrap()
    }

    fn secret(text: &str) -> Secret {
        Secret::new(text.as_bytes().to_vec()).unwrap()
    }

    /// The alert of a bad secret sends people here: it must tell which one it is.
    #[test]
    fn each_slot_says_whether_its_secret_can_be_one() {
        let pager = || Known::As(Form::Route(RouteKind::Pagerduty));
        let slots = vec![
            judge(&slot("acme/helpdesk/token"), Ok(secret("x")), &Known::As(Form::Free)),
            judge(&slot("acme/helpdesk/webhook"), Err(VaultError::Missing), &Known::As(Form::Free)),
            judge(&slot("birch/shop/key"), Ok(secret("x")), &Known::Unnamed),
            judge(&slot("route/pager"), Ok(secret("non sense")), &pager()),
            judge(&slot("route/pager"), Ok(secret("0123456789abcdef0123456789abcdef")), &Known::NoAgent),
        ];
        let states: Vec<State> = slots.iter().map(|slot| slot.state).collect();
        assert_eq!(states, [State::Good, State::Empty, State::NotLookedAt, State::Bad, State::NotLookedAt]);
        let mut text = Vec::new();
        Output::new(Format::Human, &mut text).show(&Slots { slots }).unwrap();
        let text = String::from_utf8(text).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "acme/helpdesk/token    good");
        assert_eq!(lines[1], "acme/helpdesk/webhook  empty");
        assert_eq!(lines[2], "birch/shop/key         not looked at: no release here names it");
        assert!(lines[3].starts_with("route/pager            bad: it ") && !text.contains("non sense"), "{text}");
        let json = serde_json::to_value(judge(&slot("birch/shop/key"), Ok(secret("x")), &Known::NoAgent)).unwrap();
        assert_eq!(json["state"], "not-looked-at");
    }
}
