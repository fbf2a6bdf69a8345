//! What is enforced at an operation: where it may lead and how much money may move. Decisions only: sums, dates and
//! endpoints come in as values.
//!
//! # Source
//! language.md section 5, "Sinks", "Guardrails", "Residency". Promises P05, P25.

use crate::client::{ConnectionFacts, Endpoint, Guardrail};
use crate::expr::Money;
use crate::id::{Environment, GroupId, OperationRef, Region};

/// Why an endpoint is not where a connection may lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misplaced {
    /// It is in another region than the client's connection.
    Region,
    /// Its host, with port and base path, is not the one that the client approves.
    Host,
    /// It is a sandbox in production, or real elsewhere.
    Sandbox,
    /// Its URL has no host, or no base path, that can be compared.
    Url,
}

/// Whether an endpoint is where the client's connection may lead.
///
/// The region of the connection itself is part of each data use, so another one than the client's needs an approval that
/// names it; here the endpoint only has to agree with it.
///
/// # Errors
/// `Misplaced` says why not.
pub fn placed(connection: &ConnectionFacts, endpoint: &Endpoint, environment: &Environment) -> Result<(), Misplaced> {
    let base = base_of(&endpoint.url).ok_or(Misplaced::Url)?;
    if endpoint.region != connection.region {
        return Err(Misplaced::Region);
    }
    if !environment.reaches(endpoint.sandbox) {
        return Err(Misplaced::Sandbox);
    }
    let tokens = endpoint.tokens.as_deref().map(|url| base_of(url).ok_or(Misplaced::Url)).transpose()?;
    let is_approved = if endpoint.sandbox {
        connection.sandbox_hosts.contains(base)
            && tokens.is_none_or(|tokens| connection.sandbox_token_hosts.contains(tokens))
    } else {
        connection.host == base && connection.token_host.as_deref() == tokens
    };
    if is_approved { Ok(()) } else { Err(Misplaced::Host) }
}

/// Whether a place is in the client's region: alert routes, telemetry and git remotes of a client have no approval.
pub fn at_home(client: &Region, place: &Region) -> bool {
    client == place
}

/// Where an endpoint's URL leads, as approvals name it: its host, with its port and its base path where they are written;
/// without scheme. Nothing when it has a user, a query, or a path that could be read as another one.
pub fn base_of(url: &str) -> Option<&str> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
    let (authority, path) = rest.split_once('/').map_or((rest, None), |(authority, path)| (authority, Some(path)));
    let walks = |segment: &str| matches!(segment, "" | "." | "..");
    let plain = !rest.contains(['@', '\\', ' ', '%', '?', '#']) && !path.is_some_and(|path| path.split('/').any(walks));
    let host = match authority.strip_prefix('[') {
        Some(v6) => authority.get(..v6.find(']')? + 2)?,
        None => authority.split(':').next()?,
    };
    (plain && !host.is_empty()).then_some(rest)
}

/// What is known of one call that a guardrail may bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attempt {
    /// The amount, when the operation has one.
    pub amount: Option<Money>,
    /// Whether an AI or anyone outside chose the amount, or that money moves.
    pub marked: bool,
    /// Whether a `decide` that dominates the step said yes to what is sent. It counts for the limit of one call alone.
    pub decided: bool,
    /// Whether the group of the guardrail said yes to this call. It counts for every limit.
    pub agreed: bool,
}

/// What was counted today, in the client's zone, before this call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Minor units in the guardrail's currency.
    pub amount: i64,
    /// Calls.
    pub count: u32,
    /// Calls for this customer.
    pub customer: u32,
    /// Minor units for this customer.
    pub customer_amount: i64,
    /// Calls of this workflow.
    pub workflow: u32,
    /// Minor units of this workflow.
    pub workflow_amount: i64,
}

/// What guardrails say of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may be made, and counts.
    Allowed,
    /// It may be made if this group says yes.
    Ask {
        /// Who is asked.
        group: GroupId,
        /// Which limit it is above.
        limit: Limit,
    },
    /// It may not be made, whoever says yes.
    Refused(Refused),
}

/// A limit of a guardrail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Limit {
    /// The currency is none that the client set a limit for.
    Currency,
    /// The amount up to which a model may decide.
    Model,
    /// The amount of one call.
    PerCall,
    /// The amount of a day.
    PerDay,
    /// The calls of a day.
    PerDayCount,
    /// The amount or the calls of a day for one customer.
    PerCustomer,
    /// The amount or the calls of a day of one workflow.
    PerWorkflow,
}

/// Why a call may not be made at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// A guardrail bounds money, and the call names no amount.
    NoAmount,
    /// The amount is zero or less: money would move the other way.
    NotPositive,
}

/// The guardrails of an operation that bound a call of this amount: those without a currency and those of its own.
pub fn bounding<'g>(
    guardrails: &'g [Guardrail],
    operation: &OperationRef,
    amount: Option<Money>,
) -> impl Iterator<Item = &'g Guardrail> {
    let operation = operation.clone();
    guardrails.iter().filter(move |guardrail| {
        let currency = guardrail.currency.as_deref();
        guardrail.operation == operation
            && currency.is_none_or(|currency| amount.is_some_and(|amount| amount.currency.as_str() == currency))
    })
}

/// What the guardrails of a client say of a call, whatever the plan says. `sums` gives what was counted for each.
pub fn judge(
    guardrails: &[Guardrail],
    operation: &OperationRef,
    attempt: &Attempt,
    sums: impl Fn(&Guardrail) -> Sums,
) -> Verdict {
    let mut of_money = guardrails.iter().filter(|g| g.operation == *operation && g.currency.is_some()).peekable();
    if let Some(first) = of_money.peek() {
        let Some(amount) = attempt.amount else { return Verdict::Refused(Refused::NoAmount) };
        if amount.minor <= 0 {
            return Verdict::Refused(Refused::NotPositive);
        }
        let group = first.by.clone();
        let known = of_money.any(|g| g.currency.as_deref() == Some(amount.currency.as_str()));
        if !known && !attempt.agreed {
            return Verdict::Ask { group, limit: Limit::Currency };
        }
    }
    for guardrail in bounding(guardrails, operation, attempt.amount) {
        let above = above(guardrail, attempt, &sums(guardrail));
        if let Some(limit) = above.filter(|_| !attempt.agreed) {
            return Verdict::Ask { group: guardrail.by.clone(), limit };
        }
    }
    Verdict::Allowed
}

/// The first limit of one guardrail that a call is above.
fn above(guardrail: &Guardrail, attempt: &Attempt, sums: &Sums) -> Option<Limit> {
    let minor = attempt.amount.map_or(0, |amount| amount.minor);
    let is_above = |most: Option<i64>, sum: i64| most.is_some_and(|most| sum > most);
    let counted = |count: u32| i64::from(count).saturating_add(1);
    // A sum of calls bounds no money, so nothing is said there of who chose it.
    let chosen = attempt.marked && !attempt.decided && guardrail.currency.is_some();
    if chosen && guardrail.model_up_to.is_none_or(|most| minor > most) {
        return Some(Limit::Model);
    }
    if is_above(guardrail.per_call, minor) && !attempt.decided {
        return Some(Limit::PerCall);
    }
    // A sum that cannot be counted is above every limit.
    let summed = |sum: i64| sum.checked_add(minor).unwrap_or(i64::MAX);
    if is_above(guardrail.per_day, summed(sums.amount)) {
        return Some(Limit::PerDay);
    }
    if is_above(guardrail.per_day_count.map(i64::from), counted(sums.count)) {
        return Some(Limit::PerDayCount);
    }
    if let Some(limit) = &guardrail.per_customer
        && (is_above(limit.per_day_count.map(i64::from), counted(sums.customer))
            || is_above(limit.per_day, summed(sums.customer_amount)))
    {
        return Some(Limit::PerCustomer);
    }
    let limit = guardrail.per_workflow.as_ref()?;
    let above = is_above(limit.per_day_count.map(i64::from), counted(sums.workflow))
        || is_above(limit.per_day, summed(sums.workflow_amount));
    above.then_some(Limit::PerWorkflow)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::Currency;

    fn environment(production: bool) -> Environment {
        if production { "production" } else { "test" }.parse().expect("an id")
    }

    fn money(minor: i64, currency: &str) -> Option<Money> {
        Money::new(minor, Currency::new(currency)?)
    }

    fn guardrails() -> Vec<Guardrail> {
        let one = |currency: &str, per_call: i64| {
            serde_json::from_value(serde_json::json!({
                "operation": "shop.refund", "currency": currency, "per_call": per_call, "per_day": 1000,
                "per_day_count": 3, "per_customer": {"param": "customer", "per_day_count": 1, "per_day": 250},
                "per_workflow": {"per_day_count": 2, "per_day": 500}, "by": "leads"
            }))
            .expect("a guardrail")
        };
        vec![one("EUR", 100), one("USD", 200)]
    }

    fn verdict(attempt: Attempt, sums: Sums) -> Verdict {
        judge(&guardrails(), &"shop.refund".parse().expect("an operation"), &attempt, |_| sums)
    }

    fn ask(limit: Limit) -> Verdict {
        Verdict::Ask { group: "leads".parse().expect("a group"), limit }
    }

    #[test]
    fn a_call_within_every_limit_is_allowed() {
        let attempt = Attempt { amount: money(100, "EUR"), ..Attempt::default() };
        assert_eq!(verdict(attempt, Sums { amount: 900, count: 2, ..Sums::default() }), Verdict::Allowed);
    }

    #[test]
    fn a_call_above_a_limit_is_asked_about() {
        let small = Attempt { amount: money(100, "EUR"), ..Attempt::default() };
        let large = Attempt { amount: money(101, "EUR"), ..Attempt::default() };
        assert_eq!(verdict(large, Sums::default()), ask(Limit::PerCall));
        assert_eq!(verdict(small, Sums { amount: 901, ..Sums::default() }), ask(Limit::PerDay));
        assert_eq!(verdict(small, Sums { amount: i64::MAX, ..Sums::default() }), ask(Limit::PerDay));
        assert_eq!(verdict(small, Sums { count: 3, ..Sums::default() }), ask(Limit::PerDayCount));
        assert_eq!(verdict(small, Sums { customer: 1, ..Sums::default() }), ask(Limit::PerCustomer));
        assert_eq!(verdict(small, Sums { customer_amount: 151, ..Sums::default() }), ask(Limit::PerCustomer));
        assert_eq!(verdict(small, Sums { workflow: 2, ..Sums::default() }), ask(Limit::PerWorkflow));
        assert_eq!(verdict(small, Sums { workflow_amount: 401, ..Sums::default() }), ask(Limit::PerWorkflow));
        let just = Sums { customer_amount: 150, workflow: 1, workflow_amount: 400, ..Sums::default() };
        assert_eq!(verdict(small, just), Verdict::Allowed);
    }

    #[test]
    fn a_decision_counts_for_one_call_and_an_agreement_for_all() {
        let decided = Attempt { amount: money(101, "EUR"), decided: true, ..Attempt::default() };
        assert_eq!(verdict(decided, Sums::default()), Verdict::Allowed);
        assert_eq!(verdict(decided, Sums { amount: 900, ..Sums::default() }), ask(Limit::PerDay));
        let agreed = Attempt { agreed: true, ..decided };
        assert_eq!(verdict(agreed, Sums { amount: 900, count: 3, customer: 1, ..Sums::default() }), Verdict::Allowed);
    }

    #[test]
    fn a_model_decides_up_to_what_the_client_says() {
        let small = Attempt { amount: money(50, "EUR"), marked: true, ..Attempt::default() };
        let mut guardrails = guardrails();
        let verdict = |guardrails: &[Guardrail], attempt: Attempt| {
            judge(guardrails, &"shop.refund".parse().expect("a name"), &attempt, |_| Sums::default())
        };
        assert_eq!(verdict(&guardrails, small), ask(Limit::Model));
        assert_eq!(verdict(&guardrails, Attempt { decided: true, ..small }), Verdict::Allowed);
        for guardrail in &mut guardrails {
            guardrail.model_up_to = Some(50);
        }
        assert_eq!(verdict(&guardrails, small), Verdict::Allowed);
        let large = Attempt { amount: money(51, "EUR"), ..small };
        assert_eq!(verdict(&guardrails, large), ask(Limit::Model));
        assert_eq!(verdict(&guardrails, Attempt { agreed: true, ..large }), Verdict::Allowed);
    }

    #[test]
    fn each_currency_has_its_own_limits_and_an_unknown_one_has_none() {
        let dollars = Attempt { amount: money(200, "USD"), ..Attempt::default() };
        assert_eq!(verdict(dollars, Sums::default()), Verdict::Allowed);
        let yen = Attempt { amount: money(1, "JPY"), decided: true, ..Attempt::default() };
        assert_eq!(verdict(yen, Sums::default()), ask(Limit::Currency));
    }

    #[test]
    fn money_never_moves_the_other_way() {
        for minor in [0, -1] {
            let attempt = Attempt { amount: money(minor, "EUR"), decided: true, agreed: true, marked: false };
            assert_eq!(verdict(attempt, Sums::default()), Verdict::Refused(Refused::NotPositive));
        }
        let none = Attempt { agreed: true, ..Attempt::default() };
        assert_eq!(verdict(none, Sums::default()), Verdict::Refused(Refused::NoAmount));
    }

    #[test]
    fn an_endpoint_leads_where_the_client_approved() {
        let connection: ConnectionFacts = serde_json::from_value(serde_json::json!({
            "to": {"integration": {"name": "shop"}}, "host": "shop.example.com/v1", "region": "eu",
            "sandbox_hosts": ["sandbox.example.com"], "auth": {"kind": "none"}, "slots": {}
        }))
        .expect("facts");
        let endpoint = |url: &str, region: &str, sandbox: bool| Endpoint {
            url: url.into(),
            tokens: None,
            region: region.parse().expect("a region"),
            sandbox,
        };
        let at = |url: &str, region: &str, sandbox: bool, production: bool| {
            placed(&connection, &endpoint(url, region, sandbox), &environment(production))
        };
        assert_eq!(at("https://shop.example.com/v1", "eu", false, true), Ok(()));
        assert_eq!(at("https://shop.example.com:8443/v1", "eu", false, true), Err(Misplaced::Host));
        assert_eq!(at("https://sandbox.example.com", "eu", true, false), Ok(()));
        assert_eq!(at("https://shop.example.com", "eu", false, true), Err(Misplaced::Host), "another path");
        assert_eq!(at("https://shop.example.com/v1/other", "eu", false, true), Err(Misplaced::Host));
        assert_eq!(at("https://shop.example.com/v1/../v2", "eu", false, true), Err(Misplaced::Url));
        assert_eq!(at("https://shop.example.com/v1?to=other", "eu", false, true), Err(Misplaced::Url));
        assert_eq!(at("https://shop.example.com/v1", "us", false, true), Err(Misplaced::Region));
        assert_eq!(at("https://shop.example.com.evil.example", "eu", false, true), Err(Misplaced::Host));
        assert_eq!(at("https://shop.example.com@evil.example", "eu", false, true), Err(Misplaced::Url));
        assert_eq!(at("https://sandbox.example.com", "eu", true, true), Err(Misplaced::Sandbox));
        assert_eq!(at("https://shop.example.com", "eu", false, false), Err(Misplaced::Sandbox));
        assert_eq!(at("https://shop.example.com", "eu", true, false), Err(Misplaced::Host));
        assert_eq!(base_of("http://[::1]:80/x"), Some("[::1]:80/x"));
        let given_at = |host: Option<&str>, url: Option<&str>| {
            let connection = ConnectionFacts { token_host: host.map(str::to_owned), ..connection.clone() };
            let leads = endpoint("https://shop.example.com/v1", "eu", false);
            placed(&connection, &Endpoint { tokens: url.map(str::to_owned), ..leads }, &environment(true))
        };
        assert_eq!(given_at(Some("login.example.com"), Some("https://login.example.com")), Ok(()));
        assert_eq!(given_at(Some("login.example.com"), Some("https://evil.example")), Err(Misplaced::Host));
        assert_eq!(given_at(Some("login.example.com"), None), Err(Misplaced::Host));
        assert_eq!(given_at(None, Some("https://login.example.com")), Err(Misplaced::Host));
        assert_eq!(given_at(Some("login.example.com"), Some("https://login.example.com?x=")), Err(Misplaced::Url));
        let sandbox = |hosts: &[&str], url: &str| {
            let hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
            let connection = ConnectionFacts { sandbox_token_hosts: hosts, ..connection.clone() };
            let leads = endpoint("https://sandbox.example.com", "eu", true);
            placed(&connection, &Endpoint { tokens: Some(url.to_owned()), ..leads }, &environment(false))
        };
        assert_eq!(sandbox(&["login.sandbox.example"], "https://login.sandbox.example"), Ok(()));
        assert_eq!(sandbox(&[], "https://login.sandbox.example"), Err(Misplaced::Host));
        for bad in
            ["ftp://x", "https://", "https:///v1", "https://a.example/", "https://a.example//b", "https://a@b.example"]
        {
            assert_eq!(base_of(bad), None, "{bad}");
        }
    }
}
