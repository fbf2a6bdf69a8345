//! Changes plans as somebody could have written them: another condition, parameter, list, key, label or moment.

use assent_schema::expr::Type;
use assent_schema::flow::{self, Flows};
use assent_schema::id::Name;
use assent_schema::plan::{Action, Argument, Effect, Expression, Kpi, Operation, Plan, Step, TextFormat, Until};
use assent_schema::shape::Shape;
use assent_schema::time::Period;
use assent_tests::generate::Dice;

use crate::expressions::{Writer, picks};

/// How often a plan is changed at most.
const BENDS: usize = 3;

/// A changed plan whose expressions still hold, with its flows.
pub(crate) fn bent(plan: &Plan, dice: &mut Dice) -> Option<(Plan, Flows)> {
    let mut plan = plan.clone();
    for _ in 0..=dice.below(BENDS) {
        once(&mut plan, dice)?;
    }
    let flows = flow::analyse(&plan).ok()?;
    Some((plan, flows))
}

/// The places of a plan's steps: of a step, or of one inside it.
fn places(plan: &Plan) -> Vec<(usize, Option<usize>)> {
    let inside = |(at, step): (usize, &Step)| {
        std::iter::once((at, None))
            .chain((0..step.inner().len()).map(move |inner| (at, Some(inner))))
            .collect::<Vec<_>>()
    };
    plan.steps.iter().enumerate().flat_map(inside).collect()
}

fn steps_of(plan: &mut Plan, place: (usize, Option<usize>)) -> (&mut Vec<Step>, usize) {
    match place {
        (at, None) => (&mut plan.steps, at),
        (at, Some(inner)) => match &mut plan.steps[at].action {
            Action::Each(each) => (&mut each.steps, inner),
            _ => unreachable!("only an `each` has steps inside"),
        },
    }
}

fn once(plan: &mut Plan, dice: &mut Dice) -> Option<()> {
    let place = *dice.pick(&places(plan))?;
    let (operations, kpi_env) = (plan.operations.clone(), flow::env_of(plan, None));
    let (steps, at) = steps_of(plan, place);
    let id = steps[at].id.clone();
    let env = flow::env_of(plan, Some(&id));
    let known = picks(&env);
    let mut writer = Writer { dice, picks: known };
    match writer.dice.below(13) {
        0..=2 => {
            let condition = writer.condition(2)?;
            let (steps, at) = steps_of(plan, place);
            let old = steps[at].when.take();
            let how = writer.dice.below(3);
            steps[at].when = Some(Expression(match old {
                Some(old) if how == 0 => format!("({}) || ({condition})", old.0),
                Some(old) if how == 1 => format!("({}) && ({condition})", old.0),
                _ => condition,
            }));
        }
        3..=5 => {
            let (steps, at) = steps_of(plan, place);
            action(&mut steps[at], &operations, &mut writer, &env)?;
        }
        6 => {
            let value = match writer.dice.below(3) {
                0 => writer.text(),
                1 => writer.token(),
                _ => writer.integer(),
            }?;
            let number = writer.dice.below(100);
            let set = Action::Set { values: [(name("x"), template(&value))].into() };
            insert(plan, place, step(&format!("set{number}"), None, set));
        }
        7 => {
            let condition = writer.condition(2)?;
            let number = writer.dice.below(100);
            let stop = Action::Stop { outcome: name("enough") };
            insert(plan, place, step(&format!("stop{number}"), Some(condition), stop));
        }
        8 => {
            let condition = writer.condition(1)?;
            let until = Until::At(Expression(format!("({condition}) ? now + duration('1h') : now + duration('2h')")));
            let number = writer.dice.below(100);
            insert(plan, place, step(&format!("wait{number}"), None, Action::Wait { until }));
        }
        9 => {
            let mut writer = Writer { picks: picks(&kpi_env), dice: writer.dice };
            kpi(plan, &mut writer)?;
        }
        10 => {
            let (steps, at) = steps_of(plan, place);
            match &mut steps[at].action {
                Action::Call { operation, cache, .. } if operations.get(operation)?.effect == Effect::None => {
                    *cache = Some(Period::hours(2));
                }
                Action::Call { with, .. } => {
                    let text = with.values_mut().find_map(|given| match given {
                        Argument::Text(text) => Some(&mut text.text),
                        _ => None,
                    });
                    text?.locale = Some(Expression(writer.text()?));
                }
                _ => return None,
            }
        }
        11 => {
            let first = plan.steps.first()?.id.clone();
            writer.picks = picks(&flow::env_of(plan, Some(&first)));
            if writer.dice.one_in(2) {
                plan.limits.one_at_a_time = Some(Expression(writer.token()?));
            } else {
                plan.fallback.open = Some(format!("https://made.example/${{url({})}}", writer.token()?));
            }
        }
        _ => {
            // Two neighbours run together.
            let (steps, at) = steps_of(plan, place);
            let next = steps.get(at + 1)?.clone();
            let both =
                |step: &Step| matches!(step.action, Action::Call { .. } | Action::Set { .. } | Action::Ask { .. });
            if !(both(&next) && both(&steps[at])) {
                return None;
            }
            steps[at].parallel = Some(name("bentgroup"));
            steps[at + 1].parallel = Some(name("bentgroup"));
        }
    }
    Some(())
}

/// Changes what a step itself does.
fn action(
    step: &mut Step,
    operations: &std::collections::BTreeMap<assent_schema::id::OperationRef, std::sync::Arc<Operation>>,
    writer: &mut Writer<'_>,
    env: &assent_schema::expr::Env,
) -> Option<()> {
    match &mut step.action {
        Action::Call { operation, with, .. } => {
            let params: Vec<_> = operations.get(operation)?.params.iter().collect();
            let (name, param) = *writer.dice.pick(&params)?;
            let said = match &param.shape {
                Shape::Text { .. } => {
                    let text = writer.text()?;
                    match param.format {
                        Some(TextFormat::Html) => format!("html({text})"),
                        Some(TextFormat::Markdown) => format!("markdown({text})"),
                        Some(TextFormat::Url) => format!("url({text})"),
                        Some(TextFormat::Json) => format!("json({text})"),
                        None => text,
                    }
                }
                Shape::Token {} => writer.token()?,
                Shape::Integer {} => writer.integer()?,
                Shape::Boolean {} => writer.condition(1)?,
                Shape::Money { .. } => writer.money()?,
                _ => return None,
            };
            with.insert(name.clone(), template(&said));
        }
        Action::Ask { with, .. } => {
            let text = writer.text()?;
            with.insert(name("more"), template(&text));
        }
        Action::Set { values } => {
            let text = writer.text()?;
            values.insert(name("more"), template(&text));
        }
        Action::Each(each) => {
            let path = assent_schema::expr::Program::parse(&each.over.0).ok()?;
            let known = env.find(path.as_path()?)?;
            let Type::List(of) = &known.kind else { return None };
            if writer.dice.one_in(3) {
                let item = each.item.clone();
                each.key = Expression(format!("token(string({item}.id) + '-' + string(size({})))", each.over.0));
            } else {
                each.over = Expression(writer.filtered(&each.over.0.clone(), of)?);
            }
        }
        Action::Decide { show, .. } => {
            let pick = writer.dice.pick(&writer.picks.clone())?.clone();
            show.push(pick.path);
        }
        Action::Wait { .. } | Action::Stop { .. } => return None,
    }
    Some(())
}

fn kpi(plan: &mut Plan, writer: &mut Writer<'_>) -> Option<()> {
    let mut kpi = Kpi { name: name("bentkpi"), when: None, sum: None, by: Vec::new(), per: None };
    match writer.dice.below(3) {
        0 => kpi.when = Some(Expression(writer.condition(2)?)),
        1 => {
            let fit: Vec<_> =
                writer.picks.iter().filter(|pick| matches!(pick.kind, Type::OneOf(_) | Type::Boolean)).collect();
            kpi.by = vec![writer.dice.pick(&fit)?.path.clone()];
        }
        _ => {
            let fit: Vec<_> =
                writer.picks.iter().filter(|pick| matches!(pick.kind, Type::Money | Type::Integer)).collect();
            kpi.sum = Some(writer.dice.pick(&fit)?.path.clone());
        }
    }
    plan.kpis.push(kpi);
    Some(())
}

fn insert(plan: &mut Plan, place: (usize, Option<usize>), step: Step) {
    let (steps, at) = steps_of(plan, place);
    let at = if steps[at].parallel.is_some() { 0 } else { at };
    steps.insert(at, step);
}

fn step(id: &str, when: Option<String>, action: Action) -> Step {
    Step { id: name(id), when: when.map(Expression), parallel: None, continue_on: [].into(), action }
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn template(expression: &str) -> Argument {
    Argument::Template(format!("${{{expression}}}"))
}
