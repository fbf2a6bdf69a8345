//! A release made by the commands that people type, verified by the agent's own code.

use assent_agent::verify;
use assent_tests::stage::{pinned, place, released, then};

#[test]
fn what_the_compiler_releases_the_agent_permits() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_, files) = released(folder.path());
    let bundle = verify::verify(&files, &pinned(&files), &place(), then()).expect("the release verifies");
    assert_eq!(bundle.workflows.len(), 3, "acme has three workflows");
    for ((client, workflow), one) in &bundle.workflows {
        let why: Vec<String> = one.off.iter().map(|off| format!("{} {}", off.code, off.detail)).collect();
        assert!(one.off.is_empty(), "{client}/{workflow} is off: {why:?}\n{:#?}", one.uses);
    }
}
