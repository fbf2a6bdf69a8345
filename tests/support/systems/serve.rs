//! The played systems on a port of loopback, for agents that are processes: which operation a request is, is told by its
//! method, its path and the constants of its body.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use assent_agent::content::Content;
use assent_agent::world::HttpRequest;
use assent_schema::id::{ClientId, Name, OperationRef};
use assent_schema::plan::{Method, Operation};
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};

use super::{Systems, event_of};
use crate::faulty::message::{Message, read};

/// The played systems of one client, reachable until they are dropped.
pub struct Served {
    /// Where they listen.
    address: SocketAddr,
    /// What they are, once it is known.
    systems: Arc<Mutex<Option<Systems>>>,
    lost: Arc<Mutex<Vec<String>>>,
    authorised: Arc<Mutex<BTreeSet<String>>>,
    _runtime: Runtime,
}

impl Served {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Listens for requests of one client on a free port of an address, before anything is known of its plans.
    ///
    /// # Panics
    /// When nothing can listen there.
    pub fn open(client: &ClientId, at: Ipv4Addr) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind((at, 0))).expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (systems, lost, authorised) = (Arc::default(), Arc::default(), Arc::default());
        let served = Clerk {
            client: client.clone(),
            systems: Arc::clone(&systems),
            lost: Arc::clone(&lost),
            authorised: Arc::clone(&authorised),
        };
        drop(runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                drop(tokio::spawn(served.clone().connection(stream)));
            }
        }));
        Self { address, systems, lost, authorised, _runtime: runtime }
    }

    /// From now on it answers.
    pub fn play(&self, systems: &Systems) {
        *self.systems.lock().unwrap_or_else(PoisonError::into_inner) = Some(systems.clone());
    }

    /// What authorised the requests since this was asked last: the values of their headers.
    pub fn take_authorised(&self) -> BTreeSet<String> {
        std::mem::take(&mut *self.authorised.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Requests that are of no operation or of no event.
    pub fn lost(&self) -> Vec<String> {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[derive(Clone)]
struct Clerk {
    client: ClientId,
    systems: Arc<Mutex<Option<Systems>>>,
    lost: Arc<Mutex<Vec<String>>>,
    authorised: Arc<Mutex<BTreeSet<String>>>,
}

impl Clerk {
    async fn connection(self, mut stream: TcpStream) {
        let mut buffer = Vec::new();
        while let Some(message) = read(&mut stream, &mut buffer).await {
            if stream.write_all(&self.answer(&message)).await.is_err() {
                return;
            }
        }
    }

    fn answer(&self, message: &Message) -> Vec<u8> {
        let (method, target) = message.line();
        if target.starts_with("/alerts") {
            return written(202, &[]);
        }
        let is_proof = |name: &str| (name.contains("auth") || name.contains("key")) && !name.starts_with("idempotency");
        let proofs = message.headers().filter(|(name, _)| is_proof(name));
        self.authorised.lock().unwrap_or_else(PoisonError::into_inner).extend(proofs.map(|(_, value)| value));
        let systems = self.systems.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let found = systems.and_then(|systems| {
            let operation = route(&systems, &self.client, method, target, &message.body)?;
            let request = request(&self.client, operation, message);
            let event = event_of(&request)?;
            systems.does(&request, &event);
            Some(systems.says(&request, &event))
        });
        let Some(response) = found else {
            self.lost.lock().unwrap_or_else(PoisonError::into_inner).push(format!("{method} {target}"));
            return written(404, b"{}");
        };
        written(response.status, response.body.reveal())
    }
}

fn written(status: u16, body: &[u8]) -> Vec<u8> {
    let head =
        format!("HTTP/1.1 {status} -\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// The request as the agent made it, as far as anybody here asks.
fn request(client: &ClientId, operation: OperationRef, message: &Message) -> HttpRequest {
    let (method, target) = message.line();
    let method = [Method::Get, Method::Post, Method::Put, Method::Patch, Method::Delete]
        .into_iter()
        .find(|one| one.as_str() == method)
        .unwrap_or(Method::Get);
    let headers = message.headers();
    HttpRequest {
        client: client.clone(),
        operation,
        method,
        tls: false,
        host: String::new(),
        port: 0,
        target: Content::new(target.to_owned()),
        headers: headers.map(|(name, value)| (name, Content::new(value.into_bytes()))).collect(),
        body: Content::new(message.body.clone()),
        timeout: Duration::ZERO,
        most_bytes: 0,
        private_addresses: true,
    }
}

/// Which operation a request is. The first segment of its path is the system: a connection's name, or `ai`.
fn route(systems: &Systems, client: &ClientId, method: &str, target: &str, body: &[u8]) -> Option<OperationRef> {
    let path = target.split('?').next().unwrap_or_default();
    let system = path.split('/').nth(1)?;
    if system == "ai" {
        return Some(OperationRef { connection: "assistant".parse().ok()?, operation: Name::new("ask").ok()? });
    }
    let json: Value = serde_json::from_slice(body).unwrap_or_default();
    let of = systems.plans.iter().filter(|plan| plan.client == *client).flat_map(|plan| &plan.operations);
    of.filter(|(name, operation)| name.connection.as_str() == system && operation.method.as_str() == method)
        .filter(|(_, operation)| says_so(operation, &json))
        .filter_map(|(name, operation)| Some((likeness(&operation.path, path)?, name)))
        .max_by_key(|(alike, _)| *alike)
        .map(|(_, name)| name.clone())
}

/// Whether the constants of an operation stand in a body.
fn says_so(operation: &Operation, json: &Value) -> bool {
    operation
        .constants
        .iter()
        .all(|(at, value)| json.pointer(&format!("/{}", at.replace('.', "/"))) == Some(&serde_json::json!(value)))
}

/// How many segments of a template stand in a path as they are; nothing when it is another path.
fn likeness(template: &str, path: &str) -> Option<usize> {
    let mut path = path.split('/').rev();
    let mut alike = 0_usize;
    for part in template.split('/').skip(1).collect::<Vec<_>>().into_iter().rev() {
        let here = path.next()?;
        if part.starts_with('{') {
            continue;
        }
        if part != here {
            return None;
        }
        alike = alike.saturating_add(1);
    }
    Some(alike)
}
