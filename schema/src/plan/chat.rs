//! How people are asked through a chat or a helpdesk: the catalog facts of a channel.
//!
//! # Source
//! engine.md section 8.

use serde::{Deserialize, Serialize};

use super::{Channel, Dialect, Event};
use crate::id::Name;

/// The most attempts of one message about a question.
pub const MESSAGE_TRIES_MOST: u32 = 8;
/// The parameters of the operation that posts a message in Slack.
pub const SLACK_POST: [&str; 3] = ["channel", "text", "blocks"];
/// What its answer tells: where the message stands.
pub const SLACK_POSTED: [&str; 2] = ["channel", "ts"];
/// The parameters of the operation that puts another message in its place.
pub const SLACK_UPDATE: [&str; 4] = ["channel", "ts", "text", "blocks"];
/// The parameters of the operation that writes a private note.
pub const HELPDESK_POST: [&str; 2] = ["ticket", "text"];
/// The fields of the event that answers: on which record, by whom, what they wrote.
pub const HELPDESK_ANSWER: [&str; 3] = ["ticket", "by", "text"];

/// How people are asked through a connection, and how their answers come back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Chat {
    /// A message with buttons to each decider who has an account; a press comes back as a signed interaction.
    Slack {
        /// The operation that posts: [`SLACK_POST`].
        post: Name,
        /// The operation that takes the buttons away once it was decided: [`SLACK_UPDATE`].
        #[serde(default, skip_serializing_if = "Option::is_none")]
        update: Option<Name>,
    },
    /// A private note on a record; a note that answers it comes back as a signed event.
    Helpdesk {
        /// The operation that writes the note: [`HELPDESK_POST`].
        post: Name,
        /// The event, of which [`HELPDESK_ANSWER`] are read.
        answer: Box<Event>,
    },
}

impl Chat {
    /// The operation that asks.
    pub fn post(&self) -> &Name {
        match self {
            Self::Slack { post, .. } | Self::Helpdesk { post, .. } => post,
        }
    }

    /// How answers are signed.
    pub fn dialect(&self) -> Dialect {
        match self {
            Self::Slack { .. } => Dialect::Slack,
            Self::Helpdesk { answer, .. } => answer.dialect,
        }
    }

    /// All operations of the channel.
    pub fn operations(&self) -> impl Iterator<Item = &Name> {
        let update = match self {
            Self::Slack { update, .. } => update.as_ref(),
            Self::Helpdesk { .. } => None,
        };
        std::iter::once(self.post()).chain(update)
    }

    /// Whether a decision asks through it in this way.
    pub fn is_of(&self, channel: &Channel) -> bool {
        matches!(
            (self, channel),
            (Self::Slack { .. }, Channel::Slack(_)) | (Self::Helpdesk { .. }, Channel::Helpdesk(_))
        )
    }
}

/// Who somebody is in Slack: ids of users are unique within a workspace alone.
///
/// # Shape
/// Written `<workspace>/<user>`, each of 1 to 32 capital letters and digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlackAccount<'a> {
    /// The id of the workspace.
    pub team: &'a str,
    /// The id of the user in it.
    pub user: &'a str,
}

impl<'a> SlackAccount<'a> {
    /// Reads an account as a client's file has it.
    pub fn read(text: &'a str) -> Option<Self> {
        let (team, user) = text.split_once('/')?;
        let fine =
            |id: &str| (1..=32).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
        (fine(team) && fine(user)).then_some(Self { team, user })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_of_slack_names_its_workspace() {
        assert_eq!(
            SlackAccount::read("T1DC2JH3J/U2CERLKJA"),
            Some(SlackAccount { team: "T1DC2JH3J", user: "U2CERLKJA" })
        );
        for bad in ["", "U2CERLKJA", "/U1", "T1/", "T1/U1/U2", "t1/u1", "T1/U 1", "T1/\u{202e}U1"] {
            assert_eq!(SlackAccount::read(bad), None, "{bad}");
        }
    }
}
