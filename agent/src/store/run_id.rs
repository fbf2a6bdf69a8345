//! The id by which a run is known.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::world::Wall;

/// The id by which a run is known outside: 48 bits of time, then 80 random bits, so that rows stand in time order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RunId([u8; 16]);

impl RunId {
    /// An id from the time of acceptance and ten random bytes.
    pub fn new(at: Wall, dice: [u8; 10]) -> Self {
        let mut bytes = [0; 16];
        let time = at.millis().to_be_bytes();
        bytes.iter_mut().zip(time.iter().skip(2).chain(&dice)).for_each(|(slot, byte)| *slot = *byte);
        Self(bytes)
    }

    /// Takes 16 bytes that are a run id already.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// When the run was accepted, in milliseconds since 1970.
    pub fn millis(&self) -> i64 {
        let mut bytes = [0; 8];
        bytes.iter_mut().skip(2).zip(&self.0).for_each(|(slot, byte)| *slot = *byte);
        i64::from_be_bytes(bytes)
    }

    /// The 16 bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        assent_schema::canon::write_hex(&self.0, f)
    }
}

impl fmt::Debug for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is no run id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadRunId;

impl fmt::Display for BadRunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("is not a run id: 32 lower-case hex digits")
    }
}

impl std::error::Error for BadRunId {}

impl std::str::FromStr for RunId {
    type Err = BadRunId;

    fn from_str(text: &str) -> Result<Self, BadRunId> {
        let mut bytes = [0; 16];
        if text.len() != 32 || !text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(BadRunId);
        }
        for (slot, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let digits = std::str::from_utf8(pair).or(Err(BadRunId))?;
            *slot = u8::from_str_radix(digits, 16).or(Err(BadRunId))?;
        }
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for RunId {
    type Error = BadRunId;
    fn try_from(text: String) -> Result<Self, BadRunId> {
        text.parse()
    }
}

impl From<RunId> for String {
    fn from(id: RunId) -> Self {
        id.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run_ids_stand_in_time_order_and_have_one_spelling() {
        let early = RunId::new(Wall::from_millis(1_000), [0xff; 10]);
        let late = RunId::new(Wall::from_millis(1_001), [0; 10]);
        assert!(early < late);
        assert_eq!(late.to_string().parse::<RunId>(), Ok(late));
        for bad in ["", "0", "+0000000000000000000000000000000", "ABCDEF00000000000000000000000000"] {
            assert!(bad.parse::<RunId>().is_err(), "{bad}");
        }
    }
}
