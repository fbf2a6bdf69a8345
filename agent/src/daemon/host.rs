//! What the agent asks of the machine before it starts: the only one in its folder, no core dumps, no plain swap; and how
//! it tells the service manager that it is ready.

use std::fs::File;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;
use std::time::Duration;

use rustix::fs::{FlockOperation, Mode, OFlags, chmod, flock, open, stat};
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit, umask};

use crate::error::{Context as _, Error};

/// Held as long as the agent runs; the system lets go of it when the process is gone, however it went.
pub struct Lock {
    _file: std::os::fd::OwnedFd,
}

/// How long a start waits for the folder: what a killed agent was about to start may hold it a moment longer.
const LOCK_WAIT: Duration = Duration::from_secs(2);
/// How often it looks meanwhile.
const LOCK_EVERY: Duration = Duration::from_millis(20);

/// Makes this process the only agent of the state folder. Blocks, at most two seconds.
///
/// # Errors
/// When another one runs.
pub fn lock(path: &Path) -> Result<Lock, Error> {
    let flags = OFlags::CREATE | OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let file = open(path, flags, Mode::RUSR | Mode::WUSR).tried(|| format!("cannot open `{}`", path.display()))?;
    let mut left = LOCK_WAIT;
    loop {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(Lock { _file: file }),
            Err(rustix::io::Errno::WOULDBLOCK) if left.is_zero() => {
                let error = Error::environment("another agent runs in this state folder");
                return Err(error.help("Stop it first, or use a folder of its own."));
            }
            Err(rustix::io::Errno::WOULDBLOCK) => {
                std::thread::sleep(LOCK_EVERY.min(left));
                left = left.saturating_sub(LOCK_EVERY);
            }
            Err(errno) => return Err(errno).tried(|| format!("cannot lock `{}`", path.display())),
        }
    }
}

/// What this process makes from now on, nobody else reads: also where libraries make it.
pub fn make_privately() {
    let _before = umask(Mode::RWXG | Mode::RWXO);
}

/// Closes the state folder to everybody else, whoever made it: what is in it may be readable by others.
///
/// # Errors
/// When it is somebody else's.
///
/// # Source
/// Promises P09, P10: who may see something is judged by the console and the commands, not by the host's users.
pub fn close(folder: &Path) -> Result<(), Error> {
    let cannot = || format!("cannot close the state folder `{}` to others", folder.display());
    let mode = Mode::from_raw_mode(stat(folder).tried(cannot)?.st_mode);
    if !mode.intersects(Mode::RWXG | Mode::RWXO) {
        return Ok(());
    }
    tracing::warn!(code = "folder_open", "others could enter the state folder; it is closed to them now");
    chmod(folder, Mode::RWXU).tried(cannot).map_err(|error| error.help("Give it to the user that the agent runs as."))
}

/// Keeps memory out of core dumps and away from other processes of the same user.
///
/// # Errors
/// When the system does not let us.
///
/// # Source
/// engine.md section 1. Promise P04.
pub fn harden() -> Result<(), Error> {
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })
        .tried(|| "cannot forbid core dumps".into())?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable).tried(|| "cannot forbid core dumps".into())
}

/// Refuses to run where memory may be written to a disk in the clear.
///
/// # Errors
/// When there is swap on a plain disk, or it cannot be told what swap there is.
///
/// # Source
/// engine.md section 1. Promise P04.
pub fn refuse_plain_swap() -> Result<(), Error> {
    // A disk whose name says nothing of encryption is a plain one.
    let encrypted = |device: &str| {
        let name = Path::new(device).file_name().unwrap_or_default().to_string_lossy().into_owned();
        let uuid = std::fs::read_to_string(format!("/sys/block/{name}/dm/uuid")).unwrap_or_default();
        uuid.starts_with("CRYPT-")
    };
    judge_swap(swaps(), encrypted)
}

/// What the kernel says of its swap; `None` when there is none.
fn swaps() -> io::Result<Option<String>> {
    // The kernel tells how much there is without `/proc`, of which a service may be shown a part alone (`ProcSubset=pid`).
    if rustix::system::sysinfo().totalswap == 0 {
        return Ok(None);
    }
    std::fs::read_to_string("/proc/swaps").map(Some)
}

/// Swap that cannot be looked at is refused as if it were plain.
fn judge_swap(swaps: io::Result<Option<String>>, encrypted: impl Fn(&str) -> bool) -> Result<(), Error> {
    let swaps = swaps.tried(|| "cannot tell whether memory may be written to a plain disk".into());
    let swaps = swaps.map_err(|error| {
        error.help("This machine has swap: let the agent read `/proc/swaps`, or turn swap off (`swapoff -a`).")
    })?;
    match swaps.and_then(|swaps| plain_swap(&swaps, encrypted)) {
        None => Ok(()),
        Some(device) => Err(Error::environment(format!("memory may be written to the plain swap `{device}`"))
            .help("Turn swap off (`swapoff -a`), use zram, or put it on dm-crypt.")),
    }
}

/// The first swap of `/proc/swaps` that is neither in memory nor encrypted.
fn plain_swap(swaps: &str, encrypted: impl Fn(&str) -> bool) -> Option<String> {
    swaps
        .lines()
        .skip(1)
        .filter_map(|line| line.split_whitespace().next())
        .find(|device| !device.starts_with("/dev/zram") && !encrypted(device))
        .map(str::to_owned)
}

/// Tells the service manager something, where there is one: `READY=1`, `STOPPING=1`, `WATCHDOG=1`.
///
/// # Source
/// `sd_notify(3)`.
pub fn notify(socket: Option<&Path>, state: &str) {
    let Some(socket) = socket else { return };
    let told = || -> io::Result<()> {
        let bytes = socket.as_os_str().as_bytes();
        let address = match bytes.split_first() {
            Some((b'@', name)) => SocketAddr::from_abstract_name(name)?,
            _ => SocketAddr::from_pathname(socket)?,
        };
        UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address).map(drop)
    };
    if let Err(error) = told() {
        tracing::warn!(code = "notify_failed", kind = %error.kind(), "the service manager was not told");
    }
}

/// The SHA-256 of this program, which rehearsals name. Reads all of it: not for the start.
///
/// # Errors
/// When it cannot be read.
pub fn binary_digest() -> Result<assent_schema::canon::Digest, Error> {
    use sha2::{Digest as _, Sha256};
    let mut file = File::open("/proc/self/exe").tried(|| "cannot read this program".into())?;
    let mut hash = Sha256::new();
    io::copy(&mut file, &mut hash).tried(|| "cannot read this program".into())?;
    Ok(assent_schema::canon::Digest::from_bytes(hash.finalize().into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_folder_has_one_agent() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let first = lock(&path).unwrap();
        assert!(lock(&path).is_err());
        drop(first);
        assert!(lock(&path).is_ok());
    }

    #[test]
    fn a_state_folder_that_others_may_enter_is_closed() {
        use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        std::fs::DirBuilder::new().mode(0o755).create(&state).unwrap();
        close(&state).unwrap();
        assert_eq!(state.metadata().unwrap().permissions().mode() & 0o777, 0o700);
        close(&state).unwrap();
        assert!(close(&folder.path().join("nowhere")).is_err());
    }

    #[test]
    fn only_swap_in_the_clear_is_refused() {
        let head = "Filename Type Size Used Priority\n";
        assert_eq!(plain_swap(head, |_| false), None);
        assert_eq!(plain_swap(&format!("{head}/dev/zram0 partition 1 0 1\n"), |_| false), None);
        let disk = format!("{head}/dev/zram0 partition 1 0 1\n/dev/dm-0 partition 1 0 1\n");
        assert_eq!(plain_swap(&disk, |device| device == "/dev/dm-0"), None);
        assert_eq!(plain_swap(&disk, |_| false), Some("/dev/dm-0".to_owned()));
    }

    #[test]
    fn swap_that_cannot_be_looked_at_is_refused() {
        let refused = |swaps| judge_swap(swaps, |_| false).err().map(|error| error.to_string());
        assert_eq!(refused(Ok(None)), None);
        assert_eq!(refused(Ok(Some("Filename\n/dev/zram0 partition 1 0 1\n".to_owned()))), None);
        let plain = refused(Ok(Some("Filename\n/dev/sda2 partition 1 0 1\n".to_owned())));
        assert!(plain.unwrap().contains("the plain swap `/dev/sda2`"));
        for kind in [io::ErrorKind::NotFound, io::ErrorKind::PermissionDenied] {
            assert!(refused(Err(kind.into())).unwrap().contains("cannot tell"), "{kind}");
        }
    }

    #[test]
    fn the_service_manager_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        notify(Some(&path), "READY=1");
        let mut heard = [0; 16];
        let length = manager.recv(&mut heard).unwrap();
        assert_eq!(&heard[..length], b"READY=1");
        notify(None, "READY=1");
    }
}
