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

/// Events of one client in one second, unless the client says otherwise.
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
    rate: Rate,
    bucket: Bucket,
}

impl Doors {
    /// Lets one event in, at the rate that the client may have; it must [`leave`](Self::leave) again. The caller knows that
    /// the client is deployed.
    ///
    /// # Errors
    /// How long to wait.
    pub fn enter(&mut self, client: &ClientId, rate: Option<Rate>, now: Duration) -> Result<(), Duration> {
        let rate = rate.unwrap_or(RATE);
        let door = self.0.entry(client.clone());
        let door = door.or_insert_with(|| Door { inside: 0, rate, bucket: Bucket::new(rate) });
        if door.rate != rate {
            // A newer release says otherwise.
            (door.rate, door.bucket) = (rate, Bucket::new(rate));
        }
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
            assert_eq!(doors.enter(&acme, None, now), Ok(()));
        }
        assert_eq!(doors.enter(&acme, None, now), Err(AFTER));
        assert_eq!(doors.enter(&zenith, None, now), Ok(()));
        doors.leave(&acme);
        assert_eq!(doors.enter(&acme, None, now), Ok(()));
    }

    #[test]
    fn a_rate_holds_also_when_each_event_is_quick() {
        let acme = ClientId::new("acme").unwrap();
        let mut doors = Doors::default();
        let now = Duration::from_secs(100);
        let entered = (0..RATE.requests)
            .take_while(|_| doors.enter(&acme, None, now).map(|()| doors.leave(&acme)).is_ok())
            .count();
        assert!(entered > 0 && entered < RATE.requests as usize);
        assert_eq!(doors.enter(&acme, None, now + Duration::from_millis(10)), Ok(()));
    }

    #[test]
    fn a_client_has_the_rate_that_it_says_and_another_with_its_next_release() {
        let acme = ClientId::new("acme").unwrap();
        let [few, more] = [20, 40].map(|requests| Rate { requests, per: Period::minutes(1) });
        let (mut doors, now) = (Doors::default(), Duration::from_secs(100));
        let mut entered = |rate| (0..10).take_while(|_| doors.enter(&acme, Some(rate), now).is_ok()).count();
        assert_eq!((entered(few), entered(few), entered(more)), (2, 0, 4));
    }
}
