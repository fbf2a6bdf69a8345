//! Decimal numbers: exact, bounded, never a float.

use std::cmp::Ordering;

/// A decimal number of at most 18 digits before and 12 after the point.
///
/// It may stand for content, so it has neither `Debug` nor `Display`.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Decimal {
    units: i128,
    scale: u32,
}

const WHOLE_MOST: i128 = 1_000_000_000_000_000_000;
const SCALE_MOST: u32 = 12;

impl Decimal {
    /// Takes an integer.
    pub fn from_integer(integer: i64) -> Option<Self> {
        Self::new(i128::from(integer), 0)
    }

    /// Reads a decimal number as people and APIs write it: `0.8`, `-1.50`. No exponent.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
        let plain = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !plain(whole) || !plain(fraction) || whole.len() > 18 || (whole.len() > 1 && whole.starts_with('0')) {
            return None;
        }
        let fraction = fraction.trim_end_matches('0');
        let scale = u32::try_from(fraction.len()).ok().filter(|scale| *scale <= SCALE_MOST)?;
        let mut units: i128 = 0;
        for digit in whole.bytes().chain(fraction.bytes()) {
            units = units * 10 + i128::from(digit - b'0');
        }
        Self::new(if text.starts_with('-') { -units } else { units }, scale)
    }

    /// The canonical text of formats.md section 1.
    pub fn to_text(self) -> String {
        let sign = if self.units < 0 { "-" } else { "" };
        let power = 10_u128.pow(self.scale);
        let units = self.units.unsigned_abs();
        let whole = units / power;
        if self.scale == 0 {
            return format!("{sign}{whole}");
        }
        let width = usize::try_from(self.scale).unwrap_or(0);
        format!("{sign}{whole}.{:0width$}", units % power)
    }

    /// The sum, unless it is out of bounds.
    pub fn plus(self, other: Self) -> Option<Self> {
        let (a, b, scale) = self.align(other);
        Self::new(a.checked_add(b)?, scale)
    }

    /// The difference, unless it is out of bounds.
    pub fn minus(self, other: Self) -> Option<Self> {
        let (a, b, scale) = self.align(other);
        Self::new(a.checked_sub(b)?, scale)
    }

    /// The product, unless it is out of bounds or needs more digits than are kept.
    pub fn times(self, other: Self) -> Option<Self> {
        Self::new(self.units.checked_mul(other.units)?, self.scale + other.scale)
    }

    /// The nearest integer, halves away from zero, unless it is out of bounds.
    pub fn round(self) -> Option<i64> {
        let power = 10_i128.pow(self.scale);
        let half = power / 2 * self.units.signum();
        i64::try_from((self.units + half) / power).ok()
    }

    /// The integer that it is, unless it has a fraction or is out of bounds.
    pub fn as_integer(self) -> Option<i64> {
        if self.scale == 0 { i64::try_from(self.units).ok() } else { None }
    }

    /// Overwrites the number.
    pub(crate) fn wipe(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.units);
        zeroize::Zeroize::zeroize(&mut self.scale);
    }

    fn new(mut units: i128, mut scale: u32) -> Option<Self> {
        while scale > 0 && units % 10 == 0 {
            units /= 10;
            scale -= 1;
        }
        let in_bounds = scale <= SCALE_MOST && units.unsigned_abs() / 10_u128.pow(scale) < WHOLE_MOST.unsigned_abs();
        in_bounds.then_some(Self { units, scale })
    }

    /// Both numbers in units of the finer scale. Bounds keep this below 10^30, far from the end of `i128`.
    fn align(self, other: Self) -> (i128, i128, u32) {
        let scale = self.scale.max(other.scale);
        (self.units * 10_i128.pow(scale - self.scale), other.units * 10_i128.pow(scale - other.scale), scale)
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        let (a, b, _) = self.align(*other);
        a.cmp(&b)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Option<String> {
        Decimal::parse(text).map(Decimal::to_text)
    }

    #[test]
    fn a_decimal_has_one_spelling() {
        for (input, output) in [("0.80", "0.8"), ("-0", "0"), ("-0.0", "0"), ("12", "12"), ("-3.005", "-3.005")] {
            assert_eq!(text(input).as_deref(), Some(output));
            assert!(crate::shape::is_decimal(output));
        }
        for bad in ["", ".5", "5.", "1e3", "+1", "01", "1.0000000000001", "1000000000000000000", "--1", "1.-1"] {
            assert_eq!(text(bad), None, "{bad}");
        }
    }

    #[test]
    fn arithmetic_is_exact_and_bounded() {
        let d = |t: &str| Decimal::parse(t).expect("a decimal");
        assert_eq!(d("0.1").plus(d("0.2")).map(Decimal::to_text).as_deref(), Some("0.3"));
        assert_eq!(d("0.5").times(d("-3")).map(Decimal::to_text).as_deref(), Some("-1.5"));
        assert_eq!(d("2.5").round(), Some(3));
        assert_eq!(d("-2.5").round(), Some(-3));
        assert_eq!(d("2.4999").round(), Some(2));
        assert!(d("0.10").cmp(&d("0.1")).is_eq() && d("-1") < d("0.5"));
        let most = d("999999999999999999.999999999999");
        assert!(most.plus(d("0.000000000001")).is_none());
        assert!(most.times(most).is_none());
        assert!(most.minus(most).is_some_and(|zero| zero == Decimal::default()));
        assert!(d("0.000001").times(d("0.0000001")).is_none());
    }
}
