//! The tables of mutations, read.

use assent_schema::code::Code;

const TABLES: [(&str, &str); 4] = [
    ("source", include_str!("source.txt")),
    ("trust", include_str!("trust.txt")),
    ("meaning", include_str!("meaning.txt")),
    ("care", include_str!("care.txt")),
];

/// One line of a table.
pub(super) struct Mutation {
    /// What must be found.
    pub(super) code: Code,
    /// As it stands in the table.
    pub(super) line: &'static str,
    /// What happens between the edits and the check.
    pub(super) way: Way,
    /// What is changed.
    pub(super) edits: Vec<Edit>,
}

/// What happens between the edits and the check, and what the check is asked for.
pub(super) enum Way {
    /// Everything is signed again.
    Signed,
    /// Nothing is signed again.
    Unsigned,
    /// Everything is signed again, but clients approve nothing new.
    Unapproved,
    /// As `Signed`; the check runs the scenarios.
    Rehearsed,
    /// As `Signed`; the check asks for what production needs. What the example does has been rehearsed.
    Production,
    /// As `Signed`; somebody commits it.
    By(&'static str),
}

/// One change of the source.
pub(super) enum Edit {
    Replace { path: &'static str, old: String, new: String },
    Mark { path: &'static str, text: String },
    Add { path: String, text: String },
    Remove { path: &'static str },
}

/// Every line of every table.
pub(super) fn mutations() -> Vec<Mutation> {
    let mut all = Vec::new();
    for (table, text) in TABLES {
        let mut code = None;
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                code = Some(Code::from_name(name).unwrap_or_else(|| panic!("{table}: no code is called {name}")));
                continue;
            }
            let code = code.unwrap_or_else(|| panic!("{table}: no code stands above: {line}"));
            let (way, rest) = way(line);
            all.push(Mutation { code, line, way, edits: rest.split(" ;; ").map(edit).collect() });
        }
    }
    all
}

fn way(line: &'static str) -> (Way, &'static str) {
    let Some((word, rest)) = line.split_once(' ') else { return (Way::Signed, line) };
    match word {
        "unsigned" => (Way::Unsigned, rest),
        "unapproved" => (Way::Unapproved, rest),
        "rehearsed" => (Way::Rehearsed, rest),
        "production" => (Way::Production, rest),
        "by" => rest.split_once(' ').map_or((Way::Signed, line), |(person, rest)| (Way::By(person), rest)),
        _ => (Way::Signed, line),
    }
}

fn edit(text: &'static str) -> Edit {
    let plain = |text: &str| {
        let named = text.replace("\\n", "\n").replace("\\r", "\r");
        // Characters that no editor shows are written as Rust writes them.
        let mut parts = named.split("\\u{");
        let mut whole = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (code, rest) = part.split_once('}').expect("a brace that closes");
            whole.extend(u32::from_str_radix(code, 16).ok().and_then(char::from_u32));
            whole.push_str(rest);
        }
        whole
    };
    if let Some(path) = text.strip_prefix("- ") {
        return Edit::Remove { path };
    }
    let (first, rest) = text.split_once(": ").unwrap_or_else(|| panic!("no `path: `: {text}"));
    if let Some(path) = first.strip_prefix("+ ") {
        return Edit::Add { path: plain(path), text: plain(rest) };
    }
    if let Some(path) = first.strip_prefix("@ ") {
        return Edit::Mark { path, text: plain(rest) };
    }
    let (old, new) = rest.split_once(" => ").unwrap_or_else(|| panic!("no ` => `: {text}"));
    Edit::Replace { path: first, old: plain(old), new: plain(new) }
}

/// The text without its marks, and the places between them.
pub(crate) fn unmarked(text: &str) -> (String, Vec<(usize, usize)>) {
    let (mut plain, mut places, mut begun) = (String::new(), Vec::new(), None);
    for c in text.chars() {
        match c {
            '«' => begun = Some(plain.len()),
            '»' => places.push((begun.take().expect("a mark that begins"), plain.len())),
            c => plain.push(c),
        }
    }
    (plain, places)
}
