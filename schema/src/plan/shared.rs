//! A table whose values are shared in memory, written as if they were not.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Writes the table of the values.
pub(super) fn serialize<K, V, S>(table: &BTreeMap<K, Arc<V>>, serializer: S) -> Result<S::Ok, S::Error>
where
    K: Serialize,
    V: Serialize,
    S: Serializer,
{
    serializer.collect_map(table.iter().map(|(key, value)| (key, &**value)))
}

/// Reads the table of the values.
pub(super) fn deserialize<'de, K, V, D>(deserializer: D) -> Result<BTreeMap<K, Arc<V>>, D::Error>
where
    K: Deserialize<'de> + Ord,
    V: Deserialize<'de>,
    D: Deserializer<'de>,
{
    let table = BTreeMap::<K, V>::deserialize(deserializer)?;
    Ok(table.into_iter().map(|(key, value)| (key, Arc::new(value))).collect())
}
