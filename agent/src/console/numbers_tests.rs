//! What people see of KPIs, and that nobody can have the value of one run from all of it.

use proptest::prelude::*;

use super::*;

/// The instant at which so many hours since 1970 are over, and a while more.
fn after(hour: i64) -> Now {
    Now::at(hour * 3_600 + 600)
}

#[test]
fn names_are_read_and_small_groups_are_hidden_everywhere() {
    let counts = [
        read("refund/done/480/topic.kind=late", 3).unwrap(),
        read("refund/done/481/topic.kind=lost", 40).unwrap(),
        read("refund/done/481/topic.kind=other", 60).unwrap(),
        read("refund/paid/480/currency=EUR/topic.kind=late", 1_250).unwrap(),
        read("refund/done/24", 900).unwrap(),
    ];
    assert_eq!(counts[3].series.currency.as_deref(), Some("EUR"));
    assert_eq!(counts[0].group, "topic.kind=late");
    let runs = [read_runs("refund/paid/480/1/currency=EUR/topic.kind=late", 5).unwrap()];
    assert_eq!((&runs[0].series, runs[0].lasts), (&counts[3].series, 1));
    let all = over_days(counts, runs, &Takings::new(), after(40 * 24));
    let (done, of) = all.iter().find(|(series, _)| series.name == "done").unwrap();
    assert_eq!((of.total, of.days.clone()), (100, [(20, Cell::Told(100))].into()), "what is older is not in it");
    let groups: Vec<_> = of.groups.values().map(|cell| done.shown(*cell)).collect();
    assert_eq!(groups, ["<5", "40", "60"], "three wait for two more");
    assert!(csv(&all).contains("refund,paid,EUR,1970-01-21,1250\r\n"), "{}", csv(&all));
    let few = over_days([read("refund/done/480", 4).unwrap()], [], &Takings::new(), after(490));
    let (series, of) = few.iter().next().unwrap();
    assert_eq!(series.total(of), "<5");
    assert!(csv(&few).ends_with("refund,done,,1970-01-21,<5\r\n"), "{}", csv(&few));
    let none = over_days([read("refund/done/490", 40).unwrap()], [], &Takings::new(), after(490));
    let (series, of) = none.iter().next().unwrap();
    assert_eq!(series.total(of), "–", "the hour is not over: nobody says that it is nothing");
    for bad in ["", "refund", "refund/done", "refund/done/x"] {
        assert_eq!((read(bad, 1), read_runs(bad, 1)), (None, None), "{bad}");
    }
    assert_eq!(read_runs("refund/done/1", 1), None);
}

/// KPIs of `refund` as plans have them.
fn plans(kpis: &[&str]) -> Takings {
    let kpi = |text: &&str| ("refund".parse().unwrap(), serde_json::from_str(text).unwrap());
    takings(kpis.iter().map(kpi))
}

#[test]
fn of_the_open_hour_the_runs_that_are_done_are_told_in_fives_and_nothing_else() {
    let so_far = |kpis: &[&str], counts: &[(&str, i64)]| {
        let counts = counts.iter().map(|(name, value)| read(name, *value).unwrap());
        over_days(counts, [], &plans(kpis), after(490)).into_values().map(|counts| counts.so_far).collect::<Vec<_>>()
    };
    let (all, labels) = (r#"{"name":"done"}"#, r#"{"name":"done","by":["topic.kind"]}"#);
    let seven = [("refund/done/490/topic.kind=late", 4), ("refund/done/490/topic.kind=lost", 3)];
    assert_eq!(so_far(&[labels], &seven), [5], "labels together, and two wait");
    assert_eq!(so_far(&[all], &[("refund/done/490", 4)]), [0], "fewer are not told");
    assert_eq!(
        so_far(&[all], &[("refund/done/490", 15), ("refund/done/489", 5)]),
        [15],
        "an hour that is over is told whole"
    );
    // Which runs fulfil a condition, and how much they sum to, nobody else tells of the open hour.
    let some = r#"{"name":"done","when":"agree.approved"}"#;
    for not in [some, r#"{"name":"done","sum":"order.total"}"#, r#"{"name":"done","per":"24h"}"#, r#"{"name":"other"}"#]
    {
        let Ok(kpi) = serde_json::from_str::<Kpi>(not) else { panic!("{not}") };
        let known = takings([("refund".parse().unwrap(), kpi)]);
        let seen = over_days([read("refund/done/490", 40).unwrap()], [], &known, after(490));
        assert_eq!(seen.into_values().map(|counts| counts.so_far).collect::<Vec<_>>(), [0], "{not}");
    }
    assert_eq!(so_far(&[all, some], &[("refund/done/490", 40)]), [0], "the plan before counted others");
    // Labels of the open hour are told when it is over.
    let of = over_days(seven.map(|(name, value)| read(name, value).unwrap()), [], &plans(&[labels]), after(490));
    assert!(of.values().all(|counts| counts.groups.is_empty() && counts.days.is_empty()));
    assert_eq!(csv(&of).lines().count(), 1, "what is taken along is of hours that are over");
}

#[test]
fn a_count_that_lasts_a_day_is_told_when_the_day_is_over() {
    let counts = || [read("refund/done/480", 40).unwrap()];
    let daily = plans(&[r#"{"name":"done","per":"24h"}"#]);
    assert_eq!(over_days(counts(), [], &daily, after(503)).values().next().unwrap().total, 0);
    assert_eq!(over_days(counts(), [], &daily, after(504)).values().next().unwrap().total, 40);
}

/// What a client sees of two counts of one workflow, by days.
fn two(asked: &[i64], paid: &[i64]) -> [Counts; 2] {
    let of = |name: &str, days: &[i64]| -> Vec<Count> {
        (0..)
            .zip(days)
            .filter(|(_, value)| **value > 0)
            .map(|(day, value)| read(&format!("refund/{name}/{}", day * 24), *value).unwrap())
            .collect()
    };
    let all = over_days([of("asked", asked), of("paid", paid)].concat(), [], &Takings::new(), after(24 * 20));
    all.into_values().collect::<Vec<_>>().try_into().unwrap()
}

#[test]
fn two_counts_that_differ_by_a_few_runs_do_not_tell_of_them() {
    let [asked, paid] = two(&[20, 30], &[20, 28]);
    assert_eq!((asked.hides_total, asked.total), (false, 50), "the first by name is whole");
    assert!(paid.hides_total);
    assert_eq!(paid.days.into_values().collect::<Vec<_>>(), [Cell::Told(20), Cell::Withheld]);
    assert_eq!(paid.groups.into_values().collect::<Vec<_>>(), [Cell::Withheld]);
    let [_, paid] = two(&[20, 30], &[14, 20]);
    assert_eq!(
        (paid.hides_total, paid.days.values().collect::<Vec<_>>()),
        (false, vec![&Cell::Told(14), &Cell::Told(20)])
    );
    let [_, paid] = two(&[20, 30], &[20, 30]);
    assert!(!paid.hides_total, "the same runs tell of none");
    // Each day differs by five, so none of them is close; the total of a label is.
    let counts = ["refund/asked/0/a.b=late", "refund/asked/0/a.b=lost"].map(|name| read(name, 40).unwrap());
    let all = over_days(counts.into_iter().chain(read("refund/paid/0", 38)), [], &Takings::new(), after(24));
    assert!(all.values().last().unwrap().hides_total, "38 beside 40 would tell of two");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever two counts show: no value of one, and no sum of all that it shows, is a few runs away from the other's.
    #[test]
    fn nothing_that_is_shown_of_two_counts_is_a_few_runs_apart(days in prop::collection::vec((10_i64..40, 0_i64..6), 1..10)) {
        let asked: Vec<i64> = days.iter().map(|(all, _)| *all).collect();
        let paid: Vec<i64> = days.iter().map(|(all, less)| all - less).collect();
        let [one, other] = two(&asked, &paid);
        for (day, cell) in &other.days {
            if let (Cell::Told(value), Some(Cell::Told(beside))) = (cell, one.days.get(day)) {
                prop_assert!(!too_close(*value, *beside), "{value} beside {beside}");
            }
        }
        let whole = other.days.values().all(|cell| matches!(cell, Cell::Told(_)));
        prop_assert!(other.hides_total || !too_close(one.total, other.total));
        prop_assert!(!(other.hides_total && whole && other.total != 0), "the days add up to what is withheld");
    }
}

#[test]
fn what_is_fewer_than_five_is_added_to_no_total_and_told_with_the_next() {
    let of = |counts: &[(&str, i64)], hour: i64| {
        let all =
            over_days(counts.iter().map(|(name, value)| read(name, *value).unwrap()), [], &Takings::new(), after(hour));
        all.into_values().next().unwrap()
    };
    let groups = [("r/n/480/k=a", 1), ("r/n/480/k=b", 5), ("r/n/480/k=c", 90), ("r/n/500/k=a", 5)];
    let first = of(&groups[..3], 490);
    assert_eq!((first.total, first.groups["k=a"]), (95, Cell::Few), "96 would tell of one");
    assert_eq!(of(&groups, 500).total, 95, "the hour that runs on is not looked at");
    let then = of(&groups, 501);
    assert_eq!((then.total, then.groups["k=a"]), (101, Cell::Told(6)));
}

#[test]
fn a_sum_is_told_of_five_runs_and_of_hours_that_are_over() {
    let sums = |parts: &[(i64, i64, i64)]| {
        let name = |at: &str, hour: i64| format!("refund/paid/{hour}{at}/currency=EUR");
        let counts: Vec<_> = parts.iter().map(|(hour, _, value)| read(&name("", *hour), *value).unwrap()).collect();
        let runs: Vec<_> = parts.iter().map(|(hour, runs, _)| read_runs(&name("/1", *hour), *runs).unwrap()).collect();
        (counts, runs)
    };
    let shown = |parts: &[(i64, i64, i64)], hour: i64| {
        let (counts, runs) = sums(parts);
        let all = over_days(counts, runs, &Takings::new(), after(hour));
        all.into_values().next().map(|of| (of.total, of.days)).unwrap_or_default()
    };
    let parts = [(480, 4, 700), (481, 1, 50), (505, 9, 900)];
    assert_eq!(shown(&parts[..1], 481), (0, [(20, Cell::Few)].into()), "one run, whatever it paid");
    assert_eq!(shown(&parts, 481).0, 0, "the hour that runs on is not looked at");
    assert_eq!(shown(&parts, 482), (750, [(20, Cell::Told(750))].into()));
    assert_eq!(shown(&parts, 505).0, 750);
    assert_eq!(shown(&parts, 506), (1_650, [(20, Cell::Told(750)), (21, Cell::Told(900))].into()));
    // What was summed before anybody counted runs is of nobody knows how many.
    let old = over_days(sums(&parts).0, [], &Takings::new(), after(506));
    assert_eq!(old.values().next().unwrap().total, 0);
    // A sum without a currency is one too, by the runs behind it.
    let plain = [read("refund/minutes/480", 400).unwrap()];
    let runs = [read_runs("refund/minutes/480/1", 2).unwrap()];
    assert_eq!(over_days(plain, runs, &Takings::new(), after(490)).values().next().unwrap().total, 0);
}

/// A run that is done: its hour, its label, its value.
type Run = (i64, u8, i64);

/// Everything that somebody sees who looks at all of these hours.
fn looked(runs: &[Run], looks: &[i64], lasts: i64) -> Vec<String> {
    let mut looked = Vec::new();
    for look in looks {
        let mut cells: BTreeMap<String, (i64, i64)> = BTreeMap::new();
        // A run of an hour that is under way is in the store already.
        for (hour, label, value) in runs.iter().filter(|(hour, ..)| hour <= look) {
            let begins = hour - hour.rem_euclid(lasts);
            let cell = cells.entry(format!("{begins}|k={label}")).or_default();
            (cell.0, cell.1) = (cell.0 + 1, cell.1 + value);
        }
        let part = |name: &str, more: &str| {
            let (begins, label) = name.split_once('|').unwrap();
            format!("w/n/{begins}{more}/currency=EUR/{label}")
        };
        let counts: Vec<_> = cells.iter().map(|(name, (_, sum))| read(&part(name, ""), *sum).unwrap()).collect();
        let more = format!("/{lasts}");
        let behind: Vec<_> =
            cells.iter().map(|(name, (runs, _))| read_runs(&part(name, &more), *runs).unwrap()).collect();
        let all = over_days(counts, behind, &Takings::new(), after(*look));
        looked.push(csv(&all));
        for (series, of) in &all {
            looked.push(series.total(of));
            looked.extend(of.groups.iter().map(|(group, cell)| format!("{group} {}", series.shown(*cell))));
        }
    }
    looked
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whoever looks each hour, at the page and at the table, at days, labels and totals, and subtracts as they like: for
    /// each run there are four others that may have had what it had, and everything looks the same.
    #[test]
    fn nobody_can_have_the_value_of_one_run(
        runs in prop::collection::vec((0_i64..60, 0_u8..3, 1_i64..1_000), 1..26),
        lasts in prop::sample::select(vec![1_i64, 3, 24]),
        begins in 900_i64..960,
    ) {
        let runs: Vec<Run> = runs.into_iter().map(|(hour, label, value)| (begins + hour, label, value)).collect();
        let looks: Vec<i64> = (begins..begins + 90).chain([begins + 24 * DAYS, begins + 24 * DAYS + 30]).collect();
        let seen = looked(&runs, &looks, lasts);
        for (one, run) in runs.iter().enumerate() {
            let moved = |to: Option<usize>| {
                let mut others = runs.clone();
                others[one].2 += 7;
                if let Some(to) = to {
                    others[to].2 -= 7;
                }
                looked(&others, &looks, lasts)
            };
            if moved(None) == seen {
                continue; // Nothing is told of it at all.
            }
            let same = (0..runs.len()).filter(|other| *other != one && moved(Some(*other)) == seen).count();
            prop_assert!(same >= 4, "{run:?} is told among {same} others of {runs:?}");
        }
    }
}
