//! Settings of a library workflow, put into its expressions and templates as constants.
//!
//! Works on text: a plan keeps expressions as text, and what is put in is a literal that cannot be anything else.

use std::collections::BTreeMap;

use assent_schema::id::Name;
use assent_schema::spec::{Literal, SettingType};

use super::paths::{holes, paths};

/// What `settings.<name>` stands for, by name; empty for a workflow of a client's own.
pub(super) type Settings = BTreeMap<Name, (SettingType, Literal)>;

/// Puts settings into an expression.
///
/// # Errors
/// The name of a setting that the library workflow does not declare.
pub(super) fn expression(text: &str, settings: &Settings) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for path in paths(text).filter(|path| path.root == "settings") {
        let name = path.field.unwrap_or_default();
        let (kind, literal) = settings.get(name).ok_or_else(|| name.to_owned())?;
        out.push_str(text.get(done..path.range.start).unwrap_or_default());
        out.push_str(&spelled(kind, literal));
        done = path.range.end;
    }
    out.push_str(text.get(done..).unwrap_or_default());
    Ok(out)
}

/// Puts settings into a template. A hole that is nothing but a text setting becomes that text.
///
/// # Errors
/// As [`expression`].
pub(super) fn template(text: &str, settings: &Settings) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for hole in holes(text) {
        out.push_str(text.get(done..hole.start).unwrap_or_default());
        let inner = text.get(hole.start + 2..hole.end - 1).unwrap_or_default();
        let whole = inner.trim().strip_prefix("settings.").and_then(|name| settings.get(name));
        if let Some((SettingType::Text | SettingType::Token | SettingType::OneOf(_), Literal::Text(value))) = whole {
            out.push_str(&value.replace("${", "$${"));
        } else {
            out.push_str("${");
            out.push_str(&expression(inner, settings)?);
            out.push('}');
        }
        done = hole.end;
    }
    out.push_str(text.get(done..).unwrap_or_default());
    Ok(out)
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
        ])
    }

    #[test]
    fn settings_become_literals_and_texts_that_look_like_them_stay() {
        let put = |text: &str| expression(text, &settings()).expect("known");
        assert_eq!(put("now - settings.days > x.settings.days"), "now - duration('14d') > x.settings.days");
        assert_eq!(put("a == 'settings.days' && b > settings.most"), "a == 'settings.days' && b > (-3)");
        assert_eq!(put("settings.odd == a"), "'it\\'s \\u007d \\'' == a");
        assert_eq!(expression("settings.none", &settings()), Err("none".into()));
    }

    #[test]
    fn a_hole_that_is_only_a_text_becomes_that_text() {
        let put = |text: &str| template(text, &settings()).expect("known");
        assert_eq!(put("${settings.site}/t/${trigger.id}"), "https://x.example/$${a}/t/${trigger.id}");
        assert_eq!(put("$${settings.site} ${settings.most}"), "$${settings.site} ${(-3)}");
    }
}
