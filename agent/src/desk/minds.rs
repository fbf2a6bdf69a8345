//! What is kept in mind of the folders of all workflows: the files of each, and those that wait to be set aside.
//!
//! Several workflows may watch one folder. A file goes from there once each of them that would look at it has done so; what one
//! of them accepted is accepted, whatever the others say.

use std::collections::BTreeMap;

use assent_schema::id::{ClientId, WorkflowId};

use crate::accept::inbox::Inbox;
use crate::world::{DiskFailure, Inboxes};

/// Where files go that began a run, and those that could not.
pub(super) const ACCEPTED: &str = "accepted";
pub(super) const REFUSED: &str = "refused";

/// A client's workflow.
pub(super) type Place = (ClientId, WorkflowId);

/// What is kept in mind.
#[derive(Default)]
pub struct Minds {
    inboxes: BTreeMap<Place, Inbox>,
    /// By folder and name.
    asides: BTreeMap<(String, String), Aside>,
}

/// Where a file goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Aside {
    pub(super) into: &'static str,
    pub(super) mark: String,
}

/// A workflow that watches a folder.
pub(super) struct Watcher {
    pub(super) place: Place,
    pub(super) folder: String,
    pub(super) pattern: String,
}

impl Minds {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    pub(super) fn of(&mut self, place: &Place) -> &mut Inbox {
        self.inboxes.entry(place.clone()).or_default()
    }

    /// Remembers where a file goes.
    pub(super) fn aside(&mut self, folder: &str, name: &str, aside: Aside) {
        let key = (folder.to_owned(), name.to_owned());
        if aside.into == ACCEPTED || !self.asides.contains_key(&key) {
            self.asides.insert(key, aside);
        }
    }

    /// Sets those files aside at which every watcher of their folder has looked. What could not be moved is told, and tried again
    /// with the next look.
    pub(super) fn set_aside(&mut self, inboxes: &impl Inboxes, watchers: &[Watcher]) -> Vec<(Place, DiskFailure)> {
        let mut failed = Vec::new();
        let Self { inboxes: minds, asides } = self;
        asides.retain(|(folder, name), aside| {
            let watching: Vec<&Watcher> = watchers.iter().filter(|watcher| watcher.folder == *folder).collect();
            let Some(first) = watching.first().map(|watcher| watcher.place.clone()) else { return false };
            let mind = |watcher: &&Watcher| minds.get(&watcher.place);
            let Some(seen) = watching.iter().filter_map(mind).find_map(|mind| mind.looked_at(name)) else {
                // It went away meanwhile, or is being written anew: whoever takes it says again where it goes.
                return false;
            };
            if watching.iter().any(|one| mind(one).is_none_or(|mind| mind.waits(&one.pattern, name))) {
                return true;
            }
            match inboxes.set_aside(folder, &seen, aside.into, &aside.mark) {
                Ok(()) => false,
                Err(why) => {
                    failed.push((first, why));
                    true
                }
            }
        });
        failed
    }
}
