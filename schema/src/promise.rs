//! The promises P01 to P26: the sentence, what makes it true today, and which test tries to break it.
//!
//! `assent demo` and `docs/promises.md` print this table. It says plainly what is not enforced yet.
//!
//! # Source
//! promises.md.

mod table;

use std::fmt;

use crate::code::Code;

pub use table::ALL;

/// How far a promise is enforced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enforced {
    /// All that the sentence says is refused when it is broken.
    Yes,
    /// Some of it is; the text says what is missing.
    Partly(&'static str),
    /// Nothing enforces it.
    NotYet,
}

impl fmt::Display for Enforced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Yes => f.write_str("yes"),
            Self::Partly(missing) => write!(f, "partly: {missing}"),
            Self::NotYet => f.write_str("not yet"),
        }
    }
}

/// What is said of one promise.
#[derive(Clone, Copy, Debug)]
pub struct Promise {
    /// `P01` to `P26`.
    pub id: &'static str,
    /// What clients are told.
    pub sentence: &'static str,
    /// What enforces it today.
    pub how: &'static str,
    /// How an outsider checks it with programs that are not ours.
    pub check: &'static str,
    /// Tests that try to break it.
    pub tests: &'static [&'static str],
    /// How far it is enforced.
    pub enforced: Enforced,
}

impl Promise {
    /// The finding codes that refuse what would break it.
    pub fn codes(&self) -> Vec<Code> {
        Code::ALL.iter().copied().filter(|code| code.row().promises.contains(&self.id)).collect()
    }
}

/// The page `docs/promises.md`.
pub fn page() -> String {
    let mut page = String::from(
        "# The promises\n\nWhat clients are told, and what makes it true today. Written by a test from \
         `schema/src/promise.rs`: `UPDATE=1 cargo test -p assent-schema --test promises`.\n",
    );
    for promise in ALL {
        let Promise { id, sentence, how, check, tests, enforced } = promise;
        let codes: Vec<String> = promise.codes().iter().map(|code| format!("`{code}`")).collect();
        page.push_str(
            &["\n## ", id, ": ", sentence, "\n\nEnforced: ", &enforced.to_string(), ".\n\n", how, "\n"].concat(),
        );
        if !codes.is_empty() {
            page.push_str(&["\nFindings: ", &codes.join(", "), ".\n"].concat());
        }
        page.push_str(&["\nChecked without us: ", check, "\n"].concat());
        if !tests.is_empty() {
            let tests: Vec<String> = tests.iter().map(|test| format!("`{test}`")).collect();
            page.push_str(&["\nTests: ", &tests.join(", "), ".\n"].concat());
        }
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn promises_are_numbered_and_every_code_names_some_that_exist() {
        for (n, promise) in (1..).zip(ALL) {
            assert_eq!(promise.id, format!("P{n:02}"));
        }
        assert_eq!(ALL.len(), 26);
        for code in Code::ALL {
            assert!(code.row().promises.iter().all(|id| ALL.iter().any(|promise| promise.id == *id)), "{code}");
        }
    }
}
