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
    let readmitted = Readmitted { plan: digest(&two), reason: "the cause was elsewhere".into() };
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
    let readmitted = Readmitted { plan: digest(&two), reason: "the cause was elsewhere".into() };
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

fn to_hold(workflow: Option<&str>) -> (ClientId, HeldWhat) {
    let what = workflow.map_or(HeldWhat::Client, |workflow| HeldWhat::Workflow(workflow.parse().unwrap()));
    ("acme".parse().unwrap(), what)
}

fn permission(agent: &Agent, plan: &Plan) -> Permission {
    let (client, workflow) = place();
    let now = agent.field.now();
    agent.field.permission(&Use { client: &client, workflow: &workflow, plan: &digest(plan), connection: None, now })
}

#[tokio::test]
async fn what_oncall_holds_waits_over_a_restart_until_it_is_resumed() {
    let site = Site::new();
    let one = plan("one");
    let oncall = || "ann".parse().unwrap();
    {
        let (agent, _ended) = site.agent().await;
        let (why, hour) = ("INC-7".parse::<Token>().unwrap(), Period::hours(1));
        let early = agent.hold(to_hold(None), oncall(), why.clone(), hour).await.unwrap();
        assert!(matches!(early, Err(NotHeld::Unknown(_))), "no release names the client yet");
        site.publish(&release(&one, 1, None, |_| ()));
        agent.pull().await.unwrap();
        assert_eq!(permission(&agent, &one), Permission::Go);
        let hold = |at, by: &str, lasts| agent.hold(at, by.parse().unwrap(), why.clone(), lasts);
        assert!(matches!(hold(to_hold(None), "mallory", hour).await.unwrap(), Err(NotHeld::NotOnCall(_))));
        assert!(matches!(hold(to_hold(Some("other")), "ann", hour).await.unwrap(), Err(NotHeld::Unknown(_))));
        assert_eq!(hold(to_hold(None), "ann", Period::days(31)).await.unwrap(), Err(NotHeld::Length));
        assert_eq!(permission(&agent, &one), Permission::Go);
        hold(to_hold(Some("look")), "ann", hour).await.unwrap().unwrap();
        let again = hold(to_hold(Some("look")), "ann", Period::hours(2)).await.unwrap().unwrap();
        assert_eq!(agent.status().await.unwrap().holds, [again], "one hold on each thing");
        assert_eq!(permission(&agent, &one), Permission::Held);
    }
    let (agent, _ended) = site.agent().await;
    assert_eq!(permission(&agent, &one), Permission::Held, "a restart lets nothing go");
    assert_eq!(agent.resume(to_hold(None), oncall()).await.unwrap(), Err(NotHeld::NothingHeld));
    agent.resume(to_hold(Some("look")), oncall()).await.unwrap().unwrap();
    assert_eq!((permission(&agent, &one), agent.status().await.unwrap().holds), (Permission::Go, vec![]));
}

#[tokio::test]
async fn a_hold_that_lapses_is_told_once() {
    let site = Site::new();
    let one = plan("one");
    let (agent, _ended) = site.agent().await;
    site.publish(&release(&one, 1, None, |_| ()));
    agent.pull().await.unwrap();
    let why = "INC-7".parse::<Token>().unwrap();
    agent.hold(to_hold(None), "ann".parse().unwrap(), why, Period::hours(1)).await.unwrap().unwrap();
    agent.end_lapsed_holds().await.unwrap();
    assert_eq!(permission(&agent, &one), Permission::Held);
    {
        let mut holds = agent.holds.lock().await;
        holds[0].until = agent.field.now();
        agent.field.hold(holds.clone());
    }
    assert_eq!(permission(&agent, &one), Permission::Go, "its time alone ends it");
    let lapsed = || {
        let alerts = agent.store.alerts().unwrap();
        alerts.iter().filter(|row| row.alert.rule == Rule::HoldLapsed).map(|row| row.count).sum::<i64>()
    };
    for _ in 0..2 {
        agent.end_lapsed_holds().await.unwrap();
        assert_eq!((lapsed(), agent.status().await.unwrap().holds), (1, vec![]));
    }
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
    }
    let (agent, _ended) = site.agent().await;
    assert_eq!(permission(&agent, &one), Permission::Stopped("uncovered"), "a restart forgets nothing");
    let log = Log::Client("acme".parse().unwrap());
    assert!(agent.store.ledger_size(&log).unwrap() > 0);
}

/// A run of the workflow that failed, as its task leaves it.
async fn failed_run(agent: &Agent, n: u8) -> RunId {
    let (client, workflow) = place();
    let run = RunId::new(agent.world.clock.now(), [n; 10]);
    let accepted = Accepted {
        client: client.clone(),
        workflow: workflow.clone(),
        plan: digest(&plan("one")),
        number: 0,
        life: 1,
        trigger: TriggerKind::Manual,
        event: "ann".into(),
        fields: std::collections::BTreeMap::new(),
        key: None,
        content: false,
        again: None,
        hours: None,
    };
    let step: assent_schema::id::Name = "read".parse().unwrap();
    let item = QueueItem {
        run,
        client: client.clone(),
        workflow,
        queue: "leads".parse().unwrap(),
        why: "server".into(),
        step: Some(step.clone()),
        item: None,
        open: None,
        event: "ann".into(),
        done: Vec::new(),
        since: agent.world.clock.now().millis(),
    };
    let note = Note::new(Log::Client(client), "accepted").fact("id", run.to_string());
    let note = Note { run: Some(run), ..note.fact("trigger", "manual").fact("event", "ann") };
    let ended = Entry::Ended { ending: Ending::Failed, stop: None, step: Some(step), code: Some("server".into()) };
    let mut transaction = Transaction::new(agent.world.clock.now());
    transaction.writes = vec![
        Write::Open { run, sealed: None },
        Write::Journal { run, entry: Entry::Accepted(Box::new(accepted)) },
        Write::Note(Box::new(note)),
        Write::Journal { run, entry: ended },
        Write::Close { run },
        Write::Queue(Box::new(item)),
    ];
    agent.store.commit(transaction).await.unwrap();
    run
}

#[tokio::test]
async fn oncall_handles_runs_by_filter_with_the_count_first() {
    let site = Site::new();
    let (agent, _ended) = site.agent().await;
    site.publish(&release(&plan("one"), 1, None, |_| ()));
    agent.pull().await.unwrap();
    let runs = [failed_run(&agent, 1).await, failed_run(&agent, 2).await, failed_run(&agent, 3).await];
    let act = |by: &str| Act { by: by.parse().unwrap(), why: "INC-7".parse().unwrap() };
    let start = |task: Task| drop(tokio::spawn(task));
    let failed = |state| Chosen::Many(Which { state: Some(state), ..Which::default() });
    let log = Log::Client(place().0);
    let before = agent.store.ledger_size(&log).unwrap();
    let stranger =
        agent.handle((Verb::Done, failed(RunState::Failed)), act("mallory"), Mode::Do, &start).await.unwrap();
    assert!(matches!(stranger, Err(NotHeld::NotOnCall(_))));
    let counted =
        agent.handle((Verb::Done, failed(RunState::Failed)), act("ann"), Mode::Count, &start).await.unwrap().unwrap();
    assert_eq!(counted.runs.iter().map(|one| one.run.run).collect::<Vec<_>>(), runs, "the count comes first");
    let none =
        agent.handle((Verb::Done, failed(RunState::Waiting)), act("ann"), Mode::Do, &start).await.unwrap().unwrap();
    assert_eq!(none.runs, []);
    let nobody = Verb::Reassign("nobody".parse().unwrap());
    let nobody =
        agent.handle((nobody, Chosen::One(runs[0].into())), act("ann"), Mode::Do, &start).await.unwrap().unwrap();
    assert!(nobody.runs[0].why_not.is_some());
    assert_eq!(agent.store.ledger_size(&log).unwrap(), before, "nothing was done so far");
    // What is held goes on with the others, and does nothing yet.
    let hour = Period::hours(1);
    agent.hold(to_hold(None), "ann".parse().unwrap(), "INC-7".parse().unwrap(), hour).await.unwrap().unwrap();
    let retried = (Verb::Retry, Chosen::One(runs[0].into()));
    let counted = agent.handle(retried.clone(), act("ann"), Mode::Count, &start).await.unwrap().unwrap();
    assert_eq!((&counted.runs[0].why_not, counted.runs[0].next), (&None, None), "it could be");
    let done = agent.handle(retried.clone(), act("ann"), Mode::Do, &start).await.unwrap().unwrap();
    let next = done.runs[0].next.expect("a run");
    let size = agent.store.ledger_size(&log).unwrap();
    let counted = agent.handle(retried, act("ann"), Mode::Count, &start).await.unwrap().unwrap();
    assert_eq!(counted.runs[0].why_not, Some(format!("run {next} goes on with it")), "the count says so, too");
    assert_eq!(agent.store.ledger_size(&log).unwrap(), size, "nothing was done");
    let again =
        agent.handle((Verb::Rerun, Chosen::One(runs[0].into())), act("ann"), Mode::Do, &start).await.unwrap().unwrap();
    assert_eq!(again.runs[0].why_not, Some(format!("run {next} goes on with it")));
    let done =
        agent.handle((Verb::Done, failed(RunState::Failed)), act("ann"), Mode::Do, &start).await.unwrap().unwrap();
    assert!(done.runs.len() == 2 && done.runs.iter().all(|one| one.why_not.is_none()), "{done:?}");
    assert_eq!(agent.store.queue().unwrap(), []);
    let cancelled =
        agent.handle((Verb::Cancel, Chosen::One(next.into())), act("ann"), Mode::Do, &start).await.unwrap().unwrap();
    assert_eq!(cancelled.runs[0].why_not, None);
}

#[test]
fn an_agent_whose_part_ended_says_that_it_failed() {
    assert!(matches!(how_it_ends(&Ended::Stopped), Some(Ok(()))));
    assert!(matches!(how_it_ends(&Ended::Broken), Some(Err(_))), "a service starts it again");
    assert!(how_it_ends(&Ended::Recovered).is_none());
}
