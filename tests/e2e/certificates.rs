//! The certificate of an agent's listeners ends in so many days: openssl makes it, the agent serves it, and on-call hears of it 14
//! days, 7 days and one day before, each once and no earlier; a renewed one ends the alert.

use std::path::Path;

use assent_compiler::command::demo::source::put;
use assent_compiler::command::demo::stage::secrets;
use assent_tests::servers::Authority;
use assent_tests::until::{LOOKED, until_so};
use assent_tests::{command, have, run_with_input};
use serde_json::Value;

use super::holders::Scene;

/// The time so many hours from now, as openssl reads it.
fn in_hours(hours: i64) -> String {
    let now = jiff::Timestamp::from_second(assent_compiler::command::demo::stage::clock().expect("a clock").seconds());
    let at = now.expect("a time").checked_add(jiff::SignedDuration::from_hours(hours)).expect("a time");
    at.strftime("%Y%m%d%H%M%SZ").to_string()
}

/// What every route was told of the certificate, by code.
fn told(scene: &Scene) -> Vec<Value> {
    let of_it = |told: &&Value| told["rule"] == "certificate";
    scene.outside.look(|seen| seen.told.iter().filter(of_it).cloned().collect())
}

/// Until when the certificate is good that a stranger is shown, as openssl says it.
fn served(scene: &Scene, folder: &Path) -> String {
    let address = scene.agent.url();
    let mut client = command("openssl", folder);
    client.args(["s_client", "-connect", address.trim_start_matches("http://")]);
    let shown = run_with_input(&mut client, b"").stdout;
    let mut read = command("openssl", folder);
    String::from_utf8_lossy(&run_with_input(read.args(["x509", "-noout", "-enddate"]), &shown).stdout).into_owned()
}

#[test]
fn a_certificate_that_ends_is_heard_of_in_time() {
    if !have("openssl") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let authority = Authority::make(folder.path(), "authority");
    // Ninety days long, as most are: the last third of its life began ten days ago.
    let put_one = |hours: i64| {
        let days = 24 * 90;
        let (made, key) = authority.certify_between(folder.path(), &in_hours(hours - days), &in_hours(hours));
        let at = folder.path().join("served.pem");
        put(&at, &std::fs::read(made).expect("a certificate")).expect("a file");
        (at, key)
    };
    let (certificate, key) = put_one(24 * 20);
    let mut scene = Scene::set(folder.path());
    scene.work_after(|_| {});
    secrets(&scene.agent).expect("secrets");
    let config = std::fs::read_to_string(scene.agent.config()).expect("a configuration");
    let tls = format!("tls = {{ certificate = \"{}\", key = \"{}\" }}\n", certificate.display(), key.display());
    put(&scene.agent.config(), (tls + &config).as_bytes()).expect("a configuration");
    scene.agent.start().expect("an agent that starts");
    scene.agent.wait_status(|status| status.release.is_some()).expect("a release");
    let first = served(&scene, folder.path());
    assert!(first.starts_with("notAfter="), "{first}");

    let mut before = first;
    for (hours, code, many) in [(24 * 14 - 1, "14d", 1), (24 * 7 - 1, "7d", 2), (23, "1d", 3)] {
        // What stood before was looked at meanwhile, and is not heard of twice.
        put_one(hours);
        until_so(code, LOOKED, || told(&scene).iter().any(|told| told["code"] == code));
        let all = told(&scene);
        let codes: Vec<&str> = all.iter().filter_map(|told| told["code"].as_str()).collect();
        assert_eq!(codes.len(), many, "each is heard of once, and the one with 20 days never: {codes:?}");
        assert!(all.iter().all(|told| told["incident"] == false), "there is still time: {all:?}");
        let now = served(&scene, folder.path());
        assert!(now.starts_with("notAfter=") && now != before, "a stranger is shown it: {now}");
        before = now;
    }
    let alerts = || scene.agent.call(&["alerts"]).expect("alerts");
    assert!(alerts().contains("certificate") && alerts().contains("1d"), "{}", alerts());
    put_one(24 * 80);
    until_so("its end", LOOKED, || !alerts().contains("certificate"));
}
