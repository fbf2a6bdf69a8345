//! `assent schema`: JSON Schemas for every kind of file of a source repository, so that editors know the keys.

use std::path::{Path, PathBuf};

use assent_schema::named;
use assent_schema::nearest::nearest;
use serde_json::json;

use super::{Context, Format, Outcome};
use crate::error::Error;
use crate::named::read_if_there;
use crate::parse::keys::{KINDS, Kind};
use crate::publish::place::put;
use crate::show::schema::{FOLDER, OURS, file_name, schema, taplo};

/// Prints the JSON Schema of a kind of file, lists the kinds, or writes all schemas for editors.
///
/// Editors that know taplo (Even Better TOML in VS Code among them) then complete keys, explain them, and mark what is
/// misspelled. The compiler does not read these files: what it takes is what it was built with, and the schemas are printed
/// from the same table.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The kind of file, like workflow.
    #[arg(value_name = "KIND")]
    kind: Option<String>,
    /// List the kinds.
    #[arg(long, conflicts_with_all = ["kind", "out"])]
    list: bool,
    /// Write all schemas to `schema/` in this source repository, and a `taplo.toml` that binds them to its files.
    #[arg(long, value_name = "DIR", conflicts_with = "kind")]
    out: Option<PathBuf>,
    /// Output format.
    #[arg(long, default_value = "human")]
    format: Format,
}

/// Runs the command.
///
/// # Errors
/// When there is no such kind, or a file cannot be written.
pub(super) fn run(args: &Args, context: &mut Context<'_>) -> Result<Outcome, Error> {
    match (&args.kind, &args.out) {
        (Some(name), _) => {
            let kind = KINDS.iter().find(|kind| kind.name == name).ok_or_else(|| no_such_kind(name))?;
            context.print_json(&schema(kind))?;
        }
        (None, Some(folder)) => write_all(folder, args.format, context)?,
        (None, None) => list(args.format, context)?,
    }
    Ok(Outcome::Fine)
}

fn no_such_kind(name: &str) -> Error {
    let next = match nearest(name, KINDS.iter().map(|kind| kind.name)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "`assent schema --list` lists all of them".into(),
    };
    Error::input(format!("there is no kind of file `{}`; {next}", name.escape_debug()))
}

fn list(format: Format, context: &mut Context<'_>) -> Result<(), Error> {
    match format {
        Format::Json => {
            let row = |kind: &&Kind| json!({ "kind": kind.name, "paths": kind.paths, "about": kind.about });
            context.print_json(&KINDS.iter().map(row).collect::<Vec<_>>())
        }
        Format::Human => KINDS.iter().try_for_each(|kind| {
            let paths = if kind.paths.is_empty() { "texts/*.md, its head".to_owned() } else { kind.paths.join(", ") };
            context.print(&format!("{:<13} {}\n{:13} {paths}\n", kind.name, kind.about, ""))
        }),
    }
}

fn write_all(folder: &Path, format: Format, context: &mut Context<'_>) -> Result<(), Error> {
    let mut files = Vec::new();
    for kind in KINDS {
        let path = format!("{FOLDER}/{}", file_name(kind));
        let text = format!("{:#}\n", schema(kind));
        put(&folder.join(&path), text.as_bytes())?;
        files.push(path);
    }
    let binding = folder.join("taplo.toml");
    let bound = is_ours(&binding)?;
    if bound {
        put(&binding, taplo().as_bytes())?;
        files.push("taplo.toml".into());
    }
    match format {
        Format::Json => context.print_json(&json!({ "files": files, "bound": bound }))?,
        Format::Human => context.print(&format!("wrote {} files to {}\n", files.len(), folder.display()))?,
    }
    if !bound {
        context.note(&format!(
            "{} is your own and was left as it is. It needs these rules:\n\n{}",
            binding.display(),
            taplo().trim_start_matches(OURS)
        ))?;
    }
    Ok(())
}

/// Whether the configuration is not there yet, or was written by this command: nobody's file is overwritten.
fn is_ours(path: &Path) -> Result<bool, Error> {
    Ok(read_if_there(path, named::Kind::Editor)?.is_none_or(|there| there.starts_with(OURS.as_bytes())))
}
