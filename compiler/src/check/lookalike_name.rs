//! `lookalike-name`: a name that a reader takes for another, or a word of letters from several scripts.
//!
//! Ids are ASCII already, so among them it is `rn` and `m`, `0` and `o`, `1`, `l` and `i`, and hyphens that deceive. File
//! names, summaries and names of scenarios may be in any script; there, one word is of one script.
//!
//! # Source
//! Unicode UTS #39: skeletons of confusables, and single-script words after the augmented script sets.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use assent_schema::code::Code;
use assent_schema::finding::{Findings, Span};
use assent_schema::plan::Answer;
use assent_schema::shape::Shape;
use assent_schema::spec::{Action, Integration, Spanned, Unit};
use unicode_script::UnicodeScript as _;
use unicode_security::MixedScript as _;
use unicode_security::confusable_detection::skeleton;

use super::needs::{Called, Label, Needs};
use super::{View, Writing};
use crate::parse::anchor;
use crate::source::{File, Place};

/// The fewest letters of a word that is looked at: units such as `kΩ` mix scripts and deceive nobody.
const WORD_LEAST: usize = 3;

/// A name and where it stands.
struct Named<'a> {
    name: &'a str,
    span: Span,
}

/// Reports each name that looks like an earlier one of its scope, and each word that mixes scripts.
///
/// # Shape
/// Of names that look alike the first in its file keeps its name; every other is reported once.
pub(super) fn check_project(view: &View<'_>, findings: &mut Findings) {
    of_the_whole(view, findings);
    of_workflows(view, findings);
    of_files(view, findings);
}

/// The same for what one client declares.
pub(super) fn check_client(view: &View<'_>, needs: &Needs, findings: &mut Findings) {
    for unit in view.client_files() {
        of_a_client(unit, needs, findings);
    }
    of_files(view, findings);
}

/// The same for what workflows declare, each for itself.
pub(super) fn check_workflows(view: &View<'_>, findings: &mut Findings) {
    of_workflows(view, findings);
    of_tests(view, findings);
}

/// The same for what clients are called.
pub(super) fn among_clients<'a>(clients: impl Iterator<Item = &'a Called> + Clone, findings: &mut Findings) {
    compare("client", clients.clone().map(|client| labelled(&client.name)), findings);
    compare("client's summary", clients.map(|client| labelled(&client.summary)), findings);
}

fn of_workflows(view: &View<'_>, findings: &mut Findings) {
    for (writing, workflow) in view.written_workflows() {
        let steps = workflow.every_step().map(|step| named(&writing, &step.id));
        compare("step of this workflow", steps, findings);
        compare("KPI of this workflow", workflow.kpis.iter().map(|kpi| named(&writing, &kpi.name)), findings);
        mixed(&writing, &workflow.summary, findings);
        for step in workflow.every_step() {
            let Action::Ask { answer, .. } = &step.action else { continue };
            for answer in answer.values() {
                let Answer::OneOf(constants) = &answer.value else { continue };
                // People see them in decisions and in labels of KPIs.
                let named = constants.iter().map(|constant| constant_in(&writing, &answer.span, constant));
                compare("constant of this answer", named.clone(), findings);
                named.for_each(|constant| mixed_constant(&constant, findings));
            }
        }
    }
}

/// The constants that fields and parameters of an integration declare.
fn of_constants(unit: &Unit<Integration>, findings: &mut Findings) {
    let operations = unit.spec.operations.values();
    let fields = operations.clone().flat_map(|operation| operation.response.values());
    let fields = fields.chain(unit.spec.events.values().flat_map(|event| event.fields.values()));
    let params = operations.flat_map(|operation| operation.params.values());
    let shapes = fields.map(|field| (&field.span, &field.shape)).chain(params.map(|param| (&param.span, &param.shape)));
    for (span, shape) in shapes {
        constants(shape, &mut |constant| {
            if !constant.is_ascii() {
                mixed_constant(&constant_in(&writing(unit), span, constant), findings);
            }
        });
    }
}

fn constants<'a>(shape: &'a Shape, found: &mut impl FnMut(&'a str)) {
    match shape {
        Shape::OneOf { values, .. } => values.iter().for_each(|value| found(value)),
        Shape::List { of, .. } => constants(&of.shape, found),
        Shape::Record { fields } => fields.values().for_each(|field| constants(&field.shape, found)),
        Shape::Text { .. }
        | Shape::Token {}
        | Shape::Uuid {}
        | Shape::Integer {}
        | Shape::Decimal {}
        | Shape::Boolean {}
        | Shape::Instant { .. }
        | Shape::Money { .. } => {}
    }
}

/// A constant where it is written; the whole value where it is written in another way.
fn constant_in<'a>(writing: &Writing<'_>, whole: &Range<usize>, constant: &'a str) -> Named<'a> {
    let at = writing.text.get(whole.clone()).and_then(|text| text.find(&format!("\"{constant}\"")));
    let start = at.map(|at| whole.start.saturating_add(at).saturating_add(1));
    let place = start.map_or_else(|| whole.clone(), |start| start..start.saturating_add(constant.len()));
    Named { name: constant, span: writing.span(&place) }
}

fn mixed_constant(constant: &Named<'_>, findings: &mut Findings) {
    if let Some(said) = words(constant.name).filter_map(|range| constant.name.get(range)).find_map(mixture) {
        findings.add(Code::LookalikeName, constant.span.clone(), format!("Here {said}."));
    }
}

/// Catalog and library.
fn of_the_whole(view: &View<'_>, findings: &mut Findings) {
    let parsed = view.parsed;
    compare("integration", parsed.integrations.values().map(|unit| named(&writing(unit), &unit.spec.name)), findings);
    compare("provider", parsed.providers.values().map(|unit| named(&writing(unit), &unit.spec.name)), findings);
    let library =
        parsed.library.iter().map(|(name, unit)| Named { name: name.as_str(), span: unit.span(unit.spec.place()) });
    compare("library workflow", library, findings);
    for unit in parsed.integrations.values() {
        mixed(&writing(unit), &unit.spec.summary, findings);
        let operations = unit.spec.operations.keys().map(|name| named(&writing(unit), name));
        compare("operation of this integration", operations, findings);
        of_constants(unit, findings);
    }
    for unit in parsed.providers.values() {
        if let Some(agreement) = &unit.spec.agreement {
            mixed(&writing(unit), &agreement.name, findings);
            agreement.parties.iter().for_each(|party| mixed(&writing(unit), party, findings));
        }
    }
    if let Some(unit) = &parsed.project {
        compare("alert route", unit.spec.routes.iter().map(|route| named(&writing(unit), &route.name)), findings);
        compare("region", unit.spec.regions.iter().map(|region| named(&writing(unit), region)), findings);
    }
}

/// What one client declares.
fn of_a_client(unit: &Unit<assent_schema::spec::Client>, needs: &Needs, findings: &mut Findings) {
    let (client, place) = (&unit.spec, writing(unit));
    mixed(&place, &client.summary, findings);
    compare("connection of this client", client.connections.keys().map(|name| named(&place, name)), findings);
    compare("person of this client", client.people.keys().map(|name| named(&place, name)), findings);
    compare("group of this client", client.groups.keys().map(|name| named(&place, name)), findings);
    compare("workflow of this client", needs.names.iter().map(labelled), findings);
}

fn of_tests(view: &View<'_>, findings: &mut Findings) {
    for unit in view.parsed.clients.values().flat_map(|files| files.tests.values()) {
        let names = unit.spec.scenarios.iter().map(|scenario| &scenario.name);
        compare("scenario of this file", names.clone().map(|name| named(&writing(unit), name)), findings);
        names.for_each(|name| mixed(&writing(unit), name, findings));
    }
}

/// A file's name.
struct OfFile<'a> {
    name: &'a str,
    path: &'a Arc<str>,
    file: &'a File,
}

impl OfFile<'_> {
    /// What says best which file it is.
    fn place(&self) -> Span {
        Span::new(self.path, anchor(self.file.text()))
    }
}

/// Names of files that people chose, folder by folder; they are shown at what says best which file it is. To find that the
/// file is read, so it is sought only of names about which there is something to say: approvals are large.
fn of_files(view: &View<'_>, findings: &mut Findings) {
    let mut alike: BTreeMap<(&str, String), Vec<OfFile<'_>>> = BTreeMap::new();
    for (path, file) in &view.parsed.source.files {
        if !matches!(file.place, Place::Text | Place::Approval(_)) {
            continue;
        }
        let Some((folder, name)) = path.rsplit_once('/') else { continue };
        if let Some(said) = words(name).filter_map(|range| name.get(range)).find_map(mixture) {
            findings.add(
                Code::LookalikeName,
                OfFile { name, path, file }.place(),
                format!("In this file's name {said}."),
            );
            continue;
        }
        alike.entry((folder, look(name))).or_default().push(OfFile { name, path, file });
    }
    for files in alike.into_values().filter(|files| files.len() > 1) {
        let files = files.into_iter().map(|of| Named { name: of.name, span: of.place() });
        compare("file of this folder", files, findings);
    }
}

fn writing<T>(unit: &Unit<T>) -> Writing<'_> {
    Writing { file: &unit.file, text: &unit.text }
}

fn named<'a, T: AsRef<str>>(place: &Writing<'_>, name: &'a Spanned<T>) -> Named<'a> {
    Named { name: name.value.as_ref(), span: place.span(&name.span) }
}

fn labelled(label: &Label) -> Named<'_> {
    Named { name: &label.name, span: label.span() }
}

fn compare<'a>(what: &str, names: impl Iterator<Item = Named<'a>>, findings: &mut Findings) {
    let mut alike: BTreeMap<String, Vec<Named<'a>>> = BTreeMap::new();
    for name in names {
        alike.entry(look(name.name)).or_default().push(name);
    }
    for mut names in alike.into_values().filter(|names| names.len() > 1) {
        names.sort_by(|a, b| a.span.cmp(&b.span));
        let Some((first, others)) = names.split_first() else { continue };
        for other in others.iter().filter(|other| other.name != first.name) {
            let message = format!("`{}` looks like `{}`, another {what}.", other.name, first.name);
            findings.add(Code::LookalikeName, other.span.clone(), message);
        }
    }
}

/// What a name looks like: the same text for names that a reader may take for one another.
fn look(name: &str) -> String {
    let letters: String = if name.is_ascii() { name.to_owned() } else { skeleton(name).collect() };
    let mut out = String::with_capacity(letters.len());
    let mut chars = letters.chars().map(|c| c.to_ascii_lowercase()).peekable();
    while let Some(c) = chars.next() {
        let digit_before = out.ends_with(|c: char| c.is_ascii_digit() || c == 'l' || c == 'o');
        match (c, chars.peek()) {
            ('r', Some('n')) => {
                chars.next();
                out.push('m');
            }
            ('v', Some('v')) => {
                chars.next();
                out.push('w');
            }
            ('0', _) => out.push('o'),
            ('1' | 'i' | '|', _) => out.push('l'),
            // Between digits a hyphen is read: `2-10` is not `21-0`.
            ('-' | '_' | ' ', Some(next)) if digit_before && next.is_ascii_digit() => out.push('-'),
            ('-' | '_' | ' ', _) => {}
            (c, _) => out.push(c),
        }
    }
    out
}

fn mixed<T: AsRef<str>>(place: &Writing<'_>, text: &Spanned<T>, findings: &mut Findings) {
    let value = text.value.as_ref();
    if value.is_ascii() {
        return;
    }
    for range in words(value) {
        if let Some(said) = value.get(range.clone()).and_then(mixture) {
            let span = place.within(&text.span, &range);
            findings.add(Code::LookalikeName, span, format!("Here {said}."));
        }
    }
}

/// Stretches of letters.
fn words(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + text.get(at..)?.find(char::is_alphabetic)?;
        let rest = text.get(start..)?;
        at = start + rest.find(|c: char| !c.is_alphabetic()).unwrap_or(rest.len());
        Some(start..at)
    })
}

/// What is wrong with a word that mixes scripts, as a sentence fragment.
fn mixture(word: &str) -> Option<String> {
    if word.is_ascii() || word.chars().count() < WORD_LEAST || word.is_single_script() {
        return None;
    }
    let mut counts: BTreeMap<&str, (usize, char)> = BTreeMap::new();
    for c in word.chars() {
        counts.entry(c.script().full_name()).or_insert((0, c)).0 += 1;
    }
    let (script, (_, stranger)) = counts.iter().min_by_key(|(_, (count, _))| *count)?;
    let (most, _) = counts.iter().max_by_key(|(_, (count, _))| *count)?;
    let code = u32::from(*stranger);
    Some(format!("`{word}` has the {script} letter `{stranger}` (U+{code:04X}) among {most} ones"))
}

/// Where a file that holds a workflow, or uses one, says which.
pub(super) trait Placed {
    /// The place of the name, or of what is used.
    fn place(&self) -> &Range<usize>;
}

impl Placed for assent_schema::spec::WorkflowFile {
    fn place(&self) -> &Range<usize> {
        match self {
            Self::Own(workflow) => &workflow.name.span,
            Self::Use(usage) => &usage.library.span,
        }
    }
}

impl Placed for assent_schema::spec::Library {
    fn place(&self) -> &Range<usize> {
        self.body.place()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_a_reader_confuses_look_the_same() {
        for (a, b) in [
            ("return", "retum"),
            ("order-1", "order-l"),
            ("zoo", "z0o"),
            ("mail", "mall"),
            ("order-status", "orderstatus"),
            ("wave", "vvave"),
            ("pa_ypal", "paypal"),
            ("Größe.md", "Größe.md"),
            ("раура.md", "paypa.md"),
        ] {
            assert_eq!(look(a), look(b), "{a} {b}");
        }
        for (a, b) in [("ticket", "tickets"), ("plan-2-10", "plan-21-0"), ("east", "west"), ("order", "older")] {
            assert_ne!(look(a), look(b), "{a} {b}");
        }
    }

    #[test]
    fn a_word_is_of_one_script_and_a_text_of_many() {
        for good in ["Größe", "Москва", "東京タワーへ", "한국어", "naïve", "Αθήνα", "µTorrent", "kΩ", "עברית"]
        {
            assert_eq!(mixture(good), None, "{good}");
        }
        let said = mixture("Аcme").expect("mixed");
        assert_eq!(said, "`Аcme` has the Cyrillic letter `А` (U+0410) among Latin ones");
        assert!(mixture("paypаl").is_some() && mixture("Οrder").is_some());
    }
}
