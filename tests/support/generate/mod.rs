//! Makes well-typed source repositories of any size out of a seed: every kind of trigger and step, texts, prompts, library
//! workflows with settings, caches, decisions, guardrails, several clients. The same seed gives the same bytes.
//!
//! What is made has nothing wrong but that nobody has signed it. Nothing here knows the compiler: standard library only.
//!
//! `compiler/benches/generate` is another one, on purpose. Laws are asked of sources that nobody would write; a time says
//! something about sources that people do write, and can be compared with that of another day only while what is measured
//! stays as it is. So the benches multiply the example, whose scenarios reach every branch, and this one may grow with the
//! language.

#![expect(clippy::format_push_string, clippy::format_collect, reason = "a generator of texts is read, not timed")]

mod asks;
mod catalog;
mod client;
mod dice;
mod fragments;
mod horns;
mod mill;
mod names;
mod workflow;

use std::collections::BTreeMap;

pub use dice::Dice;
pub use names::Names;

/// Files by path.
pub type Files = BTreeMap<String, Vec<u8>>;

/// How much is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Clients, spread over the regions.
    pub clients: usize,
    /// Workflows of each client, besides those that use the library.
    pub workflows: usize,
    /// What each workflow does one after the other, roughly.
    pub length: usize,
    /// Workflows of the library; each client uses all of them.
    pub library: usize,
}

impl Size {
    /// Three clients with a little of everything.
    pub const SMALL: Self = Self { clients: 3, workflows: 3, length: 6, library: 2 };
}

/// A source repository. Names come from `names` and mean nothing else.
pub fn repository(seed: u64, size: Size, names: Names) -> Files {
    let mut files = catalog::files(names);
    let library: Vec<workflow::Made> = (0..size.library)
        .map(|number| {
            workflow::of_library(&Dice::of(seed, &["library", &number.to_string()]), number, size.length, names)
        })
        .collect();
    for made in &library {
        put_all(&mut files, "library/", made);
    }
    // The first one is used through another workflow of the library, which sets what clients would have to.
    let library: Vec<workflow::Made> = library
        .into_iter()
        .enumerate()
        .map(|(number, made)| if number == 0 { workflow::again(made, &mut files, names) } else { made })
        .collect();
    for number in 0..size.clients {
        let key = number.to_string();
        let made = (0..size.workflows).map(|index| {
            let dice = Dice::of(seed, &["client", &key, &index.to_string()]);
            workflow::of_client(&dice, index, size.length, names)
        });
        client::put(
            &mut files,
            &Dice::of(seed, &["client", &key]),
            number,
            (&made.collect::<Vec<_>>(), &library),
            names,
        );
    }
    files
}

/// Puts a workflow and what it reads below a folder: `library/`, or a client's.
fn put_all(files: &mut Files, folder: &str, made: &workflow::Made) {
    let (of_library, name) = (folder == "library/", &made.name);
    let path = if of_library { format!("{folder}{name}.toml") } else { format!("{folder}workflows/{name}.toml") };
    files.insert(path, made.text.clone().into_bytes());
    if !of_library {
        files.insert(format!("{folder}workflows/{name}.test.toml"), made.tests.clone().into_bytes());
    }
    for (path, text) in &made.beside {
        files.insert(format!("{folder}{path}"), text.clone().into_bytes());
    }
}
