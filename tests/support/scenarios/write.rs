//! Scenarios as test files have them.

use assent_schema::scenario::Scenario;
use serde_json::{Value, json};

/// A scenario as a test file has it.
pub(super) fn written(scenario: &Scenario) -> String {
    let json = |text: &str| inline(&serde_json::from_str(text).expect("JSON"));
    let mut text = format!("[[scenario]]\nname = \"{}\"\nat = \"{}\"\n", scenario.name, scenario.at);
    if let Some(event) = &scenario.event {
        text += &format!("event = {}\n", json(event));
    }
    for reply in &scenario.replies {
        text += &format!("[[scenario.reply]]\nto = \"{}\"\nstatus = {}\n", reply.to, reply.status);
        if let Some(body) = &reply.body {
            text += &format!("body = {}\n", json(body));
        }
        if let Some(fault) = &reply.fault {
            text += &format!("fault = {}\n", json!(fault));
        }
    }
    for decided in &scenario.decisions {
        text += &format!("[[scenario.decide]]\nstep = \"{}\"\nafter = \"{}\"\n", decided.step, decided.after);
        if let Some(choice) = &decided.choice {
            text += &format!("choice = {}\n", json!(choice));
        }
    }
    for later in &scenario.later {
        text += &format!(
            "[[scenario.later]]\nafter = \"{}\"\nconnection = \"{}\"\nevent = {}\n",
            later.after,
            later.connection,
            json(&later.event)
        );
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
