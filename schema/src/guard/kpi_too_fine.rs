//! `kpi-too-fine`: a KPI that could tell of single people: labels that are no declared enumeration, sums of what is no
//! `measure`, two sums of one field over different runs or times, too many series, counts of less than an hour, or of somebody
//! whom the workflow names.

mod person;

use super::{Breach, Judged, of_workflow};
use crate::code::Code;
use crate::expr::{Source, Sources, Type};
use crate::flow::{Flows, Part, find};
use crate::plan::{Kpi, Plan};
use crate::time::Period;

/// The most series of one KPI.
const SERIES_MOST: usize = 1_000;
/// The shortest time that one count lasts, and how long it lasts where nothing is said.
const PER_LEAST: Period = Period::hours(1);

/// Reports what is too fine of each KPI, in order.
///
/// # Source
/// language.md section 5, "Sinks". Promise P01.
pub(super) fn check(judged: &Judged<'_>) -> Vec<Breach> {
    let kpis = || judged.plan.kpis.iter().enumerate();
    kpis().flat_map(|(place, kpi)| of_one(judged, place, kpi)).chain(of_two(judged)).collect()
}

/// A sum over the runs of a workflow, and the declared fields that it draws on.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Sum<'p> {
    /// Its number among the KPIs.
    place: usize,
    /// The KPI.
    kpi: &'p Kpi,
    /// The fields: what one step read of a record another may have read too, so no path tells them apart.
    fields: Sources,
}

/// The sums of a plan, in order.
fn sums<'p>(plan: &'p Plan, flows: &Flows) -> Vec<Sum<'p>> {
    let of = |(place, kpi): (usize, &'p Kpi)| {
        let fields = find(flows, kpi.sum.as_ref()?)?.whole().2;
        Some(Sum { place, kpi, fields })
    };
    plan.kpis.iter().enumerate().filter_map(of).collect()
}

/// Of two sums of one field over different runs the difference is that of the runs in between, which may be one; so it is of
/// two over different times. What is shown of counts is kept apart where people look at it.
fn of_two(judged: &Judged<'_>) -> Vec<Breach> {
    let sums = sums(judged.plan, judged.flows);
    let apart = |a: &Kpi, b: &Kpi| a.sum != b.sum || a.when != b.when || a.by != b.by || per(a) != per(b);
    let mut found = Vec::new();
    for (number, sum) in sums.iter().enumerate() {
        let mut earlier = sums.iter().take(number).filter(|other| apart(other.kpi, sum.kpi));
        let shared = earlier.find_map(|other| Some((other, other.fields.shared_with(&sum.fields).next()?)));
        found.extend(shared.map(|(other, field)| two(sum, other, field)));
    }
    found
}

fn per(kpi: &Kpi) -> Period {
    kpi.per.unwrap_or(PER_LEAST)
}

fn two(sum: &Sum<'_>, other: &Sum<'_>, field: &Source) -> Breach {
    let over = if per(sum.kpi) == per(other.kpi) { "runs" } else { "times" };
    let said = format!(
        "The KPIs `{}` and `{}` both sum `{}`, over different {over}: their difference tells of the runs in between.",
        other.kpi.name, sum.kpi.name, field.path
    );
    let help = "Sum it in one KPI, and divide that by a label (`by`), or count instead.";
    Breach::new(Code::KpiTooFine, of_workflow(Part::KpiSum(sum.place)), said).help(help)
}

fn of_one(judged: &Judged<'_>, place: usize, kpi: &Kpi) -> Vec<Breach> {
    let breach = |part: Part, said: String| Breach::new(Code::KpiTooFine, of_workflow(part), said);
    let mut found = person::check(judged, place, kpi);
    if kpi.per.is_some_and(|per| per < PER_LEAST) {
        let said = format!("The KPI `{}` counts by less than an hour.", kpi.name);
        found.push(breach(Part::KpiPer(place), said).help("Write `1h` or longer."));
    }
    if let Some(sum) = kpi.sum.as_ref().filter(|sum| !find(judged.flows, sum).is_some_and(|known| known.measure)) {
        let said = format!("The KPI `{}` sums `{sum}`, which the catalog does not mark `measure`.", kpi.name);
        found.push(breach(Part::KpiSum(place), said).help("Sum a field that the catalog marks `measure = true`."));
    }
    let mut series = 1_usize;
    for (position, path) in kpi.by.iter().enumerate() {
        if let Some(constants) = constants(judged, path) {
            series = series.saturating_mul(constants);
        } else {
            let said = format!("The KPI `{}` is divided by `{path}`, which is not a declared enumeration.", kpi.name);
            let help = "Divide by a field of type `one_of` or `boolean`, or by an answer with `one_of`.";
            found.push(breach(Part::KpiBy(place, position), said).help(help));
        }
    }
    if found.is_empty() && series > SERIES_MOST {
        let said = format!("The KPI `{}` has up to {series} series, and {SERIES_MOST} is the most.", kpi.name);
        found.push(
            breach(Part::KpiBy(place, 0), said).help("Divide by fewer labels, or by labels with fewer constants."),
        );
    }
    found
}

/// In how many ways a label can turn out; `none` is one where its step or field may be absent.
fn constants(judged: &Judged<'_>, path: &str) -> Option<usize> {
    let known = find(judged.flows, path)?;
    let root = path.split('.').next().and_then(|root| judged.flows.known.get(root));
    let absent = usize::from(known.optional || root.is_some_and(|root| root.optional));
    match &known.kind {
        Type::OneOf(values) => Some(values.len().saturating_add(absent)),
        Type::Boolean => Some(absent.saturating_add(2)),
        _ => None,
    }
}
