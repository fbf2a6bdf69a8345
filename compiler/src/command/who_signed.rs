//! What `assent check` says by itself of who signed the commits: what `assent release` would, as far as the repository tells.

use assent_schema::finding::Findings;
use assent_schema::id::Environment;
use git2::{Oid, Repository};

use crate::check::unassigned_author;
use crate::error::Error;
use crate::publish::since::{Since, since};
use crate::publish::standing::roots_of_source;
use crate::show::findings::WhoSigned;
use crate::source::{Change, Parts, changes_beside};

/// Judges who signed what a commit brings to what was released last; to its first parent where no release is known here.
///
/// What cannot be judged is told and no error: a check is about the files, and a release asks again.
///
/// # Errors
/// When the repository cannot be read.
pub(super) fn judge(
    repository: &Repository,
    commit: Oid,
    parts: &dyn Parts,
    environment: Option<&Environment>,
    findings: &mut Findings,
) -> Result<WhoSigned, Error> {
    // Roots that do not hold are a finding of their own.
    let Ok(roots) = roots_of_source(repository, commit) else {
        return Ok(WhoSigned::Unknown("it has no root that holds".to_owned()));
    };
    let mut judge =
        |changes: &[Change]| unassigned_author::judge(changes, repository, Some(&roots), parts, findings).map(drop);
    match since(repository, commit, &roots, environment)? {
        Since::Nowhere(why) => Ok(WhoSigned::Unknown(why)),
        Since::Parent(parent, why) => match changes_beside(repository, Some(parent), commit) {
            Ok(changes) => {
                judge(&changes)?;
                Ok(WhoSigned::Newest(why.unwrap_or_else(|| "no release is known here".to_owned())))
            }
            Err(why) => Ok(WhoSigned::Unknown(why.to_string())),
        },
        Since::Released(bases) => {
            for base in bases {
                match changes_beside(repository, base, commit) {
                    Ok(changes) => judge(&changes)?,
                    Err(why) => return Ok(WhoSigned::Unknown(why.to_string())),
                }
            }
            Ok(WhoSigned::Judged)
        }
    }
}
