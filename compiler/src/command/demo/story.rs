//! Tells the story: one line per step, with the promises that it shows; remembers what did not hold.

use std::collections::BTreeSet;
use std::time::Duration;

use anstyle::{AnsiColor, Style};

use crate::command::{Context, Outcome};
use crate::error::Error;

const GOOD: Style = AnsiColor::Green.on_default().bold();
const BAD: Style = AnsiColor::Red.on_default().bold();
const FAINT: Style = Style::new().dimmed();
const TITLE: Style = Style::new().bold();
/// Sentences are broken before this column.
const WIDTH: usize = 96;

/// The teller.
pub(super) struct Story<'a, 'b> {
    context: &'a mut Context<'b>,
    colour: bool,
    steps: u32,
    broken: u32,
    shown: BTreeSet<&'static str>,
}

impl<'a, 'b> Story<'a, 'b> {
    pub(super) fn new(context: &'a mut Context<'b>) -> Self {
        let colour = context.look().colour;
        Self { context, colour, steps: 0, broken: 0, shown: BTreeSet::new() }
    }

    /// Begins a chapter.
    pub(super) fn chapter(&mut self, title: &str) -> Result<(), Error> {
        self.line(&format!("\n{TITLE}{title}{TITLE:#}"))
    }

    /// Tells one step that holds, and which promises it shows.
    pub(super) fn holds(&mut self, sentence: &str, promises: &[&'static str], took: Duration) -> Result<(), Error> {
        self.shown.extend(promises);
        self.step("✓", GOOD, sentence, promises, took)
    }

    /// Tells one step that does not hold; the demo's exit status is then 1.
    pub(super) fn breaks(&mut self, sentence: &str, promises: &[&'static str], took: Duration) -> Result<(), Error> {
        self.broken += 1;
        self.step("✗", BAD, sentence, promises, took)
    }

    /// Tells a step as what it turned out to be.
    pub(super) fn tell(
        &mut self,
        held: bool,
        sentence: &str,
        promises: &[&'static str],
        took: Duration,
    ) -> Result<(), Error> {
        if held { self.holds(sentence, promises, took) } else { self.breaks(sentence, promises, took) }
    }

    /// Tells a step that a command had to end without findings; what it printed otherwise.
    pub(super) fn tell_fine(
        &mut self,
        ended: &[(Outcome, String)],
        sentence: &str,
        promises: &[&'static str],
        took: Duration,
    ) -> Result<(), Error> {
        let bad = ended.iter().find(|(outcome, _)| *outcome != Outcome::Fine);
        self.tell(bad.is_none(), sentence, promises, took)?;
        bad.map_or(Ok(()), |(_, printed)| self.detail(printed))
    }

    /// Adds what belongs to the step before.
    pub(super) fn detail(&mut self, text: &str) -> Result<(), Error> {
        text.lines().try_for_each(|line| self.line(&format!("       {FAINT}{line}{FAINT:#}")))
    }

    /// The promises that held steps showed.
    pub(super) fn shown(&self) -> &BTreeSet<&'static str> {
        &self.shown
    }

    /// Whether every step held.
    pub(super) fn whole(&self) -> bool {
        self.broken == 0
    }

    /// Writes a line as it is.
    pub(super) fn line(&mut self, text: &str) -> Result<(), Error> {
        let text = if self.colour { text.to_owned() } else { anstream::adapter::strip_str(text).to_string() };
        self.context.print(&format!("{text}\n"))
    }

    fn step(
        &mut self,
        mark: &str,
        style: Style,
        sentence: &str,
        promises: &[&'static str],
        took: Duration,
    ) -> Result<(), Error> {
        self.steps += 1;
        let mut lines = wrap(sentence, WIDTH - 7).into_iter();
        let first = lines.next().unwrap_or_default();
        self.line(&format!("{style}{mark}{style:#} {:>3}  {first}", self.steps))?;
        for line in lines {
            self.line(&format!("       {line}"))?;
        }
        let seconds = took.as_secs_f64();
        let promises = if promises.is_empty() { String::new() } else { format!("{}   ", promises.join(" ")) };
        self.line(&format!("       {FAINT}{promises}{seconds:.2} s{FAINT:#}"))
    }
}

/// Breaks a sentence into lines of at most so many characters, between words.
fn wrap(sentence: &str, most: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in sentence.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= most => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_that_breaks_is_remembered() {
        let mut out = Vec::new();
        let mut err = Vec::new();
        let outside = crate::command::Outside {
            now: assent_schema::time::Moment::from_seconds(0),
            variables: std::collections::BTreeMap::new(),
            stdout_is_terminal: false,
            stderr_is_terminal: false,
        };
        let mut context = Context::new(outside, &mut out, &mut err);
        let mut story = Story::new(&mut context);
        story.holds("It goes well", &["P01"], Duration::ZERO).unwrap();
        assert!(story.whole() && story.shown().contains("P01"));
        story.breaks(&"word ".repeat(40), &["P02"], Duration::ZERO).unwrap();
        assert!(!story.whole() && !story.shown().contains("P02"));
        assert!(String::from_utf8(out).unwrap().lines().all(|l| l.chars().count() < WIDTH + 20));
    }
}
