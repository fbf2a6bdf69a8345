//! Random bytes.

use std::sync::Arc;

/// Random bytes.
pub trait Dice: Send + Sync {
    /// Fills the slice.
    fn fill(&self, bytes: &mut [u8]);

    /// An array of random bytes.
    fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }

    /// A number below `bound`, evenly; 0 when `bound` is 0. The bias of 2^-64 does not matter for delays.
    fn below(&self, bound: u64) -> u64 {
        let wide = u128::from(u64::from_le_bytes(self.bytes())) * u128::from(bound);
        u64::try_from(wide >> 64).unwrap_or(0)
    }
}

impl<R: Dice> Dice for Arc<R> {
    fn fill(&self, bytes: &mut [u8]) {
        R::fill(self, bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Loaded(u8);

    impl Dice for Loaded {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.0);
        }
    }

    #[test]
    fn dice_stay_below_their_bound() {
        assert_eq!(Loaded(0xff).below(10), 9);
        assert_eq!(Loaded(0).below(10), 0);
        assert_eq!(Loaded(0xff).below(0), 0);
    }
}
