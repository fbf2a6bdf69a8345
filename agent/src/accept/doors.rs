//! A door for each client: how many events are judged at once, and how many a second. A noisy client harms itself alone.
//!
//! A place, and a turn in what one client may send at all, are asked for before a signature is checked, so that a flood of
//! forgeries costs little. The rate that a client says is counted behind it: strangers use up nothing of it.
//!
//! # Source
//! engine.md section 2.

use std::collections::BTreeMap;
use std::time::Duration;

use assent_schema::id::ClientId;
use assent_schema::plan::Rate;
use assent_schema::time::Period;

use crate::retry::Bucket;

/// What is taken for one client in one second to see whether it is genuine, whoever sends it.
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
    /// Whatever comes.
    all: Bucket,
    /// What is genuine, at the rate that the client says.
    genuine: Option<(Rate, Bucket)>,
}

impl Doors {
    /// Lets one event in to be looked at; it must [`leave`](Self::leave) again. The caller knows that the client is deployed.
    ///
    /// # Errors
    /// How long to wait.
    pub fn enter(&mut self, client: &ClientId, now: Duration) -> Result<(), Duration> {
        let door = self.0.entry(client.clone());
        let door = door.or_insert_with(|| Door { inside: 0, all: Bucket::new(RATE), genuine: None });
        if door.inside >= AT_ONCE_MOST {
            return Err(AFTER);
        }
        turn(&mut door.all, now)?;
        door.inside += 1;
        Ok(())
    }

    /// Counts an event that entered and was found genuine, at the rate that the client may have.
    ///
    /// # Errors
    /// How long to wait.
    pub fn count(&mut self, client: &ClientId, rate: Option<Rate>, now: Duration) -> Result<(), Duration> {
        let (Some(door), Some(rate)) = (self.0.get_mut(client), rate) else { return Ok(()) };
        match &mut door.genuine {
            Some((known, bucket)) if *known == rate => turn(bucket, now),
            // The first one, or a newer release says otherwise.
            genuine => turn(&mut genuine.insert((rate, Bucket::new(rate))).1, now),
        }
    }

    /// One event of the client is done.
    pub fn leave(&mut self, client: &ClientId) {
        if let Some(door) = self.0.get_mut(client) {
            door.inside = door.inside.saturating_sub(1);
        }
    }
}

/// Takes a turn if it is now.
fn turn(bucket: &mut Bucket, now: Duration) -> Result<(), Duration> {
    let wait = bucket.wait(now);
    if !wait.is_zero() {
        return Err(wait);
    }
    bucket.take(now);
    Ok(())
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

    #[test]
    fn a_client_has_the_rate_that_it_says_and_another_with_its_next_release() {
        let acme = ClientId::new("acme").unwrap();
        let [few, more] = [20, 40].map(|requests| Rate { requests, per: Period::minutes(1) });
        let (mut doors, now) = (Doors::default(), Duration::from_secs(100));
        let mut counted = |rate, genuine: bool| {
            let mut one = || {
                doors.enter(&acme, now)?;
                if genuine { doors.count(&acme, Some(rate), now) } else { Ok(()) }
            };
            (0..10).take_while(|_| one().is_ok()).count()
        };
        assert_eq!(counted(few, false), 10, "what is not genuine uses up nothing of it");
        assert_eq!((counted(few, true), counted(few, true), counted(more, true)), (2, 0, 4));
    }
}
