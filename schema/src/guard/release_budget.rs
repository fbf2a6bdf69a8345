//! `release-budget`: one run could tell more about content than 64 bits.

use super::{Breach, Judged};
use crate::code::Code;
use crate::flow::{BITS_MOST, Release};

/// Reports the sum once, at what tells most; the way names every release.
///
/// # Source
/// language.md section 5, "Releases". Promise P04.
pub(super) fn check(judged: &Judged<'_>) -> Vec<Breach> {
    let (bits, releases) = (judged.flows.bits(), &judged.flows.releases);
    let Some(most) = releases.iter().max_by_key(|release| release.bits).filter(|_| bits > BITS_MOST) else {
        return Vec::new();
    };
    let said = format!("One run can make {bits} bits about what people wrote durable, and {BITS_MOST} is the most.");
    let told = |release: &Release| (release.site.clone(), format!("{}: {}", release.what, counted(release.bits)));
    vec![Breach::new(Code::ReleaseBudget, most.site.clone(), said).way(releases.iter().map(told).collect())]
}

fn counted(bits: u32) -> String {
    if bits == 1 { "1 bit".into() } else { format!("{bits} bits") }
}
