//! Instants as they stand on the wire.

use std::collections::BTreeMap;

use assent_schema::id::Name;
use assent_schema::shape::{Field, InstantWire, Shape, as_dotnet, dotnet_milliseconds};
use assent_schema::time::Moment;

use super::{Scalar, integer, without_exponent};
use crate::request::json::Json;

/// An instant, if it is written so. Fractions of a second are cut.
pub(super) fn read(json: &Json, wire: &InstantWire) -> Option<Moment> {
    match (wire, json) {
        (InstantWire::Iso, Json::Text(text)) => text.parse::<jiff::Timestamp>().ok().map(Moment::from),
        (InstantWire::Seconds | InstantWire::Milliseconds, Json::Number(number)) => moment(stamp(number, wire)?.0),
        (InstantWire::Dotnet, Json::Text(text)) => moment(of_dotnet(text)?.0),
        (InstantWire::Date(clock), Json::Text(day)) => clock.first_of(day),
        (InstantWire::Local(clock), Json::Text(time)) => clock.at(time).map(Moment::from),
        _ => None,
    }
}

/// An instant as it is written. Of a day its first moment is meant, whatever the time is.
pub(super) fn write(moment: Moment, wire: &InstantWire) -> Option<Scalar> {
    Some(match wire {
        InstantWire::Iso => Scalar::Text(moment.to_string()),
        InstantWire::Seconds => Scalar::Number(moment.seconds().to_string()),
        InstantWire::Milliseconds => Scalar::Number((moment.seconds() * 1_000).to_string()),
        InstantWire::Date(clock) => Scalar::Text(clock.day(moment)?),
        InstantWire::Local(clock) => Scalar::Text(clock.time(moment)?),
        InstantWire::Dotnet => Scalar::Text(as_dotnet(moment.seconds())),
    })
}

/// The whole seconds since 1970 of a number, rounded down, and what is over, in nanoseconds. A number that has more figures
/// than that is cut there.
fn stamp(number: &str, wire: &InstantWire) -> Option<(i64, i32)> {
    let plain = without_exponent(number)?;
    let (sign, plain) = plain.strip_prefix('-').map_or((1, plain.as_str()), |rest| (-1, rest));
    let (whole, fraction) = plain.split_once('.').unwrap_or((plain, ""));
    let (whole, figures) = (integer(whole)?, if *wire == InstantWire::Seconds { 9 } else { 6 });
    let over: String = fraction.chars().chain(std::iter::repeat('0')).take(figures).collect();
    let per_unit = 10_i128.pow(u32::try_from(figures).ok()?);
    let nanos = sign * (i128::from(whole) * per_unit + over.parse::<i128>().ok()?);
    let seconds = i64::try_from(nanos.div_euclid(1_000_000_000)).ok()?;
    Some((seconds, i32::try_from(nanos.rem_euclid(1_000_000_000)).ok()?))
}

/// As [`stamp`], of milliseconds in a text.
fn of_dotnet(text: &str) -> Option<(i64, i32)> {
    stamp(dotnet_milliseconds(text)?, &InstantWire::Milliseconds)
}

/// Instants as exactly as they came, by field: those alone that are told apart by less than a second.
pub type Exact = BTreeMap<Name, String>;

/// The instants of declared fields that have a fraction of a second, which the values do not.
pub fn exact(json: &Json, fields: &BTreeMap<Name, Field>) -> Exact {
    let of = |(name, field): (&Name, &Field)| Some((name.clone(), exactly(json.at(&field.at)?, &field.shape)?));
    fields.iter().filter_map(of).collect()
}

/// In one spelling, however it came, so that an instant that is spelled otherwise is the same.
pub(super) fn exactly(json: &Json, shape: &Shape) -> Option<String> {
    let Shape::Instant { wire } = shape else { return None };
    let stamp: jiff::Timestamp = match (wire, json) {
        (InstantWire::Iso, Json::Text(text)) => text.parse().ok()?,
        (InstantWire::Seconds | InstantWire::Milliseconds, Json::Number(number)) => {
            let (seconds, nanos) = stamp(number, wire)?;
            jiff::Timestamp::new(seconds, nanos).ok()?
        }
        (InstantWire::Dotnet, Json::Text(text)) => {
            let (seconds, nanos) = of_dotnet(text)?;
            jiff::Timestamp::new(seconds, nanos).ok()?
        }
        (InstantWire::Local(clock), Json::Text(time)) => clock.at(time)?,
        _ => return None,
    };
    (stamp.subsec_nanosecond() != 0).then(|| stamp.to_string())
}

/// The moment so many seconds after 1970, if it lies in the years that there are: what is no time is not taken for the last one.
fn moment(seconds: i64) -> Option<Moment> {
    Some(Moment::from_seconds(seconds)).filter(|moment| moment.seconds() == seconds)
}
