//! Outside programs check what Assent claims.

use std::path::PathBuf;
use std::time::Duration;

use assent_schema::id::ClientId;

use super::RELEASES;
use super::line;
use super::read;
use super::{PRODUCTION, Stage};
use crate::command::demo::agents::now;
use crate::command::demo::source::put;
use crate::command::demo::story::Story;
use crate::command::demo::witness::Verdict;
use crate::command::demo::witness::openssl;
use crate::command::demo::witness::ssh_keygen;
use crate::error::Error;
use crate::publish::branch;

pub(super) fn check(stage: &mut Stage, story: &mut Story<'_, '_>) -> Result<(), Error> {
    story.chapter("Anyone can check")?;
    let began = now();
    let own = stage.production.call(&["ledger", "verify"]);
    let acme = stage.production.call(&["ledger", "verify", "acme"]);
    story.tell(
        own.is_ok() && acme.is_ok(),
        "`assent-agent ledger verify` checks every entry, the tree over them and its signed head.",
        &["P10", "P11"],
        began.elapsed(),
    )?;

    let began = now();
    let exports = stage.folder.join("exports");
    std::fs::create_dir_all(&exports).map_err(|e| Error::io("make a folder for exports", e))?;
    stage.production.call(&["ledger", "export", "--all", &exports.display().to_string()])?;
    let text = String::from_utf8_lossy(&read(&exports.join("acme.ledger"))?).into_owned();
    let (_, note) = text.split_once("\n\n").ok_or_else(|| Error::input("the export has no checkpoint"))?;
    let pem = ledger_key(stage)?;
    let scratch = stage.folder.join("openssl");
    let verdict = openssl(&scratch, note, &pem)?;
    told(
        story,
        &verdict,
        "`openssl` verifies the checkpoint of the exported ledger.",
        &["P11", "P14"],
        began.elapsed(),
    )?;

    let began = now();
    let verdict = verify_signatures(stage)?;
    told(
        story,
        &verdict,
        "`ssh-keygen` verifies every signature on both release branches.",
        &["P16", "P25"],
        began.elapsed(),
    )
}

/// Tells what an outside program said; one that is not installed neither holds nor breaks.
pub(super) fn told(
    story: &mut Story<'_, '_>,
    verdict: &Verdict,
    sentence: &str,
    promises: &[&'static str],
    took: Duration,
) -> Result<(), Error> {
    match verdict {
        Verdict::Good => story.holds(sentence, promises, took),
        Verdict::Bad(why) => {
            story.breaks(sentence, promises, took)?;
            story.detail(why)
        }
        Verdict::Absent(program) => {
            story.detail(&format!("skipped: {program} is not installed, so it cannot check: {sentence}"))
        }
    }
}

/// Writes what `ssh-keygen` needs to know of everybody's keys.
pub(super) fn allowed_signers(stage: &Stage) -> Result<PathBuf, Error> {
    let allowed = stage.folder.join("allowed_signers");
    put(&allowed, stage.agency.assent(&line(&["trust", "allowed-signers"]))?.as_bytes())?;
    Ok(allowed)
}

pub(super) fn ledger_key(stage: &Stage) -> Result<String, Error> {
    let keys = stage.agency.assent(&line(&["trust", "ledger-keys", "--pem"]))?;
    let wanted = format!("# assent/harbor/{PRODUCTION}/acme\n");
    let (_, rest) =
        keys.split_once(&wanted).ok_or_else(|| Error::input("there is no ledger key of the production agent"))?;
    Ok(rest.split("\n# ").next().unwrap_or_default().to_owned() + "\n")
}

/// Asks `ssh-keygen` about every signature on the release branches.
pub(super) fn verify_signatures(stage: &Stage) -> Result<Verdict, Error> {
    let allowed = allowed_signers(stage)?;
    let remote = branch::open(&stage.agency.remote)?;
    let scratch = stage.folder.join("signature");
    for name in RELEASES {
        let tip = branch::tip(&remote, name)?.ok_or_else(|| Error::input(format!("{name} is missing")))?;
        let files = branch::read(&remote, tip)?;
        for (path, armour) in files.iter().filter(|(path, _)| path.ends_with(".sig")) {
            let Some((file, who, namespace)) = signature_of(path) else { continue };
            let Some(bytes) = files.get(&file) else { continue };
            put(&scratch, armour)?;
            let who = principal(&file, &who, bytes);
            let verdict = ssh_keygen(&allowed, &who, namespace, &scratch, bytes)?;
            if verdict != Verdict::Good {
                return Ok(match verdict {
                    Verdict::Bad(why) => Verdict::Bad(format!("{name} {path}: {why}")),
                    other => other,
                });
            }
        }
    }
    Ok(Verdict::Good)
}

/// The signed file, who signed it, and for what.
pub(super) fn signature_of(path: &str) -> Option<(String, String, &'static str)> {
    let (file, who) = path.strip_suffix(".sig")?.rsplit_once('.')?;
    let namespace = match file.split('/').next()? {
        "manifest.json" => "release@assent",
        "freshness.json" => "freshness@assent",
        "statements" => "approval@assent",
        "rehearsals" => "rehearsal@assent",
        "trust" => match file.split('/').nth(1)? {
            "root" => "trust@assent",
            "teams.toml" => "teams@assent",
            "catalog.lock" => "catalog@assent",
            _ => "approvers@assent",
        },
        _ => return None,
    };
    Some((file.to_owned(), who.to_owned(), namespace))
}

/// The principal in `allowed_signers`: approvers stand under their client, everybody else under the project.
pub(super) fn principal(file: &str, who: &str, bytes: &[u8]) -> String {
    let of_client = if file.starts_with("statements/") {
        let text = String::from_utf8_lossy(bytes);
        text.lines().find_map(|line| line.strip_prefix("client = \"")?.strip_suffix('"')).map(str::to_owned)
    } else {
        file.strip_prefix("trust/approvers/").and_then(|rest| rest.split('/').next()).map(str::to_owned)
    };
    let client = of_client.and_then(|client| client.parse::<ClientId>().ok());
    format!("{who}@{}", client.as_ref().map_or("harbor", ClientId::as_str))
}
