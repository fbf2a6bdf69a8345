//! The project's own file and its catalog: that of the example, whose APIs their owners publish, and one API more that has
//! what those lack.

use super::{Files, Names};

/// A kind of connection: how the generator calls it, its integration, whether it has events, its endpoint's path.
pub(super) struct Kind {
    /// What the generator calls it.
    pub(super) role: &'static str,
    /// The integration's text.
    pub(super) text: &'static str,
    /// Its name in that text.
    pub(super) name: &'static str,
    /// The slot of its key.
    pub(super) slot: &'static str,
    /// Whether it sends events.
    pub(super) sends: bool,
}

/// Every kind of connection but those to providers.
pub(super) const KINDS: [Kind; 5] = [
    Kind { role: "bell", text: include_str!("bell.toml"), name: "bell", slot: "token", sends: true },
    Kind {
        role: "desk",
        text: include_str!("../../../examples/agency/catalog/integrations/intercom.toml"),
        name: "intercom",
        slot: "token",
        sends: true,
    },
    Kind {
        role: "shop",
        text: include_str!("../../../examples/agency/catalog/integrations/shop.toml"),
        name: "shop",
        slot: "token",
        sends: false,
    },
    Kind {
        role: "pay",
        text: include_str!("../../../examples/agency/catalog/integrations/adyen.toml"),
        name: "adyen",
        slot: "key",
        sends: true,
    },
    Kind {
        role: "chat",
        text: include_str!("../../../examples/agency/catalog/integrations/slack.toml"),
        name: "slack",
        slot: "token",
        sends: false,
    },
];

/// The regions, with the name of the AI provider in the example.
pub(super) const REGIONS: [(&str, &str, &str); 3] = [
    ("eu", "eu-ai", include_str!("../../../examples/agency/catalog/providers/eu-ai.toml")),
    ("us", "us-ai", include_str!("../../../examples/agency/catalog/providers/us-ai.toml")),
    ("apac", "apac-ai", include_str!("../../../examples/agency/catalog/providers/apac-ai.toml")),
];

/// The scope that an operation needs.
pub(super) fn scope(role: &str, operation: &str) -> &'static str {
    match (role, operation) {
        ("desk", "get_ticket" | "count_tickets") => "read_tickets",
        ("desk", "get_contact" | "get_note") => "read_contacts",
        ("desk", "keep_note") => "write_contacts",
        ("desk", "search_articles") => "read_articles",
        ("desk", "send_email") => "write_messages",
        ("desk", _) => "write_tickets",
        ("shop", "hold_order" | "note_order") => "orders:write",
        ("shop", _) => "orders:read",
        ("pay", "refund") => "checkout:refund",
        ("pay", _) => "checkout:links",
        ("bell", "list_rings") => "bells:read",
        ("bell", _) => "bells:write",
        _ => "chat:write",
    }
}

/// The project file and the catalog.
pub(super) fn files(names: Names) -> Files {
    let mut files = Files::from([("assent.toml".to_owned(), project(names).into_bytes())]);
    for kind in KINDS {
        let name = names.of(kind.role, 0);
        let text = kind.text.replacen(&format!("name = \"{}\"", kind.name), &format!("name = \"{name}\""), 1);
        files.insert(format!("catalog/integrations/{name}.toml"), text.into_bytes());
    }
    for (at, (_, old, text)) in REGIONS.iter().enumerate() {
        let name = names.of("mind", at);
        let text = text.replacen(&format!("name = \"{old}\""), &format!("name = \"{name}\""), 1);
        files.insert(format!("catalog/providers/{name}.toml"), text.into_bytes());
    }
    files
}

fn project(names: Names) -> String {
    let mut text = format!(
        "name = \"made\"\nregions = [\"eu\", \"us\", \"apac\"]\nenvironments = [\"staging\", \"production\"]\nrehearse_in = \"staging\"\n\n[[route]]\nname = \"{}\"\ncarries = [\"alerts\", \"incidents\"]\nvia = \"webhook\"\n",
        names.of("ops", 0)
    );
    for environment in ["staging", "production"] {
        for (region, ..) in REGIONS {
            text += &format!(
                "[route.endpoint.{environment}.{region}]\nurl = \"https://alerts.{region}.made.example/hook\"\n"
            );
        }
    }
    text
}
