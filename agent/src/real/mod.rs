//! Production's world: the system's clock, the kernel's dice, requests out through checked addresses, the state folder.
//!
//! The only room that opens connections out. What may be reached is decided in `address` and `egress`, which are pure.

pub mod address;
pub mod clock;
pub mod dice;
pub mod disk;
pub mod egress;
pub mod inboxes;
mod keyring;
pub mod log;
mod mail;
pub mod net;
mod plain;
mod pool;
pub mod tls;

pub use clock::{BoundedClock, RealClock};
pub use dice::RealDice;
pub use disk::RealDisk;
pub use egress::Egress;
pub use inboxes::RealInboxes;
pub use keyring::RealKeyring;
pub use net::RealNet;

use crate::world::{Clock, Keyring, World};

/// Production's world.
pub struct Real<C = RealClock, K = RealKeyring> {
    /// The system's clock; in the agent itself a bounded one.
    pub clock: C,
    /// The kernel's dice.
    pub dice: RealDice,
    /// The network.
    pub net: RealNet,
    /// The state folder.
    pub disk: RealDisk,
    /// The kernel's keyring.
    pub keyring: K,
}

impl<C: Clock + 'static, K: Keyring + 'static> World for Real<C, K> {
    type Clock = C;
    type Dice = RealDice;
    type Net = RealNet;
    type Disk = RealDisk;
    type Keyring = K;

    fn clock(&self) -> &C {
        &self.clock
    }

    fn dice(&self) -> &RealDice {
        &self.dice
    }

    fn net(&self) -> &RealNet {
        &self.net
    }

    fn disk(&self) -> &RealDisk {
        &self.disk
    }

    fn keyring(&self) -> &K {
        &self.keyring
    }
}
