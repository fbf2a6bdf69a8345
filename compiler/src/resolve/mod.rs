//! Parsed files to resolved workflows: every name leads somewhere. `unknown-name` and `duplicate-name` are found here.
//!
//! A workflow becomes a candidate plan, so that types, flows and data uses are looked at on the very form that the agent
//! will look at, and [`Sites`] remember where each part stands in the source.
//!
//! # Source
//! language.md sections 1 to 3 and 7.

mod call;
mod catalog;
mod classes;
mod client;
mod clocks;
mod connection;
mod endpoints;
mod event;
mod forgotten;
mod gaps;
mod library;
mod names;
mod operations;
pub(crate) mod paths;
mod project;
mod reads;
mod scenarios;
mod settings;
mod sites;
mod step;
mod text;
mod trigger;
mod workflow;

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZero;
use std::ops::Range;
use std::sync::Arc;

use assent_schema::client::ClientFacts;
use assent_schema::code::Code;
use assent_schema::finding::Findings;
use assent_schema::id::{ClientId, PersonId, WorkflowId};
use assent_schema::plan::Plan;
use assent_schema::scenario::Tests;
use assent_schema::spec::{self, Unit, WorkflowFile};
use project::{check_environments, check_project};

use self::names::Report;
use self::settings::Settings;
use crate::parse::{ClientFiles, Parsed};

pub use client::{EndpointsByEnvironment, PRODUCTION};
use operations::Made;
pub(crate) use operations::{Pruned, keep, prune};
pub use sites::{Site, Sites};

/// The most threads that work at once; more do not help a compile of thousands of small files.
const THREADS_MOST: usize = 8;

/// Everything that a source says, with every name connected.
#[derive(Clone, Debug, Default)]
pub struct Resolved {
    /// The clients, by name.
    pub clients: BTreeMap<ClientId, Client>,
}

/// The people of the agency who are assigned to a client, each with the keys and passkeys that the root lists.
pub type Team = BTreeMap<PersonId, BTreeSet<String>>;

/// One client.
#[derive(Clone, Debug)]
pub struct Client {
    /// What an agent must know of it.
    pub facts: Arc<ClientFacts>,
    /// Where its connections and alert routes lead.
    pub endpoints: Arc<EndpointsByEnvironment>,
    /// Whether everything is known that its file names outside of it: what its connections lead to, which routes there are.
    pub is_whole: bool,
    /// Its workflows, by id.
    pub workflows: BTreeMap<WorkflowId, Workflow>,
    /// What could be read of workflows that cannot be used.
    pub partly: Vec<Partly>,
}

/// What could be read of a workflow that cannot be used: nothing but its expressions is looked at.
#[derive(Clone, Debug)]
pub struct Partly {
    /// The candidate plan, without what could not be read.
    pub plan: Plan,
    /// Where the plan's parts stand.
    pub sites: Sites,
    /// The steps of which nothing is concluded, and `trigger` where it is not known what that gives.
    pub unread: BTreeSet<String>,
    /// Whether a step of it has no id, so that any name may be that of this step.
    pub nameless: bool,
}

/// One workflow.
#[derive(Clone, Debug)]
pub struct Workflow {
    /// The candidate plan: operations have every field that the catalog gives them. Once the workflow is judged, the
    /// plan that agents read.
    pub plan: Arc<Plan>,
    /// Its scenarios; absent where there is no test file.
    pub tests: Option<Tests>,
    /// The client's own file.
    pub file: Arc<str>,
    /// The files that it is made of: its own, those of the library that it uses, its prompts and its texts.
    pub sources: BTreeSet<Arc<str>>,
    /// The workflow's name, or the name of the library workflow, in that file.
    pub name: Range<usize>,
    /// The library workflow that it uses.
    pub library: Option<WorkflowId>,
    /// Which of the limits that every workflow needs the source does not give.
    pub missing_limits: Vec<&'static str>,
    /// Whether the source gives a fallback.
    pub has_fallback: bool,
    /// Where the plan's parts stand.
    pub sites: Sites,
    /// Whether every name in it leads somewhere. What does not is left out of the plan.
    pub is_whole: bool,
    /// The steps that the plan lacks, `trigger` where it is not known what that gives, and `settings` where one leads nowhere.
    pub lost: BTreeSet<String>,
}

/// Looks at what the project says of itself, of its catalog and of its library.
pub(crate) fn resolve_project(parsed: &Parsed, findings: &mut Findings) {
    check_project(parsed, findings);
    library::check(parsed, findings);
    catalog::check(parsed, findings);
}

/// Resolves a client's own file; nothing when it could not be read.
pub(crate) fn resolve_client(
    parsed: &Parsed,
    id: &ClientId,
    team: Option<&Team>,
    findings: &mut Findings,
) -> Option<Client> {
    let unit = parsed.clients.get(id)?.client.as_ref()?;
    check_environments(parsed, unit, findings);
    let (facts, endpoints) = client::resolve(parsed, unit, team, findings);
    Some(Client {
        is_whole: client::is_whole(parsed, &unit.spec, &facts),
        facts: Arc::new(facts),
        endpoints: Arc::new(endpoints),
        workflows: BTreeMap::new(),
        partly: Vec::new(),
    })
}

/// Resolves the workflows of one client that a part holds; those that could not be read are left out.
pub(crate) fn resolve_workflows(parsed: &Parsed, client: &Client, findings: &mut Findings) -> Client {
    let id = &client.facts.client;
    let mut resolved = Client { workflows: BTreeMap::new(), ..client.clone() };
    let Some(files) = parsed.clients.get(id) else { return resolved };
    let Some(unit) = &files.client else { return resolved };
    let rests_on_part = |file: &Unit<WorkflowFile>| match &file.spec {
        WorkflowFile::Own(_) => false,
        WorkflowFile::Use(usage) => library::rests_on_part(parsed, usage),
    };
    let (part, whole): (Vec<_>, Vec<_>) = files.workflows.iter().partition(|(_, file)| rests_on_part(file));
    let made = &Made::default();
    let written = Written { parsed, client: &unit.spec, facts: &client.facts, files, made };
    for (name, file) in whole {
        let workflow = resolve_workflow(&written, name, file, findings);
        resolved.workflows.extend(workflow.map(|workflow| (name.clone(), workflow)));
    }
    let parts = part.into_iter().map(|(_, file)| file).chain(&files.partly);
    let read = parts.filter_map(|part| resolve_written_part(parsed, (unit, &client.facts), part, made, findings));
    resolved.partly = read.collect();
    resolved
}

/// Resolves what could be read of a workflow, its own or that of the library which it uses.
fn resolve_written_part(
    parsed: &Parsed,
    (client, facts): (&Unit<spec::Client>, &ClientFacts),
    part: &Unit<WorkflowFile>,
    made: &Made,
    findings: &mut Findings,
) -> Option<Partly> {
    let spec = &client.spec;
    match &part.spec {
        WorkflowFile::Own(workflow) => {
            let (folder, settings) = (format!("clients/{}", facts.client), Settings::new());
            let context = workflow::Context { parsed, client: spec, facts, folder: &folder, settings: &settings, made };
            resolve_part(&context, part, workflow, &BTreeSet::new(), findings)
        }
        WorkflowFile::Use(usage) => {
            let chain = library::find(parsed, part, usage, findings)?;
            let settings = library::put_settings(&chain, part, usage, findings);
            let context =
                workflow::Context { parsed, client: spec, facts, folder: "library", settings: &settings, made };
            resolve_part(&context, chain.base, chain.workflow, &chain.base.spec.unread, findings)
        }
    }
}

/// Resolves what could be read of a workflow. A name that leads nowhere is told, as long as it is not that of something which
/// could not be read; what is missing is not.
fn resolve_part<T>(
    context: &workflow::Context<'_>,
    unit: &Unit<T>,
    workflow: &spec::Workflow,
    unread_settings: &BTreeSet<String>,
    findings: &mut Findings,
) -> Option<Partly> {
    let mut found = Findings::new();
    let (plan, sites) = workflow::resolve(context, unit, workflow, &mut found);
    let mut unread = lost(&plan, workflow);
    unread.extend(workflow.unread.iter().map(ToString::to_string));
    for finding in found.iter().filter(|finding| finding.code == Code::UnknownName) {
        let named = sites.text(&finding.span).trim_matches(['"', '\'']);
        let is_unread = match named.split_once('.') {
            Some(("settings", name)) => unread_settings.contains(name),
            Some((root, _)) => workflow.nameless || unread.contains(root),
            None => workflow.nameless || unread.contains(named),
        };
        if !is_unread {
            findings.push(finding.clone());
            // Perhaps it was the event that leads nowhere.
            unread.insert("trigger".to_owned());
        }
    }
    // Which settings lead nowhere was told here.
    unread.insert("settings".to_owned());
    let workflow::Context { parsed, client, facts, folder, .. } = context;
    let rests_on_broken = gaps::rests_on_broken(parsed, client, facts, folder, workflow);
    (!rests_on_broken).then_some(Partly { plan, sites, unread, nameless: workflow.nameless })
}

/// What a plan lacks of the workflow that it was made of, because some name led nowhere.
fn lost(plan: &Plan, workflow: &spec::Workflow) -> BTreeSet<String> {
    let resolved: BTreeSet<&str> = plan.every_step().map(|step| step.id.as_str()).collect();
    let steps = workflow.every_step().map(|step| step.id.as_str()).filter(|id| !resolved.contains(id));
    let no_event = match &workflow.trigger.value {
        spec::Trigger::Webhook { .. } | spec::Trigger::Poll { .. } => {
            plan.trigger.fields().is_none_or(BTreeMap::is_empty)
        }
        spec::Trigger::Inbox { .. } | spec::Trigger::Schedule { .. } | spec::Trigger::Manual { .. } => false,
    };
    steps.chain(no_event.then_some("trigger")).map(str::to_owned).collect()
}

/// The prompts and texts that a workflow reads, as paths of the source.
fn files_of<'a>(folder: &'a str, workflow: &'a spec::Workflow) -> impl Iterator<Item = Arc<str>> + 'a {
    let mut named: Vec<&String> = Vec::new();
    workflow.every_step().for_each(|step| match &step.action {
        spec::Action::Ask { prompt, with, .. } => {
            named.push(&prompt.value);
            for argument in with.values() {
                texts_of(argument, &mut named);
            }
        }
        spec::Action::Call { with, .. } | spec::Action::Set { values: with } => {
            for argument in with.values() {
                texts_of(argument, &mut named);
            }
        }
        spec::Action::Decide { .. } | spec::Action::Each(_) | spec::Action::Wait { .. } | spec::Action::Stop { .. } => {
        }
    });
    named.into_iter().map(move |name| format!("{folder}/{name}").into())
}

/// The texts that an argument is made of.
fn texts_of<'a>(argument: &'a spec::Argument, named: &mut Vec<&'a String>) {
    match argument {
        spec::Argument::Text(used) => named.push(&used.file.value),
        spec::Argument::List(items) => items.iter().for_each(|item| texts_of(item, named)),
        spec::Argument::Record(members) => members.values().for_each(|member| texts_of(member, named)),
        spec::Argument::Boolean(_) | spec::Argument::Integer(_) | spec::Argument::Template(_) => {}
    }
}

/// Does independent work on a few threads; the results stand in the order of the work.
pub(crate) fn in_parallel<T: Send, R: Send>(work: &mut [T], one: impl Fn(&mut T) -> R + Sync) -> Vec<R> {
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get).min(THREADS_MOST);
    let share = work.len().div_ceil(threads).max(1);
    if threads == 1 || work.len() <= share {
        return work.iter_mut().map(one).collect();
    }
    let one = &one;
    std::thread::scope(|scope| {
        let start = |part| scope.spawn(move || <[T]>::iter_mut(part).map(one).collect::<Vec<R>>());
        let started: Vec<_> = work.chunks_mut(share).map(start).collect();
        let join = |thread: std::thread::ScopedJoinHandle<'_, Vec<R>>| {
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        started.into_iter().flat_map(join).collect()
    })
}

/// Where the workflows of a client stand, and what they may name.
struct Written<'a> {
    parsed: &'a Parsed,
    client: &'a spec::Client,
    facts: &'a ClientFacts,
    files: &'a ClientFiles,
    made: &'a Made,
}

/// A workflow with its names resolved: the client's own, or one of the library as the client uses it.
struct Base<'a> {
    plan: Plan,
    sites: Sites,
    spec: &'a spec::Workflow,
    library: Option<WorkflowId>,
    /// The files of the library that it was made of.
    files: Vec<Arc<str>>,
    name: Range<usize>,
}

fn own<'a>(
    written: &Written<'a>,
    unit: &Unit<WorkflowFile>,
    workflow: &'a spec::Workflow,
    found: &mut Findings,
) -> Base<'a> {
    let Written { parsed, client, facts, made, .. } = *written;
    let (folder, settings) = (format!("clients/{}", facts.client), Settings::new());
    let context = workflow::Context { parsed, client, facts, folder: &folder, settings: &settings, made };
    let (plan, sites) = workflow::resolve(&context, unit, workflow, found);
    Base { plan, sites, spec: workflow, library: None, files: Vec::new(), name: workflow.name.span.clone() }
}

fn used<'a>(
    written: &Written<'a>,
    id: &WorkflowId,
    unit: &'a Unit<WorkflowFile>,
    usage: &'a spec::Use,
    (found, findings): (&mut Findings, &mut Findings),
) -> Option<Base<'a>> {
    let Written { parsed, client, facts, made, .. } = *written;
    let chain = library::find(parsed, unit, usage, findings)?;
    let settings = library::put_settings(&chain, unit, usage, found);
    let context = workflow::Context { parsed, client, facts, folder: "library", settings: &settings, made };
    let (mut plan, sites) = workflow::resolve(&context, chain.base, chain.workflow, found);
    plan.workflow = id.clone();
    for (unit, link) in chain.uses() {
        classes::raise(&mut plan, &link.classes, str::to_owned, &mut Report::new(unit, found));
    }
    classes::raise(&mut plan, &usage.classes, str::to_owned, &mut Report::new(unit, found));
    let (library, name) = (usage.library.value.clone(), usage.library.span.clone());
    let files = chain.files(parsed, &library);
    Some(Base { plan, sites, spec: chain.workflow, library: Some(library), files, name })
}

fn resolve_workflow(
    written: &Written<'_>,
    id: &WorkflowId,
    unit: &Unit<WorkflowFile>,
    findings: &mut Findings,
) -> Option<Workflow> {
    let Written { parsed, client, facts, files, .. } = *written;
    let mut found = Findings::new();
    let base = match &unit.spec {
        WorkflowFile::Own(workflow) => own(written, unit, workflow, &mut found),
        WorkflowFile::Use(usage) => used(written, id, unit, usage, (&mut found, findings))?,
    };
    let Base { plan, sites, spec, library, files: library_files, name } = base;
    let folder = format!("clients/{}", facts.client);
    let limits = spec.limits.as_ref();
    let reads = if library.is_some() { "library" } else { folder.as_str() };
    let is_whole = !found.any_errors() && !gaps::rests_on_broken(parsed, client, facts, reads, spec);
    let mut lost = if is_whole { BTreeSet::new() } else { lost(&plan, spec) };
    // A setting that leads nowhere stands in the plan as it was written.
    lost.extend((!is_whole).then(|| "settings".to_owned()));
    findings.append(found);
    // Scenarios of a plan with gaps would be blamed for the gaps.
    let mut of_tests = Findings::new();
    let tests = files.tests.get(id).map(|tests| scenarios::resolve(&plan, facts, tests, &mut of_tests));
    if is_whole {
        findings.append(of_tests);
    }
    let mut sources: BTreeSet<Arc<str>> = files_of(reads, spec).collect();
    sources.insert(Arc::clone(&unit.file));
    sources.extend(library_files);
    Some(Workflow {
        sources,
        tests,
        plan: Arc::new(plan),
        file: Arc::clone(&unit.file),
        name,
        library,
        missing_limits: missing_limits(limits),
        has_fallback: spec.fallback.is_some(),
        sites,
        is_whole,
        lost,
    })
}

fn missing_limits(limits: Option<&spec::Limits>) -> Vec<&'static str> {
    let timeout = limits.is_some_and(|limits| limits.timeout.is_some());
    let concurrency = limits.is_some_and(|limits| limits.concurrency.is_some());
    [("timeout", timeout), ("concurrency", concurrency)]
        .iter()
        .filter(|(_, given)| !given)
        .map(|(key, _)| *key)
        .collect()
}
