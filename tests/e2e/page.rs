//! The page for approvers: it holds everything that is signed, loads nothing, and its commands do what it says.

use std::path::Path;
use std::process::Command;

use assent_compiler::command::demo::agency::Agency;
use assent_compiler::command::demo::source::put;
use assent_schema::canon::Digest;
use assent_schema::trust::words;
use assent_tests::stage::released;
use assent_tests::{command, have, succeed};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// What stands in the prompt that the page must show, and would do something if it were markup.
const PROMPT: &str = "Nobody reads «this» <script>alert(1)</script>\u{a0}far below.\n";

/// A limit that grows, a scope and a prompt that change; what is then still to be signed, and its page.
fn asked(agency: &Agency, folder: &Path) -> (std::path::PathBuf, String) {
    let change = |file: &str, from: &str, to: &str| {
        let path = agency.source.join("clients/acme").join(file);
        let text = std::fs::read_to_string(&path).expect("a file");
        assert!(text.contains(from), "{file} reads otherwise");
        put(&path, text.replacen(from, to, 1).as_bytes()).expect("a changed file");
    };
    change("client.toml", "per_call = 10000", "per_call = 25000");
    change("prompts/intent.md", "You read one", &format!("{}{PROMPT}You read one", "A long line. ".repeat(400)));
    agency.commit("Larger refunds").expect("a commit");
    let draft = agency.assent(&["plan", "--draft", "acme"].map(str::to_owned)).expect("a draft");
    let file = folder.join("2-larger refunds.toml");
    put(&file, draft.as_bytes()).expect("a draft");
    let page = folder.join("page.html");
    let paths = [&file, &page, &agency.source].map(|path| path.display().to_string());
    let [shown, to, source] = &paths;
    let line = ["approve", shown, "--page", to, "--repo", source, "--base", "HEAD~1", "--format", "json"];
    let told = agency.assent(&line.map(str::to_owned)).expect("a page");
    assert!(told.contains("\"page\""), "{told}");
    (file, std::fs::read_to_string(page).expect("the page"))
}

/// The commands of the page, as a shell reads them.
fn commands(page: &str) -> Vec<String> {
    let parts = page.split("<pre>").skip(1).filter_map(|part| part.split_once("</pre>"));
    let text = parts.map(|(text, _)| text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\""));
    let text = text.map(|text| text.replace("&amp;", "&"));
    text.filter(|text| ["sha256sum", "ssh-keygen", "assent"].iter().any(|first| text.starts_with(first))).collect()
}

#[test]
fn the_page_shows_all_that_is_signed_and_its_commands_work() {
    let folder = tempfile::tempdir().expect("a folder");
    let (agency, _) = released(folder.path());
    let (file, page) = asked(&agency, folder.path());
    let bytes = std::fs::read(&file).expect("the draft");

    // Nothing is run, and nothing comes from elsewhere.
    for forbidden in
        ["<script", "<img", "<link", "<iframe", "<form", "src=", "@import", "url(", "javascript:", " style="]
    {
        assert!(!page.contains(forbidden), "the page holds {forbidden}");
    }
    let links: Vec<_> = page.split("href=\"").skip(1).map(|link| link.split('"').next().unwrap_or_default()).collect();
    assert!(links.len() == 1 && links.iter().all(|link| link.starts_with("data:")), "{links:?}");
    // What is saved from the page is what is signed.
    let (_, saved) = links[0].split_once("base64,").expect("a file");
    assert_eq!(STANDARD.decode(saved).expect("base64"), bytes);

    let digest = Digest::of_file(&bytes);
    for wanted in [
        digest.to_string(),
        words(&digest),
        "at most EUR 100.00 a call</code> (before)".into(),
        "at most EUR 250.00 a call</code> (new)".into(),
        "A long line. ".repeat(400),
        "&lt;script&gt;alert(1)&lt;/script&gt;<span class=\"mark\">U+00A0</span>far below.".into(),
        "(reference, user.unique_id)".into(),
        "2 of 2: dana, erik".into(),
        "checkout.eu.payments.example".into(),
    ] {
        assert!(page.contains(&wanted), "the page lacks {wanted}");
    }

    if !have("ssh-keygen") || !have("sha256sum") {
        return;
    }
    let signers = agency.assent(&["trust", "allowed-signers"].map(str::to_owned)).expect("signers");
    put(&folder.path().join("allowed_signers"), signers.as_bytes()).expect("a file");
    let key = agency.keys.private(&"dana".parse().expect("an id"));
    let with = |text: &str| text.replace("YOU", "dana").replace("KEY", &key.display().to_string());
    let shell = |line: &str| -> Command {
        let mut shell = command("sh", folder.path());
        shell.args(["-euc", &with(line)]).current_dir(folder.path());
        shell
    };
    let lines = commands(&page);
    let [sum, ours, stock, check] = &lines[..] else { panic!("four commands: {lines:?}") };
    assert!(succeed(&mut shell(sum)).starts_with(&digest.to_string()));
    succeed(&mut shell(stock));
    assert!(succeed(&mut shell(check)).contains("Good \"approval@assent\" signature for dana@acme"));
    let ours = with(ours).replacen("assent", &assent_tests::assent().display().to_string(), 1);
    assert!(succeed(&mut shell(&ours)).contains("signed by dana"));
    assert!(succeed(&mut shell(check)).contains("Good"));
}

#[test]
fn a_page_of_another_project_is_not_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let (agency, _) = released(folder.path());
    let (file, _) = asked(&agency, folder.path());
    let text = std::fs::read_to_string(&file).expect("the draft");
    let project = text.lines().find(|line| line.starts_with("project")).expect("its project");
    let other = format!("project = \"{}\"", Digest::of_file(b"another"));
    put(&file, text.replace(project, &other).as_bytes()).expect("a draft");
    let page = folder.path().join("other.html");
    let paths = [&file, &page, &agency.source].map(|path| path.display().to_string());
    let [shown, to, source] = &paths;
    let refused = agency.assent(&["approve", shown, "--page", to, "--repo", source].map(str::to_owned));
    assert!(refused.is_err_and(|why| why.to_string().contains("another project")));
    assert!(!page.exists());
}
