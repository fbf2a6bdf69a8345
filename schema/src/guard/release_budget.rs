//! `release-budget`: one run could tell more about content than 64 bits.

use std::cmp::Reverse;

use super::{Breach, Judged};
use crate::code::Code;
use crate::counted::counted;
use crate::flow::{BITS_MOST, Release};

/// The most releases that are named.
const TOLD_MOST: usize = 8;
/// The most constants of one that are.
const CONSTANTS_MOST: usize = 4;

/// Reports the sum once, at what tells most; the way names those that tell most.
///
/// # Source
/// language.md section 5, "Releases". Promise P04.
pub(super) fn check(judged: &Judged<'_>) -> Vec<Breach> {
    let (bits, releases) = (judged.flows.bits(), &judged.flows.releases);
    let Some(most) = releases.iter().max_by_key(|release| release.bits).filter(|_| bits > BITS_MOST) else {
        return Vec::new();
    };
    let said = format!("One run can make {bits} bits about what people wrote durable, and {BITS_MOST} is the most.");
    // What tells most comes first, and of much the rest is only counted: it is read by people.
    let mut told: Vec<&Release> = releases.iter().collect();
    told.sort_by_key(|release| Reverse(release.bits));
    let rest = told.split_off(told.len().min(TOLD_MOST));
    let mut way: Vec<_> = told.into_iter().map(|one| (one.site.clone(), told_of(&one.what, one.bits))).collect();
    if let Some(first) = rest.first() {
        let bits = rest.iter().fold(0_u32, |sum, release| sum.saturating_add(release.bits));
        way.push((first.site.clone(), told_of(&format!("and {} more", rest.len()), bits)));
    }
    vec![Breach::new(Code::ReleaseBudget, most.site.clone(), said).way(way)]
}

fn told_of(what: &str, bits: u32) -> String {
    format!("{}: {}", shortened(what), counted(bits, "bit"))
}

/// A release with its first constants alone: `topic.team: one_of 9 (a, b, c, d and 5 more)`.
fn shortened(what: &str) -> String {
    let inside = what.split_once('(').and_then(|(before, rest)| Some((before, rest.rsplit_once(')')?)));
    let Some((before, (list, after))) = inside else { return what.to_owned() };
    let constants: Vec<&str> = list.split(", ").collect();
    let more = constants.len().saturating_sub(CONSTANTS_MOST);
    // One more takes no more room than to say that there is one more.
    if more <= 1 {
        return what.to_owned();
    }
    let shown: Vec<&str> = constants.into_iter().take(CONSTANTS_MOST).collect();
    format!("{before}({} and {more} more){after}", shown.join(", "))
}
