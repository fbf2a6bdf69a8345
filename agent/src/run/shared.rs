//! What all tasks of one run share: what is sealed for it, whether it has its place, what reaches it from outside.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use assent_schema::expr::Value;
use assent_schema::id::Name;

use super::content::codec;
use super::content::seal;
use super::driver::Run;
use super::events::deliver::Signals;
use super::{Deployed, lock};
use crate::content::Content;
use crate::store::{FactText, StepAt, Store};
use crate::world::World;

type Texts = BTreeMap<(Option<FactText>, Name), Value>;

pub(super) struct Shared {
    /// Answers and edited texts, which nobody could have again: by item and step.
    texts: Mutex<Texts>,
    /// The salt of what is shown, by the step that asks.
    salts: Mutex<BTreeMap<StepAt, Content<[u8; 32]>>>,
    /// The trigger, for the seal, and whether it is whole; the run's first task has it as long as no other runs.
    trigger: Mutex<Option<(bool, Content<Vec<u8>>)>>,
    /// How many tasks of the run do something; the run has its place while it is more than none.
    pub(super) busy: tokio::sync::Mutex<u32>,
    pub(super) signals: Arc<Signals>,
    /// Whether a value that anyone may have written did not fit an answer.
    pub(super) misfit: AtomicBool,
}

impl Shared {
    pub(super) fn new(signals: Arc<Signals>) -> Self {
        Self {
            texts: Mutex::default(),
            salts: Mutex::default(),
            trigger: Mutex::default(),
            busy: tokio::sync::Mutex::new(0),
            signals,
            misfit: AtomicBool::new(false),
        }
    }

    /// Keeps what a step said, for the seal.
    pub(super) fn remember(&self, item: Option<&FactText>, step: &Name, value: &Value) {
        lock(&self.texts).insert((item.cloned(), step.clone()), value.clone());
    }

    /// What is kept of one item.
    pub(super) fn remembered(&self, item: &FactText) -> Vec<(Name, Value)> {
        let texts = lock(&self.texts);
        let mine = texts.iter().filter(|((of, _), _)| of.as_ref() == Some(item));
        mine.map(|((_, step), value)| (step.clone(), value.clone())).collect()
    }

    pub(super) fn salt(&self, at: &StepAt) -> Content<[u8; 32]> {
        lock(&self.salts).get(at).cloned().unwrap_or_default()
    }

    pub(super) fn set_salt(&self, at: StepAt, salt: Content<[u8; 32]>) {
        lock(&self.salts).insert(at, salt);
    }

    /// Keeps the trigger for the seal.
    pub(super) fn set_trigger(&self, whole: bool, trigger: &Value) {
        let mut bytes = Content::new(Vec::new());
        codec::write(trigger, bytes.reveal_mut());
        *lock(&self.trigger) = Some((whole, bytes));
    }
}

impl<W: World, S: Store, D: Deployed> Run<W, S, D> {
    /// What must survive a restart, sealed: the run's key, the trigger's content, the salts of what is shown, answers and
    /// edited texts.
    pub(super) fn sealed(&self) -> Option<Vec<u8>> {
        let mut out = Content::new(Vec::with_capacity(256));
        out.reveal_mut().extend_from_slice(self.key.reveal());
        if let Some((whole, trigger)) = &*lock(&self.shared.trigger) {
            codec::write(&Value::Boolean(*whole), out.reveal_mut());
            out.reveal_mut().extend_from_slice(trigger.reveal());
        } else {
            codec::write(&Value::Boolean(self.live.trigger), out.reveal_mut());
            codec::write(&self.values.trigger, out.reveal_mut());
        }
        let salts = lock(&self.shared.salts);
        codec::write(&Value::Integer(i64::try_from(salts.len()).unwrap_or(0)), out.reveal_mut());
        for (at, salt) in &*salts {
            write_at(at.item.as_ref(), &at.step, out.reveal_mut());
            out.reveal_mut().extend_from_slice(salt.reveal());
        }
        for ((item, step), value) in &*lock(&self.shared.texts) {
            write_at(item.as_ref(), step, out.reveal_mut());
            codec::write(value, out.reveal_mut());
        }
        seal::seal(&*self.engine.world, self.id, &out)
    }

    /// Takes what was sealed before a restart, as far as it can be read.
    pub(super) fn unseal(&mut self, sealed: &[u8]) -> Option<()> {
        let opened = seal::open(&*self.engine.world, self.id, sealed)?;
        let (key, mut rest) = opened.reveal().split_first_chunk::<32>()?;
        let whole = codec::read(&mut rest)?.as_boolean()?;
        let trigger = codec::read(&mut rest)?;
        self.key = Content::new(*key);
        self.has_key = true;
        if whole {
            self.values.trigger = trigger;
            self.live.trigger = true;
        }
        let Value::Integer(salts) = codec::read(&mut rest)? else { return None };
        for _ in 0..salts {
            let (item, step) = read_at(&mut rest)?;
            let (salt, behind) = rest.split_first_chunk::<32>()?;
            rest = behind;
            self.shared.set_salt(StepAt { step, item }, Content::new(*salt));
        }
        while !rest.is_empty() {
            let (item, step) = read_at(&mut rest)?;
            let value = codec::read(&mut rest)?;
            self.shared.remember(item.as_ref(), &step, &value);
            if item.is_none() {
                self.keep(&step, value);
            }
        }
        Some(())
    }
}

fn write_at(item: Option<&FactText>, step: &Name, out: &mut Vec<u8>) {
    codec::write(&item.map_or(Value::Absent, |item| Value::text(item.as_str())), out);
    codec::write(&Value::text(step.as_str()), out);
}

fn read_at(rest: &mut &[u8]) -> Option<(Option<FactText>, Name)> {
    let item = match codec::read(rest)? {
        Value::Absent => None,
        other => Some(FactText::new(other.as_text()?)?),
    };
    let step = codec::read(rest)?;
    Some((item, Name::new(step.as_text()?).ok()?))
}
