//! The simulated world: clock, dice, network, disk and crashes from one seed. Nothing here is real; nothing here sleeps.
//!
//! One [`Host`] is a machine: its clock goes on, its disk, its kernel's keyring and the services that it talks to stay,
//! whatever happens to the process on it. [`Host::boot`] gives the world of one process. [`run`] drives its tasks until all
//! have ended, nothing can go on any more, or a crash point stops it; then all its tasks are gone at once.

mod devices;
mod exec;
mod host;
mod script;
mod sent;
mod service;
mod stage;
mod wire;

pub use exec::{Spawner, Stop, run};
pub use host::{Crash, Host, Point, SimWorld, Strike};
pub use script::{Script, Seen};
pub use sent::Sent;
pub use service::{Done, Reply, Service};
pub use stage::{Newest, NoBooks, Stage};
pub use wire::read_wire;
