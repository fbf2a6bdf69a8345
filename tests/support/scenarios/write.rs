//! Scenarios as test files have them.

use std::fmt::Write as _;

use assent_schema::scenario::Scenario;
use serde_json::{Value, json};

/// A scenario as a test file has it.
pub(super) fn written(scenario: &Scenario) -> String {
    let json = |text: &str| inline(&serde_json::from_str(text).expect("JSON"));
    let mut text = format!("[[scenario]]\nname = \"{}\"\nat = \"{}\"\n", scenario.name, scenario.at);
    if let Some(event) = &scenario.event {
        writeln!(text, "event = {}", json(event)).expect("a text takes all");
    }
    for reply in &scenario.replies {
        write!(text, "[[scenario.reply]]\nto = \"{}\"\nstatus = {}\n", reply.to, reply.status)
            .expect("a text takes all");
        if let Some(body) = &reply.body {
            writeln!(text, "body = {}", json(body)).expect("a text takes all");
        }
        if let Some(fault) = &reply.fault {
            writeln!(text, "fault = {}", json!(fault)).expect("a text takes all");
        }
    }
    for decided in &scenario.decisions {
        write!(text, "[[scenario.decide]]\nstep = \"{}\"\nafter = \"{}\"\n", decided.step, decided.after)
            .expect("a text takes all");
        if let Some(choice) = &decided.choice {
            writeln!(text, "choice = {}", json!(choice)).expect("a text takes all");
        }
    }
    for later in &scenario.later {
        write!(
            text,
            "[[scenario.later]]\nafter = \"{}\"\nconnection = \"{}\"\nevent = {}\n",
            later.after,
            later.connection,
            json(&later.event)
        )
        .expect("a text takes all");
    }
    text + &format!("[scenario.expect]\noutcome = \"{}\"\n\n", scenario.expect.outcome)
}

/// A value as TOML, in one line.
fn inline(value: &Value) -> String {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
        Value::Array(items) => format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", ")),
        Value::Object(members) => {
            let member = |(key, value): (&String, &Value)| format!("{} = {}", json!(key), inline(value));
            format!("{{{}}}", members.iter().map(member).collect::<Vec<_>>().join(", "))
        }
    }
}
