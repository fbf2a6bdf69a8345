//! What a use is otherwise than the approved one that it is nearest to, as clauses: what was approved, and what is so now.

use std::collections::{BTreeMap, BTreeSet};

use assent_schema::counted::counted;
use assent_schema::uses::{
    AgreementUse, ConnectionParty, DataUse, GuardrailUse, Party, PutUse, UseKind, agreement_covers, fields_beyond,
    guardrail_covers, retention_covers,
};

use super::length::{Length, cut, joined, listed};
use super::{channel, effect, guardrail, quoted, stays};

/// What differs from an approved use and is not covered by it, part by part.
pub fn differences(was: &DataUse, is: &DataUse, length: Length) -> Vec<String> {
    // Every member is named here, so that a new one cannot be forgotten. What the catalog says stands elsewhere.
    let DataUse {
        kind: _,
        workflow: _,
        purpose,
        from,
        to,
        operation: _,
        effect: does,
        unattended,
        fields: _,
        puts: _,
        scopes: _,
        guardrail: limit,
        deciders: _,
        requests: _,
        events: _,
        opens: _,
        provider,
        agreement,
        retention,
        stale_limit,
        terms: _,
        bits: _,
        releases: _,
    } = is;
    let mut found = Vec::new();
    let mut add = |said: Option<String>| found.extend(said);
    if *purpose != was.purpose {
        let purpose = |purpose: &Option<String>| purpose.clone().unwrap_or_default();
        add(Some(format!("approved for the purpose `{}`, now `{}`", purpose(&was.purpose), purpose(&is.purpose))));
    }
    add(moved(was.from.as_ref(), from.as_ref()));
    add(moved(was.to.as_ref(), to.as_ref()));
    if *does != was.effect {
        let said = |one: &DataUse| {
            one.effect.map(|does| format!("it {} (`{}`)", effect(does), does.as_str())).unwrap_or_default()
        };
        add(Some(format!("approved was that {}, now {}", said(was), said(is))));
    }
    // What another effect is held to besides follows from it.
    let same_effect = *does == was.effect;
    if same_effect && *unattended && !was.unattended {
        add(Some("approved with a person's yes before it, now without".to_owned()));
    }
    add(fields(was, is, length));
    if same_effect {
        add(puts(was, is, length));
    }
    add(scopes(was, is, length));
    if same_effect && !guardrail_covers(was.guardrail.as_ref(), limit.as_ref()) {
        add(Some(limits(was.guardrail.as_ref(), limit.as_ref())));
    }
    add(deciders(was, is, length));
    if *provider != was.provider {
        let name = |one: &DataUse| one.provider.as_ref().map(ToString::to_string).unwrap_or_default();
        add(Some(format!("approved with the provider `{}`, now `{}`", name(was), name(is))));
    }
    if !agreement_covers(was.agreement.as_ref(), agreement.as_ref()) {
        add(Some(agreements(was.agreement.as_ref(), agreement.as_ref())));
    }
    if !retention_covers(was.retention.as_deref(), retention.as_deref()) {
        let said = |one: &DataUse| one.retention.as_deref().map(stays).unwrap_or_default();
        add(Some(format!("approved was that {}, now {}", said(was), said(is))));
    }
    if *stale_limit > was.stale_limit {
        let said = |one: &DataUse| one.stale_limit.map(|limit| limit.to_string()).unwrap_or_default();
        let (was, is) = (said(was), said(is));
        add(Some(format!("approved to run at most {was} without hearing from the agency, now {is}")));
    }
    add(released(was, is, length));
    found.extend(terms(&was.terms, &is.terms, length));
    found
}

/// A party that is the same by name and leads elsewhere.
fn moved(was: Option<&Party>, is: Option<&Party>) -> Option<String> {
    let (was, is) = (was?, is?);
    if was == is {
        return None;
    }
    Some(match (was, is) {
        (Party::Connection(was), Party::Connection(is)) => hosts(was, is),
        (Party::Group(was), Party::Group(is)) if was.channel != is.channel => {
            format!("approved through {}, now through {}", channel(&was.channel), channel(&is.channel))
        }
        (was, is) => format!("approved in {}, now in {}", region(was), region(is)),
    })
}

/// What differs of where a connection leads.
fn hosts(was: &ConnectionParty, is: &ConnectionParty) -> String {
    // Every member is named here, so that a new one cannot be forgotten.
    let ConnectionParty { connection, host, region, sandbox_hosts, token_host, sandbox_token_hosts } = is;
    let all = |hosts: &BTreeSet<String>| hosts.iter().cloned().collect::<Vec<_>>().join(", ");
    let pairs = [
        ("host ", was.host.clone(), host.clone()),
        ("region ", was.region.to_string(), region.to_string()),
        ("sandbox ", all(&was.sandbox_hosts), all(sandbox_hosts)),
        ("access from ", was.token_host.clone().unwrap_or_default(), token_host.clone().unwrap_or_default()),
        ("access to the sandbox from ", all(&was.sandbox_token_hosts), all(sandbox_token_hosts)),
    ];
    let none = |host: &str| if host.is_empty() { "none".to_owned() } else { host.to_owned() };
    let said = pairs
        .iter()
        .filter(|(_, was, is)| was != is)
        .map(|(what, was, is)| format!("{what}{}, now {}", none(was), none(is)));
    format!("`{connection}` was approved at {}", said.collect::<Vec<_>>().join("; "))
}

/// The limits that are not as approved.
fn limits(was: Option<&GuardrailUse>, is: Option<&GuardrailUse>) -> String {
    let parts = |one: Option<&GuardrailUse>| -> Vec<String> {
        let said = one.map(guardrail).unwrap_or_default();
        said.split(", ").filter(|part| !part.is_empty()).map(str::to_owned).collect()
    };
    let (was, is) = (parts(was), parts(is));
    let without = |these: &[String], those: &[String]| {
        let these: Vec<&str> = these.iter().filter(|part| !those.contains(part)).map(String::as_str).collect();
        if these.is_empty() { "no such limit".to_owned() } else { these.join(", ") }
    };
    format!("approved with {}, now with {}", without(&was, &is), without(&is, &was))
}

fn region(party: &Party) -> String {
    match party {
        Party::Connection(to) => to.region.to_string(),
        Party::Agent(agent) => agent.region.to_string(),
        Party::Folder(from) => from.region.to_string(),
        Party::Group(group) => group.region.to_string(),
    }
}

fn fields(was: &DataUse, is: &DataUse, length: Length) -> Option<String> {
    let (known, new): (Vec<_>, Vec<_>) =
        fields_beyond(was, is).partition(|(path, _)| was.fields.contains_key(path.as_str()));
    let other = known.into_iter().filter_map(|(path, class)| {
        let most = was.fields.get(path)?;
        Some(format!("`{path}` is {class} now, approved as {most}"))
    });
    let does = match is.kind {
        UseKind::Read if is.operation.is_none() => "also learns",
        UseKind::Read if is.gives() => "also gives",
        UseKind::Read => "also reads",
        UseKind::Effect => "also gives it",
        UseKind::Ask => "also gives",
        UseKind::Show => "also shows",
        UseKind::Cache => "also keeps",
        UseKind::Release | UseKind::Guardrail => "also has",
    };
    let approved = if was.fields.is_empty() {
        "approved: nothing of yours".to_owned()
    } else {
        format!("approved: {}", listed(was.fields.keys().map(|path| format!("`{path}`")), length))
    };
    let new: Vec<String> = new.into_iter().map(|(path, class)| format!("`{path}` ({class})")).collect();
    let more = (!new.is_empty()).then(|| format!("{does} {}, {approved}", listed(new, length)));
    let all: Vec<String> = more.into_iter().chain(other).collect();
    (!all.is_empty()).then(|| joined(all, "; ", length))
}

fn puts(was: &DataUse, is: &DataUse, length: Length) -> Option<String> {
    let empty = PutUse::default();
    let said = is.puts.iter().filter_map(|(param, put)| {
        let most = was.puts.get(param).unwrap_or(&empty);
        if was.puts.contains_key(param) && put.is_within(most) {
            return None;
        }
        let from = |one: &PutUse, without: &PutUse| {
            let fields = one.fields.difference(&without.fields).map(|path| format!("`{path}`"));
            let texts = one.constants.difference(&without.constants);
            let texts = texts.map(|text| format!("{}, which the workflow writes", quoted(text)));
            listed(fields.chain(texts), length)
        };
        let approved = from(most, &empty);
        let approved = if approved.is_empty() { "nothing".to_owned() } else { approved };
        Some(format!("`{param}` is put together of {} now, approved: {approved}", from(put, most)))
    });
    let said: Vec<String> = said.collect();
    (!said.is_empty()).then(|| joined(said, "; ", length))
}

fn scopes(was: &DataUse, is: &DataUse, length: Length) -> Option<String> {
    let given: BTreeSet<_> = was.scopes.iter().flatten().collect();
    let new = is.scopes.iter().flatten().filter(|scope| !given.contains(scope));
    let new: Vec<String> = new.map(|scope| format!("`{scope}`")).collect();
    let approved = if given.is_empty() {
        "none".to_owned()
    } else {
        listed(given.iter().map(|scope| format!("`{scope}`")), length)
    };
    (!new.is_empty()).then(|| format!("also with the permission {}, approved: {approved}", listed(new, length)))
}

fn deciders(was: &DataUse, is: &DataUse, length: Length) -> Option<String> {
    let new = is.deciders.keys().filter(|person| !was.deciders.contains_key(*person));
    let new: Vec<String> = new.map(|person| format!("`{person}`")).collect();
    let known = is.deciders.iter().filter_map(|(person, by)| {
        let given = was.deciders.get(person)?;
        let more: Vec<String> = by.difference(given).map(|proof| format!("`{proof}`")).collect();
        (!more.is_empty()).then(|| format!("`{person}` is known by {} too", listed(more, length)))
    });
    let approved = listed(was.deciders.keys().map(|person| format!("`{person}`")), length);
    let approved = if approved.is_empty() { "nobody".to_owned() } else { approved };
    let more = (!new.is_empty()).then(|| format!("also lets {} decide, approved: {approved}", listed(new, length)));
    let all: Vec<String> = more.into_iter().chain(known).collect();
    (!all.is_empty()).then(|| joined(all, "; ", length))
}

fn released(was: &DataUse, is: &DataUse, length: Length) -> Option<String> {
    // The same thing with other constants, beside what it was.
    let thing = |release: &str| release.split_once(": ").map(|(thing, _)| thing.to_owned());
    let said = |release: &String| {
        let before = was.releases.iter().find(|one| thing(one) == thing(release) && !is.releases.contains(one));
        let before = before.map(|before| format!(", approved {}", cut(before, length))).unwrap_or_default();
        format!("{}{before}", cut(release, length))
    };
    let new: Vec<String> = is.releases.iter().filter(|release| !was.releases.contains(release)).map(said).collect();
    let (given, bits) = (was.bits.unwrap_or(0), is.bits.unwrap_or(0));
    let unit = |bits: u32| format!("{} {}", counted(bits, "bit"), if bits == 1 { "is" } else { "are" });
    let counts = (bits > given).then(|| format!("{} approved, now {bits}", unit(given)));
    let news = (!new.is_empty()).then(|| format!("new is {}", joined(new, "; ", length)));
    let all: Vec<String> = counts.into_iter().chain(news).collect();
    (!all.is_empty()).then(|| all.join(": "))
}

fn agreements(was: Option<&AgreementUse>, is: Option<&AgreementUse>) -> String {
    let name = |one: Option<&AgreementUse>| one.map_or_else(|| "none".to_owned(), |one| format!("`{}`", one.name));
    match (was, is) {
        (Some(was), Some(is)) if was.name == is.name && was.forbids_training != is.forbids_training => {
            let does = |one: &AgreementUse| if one.forbids_training { "forbids" } else { "does not forbid" };
            format!("approved was that `{}` {} training, now it {}", is.name, does(was), does(is))
        }
        (Some(was), Some(is)) if was.name == is.name => {
            format!("approved under `{}` until {}, now until {}", is.name, was.until, is.until)
        }
        (was, is) => format!("approved under the agreement {}, now under {}", name(was), name(is)),
    }
}

/// Terms that came and went, one beside the other where they are about the same thing.
fn terms(was: &BTreeSet<String>, is: &BTreeSet<String>, length: Length) -> Option<String> {
    let by_thing = |lines: &mut dyn Iterator<Item = &String>| {
        let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for line in lines {
            let (thing, says) = line.split_once(": ").unwrap_or((line, ""));
            found.entry(thing.to_owned()).or_default().push(says.to_owned());
        }
        found
    };
    let (gone, new) = (by_thing(&mut was.difference(is)), by_thing(&mut is.difference(was)));
    let things: BTreeSet<&String> = gone.keys().chain(new.keys()).collect();
    let said = things.into_iter().map(|thing| {
        let says = |side: &BTreeMap<String, Vec<String>>| {
            let says = side.get(thing).map(|says| listed(says.iter().cloned(), length));
            says.filter(|says| !says.is_empty())
        };
        match (gone.contains_key(thing), new.contains_key(thing)) {
            (true, false) => format!("{thing}: approved {}, now no longer", says(&gone).unwrap_or_default()),
            (false, _) => format!("{thing}: {}, which is new", says(&new).unwrap_or_default()),
            (true, true) => {
                format!("{thing}: approved {}, now {}", says(&gone).unwrap_or_default(), says(&new).unwrap_or_default())
            }
        }
    });
    let said: Vec<String> = said.collect();
    (!said.is_empty()).then(|| joined(said, "; ", length))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn used(more: serde_json::Value) -> DataUse {
        let mut whole = json!({"kind": "show", "workflow": "refund", "purpose": "essential.service"});
        if let (Some(whole), serde_json::Value::Object(more)) = (whole.as_object_mut(), more) {
            whole.extend(more);
        }
        serde_json::from_value(whole).expect("a use")
    }

    fn told(was: serde_json::Value, is: serde_json::Value) -> String {
        differences(&used(was), &used(is), Length::Brief).join("; ")
    }

    #[test]
    fn of_parties_and_limits_the_part_that_differs_is_told() {
        let at = |host: &str, region: &str| json!({"to": {"connection": "shop", "host": host, "region": region}});
        assert_eq!(
            told(at("a.example", "eu"), at("b.example", "eu")),
            "`shop` was approved at host a.example, now b.example"
        );
        assert_eq!(told(at("a.example", "eu"), at("a.example", "us")), "`shop` was approved at region eu, now us");
        let limit = |call: i64| json!({"guardrail": {"currency": "EUR", "per_call": call, "per_day": 100_000}});
        assert_eq!(
            told(limit(10_000), limit(10_001)),
            "approved with at most EUR 100.00 a call, now with at most EUR 100.01 a call"
        );
        assert_eq!(told(limit(10_001), limit(10_000)), "");
        let decides = |people: &[&str]| {
            let people: BTreeMap<&str, [&str; 1]> = people.iter().map(|person| (*person, ["key"])).collect();
            json!({ "deciders": people })
        };
        assert_eq!(told(decides(&["lena"]), decides(&["lena", "tom"])), "also lets `tom` decide, approved: `lena`");
        assert_eq!(told(decides(&["lena", "tom"]), decides(&["lena"])), "");
    }

    #[test]
    fn only_what_is_not_approved_is_told() {
        let fields = |fields: &[&str]| {
            let fields: BTreeMap<&str, &str> = fields.iter().map(|path| (*path, "content")).collect();
            json!({ "fields": fields })
        };
        assert_eq!(
            told(fields(&["ticket.subject"]), fields(&["ticket.subject", "ticket.body"])),
            "also shows `ticket.body` (content), approved: `ticket.subject`"
        );
        assert_eq!(told(fields(&["ticket.subject", "ticket.body"]), fields(&["ticket.body"])), "");
        assert_eq!(
            told(json!({}), json!({"purpose": "essential.service.operations"})),
            "approved for the purpose `essential.service`, now `essential.service.operations`"
        );
        assert_eq!(
            told(json!({"effect": "write"}), json!({"effect": "money"})),
            "approved was that it changes a record (`write`), now it moves money (`money`)"
        );
        assert_eq!(
            told(json!({"retention": "180d"}), json!({"retention": "181d"})),
            "approved was that it is kept for 180d, now it is kept for 181d"
        );
        assert_eq!(told(json!({"retention": "180d"}), json!({"retention": "90d"})), "");
        assert_eq!(
            told(
                json!({"terms": ["audit log: kept for 180d, not less", "plan: growth"]}),
                json!({"terms": ["audit log: kept for 89d, not less", "closed: 2026-12-25", "plan: growth"]})
            ),
            "audit log: approved kept for 180d, not less, now kept for 89d, not less; closed: 2026-12-25, which is new"
        );
    }

    #[test]
    fn long_lists_are_cut_for_people_alone() {
        let constants: Vec<String> = (0..32).map(|n| format!("a{n}")).collect();
        let release = format!("topic.a: one_of 32 ({})", constants.join(", "));
        let (was, is) = (json!({"bits": 9}), json!({"bits": 14, "releases": [release]}));
        assert_eq!(
            told(was.clone(), is.clone()),
            "9 bits are approved, now 14: new is topic.a: one_of 32 (a0, a1, a2, a3 and 28 more)"
        );
        let whole = differences(&used(was), &used(is), Length::Whole).join("; ");
        assert_eq!(whole, format!("9 bits are approved, now 14: new is {release}"));
    }
}
