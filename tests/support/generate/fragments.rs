//! What a workflow does next: each fragment is a few steps that rest on what earlier ones read.

use super::asks::{ask, reply};
use super::mill;
use super::workflow::{Build, Value, joined};

type Fragment = fn(&mut Build);

/// Adds one of the fragments that fit.
pub(super) fn add(build: &mut Build) {
    let mut fits: Vec<Fragment> = vec![count, post, walk, pause, choose, report, mill::batch, mill::dates, mill::sift];
    if !build.tickets.is_empty() {
        fits.extend::<[Fragment; 4]>([read_ticket, read_ticket, note, assign]);
    }
    if !build.records.is_empty() {
        fits.extend::<[Fragment; 6]>([own_order; 6]);
    }
    if !build.order_ids.is_empty() {
        fits.push(read_order);
    }
    if !build.orders.is_empty() {
        fits.extend::<[Fragment; 10]>([hold, refund, refund, refund, email, email, email, link, both, parcel]);
    }
    if !build.batches.is_empty() {
        fits.extend::<[Fragment; 5]>([mill::figures, mill::grind, mill::discard, mill::pay_out, mill::tip]);
    }
    if !build.texts.is_empty() && build.bits < 40 {
        fits.extend::<[Fragment; 5]>([ask, ask, mill::words, mill::label, mill::label]);
        if !build.records.is_empty() && build.waited == 0 {
            fits.push(reply);
        }
    }
    if !build.conditions.is_empty() {
        fits.push(stop);
    }
    if let Some(fragment) = build.dice.pick(&fits).copied() {
        fragment(build);
    }
}

/// What of a build a fragment rests on.
#[derive(Clone, Copy)]
enum Of {
    Tickets,
    OrderIds,
    Orders,
    Conditions,
}

fn picked(build: &mut Build, of: Of) -> Value {
    let values = match of {
        Of::Tickets => &build.tickets,
        Of::OrderIds => &build.order_ids,
        Of::Orders => &build.orders,
        Of::Conditions => &build.conditions,
    };
    let at = build.dice.below(values.len());
    values.get(at).cloned().unwrap_or_else(|| always(String::new()))
}

fn always(path: String) -> Value {
    Value { path, guard: String::new(), swayed: false }
}

fn read_ticket(build: &mut Build) {
    let (id, ticket) = (build.name("ticket"), picked(build, Of::Tickets));
    let call = build.operation("desk", "get_ticket");
    build.step(&id, &[], &format!("call = \"{call}\"\nwith = {{ id = \"${{{}}}\" }}", ticket.path));
    build.texts.extend([format!("{id}.subject"), format!("{id}.body")]);
    build.conditions.push(always(format!("{id}.state == 'submitted'")));
    build.records.push(id);
}

/// The order that a customer named, if it is the customer's own.
fn own_order(build: &mut Build) {
    let id = build.name("own");
    let records = build.records.clone();
    let ticket = build.dice.pick(&records).cloned().unwrap_or_default();
    let call = build.operation("shop", "get_order");
    let lines = format!(
        "call = \"{call}\"\nwith = {{ id = \"${{{ticket}.order_id}}\", of = \"${{{ticket}.requester}}\" }}\non_error = {{ codes = [\"not_found\"], then = \"continue\" }}"
    );
    build.step(&id, &[&format!("has({ticket}.order_id)")], &lines);
    let guard = format!("has({id}.total)");
    build.conditions.push(Value {
        path: format!("{id}.state == 'paid'"),
        guard: format!("has({id}.state)"),
        swayed: true,
    });
    build.orders.push(Value { path: id, guard, swayed: true });
}

fn read_order(build: &mut Build) {
    let (id, order) = (build.name("order"), picked(build, Of::OrderIds));
    let call = build.operation("shop", "read_order");
    let cache = if build.dice.one_in(4) { "\ncache = \"1h\"" } else { "" };
    build.step(&id, &[], &format!("call = \"{call}\"\nwith = {{ id = \"${{{}}}\" }}{cache}", order.path));
    build.conditions.extend([always(format!("{id}.state == 'open'")), always(format!("minor({id}.total) > 100"))]);
    build.orders.push(always(id));
}

fn count(build: &mut Build) {
    let id = build.name("count");
    if build.dice.one_in(4) {
        let call = build.operation("desk", "count_tickets");
        build.step(&id, &[], &format!("call = \"{call}\"\nwith = {{ team = \"7001\" }}"));
        build.conditions.push(always(format!("{id}.total > 3")));
        return build.numbers.push(format!("{id}.total"));
    }
    let call = build.operation("shop", "count_orders");
    let state = ["open", "on_hold", "paid"].get(build.dice.below(3)).copied().unwrap_or("open");
    let cache = if build.dice.one_in(2) { "\ncache = \"10m\"" } else { "" };
    let lines =
        format!("call = \"{call}\"\nwith = {{ state = \"{state}\", since = \"${{now - duration('7d')}}\" }}{cache}");
    build.step(&id, &[], &lines);
    build.conditions.push(always(format!("{id}.total > 3")));
    build.numbers.push(format!("{id}.total"));
}

/// Says how many there are to the team.
fn post(build: &mut Build) {
    let (id, condition) = (build.name("post"), build.condition());
    let call = build.operation("chat", "post");
    let said = build.numbers.iter().map(|number| format!(" ${{{number}}}")).collect::<String>();
    let lines = format!("call = \"{call}\"\nwith = {{ channel = \"C0155501\", text = \"So many:{said}.\" }}");
    build.step(&id, &[&condition], &lines);
}

/// Files a record, with a list beside it.
fn report(build: &mut Build) {
    let (id, condition) = (build.name("report"), build.condition());
    let call = build.operation("bell", "file_report");
    let many = build.numbers.last().map_or_else(|| "3".to_owned(), |number| format!("\"${{{number}}}\""));
    let lines = format!(
        "call = \"{call}\"\nwith = {{ about = {{ label = \"weekly\", many = {many}, urgent = true }}, tags = [\"a\", \"b\"] }}"
    );
    build.step(&id, &[&condition], &lines);
}

fn choose(build: &mut Build) {
    let id = build.name("choice");
    let condition = build.conditions.iter().find(|value| value.guard.is_empty()).map(|value| value.path.clone());
    let team = condition.as_ref();
    let team = team.map_or_else(|| "7001".to_owned(), |condition| format!("${{{condition} ? '7001' : '7002'}}"));
    let number = build.numbers.last().map_or_else(|| "1".to_owned(), |number| format!("\"${{{number} + 1}}\""));
    build.step(&id, &[], &format!("set = {{ team = \"{team}\", number = {number}, list = [\"a\", \"b\"] }}"));
    // A choice of one is none.
    if condition.is_some() {
        build.conditions.push(always(format!("{id}.team == '7001'")));
    }
}

fn pause(build: &mut Build) {
    let id = build.name("pause");
    if build.keyed_by_order && build.dice.one_in(2) {
        let pay = build.connection("pay");
        let of = if build.dice.one_in(2) { ", match = \"trigger.order_id\"" } else { "" };
        let lines = format!(
            "wait = {{ event = {{ connection = \"{pay}\", event = \"payment.authorised\", key = \"order_id\" }}, within = \"2d\"{of} }}"
        );
        build.step(&id, &[], &lines);
        build.conditions.push(always(format!("{id}.arrived")));
        build.wait(48);
        return;
    }
    match build.dice.below(3) {
        0 => {
            build.step(&id, &[], "wait = { for = \"2h\" }");
            build.wait(2);
        }
        1 => {
            build.step(&id, &[], "wait = { business = \"30m\" }");
            build.wait(200);
        }
        _ => {
            // A library workflow lets its clients say how long.
            let setting = format!("settings.{}", build.names.of("pause", 0));
            let span = if build.author.starts_with("${") { setting } else { "duration('3h')".to_owned() };
            build.step(&id, &[], &format!("wait = {{ until = \"now + {span}\" }}"));
            build.wait(200);
        }
    }
}

fn stop(build: &mut Build) {
    let condition = picked(build, Of::Conditions);
    let id = build.name("enough");
    build.step(&id, &[&joined(&condition.guard, &condition.path)], "stop = \"enough\"");
    // What is false from here on must not be asked for again: a step could become one that never runs.
    build.conditions.retain(|other| other.path != condition.path);
}

fn note(build: &mut Build) {
    let (id, ticket, condition) = (build.name("note"), picked(build, Of::Tickets), build.condition());
    let call = build.operation("desk", "note_ticket");
    let texts = build.texts.clone();
    let said = build.dice.pick(&texts).map(|text| format!("${{html({text})}}")).unwrap_or_default();
    build.bits = build.bits.saturating_add(4);
    let lines = format!(
        "call = \"{call}\"\nwith = {{ id = \"${{{}}}\", by = \"{}\", body = \"A note. {said}\" }}",
        ticket.path, build.author
    );
    build.step(&id, &[&condition], &lines);
}

fn assign(build: &mut Build) {
    let (id, ticket, condition) = (build.name("assign"), picked(build, Of::Tickets), build.condition());
    let call = build.operation("desk", "assign_ticket");
    let lines = format!(
        "call = \"{call}\"\nwith = {{ id = \"${{{}}}\", by = \"{}\", team = \"7001\" }}",
        ticket.path, build.author
    );
    build.step(&id, &[&condition], &lines);
}

fn hold(build: &mut Build) {
    let (id, order, condition) = (build.name("hold"), picked(build, Of::Orders), build.condition());
    let call = build.operation("shop", "hold_order");
    build.operation("shop", "read_order");
    let lines = format!(
        "call = \"{call}\"\nwith = {{ id = \"${{{}.id}}\" }}\non_error = {{ codes = [\"already_shipped\"], then = \"continue\" }}",
        order.path
    );
    build.step(&id, &[&order.guard, &condition], &lines);
}

/// Shows values of an order to a person; the step that asks.
fn agree(build: &mut Build, order: &Value, fields: &[&str], more: &str) -> String {
    let id = build.name("agree");
    let shown = fields.iter().map(|field| format!("\"{}.{field}\"", order.path)).collect::<Vec<_>>().join(", ");
    let lines = format!(
        "decide = {{ by = \"{}\", show = [{shown}{more}], within = \"1h\", via = [\"cli\"] }}",
        build.names.of("leads", 0)
    );
    build.step(&id, &[&order.guard], &lines);
    build.wait(1);
    id
}

fn refund(build: &mut Build) {
    let order = picked(build, Of::Orders);
    // Where nobody outside has a say, the client's guardrail is enough.
    let approved = if order.swayed || build.dice.one_in(2) {
        format!("{}.approved", agree(build, &order, &["id", "payment", "total"], ""))
    } else {
        String::new()
    };
    let (id, call) = (build.name("refund"), build.operation("pay", "refund"));
    let lines = format!(
        "call = \"{call}\"\nwith = {{ payment = \"${{{o}.payment}}\", account = \"MadeForTests\", amount = \"${{{o}.total}}\", reference = \"${{{o}.id}}\" }}\nretry = {{ attempts = 3, first = \"1s\", most = \"1m\" }}",
        o = order.path
    );
    build.step(&id, &[&order.guard, &approved], &lines);
}

fn email(build: &mut Build) {
    let order = picked(build, Of::Orders);
    let (contact, id) = (build.name("contact"), build.name("email"));
    let call = build.operation("desk", "get_contact");
    let cache = if build.dice.one_in(2) { "\ncache = \"2h\"" } else { "" };
    build.step(
        &contact,
        &[&order.guard],
        &format!("call = \"{call}\"\nwith = {{ id = \"${{{}.customer}}\" }}{cache}", order.path),
    );
    let seen = format!("has({contact}.email)");
    let guarded = Value { guard: joined(&order.guard, &seen), ..order.clone() };
    let guarded = if order.guard.is_empty() { order.clone() } else { guarded };
    let agree = agree(build, &guarded, &["id", "customer"], &format!(", \"{contact}.email\""));
    let call = build.operation("desk", "send_email");
    let lines = format!(
        "call = \"{call}\"\nwith = {{ by = 6001, contact = \"${{{o}.customer}}\", subject = \"Your order\", body = \"About ${{html({o}.id)}}.\" }}",
        o = order.path
    );
    build.step(&id, &[&order.guard, &format!("{agree}.approved")], &lines);
}

fn link(build: &mut Build) {
    let (id, order, condition) = (build.name("link"), picked(build, Of::Orders), build.condition());
    let call = build.operation("pay", "create_link");
    let lines = format!(
        "call = \"{call}\"\nwith = {{ account = \"MadeForTests\", amount = \"${{{o}.total}}\", reference = \"${{{o}.id}}\" }}",
        o = order.path
    );
    build.step(&id, &[&order.guard, &condition], &lines);
}

/// Two neighbours that run together.
fn both(build: &mut Build) {
    let (group, order) = (build.name("both"), picked(build, Of::Orders));
    let (one, two) = (build.name("hold"), build.name("tell"));
    let (hold, post) = (build.operation("shop", "hold_order"), build.operation("chat", "post"));
    build.operation("shop", "read_order");
    let lines = format!("parallel = \"{group}\"\ncall = \"{hold}\"\nwith = {{ id = \"${{{}.id}}\" }}", order.path);
    build.step(&one, &[&order.guard], &lines);
    let lines = format!(
        "parallel = \"{group}\"\ncall = \"{post}\"\nwith = {{ channel = \"C0155502\", text = \"Held: ${{{}.id}}\" }}",
        order.path
    );
    build.step(&two, &[&order.guard], &lines);
}

/// A text of a file, with holes and locales.
fn parcel(build: &mut Build) {
    let (id, order, file) = (build.name("parcel"), picked(build, Of::Orders), build.file("texts", "text"));
    let call = build.operation("shop", "note_order");
    let hole = build.names.of("hole", 1);
    build.beside.insert(
        file.clone(),
        format!("+++\ndefault = \"en\"\n[holes]\n{hole} = {{ type = \"token\" }}\n+++ en\n**Thanks** for ${{{hole}}}.\n+++ de\n**Danke** für ${{{hole}}}.\n"),
    );
    let locale = build.locales.first().map(|path| format!("locale = \"{path}\"\n")).unwrap_or_default();
    let lines = format!(
        "call = \"{call}\"\n\n[step.with]\nid = \"${{{o}.id}}\"\n\n[step.with.text]\ntext = \"{file}\"\n{locale}holes = {{ {hole} = \"${{{o}.id}}\" }}",
        o = order.path
    );
    build.step(&id, &[&order.guard], &lines);
}

/// Each order of a list, in turn or several at once.
fn walk(build: &mut Build) {
    if build.bits > 40 {
        return count(build);
    }
    let (list, id, item) = (build.name("list"), build.name("walk"), build.name("item"));
    let call = build.operation("shop", "list_orders");
    build.step(
        &list,
        &[],
        &format!("call = \"{call}\"\nwith = {{ state = \"open\", before = \"${{now - duration('7d')}}\" }}"),
    );
    let on_error = if build.dice.one_in(2) { "stop" } else { "collect" };
    let parallel = build.dice.below(4).saturating_add(1);
    let lines = format!(
        "each = \"{list}.items\"\nas = \"{item}\"\nkey = \"{item}.id\"\nmax = 20\nparallel = {parallel}\non_error = \"{on_error}\""
    );
    build.step(&id, &[], &lines);
    if build.dice.one_in(2) {
        let large = build.name("large");
        build.inner(&large, &[&format!("minor({item}.total) >= 100000")], "stop = \"by_hand\"");
    }
    let approved = if build.dice.one_in(2) {
        let agree = build.name("agree");
        let lines = format!(
            "decide = {{ by = \"{}\", show = [\"{item}.id\", \"{item}.total\"], within = \"1h\", via = [\"cli\"] }}",
            build.names.of("leads", 0)
        );
        build.inner(&agree, &[], &lines);
        build.wait(200);
        format!("{agree}.approved")
    } else {
        String::new()
    };
    let hold = build.name("hold");
    let call = build.operation("shop", "hold_order");
    build.operation("shop", "read_order");
    build.inner(&hold, &[&approved], &format!("call = \"{call}\"\nwith = {{ id = \"${{{item}.id}}\" }}"));
    build.bits = build.bits.saturating_add(8);
    build.numbers.extend([format!("{id}.done"), format!("{id}.failed")]);
    build.conditions.push(always(format!("{id}.done > 0")));
}
