//! What is shown of a ledger: as text for people, as JSON for programs.

use std::io::{self, Write};
use std::path::PathBuf;

use assent_schema::counted::counted;
use assent_schema::ledger::{Origin, Told};
use serde::Serialize;
use serde_json::Value;

use crate::command::Show;
use crate::control::ledger::{Erased, LegalHold, LogSummary, Witnessed};
use crate::store::RunName;

impl Show for LogSummary {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{} verifies: {}, root {}", self.log, counted(self.size, "entry"), self.root)?;
        writeln!(
            out,
            "    at least {} accepted, {} ended; bodies gone: {}",
            counted(self.accepted, "run"),
            self.finished,
            self.gone
        )?;
        if self.unsigned > 0 {
            writeln!(out, "    {} entries after them have no checkpoint yet and were not looked at", self.unsigned)?;
        }
        for Told { entry, kind, time, why, actor, ranges } in &self.told {
            let by = actor.as_ref().map_or_else(String::new, |by| format!(" by {by}"));
            let spans: Vec<_> = ranges.iter().map(|(first, last)| format!("{first} to {last}")).collect();
            writeln!(out, "    entry {entry} of {time}: {kind}{by} ({why}): {}", spans.join(", "))?;
        }
        for Witnessed { witness, size, time } in &self.witnessed {
            let first = counted(size, "entry");
            writeln!(out, "    {witness} cosigned the first {first} at {time}")?;
        }
        match &self.legal {
            Some(hold) => writeln!(out, "    {hold}"),
            None => Ok(()),
        }
    }
}

impl Show for Erased {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "Gone: {} of {}.", counted(self.entries, "entry"), counted(self.runs, "run"))?;
        match self.open {
            0 => Ok(()),
            1 => writeln!(out, "1 more run is under way: ask again when it ended."),
            open => writeln!(out, "{open} more runs are under way: ask again when they ended."),
        }
    }
}

/// A legal hold, and whether it stands.
#[derive(Serialize)]
pub(super) struct Kept {
    pub(super) stands: bool,
    pub(super) hold: LegalHold,
}

impl Show for Kept {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.stands { writeln!(out, "{}", self.hold) } else { writeln!(out, "It is over: {}", self.hold) }
    }
}

/// What does not verify.
#[derive(Serialize)]
pub(super) struct Wrong {
    pub(super) verifies: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) index: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) until: Option<u64>,
    pub(super) code: String,
}

impl Show for Wrong {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        match (self.index, self.until) {
            (Some(index), Some(until)) => {
                writeln!(out, "The ledger does not verify: one of the entries {index} to {until}: {}", self.code)
            }
            (Some(index), None) => writeln!(out, "The ledger does not verify: entry {index}: {}", self.code),
            (None, _) => writeln!(out, "The ledger does not verify: {}", self.code),
        }
    }
}

/// What entries say.
#[derive(Serialize)]
pub(super) struct Entries {
    pub(super) entries: Vec<Value>,
}

impl Show for Entries {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        for entry in &self.entries {
            let text = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or_default();
            let number = |name: &str| entry.get(name).and_then(Value::as_u64).map(|number| format!(" {name} {number}"));
            let (run, actor) = (run_name(entry).unwrap_or_default(), text("actor"));
            let by = if actor.is_empty() { String::new() } else { format!(" by {actor}") };
            let step = if text("step").is_empty() { String::new() } else { format!(" at {}", text("step")) };
            let index = number("index").unwrap_or_default();
            let data = entry.get("data").map(Value::to_string).unwrap_or_default();
            writeln!(out, "{} {}{index}: {}{run}{step}{by} {data}", text("time"), text("log"), text("kind"))?;
        }
        Ok(())
    }
}

/// The run of an entry, as people name it.
fn run_name(entry: &Value) -> Option<String> {
    let number = entry.get("run")?.as_u64()?;
    let log = entry.get("log").and_then(Value::as_str).and_then(|log| log.parse::<Origin>().ok());
    let named = log.and_then(|log| Some(RunName::new(log.client?, log.life, number).to_string()));
    Some(format!(" run {}", named.unwrap_or_else(|| number.to_string())))
}

/// Files that were written.
#[derive(Serialize)]
pub(super) struct Files {
    pub(super) written: Vec<PathBuf>,
}

impl Show for Files {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        self.written.iter().try_for_each(|path| writeln!(out, "{}", path.display()))
    }
}
