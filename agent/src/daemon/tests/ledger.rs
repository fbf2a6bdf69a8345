//! What goes of a ledger, and what keeps it.

use super::super::pruning::NotErased;
use super::*;
use crate::control::ledger::{Demand, LedgerAnswer, LedgerQuestion, LogSummary};
use crate::control::{Answer, Question};
use crate::ledger::{keep_ended, opened, started};
use crate::store::{Fact, FactText};
use crate::sync::lock;

/// An agent that ran 200 days ago: two runs about `cus-7` and one about `cus-8` then, and one about `cus-7` now.
async fn with_history(site: &Site) -> (Arc<Agent>, UnboundedReceiver<EndedRun>) {
    let config = site.config();
    {
        let disk = Arc::new(RealDisk::open(config.state.folder()).unwrap());
        let identity = Identity::load(&disk).map_err(|e| e.to_string()).unwrap();
        let books = (disk, RealDice, identity.host);
        let (project, agent) = (config.project.clone(), config.agent.clone());
        let store =
            Sqlite::open(&config.state.database(), |rows| Ok(Box::new(Ledgers::load(project, agent, books, rows)?)))
                .unwrap();
        let acme = Log::Client(place().0);
        let then = RealClock.now().moment().minus(Period::days(200));
        let words = [opened(acme.clone(), fixture::project(), vec![]), started(acme, true)];
        let writes = words.map(|note| Write::Note(Box::new(note))).to_vec();
        store.commit(Transaction { at: then.into(), writes }).await.unwrap();
        for (n, who) in [(1, "cus-7"), (2, "cus-8"), (3, "cus-7")] {
            a_run(&store, then, n, who).await;
        }
    }
    let (agent, ended) = site.agent().await;
    site.publish(&release(&plan("one"), 1, None, |_| ()));
    agent.pull().await.unwrap();
    a_run(&agent.store, RealClock.now().moment(), 4, "cus-7").await;
    (agent, ended)
}

async fn a_run(store: &Sqlite, at: Moment, n: u8, who: &str) {
    let (run, client) = (RunId::from_bytes([n; 16]), place().0);
    let accepted = Accepted {
        client: client.clone(),
        workflow: place().1,
        plan: digest(&plan("one")),
        number: 0,
        life: 1,
        trigger: TriggerKind::Webhook,
        event: format!("evt-{n}"),
        fields: [("customer".parse().unwrap(), Fact::Token(FactText::new(who).unwrap()))].into(),
        key: None,
        content: false,
        again: None,
        hours: None,
    };
    let note = |kind| Note { run: Some(run), ..Note::new(Log::Client(client.clone()), kind) };
    let first =
        note("accepted").fact("id", run.to_string()).fact("trigger", "webhook").fact("event", format!("evt-{n}"));
    let ended = Entry::Ended { ending: Ending::Done, stop: None, step: None, code: None };
    let writes = vec![
        Write::Open { run, sealed: None },
        Write::Journal { run, entry: Entry::Accepted(Box::new(accepted)) },
        Write::Note(Box::new(first)),
        Write::Journal { run, entry: ended },
        Write::Note(Box::new(note("ended").fact("outcome", "done"))),
        Write::Close { run },
    ];
    store.commit(Transaction { at: at.into(), writes }).await.unwrap();
}

fn log(name: &str) -> Log {
    Log::from_name(name).unwrap()
}

fn ledger_of(agent: &Agent) -> LogSummary {
    let question = LedgerQuestion::Verify { log: log("acme"), since: None, demand: Demand::default() };
    let mut desk = lock(&agent.ledger);
    desk.publishers().round(&*agent.store).unwrap();
    match desk.answer(&*agent.store, question).unwrap() {
        LedgerAnswer::Verified(summary) => summary,
        other => panic!("{other:?}"),
    }
}

fn keys(site: &Site) -> usize {
    std::fs::read_dir(site.config().state.folder().join("ledger/keys/acme")).unwrap().count()
}

#[tokio::test(flavor = "multi_thread")]
async fn days_older_than_the_retention_go_unless_a_legal_hold_keeps_them() {
    let site = Site::new();
    let (agent, _ended) = with_history(&site).await;
    let (acme, why) = (Some(place().0), "CASE-9".parse::<Token>().unwrap());
    assert!(matches!(
        agent.keep(acme.clone(), "mallory".parse().unwrap(), why.clone()).await,
        Ok(Err(NotErased::Not(_)))
    ));
    let held = agent.keep(acme.clone(), "ann".parse().unwrap(), why.clone()).await.unwrap().unwrap();
    assert_eq!(agent.keep(acme.clone(), "ann".parse().unwrap(), why).await, Ok(Err(NotErased::Twice)));
    agent.prune().await.unwrap();
    assert_eq!((ledger_of(&agent).gone, keys(&site), ledger_of(&agent).legal), (0, 2, Some(held.clone())));
    let asked = agent.erase(place().0, "cus-7".into(), "dsr-1".parse().unwrap(), "ann".parse().unwrap());
    assert_eq!(asked.await, Ok(Err(NotErased::Kept(held))));

    agent.release(acme.clone(), "ben".parse().unwrap()).await.unwrap().unwrap();
    for _ in 0..2 {
        agent.prune().await.unwrap();
        let summary = ledger_of(&agent);
        assert_eq!((summary.gone, keys(&site), summary.told.len()), (8, 1, 1), "{summary:?}");
        assert_eq!(summary.told[0].why.as_str(), "180d");
    }
    // It goes on counting where it was, though the entries that said so are gone.
    drop(agent);
    let (agent, _ended) = site.agent().await;
    a_run(&agent.store, RealClock.now().moment(), 5, "cus-9").await;
    assert_eq!((ledger_of(&agent).gone, ledger_of(&agent).accepted), (8, 5));
    assert!(agent.store.alerts().unwrap().iter().all(|row| row.alert.rule != Rule::LedgerKey));
}

/// Whether a text stands in a byte of the database or of its log.
fn is_stored(site: &Site, text: &str) -> bool {
    let database = site.config().state.database();
    let log = database.with_extension("db-wal");
    assert!(log.is_file(), "the log that newest rows are in");
    let holds = |path| std::fs::read(path).unwrap().windows(text.len()).any(|window| window == text.as_bytes());
    [database, log].into_iter().any(holds)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_entries_of_one_person_go_on_request_and_no_others() {
    let site = Site::new();
    let (agent, _ended) = with_history(&site).await;
    let asked = |who: &str, by: &str| agent.erase(place().0, who.into(), "dsr-1".parse().unwrap(), by.parse().unwrap());
    assert!(matches!(asked("cus-7", "mallory").await, Ok(Err(NotErased::Not(_)))));
    assert_eq!(asked("cus-1", "ann").await, Ok(Err(NotErased::Nothing { open: 0 })));
    let erased = asked("cus-7", "ann").await.unwrap().unwrap();
    assert_eq!((erased.entries, erased.runs, erased.open), (6, 3, 0));
    agent.prune().await.unwrap();
    // What is older than the retention went with the same look.
    let summary = ledger_of(&agent);
    assert_eq!((summary.gone, summary.told[0].kind.as_str(), summary.told[0].ranges.len()), (10, "erased", 3));
    assert_eq!(summary.told[0].actor, Some("ann".parse().unwrap()));
    assert_eq!(asked("cus-7", "ann").await, Ok(Err(NotErased::Nothing { open: 0 })), "once");
    assert!(is_stored(&site, place().0.as_str()), "the look finds what is there");
    assert!(!is_stored(&site, "dsr-1"), "the request's id is sealed like all else");
}

/// What a recovery leaves behind can be verified and exported until the first of it is as old as the client wants it kept.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_ended_is_there_for_auditors_as_long_as_it_is_kept() {
    let site = Site::new();
    let (agent, _ended) = with_history(&site).await;
    publishing::checkpoints(&agent).await.unwrap();
    let before = ledger_of(&agent);
    drop(agent);
    {
        let store = crate::control::offline::open(&site.config().state.database()).unwrap();
        let disk = RealDisk::open(site.config().state.folder()).unwrap();
        let mut writes = keep_ended(&store, &disk, 1, &[]).unwrap();
        assert_eq!(writes.len(), 2, "the agent's own and the client's");
        writes.push(Write::EndLogs { life: 2 });
        store.commit(Transaction { at: RealClock.now(), writes }).await.unwrap();
    }
    let (agent, _ended) = site.agent().await;
    let begun = opened(Log::Client(place().0), agent.pin.project, Vec::new());
    let begun = Transaction { at: RealClock.now(), writes: vec![Write::Note(Box::new(begun))] };
    agent.store.commit(begun).await.unwrap();
    a_run(&agent.store, RealClock.now().moment(), 1, "cus-9").await;
    let ask = |question| lock(&agent.ledger).answer(&*agent.store, question).unwrap();
    let verify = || ask(LedgerQuestion::Verify { log: log("acme.1"), since: None, demand: Demand::default() });
    let LedgerAnswer::Verified(ended) = verify() else { panic!("it verifies") };
    assert_eq!((ended.size, ended.root, ended.log), (before.size, before.root, before.log.clone()));
    assert_ne!(ledger_of(&agent).log, before.log, "another log has the name");
    assert_eq!(ask(LedgerQuestion::Logs), LedgerAnswer::Logs(["_agent", "acme", "_agent.1", "acme.1"].map(log).into()));
    let show = |log| ask(LedgerQuestion::Show { log, person: None, since: None });
    let LedgerAnswer::Entries(old) = show(Some(log("acme.1"))) else { panic!("entries") };
    assert_eq!(old.len() as u64, before.size);
    let LedgerAnswer::Entries(all) = show(None) else { panic!("entries") };
    assert!(old.iter().all(|entry| all.contains(entry)) && all.len() > old.len(), "what was before is told as well");
    let LedgerAnswer::Written(files) = ask(LedgerQuestion::Export { log: log("acme.1") }) else { panic!("an export") };
    let export = std::fs::read(&files[0].at).unwrap();
    assert_eq!(files[0].name, "acme.ledger");
    let key = lock(&agent.ledger).publishers().log_key(&log("acme.1")).unwrap();
    let summary = assent_schema::ledger::export::verify(&export, &key, &[]).unwrap();
    assert_eq!(summary.head.size, before.size);

    // A legal hold keeps it as it keeps the log that goes on; without one its first days go, and it is given out no more.
    agent.keep(Some(place().0), "ann".parse().unwrap(), "CASE-9".parse().unwrap()).await.unwrap().unwrap();
    agent.prune().await.unwrap();
    assert_eq!(keys(&site), 2);
    assert!(matches!(verify(), LedgerAnswer::Verified(_)));
    agent.release(Some(place().0), "ann".parse().unwrap()).await.unwrap().unwrap();
    agent.prune().await.unwrap();
    assert_eq!((keys(&site), verify()), (1, LedgerAnswer::NotThere));
    assert!(agent.store.alerts().unwrap().iter().all(|row| row.alert.rule != Rule::LedgerKey));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_key_is_told_to_those_on_call() {
    let site = Site::new();
    let (agent, _ended) = with_history(&site).await;
    agent.keep(Some(place().0), "ann".parse().unwrap(), "CASE-9".parse().unwrap()).await.unwrap().unwrap();
    let alerts = || agent.store.alerts().unwrap().iter().filter(|row| row.alert.rule == Rule::LedgerKey).count();
    agent.prune().await.unwrap();
    assert_eq!(alerts(), 0);
    let old = RealClock.now().moment().minus(Period::days(200)).day();
    std::fs::remove_file(site.config().state.folder().join("ledger/keys/acme").join(old)).unwrap();
    agent.prune().await.unwrap();
    assert_eq!(alerts(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_are_shown_by_person_log_and_time() {
    let site = Site::new();
    let (agent, _ended) = with_history(&site).await;
    agent.keep(Some(place().0), "ann".parse().unwrap(), "CASE-9".parse().unwrap()).await.unwrap().unwrap();
    let show = |log: Option<&str>, person: Option<&str>, since: Option<Moment>| {
        let (log, person) = (log.map(self::log), person.map(|person| person.parse().unwrap()));
        match lock(&agent.ledger).answer(&*agent.store, LedgerQuestion::Show { log, person, since }).unwrap() {
            LedgerAnswer::Entries(entries) => entries,
            other => panic!("{other:?}"),
        }
    };
    let all = show(None, None, None);
    let (own, client) = (show(Some("_agent"), None, None), show(Some("acme"), None, None));
    assert!(!own.is_empty() && all.len() == own.len() + client.len());
    let by_ann = show(None, Some("ann"), None);
    assert_eq!(by_ann.iter().map(|entry| &entry["kind"]).collect::<Vec<_>>(), ["legal-held"]);
    let today = show(Some("acme"), None, Some(RealClock.now().moment().minus(Period::days(1))));
    assert_eq!(client.len() - today.len(), 8, "what is of 200 days ago");
    let question = LedgerQuestion::Show { log: Some(log("birch")), person: None, since: None };
    assert_eq!(lock(&agent.ledger).answer(&*agent.store, question).unwrap(), LedgerAnswer::NotThere);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_was_put_back_starts_nothing_while_the_repository_is_away() {
    let site = Site::new();
    let (agent, _ended) = with_history(&site).await;
    drop(agent);
    let (database, copy) = (site.config().state.database(), site.folder.path().join("copy.db"));
    std::fs::copy(&database, &copy).unwrap();
    let (agent, _ended) = site.agent().await;
    a_run(&agent.store, RealClock.now().moment(), 5, "cus-7").await;
    publishing::checkpoints(&agent).await.unwrap();
    drop(agent);
    std::fs::copy(&copy, &database).unwrap();
    for beside in ["agent.db-wal", "agent.db-shm"] {
        drop(std::fs::remove_file(site.config().state.folder().join(beside)));
    }
    std::fs::remove_dir_all(site.repository()).unwrap();
    let (agent, _ended) = site.agent().await;
    let halt = agent.halted().expect("it knows by what it kept itself, before anything runs");
    assert!(halt.why.iter().any(|why| why.as_str() == "ledger-older"), "{halt:?}");
    assert!(!halt.published.is_empty(), "the checkpoints that it found stand in what it says");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_nobody_knows_has_no_ledger_and_nothing_to_hold() {
    let site = Site::new();
    let (agent, _ended) = with_history(&site).await;
    let logs = agent.store.logs().unwrap();
    let (acem, ann): (ClientId, assent_schema::id::PersonId) = ("acem".parse().unwrap(), "ann".parse().unwrap());
    let held = agent.keep(Some(acem.clone()), ann.clone(), "CASE-9".parse().unwrap()).await.unwrap();
    assert!(matches!(held, Err(NotErased::Not(NotHeld::Unknown(_)))), "{held:?}");
    let viewer = agent.of_agency(&ann).unwrap().viewer;
    let may = |log: &Log| agent.may_read(&viewer, log);
    assert!(viewer.oncall && may(&Log::Agent) && !may(&Log::Client(acem)), "on-call, of a client that was never here");
    assert_eq!(agent.store.logs().unwrap(), logs, "no log began");
    assert!(!site.config().state.folder().join("ledger/keys/acem").exists());
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::disallowed_methods, reason = "somebody else damages files of the agent")]
async fn a_kept_checkpoint_that_the_agent_cannot_have_written_is_damage() {
    let site = Site::new();
    let (agent, _ended) = with_history(&site).await;
    publishing::checkpoints(&agent).await.unwrap();
    agent.look_back().await.unwrap();
    let path = site.config().state.folder().join(crate::ledger::checkpoint_path(&Log::Client(place().0)));
    let kept = std::fs::read(&path).unwrap();
    let foreign = String::from_utf8(kept.clone()).unwrap().replacen("acme", "acne", 1).into_bytes();
    for damaged in [vec![0xff; 8], foreign, kept.iter().copied().take(40).collect()] {
        std::fs::write(&path, damaged).unwrap();
        let looked = agent.look_back().await;
        assert!(matches!(looked, Err(StoreError::Damaged("a kept checkpoint"))), "{looked:?}");
    }
    // What it found out otherwise stops it all the same.
    halt::stop_for_ledger(&agent, crate::deploy::halt::Why::LedgerForked).await;
    assert!(agent.halted().is_some_and(|halt| halt.published.is_empty()));
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::disallowed_methods, reason = "somebody else damages files of the agent")]
async fn a_recovery_that_cannot_be_read_is_kept_and_not_done() {
    let site = Site::new();
    let (agent, _ended) = with_history(&site).await;
    halt::stop_for_ledger(&agent, crate::deploy::halt::Why::LedgerForked).await;
    drop(agent);
    let folder = site.config().state;
    let (signed, refused) = (folder.folder().join("recovery.json"), folder.folder().join("recovery.refused"));
    for text in [r#"{"statement":"#, r#"{"statement":"{}","signatures":{}}"#] {
        std::fs::write(&signed, text).unwrap();
        let (agent, _ended) = site.agent().await;
        assert!(agent.halted().is_some(), "it is not recovered");
        assert!(!signed.exists());
        assert_eq!(std::fs::read_to_string(&refused).unwrap(), text, "what was signed stays for those who look");
    }
}

/// What a command says that verifies the log of `acme` while no agent runs.
fn verified(site: &Site, since: Option<&str>) -> LedgerAnswer {
    let since = since.map(str::to_owned);
    let question = LedgerQuestion::Verify { log: log("acme"), since, demand: Demand::default() };
    match crate::control::offline::answer(&site.config(), &Question::Ledger(question)) {
        Ok(Answer::Ledger(answer)) => answer,
        Ok(other) => panic!("{other:?}"),
        Err(error) => panic!("{error:?}"),
    }
}

fn fault(answer: LedgerAnswer) -> (Option<u64>, Option<u64>, String) {
    let LedgerAnswer::Fault { index, until, code } = answer else { panic!("{answer:?}") };
    (index, until, code)
}

/// Changes the rows of the log of `acme` while no agent runs; `{row}` is the id of its first.
fn edit(site: &Site, sql: &str) {
    let database = rusqlite::Connection::open(site.config().state.database()).unwrap();
    let row = "SELECT no << 40 FROM log WHERE name = 'acme'";
    database.execute_batch(&sql.replace("{row}", &format!("({row})"))).unwrap();
}

/// Whoever cuts the log takes the checkpoint away, too. A command that asks must not sign another history.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_about_a_log_signs_nothing_and_what_was_pushed_is_looked_at_first() {
    let site = Site::new();
    let (agent, _ended) = with_history(&site).await;
    publishing::publish(&agent, &mut Said::default()).await.unwrap();
    let size = ledger_of(&agent).size;
    a_run(&agent.store, RealClock.now().moment(), 5, "cus-7").await;
    let question = LedgerQuestion::Verify { log: log("acme"), since: None, demand: Demand::default() };
    let answer = lock(&agent.ledger).answer(&*agent.store, question).unwrap();
    assert!(
        matches!(&answer, LedgerAnswer::Verified(found) if (found.size, found.unsigned) == (size, 2)),
        "{answer:?}"
    );
    drop(agent);
    let kept = site.config().state.folder().join("checkpoints/acme/checkpoint");
    let note = std::fs::read_to_string(&kept).unwrap();
    assert!(matches!(verified(&site, Some(&note)), LedgerAnswer::Verified(found) if found.size == size));

    edit(&site, &format!("DELETE FROM ledger WHERE id BETWEEN {{row}} + {} AND {{row}} + {}", size - 3, size + 9));
    std::fs::remove_file(&kept).unwrap();
    assert_eq!(fault(verified(&site, None)), (Some(size - 3), Some(size - 1), "wrong-size".to_owned()));
    assert!(!kept.exists(), "nothing was signed");
    // An agent whose repository is away knows by what it pushed, before anything runs.
    let (there, away) = (site.repository(), site.folder.path().join("away"));
    std::fs::rename(&there, &away).unwrap();
    let (agent, _ended) = site.agent().await;
    let halt = agent.halted().expect("it starts nothing");
    assert!(halt.why.iter().any(|why| why.as_str() == "ledger-older"), "{halt:?}");
    drop(agent);
    assert!(!kept.exists(), "nothing was signed");
    std::fs::remove_dir_all(site.config().state.repository()).unwrap();
    assert_eq!(fault(verified(&site, None)), (None, None, "no-checkpoint".to_owned()));
    assert!(!kept.exists(), "nothing was signed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_somebody_changed_is_named_by_its_place() {
    let site = Site::new();
    let (agent, _ended) = with_history(&site).await;
    publishing::publish(&agent, &mut Said::default()).await.unwrap();
    drop(agent);
    edit(&site, "UPDATE ledger SET commitment = zeroblob(32) WHERE id = {row} + 3");
    assert_eq!(fault(verified(&site, None)), (Some(3), None, "bad-commitment".to_owned()));
    edit(&site, "DELETE FROM ledger WHERE id = {row} + 3");
    assert_eq!(fault(verified(&site, None)), (Some(3), None, "bad-index".to_owned()));
}

/// A wrong argument is no fault of the ledger.
#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_of_another_log_accuses_nobody() {
    let site = Site::new();
    let (agent, _ended) = with_history(&site).await;
    publishing::publish(&agent, &mut Said::default()).await.unwrap();
    let own = lock(&agent.ledger).publishers().last(&Log::Agent).unwrap().note().to_owned();
    drop(agent);
    let other = verified(&site, Some(&own));
    assert!(matches!(&other, LedgerAnswer::OtherLog { origin, .. } if origin.client.is_none()), "{other:?}");
}
