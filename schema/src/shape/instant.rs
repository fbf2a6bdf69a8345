//! How instants are written on the wire.

use serde::{Deserialize, Serialize};

use super::Clock;

/// How an instant is written on the wire.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InstantWire {
    /// RFC 3339 text.
    Iso,
    /// Seconds since 1970.
    Seconds,
    /// Milliseconds since 1970.
    Milliseconds,
    /// A day without a time, `2026-05-10`: its first moment by a clock.
    Date(Clock),
    /// A day and a time without a zone, `2026-05-10T09:30:00`: by a clock.
    Local(Clock),
    /// Milliseconds since 1970 in a text, `/Date(1518685950940+0000)/`, as .NET's first JSON had them.
    Dotnet,
}

impl InstantWire {
    /// Whether it stands there as a text; else as a number.
    pub fn is_text(&self) -> bool {
        match self {
            Self::Iso | Self::Date(_) | Self::Local(_) | Self::Dotnet => true,
            Self::Seconds | Self::Milliseconds => false,
        }
    }

    /// Whether two moments of whole seconds never stand there as the same, and a later one as an earlier.
    pub fn tells_apart(&self) -> bool {
        match self {
            Self::Iso | Self::Seconds | Self::Milliseconds | Self::Dotnet => true,
            Self::Date(_) => false,
            Self::Local(clock) => clock.is_steady(),
        }
    }

    /// Says whose the clock is where that is left to the client.
    pub fn settle(&mut self, client: &Clock) {
        match self {
            Self::Iso | Self::Seconds | Self::Milliseconds | Self::Dotnet => {}
            Self::Date(clock) | Self::Local(clock) => *clock = clock.or(client),
        }
    }
}

/// The milliseconds since 1970 of a text like `/Date(1518685950940+0000)/`, as digits. They count from 1970 in UTC whatever the
/// offset is, which only says by whose clock they were shown.
///
/// # Source
/// Microsoft, "Stand-Alone JSON Serialization", `DateTime` wire format; Xero, "Requests and responses", dates.
pub fn dotnet_milliseconds(text: &str) -> Option<&str> {
    let inside = text.strip_prefix("/Date(")?.strip_suffix(")/")?;
    let digits = inside.strip_prefix('-').unwrap_or(inside);
    let length = digits.bytes().take_while(u8::is_ascii_digit).count();
    let (number, offset) = inside.split_at_checked(inside.len().checked_sub(digits.len())?.checked_add(length)?)?;
    let is_offset = offset.is_empty()
        || offset
            .strip_prefix(['+', '-'])
            .is_some_and(|hours| hours.len() == 4 && hours.bytes().all(|digit| digit.is_ascii_digit()));
    (length > 0 && is_offset).then_some(number)
}

/// The text of a moment so many seconds after 1970.
pub fn as_dotnet(seconds: i64) -> String {
    format!("/Date({}+0000)/", seconds.saturating_mul(1_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milliseconds_stand_in_one_form_of_text() {
        for (text, wanted) in [
            ("/Date(1518685950940+0000)/", Some("1518685950940")),
            ("/Date(1518685950940)/", Some("1518685950940")),
            ("/Date(1518685950940+1300)/", Some("1518685950940")),
            ("/Date(-62135596800000-0500)/", Some("-62135596800000")),
            ("/Date(0)/", Some("0")),
        ] {
            assert_eq!(dotnet_milliseconds(text), wanted, "{text}");
        }
        for bad in [
            "",
            "/Date()/",
            "/Date(-)/",
            "/Date(+0000)/",
            "/Date(1.5)/",
            "/Date(15+000)/",
            "/Date(15+00000)/",
            "/Date(15+0a00)/",
            "/Date(15 +0000)/",
            "/Date(15+0000)/ ",
            "Date(15)",
            "1518685950940",
            "/Date(--1)/",
        ] {
            assert_eq!(dotnet_milliseconds(bad), None, "{bad}");
        }
        assert_eq!(dotnet_milliseconds(&as_dotnet(-1)), Some("-1000"));
    }
}
