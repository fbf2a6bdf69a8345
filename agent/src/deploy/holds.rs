//! Stops by people: triggers are kept and runs wait, until somebody resumes or the time is over. Pure.
//!
//! # Source
//! design.md section 2 (hold), engine.md section 3. Promises P11, P24.

use assent_schema::canon;
use assent_schema::id::{ClientId, PersonId};
use assent_schema::ledger::HeldWhat;
use assent_schema::status::Hold;

use crate::run::Use;
use crate::store::{Log, Note, Store, StoreError, Write};

/// Where the store keeps what is held.
const PREFIX: &str = "holds/";

/// The holds as they were made durable.
///
/// # Errors
/// When the store cannot be read or holds something else.
pub fn load(store: &impl Store) -> Result<Vec<Hold>, StoreError> {
    let damaged = StoreError::Damaged("a row of the holds");
    let read = |bytes: &[u8]| canon::from_bytes(bytes).or(Err(damaged.clone()));
    store.states(PREFIX)?.iter().map(|(_, bytes)| read(bytes)).collect()
}

/// Whether a hold keeps a step from going on. By the time that work is dated with: a clock that runs ahead ends no hold.
pub fn stops(hold: &Hold, of: &Use<'_>) -> bool {
    let concerned = match &hold.what {
        HeldWhat::Client => true,
        HeldWhat::Workflow(workflow) => workflow == of.workflow,
        HeldWhat::Connection(connection) => Some(connection) == of.connection,
    };
    concerned && hold.client == *of.client && of.now < hold.until
}

/// What a hold writes. It takes the place of one on the same thing.
///
/// # Errors
/// [`StoreError::Damaged`] when it has no canonical form, which no hold has.
pub fn begin(hold: &Hold) -> Result<[Write; 2], StoreError> {
    let value = canon::to_bytes(hold).or(Err(StoreError::Damaged("a hold without canonical form")))?;
    let what = serde_json::to_value(&hold.what).or(Err(StoreError::Damaged("a hold without canonical form")))?;
    let note = Note::new(Log::Client(hold.client.clone()), "held")
        .fact("id", hold.id.as_str())
        .fact("what", what)
        .fact("why", hold.why.as_str())
        .fact("until", hold.until.to_string());
    let note = Note { actor: Some(hold.by.clone()), ..note };
    Ok([Write::State { name: name(&hold.client, &hold.what), value: Some(value) }, Write::Note(Box::new(note))])
}

/// What the end of a hold writes: by somebody, or by time alone.
pub fn end(hold: &Hold, by: Option<&PersonId>) -> [Write; 2] {
    let note = Note::new(Log::Client(hold.client.clone()), "resumed").fact("id", hold.id.as_str());
    let note = Note { actor: by.cloned(), ..note };
    [Write::State { name: name(&hold.client, &hold.what), value: None }, Write::Note(Box::new(note))]
}

/// One hold on each thing: a second one takes its place.
fn name(client: &ClientId, what: &HeldWhat) -> String {
    match what {
        HeldWhat::Client => format!("{PREFIX}{client}"),
        HeldWhat::Workflow(workflow) => format!("{PREFIX}{client}/workflow/{workflow}"),
        HeldWhat::Connection(connection) => format!("{PREFIX}{client}/connection/{connection}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use assent_schema::canon::Digest;
    use assent_schema::id::{ConnectionId, WorkflowId};
    use assent_schema::time::Moment;

    fn hold(client: &str, what: HeldWhat) -> Hold {
        Hold {
            id: "h-1".parse().unwrap(),
            client: client.parse().unwrap(),
            what,
            why: "INC-7".parse().unwrap(),
            by: "omar".parse().unwrap(),
            since: "2026-06-01T10:00:00Z".parse().unwrap(),
            until: "2026-06-01T12:00:00Z".parse().unwrap(),
        }
    }

    #[test]
    fn a_hold_stops_what_it_names_until_its_end() {
        let (client, workflow): (ClientId, WorkflowId) = ("acme".parse().unwrap(), "refund".parse().unwrap());
        let (shop, mail): (ConnectionId, ConnectionId) = ("shop".parse().unwrap(), "mail".parse().unwrap());
        let (plan, at) = (Digest::of_file(b""), |text: &str| text.parse::<Moment>().unwrap());
        let early = at("2026-06-01T11:59:59Z");
        let of = |connection, now| Use { client: &client, workflow: &workflow, plan: &plan, connection, now };
        let stopped = |hold: &Hold, connection| stops(hold, &of(connection, early));
        let whole = hold("acme", HeldWhat::Client);
        assert!(stopped(&whole, None) && stopped(&whole, Some(&shop)));
        assert!(!stops(&whole, &of(None, at("2026-06-01T12:00:00Z"))), "its time is over");
        assert!(!stopped(&hold("cedar", HeldWhat::Client), None), "another client's");
        assert!(stopped(&hold("acme", HeldWhat::Workflow(workflow.clone())), None));
        assert!(!stopped(&hold("acme", HeldWhat::Workflow("reply".parse().unwrap())), None));
        let connection = hold("acme", HeldWhat::Connection(shop.clone()));
        assert!(stopped(&connection, Some(&shop)));
        assert!(!stopped(&connection, Some(&mail)) && !stopped(&connection, None), "other steps go on");
    }

    #[test]
    fn what_is_held_has_a_name_each() {
        let names = [
            HeldWhat::Client,
            HeldWhat::Workflow("refund".parse().unwrap()),
            HeldWhat::Connection("refund".parse().unwrap()),
        ];
        let names: std::collections::BTreeSet<_> =
            names.iter().map(|what| name(&"acme".parse().unwrap(), what)).collect();
        assert_eq!(names.len(), 3);
    }
}
