//! The rules by which on-call is told something: name, what it means, what to do, whether it opens an incident.
//!
//! `assent-agent alerts explain` and `docs/alerts.md` come from this table. A rule is never renamed or reused: its name stands in
//! stores, in ledgers and in what routes receive.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Whether an alert of a rule also opens an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Opens {
    /// It always does: work was left undone, or the agent cannot be relied on.
    Always,
    /// It does where it is more than a warning or an outage.
    Grave,
    /// It never does.
    Never,
}

/// Which alerts of a rule are one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Groups {
    /// Those of one client, connection and code, whatever workflows they are about.
    Cause,
    /// Those of one client, connection and code; where no connection is to blame, those of one workflow: what failed there is
    /// its own.
    Place,
    /// Those of one workflow: fixing one of them fixes no other.
    Workflow,
}

/// What the table says of one rule.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The stable name.
    pub name: &'static str,
    /// What it means for on-call, as sentences.
    pub what: &'static str,
    /// What to do next.
    pub help: &'static str,
    /// Whether it opens an incident.
    pub opens_incident: Opens,
    /// Which of its alerts are one.
    pub groups_by_workflow: Groups,
}

macro_rules! rules {
    ($($variant:ident $name:literal $opens:ident $groups:ident $what:literal; $help:literal;)*) => {
        /// A rule that tells on-call something.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Rule { $(#[doc = $what] $variant,)* }

        impl Rule {
            /// Every rule, in the order of the table.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// What the table says of this rule.
            pub const fn row(self) -> &'static Row {
                match self { $(Self::$variant => &Row {
                    name: $name, what: $what, help: $help,
                    opens_incident: Opens::$opens, groups_by_workflow: Groups::$groups,
                },)* }
            }
        }
    };
}

rules! {
    RunFailed "run-failed" Always Place
        "A step failed for good, and the run ended with it. The event is in the manual queue, with the effects that were already done.";
        "`assent-agent runs show RUN` names the step and the code; `assent explain CODE` says what the code means. When the cause is gone, `assent-agent runs retry RUN --why INC-7` continues at that step; otherwise do the work by hand and take it out of the queue.";
    RunStopped "run-stopped" Always Place
        "A run was no longer allowed to go on, so it was stopped. The event is in the manual queue, with the effects that were already done.";
        "`assent explain CODE` says what took the permission away. Check in the client's systems what was done, then finish the work by hand or undo it.";
    RunContentLost "run-content-lost" Always Place
        "What a run needed is no longer kept and cannot be read again, so the run ended. The event is in the manual queue.";
        "Do the work by hand: `assent-agent queue` names the record, and the client's system still has its content. If many runs end this way, workflows wait longer than their content is kept.";
    RunDone "run-done" Always Workflow
        "A run reached its end, but some items of an `each` failed, or nobody knows what became of them (`in_doubt`). They are in the manual queue.";
        "`assent-agent runs show RUN` lists the failed items. Do those by hand, or let the run be tried again once the cause is gone: `assent-agent runs retry RUN --why INC-7`. Look in the other system first where one is in doubt.";
    RunSuperseded "run-superseded" Grave Workflow
        "A newer event took the place of a run that had already done something. What it did remains. Where nobody knows whether it did something (`in_doubt`), an incident is opened.";
        "`assent-agent runs show RUN` lists what was done. Check that the newer run took it into account; otherwise undo it by hand.";
    MissedSchedule "missed_schedule" Never Cause
        "Scheduled runs did not take place: the agent was down, or so far behind that their times were skipped.";
        "Decide whether the missed work must still be done; start the workflow by hand if so. `assent-agent status` says whether the agent is up to date now.";
    ReleaseRefused "release-refused" Never Cause
        "A release did not verify and was refused as a whole. The release before it stays active.";
        "`assent explain CODE` says which rule it breaks. Whoever released it fixes the cause and releases again. A bad signature that nobody can explain is a security incident: report one.";
    ReleaseLost "release-lost" Never Cause
        "The accepted release cannot be read from the agent's own repository, or no longer verifies. The next pull may bring it again.";
        "`assent-agent status` says whether a release is active again. If it is not, check the state folder's disk and whether the agent reaches the source repository. Where the code is `broken`, end the agent, move `repo.git` out of its state folder and start it again: it fetches all of it anew and verifies it.";
    RolledBack "rolled-back" Never Workflow
        "A workflow went back to its previous plan, because the new one failed or was slow too often, did not pass its trial, or because somebody rolled it back. The previous plan runs now.";
        "Look at the runs of the new plan. Fix the workflow and release it again. The refused plan stays out until a release readmits it.";
    Refused "refused" Never Cause
        "A release names a plan that was rolled back before, so it stays out. The plan before it keeps running.";
        "Release a fixed plan. If the old one was not at fault, have a release readmit it (`--readmit`).";
    WorkflowOff "workflow-off" Always Workflow
        "A workflow no longer runs: no plan of it may run at present. Its events are not processed.";
        "The code says why: `not-permitted` (an approval is missing, withdrawn or has ended), `returned` (the only plan was rolled back) or `frozen`. `assent-agent status` and `assent status` show what is missing.";
    Stale "stale" Never Cause
        "There is no current freshness statement, so the agent cannot know whether approvals were withdrawn. Workflows go on until the client's `stale_limit`.";
        "Run `assent freshness`, or fix the job that does it every six hours. Check that the agent reaches the source repository.";
    StaleStopped "stale-stopped" Always Cause
        "There has been no freshness statement for longer than the client's `stale_limit`, so all workflows of the client stopped.";
        "Run `assent freshness` now. The workflows resume as soon as the agent has pulled it.";
    ApprovalEnds "approval-ends" Never Cause
        "An approval that covers what runs ends within 30 days, 7 days or 1 day. Its workflows stop with it.";
        "Draft the approval that follows it with `assent plan --draft CLIENT`, and ask the client's approvers to sign that: `assent approve`. `assent status` and `assent check` list which files end when.";
    RootEnds "root-ends" Never Cause
        "The newest root ends within 30 days, 7 days or 1 day. From then on the agent takes no release and no freshness, and when that is stale all workflows stop.";
        "Write the version that follows it with `assent trust root --expires INSTANT`, have it signed, and release it to all regions.";
    ApproversReset "approvers-reset" Never Cause
        "Root asks to replace the approvers of a client, without the approval of the present ones. Until the day that the code names, any of them can stop it.";
        "Ask the client, by a way you trust, whether they want this. If they do not, one of the present approvers runs `assent withdraw --reset` before that day, and you report an incident.";
    Pull "pull" Never Cause
        "The agent has failed five times in a row to read the source repository. New releases, withdrawals and freshness statements do not arrive.";
        "`assent-agent status` says since when and why. Check the network, the address, the agent's key for the repository and the repository's host key.";
    Status "status" Never Cause
        "The agent cannot push its status, checkpoints and rehearsals to its branch. The code `branch-not-ours` means that somebody else wrote to the branch.";
        "For an outage, check the network and the agent's write access. For `branch-not-ours`, find out who else can push: another instance may hold this agent's identity. Report an incident if nobody can explain it.";
    CertificateEnds "certificate" Grave Cause
        "The certificate of the agent's listeners ends in 14 days, 7 days or 1 day, or is `over`. When it is over, nobody can send the agent anything, and an incident is opened.";
        "Renew the certificate and put the files where `agent.toml` names them.";
    RotationDue "rotation-due" Never Cause
        "A secret must be rotated soon. The code is its slot.";
        "`assent-agent vault rotate CLIENT/CONNECTION/SLOT --set` takes the new secret and keeps the old one until the new one has been tested.";
    RotationOverdue "rotation-overdue" Never Cause
        "A secret was not rotated in time. It still works, but the rotation that was promised to the client is late. The code is its slot.";
        "Rotate it today: `assent-agent vault rotate CLIENT/CONNECTION/SLOT --set`. The evidence report names it until that is done.";
    RotationFailed "rotation-failed" Never Cause
        "A new secret did not pass its test. The old one stays in use.";
        "Check at the API's provider that the new secret is active and has the same permissions, then rotate again.";
    ConsentNeeded "consent-needed" Always Cause
        "The stored OAuth consent no longer works. Whatever uses the connection waits.";
        "`assent-agent vault connect CLIENT/CONNECTION` gives a link; a person of the client consents there. Waiting runs then resume by themselves.";
    CredentialEnds "credential-ends" Grave Cause
        "A credential of a connection ends within 14 days, 7 days or 1 day, or is `over`. Its API, the token itself, the vault or a person said so. The code is its slot and how soon, as in `token-7d`; for what a person consented to, `consent_7d`. When it is over, whatever uses it fails, and an incident is opened.";
        "Make a new one at the API and set it before then: `assent-agent vault rotate CLIENT/CONNECTION/SLOT --set`. For a consent, `assent-agent vault connect CLIENT/CONNECTION` gives a link; a person of the client consents again. `assent-agent status` says when each ends.";
    Webhook "webhook" Never Cause
        "Events of a webhook do not come as they should. `undelivered`: the list of `reconcile` has events that nobody delivered, so the subscription at the provider is gone, switched off or leads elsewhere. `refused`: deliveries come with a signature that does not verify, and none with one that does.";
        "Look at the subscription at the provider: is it active, where does it lead, which events does it have? For `refused`, its secret there is probably another one: set that with `assent-agent vault set CLIENT/CONNECTION/SLOT`. The alert is over when an event is delivered again.";
    ScopeWider "scope-wider" Never Cause
        "An API granted more than the client's workflows need.";
        "`assent-agent status` lists the difference. Have the surplus permissions taken away, or ask for consent again with fewer scopes.";
    ScopeMissing "scope-missing" Never Cause
        "An API granted less than the client's workflows need. Calls that need the rest will fail.";
        "`assent-agent status` lists the difference. Ask for consent again with all scopes: `assent-agent vault connect`.";
    Secret "secret" Always Cause
        "The secret of a connection cannot be one: it does not have the form that the connection's webhooks or API need. What uses it fails. The code is its slot.";
        "`assent-agent vault list` says of each slot whether its secret can be one: `good`, `empty`, `bad` or `not looked at`. Set the right secret with `assent-agent vault set CLIENT/CONNECTION/SLOT`.";
    Vault "vault" Always Cause
        "The vault cannot be used. Everything that needs a secret waits, and senders of webhooks are asked to come again. When its file is gone or does not open (`vault_gone`, `vault_cannot_open`), the agent goes on with what it read before, until it restarts.";
        "Check the vault: `assent-agent vault list` says what fails. Waiting work resumes by itself. Put a lost file back from a copy: it is read again within a minute, also where the agent restarted without it. Otherwise set the secrets again.";
    SecretInLog "secret-in-log" Always Cause
        "A line of the agent's log held a secret. The line was not written, so nothing leaked there, but this must not happen.";
        "Look at the lines around `secret_in_log` in the log to see what the agent was doing, and report it as a bug in Assent. Rotate the secret if it was sent anywhere else.";
    RouteFails "route-fails" Never Cause
        "A route for alerts has refused or not answered three times. Alerts wait for it; this one came by another route.";
        "The connection is the route, the code says why. Check its address and its secret (`assent-agent vault list`). Alerts that wait are delivered once it works.";
    AnomalyVolume "anomaly-volume" Never Cause
        "A workflow gets far fewer or far more events than in the same hours of the weeks before: `silent`, `low` or `high`.";
        "Check that the sender still sends and that its webhook or credentials did not change. For `high`, check whether the events are wanted; `assent-agent hold` stops the workflow for a while.";
    AnomalyLatency "anomaly-latency" Never Cause
        "Nine out of ten runs of a workflow take far longer than they used to.";
        "`assent-agent runs` shows where they wait; usually an API or an AI provider has become slow. If it began with a release, roll back.";
    AnomalyFailures "anomaly-failures" Never Cause
        "A far larger share of a workflow's runs than usual does not end well.";
        "`assent-agent runs` shows the codes. If it began with a release, roll back; otherwise look at the API that fails.";
    DecisionWaits "decision-waits" Never Cause
        "Half of the time for a decision is over, and nobody has decided.";
        "Reach the people who decide. Without an answer in time, the run takes the way that the workflow gives for it.";
    ResponseDue "response-due" Never Cause
        "Half of the response time of an incident is over, and nobody has acknowledged it.";
        "`assent-agent incidents acknowledge ID` stops the response clock.";
    ResponseLate "response-late" Never Cause
        "Nobody acknowledged an incident within its response time.";
        "Acknowledge it now: `assent-agent incidents acknowledge ID`. Say in the post-mortem why it was late.";
    PostMortemDue "post-mortem-due" Never Cause
        "The post-mortem of an incident must be shared within 24 or 6 hours.";
        "`assent-agent incidents draft ID` writes what the ledger knows; add root cause and prevention, then share it.";
    PostMortemLate "post-mortem-late" Never Cause
        "The post-mortem of an incident was not shared in time.";
        "Share it now: `assent-agent incidents draft ID`, complete it, then `assent-agent incidents share ID --file FILE`.";
    Reported "reported" Always Cause
        "A person opened a critical incident.";
        "`assent-agent incidents show ID` says who and about what. Acknowledge it, and ask that person.";
    ReportedNormal "reported-normal" Always Cause
        "A person opened an incident that is not critical.";
        "`assent-agent incidents show ID` says who and about what. Acknowledge it, and ask that person.";
    HoldLapsed "hold-lapsed" Never Cause
        "A hold ended because its time was over. What it stopped runs again, whether or not the cause is gone.";
        "If the cause is still there, hold it again with the command of the alert.";
    AtLimit "at-limit" Never Cause
        "A client passed one of its limits: `waiting`, `rate`, `memory` or `disk`. Its senders get 429 and try again; other clients are not affected.";
        "Check whether the events are wanted. If the client needs more, agree on it and raise `limits` in the client's file.";
    EventLost "event-lost" Never Cause
        "Genuine events of a workflow do not have the form that the catalog declares. They are refused, and nobody sends them again.";
        "Compare what the sender sends with `fields` in the catalog: the API has probably changed. Fix the catalog, release, and recover the lost events from the sender.";
    Chat "chat" Never Cause
        "A question does not reach the chat or helpdesk where people would decide it. It can still be decided in the console.";
        "Check the connection's secret and the API's permissions. Until it works, send the deciders to the console.";
    Inbox "inbox" Never Cause
        "Files of an inbox cannot begin runs, or one file was refused. Refused files are set aside, not lost.";
        "`no_root`: set `inboxes` in `agent.toml`. `no_folder`: make `CLIENT/FOLDER` below it. `bad_path`, `disk_broken`: let the agent read and write it. `too_many_files`: remove what no pattern takes. Any other code is about one file: fix it and put it there again.";
    Poll "poll" Never Cause
        "The list that a workflow polls cannot be read, so its runs do not begin. `from_the_future`: an item says that it is later than now.";
        "`assent explain CODE` says why reading fails. Polling goes on; the alert is over when it works again. For `from_the_future`, check the clock of the API and of the host.";
    Lag "lag" Never Cause
        "The agent came more than ten seconds late to its own work. Everything may be slow.";
        "Check the host: CPU, memory and disk. If load is high for good, give it more: one agent runs all clients of its region.";
    Heartbeat "heartbeat" Never Cause
        "Nobody takes the dead-man's ping. If the agent died now, nobody would notice.";
        "Check the address in `[heartbeat]` of `agent.toml` and the service behind it.";
    Log "log" Never Cause
        "Lines of the agent's log could not be written: a full disk, or the reader of the pipe has gone away. The agent goes on.";
        "Check the disk and whatever takes the agent's output.";
    Clock "clock" Never Cause
        "The host's clock is more than ten minutes from where signed times and the time since boot say that it can be. What expires is judged by the later one, so work may stop early.";
        "Fix time synchronisation on the host, then look at `assent-agent status`.";
    Disk "disk" Always Cause
        "Little disk space is left for the state folder (`disk_low`), or none (`disk_full`). With `disk_full` no event is accepted; runs under way go on.";
        "Free or add space. The agent accepts events again by itself.";
    Halted "halted" Always Cause
        "The agent's store is older than what it has published, or another instance holds its identity. The agent starts nothing, because it might do work twice.";
        "Find out what happened: a backup that was put back, a copied host, a second instance. Stop the other instance. Then `assent-agent recover` says why it stopped and lets on-call sign that it may go on. `assent-agent incidents acknowledge ID` stops the response clock meanwhile; nothing else is answered.";
    LedgerKey "ledger-key" Never Cause
        "Days of a ledger have no key, and no entry says that they were deleted. What those days say can no longer be read; the chain still verifies.";
        "Find out what removed the keys from the state folder. Tell the client which days are lost: `assent-agent ledger verify CLIENT` names them.";
    LedgerBranch "ledger-branch" Grave Cause
        "Checkpoints do not reach the branch that the client owns. An incident is opened when it is more than an outage: somebody else writes there, or a checkpoint there is newer than the agent's store.";
        "For an outage, check the network and the agent's key. For `branch-not-ours`, ask the client who writes there. For `branch-beyond`, see `halted`.";
    Witness "witness" Grave Cause
        "A witness does not cosign the checkpoints of a client's ledger. An incident is opened when it is more than an outage: the witness has seen more or other entries than the agent has.";
        "For an outage, ask the witness's operator. For `ahead` or `other-history`, look for a second instance or a backup that was put back. For `log-unknown` or `key-unknown`, tell the operator of this log and key.";
}

impl Rule {
    /// Its name on the wire, in the store and in the ledger.
    pub const fn as_str(self) -> &'static str {
        self.row().name
    }

    /// The rule of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|rule| rule.as_str() == name)
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Rule {
    type Err = NoSuchRule;

    fn from_str(name: &str) -> Result<Self, NoSuchRule> {
        Self::from_name(name).ok_or(NoSuchRule)
    }
}

impl Serialize for Rule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Rule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        name.parse().map_err(de::Error::custom)
    }
}

/// No rule has this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoSuchRule;

impl fmt::Display for NoSuchRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("is not a rule of alerts")
    }
}

impl std::error::Error for NoSuchRule {}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_name_is_one_rules_and_reads_back() {
        let names: BTreeSet<&str> = Rule::ALL.iter().map(|rule| rule.as_str()).collect();
        assert_eq!(names.len(), Rule::ALL.len());
        for rule in Rule::ALL {
            assert_eq!(rule.as_str().parse(), Ok(*rule));
            let json = serde_json::to_string(rule).unwrap();
            assert_eq!(serde_json::from_str::<Rule>(&json).unwrap(), *rule);
        }
        assert_eq!("run-fialed".parse::<Rule>(), Err(NoSuchRule));
    }

    #[test]
    fn every_rule_says_what_it_means_and_what_to_do() {
        for rule in Rule::ALL {
            let row = rule.row();
            assert!(row.what.ends_with('.') && row.help.ends_with('.'), "{rule}: whole sentences");
            assert!(!row.what.contains('|') && !row.help.contains('|'), "{rule}: fits into a table");
        }
    }
}
