//! What is kept of the agent's own repository, and what is done with it afterwards.

use assent_schema::canon::Digest;
use assent_schema::time::Moment;

use super::super::transfer::{Bounds, Request, Task, work};
use super::super::{push, read, shelf};
use super::*;
use crate::config::Repository as Other;

const STATUS: &str = "status/production/eu/eu-1";
const RELEASES: &str = "release/production/eu";

struct Site {
    here: tempfile::TempDir,
    there: tempfile::TempDir,
}

impl Site {
    fn new() -> Self {
        let site = Self { here: tempfile::tempdir().unwrap(), there: tempfile::tempdir().unwrap() };
        read::prepare(site.here.path()).unwrap();
        Repository::init_bare(site.there.path()).unwrap();
        site
    }

    /// One with two releases that were taken up, and a status of which the second form was not pushed yet.
    fn with_two_releases() -> (Self, [(Digest, String); 2]) {
        let site = Self::new();
        let releases = [site.takes("a"), site.takes("b")];
        site.says("1");
        site.push().unwrap();
        site.says("2");
        (site, releases)
    }

    fn work(&self, task: Task) -> Result<String, PullFailure> {
        let limits = Bounds { bytes: 1 << 26, memory_bytes: 1 << 30, cpu_seconds: 10 };
        let other = Other::Path(self.there.path().to_owned());
        work(&Request { repository: self.here.path().to_owned(), other, task, limits }, None)
    }

    fn push(&self) -> Result<String, PullFailure> {
        let pushed = self.work(Task::Push { branch: STATUS.into(), into: STATUS.into() })?;
        super::pushed(self.here.path(), STATUS, &pushed)?;
        Ok(pushed)
    }

    fn fetch(&self, branch: &str) -> String {
        let into = "refs/quarantine/release".to_owned();
        self.work(Task::Fetch { branch: branch.into(), into, known: None }).unwrap()
    }

    fn says(&self, text: &str) {
        let files = [("status.json".to_owned(), text.as_bytes().to_vec())].into();
        push::commit(self.here.path(), STATUS, &files, Moment::from_seconds(1)).unwrap();
    }

    /// Puts a release with one plan there, and takes it up.
    fn takes(&self, plan: &str) -> (Digest, String) {
        let name = Digest::of_file(plan.as_bytes());
        let files = [(format!("plans/{name}.json"), plan.as_bytes().to_vec())].into();
        push::commit(self.there.path(), RELEASES, &files, Moment::from_seconds(1)).unwrap();
        let commit = self.fetch(RELEASES);
        let manifest = Digest::of_file(commit.as_bytes());
        shelf::keep(self.here.path(), &manifest, &commit).unwrap();
        (name, commit)
    }

    /// What is to be kept is there, with all of its files.
    fn holds(&self, releases: &[(Digest, String)], status: &str) {
        let here = self.here.path();
        for (plan, commit) in releases {
            assert!(read::read(here, commit).is_ok(), "{commit}");
            assert_eq!(shelf::plans(here, &[*plan].into()).unwrap().len(), 1);
        }
        let tip = Repository::open_bare(here).unwrap().refname_to_id(&format!("refs/heads/{STATUS}")).unwrap();
        let said = read::read_one(here, &tip.to_string(), "status.json").unwrap();
        assert_eq!(said.as_deref(), Some(status.as_bytes()));
    }

    fn theirs(&self) -> Repository {
        Repository::open_bare(self.there.path()).unwrap()
    }
}

fn noise(seed: u32) -> Vec<u8> {
    (0..200_000_u32).flat_map(|n| (n ^ seed).wrapping_mul(2_654_435_761).rotate_left(seed % 31).to_le_bytes()).collect()
}

#[test]
fn what_nothing_needs_goes_and_what_is_kept_stays_whole() {
    let (site, releases) = Site::with_two_releases();
    let here = site.here.path();
    compact(here).unwrap();
    let least = size(here);
    for seed in 0..5 {
        let files = [("junk".to_owned(), noise(seed))].into();
        push::commit(site.there.path(), "stranger", &files, Moment::from_seconds(2)).unwrap();
        site.fetch("stranger");
    }
    assert!(is_grown(size(here), least));
    // What a process left that was ended.
    durable::put(&here.join("objects/pack/pack_git2_x"), &noise(9)).unwrap();
    compact(here).unwrap();
    assert_eq!(size(here), least);
    site.holds(&releases, "2");
    assert_eq!(indexes(&here.join("objects/pack")).unwrap().len(), 1);
    assert_eq!(listed(&here.join("objects/pack")).unwrap().len(), 3, "one pack, its index and what it weighs");
    assert!(loose(&Repository::open_bare(here).unwrap()).unwrap().is_empty());
    // It is weighed as any other, and found light.
    super::super::weigh::packs(&Repository::open_bare(here).unwrap()).unwrap();
    let marks = listed(&here.join("objects/pack")).unwrap();
    let mark = marks.iter().find(|file| file.extension().is_some_and(|e| e == "weighed")).unwrap();
    assert_eq!(mark.metadata().unwrap().len(), 0);
    compact(here).unwrap();
    site.holds(&releases, "2");
}

/// Files as changes of each other cost whoever reads them, and finding out of which costs whoever brings them.
#[test]
fn what_is_brought_is_written_as_it_is() {
    let site = Site::new();
    // Alike enough to be changes of one another, and each heavy if it were.
    let file = |n: u8| (format!("plans/{}.json", Digest::of_file(&[n])), [noise(1), vec![n]].concat());
    push::commit(site.there.path(), RELEASES, &(0..4).map(file).collect(), Moment::from_seconds(1)).unwrap();
    site.fetch(RELEASES);
    let there: Vec<PathBuf> = listed(&site.here.path().join("objects/pack")).unwrap();
    let pack = there.iter().find(|file| file.extension().is_some_and(|e| e == "pack")).unwrap();
    let index = Index::parse(std::fs::read(pack.with_extension("idx")).unwrap()).unwrap();
    let bytes = std::fs::read(pack).unwrap();
    let (mut changes, mut files) = (0, 0);
    for number in 0..index.count() {
        let kind = bytes[usize::try_from(index.place(number).unwrap()).unwrap()] >> 4 & 7;
        changes += usize::from(kind > 5);
        files += usize::from(kind == 3);
    }
    assert_eq!((changes, files), (0, 4));
}

#[test]
fn whatever_a_crash_leaves_all_that_is_kept_is_there() {
    let (site, releases) = Site::with_two_releases();
    let here = site.here.path();
    // It ends when it has written the pack, before anything that is kept goes from where it was.
    let before = listed(&here.join("objects/pack")).unwrap();
    let copies: Vec<(PathBuf, Vec<u8>)> = before.iter().map(|f| (f.clone(), std::fs::read(f).unwrap())).collect();
    let shallow = here.join(SHALLOW);
    std::fs::DirBuilder::new().create(&shallow).unwrap();
    assert!(compact(here).is_err());
    site.holds(&releases, "2");
    std::fs::remove_dir(&shallow).unwrap();
    // It ends with some packs gone and an index left without its pack, or the other way round.
    compact(here).unwrap();
    for (number, (file, bytes)) in copies.iter().enumerate() {
        if number % 3 != 1 {
            durable::put(file, bytes).unwrap();
        }
    }
    site.holds(&releases, "2");
    compact(here).unwrap();
    site.holds(&releases, "2");
    // Nothing goes where something that is kept is lost.
    let pack = indexes(&here.join("objects/pack")).unwrap().pop().unwrap();
    let away = here.join("away");
    std::fs::rename(&pack, &away).unwrap();
    assert_eq!(compact(here), Err(PullFailure::Broken));
    std::fs::rename(&away, &pack).unwrap();
    site.holds(&releases, "2");
}

#[test]
fn an_own_branch_goes_on_from_where_it_was_cut_off() {
    let site = Site::new();
    let here = site.here.path();
    let tip = || site.theirs().refname_to_id(&format!("refs/heads/{STATUS}")).unwrap();
    for text in ["1", "2"] {
        site.says(text);
        site.push().unwrap();
    }
    compact(here).unwrap();
    site.says("3");
    compact(here).unwrap();
    site.says("4");
    compact(here).unwrap();
    site.push().unwrap();
    let theirs = site.theirs();
    let commit = theirs.find_commit(tip()).unwrap();
    let before = commit.parent(0).unwrap().parent(0).unwrap();
    assert_eq!(before.parent_count(), 1, "what was pushed before is there still");
    compact(here).unwrap();
    // Somebody winds it back to what is not here any more.
    let first = before.parent_id(0).unwrap();
    site.theirs().reference(&format!("refs/heads/{STATUS}"), first, true, "").unwrap();
    site.says("5");
    assert_eq!(site.push(), Err(PullFailure::PushRefused));
    let stands = site.fetch(STATUS);
    push::after(here, STATUS, &stands, Moment::from_seconds(3)).unwrap();
    compact(here).unwrap();
    site.push().unwrap();
    assert_eq!(site.theirs().find_commit(tip()).unwrap().parent_id(0).unwrap(), first);
    compact(here).unwrap();
    // Somebody takes it away.
    site.theirs().find_reference(&format!("refs/heads/{STATUS}")).unwrap().delete().unwrap();
    site.says("6");
    assert_eq!(site.push(), Err(PullFailure::PushRefused));
    push::first(here, STATUS, Moment::from_seconds(4)).unwrap();
    compact(here).unwrap();
    site.push().unwrap();
    assert_eq!(site.theirs().find_commit(tip()).unwrap().parent_count(), 0);
    site.holds(&[], "6");
}

#[test]
fn a_release_that_comes_back_is_whole_again() {
    let site = Site::new();
    let here = site.here.path();
    let (_, first) = site.takes("a");
    let (_, second) = site.takes("b");
    Repository::open_bare(here)
        .unwrap()
        .find_reference(&format!("{ACCEPTED}{}", Digest::of_file(first.as_bytes())))
        .unwrap()
        .delete()
        .unwrap();
    compact(here).unwrap();
    assert!(read::read(here, &first).is_err() && read::read(here, &second).is_ok());
    // The branch stands again where it stood before, which the newest continues.
    let older = Oid::from_str(&first).unwrap();
    site.theirs().reference(&format!("refs/heads/{RELEASES}"), older, true, "").unwrap();
    assert_eq!(site.fetch(RELEASES), first);
    assert!(read::read(here, &first).is_ok());
}
