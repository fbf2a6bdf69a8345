//! The side of the agent: answers one question a connection, until it is stopped.

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::{Answer, MESSAGE_MOST_BYTES, Said};

/// The longest time for saying one question or hearing its answer, so that a client that hangs does not hold the place of
/// another.
const QUESTION_TIME: Duration = Duration::from_secs(30);
/// Questions that are answered at once.
const QUESTIONS_MOST: usize = 8;
/// The wait after the system refused a connection.
const PAUSE: Duration = Duration::from_millis(100);

/// Who answers.
pub trait Answers: Send + Sync + 'static {
    /// Answers what was said.
    fn answer(&self, said: Said) -> impl Future<Output = Answer> + Send;
}

/// Binds the socket, readable by the owner of the state folder alone.
///
/// # Errors
/// When it cannot be bound. One that was left there is removed: who holds the folder's lock is the only agent.
pub fn bind(path: &Path) -> io::Result<UnixListener> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // The folder is 0700, so nobody else gets in between these two lines either.
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Answers until the future is dropped.
pub async fn serve(listener: UnixListener, answers: Arc<impl Answers>) {
    let places = Arc::new(Semaphore::new(QUESTIONS_MOST));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        let answers = Arc::clone(&answers);
        tokio::spawn(async move {
            // Whoever hung up or talks nonsense gets no answer; there is nobody else to tell.
            drop(one(stream, answers).await);
            drop(place);
        });
    }
}

async fn one(mut stream: UnixStream, answers: Arc<impl Answers>) -> io::Result<()> {
    let mut bytes = Vec::new();
    timeout(QUESTION_TIME, (&mut stream).take(MESSAGE_MOST_BYTES).read_to_end(&mut bytes)).await??;
    let answer = match serde_json::from_slice::<Said>(&bytes) {
        Ok(said) => in_a_task(said.answer_time(), async move { answers.answer(said).await }).await,
        Err(_) => Answer::Refused {
            what: "the agent does not know this question".into(),
            help: "Use the `assent-agent` of the version that runs.".into(),
        },
    };
    let said = serde_json::to_vec(&answer)?;
    timeout(QUESTION_TIME, stream.write_all(&said)).await??;
    stream.shutdown().await
}

/// Does the work in a task of its own and waits for it: what was begun is never dropped half way.
async fn in_a_task(most: Duration, work: impl Future<Output = Answer> + Send + 'static) -> Answer {
    match timeout(most, tokio::spawn(work)).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) | Err(_) => Answer::Refused {
            what: "the agent is still at it, or could not end it".into(),
            help: "What was begun goes on. Look with `assent-agent runs`, `status` or `incidents`.".into(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::{Question, client};

    struct Echo;

    impl Answers for Echo {
        async fn answer(&self, said: Said) -> Answer {
            match said {
                Said::Question(Question::Queue) => Answer::Queue(Vec::new()),
                _ => Answer::Done,
            }
        }
    }

    #[tokio::test]
    async fn what_takes_too_long_is_said_and_goes_on() {
        let (begin, begun) = tokio::sync::oneshot::channel();
        let (done, told) = tokio::sync::oneshot::channel();
        let work = async move {
            begun.await.unwrap();
            done.send(()).unwrap();
            Answer::Done
        };
        let answer = in_a_task(Duration::ZERO, work).await;
        assert!(matches!(answer, Answer::Refused { .. }), "{answer:?}");
        begin.send(()).unwrap();
        told.await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_question_gets_its_answer_and_no_agent_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control.sock");
        assert_eq!(client::ask(&path, &Said::Question(Question::Queue)).unwrap(), None);
        let serving = tokio::spawn(serve(bind(&path).unwrap(), Arc::new(Echo)));
        assert_eq!(client::ask(&path, &Said::Question(Question::Queue)).unwrap(), Some(Answer::Queue(Vec::new())));
        assert_eq!(client::ask(&path, &Said::Question(Question::Pull)).unwrap(), Some(Answer::Done));
        serving.abort();
        assert!(serving.await.is_err());
        assert_eq!(client::ask(&path, &Said::Question(Question::Queue)).unwrap(), None);
        drop(bind(&path).unwrap());
    }
}
