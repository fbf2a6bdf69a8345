//! Random bytes from the kernel.

use crate::world::Dice;

/// Random bytes from the kernel.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealDice;

impl Dice for RealDice {
    /// # Panics
    /// When the kernel has no random bytes: keys, nonces and salts would be guessable, so nothing may go on. Linux gives
    /// them always once it has booted.
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the kernel gives random bytes");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_throws_differ() {
        assert_ne!(RealDice.bytes::<32>(), RealDice.bytes::<32>());
    }
}
