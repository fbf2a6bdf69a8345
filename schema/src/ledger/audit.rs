//! Whether the entries of one log, taken in order, can be true together: places, times, runs, ticks, gaps.
//!
//! Fed entry by entry, also with those whose body is gone; keeps only what the next one is compared with. The agent's
//! own check and the check of an export are this one.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::entry::Entry;
use super::kind::{Kind, Tick, Token};
use super::origin::Origin;
use super::ranges::{covers, first_difference, push_index, without};
use super::tree::Head;
use crate::id::PersonId;
use crate::time::{Moment, Period};

/// The longest time between two ticks of an agent that is up.
pub const TICK_MOST: Period = Period::seconds(3_660);
/// How long entries may go on after a tick was due: a host that slept says so by `clock`, and something may come before that.
const UNTOLD_MOST: Period = Period::seconds(60);

macro_rules! faults {
    ($($(#[$doc:meta])* $variant:ident $name:literal;)*) => {
        /// What does not verify.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Fault { $($(#[$doc])* $variant,)* }

        impl Fault {
            /// Every fault.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Its stable kebab-case code.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

faults! {
    /// A line is no canonical JSON of the four members, or holds other base64 than the padded one.
    BadLine "bad-line";
    /// The index in a line or body is not its place.
    BadIndex "bad-index";
    /// Salt and body do not give the commitment.
    BadCommitment "bad-commitment";
    /// The body has another form.
    BadBody "bad-body";
    /// The body names another log.
    WrongLog "wrong-log";
    /// The time is before that of the entry before.
    TimeBackwards "time-backwards";
    /// The first entry is not `opened`.
    NotBegun "not-begun";
    /// `opened` stands elsewhere than at the beginning.
    OpenedAgain "opened-again";
    /// A run goes on between `stopped` and the next `started`.
    NotStarted "not-started";
    /// A run's number does not follow the one before.
    RunGap "run-gap";
    /// An entry names a run that was not accepted.
    RunUnknown "run-unknown";
    /// A run ends twice.
    RunEndedTwice "run-ended-twice";
    /// `accepted` or `ended` without a run.
    RunMissing "run-missing";
    /// A tick's counts are not those of the entries.
    TickCounts "tick-counts";
    /// An agent that is up ticks, or goes on, more than 3,660 s after its last tick.
    TickLate "tick-late";
    /// A tick names a log that it cannot name, or one that shrank.
    TickHeads "tick-heads";
    /// `ranges` are not sorted pairs below the entry's own index, or lack an index that they once listed.
    BadRanges "bad-ranges";
    /// A body is absent, and no entry says that it is gone; or it is there although an entry says so.
    BodyGone "body-gone";
    /// Fewer of the witnesses that were asked for than demanded cosigned what the log grew out of.
    NotWitnessed "not-witnessed";
    /// The file ends without an empty line and a checkpoint.
    NoCheckpoint "no-checkpoint";
    /// The checkpoint is no signed note of this log, or its signature does not verify.
    BadCheckpoint "bad-checkpoint";
    /// The checkpoint is over another number of entries.
    WrongSize "wrong-size";
    /// The checkpoint's root is not the root over the entries.
    WrongRoot "wrong-root";
    /// The entries do not begin with those of the older checkpoint.
    NotConsistent "not-consistent";
    /// A stored entry cannot be opened with its day key.
    NotOpened "not-opened";
    /// A proof does not prove what it says.
    BadProof "bad-proof";
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// An entry that says which bodies are gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Told {
    /// Its place.
    pub entry: u64,
    /// `pruned` or `erased`.
    pub kind: String,
    /// When.
    pub time: Moment,
    /// The reason, or the id of the request.
    pub why: Token,
    /// Who asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<PersonId>,
    /// What no entry before says that is there, as pairs with both ends.
    pub ranges: Vec<(u64, u64)>,
}

/// What the entries so far allow the next one to say.
#[derive(Clone, Debug)]
pub struct Audit {
    log: Origin,
    next: u64,
    time: Option<Moment>,
    /// The time of the first entry that is there.
    first: Option<Moment>,
    accepted: Count,
    finished: Count,
    /// Runs that were accepted, or may have been, and have not ended.
    ended: Ended,
    /// The last `started` or tick of an agent that is up; `None` when unknown or down.
    beat: Option<Moment>,
    /// The first entry that came when a tick was overdue; no tick, `clock` or `started` came since.
    overdue: Option<Moment>,
    /// Whether the agent said its last words and nothing since.
    down: bool,
    gone: Vec<(u64, u64)>,
    listed: Option<Vec<(u64, u64)>>,
    told: Vec<Told>,
    heads: BTreeMap<Origin, Head>,
}

/// A count of which missing bodies leave the upper end open.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    least: u64,
    most: u64,
}

impl Count {
    fn add_one(&mut self) {
        self.least += 1;
        self.most += 1;
    }

    fn takes(&mut self, exact: u64) -> bool {
        let fits = (self.least..=self.most).contains(&exact);
        (self.least, self.most) = (exact, exact);
        fits
    }
}

/// Which runs have ended: all below a mark, and some above it, so that a long log costs little.
#[derive(Clone, Debug, Default)]
struct Ended {
    all_up_to: u64,
    above: BTreeSet<u64>,
}

impl Ended {
    /// False when the run had ended before.
    fn add(&mut self, run: u64) -> bool {
        if run <= self.all_up_to || !self.above.insert(run) {
            return false;
        }
        while self.above.remove(&(self.all_up_to + 1)) {
            self.all_up_to += 1;
        }
        true
    }
}

impl Audit {
    /// Nothing seen yet of this log.
    pub fn new(log: Origin) -> Self {
        Self {
            log,
            next: 0,
            time: None,
            first: None,
            accepted: Count::default(),
            finished: Count::default(),
            ended: Ended::default(),
            beat: None,
            overdue: None,
            down: false,
            gone: Vec::new(),
            listed: None,
            told: Vec::new(),
            heads: BTreeMap::new(),
        }
    }

    /// Takes the next entry.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn entry(&mut self, entry: &Entry) -> Result<(), Fault> {
        if entry.log != self.log {
            return Err(Fault::WrongLog);
        }
        if entry.index != self.next {
            return Err(Fault::BadIndex);
        }
        if self.time.is_some_and(|before| entry.time < before) {
            return Err(Fault::TimeBackwards);
        }
        self.time = Some(entry.time);
        self.first = self.first.or(self.time);
        self.next += 1;
        self.run(entry)?;
        self.kind(entry)?;
        self.goes_on(entry)
    }

    /// Takes the next entry, whose body is gone. It may have been anything.
    pub fn gone(&mut self) {
        push_index(&mut self.gone, self.next);
        self.next += 1;
        self.accepted.most += 1;
        self.finished.most += 1;
        self.be_unsure();
    }

    /// Forgets whether the agent is up: what is not known cannot be held against the next entry.
    fn be_unsure(&mut self) {
        (self.beat, self.overdue, self.down) = (None, None, false);
    }

    /// Looks at what can only be known at the end.
    ///
    /// # Errors
    /// [`Fault::BodyGone`] with the first index that is absent and not listed, or listed and not absent.
    pub fn end(&self) -> Result<(), (Option<u64>, Fault)> {
        let listed = self.listed.as_deref().unwrap_or(&[]);
        if listed == self.gone.as_slice() {
            return Ok(());
        }
        Err((first_difference(listed, &self.gone), Fault::BodyGone))
    }

    /// How many entries were taken.
    pub fn size(&self) -> u64 {
        self.next
    }

    /// How many of them have no body.
    pub fn bodies_gone(&self) -> u64 {
        self.gone.iter().map(|(first, last)| last - first + 1).sum()
    }

    /// The entries that say what is gone, each with what it was the first to say of those that are there.
    pub fn told(&self) -> &[Told] {
        &self.told
    }

    /// Runs accepted, at least.
    pub fn accepted(&self) -> u64 {
        self.accepted.least
    }

    /// Runs ended, at least.
    pub fn finished(&self) -> u64 {
        self.finished.least
    }

    /// The time of the first and the last entry whose body is there.
    pub fn times(&self) -> Option<(Moment, Moment)> {
        self.first.zip(self.time)
    }

    fn run(&mut self, entry: &Entry) -> Result<(), Fault> {
        match (&entry.kind, entry.run) {
            (Kind::Accepted(_), Some(run)) => {
                let fits = run > self.accepted.least && run <= self.accepted.most + 1;
                self.accepted = Count { least: run, most: run };
                if fits { Ok(()) } else { Err(Fault::RunGap) }
            }
            (Kind::Accepted(_) | Kind::Ended(_), None) => Err(Fault::RunMissing),
            (_, Some(run)) if run > self.accepted.most => Err(Fault::RunUnknown),
            (Kind::Ended(_), Some(run)) => {
                self.finished.add_one();
                if self.ended.add(run) { Ok(()) } else { Err(Fault::RunEndedTwice) }
            }
            // A run that is named here was accepted, even if the body of that entry is gone.
            (_, Some(run)) => {
                self.accepted.least = self.accepted.least.max(run);
                Ok(())
            }
            (_, None) => Ok(()),
        }
    }

    fn kind(&mut self, entry: &Entry) -> Result<(), Fault> {
        match &entry.kind {
            Kind::Opened(_) if entry.index != 0 => Err(Fault::OpenedAgain),
            Kind::Opened(_) => Ok(()),
            _ if entry.index == 0 => Err(Fault::NotBegun),
            Kind::Started(_) | Kind::Clock(_) => {
                self.beats(entry.time);
                Ok(())
            }
            Kind::Stopped(_) => {
                let before = self.beat;
                self.be_unsure();
                self.down = true;
                in_time(before, entry.time)
            }
            Kind::Tick(tick) => self.tick(entry.time, tick),
            Kind::Pruned(data) => self.ranges(entry, &data.ranges, &data.reason),
            Kind::Erased(data) => self.ranges(entry, &data.ranges, &data.request),
            _ => Ok(()),
        }
    }

    fn tick(&mut self, time: Moment, tick: &Tick) -> Result<(), Fault> {
        if !self.accepted.takes(tick.accepted) || !self.finished.takes(tick.finished) || tick.finished > tick.accepted {
            return Err(Fault::TickCounts);
        }
        tick.heads.iter().try_for_each(|head| self.head(head))?;
        let before = self.beat;
        self.beats(time);
        in_time(before, time)
    }

    /// The agent is up, and says so.
    fn beats(&mut self, time: Moment) {
        (self.beat, self.overdue, self.down) = (Some(time), None, false);
    }

    /// Whether an entry may stand where the agent is down, or a tick is overdue.
    fn goes_on(&mut self, entry: &Entry) -> Result<(), Fault> {
        if self.down && entry.run.is_some() {
            return Err(Fault::NotStarted);
        }
        if in_time(self.beat, entry.time).is_ok() {
            return Ok(());
        }
        let first = *self.overdue.get_or_insert(entry.time);
        if entry.time.since(first) > UNTOLD_MOST { Err(Fault::TickLate) } else { Ok(()) }
    }

    /// A client's log names the agent's own log only, which names those of clients; and no log shrinks.
    fn head(&mut self, head: &Head) -> Result<(), Fault> {
        let same_agent = head.origin.own() == self.log.own();
        let other_side = head.origin.client.is_some() != self.log.client.is_some();
        let grew = self
            .heads
            .insert(head.origin.clone(), head.clone())
            .is_none_or(|before| head.size > before.size || (head.size == before.size && head.root == before.root));
        if same_agent && other_side && grew { Ok(()) } else { Err(Fault::TickHeads) }
    }

    fn ranges(&mut self, entry: &Entry, ranges: &[(u64, u64)], why: &Token) -> Result<(), Fault> {
        let own = entry.index;
        let sorted = ranges.iter().all(|(first, last)| first <= last && *last < own)
            && ranges
                .windows(2)
                .all(|pair| matches!(pair, [(_, last), (first, _)] if *last < u64::MAX && last + 1 < *first));
        let kept = self.listed.as_deref().unwrap_or(&[]).iter().all(|old| covers(ranges, *old));
        if !sorted || !kept {
            return Err(Fault::BadRanges);
        }
        let new = without(ranges, self.listed.as_deref().unwrap_or(&[]));
        let (kind, actor) = (entry.kind.name().to_owned(), entry.actor.clone());
        self.told.push(Told { entry: own, kind, time: entry.time, why: why.clone(), actor, ranges: new });
        self.listed = Some(ranges.to_vec());
        Ok(())
    }
}

fn in_time(before: Option<Moment>, now: Moment) -> Result<(), Fault> {
    if before.is_some_and(|before| now.since(before) > TICK_MOST) { Err(Fault::TickLate) } else { Ok(()) }
}
