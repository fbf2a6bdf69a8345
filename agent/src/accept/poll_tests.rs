//! Lists that grow, come late, are cut off and repeat themselves, and an agent that stops anywhere between.

use super::*;

const LAG: Period = Period::seconds(60);
/// A time after all that is listed.
fn late() -> Moment {
    at(10_000)
}

fn at(seconds: i64) -> Moment {
    Moment::from_seconds(seconds)
}

fn position(order: i64, id: &str) -> Position {
    Position { order: at(order), id: id.to_owned() }
}

fn one(order: i64, id: &str) -> Item {
    Item {
        position: position(order, id),
        order: None,
        exact: Exact::new(),
        fields: BTreeMap::new(),
        ours: true,
        misfit: None,
    }
}

fn check(cursor: &Cursor, since: i64, items: &[(i64, &str)], more: More) -> (Vec<String>, Then) {
    let items = items.iter().map(|(order, id)| one(*order, id)).collect();
    let (taken, then) = judge(cursor, at(since), items, more);
    (taken.into_iter().map(|item| item.position.id).collect(), then)
}

#[test]
fn the_first_read_begins_now_and_later_ones_overlap_but_never_before_the_beginning() {
    let cursor = Cursor::begin(at(1_000));
    assert_eq!(cursor.since(LAG, late()), at(1_000));
    assert_eq!(cursor.past(&position(1_030, "a"), late()).since(LAG, late()), at(1_000));
    assert_eq!(cursor.past(&position(1_500, "a"), late()).since(LAG, late()), at(1_440));
}

#[test]
fn an_item_from_the_future_moves_the_cursor_no_further_than_now() {
    let cursor = Cursor::begin(at(0));
    let moved = cursor.past(&position(1_000_000, "future"), at(500));
    assert_eq!(moved.since(LAG, at(500)), at(440));
    assert_eq!(moved.past(&position(510, "next"), at(520)).since(LAG, at(520)), at(450));
    // One that was moved there before, or by a clock that was wrong, comes back.
    let lost = Cursor { last: Some(position(1_000_000, "future")), ..cursor };
    assert_eq!(lost.since(LAG, at(500)), at(440));
    assert_eq!((position(801, "a").is_ahead(at(500)), position(800, "a").is_ahead(at(500))), (true, false));
}

#[test]
fn what_came_late_does_not_move_the_cursor_back() {
    let cursor = Cursor::begin(at(0)).past(&position(500, "b"), late());
    assert_eq!(cursor.past(&position(470, "z"), late()), cursor);
    assert_eq!(cursor.past(&position(500, "a"), late()), cursor);
    assert_eq!(cursor.past(&position(500, "c"), late()).last, Some(position(500, "c")));
}

#[test]
fn items_are_taken_oldest_first_and_each_once() {
    let cursor = Cursor::begin(at(100));
    let taken = check(&cursor, 100, &[(120, "c"), (110, "b"), (110, "a"), (110, "b"), (99, "before")], More::No);
    assert_eq!(taken, (vec!["a".into(), "b".into(), "c".into()], Then::Rest));
}

#[test]
fn a_list_that_is_cut_off_is_read_on_from_its_newest() {
    let cursor = Cursor::begin(at(0));
    assert_eq!(check(&cursor, 0, &[(1, "a"), (2, "b")], More::Yes).1, Then::Again(at(2)));
    assert_eq!(check(&cursor, 2, &[(2, "b"), (2, "c")], More::Yes).1, Then::Stuck);
    assert_eq!(check(&cursor, 2, &[], More::Yes).1, Then::Stuck);
    assert_eq!(check(&cursor, 0, &[(2, "b"), (1, "a")], More::Yes), (vec![], Then::Unsorted));
}

#[test]
fn a_list_of_which_nobody_says_that_it_is_whole_is_read_until_nothing_newer_comes() {
    let cursor = Cursor::begin(at(0));
    assert_eq!(check(&cursor, 0, &[(1, "a"), (2, "b")], More::Unknown).1, Then::Again(at(2)));
    assert_eq!(check(&cursor, 2, &[(2, "b")], More::Unknown).1, Then::Rest);
    assert_eq!(check(&cursor, 2, &[], More::Unknown).1, Then::Rest);
    assert_eq!(check(&cursor, 0, &[(2, "b"), (1, "a")], More::Unknown), (vec![], Then::Unsorted));
}

#[test]
fn two_changes_within_a_second_are_two_events() {
    let (client, workflow) = (ClientId::new("acme").unwrap(), WorkflowId::new("w").unwrap());
    let place = Place { client: &client, workflow: &workflow };
    let changed = |order: Option<&str>| Item { order: order.map(str::to_owned), ..one(30, "7") };
    let (first, second) = ("1970-01-01T00:00:30.1Z", "1970-01-01T00:00:30.9Z");
    let keys: BTreeSet<_> =
        [None, Some(first), Some(second)].map(|order| place.key(Known::Item(&changed(order)))).into();
    assert_eq!(keys.len(), 3);
    let both = vec![changed(Some(second)), changed(Some(first)), changed(Some(first))];
    assert_eq!(judge(&Cursor::begin(at(0)), at(0), both, More::No).0.len(), 2);
}

#[test]
fn a_cursor_is_read_as_it_was_written() {
    let (client, workflow) = (ClientId::new("acme").unwrap(), WorkflowId::new("w").unwrap());
    let place = Place { client: &client, workflow: &workflow };
    let of_lists = Cursor { lists: ["shop.list".parse().unwrap()].into(), ..Cursor::begin(at(5)) };
    let moved = of_lists.past(&position(7, "x"), late());
    assert_eq!(moved.lists, of_lists.lists);
    for cursor in [Cursor::begin(at(5)), Cursor::begin(at(5)).past(&position(7, "x"), late()), of_lists, moved] {
        let Write::State { name, value: Some(bytes) } = cursor.write(&place) else { panic!("a state") };
        assert_eq!(name, "poll/acme/w");
        assert_eq!(Cursor::read(&bytes), Some(cursor));
    }
    assert_eq!(Cursor::read(b"{}"), None);
}

#[test]
fn keys_tell_items_orders_and_workflows_apart_and_are_of_no_list() {
    let (client, workflow) = (ClientId::new("acme").unwrap(), WorkflowId::new("w").unwrap());
    let other = WorkflowId::new("v").unwrap();
    let of = |workflow| Place { client: &client, workflow };
    let keys: BTreeSet<_> = [
        of(&workflow).key(Known::Item(&one(1, "a"))),
        of(&workflow).key(Known::Item(&one(2, "a"))),
        of(&workflow).key(Known::Item(&one(1, "b"))),
        of(&workflow).key(Known::Aside(&one(1, "a"))),
        of(&workflow).key(Known::Placeless(Digest::from_bytes([1; 32]))),
        of(&other).key(Known::Item(&one(1, "a"))),
    ]
    .into();
    assert_eq!(keys.len(), 6);
}

/// Agents in the field have these; they were made when keys and cursors were of a list.
#[test]
fn what_was_kept_of_lists_is_still_known() {
    let (client, workflow) = (ClientId::new("acme").unwrap(), WorkflowId::new("w").unwrap());
    let place = Place { client: &client, workflow: &workflow };
    let (list, other): (OperationRef, OperationRef) = ("shop.list".parse().unwrap(), "shop.other".parse().unwrap());
    let hex = |key: &[u8; 16]| key.map(|byte| format!("{byte:02x}")).concat();
    let keys = |known| place.keys(known, &[list.clone()].into()).iter().map(hex).collect::<Vec<_>>();
    let item = one(1, "a");
    for (known, before) in [
        (Known::Item(&item), "6ed4963bf319a6fac3346b1c570c75eb"),
        (Known::Aside(&item), "6bb6b8a411a4cd2e1394552292c62ef5"),
        (Known::Placeless(Digest::from_bytes([1; 32])), "3c803b5357e8a68928b901f1127dd4aa"),
    ] {
        assert_eq!(keys(known), [hex(&place.key(known)), before.to_owned()]);
    }

    let read = |text: &str| Cursor::read(text.as_bytes()).unwrap();
    let old = read(r#"{"floor":"1970-01-01T00:00:05Z","last":{"order":"1970-01-01T00:00:30Z","id":"x"}}"#);
    let young = read(r#"{"floor":"1970-01-01T00:00:40Z"}"#);
    let kept = || BTreeMap::from([(list.clone(), old.clone()), (other.clone(), young.clone())]);
    let lists = || BTreeSet::from([list.clone(), other.clone()]);
    // Where the list stood that is read, else where the one stood that came furthest.
    assert_eq!(Cursor::of_lists(kept(), &list), Some(Cursor { lists: lists(), ..old.clone() }));
    assert_eq!(Cursor::of_lists(kept(), &"shop.third".parse().unwrap()), Some(Cursor { lists: lists(), ..young }));
    assert_eq!(Cursor::of_lists(BTreeMap::new(), &list), None);
}

#[test]
fn failures_that_may_pass_alarm_only_in_a_row() {
    assert!(is_alarming(Failure::Permanent, 1));
    assert!(!is_alarming(Failure::Transient, 2));
    assert!(is_alarming(Failure::Transient, 3));
}

/// The world of one list: items appear over time, some late; what is durable outlives a stop.
struct World {
    /// When an item is seen, its order, its id.
    appears: Vec<(i64, i64, String)>,
    /// How many items one read gives; nobody says so unless `says`.
    page: usize,
    says: bool,
    cursor: Cursor,
    keys: BTreeSet<Position>,
    runs: Vec<String>,
}

impl World {
    /// One look, as the desk does it; the process stops after so many durable acceptances.
    fn look(&mut self, now: i64, mut stops_after: usize) {
        let mut since = self.cursor.since(LAG, at(now));
        loop {
            let mut seen: Vec<_> =
                self.appears.iter().filter(|(when, order, _)| *when <= now && at(*order) >= since).collect();
            seen.sort_by_key(|(_, order, id)| (*order, id.clone()));
            let more = match self.says {
                true if seen.len() > self.page => More::Yes,
                true => More::No,
                false => More::Unknown,
            };
            let items = seen.into_iter().take(self.page).map(|(_, order, id)| one(*order, id)).collect();
            let (taken, then) = judge(&self.cursor, since, items, more);
            for item in taken {
                if self.keys.contains(&item.position) {
                    continue;
                }
                if stops_after == 0 {
                    return;
                }
                stops_after -= 1;
                // One transaction: key, run and cursor.
                self.keys.insert(item.position.clone());
                self.runs.push(item.position.id.clone());
                self.cursor = self.cursor.past(&item.position, at(now));
            }
            match then {
                Then::Again(from) => since = from,
                Then::Rest => return,
                Then::Stuck | Then::Unsorted => panic!("this list can be walked"),
            }
        }
    }
}

#[test]
fn whatever_stops_in_between_every_item_runs_once() {
    for stop in 0..40 {
        for (page, says) in [(2, true), (3, true), (100, true), (2, false), (3, false), (100, false)] {
            // Every third item appears up to a minute after its order says.
            let appears: Vec<_> =
                (0..30_i64).map(|i| (100 + i * 7 + (i % 3) * 30, 100 + i * 7, format!("i{i}"))).collect();
            let mut world =
                World { appears, page, says, cursor: Cursor::begin(at(100)), keys: BTreeSet::new(), runs: Vec::new() };
            for now in (100..500).step_by(25) {
                world.look(
                    now,
                    if now == 100 + 25 * (stop % 16) { usize::try_from(stop / 4).unwrap() } else { usize::MAX },
                );
            }
            let all: BTreeSet<_> = world.runs.iter().cloned().collect();
            assert_eq!((all.len(), world.runs.len()), (30, 30), "stop {stop}, page {page}, {says}");
        }
    }
}
