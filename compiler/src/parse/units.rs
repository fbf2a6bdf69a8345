//! Decimals that an API gives currencies otherwise than ISO 4217: for all of its amounts, or for one.

use std::collections::BTreeMap;

use assent_schema::shape::{DECIMALS_MOST, MinorUnits, Shape, currencies};
use assent_schema::spec::{Integration, Spanned};

use super::reader::Value;
use super::value::within;

/// Decimals by currency; at least one.
pub(super) fn minor_units(value: Value<'_, '_>) -> Option<MinorUnits> {
    let given = value.clone();
    let mut units = BTreeMap::new();
    let table = value.table()?;
    if table.is_empty() {
        return given.bad_with_help("is empty", "Name a currency with its decimals, or remove the key.".into());
    }
    for (code, decimals) in table.entries::<Listed, _>(within(0..=DECIMALS_MOST)) {
        units.insert(code.value.0, decimals);
    }
    MinorUnits::try_from(units).ok()
}

/// A currency of ISO 4217 as a key.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Listed(String);

impl std::str::FromStr for Listed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if currencies().any(|code| code == text) {
            return Ok(Self(text.to_owned()));
        }
        let meant = currencies().find(|code| code.eq_ignore_ascii_case(text));
        let meant = meant.map(|meant| format!(", which has `{meant}`")).unwrap_or_default();
        Err(format!("is no currency of ISO 4217{meant}"))
    }
}

/// Says of every amount of an integration how its API counts, where the amount does not say it itself.
pub(super) fn count_all(integration: &mut Integration, units: &MinorUnits) {
    let events = integration.events.values_mut().flat_map(|event| event.fields.values_mut());
    let answers = integration.operations.values_mut().flat_map(|operation| operation.response.values_mut());
    events.chain(answers).for_each(|field: &mut Spanned<_>| count(&mut field.value.shape, units));
    let params = integration.operations.values_mut().flat_map(|operation| operation.params.values_mut());
    params.for_each(|param| count(&mut param.value.shape, units));
}

fn count(shape: &mut Shape, units: &MinorUnits) {
    match shape {
        Shape::Money { wire } => wire.minor_units = wire.minor_units.over(units),
        Shape::List { most: _, of } => count(&mut of.shape, units),
        Shape::Record { fields } => fields.values_mut().for_each(|field| count(&mut field.shape, units)),
        Shape::Text { .. }
        | Shape::Token {}
        | Shape::Uuid {}
        | Shape::Integer {}
        | Shape::Decimal {}
        | Shape::Boolean {}
        | Shape::Instant { .. }
        | Shape::OneOf { .. } => {}
    }
}
