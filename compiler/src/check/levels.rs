//! A source level by level: the project, each client on top of it, each client's workflows in parts on top of that.
//!
//! Each level is read, connected, judged and checked; a level sees itself and what it rests on. What is not kept is
//! dropped as soon as its findings are known.

use std::collections::BTreeMap;
use std::sync::Arc;

use assent_schema::canon::Digest;
use assent_schema::code::Code;
use assent_schema::expr::remembering;
use assent_schema::finding::{Finding, Findings};
use assent_schema::guard;
use assent_schema::id::ClientId;
use assent_schema::time::Moment;
use assent_schema::uses::{AskedBefore, derive_after, derive_client};

use super::instant::At;
use super::needs::{Called, Needs};
use super::recall::{Known, Recall, workflow_key};
use super::work::{self, Work};
use super::{
    Judged, JudgedWorkflow, Options, Survey, View, expressions, hidden, lookalike_name, trust, unused_personal,
};
use crate::error::Error;
use crate::lower;
use crate::parse::{self, parse, parse_below};
use crate::resolve::{self, Pruned, Resolved};
use crate::source::{Folder, Parts, Pending, Place, Shelf};

/// The workflows of one part: many enough that a part is worth its start, few enough that cores share a client.
const PART: usize = 32;

/// What a source is asked.
pub(super) struct Question<'a> {
    pub(super) parts: &'a dyn Parts,
    pub(super) at: Moment,
    pub(super) options: &'a Options,
    pub(super) wanted: Wanted,
    /// Where earlier checks left what they found out; absent where everything is looked at anew.
    pub(super) shelf: Option<&'a Shelf>,
}

/// What is wanted of a source.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// What it says, and all that is wrong with it.
    All,
    /// All that is wrong with it; what was found out is not kept.
    Findings,
    /// What it says, and what is wrong with that on which everything else rests.
    Survey,
}

/// What a source answers.
pub(super) struct Answer {
    /// The project, and everything else where it is kept.
    pub(super) survey: Survey,
    pub(super) findings: Findings,
    /// How many workflow files there are.
    pub(super) workflows: usize,
}

/// Looks at everything.
///
/// # Errors
/// When a part cannot be read.
pub(super) fn ask(question: &Question<'_>) -> Result<Answer, Error> {
    let (project, mut findings) = project(question)?;
    let clients = question.parts.clients();
    let levels = Levels { question, project: &project, clients: &clients, recall: recall(question) };
    let done = work::all(&levels, clients.len())?;
    let mut answer = Answer { survey: project.clone(), findings: Findings::new(), workflows: 0 };
    // Of a source that is too large only some was read, and not always the same.
    if let Some(finding) = question.parts.too_large() {
        findings.push(finding);
        return Ok(Answer { findings, ..answer });
    }
    lookalike_name::among_clients(done.iter().filter_map(|client| client.called.as_ref()), &mut findings);
    for client in done {
        findings.append(client.findings);
        answer.workflows += client.workflows;
        client.kept.into_iter().for_each(|survey| answer.survey.absorb(survey));
    }
    answer.survey.judged.values_mut().for_each(Judged::sort);
    Ok(Answer { findings, ..answer })
}

/// The project alone.
///
/// # Errors
/// As [`ask`].
pub(super) fn project(question: &Question<'_>) -> Result<(Survey, Findings), Error> {
    let (source, mut findings) = question.parts.project()?;
    let (parsed, found) = parse(source);
    findings.append(found);
    resolve::resolve_project(&parsed, &mut findings);
    let at = At::new(question.at);
    let trusted = trust::gather_project(&parsed, question.at, &mut findings);
    hidden::files(&parsed, &mut findings);
    if trusted.roots.is_none() {
        hidden::signed(&mut findings);
    }
    let survey = Survey {
        parsed: Arc::new(parsed),
        resolved: Resolved::default(),
        judged: BTreeMap::new(),
        trusted: Arc::new(trusted),
    };
    if question.wanted != Wanted::Survey {
        super::check_project(&view(question, &survey, &at), &mut findings);
    }
    Ok((survey, findings))
}

/// What earlier checks found out, where it may be used: what is kept must be looked at, and rehearsals come from outside.
fn recall<'a>(question: &Question<'a>) -> Option<Recall<'a>> {
    let plain = question.wanted == Wanted::Findings && question.options.rehearsed.is_none();
    let shelf = question.shelf.filter(|_| plain)?;
    let asked = if question.options.rehearse.is_some() { "with scenarios" } else { "without scenarios" };
    Some(Recall::new(shelf, question.parts.project_mark()?, asked))
}

fn view<'a>(question: &'a Question<'_>, survey: &'a Survey, at: &'a At) -> View<'a> {
    View {
        parsed: &survey.parsed,
        resolved: &survey.resolved,
        judged: &survey.judged,
        trusted: &survey.trusted,
        at,
        options: question.options,
    }
}

/// The levels below the project.
struct Levels<'a> {
    question: &'a Question<'a>,
    project: &'a Survey,
    clients: &'a [ClientId],
    recall: Option<Recall<'a>>,
}

/// A client that was begun.
enum Begun {
    /// Nothing of it has changed.
    Recalled(Box<Done>),
    /// All but its workflows was looked at.
    Open(Box<Open>),
}

/// A client of which all but its workflows was looked at.
struct Open {
    id: ClientId,
    survey: Survey,
    findings: Findings,
    pending: Vec<Pending>,
    at: At,
    files: usize,
    bytes: usize,
    /// What its notes rest on: the whole of it, and all but its workflows.
    keys: Option<(Digest, Digest)>,
    /// What an earlier check found out of its workflows.
    known: BTreeMap<Digest, Known>,
}

/// Some workflows of a client.
#[derive(Default)]
struct Part {
    kept: Option<Survey>,
    findings: Findings,
    needs: Needs,
    bytes: usize,
    /// What is now known of each workflow.
    known: Vec<(Digest, Known)>,
}

/// A client.
struct Done {
    kept: Vec<Survey>,
    findings: Findings,
    workflows: usize,
    called: Option<Called>,
}

impl Work for Levels<'_> {
    type Begun = Begun;
    type Part = Part;
    type Done = Done;

    fn begin(&self, number: usize) -> Result<(Begun, usize), Error> {
        // `work` counts as many as there are.
        let id = self.clients.get(number).cloned().ok_or_else(|| Error::input("there is no such client"))?;
        let whole = self.recall.zip(self.question.parts.client_mark(&id));
        let whole = whole.map(|(recall, mark)| (recall, recall.key(&id, mark)));
        let known = whole.and_then(|(recall, key)| recall.client(&id, key, self.question.at));
        if let Some((known, findings)) = known.and_then(|known| known.findings().map(|findings| (known, findings))) {
            self.question.parts.count(known.files, known.bytes);
            let (workflows, called) = (known.needs.workflows, known.needs.called);
            let done = Done { kept: Vec::new(), findings, workflows, called };
            return Ok((Begun::Recalled(Box::new(done)), 0));
        }
        let open = self.open(id, whole)?;
        let count = open.pending.len().div_ceil(PART);
        Ok((Begun::Open(Box::new(open)), count))
    }

    fn part(&self, begun: &Begun, number: usize) -> Result<Part, Error> {
        let Begun::Open(open) = begun else { return Ok(Part::default()) };
        let these = open.pending.chunks(PART).nth(number).unwrap_or_default();
        remembering(|| self.part_of(open, these))
    }

    fn end(&self, begun: Begun, parts: Vec<Part>) -> Done {
        let open = match begun {
            Begun::Recalled(done) => return *done,
            Begun::Open(open) => *open,
        };
        let Open { id, survey, mut findings, at, files, mut bytes, keys, .. } = open;
        let (mut needs, mut kept, mut known) = (Needs::default(), Vec::new(), BTreeMap::new());
        // Broken files among the workflows that were not even read: links, names that nothing may have.
        let folder = format!("clients/{id}/workflows/");
        needs.unread = survey.parsed.broken.iter().filter(|file| file.starts_with(&folder)).count();
        needs.called = survey.parsed.clients.get(&id).and_then(|files| files.client.as_deref()).map(Called::of);
        if let Some((client, judged)) = survey.resolved.clients.get(&id).zip(survey.judged.get(&id)) {
            needs.uses(judged, &client.facts.region, survey.trusted.approvals.get(&id));
        }
        for part in parts {
            findings.append(part.findings);
            needs.add(part.needs);
            kept.extend(part.kept);
            bytes += part.bytes;
            known.extend(part.known);
        }
        if self.question.wanted != Wanted::Survey {
            super::check_client(&view(self.question, &survey, &at), &needs, &mut findings);
        }
        // Of a source that is too large only some was read.
        if let (Some(recall), Some((whole, own)), None) = (self.recall, keys, self.question.parts.too_large()) {
            recall.keep_workflows(&id, own, &at, &known);
            recall.keep_client(&id, whole, &at, &Known::new(&findings, &needs, files, bytes));
        }
        if self.question.wanted != Wanted::Findings {
            kept.insert(0, survey);
        }
        Done { kept, findings, workflows: needs.workflows, called: needs.called }
    }
}

impl Levels<'_> {
    /// Looks at all of a client but its workflows.
    fn open(&self, id: ClientId, whole: Option<(Recall<'_>, Digest)>) -> Result<Open, Error> {
        let Folder { source, mut findings, pending, files, mark } = self.question.parts.client(&id)?;
        let (bytes, at) = (source.size_bytes(), At::new(self.question.at));
        let (parsed, found) = parse_below(&self.project.parsed, &id, source);
        findings.append(found);
        let has_file = parsed.clients.get(&id).is_some_and(|files| files.client.is_some());
        if !has_file && !parsed.is_broken(&format!("clients/{id}/client.toml")) {
            self.without_client(&id, &pending, &mut findings)?;
        }
        let client = resolve::resolve_client(&parsed, &id, self.project.trusted.teams.get(&id), &mut findings);
        if client.is_none() && !pending.is_empty() {
            hidden::client(&id, &mut findings);
        }
        let trusted = match &self.project.trusted.roots {
            Some(roots) if has_file || !pending.is_empty() => {
                let mut trusted = trust::gather_client(roots, &parsed, &id, &at, &mut findings);
                trusted.changed.clone_from(&self.project.trusted.changed);
                hidden::approvals(&id, &trusted, &mut findings);
                trusted
            }
            _ => trust::Trusted { roots: self.project.trusted.roots.clone(), ..trust::Trusted::default() },
        };
        let own = client.as_ref().map(|client| derive_client(&client.facts)).unwrap_or_default();
        let mut judged = Judged { own, ..Judged::default() };
        judged.look_up(trusted.approvals.get(&id));
        if let Some(client) = &client {
            judged.forget_terms(client, &mut findings);
        }
        let resolved = Resolved { clients: client.into_iter().map(|client| (id.clone(), client)).collect() };
        let judged = resolved.clients.keys().map(|id| (id.clone(), judged.clone())).collect();
        let survey = Survey { parsed: Arc::new(parsed), resolved, judged, trusted: Arc::new(trusted) };
        let keys = whole.zip(mark).map(|((recall, whole), mark)| (recall, whole, recall.key(&id, mark)));
        let known = keys.map(|(recall, _, own)| recall.workflows(&id, own, &at)).unwrap_or_default();
        let keys = keys.map(|(_, whole, own)| (whole, own));
        Ok(Open { id, survey, findings, pending, at, files, bytes, keys, known })
    }

    /// Looks at the workflows of one part, or recalls them.
    fn part_of(&self, open: &Open, these: &[Pending]) -> Result<Part, Error> {
        if open.keys.is_none() {
            return self.look(open, these);
        }
        // Each by itself, so that each is known by itself.
        let mut all = Part::default();
        for one in these {
            let Some(key) = workflow_key(one) else { continue };
            let known = open.known.get(&key).and_then(|known| Some((known.clone(), known.findings()?)));
            let (known, findings) = if let Some((known, findings)) = known {
                self.question.parts.count(0, known.bytes);
                (known, findings)
            } else {
                let part = self.look(open, std::slice::from_ref(one))?;
                (Known::new(&part.findings, &part.needs, 0, part.bytes), part.findings)
            };
            all.findings.append(findings);
            all.needs.add(known.needs.clone());
            all.bytes += known.bytes;
            all.known.push((key, known));
        }
        Ok(all)
    }

    /// Looks at some workflows of a client.
    fn look(&self, open: &Open, these: &[Pending]) -> Result<Part, Error> {
        let id = &open.id;
        let (source, mut findings) = self.question.parts.workflows(id, these)?;
        let bytes = source.size_bytes();
        let (parsed, found) = parse_below(&open.survey.parsed, id, source);
        let strange: Vec<Arc<str>> =
            found.iter().filter(|finding| is_strange(finding)).map(|finding| Arc::clone(&finding.span.file)).collect();
        findings.append(found);
        hidden::files(&parsed, &mut findings);
        let mut resolved = Resolved::default();
        let mut judged = BTreeMap::new();
        if let Some(client) = open.survey.resolved.clients.get(id) {
            let mut named = Findings::new();
            let mut client = resolve::resolve_workflows(&parsed, client, &mut named);
            named.retain(|finding| !rests_on(&strange, finding));
            findings.append(named);
            let mut found = judge(&mut client, &mut findings);
            found.look_up(open.survey.trusted.approvals.get(id));
            resolved.clients.insert(id.clone(), client);
            judged.insert(id.clone(), found);
        }
        let trusted = Arc::clone(&open.survey.trusted);
        let survey = Survey { parsed: Arc::new(parsed), resolved, judged, trusted };
        let mut needs = Needs::of(&survey, id);
        needs.unread += strange.len();
        if self.question.wanted != Wanted::Survey {
            super::check_workflows(&view(self.question, &survey, &open.at), &mut findings);
        }
        Ok(Part {
            kept: (self.question.wanted != Wanted::Findings).then_some(survey),
            findings,
            needs,
            bytes,
            known: Vec::new(),
        })
    }

    /// A client with workflows and no file of its own is reported once, at the first of them that can be read.
    fn without_client(&self, id: &ClientId, pending: &[Pending], findings: &mut Findings) -> Result<(), Error> {
        let (source, _) = self.question.parts.workflows(id, pending.get(..1).unwrap_or_default())?;
        let workflow = source.files.iter().find(|(_, file)| matches!(file.place, Place::Workflow(..)));
        if let Some((path, file)) = workflow.or_else(|| source.files.iter().next()) {
            parse::without_client(id, path, file.text(), findings);
        }
        Ok(())
    }
}

/// A key of a workflow that means nothing, and so perhaps a step that is not there: what the workflow needs is not known.
fn is_strange(finding: &Finding) -> bool {
    finding.code == Code::UnknownKey && !finding.span.file.ends_with(".test.toml")
}

/// Whether a scenario is blamed for a name that its workflow may have under a key that means nothing.
fn rests_on(strange: &[Arc<str>], finding: &Finding) -> bool {
    let workflow = finding.span.file.strip_suffix(".test.toml").filter(|_| finding.code == Code::UnknownName);
    workflow.is_some_and(|name| strange.iter().any(|file| file.strip_suffix(".toml") == Some(name)))
}

/// Types, flows and data uses of each workflow. One whose expressions do not hold has neither.
fn judge(client: &mut resolve::Client, findings: &mut Findings) -> Judged {
    let mut judged = Judged::default();
    let facts = Arc::clone(&client.facts);
    for part in std::mem::take(&mut client.partly) {
        hidden::workflow(&facts.client, &part.plan.workflow, findings);
        expressions::check_part(&facts, &part, findings);
    }
    let mut before = Before::default();
    for (name, workflow) in &mut client.workflows {
        let found = judge_workflow(&facts, workflow, &mut before, findings);
        if found.is_none() {
            hidden::workflow(&facts.client, name, findings);
        }
        judged.workflows.extend(found.map(|found| (name.clone(), found)));
    }
    judged
}

/// What was made for other workflows of a client and need not be made again.
#[derive(Default)]
struct Before {
    pruned: Pruned,
    asked: AskedBefore,
}

/// The candidate plan gives way to the lowered one, so that a source of thousands of workflows is held once.
fn judge_workflow(
    facts: &assent_schema::client::ClientFacts,
    workflow: &mut resolve::Workflow,
    before: &mut Before,
    findings: &mut Findings,
) -> Option<JudgedWorkflow> {
    if !workflow.is_whole {
        expressions::check_lost(facts, workflow, findings);
        return None;
    }
    let lowered = lower::lower(workflow, &mut before.pruned);
    let flows = expressions::check(facts, workflow, &lowered.plan, findings)?;
    let uses = derive_after(&lowered.plan, facts, &flows, &mut before.asked);
    let breaches = guard::breaches(&lowered.plan, &flows, facts);
    let idle = unused_personal::idle(&workflow.plan);
    workflow.plan = Arc::clone(&lowered.plan);
    Some(JudgedWorkflow { lowered, uses, breaches, idle })
}
