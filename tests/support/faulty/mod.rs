//! A proxy that spoils what goes through it: between a real agent and an API that means well.
//!
//! What happens to a request comes from the seed, the request itself and how often it was sent, so that neither the clock
//! nor the order of connections matters.

pub mod message;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use assent_schema::canon::Digest;
use assent_schema::time::{Moment, Period};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};

use crate::generate::Dice;
use message::{Message, read};

/// Of how many requests one goes through unspoiled, and of how many in all.
const CLEAN: (usize, usize) = (65, 100);
/// How long a slow answer takes before its first byte.
const SLOW: Duration = Duration::from_millis(300);
/// The pause between two bytes of a slow body.
const DRIP: Duration = Duration::from_millis(2);
/// How many bytes of a slow body come one by one.
const DRIPS: usize = 100;
/// How long a request that is never answered is kept: longer than any operation waits.
const NEVER: Duration = Duration::from_mins(3);
/// Blocks of an endless answer at most; whoever reads them all has no limit.
const ENDLESS_MOST: usize = 4_096;

/// What can go wrong with one exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// The answer comes late.
    Slow,
    /// The connection is reset when the request was read, and nobody else saw it.
    ResetUndone,
    /// The connection is reset after the request was done, before the first byte of the answer.
    ResetDone,
    /// The connection is reset after the first byte of the answer.
    ResetAnswering,
    /// Half of the answer comes, then the connection ends.
    Half,
    /// 429, with the seconds to wait.
    ThrottledSeconds,
    /// 429, with the date to wait for.
    ThrottledDate,
    /// 503, and nothing was done.
    Unavailable,
    /// 500, although it was done.
    DoneAndError,
    /// The body comes byte by byte.
    Drip,
    /// The body is shorter than its announced length.
    TooShort,
    /// The body is longer than its announced length.
    TooLong,
    /// The body has no end.
    EndlessBody,
    /// The head has no end.
    EndlessHead,
    /// The answer is no HTTP.
    Garbage,
    /// The answer is whole, and the connection ends behind it although it was to be kept.
    HangUp,
    /// The request is done and never answered.
    Silence,
}

impl Fault {
    /// All of them, but for [`Fault::Silence`], which costs as much time as the operation may take.
    pub const QUICK: [Self; 16] = [
        Self::Slow,
        Self::ResetUndone,
        Self::ResetDone,
        Self::ResetAnswering,
        Self::Half,
        Self::ThrottledSeconds,
        Self::ThrottledDate,
        Self::Unavailable,
        Self::DoneAndError,
        Self::Drip,
        Self::TooShort,
        Self::TooLong,
        Self::EndlessBody,
        Self::EndlessHead,
        Self::Garbage,
        Self::HangUp,
    ];
}

/// How often each fault happened, and how many requests went through as they were.
pub type Counts = BTreeMap<Option<Fault>, u64>;

/// The proxy, reachable until it is dropped.
pub struct Faulty {
    /// Where it listens.
    address: SocketAddr,
    spoils: Arc<AtomicBool>,
    counts: Arc<Mutex<Counts>>,
    _runtime: Runtime,
}

impl Faulty {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stands before an address; spoils nothing until it is told to. Requests whose target holds `silent` are at times
    /// never answered.
    ///
    /// # Panics
    /// When nothing can listen on loopback.
    pub fn before(upstream: SocketAddr, seed: u64, silent: &'static str) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", 0))).expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (spoils, counts) = (Arc::new(AtomicBool::new(false)), Arc::default());
        let (sees, counted) = (Arc::clone(&spoils), Arc::clone(&counts));
        let way = Way { upstream, seed, silent, spoils: sees, counts: counted, sent: Arc::default() };
        drop(runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                drop(tokio::spawn(way.clone().connection(stream)));
            }
        }));
        Self { address, spoils, counts, _runtime: runtime }
    }

    /// Whether it spoils what goes through it.
    pub fn spoil(&self, does: bool) {
        self.spoils.store(does, Ordering::SeqCst);
    }

    /// What happened so far.
    pub fn counts(&self) -> Counts {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What each connection knows.
#[derive(Clone)]
struct Way {
    upstream: SocketAddr,
    seed: u64,
    silent: &'static str,
    spoils: Arc<AtomicBool>,
    counts: Arc<Mutex<Counts>>,
    /// How often each request was sent.
    sent: Arc<Mutex<BTreeMap<Digest, u64>>>,
}

/// Whether the connection goes on.
enum Then {
    Next,
    End,
}

impl Way {
    async fn connection(self, mut stream: TcpStream) {
        let mut buffer = Vec::new();
        while let Some(request) = read(&mut stream, &mut buffer).await {
            let fault = self.fault(&request);
            *self.counts.lock().unwrap_or_else(PoisonError::into_inner).entry(fault).or_default() += 1;
            match self.exchange(&mut stream, &request, fault).await {
                Some(Then::Next) => {}
                Some(Then::End) | None => return,
            }
        }
    }

    fn fault(&self, request: &Message) -> Option<Fault> {
        if !self.spoils.load(Ordering::SeqCst) {
            return None;
        }
        let (method, target) = request.line();
        let one = Digest::of_file(&[method.as_bytes(), target.as_bytes(), &request.body].concat());
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        let times = sent.entry(one).or_default();
        *times = times.saturating_add(1);
        let mut dice = Dice::of(self.seed, &[&one.to_string(), &times.to_string()]);
        let (clean, all) = CLEAN;
        if dice.below(all) < clean {
            return None;
        }
        if target.contains(self.silent) && dice.one_in(Fault::QUICK.len().saturating_add(1)) {
            return Some(Fault::Silence);
        }
        dice.pick(&Fault::QUICK).copied()
    }

    /// One exchange; nothing when the connection is gone.
    async fn exchange(&self, stream: &mut TcpStream, request: &Message, fault: Option<Fault>) -> Option<Then> {
        let Some(fault) = fault else { return go(stream, &self.ask(request).await?).await };
        match fault {
            Fault::Slow => {
                tokio::time::sleep(SLOW).await;
                go(stream, &self.ask(request).await?).await
            }
            Fault::ResetUndone => reset(stream),
            Fault::ResetDone => {
                self.ask(request).await?;
                reset(stream)
            }
            Fault::ResetAnswering => {
                let answer = self.ask(request).await?;
                stream.write_all(answer.get(..1)?).await.ok()?;
                reset(stream)
            }
            Fault::Half | Fault::TooShort => {
                let answer = self.ask(request).await?;
                let keep = if fault == Fault::Half { answer.len() / 2 } else { answer.len().saturating_sub(1) };
                end(stream, answer.get(..keep)?).await
            }
            Fault::ThrottledSeconds => go(stream, &refusal("429 Too Many Requests", Some("1".to_owned()))).await,
            Fault::ThrottledDate => {
                let soon = http_date(now().plus(Period::seconds(1)));
                go(stream, &refusal("429 Too Many Requests", Some(soon))).await
            }
            Fault::Unavailable => go(stream, &refusal("503 Service Unavailable", Some("1".to_owned()))).await,
            Fault::DoneAndError => {
                self.ask(request).await?;
                go(stream, &refusal("500 Internal Server Error", None)).await
            }
            Fault::Drip => drip(stream, &self.ask(request).await?).await,
            Fault::TooLong => end(stream, &[self.ask(request).await?, b"and more".to_vec()].concat()).await,
            Fault::EndlessBody => {
                self.ask(request).await?;
                let head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n{\"id\":\"";
                endless(stream, head, &[b'a'; 16 * 1024]).await
            }
            Fault::EndlessHead => {
                self.ask(request).await?;
                endless(stream, b"HTTP/1.1 200 OK\r\n", b"X-More: and more and more and more\r\n").await
            }
            Fault::Garbage => {
                self.ask(request).await?;
                end(stream, b"\x16\x03\x01 this is not an answer\r\n\r\n").await
            }
            Fault::HangUp => end(stream, &self.ask(request).await?).await,
            Fault::Silence => {
                self.ask(request).await?;
                tokio::time::sleep(NEVER).await;
                Some(Then::End)
            }
        }
    }

    /// The true answer, on a connection of its own.
    async fn ask(&self, request: &Message) -> Option<Vec<u8>> {
        let mut stream = TcpStream::connect(self.upstream).await.ok()?;
        stream.write_all(&[request.head.as_slice(), &request.body].concat()).await.ok()?;
        let answer = read(&mut stream, &mut Vec::new()).await?;
        Some([answer.head, answer.body].concat())
    }
}

/// Sends the whole answer; the connection stays.
async fn go(stream: &mut TcpStream, answer: &[u8]) -> Option<Then> {
    stream.write_all(answer).await.ok().map(|()| Then::Next)
}

/// Sends some bytes and ends the connection in order.
async fn end(stream: &mut TcpStream, bytes: &[u8]) -> Option<Then> {
    stream.write_all(bytes).await.ok()?;
    stream.shutdown().await.ok().map(|()| Then::End)
}

/// Ends the connection with a reset instead of an end.
fn reset(stream: &TcpStream) -> Option<Then> {
    stream.set_zero_linger().ok().map(|()| Then::End)
}

async fn drip(stream: &mut TcpStream, answer: &[u8]) -> Option<Then> {
    let (slow, rest) = answer.split_at(answer.len().min(DRIPS));
    for byte in slow {
        stream.write_all(&[*byte]).await.ok()?;
        tokio::time::sleep(DRIP).await;
    }
    go(stream, rest).await
}

async fn endless(stream: &mut TcpStream, head: &[u8], block: &[u8]) -> Option<Then> {
    stream.write_all(head).await.ok()?;
    for _ in 0..ENDLESS_MOST {
        stream.write_all(block).await.ok()?;
    }
    Some(Then::End)
}

fn refusal(status: &str, retry_after: Option<String>) -> Vec<u8> {
    let after = retry_after.map(|after| format!("Retry-After: {after}\r\n")).unwrap_or_default();
    let date = http_date(now());
    format!("HTTP/1.1 {status}\r\nDate: {date}\r\nContent-Length: 2\r\n{after}\r\n{{}}").into_bytes()
}

fn now() -> Moment {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock after 1970");
    Moment::from_seconds(i64::try_from(since.as_secs()).expect("a clock before the end of time"))
}

/// A date as HTTP writes it.
fn http_date(at: Moment) -> String {
    at.timestamp().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}
