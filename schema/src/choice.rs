//! What a person says to a question, and what became of one.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What a person decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Choice {
    /// Yes.
    Approve,
    /// No.
    Refuse,
}

impl Choice {
    /// The word in decisions, ledgers and forms.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Refuse => "refuse",
        }
    }

    /// As people say it: `yes` or `no`.
    pub const fn said(self) -> &'static str {
        match self {
            Self::Approve => "yes",
            Self::Refuse => "no",
        }
    }
}

impl FromStr for Choice {
    type Err = NoSuchChoice;

    fn from_str(word: &str) -> Result<Self, NoSuchChoice> {
        [Self::Approve, Self::Refuse].into_iter().find(|choice| choice.as_str() == word).ok_or(NoSuchChoice)
    }
}

/// Nobody decides so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoSuchChoice;

impl fmt::Display for NoSuchChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("is neither `approve` nor `refuse`")
    }
}

impl std::error::Error for NoSuchChoice {}

/// What became of a question to a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Word", into = "Word")]
pub enum QuestionEnd {
    /// Somebody decided.
    Decided(Choice),
    /// Nobody answered in time, which means no.
    Late,
}

impl QuestionEnd {
    /// The word in ledgers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Decided(choice) => choice.as_str(),
            Self::Late => "late",
        }
    }
}

/// The words of [`QuestionEnd`] on the wire.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Word {
    Approve,
    Refuse,
    Late,
}

impl From<Word> for QuestionEnd {
    fn from(word: Word) -> Self {
        match word {
            Word::Approve => Self::Decided(Choice::Approve),
            Word::Refuse => Self::Decided(Choice::Refuse),
            Word::Late => Self::Late,
        }
    }
}

impl From<QuestionEnd> for Word {
    fn from(end: QuestionEnd) -> Self {
        match end {
            QuestionEnd::Decided(Choice::Approve) => Self::Approve,
            QuestionEnd::Decided(Choice::Refuse) => Self::Refuse,
            QuestionEnd::Late => Self::Late,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_back() {
        for choice in [Choice::Approve, Choice::Refuse] {
            assert_eq!(choice.as_str().parse(), Ok(choice));
            assert_eq!(serde_json::to_value(choice).unwrap(), choice.as_str());
        }
        for end in [QuestionEnd::Decided(Choice::Approve), QuestionEnd::Decided(Choice::Refuse), QuestionEnd::Late] {
            assert_eq!(serde_json::to_value(end).unwrap(), end.as_str());
            assert_eq!(serde_json::from_value::<QuestionEnd>(end.as_str().into()).unwrap(), end);
        }
        assert_eq!("late".parse::<Choice>(), Err(NoSuchChoice));
    }
}
