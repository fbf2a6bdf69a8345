//! The machine or the call is wrong (exit status 2). What is wrong in the source is a finding.

use std::fmt;

/// Why a command could not do its work.
#[derive(Debug)]
pub struct Error {
    kind: Kind,
    /// What was tried, on which name.
    message: String,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Input,
    Git,
    Io,
    Internal,
}

impl Error {
    /// What the call names does not exist, is not of the wanted form, or was refused.
    pub fn input(message: impl Into<String>) -> Self {
        Self { kind: Kind::Input, message: message.into(), source: None }
    }

    /// Git could not do what was tried.
    pub fn git(tried: impl Into<String>, source: git2::Error) -> Self {
        Self { kind: Kind::Git, message: tried.into(), source: Some(Box::new(source)) }
    }

    /// The machine could not do what was tried.
    pub fn io(tried: impl Into<String>, source: std::io::Error) -> Self {
        Self { kind: Kind::Io, message: tried.into(), source: Some(Box::new(source)) }
    }

    /// Something that must not happen did.
    pub fn internal(tried: impl Into<String>, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { kind: Kind::Internal, message: tried.into(), source: Some(source.into()) }
    }

    /// Whether the reader of our output went away.
    pub fn is_closed_pipe(&self) -> bool {
        let source = self.source.as_ref().and_then(|source| source.downcast_ref::<std::io::Error>());
        source.is_some_and(|source| source.kind() == std::io::ErrorKind::BrokenPipe)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Input => f.write_str(&self.message)?,
            Kind::Git | Kind::Io => write!(f, "could not {}", self.message)?,
            Kind::Internal => write!(f, "internal error: could not {}", self.message)?,
        }
        match &self.source {
            Some(source) => write!(f, ": {source}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|s| &**s as &(dyn std::error::Error + 'static))
    }
}
