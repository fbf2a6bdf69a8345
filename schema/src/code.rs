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
        "Fix the TOML at the place shown; later errors in the file may be consequences of the first.";
    UnknownKey "unknown-key" Error [] "A key that this kind of file does not have.";
        "A misspelled limit or class that is silently ignored would be a promise silently dropped.";
        "Remove the key, or spell it as `assent schema` has it.";
    UnknownName "unknown-name" Error [] "A name that nothing in the source declares.";
        "Every name is resolved before a release, so that an agent never has to guess.";
        "Spell the name as it is declared, or declare it.";
    DuplicateName "duplicate-name" Error [] "Two things of one kind have the same name.";
        "Approvals, expressions and the ledger name things; a name must mean one thing.";
        "Rename one of them.";
    LookalikeName "lookalike-name" Error [] "A name that a reader takes for another, or a word that mixes letters of several scripts.";
        "Who approves, decides or reviews goes by what a name looks like; `retum-1` beside `return-l` is where mistakes and frauds begin.";
        "Rename it so that nobody can take it for the other, or remove it where nothing uses it, and write each word in one script.";
    BadValue "bad-value" Error [] "A value that its key cannot have, or a key that is missing.";
        "Values are checked once, here, so that nothing behind this point has to.";
        "Write a value of the form that the message names.";
    FileRefused "file-refused" Error [] "Something in the tree that the compiler will not read.";
        "Links, submodules, other encodings and hidden characters make a file mean something else than it shows; a file in no known place would be read by nobody.";
        "Replace it with a plain UTF-8 file with LF line ends, in the place that its kind has.";
    LibraryCycle "library-cycle" Error [] "Library workflows that use one another in a cycle.";
        "Each would be made from the next, and none says what to do.";
        "Let one of them have steps of its own, let it use a library workflow outside of the circle, or remove the file where no client uses it.";
    BadExpression "bad-expression" Error [] "An expression that cannot be parsed, or that uses what expressions do not have.";
        "Expressions decide what is done with client data; each must have one meaning.";
        "Fix the expression at the place shown.";
    TypeMismatch "type-mismatch" Error [] "A value of one type where another is needed.";
        "What cannot go wrong at run time need not be handled there.";
        "Convert the value, or use a field of the type that is needed.";
    Unescaped "unescaped" Error [] "A text goes into HTML, Markdown, a URL or JSON without that format's escaper.";
        "Text from outside could become part of the page or request that it is put into.";
        "Put the value through the escaper that the message names.";
    UnreachableStep "unreachable-step" Error ["P15"] "A step that never runs: its `when` is always false, or a `stop` always ends the run before it.";
        "What never runs was never tried, and reads as if it did something.";
        "Fix the condition, or remove the step.";
    MayBeSkipped "may-be-skipped" Error [] "A value is read that may not be there: its step may be skipped, or the field is optional.";
        "What cannot go wrong at run time need not be handled there.";
        "Guard the reader: add `has(…)` of what it reads to its `when`, joined by `&&`.";
    FlowDenied "flow-denied" Error ["P01", "P04"] "A value reaches a place that may not hold its class.";
        "What people wrote and who they are go only where the client agreed, and into nothing durable.";
        "Use a field of a lower class, or release what is needed of it with `one_of`, `bucket` or a condition.";
    ReleaseBudget "release-budget" Error ["P04"] "One run can make more than 64 bits about content durable.";
        "Facts that draw on content add up: enough of them spell out what a person wrote.";
        "Ask for fewer constants, use fewer conditions on content, or split the workflow.";
    ClassLowered "class-lowered" Error ["P01", "P04"] "A class that is lower than the catalog's.";
        "Only the catalog says how private a field is; a workflow may be more careful, never less.";
        "Write the catalog's class or a more private one, or remove the line.";
    UnusedPersonal "unused-personal" Error ["P03"] "Personal data is read and nothing uses it.";
        "The client was promised that no personal data is taken beyond what the workflow needs.";
        "Remove the step or the value, or use it.";
    UnusedValue "unused-value" Warning [] "A `set` computes a value that nothing uses.";
        "It does nothing and reads as if it did: mostly the step that was meant to use it names something else.";
        "Name it where it was meant to be used, or remove it.";
    KpiTooFine "kpi-too-fine" Error ["P01"] "A KPI that could reveal something about a single person.";
        "KPIs outlive every run, so they hold counts and sums of many, and nothing of one.";
        "Divide by declared enumerations alone, sum what the catalog marks `measure`, each field once, count by the hour or longer, and name nobody.";
    ModelDecidesMoney "model-decides-money" Error ["P25"] "An AI or anyone outside chose an amount, or that money moves, and no person agrees.";
        "What a stranger writes into a ticket must not move money.";
        "Put a `decide` before the step and add its `approved` to the step's `when`, or have the client sign `model_up_to`.";
    MoneyNeedsDecision "money-needs-decision" Error ["P25"] "Money moves, and neither a person nor a limit of the client stands before it.";
        "A workflow that goes wrong must not be able to empty an account.";
        "Put a `decide` before the step and its `approved` into the step's `when`, or give the client a guardrail on the operation with `per_call` and `per_day`.";
    DecisionNotShown "decision-not-shown" Error ["P25"] "A person agrees without seeing which amount or record it is about.";
        "A yes counts for what was seen and for nothing else.";
        "Add what the effect uses to `show` of the decision.";
    MarkedTarget "marked-target" Error ["P25"] "An AI or anyone outside chose the record, recipient or account of an effect.";
        "Whoever writes a ticket could point the effect at somebody else's record.";
        "Show it to a person with a `decide`, use an operation with a `belongs` check, take the field that a system wrote, or choose among constants with a `set`.";
    UnconfirmedTrigger "unconfirmed-trigger" Error ["P25"] "An effect that relies on nothing but a `token` or `mailgun` trigger.";
        "What such an event says is not signed: whoever learns the token, or saw one event, can send any.";
        "Before the effect, read the record that the event names, in every run; or, where the system signs its events, say how in the catalog's `[webhook]`.";
    UnsafeRetry "unsafe-retry" Error ["P18"] "A retry that could do an effect twice.";
        "After a lost answer nobody knows whether the effect happened; repeating it blindly may do it again.";
        "Make one attempt, or use an operation with an idempotency key that lives long enough.";
    BadRetry "bad-retry" Error ["P18"] "A retry with more than 20 attempts, delays the wrong way round, or more than the run has time for.";
        "A retry that cannot end in time hides that something is broken.";
        "Make fewer attempts or shorter delays, or give the run more time in `limits.timeout`.";
    NotResumable "not-resumable" Error ["P04", "P19"] "A run needs content after a wait that it cannot read again after a restart.";
        "Content is not kept on disk, so after a wait it must come from where it came from.";
        "Read it again after the wait, park it in the client's own system, or wait less: 22 hours in all, with `within` and `wait`.";
    BadSchedule "bad-schedule" Error ["P12"] "A schedule that is not a five-field crontab line, or that never fires.";
        "Everybody must read a schedule the same way; extensions of crontab differ from program to program.";
        "Write five fields: minute, hour, day of the month, month, day of the week, each with `*`, numbers, names, lists, ranges that run forward, and steps after `*` or a range.";
    CacheTooLong "cache-too-long" Error ["P02"] "An answer that would be kept for 24 hours or more.";
        "Operational data is kept only as needed, and for less than a day.";
        "Remove `cache`, or write it with less than `24h`, as short as the workflow can manage with: keeping anything is a data use that the client approves.";
    RegionMismatch "region-mismatch" Error ["P05"] "An endpoint lies outside the client's region.";
        "The client was promised that its data is processed in one region.";
        "Use an endpoint in the client's region, or have the client approve a data use that names the other region.";
    OverPrivileged "over-privileged" Error ["P06"] "A connection is granted a scope that no workflow needs.";
        "A permission that nobody needs can only do harm.";
        "Remove the scope from the connection, and revoke it at the API.";
    UnderPrivileged "under-privileged" Error ["P06"] "A workflow calls an operation whose scope the connection lacks.";
        "The call would fail at run time, in front of a customer.";
        "Grant the scope at the API and to the connection, with the client's approval, or drop the call.";
    InlineSecret "inline-secret" Error ["P07"] "Something in the commit that looks like a secret.";
        "Whoever can read the repository, now or in ten years, has it.";
        "Take it out, put it into the vault of the host, and rotate it: what was committed once is known. `assent check --history` looks through older commits.";
    NoRotation "no-rotation" Error ["P08"] "A secret slot without a rotation interval, or with one of more than 400 days.";
        "A secret that is never changed is known to everybody who ever saw it.";
        "Add `rotate` with a period of at most `400d`, such as `90d`.";
    PersonalFixture "personal-fixture" Error ["P01", "P03"] "Something in a test, prompt, text or incident report that looks like a real person's data.";
        "The repository is read by everybody who works on it, and keeps what was in it for good. Names have no form and are not found: use made-up ones.";
        "Use what is reserved for examples.";
    ForbiddenPurpose "forbidden-purpose" Error ["P23"] "A purpose that serves others than the client whose data it is.";
        "A client's data serves that client's workflows alone: no training, no sharing, no advertising, no product improvement.";
        "Give the workflow the purpose that it has for the client, like `essential.service.operations.support`; one that has none cannot be run on client data.";
    UnapprovedDataUse "unapproved-data-use" Error ["P25"] "A data use that no one approval of the client covers.";
        "Nothing new is done with client data without written approval.";
        "Show the client `assent plan`; `assent plan --draft CLIENT > clients/CLIENT/approvals/NAME.toml` writes what its approvers sign, each with `assent approve FILE --key PERSON=KEY`.";
    ApprovalInvalid "approval-invalid" Error ["P25"] "An approval whose signatures or contents do not hold.";
        "Only what the client really signed counts.";
        "Have the client's approvers sign the file again, byte for byte as it is stored.";
    ApprovalExpired "approval-expired" Error ["P25"] "An approval that has expired or is not yet given.";
        "An approval lasts as long as the client said, and no longer.";
        "Have the client sign a new approval.";
    TrustInvalid "trust-invalid" Error ["P09", "P25"] "Root, teams, approvers or catalog are not signed as the roles require.";
        "Who may release, approve and be assigned rests on these files.";
        "Have the people whom the role names sign the file with `assent trust sign`.";
    UnassignedAuthor "unassigned-author" Error ["P09"] "A commit that changes a client's folder, or a library workflow or a part of `assent.toml` that holds for it, and that nobody assigned to the client signed.";
        "Only assigned engineers touch a client's configuration, and only signatures show who did.";
        "Have a member of the client's team sign the commit.";
    ProviderAgreement "provider-agreement" Error ["P23", "P24"] "An AI provider without a current agreement that forbids training.";
        "Client data goes to AI providers only under such an agreement.";
        "Renew the agreement in the catalog, or use another provider.";
    RetentionTooShort "retention-too-short" Error ["P14"] "A ledger that is kept for less than 90 days.";
        "Every client was promised that its audit logs are kept for 90 days.";
        "Write `retention` with at least `90d`, and as long as the client approved.";
    RetentionExceedsPlan "retention-exceeds-plan" Error ["P14"] "A ledger that is kept for longer than the client's plan includes.";
        "Data that nobody agreed to keep is a risk that nobody agreed to: `starter` includes 90 days, `growth` 365 days, `scale` 730 days.";
        "Shorten `retention`, or agree on a larger plan with the client.";
    NoFallback "no-fallback" Error ["P19"] "A workflow without a fallback.";
        "What automation cannot finish goes to people, who must know where to find it.";
        "Add `[fallback]` with `queue`, a group of the client, and `open`, the link that people open.";
    NoLimits "no-limits" Error ["P12"] "A workflow without `timeout` or `concurrency`.";
        "A run without limits can harm the client's own systems.";
        "Add `[limits]` with `timeout` and `concurrency`.";
    NoDecider "no-decider" Error ["P25"] "A decision that nobody of its group can answer where it is asked.";
        "A question that reaches nobody counts as a no when its time is over, and looks as if somebody had given that answer.";
        "Take the channel out of `via` and ask through `page` or `cli`, or give people of the group an account at the connection in the client's `people.<name>.accounts`.";
    NoRoute "no-route" Error ["P13"] "A client whose alerts or incidents reach nobody.";
        "A failure that nobody hears about does not get fixed.";
        "Name routes of `assent.toml` under `routes` that carry both `alerts` and `incidents` and lead somewhere in the client's region in production.";
    NoCalendar "no-calendar" Error ["P20"] "A client without business hours.";
        "Response times are promised in the client's business hours; without them no clock can run.";
        "Add `[calendar]` with `hours` for at least one day.";
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
