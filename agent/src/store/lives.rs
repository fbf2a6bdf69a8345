//! The lives of an agent's logs: which is written now, and what stays of those that ended with a recovery.

use super::log::Log;
use super::{Store, StoreError};

/// Where the store keeps which of the agent's logs are written now: 1 unless it was recovered.
pub(super) const LIFE: &str = "ledger/life";

/// Which of the agent's logs are written now: one more after each recovery.
///
/// # Errors
/// [`StoreError`].
pub fn life(store: &impl Store) -> Result<u32, StoreError> {
    life_of(store.state(LIFE)?.as_deref())
}

pub(super) fn life_of(value: Option<&[u8]>) -> Result<u32, StoreError> {
    let Some(bytes) = value else { return Ok(1) };
    let number = std::str::from_utf8(bytes).ok().and_then(|text| text.parse().ok());
    number.ok_or(StoreError::Damaged("the number of the ledger"))
}

/// What stands before the ends of logs in the state.
pub(super) const ENDS: &str = "ledger/end/";
/// What stands before what of each log was announced as gone.
pub(crate) const GONE: &str = "ledger/gone/";
/// What stands before what of that is not done yet.
pub(crate) const WORK: &str = "ledger/work/";
/// What of the state stays with a log that ends, under its new name.
pub(super) const WITH_LOGS: [&str; 2] = [GONE, WORK];

/// The name of the state in which the end of a log is kept.
pub(crate) fn end_name(log: &Log) -> String {
    format!("{ENDS}{log}")
}
