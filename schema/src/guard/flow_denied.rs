//! `flow-denied`: a value reaches what may not hold its class. [`crate::flow`] follows values; this file only compares.

use super::{Breach, Judged, at, may_take, of_workflow};
use crate::class::{Class, Sink};
use crate::client::ConnectionTo;
use crate::code::Code;
use crate::flow::{Flow, Part, Site, Sought, way};
use crate::id::{ConnectionId, OperationRef};
use crate::plan::{Action, Channel, Step};

/// Reports each sink that is given more than it may hold, with the way that the value took.
///
/// # Source
/// language.md section 5, "Sinks". Promises P01, P04.
pub(super) fn check(judged: &Judged<'_>) -> Vec<Breach> {
    let mut found = Vec::new();
    for step in &judged.steps {
        match &step.action {
            Action::Call { operation, .. } => called(judged, step, operation, &mut found),
            Action::Ask { connection, .. } => asked(judged, step, connection, &mut found),
            Action::Decide { .. } => shown(judged, step, &mut found),
            Action::Set { .. } | Action::Each(_) | Action::Wait { .. } | Action::Stop { .. } => {}
        }
    }
    queued(judged, &mut found);
    counted(judged, &mut found);
    found
}

fn denied(judged: &Judged<'_>, site: Site, class: Class, most: Class, sink: &str) -> Breach {
    let walked = way(judged.plan, judged.flows, &site, Sought::Above(most));
    let said = format!("A value of class `{class}` reaches {sink}, which holds at most `{most}`.");
    Breach::new(Code::FlowDenied, site, said).way(walked)
}

/// What an operation's parameters accept, and what a guardrail counts by.
fn called(judged: &Judged<'_>, step: &Step, reference: &OperationRef, found: &mut Vec<Breach>) {
    let Some(operation) = judged.plan.operations.get(reference) else { return };
    let Some(flow) = judged.flows.step(step.id.as_str()) else { return };
    let counts = |param: &str| {
        let by_customer = judged.client.guardrails.iter().filter(|guardrail| guardrail.operation == *reference);
        let mut customers = by_customer.filter_map(|guardrail| guardrail.per_customer.as_ref());
        customers.any(|customer| customer.param.as_str() == param)
    };
    for (name, inner) in &flow.inner {
        if !may_take(inner.most, inner.flow.label.class) {
            let sink = format!("`{name}{}` of `{reference}`", inner.path);
            let site = at(step, Part::With(name.clone()));
            found.push(denied(judged, site, inner.flow.label.class, inner.most, &sink));
        }
    }
    for (name, given) in &flow.with {
        let Some(param) = operation.params.get(name.as_str()) else { continue };
        let class = given.label.class;
        let site = at(step, Part::With(name.clone()));
        if !may_take(param.class, class) {
            let sink = format!("the parameter `{name}` of `{reference}`");
            found.push(denied(judged, site, class, param.class, &sink));
        } else if !class.is_fact() && (param.amount || counts(name.as_str())) {
            let sink = format!("`{name}` of `{reference}`, by which money or calls are counted");
            found.push(denied(judged, site, class, Class::Reference, &sink));
        }
    }
}

/// What a provider may be given, as the catalog says.
fn asked(judged: &Judged<'_>, step: &Step, connection: &ConnectionId, found: &mut Vec<Breach>) {
    let Some(ConnectionTo::Provider { class: most, .. }) =
        judged.client.connections.get(connection).map(|facts| &facts.to)
    else {
        return;
    };
    let Some(flow) = judged.flows.step(step.id.as_str()) else { return };
    let with = flow.with.iter().map(|(name, given)| (Part::With(name.clone()), given));
    for (part, given) in with.chain(flow.sources.iter().map(|given| (Part::Sources, given))) {
        if !may_take(*most, given.label.class) {
            found.push(denied(judged, at(step, part), given.label.class, *most, &format!("the AI `{connection}`")));
        }
    }
}

/// What a chat shows. A field above that becomes a link to the page, so there must be a page.
fn shown(judged: &Judged<'_>, step: &Step, found: &mut Vec<Breach>) {
    let Action::Decide { show, via, .. } = &step.action else { return };
    let Some(flow) = judged.flows.step(step.id.as_str()) else { return };
    for (position, channel) in via.iter().enumerate() {
        let Channel::Helpdesk(note) = channel else { continue };
        let class = flow.show.get(&note.on).map_or(Class::Public, |shown| shown.label.class);
        if !class.is_fact() {
            let sink = format!("the record on which `{}` asks", note.connection);
            found.push(denied(judged, at(step, Part::Via(position)), class, Class::Reference, &sink));
        }
    }
    if via.iter().any(Channel::is_own) {
        return;
    }
    // Without a channel nothing is shown to anybody.
    let Some(most) = via.iter().map(|channel| judged.client.shown_by(channel)).max() else { return };
    for (position, path) in show.iter().enumerate() {
        let class = flow.show.get(path).map_or(Class::Public, |shown| shown.label.class);
        if !may_take(most, class) {
            let breach = denied(judged, at(step, Part::Show(position)), class, most, "the channels of this decision");
            found.push(breach.help("Add `\"page\"` to `via`: what a chat may not show becomes a link to it."));
        }
    }
}

/// The manual queue, and the key by which runs wait for one another, which the journal holds.
fn queued(judged: &Judged<'_>, found: &mut Vec<Breach>) {
    let mut durable = |part: Part, flow: &Option<Flow>, sink: Sink, name: &str| {
        let class = flow.as_ref().map_or(Class::Public, |flow| flow.label.class);
        if !may_take(sink.clearance(), class) {
            found.push(denied(judged, of_workflow(part), class, sink.clearance(), name));
        }
    };
    durable(Part::OneAtATime, &judged.flows.key, Sink::Journal, "the journal");
    durable(Part::Open, &judged.flows.open, Sink::Queue, "the manual queue");
}

/// What KPIs sum and are divided by. Constants and counts of facts are public.
fn counted(judged: &Judged<'_>, found: &mut Vec<Breach>) {
    for (place, kpi) in judged.plan.kpis.iter().enumerate() {
        let labels = kpi.by.iter().enumerate().map(|(label, path)| (Part::KpiBy(place, label), path));
        for (part, path) in labels.chain(kpi.sum.iter().map(|path| (Part::KpiSum(place), path))) {
            let known = crate::flow::find(judged.flows, path);
            let class = known.map_or(Class::Public, |known| known.whole_label().class);
            if !class.is_fact() {
                let sink = format!("the KPI `{}`", kpi.name);
                found.push(denied(judged, of_workflow(part), class, Class::Reference, &sink));
            }
        }
    }
}
