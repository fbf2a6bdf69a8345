//! What can be wrong with the text of an expression. Sentences name what stands in the source, never a run's values.

use std::fmt;
use std::ops::Range;

use super::eval::EvalCode;
use super::types::Type;
use crate::code::Code;
use crate::finding::there_are;
use crate::nearest::nearest;
use crate::plan::TextFormat;

/// What is wrong with an expression or template, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExprError {
    /// Byte offsets into the text that was parsed, end exclusive.
    pub span: Range<usize>,
    /// What is wrong.
    pub kind: ExprErrorKind,
}

/// What can be wrong with an expression or template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExprErrorKind {
    /// The text is longer than [`super::TEXT_MOST_BYTES`].
    TooLong,
    /// It is nested deeper than [`super::DEPTH_MOST`].
    TooDeep,
    /// A value of more than [`super::PARTS_MOST`] fields, all that is in it counted.
    TooLarge,
    /// A control character: line breaks and tabs are written `\n` and `\t`.
    ControlCharacter,
    /// A character that no expression holds.
    Unexpected,
    /// Something else should stand here.
    Expected(&'static str),
    /// A string without its closing quote.
    OpenString,
    /// A backslash before a character that it does not escape.
    BadEscape,
    /// A number that is too large, too precise or oddly written.
    BadNumber,
    /// A word that CEL keeps for itself.
    Reserved(String),
    /// A `${` without its `}`.
    OpenHole,
    /// A function that does not exist.
    UnknownFunction {
        /// As it was written.
        name: String,
        /// What may have been meant.
        nearest: Option<&'static str>,
    },
    /// A function with other arguments than it takes.
    Arguments {
        /// The function.
        function: &'static str,
        /// How it is called.
        usage: &'static str,
    },
    /// A function that is given something else than it takes.
    NotTaken {
        /// How it is called.
        usage: &'static str,
        /// What it is given.
        found: String,
        /// What it takes, where the way it is called does not say so.
        takes: Option<&'static str>,
    },
    /// A name or field that nothing has.
    UnknownName {
        /// As it was written.
        name: String,
        /// What may have been meant.
        nearest: Option<String>,
        /// What there is, where nothing is near enough; empty where that is no list.
        known: Vec<String>,
    },
    /// A value that is wrong where it is made: what is said of it there is not said again.
    ReadsWrong {
        /// The path that is read.
        path: String,
    },
    /// A value of another type than is needed.
    Mismatch {
        /// What is needed.
        wanted: String,
        /// What stands there.
        found: String,
    },
    /// A part of a value of another type than is needed there.
    MisfitPart {
        /// Its path: members joined by dots, `[]` for the items of a list.
        path: String,
        /// What stands there.
        found: String,
        /// What is needed.
        wanted: String,
    },
    /// Two values that an operator does not take together.
    Operands {
        /// The operator.
        operator: &'static str,
        /// What stands left of it.
        left: String,
        /// What stands right of it.
        right: String,
    },
    /// A comparison with a constant that the value never equals.
    NeverEqual {
        /// The constant.
        constant: String,
        /// What may have been meant.
        nearest: Option<String>,
    },
    /// A value that may be absent: the step may not have run, or the field is optional.
    MayBeAbsent {
        /// The path that is read.
        path: String,
    },
    /// A field that the item of a list may not have, where the item is taken by its place.
    ItemMayLack {
        /// What is read.
        path: String,
    },
    /// A part that fails in every run.
    AlwaysFails(EvalCode),
    /// Two slashes, as other languages begin comments.
    Comment,
    /// A text that goes into a format without that format's escaper.
    Unescaped(TextFormat),
    /// Something in a text that is no scalar.
    NotScalar {
        /// What stands there.
        found: String,
    },
}

impl ExprErrorKind {
    /// The code of the finding that this makes.
    pub fn code(&self) -> Code {
        match self {
            Self::TooLong
            | Self::TooDeep
            | Self::TooLarge
            | Self::ControlCharacter
            | Self::Unexpected
            | Self::Expected(_)
            | Self::OpenString
            | Self::BadEscape
            | Self::BadNumber
            | Self::Reserved(_)
            | Self::OpenHole
            | Self::Comment
            | Self::UnknownFunction { .. }
            | Self::AlwaysFails(_)
            | Self::Arguments { .. } => Code::BadExpression,
            Self::UnknownName { .. } | Self::ReadsWrong { .. } => Code::UnknownName,
            Self::Mismatch { .. }
            | Self::MisfitPart { .. }
            | Self::Operands { .. }
            | Self::NotTaken { .. }
            | Self::NeverEqual { .. }
            | Self::NotScalar { .. } => Code::TypeMismatch,
            Self::Unescaped(_) => Code::Unescaped,
            Self::MayBeAbsent { .. } | Self::ItemMayLack { .. } => Code::MayBeSkipped,
        }
    }

    /// What to do, where it is more than the code's own advice.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::MayBeAbsent { path } => Some(format!(
                "Guard it: put `has({path})` before it, joined by `&&`, in this or the step's `when`; where a value stands, say what it is otherwise, like `has({path}) ? {path} : …`."
            )),
            Self::ItemMayLack { .. } => {
                Some("Ask for it inside of a list function, like `list.map(x, has(x.field) ? x.field : '')`.".into())
            }
            Self::UnknownName { nearest: None, known, .. } => there_are(known.iter().map(String::as_str)),
            Self::Mismatch { wanted, found } if *wanted == Type::Boolean.to_string() => Some(match found.as_str() {
                "an integer" | "a decimal" => "Compare it with something, like `… == 0` or `… > 0`.".into(),
                _ => "Compare it with something, like `… == …`, or ask for it with `has(…)`.".into(),
            }),
            Self::NotTaken { takes: Some(takes), .. } => Some(format!("It takes {takes}.")),
            Self::Unescaped(format) => Some(format!("Put the value through `{}(…)`.", escaper(*format))),
            Self::Comment => Some("Write it above, behind a `#`.".into()),
            Self::TooLong => Some("Split it: compute parts in a `set` step.".into()),
            Self::TooLarge => Some("Name the fields that are needed instead of the whole record.".into()),
            Self::TooDeep => Some("Split it: compute parts in a `set` step, or use `in [...]` and `join`.".into()),
            _ => None,
        }
    }
}

/// Why a part fails, for who wrote it.
fn why(code: EvalCode) -> &'static str {
    match code {
        EvalCode::DivisionByZero => "nothing is divided by zero",
        EvalCode::NotConvertible => "the text is not what it is made into",
        EvalCode::OtherCurrency => "the amounts are of two currencies",
        EvalCode::OutOfRange => "a number, moment, position or separator is out of bounds",
        EvalCode::TooLarge | EvalCode::TooCostly => "it is too large",
        EvalCode::Absent | EvalCode::NeverOpen | EvalCode::WrongType => "a value is missing",
    }
}

/// The function that escapes for a format.
pub(crate) fn escaper(format: TextFormat) -> &'static str {
    match format {
        TextFormat::Html => "html",
        TextFormat::Markdown => "markdown",
        TextFormat::Url => "url",
        TextFormat::Json => "json",
    }
}

impl fmt::Display for ExprErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let meant = |f: &mut fmt::Formatter<'_>, nearest: Option<&str>| match nearest {
            Some(nearest) => write!(f, "; did you mean `{nearest}`?"),
            None => Ok(()),
        };
        match self {
            Self::TooLong => write!(f, "the expression is longer than {} bytes", super::TEXT_MOST_BYTES),
            Self::TooDeep => write!(f, "the expression is nested deeper than {}", super::DEPTH_MOST),
            Self::TooLarge => write!(f, "the value has more than {} fields in all", super::PARTS_MOST),
            Self::ControlCharacter => {
                f.write_str("a control character; inside of a string write line breaks and tabs as `\\n` and `\\t`")
            }
            Self::Unexpected => f.write_str("a character that no expression holds"),
            Self::Expected(wanted) => write!(f, "expected {wanted}"),
            Self::OpenString => f.write_str("the string has no closing quote"),
            Self::BadEscape => f.write_str("a backslash may stand before `\\`, a quote, `n`, `r`, `t` or `uXXXX`"),
            Self::BadNumber => f.write_str("a number is an integer up to 2^53 − 1 or a decimal like `0.8`"),
            Self::Reserved(word) => write!(f, "`{word}` is a reserved word"),
            Self::OpenHole => f.write_str("`${` has no closing `}`"),
            Self::UnknownFunction { name, nearest } => {
                write!(f, "no function is called `{name}`")?;
                meant(f, *nearest)
            }
            Self::Arguments { function, usage } => write!(f, "`{function}` is called as `{usage}`"),
            Self::NotTaken { usage, found, .. } => write!(f, "`{usage}` does not take {found}"),
            Self::UnknownName { name, nearest, .. } => {
                write!(f, "nothing here is called `{name}`")?;
                meant(f, nearest.as_deref())
            }
            Self::ReadsWrong { path } => write!(f, "`{path}` is wrong where it is made"),
            Self::Mismatch { wanted, found } => write!(f, "this is {found}, where {wanted} is needed"),
            Self::MisfitPart { path, found, wanted } => write!(f, "`{path}` is {found}, where {wanted} is needed"),
            Self::Operands { operator, left, right } => write!(f, "`{operator}` does not take {left} and {right}"),
            Self::NeverEqual { constant, nearest } => {
                write!(f, "the value is never `{constant}`")?;
                meant(f, nearest.as_deref())
            }
            Self::ItemMayLack { path } => write!(f, "`{path}` may be absent here"),
            Self::MayBeAbsent { path } if path.contains('.') => write!(f, "`{path}` may be absent here"),
            Self::MayBeAbsent { path } => write!(f, "`{path}` may have been skipped when this is read"),
            Self::AlwaysFails(code) => write!(f, "this fails in every run: {}", why(*code)),
            Self::Comment => f.write_str("an expression holds no comments"),
            Self::Unescaped(format) => {
                write!(f, "a text goes into {} without `{}(…)`", escaper(*format), escaper(*format))
            }
            Self::NotScalar { found } => write!(f, "inside text only one value can stand, and this is {found}"),
        }
    }
}

impl fmt::Display for ExprError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

impl std::error::Error for ExprError {}

impl ExprErrorKind {
    /// A name that is none of some.
    pub(crate) fn unknown<'a>(name: &str, known: impl Iterator<Item = &'a str> + Clone) -> Self {
        let nearest = nearest(name, known.clone()).map(str::to_owned);
        let known = if nearest.is_some() { Vec::new() } else { known.map(str::to_owned).collect() };
        Self::UnknownName { name: name.to_owned(), nearest, known }
    }
}
