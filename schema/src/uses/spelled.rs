//! A data use has one spelling: so whoever hashes what stands in a file, with tools of their own, names the use that counts.
//!
//! # Source
//! formats.md section 3: the digest of a use is over its canonical JSON.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// A list that is sorted and holds nothing twice.
struct Sorted<T>(BTreeSet<T>);

impl<'de, T: Deserialize<'de> + Ord> Deserialize<'de> for Sorted<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let listed = Vec::<T>::deserialize(from)?;
        if listed.is_sorted_by(|one, next| one < next) {
            Ok(Self(listed.into_iter().collect()))
        } else {
            Err(D::Error::custom("a list in a data use is sorted and holds nothing twice"))
        }
    }
}

/// For a list that is written even where it is empty.
pub(super) fn sorted<'de, T, D>(from: D) -> Result<Option<BTreeSet<T>>, D::Error>
where
    T: Deserialize<'de> + Ord,
    D: Deserializer<'de>,
{
    Sorted::deserialize(from).map(|list| Some(list.0))
}

/// For a list that is left out where it is empty.
pub(super) fn sorted_some<'de, T, D>(from: D) -> Result<BTreeSet<T>, D::Error>
where
    T: Deserialize<'de> + Ord,
    D: Deserializer<'de>,
{
    let Sorted(list) = Sorted::deserialize(from)?;
    if list.is_empty() { Err(left_out()) } else { Ok(list) }
}

/// The same, of a member that may be absent.
pub(super) fn sorted_there<'de, T, D>(from: D) -> Result<Option<BTreeSet<T>>, D::Error>
where
    T: Deserialize<'de> + Ord,
    D: Deserializer<'de>,
{
    sorted_some(from).map(Some)
}

/// For a table that is left out where it is empty.
pub(super) fn some<'de, K, V, D>(from: D) -> Result<BTreeMap<K, V>, D::Error>
where
    K: Deserialize<'de> + Ord,
    V: Deserialize<'de>,
    D: Deserializer<'de>,
{
    let table = BTreeMap::deserialize(from)?;
    if table.is_empty() { Err(left_out()) } else { Ok(table) }
}

/// A record that is written as a table: what serde derives reads a list of its members, too.
struct Table<V>(V);

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Table<V> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Members<V>(PhantomData<V>);

        impl<'de, V: Deserialize<'de>> Visitor<'de> for Members<V> {
            type Value = V;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table")
            }

            fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<V, A::Error> {
                V::deserialize(MapAccessDeserializer::new(members))
            }
        }

        from.deserialize_map(Members(PhantomData)).map(Self)
    }
}

/// For a table of records that is left out where it is empty.
pub(super) fn tables<'de, K, V, D>(from: D) -> Result<BTreeMap<K, V>, D::Error>
where
    K: Deserialize<'de> + Ord,
    V: Deserialize<'de>,
    D: Deserializer<'de>,
{
    let tables: BTreeMap<K, Table<V>> = some(from)?;
    Ok(tables.into_iter().map(|(key, Table(value))| (key, value)).collect())
}

/// For a table of lists that are sorted.
pub(super) fn some_sorted<'de, K, T, D>(from: D) -> Result<BTreeMap<K, BTreeSet<T>>, D::Error>
where
    K: Deserialize<'de> + Ord,
    T: Deserialize<'de> + Ord,
    D: Deserializer<'de>,
{
    let table: BTreeMap<K, Sorted<T>> = some(from)?;
    Ok(table.into_iter().map(|(key, Sorted(list))| (key, list)).collect())
}

/// For a list in its own order that is left out where it is empty.
pub(super) fn listed<'de, T, D>(from: D) -> Result<Vec<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    let list = Vec::deserialize(from)?;
    if list.is_empty() { Err(left_out()) } else { Ok(list) }
}

/// For a yes that is left out where it is a no.
pub(super) fn yes<'de, D: Deserializer<'de>>(from: D) -> Result<bool, D::Error> {
    if bool::deserialize(from)? { Ok(true) } else { Err(left_out()) }
}

fn left_out<E: serde::de::Error>() -> E {
    E::custom("what says nothing is left out of a data use")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::uses::DataUse;

    #[test]
    fn a_use_has_one_spelling() {
        let honest = json!({
            "kind": "effect", "workflow": "reply", "purpose": "essential.service", "operation": "desk.send", "effect": "message",
            "unattended": true, "fields": {"ticket.body": "content"}, "scopes": ["a", "b"], "deciders": {"lena": ["k1", "k2"]},
            "terms": ["one", "two"], "releases": ["y", "x"],
            "to": {"connection": "desk", "host": "desk.example", "region": "eu", "sandbox_hosts": ["s1", "s2"]},
        });
        let read = |value: &Value| serde_json::from_value::<DataUse>(value.clone());
        let parsed = read(&honest).expect("an honest use");
        assert_eq!(serde_json::to_value(parsed).expect("json"), honest);
        for (pointer, value) in [
            ("/unattended", json!(false)),
            ("/fields", json!({})),
            ("/scopes", json!(["b", "a"])),
            ("/scopes", json!(["a", "a"])),
            ("/deciders", json!({})),
            ("/deciders/lena", json!(["k2", "k1"])),
            ("/terms", json!([])),
            ("/terms", json!(["two", "one"])),
            ("/releases", json!([])),
            ("/requests", json!({})),
            ("/puts", json!({})),
            ("/puts", json!({"target": []})),
            ("/puts", json!({"target": [["ticket.order"], ["42"]]})),
            ("/puts", json!({"target": {"constants": ["b", "a"]}})),
            ("/to/sandbox_hosts", json!([])),
            ("/to/sandbox_hosts", json!(["s2", "s1"])),
        ] {
            let mut bent = honest.clone();
            let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
            bent.pointer_mut(parent).expect("a parent")[key] = value.clone();
            // Whatever is read is written as it was read.
            if let Ok(parsed) = read(&bent) {
                panic!("{pointer} {value} is taken as {}", serde_json::to_value(parsed).expect("json"));
            }
        }
    }
}
