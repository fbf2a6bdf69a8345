//! The keys of `catalog/integrations/<name>.toml` and `catalog/providers/<name>.toml`, and of the fields in them.

use assent_schema::class::Class;
use assent_schema::client::{ClientAuth, ProviderDialect};
use assent_schema::fides;
use assent_schema::plan::Dialect;
use assent_schema::shape::{Empty, MoneyUnit, WrittenBy};
use assent_schema::spec::ChannelKind;

use super::super::field::{SHAPES, Wire};
use super::super::integration::AUTHS;
use super::super::value::words;
use super::operation::OPERATION;
use super::{
    CURRENCY, ENDPOINT, EVENT, HEADER, Holds, ID, Key, Kind, LINE, MOMENT, NAME, PATH, PATH_OR_ALL, PERIOD, RATE, Rule,
    Table, may, need,
};

/// `catalog/integrations/<name>.toml`.
pub(super) static INTEGRATION: Kind = Kind {
    name: "integration",
    about: "An API as the catalog describes it: everything that HTTP leaves open.",
    paths: &["catalog/integrations/*.toml"],
    except: &[],
    table: &API,
};

/// `catalog/providers/<name>.toml`.
pub(super) static PROVIDER: Kind = Kind {
    name: "provider",
    about: "An AI model endpoint and the agreement that governs it.",
    paths: &["catalog/providers/*.toml"],
    except: &[],
    table: &MODEL,
};

static API: Table = Table {
    name: "integration",
    about: "An API as the catalog describes it: everything that HTTP leaves open.",
    groups: &[&[
        need("name", Holds::Form(&ID), "Its name; the name of its file."),
        need("summary", Holds::Form(&LINE), "What it is, for people."),
        may("source", Holds::Form(&LINE), "Where its shapes were taken from."),
        need("auth", Holds::Table(&AUTH), "How requests are authorised."),
        may("webhook", Holds::Table(&WEBHOOK), "How it signs its events."),
        may(
            "shows",
            Holds::Word(words::<Class>),
            "The most private class that its messages may show to people who decide; `reference` unless said.",
        ),
        may("channel", Holds::Table(&CHANNEL), "How people are asked through it."),
        may("rate", Holds::Table(&RATE), "How many requests it takes."),
        may("minor_units", DECIMALS, "The decimals that it gives currencies, where they are others than in ISO 4217."),
        may("event", Holds::Map(&EVENT, &Holds::Table(&API_EVENT)), "What it sends, by name."),
        may("operation", Holds::Map(&NAME, &Holds::Table(&OPERATION)), "What it does, by name."),
    ]],
    rules: &[Rule::With("event", &["webhook"])],
};

static AUTH: Table = Table {
    name: "auth",
    about: "How requests are authorised.",
    groups: &[&[
        need("kind", Holds::Words(&AUTHS), "The way."),
        may("name", Holds::Form(&HEADER), "The header, for `header`."),
        may("prefix", Holds::Form(&LINE), "The word before the secret, like `Bearer`, for `header`."),
        may("user", Holds::Form(&LINE), "The user's name, for `basic`; where it is left out, the slot holds it too."),
        may(
            "token",
            Holds::Text,
            "The path below the endpoint where tokens are asked for, for `oauth2-client` and `oauth2-refresh`.",
        ),
        may("send", Holds::Word(words::<ClientAuth>), "How the agent says there who it is; `header` unless said."),
        may("slot", Holds::Form(&ID), "The slot of the secret."),
        may("test", Holds::Form(&ID), "The read that tells whether the API takes a secret, for `header` and `basic`."),
        may("introspect", Holds::Text, "The path below the endpoint where it is asked what a token may do."),
        may(
            "authorize",
            Holds::Text,
            "Where a person consents, for `oauth2-refresh`: a path below the endpoint, or an address for the browser.",
        ),
        may("issuer", Holds::Text, "Who answers there, where the API always says so (RFC 9207)."),
        may("grants_all", Holds::Boolean, "`true` where a consent cannot be had for less than the API gives."),
    ]],
    rules: &[
        Rule::When("kind", "header", &["name", "slot"]),
        Rule::When("kind", "basic", &["slot"]),
        Rule::When("kind", "oauth2-client", &["token", "slot"]),
        Rule::When("kind", "oauth2-refresh", &["token", "slot"]),
    ],
};

static WEBHOOK: Table = Table {
    name: "webhook",
    about: "How an API signs its events.",
    groups: &[&[
        need("dialect", Holds::Word(words::<Dialect>), "Its way of signing."),
        need("slot", Holds::Form(&ID), "The slot of the secret."),
        may(
            "header",
            Holds::Form(&HEADER),
            "The header that holds the secret, for `token`; the signature, for `hmac`.",
        ),
        may("encoding", Holds::Words(&["hex", "base64"]), "How the signature is written, for `hmac`."),
        may("prefix", Holds::Form(&LINE), "What stands before it in the header, like `sha256=`, for `hmac`."),
        may(
            "signed",
            Holds::Text,
            "What is signed, for `hmac`: `{body}`, perhaps with `{time}` and signs around it; `{body}` unless said.",
        ),
        may("time_header", Holds::Form(&HEADER), "The header that holds the signed time, for `hmac`."),
        may(
            "time",
            Holds::Words(&["seconds", "milliseconds", "iso"]),
            "How that time is written, for `hmac`; `seconds` unless said.",
        ),
        may(
            "tolerance",
            Holds::Form(&PERIOD),
            "How far it may be from the agent's clock, either way, for `hmac`; `5m` unless said, at most `1h`.",
        ),
        may("self", Holds::Table(&OWN_EVENT), "How to tell what our own connection caused."),
    ]],
    rules: &[Rule::When("dialect", "token", &["header"]), Rule::When("dialect", "hmac", &["header", "encoding"])],
};

static CHANNEL: Table = Table {
    name: "channel",
    about: "How people are asked through an API, and how their answers come back.",
    groups: &[&[
        need("kind", Holds::Word(words::<ChannelKind>), "The way: messages with buttons, or private notes."),
        need("post", Holds::Form(&NAME), "The operation that asks."),
        may("update", Holds::Form(&NAME), "The operation that takes the buttons away after a decision, for `slack`."),
        may("event", Holds::Form(&EVENT), "The event that answers, for `helpdesk`."),
    ]],
    rules: &[Rule::When("kind", "helpdesk", &["event"])],
};

/// How to tell what our own connection caused.
pub(super) static OWN_EVENT: Table = Table {
    name: "own-event",
    about: "How to tell what our own connection caused.",
    groups: &[&[
        need("at", Holds::Form(&PATH), "A path of the message."),
        need("equals", Holds::Form(&LINE), "The text that stands there then."),
    ]],
    rules: &[],
};

static API_EVENT: Table = Table {
    name: "event",
    about: "One kind of event.",
    groups: &[&[
        need("record", Holds::Form(&NAME), "What its record is called, for data uses."),
        need("match", Holds::Map(&PATH, &Holds::Text), "How it is told from others: a path of the body and its text."),
        may(
            "once",
            Holds::Either(&[Holds::Form(&NAME), Holds::List(&Holds::Form(&NAME))]),
            "The fields by which it is accepted once, where no delivery id is signed.",
        ),
        need("fields", FIELDS, "The fields that are taken; all others are dropped."),
    ]],
    rules: &[],
};

/// Decimals by currency.
const DECIMALS: Holds = Holds::Map(&CURRENCY, &Holds::Within(0, 6));

/// Fields by name.
pub(super) const FIELDS: Holds = Holds::Map(&NAME, &Holds::Table(&FIELD));

static FIELD: Table = Table {
    name: "field",
    about: "One field of a message.",
    groups: &[
        &SHAPE,
        &[
            may(
                "at",
                Holds::Form(&PATH_OR_ALL),
                "Its path in the message, or `\"\"` for all of it; its name unless said.",
            ),
            may("class", Holds::Word(words::<Class>), "How private it is; `personal` unless said."),
            may("written_by", Holds::Word(words::<WrittenBy>), "Who can write it; `anyone` unless said."),
            may("optional", Holds::Boolean, "Whether it may be absent; `false` unless said."),
            may("prefix", Holds::Text, PREFIX),
            may(
                "empty",
                Holds::Word(words::<Empty>),
                "What an empty text there means: `absent` where the API writes it for nothing; a text unless said.",
            ),
            may("measure", Holds::Boolean, "Whether KPIs may sum it, for integers and money."),
            may("category", Holds::Word(categories), "A data category of Fideslang, which clients and auditors see."),
        ],
    ],
    rules: SHAPE_RULES,
};

pub(super) fn categories() -> Vec<&'static str> {
    fides::DATA_CATEGORIES.to_vec()
}

/// What a prefix says.
pub(super) const PREFIX: &str = "What stands before a `token` on the wire, always the same, like `gid://shopify/Order/`; the value is what follows.";

/// The keys that say what a value looks like.
pub(super) static SHAPE: [Key; 14] = [
    need("type", Holds::Words(&SHAPES), "What the value looks like."),
    may("most_bytes", Holds::Within(1, 4 << 20), "The largest text, for `text`; 65536 unless said."),
    may("wire", Holds::Word(words::<Wire>), "How an `instant` is written; `iso` unless said."),
    may(
        "zone",
        Holds::Text,
        "By whose clock a `date` or a `local` time is read: an IANA time zone; the client's unless said.",
    ),
    may(
        "value",
        Holds::Form(&PATH),
        "Where the number of `money` stands below the value; the value itself unless said.",
    ),
    may("unit", Holds::Word(words::<MoneyUnit>), "Whether the number of `money` is in minor or major units."),
    may("currency_at", Holds::Form(&PATH), "Where the currency of `money` stands below the value."),
    may("currency", Holds::Form(&CURRENCY), "The currency of `money` where it is always the same."),
    may(
        "minor_units",
        DECIMALS,
        "The decimals that currencies have there, for `money`; as the integration says, else as in ISO 4217.",
    ),
    may("values", Holds::List(&Holds::Text), "The constants of `one_of`."),
    may(
        "numbers",
        Holds::List(&Holds::Integer),
        "The number that stands for each of `values` on the wire, in the same order.",
    ),
    may("most", Holds::Within(1, 100_000), "The most items of a `list`."),
    may("of", Holds::Table(&FIELD), "What an item of a `list` is."),
    may("fields", Holds::Map(&NAME, &Holds::Table(&FIELD)), "The members of a `record`."),
];

/// What those keys ask of one another.
pub(super) const SHAPE_RULES: &[Rule] = &[
    Rule::When("type", "money", &["unit"]),
    Rule::When("type", "one_of", &["values"]),
    Rule::When("type", "list", &["most", "of"]),
    Rule::When("type", "record", &["fields"]),
];

static MODEL: Table = Table {
    name: "provider",
    about: "An AI model endpoint and the agreement that governs it.",
    groups: &[&[
        need("name", Holds::Form(&ID), "Its name; the name of its file."),
        need("dialect", Holds::Word(words::<ProviderDialect>), "How it is spoken to."),
        need("model", Holds::Form(&LINE), "The model that is asked."),
        need("auth", Holds::Table(&AUTH), "How requests are authorised."),
        may("endpoint", Holds::Map(&ID, &Holds::Table(&ENDPOINT)), "Where it is, by environment."),
        may("agreement", Holds::Table(&AGREEMENT), "What was agreed; nothing may be asked without."),
        may(
            "class",
            Holds::Word(words::<Class>),
            "The most private class that it may be given; `personal` unless said.",
        ),
        may("prices", Holds::Table(&PRICES), "What it costs, for budgets."),
    ]],
    rules: &[],
};

static AGREEMENT: Table = Table {
    name: "agreement",
    about: "What was agreed with a provider.",
    groups: &[&[
        need("name", Holds::Form(&LINE), "Its name."),
        may("parties", Holds::List(&Holds::Form(&LINE)), "Who agreed."),
        need("from", Holds::Form(&MOMENT), "When it began."),
        need("until", Holds::Form(&MOMENT), "When it ends."),
        need("forbids_training", Holds::Boolean, "Whether it forbids training on input."),
        need("retention", Holds::Text, "How long the provider keeps what it is sent: `none` or a period like `30d`."),
    ]],
    rules: &[],
};

static PRICES: Table = Table {
    name: "prices",
    about: "What a provider costs, per million tokens.",
    groups: &[&[
        need("currency", Holds::Form(&CURRENCY), "ISO 4217."),
        need("input_per_million", Holds::Decimal, "For what it is sent."),
        need("output_per_million", Holds::Decimal, "For what it answers."),
    ]],
    rules: &[],
};
