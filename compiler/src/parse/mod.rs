//! Bytes to what people wrote: TOML into `spec` types, one file per kind of source file, all findings at once.
//!
//! A file that lacks what its kind needs is *broken*: it is reported, kept out of [`Parsed`], and named in
//! [`Parsed::broken`] so that later stages do not blame others for what it would have declared.

#![expect(
    clippy::needless_pass_by_value,
    reason = "readers have one form, so that each can be named where one is wanted"
)]

mod client;
mod field;
mod file;
mod integration;
mod operation;
mod project;
mod provider;
mod reader;
mod scenario;
mod step;
pub mod suggest;
pub mod text;
mod trigger;
mod unique;
mod value;
mod workflow;

use std::collections::{BTreeMap, BTreeSet};
use std::panic::resume_unwind;
use std::sync::Arc;
use std::thread;

use assent_schema::code::Code;
use assent_schema::finding::{Findings, Span};
use assent_schema::id::{ClientId, IntegrationId, ProviderId, WorkflowId};
use assent_schema::spec::{Client, Integration, Library, Project, Provider, Tests, Unit, WorkflowFile};

use crate::source::{File, Place, Source};

use file::{Said, read};
pub(crate) use file::{anchor, value_place};

/// The most threads that parse; more cores than that wait for memory.
const THREADS_MOST: usize = 16;
/// The fewest files for which a thread of its own pays.
const FILES_PER_THREAD: usize = 64;

/// Everything that a source says, read but not yet connected.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// Where it was read from; `source.files` holds the bytes of signed files, prompts and texts.
    pub source: Arc<Source>,
    /// `assent.toml`.
    pub project: Option<Unit<Project>>,
    /// `catalog/integrations/`, by name.
    pub integrations: BTreeMap<IntegrationId, Unit<Integration>>,
    /// `catalog/providers/`, by name.
    pub providers: BTreeMap<ProviderId, Unit<Provider>>,
    /// `library/`, by name.
    pub library: BTreeMap<WorkflowId, Unit<Library>>,
    /// `clients/`, by name.
    pub clients: BTreeMap<ClientId, ClientFiles>,
    /// Files that are there but say something that could not be understood.
    pub broken: BTreeSet<Arc<str>>,
}

/// What one client's folder says.
#[derive(Clone, Debug, Default)]
pub struct ClientFiles {
    /// `client.toml`.
    pub client: Option<Unit<Client>>,
    /// `workflows/<name>.toml`, by name.
    pub workflows: BTreeMap<WorkflowId, Unit<WorkflowFile>>,
    /// `workflows/<name>.test.toml`, by the name of the workflow.
    pub tests: BTreeMap<WorkflowId, Unit<Tests>>,
}

/// Reads every file of a source, on all cores; findings and results are the same for any number of them.
pub fn parse(source: Source) -> (Parsed, Findings) {
    let files: Vec<(&Arc<str>, &File)> = source.files.iter().filter(|(_, file)| is_read(&file.place)).collect();
    let cores = thread::available_parallelism().map_or(1, usize::from).min(THREADS_MOST);
    let threads = files.len().div_ceil(FILES_PER_THREAD).clamp(1, cores);
    let share = files.len().div_ceil(threads).max(1);
    let read_all = |files: &[(&Arc<str>, &File)]| -> Vec<(Option<Said>, Findings)> {
        files.iter().map(|(path, file)| read(path, file)).collect()
    };
    let results: Vec<Vec<(Option<Said>, Findings)>> = if threads == 1 {
        vec![read_all(&files)]
    } else {
        thread::scope(|scope| {
            let workers: Vec<_> = files.chunks(share).map(|files| scope.spawn(move || read_all(files))).collect();
            // A panic in a worker is a bug here and must not pass for a file that says nothing.
            workers.into_iter().map(|worker| worker.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
        })
    };
    let mut findings = Findings::new();
    let mut gathered = Gathered::default();
    for ((path, file), (said, found)) in files.iter().zip(results.into_iter().flatten()) {
        findings.append(found);
        match said {
            Some(said) => gathered.add(&file.place, said),
            None => {
                gathered.broken.insert(Arc::clone(path));
            }
        }
    }
    let is_refused = source.refused.contains_key("assent.toml") || source.unread.contains("assent.toml");
    if gathered.project.is_none() && !is_refused && !gathered.broken.contains("assent.toml") {
        let span = Span::new(&"assent.toml".into(), 0..0);
        let help = "Run assent where the source repository is, or name it with `--repo`.";
        findings.add_with_help(Code::BadValue, span, "The source has no `assent.toml`.", help);
    }
    gathered.broken.extend(source.refused.keys().chain(&source.unread).map(Arc::clone));
    gathered.orphans(&mut findings);
    (gathered.parsed(source), findings)
}

/// Whether this room reads files of this kind: not those of `trust`, and no plain text.
fn is_read(place: &Place) -> bool {
    match place {
        Place::Project
        | Place::Integration(_)
        | Place::Provider(_)
        | Place::Library(_)
        | Place::Client(_)
        | Place::Workflow(..)
        | Place::Tests(..) => true,
        Place::Root(_)
        | Place::Teams
        | Place::CatalogLock
        | Place::Approvers(..)
        | Place::Approval(_)
        | Place::Text
        | Place::Signature(..)
        | Place::Passkey(..)
        | Place::Beside => false,
    }
}

/// What was read so far.
#[derive(Default)]
struct Gathered {
    project: Option<Unit<Project>>,
    integrations: BTreeMap<IntegrationId, Unit<Integration>>,
    providers: BTreeMap<ProviderId, Unit<Provider>>,
    library: BTreeMap<WorkflowId, Unit<Library>>,
    clients: BTreeMap<ClientId, ClientFiles>,
    broken: BTreeSet<Arc<str>>,
}

impl Gathered {
    fn add(&mut self, place: &Place, said: Said) {
        match (place, said) {
            (_, Said::Project(unit)) => self.project = Some(unit),
            (_, Said::Integration(unit)) => {
                self.integrations.insert(unit.spec.name.value.clone(), unit);
            }
            (_, Said::Provider(unit)) => {
                self.providers.insert(unit.spec.name.value.clone(), unit);
            }
            (Place::Library(name), Said::Library(unit)) => {
                self.library.insert(name.clone(), *unit);
            }
            (Place::Client(client), Said::Client(unit)) => self.client(client).client = Some(unit),
            (Place::Workflow(client, name), Said::Workflow(unit)) => {
                self.client(client).workflows.insert(name.clone(), unit);
            }
            (Place::Tests(client, name), Said::Tests(unit)) => {
                self.client(client).tests.insert(name.clone(), unit);
            }
            // The place decided what was read.
            (_, Said::Library(_) | Said::Client(_) | Said::Workflow(_) | Said::Tests(_)) => {}
        }
    }

    fn client(&mut self, name: &ClientId) -> &mut ClientFiles {
        self.clients.entry(name.clone()).or_default()
    }

    /// Files that belong to something that is not there would be read by nobody.
    fn orphans(&self, findings: &mut Findings) {
        for (name, files) in &self.clients {
            let client = format!("clients/{name}/client.toml");
            let workflows = files.workflows.values().map(|unit| (&unit.file, &unit.text));
            let mut paths = workflows.chain(files.tests.values().map(|unit| (&unit.file, &unit.text)));
            if let (None, false, Some((path, text))) = (&files.client, self.broken.contains(&*client), paths.next()) {
                let message = format!("The client `{name}` has no `{client}`.");
                findings.add(Code::UnknownName, Span::new(path, anchor(text)), message);
            }
            for (workflow, tests) in &files.tests {
                let path = format!("clients/{name}/workflows/{workflow}.toml");
                if !files.workflows.contains_key(workflow) && !self.broken.contains(&*path) {
                    let message = format!("These scenarios are for a workflow that is not there, `{path}`.");
                    findings.add(Code::UnknownName, Span::new(&tests.file, anchor(&tests.text)), message);
                }
            }
        }
    }

    fn parsed(self, source: Source) -> Parsed {
        let Self { project, integrations, providers, library, clients, broken } = self;
        Parsed { source: Arc::new(source), project, integrations, providers, library, clients, broken }
    }
}

impl Parsed {
    /// The text of a file, prompts and texts among them.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.source.files.get(path).map(|file| &**file.text())
    }

    /// Whether a file is there but could not be understood.
    pub fn is_broken(&self, path: &str) -> bool {
        self.broken.contains(path)
    }
}
