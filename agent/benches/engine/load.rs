//! The world around the agent: senders of webhooks that wait for each run's end, and the API that the runs call.
//!
//! All on one thread of its own, on the same machine, so its processor time is taken from the agent's.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use assent_agent::accept::webhook;
use assent_agent::real::RealClock;
use assent_agent::world::Clock as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::UnboundedReceiver;

use crate::site::SECRET;

/// What the API answers.
const ANSWER: &[u8] =
    b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n{\"id\":\"n-1\"}";

/// Times of one run, from the first byte of its request.
pub(crate) struct Run {
    pub(crate) began: Instant,
    pub(crate) told: Duration,
    pub(crate) ended: Duration,
}

/// Answers every request with the same bytes.
pub(crate) async fn answer(listener: TcpListener) {
    while let Ok((mut stream, _)) = listener.accept().await {
        tokio::spawn(async move {
            stream.set_nodelay(true).expect("an option");
            let mut buffer = Vec::new();
            while read_message(&mut stream, &mut buffer).await.is_some() {
                if stream.write_all(ANSWER).await.is_err() {
                    return;
                }
            }
        });
    }
}

/// Sends one event after the other until the time is over, each when the run of the one before has ended.
pub(crate) async fn send(
    address: SocketAddr,
    workflow: String,
    mut ends: UnboundedReceiver<Instant>,
    until: Instant,
) -> Vec<Run> {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    stream.set_nodelay(true).expect("an option");
    let (mut buffer, mut runs) = (Vec::new(), Vec::new());
    for n in 0_u64.. {
        let request = event(address, &workflow, n);
        let began = Instant::now();
        if began >= until {
            break;
        }
        stream.write_all(&request).await.expect("a connection");
        let head = read_message(&mut stream, &mut buffer).await.expect("an answer");
        let told = began.elapsed();
        assert!(head.starts_with(b"HTTP/1.1 202"), "{}", String::from_utf8_lossy(&head));
        let ended = ends.recv().await.expect("an end").saturating_duration_since(began);
        runs.push(Run { began, told, ended });
    }
    runs
}

fn event(address: SocketAddr, workflow: &str, n: u64) -> Vec<u8> {
    let body = format!(
        r#"{{"topic":"ticket.created","data":{{"id":"T-{n}","priority":"high","text":"My parcel has not arrived, and I wait for it since a week."}}}}"#
    );
    let id = format!("msg_{workflow}_{n}");
    let Ok(headers) = webhook::sign(SECRET, &id, RealClock.now().moment(), body.as_bytes()) else {
        panic!("a secret that signs")
    };
    let length = body.len();
    let mut bytes =
        format!("POST /hooks/acme/{workflow} HTTP/1.1\r\nHost: {address}\r\nContent-Length: {length}\r\n").into_bytes();
    for (name, value) in headers {
        bytes.extend([name.as_bytes(), b": ", &value, b"\r\n"].concat());
    }
    bytes.extend(b"\r\n");
    bytes.extend(body.into_bytes());
    bytes
}

/// Reads one message with its body; returns its head.
async fn read_message(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Vec<u8>> {
    loop {
        if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = buffer.get(..end + 4).unwrap_or_default().to_vec();
            let text = String::from_utf8_lossy(&head).to_lowercase();
            let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
            let whole = end + 4 + length.unwrap_or(0);
            if buffer.len() >= whole {
                buffer.drain(..whole);
                return Some(head);
            }
        }
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
}
