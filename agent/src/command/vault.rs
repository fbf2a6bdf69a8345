//! `assent-agent vault`: puts secrets into their slots. A secret comes by standard input: an argument would be visible to
//! every user of the machine, a file would stay.

mod list;

use std::io::{self, Read as _, Write};
use std::sync::Arc;

use assent_schema::time::Moment;
use assent_schema::trust::Signer;
use serde::Serialize;
use zeroize::Zeroizing;

use super::ask::unexpected;
use super::key::Who;
use super::{Call, Output, Show};
use crate::config::Repository;
use crate::control::form::Form;
use crate::control::{Answer, Question, RotationSaid, Said, client};
use crate::daemon::vaults::{self, TheVault};
use crate::error::{Context as _, Error};
use crate::identity::Identity;
use crate::real::RealDisk;
use crate::vault::{SECRET_MOST_BYTES, Secret, SlotPath, Vault as _};

/// Arguments of `vault`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Puts the secret on standard input into a slot; one newline at its end is not a part of it.
    Set {
        /// The slot, as `client.toml` names it; or `agent/repository` for what opens the git repository: `user:password`
        /// for HTTPS, a private key as `ssh-keygen -t ed25519` writes it for SSH; or `route/NAME` for what an alert route of
        /// `assent.toml` wants: the URL of a Slack webhook, the integration key of PagerDuty, `user:password` for mail, a
        /// bearer token for webhooks that ask for one.
        #[arg(value_name = "CLIENT/CONNECTION/SLOT", value_parser = slot)]
        slot: SlotPath,
    },
    /// Puts a new secret on standard input beside the one that counts. The running agent asks the API whether it takes it;
    /// only then it counts, and until then the old one does. Of a webhook both count from then on.
    Rotate {
        /// The slot, as `client.toml` names it.
        #[arg(value_name = "CLIENT/CONNECTION/SLOT", value_parser = slot)]
        slot: SlotPath,
        /// Says that the new secret is on standard input. No API of the catalog describes how one is made there, so a person
        /// makes it.
        #[arg(long, required = true)]
        set: bool,
        #[command(flatten)]
        who: Who,
    },
    /// Says when the secret that counts in a slot ends by itself, as the API's site shows it: on-call is told before. Where the
    /// API, the vault or the token says it, the agent knows it without. Another secret in the slot has no end that is known.
    Ends {
        /// The slot, as `client.toml` names it.
        #[arg(value_name = "CLIENT/CONNECTION/SLOT", value_parser = slot)]
        slot: SlotPath,
        /// A day like `2027-03-01`, an instant like `2027-03-01T09:00:00Z`, or `never`.
        #[arg(value_name = "WHEN", value_parser = when)]
        when: When,
        #[command(flatten)]
        who: Who,
    },
    /// Asks a person to let the agent act at an API, and keeps what comes of it in the slot of the connection.
    Connect(super::connect::Args),
    /// Says of each slot whether its secret can be one: good, empty, bad or, where nothing that runs here names it, not looked
    /// at.
    List,
}

fn slot(text: &str) -> Result<SlotPath, String> {
    SlotPath::parse(text)
        .ok_or_else(|| format!("is not a slot: `client/connection/slot`, `route/name`, or `{}`", SlotPath::Repository))
}

/// When a secret ends.
#[derive(Clone, Copy, Debug)]
struct When(Option<Moment>);

fn when(text: &str) -> Result<When, String> {
    if text == "never" {
        return Ok(When(None));
    }
    let whole = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text.to_owned() };
    let moment = whole.parse().or(Err("is not a day like `2027-03-01`, an instant in UTC, or `never`".to_owned()));
    moment.map(|moment| When(Some(moment)))
}

#[derive(Serialize)]
struct SaidEnd {
    slot: String,
    ends: Option<Moment>,
}

impl Show for SaidEnd {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        let slot = &self.slot;
        match self.ends {
            Some(ends) => writeln!(out, "{slot} ends {ends}; on-call is told 14 days, 7 days and 1 day before"),
            None => writeln!(out, "{slot}: nobody says any more when it ends"),
        }
    }
}

#[derive(Serialize)]
struct Set {
    #[serde(rename = "set")]
    slot: String,
    in_use: bool,
    /// Whether what runs here names the slot; absent where no agent runs that could tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    named: Option<bool>,
    /// Whether a person must consent before it is of use.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    awaits_consent: bool,
}

impl Show for Set {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        let connection = self.slot.rsplit_once('/').map_or(self.slot.as_str(), |(connection, _)| connection);
        if self.awaits_consent {
            return writeln!(
                out,
                "{} is set; ask for the consent: `assent-agent vault connect {connection}`",
                self.slot
            );
        }
        let when = match self.named {
            Some(true) => "the running agent uses it now",
            Some(false) => "no release here names this slot, so nothing uses it and its form was not looked at",
            None => "the agent will use it when it starts; its form was not looked at",
        };
        writeln!(out, "{} is set; {when}", self.slot)
    }
}

pub(super) fn run(args: &Args, call: &Call, out: &mut Output<'_>) -> Result<(), Error> {
    let config = call.config()?;
    let disk = || RealDisk::open(config.state.folder()).tried(|| "cannot open the state folder".into());
    let host = Identity::load(&disk()?)
        .tried(|| "cannot open the vault".into())
        .map_err(|e| e.help("Enrol the agent first: `assent-agent enrol`."))?
        .host;
    let vault = vaults::open(&config.vault, Arc::new(disk()?), host)?;
    match &args.what {
        What::Rotate { slot, set: _, who } => rotate(call, &vault, slot, who, out),
        What::Ends { slot, when: When(at), who } => ends(call, slot, *at, who, out),
        What::Connect(args) => super::connect::run(args, call, &vault, out),
        What::List => list::run(call, &vault, out),
        What::Set { slot } => {
            let secret = from_input()?;
            if *slot == SlotPath::Repository {
                opens(&config.repository, &secret)?;
            }
            let form = form_here(call, slot)?;
            let awaits_consent = matches!(&form, Known::As(form) if form.awaits_consent(secret.reveal()));
            let named = fits(form, slot, &secret)?;
            wait(vault.set(slot, secret))?.tried(|| format!("cannot set {slot}"))?;
            let told = client::ask(&config.state.socket(), &Said::Question(Question::OpenVault))?;
            out.show(&Set {
                slot: slot.to_string(),
                in_use: told.is_some() && named == Some(true),
                named,
                awaits_consent,
            })
        }
    }
}

/// What is known here of the secret of a slot.
enum Known {
    /// No agent runs that could say it.
    NoAgent,
    /// Nothing that runs here names the slot.
    Unnamed,
    /// It looks like this.
    As(Form),
}

fn form_here(call: &Call, slot: &SlotPath) -> Result<Known, Error> {
    let question = Said::Question(Question::Form { slot: slot.to_string() });
    match client::ask(&call.config()?.state.socket(), &question)? {
        None => Ok(Known::NoAgent),
        Some(Answer::Form(form)) => Ok(form.map_or(Known::Unnamed, Known::As)),
        Some(_) => Err(unexpected()),
    }
}

/// Refuses a secret that cannot be one of its slot. Whether what runs here names the slot at all; nothing where no agent runs.
fn fits(known: Known, slot: &SlotPath, secret: &Secret) -> Result<Option<bool>, Error> {
    let form = match known {
        Known::NoAgent => return Ok(None),
        Known::Unnamed => return Ok(Some(false)),
        Known::As(form) => form,
    };
    form.judge(secret.reveal())
        .map_err(|misfit| Error::refused(format!("the secret for {slot} {}", misfit.what)).help(misfit.help))?;
    Ok(Some(true))
}

#[derive(Serialize)]
struct Rotated {
    slot: String,
    #[serde(flatten)]
    rotation: RotationSaid,
}

impl Show for Rotated {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        let slot = &self.slot;
        match &self.rotation {
            RotationSaid::Done => {
                writeln!(out, "{slot}: the API takes the new secret, and it counts now. Revoke the old one at the API.")
            }
            RotationSaid::Both => writeln!(
                out,
                "{slot}: both secrets verify now. Give the new one to the sender; the old one verifies for a day more."
            ),
            RotationSaid::Refused { code } => {
                writeln!(
                    out,
                    "{slot}: the API does not take the new secret ({code}); it was forgotten, the old one counts"
                )
            }
            RotationSaid::Waits { until, code } => {
                writeln!(
                    out,
                    "{slot}: the API could not be asked ({code}); the old secret counts, the next test is at {until}"
                )
            }
        }
    }
}

/// Has the agent remember when the secret of a slot ends.
fn ends(call: &Call, path: &SlotPath, at: Option<Moment>, who: &Who, out: &mut Output<'_>) -> Result<(), Error> {
    let SlotPath::Client { client, connection, slot } = path else {
        let error = Error::environment(format!("`{path}` is no secret of a client"));
        return Err(error.help("Only what connections use is watched: `assent-agent status` lists the slots."));
    };
    let (client, connection, slot) = (client.clone(), connection.clone(), slot.clone());
    match who.ask(call, &Question::SecretEnds { client, connection, slot, at })? {
        Answer::Done => out.show(&SaidEnd { slot: path.to_string(), ends: at }),
        _ => Err(unexpected()),
    }
}

/// Puts the new secret beside the old one, and has the agent test it.
fn rotate(call: &Call, vault: &TheVault, path: &SlotPath, who: &Who, out: &mut Output<'_>) -> Result<(), Error> {
    let SlotPath::Client { client, connection, slot } = path else {
        let error = Error::environment("what opens the repository is not tested here");
        return Err(error.help("Put the new one there: `assent-agent vault set agent/repository`."));
    };
    let secret = from_input()?;
    let (client, connection, slot) = (client.clone(), connection.clone(), slot.clone());
    // Asked first: whoever may not, or cannot, must not touch a secret that somebody else has tested right now.
    let may = Question::MayRotate { client: client.clone(), connection: connection.clone(), slot: slot.clone() };
    match who.ask(call, &may)? {
        Answer::Done => {}
        _ => return Err(unexpected()),
    }
    fits(form_here(call, path)?, path, &secret)?;
    let waits = wait(vault.staged(path))?.is_ok();
    wait(vault.stage(path, secret))?.tried(|| format!("cannot put the new secret beside {path}"))?;
    let answered = who.ask(call, &Question::Rotate { client, connection, slot });
    match answered {
        Ok(Answer::Rotation(RotationSaid::Refused { code })) => {
            let error = Error::refused(format!("the API does not take the new secret of {path}: {code}"));
            Err(error.help("The new secret was forgotten and the old one counts. Make another one at the API."))
        }
        Ok(Answer::Rotation(rotation)) => out.show(&Rotated { slot: path.to_string(), rotation }),
        // One that somebody began with is still tested: this one, from now on.
        other if waits => other.and(Err(unexpected())),
        other => {
            // Nobody began with it: it is not left there for somebody to find.
            wait(vault.unstage(path))?.tried(|| format!("cannot take back the new secret of {path}"))?;
            other.and(Err(unexpected()))
        }
    }
}

/// Waits for what a vault says.
pub(super) fn wait<T>(asked: impl Future<Output = T>) -> Result<T, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    Ok(runtime.tried(|| "cannot start".into())?.block_on(asked))
}

/// Looks whether a secret has the form in which it could open the repository.
pub(super) fn opens(repository: &Repository, secret: &Secret) -> Result<(), Error> {
    match repository {
        Repository::Https(..) => {
            let printable = secret.reveal().iter().all(|byte| !byte.is_ascii_control());
            if printable && secret.reveal().contains(&b':') {
                return Ok(());
            }
            Err(Error::environment("what is on standard input is not `user:password`")
                .help("With a token, the user is what the server's documentation says; any word where it says none."))
        }
        Repository::Ssh(..) => Signer::from_openssh(secret.reveal()).map(drop).map_err(|e| {
            Error::environment(format!("what is on standard input {e}"))
                .help("Make a key for this agent alone: `ssh-keygen -t ed25519 -N '' -f agent-key`.")
        }),
        Repository::Path(_) | Repository::Git(_) => {
            Err(Error::environment(format!("nothing opens `{repository}`: it takes no credential"))
                .help("Only repositories at `https://` and `ssh://` take a credential."))
        }
    }
}

pub(super) fn from_input() -> Result<Secret, Error> {
    // Sized beforehand: a buffer that grows leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(SECRET_MOST_BYTES + 2));
    let most = SECRET_MOST_BYTES as u64 + 2;
    io::stdin().take(most).read_to_end(&mut bytes).tried(|| "cannot read the secret".into())?;
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
    }
    Secret::new(std::mem::take(&mut *bytes)).tried(|| "cannot take what is on standard input".into())
}
