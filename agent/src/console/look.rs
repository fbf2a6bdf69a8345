//! What each page shows of what is here, to whom. Reads, then the entries, then the answer.

use std::collections::BTreeSet;
use std::sync::Arc;

use assent_schema::id::ClientId;
use assent_schema::status::Status;

use super::answer::{self, Answer};
use super::notes;
use super::numbers::{self, Now};
use super::office::Office;
use super::pages::run::Named;
use super::pages::{self, Body, Frame};
use super::route::Page;
use super::serve::{Asked, Console, Guest};
use super::story;
use super::viewer::{Sight, Viewer};
use super::wanted::Wanted;
use crate::control::stored::{row_in, row_of};
use crate::run::{acceptance, goes_on_as, is_old};
use crate::store::{
    Accepted, Entry, JournalRow, Log, Note, QueueItem, RunFilter, RunId, RunLine, RunRef, Store as _, StoreError,
    run_of_name,
};
use crate::sync::lock;

/// How many runs a page lists.
const LISTED: usize = 50;
/// How many runs are looked through for one page, so that it comes in time however many there are.
const LOOKED_MOST: usize = 500;
/// How many items of the manual queue a page lists.
pub(super) const ITEMS_MOST: usize = 200;

/// What somebody is to see, and what the ledger is told first.
pub(super) struct Seen {
    pub(super) notes: Vec<Note>,
    pub(super) what: What,
}

pub(super) enum What {
    Page(Body),
    Table(String),
    /// Another page has it.
    Elsewhere(String),
}

/// Why somebody sees nothing.
pub(super) enum NotSeen {
    /// There is no such thing, or nobody says whether there is.
    Missing,
    /// It is there and not theirs; the ledger is told, they are not.
    NotTheirs(Log),
    /// The store could not be read.
    Broken,
}

impl From<StoreError> for NotSeen {
    fn from(_: StoreError) -> Self {
        Self::Broken
    }
}

/// How somebody comes to see a page. The ledger has an entry of each page that somebody opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// They opened it.
    Opened,
    /// It was open, has its entry, and brings itself up to date.
    Refreshed,
}

/// How the numbers are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NumbersAs {
    Page,
    Table,
}

pub(super) type Looked = Result<Seen, NotSeen>;

impl<O: Office> Console<O> {
    /// Shows a page: the entries first, unless the page only brings itself up to date.
    pub(super) async fn look(self: Arc<Self>, page: Page, asked: Asked, guest: Guest, look: Look) -> Answer {
        let status = match page {
            Page::Overview | Page::Holds if guest.viewer.may_see(Sight::Agent) => match self.office.status().await {
                Ok(status) => Some(status),
                Err(_) => return pages::busy(),
            },
            _ => None,
        };
        let draft = match page {
            Page::Incident(no) if guest.viewer.may_see(Sight::Agent) => self.office.draft(no).await.ok(),
            _ => None,
        };
        let console = Arc::clone(&self);
        // Reads block: not on the thread that runs are driven on.
        let looked = tokio::task::spawn_blocking(move || {
            let seen = match page {
                Page::Passkey => Ok(console.passkey(&asked, &guest)),
                Page::Incident(no) => console.incident_page(no, &guest.viewer, draft.as_deref(), None),
                _ => console.see(page, &asked, &guest.viewer, status.as_ref()),
            };
            (seen, asked, guest)
        });
        let Ok((seen, asked, guest)) = looked.await else { return pages::busy() };
        let (notes, what) = match seen {
            Ok(Seen { notes, what }) => (notes, what),
            Err(NotSeen::Missing) => return pages::missing(Some(&self.frame(&asked, &guest))),
            Err(NotSeen::NotTheirs(log)) => return self.not_theirs(log, &asked, &guest).await,
            Err(NotSeen::Broken) => return pages::busy(),
        };
        let is_noted = match look {
            Look::Opened => self.write(notes).await,
            Look::Refreshed => true,
        };
        if !is_noted {
            return pages::busy();
        }
        match what {
            What::Page(body) => pages::whole(200, &self.frame(&asked, &guest), body),
            What::Table(text) => answer::file("numbers.csv", "text/csv; charset=utf-8", text),
            What::Elsewhere(place) => answer::see(&place),
        }
    }

    /// The same answer as where nothing is, after the entry.
    pub(super) async fn not_theirs(&self, log: Log, asked: &Asked, guest: &Guest) -> Answer {
        let person = &guest.viewer.who.person;
        if self.write(vec![notes::refused(log, Some(person), "not_assigned", &asked.address)]).await {
            pages::missing(Some(&self.frame(asked, guest)))
        } else {
            pages::busy()
        }
    }

    /// What stands around each page.
    pub(super) fn frame(&self, asked: &Asked, guest: &Guest) -> Frame {
        let (now, boot) = self.office.clock();
        let sessions = lock(&self.sessions);
        let (environment, region) = self.office.place();
        Frame {
            agent: self.office.itself().agent.to_string(),
            environment: environment.to_string(),
            region: region.to_string(),
            who: super::enter::named(&guest.viewer.who),
            is_agency: guest.viewer.may_see(Sight::Agent),
            form: sessions.form_token(&guest.session),
            live: sessions.live_token(&guest.session, &asked.address, boot),
            said: asked.query.get("said").and_then(pages::said),
            troubles: guest.troubles.clone(),
            now,
        }
    }

    fn see(&self, page: Page, asked: &Asked, viewer: &Viewer, status: Option<&Status>) -> Looked {
        match (page, status) {
            (Page::Overview, Some(status)) => self.overview(viewer, status),
            (Page::Overview | Page::Decisions, _) => self.decisions(viewer),
            (Page::Question(nonce), _) => self.question(&nonce, viewer),
            (Page::Runs, _) => self.runs(asked, viewer),
            (Page::Run(run), _) => self.run(run, viewer),
            (Page::Queue, _) => self.queue(viewer),
            (Page::Numbers, _) => self.numbers(asked, viewer, NumbersAs::Page),
            (Page::Table, _) => self.numbers(asked, viewer, NumbersAs::Table),
            // Who makes a passkey is known by their session, above.
            (Page::Passkey | Page::Incident(_), _) => Err(NotSeen::Missing),
            (Page::Incidents, _) => self.incidents_page(viewer),
            (Page::Alert(no), _) => self.alert_page(no, viewer),
            (Page::Holds, Some(status)) => self.holds(viewer, status),
            (Page::Holds, None) => agency_only(viewer).and(Err(NotSeen::Missing)),
            (Page::Ledger, _) => self.ledger(asked, viewer),
        }
    }

    fn overview(&self, viewer: &Viewer, status: &Status) -> Looked {
        let (now, _) = self.office.clock();
        let standing = |client: &ClientId| viewer.may_see(Sight::Standing(client));
        let alerts = self.alerts(|client| client.is_none_or(standing))?;
        let mut incidents = self.office.incidents()?;
        incidents.retain(|row| row.done.closed.is_none() && row.client.as_ref().is_none_or(standing));
        let mut under_way = 0;
        for client in &viewer.clients {
            let (accepted, ended) = self.office.store().run_counts(client)?;
            under_way += accepted.saturating_sub(ended);
        }
        let counts = pages::overview::Counts {
            under_way,
            waiting: self.waiting(viewer)?.len(),
            queued: self.queued(viewer)?.len(),
        };
        let clients: Vec<&ClientId> = status.workflows.keys().filter(|client| standing(client)).collect();
        let mut notes: Vec<Note> = clients.iter().map(|client| viewed((*client).clone(), viewer, "overview")).collect();
        notes.push(notes::viewed(Log::Agent, &viewer.who.person, "overview"));
        let shown = pages::overview::Overview { status, clients, incidents, alerts, counts, viewer, now };
        Ok(Seen { notes, what: What::Page(pages::overview::page(&shown)) })
    }

    fn queued(&self, viewer: &Viewer) -> Result<Vec<QueueItem>, StoreError> {
        let mut items = self.office.store().queue()?;
        items.retain(|item| viewer.may_see(Sight::Client(&item.client)));
        Ok(items)
    }

    fn runs(&self, asked: &Asked, viewer: &Viewer) -> Looked {
        let (now, _) = self.office.clock();
        agency_only(viewer)?;
        let wanted = Wanted::of(asked);
        let delivered = |event: &String| {
            let of = |client| self.office.delivered(client, event).ok().flatten();
            viewer.clients.iter().find_map(of)
        };
        let meant = wanted.run.as_ref().map(|run| self.meant(run, viewer)).transpose()?.flatten();
        if let Some(run) = meant.or_else(|| wanted.event.as_ref().and_then(delivered)) {
            return Ok(Seen { notes: Vec::new(), what: What::Elsewhere(format!("/runs/{run}")) });
        }
        let mut before = wanted.before();
        let (mut rows, mut looked, mut more) = (Vec::new(), 0, true);
        while rows.len() < LISTED && looked < LOOKED_MOST && more {
            let filter = RunFilter { client: None, before, most: LISTED * 2 };
            let page = self.office.store().runs(&filter)?;
            more = page.len() == filter.most;
            for line in page {
                looked += 1;
                before = Some(line.run);
                if viewer.may_see(Sight::Client(&line.accepted.client)) && wanted.fits(&line) {
                    let row = row_in(self.office.store(), &line)?;
                    rows.extend(wanted.state.is_none_or(|state| state == row.state).then_some(row));
                }
                if rows.len() == LISTED {
                    more = true;
                    break;
                }
            }
        }
        let older = before.filter(|_| more);
        let mut old = BTreeSet::new();
        for row in &rows {
            old.extend(is_old(self.office.store(), row.run)?.then_some(row.run));
        }
        let list = pages::runs::List { rows, old, older, looked, wanted: &wanted, clients: &viewer.clients, now };
        Ok(Seen { notes: viewed_all(viewer, "runs"), what: What::Page(pages::runs::page(&list)) })
    }

    /// The run that somebody means. By a name they find only what they may see.
    fn meant(&self, run: &RunRef, viewer: &Viewer) -> Result<Option<RunId>, StoreError> {
        match run {
            RunRef::Id(run) => Ok(Some(*run)),
            RunRef::Name(name) if viewer.may_see(Sight::Client(name.client())) => {
                run_of_name(self.office.store(), name)
            }
            RunRef::Name(_) => Ok(None),
        }
    }

    /// A run that somebody may see, with its journal.
    pub(super) fn run_of(&self, run: RunId, viewer: &Viewer) -> Result<(RunLine, Vec<JournalRow>), NotSeen> {
        let journal = self.office.store().journal(run)?;
        let (Some(JournalRow { at, entry: Entry::Accepted(accepted) }), Some(last)) = (journal.first(), journal.last())
        else {
            return Err(NotSeen::Missing);
        };
        if !viewer.may_see(Sight::Client(&accepted.client)) {
            return Err(NotSeen::NotTheirs(Log::Client(accepted.client.clone())));
        }
        let line = RunLine { run, accepted: (**accepted).clone(), at: *at, last: last.clone() };
        Ok((line, journal))
    }

    fn run(&self, run: RunId, viewer: &Viewer) -> Looked {
        let (now, _) = self.office.clock();
        let (line, journal) = self.run_of(run, viewer)?;
        let accepted = &line.accepted;
        let plan = self.office.plan(&accepted.plan);
        let zone = self.office.client(&accepted.client).and_then(|facts| jiff::tz::TimeZone::get(&facts.zone).ok());
        let zone = zone.unwrap_or(jiff::tz::TimeZone::UTC);
        let steps = plan.as_ref().map(|plan| story::steps(plan, &journal, zone)).unwrap_or_default();
        let queued = self.office.store().queue()?.into_iter().find(|item| item.run == run);
        let shown = pages::run::Whole {
            row: row_of(run, &journal).ok_or(NotSeen::Missing)?,
            line: &line,
            plan: plan.as_deref(),
            written: self.office.written(&accepted.client, &accepted.plan),
            steps,
            journal: &journal,
            queued,
            is_old: is_old(self.office.store(), run)?,
            next: goes_on_as(self.office.store(), run)?.map(|next| self.named(next)),
            earlier: accepted.again.map(|earlier| self.named(earlier)),
            may_act: viewer.may_act(&accepted.client),
            now,
        };
        let notes = vec![notes::run(&accepted.client, &viewer.who.person, run, accepted.plan)];
        Ok(Seen { notes, what: What::Page(pages::run::page(&shown)) })
    }

    /// Another run, as a page names it.
    pub(super) fn named(&self, run: RunId) -> Named {
        let journal = self.office.store().journal(run).unwrap_or_default();
        Named { run, name: acceptance(&journal).map(Accepted::name) }
    }

    fn queue(&self, viewer: &Viewer) -> Looked {
        let (now, _) = self.office.clock();
        agency_only(viewer)?;
        let items = self.queued(viewer)?;
        let body = pages::queue::page(&items, viewer, now);
        Ok(Seen { notes: viewed_all(viewer, "queue"), what: What::Page(body) })
    }

    fn numbers(&self, asked: &Asked, viewer: &Viewer, shape: NumbersAs) -> Looked {
        let (now, _) = self.office.clock();
        agency_only(viewer)?;
        let client: Option<ClientId> = asked.query.read("client").or_else(|| viewer.clients.first().cloned());
        let Some(client) = client else {
            let body = pages::numbers::page(None, &viewer.clients, Now::at(0));
            return Ok(Seen { notes: Vec::new(), what: What::Page(body) });
        };
        if !viewer.may_see(Sight::Client(&client)) {
            let log = if self.office.client(&client).is_some() { Log::Client(client) } else { Log::Agent };
            return Err(NotSeen::NotTheirs(log));
        }
        let [of_kpis, of_runs] = ["kpi", "kpi-runs"].map(|what| format!("{what}/{client}/"));
        let sums = self.office.store().sums(&of_kpis)?;
        let counts = sums.iter().filter_map(|(name, value)| numbers::read(name.strip_prefix(&of_kpis)?, *value));
        let behind = self.office.store().sums(&of_runs)?;
        let runs = behind.iter().filter_map(|(name, value)| numbers::read_runs(name.strip_prefix(&of_runs)?, *value));
        let now = Now::at(now.moment().seconds());
        let takings = numbers::takings(self.office.kpis(&client));
        let all = numbers::over_days(counts, runs, &takings, now);
        let notes = vec![viewed(client.clone(), viewer, "numbers")];
        let what = match shape {
            NumbersAs::Table => What::Table(numbers::csv(&all)),
            NumbersAs::Page => What::Page(pages::numbers::page(Some((&client, &all)), &viewer.clients, now)),
        };
        Ok(Seen { notes, what })
    }
}

pub(super) fn viewed(client: ClientId, viewer: &Viewer, what: &'static str) -> Note {
    notes::viewed(Log::Client(client), &viewer.who.person, what)
}

/// One entry for each client whose things a list may hold.
pub(super) fn viewed_all(viewer: &Viewer, what: &'static str) -> Vec<Note> {
    viewer.clients.iter().map(|client| viewed(client.clone(), viewer, what)).collect()
}

/// What is about runs is not for deciders: they see what is addressed to them.
pub(super) fn agency_only(viewer: &Viewer) -> Result<(), NotSeen> {
    match &viewer.who.client {
        Some(client) => Err(NotSeen::NotTheirs(Log::Client(client.clone()))),
        None => Ok(()),
    }
}
