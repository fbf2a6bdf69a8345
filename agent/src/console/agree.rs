//! Answers to questions: what the person saw and chose, what they edited, and the second step where only a signature decides.
//!
//! # Source
//! engine.md section 8.

use std::collections::BTreeMap;

use assent_schema::canon::{self, Digest};
use assent_schema::release::Choice;

use super::act::refused;
use super::answer::Answer;
use super::look::NotSeen;
use super::office::{Office, Refused};
use super::serve::{Asked, Console, Guest};
use super::{keyring, notes, pages};
use crate::people::receipt::Receipt;
use crate::people::wire::{NoLonger, Shown, SignedDecision};
use crate::people::{NotTaken, judge};
use crate::store::Log;

impl<O: Office> Console<O> {
    /// An answer to a question, with a signature where only that decides.
    pub(super) async fn decide(&self, nonce: &Digest, asked: &Asked, guest: &Guest) -> Answer {
        let Some(shown) = self.own(&guest.viewer).into_iter().find(|shown| shown.nonce == *nonce) else {
            match self.no_longer(nonce, &guest.viewer) {
                Ok(None) => {}
                Ok(Some((_, over))) => return self.refuse(asked, guest, 404, &already(&over)),
                Err(_) => return pages::busy(),
            }
            return match self.not_asked(nonce) {
                Ok(NotSeen::NotTheirs(log)) => self.not_theirs(log, asked, guest).await,
                Ok(_) => self.refuse(asked, guest, 404, &not_taken(NotTaken::NotWaiting)),
                Err(_) => pages::busy(),
            };
        };
        let form = &asked.form;
        let Some(choice) = form.get("choice").and_then(|word| word.parse().ok()) else {
            return self.not_decided(asked, guest, &shown, NotTaken::BadForm).await;
        };
        // Whoever says yes says it to what they saw.
        if form.get("shown") != Some(shown.shown.to_string().as_str()) {
            return self.not_decided(asked, guest, &shown, NotTaken::OtherShown).await;
        }
        let edits = if choice == Choice::Approve { edits(asked, &shown) } else { BTreeMap::new() };
        let person = &guest.viewer.who.person;
        let signed = match (shown.signature, keyring::proof(form)) {
            (false, _) => None,
            (true, None) => return self.to_sign(asked, guest, (&shown, choice), &edits),
            (true, Some(signature)) => {
                let decision = form.get("decision").unwrap_or_default().to_owned();
                Some(SignedDecision { decision, signature, edits: edits.clone() })
            }
        };
        // It goes with the answer to this one press: afterwards nobody here has it.
        let receipt = Receipt::of(&shown, choice, &edits, signed.as_ref());
        let Ok(receipt) = serde_json::to_vec(&receipt) else { return pages::busy() };
        let taken = match signed {
            None => self.office.decide(&shown, person, choice, edits).await,
            Some(signed) => match judge::read(&signed) {
                Ok(decision) if decision.person == *person && decision.choice == choice => {
                    match self.office.decide_signed(signed, asked.origin.as_deref()).await {
                        // What is signed by the person and does not count is an entry already.
                        Err(why) if !is_unsigned(why) => {
                            return self.refuse(asked, guest, why.status(), &not_taken(why));
                        }
                        other => other,
                    }
                }
                Ok(_) => Err(NotTaken::OtherQuestion),
                Err(why) => Err(why),
            },
        };
        match taken {
            Ok(()) => pages::whole(200, &self.frame(asked, guest), pages::question::decided(&shown, choice, &receipt)),
            // Somebody else was faster.
            Err(why) => match self.no_longer(nonce, &guest.viewer) {
                Ok(Some((_, over))) => self.refuse(asked, guest, why.status(), &already(&over)),
                Ok(None) | Err(_) => self.not_decided(asked, guest, &shown, why).await,
            },
        }
    }

    /// An answer of somebody who is signed in does not count: the entry first.
    async fn not_decided(&self, asked: &Asked, guest: &Guest, shown: &Shown, why: NotTaken) -> Answer {
        let log = Log::Client(shown.client.clone());
        let note = notes::refused(log, Some(&guest.viewer.who.person), why.code(), &asked.address);
        if self.write(vec![note]).await {
            self.refuse(asked, guest, why.status(), &not_taken(why))
        } else {
            pages::busy()
        }
    }

    /// The second step where only a signature decides: what is to be signed, under all that was shown.
    fn to_sign(
        &self,
        asked: &Asked,
        guest: &Guest,
        (shown, choice): (&Shown, Choice),
        edits: &BTreeMap<String, String>,
    ) -> Answer {
        let (now, _) = self.office.clock();
        let edited = match judge::edits_digest(shown.salt.as_bytes(), edits) {
            Ok(digest) => digest,
            Err(why) => return self.refuse(asked, guest, why.status(), &not_taken(why)),
        };
        let decision = shown.decision(&guest.viewer.who.person, choice, edited);
        let text = canon::to_bytes(&decision).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let Some(text) = text else { return pages::busy() };
        let frame = self.frame(asked, guest);
        let plan = self.office.plan(&shown.plan);
        let (challenge, allow) = (keyring::challenge(&text), self.passkeys_here(asked, &guest.viewer));
        let rp = keyring::site(asked).filter(|_| !allow.is_empty());
        let passkey = pages::passkey::ToSign { rp, challenge: &challenge, allow: &allow };
        let body = pages::question::to_sign((shown, plan.as_deref()), choice, edits, (&text, &passkey), now);
        pages::whole(200, &frame, body)
    }
}

/// Whether the desk leaves it to the console to write down that this was refused: it could not tell who sent it.
fn is_unsigned(why: NotTaken) -> bool {
    matches!(why, NotTaken::BadForm | NotTaken::BadSignature | NotTaken::NotWaiting)
}

/// What the person wrote instead of what was shown. Browsers end lines with CR LF, whatever was there before.
fn edits(asked: &Asked, shown: &Shown) -> BTreeMap<String, String> {
    let mut edits = asked.form.below("edit.");
    edits.retain(|path, text| {
        let before = shown.values.get(path).and_then(serde_json::Value::as_str);
        before.is_none_or(|before| before.replace("\r\n", "\n") != *text)
    });
    edits
}

/// Who was faster, or why nobody asks any more.
fn already(over: &NoLonger) -> Refused {
    refused(&format!("this is decided already: {}", over.became()), "Your answer changed nothing.")
}

/// Why a decision was not taken, for people.
fn not_taken(why: NotTaken) -> Refused {
    let (what, help) = match why {
        NotTaken::NotWaiting => ("nobody asks this any more", "Somebody answered, or the time was over."),
        NotTaken::OtherShown => ("what was shown has changed", "Look at it again before you answer."),
        NotTaken::NotInGroup => ("another group decides this", "Ask somebody of that group."),
        NotTaken::Author => ("you wrote this workflow, and it moves money", "Somebody else must decide."),
        NotTaken::TooLate => ("the time to answer is over", "That means no; the run goes on so."),
        NotTaken::TooWeak => ("only a signature decides this", "Sign the decision with your key."),
        NotTaken::BadSignature => {
            ("that is not a signature by your key over this decision", "Sign exactly the line that is shown.")
        }
        NotTaken::OtherOrigin => ("that passkey signed for another page", "Begin again from the question."),
        NotTaken::NotPresent => {
            ("that passkey did not see who you are", "Set a PIN, a finger or a face for it, or sign with your SSH key.")
        }
        NotTaken::CounterBack => {
            ("that passkey signed less often than it did before", "There may be a copy of it. Tell who is on call.")
        }
        NotTaken::NotDurable => ("your answer could not be written down", "Nothing happened. Try again in a moment."),
        NotTaken::OtherEdits => ("the texts are not those that were signed", "Begin again from the question."),
        NotTaken::NotHere | NotTaken::OnlyThePage | NotTaken::Replayed => {
            ("that answer came through a chat and does not count", "Answer on this page.")
        }
        NotTaken::BadForm
        | NotTaken::BadChallenge
        | NotTaken::OtherQuestion
        | NotTaken::Unknown
        | NotTaken::BadStatement
        | NotTaken::TooMany => ("this is not an answer to this question", "Begin again from the question."),
    };
    refused(what, help)
}
