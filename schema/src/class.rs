//! Classes, marks and their join: how private a value is and who may have written it.
//!
//! # Source
//! language.md section 5. Promises P01, P04.

use serde::{Deserialize, Serialize};

/// How private a value is. What nobody declared is `personal`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// Known to everybody: constants of the workflow, the clock.
    Public,
    /// A fact of bounded shape: an id, a number, an instant, an amount.
    Reference,
    /// What people wrote.
    Content,
    /// What names or describes a person.
    #[default]
    Personal,
}

impl Class {
    /// Every class, from the least to the most private.
    pub const ALL: [Self; 4] = [Self::Public, Self::Reference, Self::Content, Self::Personal];

    /// The more private of two.
    #[must_use]
    pub fn join(self, other: Self) -> Self {
        self.max(other)
    }

    /// Whether a value of this class may be durable.
    pub fn is_fact(self) -> bool {
        self <= Self::Reference
    }

    /// The class as people write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Reference => "reference",
            Self::Content => "content",
            Self::Personal => "personal",
        }
    }
}

impl std::fmt::Display for Class {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Who may have chosen a value; travels beside the class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Marks {
    /// Anyone outside may have written it.
    pub outside: bool,
    /// An AI answered it.
    pub model: bool,
}

impl Marks {
    /// Nobody but the systems involved chose it.
    pub const NONE: Self = Self { outside: false, model: false };
    /// Anyone outside may have written it.
    pub const OUTSIDE: Self = Self { outside: true, model: false };
    /// An AI answered it.
    pub const MODEL: Self = Self { outside: false, model: true };

    /// The marks of both.
    #[must_use]
    pub fn join(self, other: Self) -> Self {
        Self { outside: self.outside || other.outside, model: self.model || other.model }
    }

    /// Whether anybody but the systems involved may have chosen the value.
    pub fn any(self) -> bool {
        self.outside || self.model
    }
}

/// Class and marks of one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Label {
    /// How private it is.
    pub class: Class,
    /// Who may have chosen it.
    pub marks: Marks,
}

impl Label {
    /// A constant of the workflow.
    pub const CONSTANT: Self = Self { class: Class::Public, marks: Marks::NONE };

    /// A label of this class and these marks.
    pub const fn new(class: Class, marks: Marks) -> Self {
        Self { class, marks }
    }

    /// The label of what was made from both.
    #[must_use]
    pub fn join(self, other: Self) -> Self {
        Self { class: self.class.join(other.class), marks: self.marks.join(other.marks) }
    }
}

/// Where a value may end up besides operations and providers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sink {
    /// Lines on standard output.
    Log,
    /// Rows by which a run resumes.
    Journal,
    /// The audit log.
    Ledger,
    /// Items for people who go on by hand.
    Queue,
    /// Messages to on-call.
    Alert,
    /// Counters and sums by the hour.
    Kpi,
    /// Sealed results of reads.
    Cache,
}

impl Sink {
    /// The most private class that the sink may hold.
    pub fn clearance(self) -> Class {
        match self {
            Self::Log | Self::Journal | Self::Ledger | Self::Queue | Self::Alert => Class::Reference,
            Self::Kpi => Class::Public,
            Self::Cache => Class::Personal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels() -> Vec<Label> {
        let marks = [Marks::NONE, Marks::OUTSIDE, Marks::MODEL, Marks::OUTSIDE.join(Marks::MODEL)];
        Class::ALL.iter().flat_map(|c| marks.iter().map(|m| Label::new(*c, *m))).collect()
    }

    #[test]
    fn join_is_a_lattice() {
        for a in labels() {
            assert_eq!(a.join(a), a);
            assert_eq!(a.join(Label::CONSTANT), a);
            for b in labels() {
                assert_eq!(a.join(b), b.join(a));
                for c in labels() {
                    assert_eq!(a.join(b).join(c), a.join(b.join(c)));
                }
            }
        }
    }
}
