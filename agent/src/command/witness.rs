//! `assent-agent ledger witness`: what a client or anybody else runs who watches logs. Needs no agent and no configuration.
//!
//! By hand, file by file, or as a server that agents ask. What it signs is `ledger::Watcher`'s to say.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use assent_schema::counted::counted;
use assent_schema::ledger::LogKey;
use assent_schema::named::Kind;
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use super::{Output, Show};
use crate::daemon::host;
use crate::error::{Context as _, Error};
use crate::ledger::{Denied, Watcher};
use crate::listen::witness;
use crate::named;
use crate::real::{RealClock, RealDice, RealDisk};
use crate::sync::lock;
use crate::world::Clock as _;

/// Arguments of `ledger witness`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The witness's own folder: its key, made at the first call, and what it cosigned last of each log.
    #[arg(long, value_name = "DIR")]
    folder: PathBuf,
    /// The name under which it signs, for example `witness.acme.example/1`.
    #[arg(long, value_name = "NAME")]
    name: String,
    /// The key of a log that it watches, as `assent trust ledger-keys` prints it; once for each log.
    #[arg(long, value_name = "VKEY", required = true)]
    log: Vec<String>,
    /// What `ledger prove --since` wrote for the checkpoint that was cosigned last; at first, a checkpoint. Without it, the
    /// witness only says its own key.
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Where the cosigned checkpoint goes.
    #[arg(long, short, value_name = "FILE", default_value = "cosigned")]
    output: PathBuf,
    /// Answers agents at this address until it is told to stop: `POST /add-checkpoint` of C2SP `tlog-witness`. Without TLS:
    /// put a proxy that has it before any address that is not private.
    #[arg(long, value_name = "ADDRESS", conflicts_with_all = ["file", "output"])]
    listen: Option<SocketAddr>,
}

#[derive(Serialize)]
struct Cosigned {
    /// The witness's key, by which others verify its lines.
    witness: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    written: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    listens: Option<SocketAddr>,
}

impl Show for Cosigned {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        if let (Some(size), Some(file)) = (self.size, &self.written) {
            writeln!(out, "cosigned at {}: {}", counted(size, "entry"), file.display())?;
        }
        if let Some(address) = self.listens {
            writeln!(out, "listens at {address}")?;
        }
        writeln!(out, "{}", self.witness)
    }
}

pub(super) fn run(args: &Args, out: &mut Output<'_>) -> Result<(), Error> {
    let cannot = || format!("cannot open `{}`", args.folder.display());
    std::fs::create_dir_all(&args.folder).tried(cannot)?;
    // Two of them in one folder could each sign what the other does not know of.
    let _lock = host::lock(&args.folder.join("lock")).tried(|| "another process uses this folder".into())?;
    let disk = RealDisk::open(&args.folder).tried(cannot)?;
    let key = |text: &String| match LogKey::from_vkey(text) {
        Ok(key) if !key.is_of_witness() => Ok(key),
        Ok(_) => Err(Error::environment(format!("`{text}` is the key of a witness and of no log"))),
        Err(error) => Err(Error::environment(error.to_string())),
    };
    let logs: Vec<LogKey> = args.log.iter().map(key).collect::<Result<_, _>>()?;
    let watcher = Watcher::open(disk, &RealDice, &args.name, logs).tried(|| "cannot begin to watch".into())?;
    let said = Cosigned { witness: watcher.public().to_vkey(), size: None, written: None, listens: None };
    match (&args.file, args.listen) {
        (Some(file), _) => by_hand(watcher, (file, &args.output), said, out),
        (None, Some(address)) => serve(watcher, address, said, out),
        (None, None) => out.show(&said),
    }
}

fn by_hand(
    mut watcher: Watcher<RealDisk>,
    (file, output): (&Path, &Path),
    said: Cosigned,
    out: &mut Output<'_>,
) -> Result<(), Error> {
    let text = named::text(file, Kind::Checkpoint).tried(|| format!("cannot read `{}`", file.display()))?;
    let cosigned = watcher.add(&text, RealClock.now().moment()).map_err(refused)?;
    write(output, &cosigned.note)?;
    out.show(&Cosigned { size: Some(cosigned.size), written: Some(output.to_path_buf()), ..said })
}

fn refused(denied: Denied) -> Error {
    let error = Error::refused(format!("nothing is cosigned: {denied}"));
    match denied {
        Denied::OldSize(_) => error.help(
            "Ask for `assent-agent ledger prove --since` with the checkpoint that was cosigned last; at first, for a checkpoint.",
        ),
        Denied::NotConsistent | Denied::NotSigned => {
            error.help("If the log's key is right, keep both files: the log shows another history.")
        }
        Denied::Malformed | Denied::UnknownLog | Denied::Broken => error,
    }
}

fn serve(watcher: Watcher<RealDisk>, address: SocketAddr, said: Cosigned, out: &mut Output<'_>) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.tried(|| "cannot start".into())?.block_on(async move {
        let mut terminate = signal(SignalKind::terminate()).tried(|| "cannot hear signals".into())?;
        let mut interrupt = signal(SignalKind::interrupt()).tried(|| "cannot hear signals".into())?;
        let listener = TcpListener::bind(address).await.tried(|| format!("cannot listen at {address}"))?;
        let listens = listener.local_addr().tried(|| format!("cannot listen at {address}"))?;
        out.show(&Cosigned { listens: Some(listens), ..said })?;
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let watcher = Arc::new(Mutex::new(watcher));
        let judge = move |text: &str| {
            // One at a time: what was cosigned last and what is next are compared and kept in one step.
            let mut watcher = lock(&watcher);
            watcher.add(text, RealClock.now().moment())
        };
        let serving = witness::serve(listener, judge, stopped);
        tokio::pin!(serving);
        tokio::select! {
            () = &mut serving => return Ok(()),
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        stop.send_replace(true);
        serving.await;
        Ok(())
    })
}

fn write(file: &Path, note: &str) -> Result<(), Error> {
    crate::durable::put(file, note.as_bytes()).tried(|| format!("cannot write `{}`", file.display()))
}
