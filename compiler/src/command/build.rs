//! `assent build`: the unsigned bundles of an environment, written to a folder.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use assent_schema::id::{Environment, Region};
use serde_json::json;

use super::compiled::{Wanted, compiled};
use super::repository::SourceArgs;
use super::{Context, Outcome};
use crate::bundle::assemble;
use crate::error::Error;
use crate::publish::place;
use crate::publish::prepare::{Numbering, Target, Terms, gather, published, roots};
use crate::show::findings::Style;

/// Writes the unsigned bundle of each region to a folder. The same commit and instant give the same bytes everywhere.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    source: SourceArgs,
    /// The environment that it is for.
    #[arg(long, value_name = "ENVIRONMENT")]
    environment: Environment,
    /// The region that it is for; all that have clients, unless said.
    #[arg(long = "region", value_name = "REGION")]
    regions: Vec<Region>,
    /// The folder that takes a folder for each region.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Output format.
    #[arg(long, default_value = "human")]
    format: Style,
}

/// Runs the command.
///
/// # Errors
/// When there is no such repository, commit or environment, or the folder cannot be written.
pub(super) fn run(args: &Args, context: &mut Context<'_>) -> Result<Outcome, Error> {
    let wanted = Wanted { environment: &args.environment, regions: &args.regions, believed: &[], format: args.format };
    let Some(compiled) = compiled(&args.source, &wanted, context)? else { return Ok(Outcome::Findings) };
    let generation = roots(&compiled.checked)?.newest().generation;
    let mut rows = Vec::new();
    for region in &compiled.regions {
        let target = Target { environment: args.environment.clone(), region: region.clone() };
        let before = published(&compiled.repository, &target, &[])?;
        let numbering = Numbering::after(before.as_ref(), generation);
        let rehearsals = compiled.rehearsals_of(region);
        let (source, at) = (compiled.source.clone(), compiled.at);
        let terms =
            Terms { source, at, numbering, readmitted: Vec::new(), rehearsals, authors: compiled.authors_of(region) };
        let bundle = assemble(gather(&compiled.checked, &target, terms, before.as_ref())?)
            .map_err(|e| Error::internal("write the bundle", e))?;
        let folder = args.out.join(region.as_str());
        let files = bundle.paths();
        refuse_others(&folder, &files.keys().map(|path| folder.join(path)).collect())?;
        for (path, bytes) in files {
            place::put(&folder.join(path), &bytes)?;
        }
        let (workflows, files) = (bundle.manifest.active.len(), bundle.files.len() + 1);
        let (folder, manifest) = (folder.display().to_string(), bundle.digest());
        if args.format != Style::Json {
            context.print(&format!("{folder}: {workflows} workflows, {files} files, manifest {manifest}\n"))?;
        }
        rows.push(json!({ "folder": folder, "workflows": workflows, "files": files, "manifest": manifest }));
    }
    if args.format == Style::Json {
        context.print_json(&json!({ "bundles": rows }))?;
    }
    Ok(Outcome::Fine)
}

/// A folder with a file beside those of a bundle is none: an agent refuses it, and whoever compares two of them sees a
/// difference that no source makes.
fn refuse_others(folder: &Path, files: &BTreeSet<PathBuf>) -> Result<(), Error> {
    let tried = |e| Error::io(format!("read {}", folder.display()), e);
    let entries = match std::fs::read_dir(folder) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        found => found.map_err(tried)?,
    };
    for entry in entries {
        let entry = entry.map_err(tried)?;
        let (path, kind) = (entry.path(), entry.file_type().map_err(tried)?);
        let holds_some = || files.iter().any(|file| file.starts_with(&path));
        if kind.is_dir() && holds_some() {
            refuse_others(&path, files)?;
        } else if !kind.is_file() || !files.contains(&path) {
            return Err(Error::input(format!(
                "{} is no part of this bundle, and would make another of it: name an empty folder, or remove it first",
                path.display()
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "what stood in the folder before")]
    fn a_folder_that_holds_anything_else_is_refused_whole() {
        let home = tempfile::tempdir().unwrap();
        let files: BTreeSet<PathBuf> = ["manifest.json", "plans/a.json"].map(|path| home.path().join(path)).into();
        let refused = || refuse_others(home.path(), &files).map_err(|error| error.to_string());
        assert!(refuse_others(&home.path().join("not there"), &files).is_ok());
        for file in &files {
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, "{}").unwrap();
            refused().unwrap();
        }
        for other in ["stranger", "plans/b.json", "mine/inner"] {
            let other = home.path().join(other);
            std::fs::create_dir_all(other.parent().unwrap()).unwrap();
            std::fs::write(&other, "").unwrap();
            assert!(refused().unwrap_err().contains("name an empty folder"), "{}", other.display());
            std::fs::remove_file(&other).unwrap();
        }
        assert!(refused().unwrap_err().contains("mine is no part"), "an empty folder is another tree, too");
        std::fs::remove_dir(home.path().join("mine")).unwrap();
        std::os::unix::fs::symlink("manifest.json", home.path().join("manifest2")).unwrap();
        assert!(refused().is_err());
    }
}
