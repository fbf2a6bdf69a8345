//! `assent trust sign`: one person signs one file, under the namespace that its type has.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use assent_schema::named::Kind;
use assent_schema::trust::Namespace;
use serde_json::json;

use super::Told;
use crate::error::Error;
use crate::named::read_named;
use crate::publish::sign::{KeyFile, NOT_CHECKED, sign_beside};

/// Signs files, each beside itself as `<file>.<person>.sig`. The same as `ssh-keygen -Y sign` with the file's namespace.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The files to sign: roots, approvers, teams, the catalog's lock, manifests.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Who signs, and with which key: a private one, or the public half of one that `ssh-agent` holds.
    #[arg(long = "key", required = true, value_name = "PERSON=KEY")]
    keys: Vec<KeyFile>,
}

pub(super) fn run(args: &Args) -> Result<Told, Error> {
    let (mut text, mut rows) = (String::new(), Vec::new());
    for file in &args.files {
        let namespace = namespace_of(file)?;
        for key in &args.keys {
            let beside = sign_beside(file, namespace, key)?;
            let (signature, note) =
                (beside.path.display().to_string(), if beside.is_checked { "" } else { NOT_CHECKED });
            // Writing to a `String` cannot fail.
            let _written = writeln!(text, "signed as {namespace}: {signature}{note}");
            let (file, person, namespace) = (file.display().to_string(), &key.person, namespace.as_str());
            rows.push(json!({ "file": file, "person": person, "namespace": namespace, "signature": signature }));
        }
    }
    Ok(Told { text, value: json!({ "signed": rows }) })
}

/// The namespace of a signed file, by the `type` that it begins with.
pub(in super::super) fn namespace_of(file: &Path) -> Result<Namespace, Error> {
    let is_json = file.extension().is_some_and(|e| e == "json");
    let bytes = read_named(file, if is_json { Kind::Signed } else { Kind::SignedToml })?;
    let kind = if is_json { json_type(&bytes) } else { toml_type(&bytes) };
    let namespace = match kind.as_deref() {
        Some("root") => Namespace::Trust,
        Some("approvers") => Namespace::Approvers,
        Some("teams") => Namespace::Teams,
        Some("catalog") => Namespace::Catalog,
        Some("approval") => Namespace::Approval,
        Some("release") => Namespace::Release,
        Some("freshness") => Namespace::Freshness,
        Some("decision") => Namespace::Decision,
        _ => {
            return Err(Error::input(format!(
                "{} is of no type that people sign: its first line says `type = \"root\"`, `approvers`, `teams`, `catalog` or `approval`, as `assent trust` and `assent plan --draft` write it",
                file.display()
            )));
        }
    };
    Ok(namespace)
}

fn json_type(bytes: &[u8]) -> Option<String> {
    let value = assent_schema::canon::parse(bytes).ok()?;
    value.get("type")?.as_str().map(str::to_owned)
}

fn toml_type(bytes: &[u8]) -> Option<String> {
    let table: toml::Table = std::str::from_utf8(bytes).ok()?.parse().ok()?;
    table.get("type")?.as_str().map(str::to_owned)
}
