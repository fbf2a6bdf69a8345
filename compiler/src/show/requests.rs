//! The requests of a scenario: for people as HTTP writes them, and as JSON.

use std::fmt::Write as _;

use serde_json::{Value, json};

/// A request as it would leave, its secret hidden.
#[derive(Clone, Debug)]
pub struct Request {
    /// The operation, as workflows name it.
    pub operation: String,
    /// Its method.
    pub method: &'static str,
    /// Where it goes.
    pub url: String,
    /// Its headers, in order.
    pub headers: Vec<(String, String)>,
    /// Its body; empty where it has none.
    pub body: String,
}

/// Adds the requests of one scenario, each under its operation.
pub(super) fn human(requests: &[Request], out: &mut String) {
    for request in requests {
        writeln!(out, "      {}", request.operation).unwrap_or_default();
        writeln!(out, "        {} {}", request.method, visible(&request.url)).unwrap_or_default();
        for (name, value) in &request.headers {
            writeln!(out, "        {name}: {}", visible(value)).unwrap_or_default();
        }
        for line in request.body.lines() {
            writeln!(out, "        {}", visible(line)).unwrap_or_default();
        }
    }
}

/// A line without what moves the cursor of a terminal.
fn visible(line: &str) -> String {
    line.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// The requests of one scenario as JSON.
pub(super) fn json(requests: &[Request]) -> Value {
    let one = |request: &Request| {
        let headers = request.headers.iter().map(|(name, value)| json!({ "name": name, "value": value }));
        json!({
            "operation": request.operation,
            "method": request.method,
            "url": request.url,
            "headers": headers.collect::<Vec<_>>(),
            "body": request.body,
        })
    };
    requests.iter().map(one).collect()
}
