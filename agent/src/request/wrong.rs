//! Why a request could not be built: a closed list. Names the parameter, never its value.

use std::fmt;

use assent_schema::id::Name;

/// A request that could not be built. Nothing was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// What is wrong.
    pub kind: WrongKind,
    /// The parameter that it is about.
    pub param: Option<Name>,
}

/// What is wrong with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WrongKind {
    /// A parameter that must be there is absent.
    ArgumentMissing,
    /// There is no such parameter.
    ArgumentUnknown,
    /// The value does not fit the parameter's shape or place.
    ArgumentMisfit,
    /// The value cannot be one segment of a path.
    SegmentRefused,
    /// The value cannot be a header.
    HeaderRefused,
    /// Two values want the same place.
    PlaceTaken,
    /// The request would be larger than allowed.
    TooLarge,
    /// The endpoint or the operation's path has no valid form.
    EndpointRefused,
    /// There is no secret to authorise it.
    SecretMissing,
    /// The secret has no form that its place can hold.
    SecretRefused,
}

impl WrongKind {
    /// Its code in journal, ledger and alerts.
    pub fn code(self) -> &'static str {
        match self {
            Self::ArgumentMissing => "argument_missing",
            Self::ArgumentUnknown => "argument_unknown",
            Self::ArgumentMisfit => "argument_misfit",
            Self::SegmentRefused => "segment_refused",
            Self::HeaderRefused => "header_refused",
            Self::PlaceTaken => "place_taken",
            Self::TooLarge => "request_too_large",
            Self::EndpointRefused => "endpoint_refused",
            Self::SecretMissing => "secret_missing",
            Self::SecretRefused => "secret_refused",
        }
    }

    /// The same about one parameter.
    pub(super) fn of(self, param: &Name) -> Wrong {
        Wrong { kind: self, param: Some(param.clone()) }
    }
}

impl From<WrongKind> for Wrong {
    fn from(kind: WrongKind) -> Self {
        Self { kind, param: None }
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.param {
            Some(param) => write!(f, "{} ({param})", self.kind.code()),
            None => f.write_str(self.kind.code()),
        }
    }
}

impl std::error::Error for Wrong {}

#[cfg(test)]
mod tests {
    use assent_schema::plan::unbuilt;

    use super::*;

    #[test]
    fn the_codes_are_those_that_clients_are_told_of() {
        let all = [
            WrongKind::ArgumentMisfit,
            WrongKind::ArgumentMissing,
            WrongKind::ArgumentUnknown,
            WrongKind::EndpointRefused,
            WrongKind::HeaderRefused,
            WrongKind::PlaceTaken,
            WrongKind::TooLarge,
            WrongKind::SecretMissing,
            WrongKind::SecretRefused,
            WrongKind::SegmentRefused,
        ];
        assert_eq!(all.map(WrongKind::code).to_vec(), unbuilt().collect::<Vec<_>>());
    }
}
