//! `library/<name>.toml`: a workflow that clients share, what they may set of it, and its use by one.

use std::collections::{BTreeMap, BTreeSet};

use super::Spanned;
use super::workflow::WorkflowFile;
use crate::id::{Name, WorkflowId};
use crate::shape::{is_decimal, is_token};
use crate::time::Period;

/// A use of a library workflow.
#[derive(Clone, Debug)]
pub struct Use {
    /// The library workflow.
    pub library: Spanned<WorkflowId>,
    /// What this client sets.
    pub settings: BTreeMap<Spanned<Name>, Spanned<Literal>>,
    /// Classes that this client raises.
    pub classes: Classes,
    /// Settings that are set to something that could not be read.
    pub unread: BTreeSet<String>,
}

/// Classes that a workflow raises above the catalog's, by `<record>.<field>`; templates with settings.
pub type Classes = BTreeMap<Spanned<String>, Spanned<String>>;

/// A workflow that many clients share.
#[derive(Clone, Debug)]
pub struct Library {
    /// What a client may set; read as `settings.<name>`. Empty where another library workflow is used: its settings are
    /// the client's to set, too.
    pub settings: BTreeMap<Spanned<Name>, Setting>,
    /// The workflow, or a use of another one of the library, whose settings it sets anew.
    pub body: WorkflowFile,
    /// Settings of which not all could be read.
    pub unread: BTreeSet<String>,
}

/// One setting of a library workflow.
#[derive(Clone, Debug)]
pub struct Setting {
    /// What it takes.
    pub kind: Spanned<SettingType>,
    /// What holds when a client sets nothing; absent when it must. Fits `kind`.
    pub default: Option<Spanned<Literal>>,
}

/// What a setting takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SettingType {
    /// Any text of at most 4,096 bytes.
    Text,
    /// 1 to 64 of `A-Z a-z 0-9 . _ : -`, the last one or two perhaps `=`.
    Token,
    /// An integer within ±(2^53 − 1).
    Integer,
    /// A decimal, written as text.
    Decimal,
    /// True or false.
    Boolean,
    /// A period, written as text.
    Period,
    /// One of these texts.
    OneOf(Vec<String>),
}

/// A constant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Literal {
    /// True or false.
    Boolean(bool),
    /// An integer.
    Integer(i64),
    /// A text.
    Text(String),
}

/// The largest text setting, in bytes: a paragraph.
const SETTING_MOST_BYTES: usize = 4_096;

impl SettingType {
    /// A constant that fits: stands for a setting that nobody set, so that the rest can be looked at.
    pub fn sample(&self) -> Literal {
        match self {
            Self::Boolean => Literal::Boolean(false),
            Self::Integer => Literal::Integer(1),
            Self::Text | Self::Token => Literal::Text("x".into()),
            Self::Decimal => Literal::Text("1".into()),
            Self::Period => Literal::Text("1d".into()),
            Self::OneOf(values) => Literal::Text(values.first().map(ToString::to_string).unwrap_or_default()),
        }
    }

    /// Whether a constant fits.
    pub fn takes(&self, literal: &Literal) -> bool {
        match (self, literal) {
            (Self::Boolean, Literal::Boolean(_)) => true,
            (Self::Integer, Literal::Integer(n)) => n.unsigned_abs() <= crate::canon::INTEGER_MOST.unsigned_abs(),
            (Self::Text, Literal::Text(text)) => text.len() <= SETTING_MOST_BYTES,
            (Self::Token, Literal::Text(text)) => is_token(text),
            (Self::Decimal, Literal::Text(text)) => is_decimal(text),
            (Self::Period, Literal::Text(text)) => text.parse::<Period>().is_ok(),
            (Self::OneOf(values), Literal::Text(text)) => values.contains(text),
            (
                Self::Text
                | Self::Token
                | Self::Integer
                | Self::Decimal
                | Self::Boolean
                | Self::Period
                | Self::OneOf(_),
                Literal::Boolean(_) | Literal::Integer(_) | Literal::Text(_),
            ) => false,
        }
    }

    /// What a constant must be, as a sentence fragment.
    pub fn wanted(&self) -> String {
        match self {
            Self::Text => "a text of at most 4096 bytes".into(),
            Self::Token => "1 to 64 of `A-Z a-z 0-9 . _ : -`, the last one or two perhaps `=`".into(),
            Self::Integer => "an integer".into(),
            Self::Decimal => "a decimal as text, like `\"0.5\"`".into(),
            Self::Boolean => "`true` or `false`".into(),
            Self::Period => "a period like `30s`, `10m`, `4h` or `7d`".into(),
            Self::OneOf(values) => {
                format!("one of {}", values.iter().map(|v| format!("`{v}`")).collect::<Vec<_>>().join(", "))
            }
        }
    }
}
