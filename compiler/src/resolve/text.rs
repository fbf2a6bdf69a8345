//! Texts of files, put into a plan: each hole through the escaper of the format that its parameter has.

use std::collections::BTreeMap;
use std::sync::Arc;

use assent_schema::code::Code;
use assent_schema::plan::{Argument, Hole, InLocale, Text, TextFormat};
use assent_schema::spec::{self, TextUse};

use super::names::texts;
use super::workflow::Resolver;
use crate::parse::text::{names, text};

impl Resolver<'_> {
    /// A text with what is put into it; an empty one where the file is not there or broken, which is reported.
    pub(super) fn text(&mut self, used: &TextUse, format: Option<TextFormat>) -> Argument {
        let nothing = Argument::Template(String::new());
        let path: Arc<str> = format!("{}/{}", self.context.folder, used.file.value).into();
        let Some(whole) = self.context.parsed.text(&path) else {
            let folder = format!("{}/", self.context.folder);
            let known = self.context.parsed.source.paths().into_iter();
            let known: Vec<_> = known.filter_map(|path| path.strip_prefix(&folder)).collect();
            let known: Vec<_> = known.into_iter().filter(|path| path.starts_with("texts/")).collect();
            if !self.context.parsed.is_broken(&path) {
                self.report.unknown("file", &used.file, &known);
            }
            return nothing;
        };
        let (found, findings) = text(&path, whole);
        self.report.findings.append(findings);
        let Some(found) = found else { return nothing };
        if !self.check_holes(used, &found) {
            return nothing;
        }
        let locale = used.locale.as_ref().map(|locale| self.plain_expression(locale));
        let mut holes = BTreeMap::new();
        for (name, shape) in &found.holes {
            let value = used.holes.get(name).map(|value| self.template(&value.value, &value.span));
            holes.insert(name.value.clone(), Hole { value: value.unwrap_or_default(), shape: shape.clone() });
        }
        let locales = found.locales.iter().map(|(locale, body)| (locale.clone(), escaped(&body.value, format)));
        let text = Text { locale, default: found.default.value.clone(), holes, locales: locales.collect() };
        Argument::Text(InLocale { text: Box::new(text) })
    }

    /// What is given is what the text has holes for. Whether there is something for each hole.
    fn check_holes(&mut self, used: &TextUse, found: &spec::Text) -> bool {
        let known = texts(found.holes.keys().map(|name| &name.value));
        for name in used.holes.keys().filter(|name| !found.holes.contains_key(*name)) {
            self.report.unknown(&format!("hole of `{}` called", used.file.value), name, &known);
        }
        let missing = found.holes.keys().find(|name| !used.holes.contains_key(*name));
        if let Some(missing) = missing {
            let message = format!("`{}` also needs something for its hole `{}`.", used.file.value, missing.value);
            self.report.add(Code::BadValue, &used.file.span, message);
        }
        missing.is_none()
    }
}

/// The text as a template over its holes.
fn escaped(body: &str, format: Option<TextFormat>) -> String {
    let escaper = match format {
        None => return body.to_owned(),
        Some(TextFormat::Html) => "html",
        Some(TextFormat::Markdown) => "markdown",
        Some(TextFormat::Url) => "url",
        Some(TextFormat::Json) => "json",
    };
    let mut out = String::with_capacity(body.len());
    let mut done = 0;
    for (place, name) in names(body) {
        out.push_str(body.get(done..place.start).unwrap_or_default());
        out.push_str("${");
        out.push_str(escaper);
        out.push('(');
        out.push_str(name);
        out.push_str(")}");
        done = place.end;
    }
    out.push_str(body.get(done..).unwrap_or_default());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_hole_goes_through_the_escaper_of_the_format() {
        let body = "<b>${name}</b> $${name} ${ other }";
        assert_eq!(escaped(body, Some(TextFormat::Html)), "<b>${html(name)}</b> $${name} ${html(other)}");
        assert_eq!(escaped(body, None), body);
    }
}
