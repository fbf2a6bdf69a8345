//! Connections of a listener: how many, how long, and how they end.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::entrance::Entrance;

/// The most connections at once; further ones are closed at once, and senders try again.
pub(crate) const CONNECTIONS_MOST: usize = 1_024;
/// The longest time for the head of a request, and for the beginning of TLS before it.
const HEAD_MOST: Duration = Duration::from_secs(10);
/// The largest head of a request, in bytes.
const HEAD_MOST_BYTES: usize = 32 * 1024;
/// The most headers of a request.
const HEADERS_MOST: usize = 64;
/// A short rest where nothing more can be taken, out of files or the like: or taking would spin.
const REST: Duration = Duration::from_millis(50);
/// How long connections may take to end when the agent stops.
const DRAIN_MOST: Duration = Duration::from_secs(10);

/// Takes connections and answers their requests until `stop` becomes true, then lets them end.
pub(crate) async fn take<H, F>(listener: impl Into<Entrance>, answer: H, mut stop: watch::Receiver<bool>)
where
    H: Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    let entrance = listener.into();
    let places = Arc::new(Semaphore::new(CONNECTIONS_MOST));
    let mut open = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = entrance.accept() => accepted,
            () = stopped(&mut stop) => break,
        };
        while open.try_join_next().is_some() {}
        let Ok(stream) = accepted else {
            tokio::time::sleep(REST).await;
            continue;
        };
        let Some(stream) = stream else { continue };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
        // Answers are small and complete: waiting to fill a packet only delays them.
        if stream.set_nodelay(true).is_err() {
            continue;
        }
        let (tls, answer, stop) = (entrance.tls(), answer.clone(), stop.clone());
        drop(open.spawn(async move {
            match tls {
                Some(tls) => secured(tls, stream, answer, stop).await,
                None => connection(stream, answer, stop).await,
            }
            drop(place);
        }));
    }
    let all = async { while open.join_next().await.is_some() {} };
    drop(timeout(DRAIN_MOST, all).await);
}

/// Returns when `stop` is true, or when nobody can say so any more.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    drop(stop.wait_for(|stopped| *stopped).await);
}

/// A connection that begins with TLS; whoever does not gets no answer.
async fn secured<I, H, F>(tls: TlsAcceptor, stream: I, answer: H, mut stop: watch::Receiver<bool>)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    H: Fn(Request<Incoming>) -> F + Send + 'static,
    F: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    let begun = tokio::select! {
        begun = timeout(HEAD_MOST, tls.accept(stream)) => begun,
        () = stopped(&mut stop) => return,
    };
    if let Ok(Ok(stream)) = begun {
        connection(stream, answer, stop).await;
    }
}

async fn connection<I, H, F>(stream: I, answer: H, mut stop: watch::Receiver<bool>)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    H: Fn(Request<Incoming>) -> F + Send + 'static,
    F: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    let service = service_fn(move |request| {
        let answered = answer(request);
        async move { Ok::<_, std::convert::Infallible>(answered.await) }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_MOST)
        .max_buf_size(HEAD_MOST_BYTES)
        .max_headers(HEADERS_MOST)
        .serve_connection(TokioIo::new(stream), service);
    let mut serving = std::pin::pin!(serving);
    let ended = tokio::select! {
        ended = serving.as_mut() => Some(ended),
        () = stopped(&mut stop) => None,
    };
    if ended.is_none() {
        serving.as_mut().graceful_shutdown();
        drop(serving.await);
    }
}
