//! The HTTP side of a witness: one request, `POST /add-checkpoint`. What is signed is decided behind it.
//!
//! # Source
//! C2SP `tlog-witness` v1.0.0.

use std::sync::Arc;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::answer::Answer;
use super::{connections, read};
use crate::ledger::{Cosigned, Denied};

/// The largest body, in bytes: a proof of 63 lines and the largest note.
const BODY_MOST_BYTES: usize = 80 << 10;
/// What the old size is told as.
const SIZE: &str = "text/x.tlog.size";

/// Serves until `stop` becomes true. `judge` gets each body; it answers when what it signs is durable.
pub async fn serve<J>(listener: TcpListener, judge: J, stop: watch::Receiver<bool>)
where
    J: Fn(&str) -> Result<Cosigned, Denied> + Send + Sync + 'static,
{
    let judge = Arc::new(judge);
    let answer = move |request| {
        let judge = Arc::clone(&judge);
        async move { handle(request, judge).await }
    };
    connections::take(listener, answer, stop).await;
}

async fn handle<J>(request: Request<Incoming>, judge: Arc<J>) -> Answer
where
    J: Fn(&str) -> Result<Cosigned, Denied> + Send + Sync + 'static,
{
    if request.uri().path() != "/add-checkpoint" {
        return plain(404, "no such page\n".into());
    }
    if request.method() != Method::POST {
        return plain(405, "POST it\n".into());
    }
    let body = match read(request.into_body(), BODY_MOST_BYTES).await {
        Ok(body) => body,
        Err(not_read) => return not_read.answer(),
    };
    // Reading and writing its folder would hold up other connections.
    let judged = tokio::task::spawn_blocking(move || {
        let text = std::str::from_utf8(body.reveal()).or(Err(Denied::Malformed))?;
        judge(text)
    });
    match judged.await.unwrap_or(Err(Denied::Broken)) {
        Ok(cosigned) => plain(200, cosigned.line),
        Err(Denied::OldSize(size)) => {
            let mut answer = plain(409, format!("{size}\n"));
            answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(SIZE));
            answer
        }
        Err(denied) => plain(denied.status(), format!("{denied}\n")),
    }
}

fn plain(status: u16, text: String) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(text)));
    *answer.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    answer
}
