//! Values as they come and go: each shape in its own form, and nothing that was not declared.

use super::*;
use assent_schema::class::Class;
use assent_schema::expr::Money;
use assent_schema::shape::{Clock, MinorUnits, MoneyUnit};

fn field(at: &str, shape: Shape) -> Field {
    Field {
        at: at.to_owned(),
        shape,
        class: Class::Content,
        written_by: WrittenBy::Anyone,
        optional: false,
        prefix: None,
        empty: None,
        measure: false,
        category: None,
    }
}

fn fields(list: Vec<(&str, Field)>) -> BTreeMap<Name, Field> {
    list.into_iter().map(|(name, field)| (Name::new(name).unwrap(), field)).collect()
}

fn json(text: &str) -> Json {
    Json::parse(text.as_bytes()).ok().unwrap()
}

fn fits(text: &str, shape: &Shape) -> bool {
    read(&json(text), shape).is_some()
}

fn euros(unit: MoneyUnit) -> Shape {
    let currency = CurrencyWire::At("code".into());
    Shape::Money { wire: MoneyWire { value: "value".into(), currency, unit, minor_units: MinorUnits::default() } }
}

fn in_cents_of_euros() -> MoneyWire {
    let currency = CurrencyWire::Fixed("EUR".into());
    MoneyWire { value: String::new(), currency, unit: MoneyUnit::Minor, minor_units: MinorUnits::default() }
}

#[test]
fn only_declared_fields_are_taken() {
    let wanted = fields(vec![
        ("id", field("data.id", Shape::Token {})),
        ("note", Field { optional: true, ..field("note", Shape::Text { most_bytes: 3 }) }),
    ]);
    let taken = take(&json(r#"{"data":{"id":7,"secret":"x"},"note":null,"more":1}"#), &wanted, None).unwrap();
    assert_eq!(taken.len(), 1);
    assert!(taken.get("id") == Some(&Value::text("7")));
    let missing = take(&json(r#"{"data":{}}"#), &wanted, None).err();
    assert_eq!(missing, Some(BadField::of(&Name::new("id").unwrap())));
    let long = |note: Field| {
        let wanted = fields(vec![("id", field("data.id", Shape::Token {})), ("note", note)]);
        let taken = take(&json(r#"{"data":{"id":"a"},"note":"long"}"#), &wanted, None);
        taken.map(|taken| taken.len()).map_err(|bad| (bad.to_string(), bad.is_by_anyone()))
    };
    let note = field("note", Shape::Text { most_bytes: 3 });
    let misfit = |by_anyone| Err(("note".to_owned(), by_anyone));
    assert_eq!(long(Field { optional: true, ..by_system(note.clone()) }), misfit(false));
    assert_eq!(long(note.clone()), misfit(true), "it must be there");
    assert_eq!(long(Field { optional: true, ..note }), Ok(1), "nobody has to write it as we like");
    let order =
        Shape::Record { fields: fields(vec![("changed", field("at", Shape::Instant { wire: InstantWire::Iso }))]) };
    let list = Shape::List { most: 3, of: Box::new(field("", order)) };
    let within = take(&json(r#"{"list":[{"at":"soon"}]}"#), &fields(vec![("orders", field("list", list))]), None);
    assert_eq!(within.err().map(|bad| bad.to_string()), Some("orders.changed".to_owned()), "the item has no name");
}

fn by_system(field: Field) -> Field {
    Field { written_by: WrittenBy::System, ..field }
}

#[test]
fn who_may_have_written_what_does_not_fit_is_told_wherever_it_lies() {
    let of = |code: Field| {
        let record =
            Shape::Record { fields: fields(vec![("id", by_system(field("id", Shape::Token {}))), ("code", code)]) };
        let list = Shape::List { most: 2, of: Box::new(by_system(field("", record))) };
        fields(vec![("items", by_system(field("items", list)))])
    };
    let by_anyone =
        |text: &str, wanted: &BTreeMap<Name, Field>| take(&json(text), wanted, None).err().unwrap().is_by_anyone();
    let (anyone, system) = (of(field("code", Shape::Token {})), of(by_system(field("code", Shape::Token {}))));
    let odd = r#"{"items":[{"id":"1","code":"a"},{"id":"2","code":"my number is 1017"}]}"#;
    assert_eq!((by_anyone(odd, &anyone), by_anyone(odd, &system)), (true, false));
    for text in [r#"{"items":[{"id":"1"}]}"#, r#"{"items":[{"id":"a b","code":"a"}]}"#, r#"{"items":1}"#, "{}"] {
        assert!(!by_anyone(text, &anyone), "{text}");
    }
    let many = r#"{"items":[{"id":"1","code":"a"},{"id":"1","code":"a"},{"id":"1","code":"a"}]}"#;
    assert!(!by_anyone(many, &anyone), "how many there are is the system's");
}

#[test]
fn an_empty_text_is_nothing_where_the_catalog_says_so() {
    let shapes = [
        Shape::Token {},
        Shape::Uuid {},
        Shape::Integer {},
        Shape::Decimal {},
        Shape::Text { most_bytes: 9 },
        Shape::Instant { wire: InstantWire::Iso },
        Shape::one_of(vec!["open".into()]),
    ];
    for shape in shapes {
        let says = |empty, optional| {
            let wanted = fields(vec![("it", Field { optional, empty, ..by_system(field("it", shape.clone())) })]);
            take(&json(r#"{"it":""}"#), &wanted, None).map(|taken| taken.len())
        };
        assert_eq!(says(Some(Empty::Absent), true), Ok(0), "{}", shape.as_str());
        assert!(says(Some(Empty::Absent), false).is_err(), "it must be there");
        let is_text = matches!(shape, Shape::Text { .. });
        assert_eq!(says(None, true).is_ok(), is_text, "an empty text is a text, and no {}", shape.as_str());
        let anyones = fields(vec![("it", Field { optional: true, ..field("it", shape.clone()) })]);
        let taken = take(&json(r#"{"it":""}"#), &anyones, None).map(|taken| taken.len());
        assert_eq!(taken, Ok(usize::from(is_text)), "whoever left a form empty wrote it");
    }
}

#[test]
fn a_token_behind_its_prefix_is_taken_without_it() {
    let gid = Field { prefix: Some("gid://shopify/Order/".into()), ..field("id", Shape::Token {}) };
    let list = Shape::List { most: 9, of: Box::new(Field { at: String::new(), ..gid.clone() }) };
    let wanted = fields(vec![("id", gid), ("all", field("all", list))]);
    let of = |id: &str| take(&json(&format!(r#"{{"id":{id},"all":[{id}]}}"#)), &wanted, None);
    let taken = of(r#""gid://shopify/Order/450789469""#).unwrap();
    assert!(taken.get("id") == Some(&Value::text("450789469")));
    assert!(taken.get("all") == Some(&Value::List(vec![Value::text("450789469")])));
    for bad in [
        r#""gid://shopify/Order/""#,
        r#""gid://shopify/Product/1""#,
        r#""450789469""#,
        "450789469",
        r#""gid://shopify/Order/a/b""#,
    ] {
        assert!(of(bad).is_err(), "{bad}");
    }
}

#[test]
fn an_amount_without_its_number_is_absent_whatever_its_currency_says() {
    let beside = MoneyWire {
        value: "price".into(),
        currency: CurrencyWire::At("unit".into()),
        unit: MoneyUnit::Major,
        minor_units: MinorUnits::default(),
    };
    let wanted = |optional, empty| {
        let amount = field("", Shape::Money { wire: beside.clone() });
        fields(vec![("price", Field { optional, empty, ..amount })])
    };
    for text in [r#"{"price":null,"unit":"USD"}"#, r#"{"unit":"USD"}"#, "{}", r#"{"price":null,"unit":null}"#] {
        assert_eq!(take(&json(text), &wanted(true, None), None).map(|taken| taken.len()), Ok(0), "{text}");
        assert!(take(&json(text), &wanted(false, None), None).is_err(), "{text}");
    }
    let empty = r#"{"price":"","unit":"USD"}"#;
    assert!(take(&json(empty), &wanted(true, None), None).is_err());
    assert_eq!(take(&json(empty), &wanted(true, Some(Empty::Absent)), None).map(|taken| taken.len()), Ok(0));
    let no_currency = r#"{"price":"1.00","unit":null}"#;
    assert!(take(&json(no_currency), &wanted(true, None), None).is_err(), "nobody knows how much it is");
}

#[test]
fn fractions_of_numbers_that_are_instants_are_cut() {
    let second = |text: &str, wire| match read(&json(text), &Shape::Instant { wire }) {
        Some(Value::Instant(moment)) => Some(moment.seconds()),
        _ => None,
    };
    let exact = |text: &str, wire| instant::exactly(&json(text), &Shape::Instant { wire });
    for (text, wire, wanted, over) in [
        ("1772323200.375", InstantWire::Seconds, 1_772_323_200, Some("2026-03-01T00:00:00.375Z")),
        ("1772323200.9999999999", InstantWire::Seconds, 1_772_323_200, Some("2026-03-01T00:00:00.999999999Z")),
        ("1772323200.0", InstantWire::Seconds, 1_772_323_200, None),
        ("1.7723232e9", InstantWire::Seconds, 1_772_323_200, None),
        ("-0.5", InstantWire::Seconds, -1, Some("1969-12-31T23:59:59.5Z")),
        ("1772323200375", InstantWire::Milliseconds, 1_772_323_200, Some("2026-03-01T00:00:00.375Z")),
        ("1772323200375.25", InstantWire::Milliseconds, 1_772_323_200, Some("2026-03-01T00:00:00.37525Z")),
    ] {
        assert_eq!((second(text, wire.clone()), exact(text, wire).as_deref()), (Some(wanted), over), "{text}");
    }
    assert_eq!(second("99999999999999999999.5", InstantWire::Seconds), None);
}

#[test]
fn each_shape_takes_its_own_form_only() {
    let one_of = Shape::one_of(vec!["open".into(), "on hold".into()]);
    let numbered = Shape::OneOf { values: vec!["open".into(), "pending".into()], numbers: vec![2, 3] };
    assert!(read(&Json::Number("3".into()), &numbered) == Some(Value::text("pending")));
    assert!(write(&Value::text("pending"), &numbered) == Some(Json::Number("3".into())));
    assert!(write(&Value::text("solved"), &numbered).is_none());
    let iso = Shape::Instant { wire: InstantWire::Iso };
    let millis = Shape::Instant { wire: InstantWire::Milliseconds };
    let uuid = Shape::Uuid {};
    let by = |zone: &str| Clock::of(zone).unwrap();
    let day = Shape::Instant { wire: InstantWire::Date(by("Europe/Berlin")) };
    let local = Shape::Instant { wire: InstantWire::Local(by("UTC")) };
    let nobodys = Shape::Instant { wire: InstantWire::Date(Clock::Client) };
    let dotnet = Shape::Instant { wire: InstantWire::Dotnet };
    for (text, shape, wanted) in [
        ("3", &numbered, true),
        ("4", &numbered, false),
        (r#""3""#, &numbered, false),
        (r#""open""#, &numbered, false),
        (r#""a b""#, &Shape::Token {}, false),
        ("12", &Shape::Token {}, true),
        ("820982911946154508", &Shape::Token {}, true),
        ("1700000000", &Shape::Instant { wire: InstantWire::Seconds }, true),
        ("1700000000123", &Shape::Instant { wire: InstantWire::Seconds }, false),
        ("1700000000123", &Shape::Instant { wire: InstantWire::Milliseconds }, true),
        ("1.5", &Shape::Token {}, false),
        (r#""12""#, &Shape::Integer {}, false),
        ("9007199254740992", &Shape::Integer {}, false),
        ("-3", &Shape::Integer {}, true),
        ("1e2", &Shape::Decimal {}, true),
        (r#""0.50""#, &Shape::Decimal {}, true),
        (r#""x""#, &Shape::Decimal {}, false),
        ("1", &Shape::Boolean {}, false),
        ("false", &Shape::Boolean {}, true),
        (r#""open""#, &one_of, true),
        (r#""shut""#, &one_of, false),
        (r#""2026-03-02T10:00:00.5+01:00""#, &iso, true),
        (r#""yesterday""#, &iso, false),
        ("1", &iso, false),
        ("1772442000000", &millis, true),
        (r#""1772442000000""#, &millis, false),
        (r#""0f8fad5b-d9cb-469f-a165-70867728950e""#, &uuid, true),
        (r#""0F8FAD5B-D9CB-469F-A165-70867728950E""#, &uuid, true),
        (r#"{"value":19.99,"code":"eur"}"#, &euros(MoneyUnit::Major), true),
        (r#"{"value":"19.99","code":"EUR"}"#, &euros(MoneyUnit::Major), true),
        (r#"{"value":19.999,"code":"EUR"}"#, &euros(MoneyUnit::Major), false),
        (r#"{"value":1999}"#, &euros(MoneyUnit::Minor), false),
        (r#"{"value":1999,"code":"euro"}"#, &euros(MoneyUnit::Minor), false),
        // Nobody knows how many decimals these have.
        (r#"{"value":1999,"code":"ZZZ"}"#, &euros(MoneyUnit::Minor), false),
        (r#"{"value":"19.99","code":"XTS"}"#, &euros(MoneyUnit::Major), false),
        (r#"{"value":1999,"code":"BGN"}"#, &euros(MoneyUnit::Minor), true),
        (r#"{"value":19.99,"code":"EUR"}"#, &euros(MoneyUnit::MajorNumber), true),
        (r#""2026-05-10""#, &day, true),
        (r#""2026-05-10T00:00:00""#, &day, false),
        ("20260510", &day, false),
        (r#""2026-05-10T09:30:00""#, &local, true),
        (r#""2026-05-10T09:30:00Z""#, &local, false),
        (r#""2026-05-10""#, &local, false),
        (r#""2026-05-10""#, &nobodys, false),
        (r#""\/Date(1518685950940+0000)\/""#, &dotnet, true),
        (r#""/Date(1518685950940)/""#, &dotnet, true),
        (r#""/Date(99999999999999999999)/""#, &dotnet, false),
        (r#""2026-05-10T09:30:00Z""#, &dotnet, false),
        ("1518685950940", &dotnet, false),
        ("[]", &Shape::Text { most_bytes: 9 }, false),
    ] {
        assert_eq!(fits(text, shape), wanted, "{text} as {}", shape.as_str());
    }
}

#[test]
fn days_and_local_times_are_read_by_a_clock_and_written_by_it() {
    let berlin = || Clock::of("Europe/Berlin").unwrap();
    let day = Shape::Instant { wire: InstantWire::Date(berlin()) };
    let local = Shape::Instant { wire: InstantWire::Local(berlin()) };
    let moment = |text: &str| Value::Instant(text.parse().unwrap());
    for (text, shape, wanted) in [
        (r#""2026-05-10""#, &day, "2026-05-09T22:00:00Z"),
        (r#""2026-05-10T09:30:00""#, &local, "2026-05-10T07:30:00Z"),
        (r#""2026-05-10T09:30:00.75""#, &local, "2026-05-10T07:30:00Z"),
    ] {
        assert!(read(&json(text), shape) == Some(moment(wanted)), "{text}");
        assert!(read_text(text.trim_matches('"'), shape) == Some(moment(wanted)), "{text} in a header or form");
    }
    let written = |text: &str, shape: &Shape| scalar(&moment(text), shape).map(Scalar::into_text);
    assert_eq!(written("2026-05-09T23:10:00Z", &day).as_deref(), Some("2026-05-10"));
    assert_eq!(written("2026-05-09T23:10:00Z", &local).as_deref(), Some("2026-05-10T01:10:00"));
    assert_eq!(written("2026-05-09T23:10:00Z", &Shape::Instant { wire: InstantWire::Date(Clock::Client) }), None);
    // Xero's own example, with its milliseconds cut; an offset says nothing about when it was.
    let dotnet = Shape::Instant { wire: InstantWire::Dotnet };
    for text in ["/Date(1518685950940+0000)/", "/Date(1518685950940+1300)/", "/Date(1518685950940)/"] {
        assert!(read_text(text, &dotnet) == Some(moment("2018-02-15T09:12:30Z")), "{text}");
    }
    assert_eq!(written("2018-02-15T09:12:30Z", &dotnet).as_deref(), Some("/Date(1518685950000+0000)/"));
    // Changes within a second are told apart, however their time is written.
    let exactly = |wire: InstantWire, text: &str| {
        exact(&json(&format!(r#"{{"at":"{text}"}}"#)), &fields(vec![("at", field("at", Shape::Instant { wire }))]))
    };
    let iso = exactly(InstantWire::Iso, "2026-05-10T09:30:00.75Z");
    assert_eq!(exactly(InstantWire::Local(Clock::of("UTC").unwrap()), "2026-05-10T09:30:00.75"), iso);
    let since = iso["at"].parse::<jiff::Timestamp>().unwrap().as_millisecond();
    assert_eq!(exactly(InstantWire::Dotnet, &format!("/Date({since}+0200)/")), iso);
    assert_eq!(iso.len(), 1);
}

#[test]
fn lists_are_bounded_and_cut_only_when_read_in_pages() {
    let list = Shape::List { most: 2, of: Box::new(field("", Shape::Integer {})) };
    assert!(fits("[1,2]", &list) && !fits("[1,2,3]", &list) && !fits("[1,\"2\"]", &list) && !fits("[null]", &list));
    assert!(
        fit(&json("[1,2,3]"), &list, TooLong::Cut).ok()
            == Some(Value::List(vec![Value::Integer(1), Value::Integer(2)]))
    );
}

#[test]
fn exponents_are_written_out() {
    for (number, wanted) in [
        ("1e3", Some("1000")),
        ("1.5e3", Some("1500")),
        ("1.25e1", Some("12.5")),
        ("12e-1", Some("1.2")),
        ("1.5E-3", Some("0.0015")),
        ("-1e-2", Some("-0.01")),
        ("0e5", Some("0")),
        ("7", Some("7")),
        ("1e31", None),
        ("1e999999999999", None),
        ("1e-31", None),
    ] {
        assert_eq!(without_exponent(number).as_deref(), wanted, "{number}");
    }
}

#[test]
fn what_is_written_is_read_back() {
    let record = Shape::Record {
        fields: fields(vec![
            ("total", field("price", euros(MoneyUnit::Major))),
            (
                "tags",
                field("meta.tags", Shape::List { most: 3, of: Box::new(field("", Shape::Text { most_bytes: 10 })) }),
            ),
            ("at", field("meta.at", Shape::Instant { wire: InstantWire::Seconds })),
            ("rate", field("rate", Shape::Decimal {})),
        ]),
    };
    let text = r#"{"meta":{"at":1772442000,"tags":["a","\"b\n"]},"rate":0.25,"price":{"value":"19.90","code":"EUR"}}"#;
    let value = read(&json(text), &record).unwrap();
    let written = write(&value, &record).unwrap();
    assert!(read(&written, &record) == Some(value.clone()));
    assert_eq!(written.text_at("price.value"), Some("19.90"));
    assert_eq!(written.text_at("meta.tags.1"), Some("\"b\n"));
    let Value::Record(members) = &value else { panic!("a record") };
    let mut more = members.clone();
    more.insert(Name::new("stray").unwrap(), Value::Boolean(true));
    assert!(write(&Value::Record(more), &record).is_none(), "nothing undeclared leaves");
}

#[test]
fn an_amount_in_another_currency_does_not_fit() {
    let fixed = in_cents_of_euros();
    let yen = Currency::new("JPY").and_then(|yen| Money::new(5, yen)).map(Value::Money).unwrap();
    assert!(money(&yen, &fixed).is_none());
    assert!(write(&yen, &Shape::Money { wire: fixed }).is_none());
}

#[test]
fn what_a_person_writes_is_read_as_its_shape_says() {
    let read = |text: &str, shape: &Shape| said(text, shape);
    let fixed = in_cents_of_euros();
    let money = Currency::new("EUR").and_then(|euro| Money::new(4_900, euro)).map(Value::Money);
    for (text, shape, wanted) in [
        ("1007", Shape::Token {}, Some(Value::text("1007"))),
        ("two words", Shape::Token {}, None),
        ("1007", Shape::Integer {}, Some(Value::Integer(1007))),
        ("1007.5", Shape::Integer {}, None),
        ("true", Shape::Boolean {}, Some(Value::Boolean(true))),
        ("yes", Shape::Boolean {}, None),
        ("49.00 EUR", Shape::Money { wire: fixed.clone() }, money.clone()),
        ("49.00 EUR", euros(MoneyUnit::Minor), money),
        ("49.00 USD", Shape::Money { wire: fixed.clone() }, None),
        ("49", Shape::Money { wire: fixed }, None),
        ("late", Shape::OneOf { values: vec!["late".to_owned()], numbers: Vec::new() }, Some(Value::text("late"))),
        ("soon", Shape::OneOf { values: vec!["late".to_owned()], numbers: Vec::new() }, None),
    ] {
        assert!(read(text, &shape) == wanted, "{text} as {shape:?}");
    }
    let at = "2026-03-02T09:00:00Z";
    for wire in [InstantWire::Iso, InstantWire::Seconds, InstantWire::Milliseconds] {
        assert!(read(at, &Shape::Instant { wire }) == Some(Value::Instant(at.parse().unwrap())));
    }
}
