//! Asks the running agent what anybody may ask, or its state folder where none runs.

use super::Call;
use crate::control::{Answer, Question, Said, client, offline};
use crate::error::Error;

/// The answer to a question; a refusal is an error.
///
/// # Errors
/// When there is no answer, or when the agent says no.
pub(super) fn ask(call: &Call, question: &Question) -> Result<Answer, Error> {
    let config = call.config()?;
    let answer = match client::ask(&config.state.socket(), &Said::Question(question.clone()))? {
        Some(answer) => answer,
        None => offline::answer(&config, question)?,
    };
    match answer {
        Answer::Refused { what, help } => Err(Error::refused(what).help(help)),
        answer => Ok(answer),
    }
}

/// An answer to another question than the one that was asked.
pub(super) fn unexpected() -> Error {
    Error::environment("the running agent is of another version")
        .help("Use the `assent-agent` of the version that runs.")
}
