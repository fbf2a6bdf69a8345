//! One question, whole: nothing of what is agreed to is cut short or hidden.

use std::collections::{BTreeMap, BTreeSet};

use assent_schema::id::{Name, OperationRef};
use assent_schema::plan::{Action, Effect, Plan};
use assent_schema::release::Choice;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{Markup, html};

use super::marks::{Mark, mark, pill};
use super::passkey::{self, ToSign};
use super::{Body, Section, form_field};
use crate::console::words;
use crate::people::wire::{NoLonger, Shown};
use crate::store::RunName;
use crate::world::Wall;

/// What became of a question that nobody asks any more, for those who might have answered it.
pub(in crate::console) fn over(over: &NoLonger) -> Body {
    let main = html! {
        p.crumbs { a href="/decisions" { "Decisions" } }
        h1 { @if over.by.is_some() { "Already decided" } @else { "Not asked any more" } }
        p.facts {
            span { "workflow " (over.workflow) } span { "step " code { (over.step) } }
            @if let Some(item) = &over.item { span { "item " code { (words::told(item.as_str())) } } }
            span { "run " @if let Some(name) = &over.name { (name) ", " } code { (over.run) } }
        }
        p { (sentence(over)) }
    };
    Body { title: "A question".into(), section: Section::Decisions, main, is_live: false }
}

/// What became of it, as a sentence.
fn sentence(over: &NoLonger) -> String {
    let became = over.became();
    let mut letters = became.chars();
    // Whoever decided is named as they are.
    let first = letters.next().filter(|_| over.by.is_none());
    first.map_or_else(|| format!("{became}."), |first| format!("{}{}.", first.to_uppercase(), letters.as_str()))
}

/// The answer was taken; with it goes the receipt, once, as a file.
pub(in crate::console) fn decided(shown: &Shown, choice: Choice, receipt: &[u8]) -> Body {
    let said = super::said(if choice == Choice::Approve { "yes" } else { "no" });
    let run = shown.name.as_ref().map_or_else(|| shown.run.to_string(), ToString::to_string);
    let main = html! {
        p.crumbs { a href="/decisions" { "Decisions" } }
        h1 { "Decided" }
        @if let Some(said) = said { p.banner.good role="status" { (mark(Mark::Good)) (said) } }
        p.facts { span { "workflow " (shown.workflow) } span { "step " code { (shown.step) } } span { "run " (run) } }
        p {
            a download={ "receipt-" (run) "-" (shown.step) ".json" }
                href={ "data:application/json;base64," (STANDARD.encode(receipt)) } { "Save your receipt" }
        }
        p.hint {
            "With it you can show later what you were shown; without it nobody can. The ledger holds a digest of it alone, "
            "and this is the only time that it is offered. Keep it as safe as what stands in it."
        }
        p { a href="/decisions" { "To what else is waiting" } }
    };
    Body { title: "Decided".into(), section: Section::Decisions, main, is_live: false }
}

/// A question with its answers.
pub(in crate::console) fn page(shown: &Shown, plan: Option<&Plan>, run: Option<&RunName>, now: Wall) -> Body {
    let main = html! {
        (head(shown, plan, run, now))
        form.decide method="post" action={ "/decisions/" (shown.nonce) } {
            (form_field())
            input type="hidden" name="shown" value=(shown.shown);
            (values(shown, plan, true, &BTreeMap::new()))
            @if let Some(plan) = plan { (what_follows(plan, &shown.step, &shown.done)) }
            div.answers {
                button.yes type="submit" name="choice" value="approve" { (mark(Mark::Good)) "Yes, do it" }
                button.no type="submit" name="choice" value="refuse" { (mark(Mark::Bad)) "No" }
                @if shown.signature { p.hint { "This moves money or is above a limit: the next page has you sign it, with a passkey or an SSH key." } }
            }
        }
    };
    Body { title: "A question".into(), section: Section::Decisions, main, is_live: false }
}

fn head(shown: &Shown, plan: Option<&Plan>, run: Option<&RunName>, now: Wall) -> Markup {
    html! {
        p.crumbs { a href="/decisions" { "Decisions" } }
        h1 { (plan.map_or(shown.workflow.as_str(), |plan| plan.summary.as_str())) }
        p.facts {
            @if shown.guardrail { (pill("warn", Mark::Warn, "above a limit")) }
            span { "workflow " (shown.workflow) } span { "step " code { (shown.step) } }
            @if let Some(item) = &shown.item { span { "item " code { (words::told(item.as_str())) } } }
            span { "group " (shown.by) }
            span { "run " @if let Some(name) = run { (name) ", " } code { (shown.run) } } span { "counts as no " (words::deadline(now, shown.until)) }
        }
    }
}

/// Everything that is shown, with a field where the text may be changed.
fn values(shown: &Shown, plan: Option<&Plan>, may_edit: bool, edits: &BTreeMap<String, String>) -> Markup {
    html! {
        dl.shown {
            @for (path, value) in in_order(shown, plan) {
                @let is_edited = edits.get(path);
                div {
                    @match value.as_str().filter(|_| may_edit && shown.edit.contains(path)) {
                        Some(text) => {
                            dt { label for={ "edit." (path) } { (name(path)) } small { "You can edit this; it is sent exactly as shown" } }
                            dd {
                                textarea id={ "edit." (path) } name={ "edit." (path) } rows=(rows(text)) spellcheck="true" dir="auto" {
                                    // Parsers drop the first line end of a field.
                                    "\n" (text)
                                }
                                @if words::told(text).into_string().contains("class=\"odd\"") {
                                    p.hint { "With what does not show: " (words::told(text)) }
                                }
                            }
                        }
                        None => {
                            dt { (name(path)) @if is_edited.is_some() { small { "as you changed it" } } }
                            dd { @match is_edited { Some(text) => span.text dir="auto" { (words::told(text)) }, None => (words::value(value)) } }
                        }
                    }
                }
            }
        }
    }
}

/// All that is shown, in the order in which the workflow's author put it.
fn in_order<'s>(shown: &'s Shown, plan: Option<&Plan>) -> Vec<(&'s String, &'s serde_json::Value)> {
    let order = match plan.and_then(|plan| plan.step(shown.step.as_str())).map(|step| &step.action) {
        Some(Action::Decide { show, .. }) => show.as_slice(),
        _ => &[],
    };
    let mut values: Vec<_> = shown.values.iter().collect();
    values.sort_by_key(|(path, _)| order.iter().position(|one| one == *path).unwrap_or(order.len()));
    values
}

/// `reply.text` as people read it: `reply › text`.
fn name(path: &str) -> Markup {
    html! { span { @for (place, part) in path.split('.').enumerate() { @if place > 0 { span.of { " › " } } (part.replace('_', " ")) } } }
}

fn rows(text: &str) -> usize {
    let lines = text.lines().map(|line| 1 + line.chars().count() / 70).sum::<usize>();
    lines.clamp(3, 24)
}

/// The effects that stand behind the question in its plan: those that a yes lets happen, and those that are done already, as where
/// a run goes on with another.
fn what_follows(plan: &Plan, asks: &Name, done: &BTreeSet<Name>) -> Markup {
    let behind = plan.every_step().skip_while(|step| step.id != *asks);
    let effects = behind.filter_map(|step| {
        let effect = match &step.action {
            Action::Call { operation, .. } => {
                let effect = plan.operations.get(operation)?.effect;
                let words = match effect {
                    Effect::None => return None,
                    Effect::Draft => "drafts",
                    Effect::Write => "writes",
                    Effect::Message => "sends a message",
                    Effect::Money => "moves money",
                };
                (operation, words)
            }
            _ => return None,
        };
        Some((effect, done.contains(&step.id)))
    });
    let (before, follows): (Vec<_>, Vec<_>) = effects.partition(|(_, is_done)| *is_done);
    html! {
        @if !follows.is_empty() {
            p.follows { strong { "If you agree, and where the conditions hold: " } (listed(&follows)) }
        }
        @if !before.is_empty() {
            p.follows { strong { "Already done, and not done again: " } (listed(&before)) }
        }
    }
}

fn listed(effects: &[((&OperationRef, &str), bool)]) -> Markup {
    html! {
        @for (place, ((operation, words), _)) in effects.iter().enumerate() { @if place > 0 { ", " } (words) " (" code { (operation) } ")" } "."
    }
}

/// What is to be signed, under all that was shown: with a passkey, where one counts here, or with an SSH key.
pub(in crate::console) fn to_sign(
    (shown, plan): (&Shown, Option<&Plan>),
    choice: Choice,
    edits: &BTreeMap<String, String>,
    (decision, passkey): (&str, &ToSign<'_>),
    now: Wall,
) -> Body {
    let yes = choice == Choice::Approve;
    let (class, action) = (if yes { "yes" } else { "no" }, format!("/decisions/{}", shown.nonce));
    let fields = html! {
        (form_field())
        input type="hidden" name="shown" value=(shown.shown);
        input type="hidden" name="choice" value=(if yes { "approve" } else { "refuse" });
        input type="hidden" name="decision" value=(decision);
        @for (path, text) in edits { input type="hidden" name={ "edit." (path) } value=(text); }
    };
    let main = html! {
        p.crumbs { a href=(action) { "Back to the question" } }
        h1 { @if yes { "Sign your yes" } @else { "Sign your no" } }
        p.facts { span { "workflow " (shown.workflow) } span { "counts as no " (words::deadline(now, shown.until)) } }
        (values(shown, plan, false, edits))
        (passkey::form(&action, passkey, if yes { "Sign the yes with your passkey" } else { "Sign the no with your passkey" }, class, &fields))
        h2 { "With your SSH key" }
        form.stack method="post" action=(action) {
            (fields)
            figure.command {
                figcaption { "Sign this line, and paste what it prints:" }
                pre tabindex="0" aria-label="Command" data-copy="" {
                    code { "printf '%s' '" (decision) "' | ssh-keygen -Y sign -n decision@assent -f ~/.ssh/id_ed25519" }
                }
            }
            label { "Signature" textarea.code name="signature" rows="7" required autofocus spellcheck="false" placeholder="-----BEGIN SSH SIGNATURE-----" {} }
            button type="submit" class=(class) { @if yes { "Send the signed yes" } @else { "Send the signed no" } }
        }
    };
    Body { title: "Sign".into(), section: Section::Decisions, main, is_live: false }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::run::done_before;
    use crate::store::JournalRow;

    /// Whoever is asked again, because a run goes on with another, is not told that the money moves once more.
    #[test]
    fn what_is_done_already_does_not_follow_a_yes() {
        let operation = |effect: &str| {
            json!({"record": "r", "method": "POST", "path": "/x", "encoding": "json", "effect": effect, "scopes": [],
                "params": {}, "response": {}, "most_bytes": 1, "timeout": "1s"})
        };
        let call = |id: &str| json!({"id": id, "action": {"kind": "call", "operation": format!("shop.{id}"), "with": {}, "retry": {"attempts": 2, "first": "1s", "most": "1m"}}});
        let plan: Plan = serde_json::from_value(json!({
            "type": "plan", "schema": 1, "client": "acme", "workflow": "refund", "summary": "s", "purpose": "p", "mode": "live",
            "trigger": {"kind": "manual", "fields": {}}, "limits": {"timeout": "10m", "concurrency": 1}, "connections": {},
            "operations": {"shop.pay": operation("money"), "shop.mail": operation("message")},
            "steps": [
                {"id": "agree", "action": {"kind": "decide", "by": "leads", "show": ["trigger.id"], "within": "4h", "via": ["page"]}},
                call("pay"), call("mail"),
            ],
            "fallback": {"queue": "leads"},
        }))
        .unwrap();
        let told = |rows: &[Value]| {
            let row = |entry: &Value| JournalRow {
                at: Wall::from_millis(5),
                entry: serde_json::from_value(entry.clone()).unwrap(),
            };
            let rows: Vec<JournalRow> = rows.iter().map(row).collect();
            what_follows(&plan, &"agree".parse().unwrap(), &done_before(&rows, None)).into_string()
        };
        let (pays, mails) = ("moves money (<code>shop.pay</code>)", "sends a message (<code>shop.mail</code>)");
        let first = told(&[]);
        assert!(first.contains(&format!("{pays}, {mails}.")) && !first.contains("Already done"), "{first}");
        let pay = json!({"intent": {"step": "pay", "attempt": 1, "operation": "shop.pay", "effect": "money"}});
        let paid = json!({"outcome": {"step": "pay", "attempt": 1, "code": "ok"}});
        let again = told(&[pay.clone(), paid]);
        assert!(again.contains(&format!("conditions hold: </strong>{mails}.")), "{again}");
        assert!(again.contains(&format!("Already done, and not done again: </strong>{pays}.")), "{again}");
        // Of what is in doubt nobody says that it is done.
        let doubt = json!({"outcome": {"step": "pay", "attempt": 1, "code": "no_reply", "in_doubt": true}});
        assert!(!told(&[pay, doubt]).contains("Already done"));
    }
}
