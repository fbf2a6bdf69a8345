//! The one place where a value becomes part of an HTTP request, and where an answer becomes values. Pure.
pub mod json;
pub mod keyed;
pub mod limits;
pub mod url;
