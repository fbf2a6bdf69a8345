//! Git as transport: branches that are rewritten, bombs, links, and names that no release holds.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};

use assent_agent::config::Repository as Repo;
use assent_agent::pull::read::{self, FILE_MOST_BYTES, FOLDER_MOST_BYTES};
use assent_agent::pull::transfer::{Answer, Bounds, Request, Task, heard, work};
use assent_agent::pull::{PullFailure, compact, shelf};
use assent_schema::canon::Digest;
use assent_schema::remote::Place;
use git2::{ObjectType, Oid, Repository};

#[path = "../../compiler/tests/support/bomb.rs"]
mod bomb;

use super::fixture::{Files, now, place};
use super::table::{Attack, Verdict, attack};
use super::world::{World, after, enrolled, verdict};

const BRANCH: &str = "release/production/eu";
const QUARANTINE: &str = "refs/quarantine/release";
const FILE: &str = "100644";
const FOLDER: &str = "40000";

/// The repository of somebody who may push to it, and the agent's own.
struct Site {
    folder: tempfile::TempDir,
    theirs: Repository,
}

impl Site {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let theirs = Repository::init_bare(folder.path().join("theirs")).unwrap();
        read::prepare(&folder.path().join("ours")).unwrap();
        Self { folder, theirs }
    }

    /// An object of any bytes: git's own tools would refuse to write some of these.
    fn put(&self, kind: ObjectType, bytes: &[u8]) -> Oid {
        self.theirs.odb().unwrap().write(kind, bytes).unwrap()
    }

    fn blob(&self, bytes: &[u8]) -> Oid {
        self.put(ObjectType::Blob, bytes)
    }

    fn tree(&self, entries: &[(&str, &[u8], Oid)]) -> Oid {
        let mut bytes = Vec::new();
        for (mode, name, id) in entries {
            bytes.extend_from_slice(mode.as_bytes());
            bytes.push(b' ');
            bytes.extend_from_slice(name);
            bytes.push(0);
            bytes.extend_from_slice(id.as_bytes());
        }
        self.put(ObjectType::Tree, &bytes)
    }

    fn commit_with(&self, tree: Oid, parents: &str, message: &str) -> Oid {
        let who = "x <x@example.com> 1780000000 +0000";
        let text = format!("tree {tree}\n{parents}author {who}\ncommitter {who}\n\n{message}");
        self.put(ObjectType::Commit, text.as_bytes())
    }

    fn publish(&self, tip: Oid) {
        // As a forced push does it.
        let path = self.theirs.path().join("refs/heads").join(BRANCH);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, format!("{tip}\n")).unwrap();
    }

    /// Makes a tree the release.
    fn publish_tree(&self, tree: Oid) {
        self.publish(self.commit_with(tree, "", "release\n"));
    }

    /// Makes files the release.
    fn publish_files(&self, files: &Files) {
        let at = "2026-06-01T00:00:00Z".parse().unwrap();
        assent_agent::pull::push::commit(self.theirs.path(), "unnamed", files, at).unwrap();
        let tip = self.theirs.refname_to_id("refs/heads/unnamed").unwrap();
        self.publish(tip);
    }

    fn ours(&self) -> std::path::PathBuf {
        self.folder.path().join("ours")
    }

    fn request(&self, limits: Bounds) -> Request {
        let task = Task::Fetch { branch: BRANCH.into(), into: QUARANTINE.into(), known: None };
        Request { repository: self.ours(), other: Repo::Path(self.theirs.path().to_owned()), task, limits }
    }

    /// Fetches within the limits of an agent's configuration, and reads what came.
    fn fetched(&self) -> Result<Files, PullFailure> {
        let commit = work(&self.request(BOUNDS), None)?;
        read::read(&self.ours(), &commit).map_err(|not_read| not_read.failure)
    }

    fn verdict(&self) -> Verdict {
        match self.fetched() {
            Ok(_) => Verdict::accepted(),
            Err(failure) => Verdict::new(failure.code(), ""),
        }
    }
}

/// Reads a commit of an own repository into which somebody put objects that no fetch brings.
fn read_here(site: &Site, tree: Oid) -> Verdict {
    match read::read(site.theirs.path(), &site.commit_with(tree, "", "release\n").to_string()) {
        Ok(_) => Verdict::accepted(),
        Err(not_read) => Verdict::new(not_read.failure.code(), not_read.what),
    }
}

const BOUNDS: Bounds = Bounds { bytes: 64 << 20, memory_bytes: 1 << 30, cpu_seconds: 60 };

/// What becomes of a pack that a server has as it is: one that libgit2 reads by itself is packed anew.
fn served(pack: Vec<u8>, commit: Oid) -> Verdict {
    let site = Site::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = Some(listener.local_addr().unwrap().port());
    let place = Place { host: "127.0.0.1".into(), port, path: "/agency.git".into() };
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let line = |bytes: &[u8]| [format!("{:04x}", bytes.len() + 4).as_bytes(), bytes].concat();
        let hear = |stream: &mut std::net::TcpStream, end: &[u8]| {
            let (mut heard, mut byte) = (Vec::new(), [0]);
            while !heard.ends_with(end) && stream.read(&mut byte).unwrap() == 1 {
                heard.push(byte[0]);
            }
        };
        hear(&mut stream, b"host=");
        let said = line(format!("{commit} refs/heads/{BRANCH}\0side-band-64k ofs-delta\n").as_bytes());
        stream.write_all(&[&said[..], b"0000"].concat()).unwrap();
        hear(&mut stream, b"done\n");
        stream.write_all(b"0008NAK\n").unwrap();
        for part in pack.chunks(60_000) {
            stream.write_all(&line(&[&[1], part].concat())).unwrap();
        }
        stream.write_all(b"0000").unwrap();
    });
    let request = Request { other: Repo::Git(place), ..site.request(BOUNDS) };
    let fetched = work(&request, None);
    server.join().unwrap();
    match fetched {
        Ok(_) => Verdict::accepted(),
        Err(failure) => Verdict::new(failure.code(), ""),
    }
}

/// One entry beside an honest file.
fn entry(mode: &str, name: &[u8]) -> Verdict {
    let site = Site::new();
    let id = site.blob(b"{}");
    let inner = if mode == FOLDER { site.tree(&[(FILE, b"config", id)]) } else { id };
    site.publish_tree(site.tree(&[(FILE, b"endpoints.json", id), (mode, name, inner)]));
    site.verdict()
}

/// The child process as the agent starts it, with these limits on it.
fn child(site: &Site, limits: Bounds) -> Verdict {
    let request = serde_json::to_vec(&site.request(limits)).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_assent-agent"))
        .arg("transfer")
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&request).unwrap();
    let output = child.wait_with_output().unwrap();
    match heard(&output.stdout).1 {
        Some(Answer::Done { .. }) if output.status.success() => Verdict::accepted(),
        Some(Answer::Failed(failure)) if output.status.success() => Verdict::new(failure.code(), ""),
        // As `fetch` says of a child that one of its limits ended.
        _ => Verdict::new(PullFailure::TooLarge.code(), ""),
    }
}

/// A site whose release is one file of so many zeros: a few kilobytes on the wire.
fn zeros(bytes: usize) -> Site {
    let site = Site::new();
    let large = site.blob(&vec![0; bytes]);
    site.publish_tree(site.tree(&[(FILE, b"manifest.json", large)]));
    site
}

fn fetched_by(site: &Site, pinned: &assent_agent::verify::PinnedTrust) -> Verdict {
    match site.fetched() {
        Ok(files) => verdict(assent_agent::verify::verify(&files, pinned, &place(), now())),
        Err(failure) => Verdict::new(failure.code(), ""),
    }
}

fn exists(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

pub(crate) const ROOM: &[Attack] = &[
    attack(
        "twenty refused pushes of a megabyte each: the release that counts stays, and nothing of them",
        "accepted",
        || {
            let site = Site::new();
            site.publish_files(&World::honest().release());
            let commit = work(&site.request(BOUNDS), None).unwrap();
            shelf::keep(&site.ours(), &Digest::of_file(commit.as_bytes()), &commit).unwrap();
            compact::compact(&site.ours()).unwrap();
            let least = compact::size(&site.ours());
            for n in 0..20_u32 {
                let noise = (0..250_000_u32).flat_map(|one| (one ^ n).wrapping_mul(2_654_435_761).to_le_bytes());
                let junk = site.blob(&noise.collect::<Vec<u8>>());
                site.publish_tree(site.tree(&[(FILE, b"junk", junk)]));
                if !site.verdict().begins("file-refused") {
                    return Verdict::new("taken", "");
                }
                if compact::is_grown(compact::size(&site.ours()), least) {
                    compact::compact(&site.ours()).unwrap();
                }
            }
            match read::read(&site.ours(), &commit) {
                _ if compact::size(&site.ours()) > least + (3 << 20) => Verdict::new("grown", ""),
                Ok(files) => verdict(assent_agent::verify::verify(&files, &enrolled(), &place(), now())),
                Err(not_read) => Verdict::new(not_read.failure.code(), not_read.what),
            }
        },
    ),
    attack("an honest branch", "accepted", || {
        let site = Site::new();
        site.publish_files(&World::honest().release());
        fetched_by(&site, &enrolled())
    }),
    attack("no branch", "no-branch", || Site::new().verdict()),
    attack("a rewritten branch with a newer release, which digests decide on", "accepted", || {
        let (site, mut world) = (Site::new(), World::honest());
        site.publish_files(&world.release());
        let pinned = after(&site.fetched().unwrap());
        (world.sequence, world.previous) = (2, pinned.manifest);
        site.publish_tree(site.tree(&[(FILE, b"endpoints.json", site.blob(b"{}"))]));
        site.publish_files(&world.release());
        fetched_by(&site, &pinned)
    }),
    attack("a branch that is wound back to an older release", "sequence-older", || {
        let (site, mut world) = (Site::new(), World::honest());
        let first = world.release();
        site.publish_files(&first);
        let pinned = after(&site.fetched().unwrap());
        (world.sequence, world.previous) = (2, pinned.manifest);
        site.publish_files(&world.release());
        let second = site.fetched().unwrap();
        let pinned = assent_agent::verify::verify(&second, &pinned, &place(), now()).unwrap().pin(&pinned);
        site.publish_files(&first);
        fetched_by(&site, &pinned)
    }),
    attack("another history altogether, with a forged release", "manifest-invalid", || {
        let (site, world) = (Site::new(), World::honest());
        site.publish_files(&world.release());
        let pinned = after(&site.fetched().unwrap());
        let mut forged = world;
        (forged.sequence, forged.previous, forged.releasers) = (2, pinned.manifest, vec!["ann"]);
        site.publish_files(&forged.release());
        fetched_by(&site, &pinned)
    }),
    attack("a branch that stands at a file", "file-refused", || {
        let site = Site::new();
        site.publish(site.blob(b"{}"));
        site.verdict()
    }),
    attack("a branch that stands at a folder", "file-refused", || {
        let site = Site::new();
        site.publish(site.tree(&[(FILE, b"endpoints.json", site.blob(b"{}"))]));
        site.verdict()
    }),
    attack("a symbolic link", "file-refused", || entry("120000", b"manifest.json")),
    attack("a submodule", "file-refused", || entry("160000", b"manifest.json")),
    attack("a program", "file-refused", || entry("100755", b"manifest.json")),
    attack("a file where a folder must be", "file-refused", || entry(FILE, b"plans")),
    attack("a folder where a file must be", "file-refused", || entry(FOLDER, b"manifest.json")),
    attack("a `.git` folder", "file-refused", || entry(FOLDER, b".git")),
    attack("a `..` folder", "file-refused", || entry(FOLDER, b"..")),
    attack("a name with a slash in it", "file-refused", || entry(FILE, b"plans/x")),
    attack("a name that is no UTF-8", "file-refused", || entry(FILE, b"manifest\xff.json")),
    attack("a name that another one collides with where case is not told", "file-refused", || {
        entry(FILE, b"Endpoints.json")
    }),
    attack("a name of ten thousand letters", "file-refused", || entry(FILE, &[b'a'; 10_000])),
    attack("a name that stands twice in one folder", "file-refused", || entry(FILE, b"endpoints.json")),
    attack("a file that no release holds", "file-refused", || entry(FILE, b"README.md")),
    attack("folders in folders", "file-refused", || {
        let site = Site::new();
        let mut tree = site.tree(&[(FILE, b"1.toml", site.blob(b"{}"))]);
        for _ in 0..1_000 {
            tree = site.tree(&[(FOLDER, b"trust", tree)]);
        }
        site.publish_tree(tree);
        site.verdict()
    }),
    attack("a folder that says it is one and is a file", "file-refused", || {
        let site = Site::new();
        read_here(&site, site.tree(&[(FOLDER, b"plans", site.blob(b"{}"))]))
    }),
    attack("three small folders that unfold to a billion", "file-refused", || {
        let site = Site::new();
        let mut inner = site.tree(&[]);
        for _ in 0..3 {
            let names: Vec<String> = (0..1_000).map(|n| format!("{n:04}")).collect();
            let entries: Vec<_> = names.iter().map(|name| (FOLDER, name.as_bytes(), inner)).collect();
            inner = site.tree(&entries);
        }
        site.publish_tree(inner);
        site.verdict()
    }),
    attack("a commit with a message of a megabyte", "file-refused", || {
        let site = Site::new();
        let tree = site.tree(&[(FILE, b"endpoints.json", site.blob(b"{}"))]);
        site.publish(site.commit_with(tree, "", &"x".repeat(1 << 20)));
        site.verdict()
    }),
    attack("a folder with more names than any release has", "file-refused", || {
        let site = Site::new();
        let name = vec![b'a'; 50_000];
        let entries: Vec<_> = (0..=FOLDER_MOST_BYTES / 50_000).map(|_| (FILE, &name[..], site.blob(b"{}"))).collect();
        read_here(&site, site.tree(&entries))
    }),
    attack("zip bomb: a file that inflates to more than 16 MiB", "file-refused", || {
        zeros(FILE_MOST_BYTES + 1).verdict()
    }),
    attack("delta bomb: a small file that is made of a large one", "too-large", || {
        let (pack, commit) = bomb::bomb(64 << 20, &["freshness.json".to_owned()]);
        served(pack, commit)
    }),
    attack("delta bomb: many small files that are made of one, each of which may be", "too-large", || {
        let names: Vec<String> = (0..80_u8).map(|n| format!("{}.json", Digest::from_bytes([n; 32]))).collect();
        let (pack, commit) = bomb::bomb(FILE_MOST_BYTES, &names);
        served(pack, commit)
    }),
    attack("a file of 16 MiB", "accepted", || zeros(FILE_MOST_BYTES).verdict()),
    attack("zip bomb: files that add up to more than 512 MiB", "file-refused", || {
        let site = Site::new();
        let large = site.blob(&vec![0; FILE_MOST_BYTES]);
        let names: Vec<String> = (0..33_u8).map(|n| format!("{}.json", Digest::from_bytes([n; 32]))).collect();
        let entries: Vec<_> = names.iter().map(|name| (FILE, name.as_bytes(), large)).collect();
        site.publish_tree(site.tree(&[(FOLDER, b"plans", site.tree(&entries))]));
        site.verdict()
    }),
    attack("endless data: more bytes than a fetch may bring", "too-large", || {
        let site = Site::new();
        let noise: Vec<u8> = (0..200_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        site.publish_tree(site.tree(&[(FILE, b"manifest.json", site.blob(&noise))]));
        match work(&site.request(Bounds { bytes: 10_000, ..BOUNDS }), None) {
            Ok(_) => Verdict::accepted(),
            Err(failure) => Verdict::new(failure.code(), ""),
        }
    }),
    attack("a child within its limits", "accepted", || {
        let site = Site::new();
        site.publish_files(&World::honest().release());
        child(&site, BOUNDS)
    }),
    attack("a pack that needs more memory than the child may have", "too-large", || {
        child(&zeros(192 << 20), Bounds { memory_bytes: 128 << 20, ..BOUNDS })
    }),
    attack("a history that is cut off: the tip alone is needed", "accepted", || {
        let (site, world) = (Site::new(), World::honest());
        site.publish_files(&world.release());
        let whole = site.theirs.refname_to_id("refs/heads/unnamed").unwrap();
        let tree = site.theirs.find_commit(whole).unwrap().tree_id();
        // A parent that was never pushed, as after a shallow push.
        let missing = "0123456789012345678901234567890123456789";
        let tip = site.commit_with(tree, &format!("parent {missing}\n"), "release\n");
        std::fs::write(site.theirs.path().join("shallow"), format!("{tip}\n")).unwrap();
        site.publish(tip);
        fetched_by(&site, &enrolled())
    }),
    attack("hooks and configuration of the other side, which nobody runs", "accepted", || {
        let site = Site::new();
        let told = site.folder.path().join("told");
        let hook = format!("#!/bin/sh\ntouch {}\n", told.display());
        for name in ["post-checkout", "pre-receive", "post-update", "fsmonitor"] {
            std::fs::create_dir_all(site.theirs.path().join("hooks")).unwrap();
            std::fs::write(site.theirs.path().join("hooks").join(name), &hook).unwrap();
        }
        let config = format!("[core]\n\tbare = true\n\tfsmonitor = {0}\n\tsshCommand = {0}\n", told.display());
        std::fs::write(site.theirs.path().join("config"), config).unwrap();
        site.publish_files(&World::honest().release());
        let verdict = fetched_by(&site, &enrolled());
        if exists(&told) { Verdict::new("ran", "a program of the other side") } else { verdict }
    }),
];
