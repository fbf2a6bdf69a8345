//! What an operation must say of the money that it moves: one amount, and always.

use crate::id::Name;
use crate::plan::{Effect, Param};
use crate::shape::Shape;

/// What is wrong with the amounts among the parameters of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WrongAmount<'a> {
    /// Money moves, and no parameter says how much.
    Missing,
    /// A second amount: limits and people look at one.
    Second(&'a Name),
    /// An amount that may be left out.
    Optional(&'a Name),
    /// An amount that may be content, of which nothing is written down.
    Content(&'a Name),
    /// An amount that is no money.
    NoMoney(&'a Name),
    /// An amount of an operation that moves no money.
    NothingMoves(&'a Name),
}

/// Everything that is wrong with the amounts of an operation. What guardrails count, people agree to and the ledger says is the one
/// amount, so there is one, it is a fact, and it is always there.
///
/// # Source
/// language.md section 2, "Operations". Promise P25.
pub fn wrong_amounts<'a>(
    effect: Effect,
    params: impl IntoIterator<Item = (&'a Name, &'a Param)>,
) -> Vec<WrongAmount<'a>> {
    let mut wrong = Vec::new();
    let mut amounts = params.into_iter().filter(|(_, param)| param.amount);
    if effect != Effect::Money {
        return amounts.map(|(name, _)| WrongAmount::NothingMoves(name)).collect();
    }
    let Some((name, param)) = amounts.next() else { return vec![WrongAmount::Missing] };
    if !matches!(param.shape, Shape::Money { .. }) {
        wrong.push(WrongAmount::NoMoney(name));
    }
    if !param.class.is_fact() {
        wrong.push(WrongAmount::Content(name));
    }
    if param.optional {
        wrong.push(WrongAmount::Optional(name));
    }
    wrong.extend(amounts.map(|(name, _)| WrongAmount::Second(name)));
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Effect::{Money, Write};
    use serde_json::json;

    #[test]
    fn money_moves_in_one_amount_that_is_always_there() {
        let shape = json!({"type": "money", "wire": {"value": "", "currency": {"fixed": "EUR"}, "unit": "minor"}});
        let amount = |class: &str, optional: bool, amount: bool| -> Param {
            serde_json::from_value(
                json!({"place": "body", "at": "it", "shape": shape, "class": class, "optional": optional,
                "amount": amount}),
            )
            .expect("a parameter")
        };
        let name = |text: &str| Name::new(text).expect("a name");
        let (one, two) = (name("one"), name("two"));
        let (sum, fee) = (amount("reference", false, true), amount("content", true, false));
        assert_eq!(wrong_amounts(Money, [(&one, &sum), (&two, &fee)]), []);
        assert_eq!(wrong_amounts(Write, [(&two, &fee)]), []);
        assert_eq!(wrong_amounts(Money, [(&two, &fee)]), [WrongAmount::Missing]);
        assert_eq!(wrong_amounts(Money, [(&one, &sum), (&two, &sum)]), [WrongAmount::Second(&two)]);
        assert_eq!(wrong_amounts(Write, [(&one, &sum)]), [WrongAmount::NothingMoves(&one)]);
        let wrong = [WrongAmount::Content(&one), WrongAmount::Optional(&one)];
        assert_eq!(wrong_amounts(Money, [(&one, &amount("content", true, true))]), wrong);
        let token = Param { shape: Shape::Token {}, ..sum };
        assert_eq!(wrong_amounts(Money, [(&one, &token)]), [WrongAmount::NoMoney(&one)]);
    }
}
