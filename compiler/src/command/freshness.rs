//! `assent freshness`: says of every branch of releases which release is the newest. Meant for a timer.

use std::fmt::Write as _;
use std::path::PathBuf;

use assent_schema::canon::Digest;
use assent_schema::time::Moment;
use git2::Repository;
use serde_json::json;

use super::compiled::targets;
use super::repository::RemoteArgs;
use super::{Context, Format, Outcome};
use crate::error::Error;
use crate::publish::branch;
use crate::publish::prepare::published;
use crate::publish::send::{roots_of, sign_freshness};
use crate::publish::sign::KeyFile;

const FIRST_ROOT: &str = "trust/root/1.toml";

/// Signs, for each branch of releases, which release is the newest. It lives for 24 hours; run it every six.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The repository.
    #[arg(long, default_value = ".", value_name = "DIR")]
    repo: PathBuf,
    /// Who signs, and with which private key.
    #[arg(long = "key", required = true, value_name = "PERSON=KEY")]
    keys: Vec<KeyFile>,
    /// The commit whose first root is the project's.
    #[arg(long, default_value = "HEAD", value_name = "COMMIT")]
    source: String,
    /// The moment that is signed; now, unless said.
    #[arg(long, value_name = "INSTANT")]
    at: Option<Moment>,
    #[command(flatten)]
    remote: RemoteArgs,
    /// How the result is printed.
    #[arg(long, default_value = "human")]
    format: Format,
}

/// Runs the command.
///
/// # Errors
/// When a release does not verify, a key does not count, or git refuses.
pub(super) fn run(args: &Args, context: &mut Context<'_>) -> Result<Outcome, Error> {
    let at = args.at.unwrap_or_else(|| context.now());
    let repository = branch::open(&args.repo)?;
    args.remote.fetch(&repository, &["release/"])?;
    let project = project(&repository, &args.source)?;
    let (mut pushed, mut text, mut rows) = (Vec::new(), String::new(), Vec::new());
    for (name, target) in targets(&branch::branches(&repository, "release/")?) {
        let Some(release) = published(&repository, &target)? else { continue };
        let roots = roots_of(&release, project)?;
        let files = sign_freshness(&release, &roots, at, &args.keys)?;
        branch::write(&repository, &name, &files, &format!("Freshness at {at}"), at)?;
        let sequence = release.manifest.sequence;
        // Writing to a `String` cannot fail.
        let _written = writeln!(text, "{name}: release {sequence} is the newest at {at}");
        rows.push(json!({ "branch": name, "sequence": sequence, "manifest": release.digest }));
        pushed.push(name);
    }
    args.remote.push(&repository, &pushed)?;
    context.print_as(args.format, &text, &json!({ "at": at, "releases": rows }))?;
    Ok(Outcome::Fine)
}

/// The project: SHA-256 of the first root in a commit of the source.
pub(super) fn project(repository: &Repository, commit: &str) -> Result<Digest, Error> {
    let tried = |e| Error::git(format!("read {FIRST_ROOT} of {commit}"), e);
    let tree = repository.revparse_single(commit).and_then(|found| found.peel_to_tree()).map_err(tried)?;
    let entry = tree.get_path(std::path::Path::new(FIRST_ROOT)).map_err(tried)?;
    let blob = repository.find_blob(entry.id()).map_err(tried)?;
    Ok(Digest::of_file(blob.content()))
}
