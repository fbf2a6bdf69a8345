//! Branches as those who may push make them.

use std::collections::BTreeSet;

use assent_schema::release::FileName;
use assent_schema::time::Moment;
use assent_schema::trust::{Namespace, Person, PublicKey, Role, RoleName, SignedFile, Signer, sign};

use super::super::branch::{Files, write};
use super::super::history::{History, Holds, Past};
use super::*;

const NAME: &str = "release/production/eu";
const PERSON: &str = "ann";

fn target() -> Target {
    Target { environment: "production".parse().unwrap(), region: "eu".parse().unwrap() }
}

fn signer() -> Signer {
    Signer::from_seed(&[1; 32]).unwrap()
}

fn at() -> Moment {
    "2026-06-01T00:00:00Z".parse().unwrap()
}

/// The versions of the root, one for each generation, as files.
fn roots() -> Vec<Files> {
    let key: PublicKey = signer().public().clone();
    let people = BTreeMap::from([(PERSON.parse().unwrap(), Person::new([key].into()))]);
    let role = |name: RoleName| (name, Role { threshold: 1, people: BTreeSet::from([PERSON.parse().unwrap()]) });
    let first = Root::first(at(), people, RoleName::ALL.map(role).into());
    let toml = first.to_toml().unwrap();
    let second = Root { generation: 2, ..first.next(Digest::of_file(toml.as_bytes())) };
    let mut files = Files::new();
    let put = |(version, toml): (u32, String)| {
        let signature = sign(&signer(), Namespace::Trust, toml.as_bytes());
        files.insert(FileName::RootSignature(version, PERSON.parse().unwrap()).to_string(), signature.into_bytes());
        files.insert(FileName::Root(version).to_string(), toml.into_bytes());
        files.clone()
    };
    [(1, toml), (2, second.to_toml().unwrap())].map(put).into()
}

fn walked(files: &Files) -> RootChain {
    let read = |version: u32| {
        let bytes = files.get(&FileName::Root(version).to_string())?.clone();
        let person = PERSON.parse().unwrap();
        let signature = files.get(&FileName::RootSignature(version, person).to_string())?.clone();
        let signatures = [(PERSON.parse().unwrap(), signature)].into();
        Some((version, SignedFile { bytes, signatures }))
    };
    RootChain::walk(&(1..=2).filter_map(read).collect()).unwrap()
}

/// A repository with one release branch.
struct Site {
    _folder: tempfile::TempDir,
    repository: Repository,
    roots: Vec<Files>,
}

impl Site {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let repository = Repository::init_bare(folder.path()).unwrap();
        Self { _folder: folder, repository, roots: roots() }
    }

    /// Puts a release on the branch; its digest.
    fn put(&self, (generation, sequence): (u32, u64), previous: Option<Digest>, is_signed: bool) -> Digest {
        let mut manifest: Manifest = canon::from_bytes(include_bytes!("../../../tests/vectors/manifest.json")).unwrap();
        manifest.project = walked(&self.roots[0]).project();
        (manifest.generation, manifest.sequence, manifest.previous) = (generation, sequence, previous);
        manifest.active.clear();
        manifest.returned.clear();
        manifest.files.clear();
        let bytes = canon::to_bytes(&manifest).unwrap();
        let digest = Digest::of_file(&bytes);
        let mut files = self.roots[usize::try_from(generation).unwrap() - 1].clone();
        if is_signed {
            let signature = sign(&signer(), Namespace::Release, &bytes);
            files.insert(format!("manifest.json.{PERSON}.sig"), signature.into_bytes());
        }
        files.insert("manifest.json".into(), bytes);
        write(&self.repository, NAME, &files, "m", at()).unwrap();
        digest
    }

    /// The next commit is the first of the branch; what stood there, this clone keeps in mind, or does not.
    fn begin_anew(&self, keep: bool) {
        let mut reference = self.repository.find_reference(&format!("refs/heads/{NAME}")).unwrap();
        if keep {
            let tip = reference.target().unwrap();
            self.repository.reference(&format!("refs/assent/newest/{NAME}"), tip, true, "m").unwrap();
        }
        reference.delete().unwrap();
    }

    fn chain(&self) -> Chain {
        Chain::read(&self.repository, &target(), &walked(self.roots.last().unwrap())).unwrap()
    }

    /// The releases that are on the chain, whether they are all, and what is said of the branch.
    fn told(&self) -> (Vec<(u32, u64)>, bool, String) {
        let Chain { links, is_whole, broken } = self.chain();
        let links = links.iter().map(|link| (link.manifest.generation, link.manifest.sequence)).collect();
        (links, is_whole, broken.unwrap_or_default())
    }
}

#[test]
fn a_branch_leads_to_its_first_release() {
    let site = Site::new();
    assert_eq!(site.told(), (vec![], false, String::new()));
    let one = site.put((1, 1), None, true);
    let two = site.put((1, 2), Some(one), true);
    site.put((2, 1), None, true);
    assert_eq!(site.told(), (vec![(2, 1), (1, 2), (1, 1)], true, String::new()));
    let digests: Vec<Digest> = site.chain().links.iter().map(|link| link.digest).collect();
    assert_eq!(digests.get(1..), Some(&[two, one][..]));
}

/// One commit without a parent holds the newest release, rightly signed: it is the branch that lacks what stood below.
#[test]
fn releases_that_somebody_took_out_are_missing_and_not_made_up() {
    for keep in [true, false] {
        let site = Site::new();
        let one = site.put((1, 1), None, true);
        let two = site.put((1, 2), Some(one), true);
        site.begin_anew(keep);
        site.put((1, 3), Some(two), true);
        let (links, is_whole, broken) = site.told();
        assert!(broken.starts_with("the branch lacks release 2, which release 3 names"), "{broken}");
        assert_eq!(broken.ends_with("this clone has it still"), keep);
        let all = vec![(1, 3), (1, 2), (1, 1)];
        assert_eq!((links, is_whole), if keep { (all, true) } else { (vec![(1, 3)], false) });
    }
}

/// What nobody signed names no plan that anybody could rest on, wherever it stands.
#[test]
fn what_nobody_signed_is_on_no_chain() {
    let below = Site::new();
    below.put((1, 1), None, false);
    below.put((2, 1), None, true);
    let (links, is_whole, broken) = below.told();
    assert_eq!((links, is_whole), (vec![(2, 1)], true), "nobody was there before who could have taken one");
    assert!(broken.starts_with("release 1 of generation 1 is not signed by those who could sign it then"), "{broken}");
    let between = Site::new();
    let one = between.put((1, 1), None, true);
    between.put((1, 7), Some(one), false);
    between.put((1, 2), Some(one), true);
    let (links, is_whole, broken) = between.told();
    assert_eq!((links, is_whole), (vec![(1, 2), (1, 1)], true));
    assert_eq!(broken, "it holds a release 7 that no release after it names");
}

#[test]
fn a_release_that_is_not_there_is_a_lie_only_where_nobody_can_have_taken_it_out() {
    let site = Site::new();
    let one = site.put((1, 1), None, true);
    let two = site.put((1, 2), Some(one), true);
    let Chain { links, is_whole, .. } = site.chain();
    let past = |Link { manifest, digest, .. }| Past {
        manifest,
        digest,
        clients: BTreeMap::new(),
        teams: None,
        root: None,
        approvers: BTreeMap::new(),
    };
    let mut history = History { releases: links.into_iter().map(past).collect(), is_whole, ..History::default() };
    let other = Digest::of_file(b"other");
    assert_eq!(history.holds(&two, 2), Holds::There);
    assert_eq!((history.holds(&two, 1), history.holds(&other, 2)), (Holds::Never, Holds::Never));
    // The branch can be wound back by whoever may push.
    assert_eq!((history.holds(&other, 3), history.may_have_held(3)), (Holds::Beyond, true));
    history.is_whole = false;
    assert_eq!((history.holds(&other, 1), history.may_have_held(1)), (Holds::Unknown, true));
    assert_eq!(history.holds(&one, 1), Holds::There);
}
