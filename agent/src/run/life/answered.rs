//! What became of questions that a run asks nobody any more, from its journal. Pure.
//!
//! The journal knows a question by its step; whoever follows an old link knows its nonce. So the run that asked is kept by the
//! nonce for a while.

use assent_schema::canon::Digest;
use assent_schema::choice::QuestionEnd;
use assent_schema::id::PersonId;

use crate::store::{Entry, JournalRow, RunId, Store, StoreError, Waiting, Write};
use crate::world::Wall;

/// Where the store keeps which run asked a question, by its nonce.
const ASKED: &str = "asked/";
/// So long that is kept after the question was put.
const KEPT_MILLIS: i64 = 30 * 24 * 60 * 60 * 1_000;

/// What became of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// The question.
    pub waiting: Waiting,
    /// How it ended; nothing where the run ended before anybody decided.
    pub end: Option<QuestionEnd>,
    /// Who decided.
    pub by: Option<PersonId>,
    /// When.
    pub at: Wall,
}

/// The questions of a run that were put and are not asked any more, oldest first. What was shown of one before it was put anew
/// ended with it.
pub fn answered(rows: &[JournalRow]) -> Vec<Answered> {
    let mut open: Vec<&Waiting> = Vec::new();
    let mut over = Vec::new();
    for row in rows {
        let ends = |waiting: &&Waiting| match &row.entry {
            Entry::Decided { step, item, guardrail, .. } => {
                (&waiting.step, &waiting.item, waiting.guardrail) == (step, item, *guardrail)
            }
            Entry::Ended { .. } => true,
            _ => false,
        };
        let (end, by) = match &row.entry {
            Entry::Asked(waiting) => {
                open.push(waiting);
                continue;
            }
            Entry::Decided { choice, by: Some(by), .. } => (Some(QuestionEnd::Decided(*choice)), Some(by.clone())),
            Entry::Decided { by: None, .. } => (Some(QuestionEnd::Late), None),
            _ => (None, None),
        };
        let ended = open.extract_if(.., |waiting| ends(waiting));
        over.extend(ended.map(|waiting| Answered { waiting: waiting.clone(), end, by: by.clone(), at: row.at }));
    }
    over
}

/// Remembers which run asks a question.
pub(in crate::run) fn asks(waiting: &Waiting) -> Write {
    let value = format!("{} {}", waiting.run, waiting.since);
    Write::State { name: format!("{ASKED}{}", waiting.nonce), value: Some(value.into_bytes()) }
}

/// The run that asked a question; nothing where nobody did, or too long ago.
///
/// # Errors
/// [`StoreError`].
pub fn asked_by<S: Store>(store: &S, nonce: &Digest) -> Result<Option<RunId>, StoreError> {
    let value = store.state(&format!("{ASKED}{nonce}"))?;
    Ok(value.as_deref().and_then(read).map(|(run, _)| run))
}

/// What forgets the questions that were put too long ago.
///
/// # Errors
/// [`StoreError`].
pub fn forget_asked<S: Store>(store: &S, now: Wall) -> Result<Vec<Write>, StoreError> {
    let is_old = |value: &[u8]| read(value).is_none_or(|(_, since)| now.millis().saturating_sub(since) > KEPT_MILLIS);
    let old = store.states(ASKED)?.into_iter().filter(|(_, value)| is_old(value));
    Ok(old.map(|(name, _)| Write::State { name, value: None }).collect())
}

fn read(value: &[u8]) -> Option<(RunId, i64)> {
    let (run, since) = std::str::from_utf8(value).ok()?.split_once(' ')?;
    Some((run.parse().ok()?, since.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn asked(step: &str, item: Option<&str>, nonce: &str) -> Value {
        json!({"asked": {"run": format!("{:032x}", 5), "client": "acme", "workflow": "refund", "plan": "ab".repeat(32), "step": step,
            "item": item, "guardrail": false, "by": "leads", "since": 1, "until": 9, "nonce": nonce.repeat(32), "shown": "cd".repeat(32), "keyed": {}}})
    }

    #[test]
    fn each_question_ends_with_its_own_answer_or_with_its_run() {
        let decided = |step: &str, item: Option<&str>, by: Option<&str>| json!({"decided": {"step": step, "item": item, "choice": if by.is_some() { "approve" } else { "refuse" }, "by": by}});
        let rows = [
            asked("agree", Some("a"), "01"),
            asked("agree", Some("b"), "02"),
            // It was put anew: what it shows had changed.
            asked("agree", Some("a"), "03"),
            decided("agree", Some("a"), Some("lena")),
            asked("other", None, "04"),
            decided("agree", Some("b"), None),
            json!({"ended": {"ending": "superseded", "code": "cancelled"}}),
        ];
        let row = |(place, entry): (usize, &Value)| JournalRow {
            at: Wall::from_millis(i64::try_from(place).unwrap()),
            entry: serde_json::from_value(entry.clone()).unwrap(),
        };
        let rows: Vec<JournalRow> = rows.iter().enumerate().map(row).collect();
        let found = answered(&rows).into_iter().map(|one| {
            let nonce = one.waiting.nonce.to_string().chars().take(2).collect::<String>();
            let end = one.end.map_or("ended", |end| end.as_str());
            format!("{nonce} {end} {} {}", one.by.map_or_else(String::new, |by| by.to_string()), one.at.millis())
        });
        let wanted = ["01 approve lena 3", "03 approve lena 3", "02 late  5", "04 ended  6"];
        assert_eq!(found.collect::<Vec<_>>(), wanted);
        assert!(answered(&rows[..3]).is_empty(), "all of them are asked");
    }
}
