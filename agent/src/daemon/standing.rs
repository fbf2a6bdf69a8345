//! What stands of the agent itself, for `assent-agent status` and the console: the alerts about it, measured anew.

use assent_schema::alert::Rule;

use super::KEYRING_REFUSED;
use super::agent::Agent;
use crate::console::Standing;
use crate::control::standing::Trouble;
use crate::real::disk;
use crate::store::{AlertNo, AlertRow, IncidentNo, Store as _, StoreError};
use crate::sync::lock;

/// The code of a disk that is full.
const FULL: &str = "disk_full";

/// Whether an alert is about the agent itself, and not about an incident or about something that happened once.
fn is_standing(row: &AlertRow) -> bool {
    let told = matches!(row.alert.rule, Rule::ReleaseRefused | Rule::Reported | Rule::ReportedNormal);
    row.alert.client.is_none() && row.alert.about.is_none() && !told
}

/// What keeps the agent from its work comes before what may soon.
fn rank(trouble: &Trouble) -> usize {
    const FIRST: [Rule; 7] =
        [Rule::Halted, Rule::Disk, Rule::Vault, Rule::Clock, Rule::Stale, Rule::RouteFails, Rule::Lag];
    FIRST.iter().position(|rule| *rule == trouble.rule).unwrap_or(FIRST.len())
}

impl Agent {
    /// What is not well with the agent itself now, the worst first.
    pub(super) fn standing(&self) -> Result<Vec<Trouble>, StoreError> {
        Ok(self.standing_of(self.store.alerts()?))
    }

    fn standing_of(&self, alerts: Vec<AlertRow>) -> Vec<Trouble> {
        let free = disk::space(self.config.state.folder()).map(|(free, _)| free);
        let trouble = |row: AlertRow| {
            let (alert, no) = (row.alert, row.no);
            let id = if alert.incident { IncidentNo::new(no).to_string() } else { AlertNo::new(no).to_string() };
            Trouble {
                id: Some(id),
                left: free.filter(|_| alert.rule == Rule::Disk),
                differs: (alert.rule == Rule::Clock).then(|| self.field.clock_differs()),
                rule: alert.rule,
                code: alert.code,
                connection: alert.connection,
                since: Some(row.since.moment()),
            }
        };
        let mut all: Vec<Trouble> = alerts.into_iter().filter(is_standing).map(trouble).collect();
        let is_told = all.iter().any(|one| one.code == FULL);
        if self.engine.is_full() && !is_told {
            // It could not even be stored.
            let (rule, code) = (Rule::Disk, FULL.to_owned());
            all.push(Trouble { id: None, rule, code, connection: None, since: None, left: free, differs: None });
        }
        all.sort_by_key(rank);
        all
    }

    /// What stands wrong of the agent and of its clients, as people see it at the top of every page.
    pub(super) fn all_that_stands(&self) -> Result<Standing, StoreError> {
        let alerts = self.store.alerts()?;
        let is_stopped = |row: &&AlertRow| row.alert.rule == Rule::StaleStopped;
        let stopped = alerts.iter().filter(is_stopped).filter_map(|row| {
            let client = row.alert.client.clone()?;
            Some((client, IncidentNo::new(row.no).to_string()))
        });
        Ok(Standing {
            stopped: stopped.collect(),
            troubles: self.standing_of(alerts),
            pull: lock(&self.pulling.trouble).clone(),
            push: lock(&self.telling.unsaid).clone(),
            keyring: self.world.keyring.is_refused().then(|| KEYRING_REFUSED.to_owned()),
            refused: self.refusals()?,
            holds: self.field.holds().to_vec(),
        })
    }
}
