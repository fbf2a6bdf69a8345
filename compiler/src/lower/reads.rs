//! What a workflow reads of what comes in: of each answer, of the event that begins a run, and of those that it waits for.

use std::collections::{BTreeMap, BTreeSet};

use assent_schema::expr::{Program, Taken, TakenBy, Template, WholeOrText};
use assent_schema::id::{Name, OperationRef};
use assent_schema::plan::{Action, Argument, Chat, Plan, SLACK_POSTED, Step, Until};

use crate::resolve::paths::paths;

/// What an AI is given of a source.
const OF_SOURCES: [&str; 2] = ["id", "text"];

/// What is read of each name of a plan.
pub(super) struct Reads(TakenBy);

impl Reads {
    /// One walk from the end: a step is read by those behind it alone, so that what is read of a `set` is known before its
    /// own expressions are looked at.
    pub(super) fn of(plan: &Plan) -> Self {
        let mut reads = Self(TakenBy::default());
        plan.limits.one_at_a_time.iter().for_each(|expression| reads.text(&expression.0, &Taken::Whole));
        plan.cancels.iter().for_each(|cancel| reads.text(&cancel.equals.0, &Taken::Whole));
        for kpi in &plan.kpis {
            kpi.when.iter().for_each(|expression| reads.text(&expression.0, &Taken::Whole));
            kpi.sum.iter().chain(&kpi.by).for_each(|path| reads.text(path, &Taken::Whole));
        }
        plan.fallback.open.iter().for_each(|template| reads.template(template, &Taken::Whole));
        reads.steps(plan, &plan.steps);
        reads
    }

    /// What is read of each operation's answer by steps, by chats and by those who watch its list. The trigger has already no
    /// more fields than are read.
    pub(super) fn operations(&self, plan: &Plan) -> BTreeMap<OperationRef, Taken> {
        let mut operations: BTreeMap<OperationRef, Taken> = BTreeMap::new();
        let mut add = |operation: &OperationRef, taken: Taken| {
            operations.entry(operation.clone()).or_default().add(taken);
        };
        for step in plan.every_step() {
            if let (Action::Call { operation, .. }, Some(taken)) = (&step.action, self.0.of(step.id.as_str())) {
                add(operation, taken.clone());
            }
        }
        for (connection, chat) in &plan.chats {
            if matches!(chat, Chat::Slack { .. }) {
                let posted = OperationRef { connection: connection.clone(), operation: chat.post().clone() };
                add(&posted, members(SLACK_POSTED));
            }
        }
        if let Some(poll) = plan.trigger.poll() {
            // Of its items what the trigger has, and by what they are told apart.
            let own = poll.own.as_ref().map(|own| own.at.as_str());
            let mut item = members([poll.order.as_str(), poll.id.as_str()].into_iter().chain(own));
            let fields = plan.trigger.fields().into_iter().flatten();
            item.add(Taken::Members(
                fields.map(|(name, field)| (name.clone(), Taken::by_shape(&field.shape))).collect(),
            ));
            add(&poll.read, item.below([&poll.items].into_iter()));
        }
        operations
    }

    /// What is read of the trigger.
    pub(super) fn trigger(&self) -> Taken {
        self.0.of("trigger").cloned().unwrap_or_default()
    }

    /// What is read of the event that a step waits for.
    pub(super) fn event(&self, step: &Step) -> Taken {
        self.0.of(step.id.as_str()).cloned().unwrap_or_default()
    }

    fn steps(&mut self, plan: &Plan, steps: &[Step]) {
        steps.iter().rev().for_each(|step| self.step(plan, step));
    }

    fn step(&mut self, plan: &Plan, step: &Step) {
        step.when.iter().for_each(|when| self.text(&when.0, &Taken::Whole));
        match &step.action {
            Action::Call { operation, with, .. } => {
                let params = plan.operations.get(operation).map(|operation| &operation.params);
                for (name, argument) in with {
                    let sent = params.and_then(|params| params.get(name)).map(|param| Taken::by_shape(&param.shape));
                    self.argument(argument, &sent.unwrap_or(Taken::Whole));
                }
            }
            Action::Set { values } => {
                for (name, value) in values {
                    // What nobody reads is said to be idle, with all that it holds.
                    let read = self.0.of(step.id.as_str()).and_then(|taken| taken.of(name.as_str())).cloned();
                    self.argument(value, &read.unwrap_or(Taken::Whole));
                }
            }
            Action::Ask { with, sources, .. } => {
                for argument in with.values() {
                    self.argument(argument, &Taken::Whole);
                }
                if let Some(sources) = sources {
                    self.text(&sources.0, &members(OF_SOURCES));
                }
            }
            Action::Decide { show, edit, .. } => {
                show.iter().chain(edit).for_each(|path| self.text(path, &Taken::Whole));
            }
            Action::Each(each) => {
                self.steps(plan, &each.steps);
                self.text(&each.key.0, &Taken::Whole);
                let item = self.0.forget(&each.item);
                self.text(&each.over.0, &item);
            }
            Action::Wait { until: Until::At(at) } => self.text(&at.0, &Taken::Whole),
            Action::Wait { until: Until::Event(awaited) } => self.text(&awaited.equals.0, &Taken::Whole),
            Action::Wait { until: Until::For(_) | Until::Business(_) } | Action::Stop { .. } => {}
        }
    }

    fn argument(&mut self, argument: &Argument, wanted: &Taken) {
        match argument {
            Argument::Boolean(_) | Argument::Integer(_) => {}
            Argument::Template(text) => self.template(text, wanted),
            Argument::List(items) => items.iter().for_each(|item| self.argument(item, wanted)),
            Argument::Text(in_locale) => {
                in_locale.text.holes.values().for_each(|hole| self.template(&hole.value, &Taken::Whole));
                in_locale.text.locale.iter().for_each(|locale| self.text(&locale.0, &Taken::Whole));
            }
            Argument::Record(members) => {
                for (name, member) in members {
                    self.argument(member, wanted.of(name).unwrap_or(&Taken::Whole));
                }
            }
        }
    }

    fn template(&mut self, text: &str, wanted: &Taken) {
        match Template::parse(text) {
            Ok(template) => match template.kind() {
                WholeOrText::Whole(program) => self.0.program(program, wanted),
                WholeOrText::Text => template.programs().for_each(|hole| self.0.program(hole, &Taken::Whole)),
            },
            Err(_) => self.spelled(text),
        }
    }

    fn text(&mut self, text: &str, wanted: &Taken) {
        match Program::parse(text) {
            Ok(program) => self.0.program(&program, wanted),
            Err(_) => self.spelled(text),
        }
    }

    /// What no expression is, is told elsewhere. Until it is one, all that it may read stays, or a name would be said to be
    /// missing that is there.
    fn spelled(&mut self, text: &str) {
        for path in paths(text) {
            let Ok(root) = Name::new(path.root) else { continue };
            let field = path.field.and_then(|field| Name::new(field).ok());
            self.0.add(&root, Taken::Whole.below(field.iter()));
        }
    }
}

/// Some members, each whole.
fn members<'n>(names: impl IntoIterator<Item = &'n str>) -> Taken {
    let names: BTreeSet<Name> = names.into_iter().filter_map(|name| Name::new(name).ok()).collect();
    Taken::Members(names.into_iter().map(|name| (name, Taken::Whole)).collect())
}
