//! Who answers about the ledger: the same in the running agent and over its folder. Whether a log verifies is asked of the
//! checkpoints that are there, and signs none; before something is written out one is signed. What is written out stands in the
//! state folder until the command takes it.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::{BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use assent_schema::canon;
use assent_schema::id::PersonId;
use assent_schema::ledger::{Checkpoint, Entry, ExportFault, Fault, Head, LogKey, Origin};
use assent_schema::time::Moment;
use serde_json::Value;

use super::ledger::{Demand, ENTRIES_MOST, LEGAL, LedgerAnswer, LedgerQuestion, LogSummary, OutFile, Witnessed};
use crate::identity::Identity;
use crate::ledger::{
    AnswerError, DayKeys, Publishers, Reader, RoundError, Target, announced, ended, ended_checkpoint, kept, window_of,
};
use crate::real::RealDisk;
use crate::store::{Log, Store, StoreError, life};
use crate::vault::HostKey;

/// The folder in the state folder where output waits to be taken.
const OUT: &str = "out";

/// The ledger of one agent, ready to be asked.
pub struct LedgerDesk {
    state: PathBuf,
    disk: Arc<RealDisk>,
    host: Arc<HostKey>,
    publishers: Publishers<Arc<RealDisk>>,
    /// Checkpoints that were pushed, as they were found; nothing of them is verified.
    pushed: Vec<String>,
    /// How many files were written to be taken: each has a place of its own.
    written: Arc<AtomicU64>,
}

/// Why there is no answer: the machine is wrong, not the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerBroken(pub String);

impl LedgerDesk {
    /// A desk for the agent whose own log is `own`. Output that nobody took is removed.
    pub fn new(state: &Path, disk: Arc<RealDisk>, own: Origin, identity: &Identity) -> Self {
        // There may be none; what stays there is overwritten.
        drop(std::fs::remove_dir_all(state.join(OUT)));
        let publishers = Publishers::new(own, identity.ledger.clone(), Arc::clone(&disk));
        let (host, written) = (Arc::clone(&identity.host), Arc::default());
        Self { state: state.to_path_buf(), disk, host, publishers, pushed: Vec::new(), written }
    }

    /// Takes up checkpoints that were pushed: whatever verifies must continue those that the log's key signed.
    pub fn pushed(&mut self, notes: impl IntoIterator<Item = String>) {
        self.pushed.extend(notes);
    }

    /// The publishers, for the round of each minute.
    pub fn publishers(&mut self) -> &mut Publishers<Arc<RealDisk>> {
        &mut self.publishers
    }

    /// Answers one question.
    ///
    /// # Errors
    /// When rows or files cannot be read or written.
    pub fn answer(&mut self, store: &impl Store, question: LedgerQuestion) -> Result<LedgerAnswer, LedgerBroken> {
        match self.prepare(store, question)? {
            Prepared::Answer(answer) => Ok(*answer),
            Prepared::Ask(asked) => asked.answer(store),
            Prepared::Show(shown) => shown.answer(store),
        }
    }

    /// Signs what is new where something is to be written out, which that is about. The rest may take long, and needs the desk no
    /// more.
    ///
    /// # Errors
    /// As [`LedgerDesk::answer`].
    pub fn prepare(&mut self, store: &impl Store, question: LedgerQuestion) -> Result<Prepared, LedgerBroken> {
        let (log, ask) = match question {
            LedgerQuestion::Logs => {
                let broken = |e: StoreError| LedgerBroken(e.to_string());
                let (logs, ended) = (store.logs().map_err(broken)?, ended(store).map_err(broken)?);
                let logs = logs.into_iter().chain(ended).collect();
                return Ok(Prepared::Answer(Box::new(LedgerAnswer::Logs(logs))));
            }
            LedgerQuestion::Show { log, person, since } => {
                let broken = |e: StoreError| LedgerBroken(e.to_string());
                // Those that ended with a recovery, too: what was before it can be seen.
                let all = store.logs().map_err(broken)?.into_iter().chain(ended(store).map_err(broken)?);
                let logs = all.filter(|one| log.as_ref().is_none_or(|log| log == one));
                let logs = logs.map(|log| (self.publishers.origin(&log), log)).collect();
                let (disk, host) = (Arc::clone(&self.disk), Arc::clone(&self.host));
                return Ok(Prepared::Show(Box::new(Shown { disk, host, logs, person, since })));
            }
            LedgerQuestion::Verify { log, since, demand } => (log, Ask::Verify(since, demand)),
            LedgerQuestion::Export { log } => (log, Ask::Export),
            LedgerQuestion::ProveRun { log, run } => (log, Ask::Prove(Target::Run(run))),
            LedgerQuestion::ProveIndex { log, index } => (log, Ask::Prove(Target::Index(index))),
            LedgerQuestion::ProveSince { log, since, until } => (log, Ask::Since(since, until)),
        };
        // Named by its life, and not over.
        let now = life(store).map_err(|e| LedgerBroken(e.to_string()))?;
        let log = if matches!(&log, Log::Ended(ended) if ended.life() == now) { log.written() } else { log };
        if matches!(ask, Ask::Verify(..)) {
            return self.asked(store, log, ask);
        }
        match self.publishers.round(store) {
            Ok(_) => self.asked(store, log, ask),
            // Nothing of it is given out; what is wrong with it, and where, is said as `verify` says it.
            Err(RoundError::Refused(wrong, _)) => self.asked(store, wrong, Ask::Verify(None, Demand::default())),
            Err(other) => Err(LedgerBroken(other.to_string())),
        }
    }

    /// What is still to be read of one log, with its newest checkpoint.
    fn asked(&mut self, store: &impl Store, log: Log, ask: Ask) -> Result<Prepared, LedgerBroken> {
        let broken = |e: StoreError| LedgerBroken(e.to_string());
        let answer = |answer| Ok(Prepared::Answer(Box::new(answer)));
        let fault = |fault: Fault| LedgerAnswer::Fault { index: None, until: None, code: fault.to_string() };
        let key = self.publishers.log_key(&log).map_err(|e| LedgerBroken(e.to_string()))?;
        let kept = match &log {
            Log::Ended(_) => ended_checkpoint(store, &log, &key).map_err(broken)?,
            Log::Agent | Log::Client(_) => match self.publishers.newest(&log) {
                Ok(newest) => newest,
                Err(RoundError::Refused(..)) => return answer(fault(Fault::BadCheckpoint)),
                Err(other) => return Err(LedgerBroken(other.to_string())),
            },
        };
        let pushed = self.pushed.iter().filter_map(|note| Checkpoint::verify(note, &key, &[]).ok());
        let mut known: Vec<Checkpoint> = kept.into_iter().chain(pushed).collect();
        known.sort_by_key(|checkpoint| checkpoint.head().size);
        let Some(checkpoint) = known.pop() else {
            // Whoever took the checkpoint away could have cut the log as well.
            let rows = !matches!(log, Log::Ended(_)) && store.ledger_size(&log).map_err(broken)? > 0;
            return answer(if rows { fault(Fault::NoCheckpoint) } else { LedgerAnswer::NotThere });
        };
        if let Some(origin) = ask.notes().find_map(|note| of_another(note, checkpoint.head())) {
            return answer(LedgerAnswer::OtherLog { origin, log: checkpoint.head().origin.clone() });
        }
        let older = known.into_iter().map(|checkpoint| checkpoint.head().clone()).collect();
        let (state, disk, host) = (self.state.clone(), Arc::clone(&self.disk), Arc::clone(&self.host));
        let written = Arc::clone(&self.written);
        Ok(Prepared::Ask(Box::new(Asked { state, disk, host, written, log, key, checkpoint, older, ask })))
    }
}

/// Which log a checkpoint that somebody named says to be of, where that is another one; what is none at all is judged later.
fn of_another(note: &str, head: &Head) -> Option<Origin> {
    Checkpoint::peek(note).ok().map(|named| named.origin).filter(|origin| *origin != head.origin)
}

/// A question that needs the desk no more, or its answer.
pub enum Prepared {
    /// The answer.
    Answer(Box<LedgerAnswer>),
    /// What is still to be read.
    Ask(Box<Asked>),
    /// Entries that are still to be read.
    Show(Box<Shown>),
}

/// A question for what entries say.
pub struct Shown {
    disk: Arc<RealDisk>,
    host: Arc<HostKey>,
    logs: Vec<(Origin, Log)>,
    person: Option<PersonId>,
    since: Option<Moment>,
}

impl Shown {
    /// Reads the entries, by log and in order. This may take long.
    ///
    /// # Errors
    /// When rows or keys cannot be read.
    pub fn answer(&self, store: &impl Store) -> Result<LedgerAnswer, LedgerBroken> {
        if self.logs.is_empty() {
            return Ok(LedgerAnswer::NotThere);
        }
        let mut days = DayKeys::new(Arc::clone(&self.disk), Arc::clone(&self.host));
        let since = self.since.unwrap_or_else(|| Moment::from_seconds(0));
        let wanted = |entry: &Entry| self.person.is_none() || entry.actor == self.person;
        let mut all = Vec::new();
        for (origin, log) in &self.logs {
            let found = window_of(store, log, origin, &mut days, (since, Moment::from_seconds(i64::MAX)), &wanted);
            for entry in found.map_err(|e| LedgerBroken(e.to_string()))? {
                let body = entry.to_bytes().ok().and_then(|body| serde_json::from_slice(&body).ok());
                all.extend::<Option<Value>>(body);
            }
        }
        all.drain(..all.len().saturating_sub(ENTRIES_MOST));
        Ok(LedgerAnswer::Entries(all))
    }
}

/// A question about one log and its newest checkpoint.
pub struct Asked {
    state: PathBuf,
    disk: Arc<RealDisk>,
    host: Arc<HostKey>,
    written: Arc<AtomicU64>,
    log: Log,
    key: LogKey,
    checkpoint: Checkpoint,
    /// Others of it that are known: it must have grown out of them.
    older: Vec<Head>,
    ask: Ask,
}

impl Asked {
    /// Reads what was asked. Whole logs are read: this may take long.
    ///
    /// # Errors
    /// When rows or files cannot be read or written.
    pub fn answer(&self, store: &impl Store) -> Result<LedgerAnswer, LedgerBroken> {
        match self.read(store) {
            Ok(answer) => Ok(answer),
            Err(AnswerError::Fault(ExportFault { index, until, fault })) => {
                Ok(LedgerAnswer::Fault { index, until, code: fault.to_string() })
            }
            Err(AnswerError::NotThere) => Ok(LedgerAnswer::NotThere),
            Err(AnswerError::Unreadable) => Ok(LedgerAnswer::Unreadable),
            Err(other) => Err(LedgerBroken(other.to_string())),
        }
    }

    fn read(&self, store: &impl Store) -> Result<LedgerAnswer, AnswerError> {
        let mut days = DayKeys::new(Arc::clone(&self.disk), Arc::clone(&self.host));
        let Self { log, key, checkpoint, .. } = self;
        let announced = announced(store, log).map_err(AnswerError::Store)?;
        let mut reader = Reader { store, log: log.clone(), key, days: &mut days, checkpoint, announced };
        match &self.ask {
            Ask::Verify(since, demand) => {
                let (witnessed, mut notes) = self.witnessed(since.as_deref(), demand)?;
                notes.extend(since.clone());
                for note in &notes {
                    reader.since(note, None)?;
                }
                let named = notes.iter().filter_map(|note| Checkpoint::peek(note).ok());
                let older: Vec<Head> = named.chain(self.older.iter().cloned()).collect();
                let summary = reader.verify(&older)?;
                let all = store.ledger_size(log).map_err(AnswerError::Store)?;
                // What a log that ended has beyond its checkpoint was never published.
                let over = matches!(log, Log::Ended(_));
                let unsigned = if over { 0 } else { all.saturating_sub(checkpoint.head().size) };
                let legal = store.state(&format!("{LEGAL}{log}")).map_err(AnswerError::Store)?;
                let legal = legal.and_then(|bytes| canon::from_bytes(&bytes).ok());
                Ok(LedgerAnswer::Verified(LogSummary { witnessed, unsigned, ..LogSummary::new(summary, legal) }))
            }
            Ask::Export => {
                let name = checkpoint.head().origin.export_name();
                let (at, mut file) = self.out(&name)?;
                let done = reader.export(&mut file).and_then(|_| file.flush().map_err(AnswerError::Output));
                if done.is_err() {
                    // It is not sealed, and nobody takes it.
                    drop(std::fs::remove_file(&at));
                }
                done.map(|()| LedgerAnswer::Written(vec![OutFile { at, name }]))
            }
            Ask::Prove(target) => {
                let proofs = reader.prove(*target)?;
                let files = proofs.iter().map(|p| self.text(&format!("{}.tlog-proof", p.index), &p.to_text()));
                files.collect::<Result<_, _>>().map(LedgerAnswer::Written)
            }
            Ask::Since(note, until) => {
                let proof = reader.since(note, until.as_deref())?;
                let size = Checkpoint::peek(&proof.checkpoint).map_or(0, |head| head.size);
                let name = format!("{}-{size}.add-checkpoint", proof.old);
                self.text(&name, &proof.to_text()).map(|file| LedgerAnswer::Written(vec![file]))
            }
        }
    }

    /// What the demanded witnesses signed last: of what they were asked here, and of the note that somebody kept.
    fn witnessed(&self, since: Option<&str>, demand: &Demand) -> Result<(Vec<Witnessed>, Vec<String>), AnswerError> {
        let fault = |fault| AnswerError::Fault(ExportFault::at(None, fault));
        let (mut found, mut notes) = (Vec::new(), Vec::new());
        for vkey in &demand.witnesses {
            let witness = LogKey::from_vkey(vkey).ok().filter(LogKey::is_of_witness);
            let witness = witness.ok_or_else(|| fault(Fault::NotWitnessed))?;
            let brought = since.map(|note| Checkpoint::verify(note, &self.key, std::slice::from_ref(&witness)));
            let brought = brought.transpose().or(Err(fault(Fault::BadCheckpoint)))?;
            let kept = kept(&self.disk, &self.log, &self.key, &witness);
            let signed = brought.into_iter().chain(kept).filter(|note| !note.witnessed().is_empty());
            let Some(newest) = signed.max_by_key(|note| note.head().size) else { continue };
            for (name, time) in newest.witnessed() {
                let time = Moment::from_seconds(i64::try_from(*time).unwrap_or(i64::MAX));
                found.push(Witnessed { witness: name.clone(), size: newest.head().size, time });
            }
            notes.push(newest.note().to_owned());
        }
        // One witness that is named twice is one.
        let names: BTreeSet<&String> = found.iter().map(|one| &one.witness).collect();
        if names.len() < demand.threshold { Err(fault(Fault::NotWitnessed)) } else { Ok((found, notes)) }
    }

    fn text(&self, name: &str, text: &str) -> Result<OutFile, AnswerError> {
        let (at, mut file) = self.out(name)?;
        file.write_all(text.as_bytes()).and_then(|()| file.flush()).map_err(AnswerError::Output)?;
        Ok(OutFile { at, name: name.to_owned() })
    }

    /// A new file for output, beside those of other questions. It is taken away by the command that asked, at once, and swept
    /// at the next start: it need not survive.
    fn out(&self, name: &str) -> Result<(PathBuf, BufWriter<std::fs::File>), AnswerError> {
        let folder = self.state.join(OUT);
        std::fs::create_dir_all(&folder).map_err(AnswerError::Output)?;
        let at = folder.join(format!("{}-{name}", self.written.fetch_add(1, Ordering::Relaxed)));
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&at);
        file.map(|file| (at, BufWriter::new(file))).map_err(AnswerError::Output)
    }
}

enum Ask {
    Verify(Option<String>, Demand),
    Export,
    Prove(Target),
    Since(String, Option<String>),
}

impl Ask {
    /// The checkpoints that it names.
    fn notes(&self) -> impl Iterator<Item = &str> {
        let (one, other) = match self {
            Self::Verify(since, _) => (since.as_deref(), None),
            Self::Since(since, until) => (Some(since.as_str()), until.as_deref()),
            Self::Export | Self::Prove(_) => (None, None),
        };
        one.into_iter().chain(other)
    }
}
