//! Each thing that stands wrong is one line, and nobody has one that is not theirs.

use assent_schema::id::PersonId;
use serde_json::{Value, json};

use super::super::viewer::Who;
use super::*;

fn viewer(at: Option<&str>, clients: &[&str], oncall: bool) -> Viewer {
    let who = Who { client: at.map(|at| at.parse().unwrap()), person: PersonId::new("lena").unwrap() };
    Viewer { who, clients: clients.iter().map(|name| name.parse().unwrap()).collect(), oncall }
}

fn hold(client: &str, what: &Value) -> Hold {
    serde_json::from_value(json!({"id": "h-1", "client": client, "what": what, "why": "TICKET-7", "by": "bruno",
        "since": "2026-03-02T09:00:00Z", "until": "2026-03-02T13:00:00Z"}))
    .unwrap()
}

fn trouble(rule: &str, code: &str, id: &str) -> Trouble {
    serde_json::from_value(json!({"id": id, "rule": rule, "code": code, "left": 12_000_000, "differs": "20m",
        "connection": "ops", "since": "2026-03-02T09:00:00Z"}))
    .unwrap()
}

fn all() -> Standing {
    let told = [
        ("stale", "stale", "a-1"),
        ("pull", "git_unreachable", "a-2"),
        ("status", "branch-not-ours", "a-3"),
        ("clock", "clock_differs", "a-4"),
        ("disk", "disk_full", "i-5"),
        ("vault", "vault_gone", "i-6"),
        ("route-fails", "timeout", "a-7"),
        ("ledger-key", "2026-03-01", "a-8"),
    ];
    let status: PullStatus = serde_json::from_value(json!({"code": "x", "since": "2026-03-02T09:00:00Z"})).unwrap();
    let refused = json!([{"code": "bad-signature", "digest": "ab".repeat(32)}, {"code": "bad-signature", "digest": "cd".repeat(32)}]);
    Standing {
        troubles: told.map(|(rule, code, id)| trouble(rule, code, id)).into(),
        pull: Some(status.clone()),
        push: Some(status),
        keyring: Some("keyring_refused".to_owned()),
        refused: serde_json::from_value(refused).unwrap(),
        holds: vec![hold("acme", &json!({"workflow": "refund"})), hold("zenith", &json!("client"))],
        stopped: vec![("acme".parse().unwrap(), "i-9".to_owned()), ("zenith".parse().unwrap(), "i-10".to_owned())],
    }
}

fn said(viewer: &Viewer) -> Vec<String> {
    let whole = |line: Line| {
        let Line { tone, what, code, page, command, .. } = line;
        let parts = [code, page, command].map(|part| part.unwrap_or_else(|| "-".to_owned()));
        format!("{tone:?}: {what} | {}", parts.join(" | "))
    };
    lines(&all(), viewer).into_iter().map(whole).collect()
}

#[test]
fn on_call_reads_each_thing_once_the_worst_first_with_what_to_do() {
    let said = said(&viewer(None, &["acme"], true));
    let wanted = [
        "Bad: Somebody else writes to the agent's branch | branch-not-ours | /alerts/a-3 | assent-agent status",
        "Bad: The disk is full, and no event is accepted: 12 MB left | disk_full | /incidents/i-5 | assent-agent status",
        "Bad: The vault cannot be used | vault_gone | /incidents/i-6 | assent-agent vault list",
        "Bad: All workflows of acme have stopped: no freshness statement for too long | - | /incidents/i-9 | assent freshness",
        "Bad: All workflows of zenith have stopped: no freshness statement for too long | - | /incidents/i-10 | assent freshness",
        "Warn: There is no current freshness statement | stale | /alerts/a-1 | assent freshness",
        "Warn: Releases cannot be pulled | git_unreachable | /alerts/a-2 | assent-agent status",
        "Warn: The host's clock differs from signed times by 20m | clock_differs | /alerts/a-4 | assent-agent status",
        "Warn: Alerts do not get through by the route ops | timeout | /alerts/a-7 | assent-agent vault list",
        "Warn: On-call was told of ledger key | 2026-03-01 | /alerts/a-8 | assent-agent status",
        "Warn: The kernel takes no keys: a restart loses what runs that wait need | keyring_refused | - | assent-agent status",
        "Warn: Something newer than the release that runs was refused | bad-signature | /#release | assent explain bad-signature",
        "Warn: acme/refund is held | TICKET-7 | /holds | -",
        "Warn: zenith is held | TICKET-7 | /holds | -",
    ];
    assert_eq!(said, wanted);
}

#[test]
fn what_is_not_yet_an_alert_is_told_from_the_status() {
    let standing = Standing { troubles: Vec::new(), ..all() };
    let lines = lines(&standing, &viewer(None, &[], false));
    let said: Vec<_> = lines.iter().map(|line| (line.what.as_str(), line.since.is_some())).collect();
    assert!(said.contains(&("Releases cannot be pulled", true)), "{said:?}");
    assert!(said.contains(&("Status and checkpoints cannot be pushed", true)), "{said:?}");
    assert!(super::lines(&Standing::default(), &viewer(None, &["acme"], true)).is_empty());
}

#[test]
fn nobody_reads_of_what_is_not_theirs() {
    // An engineer of one client: the agent, and that client.
    let engineer = said(&viewer(None, &["acme"], false)).concat();
    assert!(engineer.contains("The vault") && engineer.contains("acme/refund"), "{engineer}");
    assert!(!engineer.contains("zenith"), "{engineer}");
    // A client's people: what of theirs stands still, until when; not who, why, or how the agent is.
    let wanted = [
        "Bad: All workflows have stopped, until your agency confirms your approvals again | - | - | -",
        "Warn: Your agency has paused refund | - | - | -",
    ];
    assert_eq!(said(&viewer(Some("acme"), &[], false)), wanted);
    // Also where a broken release calls a client's person on-call.
    assert_eq!(said(&viewer(Some("acme"), &["zenith"], true)), wanted);
    let theirs: Vec<_> = lines(&all(), &viewer(Some("zenith"), &[], false)).into_iter().map(|line| line.what).collect();
    assert_eq!(theirs[1], "Your agency has paused all workflows");
    let connection = hold("acme", &json!({"connection": "shop"}));
    assert_eq!(
        (paused(&connection), name(&connection)),
        ("Your agency has paused what uses shop".to_owned(), "acme, connection shop".to_owned())
    );
}
