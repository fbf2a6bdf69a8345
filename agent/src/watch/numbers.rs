//! Metrics in the text format of Prometheus, and in that of OpenMetrics where it is asked for. Pure. Labels are ids of
//! verified plans and words of closed lists, so there are never more series than those; nothing else of a run has a way in.
//!
//! # Source
//! Prometheus, "Exposition formats" (text 0.0.4); OpenMetrics 1.0.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use assent_schema::id::{ClientId, ConnectionId};

use super::tally::Tally;
use super::watcher::Place;
use crate::store::{COMMIT_STEPS, CommitTimes, Ending};

/// The most workflows that have series of their own; what came of others is not counted here.
const PLACES_MOST: usize = 10_000;

/// What was seen of runs since this process began.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    places: BTreeMap<Place, OfPlace>,
    requests: Tally,
}

/// What was seen of one workflow.
#[derive(Clone, Debug, Default)]
struct OfPlace {
    accepted: u64,
    ended: BTreeMap<Ending, u64>,
    took_millis: u64,
}

impl Counts {
    fn of(&mut self, place: &Place) -> Option<&mut OfPlace> {
        if self.places.len() >= PLACES_MOST && !self.places.contains_key(place) {
            return None;
        }
        Some(self.places.entry(place.clone()).or_default())
    }

    /// Requests of runs, by connection.
    pub fn requests(&self) -> &Tally {
        &self.requests
    }

    pub(super) fn requested(&mut self, client: &ClientId, connection: &ConnectionId, code: &str) {
        self.requests.count(client, connection.as_str(), code);
    }

    pub(super) fn accepted(&mut self, place: &Place) {
        if let Some(of) = self.of(place) {
            of.accepted = of.accepted.saturating_add(1);
        }
    }

    pub(super) fn ended(&mut self, place: &Place, ending: Ending, took_millis: i64) {
        if let Some(of) = self.of(place) {
            let count = of.ended.entry(ending).or_default();
            *count = count.saturating_add(1);
            of.took_millis = of.took_millis.saturating_add(u64::try_from(took_millis).unwrap_or(0));
        }
    }
}

/// One value with its labels.
pub type Sample = (Vec<(&'static str, String)>, f64);

/// A value that stands as it is: a name, what it is, and its samples.
#[derive(Clone, Debug)]
pub struct Gauge {
    /// The name, with its unit at the end.
    pub name: &'static str,
    /// What it is.
    pub help: &'static str,
    /// Its values.
    pub samples: Vec<Sample>,
}

/// Everything that is told.
#[derive(Clone, Debug, Default)]
pub struct Numbers {
    /// What was seen of runs.
    pub counts: Counts,
    /// What stands as it is.
    pub gauges: Vec<Gauge>,
    /// What only grows, by name without `_total`.
    pub totals: Vec<Gauge>,
    /// How long commits took.
    pub commits: CommitTimes,
}

/// In which form they are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The text format 0.0.4.
    Text,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

impl Form {
    /// The form that an `Accept` header asks for. Every Prometheus of today names OpenMetrics where it wants it.
    pub fn of(accept: Option<&str>) -> Self {
        let wants = |accept: &str| accept.split(',').any(|one| one.trim().starts_with("application/openmetrics-text"));
        if accept.is_some_and(wants) { Self::OpenMetrics } else { Self::Text }
    }

    /// Its media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

impl Numbers {
    /// The whole text.
    pub fn text(&self, form: Form) -> String {
        let mut page = Page { form, out: String::new() };
        let places = &self.counts.places;
        let accepted = places.iter().map(|(place, of)| (labels(place), of.accepted));
        page.total("assent_runs_accepted", "Runs that were accepted.", whole(accepted));
        let ended = places.iter().flat_map(|(place, of)| {
            of.ended.iter().map(move |(ending, count)| {
                let mut labels = labels(place);
                labels.push(("outcome", ending.as_str().to_owned()));
                (labels, *count)
            })
        });
        page.total("assent_runs_ended", "Runs that ended, by how.", whole(ended));
        page.head("assent_run_duration_seconds", "summary", "Time from the acceptance of runs to their end.");
        for (place, of) in places {
            let count = of.ended.values().sum::<u64>();
            page.sample("assent_run_duration_seconds_sum", &labels(place), seconds(of.took_millis, 1_000));
            page.sample("assent_run_duration_seconds_count", &labels(place), float(count));
        }
        page.commits(&self.commits);
        for total in &self.totals {
            page.total(total.name, total.help, total.samples.clone());
        }
        for gauge in &self.gauges {
            page.head(gauge.name, "gauge", gauge.help);
            for (labels, value) in &gauge.samples {
                page.sample(gauge.name, labels, *value);
            }
        }
        if form == Form::OpenMetrics {
            page.out.push_str("# EOF\n");
        }
        page.out
    }
}

fn labels((client, workflow): &Place) -> Vec<(&'static str, String)> {
    vec![("client", client.to_string()), ("workflow", workflow.to_string())]
}

fn whole(samples: impl Iterator<Item = (Vec<(&'static str, String)>, u64)>) -> Vec<Sample> {
    samples.map(|(labels, value)| (labels, float(value))).collect()
}

/// A count as the number that samples are. Exact up to 2^53.
#[expect(clippy::cast_precision_loss, reason = "counts beyond 2^53 do not come in an agent's life")]
pub fn float(count: u64) -> f64 {
    count as f64
}

fn seconds(count: u64, a_second: u64) -> f64 {
    float(count) / float(a_second)
}

struct Page {
    form: Form,
    out: String,
}

impl Page {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        // A text cannot refuse to be written to.
        let _written = write!(self.out, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    fn total(&mut self, name: &str, help: &str, samples: Vec<Sample>) {
        let full = format!("{name}_total");
        // OpenMetrics names the family without what its samples end in.
        self.head(if self.form == Form::OpenMetrics { name } else { &full }, "counter", help);
        for (labels, value) in samples {
            self.sample(&full, &labels, value);
        }
    }

    fn sample(&mut self, name: &str, labels: &[(&'static str, String)], value: f64) {
        self.out.push_str(name);
        for (at, (label, value)) in labels.iter().enumerate() {
            let open = if at == 0 { '{' } else { ',' };
            let _written = write!(self.out, "{open}{label}=\"{}\"", escaped(value));
        }
        if !labels.is_empty() {
            self.out.push('}');
        }
        let _written = writeln!(self.out, " {value}");
    }

    fn commits(&mut self, times: &CommitTimes) {
        let name = "assent_commit_duration_seconds";
        self.head(name, "histogram", "Time until what was written is durable.");
        let bucket = format!("{name}_bucket");
        let mut below = 0_u64;
        for (most, count) in COMMIT_STEPS.iter().zip(times.counts) {
            below = below.saturating_add(count);
            self.sample(&bucket, &[("le", format!("{:?}", seconds(*most, 1_000_000)))], float(below));
        }
        let all = below.saturating_add(times.longer);
        self.sample(&bucket, &[("le", "+Inf".to_owned())], float(all));
        self.sample(&format!("{name}_sum"), &[], seconds(times.sum, 1_000_000));
        self.sample(&format!("{name}_count"), &[], float(all));
    }
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers() -> Numbers {
        let place = ("acme".parse().unwrap(), "refund".parse().unwrap());
        let mut numbers = Numbers::default();
        numbers.counts.accepted(&place);
        numbers.counts.ended(&place, Ending::Done, 1_500);
        numbers.commits.count(std::time::Duration::from_micros(700));
        let samples = vec![(vec![("client", "a\"b\n".to_owned())], 2.0)];
        numbers.gauges.push(Gauge { name: "assent_queue_items", help: "Work.", samples });
        numbers
    }

    #[test]
    fn what_is_told_has_the_form_of_prometheus() {
        let text = numbers().text(Form::Text);
        for line in [
            "# TYPE assent_runs_accepted_total counter",
            "assent_runs_accepted_total{client=\"acme\",workflow=\"refund\"} 1",
            "assent_runs_ended_total{client=\"acme\",workflow=\"refund\",outcome=\"done\"} 1",
            "assent_run_duration_seconds_sum{client=\"acme\",workflow=\"refund\"} 1.5",
            "assent_commit_duration_seconds_bucket{le=\"0.0005\"} 0",
            "assent_commit_duration_seconds_bucket{le=\"0.001\"} 1",
            "assent_commit_duration_seconds_bucket{le=\"+Inf\"} 1",
            "assent_queue_items{client=\"a\\\"b\\n\"} 2",
        ] {
            assert!(text.lines().any(|one| one == line), "{line}\n{text}");
        }
        assert!(!text.contains("# EOF"));
    }

    #[test]
    fn open_metrics_names_families_without_total_and_ends() {
        let text = numbers().text(Form::of(Some("application/openmetrics-text;version=1.0.0,text/plain;q=0.5")));
        assert!(
            text.contains("# TYPE assent_runs_accepted counter\nassent_runs_accepted_total{")
                && text.ends_with("# EOF\n")
        );
        assert_eq!((Form::of(None), Form::of(Some("text/plain"))), (Form::Text, Form::Text));
    }

    #[test]
    fn there_are_never_more_series_than_a_few_for_each_workflow() {
        let mut counts = Counts::default();
        for n in 0..PLACES_MOST + 100 {
            counts.accepted(&("acme".parse().unwrap(), format!("w-{n}").parse().unwrap()));
        }
        assert_eq!(counts.places.len(), PLACES_MOST);
    }
}
