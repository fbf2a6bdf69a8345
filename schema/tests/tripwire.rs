//! What the tripwire of secrets finds of keys and passwords that were drawn by lot, and what it takes for one in files that hold
//! none. `ASSENT_LOOK=folder:folder cargo test -p assent-schema --test tripwire -- --nocapture` looks through other folders.

#![expect(clippy::disallowed_methods, reason = "the environment says what else is looked through")]

use std::path::{Path, PathBuf};

use assent_schema::tripwire::secrets;
use sha2::{Digest as _, Sha256};

const LETTERS: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
const DIGITS: &str = "0123456789";
/// Every sign but quotes and the backslash, which a file writes otherwise.
const SIGNS: &str = "!#$%&()*+,-./:;<=>?@[]^_{|}~";

/// So many texts of a length, each character drawn from an alphabet; the same each time.
fn drawn(alphabet: &str, length: usize, count: u32) -> impl Iterator<Item = String> {
    let letters: Vec<char> = alphabet.chars().collect();
    (0..count).map(move |number| {
        let bytes = (0_u32..).flat_map(|block| {
            let seed = format!("{number} {block} {length} {}", letters.len());
            <[u8; 32]>::from(Sha256::digest(seed))
        });
        // Bytes beyond the last whole round would draw some letters more often.
        let even = usize::from(u8::MAX) / letters.len() * letters.len();
        let fair = bytes.map(usize::from).filter(|byte| *byte < even);
        fair.take(length).filter_map(|byte| letters.get(byte % letters.len())).collect()
    })
}

/// How many of a thousand are found where nothing before them says what they are, in the ways in which files hold them.
fn found(alphabet: &str, length: usize) -> usize {
    let ways =
        |secret: &str| [format!("note = \"{secret}\"\n"), format!("note = '{secret}'\n"), format!("| {secret} |\n")];
    let is_found = |secret: &String| ways(secret).iter().all(|text| !secrets(text).is_empty());
    drawn(alphabet, length, 1000).filter(is_found).count()
}

#[test]
fn what_is_drawn_by_lot_is_found() {
    let alphabets = [
        ("base64", format!("{LETTERS}{DIGITS}+/"), [950, 985, 995]),
        ("letters and digits", format!("{LETTERS}{DIGITS}"), [960, 990, 995]),
        ("letters, digits, some signs", format!("{LETTERS}{DIGITS}!#%&*"), [960, 990, 995]),
        ("letters, digits, all signs", format!("{LETTERS}{DIGITS}{SIGNS}"), [800, 900, 950]),
    ];
    for (name, alphabet, least) in alphabets {
        for (length, least) in [20, 24, 32].into_iter().zip(least) {
            let found = found(&alphabet, length);
            println!("{name}, {length} characters: {found} of 1000");
            assert!(found >= least, "{name}, {length} characters: {found} of 1000");
        }
    }
}

/// Text files below a folder, those of builds and of git left out.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    if folder.is_file() {
        return found.push(folder.to_owned());
    }
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let mut entries: Vec<PathBuf> = entries.filter(|path| !path.is_symlink()).collect();
    entries.sort();
    for path in entries {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() && !matches!(name, "target" | ".git") {
            files(&path, found);
        } else if path.is_file() {
            found.push(path);
        }
    }
}

/// How much was looked through, and each place that looks like a secret.
fn looked_through(folders: &[PathBuf]) -> (usize, usize, Vec<String>) {
    let mut all = Vec::new();
    for folder in folders {
        files(folder, &mut all);
    }
    let (mut bytes, mut count, mut alarms) = (0, 0, Vec::new());
    for path in all {
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        (bytes, count) = (bytes + text.len(), count + 1);
        for secret in secrets(&text) {
            let shown: String = text.get(secret.range.clone()).unwrap_or_default().chars().take(60).collect();
            alarms.push(format!("{}: {}: {shown}", path.display(), secret.what));
        }
    }
    (count, bytes, alarms)
}

#[test]
fn what_people_write_is_no_secret() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    if let Ok(folders) = std::env::var("ASSENT_LOOK") {
        let folders: Vec<PathBuf> = folders.split(':').map(PathBuf::from).collect();
        let (count, bytes, alarms) = looked_through(&folders);
        for alarm in &alarms {
            println!("{alarm}");
        }
        println!("{count} files, {bytes} bytes, {} alarms", alarms.len());
    }
    // Folders without keys that were made for tests.
    let ours = [
        "examples",
        "compiler/template",
        "compiler/src/check",
        "compiler/src/resolve",
        "schema/src/expr",
        "schema/src/flow",
        "agent/src/run/life",
        "agent/src/run/steps",
        "deploy",
        "docs/language.md",
        "docs/engine.md",
    ];
    let (count, bytes, alarms) = looked_through(&ours.map(|folder| root.join(folder)));
    assert!(count > 100 && bytes > 100_000, "{count} files, {bytes} bytes");
    assert!(alarms.is_empty(), "{}", alarms.join("\n"));
}
