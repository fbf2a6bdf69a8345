//! All that is outside: clock, dice, network, disk, as traits. Types and traits only.
//!
//! The engine is generic over [`World`]; `real` is production's, `sim` is the seeded one with crash points. There is no
//! way to start a task here: who drives a run decides on which executor.

mod clock;
mod dice;
mod disk;
mod inboxes;
mod keyring;
mod mail;
mod net;

pub use clock::{Clock, Wall};
pub use dice::Dice;
pub use disk::{Disk, DiskFailure};
pub use inboxes::{Inboxes, Seen};
pub use keyring::Keyring;
pub use mail::{Mail, MailFailure};
pub use net::{HttpRequest, HttpResponse, Net, NetFailure};

/// The outside as one value. Cheap to share behind an `Arc`.
pub trait World: Send + Sync + 'static {
    /// Its clock.
    type Clock: Clock;
    /// Its dice.
    type Dice: Dice;
    /// Its network.
    type Net: Net;
    /// Its state folder.
    type Disk: Disk;
    /// Where keys live that must die by themselves.
    type Keyring: Keyring;

    /// The clock.
    fn clock(&self) -> &Self::Clock;
    /// The dice.
    fn dice(&self) -> &Self::Dice;
    /// The network.
    fn net(&self) -> &Self::Net;
    /// The state folder.
    fn disk(&self) -> &Self::Disk;
    /// Keys that die by themselves.
    fn keyring(&self) -> &Self::Keyring;
}

/// One value that is all of the outside.
pub trait Whole: Clock + Dice + Net + Disk + Keyring + 'static {}

impl<W: Whole> World for W {
    type Clock = Self;
    type Dice = Self;
    type Net = Self;
    type Disk = Self;
    type Keyring = Self;

    fn clock(&self) -> &Self {
        self
    }

    fn dice(&self) -> &Self {
        self
    }

    fn net(&self) -> &Self {
        self
    }

    fn disk(&self) -> &Self {
        self
    }

    fn keyring(&self) -> &Self {
        self
    }
}
