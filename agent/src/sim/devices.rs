//! What one simulated process has of its machine: clock, dice, net, disk, keyring, and the gate of its store.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use assent_schema::id::{Name, OperationRef};
use assent_schema::plan::Method;

use super::host::{Host, Point, SimWorld, Strike};
use super::service::Reply;
use crate::content::Content;
use crate::store::Gate;
use crate::sync::lock;
use crate::world::{
    Clock, Dice, Disk, DiskFailure, HttpRequest, HttpResponse, Keyring, Mail, MailFailure, Net, NetFailure, Wall, Whole,
};

/// How long a commit takes in the simulation, at most, in milliseconds.
const COMMIT_MOST_MILLIS: u64 = 3;

impl Whole for SimWorld {}

impl Clock for SimWorld {
    fn now(&self) -> Wall {
        let mut state = lock(&self.host.state);
        state.look();
        Wall::from_millis(state.wall_offset).plus(state.boot)
    }

    fn boot(&self) -> Duration {
        let mut state = lock(&self.host.state);
        state.look();
        state.boot
    }

    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send {
        let due = self.boot().saturating_add(duration);
        Sleep { host: self.host.clone(), due, timer: None }
    }
}

struct Sleep {
    host: Host,
    due: Duration,
    timer: Option<u64>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let host = self.host.clone();
        let mut state = lock(&host.state);
        if state.boot >= self.due {
            return Poll::Ready(());
        }
        let id = self.timer.unwrap_or(state.next_timer);
        state.next_timer = state.next_timer.max(id.saturating_add(1));
        state.timers.insert((self.due, id), context.waker().clone());
        state.looks = 0;
        self.timer = Some(id);
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(id) = self.timer {
            lock(&self.host.state).timers.remove(&(self.due, id));
        }
    }
}

impl Dice for SimWorld {
    /// `SplitMix64`: even enough for a simulation, and the same everywhere.
    fn fill(&self, bytes: &mut [u8]) {
        let mut state = lock(&self.host.state);
        for chunk in bytes.chunks_mut(8) {
            state.seed = state.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = state.seed;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^= z >> 31;
            chunk.iter_mut().zip(z.to_le_bytes()).for_each(|(slot, byte)| *slot = byte);
        }
    }
}

impl Net for SimWorld {
    /// The service sees the message as the body of a request of the route.
    async fn mail(&self, mail: Mail) -> Result<(), MailFailure> {
        let operation =
            OperationRef { connection: mail.route, operation: Name::new("mail").or(Err(MailFailure::Refused))? };
        let header = |name: &str, value: &str| (name.to_owned(), Content::new(value.as_bytes().to_vec()));
        let from = mail.from.iter().map(|from| header("mail-from", from.as_str()));
        let request = HttpRequest {
            client: mail.client,
            operation,
            method: Method::Post,
            tls: mail.tls,
            host: mail.host,
            port: mail.port,
            target: Content::new("/".to_owned()),
            headers: from.chain(mail.to.iter().map(|to| header("rcpt-to", to.as_str()))).collect(),
            body: mail.message,
            timeout: mail.timeout,
            most_bytes: 0,
            private_addresses: true,
        };
        match self.exchange(request).await?.status {
            200..300 => Ok(()),
            400..500 => Err(MailFailure::Later),
            _ => Err(MailFailure::Refused),
        }
    }

    async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, NetFailure> {
        let fault = self.point(Point::Request);
        if fault == Some(Strike::Before) {
            return self.gone().await;
        }
        let (now, timeout) = (self.now(), request.timeout);
        let Reply { result, after } = lock(&self.host.state).service.answer(now, request);
        if fault == Some(Strike::After) {
            return self.gone().await;
        }
        let late = after >= timeout;
        self.sleep(after.min(timeout)).await;
        if fault == Some(Strike::Lost) {
            return Err(NetFailure::SentNoReply);
        }
        if late { Err(NetFailure::TimedOut) } else { result.map(|response| response.came(self.now())) }
    }
}

impl Disk for SimWorld {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, DiskFailure> {
        Ok(lock(&self.host.state).files.get(path).cloned())
    }

    /// A process cannot die inside of a call that does not wait; it dies at the next point instead, with the file changed
    /// or not.
    fn write(&self, path: &str, bytes: &[u8]) -> Result<(), DiskFailure> {
        match self.point(Point::File) {
            Some(Strike::Full) => Err(DiskFailure::Full),
            Some(Strike::Before) => {
                self.die();
                Err(DiskFailure::Broken)
            }
            fault => {
                lock(&self.host.state).files.insert(path.to_owned(), bytes.to_vec());
                if fault.is_none() {
                    return Ok(());
                }
                self.die();
                Err(DiskFailure::Broken)
            }
        }
    }

    fn remove(&self, path: &str) -> Result<(), DiskFailure> {
        let fault = self.point(Point::File);
        if fault != Some(Strike::Before) {
            lock(&self.host.state).files.remove(path);
        }
        if matches!(fault, None | Some(Strike::Full)) {
            return Ok(());
        }
        self.die();
        Err(DiskFailure::Broken)
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, DiskFailure> {
        let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let state = lock(&self.host.state);
        let names = state.files.keys().filter_map(|path| path.strip_prefix(prefix.as_str()));
        Ok(names.filter(|name| !name.contains('/')).map(str::to_owned).collect())
    }
}

impl Keyring for SimWorld {
    fn get(&self, name: &str) -> Option<Content<[u8; 32]>> {
        let state = lock(&self.host.state);
        state.keys.get(name).filter(|(_, until)| state.boot < *until).map(|(key, _)| Content::new(*key))
    }

    fn put(&self, name: &str, key: &Content<[u8; 32]>, lives: Duration) -> bool {
        let mut state = lock(&self.host.state);
        let until = state.boot.saturating_add(lives);
        state.keys.insert(name.to_owned(), (*key.reveal(), until));
        true
    }
}

impl Gate for SimWorld {
    fn before(&self) -> Pin<Box<dyn Future<Output = bool> + Send + '_>> {
        Box::pin(async move {
            let fault = self.point(Point::Commit);
            self.sleep(Duration::from_millis(self.choose(COMMIT_MOST_MILLIS))).await;
            if fault == Some(Strike::Before) {
                return self.gone().await;
            }
            let is_full = fault == Some(Strike::Full);
            if is_full {
                // Nobody else has a turn until `after`.
                lock(&self.host.tables).set_full(true);
                lock(&self.host.state).was_full = true;
            }
            fault.is_some() && !is_full
        })
    }

    fn after(&self, dies: bool) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move {
            if std::mem::take(&mut lock(&self.host.state).was_full) {
                lock(&self.host.tables).set_full(false);
            }
            if dies {
                self.gone::<()>().await;
            }
        })
    }
}
