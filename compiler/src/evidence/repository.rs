//! What a source says for and against each promise.

use std::collections::BTreeSet;

use assent_schema::class::Class;
use assent_schema::client::{Carries, ClientFacts, ConnectionTo};
use assent_schema::code::Severity;
use assent_schema::counted::counted;
use assent_schema::id::ClientId;
use assent_schema::plan::{Action, Plan};
use assent_schema::uses::{DataUse, UseKind};

use super::{Notes, Seen};
use crate::check::Judged;
use crate::sentence::Categories;
use crate::source::shown_path;

/// Looks at the findings, then at each client.
pub(super) fn look(seen: &Seen<'_>, notes: &mut Notes) {
    for finding in seen.findings.iter().filter(|finding| finding.code.row().severity == Severity::Error) {
        let elsewhere = seen.client.is_some_and(|client| {
            finding
                .span
                .file
                .strip_prefix("clients/")
                .is_some_and(|rest| rest.split('/').next() != Some(client.as_str()))
        });
        if elsewhere {
            continue;
        }
        let said = format!("{}: {} ({})", shown_path(&finding.span.file), finding.message, finding.code);
        // What belongs to no promise in particular keeps the commit from being released at all.
        let promises = finding.code.row().promises;
        for promise in if promises.is_empty() { &["P15"] } else { promises } {
            notes.object(promise, said.clone());
        }
    }
    notes.see("P07", format!("{} of the commit searched for secrets.", counted(seen.files, "file")));
    if seen.too_large > 0 {
        notes.object(
            "P07",
            format!("Too large to be searched for secrets: {} of the commit.", counted(seen.too_large, "file")),
        );
    }
    seen.kept.iter().for_each(|kept| notes.see("P01", kept));
    for (id, client) in seen.clients() {
        facts(id, &client.facts, seen, notes);
        signed(id, seen, notes);
        for workflow in client.workflows.values() {
            plan(id, &workflow.plan, notes);
        }
        if let Some(judged) = seen.survey.judged.get(id) {
            uses(id, judged, notes);
        }
    }
    notes.see("P26", "This page: every sentence, what enforces it, what was seen, and what software cannot enforce.");
}

/// Who signed for the client's folder. Whoever may not is a finding; approvals may be brought by anybody.
fn signed(id: &ClientId, seen: &Seen<'_>, notes: &mut Notes) {
    let (people, unknown) = seen.authors.below(&format!("clients/{id}/"));
    let by = if people.is_empty() { "nobody who is known".to_owned() } else { listed(&people) };
    let beside = if unknown { ", and by commits without a signature that counts" } else { "" };
    notes.see("P09", format!("{id}: the commits that changed its folder are signed by {by}{beside}."));
}

fn facts(id: &ClientId, facts: &ClientFacts, seen: &Seen<'_>, notes: &mut Notes) {
    for (name, connection) in &facts.connections {
        notes.see("P05", format!("{id}: {name} leads to {} in {}.", connection.host, connection.region));
        let scopes = listed(&connection.scopes);
        if !scopes.is_empty() {
            notes.see("P06", format!("{id}: {name} is granted {scopes}; its workflows need exactly these."));
        }
        for (slot, rule) in &connection.slots {
            notes.see("P08", format!("{id}: {name}/{slot} is to be rotated every {}.", rule.rotate));
        }
        if let ConnectionTo::Provider { name: provider, model, agreement, .. } = &connection.to {
            let keeps =
                agreement.retention.map_or_else(|| "keeps nothing".to_owned(), |time| format!("keeps input {time}"));
            let said = format!(
                "{id}: {provider} ({model}) under `{}`, which forbids training, until {}; it {keeps}.",
                agreement.name, agreement.until
            );
            notes.see("P23", said.clone());
            notes.see("P24", said);
        }
    }
    for route in &facts.routes {
        let carries = match route.carries {
            Carries::Alerts => "alerts",
            Carries::Incidents => "incidents",
            Carries::PostMortems => "post-mortems",
        };
        notes.see("P13", format!("{id}: {carries} go to the route {}.", route.endpoint));
    }
    notes.see("P14", format!("{id}: its ledger is kept {} on the plan `{}`.", facts.retention, tier(facts)));
    let days = facts.calendar.hours.len();
    let holidays = facts.calendar.holidays.len();
    notes.see(
        "P20",
        format!("{id}: plan `{}`, {days} business days a week in {}, {holidays} holidays.", tier(facts), facts.zone),
    );
    let folder = format!("clients/{id}/incidents/");
    let written = seen.postmortems.keys().filter(|path| path.starts_with(&folder)).count();
    notes.see("P21", format!("{id}: {written} post-mortems are in `{folder}`."));
    let contacts = listed(&facts.contacts);
    if contacts.is_empty() {
        notes.object("P26", format!("{id} names no contacts: there is nobody to walk through this page."));
    }
    let shares = facts.routes.iter().any(|route| route.carries == Carries::PostMortems);
    if shares && !contacts.is_empty() {
        notes.see("P22", format!("{id}: shared with {contacts}."));
    } else {
        let what = if shares { "names no contacts" } else { "has no route that carries post-mortems" };
        notes.object("P22", format!("{id} {what}: nothing could be shared."));
    }
    if let Some(trust) = seen.survey.trusted.statements.get(id) {
        let approved = trust.approved(seen.at);
        let first = approved.iter().map(|approved| approved.expires).min();
        let ends = first.map(|first| format!(", the first of them until {first}")).unwrap_or_default();
        notes.see("P25", format!("{id}: {} data uses are approved in writing{ends}.", approved.len()));
    }
}

fn plan(id: &ClientId, plan: &Plan, notes: &mut Notes) {
    let name = format!("{id}/{}", plan.workflow);
    let kpis: Vec<String> = plan.kpis.iter().map(|kpi| kpi.name.to_string()).collect();
    if !kpis.is_empty() {
        notes.see("P01", format!("{name}: kept as counts or sums: `{}`.", kpis.join("`, `")));
    }
    let (mut caches, mut most) = (Vec::new(), 0);
    for step in plan.every_step() {
        if let Action::Call { cache, retry, .. } = &step.action {
            caches.extend(cache.map(|time| format!("{} for {time}", step.id)));
            most = most.max(retry.attempts);
        }
    }
    let answers = if caches.is_empty() {
        "no answer is kept".to_owned()
    } else {
        format!("sealed answers are kept by {}", caches.join(", "))
    };
    notes.see(
        "P02",
        format!(
            "{name}: {answers}; what a run that waits needs is sealed under keys that end within 23 h, by the kernel where it takes keys."
        ),
    );
    if most > 0 {
        notes.see("P18", format!("{name}: at most {}, with exponential backoff and jitter.", counted(most, "attempt")));
    }
    notes.see(
        "P12",
        format!("{name}: at most {} at once, each for at most {}.", plan.limits.concurrency, plan.limits.timeout),
    );
    notes.see("P19", format!("{name}: what cannot be finished goes to {}.", plan.fallback.queue));
    notes.see("P23", format!("{name}: its purpose is `{}`.", plan.purpose));
}

fn uses(id: &ClientId, judged: &Judged, notes: &mut Notes) {
    for (workflow, judged) in &judged.workflows {
        let fields = |wanted: fn(&DataUse, Class) -> bool| {
            let each =
                judged.uses.iter().flat_map(|used| used.fields.iter().map(move |(field, class)| (used, field, class)));
            each.filter(|(used, _, class)| wanted(used, **class))
                .map(|(_, field, _)| field.clone())
                .collect::<BTreeSet<_>>()
        };
        let personal = fields(|used, class| class == Class::Personal && used.kind != UseKind::Release);
        let categories = Categories::of([&*judged.lowered.plan]);
        let named: Vec<String> = personal.iter().map(|field| categories.named(field)).collect();
        let uses = if named.is_empty() { "none".to_owned() } else { named.join(", ") };
        notes.see("P03", format!("{id}/{workflow}: the personal data that it uses: {uses}."));
        for used in judged.uses.iter().filter(|used| used.kind == UseKind::Release) {
            let what = used.releases.join("`, `");
            notes.see(
                "P04",
                format!(
                    "{id}/{workflow}: at most {} about content become facts in one run: `{what}`.",
                    counted(used.bits.unwrap_or(0), "bit")
                ),
            );
        }
    }
    let (all, missing) = (judged.all_uses().len(), judged.missing.len());
    notes.see("P25", format!("{id}: data uses needed: {all}, {missing} of them without approval."));
}

fn tier(facts: &ClientFacts) -> &'static str {
    use assent_schema::client::Tier;
    match facts.plan {
        Tier::Starter => "starter",
        Tier::Growth => "growth",
        Tier::Scale => "scale",
    }
}

fn listed<T: ToString>(all: &BTreeSet<T>) -> String {
    all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
