//! Templates: text with `${…}` holes. A hole that is the whole text keeps its type; `$${` is a literal `${`.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use super::ast::Program;
use super::check::{check, text_type};
use super::error::{ExprError, ExprErrorKind};
use super::eval::{EvalCode, EvalError, Scope, eval, scalar};
use super::lex::closing_brace;
use super::reads::reads;
use super::structure;
use super::substitute::Constant;
use super::types::{Env, Type};
use super::value::Value;
use super::{RESULT_MOST_BYTES, TEXT_MOST_BYTES, remembered};
use crate::id::Name;
use crate::plan::TextFormat;

/// A parsed template.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    /// Shared, as a program is.
    parts: Arc<[Part]>,
}

#[derive(Clone, Debug, PartialEq)]
enum Part {
    Text(String),
    /// An expression and where it stands in the template.
    Hole(Program, Range<usize>),
}

/// What a template is.
#[derive(Debug)]
pub enum WholeOrText<'t> {
    /// One hole that is the whole text: its value keeps its type.
    Whole(&'t Program),
    /// Text, with holes or without.
    Text,
}

impl Template {
    /// Parses a template.
    ///
    /// # Errors
    /// When a hole is open or holds no expression. Places are offsets into `text`.
    pub fn parse(text: &str) -> Result<Self, ExprError> {
        if text.len() > TEXT_MOST_BYTES {
            return Err(ExprError { span: 0..text.len(), kind: ExprErrorKind::TooLong });
        }
        if let Some(template) = remembered::template(text) {
            return Ok(template);
        }
        let mut parts = Vec::new();
        let mut literal = String::with_capacity(text.len());
        let mut at = 0;
        while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
            if rest.starts_with("$${") {
                literal.push_str("${");
                at += 3;
            } else if let Some(inside) = rest.strip_prefix("${") {
                let Some(length) = closing_brace(inside) else {
                    return Err(ExprError { span: at..at + 2, kind: ExprErrorKind::OpenHole });
                };
                let start = at + 2;
                let hole = inside.get(..length).unwrap_or_default();
                let program = Program::parse(hole).map_err(|error| shifted(error, start))?;
                if !literal.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut literal)));
                }
                parts.push(Part::Hole(program, start..start + length));
                at = start + length + 1;
            } else {
                let next = rest.char_indices().skip(1).find(|(_, c)| *c == '$').map_or(rest.len(), |(at, _)| at);
                literal.push_str(rest.get(..next).unwrap_or_default());
                at += next;
            }
        }
        if !literal.is_empty() || parts.is_empty() {
            parts.push(Part::Text(literal));
        }
        Ok(remembered::keep_template(text, Self { parts: parts.into() }))
    }

    /// Whether the template is one hole or text.
    pub fn kind(&self) -> WholeOrText<'_> {
        match &*self.parts {
            [Part::Hole(program, _)] => WholeOrText::Whole(program),
            _ => WholeOrText::Text,
        }
    }

    /// The text before the first hole.
    pub(crate) fn beginning(&self) -> &str {
        match self.parts.first() {
            Some(Part::Text(text)) => text,
            _ => "",
        }
    }

    /// The text, when there is no hole.
    pub fn constant(&self) -> Option<&str> {
        match &*self.parts {
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// The texts between its expressions.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Text(text) => Some(text.as_str()),
            Part::Hole(..) => None,
        })
    }

    /// The expressions in it.
    pub fn programs(&self) -> impl Iterator<Item = &Program> {
        self.holes().map(|(program, _)| program)
    }

    fn holes(&self) -> impl Iterator<Item = (&Program, &Range<usize>)> {
        self.parts.iter().filter_map(|part| match part {
            Part::Text(_) => None,
            Part::Hole(program, place) => Some((program, place)),
        })
    }

    /// The paths that its expressions name.
    pub fn reads(&self) -> std::collections::BTreeSet<super::Read> {
        self.programs().flat_map(reads).collect()
    }

    /// Finds the type of what the template makes.
    ///
    /// With a format, each text in a hole must come out of that format's escaper.
    ///
    /// # Errors
    /// As [`check()`]; also on lists and records inside text, and on what is not escaped.
    pub fn check(&self, env: &Env, format: Option<TextFormat>) -> Result<Type, ExprError> {
        if let Some(text) = self.constant() {
            return Ok(text_type(text));
        }
        let mut whole = None;
        for (program, place) in self.holes() {
            let found = check(program, env).map_err(|error| shifted(error, place.start))?;
            let error = |kind| ExprError { span: place.clone(), kind };
            if self.parts.len() > 1 && !found.is_scalar() {
                return Err(error(ExprErrorKind::NotScalar { found: found.to_string() }));
            }
            if let Some(format) = format.filter(|format| !structure::is_kept(&program.root, *format, env)) {
                return Err(error(ExprErrorKind::Unescaped(format)));
            }
            whole = Some(found);
        }
        Ok(whole.filter(|_| self.parts.len() == 1).unwrap_or(Type::Text))
    }

    /// Makes the value.
    ///
    /// # Errors
    /// As [`eval()`]; places are offsets into the template.
    pub fn eval(&self, scope: &dyn Scope) -> Result<Value, EvalError> {
        if let [Part::Hole(program, place)] = &*self.parts {
            return eval(program, scope).map_err(|error| moved(error, place.start));
        }
        // Sizes first, so that the text is allocated once and leaves no copies behind.
        let mut values = Vec::with_capacity(self.parts.len());
        for part in &*self.parts {
            values.push(match part {
                Part::Text(text) => (Value::text(text.as_str()), 0..0),
                Part::Hole(program, place) => {
                    (eval(program, scope).map_err(|error| moved(error, place.start))?, place.clone())
                }
            });
        }
        let fail = |code, place: &Range<usize>| EvalError { code, span: place.clone() };
        let mut size = 0;
        for (value, place) in &values {
            size += scalar(value).map_err(|code| fail(code, place))?.len();
            if size > RESULT_MOST_BYTES {
                return Err(fail(EvalCode::TooLarge, place));
            }
        }
        let mut text = String::with_capacity(size);
        for (value, place) in &values {
            text.push_str(&scalar(value).map_err(|code| fail(code, place))?);
        }
        Ok(Value::Text(text))
    }

    /// The same with settings replaced by constants, as text for a plan.
    ///
    /// # Errors
    /// When a setting is named that does not exist.
    pub fn with_constants(&self, root: &str, constants: &BTreeMap<Name, Constant>) -> Result<String, ExprError> {
        let mut out = String::new();
        for part in &*self.parts {
            match part {
                Part::Text(text) => out.push_str(&text.replace("${", "$${")),
                Part::Hole(program, place) => {
                    let program =
                        program.with_constants(root, constants).map_err(|error| shifted(error, place.start))?;
                    out.push_str("${");
                    out.push_str(&program.to_string());
                    out.push('}');
                }
            }
        }
        Ok(out)
    }
}

fn shifted(mut error: ExprError, by: usize) -> ExprError {
    error.span = error.span.start + by..error.span.end + by;
    error
}

fn moved(mut error: EvalError, by: usize) -> EvalError {
    error.span = error.span.start + by..error.span.end + by;
    error
}
