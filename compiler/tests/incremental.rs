//! What a check recalls from earlier ones changes nothing: edit after edit, with notes and without, gives the same.

#[expect(dead_code, reason = "each test binary uses its own part")]
mod support;

use git2::Repository;
use support::signed::sign_all;
use support::{Files, assent, commit, example, files};

/// Moments of which some lie behind the end of approvals and agreements.
const MOMENTS: [&str; 4] =
    ["2026-06-01T12:00:00Z", "2026-06-02T12:00:00Z", "2027-02-28T23:59:59Z", "2027-03-01T00:00:00Z"];
/// What is changed: a part of a path, what stands there, and what stands there then.
const EDITS: [(&str, &str, &str); 14] = [
    ("workflows/refund.toml", "summary = \"", "summary = \"Now: "),
    ("workflows/refund.toml", "concurrency = ", "concurrency = 1"),
    ("workflows/refund.toml", "ticket.order_id", "ticket.order_ix"),
    ("workflows/triage.toml", "[fallback]", "[fallbaks]"),
    ("workflows/reply.test.toml", "outcome = \"done\"", "outcome = \"failed\""),
    ("workflows/order-status.toml", "use = ", "uses = "),
    ("client.toml", "retention = \"180d\"", "retention = \"190d\""),
    ("client.toml", "region = \"eu\"", "region = \"us\""),
    ("catalog/integrations/shop.toml", "class = \"content\"", "class = \"personal\""),
    ("catalog/providers/", "forbids_training = true", "forbids_training = false"),
    ("prompts/intent.md", "e", "ee"),
    ("client.toml", "name = \"birch\"", "name = \"acne\""),
    ("workflows/triage.toml", "name = \"triage\"", "name = \"trlage\""),
    ("approvals/1.toml", "read", "reat"),
];

/// A roll of dice from a seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let most = u64::try_from(most.max(1)).expect("a few");
        usize::try_from(self.0 % most).expect("a few")
    }
}

fn signed() -> Files {
    let mut all = example();
    sign_all(&mut all, "2027-03-01T00:00:00Z".parse().expect("a moment"));
    all
}

/// Puts one of the edits into a source, or takes the file back to what it was.
fn edit(all: &mut Files, whole: &Files, dice: &mut Dice) {
    let (place, old, new) = EDITS.get(dice.roll(EDITS.len())).expect("an edit");
    let paths: Vec<String> = all.keys().filter(|path| path.contains(place)).cloned().collect();
    let Some(path) = paths.get(dice.roll(paths.len())) else { return };
    match dice.roll(4) {
        0 => drop(all.insert(path.clone(), whole[path].clone())),
        1 => drop(all.remove(path)),
        _ => {
            let text = String::from_utf8(all[path].clone()).expect("text").replacen(old, new, 1);
            all.insert(path.clone(), text.into_bytes());
        }
    }
}

fn check(folder: &str, at: &str, more: &[&str]) -> (u8, String) {
    let mut arguments = vec!["check", "--format", "json", "--no-rehearsal", "--repo", folder, "--at", at];
    arguments.extend(more);
    let ran = assent(&arguments);
    (ran.status, ran.out)
}

fn notes(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let inside = |path: &std::path::Path| -> Vec<std::path::PathBuf> {
        std::fs::read_dir(path).into_iter().flatten().map(|entry| entry.expect("an entry").path()).collect()
    };
    inside(&folder.join("assent")).iter().flat_map(|build| inside(build)).collect()
}

#[test]
fn notes_change_nothing_whatever_is_edited() {
    let folder = tempfile::tempdir().expect("a folder");
    let repository = Repository::init_bare(folder.path()).expect("a repository");
    let path = folder.path().to_str().expect("a path");
    let whole = signed();
    let mut all = whole.clone();
    let mut dice = Dice(0x5eed_cafe_f00d_1234);
    for round in 0..40 {
        let tree = files(&repository, &all);
        commit(&repository, tree);
        let at = MOMENTS[dice.roll(MOMENTS.len())];
        let anew = check(path, at, &["--no-cache"]);
        assert_eq!(check(path, at, &[]), anew, "round {round}");
        assert_eq!(check(path, at, &[]), anew, "round {round}, recalled");
        if dice.roll(5) == 0 {
            // Damage is the same as absence.
            let notes = notes(folder.path());
            let note = &notes[dice.roll(notes.len())];
            let mut bytes = std::fs::read(note).expect("a note");
            let at = dice.roll(bytes.len());
            bytes[at] ^= 1;
            #[expect(clippy::disallowed_methods, reason = "the test damages a note")]
            std::fs::write(note, bytes).expect("a damaged note");
        }
        edit(&mut all, &whole, &mut dice);
    }
    assert!(!notes(folder.path()).is_empty(), "a check leaves notes");
}

#[test]
fn a_note_is_used() {
    let folder = tempfile::tempdir().expect("a folder");
    let repository = Repository::init_bare(folder.path()).expect("a repository");
    let path = folder.path().to_str().expect("a path");
    let all = signed();
    let id = commit(&repository, files(&repository, &all));
    let first = check(path, MOMENTS[0], &[]);
    // Without the blobs of a client's workflows only its note can tell what they are.
    let tree = repository.find_commit(id).and_then(|commit| commit.tree()).expect("a tree");
    let entry = tree.get_path("clients/acme/workflows/refund.toml".as_ref()).expect("a workflow").id().to_string();
    let (start, rest) = entry.split_at(2);
    std::fs::remove_file(folder.path().join("objects").join(start).join(rest)).expect("a loose blob");
    assert_eq!(check(path, MOMENTS[0], &[]), first);
    assert_eq!(check(path, MOMENTS[0], &["--no-cache"]).0, 2);
}
