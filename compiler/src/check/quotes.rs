//! What to do about an expression that does not fit, where quotes are missing or too many, or a sign is that of another
//! language.

use assent_schema::expr::ExprErrorKind;

use crate::parse::foreign;

/// What to do about quotes and signs; nothing where they are not the reason. `text` is the stretch of the source that is
/// wrong.
pub(super) fn help(kind: &ExprErrorKind, text: &str) -> Option<String> {
    match kind {
        ExprErrorKind::Unexpected | ExprErrorKind::Expected(_) if sign(text).is_some() => sign(text),
        ExprErrorKind::Unexpected if !text.is_ascii() => {
            let stranger = text.chars().find(|c| !c.is_ascii())?;
            Some(format!("This is {}; names are of `a-z`, `0-9` and `_`.", foreign(stranger)))
        }
        ExprErrorKind::OpenHole => Some("Close it with `}`, or write `$${` for the signs themselves.".to_owned()),
        ExprErrorKind::Operands { left, right, .. } => {
            let either = |test: fn(&str) -> bool| test(left) || test(right);
            if either(|kind| kind == "money") && either(is_plain) {
                return Some(
                    "Compare minor units: `minor(…)` of the amount, like `minor(order.total) >= 4990`.".to_owned(),
                );
            }
            let quoted = constants(text).find(|constant| is_quoted(constant) && is_bare(inside(constant)));
            let bare = constants(text).find(|constant| is_bare(constant));
            match (quoted, bare) {
                (Some(quoted), _) if either(is_plain) => Some(without(quoted)),
                (None, Some(bare)) if either(is_text) => Some(within(bare)),
                _ => None,
            }
        }
        ExprErrorKind::Mismatch { wanted, found } => {
            let whole = text;
            let text = text.trim().trim_start_matches("${").trim_end_matches('}').trim();
            if is_plain(wanted) && is_text(found) && is_quoted(text) && is_bare(inside(text)) {
                return Some(without(text));
            }
            if let Some(path) = hole_of_another(whole) {
                return Some(format!("Write `${{{path}}}` to put the value in."));
            }
            (is_text(wanted) && is_plain(found) && is_bare(text)).then(|| {
                // In TOML a text has double quotes.
                format!("Put it in quotes: `\"{text}\"`.")
            })
        }
        ExprErrorKind::UnknownName { name, nearest: None, .. } if text.trim() == name => {
            let known = kind.help().map(|known| format!(" {known}")).unwrap_or_default();
            Some(format!("If it is a text, put it in quotes: `'{name}'`.{known}"))
        }
        _ => None,
    }
}

/// What a sign or word of another language is called here.
fn sign(text: &str) -> Option<String> {
    let ours = match text.trim() {
        "=" | "===" => "Two values are compared with `==`.",
        "&" | "and" | "AND" => "That both hold is written `&&`.",
        "|" | "or" | "OR" => "That one of them holds is written `||`.",
        "not" | "NOT" => "That something does not hold is written with `!` before it.",
        "<>" => "That two values differ is written `!=`.",
        "`" => "A text stands in single quotes.",
        _ => return None,
    };
    Some(ours.to_owned())
}

/// The path in a hole as other languages write them: `{{path}}`, `{path}`, `$path`.
fn hole_of_another(text: &str) -> Option<&str> {
    let text = inside(text).trim();
    let braces = |open: &str, close: &str| text.strip_prefix(open)?.strip_suffix(close);
    let path = braces("{{", "}}").or_else(|| braces("{", "}")).or_else(|| text.strip_prefix('$'))?.trim();
    let is_path = path.contains('.') && path.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.'));
    is_path.then_some(path)
}

fn without(quoted: &str) -> String {
    format!("Write it without quotes: `{}`.", inside(quoted))
}

fn within(bare: &str) -> String {
    format!("Put it in quotes: `'{bare}'`.")
}

/// The words and texts of an expression, as they are written.
fn constants(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | ',' | '[' | ']')).filter(|word| !word.is_empty())
}

fn is_quoted(text: &str) -> bool {
    ['\'', '"'].iter().any(|quote| text.len() > 1 && text.starts_with(*quote) && text.ends_with(*quote))
}

fn inside(quoted: &str) -> &str {
    quoted.trim_matches(['\'', '"'])
}

/// Whether a word is a number or a truth.
fn is_bare(text: &str) -> bool {
    let number = text.strip_prefix('-').unwrap_or(text);
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    matches!(text, "true" | "false") || number.split('.').count() <= 2 && number.split('.').all(digits)
}

/// Whether values of a type, by its name, are written without quotes.
fn is_plain(kind: &str) -> bool {
    matches!(kind, "true or false" | "boolean" | "an integer" | "integer" | "a decimal" | "decimal")
}

fn is_text(kind: &str) -> bool {
    matches!(kind, "text" | "a token" | "token" | "one_of")
        || kind.starts_with("the text ")
        || kind.starts_with("one of ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operands(left: &str, right: &str, text: &str) -> Option<String> {
        let (left, right) = (left.to_owned(), right.to_owned());
        help(&ExprErrorKind::Operands { operator: "==", left, right }, text)
    }

    #[test]
    fn quotes_are_the_reason_or_are_not() {
        let without = operands("an integer", "the text `3`", "order.count == '3'");
        assert_eq!(without.as_deref(), Some("Write it without quotes: `3`."));
        let within = operands("text", "an integer", "ticket.id == 5");
        assert_eq!(within.as_deref(), Some("Put it in quotes: `'5'`."));
        assert_eq!(operands("text", "an integer", "ticket.id == order.count"), None);
        assert_eq!(operands("an integer", "the text `x`", "order.count == 'x'"), None);
        let unknown = |name: &str| {
            let kind = ExprErrorKind::UnknownName { name: name.into(), nearest: None, known: vec!["trigger".into()] };
            help(&kind, name)
        };
        let wanted = "If it is a text, put it in quotes: `'refund'`. There is only `trigger`.";
        assert_eq!(unknown("refund").as_deref(), Some(wanted));
    }

    #[test]
    fn signs_of_other_languages_are_known() {
        let said = |kind: &ExprErrorKind, text: &str| help(kind, text).unwrap_or_default();
        assert!(said(&ExprErrorKind::Unexpected, "=").contains("`==`"));
        assert!(said(&ExprErrorKind::Expected("an operator or the end"), "and").contains("`&&`"));
        assert_eq!(help(&ExprErrorKind::Unexpected, "#"), None);
        let mismatch = ExprErrorKind::Mismatch { wanted: "token".into(), found: "text".into() };
        for text in ["\"{{trigger.id}}\"", "\"{{ trigger.id }}\"", "\"{trigger.id}\"", "\"$trigger.id\""] {
            assert_eq!(said(&mismatch, text), "Write `${trigger.id}` to put the value in.", "{text}");
        }
        assert_eq!(help(&mismatch, "\"{{a b}}\""), None);
        assert!(operands("money", "a decimal", "order.total >= 10.0").is_some_and(|said| said.contains("`minor(")));
    }
}
