//! A whole fleet as processes: one source, three regions with a git server each, a staging and a production agent in each.

use std::path::{Path, PathBuf};

use assent_agent::control::{Question, Said, client};
use assent_compiler::command::Outcome;
use assent_compiler::command::demo::agency::Agency;
use assent_compiler::command::demo::agents::{Agent, Post};
use assent_compiler::command::demo::outside::Outside;
use assent_compiler::command::demo::source::{Lead, put};
use assent_compiler::command::demo::stage::clock;
use assent_compiler::error::Error;
use assent_compiler::publish::branch::{self, Files};
use assent_compiler::publish::remote;
use assent_schema::canon::Digest;
use assent_schema::id::AgentId;
use assent_schema::status::Status;
use assent_schema::time::Period;
use assent_tests::servers::Daemon;

/// Where the agency works; each has one client.
const REGIONS: [&str; 3] = ["eu", "us", "apac"];

/// One region.
struct Region {
    name: &'static str,
    server: Daemon,
    staging: Agent,
    production: Agent,
}

impl Region {
    /// Starts a git server with the source on it, and enrols two agents there.
    fn open(name: &'static str, folder: &Path, agency: &Agency, root: Digest) -> Option<Self> {
        let served = folder.join("served").join(name);
        git2::Repository::init_bare(served.join("agency.git")).expect("a repository");
        let server = Daemon::start(&served)?;
        let source = branch::open(&agency.source).expect("the source");
        remote::push(&source, &server.url(), &["main".to_owned()]).expect("a pushed source");
        let enrol = |environment: &str| {
            let (id, url) = (format!("{name}-{environment}-1"), server.url());
            let post = Post { environment, region: name, repository: &url };
            Agent::enrol(&assent_tests::assent(), &folder.join("agents"), &id, &post, root).expect("an agent")
        };
        let (staging, production) = (enrol("staging"), enrol("production"));
        Some(Self { name, server, staging, production })
    }

    /// The files that stand on a branch of its server.
    fn files(&self, name: &str) -> Option<Files> {
        let repository = branch::open(&self.server.root.join("agency.git")).expect("a repository");
        let tip = branch::tip(&repository, name).expect("a repository that can be read")?;
        Some(branch::read(&repository, tip).expect("a branch that can be read"))
    }

    /// Waits until the staging agent has signed a rehearsal of each plan that was released to it.
    fn rehearsed(&mut self) {
        let released = self.files(&format!("release/staging/{}", self.name)).expect("a release");
        let plan = |path: &String| Some(path.strip_prefix("plans/")?.strip_suffix(".json")?.to_owned());
        let plans: Vec<String> = released.keys().filter_map(plan).collect();
        let branch = format!("status/staging/{0}/{0}-staging-1", self.name);
        let root = self.server.root.join("agency.git");
        let all = || {
            let repository = branch::open(&root)?;
            let Some(tip) = branch::tip(&repository, &branch)? else { return Ok(None) };
            let files = branch::read(&repository, tip)?;
            let is_rehearsed = |plan: &String| {
                files.iter().any(|(path, bytes)| {
                    path.starts_with("rehearsals/") && String::from_utf8_lossy(bytes).contains(plan.as_str())
                })
            };
            Ok(plans.iter().all(is_rehearsed).then_some(()))
        };
        self.staging.wait_for(all).expect("rehearsals");
    }

    fn agents(&mut self) -> [&mut Agent; 2] {
        [&mut self.staging, &mut self.production]
    }
}

/// All of it.
struct Fleet {
    agency: Agency,
    regions: Vec<Region>,
    _outside: Outside,
}

impl Fleet {
    fn found(folder: &Path) -> Option<Self> {
        let outside = Outside::start().expect("the clients' systems");
        let host = outside.address().to_string();
        let now = clock().expect("a clock");
        let agency = Agency::found(folder, Lead::Loopback(&host), now).expect("an agency");
        let root = Digest::of_file(&std::fs::read(agency.source.join("trust/root/1.toml")).expect("a root"));
        let mut regions = Vec::new();
        for name in REGIONS {
            regions.push(Region::open(name, folder, &agency, root)?);
        }
        let agents: Vec<PathBuf> =
            regions.iter().flat_map(|region| [region.staging.enrolled(), region.production.enrolled()]).collect();
        let rehearsers: Vec<AgentId> =
            REGIONS.iter().map(|name| format!("{name}-staging-1").parse().expect("an id")).collect();
        agency.establish(&agents, &rehearsers).expect("signed trust");
        agency.approve_all().expect("approvals");
        Some(Self { agency, regions, _outside: outside })
    }

    fn region(&mut self, name: &str) -> &mut Region {
        self.regions.iter_mut().find(|region| region.name == name).expect("a region")
    }

    /// Releases the newest commit to a region, by the command that people type.
    fn try_release(&self, name: &str, environment: &str) -> Result<(Outcome, String), Error> {
        let region = self.regions.iter().find(|region| region.name == name).expect("a region");
        let (key, freshness) = (self.agency.private("alice")?, self.agency.private("timer")?);
        let at = clock()?.to_string();
        let url = region.server.url();
        let line = ["release", "--environment", environment, "--region", name, "--remote", &url, "--at", &at];
        let keys = ["--key", &key, "--freshness-key", &freshness];
        self.agency.try_assent(&line.iter().chain(&keys).map(|word| (*word).to_owned()).collect::<Vec<_>>())
    }

    fn release(&self, name: &str, environment: &str) {
        let (outcome, said) = self.try_release(name, environment).expect("a command that runs");
        assert_eq!(outcome, Outcome::Fine, "{name} {environment}: {said}");
    }

    /// Releases to staging, waits for the rehearsals, releases to production; both agents then run it.
    fn roll_out(&mut self, name: &str, sequence: u64) {
        self.release(name, "staging");
        for agent in self.region(name).agents().into_iter().take(1) {
            runs(agent, sequence);
        }
        self.region(name).rehearsed();
        self.release(name, "production");
        for agent in self.region(name).agents() {
            runs(agent, sequence);
        }
    }

    /// Waits until the branch of a region's production agent says what it is asked for; it is never green meanwhile.
    fn stands(&mut self, name: &str, wanted: &str) {
        let Self { agency, regions, .. } = self;
        let region = regions.iter_mut().find(|region| region.name == name).expect("a region");
        let url = region.server.url();
        let stands = || {
            let (outcome, verdicts, why) = verdict(agency, name, Some(&url));
            assert_eq!(outcome, Outcome::Findings, "{name} is green, but nothing is committed yet; {why}");
            Ok((verdicts == [wanted, wanted]).then_some(()))
        };
        region.production.wait_for(stands).unwrap_or_else(|e| panic!("{e}: {:?}", verdict(agency, name, Some(&url))));
    }

    fn commit_root(&self, version: u32) {
        let expires = self.agency.now.plus(Period::days(365 + u64::from(version))).to_string();
        let line = ["trust", "root", "--expires", &expires].map(str::to_owned);
        self.agency.assent(&line).expect("a next root");
        self.agency.sign(&format!("trust/root/{version}.toml"), &["alice", "bruno"]).expect("a signed root");
        self.agency.commit_as("alice", "Renew the root", &["trust"]).expect("a commit");
    }
}

/// What `assent status` says of the newest commit in a region's production, and of the one agent there.
fn verdict(agency: &Agency, name: &str, remote: Option<&str>) -> (Outcome, [String; 2], String) {
    let at = clock().expect("a clock").to_string();
    let line = ["status", "--environment", "production", "--region", name, "--at", &at, "--format", "json"];
    let from = remote.map_or_else(|| vec!["--local"], |url| vec!["--remote", url]);
    let line: Vec<String> = line.iter().chain(&from).map(|word| (*word).to_owned()).collect();
    let (outcome, said) = agency.try_assent(&line).expect("a command that runs");
    let said: serde_json::Value = serde_json::from_str(&said).expect("JSON");
    let text = |at: &str| said.pointer(at).and_then(|text| text.as_str()).unwrap_or_default().to_owned();
    let verdicts = ["/regions/0/verdict", "/regions/0/agents/0/verdict"].map(text);
    (outcome, verdicts, text("/regions/0/agents/0/why"))
}

/// What `assent promises` finds in a region's production against deployments that are versioned and tested.
fn against(agency: &Agency, place: &str) -> Vec<String> {
    let at = clock().expect("a clock").to_string();
    let line = ["promises", "--local", "--at", &at, "--format", "json"].map(str::to_owned);
    let (_, said) = agency.try_assent(&line).expect("a command that runs");
    let said: serde_json::Value = serde_json::from_str(&said).expect("JSON");
    let rows = said
        .get("promises")
        .and_then(serde_json::Value::as_array)
        .expect("rows")
        .iter()
        .filter(|row| row["id"] == "P15" || row["id"] == "P16");
    let texts = rows.flat_map(|row| row["against"].as_array().expect("a list")).filter_map(|text| text.as_str());
    texts.filter(|text| text.starts_with(place)).map(str::to_owned).collect()
}

/// Has an agent look at once, as a poke or its next poll would.
fn poke(agent: &Agent) {
    let socket = agent.state().join("control.sock");
    client::ask(&socket, &Said::Question(Question::Pull)).expect("an agent that answers");
}

fn sequence(status: &Status) -> Option<u64> {
    status.release.as_ref().map(|release| release.sequence)
}

/// Every workflow runs the plan that the release names.
fn works(status: &Status) -> bool {
    let mut all = status.workflows.values().flat_map(|workflows| workflows.values()).peekable();
    all.peek().is_some() && all.all(|workflow| workflow.plan.is_some() && workflow.plan == workflow.named)
}

/// Waits until an agent runs all of a release.
fn runs(agent: &mut Agent, wanted: u64) -> Status {
    poke(agent);
    let found = agent.wait_status(|status| sequence(status) == Some(wanted) && works(status) && status.pull.is_none());
    found.unwrap_or_else(|e| panic!("release {wanted}: {e}\n{:?}", agent.status())).0
}

/// The versions of root that this log says were taken up, in its order.
fn roots(agent: &Agent, key: &str, log: &[&str]) -> Vec<u64> {
    let show = ["ledger", "show", "--format", "json", "--key", key];
    let shown = agent.call(&[&show[..], log].concat()).expect("entries");
    let shown: serde_json::Value = serde_json::from_str(&shown).expect("an answer");
    let entries = shown.get("entries").and_then(serde_json::Value::as_array).expect("entries").iter();
    let of = entries.filter(|entry| entry.get("kind").is_some_and(|kind| kind == "root"));
    of.filter_map(|entry| entry.pointer("/data/version")?.as_u64()).collect()
}

/// The clients whose workflows an agent has.
fn clients(status: &Status) -> Vec<String> {
    status.workflows.keys().map(ToString::to_string).collect()
}

/// One commit flows through all: rehearsed on staging, then production, region by region.
fn one_commit_flows_through_all(fleet: &mut Fleet) {
    for name in REGIONS {
        for agent in fleet.region(name).agents() {
            agent.start().expect("an agent that starts");
        }
        let early = fleet.try_release(name, "production");
        assert!(!matches!(early, Ok((Outcome::Fine, _))), "{name}: nothing is released that nobody rehearsed");
        fleet.roll_out(name, 1);
    }
    for (name, client) in [("eu", "acme"), ("us", "borealis"), ("apac", "cedar")] {
        let status = fleet.region(name).production.status().expect("a status");
        assert_eq!(clients(&status), [client], "each region has its own client's workflows and no other's");
    }
}

/// The server of one region goes away. The others move on; this one works on with what it has, and catches up.
fn a_region_is_cut_off_and_comes_back(fleet: &mut Fleet) {
    fleet.region("apac").server.stop();
    let prompt = fleet.agency.source.join("clients/acme/prompts/intent.md");
    let mut text = std::fs::read(&prompt).expect("a prompt");
    text.extend_from_slice(b"\nBe brief.\n");
    put(&prompt, &text).expect("a file");
    fleet.agency.commit("Reword the prompt of the refund workflow").expect("a commit");
    let before = fleet.region("eu").production.status().expect("a status");
    for name in ["eu", "us"] {
        fleet.roll_out(name, 2);
    }
    let after = fleet.region("eu").production.status().expect("a status");
    assert_ne!(before.workflows, after.workflows, "the new prompt is a new plan");
    assert!(fleet.try_release("apac", "staging").is_err(), "nobody answers");
    for agent in fleet.region("apac").agents() {
        poke(agent);
        let away = |status: &Status| status.pull.as_ref().is_some_and(|pull| pull.code == "unreachable");
        let (status, _) = agent.wait_status(away).expect("an agent that says it is cut off");
        assert_eq!(sequence(&status), Some(1));
        assert!(works(&status), "it works on");
    }

    // It comes back, and the region catches up.
    fleet.region("apac").server.again();
    fleet.roll_out("apac", 2);
}

/// One agent sleeps through three roots and walks them when it wakes.
fn an_agent_sleeps_through_three_roots(fleet: &mut Fleet) {
    fleet.region("us").production.stop().expect("an agent that stops");
    for version in 3..=5 {
        fleet.commit_root(version);
        for environment in ["staging", "production"] {
            fleet.release("us", environment);
        }
    }
    let url = fleet.region("us").server.url();
    let (outcome, verdicts, _) = verdict(&fleet.agency, "us", Some(&url));
    assert_eq!((outcome, verdicts), (Outcome::Findings, ["behind", "behind"].map(str::to_owned)), "it sleeps");
    let sleeper = &mut fleet.region("us").production;
    sleeper.start().expect("an agent that wakes");
    let status = runs(sleeper, 5);
    assert_eq!(status.release.map(|release| release.root), Some(5));
    runs(&mut fleet.region("us").staging, 5);
    for name in ["eu", "apac"] {
        fleet.roll_out(name, 3);
        let status = fleet.region(name).production.status().expect("a status");
        assert_eq!(status.release.map(|release| release.root), Some(5));
    }
}

/// One verdict per region, from what the agents signed: in trial, for nobody's plan saw twenty runs yet.
fn what_was_deployed_is_told_by_releases_that_are_there(fleet: &mut Fleet) {
    fleet.stands("eu", "trial");
    // A release that agents refuse, or that is gone, is no evidence of deployments that are versioned.
    let source = branch::open(&fleet.agency.source).expect("the source");
    let (place, release) = ("production/eu: ", "release/production/eu");
    assert_eq!(against(&fleet.agency, place), Vec::<String>::new());
    let tip = branch::tip(&source, release).expect("a repository").expect("a release");
    let files = branch::read(&source, tip).expect("a release");
    let plan = files.keys().find(|path| path.starts_with("plans/")).expect("a plan").clone();
    let edited = Files::from([(plan, b"{}".to_vec())]);
    for (change, code) in [
        (files.clone().into_iter().chain(edited).collect::<Files>(), "file-changed"),
        (files.into_iter().filter(|(path, _)| !path.starts_with("rehearsals/")).collect(), "file-missing"),
    ] {
        branch::write(&source, release, &change, "Forged", clock().expect("a clock")).expect("a branch");
        let found = against(&fleet.agency, place);
        assert!(found.iter().any(|text| text.contains(code)), "{code}: {found:?}");
        source.reference(&format!("refs/heads/{release}"), tip, true, "back").expect("a branch");
    }
    source.find_reference(&format!("refs/heads/{release}")).and_then(|mut found| found.delete()).expect("a branch");
    let found = against(&fleet.agency, place);
    assert!(!found.is_empty(), "a release that is gone speaks against nothing");
    source.reference(&format!("refs/heads/{release}"), tip, true, "back").expect("a branch");
}

/// What another agent signed is not this one's word, and no word is none.
fn nobody_speaks_for_another_agent(fleet: &Fleet) {
    let source = branch::open(&fleet.agency.source).expect("the source");
    let (own, other) = ("status/production/eu/eu-production-1", "status/staging/eu/eu-staging-1");
    let tip = branch::tip(&source, other).expect("a repository").expect("a fetched status");
    let mut forged = branch::read(&source, tip).expect("a status");
    let armour = forged.get("status.json.eu-staging-1.sig").expect("a signature").clone();
    forged.insert("status.json.eu-production-1.sig".to_owned(), armour);
    branch::write(&source, own, &forged, "Status", clock().expect("a clock")).expect("a branch");
    let unknown = (Outcome::Findings, ["unknown", "unknown"].map(str::to_owned));
    let (outcome, verdicts, why) = verdict(&fleet.agency, "eu", None);
    assert_eq!((outcome, verdicts), unknown, "{why}");
    assert!(why.contains("by another machine"), "{why}");
    source.find_reference(&format!("refs/heads/{own}")).and_then(|mut found| found.delete()).expect("a branch");
    let (outcome, verdicts, why) = verdict(&fleet.agency, "eu", None);
    assert_eq!((outcome, verdicts), unknown, "{why}");
}

/// What each agent says of itself stands on its region's server, and its ledger is whole.
fn each_agent_tells_of_itself(fleet: &mut Fleet) {
    let key = fleet.agency.private("bruno").expect("a key");
    for region in &mut fleet.regions {
        for (environment, agent) in [("staging", &region.staging), ("production", &region.production)] {
            agent.call(&["ledger", "verify"]).expect("a ledger that verifies");
            // Whoever moves root is seen doing it: by every agent, in its own log and in that of every client.
            let all = clients(&agent.status().expect("a status"));
            let client = all.first().and_then(|name| name.split('/').next()).expect("a client").to_owned();
            for log in [&["--own"][..], &["--client", &client]] {
                let seen = roots(agent, &key, log);
                assert!(seen.ends_with(&[3, 4, 5]), "{}-{environment}, {log:?}: {seen:?}", region.name);
            }
            let name = format!("status/{environment}/{0}/{0}-{environment}-1", region.name);
            let files = region.files(&name).expect("a status branch");
            let status: Status = serde_json::from_slice(files.get("status.json").expect("a status")).expect("a status");
            assert_eq!((status.region.as_str(), status.environment.as_str()), (region.name, environment));
        }
    }
}

#[test]
fn a_fleet_of_three_regions_lives_through_a_cut_and_a_sleep() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(mut fleet) = Fleet::found(folder.path()) else { return };
    one_commit_flows_through_all(&mut fleet);
    a_region_is_cut_off_and_comes_back(&mut fleet);
    an_agent_sleeps_through_three_roots(&mut fleet);
    what_was_deployed_is_told_by_releases_that_are_there(&mut fleet);
    nobody_speaks_for_another_agent(&fleet);
    each_agent_tells_of_itself(&mut fleet);
}
