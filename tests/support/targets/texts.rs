//! Expressions, templates and crontab lines.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use assent_schema::calendar::zone;
use assent_schema::cron::Crontab;
use assent_schema::expr::{Program, Scope, Template, Value, eval};
use assent_schema::flow::{analyse, check_plan};
use assent_schema::plan::{Expression, Plan};
use assent_schema::time::{Moment, Period};
use jiff::tz::TimeZone;

struct World {
    names: BTreeMap<&'static str, Value>,
}

impl Scope for World {
    fn root(&self, name: &str) -> Option<&Value> {
        self.names.get(name)
    }

    fn now(&self) -> Moment {
        "2026-03-02T09:00:00Z".parse().expect("a moment")
    }

    fn zone(&self) -> &TimeZone {
        static BERLIN: OnceLock<TimeZone> = OnceLock::new();
        BERLIN.get_or_init(|| zone("Europe/Berlin").expect("a zone"))
    }

    fn business(&self, from: Moment, period: Period) -> Option<Moment> {
        Some(from.plus(period))
    }

    fn pseudonym(&self, value: &str) -> Option<String> {
        Some(format!("p_{}", value.len()))
    }
}

fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| World {
        names: BTreeMap::from([("ticket", Value::text("4201")), ("order", Value::text("a text of its own"))]),
    })
}

fn plan() -> &'static Plan {
    static PLAN: OnceLock<Plan> = OnceLock::new();
    PLAN.get_or_init(|| {
        serde_json::from_str(include_str!("../../../schema/tests/fixtures/refund.plan.json")).expect("a plan")
    })
}

/// What parses prints as what parses to the same, evaluates within its cost, and is typed or refused alike everywhere.
pub(super) fn expression(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match Program::parse(text) {
        Ok(program) => {
            let printed = program.to_string();
            let again = Program::parse(&printed).expect("what is printed is an expression");
            assert!(again == program, "{text:?} prints as {printed:?}");
            drop(eval(&program, world()));
        }
        Err(error) => assert!(
            text.get(error.span.clone()).is_some(),
            "{error} lies in its text, at {:?} of {}",
            error.span,
            text.len()
        ),
    }
    let mut plan = plan().clone();
    if let Some(step) = plan.steps.last_mut() {
        step.when = Some(Expression(text.to_owned()));
    }
    assert_eq!(check_plan(&plan).is_empty(), analyse(&plan).is_ok(), "a plan is refused or followed");
}

/// A template parses or says where not, and fills its holes within bounds.
pub(super) fn template(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match Template::parse(text) {
        Ok(template) => drop(template.eval(world())),
        Err(error) => assert!(text.get(error.span.clone()).is_some(), "{error} lies in its text"),
    }
}

/// A line of crontab(5) is refused or fires later and later, in zones of every kind.
pub(super) fn schedule(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(crontab) = text.parse::<Crontab>() else { return };
    for name in ["UTC", "Europe/Berlin", "Australia/Lord_Howe", "Pacific/Apia"] {
        let zone = zone(name).expect("a zone");
        let mut at: Moment = "2011-12-29T23:59:30Z".parse().expect("a moment");
        for _ in 0..5 {
            let Some(next) = crontab.next_after(at, &zone) else { break };
            assert!(next > at && next.seconds() % 60 == 0, "{text:?} fires on a later minute");
            at = next;
        }
    }
}
