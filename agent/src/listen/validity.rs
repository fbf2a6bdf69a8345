//! Until when a certificate holds. Pure; reads no more of it than that.
//!
//! # Source
//! RFC 5280 section 4.1: the certificate is a sequence that begins with what is signed, in which the fifth member is the
//! validity, if a version stands in front.

use assent_schema::time::{Moment, Period};

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// From when until when certificates hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// From when.
    pub from: Moment,
    /// Until when.
    pub until: Moment,
}

/// The last days before a certificate ends in which on-call is told.
const ENDS_DAYS: [u32; 3] = [1, 7, 14];

impl Validity {
    /// The validity of a certificate in DER; nothing where it cannot be read.
    pub(super) fn of(der: &[u8]) -> Option<Self> {
        let (certificate, _) = member(der, SEQUENCE)?;
        let (mut signed, _) = member(certificate, SEQUENCE)?;
        if let Some((_, rest)) = member(signed, VERSION) {
            signed = rest;
        }
        // Serial number, algorithm, issuer.
        for _ in 0..3 {
            signed = any(signed)?.2;
        }
        let (validity, _) = member(signed, SEQUENCE)?;
        let (from, rest) = time(validity)?;
        Some(Self { from, until: time(rest)?.0 })
    }

    /// How soon it ends: `over`, or in so many days at most; nothing while there is time. Who renews it in the last third of its
    /// life, as most do, is told only where that did not happen.
    pub fn code(&self, now: Moment) -> Option<String> {
        if now >= self.until {
            return Some("over".to_owned());
        }
        let (left, life) = (self.until.since(now), self.until.since(self.from));
        if left.as_seconds() > life.as_seconds() / 3 {
            return None;
        }
        let days = ENDS_DAYS.iter().find(|days| left <= Period::days(u64::from(**days)))?;
        Some(format!("{days}d"))
    }
}

/// The content of the member that stands in front, if it has this tag, and what comes behind it.
fn member(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    any(der).filter(|(found, ..)| *found == tag).map(|(_, content, rest)| (content, rest))
}

/// The tag and the content of the member that stands in front, and what comes behind it.
fn any(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[tag, first], rest) = der.split_first_chunk()?;
    let (length, rest) = match first {
        ..=0x7f => (usize::from(first), rest),
        0x81..=0x83 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (digits.iter().fold(0, |length, digit| (length << 8) | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

/// The moment that stands in front, and what comes behind it.
fn time(der: &[u8]) -> Option<(Moment, &[u8])> {
    let (tag, content, rest) = any(der)?;
    let text = std::str::from_utf8(content).ok()?.strip_suffix('Z')?;
    let text = match tag {
        GENERALIZED_TIME => text.to_owned(),
        // Two digits of a year from 50 on are of the last century.
        UTC_TIME => format!("{}{text}", if text.get(..2)? >= "50" { "19" } else { "20" }),
        _ => return None,
    };
    let read = jiff::civil::DateTime::strptime("%Y%m%d%H%M%S", text).ok()?;
    let at = jiff::tz::TimeZone::UTC.to_timestamp(read).ok()?;
    Some((Moment::from_seconds(at.as_second()), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn der(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = u16::try_from(content.len()).unwrap().to_be_bytes();
        [&[tag, 0x82], &length[..], content].concat()
    }

    fn certificate(from: (u8, &str), until: (u8, &str), version: bool) -> Vec<u8> {
        let validity = [der(from.0, from.1.as_bytes()), der(until.0, until.1.as_bytes())].concat();
        let mut signed = if version { der(VERSION, &[2, 1, 2]) } else { Vec::new() };
        signed.extend([der(2, &[7]), der(SEQUENCE, &[]), der(SEQUENCE, &[0; 200]), der(SEQUENCE, &validity)].concat());
        signed.extend(der(SEQUENCE, b"subject"));
        der(SEQUENCE, &[der(SEQUENCE, &signed), der(SEQUENCE, b"algorithm"), der(3, b"signature")].concat())
    }

    #[test]
    fn both_forms_of_times_are_read_with_and_without_a_version() {
        let (from, until) = ((UTC_TIME, "260302090000Z"), (GENERALIZED_TIME, "20510302090000Z"));
        for version in [true, false] {
            let found = Validity::of(&certificate(from, until, version)).unwrap();
            assert_eq!(found.from, "2026-03-02T09:00:00Z".parse().unwrap());
            assert_eq!(found.until, "2051-03-02T09:00:00Z".parse().unwrap());
        }
        let old = Validity::of(&certificate((UTC_TIME, "991231235959Z"), until, true)).unwrap();
        assert_eq!(old.from, "1999-12-31T23:59:59Z".parse().unwrap());
        let whole = certificate(from, until, true);
        assert!((0..whole.len()).all(|cut| Validity::of(&whole[..cut]).is_none()), "a part of one is none");
        assert_eq!(Validity::of(&certificate((UTC_TIME, "soon"), until, true)), None);
    }

    #[test]
    fn on_call_is_told_before_it_ends_and_not_while_others_renew_it() {
        let validity = |days: u64| {
            let from: Moment = "2026-03-02T09:00:00Z".parse().unwrap();
            Validity { from, until: from.plus(Period::days(days)) }
        };
        let told = |days: u64, left: u64| validity(days).code(validity(days).until.minus(Period::days(left)));
        assert_eq!(told(90, 15), None);
        assert_eq!(told(90, 14).as_deref(), Some("14d"));
        assert_eq!(told(90, 7).as_deref(), Some("7d"));
        assert_eq!(told(90, 1).as_deref(), Some("1d"));
        assert_eq!(told(90, 0).as_deref(), Some("over"));
        assert_eq!(told(6, 3), None, "of six days, the third is not a reason");
        assert_eq!(told(6, 2).as_deref(), Some("7d"));
    }
}
