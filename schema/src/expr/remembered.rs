//! What was parsed before. A compiler asks an expression for its type, its flow, what it reads and what it writes, each time
//! from its text, and workflows of one client say much the same. While somebody is [`remembering`], a text is parsed once on
//! this thread; a tree says nothing but what its text does, so nobody can tell.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::{Program, Template};

/// How many texts of each kind are remembered at most.
const TEXTS_MOST: usize = 4_096;

#[derive(Default)]
struct Parsed {
    programs: BTreeMap<Box<str>, Program>,
    templates: BTreeMap<Box<str>, Template>,
}

thread_local! {
    /// Nothing unless somebody is remembering.
    static PARSED: RefCell<Option<Parsed>> = const { RefCell::new(None) };
}

/// Does some work in which the same texts are parsed again and again. What was parsed is forgotten behind it.
pub fn remembering<T>(work: impl FnOnce() -> T) -> T {
    /// Forgets also where the work panics.
    struct Forgets;
    impl Drop for Forgets {
        fn drop(&mut self) {
            PARSED.set(None);
        }
    }
    if PARSED.with_borrow(Option::is_some) {
        return work();
    }
    PARSED.set(Some(Parsed::default()));
    let _forgets = Forgets;
    work()
}

/// The program that a text was parsed to before.
pub(super) fn program(text: &str) -> Option<Program> {
    PARSED.with_borrow(|parsed| parsed.as_ref()?.programs.get(text).cloned())
}

/// The template that a text was parsed to before.
pub(super) fn template(text: &str) -> Option<Template> {
    PARSED.with_borrow(|parsed| parsed.as_ref()?.templates.get(text).cloned())
}

/// Remembers what a text was parsed to. What is wrong is parsed again: few texts are.
pub(super) fn keep_program(text: &str, program: Program) -> Program {
    PARSED.with_borrow_mut(|parsed| {
        if let Some(known) = parsed.as_mut().map(|parsed| &mut parsed.programs).filter(|known| known.len() < TEXTS_MOST)
        {
            known.insert(text.into(), program.clone());
        }
    });
    program
}

/// The same of a template.
pub(super) fn keep_template(text: &str, template: Template) -> Template {
    PARSED.with_borrow_mut(|parsed| {
        let known = parsed.as_mut().map(|parsed| &mut parsed.templates);
        if let Some(known) = known.filter(|known| known.len() < TEXTS_MOST) {
            known.insert(text.into(), template.clone());
        }
    });
    template
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn a_text_is_parsed_once_while_somebody_remembers() {
        let parse = || Program::parse("a.b == 'c' && has(d)").expect("an expression");
        assert!(!Arc::ptr_eq(&parse().root, &parse().root), "nobody remembers");
        let (inner, again) = remembering(|| (remembering(parse), parse()));
        assert!(Arc::ptr_eq(&inner.root, &again.root));
        assert!(!Arc::ptr_eq(&inner.root, &parse().root), "it was forgotten");
        remembering(|| {
            for text in ["a ${b.c} d", "${b}", "e"] {
                assert_eq!(Template::parse(text).expect("a template"), Template::parse(text).expect("a template"));
            }
            // What is an expression may be wrong as a template and the other way round.
            assert!(Program::parse("a ${b.c} d").is_err() && Template::parse("a ${").is_err());
            assert!(Template::parse("a ${").is_err() && Program::parse("a +").is_err());
        });
    }

    #[test]
    fn what_panics_is_forgotten() {
        let panics = || remembering(|| panic!("{:?}", Program::parse("a").is_ok()));
        assert!(std::panic::catch_unwind(panics).is_err());
        assert!(program("a").is_none());
    }
}
