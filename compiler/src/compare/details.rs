//! The single differences inside two versions of one part of a plan: which member, what it was, what it is.

use serde::Serialize;
use serde_json::Value;

/// The most differences that are told of one part; more would say no more.
const DETAILS_MOST: usize = 20;
/// The most characters of one value; a longer one is cut.
const VALUE_MOST_CHARS: usize = 160;

/// One member that differs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Detail {
    /// Which: members joined by dots; empty for the part itself.
    pub member: String,
    /// What it was; absent when it is new.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub was: Option<String>,
    /// What it is; absent when it is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is: Option<String>,
}

/// All members that differ, in the order of their names.
pub(super) fn details(was: &impl Serialize, is: &impl Serialize) -> Vec<Detail> {
    let value = |part: Result<Value, serde_json::Error>| part.unwrap_or(Value::Null);
    let mut found = Vec::new();
    walk(String::new(), &value(serde_json::to_value(was)), &value(serde_json::to_value(is)), &mut found);
    found.truncate(DETAILS_MOST);
    found
}

fn walk(member: String, was: &Value, is: &Value, found: &mut Vec<Detail>) {
    if was == is || found.len() > DETAILS_MOST {
        return;
    }
    let below = |name: &str| if member.is_empty() { name.to_owned() } else { format!("{member}.{name}") };
    match (was, is) {
        (Value::Object(old), Value::Object(new)) => {
            let names: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
            for name in names {
                let (old, new) = (old.get(name).unwrap_or(&Value::Null), new.get(name).unwrap_or(&Value::Null));
                walk(below(name), old, new, found);
            }
        }
        (Value::Array(old), Value::Array(new)) if old.len() == new.len() => {
            for (place, (old, new)) in (1_usize..).zip(old.iter().zip(new)) {
                walk(below(&place.to_string()), old, new, found);
            }
        }
        (was, is) => found.push(Detail { member, was: said(was), is: said(is) }),
    }
}

fn said(value: &Value) -> Option<String> {
    let text = match value {
        Value::Null => return None,
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let cut: String = text.chars().take(VALUE_MOST_CHARS).collect();
    Some(if cut.len() < text.len() { format!("{cut}…") } else { text })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn members_that_differ_are_named() {
        let found = details(
            &json!({"retry": {"attempts": 3}, "when": "a", "same": [1, 2]}),
            &json!({"retry": {"attempts": 5}, "same": [1, 2], "new": true}),
        );
        let detail = |member: &str, was: Option<&str>, is: Option<&str>| Detail {
            member: member.into(),
            was: was.map(Into::into),
            is: is.map(Into::into),
        };
        let wanted = [
            detail("new", None, Some("true")),
            detail("retry.attempts", Some("3"), Some("5")),
            detail("when", Some("a"), None),
        ];
        assert_eq!(found, wanted);
    }
}
