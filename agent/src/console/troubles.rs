//! What stands wrong, as one line each for whoever may see it: it stands at the top of every page. Pure.
//!
//! The agency's people see what `assent-agent status` says; a client's people that something of theirs is paused or stopped, and
//! neither who did it nor why. Lines hold names and codes alone.
//!
//! # Source
//! engine.md section 8.

use std::collections::BTreeSet;

use assent_schema::alert::Rule;
use assent_schema::id::ClientId;
use assent_schema::ledger::HeldWhat;
use assent_schema::status::{Hold, PullStatus, RefusedStatus};
use assent_schema::time::Moment;

use super::viewer::{Sight, Viewer};
use crate::control::standing::Trouble;

/// What stands wrong.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    /// What is not well with the agent itself, the worst first.
    pub troubles: Vec<Trouble>,
    /// What keeps it from looking for releases.
    pub pull: Option<PullStatus>,
    /// Why nothing can be given out.
    pub push: Option<PullStatus>,
    /// Why the kernel keeps no keys of it, as a code.
    pub keyring: Option<String>,
    /// What it said no to since the release that it accepted last.
    pub refused: BTreeSet<RefusedStatus>,
    /// What people stopped for a while, oldest first.
    pub holds: Vec<Hold>,
    /// Clients of whose workflows none runs, since nobody said for too long that no approval was withdrawn; each with the id of its
    /// incident.
    pub stopped: Vec<(ClientId, String)>,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Tone {
    /// Work stands still, or soon will.
    Bad,
    /// Somebody should look.
    Warn,
}

/// One thing that stands wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) tone: Tone,
    /// A sentence without its stop.
    pub(super) what: String,
    /// The code of the cause.
    pub(super) code: Option<String>,
    pub(super) since: Option<Moment>,
    /// When it ends by itself.
    pub(super) until: Option<Moment>,
    /// Where more stands: a page of the console.
    pub(super) page: Option<String>,
    /// What to type.
    pub(super) command: Option<String>,
}

impl Line {
    fn new(tone: Tone, what: impl Into<String>) -> Self {
        Self { tone, what: what.into(), code: None, since: None, until: None, page: None, command: None }
    }

    fn code(self, code: &str) -> Self {
        Self { code: Some(code.to_owned()), ..self }
    }

    fn page(self, page: impl Into<String>) -> Self {
        Self { page: Some(page.into()), ..self }
    }

    fn command(self, command: impl Into<String>) -> Self {
        Self { command: Some(command.into()), ..self }
    }
}

/// What stands wrong that somebody may see.
///
/// # Shape
/// What keeps work from being done first; then as it stands in [`Standing`].
pub(super) fn lines(standing: &Standing, viewer: &Viewer) -> Vec<Line> {
    let mut lines = Vec::new();
    if viewer.may_see(Sight::Agent) {
        lines.extend(standing.troubles.iter().map(of_agent));
        lines.extend(unsaid(standing));
    }
    let of_client = |client: &ClientId| {
        viewer.may_see(Sight::Standing(client)).then_some(true).or(viewer.may_see(Sight::Own(client)).then_some(false))
    };
    for (client, incident) in &standing.stopped {
        match of_client(client) {
            Some(true) => lines.push(
                Line::new(
                    Tone::Bad,
                    format!("All workflows of {client} have stopped: no freshness statement for too long"),
                )
                .page(format!("/incidents/{incident}"))
                .command("assent freshness"),
            ),
            Some(false) => lines.push(Line::new(
                Tone::Bad,
                "All workflows have stopped, until your agency confirms your approvals again",
            )),
            None => {}
        }
    }
    for hold in &standing.holds {
        let line = match of_client(&hold.client) {
            Some(true) => {
                Line::new(Tone::Warn, format!("{} is held", name(hold))).code(hold.why.as_str()).page("/holds")
            }
            Some(false) => Line::new(Tone::Warn, paused(hold)),
            None => continue,
        };
        lines.push(Line { until: Some(hold.until), ..line });
    }
    lines.sort_by_key(|line| line.tone);
    lines
}

/// What is held.
pub(super) fn name(hold: &Hold) -> String {
    match &hold.what {
        HeldWhat::Client => hold.client.to_string(),
        HeldWhat::Workflow(workflow) => format!("{}/{workflow}", hold.client),
        HeldWhat::Connection(connection) => format!("{}, connection {connection}", hold.client),
    }
}

/// The same for the client's own people.
fn paused(hold: &Hold) -> String {
    match &hold.what {
        HeldWhat::Client => "Your agency has paused all workflows".to_owned(),
        HeldWhat::Workflow(workflow) => format!("Your agency has paused {workflow}"),
        HeldWhat::Connection(connection) => format!("Your agency has paused what uses {connection}"),
    }
}

/// What on-call was told of the agent itself.
fn of_agent(trouble: &Trouble) -> Line {
    use Tone::{Bad, Warn};
    let Trouble { id, rule, code, connection, since, left, differs } = trouble;
    let left = left.map(|left| format!(": {} MB left", left / 1_000_000)).unwrap_or_default();
    let by = differs.map(|differs| format!(" by {differs}")).unwrap_or_default();
    let route = connection.as_ref().map(ToString::to_string).unwrap_or_default();
    let (status, vault) = ("assent-agent status", "assent-agent vault list");
    let (tone, what, command) = match rule {
        Rule::Disk if code == "disk_full" => (Bad, format!("The disk is full, and no event is accepted{left}"), status),
        Rule::Disk => (Warn, format!("Little disk space is left{left}"), status),
        Rule::Vault => (Bad, "The vault cannot be used".to_owned(), vault),
        Rule::Clock => (Warn, format!("The host's clock differs from signed times{by}"), status),
        Rule::Stale => (Warn, "There is no current freshness statement".to_owned(), "assent freshness"),
        Rule::Pull => (Warn, "Releases cannot be pulled".to_owned(), status),
        Rule::Status if code == "branch-not-ours" => {
            (Bad, "Somebody else writes to the agent's branch".to_owned(), status)
        }
        Rule::Status => (Warn, "Status and checkpoints cannot be pushed".to_owned(), status),
        Rule::RouteFails => (Warn, format!("Alerts do not get through by the route {route}"), vault),
        Rule::ReleaseLost => (Bad, "The accepted release cannot be read".to_owned(), status),
        Rule::RootEnds => (Warn, "The root ends soon, and with it every release".to_owned(), status),
        Rule::CertificateEnds if code == "over" => (Bad, "The certificate of the listeners is over".to_owned(), status),
        Rule::CertificateEnds => (Warn, "The certificate of the listeners ends soon".to_owned(), status),
        Rule::SecretInLog => (Bad, "A line of the log held a secret, and was not written".to_owned(), status),
        Rule::Lag => (Warn, "The agent is late to its own work".to_owned(), status),
        Rule::Heartbeat => (Warn, "Nobody takes the dead-man's ping".to_owned(), status),
        Rule::Log => (Warn, "Lines of the log could not be written".to_owned(), status),
        // Whatever else is about the agent has its page, which says what it means.
        rule => (Warn, format!("On-call was told of {}", rule.as_str().replace('-', " ")), status),
    };
    let page = id.as_ref().map(|id| format!("/{}/{id}", if id.starts_with('i') { "incidents" } else { "alerts" }));
    Line { since: *since, page, ..Line::new(tone, what).code(code).command(command) }
}

/// What stands in the status and is no alert, or not yet.
fn unsaid(standing: &Standing) -> Vec<Line> {
    let is_told = |rule| standing.troubles.iter().any(|trouble| trouble.rule == rule);
    let mut lines = Vec::new();
    for (rule, trouble, what) in [
        (Rule::Pull, &standing.pull, "Releases cannot be pulled"),
        (Rule::Status, &standing.push, "Status and checkpoints cannot be pushed"),
    ] {
        if let Some(PullStatus { code, since }) = trouble.as_ref().filter(|_| !is_told(rule)) {
            let line = Line::new(Tone::Warn, what).code(code).command("assent-agent status");
            lines.push(Line { since: Some(*since), ..line });
        }
    }
    if let Some(code) = &standing.keyring {
        let what = "The kernel takes no keys: a restart loses what runs that wait need";
        lines.push(Line::new(Tone::Warn, what).code(code).command("assent-agent status"));
    }
    let codes: BTreeSet<&str> = standing.refused.iter().map(|refused| refused.code.as_str()).collect();
    for code in codes {
        let line = Line::new(Tone::Warn, "Something newer than the release that runs was refused").code(code);
        lines.push(line.page("/#release").command(format!("assent explain {code}")));
    }
    lines
}

#[cfg(test)]
#[path = "troubles_tests.rs"]
mod tests;
