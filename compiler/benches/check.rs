//! How long `assent check` takes: cold, from a packed-size commit, everything but printing. Prints a table.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a benchmark reads the clock, makes its own input and prints a table"
)]

mod generate;

use std::time::{Duration, Instant};

use assent_compiler::check::{Options, examine};
use assent_compiler::source::read_commit;

/// Runs of each size; the median is printed.
const RUNS: usize = 3;

fn main() {
    // Criterion's and the test harness's arguments mean nothing here.
    let at = "2026-06-01T00:00:00Z".parse().expect("an instant");
    println!("| workflows | read, ms | parse, resolve, check, lower, ms | in all, ms | resident at most, MiB |");
    println!("|---|---|---|---|---|");
    for workflows in [1_000, 10_000] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (repository, commit) = generate::repository(folder.path(), workflows);
        let mut times: Vec<(Duration, Duration)> = (0..RUNS)
            .map(|_| {
                let began = Instant::now();
                let (source, found) = read_commit(&repository, commit).expect("the commit that was generated");
                let read = began.elapsed();
                let (survey, more) = examine(source, at, &Options::default());
                let all = began.elapsed();
                let lowered: usize = survey.judged.values().map(|client| client.workflows.len()).sum();
                assert_eq!(lowered, workflows, "every generated workflow is well typed");
                drop((survey, found, more));
                (read, all)
            })
            .collect();
        times.sort();
        let (read, all) = times[RUNS / 2];
        println!(
            "| {workflows} | {} | {} | {} | {} |",
            read.as_millis(),
            all.saturating_sub(read).as_millis(),
            all.as_millis(),
            resident_most_mib()
        );
    }
}

/// The largest resident size of this process so far.
fn resident_most_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) / 1024
}
