//! `ssh://`: sshd with a pinned host key.

use assent_agent::pull::PullFailure;
use assent_tests::servers::{Sshd, ssh_key};

use super::{Room, line_of, nowhere};

fn repository(room: &Room, sshd: &Sshd, host_key: &str) -> String {
    format!("repository = \"{}\"\nhost_key = \"{host_key}\"", sshd.url(&room.theirs()))
}

#[test]
fn branches_travel_both_ways_over_ssh() {
    let room = Room::new();
    let Some(sshd) = Sshd::start(room.path()) else { return };
    let key = std::fs::read(&sshd.key).expect("a key");
    room.goes_right(&room.transfers(&repository(&room, &sshd, &sshd.host_key), Some(&key)));
    nowhere(&room.path().join("state"), line_of(&key));
    let left = std::fs::read_dir(room.path().join("state/transfers")).expect("a folder").count();
    assert_eq!(left, 0, "transfers leave nothing behind");
}

#[test]
fn each_refusal_over_ssh_has_its_code() {
    let room = Room::new();
    let Some(sshd) = Sshd::start(room.path()) else { return };
    let key = std::fs::read(&sshd.key).expect("a key");
    let read = |path| std::fs::read(path).expect("a key");
    let (stranger, right) = (read(ssh_key(room.path(), "stranger")), repository(&room, &sshd, &sshd.host_key));
    let public = std::fs::read_to_string(room.path().join("stranger.pub")).expect("a public key");
    let check = |repository: &str, key: Option<&[u8]>, wanted: PullFailure| {
        assert_eq!(room.fetch(&room.transfers(repository, key)), Err(wanted), "{repository}");
    };
    check(&repository(&room, &sshd, public.trim()), Some(&key), PullFailure::HostKey);
    check(&right, Some(&stranger), PullFailure::CredentialsRefused);
    check(&right, Some(b"no key"), PullFailure::CredentialsRefused);
    check(&right, None, PullFailure::NoCredentials);
    check(&right.replace("agency.git", "nowhere.git"), Some(&key), PullFailure::NoRepository);
}
