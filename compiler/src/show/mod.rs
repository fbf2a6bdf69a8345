//! The only room that makes text: human, json, sarif, github, markdown, progress.

pub mod codes;
mod document;
pub mod findings;
mod github;
mod human;
mod json;
mod mask;
pub mod page;
mod place;
pub mod plan;
pub mod progress;
pub mod promises;
pub mod rehearsed;
pub mod requests;
mod sarif;
pub mod schema;

/// How text for people looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// Whether it has colour.
    pub colour: bool,
    /// The width of the terminal in columns, where it is known.
    pub width: Option<usize>,
}

impl Look {
    /// No colour: files, pipes, tests.
    pub const PLAIN: Self = Self { colour: false, width: None };
}
