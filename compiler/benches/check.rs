//! How long `assent check` takes: the real command on one packed commit, cold, with what it writes. Prints a table.
//!
//! `-- 100000` takes other sizes; `-- make DIR SIZE approved|unapproved` only writes the repository, to be looked at.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a benchmark reads the clock, makes its own input and prints a table"
)]

mod generate;
#[path = "../tests/support/mod.rs"]
#[expect(dead_code, reason = "each binary uses its own part")]
mod support;

use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use support::NOW;

/// Runs of each size; the median is printed.
const RUNS: usize = 3;
/// The sizes unless said.
const SIZES: [usize; 2] = [1_000, 10_000];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    if let [make, folder, size, approved] = arguments.as_slice()
        && make == "make"
    {
        let (repository, commit) =
            generate::repository(Path::new(folder), size.parse().expect("a number"), approved == "approved");
        println!("{commit} {}", generate::edit(&repository, commit));
        return;
    }
    let sizes: Vec<usize> = arguments.iter().filter_map(|size| size.parse().ok()).collect();
    println!("| workflows | approved | ms | MiB at most | findings, MB |");
    println!("|---|---|---|---|---|");
    for workflows in if sizes.is_empty() { SIZES.to_vec() } else { sizes } {
        for approved in [true, false] {
            let folder = tempfile::tempdir().expect("a temporary folder");
            generate::repository(folder.path(), workflows, approved);
            let mut runs: Vec<Ran> = (0..RUNS).map(|_| check(folder.path())).collect();
            runs.sort_by_key(|run| run.time);
            let run = &runs[RUNS / 2];
            let says = if approved { "yes" } else { "no" };
            println!(
                "| {workflows} | {says} | {} | {} | {:.1} |",
                run.time.as_millis(),
                run.resident_mib,
                f64::from(u32::try_from(run.written).unwrap_or(u32::MAX)) / 1e6
            );
        }
    }
}

/// One run of the command.
struct Ran {
    time: Duration,
    resident_mib: u64,
    written: usize,
}

/// `assent check --format json` as its own process, its output read and thrown away.
fn check(repository: &Path) -> Ran {
    let began = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_assent"))
        .args(["check", "--no-cache", "--no-rehearsal", "--format", "json", "--at", NOW, "--repo"])
        .arg(repository)
        .stdout(Stdio::piped())
        .spawn()
        .expect("the command");
    let mut out = child.stdout.take().expect("a pipe");
    let reader = std::thread::spawn(move || {
        let mut all = Vec::new();
        out.read_to_end(&mut all).map(|_| all.len()).expect("its output")
    });
    let mut resident_mib = 0;
    while child.try_wait().expect("a child").is_none() {
        resident_mib = resident_mib.max(resident_most_mib(child.id()));
        std::thread::sleep(Duration::from_millis(1));
    }
    let written = reader.join().expect("a reader");
    Ran { time: began.elapsed(), resident_mib, written }
}

/// The largest resident size of a process so far, by the kernel's own count.
fn resident_most_mib(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) / 1024
}
