//! One incident: what opened it, and which step people may take next.

use assent_schema::canon::Digest;
use assent_schema::id::{ConnectionId, PersonId};
use assent_schema::ledger::kind::Alerted;
use assent_schema::time::Moment;
use serde::{Deserialize, Serialize};

use super::clock::SHARE_WITHIN;
use crate::store::{AlertRow, IncidentNo, Log, Note, Severity, StoreError, Write};

/// Where the store keeps what people did about incidents, by number.
pub const PREFIX: &str = "incident/";

/// That somebody did something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Act {
    /// Who.
    pub by: PersonId,
    /// When.
    pub at: Moment,
}

/// What people did about an incident.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Done {
    /// Somebody takes care of it: the response clock stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged: Option<Act>,
    /// Its cause is gone; the next of its kind is another incident.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved: Option<Act>,
    /// The post-mortem went to the client's contacts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared: Option<Act>,
    /// By which routes it went.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub took: Vec<ConnectionId>,
    /// A post-mortem was written and went to nobody: the client left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<Act>,
    /// SHA-256 of the post-mortem.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<Digest>,
    /// Nothing is left to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<Act>,
}

/// A step that people take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Somebody takes care of it.
    Acknowledge,
    /// Its cause is gone.
    Resolve,
    /// The post-mortem with this digest was sent to the client's contacts.
    Share(Digest),
    /// The post-mortem with this digest is whole, and the client left: there is nobody to send it to.
    Write(Digest),
    /// Nothing is left to do.
    Close,
}

impl Step {
    /// The state that it leads to.
    pub fn state(self) -> State {
        match self {
            Self::Acknowledge => State::Acknowledged,
            Self::Resolve => State::Resolved,
            Self::Share(_) => State::Shared,
            Self::Write(_) => State::Written,
            Self::Close => State::Closed,
        }
    }
}

/// How an incident stands: the last of these that it reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Nobody did anything yet.
    Opened,
    /// Somebody takes care of it.
    Acknowledged,
    /// Its cause is gone.
    Resolved,
    /// A post-mortem was written and went to nobody.
    Written,
    /// The post-mortem went to the client's contacts.
    Shared,
    /// Nothing is left to do.
    Closed,
}

impl State {
    /// The word for it, in the ledger and in lists.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Acknowledged => "acknowledged",
            Self::Resolved => "resolved",
            Self::Written => "written",
            Self::Shared => "shared",
            Self::Closed => "closed",
        }
    }
}

/// Why a step cannot be taken now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotNow {
    /// It was taken before.
    Already,
    /// The incident is closed.
    Closed,
    /// It is not resolved yet.
    NotResolved,
    /// No post-mortem was shared yet.
    NotShared,
}

/// An incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// The alert that opened it.
    pub row: AlertRow,
    /// What people did about it.
    pub done: Done,
}

impl Case {
    /// Reads an incident out of what the store keeps.
    ///
    /// # Errors
    /// [`StoreError::Damaged`].
    pub fn read(row: AlertRow, done: Option<&[u8]>) -> Result<Self, StoreError> {
        let damaged = StoreError::Damaged("a row of the incidents");
        let done = done.map_or(Ok(Done::default()), |bytes| serde_json::from_slice(bytes).or(Err(damaged)))?;
        Ok(Self { row, done })
    }

    /// Its number.
    pub fn no(&self) -> IncidentNo {
        IncidentNo::new(self.row.no)
    }

    /// Its name, `i-7`.
    pub fn id(&self) -> String {
        self.no().to_string()
    }

    /// Whether an alert that the ledger tells of is that of this incident: older agents named its rule alone.
    pub fn is_told_by(&self, alerted: &Alerted) -> bool {
        let same_rule = || alerted.rule.as_str() == self.row.alert.rule.as_str();
        alerted.incident.as_ref().map_or_else(same_rule, |incident| incident.as_str() == self.id())
    }

    /// How bad it is.
    pub fn severity(&self) -> Severity {
        Severity::of(self.row.alert.rule)
    }

    /// When it began.
    pub fn opened(&self) -> Moment {
        self.row.since.moment()
    }

    /// How it stands.
    pub fn state(&self) -> State {
        let Done { acknowledged, resolved, written, shared, closed, .. } = &self.done;
        let reached = [
            (closed, State::Closed),
            (shared, State::Shared),
            (written, State::Written),
            (resolved, State::Resolved),
            (acknowledged, State::Acknowledged),
        ];
        reached.iter().find(|(act, _)| act.is_some()).map_or(State::Opened, |(_, state)| *state)
    }

    /// By when the post-mortem must have been shared.
    ///
    /// # Source
    /// Promise P22.
    pub fn share_by(&self) -> Moment {
        self.opened().plus(SHARE_WITHIN)
    }

    /// The incident with the routes that took its post-mortem, for the step that says so.
    #[must_use]
    pub fn taken_by(mut self, took: Vec<ConnectionId>) -> Self {
        self.done.took = took;
        self
    }

    /// What a step makes of the incident: it then, and what is written, together or not at all.
    ///
    /// Who resolves or shares what nobody acknowledged takes care of it, and so acknowledges it.
    ///
    /// # Errors
    /// [`NotNow`].
    pub fn after(&self, step: Step, act: &Act) -> Result<(Self, Vec<Write>), NotNow> {
        let Done { acknowledged, resolved, shared, written, closed, .. } = &self.done;
        let taken = match step {
            _ if closed.is_some() => return Err(NotNow::Closed),
            Step::Acknowledge => acknowledged.is_some(),
            Step::Resolve => resolved.is_some(),
            // A better post-mortem may follow.
            Step::Share(file) => shared.is_some() && self.done.file == Some(file),
            Step::Write(file) => written.is_some() && self.done.file == Some(file),
            Step::Close if resolved.is_none() => return Err(NotNow::NotResolved),
            Step::Close if shared.is_none() && written.is_none() => return Err(NotNow::NotShared),
            Step::Close => false,
        };
        if taken {
            return Err(NotNow::Already);
        }
        let mut next = self.clone();
        let mut writes = Vec::new();
        let mut note = |state, file: Option<Digest>| writes.push(Write::Note(Box::new(self.note(state, file, act))));
        if acknowledged.is_none() {
            next.done.acknowledged = Some(act.clone());
            note(Step::Acknowledge.state(), None);
        }
        match step {
            Step::Acknowledge => {}
            Step::Resolve => {
                next.done.resolved = Some(act.clone());
                note(step.state(), None);
            }
            Step::Share(file) => {
                next.done.shared = Some(act.clone());
                next.done.file = Some(file);
                note(step.state(), Some(file));
            }
            Step::Write(file) => {
                next.done.written = Some(act.clone());
                next.done.file = Some(file);
                note(step.state(), Some(file));
            }
            Step::Close => {
                next.done.closed = Some(act.clone());
                note(step.state(), self.done.file);
            }
        }
        if step == Step::Resolve && !self.row.over {
            next.row.over = true;
            writes.push(Write::AlertOver { key: self.row.alert.key() });
        }
        if acknowledged.is_none() && step == Step::Acknowledge {
            writes.push(Write::AlertMoved { no: self.row.no });
        }
        let value = serde_json::to_vec(&next.done).ok();
        writes.push(Write::State { name: format!("{PREFIX}{}", self.row.no), value });
        Ok((next, writes))
    }

    fn note(&self, state: State, file: Option<Digest>, act: &Act) -> Note {
        let alert = &self.row.alert;
        let note = Note::new(alert.client.clone().map_or(Log::Agent, Log::Client), "incident")
            .fact("id", self.id())
            .fact("state", state.as_str())
            .fact("severity", self.severity().as_str())
            .fact("cause", alert.rule.as_str());
        let note = Note { actor: Some(act.by.clone()), ..note };
        match file {
            Some(file) => note.fact("file", file.to_string()),
            None => note,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Alert;
    use crate::world::Wall;
    use assent_schema::alert::Rule;

    fn case() -> Case {
        let alert = Alert {
            rule: Rule::RunFailed,
            client: Some("acme".parse().unwrap()),
            workflow: None,
            connection: None,
            code: "http_503".into(),
            run: None,
            incident: true,
            by: None,
            about: None,
        };
        let at = Wall::from_millis(1_780_000_000_000);
        let row = AlertRow {
            no: 7,
            alert,
            since: at,
            last: at,
            count: 1,
            sent: 0,
            due: Some(at),
            tries: 0,
            over: false,
            respond_by: None,
        };
        Case { row, done: Done::default() }
    }

    fn act() -> Act {
        Act { by: "omar".parse().unwrap(), at: "2026-06-01T10:00:00Z".parse().unwrap() }
    }

    fn states(writes: &[Write]) -> Vec<String> {
        let note = |write: &Write| match write {
            Write::Note(note) => note.data.get("state").and_then(|s| s.as_str()).map(str::to_owned),
            _ => None,
        };
        writes.iter().filter_map(note).collect()
    }

    #[test]
    fn an_incident_closes_only_when_it_is_resolved_and_its_post_mortem_was_shared() {
        let file = Digest::of_file(b"what happened");
        let case = case();
        assert_eq!(case.state(), State::Opened);
        assert_eq!(case.after(Step::Close, &act()).unwrap_err(), NotNow::NotResolved);
        let (case, writes) = case.after(Step::Resolve, &act()).unwrap();
        assert_eq!(states(&writes), ["acknowledged", "resolved"]);
        assert!(writes.iter().any(|w| matches!(w, Write::AlertOver { key } if *key == case.row.alert.key())));
        assert_eq!(case.after(Step::Close, &act()).unwrap_err(), NotNow::NotShared);
        assert_eq!(case.after(Step::Resolve, &act()).unwrap_err(), NotNow::Already);
        let (case, writes) = case.after(Step::Share(file), &act()).unwrap();
        assert_eq!(states(&writes), ["shared"]);
        let (case, writes) = case.after(Step::Close, &act()).unwrap();
        assert_eq!((states(&writes).as_slice(), case.state()), (["closed".to_owned()].as_slice(), State::Closed));
        let all = [Step::Acknowledge, Step::Resolve, Step::Share(file), Step::Close];
        assert!(all.iter().all(|step| case.after(*step, &act()).unwrap_err() == NotNow::Closed));
    }

    #[test]
    fn an_incident_of_a_client_that_left_closes_with_a_post_mortem_that_went_to_nobody() {
        let file = Digest::of_file(b"what happened");
        let (case, _) = case().after(Step::Resolve, &act()).unwrap();
        let (case, writes) = case.after(Step::Write(file), &act()).unwrap();
        assert_eq!((states(&writes).as_slice(), case.state()), (["written".to_owned()].as_slice(), State::Written));
        assert_eq!(case.after(Step::Write(file), &act()).unwrap_err(), NotNow::Already);
        assert_eq!(case.after(Step::Close, &act()).unwrap().0.state(), State::Closed);
    }

    #[test]
    fn a_state_is_one_word_everywhere() {
        use State::{Acknowledged, Closed, Opened, Resolved, Shared, Written};
        for state in [Opened, Acknowledged, Resolved, Written, Shared, Closed] {
            assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
        }
    }

    #[test]
    fn what_the_store_keeps_is_read_back() {
        let (next, writes) = case().after(Step::Acknowledge, &act()).unwrap();
        let kept = writes.iter().find_map(|write| match write {
            Write::State { name, value } if name == "incident/7" => value.clone(),
            _ => None,
        });
        assert_eq!(Case::read(case().row, kept.as_deref()), Ok(next));
        assert!(Case::read(case().row, Some(b"{}x")).is_err());
    }
}
