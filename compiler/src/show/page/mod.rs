//! A statement as one HTML page for those who sign it: what is approved now beside what is asked, the prompts, what
//! exactly is signed and how. Without scripts and without anything from elsewhere; nothing is cut and nothing is hidden.
//!
//! # Source
//! trust.md section 3. Promise P25.

mod rows;
mod sign;
mod uses;
pub(super) mod visible;

use assent_schema::canon::Digest;
use assent_schema::id::{Name, WorkflowId};
use assent_schema::time::Moment;
use assent_schema::trust::{Approved, Decision, Statement, words};
use assent_schema::uses::DataUse;
use maud::{Markup, html};

use super::document::document;
use crate::compare::{Approvers, Beside};
use crate::sentence::Categories;
use visible::{lines, value};

const STYLE: &str = include_str!("style.css");

/// All that stands on the page.
pub struct Page<'a> {
    /// The statement file's name, without folders.
    pub file: &'a str,
    /// Its bytes, as they are signed.
    pub bytes: &'a [u8],
    /// What it says.
    pub statement: &'a Statement,
    /// The moment as of which the page speaks.
    pub at: Moment,
    /// Which source it speaks of: a commit, or the files on disk.
    pub source: &'a str,
    /// Who approves.
    pub approvers: &'a Approvers,
    /// What it says beside what holds without it.
    pub beside: &'a [Beside],
    /// What holds and is not spoken of.
    pub rest: &'a [Approved],
    /// What the source needs and nobody has approved, without this statement.
    pub needed: &'a [DataUse],
    /// What it still needs with it.
    pub lacking: &'a [DataUse],
    /// The prompts of the workflows concerned.
    pub prompts: &'a [Prompt],
    /// Of what kind the data is, as the source says.
    pub categories: &'a Categories,
}

/// The prompt of one `ask`.
pub struct Prompt {
    /// Of which workflow.
    pub workflow: WorkflowId,
    /// Of which step.
    pub step: Name,
    /// As it was; absent where nothing is compared.
    pub was: Option<Was>,
    /// As it is; absent when it is gone.
    pub is: Option<String>,
}

/// A prompt of the commit that is compared with.
pub enum Was {
    /// There was none.
    Absent,
    /// It read like this.
    Text(String),
}

/// The page.
pub fn page(page: &Page<'_>) -> String {
    let Page { statement, file, .. } = page;
    let kind = kind(statement);
    let title = format!("{kind} {} of {}", statement.serial, statement.client);
    let body = html! {
        h1 { (value(&title)) }
        (introduction(page))
        (uses::section(page))
        (uses::rest(page))
        (prompts(page))
        (sign::nobody(page))
        (sign::signed(page))
        (sign::how(file, page))
    };
    document(&title, STYLE, &body)
}

/// What a statement is called.
fn kind(statement: &Statement) -> &'static str {
    match statement.says {
        Decision::Approve(_) => "Approval",
        Decision::Reject(_) => "Rejection",
        Decision::Withdraw(_) => "Withdrawal",
    }
}

fn introduction(page: &Page<'_>) -> Markup {
    let Page { statement, approvers, at, source, beside, .. } = page;
    let new = beside.iter().filter(|pair| !pair.is_known()).count();
    let ends = match &statement.says {
        Decision::Approve(approval) => Some(approval.expires),
        Decision::Reject(_) | Decision::Withdraw(_) => None,
    };
    html! {
        p {
            @match &statement.says {
                Decision::Approve(_) => {
                    "Signing this file allows what stands under “What is asked”, and nothing else. Of "
                    (beside.len()) " data uses " (new) @if new == 1 { " is" } @else { " are" }
                    " new or wider than what is approved now; each is marked."
                }
                Decision::Reject(_) => { "Signing this file refuses what it names. One signature is enough." }
                Decision::Withdraw(_) => { "Signing this file ends what it names. One signature is enough." }
            }
        }
        dl.facts {
            (fact("Client", statement.client.as_str()))
            (fact("Number (serial)", &statement.serial.to_string()))
            (fact("Given", &statement.given.to_string()))
            @if let Some(ends) = ends { (fact("Ends", &ends.to_string())) }
            (fact("Who may sign", &people(statement, approvers)))
            (fact("Compared with", &format!("what is approved on {at}, for {source}")))
        }
    }
}

/// One row of a list of facts.
fn fact(name: &str, text: &str) -> Markup {
    html! { div.row { dt { (name) } dd { code { (value(text)) } } } }
}

/// How many of whom must sign.
fn people(statement: &Statement, approvers: &Approvers) -> String {
    let names: Vec<_> = approvers.people.iter().map(ToString::to_string).collect();
    let needed = if matches!(statement.says, Decision::Approve(_)) { approvers.threshold } else { 1 };
    format!("{needed} of {}: {}", names.len(), names.join(", "))
}

fn prompts(page: &Page<'_>) -> Markup {
    html! {
        @if !page.prompts.is_empty() {
            h2 { "Prompts" }
            p { "What is said to an AI by the workflows above, whole. The plan's digest covers it; a signature does not fix it." }
            @for prompt in page.prompts { (one_prompt(prompt)) }
        }
    }
}

fn one_prompt(prompt: &Prompt) -> Markup {
    let Prompt { workflow, step, was, is } = prompt;
    let side = |text: Option<&String>| {
        html! {
            @match text { Some(text) => pre { (lines(text)) }, None => p { "None." } }
        }
    };
    html! {
        section {
            h3 { code { (value(workflow.as_str())) } ", step " code { (value(step.as_str())) } }
            @match (was, is) {
                (None, is) => (side(is.as_ref())),
                (Some(Was::Text(was)), Some(is)) if was == is => {
                    p { span.tag.same { "the same" } }
                    (side(Some(is)))
                }
                (Some(was), is) => div.beside {
                    div {
                        p.side { "Before" }
                        (side(match was { Was::Absent => None, Was::Text(text) => Some(text) }))
                    }
                    div { p.side { "Now" } (side(is.as_ref())) }
                },
            }
        }
    }
}

/// A digest as people compare it: in hex, and as words for the phone.
fn digest(name: &str, digest: &Digest) -> Markup {
    html! {
        div.row {
            dt { (name) }
            dd {
                code { (digest) }
                br;
                (words(digest))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::STYLE;

    /// The relative luminance of `#rgb` or `#rrggbb`, as WCAG 2.2 defines it.
    fn luminance(colour: &str) -> f64 {
        let hex = colour.trim_start_matches('#');
        let wide = if hex.len() == 3 { hex.chars().flat_map(|c| [c, c]).collect() } else { hex.to_owned() };
        let part = |at: usize| {
            let value = f64::from(u8::from_str_radix(wide.get(at..at + 2).unwrap(), 16).unwrap()) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * part(0) + 0.7152 * part(2) + 0.0722 * part(4)
    }

    #[test]
    fn text_stands_out_in_light_and_in_dark() {
        let (light, dark) = STYLE.split_once("@media (prefers-color-scheme: dark)").unwrap();
        for theme in [light, dark] {
            let of = |name: &str| {
                let (_, rest) = theme.split_once(&format!("--{name}: ")).unwrap();
                luminance(rest.split(';').next().unwrap().trim_end_matches(" }"))
            };
            let pairs = [("ink", "paper"), ("ink", "card"), ("quiet", "paper"), ("quiet", "card"), ("mark", "markbg")];
            let marks = [("new", "newbg"), ("gone", "gonebg"), ("new", "card"), ("gone", "card")];
            for (text, ground, least) in pairs
                .iter()
                .chain(&marks)
                .map(|(a, b)| (a, b, 4.5))
                .chain([(&"line", &"paper", 3.0), (&"line", &"card", 3.0)])
            {
                let (a, b) = (of(text), of(ground));
                let contrast = (a.max(b) + 0.05) / (a.min(b) + 0.05);
                assert!(contrast >= least, "{text} on {ground}: {contrast:.2}");
            }
        }
    }
}
