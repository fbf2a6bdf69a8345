//! The declared fields that a value draws from.

use std::collections::BTreeSet;
use std::iter::Flatten;
use std::option;
use std::sync::Arc;

use super::Source;

/// A set of declared fields. Shared: most values draw from what one other value does, and constants from nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources(
    /// Never empty where it is there.
    Option<Arc<BTreeSet<Source>>>,
);

impl Sources {
    /// None at all.
    pub const NONE: Self = Self(None);

    /// One field.
    pub fn one(source: Source) -> Self {
        Self(Some(Arc::new(BTreeSet::from([source]))))
    }

    /// Each, in order.
    pub fn iter(&self) -> Flatten<option::IntoIter<&BTreeSet<Source>>> {
        self.into_iter()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Takes those of another value, too.
    pub fn join(&mut self, other: &Self) {
        let Some(more) = &other.0 else { return };
        match &mut self.0 {
            Some(all) if Arc::ptr_eq(all, more) || more.is_subset(all) => {}
            Some(all) if !all.is_subset(more) => Arc::make_mut(all).extend(more.iter().cloned()),
            // Nothing that the other does not have.
            _ => self.0 = Some(Arc::clone(more)),
        }
    }

    /// Whether another value draws from nothing else.
    pub fn is_superset(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(all), Some(some)) => all.is_superset(some),
        }
    }

    /// The fields that both draw from, in order.
    pub fn shared_with<'s>(&'s self, other: &'s Self) -> impl Iterator<Item = &'s Source> {
        self.0.as_deref().zip(other.0.as_deref()).into_iter().flat_map(|(one, other)| one.intersection(other))
    }
}

impl FromIterator<Source> for Sources {
    fn from_iter<I: IntoIterator<Item = Source>>(all: I) -> Self {
        let all: BTreeSet<Source> = all.into_iter().collect();
        Self((!all.is_empty()).then(|| Arc::new(all)))
    }
}

impl<'s> IntoIterator for &'s Sources {
    type Item = &'s Source;
    type IntoIter = Flatten<option::IntoIter<&'s BTreeSet<Source>>>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.as_deref().into_iter().flatten()
    }
}

impl IntoIterator for Sources {
    type Item = Source;
    type IntoIter = Flatten<option::IntoIter<BTreeSet<Source>>>;

    fn into_iter(self) -> Flatten<option::IntoIter<BTreeSet<Source>>> {
        let all: Option<BTreeSet<Source>> = self.0.map(Arc::unwrap_or_clone);
        all.into_iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::class::Class;
    use crate::expr::Origin;

    fn of(paths: &[&str]) -> Sources {
        let one = |path: &&str| Source { path: (*path).into(), class: Class::Content, origin: Origin::Agent };
        paths.iter().map(one).collect()
    }

    #[test]
    fn both_together_draw_from_all_that_each_draws_from() {
        let sets: [&[&str]; 5] = [&[], &["a"], &["b"], &["a", "b"], &["a", "c", "d"]];
        for one in sets {
            for other in sets {
                let mut all = of(one);
                all.join(&of(other));
                assert_eq!(all, of(&[one, other].concat()), "{one:?} and {other:?}");
                assert!(all.is_superset(&of(one)) && all.is_superset(&of(other)));
                let shared: Vec<&str> = one.iter().filter(|path| other.contains(path)).copied().collect();
                let (one, other) = (of(one), of(other));
                assert_eq!(one.shared_with(&other).map(|source| &*source.path).collect::<Vec<_>>(), shared);
                assert_eq!(one.is_superset(&other), shared.len() == other.iter().count());
            }
        }
        assert!(of(&[]).is_empty() && of(&[]) == Sources::NONE && !of(&["a"]).is_empty());
        assert_eq!(of(&["a", "b"]).into_iter().count(), 2);
    }

    #[test]
    fn what_draws_from_the_same_is_shared() {
        let (one, mut other) = (of(&["a", "b"]), of(&["a"]));
        other.join(&one);
        assert!(one.0.as_ref().zip(other.0.as_ref()).is_some_and(|(one, other)| Arc::ptr_eq(one, other)));
    }
}
