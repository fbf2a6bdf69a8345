use assent_schema::status::{Halt, PullStatus, StatusType};

use super::*;
use crate::command::Format;

fn status() -> Status {
    let digest = assent_schema::canon::Digest::of_file(b"root");
    Status {
        kind: StatusType::Status,
        schema: assent_schema::status::SCHEMA,
        project: digest,
        environment: "production".parse().unwrap(),
        region: "eu".parse().unwrap(),
        agent: "eu-1".parse().unwrap(),
        time: at(9),
        version: "1.0.0".into(),
        release: None,
        pull: None,
        push: None,
        halt: None,
        workflows: std::collections::BTreeMap::new(),
        holds: Vec::new(),
        slots: Vec::new(),
        scopes: Vec::new(),
        vault: None,
        keyring: None,
        refused: BTreeSet::new(),
        returned: std::collections::BTreeMap::new(),
        statements: Vec::new(),
    }
}

fn at(hour: u32) -> assent_schema::time::Moment {
    format!("2026-11-30T{hour:02}:00:00Z").parse().unwrap()
}

fn trouble(rule: Rule, code: &str) -> Trouble {
    let id = Some("a-7".to_owned());
    Trouble { id, rule, code: code.into(), connection: None, since: Some(at(8)), left: None, differs: None }
}

fn told(status: Status, standing: Vec<Trouble>, format: Format) -> String {
    let mut text = Vec::new();
    let told = Told {
        status: Box::new(status),
        standing,
        folder: "/var/lib/assent".into(),
        flag: Some("--config /srv/eu.toml".into()),
    };
    Output::new(format, &mut text).show(&told).unwrap();
    String::from_utf8(text).unwrap()
}

#[test]
fn what_is_not_well_comes_first() {
    let full = Trouble { left: Some(16_400_000), id: Some("i-17".into()), ..trouble(Rule::Disk, "disk_full") };
    let clock = Trouble { differs: Some(assent_schema::time::Period::minutes(12)), ..trouble(Rule::Clock, "differs") };
    let route = Trouble { connection: Some("am".parse().unwrap()), ..trouble(Rule::RouteFails, "http_500") };
    let standing = vec![
        full,
        clock,
        trouble(Rule::Stale, "freshness"),
        route,
        trouble(Rule::Lag, "loop"),
        trouble(Rule::Status, "branch-not-ours"),
        trouble(Rule::Pull, "unreachable"),
    ];
    let pull = Some(PullStatus { code: "unreachable".into(), since: at(7) });
    let text = told(Status { pull, ..status() }, standing, Format::Human);
    let wanted = "NOT ACCEPTING since 2026-11-30T08:00:00Z: disk_full, 16 MB left in /var/lib/assent [i-17]\n\
        the host's clock differs by 12m since 2026-11-30T08:00:00Z: what expires is judged by the later one [a-7]\n\
        STALE since 2026-11-30T08:00:00Z: there is no current freshness statement [a-7]\n\
        route am fails since 2026-11-30T08:00:00Z: http_500 [a-7]\n\
        late to its own work since 2026-11-30T08:00:00Z: loop [a-7]\n\
        status (branch-not-ours) since 2026-11-30T08:00:00Z [a-7]\n\
        no release can be pulled since 2026-11-30T07:00:00Z: unreachable [a-7]\n\
        eu-1 in production eu, version 1.0.0\n\
        no release yet\n";
    assert_eq!(text, wanted);
}

#[test]
fn a_stop_is_the_first_line_and_names_its_incident() {
    let halt = Halt {
        since: at(6),
        why: ["ledger-older".parse().unwrap()].into(),
        root: 1,
        release: (1, 1),
        published: Vec::new(),
        nonce: status().project,
    };
    let stopped = Trouble { id: Some("i-17".into()), ..trouble(Rule::Halted, "ledger-older") };
    let text = told(Status { halt: Some(halt), ..status() }, vec![stopped], Format::Human);
    assert!(text.starts_with("STOPPED since 2026-11-30T06:00:00Z: ledger-older; nothing starts [i-17]\n"), "{text}");
    assert!(!text.contains("halted ("), "{text}");
    assert!(text.contains("assent-agent recover --key PERSON=FILE --config /srv/eu.toml\n"), "{text}");
}

#[test]
fn as_json_it_is_the_status_that_is_published() {
    let json = told(status(), vec![trouble(Rule::Lag, "loop")], Format::Json);
    assert_eq!(serde_json::from_str::<Status>(&json).unwrap(), status());
}

#[test]
fn a_kernel_that_takes_no_keys_is_told() {
    let text = told(Status { keyring: Some("keyring_refused".into()), ..status() }, Vec::new(), Format::Human);
    assert!(
        text.contains("the kernel takes no keys (keyring_refused): sealed content is kept by this process alone"),
        "{text}"
    );
    assert!(!told(status(), Vec::new(), Format::Human).contains("kernel"));
    assert!(!told(status(), Vec::new(), Format::Json).contains("keyring"));
}
