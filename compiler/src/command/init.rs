//! `assent init`: a small source repository to begin with.

use std::path::{Path, PathBuf};

use git2::{Repository, RepositoryInitOptions};
use include_dir::{Dir, include_dir};

use super::{Context, Format, Outcome};
use crate::error::Error;
use crate::publish::sign::write;

static TEMPLATE: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/template");
/// Files that stand under another name here, so that git does not obey them in this project's own repository.
const HIDDEN: [(&str, &str); 2] = [("gitattributes", ".gitattributes"), ("gitignore", ".gitignore")];

/// Writes a small source repository: one client, one workflow with its scenarios, and the catalog entries that it needs.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The folder; it is made, or is empty but for `.git`.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
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
    let mut files = Vec::new();
    write_folder(&TEMPLATE, folder, &mut files)?;
    files.sort();
    if Repository::discover(folder).is_err() {
        let mut options = RepositoryInitOptions::new();
        let tried = |e| Error::git(format!("make a repository in {}", folder.display()), e);
        Repository::init_opts(folder, options.initial_head("main")).map_err(tried)?;
    }
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

fn write_folder(from: &Dir<'_>, to: &Path, written: &mut Vec<String>) -> Result<(), Error> {
    for file in from.files() {
        let path = file.path().display().to_string();
        let name = HIDDEN.iter().find(|(plain, _)| *plain == path).map_or(path.as_str(), |(_, hidden)| hidden);
        write(&to.join(name), file.contents())?;
        written.push(name.to_owned());
    }
    from.dirs().try_for_each(|inner| write_folder(inner, to, written))
}
