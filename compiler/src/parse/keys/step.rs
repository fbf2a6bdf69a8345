//! The keys of one step of a workflow.

use assent_schema::plan::OnItemError;

use super::super::step::{ACTIONS, ANSWERS};
use super::super::value::words;
use super::operation::RETRY;
use super::{CURRENCY, EVENT, Holds, ID, Key, NAME, OPERATION, PATH, PERIOD, Rule, Table, may, need};

/// Values by name: constants, templates, lists, records and texts of files.
pub(super) const ARGUMENTS: Holds = Holds::Map(&NAME, &ARGUMENT);
static ARGUMENT: Holds = Holds::Either(&[
    Holds::Text,
    Holds::Integer,
    Holds::Boolean,
    Holds::List(&ARGUMENT),
    Holds::Table(&TEXT_USE),
    Holds::Map(&MEMBER, &ARGUMENT),
]);
static MEMBER: super::Form = super::Form { pattern: "^", example: "name" };

/// One step.
pub(super) static STEP: Table = Table {
    name: "step",
    about: "One step: exactly one of `call`, `ask`, `decide`, `set`, `each`, `wait` and `stop`.",
    groups: &[&COMMON, &CALL, &ASK, &EACH, &OTHERS],
    rules: &[
        Rule::One(&ACTIONS),
        Rule::With("retry", &["call"]),
        Rule::With("parked", &["call"]),
        Rule::With("cache", &["call"]),
        Rule::With("ask", &["prompt", "answer", "limit"]),
        Rule::With("prompt", &["ask"]),
        Rule::With("answer", &["ask"]),
        Rule::With("limit", &["ask"]),
        Rule::With("sources", &["ask"]),
        Rule::With("each", &["key", "max", "step"]),
        Rule::With("as", &["each"]),
        Rule::With("key", &["each"]),
        Rule::With("max", &["each"]),
        Rule::With("step", &["each"]),
    ],
};

static COMMON: [Key; 4] = [
    need("id", Holds::Form(&NAME), "Its id, unique in the workflow; later steps read its result by it."),
    may("when", Holds::Text, "An expression: it runs only when this is true."),
    may(
        "parallel",
        Holds::Either(&[Holds::Form(&NAME), Holds::Within(1, 32)]),
        "Neighbours of one group run together; for an `each`, the items at once.",
    ),
    may(
        "on_error",
        Holds::Either(&[Holds::Word(words::<OnItemError>), Holds::Table(&CONTINUE_ON)]),
        "Failures after which the run goes on; for an `each`, what becomes of the other items.",
    ),
];

static CALL: [Key; 5] = [
    may("call", Holds::Form(&OPERATION), "Calls an operation of a connection."),
    may("with", ARGUMENTS, "The parameters of a `call`, or what is put beside the prompt of an `ask`."),
    may("retry", Holds::Table(&RETRY), "How a `call` is retried; as the operation says, unless said."),
    may("parked", Holds::Form(&NAME), "The earlier step where the text of a `call` waits."),
    may("cache", Holds::Form(&PERIOD), "How long the answer of a read may be served again; under 24 hours."),
];

static ASK: [Key; 5] = [
    may("ask", Holds::Form(&ID), "Asks the AI provider behind a connection."),
    may("prompt", Holds::Text, "The prompt's path below the client's folder, like `prompts/intent.md`."),
    may("sources", Holds::Text, "An expression: a list of sources to cite."),
    may("answer", Holds::Map(&NAME, &Holds::Table(&ANSWER)), "The fields of the answer; at least one."),
    may("limit", Holds::Table(&LIMIT), "What an `ask` may use."),
];

static EACH: [Key; 5] = [
    may("each", Holds::Text, "An expression: does steps for each item of this list."),
    may("as", Holds::Form(&NAME), "What the steps inside call the item; `item` unless said."),
    may("key", Holds::Text, "An expression over the item that tells items apart."),
    may("max", Holds::Within(1, 1_000), "The most items."),
    may("step", Holds::List(&Holds::Table(&STEP)), "The steps for each item, in order; none of them an `each`."),
];

static OTHERS: [Key; 4] = [
    may("decide", Holds::Table(&DECIDE), "Asks a person."),
    may("set", ARGUMENTS, "Computes values, by name."),
    may("wait", Holds::Table(&WAIT), "Lets time pass, or waits for an event."),
    may("stop", Holds::Form(&NAME), "Ends the run early with this name; inside an `each`, the item."),
];

static CONTINUE_ON: Table = Table {
    name: "on-error",
    about: "Failures after which the run goes on without the step.",
    groups: &[&[
        need("codes", Holds::List(&Holds::Form(&NAME)), "The failures, by the codes of the operation."),
        need("then", Holds::Words(&["continue"]), "What happens then."),
    ]],
    rules: &[],
};

static TEXT_USE: Table = Table {
    name: "text-use",
    about: "A text of a file, its holes filled.",
    groups: &[&[
        need("text", Holds::Form(&TEXT_PATH), "Its path below the client's folder, like `texts/thanks.md`."),
        may("locale", Holds::Text, "An expression: which locale; the file's default unless said."),
        may("holes", Holds::Map(&NAME, &Holds::Text), "What is put into it: a template for each hole."),
    ]],
    rules: &[],
};
static TEXT_PATH: super::Form = super::Form { pattern: "^texts/[^/]+[.]md$", example: "texts/thanks.md" };

static LIMIT: Table = Table {
    name: "ask-limit",
    about: "What an `ask` may use.",
    groups: &[&[
        need("tokens", Holds::Within(1, 200_000), "The most tokens of one answer."),
        need("tries", Holds::Within(1, 10), "The most tries for an answer of the wanted form."),
        may("spend", Holds::Table(&SPEND), "The most that all tries together may cost, at the provider's `prices`."),
    ]],
    rules: &[],
};

static SPEND: Table = Table {
    name: "spend",
    about: "An amount of money.",
    groups: &[&[
        need("most", Holds::Within(1, 1_000_000), "Minor units: cents."),
        need("currency", Holds::Form(&CURRENCY), "ISO 4217, as in the provider's `prices`."),
    ]],
    rules: &[],
};

static ANSWER: Table = Table {
    name: "answer",
    about: "One field of an answer: exactly one of `one_of`, `type` and `citations`.",
    groups: &[&[
        may("one_of", Holds::List(&Holds::Text), "Two to 32 constants, one of which is answered."),
        may("type", Holds::Words(&ANSWERS), "What is answered."),
        may("citations", Holds::Within(1, 100), "The most sources that are cited."),
        may("between", Holds::List(&Holds::Decimal), "The least and the greatest `number`; a `number` needs it."),
        may("most_bytes", Holds::Within(1, 1 << 20), "The largest `text`; a `text` needs it."),
    ]],
    rules: &[
        Rule::One(&["one_of", "type", "citations"]),
        Rule::When("type", "number", &["between"]),
        Rule::When("type", "text", &["most_bytes"]),
    ],
};

static DECIDE: Table = Table {
    name: "decide",
    about: "A question to a person.",
    groups: &[&[
        need("by", Holds::Form(&ID), "The group that decides."),
        need("show", Holds::List(&Holds::Form(&PATH)), "What the person sees: paths like `ticket.subject`."),
        may("edit", Holds::List(&Holds::Form(&PATH)), "What of it the person may edit."),
        need("within", Holds::Form(&PERIOD), "How long; after it the answer is no."),
        need(
            "via",
            Holds::List(&Holds::Either(&[Holds::Words(&["page", "cli"]), Holds::Table(&CHANNEL)])),
            "How the person is asked; at least one channel.",
        ),
    ]],
    rules: &[],
};

static CHANNEL: Table = Table {
    name: "asked-through",
    about: "A channel that is a connection of the client.",
    groups: &[&[
        may("slack", Holds::Form(&ID), "The connection to a Slack workspace."),
        may("helpdesk", Holds::Form(&ID), "The connection to a helpdesk."),
        may(
            "on",
            Holds::Form(&PATH),
            "For `helpdesk`: the record that the private note is written on, a path that is shown.",
        ),
    ]],
    rules: &[Rule::One(&["slack", "helpdesk"]), Rule::With("helpdesk", &["on"])],
};

static WAIT: Table = Table {
    name: "wait",
    about: "What is waited for: exactly one of `for`, `business`, `until` and `event`.",
    groups: &[&[
        may("for", Holds::Form(&PERIOD), "So long."),
        may("business", Holds::Form(&PERIOD), "So much of the client's business time."),
        may("until", Holds::Text, "An expression: until this instant."),
        may("event", Holds::Table(&ON), "Until this event comes, or the time is over."),
        may("match", Holds::Text, "An expression that the event's key must equal; `limits.one_at_a_time` unless said."),
        may("within", Holds::Form(&PERIOD), "How long an `event` is waited for."),
    ]],
    rules: &[
        Rule::One(&["for", "business", "until", "event"]),
        Rule::With("event", &["within"]),
        Rule::With("within", &["event"]),
        Rule::With("match", &["event"]),
    ],
};

/// An event, and the field that tells whose it is.
pub(super) static ON: Table = Table {
    name: "on",
    about: "An event of a connection, and the field of it that tells whose it is.",
    groups: &[&[
        need("connection", Holds::Form(&ID), "Whose event."),
        need("event", Holds::Form(&EVENT), "Which event."),
        need("key", Holds::Form(&NAME), "The field of the event: a fact."),
    ]],
    rules: &[],
};
