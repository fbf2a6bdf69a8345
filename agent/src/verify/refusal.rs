//! Why the agent says no: to a whole release, or to one workflow of it. Closed lists; codes go to ledger and status.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! codes {
    ($(#[$doc:meta])* $list:ident { $($variant:ident $name:literal $what:literal;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum $list { $(#[doc = $what] $variant,)* }

        impl $list {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The stable kebab-case name.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What it means, as one sentence.
            pub const fn sentence(self) -> &'static str {
                match self { $(Self::$variant => $what,)* }
            }
        }

        impl fmt::Display for $list {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.code())
            }
        }
    };
}

codes! {
    /// Why a release is refused as a whole.
    RefusalCode {
        FileMissing "file-missing" "A file that a release must hold is not there.";
        FileUnexpected "file-unexpected" "A file is there that a release may not hold, or that its manifest does not name.";
        FileChanged "file-changed" "A file has another size or digest than the manifest, or its own name, says.";
        RootInvalid "root-invalid" "The chain of root versions does not verify.";
        RootExpired "root-expired" "The newest root version has expired.";
        RootOlder "root-older" "The release holds older or other root versions than are known here.";
        ProjectForeign "project-foreign" "The release belongs to another project than the one pinned at enrolment.";
        AgentUnknown "agent-unknown" "The root does not list this agent with this environment and region.";
        ManifestInvalid "manifest-invalid" "The manifest is not canonical, contradicts itself, belongs elsewhere, or is not signed by the release role.";
        GenerationWrong "generation-wrong" "The manifest counts in another generation than the root, or in one that is over.";
        SequenceOlder "sequence-older" "The release is older than one that was accepted, or than this agent may accept.";
        SequenceReused "sequence-reused" "The release has the number of an accepted one and is another.";
        SequenceTooFar "sequence-too-far" "The release's number is more than 1,000 above the last accepted one, or above what a new agent was enrolled with (`enrol --lowest-sequence`).";
        PreviousWrong "previous-wrong" "The release does not follow the one that was accepted before it.";
        OutsideWindow "outside-window" "The release may not be accepted at this time.";
        FreshnessInvalid "freshness-invalid" "The freshness statement is not canonical, belongs elsewhere, or is not signed by its role.";
        FreshnessForeign "freshness-foreign" "The freshness statement speaks of another manifest, root or set of statements.";
        FreshnessAhead "freshness-ahead" "The freshness statement is from a time that has not come.";
        TeamsInvalid "teams-invalid" "The teams are not signed by their role, or name strangers.";
        TeamsOlder "teams-older" "The release holds older teams than are known here.";
        CatalogInvalid "catalog-invalid" "The catalog lock is not signed by its role.";
        CatalogOlder "catalog-older" "The release holds an older catalog lock than is known here.";
        ApproversInvalid "approvers-invalid" "A client's chain of approvers does not verify.";
        ApproversOlder "approvers-older" "A client's chain of approvers is shorter or other than the one known here.";
        StatementInvalid "statement-invalid" "A statement is not signed by an approver of its client, or is not well formed.";
        PlanInvalid "plan-invalid" "A plan or its scenarios are not well formed, or are not those of their workflow.";
        ClientInvalid "client-invalid" "A client's facts are not well formed, or do not fit root and plans.";
        EndpointInvalid "endpoint-invalid" "An endpoint is missing, or is not a host of the client's connection.";
        RegionWrong "region-wrong" "A client, endpoint or alert route lies outside this region.";
        NotRehearsed "not-rehearsed" "A plan that is new here lacks rehearsals that are recent, passed and from the same engine.";
    }
}

codes! {
    /// Why one workflow is off although its release is accepted.
    OffCode {
        Uncovered "uncovered" "No approval in force covers a data use of the plan.";
        AgreementLapsed "agreement-lapsed" "The agreement with an AI provider is not in force or does not forbid training.";
        PlanRevoked "plan-revoked" "The root revokes the plan.";
        PlanUnsound "plan-unsound" "The plan's data flows cannot be derived.";
    }
}

impl RefusalCode {
    /// Whether time, or a clock that is put right, can mend it: then the same release is judged again later.
    pub const fn may_pass_later(self) -> bool {
        matches!(self, Self::OutsideWindow | Self::FreshnessAhead | Self::NotRehearsed | Self::RootExpired)
    }
}

/// A release that is not accepted, and why. Names files, handles and numbers; never content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Which rule.
    pub code: RefusalCode,
    /// What exactly, as a sentence for people.
    pub detail: String,
}

impl Refusal {
    pub(super) fn new(code: RefusalCode, detail: impl fmt::Display) -> Self {
        Self { code, detail: detail.to_string() }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.detail)
    }
}

impl std::error::Error for Refusal {}

/// Why one workflow is off.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Off {
    /// Which rule.
    pub code: OffCode,
    /// What exactly: the digest of a use, the connection of a provider.
    pub detail: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_spelled_as_they_are_stored() {
        for code in RefusalCode::ALL {
            assert_eq!(serde_json::to_value(code).unwrap(), code.code());
        }
        for code in OffCode::ALL {
            assert_eq!(serde_json::to_value(code).unwrap(), code.code());
        }
    }
}
