//! How fast runs are when each of them is durable, and how soon the agent is ready. Prints Markdown tables.
//!
//! `cargo bench -p assent-agent --bench engine`; `-- engine`, `-- start`, `-- ledger` or `-- cost` for one
//! table alone. What the figures mean and
//! what they were is in docs/benchmarks.md.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "measures real time, reads /proc, starts the agent, prints"
)]

mod figures;
mod ledger;
mod load;
mod site;
mod start;

/// Seconds of one measurement.
const SECONDS: u64 = 2;
/// Measurements of each kind; the table shows the median.
const ROUNDS: usize = 3;

fn main() {
    let wanted = std::env::args().nth(1).filter(|argument| !argument.starts_with('-'));
    let wants = |name: &str| wanted.as_ref().is_none_or(|wanted| wanted == name);
    println!("Load average before: {}\n", figures::load_average());
    if wants("engine") {
        engine();
    }
    if wants("start") {
        start();
    }
    if wants("ledger") {
        ledger();
    }
    if wants("cost") {
        cost();
    }
    println!("Load average after: {}", figures::load_average());
}

fn engine() {
    println!(
        "| at once | runs/s | 2xx p50 ms | 2xx p99 ms | end p50 ms | end p99 ms | commits a run | bytes written a run | CPU µs a run |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for at_once in [1, 16, 64] {
        let mut rounds: Vec<_> = (0..ROUNDS).map(|_| site::measure(at_once, SECONDS, true)).collect();
        rounds.sort_by(|a, b| a.runs_per_second.total_cmp(&b.runs_per_second));
        let Some(one) = rounds.get(ROUNDS / 2) else { continue };
        println!(
            "| {at_once} | {:.0} | {:.1} | {:.1} | {:.1} | {:.1} | {:.2} | {:.0} | {:.0} |",
            one.runs_per_second,
            one.told.at(50),
            one.told.at(99),
            one.ended.at(50),
            one.ended.at(99),
            one.commits_per_run,
            one.bytes_per_run,
            one.cpu_micros_per_run,
        );
    }
    println!();
}

/// What the ledger costs: rounds with it and without take turns, so that what else the machine does falls on both.
fn cost() {
    println!("| at once | runs/s without a ledger | with it | less by |");
    println!("|---|---|---|---|");
    for at_once in [1, 16, 64] {
        let mut rates = [Vec::new(), Vec::new()];
        for _ in 0..ROUNDS + 2 {
            for (rates, with) in rates.iter_mut().zip([false, true]) {
                rates.push(site::measure(at_once, SECONDS, with).runs_per_second);
            }
        }
        let [without, with] = rates.map(|mut rates| {
            rates.sort_by(f64::total_cmp);
            rates.get(rates.len() / 2).copied().unwrap_or_default()
        });
        println!("| {at_once} | {without:.0} | {with:.0} | {:.0} % |", (1.0 - with / without) * 100.0);
    }
    println!();
}

fn ledger() {
    println!("| entries of one day | verify s | inclusion proof ms | prune s | longest commit of it ms |");
    println!("|---|---|---|---|---|");
    for entries in [100_000, 1_000_000] {
        let one = ledger::measure(entries);
        println!(
            "| {entries} | {:.2} | {:.2} | {:.2} | {:.1} |",
            one.verify.as_secs_f64(),
            one.prove.as_secs_f64() * 1e3,
            one.prune.as_secs_f64(),
            one.longest.as_secs_f64() * 1e3,
        );
    }
    println!();
}

fn start() {
    println!("| ledger entries | ready ms | resident MB when ready | resident MB idle, 2 s later |");
    println!("|---|---|---|---|");
    for entries in [0, 100_000] {
        let folder = start::enrolled(entries);
        let mut rounds: Vec<_> = (0..ROUNDS + 2).map(|_| start::measure(folder.path())).collect();
        rounds.sort_by_key(|round| round.ready);
        let Some(one) = rounds.get(rounds.len() / 2) else { continue };
        println!(
            "| {entries} | {:.0} | {:.1} | {:.1} |",
            one.ready.as_secs_f64() * 1e3,
            one.resident_ready,
            one.resident_idle
        );
    }
    println!();
}
