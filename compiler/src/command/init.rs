//! `assent init`: a small source repository to begin with, to be signed by people or, for practice, signed already.

mod practice;

use std::path::{Path, PathBuf};

use git2::{Repository, RepositoryInitOptions};
use include_dir::{Dir, include_dir};

use self::practice::Practice;
use super::{Context, Format, Outcome};
use crate::error::Error;
use crate::publish::place::put;

static TEMPLATE: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/template");
/// Files that stand under another name here, so that git does not obey them in this project's own repository.
const HIDDEN: [(&str, &str); 2] = [("gitattributes", ".gitattributes"), ("gitignore", ".gitignore")];

/// Writes a small source repository: one client, one workflow with its scenarios, and the catalog entries that it needs.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The folder; it is made, or is empty but for `.git`.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Signs and commits everything with keys made for it, and makes a remote and a staging agent, all in a folder beside DIR:
    /// to try every command at once. Nobody's data may ever be entrusted to these keys.
    #[arg(long)]
    practice: bool,
    /// Output format.
    #[arg(long, default_value = "human")]
    format: Format,
}

/// Runs the command.
///
/// # Errors
/// When the folder holds something already, or cannot be written.
pub(super) fn run(args: &Args, context: &mut Context<'_>) -> Result<Outcome, Error> {
    let folder = &args.folder;
    refuse_full(folder)?;
    refuse_inside(folder)?;
    if args.practice {
        return practise(args, context);
    }
    let mut files = Vec::new();
    let (was_there, was_repository) = (folder.exists(), folder.join(".git").exists());
    let made = write_folder(&TEMPLATE, folder, &mut files).and_then(|()| make_repository(folder));
    if let Err(error) = made {
        // On a full disk as elsewhere: what is half there would be in the way of the next call.
        if !was_repository {
            drop(std::fs::remove_dir_all(folder.join(".git")));
        }
        take_back(folder, &files, was_there);
        return Err(error);
    }
    files.sort();
    match args.format {
        Format::Json => context.print_json(&serde_json::json!({ "folder": folder.display().to_string(), "files": files }))?,
        Format::Human => context.print(&format!(
            "wrote {} files to {place}\n\nNext:\n  cd {place}\n  assent check --worktree   (says what people still have to sign)\n  README.md                 (in which order it is signed and committed)\n",
            files.len(),
            place = folder.display()
        ))?,
    }
    Ok(Outcome::Fine)
}

/// The same, signed by everybody whom it takes, with keys that are good for nothing else.
fn practise(args: &Args, context: &mut Context<'_>) -> Result<Outcome, Error> {
    let folder = std::path::absolute(&args.folder).map_err(|e| Error::io("find the folder", e))?;
    let practice = Practice::beside(&folder, context.now())?;
    let was_there = folder.exists();
    let mut files = Vec::new();
    let made = write_folder(&TEMPLATE, &folder, &mut files)
        .and_then(|()| make_repository(&folder))
        .and_then(|()| practice.play());
    if let Err(error) = made {
        practice.take_back(was_there);
        return Err(error);
    }
    match args.format {
        Format::Json => context.print_json(&practice.json(&args.folder))?,
        Format::Human => context.print(&practice.words(&args.folder))?,
    }
    Ok(Outcome::Fine)
}

/// Nobody's files are overwritten.
fn refuse_full(folder: &Path) -> Result<(), Error> {
    let tried = |e| Error::io(format!("read {}", folder.display()), e);
    let entries = match std::fs::read_dir(folder) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        found => found.map_err(tried)?,
    };
    for entry in entries {
        if entry.map_err(tried)?.file_name() != ".git" {
            let folder = folder.display();
            return Err(Error::input(format!(
                "{folder} is not empty; name a new folder, like `assent init workflows`"
            )));
        }
    }
    Ok(())
}

/// A folder of another repository would be a part of its commits, and a source is a repository of its own.
fn refuse_inside(folder: &Path) -> Result<(), Error> {
    let above = folder.ancestors().find(|above| above.exists() && !above.as_os_str().is_empty());
    let above = above.unwrap_or(Path::new("."));
    let Ok(repository) = Repository::discover(above) else { return Ok(()) };
    let top = repository.workdir().unwrap_or_else(|| repository.path());
    if folder.canonicalize().is_ok_and(|folder| top.canonicalize().is_ok_and(|top| top == folder)) {
        return Ok(());
    }
    Err(Error::input(format!(
        "{folder} would be a part of the repository {top}, and a source is a repository of its own: `git init {folder}` first if it is to be one inside of that, or name a folder elsewhere",
        folder = folder.display(),
        top = top.display(),
    )))
}

fn make_repository(folder: &Path) -> Result<(), Error> {
    if folder.join(".git").exists() && Repository::open(folder).is_ok() {
        return Ok(());
    }
    let mut options = RepositoryInitOptions::new();
    let tried = |e| Error::git(format!("make a repository in {}", folder.display()), e);
    Repository::init_opts(folder, options.initial_head("main")).map(drop).map_err(tried)
}

/// Removes what was written, and the folders that are empty then.
fn take_back(folder: &Path, files: &[String], was_there: bool) {
    for file in files {
        drop(std::fs::remove_file(folder.join(file)));
        let above = Path::new(file).ancestors().skip(1).filter(|above| !above.as_os_str().is_empty());
        // Only an empty one goes.
        above.for_each(|above| drop(std::fs::remove_dir(folder.join(above))));
    }
    // The folder that could be made and the file in it not.
    let empty = TEMPLATE.dirs().map(Dir::path).chain([Path::new("")]);
    for inner in empty.filter(|inner| !was_there || !inner.as_os_str().is_empty()) {
        drop(std::fs::remove_dir(folder.join(inner)));
    }
}

fn write_folder(from: &Dir<'_>, to: &Path, written: &mut Vec<String>) -> Result<(), Error> {
    for file in from.files() {
        let path = file.path().display().to_string();
        let name = HIDDEN.iter().find(|(plain, _)| *plain == path).map_or(path.as_str(), |(_, hidden)| hidden);
        // Told before it is there, so that what is half there is taken back too.
        written.push(name.to_owned());
        put(&to.join(name), file.contents())?;
    }
    from.dirs().try_for_each(|inner| write_folder(inner, to, written))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a full disk leaves is what was there before.
    #[test]
    #[expect(clippy::disallowed_methods, reason = "what is in the way of a file")]
    fn a_call_that_failed_can_be_repeated() {
        let home = tempfile::tempdir().unwrap();
        for was_there in [false, true] {
            let folder = home.path().join(format!("source-{was_there}"));
            if was_there {
                std::fs::create_dir(&folder).unwrap();
            }
            let mut files = Vec::new();
            write_folder(&TEMPLATE, &folder, &mut files).unwrap();
            take_back(&folder, &files, was_there);
            assert_eq!(folder.exists(), was_there);
            refuse_full(&folder).unwrap();
        }
        // Of one that failed at some file.
        let folder = home.path().join("part");
        let mut files = vec!["README.md".to_owned(), "clients/acme/client.toml".to_owned()];
        std::fs::create_dir_all(folder.join("clients/acme")).unwrap();
        std::fs::write(folder.join("README.md"), "").unwrap();
        files.push("catalog/integrations/helpdesk.toml".to_owned());
        std::fs::create_dir_all(folder.join("catalog/integrations")).unwrap();
        take_back(&folder, &files, false);
        assert!(!folder.exists());
    }

    #[test]
    fn a_folder_of_another_repository_is_refused_unless_it_is_one_itself() {
        let home = tempfile::tempdir().unwrap();
        Repository::init(home.path()).unwrap();
        refuse_inside(home.path()).unwrap();
        let inner = home.path().join("tools/workflows");
        let refused = refuse_inside(&inner).unwrap_err().to_string();
        assert!(refused.contains("git init"), "{refused}");
        Repository::init(&inner).unwrap();
        refuse_inside(&inner).unwrap();
    }
}
