use super::*;
use crate::ledger::kind::{
    Accepted, Clock, Ended, Erased, Kind, Opened, Pruned, Started, Statement, Stopped, Tick, Token,
};
use ed25519_dalek::SigningKey;

fn origin() -> Origin {
    "assent/harbor/eu-1/acme".parse().unwrap()
}

fn signing() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

fn key() -> LogKey {
    LogKey::of_log(&origin(), signing().verifying_key().as_bytes()).unwrap()
}

fn token(text: &str) -> Token {
    Token::new(text).unwrap()
}

fn accepted() -> Kind {
    Accepted { id: token("r-1"), trigger: token("webhook"), event: token("e-1") }.into()
}

fn ended() -> Kind {
    Ended { outcome: token("done"), name: None, connection: None, left: None }.into()
}

fn tick(accepted: u64, finished: u64) -> Kind {
    Tick { accepted, finished, heads: vec![] }.into()
}

/// Entries as `(seconds, run, kind)`.
type Story = Vec<(i64, Option<u64>, Kind)>;

fn story() -> Story {
    vec![
        (0, None, Opened { root: Digest::of_file(b"root"), old: vec![] }.into()),
        (0, None, Started { clean: true, version: token("0.1.0") }.into()),
        (1, Some(1), accepted()),
        (1, Some(2), accepted()),
        (5, Some(2), ended()),
        (3_600, None, tick(2, 1)),
        (3_601, Some(1), ended()),
        (3_700, None, Stopped {}.into()),
    ]
}

fn at(seconds: i64) -> Moment {
    Moment::from_seconds(1_772_442_000 + seconds)
}

fn entry(index: u64, (seconds, run, kind): (i64, Option<u64>, Kind)) -> Entry {
    let time = at(seconds);
    Entry { log: origin(), index, time, run, step: None, item: None, attempt: None, actor: None, plan: None, kind }
}

/// Writes a story as an export, with the bodies at these places gone.
fn export(story: Story, gone: &[u64]) -> Vec<u8> {
    let mut frontier = Frontier::new();
    let mut out = Vec::new();
    for (index, told) in (0..).zip(story) {
        let body = entry(index, told).to_bytes().unwrap();
        let salt = [index.to_le_bytes()[0]; 32];
        let committed = commitment(&salt, &body);
        frontier.append(committed.as_bytes());
        let opened = (!gone.contains(&index)).then_some((&salt, body.as_slice()));
        out.extend(line(index, &committed, opened).unwrap());
    }
    let head = Head { origin: origin(), size: frontier.size(), root: frontier.root() };
    out.push(b'\n');
    out.extend_from_slice(Checkpoint::sign(head, &signing()).note().as_bytes());
    out
}

fn fault_of(story: Story, gone: &[u64]) -> Option<(Option<u64>, &'static str)> {
    verify(&export(story, gone), &key(), &[]).err().map(|e| (e.index, e.fault.code()))
}

fn told(story: Story, at: usize, with: (i64, Option<u64>, Kind)) -> Story {
    let mut story = story;
    story[at] = with;
    story
}

#[test]
fn a_whole_log_verifies() {
    let summary = verify(&export(story(), &[]), &key(), &[]).unwrap();
    assert_eq!((summary.head.size, summary.accepted, summary.finished, summary.gone), (8, 2, 2, 0));
    assert_eq!(verify(&export(vec![], &[]), &key(), &[]).unwrap().head.size, 0);
}

#[test]
fn no_byte_can_be_changed() {
    let export = export(story(), &[]);
    for at in 0..export.len() {
        let mut bent = export.clone();
        bent[at] ^= 1;
        assert!(verify(&bent, &key(), &[]).is_err(), "byte {at}");
    }
    for size in 0..export.len() {
        assert!(verify(&export[..size], &key(), &[]).is_err(), "cut at {size}");
    }
}

#[test]
fn each_lie_has_its_code_and_place() {
    assert_eq!(fault_of(told(story(), 3, (0, Some(2), accepted())), &[]), Some((Some(3), "time-backwards")));
    assert_eq!(fault_of(told(story(), 3, (1, Some(3), accepted())), &[]), Some((Some(3), "run-gap")));
    assert_eq!(fault_of(told(story(), 3, (1, Some(1), accepted())), &[]), Some((Some(3), "run-gap")));
    assert_eq!(fault_of(told(story(), 3, (1, None, accepted())), &[]), Some((Some(3), "run-missing")));
    assert_eq!(fault_of(told(story(), 4, (5, Some(3), ended())), &[]), Some((Some(4), "run-unknown")));
    assert_eq!(fault_of(told(story(), 6, (3_601, Some(2), ended())), &[]), Some((Some(6), "run-ended-twice")));
    assert_eq!(fault_of(told(story(), 5, (3_600, None, tick(2, 2))), &[]), Some((Some(5), "tick-counts")));
    assert_eq!(fault_of(told(story(), 5, (3_661, None, tick(2, 1))), &[]), Some((Some(5), "tick-late")));
    assert_eq!(fault_of(told(story(), 7, (7_261, None, Stopped {}.into())), &[]), Some((Some(7), "tick-late")));
    // Whoever leaves out all ticks is seen as well, and so is who opens nothing or runs while he is down.
    let until =
        |seconds| (seconds, None, Kind::from(Statement { digest: Digest::of_file(b"s"), decision: token("approve") }));
    let silent =
        |seconds: &[i64]| story().into_iter().take(2).chain(seconds.iter().copied().map(until)).collect::<Story>();
    assert_eq!(fault_of(silent(&[3_660, 3_661, 3_721]), &[]), None);
    assert_eq!(fault_of(silent(&[3_661, 3_722]), &[]), Some((Some(3), "tick-late")));
    let woke = silent(&[3_661]).into_iter().chain([(3_670, None, Clock { was: at(3_600) }.into()), until(3_900)]);
    assert_eq!(fault_of(woke.collect(), &[]), None);
    assert_eq!(fault_of(story().split_off(1), &[]), Some((Some(0), "not-begun")));
    let after = |told| story().into_iter().chain([told]).collect::<Story>();
    assert_eq!(fault_of(after((3_701, Some(3), accepted())), &[]), Some((Some(8), "not-started")));
    assert_eq!(fault_of(after(until(3_701)), &[]), None);
}

#[test]
fn bodies_may_be_gone_only_where_an_entry_says_so() {
    let erased = |ranges| (3_800, None, Erased { ranges, request: token("r-77") }.into());
    let with = |ranges| story().into_iter().chain([erased(ranges)]).collect::<Story>();
    assert_eq!(fault_of(with(vec![(0, 3), (6, 6)]), &[0, 1, 2, 3, 6]), None);
    // A second entry says everything again; what is new by it is told.
    let pruned: Kind = Pruned { ranges: vec![(0, 4), (6, 6)], rule: token("retention"), reason: token("90d") }.into();
    let both: Story = with(vec![(2, 3), (6, 6)]).into_iter().chain([(3_900, None, pruned)]).collect();
    let summary = verify(&export(both, &[0, 1, 2, 3, 4, 6]), &key(), &[]).unwrap();
    let told: Vec<_> = summary.told.iter().map(|told| (told.entry, told.why.as_str(), told.ranges.clone())).collect();
    assert_eq!(told, [(8, "r-77", vec![(2, 3), (6, 6)]), (9, "90d", vec![(0, 1), (4, 4)])]);
    assert_eq!(fault_of(with(vec![(0, 3)]), &[0, 1, 2, 3, 6]), Some((Some(6), "body-gone")));
    assert_eq!(fault_of(with(vec![(0, 4)]), &[0, 1, 2, 3]), Some((Some(4), "body-gone")));
    assert_eq!(fault_of(story(), &[4]), Some((Some(4), "body-gone")));
    assert_eq!(fault_of(with(vec![(0, 3), (4, 4)]), &[0, 1, 2, 3, 4]), Some((Some(8), "bad-ranges")));
    assert_eq!(fault_of(with(vec![(0, 8)]), &[]), Some((Some(8), "bad-ranges")));
}

#[test]
fn an_older_head_must_be_the_beginning() {
    let older = |size: usize| {
        let export = export(story().into_iter().take(size).collect(), &[]);
        verify(&export, &key(), &[]).unwrap().head
    };
    let all = export(story(), &[]);
    for size in 0..=8 {
        assert!(verify(&all, &key(), &[older(size)]).is_ok(), "{size}");
    }
    let other = |size| Head { root: Digest::of_file(b"other"), ..older(size) };
    let found = |heads: &[Head]| verify(&all, &key(), heads).unwrap_err();
    assert_eq!(found(&[other(3)]), ExportFault::among(0, 3, Fault::NotConsistent));
    // What an older head says is right is out of question.
    assert_eq!(
        found(&[older(2), other(5)]),
        ExportFault { index: Some(2), until: Some(4), fault: Fault::NotConsistent }
    );
    let longer = Head { size: 10, ..older(8) };
    assert_eq!(found(&[longer]), ExportFault { index: Some(8), until: Some(9), fault: Fault::NotConsistent });
}

#[test]
fn a_checkpoint_over_other_entries_says_where_they_may_be() {
    let whole = export(story(), &[]);
    let (entries, note) = std::str::from_utf8(&whole).unwrap().split_once("\n\n").unwrap();
    let with = |entries: &str| verify(format!("{entries}\n\n{note}").as_bytes(), &key(), &[]).unwrap_err();
    let shorter = entries.rsplit_once('\n').unwrap().0;
    assert_eq!(with(shorter), ExportFault { index: Some(7), until: None, fault: Fault::WrongSize });
    let other = export(told(story(), 4, (4, Some(2), ended())), &[]);
    let other = std::str::from_utf8(&other).unwrap().split_once("\n\n").unwrap().0.to_owned();
    assert_eq!(with(&other), ExportFault { index: Some(0), until: Some(7), fault: Fault::WrongRoot });
    let older = verify(&export(story().into_iter().take(3).collect(), &[]), &key(), &[]).unwrap().head;
    let forged = format!("{other}\n\n{note}");
    let found = verify(forged.as_bytes(), &key(), &[older]).unwrap_err();
    assert_eq!(found, ExportFault { index: Some(3), until: Some(7), fault: Fault::WrongRoot });
}

#[test]
fn a_clock_that_was_set_begins_the_count_anew() {
    let clock = |seconds| (seconds, None, Kind::from(Clock { was: Moment::from_seconds(1_772_442_000) }));
    let mut story = told(story(), 5, (9_000, None, tick(2, 1)));
    story[6].0 = 9_001;
    story[7].0 = 9_100;
    assert_eq!(fault_of(story.clone(), &[]), Some((Some(5), "tick-late")));
    story.insert(5, clock(9_000));
    assert_eq!(fault_of(story, &[]), None);
}

#[test]
fn another_key_verifies_nothing() {
    let other = LogKey::of_log(&origin(), SigningKey::from_bytes(&[8; 32]).verifying_key().as_bytes()).unwrap();
    assert_eq!(verify(&export(story(), &[]), &other, &[]).unwrap_err().fault, Fault::BadCheckpoint);
}
