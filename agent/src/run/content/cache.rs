//! Answers of reads that are kept for a while, sealed, so that a next run need not ask again.
//!
//! An answer is found by a keyed hash of the request under the key of the hour in which it was kept. That key dies within
//! 23 hours, in the kernel, and with it goes what could be read of the answer and what could be told of the request.
//!
//! # Source
//! engine.md section 4; language.md section 5, "Sinks". Promise P02.

use std::sync::atomic::Ordering;
use std::time::Duration;

use assent_schema::canon::Digest;
use assent_schema::expr::Value;
use assent_schema::id::ClientId;

use crate::content::Content;
use crate::request::keyed::{Purpose, keyed};
use crate::request::{Answer, Built};
use crate::run::Deployed;
use crate::run::compiled::CompiledCall;
use crate::run::content::codec;
use crate::run::content::seal;
use crate::run::driver::Run;
use crate::store::{RunId, Store, Write};
use crate::world::{Clock as _, World};

/// The most answers that are kept at one time; further ones are not, and are read again.
const KEPT_MOST: usize = 10_000;
/// The hours in which what was kept can still be opened.
const HOURS_MOST: i64 = 24;
/// Where kept answers stand among the named values.
const PREFIX: &str = "cache/";

/// Where an answer is kept: under the hash by which it is found.
pub(in crate::run) struct Place {
    /// By hour: the hash under that hour's key.
    request: Vec<u8>,
    most: Duration,
}

impl<W: World, S: Store, D: Deployed> Run<W, S, D> {
    /// Where the answer to a request is kept; nothing for a step that keeps none.
    pub(in crate::run) fn place(&self, call: &CompiledCall, built: &Built) -> Option<Place> {
        let most = call.cache?.duration();
        let mut request = self.compiled.digest.to_string().into_bytes();
        request.extend(call.name.to_string().bytes());
        // Under no secret of ours: only what comes of it under an hour's key is stored.
        request.extend(built.keyed(&[0; 32]).to_string().bytes());
        Some(Place { request, most })
    }

    /// An answer that was kept and is young enough.
    pub(in crate::run) fn kept(&self, place: &Place) -> Option<Answer> {
        let world = &*self.engine.world;
        let now = seal::hour_of(world.clock().now());
        let hours = i64::try_from(place.most.as_secs() / 3_600).unwrap_or(HOURS_MOST).min(HOURS_MOST);
        (now.saturating_sub(hours).saturating_sub(1)..=now).rev().find_map(|hour| {
            let key = seal::known_key(world, hour)?;
            let row = self.engine.store.state(&name(hour, &self.accepted.client, &key, &place.request)).ok()??;
            let (run, sealed) = row.split_first_chunk::<16>()?;
            let opened = seal::open_within(world, RunId::from_bytes(*run), sealed, place.most)?;
            match codec::read(&mut opened.reveal().as_slice())? {
                Value::Record(ref fields) => Some(Answer { fields: fields.clone(), ..Answer::default() }),
                _ => None,
            }
        })
    }

    /// Keeps an answer, with the outcome of its step. What cannot be kept is read again, and harms nobody.
    pub(in crate::run) fn keep_answer(&mut self, place: &Place, answer: &Answer) {
        let hour = seal::hour_of(self.engine.world.clock().now());
        self.sweep(hour);
        if self.engine.kept.load(Ordering::Relaxed) >= KEPT_MOST {
            return;
        }
        let mut plain = Content::new(Vec::with_capacity(256));
        codec::write(&Value::Record(answer.fields.clone()), plain.reveal_mut());
        let world = &*self.engine.world;
        let Some(sealed) = seal::seal(world, self.id, &plain) else { return };
        let Some(key) = seal::known_key(world, hour) else { return };
        let name = name(hour, &self.accepted.client, &key, &place.request);
        let value = self.id.as_bytes().iter().copied().chain(sealed).collect();
        self.pending.push(Write::State { name, value: Some(value) });
        self.engine.kept.fetch_add(1, Ordering::Relaxed);
    }

    /// Once an hour, removes what nothing can open any more.
    fn sweep(&mut self, hour: i64) {
        if self.engine.swept.swap(hour, Ordering::Relaxed) == hour {
            return;
        }
        let Ok(rows) = self.engine.store.states(PREFIX) else { return };
        let is_old = |name: &str| {
            let kept = name.strip_prefix(PREFIX).and_then(|rest| rest.split('/').next()?.parse::<i64>().ok());
            kept.is_none_or(|kept| kept < hour.saturating_sub(HOURS_MOST))
        };
        let (old, young): (Vec<_>, Vec<_>) = rows.into_iter().map(|(name, _)| name).partition(|name| is_old(name));
        self.engine.kept.store(young.len(), Ordering::Relaxed);
        self.pending.extend(old.into_iter().map(|name| Write::State { name, value: None }));
    }
}

/// The name under which an answer is kept: an hour, a client, and a hash that tells nothing once the hour's key is gone.
fn name(hour: i64, client: &ClientId, key: &Content<[u8; 32]>, request: &[u8]) -> String {
    let hash: Digest = keyed(key.reveal(), Purpose::Cached, request);
    format!("{PREFIX}{hour}/{client}/{hash}")
}
