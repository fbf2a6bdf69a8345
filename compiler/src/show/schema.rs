//! The table of keys as JSON Schemas and as the configuration that binds them to files, for editors.
//!
//! # Source
//! JSON Schema draft 2020-12, core and validation; for taplo, <https://taplo.tamasfe.dev/configuration>.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use crate::parse::keys::{Form, Holds, KINDS, Key, Kind, Rule, Table};

/// The folder of a source repository that holds the schemas.
pub const FOLDER: &str = "schema";
/// How a configuration of taplo begins that was written here; another one is somebody's own.
pub const OURS: &str = "# Written by `assent schema --out`; taplo and Even Better TOML read it.\n";

/// The name of a kind's schema file.
pub fn file_name(kind: &Kind) -> String {
    format!("{}.schema.json", kind.name)
}

/// The schema of a kind of file.
pub fn schema(kind: &Kind) -> Value {
    let mut definitions = BTreeMap::new();
    define(kind.table, &mut definitions);
    let mut schema = Map::new();
    schema.insert("$schema".into(), json!("https://json-schema.org/draft/2020-12/schema"));
    schema.insert("title".into(), json!(kind.name));
    let Some(Value::Object(root)) = definitions.remove(kind.table.name) else { return Value::Object(schema) };
    schema.extend(root);
    schema.insert("description".into(), json!(kind.about));
    schema.insert("$defs".into(), definitions.into_iter().map(|(name, table)| (name.to_owned(), table)).collect());
    Value::Object(schema)
}

/// The configuration of taplo that binds each schema to its files.
pub fn taplo() -> String {
    let list = |patterns: &[&str]| {
        let quoted: Vec<String> = patterns.iter().map(|pattern| format!("\"{pattern}\"")).collect();
        quoted.join(", ")
    };
    let bound: Vec<&str> = KINDS.iter().flat_map(|kind| kind.paths).copied().collect();
    let mut text = format!("{OURS}include = [{}]\n", list(&bound));
    for kind in KINDS.iter().filter(|kind| !kind.paths.is_empty()) {
        // Writing to a `String` cannot fail.
        let _written = write!(text, "\n[[rule]]\ninclude = [{}]\n", list(kind.paths));
        if !kind.except.is_empty() {
            let _written = writeln!(text, "exclude = [{}]", list(kind.except));
        }
        let _written = writeln!(text, "schema = {{ path = \"{FOLDER}/{}\" }}", file_name(kind));
    }
    text
}

/// Adds a table, and all that it leads to, to the definitions.
fn define(table: &'static Table, all: &mut BTreeMap<&'static str, Value>) {
    if all.contains_key(table.name) {
        return;
    }
    // Tables may lead to themselves: a step holds steps.
    all.insert(table.name, Value::Null);
    let mut properties = Map::new();
    for Key { name, holds, about, .. } in table.keys() {
        let mut value = value(holds, all);
        if let Some(members) = value.as_object_mut() {
            members.insert("description".into(), json!(about));
        }
        properties.insert((*name).to_owned(), value);
    }
    let mut schema = json!({
        "type": "object",
        "description": table.about,
        "properties": properties,
        "additionalProperties": false,
    });
    if let Some(members) = schema.as_object_mut() {
        let required: Vec<&str> = table.keys().filter(|key| key.required).map(|key| key.name).collect();
        if !required.is_empty() {
            members.insert("required".into(), json!(required));
        }
        rules(table.rules, members);
    }
    all.insert(table.name, schema);
}

fn value(holds: &'static Holds, all: &mut BTreeMap<&'static str, Value>) -> Value {
    match holds {
        Holds::Text => json!({ "type": "string" }),
        Holds::Form(Form { pattern, example }) => {
            json!({ "type": "string", "pattern": pattern, "examples": [example] })
        }
        Holds::Word(words) => json!({ "type": "string", "enum": words() }),
        Holds::Words(words) => json!({ "type": "string", "enum": words }),
        Holds::Integer => json!({ "type": "integer" }),
        // What nobody reaches is no help to who writes.
        Holds::Within(least, most) if *most >= i64::from(u32::MAX) => json!({ "type": "integer", "minimum": least }),
        Holds::Within(least, most) => json!({ "type": "integer", "minimum": least, "maximum": most }),
        Holds::Boolean => json!({ "type": "boolean" }),
        Holds::Decimal => json!({ "type": ["string", "number"] }),
        Holds::Anything => json!({}),
        Holds::Table(table) => {
            define(table, all);
            json!({ "$ref": format!("#/$defs/{}", table.name) })
        }
        Holds::Map(names, inner) => {
            let inner = argument(inner, all);
            json!({ "type": "object", "propertyNames": { "pattern": names.pattern }, "additionalProperties": inner })
        }
        Holds::List(inner) => {
            let inner = argument(inner, all);
            json!({ "type": "array", "items": inner })
        }
        Holds::Either(ways) => json!({ "anyOf": ways.iter().map(|way| value(way, all)).collect::<Vec<_>>() }),
    }
}

/// A value inside a list or table. One that holds values like itself has a name, since its schema would have no end.
fn argument(holds: &'static Holds, all: &mut BTreeMap<&'static str, Value>) -> Value {
    let Holds::Either(ways) = holds else { return value(holds, all) };
    let inside = |way: &Holds| matches!(way, Holds::List(inner) | Holds::Map(_, inner) if std::ptr::eq(*inner, holds));
    if !ways.iter().any(inside) {
        return value(holds, all);
    }
    if !all.contains_key("argument") {
        all.insert("argument", Value::Null);
        let schema = value(holds, all);
        all.insert("argument", schema);
    }
    json!({ "$ref": "#/$defs/argument" })
}

fn rules(rules: &[Rule], schema: &mut Map<String, Value>) {
    let mut needed = Map::new();
    let mut all = Vec::new();
    for rule in rules {
        match rule {
            Rule::One(keys) => {
                all.push(json!({ "oneOf": keys.iter().map(|key| json!({ "required": [key] })).collect::<Vec<_>>() }));
            }
            Rule::With(key, others) => drop(needed.insert((*key).to_owned(), json!(others))),
            Rule::When(key, word, others) => all.push(json!({
                "if": { "properties": { (*key): { "const": word } }, "required": [key] },
                "then": { "required": others },
            })),
            Rule::Switch { key, beside, else_needed, never } => {
                let never: Map<String, Value> = never.iter().map(|key| ((*key).to_owned(), json!(false))).collect();
                all.push(json!({
                    "if": { "required": [key] },
                    "then": { "propertyNames": { "enum": beside } },
                    "else": { "required": else_needed, "properties": never },
                }));
            }
        }
    }
    if !needed.is_empty() {
        schema.insert("dependentRequired".into(), Value::Object(needed));
    }
    if !all.is_empty() {
        schema.insert("allOf".into(), Value::Array(all));
    }
}
