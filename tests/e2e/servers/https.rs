//! `https://`: nginx with git's own backend, a private authority, one user.

use std::path::Path;

use assent_agent::pull::PullFailure;
use assent_tests::servers::{Authority, Nginx, PASSWORD, USER};

use super::{Room, nowhere};

fn repository(nginx: &Nginx, path: &str, ca: &Path) -> String {
    format!("repository = \"{}\"\nca = \"{}\"", nginx.url(path), ca.display())
}

#[test]
fn branches_travel_both_ways_over_tls() {
    let room = Room::new();
    let Some(nginx) = Nginx::start(room.path(), &room.root()) else { return };
    let credential = format!("{USER}:{PASSWORD}");
    let repository = repository(&nginx, "git/agency.git", &nginx.authority.certificate);
    room.goes_right(&room.transfers(&repository, Some(credential.as_bytes())));
    nowhere(&room.path().join("state"), PASSWORD.as_bytes());
}

#[test]
fn each_refusal_over_tls_has_its_code() {
    let room = Room::new();
    let Some(nginx) = Nginx::start(room.path(), &room.root()) else { return };
    let (good, other) = (&nginx.authority.certificate, Authority::make(room.path(), "other").certificate);
    let right = format!("{USER}:{PASSWORD}");
    let check = |path: &str, ca: &Path, credential: Option<&str>, wanted: PullFailure| {
        let transfers = room.transfers(&repository(&nginx, path, ca), credential.map(str::as_bytes));
        assert_eq!(room.fetch(&transfers), Err(wanted), "{path} {credential:?}");
    };
    check("git/agency.git", &other, Some(&right), PullFailure::Certificate);
    check("git/agency.git", good, Some(&format!("{USER}:wrong")), PullFailure::CredentialsRefused);
    check("git/agency.git", good, Some(&format!("nobody:{PASSWORD}")), PullFailure::CredentialsRefused);
    check("git/agency.git", good, Some("no-colon"), PullFailure::CredentialsRefused);
    check("git/agency.git", good, None, PullFailure::NoCredentials);
    check("git/nowhere.git", good, Some(&right), PullFailure::NoRepository);
    check("moved/agency.git", good, Some(&right), PullFailure::Redirected);
    check("page/agency.git", good, Some(&right), PullFailure::Garbled);
    // The public list does not know a private authority.
    let public = format!("repository = \"{}\"", nginx.url("git/agency.git"));
    assert_eq!(room.fetch(&room.transfers(&public, Some(right.as_bytes()))), Err(PullFailure::Certificate));
    // The certificate is for an address, not for a name.
    let name = format!(
        "repository = \"https://localhost:{}/git/agency.git\"\nca = \"{}\"",
        nginx.address.port(),
        good.display()
    );
    assert_eq!(room.fetch(&room.transfers(&name, Some(right.as_bytes()))), Err(PullFailure::Certificate));
}
