//! The list of finding codes: name, severity, what is wrong, why it matters, what to do, promises.
//!
//! `explain`, the SARIF rules and `docs/findings.md` come from this table. A code is never renamed or reused.

use std::fmt;

use serde::Serialize;

/// Whether a finding stops a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It stops a release.
    Error,
    /// It should be looked at.
    Warning,
}

/// What the table says of one code.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The stable kebab-case name.
    pub name: &'static str,
    /// Whether it stops a release.
    pub severity: Severity,
    /// What is wrong, as one sentence.
    pub what: &'static str,
    /// Why it matters.
    pub why: &'static str,
    /// What to do.
    pub help: &'static str,
    /// The promises that rest on it.
    pub promises: &'static [&'static str],
}

macro_rules! codes {
    ($($variant:ident $name:literal $severity:ident [$($promise:literal),*] $what:literal; $why:literal; $help:literal;)*) => {
        /// A finding code.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $(#[doc = $what] $variant,)* }

        impl Code {
            /// Every code, in the order of the table.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// What the table says of this code.
            pub const fn row(self) -> &'static Row {
                match self { $(Self::$variant => &Row {
                    name: $name, severity: Severity::$severity, what: $what, why: $why, help: $help, promises: &[$($promise),*],
                },)* }
            }
        }
    };
}

codes! {
    Syntax "syntax" Error [] "The file is not valid TOML.";
        "A file that cannot be read cannot be checked.";
        "Mend the TOML at the place shown; a place later in the file may only follow from an earlier one.";
    UnknownKey "unknown-key" Error [] "A key that this kind of file does not have.";
        "A misspelled limit or class that is silently ignored would be a promise silently dropped.";
        "Remove the key, or spell it as language.md does.";
    UnknownName "unknown-name" Error [] "A name that nothing in the source has.";
        "Every name is resolved before a release, so that an agent never has to guess.";
        "Spell the name as it is declared, or declare it.";
    DuplicateName "duplicate-name" Error [] "Two things of one kind have the same name.";
        "Approvals, expressions and the ledger name things; a name must mean one thing.";
        "Rename one of them.";
    BadValue "bad-value" Error [] "A value that its key cannot have, or a key that is missing.";
        "Values are checked once, here, so that nothing behind this point has to.";
        "Write a value of the form that the message names.";
    FileRefused "file-refused" Error [] "Something in the tree that the compiler will not read.";
        "Links, submodules, other encodings and hidden characters make a file mean something else than it shows; a file in no known place would be read by nobody.";
        "Replace it by a plain UTF-8 file with LF line ends, in the place that its kind has.";
    BadExpression "bad-expression" Error [] "An expression that cannot be parsed, or that uses what expressions do not have.";
        "Expressions decide what is done with client data; each must have one meaning.";
        "Mend the expression at the place shown.";
    TypeMismatch "type-mismatch" Error [] "A value of one type where another is needed.";
        "What cannot go wrong at run time need not be handled there.";
        "Convert the value, or use a field of the type that is needed.";
    RegionMismatch "region-mismatch" Error ["P05"] "An endpoint lies outside the client's region.";
        "The client was promised that its data is processed in one region.";
        "Use an endpoint in the client's region, or have the client approve a data use that names the other region.";
    OverPrivileged "over-privileged" Error ["P06"] "A connection is granted a scope that no workflow needs.";
        "A permission that nobody needs can only do harm.";
        "Remove the scope from the connection, and revoke it at the API.";
    UnderPrivileged "under-privileged" Error ["P06"] "A workflow calls an operation whose scope the connection lacks.";
        "The call would fail at run time, in front of a customer.";
        "Grant the scope at the API and to the connection, with the client's approval, or drop the call.";
    UnapprovedDataUse "unapproved-data-use" Error ["P25"] "A data use that no one approval of the client covers.";
        "Nothing new is done with client data without written approval.";
        "Show the client `assent plan`, and have its approvers sign what `assent plan --draft <client>` writes.";
    ApprovalInvalid "approval-invalid" Error ["P25"] "An approval whose signatures or contents do not hold.";
        "Only what the client really signed counts.";
        "Have the client's approvers sign the file again, byte for byte as it is stored.";
    ApprovalExpired "approval-expired" Error ["P25"] "An approval that has expired or is not yet given.";
        "An approval lasts as long as the client said, and no longer.";
        "Have the client sign a new approval.";
    TrustInvalid "trust-invalid" Error ["P09", "P25"] "Root, teams, approvers or catalog are not signed as the roles require.";
        "Who may release, approve and be assigned rests on these files.";
        "Have the people whom the role names sign the file with `assent trust sign`.";
    ProviderAgreement "provider-agreement" Error ["P23", "P24"] "An AI provider without a current agreement that forbids training.";
        "Client data goes to AI providers only under such an agreement.";
        "Renew the agreement in the catalog, or use another provider.";
    NoFallback "no-fallback" Error ["P19"] "A workflow without a fallback.";
        "What automation cannot finish goes to people, who must know where to find it.";
        "Add `[fallback]` with the queue and the link that people open.";
    NoLimits "no-limits" Error ["P12"] "A workflow without `timeout` or `concurrency`.";
        "A run without limits can harm the client's own systems.";
        "Add `[limits]` with `timeout` and `concurrency`.";
    NoScenario "no-scenario" Error ["P15"] "A workflow without scenarios.";
        "Nothing runs in production that was never tried.";
        "Write `<workflow>.test.toml` beside the workflow, with at least one `[[scenario]]`.";
    UntestedStep "untested-step" Error ["P15"] "Something that a step can do and that no scenario shows.";
        "What was never tried first happens in front of a customer: a refusal, a late answer, a payment of which nobody knows whether it went through.";
        "Add a scenario that gets there. `assent test --coverage` lists everything that no scenario reaches.";
    NotRehearsed "not-rehearsed" Error ["P15"] "A plan that no staging agent has rehearsed as it is now.";
        "Production runs only what staging ran, with the same scenarios on the same engine.";
        "Release to staging first, and wait until its agent has signed the rehearsal.";
}

impl Code {
    /// The code of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.row().name == name)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.row().name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_kebab_case_and_unique() {
        let names: std::collections::BTreeSet<_> = Code::ALL.iter().map(|c| c.row().name).collect();
        assert_eq!(names.len(), Code::ALL.len());
        assert!(names.iter().all(|n| n.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')));
    }
}
