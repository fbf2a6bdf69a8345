//! The keys of `assent.toml`.

use assent_schema::client::{Carries, RouteKind};

use super::super::value::words;
use super::{Holds, ID, Kind, MAIL, ROUTE_URL, Rule, SANDBOX, Table, may, need};

/// `assent.toml`.
pub(super) static KIND: Kind = Kind {
    name: "assent",
    about: "The project: its name, regions, environments and alert routes.",
    paths: &["assent.toml"],
    except: &[],
    table: &PROJECT,
};

static PROJECT: Table = Table {
    name: "project",
    about: "The project: its name, regions, environments and alert routes.",
    groups: &[&[
        need("name", Holds::Form(&ID), "The first part of every ledger origin."),
        need("regions", Holds::List(&Holds::Form(&ID)), "Where agents run; at least one."),
        need("environments", Holds::List(&Holds::Form(&ID)), "Which environments there are; at least one."),
        need("rehearse_in", Holds::Form(&ID), "The environment whose agents rehearse for all others."),
        may("route", Holds::List(&Holds::Table(&ROUTE)), "Where alerts go, by name."),
    ]],
    rules: &[],
};

static ROUTE: Table = Table {
    name: "route",
    about: "One alert route of the agency.",
    groups: &[&[
        need("name", Holds::Form(&ID), "Its name; clients choose routes by it."),
        need("carries", Holds::List(&Holds::Word(words::<Carries>)), "What it takes; at least one."),
        need("via", Holds::Word(words::<RouteKind>), "How it is reached."),
        may("from", Holds::Form(&MAIL), "For mail: who writes."),
        may("to", Holds::List(&Holds::Form(&MAIL)), "For mail: to whom; to the client's contacts where it is absent."),
        may(
            "endpoint",
            Holds::Map(&ID, &Holds::Map(&ID, &Holds::Table(&ROUTE_ENDPOINT))),
            "Where it leads, by environment and region of the agent.",
        ),
    ]],
    rules: &[Rule::When("via", "smtp", &["from"])],
};

static ROUTE_ENDPOINT: Table = Table {
    name: "route-endpoint",
    about: "Where a route leads for the agents of one region.",
    groups: &[
        &[need(
            "url",
            Holds::Form(&ROUTE_URL),
            "The URL, `https://host[:port][/path]` without a slash at its end; for mail `smtps://` or `smtp://`.",
        )],
        &[SANDBOX],
    ],
    rules: &[],
};
