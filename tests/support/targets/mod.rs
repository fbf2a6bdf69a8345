//! What must hold for any bytes: no panic, no hang, and the laws of each form. Fuzzers and ordinary tests call these.
//!
//! Each target takes bytes and panics when a law does not hold. Inputs that once broke something stay in `fuzz/regressions/`.

mod canonical;
mod source;
mod statements;
mod texts;

/// One thing that reads bytes from outside.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The name, as the fuzzer and the corpus folder have it.
    pub name: &'static str,
    /// Reads the bytes; panics when a law does not hold.
    pub run: fn(&[u8]),
}

/// Every target.
pub const ALL: [Target; 8] = [
    Target { name: "source", run: source::one_file },
    Target { name: "expressions", run: texts::expression },
    Target { name: "templates", run: texts::template },
    Target { name: "schedules", run: texts::schedule },
    Target { name: "canonical", run: canonical::any_kind },
    Target { name: "statements", run: statements::toml },
    Target { name: "signatures", run: statements::signature },
    Target { name: "notes", run: statements::notes },
];

/// Finds a target and runs it.
///
/// # Panics
/// When there is no such target, or when a law does not hold.
pub fn run(name: &str, bytes: &[u8]) {
    let target = ALL.iter().find(|target| target.name == name).expect("a target");
    (target.run)(bytes);
}
