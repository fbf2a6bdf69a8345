//! Keys that a passphrase opened, for as long as one command takes: a person is asked once, however often it signs.
//!
//! An `ssh-agent` of the command's own holds them, out of reach of whoever reads this process, and forgets them with it: it is
//! ended when the command ends, and ends by itself where that was killed. A key that the person's own agent holds stays there.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use assent_schema::trust::PublicKey;

/// What the agent runs: it says where it is, then waits for the end of this command.
const WAIT: &str = "printf '%s\\n%s\\n' \"$SSH_AUTH_SOCK\" \"$SSH_AGENT_PID\"; exec cat";
/// For how many seconds a key is held at most, should nothing else end that.
const HELD_SECONDS: &str = "900";

thread_local! {
    static OPENED: RefCell<Option<Opened>> = const { RefCell::new(None) };
}

/// One command: what it opened is closed with it.
#[must_use]
pub(crate) struct OneCommand(());

impl OneCommand {
    /// A command begins.
    pub(crate) fn begins() -> Self {
        close();
        Self(())
    }
}

impl Drop for OneCommand {
    fn drop(&mut self) {
        close();
    }
}

fn close() {
    drop(OPENED.with(RefCell::take));
}

/// Where a key with a passphrase signs from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Signs {
    /// From an agent of this command's, at this address.
    Opened(String),
    /// From the person's own agent, or nobody can hold it: `ssh-keygen` sees to it.
    ByItself,
    /// Nobody said the passphrase.
    Not,
}

/// Opens a key, unless this command did so before. Whoever is at the terminal is asked, or the program that `SSH_ASKPASS` names.
pub(super) fn opened(file: &Path, public: &PublicKey) -> Signs {
    // A security key says at the terminal that it waits for a touch; behind an agent it would not.
    if !public.is_plain() {
        return Signs::ByItself;
    }
    OPENED.with(|opened| {
        let mut opened = opened.borrow_mut();
        if let Some(known) = opened.as_ref().filter(|known| known.files.contains(file)) {
            return Signs::Opened(known.socket.clone());
        }
        if is_held(public) {
            return Signs::ByItself;
        }
        if opened.is_none() {
            *opened = Opened::start();
        }
        let Some(agent) = opened.as_mut() else { return Signs::ByItself };
        if agent.add(file) { Signs::Opened(agent.socket.clone()) } else { Signs::Not }
    })
}

/// Whether the person's own agent holds a key.
#[expect(clippy::disallowed_methods, reason = "only ssh-add knows what an agent holds")]
fn is_held(public: &PublicKey) -> bool {
    let listed = Command::new("ssh-add").arg("-L").stdin(Stdio::null()).stderr(Stdio::null()).output();
    let lines = listed.map(|listed| String::from_utf8_lossy(&listed.stdout).into_owned()).unwrap_or_default();
    lines.lines().any(|line| line.parse::<PublicKey>().is_ok_and(|held| held == *public))
}

/// The agent of this command, and which files it holds the keys of.
struct Opened {
    child: Child,
    socket: String,
    process: String,
    files: BTreeSet<PathBuf>,
}

impl Opened {
    #[expect(clippy::disallowed_methods, reason = "keys stay in ssh-agent's memory")]
    fn start() -> Option<Self> {
        let mut agent = Command::new("ssh-agent");
        agent.args(["sh", "-c", WAIT]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = agent.spawn().ok()?;
        let mut said = child.stdout.take().map(BufReader::new)?.lines();
        let mut line = || said.next()?.ok().filter(|line| !line.is_empty());
        if let (Some(socket), Some(process)) = (line(), line()) {
            return Some(Self { child, socket, process, files: BTreeSet::new() });
        }
        drop(child.kill());
        drop(child.wait());
        None
    }

    #[expect(clippy::disallowed_methods, reason = "ssh-add asks for the passphrase")]
    fn add(&mut self, file: &Path) -> bool {
        // It asks at the terminal only where that is its input, which of this command may be something else.
        let terminal = File::open("/dev/tty").map_or_else(|_| Stdio::inherit(), Stdio::from);
        let mut add = Command::new("ssh-add");
        add.args(["-q", "-t", HELD_SECONDS]).arg(file).env("SSH_AUTH_SOCK", &self.socket);
        let added = add.stdin(terminal).stdout(Stdio::null()).status().is_ok_and(|ended| ended.success());
        if added {
            self.files.insert(file.to_owned());
        }
        added
    }
}

impl Drop for Opened {
    #[expect(clippy::disallowed_methods, reason = "ssh-agent ends ssh-agent")]
    fn drop(&mut self) {
        let mut end = Command::new("ssh-agent");
        end.arg("-k").env("SSH_AUTH_SOCK", &self.socket).env("SSH_AGENT_PID", &self.process);
        // Without this it ends by itself some seconds after what it runs does.
        drop(end.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status());
        drop(self.child.stdin.take());
        drop(self.child.wait());
    }
}
