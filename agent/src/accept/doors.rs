//! A door for each client: how many events are judged at once, and how many a second. A noisy client harms itself alone.
//!
//! Asked before a signature is checked, so that a flood of forgeries costs little.
//!
//! # Source
//! engine.md section 2.

use std::collections::BTreeMap;
use std::time::Duration;

use assent_schema::id::ClientId;
use assent_schema::plan::Rate;
use assent_schema::time::Period;

use crate::retry::Bucket;

/// Events of one client in one second.
pub const RATE: Rate = Rate { requests: 20_000, per: Period::seconds(1) };
/// Events of one client that are judged at once.
pub const AT_ONCE_MOST: u32 = 512;
/// When a client may try again after all its places were taken.
const AFTER: Duration = Duration::from_secs(1);

/// The doors of all clients that are deployed. Unknown clients have none, so that nobody can fill the memory with names.
#[derive(Default)]
pub struct Doors(BTreeMap<ClientId, Door>);

struct Door {
    inside: u32,
    bucket: Bucket,
}

impl Doors {
    /// Lets one event in; it must [`leave`](Self::leave) again. The caller knows that the client is deployed.
    ///
    /// # Errors
    /// How long to wait.
    pub fn enter(&mut self, client: &ClientId, now: Duration) -> Result<(), Duration> {
        let door = self.0.entry(client.clone()).or_insert_with(|| Door { inside: 0, bucket: Bucket::new(RATE) });
        if door.inside >= AT_ONCE_MOST {
            return Err(AFTER);
        }
        let wait = door.bucket.wait(now);
        if !wait.is_zero() {
            return Err(wait);
        }
        door.bucket.take(now);
        door.inside += 1;
        Ok(())
    }

    /// One event of the client is done.
    pub fn leave(&mut self, client: &ClientId) {
        if let Some(door) = self.0.get_mut(client) {
            door.inside = door.inside.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_noisy_client_harms_itself_alone() {
        let (acme, zenith) = (ClientId::new("acme").unwrap(), ClientId::new("zenith").unwrap());
        let mut doors = Doors::default();
        let now = Duration::from_secs(100);
        for _ in 0..AT_ONCE_MOST {
            assert_eq!(doors.enter(&acme, now), Ok(()));
        }
        assert_eq!(doors.enter(&acme, now), Err(AFTER));
        assert_eq!(doors.enter(&zenith, now), Ok(()));
        doors.leave(&acme);
        assert_eq!(doors.enter(&acme, now), Ok(()));
    }

    #[test]
    fn a_rate_holds_also_when_each_event_is_quick() {
        let acme = ClientId::new("acme").unwrap();
        let mut doors = Doors::default();
        let now = Duration::from_secs(100);
        let entered =
            (0..RATE.requests).take_while(|_| doors.enter(&acme, now).map(|()| doors.leave(&acme)).is_ok()).count();
        assert!(entered > 0 && entered < RATE.requests as usize);
        assert_eq!(doors.enter(&acme, now + Duration::from_millis(10)), Ok(()));
    }
}
