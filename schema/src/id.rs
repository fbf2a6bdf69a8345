//! Names as types. A value of one of these types has the right form; nothing else may be assumed about it.
//!
//! They are copied from plans into every run, request and journal row, so copies share their text.

use std::fmt;
use std::sync::Arc;

use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A text that is not a name of the wanted form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadName {
    /// What form was wanted, as a sentence fragment.
    pub wanted: &'static str,
}

impl fmt::Display for BadName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "is not {}", self.wanted)
    }
}

impl std::error::Error for BadName {}

/// Longest id or name, in bytes.
pub const NAME_MOST_BYTES: usize = 63;

fn is_name(text: &str, joint: u8) -> bool {
    let bytes = text.as_bytes();
    bytes.len() <= NAME_MOST_BYTES
        && bytes.first().is_some_and(u8::is_ascii_lowercase)
        && bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == joint)
}

/// Reads a text as it stands where it is read: a copy of its own for each name would be made only to be thrown away.
struct Spelled<T>(fn(&str) -> Result<T, BadName>);

impl<T> Visitor<'_> for Spelled<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
        (self.0)(text).map_err(E::custom)
    }
}

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident, $wanted:expr, $check:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(Spelled(Self::new))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl $name {
            /// Checks the form of a text and takes it as this kind of name.
            ///
            /// # Errors
            /// `BadName` when the text has another form.
            pub fn new(text: &str) -> Result<Self, BadName> {
                let check: fn(&str) -> bool = $check;
                if check(text) { Ok(Self(text.into())) } else { Err(BadName { wanted: $wanted }) }
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = BadName;
            fn from_str(text: &str) -> Result<Self, BadName> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = BadName;
            fn try_from(text: String) -> Result<Self, BadName> {
                Self::new(&text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.as_str().to_owned()
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    )*};
}

const ID: &str = "an id: a lower-case letter, then up to 62 of `a-z`, `0-9` and `-`";
const WORD: &str = "a name: a lower-case letter, then up to 62 of `a-z`, `0-9` and `_`";

const MAIL: &str = "a mail address: letters, digits and `.!#$%&'*+/=?^_`{|}~-`, `@`, a lower-case host";

/// The plain form of RFC 5322 section 3.4.1, without quotes and comments, so that it stands anywhere as it is.
fn is_mail_address(text: &str) -> bool {
    let Some((local, host)) = text.split_once('@') else { return false };
    let atom = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+/=?^_`{|}~-".contains(&b))
    };
    let label = |part: &str| {
        (1..=63).contains(&part.len())
            && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !part.starts_with('-')
            && !part.ends_with('-')
    };
    local.len() <= 64 && text.len() <= 254 && local.split('.').all(atom) && host.split('.').all(label)
}

names! {
    /// The project's name, the first part of every ledger origin.
    ProjectName, ID, |t| is_name(t, b'-');
    /// Whose data it is.
    ClientId, ID, |t| is_name(t, b'-');
    /// A workflow of one client.
    WorkflowId, ID, |t| is_name(t, b'-');
    /// One client's use of an integration or provider.
    ConnectionId, ID, |t| is_name(t, b'-');
    /// An API as the catalog describes it.
    IntegrationId, ID, |t| is_name(t, b'-');
    /// An AI model endpoint as the catalog describes it.
    ProviderId, ID, |t| is_name(t, b'-');
    /// A person, by handle.
    PersonId, ID, |t| is_name(t, b'-');
    /// Where somebody gets mail.
    MailAddress, MAIL, is_mail_address;
    /// A machine that runs workflows.
    AgentId, ID, |t| is_name(t, b'-');
    /// A group of people who decide, or a manual queue.
    GroupId, ID, |t| is_name(t, b'-');
    /// A secret slot of a connection.
    SlotId, ID, |t| is_name(t, b'-');
    /// Where data is processed: `us`, `eu`, `apac` or another that the project declares.
    Region, ID, |t| is_name(t, b'-');
    /// `staging`, `production` or another that the project declares.
    Environment, ID, |t| is_name(t, b'-');
    /// The first part of the name of a git branch.
    BranchName, ID, |t| is_name(t, b'-');
    /// A name inside a workflow or the catalog that expressions can spell: steps, fields, parameters, operations.
    Name, WORD, |t| is_name(t, b'_');
    /// An event of an integration: names joined by dots, at most 128 bytes.
    EventName, "an event name: names joined by dots, at most 128 bytes", |t| t.len() <= 128 && t.split('.').all(|part| is_name(part, b'_'));
    /// A permission that an API grants, at most 128 visible ASCII characters.
    Scope, "a scope: 1 to 128 visible ASCII characters", |t| (1..=128).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_graphic());
}

/// One operation of one connection, written `connection.operation`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OperationRef {
    /// The connection that is called.
    pub connection: ConnectionId,
    /// The operation of its integration.
    pub operation: Name,
}

impl<'de> Deserialize<'de> for OperationRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Spelled(str::parse))
    }
}

impl Serialize for OperationRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for OperationRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.connection, self.operation)
    }
}

impl std::str::FromStr for OperationRef {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        let wanted = BadName { wanted: "an operation: `connection.operation`" };
        let Some((connection, operation)) = text.split_once('.') else { return Err(wanted) };
        match (ConnectionId::new(connection), Name::new(operation)) {
            (Ok(connection), Ok(operation)) => Ok(Self { connection, operation }),
            _ => Err(wanted),
        }
    }
}

impl TryFrom<String> for OperationRef {
    type Error = BadName;
    fn try_from(text: String) -> Result<Self, BadName> {
        text.parse()
    }
}

impl From<OperationRef> for String {
    fn from(name: OperationRef) -> Self {
        name.to_string()
    }
}

impl Environment {
    /// The name of the environment in which real data is processed.
    pub const PRODUCTION: &'static str = "production";

    /// Whether real data is processed there.
    pub fn is_production(&self) -> bool {
        self.as_str() == Self::PRODUCTION
    }

    /// Whether such an endpoint is reached from there: production reaches no sandbox, and every other environment nothing else.
    ///
    /// # Source
    /// language.md section 1.
    pub fn reaches(&self, sandbox: bool) -> bool {
        sandbox != self.is_production()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_names_have_one_form_each() {
        let long = "a".repeat(64);
        for bad in ["", "A", "1a", "a_b", "a b", "ä", "-a", long.as_str()] {
            assert!(ClientId::new(bad).is_err(), "{bad}");
        }
        assert!(ClientId::new(&"a".repeat(63)).is_ok());
        assert!(Name::new("a-b").is_err());
        assert!(Name::new("a_b2").is_ok());
        assert!(EventName::new("ticket.created").is_ok());
        assert!(EventName::new("ticket..created").is_err());
        assert!("help-desk.get_ticket".parse::<OperationRef>().is_ok());
        assert!("helpdesk".parse::<OperationRef>().is_err());
        assert!("a.b.c".parse::<OperationRef>().is_err());
    }

    #[test]
    fn a_mail_address_holds_nothing_that_a_header_or_a_command_would_read() {
        for good in ["ops@harbor.example", "first.last+tag@a-b.example", "root@localhost"] {
            assert!(MailAddress::new(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "@",
            "ops",
            "ops@",
            "@harbor.example",
            "a b@harbor.example",
            "a..b@harbor.example",
            ".a@harbor.example",
            "ops@harbor.example>",
            "<ops@harbor.example",
            "\"ops\"@harbor.example",
            "ops@harbor.example\r\nBcc: x@y.example",
            "ops@Harbor.example",
            "ops@-harbor.example",
            "öps@harbor.example",
            "a@b@harbor.example",
            "ops@harbor.example\u{202e}",
        ] {
            assert!(MailAddress::new(bad).is_err(), "{bad:?}");
        }
    }
}
