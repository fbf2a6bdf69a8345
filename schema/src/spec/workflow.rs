//! `clients/<client>/workflows/<name>.toml` and `library/<name>.toml`: trigger, steps, limits, KPIs, fallback.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::Spanned;
use super::library::{Classes, Use};
use super::step::{Argument, Cancel, Step};
use crate::id::{ConnectionId, EventName, GroupId, Name, OperationRef, WorkflowId};
use crate::plan::{AfterFile, Expression, Missed, Mode};
use crate::shape::Field;
use crate::time::Period;

/// What a client's workflow file holds.
#[derive(Clone, Debug)]
pub enum WorkflowFile {
    /// A workflow of its own.
    Own(Box<Workflow>),
    /// A workflow of the library, with settings.
    Use(Use),
}

/// A workflow.
#[derive(Clone, Debug)]
pub struct Workflow {
    /// Its id; the name of its file.
    pub name: Spanned<WorkflowId>,
    /// What it does, for people.
    pub summary: Spanned<String>,
    /// A Fideslang data use.
    pub purpose: Spanned<String>,
    /// Whether effects are done or only recorded.
    pub mode: Mode,
    /// Classes that it raises.
    pub classes: Classes,
    /// What starts a run.
    pub trigger: Spanned<Trigger>,
    /// What bounds a run; `no-limits` where it is absent.
    pub limits: Option<Limits>,
    /// The steps in order; at least one.
    pub steps: Vec<Step>,
    /// Events that end runs `superseded`.
    pub cancels: Vec<Cancel>,
    /// What is counted when a run ends `done`.
    pub kpis: Vec<Kpi>,
    /// Where work goes that automation could not finish; `no-fallback` where it is absent.
    pub fallback: Option<Fallback>,
    /// The steps of which something could not be read, and `trigger` where that is so of the trigger; none in a file that
    /// can be used.
    pub unread: BTreeSet<Name>,
    /// Whether a step has no id that could be read, so that a name that leads nowhere may be that of this step.
    pub nameless: bool,
}

/// What starts a run.
#[derive(Clone, Debug)]
pub enum Trigger {
    /// A signed event of a connection.
    Webhook {
        /// Whose event.
        connection: Spanned<ConnectionId>,
        /// Which event.
        event: Spanned<EventName>,
        /// The fields that must have these values.
        only: BTreeMap<Spanned<Name>, Spanned<String>>,
        /// The list in which events that were never delivered are found.
        reconcile: Option<Spanned<Poll>>,
    },
    /// A list that is read again and again.
    Poll {
        /// Which list, and how.
        poll: Spanned<Poll>,
        /// The fields that must have these values.
        only: BTreeMap<Spanned<Name>, Spanned<String>>,
    },
    /// Files of JSON that another system puts into a folder of the agent's host.
    Inbox {
        /// The folder's name below the client's own.
        folder: Spanned<Name>,
        /// Which names are taken.
        pattern: String,
        /// What becomes of a file that was taken.
        after: AfterFile,
        /// The fields that are taken; all of class `reference`.
        fields: BTreeMap<Spanned<Name>, Spanned<Field>>,
        /// The fields that must have these values.
        only: BTreeMap<Spanned<Name>, Spanned<String>>,
    },
    /// A crontab line.
    Schedule {
        /// Five fields.
        cron: Spanned<String>,
        /// An IANA time zone; the client's unless said.
        zone: Option<Spanned<String>>,
        /// What happens to times that passed while nothing ran.
        missed: Missed,
    },
    /// A person starts it.
    Manual {
        /// What the person gives; all of class `reference`.
        fields: BTreeMap<Spanned<Name>, Spanned<Field>>,
    },
}

/// A list that is read again and again.
#[derive(Clone, Debug)]
pub struct Poll {
    /// The operation that reads; the catalog says how its list is walked.
    pub read: Spanned<OperationRef>,
    /// Its parameters besides the one that takes the cursor; constants.
    pub with: BTreeMap<Spanned<Name>, Spanned<Argument>>,
    /// How often.
    pub every: Period,
    /// How late an item may appear in the list.
    pub lag: Period,
}

/// What bounds a run.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The table.
    pub span: Range<usize>,
    /// The time a run may take; `no-limits` where it is absent.
    pub timeout: Option<Spanned<Period>>,
    /// Runs at once; `no-limits` where it is absent.
    pub concurrency: Option<Spanned<u32>>,
    /// A fact: runs of one value go one after the other.
    pub one_at_a_time: Option<Spanned<Expression>>,
    /// Runs accepted per `one_at_a_time` value and day.
    pub per_key_per_day: Option<Spanned<u32>>,
    /// How long no event of a key may come before its run begins.
    pub debounce: Option<Spanned<Period>>,
    /// The longest that it waits for quiet, from the first event on.
    pub debounce_most: Option<Spanned<Period>>,
}

impl Workflow {
    /// Every step in order, those inside an `each` behind it.
    pub fn every_step(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().flat_map(|step| std::iter::once(step).chain(step.inner()))
    }
}

/// What is counted when a run ends `done`.
#[derive(Clone, Debug)]
pub struct Kpi {
    /// Its name.
    pub name: Spanned<Name>,
    /// Only runs for which this is true.
    pub when: Option<Spanned<Expression>>,
    /// A path whose value is summed instead of counting one.
    pub sum: Option<Spanned<String>>,
    /// Labels: paths of declared enumerations.
    pub by: Vec<Spanned<String>>,
    /// How long one count lasts.
    pub per: Option<Spanned<Period>>,
}

/// Where work goes that automation could not finish.
#[derive(Clone, Debug)]
pub struct Fallback {
    /// The manual queue.
    pub queue: Spanned<GroupId>,
    /// A template for the link that people open.
    pub open: Option<Spanned<String>>,
    /// Whether a run whose content was lost by a restart goes to people instead of being read again.
    pub manual_on_restart: bool,
}
