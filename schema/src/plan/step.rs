//! What a run does: one step after the other.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Argument, Event, Expression, Retry};
use crate::id::{ConnectionId, GroupId, Name, OperationRef};
use crate::shape::currency_digits;
use crate::time::Period;

/// One step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Its id, unique in the workflow; expressions read its result by this name.
    pub id: Name,
    /// It runs only when this is true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<Expression>,
    /// Neighbours of one group run together; none of them reads another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parallel: Option<Name>,
    /// Failures after which the run goes on without it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub continue_on: BTreeSet<Name>,
    /// What it does.
    pub action: Action,
}

impl Step {
    /// The walk whose items have this name.
    pub fn walks(&self, item: &Name) -> Option<&Each> {
        match &self.action {
            Action::Each(each) if each.item == *item => Some(each),
            _ => None,
        }
    }

    /// The steps inside it; none but for an `each`.
    pub fn inner(&self) -> &[Self] {
        match &self.action {
            Action::Each(each) => &each.steps,
            Action::Call { .. }
            | Action::Ask { .. }
            | Action::Decide { .. }
            | Action::Set { .. }
            | Action::Wait { .. }
            | Action::Stop { .. } => &[],
        }
    }
}

/// What a step does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Action {
    /// Calls an operation.
    Call {
        /// Which.
        operation: OperationRef,
        /// Its parameters.
        with: BTreeMap<Name, Argument>,
        /// How it is retried.
        retry: Retry,
        /// The text parameter whose value comes from this earlier `call` with `park`, read back when it is needed again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        parked: Option<Name>,
        /// How long the answer of a read may be served again instead of asking anew; less than 24 hours.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cache: Option<Period>,
    },
    /// Asks an AI provider.
    Ask {
        /// The connection to the provider.
        connection: ConnectionId,
        /// The prompt's text.
        prompt: String,
        /// What is put beside the prompt.
        with: BTreeMap<Name, Argument>,
        /// A list of sources to cite: records with `id` and `text`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sources: Option<Expression>,
        /// The fields of the answer; the shapes are `OneOf`, `Integer`, `Decimal`, `Boolean`, `Text` or `Token`, or a list
        /// of citations.
        answer: BTreeMap<Name, Answer>,
        /// What it may use.
        limit: AskLimit,
    },
    /// Asks a person.
    Decide {
        /// The group that decides.
        by: GroupId,
        /// What is shown: paths like `ticket.subject`.
        show: Vec<String>,
        /// What the person may edit: paths that are shown.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        edit: Vec<String>,
        /// How long; then the answer is no.
        within: Period,
        /// Through which channels.
        via: Vec<Channel>,
    },
    /// Computes values.
    Set {
        /// By name.
        values: BTreeMap<Name, Argument>,
    },
    /// Does some steps for each item of a list.
    Each(Box<Each>),
    /// Lets time pass, or waits for an event; the run gives its place back meanwhile.
    Wait {
        /// How long.
        until: Until,
    },
    /// Ends the run early; inside an `each`, the item.
    Stop {
        /// How the run is called that ended here.
        outcome: Name,
    },
}

/// A walk over a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Each {
    /// The list.
    pub over: Expression,
    /// What the steps inside call the item.
    pub item: Name,
    /// What tells items apart, for journal and idempotency keys: a fact. Items that share a key are done by nobody.
    pub key: Expression,
    /// The most items; a longer list fails before the first.
    pub max: u32,
    /// Items at once.
    pub parallel: u32,
    /// What becomes of the others when an item fails.
    pub on_error: OnItemError,
    /// The steps in order; at least one, none of them an `each`.
    pub steps: Vec<Step>,
}

/// What becomes of the other items when one fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnItemError {
    /// No further item begins, and the run fails once those that began are done.
    #[default]
    Stop,
    /// The others go on; the failures are counted.
    Collect,
}

/// The longest that a person, a moment or an event is waited for.
pub const WAIT_MOST: Period = Period::days(30);

/// How long a `wait` waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Until {
    /// So long.
    For(Period),
    /// So much of the client's business time.
    Business(Period),
    /// Until a moment.
    At(Expression),
    /// Until an event comes, or the time is over.
    Event(Box<Awaited>),
}

/// An event that a `wait` waits for. It counts from the moment the run was accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Awaited {
    /// Which event; its fields are facts.
    pub on: Event,
    /// The field of the event that tells whose it is.
    pub key: Name,
    /// What the field must equal: a fact of the run.
    #[serde(rename = "match")]
    pub equals: Expression,
    /// How long.
    pub within: Period,
}

/// An event that ends runs `superseded`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cancel {
    /// Which event; its only field is the key.
    pub on: Event,
    /// The field of the event that tells whose it is.
    pub key: Name,
    /// What the field must equal: a fact of the run's trigger.
    #[serde(rename = "match")]
    pub equals: Expression,
}

/// One field of an AI's answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Answer {
    /// One of these constants, 2 to 32: a fact, costed in bits.
    OneOf(Vec<String>),
    /// A decimal between two bounds; content.
    Number {
        /// The least, as decimal text.
        least: String,
        /// The most, as decimal text.
        most: String,
    },
    /// True or false; content.
    Boolean {},
    /// A text up to so many bytes; content.
    Text {
        /// The largest size in bytes.
        most_bytes: u32,
    },
    /// Ids of the sources given; each must be one of them.
    Citations {
        /// The greatest number of them.
        most: u32,
    },
}

/// What an `ask` may use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AskLimit {
    /// Tokens of one answer.
    pub tokens: u32,
    /// Tries in all, invalid answers included.
    pub tries: u32,
    /// Money for all tries together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spend: Option<Spend>,
}

/// What the tries of an `ask` may cost together, at the provider's prices as they were when the plan was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spend {
    /// Minor units.
    pub most: u64,
    /// ISO 4217.
    pub currency: String,
    /// What a token costs that goes in, in billionths of a minor unit.
    pub input: u64,
    /// What a token costs that comes out, in billionths of a minor unit.
    pub output: u64,
}

impl Spend {
    /// From prices as decimal texts for a million tokens; what is no price, or too high a one, gives none. Rounded up.
    pub fn at(most: u64, currency: &str, input: &str, output: &str) -> Option<Self> {
        let digits = currency_digits(currency);
        let (input, output) = (billionths(input, digits)?, billionths(output, digits)?);
        Some(Self { most, currency: currency.to_owned(), input, output })
    }

    /// What one try costs at most, in minor units, rounded up: no token is shorter than a byte.
    pub fn of_one(&self, bytes: u64, tokens: u32) -> u128 {
        self.billionths(bytes, tokens).div_ceil(BILLION)
    }

    /// Whether so many tries of the same request stay within it, each at its worst.
    pub fn allows(&self, tries: u32, bytes: u64, tokens: u32) -> bool {
        self.billionths(bytes, tokens).saturating_mul(tries.into()) <= u128::from(self.most).saturating_mul(BILLION)
    }

    fn billionths(&self, bytes: u64, tokens: u32) -> u128 {
        let input = u128::from(bytes).saturating_mul(self.input.into());
        input.saturating_add(u128::from(tokens).saturating_mul(self.output.into()))
    }
}

const BILLION: u128 = 1_000_000_000;
/// The most decimal places of a price that count.
const PLACES: usize = 9;

/// A price of a million tokens in major units, as the price of one in billionths of a minor unit.
fn billionths(price: &str, digits: u32) -> Option<u64> {
    let (whole, part) = price.split_once('.').unwrap_or((price, ""));
    let (kept, rest) = part.split_at_checked(PLACES).unwrap_or((part, ""));
    let whole: u128 = whole.parse().ok()?;
    let kept: u128 = format!("{kept:0<PLACES$}").parse().ok()?;
    let more = u128::from(rest.bytes().any(|digit| digit != b'0'));
    let scaled = whole.checked_mul(BILLION)?.checked_add(kept)?.checked_add(more)?;
    // Major units of a million, times a billion: to minor units of one token, in billionths.
    let scaled = scaled.checked_mul(10_u128.checked_pow(digits)?)?.checked_mul(1_000)?;
    u64::try_from(scaled.div_ceil(BILLION)).ok()
}

/// How a person is asked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    /// A page of the agent.
    Page,
    /// The command line.
    Cli,
    /// A Slack connection of the client.
    Slack(ConnectionId),
    /// A helpdesk connection of the client.
    Helpdesk(Noted),
}

/// Where a private note is written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Noted {
    /// The helpdesk.
    pub connection: ConnectionId,
    /// The record: one of the paths that are shown, a fact.
    pub on: String,
}

impl Channel {
    /// The connection of a chat or helpdesk.
    pub fn connection(&self) -> Option<&ConnectionId> {
        match self {
            Self::Page | Self::Cli => None,
            Self::Slack(connection) | Self::Helpdesk(Noted { connection, .. }) => Some(connection),
        }
    }

    /// Whether it is one of the agent's own, where all that is shown may be seen.
    pub fn is_own(&self) -> bool {
        self.connection().is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_counted_in_billionths_and_rounded_up() {
        // 2.5 euros a million tokens are 0.00025 cents a token.
        for (currency, price, each) in [
            ("EUR", "2.5", Some(250_000)),
            ("EUR", "0", Some(0)),
            ("JPY", "2.5", Some(2_500)),
            ("KWD", "2.5", Some(2_500_000)),
            ("JPY", "0.0000000001", Some(1)),
            ("EUR", "0.123456789", Some(12_346)),
            ("EUR", "99999999999999999999", None),
            ("EUR", "", None),
            ("EUR", "-1", None),
        ] {
            assert_eq!(Spend::at(1, currency, price, "0").map(|spend| spend.input), each, "{currency} {price}");
            assert_eq!(Spend::at(1, currency, "0", price).map(|spend| spend.output), each, "{currency} {price}");
        }
    }

    #[test]
    fn tries_are_counted_at_their_worst() {
        let spend = Spend::at(5, "EUR", "2.5", "10").unwrap();
        // 2,000 tokens out are 2 cents; 2,000 bytes in at most half a cent.
        assert_eq!((spend.of_one(0, 2_000), spend.of_one(1, 2_000), spend.of_one(2_000, 2_000)), (2, 3, 3));
        assert!(spend.allows(2, 2_000, 2_000) && !spend.allows(2, 2_001, 2_000) && !spend.allows(3, 2_000, 2_000));
        assert!(!spend.allows(u32::MAX, u64::MAX, u32::MAX));
    }
}
