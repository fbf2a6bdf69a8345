//! Lists that come in pages: where the next one begins, and what they are together.
//!
//! # Source
//! language.md section 2, "Pages"; RFC 8288 (the header `Link`).

use std::collections::{BTreeMap, BTreeSet};

use assent_schema::canon::Digest;
use assent_schema::expr::Value;
use assent_schema::id::Name;
use assent_schema::plan::{Failure, Operation, Pages, PagesBy};
use assent_schema::shape::Shape;

use super::json::Json;
use super::limits::CURSOR_MOST_BYTES;
use super::place::HEADER;
use super::read::{Answer, Failed, LIST_TOO_LONG, REPEATED_CURSOR};
use super::url;
use super::watched::Unread;
use crate::content::Content;
use crate::world::HttpResponse;

/// Where the next page of a list begins.
#[derive(Clone)]
pub enum Next {
    /// At what the answer names.
    At(Content<String>),
    /// Behind what came so far, as the agent counts it. Holds the digest of this page: one that comes twice does not heed the
    /// count.
    Counted(Digest),
}

/// Where an answer says that the next page begins; nothing at the end.
pub(super) fn next(json: &Json, response: &HttpResponse, pages: &Pages) -> Result<Option<Next>, ()> {
    let more = pages.more_at.as_ref().map(|at| matches!(json.at(at), Some(Json::Boolean(true))));
    if more == Some(false) {
        return Ok(None);
    }
    if pages.by.is_counted() {
        return Ok(Some(Next::Counted(Digest::of_file(response.body.reveal()))));
    }
    let told = match pages.cursor_at.strip_prefix(HEADER) {
        Some(header) => in_header(response, header, pages.by)?,
        None => in_body(json, &pages.cursor_at)?,
    };
    let Some(told) = told.filter(|told| !told.is_empty()) else {
        // An answer that says that there is more, and not where: a part is not the list.
        return if more == Some(true) { Err(()) } else { Ok(None) };
    };
    let cursor = match pages.by {
        PagesBy::Link if pages.also.is_empty() => given_to(told, &pages.param).ok_or(())?,
        PagesBy::Link => given_to_all(told, pages).ok_or(())?,
        PagesBy::Cursor | PagesBy::Offset | PagesBy::Page => told.to_owned(),
    };
    if cursor.len() > CURSOR_MOST_BYTES { Err(()) } else { Ok(Some(Next::At(Content::new(cursor)))) }
}

fn in_body<'j>(json: &'j Json, at: &str) -> Result<Option<&'j str>, ()> {
    match json.at(at) {
        // Some APIs say `false` at the end.
        None | Some(Json::Null | Json::Boolean(false)) => Ok(None),
        Some(Json::Text(text) | Json::Number(text)) => Ok(Some(text)),
        Some(Json::Boolean(true) | Json::List(_) | Json::Object(_)) => Err(()),
    }
}

/// What a header says; of links the one that leads to the next page. A header may stand several times.
fn in_header<'r>(response: &'r HttpResponse, name: &str, by: PagesBy) -> Result<Option<&'r str>, ()> {
    for (_, value) in response.headers.iter().filter(|(there, _)| there.eq_ignore_ascii_case(name)) {
        let text = std::str::from_utf8(value.reveal()).or(Err(()))?.trim();
        let told = if by == PagesBy::Link { next_link(text) } else { Some(text) };
        if told.is_some() {
            return Ok(told);
        }
    }
    Ok(None)
}

/// The target of the link whose relation is `next`.
fn next_link(header: &str) -> Option<&str> {
    let is_next = |params: &str| {
        params.split([';', ',']).filter_map(|param| param.split_once('=')).any(|(name, value)| {
            let mut relations = value.trim().trim_matches('"').split_ascii_whitespace();
            name.trim().eq_ignore_ascii_case("rel") && relations.any(|rel| rel.eq_ignore_ascii_case("next"))
        })
    };
    let mut links = header.split('<').skip(1).filter_map(|link| link.split_once('>'));
    links.find_map(|(target, params)| is_next(params).then_some(target))
}

/// What a link gives a parameter. Nothing else of it counts: host and path are the catalog's.
fn given_to(link: &str, param: &str) -> Option<String> {
    let (_, query) = link.split_once('?')?;
    let query = query.split('#').next().unwrap_or_default();
    url::pairs(query).into_iter().find(|(name, value)| name == param && !value.is_empty()).map(|(_, value)| value)
}

/// What a link gives `param` and those that are asked for with it, as a query that has nothing else. Of each name the first
/// counts, and all must be there: with a part of them another page would come.
fn given_to_all(link: &str, pages: &Pages) -> Option<String> {
    let mut query = String::new();
    for name in std::iter::once(&pages.param).chain(&pages.also) {
        let value = given_to(link, name)?;
        if !query.is_empty() {
            query.push('&');
        }
        url::encode(name, &mut query);
        query.push('=');
        url::encode(&value, &mut query);
    }
    Some(query)
}

/// Whether one page alone holds more than the whole list may.
pub(super) fn is_cut(json: &Json, operation: &Operation, pages: &Pages) -> bool {
    let field = operation.response.get(&pages.collect);
    let there = field.and_then(|field| json.at(&field.at));
    matches!((there, most_of(operation, pages)), (Some(Json::List(items)), Some(most)) if items.len() > most)
}

/// The most items of the list that is read in pages.
fn most_of(operation: &Operation, pages: &Pages) -> Option<usize> {
    match operation.response.get(&pages.collect).map(|field| &field.shape) {
        Some(Shape::List { most, .. }) => usize::try_from(*most).ok(),
        _ => None,
    }
}

/// The pages of one list, as they come in.
#[derive(Default)]
pub struct Paging {
    /// Digests of the cursors, which may be content; where pages are counted, of the pages.
    seen: BTreeSet<Digest>,
    /// How many items came.
    items: usize,
    /// How many pages came.
    pages: usize,
    answer: Option<Answer>,
    cut: bool,
}

impl Paging {
    /// Takes one page. Says where the next one begins; nothing when the list is whole, or cut: at its greatest length or at
    /// the greatest number of pages, while there is more.
    ///
    /// # Errors
    /// [`REPEATED_CURSOR`] when the other side leads in a circle.
    pub fn add(&mut self, operation: &Operation, page: Answer) -> Result<Option<Content<String>>, Failed> {
        let Some(pages) = &operation.pages else {
            self.answer = Some(page);
            return Ok(None);
        };
        let Answer { mut fields, next, cut, exact, unread } = page;
        // Some APIs leave a list out that holds nothing. One that must be there is.
        fields.entry(pages.collect.clone()).or_insert_with(|| Value::List(Vec::new()));
        let count = match fields.get(&pages.collect) {
            Some(Value::List(items)) => items.len(),
            _ => 0,
        };
        let count = count.saturating_add(unread.len());
        self.items = self.items.saturating_add(count);
        self.pages = self.pages.saturating_add(1);
        self.cut |= cut;
        match &mut self.answer {
            None => self.answer = Some(Answer { fields, exact, unread, ..Answer::default() }),
            Some(answer) => {
                let there = answer.exact.len();
                self.cut |= !collect(operation, pages, answer, fields);
                answer.exact.extend(exact);
                let further = |one: Unread| Unread { before: there.saturating_add(one.before), ..one };
                answer.unread.extend(unread.into_iter().map(further));
            }
        }
        let (mark, cursor) = match next {
            None => return Ok(None),
            Some(Next::At(cursor)) => (Digest::of_file(cursor.reveal().as_bytes()), cursor),
            Some(Next::Counted(_)) if count == 0 => return Ok(None),
            Some(Next::Counted(page)) => (page, Content::new(self.counted(pages).to_string())),
        };
        if !self.seen.insert(mark) {
            // Some APIs name the place behind the last item for ever; an empty page is the end of the list.
            if count == 0 {
                return Ok(None);
            }
            return Err(Failed::new(Failure::Permanent, REPEATED_CURSOR, None));
        }
        // A list of exactly its greatest length is read on: only the next page tells whether it is whole.
        self.cut |= self.seen.len() >= usize::try_from(pages.most).unwrap_or(usize::MAX);
        Ok((!self.cut).then_some(cursor))
    }

    /// What the next page is asked for with, where the agent counts.
    fn counted(&self, pages: &Pages) -> usize {
        match pages.by {
            PagesBy::Page => self.pages.saturating_add(usize::from(u8::from(pages.first))),
            PagesBy::Offset | PagesBy::Cursor | PagesBy::Link => self.items,
        }
    }

    /// Whether there is more of the list than was taken.
    pub fn is_cut(&self) -> bool {
        self.cut
    }

    /// The first page's fields with the whole list, or with as much of it as the catalog says is enough.
    ///
    /// # Errors
    /// [`LIST_TOO_LONG`]: a part is not given out as the list.
    pub fn whole(self, operation: &Operation) -> Result<Option<Answer>, Failed> {
        let takes_part = operation.pages.as_ref().is_some_and(|pages| pages.cut);
        if self.cut && !takes_part {
            return Err(Failed::new(Failure::Permanent, LIST_TOO_LONG, None));
        }
        Ok(self.answer)
    }

    /// The first page's fields with what was taken of the list.
    pub fn finish(self) -> Option<Answer> {
        self.answer
    }
}

/// Adds the list of a further page to the first, up to its greatest length. False when there was more.
fn collect(operation: &Operation, pages: &Pages, answer: &mut Answer, mut fields: BTreeMap<Name, Value>) -> bool {
    let Some(most) = most_of(operation, pages) else { return true };
    let Some(Value::List(more)) = fields.get_mut(&pages.collect) else { return true };
    let list = answer.fields.entry(pages.collect.clone()).or_insert_with(|| Value::List(Vec::new()));
    let Value::List(items) = list else { return true };
    let room = most.saturating_sub(items.len());
    items.extend(more.drain(..room.min(more.len())));
    more.is_empty()
}
