//! `assent test`: every scenario on the real engine, in simulated time. Nothing is opened and nothing is real.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use assent_agent::control::{RunRow, RunStory};
use assent_agent::rehearse::{Rehearsed, rehearse, rehearse_and_listen};
use assent_agent::sim::Sent;
use assent_schema::counted::counted;
use assent_schema::coverage::{Gap, Reached, gaps};
use assent_schema::finding::line_column;
use assent_schema::id::{ClientId, Name, WorkflowId};
use assent_schema::named::Kind;
use assent_schema::plan::Plan;
use assent_schema::time::Moment;

use super::repository::{commit, worktree};
use super::{Context, Format, Outcome, from_run, rehearsing};
use crate::check::{JudgedWorkflow, Survey, survey};
use crate::error::Error;
use crate::named::read_named;
use crate::publish::{branch, opened};
use crate::resolve::{Client, PRODUCTION, Workflow, in_parallel};
use crate::sentence;
use crate::show::rehearsed::{self, Story, Told, Untested};
use crate::show::requests::Request;

/// The code of an attempt that did not fail.
const OK: &str = "ok";

/// Runs the scenarios of workflows on the real engine, in simulated time.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The commit; the files as they are on disk unless said.
    #[arg(value_name = "COMMIT")]
    commit: Option<String>,
    /// The repository.
    #[arg(long, default_value = ".", value_name = "DIR")]
    repo: PathBuf,
    /// Only workflows of this client.
    #[arg(long, value_name = "CLIENT")]
    client: Option<ClientId>,
    /// Only workflows of this name.
    #[arg(long, value_name = "WORKFLOW")]
    workflow: Option<WorkflowId>,
    /// List what no scenario reaches, too: steps that never run, conditions that never go the other way, effects that
    /// never fail or end in doubt, decisions that are never refused or late.
    #[arg(long)]
    coverage: bool,
    /// Print every request of each scenario as it would leave in production: method, URL, headers and body, with the values
    /// of the scenario. Secrets are hidden.
    #[arg(long)]
    requests: bool,
    /// Print a scenario that goes as this run went, from what `assent-agent runs show RUN --format json` wrote to the file:
    /// its requests, failures, decisions and end, with placeholders for all values. Runs no scenario.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["coverage", "requests", "client", "workflow"])]
    from_run: Option<PathBuf>,
    /// Output format.
    #[arg(long, default_value = "human")]
    format: Format,
    /// The moment at which the source is read, like 2026-03-02T09:00:00Z; now, unless said. Scenarios name their own.
    #[arg(long, value_name = "INSTANT")]
    at: Option<Moment>,
}

/// Runs the command.
///
/// # Errors
/// When there is no such repository or commit, or no workflow of that name.
pub(super) fn run(args: &Args, context: &mut Context<'_>) -> Result<Outcome, Error> {
    let at = args.at.unwrap_or_else(|| context.now());
    let (survey, _) = match &args.commit {
        Some(revision) => survey(&commit(&branch::open(&args.repo)?, revision)?, at)?,
        None => survey(&worktree(&opened::top(&args.repo))?, at)?,
    };
    if let Some(file) = &args.from_run {
        return skeleton(&survey, file, args.format, context);
    }
    let mut chosen = chosen(&survey, args);
    if chosen.is_empty() && args.commit.is_none() && args.client.is_none() && args.workflow.is_none() {
        return Err(Error::input(
            "there is no workflow on disk here that could be read; name a commit, like `assent test HEAD`, or see what `assent check --worktree` says",
        ));
    }
    if chosen.is_empty() {
        return Err(Error::input(
            "there is no such workflow, or it could not be read; `assent check` says what is wrong",
        ));
    }
    let progress = context.progress();
    let (all, done) = (chosen.len(), AtomicUsize::new(0));
    let stories = in_parallel(&mut chosen, |one| {
        let story = story(&survey, one, args);
        let done = done.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        progress.say(format!("rehearsed {done} of {}", counted(all, "workflow")));
        story
    });
    progress.done();
    let all_passed = stories.iter().all(|story| story.passed() && story.untested.is_empty());
    match args.format {
        Format::Human => context.print(&rehearsed::human(&stories, context.look()))?,
        Format::Json => context.print_json(&rehearsed::json(&stories))?,
    }
    Ok(Outcome::of(!all_passed))
}

/// Whether a file begins as the exports of ledgers do.
fn is_export(bytes: &[u8]) -> bool {
    let first = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line: Option<serde_json::Map<String, serde_json::Value>> = serde_json::from_slice(first).ok();
    line.is_some_and(|line| line.contains_key("commitment") && line.contains_key("index"))
}

/// Prints a scenario that goes as a run went.
fn skeleton(survey: &Survey, file: &Path, format: Format, context: &mut Context<'_>) -> Result<Outcome, Error> {
    let bytes = read_named(file, Kind::RunStory)?;
    let story: RunStory = serde_json::from_slice(&bytes).map_err(|e| {
        if is_export(&bytes) {
            return Error::input(format!(
                "{} is an export of a ledger, which says what a run did and not why: neither its conditions nor the facts that it read are there. Ask the agent: `assent-agent runs show RUN --format json`",
                file.display()
            ));
        }
        let place = format!("line {}, column {}", e.line(), e.column());
        Error::input(format!(
            "{} is not what `assent-agent runs show RUN --format json` prints: {place}",
            file.display()
        ))
    })?;
    let RunRow { client, workflow, plan, .. } = &story.run;
    let found = survey.resolved.clients.get(client).and_then(|found| Some((found, found.workflows.get(workflow)?)));
    let Some((owner, known)) = found else {
        return Err(Error::input(format!("the run is of {client}/{workflow}, which this source does not have")));
    };
    let judged = survey.judged.get(client).and_then(|judged| judged.workflows.get(workflow));
    let lowered = judged.map(|judged| &judged.lowered);
    let now = lowered.map_or(&*known.plan, |lowered| &lowered.plan);
    let same = lowered.and_then(|lowered| lowered.form(known).ok()).is_some_and(|form| form.digest == *plan);
    if !same {
        context.note("The run was of another plan than this source gives: steps may have come or gone since.")?;
    }
    let currency = owner.facts.guardrails.iter().find_map(|guardrail| guardrail.currency.as_deref()).unwrap_or("EUR");
    let text = from_run::scenario(&story, now, currency);
    let value = serde_json::json!({ "client": client, "workflow": workflow, "same_plan": same, "scenario": text });
    context.print_as(format, &text, &value)?;
    Ok(Outcome::Fine)
}

/// One workflow that is rehearsed; without what was found out about it where its source has errors.
struct Chosen<'a> {
    client: &'a Client,
    workflow: &'a Workflow,
    judged: Option<&'a JudgedWorkflow>,
}

fn chosen<'a>(survey: &'a Survey, args: &Args) -> Vec<Chosen<'a>> {
    let clients = survey.resolved.clients.iter().filter(|(id, _)| args.client.as_ref().is_none_or(|only| only == *id));
    let workflows = clients.flat_map(|(id, client)| {
        let judged = survey.judged.get(id);
        client.workflows.iter().map(move |(name, workflow)| {
            (name, Chosen { client, workflow, judged: judged.and_then(|judged| judged.workflows.get(name)) })
        })
    });
    let named = workflows.filter(|(name, _)| args.workflow.as_ref().is_none_or(|only| only == *name));
    named.map(|(_, chosen)| chosen).collect()
}

fn story(survey: &Survey, chosen: &Chosen<'_>, args: &Args) -> Story {
    let (facts, workflow) = (&chosen.client.facts, chosen.workflow);
    let id = &workflow.plan.workflow;
    let mut story = Story {
        client: facts.client.clone(),
        workflow: id.clone(),
        file: workflow.sites.file().to_string(),
        excerpts: BTreeMap::new(),
        scenarios: Vec::new(),
        untested: Vec::new(),
        trouble: None,
    };
    let Some(judged) = chosen.judged else {
        story.trouble = Some("its source has errors; see `assent check`".to_owned());
        return story;
    };
    let lowered = &judged.lowered;
    story.excerpts = workflow.sites.excerpts();
    let Some(tests) = &workflow.tests else {
        story.trouble = Some("it has no scenarios".to_owned());
        return story;
    };
    let Ok(form) = lowered.form(workflow) else {
        story.trouble = Some("its plan has no canonical form".to_owned());
        return story;
    };
    let rehearsed = if args.requests {
        rehearse_and_listen(&lowered.plan, form.digest, tests, facts).map(|both| both.into_iter().unzip())
    } else {
        rehearse(&lowered.plan, form.digest, tests, facts).map(|results| (results, Vec::new()))
    };
    match rehearsed {
        Ok((results, requests)) => {
            if args.coverage {
                story.untested = untested(&lowered.plan, &story, &rehearsing::sum(&results).reached);
            }
            story.scenarios = told(survey, chosen, results, requests);
        }
        Err(error) => story.trouble = Some(format!("the engine refuses its plan: {error}")),
    }
    story
}

/// What no scenario reaches, with the line of each step.
fn untested(plan: &Plan, story: &Story, reached: &Reached) -> Vec<Untested> {
    let tell = |(step, gap): (Name, Gap)| Untested {
        what: sentence::gap(&plan.client, plan, &step, gap),
        help: sentence::gap_help(plan, &step, gap),
        line: story.excerpts.get(&step).map(|(line, _)| *line),
        step,
        gap,
    };
    gaps(plan, reached).into_iter().map(tell).collect()
}

/// A request, with the scheme of the endpoint that it goes to: a rehearsal knows hosts alone.
fn request(sent: Sent, client: &Client) -> Request {
    let Sent { operation, method, url, headers, body } = sent;
    let production = client.endpoints.iter().find(|(environment, _)| environment.as_str() == PRODUCTION);
    let endpoint = production.and_then(|(_, leads)| leads.get(&operation.connection));
    let urls = endpoint.into_iter().flat_map(|endpoint| endpoint.tokens.iter().chain([&endpoint.url]));
    let place = url.strip_prefix("https://").unwrap_or(&url);
    let is_plain = urls.filter_map(|url| url.strip_prefix("http://")).any(|base| place.starts_with(base));
    let url = if is_plain { format!("http://{place}") } else { url };
    Request { operation: operation.to_string(), method: method.as_str(), url, headers, body }
}

/// Each result with the place of its scenario in the test file.
fn told(survey: &Survey, chosen: &Chosen<'_>, results: Vec<Rehearsed>, requests: Vec<Vec<Sent>>) -> Vec<Told> {
    let mut requests = requests.into_iter();
    let files = survey.parsed.clients.get(&chosen.client.facts.client);
    let unit = files.and_then(|files| files.tests.get(&chosen.workflow.plan.workflow));
    let place = |position: usize| {
        let unit = unit?;
        let scenario = unit.spec.scenarios.get(position)?;
        Some(format!("{}:{}", unit.file, line_column(&unit.text, scenario.name.span.start).line))
    };
    let tell = |(position, result): (usize, Rehearsed)| Told {
        scenario: result.scenario,
        place: place(position).unwrap_or_default(),
        failures: result.failures,
        ran: result.reached.ran,
        codes: result.codes.into_iter().filter(|(_, code)| code != OK).collect(),
        requests: requests.next().map(|sent| sent.into_iter().map(|sent| request(sent, chosen.client)).collect()),
    };
    results.into_iter().enumerate().map(tell).collect()
}
