//! Fragments over the mill: a batch with values of every shape, lists in pages, a job, GraphQL, money in major units, a
//! question in a chat.

use super::workflow::{Build, Value, joined};

/// The lists of the mill: one for each way of asking for the next page.
const LISTS: [(&str, &str); 4] = [
    ("list_batches", "{ state = \"open\", depth = 2 }"),
    ("list_lots", ""),
    ("list_sacks", "{ word = \"rye\" }"),
    ("list_stones", ""),
];

/// A batch.
fn one(build: &mut Build) -> String {
    let batches = build.batches.clone();
    build.dice.pick(&batches).cloned().unwrap_or_default()
}

/// Reads a batch.
pub(super) fn batch(build: &mut Build) {
    let id = build.name("batch");
    let call = build.operation("mill", "get_batch");
    build.step(&id, &[], &format!("call = \"{call}\"\nwith = {{ id = \"main\" }}"));
    let always = |path: String| Value { path, guard: String::new(), swayed: false };
    build.conditions.extend([
        always(format!("{id}.fresh")),
        always(format!("{id}.grade == 'fine'")),
        always(format!("has({id}.due)")),
    ]);
    build.numbers.push(format!("{id}.grains"));
    build.batches.push(id);
}

/// Computes with numbers and amounts.
pub(super) fn figures(build: &mut Build) {
    let (id, batch) = (build.name("figures"), one(build));
    build.step(
        &id,
        &[],
        &format!(
            "set = {{ half = \"${{round(decimal({batch}.grains) * 0.5)}}\", least = \"${{min({batch}.grains, 10)}}\", most = \"${{max({batch}.grains, 1)}}\", sum = \"${{money(minor({batch}.price) + 1, 'EUR')}}\", coin = \"${{currency({batch}.price)}}\", name = \"${{token(string({batch}.grains))}}\", whole = \"${{int(string({batch}.grains))}}\", size = \"${{bucket({batch}.grains, [10, 100])}}\" }}"
        ),
    );
    build.numbers.push(format!("{id}.most"));
}

/// Computes with moments, in the client's zone and business time.
pub(super) fn dates(build: &mut Build) {
    let id = build.name("dates");
    let then = build.batches.first().map_or_else(|| "now".to_owned(), |batch| format!("{batch}.milled"));
    build.step(
        &id,
        &[],
        &format!(
            "set = {{ year = \"${{year({then})}}\", month = \"${{month({then})}}\", day = \"${{day({then})}}\", weekday = \"${{weekday({then})}}\", hour = \"${{hour({then})}}\", minute = \"${{minute({then})}}\", date = \"${{date({then})}}\", soon = \"${{business(now, duration('2h'))}}\", since = \"${{seconds(now - timestamp('2026-01-01T00:00:00Z'))}}\" }}"
        ),
    );
    build.numbers.push(format!("{id}.hour"));
}

/// Computes with what people wrote, and tells of it what a list of constants holds.
pub(super) fn words(build: &mut Build) {
    let (id, texts) = (build.name("words"), build.texts.clone());
    let text = build.dice.pick(&texts).cloned().unwrap_or_default();
    build.step(
        &id,
        &[],
        &format!(
            "set = {{ kind = \"${{one_of({text}.trim(), ['refund', 'late', 'other'])}}\", length = \"${{bucket(size({text}), [10, 100])}}\", loud = \"${{{text}.upperAscii()}}\", tidy = \"${{{text}.split(' ').join('-')}}\", who = \"${{pseudonymise({text})}}\", asks = \"${{{text}.contains('?') || {text}.startsWith('a') || {text}.endsWith('z')}}\" }}"
        ),
    );
    build.bits = build.bits.saturating_add(8);
    build.conditions.push(Value { path: format!("{id}.kind == 'refund'"), guard: String::new(), swayed: true });
}

/// Looks through a list that comes in pages.
pub(super) fn sift(build: &mut Build) {
    let (list, id) = (build.name("pages"), build.name("sifted"));
    let (operation, with) = build.dice.pick(&LISTS).copied().unwrap_or(("list_lots", ""));
    let call = build.operation("mill", operation);
    let with = if with.is_empty() { String::new() } else { format!("\nwith = {with}") };
    build.step(&list, &[], &format!("call = \"{call}\"{with}"));
    build.step(
        &id,
        &[],
        &format!(
            "set = {{ some = \"${{{list}.items.exists(x, x.grains > 3)}}\", every = \"${{{list}.items.all(x, x.grains > 3)}}\", many = \"${{size({list}.items.filter(x, x.grains > 3))}}\", ids = \"${{{list}.items.map(x, string(x.id)).join(' ')}}\" }}"
        ),
    );
    build.bits = build.bits.saturating_add(2);
}

/// A job that the mill takes and does later.
pub(super) fn grind(build: &mut Build) {
    let (id, batch, condition) = (build.name("grind"), one(build), build.condition());
    let call = build.operation("mill", "grind");
    let stone = if build.dice.one_in(2) { ", stone = \"s-1\"" } else { "" };
    build.step(&id, &[&condition], &format!("call = \"{call}\"\nwith = {{ lot = \"${{{batch}.lot}}\"{stone} }}"));
}

/// What a batch said is taken off again.
pub(super) fn discard(build: &mut Build) {
    let (id, batch, condition) = (build.name("discard"), one(build), build.condition());
    let call = build.operation("mill", "discard");
    build.step(&id, &[&condition], &format!("call = \"{call}\"\nwith = {{ batch = \"${{{batch}.lot}}\" }}"));
}

/// Writes on a batch what somebody wrote.
pub(super) fn label(build: &mut Build) {
    if build.batches.is_empty() {
        batch(build);
    }
    let (id, batch, texts, condition) = (build.name("label"), one(build), build.texts.clone(), build.condition());
    let text = build.dice.pick(&texts).cloned().unwrap_or_default();
    let call = build.operation("mill", "label");
    build.step(
        &id,
        &[&condition],
        &format!(
            "call = \"{call}\"\nwith = {{ batch = \"${{{batch}.id}}\", said = \"Said: ${{json({text}.truncate(80).lowerAscii())}}\", note = \"**Note:** ${{markdown({text})}}\", link = \"https://mill.example/${{url({text})}}\" }}"
        ),
    );
    build.bits = build.bits.saturating_add(4);
}

/// Pays something that no guardrail bounds: people are asked each time.
pub(super) fn tip(build: &mut Build) {
    let (nod, id, batch) = (build.name("nod"), build.name("tip"), one(build));
    let call = build.operation("mill", "pay_tip");
    let lines = format!(
        "decide = {{ by = \"{}\", show = [\"{batch}.lot\", \"{batch}.price\"], within = \"1h\", via = [\"cli\"] }}",
        build.names.of("leads", 0)
    );
    build.step(&nod, &[], &lines);
    build.wait(1);
    let lines =
        format!("call = \"{call}\"\nwith = {{ batch = \"${{{batch}.lot}}\", amount = \"${{{batch}.price}}\" }}");
    build.step(&id, &[&format!("{nod}.approved")], &lines);
}

/// Pays for a batch: people are asked in a chat, or the client's guardrail says how much may be paid without.
pub(super) fn pay_out(build: &mut Build) {
    let (batch, condition) = (one(build), build.condition());
    let approved = if build.dice.one_in(2) {
        let agree = build.name("agree");
        let asked = if build.dice.one_in(2) {
            let chat = build.connection("mill");
            build.operation("mill", "post");
            build.operation("mill", "update");
            format!("slack = \"{chat}\"")
        } else {
            let desk = build.connection("zendesk");
            build.operation("zendesk", "ask");
            format!("helpdesk = \"{desk}\", on = \"{batch}.lot\"")
        };
        let lines = format!(
            "decide = {{ by = \"{}\", show = [\"{batch}.lot\", \"{batch}.price\"], within = \"1h\", via = [{{ {asked} }}, \"page\"] }}",
            build.names.of("leads", 0)
        );
        build.step(&agree, &[], &lines);
        build.wait(1);
        format!("{agree}.approved")
    } else {
        String::new()
    };
    let (id, call) = (build.name("paid"), build.operation("mill", "pay_out"));
    let when = if approved.is_empty() || condition.is_empty() {
        format!("{approved}{condition}")
    } else {
        joined(&condition, &approved)
    };
    build.step(
        &id,
        &[&when],
        &format!("call = \"{call}\"\nwith = {{ batch = \"${{{batch}.lot}}\", amount = \"${{{batch}.price}}\" }}"),
    );
}
