//! The data of each kind: facts only.

use serde::{Deserialize, Serialize};

use super::{HeldWhat, Token};
use crate::canon::Digest;
use crate::choice::QuestionEnd;
use crate::id::{ConnectionId, OperationRef, SlotId, WorkflowId};
use crate::ledger::tree::Head;
use crate::passkey::Assertion;
use crate::time::Moment;

macro_rules! data {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $name { $($(#[$field_doc])* pub $field: $type,)* }
    )*};
}

data! {
    /// Data of `opened`.
    Opened {
        /// SHA-256 of the root version that the agent was enrolled with.
        root: Digest,
        /// The last signed checkpoints of the agent's older logs, whole.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        old: Vec<String>,
    }
    /// Data of `started`.
    Started {
        /// Whether the agent went down in order before.
        clean: bool,
        /// The agent's version.
        version: Token,
    }
    /// Data of `stopped`: none.
    Stopped {}
    /// Data of `clock`.
    Clock {
        /// What the time would have been.
        was: Moment,
    }
    /// Data of `tick`.
    Tick {
        /// Runs accepted since the log began; the highest run number.
        accepted: u64,
        /// Runs ended since the log began.
        finished: u64,
        /// In a client's log the head of the agent's own log, in the agent's own log the heads of all others.
        heads: Vec<Head>,
    }
    /// Data of `accepted`.
    Accepted {
        /// The random id by which the run is known outside.
        id: Token,
        /// What kind of trigger: `webhook`, `schedule`, `manual`.
        trigger: Token,
        /// Which event: a delivery's keyed hash, a scheduled moment, a start's id.
        event: Token,
    }
    /// Data of `intent`.
    Intent {
        /// What is called; `connection.ask` for an AI provider.
        operation: OperationRef,
        /// The keyed hash of the request, by a key that dies with the run.
        keyed: Digest,
        /// The money that would move.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        amount: Option<Amount>,
    }
    /// Data of `outcome`.
    Outcome {
        /// `ok`, `in_doubt`, or a code from the closed list.
        code: Token,
        /// The HTTP status, if there was an answer.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        status: Option<u16>,
        /// The id by which the other side knows the request, of a failure whose answer named one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        request: Option<Token>,
    }
    /// Data of `used`. Counts are rounded up to 1,000; several entries of one hour add up.
    Used {
        /// Which connection.
        connection: ConnectionId,
        /// When the hour began.
        hour: Moment,
        /// Bytes of the bodies of requests.
        sent_bytes: u64,
        /// Bytes of the bodies of answers.
        received_bytes: u64,
        /// Tokens that a model read.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tokens_in: Option<u64>,
        /// Tokens that it wrote.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tokens_out: Option<u64>,
    }
    /// Data of `decided`; the entry's `actor` is the person, absent when nobody answered.
    Decided {
        /// What was chosen.
        choice: QuestionEnd,
        /// The hash of what was shown.
        shown: Digest,
        /// The group that was asked.
        by: Token,
        /// The nonce of the question, for signed decisions.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        nonce: Option<Digest>,
        /// The decision as it was signed, for signed decisions.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        decision: Option<String>,
        /// The armoured SSHSIG over the decision.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signature: Option<String>,
        /// What a passkey signed over the decision.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        passkey: Option<Assertion>,
        /// The chat or helpdesk that an unsigned decision came through; absent for the agent's own page and command line.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        through: Option<ConnectionId>,
    }
    /// Data of `ended`.
    Ended {
        /// `done`, `stopped`, `failed`, `content-lost` or `superseded`.
        outcome: Token,
        /// The name that a `stop` gave, or the code of the failure.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<Token>,
        /// The connection at which it failed, or whose list or answer could not be read.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        connection: Option<ConnectionId>,
        /// What a run that ended `done` or `superseded` left to people all the same: `items_failed` or `in_doubt`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        left: Option<Token>,
    }
    /// Data of `released`.
    Released {
        /// The release's number.
        sequence: u64,
        /// SHA-256 of its manifest.
        manifest: Digest,
    }
    /// Data of `deployed`.
    Deployed {
        /// Which workflow.
        workflow: WorkflowId,
        /// `staged`, `trial`, `committed` or `unproven`.
        stage: Token,
    }
    /// Data of `rolled-back`.
    RolledBack {
        /// Which workflow.
        workflow: WorkflowId,
        /// The plan that ran.
        from: Digest,
        /// The plan that runs now; absent when the workflow is off.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<Digest>,
        /// Why, as a code.
        why: Token,
    }
    /// Data of `refused`.
    Refused {
        /// Which rule.
        code: Token,
        /// SHA-256 of what was refused.
        digest: Digest,
    }
    /// Data of `statement`.
    Statement {
        /// SHA-256 of the statement.
        digest: Digest,
        /// `approve`, `reject` or `withdraw`.
        decision: Token,
    }
    /// Data of `root`.
    Root {
        /// Its version.
        version: u32,
    }
    /// Data of `approvers-reset`.
    ApproversReset {
        /// The number of the approvers file.
        number: u32,
        /// SHA-256 of it.
        approvers: Digest,
        /// `waits`, `counts` or `vetoed`.
        standing: Token,
        /// When it counts, while it waits.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Moment>,
    }
    /// Data of `viewed`; the entry's `actor` is the person.
    Viewed {
        /// What: a run, a queue item, an incident, a page.
        what: Token,
        /// The reason, as a code or ticket id.
        why: Token,
    }
    /// Data of `held`; the entry's `actor` is the person.
    Held {
        /// The hold's id.
        id: Token,
        /// What is held.
        what: HeldWhat,
        /// The reason, as a code or ticket id.
        why: Token,
        /// When it lapses.
        until: Moment,
    }
    /// Data of `resumed`.
    Resumed {
        /// The hold's id.
        id: Token,
    }
    /// Data of `recovered`; the entry's `actor` is one of those on call who signed.
    Recovered {
        /// Why it had stopped, as codes.
        why: Vec<Token>,
        /// SHA-256 of the statement that lets it go on.
        statement: Digest,
        /// How many runs of this log's client were under way and went to the manual queue.
        runs: u64,
    }
    /// Data of `handled`; the entry's `actor` is the person, its `run` absent for a run of before a recovery.
    Handled {
        /// The id of the run.
        id: Token,
        /// `retry`, `skip`, `cancel`, `rerun`, `done` or `reassign`.
        what: Token,
        /// The reason, as a code or ticket id.
        why: Token,
        /// The id of the run that goes on with it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        next: Option<Token>,
    }
    /// Data of `alerted`.
    Alerted {
        /// Which rule.
        rule: Token,
        /// Seconds from the condition to the delivered alert.
        delay: u64,
        /// The connection of the slot that is overdue, where the rule is about one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        connection: Option<ConnectionId>,
        /// The slot that is overdue.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        slot: Option<SlotId>,
        /// The incident that the alert opened.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        incident: Option<Token>,
    }
    /// Data of `acknowledged`.
    Acknowledged {
        /// Which alert.
        id: Token,
        /// Its rule.
        rule: Token,
    }
    /// Data of `incident`.
    Incident {
        /// Its id.
        id: Token,
        /// `opened`, `acknowledged`, `resolved`, `shared`, `written` (for a client that left: nobody was there to share it with) or
        /// `closed`.
        state: Token,
        /// `critical` or `normal`.
        severity: Token,
        /// Which rule or person opened it.
        cause: Token,
        /// What happened, as a code: with `opened`. Absent where an older agent opened it, which told nothing but the rule.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<Token>,
        /// The connection that is to blame: with `opened`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        connection: Option<ConnectionId>,
        /// The one workflow that it is about: with `opened`. Absent where it may be about several.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        workflow: Option<WorkflowId>,
        /// By when it must be answered, by the client's plan and calendar as they were when it opened: with `opened` alone.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        respond_by: Option<Moment>,
        /// SHA-256 of the post-mortem, where it was shared.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        file: Option<Digest>,
    }
    /// Data of `rotated`.
    Rotated {
        /// The connection.
        connection: ConnectionId,
        /// The slot.
        slot: SlotId,
    }
    /// Data of `pruned`.
    Pruned {
        /// Every index whose body is gone, now or before, as sorted pairs with both ends.
        ranges: Vec<(u64, u64)>,
        /// Which rule: `retention`.
        rule: Token,
        /// The reason, as a code.
        reason: Token,
    }
    /// Data of `erased`; the entry's `actor` is the person.
    Erased {
        /// Every index whose body is gone, now or before, as sorted pairs with both ends.
        ranges: Vec<(u64, u64)>,
        /// The id of the request.
        request: Token,
    }
    /// Data of `legal-held`; the entry's `actor` is the person.
    LegalHeld {
        /// The hold's id.
        id: Token,
        /// The matter, as a code or ticket id.
        why: Token,
    }
    /// Data of `legal-released`; the entry's `actor` is the person.
    LegalReleased {
        /// The hold's id.
        id: Token,
    }
    /// An amount of money.
    Amount {
        /// Minor units.
        minor: i64,
        /// ISO 4217.
        currency: Token,
    }
}
