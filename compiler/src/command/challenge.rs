//! How people who decide and start show an agent who they are: what they sign carries a challenge of its own.

use assent_agent::people::wire::{Challenge, Introduction};
use assent_schema::canon;
use assent_schema::id::{ClientId, PersonId};
use serde::Serialize;

use super::http::{Answer, Authority};
use crate::error::Error;

/// Asks for a challenge: the bytes that came, and what they say.
///
/// # Errors
/// When the agent cannot be reached, or gives one that is for somebody else.
pub(super) fn ask(agent: &Authority, client: &ClientId, person: &PersonId) -> Result<(String, Challenge), Error> {
    let introduction = Introduction { client: Some(client.clone()), person: person.clone() };
    let bytes = post(agent, "/v1/challenge", &introduction)?.success()?;
    let challenge: Challenge = canon::from_bytes(bytes.as_bytes())
        .map_err(|e| Error::input(format!("the agent's challenge is malformed: {e}")))?;
    if challenge.client.as_ref() != Some(client) || challenge.person != *person {
        return Err(Error::input("the agent's challenge is for somebody else"));
    }
    Ok((bytes, challenge))
}

/// Posts JSON.
///
/// # Errors
/// When the agent cannot be reached.
pub(super) fn post(agent: &Authority, path: &str, body: &impl Serialize) -> Result<Answer, Error> {
    let body = serde_json::to_string(body).map_err(|e| Error::internal("write the request", e))?;
    agent.post(path, &[], &body)
}

/// What a refusal says to who signed; `what` is what somebody of that name, client and key would do there.
pub(super) fn refused(answer: &Answer, (client, person): (&ClientId, &PersonId), what: &str) -> Error {
    Error::input(match answer.code().as_str() {
        "bad_signature" => format!(
            "nobody called `{person}` with this key {what} for {client} at this agent: look at the name, the client and the key"
        ),
        "bad_challenge" => "the agent's challenge was used or is over; do it again".to_owned(),
        "not_durable" => "the agent cannot write it down just now: its disk is full or its store fails".to_owned(),
        _ => answer.said(),
    })
}
