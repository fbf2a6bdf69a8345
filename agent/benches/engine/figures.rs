//! Figures: percentiles, and what /proc says about this process.

use std::time::Duration;

/// Times that something took.
pub(crate) struct Times(Vec<Duration>);

impl Times {
    pub(crate) fn new(mut all: Vec<Duration>) -> Self {
        all.sort_unstable();
        Self(all)
    }

    /// A percentile in milliseconds.
    pub(crate) fn at(&self, percent: usize) -> f64 {
        let place = (self.0.len() * percent / 100).min(self.0.len().saturating_sub(1));
        self.0.get(place).map_or(f64::NAN, |time| time.as_secs_f64() * 1e3)
    }
}

/// What one measurement found.
pub(crate) struct Figures {
    pub(crate) runs_per_second: f64,
    /// From the first byte of the request to the 2xx: the run and its first intent are durable.
    pub(crate) told: Times,
    /// From the first byte of the request to the end of the run, durable too.
    pub(crate) ended: Times,
    pub(crate) commits_per_run: f64,
    pub(crate) bytes_per_run: f64,
    pub(crate) cpu_micros_per_run: f64,
    /// Of the whole process: agent, load and API.
    pub(crate) resident: f64,
}

pub(crate) fn load_average() -> String {
    std::fs::read_to_string("/proc/loadavg").expect("/proc").trim().to_owned()
}

/// Bytes that this process made the disk write. Sockets do not count.
pub(crate) fn written() -> u64 {
    let text = std::fs::read_to_string("/proc/self/io").expect("/proc");
    let line = text.lines().find_map(|line| line.strip_prefix("write_bytes: "));
    line.and_then(|number| number.parse().ok()).expect("a number")
}

/// Processor time of the threads of these names.
pub(crate) fn cpu(names: &[&str]) -> Duration {
    let mut nanos = 0;
    for task in std::fs::read_dir("/proc/self/task").expect("/proc").flatten() {
        let read = |file: &str| std::fs::read_to_string(task.path().join(file)).unwrap_or_default();
        if names.contains(&read("comm").trim()) {
            nanos += read("schedstat").split(' ').next().and_then(|first| first.parse::<u64>().ok()).unwrap_or(0);
        }
    }
    Duration::from_nanos(nanos)
}

/// Processor time of this process and of those children that ended. The kernel counts it in hundredths of a second.
pub(crate) fn cpu_with_children() -> Duration {
    let text = std::fs::read_to_string("/proc/self/stat").expect("/proc");
    let (_, after_name) = text.rsplit_once(") ").expect("fields");
    let ticks: u64 = after_name.split(' ').skip(11).take(4).filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(10 * ticks)
}

/// Resident memory of a process in MB.
pub(crate) fn resident(process: u32) -> f64 {
    memory(process, "VmRSS:")
}

/// The most that a process ever had resident, in MB.
pub(crate) fn resident_most(process: u32) -> f64 {
    memory(process, "VmHWM:")
}

fn memory(process: u32, what: &str) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{process}/status")).expect("a process");
    let line = text.lines().find_map(|line| line.strip_prefix(what)).expect("its memory");
    let kib: f64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
    kib * 1024.0 / 1e6
}
