//! How long `assent check` takes: the real command on one packed commit, cold, with what it writes. Prints a table.
//!
//! `-- 100000` takes other sizes; `-- make DIR SIZE SCENARIOS` only writes a repository, to be looked at.

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

use generate::Kind;
use support::NOW;

/// Runs of each size; the median is printed.
const RUNS: usize = 3;
/// More scenarios than any workflow has.
const ALL: usize = 1_000;
/// The sizes unless said.
const SIZES: [usize; 2] = [1_000, 10_000];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    if let [make, folder, workflows, scenarios] = arguments.as_slice()
        && make == "make"
    {
        let number = |text: &str| text.parse().expect("a number");
        let kind = Kind { workflows: number(workflows), approved: true, scenarios: number(scenarios) };
        let (repository, commit) = generate::repository(Path::new(folder), kind);
        println!("{commit} {}", generate::edit(&repository, commit));
        return;
    }
    let sizes: Vec<usize> = arguments.iter().filter_map(|size| size.parse().ok()).collect();
    println!("| workflows | scenarios each | approved | what | ms | MiB at most | output, MB |");
    println!("|---|---|---|---|---|---|---|");
    for workflows in if sizes.is_empty() { SIZES.to_vec() } else { sizes } {
        for (scenarios, approved) in [(1, true), (ALL, true), (1, false)] {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let (repository, commit) = generate::repository(folder.path(), Kind { workflows, approved, scenarios });
            let row = |what: &str, ran: &Ran| {
                println!(
                    "| {workflows} | {} | {} | {what} | {} | {} | {:.1} |",
                    if scenarios == ALL { "all, 9 to 13".to_owned() } else { scenarios.to_string() },
                    if approved { "yes" } else { "no" },
                    ran.time.as_millis(),
                    ran.resident_mib,
                    f64::from(u32::try_from(ran.written).unwrap_or(u32::MAX)) / 1e6
                );
            };
            let check = |more: &[&str]| {
                let mut arguments = vec!["check", "--format", "json", "--at", NOW];
                arguments.extend(more);
                median(|| run(folder.path(), &arguments))
            };
            row("check, cold", &check(&["--no-cache", "--no-rehearsal"]));
            if scenarios == ALL {
                row("check, cold, scenarios run", &check(&["--no-cache"]));
            }
            if approved {
                let edited = generate::edit(&repository, commit).to_string();
                run(folder.path(), &["check", "--no-rehearsal", "--format", "json", "--at", NOW]);
                row("check, the same commit again", &check(&["--no-rehearsal"]));
                row("check, one line edited", &once_after(folder.path(), &edited));
                let range = format!("{commit}..{edited}");
                row("plan, one line edited", &median(|| run(folder.path(), &["plan", &range, "--at", NOW])));
            }
        }
    }
}

/// A check of another commit, whose notes are then taken back to those of the first.
fn once_after(folder: &Path, edited: &str) -> Ran {
    let ran = |commit: &str| run(folder, &["check", commit, "--no-rehearsal", "--format", "json", "--at", NOW]);
    median(|| {
        ran("HEAD");
        ran(edited)
    })
}

fn median(mut one: impl FnMut() -> Ran) -> Ran {
    let mut runs: Vec<Ran> = (0..RUNS).map(|_| one()).collect();
    runs.sort_by_key(|run| run.time);
    runs.swap_remove(RUNS / 2)
}

/// One run of the command.
struct Ran {
    time: Duration,
    resident_mib: u64,
    written: usize,
}

/// `assent` as its own process, its output read and thrown away.
fn run(repository: &Path, arguments: &[&str]) -> Ran {
    let began = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_assent"))
        .args(arguments)
        .arg("--repo")
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
