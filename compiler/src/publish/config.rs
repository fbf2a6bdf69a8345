//! A repository's own configuration, looked at before libgit2 reads it: whoever gave the repository wrote it, and what it
//! includes may be a pipe at which a reader waits for ever.
//!
//! # Source
//! git-config(1), "Includes".

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::error::Error;

/// How deep files may include one another; git itself stops there.
const DEPTH_MOST: usize = 10;
/// The largest file of a configuration, in bytes.
const FILE_MOST_BYTES: u64 = 1 << 20;

/// Looks at the configuration of a repository and at all that it includes, conditionally or not.
///
/// # Errors
/// When a part of it is no plain file, too large, or written so that nobody can tell what it includes.
pub(super) fn look_at(repository: &Path) -> Result<(), Error> {
    let git = repository.join(".git");
    let own = match fs::metadata(&git) {
        Ok(found) if found.is_dir() => git,
        // A work tree beside the repository: the file says where that is.
        Ok(_) => match read(&git)?.as_deref().and_then(|text| text.trim().strip_prefix("gitdir:")) {
            Some(path) => repository.join(path.trim()),
            None => return Ok(()),
        },
        Err(_) => repository.to_path_buf(),
    };
    let common = read(&own.join("commondir"))?.map_or_else(|| own.clone(), |path| own.join(path.trim()));
    for file in [common.join("config"), own.join("config.worktree")] {
        look(&file, DEPTH_MOST)?;
    }
    Ok(())
}

fn look(file: &Path, depth: usize) -> Result<(), Error> {
    let Some(text) = read(file)? else { return Ok(()) };
    let refused = |what: &str| Error::input(format!("{} {what}", file.display()));
    let mut includes = false;
    for line in text.trim_start_matches('\u{feff}').lines().map(str::trim) {
        let lower = line.to_ascii_lowercase();
        let member = match line.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((_, member)) => {
                includes = lower.starts_with("[include");
                member.trim()
            }
            None => line,
        };
        if lower.get(1..).is_some_and(|rest| rest.contains("[include")) && !lower.starts_with(['#', ';']) {
            return Err(refused("includes files in a way that cannot be followed"));
        }
        let Some((_, path)) =
            member.split_once('=').filter(|(key, _)| includes && key.trim().eq_ignore_ascii_case("path"))
        else {
            continue;
        };
        let path = path.trim();
        let path = path.strip_prefix('"').and_then(|path| path.strip_suffix('"')).unwrap_or(path);
        if path.contains(['"', '\\', '#', ';']) {
            return Err(refused("includes files in a way that cannot be followed"));
        }
        let depth =
            depth.checked_sub(1).ok_or_else(|| refused("includes files that include one another without end"))?;
        look(&place(file, path), depth)?;
    }
    Ok(())
}

/// Where an included file is.
fn place(from: &Path, path: &str) -> PathBuf {
    match path.strip_prefix("~/") {
        Some(rest) => std::env::home_dir().unwrap_or_default().join(rest),
        None => from.parent().unwrap_or(Path::new("")).join(path),
    }
}

/// The text of a plain file; nothing where there is none.
fn read(file: &Path) -> Result<Option<String>, Error> {
    let failed = |e| Error::io(format!("read {}", file.display()), e);
    match fs::metadata(file) {
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
        Err(e) => return Err(failed(e)),
        Ok(found) if !found.is_file() || found.len() > FILE_MOST_BYTES => {
            let what = "is part of the repository's configuration, and no plain file, or too large";
            return Err(Error::input(format!("{} {what}", file.display())));
        }
        Ok(_) => {}
    }
    let bytes = fs::read(file).map_err(failed)?;
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests write what is then looked at")]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_includes_plain_files_alone() {
        let folder = tempfile::tempdir().unwrap();
        git2::Repository::init(folder.path()).unwrap();
        let config = folder.path().join(".git/config");
        let plain = fs::read_to_string(&config).unwrap();
        fs::write(folder.path().join("more"), "[user]\n\tname = A\n").unwrap();
        let looked = |more: &str| {
            fs::write(&config, format!("{plain}{more}")).unwrap();
            look_at(folder.path()).map_err(|e| e.to_string())
        };
        for good in [
            "",
            "[include]\n\tpath = ../more\n",
            "[include] path = \"../more\"\n",
            "[includeIf \"gitdir:/x/\"]\npath = ../nowhere\n",
            "# [include]\n[core]\n\tpath = /dev/zero\n",
        ] {
            assert_eq!(looked(good), Ok(()), "{good}");
        }
        for bad in [
            "[include]\n\tpath = /dev/zero\n",
            "[INCLUDE]\nPATH=/dev/zero",
            "[includeIf \"gitdir:/x/\"] path = /dev/zero\n",
            "[core] a = 1 [include] path = /dev/zero\n",
            "[include]\n\tpath = /dev/\"zero\"\n",
            "[include]\n\tpath = config\n",
        ] {
            assert!(looked(bad).is_err(), "{bad}");
        }
        fs::remove_file(&config).unwrap();
        fs::create_dir(&config).unwrap();
        assert!(look_at(folder.path()).is_err(), "no plain file");
    }
}
