//! Fields and shapes, wherever they stand in a plan.

use std::collections::BTreeSet;

use super::super::bounds;
use super::{Unwritten, must, within};
use crate::shape::{Clock, CurrencyWire, Field, InstantWire, Shape, is_listed};

/// What the catalog may say of a field.
pub(super) fn field(field: &Field, what: &dyn Fn() -> String) -> Result<(), Unwritten> {
    must(!field.class.is_fact() || field.shape.fits_reference(), || {
        format!("{} is a fact of unbounded shape", what())
    })?;
    must(field.prefix.is_none() || matches!(field.shape, Shape::Token {}), || {
        format!("{} has a prefix and is no token", what())
    })?;
    must(!field.measure || matches!(field.shape, Shape::Integer {} | Shape::Money { .. }), || {
        format!("{} is a measure of nothing", what())
    })?;
    must(!has_currency_below(&field.shape), || format!("{} has its currency below its number", what()))?;
    must(field.empty.is_none() || field.optional, || format!("{} may be empty and not absent", what()))?;
    shape(&field.shape, what)
}

/// Whether an amount has its currency below its own number, where nothing stands; side by side in a query it may.
pub(super) fn has_currency_below(shape: &Shape) -> bool {
    matches!(shape, Shape::Money { wire } if wire.value.is_empty() && matches!(wire.currency, CurrencyWire::At(_)))
}

/// What a value may look like.
pub(super) fn shape(of: &Shape, what: &dyn Fn() -> String) -> Result<(), Unwritten> {
    match of {
        Shape::Text { most_bytes } => within(&bounds::TEXT_BYTES, most_bytes, || format!("the size of {}", what())),
        Shape::Instant { wire } => must(has_clock(wire), || format!("{} goes by a clock that nobody has", what())),
        Shape::Money { wire } => match &wire.currency {
            CurrencyWire::Fixed(code) => must(is_listed(code), || format!("{} has a currency that is none", what())),
            CurrencyWire::At(_) => Ok(()),
        },
        Shape::OneOf { values, numbers } => {
            constants(values, &bounds::CONSTANTS, what)?;
            let different: BTreeSet<&i64> = numbers.iter().collect();
            must(numbers.is_empty() || (numbers.len() == values.len() && different.len() == numbers.len()), || {
                format!("{} has other numbers than words", what())
            })
        }
        Shape::List { most, of } => {
            within(&bounds::LIST, most, || format!("the length of {}", what()))?;
            field(of, what)
        }
        Shape::Record { fields } => {
            fields.iter().try_for_each(|(name, inner)| field(inner, &|| format!("`{name}` of {}", what())))
        }
        Shape::Token {} | Shape::Uuid {} | Shape::Integer {} | Shape::Decimal {} | Shape::Boolean {} => Ok(()),
    }
}

/// Words of which each is there once.
pub(super) fn constants(
    values: &[String],
    count: &std::ops::RangeInclusive<usize>,
    what: &dyn Fn() -> String,
) -> Result<(), Unwritten> {
    within(count, &values.len(), || format!("how many constants {} has", what()))?;
    must(values.iter().all(|value| bounds::CONSTANT.contains(&value.chars().count())), || {
        format!("{} has a constant that is out of bounds", what())
    })?;
    let different: BTreeSet<&String> = values.iter().collect();
    must(different.len() == values.len(), || format!("{} has a constant twice", what()))
}

/// Whose clock it is was settled when the plan was made.
fn has_clock(wire: &InstantWire) -> bool {
    match wire {
        InstantWire::Iso | InstantWire::Seconds | InstantWire::Milliseconds | InstantWire::Dotnet => true,
        InstantWire::Date(clock) | InstantWire::Local(clock) => *clock != Clock::Client,
    }
}
