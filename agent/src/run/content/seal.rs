//! Content that a run may need after a restart, sealed under a key that dies by itself.
//!
//! The key of an hour begins anew each hour and lives for less than a day in the kernel's keyring, so what was sealed is
//! gone by then, whether or not this program still runs.
//!
//! # Source
//! engine.md section 4. Promises P02, P04.

use std::time::Duration;

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};

use crate::content::Content;
use crate::request::keyed::{Purpose, keyed};
use crate::store::RunId;
use crate::world::{Clock as _, Dice as _, Keyring as _, Wall, World};

/// How long the key of an hour lives: below 24 hours even for what was sealed in the hour's first second.
pub(in crate::run) const KEY_LIVES: Duration = Duration::from_hours(23);

const HOUR_MILLIS: i64 = 3_600_000;
const HEAD_BYTES: usize = 8 + 8 + 24;

/// Seals content of a run. `None` when sealing fails, which leaves the run without a cache and harms nothing else.
///
/// # Shape
/// Hour (8 bytes), boot time in milliseconds (8), nonce (24), ciphertext. The run's id is authenticated.
pub(in crate::run) fn seal<W: World>(world: &W, run: RunId, content: &Content<Vec<u8>>) -> Option<Vec<u8>> {
    let hour = world.clock().now().millis().div_euclid(HOUR_MILLIS);
    let key = hour_key(world, hour);
    let nonce: [u8; 24] = world.dice().bytes();
    let boot = u64::try_from(world.clock().boot().as_millis()).ok()?;
    let mut out = Vec::with_capacity(HEAD_BYTES.saturating_add(content.reveal().len()).saturating_add(16));
    out.extend(hour.to_be_bytes());
    out.extend(boot.to_be_bytes());
    out.extend(nonce);
    let payload = Payload { msg: content.reveal(), aad: run.as_bytes() };
    let key = run_key(&key, run);
    let sealed = XChaCha20Poly1305::new(key.reveal().into()).encrypt(XNonce::from_slice(&nonce), payload).ok()?;
    out.extend(sealed);
    Some(out)
}

/// Opens what was sealed, while its key lives and the host was not booted since.
pub(in crate::run) fn open<W: World>(world: &W, run: RunId, sealed: &[u8]) -> Option<Content<Vec<u8>>> {
    open_within(world, run, sealed, KEY_LIVES)
}

/// As [`open`], for what was sealed less than so long ago.
pub(in crate::run) fn open_within<W: World>(
    world: &W,
    run: RunId,
    sealed: &[u8],
    most: Duration,
) -> Option<Content<Vec<u8>>> {
    let (hour, rest) = sealed.split_first_chunk::<8>()?;
    let (boot, rest) = rest.split_first_chunk::<8>()?;
    let (nonce, ciphertext) = rest.split_first_chunk::<24>()?;
    let age = world.clock().boot().checked_sub(Duration::from_millis(u64::from_be_bytes(*boot)))?;
    if age >= most.min(KEY_LIVES) {
        return None;
    }
    let key = run_key(&known_key(world, i64::from_be_bytes(*hour))?, run);
    let payload = Payload { msg: ciphertext, aad: run.as_bytes() };
    let cipher = XChaCha20Poly1305::new(key.reveal().into());
    cipher.decrypt(XNonce::from_slice(nonce), payload).ok().map(Content::new)
}

fn name(hour: i64) -> String {
    format!("epoch/{hour}")
}

/// The key of an hour, while it lives.
pub(in crate::run) fn known_key<W: World>(world: &W, hour: i64) -> Option<Content<[u8; 32]>> {
    world.keyring().get(&name(hour))
}

/// A run's own key under the key of an hour.
fn run_key(hour: &Content<[u8; 32]>, run: RunId) -> Content<[u8; 32]> {
    Content::new(*keyed(hour.reveal(), Purpose::Run, run.as_bytes()).as_bytes())
}

fn hour_key<W: World>(world: &W, hour: i64) -> Content<[u8; 32]> {
    let name = name(hour);
    if let Some(key) = world.keyring().get(&name) {
        return key;
    }
    let key = Content::new(world.dice().bytes());
    // Where the keyring is not allowed the key lives in this process alone; then a restart loses it, as it should.
    let _outlives = world.keyring().put(&name, &key, KEY_LIVES);
    key
}

/// The hour that a time lies in, for names of sums.
pub(in crate::run) fn hour_of(at: Wall) -> i64 {
    at.millis().div_euclid(HOUR_MILLIS)
}

#[cfg(test)]
#[path = "seal_tests.rs"]
mod process_tests;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::{Host, Reply};
    use crate::world::{HttpRequest, NetFailure};
    use assent_schema::time::Moment;

    fn host() -> Host {
        let nobody = |_: Wall, _: HttpRequest| Reply { result: Err(NetFailure::NeverConnected), after: Duration::ZERO };
        Host::new(1, Moment::from_seconds(1_772_442_000), nobody)
    }

    fn run(n: u8) -> RunId {
        RunId::from_bytes([n; 16])
    }

    #[test]
    fn what_is_sealed_opens_for_its_run_alone_until_the_key_is_gone() {
        let host = host();
        let world = host.boot();
        let sealed = seal(&world, run(1), &Content::new(b"canary".to_vec())).unwrap();
        assert!(!sealed.windows(6).any(|w| w == b"canary"));
        let later = host.boot();
        assert_eq!(open(&later, run(1), &sealed).unwrap().reveal(), b"canary");
        assert!(open(&later, run(2), &sealed).is_none());
        assert!(open(&later, run(1), &sealed[..30]).is_none());
        host.forget_keys();
        assert!(open(&later, run(1), &sealed).is_none());
    }

    #[test]
    fn nothing_opens_after_23_hours_on_the_boot_clock() {
        let host = host();
        let world = host.boot();
        let sealed = seal(&world, run(1), &Content::new(b"canary".to_vec())).unwrap();
        let spawner = crate::sim::Spawner::default();
        let clock = world.clone();
        crate::sim::run(&world, &spawner, async move { clock.sleep(KEY_LIVES).await });
        assert!(open(&world, run(1), &sealed).is_none());
    }
}
