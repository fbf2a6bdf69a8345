//! What people need to see at once: what is most urgent, what it means, what can be done, and what cannot.

use assent_schema::alert::Rule;

use crate::played::{FAILED, Place, WAITS, run};

/// The part of a page between two texts.
fn between<'p>(page: &'p str, from: &str, to: &str) -> &'p str {
    let (_, rest) = page.split_once(from).unwrap_or_else(|| panic!("no {from}: {page}"));
    rest.split(to).next().unwrap_or_default()
}

/// A sentence of the table of rules as a page has it.
fn told(text: &str) -> String {
    let parts = text.split('`').enumerate();
    parts.map(|(place, part)| if place % 2 == 1 { format!("<code>{part}</code>") } else { part.to_owned() }).collect()
}

#[test]
fn alerts_and_incidents_say_what_they_mean_and_what_to_do() {
    let place = Place::new();
    let alice = place.sign_in("alice");
    for page in ["/", "/incidents"] {
        let body = place.look(page, &alice).body;
        let alerts = between(&body, "id=\"alerts\"", "</section>");
        for text in [Rule::RotationOverdue.row().what, Rule::RotationOverdue.row().help] {
            assert!(alerts.contains(&told(text)), "{page}: {text}: {alerts}");
        }
        let incidents = between(&body, "id=\"incidents\"", "</section>");
        assert!(incidents.contains(&told(Rule::RunFailed.row().help)), "{page}: {incidents}");
    }
    let id = place.look("/incidents", &alice).field("incident");
    let one = place.look(&format!("/incidents/{id}"), &alice).body;
    assert!(
        one.contains(&told(Rule::RunFailed.row().what)) && one.contains(&told(Rule::RunFailed.row().help)),
        "{one}"
    );
}

#[test]
fn what_nobody_answered_stands_first_with_the_name_that_alerts_have_for_it() {
    let place = Place::new();
    let alice = place.sign_in("alice");
    let order = || -> Vec<String> {
        let body = place.look("/incidents", &alice).body;
        let rows = body.split("id=\"incident-").skip(1);
        rows.map(|row| between(row, "<code>", "</code>").to_owned()).collect()
    };
    let before = order();
    assert!(before.len() == 2 && before.iter().all(|id| id.starts_with("i-")), "{before:?}");
    let first = before.first().expect("a row");
    assert_eq!(place.act("/incidents", &alice, &[("incident", first), ("step", "acknowledge")]).status, 303);
    let after = order();
    assert_eq!(after, before.iter().rev().cloned().collect::<Vec<_>>());
    let body = place.look("/incidents", &alice).body;
    assert!(body.find("pill bad").expect("a pill") < body.find("pill busy").expect("a pill"), "{body}");
}

#[test]
fn a_run_that_went_on_says_as_what_and_offers_nothing_more() {
    let place = Place::new();
    let alice = place.sign_in("alice");
    let (failed, next) = (run(FAILED.0, FAILED.1), run(101, 87_000));
    let at = format!("/runs/{failed}");
    assert!(place.look(&at, &alice).body.contains(&format!("action=\"{at}\"")));
    place.go_on(failed, next);
    let body = place.look(&at, &alice).body;
    assert!(body.contains(&format!("as <a href=\"/runs/{next}\">run acme-2</a>")), "{body}");
    assert!(!body.contains(&format!("action=\"{at}\"")), "{body}");
}

#[test]
fn a_run_that_is_done_is_run_again_on_purpose_alone() {
    let place = Place::new();
    let alice = place.sign_in("alice");
    let body = place.look(&format!("/runs/{}", run(100, 90_000)), &alice).body;
    let acts = between(&body, "id=\"acts\"", "</details>");
    assert!(acts.contains("<summary>Run again</summary>") && acts.contains("class=\"danger\" type=\"submit\">Rerun<"));
    assert!(acts.contains("It moved money") && !body.contains("Do it"), "{body}");
}

#[test]
fn an_effect_in_doubt_that_nothing_can_settle_is_left_to_people() {
    let place = Place::new();
    let alice = place.sign_in("alice");
    let body = place.look(&format!("/runs/{}", run(9, 5_000)), &alice).body;
    assert!(body.contains("the agent cannot find out") && !body.contains("value=\"retry\""), "{body}");
    assert!(body.contains("value=\"skip\" required>") && !body.contains("value=\"skip\" required checked"), "{body}");
    let other = place.look(&format!("/runs/{}", run(FAILED.0, FAILED.1)), &alice).body;
    assert!(other.contains("value=\"retry\" required checked") && !other.contains("cannot find out"), "{other}");
}

#[test]
fn a_condition_that_kept_a_step_from_running_is_no_failure() {
    let place = Place::new();
    let alice = place.sign_in("alice");
    let body = place.look(&format!("/runs/{}", run(101, 87_000)), &alice).body;
    let step = between(&body, "id=\"step-order\"", "</li><li class=\"step");
    assert!(step.contains("calm decides") && !step.contains("li class=\"bad\""), "{step}");
    let failed = place.look(&format!("/runs/{}", run(FAILED.0, FAILED.1)), &alice).body;
    let tries = between(&failed, "class=\"attempts\"", "</ul>");
    assert!(tries.contains(".040 UTC</time>"), "the zone and the millisecond: {tries}");
}

#[test]
fn numbers_of_before_a_recovery_are_told_apart() {
    let place = Place::new();
    let alice = place.sign_in("alice");
    let failed = format!("/runs/{}", run(FAILED.0, FAILED.1));
    for page in ["/runs", &failed] {
        assert!(!place.look(page, &alice).body.contains("before the recovery"), "{page}");
    }
    place.recover();
    for page in ["/runs", &failed] {
        assert!(place.look(page, &alice).body.contains("before the recovery"), "{page}");
    }
    // The agent lets none of them go on, so nothing else is offered.
    let old = place.look(&failed, &alice).body;
    assert!(old.contains("value=\"done\"") && !old.contains("value=\"retry\""), "{old}");
    let done = place.look(&format!("/runs/{}", run(100, 90_000)), &alice).body;
    assert!(done.contains("it does not go on") && !done.contains("name=\"verb\""), "{done}");
    // In one spelling, by which they are found.
    let later = run(50, -5);
    assert_eq!(place.begin(later), "acme-2.29");
    let body = place.look("/runs", &alice).body;
    let link = |run, name: &str| format!("<a href=\"/runs/{run}\">{name}</a>");
    assert!(body.contains(&link(later, "acme-2.29")), "{body}");
    assert!(body.contains(&link(run(FAILED.0, FAILED.1), "acme-25")), "{body}");
    assert!(place.look(&format!("/runs/{later}"), &alice).body.contains("<h1>Run acme-2.29 "));
    for (name, found) in [("acme-2.29", later), ("+acme-25+", run(FAILED.0, FAILED.1))] {
        let answer = place.look(&format!("/runs?q={name}"), &alice);
        assert_eq!(answer.header("location"), Some(format!("/runs/{found}").as_str()), "{name}");
    }
    for none in ["acme-29", "acme-2.25", "zenith-1", "acme-3.28"] {
        assert_eq!(place.look(&format!("/runs?q={none}"), &alice).status, 200, "{none}");
    }
    let ledger = place.look("/ledger?client=acme&kind=all", &alice).body;
    assert!(ledger.contains(">run acme-2.18"), "{ledger}");
    let found = place.look("/ledger?client=acme&kind=ended&run=acme-2.18404", &alice).body;
    assert!(found.contains("<strong>ended</strong>") && found.contains("value=\"acme-2.18404\""), "{found}");
}

#[test]
fn an_alert_has_a_page_to_which_its_links_lead_also_when_it_is_over() {
    let place = Place::new();
    let (alice, bob, lena) = (place.sign_in("alice"), place.sign_in("bob"), place.sign_in("lena"));
    let list = place.look("/incidents", &alice).body;
    let id = between(&list, "id=\"alert-", "\"").to_owned();
    let at = format!("/alerts/{id}");
    assert!(list.contains(&format!("href=\"{at}\"")), "{list}");
    place.noted();
    let page = place.look(&at, &alice);
    assert_eq!((page.status, place.noted()), (200, vec!["acme viewed alice alert".to_owned()]), "{}", page.body);
    for text in [Rule::RotationOverdue.row().what, Rule::RotationOverdue.row().help] {
        assert!(page.body.contains(&told(text)), "{text}: {}", page.body);
    }
    let done = place.act("/alerts", &alice, &[("alert", &id), ("from", "alert")]);
    assert_eq!((done.status, done.header("location")), (303, Some(format!("{at}?said=cared-for").as_str())));
    let page = place.look(&at, &alice).body;
    assert!(page.contains("alice has acknowledged it") && !page.contains("action=\"/alerts\""), "{page}");
    place.end_alert(id.trim_start_matches("a-").parse().expect("a number"));
    let page = place.look(&at, &alice).body;
    assert!(page.contains("Its cause is gone") && !page.contains("What to do"), "{page}");
    assert!(!place.look("/incidents", &alice).body.contains(&at), "it stands no more");

    // Who may not see the client learns nothing; that of an incident leads to the incident; a number of none to nothing.
    place.noted();
    for cookie in [&bob, &lena] {
        assert_eq!(place.look(&at, cookie).status, 404);
        assert!(place.noted().concat().ends_with("not_assigned"));
    }
    let incident = place.look("/incidents", &alice).field("incident");
    let led = place.look(&format!("/alerts/{}", incident.replace("i-", "a-")), &alice);
    assert_eq!(led.header("location"), Some(format!("/incidents/{incident}").as_str()));
    assert_eq!(place.look("/alerts/a-999", &alice).status, 404);
    assert_eq!(place.look(&at, "").status, 401);
}

#[test]
fn two_questions_are_told_apart_and_say_by_when_on_a_clock() {
    let place = Place::new();
    let lena = place.sign_in("lena");
    let waits = run(WAITS.0, WAITS.1);
    let list = place.look("/decisions", &lena).body;
    assert!(list.contains("run acme-27"), "{list}");
    // What began it is none of what the client lets this person see, unless the plan shows it to them.
    assert!(!list.contains("evt-18425"), "{list}");
    let otto = place.sign_in("otto");
    assert!(place.look("/decisions", &otto).body.contains("<code>evt-18425</code>"));
    assert!(
        list.contains("asked <time") && list.contains("in 3 h 50 min, by <time") && list.contains(">13:04 UTC<"),
        "{list}"
    );
    let question = place.look(&format!("/decisions/{}", "07".repeat(32)), &lena).body;
    assert!(question.contains(&waits.to_string()) && question.contains(">13:04 UTC<"), "{question}");
}

#[test]
fn nothing_is_chosen_for_people_and_no_list_is_a_dead_end() {
    let place = Place::new();
    let alice = place.sign_in("alice");
    let holds = place.look("/holds", &alice).body;
    assert!(holds.contains("<option value=\"\" disabled selected>choose</option>"), "{holds}");
    let empty = place.look("/runs?client=acme&workflow=nothing", &alice).body;
    assert!(empty.contains("<a href=\"/runs\">Clear the filters</a>"), "{empty}");
    let passkey = place.look("/passkey", &alice).body;
    assert!(!passkey.contains("aria-current"), "{passkey}");
    let overview = place.look("/", &alice).body;
    assert!(overview.contains("stays back: <code>failed_runs</code>"), "{overview}");
    assert!(overview.contains("title=\"It runs and is watched"), "{overview}");
}

#[test]
fn a_ledger_is_shown_without_looks_unless_they_are_asked_for() {
    let place = Place::new();
    let alice = place.sign_in("alice");
    let page = place.look("/ledger?client=acme", &alice).body;
    assert!(!page.contains("<strong>viewed</strong>") && page.contains("<strong>intent</strong>"), "{page}");
    assert!(page.contains("When (UTC)"), "{page}");
    // Short, and whole when it is pointed at.
    assert!(page.contains(&format!("<code title=\"{}\">abababababab…</code>", "ab".repeat(32))), "{page}");
    assert!(place.look("/ledger?client=acme&kind=all", &alice).body.contains("<strong>viewed</strong>"));
    assert!(place.look("/ledger?client=acme&kind=viewed", &alice).body.contains("<strong>viewed</strong>"));
}
