//! Commands on an agent's host: strangers, borrowed names, questions that nobody signed, other clients' engineers.

use std::collections::BTreeSet;
use std::time::Duration;

use assent_agent::control::ledger::LedgerQuestion;
use assent_agent::control::{Answer, Question, Said, client};
use assent_agent::people::wire::{Challenge, Command, CommandType, Introduction, SignedCommand};
use assent_agent::people::{Challenges, Itself, Keys};
use assent_agent::store::Log;
use assent_schema::canon::{self, Digest};
use assent_schema::id::PersonId;
use assent_schema::time::Moment;
use assent_schema::trust::{Namespace, sign};

use super::fixture::{id, key, place};
use super::site::Site;
use super::table::{Attack, Verdict, attack, because};

const BOOT: Duration = Duration::from_mins(1);
const QUESTION: &str = "\"queue\"";

fn itself() -> Itself {
    Itself { project: Digest::of_file(b"a root"), agent: place().agent }
}

/// Ann's keys are ann's; nobody else is known.
fn known(person: &PersonId) -> Keys {
    let ssh = if *person == id("ann") { [key("ann").public().clone()].into() } else { BTreeSet::new() };
    Keys { ssh, ..Keys::default() }
}

/// A command over a challenge of an agent, bent, signed by somebody for something.
fn signed(challenge: &Challenge, by: &str, namespace: Namespace, bend: impl FnOnce(&mut Command)) -> SignedCommand {
    let mut command = Command {
        kind: CommandType::Command,
        schema: 1,
        project: itself().project,
        agent: itself().agent,
        person: id("ann"),
        nonce: challenge.nonce,
        question: Command::digest(QUESTION),
    };
    bend(&mut command);
    let command = String::from_utf8(canon::to_bytes(&command).expect("a command")).expect("a text");
    let signature = sign(&key(by), namespace, command.as_bytes());
    SignedCommand { question: QUESTION.to_owned(), command, signature }
}

/// What an agent says to a command that `make` makes of its challenge, `tries` times and `later`.
fn said(make: impl FnOnce(&Challenge) -> SignedCommand, tries: usize, later: Duration) -> Verdict {
    let mut challenges = Challenges::new([7; 32]);
    let who = Introduction { client: None, person: id("ann") };
    let command = make(&challenges.give(&itself(), &who, [1; 8], BOOT, Moment::from_seconds(0)));
    let mut last = Verdict::accepted();
    for _ in 0..tries {
        last = match challenges.command(&itself(), &command, BOOT + later, known) {
            Ok(_) => Verdict::accepted(),
            Err(no) => Verdict::new(no.code(), ""),
        };
    }
    last
}

fn once(make: impl FnOnce(&Challenge) -> SignedCommand) -> Verdict {
    said(make, 1, Duration::ZERO)
}

/// What a running agent answers to what stands in its socket.
fn asked(say: impl Fn(&Site) -> Said) -> Verdict {
    let site = Site::working();
    let answer = client::ask(&site.path("state").join("control.sock"), &say(&site));
    match answer.expect("an agent that answers") {
        Some(Answer::Refused { what, .. }) => Verdict::new("refused", what),
        _ => Verdict::accepted(),
    }
}

pub(crate) const ROOM: &[Attack] = &[
    attack("commands: a stranger's key under a known name", "bad_signature", || {
        once(|challenge| signed(challenge, "mallory", Namespace::Console, |_| ()))
    }),
    attack("commands: a known key under another name", "bad_signature", || {
        once(|challenge| signed(challenge, "ann", Namespace::Console, |command| command.person = id("ben")))
    }),
    attack("commands: a signature for another purpose", "bad_signature", || {
        once(|challenge| signed(challenge, "ann", Namespace::Decision, |_| ()))
    }),
    attack("commands: another question than the signed one", "other_question", || {
        once(|challenge| SignedCommand {
            question: "\"status\"".to_owned(),
            ..signed(challenge, "ann", Namespace::Console, |_| ())
        })
    }),
    attack("commands: signed for another agent", "other_question", || {
        once(|challenge| {
            signed(challenge, "ann", Namespace::Console, |command| {
                command.agent = "eu-staging-1".parse().expect("an id");
            })
        })
    }),
    attack("commands: a challenge of one's own", "bad_challenge", || {
        once(|challenge| {
            signed(challenge, "ann", Namespace::Console, |command| command.nonce = Digest::of_file(b"mine"))
        })
    }),
    attack("commands: the same command twice", "bad_challenge", || {
        said(|challenge| signed(challenge, "ann", Namespace::Console, |_| ()), 2, Duration::ZERO)
    }),
    attack("commands: two minutes later", "bad_challenge", || {
        said(|challenge| signed(challenge, "ann", Namespace::Console, |_| ()), 1, Duration::from_mins(2))
    }),
    attack("commands: an honest one", "accepted", || {
        once(|challenge| signed(challenge, "ann", Namespace::Console, |_| ()))
    }),
    because("commands: a question that nobody signed", "refused", "nobody signed", || {
        asked(|_| Said::Question(Question::Runs { client: None, most: 10 }))
    }),
    because("commands: a ledger that nobody asks for by name", "refused", "nobody signed", || {
        asked(|_| {
            Said::Question(Question::Ledger(LedgerQuestion::Export {
                log: Log::Client("acme".parse().expect("a client")),
            }))
        })
    }),
    because("commands: an engineer of another client", "refused", "yours to see", || {
        let site = Site::working();
        let ben = key("ben").to_openssh("ben").expect("a key");
        std::fs::write(site.path("ben"), ben).expect("a file");
        let by = format!("ben={}", site.path("ben").display());
        match site.call(&["runs", "--client", "acme", "--key", &by]) {
            Ok(_) => Verdict::accepted(),
            Err(what) => Verdict::new("refused", what),
        }
    }),
];
