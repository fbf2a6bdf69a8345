//! Branches out to a remote repository and in from it.
//!
//! A repository on a server is reached by the user's own `git`: so keys, agents, credential helpers, proxies and
//! certificates are those that work for `git push`, and the compiler knows of none. A folder of this machine is reached
//! by libgit2, which starts nothing.
//!
//! The configuration of a repository that somebody handed over counts for nothing here but where a remote's name leads: git is
//! started in an empty repository that borrows its objects, so that no program of its configuration runs and no address of it
//! stands for another.

use std::collections::BTreeSet;
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use git2::{PushOptions, RemoteCallbacks, Repository};

use super::near;
use super::spec::{FETCHED, HEADS, Spec, Spoilt};
use crate::error::Error;

/// Pushes branches, never forced.
///
/// # Errors
/// When the remote cannot be reached or refuses one of them.
pub fn push(repository: &Repository, remote: &str, branches: &[String]) -> Result<(), Error> {
    let specs: Vec<String> = branches.iter().map(|b| format!("refs/heads/{b}:refs/heads/{b}")).collect();
    if is_here(repository, remote) {
        push_here(repository, remote, &specs)
    } else {
        git(repository, &["push", "--no-follow-tags"], remote, &specs).map(drop)
    }
}

/// Fetches branches whose names begin with one of some prefixes, so that they stand here as they stand there; those that
/// could not be taken stay as they were here.
///
/// # Errors
/// When the remote cannot be reached.
pub fn fetch(repository: &Repository, remote: &str, prefixes: &[&str]) -> Result<Vec<Spoilt>, Error> {
    let specs: Vec<String> = prefixes.iter().map(|p| format!("+refs/heads/{p}*:refs/heads/{p}*")).collect();
    fetch_as(repository, remote, &specs)
}

/// Fetches by refspecs, each forced.
///
/// # Errors
/// As [`fetch`].
pub fn fetch_as(repository: &Repository, remote: &str, specs: &[String]) -> Result<Vec<Spoilt>, Error> {
    let no_spec = |spec: &String| Error::internal(format!("read the refspec {spec}"), "it is not forced");
    let specs = specs.iter().map(|spec| Spec::parse(spec).ok_or_else(|| no_spec(spec)));
    let specs: Vec<Spec> = specs.collect::<Result<_, _>>()?;
    if is_here(repository, remote) {
        find(repository, remote)?;
        near::fetch(repository, &folder_of(repository, remote), &specs)
    } else {
        let aside: Vec<String> = specs.iter().map(Spec::aside).collect();
        let (_, from) = git(repository, &["fetch", "--no-tags"], remote, &aside)?;
        from.give_back(repository)
    }
}

/// The names of the branches of a remote that begin with a prefix.
///
/// # Errors
/// As [`fetch`].
pub fn names(repository: &Repository, remote: &str, prefix: &str) -> Result<BTreeSet<String>, Error> {
    let mut all: BTreeSet<String> = if is_here(repository, remote) {
        find(repository, remote)?;
        near::names(&folder_of(repository, remote))?
    } else {
        let (said, _) = git(repository, &["ls-remote", "--heads"], remote, &[format!("{HEADS}{prefix}*")])?;
        let name = |line: &str| Some(line.split_once('\t')?.1.strip_prefix(HEADS)?.to_owned());
        said.lines().filter_map(name).collect()
    };
    all.retain(|name| name.starts_with(prefix));
    Ok(all)
}

/// Whether a remote, by name or as it is written, is a folder of this machine.
fn is_here(repository: &Repository, remote: &str) -> bool {
    let url = &url_of(repository, remote);
    if let Some((scheme, _)) = url.split_once("://") {
        return scheme == "file";
    }
    // `host:path` is how scp and git name a server, unless there is a folder of that name.
    Path::new(url).exists() || url.split_once(':').is_none_or(|(host, _)| host.contains('/'))
}

fn push_here(repository: &Repository, remote: &str, specs: &[String]) -> Result<(), Error> {
    let during = |e| Error::git(format!("push to {}", shown(remote)), e);
    let mut refused = Vec::new();
    {
        let mut callbacks = RemoteCallbacks::new();
        callbacks.push_update_reference(|name, status| {
            if let Some(why) = status {
                refused.push(format!("{name}: {why}"));
            }
            Ok(())
        });
        let mut options = PushOptions::new();
        options.remote_callbacks(callbacks);
        find(repository, remote)?.push(specs, Some(&mut options)).map_err(during)?;
    }
    if refused.is_empty() { Ok(()) } else { Err(Error::input(format!("{remote} refused {}", refused.join(", ")))) }
}

/// Where a remote's name leads as the repository's configuration writes it; what is no such name leads where it says.
fn url_of(repository: &Repository, remote: &str) -> String {
    let config = repository.config().and_then(|mut config| config.snapshot());
    let said = |key: &str| config.as_ref().ok()?.get_string(&format!("remote.{remote}.{key}")).ok();
    said("pushurl").or_else(|| said("url")).unwrap_or_else(|| remote.to_owned())
}

/// The folder of a remote that is one: what a configuration writes is of the top of its repository, wherever the command runs.
fn folder_of(repository: &Repository, remote: &str) -> PathBuf {
    let url = url_of(repository, remote);
    let folder = near::folder_of(&url);
    let base = repository.workdir().unwrap_or_else(|| repository.path());
    if url != remote && folder.is_relative() && base.join(&folder).exists() { base.join(folder) } else { folder }
}

/// A remote in a folder, by its name in the repository's configuration, else by path.
fn find<'r>(repository: &'r Repository, remote: &str) -> Result<git2::Remote<'r>, Error> {
    let url = url_of(repository, remote);
    if is_here(repository, remote) && !folder_of(repository, remote).is_dir() {
        let leads = if url == remote { String::new() } else { format!(", which is {}", shown(&url)) };
        return Err(Error::input(format!(
            "there is no folder `{}`{leads}, and no remote of that name elsewhere: `git remote -v` lists the remotes that there are",
            shown(remote)
        )));
    }
    let found = repository.find_remote(remote).or_else(|_| repository.remote_anonymous(remote));
    let found = found.map_err(|e| Error::git(format!("reach {}", shown(remote)), e))?;
    // What `insteadOf` put in its place is another repository than the one that was named.
    let leads = found.pushurl().ok().flatten().or_else(|| found.url().ok()).unwrap_or_default();
    if leads == url {
        let folder = folder_of(repository, remote);
        if !is_here(repository, remote) || folder == near::folder_of(&url) {
            return Ok(found);
        }
        let found = repository.remote_anonymous(&folder.display().to_string());
        return found.map_err(|e| Error::git(format!("reach {}", shown(remote)), e));
    }
    let message = format!("git's configuration puts {} in the place of {}", shown(leads), shown(&url));
    Err(Error::input(format!("{message}; take `insteadOf` out of it")))
}

/// An empty repository with the objects of another and its references, but nothing of its configuration and no hooks.
struct Borrowing {
    folder: tempfile::TempDir,
    repository: Repository,
}

impl Borrowing {
    #[expect(
        clippy::disallowed_methods,
        reason = "the repository that git is started in is made here and goes with it"
    )]
    fn of(repository: &Repository) -> Result<Self, Error> {
        let tried = |e| Error::git("make a repository to reach a server from", e);
        let folder = tempfile::tempdir().map_err(|e| Error::io("make a folder", e))?;
        let own = Repository::init_bare(folder.path()).map_err(tried)?;
        // The objects that references lead to are seen where git itself looks for those of another.
        let objects = repository.commondir().join("objects");
        let alternates = folder.path().join("objects/info/alternates");
        std::fs::create_dir_all(folder.path().join("objects/info"))
            .and_then(|()| std::fs::write(alternates, format!("{}\n", objects.display())))
            .map_err(|e| Error::io("write a repository's alternates", e))?;
        let shallow = repository.commondir().join("shallow");
        if shallow.exists() {
            std::fs::copy(shallow, folder.path().join("shallow")).map_err(|e| Error::io("copy `shallow`", e))?;
        }
        let own = Repository::open_bare(own.path()).map_err(tried)?;
        let database = repository.odb().map_err(tried)?;
        for reference in repository.references().map_err(tried)?.flatten() {
            // One that leads to nothing is in nobody's way.
            if let (Ok(name), Some(target)) = (reference.name(), reference.target().filter(|id| database.exists(*id))) {
                own.reference(name, target, true, "borrowed").map_err(tried)?;
            }
        }
        Ok(Self { folder, repository: own })
    }

    /// Takes over what was fetched; says which branches could not be taken.
    fn give_back(&self, to: &Repository) -> Result<Vec<Spoilt>, Error> {
        let tried = |e| Error::git("take over what was fetched", e);
        let mut spoilt = Vec::new();
        for reference in self.repository.references_glob(&format!("{FETCHED}*")).map_err(tried)?.flatten() {
            let (Ok(name), Some(target)) = (reference.name(), reference.target()) else { continue };
            let Some(rest) = name.strip_prefix(FETCHED) else { continue };
            let into = format!("refs/{rest}");
            if to.refname_to_id(&into).ok() == Some(target) {
                continue;
            }
            if to.find_commit(target).is_err() {
                spoilt.push(Spoilt::no_commit(&into));
            } else if let Err(error) = to.reference(&into, target, true, "fetch") {
                spoilt.push(Spoilt::of(&into, format!("could not be taken: {}", error.message())));
            }
        }
        Ok(spoilt)
    }
}

#[expect(clippy::disallowed_methods, reason = "the user's git is how the user's servers are reached")]
fn git(repository: &Repository, what: &[&str], remote: &str, specs: &[String]) -> Result<(String, Borrowing), Error> {
    let url = url_of(repository, remote);
    if url.split_once("::").is_some_and(|(helper, _)| helper.bytes().all(|byte| byte.is_ascii_alphanumeric())) {
        let message = format!("{} names a program that would have to be run", shown(&url));
        return Err(Error::input(format!("{message}; name a path, or `ssh://`, `https://` or `git://`")));
    }
    let from = Borrowing::of(repository)?;
    let mut git = Command::new("git");
    // Objects that only an index or a log of references knows are in no reference here: nobody tidies up by these.
    git.args(["-c", "gc.auto=0", "-c", "maintenance.auto=false"]);
    git.arg("--git-dir").arg(from.folder.path()).args(what).arg("--").arg(&url).args(specs);
    // What is fetched lands where it is to stay.
    git.env("GIT_OBJECT_DIRECTORY", repository.commondir().join("objects"));
    git.stdin(Stdio::null()).stdout(Stdio::piped());
    // On a terminal people see git's progress, and what it or a hardware key wants of them, as it happens.
    git.stderr(if io::stderr().is_terminal() { Stdio::inherit() } else { Stdio::piped() });
    let ended = git.spawn().and_then(std::process::Child::wait_with_output);
    let ended = ended.map_err(|e| Error::io(format!("start git to reach {}", shown(remote)), e))?;
    if ended.status.success() {
        return Ok((String::from_utf8_lossy(&ended.stdout).into_owned(), from));
    }
    let (verb, said) = (what.first().unwrap_or(&"talk"), String::from_utf8_lossy(&ended.stderr));
    Err(Error::input(format!("git could not {verb} with {}\n{}", shown(remote), said.trim_end())))
}

/// A remote without the credentials that some people write into URLs.
pub fn shown(remote: &str) -> String {
    match remote.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.split_once('@')?))) {
        Some((scheme, (who, rest))) if who.contains(':') && !who.contains('/') => format!("{scheme}://…@{rest}"),
        _ => remote.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publish::branch;

    #[test]
    fn folders_are_told_from_servers() {
        let folder = tempfile::tempdir().unwrap();
        let repository = Repository::init_bare(folder.path()).unwrap();
        repository.remote("forge", "git@git.example:harbor/agency.git").unwrap();
        repository.remote("disk", "../agency.git").unwrap();
        for here in ["disk", "/srv/agency.git", "file:///srv/agency.git", "./a:b.git", "agency.git"] {
            assert!(is_here(&repository, here), "{here}");
        }
        for away in ["forge", "https://git.example/a.git", "ssh://git@git.example/a.git", "git.example:a.git"] {
            assert!(!is_here(&repository, away), "{away}");
        }
    }

    #[test]
    fn credentials_in_a_url_are_not_said_again() {
        assert_eq!(shown("https://me:secret@git.example/a@b.git"), "https://…@git.example/a@b.git");
        assert_eq!(shown("ssh://git@git.example/a.git"), "ssh://git@git.example/a.git");
        assert_eq!(shown("origin"), "origin");
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "the program that must not run")]
    fn nothing_that_a_repository_configures_is_run_or_leads_elsewhere() {
        let folder = tempfile::tempdir().unwrap();
        let repository = Repository::init(folder.path().join("handed-over")).unwrap();
        let (named, other) = (folder.path().join("named.git"), folder.path().join("other.git"));
        for path in [&named, &other] {
            Repository::init_bare(path).unwrap();
        }
        let (program, ran) = (folder.path().join("program"), folder.path().join("ran"));
        std::fs::write(&program, format!("#!/bin/sh\ntouch {}\n", ran.display())).unwrap();
        std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let run = program.to_str().unwrap();
        let mut config = repository.config().unwrap();
        for key in ["core.sshCommand", "core.fsmonitor", "core.gitProxy", "credential.helper", "core.askPass"] {
            config.set_str(key, run).unwrap();
        }
        config.set_str("protocol.ext.allow", "always").unwrap();
        config.set_str(&format!("url.{}.insteadOf", other.display()), named.to_str().unwrap()).unwrap();
        config.set_str("remote.away.url", "ssh://127.0.0.1:1/agency.git").unwrap();
        config.set_str("remote.helped.url", &format!("ext::{run}")).unwrap();
        for remote in [named.to_str().unwrap(), "away", "helped", "git://127.0.0.1:1/agency.git"] {
            assert!(names(&repository, remote, "release/").is_err(), "{remote}");
            assert!(fetch(&repository, remote, &["release/"]).is_err(), "{remote}");
        }
        assert!(!ran.exists(), "a program of the repository's configuration ran");
        assert_eq!(names(&repository, other.to_str().unwrap(), "release/").unwrap(), BTreeSet::new());
    }

    /// One branch of one agent keeps nobody from reading the others, now and later.
    #[test]
    #[expect(clippy::disallowed_methods, reason = "a damaged server, and the user's git")]
    fn a_branch_that_is_no_commit_stops_no_other() {
        let home = tempfile::tempdir().unwrap();
        let there = Repository::init_bare(home.path().join("there.git")).unwrap();
        let files = [("a.json".to_owned(), b"1".to_vec())].into();
        let at = assent_schema::time::Moment::from_seconds(1_800_000_000);
        for branch in ["release/staging/eu", "status/staging/eu/eu-1"] {
            branch::write(&there, branch, &files, "one", at).unwrap();
        }
        let honest = there.refname_to_id("refs/heads/status/staging/eu/eu-1").unwrap();
        let blob = there.blob(b"no commit").unwrap();
        let spoil = |name: &str, to: &str| {
            let path = there.path().join("refs/heads/status/staging/eu").join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, format!("{to}\n")).unwrap();
        };
        spoil("eu-2", &blob.to_string());
        spoil("eu-3", "00000000000000000000000000000000000000ff");
        spoil("eu-4", "no digest");
        let path = there.path().to_str().unwrap();
        let here = Repository::init_bare(home.path().join("here.git")).unwrap();
        here.remote("origin", path).unwrap();
        // What libgit2 left of an earlier fetch, and a label of a file, which git allows.
        here.reference("refs/remotes/origin/status/staging/eu/eu-1", here.blob(b"no commit").unwrap(), true, "")
            .unwrap();
        here.reference("refs/tags/key", blob, true, "").unwrap();
        let all = ["release/", "status/"];
        for _ in 0..2 {
            let spoilt = fetch(&here, "origin", &all).unwrap();
            let names: Vec<&str> = spoilt.iter().map(|one| one.branch.as_str()).collect();
            assert_eq!(names, ["status/staging/eu/eu-2", "status/staging/eu/eu-3", "status/staging/eu/eu-4"]);
            assert_eq!(branch::tip(&here, "status/staging/eu/eu-1").unwrap(), Some(honest));
        }
        assert!(
            spoilt_text(&fetch(&here, "origin", &all).unwrap())
                .starts_with("the branch status/staging/eu/eu-2 is no commit")
        );
        // The same through git, as a server's.
        let borrowed = Repository::init_bare(home.path().join("away.git")).unwrap();
        let specs: Vec<Spec> =
            all.iter().map(|p| Spec::parse(&format!("+refs/heads/{p}*:refs/heads/{p}*")).unwrap()).collect();
        let aside: Vec<String> = specs.iter().map(Spec::aside).collect();
        std::fs::remove_file(there.path().join("refs/heads/status/staging/eu/eu-3")).unwrap();
        std::fs::remove_file(there.path().join("refs/heads/status/staging/eu/eu-4")).unwrap();
        let (_, from) = git(&borrowed, &["fetch", "--no-tags"], path, &aside).unwrap();
        assert_eq!(from.give_back(&borrowed).unwrap().len(), 1);
        assert_eq!(branch::tip(&borrowed, "status/staging/eu/eu-1").unwrap(), Some(honest));
        assert_eq!(branch::tip(&borrowed, "status/staging/eu/eu-2").unwrap(), None);
    }

    fn spoilt_text(all: &[Spoilt]) -> String {
        all.first().map(ToString::to_string).unwrap_or_default()
    }

    /// A remote that a configuration writes as a path stands beside the repository, wherever the command runs.
    #[test]
    fn a_path_of_the_configuration_is_of_the_top() {
        let home = tempfile::tempdir().unwrap();
        let there = Repository::init_bare(home.path().join("there.git")).unwrap();
        let here = Repository::init(home.path().join("here")).unwrap();
        here.remote("origin", "../there.git").unwrap();
        let folder = folder_of(&here, "origin").canonicalize().unwrap();
        assert_eq!(folder, there.path().canonicalize().unwrap());
        assert_eq!(folder_of(&here, "../there.git"), Path::new("../there.git"));
    }

    #[test]
    fn branches_travel_through_a_folder() {
        let (here, there, elsewhere) =
            (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let repository = Repository::init_bare(here.path()).unwrap();
        Repository::init_bare(there.path()).unwrap();
        let files = [("a.json".to_owned(), b"1".to_vec())].into();
        let at = assent_schema::time::Moment::from_seconds(1_800_000_000);
        let commit = branch::write(&repository, "release/staging/eu", &files, "one", at).unwrap();
        let remote = there.path().to_str().unwrap();
        push(&repository, remote, &["release/staging/eu".to_owned()]).unwrap();
        let other = Repository::init_bare(elsewhere.path()).unwrap();
        fetch(&other, remote, &["release/", "status/"]).unwrap();
        assert_eq!(branch::branches(&other, "release/").unwrap(), ["release/staging/eu"]);
        assert_eq!(branch::tip(&other, "release/staging/eu").unwrap(), Some(commit));
        assert_eq!(branch::tip(&other, "release/staging/us").unwrap(), None);
        assert_eq!(names(&other, remote, "release/").unwrap(), ["release/staging/eu".to_owned()].into());
        assert_eq!(names(&other, remote, "status/").unwrap(), BTreeSet::new());
    }
}
