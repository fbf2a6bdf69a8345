//! The tree over one log as the store keeps it: roots of whole tiles, and the leaves of the tile that is asked about.
//!
//! What comes from here is verified against a signed root before it is given out: a tile's root that was changed makes a
//! proof that fails, never one that holds.

use assent_schema::canon::Digest;
use assent_schema::ledger::Frontier;
use assent_schema::ledger::tree::{Span, TILE, leaf, root_of_tiles};

use crate::store::{Log, Store, StoreError};

/// How many rows are read at once.
const PAGE: usize = 1_000;

/// The tree over the beginning of one log.
pub(super) struct Tiles<'a, S: Store> {
    store: &'a S,
    log: &'a Log,
    size: u64,
    roots: Vec<Digest>,
}

impl<'a, S: Store> Tiles<'a, S> {
    /// The tree over the first `size` rows, which must be there.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(super) fn open(store: &'a S, log: &'a Log, size: u64) -> Result<Self, StoreError> {
        let whole = size / TILE;
        let kept = store.ledger_tiles(log)?;
        let roots: Vec<Digest> =
            (0..whole).zip(&kept).map_while(|(at, tile)| (tile.at == at).then_some(tile.root)).collect();
        let mut tiles = Self { store, log, size, roots };
        // Logs that are older than tiles have none for their beginning: those are computed.
        let mut at = tiles.roots.len() as u64;
        while at < whole {
            let root = match kept.iter().find(|tile| tile.at == at) {
                Some(tile) => tile.root,
                None => root_of_tiles(&[], &tiles.leaves((at * TILE, (at + 1) * TILE))?),
            };
            tiles.roots.push(root);
            at += 1;
        }
        Ok(tiles)
    }

    /// The roots over these spans, in order.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(super) fn path(&self, spans: &[Span]) -> Result<Vec<Digest>, StoreError> {
        spans.iter().map(|span| self.root(*span)).collect()
    }

    fn root(&self, (begin, end): Span) -> Result<Digest, StoreError> {
        if end - begin < TILE {
            return Ok(root_of_tiles(&[], &self.leaves((begin, end))?));
        }
        let whole = |at: u64| usize::try_from(at / TILE).unwrap_or(usize::MAX);
        let tiles = self.roots.get(whole(begin)..whole(end)).ok_or(StoreError::Damaged("a tile of the ledger"))?;
        Ok(root_of_tiles(tiles, &self.leaves((end / TILE * TILE, end))?))
    }

    fn leaves(&self, (begin, end): Span) -> Result<Vec<Digest>, StoreError> {
        let most = usize::try_from(end - begin).unwrap_or(usize::MAX);
        let rows = self.store.ledger_rows(self.log, begin, most)?;
        if rows.len() == most { Ok(rows.iter().map(|row| leaf(&row.commitment)).collect()) } else { Err(missing()) }
    }

    /// The rows among which one is not as it was when it was written: those of the first tile that has another root, or
    /// those after the last tile, for which nothing is kept.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(super) fn changed(&self) -> Result<Span, StoreError> {
        let mut frontier = Frontier::new();
        let mut kept = self.roots.iter();
        while frontier.size() < self.size {
            let page = self.store.ledger_rows(self.log, frontier.size(), PAGE)?;
            if page.is_empty() {
                return Err(missing());
            }
            for row in page {
                let Some(tile) = frontier.append(&row.commitment) else { continue };
                if kept.next().is_some_and(|kept| *kept != tile) {
                    return Ok((frontier.size() - TILE, frontier.size()));
                }
            }
        }
        Ok((self.size / TILE * TILE, self.size))
    }
}

fn missing() -> StoreError {
    StoreError::Damaged("a row of the ledger is missing")
}
