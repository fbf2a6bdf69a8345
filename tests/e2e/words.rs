//! Words of the ticket that the played helpdesk answers with, and of secrets: looked for wherever they must not be.

use std::path::{Path, PathBuf};

use assent_compiler::command::demo::outside::TICKET_TEXT;

/// What nobody may find: of the ticket's text and subject, of the customer, of what no field declares, of a secret.
const WORDS: [&str; 6] =
    ["CANARY-7f3a", "my tent leaks", "robin@example.com", "Leaking tent", "555-0142", "demo-payments-key"];

/// The words that a text holds.
pub(crate) fn words_in(text: &str) -> Vec<&'static str> {
    assert!(WORDS.iter().take(3).all(|word| TICKET_TEXT.contains(word)), "the ticket says something else");
    WORDS.into_iter().filter(|word| text.contains(word)).collect()
}

/// The files of a folder and below it, or one file, that hold any: the database with its log and free pages, keys, all else.
pub(crate) fn files_with_words(path: &Path) -> Vec<PathBuf> {
    if path.is_dir() {
        let entries = std::fs::read_dir(path).expect("a folder").map(|entry| entry.expect("an entry").path());
        return entries.flat_map(|path| files_with_words(&path)).collect();
    }
    // A socket is no file.
    let Ok(bytes) = std::fs::read(path) else { return Vec::new() };
    // What is no text stays what is no text; words of ASCII stay as they are.
    let found = words_in(&String::from_utf8_lossy(&bytes));
    if found.is_empty() { Vec::new() } else { vec![path.to_owned()] }
}
