//! What is said of a use that nobody approved: what differs from the approved one that is near, or the whole of it.

use std::collections::BTreeMap;

use assent_schema::id::{ClientId, ConnectionId, OperationRef};
use assent_schema::plan::Target;
use assent_schema::trust::Approved;
use assent_schema::uses::{DataUse, EventUse, RequestUse};

use super::super::View;
use crate::sentence::{Length, briefly, differences, is_of_catalog, listed, sentence, starts};

/// What is said of a use.
pub(super) enum Said {
    /// What it does, as a sentence of its own.
    Whole(String),
    /// What differs from an approved use, and the file of that.
    Differs(String, String),
}

impl Said {
    /// Whether the same differs.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Differs(said, file), Self::Differs(other, of)) => (said, file) == (other, of),
            (Self::Whole(_) | Self::Differs(..), _) => false,
        }
    }

    /// The message for the uses of which it is said.
    pub(super) fn message(&self, id: &ClientId, uses: &[&DataUse], length: Length) -> String {
        let (differs, file) = match self {
            Self::Whole(said) => return said.clone(),
            Self::Differs(differs, file) => (differs, file),
        };
        let workflow = uses.first().and_then(|used| used.workflow.as_ref());
        let who = workflow.map_or_else(|| "the agent".to_owned(), |workflow| format!("`{workflow}`"));
        match uses {
            [one] => {
                let does = briefly(one);
                format!("`{id}` has not approved that {who} {does} in this way: {differs}{file}.")
            }
            several => {
                let does = listed(several.iter().map(|used| briefly(used)), length);
                format!("`{id}` has not approved what {who} does in this way: {differs}{file}. It {does}.")
            }
        }
    }
}

/// What is said of one use, beside what was approved of its workflow and the nearest of that.
pub(super) fn say(
    id: &ClientId,
    view: &View<'_>,
    data_use: &DataUse,
    (near, standing): (Option<&Approved>, &[Approved]),
    length: Length,
) -> Said {
    if let Some(otherwise) = otherwise(view, id, data_use, standing, length) {
        return Said::Whole(otherwise);
    }
    let differences = near.map(|near| differences(&near.used, data_use, length)).unwrap_or_default();
    match near {
        Some(near) if !differences.is_empty() => Said::Differs(differences.join("; "), file(view, id, near)),
        _ => Said::Whole(match &data_use.workflow {
            Some(workflow) => format!("`{id}` has not approved that `{workflow}` {}", sentence(data_use)),
            None => format!("`{id}` has not approved that the agent {}", sentence(data_use)),
        }),
    }
}

/// The file of an approval.
fn file(view: &View<'_>, id: &ClientId, approved: &Approved) -> String {
    let named = view.trusted.approvals.get(id).and_then(|approvals| approvals.files.get(&approved.statement));
    named.map(|file| format!(" ({file})")).unwrap_or_default()
}

/// What a workflow asks for otherwise than its client approved; nothing where none of it was approved before. All that it asks
/// for is one use, and who reads of it wants to know what is new.
fn otherwise(
    view: &View<'_>,
    id: &ClientId,
    needed: &DataUse,
    standing: &[Approved],
    length: Length,
) -> Option<String> {
    let workflow = needed.workflow.as_ref().filter(|_| is_of_catalog(needed))?;
    let approved: Vec<&DataUse> = standing.iter().map(|one| &*one.used).filter(|used| is_of_catalog(used)).collect();
    let of = |connection: Option<&ConnectionId>| described(view, id, connection?);
    let asks = needed.requests.iter().filter_map(|(name, asked)| {
        differs(name, asked, &approved, &of(Some(&name.connection)).unwrap_or_default(), length)
    });
    let hears = needed.events.iter().filter_map(|(name, used)| {
        let connection = name.split_once('.').and_then(|(connection, _)| ConnectionId::new(connection).ok());
        let file = of(connection.as_ref()).unwrap_or_default();
        comes_otherwise(name, used, &approved, &file, length).map(|said| (format!("`{name}`"), said))
    });
    let led = |link: &&String| !approved.iter().any(|used| used.opens.as_ref() == Some(*link));
    let leads = needed.opens.iter().filter(led).map(|link| {
        let before = approved.iter().find_map(|used| used.opens.as_ref());
        let before = before.map(|link| format!(", approved: `{link}`")).unwrap_or_default();
        format!("its link leads people to `{link}`{before}")
    });
    let hears = together(hears.collect());
    let news: Vec<String> = asks.chain(hears).chain(leads).collect();
    let known = !approved.is_empty() && !news.is_empty();
    known.then(|| format!("`{id}` has not approved what `{workflow}` asks for or takes now: {}.", news.join("; ")))
}

/// Clauses about several events; of those that are known in another way for one reason, one.
fn together(said: Vec<(String, Heard)>) -> Vec<String> {
    let mut known: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut told = Vec::new();
    for (name, heard) in said {
        match heard {
            Heard::KnownOtherwise(why) => known.entry(why).or_default().push(name),
            Heard::Else(clause) => told.push(clause),
        }
    }
    told.extend(known.into_iter().map(|(why, names)| {
        let are = if names.len() == 1 { "is" } else { "are" };
        format!("the catalog says otherwise than it did how {} {are} known{why}", names.join(", "))
    }));
    told
}

/// How an event differs.
enum Heard {
    /// By how it is known, and where the catalog says that.
    KnownOtherwise(String),
    /// In another way, as a clause.
    Else(String),
}

/// The catalog's file of what a connection leads to.
fn described(view: &View<'_>, id: &ClientId, connection: &ConnectionId) -> Option<String> {
    let client = view.parsed.clients.get(id).and_then(|files| files.client.as_ref())?;
    match &client.spec.connections.get(connection.as_str())?.to.value {
        Target::Integration(name) => Some(format!("catalog/integrations/{name}.toml")),
        Target::Provider(_) => None,
    }
}

/// How one request differs from each that was approved.
fn differs(
    name: &OperationRef,
    asked: &RequestUse,
    approved: &[&DataUse],
    file: &str,
    length: Length,
) -> Option<String> {
    let given: Vec<&RequestUse> = approved.iter().filter_map(|used| used.requests.get(name)).collect();
    if given.is_empty() {
        return Some(format!("`{name}` is called, which it was not"));
    }
    let mut same = given.iter().filter(|given| given.digest == asked.digest).peekable();
    if same.peek().is_none() {
        let at = at(file, &format!("`[operation.{}]` or what it rests on", name.operation));
        return Some(format!("the catalog describes `{name}` otherwise than it did{at}"));
    }
    let fewest = fewest(&asked.answers, same.map(|given| &given.answers), length)?;
    Some(format!("{fewest} of what `{name}` answers is read too, or the catalog says otherwise what it is"))
}

/// How one event differs from each that was approved.
fn comes_otherwise(name: &str, used: &EventUse, approved: &[&DataUse], file: &str, length: Length) -> Option<Heard> {
    let given: Vec<&EventUse> = approved.iter().filter_map(|used| used.events.get(name)).collect();
    if given.is_empty() {
        return Some(Heard::Else(format!("`{name}` is taken, which it was not")));
    }
    let known = |given: &&&EventUse| given.digest == used.digest && given.once == used.once;
    let mut same = given.iter().filter(known).peekable();
    if same.peek().is_none() {
        let only_once = given.iter().any(|given| given.digest == used.digest);
        let what =
            if only_once { "`once` of the event" } else { "`[webhook]`, or `match`, `once` or `self` of the event" };
        return Some(Heard::KnownOtherwise(at(file, what)));
    }
    let mut same = same.filter(|given| given.starts_as_much(used)).peekable();
    if same.peek().is_none() {
        let begins = used.starts.as_ref().map(starts).unwrap_or_default();
        return Some(Heard::Else(format!("more of `{name}` begins runs than did: {begins}")));
    }
    let fewest = fewest(&used.fields, same.map(|given| &given.fields), length)?;
    Some(Heard::Else(format!("{fewest} of `{name}` is taken too, or the catalog says otherwise what it is")))
}

/// Where the catalog says it; nothing for what stands in the workflow.
fn at(file: &str, what: &str) -> String {
    if file.is_empty() { String::new() } else { format!(" ({file}: {what})") }
}

type Places = BTreeMap<String, String>;

/// The fields that are not as in one of those that were approved: in the one where they are the fewest.
fn fewest<'a>(fields: &Places, approved: impl Iterator<Item = &'a Places>, length: Length) -> Option<String> {
    let more = approved.map(|given| {
        let is_new = |(field, at): &(&String, &String)| given.get(*field) != Some(*at);
        fields.iter().filter(is_new).map(|(field, _)| format!("`{field}`")).collect::<Vec<_>>()
    });
    more.min_by_key(Vec::len).filter(|fields| !fields.is_empty()).map(|fields| listed(fields, length))
}
