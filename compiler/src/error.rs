//! The machine or the call is wrong (exit status 2). What is wrong in the source is a finding.

use std::fmt;

use git2::{ErrorClass, ErrorCode};

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
    Unsigned,
}

impl Error {
    /// What the call names does not exist, is not of the wanted form, or was refused.
    pub fn input(message: impl Into<String>) -> Self {
        Self { kind: Kind::Input, message: message.into(), source: None }
    }

    /// Git could not do what was tried. Where it is known what to do, that is said in place of libgit2's numbers.
    pub fn git(tried: impl Into<String>, source: git2::Error) -> Self {
        let message = match step(&source) {
            Some(step) => return Self::input(format!("could not {}: {}. {step}", tried.into(), source.message())),
            None => tried.into(),
        };
        Self { kind: Kind::Git, message, source: Some(Box::new(source)) }
    }

    /// The machine could not do what was tried.
    pub fn io(tried: impl Into<String>, source: std::io::Error) -> Self {
        Self { kind: Kind::Io, message: tried.into(), source: Some(Box::new(source)) }
    }

    /// Something that must not happen did.
    pub fn internal(tried: impl Into<String>, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { kind: Kind::Internal, message: tried.into(), source: Some(source.into()) }
    }

    /// Nobody signed: the key is one that only `ssh-keygen` reaches, and it did not sign.
    pub fn unsigned(message: impl Into<String>) -> Self {
        Self { kind: Kind::Unsigned, message: message.into(), source: None }
    }

    /// Whether all that is wrong is that nobody signed yet.
    pub fn is_unsigned(&self) -> bool {
        self.kind == Kind::Unsigned
    }

    /// The same with what to do about it, where nobody signed; any other error as it is.
    #[must_use]
    pub fn with_step(mut self, step: &str) -> Self {
        if self.is_unsigned() {
            self.message = format!("{}\n{step}", self.message);
        }
        self
    }

    /// Whether the reader of our output went away.
    pub fn is_closed_pipe(&self) -> bool {
        let source = self.source.as_ref().and_then(|source| source.downcast_ref::<std::io::Error>());
        source.is_some_and(|source| source.kind() == std::io::ErrorKind::BrokenPipe)
    }
}

/// What to do about what libgit2 said no to.
fn step(error: &git2::Error) -> Option<&'static str> {
    Some(match (error.class(), error.code()) {
        (ErrorClass::Odb | ErrorClass::Object, ErrorCode::NotFound) => {
            "This clone lacks it. What `git clone --filter` left out comes with `git fetch --refetch --no-filter`, what `--depth` left out with `git fetch --unshallow`; `git fsck` says what else is missing"
        }
        (_, ErrorCode::Owner) => {
            "If you trust what is there: git config --global --add safe.directory DIR, with the folder that was named"
        }
        (_, ErrorCode::Locked) => {
            "Wait for the other git command to end; when none runs, remove the file that ends in `.lock`"
        }
        _ => return None,
    })
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Input | Kind::Unsigned => f.write_str(&self.message)?,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_git_refuses_comes_with_what_to_do() {
        let told = |code, class, what: &str| Error::git("read it", git2::Error::new(code, class, what)).to_string();
        let missing = told(ErrorCode::NotFound, ErrorClass::Odb, "object not found - cannot read header for (41)");
        assert!(
            missing.starts_with("could not read it: object not found") && missing.contains("--no-filter"),
            "{missing}"
        );
        assert!(told(ErrorCode::Owner, ErrorClass::Config, "not owned").contains("safe.directory"));
        assert!(told(ErrorCode::Locked, ErrorClass::Reference, "failed to lock").contains(".lock"));
        assert!(told(ErrorCode::GenericError, ErrorClass::Net, "no route").starts_with("could not read it: no route"));
    }
}
