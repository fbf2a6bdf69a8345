//! What a command is given: streams, the moment, the environment. Commands take nothing else from outside.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::Write;

use assent_schema::time::Moment;
use serde::Serialize;

use super::Format;
use crate::error::Error;
use crate::show::{Look, progress::Progress};

/// What the process knows about its surroundings.
#[derive(Clone, Debug)]
pub struct Outside {
    /// The moment at which the command was started.
    pub now: Moment,
    /// The environment.
    pub variables: BTreeMap<OsString, OsString>,
    /// Whether standard output is a terminal.
    pub stdout_is_terminal: bool,
    /// Whether standard error is a terminal.
    pub stderr_is_terminal: bool,
}

/// What a command is given.
pub struct Context<'a> {
    outside: Outside,
    stdout: &'a mut dyn Write,
    stderr: &'a mut dyn Write,
}

/// What a command found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing to object to: exit status 0.
    Fine,
    /// Findings, or a refusal: exit status 1.
    Findings,
}

impl Outcome {
    /// `Findings` when there are any.
    pub fn of(any: bool) -> Self {
        if any { Self::Findings } else { Self::Fine }
    }
}

impl<'a> Context<'a> {
    /// Surroundings and streams.
    pub fn new(outside: Outside, stdout: &'a mut dyn Write, stderr: &'a mut dyn Write) -> Self {
        Self { outside, stdout, stderr }
    }

    /// The moment at which the command was started.
    pub fn now(&self) -> Moment {
        self.outside.now
    }

    /// A variable of the environment; nothing when it is unset or empty.
    pub fn variable(&self, name: &str) -> Option<&OsStr> {
        self.outside.variables.get(OsStr::new(name)).map(OsString::as_os_str).filter(|value| !value.is_empty())
    }

    /// How text for people looks on standard output.
    pub fn look(&self) -> Look {
        let colour = self.outside.stdout_is_terminal
            && self.variable("NO_COLOR").is_none()
            && self.variable("TERM") != Some(OsStr::new("dumb"));
        let width = self.variable("COLUMNS").and_then(OsStr::to_str).and_then(|columns| columns.parse().ok());
        Look { colour, width }
    }

    /// Progress on standard error, when that is a terminal.
    pub fn progress(&self) -> Progress {
        Progress::new(self.outside.stderr_is_terminal)
    }

    /// Writes to standard output.
    ///
    /// # Errors
    /// When standard output is closed or full.
    pub fn print(&mut self, text: &str) -> Result<(), Error> {
        self.stdout.write_all(text.as_bytes()).map_err(|e| Error::io("write to standard output", e))
    }

    /// Writes one JSON value and a line end to standard output.
    ///
    /// # Errors
    /// When standard output is closed or full.
    pub fn print_json(&mut self, value: &impl Serialize) -> Result<(), Error> {
        let text = serde_json::to_string_pretty(value).map_err(|e| Error::internal("write the result as JSON", e))?;
        self.print(&format!("{text}\n"))
    }

    /// Writes a result as it was asked for: the text for people, or the value as JSON.
    ///
    /// # Errors
    /// When standard output is closed or full.
    pub fn print_as(&mut self, format: Format, text: &str, value: &impl Serialize) -> Result<(), Error> {
        match format {
            Format::Human => self.print(text),
            Format::Json => self.print_json(value),
        }
    }

    /// Shows what somebody is about to sign, before any key asks for a passphrase or a touch: on standard output, where the rest of
    /// the text follows, and beside a result that is JSON.
    ///
    /// # Errors
    /// When that stream is closed or full.
    pub fn show_first(&mut self, format: Format, text: &str) -> Result<(), Error> {
        let (stream, name): (&mut dyn Write, _) = match format {
            Format::Human => (&mut *self.stdout, "output"),
            Format::Json => (&mut *self.stderr, "error"),
        };
        let written = stream.write_all(text.as_bytes()).and_then(|()| stream.flush());
        written.map_err(|e| Error::io(format!("write to standard {name}"), e))
    }

    /// Tells people something beside the result, on standard error.
    ///
    /// # Errors
    /// When standard error is closed or full.
    pub fn note(&mut self, text: &str) -> Result<(), Error> {
        writeln!(self.stderr, "{text}").map_err(|e| Error::io("write to standard error", e))
    }
}
