//! Writes the example agency to a folder, with keys that somebody has and endpoints that answer.

use std::path::Path;

use assent_schema::id::PersonId;
use include_dir::{Dir, include_dir};

use super::keys::Keys;
use crate::error::Error;

static EXAMPLE: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../examples/agency");

/// The systems that `outside` plays, by a word in the example's host names.
const SYSTEMS: [(&str, &str); 6] = [
    (".helpdesk.", "helpdesk"),
    (".shop.", "shop"),
    (".payments.", "payments"),
    (".ai.", "ai"),
    ("alerts.", "alerts"),
    ("chat.", "chat"),
];

/// Where the example's endpoints lead.
#[derive(Clone, Copy, Debug)]
pub enum Lead<'a> {
    /// To the hosts that the example names, which nobody has.
    AsWritten,
    /// To loopback, at this `host:port`.
    Loopback(&'a str),
}

/// Writes the example agency to a folder. Keys of deciders are made anew.
///
/// # Errors
/// When a file cannot be written.
pub fn write(folder: &Path, keys: &mut Keys, lead: Lead<'_>) -> Result<(), Error> {
    write_folder(&EXAMPLE, folder, keys, lead)
}

fn write_folder(from: &Dir<'_>, to: &Path, keys: &mut Keys, lead: Lead<'_>) -> Result<(), Error> {
    for file in from.files() {
        let path = to.join(file.path());
        let text = file.contents_utf8().ok_or_else(|| Error::input("the embedded example is not UTF-8"))?;
        let lines = text.lines().map(|line| adapt(line, keys, lead)).collect::<Result<Vec<_>, _>>()?;
        put(&path, format!("{}\n", lines.join("\n")).as_bytes())?;
    }
    from.dirs().try_for_each(|inner| write_folder(inner, to, keys, lead))
}

/// Writes a file, with its folders.
///
/// # Errors
/// When it cannot be written.
#[expect(clippy::disallowed_methods, reason = "the demo writes a source repository")]
pub fn put(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let tried = |e| Error::io(format!("write {}", path.display()), e);
    path.parent().map_or(Ok(()), std::fs::create_dir_all).map_err(tried)?;
    std::fs::write(path, bytes).map_err(tried)
}

fn adapt(line: &str, keys: &mut Keys, lead: Lead<'_>) -> Result<String, Error> {
    if let Some(comment) = line.strip_prefix("keys = [\"ssh-ed25519 ").and_then(key_comment) {
        let (person, _) = comment.split_once('@').unwrap_or((comment, ""));
        let person: PersonId = person.parse().map_err(|e| Error::internal(format!("read {comment}"), e))?;
        return Ok(format!("keys = [\"{}\"]", keys.make(&person, comment)?));
    }
    let Lead::Loopback(host) = lead else { return Ok(line.to_owned()) };
    if line == "private_addresses = false" {
        return Ok("private_addresses = true".to_owned());
    }
    Ok(line
        .strip_prefix("url = \"https://")
        .and_then(|rest| rest.strip_suffix('"'))
        .and_then(|url| redirect(url, host))
        .map_or_else(|| line.to_owned(), |url| format!("url = \"{url}\"")))
}

/// The comment of the one key on a line: the last word before the quote.
fn key_comment(rest: &str) -> Option<&str> {
    rest.strip_suffix("\"]")?.rsplit(' ').next()
}

fn redirect(url: &str, host: &str) -> Option<String> {
    let (name, path) = url.find('/').map_or((url, ""), |at| url.split_at(at));
    let (_, system) = SYSTEMS.iter().find(|(word, _)| format!(".{name}.").contains(word))?;
    Some(format!("http://{host}/{system}{path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_lead_to_loopback_and_keys_are_new() {
        let folder = tempfile::tempdir().unwrap();
        let mut keys = Keys::new(&folder.path().join("keys")).unwrap();
        write(&folder.path().join("source"), &mut keys, Lead::Loopback("127.0.0.1:4000")).unwrap();
        let client = std::fs::read_to_string(folder.path().join("source/clients/acme/client.toml")).unwrap();
        assert!(client.contains("url = \"http://127.0.0.1:4000/payments/v72\""), "{client}");
        assert!(!client.contains("https://"), "{client}");
        assert!(client.contains(keys.public("lena").unwrap()));
        let shown = redirect("eu.ai.example/v1", "h").unwrap();
        assert_eq!(shown, "http://h/ai/v1");
    }
}
