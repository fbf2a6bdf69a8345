//! Reads `clients/<client>/workflows/<name>.toml` and `library/<name>.toml`.

use std::collections::{BTreeMap, BTreeSet};

use super::tree::Written;
use assent_schema::class::Class;
use assent_schema::code::Code;
use assent_schema::fides;
use assent_schema::id::{Name, WorkflowId};
use assent_schema::plan::bounds::{self, CANCELS_MOST, STEPS_MOST};
use assent_schema::spec::{
    Cancel, Classes, Fallback, Kpi, Library, Limits, Literal, Setting, SettingType, Spanned, Trigger, Use, Workflow,
    WorkflowFile,
};
use assent_schema::time::Period;

use super::field::constants;
use super::integration::named_as_file;
use super::place::path;
use super::reader::{Table, Value};
use super::step::{on, step};
use super::trigger::trigger;
use super::unique::Unique;
use super::value::{boolean, expression, integer, line, name, not_one_of, period, period_told, template, within, word};

pub(super) const SETTING_TYPES: [&str; 7] = ["text", "token", "integer", "decimal", "boolean", "period", "one_of"];

/// Reads a client's workflow file.
pub(super) fn workflow_file(table: Table<'_, '_>, stem: &WorkflowId) -> Option<WorkflowFile> {
    if !table.has("use") {
        return Some(WorkflowFile::Own(Box::new(workflow(table, stem))));
    }
    usage(table).map(WorkflowFile::Use)
}

/// A use of a library workflow: nothing but its name and settings.
fn usage(mut table: Table<'_, '_>) -> Option<Use> {
    let library = table.need("use", name);
    let settings = named(&mut table, |value| value.spanned(literal));
    let classes = table.opt("class", classes).unwrap_or_default();
    table.done();
    let (settings, unread) = settings?;
    Some(Use { library: library?, settings, classes, unread })
}

/// Values by name, and the names of those that could not be read in full.
type Named<T> = (BTreeMap<Spanned<Name>, T>, BTreeSet<String>);

/// `settings`; nothing where it is no table.
fn named<'r, 'i, T>(table: &mut Table<'r, 'i>, read: impl Fn(Value<'r, 'i>) -> Option<T>) -> Option<Named<T>> {
    let Some(value) = table.get("settings") else { return Some((BTreeMap::new(), BTreeSet::new())) };
    let (sink, mut unread) = (table.sink(), BTreeSet::new());
    let settings = value.table()?.entries(|value| {
        let (before, key) = (sink.refusals(), value.key);
        let read = read(value);
        if sink.refusals() > before {
            unread.insert(key.to_owned());
        }
        read
    });
    Some((settings, unread))
}

/// Reads a library workflow, or one that is another with settings.
pub(super) fn library(mut table: Table<'_, '_>, stem: &WorkflowId) -> Option<Library> {
    if table.has("use") {
        let body = usage(table).map(WorkflowFile::Use);
        return body.map(|body| Library { settings: BTreeMap::new(), body, unread: BTreeSet::new() });
    }
    let settings = named(&mut table, setting);
    let own = workflow(table, stem);
    let (settings, unread) = settings?;
    Some(Library { settings, body: WorkflowFile::Own(Box::new(own)), unread })
}

/// Reads a workflow with steps. Of one that cannot be used, what could be read.
fn workflow(mut table: Table<'_, '_>, stem: &WorkflowId) -> Workflow {
    let (sink, at) = (table.sink(), table.span());
    let id = table.need("name", |value| named_as_file(value, stem));
    let summary = table.need("summary", line);
    let purpose = table.need("purpose", |value| value.spanned(data_use));
    let mode = table.opt("mode", word).unwrap_or_default();
    let classes = table.opt("class", classes).unwrap_or_default();
    let before = sink.refusals();
    let trigger = table.need("trigger", |value| value.spanned(trigger)).filter(|_| sink.refusals() == before);
    let limits = table.opt("limits", limits);
    let (mut ids, mut unread, mut nameless) = (Unique::new("step"), BTreeSet::new(), false);
    if trigger.is_none() {
        unread.extend(Name::new("trigger"));
    }
    let (mut count, mut is_too_long) = (0_usize, false);
    let steps = table.list("step", |value| {
        count = count.saturating_add(count_of(&value));
        if count > STEPS_MOST {
            // What is behind the limit is not looked at, and any name may be that of a step there.
            (is_too_long, nameless) = (true, true);
            return None;
        }
        let before = sink.refusals();
        let step = step(value.clone());
        if sink.refusals() > before {
            match ids_of(&value) {
                Some(named) => unread.extend(named),
                None => nameless = true,
            }
        }
        let (step, before) = (step?, sink.refusals());
        ids.check(&value, &step.id);
        step.inner().iter().for_each(|inner| ids.check(&value, &inner.id));
        if sink.refusals() > before {
            // What it should be called, nobody knows.
            nameless = true;
        }
        Some(step)
    });
    if !table.has("step") {
        table.lacks::<()>(&["step"], "The workflow has no steps.", "Add at least one `[[step]]`.");
    } else if is_too_long {
        table.bad::<()>(&format!("The workflow has more than {STEPS_MOST} steps."), "Split it into several workflows.");
    }
    let cancels = table.list("cancel", cancel);
    if cancels.len() > CANCELS_MOST {
        table.bad::<()>(&format!("The workflow has more than {CANCELS_MOST} `[[cancel]]`."), "Remove some.");
    }
    let mut names = Unique::new("KPI");
    let kpis = table.list("kpi", |value| {
        let kpi = kpi(value.clone())?;
        names.check(&value, &kpi.name);
        Some(kpi)
    });
    let fallback = table.opt("fallback", fallback);
    table.done();
    // What nothing else rests on has a stand-in: a file without it was refused.
    Workflow {
        name: id.unwrap_or_else(|| Spanned::new(stem.clone(), at.clone())),
        summary: summary.unwrap_or_else(|| Spanned::new(String::new(), at.clone())),
        purpose: purpose.unwrap_or_else(|| Spanned::new(String::new(), at.clone())),
        mode,
        classes,
        trigger: trigger.unwrap_or_else(|| Spanned::new(Trigger::Manual { fields: BTreeMap::new() }, at)),
        limits,
        steps,
        cancels,
        kpis,
        fallback,
        unread,
        nameless,
    }
}

/// How many steps a step is, those inside it included.
fn count_of(value: &Value<'_, '_>) -> usize {
    let Written::Table(step) = value.inner else { return 1 };
    let inner = step.get("step").and_then(|inner| inner.get_ref().as_array()).map_or(0, <[_]>::len);
    inner.saturating_add(1)
}

/// The ids of a step and of those inside it; nothing where one of them has none.
fn ids_of(value: &Value<'_, '_>) -> Option<Vec<Name>> {
    let Written::Table(step) = value.inner else { return None };
    let own = Name::new(step.get("id")?.get_ref().as_str()?).ok()?;
    let inner = step.get("step").and_then(|inner| inner.get_ref().as_array());
    let inside = inner.into_iter().flatten().map(|item| {
        let item = item.get_ref().as_table()?;
        Name::new(item.get("id")?.get_ref().as_str()?).ok()
    });
    std::iter::once(Some(own)).chain(inside).collect()
}

/// A Fideslang data use. One that there is not is reported; the workflow is checked all the same.
fn data_use(value: Value<'_, '_>) -> Option<String> {
    let text = path(value.clone())?;
    if !fides::is_data_use(&text) && fides::forbidden(&text).is_none() {
        value.unknown("data use of Fideslang", &text, fides::nearest(&text, &fides::allowed()));
    }
    Some(text)
}

fn limits(value: Value<'_, '_>) -> Option<Limits> {
    let mut table = value.table()?;
    let span = table.span();
    let timeout = table.opt("timeout", |value| value.spanned(period(bounds::TIMEOUT)));
    let concurrency = table.opt("concurrency", |value| value.spanned(within(bounds::CONCURRENCY)));
    let one_at_a_time = table.opt("one_at_a_time", expression);
    let per_key = table.opt("per_key", |value| value.spanned(per_day));
    let debounce = table.get("debounce");
    for (key, needs) in [("per_key", "counts runs"), ("debounce", "waits for quiet")] {
        if table.has(key) && !table.has("one_at_a_time") {
            table.lacks::<()>(
                &["one_at_a_time"],
                &format!("`{key}` {needs} per value of `one_at_a_time`, which is missing."),
                &format!("Add `one_at_a_time`, or remove `{key}`."),
            );
        }
    }
    let quiet = || period(bounds::QUIET);
    let debounce = debounce.and_then(|value| value.spanned(quiet()));
    let debounce_most = table.opt("debounce_most", |value| value.spanned(quiet()));
    if let Some(most) = &debounce_most {
        let wrong = match &debounce {
            None => Some("`debounce_most` bounds `debounce`, which is missing."),
            Some(quiet) if quiet.value > most.value => Some("`debounce_most` is shorter than `debounce`."),
            Some(_) => None,
        };
        if let Some(wrong) = wrong {
            let help = "Write how long a key must be quiet as `debounce`, and how long a run waits at most here.";
            table.sink().refuse(Code::BadValue, &most.span, wrong.to_owned(), Some(help.to_owned()));
        }
    }
    table.done();
    Some(Limits { span, timeout, concurrency, one_at_a_time, per_key_per_day: per_key, debounce, debounce_most })
}

/// A number of runs a day: `3/day`.
fn per_day(value: Value<'_, '_>) -> Option<u32> {
    let text = value.text()?;
    let number = text.strip_suffix("/day").filter(|n| !n.starts_with('0') && n.bytes().all(|b| b.is_ascii_digit()));
    number.and_then(|n| n.parse().ok()).or_else(|| value.bad("is not a number of runs a day like `3/day`"))
}

fn cancel(value: Value<'_, '_>) -> Option<Cancel> {
    let mut table = value.table()?;
    let span = table.span();
    let on = table.need("on", on);
    let equals = table.opt("match", expression);
    table.done();
    Some(Cancel { span, on: on?, equals })
}

fn kpi(value: Value<'_, '_>) -> Option<Kpi> {
    let mut table = value.table()?;
    let kpi_name = table.need("name", name);
    let when = table.opt("when", expression);
    let count = table.opt("count", |value| {
        let given = value.clone();
        if boolean(value)? { Some(()) } else { given.bad("is `false`, which counts nothing") }
    });
    let sum = table.opt("sum", |value| value.spanned(path));
    let by = table.list("by", |value| value.spanned(path));
    let per = table.opt("per", |value| value.spanned(per));
    if table.has("count") && table.has("sum") {
        table.bad::<()>("A KPI has either `count = true` or `sum`.", "Remove one of them.");
    } else if !table.has("count") && !table.has("sum") {
        let help = "Write one of them.";
        table.lacks::<()>(&["count", "sum"], "A KPI has either `count = true` or `sum`.", help);
    } else if count.is_none() && sum.is_none() {
        return None;
    }
    table.done();
    Some(Kpi { name: kpi_name?, when, sum, by, per })
}

/// How long one count lasts: what is above an hour is whole hours, so that hours add up to it.
fn per(value: Value<'_, '_>) -> Option<Period> {
    let given = value.clone();
    // Shorter ones are `kpi-too-fine`.
    let told = Period::hours(1)..=Period::days(31);
    let found = period_told(Period::seconds(1)..=Period::days(31), told)(value)?;
    let hour = Period::hours(1).as_seconds();
    if found.as_seconds() > hour && found.as_seconds() % hour != 0 {
        return given.bad("is not a number of whole hours");
    }
    Some(found)
}

/// Classes by `<record>.<field>`; a value may be a setting.
fn classes(value: Value<'_, '_>) -> Option<Classes> {
    let entry = |value: Value<'_, '_>| {
        let given = value.clone();
        let text = value.spanned(template)?;
        let is_class = Class::ALL.iter().any(|class| class.as_str() == text.value);
        if is_class || text.value.starts_with("${") {
            Some(text)
        } else {
            given.bad("is none of `public`, `reference`, `content`, `personal`")
        }
    };
    Some(value.table()?.entries(entry))
}

fn fallback(value: Value<'_, '_>) -> Option<Fallback> {
    let mut table = value.table()?;
    let queue = table.need("queue", name);
    let open = table.opt("open", |value| value.spanned(template));
    let manual_on_restart = table.opt("on_restart", |value| match value.text()? {
        "manual" => Some(true),
        other => not_one_of(&value, other, &["manual"]),
    });
    let manual_on_restart = manual_on_restart.unwrap_or_default();
    table.done();
    Some(Fallback { queue: queue?, open, manual_on_restart })
}

fn setting(value: Value<'_, '_>) -> Option<Setting> {
    let mut table = value.table()?;
    let given = table.need("type", Some);
    let kind = given.and_then(|given| {
        given.clone().spanned(|given| {
            Some(match given.text()? {
                "text" => SettingType::Text,
                "token" => SettingType::Token,
                "integer" => SettingType::Integer,
                "decimal" => SettingType::Decimal,
                "boolean" => SettingType::Boolean,
                "period" => SettingType::Period,
                "one_of" => SettingType::OneOf(table.need("values", |value| constants(value, 1..=1_000))?),
                other => return not_one_of(&given, other, &SETTING_TYPES),
            })
        })
    });
    let default = table.opt("default", |value| {
        let given = value.clone();
        let literal = value.spanned(literal)?;
        match &kind {
            Some(kind) if !kind.takes(&literal) => given.bad(&format!("is not {}", kind.wanted())),
            _ => Some(literal),
        }
    });
    table.done();
    Some(Setting { kind: kind?, default })
}

fn literal(value: Value<'_, '_>) -> Option<Literal> {
    match value.inner {
        Written::String(text) => Some(Literal::Text(text.clone().into_owned())),
        Written::Boolean(flag) => Some(Literal::Boolean(*flag)),
        Written::Integer(_) => integer(value).map(Literal::Integer),
        _ => value.mistyped("a text, an integer, `true` or `false`"),
    }
}

/// A step's id: a name that expressions can spell and that means nothing else in them.
pub(super) fn step_id(value: Value<'_, '_>) -> Option<Spanned<Name>> {
    let given = value.clone();
    let id: Spanned<Name> = name(value)?;
    if RESERVED.contains(&id.as_str()) { given.bad("is a word that expressions reserve") } else { Some(id) }
}

/// What expressions already mean, and what CEL reserves.
///
/// # Source
/// language.md section 4; CEL language definition, reserved identifiers.
const RESERVED: [&str; 24] = [
    "trigger",
    "settings",
    "now",
    "true",
    "false",
    "null",
    "in",
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
];
