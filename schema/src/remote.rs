//! Where a git repository on a server is: URLs in the one form that is spoken, parsed once.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The longest path of a repository on a server, in bytes.
const PATH_MOST_BYTES: usize = 1024;
/// The longest user name, in bytes.
const USER_MOST_BYTES: usize = 64;

/// A repository on a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// The server's name or address, in lower case, without brackets.
    pub host: String,
    /// The port; absent for the usual one.
    pub port: Option<u16>,
    /// The path, with its first slash.
    pub path: String,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.authority(), self.path)
    }
}

impl Place {
    /// Host and, where it is not the usual one, port, as URLs and `Host` headers have them.
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        self.port.map_or(host.clone(), |port| format!("{host}:{port}"))
    }
}

/// Why a text is not where a repository is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoPlace {
    /// It begins with neither `https://` nor `ssh://`.
    Scheme,
    /// It has no path.
    NoPath,
    /// Its host or port cannot be one.
    Host,
    /// Its path has signs that a shell or an HTTP server would read as something else.
    Path,
    /// It names a user where there is none, or holds a password.
    Credentials,
    /// It reaches an account and names none.
    NoUser,
    /// Its user cannot be one.
    User,
}

impl fmt::Display for NoPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scheme => "begins with neither `https://` nor `ssh://`",
            Self::NoPath => "says no path",
            Self::Host => "says a host or port that cannot be one",
            Self::Path => "says a path of other signs than letters, digits and `/._~+-`",
            Self::Credentials => "holds credentials",
            Self::NoUser => "names no user",
            Self::User => "names a user that cannot be one",
        })
    }
}

impl std::error::Error for NoPlace {}

/// A repository on a server that shows who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remote {
    /// Over TLS.
    Https(Place),
    /// An account of this name.
    Ssh(Place, String),
}

impl FromStr for Remote {
    type Err = NoPlace;

    fn from_str(text: &str) -> Result<Self, NoPlace> {
        match text.split_once("://") {
            Some(("https", rest)) => match authority(rest)? {
                (None, place) => Ok(Self::Https(place)),
                (Some(_), _) => Err(NoPlace::Credentials),
            },
            Some(("ssh", rest)) => {
                let (user, place) = authority(rest)?;
                account(user).map(|user| Self::Ssh(place, user.to_owned()))
            }
            _ => Err(NoPlace::Scheme),
        }
    }
}

/// The user of an account.
///
/// # Errors
/// When there is none, or none that a program on the way would read as a user alone.
pub fn account(user: Option<&str>) -> Result<&str, NoPlace> {
    let user = user.ok_or(NoPlace::NoUser)?;
    if user.contains(':') {
        return Err(NoPlace::Credentials);
    }
    // A name that begins with a dash would be an option of `ssh`.
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let is_user = !user.is_empty() && !user.starts_with('-') && user.len() <= USER_MOST_BYTES;
    if is_user && user.bytes().all(fine) { Ok(user) } else { Err(NoPlace::User) }
}

/// What stands behind the scheme of a URL: `[user@]host[:port]/path`.
///
/// # Errors
/// When a part of it cannot be one.
pub fn authority(rest: &str) -> Result<(Option<&str>, Place), NoPlace> {
    let (before, path) = rest.split_once('/').ok_or(NoPlace::NoPath)?;
    let (user, before) = before.rsplit_once('@').map_or((None, before), |(user, host)| (Some(user), host));
    let (host, port) = host_and_port(before).ok_or(NoPlace::Host)?;
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"/._~+-".contains(&byte);
    let segments_fine = path.split('/').all(|segment| segment != "." && segment != "..");
    if path.is_empty() || path.len() > PATH_MOST_BYTES || !path.bytes().all(fine) || !segments_fine {
        return Err(NoPlace::Path);
    }
    Ok((user, Place { host, port, path: format!("/{path}") }))
}

/// A host and perhaps a port, as they stand in URLs; nothing when they cannot be one.
pub fn host_and_port(text: &str) -> Option<(String, Option<u16>)> {
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (host, port) = rest.split_once(']')?;
        let address: Ipv6Addr = host.parse().ok()?;
        (address.to_string(), if port.is_empty() { None } else { Some(port.strip_prefix(':')?) })
    } else {
        let (host, port) = text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)));
        (host.to_ascii_lowercase(), port)
    };
    let port = match port {
        Some(port) => Some(port.parse().ok().filter(|port| *port != 0)?),
        None => None,
    };
    (host.parse::<IpAddr>().is_ok() || is_name(&host)).then_some((host, port))
}

fn is_name(host: &str) -> bool {
    let label = |label: &str| {
        let fine = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        (1..=63).contains(&label.len()) && label.bytes().all(fine) && !label.starts_with('-') && !label.ends_with('-')
    };
    host.len() <= 253 && host.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remote_shows_who_it_is_and_holds_no_credentials() {
        let read = |text: &str| text.parse::<Remote>();
        assert!(
            matches!(read("https://git.example:8443/acme/ledger.git"), Ok(Remote::Https(place)) if place.port == Some(8443))
        );
        assert!(
            matches!(read("ssh://git@[::1]:22/~a/b.git"), Ok(Remote::Ssh(place, user)) if place.authority() == "[::1]:22" && user == "git")
        );
        for (text, why) in [
            ("git://git.example/a.git", NoPlace::Scheme),
            ("/srv/a.git", NoPlace::Scheme),
            ("https://git.example", NoPlace::NoPath),
            ("https://git.example:0/a", NoPlace::Host),
            ("https://-x/a", NoPlace::Host),
            ("https://git.example/a b", NoPlace::Path),
            ("https://git.example/a/../b", NoPlace::Path),
            ("https://token@git.example/a", NoPlace::Credentials),
            ("ssh://git:secret@git.example/a", NoPlace::Credentials),
            ("ssh://git.example/a", NoPlace::NoUser),
            ("ssh://-oX@git.example/a", NoPlace::User),
        ] {
            assert_eq!(read(text), Err(why), "{text}");
        }
    }
}
