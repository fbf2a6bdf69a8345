//! How long lists are read: page by page, each asked for by what the one before says or by a count.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Place;
use crate::id::Name;
use crate::shape::is_false;

fn query() -> Place {
    Place::Query
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_query(place: &Place) -> bool {
    *place == Place::Query
}

/// How the place of the next page is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PagesBy {
    /// By a cursor that the answer holds.
    #[default]
    Cursor,
    /// By a link to the next page, in the header `Link` or at a place of the answer: what it gives the parameter is taken,
    /// and nothing else of it.
    Link,
    /// By how many items came so far; an empty page is the end.
    Offset,
    /// By the number of the page; an empty page is the end.
    Page,
}

impl PagesBy {
    /// Whether the agent counts by itself, and the answer need say nothing.
    pub fn is_counted(self) -> bool {
        matches!(self, Self::Offset | Self::Page)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_by_cursor(by: &PagesBy) -> bool {
    *by == PagesBy::Cursor
}

/// The number of a list's first page, where pages are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub enum FirstPage {
    /// 0: the second page is 1.
    Zero,
    /// 1: the second page is 2.
    #[default]
    One,
}

impl TryFrom<u8> for FirstPage {
    type Error = &'static str;
    fn try_from(number: u8) -> Result<Self, Self::Error> {
        match number {
            0 => Ok(Self::Zero),
            1 => Ok(Self::One),
            _ => Err("a list's first page is 0 or 1"),
        }
    }
}

impl From<FirstPage> for u8 {
    fn from(first: FirstPage) -> Self {
        match first {
            FirstPage::Zero => 0,
            FirstPage::One => 1,
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_one(first: &FirstPage) -> bool {
    *first == FirstPage::One
}

/// How long lists are read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pages {
    /// How the place of the next page is told.
    #[serde(default, skip_serializing_if = "is_by_cursor")]
    pub by: PagesBy,
    /// The number of the first page, where pages are counted. Taken for the other one, a page would be left out.
    #[serde(default, skip_serializing_if = "is_one")]
    pub first: FirstPage,
    /// The path of the next cursor or link in the answer; empty or absent at the end. Empty where the answer's body holds none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub cursor_at: String,
    /// The path of what says whether there is another page, where that is not told by a cursor: `false` there, or
    /// nothing, ends the list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub more_at: Option<String>,
    /// The name or path that takes it in the request.
    pub param: String,
    /// What the link to the next page says beside it, and what further pages are asked for with, too; by name in the query.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub also: BTreeSet<String>,
    /// Where that is: in the query unless said, else in the body, of GraphQL among the variables.
    #[serde(rename = "in", default = "query", skip_serializing_if = "is_query")]
    pub place: Place,
    /// The response field that is collected over the pages.
    pub collect: Name,
    /// The most pages that are read.
    pub most: u32,
    /// The names in the query that further pages are asked for with beside `param`; all of them where it does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep: Option<BTreeSet<String>>,
    /// Whether a list that is longer is given on as far as it was read; else the step fails.
    #[serde(default, skip_serializing_if = "is_false")]
    pub cut: bool,
}
