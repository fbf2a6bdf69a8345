//! The keys of `clients/<client>/client.toml`.

use assent_schema::client::Tier;

use super::super::value::words;
use super::{
    AMOUNT, COUNT, CURRENCY, DAY, ENDPOINT, Form, Holds, ID, Key, Kind, LINE, MAIL, MOMENT, NAME, OPENING, OPERATION,
    PERIOD, PUBLIC_KEY, RATE, Rule, SCOPE, Table, URL, may, need,
};

/// `clients/<client>/client.toml`.
pub(super) static KIND: Kind = Kind {
    name: "client",
    about: "A client: what it agreed, whom it connects, who decides.",
    paths: &["clients/*/client.toml"],
    except: &[],
    table: &CLIENT,
};

static CLIENT: Table = Table {
    name: "client",
    about: "A client: what it agreed, whom it connects, who decides.",
    groups: &[&[
        need("name", Holds::Form(&ID), "Its id; the name of its folder."),
        need("summary", Holds::Form(&LINE), "Who it is, for people."),
        need("plan", Holds::Word(words::<Tier>), "What it pays for."),
        need("region", Holds::Form(&ID), "Where its data is processed; one of the project's regions."),
        need("zone", Holds::Text, "Its IANA time zone, like `Europe/Berlin`."),
        need("retention", Holds::Form(&PERIOD), "How long its ledger is kept; at least 90 days."),
        may(
            "stale_limit",
            Holds::Form(&PERIOD),
            "How long its workflows run without a current freshness statement; `72h` unless said, at most `7d`.",
        ),
        may("routes", Holds::List(&Holds::Form(&ID)), "The routes of the project that its alerts and incidents take."),
        may("contacts", Holds::List(&Holds::Form(&ID)), "Who is told of incidents, by handle."),
        may("mail", Holds::Map(&ID, &Holds::Form(&MAIL)), "Where contacts get mail, by handle."),
        may("calendar", Holds::Table(&CALENDAR), "Its business hours and holidays."),
        may("limits", Holds::Table(&LIMITS), "What bounds all of its workflows together."),
        may("people", Holds::Map(&ID, &Holds::Table(&PERSON)), "The people who decide."),
        may("groups", Holds::Map(&ID, &Holds::List(&Holds::Form(&ID))), "Groups of them; a decision names one."),
        may(
            "chat_up_to",
            Holds::Map(&CURRENCY, &AMOUNT),
            "Up to this amount, in minor units by currency, a chat account may decide on money.",
        ),
        may("connections", Holds::Map(&ID, &Holds::Table(&CONNECTION)), "Its uses of integrations and providers."),
        may("guardrail", Holds::List(&Holds::Table(&GUARDRAIL)), "Limits on operations; the client signs them."),
        may("freeze", Holds::List(&Holds::Table(&FREEZE)), "Times in which no plan is committed."),
        may(
            "ledger",
            Holds::Map(&ID, &Holds::Table(&HOLDERS)),
            "Who holds checkpoints of its ledger besides the agent, by environment.",
        ),
    ]],
    rules: &[],
};

static CALENDAR: Table = Table {
    name: "calendar",
    about: "Business hours and holidays, in the client's zone.",
    groups: &[&[
        need("hours", Holds::Table(&HOURS), "Open hours by day of the week; a day that is not named is closed."),
        may("holidays", Holds::List(&Holds::Form(&DAY)), "Closed days."),
    ]],
    rules: &[],
};

static HOURS: Table = Table {
    name: "hours",
    about: "Open hours by day of the week, like `09:00-17:00`.",
    groups: &[&[
        may("mon", Holds::Form(&OPENING), "Monday."),
        may("tue", Holds::Form(&OPENING), "Tuesday."),
        may("wed", Holds::Form(&OPENING), "Wednesday."),
        may("thu", Holds::Form(&OPENING), "Thursday."),
        may("fri", Holds::Form(&OPENING), "Friday."),
        may("sat", Holds::Form(&OPENING), "Saturday."),
        may("sun", Holds::Form(&OPENING), "Sunday."),
    ]],
    rules: &[],
};

static LIMITS: Table = Table {
    name: "client-limits",
    about: "What bounds all workflows of a client together.",
    groups: &[&[
        may("running", Holds::Within(1, 100_000), "Runs at once; 64 unless said."),
        may("waiting", Holds::Within(0, 10_000_000), "Runs that wait; 10000 unless said."),
        may("rate", Holds::Table(&RATE), "Events that it may send; 20000 a second unless said."),
        may(
            "memory_mib",
            Holds::Within(1, 65_536),
            "Content of its events in memory at once, in MiB; 256 unless said.",
        ),
        may(
            "disk_mib",
            Holds::Within(1, 100_000_000),
            "What its runs and its ledger take on disk, in MiB; 65536 unless said.",
        ),
    ]],
    rules: &[],
};

static PERSON: Table = Table {
    name: "decider",
    about: "A person who decides; has a key or an account.",
    groups: &[&[
        may(
            "keys",
            Holds::List(&Holds::Form(&DECIDER_KEY)),
            "OpenSSH public keys, and passkeys as the console prints them.",
        ),
        may("accounts", Holds::Map(&ID, &Holds::Form(&LINE)), "Chat accounts, by connection."),
    ]],
    rules: &[],
};

static CONNECTION: Table = Table {
    name: "connection",
    about: "One use of an integration or provider of the catalog.",
    groups: &[&[
        may("integration", Holds::Form(&ID), "The integration of the catalog that it leads to."),
        may("provider", Holds::Form(&ID), "The AI provider of the catalog that it leads to."),
        may("scopes", Holds::List(&Holds::Form(&SCOPE)), "The permissions that the API granted; exactly those needed."),
        may(
            "private_addresses",
            Holds::Boolean,
            "Whether loopback, link-local and private addresses may be reached; `false` unless said.",
        ),
        may(
            "endpoint",
            Holds::Map(&ID, &Holds::Table(&ENDPOINT)),
            "Where it leads, by environment. A provider's stands in the catalog.",
        ),
        may("slots", Holds::Map(&ID, &Holds::Table(&SLOT)), "Secret slots; the secrets themselves stand in a vault."),
        may("rate", Holds::Table(&RATE), "How many requests the API takes of this client."),
    ]],
    rules: &[Rule::One(&["integration", "provider"])],
};

static SLOT: Table = Table {
    name: "slot",
    about: "A secret slot.",
    groups: &[&[may("rotate", Holds::Form(&PERIOD), "The time between rotations; at most `400d`.")]],
    rules: &[],
};

static GUARDRAIL: Table = Table {
    name: "guardrail",
    about: "A limit on an operation, whatever the workflow says.",
    groups: &[&[
        need("operation", Holds::Form(&OPERATION), "The connection and operation that it bounds."),
        may("currency", Holds::Form(&CURRENCY), "ISO 4217; needed where an amount is bounded."),
        may("per_call", AMOUNT, "The largest amount of one call, in minor units."),
        may("per_day", AMOUNT, "The largest sum of one day of the client's zone, in minor units."),
        may("per_day_count", COUNT, "The most calls of one day."),
        may("model_up_to", AMOUNT, "Up to this amount of one call, in minor units, a model may decide."),
        may("per_customer", Holds::Table(&PER_CUSTOMER), "The limits of one day for one customer."),
        may("per_workflow", Holds::Table(&PER_WORKFLOW), "The limits of one day for each workflow."),
        need("by", Holds::Form(&ID), "The group that is asked above a limit."),
    ]],
    rules: &[
        Rule::With("per_call", &["currency"]),
        Rule::With("per_day", &["currency"]),
        Rule::With("model_up_to", &["currency"]),
    ],
};

static PER_CUSTOMER: Table = Table {
    name: "per-customer",
    about: "A limit for one customer; at least one of sum and count.",
    groups: &[&[
        need("param", Holds::Form(&NAME), "The parameter of the operation that names the customer."),
        PER_DAY,
        PER_DAY_COUNT,
    ]],
    rules: &[],
};

static PER_WORKFLOW: Table = Table {
    name: "per-workflow",
    about: "A limit for each workflow; at least one of sum and count.",
    groups: &[&[PER_DAY, PER_DAY_COUNT]],
    rules: &[],
};

const PER_DAY: Key = may("per_day", AMOUNT, "The largest sum of one day, in minor units.");
const PER_DAY_COUNT: Key = may("per_day_count", COUNT, "The most calls of one day.");

static HOLDERS: Table = Table {
    name: "holders",
    about: "Who holds checkpoints of the ledger besides the agent, in the client's region.",
    groups: &[&[
        may("branch", Holds::Table(&OWNED_BRANCH), "A git branch that the client owns."),
        may("witness", Holds::List(&Holds::Table(&WITNESS)), "Who cosigns each checkpoint."),
    ]],
    rules: &[],
};

static OWNED_BRANCH: Table = Table {
    name: "owned-branch",
    about: "A git branch that the client owns; each agent writes `<name>/<agent>`, and forces nothing.",
    groups: &[&[
        need("repository", Holds::Text, "The repository, at `https://` or `ssh://`."),
        need("name", Holds::Form(&ID), "The first part of the branch's name."),
        may("host_key", Holds::Form(&PUBLIC_KEY), "The key of the host; needed for `ssh://`."),
        may("ca", Holds::Text, "Who signed the server's certificate, as PEM; whoever browsers trust unless said."),
        need("region", Holds::Form(&ID), "Where it is; the client's region."),
    ]],
    rules: &[],
};

static WITNESS: Table = Table {
    name: "witness",
    about: "A witness of C2SP `tlog-witness`.",
    groups: &[&[
        need("url", Holds::Form(&URL), "Its submission prefix."),
        need("key", Holds::Text, "Its key, `name+id+base64`, as the witness prints it."),
        need("region", Holds::Form(&ID), "Where it is; the client's region."),
    ]],
    rules: &[],
};

static FREEZE: Table = Table {
    name: "freeze",
    about: "A time in which no plan is committed.",
    groups: &[&[
        need("from", Holds::Form(&MOMENT), "Its first moment."),
        need("until", Holds::Form(&MOMENT), "The moment after its last."),
        need("reason", Holds::Form(&LINE), "Why."),
    ]],
    rules: &[],
};

static DECIDER_KEY: Form = Form {
    pattern: "^(ssh-ed25519|sk-ssh-ed25519@openssh[.]com|passkey) .+$",
    example: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHWdvDlfnuKr3kIflybCT5sRfSvELtIdeVordDyBAUkw",
};
