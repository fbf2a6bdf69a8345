//! The table: one row for each way to cheat, what it is answered with, and the page that people read.

use std::fmt::Write as _;

/// What the real code said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    code: String,
    detail: String,
}

impl Verdict {
    pub(crate) fn new(code: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { code: code.into(), detail: detail.into() }
    }

    /// Whether the code begins so.
    pub(crate) fn begins(&self, code: &str) -> bool {
        self.code.starts_with(code)
    }

    pub(crate) fn accepted() -> Self {
        Self::new("accepted", "")
    }
}

/// One way to cheat, or the honest thing beside it, which must pass: a check that refuses everything proves nothing.
pub(crate) struct Attack {
    /// Its name: unique, a few words.
    pub(crate) name: &'static str,
    /// The answer: a code of the product, or `accepted`.
    pub(crate) answer: &'static str,
    /// A part of the refusal's own words, where its code alone does not tell which rule it was.
    pub(crate) because: &'static str,
    /// Does it, and says what came of it.
    pub(crate) play: fn() -> Verdict,
}

/// A row whose code says everything.
pub(crate) const fn attack(name: &'static str, answer: &'static str, play: fn() -> Verdict) -> Attack {
    Attack { name, answer, because: "", play }
}

/// A row whose code stands for several rules.
pub(crate) const fn because(
    name: &'static str,
    answer: &'static str,
    because: &'static str,
    play: fn() -> Verdict,
) -> Attack {
    Attack { name, answer, because, play }
}

/// Plays all rows of a room; every difference is reported at once. Whoever asks whether a mutant is seen at all needs one.
pub(crate) fn play(room: &[Attack]) {
    let mut wrong = String::new();
    let one_is_enough = std::env::var_os("MUTANT").is_some_and(|number| number != "0");
    for row in room {
        let verdict = std::panic::catch_unwind(row.play).unwrap_or_else(|_| Verdict::new("panicked", "see above"));
        if verdict.code != row.answer || !verdict.detail.contains(row.because) {
            let Attack { name, answer, because, .. } = row;
            writeln!(wrong, "{name}:\n  wanted {answer} ({because})\n  got    {} ({})", verdict.code, verdict.detail)
                .expect("a text takes everything");
            if one_is_enough {
                break;
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

/// What takes too long to be done each time.
const RAN: &str = "\nOnce, with `ASSENT_DEEP=1`, 10,000 generated signatures, honest and damaged, were shown to us and to \
                   `ssh-keygen -Y verify`: 2,654 were accepted by both, 6,119 refused by both, 1,227 accepted by \
                   `ssh-keygen` alone, none by us alone.\n\nOf a list of 366 mutants of `survivors` all but at most four were run, each once, the later ones where they reach \
                   agents and their children too, and those that were added or changed of late again. Those that lived got rows, \
                   or the code that they showed to be needless went.\n";

/// The page of all rooms.
pub(crate) fn page(rooms: &[(&str, &[Attack])]) -> String {
    let mut page = "# Attacks\n\nWritten by `tests/attacks` from its table; `UPDATE=1 cargo test --workspace --test \
                    attacks` writes it anew. Each row is done to the real verification code whenever the tests run, and \
                    must be answered like this. Rows that are `accepted` are the honest thing beside the attack, or what \
                    a key may do.\n"
        .to_owned();
    page.push_str(RAN);
    for (room, rows) in rooms {
        write!(page, "\n## {room}\n\n| what is done | answer |\n|---|---|\n").expect("a text takes everything");
        for row in *rows {
            let why = if row.because.is_empty() { String::new() } else { format!(" (… {} …)", row.because) };
            writeln!(page, "| {} | `{}`{why} |", row.name, row.answer).expect("a text takes everything");
        }
    }
    page
}
