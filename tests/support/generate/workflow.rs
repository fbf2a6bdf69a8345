//! One workflow: what starts it, what bounds it, its steps one after the other, KPIs, fallback; and one scenario.

use std::collections::{BTreeMap, BTreeSet};

use super::fragments;
use super::horns;
use super::{Dice, Names};

/// A workflow that was made.
pub(super) struct Made {
    /// Its name.
    pub(super) name: String,
    /// The file.
    pub(super) text: String,
    /// Its scenarios.
    pub(super) tests: String,
    /// Prompts and texts by path below the folder.
    pub(super) beside: BTreeMap<String, String>,
    /// The operations that it calls, by the role of the connection; an empty one for a connection whose events alone count.
    pub(super) operations: BTreeSet<(&'static str, &'static str)>,
    /// What a client must set, as TOML values.
    pub(super) settings: BTreeMap<String, String>,
}

/// A value that later steps may read.
#[derive(Clone, Debug)]
pub(super) struct Value {
    /// Its path.
    pub(super) path: String,
    /// The condition under which it is there; empty where it always is.
    pub(super) guard: String,
    /// Whether an AI or anyone outside had a say in whether it is there.
    pub(super) swayed: bool,
}

/// A workflow that is being made.
pub(super) struct Build {
    pub(super) dice: Dice,
    pub(super) names: Names,
    /// How its steps name the author of notes: a constant, or a setting.
    pub(super) author: String,
    pub(super) steps: String,
    pub(super) beside: BTreeMap<String, String>,
    pub(super) operations: BTreeSet<(&'static str, &'static str)>,
    /// Ids of tickets that a system wrote.
    pub(super) tickets: Vec<Value>,
    /// Whole tickets: the step that read one. Always there.
    pub(super) records: Vec<String>,
    /// Ids of orders that a system wrote.
    pub(super) order_ids: Vec<Value>,
    /// Whole orders: the step that read one, and its guard.
    pub(super) orders: Vec<Value>,
    /// Batches of the mill: the step that read one. Always there.
    pub(super) batches: Vec<String>,
    /// What people wrote; always there.
    pub(super) texts: Vec<String>,
    /// Conditions on facts.
    pub(super) conditions: Vec<Value>,
    /// Numbers that are facts; always there.
    pub(super) numbers: Vec<String>,
    /// Languages that are facts; perhaps absent.
    pub(super) locales: Vec<String>,
    /// Answers out of a few constants, for labels: path and condition.
    pub(super) labels: Vec<(String, String)>,
    /// Whether runs have the id of an order as their key.
    pub(super) keyed_by_order: bool,
    /// Bits about content that a run tells so far, at most.
    pub(super) bits: usize,
    /// Hours that a run has waited since content was read.
    pub(super) waited: usize,
    /// Things of each kind so far.
    counts: BTreeMap<&'static str, usize>,
    /// What every name of this workflow's own files ends in.
    number: usize,
}

impl Build {
    /// The next name of a kind.
    pub(super) fn name(&mut self, kind: &'static str) -> String {
        let count = self.counts.entry(kind).or_default();
        *count = count.saturating_add(1);
        self.names.of(kind, *count)
    }

    /// The path of a file of this workflow alone.
    pub(super) fn file(&mut self, folder: &str, kind: &'static str) -> String {
        let count = self.counts.entry(kind).or_default();
        *count = count.saturating_add(1);
        let number = self.number.saturating_mul(1_000).saturating_add(*count);
        format!("{folder}/{}.md", self.names.of(kind, number))
    }

    /// An operation as a step calls it.
    pub(super) fn operation(&mut self, role: &'static str, operation: &'static str) -> String {
        self.operations.insert((role, operation));
        format!("{}.{operation}", self.names.of(role, 1))
    }

    /// A connection as a step names it.
    pub(super) fn connection(&mut self, role: &'static str) -> String {
        self.operations.insert((role, ""));
        self.names.of(role, if role == "mind" { 9 } else { 1 })
    }

    /// Writes a step.
    pub(super) fn step(&mut self, id: &str, when: &[&str], lines: &str) {
        self.write("[[step]]", id, when, lines);
    }

    /// Writes a step of the `each` before it.
    pub(super) fn inner(&mut self, id: &str, when: &[&str], lines: &str) {
        self.write("[[step.step]]", id, when, lines);
    }

    fn write(&mut self, header: &str, id: &str, when: &[&str], lines: &str) {
        self.steps += &format!("{header}\nid = \"{id}\"\n");
        let mut said: Vec<&str> = Vec::new();
        for condition in when.iter().filter(|condition| !condition.is_empty()) {
            if !said.contains(condition) {
                said.push(condition);
            }
        }
        if !said.is_empty() {
            self.steps += &format!("when = \"{}\"\n", said.join(" && "));
        }
        self.steps += &format!("{lines}\n\n");
    }

    /// A condition on facts, or none.
    pub(super) fn condition(&mut self) -> String {
        let fits: Vec<String> = self.conditions.iter().map(|value| joined(&value.guard, &value.path)).collect();
        if self.dice.one_in(2) { String::new() } else { self.dice.pick(&fits).cloned().unwrap_or_default() }
    }

    /// Reads the order that an event names which nobody signed, before anything is done.
    pub(super) fn confirmed(&mut self) {
        let (order, call) = (self.name("order"), self.operation("shop", "read_order"));
        self.step(&order, &[], &format!("call = \"{call}\"\nwith = {{ id = \"${{trigger.order_id}}\" }}"));
        self.conditions.push(Value { path: format!("{order}.state == 'open'"), guard: String::new(), swayed: true });
    }

    /// Notes that a run waits: what people wrote is not read after a long time.
    pub(super) fn wait(&mut self, hours: usize) {
        self.waited = self.waited.saturating_add(hours);
        if self.waited > 16 {
            self.texts.clear();
            self.records.clear();
            self.waited = 0;
        }
    }
}

/// Two conditions as one.
pub(super) fn joined(one: &str, two: &str) -> String {
    if one.is_empty() { two.to_owned() } else { format!("{one} && {two}") }
}

/// A client's own workflow.
pub(super) fn of_client(dice: &Dice, number: usize, length: usize, names: Names) -> Made {
    make(dice, number, length, (names, names.of("flow", number)), "")
}

/// Settings of every other type, each with a default.
const TUNED: [(&str, &str); 5] = [
    ("flag", "type = \"boolean\"\ndefault = true"),
    ("many", "type = \"integer\"\ndefault = 3"),
    ("share", "type = \"decimal\"\ndefault = \"0.5\""),
    ("word", "type = \"text\"\ndefault = \"kind regards\""),
    ("way", "type = \"one_of\"\nvalues = [\"short\", \"long\"]\ndefault = \"short\""),
];

/// A workflow of the library.
pub(super) fn of_library(dice: &Dice, number: usize, length: usize, names: Names) -> Made {
    let (author, pause) = (names.of("author", 0), names.of("pause", 0));
    let mut settings =
        format!("[settings.{author}]\ntype = \"token\"\n[settings.{pause}]\ntype = \"period\"\ndefault = \"30m\"\n");
    for (kind, lines) in TUNED {
        settings += &format!("[settings.{}]\n{lines}\n", names.of(kind, 0));
    }
    settings += "\n";
    let mut made = make(dice, number, length, (names, names.of("shared", number)), &settings);
    made.settings.insert(author, "\"6001\"".to_owned());
    if dice.clone().one_in(2) {
        made.settings.insert(pause, "\"45m\"".to_owned());
        made.settings.insert(names.of("flag", 0), "false".to_owned());
    }
    made
}

/// A library workflow that is another one with its author set; what clients use is then this one.
pub(super) fn again(made: Made, files: &mut super::Files, names: Names) -> Made {
    let (name, author) = (names.of("again", 0), names.of("author", 0));
    let mut settings = made.settings;
    let set = settings.remove(&author).unwrap_or_default();
    let text = format!("use = \"{}\"\n[settings]\n{author} = {set}\n", made.name);
    files.insert(format!("library/{name}.toml"), text.into_bytes());
    Made { name, settings, ..made }
}

fn make(dice: &Dice, number: usize, length: usize, (names, name): (Names, String), settings: &str) -> Made {
    let author =
        if settings.is_empty() { "5001".to_owned() } else { format!("${{settings.{}}}", names.of("author", 0)) };
    let mut build = Build {
        dice: dice.clone(),
        names,
        author,
        steps: String::new(),
        beside: BTreeMap::new(),
        operations: BTreeSet::new(),
        tickets: Vec::new(),
        records: Vec::new(),
        order_ids: Vec::new(),
        orders: Vec::new(),
        batches: Vec::new(),
        texts: Vec::new(),
        conditions: Vec::new(),
        numbers: Vec::new(),
        locales: Vec::new(),
        labels: Vec::new(),
        keyed_by_order: false,
        bits: 0,
        waited: 0,
        counts: BTreeMap::new(),
        number: if settings.is_empty() { number } else { number.saturating_add(500) },
    };
    let purposes = ["essential.service.operations", "essential.service.operations.support", "essential.service"];
    let purpose = build.dice.pick(&purposes).copied().unwrap_or_default();
    let mode = ["mode = \"shadow\"\n", "mode = \"live\"\n"].get(build.dice.below(8)).copied().unwrap_or_default();
    let restart = if build.dice.one_in(3) { "on_restart = \"manual\"\n" } else { "" };
    let (trigger, limits, cancel, event) = trigger(&mut build);
    let open = ["trigger.order_id", "trigger.ticket_id", "trigger.order"];
    let open = open.iter().find(|path| limits.contains(&format!("= \"{path}\"\n")));
    let open = open.map(|path| format!("open = \"https://made.example/o/${{url({path})}}\"\n")).unwrap_or_default();
    if !settings.is_empty() {
        let id = build.name("tuned");
        let values = TUNED.map(|(kind, _)| format!("{kind} = \"${{settings.{}}}\"", names.of(kind, 0)));
        build.step(&id, &[], &format!("set = {{ {} }}", values.join(", ")));
    }
    for _ in 0..length.max(1) {
        fragments::add(&mut build);
    }
    let mut text =
        format!("name = \"{name}\"\nsummary = \"Made for tests\"\npurpose = \"{purpose}\"\n{mode}\n{settings}");
    text += &format!("{trigger}\n[limits]\ntimeout = \"1h\"\nconcurrency = 8\n{limits}\n{}{cancel}", build.steps);
    text += &format!("[[kpi]]\nname = \"{}\"\ncount = true\n", build.name("kpi"));
    if let Some((label, when)) = build.labels.first().cloned() {
        text += &format!(
            "\n[[kpi]]\nname = \"{}\"\nwhen = \"{when}\"\ncount = true\nby = [\"{label}\"]\nper = \"1d\"\n",
            build.name("kpi")
        );
    }
    if let Some(order) = build.orders.iter().find(|order| order.guard.is_empty()).cloned() {
        text += &format!("\n[[kpi]]\nname = \"{}\"\nsum = \"{}.total\"\n", build.name("kpi"), order.path);
    }
    text += &format!("\n[fallback]\n{open}{restart}queue = \"{}\"\n", names.of("leads", 0));
    let tests = format!(
        "[[scenario]]\nname = \"it runs\"\nat = \"2026-03-02T09:00:00Z\"\n{event}[scenario.expect]\noutcome = \"done\"\n"
    );
    Made { name, text, tests, beside: build.beside, operations: build.operations, settings: BTreeMap::new() }
}

/// An event that only a token vouches for: before anything is done, the order that it names is read, and nothing is done to
/// that order, which anyone may have named. Events that were never delivered are found in a list.
fn rung(build: &mut Build) -> (String, String, String, String) {
    let bell = build.connection("bell");
    let mut text = format!("[trigger.webhook]\nconnection = \"{bell}\"\nevent = \"order.rung\"\n");
    if build.dice.one_in(2) {
        let read = build.operation("bell", "list_rings");
        text += &format!(
            "reconcile = {{ read = \"{read}\", with = {{ kind = \"all\" }}, every = \"1h\", lag = \"10m\" }}\n"
        );
    }
    build.confirmed();
    let event = "[scenario.event]\nkind = \"rung\"\norder = \"1017\"\n";
    (text, "one_at_a_time = \"trigger.order_id\"\n".to_owned(), String::new(), event.to_owned())
}

/// What bounds runs of one key.
pub(super) fn keyed(build: &mut Build, path: &str) -> String {
    let mut lines = format!("one_at_a_time = \"{path}\"\n");
    if build.dice.one_in(3) {
        lines += "per_key = \"3/day\"\n";
    }
    if build.dice.one_in(3) {
        lines += "debounce = \"10m\"\n";
        if build.dice.one_in(2) {
            lines += "debounce_most = \"30m\"\n";
        }
    }
    lines
}

/// A list of rings that the mill's bell keeps, read again and again.
fn polled(build: &mut Build) -> (String, String, String, String) {
    build.order_ids.push(Value { path: "trigger.order_id".to_owned(), guard: String::new(), swayed: false });
    build.keyed_by_order = true;
    let read = build.operation("bell", "list_rings");
    let text = format!("[trigger.poll]\nread = \"{read}\"\nwith = {{ kind = \"all\" }}\nevery = \"5m\"\n");
    let event = "[scenario.event]\norder = \"1017\"\nchanged_at = \"2026-03-02T08:59:00Z\"\n";
    (text, keyed(build, "trigger.order_id"), String::new(), event.to_owned())
}

/// What starts runs: its table, further lines of `[limits]`, what ends runs early, and the event of the scenario.
fn trigger(build: &mut Build) -> (String, String, String, String) {
    let always = |path: &str| Value { path: path.to_owned(), guard: String::new(), swayed: false };
    let order = "order = { type = \"token\" }";
    match build.dice.below(14) {
        6 => rung(build),
        7..10 => horns::blown(build),
        10 => polled(build),
        0 | 11 | 12 => {
            build.tickets.push(always("trigger.ticket_id"));
            let text = format!(
                "[trigger.webhook]\nconnection = \"{}\"\nevent = \"ticket.created\"\n",
                build.connection("desk")
            );
            let event = "[scenario.event]\ntopic = \"ticket.created\"\ndata.item = { id = \"4201\", created_at = 1772442000 }\n";
            (text, keyed(build, "trigger.ticket_id"), String::new(), event.to_owned())
        }
        1 => {
            build.order_ids.push(always("trigger.order_id"));
            build.keyed_by_order = true;
            let pay = build.connection("pay");
            let text = format!("[trigger.webhook]\nconnection = \"{pay}\"\nevent = \"payment.refused\"\n");
            let of = if build.dice.one_in(2) { "match = \"trigger.order_id\"\n" } else { "" };
            let cancel = format!(
                "[[cancel]]\non = {{ connection = \"{pay}\", event = \"payment.cancelled\", key = \"order_id\" }}\n{of}\n"
            );
            let event = "[scenario.event]\neventCode = \"AUTHORISATION\"\nsuccess = \"false\"\npspReference = \"P1\"\nmerchantReference = \"1017\"\namount = { value = 100, currency = \"EUR\" }\n";
            (text, keyed(build, "trigger.order_id"), cancel, event.to_owned())
        }
        2 | 13 => {
            build.order_ids.push(always("trigger.order_id"));
            build.keyed_by_order = true;
            let only = if build.dice.one_in(2) { "match = { state = \"paid\" }\n" } else { "" };
            // What the list is asked for alone is always so.
            if only.is_empty() {
                build.conditions.push(always("trigger.state == 'paid'"));
            }
            let read = build.operation("shop", "list_changes");
            build.locales.push("trigger.language".to_owned());
            let text = format!("[trigger.poll]\nread = \"{read}\"\nevery = \"1m\"\nlag = \"5m\"\n{only}");
            let event = "[scenario.event]\nid = \"1017\"\nchanged_at = \"2026-03-02T08:59:00Z\"\nstate = \"paid\"\n";
            (text, keyed(build, "trigger.order_id"), String::new(), event.to_owned())
        }
        3 => {
            // Anyone may have written what is in a file: it tells runs apart and chooses no record.
            let text = format!(
                "[trigger.inbox]\nfolder = \"{}\"\npattern = \"*.json\"\nafter = \"{}\"\nfields = {{ order = {{ at = \"meta.order\", type = \"token\" }} }}\n",
                build.name("folder"),
                if build.dice.one_in(2) { "move" } else { "keep" }
            );
            (
                text,
                keyed(build, "trigger.order"),
                String::new(),
                "[scenario.event]\nmeta = { order = \"1017\" }\n".to_owned(),
            )
        }
        4 => {
            build.order_ids.push(always("trigger.order"));
            let text = format!("[trigger.manual]\nfields = {{ {order} }}\n");
            (text, String::new(), String::new(), "[scenario.event]\norder = \"1017\"\n".to_owned())
        }
        _ => {
            let missed = ["skip", "once", "all"].get(build.dice.below(3)).copied().unwrap_or("skip");
            let cron =
                ["30 8 * * 1-5", "*/15 * * * *", "0 0 1 * *"].get(build.dice.below(3)).copied().unwrap_or("0 9 * * *");
            let text =
                format!("[trigger.schedule]\ncron = \"{cron}\"\nzone = \"Europe/Berlin\"\nmissed = \"{missed}\"\n");
            (text, String::new(), String::new(), String::new())
        }
    }
}
