//! The running agent of `docs/json.md`: it answers as one does that has two failed refunds, of which one may have been paid.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use assent_agent::control::RunState;
use assent_agent::control::server::{Answers, bind, serve};
use assent_agent::control::{Answer, Chosen, HandledRun, Handling, Mode, Question, QueueRow, RunRow, Said, Verb};
use assent_agent::people::wire::{Challenge, ChallengeType, Command};
use assent_agent::store::{EffectDone, QueueItem, RunId, RunRef, TriggerKind};
use assent_agent::world::Wall;
use assent_schema::canon::Digest;

use super::Ran;

const CONFIG: &str = "project = \"harbor\"\nagent = \"eu-1\"\nenvironment = \"production\"\nregion = \"eu\"
repository = \"releases.git\"\nstate = \"state\"\nlisten = \"127.0.0.1:8080\"\n";

/// When the runs were accepted.
const AT: Wall = Wall::from_millis(1_780_311_600_000);

/// An agent that answers by its socket until it is dropped.
pub(crate) struct Clerk {
    config: PathBuf,
    /// The key file of whoever asks.
    pub(crate) key: PathBuf,
    _serving: tokio::runtime::Runtime,
}

impl Clerk {
    /// Serves below a folder.
    #[expect(clippy::disallowed_methods, reason = "this test makes a state folder")]
    pub(crate) fn begin(folder: &Path) -> Self {
        let config = folder.join("agent.toml");
        std::fs::create_dir_all(folder.join("state")).expect("it works");
        std::fs::write(&config, CONFIG).expect("it works");
        let socket = assent_agent::config::load(&config, None).expect("it works").state.socket();
        let serving =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("it works");
        let listener = serving.block_on(async { bind(&socket) }).expect("it works");
        serving.spawn(serve(listener, Arc::new(Desk)));
        let key = folder.join("omar");
        let signer = assent_schema::trust::Signer::from_seed(&[7; 32]).expect("it works");
        std::fs::write(&key, signer.to_openssh("omar").expect("it works")).expect("it works");
        Self { config, key, _serving: serving }
    }

    /// Runs an `assent-agent` command.
    pub(crate) fn ran(&self, arguments: &[&str]) -> Ran {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let config = self.config.to_str().expect("it works");
        let key = format!("omar={}", self.key.display());
        let mine: &[&str] = if arguments.contains(&"--key") { &[] } else { &["--key", &key] };
        let all = ["assent-agent"].into_iter().chain(arguments.iter().copied()).chain(["--config", config]);
        let all = all.chain(mine.iter().copied());
        let exit = assent_agent::command::main(all.map(Into::into), &mut out, &mut err);
        let status = (0..=2)
            .find(|n| format!("{exit:?}") == format!("{:?}", std::process::ExitCode::from(*n)))
            .expect("it works");
        Ran { status, out: String::from_utf8(out).expect("it works"), err: String::from_utf8(err).expect("it works") }
    }
}

struct Desk;

/// The first run of which lists tell.
pub(crate) fn first() -> RunId {
    RunId::new(AT, [1; 10])
}

fn row(run: RunId) -> RunRow {
    RunRow {
        run,
        client: "acme".parse().expect("a name"),
        workflow: "refund".parse().expect("a name"),
        plan: Digest::of_file(b"a plan"),
        number: 41,
        life: 1,
        trigger: TriggerKind::Webhook,
        accepted: AT.moment(),
        last: AT.moment(),
        state: RunState::Failed,
        step: Some("pay".parse().expect("a name")),
        code: Some("server".to_owned()),
    }
}

fn done(run: RunId) -> Vec<EffectDone> {
    let effect = EffectDone {
        step: "pay".parse().expect("a name"),
        item: None,
        operation: "shop.refund".parse().expect("a name"),
        in_doubt: true,
    };
    if run == first() { vec![effect] } else { Vec::new() }
}

fn item(run: RunId) -> QueueItem {
    QueueItem {
        run,
        client: "acme".parse().expect("a name"),
        workflow: "refund".parse().expect("a name"),
        queue: "support".parse().expect("a name"),
        why: "server".to_owned(),
        step: Some("pay".parse().expect("a name")),
        item: None,
        open: Some("https://acme.example/tickets/7702".to_owned()),
        event: "evt-1".to_owned(),
        done: done(run),
        since: AT.millis(),
    }
}

fn queued(run: RunId) -> QueueRow {
    QueueRow { name: Some(row(run).name()), item: item(run) }
}

impl Answers for Desk {
    async fn answer(&self, said: Said) -> Answer {
        let (question, by) = match said {
            Said::Introduction(who) => {
                return Answer::Challenge(Challenge {
                    kind: ChallengeType::Console,
                    schema: 1,
                    project: Digest::of_file(b"a root"),
                    client: None,
                    agent: "eu-1".parse().expect("a name"),
                    person: who.person,
                    nonce: Digest::of_file(b"a nonce"),
                    until: AT.moment(),
                });
            }
            Said::Question(question) => (question, None),
            Said::Command(signed) => {
                let command: Command = assent_schema::canon::from_bytes(signed.command.as_bytes()).expect("a command");
                (serde_json::from_str(&signed.question).expect("a question"), Some(command.person))
            }
        };
        let by = by.as_ref().map_or("nobody", |by| by.as_str());
        let runs = [first(), RunId::new(AT, [2; 10])];
        match question {
            Question::Runs { .. } if by == "omar" => Answer::Runs(runs.map(row).into()),
            Question::Queue if by == "omar" => Answer::Queue(runs.map(queued).into()),
            Question::Handle { verb, chosen, mode, .. } if by == "omar" => {
                let runs = match chosen {
                    Chosen::One(RunRef::Id(run)) => vec![run],
                    Chosen::One(RunRef::Name(_)) => vec![first()],
                    // Somebody did the work of all that are there.
                    Chosen::Many(which) if which.step.is_some() => vec![RunId::new(AT, [2; 10])],
                    Chosen::Many(_) => runs.to_vec(),
                };
                let begins = matches!(verb, Verb::Retry | Verb::Skip | Verb::Rerun) && mode == Mode::Do;
                let handled = |run: RunId| HandledRun {
                    run: row(run),
                    done: done(run),
                    next: (begins && run == first()).then(|| RunId::new(AT, [3; 10])),
                    why_not: (begins && run != first()).then(|| "it has no item in the manual queue".to_owned()),
                };
                let runs = runs.into_iter().map(handled).collect();
                Answer::Handled(Handling { verb: verb.kind(), mode, runs, more: false })
            }
            _ => Answer::Refused { what: "they are not on-call".to_owned(), help: "Ask somebody who is.".to_owned() },
        }
    }
}
