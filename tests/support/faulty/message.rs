//! HTTP/1.1 messages as bytes, for those who spoil them: the head as it came, and a body of a known length.

use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

/// The largest message that is read.
const MESSAGE_MOST_BYTES: usize = 4 << 20;

/// One request or answer.
#[derive(Clone, Debug)]
pub struct Message {
    /// Its first line and headers, with the empty line.
    pub head: Vec<u8>,
    /// Its body.
    pub body: Vec<u8>,
}

impl Message {
    /// Method and target of a request.
    pub fn line(&self) -> (&str, &str) {
        let text = std::str::from_utf8(&self.head).unwrap_or_default();
        let mut words = text.lines().next().unwrap_or_default().split(' ');
        (words.next().unwrap_or_default(), words.next().unwrap_or_default())
    }

    /// Its headers, names in lower case.
    pub fn headers(&self) -> impl Iterator<Item = (String, String)> {
        let text = std::str::from_utf8(&self.head).unwrap_or_default();
        let lines = text.lines().skip(1).filter_map(|line| line.split_once(':'));
        lines.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
    }
}

/// Reads one message whose body has a known length; nothing when the connection ends before it is whole.
pub async fn read(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Message> {
    while buffer.len() < MESSAGE_MOST_BYTES {
        if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            let end = end.saturating_add(4);
            let mut message = Message { head: buffer.get(..end)?.to_vec(), body: Vec::new() };
            let length = message.headers().find(|(name, _)| name == "content-length");
            let length: usize = length.map_or(Some(0), |(_, value)| value.parse().ok())?;
            let whole = end.checked_add(length)?;
            if buffer.len() >= whole {
                message.body = buffer.get(end..whole)?.to_vec();
                buffer.drain(..whole);
                return Some(message);
            }
        }
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
    None
}
