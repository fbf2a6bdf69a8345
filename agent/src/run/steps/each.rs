//! The step that does some steps for each item of a list.
//!
//! # Source
//! language.md section 3, engine.md section 3: the journal goes by the items' keys.

use std::collections::{BTreeMap, BTreeSet};

use assent_schema::expr::Value;
use assent_schema::id::Name;
use assent_schema::plan::OnItemError;

use crate::run::Deployed;
use crate::run::compiled::{CompiledEach, CompiledStep};
use crate::run::driver::{End, Run, Stop, expression_failed};
use crate::run::life::machine::Scope;
use crate::run::life::progress::{Stand, Walk};
use crate::run::steps::parts::{Part, PartEnd, how};
use crate::store::{Ending, Entry, FactText, ItemEnd, Store};
use crate::world::World;

/// A key that is no fact, or that several items have.
const BAD_KEY: &str = "bad_item_key";

/// The items of a list, by key.
struct Items {
    /// In the order of the list.
    keys: Vec<FactText>,
    values: BTreeMap<FactText, Value>,
    /// Keys that several items have: nobody knows which of them is meant, so none is done.
    shared: BTreeSet<FactText>,
}

impl<W: World, S: Store, D: Deployed> Run<W, S, D> {
    /// Goes on with every item that is left, and ends when none is.
    pub(in crate::run) async fn each(&mut self, step: &CompiledStep, each: &CompiledEach) -> Result<(), Stop> {
        let items = self.items(step, each)?;
        self.begin_walk(step, each, &items)?;
        loop {
            let parts = self.parts(step, each, &items);
            if parts.is_empty() {
                break;
            }
            let at_once = usize::try_from(each.parallel).unwrap_or(1);
            let halt = |end: &PartEnd| match how(end) {
                Some((ItemEnd::Failed, _)) => each.on_error == OnItemError::Stop,
                Some(_) => false,
                None => !matches!(end, PartEnd::Needs(_)),
            };
            let finished = self.apart(parts, at_once, halt).await?;
            let mut needs = BTreeSet::new();
            let mut ended = None;
            for part in finished {
                let Some(item) = part.item else { continue };
                if let Some((how, code)) = how(&part.end) {
                    self.note_fact(&Entry::Item { step: step.id.clone(), item: item.clone(), how, code });
                }
                self.progress.items.insert(item.clone(), part.progress);
                match part.end {
                    PartEnd::Ended(end) => {
                        let end = End { item: Some(item), ..end };
                        let collects =
                            each.on_error == OnItemError::Collect && how(&PartEnd::Ended(end.clone())).is_some();
                        ended = ended.or((!collects).then_some(end));
                    }
                    PartEnd::Needs(paths) => needs.extend(paths),
                    PartEnd::Done(_) | PartEnd::Leave => {}
                }
            }
            if let Some(end) = ended {
                return Err(end.into());
            }
            self.supply(&needs).await?;
        }
        self.walked(step, each)
    }

    /// No item is left: the counts can be read, or the run ends where an item failed before a restart.
    fn walked(&mut self, step: &CompiledStep, each: &CompiledEach) -> Result<(), Stop> {
        let Some(Stand::Walking(walk)) = self.progress.stand(&step.id) else { return Ok(()) };
        let walk = (**walk).clone();
        if !walk.is_over(each.on_error) {
            let failed = walk.over.iter().find(|(_, (how, _))| *how == ItemEnd::Failed);
            let (item, code) = failed.map_or((None, None), |(item, (_, code))| (Some(item.clone()), code.clone()));
            return Err(End { item, code, ..End::early(Ending::Failed, &step.id, "item_failed") }.into());
        }
        self.take_counts(&step.id, &walk);
        Ok(())
    }

    /// The list as it is now.
    fn items(&mut self, step: &CompiledStep, each: &CompiledEach) -> Result<Items, Stop> {
        let list = self.values.eval(&each.over).map_err(|error| expression_failed(step, &error))?;
        // What is not there has no items.
        let list: &[Value] = if let Value::List(list) = &list { list } else { &[] };
        let mut items =
            Items { keys: Vec::with_capacity(list.len()), values: BTreeMap::new(), shared: BTreeSet::new() };
        for value in list {
            let before = self.values.steps.insert(each.item.clone(), value.clone());
            let key = self.values.eval(&each.key);
            let value = match before {
                Some(before) => self.values.steps.insert(each.item.clone(), before),
                None => self.values.steps.remove(&each.item),
            };
            let key = key.map_err(|error| expression_failed(step, &error))?;
            let key = key_of(&key).ok_or_else(|| End::early(Ending::Failed, &step.id, BAD_KEY))?;
            if items.values.insert(key.clone(), value.unwrap_or_default()).is_none() {
                items.keys.push(key);
            } else {
                items.shared.insert(key);
            }
        }
        Ok(items)
    }

    /// The items that this run takes up are those of the first time; what is no longer there is counted and skipped.
    fn begin_walk(&mut self, step: &CompiledStep, each: &CompiledEach, items: &Items) -> Result<(), Stop> {
        let gone: Vec<FactText> = if let Some(Stand::Walking(walk)) = self.progress.stand(&step.id) {
            let left = walk.items.iter().filter(|item| !walk.over.contains_key(*item));
            left.filter(|item| !items.values.contains_key(*item)).cloned().collect()
        } else {
            let most = usize::try_from(each.max).unwrap_or(usize::MAX);
            if items.keys.len() > most {
                return Err(End::early(Ending::Failed, &step.id, "too_many_items").into());
            }
            // Before anything is done; where items that fail are counted, those that nobody can tell apart are.
            if each.on_error == OnItemError::Stop && !items.shared.is_empty() {
                return Err(End::early(Ending::Failed, &step.id, BAD_KEY).into());
            }
            self.record(Entry::Walked { step: step.id.clone(), items: items.keys.clone() });
            Vec::new()
        };
        for item in gone {
            // What it did stays done. Of what it may have done nobody can find out any more: that is for people.
            let doubt = self.progress.items.get(&item).is_some_and(|progress| progress.is_in_doubt(step.inner()));
            let (how, code) =
                if doubt { (ItemEnd::Failed, Some("in_doubt".to_owned())) } else { (ItemEnd::Gone, None) };
            self.record(Entry::Item { step: step.id.clone(), item, how, code });
        }
        let Some(Stand::Walking(walk)) = self.progress.stand(&step.id) else { return Ok(()) };
        let left = walk.items.iter().filter(|item| !walk.over.contains_key(*item) && items.shared.contains(*item));
        for item in left.cloned().collect::<Vec<_>>() {
            let doubt = self.progress.items.get(&item).is_some_and(|progress| progress.is_in_doubt(step.inner()));
            let code = Some(if doubt { "in_doubt" } else { BAD_KEY }.to_owned());
            self.record(Entry::Item { step: step.id.clone(), item, how: ItemEnd::Failed, code });
        }
        Ok(())
    }

    /// The items that are left. Once one failed, only those that had begun.
    fn parts(&mut self, step: &CompiledStep, each: &CompiledEach, items: &Items) -> Vec<Part> {
        let Some(Stand::Walking(walk)) = self.progress.stand(&step.id) else { return Vec::new() };
        let failed = each.on_error == OnItemError::Stop && walk.count(ItemEnd::Failed) > 0;
        let left: Vec<FactText> = walk.items.iter().filter(|item| !walk.over.contains_key(*item)).cloned().collect();
        let mut parts = Vec::new();
        for item in left {
            let begun = self.progress.items.get(&item).is_some_and(|progress| !progress.steps.is_empty());
            if failed && !begun {
                continue;
            }
            let progress = self.progress.items.remove(&item).unwrap_or_default();
            let value = items.values.get(&item).cloned().map(|value| (each.item.clone(), value));
            parts.push(Part { scope: Scope::Item(step.id.clone()), item: Some(item), progress, value });
        }
        parts
    }

    /// What later steps can read of an `each`.
    pub(in crate::run) fn take_counts(&mut self, step: &Name, walk: &Walk) {
        let count = |name: &str, how: ItemEnd| {
            Some((Name::new(name).ok()?, Value::Integer(i64::try_from(walk.count(how)).unwrap_or(i64::MAX))))
        };
        let counts = [count("done", ItemEnd::Done), count("failed", ItemEnd::Failed), count("skipped", ItemEnd::Gone)];
        self.values.steps.insert(step.clone(), Value::Record(counts.into_iter().flatten().collect()));
    }
}

/// A key as a token: only what could be a fact is one.
fn key_of(value: &Value) -> Option<FactText> {
    match value {
        Value::Text(text) => FactText::new(text),
        Value::Integer(n) => FactText::new(&n.to_string()),
        _ => None,
    }
}
