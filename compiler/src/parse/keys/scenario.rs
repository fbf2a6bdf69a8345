//! The keys of `clients/<client>/workflows/<name>.test.toml`.

use assent_schema::release::Choice;
use assent_schema::scenario::{Expected, Fault};

use super::super::value::words;
use super::{Form, HEADER, Holds, ID, Kind, LINE, MOMENT, NAME, OPERATION, PERIOD, Table, may, need};

/// `clients/<client>/workflows/<name>.test.toml`.
pub(super) static KIND: Kind = Kind {
    name: "test",
    about: "The scenarios of a workflow; they run on the real engine in simulated time.",
    paths: &["clients/*/workflows/*.test.toml"],
    except: &[],
    table: &TESTS,
};

static TESTS: Table = Table {
    name: "tests",
    about: "The scenarios of a workflow.",
    groups: &[&[may("scenario", Holds::List(&Holds::Table(&SCENARIO)), "The scenarios.")]],
    rules: &[],
};

static SCENARIO: Table = Table {
    name: "scenario",
    about: "One story: what comes in, what the world answers, what must then have happened.",
    groups: &[&[
        need("name", Holds::Form(&LINE), "Its name, unique in the file."),
        need("at", Holds::Form(&MOMENT), "When the event comes in."),
        may("event", Holds::Anything, "The event's body, as the connection would send it."),
        may("further", Holds::List(&Holds::Table(&FURTHER)), "Further events of the trigger."),
        may("reply", Holds::List(&Holds::Table(&REPLY)), "What connections answer, in order."),
        may("decide", Holds::List(&Holds::Table(&DECIDED)), "What people decide."),
        may("later", Holds::List(&Holds::Table(&LATER)), "Events that come while the run is under way."),
        need("expect", Holds::Table(&EXPECT), "What must have happened in the end."),
    ]],
    rules: &[],
};

static FURTHER: Table = Table {
    name: "further",
    about: "One more event of the trigger.",
    groups: &[&[
        need("after", Holds::Form(&PERIOD), "How long after the first."),
        need("event", Holds::Anything, "Its body."),
    ]],
    rules: &[],
};

static REPLY: Table = Table {
    name: "reply",
    about: "What a connection answers.",
    groups: &[&[
        need("to", Holds::Form(&OPERATION), "To which operation; `<connection>.ask` for an AI provider."),
        may("status", Holds::Within(100, 599), "The HTTP status; 200 unless said."),
        may("body", Holds::Anything, "The body. For an AI provider, the answer's object."),
        may("json", Holds::Text, "The body as JSON, for what TOML cannot say, like `null`; instead of `body`."),
        may("text", Holds::Text, "The body as it stands, for what is no JSON; instead of `body`."),
        may("fault", Holds::Word(words::<Fault>), "What goes wrong instead."),
        may("after", Holds::Form(&PERIOD), "How long the reply takes."),
        may("retry_after", Holds::Form(&PERIOD), "The `Retry-After` header."),
        may("headers", Holds::Map(&HEADER, &Holds::Text), "Further headers, like the `Link` to the next page."),
    ]],
    rules: &[],
};

static DECIDED: Table = Table {
    name: "decided",
    about: "What a person decides.",
    groups: &[&[
        need("step", Holds::Form(&NAME), "The step that asks."),
        may("person", Holds::Form(&ID), "Who; any member of the group unless said."),
        may("choice", Holds::Word(words::<Choice>), "What; nobody answers unless said."),
        may("after", Holds::Form(&PERIOD), "How long it takes; no time unless said."),
        may("edits", Holds::Map(&ANY, &Holds::Text), "What the person wrote instead, by path."),
    ]],
    rules: &[],
};
static ANY: Form = Form { pattern: "^", example: "draft.text" };

static LATER: Table = Table {
    name: "later",
    about: "An event that comes while the run is under way.",
    groups: &[&[
        need("after", Holds::Form(&PERIOD), "How long after the run began."),
        need("connection", Holds::Form(&ID), "Whose event."),
        need("event", Holds::Anything, "Its body."),
    ]],
    rules: &[],
};

static EXPECT: Table = Table {
    name: "expect",
    about: "What must have happened in the end.",
    groups: &[&[
        need("outcome", Holds::Word(words::<Expected>), "How the run ended; `refused` when none began."),
        may("stop", Holds::Form(&NAME), "The name that a `stop` gave it."),
        may("calls", Holds::List(&Holds::Table(&CALL)), "The effects that were done, in order."),
        may("only", Holds::Boolean, "Whether `calls` is the whole list; unless said, only where that is empty."),
        may("kpis", Holds::Map(&NAME, &Holds::Integer), "KPIs that were counted."),
        may("queued", Holds::Boolean, "Whether an item stands in the manual queue; not checked unless said."),
    ]],
    rules: &[],
};

static CALL: Table = Table {
    name: "expected-call",
    about: "A request that must have been made.",
    groups: &[&[
        need("operation", Holds::Form(&OPERATION), "To which operation."),
        may("with", Holds::Map(&NAME, &Holds::Anything), "Parameters that it must have had; others are not checked."),
        may("times", Holds::Within(0, 10_000), "How often; once unless said."),
    ]],
    rules: &[],
};
