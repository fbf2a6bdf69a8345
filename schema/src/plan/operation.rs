//! The catalog facts of an operation: how it is requested, what it answers, how it fails and is repeated.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::Pages;
use super::outcome::may_refuse;
use super::repeat::{ErrorRule, Idempotency, Rate, Retry};
use crate::class::Class;
use crate::id::{Name, Scope};
use crate::shape::{Field, Shape, is_false};
use crate::time::Period;

/// What an operation changes outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// Nothing.
    #[default]
    None,
    /// Something only staff see.
    Draft,
    /// A record.
    Write,
    /// What somebody outside receives.
    Message,
    /// Money moves.
    Money,
}

impl Effect {
    /// The effect as people write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Draft => "draft",
            Self::Write => "write",
            Self::Message => "message",
            Self::Money => "money",
        }
    }
}

/// The catalog facts of one operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operation {
    /// What the answer's record is called, for data uses: `ticket`.
    pub record: Name,
    /// The HTTP method.
    pub method: Method,
    /// The path below the connection's endpoint, with `{parameter}` holes of one segment each.
    pub path: String,
    /// How the request's body is written.
    pub encoding: Encoding,
    /// What the API calls its JSON, where that is not `application/json`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media: Option<String>,
    /// The document that a GraphQL request carries; the catalog's own text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<String>,
    /// What it changes outside.
    pub effect: Effect,
    /// The permissions it needs.
    pub scopes: BTreeSet<Scope>,
    /// Its parameters.
    pub params: BTreeMap<Name, Param>,
    /// Members of the body that are always the same, by path; of a `GET`, values of the query by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub constants: BTreeMap<String, Constant>,
    /// Its answer's fields.
    pub response: BTreeMap<Name, Field>,
    /// What the answer to an effect must hold besides, though nothing reads it: the declared fields that are not optional.
    /// An answer without them is somebody else's, or tells of an error with a status that says yes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub must: BTreeMap<Name, Must>,
    /// The largest answer, in bytes.
    pub most_bytes: u64,
    /// The longest time for one attempt.
    pub timeout: Period,
    /// How failures are told apart, in order; the first match counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<ErrorRule>,
    /// Statuses after which surely nothing ran.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub not_executed: BTreeSet<u16>,
    /// How the API deduplicates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency: Option<Idempotency>,
    /// How it is retried unless a step says otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
    /// The read that tells whether it happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirm: Option<Confirm>,
    /// Whether the same read may be done again later for the same record.
    #[serde(default, skip_serializing_if = "is_false")]
    pub reread: bool,
    /// Whether an effect answers a record that may have been there before, found by what it was given.
    #[serde(default, skip_serializing_if = "is_false")]
    pub finds: bool,
    /// The operation that keeps a text in a private place of the client's own system, and the one that reads it back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub park: Option<Park>,
    /// The check that the record read is the trigger's own party's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub belongs: Option<Belongs>,
    /// How the end is waited for, where the API answers with a job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<Job>,
    /// How many requests the API takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
    /// How long lists are read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pages: Option<Pages>,
}

impl Operation {
    /// Whether a field of an answer that was taken may be missing. A list that comes in pages is empty where the API leaves it
    /// out.
    pub fn may_lack(&self, name: &Name, field: &Field) -> bool {
        field.optional && self.pages.as_ref().is_none_or(|pages| pages.collect != *name)
    }

    /// Whether surely nothing ran where an answer has this status. `says_when` is whether it says, too, when to come again:
    /// gateways write 503 also of a server that went away over a request, and say no time then.
    pub fn surely_not_executed(&self, status: u16, says_when: bool) -> bool {
        self.not_executed.contains(&status) && may_refuse(status) && (status != 503 || says_when)
    }

    /// Whether a parameter is only compared with the answer, or only counted, and never sent.
    pub fn only_compares(&self, param: &Name) -> bool {
        self.params.get(param).is_some_and(|param| param.place == Place::None)
    }

    /// The amount that is counted here and never sent: the other side knows how much money moves.
    pub fn unsent_amount(&self) -> Option<&Name> {
        self.params.iter().find(|(_, param)| param.amount && param.place == Place::None).map(|(name, _)| name)
    }
}

/// A field that an answer must hold and of which nothing is taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Must {
    /// Where it stands on the wire.
    pub at: String,
    /// What it must look like, of a fact; of content it is only asked whether it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shape: Option<Shape>,
    /// What stands before it there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
}

impl Must {
    /// What an answer must hold of a field; nothing of one that may be missing.
    pub fn of(field: &Field) -> Option<Self> {
        let shape = (field.class.is_fact() && field.shape.fits_reference()).then(|| field.shape.clone());
        (!field.optional).then(|| Self { at: field.at.clone(), shape, prefix: field.prefix.clone() })
    }
}

/// A value of a request that is always the same, in the type that the API wants.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Constant {
    /// True or false.
    Boolean(bool),
    /// An integer within ±(2^53 − 1).
    Integer(i64),
    /// A text.
    Text(String),
}

impl fmt::Display for Constant {
    /// As it stands where all is text: in a query, a form.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean(truth) => truth.fmt(f),
            Self::Integer(n) => n.fmt(f),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// An HTTP method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// Reads.
    Get,
    /// Creates or acts.
    Post,
    /// Replaces.
    Put,
    /// Changes.
    Patch,
    /// Removes.
    Delete,
}

impl Method {
    /// The method as HTTP writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// What all APIs but a few call their JSON.
pub const JSON_MEDIA: &str = "application/json";

/// Whether a text is the name of a kind of JSON: a type and a subtype that ends in `json`, without parameters.
///
/// # Source
/// RFC 6838 sections 4.2 and 4.2.8.
pub fn is_json_media(text: &str) -> bool {
    let name = |part: &str| {
        let begins = part.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        begins && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"!#$&-^_.+".contains(&b))
    };
    let parts = text.split_once('/').filter(|(kind, subtype)| name(kind) && name(subtype));
    text.len() <= 127 && parts.is_some_and(|(_, subtype)| subtype == "json" || subtype.ends_with("+json"))
}

/// How a request's body is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// `application/json`.
    #[default]
    Json,
    /// `application/x-www-form-urlencoded`.
    Form,
    /// `multipart/form-data`.
    Multipart,
    /// JSON of the operation's `document` and of its parameters as `variables`.
    Graphql,
}

/// One parameter of an operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Param {
    /// Where it goes.
    pub place: Place,
    /// Its name or path there.
    pub at: String,
    /// What it looks like.
    pub shape: Shape,
    /// The most private class it takes.
    pub class: Class,
    /// Whether it is an amount of money.
    #[serde(default, skip_serializing_if = "is_false")]
    pub amount: bool,
    /// Whether it chooses a record, recipient or account.
    #[serde(default, skip_serializing_if = "is_false")]
    pub target: bool,
    /// Whether it may be left out.
    #[serde(default, skip_serializing_if = "is_false")]
    pub optional: bool,
    /// What is written before the value, always the same. For tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// The format whose escaper a text must go through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<TextFormat>,
}

/// Headers that are ours or the connection's: no parameter sets them.
pub const KEPT_HEADERS: &[&str] = &[
    "accept",
    "accept-encoding",
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "expect",
    "forwarded",
    "host",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
];

/// Where a parameter goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// One segment of the path.
    Path,
    /// One value of the query.
    Query,
    /// A header.
    Header,
    /// A member of the body.
    Body,
    /// Nowhere: whose record it must be is only compared with the answer, and an amount that the other side knows is only counted.
    None,
}

/// A text format with an escaper.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TextFormat {
    /// HTML.
    Html,
    /// Markdown.
    Markdown,
    /// A URL.
    Url,
    /// JSON.
    Json,
}

/// The read that tells whether an effect happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Confirm {
    /// The read, of the same connection.
    pub operation: Name,
    /// Its parameters, from those of the effect: `param` to `param`.
    pub with: BTreeMap<Name, Name>,
    /// The field that tells.
    pub field: Name,
    /// The value it has when the effect happened; absent means that any value does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equals: Option<String>,
    /// How long after the attempt the answer "not done" counts.
    pub settles: Period,
}

/// Where a text can wait in the client's own system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Park {
    /// The parameter that takes the text.
    pub text: Name,
    /// The response field that names where it was put.
    pub id: Name,
    /// The operation of the same connection that reads it back.
    pub read: Name,
    /// The parameter of `read` that takes the name.
    pub param: Name,
    /// The response field of `read` that holds the text.
    pub field: Name,
}

/// The check that a record is the trigger's own party's: a response field equals a parameter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Belongs {
    /// The parameter that names the party; never sent.
    pub param: Name,
    /// The response field that must equal it.
    pub field: Name,
}

/// An answer that names a job, which is looked at until it is over; the step is over when the job is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// The response field that names the job.
    pub id: Name,
    /// The read of the same connection that tells how it stands.
    pub read: Name,
    /// The parameter of `read` that takes the name.
    pub param: Name,
    /// The field of `read` that tells.
    pub field: Name,
    /// What it says of a job that is done.
    pub done: BTreeSet<String>,
    /// What it says of a job that failed.
    pub failed: BTreeSet<String>,
    /// How long between two looks.
    pub every: Period,
    /// The longest that a job takes.
    pub within: Period,
}
