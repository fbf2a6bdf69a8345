//! What the comparison must be able to see: content let out on purpose, in plans that the compiler refuses and that run here
//! nevertheless.

use assent_schema::class::Class;
use assent_schema::plan::{Action, Argument, Expression, Kpi, Plan, Step, Trigger};
use assent_schema::shape::{Field, Shape, WrittenBy};

/// What is let out, and how a plan changes for it.
type Planted = (&'static str, fn(&mut Plan));

/// Ways to let content out that the compiler refuses, each as a change of a plan that reads content.
pub(crate) const PLANTED: [Planted; 6] = [
    ("a parameter for facts is chosen by content", |plan| {
        with(plan, "again", "label", "${lore.urgent ? '4100' : '4101'}");
    }),
    ("a parameter for facts is made of content", |plan| with(plan, "again", "many", "${size(lore.subject)}")),
    ("a label of a KPI is content", |plan| kpi(plan, |kpi| kpi.by = vec!["lore.mood".to_owned()])),
    ("a KPI sums content", |plan| kpi(plan, |kpi| kpi.sum = Some("lore.total".to_owned()))),
    ("the link for people holds content", |plan| {
        let (at, of) = plan.steps.iter().enumerate().find(|(_, step)| step.id.as_str() == "again").unwrap();
        let stop = Step { id: "fails".parse().unwrap(), when: None, action: fails(), ..of.clone() };
        plan.steps.insert(at, stop);
        plan.trigger = with_subject(&plan.trigger);
        plan.fallback.open = Some("https://made.example/${url(trigger.subject)}".to_owned());
    }),
    ("runs wait for one another by content", |plan| {
        plan.trigger = with_subject(&plan.trigger);
        plan.limits.one_at_a_time = Some(Expression("(size(trigger.subject) > 9) ? '4100' : '4101'".to_owned()));
    }),
];

fn with(plan: &mut Plan, step: &str, param: &str, text: &str) {
    let step = plan.steps.iter_mut().find(|there| there.id.as_str() == step).unwrap();
    let Action::Call { with, .. } = &mut step.action else { unreachable!("a call") };
    with.insert(param.parse().unwrap(), Argument::Template(text.to_owned()));
}

fn kpi(plan: &mut Plan, says: impl FnOnce(&mut Kpi)) {
    let mut kpi = Kpi { name: "planted".parse().unwrap(), when: None, sum: None, by: Vec::new(), per: None };
    says(&mut kpi);
    plan.kpis.push(kpi);
}

/// A step that always fails.
fn fails() -> Action {
    let value = Argument::Template("${int(lore.id + 'x')}".to_owned());
    Action::Set { values: [("x".parse().unwrap(), value)].into() }
}

/// A trigger with a field that people write.
fn with_subject(trigger: &Trigger) -> Trigger {
    let mut trigger = trigger.clone();
    let field = Field {
        at: "planted_subject".to_owned(),
        shape: Shape::Text { most_bytes: 2_000 },
        class: Class::Content,
        written_by: WrittenBy::Anyone,
        optional: false,
        prefix: None,
        empty: None,
        measure: false,
        category: None,
    };
    trigger.fields_mut().unwrap().insert("subject".parse().unwrap(), field);
    trigger
}
