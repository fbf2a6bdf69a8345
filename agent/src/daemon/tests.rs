//! Stories of a whole agent over a real repository and a real state folder: pulled, refused, rolled back, crashed.

use assent_schema::alert::Rule;
use std::path::Path;

use assent_schema::canon::Digest;
use assent_schema::id::ClientId;
use assent_schema::ledger::{HeldWhat, Token};
use assent_schema::plan::Plan;
use assent_schema::release::{FileName, Manifest, Readmitted, Returned};
use assent_schema::status::Stage;
use assent_schema::time::Period;
use assent_schema::trust::{Cancelled, Decision, Namespace, SignedFile, sign};
use tokio::sync::mpsc::UnboundedReceiver;

mod halted;
mod incidents;
mod watching;

use super::hold::NotHeld;
use super::*;
use crate::control::{Chosen, Mode, RunState, Verb, Which};
use crate::deploy::{NoRollback, Place};
use crate::people::NotTaken;
use crate::pull::{fetch, push};
use crate::run::{Act, Task};
use crate::run::{Deployed as _, Permission, Use, Went};
use crate::store::{Accepted, Ending, Entry, Note, QueueItem, RunId, Transaction, TriggerKind};
use crate::verify::fixture::{self, Files};

mod ledger;
mod oncall;
mod readmitted;
mod releases;
mod secrets;

const BRANCH: &str = "release/production/eu";

/// A repository with release branches, and the state folder of an agent that was enrolled.
struct Site {
    folder: tempfile::TempDir,
}

impl Site {
    fn new() -> Self {
        let site = Self { folder: tempfile::tempdir().unwrap() };
        git2::Repository::init_bare(site.repository()).unwrap();
        let state = site.config().state;
        std::fs::create_dir(state.folder()).unwrap();
        let disk = RealDisk::open(state.folder()).unwrap();
        Identity::make(&disk, &RealDice, "eu-production-1").map_err(|e| e.to_string()).unwrap();
        Pin { project: fixture::project(), root: 1, generation: 1, sequence: 0 }.write(&disk).unwrap();
        site
    }

    fn repository(&self) -> PathBuf {
        self.folder.path().join("agency.git")
    }

    #[expect(clippy::disallowed_methods, reason = "the test writes the configuration that an operator writes")]
    fn config(&self) -> Config {
        let path = self.folder.path().join("agent.toml");
        let text = "project = \"harbor\"\nagent = \"eu-production-1\"\nenvironment = \"production\"\nregion = \"eu\"\n\
                    repository = \"agency.git\"\nstate = \"state\"\nlisten = \"127.0.0.1:0\"\n";
        std::fs::write(&path, text).unwrap();
        crate::config::load(&path, None).unwrap()
    }

    /// Makes a commit hold exactly these files.
    fn publish(&self, files: &Files) {
        let repository = git2::Repository::open_bare(self.repository()).unwrap();
        if let Ok(mut old) = repository.find_reference(&format!("refs/heads/{BRANCH}")) {
            old.delete().unwrap();
        }
        push::commit(&self.repository(), BRANCH, files, RealClock.now().moment()).unwrap();
    }

    async fn agent(&self) -> (Arc<Agent>, UnboundedReceiver<EndedRun>) {
        let (agent, ended) = build(self.config(), fetch::IN_THIS_PROCESS.into()).await.unwrap();
        start(&agent).await.unwrap();
        (agent, ended)
    }
}

fn place() -> Place {
    ("acme".parse().unwrap(), "look".parse().unwrap())
}

/// The fixture's plan with another summary: another digest and the same data uses.
fn plan(summary: &str) -> Plan {
    Plan { summary: summary.into(), ..fixture::plan() }
}

fn digest(plan: &Plan) -> Digest {
    plan.to_bytes().unwrap().1
}

/// A release of today that names a plan.
fn release(plan: &Plan, sequence: u64, previous: Option<&Files>, change: impl FnOnce(&mut Manifest)) -> Files {
    release_of(plan, sequence, previous, |_| (), change)
}

/// A release with other files of the client.
fn release_of(
    plan: &Plan,
    sequence: u64,
    previous: Option<&Files>,
    put: impl FnOnce(&mut Files),
    change: impl FnOnce(&mut Manifest),
) -> Files {
    let now = RealClock.now().moment();
    let mut files = fixture::listed();
    // The agent's clock is the machine's: what is dated is dated by it.
    files.retain(|path, _| !["rehearsals/", "plans/", "statements/"].iter().any(|folder| path.starts_with(folder)));
    fixture::put_statement(&mut files, &fixture::approval_given(now.minus(Period::days(1))), &["dana"]);
    let (bytes, name) = plan.to_bytes().unwrap();
    files.insert(FileName::Plan(name).to_string(), bytes);
    let mut rehearsal = fixture::rehearsal();
    (rehearsal.plan, rehearsal.time) = (name, now.minus(Period::hours(1)));
    fixture::put_rehearsal(&mut files, &rehearsal, "eu-staging-1");
    put(&mut files);
    let previous = previous.map(|files| Digest::of_file(&files["manifest.json"]));
    let mut manifest = fixture::manifest(&files, sequence, previous);
    manifest.accept.from = now.minus(Period::hours(1));
    manifest.accept.until = now.plus(Period::hours(1));
    manifest.active[0].plan = name;
    change(&mut manifest);
    let sealed = fixture::seal(files, &manifest);
    fixture::freshen(sealed, |freshness| freshness.time = now)
}

async fn active(agent: &Agent) -> Option<Digest> {
    agent.status().await.unwrap().workflows.get(&place().0).and_then(|all| all.get(&place().1)?.plan)
}

async fn stage(agent: &Agent) -> Stage {
    agent.status().await.unwrap().workflows[&place().0][&place().1].stage
}

async fn runs(agent: &Agent, plan: &Plan, good: bool, count: usize) {
    for _ in 0..count {
        let now = agent.field.now();
        agent
            .switch(
                |board| board.ended(&place(), digest(plan), if good { Went::Well } else { Went::Badly }, 5, now),
                Vec::new(),
            )
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_release_is_pulled_verified_tried_and_committed() {
    let site = Site::new();
    let (agent, _ended) = site.agent().await;
    assert!(agent.pull().await.is_err(), "there is no branch yet");
    site.publish(&release(&plan("one"), 1, None, |_| ()));
    agent.pull().await.unwrap();
    assert_eq!(active(&agent).await, Some(digest(&plan("one"))));
    assert_eq!(stage(&agent).await, Stage::Trial);
    runs(&agent, &plan("one"), true, 20).await;
    assert_eq!(stage(&agent).await, Stage::Committed);
    let kinds = agent.store.ledger_size(&Log::Client(place().0)).unwrap();
    assert!(kinds >= 6, "opened, started, tick, root, statement, released, trial, committed");
    assert!(agent.field.snapshot().active.contains_key(&place()));
}

#[tokio::test]
async fn a_bad_release_is_refused_once_and_the_active_one_goes_on() {
    let site = Site::new();
    let (agent, _ended) = site.agent().await;
    let first = release(&plan("one"), 1, None, |_| ());
    site.publish(&first);
    agent.pull().await.unwrap();
    let mut second = release(&plan("two"), 2, Some(&first), |_| ());
    second.get_mut("endpoints.json").unwrap().push(b' ');
    for _ in 0..2 {
        site.publish(&second);
        agent.pull().await.unwrap();
    }
    let status = agent.status().await.unwrap();
    let codes: Vec<&str> = status.refused.iter().map(|refused| refused.code.as_str()).collect();
    assert_eq!(codes, ["file-changed"]);
    assert_eq!(status.release.unwrap().sequence, 1);
    assert_eq!(active(&agent).await, Some(digest(&plan("one"))));
    assert_eq!(agent.store.alerts().unwrap().iter().filter(|row| row.alert.rule == Rule::ReleaseRefused).count(), 1);
    let mut stranger = first.clone();
    stranger.insert("README.md".into(), b"hello".to_vec());
    site.publish(&stranger);
    agent.pull().await.unwrap();
    let refused = agent.status().await.unwrap().refused;
    let named = refused.iter().find(|refused| refused.code == "file-refused").unwrap();
    assert_eq!(named.what.as_deref(), Some("`README.md` is no file that a release has"));
    // The branch is put right: what was refused before says nothing any more.
    site.publish(&release(&plan("two"), 2, Some(&first), |_| ()));
    agent.pull().await.unwrap();
    let status = agent.status().await.unwrap();
    assert_eq!((status.release.unwrap().sequence, status.refused.len()), (2, 0));
}

/// What is said of a refused release is said once for each reason, and no longer when it is taken after all.
#[tokio::test]
async fn a_refusal_is_told_for_each_reason_and_over_when_the_release_is_taken() {
    let site = Site::new();
    let (agent, _ended) = site.agent().await;
    let honest = release(&plan("one"), 1, None, |_| ());
    let mut signed_by_more = honest.clone();
    signed_by_more.insert("manifest.json.eve.sig".into(), b"x".to_vec());
    let mut with_more = honest.clone();
    with_more.insert(format!("plans/{}.json", Digest::of_file(b"{}")), b"{}".to_vec());
    let mut codes = Vec::new();
    for files in [&signed_by_more, &with_more, &with_more, &honest] {
        site.publish(files);
        agent.pull().await.unwrap();
        codes.push(agent.status().await.unwrap().refused.into_iter().map(|one| one.code).collect::<Vec<_>>());
    }
    assert_eq!(codes, [vec!["manifest-invalid"], vec!["file-unexpected"], vec!["file-unexpected"], vec![]]);
    assert_eq!(agent.status().await.unwrap().release.unwrap().sequence, 1);
    let mut nameless = Files::new();
    for text in ["a", "b"] {
        // No manifest, so each is told by its commit.
        nameless.insert(format!("plans/{}.json", Digest::of_file(text.as_bytes())), text.as_bytes().to_vec());
        site.publish(&nameless);
        agent.pull().await.unwrap();
    }
    assert_eq!(agent.status().await.unwrap().refused.len(), 2);
}

/// A release that comes too early, or to a clock that is wrong, is not forgotten until its branch moves.
#[tokio::test]
async fn what_time_can_mend_is_judged_again() {
    let site = Site::new();
    let (agent, _ended) = site.agent().await;
    site.publish(&release(&plan("one"), 1, None, |manifest| {
        manifest.accept.from = manifest.accept.from.plus(Period::hours(9));
        manifest.accept.until = manifest.accept.until.plus(Period::hours(9));
    }));
    agent.pull().await.unwrap();
    assert_eq!(agent.status().await.unwrap().refused.first().map(|one| one.code.clone()).unwrap(), "outside-window");
    assert!(agent.known_commit(RealClock.boot()).is_some());
    assert!(agent.known_commit(RealClock.boot() + Duration::from_mins(5)).is_none());
    site.publish(&release(&plan("one"), 1, None, |_| ()));
    agent.pull().await.unwrap();
    assert!(agent.known_commit(Duration::MAX).is_some());
}

#[tokio::test]
async fn a_rollback_is_done_in_under_a_second_and_holds_until_readmitted() {
    let site = Site::new();
    let (agent, _ended) = site.agent().await;
    let (one, two) = (plan("one"), plan("two"));
    let first = release(&one, 1, None, |_| ());
    site.publish(&first);
    agent.pull().await.unwrap();
    assert_eq!(agent.roll_back(&place(), &"ann".parse().unwrap()).await.unwrap(), Err(NoRollback::NoHealthyPlan));
    runs(&agent, &one, true, 20).await;
    let second = release(&two, 2, Some(&first), |_| ());
    site.publish(&second);
    agent.pull().await.unwrap();
    runs(&agent, &two, true, 20).await;
    let before = RealClock.boot();
    assert_eq!(agent.roll_back(&place(), &"ann".parse().unwrap()).await.unwrap(), Ok((digest(&two), digest(&one))));
    assert!(RealClock.boot().saturating_sub(before) < Duration::from_secs(1));
    assert_eq!(active(&agent).await, Some(digest(&one)));
    let third = release(&two, 3, Some(&second), |_| ());
    site.publish(&third);
    agent.pull().await.unwrap();
    assert_eq!((active(&agent).await, stage(&agent).await), (Some(digest(&one)), Stage::Returned));
    let readmitted = Readmitted::now(digest(&two), "the cause was elsewhere".into());
    site.publish(&release(&two, 4, Some(&third), |manifest| manifest.readmitted.push(readmitted)));
    agent.pull().await.unwrap();
    assert_eq!((active(&agent).await, stage(&agent).await), (Some(digest(&two)), Stage::Trial));
}

/// A rollback by release counts as one by hand: at once, in ledger and status, and for every release after it.
#[tokio::test]
async fn what_a_release_took_back_stays_back_whatever_later_ones_say() {
    let site = Site::new();
    let (agent, _ended) = site.agent().await;
    let (one, two) = (plan("one"), plan("two"));
    let first = release(&one, 1, None, |_| ());
    site.publish(&first);
    agent.pull().await.unwrap();
    runs(&agent, &one, true, 20).await;
    let second = release(&two, 2, Some(&first), |_| ());
    site.publish(&second);
    agent.pull().await.unwrap();
    assert_eq!(active(&agent).await, Some(digest(&two)));
    let returned = Returned { plan: digest(&two), reason: "it pays twice".into() };
    let third = release(&one, 3, Some(&second), |manifest| manifest.returned.push(returned.clone()));
    site.publish(&third);
    agent.pull().await.unwrap();
    assert_eq!((active(&agent).await, stage(&agent).await), (Some(digest(&one)), Stage::Committed));
    let status = agent.status().await.unwrap();
    assert!(status.went_back().any(|(_, _, plans)| plans.get(&digest(&two)).is_some_and(|why| why == "by-hand")));
    assert_eq!(permission(&agent, &two), Permission::Stopped("by-hand"), "runs under way stop");
    let told = agent.store.alerts().unwrap();
    let told: Vec<&str> =
        told.iter().filter(|row| row.alert.rule == Rule::RolledBack).map(|row| &*row.alert.code).collect();
    assert_eq!(told, ["by-hand"]);
    let fourth = release(&two, 4, Some(&third), |_| ());
    site.publish(&fourth);
    agent.pull().await.unwrap();
    assert_eq!((active(&agent).await, stage(&agent).await), (Some(digest(&one)), Stage::Returned));
    let both = release(&two, 5, Some(&fourth), |manifest| manifest.returned.push(returned.clone()));
    site.publish(&both);
    agent.pull().await.unwrap();
    assert!(agent.status().await.unwrap().refused.iter().any(|refused| refused.code == "manifest-invalid"));
    let readmitted = Readmitted::now(digest(&two), "the cause was elsewhere".into());
    site.publish(&release(&two, 5, Some(&fourth), |manifest| manifest.readmitted.push(readmitted)));
    agent.pull().await.unwrap();
    assert_eq!((active(&agent).await, stage(&agent).await), (Some(digest(&two)), Stage::Trial));
}

#[tokio::test]
async fn after_a_crash_the_same_plans_run_without_the_repository() {
    let site = Site::new();
    let (one, two) = (plan("one"), plan("two"));
    {
        let (agent, _ended) = site.agent().await;
        let first = release(&one, 1, None, |_| ());
        site.publish(&first);
        agent.pull().await.unwrap();
        runs(&agent, &one, true, 20).await;
        site.publish(&release(&two, 2, Some(&first), |_| ()));
        agent.pull().await.unwrap();
        // Dropped here without a stop, as by kill -9.
    }
    std::fs::remove_dir_all(site.repository()).unwrap();
    for crash in 1..=2 {
        let (agent, _ended) = site.agent().await;
        assert_eq!(active(&agent).await, Some(digest(&two)), "crash {crash}");
        assert!(agent.pull().await.is_err());
    }
    let (agent, _ended) = site.agent().await;
    assert_eq!(active(&agent).await, Some(digest(&two)));
    // The third stop without a word counts as a failure; one of its runs fails too, and that is one too many.
    runs(&agent, &two, false, 1).await;
    assert_eq!((active(&agent).await, stage(&agent).await), (Some(digest(&one)), Stage::Returned));
}

#[tokio::test]
async fn a_clean_stop_is_no_crash_and_is_told() {
    let site = Site::new();
    for _ in 0..4 {
        let (agent, _ended) = site.agent().await;
        if site_is_empty(&site.repository()) {
            site.publish(&release(&plan("one"), 1, None, |_| ()));
        }
        agent.pull().await.unwrap();
        stop(&agent, Tasks::default()).await;
    }
    let (agent, _ended) = site.agent().await;
    let status = agent.status().await.unwrap();
    let trial = status.workflows[&place().0][&place().1].trial.clone().unwrap();
    assert_eq!((trial.runs, trial.failed), (0, 0));
    let theirs = git2::Repository::open_bare(site.repository()).unwrap();
    let tree = theirs.revparse_single("status/production/eu/eu-production-1").unwrap().peel_to_tree().unwrap();
    for path in ["status.json", "status.json.eu-production-1.sig", "checkpoints/acme/checkpoint"] {
        assert!(tree.get_path(Path::new(path)).is_ok(), "{path}");
    }
}

#[test]
fn an_end_of_which_not_all_can_be_said_is_not_one_in_order() {
    let is_clean =
        |words: &[Write]| words.iter().any(|write| matches!(write, Write::State { name, .. } if name == CLEAN));
    let broken = || StoreError::Damaged("a log without a name");
    let whole = in_order(Ok(vec![Log::Agent]), Ok(Vec::new()));
    assert!(is_clean(&whole) && whole.len() == 2);
    assert!(!is_clean(&in_order(Err(broken()), Ok(Vec::new()))));
    assert!(!is_clean(&in_order(Ok(vec![Log::Agent]), Err(broken()))));
}

fn site_is_empty(repository: &Path) -> bool {
    git2::Repository::open_bare(repository).unwrap().find_reference(&format!("refs/heads/{BRANCH}")).is_err()
}

fn permission(agent: &Agent, plan: &Plan) -> Permission {
    let (client, workflow) = place();
    let now = agent.field.now();
    agent.field.permission(&Use { client: &client, workflow: &workflow, plan: &digest(plan), connection: None, now })
}

fn handed(text: &str, by: &str, namespace: Namespace) -> SignedFile {
    let armour = sign(&fixture::key(by), namespace, text.as_bytes()).into_bytes();
    SignedFile { bytes: text.as_bytes().to_vec(), signatures: [(fixture::id(by), armour)].into() }
}

#[tokio::test]
async fn a_withdrawal_that_is_handed_over_counts_at_once_and_for_ever() {
    let site = Site::new();
    let one = plan("one");
    let all = fixture::statement(2, Decision::Withdraw(vec![Cancelled::All]));
    let withdrawal = || handed(&all, "dana", Namespace::Approval);
    {
        let (agent, _ended) = site.agent().await;
        assert_eq!(agent.take_statement(withdrawal()).await, Err(NotTaken::Unknown), "there is no release yet");
        site.publish(&release(&one, 1, None, |_| ()));
        agent.pull().await.unwrap();
        assert_eq!((permission(&agent, &one), stage(&agent).await), (Permission::Go, Stage::Trial));
        let far = fixture::statement(1_002, Decision::Withdraw(vec![Cancelled::All]));
        for (bad, why) in [
            (handed("nonsense", "dana", Namespace::Approval), NotTaken::BadForm),
            (handed(&all, "ann", Namespace::Approval), NotTaken::BadStatement),
            (handed(&all, "dana", Namespace::Release), NotTaken::BadStatement),
            (handed(&far, "dana", Namespace::Approval), NotTaken::BadStatement),
        ] {
            assert_eq!(agent.take_statement(bad).await, Err(why));
        }
        assert_eq!(permission(&agent, &one), Permission::Go);
        assert!(!agent.take_statement(withdrawal()).await.unwrap().known);
        assert_eq!(permission(&agent, &one), Permission::Stopped("uncovered"));
        assert_eq!(stage(&agent).await, Stage::Off);
        assert!(agent.take_statement(withdrawal()).await.unwrap().known, "and no second entry");
        // Nobody at the agency has it: the agent says so, and gives it out as it was signed.
        let said = agent.status().await.unwrap().statements;
        assert_eq!(said.iter().map(|one| (one.serial, one.all)).collect::<Vec<_>>(), [(2, true)]);
        let [only]: [_; 1] = agent.handed().try_into().unwrap();
        assert_eq!((only.text.as_str(), only.decision.as_str()), (all.as_str(), "withdraw"));
        assert_eq!(only.signatures.keys().map(ToString::to_string).collect::<Vec<_>>(), ["dana"]);
    }
    let (agent, _ended) = site.agent().await;
    assert_eq!(permission(&agent, &one), Permission::Stopped("uncovered"), "a restart forgets nothing");
    let log = Log::Client("acme".parse().unwrap());
    assert!(agent.store.ledger_size(&log).unwrap() > 0);
}

#[test]
fn an_agent_whose_part_ended_says_that_it_failed() {
    assert!(matches!(how_it_ends(&Ended::Stopped), Some(Ok(()))));
    assert!(matches!(how_it_ends(&Ended::Broken), Some(Err(_))), "a service starts it again");
    assert!(how_it_ends(&Ended::Recovered).is_none());
}
