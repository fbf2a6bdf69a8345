//! What releases and the agents' signed statuses say.

use assent_schema::canon::Digest;
use assent_schema::counted::counted;
use assent_schema::id::{AgentId, ClientId};
use assent_schema::ledger::Token;
use assent_schema::status::{ScopeStatus, SlotStatus, Status};
use assent_schema::tripwire::patterns;

use super::{Notes, Seen};
use crate::publish::history::{BEYOND, History, Holds};
use crate::publish::standing::Standing;
use crate::publish::verdict::{RegionVerdict, Verdict};

/// One environment and region, as it was found.
#[derive(Clone, Debug)]
pub struct Region {
    /// How it stands for the commit.
    pub standing: Standing,
    /// Whether an agent there would take the whole release, file by file.
    pub release: Whole,
    /// Whether the remote has no such branch although this repository has.
    pub is_gone: bool,
    /// Every release that the branch holds and held.
    pub history: History,
    /// Why the source that the newest of them names is not the one at hand; nothing where it is.
    pub other_source: Option<String>,
    /// Whether the commit that is looked at is the source of that release, or came after it.
    pub follows: bool,
}

/// What verifying a whole release found.
#[derive(Clone, Debug)]
pub enum Whole {
    /// There is no release, or no agent that could take it.
    Unjudged,
    /// Every file, signature, statement and rehearsal holds.
    Sound,
    /// It is refused.
    Refused {
        /// The code of the refusal.
        code: &'static str,
        /// Whether what lacks is rehearsals.
        untested: bool,
        /// Why, as a sentence.
        why: String,
    },
}

/// Promises that releases and statuses alone can show to be kept.
const RECORDED: [&str; 3] = ["P15", "P16", "P17"];

/// Looks at each environment and region.
pub(super) fn look(seen: &Seen<'_>, notes: &mut Notes) {
    let wanted = |region: &&Region| {
        let region = &region.standing.target.region;
        seen.client.is_none() || seen.clients().any(|(_, client)| client.facts.region == *region)
    };
    if !seen.regions.iter().any(|region| wanted(&region)) {
        notes.miss(&RECORDED, "No release was looked at: there is none, or its branches are not here (`--remote`).");
    }
    for region in seen.regions.iter().filter(wanted) {
        let target = &region.standing.target;
        let place = format!("{}/{}", target.environment, target.region);
        release(&place, region, notes);
        taken_out(&place, region, seen, notes);
        let finding = &region.standing.judged.finding;
        let why = if finding.why.is_empty() { String::new() } else { format!(" ({})", finding.why) };
        notes.see("P15", format!("{place}: {}{why}.", finding.verdict.as_str()));
        agents(&place, &region.standing.judged, seen, notes);
        for (agent, why) in &region.standing.unsigned {
            notes.object("P16", format!("{place}: the status of {agent} does not verify: {why}."));
        }
        region.standing.statuses.values().for_each(|status| unwell(&place, status, seen, notes));
        for name in &region.standing.foreign {
            notes.see(
                "P16",
                format!("{place}: the status branch {name} is by no agent of the root and counts for nothing."),
            );
        }
    }
}

/// The newest release, verified as an agent verifies it.
fn release(place: &str, region: &Region, notes: &mut Notes) {
    let standing = &region.standing;
    match (&standing.release, &region.release) {
        (_, Whole::Refused { code, untested, why }) => {
            let promise = if *untested { "P15" } else { "P16" };
            notes.object(promise, format!("{place}: agents refuse what the release branch holds ({code}): {why}."));
        }
        (Some((sequence, digest)), Whole::Sound) => {
            notes.see(
                "P16",
                format!("{place}: release {sequence}, manifest {digest}, every file and signature verified."),
            );
        }
        (Some((sequence, digest)), Whole::Unjudged) => {
            notes.see("P16", format!("{place}: release {sequence}, manifest {digest}, signatures verified."));
        }
        (None, _) if standing.judged.finding.verdict == Verdict::Unknown => {
            let why = &standing.judged.finding.why;
            notes.object("P16", format!("{place}: the release branch holds no release whose signatures hold: {why}."));
        }
        (None, _) => notes.see("P16", format!("{place}: no release is current.")),
    }
    if let Some(why) = &region.history.broken {
        notes.object("P16", format!("{place}: the releases of the branch do not follow each other: {why}."));
    }
    if !region.history.is_whole && !region.history.releases.is_empty() {
        let count = region.history.releases.len();
        let said = format!(
            "{place}: looked at {} of the branch, and not at those before: what was done under others is not judged.",
            counted(count, "release")
        );
        notes.see("P16", said);
    }
    if let Some(why) = &region.other_source {
        notes.object("P16", format!("{place}: the newest release is not of this source: {why}."));
    }
    if region.is_gone {
        let branch = standing.target.branch();
        notes.object("P16", format!("{place}: this repository has {branch}, and the remote has not."));
    }
    for (agent, judged) in &standing.judged.agents {
        taken(place, &region.history, agent, judged.release, notes);
    }
}

/// What a client once said no to is in the source for ever: whoever takes it out makes it look approved.
fn taken_out(place: &str, region: &Region, seen: &Seen<'_>, notes: &mut Notes) {
    let Some(newest) = region.history.releases.first().filter(|_| region.follows) else { return };
    for digest in newest.statements() {
        let Some(said) = region.history.statements.get(&digest).filter(|said| said.decision != "approve") else {
            continue;
        };
        let known = seen.survey.trusted.statements.get(&said.client);
        let concerned = seen.clients().any(|(client, _)| *client == said.client);
        if concerned && known.is_some_and(|known| !known.held().contains_key(&digest)) {
            let (client, decision) = (&said.client, said.decision);
            let said = format!(
                "{place}: the release holds the statement {digest} ({decision}) of {client}, and the source has it not."
            );
            notes.object("P25", said);
        }
    }
}

/// What an agent says that it took up is a release that the branch holds or held.
fn taken(place: &str, history: &History, agent: &AgentId, ran: Option<(u64, Digest)>, notes: &mut Notes) {
    let Some((sequence, manifest)) = ran else { return };
    let runs = format!("{place}: {agent} runs release {sequence} ({manifest})");
    match history.holds(&manifest, sequence) {
        Holds::Never => notes.object("P16", format!("{runs}, and no release branch ever held that.")),
        Holds::Beyond => notes.object("P16", format!("{runs}, and {BEYOND}.")),
        Holds::There | Holds::Unknown => {}
    }
}

/// What an agent says that it cannot do.
fn unwell(place: &str, status: &Status, seen: &Seen<'_>, notes: &mut Notes) {
    let agent = &status.agent;
    if let Some(halt) = &status.halt {
        let why: Vec<&str> = halt.why.iter().map(Token::as_str).collect();
        notes.object("P12", format!("{place}: {agent} starts nothing since {} ({}).", halt.since, why.join(", ")));
    }
    if let Some(code) = &status.vault {
        notes.object("P08", format!("{place}: {agent} cannot use its vault ({code})."));
    }
    if let Some(code) = &status.keyring {
        let said = format!(
            "{place}: the kernel keeps no keys of {agent} ({code}): what waits is sealed under keys of its process, and lost with it."
        );
        notes.see("P02", said);
    }
    freshness(place, status, seen, notes);
    // It is pushed to a branch that others read.
    for found in serde_json::to_string(status).map_or_else(|_| Vec::new(), |text| patterns(&text)) {
        notes.object("P07", format!("{place}: the status of {agent} holds {}.", found.what));
    }
    let theirs = |of: &ClientId| seen.clients().any(|(client, _)| client == of);
    for slot in status.slots.iter().filter(|slot| theirs(&slot.client)) {
        let SlotStatus { client, connection, slot, due, .. } = slot;
        if let Some(due) = due.filter(|due| *due < seen.at) {
            let said =
                format!("{client}: the secret of {connection}, slot {slot}, was to be rotated by {due}, says {agent}.");
            notes.object("P08", said);
        }
    }
    for ScopeStatus { client, connection, more, .. } in status.scopes.iter().filter(|scope| theirs(&scope.client)) {
        let more: Vec<String> = more.iter().map(ToString::to_string).collect();
        if !more.is_empty() {
            let more = more.join(", ");
            notes.object(
                "P06",
                format!("{client}: {connection} granted {more}, which no workflow needs, says {agent}."),
            );
        }
    }
}

/// How old the newest freshness is that an agent knows, and whose workflows stand still for that.
fn freshness(place: &str, status: &Status, seen: &Seen<'_>, notes: &mut Notes) {
    let (agent, Some(release)) = (&status.agent, &status.release) else { return };
    let Some(fresh) = release.fresh else {
        return notes.see("P25", format!("{place}: {agent} knows no freshness of its release."));
    };
    notes.see("P25", format!("{place}: the newest freshness that {agent} knows is of {fresh}."));
    for (client, facts) in seen.clients().filter(|(client, _)| status.workflows.contains_key(*client)) {
        if fresh.plus(facts.facts.stale_limit) < seen.at {
            let said = format!("{place}: nothing of {client} starts: the freshness that {agent} knows is of {fresh}.");
            notes.object("P12", said);
        }
    }
}

fn agents(place: &str, judged: &RegionVerdict, seen: &Seen<'_>, notes: &mut Notes) {
    for (agent, judged) in &judged.agents {
        let seen_at = judged.seen.map_or_else(|| "never".to_owned(), |seen| seen.to_string());
        let verdict = judged.finding.verdict;
        notes.see("P12", format!("{place}: agent {agent} last spoke {seen_at}, {}.", verdict.as_str()));
        // Who never spoke may not have been set up; who fell silent is not watched by anybody who can tell.
        if verdict == Verdict::Silent {
            notes.object("P12", format!("{place}: nothing was heard of agent {agent} since {seen_at}."));
        }
        for ((client, workflow), finding) in &judged.workflows {
            let concerned = seen.client.is_none_or(|wanted| wanted == client);
            if concerned && finding.verdict == Verdict::Returned {
                notes.see("P17", format!("{place}: {client}/{workflow} was returned on {agent} and stays back."));
            }
        }
    }
}
