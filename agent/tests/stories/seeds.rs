//! Many crashes in one story, moments without space, clock jumps, and machines that lose the kernel's keys, all from a seed.
//! A failure prints its seed; the seed joins the list.

use crate::crash::STRIKES;
use crate::story::{Story, workflows};
use assent_agent::sim::Crash;

/// Seeds that found something once.
const FOUND: &[u64] = &[];
/// New ones for each run of the tests.
const SEEDS: u64 = 60;
/// Those that a deep one takes.
const MANY_SEEDS: u64 = 5_000;

fn seeds() -> std::ops::Range<u64> {
    0..if std::env::var_os("ASSENT_DEEP").is_some() { MANY_SEEDS } else { SEEDS }
}

/// `SplitMix64`, for choices of tests.
pub(crate) struct Choices(pub(crate) u64);

impl Choices {
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

#[test]
fn many_crashes_and_a_wrong_clock_change_nothing_that_matters() {
    let workflows = workflows();
    for seed in FOUND.iter().copied().chain(seeds()) {
        let mut choices = Choices(seed);
        let all = u64::try_from(workflows.len()).expect("few");
        let workflow = &workflows[usize::try_from(choices.below(all)).expect("small")];
        let count = u64::try_from(workflow.tests.scenarios.len()).expect("few");
        let scenario = &workflow.tests.scenarios[usize::try_from(choices.below(count)).expect("small")];
        println!("seed {seed}: {}", scenario.name);
        let story = Story::new(workflow, scenario, seed);
        let crashes = choices.below(12);
        story.live(|process, host| {
            if u64::try_from(process).expect("few") >= crashes {
                return host.crash_at(None);
            }
            let so_far = u64::try_from(host.points().len()).expect("few");
            let strike = STRIKES[usize::try_from(choices.below(4)).expect("small")];
            host.crash_at(Some(Crash { at: so_far + choices.below(9), strike }));
            if choices.below(4) == 0 {
                let millis = i64::try_from(choices.below(1_200_000)).expect("small");
                host.jump(millis - 600_000);
            }
            if choices.below(6) == 0 {
                host.forget_keys();
            }
        });
        story.check();
    }
}
