//! Hosts that say nothing, too much, or what is not so: the child ends at its limits and the parent does not notice.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};

use assent_agent::pull::PullFailure;

use super::{RELEASE, Room};

#[path = "../../../compiler/tests/support/bomb.rs"]
mod bomb;

const ID: &str = "1111111111111111111111111111111111111111";
/// How much the agent's memory may differ by for reasons of its own, in KiB.
const UNMOVED_KIB: u64 = 16 * 1024;

/// A host that does the same with everybody who connects. It ends with the test process.
fn host(answer: impl Fn(TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            answer(stream);
        }
    });
    address
}

fn line(text: &[u8]) -> Vec<u8> {
    [format!("{:04x}", text.len() + 4).as_bytes(), text].concat()
}

fn advertised() -> Vec<u8> {
    let first = format!("{ID} refs/heads/{RELEASE}\0side-band-64k ofs-delta\n");
    [line(first.as_bytes()), b"0000".to_vec()].concat()
}

/// Reads until the question is over.
fn hear(stream: &mut TcpStream, end: &[u8]) {
    let mut heard = Vec::new();
    let mut byte = [0; 1];
    while !heard.ends_with(end) && stream.read(&mut byte).is_ok_and(|read| read == 1) {
        heard.extend_from_slice(&byte);
    }
}

/// Sends the head of a fetch, then what the hostile host has instead of a pack.
fn instead_of_a_pack(bytes: impl Fn(&mut TcpStream) + Send + 'static) -> SocketAddr {
    host(move |mut stream| {
        hear(&mut stream, b"host=");
        drop(stream.write_all(&advertised()));
        hear(&mut stream, b"done\n");
        drop(stream.write_all(b"0008NAK\n"));
        bytes(&mut stream);
    })
}

fn in_band(bytes: &[u8]) -> Vec<u8> {
    line(&[&[1], bytes].concat())
}

/// A host whose branch stands at a commit of which this is the pack.
fn with_pack(commit: git2::Oid, pack: Vec<u8>) -> SocketAddr {
    let said = String::from_utf8(advertised()).expect("text").replace(ID, &commit.to_string());
    host(move |mut stream| {
        hear(&mut stream, b"host=");
        drop(stream.write_all(said.as_bytes()));
        hear(&mut stream, b"done\n");
        drop(stream.write_all(b"0008NAK\n"));
        for part in pack.chunks(60_000) {
            drop(stream.write_all(&in_band(part)));
        }
        drop(stream.write_all(b"0000"));
    })
}

/// About the largest memory that this process ever had, in KiB. The kernel sums counters of each processor that lag behind, so what it says
/// may fall a little, too.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("a status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    line.trim().trim_end_matches(" kB").trim().parse().expect("a number")
}

/// Does something in a process of its own, in which no other test takes memory: this binary again, with this test alone.
fn apart(body: impl FnOnce()) {
    const APART: &str = "ASSENT_TEST_APART";
    if std::env::var_os(APART).is_some() {
        return body();
    }
    let this = std::thread::current().name().expect("tests run in threads that have their names").to_owned();
    let home = tempfile::tempdir().expect("a folder");
    let mut test = assent_tests::command(std::env::current_exe().expect("a test"), home.path());
    let ended = test.args(["--exact", &this, "--nocapture"]).env(APART, "1").output().expect("the test again");
    let said = String::from_utf8_lossy(&ended.stdout);
    assert!(ended.status.success() && said.contains("1 passed"), "{said}{}", String::from_utf8_lossy(&ended.stderr));
}

fn check(address: SocketAddr, limits: &str, wanted: PullFailure) {
    let room = Room::new();
    let transfers = room.limited(&format!("repository = \"git://{address}/agency.git\""), None, limits);
    let before = peak_kib();
    assert_eq!(room.fetch(&transfers), Err(wanted));
    let after = peak_kib();
    assert!(after.saturating_sub(before) < UNMOVED_KIB, "the parent grew from {before} to {after} KiB");
    assert!(git2::Repository::open_bare(room.ours()).expect("a repository").find_reference(super::INTO).is_err());
}

#[test]
fn a_host_that_says_nothing_meets_the_deadline() {
    apart(|| {
        let (keep, kept) = std::sync::mpsc::channel();
        let address = host(move |stream| drop(keep.send(stream)));
        check(address, "fetch_time = \"5s\"\n", PullFailure::TimedOut);
        assert!(kept.try_iter().count() > 0, "it was connected to");
    });
}

#[test]
fn a_host_that_says_nothing_over_tls_and_ssh_meets_the_deadline() {
    let (keep, kept) = std::sync::mpsc::channel();
    let address = host(move |stream| drop(keep.send(stream)));
    let room = Room::new();
    let limits = "fetch_time = \"5s\"\n";
    let over_tls = room.limited(&format!("repository = \"https://{address}/agency.git\""), None, limits);
    assert_eq!(room.fetch(&over_tls), Err(PullFailure::TimedOut));
    assert_eq!(kept.try_iter().count(), 1);
    if !assent_tests::have("ssh") || !assent_tests::have("ssh-keygen") {
        return;
    }
    let key = std::fs::read(assent_tests::servers::ssh_key(room.path(), "agent")).expect("a key");
    let public = std::fs::read_to_string(room.path().join("agent.pub")).expect("a public key");
    let repository = format!("repository = \"ssh://git@{address}/agency.git\"\nhost_key = \"{}\"", public.trim());
    let over_ssh = room.limited(&repository, Some(&key), limits);
    assert_eq!(room.fetch(&over_ssh), Err(PullFailure::TimedOut));
    // `ssh` ended with the transfer: its end of the connection is closed, not left waiting.
    let mut stream = kept.try_iter().next().expect("a connection");
    let mut said = Vec::new();
    stream.set_read_timeout(Some(std::time::Duration::from_secs(30))).expect("a time");
    stream.read_to_end(&mut said).expect("the end of the connection");
    assert!(said.starts_with(b"SSH-2.0-OpenSSH"), "it was OpenSSH that spoke");
}

#[test]
fn references_without_end_meet_the_limit_of_bytes() {
    apart(|| {
        let address = host(|mut stream| {
            hear(&mut stream, b"host=");
            let first = line(format!("{ID} HEAD\0side-band-64k\n").as_bytes());
            let long = line(format!("{ID} refs/heads/{}\n", "x".repeat(60_000)).as_bytes());
            let mut sent = stream.write_all(&first);
            while sent.is_ok() {
                sent = stream.write_all(&long);
            }
        });
        check(address, "fetch_bytes = 4000000\n", PullFailure::TooLarge);
    });
}

#[test]
fn a_pack_without_end_meets_the_limit_of_bytes() {
    apart(|| {
        let address = instead_of_a_pack(|stream| {
            // A blob of 1 GiB in blocks that are stored and not compressed, as zlib has them: 60,000 zeroes each.
            let mut sent = stream.write_all(&in_band(b"PACK\0\0\0\x02\0\0\0\x01\xb0\x80\x80\x80\x20\x78\x01"));
            let block = in_band(&[&[0, 0x60, 0xea, 0x9f, 0x15][..], &vec![0; 60_000]].concat());
            while sent.is_ok() {
                sent = stream.write_all(&block);
            }
        });
        check(address, "fetch_bytes = 4000000\n", PullFailure::TooLarge);
    });
}

#[test]
fn words_beside_a_pack_without_end_meet_the_limit_of_bytes() {
    apart(|| {
        let address = instead_of_a_pack(|stream| {
            let progress = line(&[&[2][..], &vec![b'.'; 60_000]].concat());
            while stream.write_all(&progress).is_ok() {}
        });
        check(address, "fetch_bytes = 4000000\n", PullFailure::TooLarge);
    });
}

#[test]
fn a_pack_that_says_to_hold_four_billion_objects_is_too_large() {
    apart(|| {
        let address = instead_of_a_pack(|stream| {
            drop(stream.write_all(&in_band(b"PACK\0\0\0\x02\xff\xff\xff\xff")));
            drop(stream.write_all(&in_band(&[0x30; 1000])));
            hear(stream, b"never");
        });
        check(address, "fetch_time = \"1m\"\n", PullFailure::TooLarge);
    });
}

#[test]
fn what_is_no_pack_and_what_is_no_git_is_garbled() {
    apart(|| {
        let address =
            instead_of_a_pack(|stream| drop(stream.write_all(&[in_band(b"<html>"), b"0000".to_vec()].concat())));
        check(address, "fetch_time = \"1m\"\n", PullFailure::Garbled);
        let page = host(|mut stream| {
            hear(&mut stream, b"host=");
            drop(stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n"));
        });
        check(page, "fetch_time = \"1m\"\n", PullFailure::Garbled);
    });
}

/// A host that keeps back what the commit needs would do lasting harm if we said afterwards to have it.
#[test]
fn a_pack_without_its_trees_is_garbled() {
    apart(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let repository = git2::Repository::init_bare(folder.path()).expect("a repository");
        let commit = super::put(folder.path(), RELEASE, "1").parse().expect("an id");
        let mut builder = repository.packbuilder().expect("a pack");
        builder.insert_object(commit, None).expect("the commit alone");
        let mut pack = git2::Buf::new();
        builder.write_buf(&mut pack).expect("a pack");
        let address = with_pack(commit, pack.to_vec());
        check(address, "fetch_time = \"1m\"\n", PullFailure::Garbled);
    });
}

/// A hundred bytes on the wire would otherwise be a gigabyte in the agent whenever they are read.
#[test]
fn a_small_file_that_is_a_change_of_a_large_one_never_reaches_the_parent() {
    apart(|| {
        let (pack, commit) = bomb::bomb(256 << 20, &["manifest.json".to_owned()]);
        assert!(pack.len() < 4 << 20);
        check(with_pack(commit, pack), "fetch_time = \"1m\"\n", PullFailure::TooLarge);
    });
}

/// Of each the parent may read one. What a commit takes to be read is bounded as a whole, whenever its files came.
#[test]
fn many_small_files_that_are_changes_of_a_large_one_are_too_large_together() {
    let names = |count: usize| (0..count).map(|n| format!("{n:03}.json")).collect::<Vec<_>>();
    for (count, wanted) in [(80, false), (20, true)] {
        let (pack, commit) = bomb::bomb(16 << 20, &names(count));
        let room = Room::new();
        let repository = format!("repository = \"git://{}/agency.git\"", with_pack(commit, pack));
        let fetched = room.fetch(&room.limited(&repository, None, "fetch_time = \"1m\"\n"));
        assert_eq!(fetched, if wanted { Ok(commit.to_string()) } else { Err(PullFailure::TooLarge) }, "{count} files");
    }
}

/// What a child left that was ended before it had weighed it, the next one weighs, though the pack comes no more.
#[test]
fn a_pack_that_was_left_unweighed_is_weighed() {
    let (pack, commit) = bomb::bomb(64 << 20, &["manifest.json".to_owned()]);
    let room = Room::new();
    let ours = git2::Repository::init_bare(room.ours()).expect("a repository");
    let odb = ours.odb().expect("objects");
    let mut writer = odb.packwriter().expect("a pack");
    writer.write_all(&pack).expect("a pack");
    writer.commit().expect("a pack that git takes");
    let repository = format!("repository = \"git://{}/agency.git\"", with_pack(commit, pack));
    let transfers = room.limited(&repository, None, "fetch_time = \"1m\"\n");
    for _ in 0..2 {
        assert_eq!(room.fetch(&transfers), Err(PullFailure::TooLarge));
        let left = std::fs::read_dir(room.ours().join("objects/pack")).expect("a folder").count();
        assert_eq!(left, 0, "nothing of it stays");
    }
}
