//! The keys of the files that people sign. `assent trust`, `plan`, `approve` and `withdraw` write them; the readers are those
//! of `schema::trust`.

use assent_schema::class::Class;
use assent_schema::plan::{Effect, Method};
use assent_schema::uses::UseKind;

use super::super::value::words;
use super::{
    CURRENCY, DIGEST, Form, Holds, ID, Key, Kind, LINE, MOMENT, NAME, OPERATION, PERIOD, PUBLIC_KEY, SCOPE, Table, may,
    need,
};

/// `trust/root/<version>.toml`.
pub(super) static ROOT: Kind = Kind {
    name: "root",
    about: "One version of the root: people, roles, agents and clients.",
    paths: &["trust/root/*.toml"],
    except: &[],
    table: &ROOT_TABLE,
};
/// `trust/teams.toml`.
pub(super) static TEAMS: Kind = Kind {
    name: "teams",
    about: "Who is assigned to which client.",
    paths: &["trust/teams.toml"],
    except: &[],
    table: &TEAMS_TABLE,
};
/// `clients/<client>/approvers/<number>.toml`.
pub(super) static APPROVERS: Kind = Kind {
    name: "approvers",
    about: "Who may approve for a client.",
    paths: &["clients/*/approvers/*.toml"],
    except: &[],
    table: &APPROVERS_TABLE,
};
/// `clients/<client>/approvals/<name>.toml`.
pub(super) static APPROVAL: Kind = Kind {
    name: "approval",
    about: "A statement of a client: an approval, a rejection or a withdrawal.",
    paths: &["clients/*/approvals/*.toml"],
    except: &[],
    table: &STATEMENT,
};
/// `catalog/catalog.lock`.
pub(super) static CATALOG_LOCK: Kind = Kind {
    name: "catalog-lock",
    about: "The digests of all files of the catalog.",
    paths: &["catalog/catalog.lock"],
    except: &[],
    table: &LOCK,
};

const SCHEMA: Key = need("schema", Holds::Integer, "The number of this format: 1.");
const PROJECT: Key = need("project", Holds::Form(&DIGEST), "SHA-256 of root version 1.");
const NUMBER: Key = need("number", Holds::Integer, "Its number, from 1.");
const PEOPLE: Holds = Holds::Map(&ID, &Holds::Table(&PERSON));
static KEY_TEXT: Holds = Holds::Form(&PUBLIC_KEY);
static PASSKEY_TEXT: Holds = Holds::Form(&PASSKEY);
static PASSKEY: Form = Form {
    pattern: "^passkey [a-z0-9.-]+ [A-Za-z0-9_-]+ [A-Za-z0-9+/]+=*$",
    example: "passkey console.harbor.example 4Vx9Qm2fS0kBq1yT8nWvLg MCowBQYDK2VwAyEAdZ0OV8We4qveQh+Vi5sJPmxFK8S0Qu0h15Wit0PIEBQ=",
};

static ROOT_TABLE: Table = Table {
    name: "root",
    about: "One version of the root: people, roles, agents and clients.",
    groups: &[
        &[need("type", Holds::Words(&["root"]), "Always `root`."), SCHEMA],
        &[
            may("project", Holds::Form(&DIGEST), "SHA-256 of root version 1; version 1 has none."),
            need("version", Holds::Integer, "Its number, from 1."),
            need("expires", Holds::Form(&MOMENT), "After this instant it must have been replaced."),
            need("generation", Holds::Integer, "Within a generation, sequences of releases count."),
            need("rehearsals", Holds::Integer, "How many different staging agents must agree on a rehearsal."),
            may("revoked_plans", Holds::List(&Holds::Form(&DIGEST)), "Plans that may never run."),
            need("people", PEOPLE, "Everybody who holds a role or belongs to a team."),
            need("roles", Holds::Table(&ROLES), "Who holds which role."),
            may("agents", Holds::Map(&ID, &Holds::Table(&AGENT)), "The machines."),
            may("clients", Holds::Map(&ID, &Holds::Table(&CLIENT)), "The clients."),
        ],
    ],
    rules: &[],
};

static ROLES: Table = Table {
    name: "roles",
    about: "Who holds which role.",
    groups: &[&[
        need("root", Holds::Table(&ROLE), "Changes the root."),
        need("release", Holds::Table(&ROLE), "Signs releases."),
        need("freshness", Holds::Table(&ROLE), "Signs which release is the newest."),
        need("catalog", Holds::Table(&ROLE), "Signs the catalog."),
        need("teams", Holds::Table(&ROLE), "Assigns people to clients."),
        need("oncall", Holds::Table(&ROLE), "Recovers agents."),
    ]],
    rules: &[],
};

static ROLE: Table = Table {
    name: "role",
    about: "Who holds a role, and how many of them must sign.",
    groups: &[&[
        need("threshold", Holds::Integer, "How many different people must sign."),
        need("people", Holds::List(&Holds::Form(&ID)), "Who."),
    ]],
    rules: &[],
};

static PERSON: Table = Table {
    name: "person",
    about: "Somebody who signs.",
    groups: &[&[
        need("keys", Holds::List(&KEY_TEXT), "The keys, any of which counts as this person."),
        may("passkeys", Holds::List(&PASSKEY_TEXT), "Passkeys that sign in to consoles, and sign no file."),
    ]],
    rules: &[],
};

static AGENT: Table = Table {
    name: "agent",
    about: "A machine that runs workflows.",
    groups: &[&[
        need("region", Holds::Form(&ID), "Where it is."),
        need("environment", Holds::Form(&ID), "What it runs."),
        need("key", Holds::Form(&PUBLIC_KEY), "The key that signs status and rehearsals."),
        need("ledger_key", Holds::Text, "The Ed25519 key that signs checkpoints of its ledgers: base64 of 32 bytes."),
        may("rehearses", Holds::Boolean, "Whether its rehearsals count; `false` unless said."),
    ]],
    rules: &[],
};

static CLIENT: Table = Table {
    name: "root-client",
    about: "A client of the agency.",
    groups: &[&[
        need("approvers", Holds::Form(&DIGEST), "SHA-256 of its first approvers file."),
        may("resets", Holds::List(&Holds::Table(&RESET)), "Approvers files that those before them did not sign."),
    ]],
    rules: &[],
};

static RESET: Table = Table {
    name: "root-reset",
    about: "A reset of a client's approvers, which counts after seven days unless one of the old ones ends it.",
    groups: &[&[
        need("number", Holds::Integer, "The number of the approvers file, from 2."),
        need("approvers", Holds::Form(&DIGEST), "SHA-256 of that file; every key in it signed it."),
        need("announced", Holds::Form(&MOMENT), "When root wrote it."),
    ]],
    rules: &[],
};

static TEAMS_TABLE: Table = Table {
    name: "teams",
    about: "Who is assigned to which client.",
    groups: &[
        &[need("type", Holds::Words(&["teams"]), "Always `teams`."), SCHEMA, PROJECT, NUMBER],
        &[may("clients", Holds::Map(&ID, &Holds::List(&Holds::Form(&ID))), "The people assigned to each client.")],
    ],
    rules: &[],
};

static APPROVERS_TABLE: Table = Table {
    name: "approvers",
    about: "Who may approve for a client.",
    groups: &[
        &[need("type", Holds::Words(&["approvers"]), "Always `approvers`."), SCHEMA, PROJECT],
        &[
            need("client", Holds::Form(&ID), "Whose data it is."),
            may("approvers", Holds::Form(&DIGEST), "SHA-256 of the first approvers file; the first has none."),
        ],
        &[NUMBER],
        &[
            need("threshold", Holds::Integer, "How many different approvers an approval needs."),
            need("people", PEOPLE, "The approvers."),
        ],
    ],
    rules: &[],
};

static STATEMENT: Table = Table {
    name: "statement",
    about: "A statement of a client: an approval, a rejection or a withdrawal.",
    groups: &[
        &[need("type", Holds::Words(&["approval"]), "Always `approval`."), SCHEMA, PROJECT],
        &[
            need("client", Holds::Form(&ID), "Whose data it is."),
            need("approvers", Holds::Form(&DIGEST), "SHA-256 of the client's first approvers file."),
            need("serial", Holds::Integer, "Its number among the client's statements."),
            need("decision", Holds::Words(&["approve", "reject", "withdraw"]), "What it says."),
            need("given", Holds::Form(&MOMENT), "When it was given."),
            may("expires", Holds::Form(&MOMENT), "When an approval ends; at most 400 days after it was given."),
            need(
                "use",
                Holds::List(&Holds::Either(&[Holds::Table(&DATA_USE), Holds::Table(&CANCELLED)])),
                "The data uses: in full for an approval, else by digest, by workflow or all.",
            ),
        ],
    ],
    rules: &[],
};

static CANCELLED: Table = Table {
    name: "cancelled",
    about: "Which uses a rejection or withdrawal is about, or which reset of approvers; exactly one key.",
    groups: &[&[
        may("digest", Holds::Form(&DIGEST), "The use of this digest."),
        may("workflow", Holds::Form(&ID), "All uses of this workflow."),
        may("all", Holds::Boolean, "`true`: every use."),
        may("reset", Holds::Form(&DIGEST), "No use: the reset of the approvers to the file of this SHA-256."),
    ]],
    rules: &[],
};

static DATA_USE: Table = Table {
    name: "data-use",
    about: "One fact that a client approves: this purpose moves these fields from here to there.",
    groups: &[&[
        need("kind", Holds::Word(words::<UseKind>), "What kind of use it is."),
        may("workflow", Holds::Form(&ID), "The workflow; absent for a guardrail, which holds for all."),
        may("purpose", Holds::Text, "A data use of Fideslang."),
        may("from", PARTY, "Where the data comes from."),
        may("to", PARTY, "Where it goes."),
        may("operation", Holds::Form(&OPERATION), "By which operation; `<connection>.ask` for an AI provider."),
        may("effect", Holds::Word(words::<Effect>), "What that changes outside."),
        may("unattended", Holds::Boolean, "Whether a message goes out or money moves without a person's yes."),
        may("fields", Holds::Map(&FIELD, &Holds::Word(words::<Class>)), "Which fields, with their class."),
        may(
            "puts",
            Holds::Map(&NAME, &Holds::Table(&PUT)),
            "What is put where messages go, into all that moves money, and into what customers are counted by.",
        ),
        may("scopes", Holds::List(&Holds::Form(&SCOPE)), "With which permissions."),
        may("guardrail", Holds::Table(&GUARDRAIL), "The limit on money or calls."),
        may(
            "deciders",
            Holds::Map(&ID, &Holds::List(&Holds::Text)),
            "Who decides for the group in `to`, with their keys and accounts.",
        ),
        may(
            "requests",
            Holds::Map(&OPERATION, &Holds::Table(&REQUEST)),
            "What each operation of the workflow asks for, as the catalog has it.",
        ),
        may(
            "events",
            Holds::Map(&LINE, &Holds::Table(&EVENT)),
            "How each event that the workflow takes is known and read, as the catalog has it.",
        ),
        may("opens", Holds::Text, "Where the link leads by which people open what could not be finished."),
        may("provider", Holds::Form(&ID), "The AI provider."),
        may("agreement", Holds::Table(&AGREEMENT), "The agreement with it."),
        may("retention", Holds::Text, "How long the data stays: `none`, `run`, or a period."),
        may("stale_limit", Holds::Form(&PERIOD), "How long workflows run without a current freshness statement."),
        may("terms", Holds::List(&Holds::Text), "What else of the client's file holds for all of its workflows."),
        may("bits", Holds::Integer, "How many bits about content one run can make durable."),
        may("releases", Holds::List(&Holds::Text), "What those bits are."),
    ]],
    rules: &[],
};
static FIELD: Form = Form { pattern: "^", example: "ticket.body" };

/// One end of a data use.
const PARTY: Holds = Holds::Either(&[
    Holds::Table(&CONNECTION_PARTY),
    Holds::Table(&AGENT_PARTY),
    Holds::Table(&GROUP_PARTY),
    Holds::Table(&FOLDER_PARTY),
]);
const REGION: Key = need("region", Holds::Form(&ID), "Where that is.");

static CONNECTION_PARTY: Table = Table {
    name: "connection-party",
    about: "A connection as one end of a data use.",
    groups: &[
        &[
            need("connection", Holds::Form(&ID), "Which connection."),
            need("host", Holds::Text, "Its production host."),
            may("sandbox_hosts", Holds::List(&Holds::Text), "Hosts of sandboxes approved beside it."),
            may("token_host", Holds::Text, "The host at which access tokens are asked for, where it is another one."),
            may("sandbox_token_hosts", Holds::List(&Holds::Text), "Such hosts of sandboxes."),
        ],
        &[REGION],
    ],
    rules: &[],
};
static AGENT_PARTY: Table = Table {
    name: "agent-party",
    about: "The agent as one end of a data use.",
    groups: &[&[need("agent", Holds::Boolean, "Always `true`.")], &[REGION]],
    rules: &[],
};
static GROUP_PARTY: Table = Table {
    name: "group-party",
    about: "A group of people as one end of a data use.",
    groups: &[
        &[
            need("group", Holds::Form(&ID), "Which group."),
            need("channel", Holds::Text, "`page`, `cli`, or the connection of a chat or helpdesk."),
        ],
        &[REGION],
    ],
    rules: &[],
};
static FOLDER_PARTY: Table = Table {
    name: "folder-party",
    about: "A folder of the agent's host as one end of a data use.",
    groups: &[&[need("folder", Holds::Form(&NAME), "Its name below the client's own.")], &[REGION]],
    rules: &[],
};

static GUARDRAIL: Table = Table {
    name: "guardrail-use",
    about: "A guardrail as the client signs it, in minor units.",
    groups: &[&[
        may("currency", Holds::Form(&CURRENCY), "ISO 4217."),
        may("per_call", Holds::Integer, "The largest amount of one call."),
        may("per_day", Holds::Integer, "The largest sum of a day."),
        may("per_day_count", Holds::Integer, "The most calls of a day."),
        may("model_up_to", Holds::Integer, "A model may decide up to this amount of one call."),
        may("per_customer_per_day_count", Holds::Integer, "The most calls of a day for one customer."),
        may("per_customer_per_day", Holds::Integer, "The largest sum of a day for one customer."),
        may("per_workflow_per_day_count", Holds::Integer, "The most calls of a day of one workflow."),
        may("per_workflow_per_day", Holds::Integer, "The largest sum of a day of one workflow."),
    ]],
    rules: &[],
};

static REQUEST: Table = Table {
    name: "request-use",
    about: "What an operation asks for, as the client signs it.",
    groups: &[&[
        need("method", Holds::Word(words::<Method>), "The HTTP method."),
        need("path", Holds::Text, "The path below the connection's endpoint."),
        need("digest", Holds::Form(&DIGEST), "The digest of all that the catalog says of it."),
        may("answers", Holds::Map(&LINE, &Holds::Text), "Where the fields of its answer stand on the wire."),
        may(
            "constants",
            Holds::Map(&LINE, &Holds::Either(&[Holds::Text, Holds::Integer, Holds::Boolean])),
            "What is sent each time as the catalog has it, by where it stands.",
        ),
        may("document", Holds::Text, "The GraphQL document that is sent."),
        may("media", Holds::Text, "What the API calls its JSON, where that is not `application/json`."),
        may("unsent", Holds::Form(&NAME), "The amount that is counted and not sent, as the other side knows it."),
    ]],
    rules: &[],
};

static PUT: Table = Table {
    name: "put-use",
    about: "What is put into one parameter, as the client signs it.",
    groups: &[&[
        may("fields", Holds::List(&Holds::Text), "The fields that it draws on."),
        may("constants", Holds::List(&Holds::Text), "What the workflow itself writes."),
    ]],
    rules: &[],
};

static EVENT: Table = Table {
    name: "event-use",
    about: "How an event is known and read, as the client signs it.",
    groups: &[&[
        need("digest", Holds::Form(&DIGEST), "The digest of how it is signed and told from others."),
        may("once", Holds::List(&Holds::Form(&NAME)), "The fields by which it is accepted once."),
        may("fields", Holds::Map(&LINE, &Holds::Text), "Where the fields that are taken stand on the wire."),
        may(
            "starts",
            Holds::Map(&NAME, &Holds::Text),
            "The fields that must have these values for it to begin a run; absent where it begins none.",
        ),
    ]],
    rules: &[],
};

static AGREEMENT: Table = Table {
    name: "agreement-use",
    about: "An agreement as the client signs it.",
    groups: &[&[
        need("name", Holds::Form(&LINE), "Its name."),
        need("forbids_training", Holds::Boolean, "Whether it forbids training on input."),
        need("until", Holds::Form(&MOMENT), "When it ends."),
    ]],
    rules: &[],
};

static LOCK: Table = Table {
    name: "catalog-lock",
    about: "The digests of all files of the catalog.",
    groups: &[
        &[need("type", Holds::Words(&["catalog"]), "Always `catalog`."), SCHEMA, PROJECT, NUMBER],
        &[may("files", Holds::Map(&FIELD, &Holds::Form(&DIGEST)), "The digest of each file below `catalog/`.")],
    ],
    rules: &[],
};
