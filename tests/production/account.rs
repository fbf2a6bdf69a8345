//! The account: each event is one run that ended once, or was refused at the door; each effect is known and happened once at
//! most; what failed is with people; the ledger says the same.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use assent_agent::ledger::DayKeys;
use assent_agent::store::{Entry, JournalRow, Log, RunFilter, RunId, Store as _};
use assent_schema::id::{AgentId, ClientId, OperationRef, ProjectName};
use assent_schema::ledger::{Audit, Entry as LedgerEntry, Origin};
use assent_tests::account::judge;
use assent_tests::systems::Done;

use crate::days::{Days, HOST_KEY, Heard};
use crate::field::WORKFLOWS;
use crate::store::Disk;

/// Runs that are read at once.
const PAGE: usize = 1_000;

/// One line of the table.
#[derive(Clone, Debug, Default)]
struct Line {
    events: u64,
    refused: u64,
    /// Runs by how they ended.
    ended: BTreeMap<&'static str, u64>,
    queued: u64,
    effects: u64,
    doubted: u64,
    /// Plans that runs began with.
    plans: BTreeSet<String>,
    /// Why runs did not end `done`.
    why: BTreeMap<String, u64>,
}

/// The whole account.
#[derive(Debug, Default)]
pub(crate) struct Account {
    lines: BTreeMap<(String, String), Line>,
    entries: u64,
    pub(crate) wrong: Vec<String>,
}

impl Account {
    /// Whether there is something to account for in every column.
    pub(crate) fn is_rich(&self) -> bool {
        let sum = |of: fn(&Line) -> u64| self.lines.values().map(of).sum::<u64>();
        let ended = |word: &str| self.lines.values().any(|line| line.ended.contains_key(word));
        let three = self.lines.values().filter(|line| line.plans.len() == 3).count() >= 3;
        ended("done")
            && ended("failed")
            && ended("stopped")
            && sum(|line| line.refused) > 0
            && sum(|line| line.doubted) > 0
            && three
    }
}

pub(crate) fn account(days: &Days, done: &Done) -> Account {
    let (store, mut account) = (days.store(), Account::default());
    let runs = runs(&store);
    let queue: BTreeMap<RunId, usize> = store.queue().unwrap().iter().fold(BTreeMap::new(), |mut all, item| {
        *all.entry(item.run).or_default() += 1;
        all
    });
    let mut known: BTreeSet<(ClientId, OperationRef, String)> = BTreeSet::new();
    for event in days.events.lock().unwrap().iter() {
        let (client, workflow, ..) = WORKFLOWS[event.workflow];
        let line = account.lines.entry((client.to_owned(), workflow.to_owned())).or_default();
        line.events += 1;
        let of = runs.get(&event.name).map(Vec::as_slice).unwrap_or_default();
        let [(run, journal)] = of else {
            if event.heard == Heard::Refused && of.is_empty() {
                line.refused += 1;
            } else {
                account.wrong.push(format!(
                    "{}: {} runs, and its sender knows {:?}",
                    event.name,
                    of.len(),
                    event.heard
                ));
            }
            continue;
        };
        let entries: Vec<&Entry> = journal.iter().map(|row| &row.entry).collect();
        let items = queue.get(run).copied().unwrap_or(0);
        let client: ClientId = client.parse().unwrap();
        let judged = judge(&client, &event.name, &entries, items, done);
        if let Some(ending) = judged.ending {
            *line.ended.entry(ending.as_str()).or_default() += 1;
        }
        if let Some(why) = judged.why {
            *line.why.entry(why).or_default() += 1;
        }
        if let Some(Entry::Accepted(accepted)) = entries.first() {
            line.plans.insert(accepted.plan.to_string());
        }
        line.queued += items as u64;
        line.effects += judged.effects;
        line.doubted += judged.doubted;
        account.wrong.extend(judged.wrong);
        known.extend(judged.known.into_iter().map(|operation| (client.clone(), operation, event.name.clone())));
    }
    let unknown = done.keys().filter(|place| !known.contains(*place));
    account
        .wrong
        .extend(unknown.map(|(client, operation, event)| format!("{client} {event}: nobody knows of `{operation}`")));
    let events = days.events.lock().unwrap().len();
    let taken: usize = runs.values().map(Vec::len).sum();
    let refused: u64 = account.lines.values().map(|line| line.refused).sum();
    if taken as u64 + refused != events as u64 {
        account.wrong.push(format!("{taken} runs and {refused} refused are not {events} events"));
    }
    ledger(days, &store, &runs, &mut account);
    account
}

/// Runs by the event that began them.
fn runs(store: &Disk) -> BTreeMap<String, Vec<(RunId, Vec<JournalRow>)>> {
    let (mut runs, mut before) = (BTreeMap::<String, Vec<_>>::new(), None);
    loop {
        let page = store.runs(&RunFilter { client: None, before, most: PAGE }).unwrap();
        let Some(last) = page.last() else { return runs };
        before = Some(last.run);
        for line in page {
            runs.entry(line.accepted.event.clone()).or_default().push((line.run, store.journal(line.run).unwrap()));
        }
    }
}

/// The ledger is whole, and has as many acceptances and ends as there are runs.
fn ledger(days: &Days, store: &Disk, runs: &BTreeMap<String, Vec<(RunId, Vec<JournalRow>)>>, account: &mut Account) {
    let mut keys = DayKeys::new(days.host.boot(), Arc::clone(&HOST_KEY));
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for client in days.field.clients.keys() {
        let (project, agent) = (ProjectName::new("harbor").unwrap(), AgentId::new("eu-1").unwrap());
        let origin = Origin { project, agent, life: 1, client: Some(client.clone()) };
        let mut audit = Audit::new(origin.clone());
        let mut from = 0;
        loop {
            let rows = store.ledger_rows(&Log::Client(client.clone()), from, PAGE).unwrap();
            let Some(last) = rows.last() else { break };
            from = last.index + 1;
            for row in &rows {
                let key = keys.open(&origin, &row.day).unwrap();
                let (_, body) = key.open(&origin, row.index, row.sealed.as_deref().unwrap()).unwrap();
                let entry = LedgerEntry::from_bytes(&body).unwrap();
                *counts.entry(entry.kind.name().to_owned()).or_default() += 1;
                if let Err(fault) = audit.entry(&entry) {
                    account.wrong.push(format!("the log of {client}, entry {}: {fault:?}", row.index));
                }
                account.entries += 1;
            }
        }
        if let Err(fault) = audit.end() {
            account.wrong.push(format!("the log of {client}: {fault:?}"));
        }
    }
    let taken: usize = runs.values().map(Vec::len).sum();
    for kind in ["accepted", "ended"] {
        let found = counts.get(kind).copied().unwrap_or(0);
        if found != taken {
            account.wrong.push(format!("the ledger has {found} entries `{kind}` of {taken} runs: {counts:?}"));
        }
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = ["done", "superseded", "failed", "stopped", "content-lost"];
        write!(f, "| workflow | events | refused |")?;
        words.iter().try_for_each(|word| write!(f, " {word} |"))?;
        writeln!(f, " in the queue | effects | in doubt | plans |\n|---|---|---|---|---|---|---|---|---|---|---|---|")?;
        for ((client, workflow), line) in &self.lines {
            let Line { events, refused, ended, queued, effects, doubted, plans, why: _ } = line;
            write!(f, "| {client}/{workflow} | {events} | {refused} |")?;
            let ended = |word: &&str| ended.get(*word).copied().unwrap_or(0);
            words.iter().try_for_each(|word| write!(f, " {} |", ended(word)))?;
            writeln!(f, " {queued} | {effects} | {doubted} | {} |", plans.len())?;
        }
        writeln!(f, "\n{} entries in the ledger. Why runs did not end `done`:", self.entries)?;
        self.lines.iter().filter(|(_, line)| !line.why.is_empty()).try_for_each(|((client, workflow), line)| {
            let why: Vec<String> = line.why.iter().map(|(code, many)| format!("{many} {code}")).collect();
            writeln!(f, "{client}/{workflow}: {}", why.join(", "))
        })
    }
}
