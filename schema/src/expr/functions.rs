//! The closed list of functions. `f(x, y)` and `x.f(y)` are the same call.
//!
//! There is no `matches`: a pattern from a workflow over text from outside has no bounded cost.

macro_rules! functions {
    ($($variant:ident $name:literal $least:literal..=$most:literal $usage:literal $what:literal;)*) => {
        /// A function of the closed list.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum Function { $($variant,)* }

        impl Function {
            pub(super) const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Its name.
            pub(crate) fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// How it is called.
            pub(crate) fn usage(self) -> &'static str {
                match self { $(Self::$variant => $usage,)* }
            }

            /// Whether it takes so many arguments.
            pub(super) fn takes(self, arguments: usize) -> bool {
                match self { $(Self::$variant => ($least..=$most).contains(&arguments),)* }
            }
        }

        /// Every function with how it is called and what it gives, for the pages that explain the language.
        pub const FUNCTIONS: &[(&str, &str, &str)] = &[
            ("has", "has(step) or has(step.field)", "Whether a step ran, or a field is there."),
            ("exists", "list.exists(x, condition)", "Whether the condition holds for some item."),
            ("all", "list.all(x, condition)", "Whether the condition holds for every item."),
            ("filter", "list.filter(x, condition)", "The items for which the condition holds."),
            ("map", "list.map(x, value)", "A value for each item."),
            ("duration", "duration('2h')", "A period, written with `s`, `m`, `h` or `d`."),
            ("timestamp", "timestamp('2026-03-02T09:00:00Z')", "A moment."),
            $(($name, $usage, $what),)*
        ];
    };
}

functions! {
    Size "size" 1..=1 "size(text or list)" "How many characters or items.";
    Contains "contains" 2..=2 "text.contains(text)" "Whether the text holds the other.";
    StartsWith "startsWith" 2..=2 "text.startsWith(text)" "Whether the text begins with the other.";
    EndsWith "endsWith" 2..=2 "text.endsWith(text)" "Whether the text ends with the other.";
    LowerAscii "lowerAscii" 1..=1 "text.lowerAscii()" "The text with A to Z in lower case.";
    UpperAscii "upperAscii" 1..=1 "text.upperAscii()" "The text with a to z in upper case.";
    Trim "trim" 1..=1 "text.trim()" "The text without white space around it.";
    Split "split" 2..=2 "text.split(text)" "The parts between a separator, at most 1,000.";
    Join "join" 2..=2 "list.join(text)" "The texts of a list with a separator between them.";
    Truncate "truncate" 2..=2 "text.truncate(integer)" "The first so many characters.";
    Text "string" 1..=1 "string(value)" "The value as text.";
    Token "token" 1..=1 "token(text)" "The text as a token; fails when it does not fit.";
    Integer "int" 1..=1 "int(text, decimal or token)" "The value as an integer; fails when it is none.";
    Decimal "decimal" 1..=1 "decimal(text or integer)" "The value as a decimal; fails when it is none.";
    Round "round" 1..=1 "round(decimal)" "The nearest integer, halves away from zero.";
    Least "min" 2..=2 "min(a, b)" "The smaller of two.";
    Greatest "max" 2..=2 "max(a, b)" "The greater of two.";
    Money "money" 2..=2 "money(integer, 'EUR')" "An amount in minor units.";
    Minor "minor" 1..=1 "minor(money)" "The minor units of an amount.";
    Currency "currency" 1..=1 "currency(money)" "The currency of an amount.";
    Year "year" 1..=1 "year(instant)" "The year in the client's zone.";
    Month "month" 1..=1 "month(instant)" "The month in the client's zone, 1 to 12.";
    Day "day" 1..=1 "day(instant)" "The day of the month in the client's zone.";
    Weekday "weekday" 1..=1 "weekday(instant)" "The day of the week in the client's zone, 1 for Monday to 7.";
    Hour "hour" 1..=1 "hour(instant)" "The hour in the client's zone.";
    Minute "minute" 1..=1 "minute(instant)" "The minute in the client's zone.";
    Date "date" 1..=1 "date(instant)" "The day in the client's zone, as `2026-03-02`.";
    Seconds "seconds" 1..=1 "seconds(period)" "The period in seconds.";
    Business "business" 2..=2 "business(instant, period)" "The moment after so much of the client's business time.";
    Html "html" 1..=1 "html(value)" "The text escaped for HTML.";
    Markdown "markdown" 1..=1 "markdown(value)" "The text escaped for Markdown.";
    Url "url" 1..=1 "url(value)" "The text escaped as one part of a URL.";
    Json "json" 1..=1 "json(value)" "The text escaped inside a JSON string.";
    Pseudonymise "pseudonymise" 1..=1 "pseudonymise(text or integer)" "A name of the client's own for the value: the same each time, and nobody else can tell whose. As private as the value.";
    OneOf "one_of" 2..=2 "one_of(text, ['a', 'b', 'other'])" "The text if it is in the list, else the list's last: a fact, costed in bits.";
    Bucket "bucket" 2..=2 "bucket(number, [10, 100])" "Between which bounds the number lies: a fact, costed in bits.";
}

impl Function {
    /// The function of this name.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|function| function.as_str() == name)
    }

    /// What it takes, where its usage does not say so.
    pub(super) fn takes_what(self) -> Option<&'static str> {
        match self {
            Self::Text | Self::Html | Self::Markdown | Self::Url | Self::Json => {
                Some("one value: no list and no record")
            }
            Self::Least | Self::Greatest => {
                Some("two integers, two decimals, two amounts, two instants or two periods")
            }
            Self::Money => Some("an integer and, as a constant, a currency of ISO 4217"),
            Self::OneOf => Some("a text and 2 to 32 different constants that are tokens"),
            Self::Bucket => Some("an integer or decimal and 1 to 31 constants that rise"),
            _ => None,
        }
    }

    /// Whether what it gives depends on the client: its zone, its business hours, its key.
    pub(super) fn asks_the_client(self) -> bool {
        matches!(
            self,
            Self::Year
                | Self::Month
                | Self::Day
                | Self::Weekday
                | Self::Hour
                | Self::Minute
                | Self::Date
                | Self::Business
                | Self::Pseudonymise
        )
    }

    /// Whether it always gives a text.
    pub(crate) fn gives_text(self) -> bool {
        matches!(
            self,
            Self::LowerAscii
                | Self::UpperAscii
                | Self::Trim
                | Self::Join
                | Self::Truncate
                | Self::Text
                | Self::Token
                | Self::Currency
                | Self::Date
                | Self::Pseudonymise
                | Self::OneOf
                | Self::Bucket
        ) || self.escapes().is_some()
    }

    /// The format that it escapes for.
    pub(crate) fn escapes(self) -> Option<crate::plan::TextFormat> {
        use crate::plan::TextFormat;
        match self {
            Self::Html => Some(TextFormat::Html),
            Self::Markdown => Some(TextFormat::Markdown),
            Self::Url => Some(TextFormat::Url),
            Self::Json => Some(TextFormat::Json),
            _ => None,
        }
    }
}

/// The most constants of `one_of` and bounds of `bucket`.
pub(crate) const CONSTANTS_MOST: usize = 32;

/// The names of the buckets between bounds, lowest first: `below_10`, `from_10`, `from_100`.
pub(crate) fn bucket_names(bounds: &[String]) -> Vec<String> {
    let below = bounds.first().map(|bound| format!("below_{bound}"));
    below.into_iter().chain(bounds.iter().map(|bound| format!("from_{bound}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_has_a_name_of_its_own() {
        let names: std::collections::BTreeSet<_> = FUNCTIONS.iter().map(|(name, ..)| name).collect();
        assert_eq!(names.len(), FUNCTIONS.len());
        assert!(Function::ALL.iter().all(|f| Function::from_name(f.as_str()) == Some(*f)));
        assert!(Function::from_name("matches").is_none());
    }
}
