//! `assent freshness`: says of every branch of releases which release is the newest. Meant for a timer.

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};
use std::path::PathBuf;
use std::str::FromStr;

use assent_schema::canon::Digest;
use assent_schema::id::Region;
use assent_schema::time::Moment;
use assent_schema::trust::RootChain;
use git2::Repository;
use serde_json::json;

use super::compiled::targets;
use super::elsewhere::{FreshElsewhere, Written};
use super::repository::{RemoteArgs, pushed};
use super::{Context, Format, Outcome};
use crate::check::Ending;
use crate::error::Error;
use crate::publish::prepare::{Target, published};
use crate::publish::send::{freshness, roots_of, sign_freshness};
use crate::publish::sign::KeyFile;
use crate::publish::spec::Spoilt;
use crate::publish::{branch, newest};

const FIRST_ROOT: &str = "trust/root/1.toml";

/// Signs, for each branch of releases, which release is the newest. The statement is valid for 24 hours; run this every six.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The repository.
    #[arg(long, default_value = ".", value_name = "DIR")]
    repo: PathBuf,
    /// Who signs, and with which key: a private one, or the public half of one that `ssh-agent` holds.
    #[arg(long = "key", required_unless_present_any = ["out", "from"], value_name = "PERSON=KEY")]
    keys: Vec<KeyFile>,
    /// The commit whose first root is the project's.
    #[arg(long, default_value = "HEAD", value_name = "COMMIT")]
    source: String,
    /// The moment that is signed; now, unless said.
    #[arg(long, value_name = "INSTANT")]
    at: Option<Moment>,
    /// The remote repository of a region, or of all regions: its name in the repository, a path or a URL that `git` can push
    /// to. Each is fetched, signed and pushed by itself; `origin` where there is one, unless said.
    #[arg(long = "remote", value_name = "[REGION=]REMOTE")]
    remotes: Vec<RegionRemote>,
    /// A manifest, by its SHA-256, that is the newest of its branch although this clone or an agent saw a newer one.
    #[arg(long = "believe", value_name = "MANIFEST")]
    believed: Vec<Digest>,
    #[command(flatten)]
    elsewhere: FreshElsewhere,
    /// Neither fetch nor push.
    #[arg(long, conflicts_with = "remotes")]
    local: bool,
    /// Output format.
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
    let project = project(&repository, &args.source)?;
    let none = RegionRemote { region: None, remote: None };
    let places: Vec<&RegionRemote> = if args.remotes.is_empty() { vec![&none] } else { args.remotes.iter().collect() };
    let mut signed = Signed::default();
    // One region that is away keeps no other from being told that it is fresh.
    for place in places {
        let remote = RemoteArgs { remote: place.remote.clone(), local: args.local };
        if let Err(why) = sign_place(args, &repository, (place, &remote), (project, at), &mut signed) {
            signed.failed.push(Failed { place: place.clone(), branch: None, why });
        }
    }
    let Signed { text, rows, mut failed, spoilt, ending } = signed;
    for ending in &ending {
        context.note(&format!("assent: {}", ending.sentence(at)))?;
    }
    for (remote, one) in spoilt {
        remote.tell(&repository, &one, context)?;
    }
    let mut value = json!({ "at": at, "releases": rows });
    if let Some(value) = value.as_object_mut().filter(|_| !failed.is_empty()) {
        value.insert("failed".to_owned(), failed.iter().map(Failed::told).collect());
    }
    if failed.is_empty() && rows.is_empty() {
        // A timer in the wrong folder must not look well.
        return Err(Error::input(
            "there is no release branch to sign for; release first, or name the repository with `--repo` and its remote with `--remote`",
        ));
    }
    if failed.is_empty() || !rows.is_empty() {
        context.print_as(args.format, &text, &value)?;
    }
    match failed.len() {
        0 => Ok(Outcome::Fine),
        1 => failed.pop().map_or(Ok(Outcome::Fine), |failed| Err(failed.why)),
        _ => {
            let all: Vec<_> = failed.iter().map(|failed| format!("{}: {}", failed.place, failed.why)).collect();
            Err(Error::input(all.join("\n")))
        }
    }
}

/// What was signed, for people and for programs, and what was not.
#[derive(Default)]
struct Signed {
    text: String,
    rows: Vec<serde_json::Value>,
    failed: Vec<Failed>,
    /// Branches of agents that could not be taken, each with its remote.
    spoilt: Vec<(RemoteArgs, Spoilt)>,
    /// Roots that end soon, each once.
    ending: BTreeSet<Ending>,
}

/// Looks whether agents take anything under these roots.
///
/// # Errors
/// When the newest has ended: what is signed under it is refused everywhere, and must not look well.
pub(super) fn current(roots: &RootChain, at: Moment) -> Result<(), Error> {
    roots.check_current(at).map_err(|ended| {
        Error::input(format!(
            "{ended}: agents refuse what is signed under it. Write the version that follows it with `assent trust root --expires \
             INSTANT`, have it signed, and release"
        ))
    })
}

/// A remote, or one branch of it, for which nothing was signed.
struct Failed {
    place: RegionRemote,
    branch: Option<String>,
    why: Error,
}

impl Failed {
    fn told(&self) -> serde_json::Value {
        let (remote, why) = (self.place.to_string(), self.why.to_string());
        match &self.branch {
            Some(branch) => json!({ "remote": remote, "branch": branch, "why": why }),
            None => json!({ "remote": remote, "why": why }),
        }
    }
}

/// Fetches, signs and pushes the releases of one region, or of all, at one remote.
fn sign_place(
    args: &Args,
    repository: &Repository,
    (place, remote): (&RegionRemote, &RemoteArgs),
    of: (Digest, Moment),
    signed: &mut Signed,
) -> Result<(), Error> {
    if args.elsewhere.publishes() {
        remote.must_lead(repository)?;
    }
    let region = place.region.as_ref();
    let mut spoilt = match region {
        // The server of one region knows nothing of the others, or nothing that is new.
        Some(region) => {
            let branches = format!("refs/heads/release/*/{region}");
            remote.fetch_as(repository, &[format!("+{branches}:{branches}")])?
        }
        None => remote.fetched(repository, &["release/", "status/"])?,
    };
    let mut all = targets(&branch::branches(repository, "release/")?);
    all.retain(|_, target| region.is_none_or(|region| target.region == *region));
    if region.is_some() {
        let status = |target: &Target| format!("refs/heads/status/{}/{}/*", target.environment, target.region);
        let specs = all.values().map(status).map(|branches| format!("+{branches}:{branches}"));
        spoilt.extend(remote.fetch_as(repository, &specs.collect::<Vec<_>>())?);
    }
    // What stands here of a branch that could not be taken says nothing of what is the newest there.
    let (lost, told): (Vec<Spoilt>, Vec<Spoilt>) =
        spoilt.into_iter().partition(|one| all.remove(&one.branch).is_some());
    signed.failed.extend(lost.into_iter().map(|one| {
        let why = Error::input(format!("of {place}, {one}"));
        Failed { place: place.clone(), branch: Some(one.branch), why }
    }));
    signed.spoilt.extend(told.into_iter().map(|one| (remote.clone(), one)));
    let (mut branches, mut rows) = (Vec::new(), Vec::new());
    for (name, target) in all {
        // Nor does one branch that somebody spoilt or wound back.
        match sign_branch(args, repository, &target, of) {
            Ok(row) => {
                branches.extend(row.as_ref().filter(|row| row.written.is_none()).map(|_| name));
                rows.extend(row);
            }
            Err(why) => signed.failed.push(Failed { place: place.clone(), branch: Some(name), why }),
        }
    }
    // What could not be pushed is fresh for nobody.
    let to = remote.push(repository, &branches)?;
    for row in rows {
        signed.tell(&row, to.as_deref());
    }
    Ok(())
}

impl Signed {
    /// Takes up a branch, and where it went.
    fn tell(&mut self, row: &Row, to: Option<&str>) {
        let Row { branch, sequence, manifest, at, written, ending } = row;
        self.ending.extend(ending.clone());
        let mut told = json!({ "branch": branch, "sequence": sequence, "manifest": manifest });
        let (member, value) = match written {
            // Writing to a `String` cannot fail.
            None => {
                let _written =
                    writeln!(self.text, "{branch}: release {sequence} is the newest at {at}, {}", pushed(to));
                ("pushed", json!(to))
            }
            Some(written) => {
                let _written =
                    write!(self.text, "{branch}: release {sequence} as the newest at {at}\n{}", written.sentence());
                ("to_sign", json!(written.file.display().to_string()))
            }
        };
        if let Some(told) = told.as_object_mut() {
            told.insert(member.to_owned(), value);
        }
        self.rows.push(told);
    }
}

/// A branch for whose release was signed that it is the newest.
struct Row {
    branch: String,
    sequence: u64,
    manifest: Digest,
    at: Moment,
    /// Where it waits for signatures.
    written: Option<Written>,
    /// That its root ends soon.
    ending: Option<Ending>,
}

/// Signs the release that one branch holds, if nobody saw a newer one.
fn sign_branch(
    args: &Args,
    repository: &Repository,
    target: &Target,
    (project, at): (Digest, Moment),
) -> Result<Option<Row>, Error> {
    let name = target.branch();
    let Some(release) = published(repository, target, &args.believed)? else { return Ok(None) };
    let roots = roots_of(&release, project)?;
    current(&roots, at)?;
    newest::check_agents(repository, target, Some(&release), &roots, &args.believed)?;
    let back = args.elsewhere.back(target)?;
    if args.elsewhere.comes_back() && back.is_none() {
        return Ok(None);
    }
    let at = back.as_ref().map_or(at, |back| back.at);
    let ending = Ending::of_root(&roots, at);
    let statement = freshness(&release, &roots, at)?;
    let (sequence, manifest) = (release.manifest.sequence, release.digest);
    if let Some(written) = args.elsewhere.write(target, &statement)? {
        return Ok(Some(Row { branch: name, sequence, manifest, at, written: Some(written), ending }));
    }
    let before = back.map(|back| back.signatures(&statement)).transpose()?.unwrap_or_default();
    let files = sign_freshness(&release, &roots, at, &args.keys, before)?;
    branch::write(repository, &name, &files, &format!("Freshness at {at}"), at)?;
    newest::remember(repository, target, &release.manifest, release.digest)?;
    Ok(Some(Row { branch: name, sequence, manifest, at, written: None, ending }))
}

/// A remote, and the region whose releases it has; all of them where none is named.
#[derive(Clone, Debug, PartialEq, Eq)]
struct RegionRemote {
    region: Option<Region>,
    remote: Option<String>,
}

impl FromStr for RegionRemote {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // A path or URL may hold a `=` as well; what stands before one of a region has the form of an id.
        let named = text.split_once('=').and_then(|(region, remote)| Some((region.parse().ok()?, remote)));
        Ok(match named {
            Some((region, remote)) => Self { region: Some(region), remote: Some(remote.to_owned()) },
            None => Self { region: None, remote: Some(text.to_owned()) },
        })
    }
}

impl fmt::Display for RegionRemote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let remote = self.remote.as_deref().unwrap_or("origin");
        match &self.region {
            Some(region) => write!(f, "{region} ({remote})"),
            None => f.write_str(remote),
        }
    }
}

/// The project: SHA-256 of the first root in a commit of the source.
pub(super) fn project(repository: &Repository, commit: &str) -> Result<Digest, Error> {
    let tried = |e| Error::git(format!("read {FIRST_ROOT} of {commit}"), e);
    let tree = repository.revparse_single(commit).and_then(|found| found.peel_to_tree()).map_err(tried)?;
    let entry = tree.get_path(std::path::Path::new(FIRST_ROOT)).map_err(tried)?;
    let blob = repository.find_blob(entry.id()).map_err(tried)?;
    Ok(Digest::of_file(blob.content()))
}
