//! Release branches that somebody moved: what was signed once is built upon, and nothing older is signed again.

use std::collections::BTreeMap;

use assent_compiler::command::Outcome;
use assent_compiler::command::demo::agency::Agency;
use assent_compiler::command::demo::source::{Lead, put};
use assent_compiler::publish::branch;
use assent_schema::trust::{Namespace, Signer, sign};
use git2::{Oid, Repository};
use serde_json::Value;
use tempfile::TempDir;

use super::{agency, release, reword};

#[test]
fn a_branch_that_nobody_signed_hides_no_commits() {
    let (_folder, agency) = agency();
    assert_eq!(release(&agency).0, Outcome::Fine);
    reword(&agency, "chen", "Say what its writer wants.\n");
    // Somebody who may push moves the release's source to the commit that should be judged.
    let repository = branch::open(&agency.source).unwrap();
    let tip = branch::tip(&repository, "release/staging/eu").unwrap().unwrap();
    let mut files = branch::read(&repository, tip).unwrap();
    let mut manifest: Value = serde_json::from_slice(&files["manifest.json"]).unwrap();
    let newest = branch::tip(&repository, "main").unwrap().unwrap().to_string();
    manifest.get_mut("source").unwrap().as_object_mut().unwrap().insert("commit".into(), newest.into());
    files.insert("manifest.json".into(), serde_json::to_vec(&manifest).unwrap());
    branch::write(&repository, "release/staging/eu", &files, "Nothing to see", agency.now).unwrap();
    let key = agency.private("alice").unwrap();
    let line = ["release", "--environment", "staging", "--region", "eu", "--key", &key, "--local"];
    let refused = || agency.try_assent(&line.map(str::to_owned)).unwrap_err().to_string();
    assert!(refused().contains("another release 1 of generation 1 than"), "{}", refused());
    // A clone that remembers nothing asks for the signatures.
    std::fs::remove_dir_all(repository.path().join("assent")).unwrap();
    assert!(refused().contains("cannot be built upon"), "{}", refused());
}

/// A clone that was not fetched into lacks the commit of the newest release, or stands before it.
#[test]
fn a_clone_that_is_behind_the_newest_release_is_told_what_to_do() {
    let (_folder, agency) = agency();
    let repository = branch::open(&agency.source).unwrap();
    let older = branch::tip(&repository, "main").unwrap().unwrap();
    assert_eq!(release(&agency).0, Outcome::Fine);
    reword(&agency, "bruno", "Say what its writer wants.\n");
    assert_eq!(release(&agency).0, Outcome::Fine);
    let newer = branch::tip(&repository, "main").unwrap().unwrap();
    repository.reference("refs/heads/main", older, true, "").unwrap();
    let key = agency.private("alice").unwrap();
    let line = ["release", "--environment", "staging", "--region", "eu", "--key", &key, "--local"];
    let refused = || agency.try_assent(&line.map(str::to_owned)).unwrap_err().to_string();
    let said = refused();
    assert!(said.contains("which is older") && said.contains("git pull"), "{said}");
    let id = newer.to_string();
    let (folder, name) = id.split_at(2);
    std::fs::remove_file(repository.path().join("objects").join(folder).join(name)).unwrap();
    let said = refused();
    assert!(said.contains("release 2 on release/staging/eu was made of") && said.contains(&id), "{said}");
    assert!(said.contains("git fetch") && !said.contains("class="), "{said}");
}

/// Whoever may push winds the branch back to before a client withdrew: nothing is signed for what stands there then.
#[test]
fn a_branch_that_was_wound_back_is_not_signed() {
    let (_folder, agency) = agency();
    let repository = branch::open(&agency.source).unwrap();
    let name = "release/staging/eu";
    let freshness = || {
        let key = agency.private("timer").unwrap();
        agency.try_assent(&["freshness", "--key", &key, "--local"].map(str::to_owned)).map_err(|e| e.to_string())
    };
    let wind = |to: Oid| repository.reference(&format!("refs/heads/{name}"), to, true, "").map(drop).unwrap();
    assert_eq!(release(&agency).0, Outcome::Fine);
    let first = branch::tip(&repository, name).unwrap().unwrap();
    reword(&agency, "bruno", "Say what its writer wants.\n");
    assert_eq!(release(&agency).0, Outcome::Fine);
    let second = branch::tip(&repository, name).unwrap().unwrap();
    wind(first);
    let refused = freshness().unwrap_err();
    assert!(refused.contains("wound") && refused.contains("release 2"), "{refused}");
    assert!(refused.contains(&format!("git push REMOTE {second}:refs/heads/{name}")), "{refused}");
    let key = agency.private("alice").unwrap();
    let line = ["release", "--environment", "staging", "--region", "eu", "--key", &key, "--local"];
    assert!(agency.try_assent(&line.map(str::to_owned)).unwrap_err().to_string().contains("wound"));
    assert_eq!(branch::tip(&repository, name).unwrap(), Some(first), "nothing was written");
    // Put right again, it goes on; a commit that is fresher only is the same release.
    wind(second);
    assert_eq!(freshness().unwrap().0, Outcome::Fine);
    assert_eq!(freshness().unwrap().0, Outcome::Fine);
    // A release of another place is none to build upon.
    wind(second);
    repository.reference("refs/heads/release/production/eu", second, true, "").unwrap();
    let line = ["release", "--environment", "production", "--region", "eu", "--key", &key, "--local"];
    let refused = agency.try_assent(&line.map(str::to_owned)).unwrap_err().to_string();
    assert!(refused.contains("cannot be built upon"), "{refused}");
}

/// A clone that never saw the newer release: the agents say that they have it. Neither does one branch stop the others, nor
/// does what a fetch can move count as memory.
#[test]
fn what_agents_accepted_is_not_forgotten_and_one_bad_branch_stops_no_other() {
    let folder = TempDir::new().unwrap();
    let agency = Agency::found(folder.path(), Lead::AsWritten, "2026-06-01T09:00:00Z".parse().unwrap()).unwrap();
    let signer = Signer::from_seed(&[41; 32]).unwrap();
    let mut keys = Vec::new();
    for seed in [41, 42] {
        keys.push(Signer::from_seed(&[seed; 32]).unwrap().public().clone());
    }
    let ledger = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, keys[1].point());
    let enrolled = serde_json::json!({"agent": "eu-staging-1", "region": "eu", "environment": "staging",
        "key": keys[0].to_string(), "ledger_key": ledger});
    let file = folder.path().join("eu-staging-1.json");
    put(&file, enrolled.to_string().as_bytes()).unwrap();
    agency.establish(&[file], &[]).unwrap();
    agency.approve_all().unwrap();
    let repository = branch::open(&agency.source).unwrap();
    let (key, timer) = (agency.private("alice").unwrap(), agency.private("timer").unwrap());
    let assent = |line: &[&str]| {
        let line: Vec<String> = line.iter().map(|word| (*word).to_owned()).collect();
        agency.try_assent(&line).map_err(|e| e.to_string())
    };
    let release =
        |region: &str| assent(&["release", "--environment", "staging", "--region", region, "--key", &key, "--local"]);
    assert!(release("eu").is_ok() && release("us").is_ok());
    let first = branch::tip(&repository, "release/staging/eu").unwrap().unwrap();
    reword(&agency, "bruno", "Say what its writer wants.\n");
    assert!(release("eu").is_ok());
    let second = branch::tip(&repository, "release/staging/eu").unwrap().unwrap();
    let manifest =
        |tip: Oid| assent_schema::canon::Digest::of_file(&branch::read(&repository, tip).unwrap()["manifest.json"]);
    let says = |release: Value| {
        let root = std::fs::read(agency.source.join("trust/root/1.toml")).unwrap();
        let status = serde_json::json!({"type": "status", "schema": 1, "environment": "staging", "region": "eu",
            "project": assent_schema::canon::Digest::of_file(&root), "agent": "eu-staging-1", "time": "2026-06-01T10:00:00Z",
            "version": "0.1.0", "release": release, "workflows": {}});
        let bytes = assent_schema::canon::to_bytes(&status).unwrap();
        let armour = sign(&signer, Namespace::Console, &bytes).into_bytes();
        let files = [("status.json".to_owned(), bytes), ("status.json.eu-staging-1.sig".to_owned(), armour)].into();
        branch::write(&repository, "status/staging/eu/eu-staging-1", &files, "Status", agency.now).unwrap();
    };
    let of = |sequence: u64, manifest: String| {
        serde_json::json!({"root": 2, "generation": 1, "sequence": sequence,
        "manifest": manifest, "commit": "0".repeat(40)})
    };
    says(of(2, manifest(second).to_string()));
    assert!(assent(&["freshness", "--key", &timer, "--local"]).is_ok());
    // Wound back, and the clone's memory with it, but for what a mirror's fetch reaches.
    let wind = |name: &str, to: Oid| drop(repository.reference(name, to, true, "").unwrap());
    wind("refs/heads/release/staging/eu", first);
    wind("refs/assent/newest/release/staging/eu", first);
    let refused = assent(&["freshness", "--key", &timer, "--local"]).unwrap_err();
    assert!(refused.contains("release 2 of generation 1 was signed before"), "{refused}");
    let at = |at: &str| assent(&["freshness", "--key", &timer, "--local", "--at", at]);
    let fresh = |region: &str| {
        let tip = branch::tip(&repository, &format!("release/staging/{region}")).unwrap().unwrap();
        let files = branch::read(&repository, tip).unwrap();
        let read: Value = serde_json::from_slice(files.get("freshness.json")?).unwrap();
        read["time"].as_str().map(str::to_owned)
    };
    std::fs::remove_dir_all(repository.path().join("assent")).unwrap();
    let refused = at("2026-06-01T12:00:00Z").unwrap_err();
    assert!(refused.contains("eu-staging-1 says that it accepted release 2"), "{refused}");
    assert_eq!((fresh("eu"), fresh("us")), (None, Some("2026-06-01T12:00:00Z".into())), "one branch stops no other");
    for line in [vec!["release", "--region", "eu"], vec!["rollback", "--region", "eu"]] {
        let rest = ["--environment", "staging", "--key", &key, "--local"];
        let refused = assent(&[line, rest.to_vec()].concat()).unwrap_err();
        assert!(refused.contains("eu-staging-1 says"), "{refused}");
    }
    // The branch is gone: no second first release.
    repository.find_reference("refs/heads/release/staging/eu").unwrap().delete().unwrap();
    let refused = release("eu").unwrap_err();
    assert!(refused.contains("holds nothing"), "{refused}");
    // An agent that lies: somebody names what is the newest all the same, in full.
    wind("refs/heads/release/staging/eu", first);
    let believed = manifest(first).to_string();
    assert!(assent(&["freshness", "--key", &timer, "--local", "--believe", &manifest(second).to_string()]).is_err());
    assert!(assent(&["freshness", "--key", &timer, "--local", "--believe", &believed]).is_ok());
    // Of the same number and another manifest, nobody's word is enough.
    says(of(1, "0".repeat(64)));
    assert!(assent(&["freshness", "--key", &timer, "--local"]).unwrap_err().contains("eu-staging-1 says"));
    says(of(1, believed));
    assert!(assent(&["freshness", "--key", &timer, "--local"]).is_ok());
    // What was seen is compared as well: a release that leaves out a statement is not signed.
    let tip = branch::tip(&repository, "release/staging/eu").unwrap().unwrap();
    let mut files = branch::read(&repository, tip).unwrap();
    files.retain(|path, _| !path.starts_with("statements/"));
    let mut bent: Value = serde_json::from_slice(&files["manifest.json"]).unwrap();
    bent["sequence"] = 2.into();
    bent["files"].as_object_mut().unwrap().retain(|path, _| !path.starts_with("statements/"));
    let bytes = assent_schema::canon::to_bytes(&bent).unwrap();
    let private = std::fs::read(key.split_once('=').unwrap().1).unwrap();
    let armour = sign(&Signer::from_openssh(&private).unwrap(), Namespace::Release, &bytes).into_bytes();
    files.retain(|path, _| !path.starts_with("manifest.json") && !path.starts_with("freshness.json"));
    files.extend([("manifest.json".to_owned(), bytes), ("manifest.json.alice.sig".to_owned(), armour)]);
    branch::write(&repository, "release/staging/eu", &files, "Shorter", agency.now).unwrap();
    let refused = assent(&["freshness", "--key", &timer, "--local"]).unwrap_err();
    assert!(refused.contains("leaves out statements/"), "{refused}");
}

#[test]
fn each_region_is_fetched_signed_and_pushed_by_itself() {
    let (folder, agency) = agency();
    let key = agency.private("alice").unwrap();
    let timer = agency.private("timer").unwrap();
    let mut remotes = BTreeMap::new();
    for region in ["eu", "us"] {
        let remote = folder.path().join(format!("{region}.git"));
        Repository::init_bare(&remote).unwrap();
        let remote = remote.display().to_string();
        let line = ["release", "--environment", "staging", "--region", region, "--key", &key, "--remote", &remote];
        assert_eq!(agency.try_assent(&line.map(str::to_owned)).unwrap().0, Outcome::Fine);
        remotes.insert(region, remote);
    }
    let fresh = |region: &str| {
        let repository = Repository::open_bare(&remotes[region]).unwrap();
        let tip = branch::tip(&repository, &format!("release/staging/{region}")).unwrap().unwrap();
        let files = branch::read(&repository, tip).unwrap();
        let read: Value = serde_json::from_slice(files.get("freshness.json")?).unwrap();
        read["time"].as_str().map(str::to_owned)
    };
    let sign = |at: &str| {
        let (eu, us) = (format!("eu={}", remotes["eu"]), format!("us={}", remotes["us"]));
        let line = ["freshness", "--key", &timer, "--at", at, "--remote", &us, "--remote", &eu];
        agency.try_assent(&line.map(str::to_owned))
    };
    let (outcome, said) = sign("2026-06-01T10:00:00Z").unwrap();
    assert_eq!(outcome, Outcome::Fine);
    assert!(said.contains("release/staging/eu: release 1") && said.contains("release/staging/us: release 1"), "{said}");
    assert_eq!((fresh("eu"), fresh("us")), (Some("2026-06-01T10:00:00Z".into()), Some("2026-06-01T10:00:00Z".into())));
    // One region is away; the other is told all the same, and the command fails.
    std::fs::rename(&remotes["us"], folder.path().join("gone")).unwrap();
    assert!(sign("2026-06-01T16:00:00Z").is_err());
    assert_eq!(fresh("eu"), Some("2026-06-01T16:00:00Z".into()));
}
