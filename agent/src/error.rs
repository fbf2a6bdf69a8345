//! `Error`: the machine or the call is wrong, or something was refused. Only `command` turns it into text and exit status.
//!
//! What the agent says no to while it runs is no `Error` but a refusal with a code: data for ledger and status.

use std::error::Error as StdError;
use std::fmt;
use std::process::ExitCode;

/// Why a command or a room of the agent could not do its work.
///
/// # Shape
/// `what` says what was tried, on which name, and why it failed, as one sentence without content; `help` says what to do.
#[derive(Debug)]
pub struct Error {
    kind: Kind,
    what: String,
    help: Option<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// What an error means for the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Something does not verify or is not allowed: exit status 1.
    Refused,
    /// The machine or the call is wrong: exit status 2.
    Environment,
}

impl Error {
    /// Something does not verify or is not allowed.
    pub fn refused(what: impl Into<String>) -> Self {
        Self { kind: Kind::Refused, what: what.into(), help: None, source: None }
    }

    /// The machine or the call is wrong.
    pub fn environment(what: impl Into<String>) -> Self {
        Self { kind: Kind::Environment, what: what.into(), help: None, source: None }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Keeps the error below.
    #[must_use]
    pub fn source(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.source = Some(Box::new(source));
        self
    }

    /// What it means for the caller.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// What was tried and why it failed.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// What to do.
    pub fn advice(&self) -> Option<&str> {
        self.help.as_deref()
    }

    /// Whether the reader of our output went away.
    pub fn is_closed_pipe(&self) -> bool {
        let below = self.source.as_ref().and_then(|source| source.downcast_ref::<std::io::Error>());
        below.is_some_and(|below| below.kind() == std::io::ErrorKind::BrokenPipe)
    }

    /// The exit status of a command that ends with it.
    pub fn exit(&self) -> ExitCode {
        match self.kind {
            Kind::Refused => ExitCode::from(1),
            Kind::Environment => ExitCode::from(2),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_ref().map(|source| &**source as &(dyn StdError + 'static))
    }
}

/// Gives errors from below the sentence that a person needs.
pub trait Context<T> {
    /// Takes a failure of the machine as an [`Error`] that says what was tried.
    ///
    /// # Errors
    /// When `self` is an error.
    fn tried(self, what: impl FnOnce() -> String) -> Result<T, Error>;
}

impl<T, E: StdError + Send + Sync + 'static> Context<T> for Result<T, E> {
    fn tried(self, what: impl FnOnce() -> String) -> Result<T, Error> {
        self.map_err(|error| Error::environment(format!("{}: {error}", what())).source(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_keeps_what_lies_below_and_what_to_do() {
        let below = std::io::Error::other("no space");
        let error = Err::<(), _>(below).tried(|| "cannot write `a`".into()).unwrap_err().help("Free some space.");
        assert_eq!(error.to_string(), "cannot write `a`: no space");
        assert_eq!(error.advice(), Some("Free some space."));
        assert_eq!(error.kind(), Kind::Environment);
        assert!(StdError::source(&error).is_some());
    }
}
