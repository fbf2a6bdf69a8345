//! How fast runs are when each of them is durable, how soon the agent is ready, and how soon a release runs. Prints Markdown
//! tables.
//!
//! `cargo bench -p assent-agent --bench engine`; `-- engine`, `-- start`, `-- ledger`, `-- deploy` (`-- large` and `-- poll` are
//! parts of it), `-- verify` (for a profiler), `-- crowd`, `-- watch`, `-- cost` or `-- console` for one table alone. What the
//! figures mean and what they were is in docs/benchmarks.md.
#![expect(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "measures real time, reads /proc, starts the agent, prints; bends JSON that it wrote itself"
)]

mod console;
mod crowd;
mod deploy;
mod figures;
mod large;
mod ledger;
mod load;
mod process;
mod site;
mod start;
mod watch;

use std::time::Duration;

/// Seconds of one measurement.
const SECONDS: u64 = 2;
/// How often a release is verified for a profiler.
const VERIFIED: u32 = 40;
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
    if wants("deploy") || wants("large") {
        large();
    }
    if wants("deploy") || wants("poll") {
        println!("| what | measured |");
        println!("|---|---|");
        println!("| a poll without news, of a folder: processor ms | {:.1} |", ms(deploy::poll(false)));
        println!("| a poll without news, over git://: processor ms | {:.1} |\n", ms(deploy::poll(true)));
    }
    if wants("deploy") {
        deploy();
    }
    if wanted.as_deref() == Some("verify") {
        println!("verifying 2,000 new plans: {:.0} ms\n", ms(deploy::verified(VERIFIED)));
    }
    if wants("crowd") {
        crowd();
    }
    if wants("watch") {
        watch();
    }
    if wants("cost") {
        cost();
    }
    if wants("console") {
        pages();
    }
    println!("Load average after: {}", figures::load_average());
}

fn engine() {
    println!(
        "| at once | runs/s | 2xx p50 ms | 2xx p99 ms | end p50 ms | end p99 ms | commits a run | bytes written a run | CPU µs a run | resident MB |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    for at_once in [1, 16, 64] {
        let mut rounds: Vec<_> = (0..ROUNDS).map(|_| site::measure(at_once, SECONDS, true)).collect();
        rounds.sort_by(|a, b| a.runs_per_second.total_cmp(&b.runs_per_second));
        let Some(one) = rounds.get(ROUNDS / 2) else { continue };
        println!(
            "| {at_once} | {:.0} | {:.1} | {:.1} | {:.1} | {:.1} | {:.2} | {:.0} | {:.0} | {:.1} |",
            one.runs_per_second,
            one.told.at(50),
            one.told.at(99),
            one.ended.at(50),
            one.ended.at(99),
            one.commits_per_run,
            one.bytes_per_run,
            one.cpu_micros_per_run,
            one.resident,
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

/// The console over a million runs, or as many as the second argument says.
fn pages() {
    let runs = std::env::args().nth(2).and_then(|runs| runs.parse().ok()).unwrap_or(1_000_000);
    println!("| page, over {runs} runs | p50 ms | most ms | bytes |");
    println!("|---|---|---|---|");
    for page in console::measure(runs) {
        println!("| {} | {:.1} | {:.1} | {} |", page.what, page.took.at(50), page.took.at(100), page.bytes);
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

fn crowd() {
    println!("| what | resident MB before | and then |");
    println!("|---|---|---|");
    // First what takes least: memory that was freed is not given back.
    let idle = crowd::idle(1_000);
    println!("| 1,000 workflows, nothing runs | {:.1} | {:.1} |", idle.before, idle.after);
    let resting = crowd::resting(100_000);
    println!("| 100,000 runs that rest | {:.1} | {:.1} |\n", resting.before, resting.after);
    println!("| interrupted runs | taken up s | all ended s |");
    println!("|---|---|---|");
    let resumed = crowd::resumed(10_000);
    println!("| 10,000 | {:.2} | {:.2} |\n", resumed.taken_up.as_secs_f64(), resumed.ended.as_secs_f64());
}

fn watch() {
    println!(
        "| events a second | processor a minute, ms | share of one core | alert at its receiver after ms, p50, most |"
    );
    println!("|---|---|---|---|");
    let one = watch::measure(100);
    println!(
        "| 100 | {:.0} | {:.2} % | {:.0}, {:.0} |",
        one.busy.as_secs_f64() * 1e3,
        one.busy.as_secs_f64() / 60.0 * 100.0,
        one.delivered.at(50),
        one.delivered.at(100),
    );
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

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// How the time of a part is told, and what it is.
type Way = (&'static str, fn(&deploy::Took) -> Duration);

const WAYS: [Way; 2] = [("", deploy::Took::wall), (", processor", deploy::Took::processor)];

fn large() {
    println!("| a release of 10,000 plans | fetch ms | read ms | verify ms | stage ms | the last three ms |");
    println!("|---|---|---|---|---|---|");
    for (what, deploy::Staged { fetch, read, verify, stage }) in deploy::large() {
        for (by, of) in WAYS {
            let [fetch, read, verify, stage] = [&fetch, &read, &verify, &stage].map(|took| ms(of(took)));
            let sum = read + verify + stage;
            println!("| {what}{by} | {fetch:.0} | {read:.0} | {verify:.0} | {stage:.0} | {sum:.0} |");
        }
    }
    println!();
}

fn deploy() {
    println!("| what | measured |");
    println!("|---|---|");
    println!("| from push to running, local change: ms | {:.0} |", ms(deploy::push_to_running(false)));
    println!("| from push to running, poked: ms | {:.0} |", ms(deploy::push_to_running(true)));
    let (by_hand, published) = deploy::rollback();
    println!("| rollback by hand until the plan runs: ms | {:.0} |", ms(by_hand));
    println!("| rollback by a release until the plan runs: ms | {:.0} |", ms(published));
    let deploy::Bomb { ended, before, after } = deploy::bomb();
    println!("| a fetch above its memory: ended after ms | {:.0} |", ms(ended));
    println!("| the agent's largest resident memory before and after: MB | {before:.1}, {after:.1} |");
    let (first, next, again, resident) = deploy::large_push_to_running();
    println!("| 10,000 plans, the first release, from start to running: ms | {:.0} |", ms(first));
    println!("| 10,000 plans, one new, from push to running: ms | {:.0} |", ms(next));
    println!("| 10,000 plans, a start after a kill until all run: ms | {:.0} |", ms(again));
    println!("| and the most that this agent has resident: MB | {resident:.1} |");
    println!();
}
