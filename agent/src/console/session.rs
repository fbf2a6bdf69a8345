//! Who is signed in: in memory alone, so a restart signs everybody out. Pure.
//!
//! A session is known by 32 random bytes in a cookie, of which only the hash is kept. What its person may see is looked up
//! anew with each request: whoever left a team sees nothing from the next release on.

use std::collections::BTreeMap;
use std::time::Duration;

use assent_schema::canon::Digest;
use subtle::ConstantTimeEq as _;

use super::viewer::Who;
use crate::request::keyed::{Purpose, keyed};

/// How long a session lives without being used.
const IDLE_MOST: Duration = Duration::from_hours(1);
/// How long a session lives at all.
const LIVES_MOST: Duration = Duration::from_hours(12);
/// How long a link that signs in is good.
const LINK_LIVES: Duration = Duration::from_mins(2);
/// How long a page may bring itself up to date before it counts as looked at again.
const LIVE_MOST: Duration = Duration::from_mins(15);
/// The most sessions and links: each took a valid signature.
const SESSIONS_MOST: usize = 10_000;

/// A session or link as it is kept.
struct Kept {
    who: Who,
    since: Duration,
    used: Duration,
}

/// All sessions and links.
pub(super) struct Sessions {
    key: [u8; 32],
    open: BTreeMap<Digest, Kept>,
    links: BTreeMap<Digest, Kept>,
}

/// A session of somebody who asked for a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Session {
    /// Who.
    pub(super) who: Who,
    /// The hash of the cookie; names the session inside the agent.
    pub(super) id: Digest,
}

impl Sessions {
    /// With 32 random bytes.
    pub(super) fn new(key: [u8; 32]) -> Self {
        Self { key, open: BTreeMap::new(), links: BTreeMap::new() }
    }

    /// Opens a session by 32 random bytes.
    pub(super) fn open(&mut self, who: Who, token: [u8; 32], boot: Duration) -> bool {
        self.forget_old(boot);
        if self.open.len() >= SESSIONS_MOST {
            return false;
        }
        self.open.insert(name(&token), Kept { who, since: boot, used: boot });
        true
    }

    /// The session of a cookie, which is used by this.
    pub(super) fn of(&mut self, token: &str, boot: Duration) -> Option<Session> {
        self.forget_old(boot);
        let id = name(token.parse::<Digest>().ok()?.as_bytes());
        let kept = self.open.get_mut(&id)?;
        kept.used = boot;
        Some(Session { who: kept.who.clone(), id })
    }

    /// Ends a session.
    pub(super) fn close(&mut self, session: &Session) {
        self.open.remove(&session.id);
    }

    /// Keeps a link by which somebody who signed in elsewhere opens a session here, once.
    pub(super) fn link(&mut self, who: Who, token: [u8; 32], boot: Duration) -> bool {
        self.forget_old(boot);
        if self.links.len() >= SESSIONS_MOST {
            return false;
        }
        self.links.insert(name(&token), Kept { who, since: boot, used: boot });
        true
    }

    /// Whose a link is. It stays good: programs that look at links before people do must not use them up.
    pub(super) fn whose(&mut self, token: &str, boot: Duration) -> Option<Who> {
        self.forget_old(boot);
        let id = name(token.parse::<Digest>().ok()?.as_bytes());
        self.links.get(&id).map(|kept| kept.who.clone())
    }

    /// Uses a link up.
    pub(super) fn follow(&mut self, token: &str, boot: Duration) -> Option<Who> {
        let who = self.whose(token, boot)?;
        self.links.remove(&name(token.parse::<Digest>().ok()?.as_bytes()));
        Some(who)
    }

    /// What a form of this session carries, so that no other site's form counts.
    pub(super) fn form_token(&self, session: &Session) -> String {
        self.keyed("form", session, "").to_string()
    }

    /// Whether a form is one of this session's.
    pub(super) fn is_form_of(&self, session: &Session, token: &str) -> bool {
        self.form_token(session).as_bytes().ct_eq(token.as_bytes()).into()
    }

    /// What a page carries to bring itself up to date: until when, and that the look at it was written down.
    pub(super) fn live_token(&self, session: &Session, path: &str, boot: Duration) -> String {
        let until = boot.saturating_add(LIVE_MOST).as_secs();
        format!("{until}.{}", self.keyed("live", session, &format!("{until}\0{path}")))
    }

    /// Whether a page may bring itself up to date without another entry.
    pub(super) fn is_live(&self, session: &Session, path: &str, token: &str, boot: Duration) -> bool {
        let Some((until, hash)) = token.split_once('.') else { return false };
        let Ok(seconds) = until.parse::<u64>() else { return false };
        let ours = self.keyed("live", session, &format!("{until}\0{path}")).to_string();
        boot.as_secs() < seconds && bool::from(ours.as_bytes().ct_eq(hash.as_bytes()))
    }

    fn keyed(&self, what: &str, session: &Session, rest: &str) -> Digest {
        keyed(&self.key, Purpose::Request, format!("{what}\0{}\0{rest}", session.id).as_bytes())
    }

    fn forget_old(&mut self, boot: Duration) {
        let age = |from: Duration| boot.saturating_sub(from);
        self.open.retain(|_, kept| age(kept.used) < IDLE_MOST && age(kept.since) < LIVES_MOST);
        self.links.retain(|_, kept| age(kept.since) < LINK_LIVES);
    }
}

fn name(token: &[u8; 32]) -> Digest {
    Digest::tagged("assent-session/v1", token)
}

#[cfg(test)]
mod tests {
    use assent_schema::id::PersonId;

    use super::*;

    const TOKEN: [u8; 32] = [7; 32];

    fn who(name: &str) -> Who {
        Who { client: None, person: PersonId::new(name).unwrap() }
    }

    fn cookie() -> String {
        Digest::from_bytes(TOKEN).to_string()
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_session_ends_when_idle_when_old_and_when_closed() {
        let mut sessions = Sessions::new([1; 32]);
        assert_eq!(sessions.of(&cookie(), at(0)), None);
        assert!(sessions.open(who("alice"), TOKEN, at(0)));
        let session = sessions.of(&cookie(), at(3_599)).unwrap();
        assert_eq!(session.who, who("alice"));
        assert!(sessions.of(&cookie(), at(7_198)).is_some(), "each use lengthens it");
        assert_eq!(sessions.of(&cookie(), at(10_798)), None, "an hour unused");
        assert!(sessions.open(who("alice"), TOKEN, at(0)));
        for hour in 1..24 {
            drop(sessions.of(&cookie(), at(hour * 1_800)));
        }
        assert_eq!(sessions.of(&cookie(), at(43_200)), None, "twelve hours, however often used");
        assert!(sessions.open(who("alice"), TOKEN, at(0)));
        let session = sessions.of(&cookie(), at(1)).unwrap();
        sessions.close(&session);
        assert_eq!(sessions.of(&cookie(), at(1)), None);
        assert_eq!(sessions.of("no cookie", at(1)), None);
    }

    #[test]
    fn a_link_signs_in_once_and_may_be_looked_at() {
        let mut sessions = Sessions::new([1; 32]);
        assert!(sessions.link(who("lena"), TOKEN, at(0)));
        assert_eq!(sessions.whose(&cookie(), at(1)), Some(who("lena")));
        assert_eq!(sessions.of(&cookie(), at(1)), None, "a link is not a session");
        assert_eq!(sessions.follow(&cookie(), at(1)), Some(who("lena")));
        assert_eq!(sessions.follow(&cookie(), at(1)), None);
        assert!(sessions.link(who("lena"), TOKEN, at(0)));
        assert_eq!(sessions.follow(&cookie(), at(120)), None);
    }

    #[test]
    fn forms_and_pages_belong_to_one_session() {
        let mut sessions = Sessions::new([1; 32]);
        assert!(sessions.open(who("alice"), TOKEN, at(0)) && sessions.open(who("alice"), [8; 32], at(0)));
        let one = sessions.of(&cookie(), at(0)).unwrap();
        let other = sessions.of(&Digest::from_bytes([8; 32]).to_string(), at(0)).unwrap();
        let form = sessions.form_token(&one);
        assert!(sessions.is_form_of(&one, &form) && !sessions.is_form_of(&other, &form));
        assert!(!sessions.is_form_of(&one, "") && !Sessions::new([2; 32]).is_form_of(&one, &form));
        let live = sessions.live_token(&one, "/runs", at(0));
        assert!(sessions.is_live(&one, "/runs", &live, at(899)));
        assert!(!sessions.is_live(&one, "/runs", &live, at(900)) && !sessions.is_live(&one, "/queue", &live, at(1)));
        assert!(!sessions.is_live(&other, "/runs", &live, at(1)) && !sessions.is_live(&one, "/runs", "9999.x", at(1)));
    }
}
