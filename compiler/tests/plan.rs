//! What `assent plan` tells of a pull request: uses, behaviour, protection taken away, and whose approval is missing.

#[expect(dead_code, reason = "each test binary uses its own part")]
mod support;

use std::path::Path;

use serde_json::Value;
use support::fixture::apply;
use support::{assent, bare, commit, files, folder};

/// A pull request that touches everything a plan speaks of. The approvals are those of before.
const CHANGES: &str = r#"#= clients/acme/workflows/sort.toml
-timeout = "5m"
+timeout = "15m"
-when = "topic.ended == 'answered' && ticket.visits > 1"
+when = "topic.ended == 'answered'"
#= clients/acme/prompts/topic.md
+Name the topic. <img src=x onerror=alert(1)> @alice
#= catalog/integrations/desk.toml
-body = { type = "text", most_bytes = 4000, class = "content" }
+body = { type = "token", class = "reference" }
"#;

/// The plan of a pull request: base with everything signed, then the changes.
fn plan(changes: &str, format: &str) -> (u8, String) {
    plan_of("tests/findings/base", changes, format)
}

/// As [`plan`], of another repository.
fn plan_of(base: &str, changes: &str, format: &str) -> (u8, String) {
    let base = folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join(base));
    let (folder, repository) = bare();
    let tree = files(&repository, &apply(&base, "").files);
    let old = commit(&repository, tree);
    let tree = files(&repository, &apply(&base, changes).files);
    let new = commit(&repository, tree);
    let range = format!("{old}..{new}");
    let ran = assent(&["plan", &range, "--repo", folder.path().to_str().expect("a path"), "--format", format]);
    (ran.status, ran.out)
}

#[test]
fn a_pull_request_is_told_in_words() {
    insta::assert_snapshot!("human", plan(CHANGES, "human").1);
}

#[test]
fn a_pull_request_is_told_as_markdown_without_markup_of_its_own() {
    let told = plan(CHANGES, "markdown").1;
    let prose: String = told.lines().filter(|line| !line.trim_start().starts_with(['+', '-'])).collect();
    assert!(!prose.contains("<img"), "{told}");
    insta::assert_snapshot!("markdown", told);
}

#[test]
fn a_pull_request_is_told_as_json() {
    let told: Value = serde_json::from_str(&plan(CHANGES, "json").1).expect("JSON");
    let client = &told["clients"][0];
    assert_eq!(client["client"], "acme");
    assert_eq!(client["approvers"]["people"][0], "dana");
    assert_eq!(client["lowered"][0]["place"], "get_ticket.body");
    let differences = client["workflows"][0]["differences"].as_array().expect("a list");
    let what: Vec<_> = differences.iter().filter_map(|one| one["what"].as_str()).collect();
    for wanted in ["limits", "prompt-changed", "step-changed"] {
        assert!(what.contains(&wanted), "{what:?}");
    }
}

#[test]
fn nothing_changes_when_only_a_comment_does() {
    let (status, told) =
        plan("#= clients/acme/workflows/sort.toml\n-name = \"sort\"\n+name = \"sort\" # the same\n", "human");
    assert_eq!((status, told.as_str()), (0, "Nothing changes for any client.\n"));
}

#[test]
fn a_workflow_with_an_error_is_not_called_removed() {
    let changes = "#= clients/acme/workflows/sort.toml\n-timeout = \"5m\"\n+timeout = \"10x\"\n";
    let (status, told) = plan(changes, "human");
    assert_eq!(status, 1, "{told}");
    assert!(told.contains("`sort` has errors") && told.contains("1 with errors cannot be judged."), "{told}");
    assert!(!told.contains("removed") && !told.contains("No approval is missing"), "{told}");
    let json: Value = serde_json::from_str(&plan(changes, "json").1).expect("JSON");
    let workflow = &json["clients"][0]["workflows"][0];
    assert_eq!((workflow["workflow"].as_str(), workflow["change"].as_str()), (Some("sort"), Some("unread")));
    assert_eq!(json["clients"][0]["dropped"].as_array().map(Vec::len), Some(0), "{json}");
}

/// What is left of a client whose file cannot be read looks as if everything ended and nothing were asked for.
#[test]
fn a_client_of_whom_too_much_cannot_be_read_is_not_compared() {
    for (changes, file) in [
        ("#= clients/acme/client.toml\n+x = [\n", "clients/acme/client.toml"),
        ("#= catalog/integrations/desk.toml\n+x = [\n", "catalog/integrations/desk.toml"),
        ("#= assent.toml\n+x = [\n", "assent.toml"),
    ] {
        let added = format!("{changes}#= clients/acme/workflows/sort.toml\n-timeout = \"5m\"\n+timeout = \"15m\"\n");
        for format in ["human", "markdown"] {
            let (status, told) = plan(&added, format);
            assert_eq!(status, 1, "{told}");
            assert!(told.contains("annot be judged") && told.contains(file), "{told}");
            for word in ["No approval is missing", "that end", "Nothing changes", "removed"] {
                assert!(!told.contains(word), "{told}");
            }
        }
        let json: Value = serde_json::from_str(&plan(&added, "json").1).expect("JSON");
        assert_eq!(json["clients"].as_array().map(Vec::len), Some(0), "{json}");
        assert_eq!(json["not_judged"][0]["client"], "acme", "{json}");
        assert_eq!(json["not_judged"][0]["files"][0], file, "{json}");
    }
    // A client that is broken before and after says nothing either, and no draft is made of it.
    let base = folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/findings/base"));
    let (folder, repository) = bare();
    let broken = files(&repository, &apply(&base, "#= clients/acme/client.toml\n+x = [\n").files);
    commit(&repository, broken);
    let place = folder.path().to_str().expect("a path").to_owned();
    let ran = assent(&["plan", "HEAD", "--draft", "acme", "--repo", &place]);
    assert!(ran.status == 2 && ran.out.is_empty() && ran.err.contains("clients/acme/client.toml"), "{}", ran.err);
}

/// A list that may give other ids to what was taken is said, and not folded away; one by another name of the connection is not.
#[test]
fn events_that_may_run_again_are_told() {
    let path = "#= catalog/integrations/shop.toml\n-path = \"/orders/changes\"\n+path = \"/v2/orders/changes\"\n";
    let says = "another list: an item of the last";
    let of = |changes: &str, format: &str| plan_of("../examples/agency", changes, format).1;
    let told = of(path, "human");
    let line = told.lines().find(|line| line.contains(says)).unwrap_or_default();
    assert!(told.contains("Events that run again, or wait:") && line.starts_with("  ! `packing`: "), "{told}");
    let told = of(path, "markdown");
    let (before, _) = told.split_once("<details>").unwrap_or((&told, ""));
    assert!(before.contains(says), "{told}");
    let json: Value = serde_json::from_str(&of(path, "json")).expect("JSON");
    assert!(json.to_string().contains(r#""says":"it goes on where its list stood"#), "{json}");
    let more = "#= clients/cedar/workflows/packing.toml\n-every = \"1m\"\n+every = \"2m\"\n";
    assert!(!of(more, "human").contains("Events that run again"), "the same list");
}

/// What no workflow reads of the items of a list, nobody is asked to approve.
#[test]
fn a_personal_field_of_an_item_that_nobody_reads_is_no_use() {
    let fields = "[operation.list_orders.response.items.of.fields]";
    let email = r#"email = { at = "customer.email", type = "text", most_bytes = 320, class = "personal", category = "user.contact.email" }"#;
    let unread = format!("#= catalog/integrations/shop.toml\n-{fields}\n+{fields}\n+{email}\n");
    assert_eq!(plan_of("../examples/agency", &unread, "human").1, "Nothing changes for any client.\n");
    // A person who is shown it is told of it.
    let read = format!(
        "{unread}#= clients/borealis/workflows/overdue.toml\n-id = \"hold\"\n+id = \"look\"\n+decide = {{ by = \"billing\", show = [\"order.email\"], within = \"4h\", via = [\"page\"] }}\n+\n+[[step.step]]\n+id = \"hold\"\n"
    );
    let told = plan_of("../examples/agency", &read, "human").1;
    // Of what kind it is stands beside it.
    assert!(told.contains("`orders.items.email` (personal, user.contact.email)"), "{told}");
}
