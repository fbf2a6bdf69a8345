//! Where each part of a plan stands in the source, so that what is found on the plan can be shown in the file.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use assent_schema::finding::Span;
use assent_schema::id::Name;
use assent_schema::spec::within;

use super::settings::{Move, before};

/// A part of a plan that has a place of its own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Site {
    /// What it is for.
    Purpose,
    /// What starts a run.
    Trigger,
    /// A parameter of the list that the trigger reads.
    Poll(Name),
    /// What bounds it.
    Limits,
    /// `limits.one_at_a_time`.
    OneAtATime,
    /// A step, by its id.
    Step(Name),
    /// What a step calls or asks.
    Operation(Name),
    /// A step's `retry`.
    Retry(Name),
    /// A step's `cache`.
    Cache(Name),
    /// A step's `when`.
    When(Name),
    /// One argument of a step's `with` or `set`.
    Argument(Name, Name),
    /// A step's `sources`.
    Sources(Name),
    /// One field that an AI answers.
    Answer(Name, Name),
    /// One channel of a step's `via`, by position.
    Via(Name, usize),
    /// The list that an `each` walks.
    Over(Name),
    /// What an `each` calls its item.
    Item(Name),
    /// `key` of an `each`.
    Key(Name),
    /// `until` of a `wait`, or what its event must match.
    Until(Name),
    /// A `[[cancel]]`, by position.
    Cancel(usize),
    /// One path of a step's `show`, by position.
    Show(Name, usize),
    /// One path of a step's `edit`, by position.
    Edit(Name, usize),
    /// A KPI, by position.
    Kpi(usize),
    /// A KPI's `when`.
    KpiWhen(usize),
    /// A KPI's `sum`.
    KpiSum(usize),
    /// One label of a KPI, by positions.
    KpiBy(usize, usize),
    /// A KPI's `per`.
    KpiPer(usize),
    /// `fallback.open`.
    Open,
}

/// The places of one workflow's parts.
#[derive(Clone, Debug)]
pub struct Sites {
    /// The file that holds the workflow: the client's own or the library's.
    pub(super) file: Arc<str>,
    /// Its text.
    pub(super) text: Arc<str>,
    /// The workflow's name in it, where nothing closer is known.
    pub(super) name: Range<usize>,
    pub(super) places: BTreeMap<Site, Range<usize>>,
    /// What settings moved, by the first byte of the text in which they stand.
    pub(super) moves: BTreeMap<usize, Vec<Move>>,
}

impl Sites {
    /// The file that holds the workflow: the client's own or the library's.
    pub fn file(&self) -> &Arc<str> {
        &self.file
    }

    /// What stands at a place of the file.
    pub fn text(&self, place: &Span) -> &str {
        self.text.get(place.start..place.end).unwrap_or_default()
    }

    /// Whether the source itself says a part, and not what it belongs to.
    pub fn says(&self, site: &Site) -> bool {
        self.places.contains_key(site)
    }

    /// The place of a part of the plan.
    pub fn span(&self, site: &Site) -> Span {
        Span::new(&self.file, self.range(site))
    }

    /// The place of a stretch of an expression as people wrote it, before settings were put in.
    pub fn within(&self, site: &Site, part: &Range<usize>) -> Span {
        let whole = self.range(site);
        let moves = self.moves.get(&whole.start).map(Vec::as_slice).unwrap_or_default();
        Span::new(&self.file, within(&self.text, &whole, &before(moves, part)))
    }

    /// As [`Self::within`], but never empty: where something is missing, the last word before it.
    pub fn visible(&self, site: &Site, part: &Range<usize>) -> Span {
        let found = self.within(site, part);
        if found.start < found.end {
            return found;
        }
        let whole = self.range(site);
        let before = self.text.get(whole.start..found.start).unwrap_or_default().trim_end();
        let word = before.rfind(char::is_whitespace).map_or(0, |space| space.saturating_add(1));
        let end = whole.start.saturating_add(before.len());
        let place = whole.start.saturating_add(word)..end;
        // A quote is all that stands before an expression that is empty.
        let shows = self.text.get(place.clone()).is_some_and(|word| word.contains(|c: char| !matches!(c, '"' | '\'')));
        Span::new(&self.file, if shows { place } else { whole })
    }

    /// The line of each step, from 1.
    pub fn lines(&self) -> BTreeMap<Name, u32> {
        let steps = self.places.iter().filter_map(|(site, place)| match site {
            Site::Step(id) => Some((id, place.start)),
            _ => None,
        });
        let mut starts: Vec<_> = steps.collect();
        starts.sort_by_key(|(_, start)| *start);
        let (mut line, mut done) = (1_u32, 0);
        let mut lines = BTreeMap::new();
        for (id, start) in starts {
            let between = self.text.get(done..start).unwrap_or_default().matches('\n').count();
            line = line.saturating_add(u32::try_from(between).unwrap_or(u32::MAX));
            done = start;
            lines.insert(id.clone(), line);
        }
        lines
    }

    /// The line of each step, from 1, and what stands there.
    pub fn excerpts(&self) -> BTreeMap<Name, (u32, String)> {
        let lines = self.lines();
        let text = |line: u32| {
            let position = usize::try_from(line).unwrap_or(usize::MAX).saturating_sub(1);
            self.text.lines().nth(position).unwrap_or_default().trim().to_owned()
        };
        lines.into_iter().map(|(step, line)| (step, (line, text(line)))).collect()
    }

    /// The part itself, or what it belongs to where the source does not say it.
    fn range(&self, site: &Site) -> Range<usize> {
        let step = match site {
            Site::When(id) | Site::Operation(id) | Site::Retry(id) | Site::Cache(id) => Some(Site::Step(id.clone())),
            Site::Argument(id, _) | Site::Answer(id, _) => Some(Site::Operation(id.clone())),
            _ => None,
        };
        let place = self.places.get(site).or_else(|| self.places.get(&step?));
        place.unwrap_or(&self.name).clone()
    }
}
