//! Reads `clients/<client>/client.toml`.

use std::collections::{BTreeMap, BTreeSet};

use assent_schema::client::{Calendar, ClientLimits, PerCustomer, PerWorkflow};
use assent_schema::id::{ClientId, IntegrationId, ProviderId, Region};
use assent_schema::plan::{Rate, Target, bounds};
use assent_schema::spec::{Client, Connection, Decider, Endpoint, Guardrail, ROTATE_MOST, Slot, Spanned};
use assent_schema::time::Period;

use super::holders::{freeze, holders};
use super::reader::{Table, Value};
use super::url::base_url;
use super::value::{boolean, currency, line, name, parsed, period, period_told, plain_line, within, word};

/// How long workflows run without a current freshness statement, unless the client says otherwise.
const STALE_LIMIT: Period = Period::hours(72);
/// The longest that a client may say: a withdrawal that cannot be delivered takes effect by then.
const STALE_MOST: Period = Period::days(7);
/// Runs of a client at once and waiting, unless it says otherwise.
const LIMITS: ClientLimits =
    ClientLimits { running: 64, waiting: 10_000, rate: None, memory_mib: None, disk_mib: None };

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// Reads a client.
pub(super) fn client(mut table: Table<'_, '_>, folder: &ClientId) -> Option<Client> {
    let id = table.need("name", |value| {
        let given = value.clone();
        let id: Spanned<ClientId> = name(value)?;
        if id.value == *folder { Some(id) } else { given.bad(&format!("is not the name of the folder, `{folder}`")) }
    });
    let summary = table.need("summary", line);
    let plan = table.need("plan", |value| value.spanned(word));
    let region = table.need("region", name);
    let zone = table.need("zone", |value| value.spanned(zone));
    let retention = table.need("retention", name);
    let stale_limit = table
        .opt("stale_limit", |value| value.spanned(period(Period::minutes(1)..=STALE_MOST)))
        .unwrap_or_else(|| Spanned::new(STALE_LIMIT, table.span()));
    let routes_at = table.place("routes");
    let routes = table.set("routes", name);
    let contacts = table.set("contacts", name);
    let mail = table.map("mail", parsed);
    let calendar = table.opt("calendar", |value| value.spanned(calendar));
    let limits = table.opt("limits", limits).unwrap_or(LIMITS);
    let people = table.map("people", decider);
    let groups = table.map("groups", group);
    let chat_up_to = table.opt("chat_up_to", chat_up_to).unwrap_or_default();
    let connections = table.map("connections", connection);
    let guardrails = table.list("guardrail", guardrail);
    let freeze = table.list("freeze", |value| value.spanned(freeze));
    let ledger = table.map("ledger", holders);
    table.done();
    let id = id?;
    let name_at = id.span.clone();
    Some(Client {
        name: id,
        summary: summary?,
        plan: plan?,
        region: region?,
        zone: zone?,
        retention: retention?,
        stale_limit,
        routes: Spanned::new(routes, routes_at.unwrap_or(name_at)),
        contacts,
        mail,
        calendar,
        limits,
        people,
        groups,
        chat_up_to,
        connections,
        guardrails,
        freeze,
        ledger,
    })
}

/// An IANA time zone of the bundled database.
pub(super) fn zone(value: Value<'_, '_>) -> Option<String> {
    let text = value.text()?;
    if jiff::tz::TimeZone::get(text).is_ok() {
        Some(text.to_owned())
    } else {
        value.bad("is not a time zone of the IANA database, like `Europe/Berlin`")
    }
}

fn calendar(value: Value<'_, '_>) -> Option<Calendar> {
    let mut table = value.table()?;
    let hours = table.need("hours", |value| {
        let mut days = value.table()?;
        let hours: BTreeMap<String, String> = (1..)
            .zip(DAYS)
            .filter_map(|(number, day): (u8, _)| Some((number.to_string(), days.opt(day, opening)?)))
            .collect();
        days.done();
        Some(hours)
    });
    let holidays = table.set("holidays", |value| value.spanned(day));
    table.done();
    Some(Calendar { hours: hours?, holidays: holidays.into_iter().map(|day| day.value).collect() })
}

/// Open hours of one day: `09:00-17:00`.
fn opening(value: Value<'_, '_>) -> Option<String> {
    let text = value.text()?;
    let minute = |text: &str| {
        let (hour, minute) = text.split_once(':')?;
        let number =
            |t: &str| if t.len() == 2 && t.bytes().all(|b| b.is_ascii_digit()) { t.parse::<u32>().ok() } else { None };
        let (hour, minute) = (number(hour)?, number(minute)?);
        let whole = minute < 60 && (hour < 24 || (hour == 24 && minute == 0));
        whole.then(|| hour.saturating_mul(60).saturating_add(minute))
    };
    let times = text.split_once('-').and_then(|(from, until)| Some((minute(from)?, minute(until)?)));
    match times {
        Some((from, until)) if from < until => Some(text.to_owned()),
        _ => value.bad("is not a stretch of one day like `09:00-17:00`"),
    }
}

/// A day: `2026-12-25`.
fn day(value: Value<'_, '_>) -> Option<String> {
    let text = value.text()?;
    let moment = format!("{text}T00:00:00Z").parse::<assent_schema::time::Moment>();
    if moment.is_ok() { Some(text.to_owned()) } else { value.bad("is not a day like `2026-12-25`") }
}

fn limits(value: Value<'_, '_>) -> Option<ClientLimits> {
    let mut table = value.table()?;
    let running = table.opt("running", within(1..=100_000)).unwrap_or(LIMITS.running);
    let waiting = table.opt("waiting", within(0..=10_000_000)).unwrap_or(LIMITS.waiting);
    let rate = table.opt("rate", rate);
    let memory_mib = table.opt("memory_mib", within(1..=65_536));
    let disk_mib = table.opt("disk_mib", within(1..=100_000_000));
    table.done();
    Some(ClientLimits { running, waiting, rate, memory_mib, disk_mib })
}

fn decider(value: Value<'_, '_>) -> Option<Decider> {
    let mut table = value.table()?;
    let keys = table.set("keys", |value| value.spanned(public_key));
    let accounts = table.map("accounts", |value| value.spanned(plain_line));
    if keys.is_empty() && accounts.is_empty() {
        let keys = ["keys", "accounts"];
        table.lacks::<()>(
            &keys,
            "This person has no key and no account.",
            "Add `keys` with an OpenSSH public key or a passkey.",
        );
    }
    table.done();
    Some(Decider { keys, accounts })
}

/// An OpenSSH public key, whose comment is for people and is not kept, or a passkey.
pub(super) fn public_key(value: Value<'_, '_>) -> Option<String> {
    let text = value.text()?;
    if text.starts_with("passkey ") {
        return match text.parse::<assent_schema::passkey::Passkey>() {
            Ok(passkey) => Some(passkey.to_string()),
            Err(why) => value.bad(&format!("has a key that {why}")),
        };
    }
    let key = ssh_key::PublicKey::from_openssh(text)
        .ok()
        .filter(|key| matches!(key.algorithm(), ssh_key::Algorithm::Ed25519 | ssh_key::Algorithm::SkEd25519));
    let plain = key.and_then(|key| ssh_key::PublicKey::from(key.key_data().clone()).to_openssh().ok());
    plain.or_else(|| {
        value.bad("has a key that is not an OpenSSH public key of type `ssh-ed25519` or `sk-ssh-ed25519@openssh.com`")
    })
}

fn group<T: Ord + std::str::FromStr<Err: std::fmt::Display>>(value: Value<'_, '_>) -> Option<BTreeSet<Spanned<T>>> {
    let mut people = BTreeSet::new();
    for item in value.items()? {
        let given = item.clone();
        if !people.insert(name(item)?) {
            given.sink.refuse(
                assent_schema::code::Code::DuplicateName,
                &given.span,
                format!("`{}` names this person twice.", value.key.escape_debug()),
                Some("Remove one of them.".into()),
            );
            return None;
        }
    }
    if people.is_empty() {
        return value
            .bad_with_help("has nobody in it", "Name at least one of those who stand under `people`.".to_owned());
    }
    Some(people)
}

fn chat_up_to(value: Value<'_, '_>) -> Option<BTreeMap<String, i64>> {
    let mut amounts = BTreeMap::new();
    for (code, amount) in value.table()?.entries::<Currency, _>(within(0..=assent_schema::canon::INTEGER_MOST)) {
        amounts.insert(code.value.0, amount);
    }
    Some(amounts)
}

/// A currency as a key.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Currency(String);

impl std::str::FromStr for Currency {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        assent_schema::shape::wrong_currency(text).map_or_else(|| Ok(Self(text.to_owned())), Err)
    }
}

fn connection(value: Value<'_, '_>) -> Option<Connection> {
    let mut table = value.table()?;
    let integration = table.opt("integration", name::<IntegrationId>);
    let provider = table.opt("provider", name::<ProviderId>);
    let both = "A connection leads to either an `integration` or a `provider`.";
    let to = match (integration, provider) {
        (Some(integration), None) => Some(integration.map(Target::Integration)),
        (None, Some(provider)) => Some(provider.map(Target::Provider)),
        (Some(_), Some(_)) => table.bad(both, "Remove one of them."),
        (None, None) if table.has("integration") || table.has("provider") => None,
        (None, None) => table.lacks(&["integration", "provider"], both, "Add one of them."),
    };
    let scopes = table.set("scopes", name);
    let private_addresses = table.opt("private_addresses", boolean).unwrap_or_default();
    let endpoints = table.map("endpoint", endpoint);
    let slots = table.map("slots", slot);
    let rate = table.opt("rate", rate);
    table.done();
    Some(Connection { to: to?, scopes, private_addresses, endpoint: endpoints, slots, rate })
}

/// Where a connection leads.
pub(super) fn endpoint(value: Value<'_, '_>) -> Option<Endpoint> {
    let mut table = value.table()?;
    let url = table.need("url", base_url);
    let tokens = table.opt("tokens", base_url);
    let region = table.need("region", name);
    let sandbox = sandbox(&mut table);
    table.done();
    Some(Endpoint { url: url?, tokens, region: region?, sandbox })
}

/// Whether it is a sandbox; where that is not said, at the table.
fn sandbox(table: &mut Table<'_, '_>) -> Spanned<bool> {
    let span = table.span();
    table.opt("sandbox", |value| value.spanned(boolean)).unwrap_or_else(|| Spanned::new(false, span))
}

/// Where an alert route leads in a region, by a URL of its own form.
pub(super) fn route_endpoint(
    url: fn(Value<'_, '_>) -> Option<Spanned<String>>,
    value: Value<'_, '_>,
    region: Spanned<Region>,
) -> Option<Endpoint> {
    let mut table = value.table()?;
    let url = table.need("url", url);
    let sandbox = sandbox(&mut table);
    table.done();
    Some(Endpoint { url: url?, tokens: None, region, sandbox })
}

fn slot(value: Value<'_, '_>) -> Option<Slot> {
    let mut table = value.table()?;
    let span = table.span();
    // Longer ones are `no-rotation`.
    let told = Period::days(1)..=ROTATE_MOST;
    let rotate = table.opt("rotate", |value| value.spanned(period_told(Period::days(1)..=Period::MOST, told)));
    table.done();
    Some(Slot { span, rotate })
}

/// Reads how many requests an API takes.
pub(super) fn rate(value: Value<'_, '_>) -> Option<Rate> {
    let mut table = value.table()?;
    let requests = table.need("requests", within(bounds::RATE));
    let per = table.need("per", period(bounds::RATE_PER));
    table.done();
    Some(Rate { requests: requests?, per: per? })
}

fn guardrail(value: Value<'_, '_>) -> Option<Guardrail> {
    let amount = within(0..=assent_schema::canon::INTEGER_MOST);
    let count = within(0..=1_000_000);
    let mut table = value.table()?;
    let operation = table.need("operation", name);
    let code = table.opt("currency", |value| value.spanned(currency));
    let per_call = table.opt("per_call", &amount);
    let per_day = table.opt("per_day", &amount);
    let per_day_count = table.opt("per_day_count", &count);
    let model_up_to = table.opt("model_up_to", &amount);
    let per_customer = table.opt("per_customer", |value| value.spanned(per_customer));
    let per_workflow = table.opt("per_workflow", |value| value.spanned(per_workflow));
    let by = table.need("by", name);
    let of_one = per_customer.as_ref().is_some_and(|limit| limit.per_day.is_some())
        || per_workflow.as_ref().is_some_and(|limit| limit.per_day.is_some());
    let amounts = of_one || ["per_call", "per_day", "model_up_to"].into_iter().any(|key| table.has(key));
    if code.is_none() && amounts && !table.has("currency") {
        let help = "Add `currency` with an ISO 4217 code like `EUR`.";
        table.lacks::<()>(&["currency"], "A limit on amounts has no currency.", help);
    }
    table.done();
    Some(Guardrail {
        operation: operation?,
        currency: code,
        per_call,
        per_day,
        per_day_count,
        model_up_to,
        per_customer,
        per_workflow,
        by: by?,
    })
}

fn per_customer(value: Value<'_, '_>) -> Option<PerCustomer> {
    let mut table = value.table()?;
    let param = table.need("param", parsed);
    let (per_day, per_day_count) = of_day(&mut table);
    table.done();
    Some(PerCustomer { param: param?, per_day, per_day_count })
}

fn per_workflow(value: Value<'_, '_>) -> Option<PerWorkflow> {
    let mut table = value.table()?;
    let (per_day, per_day_count) = of_day(&mut table);
    table.done();
    Some(PerWorkflow { per_day, per_day_count })
}

/// The sum and the calls of a day; at least one of them.
fn of_day(table: &mut Table<'_, '_>) -> (Option<i64>, Option<u32>) {
    let per_day = table.opt("per_day", within(0..=assent_schema::canon::INTEGER_MOST));
    let per_day_count = table.opt("per_day_count", within(0..=1_000_000));
    if !table.has("per_day") && !table.has("per_day_count") {
        let help = "Add `per_day_count`, the most calls of a day, or `per_day`, their sum.";
        table.lacks::<()>(&["per_day", "per_day_count"], "It limits nothing.", help);
    }
    (per_day, per_day_count)
}
