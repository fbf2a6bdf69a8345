//! Laws for any text and any tree.

use proptest::prelude::*;

use super::*;

/// Expressions of every kind, as text; most are well typed, all are well formed.
pub(super) fn expression() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("true".to_owned()),
        (0_i64..1000).prop_map(|n| n.to_string()),
        (-1000_i64..0).prop_map(|n| n.to_string()),
        "[0-9]{1,3}\\.[0-9]{1,3}".prop_filter_map("a number", |text| Decimal::parse(&text).map(|_| text)),
        "'[a-z }{$ü]{0,6}'",
        Just("'a\\'\\n\\\\\\u00e9'".to_owned()),
        prop_oneof![
            Just("ticket.id"),
            Just("ticket.body"),
            Just("ticket.count"),
            Just("ticket.score"),
            Just("ticket.total"),
            Just("ticket.parts"),
            Just("ticket.created"),
            Just("order.count"),
            Just("agree.approved"),
            Just("now"),
        ]
        .prop_map(str::to_owned),
    ];
    leaf.prop_recursive(5, 40, 3, |inner| {
        let operator =
            prop::sample::select(vec!["==", "!=", "<", "<=", ">", ">=", "in", "+", "-", "*", "/", "%", "&&", "||"]);
        prop_oneof![
            (inner.clone(), operator, inner.clone()).prop_map(|(a, o, b)| format!("({a}) {o} ({b})")),
            (inner.clone(), inner.clone(), inner.clone()).prop_map(|(a, b, c)| format!("({a} ? {b} : {c})")),
            inner.clone().prop_map(|a| format!("!({a})")),
            inner.clone().prop_map(|a| format!("-({a})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("[{a}, {b}]")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a})[{b}]")),
            (inner.clone(), prop::sample::select(vec!["size", "string", "trim", "round", "html", "int", "date"]))
                .prop_map(|(a, f)| format!("{f}({a})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}).contains({b})")),
            (inner, prop::sample::select(vec!["map", "filter", "exists", "all"]))
                .prop_map(|(a, f)| format!("({a}).{f}(p, p.id == 'p1')")),
        ]
    })
}

proptest! {
    #[test]
    fn any_text_parses_or_says_where_not(text in any::<String>()) {
        if let Err(error) = Program::parse(&text) {
            prop_assert!(error.span.start <= error.span.end && error.span.end <= text.len());
            prop_assert!(!error.to_string().is_empty());
        }
        drop(Template::parse(&text));
    }

    #[test]
    fn any_text_of_words_and_signs_parses_or_says_where_not(
        text in "([a-z.]{1,4}|[0-9]|[-+*/%!?:<>=&|,()\\[\\] '\"\\\\]){0,60}"
    ) {
        if let Ok(program) = Program::parse(&text) {
            let printed = program.to_string();
            prop_assert_eq!(Program::parse(&printed).expect("what is printed"), program);
        }
    }

    #[test]
    fn what_is_printed_reads_as_the_same_tree(text in expression()) {
        let program = Program::parse(&text).expect("an expression");
        let printed = program.to_string();
        prop_assert!(Program::parse(&printed).expect("what is printed") == program, "{} printed as {}", text, printed);
    }

    #[test]
    fn evaluating_ends_and_checked_expressions_keep_their_type(text in expression()) {
        let program = Program::parse(&text).expect("an expression");
        let value = eval(&program, &world());
        let Ok(kind) = check(&program, &env()) else { return Ok(()) };
        match value {
            Ok(value) => prop_assert!(is_of(&value, &kind), "{} is no {}", text, kind),
            Err(error) => prop_assert!(error.code != EvalCode::WrongType && error.code != EvalCode::Absent, "{}: {}", text, error),
        }
    }
}

fn is_of(value: &Value, kind: &Type) -> bool {
    match (value, kind) {
        (Value::Boolean(_), Type::Boolean)
        | (Value::Integer(_), Type::Integer)
        | (Value::Decimal(_), Type::Decimal)
        | (Value::Text(_), Type::Text)
        | (Value::Instant(_), Type::Instant)
        | (Value::Period(_), Type::Period)
        | (Value::Money(_), Type::Money) => true,
        (Value::Text(text), Type::Token) => crate::shape::is_token(text),
        (Value::Text(text), Type::OneOf(values)) => values.contains(text),
        (Value::List(items), Type::List(of)) => items.iter().all(|item| is_of(item, &of.kind)),
        (Value::Record(members), Type::Record(fields)) => fields
            .iter()
            .all(|(name, field)| members.get(name).map_or(field.optional, |value| is_of(value, &field.kind))),
        _ => false,
    }
}

#[test]
fn long_and_deep_texts_end_in_an_error() {
    let deep = [
        "(".repeat(2000),
        "!".repeat(4000),
        "-".repeat(4000),
        "[".repeat(2000),
        "a ? b : ".repeat(500),
        "size(".repeat(800),
        format!("{}1", "1+".repeat(2000)),
        format!("a{}", ".b".repeat(2000)),
        format!("a{}", "[0]".repeat(1300)),
    ];
    for text in deep {
        match Program::parse(&text) {
            Err(error) => assert!(!error.to_string().is_empty()),
            Ok(program) => drop((check(&program, &env()), eval(&program, &world()))),
        }
    }
    let flat = format!("{}ticket.open", "ticket.open && ".repeat(250));
    assert_eq!(result(&flat), "true");
}

#[test]
fn work_and_size_are_bounded() {
    let mut world = world();
    let items = (0..1000).map(Value::Integer).collect();
    world.names.insert(name("many"), Value::List(items));
    world.names.insert(name("long"), Value::text("x".repeat(RESULT_MOST_BYTES)));
    let code = |text: &str| eval(&Program::parse(text).expect(text), &world).map(|_| ()).map_err(|error| error.code);
    assert_eq!(code("many.all(a, many.all(b, a + b >= 0))"), Err(EvalCode::TooCostly));
    assert_eq!(code("many.map(a, long)"), Err(EvalCode::TooCostly));
    assert_eq!(code("long + 'x'"), Err(EvalCode::TooLarge));
    assert_eq!(code("many + many"), Err(EvalCode::TooLarge));
    assert_eq!(code("html(long)"), Err(EvalCode::TooLarge));
    assert_eq!(code("size(many)"), Ok(()));
}
