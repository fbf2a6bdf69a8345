//! What we send is what the API publishes: each operation of the example on an API with a published OpenAPI description is
//! built as agents build it, and sent to a server that Prism makes of the description and that refuses what does not fit;
//! then sent through a proxy that spoils every third exchange, until each was answered often enough.
//!
//! `published/` holds the needed parts of two descriptions, without texts and without `format: uri`, which an example of
//! its own breaks. The shop is invented and Slack publishes none, so they have none here.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use assent_agent::real::{Egress, RealNet, tls};
use assent_agent::request::{self, Call};
use assent_agent::world::{HttpResponse, Net as _, NetFailure};
use assent_schema::canon;
use assent_schema::client::ClientFacts;
use assent_schema::expr::{Currency, Money, Value};
use assent_schema::id::OperationRef;
use assent_schema::plan::{Operation, Plan};
use assent_schema::shape::Shape;
use assent_tests::faulty::{Fault, Faulty};
use assent_tests::servers::free_address;
use assent_tests::signed::Signed;
use assent_tests::{Running, command, tool};

/// Connections of the example and the description that each is held to.
const DESCRIBED: [(&str, &str); 2] = [("payments", "adyen"), ("helpdesk", "intercom")];
/// What a workspace adds to its tickets by itself stands in no published example.
const OWN_FIELDS: [(&str, &str); 1] = [("get_ticket", "body")];

/// What the proxy does, how often each operation is sent through it, and a part of a target that none has: it never leaves
/// one without an answer.
const SEED: u64 = 1;
const TIMES: usize = 24;
const SILENT: &str = " ";

/// A server that answers as a description says, and refuses what it does not allow.
struct Described {
    address: SocketAddr,
    _running: Running,
}

impl Described {
    fn start(prism: &Path, folder: &Path, description: &Path) -> Self {
        let address = free_address();
        let mut prism = command(prism, folder);
        prism.args(["mock", "--errors", "--host", "127.0.0.1", "--port", &address.port().to_string()]).arg(description);
        Self { address, _running: Running::start(&mut prism, |line| line.contains("Prism is listening")) }
    }
}

/// An operation with what an agent needs to call it.
struct Known {
    facts: ClientFacts,
    name: OperationRef,
    description: &'static str,
    operation: Operation,
}

/// Every operation that the example's workflows call on a described API, once each.
fn operations() -> Vec<Known> {
    let checked = Signed::example("2026-06-01T09:00:00Z".parse().expect("an instant")).check();
    let mut seen = BTreeSet::new();
    let mut all = Vec::new();
    for ((client, _), form) in checked.forms() {
        let plan: Plan = canon::from_bytes(&form.bytes).expect("a plan");
        let facts = ClientFacts::clone(&checked.survey.resolved.clients.get(&client).expect("a client").facts);
        for (name, operation) in &plan.operations {
            let described = DESCRIBED.iter().find(|(connection, _)| name.connection.as_str() == *connection);
            let Some((_, description)) = described else { continue };
            if seen.insert(name.operation.clone()) {
                let (facts, name, operation) = (facts.clone(), name.clone(), Operation::clone(operation));
                all.push(Known { facts, name, description, operation });
            }
        }
    }
    all
}

/// A value that the catalog allows. Ids of these APIs are numbers as text.
fn sample(shape: &Shape) -> Value {
    match shape {
        Shape::Token {} => Value::text("12"),
        Shape::Text { .. } => Value::text("Dear you"),
        Shape::Integer {} => Value::Integer(6_001),
        Shape::Boolean {} => Value::Boolean(true),
        Shape::OneOf { values, .. } => Value::text(values.first().expect("a value").as_str()),
        Shape::Money { .. } => {
            let amount = Currency::new("EUR").and_then(|euro| Money::new(1_900, euro));
            Value::Money(amount.expect("an amount"))
        }
        Shape::Uuid {} | Shape::Decimal {} | Shape::Instant { .. } | Shape::List { .. } | Shape::Record { .. } => {
            panic!("no operation here takes this: write what a sample of it is")
        }
    }
}

/// Sends one operation with sample arguments to where its description is served, and gets an answer.
fn call(known: &Known, operation: &Operation, address: SocketAddr) -> HttpResponse {
    exchange(known, operation, address).unwrap_or_else(|failure| panic!("{}: {failure}", known.name))
}

/// The same, whatever comes back.
fn exchange(known: &Known, operation: &Operation, address: SocketAddr) -> Result<HttpResponse, NetFailure> {
    let mut connection = known.facts.connections.get(&known.name.connection).expect("a connection").clone();
    connection.private_addresses = true;
    let arguments = operation.params.iter().map(|(name, param)| (name.clone(), sample(&param.shape))).collect();
    let call = Call {
        client: &known.facts.client,
        reference: &known.name,
        operation,
        endpoint: &format!("http://{address}"),
        connection: &connection,
        arguments: &arguments,
        secret: Some(b"a-secret"),
        idempotency: operation.idempotency.as_ref().map(|_| "0f8fad5b-d9cb-469f-a165-70867728950e"),
        cursor: None,
    };
    let Ok(built) = request::build(&call) else { panic!("{} cannot be built", known.name) };
    let net = RealNet::new(tls::connector(&[]).expect("the list of roots"));
    let mut egress = Egress::default();
    egress.allow(&known.facts.client, &known.name.connection, "127.0.0.1", address.port());
    net.permit(egress);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(net.exchange(built.request))
}

/// The servers, by description.
fn served(prism: &Path, folder: &Path) -> BTreeMap<&'static str, Described> {
    let published = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("apis/published");
    let start = |name: &str| Described::start(prism, folder, &published.join(format!("{name}.json")));
    DESCRIBED.into_iter().map(|(_, name)| (name, start(name))).collect()
}

/// Why an answer is not read; nothing where it is, or lacks what a workspace adds by itself.
fn code(known: &Known, answer: &HttpResponse) -> Option<String> {
    let failed = request::read(&known.operation, answer, |_| false).err()?;
    let field = failed.field.as_ref().map(ToString::to_string).unwrap_or_default();
    (!OWN_FIELDS.contains(&(known.name.operation.as_str(), field.as_str()))).then_some(failed.code)
}

#[test]
fn what_is_sent_is_what_the_api_publishes() {
    let Some(prism) = tool("prism", "@stoplight/prism-cli") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let served = served(&prism, folder.path());
    let operations = operations();
    assert!(operations.len() >= 11, "only {} operations", operations.len());
    let mut unread = Vec::new();
    for known in &operations {
        let address = served.get(known.description).expect("a server").address;
        let answer = call(known, &known.operation, address);
        let said = String::from_utf8_lossy(answer.body.reveal()).into_owned();
        assert!((200..300).contains(&answer.status), "{}: {} {said}", known.name, answer.status);
        if let Err(failed) = request::read(&known.operation, &answer, |_| false) {
            let field = failed.field.map(|field| field.to_string()).unwrap_or_default();
            unread.push((known.name.operation.to_string(), field));
        }
        what_does_not_fit_is_refused(known, address);
    }
    let own: Vec<_> =
        OWN_FIELDS.iter().map(|(operation, field)| ((*operation).to_owned(), (*field).to_owned())).collect();
    assert_eq!(unread, own, "answers as published are read, but for what a workspace adds");
}

#[test]
fn what_passes_a_faulty_way_is_what_the_api_publishes_and_what_comes_back_spoiled_has_a_code() {
    let Some(prism) = tool("prism", "@stoplight/prism-cli") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let served = served(&prism, folder.path());
    let ways: BTreeMap<&str, Faulty> =
        served.iter().map(|(name, described)| (*name, Faulty::before(described.address, SEED, SILENT))).collect();
    for way in ways.values() {
        way.spoil(true);
    }
    let mut codes: BTreeMap<String, usize> = BTreeMap::new();
    for known in operations() {
        let way = ways.get(known.description).expect("a way").address();
        let mut read = 0;
        for _ in 0..TIMES {
            let code = match exchange(&known, &known.operation, way) {
                Ok(answer) => {
                    // What the proxy itself says no with. Any other refusal is that of the server, to what it was sent.
                    let spoiled = [429, 500, 503].contains(&answer.status);
                    let said = || String::from_utf8_lossy(answer.body.reveal()).into_owned();
                    let is_well = spoiled || (200..300).contains(&answer.status);
                    assert!(is_well, "{}: {} {}", known.name, answer.status, said());
                    let code = code(&known, &answer);
                    assert!(!spoiled || code.is_some(), "{}: {} is no answer", known.name, answer.status);
                    code
                }
                Err(failure) => Some(failure.to_string()),
            };
            read += usize::from(code.is_none());
            if let Some(code) = code {
                *codes.entry(code).or_default() += 1;
            }
        }
        assert!(read > TIMES / 3, "{} was answered {read} times of {TIMES}", known.name);
    }
    let mut faults: BTreeMap<_, u64> = BTreeMap::new();
    ways.values().flat_map(Faulty::counts).for_each(|(fault, count)| *faults.entry(fault).or_default() += count);
    println!("{codes:?}\n{faults:?}");
    let kinds = faults.keys().filter(|fault| fault.is_some()).count();
    assert!(kinds == Fault::QUICK.len() && codes.len() > 4, "{codes:?}, {faults:?}");
}

/// The server judges: the same request with another method, and without its body, is refused.
fn what_does_not_fit_is_refused(known: &Known, address: SocketAddr) {
    let mut bent = known.operation.clone();
    bent.path = format!("{}/more", bent.path);
    assert_eq!(call(known, &bent, address).status, 404, "{}: another path", known.name);
    // Where a member of the body is required, it is missed under another name.
    if known.description == "adyen" {
        let mut bent = known.operation.clone();
        let of = |param: &&mut assent_schema::plan::Param| param.at == "merchantAccount";
        let account = bent.params.values_mut().find(of).expect("an account");
        "merchant".clone_into(&mut account.at);
        assert_eq!(call(known, &bent, address).status, 422, "{}: another member", known.name);
    }
}
