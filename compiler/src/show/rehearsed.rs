//! How scenarios went: for people with the source line of each step that failed, and as JSON.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use assent_schema::counted::counted;
use assent_schema::coverage::Gap;
use assent_schema::id::{ClientId, Name, WorkflowId};
use serde_json::{Value, json};

use super::Look;
use super::requests::{self, Request};

/// How the scenarios of one workflow went.
#[derive(Clone, Debug)]
pub struct Story {
    /// Whose workflow it is.
    pub client: ClientId,
    /// Which workflow.
    pub workflow: WorkflowId,
    /// The file in which its steps stand.
    pub file: String,
    /// The line of each step in it, from 1, and what stands there.
    pub excerpts: BTreeMap<Name, (u32, String)>,
    /// Its scenarios, in the order of their file.
    pub scenarios: Vec<Told>,
    /// What no scenario reaches, where that was asked for.
    pub untested: Vec<Untested>,
    /// Why nothing could be run.
    pub trouble: Option<String>,
}

/// Something that no scenario reaches.
#[derive(Clone, Debug)]
pub struct Untested {
    /// Which step.
    pub step: Name,
    /// What is not shown of it.
    pub gap: Gap,
    /// The same, as a sentence.
    pub what: String,
    /// What to add.
    pub help: String,
    /// The line of the step, from 1.
    pub line: Option<u32>,
}

/// How one scenario went.
#[derive(Clone, Debug)]
pub struct Told {
    /// Its name.
    pub scenario: String,
    /// File and line of its name.
    pub place: String,
    /// What should have happened and did not; empty when it passed.
    pub failures: Vec<String>,
    /// Steps that ran.
    pub ran: BTreeSet<Name>,
    /// Failures that steps met, by code.
    pub codes: BTreeSet<(Name, String)>,
    /// What was sent, where that was asked for.
    pub requests: Option<Vec<Request>>,
}

impl Story {
    /// Whether every scenario passed, and there was one.
    pub fn passed(&self) -> bool {
        self.trouble.is_none() && self.scenarios.iter().all(|scenario| scenario.failures.is_empty())
    }
}

/// The stories as text for people.
pub fn human(stories: &[Story], look: Look) -> String {
    let mut out = String::new();
    let (mut passed, mut all) = (0, 0);
    for story in stories {
        let good = story.scenarios.iter().filter(|scenario| scenario.failures.is_empty()).count();
        passed += good;
        all += story.scenarios.len();
        let name = format!("{}/{}", story.client, story.workflow);
        if let Some(trouble) = &story.trouble {
            writeln!(out, "{} {name}: {trouble}", mark(false, look)).unwrap_or_default();
        } else {
            let count = story.scenarios.len();
            let of = counted(count, "scenario");
            writeln!(out, "{} {name}: {good} of {of}", mark(story.passed(), look)).unwrap_or_default();
        }
        for scenario in &story.scenarios {
            told(story, scenario, &mut out);
        }
        for gap in &story.untested {
            let line = gap.line.map(|line| format!(":{line}")).unwrap_or_default();
            writeln!(out, "\n    {}{line}  {}\n      {}", story.file, gap.what, gap.help).unwrap_or_default();
        }
    }
    let untested = stories.iter().map(|story| story.untested.len()).sum::<usize>();
    let gaps = match untested {
        0 => String::new(),
        1 => " One thing is reached by none.".to_owned(),
        many => format!(" {many} things are reached by none."),
    };
    writeln!(out, "{passed} of {} passed.{gaps}", counted(all, "scenario")).unwrap_or_default();
    out
}

/// A scenario with what was wrong with it and what it sent, if there is anything of that to say.
fn told(story: &Story, scenario: &Told, out: &mut String) {
    if scenario.failures.is_empty() && scenario.requests.is_none() {
        return;
    }
    writeln!(out, "\n    {} ({})", scenario.scenario, scenario.place).unwrap_or_default();
    if !scenario.failures.is_empty() {
        failed(story, scenario, out);
    }
    requests::human(scenario.requests.as_deref().unwrap_or_default(), out);
}

fn failed(story: &Story, scenario: &Told, out: &mut String) {
    for failure in &scenario.failures {
        writeln!(out, "      {failure}").unwrap_or_default();
    }
    for (step, code) in &scenario.codes {
        if let Some((line, text)) = story.excerpts.get(step) {
            writeln!(out, "      `{step}` met `{code}`").unwrap_or_default();
            writeln!(out, "        {}:{line}  {text}", story.file).unwrap_or_default();
        }
    }
    // The step that was reached last is where the story left its way, when no step failed.
    let last =
        story.excerpts.iter().filter(|(step, _)| scenario.ran.contains(*step)).max_by_key(|(_, (line, _))| *line);
    let told = |step: &Name| scenario.codes.iter().any(|(met, _)| met == step);
    if let Some((step, (line, text))) = last.filter(|(step, _)| !told(step)) {
        writeln!(out, "      the last step that ran is `{step}`").unwrap_or_default();
        writeln!(out, "        {}:{line}  {text}", story.file).unwrap_or_default();
    }
}

fn mark(good: bool, look: Look) -> String {
    let (text, style) = if good {
        ("ok  ", anstyle::AnsiColor::Green.on_default())
    } else {
        ("FAIL", anstyle::AnsiColor::Red.on_default().bold())
    };
    if look.colour { format!("{style}{text}{style:#}") } else { text.to_owned() }
}

/// The stories as JSON.
pub fn json(stories: &[Story]) -> Value {
    let all = stories.iter().map(|story| {
        let scenarios = story.scenarios.iter().map(|scenario| {
            let codes = scenario.codes.iter().map(|(step, code)| json!({ "step": step, "code": code }));
            let mut told = json!({
                "scenario": scenario.scenario,
                "place": scenario.place,
                "passed": scenario.failures.is_empty(),
                "failures": scenario.failures,
                "ran": scenario.ran,
                "codes": codes.collect::<Vec<_>>(),
            });
            if let (Some(sent), Some(told)) = (&scenario.requests, told.as_object_mut()) {
                told.insert("requests".to_owned(), requests::json(sent));
            }
            told
        });
        let untested = story.untested.iter().map(|gap| {
            json!({ "step": gap.step, "gap": gap.gap.as_str(), "line": gap.line, "what": gap.what, "help": gap.help })
        });
        json!({
            "client": story.client,
            "workflow": story.workflow,
            "passed": story.passed(),
            "trouble": story.trouble,
            "untested": untested.collect::<Vec<_>>(),
            "scenarios": scenarios.collect::<Vec<_>>(),
        })
    });
    json!({ "workflows": all.collect::<Vec<_>>() })
}
