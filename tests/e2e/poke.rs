//! A real agent that would ask its repository in an hour asks at once when somebody who signs releases says so.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use assent_compiler::command::demo::agency::Agency;
use assent_compiler::command::demo::agents::{Agent, Post};
use assent_compiler::command::demo::source::{Lead, put};
use assent_compiler::command::demo::stage::clock;
use assent_compiler::publish::{branch, remote};
use assent_schema::canon::{self, Digest};
use assent_schema::status::Poke;
use assent_schema::time::Period;
use assent_schema::trust::{Namespace, Signer, sign};
use assent_tests::servers::Daemon;
use assent_tests::{command, succeed};

/// The answer to a body that is posted to an agent.
fn post(agent: &Agent, body: &str) -> (u16, String) {
    let url = agent.url();
    let address = url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).expect("an agent that listens");
    let head = format!("POST /poke HTTP/1.0\r\nHost: {address}\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all(format!("{head}{body}").as_bytes()).expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (status, answer)
}

/// A poke as somebody signs it.
fn poke(agency: &Agency, by: &str, change: impl FnOnce(&mut Poke)) -> String {
    let project = Digest::of_file(&std::fs::read(agency.source.join("trust/root/1.toml")).expect("a root"));
    let id = |text: &str| text.parse().expect("an id");
    let mut poke = Poke::new(project, "staging".parse().expect("an id"), id("eu"), clock().expect("a clock"));
    change(&mut poke);
    let poke = String::from_utf8(canon::to_bytes(&poke).expect("JSON")).expect("text");
    let key = std::fs::read(agency.keys.private(&by.parse().expect("an id"))).expect("a key");
    let armour = sign(&Signer::from_openssh(&key).expect("a key"), Namespace::Poke, poke.as_bytes());
    serde_json::json!({"poke": poke, "signatures": {by: armour}}).to_string()
}

#[test]
fn a_signed_poke_makes_an_agent_look_and_nothing_else_does() {
    let folder = tempfile::tempdir().expect("a folder");
    let served = folder.path().join("served");
    git2::Repository::init_bare(served.join("agency.git")).expect("a repository");
    let Some(server) = Daemon::start(&served) else { return };
    let agency = Agency::found(folder.path(), Lead::AsWritten, clock().expect("a clock")).expect("an agency");
    let root = Digest::of_file(&std::fs::read(agency.source.join("trust/root/1.toml")).expect("a root"));
    let url = server.url();
    let source = branch::open(&agency.source).expect("the source");
    remote::push(&source, &url, &["main".to_owned()]).expect("a pushed source");
    let post_of = Post { environment: "staging", region: "eu", repository: &url };
    let mut agent =
        Agent::enrol(&assent_tests::assent(), folder.path(), "eu-staging-1", &post_of, root).expect("an agent");
    let config = std::fs::read_to_string(agent.config()).expect("a configuration");
    // Above the first table, if there is one.
    put(&agent.config(), format!("poll = \"1h\"\n{config}").as_bytes()).expect("a configuration");
    agency.establish(&[agent.enrolled()], &["eu-staging-1".parse().expect("an id")]).expect("signed trust");
    agency.approve_all().expect("approvals");

    let (key, timer) = (agency.private("alice").expect("a key"), agency.private("timer").expect("a key"));
    let release = |more: &[&str]| {
        let mut release = command(assent_tests::assent(), folder.path());
        release.args(["release", "--environment", "staging", "--region", "eu", "--remote", &url, "--repo"]);
        release.arg(&agency.source).args(["--key", &key, "--freshness-key", &timer]).args(more);
        succeed(&mut release)
    };
    release(&[]);
    agent.start().expect("an agent that starts");
    let has = |wanted: u64| {
        move |status: &assent_schema::status::Status| {
            status.release.as_ref().is_some_and(|release| release.sequence == wanted)
        }
    };
    agent.wait_status(has(1)).expect("the first release");

    // It would look in about an hour; it looks now.
    let said = release(&["--poke", &agent.url()]);
    assert!(said.contains("looks for the release now"), "{said}");
    agent.wait_status(has(2)).expect("the second release");

    // Who is away is told of, and the release stands.
    let said = release(&["--poke", "http://127.0.0.1:1"]);
    assert!(said.contains("release 3") && said.contains("was not poked"), "{said}");

    let mine = poke(&agency, "alice", |_| ());
    assert_eq!(post(&agent, &mine).0, 202);
    agent.wait_status(has(3)).expect("the third release");
    let (status, said) = post(&agent, &mine);
    assert!(status == 401 && said.contains("bad_challenge"), "a poke counts once: {said}");
    assert_eq!(post(&agent, &poke(&agency, "chen", |_| ())).0, 401, "who does not sign releases");
    assert_eq!(post(&agent, &poke(&agency, "dana", |_| ())).0, 401, "an approver");
    assert_eq!(post(&agent, &mine.replace("\\\"eu\\\"", "\\\"us\\\"")).0, 409, "for another region");
    assert_eq!(post(&agent, &poke(&agency, "alice", |poke| poke.time = poke.time.minus(Period::hours(1)))).0, 409);
    assert_eq!(post(&agent, &poke(&agency, "alice", |poke| poke.time = poke.time.plus(Period::hours(1)))).0, 409);
    assert_eq!(post(&agent, "{}").0, 400);
    let ahead = |seconds: u64| poke(&agency, "alice", |poke| poke.time = poke.time.plus(Period::seconds(seconds)));
    let answers: Vec<u16> = (1..30).map(|seconds| post(&agent, &ahead(seconds)).0).collect();
    assert!(answers.contains(&429), "too many at once: {answers:?}");
}
