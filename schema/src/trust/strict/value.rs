//! Values of a TOML file as serde reads them: a word is a text and nothing else, and an error knows its place.

use std::fmt;
use std::ops::Range;

use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{DeserializeOwned, Deserializer, Error as _, Expected, IntoDeserializer, Unexpected, Visitor};
use serde::forward_to_deserialize_any;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// What is wrong with a value, and where it stands.
#[derive(Debug)]
pub(super) struct Wrong {
    /// The value's place in the file, in bytes.
    pub(super) span: Option<Range<usize>>,
    /// What is wrong.
    pub(super) what: String,
    /// The key that is wrong itself, where one is.
    key: Option<String>,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Wrong {}

impl serde::de::Error for Wrong {
    fn custom<T: fmt::Display>(what: T) -> Self {
        Self { span: None, what: what.to_string(), key: None }
    }

    fn invalid_type(found: Unexpected<'_>, wanted: &dyn Expected) -> Self {
        let found = match found {
            Unexpected::Str(_) => "a text".to_owned(),
            Unexpected::Signed(_) | Unexpected::Unsigned(_) => "a number".to_owned(),
            Unexpected::Bool(_) => "`true` or `false`".to_owned(),
            Unexpected::Seq => "a list".to_owned(),
            Unexpected::Map => "a table".to_owned(),
            other => other.to_string(),
        };
        Self::custom(format!("this is {found}, where {} is needed", named(&wanted.to_string())))
    }

    fn unknown_field(key: &str, known: &'static [&'static str]) -> Self {
        let known: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
        let what = format!("there is no key `{}` here; the keys are {}", key.escape_debug(), known.join(", "));
        Self { key: Some(key.to_owned()), ..Self::custom(what) }
    }

    fn missing_field(key: &'static str) -> Self {
        Self::custom(format!("`{key}` is missing"))
    }
}

/// What is needed, in the words of people who write such files.
fn named(wanted: &str) -> &str {
    match wanted {
        "u8" | "u16" | "u32" | "u64" | "i8" | "i16" | "i32" | "i64" => "a whole number",
        "a string" => "a text",
        "a boolean" => "`true` or `false`",
        "a sequence" => "a list",
        "a map" => "a table",
        other if other.starts_with("struct ") => "a table",
        other => other,
    }
}

impl Wrong {
    /// The innermost value whose place is known is the one that is wrong.
    fn within(mut self, span: Range<usize>) -> Self {
        self.span.get_or_insert(span);
        self
    }
}

/// Reads a whole file.
pub(super) fn read<T: DeserializeOwned>(file: &Spanned<DeTable<'_>>) -> Result<T, Wrong> {
    T::deserialize(Top(file.get_ref()))
}

/// The table that is the file.
struct Top<'de, 'f>(&'de DeTable<'f>);

/// One value in it.
struct Within<'de, 'f>(&'de Spanned<DeValue<'f>>);

fn visit_table<'de, V: Visitor<'de>>(table: &'de DeTable<'_>, visitor: V) -> Result<V::Value, Wrong> {
    let mut members = MapDeserializer::new(table.iter().map(|(key, value)| (&**key.get_ref(), Within(value))));
    let read = visitor.visit_map(&mut members).map_err(|wrong| {
        let key = wrong.key.as_deref().and_then(|key| table.get_key_value(key));
        match key.map(|(key, _)| key.span()) {
            Some(span) => wrong.within(span),
            None => wrong,
        }
    })?;
    members.end()?;
    Ok(read)
}

fn visit_array<'de, V: Visitor<'de>>(items: &'de [Spanned<DeValue<'_>>], visitor: V) -> Result<V::Value, Wrong> {
    let mut items = SeqDeserializer::new(items.iter().map(Within));
    let read = visitor.visit_seq(&mut items)?;
    items.end()?;
    Ok(read)
}

impl<'de> Deserializer<'de> for Top<'de, '_> {
    type Error = Wrong;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        visit_table(self.0, visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de> Deserializer<'de> for Within<'de, '_> {
    type Error = Wrong;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        let read = match self.0.get_ref() {
            DeValue::String(text) => visitor.visit_borrowed_str(text),
            DeValue::Boolean(yes) => visitor.visit_bool(*yes),
            DeValue::Integer(digits) => match digits.as_str().parse() {
                Ok(number) => visitor.visit_i64(number),
                Err(_) => Err(Wrong::invalid_value(Unexpected::Other("a number"), &visitor)),
            },
            DeValue::Float(_) => Err(Wrong::invalid_type(Unexpected::Other("a float"), &visitor)),
            DeValue::Datetime(_) => Err(Wrong::invalid_type(Unexpected::Other("a date"), &visitor)),
            DeValue::Array(items) => visit_array(items, visitor),
            DeValue::Table(table) => visit_table(table, visitor),
        };
        read.map_err(|wrong| wrong.within(self.0.span()))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_newtype_struct(self)
    }

    /// A word could otherwise also be written as a table: `word = { yes = {} }`.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        let span = self.0.span();
        let read = match self.0.get_ref() {
            DeValue::String(text) => visitor.visit_enum((&**text).into_deserializer()),
            _ => Err(Wrong::invalid_type(Unexpected::Other("something else"), &"a word")),
        };
        read.map_err(|wrong: Wrong| wrong.within(span))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf unit unit_struct
        seq tuple tuple_struct map struct identifier ignored_any
    }
}

impl<'de> IntoDeserializer<'de, Wrong> for Within<'de, '_> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}
