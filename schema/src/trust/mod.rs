//! Who may say what: signed statements, the people and thresholds behind them, and what they add up to at an instant.
//!
//! Pure. Bytes come in, a [`Verified`] value or an error goes out; there is no option that turns verification off.
//!
//! # Source
//! trust.md sections 1 to 3, formats.md sections 1 to 3.

mod approval;
mod approvers;
mod catalog;
mod clock;
mod deciders;
mod emit;
mod error;
#[cfg(test)]
mod fixture;
mod json;
mod key;
mod numbered;
mod people;
mod reset;
mod root;
mod root_chain;
mod signer;
mod sshsig;
mod statements;
mod strict;
mod teams;
mod time;
mod verified;
mod wire;
mod words;

pub use approval::{Approval, Cancelled, Decision, LASTS_MOST, Statement};
pub use approvers::{Approvers, ApproversChain, ApproversType};
pub use catalog::{CatalogLock, CatalogType};
pub use clock::ClockWatch;
pub use deciders::Deciders;
pub use error::{Need, TrustError};
pub use json::{Placed, verify_placed, verify_rehearsal, verify_status};
pub use key::{BadKey, PublicKey};
pub use people::{Owners, People, Person, Role, Rule, Signatures, SignedFile, check};
pub use reset::{RESET_WAITS, Remembered, Reset, ResetStanding};
pub use root::{AgentEntry, ClientEntry, RoleName, Root, RootType};
pub use root_chain::RootChain;
pub use signer::{BadPrivateKey, Signer};
pub use sshsig::{Namespace, SignatureError, sign, verify};
pub use statements::{Approved, Held, KnownStatements, ReadStatement, Standing};
pub use strict::{TOML_MOST_BYTES, is_plain};
pub use teams::{Teams, TeamsType};
pub use time::{CLOCK_MOST_APART, TrustedTime};
pub use verified::Verified;
pub use words::words;
