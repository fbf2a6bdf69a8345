//! Sorted ranges of indices, as pairs with both ends: what of a log is gone.

/// What of sorted ranges others, each of which lies in one of them, leave.
pub(super) fn without(ranges: &[(u64, u64)], others: &[(u64, u64)]) -> Vec<(u64, u64)> {
    let (mut left, mut others) = (Vec::new(), others.iter().peekable());
    for (first, last) in ranges {
        let mut next = *first;
        while let Some((begin, end)) = others.next_if(|(_, end)| end <= last) {
            if next < *begin {
                left.push((next, begin - 1));
            }
            next = end + 1;
        }
        if next <= *last {
            left.push((next, *last));
        }
    }
    left
}

pub(super) fn covers(ranges: &[(u64, u64)], old: (u64, u64)) -> bool {
    ranges.iter().any(|(first, last)| *first <= old.0 && old.1 <= *last)
}

/// Adds an index above all others to sorted ranges.
pub fn push_index(ranges: &mut Vec<(u64, u64)>, index: u64) {
    match ranges.last_mut() {
        Some((_, last)) if *last + 1 == index => *last = index,
        _ => ranges.push((index, index)),
    }
}

pub(super) fn first_difference(a: &[(u64, u64)], b: &[(u64, u64)]) -> Option<u64> {
    let (a, b) = a
        .iter()
        .zip(b)
        .find(|(a, b)| a != b)
        .map_or_else(|| (a.get(b.len()).copied(), b.get(a.len()).copied()), |(a, b)| (Some(*a), Some(*b)));
    match (a, b) {
        (Some(a), Some(b)) if a.0 == b.0 => Some(a.1.min(b.1) + 1),
        (a, b) => a.into_iter().chain(b).map(|(first, _)| first).min(),
    }
}
