//! A source in which one file is anything.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use assent_compiler::check::{Options, examine};
use assent_compiler::show::Look;
use assent_compiler::show::findings::{Checked, Style, WhoSigned, show};
use assent_compiler::source::{Held, read_files};
use assent_schema::time::Moment;
use include_dir::{Dir, include_dir};

static BASE: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../compiler/tests/findings/base");

/// The kinds of files, by the first byte of an input; it also says how the findings are shown.
const PLACES: [&str; 12] = [
    "clients/acme/workflows/sort.toml",
    "clients/acme/workflows/sort.test.toml",
    "clients/acme/client.toml",
    "catalog/integrations/desk.toml",
    "catalog/providers/ai.toml",
    "assent.toml",
    "library/shared.toml",
    "clients/acme/prompts/topic.md",
    "trust/root/1.toml",
    "clients/acme/approvers/1.toml",
    "clients/acme/approvals/1.toml",
    "catalog/catalog.lock",
];

/// What findings are shown as.
const STYLES: [Style; 4] = [Style::Human, Style::Json, Style::Sarif, Style::Github];

type Files = BTreeMap<String, Vec<u8>>;

fn base() -> &'static Files {
    static FILES: OnceLock<Files> = OnceLock::new();
    FILES.get_or_init(|| {
        let mut files = Files::new();
        gather(&BASE, &mut files);
        files
    })
}

fn gather(folder: &Dir<'_>, files: &mut Files) {
    for file in folder.files() {
        let path = file.path().to_str().expect("a plain path");
        files.insert(path.to_owned(), file.contents().to_vec());
    }
    folder.dirs().for_each(|inner| gather(inner, files));
}

/// One file of a small source is replaced; the first byte says which.
pub(super) fn one_file(bytes: &[u8]) {
    let Some((first, rest)) = bytes.split_first() else { return };
    let path = PLACES.get(usize::from(*first) % PLACES.len()).expect("a place");
    let mut files = base().clone();
    files.insert((*path).to_owned(), rest.to_vec());
    let at: Moment = "2026-06-01T12:00:00Z".parse().expect("a moment");
    let (source, found) = read_files(&files);
    let parts = Held::new(source.clone(), found);
    let (survey, findings) = examine(&parts, at, &Options::default()).expect("a source that is held");
    let workflows = survey.judged.len();
    // What may be released is what agents read.
    if !findings.any_errors() {
        let judged = survey.judged.values().flat_map(|client| client.workflows.values());
        judged.for_each(|workflow| assert_eq!(workflow.lowered.plan.check_written(), Ok(()), "agents refuse a plan"));
    }
    let (hidden, left_out) = (findings.hidden().clone(), findings.left_out().clone());
    let checked = Checked {
        findings: findings.sorted(),
        workflows,
        commit: None,
        at,
        rehearsed: true,
        authors: WhoSigned::Judged,
        hidden,
        left_out,
    };
    for finding in &checked.findings {
        assert!(finding.span.start <= finding.span.end, "a place has a beginning before its end");
        if let Some(text) = source.text(&finding.span.file) {
            assert!(text.get(finding.span.start..finding.span.end).is_some(), "{finding:?} lies in its file");
        }
        assert!(finding.message.ends_with(['.', '?']), "a message is a sentence: {}", finding.message);
        assert!(!finding.message.chars().any(char::is_control), "a message is one line: {:?}", finding.message);
    }
    // One form for each input: all of them would take as long as a fifth of the check, and the first byte reaches each.
    let style = STYLES.get(usize::from(*first) / PLACES.len() % STYLES.len()).expect("a form");
    let shown = show(&checked, *style, Look::PLAIN, &|path| source.text(path));
    assert!(!shown.contains('\u{1b}'), "nothing of a file moves a terminal");
}
