//! `assent explain [CODE]`: what a finding code means, why it matters, what to do; by which codes runs fail, and by which agents
//! refuse, cannot pull and stop.

use assent_agent::deploy::halt;
use assent_agent::pull::PullFailure;
use assent_agent::verify::{OffCode, RefusalCode};
use assent_schema::code::{Code, Severity};
use assent_schema::nearest::nearest;
use assent_schema::plan::{END_CODES, EndCode};
use serde::Serialize;

use crate::error::Error;
use crate::show::codes::{self, AgentCode};

use super::{Context, Format, Outcome};

/// Explains a code of a finding, of a run that failed, or of an agent that refused, or lists them all.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The code, like `unknown-key`, `bad_answer` or `freshness-invalid`; all of them unless said.
    #[arg(value_name = "CODE")]
    code: Option<String>,
    /// List all codes.
    #[arg(long, conflicts_with = "code")]
    list: bool,
    /// Output format.
    #[arg(long, default_value = "human")]
    format: Format,
}

#[derive(Serialize)]
struct Explained {
    code: &'static str,
    /// Only findings have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    severity: Option<Severity>,
    what: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'static str>,
    help: &'static str,
    promises: &'static [&'static str],
}

/// What there is of a name. A few words are several things: what a finding says, an agent that finds it says, too.
struct Known {
    findings: Vec<Code>,
    runs: Vec<EndCode>,
    agents: Vec<AgentCode>,
}

impl Known {
    fn of(name: Option<&str>) -> Self {
        let is_meant = |code: &str| name.is_none_or(|name| name == code);
        let (mut findings, mut runs, mut agents) = (Code::ALL.to_vec(), END_CODES.to_vec(), agents());
        findings.retain(|code| is_meant(code.row().name));
        runs.retain(|end| is_meant(end.name));
        agents.retain(|code| is_meant(code.name));
        Self { findings, runs, agents }
    }

    fn is_empty(&self) -> bool {
        self.findings.is_empty() && self.runs.is_empty() && self.agents.is_empty()
    }
}

/// Runs the command.
///
/// # Errors
/// When there is no such code.
pub(super) fn run(args: &Args, context: &mut Context<'_>) -> Result<Outcome, Error> {
    let known = Known::of(args.code.as_deref());
    let Known { findings, runs, agents } = &known;
    match (&args.code, args.format) {
        (Some(name), _) if known.is_empty() => return Err(no_such_code(name)),
        (Some(_), Format::Human) => {
            let all = findings.iter().map(|code| codes::explained(*code)).chain(runs.iter().map(codes::ending));
            context.print(&all.chain(agents.iter().map(codes::of_agent)).collect::<Vec<_>>().join("\n"))?;
        }
        (None, Format::Human) => context.print(&codes::list(findings, runs, agents))?,
        (_, Format::Json) => {
            let all = findings.iter().map(|code| explained(*code)).chain(runs.iter().map(ending));
            context.print_json(&all.chain(agents.iter().map(of_agent)).collect::<Vec<_>>())?;
        }
    }
    Ok(Outcome::Fine)
}

/// What agents say in alerts, `status` and ledger.
fn agents() -> Vec<AgentCode> {
    let refusals = RefusalCode::ALL.iter().map(|code| AgentCode {
        name: code.code(),
        of: "a release that an agent refuses",
        what: code.sentence(),
        help: if code.may_pass_later() {
            "The agent judges the same release again by itself. If it goes on, look at the clock of its host, and at what is \
             named by `assent-agent status`; then release again."
        } else {
            "`assent-agent status` and the ledger say which file it is. Whoever released it mends that and releases again; where \
             nobody can say who signed or pushed it, report a security incident."
        },
    });
    let off = OffCode::ALL.iter().map(|code| AgentCode {
        name: code.code(),
        of: "a workflow that is off at an agent",
        what: code.sentence(),
        help: "`assent-agent status` names what a client said no to that no release holds, and the secrets and permissions that \
               are missing. `assent plan` says what is still to be approved; release again once it is. Where `assent plan` says \
               that nothing is, commit what `assent-agent statements` prints, and have the client approve with a higher serial.",
    });
    let pulls = PullFailure::ALL.into_iter().map(|failure| AgentCode {
        name: failure.code(),
        of: "an agent that cannot pull or push",
        what: failure.sentence(),
        help: failure.remedy().unwrap_or(
            "`assent-agent status` says since when. Look at the address in `repository`, at the network, and at what the agent \
             may do there; docs/agent.md has more.",
        ),
    });
    let halts = halt::Why::ALL.into_iter().map(|why| AgentCode {
        name: why.code(),
        of: "an agent that starts nothing",
        what: why.sentence(),
        help: "Stop whatever else runs under this identity, or put the newest state folder back. If it is lost, somebody of the \
               role `oncall` signs `assent-agent recover`.",
    });
    refusals.chain(off).chain(pulls).chain(halts).collect()
}

fn no_such_code(name: &str) -> Error {
    let Known { findings, runs, agents } = Known::of(None);
    let names = findings.iter().map(|code| code.row().name).chain(runs.iter().map(|end| end.name));
    let next = match nearest(name, names.chain(agents.iter().map(|code| code.name))) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "`assent explain` lists all of them".into(),
    };
    Error::input(format!("there is no code `{}`; {next}", name.escape_debug()))
}

fn explained(code: Code) -> Explained {
    let row = code.row();
    Explained {
        code: row.name,
        severity: Some(row.severity),
        what: row.what,
        why: Some(row.why),
        help: row.help,
        promises: row.promises,
    }
}

fn ending(end: &EndCode) -> Explained {
    Explained { code: end.name, severity: None, what: end.what, why: None, help: end.help, promises: &[] }
}

fn of_agent(code: &AgentCode) -> Explained {
    Explained { code: code.name, severity: None, what: code.what, why: None, help: code.help, promises: &[] }
}

#[cfg(test)]
mod tests {
    use assent_schema::alert::Rule;

    use super::*;

    /// Wherever an alert sends people here, each code that it may come with is known.
    #[test]
    fn what_alerts_send_people_here_for_is_explained() {
        let mut sending = 0;
        for rule in Rule::ALL.iter().filter(|rule| rule.row().help.contains("`assent explain CODE`")) {
            let codes: Vec<&str> = match rule {
                // And what a commit may not hold, which is seen before anything is verified.
                Rule::ReleaseRefused => {
                    RefusalCode::ALL.iter().map(|code| code.code()).chain([PullFailure::FileRefused.code()]).collect()
                }
                Rule::RunFailed | Rule::RunStopped | Rule::Poll => END_CODES.iter().map(|end| end.name).collect(),
                other => panic!("{other:?} sends people to `assent explain`: say here with which codes"),
            };
            sending += 1;
            for code in codes {
                assert!(!Known::of(Some(code)).is_empty(), "{rule:?} comes with `{code}`, which nobody explains");
            }
        }
        assert!(sending >= 3, "{sending}");
        let others = OffCode::ALL.iter().map(|code| code.code()).chain(PullFailure::ALL.map(PullFailure::code));
        for code in others.chain(halt::Why::ALL.map(halt::Why::code)) {
            assert!(!Known::of(Some(code)).is_empty(), "`{code}`");
        }
    }
}
