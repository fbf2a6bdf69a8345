//! The way in: a challenge that is signed with a passkey or an SSH key, here or by the command line, which gives a link.
//!
//! A link signs in on a press of its button alone: programs that look at links before people do change nothing.

use std::sync::Arc;

use assent_schema::canon::{self, Digest};
use assent_schema::id::{ClientId, PersonId};

use super::answer::{self, Answer};
use super::keyring;
use super::notes;
use super::office::Office;
use super::pages::{self, sign_in};
use super::route::{SignIn, onward};
use super::serve::{Asked, Console};
use super::viewer::Who;
use crate::content::Content;
use crate::listen::Reply;
use crate::people::NotTaken;
use crate::people::proof::counted;
use crate::people::wire::{Introduction, SignedIn};
use crate::store::{Log, Write};
use crate::sync::lock;

impl SignIn {
    /// Whether programs ask it, which have no cookie to lose: it needs no form of ours.
    pub(super) fn is_for_programs(&self) -> bool {
        matches!(self, Self::ChallengeJson | Self::Links)
    }
}

impl<O: Office> Console<O> {
    pub(super) async fn enter(self: Arc<Self>, sign_in: SignIn, asked: Asked, is_in: bool) -> Answer {
        let next = onward(asked.form.get("next").or_else(|| asked.query.get("next")));
        match sign_in {
            SignIn::Ask if is_in => answer::see(&next),
            SignIn::Ask => sign_in::ask(200, &next, None, &self.office),
            SignIn::Challenge => self.challenge(&asked, &next),
            SignIn::Proof => self.proof(&asked, &next).await,
            SignIn::ChallengeJson => self.challenge_json(&asked),
            SignIn::Links => self.link(&asked).await,
            SignIn::Link(token) => self.show_link(&token),
            SignIn::Follow(token) => self.follow(&token).await,
        }
    }

    /// Something to sign. Also for people who are not known here: the answer shall not tell who is.
    fn challenge(&self, asked: &Asked, next: &str) -> Answer {
        let Some(who) = introduction(asked) else {
            let why = "A name is written in small letters, digits and hyphens, as it stands in the repository.";
            return sign_in::ask(400, next, Some(why), &self.office);
        };
        match self.give(&who) {
            Some(challenge) => sign_in::prove(200, &who, &challenge, next, keyring::site(asked)),
            None => pages::busy(),
        }
    }

    fn give(&self, who: &Introduction) -> Option<String> {
        let (now, boot) = self.office.clock();
        let mut dice = [0; 8];
        dice.iter_mut().zip(self.office.dice()).for_each(|(slot, byte)| *slot = byte);
        let challenge = lock(&self.challenges).give(self.office.itself(), who, dice, boot, now.moment());
        canon::to_bytes(&challenge).ok().and_then(|bytes| String::from_utf8(bytes).ok())
    }

    fn challenge_json(&self, asked: &Asked) -> Answer {
        let who = serde_json::from_slice::<Introduction>(asked.body.reveal()).ok();
        match who.and_then(|who| self.give(&who)) {
            Some(challenge) => answer::json(&Reply { status: 200, body: Content::new(challenge.into_bytes()) }),
            None => answer::json(&Reply::code(400, NotTaken::BadForm.code())),
        }
    }

    /// Who signed a challenge of ours, if the newest release knows them by that key.
    fn signed(&self, signed: &SignedIn, origin: Option<&str>) -> Result<(Who, Option<Write>), NotTaken> {
        let (_, boot) = self.office.clock();
        let keys = |client: Option<&ClientId>, person: &PersonId| {
            let who = Who { client: client.cloned(), person: person.clone() };
            self.office.known(&who).map(|known| known.keys).unwrap_or_default()
        };
        let (who, used) = lock(&self.challenges).sign_in(self.office.itself(), signed, origin, boot, keys)?;
        let count = counted(self.office.store(), used.as_ref())?;
        Ok((Who { client: who.client, person: who.person }, count))
    }

    async fn proof(&self, asked: &Asked, next: &str) -> Answer {
        let challenge = asked.form.get("challenge").map(|text| text.replace("\r\n", "\n"));
        let (Some(challenge), Some(signature)) = (challenge, keyring::proof(&asked.form)) else {
            return sign_in::ask(400, next, Some("Something was missing. Begin again."), &self.office);
        };
        match self.signed(&SignedIn { challenge: challenge.clone(), signature, run: None }, asked.origin.as_deref()) {
            Ok((who, count)) => self.open(who, next, count).await,
            Err(why) => {
                if !self.note_stranger(why.code(), &challenge).await {
                    return pages::busy();
                }
                sign_in::ask(why.status(), next, Some(sentence(why)), &self.office)
            }
        }
    }

    /// Opens a session: the entry first, with the count of the passkey that signed.
    async fn open(&self, who: Who, next: &str, count: Option<Write>) -> Answer {
        let log = who.client.clone().map_or(Log::Agent, Log::Client);
        if !self.write_with(vec![notes::viewed(log, &who.person, "sign-in")], count).await {
            return pages::busy();
        }
        let (_, boot) = self.office.clock();
        let token = self.office.dice();
        if !lock(&self.sessions).open(who, token, boot) {
            return pages::busy();
        }
        answer::with_cookie(answer::see(next), &self.cookie(&Digest::from_bytes(token).to_string()))
    }

    async fn link(&self, asked: &Asked) -> Answer {
        let Ok(signed) = serde_json::from_slice::<SignedIn>(asked.body.reveal()) else {
            return answer::json(&Reply::code(400, NotTaken::BadForm.code()));
        };
        // Programs have SSH keys; passkeys sign on pages.
        let who = match self.signed(&signed, None) {
            Ok((who, _)) => who,
            Err(why) => {
                let told = self.note_stranger(why.code(), &signed.challenge).await;
                let why = if told { why } else { NotTaken::NotDurable };
                return answer::json(&Reply::code(why.status(), why.code()));
            }
        };
        let (_, boot) = self.office.clock();
        let token = self.office.dice();
        if !lock(&self.sessions).link(who, token, boot) {
            return answer::json(&Reply::code(429, "too_many"));
        }
        let body = format!("{{\"link\":\"/sign-in/link/{}\"}}", Digest::from_bytes(token));
        answer::json(&Reply { status: 200, body: Content::new(body.into_bytes()) })
    }

    fn show_link(&self, token: &str) -> Answer {
        let (_, boot) = self.office.clock();
        match lock(&self.sessions).whose(token, boot) {
            Some(who) => sign_in::link(token, &who),
            None => sign_in::ask(410, "/", Some(OLD_LINK), &self.office),
        }
    }

    async fn follow(&self, token: &str) -> Answer {
        let (_, boot) = self.office.clock();
        let who = lock(&self.sessions).follow(token, boot);
        match who {
            Some(who) => self.open(who, "/", None).await,
            None => sign_in::ask(410, "/", Some(OLD_LINK), &self.office),
        }
    }
}

const OLD_LINK: &str = "This link was used, or is older than two minutes. Ask for another one, or sign in here.";

fn introduction(asked: &Asked) -> Option<Introduction> {
    let client = match asked.form.get("client").map(str::trim).unwrap_or_default() {
        "" => None,
        client => Some(ClientId::new(client).ok()?),
    };
    Some(Introduction { client, person: PersonId::new(asked.form.get("person")?.trim()).ok()? })
}

fn sentence(why: NotTaken) -> &'static str {
    match why {
        NotTaken::BadSignature => {
            "That is not a signature by a key that this name has here. See that name, client and key are the right ones."
        }
        NotTaken::OtherOrigin => "That passkey signed for another page than this one. Begin again here.",
        NotTaken::NotPresent => "That passkey signed without seeing who you are. Set a PIN, a finger or a face for it.",
        NotTaken::CounterBack => {
            "That passkey signed less often than it did before: there may be a copy of it. Tell who is on call."
        }
        NotTaken::BadChallenge => "That challenge was used, or is older than two minutes. Begin again.",
        _ => "That is not what was to be signed. Begin again.",
    }
}

/// How a person is named: `lena at acme`, `alice`.
pub(super) fn named(who: &Who) -> String {
    match &who.client {
        Some(client) => format!("{} at {client}", who.person),
        None => who.person.to_string(),
    }
}
