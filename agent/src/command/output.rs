//! What commands print: one value, for people or as JSON.

use std::io::{self, Write};
use std::process::ExitCode;

use serde::Serialize;

use crate::error::{Context as _, Error, Kind};

/// Output format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Text.
    Human,
    /// One JSON value.
    Json,
}

/// A result that can be told to people; its JSON form is its `Serialize`.
pub trait Show: Serialize {
    /// Writes it for people.
    ///
    /// # Errors
    /// When the stream does not take it.
    fn human(&self, out: &mut dyn Write) -> io::Result<()>;
}

/// Where a command puts its result.
pub struct Output<'a> {
    format: Format,
    stream: &'a mut dyn Write,
    refused: bool,
}

impl<'a> Output<'a> {
    /// Prints to a stream.
    pub fn new(format: Format, stream: &'a mut dyn Write) -> Self {
        Self { format, stream, refused: false }
    }

    /// The output format.
    pub fn format(&self) -> Format {
        self.format
    }

    /// The stream, for output that is a file of its own (an export, a proof).
    pub fn raw(&mut self) -> &mut dyn Write {
        self.stream
    }

    /// Prints a text as it is.
    ///
    /// # Errors
    /// When the stream does not take it.
    pub fn print(&mut self, text: &[u8]) -> Result<(), Error> {
        let written = self.stream.write_all(text).and_then(|()| self.stream.flush());
        written.tried(|| "cannot write the result".to_owned())
    }

    /// Prints a result.
    ///
    /// # Errors
    /// When the stream does not take it.
    pub fn show(&mut self, result: &dyn Showable) -> Result<(), Error> {
        let written = match self.format {
            Format::Human => result.write_human(self.stream),
            Format::Json => result.write_json(self.stream),
        };
        written.and_then(|()| self.stream.flush()).tried(|| "cannot write the result".to_owned())
    }

    /// Remembers that what was printed is a refusal: the command ends with exit status 1.
    pub fn refuse(&mut self) {
        self.refused = true;
    }

    /// The exit status of a command that printed all it had to say.
    pub fn exit(&self) -> ExitCode {
        if self.refused { ExitCode::from(1) } else { ExitCode::SUCCESS }
    }
}

/// [`Show`] behind a reference.
pub trait Showable {
    /// Writes it for people.
    ///
    /// # Errors
    /// When the stream does not take it.
    fn write_human(&self, out: &mut dyn Write) -> io::Result<()>;
    /// Writes it as one line of JSON.
    ///
    /// # Errors
    /// When the stream does not take it.
    fn write_json(&self, out: &mut dyn Write) -> io::Result<()>;
}

impl<T: Show> Showable for T {
    fn write_human(&self, out: &mut dyn Write) -> io::Result<()> {
        self.human(out)
    }

    fn write_json(&self, out: &mut dyn Write) -> io::Result<()> {
        serde_json::to_writer(&mut *out, self)?;
        writeln!(out)
    }
}

/// An error as JSON.
#[derive(Serialize)]
struct Complaint<'a> {
    error: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<&'a str>,
    refused: bool,
}

/// Writes an error: what failed, then what to do.
///
/// # Errors
/// When the stream does not take it.
pub(super) fn complain(error: &Error, format: Format, stderr: &mut dyn Write) -> io::Result<()> {
    match format {
        Format::Human => {
            writeln!(stderr, "error: {}", error.what())?;
            error.advice().map_or(Ok(()), |help| writeln!(stderr, " help: {help}"))
        }
        Format::Json => {
            let refused = error.kind() == Kind::Refused;
            serde_json::to_writer(&mut *stderr, &Complaint { error: error.what(), help: error.advice(), refused })?;
            writeln!(stderr)
        }
    }
}
