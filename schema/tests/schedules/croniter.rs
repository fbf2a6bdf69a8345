//! What `croniter`, a Python package, says of crontab lines in UTC.

#![expect(clippy::disallowed_methods, reason = "this test starts Python")]

#[path = "../../../tests/support/skipped.rs"]
#[expect(unreachable_pub, reason = "the library of tests shows it to others")]
mod skipped;

use std::io::Write as _;
use std::process::{Command, Stdio};

use super::line::Line;

/// How many times of each line are asked for.
pub(crate) const TIMES: usize = 40;

const SCRIPT: &str = "
import sys
from datetime import datetime, timezone
from croniter import croniter, CroniterBadDateError
begin, end, most = map(int, sys.argv[1:4])
for line in sys.stdin.read().splitlines():
    times = croniter(line, datetime.fromtimestamp(begin, timezone.utc), ret_type=float, max_years_between_matches=60)
    found = []
    try:
        while len(found) < most:
            at = int(times.get_next())
            if at >= end:
                break
            found.append(at)
        print(*found)
    except CroniterBadDateError:
        print('refused')
";

/// The first times of each line, none for a line that it gives up on; nothing, and a line that says so, where Python has no `croniter`. CI does not forgive that.
pub(crate) fn times(lines: &[Line], from: i64, until: i64) -> Option<Vec<Option<Vec<i64>>>> {
    // Debian's package belongs to the system's Python, which is not always the first on the path.
    let Some(python) = ["python3", "/usr/bin/python3"].into_iter().find(|python| has_croniter(python)) else {
        skipped::skipped("croniter is not installed (tests/setup installs it)");
        return None;
    };
    let mut child = Command::new(python)
        .args(["-c", SCRIPT, &from.to_string(), &until.to_string(), &TIMES.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Python starts");
    let input = lines.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    child.stdin.take().expect("standard input is piped").write_all(input.as_bytes()).expect("Python reads");
    let output = child.wait_with_output().expect("Python ends");
    assert!(output.status.success(), "croniter refuses a line");
    let text = String::from_utf8(output.stdout).expect("text");
    let times = |line: &str| line.split_whitespace().map(|at| at.parse().ok()).collect();
    Some(text.lines().map(times).collect())
}

fn has_croniter(python: &str) -> bool {
    let mut command = Command::new(python);
    command.args(["-c", "import croniter"]).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
