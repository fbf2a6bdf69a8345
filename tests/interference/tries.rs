//! A provider that chooses by content how each try of an `ask` ends: by every answer, status and failure of the network that
//! there is. What journal and ledger tell of it has as many ways as the plan lists bits for, and no more.

use std::collections::{BTreeMap, BTreeSet};

use assent_agent::request::chat;
use assent_agent::world::{HttpRequest, HttpResponse, NetFailure};
use assent_schema::flow::analyse;
use assent_schema::plan::{Action, STATUSES};
use serde_json::{Value, json};

use crate::inputs::Inputs;
use crate::outside::response;
use crate::told::{Ready, Trace};
use crate::{codes, plans, ready};

/// The step that asks with content.
const STEP: &str = "mind";
/// Failures of the network.
const NETWORK: [NetFailure; 8] = [
    NetFailure::NeverConnected,
    NetFailure::AddressRefused,
    NetFailure::SentNoReply,
    NetFailure::TimedOut,
    NetFailure::TooLarge,
    NetFailure::Redirected,
    NetFailure::Compressed,
    NetFailure::Malformed,
];
/// What providers say beside a status, in both dialects.
const NAMED: [&str; 6] = [
    r#"{"error":{"code":"insufficient_quota"}}"#,
    r#"{"error":{"code":"content_filter"}}"#,
    r#"{"error":{"type":"overloaded_error"}}"#,
    r#"{"error":{"type":"rate_limit_error"}}"#,
    r#"{"error":{"type":"billing_error"}}"#,
    r#"{"error":{"type":"rate_limit_error","details":{"error_code":"enforced_spend_limit_reached"}}}"#,
];
/// How many repositories are looked through for a plan that asks.
const SEEDS_MOST: u64 = 4;
/// Answers: of use, refused, of no use, cut.
const ANSWERS: usize = 4;

/// Statuses of answers that are none.
fn statuses() -> impl Iterator<Item = u16> {
    STATUSES.into_iter().filter(|status| *status >= 300).chain([451, 529])
}

/// In how many ways a provider ends a try.
fn ends() -> usize {
    ANSWERS + NETWORK.len() + statuses().count() * (1 + NAMED.len())
}

/// One of them; nothing for an answer of use.
pub(crate) fn end(end: usize, request: &HttpRequest) -> Option<Result<HttpResponse, NetFailure>> {
    let Some(other) = end.checked_sub(ANSWERS) else {
        let body = match end {
            0 => return None,
            1 => chat::reply(request, None),
            2 => chat::reply(request, Some("{}")),
            _ => cut(&chat::reply(request, Some("{}"))),
        };
        return Some(Ok(response(200, body)));
    };
    let Some(other) = other.checked_sub(NETWORK.len()) else { return Some(Err(NETWORK[other])) };
    let status = statuses().nth(other / (1 + NAMED.len())).unwrap();
    let body = (other % (1 + NAMED.len())).checked_sub(1).map_or("", |named| NAMED[named]);
    Some(Ok(response(status, body.as_bytes().to_vec())))
}

/// An answer that did not fit into its tokens.
fn cut(answer: &[u8]) -> Vec<u8> {
    let mut answer: Value = serde_json::from_slice(answer).unwrap();
    if let Some(choice) = answer.pointer_mut("/choices/0/finish_reason") {
        *choice = json!("length");
    } else {
        answer["stop_reason"] = json!("max_tokens");
    }
    answer.to_string().into_bytes()
}

/// What is told of a run but when: how long something took is not counted.
fn told(trace: &Trace) -> Vec<String> {
    let journal = trace.journal.iter().map(|row| {
        let mut entry = serde_json::to_value(&row.entry).unwrap();
        timeless(&mut entry);
        entry.to_string()
    });
    let rest = trace.rest.iter().filter_map(|line| {
        let mut line: Value = serde_json::from_str(line).ok()?;
        timeless(&mut line);
        Some(line.to_string())
    });
    journal.chain(rest).collect()
}

fn timeless(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for name in ["again", "time", "at", "until", "since", "by", "hour", "waits"] {
                members.remove(name);
            }
            members.values_mut().for_each(timeless);
        }
        Value::Array(items) => items.iter_mut().for_each(timeless),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A plan that asks with content, twice at most, and nothing more: what follows would part as well.
fn asking() -> Ready {
    let mut wrong = Vec::new();
    let fits = (0..SEEDS_MOST).flat_map(plans).find_map(|(mut plan, facts)| {
        let place = plan.steps.iter().position(|step| step.id.as_str() == STEP)?;
        plan.steps.truncate(place + 1);
        plan.kpis.clear();
        plan.cancels.clear();
        // Nothing else may read the steps that are gone.
        plan.fallback.open = None;
        let flows = analyse(&plan).inspect_err(|errors| wrong.push(format!("{errors:?}"))).ok()?;
        let ready = ready(plan, &facts, flows)?;
        let asks = ready.play(&inputs(&[0, 0])).map(|trace| asked(&trace));
        let codes = codes(ready.plan(), &ready.flows, &facts);
        wrong.push(format!("asks {asks:?}, breaks {codes:?}"));
        (asks == Some(1) && codes.is_empty()).then_some(ready)
    });
    fits.unwrap_or_else(|| panic!("no plan asks: {wrong:#?}"))
}

fn inputs(ends: &[usize]) -> Inputs {
    Inputs { facts: 3, content: 1, varied: (0, BTreeSet::new()), ends: ends.to_vec() }
}

/// How often the provider was asked.
fn asked(trace: &Trace) -> usize {
    trace.sent.iter().filter(|sent| sent.operation.operation.as_str() == "ask").count()
}

#[test]
fn each_try_of_an_ask_tells_as_much_as_is_listed() {
    let ready = asking();
    let listed = ["mind: how it ended in 2 tries", "mind: by which failure it was not answered"].map(|what| {
        let listed = ready.flows.releases.iter().find(|release| release.what == what);
        listed.expect("it is listed").bits
    });
    let play = |ends: &[usize]| ready.play(&inputs(ends)).expect("its event is its own");
    let (mut ways, mut followed) = (BTreeSet::new(), BTreeMap::new());
    for first in 0..ends() {
        let trace = play(&[first, 0]);
        let told = told(&trace);
        if asked(&trace) > 1 {
            followed.entry(told).or_insert(first);
        } else {
            ways.insert(told);
        }
    }
    // Of no use, cut, unanswered: by which failure is not kept.
    assert_eq!(followed.len(), 3, "{followed:?}");
    for first in followed.into_values() {
        ways.extend((0..ends()).map(|second| told(&play(&[first, second]))));
    }
    let most = 1_usize << listed.iter().sum::<u32>();
    println!("{} ways, {listed:?} bits", ways.len());
    assert!(ways.len() <= most, "{} ways of {most}", ways.len());
    // And hardly less: what is listed is what there is.
    assert!(ways.len() > most / 2, "{} ways of {most}", ways.len());
    assert!(matches!(ready.plan().step(STEP).map(|step| &step.action), Some(Action::Ask { .. })));
}
