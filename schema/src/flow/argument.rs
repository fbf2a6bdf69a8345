//! Types and flows of arguments: constants, templates, lists and records of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::extent::Bulk;
use super::label::{Followed, follow};
use super::results::computed;
use super::{Flow, Inner};
use crate::class::{Class, Label, Marks};
use crate::expr::ast::{NodeKind, Path};
use crate::expr::{
    Env, EvalCode, ExprError, ExprErrorKind, Facts, Known, Program, Template, Type, Value, WholeOrText, check,
};
use crate::id::Name;
use crate::plan::{Argument, Expression, Param, Text, TextFormat};
use crate::shape::{Field, Shape};

/// What is known of an argument.
pub(super) struct Checked {
    /// The value, for those who read it later.
    pub(super) known: Known,
    pub(super) followed: Followed,
}

/// Checks an argument and follows it.
///
/// # Errors
/// At the first template that is wrong; the place is an offset into that template.
pub(super) fn argument(
    argument: &Argument,
    env: &Env,
    edited: &BTreeSet<String>,
    format: Option<TextFormat>,
) -> Result<Checked, ExprError> {
    let constant = |kind| Checked { known: Known::new(kind, Label::CONSTANT), followed: nothing() };
    Ok(match argument {
        Argument::Boolean(_) => constant(Type::Boolean),
        Argument::Integer(_) => constant(Type::Integer),
        Argument::Template(text) => template(&Template::parse(text)?, env, edited, format)?,
        Argument::List(items) => {
            let mut followed = nothing();
            let mut of = Type::Nothing;
            for item in items {
                let checked = self::argument(item, env, edited, format).map_err(inside)?;
                of = of.join(&checked.known.kind).ok_or_else(|| mismatch(&of.to_string(), &checked.known.kind))?;
                followed = both(followed, checked.followed);
            }
            let list = Type::List(Arc::new(Known::new(of, Label::CONSTANT)));
            Checked { known: computed(&list, &followed.flow), followed }
        }
        // The place of an error is one of the hole's or the file's own; it means nothing in the argument.
        Argument::Text(in_locale) => text(&in_locale.text, env, edited, format).map_err(inside)?,
        Argument::Record(members) => record(members, env, edited, format)?,
    })
}

fn template(
    template: &Template,
    env: &Env,
    edited: &BTreeSet<String>,
    format: Option<TextFormat>,
) -> Result<Checked, ExprError> {
    let kind = template.check(env, format)?;
    let mut followed = nothing();
    let mut bulk: Option<Bulk> = None;
    let mut holes: usize = 0;
    for program in template.programs() {
        let one = follow(program, env, edited);
        bulk = match (bulk, one.bulk.clone()) {
            (Some(all), Some(more)) => Some(all.beside(&more)),
            (one, other) => one.or(other),
        };
        followed = both(followed, one);
        holes = holes.saturating_add(1);
    }
    if holes > 1 {
        followed.flow = followed.flow.computed();
    }
    if bulk.as_ref().is_some_and(Bulk::is_too_large) {
        followed.fails.insert(EvalCode::TooLarge);
        followed.failing = followed.failing.join(followed.flow.any_marks());
    }
    // A value that is only passed on keeps the labels of its parts.
    let passed_on =
        path_of(template).filter(|path| !edited.contains(&path.to_string())).and_then(|path| env.find(path));
    let known = if let Some(known) = passed_on {
        Known { optional: false, ..known.clone() }
    } else {
        let known = computed(&kind, &followed.flow);
        let most = bulk.as_ref().map_or(known.most, |bulk| bulk.most(&kind));
        Known { most, ..known }
    };
    followed.bulk = bulk;
    Ok(Checked { known, followed })
}

/// A text of a file: what is put into it fits its holes, and nothing else is read there.
fn text(text: &Text, env: &Env, edited: &BTreeSet<String>, format: Option<TextFormat>) -> Result<Checked, ExprError> {
    let mut inside = Env::default();
    let mut followed = nothing();
    for (name, hole) in &text.holes {
        let parsed = Template::parse(&hole.value)?;
        let checked = template(&parsed, env, edited, None)?;
        let suits = match parsed.constant() {
            Some(constant) => Value::text(constant).fits(&hole.shape),
            None => checked.known.kind.suits(&hole.shape),
        };
        if !suits {
            return Err(mismatch(hole.shape.as_str(), &checked.known.kind));
        }
        // What does not fit the hole when it is there fails the step.
        let most = match hole.shape {
            Shape::Text { most_bytes } => most_bytes,
            _ => checked.known.most,
        };
        let is_content = !checked.followed.flow.label.class.is_fact();
        if is_content && checked.followed.bulk.as_ref().is_some_and(|bulk| bulk.bytes > most.into()) {
            followed.fails.insert(EvalCode::TooLarge);
            followed.failing = followed.failing.join(checked.followed.flow.any_marks());
        }
        followed = both(followed, checked.followed);
        let most = checked.known.most.min(most);
        inside.names.insert(name.clone(), Known { most, ..checked.known });
    }
    if let Some(locale) = &text.locale {
        followed = both(followed, chosen(locale, env, edited)?);
    }
    for body in text.locales.values() {
        let body = Template::parse(body)?;
        body.check(&inside, format)?;
        let made = template(&body, &inside, &BTreeSet::new(), None)?.followed;
        followed.fails.extend(made.fails);
        followed.failing = followed.failing.join(made.failing);
    }
    Ok(Checked { known: computed(&Type::Text, &followed.flow), followed })
}

/// The locale is chosen by an enumeration that may be absent; what it draws from flows into the text.
fn chosen(locale: &Expression, env: &Env, edited: &BTreeSet<String>) -> Result<Followed, ExprError> {
    let program = Program::parse(&locale.0)?;
    let mut there = env.clone();
    if let NodeKind::Path(path) = &program.root.kind {
        there.facts.add(&all_present(path));
    }
    let found = check(&program, &there)?;
    if !matches!(found, Type::OneOf(_)) {
        return Err(mismatch("one_of", &found));
    }
    Ok(follow(&program, &there, edited))
}

fn record(
    members: &BTreeMap<String, Argument>,
    env: &Env,
    edited: &BTreeSet<String>,
    format: Option<TextFormat>,
) -> Result<Checked, ExprError> {
    let mut followed = nothing();
    let mut fields = BTreeMap::new();
    for (name, member) in members {
        let checked = argument(member, env, edited, format).map_err(inside)?;
        let kind = ExprErrorKind::UnknownName { name: name.clone(), nearest: None, known: Vec::new() };
        let name = Name::new(name).map_err(|_bad| ExprError { span: 0..0, kind })?;
        fields.insert(name, checked.known);
        followed = both(followed, checked.followed);
    }
    Ok(Checked { known: Known::new(Type::Record(fields.into()), Label::CONSTANT), followed })
}

/// Checks an argument for a parameter: its type, and a constant's own form.
///
/// An optional parameter takes one path that may be absent: it is then left out.
///
/// # Errors
/// As [`argument`], and when the value does not suit the parameter.
pub(super) fn for_param(
    given: &Argument,
    param: &Param,
    env: &Env,
    edited: &BTreeSet<String>,
) -> Result<Checked, ExprError> {
    let parsed = match given {
        Argument::Template(text) => Some(Template::parse(text)?),
        _ => None,
    };
    let checked = |env: &Env| match &parsed {
        Some(parsed) => template(parsed, env, edited, param.format),
        None => argument(given, env, edited, param.format),
    };
    let checked = match (checked(env), parsed.as_ref().and_then(path_of)) {
        (Err(ExprError { kind: ExprErrorKind::MayBeAbsent { .. }, .. }), Some(path)) if param.optional => {
            let mut there = env.clone();
            there.facts.add(&all_present(path));
            checked(&there)?
        }
        (other, _) => other?,
    };
    let suits = match parsed.as_ref().and_then(Template::constant) {
        Some(constant) => Value::text(constant).fits(&param.shape),
        None => checked.known.kind.suits(&param.shape),
    };
    if !suits {
        return Err(match checked.known.kind.misfit(&param.shape) {
            Some((path, found, wanted)) if !path.is_empty() => {
                let kind = ExprErrorKind::MisfitPart { path, found, wanted };
                ExprError { span: 0..0, kind }
            }
            _ => mismatch(param.shape.as_str(), &checked.known.kind),
        });
    }
    fitting(given, &param.shape)?;
    Ok(checked)
}

/// Whether what is written out as a list or record has no more items or members than the shape.
fn fitting(given: &Argument, shape: &Shape) -> Result<(), ExprError> {
    match (given, shape) {
        (Argument::List(items), Shape::List { most, of }) => {
            if u32::try_from(items.len()).is_ok_and(|count| count <= *most) {
                return items.iter().try_for_each(|item| fitting(item, &of.shape));
            }
            let wanted = format!("a list of at most {most}");
            let kind = ExprErrorKind::Mismatch { wanted, found: format!("a list of {}", items.len()) };
            Err(ExprError { span: 0..0, kind })
        }
        (Argument::Record(members), Shape::Record { fields }) => members.iter().try_for_each(|(name, member)| {
            let Some(field) = fields.get(name.as_str()) else {
                let known = fields.keys().map(ToString::to_string).collect();
                let kind = ExprErrorKind::UnknownName { name: name.clone(), nearest: None, known };
                return Err(ExprError { span: 0..0, kind });
            };
            fitting(member, &field.shape)
        }),
        _ => Ok(()),
    }
}

/// The members of a parameter that has members, with what each is given. Only of an argument that was checked.
pub(super) fn inner(given: &Argument, param: &Param, env: &Env, edited: &BTreeSet<String>) -> Vec<Inner> {
    let mut found = Vec::new();
    below(given, &param.shape, "", &mut |path, most, given| {
        found.extend(argument(given, env, edited, None).ok().map(|checked| (path, most, checked.followed.flow)));
    });
    let mut found: Vec<Inner> = found.into_iter().map(|(path, most, flow)| Inner { path, most, flow }).collect();
    if let (Argument::Template(text), Shape::List { .. } | Shape::Record { .. }) = (given, &param.shape)
        && let Ok(template) = Template::parse(text)
        && let Some(known) = path_of(&template).and_then(|path| env.find(path))
    {
        passed(known, &param.shape, "", &mut found);
    }
    found
}

fn below(given: &Argument, shape: &Shape, path: &str, found: &mut impl FnMut(String, Class, &Argument)) {
    match (given, shape) {
        (Argument::List(items), Shape::List { of, .. }) => {
            for item in items {
                let path = format!("{path}[]");
                found(path.clone(), of.class, item);
                below(item, &of.shape, &path, found);
            }
        }
        (Argument::Record(members), Shape::Record { fields }) => {
            for (name, member) in members {
                let Some(field) = fields.get(name.as_str()) else { continue };
                let path = format!("{path}.{name}");
                found(path.clone(), field.class, member);
                below(member, &field.shape, &path, found);
            }
        }
        _ => {}
    }
}

/// What is passed on whole: each part of it goes where the shape has it.
fn passed(known: &Known, shape: &Shape, path: &str, found: &mut Vec<Inner>) {
    let mut part = |known: &Known, field: &Field, path: String| {
        passed(known, &field.shape, &path, found);
        found.push(Inner { path, most: field.class, flow: Flow::of(known) });
    };
    match (&known.kind, shape) {
        (Type::List(item), Shape::List { of, .. }) => part(item, of, format!("{path}[]")),
        (Type::Record(known), Shape::Record { fields }) => {
            for (name, field) in fields {
                if let Some(known) = known.get(name.as_str()) {
                    part(known, field, format!("{path}.{name}"));
                }
            }
        }
        _ => {}
    }
}

/// The path that a template is, when it is one hole with nothing but a path.
fn path_of(template: &Template) -> Option<&Path> {
    match template.kind() {
        WholeOrText::Whole(program) => match &program.root.kind {
            NodeKind::Path(path) => Some(path),
            _ => None,
        },
        WholeOrText::Text => None,
    }
}

fn all_present(path: &Path) -> Facts {
    let mut facts = Facts::default();
    let mut so_far = Path { root: path.root.clone(), fields: Vec::new() };
    facts.present.insert(so_far.to_string());
    for field in &path.fields {
        so_far.fields.push(field.clone());
        facts.present.insert(so_far.to_string());
    }
    facts
}

/// The flow of a link, when it is well typed and each hole in it is escaped.
///
/// # Errors
/// As [`argument`].
pub(super) fn flow_of_link(text: &str, env: &Env) -> Result<Followed, ExprError> {
    template(&Template::parse(text)?, env, &BTreeSet::new(), Some(TextFormat::Url)).map(|checked| checked.followed)
}

/// An error in a part of an argument: its place counts from the part, and means nothing in the whole.
fn inside(error: ExprError) -> ExprError {
    ExprError { span: 0..usize::MAX, kind: error.kind }
}

fn nothing() -> Followed {
    Followed { flow: Flow::CONSTANT, releases: Vec::new(), fails: BTreeSet::new(), failing: Marks::NONE, bulk: None }
}

fn both(mut a: Followed, b: Followed) -> Followed {
    a.releases.extend(b.releases);
    a.fails.extend(b.fails);
    Followed {
        flow: a.flow.join(b.flow),
        releases: a.releases,
        fails: a.fails,
        failing: a.failing.join(b.failing),
        bulk: None,
    }
}

fn mismatch(wanted: &str, found: &Type) -> ExprError {
    let kind = ExprErrorKind::Mismatch { wanted: wanted.to_owned(), found: found.to_string() };
    ExprError { span: 0..0, kind }
}
