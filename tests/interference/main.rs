//! Nobody learns of content what was not released: generated workflows that compile are run twice, with the same facts and
//! other content. Journal, ledger, manual queue, alerts, counters, log lines and requests are the same, up to what their
//! plans list as released and to what flows lead to the party that is asked.
//!
//! Where their agents are killed, each run ends once all the same, each effect happens once, and the ledger is whole.
//!
//! A run that parts from another where nothing is listed is a bug of the compiler, of the engine, or of what the catalog
//! calls a fact. `ASSENT_DEEP=1` tries many more.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests; what does not fit fails the test")]

mod bend;
mod differ;
mod expressions;
mod inputs;
mod once;
mod outside;
mod people;
mod planted;
mod rich;
mod told;
mod tries;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use assent_agent::run::Compiled;
use assent_agent::sim::{Crash, Strike};
use assent_schema::client::ClientFacts;
use assent_schema::code::Code;
use assent_schema::flow::{Flows, analyse};
use assent_schema::guard::breaches;
use assent_schema::plan::{Action, Mode, Plan};
use assent_tests::generate::{Dice, Names, Size, repository};
use assent_tests::signed::Signed;
use differ::{Compared, compare};
use inputs::{Inputs, name_of};
use outside::marker;
use planted::PLANTED;
use told::{Ready, Trace};

/// When everything is checked.
const NOW: &str = "2026-06-01T12:00:00Z";
/// Repositories that everybody's test run takes.
const SEEDS: u64 = 2;
/// Those that a deep one takes.
const MANY_SEEDS: u64 = 60;
/// Changed plans of each plan that was made.
const BENT: usize = 4;
/// How often a change is tried for each that is wanted.
const TRIES: usize = 6;
/// Runs of each plan besides the first.
const OTHERS: u64 = 4;

/// Plans in which something is planted that the compiler refuses, and how often each runs.
const PLANTED_IN: usize = 5;
const PLANTED_TIMES: u64 = 9;

/// What a plan with other flows than it may have breaks.
const OF_FLOWS: [Code; 3] = [Code::FlowDenied, Code::ReleaseBudget, Code::KpiTooFine];

fn seeds() -> std::ops::Range<u64> {
    0..if std::env::var_os("ASSENT_DEEP").is_some() { MANY_SEEDS } else { SEEDS }
}

/// The plans of a repository that was made, with their clients.
fn plans(seed: u64) -> Vec<(Plan, Arc<ClientFacts>)> {
    let checked = Signed::unsigned(repository(seed, Size::SMALL, Names::Plain), NOW.parse().unwrap()).check();
    let mut plans = Vec::new();
    for (client, judged) in &checked.survey.judged {
        let facts = &checked.survey.resolved.clients[client].facts;
        for workflow in judged.workflows.values() {
            let mut plan = Plan::clone(&workflow.lowered.plan);
            for step in &mut plan.steps {
                if let Action::Ask { prompt, .. } = &mut step.action {
                    prompt.insert_str(0, &marker(&step.id));
                }
            }
            plans.extend(rich::rich(&plan, facts).map(|plan| (plan, Arc::clone(facts))));
            plans.push((plan, Arc::clone(facts)));
        }
    }
    plans
}

fn ready(plan: Plan, facts: &Arc<ClientFacts>, flows: Flows) -> Option<Ready> {
    let (_, digest) = plan.to_bytes().ok()?;
    let compiled = Arc::new(Compiled::new(Arc::new(plan), digest).ok()?);
    Some(Ready { compiled, facts: Arc::clone(facts), flows })
}

/// The codes of what a plan does and may not do with content.
fn codes(plan: &Plan, flows: &Flows, facts: &ClientFacts) -> BTreeSet<Code> {
    let broken = breaches(plan, flows, facts);
    broken.into_iter().map(|breach| breach.code).filter(|code| OF_FLOWS.contains(code)).collect()
}

/// All that content comes from in a plan.
fn sources(ready: &Ready) -> Vec<String> {
    let sources = ready.flows.known.values().flat_map(|known| known.whole().2).filter(|source| !source.class.is_fact());
    sources.map(|source| name_of(&source)).collect::<BTreeSet<_>>().into_iter().collect()
}

/// The same with what is answered to content that is varied: it may be another answer then.
fn with_answers(ready: &Ready, mut varied: BTreeSet<String>) -> BTreeSet<String> {
    for step in ready.plan().every_step() {
        let Some(flow) = ready.flows.step(step.id.as_str()) else { continue };
        let mut given = flow.with.values().chain(&flow.sources).flat_map(|flow| &flow.sources);
        let asks = matches!(step.action, Action::Ask { .. } | Action::Call { .. });
        if asks && given.any(|source| varied.contains(&name_of(source))) {
            let answer = ready.flows.known.get(step.id.as_str()).map(|known| known.whole().2).unwrap_or_default();
            let asked = matches!(step.action, Action::Ask { .. });
            let may = answer.into_iter().filter(|source| asked || !source.class.is_fact());
            varied.extend(may.map(|source| name_of(&source)));
        }
    }
    varied
}

/// What came of the runs of many plans.
#[derive(Debug, Default)]
struct Tally {
    plans: usize,
    same: usize,
    /// How often two runs parted by a release, by what it is.
    released: BTreeMap<String, usize>,
    /// Requests of which content was another, and nothing else.
    given: usize,
    /// Kinds of journal entries that were seen.
    entries: BTreeSet<String>,
    /// Pairs whose agents were killed at the same step.
    killed: usize,
    /// Effects that were done although their agents were killed.
    effects: usize,
    wrong: Vec<String>,
}

impl Tally {
    fn see(&mut self, trace: &Trace) {
        let word = |entry: &assent_agent::store::Entry| {
            let text = format!("{entry:?}");
            text.split(|c: char| !c.is_alphabetic()).next().unwrap_or_default().to_owned()
        };
        self.entries.extend(trace.journal.iter().map(|row| word(&row.entry)));
    }

    /// Runs a plan with the same facts and other content, and compares each run with the first.
    fn add(&mut self, ready: &Ready, seed: u64, name: &str) {
        self.plans += 1;
        let mut dice = Dice::of(seed, &["inputs", name]);
        let first = Inputs { facts: seed, content: 1, varied: (0, BTreeSet::new()), ends: Vec::new() };
        let Some(one) = ready.play(&first) else { return };
        self.see(&one);
        let sources = sources(ready);
        for number in 0..OTHERS {
            let varied: BTreeSet<String> = match number {
                0 => sources.iter().cloned().collect(),
                1 => dice.pick(&sources).cloned().into_iter().collect(),
                _ => sources.iter().filter(|_| dice.one_in(2)).cloned().collect(),
            };
            let varied = with_answers(ready, varied);
            let inputs = Inputs { varied: (100 + number, varied.clone()), ..first.clone() };
            let Some(other) = ready.play(&inputs) else {
                self.wrong.push(format!("{name}: content decides whether an event is taken"));
                return;
            };
            self.judge(ready, (&varied, &one, &other), &format!("{name}, facts {seed}"));
        }
        self.killed(ready, (&first, &one), &sources, &mut dice, name);
    }

    /// Both agents of a pair die at the same step, and others go on in their places.
    fn killed(
        &mut self,
        ready: &Ready,
        (first, one): (&Inputs, &Trace),
        sources: &[String],
        dice: &mut Dice,
        name: &str,
    ) {
        let varied = with_answers(ready, sources.iter().cloned().collect());
        let inputs = Inputs { varied: (200, varied.clone()), ..first.clone() };
        // Where the two part by what is listed, they part at other steps when what told it is lost.
        let whole = ready.play(&inputs).map(|other| compare(ready, &varied, one, &other));
        if !matches!(whole, Some(Compared::Same)) {
            return;
        }
        for strike in [Strike::Before, Strike::After, Strike::Lost] {
            let crash = Crash { at: u64::try_from(dice.below(one.points.max(1))).unwrap(), strike };
            let pair = [first, &inputs].map(|inputs| ready.play_killed(inputs, Some(crash)));
            let [Some(one), Some(other)] = pair else { continue };
            self.killed += 1;
            for trace in [&one, &other] {
                let (effects, wrong) = once::looked(ready, trace);
                self.effects += effects;
                self.wrong.extend(wrong.map(|wrong| format!("{name}, killed {crash:?}: {wrong}")));
            }
            self.judge(ready, (&varied, &one, &other), &format!("{name}, killed {crash:?}"));
        }
    }

    fn judge(&mut self, ready: &Ready, (varied, one, other): (&BTreeSet<String>, &Trace, &Trace), name: &str) {
        match compare(ready, varied, one, other) {
            Compared::Same => {
                self.same += 1;
                self.given += one.sent.iter().zip(&other.sent).filter(|(a, b)| a != b).count();
            }
            Compared::Released(what) => {
                let kinds = ["how many", "how it ended", "how ", "one_of", "bucket", "that it failed", "which"];
                let said = what.split(": ").last().unwrap_or_default();
                let kind = kinds.into_iter().find(|kind| said.starts_with(kind)).unwrap_or("a condition");
                *self.released.entry(kind.to_owned()).or_default() += 1;
            }
            Compared::Interferes(how) => {
                let releases: Vec<_> = ready.flows.releases.iter().map(|release| &release.what).collect();
                let plan = serde_json::to_string(&ready.plan().steps).unwrap();
                self.wrong.push(format!("{name}: {how}\n  varied {varied:?}\n  listed {releases:?}\n  steps {plan}\n"));
            }
        }
    }
}

/// Plans that were made and plans that were changed, each with what is wrong with its flows.
fn each_plan(seed: u64, mut then: impl FnMut(Ready, &BTreeSet<Code>, &str)) {
    for (number, (plan, facts)) in plans(seed).into_iter().enumerate() {
        let name = format!("seed {seed}, plan {number}");
        let mut dice = Dice::of(seed, &["bends", &number.to_string()]);
        let flows = analyse(&plan).unwrap();
        let mut left = BENT;
        for bend in 0..BENT * TRIES {
            if left == 0 {
                break;
            }
            let Some((plan, flows)) = bend::bent(&plan, &mut dice) else { continue };
            let codes = codes(&plan, &flows, &facts);
            if let Some(ready) = ready(plan, &facts, flows) {
                left -= usize::from(codes.is_empty());
                then(ready, &codes, &format!("{name}, bend {bend}"));
            }
        }
        let codes = codes(&plan, &flows, &facts);
        then(ready(plan, &facts, flows).unwrap(), &codes, &name);
    }
}

#[test]
fn what_compiles_tells_of_content_what_it_lists_and_no_more() {
    let mut tally = Tally::default();
    for seed in seeds() {
        each_plan(seed, |ready, codes, name| {
            if codes.is_empty() {
                tally.add(&ready, seed, name);
            }
        });
    }
    let Tally { plans, same, released, given, entries, killed, effects, wrong } = &tally;
    println!(
        "{plans} plans, {same} pairs the same, {killed} of killed agents with {effects} effects, {given} requests with other content, {released:?}, {entries:?}"
    );
    assert!(*killed > 0 && *effects > 0, "no pair was killed, or did nothing");
    assert!(
        wrong.is_empty(),
        "{} of {plans} plans interfere, the first:\n{}",
        wrong.len(),
        wrong[..wrong.len().min(200)].join("\n")
    );
}

#[test]
fn what_the_compiler_refuses_is_seen_to_interfere() {
    let found: Vec<(Plan, Arc<ClientFacts>)> = plans(0)
        .into_iter()
        .filter(|(plan, _)| plan.steps.iter().any(|step| step.id.as_str() == "lore") && plan.trigger.fields().is_some())
        .filter(|(plan, _)| plan.mode == Mode::Live)
        .take(PLANTED_IN)
        .collect();
    for (name, change) in PLANTED {
        let mut tally = Tally::default();
        for (number, (plan, facts)) in found.iter().enumerate() {
            let mut plan = plan.clone();
            change(&mut plan);
            let flows = analyse(&plan).unwrap_or_else(|errors| panic!("{name}: {errors:?}"));
            let codes = codes(&plan, &flows, facts);
            assert!(codes.contains(&Code::FlowDenied), "{name} is refused: {codes:?}");
            for seed in 0..PLANTED_TIMES {
                tally.add(&ready(plan.clone(), facts, flows.clone()).unwrap(), seed, &format!("{name}, plan {number}"));
            }
        }
        assert!(!tally.wrong.is_empty(), "{name} is not seen: {tally:?}");
    }
}

#[test]
fn a_release_that_is_not_listed_is_seen() {
    let (mut hidden, mut tally) = (0, Tally::default());
    each_plan(0, |mut ready, codes, name| {
        if codes.is_empty() && !ready.flows.releases.is_empty() {
            hidden += 1;
            ready.flows.releases.clear();
            tally.add(&ready, 0, name);
        }
    });
    println!("{hidden} plans, {} seen", tally.wrong.len());
    assert!(tally.wrong.len() > 10, "{} of {hidden} plans", tally.wrong.len());
}
