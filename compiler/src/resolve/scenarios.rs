//! A test file to lowered scenarios: every operation, step, KPI and person that they name exists in the plan.

use std::collections::{BTreeMap, BTreeSet};

use assent_schema::client::ClientFacts;
use assent_schema::code::Code;
use assent_schema::finding::Findings;
use assent_schema::id::{ConnectionId, Name, OperationRef};
use assent_schema::plan::{Action, Plan, SCHEMA, Target, Until};
use assent_schema::scenario::{Decided, Expect, ExpectedCall, Further, Later, Reply, Scenario, Tests, TestsType};
use assent_schema::spec::{self, Spanned, Unit};

use super::names::Report;

/// The operation by which scenarios and data uses speak of an AI provider.
const ASK: &str = "ask";

/// Resolves the scenarios of one workflow.
pub(super) fn resolve(plan: &Plan, facts: &ClientFacts, unit: &Unit<spec::Tests>, findings: &mut Findings) -> Tests {
    let mut report = Report::new(unit, findings);
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    let names = Names::new(plan, facts);
    let mut scenarios = Vec::with_capacity(unit.spec.scenarios.len());
    for scenario in &unit.spec.scenarios {
        if !seen.insert(scenario.name.as_str()) {
            report.duplicate("scenario", &scenario.name, &scenario.name.span);
        }
        scenarios.push(resolve_scenario(scenario, &names, &mut report));
    }
    Tests {
        kind: TestsType::Tests,
        schema: SCHEMA,
        client: plan.client.clone(),
        workflow: plan.workflow.clone(),
        scenarios,
    }
}

/// What a scenario may name.
struct Names {
    operations: Vec<String>,
    /// The parameters of each operation that is called.
    params: BTreeMap<OperationRef, Vec<String>>,
    decides: Vec<String>,
    /// Who is in the group of each of them.
    deciders: BTreeMap<String, Vec<String>>,
    /// The paths that each of them lets a person edit.
    edits: BTreeMap<String, Vec<String>>,
    stops: Vec<String>,
    kpis: Vec<String>,
    /// Connections whose events concern runs that are under way.
    heard: Vec<String>,
}

impl Names {
    fn new(plan: &Plan, facts: &ClientFacts) -> Self {
        let asked = plan.connections.iter().filter(|(_, target)| matches!(target, Target::Provider(_)));
        let asked = asked.map(|(connection, _): (&ConnectionId, _)| format!("{connection}.{ASK}"));
        let step = |pick: fn(&Action) -> bool| plan.every_step().filter(move |step| pick(&step.action));
        let decides = step(|action| matches!(action, Action::Decide { .. })).map(|step| step.id.to_string());
        let deciders = plan.every_step().filter_map(|step| match &step.action {
            Action::Decide { by, .. } => {
                let people = facts.deciders.get(by).into_iter().flatten();
                Some((step.id.to_string(), people.map(ToString::to_string).collect()))
            }
            _ => None,
        });
        let edits = plan.every_step().filter_map(|step| match &step.action {
            Action::Decide { edit, .. } => Some((step.id.to_string(), edit.clone())),
            _ => None,
        });
        let stops = plan.every_step().filter_map(|step| match &step.action {
            Action::Stop { outcome } => Some(outcome.to_string()),
            _ => None,
        });
        let params = plan
            .operations
            .iter()
            .map(|(name, operation)| (name.clone(), operation.params.keys().map(ToString::to_string).collect()));
        Self {
            params: params.collect(),
            operations: plan.operations.keys().map(OperationRef::to_string).chain(asked).collect(),
            decides: decides.collect(),
            deciders: deciders.collect(),
            edits: edits.collect(),
            stops: stops.collect(),
            heard: heard(plan),
            kpis: plan.kpis.iter().map(|kpi| kpi.name.to_string()).collect(),
        }
    }
}

fn resolve_scenario(scenario: &spec::Scenario, names: &Names, report: &mut Report<'_>) -> Scenario {
    let replies = scenario.replies.iter().map(|reply| {
        check_operation(&reply.to, names, report);
        Reply {
            to: reply.to.value.clone(),
            status: reply.status,
            body: reply.body.as_ref().map(|body| body.value.clone()),
            fault: reply.fault,
            after: reply.after,
            retry_after: reply.retry_after,
            headers: reply.headers.clone(),
        }
    });
    Scenario {
        name: scenario.name.value.clone(),
        at: scenario.at.value,
        event: scenario.event.as_ref().map(|event| event.value.clone()),
        further: scenario
            .further
            .iter()
            .map(|(after, event)| Further { after: *after, event: event.value.clone() })
            .collect(),
        replies: replies.collect(),
        decisions: scenario.decisions.iter().map(|decided| resolve_decided(decided, names, report)).collect(),
        later: scenario.later.iter().map(|later| resolve_later(later, names, report)).collect(),
        expect: resolve_expect(&scenario.expect, names, report),
    }
}

/// Connections whose events a `wait` waits for or a `[[cancel]]` listens to.
fn heard(plan: &Plan) -> Vec<String> {
    let waits = plan.every_step().filter_map(|step| match &step.action {
        Action::Wait { until: Until::Event(awaited) } => Some(&awaited.on),
        _ => None,
    });
    let cancels = plan.cancels.iter().map(|cancel| &cancel.on);
    let names: BTreeSet<String> = waits.chain(cancels).map(|event| event.connection.to_string()).collect();
    names.into_iter().collect()
}

fn resolve_later(later: &spec::Later, names: &Names, report: &mut Report<'_>) -> Later {
    let connection = later.connection.as_str();
    if !names.heard.iter().any(|known| known == connection) {
        let known: Vec<_> = names.heard.iter().map(String::as_str).collect();
        report.unknown("connection whose events this workflow waits for or ends by, called", &later.connection, &known);
    }
    Later { after: later.after.value, connection: later.connection.value.clone(), event: later.event.value.clone() }
}

fn resolve_decided(decided: &spec::Decided, names: &Names, report: &mut Report<'_>) -> Decided {
    check(&decided.step, "`decide` step", &names.decides, report);
    if let (Some(person), Some(group)) = (&decided.person, names.deciders.get(decided.step.as_str()))
        && !group.iter().any(|member| member == person.as_str())
    {
        let known: Vec<_> = group.iter().map(String::as_str).collect();
        report.unknown("person in the group that decides this, called", person, &known);
    }
    if let Some(edits) = names.edits.get(decided.step.as_str()) {
        // What stands there may be what somebody would type, so it is neither said nor pointed at.
        if decided.edits.keys().any(|path| !edits.contains(&path.value)) {
            let said = format!("An edit here is of a path that `edit` of `{}` does not name.", decided.step.value);
            let known: Vec<String> = edits.iter().map(|path| format!("`{path}`")).collect();
            let help = match known.as_slice() {
                [] => "Leave it out: nothing can be edited there.".to_owned(),
                known => format!("There are {}.", known.join(", ")),
            };
            report.add_with_help(Code::UnknownName, &decided.step.span, said, help);
        }
    }
    Decided {
        step: decided.step.value.clone(),
        person: decided.person.as_ref().map(|person| person.value.clone()),
        choice: decided.choice,
        after: decided.after,
        edits: decided.edits.iter().map(|(path, text)| (path.value.clone(), text.clone())).collect(),
    }
}

fn resolve_expect(expect: &spec::Expect, names: &Names, report: &mut Report<'_>) -> Expect {
    if let Some(stop) = &expect.stop {
        check(stop, "`stop` with the outcome", &names.stops, report);
    }
    for kpi in expect.kpis.keys() {
        check(kpi, "KPI", &names.kpis, report);
    }
    let calls = expect.calls.iter().map(|call| {
        check_operation(&call.operation, names, report);
        if let Some(params) = names.params.get(&call.operation.value) {
            let what = format!("parameter of `{}` called", call.operation.value);
            call.with.keys().for_each(|name| check(name, &what, params, report));
        }
        ExpectedCall {
            operation: call.operation.value.clone(),
            with: call.with.iter().map(|(name, value)| (name.value.clone(), value.clone())).collect(),
            times: call.times,
        }
    });
    Expect {
        outcome: expect.outcome.value,
        stop: expect.stop.as_ref().map(|stop| stop.value.clone()),
        calls: calls.collect(),
        only: expect.only,
        kpis: expect.kpis.iter().map(|(name, count)| (name.value.clone(), *count)).collect(),
        queued: expect.queued,
    }
}

fn check(name: &Spanned<Name>, what: &str, known: &[String], report: &mut Report<'_>) {
    if !known.iter().any(|known| known == name.as_str()) {
        let known: Vec<_> = known.iter().map(String::as_str).collect();
        report.unknown(what, name, &known);
    }
}

fn check_operation(operation: &Spanned<OperationRef>, names: &Names, report: &mut Report<'_>) {
    let name = operation.value.to_string();
    if !names.operations.contains(&name) {
        let known: Vec<_> = names.operations.iter().map(String::as_str).collect();
        report.unknown_at("operation of this workflow called", &name, &operation.span, &known);
    }
}
