//! Sign-in by SSH key or passkey: the agent gives a challenge, the person signs it, it is good once and for two minutes.
//!
//! # Source
//! engine.md section 8; trust.md section 1 (`console@assent`).

use std::collections::BTreeMap;
use std::time::Duration;

use assent_schema::canon::{self, Digest};
use assent_schema::id::{AgentId, ClientId, PersonId};
use assent_schema::passkey::Used;
use assent_schema::release::Proof;
use assent_schema::time::{Moment, Period};
use assent_schema::trust::Namespace;
use subtle::ConstantTimeEq as _;

use super::judge::NotTaken;
use super::proof::{Keys, check};
use super::wire::{Challenge, ChallengeType, Command, Introduction, SignedCommand, SignedIn, SignedStart, Start};
use crate::request::keyed::{Purpose, keyed};

/// How long a challenge is good.
pub const CHALLENGE_LIVES: Period = Period::minutes(2);
/// The most used challenges that are remembered; each took a valid signature, so only a person with a key can reach it.
const USED_MOST: usize = 100_000;

/// Gives challenges and takes them back once.
///
/// Nothing is kept for a challenge that was only given: its nonce carries its end and a keyed hash by which it is known
/// again, so that nobody can fill the memory or push out the challenges of others. The key lives in this process alone:
/// after a restart people sign in again.
pub struct Challenges {
    key: [u8; 32],
    /// Those that were used, until they would have ended on the boot clock, which cannot be set back.
    used: BTreeMap<Digest, Duration>,
}

/// Who the agent is, for what people sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Itself {
    /// SHA-256 of root version 1.
    pub project: Digest,
    /// The agent's name.
    pub agent: AgentId,
}

impl Challenges {
    /// With 32 random bytes.
    pub fn new(key: [u8; 32]) -> Self {
        Self { key, used: BTreeMap::new() }
    }

    /// Gives a challenge. Also to people who are not known here: the answer shall not tell who is.
    pub fn give(&self, itself: &Itself, who: &Introduction, dice: [u8; 8], boot: Duration, now: Moment) -> Challenge {
        let end = boot.saturating_add(CHALLENGE_LIVES.duration()).as_secs();
        Challenge {
            kind: ChallengeType::Console,
            schema: 1,
            project: itself.project,
            client: who.client.clone(),
            agent: itself.agent.clone(),
            person: who.person.clone(),
            nonce: self.nonce(end.to_be_bytes(), dice, who),
            until: now.plus(CHALLENGE_LIVES),
        }
    }

    /// Eight bytes of its end, eight random ones, and half of a keyed hash of both and of who it is for.
    fn nonce(&self, end: [u8; 8], dice: [u8; 8], who: &Introduction) -> Digest {
        let client = who.client.as_ref().map(ClientId::as_str).unwrap_or_default();
        let whom = format!("console\0{client}\0{}\0", who.person);
        let hash = keyed(&self.key, Purpose::Request, &[whom.as_bytes(), &end, &dice].concat());
        let mut nonce = [0; 32];
        nonce.iter_mut().zip(end.iter().chain(&dice).chain(hash.as_bytes())).for_each(|(slot, byte)| *slot = *byte);
        Digest::from_bytes(nonce)
    }

    /// Uses a challenge up.
    fn take(&mut self, nonce: &Digest, who: &Introduction, boot: Duration) -> Result<(), NotTaken> {
        let mut parts = nonce.as_bytes().chunks_exact(8).map(|part| <[u8; 8]>::try_from(part).unwrap_or_default());
        let (end, dice) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let ours = self.nonce(end, dice, who).as_bytes().ct_eq(nonce.as_bytes());
        let end = Duration::from_secs(u64::from_be_bytes(end));
        self.used.retain(|_, end| boot < *end);
        if !bool::from(ours) || boot >= end || self.used.len() >= USED_MOST || self.used.contains_key(nonce) {
            return Err(NotTaken::BadChallenge);
        }
        self.used.insert(*nonce, end);
        Ok(())
    }

    /// Who signed a challenge of ours.
    ///
    /// `keys` gives the keys by which a person of a client is known; `origin` is that of the page that asks, if one does. A
    /// passkey's count is still to be judged.
    ///
    /// # Errors
    /// [`NotTaken`].
    pub fn sign_in(
        &mut self,
        itself: &Itself,
        signed: &SignedIn,
        origin: Option<&str>,
        boot: Duration,
        keys: impl FnOnce(Option<&ClientId>, &PersonId) -> Keys,
    ) -> Result<(Introduction, Option<Used>), NotTaken> {
        let challenge: Challenge = canon::from_bytes(signed.challenge.as_bytes()).or(Err(NotTaken::BadForm))?;
        if challenge.schema != 1 || challenge.project != itself.project || challenge.agent != itself.agent {
            return Err(NotTaken::OtherQuestion);
        }
        let Challenge { client, person, nonce, .. } = challenge;
        let keys = keys(client.as_ref(), &person);
        let used = check(&signed.challenge, &signed.signature, Namespace::Console, origin, &keys)?;
        let who = Introduction { client, person };
        self.take(&nonce, &who, boot)?;
        Ok((who, used))
    }

    /// Who starts which workflow with what.
    ///
    /// # Errors
    /// [`NotTaken`].
    pub fn start(
        &mut self,
        itself: &Itself,
        signed: &SignedStart,
        boot: Duration,
        keys: impl FnOnce(&ClientId, &PersonId) -> Keys,
    ) -> Result<Start, NotTaken> {
        let start: Start = canon::from_bytes(signed.start.as_bytes()).or(Err(NotTaken::BadForm))?;
        if start.schema != 1 || start.project != itself.project || start.agent != itself.agent {
            return Err(NotTaken::OtherQuestion);
        }
        let keys = keys(&start.client, &start.person);
        check(&signed.start, &Proof::Ssh(signed.signature.clone()), Namespace::Console, None, &keys)?;
        let who = Introduction { client: Some(start.client.clone()), person: start.person.clone() };
        self.take(&start.nonce, &who, boot)?;
        Ok(start)
    }

    /// Who of the agency signed a question.
    ///
    /// # Errors
    /// [`NotTaken`].
    pub fn command(
        &mut self,
        itself: &Itself,
        signed: &SignedCommand,
        boot: Duration,
        keys: impl FnOnce(&PersonId) -> Keys,
    ) -> Result<PersonId, NotTaken> {
        let command: Command = canon::from_bytes(signed.command.as_bytes()).or(Err(NotTaken::BadForm))?;
        let same = command.schema == 1 && command.project == itself.project && command.agent == itself.agent;
        if !same || command.question != Command::digest(&signed.question) {
            return Err(NotTaken::OtherQuestion);
        }
        // Passkeys sign on pages alone, and this is none.
        let proof = Proof::Ssh(signed.signature.clone());
        check(&signed.command, &proof, Namespace::Console, None, &keys(&command.person))?;
        let who = Introduction { client: None, person: command.person };
        self.take(&command.nonce, &who, boot)?;
        Ok(who.person)
    }
}
