//! What an operation says of the money that it moves.

use std::ops::Range;

use assent_schema::code::Code;
use assent_schema::guard::{WrongAmount, wrong_amounts};
use assent_schema::id::Name;
use assent_schema::spec::Operation;

use super::reader::Table;
use super::tree::Written;

/// An operation that moves money has one amount, a fact that is always there; no other has one.
///
/// `whole` says whether all of its parameters could be read: else the amount may be among the others.
pub(super) fn check(operation: &Operation, whole: bool, table: &mut Table<'_, '_>) {
    let sink = table.sink();
    let params = table.get("params").map(|params| params.inner);
    // Where the parameter says it; its own name where it says nothing.
    let place = |of: &Name, key: &str| -> Range<usize> {
        let name = operation.params.keys().find(|name| name.value == *of).map(|name| name.span.clone());
        let said = params.and_then(|params| value_of(params, of, key));
        said.or(name).unwrap_or_else(|| operation.effect.span.clone())
    };
    let params = operation.params.iter().map(|(name, param)| (&name.value, &param.value));
    for wrong in wrong_amounts(operation.effect.value, params) {
        let (span, message, help) = match wrong {
            WrongAmount::Missing if !whole => continue,
            WrongAmount::Missing => (
                operation.effect.span.clone(),
                "The operation moves money, and no parameter says how much.".to_owned(),
                "Write `amount = true` at the parameter that does.",
            ),
            WrongAmount::Second(name) => (
                place(name, "amount"),
                format!("`{name}` is a second amount, and limits and people look at one."),
                "Leave `amount = true` at the one parameter that says how much money moves.",
            ),
            WrongAmount::Optional(name) => {
                let message = format!("`{name}` says how much money moves, and may be left out.");
                (place(name, "optional"), message, "Remove `optional`.")
            }
            WrongAmount::Content(name) => (
                place(name, "class"),
                format!("`{name}` says how much money moves, and takes more than facts."),
                "Write `class = \"reference\"`.",
            ),
            // Said where the parameter is read.
            WrongAmount::NoMoney(_) => continue,
            WrongAmount::NothingMoves(name) => (
                place(name, "amount"),
                format!("`{name}` says `amount = true`, that it is money which moves, and the operation moves none."),
                "Write `effect = \"money\"` where it does; else take `amount = true` out of the parameter, and leave the parameter.",
            ),
        };
        sink.refuse(Code::BadValue, &span, message, Some(help.to_owned()));
    }
}

/// Where the value of a key of a parameter stands.
fn value_of(params: &Written<'_>, name: &Name, key: &str) -> Option<Range<usize>> {
    let Written::Table(params) = params else { return None };
    let Written::Table(param) = params.get(name.as_str())?.get_ref() else { return None };
    Some(param.get(key)?.span())
}
