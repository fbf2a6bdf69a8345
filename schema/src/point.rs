//! Points of Ed25519: which encodings an honest key has. Pure.
//!
//! # Source
//! RFC 8032 section 5.1.3.

use ed25519_dalek::VerifyingKey;

/// Whether an honest key has this encoding of its point: on the curve, not of small order, and in the one canonical spelling.
pub fn is_honest(point: &[u8; 32]) -> bool {
    is_canonical(point) && VerifyingKey::from_bytes(point).is_ok_and(|key| !key.is_weak())
}

/// Whether y is below 2^255 − 19, so that the point has one spelling. The two points whose x has no sign, y = ±1, are of
/// small order and refused already.
fn is_canonical(point: &[u8; 32]) -> bool {
    let [low, middle @ .., high] = point;
    *low < 0xed || high & 0x7f != 0x7f || middle.iter().any(|byte| *byte != 0xff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_has_one_spelling() {
        let mut most = [0xff; 32];
        (most[0], most[31]) = (0xec, 0x7f);
        assert!(is_canonical(&most));
        most[0] = 0xed;
        assert!(!is_canonical(&most) && !is_honest(&most));
        assert!(!is_honest(&[0; 32]), "of small order");
    }
}
