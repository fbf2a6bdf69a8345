//! What the product is built of: which packages stand in `Cargo.lock` more than once, and under which licences all of them are.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// The packages of which two versions are built, because others need both. What is new here costs everybody time to build
/// and to audit, and two versions of one type do not fit: first look whether one will do.
const TWICE: [&str; 19] = [
    // `ssh-key`, `age` and `ed25519-dalek` are of one generation of RustCrypto, and tests and tools are of the next.
    "block-buffer",
    "chacha20",
    "const-oid",
    "cpufeatures",
    "crypto-common",
    "digest",
    "hybrid-array",
    "rand_core",
    "sha2",
    // What stands behind the kernel's dice on other systems, and who asks for it.
    "getrandom",
    "r-efi",
    "rand",
    "windows-sys",
    // Parsers, and what derives.
    "nom",
    "syn",
    "thiserror",
    "thiserror-impl",
    "toml",
    "winnow",
];

/// Licences that ask for no more than to be named, each by its SPDX identifier.
const LICENCES: [&str; 11] = [
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace")
}

#[test]
fn no_package_comes_in_another_version_unseen() {
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).expect("Cargo.lock");
    let mut counted: BTreeMap<&str, usize> = BTreeMap::new();
    for name in lock.lines().filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"')) {
        *counted.entry(name).or_default() += 1;
    }
    assert!(counted.len() > 100, "the packages were not found");
    let several: BTreeSet<&str> = counted.into_iter().filter(|(_, count)| *count > 1).map(|(name, _)| name).collect();
    assert_eq!(several, TWICE.into(), "packages that stand in Cargo.lock in several versions");
}

#[test]
fn every_package_is_under_a_licence_that_suits() {
    #[expect(clippy::disallowed_methods, reason = "cargo says under which licences the packages are")]
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["metadata", "--locked", "--offline", "--format-version", "1"]);
    cargo.args(["--filter-platform", "x86_64-unknown-linux-gnu"]).current_dir(root());
    let said = cargo.output().expect("cargo runs");
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    let metadata: Value = serde_json::from_slice(&said.stdout).expect("JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    assert!(packages.len() > 100, "the packages were not found");
    let other = packages.iter().filter(|package| !package["license"].as_str().is_some_and(suits));
    let other: Vec<String> = other.map(|package| format!("{} ({})", package["name"], package["license"])).collect();
    assert!(other.is_empty(), "under no licence of `LICENCES`: {}", other.join(", "));
}

/// Whether an SPDX expression leaves a choice that suits; `/` is the old way to write `OR`.
fn suits(expression: &str) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let mut words = spaced.split_whitespace().peekable();
    let suits = any(&mut words);
    suits && words.next().is_none()
}

type Words<'w> = std::iter::Peekable<std::str::SplitWhitespace<'w>>;

fn any(words: &mut Words<'_>) -> bool {
    let mut suits = all(words);
    while words.next_if_eq(&"OR").is_some() {
        suits |= all(words);
    }
    suits
}

fn all(words: &mut Words<'_>) -> bool {
    let mut suits = one(words);
    while words.next_if_eq(&"AND").is_some() {
        suits &= one(words);
    }
    suits
}

fn one(words: &mut Words<'_>) -> bool {
    match words.next() {
        Some("(") => {
            let suits = any(words);
            words.next_if_eq(&")").is_some() && suits
        }
        Some(name) if words.next_if_eq(&"WITH").is_some() => {
            words.next().is_some_and(|with| LICENCES.contains(&format!("{name} WITH {with}").as_str()))
        }
        Some(name) => LICENCES.contains(&name),
        None => false,
    }
}

#[test]
fn an_expression_suits_where_one_choice_does() {
    for (expression, wanted) in [
        ("MIT", true),
        ("MIT/Apache-2.0", true),
        ("Apache-2.0 OR GPL-2.0-only", true),
        ("(MIT OR Apache-2.0) AND Unicode-3.0", true),
        ("Apache-2.0 WITH LLVM-exception OR GPL-3.0-only", true),
        ("GPL-3.0-only", false),
        ("MIT AND GPL-3.0-only", false),
        ("(MIT OR GPL-2.0-only) AND AGPL-3.0-only", false),
        ("GPL-2.0-only WITH Classpath-exception-2.0", false),
        ("MIT Apache-2.0", false),
        ("(MIT", false),
        ("", false),
    ] {
        assert_eq!(suits(expression), wanted, "{expression}");
    }
}
