//! A client: its facts, exactly the scopes that its workflows need, and what it uses of the library.

use std::collections::{BTreeMap, BTreeSet};

use super::catalog::{REGIONS, kinds, scope};
use super::workflow::Made;
use super::{Dice, Files, Names, put_all};

/// What a client says of fields that a workflow of the library reads: no less than the catalog.
const CLASSES: [(&str, &str); 2] = [
    (".get_batch\"", "\"batch.unit\" = \"public\"\n\"batch.grade\" = \"reference\"\n\"batch.remark\" = \"content\"\n"),
    (".get_contact\"", "\"contact.email\" = \"personal\"\n"),
];

/// Puts a client's files.
pub(super) fn put(files: &mut Files, dice: &Dice, number: usize, made: (&[Made], &[Made]), names: Names) {
    let (own, library) = made;
    let name = names.of("client", number);
    let folder = format!("clients/{name}/");
    for made in own {
        put_all(files, &folder, made);
    }
    for (index, made) in library.iter().enumerate() {
        let user = names.of("uses", index);
        let settings = made.settings.iter().map(|(key, value)| format!("{key} = {value}\n")).collect::<String>();
        let classes = CLASSES.iter().filter(|(operation, _)| made.text.contains(operation));
        let classes = classes.map(|(_, lines)| *lines).collect::<String>();
        let classes = if classes.is_empty() { classes } else { format!("\n[class]\n{classes}") };
        let text = format!("use = \"{}\"\n[settings]\n{settings}{classes}", made.name);
        files.insert(format!("{folder}workflows/{user}.toml"), text.into_bytes());
        files.insert(format!("{folder}workflows/{user}.test.toml"), made.tests.clone().into_bytes());
    }
    let text = facts(dice.clone(), number, &own.iter().chain(library).collect::<Vec<_>>(), names);
    files.insert(format!("{folder}client.toml"), text.into_bytes());
}

fn facts(mut dice: Dice, number: usize, made: &[&Made], names: Names) -> String {
    let (name, leads) = (names.of("client", number), names.of("leads", 0));
    let at = number % REGIONS.len();
    let region = REGIONS.get(at).map_or("eu", |(region, ..)| region);
    let (plan, days) =
        [("starter", 90), ("growth", 180), ("scale", 400)].get(dice.below(3)).copied().unwrap_or(("scale", 90));
    let zone = ["Europe/Berlin", "America/New_York", "Australia/Sydney"].get(at).unwrap_or(&"UTC");
    let mut text = format!(
        "name = \"{name}\"\nsummary = \"Made for tests, number {number}\"\nplan = \"{plan}\"\nregion = \"{region}\"\nzone = \"{zone}\"\nretention = \"{days}d\"\nstale_limit = \"72h\"\nroutes = [\"{}\"]\ncontacts = [\"{person}\"]\nmail = {{ {person} = \"{person}@{name}.example\" }}\nchat_up_to = {{ EUR = 5000 }}\n\n",
        names.of("ops", 0),
        person = names.of("person", 0),
    );
    text += "[calendar]\nhours = { mon = \"09:00-17:00\", tue = \"09:00-17:00\", wed = \"09:00-17:00\", thu = \"09:00-17:00\", fri = \"09:00-15:00\", sat = \"10:00-12:00\", sun = \"10:00-11:00\" }\nholidays = [\"2026-12-25\"]\n\n[limits]\nrunning = 64\nwaiting = 10000\nrate = { requests = 500, per = \"1s\" }\nmemory_mib = 128\ndisk_mib = 4096\n\n";
    text += &ledger(&name, region);
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHWdvDlfnuKr3kIflybCT5sRfSvELtIdeVordDyBAUkw";
    let person = names.of("person", 0);
    let mut needed: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (role, operation) in made.iter().flat_map(|made| &made.operations) {
        let scopes = needed.entry(*role).or_default();
        if !operation.is_empty() {
            scopes.insert(scope(role, operation));
        }
    }
    let accounts = [("mill", "T1DC2JH3J/U2CERLKJA"), ("zendesk", "agent-17")];
    let accounts = accounts.iter().filter(|(role, _)| needed.contains_key(role));
    let accounts = accounts.map(|(role, account)| format!("{} = \"{account}\"", names.of(role, 1)));
    let accounts = accounts.collect::<Vec<_>>().join(", ");
    let accounts = if accounts.is_empty() { accounts } else { format!("accounts = {{ {accounts} }}\n") };
    text += &format!(
        "[people.{person}]\nkeys = [\"{key} {person}@{name}\"]\n{accounts}\n[groups]\n{leads} = [\"{person}\"]\n\n"
    );
    for kind in kinds() {
        let Some(scopes) = needed.get(kind.role) else { continue };
        let scopes = scopes.iter().map(|scope| format!("\"{scope}\"")).collect::<Vec<_>>().join(", ");
        let connection = names.of(kind.role, 1);
        // Where tokens are asked for at a host of their own.
        let which = number % kind.texts.len();
        let tokens = if kind.role == "mill" && which == 0 {
            format!("tokens = \"https://login.{connection}.{name}.example\"\n")
        } else {
            String::new()
        };
        let rate = if kind.role == "mill" { "rate = { requests = 30, per = \"1s\" }\n" } else { "" };
        text += &format!(
            "[connections.{connection}]\nintegration = \"{}\"\nscopes = [{scopes}]\nprivate_addresses = false\n{rate}[connections.{connection}.endpoint.production]\nurl = \"https://{connection}.{name}.example\"\n{tokens}region = \"{region}\"\n[connections.{connection}.endpoint.staging]\nurl = \"https://sandbox.{connection}.{name}.example\"\n{tokens}region = \"{region}\"\nsandbox = true\n",
            names.of(kind.role, which),
        );
        if let Some(slot) = kind.slot {
            text += &format!("[connections.{connection}.slots.{slot}]\nrotate = \"90d\"\n");
        }
        if kind.sends {
            text += &format!("[connections.{connection}.slots.webhook]\nrotate = \"180d\"\n");
        }
        text += "\n";
    }
    if needed.contains_key("mind") {
        text += &format!(
            "[connections.{connection}]\nprovider = \"{}\"\nprivate_addresses = false\n[connections.{connection}.slots.key]\nrotate = \"90d\"\n\n",
            names.of("mind", at),
            connection = names.of("mind", 9),
        );
    }
    if made.iter().any(|made| made.operations.contains(&("pay", "refund"))) {
        text += &format!(
            "[[guardrail]]\noperation = \"{}.refund\"\ncurrency = \"EUR\"\nper_call = 10000\nper_day = 100000\nper_day_count = 50\nby = \"{leads}\"\n",
            names.of("pay", 1),
        );
    }
    if made.iter().any(|made| made.operations.contains(&("mill", "pay_out"))) {
        text += &format!(
            "[[guardrail]]\noperation = \"{}.pay_out\"\ncurrency = \"EUR\"\nper_call = 20000\nper_day = 200000\nmodel_up_to = 2000\nby = \"{leads}\"\n[guardrail.per_customer]\nparam = \"batch\"\nper_day = 50000\nper_day_count = 5\n[guardrail.per_workflow]\nper_day = 150000\nper_day_count = 40\n",
            names.of("mill", 1),
        );
    }
    text + "\n[[freeze]]\nfrom = \"2026-12-24T00:00:00Z\"\nuntil = \"2026-12-27T00:00:00Z\"\nreason = \"Holidays\"\n"
}

/// Who holds checkpoints of the ledger besides the agent.
fn ledger(name: &str, region: &str) -> String {
    format!(
        "[ledger.production.branch]\nrepository = \"ssh://git@git.{name}.example/ledger.git\"\nname = \"checkpoints\"\nhost_key = \"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHWdvDlfnuKr3kIflybCT5sRfSvELtIdeVordDyBAUkw\"\nregion = \"{region}\"\n[[ledger.production.witness]]\nurl = \"https://witness.{name}.example\"\nkey = \"witness.acme.example/1+f0cb0178+BBpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW\"\nregion = \"{region}\"\n\n"
    )
}
