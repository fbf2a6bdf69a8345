//! What a check found, in each of the forms that people and tools read.

use std::collections::BTreeSet;

use assent_schema::finding::Finding;
use assent_schema::time::Moment;
use clap::ValueEnum;
use git2::Oid;

use super::{Look, github, human, json, sarif};

/// What a check found.
#[derive(Clone, Debug)]
pub struct Checked {
    /// All findings, in their stable order.
    pub findings: Vec<Finding>,
    /// How many workflows there are.
    pub workflows: usize,
    /// The commit; absent for a work tree.
    pub commit: Option<Oid>,
    /// The moment for which it was checked.
    pub at: Moment,
    /// Whether the scenarios were run.
    pub rehearsed: bool,
    /// How far it was judged who signed the commits.
    pub authors: WhoSigned,
    /// What was not looked at because of what was found.
    pub hidden: BTreeSet<String>,
    /// What was not looked at, whatever was found.
    pub left_out: BTreeSet<String>,
}

impl Checked {
    /// What was not looked at, for forms that print one list: files, and who signed the commits.
    pub(super) fn not_looked_at(&self) -> BTreeSet<String> {
        let mut all = self.left_out.clone();
        all.extend(match &self.authors {
            WhoSigned::Judged => None,
            WhoSigned::Newest(why) => Some(format!(
                "who signed what is older than this commit brings to its first parent; a release looks further back: `--since \
                 ROOT` ({why})"
            )),
            WhoSigned::Unknown(why) => Some(format!(
                "who signed the commits ({why}); a release does: `--since ROOT`, or since the commit that was released last"
            )),
        });
        all
    }
}

/// How far it was judged who signed the commits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WhoSigned {
    /// As far as a release judges it, or as far as was asked for; or there are no commits.
    Judged,
    /// What the commit brings to its first parent, and why no further.
    Newest(String),
    /// Not at all, and why.
    Unknown(String),
}

/// A form of findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Style {
    /// Text, with excerpts.
    Human,
    /// One JSON object.
    Json,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// Annotations of a GitHub workflow.
    Github,
}

/// Writes findings; `text` gives the text of a file.
pub fn show<'t>(checked: &'t Checked, style: Style, look: Look, text: &dyn Fn(&str) -> Option<&'t str>) -> String {
    match style {
        Style::Human => human::show(checked, look, text),
        Style::Json => json::show(checked, text),
        Style::Sarif => sarif::show(checked, text),
        Style::Github => github::show(checked, text),
    }
}
