//! `git://`: git's own daemon.

use assent_agent::pull::PullFailure;
use assent_tests::servers::{Daemon, free_address};

use super::Room;

#[test]
fn branches_travel_both_ways_through_a_git_daemon() {
    let room = Room::new();
    let Some(mut daemon) = Daemon::start(&room.root()) else { return };
    let transfers = room.transfers(&format!("repository = \"{}\"", daemon.url()), None);
    room.goes_right(&transfers);
    daemon.stop();
    assert_eq!(room.fetch(&transfers), Err(PullFailure::Unreachable));
    daemon.again();
    assert!(room.fetch(&transfers).is_ok(), "it came back");
}

#[test]
fn a_daemon_without_the_repository_says_so() {
    let room = Room::new();
    let Some(daemon) = Daemon::start(&room.root()) else { return };
    let elsewhere = format!("repository = \"git://{}/nowhere.git\"", daemon.address);
    assert_eq!(room.fetch(&room.transfers(&elsewhere, None)), Err(PullFailure::NoRepository));
    let nobody = format!("repository = \"git://{}/agency.git\"", free_address());
    assert_eq!(room.fetch(&room.transfers(&nobody, None)), Err(PullFailure::Unreachable));
}
