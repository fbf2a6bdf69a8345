//! Findings for people: the place, an excerpt, what is wrong, why it matters, what to do.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Origin, Renderer, Snippet, normalize_untrusted_str};
use assent_schema::code::Severity;
use assent_schema::counted::counted;
use assent_schema::finding::{Finding, Span};
use assent_schema::tripwire::hidden;

use super::Look;
use super::findings::{Checked, WhoSigned};
use super::mask::mask;
use super::place::{boundary, place};
use crate::source::shown_path;

/// The longest stretch of a file that is shown, in bytes; a longer line is named but not shown.
const EXCERPT_MOST_BYTES: usize = 2_000;
/// The width where none is known, in columns.
const WIDTH: usize = 120;

/// The most things that were not looked at which are named.
const HIDDEN_SHOWN: usize = 6;

/// Writes all findings, one line that sums them up, and one of what was not looked at because of them.
pub(super) fn show<'t>(checked: &'t Checked, look: Look, text: &dyn Fn(&str) -> Option<&'t str>) -> String {
    let renderer = if look.colour { Renderer::styled() } else { Renderer::plain() };
    let renderer = renderer.term_width(look.width.unwrap_or(WIDTH)).decor_style(DecorStyle::Ascii);
    let files = checked.findings.iter().flat_map(|finding| {
        std::iter::once(&finding.span).chain(finding.path.iter().map(|(span, _)| span)).map(|span| &*span.file)
    });
    let files: BTreeSet<&str> = files.collect();
    // A secret is hidden wherever it stands: it may be in the excerpt of a finding about something else.
    let seen = files.into_iter().filter_map(|file| Some((file, shown(mask(file, text(file)?, &checked.findings)))));
    let seen: BTreeMap<&str, Cow<'_, str>> = seen.collect();
    let mut out = String::new();
    for finding in &checked.findings {
        out.push_str(&renderer.render(&[group(finding, &|file| seen.get(file).map(|text| &**text))]));
        out.push_str("\n\n");
    }
    out.push_str(&summary(checked));
    out.push_str(&who_signed(&checked.authors));
    out.push_str(&listed("Not checked until these are fixed", &checked.hidden));
    out.push_str(&listed("Not looked at", &checked.left_out));
    out
}

/// How far it was not judged who signed, in one line.
fn who_signed(authors: &WhoSigned) -> String {
    match authors {
        WhoSigned::Judged => String::new(),
        WhoSigned::Newest(why) => format!(
            "Who signed was looked at for what this commit brings to its first parent; a release looks further back: `--since \
             ROOT` ({why}).\n"
        ),
        WhoSigned::Unknown(why) => format!(
            "Who signed the commits was not looked at ({why}); a release does: `--since ROOT`, or since the commit that was \
             released last.\n"
        ),
    }
}

fn group<'a>(finding: &'a Finding, text: &dyn Fn(&str) -> Option<&'a str>) -> Group<'a> {
    let row = finding.code.row();
    let level = match row.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(finding.for_people()).id(row.name);
    let group = match way(finding, text) {
        Some(snippet) => Group::with_title(title).element(snippet),
        None => finding.path.iter().fold(title.element_of(&finding.span, None, text), |group, (span, what)| {
            group.place(span, Some(what), text)
        }),
    };
    group.element(Level::NOTE.message(row.why)).element(Level::HELP.message(normalize_untrusted_str(&finding.help)))
}

/// The way of a value and where it ends, in one excerpt: most ways stay in one file. Nothing where they do not.
fn way<'a>(finding: &'a Finding, text: &dyn Fn(&str) -> Option<&'a str>) -> Option<Snippet<'a, Annotation<'a>>> {
    let text = text(&finding.span.file)?;
    let here = |(span, _): &(Span, String)| span.file == finding.span.file;
    let fits = text.lines().all(|line| line.len() <= EXCERPT_MOST_BYTES);
    if finding.path.is_empty() || !finding.path.iter().all(here) || !fits {
        return None;
    }
    let range = |span: &Span| boundary(text, span.start)..boundary(text, span.end.max(span.start));
    let steps = finding.path.iter().enumerate().map(|(place, (span, what))| {
        let label = format!("{}. {}", place.saturating_add(1), normalize_untrusted_str(what));
        AnnotationKind::Context.span(range(span)).label(label)
    });
    let end = AnnotationKind::Primary.span(range(&finding.span));
    Some(Snippet::source(text).path(shown_path(&finding.span.file)).annotations(steps.chain([end])))
}

/// Adds places to a group: an excerpt where there is one, else the path.
trait Places<'a>: Sized {
    fn place(self, span: &'a Span, label: Option<&'a str>, text: &dyn Fn(&str) -> Option<&'a str>) -> Self;
}

impl<'a> Places<'a> for Group<'a> {
    fn place(self, span: &'a Span, label: Option<&'a str>, text: &dyn Fn(&str) -> Option<&'a str>) -> Self {
        let Some(excerpt) = text(&span.file).and_then(|text| excerpt(text, span)) else {
            let place = place(span, text(&span.file));
            let origin = Origin::path(shown_path(&span.file)).line(place.start.line).char_column(place.start.column);
            let group = self.element(origin);
            return match label {
                Some(label) => group.element(Level::NOTE.message(normalize_untrusted_str(label))),
                None => group,
            };
        };
        let kind = if label.is_some() { AnnotationKind::Context } else { AnnotationKind::Primary };
        let snippet = Snippet::source(excerpt.text)
            .line_start(excerpt.line)
            .path(shown_path(&span.file))
            .annotation(kind.span(excerpt.range).label(label));
        self.element(snippet)
    }
}

/// The first place of a finding makes its title a group.
trait FirstPlace<'a> {
    fn element_of(self, span: &'a Span, label: Option<&'a str>, text: &dyn Fn(&str) -> Option<&'a str>) -> Group<'a>;
}

impl<'a> FirstPlace<'a> for annotate_snippets::Title<'a> {
    fn element_of(self, span: &'a Span, label: Option<&'a str>, text: &dyn Fn(&str) -> Option<&'a str>) -> Group<'a> {
        Group::with_title(self).place(span, label, text)
    }
}

/// The lines of a finding, with the place inside them.
struct Excerpt<'a> {
    text: &'a str,
    line: usize,
    range: Range<usize>,
}

fn excerpt<'a>(text: &'a str, span: &Span) -> Option<Excerpt<'a>> {
    let (start, end) = (boundary(text, span.start), boundary(text, span.end.max(span.start)));
    if text.is_empty() || (start, end) == (0, 0) {
        return None;
    }
    let from = text.get(..start)?.rfind('\n').map_or(0, |newline| newline.saturating_add(1));
    let until = text.get(end..)?.find('\n').map_or(text.len(), |newline| end.saturating_add(newline));
    let lines = text.get(from..until).filter(|lines| lines.len() <= EXCERPT_MOST_BYTES)?;
    let line = text.get(..from)?.bytes().filter(|b| *b == b'\n').count().saturating_add(1);
    let range = start.saturating_sub(from)..end.saturating_sub(from);
    Some(Excerpt { text: lines, line, range })
}

/// A text without secrets and without what could be a real person's: a check's output is read by more people than the
/// file, and kept for longer.
fn shown(text: Cow<'_, str>) -> Cow<'_, str> {
    let hidden = hidden(&text);
    if hidden == text { text } else { Cow::Owned(hidden) }
}

fn summary(checked: &Checked) -> String {
    let Checked { findings, workflows, commit, at, rehearsed, .. } = checked;
    let skipped = if *rehearsed { "" } else { " The scenarios were not run, as `--no-rehearsal` says." };
    let what = match commit {
        Some(commit) => format!("commit {}", commit.to_string().chars().take(12).collect::<String>()),
        None => "the work tree (a release looks at commits)".to_owned(),
    };
    if findings.is_empty() {
        return format!("No findings: {} of {what} at {at}.{skipped}\n", counted(*workflows, "workflow"));
    }
    let files: BTreeSet<_> = findings.iter().map(|finding| &finding.span.file).collect();
    let count = |severity| findings.iter().filter(|finding| finding.code.row().severity == severity).count();
    let mut parts = vec![counted(count(Severity::Error), "error")];
    if count(Severity::Warning) > 0 {
        parts.push(counted(count(Severity::Warning), "warning"));
    }
    let first = findings.first().map(|finding| finding.code.row().name);
    let example = first.map(|code| format!(" `assent explain {code}` says more.")).unwrap_or_default();
    format!("{} in {} of {what}.{skipped}{example}\n", parts.join(" and "), counted(files.len(), "file"))
}

/// Nothing where everything was looked at.
fn listed(what: &str, hidden: &BTreeSet<String>) -> String {
    if hidden.is_empty() {
        return String::new();
    }
    // Of what there is much of, the first say enough; what there is little of would not be seen behind it.
    let kind = |what: &str| what.split_once(" of ").map_or_else(|| what.to_owned(), |(kind, _)| kind.to_owned());
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for what in hidden {
        let count = counts.entry(kind(what)).or_default();
        *count = count.saturating_add(1);
    }
    let mut sorted: Vec<&String> = hidden.iter().collect();
    sorted.sort_by_cached_key(|what| counts.get(&kind(what)).copied());
    let named = sorted.into_iter().take(HIDDEN_SHOWN).map(|what| shown_path(what).into_owned());
    let mut named: Vec<String> = named.collect();
    let more = hidden.len().saturating_sub(named.len());
    named.extend((more > 0).then(|| format!("and {more} more")));
    format!("{what}: {}.\n", named.join(", "))
}

#[cfg(test)]
mod tests {
    use assent_schema::code::Code;

    use super::*;

    /// A finding about a way of a value, in whose excerpt a secret stands that no finding is about.
    #[test]
    fn a_secret_in_the_excerpt_of_another_finding_is_hidden() {
        // Put together here, so that no scanner takes this file for a leak.
        let secret = ["AKIA", "2E0A8F3B244C9986"].concat();
        let text = format!("first = 1\nwith = {{ key = \"{secret}\", text = \"${{ticket.body}}\" }}\nlast = 2\n");
        let at = |part: &str| text.find(part).map(|start| start..start + part.len()).expect("there");
        let file = "clients/acme/workflows/refund.toml".into();
        let mut findings = assent_schema::finding::Findings::new();
        findings.add(Code::FlowDenied, Span::new(&file, at("ticket.body")), "One.");
        let mut finding = findings.sorted().first().cloned().expect("a finding");
        finding.path = vec![(Span::new(&file, at("with")), "it came in here".into())];
        let plain = Finding { path: Vec::new(), ..finding.clone() };
        for finding in [finding, plain] {
            let at = assent_schema::time::Moment::from_seconds(0);
            let (findings, hidden) = (vec![finding], BTreeSet::new());
            let checked = Checked {
                findings,
                workflows: 1,
                commit: None,
                at,
                rehearsed: true,
                hidden,
                left_out: BTreeSet::new(),
                authors: WhoSigned::Judged,
            };
            let shown = show(&checked, Look::PLAIN, &|_| Some(&text));
            assert!(shown.contains("ticket.body") && !shown.contains(&secret), "{shown}");
        }
    }
}
