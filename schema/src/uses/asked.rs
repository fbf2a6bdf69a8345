//! The members of an operation that say what is asked for: all but its pace, and but its answer, of which a plan holds what
//! it reads alone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Serialize;

use crate::canon::{self, CanonError, Digest};
use crate::id::{Name, OperationRef, Scope};
use crate::plan::{
    Belongs, Confirm, Constant, Effect, Encoding, ErrorRule, Idempotency, Job, Method, Operation, Pages, Param, Park,
};

/// An operation without the members that change nothing about what is asked for. Written as JSON it is the operation
/// without them.
#[derive(PartialEq, Serialize)]
pub(super) struct Asked<'o> {
    record: &'o Name,
    method: Method,
    path: &'o str,
    encoding: &'o Encoding,
    #[serde(skip_serializing_if = "Option::is_none")]
    document: Option<&'o String>,
    effect: Effect,
    scopes: &'o BTreeSet<Scope>,
    params: &'o BTreeMap<Name, Param>,
    #[serde(skip_serializing_if = "Option::is_none")]
    constants: Option<&'o BTreeMap<String, Constant>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    errors: Option<&'o Vec<ErrorRule>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_executed: Option<&'o BTreeSet<u16>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    idempotency: Option<&'o Idempotency>,
    #[serde(skip_serializing_if = "Option::is_none")]
    confirm: Option<&'o Confirm>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reread: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    finds: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    park: Option<&'o Park>,
    #[serde(skip_serializing_if = "Option::is_none")]
    belongs: Option<&'o Belongs>,
    #[serde(skip_serializing_if = "Option::is_none")]
    job: Option<&'o Job>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pages: Option<&'o Pages>,
}

/// The digests of what operations ask for that were made already. Workflows of one client call the same operations, and to
/// write one as JSON takes far longer than to see that it is the same.
#[derive(Debug, Default)]
pub struct AskedBefore(BTreeMap<OperationRef, (Arc<Operation>, Digest)>);

impl AskedBefore {
    /// The digest of what an operation asks for.
    pub(super) fn digest(&mut self, name: &OperationRef, operation: &Arc<Operation>) -> Result<Digest, CanonError> {
        let asked = Asked::of(operation);
        if let Some((before, digest)) = self.0.get(name)
            && (Arc::ptr_eq(before, operation) || Asked::of(before) == asked)
        {
            return Ok(*digest);
        }
        let digest = asked.digest()?;
        self.0.insert(name.clone(), (Arc::clone(operation), digest));
        Ok(digest)
    }
}

impl<'o> Asked<'o> {
    /// The digest that clients sign.
    pub(super) fn digest(&self) -> Result<Digest, CanonError> {
        Ok(Digest::tagged("assent-operation/v1", &canon::to_bytes(self)?))
    }

    /// What an operation asks for. Every member is named, so that a new one must be put on one side.
    pub(super) fn of(operation: &'o Operation) -> Self {
        let Operation {
            record,
            method,
            path,
            encoding,
            document,
            effect,
            scopes,
            params,
            constants,
            errors,
            not_executed,
            idempotency,
            confirm,
            reread,
            finds,
            park,
            belongs,
            job,
            pages,
            response: _,
            must: _,
            most_bytes: _,
            timeout: _,
            retry: _,
            rate: _,
        } = operation;
        Self {
            record,
            method: *method,
            path,
            encoding,
            document: document.as_ref(),
            effect: *effect,
            scopes,
            params,
            constants: (!constants.is_empty()).then_some(constants),
            errors: (!errors.is_empty()).then_some(errors),
            not_executed: (!not_executed.is_empty()).then_some(not_executed),
            idempotency: idempotency.as_ref(),
            confirm: confirm.as_ref(),
            reread: reread.then_some(true),
            finds: finds.then_some(true),
            park: park.as_ref(),
            belongs: belongs.as_ref(),
            job: job.as_ref(),
            pages: pages.as_ref(),
        }
    }
}
