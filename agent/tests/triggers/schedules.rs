//! Lines of a schedule.

use super::*;

fn scheduled(cron: &str) -> Host {
    Host::new(&json!({"kind": "schedule", "cron": cron, "zone": "Europe/Berlin", "missed": "all"}))
}

#[tokio::test]
async fn another_line_of_a_schedule_begins_when_it_comes() {
    let host = scheduled("0 * * * *");
    let desk = host.boot().await;
    desk.look_at_schedules().await;
    host.pass(3_600);
    desk.look_at_schedules().await;
    assert_eq!(host.events(), ["2026-03-02T10:00:00Z"]);
    // Nothing looked for a while: what passed was missed.
    host.pass(7_800);
    desk.look_at_schedules().await;
    let before = ["2026-03-02T10:00:00Z", "2026-03-02T11:00:00Z", "2026-03-02T12:00:00Z"];
    assert_eq!(host.events(), before);
    // Ten minutes later a release brings another line: no time of it had passed.
    host.pass(600);
    let scheduled = scheduled("*/5 * * * *");
    let other = Host { compiled: scheduled.compiled, plans: scheduled.plans, ..host };
    let desk = other.boot().await;
    desk.look_at_schedules().await;
    assert_eq!(other.events(), before);
    other.pass(300);
    desk.look_at_schedules().await;
    assert_eq!(other.events(), [&before[..], &["2026-03-02T12:25:00Z"]].concat());
}
