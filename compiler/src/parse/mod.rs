//! Bytes to what people wrote: TOML into `spec` types, one file per kind of source file, all findings at once.
//!
//! A file that lacks what its kind needs is *broken*: it is reported, kept out of [`Parsed`], and named in
//! [`Parsed::broken`] so that later stages do not blame others for what it would have declared.

#![expect(
    clippy::needless_pass_by_value,
    reason = "readers have one form, so that each can be named where one is wanted"
)]

mod advice;
mod amount;
#[cfg(test)]
mod asked;
mod client;
mod escaped;
mod field;
mod file;
mod graphql;
mod holders;
mod integration;
pub mod keys;
mod operation;
mod pages;
mod param;
mod place;
mod plain;
mod project;
mod provider;
mod reader;
mod scenario;
mod step;
pub mod text;
mod tree;
mod trigger;
mod unique;
mod units;
mod url;
mod value;
mod workflow;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use assent_schema::code::Code;
use assent_schema::finding::{Findings, Span};
use assent_schema::id::{ClientId, IntegrationId, ProviderId, WorkflowId};
use assent_schema::spec::{Client, Integration, Library, Project, Provider, Tests, Unit, WorkflowFile};

use crate::source::{Place, Source};

use file::{Said, read};
pub(crate) use file::{anchor, item_place, value_place};
pub(crate) use value::foreign;

/// Everything that a source says, or a part of it with what that part rests on; read but not yet connected.
#[derive(Clone, Debug)]
#[expect(clippy::partial_pub_fields, reason = "what a part rests on is looked up, never looked through")]
pub struct Parsed {
    /// Where it was read from; `source.files` holds the bytes of the part's own files.
    pub source: Arc<Source>,
    /// `assent.toml`.
    pub project: Option<Arc<Unit<Project>>>,
    /// `catalog/integrations/`, by name.
    pub integrations: Arc<BTreeMap<IntegrationId, Unit<Integration>>>,
    /// `catalog/providers/`, by name.
    pub providers: Arc<BTreeMap<ProviderId, Unit<Provider>>>,
    /// `library/`, by name.
    pub library: Arc<BTreeMap<WorkflowId, Unit<Library>>>,
    /// Library workflows that cannot be used, as far as they could be read: what else is wrong in them, and in those that
    /// use them, is told.
    pub library_partly: Arc<BTreeMap<WorkflowId, Unit<Library>>>,
    /// `clients/`, by name. Of a part, its own client alone.
    pub clients: BTreeMap<ClientId, ClientFiles>,
    /// The part's own files that are there but say something that could not be understood.
    pub broken: BTreeSet<Arc<str>>,
    /// The part that this one rests on.
    above: Option<Arc<Parsed>>,
}

/// What one client's folder says.
#[derive(Clone, Debug, Default)]
pub struct ClientFiles {
    /// `client.toml`.
    pub client: Option<Arc<Unit<Client>>>,
    /// `workflows/<name>.toml`, by name.
    pub workflows: BTreeMap<WorkflowId, Unit<WorkflowFile>>,
    /// Workflows that cannot be used, as far as they could be read: what else is wrong in them is told.
    pub partly: Vec<Unit<WorkflowFile>>,
    /// `workflows/<name>.test.toml`, by the name of the workflow.
    pub tests: BTreeMap<WorkflowId, Unit<Tests>>,
}

/// Reads every file of a source, or of the part of one that rests on no other.
pub fn parse(source: Source) -> (Parsed, Findings) {
    let (gathered, mut findings) = gather(&source);
    if gathered.project.is_none() && !gathered.broken.contains("assent.toml") {
        let span = Span::new(&"assent.toml".into(), 0..0);
        let help = "Run assent where the source repository is, or name it with `--repo`.";
        findings.add_with_help(Code::BadValue, span, "The source has no `assent.toml`.", help);
    }
    gathered.orphans(&mut findings);
    let Gathered { project, integrations, providers, library, library_partly, clients, broken } = gathered;
    let parsed = Parsed {
        source: Arc::new(source),
        project: project.map(Arc::new),
        integrations: Arc::new(integrations),
        providers: Arc::new(providers),
        library: Arc::new(library),
        library_partly: Arc::new(library_partly),
        clients,
        broken,
        above: None,
    };
    (parsed, findings)
}

/// Reads the files of one client, or of some of its workflows, that rest on what was read before.
pub(crate) fn parse_below(above: &Arc<Parsed>, client: &ClientId, source: Source) -> (Parsed, Findings) {
    let (mut gathered, mut findings) = gather(&source);
    if let Some(known) = above.clients.get(client) {
        gathered.client(client).client.clone_from(&known.client);
    }
    gathered.without_workflow(&|path| above.is_broken(path), &mut findings);
    let parsed = Parsed {
        source: Arc::new(source.below(&above.source)),
        project: above.project.clone(),
        integrations: Arc::clone(&above.integrations),
        providers: Arc::clone(&above.providers),
        library: Arc::clone(&above.library),
        library_partly: Arc::clone(&above.library_partly),
        clients: gathered.clients,
        broken: gathered.broken,
        above: Some(Arc::clone(above)),
    };
    (parsed, findings)
}

fn gather(source: &Source) -> (Gathered, Findings) {
    let mut findings = Findings::new();
    let mut gathered = Gathered::default();
    for (path, file) in &source.files {
        let Some((said, found)) = read(path, file) else { continue };
        findings.append(found);
        if matches!(said, None | Some(Said::Partly(_) | Said::LibraryPartly(_))) {
            gathered.broken.insert(Arc::clone(path));
        }
        if let Some(said) = said {
            gathered.add(&file.place, said);
        }
    }
    gathered.broken.extend(source.refused.keys().chain(&source.unread).map(Arc::clone));
    (gathered, findings)
}

/// What was read so far.
#[derive(Default)]
struct Gathered {
    project: Option<Unit<Project>>,
    integrations: BTreeMap<IntegrationId, Unit<Integration>>,
    providers: BTreeMap<ProviderId, Unit<Provider>>,
    library: BTreeMap<WorkflowId, Unit<Library>>,
    library_partly: BTreeMap<WorkflowId, Unit<Library>>,
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
            (Place::Library(name), Said::LibraryPartly(unit)) => {
                self.library_partly.insert(name.clone(), *unit);
            }
            (Place::Client(client), Said::Client(unit)) => self.client(client).client = Some(Arc::new(unit)),
            (Place::Workflow(client, name), Said::Workflow(unit)) => {
                self.client(client).workflows.insert(name.clone(), unit);
            }
            (Place::Tests(client, name), Said::Tests(unit)) => {
                self.client(client).tests.insert(name.clone(), unit);
            }
            (Place::Workflow(client, _), Said::Partly(unit)) => self.client(client).partly.push(unit),
            // The place decided what was read.
            (
                _,
                Said::Library(_)
                | Said::LibraryPartly(_)
                | Said::Client(_)
                | Said::Workflow(_)
                | Said::Partly(_)
                | Said::Tests(_),
            ) => {}
        }
    }

    fn client(&mut self, name: &ClientId) -> &mut ClientFiles {
        self.clients.entry(name.clone()).or_default()
    }

    /// Files that belong to something that is not there would be read by nobody.
    fn orphans(&self, findings: &mut Findings) {
        for (name, files) in &self.clients {
            let file = client_file(name);
            let workflows = files.workflows.values().map(|unit| (&unit.file, &unit.text));
            let mut paths = workflows.chain(files.tests.values().map(|unit| (&unit.file, &unit.text)));
            if let (None, false, Some((path, text))) = (&files.client, self.broken.contains(&*file), paths.next()) {
                without_client(name, path, text, findings);
            }
        }
        self.without_workflow(&|_| false, findings);
    }

    fn without_workflow(&self, is_broken: &dyn Fn(&str) -> bool, findings: &mut Findings) {
        for (name, files) in &self.clients {
            for (workflow, tests) in &files.tests {
                let path = format!("clients/{name}/workflows/{workflow}.toml");
                let broken = self.broken.contains(&*path) || is_broken(&path);
                if !files.workflows.contains_key(workflow) && !broken {
                    let message = format!("These scenarios are for a workflow that is not there, `{path}`.");
                    findings.add(Code::UnknownName, Span::new(&tests.file, anchor(&tests.text)), message);
                }
            }
        }
    }
}

fn client_file(client: &ClientId) -> String {
    format!("clients/{client}/client.toml")
}

/// A client has files, the first of which is this one, but none that says who it is.
pub(crate) fn without_client(client: &ClientId, first: &Arc<str>, text: &str, findings: &mut Findings) {
    let message = format!("The client `{client}` has no `{}`.", client_file(client));
    findings.add(Code::UnknownName, Span::new(first, anchor(text)), message);
}

impl Parsed {
    /// The text of a file, prompts and texts among them.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.source.file(path).map(|file| &**file.text())
    }

    /// The library; nothing where this part rests on the one that holds it.
    pub(crate) fn own_library(&self) -> Option<&BTreeMap<WorkflowId, Unit<Library>>> {
        self.above.is_none().then_some(&*self.library)
    }

    /// Whether a file is there but could not be understood.
    pub fn is_broken(&self, path: &str) -> bool {
        self.broken.contains(path) || self.above.as_ref().is_some_and(|above| above.is_broken(path))
    }

    /// Takes over what another part of the same source says.
    pub(crate) fn absorb(&mut self, part: Self) {
        Arc::make_mut(&mut self.source).absorb(Arc::unwrap_or_clone(part.source));
        self.broken.extend(part.broken);
        for (client, files) in part.clients {
            let known = self.clients.entry(client).or_default();
            known.client = known.client.take().or(files.client);
            known.workflows.extend(files.workflows);
            known.partly.extend(files.partly);
            known.tests.extend(files.tests);
        }
    }
}
