//! Who looks, and the one function that says what they may see. Pure.
//!
//! # Source
//! engine.md section 8, promise P09: only engineers assigned to a client see that client, a decider only what is addressed
//! to the group.

use std::collections::BTreeSet;

use assent_schema::id::{ClientId, PersonId};

/// Who somebody says they are: names of clients' people and of the agency's are apart, and may be the same word.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Who {
    /// At which client; absent for the agency's people.
    pub client: Option<ClientId>,
    /// Who.
    pub person: PersonId,
}

/// What somebody may see, by the newest accepted release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Viewer {
    /// Who.
    pub who: Who,
    /// The clients to which they are assigned; empty for deciders.
    pub clients: BTreeSet<ClientId>,
    /// Whether root lists them as on-call.
    pub oncall: bool,
}

/// What a page shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight<'a> {
    /// What is addressed to the person.
    Own(&'a ClientId),
    /// Runs, queue, numbers and ledger of a client.
    Client(&'a ClientId),
    /// How a client's workflows stand: stages, holds, alerts. References without any run's facts.
    Standing(&'a ClientId),
    /// How the agent stands, about no client.
    Agent,
}

impl Viewer {
    /// Whether they may see it.
    pub fn may_see(&self, sight: Sight<'_>) -> bool {
        let is_agency = self.who.client.is_none();
        match sight {
            Sight::Own(client) => self.who.client.as_ref() == Some(client),
            Sight::Client(client) => is_agency && self.clients.contains(client),
            Sight::Standing(client) => is_agency && (self.oncall || self.clients.contains(client)),
            Sight::Agent => is_agency,
        }
    }

    /// Whether they may hold, resume and roll back workflows of a client.
    pub fn may_act(&self, client: &ClientId) -> bool {
        self.oncall && self.may_see(Sight::Standing(client))
    }

    /// Whether they may act on what concerns the agent itself.
    pub fn may_act_on_agent(&self) -> bool {
        self.oncall && self.may_see(Sight::Agent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(name: &str) -> ClientId {
        ClientId::new(name).unwrap()
    }

    fn viewer(at: Option<&str>, clients: &[&str], oncall: bool) -> Viewer {
        let who = Who { client: at.map(client), person: PersonId::new("lena").unwrap() };
        Viewer { who, clients: clients.iter().map(|name| client(name)).collect(), oncall }
    }

    #[test]
    fn everybody_sees_what_is_theirs_and_nothing_else() {
        let (acme, zenith) = (client("acme"), client("zenith"));
        // Own, client, standing, agent; each of acme, then of zenith; may act at acme, at zenith.
        for (who, own, whole, standing, agent, act) in [
            (viewer(Some("acme"), &[], false), [true, false], [false; 2], [false; 2], false, [false; 2]),
            // A decider whom a broken release calls assigned or on-call is a decider still.
            (viewer(Some("acme"), &["acme"], true), [true, false], [false; 2], [false; 2], false, [false; 2]),
            (viewer(None, &["acme"], false), [false; 2], [true, false], [true, false], true, [false; 2]),
            (viewer(None, &[], true), [false; 2], [false; 2], [true; 2], true, [true; 2]),
            (viewer(None, &["zenith"], true), [false; 2], [false, true], [true; 2], true, [true; 2]),
            (viewer(None, &[], false), [false; 2], [false; 2], [false; 2], true, [false; 2]),
        ] {
            for (place, one) in [&acme, &zenith].into_iter().enumerate() {
                assert_eq!(who.may_see(Sight::Own(one)), own[place], "own {who:?}");
                assert_eq!(who.may_see(Sight::Client(one)), whole[place], "client {who:?}");
                assert_eq!(who.may_see(Sight::Standing(one)), standing[place], "standing {who:?}");
                assert_eq!(who.may_act(one), act[place], "act {who:?}");
            }
            assert_eq!(who.may_see(Sight::Agent), agent, "{who:?}");
        }
    }
}
