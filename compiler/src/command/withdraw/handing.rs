//! Hands a signed statement to agents, where it counts at once.

use std::collections::BTreeMap;
use std::path::Path;

use assent_agent::people::wire;
use assent_schema::id::PersonId;
use assent_schema::trust::{Namespace, verify};
use serde_json::{Value, json};

use super::super::http::Authority;
use super::super::{Context, Outcome, approve};
use super::{Args, refuse_what_is_not};
use crate::error::Error;
use crate::publish::hand::quoted;
use crate::publish::listed::listed;
use crate::publish::sign::{signature_path, signatures_beside};

/// With which code an agent says that something is no statement that could count.
const NO_STATEMENT: &str = "bad_statement";

/// Agents, each with the URL by which it was named.
type Agents<'a> = [(&'a String, Authority)];

/// What an agent said to a statement that was handed to it.
struct Handed {
    to: String,
    /// Why it does not count there, as the agent says it.
    refused: Option<String>,
}

impl Handed {
    fn sentence(&self) -> String {
        match &self.refused {
            None => format!("{} has it: it counts there from now on.\n", self.to),
            Some(why) if why.ends_with(NO_STATEMENT) => {
                format!(
                    "{} did not take it ({why}): what is wrong with it there is wrong in a release as well.\n",
                    self.to
                )
            }
            Some(why) => format!("{} did not take it ({why}): there it counts from the next release on.\n", self.to),
        }
    }

    fn told(&self) -> Value {
        json!({ "to": self.to, "taken": self.refused.is_none(), "why": self.refused })
    }
}

/// What remains to be done where a statement is to be handed over and nobody signed it yet.
pub(super) fn later(args: &Args, name: &str, file: &Path) -> String {
    if args.agents.is_empty() {
        return String::new();
    }
    let to: Vec<String> = args.agents.iter().map(|to| format!(" --to {to}")).collect();
    let file = quoted(&file.display().to_string());
    format!("Then, to hand it over: assent {name} {} --signed {file}{}\n", args.client, to.concat())
}

/// Hands over a statement that somebody signed before.
pub(super) fn hand_over(
    args: &Args,
    name: &str,
    file: &Path,
    agents: &Agents<'_>,
    context: &mut Context<'_>,
) -> Result<Outcome, Error> {
    let (statement, bytes) = approve::read(file)?;
    let (decision, client) = (statement.says.as_str(), &statement.client);
    if decision != name || *client != args.client {
        let file = file.display();
        return Err(Error::input(format!(
            "{file} is no `{name}` of {}: it says `{decision}` of {client}",
            args.client
        )));
    }
    // Whoever only has the file cannot know what there is; the agent does.
    if args.root().join(format!("clients/{client}")).is_dir() {
        refuse_what_is_not(args, statement.cancels(), context)?;
    }
    let signatures = signatures(file, &bytes)?;
    if signatures.is_empty() {
        let how = approve::how_to_sign(file);
        return Err(Error::input(format!("nobody signed {} yet.\n{}", file.display(), how.trim_end())));
    }
    let text = String::from_utf8(bytes).map_err(|e| Error::internal("read the statement", e))?;
    let people: Vec<&str> = signatures.keys().map(PersonId::as_str).collect();
    let words = format!("{}\nsigned by {}\n", approve::words(&statement), people.join(", "));
    let told = (words, approve::told(file, &statement, None));
    hand(args, &wire::Handed { statement: text, signatures }, agents, told, context)
}

/// Hands a statement to each of some agents, and tells what they said beside what is told of it.
pub(super) fn hand(
    args: &Args,
    handed: &wire::Handed,
    agents: &Agents<'_>,
    (text, mut told): (String, Value),
    context: &mut Context<'_>,
) -> Result<Outcome, Error> {
    let body = serde_json::to_string(handed).map_err(|e| Error::internal("write the statement", e))?;
    let handed: Vec<Handed> = agents.iter().map(|(to, agent)| give(to, agent, &body)).collect();
    let sentences: String = handed.iter().map(Handed::sentence).collect();
    if let Some(told) = told.as_object_mut().filter(|_| !handed.is_empty()) {
        told.insert("handed".to_owned(), handed.iter().map(Handed::told).collect());
    }
    context.print_as(args.format, &format!("{text}{sentences}"), &told)?;
    Ok(if handed.iter().all(|handed| handed.refused.is_none()) { Outcome::Fine } else { Outcome::Findings })
}

/// Posts a statement to an agent. One that is away must keep nobody from handing it to the others.
fn give(to: &str, agent: &Authority, body: &str) -> Handed {
    let refused = match agent.post("/statements", &[], body) {
        Ok(answer) if (200..300).contains(&answer.status) => None,
        Ok(answer) => Some(format!("{}: {}", answer.status, answer.code())),
        Err(away) => Some(away.to_string()),
    };
    Handed { to: to.to_owned(), refused }
}

/// The signatures beside a statement, by who made them; none that would not count, as far as can be told here.
fn signatures(file: &Path, bytes: &[u8]) -> Result<BTreeMap<PersonId, String>, Error> {
    let mut found = BTreeMap::new();
    for (person, armour) in signatures_beside(file)? {
        if let Some(listed) = listed(file, bytes, Namespace::Approval, &person) {
            verify(bytes, &armour, Namespace::Approval, &listed.keys).map_err(|why| {
                let path = signature_path(file, &person);
                Error::input(format!("{} {why}, as {} says of {person}", path.display(), listed.list.display()))
            })?;
        }
        let armour = String::from_utf8(armour).map_err(|e| Error::internal("read a signature", e))?;
        found.insert(person, armour);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_that_could_never_count_is_not_said_to_count_later() {
        let said = |why: &str| Handed { to: "https://a".to_owned(), refused: Some(why.to_owned()) }.sentence();
        assert!(said("503: unavailable").contains("from the next release on"));
        assert!(!said("422: bad_statement").contains("from the next release on"));
    }
}
