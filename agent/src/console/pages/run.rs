//! One run: what each step did, where it was written, which condition did not hold.

use assent_schema::id::OperationRef;
use assent_schema::plan::{Action, Effect, Plan, Step};
use maud::{Markup, html};

use super::marks::{Mark, mark, pill, state};
use super::{Body, Section, form_field};
use crate::console::office::Written;
use crate::console::story::{Attempt, Stand, StepStory};
use crate::console::words;
use crate::control::{RunRow, Verb};
use crate::run::unsettled;
use crate::store::{Aim, JournalRow, QueueItem, RunId, RunLine, RunName};
use crate::world::Wall;

/// The most tries of a step that are listed; the journal below has all.
const ATTEMPTS_MOST: usize = 30;
/// The most rows of the journal that are listed.
const ROWS_MOST: usize = 2_000;

/// Another run, and its name where its journal is kept.
pub(in crate::console) struct Named {
    pub(in crate::console) run: RunId,
    pub(in crate::console) name: Option<RunName>,
}

/// A run with all that is known of it.
pub(in crate::console) struct Whole<'a> {
    pub(in crate::console) row: RunRow,
    pub(in crate::console) line: &'a RunLine,
    pub(in crate::console) plan: Option<&'a Plan>,
    pub(in crate::console) written: Option<Written>,
    pub(in crate::console) steps: Vec<StepStory<'a>>,
    pub(in crate::console) journal: &'a [JournalRow],
    pub(in crate::console) queued: Option<QueueItem>,
    /// Whether a recovery came after it: numbers began anew.
    pub(in crate::console) is_old: bool,
    /// The run that goes on with it.
    pub(in crate::console) next: Option<Named>,
    /// The run that it goes on with.
    pub(in crate::console) earlier: Option<Named>,
    pub(in crate::console) may_act: bool,
    pub(in crate::console) now: Wall,
}

pub(in crate::console) fn page(run: &Whole<'_>) -> Body {
    let (row, line) = (&run.row, run.line);
    let name = row.name();
    let title = format!("Run {name} of {}", row.workflow);
    let main = html! {
        p.crumbs { a href={ "/runs?client=" (row.client) "&workflow=" (row.workflow) } { "Runs of " (row.client) "/" (row.workflow) } }
        div #run data-part="" {
            h1 { "Run " (name) " " (state(row.state)) @if run.is_old { span.word { "before the recovery" } } }
            @if let Some(plan) = run.plan { p.lead { (plan.summary) } }
            @if let Some(next) = &run.next { p.banner.busy { (mark(Mark::Skip)) "Somebody let it go on: as " (named(next)) "." } }
            dl.pairs.card {
                div { dt { "id" } dd { code { (row.run) } } }
                div { dt { "accepted" } dd { (words::exact(line.at)) " UTC, " (words::ago(run.now, line.at)) } }
                div { dt { "last fact" } dd { "after " (words::took(line.at, line.last.at)) } }
                div { dt { "began with" } dd { (row.trigger.as_str()) ", event " code { (words::told(&line.accepted.event)) } } }
                @for (name, fact) in &line.accepted.fields { div { dt { "trigger." (name) } dd { code { (words::told(&fact.to_string())) } } } }
                @if let Some(earlier) = &run.earlier { div { dt { "continues" } dd { (named(earlier)) } } }
                div { dt { "plan" } dd { (words::digest(&row.plan)) } }
                @if let Some(written) = &run.written { div { dt { "source" } dd { code { (written.file) } " at " code { (written.commit.chars().take(12).collect::<String>()) } } } }
                @if let Some(code) = &row.code { div { dt { "why it ended" } dd { code { (code) } } } }
            }
            @if let Some(item) = &run.queued { (queued(item, run.now)) }
            h2 { "Steps" }
            @if run.plan.is_none() { p.empty { "The plan of this run is not kept any more; the journal below is." } }
            ol.steps { @for step in &run.steps { (self::step(step, run)) } }
        }
        @if run.plan.is_some() { (content(run)) }
        // What went on as another run goes on there.
        @if run.next.is_some() {}
        @else if run.may_act { (acts(run)) }
        @else { p.hint { "On-call may let it go on, end it or take its work out of the queue." } }
        details.journal #journal {
            summary { "Journal: " (words::count(run.journal.len(), "fact", "facts")) }
            ol {
                @for row in run.journal.iter().take(ROWS_MOST) {
                    li { (words::precise(row.at)) " " @if let Some(item) = row.entry.item() { code { (words::told(item.as_str())) } " " } (words::told(&words::sentence(&row.entry))) }
                }
                @if run.journal.len() > ROWS_MOST { li { "… " code { "assent-agent runs show " (row.run) } " has them all." } }
            }
        }
    };
    Body { title, section: Section::Runs, main, is_live: true }
}

pub(super) fn named(other: &Named) -> Markup {
    html! { a href={ "/runs/" (other.run) } { @match &other.name { Some(name) => { "run " (name) } None => "another run" } } }
}

fn queued(item: &QueueItem, now: Wall) -> Markup {
    html! {
        p.banner.warn {
            (mark(Mark::Queue)) strong { "In the manual queue of " (item.queue) } " " (words::when(now, Wall::from_millis(item.since)))
            ", because of " code { (item.why) } "."
            @if let Some(open) = super::queue::open(item) { " " a href=(open) rel="noreferrer noopener" target="_blank" { "Open the case" } }
        }
    }
}

fn step(story: &StepStory<'_>, run: &Whole<'_>) -> Markup {
    let line = run.written.as_ref().and_then(|written| Some((&written.file, written.lines.get(&story.step.id)?)));
    let (tone, picture, word) = stand(&story.stand, run.now);
    html! {
        li.step.(tone) .inside[story.inside] id={ "step-" (story.step.id) } {
            span.knot { (mark(picture)) }
            div {
                p.head {
                    strong { (story.step.id) } span.word { (word) }
                    @if let Some((file, line)) = line { span.line title=(file) { (short(file)) ":" (line) } }
                }
                p.does { (does(story.step, run.plan)) }
                @if let Some(when) = &story.step.when { (self::when(&when.0, story)) }
                @if let Some(decided) = &story.decided { p.facts { span { (decided) } } }
                @if !story.facts.is_empty() {
                    p.facts { @for (name, fact) in &story.facts { span { (name) " = " code { (words::told(fact)) } } } }
                }
                @if !story.items.is_empty() { p.facts { span { "items: " @for (how, count) in &story.items { (count) " " (how) " " } } } }
                @if !story.attempts.is_empty() { (attempts(&story.attempts, is_over(run))) }
            }
        }
    }
}

fn stand(stand: &Stand, now: Wall) -> (&'static str, Mark, String) {
    match stand {
        Stand::Ahead => ("ahead", Mark::Ahead, "not reached".into()),
        Stand::Running => ("busy", Mark::Busy, "under way".into()),
        Stand::Waiting => ("ask", Mark::Wait, "waits for a person".into()),
        Stand::Resting(until) => ("calm", Mark::Wait, format!("waits, over {}", words::ago(now, *until))),
        Stand::Done => ("good", Mark::Good, "done".into()),
        Stand::Skipped => ("calm", Mark::Skip, "skipped".into()),
        Stand::Passed(code) => ("warn", Mark::Skip, format!("failed, went on: {code}")),
        Stand::Failed(code) => ("bad", Mark::Bad, format!("failed: {code}")),
        Stand::InDoubt(code) => ("warn", Mark::Doubt, format!("in doubt: {code}")),
        Stand::Confirming => ("warn", Mark::Doubt, "in doubt: asking whether it happened".into()),
    }
}

fn short(file: &str) -> &str {
    file.rsplit('/').next().unwrap_or(file)
}

fn does(step: &Step, plan: Option<&Plan>) -> Markup {
    html! {
        @match &step.action {
            Action::Call { operation, .. } => {
                "calls " code { (operation) }
                @match plan.and_then(|plan| plan.operations.get(operation)).map(|operation| operation.effect) {
                    Some(Effect::Money) => { " " (pill("warn", Mark::Money, "moves money")) }
                    Some(Effect::Message) => { " " (pill("calm", Mark::Message, "sends a message")) }
                    Some(Effect::Write) => { " " (pill("calm", Mark::Write, "writes")) }
                    Some(Effect::Draft) => { " " (pill("calm", Mark::Write, "drafts")) }
                    Some(Effect::None) | None => {}
                }
            }
            Action::Ask { connection, .. } => { "asks the AI provider at " code { (connection) } }
            Action::Decide { by, within, .. } => { "asks " strong { (by) } ", within " (within) }
            Action::Set { values } => { "computes " @for name in values.keys() { code { (name) } " " } }
            Action::Each(each) => { "for each " code { (each.item) } " of " code { (each.over.0) } }
            Action::Wait { .. } => "waits",
            Action::Stop { outcome } => { "ends the run as " code { (outcome) } }
        }
    }
}

/// A condition with each of its parts marked, where the journal says how it was.
fn when(text: &str, story: &StepStory<'_>) -> Markup {
    let operands = story.operands.as_slice();
    // A condition that does not hold is no failure: its step was not to run.
    let skipped = story.stand == Stand::Skipped;
    html! {
        div.when {
            span.key { "when" }
            @if operands.is_empty() { code { (text) } }
            ul {
                @for operand in operands {
                    @let (tone, picture, word) = match operand.held {
                        Some(true) => ("good", Mark::Good, "true"),
                        Some(false) if skipped => ("calm decides", Mark::Skip, "false"),
                        Some(false) => ("bad", Mark::Bad, "false"),
                        None => ("calm", Mark::Doubt, "not kept"),
                    };
                    li.(tone) title=[operand.held.is_none().then_some("It reads content, which is not kept.")] {
                        (mark(picture)) code { (operand.text) } span.word { (word) }
                    }
                }
            }
        }
    }
}

/// Whether the run is over: no answer of it is awaited any more.
fn is_over(run: &Whole<'_>) -> bool {
    matches!(run.line.last.entry, crate::store::Entry::Ended { .. })
}

/// The requests of a step.
fn attempts(attempts: &[Attempt], is_over: bool) -> Markup {
    html! {
        ul.attempts {
            @for (place, attempt) in attempts.iter().take(ATTEMPTS_MOST).enumerate() {
                // Numbers begin anew where the run was taken up again: what it read is not kept.
                @let before = attempts.iter().take(place).filter(|before| before.intent.item == attempt.intent.item);
                @let again = before.clone().any(|before| before.intent.attempt >= attempt.intent.attempt);
                @let mut behind = attempts.iter().skip(place + 1);
                @let last = !is_over && !behind.any(|next| next.intent.item == attempt.intent.item);
                li {
                    span.at { (words::precise(attempt.at)) }
                    @if attempt.intent.aim == Aim::Step {
                        @if again { " read again, try " } @else { " try " }
                        (attempt.intent.attempt)
                    } @else {
                        " " code { (attempt.intent.operation) }
                    }
                    @if let Some(item) = &attempt.intent.item { " of " code { (words::told(item.as_str())) } }
                    @if attempt.intent.shadow { ", only recorded" }
                    ": "
                    @match &attempt.outcome {
                        Some((at, outcome)) => {
                            strong { (outcome.code) }
                            @if let Some(status) = outcome.status { ", status " (status) }
                            @if let Some(request) = &outcome.request { ", request " (request) }
                            @if outcome.in_doubt { ", in doubt" }
                            ", " (words::took(attempt.at, *at))
                        }
                        None => (attempt.unanswered(last)),
                    }
                }
            }
            @if attempts.len() > ATTEMPTS_MOST { li { "… and " (words::count(attempts.len() - ATTEMPTS_MOST, "more", "more")) } }
        }
    }
}

/// What it read may be read again.
fn content(run: &Whole<'_>) -> Markup {
    html! {
        details.journal #content {
            summary { "Look at the content" }
            form.stack method="post" action={ "/runs/" (run.row.run) "/content" } {
                (form_field())
                p.hint { "It is read from the client's systems again, for you, and kept nowhere." }
                label { "Why" small { "One word or ticket id; the client reads it in its ledger" }
                    input type="text" name="why" required maxlength="64" pattern="[A-Za-z0-9._:\\-]+" autocomplete="off"; }
                button type="submit" { "Read it again" }
            }
        }
    }
}

/// What on-call may do with it.
fn acts(run: &Whole<'_>) -> Markup {
    let doubt = left_to_people(run);
    let verbs: &[(Verb, &str, &str)] = match (is_over(run), &run.queued) {
        // Nobody knows all that it did.
        (true, Some(_)) if run.is_old => &[(
            Verb::Done,
            "Done by hand",
            "It is older than the recovery, and nobody knows all that it did: it does not go on. Look in the other systems and \
             do what is left; then it leaves the manual queue.",
        )],
        (true, None) if run.is_old => &[],
        (false, _) => &[(Verb::Cancel, "Cancel", "It ends at its next step boundary. What is done stays done.")],
        (true, Some(_)) => &[
            (
                Verb::Retry,
                "Retry",
                "Resumes at the step that failed. What is done stays done; what is in doubt is never repeated blindly.",
            ),
            (Verb::Skip, "Skip", "Resumes after the step that failed."),
            (Verb::Rerun, "Rerun", "Starts over with the current plan. What is done stays done."),
            (Verb::Done, "Done by hand", "Somebody did the work by hand: it leaves the manual queue."),
        ],
        (true, None) => &[(Verb::Rerun, "Rerun", "Starts over with the current plan. What is done stays done.")],
    };
    // Nobody would know more after another try.
    let tries = |verb: &Verb| matches!(verb, Verb::Retry | Verb::Rerun);
    let verbs: Vec<_> = verbs.iter().filter(|(verb, ..)| doubt.is_none() || !tries(verb)).collect();
    let why = html! {
        label { "Why" small { "One word or ticket id; the client reads it in its ledger" }
            input type="text" name="why" required maxlength="64" pattern="[A-Za-z0-9._:\\-]+" autocomplete="off"; }
    };
    html! {
        @if let (true, Some(operation)) = (verbs.is_empty(), &doubt) {
            p.hint #acts { "Whether " code { (operation) } " happened, the agent cannot find out: it does not go on." }
        } @else if verbs.is_empty() { p.hint #acts { "It is older than the recovery, and nobody knows all that it did: it does not go on." } }
        @else if let [(verb, word, says)] = verbs.as_slice() {
            // One thing that can be done; only work that waits calls for it.
            details.journal.do #acts open[*verb == Verb::Done] {
                summary { @match verb { Verb::Rerun => "Run again", Verb::Done => "Finish this run by hand", Verb::Cancel | Verb::Retry | Verb::Skip | Verb::Reassign(_) => "End this run" } }
                form.stack method="post" action={ "/runs/" (run.row.run) } {
                    (form_field())
                    input type="hidden" name="verb" value=(verb.kind().as_str());
                    p { (says) @if *verb == Verb::Rerun && moves_money(run) { " It moved money, and may do so once more." } }
                    (why)
                    button.danger type="submit" { (word) }
                }
            }
        } @else {
            section.card.do #acts {
                header { h2 { "Continue this run" } }
                form.stack method="post" action={ "/runs/" (run.row.run) } {
                    (form_field())
                    @if let Some(operation) = &doubt {
                        p.hint { "Whether " code { (operation) } " happened, the agent cannot find out. Look in the other system: skip the step if it was done; else do it by hand." }
                    }
                    fieldset {
                        legend { "What" }
                        // In doubt nothing is chosen: whoever skips says that it happened.
                        @for (place, (verb, word, says)) in verbs.iter().enumerate() {
                            label.choice { input type="radio" name="verb" value=(verb.kind().as_str()) required checked[place == 0 && doubt.is_none()]; span { strong { (word) } small { (says) } } }
                        }
                    }
                    (why)
                    button.main type="submit" { "Do it" }
                }
            }
        }
    }
}

/// The effect in doubt because of which another try would end where this one did.
fn left_to_people(run: &Whole<'_>) -> Option<OperationRef> {
    unsettled(run.journal, run.plan?)
}

/// Whether an effect of the run moved money.
fn moves_money(run: &Whole<'_>) -> bool {
    run.steps
        .iter()
        .flat_map(|step| &step.attempts)
        .any(|attempt| attempt.intent.effect == Effect::Money && !attempt.intent.shadow)
}
