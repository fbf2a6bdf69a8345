//! What the expressions of one run see.

use std::collections::BTreeMap;
use std::sync::Arc;

use assent_schema::expr::{EvalCode, EvalError, Program, Scope, Template, Value, eval};
use assent_schema::id::Name;
use assent_schema::shape::Shape;
use assent_schema::time::{Moment, Period};

use crate::content::Content;
use crate::request::keyed::{Purpose, keyed};
use crate::run::compiled::{CompiledText, Part};
use crate::run::life::machine::Outer;

/// The client's business time.
pub(in crate::run) type Business = Arc<dyn Fn(Moment, Period) -> Option<Moment> + Send + Sync>;

/// The values of one run: its trigger and the results of its steps. Content; never printed, never written.
pub(in crate::run) struct Values {
    pub(in crate::run) trigger: Value,
    /// The results of steps, and inside an `each` the item.
    pub(in crate::run) steps: BTreeMap<Name, Value>,
    /// What stands around the steps of an item or group.
    pub(in crate::run) outer: Option<Arc<Outer>>,
    pub(in crate::run) now: Moment,
    pub(in crate::run) zone: jiff::tz::TimeZone,
    pub(in crate::run) business: Business,
    /// The key of the client's pseudonyms.
    pub(in crate::run) pseudonyms: Arc<Content<[u8; 32]>>,
}

impl Scope for Values {
    fn root(&self, name: &str) -> Option<&Value> {
        match &self.outer {
            None if name == "trigger" => Some(&self.trigger),
            None => self.steps.get(name),
            Some(outer) => self.steps.get(name).or_else(|| outer.values.root(name)),
        }
    }

    fn now(&self) -> Moment {
        self.now
    }

    fn zone(&self) -> &jiff::tz::TimeZone {
        &self.zone
    }

    fn business(&self, from: Moment, period: Period) -> Option<Moment> {
        (self.business)(from, period)
    }

    /// 96 bits: so many people no client has that two would get one name.
    fn pseudonym(&self, value: &str) -> Option<String> {
        let name = keyed(self.pseudonyms.reveal(), Purpose::Pseudonym, value.as_bytes()).to_string();
        Some(format!("p_{}", name.get(..24)?))
    }
}

/// What a text of a file sees.
struct Holes<'v> {
    holes: BTreeMap<Name, Value>,
    outside: &'v Values,
}

impl Scope for Holes<'_> {
    fn root(&self, name: &str) -> Option<&Value> {
        self.holes.get(name)
    }

    fn now(&self) -> Moment {
        self.outside.now
    }

    fn zone(&self) -> &jiff::tz::TimeZone {
        &self.outside.zone
    }

    fn business(&self, from: Moment, period: Period) -> Option<Moment> {
        self.outside.business(from, period)
    }

    fn pseudonym(&self, value: &str) -> Option<String> {
        self.outside.pseudonym(value)
    }
}

impl Values {
    pub(in crate::run) fn eval(&self, program: &Program) -> Result<Value, EvalError> {
        eval(program, self)
    }

    pub(in crate::run) fn truth(&self, program: &Program) -> Result<bool, EvalError> {
        Ok(self.eval(program)?.as_boolean().unwrap_or(false))
    }

    /// Evaluates arguments; what is absent is left out.
    pub(in crate::run) fn parts(&self, parts: &[(Name, Part)]) -> Result<BTreeMap<Name, Value>, EvalError> {
        let mut values = BTreeMap::new();
        for (name, part) in parts {
            let value = self.part(part)?;
            if !value.is_absent() {
                values.insert(name.clone(), value);
            }
        }
        Ok(values)
    }

    fn part(&self, part: &Part) -> Result<Value, EvalError> {
        Ok(match part {
            Part::Boolean(truth) => Value::Boolean(*truth),
            Part::Integer(integer) => Value::Integer(*integer),
            Part::Template(template) => template.eval(self)?,
            Part::List(items) => Value::List(items.iter().map(|item| self.part(item)).collect::<Result<_, _>>()?),
            Part::Text(text) => self.text(text)?,
            Part::Record(members) => Value::Record(self.parts(members)?),
        })
    }

    /// A text of a file: what is put into it is evaluated here, the text itself sees nothing but its holes.
    fn text(&self, text: &CompiledText) -> Result<Value, EvalError> {
        let locale = text.locale.as_ref().map(|locale| self.eval(locale)).transpose()?;
        let body = locale.as_ref().and_then(Value::as_text).and_then(|locale| text.locales.get(locale));
        let Some(body) = body.or_else(|| text.locales.get(&text.default)) else { return Ok(Value::text("")) };
        let put = |(name, template, shape): &(Name, Template, Shape)| {
            let value = template.eval(self)?;
            // Only a text can be of the right type and not fit: it is longer than the text's author allowed for.
            if value.fits(shape) {
                Ok((name.clone(), value))
            } else {
                Err(EvalError { code: EvalCode::TooLarge, span: 0..0 })
            }
        };
        body.eval(&Holes { holes: text.holes.iter().map(put).collect::<Result<_, EvalError>>()?, outside: self })
    }

    /// The value at a path like `ticket.subject`.
    pub(in crate::run) fn at(&self, path: &str) -> Option<&Value> {
        let mut parts = path.split('.');
        let root = self.root(parts.next()?)?;
        parts.try_fold(root, |value, field| value.get(field))
    }

    /// Nothing yet, with the same clock and calendar: for steps around which this stands.
    pub(in crate::run) fn level(&self, outer: Option<Arc<Outer>>) -> Self {
        Self {
            trigger: Value::default(),
            steps: BTreeMap::new(),
            outer,
            now: self.now,
            zone: self.zone.clone(),
            business: Arc::clone(&self.business),
            pseudonyms: Arc::clone(&self.pseudonyms),
        }
    }

    /// Puts another value at a path of a step's result. What stands around is left as it is: here counts a copy.
    pub(in crate::run) fn put(&mut self, path: &str, value: Value) -> Option<()> {
        let mut parts = path.split('.');
        let root = Name::new(parts.next()?).ok()?;
        if !self.steps.contains_key(&root) {
            let copy = self.root(root.as_str())?.clone();
            self.steps.insert(root.clone(), copy);
        }
        let mut slot = self.steps.get_mut(&root)?;
        for part in parts {
            let Value::Record(fields) = slot else { return None };
            slot = fields.get_mut(part)?;
        }
        *slot = value;
        Some(())
    }
}
