//! What ends soon: approvals that alone cover what a client's workflows do, and the root on which everything rests.
//!
//! # Source
//! trust.md section 3: "Warnings go out 30, 7 and 1 days before an approval expires".

use std::collections::BTreeMap;

use assent_schema::id::ClientId;
use assent_schema::time::{Moment, Period};
use assent_schema::trust::RootChain;

/// How long before something ends people are told.
pub(super) const ENDS_SOON: Period = Period::days(30);

/// Something that ends soon.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ending {
    /// When.
    pub at: Moment,
    /// Whose approval it is; nobody's where it is the root.
    pub client: Option<ClientId>,
    /// The file that says so.
    pub file: String,
}

impl Ending {
    /// The newest root, if it ends soon.
    pub fn of_root(roots: &RootChain, now: Moment) -> Option<Self> {
        let newest = roots.newest();
        let file = format!("trust/root/{}.toml", newest.version);
        soon(newest.expires, now).then_some(Self { at: newest.expires, client: None, file })
    }

    /// The approvals of a client that end soon, by their files.
    pub(super) fn of_client<'e>(
        client: &'e ClientId,
        files: &'e BTreeMap<String, Moment>,
    ) -> impl Iterator<Item = Self> + 'e {
        files.iter().map(move |(file, at)| Self { at: *at, client: Some(client.clone()), file: file.clone() })
    }

    /// What it is, how soon it ends and what to do, as sentences.
    pub fn sentence(&self, now: Moment) -> String {
        let (file, at, left) = (&self.file, self.at, left(self.at.since(now)));
        match &self.client {
            Some(client) => format!(
                "`{file}` ends {at}, in {left}, and with it what it alone approves. `assent plan --draft {client}` drafts the \
                 approval that follows it."
            ),
            None => format!(
                "`{file}` ends {at}, in {left}: then agents take no release and no freshness any more. `assent trust root \
                 --expires INSTANT` writes the version that follows it."
            ),
        }
    }
}

/// Whether something is not over and ends soon.
fn soon(ends: Moment, now: Moment) -> bool {
    now < ends && ends.since(now) <= ENDS_SOON
}

fn left(left: Period) -> String {
    let (number, unit) = match left.as_seconds() {
        seconds if seconds >= 172_800 => (seconds / 86_400, "days"),
        seconds => (seconds.div_ceil(3_600), "hours"),
    };
    if number == 1 { "1 hour".to_owned() } else { format!("{number} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_said_from_thirty_days_before_until_it_is_over() {
        let ends: Moment = "2027-11-30T00:00:00Z".parse().unwrap();
        assert!(!soon(ends, ends.minus(ENDS_SOON).minus(Period::seconds(1))));
        assert!(soon(ends, ends.minus(ENDS_SOON)) && soon(ends, ends.minus(Period::seconds(1))));
        assert!(!soon(ends, ends));
        let told = |before: Period| left(ends.since(ends.minus(before)));
        assert_eq!(told(Period::days(30)), "30 days");
        assert_eq!(told(Period::days(2)), "2 days");
        assert_eq!(told(Period::hours(47)), "47 hours");
        assert_eq!(told(Period::seconds(1)), "1 hour");
    }
}
