//! How much a workflow may ask for: what the compiler reads from a source within these bounds, whoever reads a plan holds to them
//! too ([`super::Unwritten`]).

use std::ops::RangeInclusive;

use super::{QUIET_MOST, WAIT_MOST};
use crate::time::Period;

/// How far the signed time of a delivery may be off, where its sender says how it signs.
pub const TOLERANCE: RangeInclusive<Period> = Period::seconds(1)..=Period::hours(1);
/// The most steps of a workflow, those inside an `each` included.
pub const STEPS_MOST: usize = 200;
/// The most `[[cancel]]` of a workflow.
pub const CANCELS_MOST: usize = 10;
/// The time that a run may take.
pub const TIMEOUT: RangeInclusive<Period> = Period::seconds(1)..=Period::days(30);
/// Runs at once.
pub const CONCURRENCY: RangeInclusive<u32> = 1..=10_000;
/// How long a key is quiet.
pub const QUIET: RangeInclusive<Period> = Period::seconds(1)..=QUIET_MOST;
/// The most items of an `each`.
pub const ITEMS: RangeInclusive<u32> = 1..=1_000;
/// Items of an `each` at once.
pub const ITEMS_AT_ONCE: RangeInclusive<u32> = 1..=32;
/// Tokens of one answer of an AI.
pub const TOKENS: RangeInclusive<u32> = 1..=200_000;
/// Tries of one question to an AI.
pub const TRIES: RangeInclusive<u32> = 1..=10;
/// What one question may cost, in minor units.
pub const SPEND: RangeInclusive<u64> = 1..=1_000_000;
/// The constants of an answer: five bits at most.
pub const CHOICES: RangeInclusive<usize> = 2..=32;
/// A text that a model answers, in bytes.
pub const ANSWER_BYTES: RangeInclusive<u32> = 1..=1 << 20;
/// Sources that an answer cites.
pub const CITATIONS: RangeInclusive<u32> = 1..=100;
/// How long a person has to answer.
pub const DECIDE: RangeInclusive<Period> = Period::minutes(1)..=WAIT_MOST;
/// How long a `wait` waits.
pub const WAIT: RangeInclusive<Period> = Period::seconds(1)..=WAIT_MOST;
/// How long an answer may be kept; a day or more is `cache-too-long`.
pub const CACHE: RangeInclusive<Period> = Period::seconds(1)..=Period::seconds(24 * 60 * 60 - 1);
/// How often a list is read for news.
pub const POLL_EVERY: RangeInclusive<Period> = Period::seconds(10)..=Period::days(1);
/// How late an item may appear in such a list.
pub const POLL_LAG: RangeInclusive<Period> = Period::seconds(0)..=Period::days(7);
/// The delay between two attempts.
pub const DELAY: RangeInclusive<Period> = Period::seconds(1)..=Period::days(1);
/// One answer of an API, in bytes.
pub const RESPONSE_BYTES: RangeInclusive<u64> = 1..=16 << 20;
/// One attempt of a request.
pub const ATTEMPT: RangeInclusive<Period> = Period::seconds(1)..=Period::minutes(5);
/// The requests of a `rate`.
pub const RATE: RangeInclusive<u32> = 1..=1_000_000;
/// The time that a `rate` is about.
pub const RATE_PER: RangeInclusive<Period> = Period::seconds(1)..=Period::days(1);
/// How long an API remembers a key.
pub const KEY_LIVES: RangeInclusive<Period> = Period::minutes(1)..=Period::days(400);
/// How long until a `no` can be believed.
pub const SETTLES: RangeInclusive<Period> = Period::seconds(0)..=Period::days(7);
/// How often a job is looked at.
pub const JOB_EVERY: RangeInclusive<Period> = Period::seconds(1)..=Period::hours(1);
/// The time that a job takes.
pub const JOB: RangeInclusive<Period> = Period::seconds(1)..=Period::hours(24);
/// Pages of one list.
pub const PAGES: RangeInclusive<u32> = 1..=1_000;
/// The text of one field, in bytes.
pub const TEXT_BYTES: RangeInclusive<u32> = 1..=4 << 20;
/// Items of one list.
pub const LIST: RangeInclusive<u32> = 1..=100_000;
/// The constants of a `one_of`.
pub const CONSTANTS: RangeInclusive<usize> = 1..=1_000;
/// The characters of one of them.
pub const CONSTANT: RangeInclusive<usize> = 1..=64;
