//! Outside programs check what Assent claims.

use std::time::Duration;

use crate::command::demo::agents::now;
use crate::command::demo::source::put;
use crate::command::demo::stage::{PRODUCTION_RELEASE, STAGING_RELEASE, Stage, read, signature_of};
use crate::command::demo::story::Story;
use crate::command::demo::witness::Verdict;
use crate::command::demo::witness::openssl;
use crate::command::demo::witness::ssh_keygen;
use crate::error::Error;

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
    let pem = stage.ledger_key()?;
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

/// Asks `ssh-keygen` about every signature on the release branches.
pub(super) fn verify_signatures(stage: &Stage) -> Result<Verdict, Error> {
    let allowed = stage.allowed_signers()?;
    let scratch = stage.folder.join("signature");
    for name in [STAGING_RELEASE, PRODUCTION_RELEASE] {
        let files = stage.released(name)?;
        for (path, armour) in &files {
            let Some((file, who, namespace)) = signature_of(path, &files) else { continue };
            let Some(bytes) = files.get(&file) else { continue };
            put(&scratch, armour)?;
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
