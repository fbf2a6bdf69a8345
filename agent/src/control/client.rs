//! The side of the command: says one thing to the running agent and hears its answer.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use super::{Answer, MESSAGE_MOST_BYTES, Said};
use crate::error::{Context as _, Error};

/// How much longer than the agent the command waits, so that it hears what the agent says.
const LONGER: Duration = Duration::from_secs(5);

/// Asks the running agent; `None` when none is running.
///
/// # Errors
/// When it does not answer, or not in our words.
pub fn ask(socket: &Path, said: &Said) -> Result<Option<Answer>, Error> {
    let mut stream = match UnixStream::connect(socket) {
        Ok(stream) => stream,
        // A socket that nobody listens at was left by an agent that is gone.
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => return Ok(None),
        Err(error) => return Err(error).tried(|| format!("cannot reach the agent by `{}`", socket.display())),
    };
    let bytes = exchange(&mut stream, said).tried(|| "the running agent gives no answer".into())?;
    if bytes.is_empty() {
        return Err(Error::environment("the running agent gave no answer").help("Look at its log, and ask again."));
    }
    if bytes.len() as u64 == MESSAGE_MOST_BYTES {
        return Err(Error::environment("the answer is larger than 16 MiB").help("Ask for less."));
    }
    let answer = serde_json::from_slice(&bytes);
    answer.map(Some).tried(|| "the running agent is of another version".into())
}

fn exchange(stream: &mut UnixStream, said: &Said) -> std::io::Result<Vec<u8>> {
    let most = said.answer_time().saturating_add(LONGER);
    stream.set_read_timeout(Some(most))?;
    stream.set_write_timeout(Some(most))?;
    stream.write_all(&serde_json::to_vec(said)?)?;
    stream.shutdown(Shutdown::Write)?;
    let mut bytes = Vec::new();
    stream.take(MESSAGE_MOST_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}
