//! Tells the story: one line per step, with the promises that it shows; remembers what did not hold.

use std::collections::BTreeSet;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use serde_json::{Value, json};

use crate::command::{Context, Format, Outcome};
use crate::error::Error;

const HELD: &str = "✓";
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
    format: Format,
    /// The steps as JSON, each with the chapter that it is of.
    told: Vec<Value>,
    chapter: String,
}

impl<'a, 'b> Story<'a, 'b> {
    pub(super) fn new(context: &'a mut Context<'b>, format: Format) -> Self {
        let colour = context.look().colour;
        let (shown, told, chapter) = (BTreeSet::new(), Vec::new(), String::new());
        Self { context, colour, steps: 0, broken: 0, shown, format, told, chapter }
    }

    /// Begins a chapter.
    pub(super) fn chapter(&mut self, title: &str) -> Result<(), Error> {
        title.clone_into(&mut self.chapter);
        self.line(&format!("\n{TITLE}{title}{TITLE:#}"))
    }

    /// Tells one step that holds, and which promises it shows.
    pub(super) fn holds(&mut self, sentence: &str, promises: &[&'static str], took: Duration) -> Result<(), Error> {
        self.shown.extend(promises);
        self.step(HELD, GOOD, sentence, promises, took)
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
        let here =
            self.told.last_mut().filter(|step| step.get("chapter").and_then(Value::as_str) == Some(&self.chapter));
        if let Some(details) = here.and_then(|step| step.get_mut("details")).and_then(Value::as_array_mut) {
            details.push(text.into());
        }
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

    /// Ends the story; as JSON, tells it.
    pub(super) fn finish(&mut self) -> Result<(), Error> {
        if self.format == Format::Human {
            return Ok(());
        }
        self.context.print_json(&json!({ "held": self.whole(), "steps": self.told, "promises": self.shown }))
    }

    /// Writes a line as it is.
    pub(super) fn line(&mut self, text: &str) -> Result<(), Error> {
        if self.format == Format::Json {
            return Ok(());
        }
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
        self.told.push(json!({
            "step": self.steps,
            "chapter": self.chapter,
            "held": mark == HELD,
            "sentence": sentence,
            "promises": promises,
            "milliseconds": u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            "details": [],
        }));
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
        let mut story = Story::new(&mut context, Format::Human);
        story.holds("It goes well", &["P01"], Duration::ZERO).unwrap();
        assert!(story.whole() && story.shown().contains("P01"));
        story.breaks(&"word ".repeat(40), &["P02"], Duration::ZERO).unwrap();
        assert!(!story.whole() && !story.shown().contains("P02"));
        assert!(String::from_utf8(out).unwrap().lines().all(|l| l.chars().count() < WIDTH + 20));
    }

    #[test]
    fn a_story_as_json_is_one_value() {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let outside = crate::command::Outside {
            now: assent_schema::time::Moment::from_seconds(0),
            variables: std::collections::BTreeMap::new(),
            stdout_is_terminal: true,
            stderr_is_terminal: false,
        };
        let mut context = Context::new(outside, &mut out, &mut err);
        let mut story = Story::new(&mut context, Format::Json);
        story.chapter("One").unwrap();
        story.holds("It goes well", &["P01"], Duration::from_millis(5)).unwrap();
        story.detail("and this is why").unwrap();
        story.chapter("Two").unwrap();
        story.detail("of no step").unwrap();
        story.breaks("It does not", &[], Duration::ZERO).unwrap();
        story.finish().unwrap();
        let told: Value = serde_json::from_slice(&out).unwrap();
        let page = include_str!("../../../../docs/json.md");
        let shown = serde_json::to_string_pretty(&told).unwrap();
        assert!(page.contains(&format!("```json\n{shown}\n```")), "docs/json.md shows another story: {shown}");
        assert_eq!(told["held"], false);
        assert_eq!(told["promises"], json!(["P01"]));
        assert_eq!(
            told["steps"],
            json!([
                { "step": 1, "chapter": "One", "held": true, "sentence": "It goes well", "promises": ["P01"],
                  "milliseconds": 5, "details": ["and this is why"] },
                { "step": 2, "chapter": "Two", "held": false, "sentence": "It does not", "promises": [],
                  "milliseconds": 0, "details": [] },
            ])
        );
    }
}
