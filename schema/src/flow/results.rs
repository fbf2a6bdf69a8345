//! What is known of a trigger and of the results of steps.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Flow;
use crate::class::{Class, Label, Marks};
use crate::expr::{Known, Origin, Source, Sources, Type};
use crate::id::Name;
use crate::plan::{Answer, Effect, Event, Operation, Param, Trigger};

/// How an `ask` can end.
pub(super) const ASK_ENDS: [&str; 4] = ["answered", "refused", "invalid", "out_of_budget"];

/// What is known of the event that starts a run.
pub(super) fn trigger(trigger: &Trigger) -> Known {
    match trigger {
        Trigger::Webhook { connection, dialect, record, fields, .. } => {
            let known = Known::record(fields, record.as_str(), &Origin::Connection(connection.clone()));
            // Whoever knows the token can write every field.
            let outside = if dialect.signs_events() { Marks::NONE } else { Marks::OUTSIDE };
            marked(known, outside, Marks::NONE)
        }
        Trigger::Poll { poll, record, fields, .. } => {
            Known::record(fields, record.as_str(), &Origin::Connection(poll.read.connection.clone()))
        }
        Trigger::Inbox { folder, fields, .. } => Known::record(fields, folder.as_str(), &Origin::Agent),
        Trigger::Schedule { .. } => Known::new(Type::Record(Arc::default()), Label::CONSTANT),
        Trigger::Manual { fields } => Known::record(fields, "trigger", &Origin::Agent),
    }
}

/// What is known of an event that is no trigger.
pub(super) fn event(event: &Event) -> Known {
    let origin = Origin::Connection(event.connection.clone());
    let known = Known::record(&event.fields, event.record.as_str(), &origin);
    let outside = if event.dialect.signs_events() { Marks::NONE } else { Marks::OUTSIDE };
    marked(known, outside, Marks::NONE)
}

/// Who may have chosen what an operation was given, by parameter.
pub(super) struct Given {
    /// What counts as chosen.
    pub(super) chosen: BTreeMap<Name, Marks>,
    /// The same, and whoever named it in an event that a read then confirmed.
    pub(super) named: BTreeMap<Name, Marks>,
    /// Whether the operation asks for a record of the event's own party.
    pub(super) own_party: bool,
}

/// What is known of an answer of an operation, by who may have chosen what it was given.
pub(super) fn call(operation: &Operation, connection: &crate::id::ConnectionId, given: &Given) -> Known {
    let origin = Origin::Connection(connection.clone());
    let mut known = Known::record(&operation.response, operation.record.as_str(), &origin);
    if let Type::Record(fields) = &mut known.kind {
        for (name, field) in &operation.response {
            let lacks = operation.may_lack(name, field);
            Arc::make_mut(fields).get_mut(name.as_str()).into_iter().for_each(|known| known.optional = lacks);
        }
    }
    let chosen = chosen_by(operation, &given.chosen, given.own_party);
    let mut known = marked(known, chosen, chosen_by(operation, &given.named, given.own_party));
    if operation.effect != Effect::None {
        mark_said(&mut known, given.chosen.values().fold(Marks::NONE, |marks, more| marks.join(*more)));
    }
    known
}

/// An effect's answer names what it made, by an id that is a token, whoever chose what was put into it. All else that it says is
/// of what it was given: a length, a score, a date that it found there.
fn mark_said(known: &mut Known, given: Marks) {
    match &mut known.kind {
        Type::Token => {}
        Type::Record(fields) if given.any() => {
            for field in Arc::make_mut(fields).values_mut() {
                mark_said(field, given);
            }
        }
        _ => mark(known, given, Marks::NONE),
    }
}

/// Who may have chosen the record that an operation answered: whoever chose what it was asked with. A `belongs` check
/// leaves only who chose the party, where that is the event's own. An effect answers what it did, so only its targets choose; but
/// for one that finds what is there already.
fn chosen_by(operation: &Operation, given: &BTreeMap<Name, Marks>, own_party: bool) -> Marks {
    let party = operation.belongs.as_ref().filter(|belongs| own_party && given.contains_key(belongs.param.as_str()));
    let finds = operation.effect == Effect::None || operation.finds;
    let chooses = |name: &Name, param: &Param| match party {
        Some(belongs) => *name == belongs.param,
        None => finds || param.target,
    };
    let params = operation.params.iter().filter(|(name, param)| chooses(name, param));
    params.filter_map(|(name, _)| given.get(name)).fold(Marks::NONE, |marks, more| marks.join(*more))
}

/// What is known of an answer of an AI that was given all this.
pub(super) fn ask(step: &Name, answer: &BTreeMap<Name, Answer>, given: &Flow) -> Known {
    let marks = given.label.marks.join(Marks::MODEL);
    let fact = Label::new(Class::Reference, marks);
    let content = Label::new(given.label.class.join(Class::Content), marks);
    let texts = |values: &[String]| Type::OneOf(values.to_vec().into());
    let field = |name: &str, kind: Type, label: Label| {
        let path = format!("{step}.{name}");
        let source = Source { path: path.into(), class: label.class, origin: Origin::Agent };
        let mut sources = Sources::one(source);
        // What an AI writes may hold all that it was given.
        if !label.class.is_fact() {
            sources.join(&given.sources);
        }
        Known { control: given.control, sources, ..Known::new(kind, label) }
    };
    let mut fields: BTreeMap<Name, Known> = answer
        .iter()
        .map(|(name, answer)| {
            let known = match answer {
                Answer::OneOf(values) => field(name.as_str(), texts(values), fact),
                Answer::Number { .. } => field(name.as_str(), Type::Decimal, content),
                Answer::Boolean {} => field(name.as_str(), Type::Boolean, content),
                Answer::Text { .. } => field(name.as_str(), Type::Text, content),
                Answer::Citations { .. } => {
                    let item = Arc::new(field(name.as_str(), Type::Token, content));
                    field(name.as_str(), Type::List(item), content)
                }
            };
            (name.clone(), known)
        })
        .collect();
    let mut ended = field("ended", texts(&ASK_ENDS.map(str::to_owned)), fact);
    ended.sources = Sources::NONE;
    fields.extend(Name::new("ended").ok().map(|name| (name, ended)));
    Known::new(Type::Record(fields.into()), Label::CONSTANT)
}

/// What is known of a person's answer.
pub(super) fn decide() -> Known {
    let approved = Known::new(Type::Boolean, Label::new(Class::Reference, Marks::NONE));
    let fields: BTreeMap<Name, Known> = Name::new("approved").ok().map(|name| (name, approved)).into_iter().collect();
    Known::new(Type::Record(fields.into()), Label::CONSTANT)
}

/// Adds marks to a value and everything in it: by data, and by condition.
pub(super) fn marked(mut known: Known, data: Marks, control: Marks) -> Known {
    if data.any() || control.any() {
        mark(&mut known, data, control);
    }
    known
}

/// As [`marked`], in place: most of what is marked was just made.
fn mark(known: &mut Known, data: Marks, control: Marks) {
    known.label = Label::new(known.label.class, known.label.marks.join(data));
    known.control = known.control.join(control);
    match &mut known.kind {
        Type::Record(fields) => Arc::make_mut(fields).values_mut().for_each(|field| mark(field, data, control)),
        Type::List(of) => mark(Arc::make_mut(of), data, control),
        _ => {}
    }
}

/// The answer of a read that was asked with content: what it says may tell of that, so nothing in it is a fact.
pub(super) fn asked_with_content(known: &Known) -> Known {
    let class = known.label.class.join(Class::Content);
    Known { kind: map(&known.kind, asked_with_content), label: Label::new(class, known.label.marks), ..known.clone() }
}

/// The answer of an effect that was called with content: a token names what it made, and what is one thing or another is counted
/// ([`choices`]); any other number, moment, amount, text or list may tell of what it was given, so it is no fact.
pub(super) fn said_of_content(known: &Known) -> Known {
    match &known.kind {
        Type::Token | Type::Boolean | Type::OneOf(_) => known.clone(),
        Type::Record(_) => Known { kind: map(&known.kind, said_of_content), ..known.clone() },
        _ => asked_with_content(known),
    }
}

/// In how many ways each field of an answer that is one thing or another can turn out, or be absent, with its path below `path`;
/// those of lists left out.
pub(super) fn choices(known: &Known, path: &str) -> Vec<(String, usize)> {
    let Type::Record(fields) = &known.kind else { return Vec::new() };
    let below = fields.iter().flat_map(|(name, field)| {
        let path = format!("{path}.{name}");
        let absent = usize::from(field.optional);
        match &field.kind {
            Type::Boolean if field.label.class.is_fact() => vec![(path, 2 + absent)],
            Type::OneOf(values) if field.label.class.is_fact() => vec![(path, values.len().saturating_add(absent))],
            Type::Record(_) => choices(field, &path),
            _ if field.optional && field.label.class.is_fact() => vec![(path, 2)],
            _ => Vec::new(),
        }
    });
    below.collect()
}

/// A value of this type that flows so, and everything in it: what was computed has no parts with a flow of their own.
pub(super) fn computed(kind: &Type, flow: &Flow) -> Known {
    let kind = map(kind, |part| Known { optional: part.optional, ..computed(&part.kind, flow) });
    let sources = flow.sources.clone();
    Known { control: flow.control, chosen: flow.chosen, sources, ..Known::new(kind, flow.label) }
}

fn map(kind: &Type, each: impl Fn(&Known) -> Known) -> Type {
    match kind {
        Type::Record(fields) => {
            let fields: BTreeMap<Name, Known> =
                fields.iter().map(|(name, field)| (name.clone(), each(field))).collect();
            Type::Record(fields.into())
        }
        Type::List(of) => Type::List(Arc::new(each(of))),
        other => other.clone(),
    }
}
