//! Statements as text: what is written is read, and nothing else is.

use super::*;
use crate::class::Class;
use crate::uses::UseKind;

fn used(workflow: &str, bits: u32) -> DataUse {
    DataUse {
        kind: UseKind::Release,
        workflow: Some(workflow.parse().unwrap()),
        purpose: Some("essential.service".into()),
        from: None,
        to: None,
        operation: None,
        effect: None,
        unattended: false,
        fields: [("ticket.body".to_owned(), Class::Content)].into(),
        puts: std::collections::BTreeMap::new(),
        scopes: None,
        guardrail: None,
        deciders: [("lena".parse().unwrap(), ["chat:U1".to_owned()].into())].into(),
        requests: std::collections::BTreeMap::new(),
        events: std::collections::BTreeMap::new(),
        opens: None,
        provider: None,
        agreement: None,
        retention: None,
        stale_limit: None,
        terms: BTreeSet::new(),
        bits: Some(bits),
        releases: vec!["intent: \"one\" of 3".into()],
    }
}

fn statement(says: Decision) -> Statement {
    let digest = Digest::of_file(b"");
    Statement {
        project: digest,
        client: "acme".parse().unwrap(),
        approvers: digest,
        serial: 7,
        given: "2026-03-02T09:00:00Z".parse().unwrap(),
        says,
    }
}

fn approval() -> Statement {
    let expires = "2027-03-01T00:00:00Z".parse().unwrap();
    statement(Decision::Approve(Approval::new(expires, [used("refund", 8), used("reply", 4)])))
}

#[test]
fn what_is_written_is_read_again() {
    let mut unsorted = approval();
    if let Decision::Approve(approval) = &mut unsorted.says {
        approval.uses.reverse();
        approval.uses.push(Arc::new(used("reply", 4)));
    }
    let text = unsorted.to_toml().unwrap();
    let read = Statement::parse("a.toml", text.as_bytes()).unwrap();
    assert_eq!(read.to_toml().unwrap(), text);
    let Decision::Approve(Approval { uses, .. }) = read.says else { panic!("an approval") };
    assert_eq!(uses.len(), 2);
    let all = vec![
        Cancelled::Digest(uses[0].digest().unwrap()),
        Cancelled::Workflow("reply".parse().unwrap()),
        Cancelled::All,
    ];
    for says in [Decision::Withdraw(all.clone()), Decision::Reject(all)] {
        let given = statement(says);
        assert_eq!(Statement::parse("a.toml", given.to_toml().unwrap().as_bytes()), Ok(given));
    }
}

#[test]
fn every_rule_of_the_file_is_held() {
    let good = approval().to_toml().unwrap();
    assert!(Statement::parse("a", good.as_bytes()).is_ok());
    let change = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        good.replacen(from, to, 1)
    };
    let (first, second) = good.split_once("\n[[use]]\n").unwrap();
    let (one, two) = second.split_once("\n[[use]]\n").unwrap();
    for bad in [
        change("type = \"approval\"", "type = \"approve\""),
        change("schema = 1", "schema = 2"),
        change("serial = 7", "serial = 0"),
        change("serial = 7", "serial = -7"),
        change("decision = \"approve\"", "decision = \"accept\""),
        change("expires = \"2027-03-01T00:00:00Z\"", "expires = \"2027-04-07T00:00:00Z\""),
        change("expires = \"2027-03-01T00:00:00Z\"", "expires = \"2026-03-02T09:00:00Z\""),
        change("expires = \"2027-03-01T00:00:00Z\"\n", ""),
        change("given = \"2026-03-02T09:00:00Z\"", "given = \"2026-03-02\""),
        change("bits = 4", "bits = 4\nbeats = 1"),
        change("client = \"acme\"\n", ""),
        change("kind = \"release\"", "kind = \"sale\""),
        format!("{first}\n[[use]]\n{two}\n[[use]]\n{two}\n"),
        format!("{first}\n[[use]]\n{one}\n[[use]]\n{one}\n"),
        format!("{first}\n"),
        change("decision = \"approve\"", "decision = \"withdraw\""),
    ] {
        assert!(Statement::parse("a", bad.as_bytes()).is_err(), "{bad}");
    }
    let withdraw = statement(Decision::Withdraw(vec![Cancelled::All])).to_toml().unwrap();
    for (from, to) in [
        ("all = true", "all = false"),
        ("all = true", "all = true\nworkflow = \"refund\""),
        ("all = true", "workflows = \"refund\""),
        ("[[use]]\nall = true", "expires = \"2027-01-01T00:00:00Z\"\n[[use]]\nall = true"),
    ] {
        assert!(withdraw.contains(from));
        assert!(Statement::parse("a", withdraw.replacen(from, to, 1).as_bytes()).is_err(), "{to}");
    }
}

/// Whoever signs reads a whole sentence.
#[test]
fn a_use_that_leaves_out_what_its_kind_needs_is_refused() {
    let good = approval().to_toml().unwrap();
    let (head, _) = good.split_once("\n[[use]]\n").unwrap();
    let of_workflow = "workflow = \"nope\"\npurpose = \"essential.service\"\n";
    let between = "from = { agent = true, region = \"eu\" }\nto = { agent = true, region = \"eu\" }\n";
    for (kind, rest, lacks) in [
        ("read", String::new(), "workflow"),
        ("read", of_workflow.to_owned(), "from"),
        ("effect", "workflow = \"nope\"\n".to_owned(), "purpose"),
        ("effect", format!("{of_workflow}{between}"), "operation"),
        ("effect", format!("{of_workflow}{between}operation = \"shop.refund\"\n"), "effect"),
        ("read", format!("{of_workflow}{between}"), "scopes"),
        ("effect", format!("{of_workflow}{between}operation = \"shop.refund\"\neffect = \"money\"\n"), "scopes"),
        ("ask", format!("{of_workflow}{between}"), "operation"),
        ("ask", format!("{of_workflow}{between}operation = \"ai.ask\"\n"), "scopes"),
        ("cache", format!("{of_workflow}{between}"), "operation"),
        ("show", of_workflow.to_owned(), "from"),
        ("release", of_workflow.to_owned(), "bits"),
        ("release", format!("{of_workflow}bits = 8\n"), "releases"),
        ("guardrail", String::new(), "retention"),
        ("guardrail", "retention = \"30d\"\n".to_owned(), "stale_limit"),
        ("guardrail", "operation = \"shop.refund\"\n".to_owned(), "guardrail"),
        ("guardrail", of_workflow.to_owned(), "to"),
        ("guardrail", "opens = \"https://desk.example\"\n".to_owned(), "workflow"),
    ] {
        let text = format!("{head}\n[[use]]\nkind = \"{kind}\"\n{rest}");
        let error = Statement::parse("a", text.as_bytes()).unwrap_err();
        assert_eq!(error.what, format!("has a `{kind}` without `{lacks}` as data use 1"), "{text}");
    }
}

/// Two spellings of one use have two digests, and a withdrawal names one of them.
#[test]
fn a_use_with_permissions_that_its_kind_has_none_of_is_refused() {
    let good = approval().to_toml().unwrap();
    for scopes in ["scopes = []", "scopes = [\"read\"]"] {
        let text = good.replacen("bits = 4", &format!("{scopes}\nbits = 4"), 1);
        let error = Statement::parse("a", text.as_bytes()).unwrap_err();
        assert_eq!(error.what, "has a `release` with `scopes` as data use 1");
    }
}

/// Whoever signs is shown lines, and a text with lines of its own would look like others.
#[test]
fn a_text_that_people_sign_is_one_line() {
    let good = approval().to_toml().unwrap();
    let release = "releases = [\"intent: \\\"one\\\" of 3\"]";
    assert!(good.contains(release), "{good}");
    for forged in [
        "releases = [\"x.\\n\\nThis signature takes back what follows:\"]",
        "releases = [\"a\\u000Ab\"]",
        "releases = [\"\"\"a\nb\"\"\"]",
        "releases = ['''a\nb''']",
        "releases = [\"a\"]\nterms = [\"plan: growth\\nwhatever\"]",
        "releases = [\"a\"]\nto = { \"a\\nb\" = true }",
    ] {
        let text = good.replacen(release, forged, 1);
        let error = Statement::parse("a", text.as_bytes()).unwrap_err();
        assert!(error.what.contains("line break") && error.span.is_some(), "{forged}: {}", error.what);
    }
    // What is sent as it stands may have lines: a query of GraphQL has.
    let digest = Digest::of_file(b"x");
    let sent =
        format!("requests = {{ \"shop.find\" = {{ digest = \"{digest}\", document = \"query {{\\n  a\\n}}\" }} }}");
    let text = good.replacen(release, &format!("{release}\n{sent}"), 1);
    let read = Statement::parse("a", text.as_bytes());
    assert!(!read.as_ref().is_err_and(|error| error.what.contains("line break")), "{read:?}");
}

#[test]
fn the_example_of_the_format_page_is_read() {
    let digest = Digest::of_file(b"x");
    let text = format!(
        r#"type = "approval"
schema = 1
project = "{digest}"
client = "acme"
approvers = "{digest}"
serial = 7
decision = "approve"                       # approve | reject | withdraw
given = "2026-03-02T09:00:00Z"
expires = "2027-03-01T00:00:00Z"

[[use]]
kind = "ask"
workflow = "refund"
purpose = "essential.service.operations.support"
from = {{ connection = "helpdesk", host = "acme.example.com", region = "eu" }}
to = {{ connection = "assistant", host = "ai.example.com", region = "eu" }}
operation = "assistant.ask"
effect = "none"
fields = {{ "ticket.body" = "content" }}
scopes = []
provider = "example-ai"
agreement = {{ name = "dpa-2026-01", forbids_training = true, until = "2027-01-01T00:00:00Z" }}
retention = "none"

[[use]]
kind = "effect"
workflow = "refund"
purpose = "essential.service.operations.support"
from = {{ agent = true, region = "eu" }}
to = {{ connection = "shop", host = "shop.example.com", region = "eu" }}
operation = "shop.refund"
effect = "money"
fields = {{ "order.id" = "reference", "order.total" = "reference" }}
scopes = ["orders:write"]
guardrail = {{ currency = "EUR", per_call = 10000, per_day = 100000, per_day_count = 50 }}
retention = "run"

[[use]]
kind = "show"
workflow = "refund"
purpose = "essential.service.operations.support"
from = {{ connection = "helpdesk", host = "acme.example.com", region = "eu" }}
to = {{ group = "support-leads", channel = "page", region = "eu" }}
fields = {{ "ticket.subject" = "content", "order.total" = "reference" }}
retention = "none"

[[use]]
kind = "release"
workflow = "refund"
purpose = "essential.service.operations.support"
bits = 8
releases = ["intent.intent: one_of 3", "intent: how it ended", "order: intent.confidence >= 0.8"]
"#
    );
    let read = Statement::parse("a", text.as_bytes()).unwrap();
    let Decision::Approve(approval) = read.says else { panic!("an approval") };
    assert_eq!(approval.uses.len(), 4);
}
