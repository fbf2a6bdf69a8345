//! Every system that a workflow talks to, made of what its plan says of them: answers fit their shapes, some requests fail.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use assent_agent::content::Content;
use assent_agent::request::{chat, oauth};
use assent_agent::sim::{Reply, Service};
use assent_agent::world::{HttpRequest, HttpResponse, NetFailure, Wall};
use assent_schema::canon::Digest;
use assent_schema::expr::Origin;
use assent_schema::id::{Name, OperationRef};
use assent_schema::plan::{Action, Answer, Effect, Operation, Plan, Step};
use assent_tests::generate::Dice;
use assent_tests::scenarios::values::put;
use assent_tests::systems::answered_fields;
use serde_json::{Value, json};

use crate::inputs::{Inputs, Spot, named, text};
use crate::once::Did;
use crate::tries;

/// How long every answer takes: time tells nothing of content.
const ANSWER_TIME: Duration = Duration::from_millis(20);

/// One request as its party sees it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sent {
    pub(crate) at: Wall,
    pub(crate) operation: OperationRef,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
    /// The parameters as the other side understands them.
    pub(crate) with: BTreeMap<Name, Value>,
    /// The idempotency key.
    pub(crate) key: Option<String>,
}

/// How often each thing was asked for since the agent started: what is read again is what it was.
pub(crate) type Counts = Arc<Mutex<BTreeMap<String, usize>>>;

/// Who answers.
pub(crate) struct Outside {
    pub(crate) plan: Arc<Plan>,
    pub(crate) inputs: Inputs,
    counts: Counts,
    sent: Arc<Mutex<Vec<Sent>>>,
    did: Arc<Mutex<Vec<Did>>>,
}

/// What tells the question of one step from those of others to the same provider.
pub(crate) fn marker(step: &Name) -> String {
    format!("[[{step}]]")
}

impl Outside {
    pub(crate) fn new(plan: Arc<Plan>, inputs: Inputs) -> (Self, Arc<Mutex<Vec<Sent>>>, Counts) {
        let (sent, counts) = (Arc::<Mutex<Vec<Sent>>>::default(), Counts::default());
        let did = Arc::default();
        (Self { plan, inputs, counts: Arc::clone(&counts), sent: Arc::clone(&sent), did }, sent, counts)
    }

    /// The effects that were done, in order, shared with who looks afterwards.
    pub(crate) fn did(&self) -> Arc<Mutex<Vec<Did>>> {
        Arc::clone(&self.did)
    }

    fn count(&mut self, name: &str) -> Spot {
        let mut counts = self.counts.lock().unwrap();
        let count = counts.entry(name.to_owned()).or_default();
        *count += 1;
        Spot { answer: *count, item: None }
    }

    /// Whether this request fails: now and then, and more often because of what content it holds.
    fn fails(&self, name: &str, spot: &Spot, content: &str) -> Option<Dice> {
        let mut by_fact = self.inputs.dice(name, true, spot);
        let mut by_content = Dice::of(self.inputs.facts, &[name, &spot.answer.to_string(), content]);
        if by_fact.one_in(30) {
            return Some(by_fact);
        }
        (!content.is_empty() && by_content.one_in(12)).then_some(by_content)
    }

    fn call(
        &mut self,
        reference: &OperationRef,
        operation: &Operation,
        with: &BTreeMap<Name, Value>,
    ) -> Result<HttpResponse, NetFailure> {
        let spot = self.count(&reference.to_string());
        let is_content = |name: &Name| operation.params.get(name.as_str()).is_some_and(|param| !param.class.is_fact());
        let content: Vec<String> =
            with.iter().filter(|(name, _)| is_content(name)).map(|(name, value)| format!("{name}={value};")).collect();
        if let Some(dice) = self.fails(&reference.to_string(), &spot, &content.concat()) {
            return failure(operation, dice);
        }
        let origin = Origin::Connection(reference.connection.clone());
        let mut body = self.inputs.record(&answered_fields(operation), &origin, operation.record.as_str(), &spot);
        self.jobs(reference, &mut body);
        Ok(response(200, body.to_string().into_bytes()))
    }

    /// A job is done when it is asked for.
    fn jobs(&self, reference: &OperationRef, body: &mut Value) {
        for (parent, job) in self.plan.operations.iter().filter_map(|(name, one)| Some((name, one.job.as_ref()?))) {
            let field = self.plan.operations.get(reference).and_then(|read| read.response.get(job.field.as_str()));
            if let (true, Some(field)) =
                (parent.connection == reference.connection && job.read == reference.operation, field)
            {
                put(body, &field.at, json!(job.done.first()));
            }
        }
    }

    fn ask(&mut self, request: &HttpRequest) -> Result<HttpResponse, NetFailure> {
        let body = String::from_utf8_lossy(request.body.reveal()).into_owned();
        let plan = Arc::clone(&self.plan);
        let asks = |step: &&Step| matches!(&step.action, Action::Ask { .. }) && body.contains(&marker(&step.id));
        let step = plan.every_step().find(asks).unwrap();
        let Action::Ask { answer, .. } = &step.action else { unreachable!("an ask") };
        let spot = self.count(&format!("ask {}", step.id));
        let end = self.inputs.ends.get(spot.answer.saturating_sub(1)).copied();
        if let Some(ended) = end.and_then(|end| tries::end(end, request)) {
            return ended;
        }
        if end.is_none()
            && let Some(mut dice) = self.fails(&format!("ask {}", step.id), &spot, &body)
        {
            return match dice.below(4) {
                0 => Ok(response(200, chat::reply(request, None))),
                1 => Ok(response(200, chat::reply(request, Some("{}")))),
                2 => Ok(response(503, Vec::new())),
                _ => Err(NetFailure::NeverConnected),
            };
        }
        let mut json = json!({});
        for (name, form) in answer {
            // Its choices follow from what it was asked; all else is content of its own.
            let name_of = named(&Origin::Agent, &format!("{}.{name}", step.id));
            let mut dice = match form {
                Answer::OneOf(_) => Dice::of(self.inputs.facts, &[&name_of, &body]),
                _ => self.inputs.dice(&name_of, false, &spot),
            };
            put(&mut json, name.as_str(), answered(form, &mut dice));
        }
        Ok(response(200, chat::reply(request, Some(&json.to_string()))))
    }
}

/// An id of the request that tells what the request holds: what an API writes that means no good.
fn echo(request: &HttpRequest) -> Vec<u8> {
    let whole = [request.target.reveal().as_bytes(), b"\0", request.body.reveal()].concat();
    Digest::of_file(&whole).to_string().into_bytes()
}

fn answered(form: &Answer, dice: &mut Dice) -> Value {
    match form {
        Answer::OneOf(values) => json!(dice.pick(values)),
        Answer::Number { least, most } => serde_json::from_str(if dice.one_in(2) { least } else { most }).unwrap(),
        Answer::Boolean {} => json!(dice.one_in(2)),
        Answer::Text { most_bytes } => json!(text(dice, *most_bytes)),
        // The first item of any list has this id.
        Answer::Citations { .. } => {
            if dice.one_in(2) {
                json!([])
            } else {
                json!(["4100"])
            }
        }
    }
}

fn failure(operation: &Operation, mut dice: Dice) -> Result<HttpResponse, NetFailure> {
    let rules: Vec<_> = operation.errors.iter().filter(|rule| !rule.status.is_empty()).collect();
    match dice.below(5) {
        0 => Err(NetFailure::NeverConnected),
        1 => Err(NetFailure::SentNoReply),
        2 => Ok(response(500, Vec::new())),
        _ => match dice.pick(&rules) {
            Some(rule) => {
                let mut body = json!({});
                if let Some(own) = &rule.body {
                    put(&mut body, &own.at, json!(own.equals));
                }
                Ok(response(*rule.status.first().unwrap(), body.to_string().into_bytes()))
            }
            None => Ok(response(400, Vec::new())),
        },
    }
}

pub(crate) fn response(status: u16, body: Vec<u8>) -> HttpResponse {
    let kind = ("content-type".to_owned(), Content::new(b"application/json".to_vec()));
    HttpResponse { status, headers: vec![kind], body: Content::new(body) }
}

impl Service for Outside {
    fn answer(&mut self, now: Wall, request: HttpRequest) -> Reply {
        let reference = request.operation.clone();
        let known = self.plan.operations.get(&reference).cloned();
        let read = known.as_ref().map(|operation| assent_agent::sim::read_wire(operation, &request));
        let (with, key) = read.map(|done| (done.with, done.key)).unwrap_or_default();
        self.sent.lock().unwrap().push(Sent {
            at: now,
            operation: reference.clone(),
            target: request.target.reveal().clone(),
            headers: request.headers.iter().map(|(name, value)| (name.clone(), value.reveal().clone())).collect(),
            body: request.body.reveal().clone(),
            with: with.clone(),
            key: key.clone(),
        });
        let mut result = match &known {
            Some(operation) => self.call(&reference, operation, &with),
            None => match oauth::reply(&request) {
                Some(token) => Ok(response(200, token)),
                None => self.ask(&request),
            },
        };
        let done = result.as_ref().is_ok_and(|response| response.status == 200);
        if done && known.is_some_and(|operation| operation.effect != Effect::None) {
            self.did.lock().unwrap().push((reference, key));
        }
        if let Ok(response) = &mut result {
            response.headers.push(("x-request-id".to_owned(), Content::new(echo(&request))));
        }
        Reply { result, after: ANSWER_TIME }
    }
}
