//! Whoever commits may plant links; no command writes through one.

use std::os::unix::fs::symlink;
use std::path::Path;

use crate::support::{assent, folder};
use crate::{APPROVERS, Agency, ROOT, TEAMS};

/// A repository beside whose files lies what nobody may overwrite.
fn agency() -> (Agency, String) {
    let agency = Agency::new();
    git2::Repository::init(agency.path("repo")).expect("a repository");
    let victims = agency.path("victims");
    std::fs::create_dir(&victims).expect("a folder");
    std::fs::write(Path::new(&victims).join("file"), "theirs").expect("a file");
    (agency, victims)
}

/// Writes a statement that nobody signs; where.
fn unsigned(command: &str, repo: &str) -> String {
    let ran = assent(&[command, "acme", "--all", "--repo", repo, "--format", "json"]);
    let told: serde_json::Value = serde_json::from_str(&ran.out).expect("JSON");
    told.get("file").and_then(serde_json::Value::as_str).expect("a file").to_owned()
}

/// Runs a command that must write nothing, as something that it would write is a link.
fn refused(arguments: &[&str]) {
    let ran = assent(arguments);
    assert_eq!((ran.status, ran.out.as_str()), (2, ""), "{arguments:?}: {}", ran.err);
    assert!(ran.err.contains("is a link, and nothing is written through one"), "{arguments:?}: {}", ran.err);
}

#[test]
fn no_command_writes_through_a_link_of_the_work_tree() {
    let (agency, victims) = agency();
    let (repo, key) = (agency.path("repo"), format!("alice={}", agency.path("alice")));
    let dana = format!("dana={}", agency.path("dana"));
    let victim = format!("{victims}/file");
    let plant = |file: &str| {
        let path = agency.path(&format!("repo/{file}"));
        drop(std::fs::remove_file(&path));
        symlink(&victim, &path).expect("a link");
        path
    };
    let root = agency.path(&format!("repo/{ROOT}"));
    plant(&format!("{ROOT}.alice.sig"));
    refused(&["trust", "sign", &root, "--key", &key]);
    let approval = agency.approval();
    let name = approval.strip_prefix(&format!("{repo}/")).expect("in the repository").to_owned();
    plant(&format!("{name}.dana.sig"));
    refused(&["approve", &approval, "--key", &dana]);
    // One that leads nowhere would make the file there.
    std::fs::remove_file(&victim).expect("gone");
    plant("trust/root/3.toml");
    refused(&["trust", "root", "--repo", &repo]);
    assert!(!Path::new(&victim).exists());
    std::fs::remove_file(agency.path("repo/trust/root/3.toml")).expect("gone");
    std::fs::write(&victim, "theirs").expect("a file");
    for command in ["withdraw", "reject"] {
        let file = unsigned(command, &repo);
        std::fs::remove_file(&file).expect("gone");
        let signature = format!("{file}.dana.sig");
        symlink(&victim, &signature).expect("a link");
        refused(&[command, "acme", "--all", "--key", &dana, "--repo", &repo]);
        assert!(!Path::new(&file).exists(), "a statement that nobody signed is left");
        std::fs::remove_file(&signature).expect("gone");
    }
    assert_eq!(folder(Path::new(&victims)).into_values().collect::<Vec<_>>(), [b"theirs"]);
}

#[test]
fn no_command_writes_into_a_folder_that_is_a_link() {
    let (agency, victims) = agency();
    let (repo, key) = (agency.path("repo"), format!("alice={}", agency.path("alice")));
    let before = folder(Path::new(&victims));
    // Everything is still read through it, so the lists are all there.
    for part in ["trust", "clients/acme/approvers", "clients/acme/approvals"] {
        let path = agency.path(&format!("repo/{part}"));
        let away = format!("{victims}/{}", part.replace('/', "-"));
        std::fs::rename(&path, &away).expect("moved");
        symlink(&away, &path).expect("a link");
    }
    let moved = folder(Path::new(&victims));
    assert!(moved.len() > before.len());
    let dana = format!("dana={}", agency.path("dana"));
    let file = |file: &str| agency.path(&format!("repo/{file}"));
    refused(&["trust", "sign", &file(ROOT), "--key", &key]);
    refused(&["trust", "sign", &file(APPROVERS), "--key", &dana]);
    refused(&["trust", "root", "--repo", &repo]);
    refused(&["trust", "teams", "acme=bruno", "--repo", &repo]);
    refused(&["trust", "approvers", "acme", "--threshold", "1", "--repo", &repo]);
    refused(&["withdraw", "acme", "--all", "--key", &dana, "--repo", &repo]);
    assert_eq!(folder(Path::new(&victims)), moved);
}

#[test]
fn what_is_written_first_is_no_link_either() {
    let (agency, victims) = agency();
    let victim = format!("{victims}/file");
    let file = agency.path(&format!("repo/{TEAMS}"));
    let before = std::fs::read(format!("{file}.alice.sig")).expect("a signature");
    std::fs::remove_file(format!("{file}.alice.sig")).expect("gone");
    symlink(&victim, format!("{file}.alice.sig.new")).expect("a link");
    let signed = agency.sign(&["trust", "sign"], &file, "alice", "alice");
    assert_eq!(signed.status, 0, "{}", signed.err);
    assert_eq!(std::fs::read(&victim).expect("a file"), b"theirs");
    assert_eq!(std::fs::read(format!("{file}.alice.sig")).expect("a signature"), before);
}

#[test]
fn a_page_goes_where_the_command_line_says() {
    let (agency, _) = agency();
    let (page, link) = (agency.path("page.html"), agency.path("link.html"));
    std::fs::write(&page, "").expect("a file");
    symlink(&page, &link).expect("a link");
    let approval = agency.approval();
    let ran = assent(&["approve", &approval, "--page", &link, "--worktree", "--repo", &agency.path("repo")]);
    assert_eq!(ran.status, 0, "{}", ran.err);
    assert!(std::fs::read_to_string(&page).expect("a page").contains("<html"));
    assert!(Path::new(&link).symlink_metadata().expect("a link").is_symlink());
}
