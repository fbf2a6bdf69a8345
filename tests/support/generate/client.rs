//! A client: its facts, exactly the scopes that its workflows need, and what it uses of the library.

use std::collections::{BTreeMap, BTreeSet};

use super::catalog::{KINDS, REGIONS, scope};
use super::workflow::Made;
use super::{Dice, Files, Names, put_all};

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
        let text = format!("use = \"{}\"\n[settings]\n{settings}", made.name);
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
        "name = \"{name}\"\nsummary = \"Made for tests, number {number}\"\nplan = \"{plan}\"\nregion = \"{region}\"\nzone = \"{zone}\"\nretention = \"{days}d\"\nstale_limit = \"72h\"\nroutes = [\"{}\"]\ncontacts = [\"{}\"]\n\n",
        names.of("ops", 0),
        names.of("person", 0),
    );
    text += "[calendar]\nhours = { mon = \"09:00-17:00\", tue = \"09:00-17:00\", fri = \"09:00-15:00\" }\nholidays = [\"2026-12-25\"]\n\n[limits]\nrunning = 64\nwaiting = 10000\n\n";
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHWdvDlfnuKr3kIflybCT5sRfSvELtIdeVordDyBAUkw";
    let person = names.of("person", 0);
    text += &format!("[people.{person}]\nkeys = [\"{key} {person}@{name}\"]\n\n[groups]\n{leads} = [\"{person}\"]\n\n");
    let mut needed: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (role, operation) in made.iter().flat_map(|made| &made.operations) {
        let scopes = needed.entry(*role).or_default();
        if !operation.is_empty() {
            scopes.insert(scope(role, operation));
        }
    }
    for kind in &KINDS {
        let Some(scopes) = needed.get(kind.role) else { continue };
        let scopes = scopes.iter().map(|scope| format!("\"{scope}\"")).collect::<Vec<_>>().join(", ");
        let connection = names.of(kind.role, 1);
        text += &format!(
            "[connections.{connection}]\nintegration = \"{}\"\nscopes = [{scopes}]\nprivate_addresses = false\n[connections.{connection}.endpoint.production]\nurl = \"https://{connection}.{name}.example\"\nregion = \"{region}\"\n[connections.{connection}.endpoint.staging]\nurl = \"https://sandbox.{connection}.{name}.example\"\nregion = \"{region}\"\nsandbox = true\n[connections.{connection}.slots.{}]\nrotate = \"90d\"\n",
            names.of(kind.role, 0),
            kind.slot,
        );
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
    text
}
