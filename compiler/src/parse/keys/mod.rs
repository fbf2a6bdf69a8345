//! The keys of every kind of file: name, what it holds, whether it must be there, what it is for. Editors' schemas are made
//! from this table alone; tests hold it to the readers of this room, key by key and in both directions.
//!
//! Only the form of a file is here. What needs other files, or two values at once, is a finding of the compiler.

mod catalog;
mod client;
mod operation;
mod project;
mod scenario;
mod step;
mod trust;
mod workflow;

#[cfg(test)]
mod tests;

use crate::source::Place;

/// One kind of file.
#[derive(Debug)]
pub struct Kind {
    /// How people and files call it.
    pub name: &'static str,
    /// What such a file is, as a sentence.
    pub about: &'static str,
    /// Where such files stand, as patterns of paths; none where no editor could bind them.
    pub paths: &'static [&'static str],
    /// Paths among those that are of another kind.
    pub except: &'static [&'static str],
    /// Its keys.
    pub table: &'static Table,
}

/// A table with keys that are known.
#[derive(Debug)]
pub struct Table {
    /// Its name, unique among all tables.
    pub name: &'static str,
    /// What it is, as a sentence.
    pub about: &'static str,
    /// Its keys; some groups of keys stand in several tables.
    pub groups: &'static [&'static [Key]],
    /// What holds of several keys together.
    pub rules: &'static [Rule],
}

/// One key of a table.
#[derive(Debug)]
pub struct Key {
    /// As it is written.
    pub name: &'static str,
    /// Whether a table without it is wrong.
    pub required: bool,
    /// What stands behind it.
    pub holds: Holds,
    /// What it is for, as a sentence.
    pub about: &'static str,
}

/// What a key holds.
#[derive(Debug)]
pub enum Holds {
    /// Any text.
    Text,
    /// A text of a form.
    Form(&'static Form),
    /// One of the words that an enumeration has.
    Word(fn() -> Vec<&'static str>),
    /// One of these words.
    Words(&'static [&'static str]),
    /// An integer.
    Integer,
    /// An integer within bounds, both included.
    Within(i64, i64),
    /// `true` or `false`.
    Boolean,
    /// A decimal, as text or as a number.
    Decimal,
    /// Whatever an API sends.
    Anything,
    /// A table with keys that are known.
    Table(&'static Table),
    /// A table whose keys are names that people chose.
    Map(&'static Form, &'static Holds),
    /// A list.
    List(&'static Holds),
    /// One of these.
    Either(&'static [Holds]),
}

/// A form that texts have.
#[derive(Debug)]
pub struct Form {
    /// A regular expression that every such text matches; some that match may still be refused.
    pub pattern: &'static str,
    /// One such text.
    pub example: &'static str,
}

/// What holds of several keys together.
#[derive(Debug)]
pub enum Rule {
    /// Exactly one of these is there.
    One(&'static [&'static str]),
    /// Where the first is, the others are.
    With(&'static str, &'static [&'static str]),
    /// Where the key holds the word, the others are there.
    When(&'static str, &'static str, &'static [&'static str]),
    /// Where the key is, nothing but `beside` is; where it is not, `else_needed` is there and `never` is not.
    Switch {
        /// The key that decides.
        key: &'static str,
        /// What may stand beside it.
        beside: &'static [&'static str],
        /// What must be there without it.
        else_needed: &'static [&'static str],
        /// What may not be there without it.
        never: &'static [&'static str],
    },
}

impl Table {
    /// Its keys, in the order in which people write them.
    pub fn keys(&self) -> impl Iterator<Item = &'static Key> {
        self.groups.iter().flat_map(|group| group.iter())
    }
}

/// Every kind of file that people write, in the order in which a repository grows.
pub static KINDS: [&Kind; 13] = [
    &project::KIND,
    &client::KIND,
    &workflow::KIND,
    &workflow::LIBRARY,
    &scenario::KIND,
    &catalog::INTEGRATION,
    &catalog::PROVIDER,
    &workflow::TEXT,
    &trust::ROOT,
    &trust::TEAMS,
    &trust::APPROVERS,
    &trust::APPROVAL,
    &trust::CATALOG_LOCK,
];

/// The kind of the file at a place; nothing where no table stands there.
pub fn kind_of(place: &Place) -> Option<&'static Kind> {
    match place {
        Place::Project => Some(&project::KIND),
        Place::Root(_) => Some(&trust::ROOT),
        Place::Teams => Some(&trust::TEAMS),
        Place::Integration(_) => Some(&catalog::INTEGRATION),
        Place::Provider(_) => Some(&catalog::PROVIDER),
        Place::CatalogLock => Some(&trust::CATALOG_LOCK),
        Place::Library(_) => Some(&workflow::LIBRARY),
        Place::Client(_) => Some(&client::KIND),
        Place::Approvers(..) => Some(&trust::APPROVERS),
        Place::Approval(_) => Some(&trust::APPROVAL),
        Place::Workflow(..) => Some(&workflow::KIND),
        Place::Tests(..) => Some(&scenario::KIND),
        // The head of a text is a table, prompts and incidents have none; the path alone does not tell.
        Place::Text | Place::Signature(..) | Place::Passkey(..) | Place::Beside | Place::Data => None,
    }
}

/// An amount in minor units, and how often something may happen.
const AMOUNT: Holds = Holds::Within(0, assent_schema::canon::INTEGER_MOST);
const COUNT: Holds = Holds::Within(0, 1_000_000);

const fn need(name: &'static str, holds: Holds, about: &'static str) -> Key {
    Key { name, required: true, holds, about }
}

const fn may(name: &'static str, holds: Holds, about: &'static str) -> Key {
    Key { name, required: false, holds, about }
}

static ID: Form = Form { pattern: "^[a-z][a-z0-9-]{0,62}$", example: "acme" };
static NAME: Form = Form { pattern: "^[a-z][a-z0-9_]{0,62}$", example: "ticket" };
static EVENT: Form = Form { pattern: "^[a-z][a-z0-9_]*([.][a-z][a-z0-9_]*)*$", example: "ticket.created" };
static OPERATION: Form =
    Form { pattern: "^[a-z][a-z0-9-]{0,62}[.][a-z][a-z0-9_]{0,62}$", example: "helpdesk.get_ticket" };
static PERIOD: Form = Form { pattern: "^(0|[1-9][0-9]*)[smhd]$", example: "10m" };
static MOMENT: Form =
    Form { pattern: "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$", example: "2026-03-02T09:00:00Z" };
static DAY: Form = Form { pattern: "^[0-9]{4}-[0-9]{2}-[0-9]{2}$", example: "2026-12-25" };
static OPENING: Form = Form { pattern: "^[0-2][0-9]:[0-5][0-9]-[0-2][0-9]:[0-5][0-9]$", example: "09:00-17:00" };
static CURRENCY: Form = Form { pattern: "^[A-Z]{3}$", example: "EUR" };
static DIGEST: Form =
    Form { pattern: "^[0-9a-f]{64}$", example: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" };
static LINE: Form = Form { pattern: "^[^\\s]([^\\n]*[^\\s])?$", example: "One line for people" };
static PATH: Form = Form { pattern: "^[^.]+([.][^.]+)*$", example: "ticket.subject" };
static PATH_OR_ALL: Form = Form { pattern: "^([^.]+([.][^.]+)*)?$", example: "ticket.subject" };
static SCOPE: Form = Form { pattern: "^[!-~]{1,128}$", example: "orders:read" };
static URL: Form = Form { pattern: "^https?://[^/?#]+(/[^/?#]+)*$", example: "https://api.example.com/v1" };
static ROUTE_URL: Form =
    Form { pattern: "^(https?|smtps?)://[^/?#]+(/[^/?#]+)*$", example: "https://alerts.example.com/hook" };
static MAIL: Form = Form { pattern: "^[!-?A-~]{1,64}@[a-z0-9.-]{1,189}$", example: "alerts@agency.example" };
static HEADER: Form = Form { pattern: "^[A-Za-z0-9-]{1,64}$", example: "Authorization" };
static PUBLIC_KEY: Form = Form {
    pattern: "^(ssh-ed25519|sk-ssh-ed25519@openssh[.]com) .+$",
    example: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHWdvDlfnuKr3kIflybCT5sRfSvELtIdeVordDyBAUkw",
};
static LOCALE: Form = Form { pattern: "^[a-z]{2,3}(-[A-Za-z0-9]{1,8})*$", example: "de-AT" };

/// Where something leads in one environment.
static ENDPOINT: Table = Table {
    name: "endpoint",
    about: "Where something leads in one environment.",
    groups: &[
        &[
            need("url", Holds::Form(&URL), "The base URL, `https://host[:port][/path]`, without a slash at its end."),
            may(
                "tokens",
                Holds::Form(&URL),
                "The base URL below which access tokens are asked for; `url` unless said.",
            ),
            need("region", Holds::Form(&ID), "Where the host is."),
        ],
        &[SANDBOX],
    ],
    rules: &[],
};
const SANDBOX: Key = may("sandbox", Holds::Boolean, "Whether it is a sandbox without real data; `false` unless said.");

/// How many requests an API takes.
static RATE: Table = Table {
    name: "rate",
    about: "How many requests an API takes.",
    groups: &[&[
        need("requests", Holds::Within(1, 1_000_000), "How many requests."),
        need("per", Holds::Form(&PERIOD), "In which time."),
    ]],
    rules: &[],
};
