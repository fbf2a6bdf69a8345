//! What each page shows of incidents, holds and the ledger. Reads, then the entries, then the answer.

use std::collections::BTreeMap;
use std::sync::Arc;

use assent_schema::id::ClientId;
use assent_schema::status::Status;

use super::answer::{self, Answer};
use super::look::{Looked, NotSeen, Seen, What, agency_only, viewed};
use super::notes;
use super::office::{Done, Office};
use super::pages::{self, Body};
use super::route::{Kept, Taken};
use super::serve::{Asked, Console, Guest};
use super::viewer::{Sight, Viewer};
use crate::control::alerts::AlertLine;
use crate::control::incidents::IncidentRow;
use crate::incident::Written;
use crate::ledger::Sought;
use crate::store::{AlertRow, IncidentNo, Log, RunName, Store as _, StoreError, life};
use crate::watch::ACKNOWLEDGED;

impl<O: Office> Console<O> {
    /// Incidents and alerts of all whose standing somebody sees.
    pub(super) fn incidents_page(&self, viewer: &Viewer) -> Looked {
        agency_only(viewer)?;
        let (now, _) = self.office.clock();
        let mine = |client: Option<&ClientId>| client.is_none_or(|client| viewer.may_see(Sight::Standing(client)));
        let mut incidents = self.office.incidents()?;
        incidents.retain(|row| mine(row.client.as_ref()));
        let alerts = self.alerts(mine)?;
        let clients: std::collections::BTreeSet<_> = incidents.iter().filter_map(|row| row.client.clone()).collect();
        let mut notes: Vec<_> = clients.into_iter().map(|client| viewed(client, viewer, "incidents")).collect();
        notes.push(notes::viewed(Log::Agent, &viewer.who.person, "incidents"));
        let listed = pages::incidents::Listed { incidents, alerts, viewer, now };
        Ok(Seen { notes, what: What::Page(pages::incidents::page(&listed)) })
    }

    /// The alerts that are no incidents, oldest first, with who takes care of each.
    pub(super) fn alerts(&self, mine: impl Fn(Option<&ClientId>) -> bool) -> Result<Vec<AlertLine>, StoreError> {
        let acts: BTreeMap<_, _> = self.office.store().states(ACKNOWLEDGED)?.into_iter().collect();
        let rows = self.office.store().alerts()?.into_iter();
        let rows = rows.filter(|row| !row.alert.incident && mine(row.alert.client.as_ref()));
        let line = |row: AlertRow| {
            let act = acts.get(&format!("{ACKNOWLEDGED}{}", row.no)).and_then(|act| serde_json::from_slice(act).ok());
            AlertLine::of(&row, act)
        };
        Ok(rows.map(line).collect())
    }

    /// One alert, also one that is over; that of an incident is the incident's page.
    pub(super) fn alert_page(&self, no: i64, viewer: &Viewer) -> Looked {
        agency_only(viewer)?;
        let (now, _) = self.office.clock();
        let row = self.office.store().alert(no)?.ok_or(NotSeen::Missing)?;
        let log = row.alert.client.clone().map_or(Log::Agent, Log::Client);
        if row.alert.client.as_ref().is_some_and(|client| !viewer.may_see(Sight::Standing(client))) {
            return Err(NotSeen::NotTheirs(log));
        }
        if row.alert.incident {
            let place = format!("/incidents/{}", IncidentNo::new(no));
            return Ok(Seen { notes: Vec::new(), what: What::Elsewhere(place) });
        }
        let act = self.office.store().state(&format!("{ACKNOWLEDGED}{no}"))?;
        let act = act.and_then(|act| serde_json::from_slice(&act).ok());
        let run = row.alert.run.map(|run| self.named(run));
        let shown = pages::alert::Shown {
            line: &AlertLine::of(&row, act),
            over: row.over,
            about: row.alert.about,
            run: run.filter(|_| row.alert.client.as_ref().is_some_and(|client| viewer.may_see(Sight::Client(client)))),
            viewer,
            now,
        };
        let notes = vec![notes::viewed(log, &viewer.who.person, "alert")];
        Ok(Seen { notes, what: What::Page(pages::alert::page(&shown)) })
    }

    /// An incident whose standing somebody sees.
    pub(super) fn incident_of(&self, no: i64, viewer: &Viewer) -> Result<IncidentRow, NotSeen> {
        agency_only(viewer)?;
        let id = IncidentNo::new(no).to_string();
        let row = self.office.incidents()?.into_iter().find(|row| row.id == id).ok_or(NotSeen::Missing)?;
        match &row.client {
            Some(client) if !viewer.may_see(Sight::Standing(client)) => {
                Err(NotSeen::NotTheirs(Log::Client(client.clone())))
            }
            _ => Ok(row),
        }
    }

    /// One incident with its post-mortem. From the ledger is a client's own: only who is assigned, or on call, sees it.
    pub(super) fn incident_page(
        &self,
        no: i64,
        viewer: &Viewer,
        draft: Option<&str>,
        written: Option<(&Written, &str)>,
    ) -> Looked {
        let row = self.incident_of(no, viewer)?;
        let log = row.client.clone().map_or(Log::Agent, Log::Client);
        let notes = vec![notes::viewed(log, &viewer.who.person, "incident")];
        let body = self.incident_body(&row, viewer, draft.unwrap_or_default(), written);
        Ok(Seen { notes, what: What::Page(body) })
    }

    pub(super) fn incident_body(
        &self,
        row: &IncidentRow,
        viewer: &Viewer,
        draft: &str,
        written: Option<(&Written, &str)>,
    ) -> Body {
        let (now, _) = self.office.clock();
        pages::incidents::one(&pages::incidents::One { row, draft, written, viewer, now })
    }

    /// Holds of all whose standing somebody sees.
    pub(super) fn holds(&self, viewer: &Viewer, status: &Status) -> Looked {
        agency_only(viewer)?;
        let (now, _) = self.office.clock();
        let seen = status.workflows.keys().filter(|client| viewer.may_see(Sight::Standing(client)));
        let connections = |client: &ClientId| {
            let facts = self.office.client(client);
            facts.map(|facts| facts.connections.keys().cloned().collect()).unwrap_or_default()
        };
        let clients: BTreeMap<_, _> = seen.map(|client| (client.clone(), connections(client))).collect();
        let notes = clients.keys().map(|client| viewed(client.clone(), viewer, "holds")).collect();
        let held = pages::holds::Held { status, clients: &clients, viewer, now };
        Ok(Seen { notes, what: What::Page(pages::holds::page(&held)) })
    }

    /// Whose ledger is asked for, if somebody may see it.
    fn log(&self, client: Option<&ClientId>, viewer: &Viewer) -> Result<Log, NotSeen> {
        agency_only(viewer)?;
        match client {
            None => Ok(Log::Agent),
            Some(client) if viewer.may_see(Sight::Client(client)) => Ok(Log::Client(client.clone())),
            Some(client) if self.office.client(client).is_some() => {
                Err(NotSeen::NotTheirs(Log::Client(client.clone())))
            }
            Some(_) => Err(NotSeen::NotTheirs(Log::Agent)),
        }
    }

    /// A page of a ledger.
    pub(super) fn ledger(&self, asked: &Asked, viewer: &Viewer) -> Looked {
        agency_only(viewer)?;
        let (now, _) = self.office.clock();
        let query = &asked.query;
        let client = match query.get("client") {
            Some("-") => None,
            Some(_) => Some(query.read::<ClientId>("client").ok_or(NotSeen::Missing)?),
            None => viewer.clients.first().cloned(),
        };
        let log = self.log(client.as_ref(), viewer)?;
        let text = |name| query.get(name).map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
        let is_kind = |kind: &String| assent_schema::ledger::Kind::NAMES.contains(&kind.as_str());
        let day = text("day").filter(|day| format!("{day}T00:00:00Z").parse::<assent_schema::time::Moment>().is_ok());
        let life = life(self.office.store())?;
        // By its number in this log, or by the name that says so.
        let named = |run: &str| match run.parse::<RunName>() {
            Ok(name) => (Some(name.client()) == client.as_ref() && name.life() == life).then_some(name.number()),
            Err(_) => run.parse().ok(),
        };
        let run = text("run").and_then(|run| named(&run));
        let kind = text("kind").filter(is_kind);
        let but_looks = kind.is_none() && query.get("kind") != Some(pages::ledger::ALL);
        let sought = Sought { day, kind, run, before: query.read("before"), but_looks };
        let logged = self.office.logged(&log, &sought).or(Err(NotSeen::Broken))?;
        let shown = pages::ledger::Shown {
            client: client.as_ref(),
            clients: &viewer.clients,
            logged: &logged,
            sought: &sought,
            life,
            now,
        };
        let notes = vec![notes::viewed(log, &viewer.who.person, "ledger")];
        Ok(Seen { notes, what: What::Page(pages::ledger::page(&shown)) })
    }

    /// A file of a ledger: the entry first.
    pub(super) async fn take(self: Arc<Self>, taken: Taken, asked: Asked, guest: Guest) -> Answer {
        let log = match self.log(taken.client.as_ref(), &guest.viewer) {
            Ok(log) => log,
            Err(NotSeen::NotTheirs(log)) => return self.not_theirs(log, &asked, &guest).await,
            Err(_) => return pages::missing(Some(&self.frame(&asked, &guest))),
        };
        let (console, at) = (Arc::clone(&self), log.clone());
        let read = tokio::task::spawn_blocking(move || console.kept(&at, taken.what));
        let Ok(Ok(found)) = read.await else { return pages::busy() };
        let Some((name, text)) = found else { return pages::missing(Some(&self.frame(&asked, &guest))) };
        if !self.write(vec![notes::viewed(log, &guest.viewer.who.person, "proof")]).await {
            return pages::busy();
        }
        answer::file(&name, "text/plain; charset=utf-8", text)
    }

    fn kept(&self, log: &Log, what: Kept) -> Done<Option<(String, String)>> {
        Ok(match what {
            Kept::Proof(index) => {
                self.office.proof(log, index)?.map(|text| (format!("{}-{index}.tlog-proof", log.as_str()), text))
            }
            Kept::Checkpoint => {
                // The least that a look can be: only what was signed last matters.
                let sought = Sought { before: Some(0), ..Sought::default() };
                let signed = self.office.logged(log, &sought)?.checkpoint;
                signed.map(|signed| (format!("{}-{}.checkpoint", log.as_str(), signed.size), signed.note))
            }
        })
    }
}
