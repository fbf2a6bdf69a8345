//! One step, and those inside it, to a step of the plan.

use std::collections::BTreeSet;

use assent_schema::code::Code;
use assent_schema::id::{ConnectionId, Name, ProviderId};
use assent_schema::plan::{
    Action, AskLimit, Awaited, Channel, Chat, Each, Origin, Spend, Step, Target, Until, may_go_on,
};
use assent_schema::spec::{self, ChannelKind, Spanned};

use super::call::Call;
use super::operations;
use super::sites::Site;
use super::workflow::Resolver;

/// Roots of paths that are no steps.
const RESERVED: [&str; 3] = ["trigger", "settings", "now"];
/// What an item is called unless said; every `each` may do so.
const ITEM: &str = "item";

impl Resolver<'_> {
    /// All steps of a workflow; their ids are unique, those inside an `each` included.
    pub(super) fn workflow_steps(&mut self, workflow: &spec::Workflow) -> Vec<Step> {
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        for step in workflow.every_step() {
            let item = match &step.action {
                spec::Action::Each(each) if each.item.as_str() != ITEM => Some(&each.item),
                _ => None,
            };
            for name in std::iter::once(&step.id).chain(item) {
                let id = name.as_str();
                if !seen.insert(id) {
                    self.report.duplicate("step", id, &name.span);
                }
                if RESERVED.contains(&id) {
                    let message = format!("`{id}` already means something else in expressions.");
                    self.report.add(Code::DuplicateName, &name.span, message);
                }
            }
        }
        self.steps(&workflow.steps, &[])
    }

    /// Steps of one level. `outside` are those before the `each` that they stand in.
    fn steps(&mut self, steps: &[spec::Step], outside: &[&Step]) -> Vec<Step> {
        self.groups(steps);
        let mut resolved: Vec<Step> = Vec::with_capacity(steps.len());
        for step in steps {
            self.places.insert(Site::Step(step.id.value.clone()), step.id.span.clone());
            let when = self.expression(Site::When(step.id.value.clone()), step.when.as_ref());
            let before: Vec<&Step> = outside.iter().copied().chain(&resolved).collect();
            let action = self.action(&step.id.value, step, &before);
            self.ends(step);
            if let Some(action) = action {
                let parallel = step.parallel.as_ref().map(|group| group.value.clone());
                let continue_on = step.continue_on.iter().map(|code| code.value.clone()).collect();
                resolved.push(Step { id: step.id.value.clone(), when, parallel, continue_on, action });
            }
        }
        resolved
    }

    /// Steps that run together stand together, are at least two, and none of them ends what it stands in.
    fn groups(&mut self, steps: &[spec::Step]) {
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        for group in steps.chunk_by(|a, b| a.parallel.is_some() && a.parallel == b.parallel) {
            let Some(name) = group.first().and_then(|step| step.parallel.as_ref()) else { continue };
            if !seen.insert(name.as_str()) {
                let message = format!("The steps of the group `{}` are not neighbours.", name.value);
                self.report.add(Code::BadValue, &name.span, message);
            } else if group.len() < 2 {
                let message = format!("`{}` is the only step of the group `{}`.", group_ids(group), name.value);
                self.report.add(Code::BadValue, &name.span, message);
            }
            for step in group.iter().filter(|step| matches!(step.action, spec::Action::Stop { .. })) {
                let message = format!("`{}` is a `stop`, and others run at the same time.", step.id.value);
                self.report.add(Code::BadValue, &step.id.span, message);
            }
        }
    }

    /// The failures after which the run goes on are some that the step can end with.
    fn ends(&mut self, step: &spec::Step) {
        if step.continue_on.is_empty() {
            return;
        }
        let known = match &step.action {
            // The catalog has the list of each operation.
            spec::Action::Call { .. } => return,
            spec::Action::Ask { .. } => may_go_on(Origin::Ask),
            spec::Action::Set { .. } => may_go_on(Origin::Set),
            // These do not fail: a person who says no, a time that is over, and failed items are outcomes.
            spec::Action::Decide { .. }
            | spec::Action::Each(_)
            | spec::Action::Wait { .. }
            | spec::Action::Stop { .. } => Vec::new(),
        };
        for code in step.continue_on.iter().filter(|code| !known.contains(&code.as_str())) {
            self.report.unknown("error code", code, &known);
        }
    }

    fn each(&mut self, id: &Name, each: &spec::Each, before: &[&Step]) -> Action {
        let site = Site::Item(id.clone());
        self.places.insert(site, each.item.span.clone());
        Action::Each(Box::new(Each {
            over: self.needed(Site::Over(id.clone()), &each.over),
            item: each.item.value.clone(),
            key: self.needed(Site::Key(id.clone()), &each.key),
            max: each.max.value,
            parallel: each.parallel,
            on_error: each.on_error,
            steps: self.steps(&each.steps, before),
        }))
    }

    fn wait(&mut self, id: &Name, until: &spec::Until) -> Option<Until> {
        Some(match until {
            spec::Until::For(period) => Until::For(period.value),
            spec::Until::Business(period) => Until::Business(period.value),
            spec::Until::At(at) => Until::At(self.needed(Site::Until(id.clone()), at)),
            spec::Until::Event { on, equals, within } => {
                let equals = self.matched(Site::Until(id.clone()), equals.as_ref(), on)?;
                let event = self.event(on, false)?;
                Until::Event(Box::new(Awaited { on: event, key: on.key.value.clone(), equals, within: within.value }))
            }
        })
    }

    fn action(&mut self, id: &Name, step: &spec::Step, before: &[&Step]) -> Option<Action> {
        Some(match &step.action {
            spec::Action::Call { operation, with, retry, parked, cache } => {
                let (retry, parked, cache) = (retry.as_ref(), parked.as_ref(), cache.as_ref());
                self.call(id, step, &Call { operation, with, retry, parked, cache }, before)?
            }
            spec::Action::Ask { connection, prompt, with, sources, answer, limit } => {
                let provider = self.provider(connection)?;
                self.places.insert(Site::Operation(id.clone()), connection.span.clone());
                for name in answer.keys() {
                    self.places.insert(Site::Answer(id.clone(), name.value.clone()), name.span.clone());
                }
                Action::Ask {
                    connection: connection.value.clone(),
                    prompt: self.prompt(prompt),
                    with: self.arguments(id, with),
                    sources: self.expression(Site::Sources(id.clone()), sources.as_ref()),
                    answer: operations::unspanned(answer),
                    limit: self.ask_limit(&provider, limit),
                }
            }
            spec::Action::Decide { by, show, edit, within, via } => {
                self.decide(id, by, show, edit, via);
                Action::Decide {
                    by: by.value.clone(),
                    show: show.iter().map(|path| path.value.clone()).collect(),
                    edit: edit.iter().map(|path| path.value.clone()).collect(),
                    within: within.value,
                    via: via.iter().map(|channel| channel.value.clone()).collect(),
                }
            }
            spec::Action::Set { values } => Action::Set { values: self.arguments(id, values) },
            spec::Action::Each(each) => self.each(id, each, before),
            spec::Action::Wait { until } => Action::Wait { until: self.wait(id, until)? },
            spec::Action::Stop { outcome } => Action::Stop { outcome: outcome.value.clone() },
        })
    }

    fn provider(&mut self, connection: &Spanned<ConnectionId>) -> Option<ProviderId> {
        match self.target(connection, &connection.span)? {
            Target::Provider(name) => Some(name),
            Target::Integration(_) => {
                let message = format!("`{}` is a connection to an API; it is called, not asked.", connection.value);
                self.report.add(Code::BadValue, &connection.span, message);
                None
            }
        }
    }

    /// What an `ask` may use, with the provider's prices where it may cost only so much.
    fn ask_limit(&mut self, provider: &ProviderId, limit: &spec::AskLimit) -> AskLimit {
        let spec::AskLimit { tokens, tries, spend } = limit;
        let spend = spend.as_ref().and_then(|spend| self.spend(provider, *tokens, spend));
        AskLimit { tokens: *tokens, tries: *tries, spend }
    }

    fn spend(&mut self, provider: &ProviderId, tokens: u32, spend: &Spanned<spec::Spend>) -> Option<Spend> {
        let prices = self.context.parsed.providers.get(provider)?.spec.prices.as_ref();
        let Some(prices) = prices else {
            let message = format!("The provider `{provider}` says no prices, so nothing can be held to an amount.");
            let help = format!("Add `[prices]` to catalog/providers/{provider}.toml, or leave `spend` out.");
            self.report.add_with_help(Code::BadValue, &spend.span, message, help);
            return None;
        };
        let spec::Spend { most, currency } = &spend.value;
        if *currency != prices.currency {
            let message = format!("The prices of `{provider}` are in {}, not in {currency}.", prices.currency);
            self.report.add(Code::BadValue, &spend.span, message);
            return None;
        }
        let held = Spend::at(*most, currency, &prices.input_per_million, &prices.output_per_million);
        let Some(held) = held else {
            self.report.add(
                Code::BadValue,
                &spend.span,
                format!("The prices of `{provider}` are too high to count with."),
            );
            return None;
        };
        if !held.allows(1, 0, tokens) {
            let one = held.of_one(0, tokens);
            let message =
                format!("One answer of {tokens} tokens may cost {one} already, so nothing would ever be asked.");
            let help = "Allow at least one try with its question, or fewer tokens.".to_owned();
            self.report.add_with_help(Code::BadValue, &spend.span, message, help);
        }
        Some(held)
    }

    fn prompt(&mut self, prompt: &Spanned<String>) -> String {
        let path = format!("{}/{}", self.context.folder, prompt.value);
        if let Some(text) = self.context.parsed.text(&path) {
            return text.to_owned();
        }
        let folder = format!("{}/", self.context.folder);
        let known = self.context.parsed.source.paths().into_iter();
        let known: Vec<_> = known.filter_map(|path| path.strip_prefix(&folder)).collect();
        let known: Vec<_> = known.into_iter().filter(|path| path.starts_with("prompts/")).collect();
        if !self.context.parsed.is_broken(&path) {
            self.report.unknown("file", prompt, &known);
        }
        String::new()
    }

    fn decide(
        &mut self,
        id: &Name,
        by: &Spanned<assent_schema::id::GroupId>,
        show: &[Spanned<String>],
        edit: &[Spanned<String>],
        via: &[Spanned<Channel>],
    ) {
        for (position, path) in show.iter().enumerate() {
            self.places.insert(Site::Show(id.clone(), position), path.span.clone());
        }
        for (position, path) in edit.iter().enumerate() {
            self.places.insert(Site::Edit(id.clone(), position), path.span.clone());
        }
        self.group(by);
        for (position, channel) in via.iter().enumerate() {
            self.places.insert(Site::Via(id.clone(), position), channel.span.clone());
            self.channel(channel);
        }
    }

    /// A channel that is a connection: how the catalog says that people are asked through it.
    fn channel(&mut self, channel: &Spanned<Channel>) {
        let Some(connection) = channel.value.connection() else { return };
        let parsed = self.context.parsed;
        let name = match self.target(connection, &channel.span) {
            Some(Target::Integration(name)) => name,
            Some(Target::Provider(_)) => {
                let message =
                    format!("`{connection}` is a connection to an AI provider; no person is asked through it.");
                self.report.add(Code::BadValue, &channel.span, message);
                return;
            }
            None => return,
        };
        let Some(spec) = parsed.integrations.get(&name).map(|unit| &unit.spec) else { return };
        let wanted = match &channel.value {
            Channel::Helpdesk(_) => ChannelKind::Helpdesk,
            Channel::Slack(_) | Channel::Page | Channel::Cli => ChannelKind::Slack,
        };
        let found = spec.channel.as_ref().map(|channel| &channel.value).filter(|channel| channel.kind == wanted);
        let Some(found) = found else {
            let message = format!("The catalog does not say how people are asked through `{connection}`.");
            let help = format!("Add `[channel]` with `kind = \"{}\"` to its integration.", wanted.as_str());
            self.report.add_with_help(Code::BadValue, &channel.span, message, help);
            return;
        };
        let names = std::iter::once(&found.post).chain(&found.update);
        for name in names {
            self.needs_operation(connection, spec, &name.value);
        }
        let (post, update, event) =
            (found.post.value.clone(), found.update.as_ref().map(|update| update.value.clone()), found.event.clone());
        let chat = match event {
            None => Chat::Slack { post, update },
            Some(event) => {
                let at = Spanned { value: connection.clone(), span: channel.span.clone() };
                let event = Spanned { span: channel.span.clone(), ..event };
                let Some(answer) = self.answering(&at, &event) else { return };
                Chat::Helpdesk { post, answer: Box::new(answer) }
            }
        };
        self.chats.insert(connection.clone(), chat);
    }
}

impl Resolver<'_> {
    /// People who decide, or whose queue it is, are a group of the client.
    pub(super) fn group(&mut self, name: &Spanned<assent_schema::id::GroupId>) {
        let groups = &self.context.client.groups;
        if !groups.contains_key(name) {
            let known: Vec<_> = groups.keys().map(|group| group.value.as_str()).collect();
            self.report.unknown("group", name, &known);
        }
    }
}

fn group_ids(group: &[spec::Step]) -> &str {
    group.first().map_or("", |step| step.id.as_str())
}
