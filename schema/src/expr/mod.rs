//! Expressions: the CEL subset of `when`, `set` and `${…}`. Parsed into a small tree of our own, checked against declared
//! shapes, evaluated with bounded cost. What may not live here: plans, clients, any I/O.
//!
//! The parser is ours, and `cel` is the oracle that tests hold it to: what we accept, `cel` reads as the same tree. Our
//! own gives exact places for findings and cannot be made to overflow a stack (`cel`'s Pratt parser aborts on a ternary
//! repeated 100,000 times and has no offsets; its default one is twelve times slower).
//!
//! # Source
//! language.md section 4, formats.md section 1.

pub(crate) mod ast;
pub(crate) mod check;
mod constant;
mod decimal;
mod error;
mod escape;
mod eval;
mod fact;
pub(crate) mod functions;
mod lex;
mod money;
mod parse;
pub(crate) mod print;
mod reads;
mod remembered;
mod sources;
mod structure;
mod substitute;
mod taken;
mod template;
mod types;
mod value;

pub use ast::{Path, Program};
pub use check::check;
pub use constant::constant;
pub(crate) use constant::is_closed;
pub use decimal::Decimal;
pub use error::{ExprError, ExprErrorKind};
pub(crate) use escape::GROWS_MOST;
pub use escape::escape;
pub use eval::{EvalCode, EvalError, Scope, eval};
pub use fact::{Fact, FactText, NotAFact};
pub use functions::FUNCTIONS;
pub use money::{Currency, Money};
pub use reads::{Read, reads};
pub use remembered::remembering;
pub use sources::Sources;
pub use substitute::Constant;
pub use taken::{Taken, TakenBy};
pub use template::{Template, WholeOrText};
pub(crate) use types::pseudonym_of;
pub use types::{Env, Facts, Known, Origin, Source, Type};
pub use value::Value;

/// The largest expression or template, in bytes.
pub const TEXT_MOST_BYTES: usize = 4096;
/// The most fields that a value may have, all that is in it counted. Steps that name a record twice double it, one after
/// the other.
pub const PARTS_MOST: usize = 10_000;
/// How deep an expression may be nested: parentheses, calls and chains of one operator alike.
pub const DEPTH_MOST: u16 = 64;
/// The most steps that one evaluation may take; a step is one visit of one part, or 64 bytes of text handled.
pub const COST_MOST: u32 = 200_000;
/// The largest text that an expression may make, in bytes.
pub const RESULT_MOST_BYTES: usize = 1 << 20;
/// The longest list that an expression may make.
pub const LIST_MOST: usize = 1000;

#[cfg(test)]
mod tests;
