//! How things are called. Whoever renames everything gets the same repository in other words.

/// A way to name things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// `read1`, `agree2`.
    Plain,
    /// Other words, which also sort the other way round.
    Other,
}

impl Names {
    /// The name of the `n`th thing of a kind; `kind` is of `a` to `z` alone.
    pub fn of(self, kind: &str, n: usize) -> String {
        match self {
            Self::Plain => format!("{kind}{n}"),
            Self::Other => {
                let first = kind.bytes().next().unwrap_or(b'a');
                let mirrored = char::from((b'a' + b'z').saturating_sub(first.clamp(b'a', b'z')));
                format!("{mirrored}x{}{n}", kind.chars().rev().collect::<String>())
            }
        }
    }
}
