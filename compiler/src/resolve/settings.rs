//! Settings of a library workflow, put into its expressions and templates as constants.
//!
//! Works on text: a plan keeps expressions as text, and what is put in is a literal that cannot be anything else.

use std::collections::BTreeMap;
use std::ops::Range;

use assent_schema::id::Name;
use assent_schema::spec::{Literal, SettingType};

use super::paths::{holes, paths};

/// What `settings.<name>` stands for, by name; empty for a workflow of a client's own.
pub(super) type Settings = BTreeMap<Name, (SettingType, Literal)>;

/// A text in which settings stand as constants.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Put {
    pub(super) text: String,
    /// What was put in, in order.
    pub(super) moves: Vec<Move>,
}

/// One stretch of a text in whose place another stands now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Move {
    /// Where it stood, in bytes.
    from: Range<usize>,
    /// Where the other stands.
    to: Range<usize>,
}

/// A setting that the library workflow does not declare, and where it is read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unknown {
    pub(super) name: String,
    pub(super) range: Range<usize>,
}

impl Put {
    fn keep(&mut self, text: &str, range: Range<usize>) {
        self.text.push_str(text.get(range).unwrap_or_default());
    }

    fn put(&mut self, from: Range<usize>, literal: &str) {
        let start = self.text.len();
        self.text.push_str(literal);
        self.moves.push(Move { from, to: start..self.text.len() });
    }
}

/// Where a stretch of a text stood before settings were put in; what was put in stands for the whole `settings.<name>`.
pub(super) fn before(moves: &[Move], part: &Range<usize>) -> Range<usize> {
    let back = |at: usize, inside: fn(&Move) -> usize| {
        let last = moves.iter().rev().find(|moved| moved.to.start < at);
        match last {
            Some(moved) if at < moved.to.end => inside(moved),
            Some(moved) => at.saturating_sub(moved.to.end).saturating_add(moved.from.end),
            None => at,
        }
    };
    let start = moves.iter().find(|moved| moved.to.start == part.start).map(|moved| moved.from.start);
    start.unwrap_or_else(|| back(part.start, |moved| moved.from.start))..back(part.end, |moved| moved.from.end)
}

/// Puts settings into an expression.
///
/// # Errors
/// The first setting that the library workflow does not declare.
pub(super) fn expression(text: &str, settings: &Settings) -> Result<Put, Unknown> {
    let mut put = Put::default();
    let done = put_expression(&mut put, text, 0..text.len(), settings)?;
    put.keep(text, done..text.len());
    Ok(put)
}

/// Puts settings into the expression that is a part of a text; up to where that is done.
fn put_expression(put: &mut Put, text: &str, part: Range<usize>, settings: &Settings) -> Result<usize, Unknown> {
    let mut done = part.start;
    for path in paths(text.get(part.clone()).unwrap_or_default()).filter(|path| path.root == "settings") {
        let range = path.range.start.saturating_add(part.start)..path.range.end.saturating_add(part.start);
        let name = path.field.unwrap_or_default();
        let known = settings.get(name);
        let (kind, literal) = known.ok_or_else(|| Unknown { name: name.to_owned(), range: range.clone() })?;
        put.keep(text, done..range.start);
        put.put(range.clone(), &spelled(kind, literal));
        done = range.end;
    }
    Ok(done)
}

/// Puts settings into a template. A hole that is nothing but a text setting becomes that text.
///
/// # Errors
/// As [`expression`].
pub(super) fn template(text: &str, settings: &Settings) -> Result<Put, Unknown> {
    let mut put = Put::default();
    let mut done = 0;
    for hole in holes(text) {
        put.keep(text, done..hole.start);
        let inside = hole.start + 2..hole.end - 1;
        let inner = text.get(inside.clone()).unwrap_or_default();
        let whole = inner.trim().strip_prefix("settings.").and_then(|name| settings.get(name));
        done = if let Some((SettingType::Text | SettingType::Token | SettingType::OneOf(_), Literal::Text(value))) =
            whole
        {
            let literal = beside(value, &put.text);
            put.put(hole.clone(), &literal);
            hole.end
        } else {
            put.keep(text, hole.start..inside.start);
            put_expression(&mut put, text, inside, settings)?
        };
    }
    put.keep(text, done..text.len());
    Ok(put)
}

/// A text as a template spells it, behind what stands there. A dollar at its end, and a brace at its beginning behind a dollar,
/// stand in a hole of their own: with what is beside them they would be the sign of a hole, or hide one.
fn beside(value: &str, before: &str) -> String {
    let joins = before.ends_with('$') && (value.starts_with('{') || value.is_empty());
    if joins || value.ends_with('$') { format!("${{{}}}", quoted(value)) } else { value.replace("${", "$${") }
}

/// A constant as an expression spells it.
fn spelled(kind: &SettingType, literal: &Literal) -> String {
    match (kind, literal) {
        (SettingType::Period, Literal::Text(text)) => format!("duration({})", quoted(text)),
        (SettingType::Decimal, Literal::Text(text)) if text.contains('.') => format!("({text})"),
        (SettingType::Decimal, Literal::Text(text)) => format!("({text}.0)"),
        (_, Literal::Text(text)) => quoted(text),
        (_, Literal::Integer(number)) => format!("({number})"),
        (_, Literal::Boolean(flag)) => flag.to_string(),
    }
}

/// A text as a CEL string literal. Braces are escaped so that a template's hole still ends where it ended.
fn quoted(text: &str) -> String {
    let character = |c: char| match c {
        '\'' | '\\' => format!("\\{c}"),
        '\n' => "\\n".to_owned(),
        '{' | '}' | '$' => format!("\\u{:04x}", u32::from(c)),
        c if c.is_control() => format!("\\u{:04x}", u32::from(c)),
        c => c.to_string(),
    };
    format!("'{}'", text.chars().map(character).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        let one = |name: &str, kind, literal| (Name::new(name).expect("name"), (kind, literal));
        BTreeMap::from([
            one("days", SettingType::Period, Literal::Text("14d".into())),
            one("site", SettingType::Text, Literal::Text("https://x.example/${a}".into())),
            one("most", SettingType::Integer, Literal::Integer(-3)),
            one("odd", SettingType::Text, Literal::Text("it's } '".into())),
            one("symbol", SettingType::Text, Literal::Text("US$".into())),
        ])
    }

    #[test]
    fn settings_become_literals_and_texts_that_look_like_them_stay() {
        let put = |text: &str| expression(text, &settings()).expect("known").text;
        assert_eq!(put("now - settings.days > x.settings.days"), "now - duration('14d') > x.settings.days");
        assert_eq!(put("a == 'settings.days' && b > settings.most"), "a == 'settings.days' && b > (-3)");
        assert_eq!(put("settings.odd == a"), "'it\\'s \\u007d \\'' == a");
        let unknown = Unknown { name: "none".into(), range: 4..17 };
        assert_eq!(expression("a + settings.none", &settings()), Err(unknown));
    }

    #[test]
    fn a_hole_that_is_only_a_text_becomes_that_text() {
        let put = |text: &str| template(text, &settings()).expect("known").text;
        assert_eq!(put("${settings.site}/t/${trigger.id}"), "https://x.example/$${a}/t/${trigger.id}");
        assert_eq!(put("$${settings.site} ${settings.most}"), "$${settings.site} ${(-3)}");
        // The sign of a currency is none of a hole.
        assert_eq!(put("${settings.symbol}${a.b}"), "${'US\\u0024'}${a.b}");
        assert_eq!(put("${settings.symbol}{a.b}"), "${'US\\u0024'}{a.b}");
        let unknown = Unknown { name: "none".into(), range: 6..19 };
        assert_eq!(template("a ${1+settings.none}", &settings()), Err(unknown));
    }

    #[test]
    fn what_stands_beside_a_setting_is_found_where_it_stood() {
        let text = "one + settings.days + two + settings.most + three";
        let Put { text: put, moves } = expression(text, &settings()).expect("known");
        for (now, then) in [
            ("one", "one"),
            ("two", "two"),
            ("three", "three"),
            ("duration('14d')", "settings.days"),
            ("14d", "settings.days"),
            ("two + (-3) + three", "two + settings.most + three"),
            ("(-3)", "settings.most"),
        ] {
            let start = put.find(now).expect("there");
            let range = before(&moves, &(start..start + now.len()));
            assert_eq!(text.get(range), Some(then), "{now}");
        }
    }
}
