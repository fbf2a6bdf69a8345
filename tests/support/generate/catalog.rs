//! The project's own file and its catalog: that of the example, whose APIs their owners publish, and APIs more that have
//! what those lack.

use super::horns::HORNS;
use super::{Files, Names};

/// A kind of connection: how the generator calls it, and the integrations that it may lead to.
pub(super) struct Kind {
    /// What the generator calls it.
    pub(super) role: &'static str,
    /// The texts of its integrations; which of them a client has depends on the client's number.
    pub(super) texts: Vec<String>,
    /// Its name in those texts.
    name: &'static str,
    /// The slot of its key; none where nothing is authorised.
    pub(super) slot: Option<&'static str>,
    /// Whether it sends events.
    pub(super) sends: bool,
}

impl Kind {
    fn new(role: &'static str, name: &'static str, slot: Option<&'static str>, sends: bool, text: &str) -> Self {
        Self { role, texts: vec![text.to_owned()], name, slot, sends }
    }
}

/// Ways in which the mill authorises requests, and what its messages may show.
const AUTHS: [(&str, &str); 3] = [
    (
        "kind = \"oauth2-client\"\ntoken = \"/oauth/token\"\nsend = \"body\"\nslot = \"token\"\nintrospect = \"/oauth/introspect\"\n",
        "content",
    ),
    (
        "kind = \"oauth2-refresh\"\ntoken = \"/oauth/token\"\nslot = \"token\"\nsend = \"header\"\nauthorize = \"https://login.made.example/authorize\"\nissuer = \"https://login.made.example\"\ngrants_all = true\n",
        "personal",
    ),
    ("kind = \"basic\"\nuser = \"mill\"\nslot = \"token\"\ntest = \"list_lots\"\n", "reference"),
];

/// The mill as one of its clients has it.
fn mill(auth: &str, shows: &str) -> String {
    let text = include_str!("mill.toml").replacen("kind = \"none\"\n", auth, 1);
    text.replacen("shows = \"content\"", &format!("shows = \"{shows}\""), 1)
}

/// Every kind of connection but those to providers.
pub(super) fn kinds() -> Vec<Kind> {
    let mut kinds = vec![
        Kind::new("bell", "bell", Some("token"), true, include_str!("bell.toml")),
        Kind::new(
            "desk",
            "intercom",
            Some("token"),
            true,
            include_str!("../../../examples/agency/catalog/integrations/intercom.toml"),
        ),
        Kind::new(
            "shop",
            "shop",
            Some("token"),
            false,
            include_str!("../../../examples/agency/catalog/integrations/shop.toml"),
        ),
        Kind::new(
            "pay",
            "adyen",
            Some("key"),
            true,
            include_str!("../../../examples/agency/catalog/integrations/adyen.toml"),
        ),
        Kind::new(
            "chat",
            "slack",
            Some("token"),
            false,
            include_str!("../../../examples/agency/catalog/integrations/slack.toml"),
        ),
        Kind {
            role: "mill",
            texts: AUTHS.map(|(auth, shows)| mill(auth, shows)).to_vec(),
            name: "mill",
            slot: Some("token"),
            sends: true,
        },
    ];
    kinds.extend(HORNS.iter().map(|horn| Kind::new(horn.role, "horn", None, true, &horn.text())));
    kinds
}

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
        ("zendesk", _) => "notes:write",
        ("mill", "grind" | "label" | "discard") => "mill:write",
        ("mill", "pay_out" | "pay_tip") => "mill:pay",
        ("mill", "post" | "update") => "mill:chat",
        ("mill", _) => "mill:read",
        _ => "chat:write",
    }
}

/// The project file and the catalog.
pub(super) fn files(names: Names) -> Files {
    let mut files = Files::from([("assent.toml".to_owned(), project(names).into_bytes())]);
    for kind in kinds() {
        for (at, text) in kind.texts.iter().enumerate() {
            let name = names.of(kind.role, at);
            let text = text.replacen(&format!("name = \"{}\"", kind.name), &format!("name = \"{name}\""), 1);
            files.insert(format!("catalog/integrations/{name}.toml"), text.into_bytes());
        }
    }
    for (at, (_, old, text)) in REGIONS.iter().enumerate() {
        let name = names.of("mind", at);
        let text = text.replacen(&format!("name = \"{old}\""), &format!("name = \"{name}\""), 1);
        // A library workflow says what an answer may cost once, for all regions.
        let lines = text.lines().map(|line| match line {
            _ if line.starts_with("currency = ") => "currency = \"EUR\"\n".to_owned(),
            _ if line.starts_with("dialect = ") => format!("dialect = \"{}\"\n", MINDS.get(at).unwrap_or(&"openai")),
            _ if line.starts_with("model = ") => {
                format!("{line}\nclass = \"{}\"\n", if at == 0 { "personal" } else { "content" })
            }
            _ => format!("{line}\n"),
        });
        files.insert(format!("catalog/providers/{name}.toml"), lines.collect::<String>().into_bytes());
    }
    files
}

/// How the provider of each region is spoken to.
const MINDS: [&str; 3] = ["chat-completions", "openai", "messages"];

/// Alert routes besides the one that clients name: how each is reached, and further lines.
const ROUTES: [(&str, &str, &str, &str); 5] = [
    ("bella", "alertmanager", "\"alerts\"", ""),
    ("bellb", "alertmanager-webhook", "\"alerts\"", ""),
    ("bellc", "slack", "\"alerts\", \"incidents\"", ""),
    ("belld", "pagerduty", "\"alerts\"", ""),
    ("mail", "smtp", "\"post-mortems\"", "from = \"alerts@made.example\"\nto = [\"ops@made.example\"]\n"),
];

fn project(names: Names) -> String {
    let mut text = "name = \"made\"\nregions = [\"eu\", \"us\", \"apac\"]\nenvironments = [\"staging\", \"production\"]\nrehearse_in = \"staging\"\n".to_owned();
    let routes = std::iter::once(&("ops", "webhook", "\"alerts\", \"incidents\"", "")).chain(&ROUTES);
    for (role, via, carries, more) in routes {
        text +=
            &format!("\n[[route]]\nname = \"{}\"\ncarries = [{carries}]\nvia = \"{via}\"\n{more}", names.of(role, 0));
        let (scheme, path) = if *via == "smtp" { ("smtps", "") } else { ("https", "/hook") };
        for environment in ["staging", "production"] {
            let sandbox = if environment == "staging" { "sandbox = true\n" } else { "" };
            for (region, ..) in REGIONS {
                text += &format!(
                    "[route.endpoint.{environment}.{region}]\nurl = \"{scheme}://{role}.{region}.made.example{path}\"\n{sandbox}"
                );
            }
        }
    }
    text
}
