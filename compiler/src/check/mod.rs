//! Resolved to checked; one file per finding code. `Checked` is built here alone, and only when no error was found.
//!
//! # Source
//! language.md sections 5 and 6, trust.md sections 1 to 4.

mod approval_expired;
mod bad_schedule;
mod breaches;
mod cache_too_long;
mod expressions;
mod forbidden_purpose;
pub mod inline_secret;
mod lookalike_name;
mod no_calendar;
mod no_fallback;
mod no_limits;
mod no_rotation;
mod no_route;
mod no_scenario;
mod not_rehearsed;
mod over_privileged;
mod personal_fixture;
mod provider_agreement;
mod region_mismatch;
mod retention_exceeds_plan;
mod retention_too_short;
mod trust;
mod unapproved_data_use;
pub mod unassigned_author;
mod under_privileged;
mod untested_step;
mod unused_personal;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use assent_schema::canon::{self, Digest};
use assent_schema::client::{ClientFacts, Endpoints};
use assent_schema::code::Code;
use assent_schema::coverage::Evidence;
use assent_schema::finding::{Findings, Span};
use assent_schema::guard::{self, Breach};
use assent_schema::id::{ClientId, ConnectionId, Environment, Name, OperationRef, Region, Scope, WorkflowId};
use assent_schema::plan::Plan;
use assent_schema::scenario::Tests;
use assent_schema::spec::{self, Unit, WorkflowFile};
use assent_schema::time::Moment;
use assent_schema::uses::{DataUse, derive, derive_client, uncovered};

use crate::lower::{self, Lowered};
use crate::parse::{self, Parsed};
use crate::resolve::{self, Client, Resolved};
use crate::source::Source;

pub use trust::Trusted;

/// What a check is asked for besides the source.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The pairs of plan and tests that enough staging agents rehearsed; absent where nobody asks for rehearsals.
    pub rehearsed: Option<BTreeSet<(Digest, Digest)>>,
    /// The region that is released; absent for all.
    pub region: Option<Region>,
    /// How scenarios are run; where nobody says, nothing is said of what they reach.
    pub rehearse: Option<Rehearse>,
}

/// Runs all scenarios of a workflow. Nothing where the engine does not take the plan.
pub type Rehearse = fn(&Plan, Digest, &Tests, &ClientFacts) -> Option<Evidence>;

/// Everything that was found out about a source, whether it may be released or not. `plan` works on this.
#[derive(Clone, Debug)]
pub struct Survey {
    /// What the source says.
    pub parsed: Parsed,
    /// With every name connected.
    pub resolved: Resolved,
    /// What each client's workflows do.
    pub judged: BTreeMap<ClientId, Judged>,
    /// What the signed files add up to.
    pub trusted: Trusted,
}

/// A source in which nothing is wrong, as of one instant. Only [`compile`] makes one.
#[derive(Clone, Debug)]
pub struct Checked(Survey);

impl Checked {
    /// What was found out about the source.
    pub fn survey(&self) -> &Survey {
        &self.0
    }

    /// The workflows of one region's clients, sorted by client and workflow.
    pub fn workflows_in(&self, region: &Region) -> Vec<(&Client, &resolve::Workflow, &JudgedWorkflow)> {
        let clients = self.0.resolved.clients.iter().filter(|(_, client)| client.facts.region == *region);
        clients
            .filter_map(|(id, client)| Some((client, self.0.judged.get(id)?)))
            .flat_map(|(client, judged)| {
                let with = |(id, workflow)| Some((client, workflow, judged.workflows.get(id)?));
                client.workflows.iter().filter_map(with).collect::<Vec<_>>()
            })
            .collect()
    }

    /// What an agent of one region must know of its clients.
    pub fn clients_in(&self, region: &Region) -> BTreeMap<ClientId, ClientFacts> {
        let clients = self.0.resolved.clients.iter().filter(|(_, client)| client.facts.region == *region);
        clients.map(|(id, client)| (id.clone(), client.facts.clone())).collect()
    }

    /// Where the connections of one region's clients lead in one environment.
    pub fn endpoints(&self, environment: &Environment, region: &Region) -> Endpoints {
        lower::endpoints(&self.0.resolved.clients, environment, region)
    }
}

/// Compiles a source as of an instant. The findings come unsorted; without an error among them there is a `Checked`.
pub fn compile(source: Source, at: Moment, options: &Options) -> (Option<Checked>, Findings) {
    let (survey, findings) = examine(source, at, options);
    ((!findings.any_errors()).then_some(Checked(survey)), findings)
}

/// Everything that is wrong with a source, and what it says all the same.
pub fn examine(source: Source, at: Moment, options: &Options) -> (Survey, Findings) {
    let (survey, mut findings) = survey(source, at);
    check_all(&survey, at, options, &mut findings);
    (survey, findings)
}

/// Finds out what a source says and what its workflows do. What is wrong with names, expressions and signed files is
/// reported here; what is wrong with a source that is read well, by [`compile`].
pub fn survey(source: Source, at: Moment) -> (Survey, Findings) {
    let (parsed, mut findings) = parse::parse(source);
    let (mut resolved, found) = resolve::resolve(&parsed);
    findings.append(found);
    let trusted = trust::gather(&parsed, at, &mut findings);
    let (mut judged, found) = judge(&mut resolved);
    findings.append(found);
    for (client, judged) in &mut judged {
        let approved = trusted.statements.get(client).map(|known| known.approved_uses(at)).unwrap_or_default();
        judged.missing = sorted(uncovered(judged.uses(), &approved).into_iter().cloned().collect());
    }
    (Survey { parsed, resolved, judged, trusted }, findings)
}

/// Types, flows and data uses of every workflow. One whose expressions do not hold has neither.
fn judge(resolved: &mut Resolved) -> (BTreeMap<ClientId, Judged>, Findings) {
    let own = |client: &Client| Judged { own: derive_client(&client.facts), ..Judged::default() };
    let mut judged: BTreeMap<ClientId, Judged> =
        resolved.clients.iter().map(|(id, client)| (id.clone(), own(client))).collect();
    let mut jobs = Vec::new();
    for (id, client) in &mut resolved.clients {
        let facts = &client.facts;
        jobs.extend(client.workflows.iter_mut().map(move |(name, workflow)| (id, facts, name, workflow)));
    }
    let done = resolve::in_parallel(&mut jobs, |(id, facts, name, workflow)| {
        let mut findings = Findings::new();
        let judged = judge_workflow(facts, workflow, &mut findings);
        (*id, *name, judged, findings)
    });
    let mut findings = Findings::new();
    for (id, name, workflow, found) in done {
        findings.append(found);
        if let (Some(client), Some(workflow)) = (judged.get_mut(id), workflow) {
            client.workflows.insert(name.clone(), workflow);
        }
    }
    (judged, findings)
}

/// The candidate plan gives way to the lowered one, so that a source of thousands of workflows is held once.
fn judge_workflow(
    facts: &ClientFacts,
    workflow: &mut resolve::Workflow,
    findings: &mut Findings,
) -> Option<JudgedWorkflow> {
    if !workflow.is_whole {
        return None;
    }
    match lower::lower(workflow) {
        Ok(lowered) => {
            let flows = expressions::check(workflow, &lowered.plan, findings)?;
            let uses = derive(&lowered.plan, facts, &flows);
            let breaches = guard::breaches(&lowered.plan, &flows, facts);
            let idle = unused_personal::idle(&workflow.plan);
            workflow.plan = Arc::clone(&lowered.plan);
            Some(JudgedWorkflow { lowered, uses, breaches, idle })
        }
        Err(error) => {
            findings.add(Code::BadValue, workflow.span(), format!("The workflow has no canonical form: {error}."));
            None
        }
    }
}

/// Every check on a source whose names lead somewhere, in the order of the table of codes.
fn check_all(survey: &Survey, at: Moment, options: &Options, findings: &mut Findings) {
    let view = View {
        parsed: &survey.parsed,
        resolved: &survey.resolved,
        judged: &survey.judged,
        trusted: &survey.trusted,
        at,
        options,
    };
    lookalike_name::check(&view, findings);
    breaches::check(&view, findings);
    unused_personal::check(&view, findings);
    bad_schedule::check(&view, findings);
    cache_too_long::check(&view, findings);
    region_mismatch::check(&view, findings);
    over_privileged::check(&view, findings);
    under_privileged::check(&view, findings);
    inline_secret::check(&view, findings);
    no_rotation::check(&view, findings);
    personal_fixture::check(&view, findings);
    forbidden_purpose::check(&view, findings);
    unapproved_data_use::check(&view, findings);
    approval_expired::check(&view, findings);
    provider_agreement::check(&view, findings);
    retention_too_short::check(&view, findings);
    retention_exceeds_plan::check(&view, findings);
    no_fallback::check(&view, findings);
    no_limits::check(&view, findings);
    no_route::check(&view, findings);
    no_calendar::check(&view, findings);
    no_scenario::check(&view, findings);
    untested_step::check(&view, findings);
    not_rehearsed::check(&view, findings);
}

/// All that a check may look at.
struct View<'a> {
    parsed: &'a Parsed,
    resolved: &'a Resolved,
    judged: &'a BTreeMap<ClientId, Judged>,
    trusted: &'a Trusted,
    at: Moment,
    options: &'a Options,
}

/// The file that a workflow stands in.
struct Writing<'a> {
    file: &'a Arc<str>,
    text: &'a str,
}

impl Writing<'_> {
    /// A place in the file.
    fn span(&self, range: &Range<usize>) -> Span {
        Span::new(self.file, range.clone())
    }

    /// The place of a part of a quoted text.
    fn within(&self, quoted: &Range<usize>, part: &Range<usize>) -> Span {
        self.span(&spec::within(self.text, quoted, part))
    }
}

/// What was found out about one client's workflows.
#[derive(Clone, Debug, Default)]
pub struct Judged {
    /// Its workflows; without those whose expressions do not hold.
    pub workflows: BTreeMap<WorkflowId, JudgedWorkflow>,
    /// The uses that hold for the client as a whole: guardrails, how long its ledger is kept.
    pub own: Vec<DataUse>,
    /// Those of its data uses that no approval covers.
    pub missing: Vec<DataUse>,
}

/// What was found out about one workflow.
#[derive(Clone, Debug)]
pub struct JudgedWorkflow {
    /// As agents read it.
    pub lowered: Lowered,
    /// Its data uses, sorted.
    pub uses: Vec<DataUse>,
    /// What it does and may not do.
    pub breaches: Vec<Breach>,
    /// Reads of records with personal fields whose answer nothing uses.
    pub idle: Vec<Name>,
}

impl Judged {
    /// All data uses; one that several workflows need comes several times.
    pub fn uses(&self) -> impl Iterator<Item = &DataUse> {
        self.own.iter().chain(self.workflows.values().flat_map(|workflow| &workflow.uses))
    }

    /// All data uses, sorted by canonical JSON, each once.
    pub fn all_uses(&self) -> Vec<DataUse> {
        sorted(self.uses().cloned().collect())
    }

    fn lowered(&self, workflow: &WorkflowId) -> Option<&Lowered> {
        self.workflows.get(workflow).map(|workflow| &workflow.lowered)
    }
}

impl View<'_> {
    fn workflows(&self) -> impl Iterator<Item = (&Client, &resolve::Workflow)> {
        let clients = self.resolved.clients.values();
        clients.flat_map(|client| client.workflows.values().map(move |workflow| (client, workflow)))
    }

    /// Every client file that could be read.
    fn client_files(&self) -> impl Iterator<Item = &Unit<spec::Client>> {
        self.parsed.clients.values().filter_map(|files| files.client.as_ref())
    }

    /// Every workflow as it is written, once: those of clients, and those of the library whether used or not.
    fn written_workflows(&self) -> impl Iterator<Item = (Writing<'_>, &spec::Workflow)> {
        let clients = self.parsed.clients.values().flat_map(|files| files.workflows.values());
        let clients = clients.map(|unit| (Writing { file: &unit.file, text: &unit.text }, &unit.spec));
        let library = self.parsed.library.values();
        let library = library.map(|unit| (Writing { file: &unit.file, text: &unit.text }, &unit.spec.body));
        clients.chain(library).filter_map(|(place, file)| match file {
            WorkflowFile::Own(workflow) => Some((place, workflow.as_ref())),
            WorkflowFile::Use(_) => None,
        })
    }

    /// Whether every workflow file of a client could be read and resolved.
    fn is_whole(&self, client: &ClientId) -> bool {
        let folder = format!("clients/{client}/workflows/");
        let files = self.parsed.clients.get(client).map_or(0, |files| files.workflows.len());
        let resolved = self.resolved.clients.get(client).map(|client| client.workflows.values());
        let whole = resolved.map_or(0, |workflows| workflows.filter(|workflow| workflow.is_whole).count());
        files == whole && !self.parsed.broken.iter().any(|file| file.starts_with(&folder))
    }
}

/// The scopes that a client's workflows need of one connection, with the workflows that need them.
fn scopes_needed<'c>(client: &'c Client, connection: &ConnectionId) -> BTreeMap<&'c Scope, BTreeSet<&'c WorkflowId>> {
    let mut needed: BTreeMap<&Scope, BTreeSet<&WorkflowId>> = BTreeMap::new();
    for (id, workflow) in &client.workflows {
        let operations = workflow.plan.operations.iter();
        for (_, operation) in operations.filter(|(operation, _)| operation.connection == *connection) {
            for scope in &operation.scopes {
                needed.entry(scope).or_default().insert(id);
            }
        }
    }
    needed
}

/// Sorted by canonical JSON, each once.
fn sorted(mut uses: Vec<DataUse>) -> Vec<DataUse> {
    uses.sort_by_cached_key(|data_use| canon::to_bytes(data_use).unwrap_or_default());
    uses.dedup();
    uses
}

impl resolve::Workflow {
    /// The place of the workflow's name in the client's own file.
    fn span(&self) -> Span {
        Span::new(&self.file, self.name.clone())
    }
}

/// An operation with the reads that it rests on, each with its scopes.
fn needs<'p>(plan: &'p Plan, operation: &OperationRef) -> Vec<(OperationRef, &'p BTreeSet<Scope>)> {
    let Some(called) = plan.operations.get(operation) else { return Vec::new() };
    let reads =
        [called.confirm.as_ref().map(|confirm| &confirm.operation), called.park.as_ref().map(|park| &park.read)];
    let sibling = |name: &Name| OperationRef { connection: operation.connection.clone(), operation: name.clone() };
    let all = [operation.clone()].into_iter().chain(reads.into_iter().flatten().map(sibling));
    let scopes = |reference: OperationRef| Some((&plan.operations.get(&reference)?.scopes, reference));
    all.filter_map(scopes).map(|(scopes, reference)| (reference, scopes)).collect()
}
