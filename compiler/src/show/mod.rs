//! The only room that makes text: human, json, sarif, github, markdown, progress.
pub mod plan;
pub mod uses;
