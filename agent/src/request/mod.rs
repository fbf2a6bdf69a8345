//! The one place where a value becomes part of an HTTP request, and where an answer becomes values. Pure.
//!
//! [`build()`] puts a request together, [`read()`] takes an answer apart. Nothing here sends; `world::Net` does.

pub mod amount;
pub mod auth;
mod body;
mod build;
pub mod chat;
pub mod consent;
pub mod json;
pub mod keyed;
pub mod limits;
pub mod oauth;
#[cfg(test)]
mod oauth_tests;
mod pages;
#[cfg(test)]
mod pages_tests;
pub mod place;
mod read;
#[cfg(test)]
mod tests;
pub mod url;
pub mod watched;
pub mod wire;
mod wrong;

pub use auth::{is_pair, is_word};
pub use build::{Built, Call, build};
pub use oauth::{awaits_consent, is_record};
pub use pages::{Next, Paging};
pub use read::{
    Answer, BAD_ANSWER, Failed, GRAPHQL_ERROR, IsSecret, LIST_TOO_LONG, MISFIT, More, REPEATED_CURSOR, belongs, read,
    read_watched,
};
pub use wrong::{Wrong, WrongKind};
