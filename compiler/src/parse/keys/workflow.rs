//! The keys of `clients/<client>/workflows/<name>.toml`, `library/<name>.toml` and of the head of `texts/<name>.md`.

use assent_schema::class::Class;
use assent_schema::fides;
use assent_schema::plan::{AfterFile, Missed, Mode};

use super::super::trigger::KINDS;
use super::super::value::words;
use super::super::workflow::SETTING_TYPES;
use super::catalog::{SHAPE, SHAPE_RULES, categories};
use super::step::{ARGUMENTS, ON, STEP};
use super::{EVENT, Holds, ID, Key, Kind, LINE, LOCALE, NAME, OPERATION, PATH, PERIOD, Rule, Table, may, need};

/// `clients/<client>/workflows/<name>.toml`.
pub(super) static KIND: Kind = Kind {
    name: "workflow",
    about: "A workflow of a client: trigger, steps, limits, KPIs, fallback; or a use of one of the library.",
    paths: &["clients/*/workflows/*.toml"],
    except: &["clients/*/workflows/*.test.toml"],
    table: &WORKFLOW,
};

/// `library/<name>.toml`.
pub(super) static LIBRARY: Kind = Kind {
    name: "library",
    about: "A workflow with settings that many clients share.",
    paths: &["library/*.toml"],
    except: &[],
    table: &SHARED,
};

/// The head of `texts/<name>.md`.
pub(super) static TEXT: Kind = Kind {
    name: "text",
    about: "The head of a text with holes, between its first two lines of `+++`.",
    paths: &[],
    except: &[],
    table: &HEAD,
};

const USE: Key =
    may("use", Holds::Form(&ID), "The library workflow that is used; beside it stand `settings` and `class`.");
const RULE: Rule = Rule::Switch {
    key: "use",
    beside: &["use", "settings", "class"],
    else_needed: &["name", "summary", "purpose", "trigger", "step"],
    never: &["settings"],
};

static WORKFLOW: Table = Table {
    name: "workflow",
    about: "A workflow of a client, or a use of one of the library.",
    groups: &[
        &[
            USE,
            may("settings", Holds::Map(&NAME, &LITERAL), "What this client sets of the library workflow that is used."),
        ],
        &OWN,
    ],
    rules: &[RULE],
};

static SHARED: Table = Table {
    name: "library",
    about: "A workflow with settings that many clients share.",
    groups: &[
        &[
            USE,
            may(
                "settings",
                Holds::Map(&NAME, &Holds::Either(&[LITERAL, Holds::Table(&SETTING)])),
                "What a client may set, read as `settings.<name>`; beside `use`, what is set.",
            ),
        ],
        &OWN,
    ],
    rules: &[Rule::Switch {
        key: "use",
        beside: &["use", "settings", "class"],
        else_needed: &["name", "summary", "purpose", "trigger", "step"],
        never: &[],
    }],
};

/// A constant.
const LITERAL: Holds = Holds::Either(&[Holds::Text, Holds::Integer, Holds::Boolean]);

static OWN: [Key; 11] = [
    may("name", Holds::Form(&ID), "Its id; the name of its file."),
    may("summary", Holds::Form(&LINE), "What it does, for people."),
    may("purpose", Holds::Word(purposes), "What the data is used for: a data use of Fideslang."),
    may("mode", Holds::Word(words::<Mode>), "Whether effects are done or only recorded; `live` unless said."),
    may(
        "class",
        Holds::Map(&PATH, &CLASS),
        "Classes that it raises above the catalog's, by `<record>.<field>`; it never lowers one.",
    ),
    may("trigger", Holds::Table(&TRIGGER), "What starts a run; exactly one."),
    may("limits", Holds::Table(&LIMITS), "What bounds a run."),
    may("step", Holds::List(&Holds::Table(&STEP)), "The steps, in order; at least one."),
    may("cancel", Holds::List(&Holds::Table(&CANCEL)), "Events that end runs `superseded`."),
    may("kpi", Holds::List(&Holds::Table(&KPI)), "What is counted when a run ends `done`."),
    may("fallback", Holds::Table(&FALLBACK), "Where work goes that automation could not finish."),
];

/// A class; in the library also a setting, whose text only the whole source can judge.
const CLASS: Holds = Holds::Either(&[Holds::Word(words::<Class>), Holds::Form(&SETTING_HOLE)]);
static SETTING_HOLE: super::Form = super::Form { pattern: "^[$][{]", example: "${settings.class}" };

fn purposes() -> Vec<&'static str> {
    fides::allowed()
}

static TRIGGER: Table = Table {
    name: "trigger",
    about: "What starts a run; exactly one.",
    groups: &[&[
        may("webhook", Holds::Table(&HOOK), "A signed event of a connection."),
        may("poll", Holds::Table(&POLL), "A list that is read again and again."),
        may("inbox", Holds::Table(&INBOX), "Files of JSON that another system puts into a folder of the agent's host."),
        may("schedule", Holds::Table(&SCHEDULE), "A crontab line."),
        may("manual", Holds::Table(&MANUAL), "A person starts it."),
    ]],
    rules: &[Rule::One(&KINDS)],
};

const ONLY: Key =
    may("match", Holds::Map(&NAME, &LITERAL), "The fields that must have these values; others start nothing.");

static HOOK: Table = Table {
    name: "trigger-webhook",
    about: "A signed event of a connection.",
    groups: &[
        &[
            need("connection", Holds::Form(&ID), "Whose event."),
            need("event", Holds::Form(&EVENT), "Which event; its fields and classes are the catalog's."),
        ],
        &[ONLY],
        &[may("reconcile", Holds::Table(&RECONCILE), "The list in which events that were never delivered are found.")],
    ],
    rules: &[],
};

static LIST: [Key; 4] = [
    need("read", Holds::Form(&OPERATION), "The operation that reads; the catalog says how its list is walked."),
    may("with", ARGUMENTS, "Its parameters besides the one that takes the cursor; constants."),
    need("every", Holds::Form(&PERIOD), "How often."),
    may("lag", Holds::Form(&PERIOD), "How late an item may appear in the list; `5m` unless said."),
];

static RECONCILE: Table = Table {
    name: "reconcile",
    about: "The list in which events that were never delivered are found.",
    groups: &[&LIST],
    rules: &[],
};

static POLL: Table = Table {
    name: "trigger-poll",
    about: "A list that is read again and again.",
    groups: &[&LIST, &[ONLY]],
    rules: &[],
};

static INBOX: Table = Table {
    name: "trigger-inbox",
    about: "Files of JSON that another system puts into a folder of the agent's host.",
    groups: &[
        &[
            need("folder", Holds::Form(&NAME), "The folder's name below the client's own."),
            need("pattern", Holds::Text, "Which names are taken, like `*.json`."),
            may("after", Holds::Word(words::<AfterFile>), "What becomes of a file that was taken; `move` unless said."),
            need("fields", FACTS, "The fields that are taken: facts, which anyone may have written."),
        ],
        &[ONLY],
    ],
    rules: &[],
};

/// Facts that a workflow describes itself.
const FACTS: Holds = Holds::Map(&NAME, &Holds::Table(&FACT));
static FACT: Table = Table {
    name: "fact",
    about: "One fact that comes with the event.",
    groups: &[
        &SHAPE,
        &[
            may("at", Holds::Form(&PATH), "Its path in the message; its name unless said."),
            may("optional", Holds::Boolean, "Whether it may be absent; `false` unless said."),
            may("measure", Holds::Boolean, "Whether KPIs may sum it, for integers and money."),
            may("category", Holds::Word(categories), "A data category of Fideslang, which clients and auditors see."),
        ],
    ],
    rules: SHAPE_RULES,
};

static SCHEDULE: Table = Table {
    name: "trigger-schedule",
    about: "A crontab line.",
    groups: &[&[
        need("cron", Holds::Form(&LINE), "Five fields, like `0 7 * * mon-fri`."),
        may("zone", Holds::Text, "An IANA time zone; the client's unless said."),
        may(
            "missed",
            Holds::Word(words::<Missed>),
            "What happens to times that passed while nothing ran; `skip` unless said.",
        ),
    ]],
    rules: &[],
};

static MANUAL: Table = Table {
    name: "trigger-manual",
    about: "A person starts it.",
    groups: &[&[may("fields", FACTS, "What the person gives: facts.")]],
    rules: &[],
};

static LIMITS: Table = Table {
    name: "limits",
    about: "What bounds a run.",
    groups: &[&[
        may(
            "timeout",
            Holds::Form(&PERIOD),
            "The time that a run may take; waiting for people or time is not counted.",
        ),
        may("concurrency", Holds::Within(1, 10_000), "Runs at once."),
        may("one_at_a_time", Holds::Text, "An expression: runs of one value go one after the other."),
        may("per_key", Holds::Text, "Runs accepted per value of `one_at_a_time` and day, like `3/day`."),
        may("debounce", Holds::Form(&PERIOD), "How long no event of a key may come before its run begins."),
        may("debounce_most", Holds::Form(&PERIOD), "How long a run waits for quiet at most."),
    ]],
    rules: &[
        Rule::With("per_key", &["one_at_a_time"]),
        Rule::With("debounce", &["one_at_a_time"]),
        Rule::With("debounce_most", &["debounce"]),
    ],
};

static CANCEL: Table = Table {
    name: "cancel",
    about: "An event that ends runs `superseded`, at the next step boundary.",
    groups: &[&[
        need("on", Holds::Table(&ON), "Which event, and whose."),
        may("match", Holds::Text, "An expression that the event's key must equal; `limits.one_at_a_time` unless said."),
    ]],
    rules: &[],
};

static KPI: Table = Table {
    name: "kpi",
    about: "What is counted when a run ends `done`.",
    groups: &[&[
        need("name", Holds::Form(&NAME), "Its name."),
        may("when", Holds::Text, "An expression: only runs for which it is true."),
        may("count", Holds::Boolean, "`true` counts runs."),
        may("sum", Holds::Form(&PATH), "The path of a measure that is summed instead."),
        may("by", Holds::List(&Holds::Form(&PATH)), "Labels: paths of declared enumerations."),
        may("per", Holds::Form(&PERIOD), "How long one count lasts; at the finest an hour."),
    ]],
    rules: &[Rule::One(&["count", "sum"])],
};

static FALLBACK: Table = Table {
    name: "fallback",
    about: "Where work goes that automation could not finish.",
    groups: &[&[
        need("queue", Holds::Form(&ID), "The manual queue: a group of people."),
        may("open", Holds::Text, "A template for the link that people open."),
        may("on_restart", Holds::Words(&["manual"]), "`manual`: what a restart lost goes to people."),
    ]],
    rules: &[],
};

static SETTING: Table = Table {
    name: "setting",
    about: "One setting of a library workflow.",
    groups: &[&[
        need("type", Holds::Words(&SETTING_TYPES), "What it takes."),
        may("values", Holds::List(&Holds::Text), "The constants of `one_of`."),
        may("default", LITERAL, "What holds when a client sets nothing; without it a client must."),
    ]],
    rules: &[Rule::When("type", "one_of", &["values"])],
};

static HEAD: Table = Table {
    name: "text",
    about: "The head of a text with holes.",
    groups: &[&[
        need("default", Holds::Form(&LOCALE), "The locale for every value that has none of its own."),
        may("holes", Holds::Map(&NAME, &Holds::Table(&HOLE)), "What its holes take, by name."),
    ]],
    rules: &[],
};

static HOLE: Table =
    Table { name: "hole", about: "What one hole of a text takes.", groups: &[&SHAPE], rules: SHAPE_RULES };
