//! The language as its users see it, and laws that hold for any text.

use std::collections::BTreeMap;

use super::*;
use crate::class::{Class, Label, Marks};
use crate::id::{ConnectionId, Name};
use crate::shape::{Field, Shape};
use crate::time::{Moment, Period};

mod laws;
mod oracle;

pub(crate) struct World {
    pub(crate) names: BTreeMap<Name, Value>,
    pub(crate) zone: jiff::tz::TimeZone,
}

impl Scope for World {
    fn root(&self, name: &str) -> Option<&Value> {
        self.names.get(name)
    }
    fn now(&self) -> Moment {
        "2026-03-02T09:00:00Z".parse().expect("a moment")
    }
    fn zone(&self) -> &jiff::tz::TimeZone {
        &self.zone
    }
    fn business(&self, from: Moment, period: Period) -> Option<Moment> {
        Some(from.plus(period))
    }
    fn pseudonym(&self, value: &str) -> Option<String> {
        Some(format!("p_{}", value.len()))
    }
}

pub(crate) fn name(text: &str) -> Name {
    Name::new(text).expect("a name")
}

fn field(shape: &str, optional: bool) -> Field {
    let shape: Shape = serde_json::from_str(shape).expect("a shape");
    let class = if shape.fits_reference() { Class::Reference } else { Class::Content };
    let json =
        serde_json::json!({"at": "", "shape": shape, "class": class, "written_by": "anyone", "optional": optional});
    serde_json::from_value(json).expect("a field")
}

/// A ticket as a helpdesk sends it, a step `order` that may not have run, and a `decide` called `agree`.
pub(crate) fn env() -> Env {
    let parts = r#"{"type":"list","most":50,"of":{"at":"","shape":{"type":"record","fields":{
        "id":{"at":"id","shape":{"type":"token"},"class":"reference","written_by":"system"},
        "body":{"at":"body","shape":{"type":"text","most_bytes":100},"class":"content","written_by":"anyone"}}},
        "class":"content","written_by":"anyone"}}"#;
    let fields = BTreeMap::from([
        (name("id"), field(r#"{"type":"token"}"#, false)),
        (name("body"), field(r#"{"type":"text","most_bytes":1000}"#, false)),
        (name("count"), field(r#"{"type":"integer"}"#, false)),
        (name("score"), field(r#"{"type":"decimal"}"#, false)),
        (name("open"), field(r#"{"type":"boolean"}"#, false)),
        (name("created"), field(r#"{"type":"instant","wire":"iso"}"#, false)),
        (
            name("total"),
            field(r#"{"type":"money","wire":{"value":"","currency":{"fixed":"EUR"},"unit":"minor"}}"#, false),
        ),
        (name("state"), field(r#"{"type":"one_of","values":["new","open","closed"]}"#, false)),
        (name("phone"), field(r#"{"type":"text","most_bytes":40}"#, true)),
        (name("parts"), field(parts, false)),
    ]);
    let origin = Origin::Connection(ConnectionId::new("helpdesk").expect("an id"));
    let ticket = Known::record(&fields, "ticket", &origin);
    let order = Known { optional: true, ..ticket.clone() };
    let approved = Known::new(Type::Boolean, Label::new(Class::Reference, Marks::NONE));
    let agree = Known::new(Type::Record(BTreeMap::from([(name("approved"), approved)]).into()), Label::CONSTANT);
    let ran = Facts { present: ["order".to_owned()].into(), ..Facts::default() };
    Env {
        names: [(name("ticket"), ticket), (name("order"), order), (name("agree"), agree)].into(),
        facts: Facts::default(),
        implied: [(name("agree"), ran)].into(),
        decides: [name("agree")].into(),
        ..Env::default()
    }
}

pub(crate) fn world() -> World {
    let euro = Currency::new("EUR").and_then(|currency| Money::new(1234, currency)).expect("an amount");
    let part =
        |id: &str, body: &str| Value::Record([(name("id"), Value::text(id)), (name("body"), Value::text(body))].into());
    let ticket = Value::Record(
        [
            (name("id"), Value::text("T-1")),
            (name("body"), Value::text("Where is <my> order?")),
            (name("count"), Value::Integer(3)),
            (name("score"), Value::Decimal(Decimal::parse("0.85").expect("a decimal"))),
            (name("open"), Value::Boolean(true)),
            (name("created"), Value::Instant("2026-02-28T23:30:00Z".parse().expect("a moment"))),
            (name("total"), Value::Money(euro)),
            (name("state"), Value::text("open")),
            (name("parts"), Value::List(vec![part("p1", "hello"), part("p2", "world")])),
        ]
        .into(),
    );
    let agree = Value::Record([(name("approved"), Value::Boolean(false))].into());
    World {
        names: [(name("ticket"), ticket), (name("agree"), agree)].into(),
        zone: jiff::tz::TimeZone::get("Europe/Berlin").expect("a zone"),
    }
}

/// The value of a checked expression, as an expression that writes it out.
fn result(text: &str) -> String {
    let program = Program::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    check(&program, &env()).unwrap_or_else(|error| panic!("{text}: {error} at {:?}", error.span));
    match eval(&program, &world()) {
        Ok(value) => shown(&value),
        Err(error) => error.to_string(),
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::List(items) => format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(", ")),
        Value::Record(fields) => {
            fields.iter().map(|(name, value)| format!("{name}={}", shown(value))).collect::<Vec<_>>().join(" ")
        }
        Value::Absent => "absent".into(),
        scalar => eval::scalar(scalar).expect("a scalar").into_owned(),
    }
}

/// The code and place of what is wrong with an expression.
fn wrong(text: &str) -> (ExprErrorKind, String) {
    let checked = Program::parse(text).and_then(|program| check(&program, &env()));
    let error = checked.expect_err(text);
    (error.kind, text.get(error.span).filter(|part| !part.is_empty()).unwrap_or("<end>").to_owned())
}

#[test]
fn expressions_have_values() {
    for (text, wanted) in [
        ("ticket.state == 'open' && ticket.score >= 0.8", "true"),
        ("ticket.count + 2 * 3 - 4 / 2 % 3", "7"),
        ("-ticket.count", "-3"),
        ("1 + 2 == 3 ? 'yes' : 'no'", "yes"),
        ("ticket.total + ticket.total * 2", "37.02 EUR"),
        ("ticket.total > money(1000, 'EUR')", "true"),
        ("minor(ticket.total)", "1234"),
        ("ticket.parts.map(p, p.id).join('+')", "p1+p2"),
        ("ticket.parts.filter(p, p.body.contains('wor'))[0].id", "p2"),
        ("ticket.parts.exists(p, p.id == 'p3')", "false"),
        ("ticket.parts.all(p, size(p.id) == 2)", "true"),
        ("size(ticket.parts)", "2"),
        ("'a' in ['b', 'a']", "true"),
        ("'a-b-c'.split('-')", "[a, b, c]"),
        ("' x '.trim() + 'y'.upperAscii() + string(4)", "xY4"),
        ("'äöü'.truncate(2)", "äö"),
        ("int('42') + int(2.0)", "44"),
        ("decimal('0.10') + 0.2", "0.3"),
        ("round(2.5) + min(4, 3) + max(1, 2)", "8"),
        ("has(ticket.phone)", "false"),
        ("has(order) && order.count > 2", "false"),
        ("agree.approved", "false"),
        ("html(ticket.body)", "Where is &lt;my&gt; order?"),
        ("now - ticket.created > duration('1d')", "true"),
        ("seconds(now - ticket.created)", "120600"),
        ("date(ticket.created)", "2026-03-01"),
        ("[year(now), month(now), day(now), weekday(now), hour(now), minute(now)]", "[2026, 3, 2, 1, 10, 0]"),
        ("business(now, duration('1h'))", "2026-03-02T10:00:00Z"),
        ("pseudonymise('ab c')", "p_4"),
        ("pseudonymise(12)", "p_2"),
        ("timestamp('2026-03-02T09:00:00Z') == now", "true"),
        ("one_of(ticket.body, ['yes', 'no', 'other'])", "other"),
        ("bucket(ticket.score, [0.5, 0.8, 1.0])", "from_0.8"),
        ("bucket(ticket.count, [10, 100])", "below_10"),
    ] {
        assert_eq!(result(text), wanted, "{text}");
    }
}

#[test]
fn what_fails_says_only_where() {
    for (text, wanted) in [
        ("ticket.count / (ticket.count - ticket.count)", "division_by_zero at 0..44"),
        ("9007199254740991 + ticket.count", "out_of_range at 0..31"),
        ("int(ticket.body)", "not_convertible at 0..16"),
        ("token(ticket.body)", "not_convertible at 0..18"),
        ("ticket.total + money(1, 'JPY')", "other_currency at 0..30"),
        ("ticket.parts[9].id", "out_of_range at 0..15"),
    ] {
        assert_eq!(result(text), wanted, "{text}");
    }
}

#[test]
fn what_is_wrong_is_found_before_it_runs() {
    use ExprErrorKind as Kind;
    let mismatch = |wanted: &str, found: &str| Kind::Mismatch { wanted: wanted.into(), found: found.into() };
    let unknown = |name: &str, nearest: Option<&str>| Kind::UnknownName {
        known: Vec::new(),
        name: name.into(),
        nearest: nearest.map(str::to_owned),
    };
    let never = |constant: &str, nearest: Option<&str>| Kind::NeverEqual {
        constant: constant.into(),
        nearest: nearest.map(str::to_owned),
    };
    for (text, kind, place) in [
        ("tickets.id", unknown("tickets", Some("ticket")), "tickets.id"),
        ("ticket.boddy", unknown("boddy", Some("body")), "ticket.boddy"),
        ("ticket.state == 'opne'", never("opne", Some("open")), "'opne'"),
        ("ticket.state in ['open', 'gone']", never("gone", None), "'gone'"),
        ("!ticket.count", mismatch("true or false", "an integer"), "ticket.count"),
        ("ticket.parts.id", mismatch("a record", "a list"), "ticket.parts.id"),
        ("ticket.phone", Kind::MayBeAbsent { path: "ticket.phone".into() }, "ticket.phone"),
        ("order.count > 1", Kind::MayBeAbsent { path: "order".into() }, "order.count"),
        ("has(order) || order.count > 1", Kind::MayBeAbsent { path: "order".into() }, "order.count"),
        ("!agree.approved && order.count > 1", Kind::MayBeAbsent { path: "order".into() }, "order.count"),
        ("has(agree) && order.count > 1", Kind::MayBeAbsent { path: "order".into() }, "order.count"),
        ("ticket.opne.x", unknown("opne", Some("open")), "ticket.opne.x"),
        (
            "ticket.nope.x",
            Kind::UnknownName {
                name: "nope".into(),
                nearest: None,
                known: ["body", "count", "created", "id", "open", "parts", "phone", "score", "state", "total"]
                    .map(str::to_owned)
                    .into(),
            },
            "ticket.nope.x",
        ),
        ("matches('a', 'a')", Kind::UnknownFunction { name: "matches".into(), nearest: None }, "matches"),
        (
            "'a'.startWith('b')",
            Kind::UnknownFunction { name: "startWith".into(), nearest: Some("startsWith") },
            "startWith",
        ),
        ("size()", Kind::Arguments { function: "size", usage: "size(text or list)" }, "size()"),
        ("size(1)", Kind::NotTaken { usage: "size(text or list)", found: "an integer".into(), takes: None }, "size(1)"),
        (
            "min(1, 2.0)",
            Kind::NotTaken {
                usage: "min(a, b)",
                found: "an integer and a decimal".into(),
                takes: Some("two integers, two decimals, two amounts, two instants or two periods"),
            },
            "min(1, 2.0)",
        ),
        ("1 +", Kind::Expected("a value, a name or a function"), "<end>"),
        ("(1", Kind::Expected("`)`"), "<end>"),
        ("1 2", Kind::Expected("an operator or the end"), "2"),
        ("'a", Kind::OpenString, "'a"),
        ("'\\x'", Kind::BadEscape, "\\"),
        ("1e3", Kind::BadNumber, "1e3"),
        ("0x1f", Kind::BadNumber, "0x1f"),
        ("01", Kind::BadNumber, "01"),
        ("null", Kind::Reserved("null".into()), "null"),
        ("a = b", Kind::Unexpected, "="),
        (
            "1 == 'a'",
            Kind::Operands { operator: "==", left: "an integer".into(), right: "the text `a`".into() },
            "1 == 'a'",
        ),
    ] {
        let found = wrong(text);
        assert_eq!(found, (kind, place.to_owned()), "{text}");
    }
    assert!(matches!(wrong("1\u{7}+ 1").0, Kind::ControlCharacter));
    assert!(matches!(wrong("'a\tb' == 'c'").0, Kind::ControlCharacter));
    assert!(matches!(wrong("1 // one").0, Kind::Comment));
    // White space between words is any.
    assert!(check(&Program::parse("\n1\n\t== 1").expect("an expression"), &env()).is_ok());
    assert!(matches!(wrong(&"1+".repeat(3000)).0, Kind::TooLong));
}

#[test]
fn guards_make_reading_safe() {
    for text in [
        "has(order) && order.count > 1",
        "has(order.id) && order.count > 1",
        "!has(order) || order.count > 1",
        "has(order) ? order.count > 1 : false",
        "agree.approved && order.count > 1",
        "has(ticket.phone) && ticket.phone != ''",
        "(has(order) && ticket.open) && order.count > 1",
        "!(!has(order) || ticket.open) && order.count > 1",
    ] {
        let program = Program::parse(text).expect(text);
        assert_eq!(check(&program, &env()), Ok(Type::Boolean), "{text}");
    }
}

#[test]
fn templates_keep_types_and_escape() {
    let kind = |text: &str, format| Template::parse(text).and_then(|template| template.check(&env(), format));
    assert_eq!(kind("${ticket.total}", None), Ok(Type::Money));
    assert_eq!(kind("Order ${ticket.id}", None), Ok(Type::Text));
    assert!(matches!(kind("x ${ticket.parts}", None).expect_err("a list").kind, ExprErrorKind::NotScalar { .. }));
    let open = kind("x ${ticket.id", None).expect_err("open");
    assert_eq!((open.kind, open.span), (ExprErrorKind::OpenHole, 2..4));
    let html = Some(crate::plan::TextFormat::Html);
    let bare = kind("<b>${ticket.body}</b>", html).expect_err("unescaped");
    assert_eq!((bare.kind, bare.span), (ExprErrorKind::Unescaped(crate::plan::TextFormat::Html), 5..16));
    assert!(kind("<b>${markdown(ticket.body)}</b>", html).is_err());
    assert!(kind("<b>${html(ticket.body)} ${ticket.count} ${ticket.id}</b>", html).is_ok());
    assert!(kind("${html(ticket.body) + ticket.body}", html).is_err());
    for kept in [
        "${ticket.open ? html(ticket.body) : '<br>'}",
        "${'<b>' + html(ticket.body) + '</b>'}",
        "${ticket.parts.map(part, '<li>' + html(part.body) + '</li>').join('\\n')}",
        "${['<b>', html(ticket.body)].join('')}",
        "${has(ticket.phone) ? html(ticket.phone) : ''} ${ticket.open ? string(ticket.count) : ticket.id}",
    ] {
        assert_eq!(kind(kept, html), Ok(Type::Text), "{kept}");
    }
    for bare in [
        "${ticket.open ? html(ticket.body) : ticket.body}",
        "${ticket.open ? html(ticket.body) : url(ticket.body)}",
        "${ticket.parts.map(part, part.body).join(html(ticket.body))}",
        "${ticket.parts.map(part, html(part.body)).join(ticket.body)}",
        "${[html(ticket.body), ticket.body].join('')}",
        "${html(ticket.body).trim()}",
        "${ticket.body.truncate(3)}",
    ] {
        assert!(matches!(kind(bare, html).expect_err(bare).kind, ExprErrorKind::Unescaped(_)), "{bare}");
    }
    let misspelt = kind("Order ${tickets.id}", None).expect_err("unknown");
    assert_eq!(misspelt.span, 8..18);

    let made = |text: &str| Template::parse(text).expect(text).eval(&world()).map(|value| shown(&value));
    assert_eq!(made("Order ${ticket.id}: ${ticket.total}"), Ok("Order T-1: 12.34 EUR".into()));
    assert_eq!(made("costs $5, $${not} $"), Ok("costs $5, ${not} $".into()));
    assert_eq!(made("${'}' + \"{\"}"), Ok("}{".into()));
    assert_eq!(made(""), Ok(String::new()));
    assert_eq!(made("x ${order.id}").expect_err("absent").span, 4..12);
}

#[test]
fn settings_become_constants() {
    let settings: BTreeMap<Name, Constant> = [
        (name("lookback"), Constant::Period("14d".parse().expect("a period"))),
        (name("greeting"), Constant::Text("it's ${me}".into())),
        (name("least"), Constant::Decimal(Decimal::parse("1").expect("a decimal"))),
    ]
    .into();
    let lowered = |text: &str| Program::parse(text).expect(text).with_constants("settings", &settings);
    let text = lowered("now - settings.lookback < ticket.created && ticket.score > settings.least").expect("settings");
    assert_eq!(text.to_string(), "now - duration('14d') < ticket.created && ticket.score > 1.0");
    assert!(lowered("settings.lookbak == settings.least").is_err());
    let template = Template::parse("$${x} ${settings.greeting}!").expect("a template");
    let text = template.with_constants("settings", &settings).expect("settings");
    let made = Template::parse(&text).expect("a template").eval(&world()).map(|value| shown(&value));
    assert_eq!(made, Ok("${x} it's ${me}!".into()));
}

#[test]
fn reads_are_found_with_their_guards() {
    let program = Program::parse("has(order) && ticket.parts.exists(p, p.id == ticket.id)").expect("an expression");
    let found: Vec<String> =
        reads(&program).iter().map(|read| format!("{}{}", read.path, if read.has { "?" } else { "" })).collect();
    assert_eq!(found, ["order?", "ticket.id", "ticket.parts"]);
}

/// Steps that name a list twice double it, one after the other: what is copied into a list is paid for.
#[test]
fn a_list_of_lists_is_paid_for_by_all_that_is_in_it() {
    let mut world = world();
    let long = Value::List(vec![Value::Integer(1); 1_000]);
    let Some(Value::Record(ticket)) = world.names.get_mut("ticket") else { panic!("a ticket") };
    ticket.insert(name("parts"), Value::List(vec![long; 50]));
    let of = |times: usize| {
        let text = format!("[{}]", vec!["ticket.parts"; times].join(", "));
        eval(&Program::parse(&text).expect("an expression"), &world).map_err(|error| error.code)
    };
    assert!(of(2).is_ok());
    assert_eq!(of(8).err(), Some(EvalCode::TooCostly));
}

#[test]
fn the_room_of_a_value_is_that_of_all_that_is_in_it() {
    let list = Value::List(vec![Value::text("x".repeat(100)); 10]);
    let record = Value::Record([(name("a"), list)].into());
    assert!(record.is_within(10_000) && !record.is_within(1_000) && !record.is_within(0));
}
