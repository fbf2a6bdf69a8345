//! Data uses: the facts that a client approves, derived from a plan, and whether approvals cover them.
//!
//! Compiler and agent both call this; neither trusts the other's answer.
//!
//! # Source
//! language.md section 6, formats.md section 3. Promise P25.

mod asked;
mod cover;
mod derive;
mod heard;
mod party;
mod spelled;
mod terms;
#[cfg(test)]
mod tests;
mod whole;

use std::collections::{BTreeMap, BTreeSet};

use asked::Asked;
use serde::{Deserialize, Serialize};

use crate::canon::{self, Digest};
use crate::class::Class;
use crate::client::Agreement;
use crate::id::{Name, OperationRef, PersonId, ProviderId, Scope, WorkflowId};
use crate::plan::{Constant, Effect, Method, Operation};
use crate::shape::{Empty, Field, Shape, WrittenBy, is_false};
use crate::time::Period;

pub use asked::AskedBefore;
pub use cover::{Coverage, agreement_covers, covers, fields_beyond, guardrail_covers, retention_covers, uncovered};
pub use derive::{Asker, askers, derive, derive_after, derive_client};
pub use heard::EventUse;
pub use party::{AgentParty, ConnectionParty, FolderParty, GroupParty, Party};

/// One fact that a client approves: this purpose moves these fields from here to there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataUse {
    /// What kind of use it is.
    pub kind: UseKind,
    /// The workflow; absent for a guardrail, which holds for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow: Option<WorkflowId>,
    /// A Fideslang data use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// Where the data comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Party>,
    /// Where it goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Party>,
    /// By which operation; `connection.ask` for an AI provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<OperationRef>,
    /// What that changes outside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<Effect>,
    /// Whether a message goes out or money moves without a person's yes.
    #[serde(default, deserialize_with = "spelled::yes", skip_serializing_if = "is_false")]
    pub unattended: bool,
    /// Which fields, with their class.
    #[serde(default, deserialize_with = "spelled::some", skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, Class>,
    /// What is put into each target and amount of an effect that sends a message, into all that one that moves money is given,
    /// and into the parameter by which a limit counts customers.
    #[serde(default, deserialize_with = "spelled::tables", skip_serializing_if = "BTreeMap::is_empty")]
    pub puts: BTreeMap<Name, PutUse>,
    /// With which permissions.
    #[serde(default, deserialize_with = "spelled::sorted", skip_serializing_if = "Option::is_none")]
    pub scopes: Option<BTreeSet<Scope>>,
    /// The limit on money or calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guardrail: Option<GuardrailUse>,
    /// Who decides for the group in `to`: by handle, the keys (`type base64`) and the accounts (`connection:account`) by
    /// which they are known.
    #[serde(default, deserialize_with = "spelled::some_sorted", skip_serializing_if = "BTreeMap::is_empty")]
    pub deciders: BTreeMap<PersonId, BTreeSet<String>>,
    /// What each operation of the workflow asks for, as the catalog has it.
    #[serde(default, deserialize_with = "spelled::tables", skip_serializing_if = "BTreeMap::is_empty")]
    pub requests: BTreeMap<OperationRef, RequestUse>,
    /// How each event that the workflow takes is known and read, as the catalog has it, by `<connection>.<event>`; of files by
    /// `folder/<folder>`, of items by `list/<operation>`, and what a person gives who starts it by `manual`.
    #[serde(default, deserialize_with = "spelled::tables", skip_serializing_if = "BTreeMap::is_empty")]
    pub events: BTreeMap<String, EventUse>,
    /// Where the link leads by which people open what could not be finished: the beginning of it that the workflow writes,
    /// to the end of the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opens: Option<String>,
    /// The AI provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<ProviderId>,
    /// The agreement with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agreement: Option<AgreementUse>,
    /// How long the data stays: `none`, `run`, or a period.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<String>,
    /// How long the client's workflows run without a current freshness statement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stale_limit: Option<Period>,
    /// What else of the client's file holds for all of its workflows, each fact as one line: where alerts go, who is written
    /// to, who holds the ledger, which limits there are.
    #[serde(default, deserialize_with = "spelled::sorted_some", skip_serializing_if = "BTreeSet::is_empty")]
    pub terms: BTreeSet<String>,
    /// How many bits about content one run can make durable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bits: Option<u32>,
    /// What those bits are.
    #[serde(default, deserialize_with = "spelled::listed", skip_serializing_if = "Vec::is_empty")]
    pub releases: Vec<String>,
}

impl DataUse {
    /// Whether it gives a system data of others so that it finds a record, and is not what comes back from it.
    pub fn gives(&self) -> bool {
        self.kind == UseKind::Read && matches!(self.to, Some(Party::Connection(_)))
    }
}

/// A kind of data use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UseKind {
    /// A connection is read.
    Read,
    /// Something changes outside.
    Effect,
    /// An AI provider is asked.
    Ask,
    /// A person is shown something.
    Show,
    /// A result is kept sealed for a while.
    Cache,
    /// Bits about content become facts.
    Release,
    /// A limit of the client: on an operation, on who decides, on what operations ask for.
    Guardrail,
}

/// What is put into one parameter, as the client signs it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PutUse {
    /// The fields that it draws on, as in `fields`.
    #[serde(default, deserialize_with = "spelled::sorted_some", skip_serializing_if = "BTreeSet::is_empty")]
    pub fields: BTreeSet<String>,
    /// What the workflow itself writes: constants that are sent, or that choose what is; and how it computes what it sends, with
    /// `field` for each field.
    #[serde(default, deserialize_with = "spelled::sorted_some", skip_serializing_if = "BTreeSet::is_empty")]
    pub constants: BTreeSet<String>,
}

impl PutUse {
    /// Whether it holds nothing that another does not hold.
    pub fn is_within(&self, most: &Self) -> bool {
        let Self { fields, constants } = self;
        fields.is_subset(&most.fields) && constants.is_subset(&most.constants)
    }
}

/// A guardrail as the client signs it, in minor units.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GuardrailUse {
    /// ISO 4217.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// The largest amount of one call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_call: Option<i64>,
    /// The largest sum of a day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_day: Option<i64>,
    /// The most calls of a day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_day_count: Option<u32>,
    /// A model may decide up to this amount of one call; absent: it may not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_up_to: Option<i64>,
    /// The most calls of a day for one customer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_customer_per_day_count: Option<u32>,
    /// The largest sum of a day for one customer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_customer_per_day: Option<i64>,
    /// The most calls of a day of one workflow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_workflow_per_day_count: Option<u32>,
    /// The largest sum of a day of one workflow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_workflow_per_day: Option<i64>,
}

/// What an operation asks for, as the client signs it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestUse {
    /// The HTTP method.
    pub method: Method,
    /// The path below the connection's endpoint.
    pub path: String,
    /// SHA-256 over `"assent-operation/v1\0"` and the canonical JSON of all that the catalog says of it, but of its answer,
    /// and how large, how long, how often and how fast.
    pub digest: Digest,
    /// Where each field of the answer that the workflow reads stands on the wire, how an amount or instant is written there,
    /// what stands before a token (`behind`), that an empty text is nothing (`empty absent`), that the system itself writes it
    /// (`by system`), and that it may be summed (`measured`). How private it is, the reads say.
    #[serde(default, deserialize_with = "spelled::some", skip_serializing_if = "BTreeMap::is_empty")]
    pub answers: BTreeMap<String, String>,
    /// What is sent each time as the catalog has it, by where it stands. The digest is over it too; here it can be read.
    #[serde(default, deserialize_with = "spelled::some", skip_serializing_if = "BTreeMap::is_empty")]
    pub constants: BTreeMap<String, Constant>,
    /// The GraphQL document that is sent, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<String>,
    /// What the API calls its JSON, where that is not `application/json`, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media: Option<String>,
    /// The amount that is counted here and not sent, as the other side knows it: what moves there is what it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unsent: Option<Name>,
}

impl RequestUse {
    /// What an operation asks for.
    ///
    /// # Errors
    /// When an integer is beyond 2^53 − 1.
    pub fn of(operation: &Operation) -> Result<Self, canon::CanonError> {
        Self::with(operation, Asked::of(operation).digest()?)
    }

    /// The same, where the digest of what it asks for is known.
    fn with(operation: &Operation, digest: Digest) -> Result<Self, canon::CanonError> {
        let mut answers = BTreeMap::new();
        for (name, field) in &operation.response {
            read_at(name.as_str(), field, &mut answers)?;
        }
        let (constants, document) = (operation.constants.clone(), operation.document.clone());
        let (media, unsent) = (operation.media.clone(), operation.unsent_amount().cloned());
        let (method, path) = (operation.method, operation.path.clone());
        Ok(Self { method, path, digest, answers, constants, document, media, unsent })
    }
}

/// Where a field stands and those inside it do, by the names that a workflow has for them.
fn read_at(name: &str, field: &Field, found: &mut BTreeMap<String, String>) -> Result<(), canon::CanonError> {
    let wire = match &field.shape {
        Shape::Money { wire } => canon::to_bytes(wire)?,
        Shape::Instant { wire } => canon::to_bytes(wire)?,
        // Which words there are, and which one a number stands for, decides what a workflow takes an answer for.
        Shape::OneOf { values, numbers } if numbers.is_empty() => canon::to_bytes(values)?,
        Shape::OneOf { values, numbers } => canon::to_bytes(&(values, numbers))?,
        Shape::List { most: _, of } => {
            read_at(&format!("{name}[]"), of, found)?;
            Vec::new()
        }
        Shape::Record { fields } => {
            for (inner, field) in fields {
                read_at(&format!("{name}.{inner}"), field, found)?;
            }
            Vec::new()
        }
        Shape::Text { most_bytes: _ }
        | Shape::Token {}
        | Shape::Uuid {}
        | Shape::Integer {}
        | Shape::Decimal {}
        | Shape::Boolean {} => Vec::new(),
    };
    // Who is said to write a field decides what it may choose, and a measure may be summed.
    let by = match field.written_by {
        WrittenBy::System => " by system",
        WrittenBy::Anyone => "",
    };
    let summed = if field.measure { " measured" } else { "" };
    // What is cut off decides which record a token is of, and what counts as nothing whether a condition holds.
    let behind = field.prefix.as_ref().map(|prefix| format!(" behind {prefix}")).unwrap_or_default();
    let empty = field.empty.map(|Empty::Absent| " empty absent").unwrap_or_default();
    let at = format!("{} {}", field.at, String::from_utf8_lossy(&wire));
    found.insert(name.to_owned(), format!("{}{behind}{empty}{by}{summed}", at.trim()));
    Ok(())
}

/// An agreement as the client signs it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgreementUse {
    /// Its name.
    pub name: String,
    /// Whether it forbids training on input.
    pub forbids_training: bool,
    /// When it ends.
    pub until: crate::time::Moment,
}

impl From<&Agreement> for AgreementUse {
    fn from(agreement: &Agreement) -> Self {
        Self { name: agreement.name.clone(), forbids_training: agreement.forbids_training, until: agreement.until }
    }
}

impl DataUse {
    /// The digest by which statements name an approved use.
    ///
    /// # Errors
    /// When an integer is beyond 2^53 − 1.
    pub fn digest(&self) -> Result<Digest, canon::CanonError> {
        Ok(Digest::tagged("assent-use/v1", &canon::to_bytes(self)?))
    }
}
