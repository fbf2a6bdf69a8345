//! Bytes to what people wrote: TOML into `spec` types, one file per kind of source file, all findings at once.
//!
//! A file that lacks what its kind needs is *broken*: it is reported, kept out of [`Parsed`], and named in
//! [`Parsed::broken`] so that later stages do not blame others for what it would have declared.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use assent_schema::id::{ClientId, IntegrationId, ProviderId, WorkflowId};
use assent_schema::spec::{Client, Integration, Library, Project, Provider, Tests, Unit, WorkflowFile};

use crate::source::Source;

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

impl Parsed {
    /// The text of a file, prompts and texts among them.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.source.files.get(path).map(crate::source::File::text)
    }

    /// Whether a file is there but could not be understood.
    pub fn is_broken(&self, path: &str) -> bool {
        self.broken.contains(path)
    }
}
