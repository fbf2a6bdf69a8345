//! The audit log as bytes: entries, the Merkle tree over them, signed checkpoints, proofs, exports.
//!
//! Pure, and shared by the agent that writes and whoever verifies. Sealing and storage live in the agent.
//!
//! # Source
//! formats.md section 4. Promises P10, P11, P14.

pub mod audit;
pub mod checkpoint;
pub mod entry;
pub mod export;
pub mod kind;
mod log_key;
mod note;
pub mod origin;
pub mod proof;
pub mod ranges;
pub mod tree;

pub use audit::{Audit, Fault, Told};
pub use checkpoint::Checkpoint;
pub use entry::{Entry, EntryError, Salt, commitment};
pub use export::{ExportFault, Summary};
pub use kind::{HeldWhat, Kind, Token};
pub use log_key::LogKey;
pub use note::{NOTE_MOST_BYTES, NoteError};
pub use origin::Origin;
pub use tree::{Frontier, Head, Tree};
