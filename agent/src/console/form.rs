//! What a browser sends: queries and forms as names and values. Pure.

use std::collections::BTreeMap;

use crate::content::Content;

/// The fields of a query or form. A name that is there twice counts as not there: nobody of ours sends that.
pub(super) struct Form(BTreeMap<String, Option<Content<String>>>);

impl Form {
    /// Reads `application/x-www-form-urlencoded`.
    ///
    /// # Source
    /// WHATWG URL, section 5.
    pub(super) fn parse(bytes: &[u8]) -> Self {
        let mut fields = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(bytes) {
            let value = Content::new(value.into_owned());
            fields.entry(name.into_owned()).and_modify(|old| *old = None).or_insert(Some(value));
        }
        Self(fields)
    }

    /// A field's text.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_ref().map(|value| value.reveal().as_str())
    }

    /// A field that is read into a type; nothing when it is absent, empty or wrong.
    pub(super) fn read<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.get(name)?.parse().ok()
    }

    /// The fields whose name begins so, with the rest of their name. Browsers send line ends as CR LF.
    pub(super) fn below(&self, prefix: &str) -> BTreeMap<String, String> {
        let of = |(name, value): (&String, &Option<Content<String>>)| {
            let value = value.as_ref()?.reveal().replace("\r\n", "\n");
            Some((name.strip_prefix(prefix)?.to_owned(), value))
        };
        self.0.iter().filter_map(of).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_decoded_and_doubles_count_for_nothing() {
        let form = Form::parse(b"a=1+2%26&b=x&b=y&edit.ticket.body=one%0D%0Atwo&n=7&bad=%ff");
        assert_eq!((form.get("a"), form.get("b"), form.get("c")), (Some("1 2&"), None, None));
        assert_eq!((form.read::<u8>("n"), form.read::<u8>("a")), (Some(7), None));
        assert_eq!(form.below("edit."), [("ticket.body".to_owned(), "one\ntwo".to_owned())].into());
        assert_eq!(form.get("bad"), Some("\u{fffd}"));
    }
}
