//! Fragments that ask an AI: what a text is about, and a draft that a person reads before it is sent.

use super::workflow::{Build, Value};

/// Asks what somebody wrote about.
pub(super) fn ask(build: &mut Build) {
    let (id, texts) = (build.name("topic"), build.texts.clone());
    let text = build.dice.pick(&texts).cloned().unwrap_or_default();
    let (prompt, mind) = (build.file("prompts", "prompt"), build.connection("mind"));
    build.beside.insert(prompt.clone(), "Say what it is about.\n".to_owned());
    let many = build.dice.below(6).saturating_add(2);
    let answers = (0..many).map(|n| format!("\"a{n}\"")).collect::<Vec<_>>().join(", ");
    let sure =
        ["", "answer.sure = { type = \"boolean\" }\n", "answer.sure = { type = \"number\", between = [0, 1] }\n"];
    let sure = sure.get(build.dice.below(3)).copied().unwrap_or_default();
    let spend = if build.dice.one_in(2) { ", spend = { most = 50, currency = \"EUR\" }" } else { "" };
    let lines = format!(
        "ask = \"{mind}\"\nprompt = \"{prompt}\"\nwith = {{ text = \"${{{text}}}\" }}\nanswer.about = {{ one_of = [{answers}] }}\n{sure}limit = {{ tokens = 500, tries = 2{spend} }}"
    );
    build.step(&id, &[], &lines);
    build.bits = build.bits.saturating_add(6);
    let guard = format!("{id}.ended == 'answered'");
    build.conditions.push(Value { path: format!("{id}.about == 'a0'"), guard: guard.clone(), swayed: true });
    if sure.contains("number") {
        build.bits = build.bits.saturating_add(1);
        build.conditions.push(Value { path: format!("{id}.sure >= 0.5"), guard: guard.clone(), swayed: true });
    }
    build.labels.push((format!("{id}.about"), guard));
}

/// Drafts a reply from articles with its sources, keeps it while a person reads it, and sends what the person left.
pub(super) fn reply(build: &mut Build) {
    let records = build.records.clone();
    let ticket = build.dice.pick(&records).cloned().unwrap_or_default();
    let (articles, draft, failed) = (build.name("articles"), build.name("draft"), build.name("failed"));
    let (keep, agree, send) = (build.name("keep"), build.name("agree"), build.name("send"));
    let (prompt, mind) = (build.file("prompts", "prompt"), build.connection("mind"));
    build.beside.insert(prompt.clone(), "Draft a reply from the sources.\n".to_owned());
    let call = build.operation("desk", "search_articles");
    let lines = format!("call = \"{call}\"\nwith = {{ phrase = \"${{{ticket}.subject}}\", state = \"published\" }}");
    build.step(&articles, &[], &lines);
    let lines = format!(
        "ask = \"{mind}\"\nprompt = \"{prompt}\"\nwith = {{ question = \"${{{ticket}.body}}\" }}\nsources = \"{articles}.items\"\nanswer.text = {{ type = \"text\", most_bytes = 4000 }}\nanswer.cited = {{ citations = 5 }}\nlimit = {{ tokens = 2000, tries = 2 }}"
    );
    build.step(&draft, &[], &lines);
    build.step(&failed, &[&format!("{draft}.ended != 'answered'")], "stop = \"unanswered\"");
    let call = build.operation("desk", "keep_note");
    build.operation("desk", "get_note");
    let author = build.author.clone();
    let lines = format!(
        "call = \"{call}\"\nwith = {{ contact = \"${{{ticket}.requester}}\", by = \"{author}\", body = \"${{{draft}.text}}\" }}"
    );
    build.step(&keep, &[], &lines);
    let lines = format!(
        "decide = {{ by = \"{}\", show = [\"{ticket}.subject\", \"{ticket}.id\", \"{draft}.text\", \"{draft}.cited\"], edit = [\"{draft}.text\"], within = \"8h\", via = [\"cli\"] }}",
        build.names.of("leads", 0)
    );
    build.step(&agree, &[], &lines);
    let call = build.operation("desk", "reply_ticket");
    let lines = format!(
        "call = \"{call}\"\nwith = {{ id = \"${{{ticket}.id}}\", by = \"{author}\", body = \"${{html({draft}.text)}}\" }}\nparked = \"{keep}\""
    );
    build.step(&send, &[&format!("{agree}.approved")], &lines);
    build.bits = build.bits.saturating_add(16);
    build.wait(200);
}
