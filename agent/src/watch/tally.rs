//! What happened so often since this process began, by client, by workflow or connection, and by code. Pure.
//!
//! Labels are ids of verified plans and codes from closed lists. Both are bounded here as well: what goes beyond is counted
//! under [`OTHER`], so that whoever sends or answers makes no series.

use std::collections::BTreeMap;

use assent_schema::id::ClientId;

use super::numbers::{Sample, float};

/// The most workflows or connections with series of their own.
const PLACES_MOST: usize = 10_000;
/// The most codes of one of them with a series of their own.
const CODES_MOST: usize = 64;
/// The code under which all others are counted.
pub const OTHER: &str = "other";

/// Counts by code, of workflows or of connections.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    places: BTreeMap<(ClientId, String), BTreeMap<String, u64>>,
}

impl Tally {
    /// Counts one. `of` is the id of a workflow or of a connection.
    pub fn count(&mut self, client: &ClientId, of: &str, code: &str) {
        self.add(client, of, code, 1);
    }

    fn add(&mut self, client: &ClientId, of: &str, code: &str, more: u64) {
        let place = (client.clone(), of.to_owned());
        if self.places.len() >= PLACES_MOST && !self.places.contains_key(&place) {
            return;
        }
        let codes = self.places.entry(place).or_default();
        let full = codes.len() >= CODES_MOST && !codes.contains_key(code);
        let count = codes.entry(if full { OTHER } else { code }.to_owned()).or_default();
        *count = count.saturating_add(more);
    }

    /// Both together.
    #[must_use]
    pub fn with(mut self, other: &Self) -> Self {
        for ((client, of), codes) in &other.places {
            for (code, count) in codes {
                self.add(client, of, code, *count);
            }
        }
        self
    }

    /// As samples; `label` says what the counts are of.
    pub fn samples(&self, label: &'static str) -> Vec<Sample> {
        let of_place = |((client, of), codes): (&(ClientId, String), &BTreeMap<String, u64>)| -> Vec<Sample> {
            let labels =
                |code: &String| vec![("client", client.to_string()), (label, of.clone()), ("code", code.clone())];
            codes.iter().map(|(code, count)| (labels(code), float(*count))).collect()
        };
        self.places.iter().flat_map(of_place).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_never_more_series_than_places_and_codes() {
        let client: ClientId = "acme".parse().unwrap();
        let mut tally = Tally::default();
        for n in 0..CODES_MOST + 10 {
            tally.count(&client, "shop", &format!("c-{n:03}"));
        }
        tally.count(&client, "shop", "c-000");
        let codes = &tally.places[&(client.clone(), "shop".to_owned())];
        assert_eq!((codes.len(), codes["c-000"], codes[OTHER]), (CODES_MOST + 1, 2, 10));
        for n in 0..PLACES_MOST + 10 {
            tally.count(&client, &format!("p-{n}"), "ok");
        }
        assert_eq!(tally.places.len(), PLACES_MOST);
    }

    #[test]
    fn two_are_told_as_one() {
        let client: ClientId = "acme".parse().unwrap();
        let (mut one, mut two) = (Tally::default(), Tally::default());
        one.count(&client, "shop", "ok");
        two.count(&client, "shop", "ok");
        two.count(&client, "desk", "http_503");
        let told: Vec<_> = one
            .with(&two)
            .samples("connection")
            .into_iter()
            .map(|(labels, value)| {
                (labels.into_iter().map(|(name, of)| format!("{name}={of}")).collect::<Vec<_>>().join(","), value)
            })
            .collect();
        let one = |text: &str, value| (text.to_owned(), value);
        assert_eq!(
            told,
            [one("client=acme,connection=desk,code=http_503", 1.0), one("client=acme,connection=shop,code=ok", 2.0)]
        );
    }
}
