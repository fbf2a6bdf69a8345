//! Library workflows and who uses them: `library-cycle` is found here, and settings are put together.
//!
//! A library workflow may be another one with settings; what it sets is a default for whoever uses it. So a chain of uses
//! ends at a workflow with steps, and the settings nearest to the client count.
//!
//! # Source
//! language.md section 1.

use std::collections::BTreeMap;
use std::sync::Arc;

use assent_schema::code::Code;
use assent_schema::finding::Findings;
use assent_schema::id::{Name, WorkflowId};
use assent_schema::spec::{self, Literal, Setting, Spanned, Unit, Use, Workflow, WorkflowFile};

use super::names::{Report, texts};
use super::settings::Settings;
use crate::parse::Parsed;

/// The most uses that follow one another.
const CHAIN_MOST: usize = 8;

/// Where a chain of uses ends, and the uses in the library on the way there, outermost first.
///
/// A part of it may be a file that cannot be used: what is wrong with those that use it is told all the same.
pub(super) struct Chain<'a> {
    /// The file with the steps.
    pub(super) base: &'a Unit<spec::Library>,
    /// The workflow in it.
    pub(super) workflow: &'a Workflow,
    links: Vec<(&'a Unit<spec::Library>, &'a Use)>,
}

impl<'a> Chain<'a> {
    /// The uses within the library with their files, innermost first: what each says holds for those further out.
    pub(super) fn uses(&self) -> impl Iterator<Item = (&'a Unit<spec::Library>, &'a Use)> + '_ {
        self.links.iter().rev().copied()
    }

    /// The files of the chain, from the first on.
    pub(super) fn files(&self, parsed: &Parsed, first: &WorkflowId) -> Vec<Arc<str>> {
        let names = std::iter::once(first).chain(self.links.iter().map(|(_, link)| &link.library.value));
        names.filter_map(|name| parsed.library.get(name)).map(|unit| Arc::clone(&unit.file)).collect()
    }

    /// Whether every file of the chain can be used.
    fn is_whole(&self, parsed: &Parsed) -> bool {
        let links = self.links.iter().map(|(unit, _)| *unit);
        !links.chain([self.base]).any(|unit| parsed.is_broken(&unit.file))
    }

    /// Whether a setting's declaration, or what a use in the library sets it to, could not be read.
    fn is_unread(&self, name: &str) -> bool {
        self.base.spec.unread.contains(name) || self.links.iter().any(|(_, link)| link.unread.contains(name))
    }

    /// What stands for a setting when the client sets nothing.
    fn default<'s>(&'s self, name: &Name, setting: &'s Setting) -> Option<&'s Spanned<Literal>> {
        let set = self.links.iter().find_map(|(_, link)| link.settings.get(name.as_str()));
        set.or(setting.default.as_ref())
    }
}

/// A file of the library, whether or not it can be used.
fn file<'a>(parsed: &'a Parsed, name: &WorkflowId) -> Option<&'a Unit<spec::Library>> {
    parsed.library.get(name).or_else(|| parsed.library_partly.get(name))
}

/// Whether the library workflow that a file uses is there and cannot be used.
pub(super) fn rests_on_part(parsed: &Parsed, usage: &Use) -> bool {
    follow(parsed, &usage.library.value).is_some_and(|chain| !chain.is_whole(parsed))
}

/// Follows the uses of the library from one on; nothing where they lead nowhere, in a circle, or on and on.
fn follow<'a>(parsed: &'a Parsed, first: &WorkflowId) -> Option<Chain<'a>> {
    let mut links = Vec::new();
    let mut next = first;
    loop {
        let base = file(parsed, next)?;
        match &base.spec.body {
            WorkflowFile::Own(workflow) => return Some(Chain { base, workflow, links }),
            WorkflowFile::Use(_) if links.len() == CHAIN_MOST => return None,
            WorkflowFile::Use(usage) => {
                links.push((base, usage));
                next = &usage.library.value;
            }
        }
    }
}

/// The library workflow that a file uses; what is wrong within the library was reported there.
pub(super) fn find<'a, T>(
    parsed: &'a Parsed,
    unit: &Unit<T>,
    usage: &Use,
    findings: &mut Findings,
) -> Option<Chain<'a>> {
    check_name(parsed, unit, usage, findings);
    follow(parsed, &usage.library.value)
}

/// A name that no file of the library has, unless that file is there and broken.
fn check_name<T>(parsed: &Parsed, unit: &Unit<T>, usage: &Use, findings: &mut Findings) {
    let name = &usage.library;
    if !parsed.library.contains_key(&name.value) && !parsed.is_broken(&format!("library/{}.toml", name.value)) {
        Report::new(unit, findings).unknown("library workflow", name, &texts(parsed.library.keys()));
    }
}

/// The client's settings over the library's defaults; a setting without either is reported, unless one of them could not be
/// read.
pub(super) fn put_settings<T>(chain: &Chain<'_>, unit: &Unit<T>, usage: &Use, findings: &mut Findings) -> Settings {
    let mut report = Report::new(unit, findings);
    check_settings(chain, usage, &mut report);
    let mut settings = Settings::new();
    for (name, setting) in &chain.base.spec.settings {
        let kind = &setting.kind.value;
        let given = usage.settings.get(name).or_else(|| chain.default(&name.value, setting));
        if let Some(Spanned { value, .. }) = given {
            // What does not fit was told where it is set: the library is right, and is not blamed.
            let value = if kind.takes(value) { value.clone() } else { kind.sample() };
            settings.insert(name.value.clone(), (kind.clone(), value));
        } else {
            // The library's own expressions are read all the same, and are not blamed.
            settings.insert(name.value.clone(), (kind.clone(), kind.sample()));
            if usage.unread.contains(name.value.as_str()) || chain.is_unread(name.value.as_str()) {
                continue;
            }
            let message = format!("The setting `{}` has no default and must be set: {}.", name.value, kind.wanted());
            report.add(Code::BadValue, &usage.library.span, message);
        }
    }
    settings
}

/// Every setting that a use sets exists and takes what it is set to.
fn check_settings(chain: &Chain<'_>, usage: &Use, report: &mut Report<'_>) {
    let declared = &chain.base.spec.settings;
    let known = texts(declared.keys().map(|name| &name.value));
    for (name, given) in &usage.settings {
        match declared.get(name) {
            None if chain.base.spec.unread.contains(name.value.as_str()) => {}
            None => report.unknown("setting", name, &known),
            Some(setting) if !setting.kind.value.takes(&given.value) => {
                let message = format!("The setting `{}` takes {}.", name.value, setting.kind.value.wanted());
                report.add(Code::BadValue, &given.span, message);
            }
            Some(_) => {}
        }
    }
}

/// Checks the uses within the library, each where it is written and whether or not a client uses it.
pub(super) fn check(parsed: &Parsed, findings: &mut Findings) {
    let mut walked = Walked::new();
    for (name, unit) in parsed.library.iter().chain(parsed.library_partly.iter()) {
        let WorkflowFile::Use(usage) = &unit.spec.body else { continue };
        check_name(parsed, unit, usage, findings);
        if let Some(chain) = follow(parsed, name) {
            check_settings(&chain, usage, &mut Report::new(unit, findings));
            continue;
        }
        if let Some(circle) = circle(parsed, name, &mut walked) {
            circle_finding(parsed, &circle, findings);
        } else if uses_until_steps(parsed, name) == Some(CHAIN_MOST + 1) {
            // Those further out would only say the same again.
            let message = format!("`{name}` leads through more than {CHAIN_MOST} uses to a workflow with steps.");
            Report::new(unit, findings).add(Code::BadValue, &usage.library.span, message);
        }
    }
}

/// The library workflows that a walk came through, with where that walk began: none is walked through twice, however long
/// the chains of a source are.
type Walked<'a> = BTreeMap<&'a WorkflowId, &'a WorkflowId>;

/// The circle that the uses from one on lead into, unless an earlier walk came there.
fn circle<'a>(
    parsed: &'a Parsed,
    first: &'a WorkflowId,
    walked: &mut Walked<'a>,
) -> Option<Vec<(&'a WorkflowId, &'a Use)>> {
    let mut path: Vec<(&WorkflowId, &Use)> = Vec::new();
    let mut next = first;
    loop {
        let known = parsed.library.get_key_value(next).or_else(|| parsed.library_partly.get_key_value(next));
        let (name, unit) = known?;
        let WorkflowFile::Use(usage) = &unit.spec.body else { return None };
        match walked.insert(name, first) {
            None => path.push((name, usage)),
            Some(by) if by == first => {
                let from = path.iter().position(|(seen, _)| *seen == name)?;
                return Some(path.split_off(from));
            }
            Some(by) => {
                walked.insert(name, by);
                return None;
            }
        }
        next = &usage.library.value;
    }
}

/// How many uses lead to a workflow with steps; nothing where it is more than one beyond the most, or none does.
fn uses_until_steps(parsed: &Parsed, first: &WorkflowId) -> Option<usize> {
    let mut next = first;
    for uses in 0..=CHAIN_MOST + 1 {
        match &file(parsed, next)?.spec.body {
            WorkflowFile::Own(_) => return Some(uses),
            WorkflowFile::Use(usage) => next = &usage.library.value,
        }
    }
    None
}

/// Points at the member whose name comes first, so that the finding does not depend on where the walk began.
fn circle_finding(parsed: &Parsed, circle: &[(&WorkflowId, &Use)], findings: &mut Findings) {
    let Some(least) = (0..circle.len()).min_by_key(|at| circle.get(*at).map(|(name, _)| *name)) else { return };
    let turned: Vec<_> = circle.iter().cycle().skip(least).take(circle.len()).collect();
    let Some((first, usage)) = turned.first() else { return };
    let Some(unit) = file(parsed, first) else { return };
    let rest: Vec<String> = turned.iter().skip(1).map(|(name, _)| format!("`{name}`, which uses ")).collect();
    let message = match rest.as_slice() {
        [] => format!("`{first}` uses itself."),
        rest => format!("`{first}` uses {}`{first}`.", rest.concat()),
    };
    Report::new(unit, findings).add(Code::LibraryCycle, &usage.library.span, message);
}
