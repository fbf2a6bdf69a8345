//! The promises beside what is so: as text, as JSON, and as one page.

use std::fmt::Write as _;

use assent_schema::id::ClientId;
use assent_schema::promise::Enforced;
use assent_schema::time::Moment;
use maud::{Markup, html};
use serde_json::{Value, json};

use super::document::document;
use super::page::visible::{sentence, value as shown};
use crate::evidence::{Row, Verdict, beyond};

const STYLE: &str = include_str!("style.css");

/// The verdicts in order, as they are counted.
const SUMS: [(Verdict, &str); 4] = [
    (Verdict::Kept, "kept"),
    (Verdict::Partly, "enforced in part"),
    (Verdict::Unseen, "enforced, but no records were looked at"),
    (Verdict::Broken, "broken"),
];

/// What the rows are about.
#[derive(Clone, Debug)]
pub struct Head {
    /// The project.
    pub project: String,
    /// The client, where it is about one.
    pub client: Option<ClientId>,
    /// The commit.
    pub commit: String,
    /// As of when.
    pub at: Moment,
    /// How many exports of ledgers were given.
    pub ledgers: usize,
}

impl Head {
    /// What was verified again, and what was not.
    fn verified(&self) -> &'static str {
        match self.ledgers {
            0 => {
                "Signatures, releases and statuses were verified again. No ledger was given, so what agents did was not looked at."
            }
            _ => "Signatures, releases, statuses and the ledgers that were given were verified again.",
        }
    }
}

/// What is missing of a promise that is enforced in part.
fn missing(row: &Row) -> Option<&'static str> {
    match row.promise.enforced {
        Enforced::Yes => None,
        Enforced::Partly(missing) => Some(missing),
        Enforced::NotYet => Some("nothing enforces it yet"),
    }
}

/// For people on a terminal.
pub fn text(head: &Head, rows: &[Row]) -> String {
    let mut out = String::new();
    for row in rows {
        // Writing to a `String` cannot fail.
        let _written = writeln!(out, "{}  {:<6}  {}", row.promise.id, row.verdict.as_str(), row.promise.sentence);
        let _written = writeln!(out, "     by       {}", row.promise.how);
        for what in &row.against {
            let _written = writeln!(out, "     against  {what}");
        }
        if let Some(missing) = missing(row) {
            let _written = writeln!(out, "     missing  {missing}");
        }
        for what in &row.evidence {
            let _written = writeln!(out, "     seen     {what}");
        }
        let _written = writeln!(out, "     check    {}", row.promise.check);
        if let Some(beyond) = beyond(row.promise.id) {
            let _written = writeln!(out, "     beyond   {beyond}");
        }
    }
    let count = |verdict| rows.iter().filter(|row| row.verdict == verdict).count();
    let sums: Vec<String> = SUMS.iter().map(|(verdict, said)| format!("{} {said}", count(*verdict))).collect();
    let _written = writeln!(out, "\n{}\n{}", sums.join(", "), head.verified());
    out
}

/// As one JSON value.
pub fn value(head: &Head, rows: &[Row]) -> Value {
    let promises: Vec<Value> = rows
        .iter()
        .map(|row| {
            let codes: Vec<String> = row.promise.codes().iter().map(ToString::to_string).collect();
            json!({
                "id": row.promise.id,
                "sentence": row.promise.sentence,
                "verdict": row.verdict,
                "how": row.promise.how,
                "codes": codes,
                "missing": missing(row),
                "against": row.against,
                "evidence": row.evidence,
                "check": row.promise.check,
                "beyond": beyond(row.promise.id),
            })
        })
        .collect();
    let broken = rows.iter().any(|row| row.verdict == Verdict::Broken);
    json!({
        "project": head.project,
        "client": head.client,
        "commit": head.commit,
        "at": head.at,
        "ledgers": head.ledgers,
        "holds": !broken,
        "promises": promises,
    })
}

/// One page that loads, sends and runs nothing.
pub fn page(head: &Head, rows: &[Row]) -> String {
    let of = head.client.as_ref().map_or_else(|| head.project.clone(), ToString::to_string);
    let title = format!("What is promised to {of}");
    let count = |verdict| rows.iter().filter(|row| row.verdict == verdict).count();
    let body = html! {
        h1 { (shown(&title)) }
        p { "By " (shown(&head.project)) ", as of " time { (head.at) } ", for the commit " code { (shown(&head.commit)) } "." }
        p.sum {
            @for (verdict, said) in SUMS { span class=(verdict.as_str()) { (count(verdict)) " " (said) } " " }
        }
        p { (head.verified()) " What no software can enforce is said beside each promise." }
        nav aria-label="Promises" {
            ol { @for row in rows {
                li { a href=(format!("#{}", row.promise.id)) { (row.promise.id) } " "
                    span class=(row.verdict.as_str()) { (row.verdict.as_str()) } }
            } }
        }
        @for row in rows { (article(row)) }
    };
    document(&title, STYLE, &body)
}

fn article(row: &Row) -> Markup {
    let promise = row.promise;
    html! {
        article id=(promise.id) {
            h2 { (promise.id) " " span class=(row.verdict.as_str()) { (row.verdict.as_str()) } }
            p.sentence { (shown(promise.sentence)) }
            @if !row.against.is_empty() {
                h3 { "What speaks against it" }
                ul.against { @for what in &row.against { li { (sentence(what)) } } }
            }
            @if let Some(missing) = missing(row) {
                h3 { "What is missing" }
                p { (sentence(missing)) }
            }
            h3 { "What enforces it" }
            p { (sentence(promise.how)) }
            @let codes = promise.codes();
            @if !codes.is_empty() {
                p { "What would break it is refused as "
                    @for (place, code) in codes.iter().enumerate() {
                        @if place > 0 { ", " }
                        code { (code.to_string()) }
                    }
                    "." }
            }
            @if !row.evidence.is_empty() {
                h3 { "What was seen" }
                ul { @for what in &row.evidence { li { (sentence(what)) } } }
            }
            h3 { "How to check it without us" }
            p { (sentence(promise.check)) }
            @if let Some(beyond) = beyond(promise.id) {
                h3 { "What software cannot enforce" }
                p { (sentence(beyond)) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_verified_is_not_said_to_be() {
        let at = Moment::from_seconds(0);
        let head = |ledgers| Head { project: "harbor".into(), client: None, commit: "c".into(), at, ledgers };
        let all = |head: &Head| [text(head, &[]), page(head, &[])];
        assert!(
            all(&head(0)).iter().all(|shown| shown.contains("No ledger was given") && !shown.contains("ledgers that"))
        );
        assert!(all(&head(1)).iter().all(|shown| shown.contains("the ledgers that were given were verified again")));
    }
}
