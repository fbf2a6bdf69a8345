//! The production agent is killed at ten moments of a refund. Money moves once each time, the ledger verifies, and neither its
//! state folder nor its log holds a word of the ticket. Then it ends as one that leaves a picture of its memory, and leaves none.

use std::collections::BTreeSet;
use std::path::PathBuf;

use assent_agent::deploy::gates::TRIAL_RUNS;
use assent_agent::store::inventory::KEPT;
use assent_compiler::command::demo::outside::{REFUNDED, Seen};
use assent_compiler::command::demo::source::put;
use assent_compiler::command::demo::stage::{Stage, WEBHOOK_SECRET, clock, refund, run_id, webhook};
use assent_schema::status::Status;
use assent_tests::until::{SOON, until_so};
use assent_tests::{command, have, run, succeed};

use crate::words::files_with_words;

/// The payment system, before it takes a request.
const PAYMENTS: &str = "payments";

/// When the agent is killed.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// As soon as it has taken the event.
    Taken,
    /// While a request waits at a point of the played systems.
    Held(&'static str),
    /// While the person is asked.
    Asked,
    /// As soon as the decision was taken.
    Decided,
    /// As soon as money has moved: the answer is on its way or has come.
    Paid,
    /// When the run has ended.
    Ended,
}

const MOMENTS: [Moment; 10] = [
    Moment::Taken,
    Moment::Held("helpdesk"),
    Moment::Held("ai"),
    Moment::Held("shop"),
    Moment::Asked,
    Moment::Decided,
    Moment::Held(PAYMENTS),
    Moment::Held(REFUNDED),
    Moment::Paid,
    Moment::Ended,
];

/// One event, told in full with one kill in it.
struct Told<'s> {
    stage: &'s mut Stage,
    event: String,
    ticket: String,
    run: String,
}

impl Told<'_> {
    /// Sends the event when the agent knows its workflows: one that has just started turns events away (404).
    fn send(&mut self) -> String {
        let works = |status: &Status| refund(status).is_some_and(|refund| refund.plan.is_some());
        let known = self.stage.production.wait_status(works).map(drop);
        assert!(known.is_ok(), "its workflow is not at work: {:?}", self.stage.production.status());
        let now = clock().expect("a clock");
        let (status, body) =
            webhook(&self.stage.production, &self.event, &self.ticket, &WEBHOOK_SECRET, now).expect("an answer");
        assert!(status == 202 || status == 200, "{status} {body}");
        run_id(&body).expect("a run")
    }

    fn again(&mut self) {
        self.stage.production.kill();
        self.keeps_no_word();
        self.stage.outside.hold(None);
        self.stage.production.start().expect("it starts again");
        assert_eq!(self.send(), self.run, "the helpdesk sends it again and it is the same run");
    }

    /// As the kill left it, before anything tidies up.
    fn keeps_no_word(&self) {
        let (state, log) = (self.stage.production.state(), self.stage.production.log());
        let found: Vec<_> = [state, log].iter().flat_map(|path| files_with_words(path)).collect();
        assert!(found.is_empty(), "{}: words of a ticket in {found:?}", self.event);
    }

    fn asked(&mut self) {
        self.stage.wait_decision(&self.run).expect("a question");
    }

    fn decide(&mut self) {
        self.asked();
        self.stage.decide(&self.run).expect("a decision");
    }

    /// Waits for what the played systems see.
    fn seen(&mut self, count: impl Fn(&Seen) -> usize, more_than: usize) {
        let (production, outside) = (&mut self.stage.production, &self.stage.outside);
        production.wait_for(|| Ok((outside.look(&count) > more_than).then_some(()))).expect("it is seen");
    }

    fn with(&mut self, moment: Moment) {
        let (waited, paid) = (|seen: &Seen| seen.waited, |seen: &Seen| seen.refunds.len());
        let (waited_before, paid_before) = (self.stage.outside.look(waited), self.stage.outside.look(paid));
        if let Moment::Held(point) = moment {
            self.stage.outside.hold(Some(point));
        }
        self.run = self.send();
        match moment {
            Moment::Taken => self.again(),
            Moment::Held(point) => {
                let decided = [PAYMENTS, REFUNDED].contains(&point);
                if decided {
                    self.decide();
                }
                self.seen(waited, waited_before);
                self.again();
                if decided {
                    return;
                }
            }
            Moment::Asked => {
                self.asked();
                self.again();
            }
            Moment::Decided => {
                self.decide();
                return self.again();
            }
            Moment::Paid => {
                self.decide();
                self.seen(paid, paid_before);
                return self.again();
            }
            Moment::Ended => {
                self.decide();
                self.stage.wait_run_end(&self.run).expect("an end");
                return self.again();
            }
        }
        self.decide();
    }
}

/// What the system would write of a process that ends so: its memory, and in it the ticket that a run holds.
fn leaves_no_picture_of_its_memory(stage: &mut Stage) {
    let mut told = Told { stage, event: "evt-core".into(), ticket: "4299".into(), run: String::new() };
    told.run = told.send();
    told.asked();
    let id = told.stage.production.process().expect("a process").to_string();
    let limits = std::fs::read_to_string(format!("/proc/{id}/limits")).expect("limits");
    let limit = limits.lines().find(|line| line.starts_with("Max core file size")).expect("a limit");
    assert_eq!(limit.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{limit}");
    let before = pictures(told.stage);
    succeed(command("kill", &told.stage.folder).args(["-ABRT", &id]));
    let gone = || {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with('Z'))
    };
    until_so("its end", SOON, gone);
    assert_eq!(pictures(told.stage), before, "a picture of its memory");
    told.again();
    told.decide();
    let run = told.run;
    assert_eq!(stage.wait_run_end(&run).expect("an end"), "done");
}

/// Files with the names of such pictures, where the system puts them: where the process was started, and in its own folder.
fn pictures(stage: &Stage) -> BTreeSet<PathBuf> {
    let here = std::env::current_dir().expect("a folder");
    let folders = [here, stage.production.state(), stage.folder.clone()];
    let files = folders.iter().flat_map(|folder| std::fs::read_dir(folder).expect("a folder"));
    let paths = files.map(|entry| entry.expect("an entry").path());
    paths.filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("core"))).collect()
}

/// Ends the trial of the plan with so many good runs that no money moves in: a crash counts as a failed run, and two
/// failed runs end a young trial, so that ten kills of a plan in trial would rightly return it.
fn end_trial(stage: &mut Stage) {
    for index in 0..TRIAL_RUNS {
        let (event, ticket) = (format!("trial-{index}"), format!("77{index:02}"));
        let mut told = Told { stage, event, ticket, run: String::new() };
        told.run = told.send();
        told.asked();
        let run = told.run;
        let (url, key) = (stage.production.url(), stage.agency.private("lena").expect("a key"));
        let args = ["decide", &run, "--agent", &url, "--client", "acme", "--key", &key, "--step", "agree", "--refuse"];
        stage.agency.assent(&args.map(str::to_owned)).expect("a decision");
        if index == 0 {
            // Whoever comes too late is told who decided what.
            let late = stage.agency.assent(&args.map(str::to_owned)).expect_err("decided already").to_string();
            assert!(late.contains("nothing was signed now: --step agree: lena said no at 20"), "{late}");
        }
        assert_eq!(stage.wait_run_end(&run).expect("an end"), "done");
    }
    let over = |status: &Status| refund(status).is_some_and(|refund| refund.trial.is_none());
    stage.production.wait_status(over).expect("the trial is over");
}

#[test]
fn money_moves_once_whenever_the_agent_is_killed() {
    let folder = tempfile::tempdir().expect("a folder");
    // Whoever starts the agent allows what the agent itself must forbid, where the system lets them.
    if have("prlimit") {
        let own = std::process::id().to_string();
        drop(run(command("prlimit", folder.path()).args(["--core=unlimited", "--pid", &own])));
    }
    let mut stage = assent_tests::stage::working(folder.path());
    end_trial(&mut stage);
    for (index, moment) in MOMENTS.into_iter().enumerate() {
        let (event, ticket) = (format!("evt-{index}"), format!("42{index:02}"));
        let mut told = Told { stage: &mut stage, event, ticket, run: String::new() };
        told.with(moment);
        let run = told.run;
        let end = stage.wait_run_end(&run).unwrap_or_else(|e| panic!("{moment:?}: {e}"));
        assert_eq!(end, "done", "{moment:?}");
        let refunds = stage.outside.look(|seen| seen.refunds.len());
        assert_eq!(refunds, index + 1, "{moment:?}: refunds by idempotency key");
    }
    leaves_no_picture_of_its_memory(&mut stage);
    // The look itself finds what is there.
    let planted = stage.production.state().join("planted");
    put(&planted, "Robin <robin@example.com>".as_bytes()).expect("a file");
    assert_eq!(files_with_words(&stage.production.state()), std::slice::from_ref(&planted));
    std::fs::remove_file(planted).expect("a file");
    for log in [&["ledger", "verify"][..], &["ledger", "verify", "acme"]] {
        stage.production.call(log).expect("a ledger that verifies");
    }
    // After all that, nothing lies in the state folder that the inventory does not know.
    for entry in std::fs::read_dir(stage.production.state()).expect("a folder") {
        let name = entry.expect("an entry").file_name().to_string_lossy().into_owned();
        let known = |name: &str| {
            KEPT.iter()
                .any(|kept| !kept.is_table && (name == kept.name || name.starts_with(&format!("{}-", kept.name))))
        };
        assert!(known(&name), "{name} is in no inventory");
    }
}

/// What a disk loses is told, and nothing waits for the rest of it for ever.
#[test]
fn objects_that_a_disk_left_in_part_do_not_keep_an_agent_from_starting() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut stage = assent_tests::stage::working(folder.path());
    let objects = stage.production.state().join("repo.git/objects");
    let loose = || {
        let mut files = Vec::new();
        for folder in std::fs::read_dir(&objects).expect("a folder").map(|entry| entry.expect("an entry").path()) {
            if folder.file_name().is_some_and(|name| name.len() == 2) {
                files.extend(std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()));
            }
        }
        files
    };
    // It writes its status by itself.
    stage.production.wait_for(|| Ok((!loose().is_empty()).then_some(()))).expect("an object that is not packed");
    stage.production.kill();
    let cut = loose();
    for file in &cut {
        let whole = std::fs::read(file).expect("an object");
        std::fs::remove_file(file).expect("it goes");
        put(file, &whole[..whole.len() * 7 / 10]).expect("a part of it comes back");
    }
    stage.production.start().expect("it starts again");
    stage
        .production
        .wait_status(|status| refund(status).is_some_and(|refund| refund.plan.is_some()))
        .expect("it works");
    assert!(cut.iter().all(|file| !file.exists()), "they are taken away");
}
