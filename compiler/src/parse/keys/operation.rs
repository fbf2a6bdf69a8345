//! The keys of one operation of an integration.

use assent_schema::class::Class;
use assent_schema::plan::{Effect, Encoding, Failure, KeyForm, Method, Place, TextFormat};

use super::super::pages::Counted;
use super::super::value::words;
use super::catalog::{FIELDS, OWN_EVENT, PREFIX, SHAPE, SHAPE_RULES};
use super::{Form, Holds, LINE, NAME, PATH, PATH_OR_ALL, PERIOD, RATE, Rule, SCOPE, Table, may, need};

/// One operation.
pub(super) static OPERATION: Table = Table {
    name: "operation",
    about: "One operation of an API.",
    groups: &[&[
        need("record", Holds::Form(&NAME), "What the answer's record is called, for data uses."),
        need("method", Holds::Word(words::<Method>), "The HTTP method."),
        need("path", Holds::Text, "The path below the endpoint; each `{hole}` is a parameter with `in = \"path\"`."),
        may("encoding", Holds::Word(words::<Encoding>), "How the request's body is written; `json` unless said."),
        may(
            "media",
            Holds::Form(&MEDIA),
            "What the API calls its JSON, like `application/vnd.api+json`; `application/json` unless said.",
        ),
        may("document", Holds::Text, "The query or mutation of a GraphQL request."),
        may(
            "effect",
            Holds::Word(words::<Effect>),
            "What it changes outside; `none` of a `GET` and of a query of GraphQL, unless said. All else must say it.",
        ),
        may("scopes", Holds::List(&Holds::Form(&SCOPE)), "The permissions that it needs."),
        may("params", Holds::Map(&NAME, &Holds::Table(&PARAM)), "Its parameters, by name."),
        may(
            "constants",
            Holds::Map(&PATH, &Holds::Either(&[Holds::Text, Holds::Integer, Holds::Boolean])),
            "Members of the body that are always the same, by path; values of the query for `GET`; `header:NAME` for headers.",
        ),
        may(
            "response",
            FIELDS,
            "The answer's fields that are taken where a step reads them; all others are dropped. An effect's answer must hold those that are not `optional`.",
        ),
        may("most_bytes", Holds::Within(1, 16 << 20), "The largest answer, in bytes; 1 MiB unless said."),
        may("timeout", Holds::Form(&PERIOD), "The longest time for one attempt; `10s` unless said."),
        may("errors", Holds::List(&Holds::Table(&ERROR)), "How failures are told apart; the first that fits counts."),
        may("not_executed", REFUSALS, "Statuses after which surely nothing was done; 503 with `Retry-After` alone."),
        may("idempotency", Holds::Table(&IDEMPOTENCY), "How the API deduplicates, for effects."),
        may("retry", Holds::Table(&RETRY), "How it is retried unless a step says otherwise."),
        may("confirm", Holds::Table(&CONFIRM), "The read that tells whether it happened, for effects."),
        may("reread", Holds::Boolean, "Whether the same read may be done again later for the same record."),
        may("finds", Holds::Boolean, "Whether it answers a record that may have been there before, for effects."),
        may("park", Holds::Table(&PARK), "Where a text can wait in the client's own system, for effects."),
        may("belongs", Holds::Table(&BELONGS), "The check that a record is the trigger's own party's, for reads."),
        may("job", Holds::Table(&JOB), "How a job that was only taken is followed to its end."),
        may("rate", Holds::Table(&RATE), "How many requests it takes."),
        may("pages", Holds::Table(&PAGES), "How long lists are read, for reads."),
        may("poll", Holds::Table(&POLL), "How its list is walked by those who wait for news in it, for reads."),
    ]],
    rules: &[
        Rule::When("method", "PUT", &["effect"]),
        Rule::When("method", "PATCH", &["effect"]),
        Rule::When("method", "DELETE", &["effect"]),
    ],
};

static MEDIA: Form = Form {
    pattern: "^[a-z0-9][a-z0-9!#$&^_.+-]*/([a-z0-9][a-z0-9!#$&^_.+-]*[+])?json$",
    example: "application/vnd.api+json",
};

/// HTTP statuses.
const STATUSES: Holds = Holds::List(&Holds::Within(100, 599));
/// Statuses that say that nothing was done.
const REFUSALS: Holds = Holds::List(&Holds::Within(300, 599));

static PARAM: Table = Table {
    name: "param",
    about: "One parameter of an operation.",
    groups: &[
        &[
            need(
                "in",
                Holds::Word(words::<Place>),
                "Where it stands in the request; `none` for what `belongs` only compares, and for an `amount` that the API knows.",
            ),
            may(
                "at",
                Holds::Form(&PATH_OR_ALL),
                "Its path in the body (`\"\"` for all of it), or the header's or query's name; its own unless said.",
            ),
            need("class", Holds::Word(words::<Class>), "The most private class that it takes."),
        ],
        &SHAPE,
        &[
            may("amount", Holds::Boolean, "Whether it is an amount of money that moves."),
            may("target", Holds::Boolean, "Whether it chooses a record, recipient or account."),
            may("optional", Holds::Boolean, "Whether it may be left out; `false` unless said."),
            may("prefix", Holds::Text, PREFIX),
            may("format", Holds::Word(words::<TextFormat>), "What a text becomes part of; holes are escaped for it."),
        ],
    ],
    rules: SHAPE_RULES,
};

static ERROR: Table = Table {
    name: "error",
    about: "How one failure is told from others.",
    groups: &[&[
        may("status", STATUSES, "The HTTP statuses."),
        may("at", Holds::Form(&PATH), "A path of the body, or `header:NAME`."),
        may("equals", Holds::Form(&LINE), "The text that stands there."),
        need("kind", Holds::Word(words::<Failure>), "What it means for the next attempt."),
        need("code", Holds::Form(&NAME), "What it is called; steps name it in `on_error`."),
    ]],
    rules: &[Rule::With("at", &["equals"]), Rule::With("equals", &["at"])],
};

static IDEMPOTENCY: Table = Table {
    name: "idempotency",
    about: "How an API deduplicates requests.",
    groups: &[&[
        need("in", Holds::Words(&["header", "body"]), "Where the key goes."),
        need("at", Holds::Form(&PATH), "The header's name, or the path in the body."),
        may(
            "form",
            Holds::Word(words::<KeyForm>),
            "What the key looks like: 32 hexadecimal digits, or a UUID; `hex` unless said.",
        ),
        need("lives", Holds::Form(&PERIOD), "How long the API remembers a key."),
    ]],
    rules: &[],
};

/// How attempts follow one another.
pub(super) static RETRY: Table = Table {
    name: "retry",
    about: "How attempts follow one another.",
    groups: &[&[
        need("attempts", Holds::Within(1, u32::MAX as i64), "The most attempts, the first included; at most 20."),
        need("first", Holds::Form(&PERIOD), "The wait before the second attempt; doubled before each further one."),
        need("most", Holds::Form(&PERIOD), "The longest wait."),
    ]],
    rules: &[],
};

static CONFIRM: Table = Table {
    name: "confirm",
    about: "The read that tells whether an effect happened.",
    groups: &[&[
        need("operation", Holds::Form(&NAME), "An operation of this integration that reads."),
        may("with", Holds::Map(&NAME, &Holds::Form(&NAME)), "Its parameters, each from one of the effect's."),
        need("field", Holds::Form(&NAME), "The field of its answer that tells."),
        may(
            "equals",
            Holds::Form(&LINE),
            "What the field holds when it happened; its presence alone tells unless said.",
        ),
        need("settles", Holds::Form(&PERIOD), "How long until a `no` can be believed."),
    ]],
    rules: &[],
};

static PARK: Table = Table {
    name: "park",
    about: "Where a text can wait in the client's own system.",
    groups: &[&[
        need("text", Holds::Form(&NAME), "The parameter that takes the text."),
        need("id", Holds::Form(&NAME), "The field of the answer that names what was made."),
        need("read", Holds::Form(&NAME), "The operation that reads it again."),
        need("param", Holds::Form(&NAME), "The parameter of that read that takes the id."),
        need("field", Holds::Form(&NAME), "The field of its answer that holds the text."),
    ]],
    rules: &[],
};

static JOB: Table = Table {
    name: "job",
    about: "How a job that was only taken is followed to its end.",
    groups: &[&[
        need("id", Holds::Form(&NAME), "The field of the answer that names the job."),
        need("read", Holds::Form(&NAME), "The operation that tells how it stands."),
        need("param", Holds::Form(&NAME), "The parameter of that read that takes the id."),
        need("field", Holds::Form(&NAME), "The field of its answer that tells."),
        need("done", Holds::List(&Holds::Form(&LINE)), "Its words for a job that is done; at least one."),
        need("failed", Holds::List(&Holds::Form(&LINE)), "Its words for a job that failed; at least one."),
        may("every", Holds::Form(&PERIOD), "How often it is looked at; `10s` unless said."),
        need("within", Holds::Form(&PERIOD), "How long a job may take; at most `24h`."),
    ]],
    rules: &[],
};

static BELONGS: Table = Table {
    name: "belongs",
    about: "The check that a record is the trigger's own party's.",
    groups: &[&[
        need("param", Holds::Form(&NAME), "The parameter that names the party."),
        need("field", Holds::Form(&NAME), "The field of the answer that must equal it."),
    ]],
    rules: &[],
};

static PAGES: Table = Table {
    name: "pages",
    about: "How long lists are read.",
    groups: &[&[
        may(
            "cursor_at",
            Holds::Form(&PATH),
            "Where the answer holds the cursor of the next page: a path, or `header:NAME`.",
        ),
        may("link_at", Holds::Form(&PATH), "Where it holds a link to the next page: a path, or `header:Link`."),
        may("count", Holds::Word(words::<Counted>), "What the agent counts where the API hands out neither."),
        may(
            "first",
            Holds::Within(0, 1),
            "The number of the first page, for `count = \"pages\"`, where it must be said: 0 or 1.",
        ),
        may(
            "more_at",
            Holds::Form(&PATH),
            "Where the answer says whether there is another page, if nothing else does.",
        ),
        need("param", Holds::Form(&PATH), "The name in the query, or the path in the body, that takes it."),
        may(
            "also",
            Holds::List(&Holds::Form(&PATH)),
            "What else of a link's query further pages are asked for with, by name, for `link_at`.",
        ),
        may("in", Holds::Words(&["query", "body"]), "Where that is; `query` unless said. With a body it must be said."),
        need("collect", Holds::Form(&NAME), "The field whose items are put together."),
        need("most", Holds::Within(1, 1_000), "The most pages."),
        may(
            "keep",
            Holds::List(&Holds::Form(&PATH)),
            "What further pages keep of the first one's query beside `param`, by name; all of it unless said.",
        ),
        may(
            "cut",
            Holds::Boolean,
            "Whether a part of a longer list is enough; else the step fails. `false` unless said.",
        ),
    ]],
    rules: &[Rule::One(&["cursor_at", "link_at", "count"]), Rule::When("count", "pages", &["first"])],
};

static POLL: Table = Table {
    name: "polled",
    about: "How a list is walked by those who wait for news in it: items come oldest first.",
    groups: &[&[
        need("items", Holds::Form(&NAME), "The field of the answer with the items."),
        need("order", Holds::Form(&NAME), "The field of an item by which the list is ordered: an instant."),
        need("id", Holds::Form(&NAME), "The field of an item that names it."),
        need("since", Holds::Form(&NAME), "The parameter that takes the instant from which on items are wanted."),
        may("self", Holds::Table(&OWN_EVENT), "How to tell what our own connection caused."),
    ]],
    rules: &[],
};
