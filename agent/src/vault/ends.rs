//! When a credential ends, by whoever said so: the token itself, the API that gave it, the vault that keeps it, or a person.
//! Pure: the moment of now comes in.
//!
//! # Source
//! engine.md section 6; RFC 7519 sections 4.1.4 and 4.1.6 (`exp`, `iat`).

use assent_schema::canon::Digest;
use assent_schema::time::{Moment, Period};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// Ends that are this close together are one that was told twice, with the time that answers take between.
const SAME: Period = Period::hours(1);

/// When a credential ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// The moment from which on it is not taken any more.
    pub at: Moment,
    /// How long it lives in all, where that is known: of a short life on-call is not told from its beginning on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lives: Option<Period>,
}

/// The end of one secret, as it is kept: of another secret it says nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    /// The keyed hash of the secret that it is about.
    pub mark: Digest,
    /// When it ends.
    pub end: End,
}

/// How soon a credential ends, as far as on-call is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Left {
    /// It has ended.
    Over,
    /// Within a day.
    Day,
    /// Within a week.
    Week,
    /// Within two weeks.
    Fortnight,
}

impl Left {
    /// Its part of the alert's code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Over => "over",
            Self::Day => "1d",
            Self::Week => "7d",
            Self::Fortnight => "14d",
        }
    }
}

/// What ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The secret of a slot: a new one is made and put there.
    Secret,
    /// What a person consented to: a person consents again.
    Consent,
}

impl End {
    /// An end of which nothing else is known.
    pub const fn at(at: Moment) -> Self {
        Self { at, lives: None }
    }

    /// The end of something that was told to live so long from now on. One that stays where it was, however often it is told,
    /// keeps the life that was told first.
    pub fn told(lives: Period, now: Moment, before: Option<Self>) -> Self {
        let at = now.plus(lives);
        let stays = |before: &Self| at.since(before.at) <= SAME && before.at.since(at) <= SAME;
        before.filter(stays).unwrap_or(Self { at, lives: Some(lives.min(Period::MOST)) })
    }

    /// How soon it ends; nothing while there is time. Of a short life it is told in its second half alone.
    pub fn left(&self, now: Moment) -> Option<Left> {
        if now >= self.at {
            return Some(Left::Over);
        }
        let left = self.at.since(now);
        if !self.is_half_over(now) {
            return None;
        }
        let within = [(1, Left::Day), (7, Left::Week), (14, Left::Fortnight)];
        within.into_iter().find(|(days, _)| left <= Period::days(*days)).map(|(_, left)| left)
    }

    /// Whether no more than half of its life is left; also where nobody knows how long that is.
    pub fn is_half_over(&self, now: Moment) -> bool {
        let left = self.at.since(now);
        self.lives.is_none_or(|lives| left.as_seconds() <= lives.as_seconds() / 2)
    }
}

/// The claims of a token that say when it ends.
#[derive(Deserialize)]
struct Claims {
    exp: Option<f64>,
    iat: Option<f64>,
}

/// What a secret says of its own end, where it is a JSON Web Token. It is read, not verified: whoever takes it does that.
pub fn of_token(secret: &[u8]) -> Option<End> {
    let text = std::str::from_utf8(secret).ok()?;
    let mut parts = text.strip_prefix("Bearer ").unwrap_or(text).split('.');
    let (_, payload, _) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let decoded = Zeroizing::new(URL_SAFE_NO_PAD.decode(payload).ok()?);
    let Claims { exp, iat } = serde_json::from_slice(&decoded).ok()?;
    let at = moment(exp?)?;
    let lives = iat.and_then(moment).map(|from| at.since(from)).filter(|lives| lives.as_seconds() > 0);
    Some(End { at, lives: lives.map(|lives| lives.min(Period::MOST)) })
}

/// A numeric date, as far as it is one of ours.
fn moment(seconds: f64) -> Option<Moment> {
    /// The end of the year 9999.
    const MOST: f64 = 253_402_300_799.0;
    #[expect(clippy::cast_possible_truncation, reason = "it is between both bounds")]
    (0.0..=MOST).contains(&seconds).then(|| Moment::from_seconds(seconds as i64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(days: i64) -> Moment {
        Moment::from_seconds(days * 86_400)
    }

    #[test]
    fn on_call_is_told_in_time_and_not_from_the_beginning() {
        let (long, short) = (End { at: at(100), lives: Some(Period::days(100)) }, Period::days(10));
        let short = End { at: at(100), lives: Some(short) };
        for (end, day, wanted) in [
            (long, 85, None),
            (long, 86, Some(Left::Fortnight)),
            (long, 93, Some(Left::Week)),
            (long, 99, Some(Left::Day)),
            (long, 100, Some(Left::Over)),
            (End::at(at(100)), 86, Some(Left::Fortnight)),
            (short, 94, None),
            (short, 95, Some(Left::Week)),
            (short, 99, Some(Left::Day)),
        ] {
            assert_eq!(end.left(at(day)), wanted, "{end:?} on day {day}");
        }
    }

    #[test]
    fn an_end_that_stays_keeps_the_life_that_was_told_first() {
        let first = End::told(Period::days(60), at(0), None);
        assert_eq!(first, End { at: at(60), lives: Some(Period::days(60)) });
        // Told again a month later: what is left of it.
        let again = End::told(Period::days(30), at(30), Some(first));
        assert_eq!(again, first);
        assert_eq!(again.left(at(50)), Some(Left::Fortnight));
        // One that moves with every use has a new life each time.
        assert_eq!(End::told(Period::days(60), at(30), Some(first)).at, at(90));
    }

    #[test]
    fn a_token_says_itself_when_it_ends() {
        let token = |claims: &str| format!("eyJhbGciOiJub25lIn0.{}.c2lnbmVk", URL_SAFE_NO_PAD.encode(claims));
        let end = of_token(token(r#"{"sub":"a","exp":8640000,"iat":0,"aud":["b"]}"#).as_bytes());
        assert_eq!(end, Some(End { at: at(100), lives: Some(Period::days(100)) }));
        assert_eq!(of_token(format!("Bearer {}", token(r#"{"exp":8640000.5}"#)).as_bytes()), Some(End::at(at(100))));
        for none in [token(r#"{"sub":"a"}"#), token(r#"{"exp":"soon"}"#), token(r#"{"exp":1e300}"#), token("x")] {
            assert_eq!(of_token(none.as_bytes()), None, "{none}");
        }
        for none in ["", "key", "a.b.c", "user:pass.word.x", "a.b.c.d"] {
            assert_eq!(of_token(none.as_bytes()), None, "{none}");
        }
    }
}
