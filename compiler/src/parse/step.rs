//! Reads one step of a workflow.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::tree::{Members, Written};
use assent_schema::code::Code;
use assent_schema::id::Name;
use assent_schema::plan::{Answer, Channel, Noted, bounds};
use assent_schema::spec::{Action, Argument, AskLimit, Each, On, Spanned, Spend, Step, TextUse, Until};
use assent_schema::time::Period;

use super::field::constants;
use super::operation::retry;
use super::place::path;
use super::reader::{Table, Value};
use super::value::{currency, decimal, expression, integer, name, not_one_of, parsed, period, template, within, word};
use super::workflow::step_id;

pub(super) const ACTIONS: [&str; 7] = ["call", "ask", "decide", "set", "each", "wait", "stop"];
/// Keys that belong to one action alone.
const PARTS: [&str; 13] = [
    "with", "retry", "parked", "cache", "prompt", "sources", "answer", "limit", "as", "key", "max", "step", "parallel",
];
/// What an item is called unless said.
const ITEM: &str = "item";
pub(super) const ANSWERS: [&str; 3] = ["number", "boolean", "text"];
/// What says how a field is answered; exactly one of them is there.
const ANSWERED: [&str; 3] = ["one_of", "type", "citations"];
/// What can be waited for; exactly one of them.
const WAITS: [&str; 4] = ["for", "business", "until", "event"];
const CHANNELS: [&str; 4] = ["page", "cli", "slack", "helpdesk"];

type With = BTreeMap<Spanned<Name>, Spanned<Argument>>;

/// Reads a step.
pub(super) fn step(value: Value<'_, '_>) -> Option<Step> {
    let mut table = value.table()?;
    let id = table.need("id", step_id);
    let when = table.opt("when", expression);
    let is_each = table.has("each");
    let action = action(&mut table);
    // An `each` has keys of its own by these names.
    let parallel = if is_each { None } else { table.opt("parallel", name) };
    let continue_on = if is_each { None } else { table.opt("on_error", continue_on) };
    table.done();
    Some(Step { id: id?, when, parallel, continue_on: continue_on.unwrap_or_default(), action: action? })
}

fn continue_on(value: Value<'_, '_>) -> Option<BTreeSet<Spanned<Name>>> {
    let mut table = value.table()?;
    let before = table.sink().refusals();
    let codes: BTreeSet<Spanned<Name>> = table.set("codes", name);
    if table.has("codes") && codes.is_empty() && table.sink().refusals() == before {
        let help = "Name the failures after which it goes on, or remove `on_error`.";
        table.bad::<()>("`codes` is empty, so the run never goes on.", help);
    }
    if !table.has("codes") {
        table.lacks::<()>(
            &["codes"],
            "`codes` is missing.",
            "Name the failures after which the run goes on: `codes = [\"…\"]`.",
        );
    }
    table.need("then", |value| match value.text()? {
        "continue" => Some(()),
        other => not_one_of(&value, other, &["continue"]),
    });
    table.done();
    Some(codes)
}

fn action(table: &mut Table<'_, '_>) -> Option<Action> {
    let named: Vec<&str> = ACTIONS.into_iter().filter(|action| table.has(action)).collect();
    match named.as_slice() {
        ["call"] => call(table),
        ["ask"] => ask(table),
        ["decide"] => table.need("decide", decide),
        ["set"] => Some(Action::Set { values: table.need("set", with)? }),
        ["each"] => each(table),
        ["wait"] => Some(Action::Wait { until: table.need("wait", wait)? }),
        ["stop"] => Some(Action::Stop { outcome: table.need("stop", name)? }),
        [] => {
            for key in ACTIONS.into_iter().chain(PARTS) {
                table.know(key);
            }
            table.lacks(
                &ACTIONS,
                "The step does nothing.",
                "Add one of `call`, `ask`, `decide`, `set`, `each`, `wait` and `stop`.",
            )
        }
        [_, second, ..] => {
            // The keys of both actions are known, so that the one finding is that there are two.
            for key in ACTIONS.into_iter().chain(PARTS) {
                table.know(key);
            }
            table.bad(&format!("A step does one thing, and this one has `{second}` too."), "Make two steps of it.")
        }
        // A single action that is none of ours cannot come out of the filter.
        [_] => None,
    }
}

fn each(table: &mut Table<'_, '_>) -> Option<Action> {
    let over = table.need("each", expression);
    let item = match table.get("as") {
        Some(value) => step_id(value),
        None => Name::new(ITEM).ok().map(|item| Spanned::new(item, table.span())),
    };
    let key = table.need("key", expression);
    let max = table.need("max", |value| value.spanned(within(bounds::ITEMS)));
    let parallel = table.opt("parallel", within(bounds::ITEMS_AT_ONCE)).unwrap_or(1);
    let on_error = table.opt("on_error", word).unwrap_or_default();
    let steps = table.list("step", inner);
    if !table.has("step") {
        return table.lacks(&["step"], "The `each` has no steps.", "Add at least one `[[step.step]]` below it.");
    }
    Some(Action::Each(Box::new(Each { over: over?, item: item?, key: key?, max: max?, parallel, on_error, steps })))
}

/// A step inside an `each`. Looked at before it is read, so that nothing nests without end.
fn inner(value: Value<'_, '_>) -> Option<Step> {
    let table = value.clone().table()?;
    if table.has("each") {
        let help = "Walk the inner list with `map` or `filter`, or in a workflow of its own.";
        return table.bad("This `each` stands inside an `each`.", help);
    }
    step(value)
}

fn wait(value: Value<'_, '_>) -> Option<Until> {
    let mut table = value.table()?;
    let kinds = WAITS.into_iter().filter(|kind| table.has(kind)).count();
    if kinds != 1 {
        let help = "Write one of `for = \"2h\"`, `business = \"4h\"`, `until = \"<an instant>\"` and `event = { … }`.";
        WAITS.into_iter().chain(["match", "within"]).for_each(|key| table.know(key));
        let lacking: &[&str] = if kinds == 0 { &WAITS } else { &[] };
        table.lacks::<()>(lacking, "A `wait` waits for one thing.", help);
        table.done();
        return None;
    }
    let span = |value: Value<'_, '_>| value.spanned(period(bounds::WAIT));
    let until = if table.has("for") {
        Until::For(table.need("for", span)?)
    } else if table.has("business") {
        Until::Business(table.need("business", span)?)
    } else if table.has("until") {
        Until::At(table.need("until", expression)?)
    } else {
        let on = table.need("event", on);
        let equals = table.opt("match", expression);
        let within = table.need("within", span);
        Until::Event { on: on?, equals, within: within? }
    };
    table.done();
    Some(until)
}

/// An event of a connection, and the field that tells whose it is.
pub(super) fn on(value: Value<'_, '_>) -> Option<On> {
    let mut table = value.table()?;
    let connection = table.need("connection", name);
    let event = table.need("event", name);
    let key = table.need("key", name);
    table.done();
    Some(On { connection: connection?, event: event?, key: key? })
}

fn call(table: &mut Table<'_, '_>) -> Option<Action> {
    let operation = table.need("call", name);
    let with = table.opt("with", with).unwrap_or_default();
    let retry = table.opt("retry", |value| value.spanned(retry));
    let parked = table.opt("parked", name);
    let cache = table.opt("cache", |value| value.spanned(period(Period::seconds(1)..=Period::MOST)));
    Some(Action::Call { operation: operation?, with, retry, parked, cache })
}

fn ask(table: &mut Table<'_, '_>) -> Option<Action> {
    let connection = table.need("ask", name);
    let prompt = table.need("prompt", |value| value.spanned(prompt_path));
    let with = table.opt("with", with).unwrap_or_default();
    let sources = table.opt("sources", expression);
    let answer: Option<BTreeMap<Spanned<Name>, Spanned<Answer>>> = table.need("answer", |value| {
        let fields = value.table()?;
        if fields.is_empty() {
            let help = "Say what the model may answer: `answer.<name> = { … }`.";
            return fields.bad("The answer has no fields.", help);
        }
        Some(fields.entries(|value| value.spanned(answer)))
    });
    if let Some((name, _)) = answer.iter().flatten().find(|(name, _)| name.as_str() == "ended") {
        let help = "Call it otherwise: `ended` says how the `ask` ended.".to_owned();
        table.sink().refuse(Code::BadValue, &name.span, "No answer can be called `ended`.".to_owned(), Some(help));
    }
    let cites = answer.iter().flatten().find(|(_, answer)| matches!(answer.value, Answer::Citations { .. }));
    if let Some((name, _)) = cites.filter(|_| !table.has("sources")) {
        let message = format!("`{}` cites sources, and the model is given none.", name.value);
        let help = "Say with `sources` what may be cited.".to_owned();
        table.sink().refuse(Code::BadValue, &name.span, message, Some(help));
    }
    let limit = table.need("limit", limit);
    Some(Action::Ask { connection: connection?, prompt: prompt?, with, sources, answer: answer?, limit: limit? })
}

/// A prompt's path below the client's folder: `prompts/<name>.md`.
fn prompt_path(value: Value<'_, '_>) -> Option<String> {
    let text = value.text()?;
    if is_file_of(text, "prompts/") {
        Some(text.to_owned())
    } else {
        value.bad("is not a path like `prompts/intent.md`")
    }
}

fn limit(value: Value<'_, '_>) -> Option<AskLimit> {
    let mut table = value.table()?;
    let tokens = table.need("tokens", within(bounds::TOKENS));
    let tries = table.need("tries", within(bounds::TRIES));
    let spend = table.opt("spend", |value| value.spanned(spend));
    table.done();
    Some(AskLimit { tokens: tokens?, tries: tries?, spend })
}

fn spend(value: Value<'_, '_>) -> Option<Spend> {
    let mut table = value.table()?;
    let most = table.need("most", within(bounds::SPEND));
    let code = table.need("currency", currency);
    table.done();
    Some(Spend { most: most?, currency: code? })
}

fn answer(value: Value<'_, '_>) -> Option<Answer> {
    let mut table = value.table()?;
    let answer = match (table.has("one_of"), table.has("citations"), table.has("type")) {
        (true, false, false) => Answer::OneOf(table.need("one_of", |value| constants(value, bounds::CHOICES))?),
        (false, true, false) => Answer::Citations { most: table.need("citations", within(bounds::CITATIONS))? },
        (false, false, true) => typed_answer(&mut table)?,
        (one_of, citations, typed) => {
            ANSWERED.into_iter().chain(["between", "most_bytes"]).for_each(|key| table.know(key));
            let lacking: &[&str] = if one_of || citations || typed { &[] } else { &ANSWERED };
            let help = "Write one of them.";
            table.lacks::<()>(lacking, "An answer has one of `one_of`, `type` and `citations`.", help);
            table.done();
            return None;
        }
    };
    table.done();
    Some(answer)
}

fn typed_answer(table: &mut Table<'_, '_>) -> Option<Answer> {
    let kind = table.need("type", Some)?;
    match kind.text()? {
        "number" => {
            let (least, most) = table.need("between", bounds)?;
            Some(Answer::Number { least, most })
        }
        "boolean" => Some(Answer::Boolean {}),
        "text" => Some(Answer::Text { most_bytes: table.need("most_bytes", within(bounds::ANSWER_BYTES))? }),
        other => not_one_of(&kind, other, &ANSWERS),
    }
}

/// Two decimals, the lesser first.
fn bounds(value: Value<'_, '_>) -> Option<(String, String)> {
    let bounds: Option<Vec<String>> = value.items()?.map(decimal).collect();
    let number = |text: &str| text.parse::<f64>().ok();
    match bounds?.as_slice() {
        [least, most] if number(least) < number(most) => Some((least.clone(), most.clone())),
        _ => value.bad("is not a list of two decimals, the lesser first, like `[0, 1]`"),
    }
}

fn decide(value: Value<'_, '_>) -> Option<Action> {
    let mut table = value.table()?;
    let by = table.need("by", name);
    let show = table.list("show", |value| value.spanned(path));
    let edit = table.list("edit", |value| value.spanned(path));
    let within = table.need("within", |value| value.spanned(period(bounds::DECIDE)));
    let via_place = table.get("via");
    let via = table.list("via", |value| value.spanned(channel));
    if let Some(place) = via_place.filter(|place| matches!(place.inner, Written::Array(items) if items.is_empty())) {
        place.bad_with_help::<()>("is empty: nobody would be asked", "Write a channel, like `via = [\"cli\"]`.".into());
    }
    for (key, help) in [("show", "Say which values the person sees."), ("via", "Say how the person is asked.")] {
        if !table.has(key) {
            table.lacks::<()>(&[key], &format!("`{key}` is missing."), help);
        }
    }
    for channel in &via {
        let Channel::Helpdesk(note) = &channel.value else { continue };
        if !show.iter().any(|path| path.value == note.on) {
            let message = "The record that a note is written on is shown: this path is not in `show`.".to_owned();
            let help = format!("Add `{}` to `show`.", note.on.escape_debug());
            table.sink().refuse(Code::BadValue, &channel.span, message, Some(help));
        }
    }
    if let Some(hidden) = edit.iter().find(|path| !show.contains(path)) {
        let message = "What a person edits is shown first: this path is not in `show`.".to_owned();
        let help = format!("Add `{}` to `show`, or remove it here.", hidden.value.escape_debug());
        table.sink().refuse(Code::BadValue, &hidden.span, message, Some(help));
    }
    table.done();
    Some(Action::Decide { by: by?, show, edit, within: within?, via })
}

fn channel(value: Value<'_, '_>) -> Option<Channel> {
    if let Written::String(text) = value.inner {
        return match text.as_ref() {
            "page" => Some(Channel::Page),
            "cli" => Some(Channel::Cli),
            "slack" => value.bad("names no connection: write `{ slack = \"<connection>\" }`"),
            "helpdesk" => value
                .bad("names no connection: write `{ helpdesk = \"<connection>\", on = \"<a path that is shown>\" }`"),
            other => not_one_of(&value, other, &CHANNELS),
        };
    }
    let mut table = value.table()?;
    let slack = table.opt("slack", parsed).map(Channel::Slack);
    let helpdesk = table.opt("helpdesk", parsed);
    let on = if table.has("helpdesk") { table.need("on", path) } else { None };
    let helpdesk = helpdesk.zip(on).map(|(connection, on)| Channel::Helpdesk(Noted { connection, on }));
    if table.has("slack") == table.has("helpdesk") {
        let lacking: &[&str] = if table.has("slack") { &[] } else { &["slack", "helpdesk"] };
        let help = "Write one channel in each pair of braces.";
        table.lacks::<()>(lacking, "A channel is one of `slack` and `helpdesk`.", help);
    }
    table.done();
    slack.or(helpdesk)
}

/// Whether a table names a text of a file, or means to: what no record does by chance. A path that leads elsewhere is told by
/// itself.
fn is_text(table: &Members<'_>) -> bool {
    let file = table.get("text").and_then(|value| value.get_ref().as_str());
    let holes = table.get("holes").is_some_and(|holes| matches!(holes.get_ref(), Written::Table(_)));
    let is_path = |file: &str| {
        file.starts_with("texts/")
            || (Path::new(file).extension().is_some_and(|kind| kind == "md") && !file.contains(['$', ' ']))
    };
    file.is_some_and(|file| is_path(file) || holes)
}

fn text_use(value: Value<'_, '_>) -> Option<TextUse> {
    let mut table = value.table()?;
    let file = table.need("text", |value| value.spanned(text_path));
    let locale = table.opt("locale", expression);
    let holes = table.map("holes", |value| value.spanned(template));
    table.done();
    Some(TextUse { file: file?, locale, holes })
}

/// A text's path below the client's folder: `texts/<name>.md`.
fn text_path(value: Value<'_, '_>) -> Option<String> {
    let text = value.text()?;
    if is_file_of(text, "texts/") { Some(text.to_owned()) } else { value.bad("is not a path like `texts/thanks.md`") }
}

fn is_file_of(text: &str, folder: &str) -> bool {
    let stem = text.strip_prefix(folder).and_then(|rest| rest.strip_suffix(".md"));
    let plain = |s: &str| !s.is_empty() && !s.contains('/') && !s.starts_with('.') && !s.contains(char::is_control);
    stem.is_some_and(plain)
}

/// Arguments by name.
pub(super) fn with(value: Value<'_, '_>) -> Option<With> {
    Some(value.table()?.entries(|value| value.spanned(argument)))
}

fn argument(value: Value<'_, '_>) -> Option<Argument> {
    match value.inner {
        Written::Boolean(flag) => Some(Argument::Boolean(*flag)),
        Written::Integer(_) => integer(value).map(Argument::Integer),
        Written::String(_) => template(value).map(Argument::Template),
        Written::Array(_) => {
            let items: Option<Vec<_>> = value.items()?.map(|item| item.spanned(argument)).collect();
            items.map(Argument::List)
        }
        Written::Table(table) if is_text(table) => text_use(value).map(Argument::Text),
        Written::Table(_) => Some(Argument::Record(value.table()?.entries(|value| value.spanned(argument)))),
        Written::Float(_) | Written::Datetime(_) => value.mistyped("a text, an integer, `true` or `false`"),
    }
}
