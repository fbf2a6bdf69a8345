//! `assent build`: the unsigned bundles of an environment, written to a folder.

use assent_schema::counted::counted;
use std::path::PathBuf;

use serde_json::json;

use super::compiled::{TargetArgs, Wanted, compiled};
use super::elsewhere::write_bundle;
use super::repository::SourceArgs;
use super::{Context, Outcome};
use crate::bundle::assemble;
use crate::error::Error;
use crate::publish::prepare::{Numbering, Target, Terms, gather, published, roots};
use crate::show::findings::Style;

/// Writes the unsigned bundle of each region to a folder. The same commit and instant give the same bytes everywhere.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    source: SourceArgs,
    #[command(flatten)]
    target: TargetArgs,
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
    let wanted = Wanted { target: &args.target, believed: &[], format: args.format };
    let Some(compiled) = compiled(&args.source, &wanted, context)? else { return Ok(Outcome::Findings) };
    let generation = roots(&compiled.checked)?.newest().generation;
    let mut rows = Vec::new();
    for region in &compiled.regions {
        let target = Target { environment: args.target.environment.clone(), region: region.clone() };
        let before = published(&compiled.repository, &target, &[])?;
        let numbering = Numbering::after(before.as_ref(), generation);
        let rehearsals = compiled.rehearsals_of(region);
        let (source, at) = (compiled.source.clone(), compiled.at);
        let terms =
            Terms { source, at, numbering, readmitted: Vec::new(), rehearsals, authors: compiled.authors_of(region) };
        let bundle = assemble(gather(&compiled.checked, &target, terms, before.as_ref())?)
            .map_err(|e| Error::internal("write the bundle", e))?;
        let folder = args.out.join(region.as_str());
        write_bundle(&folder, &bundle)?;
        let (workflows, files) = (bundle.manifest.active.len(), bundle.files.len() + 1);
        let (folder, manifest) = (folder.display().to_string(), bundle.digest());
        if args.format != Style::Json {
            context.print(&format!(
                "{folder}: {}, {}, manifest {manifest}\n",
                counted(workflows, "workflow"),
                counted(files, "file")
            ))?;
        }
        rows.push(json!({ "folder": folder, "workflows": workflows, "files": files, "manifest": manifest }));
    }
    if args.format == Style::Json {
        context.print_json(&json!({ "bundles": rows }))?;
    }
    Ok(Outcome::Fine)
}
