//! `assent decide`: a person sees what waits, and says yes or no with an SSH key.
//!
//! A question is named whole: a run asks several, and one step of it asks about each item of an `each`. What is signed is never
//! one that merely came first, or came meanwhile.

use std::collections::BTreeMap;
use std::path::PathBuf;

use assent_agent::people::receipt::Receipt;
use assent_agent::people::told;
use assent_agent::people::wire::{NoLonger, Shown, SignedDecision, SignedIn, WaitingForMe};
use assent_agent::store::RunRef;
use assent_schema::canon::{self, Digest};
use assent_schema::id::{ClientId, Name, PersonId};
use assent_schema::release::Choice;
use assent_schema::trust::Namespace;
use serde::Serialize;

use super::http::{Answer, Authority};
use super::{Context, Format, Outcome, challenge};
use crate::error::Error;
use crate::publish::hand::{Hand, quoted};
use crate::publish::place;
use crate::publish::sign::KeyFile;

/// Shows what waits for you at an agent, or decides it.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The agent, as `http://host:port`. Beyond this machine, put a TLS proxy or an SSH tunnel between.
    #[arg(long, value_name = "URL")]
    agent: String,
    /// Whose decisions.
    #[arg(long, value_name = "CLIENT")]
    client: ClientId,
    /// Who you are, and your key: a private one, or the public half of one that `ssh-agent` holds.
    #[arg(long, value_name = "PERSON=KEY")]
    key: KeyFile,
    /// The run to decide, by its name, `acme-12`, or its id; without it everything that waits for you is shown.
    #[arg(value_name = "RUN", requires = "choice")]
    run: Option<RunRef>,
    /// The step of the run that asks.
    #[arg(long, value_name = "STEP", requires = "run")]
    step: Option<Name>,
    /// The item that it asks about, where it asks about each of several.
    #[arg(long, value_name = "KEY", requires = "run", allow_hyphen_values = true)]
    item: Option<String>,
    /// Yes.
    #[arg(long, group = "choice", requires = "run")]
    approve: bool,
    /// No.
    #[arg(long, group = "choice", requires = "run")]
    refuse: bool,
    /// Where your receipt goes: what was shown and what you signed, by which you can show later what you decided on. A new file.
    #[arg(long, value_name = "FILE", requires = "run")]
    receipt: Option<PathBuf>,
    /// Output format.
    #[arg(long, default_value = "human")]
    format: Format,
}

/// Runs the command.
///
/// # Errors
/// When the agent cannot be reached, refuses, nothing like that waits, or no one question is named.
pub(super) fn run(args: &Args, context: &mut Context<'_>) -> Result<Outcome, Error> {
    let agent = Authority::new(&args.agent)?;
    let hand = args.key.read()?;
    let waiting = waiting(&agent, args, &hand, None)?;
    let Some(run) = &args.run else {
        show(&waiting, args.format, context)?;
        return Ok(Outcome::Fine);
    };
    let which = Which { run, step: args.step.as_ref(), item: args.item.as_deref() };
    let shown = match chosen(&waiting.decisions, &which, &args.key.person) {
        Err(no) if !waiting.decisions.iter().any(|shown| which.fits(shown)) => {
            return Err(already(&agent, (args, &hand), &which).unwrap_or(no));
        }
        chosen => chosen?,
    };
    if shown_digest(shown)? != shown.shown {
        return Err(Error::input("the agent's hash is not that of what it shows; nothing was signed"));
    }
    // What is signed stands there before it is.
    match args.format {
        Format::Human => context.print(&question(shown))?,
        Format::Json => context.note(question(shown).trim_end())?,
    }
    let choice = if args.approve { Choice::Approve } else { Choice::Refuse };
    let signed = sign(args, &hand, shown, choice)?;
    let receipt = Receipt::of(shown, choice, &signed.edits, Some(&signed));
    // First, because nobody has it afterwards.
    if let Some(file) = &args.receipt {
        let bytes = serde_json::to_vec(&receipt).map_err(|e| Error::internal("write the receipt", e))?;
        place::put_private(file, &bytes)?;
    }
    let answer = challenge::post(&agent, "/v1/decide", &signed);
    if let Some(file) = args.receipt.as_ref().filter(|_| says_no(answer.as_ref())) {
        place::take_back(file);
    }
    if let Err(no) = answer.and_then(|answer| body(args, answer)) {
        // Somebody else may have been faster.
        return Err(already(&agent, (args, &hand), &which).unwrap_or(no));
    }
    let said = if args.approve { "approved" } else { "refused" };
    let (client, workflow, name) = (&shown.client, &shown.workflow, named(shown));
    match args.format {
        Format::Human => context.print(&format!("{said}: {client}/{workflow} run {name} {}\n", options(shown)))?,
        Format::Json => context.print_json(&serde_json::json!({
            "run": shown.run, "name": shown.name, "step": shown.step, "item": shown.item, "choice": choice,
            "receipt": receipt
        }))?,
    }
    Ok(Outcome::Fine)
}

/// Why a question of a run is not asked any more: who decided what, and when; nothing where nobody says so.
fn already(agent: &Authority, (args, hand): (&Args, &Hand), which: &Which<'_>) -> Option<Error> {
    // An agent that is older than this command knows no such question.
    let WaitingForMe { over, .. } = waiting(agent, args, hand, Some(which.run)).ok()?;
    over_of(&over, which).map(Error::input)
}

/// The same, from what the agent says of the run's questions.
fn over_of(over: &[NoLonger], which: &Which<'_>) -> Option<String> {
    let fits = |one: &&NoLonger| {
        which.step.is_none_or(|step| one.step == *step)
            && which.item.is_none_or(|item| one.item.as_ref().is_some_and(|of| of.as_str() == item))
    };
    // One that was put anew ended with its last showing: they say the same.
    let mut lines: Vec<String> = Vec::new();
    for one in over.iter().filter(fits) {
        let item = one.item.as_ref().map(|item| format!(" --item {}", quoted(&told::value(&item.as_str().into()))));
        let line = format!("--step {}{}: {}", one.step, item.unwrap_or_default(), one.became());
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    let said = match lines.as_slice() {
        [] => return None,
        [line] => line.clone(),
        several => format!("\n  {}", several.join("\n  ")),
    };
    Some(format!("run {} asks that no more, and nothing was signed now: {said}", which.run))
}

/// Which question somebody names.
struct Which<'a> {
    run: &'a RunRef,
    step: Option<&'a Name>,
    item: Option<&'a str>,
}

impl Which<'_> {
    fn fits(&self, shown: &Shown) -> bool {
        let run = match self.run {
            RunRef::Id(run) => shown.run == *run,
            RunRef::Name(name) => shown.name.as_ref() == Some(name),
        };
        let item = |item| shown.item.as_ref().is_some_and(|of| of.as_str() == item);
        run && self.step.is_none_or(|step| shown.step == *step) && self.item.is_none_or(item)
    }

    /// Whether it says all that tells a question from the others of its run.
    fn is_whole(&self, shown: &Shown) -> bool {
        self.step.is_some() && self.item.is_some() == shown.item.is_some()
    }
}

/// The one question that is named. Where the name fits only one by chance, since another was answered meanwhile, nobody says that
/// this is the one that was seen: so a part of the name is none.
fn chosen<'w>(waiting: &'w [Shown], which: &Which<'_>, person: &PersonId) -> Result<&'w Shown, Error> {
    let fits: Vec<&Shown> = waiting.iter().filter(|shown| which.fits(shown)).collect();
    match fits.as_slice() {
        [] => Err(Error::input(format!("no such decision of run {} waits for {person}", which.run))),
        [shown] if which.is_whole(shown) => Ok(shown),
        several => {
            let several: Vec<String> = several.iter().map(|shown| format!("  {}", options(shown))).collect();
            Err(Error::input(format!(
                "nothing was signed: say which question of run {} it is. These wait for {person}:\n{}",
                which.run,
                several.join("\n")
            )))
        }
    }
}

/// The options that name a question of a run, as a shell takes them.
fn options(shown: &Shown) -> String {
    let item = shown.item.as_ref().map(|item| match told::value(&item.as_str().into()) {
        // It is no name of a file, which would be told from an option by its folder.
        item if item.starts_with('-') => format!(" --item '{}'", item.replace('\'', r"'\''")),
        item => format!(" --item {}", quoted(&item)),
    });
    format!("--step {}{}", shown.step, item.unwrap_or_default())
}

/// The run, as lists and alerts name it.
fn named(shown: &Shown) -> String {
    shown.name.as_ref().map_or_else(|| shown.run.to_string(), ToString::to_string)
}

/// Shows who one is and asks what waits.
fn waiting(agent: &Authority, args: &Args, hand: &Hand, run: Option<&RunRef>) -> Result<WaitingForMe, Error> {
    let (challenge, _) = challenge::ask(agent, &args.client, &args.key.person)?;
    let signature = hand.sign(Namespace::Console, challenge.as_bytes())?;
    let body =
        send(agent, args, "/v1/decisions", &SignedIn { challenge, signature: signature.into(), run: run.cloned() })?;
    serde_json::from_str(&body).map_err(|e| Error::input(format!("the agent's answer is malformed: {e}")))
}

/// What is sent.
fn sign(args: &Args, hand: &Hand, shown: &Shown, choice: Choice) -> Result<SignedDecision, Error> {
    let decision = shown.decision(&args.key.person, choice, None);
    let bytes = canon::to_bytes(&decision).map_err(|e| Error::internal("write the decision", e))?;
    let signature = hand.sign(Namespace::Decision, &bytes)?;
    let decision = String::from_utf8(bytes).map_err(|e| Error::internal("write the decision", e))?;
    Ok(SignedDecision { decision, signature: signature.into(), edits: BTreeMap::new() })
}

/// The hash of what is shown, computed here: what is signed is what was seen. Source: formats.md section 2.
fn shown_digest(shown: &Shown) -> Result<Digest, Error> {
    let mut bytes = shown.salt.as_bytes().to_vec();
    bytes.extend(canon::to_bytes(&shown.values).map_err(|e| Error::input(format!("what is shown: {e}")))?);
    Ok(Digest::tagged("assent-shown/v1", &bytes))
}

fn show(waiting: &WaitingForMe, format: Format, context: &mut Context<'_>) -> Result<(), Error> {
    if format == Format::Json {
        return context.print_json(waiting);
    }
    if waiting.decisions.is_empty() {
        return context.print("nothing waits for you\n");
    }
    waiting.decisions.iter().try_for_each(|shown| context.print(&question(shown)))
}

/// A question with everything that it shows.
fn question(shown: &Shown) -> String {
    let Shown { client, workflow, run, step, until, .. } = shown;
    let id = shown.name.as_ref().map(|_| format!(" ({run})")).unwrap_or_default();
    let item = shown.item.as_ref().map(|item| format!("  item {}", told::value(&item.as_str().into())));
    let item = item.unwrap_or_default();
    let mut said = format!("{client}/{workflow}  run {}{id}  step {step}{item}  until {until}\n", named(shown));
    if shown.guardrail {
        said.push_str("    above a limit of the client\n");
    }
    for (path, value) in &shown.values {
        // As on the page and in chats: amounts with their unit, nothing that moves the cursor.
        let value = told::value(value).replace('\n', "\n      ");
        said.extend(["    ", path, ": ", &value, "\n"]);
    }
    if !shown.done.is_empty() {
        let done: Vec<&str> = shown.done.iter().map(Name::as_str).collect();
        said.extend(["    already done, and not done again: ", &done.join(", "), "\n"]);
    }
    said
}

/// Posts what was signed; the body of a success.
fn send(agent: &Authority, args: &Args, path: &str, body: &impl Serialize) -> Result<String, Error> {
    challenge::post(agent, path, body).and_then(|answer| self::body(args, answer))
}

/// The body of a success, or why it is none.
fn body(args: &Args, answer: Answer) -> Result<String, Error> {
    match answer.status {
        200..=299 => Ok(answer.body),
        _ => Err(challenge::refused(&answer, (&args.client, &args.key.person), "decides")),
    }
}

/// Whether the agent said that it did not take a decision. Where its answer was lost, or it could not say, the decision may count,
/// and nobody else has its receipt.
fn says_no(answer: Result<&Answer, &Error>) -> bool {
    answer.is_ok_and(|answer| (400..=499).contains(&answer.status))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn asked(number: u32, step: &str, item: Option<&str>) -> Shown {
        let digest = Digest::of_file(format!("{step}{item:?}").as_bytes());
        let mut shown = json!({"project": digest, "client": "acme", "approvers": digest, "agent": "eu-1",
            "run": format!("{number:032x}"), "name": format!("acme-{number}"), "workflow": "overdue", "step": step, "plan": digest,
            "guardrail": false, "by": "leads", "until": "2026-06-01T10:00:00Z", "signature": true, "values": {"invoice.id": item},
            "edit": [], "salt": digest, "shown": digest, "nonce": digest});
        if let (Some(shown), Some(item)) = (shown.as_object_mut(), item) {
            shown.insert("item".into(), item.into());
        }
        serde_json::from_value(shown).unwrap()
    }

    /// Which one is chosen, or why none is.
    fn names(waiting: &[Shown], run: &str, step: Option<&str>, item: Option<&str>) -> Result<Digest, String> {
        let (run, step) = (run.parse().unwrap(), step.map(|step| step.parse().unwrap()));
        let which = Which { run: &run, step: step.as_ref(), item };
        chosen(waiting, &which, &"lena".parse().unwrap()).map(|shown| shown.nonce).map_err(|no| no.to_string())
    }

    #[test]
    fn a_question_of_an_item_is_chosen_by_its_key_alone() {
        let all = || vec![asked(5, "agree", Some("INV-1")), asked(5, "agree", Some("INV 4")), asked(6, "agree", None)];
        let nonce = |place: usize| Ok(all()[place].nonce);
        for run in ["acme-5", &format!("{:032x}", 5)] {
            assert_eq!(names(&all(), run, Some("agree"), Some("INV 4")), nonce(1));
            for (step, item) in [(Some("agree"), None), (None, None)] {
                let said = names(&all(), run, step, item).unwrap_err();
                assert!(
                    said.starts_with("nothing was signed") && said.contains("--step agree --item INV-1\n"),
                    "{said}"
                );
                assert!(said.ends_with("  --step agree --item 'INV 4'"), "{said}");
            }
            assert!(names(&all(), run, Some("agree"), Some("INV-9")).unwrap_err().starts_with("no such decision"));
        }
        assert_eq!(names(&all(), "acme-6", Some("agree"), None), nonce(2));
        // Between look and answer others may have answered: what is left is not what was seen.
        let left = [asked(5, "agree", Some("INV-1"))];
        assert!(names(&left, "acme-5", Some("agree"), None).is_err_and(|said| said.contains("--item INV-1")));
        assert!(names(&[asked(6, "pay", None)], "acme-6", None, None).is_err_and(|said| said.contains("--step pay")));
    }

    #[test]
    fn a_receipt_stays_where_nobody_knows_whether_the_decision_counts() {
        let status = |status| Answer { status, body: String::new() };
        assert!(says_no(Ok(&status(404))) && says_no(Ok(&status(409))));
        assert!(!says_no(Ok(&status(200))) && !says_no(Ok(&status(503))));
        assert!(!says_no(Err(&Error::input("no answer"))));
    }

    #[test]
    fn who_was_faster_is_told_of_the_question_that_is_named() {
        let over = |step: &str, item: Option<&str>, by: &str| -> NoLonger {
            let (run, at) = (format!("{:032x}", 5), "2026-06-01T09:00:00Z");
            let over = json!({"run": run, "workflow": "overdue", "step": step, "item": item, "end": "approve", "by": by, "at": at});
            serde_json::from_value(over).unwrap()
        };
        let all =
            [over("agree", Some("INV 1"), "lena"), over("agree", Some("INV-2"), "otto"), over("pay", None, "otto")];
        let run = "acme-5".parse().unwrap();
        let told = |step: Option<&str>, item: Option<&str>| {
            let step = step.map(|step| step.parse().unwrap());
            over_of(&all, &Which { run: &run, step: step.as_ref(), item })
        };
        let head = "run acme-5 asks that no more, and nothing was signed now: ";
        let one = "--step agree --item 'INV 1': lena said yes at 2026-06-01T09:00:00Z";
        assert_eq!(told(Some("agree"), Some("INV 1")), Some(format!("{head}{one}")));
        assert!(told(None, None).is_some_and(|said| said.starts_with(&format!("{head}\n  {one}\n  --step agree"))));
        assert_eq!(told(Some("agree"), Some("INV-9")), None);
    }

    #[test]
    fn what_is_done_already_is_told_before_it_is_signed() {
        let mut shown = asked(5, "agree", None);
        shown.done = ["pay".parse().unwrap()].into();
        assert!(question(&shown).ends_with("    already done, and not done again: pay\n"));
    }

    #[test]
    fn what_is_signed_is_told_with_run_and_item() {
        let said = question(&asked(5, "agree", Some("INV-1")));
        let head =
            format!("acme/overdue  run acme-5 ({:032x})  step agree  item INV-1  until 2026-06-01T10:00:00Z\n", 5);
        assert_eq!(said, format!("{head}    invoice.id: INV-1\n"));
    }
}
