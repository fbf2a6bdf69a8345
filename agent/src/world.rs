//! All that is outside: clock, dice, network, disk, as traits. Types and traits only.
//!
//! The engine is generic over [`World`]; `real` is production's, `sim` is the seeded one with crash points. There is no
//! way to start a task here: who drives a run decides on which executor.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use assent_schema::id::{ClientId, ConnectionId, MailAddress, OperationRef};
use assent_schema::plan::Method;
use assent_schema::time::Moment;

use crate::content::Content;

/// The outside as one value. Cheap to share behind an `Arc`.
pub trait World: Send + Sync + 'static {
    /// Its clock.
    type Clock: Clock;
    /// Its dice.
    type Dice: Dice;
    /// Its network.
    type Net: Net;
    /// Its state folder.
    type Disk: Disk;
    /// Where keys live that must die by themselves.
    type Keyring: Keyring;

    /// The clock.
    fn clock(&self) -> &Self::Clock;
    /// The dice.
    fn dice(&self) -> &Self::Dice;
    /// The network.
    fn net(&self) -> &Self::Net;
    /// The state folder.
    fn disk(&self) -> &Self::Disk;
    /// Keys that die by themselves.
    fn keyring(&self) -> &Self::Keyring;
}

/// Wall time in milliseconds since 1970-01-01T00:00:00Z. May jump; durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Wall(i64);

impl Wall {
    /// So many milliseconds since 1970.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since 1970.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// The second that it lies in.
    pub fn moment(self) -> Moment {
        Moment::from_seconds(self.0.div_euclid(1_000))
    }

    /// This time and a while later.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// The time from `earlier` to this; nothing when `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl From<Moment> for Wall {
    fn from(moment: Moment) -> Self {
        Self(moment.seconds().saturating_mul(1_000))
    }
}

/// Tells time and lets it pass.
pub trait Clock: Send + Sync {
    /// Wall time. Wrong clocks exist: expiry asks `schema::trust` for trusted time, not this.
    fn now(&self) -> Wall;

    /// The time since the host booted, sleep included. Never goes back while the host is up; means nothing after a boot.
    fn boot(&self) -> Duration;

    /// The time for which the host was awake since it booted: stands still while it sleeps.
    fn awake(&self) -> Duration {
        self.boot()
    }

    /// Returns after at least this long on the boot clock.
    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send;
}

/// Random bytes.
pub trait Dice: Send + Sync {
    /// Fills the slice.
    fn fill(&self, bytes: &mut [u8]);

    /// An array of random bytes.
    fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }

    /// A number below `bound`, evenly; 0 when `bound` is 0. The bias of 2^-64 does not matter for delays.
    fn below(&self, bound: u64) -> u64 {
        let wide = u128::from(u64::from_le_bytes(self.bytes())) * u128::from(bound);
        u64::try_from(wide >> 64).unwrap_or(0)
    }
}

/// One HTTP request, fully built by `request`. Whoever holds it may only send it.
#[derive(Clone)]
pub struct HttpRequest {
    /// On whose behalf.
    pub client: ClientId,
    /// Which operation this is; `connection.ask` for an AI provider. Never sent.
    pub operation: OperationRef,
    /// The method.
    pub method: Method,
    /// Whether TLS is used; without it only private addresses are reached.
    pub tls: bool,
    /// The host's name or address, from the endpoint alone.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Path and query, encoded; begins with `/`.
    pub target: Content<String>,
    /// Headers besides `host` and `content-length`, names in lower case, values without CR, LF and NUL.
    pub headers: Vec<(String, Content<Vec<u8>>)>,
    /// The body; empty for none.
    pub body: Content<Vec<u8>>,
    /// The longest time from connecting to the last byte of the answer.
    pub timeout: Duration,
    /// The largest answer, in bytes, inflated.
    pub most_bytes: u64,
    /// Whether loopback, link-local and private addresses may be reached.
    pub private_addresses: bool,
}

/// One HTTP response.
pub struct HttpResponse {
    /// The status.
    pub status: u16,
    /// Headers, names in lower case.
    pub headers: Vec<(String, Content<Vec<u8>>)>,
    /// The body.
    pub body: Content<Vec<u8>>,
}

impl HttpResponse {
    /// The first header of this name (lower case).
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.reveal().as_slice())
    }

    /// With the moment at which it came as its `Date`, where it has none: what it says of times is compared with that.
    ///
    /// # Source
    /// RFC 9110 section 6.6.1.
    #[must_use]
    pub fn came(mut self, at: Wall) -> Self {
        if self.header("date").is_none() {
            let date = at.moment().timestamp().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
            self.headers.push(("date".to_owned(), Content::new(date.into_bytes())));
        }
        self
    }
}

/// Why there is no response. A closed list: texts of libraries and hosts are content and stay out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NetFailure {
    /// No connection was made: name, address, route, TLS.
    NeverConnected,
    /// The address is loopback, link-local or private, or the host is not on the list.
    AddressRefused,
    /// The connection was made and no complete answer came.
    SentNoReply,
    /// The time was over after the first byte may have left.
    TimedOut,
    /// The answer is larger than allowed.
    TooLarge,
    /// The answer leads elsewhere, or out of HTTP.
    Redirected,
    /// The answer is compressed, which nobody asked for.
    Compressed,
    /// The answer is no HTTP.
    Malformed,
}

impl NetFailure {
    /// Whether the other side may have received anything. When false, surely nothing ran.
    pub fn may_have_run(self) -> bool {
        match self {
            Self::NeverConnected | Self::AddressRefused => false,
            Self::SentNoReply
            | Self::TimedOut
            | Self::TooLarge
            | Self::Redirected
            | Self::Compressed
            | Self::Malformed => true,
        }
    }

    /// Its code in journal, ledger and alerts.
    pub fn code(self) -> &'static str {
        match self {
            Self::NeverConnected => "never_connected",
            Self::AddressRefused => "address_refused",
            Self::SentNoReply => "no_reply",
            Self::TimedOut => "timed_out",
            Self::TooLarge => "too_large",
            Self::Redirected => "redirected",
            Self::Compressed => "compressed",
            Self::Malformed => "malformed",
        }
    }
}

impl fmt::Display for NetFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// One mail, fully built by `watch`. Whoever holds it may only hand it over.
#[derive(Clone)]
pub struct Mail {
    /// On whose behalf.
    pub client: ClientId,
    /// By which alert route.
    pub route: ConnectionId,
    /// Whether TLS begins with the first byte; else by STARTTLS, which only a server on loopback need not know.
    pub tls: bool,
    /// The server's name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// `user:password`, for servers that ask who hands mail over.
    pub credential: Option<Content<Vec<u8>>>,
    /// Who writes.
    pub from: Option<MailAddress>,
    /// To whom; at least one.
    pub to: Vec<MailAddress>,
    /// Whether it is for all of them or for nobody.
    pub for_all: bool,
    /// Headers and body, every line ended by CR and LF.
    pub message: Content<Vec<u8>>,
    /// The longest time from connecting to the server's word that it took it.
    pub timeout: Duration,
}

/// Why a mail was not taken. A closed list: what servers say is content and stays out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailFailure {
    /// The server could not be reached, or what it says is no SMTP.
    Net(NetFailure),
    /// TLS does not begin, and without it nothing is said.
    NoTls,
    /// The server does not let us in with what the vault holds.
    NotLetIn,
    /// The server wants none of it.
    Refused,
    /// The server wants it later.
    Later,
}

impl MailFailure {
    /// Its code in logs and alerts.
    pub fn code(self) -> &'static str {
        match self {
            Self::Net(failure) => failure.code(),
            Self::NoTls => "mail_no_tls",
            Self::NotLetIn => "mail_not_let_in",
            Self::Refused => "mail_refused",
            Self::Later => "mail_later",
        }
    }
}

impl From<NetFailure> for MailFailure {
    fn from(failure: NetFailure) -> Self {
        Self::Net(failure)
    }
}

/// Sends requests. No redirects, no proxies, no retries.
pub trait Net: Send + Sync {
    /// One exchange: connects, sends, and reads the whole answer within the request's limits.
    ///
    /// # Errors
    /// [`NetFailure`], which tells whether anything may have run.
    fn exchange(&self, request: HttpRequest) -> impl Future<Output = Result<HttpResponse, NetFailure>> + Send;

    /// Hands one mail to a server. A world without mail reaches none.
    ///
    /// # Errors
    /// [`MailFailure`]. After `Ok` the server answers for it.
    fn mail(&self, _mail: Mail) -> impl Future<Output = Result<(), MailFailure>> + Send {
        std::future::ready(Err(MailFailure::Net(NetFailure::AddressRefused)))
    }
}

/// Why a file could not be read or written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskFailure {
    /// No space is left.
    Full,
    /// The path is not below the state folder, or is no regular file.
    BadPath,
    /// Anything else the system said.
    Broken,
}

impl DiskFailure {
    /// Its code in logs and alerts.
    pub fn code(self) -> &'static str {
        match self {
            Self::Full => "disk_full",
            Self::BadPath => "bad_path",
            Self::Broken => "disk_broken",
        }
    }
}

impl fmt::Display for DiskFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl std::error::Error for DiskFailure {}

/// Small files of the state folder. Paths are relative, parts joined by `/`, no `.` or `..`; mode 0600, folders 0700.
pub trait Disk: Send + Sync {
    /// The whole file; `None` when there is none.
    ///
    /// # Errors
    /// [`DiskFailure`].
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, DiskFailure>;

    /// Puts a whole file in place of what was there, folders included.
    ///
    /// # Errors
    /// [`DiskFailure`]; then the old file stands as it was.
    ///
    /// # Crash
    /// On return the file and its name are durable. Before, either the old or the new file is there, never a part.
    fn write(&self, path: &str, bytes: &[u8]) -> Result<(), DiskFailure>;

    /// Puts several files in place as [`Disk::write`] does each, perhaps at the same time: most of a write is waiting.
    ///
    /// # Errors
    /// [`DiskFailure`] of one of them; others may stand.
    fn write_all(&self, files: &BTreeMap<String, Vec<u8>>) -> Result<(), DiskFailure> {
        files.iter().try_for_each(|(path, bytes)| self.write(path, bytes))
    }

    /// Removes a file; nothing happens when there is none.
    ///
    /// # Errors
    /// [`DiskFailure`].
    ///
    /// # Crash
    /// On return the removal is durable.
    fn remove(&self, path: &str) -> Result<(), DiskFailure>;

    /// The names of the files directly in a folder, sorted; empty when there is no folder. The state folder itself is the
    /// empty path.
    ///
    /// # Errors
    /// [`DiskFailure`].
    fn list(&self, folder: &str) -> Result<Vec<String>, DiskFailure>;
}

/// A file as a folder shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its name.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
    /// When it was last changed, in nanoseconds since 1970 as the file system tells it; only compared.
    pub changed: i64,
}

/// Folders that other systems fill. Paths are relative, `<client>/<folder>`; links are never followed.
pub trait Inboxes: Send + Sync + 'static {
    /// The regular files of a folder, hidden ones not, sorted by name; `None` when there is no such folder.
    ///
    /// # Errors
    /// [`DiskFailure`].
    fn shown(&self, folder: &str, most: usize) -> Result<Option<Vec<Seen>>, DiskFailure>;

    /// A file's bytes; `None` when it is gone, or larger than `most`.
    ///
    /// # Errors
    /// [`DiskFailure`].
    fn file(&self, folder: &str, name: &str, most: u64) -> Result<Option<Vec<u8>>, DiskFailure>;

    /// Moves a file into a folder below its own, under its name or, where that is taken, the name with `mark` behind it.
    ///
    /// # Errors
    /// [`DiskFailure`].
    ///
    /// # Crash
    /// The file stands in one place or the other.
    fn set_aside(&self, folder: &str, name: &str, into: &str, mark: &str) -> Result<(), DiskFailure>;
}

/// Keys that live outside of this process and die by themselves: the kernel's keyring in production; where that is not
/// allowed, the process's own memory. They survive a restart of the process, never one of the host.
///
/// # Source
/// engine.md section 4: the epoch key of sealed content.
pub trait Keyring: Send + Sync {
    /// The key of this name while it lives.
    fn get(&self, name: &str) -> Option<Content<[u8; 32]>>;

    /// Keeps a key for at most so long. Returns whether it will outlive the process.
    fn put(&self, name: &str, key: &Content<[u8; 32]>, lives: Duration) -> bool;
}

impl<D: Disk> Disk for std::sync::Arc<D> {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, DiskFailure> {
        D::read(self, path)
    }

    fn write(&self, path: &str, bytes: &[u8]) -> Result<(), DiskFailure> {
        D::write(self, path, bytes)
    }

    fn write_all(&self, files: &BTreeMap<String, Vec<u8>>) -> Result<(), DiskFailure> {
        D::write_all(self, files)
    }

    fn remove(&self, path: &str) -> Result<(), DiskFailure> {
        D::remove(self, path)
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, DiskFailure> {
        D::list(self, folder)
    }
}

impl<R: Dice> Dice for std::sync::Arc<R> {
    fn fill(&self, bytes: &mut [u8]) {
        R::fill(self, bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Loaded(u8);

    impl Dice for Loaded {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.0);
        }
    }

    #[test]
    fn failures_are_those_that_clients_are_told_of() {
        use NetFailure::{
            AddressRefused, Compressed, Malformed, NeverConnected, Redirected, SentNoReply, TimedOut, TooLarge,
        };
        let all = [AddressRefused, Compressed, Malformed, NeverConnected, SentNoReply, Redirected, TimedOut, TooLarge];
        let told = assent_schema::plan::unanswered().map(|(code, _, may_have_run)| (code, may_have_run));
        assert!(told.eq(all.map(|failure| (failure.code(), failure.may_have_run()))));
    }

    #[test]
    fn dice_stay_below_their_bound() {
        assert_eq!(Loaded(0xff).below(10), 9);
        assert_eq!(Loaded(0).below(10), 0);
        assert_eq!(Loaded(0xff).below(0), 0);
    }

    #[test]
    fn a_wall_time_before_1970_lies_in_the_second_before() {
        assert_eq!(Wall::from_millis(-1).moment().seconds(), -1);
        assert_eq!(Wall::from_millis(1_999).moment().seconds(), 1);
    }
}
