//! Resolved to checked; one file per finding code. `Checked` is built here alone, and only when no error was found.
//!
//! A source is looked at level by level ([`levels`]), so that what is held at once does not grow with it. A check is in one
//! or more of the lists [`check_project`], [`check_client`] and [`check_workflows`], by what it has to see: each level sees
//! itself and what it rests on. `view.parsed.source.files` are the files of the level alone, so that a check of all files
//! is in all three lists.
//!
//! | who asks | what they get |
//! |---|---|
//! | [`compile`]: `build`, `release` | a [`Checked`], where nothing is wrong |
//! | [`check`]: `check`, editors | what is wrong, with the help of what is known from before |
//! | [`examine`], [`survey`] | what the source says too, checked in full or not |
//! | [`survey_project`] | what it says outside of the clients' folders |
//!
//! # Source
//! language.md sections 5 and 6, trust.md sections 1 to 4.

mod approval_expired;
mod approval_invalid;
mod bad_schedule;
mod breaches;
mod cache_too_long;
pub mod cancelled;
mod ending;
mod expressions;
mod forbidden_purpose;
mod hidden;
pub mod inline_secret;
mod instant;
mod judged;
mod leads;
mod levels;
mod lookalike_name;
mod needs;
mod no_calendar;
mod no_decider;
mod no_fallback;
mod no_limits;
mod no_rotation;
mod no_route;
mod no_scenario;
mod not_rehearsed;
mod over_privileged;
mod personal_fixture;
mod provider_agreement;
mod quotes;
mod recall;
mod region_mismatch;
mod retention_exceeds_plan;
mod retention_too_short;
mod trust;
mod unapproved_data_use;
pub mod unassigned_author;
mod under_privileged;
mod unknown_name;
mod untested_step;
mod unused_personal;
mod unused_value;
mod work;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use assent_schema::canon::Digest;
use assent_schema::client::{ClientFacts, Endpoints};
use assent_schema::coverage::Evidence;
use assent_schema::finding::{Findings, Span};
use assent_schema::id::{ClientId, Environment, Name, OperationRef, Region, Scope};
use assent_schema::plan::Plan;
use assent_schema::scenario::Tests;
use assent_schema::spec::{self, Unit, WorkflowFile};
use assent_schema::time::Moment;
use instant::At;
use levels::{Question, Wanted, ask};
use needs::Needs;

use crate::error::Error;
use crate::lower;
use crate::parse::Parsed;
use crate::resolve::{self, Client, Resolved};
use crate::source::{Parts, Shelf};

pub use ending::Ending;
pub use judged::{Judged, JudgedWorkflow, sorted};
pub use trust::{Approvals, Trusted};

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
    pub parsed: Arc<Parsed>,
    /// With every name connected.
    pub resolved: Resolved,
    /// What each client's workflows do.
    pub judged: BTreeMap<ClientId, Judged>,
    /// What the signed files add up to.
    pub trusted: Arc<Trusted>,
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
        clients.map(|(id, client)| (id.clone(), ClientFacts::clone(&client.facts))).collect()
    }

    /// Where the connections of one region's clients lead in one environment.
    pub fn endpoints(&self, environment: &Environment, region: &Region) -> Endpoints {
        lower::endpoints(&self.0.resolved.clients, environment, region)
    }
}

/// What a check found, and nothing else.
#[derive(Clone, Debug)]
pub struct Report {
    /// What is wrong, unsorted.
    pub findings: Findings,
    /// How many workflow files there are.
    pub workflows: usize,
    /// What ends soon.
    pub ending: Vec<Ending>,
}

/// Compiles a source as of an instant. The findings come unsorted; without an error among them there is a `Checked`.
///
/// # Errors
/// When a part of the source cannot be read.
pub fn compile(parts: &dyn Parts, at: Moment, options: &Options) -> Result<(Option<Checked>, Report), Error> {
    let answer = ask(&Question { parts, at, options, wanted: Wanted::All, shelf: None })?;
    let checked = (!answer.findings.any_errors()).then_some(Checked(answer.survey));
    Ok((checked, Report { findings: answer.findings, workflows: answer.workflows, ending: answer.ending }))
}

/// Everything that is wrong with a source, and what it says all the same.
///
/// # Errors
/// As [`compile`].
pub fn examine(parts: &dyn Parts, at: Moment, options: &Options) -> Result<(Survey, Findings), Error> {
    let answer = ask(&Question { parts, at, options, wanted: Wanted::All, shelf: None })?;
    Ok((answer.survey, answer.findings))
}

/// Everything that is wrong with a source, which itself is not kept. What earlier checks found out is taken from the shelf,
/// and what this one finds out is put there; a release never asks this.
///
/// # Errors
/// As [`compile`].
pub fn check(parts: &dyn Parts, at: Moment, options: &Options, shelf: Option<&Shelf>) -> Result<Report, Error> {
    let answer = ask(&Question { parts, at, options, wanted: Wanted::Findings, shelf })?;
    Ok(Report { findings: answer.findings, workflows: answer.workflows, ending: answer.ending })
}

/// Finds out what a source says and what its workflows do. What is wrong with names, expressions and signed files is
/// reported here; what is wrong with a source that is read well, by [`compile`].
///
/// # Errors
/// As [`compile`].
pub fn survey(parts: &dyn Parts, at: Moment) -> Result<(Survey, Findings), Error> {
    let answer = ask(&Question { parts, at, options: &Options::default(), wanted: Wanted::Survey, shelf: None })?;
    Ok((answer.survey, answer.findings))
}

/// What a source says outside of the clients' folders: the project, the catalog, who is trusted.
///
/// # Errors
/// As [`compile`].
pub fn survey_project(parts: &dyn Parts, at: Moment) -> Result<Survey, Error> {
    let options = Options::default();
    Ok(levels::project(&Question { parts, at, options: &options, wanted: Wanted::Survey, shelf: None })?.0)
}

/// Which workflows of a region have plans that nobody rehearsed.
pub fn check_rehearsed(checked: &Checked, at: Moment, options: &Options) -> Report {
    let Survey { parsed, resolved, judged, trusted } = &checked.0;
    let mut findings = Findings::new();
    let at = &At::new(at);
    not_rehearsed::check(&View { parsed, resolved, judged, trusted, at, options }, &mut findings);
    let workflows = resolved.clients.values().map(|client| client.workflows.len()).sum();
    Report { findings, workflows, ending: Vec::new() }
}

/// Checks that look at what stands outside of the clients' folders.
fn check_project(view: &View<'_>, findings: &mut Findings) {
    lookalike_name::check_project(view, findings);
    bad_schedule::check(view, findings);
    cache_too_long::check(view, findings);
    region_mismatch::check_routes(view, findings);
    inline_secret::check(view, findings);
    personal_fixture::check(view, findings);
    forbidden_purpose::check(view, findings);
}

/// Checks that look at a client, but at none of its workflows alone: what these need together is summed up.
fn check_client(view: &View<'_>, needs: &Needs, findings: &mut Findings) {
    lookalike_name::check_client(view, needs, findings);
    region_mismatch::check(view, needs, findings);
    over_privileged::check(view, needs, findings);
    inline_secret::check(view, findings);
    no_rotation::check(view, findings);
    personal_fixture::check(view, findings);
    trust::check_deciders(view, findings);
    unapproved_data_use::check(view, findings);
    approval_expired::check(view, needs, findings);
    approval_invalid::check(view, needs, findings);
    approval_invalid::check_serials(view, findings);
    cancelled::check(view, needs, findings);
    provider_agreement::check(view, findings);
    retention_too_short::check(view, findings);
    retention_exceeds_plan::check(view, findings);
    no_route::check(view, findings);
    no_calendar::check(view, findings);
    unknown_name::check(view, findings);
}

/// Checks that look at each workflow by itself.
fn check_workflows(view: &View<'_>, findings: &mut Findings) {
    lookalike_name::check_workflows(view, findings);
    breaches::check(view, findings);
    unused_personal::check(view, findings);
    unused_value::check(view, findings);
    bad_schedule::check(view, findings);
    cache_too_long::check(view, findings);
    under_privileged::check(view, findings);
    inline_secret::check(view, findings);
    personal_fixture::check(view, findings);
    forbidden_purpose::check(view, findings);
    unapproved_data_use::check(view, findings);
    no_decider::check(view, findings);
    no_fallback::check(view, findings);
    no_limits::check(view, findings);
    no_scenario::check(view, findings);
    untested_step::check(view, findings);
    not_rehearsed::check(view, findings);
}

/// All that a check may look at.
struct View<'a> {
    parsed: &'a Parsed,
    resolved: &'a Resolved,
    judged: &'a BTreeMap<ClientId, Judged>,
    trusted: &'a Trusted,
    at: &'a At,
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

impl View<'_> {
    fn workflows(&self) -> impl Iterator<Item = (&Client, &resolve::Workflow)> {
        let clients = self.resolved.clients.values();
        clients.flat_map(|client| client.workflows.values().map(move |workflow| (client, workflow)))
    }

    /// The file of each client that could be read.
    fn client_files(&self) -> impl Iterator<Item = &Unit<spec::Client>> {
        self.parsed.clients.values().filter_map(|files| files.client.as_deref())
    }

    /// Every workflow of this part as it is written: those of a client or, of the project, those of the library whether
    /// used or not.
    fn written_workflows(&self) -> impl Iterator<Item = (Writing<'_>, &spec::Workflow)> {
        let clients = self.parsed.clients.values().flat_map(|files| files.workflows.values());
        let clients = clients.map(|unit| (Writing { file: &unit.file, text: &unit.text }, &unit.spec));
        let library = self.parsed.own_library().into_iter().flat_map(BTreeMap::values);
        let library = library.map(|unit| (Writing { file: &unit.file, text: &unit.text }, &unit.spec.body));
        clients.chain(library).filter_map(|(place, file)| match file {
            WorkflowFile::Own(workflow) => Some((place, workflow.as_ref())),
            WorkflowFile::Use(_) => None,
        })
    }
}

impl Survey {
    /// Takes over what was found out about another part of the same source.
    fn absorb(&mut self, part: Self) {
        Arc::make_mut(&mut self.parsed).absorb(Arc::unwrap_or_clone(part.parsed));
        for (id, client) in part.resolved.clients {
            match self.resolved.clients.get_mut(&id) {
                Some(known) => known.workflows.extend(client.workflows),
                None => drop(self.resolved.clients.insert(id, client)),
            }
        }
        for (id, judged) in part.judged {
            self.judged.entry(id).or_default().absorb(judged);
        }
        Arc::make_mut(&mut self.trusted).absorb(&part.trusted);
    }
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
    let reads = [
        called.confirm.as_ref().map(|confirm| &confirm.operation),
        called.park.as_ref().map(|park| &park.read),
        called.job.as_ref().map(|job| &job.read),
    ];
    let sibling = |name: &Name| OperationRef { connection: operation.connection.clone(), operation: name.clone() };
    let all = [operation.clone()].into_iter().chain(reads.into_iter().flatten().map(sibling));
    let scopes = |reference: OperationRef| Some((&plan.operations.get(&reference)?.scopes, reference));
    all.filter_map(scopes).map(|(scopes, reference)| (reference, scopes)).collect()
}
