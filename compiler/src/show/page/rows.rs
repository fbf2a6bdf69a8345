//! One data use as rows: what is looked at, and its values, each whole.

use std::collections::BTreeSet;

use assent_schema::id::{Name, OperationRef, PersonId};
use assent_schema::trust::words;
use assent_schema::uses::{ConnectionParty, DataUse, EventUse, Party, PutUse, RequestUse};

use crate::sentence::{Categories, always, effect, guardrail, quoted, starts, stays};

/// What one row is about, with its values.
pub(super) type Row = (&'static str, Vec<String>);

/// The rows of a data use; those without values are left out.
pub(super) fn rows(used: &DataUse, categories: &Categories) -> Vec<Row> {
    // Every member is named here, so that a new one cannot be forgotten.
    let DataUse {
        kind: _,
        workflow: _,
        purpose,
        from,
        to,
        operation,
        effect: does,
        unattended,
        fields,
        puts,
        scopes,
        guardrail: limit,
        deciders,
        requests,
        events,
        opens,
        provider,
        agreement,
        retention,
        stale_limit,
        terms,
        bits,
        releases,
    } = used;
    let one = |text: Option<String>| text.into_iter().collect::<Vec<_>>();
    let digest = used.digest().ok();
    let alone = unattended.then(|| "no person agrees first".to_owned());
    let agreed = agreement.as_ref().map(|agreement| {
        let training = if agreement.forbids_training { "forbids training" } else { "does not forbid training" };
        format!("{}, {training}, until {}", agreement.name, agreement.until)
    });
    let scopes = match scopes {
        Some(scopes) if scopes.is_empty() => vec!["none".to_owned()],
        Some(scopes) => scopes.iter().map(ToString::to_string).collect(),
        None => Vec::new(),
    };
    let limits = |text: String| text.split(", ").filter(|part| !part.is_empty()).map(str::to_owned).collect();
    let rows = [
        ("From", from.as_ref().map(party).unwrap_or_default()),
        ("To", to.as_ref().map(party).unwrap_or_default()),
        ("Hosts", [from, to].into_iter().flatten().flat_map(hosts).collect()),
        ("By the operation", one(operation.as_ref().map(ToString::to_string))),
        ("Which", does.map(|does| vec![effect(does).to_owned()]).unwrap_or_default()),
        ("Unattended", one(alone)),
        ("Fields", fields.iter().map(|(path, class)| categories.told(path, *class)).collect()),
        ("What goes where", puts.iter().flat_map(put).collect()),
        ("Permissions (scopes)", scopes),
        ("Limits (guardrail)", limit.as_ref().map(guardrail).map(limits).unwrap_or_default()),
        ("Who decides", deciders.iter().flat_map(|(who, by)| decider(who, by)).collect()),
        ("Exact requests", requests.iter().map(request).collect()),
        ("Sent each time", requests.iter().flat_map(constants).collect()),
        ("Read from the answers", requests.iter().flat_map(answers).collect()),
        ("Exact events", events.iter().map(event).collect()),
        ("Read from the events", events.iter().flat_map(taken).collect()),
        ("Leads people to", one(opens.clone())),
        ("AI provider", one(provider.as_ref().map(ToString::to_string))),
        ("Agreement with it", one(agreed)),
        ("Kept", one(retention.as_deref().map(stays))),
        ("Runs without hearing from the agency", one(stale_limit.map(|limit| format!("at most {limit}")))),
        ("Besides", terms.iter().cloned().collect()),
        ("Released bits a run", one(bits.map(|bits| format!("at most {bits}")))),
        ("Which bits", releases.clone()),
        ("Purpose", one(purpose.clone())),
        ("Digest of this use", one(digest.map(|digest| digest.to_string()))),
        ("The same in words", one(digest.map(|digest| words(&digest)))),
    ];
    rows.into_iter().filter(|(_, values)| !values.is_empty()).collect()
}

/// One row for each proof, so that a new key of an old person is seen.
fn decider(person: &PersonId, proofs: &BTreeSet<String>) -> Vec<String> {
    if proofs.is_empty() {
        return vec![format!("{person}, who is known by nothing")];
    }
    proofs.iter().map(|proof| format!("{person}: {proof}")).collect()
}

fn request((operation, asked): (&OperationRef, &RequestUse)) -> String {
    format!("{operation}: {} {}, described in full by {}", asked.method.as_str(), asked.path, asked.digest)
}

fn constants((operation, asked): (&OperationRef, &RequestUse)) -> Vec<String> {
    let document = asked.document.iter().map(|text| format!("{operation}: the document {}", quoted(text)));
    let always = asked.constants.iter().map(|(at, value)| format!("{operation}: {}", always(at, value)));
    let media = asked.media.iter().map(|media| format!("{operation}: in {}", quoted(media)));
    let unsent = asked.unsent.iter().map(|amount| {
        format!("{operation}: {amount} is counted here and not sent; what moves is what the other side says")
    });
    always.chain(document).chain(media).chain(unsent).collect()
}

fn answers((operation, asked): (&OperationRef, &RequestUse)) -> Vec<String> {
    let one = |(name, at): (&String, &String)| {
        let at = if at.is_empty() { "the answer itself" } else { at };
        format!("{operation}: {name}, from {at}")
    };
    asked.answers.iter().map(one).collect()
}

fn event((event, used): (&String, &EventUse)) -> String {
    format!("{event}, described in full by {}", used.digest)
}

fn taken((event, used): (&String, &EventUse)) -> Vec<String> {
    let once = used.once.iter().map(|name| format!("{event}: accepted once by {name}"));
    let starts = used.starts.iter().map(|only| format!("{event}: {}", starts(only)));
    used.fields.iter().map(|(name, at)| format!("{event}: {name}, from {at}")).chain(once).chain(starts).collect()
}

/// One row for each field and constant, so that a new one is seen.
fn put((param, put): (&Name, &PutUse)) -> Vec<String> {
    let fields = put.fields.iter().map(|path| format!("{param}: {path}"));
    let constants = put.constants.iter().map(|text| format!("{param}: written by the workflow itself: {text}"));
    fields.chain(constants).collect()
}

fn party(party: &Party) -> Vec<String> {
    match party {
        Party::Connection(to) => vec![format!("{}, region {}", to.connection, to.region)],
        Party::Agent(agent) => vec![format!("the agent, region {}", agent.region)],
        Party::Folder(from) => vec![format!("the folder {}, region {}", from.folder, from.region)],
        Party::Group(group) => {
            let channel = if group.channel == "any" { "any channel" } else { &group.channel };
            vec![format!("the group {} through {channel}, region {}", group.group, group.region)]
        }
    }
}

fn hosts(party: &Party) -> Vec<String> {
    let Party::Connection(to) = party else { return Vec::new() };
    let ConnectionParty { connection: _, region: _, host, sandbox_hosts, token_host, sandbox_token_hosts } = to;
    let sandboxes = sandbox_hosts.iter().map(|host| format!("{host} (sandbox)"));
    let tokens = token_host.iter().map(|host| format!("{host} (access tokens)"));
    let sandbox_tokens = sandbox_token_hosts.iter().map(|host| format!("{host} (access tokens, sandbox)"));
    std::iter::once(host.clone()).chain(sandboxes).chain(tokens).chain(sandbox_tokens).collect()
}
