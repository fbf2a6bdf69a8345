//! Sealed content and the kernel: real processes that die, a real key with a timeout, and a kernel that refuses keys.

use std::path::Path;
use std::process::Command;

use super::*;
use crate::real::{Real, RealClock, RealDice, RealDisk, RealKeyring, RealNet, tls};
use crate::world::Keyring;

/// Names the folder in which the child of a test seals.
const CHILD: &str = "ASSENT_SEALS_IN";
/// How long the keys of these tests live: the time of [`KEY_LIVES`] in production.
const LIVES: Duration = Duration::from_secs(4);
/// What is sealed.
const CANARY: &[u8] = b"canary of a ticket";

/// The real world, whose keys live for seconds.
type Short = Real<RealClock, ShortKeys>;

struct ShortKeys(RealKeyring);

impl Keyring for ShortKeys {
    fn get(&self, name: &str) -> Option<Content<[u8; 32]>> {
        self.0.get(name)
    }

    fn put(&self, name: &str, key: &Content<[u8; 32]>, lives: Duration) -> bool {
        self.0.put(name, key, lives.min(LIVES))
    }
}

/// The world of an agent whose state is in a folder; folder and agent have one name, so that no two tests share keys.
fn world(folder: &Path) -> Short {
    let owner = folder.file_name().unwrap().to_string_lossy().into_owned();
    Real {
        clock: RealClock,
        dice: RealDice,
        net: RealNet::new(tls::connector(&[]).unwrap()),
        disk: RealDisk::open(folder).unwrap(),
        keyring: ShortKeys(RealKeyring::new(&owner)),
    }
}

fn run() -> RunId {
    RunId::from_bytes([1; 16])
}

/// What the child does: seals, opens what it sealed, says whether the key will outlive it, and dies.
#[expect(clippy::disallowed_methods, reason = "a test's own file")]
fn seals(folder: &Path) {
    let world = world(folder);
    let sealed = seal(&world, run(), &Content::new(CANARY.to_vec())).unwrap();
    assert_eq!(open(&world, run(), &sealed).unwrap().reveal(), CANARY);
    let outlives = world.keyring().put("probe", &Content::new([7; 32]), LIVES);
    assert_eq!(world.keyring().0.is_refused(), !outlives);
    std::fs::write(folder.join("sealed"), sealed).unwrap();
    std::fs::write(folder.join("outlives"), outlives.to_string()).unwrap();
}

/// Starts this very test as another process, which seals and dies; a program may stand before it.
#[expect(clippy::disallowed_methods, reason = "the child of a test")]
fn child(test: &str, folder: &Path, before: &[&str]) -> (Vec<u8>, bool) {
    let exe = std::env::current_exe().unwrap();
    let mut words: Vec<&std::ffi::OsStr> = before.iter().map(std::ffi::OsStr::new).collect();
    words.push(exe.as_os_str());
    let (program, rest) = words.split_first().unwrap();
    let mut command = Command::new(program);
    command.args(rest).args(["--exact", &format!("run::content::seal::process_tests::{test}")]).env(CHILD, folder);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let outlives = std::fs::read_to_string(folder.join("outlives")).unwrap() == "true";
    (std::fs::read(folder.join("sealed")).unwrap(), outlives)
}

fn is_child() -> bool {
    let Some(folder) = std::env::var_os(CHILD) else { return false };
    seals(Path::new(&folder));
    true
}

#[expect(clippy::disallowed_methods, reason = "asks whether this is CI")]
fn skipped(why: &str) {
    assert!(std::env::var("CI").is_err(), "{why}");
    println!("skipped: {why}");
}

#[test]
fn what_a_dead_agent_sealed_opens_no_more_when_the_kernel_let_go_of_its_key() {
    if is_child() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (sealed, outlives) =
        child("what_a_dead_agent_sealed_opens_no_more_when_the_kernel_let_go_of_its_key", folder.path(), &[]);
    if !outlives {
        return skipped("this kernel takes no keys");
    }
    let world = world(folder.path());
    // The agent that sealed is dead; the next one opens it while the key lives.
    assert_eq!(open(&world, run(), &sealed).unwrap().reveal(), CANARY);
    let began = RealClock.boot();
    while open(&world, run(), &sealed).is_some() {
        assert!(RealClock.boot().saturating_sub(began) < LIVES * 8, "the kernel keeps the key");
        std::thread::yield_now();
    }
    assert!(known_key(&world, RealClock.now().millis().div_euclid(HOUR_MILLIS)).is_none());
}

/// Starts a program to which the kernel refuses keys, as containers do: `add_key`, `request_key` and `keyctl` are not
/// permitted by a filter of system calls.
///
/// # Source
/// seccomp(2), bpf classic as in linux/filter.h; numbers of x86-64 (248 to 250) and of arm64 (217 to 219).
const REFUSES_KEYS: &str = r"
import ctypes, os, platform, struct, sys
first = {'x86_64': 248, 'aarch64': 217}[platform.machine()]
code = [(0x20, 0, 0, 0), (0x35, 0, 2, first), (0x25, 1, 0, first + 2), (0x06, 0, 0, 0x00050001), (0x06, 0, 0, 0x7fff0000)]
words = b''.join(struct.pack('HBBI', *line) for line in code)
held = ctypes.create_string_buffer(words)
class Program(ctypes.Structure):
    _fields_ = [('len', ctypes.c_ushort), ('filter', ctypes.c_void_p)]
program = Program(len(code), ctypes.addressof(held))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, ctypes.byref(program), 0, 0) == 0
os.execv(sys.argv[1], sys.argv[1:])
";

#[test]
#[expect(clippy::disallowed_methods, reason = "asks whether a program is there")]
fn where_the_kernel_refuses_keys_they_live_in_this_process_alone() {
    if is_child() {
        return;
    }
    if !Command::new("python3").arg("--version").output().is_ok_and(|out| out.status.success()) {
        return skipped("python3 is not installed");
    }
    let folder = tempfile::tempdir().unwrap();
    let name = "where_the_kernel_refuses_keys_they_live_in_this_process_alone";
    let (sealed, outlives) = child(name, folder.path(), &["python3", "-c", REFUSES_KEYS]);
    assert!(!outlives, "the filter let keys through");
    assert!(open(&world(folder.path()), run(), &sealed).is_none(), "the key died with its process");
}
