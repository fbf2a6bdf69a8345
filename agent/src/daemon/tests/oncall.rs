//! What people on call hold, let go on and handle.

use super::*;

fn to_hold(workflow: Option<&str>) -> (ClientId, HeldWhat) {
    let what = workflow.map_or(HeldWhat::Client, |workflow| HeldWhat::Workflow(workflow.parse().unwrap()));
    ("acme".parse().unwrap(), what)
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

/// Of a workflow that is off nothing runs anew: what is answered is why, and not the command that was just tried.
#[tokio::test]
async fn a_rerun_of_what_is_off_says_why_and_what_changes_it() {
    let site = Site::new();
    let (agent, _ended) = site.agent().await;
    let one = plan("one");
    site.publish(&release(&one, 1, None, |_| ()));
    agent.pull().await.unwrap();
    let run = failed_run(&agent, 1).await;
    let withdrawn = fixture::statement(2, Decision::Withdraw(vec![Cancelled::All]));
    agent.take_statement(handed(&withdrawn, "dana", Namespace::Approval)).await.unwrap();
    let act = Act { by: "ann".parse().unwrap(), why: "INC-7".parse().unwrap() };
    let start = |task: Task| drop(tokio::spawn(task));
    let asked = (Verb::Rerun, Chosen::One(run.into()));
    let counted = agent.handle(asked, act, Mode::Count, &start).await.unwrap().unwrap();
    let why = counted.runs[0].why_not.clone().unwrap();
    assert!(why.starts_with("no plan of acme/look runs here (uncovered): a release has to name one"), "{why}");
    assert!(why.contains(&format!("--readmit {}", digest(&one))) && !why.contains("runs rerun"), "{why}");
}
