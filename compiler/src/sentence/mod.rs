//! Data uses and gaps of tests as sentences. Findings, `plan`, `test` and `approve` say the same ones.

mod briefly;
mod categories;
mod differs;
mod length;

use std::collections::BTreeMap;

use assent_schema::class::Class;
use assent_schema::coverage::Gap;
use assent_schema::id::{ClientId, Name};
use assent_schema::plan::{Action, Constant, Effect, Plan};
use assent_schema::shape::currency_digits;
use assent_schema::uses::{ConnectionParty, DataUse, GuardrailUse, Party, UseKind};

pub use briefly::briefly;
pub use categories::Categories;
pub use differs::differences;
pub use length::{Length, cut, listed};

/// One data use as one sentence, without the workflow's name.
pub fn sentence(data_use: &DataUse) -> String {
    sentence_with(data_use, &Categories::default())
}

/// The same, with the categories of its fields.
pub fn sentence_with(data_use: &DataUse, categories: &Categories) -> String {
    let to = data_use.to.as_ref().map(party).unwrap_or_default();
    let from = data_use.from.as_ref().map(party).unwrap_or_default();
    let operation = data_use.operation.as_ref().map(|o| format!(" by `{o}`")).unwrap_or_default();
    let fields = fields(data_use, categories);
    let said = match data_use.kind {
        UseKind::Read if data_use.gives() => {
            let of = from_clause(data_use, &from);
            format!("gives {fields}{of} to {to}{operation} to find a record{}", scopes(data_use))
        }
        UseKind::Read if matches!(data_use.from, Some(Party::Folder(_))) => {
            format!("reads {fields} from files in {from}")
        }
        UseKind::Read if data_use.operation.is_none() => format!("learns {fields} from events of {from}"),
        UseKind::Read => format!("reads {fields} from {from}{operation}{}", scopes(data_use)),
        UseKind::Effect => {
            let does = effect(data_use.effect.unwrap_or_default());
            let guard = data_use.guardrail.as_ref().map(|g| format!(", {}", guardrail(g))).unwrap_or_default();
            let alone = if data_use.unattended { " unattended: no person agrees first," } else { "" };
            let puts = puts(data_use);
            format!(
                "{does}{alone} at {to}{operation}, giving it {fields}{}{puts}{}{guard}",
                from_clause(data_use, &from),
                scopes(data_use)
            )
        }
        UseKind::Ask => {
            format!("gives {fields}{} to the AI at {to}{}", from_clause(data_use, &from), agreement(data_use))
        }
        UseKind::Show => format!("shows {fields}{} to {to}", from_clause(data_use, &from)),
        UseKind::Cache => format!("keeps {fields} of {from}{operation}, sealed and in the agent alone"),
        UseKind::Release => {
            let bits = data_use.bits.unwrap_or(0);
            let unit = if bits == 1 { "bit" } else { "bits" };
            format!("keeps at most {bits} {unit} a run about what people wrote: {}", data_use.releases.join("; "))
        }
        UseKind::Guardrail if !data_use.deciders.is_empty() => {
            format!("lets these decide as {to}, known by these keys or accounts: {}", deciders(data_use))
        }
        UseKind::Guardrail if is_of_catalog(data_use) => {
            let asks =
                (!data_use.requests.is_empty()).then(|| format!("asks for exactly this: {}", requests(data_use)));
            let hears =
                (!data_use.events.is_empty()).then(|| format!("takes exactly these events: {}", events(data_use)));
            let opens =
                data_use.opens.as_ref().map(|link| format!("leads people to {} to finish by hand", quoted(link)));
            let all: Vec<String> = asks.into_iter().chain(hears).chain(opens).collect();
            format!("{}, as the catalog and the workflow describe it now", all.join(", and "))
        }
        UseKind::Guardrail if data_use.workflow.is_some() && data_use.guardrail.is_some() => {
            let most = data_use.guardrail.as_ref().map(guardrail).unwrap_or_default();
            format!("takes a yes by {to} for money without a signature, {most}")
        }
        UseKind::Guardrail if data_use.workflow.is_some() => format!("lets nobody decide as {to}"),
        UseKind::Guardrail if data_use.guardrail.is_none() => {
            let stale = data_use.stale_limit.map(|limit| limit.to_string()).unwrap_or_default();
            let kept = data_use.retention.as_deref().unwrap_or_default();
            let terms: Vec<&str> = data_use.terms.iter().map(String::as_str).collect();
            let terms = if terms.is_empty() { String::new() } else { format!(" Besides: {}.", terms.join("; ")) };
            return format!(
                "keeps the audit log for {kept} and runs at most {stale} without hearing from the agency.{terms}"
            );
        }
        UseKind::Guardrail => {
            let limits = data_use.guardrail.as_ref().map(guardrail).unwrap_or_default();
            format!("limits{}: {limits}", operation.replacen(" by", "", 1))
        }
    };
    format!("{said}{}.", retention(data_use))
}

/// What no scenario shows of a step, as one sentence.
pub fn gap(client: &ClientId, plan: &Plan, step: &Name, gap: Gap) -> String {
    let workflow = format!("`{client}/{}`", plan.workflow);
    match gap {
        Gap::Runs => format!("No scenario of {workflow} runs `{step}`."),
        Gap::Skipped => {
            format!("No scenario of {workflow} skips `{step}`: its condition is met in all that get there.")
        }
        Gap::Fails => format!("No scenario of {workflow} shows what happens when `{step}` fails."),
        Gap::InDoubt => {
            format!("No scenario of {workflow} shows what happens when nobody knows whether `{step}` was done.")
        }
        Gap::Refused => format!("No scenario of {workflow} shows what happens when somebody says no to `{step}`."),
        Gap::Late => format!("No scenario of {workflow} shows what happens when nobody answers `{step}` in time."),
        Gap::Arrives => format!("In no scenario of {workflow} comes the event that `{step}` waits for."),
        Gap::Passes => {
            format!(
                "No scenario of {workflow} shows what happens when the event that `{step}` waits for does not come."
            )
        }
    }
}

/// What closes a gap.
pub fn gap_help(plan: &Plan, step: &Name, gap: Gap) -> String {
    let condition = plan.step(step.as_str()).and_then(|step| step.when.as_ref()).map(|when| shown(&when.0));
    let operation = match plan.step(step.as_str()).map(|step| &step.action) {
        Some(Action::Call { operation, .. }) => operation.to_string(),
        _ => String::new(),
    };
    match gap {
        Gap::Runs => match condition {
            Some(when) => format!("Add a scenario whose event and replies lead there: `{when}` must come out true."),
            None => "Add a scenario whose event and replies lead there; no earlier step may fail or stop the run."
                .to_owned(),
        },
        Gap::Skipped => match condition {
            Some(when) => format!("Add a scenario in which `{when}` comes out false."),
            None => "Add a scenario in which the step is not reached.".to_owned(),
        },
        Gap::Fails => {
            format!(
                "Add a scenario with a reply to `{operation}` of an error status, like `status = 422`, for every attempt, and say under `expect` how the run ends then, like `outcome = \"failed\"`."
            )
        }
        Gap::InDoubt => format!(
            "Add a scenario with a reply to `{operation}` that says `fault = \"timeout\"`, and say under `expect` what becomes of the run: `queued = true`, or a `call` that asks whether it was done."
        ),
        Gap::Refused => {
            format!(
                "Add a scenario with `[[scenario.decide]]` that says `step = \"{step}\"` and `choice = \"refuse\"`."
            )
        }
        Gap::Late => format!(
            "Add a scenario with `[[scenario.decide]]` that says `step = \"{step}\"`, no `choice`, and an `after` longer than `within`."
        ),
        Gap::Arrives => {
            "Add a scenario with `[[scenario.later]]`: the event, its connection, and `after` how long it comes."
                .to_owned()
        }
        Gap::Passes => "Add a scenario without that event: time passes by itself.".to_owned(),
    }
}

/// An expression as advice repeats it: in one line, and no longer than one.
fn shown(expression: &str) -> String {
    let line = expression.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= CONDITION_MOST {
        line
    } else {
        format!("{}…", line.chars().take(CONDITION_MOST).collect::<String>())
    }
}

/// The longest condition that advice repeats whole, in characters.
const CONDITION_MOST: usize = 80;

fn from_clause(data_use: &DataUse, from: &str) -> String {
    if data_use.fields.is_empty() { String::new() } else { format!(" of {from}") }
}

fn party(party: &Party) -> String {
    match party {
        Party::Connection(to) => connection(to),
        Party::Agent(agent) => format!("the agent in {}", agent.region),
        Party::Folder(from) => format!("the folder `{}` in {}", from.folder, from.region),
        Party::Group(group) => {
            format!("the group `{}` through {} in {}", group.group, channel(&group.channel), group.region)
        }
    }
}

fn channel(channel: &str) -> &str {
    if channel == "any" { "any channel" } else { channel }
}

/// A connection with every host that it may lead to: two that differ read differently.
fn connection(to: &ConnectionParty) -> String {
    let ConnectionParty { connection, host, region, sandbox_hosts, token_host, sandbox_token_hosts } = to;
    let mut said = format!("{connection} ({host}, {region}");
    let beside = [
        ("access from", token_host.iter().map(String::as_str).collect::<Vec<_>>()),
        ("sandbox", sandbox_hosts.iter().map(String::as_str).collect()),
        ("access to it from", sandbox_token_hosts.iter().map(String::as_str).collect()),
    ];
    for (what, hosts) in beside.into_iter().filter(|(_, hosts)| !hosts.is_empty()) {
        said = format!("{said}; {what} {}", hosts.join(", "));
    }
    said.push(')');
    said
}

/// Fields by class, the most private first, because that is what a reader looks for; those of one kind together.
fn fields(data_use: &DataUse, categories: &Categories) -> String {
    let of = |class: Class| {
        let mut kinds: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (path, _) in data_use.fields.iter().filter(|(_, c)| **c == class) {
            kinds.entry(categories.kind(path, class)).or_default().push(format!("`{path}`"));
        }
        kinds
    };
    let groups = Class::ALL.into_iter().rev().flat_map(of);
    let said: Vec<_> = groups.map(|(kind, paths)| format!("{} ({kind})", paths.join(", "))).collect();
    if said.is_empty() { "nothing of yours".to_owned() } else { said.join(" and ") }
}

fn deciders(data_use: &DataUse) -> String {
    let said = data_use.deciders.iter().map(|(person, proofs)| {
        let proofs: Vec<_> = proofs.iter().map(|proof| format!("`{proof}`")).collect();
        format!("{person} ({})", proofs.join(", "))
    });
    said.collect::<Vec<_>>().join(" and ")
}

fn requests(data_use: &DataUse) -> String {
    let said = data_use.requests.iter();
    let said = said.map(|(operation, asked)| {
        let always: Vec<String> = asked.constants.iter().map(|(at, value)| always(at, value)).collect();
        let always = if always.is_empty() { String::new() } else { format!(" with {}", always.join(" and ")) };
        let document = asked.document.as_ref().map(|text| format!(" with the document {}", quoted(text)));
        let document = document.unwrap_or_default();
        let media = asked.media.as_ref().map(|media| format!(" in `{media}`")).unwrap_or_default();
        let unsent = asked.unsent.as_ref().map(|amount| {
            format!(" (`{amount}` is counted here and not sent: what moves is what the other side says)")
        });
        let unsent = unsent.unwrap_or_default();
        format!("`{operation}` by `{} {}`{media}{always}{document}{unsent}", asked.method.as_str(), asked.path)
    });
    said.collect::<Vec<_>>().join(", ")
}

/// Whether a use says what operations ask for, how events are known and where links lead.
pub(crate) fn is_of_catalog(data_use: &DataUse) -> bool {
    !data_use.requests.is_empty() || !data_use.events.is_empty() || data_use.opens.is_some()
}

fn events(data_use: &DataUse) -> String {
    let said = data_use.events.iter().map(|(event, used)| {
        let fields: Vec<_> = used.fields.iter().map(|(name, at)| format!("{name} from {}", quoted(at))).collect();
        let fields = if fields.is_empty() { "nothing of it".to_owned() } else { fields.join(", ") };
        format!(
            "`{event}` ({fields}{})",
            used.starts.as_ref().map(|only| format!("; {}", starts(only))).unwrap_or_default()
        )
    });
    said.collect::<Vec<_>>().join(", ")
}

/// Which events of a kind begin runs.
pub fn starts(only: &BTreeMap<Name, String>) -> String {
    if only.is_empty() {
        return "each begins a run".to_owned();
    }
    let only: Vec<_> = only.iter().map(|(name, value)| format!("{name} is {}", quoted(value))).collect();
    format!("begins a run where {}", only.join(" and "))
}

/// What goes where it counts.
fn puts(data_use: &DataUse) -> String {
    let said = data_use.puts.iter().map(|(param, put)| {
        let fields = put.fields.iter().map(|path| format!("`{path}`"));
        let written = put.constants.iter().map(|text| format!("{} as the workflow writes it", quoted(text)));
        format!("`{param}` by {}", fields.chain(written).collect::<Vec<_>>().join(" or "))
    });
    let said: Vec<_> = said.collect();
    if said.is_empty() { String::new() } else { format!(" ({})", said.join(", ")) }
}

/// What is sent each time at a place, in words.
pub fn always(at: &str, value: &Constant) -> String {
    let value = match value {
        Constant::Text(text) => quoted(text),
        Constant::Boolean(_) | Constant::Integer(_) => value.to_string(),
    };
    format!("`{at}` always {value}")
}

/// A text of somebody else as one can be sure to read it: nothing in it moves a cursor or ends the sentence.
pub fn quoted(text: &str) -> String {
    format!("\"{}\"", text.escape_debug())
}

fn scopes(data_use: &DataUse) -> String {
    match &data_use.scopes {
        Some(scopes) if !scopes.is_empty() => {
            let names: Vec<_> = scopes.iter().map(|scope| format!("`{scope}`")).collect();
            format!(", with {} {}", if names.len() == 1 { "permission" } else { "permissions" }, names.join(", "))
        }
        _ => String::new(),
    }
}

/// What an effect does, in words.
pub fn effect(effect: Effect) -> &'static str {
    match effect {
        Effect::None => "asks for something",
        Effect::Draft => "writes something that only staff see",
        Effect::Write => "changes a record",
        Effect::Message => "sends a message",
        Effect::Money => "moves money",
    }
}

fn agreement(data_use: &DataUse) -> String {
    let Some(agreement) = &data_use.agreement else { return String::new() };
    let training = if agreement.forbids_training { "forbids training" } else { "does not forbid training" };
    let provider = data_use.provider.as_ref().map(|p| format!(" with `{p}`")).unwrap_or_default();
    format!(", under `{}`{provider}, which {training} and ends {}", agreement.name, agreement.until)
}

/// The limits of a guardrail, in words; empty when it has none.
pub fn guardrail(limit: &GuardrailUse) -> String {
    let amount = |minor: i64| money(minor, limit.currency.as_deref().unwrap_or_default());
    let parts = [
        limit.per_call.map(|n| format!("at most {} a call", amount(n))),
        limit.per_day.map(|n| format!("at most {} a day", amount(n))),
        limit.per_day_count.map(|n| format!("at most {n} a day")),
        limit.model_up_to.map(|n| format!("a model may decide up to {} a call", amount(n))),
        limit.per_customer_per_day_count.map(|n| format!("at most {n} a day for one customer")),
        limit.per_customer_per_day.map(|n| format!("at most {} a day for one customer", amount(n))),
        limit.per_workflow_per_day_count.map(|n| format!("at most {n} a day of one workflow")),
        limit.per_workflow_per_day.map(|n| format!("at most {} a day of one workflow", amount(n))),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn retention(data_use: &DataUse) -> String {
    data_use.retention.as_deref().map(|kept| format!("; {}", stays(kept))).unwrap_or_default()
}

/// How long something is kept, in words.
pub fn stays(retention: &str) -> String {
    match retention {
        "none" => "nothing of it is kept".to_owned(),
        "run" => "it is kept until the run ends".to_owned(),
        period => format!("it is kept for {period}"),
    }
}

/// An amount in minor units as people write it: `EUR 49.90`.
pub fn money(minor: i64, currency: &str) -> String {
    let unit = 10_u64.pow(currency_digits(currency));
    let (whole, rest) = (minor.unsigned_abs() / unit, minor.unsigned_abs() % unit);
    let sign = if minor < 0 { "-" } else { "" };
    let places = usize::try_from(currency_digits(currency)).unwrap_or(0);
    let fraction = if places == 0 { String::new() } else { format!(".{rest:0places$}") };
    format!("{currency} {sign}{whole}{fraction}").trim_start().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn connections_that_differ_read_differently() {
        let plain = json!({"connection": "mail", "host": "mail.example", "region": "eu"});
        let with = |member: &str, value: serde_json::Value| {
            let mut bent = plain.clone();
            bent[member] = value;
            party(&serde_json::from_value(bent).expect("a party"))
        };
        assert_eq!(party(&serde_json::from_value(plain.clone()).expect("a party")), "mail (mail.example, eu)");
        assert_eq!(with("token_host", json!("login.example")), "mail (mail.example, eu; access from login.example)");
        assert_eq!(
            with("sandbox_hosts", json!(["a.example", "b.example"])),
            "mail (mail.example, eu; sandbox a.example, b.example)"
        );
        assert_eq!(
            with("sandbox_token_hosts", json!(["c.example"])),
            "mail (mail.example, eu; access to it from c.example)"
        );
    }

    #[test]
    fn what_is_sent_each_time_stands_in_the_words() {
        let used = |constants: serde_json::Value, document: Option<&str>| {
            let mut asked =
                json!({"method": "POST", "path": "/graphql", "digest": "0".repeat(64), "constants": constants});
            if let Some(document) = document {
                asked["document"] = json!(document);
            }
            let used = json!({"kind": "guardrail", "workflow": "reply", "requests": {"desk.send": asked}});
            sentence(&serde_json::from_value(used).expect("a use"))
        };
        let said = used(json!({"type": "note", "silent": true, "size": 7}), Some("query {\n  all\n}"));
        assert!(
            said.contains(
                "`desk.send` by `POST /graphql` with `silent` always true and `size` always 7 and `type` always \"note\" \
                 with the document \"query {\\n  all\\n}\", as"
            ),
            "{said}"
        );
        let said = used(json!({"to": "a\u{1b}[2J\"b"}), None);
        assert!(said.contains("with `to` always \"a\\u{1b}[2J\\\"b\", as"), "{said}");
    }

    #[test]
    fn amounts_read_as_people_write_them() {
        assert_eq!(money(4990, "EUR"), "EUR 49.90");
        assert_eq!(money(-5, "USD"), "USD -0.05");
        assert_eq!(money(100, "JPY"), "JPY 100");
        assert_eq!(money(1234, "KWD"), "KWD 1.234");
    }
}
