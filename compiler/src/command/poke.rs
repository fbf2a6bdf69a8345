//! Asks agents to look for releases now. Whoever is away comes by itself within its poll.

use assent_agent::people::wire;
use assent_schema::canon::{self, Digest};
use assent_schema::status::Poke;
use assent_schema::time::Moment;
use assent_schema::trust::Namespace;
use serde_json::{Value, json};

use super::http::Authority;
use crate::error::Error;
use crate::publish::prepare::Target;
use crate::publish::sign::KeyFile;

/// What an agent said to a poke.
pub(super) struct Answered {
    to: String,
    /// Why it does not look, as it says it.
    why: Option<String>,
}

impl Answered {
    pub(super) fn sentence(&self) -> String {
        match &self.why {
            None => format!("{} looks for the release now\n", self.to),
            Some(why) => format!("{} was not poked ({why}); it looks by itself within its poll\n", self.to),
        }
    }

    pub(super) fn told(&self) -> Value {
        json!({ "to": self.to, "taken": self.why.is_none(), "why": self.why })
    }
}

/// Where pokes go: read before anything is published.
pub(super) fn agents(urls: &[String]) -> Result<Vec<(&String, Authority)>, Error> {
    urls.iter().map(|url| Ok((url, Authority::new(url)?))).collect()
}

/// Pokes one agent, of whom it is not known in which of the regions it works: it takes the one for its own.
///
/// # Errors
/// When a key cannot be read.
pub(super) fn poke(
    (to, agent): &(&String, Authority),
    project: Digest,
    targets: &[Target],
    keys: &[KeyFile],
    now: Moment,
) -> Result<Answered, Error> {
    let mut why = None;
    for Target { environment, region } in targets {
        let poke = Poke::new(project, environment.clone(), region.clone(), now);
        let poke = canon::to_bytes(&poke).map_err(|e| Error::internal("write the poke", e))?;
        let signatures = keys.iter().map(|key| Ok((key.person.clone(), key.read()?.sign(Namespace::Poke, &poke)?)));
        let signatures = signatures.collect::<Result<_, Error>>()?;
        let body = wire::Poked { poke: String::from_utf8_lossy(&poke).into_owned(), signatures };
        let body = serde_json::to_string(&body).map_err(|e| Error::internal("write the poke", e))?;
        match agent.post("/poke", &[], &body) {
            Ok(answer) if (200..300).contains(&answer.status) => {
                return Ok(Answered { to: (*to).clone(), why: None });
            }
            Ok(answer) => why = Some(format!("{}: {}", answer.status, answer.code())),
            Err(away) => {
                why = Some(away.to_string());
                break;
            }
        }
    }
    Ok(Answered { to: (*to).clone(), why: why.or_else(|| Some("nothing was released".to_owned())) })
}
