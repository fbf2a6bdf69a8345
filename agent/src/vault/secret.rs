//! Secrets as a type: no form that can be printed, zeroed on drop, and known to the tripwire for as long as they live.

use std::sync::Arc;

use super::{VaultError, tripwire};

/// The largest secret, in bytes: a PEM key with its certificates fits.
pub const SECRET_MOST_BYTES: usize = 16 << 10;

/// A secret. No `Debug`, `Display` or `Serialize`; overwritten with zeroes when the last clone is dropped.
#[derive(Clone)]
pub struct Secret(Arc<tripwire::Watched>);

impl Secret {
    /// Takes bytes as a secret. From now on, until the last clone is dropped, no line of the log may hold it.
    ///
    /// # Errors
    /// [`VaultError::BadSecret`] when they are empty or more than [`SECRET_MOST_BYTES`].
    pub fn new(bytes: Vec<u8>) -> Result<Self, VaultError> {
        // Watched before it is measured: what is refused is wiped too.
        let watched = tripwire::watch(bytes);
        let fits = (1..=SECRET_MOST_BYTES).contains(&watched.bytes().len());
        if fits { Ok(Self(watched)) } else { Err(VaultError::BadSecret) }
    }

    /// The bytes, for the one place that the auth scheme names.
    pub fn reveal(&self) -> &[u8] {
        self.0.bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_or_huge_secret_is_refused() {
        assert!(Secret::new(vec![]).is_err());
        assert!(Secret::new(vec![0; SECRET_MOST_BYTES]).is_ok());
        assert!(Secret::new(vec![0; SECRET_MOST_BYTES + 1]).is_err());
    }
}
