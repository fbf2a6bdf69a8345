//! Exponential backoff with full jitter, `Retry-After` honoured and capped, ended by attempts and by deadline.
//!
//! # Source
//! engine.md section 3, "Failing". Promise P18.

use std::time::Duration;

use assent_schema::plan::Retry;

/// The longest `Retry-After` that is honoured; a longer one is cut to this, so that no server can park a run for days.
pub const RETRY_AFTER_MOST: Duration = Duration::from_hours(1);

/// What is waited where an API asks to: the step that is as long or longer, in seconds. Which one is all that its wish tells;
/// an API that was given content could else write some of it into a time that is kept.
const STEPS: [u64; 13] = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1_200, 1_800, 3_600];

/// What follows a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// One more attempt after this time.
    After(Duration),
    /// All attempts are used.
    NoAttempts,
    /// The next attempt would begin at or after the deadline.
    NoTime,
}

/// Decides what follows attempt number `attempt` (from 1), which failed in a way that allows another one.
///
/// # Shape
/// `left` is the time to the deadline. `dice` is a uniform random number. The delay is uniform in
/// `[0, min(most, first · 2^(attempt − 1))]`, and at least the `Retry-After` that the answer gave, to the next step.
pub fn next(retry: &Retry, attempt: u32, retry_after: Option<Duration>, left: Duration, dice: u64) -> Next {
    if attempt >= retry.attempts {
        return Next::NoAttempts;
    }
    let asked = retry_after.map_or(Duration::ZERO, stepped);
    let delay = share(ceiling(retry, attempt), dice).max(asked);
    if delay < left { Next::After(delay) } else { Next::NoTime }
}

/// A wish to the next step.
fn stepped(asked: Duration) -> Duration {
    let step = STEPS.into_iter().map(Duration::from_secs).find(|step| asked <= *step);
    if asked.is_zero() { Duration::ZERO } else { step.unwrap_or(RETRY_AFTER_MOST) }
}

/// The longest delay that backoff alone gives after this attempt.
pub fn ceiling(retry: &Retry, attempt: u32) -> Duration {
    // 2^32 seconds are beyond every `most`, so a larger exponent changes nothing.
    let doublings = attempt.saturating_sub(1).min(32);
    let seconds = retry.first.as_seconds().saturating_mul(1 << doublings);
    Duration::from_secs(seconds.min(retry.most.as_seconds()))
}

/// The part of a span that the dice choose: `span · dice / 2^64`.
fn share(span: Duration, dice: u64) -> Duration {
    let nanos = (span.as_nanos() * u128::from(dice)) >> 64;
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// Reads a `Retry-After` header.
///
/// # Shape
/// Seconds, or a date. Seconds with a fraction, as some servers write them, are rounded up. A date is compared with the `Date`
/// of the same answer: both are of the server's clock, and nothing says that ours agrees with it. Answers without one have the
/// moment of their arrival there.
///
/// # Source
/// RFC 9110 sections 10.2.3, 6.6.1 and 5.6.7.
pub fn retry_after(header: &str, date: Option<&str>) -> Option<Duration> {
    let text = header.trim_matches([' ', '\t']);
    if let Some(seconds) = whole_seconds(text) {
        return Some(Duration::from_secs(seconds).min(RETRY_AFTER_MOST));
    }
    let seconds = http_date(text)?.checked_sub(http_date(date?)?)?;
    // A date that is over asks for no pause.
    Some(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)).min(RETRY_AFTER_MOST))
}

/// Seconds, with or without a fraction, rounded up: never earlier than asked.
fn whole_seconds(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let numeric = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    // More digits than a u64 holds mean "very long", not "absent".
    let seconds: u64 = (numeric(whole) && numeric(fraction)).then(|| whole.parse().unwrap_or(u64::MAX))?;
    Some(seconds.saturating_add(u64::from(fraction.bytes().any(|b| b != b'0'))))
}

/// Seconds since 1970 of a date as servers write it: `Sun, 06 Nov 1994 08:49:37 GMT`, and the two older forms,
/// `Sunday, 06-Nov-94 08:49:37 GMT` and `Sun Nov  6 08:49:37 1994`. Of two digits of a year, 69 to 99 are of the last century.
/// The day of the week is not looked at.
fn http_date(text: &str) -> Option<i64> {
    let text = text.trim_matches([' ', '\t']);
    let read = |form, text| jiff::civil::DateTime::strptime(form, text).ok();
    let date = match text.strip_suffix(" GMT").and_then(|text| text.split_once(", ")) {
        Some((_, date)) => read("%d %b %Y %H:%M:%S", date).or_else(|| read("%d-%b-%y %H:%M:%S", date)),
        None => read("%b %d %H:%M:%S %Y", text.split_once(' ')?.1),
    };
    jiff::tz::TimeZone::UTC.to_timestamp(date?).ok().map(jiff::Timestamp::as_second)
}

#[cfg(test)]
mod tests {
    use super::*;
    use assent_schema::time::Period;
    use proptest::prelude::*;

    const RETRY: Retry = Retry { attempts: 5, first: Period::seconds(1), most: Period::minutes(1) };
    const LONG: Duration = Duration::from_secs(1_000_000);

    #[test]
    fn the_ceiling_doubles_up_to_the_longest_delay() {
        let seconds: Vec<_> = (1..=8).map(|n| ceiling(&RETRY, n).as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(ceiling(&RETRY, u32::MAX).as_secs(), 60);
    }

    #[test]
    fn the_last_attempt_is_the_last() {
        assert!(matches!(next(&RETRY, 4, None, LONG, 0), Next::After(_)));
        assert_eq!(next(&RETRY, 5, None, LONG, 0), Next::NoAttempts);
        assert_eq!(next(&Retry::ONCE, 1, None, LONG, 0), Next::NoAttempts);
    }

    #[test]
    fn a_delay_that_reaches_the_deadline_ends_it() {
        let asked = Some(Duration::from_secs(30));
        assert_eq!(next(&RETRY, 1, asked, Duration::from_secs(30), 0), Next::NoTime);
        assert_eq!(next(&RETRY, 1, asked, Duration::from_secs(31), 0), Next::After(Duration::from_secs(30)));
    }

    #[test]
    fn what_is_asked_for_is_waited_to_the_next_of_a_few_steps() {
        let waits: std::collections::BTreeSet<_> = (0..=4_000_000)
            .step_by(333)
            .map(|millis| match next(&RETRY, 1, Some(Duration::from_millis(millis)), LONG, 0) {
                Next::After(wait) => wait,
                end => panic!("{end:?}"),
            })
            .collect();
        assert_eq!(waits.len(), STEPS.len() + 1);
        assert_eq!(stepped(Duration::from_millis(1)), Duration::from_secs(1));
        assert_eq!(stepped(Duration::from_secs(45)), Duration::from_mins(1));
        assert_eq!(stepped(Duration::from_mins(1)), Duration::from_mins(1));
    }

    #[test]
    fn retry_after_is_read_in_seconds_and_capped() {
        assert_eq!(retry_after(" 120 ", None), Some(Duration::from_mins(2)));
        assert_eq!(retry_after("99999999999999999999999", None), Some(RETRY_AFTER_MOST));
        for (decimal, seconds) in [("2.0", 2), ("1.5", 2), ("0.001", 1), ("0.0", 0)] {
            assert_eq!(retry_after(decimal, None), Some(Duration::from_secs(seconds)), "{decimal}");
        }
        for bad in ["", "-1", "1.", ".5", "1.5.2", "1,5", "1e3", "soon", "Wed, 21 Oct 2015 07:28:00 GMT", "1 2"] {
            assert_eq!(retry_after(bad, None), None, "{bad}");
        }
    }

    #[test]
    fn a_date_is_compared_with_the_servers_own() {
        let at = |after, date| retry_after(after, Some(date)).map(|after| after.as_secs());
        let date = "Wed, 21 Oct 2015 07:28:00 GMT";
        assert_eq!(at("Wed, 21 Oct 2015 07:29:30 GMT", date), Some(90));
        assert_eq!(at("Wed, 21 Oct 2015 07:27:00 GMT", date), Some(0), "it is over");
        assert_eq!(at("Thu, 22 Oct 2015 07:28:00 GMT", date), Some(RETRY_AFTER_MOST.as_secs()));
        for older in ["Wednesday, 21-Oct-15 07:29:30 GMT", "Wed Oct 21 07:29:30 2015"] {
            assert_eq!(at(older, date), Some(90), "{older}");
            assert_eq!(at("Wed, 21 Oct 2015 07:29:31 GMT", older), Some(1), "{older}");
        }
        assert_eq!(http_date("Sun Nov  6 08:49:37 1994"), http_date("Sunday, 06-Nov-94 08:49:37 GMT"));
        for bad in [
            "soon",
            "",
            "Wed, 21 Oct 2015 07:28:00 CET",
            "Wed Oct 21 07:28:00 2015 CET",
            "Wednesday, 21-Oct-15 GMT",
            "Wed, 31 Feb 2015 07:28:00 GMT",
        ] {
            assert_eq!(at(bad, date), None, "{bad}");
            assert_eq!(at(date, bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn every_delay_is_in_bounds(
            attempts in 1_u32..=20,
            first in 1_u64..=600,
            more in 0_u64..=3_600,
            attempt in 1_u32..=25,
            asked in proptest::option::of(0_u64..=100_000),
            left in 0_u64..=100_000,
            dice in any::<u64>(),
        ) {
            let retry = Retry { attempts, first: Period::seconds(first), most: Period::seconds(first + more) };
            let left = Duration::from_secs(left);
            match next(&retry, attempt, asked.map(Duration::from_secs), left, dice) {
                Next::After(delay) => {
                    prop_assert!(attempt < attempts && delay < left);
                    prop_assert!(delay <= retry.most.duration().max(RETRY_AFTER_MOST));
                    if let Some(asked) = asked {
                        prop_assert!(delay >= Duration::from_secs(asked).min(RETRY_AFTER_MOST));
                    } else {
                        prop_assert!(delay <= ceiling(&retry, attempt));
                    }
                }
                Next::NoAttempts => prop_assert!(attempt >= attempts),
                Next::NoTime => prop_assert!(attempt < attempts),
            }
        }

        #[test]
        fn the_dice_reach_the_whole_span(span in 1_u64..=1_000_000, dice in any::<u64>()) {
            let span = Duration::from_secs(span);
            prop_assert_eq!(share(span, 0), Duration::ZERO);
            prop_assert!(share(span, u64::MAX) < span);
            prop_assert!(span.checked_sub(share(span, u64::MAX)).unwrap() <= Duration::from_nanos(1));
            prop_assert!(share(span, dice) < span);
        }
    }
}
