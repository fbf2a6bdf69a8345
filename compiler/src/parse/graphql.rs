//! The document of a GraphQL operation: one operation, whose variables are what the catalog says is sent.
//!
//! # Source
//! GraphQL of October 2021, sections 2.1 to 2.3 and 2.10.

use std::collections::BTreeMap;

use assent_schema::code::Code;
use assent_schema::plan::{Effect, Encoding, Place};
use assent_schema::spec::{Operation, Spanned};

use super::place::HEADER;
use super::reader::{Sink, Table, Value};

/// The largest document of a GraphQL request, in bytes.
const DOCUMENT_MOST_BYTES: usize = 16 << 10;

/// What a GraphQL request asks for; the catalog's own text, never put together from values.
pub(super) fn document(value: Value<'_, '_>) -> Option<String> {
    let text = value.text()?;
    let begins = ["query", "mutation"].iter().any(|word| text.trim_start().starts_with(word));
    if begins && text.len() <= DOCUMENT_MOST_BYTES {
        Some(text.trim().to_owned())
    } else {
        value.bad(&format!(
            "is no GraphQL document that begins with `query` or `mutation`, of at most {DOCUMENT_MOST_BYTES} bytes"
        ))
    }
}

/// A document belongs to GraphQL, one that changes something says so in `effect`, and what is sent are its variables.
pub(super) fn check_document(operation: &Operation, table: &mut Table<'_, '_>) {
    let acts = operation.effect.value != Effect::None;
    match (operation.encoding, &operation.document) {
        // One that could not be read was reported.
        (Encoding::Graphql, None) if table.has("document") => {}
        (Encoding::Graphql, None) => {
            let help = "Add `document` with the query or mutation.";
            table.lacks::<()>(&["document"], "A GraphQL operation needs its `document`.", help);
        }
        (Encoding::Graphql, Some(document)) if document.starts_with("mutation") != acts => {
            let message = "`document` and `effect` disagree: a mutation has an effect, and a query has none.";
            table.sink().refuse(Code::BadValue, &document.span, message.to_owned(), None);
        }
        (Encoding::Json | Encoding::Form | Encoding::Multipart, Some(document)) => {
            let message = "`document` is for GraphQL alone.".to_owned();
            let help = "Add `encoding = \"graphql\"`, or remove it.".to_owned();
            table.sink().refuse(Code::BadValue, &document.span, message, Some(help));
        }
        (Encoding::Graphql, Some(document)) => check_variables(operation, document, table.sink()),
        (Encoding::Json | Encoding::Form | Encoding::Multipart, None) => {}
    }
}

/// Reports a second operation, each variable that nothing fills, and each value for which there is no variable.
fn check_variables(operation: &Operation, document: &Spanned<String>, sink: &Sink) {
    let read = Document::read(&document.value);
    if read.operations > 1 {
        let message = "The document has several operations, and the API would not know which one is meant.".to_owned();
        let help = "Keep one; fragments may stand behind it.".to_owned();
        return sink.refuse(Code::BadValue, &document.span, message, Some(help));
    }
    let first = |path: &str| path.split('.').next().unwrap_or_default().to_owned();
    // Whether what is sent to a variable is always there.
    let mut sent: BTreeMap<String, bool> = BTreeMap::new();
    let mut send = |path: &str, always: bool| *sent.entry(first(path)).or_default() |= always;
    let in_body = operation.params.iter().filter(|(_, param)| param.place == Place::Body && !param.at.is_empty());
    for (name, param) in in_body {
        send(&param.at, !param.optional);
        let variable = first(&param.at);
        if !read.variables.contains_key(variable.as_str()) {
            let message =
                format!("`{}` is sent as the variable `${variable}`, which the document does not name.", name.value);
            let help = "Name it behind `query` or `mutation`, or say in `at` to which variable it belongs.".to_owned();
            sink.refuse(Code::BadValue, &name.span, message, Some(help));
        }
    }
    operation.constants.keys().filter(|path| !path.starts_with(HEADER)).for_each(|path| send(path, true));
    if let Some(key) = operation.idempotency.as_ref().filter(|key| key.place == Place::Body) {
        send(&key.at, true);
    }
    if let Some(pages) = operation.pages.as_ref().filter(|pages| pages.place == Place::Body) {
        send(&pages.param, false);
    }
    // A record that is spread over the variables is none of those that are told apart here.
    if operation.params.values().any(|param| param.place == Place::Body && param.at.is_empty()) {
        return;
    }
    let unfilled = read.variables.iter().filter(|(_, needed)| **needed).map(|(name, _)| *name);
    for variable in unfilled.filter(|variable| !sent.get(*variable).is_some_and(|always| *always)) {
        let message = format!("The variable `${variable}` must be given, and no parameter always gives it.");
        let help = format!("Add a parameter `in = \"body\"` with `at = \"{variable}\"` that is not optional.");
        sink.refuse(Code::BadValue, &document.span, message, Some(help));
    }
}

/// What a document says of itself.
#[derive(Debug, Default, PartialEq, Eq)]
struct Document<'d> {
    operations: usize,
    /// The variables of the first operation, and whether each must be given.
    variables: BTreeMap<&'d str, bool>,
}

impl<'d> Document<'d> {
    fn read(text: &'d str) -> Self {
        let mut document = Self::default();
        let (mut depth, mut defines) = (0_usize, false);
        let mut variable: Option<Variable<'d>> = None;
        let mut tokens = Tokens(text).peekable();
        while let Some(token) = tokens.next() {
            let in_header = depth == 1 && document.operations == 1 && defines;
            match token {
                Token::Name(word) if depth == 0 && !defines => {
                    defines = true;
                    document.operations += usize::from(matches!(word, "query" | "mutation" | "subscription"));
                }
                Token::Mark('$') if in_header => {
                    document.take(variable.take());
                    if let Some(Token::Name(name)) = tokens.peek() {
                        variable = Some(Variable { name, needed: false, is_type: true });
                    }
                }
                Token::Mark(mark @ ('{' | '(' | '[')) => {
                    if mark == '{' && depth == 0 {
                        // Without a word before it, it is an operation, too.
                        document.operations += usize::from(!defines);
                        defines = true;
                        depth += BODY;
                    }
                    depth += 1;
                }
                Token::Mark(mark @ ('}' | ')' | ']')) => {
                    depth = depth.saturating_sub(1);
                    if mark == ')' && depth == 0 {
                        document.take(variable.take());
                    }
                    if mark == '}' && depth == BODY {
                        (depth, defines) = (0, false);
                    }
                }
                Token::Mark(mark) if depth == 1 => {
                    if let Some(variable) = &mut variable {
                        variable.mark(mark);
                    }
                }
                Token::Name(_) | Token::Mark(_) | Token::Text => {}
            }
        }
        document
    }

    fn take(&mut self, variable: Option<Variable<'d>>) {
        self.variables.extend(variable.map(|variable| (variable.name, variable.needed)));
    }
}

/// What is added to the depth inside of an operation's or fragment's braces, so that nothing there is taken for a header.
const BODY: usize = 1_000;

struct Variable<'d> {
    name: &'d str,
    needed: bool,
    is_type: bool,
}

impl Variable<'_> {
    fn mark(&mut self, mark: char) {
        match mark {
            '!' if self.is_type => self.needed = true,
            // A default stands in for what is not given.
            '=' => (self.needed, self.is_type) = (false, false),
            '@' => self.is_type = false,
            _ => {}
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'d> {
    Name(&'d str),
    Mark(char),
    Text,
}

/// The tokens of a document; what is ignored between them is left out.
struct Tokens<'d>(&'d str);

impl<'d> Iterator for Tokens<'d> {
    type Item = Token<'d>;

    fn next(&mut self) -> Option<Token<'d>> {
        loop {
            self.0 = self.0.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, ',' | '\u{feff}'));
            match self.0.strip_prefix('#') {
                Some(comment) => self.0 = comment.split_once(['\n', '\r']).map_or("", |(_, rest)| rest),
                None => break,
            }
        }
        if let Some(block) = self.0.strip_prefix("\"\"\"") {
            // An escaped end is no end.
            let mut parts =
                block.match_indices("\"\"\"").filter(|(at, _)| !block.get(..*at).is_some_and(|b| b.ends_with('\\')));
            self.0 = parts.next().and_then(|(at, end)| block.get(at + end.len()..)).unwrap_or_default();
            return Some(Token::Text);
        }
        let first = self.0.chars().next()?;
        if first == '"' {
            let mut escaped = false;
            let end = self.0.char_indices().skip(1).find(|(_, c)| {
                let ends = *c == '"' && !escaped;
                escaped = *c == '\\' && !escaped;
                ends
            });
            self.0 = end.and_then(|(at, _)| self.0.get(at + 1..)).unwrap_or_default();
            return Some(Token::Text);
        }
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let length =
            if is_name(first) { self.0.find(|c| !is_name(c)).unwrap_or(self.0.len()) } else { first.len_utf8() };
        let (token, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(if is_name(first) { Token::Name(token) } else { Token::Mark(first) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (usize, Vec<(&str, bool)>) {
        let document = Document::read(text);
        (document.operations, document.variables.into_iter().collect())
    }

    #[test]
    fn variables_are_those_of_the_header() {
        let text = "query A($id: ID!, $most: Int = 5, $tags: [String!], $all: [ID!]! @d(a: \"$x!\")) { x(id: $id) { y(z: $most) } }";
        assert_eq!(read(text), (1, vec![("all", true), ("id", true), ("most", false), ("tags", false)]));
        assert_eq!(read("mutation { close(id: \"1\") { id } }"), (1, vec![]));
        assert_eq!(
            read("query($f: F! = {a: [1], b: \"}\"}) { x(f: $f) } fragment Y on Z { query }"),
            (1, vec![("f", false)])
        );
    }

    #[test]
    fn operations_are_counted_and_fragments_are_none() {
        let one = "query A { ...B } # query C { d }\nfragment B on Q { mutation { x } subscription }";
        assert_eq!(read(one).0, 1);
        assert_eq!(read("query A { x } query B { y }").0, 2);
        assert_eq!(read("query A { x } { y }").0, 2);
        assert_eq!(read("query A { x(t: \"\"\"} query { \\\"\"\" { \"\"\") }").0, 1);
    }
}
